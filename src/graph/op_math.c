/* op_math.c - Add, Sub, Mul, Div: element by element, with NumPy's broadcasting. */
#include "graph/op.h"

#include <string.h>

/* --- walking two operands against one result --- */

/*
 * Axes that both operands walk alike are merged. Step 0 means: this operand repeats along the axis.
 */
struct walk {
    int rank;
    size_t dim[RD_MAX_DIMS], a[RD_MAX_DIMS], b[RD_MAX_DIMS]; /* sizes; steps in elements */
};

/* Opsets below 7 broadcast only when told so, and place b's axes at `axis` of a (default: at the
 * end). */
static void old_shape(const struct rd_op_call *c, struct rd_tensor *b)
{
    const int64_t axis = rd_op_int(c->node, "axis", -1);
    const struct rd_tensor *a = c->in[0];

    *b = *c->in[1];
    if (c->node->opset >= 7 || axis < 0 || axis + b->ndim > a->ndim)
        return;
    for (; axis + b->ndim < a->ndim; b->ndim++)
        b->dim[b->ndim] = 1;
}

static struct walk plan_walk(const struct rd_op_call *c)
{
    struct walk w = { .rank = 0 };
    const struct rd_tensor *out = c->out[0], *a = c->in[0];
    struct rd_tensor b;
    size_t step_a = 1, step_b = 1;
    size_t dim[RD_MAX_DIMS], sa[RD_MAX_DIMS], sb[RD_MAX_DIMS];

    old_shape(c, &b);
    for (int i = out->ndim - 1; i >= 0; i--) {
        const int ia = i - (out->ndim - a->ndim), ib = i - (out->ndim - b.ndim);
        const size_t da = ia < 0 ? 1 : (size_t)a->dim[ia], db = ib < 0 ? 1 : (size_t)b.dim[ib];

        dim[i] = (size_t)out->dim[i];
        sa[i] = da == 1 ? 0 : step_a;
        sb[i] = db == 1 ? 0 : step_b;
        step_a *= da;
        step_b *= db;
    }
    for (int i = 0; i < out->ndim; i++) {
        const int k = w.rank - 1;

        if (dim[i] == 1)
            continue;
        if (k >= 0 && w.a[k] == sa[i] * dim[i] && w.b[k] == sb[i] * dim[i]) {
            w.dim[k] *= dim[i]; /* the outer axis goes on where the inner one ends */
            w.a[k] = sa[i];
            w.b[k] = sb[i];
            continue;
        }
        w.dim[w.rank] = dim[i];
        w.a[w.rank] = sa[i];
        w.b[w.rank++] = sb[i];
    }
    if (!w.rank)
        w = (struct walk){ .rank = 1, .dim = { 1 } };
    return w;
}

/* Next row along the last axis; false at the end. at[]: counters, zeroed at first. */
static bool next_row(const struct walk *w, size_t *at, size_t *ia, size_t *ib)
{
    for (int i = w->rank - 2; i >= 0; i--) {
        *ia += w->a[i];
        *ib += w->b[i];
        if (++at[i] < w->dim[i])
            return true;
        at[i] = 0;
        *ia -= w->a[i] * w->dim[i];
        *ib -= w->b[i] * w->dim[i];
    }
    return false;
}

/* --- shapes --- */

static rd_status infer(struct rd_op_call *c)
{
    struct rd_tensor b;
    bool equal;

    c->out[0]->dtype = c->in[0]->dtype;
    if (c->node->opset < 7) {
        old_shape(c, &b);
        equal = b.ndim == c->in[0]->ndim;
        for (int i = 0; i < b.ndim && equal; i++)
            equal = b.dim[i] == c->in[0]->dim[i];
        if (!equal && !rd_op_int(c->node, "broadcast", 0))
            return RD_FAIL(
                c->err, RD_E_INPUT, "the operands' shapes differ and broadcast is not set");
        return rd_op_broadcast(c, c->in[0], &b, c->out[0]);
    }
    return rd_op_broadcast(c, c->in[0], c->in[1], c->out[0]);
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
        const size_t n = w.dim[w.rank - 1], da = w.a[w.rank - 1], db = w.b[w.rank - 1];            \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = pa[ia + i * da], y = pb[ib + i * db];                                  \
                po[i] = (T)(EXPR);                                                                 \
            }                                                                                      \
            po += n;                                                                               \
        } while (next_row(&w, at, &ia, &ib));                                                      \
    } while (0)

/* FLOAT for real types; WRAP for integers, in uint64_t so that overflow wraps as in C. */
#define DEFINE(name, FLOAT, WRAP)                                                                  \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const struct walk w = plan_walk(c);                                                        \
        size_t at[RD_MAX_DIMS] = { 0 }, ia = 0, ib = 0;                                            \
        const void *a = c->in[0]->data, *b = c->in[1]->data;                                       \
        void *out = c->out[0]->data;                                                               \
        double *wide;                                                                              \
                                                                                                   \
        if (!rd_tensor_count(c->out[0]))                                                           \
            return RD_OK;                                                                          \
        switch (c->out[0]->dtype) {                                                                \
        case RD_F32:                                                                               \
            ROWS(float, a, b, out, FLOAT);                                                         \
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
        case RD_DTYPE_NONE:                                                                        \
            return RD_FAIL(c->err, RD_E_BUG, "element type %d", (int)c->out[0]->dtype);            \
        }                                                                                          \
        return RD_OK;                                                                              \
    }

#define WRAP_ADD(T) (uint64_t) x + (uint64_t)y
#define WRAP_SUB(T) (uint64_t) x - (uint64_t)y
#define WRAP_MUL(T) (uint64_t) x *(uint64_t)y
/* Toward zero; the one quotient that overflows wraps. Zero divisors are refused beforehand. */
#define WRAP_DIV(T) ((T)-1 < (T)1 && y == (T)-1 ? (T)(0 - (uint64_t)x) : (T)(x / y))

DEFINE(add, x + y, WRAP_ADD)
DEFINE(sub, x - y, WRAP_SUB)
DEFINE(mul, x *y, WRAP_MUL)
DEFINE(div_checked, x / y, WRAP_DIV)

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
        const size_t n = w.dim[w.rank - 1], da = w.a[w.rank - 1], db = w.b[w.rank - 1];            \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const double x = (double)pa[ia + i * da], y = (double)pb[ib + i * db];             \
                const double g = (double)pg[i];                                                    \
                (void)x;                                                                           \
                (void)y;                                                                           \
                if (sum_a)                                                                         \
                    sum_a[ia + i * da] += (DX);                                                    \
                if (sum_b)                                                                         \
                    sum_b[ib + i * db] += (DY);                                                    \
            }                                                                                      \
            pg += n;                                                                               \
        } while (next_row(&w, at, &ia, &ib));                                                      \
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

#define DEFINE_BACK(name, DX, DY)                                                                  \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const struct walk w = plan_walk(c);                                                        \
        size_t at[RD_MAX_DIMS] = { 0 }, ia = 0, ib = 0;                                            \
        double *sum_a = zeroed_sum(c, c->din[0]), *sum_b = zeroed_sum(c, c->din[1]);               \
                                                                                                   \
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

DEFINE_BACK(add_back, g, g)
DEFINE_BACK(sub_back, g, -g)
DEFINE_BACK(mul_back, g *y, g *x)
DEFINE_BACK(div_back, g / y, -g *x / (y * y))

static const struct rd_op_attr attrs[] = {
    { "axis", RD_ATTR_INT, 1, 6, false },
    { "broadcast", RD_ATTR_INT, 1, 6, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

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
        .attrs = attrs,                                                                            \
        .infer = infer,                                                                            \
        .forward = fwd,                                                                            \
        .backward = back,                                                                          \
        .grad_in = 3,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .scratch = scratch,                                                                        \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

ROW(add, "Add", add, add_back);
ROW(sub, "Sub", sub, sub_back);
ROW(mul, "Mul", mul, mul_back);
ROW(div, "Div", divide, div_back);
