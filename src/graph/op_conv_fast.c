/*
 * op_conv_fast.c - convolutions in float32 by the kernels, for Conv and ConvTranspose.
 *
 * One and two axes go to tensor/conv.c. With three, the places that one plane of outputs (all of
 * its last two axes) reads are gathered into columns, (channels x taps) by (places), and one matrix
 * product a group makes the plane, its data gradient or its share of the weight gradient. Images in
 * order, planes in order: bits do not depend on the batch.
 */
#include "graph/op_conv.h"

#include <string.h>

/* More would be a copy of the input many times over. */
static const size_t MOST_COLUMNS = (size_t)1 << 25;

static bool flat(
    const struct rd_convolution *v, const struct rd_kernels *kernels, struct rd_conv *k)
{
    if (v->in[0] != 1 || v->out[0] != 1 || v->kernel[0] != 1 || v->pad[0])
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
    return rd_conv_scratch(kernels, k) > 0;
}

/* Rows of the columns of one group: channels by taps. */
static size_t depth(const struct rd_convolution *v)
{
    return v->c / v->group * (size_t)(v->kernel[0] * v->kernel[1] * v->kernel[2]);
}

static size_t places(const struct rd_convolution *v)
{
    return (size_t)(v->out[1] * v->out[2]);
}

static size_t columns(const struct rd_convolution *v)
{
    size_t n;

    return __builtin_mul_overflow(depth(v), places(v), &n) || n > MOST_COLUMNS ? 0 : n;
}

bool rd_conv_is_fast(const struct rd_op_call *c, const struct rd_convolution *v)
{
    struct rd_conv k;

    return c->kernels && c->in[0]->dtype == RD_F32 && v->n && v->c && v->m &&
           (flat(v, c->kernels, &k) || columns(v) > 0);
}

size_t rd_conv_fast_scratch(const struct rd_kernels *kernels, const struct rd_convolution *v)
{
    struct rd_conv k;

    return flat(v, kernels, &k) ? rd_conv_scratch(kernels, &k) : columns(v);
}

/* Places o of an axis whose input i = o * stride + shift lies inside 0..in-1. */
static void inside(
    int64_t shift, int64_t stride, int64_t in, int64_t out, int64_t *first, int64_t *behind)
{
    *first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    *behind = in - 1 - shift < 0 ? 0 : (in - 1 - shift) / stride + 1;
    *behind = *behind < out ? *behind : out;
    *first = *first < *behind ? *first : *behind;
}

/* One group of one image at output plane oz: gathered into columns, or (back) added from there. */
static void plane_columns(
    const struct rd_convolution *v, int64_t oz, float *x, float *column, bool back)
{
    const size_t plane = (size_t)(v->in[1] * v->in[2]), n = places(v);

    for (size_t c = 0; c < v->c / v->group; c++)
        for (int64_t kz = 0; kz < v->kernel[0]; kz++)
            for (int64_t ky = 0; ky < v->kernel[1]; ky++)
                for (int64_t kx = 0; kx < v->kernel[2]; kx++, column += n) {
                    const int64_t iz = oz * v->stride[0] - v->pad[0] + kz * v->dilation[0];
                    const int64_t sy = ky * v->dilation[1] - v->pad[1];
                    const int64_t sx = kx * v->dilation[2] - v->pad[2], step = v->stride[2];
                    int64_t y0 = 0, y1 = 0, x0 = 0, x1 = 0;

                    if (iz >= 0 && iz < v->in[0]) {
                        inside(sy, v->stride[1], v->in[1], v->out[1], &y0, &y1);
                        inside(sx, step, v->in[2], v->out[2], &x0, &x1);
                    }
                    if (!back)
                        memset(column, 0, n * sizeof *column);
                    for (int64_t oy = y0; oy < y1 && x0 < x1; oy++) {
                        float *from = x + (c * (size_t)v->in[0] + (size_t)iz) * plane +
                                      (oy * v->stride[1] + sy) * v->in[2] + x0 * step + sx;
                        float *to = column + oy * v->out[2] + x0;

                        for (int64_t i = 0; i < x1 - x0; i++)
                            if (back)
                                from[i * step] += to[i];
                            else
                                to[i] = from[i * step];
                    }
                }
}

/* One plane of one group of one image. */
static void plane_job(const struct rd_kernels *kernels, const struct rd_convolution *v,
    enum rd_conv_job job, int64_t oz, float *y, float *x, float *w, float *column)
{
    const size_t line = (size_t)v->out[0] * places(v), m = v->m / v->group, k = depth(v);
    struct rd_gemm g = { .m = m, .n = places(v), .k = k, .a = w, .lda = k, .b = column };

    y += (size_t)oz * places(v);
    g.ldb = places(v);
    if (job != RD_CONV_BACK_DATA)
        plane_columns(v, oz, x, column, false);
    switch (job) {
    case RD_CONV_FORWARD:
        g.c = y;
        g.ldc = line;
        break;
    case RD_CONV_BACK_DATA: /* columns = w^T y */
        g = (struct rd_gemm){ .m = k, .n = places(v), .k = m, .a = w, .lda = k, .trans_a = true };
        g.b = y;
        g.ldb = line;
        g.c = column;
        g.ldc = places(v);
        break;
    case RD_CONV_BACK_WEIGHT: /* w += y columns^T */
        g = (struct rd_gemm){ .m = m, .n = k, .k = places(v), .a = y, .lda = line };
        g.b = column;
        g.ldb = places(v);
        g.trans_b = g.accumulate = true;
        g.c = w;
        g.ldc = k;
        break;
    }
    rd_sgemm(kernels, &g);
    if (job == RD_CONV_BACK_DATA)
        plane_columns(v, oz, x, column, true);
}

static void volume(const struct rd_kernels *kernels, const struct rd_convolution *v,
    enum rd_conv_job job, float *y, float *x, float *w, const float *bias, float *db, float *column)
{
    const size_t in = (size_t)(v->in[0] * v->in[1] * v->in[2]);
    const size_t out = (size_t)v->out[0] * places(v), m = v->m / v->group;

    if (job == RD_CONV_BACK_DATA)
        memset(x, 0, v->n * v->c * in * sizeof *x);
    if (job == RD_CONV_BACK_WEIGHT)
        memset(w, 0, v->m * depth(v) * sizeof *w);
    for (size_t n = 0; n < v->n; n++)
        for (size_t g = 0; g < v->group; g++)
            for (int64_t oz = 0; oz < v->out[0]; oz++)
                plane_job(kernels, v, job, oz, y + (n * v->m + g * m) * out,
                    x + (n * v->c + g * (v->c / v->group)) * in, w + g * m * depth(v), column);
    for (size_t i = 0; bias && i < v->n * v->m; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] += bias[i % v->m];
    if (db)
        memset(db, 0, v->m * sizeof *db);
    for (size_t i = 0; db && i < v->n * v->m; i++)
        db[i % v->m] += (float)kernels->sum(y + i * out, out);
}

void rd_conv_fast(const struct rd_kernels *kernels, const struct rd_convolution *v,
    enum rd_conv_job job, float *y, float *x, float *w, const float *bias, float *db,
    float *scratch)
{
    struct rd_conv k;

    if (!flat(v, kernels, &k)) {
        volume(kernels, v, job, y, x, w, bias, db, scratch);
        return;
    }
    switch (job) {
    case RD_CONV_FORWARD:
        rd_conv_forward(kernels, &k, x, w, bias, y, scratch);
        break;
    case RD_CONV_BACK_DATA:
        rd_conv_backward_data(kernels, &k, w, y, x, scratch);
        break;
    case RD_CONV_BACK_WEIGHT:
        rd_conv_backward_weights(kernels, &k, x, y, w, db, scratch);
        break;
    }
}
