/* plan_build.c - a graph becomes steps over slots: what is needed, what fuses, which form each
 * value has. */
#include "graph/plan_builder.h"

#include <string.h>

/* Beyond this a plan would cost more to make than it saves. */
enum { NODES_MAX = 4096 };
/* Fifteen times what the deepest residual nets have: bounds what trying chains costs. */
enum { AFFINE_CHANNELS = 1 << 20 };

bool plan_is_op(const struct rd_graph_node *node, const char *op)
{
    return !*node->domain && strcmp(node->op, op) == 0;
}

const struct rd_graph_value *plan_value_at(const struct builder *b, int v)
{
    return &b->graph->value[v];
}

bool plan_is_weight(const struct builder *b, int v)
{
    return v >= 0 && plan_value_at(b, v)->weight && plan_value_at(b, v)->weight->dtype == RD_F32;
}

int plan_node_in(const struct rd_graph_node *node, int i)
{
    return i < node->n_inputs ? node->input[i] : -1;
}

/* Floats an example of a batched value; false when a dim is not known. */
static bool count_of(const struct rd_graph_value *v, size_t *count)
{
    return v->ndim >= 1 && v->batched && rd_shape_count(v->dim + 1, v->ndim - 1, count);
}

/* --- slots and steps --- */

struct plan_step *plan_add_step(struct builder *b, enum plan_kind kind, int node)
{
    struct plan_step *s;

    if (b->code->n_steps == b->code->cap_steps) {
        b->refused = true;
        return NULL;
    }
    s = &b->code->step[b->code->n_steps++];
    s->kind = kind;
    s->node = node;
    s->in = s->in2 = s->out = s->weight = s->bias = -1;
    return s;
}

static int find_slot(const struct builder *b, int value, enum plan_form form)
{
    for (int i = 0; i < b->code->n_slots; i++)
        if (b->code->slot[i].value == value && b->code->slot[i].form == form)
            return i;
    return -1;
}

int plan_add_slot(struct builder *b, int value, enum plan_form form, size_t count)
{
    struct plan_slot *s;

    if (b->code->n_slots == b->code->cap_slots || !count) {
        b->refused = true;
        return -1;
    }
    s = &b->code->slot[b->code->n_slots];
    s->value = value;
    s->form = form;
    s->count = count;
    s->producer = b->code->n_steps;
    s->grad_of = -1;
    return b->code->n_slots++;
}

int plan_add_pixels(struct builder *b, int value, size_t c, size_t h, size_t w)
{
    const int s = plan_add_slot(b, value, PLAN_PIXELS, c * h * w);

    if (s >= 0) {
        b->code->slot[s].c = c;
        b->code->slot[s].h = h;
        b->code->slot[s].w = w;
    }
    return s;
}

int plan_plain(struct builder *b, int v)
{
    const int base = b->base[v];
    int s, from;
    struct plan_step *step;

    s = find_slot(b, base, PLAN_PLAIN);
    if (s >= 0)
        return s;
    from = find_slot(b, base, PLAN_PIXELS);
    if (from < 0) {
        b->refused = true;
        return -1;
    }
    s = plan_add_slot(b, base, PLAN_PLAIN, b->code->slot[from].count);
    step = s < 0 ? NULL : plan_add_step(b, PLAN_TO_PLAIN, -1);
    if (!step)
        return -1;
    step->in = from;
    step->out = s;
    return s;
}

int plan_pixels(struct builder *b, int v)
{
    const struct rd_graph_value *value = plan_value_at(b, v);
    const size_t c = (size_t)value->dim[1], h = (size_t)value->dim[2], w = (size_t)value->dim[3];
    struct plan_step *step;
    int s, from;

    for (int i = 0; i < b->code->n_slots; i++) {
        const struct plan_slot *at = &b->code->slot[i];

        if (at->value == b->base[v] && at->form == PLAN_PIXELS && at->c == c && at->h == h &&
            at->w == w)
            return i;
    }
    from = plan_plain(b, v);
    if (from < 0)
        return -1;
    s = plan_add_pixels(b, b->base[v], c, h, w);
    step = s < 0 ? NULL : plan_add_step(b, PLAN_TO_PIXELS, -1);
    if (!step)
        return -1;
    step->in = from;
    step->out = s;
    return s;
}

int plan_only_reader(const struct builder *b, int v)
{
    return b->uses[v] == 1 ? b->consumer[v] : -1;
}

/* --- packed weights --- */

struct plan_pack *plan_pack(struct builder *b, const struct plan_pack *want)
{
    struct plan_pack *p = plan_pack_get(b->code->kernels, want, b->code->packs, b->arena);

    if (!p)
        b->refused = b->starved = true;
    return p;
}

struct plan_pack *plan_bias_pack(struct builder *b, int value, size_t n)
{
    return value < 0 ? NULL
                     : plan_pack(b, &(struct plan_pack){
                                        .kind = PACK_BIAS, .value = value, .k = 1, .n = n });
}

/* --- Gemm and MatMul --- */

/* A weight of n floats that is added to each row of n. */
static bool is_row_bias(const struct builder *b, int v, int64_t n)
{
    const struct rd_tensor *t;

    if (!plan_is_weight(b, v))
        return false;
    t = plan_value_at(b, v)->weight;
    return (t->ndim == 1 && t->dim[0] == n) || (t->ndim == 2 && t->dim[0] == 1 && t->dim[1] == n);
}

static bool build_dense(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const bool gemm = plan_is_op(node, "Gemm");
    const struct rd_tensor *w;
    bool transposed = false, relu = false;
    int bias = -1, out = node->output[0], next, in;
    const struct plan_slot *slot;
    struct plan_step *s;
    size_t k, n, c = 0, taps = 0;

    if ((!gemm && !plan_is_op(node, "MatMul")) || !plan_is_weight(b, node->input[1]))
        return false;
    w = plan_value_at(b, node->input[1])->weight;
    if (w->ndim != 2 || !plan_value_at(b, node->input[0])->batched ||
        plan_value_at(b, node->input[0])->ndim != 2 ||
        plan_value_at(b, node->input[0])->dtype != RD_F32)
        return false;
    if (gemm) {
        bias = plan_node_in(node, 2);
        transposed = rd_op_int(node, "transB", 0) != 0;
        if (rd_op_int(node, "transA", 0) || rd_op_float(node, "alpha", 1) != 1.0f ||
            (bias >= 0 && rd_op_float(node, "beta", 1) != 1.0f))
            return false;
    }
    k = (size_t)w->dim[transposed ? 1 : 0];
    n = (size_t)w->dim[transposed ? 0 : 1];
    if (!k || !n || (bias >= 0 && !is_row_bias(b, bias, (int64_t)n)))
        return false;
    /* What a convolution made is read as it lies, the weight's rows are put in its order. */
    in = find_slot(b, b->base[node->input[0]], PLAN_PIXELS);
    if (in < 0 || b->code->slot[in].producer < 0 ||
        b->code->step[b->code->slot[in].producer].kind == PLAN_TO_PIXELS)
        in = plan_plain(b, node->input[0]);
    if (in < 0)
        return true;
    slot = &b->code->slot[in];
    if (slot->count != k) {
        b->refused = true;
        return true;
    }
    if (slot->form == PLAN_PIXELS) {
        c = slot->c;
        taps = slot->h * slot->w;
    }
    next = plan_only_reader(b, out);
    if (!gemm && next >= 0 && plan_is_op(&b->graph->node[next], "Add")) {
        const struct rd_graph_node *add = &b->graph->node[next];
        const int other = add->input[add->input[0] == out];

        if (add->input[0] != add->input[1] && is_row_bias(b, other, (int64_t)n)) {
            bias = other;
            b->taken[next] = true;
            out = add->output[0];
            next = plan_only_reader(b, out);
        }
    }
    if (next >= 0 && plan_is_op(&b->graph->node[next], "Relu")) {
        relu = true;
        b->taken[next] = true;
        out = b->graph->node[next].output[0];
    }
    s = plan_add_step(b, PLAN_DENSE, at);
    if (!s)
        return true;
    s->in = in;
    s->relu = relu;
    s->weight = node->input[1];
    s->bias = bias;
    b->code->n_steps--;
    s->out = plan_add_slot(b, out, PLAN_PLAIN, n);
    b->code->n_steps++;
    s->forward_pack = plan_pack(b, &(struct plan_pack){ .kind = PACK_DENSE,
                                       .value = s->weight,
                                       .k = k,
                                       .n = n,
                                       .c = c,
                                       .taps = taps,
                                       .transposed = transposed,
                                       .late = !c && b->code->mode == PLAN_INFER });
    s->bias_pack = plan_bias_pack(b, bias, n);
    return true;
}

/* --- everything else --- */

static bool build_dropout(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    const struct rd_graph_value *x = plan_value_at(b, node->input[0]);
    const int ratio = plan_node_in(node, 1);
    const struct rd_tensor *t = ratio >= 0 ? plan_value_at(b, ratio)->weight : NULL;
    struct plan_step *s;
    size_t count;
    int in;

    if (b->code->mode != PLAN_TRAIN || !plan_is_op(node, "Dropout") || x->dtype != RD_F32 ||
        !count_of(x, &count))
        return false;
    for (int i = 1; i < node->n_outputs; i++)
        if (node->output[i] >= 0 && b->uses[node->output[i]])
            return false;
    in = plan_plain(b, node->input[0]);
    s = in < 0 ? NULL : plan_add_step(b, PLAN_DROPOUT, at);
    if (!s)
        return true;
    s->in = in;
    b->code->n_steps--;
    s->out = plan_add_slot(b, node->output[0], PLAN_PLAIN, count);
    b->code->n_steps++;
    s->ratio = rd_op_float(node, "ratio", 0.5f);
    if (ratio >= 0 && (!t || t->dtype != RD_F32 || rd_tensor_count(t) != 1))
        b->refused = true;
    else if (t)
        memcpy(&s->ratio, t->data, sizeof s->ratio);
    if (!(s->ratio >= 0 && s->ratio < 1))
        b->refused = true;
    return true;
}

/* Does input i only say which shape the output has? The plan knows that already. */
static bool only_shapes(const struct rd_graph_node *node, int i)
{
    return node->row && ((node->row->view && i > 0 && !plan_is_op(node, "Dropout")) ||
                            (i < 32 && node->row->sizes >> i & 1));
}

static void build_node(struct builder *b, int at)
{
    const struct rd_graph_node *node = &b->graph->node[at];
    struct plan_step *s;
    int *in = RD_NEW_ARRAY(b->arena, int, (size_t)(node->n_inputs + node->n_outputs + 1));
    bool *flags = RD_NEW_ARRAY(b->arena, bool, 2 * (size_t)node->n_inputs + 1);
    struct plan_buf *grads = RD_NEW_ARRAY(b->arena, struct plan_buf, (size_t)node->n_inputs + 1);

    if (!in || !flags || !grads || !node->row || node->row->random) {
        b->starved = !in || !flags || !grads;
        b->refused = true;
        return;
    }
    for (int i = 0; i < node->n_inputs; i++) {
        const int v = node->input[i];

        in[i] = -1;
        if (v < 0 || plan_value_at(b, v)->weight || only_shapes(node, i))
            continue;
        if (!plan_value_at(b, v)->batched || plan_value_at(b, v)->dtype != RD_F32) {
            b->refused = true;
            return;
        }
        in[i] = plan_plain(b, v);
        if (in[i] < 0)
            return;
    }
    s = plan_add_step(b, PLAN_NODE, at);
    if (!s)
        return;
    s->n_in = node->n_inputs;
    s->n_out = node->n_outputs;
    s->in_slot = in;
    s->out_slot = in + node->n_inputs;
    s->in_add = flags;
    s->in_back = flags + node->n_inputs;
    s->weight_grad = grads;
    b->code->n_steps--;
    for (int i = 0; i < node->n_outputs; i++) {
        const int v = node->output[i];
        size_t count;

        s->out_slot[i] = -1;
        if (v < 0 || !b->uses[v])
            continue;
        if (plan_value_at(b, v)->dtype != RD_F32 || !count_of(plan_value_at(b, v), &count))
            b->refused = true;
        else
            s->out_slot[i] = plan_add_slot(b, v, PLAN_PLAIN, count);
    }
    b->code->n_steps++;
    s->out = s->out_slot[0];
}

/* Nodes that output 0 depends on; what reads each value. */
static void mark_needed(struct builder *b, int output)
{
    const struct rd_graph *g = b->graph;

    b->uses[output]++; /* the caller reads it */
    for (size_t at = g->n_nodes; at-- > 0;) {
        const struct rd_graph_node *node = &g->node[at];
        bool wanted = false;

        for (int i = 0; i < node->n_outputs; i++)
            wanted |= node->output[i] >= 0 && b->uses[node->output[i]] &&
                      !g->value[node->output[i]].weight;
        if (!wanted)
            continue;
        b->needed[at] = true;
        for (int i = 0; i < node->n_inputs; i++)
            if (node->input[i] >= 0 && !only_shapes(node, i)) {
                b->uses[node->input[i]]++;
                b->consumer[node->input[i]] = (int)at;
            }
    }
}

/* Backward: which steps take part, who writes and who adds, which packs that needs. */
static void mark_back(struct builder *b)
{
    struct plan_code *c = b->code;

    for (int i = 0; i < c->n_steps; i++) {
        struct plan_step *s = &c->step[i];
        bool wants = c->mode == PLAN_GRADIENT;

        if (c->mode == PLAN_TRAIN) {
            const struct rd_graph_node *node = s->node < 0 ? NULL : &b->graph->node[s->node];

            wants = s->weight >= 0;
            for (int k = 0; s->kind == PLAN_NODE && k < s->n_in; k++)
                wants |= plan_trainable(b->graph, node, k) ||
                         (s->in_slot[k] >= 0 && c->slot[s->in_slot[k]].wants_grad);
            if (s->in >= 0)
                wants |= c->slot[s->in].wants_grad;
            if (s->in2 >= 0)
                wants |= c->slot[s->in2].wants_grad;
        }
        if (s->kind == PLAN_MOMENTS)
            continue;
        if (s->kind != PLAN_NODE)
            c->slot[s->out].wants_grad = wants;
        for (int k = 0; s->kind == PLAN_NODE && k < s->n_out; k++)
            if (s->out_slot[k] >= 0)
                c->slot[s->out_slot[k]].wants_grad = wants;
    }
    c->slot[c->input].wants_grad = c->mode == PLAN_GRADIENT;
    c->slot[c->output].grad_written = c->mode != PLAN_INFER;
    for (int i = c->n_steps; i-- > 0;) {
        struct plan_step *s = &c->step[i];

        if (s->kind == PLAN_NODE) {
            const struct rd_graph_node *node = &b->graph->node[s->node];
            bool reached = false;

            for (int k = 0; k < s->n_out; k++)
                reached |= s->out_slot[k] >= 0 && c->slot[s->out_slot[k]].wants_grad &&
                           c->slot[s->out_slot[k]].grad_written;
            s->back = reached && node->row->backward;
            for (int k = 0; s->back && k < s->n_in; k++) {
                struct plan_slot *slot = s->in_slot[k] >= 0 ? &c->slot[s->in_slot[k]] : NULL;

                if (!slot || !slot->wants_grad || !(node->row->grad_in >> (k < 31 ? k : 31) & 1))
                    continue;
                s->in_back[k] = true;
                s->in_add[k] = slot->grad_written;
                slot->grad_written = true;
            }
            continue;
        }
        if (s->kind ==
            PLAN_MOMENTS) { /* gives what BATCHNORM, the step behind it, has summed for */
            s->back = s->back_data = s[1].back && c->slot[s->in].wants_grad;
            s->add = c->slot[s->in].grad_written;
            c->slot[s->in].grad_written |= s->back;
            continue;
        }
        s->back = c->slot[s->out].wants_grad && c->slot[s->out].grad_written;
        if (s->kind == PLAN_BATCHNORM)
            continue;
        s->save_index = s->back && (s->kind == PLAN_POOL || (s->kind == PLAN_ADD && s->relu) ||
                                       (s->kind == PLAN_CONV && (s->relu || s->pool)));
        if (s->back && s->in2 >= 0 && c->slot[s->in2].wants_grad) {
            struct plan_slot *other = &c->slot[s->in2];
            const bool twice = s->in2 == s->in;

            s->back_data2 = true;
            /* A sum gives to `in` first, a convolution to in2. */
            s->add2 = other->grad_written || (twice && s->kind == PLAN_ADD);
            if (!s->add2 && !twice && s->in2 != c->input)
                other->grad_of = s->out; /* it is the gradient of the sum, and stays there */
            other->grad_written = other->grad_written || !twice || s->kind == PLAN_CONV;
        }
        if (!s->back || !c->slot[s->in].wants_grad)
            continue;
        s->back_data = true;
        s->add = c->slot[s->in].grad_written;
        c->slot[s->in].grad_written = true;
        if (s->kind == PLAN_CONV) {
            struct plan_pack want = *s->forward_pack;

            want.kind = s->depth     ? PACK_DEPTH_PHASES
                        : s->phases  ? (s->narrow ? PACK_PHASES_NARROW : PACK_PHASES)
                        : s->narrow  ? PACK_CONV_NARROW
                        : s->flipped ? PACK_CONV_FLIPPED
                                     : PACK_CONV_COLUMNS;
            want.kw = s->kw;
            want.stride_h = s->stride_h;
            want.stride_w = s->stride_w;
            want.k = s->depth ? want.taps : s->flipped ? want.taps * want.o : want.o;
            want.n = s->flipped ? want.c : want.taps * want.c;
            s->back_pack = plan_pack(b, &want);
        }
        if (s->kind == PLAN_DENSE) {
            struct plan_pack want = *s->forward_pack;

            want.kind = PACK_DENSE_BACK;
            want.k = s->forward_pack->n;
            want.n = s->forward_pack->k;
            s->back_pack = plan_pack(b, &want);
        }
    }
}

static int logits_value(const struct builder *b, bool wanted)
{
    const struct rd_graph *g = b->graph;
    const int out = g->output[0], producer = g->value[out].producer;
    const struct rd_graph_node *node = producer >= 0 ? &g->node[producer] : NULL;
    int64_t axis;

    if (!wanted || !node || !plan_is_op(node, "Softmax") || g->value[out].ndim != 2)
        return out;
    axis = rd_op_int(node, "axis", node->opset < 13 ? 1 : -1);
    return axis == 1 || axis == -1 ? node->input[0] : out;
}

rd_status plan_build(const struct rd_graph *graph, const struct rd_kernels *kernels,
    enum plan_mode mode, const struct plan_limits *limits, const struct rd_tensor **aligned,
    struct plan_pack **packs, struct rd_arena *arena, struct plan_code **code_out,
    struct rd_error *err)
{
    struct plan_code *c = RD_NEW(arena, struct plan_code);
    struct builder b = {
        .code = c, .graph = graph, .arena = arena, .affine_left = AFFINE_CHANNELS
    };
    rd_status st;
    int output;

    *code_out = NULL;
    if (graph->n_nodes > NODES_MAX || graph->n_inputs != 1)
        return RD_OK;
    b.needed = RD_NEW_ARRAY(arena, bool, graph->n_nodes + 1);
    b.taken = RD_NEW_ARRAY(arena, bool, graph->n_nodes + 1);
    b.uses = RD_NEW_ARRAY(arena, int, graph->n_values + 1);
    b.consumer = RD_NEW_ARRAY(arena, int, graph->n_values + 1);
    b.base = RD_NEW_ARRAY(arena, int, graph->n_values + 1);
    if (!c || !b.needed || !b.taken || !b.uses || !b.consumer || !b.base)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to plan %zu nodes", graph->n_nodes);
    c->graph = graph;
    c->kernels = kernels;
    c->mode = mode;
    c->packs = packs;
    c->aligned = aligned;
    output = logits_value(&b, mode == PLAN_TRAIN || limits->logits);
    mark_needed(&b, output);
    for (size_t at = 0; at < graph->n_nodes; at++)
        if (b.needed[at])
            c->cap_steps += /* its own, changes of form, copies for halos */
                3 + graph->node[at].n_inputs +
                2 * (graph->node[at].n_inputs < 3 ? graph->node[at].n_inputs : 3);
    c->cap_steps += 4;
    c->cap_slots = c->cap_steps;
    c->step = RD_NEW_ARRAY(arena, struct plan_step, (size_t)c->cap_steps);
    c->slot = RD_NEW_ARRAY(arena, struct plan_slot, (size_t)c->cap_slots);
    if (!c->step || !c->slot)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to plan %zu nodes", graph->n_nodes);
    for (size_t v = 0; v < graph->n_values; v++)
        b.base[v] = (int)v;
    if (!count_of(plan_value_at(&b, graph->input[0]), &c->inputs) ||
        !count_of(plan_value_at(&b, output), &c->outputs))
        return RD_OK;
    c->input = plan_add_slot(&b, graph->input[0], PLAN_PLAIN, c->inputs);
    if (c->input >= 0)
        c->slot[c->input].producer = -1;
    for (size_t at = 0; at < graph->n_nodes && !b.refused; at++) {
        const struct rd_graph_node *node = &graph->node[at];
        const bool dropout = mode == PLAN_TRAIN && plan_is_op(node, "Dropout");
        bool view = node->row && node->row->view && !dropout && node->n_inputs > 0;

        if (!b.needed[at] || b.taken[at])
            continue;
        for (int i = 1; view && i < node->n_outputs; i++)
            view = node->output[i] < 0 || !b.uses[node->output[i]];
        if (node->n_inputs < 1 || node->input[0] < 0 ||
            !plan_value_at(&b, node->output[0])->batched)
            b.refused = true;
        else if (view && !plan_value_at(&b, node->input[0])->weight)
            b.base[node->output[0]] = b.base[node->input[0]];
        else if (!plan_build_conv(&b, (int)at) && !plan_build_pool(&b, (int)at) &&
                 !plan_build_add(&b, (int)at) && !plan_build_scale(&b, (int)at) &&
                 !plan_build_pick(&b, (int)at) && !plan_build_mean(&b, (int)at) &&
                 !build_dense(&b, (int)at) && !plan_build_norm(&b, (int)at) &&
                 !build_dropout(&b, (int)at) && !plan_build_points(&b, (int)at))
            build_node(&b, (int)at);
    }
    c->output = b.refused ? -1 : plan_plain(&b, output);
    if (!b.refused && c->output != c->input) {
        c->slot[c->output].is_output = true;
        if (mode != PLAN_INFER)
            mark_back(&b);
    }
    if (b.starved)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to plan %zu nodes", graph->n_nodes);
    if (b.refused || c->output == c->input)
        return RD_OK;
    st = plan_layout(c, limits, arena);
    if (st == RD_E_MEMORY)
        return RD_FAIL(err, st, "no memory to plan %zu nodes", graph->n_nodes);
    if (st)
        return RD_FAIL(err, st,
            "a plan of %zu examples would take %zu bytes and %.3g operations an example", c->rows,
            c->floats * sizeof(float), c->work);
    *code_out = c;
    return RD_OK;
}
