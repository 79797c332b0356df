/*
 * op_convtranspose.c - ConvTranspose over one to three spatial axes.
 *
 * x (n, c, spatial), w (c, m / group, kernel), b (m) -> y (n, m, spatial): Conv's derivative with
 * respect to its input, so Conv's loops with the roles of x and y exchanged. In struct
 * rd_convolution x is therefore this operator's output and y its input.
 */
#include "graph/op_conv.h"

#include <string.h>

enum { D = RD_WINDOW_DIMS };

static rd_status entry(
    const struct rd_op_call *c, const char *name, int dims, int i, int64_t least, int64_t *inout)
{
    size_t n;
    const int64_t *v = rd_op_ints(c->node, name, &n);

    if (v && n != (size_t)dims)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute '%s' has %zu entries; %d are needed", name, n, dims);
    if (v)
        *inout = v[i];
    if (*inout < least || *inout > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute '%s' holds %lld, outside %lld..%d", name,
            (long long)*inout, (long long)least, INT32_MAX);
    return RD_OK;
}

/* Axis i of `dims`: the output's size, -1 when not known, and where it begins. */
static rd_status axis(const struct rd_op_call *c, int dims, int i, struct rd_convolution *v)
{
    const int64_t in = c->in[0]->dim[i + 2], k = c->in[1]->dim[i + 2];
    const int d = i + D - dims;
    const bool upper = rd_op_str_is(c->node, "auto_pad", "SAME_UPPER");
    const bool same = upper || rd_op_str_is(c->node, "auto_pad", "SAME_LOWER");
    const bool valid = rd_op_str_is(c->node, "auto_pad", "VALID");
    int64_t more = 0, end = 0, kernel = k, full, total;
    bool given = rd_op_attr(c->node, "output_shape") != NULL;
    rd_status st = entry(c, "strides", dims, i, 1, &v->stride[d]);

    if (!st)
        st = entry(c, "dilations", dims, i, 1, &v->dilation[d]);
    if (!st)
        st = entry(c, "output_padding", dims, i, 0, &more);
    if (!st && k >= 0)
        st = entry(c, "kernel_shape", dims, i, 1, &kernel);
    if (!st && !valid)
        st = entry(c, "pads", 2 * dims, i, 0, &v->pad[d]);
    if (!st && !valid)
        st = entry(c, "pads", 2 * dims, i + dims, 0, &end);
    if (st)
        return st;
    if (kernel != k || k > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "the kernel has %lld entries where %lld are expected",
            (long long)k, (long long)kernel);
    v->out[d] = in;
    v->kernel[d] = k;
    v->in[d] = -1;
    if (in < 0 || k < 0)
        return RD_OK;
    if (in < 1 || k < 1 || in > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "an input of size %lld and a kernel of %lld",
            (long long)in, (long long)k);
    if (__builtin_mul_overflow(v->stride[d], in - 1, &full) ||
        __builtin_add_overflow(full, more + (k - 1) * v->dilation[d] + 1, &full))
        return RD_FAIL(c->err, RD_E_INPUT, "the output's size overflows");
    v->in[d] = full - v->pad[d] - end;
    if (same && !given) {
        given = true;
        v->in[d] = in * v->stride[d];
    } else if (given) {
        st = entry(c, "output_shape", dims, i, 1, &v->in[d]);
        if (st)
            return st;
    }
    if (given) {
        total = full > v->in[d] ? full - v->in[d] : 0;
        v->pad[d] = upper ? total / 2 : total - total / 2;
    }
    if (v->in[d] < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "the pads leave nothing of axis %d", i + 2);
    return RD_OK;
}

static rd_status conv_of(const struct rd_op_call *c, struct rd_convolution *v)
{
    const struct rd_tensor *x = c->in[0], *w = c->in[1];
    const int64_t group = rd_op_int(c->node, "group", 1);
    const int dims = x->ndim - 2;
    rd_status st = RD_OK;

    if (dims < 1 || dims > D || w->ndim != x->ndim)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions, the kernel %d; both need 3 to %d", x->ndim, w->ndim,
            D + 2);
    if (group < 1 || group > INT32_MAX || w->dim[1] > INT32_MAX ||
        (w->dim[0] >= 0 && (w->dim[0] % group || (x->dim[1] >= 0 && x->dim[1] != w->dim[0]))))
        return RD_FAIL(c->err, RD_E_INPUT,
            "%lld channels do not fit a kernel for %lld in %lld groups", (long long)x->dim[1],
            (long long)w->dim[0], (long long)group);
    *v = (struct rd_convolution){ .n = (size_t)x->dim[0],
        .m = (size_t)w->dim[0],
        .c = (size_t)(w->dim[1] * group),
        .group = (size_t)group };
    for (int i = 0; i < D; i++)
        v->in[i] = v->out[i] = v->kernel[i] = v->stride[i] = v->dilation[i] = 1;
    for (int i = 0; i < dims && !st; i++)
        st = axis(c, dims, i, v);
    return st;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 2), *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    struct rd_convolution v;
    rd_status st = conv_of(c, &v);

    if (st)
        return st;
    rd_op_same_shape(out, x);
    out->dim[1] = c->in[1]->dim[1] < 0 ? -1 : (int64_t)v.c;
    for (int i = 2; i < x->ndim; i++)
        out->dim[i] = v.in[i - 2 + D - (x->ndim - 2)];
    if (bias &&
        (bias->ndim != 1 || (bias->dim[0] != out->dim[1] && bias->dim[0] >= 0 && out->dim[1] >= 0)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the bias must have one entry for each of %lld output channels",
            (long long)out->dim[1]);
    return RD_OK;
}

static void add_bias(float *y, const float *bias, size_t n, size_t channels, size_t each)
{
    for (size_t i = 0; bias && i < n * channels; i++)
        for (size_t j = 0; j < each; j++)
            y[i * each + j] += bias[i % channels];
}

/* Gradients in float32 by the kernels; each of the three may be NULL. */
static void backward_fast(struct rd_op_call *c, const struct rd_convolution *v,
    struct rd_tensor *dx, struct rd_tensor *dw, struct rd_tensor *db)
{
    const size_t out = (size_t)(v->in[0] * v->in[1] * v->in[2]);
    float *g = c->dout[0]->data;
    float *work = rd_op_take(c, rd_conv_floats(rd_conv_fast_scratch(c->kernels, v)));

    if (dx) {
        float *fresh = rd_op_take(c, rd_conv_floats(rd_tensor_count(dx)));

        rd_conv_fast(c->kernels, v, RD_CONV_FORWARD, fresh, g, c->in[1]->data, NULL, NULL, work);
        rd_conv_add(dx, fresh);
    }
    if (dw) {
        float *fresh = rd_op_take(c, rd_conv_floats(rd_tensor_count(dw)));

        rd_conv_fast(
            c->kernels, v, RD_CONV_BACK_WEIGHT, c->in[0]->data, g, fresh, NULL, NULL, work);
        rd_conv_add(dw, fresh);
    }
    for (size_t i = 0; db && i < v->n * v->c; i++)
        ((float *)db->data)[i % v->c] += (float)c->kernels->sum(g + i * out, out);
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 2);
    struct rd_convolution v;
    const double *b;
    double *y;
    size_t out;

    (void)conv_of(c, &v);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    out = (size_t)(v.in[0] * v.in[1] * v.in[2]);
    if (rd_conv_is_fast(c, &v)) {
        rd_conv_fast(c->kernels, &v, RD_CONV_BACK_DATA, c->in[0]->data, c->out[0]->data,
            c->in[1]->data, NULL, NULL,
            rd_op_take(c, rd_conv_floats(rd_conv_fast_scratch(c->kernels, &v))));
        add_bias(c->out[0]->data, bias ? bias->data : NULL, v.n, v.c, out);
        return RD_OK;
    }
    b = bias ? rd_op_wide(c, bias) : NULL;
    y = rd_conv_zeros(c, c->out[0]);
    for (size_t i = 0; b && i < v.n * v.c; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] = b[i % v.c];
    rd_conv_reference(
        &v, RD_CONV_BACK_DATA, rd_conv_wide(c, c->in[0]), y, rd_conv_wide(c, c->in[1]));
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    struct rd_tensor *dx = c->din[0], *dw = c->din[1], *db = rd_op_din(c, 2);
    struct rd_convolution v;
    double *g;
    size_t out;

    (void)conv_of(c, &v);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    out = (size_t)(v.in[0] * v.in[1] * v.in[2]);
    if (rd_conv_is_fast(c, &v)) {
        backward_fast(c, &v, dx, dw, db);
        return RD_OK;
    }
    g = rd_conv_wide(c, c->dout[0]);
    if (dx) {
        double *x = rd_conv_zeros(c, dx);

        rd_conv_reference(&v, RD_CONV_FORWARD, x, g, rd_conv_wide(c, c->in[1]));
        rd_op_narrow(x, dx, true);
    }
    if (dw) {
        double *w = rd_conv_zeros(c, dw);

        rd_conv_reference(&v, RD_CONV_BACK_WEIGHT, rd_conv_wide(c, c->in[0]), g, w);
        rd_op_narrow(w, dw, true);
    }
    if (db) {
        double *b = rd_conv_zeros(c, db);

        for (size_t i = 0; i < v.n * v.c; i++)
            for (size_t j = 0; j < out; j++)
                b[i % v.c] += g[i * out + j];
        rd_op_narrow(b, db, true);
    }
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t wide = 2 * rd_op_wide_size(c->out[0]);
    struct rd_convolution v;

    (void)conv_of(c, &v);
    if (rd_conv_is_fast(c, &v)) {
        wide = rd_conv_floats(rd_conv_fast_scratch(c->kernels, &v));
        for (int i = 0; c->din && i < 2; i++)
            wide += c->din[i] ? rd_conv_floats(rd_tensor_count(c->in[i])) : 0;
        return wide;
    }
    for (int i = 0; i < 3; i++)
        wide += 2 * rd_op_wide_size(rd_op_in(c, i));
    return wide;
}

static double flops(const struct rd_op_call *c)
{
    const double m = c->in[1]->dim[0] > 0 ? (double)c->in[1]->dim[0] : 1;

    return 2 * (double)rd_tensor_count(c->in[0]) * (double)rd_tensor_count(c->in[1]) / m +
           (double)rd_tensor_count(c->out[0]);
}

static const struct rd_op_attr attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 1, 0, false },
    { "dilations", RD_ATTR_INTS, 1, 0, false },
    { "group", RD_ATTR_INT, 1, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 1, 0, false },
    { "output_padding", RD_ATTR_INTS, 1, 0, false },
    { "output_shape", RD_ATTR_INTS, 1, 0, false },
    { "pads", RD_ATTR_INTS, 1, 0, false },
    { "strides", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_convtranspose = {
    .op = "ConvTranspose",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 6,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rd_conv_rows,
};
