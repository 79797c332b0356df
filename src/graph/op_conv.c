/*
 * op_conv.c - Conv over one to three spatial axes, and the loops of the reference.
 *
 * x (n, c, spatial), w (m, c / group, kernel), b (m) -> y (n, m, spatial). float32 goes
 * through the kernels when the caller has them; all else, and the reference, is computed in float64
 * and rounded once.
 */
#include "graph/op_conv.h"

#include <string.h>

enum { D = RD_WINDOW_DIMS };

static struct rd_convolution conv_of(const struct rd_op_call *c)
{
    struct rd_window w;
    struct rd_convolution v = { 0 };

    (void)rd_op_window(c, &w); /* infer has accepted it */
    v.n = (size_t)c->in[0]->dim[0];
    v.c = (size_t)c->in[0]->dim[1];
    v.m = (size_t)c->in[1]->dim[0];
    v.group = (size_t)w.group;
    for (int i = 0; i < D; i++) {
        const int from = i - (D - w.dims);

        v.in[i] = from < 0 ? 1 : w.in[from];
        v.out[i] = from < 0 ? 1 : w.out[from];
        v.kernel[i] = from < 0 ? 1 : w.kernel[from];
        v.stride[i] = from < 0 ? 1 : w.stride[from];
        v.dilation[i] = from < 0 ? 1 : w.dilation[from];
        v.pad[i] = from < 0 ? 0 : w.pad[from];
    }
    return v;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 2);
    struct rd_tensor *out = c->out[0];
    struct rd_window w;
    rd_status st = rd_op_window(c, &w);

    if (st)
        return st;
    out->dtype = c->in[0]->dtype;
    out->ndim = w.dims + 2;
    out->dim[0] = c->in[0]->dim[0];
    out->dim[1] = c->in[1]->dim[0];
    memcpy(out->dim + 2, w.out, (size_t)w.dims * sizeof(*w.out));
    if (bias && (bias->ndim != 1 ||
                    (bias->dim[0] != out->dim[1] && bias->dim[0] != -1 && out->dim[1] != -1)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the bias must have one entry for each of %lld output channels",
            (long long)out->dim[1]);
    return RD_OK;
}

/* --- the reference: one row of outputs against one weight --- */

/* y[i] += w x[i * stride]; or dx from g; or the sum for dw, which is returned. */
static double row(enum rd_conv_job job, double *y, double *x, int64_t n, int64_t stride, double w)
{
    double sum = 0;

    switch (job) {
    case RD_CONV_FORWARD:
        for (int64_t i = 0; i < n; i++)
            y[i] += w * x[i * stride];
        break;
    case RD_CONV_BACK_DATA:
        for (int64_t i = 0; i < n; i++)
            x[i * stride] += w * y[i];
        break;
    case RD_CONV_BACK_WEIGHT:
        for (int64_t i = 0; i < n; i++)
            sum += y[i] * x[i * stride];
        break;
    }
    return sum;
}

/* Outputs first..behind of an axis whose input at kernel tap k lies inside. */
static void inside(
    const struct rd_convolution *v, int axis, int64_t k, int64_t *first, int64_t *behind)
{
    const int64_t shift = v->pad[axis] - k * v->dilation[axis], s = v->stride[axis];
    const int64_t last = v->in[axis] - 1 + shift; /* largest out * s */

    *first = shift > 0 ? (shift + s - 1) / s : 0;
    *behind = last < 0 ? 0 : last / s + 1;
    if (*behind > v->out[axis])
        *behind = v->out[axis];
}

/* All of the taps of one (output channel, input channel) pair of planes. */
static void planes(
    const struct rd_convolution *v, enum rd_conv_job job, double *y, double *x, double *w)
{
    int64_t z0, z1, y0, y1, x0, x1;

    for (int64_t kz = 0; kz < v->kernel[0]; kz++) {
        inside(v, 0, kz, &z0, &z1);
        for (int64_t ky = 0; ky < v->kernel[1]; ky++) {
            inside(v, 1, ky, &y0, &y1);
            for (int64_t kx = 0; kx < v->kernel[2]; kx++, w++) {
                double sum = 0;

                inside(v, 2, kx, &x0, &x1);
                for (int64_t oz = z0; oz < z1; oz++)
                    for (int64_t oy = y0; oy < y1 && x0 < x1; oy++) {
                        const int64_t iz = oz * v->stride[0] - v->pad[0] + kz * v->dilation[0];
                        const int64_t iy = oy * v->stride[1] - v->pad[1] + ky * v->dilation[1];
                        const int64_t ix = x0 * v->stride[2] - v->pad[2] + kx * v->dilation[2];

                        sum += row(job, y + (oz * v->out[1] + oy) * v->out[2] + x0,
                            x + (iz * v->in[1] + iy) * v->in[2] + ix, x1 - x0, v->stride[2], *w);
                    }
                if (job == RD_CONV_BACK_WEIGHT)
                    *w += sum;
            }
        }
    }
}

void rd_conv_reference(
    const struct rd_convolution *v, enum rd_conv_job job, double *y, double *x, double *w)
{
    const size_t in = (size_t)(v->in[0] * v->in[1] * v->in[2]);
    const size_t out = (size_t)(v->out[0] * v->out[1] * v->out[2]);
    const size_t taps = (size_t)(v->kernel[0] * v->kernel[1] * v->kernel[2]);
    const size_t each_c = v->c / v->group, each_m = v->m / v->group;

    for (size_t n = 0; n < v->n; n++)
        for (size_t m = 0; m < v->m; m++)
            for (size_t c = 0; c < each_c; c++)
                planes(v, job, y + (n * v->m + m) * out,
                    x + (n * v->c + m / each_m * each_c + c) * in, w + (m * each_c + c) * taps);
}

/* --- rows --- */

static size_t scratch(const struct rd_op_call *c)
{
    const struct rd_convolution v = conv_of(c);
    size_t wide = 0;

    if (rd_conv_is_fast(c, &v)) {
        wide = rd_conv_floats(rd_conv_fast_scratch(c->kernels, &v));
        if (c->din && c->din[0])
            wide += rd_conv_floats(rd_tensor_count(c->in[0]));
        if (c->din && (c->din[1] || rd_op_din(c, 2)))
            wide += rd_conv_floats(rd_tensor_count(c->in[1])) + rd_conv_floats(v.m);
        return wide;
    }
    for (int i = 0; i < 3; i++)
        wide += rd_op_wide_size(rd_op_in(c, i));
    return 2 * wide + rd_op_wide_size(c->out[0]);
}

double *rd_conv_wide(struct rd_op_call *c, const struct rd_tensor *t)
{
    const double *from = rd_op_wide(c, t);
    double *to;

    if (from != t->data)
        return (double *)(uintptr_t)from; /* made in scratch just now */
    to = rd_op_take(c, rd_op_wide_size(t));
    memcpy(to, from, rd_tensor_bytes(t));
    return to;
}

double *rd_conv_zeros(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *p = rd_op_take(c, rd_op_wide_size(t));

    memset(p, 0, rd_tensor_count(t) * sizeof(*p));
    return p;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rd_convolution v = conv_of(c);
    const struct rd_tensor *bias = rd_op_in(c, 2);
    const size_t out = (size_t)(v.out[0] * v.out[1] * v.out[2]);
    double *x, *w, *y;
    const double *b;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (rd_conv_is_fast(c, &v)) {
        rd_conv_fast(c->kernels, &v, RD_CONV_FORWARD, c->out[0]->data, c->in[0]->data,
            c->in[1]->data, bias ? bias->data : NULL, NULL,
            rd_op_take(c, rd_conv_floats(rd_conv_fast_scratch(c->kernels, &v))));
        return RD_OK;
    }
    x = rd_conv_wide(c, c->in[0]);
    w = rd_conv_wide(c, c->in[1]);
    b = bias ? rd_op_wide(c, bias) : NULL;
    y = rd_conv_zeros(c, c->out[0]);
    for (size_t i = 0; b && i < v.n * v.m; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] = b[i % v.m];
    rd_conv_reference(&v, RD_CONV_FORWARD, y, x, w);
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

void rd_conv_add(struct rd_tensor *t, const float *v)
{
    float *to = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        to[i] += v[i];
}

static rd_status backward(struct rd_op_call *c)
{
    const struct rd_convolution v = conv_of(c);
    const size_t out = (size_t)(v.out[0] * v.out[1] * v.out[2]);
    struct rd_tensor *dx = c->din[0], *dw = c->din[1], *db = rd_op_din(c, 2);
    double *g, *x, *w;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (rd_conv_is_fast(c, &v)) {
        float *work = rd_op_take(c, rd_conv_floats(rd_conv_fast_scratch(c->kernels, &v)));

        if (dx) {
            float *fresh = rd_op_take(c, rd_conv_floats(rd_tensor_count(dx)));

            rd_conv_fast(c->kernels, &v, RD_CONV_BACK_DATA, c->dout[0]->data, fresh, c->in[1]->data,
                NULL, NULL, work);
            rd_conv_add(dx, fresh);
        }
        if (dw || db) {
            float *fresh = rd_op_take(c, rd_conv_floats(rd_tensor_count(c->in[1])));
            float *fresh_b = rd_op_take(c, rd_conv_floats(v.m));

            rd_conv_fast(c->kernels, &v, RD_CONV_BACK_WEIGHT, c->dout[0]->data, c->in[0]->data,
                fresh, NULL, fresh_b, work);
            if (dw)
                rd_conv_add(dw, fresh);
            if (db)
                rd_conv_add(db, fresh_b);
        }
        return RD_OK;
    }
    g = rd_conv_wide(c, c->dout[0]);
    if (dx) {
        x = rd_conv_zeros(c, dx);
        rd_conv_reference(&v, RD_CONV_BACK_DATA, g, x, rd_conv_wide(c, c->in[1]));
        rd_op_narrow(x, dx, true);
    }
    if (dw) {
        w = rd_conv_zeros(c, dw);
        rd_conv_reference(&v, RD_CONV_BACK_WEIGHT, g, rd_conv_wide(c, c->in[0]), w);
        rd_op_narrow(w, dw, true);
    }
    if (db) {
        double *b = rd_conv_zeros(c, db);

        for (size_t i = 0; i < v.n * v.m; i++)
            for (size_t j = 0; j < out; j++)
                b[i % v.m] += g[i * out + j];
        rd_op_narrow(b, db, true);
    }
    return RD_OK;
}

/* Taps in the padding count as work: kernels do them. */
static double flops(const struct rd_op_call *c)
{
    const struct rd_tensor *w = c->in[1];
    const double n = (double)rd_tensor_count(c->out[0]);

    return 2 * n * (double)rd_tensor_count(w) / (double)(w->dim[0] > 0 ? w->dim[0] : 1) +
           (rd_op_in(c, 2) ? n : 0);
}

bool rd_conv_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && !(c->node->n_inputs > 2 && batched[2]);
}

static const struct rd_op_attr attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 1, 0, false },
    { "dilations", RD_ATTR_INTS, 1, 0, false },
    { "group", RD_ATTR_INT, 1, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 1, 0, false },
    { "pads", RD_ATTR_INTS, 1, 0, false },
    { "strides", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_conv = {
    .op = "Conv",
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
