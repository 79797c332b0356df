/*
 * op_quantize.c - QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: real numbers as small
 * integers or floats times a scale, for the whole tensor, along an axis, or for blocks of an axis.
 *
 * The quotient x / scale is rounded to float32, as in the runtimes that exporters calibrate
 * against, so that ties fall on the same side; half an integer goes to the even one. Rounding has
 * no derivative: these rows have no backward. Source: operators' documents of ONNX.
 */
#include "graph/op_quantize.h"
#include "tensor/small.h"

#include <math.h>

enum {
    QUANT_TYPES = RD_T(RD_U8) | RD_T(RD_I8) | RD_T(RD_U16) | RD_T(RD_I16) | RD_T_SMALL_INT |
                  RD_T(RD_F8E4M3FN) | RD_T(RD_F8E4M3FNUZ) | RD_T(RD_F8E5M2) | RD_T(RD_F8E5M2FNUZ) |
                  RD_T(RD_F4E2M1),
    SCALE_TYPES = RD_T(RD_F32) | RD_T(RD_F16) | RD_T(RD_BF16)
};

static bool one_entry(const struct rd_tensor *t)
{
    return t->ndim == 0 || (t->ndim == 1 && t->dim[0] == 1);
}

static rd_status check_blocks(
    struct rd_op_call *c, const struct rd_tensor *x, const struct rd_tensor *s, int64_t block)
{
    int axis;
    rd_status st = rd_op_axis(c, rd_op_int(c->node, "axis", 1), x->ndim, false, &axis);

    if (st)
        return st;
    if (s->ndim != x->ndim)
        return RD_FAIL(c->err, RD_E_INPUT,
            "a scale of blocks has the input's %d dimensions, not %d", x->ndim, s->ndim);
    for (int i = 0; i < x->ndim; i++) {
        const int64_t n = x->dim[i];
        const int64_t wanted = i != axis || n < 0 ? n : n / block + (n % block != 0);

        if (wanted >= 0 && s->dim[i] >= 0 && s->dim[i] != wanted)
            return RD_FAIL(c->err, RD_E_INPUT,
                "axis %d of the scale has %lld entries; blocks of %lld need %lld", i,
                (long long)s->dim[i], (long long)block, (long long)wanted);
    }
    return RD_OK;
}

rd_status quantize_check(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *s = c->in[1], *zero = rd_op_in(c, 2);
    const int64_t block = rd_op_int(c->node, "block_size", 0);
    rd_status st;
    int axis;

    if (block < 0)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'block_size' is %lld; 0 or more", (long long)block);
    if (zero) {
        bool same = zero->ndim == s->ndim || (one_entry(zero) && one_entry(s));

        for (int i = 0; i < s->ndim && same && zero->ndim == s->ndim; i++)
            same = zero->dim[i] == s->dim[i] || zero->dim[i] < 0 || s->dim[i] < 0;
        if (!same)
            return RD_FAIL(c->err, RD_E_INPUT, "scale and zero point differ in shape");
    }
    if (block)
        return check_blocks(c, x, s, block);
    if (one_entry(s))
        return RD_OK;
    if (c->node->opset < 13 || s->ndim != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "the scale has %d dimensions; expected one number%s",
            s->ndim, c->node->opset < 13 ? "" : " or one for each entry of the axis");
    st = rd_op_axis(c, rd_op_int(c->node, "axis", 1), x->ndim, false, &axis);
    if (st)
        return st;
    if (s->dim[0] >= 0 && x->dim[axis] >= 0 && s->dim[0] != x->dim[axis])
        return RD_FAIL(c->err, RD_E_INPUT, "the scale has %lld entries; axis %d has %lld",
            (long long)s->dim[0], axis, (long long)x->dim[axis]);
    return RD_OK;
}

struct quantize_grid quantize_grid_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *s = c->in[1];
    const int64_t block = rd_op_int(c->node, "block_size", 0);
    struct quantize_grid g = { .outer = 1, .length = 1, .inner = rd_tensor_count(x), .block = 1 };
    int axis = 0;

    if (!block && one_entry(s))
        return g;
    (void)rd_op_axis(c, rd_op_int(c->node, "axis", 1), x->ndim, false, &axis);
    g.inner = 1;
    for (int i = 0; i < axis; i++)
        g.outer *= (size_t)x->dim[i];
    for (int i = axis + 1; i < x->ndim; i++)
        g.inner *= (size_t)x->dim[i];
    g.length = (size_t)x->dim[axis];
    g.blocked = block != 0;
    g.block = block ? (size_t)block : 1;
    g.blocks = block ? (size_t)s->dim[axis] : g.length;
    return g;
}

bool quantize_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    if (!batched[0] || rd_op_int(c->node, "block_size", 0))
        return false;
    return one_entry(c->in[1]) ||
           (!rd_op_axis(c, rd_op_int(c->node, "axis", 1), c->in[0]->ndim, false, &axis) && axis);
}

void quantize_range(enum rd_dtype t, float *low_out, float *high_out)
{
    const int bits = t == RD_U16 || t == RD_I16 ? 16
                     : t == RD_U8 || t == RD_I8 ? 8
                                                : rd_small_bits(t);
    const bool natural = t == RD_U8 || t == RD_U16 || t == RD_U4 || t == RD_U2;

    *low_out = natural ? 0 : -(float)(1 << (bits - 1));
    *high_out = (float)((1 << (natural ? bits : bits - 1)) - 1);
}

enum rd_dtype quantize_type(const struct rd_op_call *c)
{
    const struct rd_tensor *zero = rd_op_in(c, 2);
    const int64_t to = rd_op_int(c->node, "output_dtype", 0);

    return zero ? zero->dtype : to ? (enum rd_dtype)to : RD_U8;
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 256 + 2 * rd_op_wide_size(c->in[0]);

    for (int i = 1; i < c->node->n_inputs; i++)
        n += c->in[i] ? rd_op_wide_size(c->in[i]) : 0;
    return n;
}

static double flops(const struct rd_op_call *c)
{
    return 4 * (double)rd_tensor_count(c->in[0]);
}

/* --- QuantizeLinear: y = saturate(round(x / scale) + zero) --- */

static rd_status quantize_infer(struct rd_op_call *c)
{
    const struct rd_tensor *zero = rd_op_in(c, 2);
    const int64_t to = rd_op_int(c->node, "output_dtype", 0);
    const int64_t precision = rd_op_int(c->node, "precision", 0);
    rd_status st = quantize_check(c);

    if (st)
        return st;
    if (to && (to < 0 || to > RD_I2 || !(RD_T((enum rd_dtype)to) & QUANT_TYPES)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "attribute 'output_dtype' is %lld, which is no type to quantize to", (long long)to);
    if (zero && zero->dtype && to && (int64_t)zero->dtype != to)
        return RD_FAIL(c->err, RD_E_INPUT, "the zero point is %s; attribute 'output_dtype' is %s",
            rd_dtype_name(zero->dtype), rd_dtype_name((enum rd_dtype)to));
    if (precision && precision != RD_F32)
        return RD_FAIL(c->err, RD_E_INPUT,
            "attribute 'precision' is %lld; only 1 (float32) is supported", (long long)precision);
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = quantize_type(c);
    return RD_OK;
}

/* Elements that one call of the kernel takes: they have one entry of the scale, or follow it. */
static bool quantize_by_kernels(struct rd_op_call *c)
{
    const struct quantize_grid g = quantize_grid_of(c);
    const struct rd_tensor *zero = rd_op_in(c, 2);
    const enum rd_dtype t = c->out[0]->dtype;
    const size_t inner = g.blocks ? g.inner : g.outer * g.length * g.inner;
    const bool each = g.blocks && g.inner == 1 && !g.blocked;
    const size_t entries = g.blocks ? g.length : 1;
    float low, high;

    if (!c->kernels || c->in[0]->dtype != RD_F32 || c->in[1]->dtype != RD_F32 || g.blocked ||
        (t != RD_I8 && t != RD_U8))
        return false;
    for (size_t a = 1; each && zero && a < entries; a++) /* one call has one zero point */
        if (((const char *)zero->data)[a] != *(const char *)zero->data)
            return false;
    quantize_range(t, &low, &high);
    for (size_t o = 0, at = 0; o < (g.blocks ? g.outer : 1); o++)
        for (size_t a = 0; a < (each ? 1 : entries); a++) {
            const size_t n = each ? entries : inner;
            const float z = !zero        ? 0
                            : t == RD_I8 ? (float)((const int8_t *)zero->data)[a]
                                         : (float)((const uint8_t *)zero->data)[a];

            c->kernels->quantize(&(struct rd_quantize){ .x = (const float *)c->in[0]->data + at,
                .scale = (const float *)c->in[1]->data + a,
                .scale_step = each,
                .out = (char *)c->out[0]->data + at,
                .n = n,
                .low = low - z,
                .high = high - z,
                .zero = z,
                .form = t == RD_I8 ? RD_Q_I8 : RD_Q_U8 });
            at += n;
        }
    return true;
}

static rd_status quantize_forward(struct rd_op_call *c)
{
    const struct quantize_grid g = quantize_grid_of(c);
    struct rd_tensor *out = c->out[0];
    const enum rd_dtype t = out->dtype;
    const bool small = rd_small_bits(t) != 0, real = small && !rd_small_is_int(t);
    const bool saturate = rd_op_int(c->node, "saturate", 1) != 0;
    const double *x, *scale, *zero;
    double *y;
    size_t k = 0;

    if (quantize_by_kernels(c))
        return RD_OK;
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    zero = rd_op_in(c, 2) ? rd_op_wide(c, c->in[2]) : NULL;
    y = rd_op_take(c, rd_op_wide_size(c->in[0]));
    for (size_t o = 0; o < g.outer; o++)
        for (size_t a = 0; a < g.length; a++)
            for (size_t i = 0; i < g.inner; i++, k++) {
                const size_t e = quantize_entry(&g, o, a, i);
                const double q = (double)((float)x[k] / (float)scale[e]);

                y[k] = (real ? q : rint(q)) + (zero ? zero[e] : 0);
                if (!real && isnan(q)) /* as in the runtimes: the least integer */
                    y[k] = -HUGE_VAL;
            }
    if (!small) {
        rd_op_narrow(y, out, false);
        return RD_OK;
    }
    for (size_t j = 0; j < k; j++)
        ((uint8_t *)out->data)[j] = rd_small_element(t, y[j], saturate, RD_SMALL_NEAREST);
    return RD_OK;
}

static const struct rd_op_attr quantize_attrs[] = {
    { "axis", RD_ATTR_INT, 13, 0, false },
    { "saturate", RD_ATTR_INT, 19, 0, false },
    { "block_size", RD_ATTR_INT, 21, 0, false },
    { "output_dtype", RD_ATTR_INT, 21, 0, false },
    { "precision", RD_ATTR_INT, 23, 0, false },
    { 0 },
};

const struct rd_op rd_op_quantizelinear = {
    .op = "QuantizeLinear",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { SCALE_TYPES | RD_T(RD_I32), SCALE_TYPES | RD_T(RD_I32), QUANT_TYPES },
    .attrs = quantize_attrs,
    .infer = quantize_infer,
    .forward = quantize_forward,
    .scratch = scratch,
    .flops = flops,
    .per_example = quantize_rows,
};

/* --- DequantizeLinear: y = (x - zero) scale --- */

static rd_status dequantize_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *zero = rd_op_in(c, 2);
    const int64_t to = rd_op_int(c->node, "output_dtype", 0);
    rd_status st = quantize_check(c);

    if (st)
        return st;
    if (to && to != RD_F32 && to != RD_F16 && to != RD_BF16)
        return RD_FAIL(c->err, RD_E_INPUT,
            "attribute 'output_dtype' is %lld; float32, float16 or bfloat16 is needed",
            (long long)to);
    if (zero && zero->dtype && x->dtype && zero->dtype != x->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "the zero point is %s, the input %s",
            rd_dtype_name(zero->dtype), rd_dtype_name(x->dtype));
    rd_op_same_shape(c->out[0], x);
    c->out[0]->dtype = to ? (enum rd_dtype)to : c->in[1]->dtype;
    return RD_OK;
}

/* int8 and uint8 to float32, in runs with one entry of the scale. */
static bool dequantize_by_kernels(struct rd_op_call *c)
{
    const struct quantize_grid g = quantize_grid_of(c);
    const struct rd_tensor *x = c->in[0], *zero = rd_op_in(c, 2);
    const size_t entries = g.blocks ? g.length : 1;
    const size_t inner = g.blocks ? g.inner : g.outer * g.length * g.inner;
    float *y = c->out[0]->data;

    if (!c->kernels || c->out[0]->dtype != RD_F32 || c->in[1]->dtype != RD_F32 || g.blocked ||
        (x->dtype != RD_I8 && x->dtype != RD_U8) || (g.blocks && inner < 8))
        return false;
    for (size_t o = 0, at = 0; o < (g.blocks ? g.outer : 1); o++)
        for (size_t a = 0; a < entries; a++, at += inner) {
            const float scale = ((const float *)c->in[1]->data)[a];
            const float z = !zero               ? 0
                            : x->dtype == RD_I8 ? (float)((const int8_t *)zero->data)[a]
                                                : (float)((const uint8_t *)zero->data)[a];

            c->kernels->from_bytes((const char *)x->data + at, x->dtype == RD_I8, z, y + at, inner);
            for (size_t i = at; i < at + inner; i++)
                y[i] *= scale;
        }
    return true;
}

static rd_status dequantize_forward(struct rd_op_call *c)
{
    const struct quantize_grid g = quantize_grid_of(c);
    const double *x, *scale, *zero;
    double *y;
    size_t k = 0;

    if (dequantize_by_kernels(c))
        return RD_OK;
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    zero = rd_op_in(c, 2) ? rd_op_wide(c, c->in[2]) : NULL;
    y = rd_op_take(c, rd_op_wide_size(c->in[0]));
    for (size_t o = 0; o < g.outer; o++)
        for (size_t a = 0; a < g.length; a++)
            for (size_t i = 0; i < g.inner; i++, k++) {
                const size_t e = quantize_entry(&g, o, a, i);

                y[k] = (x[k] - (zero ? zero[e] : 0)) * scale[e];
            }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static const struct rd_op_attr dequantize_attrs[] = {
    { "axis", RD_ATTR_INT, 13, 0, false },
    { "block_size", RD_ATTR_INT, 21, 0, false },
    { "output_dtype", RD_ATTR_INT, 23, 0, false },
    { 0 },
};

const struct rd_op rd_op_dequantizelinear = {
    .op = "DequantizeLinear",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { QUANT_TYPES | RD_T(RD_I32), SCALE_TYPES, QUANT_TYPES | RD_T(RD_I32) },
    .attrs = dequantize_attrs,
    .infer = dequantize_infer,
    .forward = dequantize_forward,
    .scratch = scratch,
    .flops = flops,
    .per_example = quantize_rows,
};

/* --- DynamicQuantizeLinear: scale and zero point of uint8 from the range of x and 0 --- */

static rd_status dynamic_infer(struct rd_op_call *c)
{
    if (c->out[0]) {
        rd_op_same_shape(c->out[0], c->in[0]);
        c->out[0]->dtype = RD_U8;
    }
    for (int i = 1; i < c->node->n_outputs; i++)
        if (c->out[i]) {
            c->out[i]->dtype = i == 1 ? RD_F32 : RD_U8;
            c->out[i]->ndim = 0;
        }
    return RD_OK;
}

static rd_status dynamic_forward(struct rd_op_call *c)
{
    const float *x = c->in[0]->data;
    const size_t n = rd_tensor_count(c->in[0]);
    float low = 0, high = 0, scale, zero;

    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    scale = (high - low) / 255;
    if (!(scale > 0))
        scale = 1; /* all zero: any scale gives zero again */
    zero = rintf(fminf(fmaxf(-low / scale, 0), 255));
    if (c->kernels && rd_op_out(c, 0))
        c->kernels->quantize(&(struct rd_quantize){ .x = x,
            .scale = &scale,
            .out = c->out[0]->data,
            .n = n,
            .low = 0 - zero,
            .high = 255 - zero,
            .zero = zero,
            .form = RD_Q_U8 });
    for (size_t i = 0; i < n && rd_op_out(c, 0) && !c->kernels; i++) {
        const float q = rintf(x[i] / scale) + zero;

        ((uint8_t *)c->out[0]->data)[i] = (uint8_t)(q >= 0 ? q < 255 ? q : 255 : 0);
    }
    if (rd_op_out(c, 1))
        *(float *)c->out[1]->data = scale;
    if (rd_op_out(c, 2))
        *(uint8_t *)c->out[2]->data = (uint8_t)zero;
    return RD_OK;
}

const struct rd_op rd_op_dynamicquantizelinear = {
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
    .flops = flops,
};
