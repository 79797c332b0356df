/*
 * op_conv.c - Conv and ConvTranspose over one to three spatial axes.
 *
 * x (n, c, spatial), w (m, c / group, kernel), b (m) -> y (n, m, spatial). float32 over one or two
 * axes goes through the kernels when the caller has them; all else, and the reference, is computed
 * in float64 and rounded once.
 */
#include "graph/op.h"

#include "tensor/kernel.h"

#include <string.h>

enum { D = RD_WINDOW_DIMS };

/* The window with its missing leading axes filled in by ones. */
struct conv {
    size_t n, c, m, group;
    int64_t in[D], out[D], kernel[D], stride[D], dilation[D], pad[D];
};

static struct conv conv_of(const struct rd_op_call *c)
{
    struct rd_window w;
    struct conv v = { 0 };

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

enum job { FORWARD, BACK_DATA, BACK_WEIGHT };

/* y[i] += w x[i * stride]; or dx from g; or the sum for dw, which is returned. */
static double row(enum job job, double *y, double *x, int64_t n, int64_t stride, double w)
{
    double sum = 0;

    switch (job) {
    case FORWARD:
        for (int64_t i = 0; i < n; i++)
            y[i] += w * x[i * stride];
        break;
    case BACK_DATA:
        for (int64_t i = 0; i < n; i++)
            x[i * stride] += w * y[i];
        break;
    case BACK_WEIGHT:
        for (int64_t i = 0; i < n; i++)
            sum += y[i] * x[i * stride];
        break;
    }
    return sum;
}

/* Outputs first..behind of an axis whose input at kernel tap k lies inside. */
static void inside(const struct conv *v, int axis, int64_t k, int64_t *first, int64_t *behind)
{
    const int64_t shift = v->pad[axis] - k * v->dilation[axis], s = v->stride[axis];
    const int64_t last = v->in[axis] - 1 + shift; /* largest out * s */

    *first = shift > 0 ? (shift + s - 1) / s : 0;
    *behind = last < 0 ? 0 : last / s + 1;
    if (*behind > v->out[axis])
        *behind = v->out[axis];
}

/* All of the taps of one (output channel, input channel) pair of planes. */
static void planes(const struct conv *v, enum job job, double *y, double *x, double *w)
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
                if (job == BACK_WEIGHT)
                    *w += sum;
            }
        }
    }
}

static void reference(const struct conv *v, enum job job, double *y, double *x, double *w)
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

static bool by_kernels(const struct rd_op_call *c, const struct conv *v, struct rd_conv *k)
{
    if (!c->kernels || c->in[0]->dtype != RD_F32 || c->in[0]->ndim > 4)
        return false;
    *k = (struct rd_conv){ .n = v->n,
        .c = v->c,
        .h = (size_t)v->in[1],
        .w = (size_t)v->in[2],
        .o = v->m,
        .group = v->group,
        .kh = (size_t)v->kernel[1],
        .kw = (size_t)v->kernel[2],
        .oh = (size_t)v->out[1],
        .ow = (size_t)v->out[2],
        .stride_h = (size_t)v->stride[1],
        .stride_w = (size_t)v->stride[2],
        .dilation_h = (size_t)v->dilation[1],
        .dilation_w = (size_t)v->dilation[2],
        .pad_top = (size_t)v->pad[1],
        .pad_left = (size_t)v->pad[2] };
    /* The far pads that the outputs really reach. */
    k->pad_bottom = (k->oh - 1) * k->stride_h + (k->kh - 1) * k->dilation_h + 1;
    k->pad_bottom = k->pad_bottom > k->h + k->pad_top ? k->pad_bottom - k->h - k->pad_top : 0;
    k->pad_right = (k->ow - 1) * k->stride_w + (k->kw - 1) * k->dilation_w + 1;
    k->pad_right = k->pad_right > k->w + k->pad_left ? k->pad_right - k->w - k->pad_left : 0;
    return rd_conv_scratch(c->kernels, k) > 0;
}

static size_t floats(size_t n)
{
    return (n * sizeof(float) + 63) / 64 * 64;
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct conv v = conv_of(c);
    struct rd_conv k;
    size_t wide = 0;

    if (by_kernels(c, &v, &k)) {
        wide = floats(rd_conv_scratch(c->kernels, &k));
        if (c->din && c->din[0])
            wide += floats(rd_tensor_count(c->in[0]));
        if (c->din && (c->din[1] || rd_op_din(c, 2)))
            wide += floats(rd_tensor_count(c->in[1])) + floats(v.m);
        return wide;
    }
    for (int i = 0; i < 3; i++)
        wide += rd_op_wide_size(rd_op_in(c, i));
    return 2 * wide + rd_op_wide_size(c->out[0]);
}

/* A copy in float64 that may be written. */
static double *wide_copy(struct rd_op_call *c, const struct rd_tensor *t)
{
    const double *from = rd_op_wide(c, t);
    double *to;

    if (from != t->data)
        return (double *)(uintptr_t)from; /* made in scratch just now */
    to = rd_op_take(c, rd_op_wide_size(t));
    memcpy(to, from, rd_tensor_bytes(t));
    return to;
}

static double *zeros(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *p = rd_op_take(c, rd_op_wide_size(t));

    memset(p, 0, rd_tensor_count(t) * sizeof(*p));
    return p;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct conv v = conv_of(c);
    const struct rd_tensor *bias = rd_op_in(c, 2);
    const size_t out = (size_t)(v.out[0] * v.out[1] * v.out[2]);
    struct rd_conv k;
    double *x, *w, *y;
    const double *b;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (by_kernels(c, &v, &k)) {
        rd_conv_forward(c->kernels, &k, c->in[0]->data, c->in[1]->data, bias ? bias->data : NULL,
            c->out[0]->data, rd_op_take(c, floats(rd_conv_scratch(c->kernels, &k))));
        return RD_OK;
    }
    x = wide_copy(c, c->in[0]);
    w = wide_copy(c, c->in[1]);
    b = bias ? rd_op_wide(c, bias) : NULL;
    y = zeros(c, c->out[0]);
    for (size_t i = 0; b && i < v.n * v.m; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] = b[i % v.m];
    reference(&v, FORWARD, y, x, w);
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static void add_floats(struct rd_tensor *t, const float *v)
{
    float *to = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        to[i] += v[i];
}

static rd_status backward(struct rd_op_call *c)
{
    const struct conv v = conv_of(c);
    const size_t out = (size_t)(v.out[0] * v.out[1] * v.out[2]);
    struct rd_tensor *dx = c->din[0], *dw = c->din[1], *db = rd_op_din(c, 2);
    struct rd_conv k;
    double *g, *x, *w;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (by_kernels(c, &v, &k)) {
        float *work = rd_op_take(c, floats(rd_conv_scratch(c->kernels, &k)));

        if (dx) {
            float *fresh = rd_op_take(c, floats(rd_tensor_count(dx)));

            rd_conv_backward_data(c->kernels, &k, c->in[1]->data, c->dout[0]->data, fresh, work);
            add_floats(dx, fresh);
        }
        if (dw || db) {
            float *fresh = rd_op_take(c, floats(rd_tensor_count(c->in[1])));
            float *fresh_b = rd_op_take(c, floats(v.m));

            rd_conv_backward_weights(
                c->kernels, &k, c->in[0]->data, c->dout[0]->data, fresh, fresh_b, work);
            if (dw)
                add_floats(dw, fresh);
            if (db)
                add_floats(db, fresh_b);
        }
        return RD_OK;
    }
    g = wide_copy(c, c->dout[0]);
    if (dx) {
        x = zeros(c, dx);
        reference(&v, BACK_DATA, g, x, wide_copy(c, c->in[1]));
        rd_op_narrow(x, dx, true);
    }
    if (dw) {
        w = zeros(c, dw);
        reference(&v, BACK_WEIGHT, g, wide_copy(c, c->in[0]), w);
        rd_op_narrow(w, dw, true);
    }
    if (db) {
        double *b = zeros(c, db);

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

static bool rows(const struct rd_op_call *c, const bool *batched)
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
    .per_example = rows,
};

/*
 * --- ConvTranspose: Conv's derivative with respect to its input, so Conv's loops with the roles of
 * x and y exchanged. x (n, c, spatial), w (c, m / group, kernel), b (m) -> y (n, m, spatial). In
 * float64, rounded once. ---
 */

static rd_status turned_entry(
    struct rd_op_call *c, const char *name, int dims, int i, int64_t least, int64_t *inout)
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
static rd_status turned_axis(struct rd_op_call *c, int dims, int i, struct conv *v)
{
    const int64_t in = c->in[0]->dim[i + 2], k = c->in[1]->dim[i + 2];
    const int d = i + D - dims;
    const bool upper = rd_op_str_is(c->node, "auto_pad", "SAME_UPPER");
    const bool same = upper || rd_op_str_is(c->node, "auto_pad", "SAME_LOWER");
    const bool valid = rd_op_str_is(c->node, "auto_pad", "VALID");
    int64_t more = 0, end = 0, kernel = k, full, total;
    bool given = rd_op_attr(c->node, "output_shape") != NULL;
    rd_status st = turned_entry(c, "strides", dims, i, 1, &v->stride[d]);

    if (!st)
        st = turned_entry(c, "dilations", dims, i, 1, &v->dilation[d]);
    if (!st)
        st = turned_entry(c, "output_padding", dims, i, 0, &more);
    if (!st && k >= 0)
        st = turned_entry(c, "kernel_shape", dims, i, 1, &kernel);
    if (!st && !valid)
        st = turned_entry(c, "pads", 2 * dims, i, 0, &v->pad[d]);
    if (!st && !valid)
        st = turned_entry(c, "pads", 2 * dims, i + dims, 0, &end);
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
        st = turned_entry(c, "output_shape", dims, i, 1, &v->in[d]);
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

static rd_status turned_of(struct rd_op_call *c, struct conv *v)
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
    *v = (struct conv){ .n = (size_t)x->dim[0],
        .m = (size_t)w->dim[0],
        .c = (size_t)(w->dim[1] * group),
        .group = (size_t)group };
    for (int i = 0; i < D; i++)
        v->in[i] = v->out[i] = v->kernel[i] = v->stride[i] = v->dilation[i] = 1;
    for (int i = 0; i < dims && !st; i++)
        st = turned_axis(c, dims, i, v);
    return st;
}

static rd_status turned_infer(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 2), *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    struct conv v;
    rd_status st = turned_of(c, &v);

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

static rd_status turned_forward(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 2);
    const double *b = bias ? rd_op_wide(c, bias) : NULL;
    struct conv v;
    double *y;
    size_t out;

    (void)turned_of(c, &v);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    out = (size_t)(v.in[0] * v.in[1] * v.in[2]);
    y = zeros(c, c->out[0]);
    for (size_t i = 0; b && i < v.n * v.c; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] = b[i % v.c];
    reference(&v, BACK_DATA, wide_copy(c, c->in[0]), y, wide_copy(c, c->in[1]));
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status turned_backward(struct rd_op_call *c)
{
    struct rd_tensor *dx = c->din[0], *dw = c->din[1], *db = rd_op_din(c, 2);
    struct conv v;
    double *g;
    size_t out;

    (void)turned_of(c, &v);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    out = (size_t)(v.in[0] * v.in[1] * v.in[2]);
    g = wide_copy(c, c->dout[0]);
    if (dx) {
        double *x = zeros(c, dx);

        reference(&v, FORWARD, x, g, wide_copy(c, c->in[1]));
        rd_op_narrow(x, dx, true);
    }
    if (dw) {
        double *w = zeros(c, dw);

        reference(&v, BACK_WEIGHT, wide_copy(c, c->in[0]), g, w);
        rd_op_narrow(w, dw, true);
    }
    if (db) {
        double *b = zeros(c, db);

        for (size_t i = 0; i < v.n * v.c; i++)
            for (size_t j = 0; j < out; j++)
                b[i % v.c] += g[i * out + j];
        rd_op_narrow(b, db, true);
    }
    return RD_OK;
}

static size_t turned_scratch(const struct rd_op_call *c)
{
    size_t wide = 2 * rd_op_wide_size(c->out[0]);

    for (int i = 0; i < 3; i++)
        wide += 2 * rd_op_wide_size(rd_op_in(c, i));
    return wide;
}

static double turned_flops(const struct rd_op_call *c)
{
    const double m = c->in[1]->dim[0] > 0 ? (double)c->in[1]->dim[0] : 1;

    return 2 * (double)rd_tensor_count(c->in[0]) * (double)rd_tensor_count(c->in[1]) / m +
           (double)rd_tensor_count(c->out[0]);
}

static const struct rd_op_attr turned_attrs[] = {
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
    .attrs = turned_attrs,
    .infer = turned_infer,
    .forward = turned_forward,
    .backward = turned_backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = turned_scratch,
    .flops = turned_flops,
    .per_example = rows,
};
