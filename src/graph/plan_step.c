/* plan_step.c - the fast steps of a plan, forward and backward, on a range of a context's examples.
 */
#include "graph/plan_impl.h"

#include "base/rng.h"

#include <string.h>

/* --- where things are --- */

float *plan_buf_at(const struct plan_context *ctx, const struct plan_buf *buf, size_t i)
{
    return ctx->mem + buf->offset + (buf->local || buf->fixed ? 0 : i * buf->each);
}

float *plan_data(const struct plan_code *code, const struct plan_context *ctx, int slot, size_t i)
{
    if (slot == code->input) /* read only; the cast is undone by every reader */
        return (float *)(uintptr_t)(ctx->x + i * code->inputs);
    return plan_buf_at(ctx, &code->slot[slot].data, i);
}

float *plan_grad(const struct plan_code *code, const struct plan_context *ctx, int slot, size_t i)
{
    if (slot == code->input)
        return ctx->dx + i * code->inputs;
    if (slot == code->output && ctx->cotangent)
        return (float *)(uintptr_t)(ctx->cotangent + i * code->outputs);
    return plan_buf_at(ctx, &code->slot[slot].grad, i);
}

size_t plan_slot_row(const struct plan_slot *slot)
{
    return (slot->left + slot->w + slot->right) * slot->c;
}

size_t plan_slot_inside(const struct plan_slot *slot)
{
    return slot->top * plan_slot_row(slot) + slot->left * slot->c;
}

const struct rd_tensor *plan_weight(const struct plan_code *code, int value)
{
    return code->aligned[value] ? code->aligned[value] : code->graph->value[value].weight;
}

/* Zeros around (h, w, c) at p, rows of `row` floats. */
static void zero_halo(
    float *p, size_t top, size_t left, size_t bottom, size_t right, size_t h, size_t w, size_t c)
{
    const size_t row = (left + w + right) * c;

    if (!(top | left | bottom | right))
        return;
    memset(p, 0, (top * row + left * c) * sizeof *p);
    for (size_t y = 0; y + 1 < h; y++)
        memset(p + (top + y) * row + (left + w) * c, 0, (right + left) * c * sizeof *p);
    memset(p + (top + h - 1) * row + (left + w) * c, 0, (right * c + bottom * row) * sizeof *p);
}

static void zero_slot_halo(const struct plan_slot *s, float *p)
{
    zero_halo(p, s->top, s->left, s->bottom, s->right, s->h, s->w, s->c);
}

/* --- convolution --- */

bool plan_pools_in_registers(const struct plan_code *code, const struct plan_step *s)
{
    return s->pool && s->pool_kh == 2 && s->pool_kw == 2 &&
           code->slot[s->out].c % code->kernels->lanes == 0;
}

/* The first output row of image `in` (its first pixel inside the halo); out is to be set. */
static struct rd_rows conv_start(
    const struct plan_code *code, const struct plan_step *s, const float *in)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t row = plan_slot_row(from), c = from->c;
    const bool run = s->dilation_w == 1; /* a row of the kernel is contiguous */

    return (struct rd_rows){
        .in = in - s->pad_top * row - s->pad_left * c,
        .packed = s->forward_pack->packed,
        .bias = s->bias_pack ? s->bias_pack->packed : NULL,
        .rows = s->ow,
        .n = to->c,
        .ny = s->kh,
        .nx = run ? 1 : s->kw,
        .len = run ? s->kw * c : c,
        .in_step = (ptrdiff_t)(s->stride_w * c),
        .y_step = (ptrdiff_t)(s->dilation_h * row),
        .x_step = (ptrdiff_t)(s->dilation_w * c),
        .out_step = (ptrdiff_t)to->c,
        .relu = s->relu,
    };
}

/* Output rows oy .. oy + n of image `in` to `out`; mask: of row oy, or NULL. */
static void conv_rows(const struct plan_code *code, const struct plan_step *s, const float *in,
    float *out, size_t out_row, size_t oy, size_t n, bool relu, uint8_t *mask)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t row = plan_slot_row(from), c = from->c;
    struct rd_rows q = conv_start(code, s, in);
    const float *start = q.in + oy * s->stride_h * row;

    q.relu = relu;
    q.mask_step = (ptrdiff_t)to->c;
    /* 1 x 1 over whole images: all rows are one */
    if (s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && row == s->ow * c &&
        out_row == s->ow * to->c) {
        q.rows = s->ow * n;
        n = 1;
    }
    for (size_t y = 0; y < n; y++) {
        q.in = start + y * s->stride_h * row;
        q.out = out + y * out_row;
        q.mask = mask ? mask + y * s->ow * to->c : NULL;
        code->kernels->rows(&q);
    }
}

/* Convolution and 2 x 2 pool at once. */
static void conv_pooled(const struct plan_code *code, const struct plan_step *s, const float *in,
    float *out, uint8_t *index)
{
    const struct plan_slot *to = &code->slot[s->out];
    const size_t line = s->stride_h * plan_slot_row(&code->slot[s->in]);
    struct rd_pooled q = {
        .conv = conv_start(code, s, in), .line = (ptrdiff_t)line, .out_width = to->w
    };

    for (size_t y = 0; y < to->h; y++, q.conv.in += 2 * line) {
        q.conv.out = out + y * plan_slot_row(to);
        q.index = index ? index + y * to->w * to->c : NULL;
        code->kernels->pooled(&q);
    }
}

static void conv_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const float *in = plan_data(code, ctx, s->in, i) + plan_slot_inside(from);
    float *base = plan_data(code, ctx, s->out, i), *out = base + plan_slot_inside(to);
    const size_t out_row = plan_slot_row(to), line = s->ow * to->c;
    uint8_t *index = s->save_index ? (uint8_t *)plan_buf_at(ctx, &s->index, i) : NULL;
    float *lines;

    zero_slot_halo(to, base);
    if (!s->pool) {
        conv_rows(code, s, in, out, out_row, 0, s->oh, s->relu, index);
        return;
    }
    if (plan_pools_in_registers(code, s)) {
        conv_pooled(code, s, in, out, index);
        return;
    }
    lines = plan_buf_at(ctx, &s->scratch, i);
    for (size_t y = 0; y < to->h; y++) {
        conv_rows(code, s, in, lines, line, y * s->pool_kh, s->pool_kh, false, NULL);
        code->kernels->pool_row(&(struct rd_pool_row){
            .in = lines,
            .out = out + y * out_row,
            .index = index ? index + y * to->w * to->c : NULL,
            .channels = to->c,
            .out_width = to->w,
            .in_width = s->ow,
            .row_step = (ptrdiff_t)line,
            .pixel_step = (ptrdiff_t)to->c,
            .out_step = (ptrdiff_t)to->c,
            .ky1 = (int)s->pool_kh,
            .kw = (int)s->pool_kw,
            .stride = (int)s->pool_kw,
            .relu = s->relu,
        });
    }
}

/* Rows of the convolution under row y of the output: undoes pool and relu. dx: their first pixel.
 */
static void undo_row(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, size_t y, float *dx, size_t row)
{
    const struct plan_slot *to = &code->slot[s->out];
    const size_t line = to->w * to->c;
    const float *dy = plan_grad(code, ctx, s->out, i) + y * line;
    const uint8_t *index = (const uint8_t *)plan_buf_at(ctx, &s->index, i) + y * line;

    if (!s->pool) {
        code->kernels->gate(dy, index, dx, line);
        return;
    }
    code->kernels->unpool_row(&(struct rd_unpool_row){
        .dx = dx,
        .dy = dy,
        .index = index,
        .channels = to->c,
        .out_width = to->w,
        .in_width = s->ow,
        .row_step = (ptrdiff_t)row,
        .pixel_step = (ptrdiff_t)to->c,
        .dy_step = (ptrdiff_t)to->c,
        .ky1 = (int)s->pool_kh,
        .kw = (int)s->pool_kw,
        .stride = (int)s->pool_kw,
    });
}

/*
 * The gradient of the bare convolution's output, with its halo, made row by row as it is asked for.
 * Where nobody needs it later, only dy_band rows are kept, so that they are written and read in
 * the first-level cache.
 */
struct dy {
    float *mem;          /* row `base` */
    size_t row;          /* floats from row to row */
    size_t base, filled; /* rows base .. filled are there, halo counted */
    size_t done;         /* rows of the step's output that are undone */
};

static struct dy dy_start(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *to = &code->slot[s->out];
    struct dy d = { .row = (s->dy_left + s->ow + s->dy_right) * to->c };

    d.mem = s->dy_is_grad ? plan_grad(code, ctx, s->out, i) : plan_buf_at(ctx, &s->dy, i);
    if (s->dy_is_grad)
        d.filled = s->oh;
    return d;
}

/* Rows y .. end are there behind this; those before y may be gone. The first of them. */
static const float *dy_rows(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, struct dy *d, size_t y, size_t end)
{
    const struct plan_slot *to = &code->slot[s->out];
    const size_t height = s->pool ? s->pool_kh : 1, c = to->c;
    const size_t covered = s->pool ? to->w * s->pool_kw : s->ow;

    while (d->filled < end) {
        const bool real = d->filled >= s->dy_top && d->done < to->h;
        const size_t n = real ? height : 1;
        float *at;

        if (d->filled + n > d->base + s->dy_band) {
            memmove(d->mem, d->mem + (y - d->base) * d->row, (d->filled - y) * d->row * sizeof *at);
            d->base = y;
        }
        at = d->mem + (d->filled - d->base) * d->row;
        if (!real || covered < s->ow) /* halo, or what no window covers */
            memset(at, 0, n * d->row * sizeof *at);
        for (size_t k = 0; real && k < n; k++) {
            memset(at + k * d->row, 0, s->dy_left * c * sizeof *at);
            memset(at + k * d->row + (s->dy_left + s->ow) * c, 0, s->dy_right * c * sizeof *at);
        }
        if (real && s->save_index)
            undo_row(code, ctx, s, i, d->done, at + s->dy_left * c, d->row);
        else if (real)
            memcpy(at + s->dy_left * c, plan_grad(code, ctx, s->out, i) + d->done * s->ow * c,
                s->ow * c * sizeof *at);
        d->done += real;
        d->filled += n;
    }
    return d->mem + (y - d->base) * d->row;
}

/* Columns (ow, step) of output row oy, kh * kw * c of them real, added to the pixels they came
 * from. Padding is dropped. */
static void add_columns(const struct plan_code *code, const struct plan_step *s,
    const float *columns, size_t step, float *dx, size_t oy)
{
    const struct plan_slot *from = &code->slot[s->in];
    const size_t c = from->c;

    for (size_t ky = 0; ky < s->kh; ky++) {
        const ptrdiff_t y =
            (ptrdiff_t)(oy * s->stride_h + ky * s->dilation_h) - (ptrdiff_t)s->pad_top;

        if (y < 0 || (size_t)y >= from->h)
            continue;
        for (size_t kx = 0; kx < s->kw; kx++) {
            const ptrdiff_t shift = (ptrdiff_t)(kx * s->dilation_w) - (ptrdiff_t)s->pad_left;
            const ptrdiff_t stride = (ptrdiff_t)s->stride_w;
            const ptrdiff_t last = (ptrdiff_t)from->w - 1 - shift;
            /* 0 <= ox * stride + shift < w */
            const size_t begin = shift < 0 ? (size_t)((-shift + stride - 1) / stride) : 0;
            const size_t stop = last < 0 ? 0 : (size_t)(last / stride) + 1;
            const size_t end = stop < s->ow ? stop : s->ow;
            const float *restrict col = columns + begin * step + (ky * s->kw + kx) * c;
            float *restrict to =
                dx + ((size_t)y * from->w + (size_t)((ptrdiff_t)begin * stride + shift)) * c;

            if (c == 1)
                for (size_t ox = begin; ox < end; ox++, col += step, to += stride)
                    *to += *col;
            else
                for (size_t ox = begin; ox < end; ox++, col += step, to += (size_t)stride * c)
                    for (size_t k = 0; k < c; k++)
                        to[k] += col[k];
        }
    }
}

/* Where few channels would leave vectors empty, or strides leave holes. */
static void backward_by_columns(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, const float *dy)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t o = to->c, line = s->ow * o;
    const size_t step = rd_packed_width(code->kernels, s->kh * s->kw * from->c);
    const size_t height = s->pool ? s->pool_kh : 1;
    float *dx = plan_grad(code, ctx, s->in, i), *columns = plan_buf_at(ctx, &s->back_scratch, i);
    float *lines = s->dy_in_rows ? plan_buf_at(ctx, &s->dy, i) : NULL;
    /* what no pool window covers has no gradient */
    const size_t rows = lines ? to->h * height : s->oh;

    if (!s->add)
        memset(dx, 0, from->count * sizeof *dx);
    if (lines && s->pool && s->ow != to->w * s->pool_kw)
        memset(lines, 0, height * line * sizeof *lines);
    for (size_t y = 0; y < rows; y++) {
        if (lines && y % height == 0)
            undo_row(code, ctx, s, i, y / height, lines, line);
        code->kernels->rows(&(struct rd_rows){
            .in = lines ? lines + y % height * line : dy + y * line,
            .packed = s->back_pack->packed,
            .out = columns,
            .rows = s->ow,
            .n = step, /* the padding too: whole vectors */
            .ny = 1,
            .nx = 1,
            .len = o,
            .in_step = (ptrdiff_t)o,
            .out_step = (ptrdiff_t)step,
        });
        add_columns(code, s, columns, step, dx, y);
    }
}

static void conv_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t o = to->c, rows = s->dy_top + s->oh + s->dy_bottom;
    const bool run = s->dilation_w == 1;
    size_t n = from->h, reach = (s->kh - 1) * s->dilation_h + 1;
    struct dy d = dy_start(code, ctx, s, i);
    struct rd_rows q;

    if (!s->back_data || !s->flipped) {
        const float *dy = s->dy_in_rows ? NULL : dy_rows(code, ctx, s, i, &d, 0, rows);

        if (s->back_data)
            backward_by_columns(code, ctx, s, i, dy);
        return;
    }
    q = (struct rd_rows){
        .packed = s->back_pack->packed,
        .rows = from->w,
        .n = from->c,
        .ny = s->kh,
        .nx = run ? 1 : s->kw,
        .len = run ? s->kw * o : o,
        .in_step = (ptrdiff_t)o,
        .y_step = (ptrdiff_t)(s->dilation_h * d.row),
        .x_step = (ptrdiff_t)(s->dilation_w * o),
        .out_step = (ptrdiff_t)from->c,
        .accumulate = s->add,
    };
    if (s->kh == 1 && s->kw == 1 && d.row == from->w * o && s->dy_band == rows) {
        q.rows *= n;
        reach = rows;
        n = 1;
    }
    for (size_t y = 0; y < n; y++) {
        q.in = dy_rows(code, ctx, s, i, &d, y, y + reach);
        q.out = plan_grad(code, ctx, s->in, i) + y * from->w * from->c;
        (s->narrow ? code->kernels->narrow : code->kernels->rows)(&q);
    }
    if (s->dy_band == rows)
        (void)dy_rows(code, ctx, s, i, &d, 0, rows); /* the pass over weights reads all of it */
}

/* --- max-pool on its own --- */

/* Rows of window oy that lie in an image of h rows. */
static void pool_range(const struct plan_step *s, size_t oy, size_t h, int *ky0, int *ky1)
{
    const ptrdiff_t top = (ptrdiff_t)(oy * s->pool_stride_h) - (ptrdiff_t)s->pool_top;
    const ptrdiff_t room = (ptrdiff_t)h - top;

    *ky0 = top < 0 ? (int)-top : 0;
    *ky1 = room < (ptrdiff_t)s->pool_kh ? (int)room : (int)s->pool_kh;
}

static void pool_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const float *in = plan_data(code, ctx, s->in, i) + plan_slot_inside(from);
    float *base = plan_data(code, ctx, s->out, i), *out = base + plan_slot_inside(to);
    uint8_t *index = s->save_index ? (uint8_t *)plan_buf_at(ctx, &s->index, i) : NULL;
    const ptrdiff_t row = (ptrdiff_t)plan_slot_row(from);

    zero_slot_halo(to, base);
    for (size_t y = 0; y < to->h; y++) {
        struct rd_pool_row q = {
            .in = in + ((ptrdiff_t)(y * s->pool_stride_h) - (ptrdiff_t)s->pool_top) * row,
            .out = out + y * plan_slot_row(to),
            .index = index ? index + y * to->w * to->c : NULL,
            .channels = to->c,
            .out_width = to->w,
            .in_width = from->w,
            .row_step = row,
            .pixel_step = (ptrdiff_t)to->c,
            .out_step = (ptrdiff_t)to->c,
            .kw = (int)s->pool_kw,
            .stride = (int)s->pool_stride_w,
            .pad_left = (int)s->pool_left,
            .relu = s->relu,
        };

        pool_range(s, y, from->h, &q.ky0, &q.ky1);
        code->kernels->pool_row(&q);
    }
}

static void pool_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const float *grad = plan_grad(code, ctx, s->out, i);
    const ptrdiff_t row = (ptrdiff_t)(from->w * from->c);
    float *dx;

    if (!s->back_data)
        return;
    dx = plan_grad(code, ctx, s->in, i);
    if (!s->add)
        memset(dx, 0, from->count * sizeof *dx);
    for (size_t y = 0; y < to->h; y++) {
        struct rd_unpool_row q = {
            .dx = dx + ((ptrdiff_t)(y * s->pool_stride_h) - (ptrdiff_t)s->pool_top) * row,
            .dy = grad + y * to->w * to->c,
            .index = (const uint8_t *)plan_buf_at(ctx, &s->index, i) + y * to->w * to->c,
            .channels = to->c,
            .out_width = to->w,
            .in_width = from->w,
            .row_step = row,
            .pixel_step = (ptrdiff_t)to->c,
            .dy_step = (ptrdiff_t)to->c,
            .kw = (int)s->pool_kw,
            .stride = (int)s->pool_stride_w,
            .pad_left = (int)s->pool_left,
            .accumulate = true,
        };

        pool_range(s, y, from->h, &q.ky0, &q.ky1);
        code->kernels->unpool_row(&q);
    }
}

/* --- dense: on all examples of the context at once --- */

static void dense_forward(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    const struct plan_slot *from = &code->slot[s->in];
    const bool pixels = from->form == PLAN_PIXELS;
    const size_t row = plan_slot_row(from);
    const bool flat = !pixels || row == from->w * from->c; /* no halo left and right */

    code->kernels->rows(&(struct rd_rows){
        .in = plan_data(code, ctx, s->in, 0) + (pixels ? plan_slot_inside(from) : 0),
        .packed = s->forward_pack->packed,
        .bias = s->bias_pack ? s->bias_pack->packed : NULL,
        .out = plan_data(code, ctx, s->out, 0),
        .rows = ctx->n,
        .n = code->slot[s->out].count,
        .ny = flat ? 1 : from->h,
        .nx = 1,
        .len = flat ? from->count : from->w * from->c,
        .y_step = (ptrdiff_t)row,
        .in_step = (ptrdiff_t)(s->in == code->input ? code->inputs : from->data.each),
        .out_step = (ptrdiff_t)code->slot[s->out].count,
        .relu = s->relu,
    });
}

static void dense_backward(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    const size_t units = code->slot[s->out].count;
    float *dy = plan_grad(code, ctx, s->out, 0);

    if (s->relu) {
        float *masked = plan_buf_at(ctx, &s->dy, 0);

        code->kernels->relu_back(plan_data(code, ctx, s->out, 0), dy, masked, ctx->n * units);
        dy = masked;
    }
    if (!s->back_data)
        return;
    code->kernels->rows(&(struct rd_rows){
        .in = dy,
        .packed = s->back_pack->packed,
        .out = plan_grad(code, ctx, s->in, 0),
        .rows = ctx->n,
        .n = code->slot[s->in].count,
        .ny = 1,
        .nx = 1,
        .len = units,
        .in_step = (ptrdiff_t)units,
        .out_step = (ptrdiff_t)code->slot[s->in].count,
        .accumulate = s->add,
    });
}

/* --- changes of form --- */

static void to_pixels(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *to = &code->slot[s->out];
    const float *in = plan_data(code, ctx, s->in, i);
    float *base = plan_data(code, ctx, s->out, i), *out = base + plan_slot_inside(to);
    const size_t row = plan_slot_row(to), plane = to->h * to->w;

    zero_slot_halo(to, base);
    for (size_t y = 0; y < to->h; y++)
        for (size_t c = 0; c < to->c; c++) {
            const float *from = in + c * plane + y * to->w;
            float *line = out + y * row + c;

            for (size_t x = 0; x < to->w; x++)
                line[x * to->c] = from[x];
        }
}

static void to_plain(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];
    const float *in = plan_data(code, ctx, s->in, i) + plan_slot_inside(from);
    float *out = plan_data(code, ctx, s->out, i);
    const size_t row = plan_slot_row(from), plane = from->h * from->w;

    for (size_t y = 0; y < from->h; y++)
        for (size_t c = 0; c < from->c; c++)
            for (size_t x = 0; x < from->w; x++)
                out[c * plane + y * from->w + x] = in[y * row + x * from->c + c];
}

/* Gradients have no halo, so both ways are transposes of (pixels, channels). */
static void form_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const bool planes = s->kind == PLAN_TO_PIXELS; /* what dx is */
    const struct plan_slot *p = &code->slot[planes ? s->out : s->in];
    const float *g = plan_grad(code, ctx, s->out, i);
    const size_t pixels = p->h * p->w;
    float *dx;

    if (!s->back_data)
        return;
    dx = plan_grad(code, ctx, s->in, i);
    if (!s->add) {
        if (planes)
            rd_to_planes(g, (ptrdiff_t)p->c, p->c, pixels, dx);
        else
            rd_to_pixels(g, p->c, pixels, dx, (ptrdiff_t)p->c);
        return;
    }
    for (size_t k = 0; k < p->c; k++)
        for (size_t x = 0; x < pixels; x++)
            dx[planes ? k * pixels + x : x * p->c + k] += g[planes ? x * p->c + k : k * pixels + x];
}

/* --- dropout: kept with probability 1 - ratio, scaled by 1 / (1 - ratio) --- */

static void dropout_forward(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    const size_t count = code->slot[s->out].count;
    const float scale = 1 / (1 - s->ratio);
    char module[32] = "train/dropout/";
    size_t at = strlen(module);

    for (int n = s->node; n || module[at - 1] == '/'; n /= 10)
        module[at++] = (char)('0' + n % 10);
    for (size_t i = 0; i < ctx->n; i++) {
        struct rd_rng rng = rd_rng_stream(code->seed, module, ctx->example[i]);
        const float *in = plan_data(code, ctx, s->in, i);
        float *out = plan_data(code, ctx, s->out, i);
        uint8_t *mask = (uint8_t *)plan_buf_at(ctx, &s->mask, i);

        for (size_t k = 0; k < count; k++) {
            mask[k] = rd_rng_unit_float(&rng) >= s->ratio;
            out[k] = mask[k] ? in[k] * scale : 0;
        }
    }
}

static void dropout_backward(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    const size_t count = code->slot[s->out].count;
    const float scale = 1 / (1 - s->ratio);

    if (!s->back_data)
        return;
    for (size_t i = 0; i < ctx->n; i++) {
        const float *g = plan_grad(code, ctx, s->out, i);
        const uint8_t *mask = (const uint8_t *)plan_buf_at(ctx, &s->mask, i);
        float *dx = plan_grad(code, ctx, s->in, i);

        for (size_t k = 0; k < count; k++) {
            const float v = mask[k] ? g[k] * scale : 0;

            dx[k] = s->add ? dx[k] + v : v;
        }
    }
}

/* --- running --- */

static void zero_out_halo(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    zero_slot_halo(&code->slot[s->out], plan_data(code, ctx, s->out, i));
}

static void image_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    switch (s->kind) {
    case PLAN_CONV:
        conv_forward(code, ctx, s, i);
        break;
    case PLAN_POOL:
        pool_forward(code, ctx, s, i);
        break;
    case PLAN_ADD:
        zero_out_halo(code, ctx, s, i);
        plan_add_forward(code, ctx, s, i);
        break;
    case PLAN_SCALE:
        zero_out_halo(code, ctx, s, i);
        plan_scale_forward(code, ctx, s, i);
        break;
    case PLAN_MEAN:
        plan_mean_forward(code, ctx, s, i);
        break;
    case PLAN_TO_PIXELS:
        to_pixels(code, ctx, s, i);
        break;
    default:
        to_plain(code, ctx, s, i);
    }
}

static void image_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    switch (s->kind) {
    case PLAN_CONV:
        conv_backward(code, ctx, s, i);
        break;
    case PLAN_POOL:
        pool_backward(code, ctx, s, i);
        break;
    case PLAN_ADD:
        plan_add_backward(code, ctx, s, i);
        break;
    case PLAN_SCALE:
        plan_scale_backward(code, ctx, s, i);
        break;
    case PLAN_MEAN:
        plan_mean_backward(code, ctx, s, i);
        break;
    default:
        form_backward(code, ctx, s, i);
    }
}

rd_status plan_forward(const struct plan_code *code, struct plan_context *ctx, int first, int end)
{
    for (int at = first; at < end;) {
        const struct plan_segment *seg = &code->segment[code->step[at].segment];
        const struct plan_step *s = &code->step[at];
        rd_status st = RD_OK;

        if (seg->per_image) {
            const int last = seg->end < end ? seg->end : end;

            for (size_t i = 0; i < ctx->n; i++)
                for (int k = at; k < last; k++)
                    image_forward(code, ctx, &code->step[k], i);
            at = last;
            continue;
        }
        if (s->kind == PLAN_DENSE)
            dense_forward(code, ctx, s);
        else if (s->kind == PLAN_DROPOUT)
            dropout_forward(code, ctx, s);
        else if (s->kind == PLAN_NODE)
            st = plan_node_forward(code, ctx, at);
        else
            return RD_FAIL(ctx->err, RD_E_BUG, "step %d cannot run in a chunk", at);
        if (st)
            return st;
        at++;
    }
    return RD_OK;
}

rd_status plan_backward(const struct plan_code *code, struct plan_context *ctx, int first, int end)
{
    for (int at = end; at > first;) {
        const struct plan_step *s = &code->step[at - 1];
        const struct plan_segment *seg = &code->segment[s->segment];
        rd_status st = RD_OK;

        if (seg->per_image) {
            const int from = seg->first > first ? seg->first : first;

            for (size_t i = 0; i < ctx->n; i++)
                for (int k = at; k > from; k--)
                    if (code->step[k - 1].back)
                        image_backward(code, ctx, &code->step[k - 1], i);
            at = from;
            continue;
        }
        if (s->back && s->kind == PLAN_DENSE)
            dense_backward(code, ctx, s);
        else if (s->back && s->kind == PLAN_DROPOUT)
            dropout_backward(code, ctx, s);
        else if (s->back && s->kind == PLAN_NODE)
            st = plan_node_backward(code, ctx, at - 1);
        else if (s->back)
            return RD_FAIL(ctx->err, RD_E_BUG, "step %d cannot run in a chunk", at - 1);
        if (st)
            return st;
        at--;
    }
    return RD_OK;
}
