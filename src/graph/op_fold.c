/*
 * op_fold.c - Min, Max, Sum, Mean of any number of tensors; Pow, Mod and PRelu of two: with NumPy's
 * broadcasting.
 */
#include "graph/op_fast.h"
#include "graph/op_walk.h"

#include <math.h>
#include <string.h>

static double *zeroed_sum(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *sum = NULL;

    if (t) {
        sum = rd_op_take(c, rd_op_wide_size(t));
        memset(sum, 0, rd_tensor_count(t) * sizeof(*sum));
    }
    return sum;
}

static bool is_int(enum rd_dtype t)
{
    return (RD_T(t) & RD_T_INT) != 0;
}

/* --- Min, Max, Sum, Mean: the result is folded one input at a time, at its full shape --- */

enum fold { MIN, MAX, SUM, MEAN };

static rd_status fold_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];

    rd_op_same_shape(out, c->in[0]);
    for (int i = 1; i < c->node->n_inputs; i++) {
        const struct rd_tensor so_far = *out;
        rd_status st;

        if (!c->in[i])
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is left out", i);
        if (c->in[i]->dtype && out->dtype && c->in[i]->dtype != out->dtype)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, input 0 is %s: they must be equal",
                i, rd_dtype_name(c->in[i]->dtype), rd_dtype_name(out->dtype));
        if (c->node->opset < 8) { /* all of one shape */
            bool equal = c->in[i]->ndim == so_far.ndim;

            for (int d = 0; equal && d < so_far.ndim; d++)
                equal = c->in[i]->dim[d] == so_far.dim[d] || c->in[i]->dim[d] == -1 ||
                        so_far.dim[d] == -1;
            if (!equal)
                return RD_FAIL(c->err, RD_E_INPUT,
                    "inputs of %s must have one shape before opset 8", c->node->op);
        }
        st = rd_op_broadcast(c, &so_far, c->in[i], out);
        if (st)
            return st;
    }
    return RD_OK;
}

static size_t fold_scratch(const struct rd_op_call *c)
{
    size_t all = 0, largest = 0;

    if (is_int(c->in[0]->dtype))
        return 0;
    for (int i = 0; i < c->node->n_inputs; i++) {
        const size_t size = rd_op_wide_size(c->in[i]);

        all += c->in[i]->dtype == RD_F64 ? 0 : size;
        largest = size > largest ? size : largest;
    }
    /* Forward: what is folded and all inputs. Backward: the cotangent and the winners besides, and
     * one input at a time with its sums. */
    return all +
           (c->din ? 3 * rd_op_wide_size(c->out[0]) + 2 * largest : rd_op_wide_size(c->out[0]));
}

/* NaN wins, as in NumPy. */
static double fold_one(enum fold how, double x, double y)
{
    switch (how) {
    case MIN:
        return isnan(x) || x < y ? x : y;
    case MAX:
        return isnan(x) || x > y ? x : y;
    case SUM:
    case MEAN:
        break;
    }
    return x + y;
}

#define FOLD_INT(T)                                                                                \
    do {                                                                                           \
        T *const out = c->out[0]->data;                                                            \
        for (int k = 0; k < c->node->n_inputs; k++) {                                              \
            const struct rd_walk w = rd_walk_make(c->out[0], &c->in[k], 1);                        \
            const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];                      \
            const T *const in = c->in[k]->data;                                                    \
            size_t at[RD_MAX_DIMS] = { 0 }, place = 0;                                             \
            T *to = out;                                                                           \
            do {                                                                                   \
                for (size_t i = 0; i < n; i++) {                                                   \
                    const T v = in[place + i * step];                                              \
                    if (!k || (how == MIN ? v < to[i] : v > to[i]))                                \
                        to[i] = v;                                                                 \
                }                                                                                  \
                to += n;                                                                           \
            } while (rd_walk_next(&w, at, &place));                                                \
        }                                                                                          \
    } while (0);                                                                                   \
    return RD_OK

/* Min and Max alone take integers. */
static rd_status fold_int(struct rd_op_call *c, enum fold how)
{
    switch (c->in[0]->dtype) {
    case RD_I8:
        FOLD_INT(int8_t);
    case RD_I16:
        FOLD_INT(int16_t);
    case RD_I32:
        FOLD_INT(int32_t);
    case RD_I64:
        FOLD_INT(int64_t);
    case RD_U8:
        FOLD_INT(uint8_t);
    case RD_U16:
        FOLD_INT(uint16_t);
    case RD_U32:
        FOLD_INT(uint32_t);
    default:
        FOLD_INT(uint64_t);
    }
}

/* The folded values in float64, in scratch. */
static double *fold_values(struct rd_op_call *c, enum fold how)
{
    const size_t count = rd_tensor_count(c->out[0]);
    double *const all = rd_op_take(c, rd_op_wide_size(c->out[0]));

    for (int k = 0; k < c->node->n_inputs; k++) {
        const struct rd_walk w = rd_walk_make(c->out[0], &c->in[k], 1);
        const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];
        const double *const in = rd_op_wide(c, c->in[k]);
        size_t at[RD_MAX_DIMS] = { 0 }, place = 0;
        double *to = all;

        do {
            for (size_t i = 0; i < n; i++) {
                const double v = in[place + i * step];

                to[i] = k ? fold_one(how, to[i], v) : v;
            }
            to += n;
        } while (rd_walk_next(&w, at, &place));
    }
    for (size_t i = 0; how == MEAN && i < count; i++)
        all[i] /= c->node->n_inputs;
    return all;
}

static rd_status fold(struct rd_op_call *c, enum fold how)
{
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (is_int(c->in[0]->dtype))
        return fold_int(c, how);
    rd_op_narrow(fold_values(c, how), c->out[0], false);
    return RD_OK;
}

/* Min and Max: those inputs that tie share the gradient evenly, as PyTorch's amax does. */
static rd_status fold_back(struct rd_op_call *c, enum fold how)
{
    const size_t count = rd_tensor_count(c->out[0]);
    const bool pick = how == MIN || how == MAX;
    const double *g = rd_op_wide(c, c->dout[0]), *best;
    double *winners;

    if (!count)
        return RD_OK;
    best = pick ? fold_values(c, how) : NULL;
    winners = rd_op_take(c, rd_op_wide_size(c->out[0]));
    for (size_t i = 0; i < count; i++)
        winners[i] = how == MEAN ? c->node->n_inputs : how == SUM ? 1 : 0;
    for (int pass = pick ? 0 : 1; pass < 2; pass++)
        for (int k = 0; k < c->node->n_inputs; k++) {
            const struct rd_walk w = rd_walk_make(c->out[0], &c->in[k], 1);
            const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];
            const size_t mark = c->scratch_used;
            const double *in = pick ? rd_op_wide(c, c->in[k]) : NULL;
            double *sum = pass ? zeroed_sum(c, c->din[k]) : NULL;
            size_t at[RD_MAX_DIMS] = { 0 }, place = 0, o = 0;

            if (!pass || sum)
                do {
                    for (size_t i = 0; i < n; i++, o++) {
                        const bool won = !pick || in[place + i * step] == best[o];

                        if (!pass)
                            winners[o] += won;
                        else if (won)
                            sum[place + i * step] += g[o] / winners[o];
                    }
                } while (rd_walk_next(&w, at, &place));
            if (sum)
                rd_op_narrow(sum, c->din[k], true);
            c->scratch_used = mark;
        }
    return RD_OK;
}

static double fold_flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->out[0]) * c->node->n_inputs;
}

static const struct rd_op_attr old_attrs[] = {
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

#define FOLD_ROW(id, name, how, TYPES)                                                             \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        return fold(c, how);                                                                       \
    }                                                                                              \
    static rd_status id##_backward(struct rd_op_call *c)                                           \
    {                                                                                              \
        return fold_back(c, how);                                                                  \
    }                                                                                              \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = -1,                                                                              \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { TYPES },                                                                      \
        .attrs = old_attrs,                                                                        \
        .infer = fold_infer,                                                                       \
        .forward = id##_forward,                                                                   \
        .backward = id##_backward,                                                                 \
        .grad_in = RD_GRAD_ALL,                                                                    \
        .reads = RD_READS_IN,                                                                      \
        .scratch = fold_scratch,                                                                   \
        .flops = fold_flops,                                                                       \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

FOLD_ROW(min, "Min", MIN, RD_T_NUMBER);
FOLD_ROW(max, "Max", MAX, RD_T_NUMBER);
FOLD_ROW(sum, "Sum", SUM, RD_T_FLOAT);
FOLD_ROW(mean, "Mean", MEAN, RD_T_FLOAT);

/* --- Pow: the exponent may be of another type --- */

static rd_status pow_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = c->in[0]->dtype;
    if (c->node->opset < 12 && c->in[0]->dtype && c->in[1]->dtype &&
        c->in[0]->dtype != c->in[1]->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "base and exponent must be of one type before opset 12");
    return rd_op_pair_shape(c, c->out[0]);
}

static size_t pair_scratch(const struct rd_op_call *c)
{
    return 2 * (rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]) + rd_op_wide_size(c->out[0]));
}

/* By squaring, wrapping; a negative exponent gives 0 but for bases 1 and -1, as truncation does. */
static int64_t int_power(int64_t base, int64_t exponent)
{
    uint64_t result = 1, b = (uint64_t)base;

    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    for (; exponent; exponent >>= 1, b *= b)
        if (exponent & 1)
            result *= b;
    return (int64_t)result;
}

static int64_t whole(const struct rd_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RD_I8:
        return ((const int8_t *)t->data)[i];
    case RD_I16:
        return ((const int16_t *)t->data)[i];
    case RD_I32:
        return ((const int32_t *)t->data)[i];
    case RD_U8:
        return ((const uint8_t *)t->data)[i];
    case RD_U16:
        return ((const uint16_t *)t->data)[i];
    case RD_U32:
        return ((const uint32_t *)t->data)[i];
    default:
        return ((const int64_t *)t->data)[i];
    }
}

/* x^2 of float32, as decomposed normalizations write it. */
static bool pow_squares(const struct rd_op_call *c)
{
    return rd_op_math(c, c->in[0]) && c->in[1]->dtype == RD_F32 && rd_tensor_count(c->in[1]) == 1 &&
           *(const float *)c->in[1]->data == 2 &&
           rd_tensor_count(c->out[0]) == rd_tensor_count(c->in[0]);
}

static rd_status pow_forward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_op_pair_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    const bool exact = is_int(c->in[0]->dtype) && is_int(c->in[1]->dtype);
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;
    const double *a, *b;
    double *to;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (pow_squares(c)) {
        c->kernels->math->pair(RD_PAIR_MUL, c->in[0]->data, 1, c->in[0]->data, 1, c->out[0]->data,
            rd_tensor_count(c->out[0]));
        return RD_OK;
    }
    a = exact ? NULL : rd_op_wide(c, c->in[0]);
    b = exact ? NULL : rd_op_wide(c, c->in[1]);
    to = exact ? NULL : rd_op_take(c, rd_op_wide_size(c->out[0]));
    do {
        for (size_t i = 0; i < n; i++, o++) {
            const size_t ia = place[0] + i * da, ib = place[1] + i * db;

            if (!exact) {
                to[o] = pow(a[ia], b[ib]);
                continue;
            }
            if (c->out[0]->dtype == RD_I64)
                ((int64_t *)c->out[0]->data)[o] =
                    int_power(whole(c->in[0], ia), whole(c->in[1], ib));
            else
                ((int32_t *)c->out[0]->data)[o] =
                    (int32_t)int_power(whole(c->in[0], ia), whole(c->in[1], ib));
        }
    } while (rd_walk_next(&w, at, place));
    if (!exact)
        rd_op_narrow(to, c->out[0], false);
    return RD_OK;
}

/*
 * d x^e / dx = e x^(e-1), 0 where e is 0; d x^e / de = x^e ln x, 0 where x is 0 and e >= 0 (as
 * PyTorch has both).
 */
static rd_status pow_backward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_op_pair_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    const double *a, *b, *g;
    double *sum_a, *sum_b;
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;

    if (c->din[0] && !c->din[1] && pow_squares(c)) {
        c->kernels->math->add_to(
            c->dout[0]->data, c->in[0]->data, 1, 2, c->din[0]->data, rd_tensor_count(c->in[0]));
        return RD_OK;
    }
    a = rd_op_wide(c, c->in[0]);
    b = rd_op_wide(c, c->in[1]);
    g = rd_op_wide(c, c->dout[0]);
    sum_a = zeroed_sum(c, c->din[0]);
    sum_b = zeroed_sum(c, c->din[1]);
    if (rd_tensor_count(c->out[0]))
        do {
            for (size_t i = 0; i < n; i++, o++) {
                const double x = a[place[0] + i * da], e = b[place[1] + i * db];

                if (sum_a && e != 0)
                    sum_a[place[0] + i * da] += g[o] * e * pow(x, e - 1);
                if (sum_b && !(x == 0 && e >= 0))
                    sum_b[place[1] + i * db] += g[o] * pow(x, e) * log(x);
            }
        } while (rd_walk_next(&w, at, place));
    if (sum_a)
        rd_op_narrow(sum_a, c->din[0], true);
    if (sum_b)
        rd_op_narrow(sum_b, c->din[1], true);
    return RD_OK;
}

static double pow_flops(const struct rd_op_call *c)
{
    return 8 * (double)rd_tensor_count(c->out[0]);
}

const struct rd_op rd_op_pow = {
    .op = "Pow",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT | RD_T(RD_I32) | RD_T(RD_I64), RD_T_NUMBER },
    .attrs = rd_op_pair_attrs,
    .infer = pow_infer,
    .forward = pow_forward,
    .backward = pow_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = pair_scratch,
    .flops = pow_flops,
    .per_example = rd_op_rows_elementwise,
};

/* --- PRelu: the slope broadcasts to the input; before opset 7 one slope, or one a channel --- */

static struct rd_tensor slope_of(const struct rd_op_call *c)
{
    struct rd_tensor slope = *c->in[1];

    if (c->node->opset < 7 && slope.ndim == 1 && c->in[0]->ndim > 1)
        for (; slope.ndim < c->in[0]->ndim - 1; slope.ndim++)
            slope.dim[slope.ndim] = 1;
    return slope;
}

static rd_status prelu_infer(struct rd_op_call *c)
{
    const struct rd_tensor slope = slope_of(c);
    struct rd_tensor *out = c->out[0];
    char a[120], b[120];
    rd_status st = rd_op_broadcast(c, c->in[0], &slope, out);
    bool same = out->ndim == c->in[0]->ndim;

    if (st)
        return st;
    for (int i = 0; i < out->ndim && same; i++)
        same = out->dim[i] == c->in[0]->dim[i] || out->dim[i] == -1 || c->in[0]->dim[i] == -1;
    if (!same)
        return RD_FAIL(c->err, RD_E_INPUT, "the slope of shape %s does not broadcast to %s",
            rd_shape_text(c->in[1]->dim, c->in[1]->ndim, a, sizeof(a)),
            rd_shape_text(c->in[0]->dim, c->in[0]->ndim, b, sizeof(b)));
    rd_op_same_shape(out, c->in[0]);
    return RD_OK;
}

static struct rd_walk prelu_walk(const struct rd_op_call *c)
{
    const struct rd_tensor slope = slope_of(c);
    const struct rd_tensor *const operand[2] = { c->in[0], &slope };

    return rd_walk_make(c->in[0], operand, 2);
}

#define PRELU(T, WRAP)                                                                             \
    do {                                                                                           \
        const T *const px = c->in[0]->data, *const ps = c->in[1]->data;                            \
        T *to = c->out[0]->data;                                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = px[place[0] + i * da], s = ps[place[1] + i * db];                      \
                to[i] = x < (T)0 ? (T)(WRAP) : x;                                                  \
            }                                                                                      \
            to += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0);                                                                                   \
    break

static rd_status prelu_forward(struct rd_op_call *c)
{
    const struct rd_walk w = prelu_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;
    const double *a, *b;
    double *wide;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    switch (c->in[0]->dtype) {
    case RD_F32:
        PRELU(float, s *x);
    case RD_F64:
        PRELU(double, s *x);
    case RD_I32:
        PRELU(int32_t, (uint32_t)s * (uint32_t)x);
    case RD_I64:
        PRELU(int64_t, (uint64_t)s * (uint64_t)x);
    case RD_U32:
    case RD_U64:
        memcpy(c->out[0]->data, c->in[0]->data, rd_tensor_bytes(c->in[0]));
        break;
    default:
        a = rd_op_wide(c, c->in[0]);
        b = rd_op_wide(c, c->in[1]);
        wide = rd_op_take(c, rd_op_wide_size(c->out[0]));
        do {
            for (size_t i = 0; i < n; i++, o++) {
                const double x = a[place[0] + i * da];

                wide[o] = x < 0 ? x * b[place[1] + i * db] : x;
            }
        } while (rd_walk_next(&w, at, place));
        rd_op_narrow(wide, c->out[0], false);
    }
    return RD_OK;
}

static rd_status prelu_backward(struct rd_op_call *c)
{
    const struct rd_walk w = prelu_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    const double *const a = rd_op_wide(c, c->in[0]), *const b = rd_op_wide(c, c->in[1]);
    const double *const g = rd_op_wide(c, c->dout[0]);
    double *const sum_a = zeroed_sum(c, c->din[0]), *const sum_b = zeroed_sum(c, c->din[1]);
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;

    if (rd_tensor_count(c->in[0]))
        do {
            for (size_t i = 0; i < n; i++, o++) {
                const double x = a[place[0] + i * da];

                if (sum_a)
                    sum_a[place[0] + i * da] += x > 0 ? g[o] : g[o] * b[place[1] + i * db];
                if (sum_b && x < 0)
                    sum_b[place[1] + i * db] += g[o] * x;
            }
        } while (rd_walk_next(&w, at, place));
    if (sum_a)
        rd_op_narrow(sum_a, c->din[0], true);
    if (sum_b)
        rd_op_narrow(sum_b, c->din[1], true);
    return RD_OK;
}

static bool prelu_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor slope = slope_of(c);

    return batched[0] && c->in[0]->ndim > 0 &&
           (batched[1] ? c->in[1]->ndim == c->in[0]->ndim
                       : slope.ndim < c->in[0]->ndim || slope.dim[0] == 1);
}

const struct rd_op rd_op_prelu = {
    .op = "PRelu",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT | RD_T(RD_I32) | RD_T(RD_I64) | RD_T(RD_U32) | RD_T(RD_U64) },
    .same = 2,
    .attrs = old_attrs,
    .infer = prelu_infer,
    .forward = prelu_forward,
    .backward = prelu_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = pair_scratch,
    .per_example = prelu_rows,
};

/* --- Mod: with the divisor's sign as Python has it, or (fmod = 1) the dividend's as C has it ---
 */

static rd_status mod_infer(struct rd_op_call *c)
{
    const int64_t fmod_wanted = rd_op_int(c->node, "fmod", 0);

    if (fmod_wanted != 0 && fmod_wanted != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'fmod' must be 0 or 1");
    c->out[0]->dtype = c->in[0]->dtype;
    return rd_op_pair_shape(c, c->out[0]);
}

static double mod(double x, double y, bool as_c)
{
    const double r = fmod(x, y);

    if (as_c || isnan(r))
        return r;
    return r == 0 ? copysign(0, y) : (r < 0) != (y < 0) ? r + y : r;
}

/* y is not 0; the least number over -1 would overflow, its remainder is 0. */
#define MOD(T)                                                                                     \
    do {                                                                                           \
        const T *const px = c->in[0]->data, *const py = c->in[1]->data;                            \
        T *to = c->out[0]->data;                                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = px[place[0] + i * da], y = py[place[1] + i * db];                      \
                T r;                                                                               \
                if (y == 0)                                                                        \
                    return RD_FAIL(c->err, RD_E_INPUT, "integer division by zero");                \
                r = (T)((T)-1 < (T)1 && y == (T)-1 ? 0 : x % y);                                   \
                to[i] = !as_c && r != 0 && (r < (T)1) != (y < (T)1) ? (T)(r + y) : r;              \
            }                                                                                      \
            to += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0);                                                                                   \
    break

static rd_status mod_forward(struct rd_op_call *c)
{
    const bool as_c = rd_op_int(c->node, "fmod", 0) == 1;
    const struct rd_walk w = rd_op_pair_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;
    const double *a, *b;
    double *wide;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    switch (c->in[0]->dtype) {
    case RD_I8:
        MOD(int8_t);
    case RD_I16:
        MOD(int16_t);
    case RD_I32:
        MOD(int32_t);
    case RD_I64:
        MOD(int64_t);
    case RD_U8:
        MOD(uint8_t);
    case RD_U16:
        MOD(uint16_t);
    case RD_U32:
        MOD(uint32_t);
    case RD_U64:
        MOD(uint64_t);
    default:
        a = rd_op_wide(c, c->in[0]);
        b = rd_op_wide(c, c->in[1]);
        wide = rd_op_take(c, rd_op_wide_size(c->out[0]));
        do {
            for (size_t i = 0; i < n; i++, o++)
                wide[o] = mod(a[place[0] + i * da], b[place[1] + i * db], as_c);
        } while (rd_walk_next(&w, at, place));
        rd_op_narrow(wide, c->out[0], false);
    }
    return RD_OK;
}

/* x - q y, with the whole number q standing still: 1 and -q, as frameworks have it. */
static rd_status mod_backward(struct rd_op_call *c)
{
    const bool as_c = rd_op_int(c->node, "fmod", 0) == 1;
    const struct rd_walk w = rd_op_pair_walk(c);
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    const double *const a = rd_op_wide(c, c->in[0]), *const b = rd_op_wide(c, c->in[1]);
    const double *const g = rd_op_wide(c, c->dout[0]);
    double *const sum_a = zeroed_sum(c, c->din[0]), *const sum_b = zeroed_sum(c, c->din[1]);
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;

    if (rd_tensor_count(c->out[0]))
        do {
            for (size_t i = 0; i < n; i++, o++) {
                const double x = a[place[0] + i * da], y = b[place[1] + i * db];

                if (sum_a)
                    sum_a[place[0] + i * da] += g[o];
                if (sum_b)
                    sum_b[place[1] + i * db] -= g[o] * round((x - mod(x, y, as_c)) / y);
            }
        } while (rd_walk_next(&w, at, place));
    if (sum_a)
        rd_op_narrow(sum_a, c->din[0], true);
    if (sum_b)
        rd_op_narrow(sum_b, c->din[1], true);
    return RD_OK;
}

static const struct rd_op_attr mod_attrs[] = {
    { "fmod", RD_ATTR_INT, 10, 0, false },
    { 0 },
};

const struct rd_op rd_op_mod = {
    .op = "Mod",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_NUMBER },
    .same = 2,
    .attrs = mod_attrs,
    .infer = mod_infer,
    .forward = mod_forward,
    .backward = mod_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = pair_scratch,
    .per_example = rd_op_rows_elementwise,
};
