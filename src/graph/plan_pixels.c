/*
 * plan_pixels.c - what stands between convolutions and keeps their form: sums, a scale and a shift
 * for each channel (batch normalization at its running statistics, normalized inputs), means.
 */
#include "graph/plan_builder.h"

#include <math.h>
#include <string.h>

enum {
    CHAIN_MAX = 8
}; /* nodes of one chain: a hostile graph must not have each of them tried from each */

/* --- made --- */

bool plan_is_image(const struct builder *b, int v)
{
    const struct rd_graph_value *x = plan_value_at(b, v);

    return v >= 0 && x->batched && x->dtype == RD_F32 && x->ndim == 4 && x->dim[1] > 0 &&
           x->dim[2] > 0 && x->dim[3] > 0;
}

bool plan_same_image(const struct builder *b, int v, int w)
{
    return plan_is_image(b, v) && plan_is_image(b, w) &&
           memcmp(plan_value_at(b, v)->dim + 1, plan_value_at(b, w)->dim + 1,
               3 * sizeof(int64_t)) == 0;
}

/* Is it there as pixels already? */
bool plan_has_pixels(const struct builder *b, int v)
{
    for (int i = 0; i < b->code->n_slots; i++)
        if (b->code->slot[i].value == b->base[v] && b->code->slot[i].form == PLAN_PIXELS)
            return true;
    return false;
}

/* Takes a Relu behind value *out, when it alone reads it. */
static bool take_relu(struct builder *b, int *out)
{
    const int next = plan_only_reader(b, *out);

    if (next < 0 || !plan_is_op(&b->graph->node[next], "Relu"))
        return false;
    b->taken[next] = true;
    *out = b->graph->node[next].output[0];
    return true;
}

int plan_add_image(struct builder *b, int v)
{
    const struct rd_graph_value *x = plan_value_at(b, v);
    int slot;

    b->code->n_steps--; /* the slot's producer is the step made last */
    slot = plan_add_pixels(b, v, (size_t)x->dim[1], (size_t)x->dim[2], (size_t)x->dim[3]);
    b->code->n_steps++;
    return slot;
}

/* A convolution's bare output that this sum alone reads? Its step; -1: no. */
static int bare_conv(const struct builder *b, int v)
{
    const struct plan_code *c = b->code;

    if (c->mode == PLAN_TRAIN || plan_only_reader(b, v) < 0)
        return -1;
    for (int i = 0; i < c->n_slots; i++) {
        const struct plan_slot *slot = &c->slot[i];
        const struct plan_step *s = slot->producer < 0 ? NULL : &c->step[slot->producer];

        if (slot->value == b->base[v] && slot->form == PLAN_PIXELS && s && s->kind == PLAN_CONV &&
            s->out == i && !s->relu && !s->pool && !s->depth && s->in2 < 0 && b->base[v] == v)
            return slot->producer;
    }
    return -1;
}

/* Step `at` becomes the last one: nothing behind it reads what it makes. */
static void move_to_end(struct plan_code *c, int at)
{
    const struct plan_step moved = c->step[at];
    const int last = c->n_steps - 1;

    memmove(&c->step[at], &c->step[at + 1], (size_t)(last - at) * sizeof moved);
    c->step[last] = moved;
    for (int i = 0; i < c->n_slots; i++)
        if (c->slot[i].producer == at)
            c->slot[i].producer = last;
        else if (c->slot[i].producer > at)
            c->slot[i].producer--;
}

/* The sum as the end of a convolution. */
static bool fuse_add(struct builder *b, const struct rd_graph_node *node)
{
    const int first = bare_conv(b, node->input[0]), second = bare_conv(b, node->input[1]);
    const int at = first > second ? first : second; /* the later: the other is there then */
    struct plan_step *s;
    int out = node->output[0], in2;

    if (at < 0 || node->input[0] == node->input[1])
        return false;
    in2 = plan_pixels(b, node->input[at == first]);
    if (in2 < 0)
        return true;
    if (at < b->code->n_steps - 1)
        move_to_end(b->code, at);
    s = &b->code->step[b->code->n_steps - 1];
    s->in2 = in2;
    s->relu = take_relu(b, &out);
    b->code->slot[s->out].value = out;
    return true;
}

bool plan_build_add(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    int out = node->output[0], in, in2;
    struct plan_step *s;
    bool relu;

    if (!plan_is_op(node, "Add") || !plan_same_image(b, node->input[0], node->input[1]) ||
        plan_value_at(b, node->input[0])->weight || plan_value_at(b, node->input[1])->weight ||
        (!plan_has_pixels(b, node->input[0]) && !plan_has_pixels(b, node->input[1])))
        return false;
    if (fuse_add(b, node))
        return true;
    in = plan_pixels(b, node->input[0]);
    in2 = in < 0 ? -1 : plan_pixels(b, node->input[1]);
    if (in2 < 0)
        return true;
    relu = take_relu(b, &out);
    s = plan_add_step(b, PLAN_ADD, at);
    if (!s)
        return true;
    s->in = in;
    s->in2 = in2;
    s->relu = relu;
    s->out = plan_add_image(b, out);
    return true;
}

/* The numbers of a constant that is one number, or one for each of c channels; NULL: it is neither.
 */
static const float *by_channel(const struct builder *b, int v, size_t c, size_t *n_out)
{
    const struct rd_tensor *t;
    size_t n;

    if (!plan_is_weight(b, v))
        return NULL;
    t = b->code->aligned[v] ? b->code->aligned[v] : plan_value_at(b, v)->weight;
    n = rd_tensor_count(t);
    *n_out = n;
    if (n == 1 && t->ndim <= 4)
        return t->data;
    if (n != c || t->ndim < 3 || t->ndim > 4 || (size_t)t->dim[t->ndim - 3] != c)
        return NULL;
    return t->data;
}

/* One more Add, Sub, Mul or Div of a constant behind scale and shift. */
static bool arithmetic(const struct builder *b, const struct rd_graph_node *node, int in, size_t c,
    double *scale, double *shift)
{
    const bool first = node->n_inputs == 2 && node->input[0] == in;
    const float *k;
    size_t n;

    if (node->n_inputs != 2 || node->input[0] == node->input[1])
        return false;
    k = by_channel(b, node->input[first], c, &n);
    if (!k)
        return false;
    for (size_t i = 0; i < c; i++) {
        const double v = (double)k[n == 1 ? 0 : i];

        if (plan_is_op(node, "Add")) {
            shift[i] += v;
        } else if (plan_is_op(node, "Sub")) {
            if (!first)
                scale[i] = -scale[i];
            shift[i] = first ? shift[i] - v : v - shift[i];
        } else if (plan_is_op(node, "Mul")) {
            scale[i] *= v;
            shift[i] *= v;
        } else if (plan_is_op(node, "Div") && first) {
            scale[i] /= v;
            shift[i] /= v;
        } else {
            return false;
        }
        if (!isfinite(scale[i]) || !isfinite(shift[i]))
            return false;
    }
    return true;
}

/* BatchNormalization at its running statistics. */
static bool normalization(const struct builder *b, const struct rd_graph_node *node, int in,
    size_t c, double *scale, double *shift)
{
    const float *k[4];
    const double epsilon = (double)rd_op_float(node, "epsilon", 1e-5f);

    if (!plan_is_op(node, "BatchNormalization") || b->code->mode == PLAN_TRAIN ||
        node->n_inputs != 5 || node->input[0] != in || rd_op_int(node, "training_mode", 0))
        return false;
    for (int i = 1; i < node->n_outputs; i++)
        if (node->output[i] >= 0 && b->uses[node->output[i]])
            return false;
    for (int i = 0; i < 4; i++) {
        const int v = node->input[i + 1];
        const struct rd_tensor *t;

        if (!plan_is_weight(b, v))
            return false;
        t = b->code->aligned[v] ? b->code->aligned[v] : plan_value_at(b, v)->weight;
        if (rd_tensor_count(t) != c)
            return false;
        k[i] = t->data;
    }
    for (size_t i = 0; i < c; i++) {
        const double root = sqrt((double)k[3][i] + epsilon), s = (double)k[0][i] / root;

        if (!isfinite(s) || !(root > 0))
            return false;
        shift[i] = shift[i] * s + (double)k[1][i] - (double)k[2][i] * s;
        scale[i] *= s;
    }
    return true;
}

/*
 * The longest chain of such nodes from value *out on, each the only reader of the one before; *out
 * becomes its end, the nodes are taken. NULL: none, too many channels, or no memory (b says so).
 */
static const struct plan_affine *take_chain(
    struct builder *b, int first, int in, size_t c, bool fold, int *out)
{
    struct plan_affine *a;
    double *scale, *try;
    int next = first;
    bool any = false;

    if (c > b->affine_left)
        return NULL;
    b->affine_left -= c;
    a = RD_NEW(b->arena, struct plan_affine);
    scale = RD_NEW_ARRAY(b->arena, double, 2 * c);
    try = RD_NEW_ARRAY(b->arena, double, 2 * c);
    if (!a || !scale || !try || !(a->scale = RD_NEW_ARRAY(b->arena, float, 2 * c))) {
        b->refused = b->starved = true;
        return NULL;
    }
    a->shift = a->scale + c;
    a->c = c;
    for (size_t i = 0; i < c; i++)
        scale[i] = 1;
    for (int n = 0; next >= 0 && n < CHAIN_MAX; n++) {
        const struct rd_graph_node *node = &b->graph->node[next];

        memcpy(try, scale, 2 * c * sizeof *try);
        if (node->n_outputs < 1 || node->output[0] < 0 || !plan_is_image(b, node->output[0]) ||
            !plan_same_image(b, in, node->output[0]) ||
            !(normalization(b, node, in, c, try, try + c) ||
                (!fold && arithmetic(b, node, in, c, try, try + c))))
            break;
        memcpy(scale, try, 2 * c * sizeof *try);
        any = true;
        if (next != first || fold)
            b->taken[next] = true;
        *out = in = node->output[0];
        next = plan_only_reader(b, in);
    }
    for (size_t i = 0; i < c; i++) {
        a->scale[i] = (float)scale[i];
        a->shift[i] = (float)scale[c + i];
    }
    return any ? a : NULL;
}

const struct plan_affine *plan_take_norm(struct builder *b, int *out)
{
    const int next = plan_only_reader(b, *out);

    if (next < 0 || !plan_is_op(&b->graph->node[next], "BatchNormalization") ||
        !plan_is_image(b, *out))
        return NULL;
    return take_chain(b, next, *out, (size_t)plan_value_at(b, *out)->dim[1], true, out);
}

/* Will what reads v want pixels? */
static bool leads_to_conv(const struct builder *b, int v)
{
    const int next = plan_only_reader(b, v);

    return next >= 0 && plan_is_op(&b->graph->node[next], "Conv");
}

bool plan_build_scale(struct builder *b, int at)
{
    static const char *const ops[] = { "BatchNormalization", "Add", "Sub", "Mul", "Div" };
    const struct rd_graph_node *node = &b->graph->node[at];
    const struct plan_affine *affine;
    struct plan_step *s;
    int in = -1, out, slot;
    bool ours = false;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        ours = ours || plan_is_op(node, ops[i]);
    for (int i = 0; ours && in < 0 && i < 2 && i < node->n_inputs; i++)
        if (node->input[i] >= 0 && !plan_value_at(b, node->input[i])->weight)
            in = node->input[i];
    if (in < 0 || !plan_is_image(b, in) || b->code->mode == PLAN_TRAIN)
        return false;
    out = node->output[0];
    {
        bool *const before = RD_NEW_ARRAY(b->arena, bool, b->graph->n_nodes + 1);

        if (!before) {
            b->refused = b->starved = true;
            return true;
        }
        memcpy(before, b->taken, b->graph->n_nodes * sizeof *before);
        affine = take_chain(b, at, in, (size_t)plan_value_at(b, in)->dim[1], false, &out);
        if (!affine || (!plan_has_pixels(b, in) && !leads_to_conv(b, out))) {
            memcpy(b->taken, before, b->graph->n_nodes * sizeof *before);
            return b->refused;
        }
    }
    slot = plan_pixels(b, in);
    s = slot < 0 ? NULL : plan_add_step(b, PLAN_SCALE, at);
    if (!s)
        return true;
    s->in = slot;
    s->affine = affine;
    s->out = plan_add_image(b, out);
    return true;
}

/* Means over the pixels: a pool of the whole image, or ReduceMean over both axes. */
static bool is_mean(const struct builder *b, const struct rd_graph_node *node)
{
    int64_t axes[RD_MAX_DIMS];
    int n = 0;

    if (plan_is_op(node, "GlobalAveragePool"))
        return true;
    if (!plan_is_op(node, "ReduceMean"))
        return false;
    if (node->n_inputs > 1 && node->input[1] >= 0) {
        const struct rd_tensor *t = plan_value_at(b, node->input[1])->weight;

        if (!t || t->dtype != RD_I64 || rd_tensor_count(t) != 2)
            return false;
        memcpy(axes, t->data, sizeof *axes * 2);
        n = 2;
    } else {
        size_t given;
        const int64_t *p = rd_op_ints(node, "axes", &given);

        if (!p || given != 2)
            return false;
        memcpy(axes, p, sizeof *axes * 2);
        n = 2;
    }
    for (int i = 0; i < n; i++)
        axes[i] += axes[i] < 0 ? 4 : 0;
    return (axes[0] == 2 && axes[1] == 3) || (axes[0] == 3 && axes[1] == 2);
}

bool plan_build_mean(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    struct plan_step *s;
    int in;

    if (!is_mean(b, node) || !plan_is_image(b, node->input[0]) ||
        !plan_has_pixels(b, node->input[0]))
        return false;
    in = plan_pixels(b, node->input[0]);
    s = in < 0 ? NULL : plan_add_step(b, PLAN_MEAN, at);
    if (!s)
        return true;
    s->in = in;
    b->code->n_steps--;
    s->out = plan_add_slot(b, node->output[0], PLAN_PLAIN, b->code->slot[in].c);
    b->code->n_steps++;
    return true;
}

/* --- run --- */

static float *image(
    const struct plan_code *code, const struct plan_context *ctx, int slot, size_t i)
{
    return plan_data(code, ctx, slot, i) + plan_slot_inside(&code->slot[slot]);
}

void plan_add_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *to = &code->slot[s->out];
    const size_t line = to->w * to->c;
    const float *a = image(code, ctx, s->in, i), *b = image(code, ctx, s->in2, i);
    float *out = image(code, ctx, s->out, i);
    uint8_t *mask = s->save_index ? (uint8_t *)plan_buf_at(ctx, &s->index, i) : NULL;

    for (size_t y = 0; y < to->h; y++) {
        if (s->relu)
            code->kernels->add_relu(a, b, out, mask ? mask + y * line : NULL, line);
        else
            code->kernels->add(a, b, out, line);
        a += plan_slot_row(&code->slot[s->in]);
        b += plan_slot_row(&code->slot[s->in2]);
        out += plan_slot_row(to);
    }
}

static void give(const struct plan_code *code, const float *g, float *dx, size_t n, bool add)
{
    if (add)
        code->kernels->add(dx, g, dx, n);
    else
        memcpy(dx, g, n * sizeof *dx);
}

void plan_sum_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const size_t n = code->slot[s->out].count;
    float *g = plan_grad(code, ctx, s->out, i); /* nobody else reads it behind us */

    if (s->save_index)
        code->kernels->gate(g, (const uint8_t *)plan_buf_at(ctx, &s->index, i), g, n);
    if (s->back_data2 && code->slot[s->in2].grad_of != s->out)
        give(code, g, plan_grad(code, ctx, s->in2, i), n, s->add2);
}

void plan_add_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const size_t n = code->slot[s->out].count;
    float *g = plan_grad(code, ctx, s->out, i);

    if (s->save_index)
        code->kernels->gate(g, (const uint8_t *)plan_buf_at(ctx, &s->index, i), g, n);
    if (s->back_data)
        give(code, g, plan_grad(code, ctx, s->in, i), n, s->add);
    if (s->back_data2 && code->slot[s->in2].grad_of != s->out)
        give(code, g, plan_grad(code, ctx, s->in2, i), n, s->add2);
}

void plan_scale_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *to = &code->slot[s->out];
    const size_t c = to->c;
    const float *in = image(code, ctx, s->in, i);
    const float *restrict scale = s->affine->scale, *restrict shift = s->affine->shift;
    float *out = image(code, ctx, s->out, i);

    for (size_t y = 0; y < to->h; y++) {
        for (size_t x = 0; x < to->w; x++)
            for (size_t k = 0; k < c; k++)
                out[x * c + k] = in[x * c + k] * scale[k] + shift[k];
        in += plan_slot_row(&code->slot[s->in]);
        out += plan_slot_row(to);
    }
}

void plan_scale_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *to = &code->slot[s->out];
    const float *g = plan_grad(code, ctx, s->out, i);
    float *dx;

    if (!s->back_data)
        return;
    dx = plan_grad(code, ctx, s->in, i);
    for (size_t p = 0; p < to->h * to->w; p++, g += to->c, dx += to->c)
        for (size_t k = 0; k < to->c; k++)
            dx[k] = (s->add ? dx[k] : 0) + g[k] * s->affine->scale[k];
}

void plan_mean_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];
    const float *in = image(code, ctx, s->in, i), share = 1 / (float)(from->h * from->w);
    float *out = plan_data(code, ctx, s->out, i);

    memset(out, 0, from->c * sizeof *out);
    for (size_t y = 0; y < from->h; y++, in += plan_slot_row(from))
        code->kernels->sum_rows(in, from->w, (ptrdiff_t)from->c, from->c, out);
    for (size_t k = 0; k < from->c; k++)
        out[k] *= share;
}

void plan_mean_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i)
{
    const struct plan_slot *from = &code->slot[s->in];
    const float *g = plan_grad(code, ctx, s->out, i), share = 1 / (float)(from->h * from->w);
    float *dx;

    if (!s->back_data)
        return;
    dx = plan_grad(code, ctx, s->in, i);
    if (s->add) {
        for (size_t p = 0; p < from->h * from->w; p++, dx += from->c)
            for (size_t k = 0; k < from->c; k++)
                dx[k] += g[k] * share;
        return;
    }
    for (size_t k = 0; k < from->c; k++)
        dx[k] = g[k] * share;
    for (size_t p = 1; p < from->h * from->w; p++)
        memcpy(dx + p * from->c, dx, from->c * sizeof *dx);
}
