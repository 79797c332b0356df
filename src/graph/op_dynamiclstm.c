/*
 * op_dynamiclstm.c - DynamicQuantizeLSTM (com.microsoft), which quantize_dynamic makes of LSTM: the
 * two products of each step are of 8-bit integers, what goes into them being quantized when it is
 * known. All of X has one range; the states of a step have one, over the batch.
 *
 * X (steps, batch, in), W (directions, in, 4 size), R (directions, size, 4 size), B (directions, 8
 * size), lengths (batch), initial h and c (directions, batch, size), no P; scales and zero points
 * of W and R (directions) or (directions, 4 size). Gates i o f c, sigmoid and tanh. Rows of a batch
 * are not independent, and there is no gradient. Source: the operator's document.
 */
#include "graph/op.h"
#include "graph/op_qlinear.h"

#include <math.h>
#include <string.h>

enum { BYTES = RD_T(RD_U8) | RD_T(RD_I8), GATES = 4 };
enum { X, W, R, B, LENGTHS, H0, C0, P, W_SCALE, W_ZERO, R_SCALE, R_ZERO };

struct sizes {
    size_t steps, batch, in, size, dirs, wide; /* wide: GATES * size */
};

static size_t dirs_of(const struct rd_op_call *c)
{
    return rd_op_str_is(c->node, "direction", "bidirectional") ? 2 : 1;
}

static struct sizes sizes_of(const struct rd_op_call *c)
{
    const size_t size = (size_t)c->in[R]->dim[1];

    return (struct sizes){ .steps = (size_t)c->in[X]->dim[0],
        .batch = (size_t)c->in[X]->dim[1],
        .in = (size_t)c->in[X]->dim[2],
        .size = size,
        .dirs = dirs_of(c),
        .wide = GATES * size };
}

/* Input i, if there, has this type and n dims, each as wanted or free. */
static rd_status expect(
    const struct rd_op_call *c, int i, unsigned types, const char *what, int n, const int64_t *dim)
{
    const struct rd_tensor *t = rd_op_in(c, i);
    char a[120], b[120];
    bool fits = t && t->ndim == n;

    if (!t)
        return RD_OK;
    if (t->dtype && !(RD_T(t->dtype) & types))
        return RD_FAIL(
            c->err, RD_E_INPUT, "%s is %s, which it cannot be", what, rd_dtype_name(t->dtype));
    for (int d = 0; fits && d < n; d++)
        fits = t->dim[d] == dim[d] || t->dim[d] < 0 || dim[d] < 0;
    return fits ? RD_OK
                : RD_FAIL(c->err, RD_E_INPUT, "%s has the shape %s instead of %s", what,
                      rd_shape_text(t->dim, t->ndim, a, sizeof a),
                      rd_shape_text(dim, n, b, sizeof b));
}

/* Scale and zero point of W or R: one a direction, or one a column. */
static rd_status expect_scale(
    const struct rd_op_call *c, int scale, int matrix, int64_t dirs, int64_t wide)
{
    const char *const what =
        matrix == W ? "the scale or zero point of W" : "the scale or zero point of R";
    const struct rd_tensor *s = rd_op_in(c, scale), *z = rd_op_in(c, scale + 1);
    const int64_t dim[] = { dirs, wide };
    rd_status st;

    if (!s || !z)
        return RD_FAIL(c->err, RD_E_INPUT, "%s is missing", what);
    st = expect(c, scale, RD_T(RD_F32), what, s->ndim == 2 ? 2 : 1, dim);
    if (!st)
        st = expect(c, scale + 1, BYTES, what, s->ndim == 2 ? 2 : 1, dim);
    if (!st && z->dtype && c->in[matrix]->dtype && z->dtype != c->in[matrix]->dtype)
        st = RD_FAIL(c->err, RD_E_INPUT, "%s is of another type than the matrix", what);
    return st;
}

static rd_status check_plain(const struct rd_op_call *c)
{
    static const char *const usual[] = { "Sigmoid", "Tanh", "Tanh" };
    const struct rd_attr *acts = rd_op_attr(c->node, "activations");

    for (size_t i = 0; acts && i < acts->n; i++)
        if (acts->strings_len[i] != strlen(usual[i % 3]) ||
            memcmp(acts->strings[i], usual[i % 3], acts->strings_len[i]) != 0)
            return RD_FAIL(
                c->err, RD_E_INPUT, "activations other than Sigmoid, Tanh, Tanh are not supported");
    if (rd_op_int(c->node, "input_forget", 0) || rd_op_attr(c->node, "clip"))
        return RD_FAIL(c->err, RD_E_INPUT, "clip and input_forget are not supported");
    if (rd_op_in(c, P))
        return RD_FAIL(c->err, RD_E_INPUT, "peepholes are not supported");
    if (rd_op_attr(c->node, "direction") && !rd_op_str_is(c->node, "direction", "forward") &&
        !rd_op_str_is(c->node, "direction", "reverse") && dirs_of(c) == 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'direction' is none of forward, reverse, bidirectional");
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const int64_t dirs = (int64_t)dirs_of(c);
    const struct rd_tensor *x = c->in[X], *r = c->in[R];
    const int64_t size = r->ndim == 3 ? r->dim[1] : -1;
    const int64_t wide = size >= 0 && size <= INT64_MAX / 8 ? GATES * size : -1;
    const int64_t wider = wide >= 0 ? 2 * wide : -1;
    const int64_t in = x->ndim == 3 ? x->dim[2] : -1, batch = x->ndim == 3 ? x->dim[1] : -1;
    rd_status st = check_plain(c);

    if (!st)
        st = expect(c, X, RD_T(RD_F32), "X", 3, (int64_t[]){ -1, -1, -1 });
    if (!st)
        st = expect(c, W, BYTES, "W", 3, (int64_t[]){ dirs, in, wide });
    if (!st)
        st = expect(c, R, BYTES, "R", 3, (int64_t[]){ dirs, -1, wide });
    if (!st)
        st = expect(c, B, RD_T(RD_F32), "B", 2, (int64_t[]){ dirs, wider });
    if (!st)
        st = expect(c, LENGTHS, RD_T(RD_I32), "the lengths", 1, &batch);
    if (!st)
        st = expect(c, H0, RD_T(RD_F32), "the initial h", 3, (int64_t[]){ dirs, batch, size });
    if (!st)
        st = expect(c, C0, RD_T(RD_F32), "the initial c", 3, (int64_t[]){ dirs, batch, size });
    if (!st)
        st = expect_scale(c, W_SCALE, W, dirs, wide);
    if (!st)
        st = expect_scale(c, R_SCALE, R, dirs, wide);
    for (int i = 0; i < c->node->n_outputs && !st; i++) {
        const int64_t y[] = { x->dim[0], dirs, batch, size };

        if (!c->out[i])
            continue;
        c->out[i]->dtype = RD_F32;
        c->out[i]->ndim = i ? 3 : 4;
        memcpy(c->out[i]->dim, i ? y + 1 : y, (i ? 3 : 4) * sizeof *y);
    }
    return st;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t products(const struct sizes *s)
{
    return larger(rd_int_matmul_scratch(s->steps * s->batch, s->wide, s->in),
        rd_int_matmul_scratch(s->batch, s->wide, s->size));
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct sizes s = sizes_of(c);
    const size_t rows = s.steps * s.batch;

    return round_up(rows * s.in) + round_up(rows * s.wide * sizeof(float)) +
           round_up(s.batch * s.size) + round_up(s.batch * s.wide * sizeof(float)) +
           2 * round_up(s.batch * s.size * sizeof(float)) + round_up(s.wide * sizeof(double)) +
           round_up(s.wide * sizeof(int32_t)) + products(&s) + 1024;
}

static double flops(const struct rd_op_call *c)
{
    const struct sizes s = sizes_of(c);

    return (double)s.dirs * (double)s.steps * (double)s.batch * (double)s.wide *
           (2 * (double)(s.in + s.size) + 40);
}

/* A matrix of integers with its scales, of one direction. */
struct matrix {
    const void *data;
    const struct rd_tensor *scale, *zero;
    bool is_signed, each; /* each: a scale a column */
    size_t dir, rows, columns;
};

static struct matrix matrix_of(const struct rd_op_call *c, int at, int scale, size_t dir)
{
    const struct rd_tensor *t = c->in[at];
    const size_t rows = (size_t)t->dim[1], columns = (size_t)t->dim[2];

    return (struct matrix){ .data = (const char *)t->data + dir * rows * columns,
        .scale = c->in[scale],
        .zero = c->in[scale + 1],
        .is_signed = t->dtype == RD_I8,
        .each = c->in[scale]->ndim == 2,
        .dir = dir,
        .rows = rows,
        .columns = columns };
}

/* What one direction works with. */
struct work {
    const struct rd_kernels *kernels;
    uint8_t *bytes;   /* of X */
    uint8_t *h_bytes; /* of a step's h */
    float *gates, *sums, *h, *cell;
    double *scale;
    int32_t *zero;
    char *scratch;
};

/* out (n, columns) = v (n, rows) times m, v quantized to uint8 over its range with 0. */
static void multiply(const struct work *w, const struct matrix *m, const float *v, size_t n,
    uint8_t *bytes, float *out)
{
    float low = 0, high = 0, scale, zero;
    double a_scale;
    int32_t a_zero;
    const size_t entries = m->each ? m->columns : 1;

    for (size_t i = 0; i < n * m->rows; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    scale = (high - low) / 255;
    scale = scale > 0 ? scale : 1;
    zero = rintf(fminf(fmaxf(-low / scale, 0), 255));
    w->kernels->quantize(&(struct rd_quantize){ .x = v,
        .scale = &scale,
        .out = bytes,
        .n = n * m->rows,
        .low = 0 - zero,
        .high = 255 - zero,
        .zero = zero,
        .form = RD_Q_U8 });
    a_scale = (double)scale;
    a_zero = (int32_t)zero;
    for (size_t j = 0; j < entries; j++) {
        const size_t at = m->dir * entries + j;

        w->scale[j] = (double)((const float *)m->scale->data)[at];
        w->zero[j] = m->is_signed ? ((const int8_t *)m->zero->data)[at]
                                  : ((const uint8_t *)m->zero->data)[at];
    }
    rd_int_matmul(w->kernels,
        &(struct rd_int_matmul){ .a = bytes,
            .b = m->data,
            .b_signed = m->is_signed,
            .a_zero = &a_zero,
            .b_zero = w->zero,
            .b_zeros = m->each,
            .m = n,
            .n = m->columns,
            .k = m->rows,
            .ending = { .form = RD_INT_REAL, .a = &a_scale, .b = w->scale, .b_vector = m->each },
            .out = out },
        w->scratch);
}

static float sigmoid(float x)
{
    const double e = exp(-fabs((double)x));

    return (float)(x >= 0 ? 1 / (1 + e) : e / (1 + e));
}

static void direction(
    struct rd_op_call *c, const struct sizes *s, const struct work *w, size_t dir, bool reverse)
{
    const struct matrix in = matrix_of(c, W, W_SCALE, dir), back = matrix_of(c, R, R_SCALE, dir);
    const float *bias = rd_op_in(c, B) ? (const float *)c->in[B]->data + dir * 2 * s->wide : NULL;
    const int32_t *lengths = rd_op_in(c, LENGTHS) ? c->in[LENGTHS]->data : NULL;
    const size_t state = s->batch * s->size, n = s->size;
    float *y = rd_op_out(c, 0) ? c->out[0]->data : NULL;

    multiply(w, &in, c->in[X]->data, s->steps * s->batch, w->bytes, w->gates);
    for (int k = 0; k < 2; k++) {
        const struct rd_tensor *first = rd_op_in(c, k ? C0 : H0);

        if (first)
            memcpy(k ? w->cell : w->h, (const float *)first->data + dir * state,
                state * sizeof(float));
        else
            memset(k ? w->cell : w->h, 0, state * sizeof(float));
    }
    for (size_t step = 0; step < s->steps; step++) {
        multiply(w, &back, w->h, s->batch, w->h_bytes, w->sums);
        for (size_t b = 0; b < s->batch; b++) {
            const size_t length = !lengths                        ? s->steps
                                  : lengths[b] < 0                ? 0
                                  : (size_t)lengths[b] > s->steps ? s->steps
                                                                  : (size_t)lengths[b];
            const size_t t = step >= length || !reverse ? step : length - 1 - step;
            const float *g = w->gates + (t * s->batch + b) * s->wide;
            float *r = w->sums + b * s->wide, *h = w->h + b * n, *cell = w->cell + b * n;
            float *to = y ? y + ((t * s->dirs + dir) * s->batch + b) * n : NULL;

            if (step >= length) {
                if (to)
                    memset(to, 0, n * sizeof *to);
                continue;
            }
            for (size_t j = 0; j < s->wide; j++)
                r[j] += g[j] + (bias ? bias[j] + bias[s->wide + j] : 0);
            for (size_t j = 0; j < n; j++) {
                const float i = sigmoid(r[j]), o = sigmoid(r[n + j]), f = sigmoid(r[2 * n + j]);

                cell[j] = f * cell[j] + i * tanhf(r[3 * n + j]);
                h[j] = o * tanhf(cell[j]);
                if (to)
                    to[j] = h[j];
            }
        }
    }
    for (int k = 1; k < 3; k++)
        if (rd_op_out(c, k))
            memcpy((float *)c->out[k]->data + dir * state, k == 1 ? w->h : w->cell,
                state * sizeof(float));
}

static rd_status forward(struct rd_op_call *c)
{
    const struct sizes s = sizes_of(c);
    const size_t rows = s.steps * s.batch;
    struct work w = { .kernels = c->kernels ? c->kernels : rd_kernels_all()[0] };

    if (!rows || !s.size) {
        for (int i = 0; i < c->node->n_outputs; i++)
            if (c->out[i])
                memset(c->out[i]->data, 0, rd_tensor_bytes(c->out[i]));
        return RD_OK;
    }
    w.bytes = rd_op_take(c, rows * s.in);
    w.gates = rd_op_take(c, rows * s.wide * sizeof(float));
    w.h_bytes = rd_op_take(c, s.batch * s.size);
    w.sums = rd_op_take(c, s.batch * s.wide * sizeof(float));
    w.h = rd_op_take(c, s.batch * s.size * sizeof(float));
    w.cell = rd_op_take(c, s.batch * s.size * sizeof(float));
    w.scale = rd_op_take(c, s.wide * sizeof(double));
    w.zero = rd_op_take(c, s.wide * sizeof(int32_t));
    w.scratch = rd_op_take(c, products(&s));
    for (size_t d = 0; d < s.dirs; d++)
        direction(c, &s, &w, d, d == 1 || rd_op_str_is(c->node, "direction", "reverse"));
    return RD_OK;
}

static const struct rd_op_attr attrs[] = {
    { "activation_alpha", RD_ATTR_FLOATS, 1, 0, false },
    { "activation_beta", RD_ATTR_FLOATS, 1, 0, false },
    { "activations", RD_ATTR_STRINGS, 1, 0, false },
    { "clip", RD_ATTR_FLOAT, 1, 0, false },
    { "direction", RD_ATTR_STRING, 1, 0, false },
    { "hidden_size", RD_ATTR_INT, 1, 0, false },
    { "input_forget", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_dynamicquantizelstm = {
    .op = "DynamicQuantizeLSTM",
    .domain = "com.microsoft",
    .since = 1,
    .min_in = 3,
    .max_in = 12,
    .min_out = 0,
    .max_out = 3,
    .in_type = { RD_T(RD_F32), BYTES, BYTES, RD_T(RD_F32), RD_T(RD_I32), RD_T(RD_F32),
        RD_T(RD_F32) | BYTES },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .scratch = scratch,
    .flops = flops,
};
