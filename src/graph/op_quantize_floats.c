/*
 * op_quantize_floats.c - quantization computed in float32 throughout: the integers of
 * QuantizeLinear as floats, back from there, both at once, and DynamicQuantizeLinear. The numbers
 * are those of the integer rows, to the last bit; the gradient is the straight-through estimator:
 * rounding counts as the identity, saturation keeps its own derivative, which is 0. Scales and zero
 * points count as constants.
 *
 * No model names these rows; rewrites put them in place of others (surrogate.h). Sources: Bengio,
 * Leonard, Courville 2013, arXiv:1308.3432 (straight-through); Jacob et al. 2018, arXiv:1712.05877,
 * section 3 (through quantizers, with the clipping range).
 */
#include "graph/op_quantize.h"

#include <math.h>

static const struct rd_kernels *kernels_of(const struct rd_op_call *c)
{
    return c->kernels ? c->kernels : rd_kernels_all()[0];
}

static float zero_at(const struct rd_tensor *t, size_t i)
{
    if (!t)
        return 0;
    switch (t->dtype) {
    case RD_U8:
    case RD_U4:
    case RD_U2:
        return (float)((const uint8_t *)t->data)[i];
    case RD_U16:
        return (float)((const uint16_t *)t->data)[i];
    case RD_I16:
        return (float)((const int16_t *)t->data)[i];
    case RD_I32:
        return (float)((const int32_t *)t->data)[i];
    case RD_F32:
        return ((const float *)t->data)[i];
    default: /* int8 and, sign-extended, int4 and int2 */
        return (float)((const int8_t *)t->data)[i];
    }
}

/* Runs of elements with one scale and zero point: entry e, elements at .. at + n - 1. */
struct runs {
    struct quantize_grid g;
    size_t whole, n, at, e;
};

static struct runs runs_of(const struct rd_op_call *c)
{
    struct runs r = { .g = quantize_grid_of(c) };

    r.whole = r.g.outer * r.g.length * r.g.inner;
    r.n = !r.g.blocks ? r.whole : r.g.blocked ? 1 : r.g.inner;
    r.at = 0 - r.n;
    return r;
}

static bool next(struct runs *r)
{
    const struct quantize_grid *g = &r->g;

    r->at += r->n;
    if (r->at >= r->whole)
        return false;
    if (g->blocks)
        r->e = quantize_entry(
            g, r->at / g->inner / g->length, r->at / g->inner % g->length, r->at % g->inner);
    return true;
}

static rd_status infer(struct rd_op_call *c)
{
    const rd_status st = quantize_check(c);

    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = RD_F32;
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    return 4 * (double)rd_tensor_count(c->in[0]);
}

static rd_status run(struct rd_op_call *c, bool back)
{
    const float *x = c->in[0]->data, *scale = c->in[1]->data;
    const bool times = rd_op_int(c->node, "times", 0) != 0;
    struct runs r = runs_of(c);
    float low, high;

    quantize_range(quantize_type(c), &low, &high);
    while (next(&r)) {
        const float z = zero_at(rd_op_in(c, 2), r.e);

        kernels_of(c)->quantize(&(struct rd_quantize){ .x = x + r.at,
            .scale = scale + r.e,
            .out = (float *)c->out[0]->data + r.at,
            .n = r.n,
            .low = low - z,
            .high = high - z,
            .zero = z,
            .times = times,
            .form = back ? RD_Q_BACK : RD_Q_FLOAT });
    }
    return RD_OK;
}

/* dx += dout, of the integer (scaled) or of the number that comes back (not), where the rounded
 * number lies inside the range. */
static rd_status through(struct rd_op_call *c, bool back)
{
    const float *x = c->in[0]->data, *scales = c->in[1]->data;
    const bool times = rd_op_int(c->node, "times", 0) != 0;
    const float *g_out = c->dout[0] ? c->dout[0]->data : NULL;
    float *dx = c->din[0] ? c->din[0]->data : NULL;
    struct runs r = runs_of(c);
    float low, high;

    if (!g_out || !dx)
        return RD_OK;
    quantize_range(quantize_type(c), &low, &high);
    while (next(&r)) {
        const float scale = scales[r.e], z = zero_at(rd_op_in(c, 2), r.e);
        /* Where round(v) lies in the range: v does, within half a step; ties are even. */
        const float least = low - z, most = high - z;

        for (size_t i = r.at; i < r.at + r.n; i++) {
            const float v = times ? x[i] * scale : x[i] / scale;
            const float k = rintf(v);

            if (k >= least && k <= most)
                dx[i] += back ? g_out[i] : times ? g_out[i] * scale : g_out[i] / scale;
        }
    }
    return RD_OK;
}

static rd_status quantize_forward(struct rd_op_call *c)
{
    return run(c, false);
}

static rd_status quantize_back(struct rd_op_call *c)
{
    return through(c, false);
}

static rd_status both_forward(struct rd_op_call *c)
{
    return run(c, true);
}

static rd_status both_back(struct rd_op_call *c)
{
    return through(c, true);
}

static rd_status dequantize_forward(struct rd_op_call *c)
{
    const float *x = c->in[0]->data, *scale = c->in[1]->data;
    float *y = c->out[0]->data;
    struct runs r = runs_of(c);

    while (next(&r)) {
        const float z = zero_at(rd_op_in(c, 2), r.e);
        const float s = scale[r.e];

        for (size_t i = r.at; i < r.at + r.n; i++)
            y[i] = (x[i] - z) * s;
    }
    return RD_OK;
}

static rd_status dequantize_back(struct rd_op_call *c)
{
    const float *scale = c->in[1]->data, *g_out = c->dout[0] ? c->dout[0]->data : NULL;
    float *dx = c->din[0] ? c->din[0]->data : NULL;
    struct runs r = runs_of(c);

    if (!g_out || !dx)
        return RD_OK;
    while (next(&r)) {
        const float s = scale[r.e];

        for (size_t i = r.at; i < r.at + r.n; i++)
            dx[i] += g_out[i] * s;
    }
    return RD_OK;
}

/* --- DynamicQuantizeLinear --- */

static rd_status dynamic_infer(struct rd_op_call *c)
{
    if (c->out[0]) {
        rd_op_same_shape(c->out[0], c->in[0]);
        c->out[0]->dtype = RD_F32;
    }
    for (int i = 1; i < c->node->n_outputs; i++)
        if (c->out[i]) {
            c->out[i]->dtype = i == 1 ? RD_F32 : RD_U8;
            c->out[i]->ndim = 0;
        }
    return RD_OK;
}

/* Scale and zero point of uint8 from the range of x and 0, as op_quantize.c. */
static void dynamic_scale(const struct rd_tensor *t, float *scale, float *zero)
{
    const float *x = t->data;
    float low = 0, high = 0;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    *scale = (high - low) / 255;
    if (!(*scale > 0))
        *scale = 1;
    *zero = rintf(fminf(fmaxf(-low / *scale, 0), 255));
}

static rd_status dynamic_forward(struct rd_op_call *c)
{
    float scale, zero;

    dynamic_scale(c->in[0], &scale, &zero);
    if (rd_op_out(c, 0))
        kernels_of(c)->quantize(&(struct rd_quantize){ .x = c->in[0]->data,
            .scale = &scale,
            .out = c->out[0]->data,
            .n = rd_tensor_count(c->in[0]),
            .low = 0 - zero,
            .high = 255 - zero,
            .zero = zero,
            .form = RD_Q_FLOAT });
    if (rd_op_out(c, 1))
        *(float *)c->out[1]->data = scale;
    if (rd_op_out(c, 2))
        *(uint8_t *)c->out[2]->data = (uint8_t)zero;
    return RD_OK;
}

/* The range holds all of x: nothing is cut off. */
static rd_status dynamic_back(struct rd_op_call *c)
{
    const float *g_out = c->dout[0] ? c->dout[0]->data : NULL;
    float *dx = c->din[0] ? c->din[0]->data : NULL;
    float scale, zero;

    if (!g_out || !dx)
        return RD_OK;
    dynamic_scale(c->in[0], &scale, &zero);
    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        dx[i] += g_out[i] / scale;
    return RD_OK;
}

/* --- rows --- */

static const struct rd_op_attr attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { "saturate", RD_ATTR_INT, 1, 0, false },
    { "block_size", RD_ATTR_INT, 1, 0, false },
    { "output_dtype", RD_ATTR_INT, 1, 0, false },
    { "precision", RD_ATTR_INT, 1, 0, false },
    { "times", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

#define IN_FLOATS                                                                                  \
    .domain = "", .since = 10, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,               \
    .in_type = { RD_T(RD_F32), RD_T(RD_F32), QUANTIZE_INTS | RD_T(RD_I32) }, .attrs = attrs,       \
    .infer = infer, .grad_in = 1, .flops = flops, .per_example = quantize_rows

const struct rd_op rd_op_quantize_floats = {
    .op = "QuantizeLinear",
    IN_FLOATS,
    .forward = quantize_forward,
    .backward = quantize_back,
    .reads = RD_READS_IN,
};

const struct rd_op rd_op_quantize_and_back = {
    .op = "QuantizeLinear",
    IN_FLOATS,
    .forward = both_forward,
    .backward = both_back,
    .reads = RD_READS_IN,
};

const struct rd_op rd_op_dequantize_floats = {
    .op = "DequantizeLinear",
    IN_FLOATS,
    .forward = dequantize_forward,
    .backward = dequantize_back,
    .reads = RD_READS_IN,
};

const struct rd_op rd_op_dynamic_floats = {
    .op = "DynamicQuantizeLinear",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 3,
    .max_out = 3,
    .in_type = { RD_T(RD_F32) },
    .infer = dynamic_infer,
    .forward = dynamic_forward,
    .backward = dynamic_back,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .flops = flops,
};
