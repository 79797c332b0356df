/* plan_node.c - steps of a plan that go through the operator's own row, on a chunk of examples. */
#include "graph/plan_impl.h"

#include <string.h>

static void shape_of(const struct plan_code *code, int value, size_t rows, struct rd_tensor *t)
{
    const struct rd_graph_value *v = &code->graph->value[value];

    *t = (struct rd_tensor){ .dtype = v->dtype, .ndim = v->ndim };
    memcpy(t->dim, v->dim, sizeof t->dim);
    if (v->ndim > 0)
        t->dim[0] = (int64_t)rows;
}

/* Images in pixels: (n, c, h, w) is (n, h, w, c); a constant (c, 1, 1) is (1, 1, c). */
static void turn(struct rd_tensor *t)
{
    const int at = t->ndim - 3;
    int64_t c;

    if (at < 0)
        return;
    c = t->dim[at];
    t->dim[at] = t->dim[at + 1];
    t->dim[at + 1] = t->dim[at + 2];
    t->dim[at + 2] = c;
}

static bool make(const struct plan_step *s, struct rd_arena *arena, struct plan_call *c)
{
    const size_t in = (size_t)s->n_in + 1, out = (size_t)s->n_out + 1;

    c->in = RD_NEW_ARRAY(arena, struct rd_tensor, in);
    c->din = RD_NEW_ARRAY(arena, struct rd_tensor, in);
    c->out = RD_NEW_ARRAY(arena, struct rd_tensor, out);
    c->dout = RD_NEW_ARRAY(arena, struct rd_tensor, out);
    c->in_at = RD_NEW_ARRAY(arena, const struct rd_tensor *, in);
    c->din_at = RD_NEW_ARRAY(arena, struct rd_tensor *, in);
    c->out_at = RD_NEW_ARRAY(arena, struct rd_tensor *, out);
    c->dout_at = RD_NEW_ARRAY(arena, const struct rd_tensor *, out);
    if (!c->in || !c->din || !c->out || !c->dout || !c->in_at || !c->din_at || !c->out_at ||
        !c->dout_at)
        return false;
    return true;
}

/* Shapes of n examples; data of the first-th on where `ctx` says (NULL: none). back: cotangents
 * too. */
static void set(const struct plan_code *code, const struct plan_step *s,
    const struct plan_context *ctx, size_t first, size_t n, bool back, struct plan_call *c)
{
    const struct rd_graph_node *node = &code->graph->node[s->node];

    for (int i = 0; i < s->n_in; i++) {
        const int v = node->input[i];
        const bool weight = s->in_slot[i] < 0;

        c->in_at[i] = NULL;
        c->din_at[i] = NULL;
        if (v < 0 || (weight && !code->graph->value[v].weight)) /* a shape: known already */
            continue;
        if (weight)
            c->in[i] = *plan_weight(code, v);
        else
            shape_of(code, v, n, &c->in[i]);
        if (s->pixels)
            turn(&c->in[i]);
        c->din[i] = c->in[i];
        c->din[i].data = NULL;
        if (ctx && !weight)
            c->in[i].data = plan_data(code, ctx, s->in_slot[i], first);
        c->in_at[i] = &c->in[i];
        if (!back || !(weight ? s->weight_grad[i].each > 0 : s->in_back[i]))
            continue;
        if (ctx)
            c->din[i].data = weight ? plan_buf_at(ctx, &s->weight_grad[i], 0)
                                    : plan_grad(code, ctx, s->in_slot[i], first);
        c->din_at[i] = &c->din[i];
    }
    for (int i = 0; i < s->n_out; i++) {
        const int slot = s->out_slot[i];

        c->out_at[i] = NULL;
        c->dout_at[i] = NULL;
        if (slot < 0)
            continue;
        shape_of(code, node->output[i], n, &c->out[i]);
        if (s->pixels)
            turn(&c->out[i]);
        c->dout[i] = c->out[i];
        if (ctx)
            c->out[i].data = plan_data(code, ctx, slot, first);
        c->out_at[i] = &c->out[i];
        if (!back || !code->slot[slot].grad_written)
            continue;
        if (ctx)
            c->dout[i].data = plan_grad(code, ctx, slot, first);
        c->dout_at[i] = &c->dout[i];
    }
}

/* back: of the backward pass; rows know it by din. */
static struct rd_op_call call_of(
    const struct plan_code *code, const struct plan_step *s, const struct plan_call *c, bool back)
{
    return (struct rd_op_call){
        .node = &code->graph->node[s->node],
        .in = c->in_at,
        .out = c->out_at,
        .dout = back ? c->dout_at : NULL,
        .din = back ? c->din_at : NULL,
        .kernels = code->kernels,
    };
}

/* Bytes as floats; false: absurd. */
static bool floats_of(size_t bytes, size_t *floats)
{
    *floats = bytes / sizeof(float) + (bytes % sizeof(float) != 0);
    return bytes < SIZE_MAX / 2;
}

rd_status plan_node_measure(struct plan_code *code, int step, size_t rows, struct rd_arena *arena)
{
    struct plan_step *s = &code->step[step];
    const struct rd_graph_node *node = &code->graph->node[s->node];
    const struct rd_op *row = node->row;
    struct plan_call c;
    struct rd_op_call call;
    bool fits = true;

    if (!make(s, arena, &c))
        return RD_E_MEMORY;
    s->saved.fixed = s->node_scratch.fixed = s->node_back_scratch.fixed = true;
    for (int i = 0; s->back && i < s->n_in; i++)
        if (code->mode == PLAN_TRAIN && s->in_slot[i] < 0 && plan_trainable(code->graph, node, i)) {
            s->weight_grad[i].fixed = true;
            s->weight_grad[i].each = rd_tensor_count(code->graph->value[node->input[i]].weight);
        }
    /* What a row takes depends on which gradients it is asked for: once without, once with them. */
    set(code, s, NULL, 0, rows, false, &c);
    call = call_of(code, s, &c, false);
    if (row->flops)
        code->work += row->flops(&call) / (double)rows;
    if (row->scratch)
        fits = floats_of(row->scratch(&call), &s->node_scratch.each);
    if (fits && s->back && row->saved)
        fits = floats_of(row->saved(&call), &s->saved.each);
    if (fits && s->back) {
        set(code, s, NULL, 0, rows, true, &c);
        call = call_of(code, s, &c, true);
        if (row->scratch)
            fits = floats_of(row->scratch(&call), &s->node_back_scratch.each);
    }
    return fits ? RD_OK : RD_E_LIMIT;
}

rd_status plan_node_init(const struct plan_code *code, struct rd_arena *arena,
    struct plan_context *ctx, int step, struct rd_error *err)
{
    const struct plan_step *s = &code->step[step];

    if (s->kind != PLAN_NODE)
        return RD_OK;
    if (!make(s, arena, &ctx->call[step]))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for step %d of the plan", step);
    return RD_OK;
}

static void *bytes_at(const struct plan_context *ctx, const struct plan_buf *b)
{
    return b->used ? plan_buf_at(ctx, b, 0) : NULL;
}

rd_status plan_node_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t first, size_t n)
{
    struct plan_call *c = &ctx->call[s - code->step];
    struct rd_op_call call;
    char label[96];
    rd_status st;

    set(code, s, ctx, first, n, false, c);
    call = call_of(code, s, c, false);
    call.saved = bytes_at(ctx, &s->saved);
    call.scratch = bytes_at(ctx, &s->node_scratch);
    call.scratch_size = s->node_scratch.each * sizeof(float);
    call.err = ctx->err;
    st = call.node->row->forward(&call);
    if (!st && call.scratch_used && !call.scratch)
        st = RD_FAIL(ctx->err, RD_E_BUG, "scratch was used but not asked for");
    if (st)
        return RD_WRAP(ctx->err, st, "%s",
            rd_graph_node_label(code->graph, (size_t)s->node, label, sizeof label));
    return RD_OK;
}

rd_status plan_node_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t first, size_t n)
{
    struct plan_call *c = &ctx->call[s - code->step];
    struct rd_op_call call;
    char label[96];
    bool wanted = false;
    rd_status st;

    set(code, s, ctx, first, n, true, c);
    for (int i = 0; i < s->n_in; i++) {
        wanted = wanted || c->din_at[i];
        if (c->din_at[i] && !s->in_add[i])
            memset(c->din[i].data, 0, rd_tensor_bytes(&c->din[i]));
    }
    if (!wanted) /* made of weights alone, which do not change here */
        return RD_OK;
    call = call_of(code, s, c, true);
    call.saved = bytes_at(ctx, &s->saved);
    call.scratch = bytes_at(ctx, &s->node_back_scratch);
    call.scratch_size = s->node_back_scratch.each * sizeof(float);
    call.err = ctx->err;
    st = call.node->row->backward(&call);
    if (!st && call.scratch_used && !call.scratch)
        st = RD_FAIL(ctx->err, RD_E_BUG, "scratch was used but not asked for");
    if (st)
        return RD_WRAP(ctx->err, st, "gradient of %s",
            rd_graph_node_label(code->graph, (size_t)s->node, label, sizeof label));
    return RD_OK;
}
