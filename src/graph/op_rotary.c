/*
 * op_rotary.c - RotaryEmbedding (Su et al. 2021, arXiv:2104.09864): pairs of a head's first numbers
 * are turned by an angle of their position.
 *
 *   (x1, x2) -> (x1 cos - x2 sin, x1 sin + x2 cos)
 *
 * X (batch, heads, length, size), or (batch, length, heads * size) with num_heads. cos and sin
 * (positions, half) with position_ids (batch, length), else (batch, length, half); half is at least
 * rotary_embedding_dim / 2. A pair is (i, i + half), or neighbors when interleaved. All float
 * types, in float64, rounded once.
 */
#include "graph/op.h"

#include <string.h>

struct rotary {
    size_t batch, heads, length, size, half, wide, positions; /* wide: of a row of the caches */
    bool flat, interleaved;
};

static bool fits(int64_t a, int64_t b)
{
    return a == b || a < 0 || b < 0;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *ids = rd_op_in(c, 3);
    const int64_t heads = rd_op_int(c->node, "num_heads", 0);
    const int64_t part = rd_op_int(c->node, "rotary_embedding_dim", 0);
    int64_t size, length;
    char a[120];

    if (x->ndim != 3 && x->ndim != 4)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input has %d dimensions instead of 3 or 4", x->ndim);
    if (x->ndim == 3 && heads < 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "an input of 3 dimensions needs the attribute 'num_heads'");
    length = x->dim[x->ndim - 2];
    size = x->dim[x->ndim - 1];
    if (x->ndim == 3 && size >= 0) {
        if (size % heads)
            return RD_FAIL(c->err, RD_E_INPUT, "%lld numbers cannot be split into %lld heads",
                (long long)size, (long long)heads);
        size /= heads;
    }
    if (part < 0 || part % 2 || (size >= 0 && (part > size || (!part && size % 2))))
        return RD_FAIL(c->err, RD_E_INPUT,
            "%lld of %lld numbers of a head cannot be turned in pairs",
            (long long)(part ? part : size), (long long)size);
    for (int i = 1; i < 3; i++) {
        const struct rd_tensor *t = c->in[i];
        const int64_t half = (part ? part : size) / 2;

        if (t->ndim != (ids ? 2 : 3) ||
            (half >= 0 && t->dim[t->ndim - 1] >= 0 && t->dim[t->ndim - 1] < half) ||
            (!ids && (!fits(t->dim[0], x->dim[0]) || !fits(t->dim[1], length))) ||
            !fits(t->dim[t->ndim - 1], c->in[1]->dim[t->ndim - 1]) ||
            !fits(t->dim[0], c->in[1]->dim[0]))
            return RD_FAIL(c->err, RD_E_INPUT, "%s of shape %s does not fit",
                i == 1 ? "cos_cache" : "sin_cache", rd_shape_text(t->dim, t->ndim, a, sizeof(a)));
    }
    if (ids && (ids->ndim != 2 || !fits(ids->dim[0], x->dim[0]) || !fits(ids->dim[1], length)))
        return RD_FAIL(c->err, RD_E_INPUT, "position_ids of shape %s do not fit",
            rd_shape_text(ids->dim, ids->ndim, a, sizeof(a)));
    rd_op_same_shape(c->out[0], x);
    return RD_OK;
}

static struct rotary rotary_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *cos = c->in[1];
    const bool flat = x->ndim == 3;
    const size_t part = (size_t)rd_op_int(c->node, "rotary_embedding_dim", 0);
    struct rotary r = { .batch = (size_t)x->dim[0],
        .heads = flat ? (size_t)rd_op_int(c->node, "num_heads", 1) : (size_t)x->dim[1],
        .length = (size_t)x->dim[x->ndim - 2],
        .size = (size_t)x->dim[x->ndim - 1],
        .wide = (size_t)cos->dim[cos->ndim - 1],
        .positions = (size_t)cos->dim[0],
        .flat = flat,
        .interleaved = rd_op_int(c->node, "interleaved", 0) != 0 };

    r.size /= flat ? r.heads : 1;
    r.half = (part ? part : r.size) / 2;
    return r;
}

/* The row of the caches for a word. */
static rd_status row_of(
    const struct rd_op_call *c, const struct rotary *r, size_t b, size_t t, size_t *row)
{
    const struct rd_tensor *ids = rd_op_in(c, 3);
    const int64_t at = ids ? ((const int64_t *)ids->data)[b * r->length + t] : 0;

    *row = ids ? (size_t)at : b * r->length + t;
    if (at < 0 || (ids && *row >= r->positions))
        return RD_FAIL(c->err, RD_E_INPUT, "position %lld is outside the %zu of the caches",
            (long long)at, r->positions);
    return RD_OK;
}

static size_t place(const struct rotary *r, size_t b, size_t h, size_t t)
{
    return (r->flat ? (b * r->length + t) * r->heads + h : (b * r->heads + h) * r->length + t) *
           r->size;
}

static size_t scratch(const struct rd_op_call *c)
{
    const size_t x = rd_op_wide_size(c->in[0]), cache = rd_op_wide_size(c->in[1]);

    return c->din ? 3 * x + 4 * cache : 2 * x + 2 * cache;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rotary r = rotary_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *cos = rd_op_wide(c, c->in[1]);
    const double *sin = rd_op_wide(c, c->in[2]);
    const size_t n = rd_tensor_count(c->in[0]);
    double *y = rd_op_take(c, n * sizeof(*y));
    const size_t step = r.interleaved ? 2 : 1, apart = r.interleaved ? 1 : r.half;

    if (n)
        memcpy(y, x, n * sizeof(*y));
    for (size_t w = 0; w < r.batch * r.length && n; w++) {
        const size_t b = w / r.length, t = w % r.length;
        size_t row;
        rd_status st = row_of(c, &r, b, t, &row);

        if (st)
            return st;
        for (size_t h = 0; h < r.heads; h++)
            for (size_t i = 0; i < r.half; i++) {
                const size_t at = place(&r, b, h, t) + i * step, k = row * r.wide + i;

                y[at] = x[at] * cos[k] - x[at + apart] * sin[k];
                y[at + apart] = x[at] * sin[k] + x[at + apart] * cos[k];
            }
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    const struct rotary r = rotary_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *cos = rd_op_wide(c, c->in[1]);
    const double *sin = rd_op_wide(c, c->in[2]), *g = rd_op_wide(c, c->dout[0]);
    const size_t n = rd_tensor_count(c->in[0]), entries = rd_tensor_count(c->in[1]);
    double *dx = rd_op_take(c, n * sizeof(*dx)), *dcos = rd_op_take(c, entries * sizeof(*dcos));
    double *dsin = rd_op_take(c, entries * sizeof(*dsin));
    const size_t step = r.interleaved ? 2 : 1, apart = r.interleaved ? 1 : r.half;

    if (n)
        memcpy(dx, g, n * sizeof(*dx));
    memset(dcos, 0, entries * sizeof(*dcos));
    memset(dsin, 0, entries * sizeof(*dsin));
    for (size_t w = 0; w < r.batch * r.length && n; w++) {
        const size_t b = w / r.length, t = w % r.length;
        size_t row;
        rd_status st = row_of(c, &r, b, t, &row);

        if (st)
            return st;
        for (size_t h = 0; h < r.heads; h++)
            for (size_t i = 0; i < r.half; i++) {
                const size_t at = place(&r, b, h, t) + i * step, k = row * r.wide + i;
                const double g1 = g[at], g2 = g[at + apart];

                dx[at] = g1 * cos[k] + g2 * sin[k];
                dx[at + apart] = g2 * cos[k] - g1 * sin[k];
                dcos[k] += g1 * x[at] + g2 * x[at + apart];
                dsin[k] += g2 * x[at] - g1 * x[at + apart];
            }
    }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(dcos, c->din[1], true);
    if (c->din[2])
        rd_op_narrow(dsin, c->din[2], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    return 3 * (double)rd_tensor_count(c->in[0]);
}

/* Without ids the caches are of the examples: then they must be batched too. */
static bool rows_alone(const struct rd_op_call *c, const bool *batched)
{
    const bool ids = rd_op_in(c, 3) != NULL;

    return batched[0] && batched[1] == !ids && batched[2] == !ids && (!ids || batched[3]);
}

static const struct rd_op_attr attrs[] = {
    { "interleaved", RD_ATTR_INT, 23, 0, false },
    { "num_heads", RD_ATTR_INT, 23, 0, false },
    { "rotary_embedding_dim", RD_ATTR_INT, 23, 0, false },
    { 0 },
};

const struct rd_op rd_op_rotaryembedding = {
    .op = "RotaryEmbedding",
    .domain = "",
    .since = 23,
    .min_in = 3,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_FLOAT, RD_T_FLOAT, RD_T_I64 },
    .same = 6,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows_alone,
};
