/*
 * plan_pick.c - Slice and Pad on images: some of the pixels and channels, zeros around them. The
 * shortcut of a residual net without weights is one.
 */
#include "graph/plan_builder.h"

#include <string.h>

/* Of channels, rows and columns: out[before + i] = in[start + i * step], i < count; else zero. */
struct plan_pick {
    size_t start[3], step[3], before[3], count[3];
};

enum { CHAIN_MAX = 8 };

/* in[0]: the shape; what follows: constants, NULL where they are not. */
static void call_for(const struct builder *b, const struct rd_graph_node *node,
    struct rd_tensor *shape, const struct rd_tensor **in, struct rd_op_call *call)
{
    const struct rd_graph_value *v = plan_value_at(b, node->input[0]);

    *shape = (struct rd_tensor){ .dtype = v->dtype, .ndim = v->ndim };
    memcpy(shape->dim, v->dim, sizeof v->dim);
    in[0] = shape;
    for (int i = 1; i < node->n_inputs && i < 5; i++)
        in[i] = node->input[i] < 0 ? NULL : plan_value_at(b, node->input[i])->weight;
    *call = (struct rd_op_call){ .node = node, .in = in };
}

/* One more node behind p; false: not one, and p is as it was. */
static bool extend(const struct builder *b, int at, struct plan_pick *p, bool *padded)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const bool slice = plan_is_op(node, "Slice"), pad = plan_is_op(node, "Pad");
    int64_t first[RD_MAX_DIMS], step[RD_MAX_DIMS], last[RD_MAX_DIMS];
    const struct rd_tensor *in[5] = { NULL };
    struct rd_tensor shape;
    struct rd_op_call call;

    if ((!slice && !pad) || *padded || node->n_inputs > 5 || !plan_is_image(b, node->input[0]) ||
        !plan_is_image(b, node->output[0]))
        return false;
    for (int i = 1; i < node->n_inputs; i++)
        if (node->input[i] >= 0 && !plan_value_at(b, node->input[i])->weight)
            return false;
    call_for(b, node, &shape, in, &call);
    if (slice ? !rd_op_slice_numbers(&call, first, step, last)
              : !rd_op_pad_zeros(&call, first, last))
        return false;
    for (int i = 1; i < 4; i++)
        if (slice ? step[i] < 1 || first[i] < 0 || last[i] < 1 : first[i] < 0 || last[i] < 0)
            return false;
    if (slice ? first[0] || step[0] != 1 || last[0] != -1 : first[0] || last[0])
        return false;
    *padded = pad;
    for (int i = 0; i < 3; i++)
        if (pad) {
            p->before[i] = (size_t)first[i + 1];
        } else {
            p->start[i] += p->step[i] * (size_t)first[i + 1];
            p->step[i] *= (size_t)step[i + 1];
            p->count[i] = (size_t)last[i + 1];
        }
    return true;
}

bool plan_build_pick(struct builder *b, int at)
{
    const int v = b->graph->node[at].input[0];
    struct plan_pick *p;
    struct plan_step *s;
    bool padded = false;
    int in, out, next;

    if ((!plan_is_op(&b->graph->node[at], "Slice") && !plan_is_op(&b->graph->node[at], "Pad")) ||
        !plan_is_image(b, v) || !plan_has_pixels(b, v))
        return false;
    p = RD_NEW(b->arena, struct plan_pick);
    if (!p) {
        b->refused = b->starved = true;
        return true;
    }
    for (int i = 0; i < 3; i++) {
        p->step[i] = 1;
        p->count[i] = (size_t)plan_value_at(b, v)->dim[i + 1];
    }
    if (!extend(b, at, p, &padded))
        return false;
    out = b->graph->node[at].output[0];
    for (int n = 0; n < CHAIN_MAX; n++) {
        next = plan_only_reader(b, out);
        if (next < 0 || b->graph->node[next].input[0] != out || !extend(b, next, p, &padded))
            break;
        b->taken[next] = true;
        out = b->graph->node[next].output[0];
    }
    in = plan_pixels(b, v);
    s = in < 0 ? NULL : plan_add_step(b, PLAN_PICK, at);
    if (!s)
        return true;
    s->in = in;
    s->pick = p;
    s->out = plan_add_image(b, out);
    return true;
}

int plan_copy_pixels(struct builder *b, int slot)
{
    const struct plan_slot from = b->code->slot[slot];
    struct plan_pick *p = RD_NEW(b->arena, struct plan_pick);
    struct plan_step *s = p ? plan_add_step(b, PLAN_PICK, -1) : NULL;

    if (!s) {
        b->starved = b->starved || !p;
        b->refused = true;
        return -1;
    }
    *p = (struct plan_pick){ .step = { 1, 1, 1 }, .count = { from.c, from.h, from.w } };
    s->in = slot;
    s->pick = p;
    b->code->n_steps--;
    s->out = plan_add_pixels(b, from.value, from.c, from.h, from.w);
    b->code->n_steps++;
    return s->out;
}

/* --- run --- */

void plan_pick_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const struct plan_pick *p = s->pick;
    const float *in = plan_data(code, ctx, s->in, i) + plan_slot_inside(from) + p->start[0];
    float *out = plan_data(code, ctx, s->out, i) + plan_slot_inside(to);
    const size_t c = to->c, channels = p->count[0], skip = p->step[0];

    for (size_t y = 0; y < to->h; y++, out += plan_slot_row(to)) {
        const size_t row = y - p->before[1];
        const float *line =
            in + (p->start[1] + row * p->step[1]) * plan_slot_row(from) + p->start[2] * from->c;
        float *at = out + p->before[2] * c;

        if (y < p->before[1] || row >= p->count[1]) {
            memset(out, 0, to->w * c * sizeof *out);
            continue;
        }
        if (p->count[2] < to->w || channels < c)
            memset(out, 0, to->w * c * sizeof *out);
        at += p->before[0];
        for (size_t x = 0; x < p->count[2]; x++, at += c, line += p->step[2] * from->c) {
            if (skip == 1)
                memcpy(at, line, channels * sizeof *at);
            for (size_t k = 0; skip > 1 && k < channels; k++)
                at[k] = line[k * skip];
        }
    }
}

void plan_pick_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in], *to = &code->slot[s->out];
    const struct plan_pick *p = s->pick;
    const float *g = plan_grad(code, ctx, s->out, i);
    float *dx;

    if (!s->back_data)
        return;
    dx = plan_grad(code, ctx, s->in, i);
    if (!s->add && from->count == to->count && p->count[0] == to->c && p->count[1] == to->h &&
        p->count[2] == to->w) { /* a copy: every pixel once, in its place */
        memcpy(dx, g, to->count * sizeof *dx);
        return;
    }
    if (!s->add)
        memset(dx, 0, from->count * sizeof *dx);
    for (size_t y = 0; y < p->count[1]; y++) {
        const float *line = g + ((p->before[1] + y) * to->w + p->before[2]) * to->c + p->before[0];
        float *at =
            dx + ((p->start[1] + y * p->step[1]) * from->w + p->start[2]) * from->c + p->start[0];

        if (p->step[0] == 1 && p->step[2] == 1 && p->count[0] == from->c && to->c == from->c) {
            code->kernels->add(at, line, at, p->count[2] * to->c);
            continue;
        }
        for (size_t x = 0; x < p->count[2]; x++, line += to->c, at += p->step[2] * from->c)
            for (size_t k = 0; k < p->count[0]; k++)
                at[k * p->step[0]] += line[k];
    }
}
