/* op_math.c - Add, Sub, Mul, Div: element by element, with NumPy's broadcasting. */
#include "graph/op_fast.h"
#include "graph/op_walk.h"

#include <string.h>

/* --- shapes --- */

static rd_status infer(struct rd_op_call *c)
{
    c->out[0]->dtype = c->in[0]->dtype;
    return rd_op_pair_shape(c, c->out[0]);
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 0;

    if (c->din) /* sums over repeated elements are kept in float64 */
        return rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]);
    for (int i = 0; i < 2; i++)
        n +=
            c->in[i]->dtype == RD_F16 || c->in[i]->dtype == RD_BF16 ? rd_op_wide_size(c->in[i]) : 0;
    return n ? n + rd_op_wide_size(c->out[0]) : 0;
}

/* --- forward --- */

/* x and y are the operands; EXPR must be defined for every value. */
#define ROWS(T, A, B, OUT, EXPR)                                                                   \
    do {                                                                                           \
        const T *const pa = (A), *const pb = (B);                                                  \
        T *po = (OUT);                                                                             \
        const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1],                            \
                     db = w.step[1][w.rank - 1];                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = pa[place[0] + i * da], y = pb[place[1] + i * db];                      \
                po[i] = (T)(EXPR);                                                                 \
            }                                                                                      \
            po += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0)

/* Row by row through the vector functions. */
static void pair_fast(const struct rd_op_call *c, const struct rd_walk *w, enum rd_pair op)
{
    const float *const a = c->in[0]->data, *const b = c->in[1]->data;
    float *out = c->out[0]->data;
    const size_t n = w->dim[w->rank - 1], da = w->step[0][w->rank - 1],
                 db = w->step[1][w->rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 };

    do {
        c->kernels->math->pair(op, a + place[0], da, b + place[1], db, out, n);
        out += n;
    } while (rd_walk_next(w, at, place));
}

/* FLOAT for real types; WRAP for integers, in uint64_t so that overflow wraps as in C. */
#define DEFINE(name, PAIR, FLOAT, WRAP)                                                            \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const struct rd_walk w = rd_op_pair_walk(c);                                               \
        size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 };                                          \
        const void *a = c->in[0]->data, *b = c->in[1]->data;                                       \
        void *out = c->out[0]->data;                                                               \
        double *wide;                                                                              \
                                                                                                   \
        if (!rd_tensor_count(c->out[0]))                                                           \
            return RD_OK;                                                                          \
        switch (c->out[0]->dtype) {                                                                \
        case RD_F32:                                                                               \
            if (rd_op_math(c, c->out[0]))                                                          \
                pair_fast(c, &w, PAIR);                                                            \
            else                                                                                   \
                ROWS(float, a, b, out, FLOAT);                                                     \
            break;                                                                                 \
        case RD_F64:                                                                               \
            ROWS(double, a, b, out, FLOAT);                                                        \
            break;                                                                                 \
        case RD_I8:                                                                                \
            ROWS(int8_t, a, b, out, WRAP(int8_t));                                                 \
            break;                                                                                 \
        case RD_I16:                                                                               \
            ROWS(int16_t, a, b, out, WRAP(int16_t));                                               \
            break;                                                                                 \
        case RD_I32:                                                                               \
            ROWS(int32_t, a, b, out, WRAP(int32_t));                                               \
            break;                                                                                 \
        case RD_I64:                                                                               \
            ROWS(int64_t, a, b, out, WRAP(int64_t));                                               \
            break;                                                                                 \
        case RD_U8:                                                                                \
            ROWS(uint8_t, a, b, out, WRAP(uint8_t));                                               \
            break;                                                                                 \
        case RD_U16:                                                                               \
            ROWS(uint16_t, a, b, out, WRAP(uint16_t));                                             \
            break;                                                                                 \
        case RD_U32:                                                                               \
            ROWS(uint32_t, a, b, out, WRAP(uint32_t));                                             \
            break;                                                                                 \
        case RD_U64:                                                                               \
            ROWS(uint64_t, a, b, out, WRAP(uint64_t));                                             \
            break;                                                                                 \
        case RD_F16:                                                                               \
        case RD_BF16: {                                                                            \
            const double *pwa = rd_op_wide(c, c->in[0]), *pwb = rd_op_wide(c, c->in[1]);           \
            wide = rd_op_take(c, rd_op_wide_size(c->out[0]));                                      \
            ROWS(double, pwa, pwb, wide, FLOAT);                                                   \
            rd_op_narrow(wide, c->out[0], false);                                                  \
            break;                                                                                 \
        }                                                                                          \
        case RD_BOOL:                                                                              \
        case RD_STRING:                                                                            \
        default:                                                                                   \
            return RD_FAIL(c->err, RD_E_BUG, "element type %d", (int)c->out[0]->dtype);            \
        }                                                                                          \
        return RD_OK;                                                                              \
    }

#define WRAP_ADD(T) (uint64_t) x + (uint64_t)y
#define WRAP_SUB(T) (uint64_t) x - (uint64_t)y
#define WRAP_MUL(T) (uint64_t) x *(uint64_t)y
/* Toward zero; the one quotient that overflows wraps. Zero divisors are refused beforehand. */
#define WRAP_DIV(T) ((T)-1 < (T)1 && y == (T)-1 ? (T)(0 - (uint64_t)x) : (T)(x / y))

DEFINE(add, RD_PAIR_ADD, x + y, WRAP_ADD)
DEFINE(sub, RD_PAIR_SUB, x - y, WRAP_SUB)
DEFINE(mul, RD_PAIR_MUL, x *y, WRAP_MUL)
DEFINE(div_checked, RD_PAIR_DIV, x / y, WRAP_DIV)

static rd_status divide(struct rd_op_call *c)
{
    const struct rd_tensor *b = c->in[1];
    const size_t size = rd_dtype_size(b->dtype);
    static const char zero[8];

    if (RD_T(b->dtype) & RD_T_INT)
        for (size_t i = 0, n = rd_tensor_count(b); i < n; i++)
            if (!memcmp((const char *)b->data + i * size, zero, size))
                return RD_FAIL(c->err, RD_E_INPUT, "integer division by zero at element %zu", i);
    return div_checked(c);
}

/* --- backward: g is the cotangent, x and y the operands; sums of each repeated element in order
 * --- */

#define BACK_ROWS(T, DX, DY)                                                                       \
    do {                                                                                           \
        const T *const pa = c->in[0]->data, *const pb = c->in[1]->data, *pg = c->dout[0]->data;    \
        const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1],                            \
                     db = w.step[1][w.rank - 1];                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const double x = (double)pa[place[0] + i * da], y = (double)pb[place[1] + i * db]; \
                const double g = (double)pg[i];                                                    \
                (void)x;                                                                           \
                (void)y;                                                                           \
                if (sum_a)                                                                         \
                    sum_a[place[0] + i * da] += (DX);                                              \
                if (sum_b)                                                                         \
                    sum_b[place[1] + i * db] += (DY);                                              \
            }                                                                                      \
            pg += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0)

static double *zeroed_sum(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *sum = NULL;

    if (t) {
        sum = rd_op_take(c, rd_op_wide_size(t));
        memset(sum, 0, rd_tensor_count(t) * sizeof(*sum));
    }
    return sum;
}

/* What flows into operand k of one row: g itself, or times (over) the other; into `part`. */
static const float *row_cotangent(const struct rd_math *math, enum rd_pair op, int k,
    const float *g, const float *a, size_t da, const float *b, size_t db, float *part, size_t n)
{
    if (op == RD_PAIR_ADD || op == RD_PAIR_SUB)
        return g;
    if (op == RD_PAIR_MUL) {
        math->pair(RD_PAIR_MUL, g, 1, k ? a : b, k ? da : db, part, n);
        return part;
    }
    math->pair(RD_PAIR_DIV, g, 1, b, db, part, n);
    if (k) {
        math->pair(RD_PAIR_MUL, part, 1, a, da, part, n);
        math->pair(RD_PAIR_DIV, part, 1, b, db, part, n);
    }
    return part;
}

/* Repeated elements get the sum of their rows in order, of a row in float64. */
static void pair_back_fast(const struct rd_op_call *c, const struct rd_walk *w, enum rd_pair op)
{
    enum { PART = 1024 };
    const struct rd_math *const math = c->kernels->math;
    const float *const a = c->in[0]->data, *const b = c->in[1]->data, *g = c->dout[0]->data;
    const size_t all = w->dim[w->rank - 1], da = w->step[0][w->rank - 1],
                 db = w->step[1][w->rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 };
    float part[PART];
    bool set[2] = { false, false }; /* nothing is there yet, and each element comes once */

    for (int k = 0; k < 2; k++) {
        set[k] = rd_op_is_fresh(c, k) && op != RD_PAIR_DIV &&
                 rd_tensor_count(c->in[k]) == rd_tensor_count(c->out[0]);
        if (!set[k])
            rd_op_start(c, k);
    }
    do {
        for (size_t first = 0; first < all; first += PART) {
            const size_t n = all - first < PART ? all - first : PART;

            for (int k = 0; k < 2; k++) {
                const size_t step = k ? db : da;
                const float sign = k && (op == RD_PAIR_SUB || op == RD_PAIR_DIV) ? -1 : 1;
                const float *from;
                float *to;

                if (!c->din[k])
                    continue;
                to = (float *)c->din[k]->data + place[k] + first * step;
                if (set[k]) { /* straight into its place */
                    if (op == RD_PAIR_MUL)
                        (void)row_cotangent(math, op, k, g + first, a + place[0] + first * da, da,
                            b + place[1] + first * db, db, to, n);
                    else if (sign > 0)
                        memcpy(to, g + first, n * sizeof(*to));
                    else
                        math->pair(RD_PAIR_MUL, g + first, 1, &sign, 0, to, n);
                    continue;
                }
                from = row_cotangent(math, op, k, g + first, a + place[0] + first * da, da,
                    b + place[1] + first * db, db, part, n);
                if (step)
                    math->add_to(from, NULL, 0, sign, to, n);
                else
                    *to += sign * (float)c->kernels->sum(from, n);
            }
        }
        g += all;
    } while (rd_walk_next(w, at, place));
}

#define DEFINE_BACK(name, PAIR, DX, DY)                                                            \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const struct rd_walk w = rd_op_pair_walk(c);                                               \
        size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 };                                          \
        double *sum_a, *sum_b;                                                                     \
                                                                                                   \
        if (rd_op_math(c, c->out[0])) {                                                            \
            if (rd_tensor_count(c->out[0])) {                                                      \
                pair_back_fast(c, &w, PAIR);                                                       \
            } else {                                                                               \
                rd_op_start(c, 0);                                                                 \
                rd_op_start(c, 1);                                                                 \
            }                                                                                      \
                                                                                                   \
            return RD_OK;                                                                          \
        }                                                                                          \
        rd_op_start(c, 0);                                                                         \
        rd_op_start(c, 1);                                                                         \
        sum_a = zeroed_sum(c, c->din[0]);                                                          \
        sum_b = zeroed_sum(c, c->din[1]);                                                          \
        if (rd_tensor_count(c->out[0])) {                                                          \
            if (c->out[0]->dtype == RD_F32)                                                        \
                BACK_ROWS(float, DX, DY);                                                          \
            else                                                                                   \
                BACK_ROWS(double, DX, DY);                                                         \
        }                                                                                          \
        if (sum_a)                                                                                 \
            rd_op_narrow(sum_a, c->din[0], true);                                                  \
        if (sum_b)                                                                                 \
            rd_op_narrow(sum_b, c->din[1], true);                                                  \
        return RD_OK;                                                                              \
    }

DEFINE_BACK(add_back, RD_PAIR_ADD, g, g)
DEFINE_BACK(sub_back, RD_PAIR_SUB, g, -g)
DEFINE_BACK(mul_back, RD_PAIR_MUL, g *y, g *x)
DEFINE_BACK(div_back, RD_PAIR_DIV, g / y, -g *x / (y * y))

#define ROW(id, name, fwd, back)                                                                   \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 2,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_NUMBER },                                                                \
        .same = 2,                                                                                 \
        .attrs = rd_op_pair_attrs,                                                                 \
        .infer = infer,                                                                            \
        .forward = fwd,                                                                            \
        .backward = back,                                                                          \
        .grad_in = 3,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .sets = 3,                                                                                 \
        .scratch = scratch,                                                                        \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

ROW(add, "Add", add, add_back);
ROW(sub, "Sub", sub, sub_back);
ROW(mul, "Mul", mul, mul_back);
ROW(div, "Div", divide, div_back);
