/*
 * op_reduce.c - ReduceSum and its kin over chosen axes; ArgMax and ArgMin over one.
 *
 * The axes are an attribute, or input 1: from opset 13 on for ReduceSum, from 18 on for the others.
 * Real numbers are gathered in float64 and rounded once; integers in 64 bits that wrap. An empty
 * reduction has the neutral value (NumPy's: 0, 1, the smallest, the largest; NaN for a mean).
 */
#include "graph/op_fast.h"
#include "graph/op_walk.h"

#include <math.h>
#include <string.h>

enum how { SUM, MEAN, MAX, MIN, PROD, L1, L2, SUM_SQUARE, LOG_SUM, LOG_SUM_EXP };

static bool is_whole(enum rd_dtype t)
{
    return (RD_T(t) & (RD_T_INT | RD_T(RD_BOOL))) != 0;
}

/* Which axes go; *known false: only known at run time. */
static rd_status axes_of(const struct rd_op_call *c, bool *gone, bool *known)
{
    const int rank = c->in[0]->ndim;
    const struct rd_tensor *given = rd_op_in(c, 1);
    int64_t list[RD_MAX_DIMS];
    size_t n_old;
    const int64_t *old = rd_op_ints(c->node, "axes", &n_old);
    int n = (int)n_old;
    rd_status st;

    *known = true;
    if (given && (given->ndim > 1 || (given->data && rd_tensor_count(given) > (size_t)rank)))
        return RD_FAIL(c->err, RD_E_INPUT, "the axes do not fit %d dimensions", rank);
    if (n_old > (size_t)rank)
        return RD_FAIL(c->err, RD_E_INPUT, "%zu axes for %d dimensions", n_old, rank);
    if (given && !given->data) {
        *known = given->ndim == 1 && given->dim[0] == 0;
        n = 0;
    } else if (given) {
        st = rd_op_values(c, given, "the axes", list, &n);
        if (st)
            return st;
        old = list;
    }
    for (int i = 0; i < rank; i++)
        gone[i] = n == 0 && !rd_op_int(c->node, "noop_with_empty_axes", 0);
    for (int i = 0; i < n; i++) {
        int axis;

        st = rd_op_axis(c, old[i], rank, false, &axis);
        if (st)
            return st;
        if (gone[axis])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", axis);
        gone[axis] = true;
    }
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const bool keep = rd_op_int(c->node, "keepdims", 1) != 0;
    const int64_t first = strcmp(c->node->op, "ReduceSum") ? 18 : 13;
    struct rd_tensor *out = c->out[0];
    bool gone[RD_MAX_DIMS], known;
    rd_status st;

    if (c->node->n_inputs > 1 && c->node->opset < first)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the axes are an attribute before opset %lld", (long long)first);
    if (c->node->opset >= first && rd_op_attr(c->node, "axes"))
        return RD_FAIL(
            c->err, RD_E_INPUT, "the axes are input 1 from opset %lld on", (long long)first);
    st = axes_of(c, gone, &known);
    if (st)
        return st;
    out->dtype = c->in[0]->dtype;
    out->ndim = 0;
    if (!known) {
        out->ndim = keep ? c->in[0]->ndim
                    : c->in[1]->dim[0] >= 0 && c->in[1]->ndim == 1
                        ? c->in[0]->ndim - (int)c->in[1]->dim[0]
                        : -1;
        for (int i = 0; i < out->ndim; i++)
            out->dim[i] = -1;
        return RD_OK;
    }
    for (int i = 0; i < c->in[0]->ndim; i++)
        if (!gone[i] || keep)
            out->dim[out->ndim++] = gone[i] ? 1 : c->in[0]->dim[i];
    return RD_OK;
}

/* The walk over the input; place is that of the result it goes into. */
static struct rd_walk walk_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    bool gone[RD_MAX_DIMS] = { false }, known;
    struct rd_tensor kept = *x;
    const struct rd_tensor *const operand[1] = { &kept };

    (void)axes_of(c, gone, &known);
    for (int i = 0; i < x->ndim; i++)
        if (gone[i])
            kept.dim[i] = 1;
    return rd_walk_make(x, operand, 1);
}

static size_t results(const struct rd_op_call *c)
{
    return rd_tensor_count(c->out[0] ? c->out[0] : c->dout[0]);
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct rd_tensor *out = c->out[0] ? c->out[0] : c->dout[0];

    return (c->din ? 3 : 2) * rd_op_wide_size(c->in[0]) + 5 * rd_op_wide_size(out);
}

static double neutral(enum how how)
{
    return how == MAX ? -HUGE_VAL : how == MIN ? HUGE_VAL : how == PROD ? 1 : 0;
}

static double gather_one(enum how how, double so_far, double x)
{
    switch (how) {
    case MAX:
        return isnan(x) || x > so_far ? x : so_far;
    case MIN:
        return isnan(x) || x < so_far ? x : so_far;
    case PROD:
        return so_far * x;
    case L1:
        return so_far + fabs(x);
    case L2:
    case SUM_SQUARE:
        return so_far + x * x;
    case SUM:
    case MEAN:
    case LOG_SUM:
    case LOG_SUM_EXP:
        break;
    }
    return so_far + x;
}

static void gather(const struct rd_op_call *c, enum how how, const double *x, double *to)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    for (size_t i = 0, m = results(c); i < m; i++)
        to[i] = neutral(how);
    if (rd_tensor_count(c->in[0]))
        do {
            if (step == 0 && (how == SUM || how == MEAN)) { /* the common case, without a switch */
                double sum = to[place];

                for (size_t i = 0; i < n; i++)
                    sum += x[i];
                to[place] = sum;
            } else {
                for (size_t i = 0; i < n; i++)
                    to[place + i * step] = gather_one(how, to[place + i * step], x[i]);
            }
            x += n;
        } while (rd_walk_next(&w, at, &place));
}

/* log(sum(exp(x))), the largest taken out first. */
static void log_sum_exp(struct rd_op_call *c, const double *x, double *to)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1], m = results(c);
    double *const top = rd_op_take(c, m * sizeof(*top));
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    gather(c, MAX, x, top);
    memset(to, 0, m * sizeof(*to));
    if (rd_tensor_count(c->in[0]))
        do {
            for (size_t i = 0; i < n; i++) {
                const double t = top[place + i * step];

                to[place + i * step] += exp(x[i] - (isfinite(t) ? t : 0));
            }
            x += n;
        } while (rd_walk_next(&w, at, &place));
    for (size_t i = 0; i < m; i++)
        to[i] = log(to[i]) + (isfinite(top[i]) ? top[i] : 0);
}

static double *values(struct rd_op_call *c, enum how how, const double *x)
{
    const size_t m = results(c);
    double *const to = rd_op_take(c, m * sizeof(*to));
    const double each = m ? (double)rd_tensor_count(c->in[0]) / (double)m : 0;

    if (how == LOG_SUM_EXP)
        log_sum_exp(c, x, to);
    else
        gather(c, how, x, to);
    for (size_t i = 0; i < m; i++)
        to[i] = how == MEAN      ? to[i] / each
                : how == L2      ? sqrt(to[i])
                : how == LOG_SUM ? log(to[i])
                                 : to[i];
    return to;
}

/* --- integers --- */

#define WHOLE(T, LEAST, MOST)                                                                      \
    do {                                                                                           \
        const T *px = c->in[0]->data;                                                              \
        T *const to = c->out[0]->data;                                                             \
        for (size_t i = 0; i < m; i++)                                                             \
            to[i] = (T)(how == MAX ? (LEAST) : how == MIN ? (MOST) : how == PROD);                 \
        if (rd_tensor_count(c->in[0]))                                                             \
            do {                                                                                   \
                for (size_t i = 0; i < n; i++) {                                                   \
                    T *const one = &to[place + i * step];                                          \
                    const T x = px[i];                                                             \
                    if (how == MAX)                                                                \
                        *one = x > *one ? x : *one;                                                \
                    else if (how == MIN)                                                           \
                        *one = x < *one ? x : *one;                                                \
                    else if (how == PROD)                                                          \
                        *one = (T)((uint64_t)*one * (uint64_t)x);                                  \
                    else if (how == SUM_SQUARE)                                                    \
                        *one = (T)((uint64_t)*one + (uint64_t)x * (uint64_t)x);                    \
                    else if (how == L1)                                                            \
                        *one = (T)((uint64_t)*one + (x > 0 ? (uint64_t)x : 0 - (uint64_t)x));      \
                    else                                                                           \
                        *one = (T)((uint64_t)*one + (uint64_t)x);                                  \
                }                                                                                  \
                px += n;                                                                           \
            } while (rd_walk_next(&w, at, &place));                                                \
    } while (0);                                                                                   \
    break

static rd_status whole(struct rd_op_call *c, enum how how)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1], m = results(c);
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    switch (c->in[0]->dtype) {
    case RD_I8:
        WHOLE(int8_t, INT8_MIN, INT8_MAX);
    case RD_I16:
        WHOLE(int16_t, INT16_MIN, INT16_MAX);
    case RD_I32:
        WHOLE(int32_t, INT32_MIN, INT32_MAX);
    case RD_I64:
        WHOLE(int64_t, INT64_MIN, INT64_MAX);
    case RD_BOOL:
        WHOLE(uint8_t, 0, 1);
    case RD_U8:
        WHOLE(uint8_t, 0, UINT8_MAX);
    case RD_U16:
        WHOLE(uint16_t, 0, UINT16_MAX);
    case RD_U32:
        WHOLE(uint32_t, 0, UINT32_MAX);
    default:
        WHOLE(uint64_t, 0, UINT64_MAX);
    }
    return RD_OK;
}

/* Sums and means of float32 over the last axes: row by row. */
static bool by_rows(const struct rd_op_call *c, enum how how)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], rows = w.rank > 1 ? w.dim[0] : 1;
    const float *x = c->in[0]->data;
    float *y = c->out[0]->data;

    if (!rd_op_math(c, c->in[0]) || (how != MEAN && how != SUM) || !rd_tensor_count(c->in[0]) ||
        w.rank > 2 || w.step[0][w.rank - 1] != 0 || (w.rank == 2 && w.step[0][0] != 1))
        return false;
    for (size_t r = 0; r < rows; r++)
        y[r] = (float)(c->kernels->sum(x + r * n, n) / (how == MEAN ? (double)n : 1));
    return true;
}

static rd_status forward(struct rd_op_call *c, enum how how)
{
    const bool real = how == MEAN || how == L2 || how == LOG_SUM || how == LOG_SUM_EXP;

    if (is_whole(c->in[0]->dtype) && !real)
        return whole(c, how);
    if (by_rows(c, how))
        return RD_OK;
    rd_op_narrow(values(c, how, rd_op_wide(c, c->in[0])), c->out[0], false);
    return RD_OK;
}

/* --- backward: d y / d x times g, each; ties of Max and Min share evenly (PyTorch's amax) --- */

static double slope(enum how how, double x, double y, double share)
{
    switch (how) {
    case MAX:
    case MIN:
        return x == y ? 1 / share : 0;
    case L1:
        return (x > 0) - (x < 0);
    case L2:
        return y == 0 ? 0 : x / y;
    case SUM_SQUARE:
        return 2 * x;
    case LOG_SUM:
        return exp(-y);
    case LOG_SUM_EXP:
        return exp(x - y);
    case MEAN:
        return 1 / share;
    case SUM:
    case PROD:
        break;
    }
    return 1;
}

/* share[result]: Max and Min: how many tie; Mean: how many there are; Prod: how many zeros. */
static void shares(
    const struct rd_op_call *c, enum how how, const double *x, const double *y, double *share)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1], m = results(c);
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    memset(share, 0, m * sizeof(*share));
    do {
        for (size_t i = 0; i < n; i++) {
            const size_t k = place + i * step;

            share[k] += how == MEAN ? 1 : how == PROD ? x[i] == 0 : x[i] == y[k];
        }
        x += n;
    } while (rd_walk_next(&w, at, &place));
}

/* Products of what is not 0. */
static void products(const struct rd_op_call *c, const double *x, double *to)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1], m = results(c);
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    for (size_t i = 0; i < m; i++)
        to[i] = 1;
    do {
        for (size_t i = 0; i < n; i++)
            if (x[i] != 0)
                to[place + i * step] *= x[i];
        x += n;
    } while (rd_walk_next(&w, at, &place));
}

static rd_status backward(struct rd_op_call *c, enum how how)
{
    const struct rd_walk w = walk_of(c);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1], m = results(c);
    const double *x, *y, *g;
    double *share, *to, *d;
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    if (!rd_tensor_count(c->in[0]))
        return RD_OK;
    if (rd_op_math(c, c->in[0]) && (how == MEAN || how == SUM)) {
        const float part = how == MEAN ? (float)((double)m / (double)rd_tensor_count(c->in[0])) : 1;
        const float *from = c->dout[0]->data;
        float *dx = c->din[0]->data;

        do {
            const float one = part * from[place];

            if (step)
                c->kernels->math->add_to(from + place, NULL, 0, part, dx, n);
            else
                c->kernels->math->pair(RD_PAIR_ADD, dx, 1, &one, 0, dx, n);
            dx += n;
        } while (rd_walk_next(&w, at, &place));
        return RD_OK;
    }
    x = rd_op_wide(c, c->in[0]);
    y = values(c, how, x);
    g = rd_op_wide(c, c->dout[0]);
    share = rd_op_take(c, m * sizeof(*share));
    shares(c, how, x, y, share);
    if (how == PROD) {
        double *rest = rd_op_take(c, m * sizeof(*rest));

        products(c, x, rest);
        y = rest;
    }
    d = to = rd_op_take(c, rd_op_wide_size(c->in[0]));
    do {
        for (size_t i = 0; i < n; i++) {
            const size_t k = place + i * step;

            if (how != PROD)
                to[i] = g[k] * slope(how, x[i], y[k], share[k]);
            else if (share[k] == 0)
                to[i] = g[k] * y[k] / x[i];
            else
                to[i] = share[k] == 1 && x[i] == 0 ? g[k] * y[k] : 0;
        }
        x += n;
        to += n;
    } while (rd_walk_next(&w, at, &place));
    rd_op_narrow(d, c->din[0], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    bool gone[RD_MAX_DIMS], known;

    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) && c->in[0]->ndim > 0 &&
           !axes_of(c, gone, &known) && known && !gone[0];
}

static const struct rd_op_attr attrs[] = {
    { "axes", RD_ATTR_INTS, 1, 17, false },
    { "keepdims", RD_ATTR_INT, 1, 0, false },
    { "noop_with_empty_axes", RD_ATTR_INT, 13, 0, false },
    { 0 },
};

#define ROW(id, name, HOW, TYPES)                                                                  \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        return forward(c, HOW);                                                                    \
    }                                                                                              \
    static rd_status id##_backward(struct rd_op_call *c)                                           \
    {                                                                                              \
        return backward(c, HOW);                                                                   \
    }                                                                                              \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { TYPES, RD_T_I64 },                                                            \
        .attrs = attrs,                                                                            \
        .infer = infer,                                                                            \
        .forward = id##_forward,                                                                   \
        .backward = id##_backward,                                                                 \
        .grad_in = 1,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .scratch = scratch,                                                                        \
        .flops = flops,                                                                            \
        .per_example = rows,                                                                       \
    }

ROW(reducesum, "ReduceSum", SUM, RD_T_NUMBER);
ROW(reducemean, "ReduceMean", MEAN, RD_T_NUMBER);
ROW(reducemax, "ReduceMax", MAX, RD_T_ANY);
ROW(reducemin, "ReduceMin", MIN, RD_T_ANY);
ROW(reduceprod, "ReduceProd", PROD, RD_T_NUMBER);
ROW(reducel1, "ReduceL1", L1, RD_T_NUMBER);
ROW(reducel2, "ReduceL2", L2, RD_T_NUMBER);
ROW(reducesumsquare, "ReduceSumSquare", SUM_SQUARE, RD_T_NUMBER);
ROW(reducelogsum, "ReduceLogSum", LOG_SUM, RD_T_NUMBER);
ROW(reducelogsumexp, "ReduceLogSumExp", LOG_SUM_EXP, RD_T_NUMBER);

/* --- ArgMax, ArgMin --- */

static rd_status arg_axis(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis");
    return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status arg_infer(struct rd_op_call *c)
{
    const bool keep = rd_op_int(c->node, "keepdims", 1) != 0;
    struct rd_tensor *out = c->out[0];
    int axis;
    rd_status st = arg_axis(c, &axis);

    if (st)
        return st;
    if (c->in[0]->dim[axis] == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "axis %d is empty: it has no largest element", axis);
    out->dtype = RD_I64;
    out->ndim = 0;
    for (int i = 0; i < c->in[0]->ndim; i++)
        if (i != axis || keep)
            out->dim[out->ndim++] = i == axis ? 1 : c->in[0]->dim[i];
    return RD_OK;
}

/* The first (or, when told so, the last) of those that tie; a NaN is beaten by nothing. */
#define ARG(T)                                                                                     \
    do {                                                                                           \
        const T *const px = x;                                                                     \
        for (size_t o = 0; o < outer; o++)                                                         \
            for (size_t k = 0; k < inner; k++) {                                                   \
                const T *const row = px + o * n * inner + k;                                       \
                size_t best = 0;                                                                   \
                for (size_t i = 1; i < n; i++) {                                                   \
                    const T v = row[i * inner], b = row[best * inner];                             \
                    if ((v != v && b == b) || (most ? v > b : v < b) || (last && v == b))          \
                        best = i;                                                                  \
                }                                                                                  \
                *to++ = (int64_t)best;                                                             \
            }                                                                                      \
    } while (0);                                                                                   \
    break

static rd_status arg(struct rd_op_call *c, bool most)
{
    const bool last = rd_op_int(c->node, "select_last_index", 0) != 0;
    const void *x = c->in[0]->data;
    int64_t *to = c->out[0]->data;
    size_t outer = 1, inner = 1, n;
    int axis = 0;

    (void)arg_axis(c, &axis);
    n = (size_t)c->in[0]->dim[axis];
    for (int i = 0; i < axis; i++)
        outer *= (size_t)c->in[0]->dim[i];
    for (int i = axis + 1; i < c->in[0]->ndim; i++)
        inner *= (size_t)c->in[0]->dim[i];
    switch (c->in[0]->dtype) {
    case RD_F32:
        ARG(float);
    case RD_F64:
        ARG(double);
    case RD_I8:
        ARG(int8_t);
    case RD_I16:
        ARG(int16_t);
    case RD_I32:
        ARG(int32_t);
    case RD_I64:
        ARG(int64_t);
    case RD_U8:
        ARG(uint8_t);
    case RD_U16:
        ARG(uint16_t);
    case RD_U32:
        ARG(uint32_t);
    case RD_U64:
        ARG(uint64_t);
    default:
        x = rd_op_wide(c, c->in[0]);
        ARG(double);
    }
    return RD_OK;
}

static size_t arg_scratch(const struct rd_op_call *c)
{
    return rd_op_wide_size(c->in[0]);
}

static bool arg_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !arg_axis(c, &axis) && axis > 0;
}

static const struct rd_op_attr arg_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { "keepdims", RD_ATTR_INT, 1, 0, false },
    { "select_last_index", RD_ATTR_INT, 12, 0, false },
    { 0 },
};

#define ARG_ROW(id, name, most)                                                                    \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        return arg(c, most);                                                                       \
    }                                                                                              \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_NUMBER },                                                                \
        .attrs = arg_attrs,                                                                        \
        .infer = arg_infer,                                                                        \
        .forward = id##_forward,                                                                   \
        .scratch = arg_scratch,                                                                    \
        .flops = flops,                                                                            \
        .per_example = arg_rows,                                                                   \
    }

ARG_ROW(argmax, "ArgMax", true);
ARG_ROW(argmin, "ArgMin", false);
