/*
 * op_matmul.c - MatMul and Gemm.
 *
 * float32 goes through the kernels when the caller has them; every other float type, and the
 * reference, is computed in float64 and rounded once. Integers wrap.
 */
#include "graph/op_fast.h"

#include <string.h>

/* A matrix by steps: element (i, j) is p[i * row + j * col]. */
struct view {
    const double *p;
    size_t row, col;
};

static struct view turned(struct view v)
{
    return (struct view){ v.p, v.col, v.row };
}

/* out (m, n), dense, gets += a (m, k) b (k, n); the sum over k in order. */
static void product(size_t m, size_t n, size_t k, struct view a, struct view b, double *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++) {
            const double x = a.p[i * a.row + l * a.col];
            const double *const row = b.p + l * b.row;

            for (size_t j = 0; j < n; j++)
                out[i * n + j] += x * row[j * b.col];
        }
}

/* Element i of an integer tensor, sign-extended: arithmetic modulo 2^64 is right modulo smaller
 * powers too. */
static uint64_t integer(const struct rd_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RD_I8:
        return (uint64_t)((const int8_t *)t->data)[i];
    case RD_I16:
        return (uint64_t)((const int16_t *)t->data)[i];
    case RD_I32:
        return (uint64_t)((const int32_t *)t->data)[i];
    case RD_U8:
        return ((const uint8_t *)t->data)[i];
    case RD_U16:
        return ((const uint16_t *)t->data)[i];
    case RD_U32:
        return ((const uint32_t *)t->data)[i];
    default:
        return ((const uint64_t *)t->data)[i];
    }
}

static void put_integer(struct rd_tensor *t, size_t i, uint64_t v)
{
    const size_t size = rd_dtype_size(t->dtype);

    memcpy((char *)t->data + i * size, &v, size); /* little-endian hosts only */
}

static bool is_int(const struct rd_tensor *t)
{
    return (RD_T(t->dtype) & RD_T_INT) != 0;
}

/* --- MatMul --- */

struct stack { /* a stack of matrices: out[s] (m, n) = a[s] (m, k) b[s] (k, n) */
    size_t m, n, k;
    int rank;                                                /* of the stack */
    size_t dim[RD_MAX_DIMS], a[RD_MAX_DIMS], b[RD_MAX_DIMS]; /* steps in matrices; 0: repeats */
    size_t count;
};

static struct stack stack_of(const struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    const int ra = a->ndim > 2 ? a->ndim - 2 : 0, rb = b->ndim > 2 ? b->ndim - 2 : 0;
    struct stack s = { .m = a->ndim < 2 ? 1 : (size_t)a->dim[a->ndim - 2],
        .k = (size_t)a->dim[a->ndim - 1],
        .n = b->ndim < 2 ? 1 : (size_t)b->dim[b->ndim - 1],
        .rank = ra > rb ? ra : rb,
        .count = 1 };
    size_t step_a = 1, step_b = 1;

    for (int i = s.rank - 1; i >= 0; i--) {
        const int ia = i - (s.rank - ra), ib = i - (s.rank - rb);
        const size_t da = ia < 0 ? 1 : (size_t)a->dim[ia], db = ib < 0 ? 1 : (size_t)b->dim[ib];

        s.dim[i] = da == 1 ? db : da;
        s.a[i] = da == 1 ? 0 : step_a;
        s.b[i] = db == 1 ? 0 : step_b;
        step_a *= da;
        step_b *= db;
        s.count *= s.dim[i];
    }
    if (s.count > 1 && s.rank > 0) { /* one B for all, and the As behind each other: one product */
        bool one = true;

        for (int i = 0; i < s.rank; i++)
            one = one && (s.b[i] == 0 || s.dim[i] == 1) && (s.a[i] != 0 || s.dim[i] == 1);
        if (one) {
            s.m *= s.count;
            s.count = 1;
            s.rank = 0;
        }
    }
    return s;
}

/* Which matrices meet in place i of the stack. */
static void place(const struct stack *s, size_t i, size_t *a, size_t *b)
{
    *a = *b = 0;
    for (int d = s->rank - 1; d >= 0; d--) {
        *a += i % s->dim[d] * s->a[d];
        *b += i % s->dim[d] * s->b[d];
        i /= s->dim[d];
    }
}

static rd_status matmul_infer(struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    struct rd_tensor sa = *a, sb = *b, *out = c->out[0];
    int64_t ka, kb;
    char ta[120], tb[120];
    rd_status st;

    if (a->ndim < 1 || b->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar cannot be multiplied as a matrix");
    ka = a->dim[a->ndim - 1];
    kb = b->dim[b->ndim < 2 ? 0 : b->ndim - 2];
    if (ka != kb && ka != -1 && kb != -1)
        return RD_FAIL(c->err, RD_E_INPUT, "the inner dimensions of %s and %s differ",
            rd_shape_text(a->dim, a->ndim, ta, sizeof(ta)),
            rd_shape_text(b->dim, b->ndim, tb, sizeof(tb)));
    sa.ndim = a->ndim > 2 ? a->ndim - 2 : 0;
    sb.ndim = b->ndim > 2 ? b->ndim - 2 : 0;
    out->dtype = a->dtype;
    st = rd_op_broadcast(c, &sa, &sb, out);
    if (st)
        return st;
    if (a->ndim > 1)
        out->dim[out->ndim++] = a->dim[a->ndim - 2];
    if (b->ndim > 1)
        out->dim[out->ndim++] = b->dim[b->ndim - 1];
    return RD_OK;
}

static size_t matmul_scratch(const struct rd_op_call *c)
{
    const size_t wide =
        rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]) + rd_op_wide_size(c->out[0]);

    if (is_int(c->in[0]) || (c->kernels && c->in[0]->dtype == RD_F32))
        return 0;
    return c->din ? 2 * wide : wide;
}

static void matmul_integers(struct rd_op_call *c, const struct stack *s)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t a, b;

        place(s, i, &a, &b);
        for (size_t r = 0; r < s->m; r++)
            for (size_t j = 0; j < s->n; j++) {
                uint64_t sum = 0;

                for (size_t l = 0; l < s->k; l++)
                    sum += integer(c->in[0], (a * s->m + r) * s->k + l) *
                           integer(c->in[1], (b * s->k + l) * s->n + j);
                put_integer(c->out[0], (i * s->m + r) * s->n + j, sum);
            }
    }
}

/* One product of float32 matrices; trans: as stored the operand is turned. */
static void sgemm(const struct rd_op_call *c, size_t m, size_t n, size_t k, const float *a,
    bool trans_a, const float *b, bool trans_b, float *out, bool accumulate)
{
    const struct rd_gemm g = { .a = a,
        .b = b,
        .c = out,
        .m = m,
        .n = n,
        .k = k,
        .trans_a = trans_a,
        .trans_b = trans_b,
        .lda = trans_a ? m : k,
        .ldb = trans_b ? k : n,
        .ldc = n,
        .bias = c->bias,
        .relu = c->relu,
        .accumulate = accumulate };

    rd_sgemm(c->kernels, &g);
}

static rd_status matmul_forward(struct rd_op_call *c)
{
    const struct stack s = stack_of(c);
    const double *wa, *wb;
    double *out;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (is_int(c->in[0])) {
        matmul_integers(c, &s);
        return RD_OK;
    }
    if (c->kernels && c->in[0]->dtype == RD_F32) {
        const float *pa = c->in[0]->data, *pb = c->in[1]->data;

        for (size_t i = 0; i < s.count; i++) {
            size_t a, b;

            place(&s, i, &a, &b);
            sgemm(c, s.m, s.n, s.k, pa + a * s.m * s.k, false, pb + b * s.k * s.n, false,
                (float *)c->out[0]->data + i * s.m * s.n, false);
        }
        return RD_OK;
    }
    wa = rd_op_wide(c, c->in[0]);
    wb = rd_op_wide(c, c->in[1]);
    out = rd_op_take(c, rd_op_wide_size(c->out[0]));
    memset(out, 0, rd_tensor_count(c->out[0]) * sizeof(*out));
    for (size_t i = 0; i < s.count; i++) {
        size_t a, b;

        place(&s, i, &a, &b);
        product(s.m, s.n, s.k, (struct view){ wa + a * s.m * s.k, s.k, 1 },
            (struct view){ wb + b * s.k * s.n, s.n, 1 }, out + i * s.m * s.n);
    }
    rd_op_narrow(out, c->out[0], false);
    return RD_OK;
}

static double *zeros(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *p = rd_op_take(c, rd_op_wide_size(t));

    memset(p, 0, rd_tensor_count(t) * sizeof(*p));
    return p;
}

/* da += g b^T, db += a^T g */
static rd_status matmul_back(struct rd_op_call *c)
{
    const struct stack s = stack_of(c);
    struct rd_tensor *da = c->din[0], *db = c->din[1];
    const double *wa, *wb, *wg;
    double *sum_a = NULL, *sum_b = NULL;

    const bool fast = c->kernels && c->in[0]->dtype == RD_F32 && rd_tensor_count(c->out[0]);
    /* Nothing is there yet, and no matrix is used twice. */
    const bool set_a =
        fast && rd_op_is_fresh(c, 0) && rd_tensor_count(c->in[0]) == s.count * s.m * s.k;
    const bool set_b =
        fast && rd_op_is_fresh(c, 1) && rd_tensor_count(c->in[1]) == s.count * s.k * s.n;

    if (!set_a)
        rd_op_start(c, 0);
    if (!set_b)
        rd_op_start(c, 1);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (c->kernels && c->in[0]->dtype == RD_F32) {
        const float *pa = c->in[0]->data, *pb = c->in[1]->data, *pg = c->dout[0]->data;

        for (size_t i = 0; i < s.count; i++) {
            size_t a, b;

            place(&s, i, &a, &b);
            if (da)
                sgemm(c, s.m, s.k, s.n, pg + i * s.m * s.n, false, pb + b * s.k * s.n, true,
                    (float *)da->data + a * s.m * s.k, !set_a);
            if (db)
                sgemm(c, s.k, s.n, s.m, pa + a * s.m * s.k, true, pg + i * s.m * s.n, false,
                    (float *)db->data + b * s.k * s.n, !set_b);
        }
        return RD_OK;
    }
    wa = rd_op_wide(c, c->in[0]);
    wb = rd_op_wide(c, c->in[1]);
    wg = rd_op_wide(c, c->dout[0]);
    sum_a = da ? zeros(c, da) : NULL;
    sum_b = db ? zeros(c, db) : NULL;
    for (size_t i = 0; i < s.count; i++) {
        const struct view g = { wg + i * s.m * s.n, s.n, 1 };
        size_t a, b;

        place(&s, i, &a, &b);
        if (da)
            product(s.m, s.k, s.n, g, (struct view){ wb + b * s.k * s.n, 1, s.n },
                sum_a + a * s.m * s.k);
        if (db)
            product(s.k, s.n, s.m, (struct view){ wa + a * s.m * s.k, 1, s.k }, g,
                sum_b + b * s.k * s.n);
    }
    if (da)
        rd_op_narrow(sum_a, da, true);
    if (db)
        rd_op_narrow(sum_b, db, true);
    return RD_OK;
}

static double matmul_flops(const struct rd_op_call *c)
{
    const int64_t k = c->in[0]->dim[c->in[0]->ndim - 1];

    return 2 * (double)rd_tensor_count(c->out[0]) * (double)(k < 0 ? 0 : k);
}

static bool matmul_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    const int rank = c->out[0]->ndim;

    if (batched[0]) {
        if (a->ndim < 2 || (a->ndim == 2 && (batched[1] || b->ndim > 2)))
            return false;
        if (a->ndim == 2)
            return true;
        return batched[1] ? b->ndim == a->ndim
                          : b->ndim < a->ndim || (b->ndim == a->ndim && b->dim[0] == 1);
    }
    return batched[1] && b->ndim > 2 && b->ndim == rank && (a->ndim < b->ndim || a->dim[0] == 1);
}

/* --- Gemm: y = alpha A' B' + beta C --- */

struct gemm {
    size_t m, n, k;
    bool turn_a, turn_b;
    double alpha, beta;
};

static struct gemm gemm_of(const struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    struct gemm g = { .turn_a = rd_op_int(c->node, "transA", 0) != 0,
        .turn_b = rd_op_int(c->node, "transB", 0) != 0,
        .alpha = (double)rd_op_float(c->node, "alpha", 1),
        .beta = (double)rd_op_float(c->node, "beta", 1) };

    g.m = (size_t)a->dim[g.turn_a];
    g.k = (size_t)a->dim[!g.turn_a];
    g.n = (size_t)b->dim[!g.turn_b];
    return g;
}

static rd_status gemm_infer(struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1], *bias = rd_op_in(c, 2);
    const bool turn_a = rd_op_int(c->node, "transA", 0) != 0,
               turn_b = rd_op_int(c->node, "transB", 0) != 0;
    struct rd_tensor *out = c->out[0], both;
    char ta[120], tb[120];
    int64_t ka, kb;

    if (a->ndim != 2 || b->ndim != 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "Gemm multiplies 2-D matrices; its inputs have shapes %s and %s",
            rd_shape_text(a->dim, a->ndim, ta, sizeof(ta)),
            rd_shape_text(b->dim, b->ndim, tb, sizeof(tb)));
    if (!bias && c->node->opset < 11)
        return RD_FAIL(c->err, RD_E_INPUT, "before opset 11 Gemm needs its third input");
    ka = a->dim[!turn_a];
    kb = b->dim[turn_b];
    if (ka != kb && ka != -1 && kb != -1)
        return RD_FAIL(c->err, RD_E_INPUT, "the inner dimensions of %s%s and %s%s differ",
            rd_shape_text(a->dim, 2, ta, sizeof(ta)), turn_a ? " (transposed)" : "",
            rd_shape_text(b->dim, 2, tb, sizeof(tb)), turn_b ? " (transposed)" : "");
    out->dtype = a->dtype;
    out->ndim = 2;
    out->dim[0] = a->dim[turn_a];
    out->dim[1] = b->dim[!turn_b];
    if (bias) { /* one way: C may not widen the product */
        bool fits = bias->ndim <= 2;

        for (int i = 0; i < bias->ndim && fits; i++) {
            const int64_t d = bias->dim[i], o = out->dim[i + 2 - bias->ndim];

            fits = d == 1 || d == -1 || o == -1 || d == o;
        }
        both = *bias;
        if (!fits)
            return RD_FAIL(c->err, RD_E_INPUT, "C of shape %s does not broadcast to %s",
                rd_shape_text(both.dim, both.ndim, ta, sizeof(ta)),
                rd_shape_text(out->dim, 2, tb, sizeof(tb)));
    }
    return RD_OK;
}

/* Place in C of element (i, j). */
static size_t bias_at(const struct rd_tensor *bias, size_t i, size_t j)
{
    const bool rows = bias->ndim == 2 && bias->dim[0] != 1;
    const bool cols = bias->ndim > 0 && bias->dim[bias->ndim - 1] != 1;

    return (rows ? i * (size_t)bias->dim[1] : 0) + (cols ? j : 0);
}

static bool by_kernels(const struct rd_op_call *c)
{
    return c->kernels && c->in[0]->dtype == RD_F32;
}

static size_t gemm_scratch(const struct rd_op_call *c)
{
    const size_t wide = rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]) +
                        rd_op_wide_size(rd_op_in(c, 2)) + rd_op_wide_size(c->out[0]);

    if (is_int(c->in[0]) || (by_kernels(c) && !c->din))
        return 0;
    return c->din ? 2 * wide : wide;
}

static void gemm_integers(struct rd_op_call *c, const struct gemm *g)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1], *bias = rd_op_in(c, 2);
    const bool plain = g->alpha == 1 && g->beta == 1;

    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            uint64_t sum = 0, add = bias ? integer(bias, bias_at(bias, i, j)) : 0;

            for (size_t l = 0; l < g->k; l++)
                sum += integer(a, g->turn_a ? l * g->m + i : i * g->k + l) *
                       integer(b, g->turn_b ? j * g->k + l : l * g->n + j);
            if (plain) {
                sum += add;
            } else { /* factors are floats: rounded toward zero, as a C cast */
                const double v = g->alpha * (double)(int64_t)sum + g->beta * (double)(int64_t)add;

                sum = v >= 0x1p63   ? (uint64_t)INT64_MAX
                      : v > -0x1p63 ? (uint64_t)(int64_t)v
                                    : (uint64_t)INT64_MIN;
            }
            put_integer(c->out[0], i * g->n + j, sum);
        }
}

static rd_status gemm_forward(struct rd_op_call *c)
{
    const struct gemm g = gemm_of(c);
    const struct rd_tensor *bias = rd_op_in(c, 2);
    const double *wa, *wb, *wc;
    double *out;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (is_int(c->in[0])) {
        gemm_integers(c, &g);
        return RD_OK;
    }
    if (by_kernels(c)) {
        const bool plain = g.alpha == 1 && g.beta == 1 &&
                           (!bias || (rd_tensor_count(bias) == g.n &&
                                         (g.n == 1 || bias->dim[bias->ndim - 1] != 1)));
        const struct rd_gemm q = { .a = c->in[0]->data,
            .b = c->in[1]->data,
            .bias = bias ? bias->data : NULL,
            .c = c->out[0]->data,
            .m = g.m,
            .n = g.n,
            .k = g.k,
            .lda = g.turn_a ? g.m : g.k,
            .ldb = g.turn_b ? g.k : g.n,
            .ldc = g.n,
            .trans_a = g.turn_a,
            .trans_b = g.turn_b,
            .relu = c->relu };
        float *y = c->out[0]->data;

        if (plain) {
            rd_sgemm(c->kernels, &q);
            return RD_OK;
        }
        sgemm(c, g.m, g.n, g.k, c->in[0]->data, g.turn_a, c->in[1]->data, g.turn_b, y, false);
        for (size_t i = 0; i < g.m; i++)
            for (size_t j = 0; j < g.n; j++) {
                const double add =
                    bias ? (double)((const float *)bias->data)[bias_at(bias, i, j)] : 0;

                y[i * g.n + j] = (float)(g.alpha * (double)y[i * g.n + j] + g.beta * add);
            }
        if (c->relu)
            c->kernels->relu(y, y, g.m * g.n);
        return RD_OK;
    }
    wa = rd_op_wide(c, c->in[0]);
    wb = rd_op_wide(c, c->in[1]);
    wc = bias ? rd_op_wide(c, bias) : NULL;
    out = zeros(c, c->out[0]);
    product(g.m, g.n, g.k, (struct view){ wa, g.turn_a ? 1 : g.k, g.turn_a ? g.m : 1 },
        (struct view){ wb, g.turn_b ? 1 : g.n, g.turn_b ? g.k : 1 }, out);
    for (size_t i = 0; i < g.m; i++)
        for (size_t j = 0; j < g.n; j++)
            out[i * g.n + j] =
                g.alpha * out[i * g.n + j] + (wc ? g.beta * wc[bias_at(bias, i, j)] : 0);
    rd_op_narrow(out, c->out[0], false);
    return RD_OK;
}

static rd_status gemm_back(struct rd_op_call *c)
{
    const struct gemm g = gemm_of(c);
    struct rd_tensor *da = c->din[0], *db = c->din[1], *dc = rd_op_din(c, 2);
    const double *wg;
    struct view y, a, b;
    double *sum;

    if (!rd_tensor_count(c->out[0]) || !by_kernels(c) || g.alpha != 1)
        rd_op_start(c, 0);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (by_kernels(c) && g.alpha == 1) {
        const float *pg = c->dout[0]->data;

        /* As stored: dA = g B'^T or, turned, B' g^T; dB = A'^T g or, turned, g^T A'. */
        if (da && !g.turn_a)
            sgemm(c, g.m, g.k, g.n, pg, false, c->in[1]->data, !g.turn_b, da->data,
                !rd_op_is_fresh(c, 0));
        if (da && g.turn_a)
            sgemm(c, g.k, g.m, g.n, c->in[1]->data, g.turn_b, pg, true, da->data,
                !rd_op_is_fresh(c, 0));
        if (db && !g.turn_b)
            sgemm(c, g.k, g.n, g.m, c->in[0]->data, !g.turn_a, pg, false, db->data, true);
        if (db && g.turn_b)
            sgemm(c, g.n, g.k, g.m, pg, true, c->in[0]->data, g.turn_a, db->data, true);
        if (dc && g.beta == 1 && rd_tensor_count(dc) == g.n &&
            (g.n == 1 || dc->dim[dc->ndim - 1] != 1)) {
            c->kernels->sum_rows(pg, g.m, (ptrdiff_t)g.n, g.n, dc->data);
            dc = NULL;
        }
        if (!dc)
            return RD_OK;
        da = db = NULL;
    }
    wg = rd_op_wide(c, c->dout[0]);
    y = (struct view){ wg, g.n, 1 };
    if (da) {
        b = (struct view){ rd_op_wide(c, c->in[1]), g.turn_b ? 1 : g.n, g.turn_b ? g.k : 1 };
        sum = zeros(c, da);
        if (g.turn_a)
            product(g.k, g.m, g.n, b, turned(y), sum);
        else
            product(g.m, g.k, g.n, y, turned(b), sum);
        for (size_t i = 0, n = g.m * g.k; i < n; i++)
            sum[i] *= g.alpha;
        rd_op_narrow(sum, da, true);
    }
    if (db) {
        a = (struct view){ rd_op_wide(c, c->in[0]), g.turn_a ? 1 : g.k, g.turn_a ? g.m : 1 };
        sum = zeros(c, db);
        if (g.turn_b)
            product(g.n, g.k, g.m, turned(y), a, sum);
        else
            product(g.k, g.n, g.m, turned(a), y, sum);
        for (size_t i = 0, n = g.k * g.n; i < n; i++)
            sum[i] *= g.alpha;
        rd_op_narrow(sum, db, true);
    }
    if (dc) {
        sum = zeros(c, dc);
        for (size_t i = 0; i < g.m; i++)
            for (size_t j = 0; j < g.n; j++)
                sum[bias_at(dc, i, j)] += g.beta * wg[i * g.n + j];
        rd_op_narrow(sum, dc, true);
    }
    return RD_OK;
}

static double gemm_flops(const struct rd_op_call *c)
{
    const struct gemm g = gemm_of(c);
    const double n = (double)rd_tensor_count(c->out[0]);

    return 2 * n * (double)g.k + (rd_op_in(c, 2) ? n : 0);
}

static bool gemm_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor *bias = rd_op_in(c, 2);

    if (!batched[0] || batched[1] || rd_op_int(c->node, "transA", 0))
        return false;
    return !bias || (batched[2] ? bias->ndim == 2 : bias->ndim < 2 || bias->dim[0] == 1);
}

static const struct rd_op_attr gemm_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "beta", RD_ATTR_FLOAT, 1, 0, false },
    { "transA", RD_ATTR_INT, 1, 0, false },
    { "transB", RD_ATTR_INT, 1, 0, false },
    { "broadcast", RD_ATTR_INT, 1, 6, false },
    { 0 },
};

enum { PRODUCT_TYPES = RD_T_FLOAT | RD_T(RD_I32) | RD_T(RD_I64) | RD_T(RD_U32) | RD_T(RD_U64) };

const struct rd_op rd_op_matmul = {
    .op = "MatMul",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { PRODUCT_TYPES },
    .same = 2,
    .infer = matmul_infer,
    .forward = matmul_forward,
    .backward = matmul_back,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .sets = 3,
    .finish = true,
    .scratch = matmul_scratch,
    .flops = matmul_flops,
    .per_example = matmul_rows,
};

const struct rd_op rd_op_gemm = {
    .op = "Gemm",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { PRODUCT_TYPES },
    .same = 6,
    .attrs = gemm_attrs,
    .infer = gemm_infer,
    .forward = gemm_forward,
    .backward = gemm_back,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .sets = 1,
    .finish = true,
    .scratch = gemm_scratch,
    .flops = gemm_flops,
    .per_example = gemm_rows,
};
