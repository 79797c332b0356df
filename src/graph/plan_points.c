/*
 * plan_points.c - element by element on images in pixels: the operator's row sees the axes as
 * (n, h, w, c), which makes no difference to it, broadcasting included.
 */
#include "graph/plan_builder.h"

#include <string.h>

static bool is_pointwise(const struct rd_graph_node *node)
{
    static const char *const ops[] = { "Abs", "Add", "Celu", "Clip", "Div", "Elu", "Erf", "Exp",
        "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg",
        "PRelu", "Pow", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt",
        "Sub", "Swish", "Tanh", "ThresholdedRelu" };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (plan_is_op(node, ops[i]))
            return true;
    return false;
}

/* A constant that is one number, or one for each channel. */
static bool broadcasts(const struct builder *b, int v)
{
    const struct rd_tensor *t = plan_value_at(b, v)->weight;
    const int n = t->ndim;

    if (t->dtype != RD_F32)
        return false;
    if (rd_tensor_count(t) == 1)
        return true;
    return (n == 3 && t->dim[1] == 1 && t->dim[2] == 1) ||
           (n == 4 && t->dim[0] == 1 && t->dim[2] == 1 && t->dim[3] == 1);
}

static bool has_halo(const struct plan_slot *s)
{
    return s->top || s->left || s->bottom || s->right;
}

/* The other slots of what lies in `like`; compact or not. -1: none. */
static int sibling(const struct builder *b, int like, bool compact)
{
    const struct plan_slot *s = &b->code->slot[like];

    for (int i = 0; i < b->code->n_slots; i++) {
        const struct plan_slot *at = &b->code->slot[i];

        if (at->value == s->value && at->form == PLAN_PIXELS && at->c == s->c && at->h == s->h &&
            at->w == s->w && (compact ? !has_halo(at) : !at->compact))
            return i;
    }
    return -1;
}

int plan_padded(struct builder *b, int slot, size_t top, size_t left, size_t bottom, size_t right)
{
    struct plan_slot *s;

    if (!(top | left | bottom | right))
        return slot;
    if (b->code->slot[slot].compact) {
        const int other = sibling(b, slot, false);

        slot = other >= 0 ? other : plan_copy_pixels(b, slot);
        if (slot < 0)
            return -1;
    }
    s = &b->code->slot[slot];
    s->top = s->top > top ? s->top : top;
    s->left = s->left > left ? s->left : left;
    s->bottom = s->bottom > bottom ? s->bottom : bottom;
    s->right = s->right > right ? s->right : right;
    return slot;
}

/* The pixels of image v without a halo, now and later. */
static int compact(struct builder *b, int v)
{
    int slot = plan_pixels(b, v);

    if (slot >= 0 && has_halo(&b->code->slot[slot])) {
        const int other = sibling(b, slot, true);

        slot = other >= 0 ? other : plan_copy_pixels(b, slot);
    }
    if (slot >= 0)
        b->code->slot[slot].compact = true;
    return slot;
}

bool plan_build_points(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const int out = node->output[0];
    struct plan_step *s;
    bool any = false, *flags;
    int *in;

    if (b->code->mode == PLAN_TRAIN || !is_pointwise(node) || node->n_outputs != 1 || !node->row ||
        node->row->saved || node->row->random || !plan_is_image(b, out))
        return false;
    for (int i = 0; i < node->n_inputs; i++) {
        const int v = node->input[i];

        if (v < 0)
            continue;
        if (plan_value_at(b, v)->weight ? !broadcasts(b, v) : !plan_is_image(b, v))
            return false;
        any = any ||
              (!plan_value_at(b, v)->weight && plan_same_image(b, v, out) && plan_has_pixels(b, v));
    }
    if (!any)
        return false;
    in = RD_NEW_ARRAY(b->arena, int, (size_t)node->n_inputs + 2);
    flags = RD_NEW_ARRAY(b->arena, bool, 2 * (size_t)node->n_inputs + 1);
    if (!in || !flags) {
        b->starved = b->refused = true;
        return true;
    }
    for (int i = 0; i < node->n_inputs; i++) {
        const int v = node->input[i];

        in[i] = v < 0 || plan_value_at(b, v)->weight ? -1 : compact(b, v);
        if (b->refused)
            return true;
    }
    s = plan_add_step(b, PLAN_NODE, at);
    if (!s)
        return true;
    s->pixels = true;
    s->n_in = node->n_inputs;
    s->n_out = 1;
    s->in_slot = in;
    s->out_slot = in + node->n_inputs;
    s->in_add = flags;
    s->in_back = flags + node->n_inputs;
    s->weight_grad = RD_NEW_ARRAY(b->arena, struct plan_buf, (size_t)node->n_inputs + 1);
    s->out = s->out_slot[0] = plan_add_image(b, out);
    if (!s->weight_grad)
        b->starved = b->refused = true;
    else if (s->out >= 0)
        b->code->slot[s->out].compact = true;
    return true;
}
