/*
 * plan_weight.c - gradients of a convolution's weights, in the order (ky, kx, c, o) of its rows, or
 * that of the weight itself where a kernel is one pixel.
 *
 * Where a kernel is small beside its images, each image's part is added on the way back, while
 * the image is in the cache ("early"), into a sum of the context's own; train_grad.c adds those up
 * in the order of the contexts. Where it is large, train_grad.c goes through the weights once for
 * as many images as the cache holds.
 */
#include "graph/plan_impl.h"

#include <string.h>

/* Fewer pixels do not pay for reading and writing the sums of an image. */
enum { EARLY_PIXELS = 128 };

bool plan_weight_early(const struct plan_code *code, const struct plan_step *s)
{
    return s->oh * s->ow >= EARLY_PIXELS &&
           s->forward_pack->k * s->forward_pack->n <=
               code->slot[s->in].count + s->oh * s->ow * code->slot[s->out].c;
}

bool plan_weight_direct(const struct plan_step *s)
{
    return s->kh == 1 && s->kw == 1;
}

const float *plan_conv_dy(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, size_t *row)
{
    const size_t o = code->slot[s->out].c;

    *row = (s->dy_left + s->ow + s->dy_right) * o;
    if (s->dy_is_grad)
        return plan_grad(code, ctx, s->out, i);
    return plan_buf_at(ctx, &s->dy, i) + s->dy_top * *row + s->dy_left * o;
}

const float *plan_conv_x(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];

    return plan_data(code, ctx, s->in, i) + plan_slot_inside(from) -
           s->pad_top * plan_slot_row(from) - s->pad_left * from->c;
}

void plan_conv_outer(
    const struct plan_code *code, const struct plan_step *s, struct rd_outer q, float *dw)
{
    const struct plan_slot *from = &code->slot[s->in];
    const size_t c = from->c, o = code->slot[s->out].c, row = plan_slot_row(from);
    const bool run = s->dilation_w == 1; /* a row of the kernel is contiguous */
    const float *x = q.x;

    q.ny = s->oh;
    q.nx = s->ow;
    q.x_y = (ptrdiff_t)(s->stride_h * row);
    q.x_x = (ptrdiff_t)(s->stride_w * c);
    q.dy_x = (ptrdiff_t)o;
    if (plan_weight_direct(s)) { /* (o, c): what is x and what dy is a matter of names */
        const struct rd_outer as_it_is = q;

        q.x = as_it_is.dy;
        q.xs = as_it_is.dys;
        q.dy = as_it_is.x;
        q.dys = as_it_is.xs;
        q.x_y = as_it_is.dy_y;
        q.x_x = as_it_is.dy_x;
        q.dy_y = as_it_is.x_y;
        q.dy_x = as_it_is.x_x;
        q.len = o;
        q.n = c;
        q.dw = dw;
        q.dw_step = (ptrdiff_t)c;
        code->kernels->outer(&q);
        return;
    }
    q.len = run ? s->kw * c : c;
    q.n = o;
    q.x_tap = (ptrdiff_t)(s->dilation_h * row);
    q.dw_step = (ptrdiff_t)o;
    q.dw_tap = (ptrdiff_t)(s->kw * c * o);
    for (size_t kx = 0; kx < (run ? 1 : s->kw); kx++) {
        q.x_first = (ptrdiff_t)(kx * s->dilation_w * c);
        q.x = x ? x + q.x_first : NULL;
        q.dw = dw + kx * c * o;
        code->kernels->outer(&q);
    }
}

void plan_conv_bias(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, float *db)
{
    enum { AT_ONCE = 64 };
    const size_t o = code->slot[s->out].c;
    size_t row;
    const float *dy = plan_conv_dy(code, ctx, s, i, &row);

    for (size_t j = 0; j < o; j += AT_ONCE) {
        /* Summed alone first: a running float32 sum over a batch's pixels would lose digits. */
        float one[AT_ONCE] = { 0 };
        const size_t n = o - j < AT_ONCE ? o - j : AT_ONCE;

        for (size_t y = 0; y < s->oh; y++)
            code->kernels->sum_rows(dy + y * row + j, s->ow, (ptrdiff_t)o, n, one);
        code->kernels->add(db + j, one, db + j, n);
    }
}

void plan_conv_early(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const size_t count = s->forward_pack->k * s->forward_pack->n;
    float *dw = plan_buf_at(ctx, &s->dw, 0);
    struct rd_outer q = { .x = plan_conv_x(code, ctx, s, i), .taps = s->kh };
    size_t row;

    if (i == 0)
        memset(dw, 0, s->dw.each * sizeof *dw);
    q.dy = plan_conv_dy(code, ctx, s, i, &row);
    q.dy_y = (ptrdiff_t)row;
    plan_conv_outer(code, s, q, dw);
    if (s->bias >= 0)
        plan_conv_bias(code, ctx, s, i, dw + count);
}
