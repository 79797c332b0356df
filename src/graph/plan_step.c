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

void plan_zero_halo(const struct plan_slot *s, float *p)
{
    zero_halo(p, s->top, s->left, s->bottom, s->right, s->h, s->w, s->c);
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

    plan_zero_halo(to, base);
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
    const struct rd_rows q = {
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
    };

    if (s->forward_pack->packed)
        code->kernels->rows(&q);
    else
        plan_rows_unpacked(
            code->kernels, s->forward_pack, plan_weight(code, s->forward_pack->value), &q);
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

    plan_zero_halo(to, base);
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
    plan_zero_halo(&code->slot[s->out], plan_data(code, ctx, s->out, i));
}

static rd_status image_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    switch (s->kind) {
    case PLAN_NODE:
        return plan_node_forward(code, ctx, s, i, 1);
    case PLAN_CONV:
        plan_conv_forward(code, ctx, s, i);
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
    case PLAN_PICK:
        zero_out_halo(code, ctx, s, i);
        plan_pick_forward(code, ctx, s, i);
        break;
    case PLAN_MEAN:
        plan_mean_forward(code, ctx, s, i);
        break;
    case PLAN_MOMENTS:
        plan_moments_forward(code, ctx, s, i);
        break;
    case PLAN_BATCHNORM:
        if (code->slot[s->out].form == PLAN_PIXELS)
            zero_out_halo(code, ctx, s, i);
        plan_norm_forward(code, ctx, s, i);
        break;
    case PLAN_TO_PIXELS:
        to_pixels(code, ctx, s, i);
        break;
    default:
        to_plain(code, ctx, s, i);
    }
    return RD_OK;
}

static rd_status image_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    switch (s->kind) {
    case PLAN_NODE:
        return plan_node_backward(code, ctx, s, i, 1);
    case PLAN_CONV:
        plan_conv_backward(code, ctx, s, i);
        if (s->early)
            plan_conv_early(code, ctx, s, i);
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
    case PLAN_PICK:
        plan_pick_backward(code, ctx, s, i);
        break;
    case PLAN_MEAN:
        plan_mean_backward(code, ctx, s, i);
        break;
    case PLAN_MOMENTS:
        plan_moments_backward(code, ctx, s, i);
        break;
    case PLAN_BATCHNORM:
        plan_norm_backward(code, ctx, s, i);
        break;
    default:
        form_backward(code, ctx, s, i);
    }
    return RD_OK;
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
                for (int k = at; k < last && !st; k++)
                    st = image_forward(code, ctx, &code->step[k], i);
            if (st)
                return st;
            at = last;
            continue;
        }
        if (s->kind == PLAN_DENSE)
            dense_forward(code, ctx, s);
        else if (s->kind == PLAN_DROPOUT)
            dropout_forward(code, ctx, s);
        else if (s->kind == PLAN_NODE)
            st = plan_node_forward(code, ctx, s, 0, ctx->n);
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
                for (int k = at; k > from && !st; k--)
                    if (code->step[k - 1].back)
                        st = image_backward(code, ctx, &code->step[k - 1], i);
            if (st)
                return st;
            at = from;
            continue;
        }
        if (s->back && s->kind == PLAN_DENSE)
            dense_backward(code, ctx, s);
        else if (s->back && s->kind == PLAN_DROPOUT)
            dropout_backward(code, ctx, s);
        else if (s->back && s->kind == PLAN_NODE)
            st = plan_node_backward(code, ctx, s, 0, ctx->n);
        else if (s->back)
            return RD_FAIL(ctx->err, RD_E_BUG, "step %d cannot run in a chunk", at - 1);
        if (st)
            return st;
        at--;
    }
    return RD_OK;
}
