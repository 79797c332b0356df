/*
 * plan_norm.c - batch normalization in training (Ioffe, Szegedy 2015, arXiv:1502.03167, algorithm 1
 * and section 3), with the relu behind it.
 *
 * Two steps of a plan, with the whole batch between them: MOMENTS sums an image of x, BATCHNORM
 * gives its values; on the way back BATCHNORM sums an image of the gradient and MOMENTS gives that
 * of x. So both go image by image with the convolutions around them, while the numbers are in the
 * cache; train_grad.c adds the sums of the contexts up in their order.
 */
#include "graph/plan_builder.h"

#include <string.h>

/* --- made --- */

/* Pixels where a convolution in front or behind has or wants them. */
static int norm_slot(struct builder *b, const struct rd_graph_node *node)
{
    const struct rd_graph_value *x = plan_value_at(b, node->input[0]);
    const int next = plan_only_reader(b, node->output[0]);
    bool pixels = next >= 0 && plan_is_op(&b->graph->node[next], "Conv");

    for (int i = 0; i < b->code->n_slots; i++)
        pixels |= b->code->slot[i].value == b->base[node->input[0]] &&
                  b->code->slot[i].form == PLAN_PIXELS;
    return x->ndim == 4 && pixels ? plan_pixels(b, node->input[0]) : plan_plain(b, node->input[0]);
}

bool plan_build_norm(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const struct rd_graph_value *x = plan_value_at(b, node->input[0]);
    struct plan_step *moments, *s;
    struct plan_slot *from;
    int in, out = node->output[0], next;
    size_t c;

    if (b->code->mode != PLAN_TRAIN || !plan_is_op(node, "BatchNormalization") ||
        x->dtype != RD_F32 || x->ndim < 2 || !x->batched || x->dim[1] < 1)
        return false;
    for (int i = 1; i < node->n_outputs; i++)
        if (node->output[i] >= 0 && b->uses[node->output[i]])
            return false;
    for (int i = 1; i < 5; i++)
        if (!plan_is_weight(b, plan_node_in(node, i)))
            return false;
    c = (size_t)x->dim[1];
    in = norm_slot(b, node);
    moments = in < 0 ? NULL : plan_add_step(b, PLAN_MOMENTS, at);
    s = moments ? plan_add_step(b, PLAN_BATCHNORM, at) : NULL;
    if (!s)
        return true;
    next = plan_only_reader(b, out);
    if (next >= 0 && plan_is_op(&b->graph->node[next], "Relu")) {
        s->relu = true;
        b->taken[next] = true;
        out = b->graph->node[next].output[0];
    }
    moments->in = s->in = in;
    from = &b->code->slot[in];
    b->code->n_steps--; /* the slot's producer is this step */
    s->out = from->form == PLAN_PIXELS ? plan_add_pixels(b, out, from->c, from->h, from->w)
                                       : plan_add_slot(b, out, PLAN_PLAIN, from->count);
    b->code->n_steps++;
    s->scale_value = s->weight = node->input[1];
    s->bias = node->input[2];
    s->mean_value = node->input[3];
    s->var_value = node->input[4];
    s->epsilon = rd_op_float(node, "epsilon", 1e-5f);
    s->momentum = rd_op_float(node, "momentum", 0.9f);
    s->channels = moments->channels = c;
    s->inner = moments->inner = b->code->slot[in].count / c;
    s->stat = RD_NEW_ARRAY(b->arena, double, 2 * c);
    s->norm = RD_NEW_ARRAY(b->arena, float, PLAN_NORM_FLOATS *c);
    for (int i = 1; i < 5; i++)
        if (rd_tensor_count(plan_value_at(b, node->input[i])->weight) != c)
            b->refused = true;
    if (!s->stat || !s->norm)
        b->starved = b->refused = true;
    return true;
}

/* --- run --- */

/* What the kernels need; `from` and s are MOMENTS and BATCHNORM. */
static struct rd_norm start(
    const struct plan_context *ctx, const struct plan_step *s, size_t i, size_t half)
{
    const size_t c = s->channels;
    struct rd_norm q = { .mean = s->norm,
        .scale = s->norm + c,
        .shift = s->norm + 2 * c,
        .slope = s->norm + 3 * c,
        .level = s->norm + 4 * c,
        .channels = c,
        .relu = s->relu };

    q.sum = (double *)(void *)plan_buf_at(ctx, &s->saved, 0) + half * 2 * c;
    if (i == 0)
        memset(q.sum, 0, 2 * c * sizeof *q.sum);
    return q;
}

/* A PLAIN image of more than one number a channel: one channel at a time, as if it were one of
 * pixels. */
static void planes(const struct plan_step *s, const struct rd_norm *q,
    void (*run)(const struct rd_norm *q), bool sums)
{
    for (size_t k = 0; k < s->channels; k++) {
        double sum[2] = { 0 };
        struct rd_norm one = *q;

        one.channels = 1;
        one.pixels = s->inner;
        one.x += k * s->inner;
        one.dy = q->dy ? q->dy + k * s->inner : NULL;
        one.y = q->y ? q->y + k * s->inner : NULL;
        one.mean += k;
        one.scale += k;
        one.shift += k;
        one.slope += k;
        one.level += k;
        one.sum = sum;
        run(&one);
        if (sums) {
            q->sum[k] += sum[0];
            q->sum[s->channels + k] += sum[1];
        }
    }
}

struct image {
    size_t lines, x, dy, y; /* floats from line to line */
};

/* All lines of an image of pixels; one line where nothing lies between them. */
static void image(const struct plan_slot *slot, struct rd_norm *q, struct image a,
    void (*run)(const struct rd_norm *q))
{
    const size_t line = slot->w * slot->c;

    q->pixels = slot->w;
    if (a.x == line && (!q->dy || a.dy == line) && (!q->y || a.y == line)) {
        q->pixels *= a.lines;
        a.lines = 1;
    }
    for (size_t y = 0; y < a.lines; y++) {
        run(q);
        q->x += a.x;
        q->dy = q->dy ? q->dy + a.dy : NULL;
        q->y = q->y ? q->y + a.y : NULL;
    }
}

static const float *x_of(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];

    return plan_data(code, ctx, s->in, i) +
           (from->form == PLAN_PIXELS ? plan_slot_inside(from) : 0);
}

/* Of the step BATCHNORM behind MOMENTS. */
void plan_moments_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *moments, size_t i)
{
    const struct plan_step *s = moments + 1;
    const struct plan_slot *from = &code->slot[s->in];
    struct rd_norm q = start(ctx, s, i, 0);

    q.x = x_of(code, ctx, s, i);
    q.pixels = 1;
    if (from->form == PLAN_PIXELS)
        image(from, &q, (struct image){ .lines = from->h, .x = plan_slot_row(from) },
            code->kernels->norm_moments);
    else if (s->inner == 1)
        code->kernels->norm_moments(&q);
    else
        planes(s, &q, code->kernels->norm_moments, true);
}

void plan_norm_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    struct rd_norm q = start(ctx, s, 1, 0);

    q.x = x_of(code, ctx, s, i);
    q.y = plan_data(code, ctx, s->out, i);
    q.pixels = 1;
    if (from->form == PLAN_PIXELS) {
        q.y += plan_slot_inside(to);
        image(from, &q,
            (struct image){ .lines = from->h, .x = plan_slot_row(from), .y = plan_slot_row(to) },
            code->kernels->norm_values);
    } else if (s->inner == 1) {
        code->kernels->norm_values(&q);
    } else {
        planes(s, &q, code->kernels->norm_values, false);
    }
}

void plan_norm_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];
    struct rd_norm q = start(ctx, s, i, 1);

    q.x = x_of(code, ctx, s, i);
    q.dy = plan_grad(code, ctx, s->out, i);
    q.pixels = 1;
    if (from->form == PLAN_PIXELS)
        image(from, &q,
            (struct image){ .lines = from->h, .x = plan_slot_row(from), .dy = from->w * from->c },
            code->kernels->norm_sums);
    else if (s->inner == 1)
        code->kernels->norm_sums(&q);
    else
        planes(s, &q, code->kernels->norm_sums, true);
}

void plan_moments_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *moments, size_t i)
{
    const struct plan_step *s = moments + 1;
    const struct plan_slot *from = &code->slot[s->in];
    const size_t line = from->w * from->c;
    struct rd_norm q = start(ctx, s, 1, 1);

    q.x = x_of(code, ctx, s, i);
    q.dy = plan_grad(code, ctx, s->out, i);
    q.y = plan_grad(code, ctx, s->in, i);
    q.pixels = 1;
    q.accumulate = moments->add;
    if (from->form == PLAN_PIXELS)
        image(from, &q,
            (struct image){ .lines = from->h, .x = plan_slot_row(from), .dy = line, .y = line },
            code->kernels->norm_back);
    else if (s->inner == 1)
        code->kernels->norm_back(&q);
    else
        planes(s, &q, code->kernels->norm_back, false);
}
