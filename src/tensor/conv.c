/* conv.c - 2-D convolution of NCHW tensors through NHWC pieces with a halo: image by image, group
 * by group. */
#include "tensor/kernel.h"

#include <string.h>

/* The pieces of scratch, in floats; each starts on 64 bytes. */
struct parts {
    size_t image;   /* one group of one input image: pixels with halo         */
    size_t out;     /* one group of one output image: pixels                  */
    size_t columns; /* one row of output pixels by (kh * kw * c): data gradient */
    size_t packed;  /* weights of all groups                                  */
    size_t bias;    /* of all groups                                          */
    size_t dw;      /* (kh * kw * c, o) of one group                          */
    size_t total;
};

static bool add_part(size_t *part, size_t count, size_t *total)
{
    if (__builtin_add_overflow(count, (size_t)15, &count))
        return false;
    *part = *total;
    return !__builtin_add_overflow(*total, count / 16 * 16, total);
}

static bool product(size_t *out, size_t a, size_t b, size_t c)
{
    return !__builtin_mul_overflow(a, b, out) && !__builtin_mul_overflow(*out, c, out);
}

static bool lay_out(const struct rd_kernels *kernels, const struct rd_conv *c, struct parts *p)
{
    const size_t ic = c->c / c->group, oc = c->o / c->group;
    const size_t ph = c->h + c->pad_top + c->pad_bottom, pw = c->w + c->pad_left + c->pad_right;
    size_t taps, image, out, columns, packed, packed_back, dw;

    *p = (struct parts){ 0 };
    if (!product(&taps, c->kh, c->kw, ic) || !product(&image, ph, pw, ic) ||
        !product(&out, c->oh, c->ow, oc) || !product(&columns, c->ow, taps, 1) ||
        !product(&packed, taps, rd_packed_width(kernels, oc), c->group) ||
        !product(&packed_back, oc, rd_packed_width(kernels, taps), c->group) ||
        !product(&dw, taps, oc, 1))
        return false;
    if (packed_back > packed)
        packed = packed_back;
    return add_part(&p->image, image, &p->total) && add_part(&p->out, out, &p->total) &&
           add_part(&p->columns, columns, &p->total) && add_part(&p->packed, packed, &p->total) &&
           add_part(&p->bias, c->group * rd_packed_width(kernels, oc), &p->total) &&
           add_part(&p->dw, dw, &p->total);
}

size_t rd_conv_scratch(const struct rd_kernels *kernels, const struct rd_conv *c)
{
    struct parts p;

    return lay_out(kernels, c, &p) ? p.total : 0;
}

/* Channels of one group of one image -> pixels with the halo of zeros. */
static void to_image(const struct rd_conv *c, const float *x, float *image)
{
    const size_t ic = c->c / c->group;
    const size_t pw = c->w + c->pad_left + c->pad_right, ph = c->h + c->pad_top + c->pad_bottom;
    const size_t row = pw * ic;

    memset(image, 0, ph * row * sizeof *image);
    for (size_t y = 0; y < c->h; y++)
        for (size_t ch = 0; ch < ic; ch++) {
            const float *from = x + (ch * c->h + y) * c->w;
            float *to = image + (y + c->pad_top) * row + c->pad_left * ic + ch;

            for (size_t i = 0; i < c->w; i++)
                to[i * ic] = from[i];
        }
}

void rd_conv_forward(const struct rd_kernels *kernels, const struct rd_conv *c, const float *x,
    const float *w, const float *bias, float *y, float *scratch)
{
    const size_t ic = c->c / c->group, oc = c->o / c->group, taps = c->kh * c->kw;
    const size_t width = rd_packed_width(kernels, oc);
    const size_t row = (c->w + c->pad_left + c->pad_right) * ic;
    struct parts p;
    float *image, *out, *packed, *padded;

    if (!lay_out(kernels, c, &p))
        return;
    image = scratch + p.image;
    out = scratch + p.out;
    packed = scratch + p.packed;
    padded = scratch + p.bias;
    memset(padded, 0, c->group * width * sizeof *padded);
    for (size_t g = 0; g < c->group; g++) {
        /* w is (o, ic, taps); the kernel wants rows (tap, ic). Pack from a transposed copy of each
         * tap. */
        float *turned = scratch + p.dw;

        for (size_t o = 0; o < oc; o++)
            for (size_t i = 0; i < ic; i++)
                for (size_t t = 0; t < taps; t++)
                    turned[(t * ic + i) * oc + o] = w[((g * oc + o) * ic + i) * taps + t];
        rd_pack(kernels, turned, taps * ic, oc, (ptrdiff_t)oc, 1, packed + g * width * taps * ic);
        if (bias)
            memcpy(padded + g * width, bias + g * oc, oc * sizeof *padded);
    }
    for (size_t n = 0; n < c->n; n++)
        for (size_t g = 0; g < c->group; g++) {
            const bool run = c->dilation_w == 1; /* a whole kernel row is contiguous */
            struct rd_rows q = {
                .packed = packed + g * width * taps * ic,
                .bias = bias ? padded + g * width : NULL,
                .rows = c->ow,
                .n = oc,
                .ny = c->kh,
                .nx = run ? 1 : c->kw,
                .len = run ? c->kw * ic : ic,
                .in_step = (ptrdiff_t)(c->stride_w * ic),
                .y_step = (ptrdiff_t)(c->dilation_h * row),
                .x_step = (ptrdiff_t)(c->dilation_w * ic),
                .out_step = (ptrdiff_t)oc,
            };

            to_image(c, x + (n * c->c + g * ic) * c->h * c->w, image);
            for (size_t oy = 0; oy < c->oh; oy++) {
                q.in = image + oy * c->stride_h * row;
                q.out = out + oy * c->ow * oc;
                kernels->rows(&q);
            }
            rd_to_planes(
                out, (ptrdiff_t)oc, oc, c->oh * c->ow, y + (n * c->o + g * oc) * c->oh * c->ow);
        }
}

/* Columns of one output row added to the input's pixels: (ow, kh, kw, ic) -> image with halo. */
static void add_columns(const struct rd_kernels *kernels, const struct rd_conv *c,
    const float *columns, float *image, size_t oy)
{
    const size_t ic = c->c / c->group, row = (c->w + c->pad_left + c->pad_right) * ic;
    /* Neighboring taps write neighboring pixels: a row of them at once. */
    const size_t runs = c->dilation_w == 1 ? 1 : c->kw, run = c->dilation_w == 1 ? c->kw * ic : ic;

    for (size_t ox = 0; ox < c->ow; ox++)
        for (size_t ky = 0; ky < c->kh; ky++) {
            float *to =
                image + (oy * c->stride_h + ky * c->dilation_h) * row + ox * c->stride_w * ic;

            for (size_t r = 0; r < runs; r++, columns += run, to += c->dilation_w * ic)
                kernels->add(to, columns, to, run);
        }
}

void rd_conv_backward_data(const struct rd_kernels *kernels, const struct rd_conv *c,
    const float *w, const float *dy, float *dx, float *scratch)
{
    const size_t ic = c->c / c->group, oc = c->o / c->group, taps = c->kh * c->kw;
    const size_t pw = c->w + c->pad_left + c->pad_right, ph = c->h + c->pad_top + c->pad_bottom;
    const size_t width = rd_packed_width(kernels, taps * ic);
    struct parts p;
    float *image, *out, *packed, *columns;

    if (!lay_out(kernels, c, &p))
        return;
    image = scratch + p.image;
    out = scratch + p.out;
    packed = scratch + p.packed;
    columns = scratch + p.columns;
    for (size_t g = 0; g < c->group; g++) {
        float *turned = scratch + p.dw;

        for (size_t o = 0; o < oc; o++)
            for (size_t i = 0; i < ic; i++)
                for (size_t t = 0; t < taps; t++)
                    turned[o * taps * ic + t * ic + i] = w[((g * oc + o) * ic + i) * taps + t];
        rd_pack(kernels, turned, oc, taps * ic, (ptrdiff_t)(taps * ic), 1, packed + g * width * oc);
    }
    for (size_t n = 0; n < c->n; n++)
        for (size_t g = 0; g < c->group; g++) {
            struct rd_rows q = {
                .packed = packed + g * width * oc,
                .out = columns,
                .rows = c->ow,
                .n = taps * ic,
                .ny = 1,
                .nx = 1,
                .len = oc,
                .in_step = (ptrdiff_t)oc,
                .out_step = (ptrdiff_t)(taps * ic),
            };

            rd_to_pixels(
                dy + (n * c->o + g * oc) * c->oh * c->ow, oc, c->oh * c->ow, out, (ptrdiff_t)oc);
            memset(image, 0, ph * pw * ic * sizeof *image);
            for (size_t oy = 0; oy < c->oh; oy++) {
                q.in = out + oy * c->ow * oc;
                kernels->rows(&q);
                add_columns(kernels, c, columns, image, oy);
            }
            for (size_t y = 0; y < c->h; y++)
                for (size_t i = 0; i < ic; i++)
                    for (size_t x = 0; x < c->w; x++)
                        dx[((n * c->c + g * ic + i) * c->h + y) * c->w + x] =
                            image[((y + c->pad_top) * pw + x + c->pad_left) * ic + i];
        }
}

void rd_conv_backward_weights(const struct rd_kernels *kernels, const struct rd_conv *c,
    const float *x, const float *dy, float *dw, float *db, float *scratch)
{
    const size_t ic = c->c / c->group, oc = c->o / c->group, taps = c->kh * c->kw;
    const size_t row = (c->w + c->pad_left + c->pad_right) * ic;
    struct parts p;
    float *image, *out, *part;

    if (!lay_out(kernels, c, &p))
        return;
    image = scratch + p.image;
    out = scratch + p.out;
    part = scratch + p.dw;
    if (db)
        memset(db, 0, c->o * sizeof *db);
    for (size_t g = 0; g < c->group; g++) {
        memset(part, 0, taps * ic * oc * sizeof *part);
        for (size_t n = 0; n < c->n; n++) {
            to_image(c, x + (n * c->c + g * ic) * c->h * c->w, image);
            rd_to_pixels(
                dy + (n * c->o + g * oc) * c->oh * c->ow, oc, c->oh * c->ow, out, (ptrdiff_t)oc);
            if (db)
                kernels->sum_rows(out, c->oh * c->ow, (ptrdiff_t)oc, oc, db + g * oc);
            for (size_t ky = 0; ky < c->kh; ky++)
                for (size_t kx = 0; kx < (c->dilation_w == 1 ? 1 : c->kw); kx++)
                    kernels->outer(&(struct rd_outer){
                        .x = image + ky * c->dilation_h * row + kx * c->dilation_w * ic,
                        .dy = out,
                        .dw = part + (ky * c->kw + kx) * ic * oc,
                        .len = c->dilation_w == 1 ? c->kw * ic : ic,
                        .n = oc,
                        .ny = c->oh,
                        .nx = c->ow,
                        .x_y = (ptrdiff_t)(c->stride_h * row),
                        .x_x = (ptrdiff_t)(c->stride_w * ic),
                        .dy_y = (ptrdiff_t)(c->ow * oc),
                        .dy_x = (ptrdiff_t)oc,
                        .dw_step = (ptrdiff_t)oc,
                    });
        }
        for (size_t o = 0; o < oc; o++)
            for (size_t i = 0; i < ic; i++)
                for (size_t t = 0; t < taps; t++)
                    dw[((g * oc + o) * ic + i) * taps + t] = part[(t * ic + i) * oc + o];
    }
}
