/* plan_window.c - Conv and MaxPool as steps of a plan, with what fuses behind them. */
#include "graph/plan_builder.h"

#include <math.h>
#include <string.h>

enum { PHASES_MAX = 8 }; /* strides whose gradients go phase by phase */

static bool window_of(
    const struct builder *b, const struct rd_graph_node *node, struct rd_window *w)
{
    struct rd_tensor shape[2] = { { .dtype = RD_F32 }, { .dtype = RD_F32 } };
    const struct rd_tensor *in[3] = { NULL };
    const struct rd_op_call call = { .node = node, .in = in };

    for (int i = 0; i < node->n_inputs && i < 2; i++) {
        const struct rd_graph_value *v = plan_value_at(b, node->input[i]);

        shape[i].ndim = v->ndim;
        memcpy(shape[i].dim, v->dim, sizeof v->dim);
        in[i] = &shape[i];
    }
    if (node->n_inputs > 3 || shape[0].ndim != 4 || shape[0].dim[1] < 1 ||
        !plan_value_at(b, node->input[0])->batched)
        return false;
    memset(w, 0, sizeof *w);
    if (rd_op_window(&call, w) || w->dims != 2)
        return false;
    for (int i = 0; i < 2; i++)
        if (w->in[i] < 1 || w->out[i] < 1 || w->kernel[i] < 1 || w->stride[i] < 1 ||
            w->dilation[i] < 1 || w->pad[i] < 0 || w->pad_end[i] < 0 || w->pad[i] > 4096 ||
            w->pad_end[i] > 4096)
            return false;
    return true;
}

/* A max-pool that the kernels do: small windows, each with at least one pixel, winners not asked
 * for. */
static bool pool_window(
    const struct builder *b, const struct rd_graph_node *node, struct rd_window *w)
{
    if (!plan_is_op(node, "MaxPool") || !window_of(b, node, w))
        return false;
    for (int i = 1; i < node->n_outputs; i++)
        if (node->output[i] >= 0 && b->uses[node->output[i]])
            return false;
    if (w->kernel[0] > RD_POOL_WINDOW || w->kernel[1] > RD_POOL_WINDOW ||
        w->kernel[0] * w->kernel[1] > RD_POOL_WINDOW)
        return false;
    for (int i = 0; i < 2; i++)
        if (w->dilation[i] != 1 || w->pad[i] >= w->kernel[i] ||
            (w->out[i] - 1) * w->stride[i] - w->pad[i] >= w->in[i])
            return false;
    return true;
}

static void set_pool(struct plan_step *s, const struct rd_window *w)
{
    s->pool = true;
    s->pool_kh = (size_t)w->kernel[0];
    s->pool_kw = (size_t)w->kernel[1];
    s->pool_stride_h = (size_t)w->stride[0];
    s->pool_stride_w = (size_t)w->stride[1];
    s->pool_top = (size_t)w->pad[0];
    s->pool_left = (size_t)w->pad[1];
}

/* Windows side by side that never leave the image. */
static bool pool_fuses(const struct rd_window *w)
{
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != w->stride[i] || w->pad[i] || w->out[i] * w->kernel[i] > w->in[i])
            return false;
    return true;
}

/* A hostile graph must not have us go through a million empty remainders. */
static bool few_phases(const struct rd_window *w)
{
    return w->stride[0] <= PHASES_MAX && w->stride[1] <= PHASES_MAX;
}

/*
 * The flipped kernel gives pixel after pixel, with strides phase by phase; where some channels
 * would leave the vectors half empty, or strides meet dilations, columns are added up instead. With
 * very few channels the lanes go along the sum.
 */
static void choose_gradient(
    struct builder *b, struct plan_step *s, const struct rd_window *w, size_t c, size_t o)
{
    const size_t reach_h = (s->kh - 1) * s->dilation_h, reach_w = (s->kw - 1) * s->dilation_w;
    const size_t lanes = b->code->kernels->lanes;

    if (s->depth) {
        s->flipped = s->phases = true;
    } else if (s->stride_h == 1 && s->stride_w == 1) {
        s->flipped = s->pad_top <= reach_h && (size_t)w->pad_end[0] <= reach_h &&
                     s->pad_left <= reach_w && (size_t)w->pad_end[1] <= reach_w;
        s->narrow = s->flipped && c <= RD_NARROW && s->dilation_w == 1 && s->kw * o % lanes == 0;
    } else if (s->dilation_h == 1 && s->dilation_w == 1 && few_phases(w)) {
        s->flipped = s->phases = true;
        s->narrow = c <= RD_NARROW && o % lanes == 0;
    }
    s->flipped = s->narrow || s->depth || (s->flipped && 2 * c > lanes);
    s->phases = s->phases && s->flipped;
    if (s->phases) {
        plan_phase_halo(
            (size_t)w->in[0], s->oh, s->kh, s->stride_h, s->pad_top, &s->dy_top, &s->dy_bottom);
        plan_phase_halo(
            (size_t)w->in[1], s->ow, s->kw, s->stride_w, s->pad_left, &s->dy_left, &s->dy_right);
    } else if (s->flipped) {
        s->dy_top = reach_h - s->pad_top;
        s->dy_bottom = reach_h - (size_t)w->pad_end[0];
        s->dy_left = reach_w - s->pad_left;
        s->dy_right = reach_w - (size_t)w->pad_end[1];
    }
}

/* A bound of a Clip node: given by constant input or attribute; `none` where it has none. NaN: not
 * known. */
static float bound(const struct builder *b, const struct rd_graph_node *node, int input,
    const char *name, float none)
{
    const int v = plan_node_in(node, input);
    float k = none;

    if (node->opset < 11)
        return rd_op_float(node, name, none);
    if (v < 0)
        return none;
    if (!plan_is_weight(b, v) || rd_tensor_count(plan_value_at(b, v)->weight) != 1)
        return NAN;
    memcpy(&k, plan_value_at(b, v)->weight->data, sizeof k);
    return k;
}

/* Relu with a bound, as MobileNets have it. The mask lets nothing through at the bounds
 * themselves, where the row lets all: both are subgradients there. */
static bool clip_from_zero(const struct builder *b, const struct rd_graph_node *node, float *top)
{
    float high;

    if (b->code->mode == PLAN_TRAIN || !plan_is_op(node, "Clip") ||
        bound(b, node, 1, "min", -INFINITY) != 0)
        return false;
    high = bound(b, node, 2, "max", INFINITY);
    if (!(high > 0))
        return false;
    *top = isinf(high) ? 0 : high;
    return true;
}

/* Each channel by itself, once; training goes by the operator's row. */
static bool is_depth(
    const struct builder *b, const struct rd_graph_node *node, const struct rd_window *w)
{
    const int64_t c = plan_value_at(b, node->input[0])->dim[1];

    return b->code->mode != PLAN_TRAIN && w->group == c && w->dilation[0] == 1 &&
           w->dilation[1] == 1 && few_phases(w) && plan_value_at(b, node->input[1])->dim[0] == c;
}

bool plan_build_conv(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const int bias = plan_node_in(node, 2);
    const struct plan_affine *affine;
    struct rd_window w, pool = { 0 };
    struct plan_step *s;
    int out = node->output[0], next, in;
    bool relu = false, pooled = false;
    float top = 0;
    size_t c, o;

    if (!plan_is_op(node, "Conv") || !plan_is_weight(b, node->input[1]) ||
        (bias >= 0 && !plan_is_weight(b, bias)) ||
        plan_value_at(b, node->input[0])->dtype != RD_F32 || !window_of(b, node, &w) ||
        (w.group != 1 && !is_depth(b, node, &w)))
        return false;
    c = (size_t)plan_value_at(b, node->input[0])->dim[1];
    o = (size_t)plan_value_at(b, node->input[1])->dim[0];
    in = plan_pixels(b, node->input[0]);
    if (in >= 0)
        in = plan_padded(
            b, in, (size_t)w.pad[0], (size_t)w.pad[1], (size_t)w.pad_end[0], (size_t)w.pad_end[1]);
    if (in < 0)
        return true;
    affine = plan_take_norm(b, &out);
    /* relu and pool in either order: max(relu) is relu(max) */
    while ((next = plan_only_reader(b, out)) >= 0) {
        const struct rd_graph_node *n = &b->graph->node[next];
        struct rd_window pw;

        if (!relu && plan_is_op(n, "Relu"))
            relu = true;
        else if (!relu && !pooled && clip_from_zero(b, n, &top))
            relu = true;
        else if (!pooled && top == 0 && w.group == 1 && pool_window(b, n, &pw) && pool_fuses(&pw)) {
            pooled = true;
            pool = pw;
        } else
            break;
        b->taken[next] = true;
        out = n->output[0];
    }
    s = plan_add_step(b, PLAN_CONV, at);
    if (!s)
        return true;
    s->in = in;
    s->relu = relu;
    s->top = top;
    if (pooled)
        set_pool(s, &pool);
    s->weight = node->input[1];
    s->bias = bias;
    s->oh = (size_t)w.out[0];
    s->ow = (size_t)w.out[1];
    s->kh = (size_t)w.kernel[0];
    s->kw = (size_t)w.kernel[1];
    s->stride_h = (size_t)w.stride[0];
    s->stride_w = (size_t)w.stride[1];
    s->dilation_h = (size_t)w.dilation[0];
    s->dilation_w = (size_t)w.dilation[1];
    s->pad_top = (size_t)w.pad[0];
    s->pad_left = (size_t)w.pad[1];
    b->code->n_steps--; /* the slot's producer is this step */
    s->out = plan_add_pixels(
        b, out, o, pooled ? (size_t)pool.out[0] : s->oh, pooled ? (size_t)pool.out[1] : s->ow);
    b->code->n_steps++;
    s->depth = w.group != 1;
    s->forward_pack = plan_pack(b, &(struct plan_pack){ .kind = s->depth ? PACK_DEPTH : PACK_CONV,
                                       .value = s->weight,
                                       .kw = s->depth ? s->kw : 0,
                                       .stride_h = s->depth,
                                       .stride_w = s->depth,
                                       .k = s->kh * s->kw * (s->depth ? 1 : c),
                                       .n = o,
                                       .c = c,
                                       .taps = s->kh * s->kw,
                                       .o = o,
                                       .affine = affine });
    s->bias_pack =
        !affine ? plan_bias_pack(b, bias, o)
                : plan_pack(b, &(struct plan_pack){ .kind = bias < 0 ? PACK_SHIFT : PACK_BIAS,
                                   .value = bias < 0 ? s->weight : bias,
                                   .k = 1,
                                   .n = o,
                                   .affine = affine });
    choose_gradient(b, s, &w, c, o);
    return true;
}

bool plan_build_pool(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    struct rd_window w;
    struct plan_step *s;
    int in, out = node->output[0], next;
    bool relu = false;

    if (plan_value_at(b, node->input[0])->dtype != RD_F32 || !pool_window(b, node, &w))
        return false;
    in = plan_pixels(b, node->input[0]);
    if (in < 0)
        return true;
    next = plan_only_reader(b, out);
    if (next >= 0 && plan_is_op(&b->graph->node[next], "Relu")) {
        relu = true;
        b->taken[next] = true;
        out = b->graph->node[next].output[0];
    }
    s = plan_add_step(b, PLAN_POOL, at);
    if (!s)
        return true;
    s->in = in;
    s->relu = relu;
    set_pool(s, &w);
    b->code->n_steps--;
    s->out = plan_add_pixels(b, out, b->code->slot[in].c, (size_t)w.out[0], (size_t)w.out[1]);
    b->code->n_steps++;
    return true;
}
