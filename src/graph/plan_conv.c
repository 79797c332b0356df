/* plan_conv.c - convolutions of a plan: one example, forward and backward. */
#include "graph/plan_impl.h"

#include <string.h>

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
        .top = s->top,
        .slide = run && s->stride_w == 1 ? s->kw : 0,
    };
}

/* Output rows oy .. oy + n of image `in` to `out`; plus, mask: of row oy, or NULL. */
static void conv_rows(const struct plan_code *code, const struct plan_step *s, const float *in,
    float *out, size_t out_row, size_t oy, size_t n, bool relu, const float *plus, uint8_t *mask)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t row = plan_slot_row(from), c = from->c;
    const size_t plus_row = plus ? plan_slot_row(&code->slot[s->in2]) : 0;
    struct rd_rows q = conv_start(code, s, in);
    const float *start = q.in + oy * s->stride_h * row;

    q.relu = relu;
    q.mask_step = (ptrdiff_t)to->c;
    /* 1 x 1 over whole images: all rows are one */
    if (s->kh == 1 && s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 && row == s->ow * c &&
        out_row == s->ow * to->c && (!plus || plus_row == s->ow * to->c)) {
        q.rows = s->ow * n;
        n = 1;
    }
    q.in_line = (ptrdiff_t)(s->stride_h * row);
    q.out_line = (ptrdiff_t)out_row;
    q.mask_line = (ptrdiff_t)(s->ow * to->c);
    q.plus_step = (ptrdiff_t)to->c;
    q.plus_line = (ptrdiff_t)plus_row;
    for (size_t y = 0; y < n; y += q.lines) {
        q.lines = n - y < s->lines ? n - y : s->lines;
        q.in = start + y * s->stride_h * row;
        q.out = out + y * out_row;
        q.mask = mask ? mask + y * s->ow * to->c : NULL;
        q.plus = plus ? plus + y * plus_row : NULL;
        code->kernels->rows(&q);
    }
}

/* Of each channel by itself. */
static void depth_rows(const struct plan_code *code, const struct plan_step *s, const float *in,
    float *out, uint8_t *mask)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t row = plan_slot_row(from), c = from->c;
    struct rd_depth q = {
        .in = in - s->pad_top * row - s->pad_left * c,
        .w = s->forward_pack->packed,
        .bias = s->bias_pack ? s->bias_pack->packed : NULL,
        .out = out,
        .mask = mask,
        .width = s->ow,
        .channels = c,
        .ny = s->kh,
        .nx = s->kw,
        .in_step = (ptrdiff_t)(s->stride_w * c),
        .y_step = (ptrdiff_t)row,
        .x_step = (ptrdiff_t)c,
        .out_step = (ptrdiff_t)c,
        .relu = s->relu,
        .top = s->top,
    };

    for (size_t y = 0; y < s->oh; y++) {
        code->kernels->depth(&q);
        q.in += s->stride_h * row;
        q.out += plan_slot_row(to);
        q.mask = q.mask ? q.mask + s->ow * c : NULL;
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

void plan_conv_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const float *in = plan_data(code, ctx, s->in, i) + plan_slot_inside(from);
    float *base = plan_data(code, ctx, s->out, i), *out = base + plan_slot_inside(to);
    const size_t out_row = plan_slot_row(to), line = s->ow * to->c;
    uint8_t *index = s->save_index ? (uint8_t *)plan_buf_at(ctx, &s->index, i) : NULL;
    float *lines;

    plan_zero_halo(to, base);
    if (s->depth) {
        depth_rows(code, s, in, out, index);
        return;
    }
    if (!s->pool) {
        const float *plus =
            s->in2 < 0 ? NULL
                       : plan_data(code, ctx, s->in2, i) + plan_slot_inside(&code->slot[s->in2]);

        conv_rows(code, s, in, out, out_row, 0, s->oh, s->relu, plus, index);
        return;
    }
    if (plan_pools_in_registers(code, s)) {
        conv_pooled(code, s, in, out, index);
        return;
    }
    lines = plan_buf_at(ctx, &s->scratch, i);
    for (size_t y = 0; y < to->h; y++) {
        conv_rows(code, s, in, lines, line, y * s->pool_kh, s->pool_kh, false, NULL, NULL);
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
            const size_t keep = y < d->filled ? y : d->filled; /* padding may go unread */

            memmove(d->mem, d->mem + (keep - d->base) * d->row,
                (d->filled - keep) * d->row * sizeof *at);
            d->base = keep;
        }
        at = d->mem + (d->filled - d->base) * d->row;
        if (!real || covered < s->ow) /* halo, or what no window covers */
            memset(at, 0, n * d->row * sizeof *at);
        for (size_t k = 0; real && k < n; k++) {
            memset(at + k * d->row, 0, s->dy_left * c * sizeof *at);
            memset(at + k * d->row + (s->dy_left + s->ow) * c, 0, s->dy_right * c * sizeof *at);
        }
        if (real && s->save_index && s->in2 < 0)
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

void plan_conv_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const size_t o = to->c, rows = s->dy_top + s->oh + s->dy_bottom;
    const bool run = s->dilation_w == 1;
    size_t n = from->h, reach = (s->kh - 1) * s->dilation_h + 1;
    struct dy d = dy_start(code, ctx, s, i);
    struct rd_rows q;

    if (s->in2 >= 0)
        plan_sum_backward(code, ctx, s, i);

    if (!s->back_data || !s->flipped) {
        const float *dy = s->dy_in_rows ? NULL : dy_rows(code, ctx, s, i, &d, 0, rows);

        if (s->back_data)
            backward_by_columns(code, ctx, s, i, dy);
        return;
    }
    if (s->phases) {
        const size_t step = s->back_lines * s->stride_h;

        reach = plan_phase_reach(s->kh, s->stride_h);
        for (size_t y = 0; y < n; y += step) {
            const size_t end = n - y < step ? n : y + step;
            const size_t low = (y + s->pad_top) / s->stride_h + s->dy_top + 1 - reach;
            const size_t high = (end - 1 + s->pad_top) / s->stride_h + s->dy_top + 1;

            plan_phases(code, s, dy_rows(code, ctx, s, i, &d, low, high), d.row,
                plan_grad(code, ctx, s->in, i), y, end);
        }
        if (s->dy_band == rows)
            (void)dy_rows(code, ctx, s, i, &d, 0, rows);
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
        .slide = run ? s->kw : 0,
        .in_line = (ptrdiff_t)d.row,
        .out_line = (ptrdiff_t)(from->w * from->c),
    };
    if (s->kh == 1 && s->kw == 1 && d.row == from->w * o && s->dy_band == rows) {
        q.rows *= n;
        reach = rows;
        n = 1;
    }
    for (size_t y = 0; y < n; y += q.lines) {
        q.lines = s->narrow ? 1 : n - y < s->back_lines ? n - y : s->back_lines;
        q.in = dy_rows(code, ctx, s, i, &d, y, y + q.lines - 1 + reach);
        q.out = plan_grad(code, ctx, s->in, i) + y * from->w * from->c;
        (s->narrow ? code->kernels->narrow : code->kernels->rows)(&q);
    }
    if (s->dy_band == rows)
        (void)dy_rows(code, ctx, s, i, &d, 0, rows); /* the pass over weights reads all of it */
}
