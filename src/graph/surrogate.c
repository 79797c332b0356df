/* surrogate.c - see surrogate.h. One pass over the nodes in order; each is copied, replaced or
 * expanded. surrogate_quant.c has the expansions of QLinear operators. */
#include "graph/surrogate_impl.h"

#include "graph/onnx.h"
#include "graph/op_quantize.h"

#include <string.h>

/* Nodes that one node may become, and values beyond those: bounds what a rewrite takes. */
enum { ROOM = 16 };

/* --- making nodes and values --- */

static bool grow(struct maker *m)
{
    if (m->g->n_values + ROOM > m->cap_values) {
        const size_t cap = 2 * m->cap_values + ROOM;
        struct rd_graph_value *value = RD_NEW_ARRAY(m->arena, struct rd_graph_value, cap);
        struct carried *carried = RD_NEW_ARRAY(m->arena, struct carried, cap);

        if (!value || !carried)
            return false;
        memcpy(value, m->value, m->g->n_values * sizeof *value);
        memcpy(carried, m->carried, m->g->n_values * sizeof *carried);
        m->g->value = m->value = value;
        m->carried = carried;
        m->cap_values = cap;
    }
    if (m->g->n_nodes + ROOM > m->cap_nodes) {
        const size_t cap = 2 * m->cap_nodes + ROOM;
        struct rd_graph_node *node = RD_NEW_ARRAY(m->arena, struct rd_graph_node, cap);

        if (!node)
            return false;
        memcpy(node, m->node, m->g->n_nodes * sizeof *node);
        m->g->node = m->node = node;
        m->cap_nodes = cap;
    }
    return true;
}

int maker_value(struct maker *m, enum rd_dtype dtype)
{
    const int v = (int)m->g->n_values;

    if (m->failed || !grow(m)) {
        m->failed = true;
        return 0;
    }
    m->value[v] = (struct rd_graph_value){ .name = "", .dtype = dtype, .ndim = -1, .producer = -1 };
    m->carried[v] = (struct carried){ .as_int = -1, .as_float = -1 };
    m->g->n_values++;
    return v;
}

int maker_constant(
    struct maker *m, enum rd_dtype type, int ndim, const int64_t *dim, const void *data)
{
    const int v = maker_value(m, type);
    struct rd_tensor *t = NULL;

    if (m->failed || rd_tensor_new(m->arena, type, dim, ndim, NULL, &t, NULL)) {
        m->failed = true;
        return 0;
    }
    memcpy(t->data, data, rd_tensor_bytes(t));
    m->value[v].ndim = ndim;
    memcpy(m->value[v].dim, dim, (size_t)ndim * sizeof *dim);
    m->value[v].weight = t;
    return v;
}

void maker_put(struct maker *m, const struct rd_graph_node *node)
{
    if (m->failed || !grow(m)) {
        m->failed = true;
        return;
    }
    for (int k = 0; k < node->n_outputs; k++)
        if (node->output[k] >= 0)
            m->value[node->output[k]].producer = (int)m->g->n_nodes;
    m->node[m->g->n_nodes++] = *node;
}

static int node_at(struct maker *m, int64_t opset, const struct rd_op *row, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs, int out)
{
    const int made = out >= 0 ? out : maker_value(m, RD_F32);
    int *io = RD_NEW_ARRAY(m->arena, int, (size_t)n_in + 1);
    struct rd_attr *attrs = RD_NEW_ARRAY(m->arena, struct rd_attr, n_attrs + 1);

    if (m->failed || !row || !io || !attrs) {
        m->failed = true;
        return 0;
    }
    memcpy(io, in, (size_t)n_in * sizeof *in);
    io[n_in] = made;
    if (n_attrs)
        memcpy(attrs, attr, n_attrs * sizeof *attr);
    maker_put(m, &(struct rd_graph_node){ .name = m->from->name,
                     .op = row->op,
                     .domain = row->domain,
                     .opset = opset,
                     .row = row,
                     .input = io,
                     .output = io + n_in,
                     .n_inputs = n_in,
                     .n_outputs = 1,
                     .attr = attrs,
                     .n_attrs = n_attrs });
    return made;
}

int maker_node(struct maker *m, const struct rd_op *row, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs, int out)
{
    return node_at(m, MAKER_OPSET, row, in, n_in, attr, n_attrs, out);
}

int maker_op_at(struct maker *m, int64_t opset, const char *op, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs, int out)
{
    return node_at(m, opset, rd_op_find("", op, opset, NULL), in, n_in, attr, n_attrs, out);
}

int maker_op(struct maker *m, const char *op, const int *in, int n_in, const struct rd_attr *attr,
    size_t n_attrs, int out)
{
    return maker_op_at(m, MAKER_OPSET, op, in, n_in, attr, n_attrs, out);
}

static int cast(struct maker *m, int v, enum rd_dtype to)
{
    const struct rd_attr attr = { .name = "to", .type = RD_ATTR_INT, .i = to, .n = 1 };
    const int out = maker_op(m, "Cast", &v, 1, &attr, 1, -1);

    if (!m->failed)
        m->value[out].dtype = to;
    return out;
}

void maker_carry(struct maker *m, int v)
{
    if (m->failed || v < 0)
        return;
    m->carried[v].type = m->value[v].dtype;
    m->value[v].dtype = RD_F32;
}

double maker_number(const struct rd_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RD_F32:
        return (double)((const float *)t->data)[i];
    case RD_U8:
    case RD_U4:
    case RD_U2:
    case RD_BOOL:
        return ((const uint8_t *)t->data)[i];
    case RD_U16:
        return ((const uint16_t *)t->data)[i];
    case RD_I16:
        return ((const int16_t *)t->data)[i];
    case RD_I32:
        return ((const int32_t *)t->data)[i];
    default:
        return ((const int8_t *)t->data)[i];
    }
}

/* Types that maker_number reads. */
static bool readable(enum rd_dtype t)
{
    return t == RD_F32 || t == RD_I32 ||
           (t < RD_SEQUENCE && (RD_T(t) & (QUANTIZE_INTS | RD_T(RD_BOOL))));
}

const struct rd_tensor *maker_weight(const struct maker *m, int v)
{
    const struct rd_tensor *t = v < 0 ? NULL : m->value[v].weight;

    return t && readable(t->dtype) ? t : NULL;
}

int maker_float(struct maker *m, int v)
{
    const struct rd_tensor *w;
    float *data;
    size_t n;
    int made;

    if (m->failed || m->value[v].dtype == RD_F32)
        return v;
    if (m->carried[v].as_float >= 0)
        return m->carried[v].as_float;
    w = maker_weight(m, v);
    if (!w) {
        made = cast(m, v, RD_F32);
    } else {
        n = rd_tensor_count(w);
        data = RD_NEW_ARRAY(m->arena, float, n + 1);
        for (size_t i = 0; data && i < n; i++)
            data[i] = (float)maker_number(w, i);
        m->failed = m->failed || !data;
        made = m->failed ? 0 : maker_constant(m, RD_F32, w->ndim, w->dim, data);
    }
    if (!m->failed)
        m->carried[v].as_float = made;
    return made;
}

bool maker_carried(const struct maker *m, int v)
{
    return v >= 0 && m->carried[v].type != RD_DTYPE_NONE;
}

/* The integers themselves, for nodes that know them only. */
static int back_to_int(struct maker *m, int v)
{
    if (m->carried[v].as_int < 0) {
        const int made = cast(m, v, m->carried[v].type);

        if (m->failed)
            return 0;
        m->carried[v].as_int = made;
    }
    return m->carried[v].as_int;
}

/* --- nodes --- */

/* As it is, with integers where it knows integers only. */
static void copy(struct maker *m, const struct rd_graph_node *node)
{
    struct rd_graph_node made = *node;
    int *in = NULL;

    for (int k = 0; k < node->n_inputs && !m->failed; k++) {
        if (!maker_carried(m, node->input[k]))
            continue;
        if (!in) {
            in = RD_NEW_ARRAY(m->arena, int, (size_t)node->n_inputs);
            m->failed = !in;
            if (m->failed)
                return;
            memcpy(in, node->input, (size_t)node->n_inputs * sizeof *in);
        }
        in[k] = back_to_int(m, node->input[k]);
    }
    if (in)
        made.input = in;
    maker_put(m, &made);
}

/* Operators that do to floats what they do to the integers, and which of their inputs are such:
 * the first alone, or those of the mask. */
static const struct {
    const char *op;
    unsigned data;
} movers[] = {
    { "Add", ~0u },
    { "Clip", ~0u },
    { "Concat", ~0u },
    { "DepthToSpace", 1 },
    { "Expand", 1 },
    { "Flatten", 1 },
    { "Gather", 1 },
    { "GatherElements", 1 },
    { "GatherND", 1 },
    { "Identity", 1 },
    { "Max", ~0u },
    { "MaxPool", 1 },
    { "Min", ~0u },
    { "Mul", ~0u },
    { "Pad", 1 | 4 },
    { "Relu", 1 },
    { "Reshape", 1 },
    { "Slice", 1 },
    { "SpaceToDepth", 1 },
    { "Split", 1 },
    { "Squeeze", 1 },
    { "Sub", ~0u },
    { "Tile", 1 },
    { "Transpose", 1 },
    { "Unsqueeze", 1 },
    { "Where", 2 | 4 },
};

static unsigned moved(const struct rd_graph_node *node)
{
    for (size_t i = 0; !*node->domain && i < sizeof movers / sizeof *movers; i++)
        if (!strcmp(movers[i].op, node->op))
            return movers[i].data;
    return 0;
}

/* The same operator on floats; false: it cannot. */
static bool move(struct maker *m, const struct rd_graph_node *node)
{
    const unsigned data = moved(node);
    struct rd_graph_node made = *node;
    enum rd_dtype type = RD_DTYPE_NONE;
    int *in;

    for (int k = 0; k < node->n_inputs; k++) {
        if (!maker_carried(m, node->input[k]))
            continue;
        if (k > 31 ? data != ~0u : !(data >> k & 1))
            return false;
        type = m->carried[node->input[k]].type;
    }
    if (!data || !type)
        return false;
    for (int k = 0; k < node->n_outputs; k++) /* indices of MaxPool stay integers */
        if (node->output[k] >= 0 && m->value[node->output[k]].dtype != type && k == 0)
            return false;
    in = RD_NEW_ARRAY(m->arena, int, (size_t)node->n_inputs);
    m->failed = m->failed || !in;
    for (int k = 0; k < node->n_inputs && !m->failed; k++) {
        const int v = node->input[k];
        const bool is_data = k > 31 ? data == ~0u : data >> k & 1;

        in[k] = v >= 0 && is_data && !maker_carried(m, v) ? maker_float(m, v) : v;
    }
    if (m->failed)
        return true;
    made.input = in;
    maker_put(m, &made);
    for (int k = 0; k < node->n_outputs; k++)
        if (node->output[k] >= 0 && m->value[node->output[k]].dtype == type)
            maker_carry(m, node->output[k]);
    return true;
}

/* From carried integers: to floats it is a copy, to wider integers as well. */
static bool change_type(struct maker *m, const struct rd_graph_node *node)
{
    const enum rd_dtype to = m->value[node->output[0]].dtype;
    const enum rd_dtype from = m->carried[node->input[0]].type;

    if (to == RD_F32) {
        (void)maker_op(m, "Identity", node->input, 1, NULL, 0, node->output[0]);
        return true;
    }
    if ((to != RD_I32 && to != RD_I64 && to != RD_I16) || rd_dtype_size(to) < rd_dtype_size(from) ||
        (rd_dtype_size(to) == rd_dtype_size(from) && to != from))
        return false;
    (void)maker_op(m, "Identity", node->input, 1, NULL, 0, node->output[0]);
    maker_carry(m, node->output[0]);
    return true;
}

static bool same_constant(const struct maker *m, int a, int b)
{
    const struct rd_tensor *s, *t;

    if (a == b)
        return true;
    if (a < 0 || b < 0)
        return false;
    s = m->value[a].weight;
    t = m->value[b].weight;
    return s && t && s->dtype == t->dtype && rd_tensor_count(s) == rd_tensor_count(t) &&
           !memcmp(s->data, t->data, rd_tensor_bytes(s));
}

static int input(const struct rd_graph_node *node, int i)
{
    return i < node->n_inputs ? node->input[i] : -1;
}

static bool quantize(struct maker *m, const struct rd_graph_node *node)
{
    const enum rd_dtype to = m->value[node->output[0]].dtype;

    if (m->value[node->input[0]].dtype != RD_F32 || m->value[node->input[1]].dtype != RD_F32 ||
        maker_carried(m, node->input[0]) || to >= RD_SEQUENCE || !(RD_T(to) & QUANTIZE_INTS))
        return false;
    {
        struct rd_graph_node made = *node;

        made.row = &rd_op_quantize_floats;
        maker_put(m, &made);
    }
    maker_carry(m, node->output[0]);
    return true;
}

/* Directly behind its QuantizeLinear both are one. */
static bool dequantize(struct maker *m, const struct rd_graph_node *node)
{
    const int x = node->input[0], producer = m->value[x].producer;
    const struct rd_graph_node *q = producer < 0 ? NULL : &m->node[producer];
    struct rd_graph_node made = *node;

    if (!maker_carried(m, x) || m->value[node->output[0]].dtype != RD_F32 ||
        m->value[node->input[1]].dtype != RD_F32)
        return false;
    made.row = &rd_op_dequantize_floats;
    if (q && q->row == &rd_op_quantize_floats && !rd_op_int(q, "times", 0) &&
        same_constant(m, q->input[1], node->input[1]) &&
        same_constant(m, input(q, 2), input(node, 2)) &&
        rd_op_int(q, "axis", 1) == rd_op_int(node, "axis", 1) &&
        rd_op_int(q, "block_size", 0) == rd_op_int(node, "block_size", 0)) {
        made.row = &rd_op_quantize_and_back;
        made.op = q->op;
        made.attr = q->attr;
        made.n_attrs = q->n_attrs;
        made.opset = q->opset;
        made.input = q->input;
        made.n_inputs = q->n_inputs;
    }
    maker_put(m, &made);
    return true;
}

/* The node with its row's surrogate for a backward. */
static bool straight(struct maker *m, const struct rd_graph_node *node)
{
    struct rd_graph_node made = *node;
    struct rd_op *row;

    if (!node->row->surrogate || m->value[node->output[0]].dtype != RD_F32)
        return false;
    row = RD_NEW(m->arena, struct rd_op);
    m->failed = m->failed || !row;
    if (m->failed)
        return true;
    *row = *node->row;
    row->backward = node->row->surrogate;
    row->surrogate = NULL;
    row->grad_in = 1;
    row->reads |= RD_READS_IN;
    made.row = row;
    maker_put(m, &made);
    return true;
}

static bool dynamic(struct maker *m, const struct rd_graph_node *node)
{
    struct rd_graph_node made = *node;

    made.row = &rd_op_dynamic_floats;
    maker_put(m, &made);
    maker_carry(m, node->output[0]);
    return true;
}

static bool folded(const struct maker *m, const struct rd_graph_node *node)
{
    for (int k = 0; k < node->n_outputs; k++)
        if (node->output[k] >= 0 && !m->value[node->output[k]].weight)
            return false;
    return true;
}

static void turn(struct maker *m, const struct rd_graph_node *node)
{
    bool any = false, done = false;

    m->from = node;
    for (int k = 0; k < node->n_inputs; k++)
        any = any || maker_carried(m, node->input[k]);
    if (folded(m, node) || node->row->control)
        done = false;
    else if (node->row == &rd_op_quantizelinear)
        done = quantize(m, node);
    else if (node->row == &rd_op_dequantizelinear && any)
        done = dequantize(m, node);
    else if (m->straight && node->row == &rd_op_dynamicquantizelinear && node->output[0] >= 0)
        done = dynamic(m, node);
    else if (m->straight && node->row->surrogate)
        done = straight(m, node);
    else if (any && !strcmp(node->op, "Cast") && !*node->domain)
        done = change_type(m, node);
    else if (any)
        done = (m->straight && maker_expand(m, node)) || move(m, node);
    m->changed = m->changed || done;
    if (!done)
        copy(m, node);
}

rd_status maker_begin(
    struct maker *m, const struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err)
{
    m->arena = arena;
    m->cap_values = graph->n_values + ROOM;
    m->cap_nodes = graph->n_nodes + ROOM;
    m->g = RD_NEW(arena, struct rd_graph);
    m->value = RD_NEW_ARRAY(arena, struct rd_graph_value, m->cap_values);
    m->carried = RD_NEW_ARRAY(arena, struct carried, m->cap_values);
    m->node = RD_NEW_ARRAY(arena, struct rd_graph_node, m->cap_nodes);
    if (!m->g || !m->value || !m->carried || !m->node)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to rewrite '%s'", graph->path);
    *m->g = *graph;
    memcpy(m->value, graph->value, graph->n_values * sizeof *m->value);
    for (size_t v = 0; v < graph->n_values; v++)
        m->carried[v] = (struct carried){ .as_int = -1, .as_float = -1 };
    m->g->value = m->value;
    m->g->node = m->node;
    m->g->n_nodes = 0;
    return RD_OK;
}

static rd_status rewrite(const struct rd_graph *graph, bool is_straight, struct rd_arena *arena,
    struct rd_graph **out, struct rd_error *err)
{
    struct maker m = { .straight = is_straight };
    struct rd_error why = { 0 };
    int *output;
    rd_status st;

    *out = NULL;
    st = maker_begin(&m, graph, arena, err);
    if (st)
        return st;
    output = RD_NEW_ARRAY(arena, int, graph->n_outputs + 1);
    if (!output)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to rewrite '%s'", graph->path);
    for (size_t i = 0; i < graph->n_nodes && !m.failed; i++)
        turn(&m, &graph->node[i]);
    if (!m.changed && !m.failed)
        return RD_OK;
    for (size_t i = 0; i < graph->n_outputs && !m.failed; i++)
        output[i] = maker_carried(&m, graph->output[i]) ? back_to_int(&m, graph->output[i])
                                                        : graph->output[i];
    if (m.failed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to rewrite '%s'", graph->path);
    m.g->output = output;
    st = rd_graph_infer(m.g, &rd_limits_default, arena, &why);
    if (st == RD_E_MEMORY && err)
        *err = why;
    if (!st)
        *out = m.g;
    return st == RD_E_MEMORY ? st : RD_OK; /* what does not fit after all stays as it was */
}

rd_status rd_graph_in_floats(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **out, struct rd_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->node[i].row == &rd_op_quantizelinear)
            return rewrite(graph, false, arena, out, err);
    return RD_OK;
}

rd_status rd_graph_straight_through(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **out, struct rd_error *err)
{
    struct rd_graph *made = NULL;
    const rd_status st = rewrite(graph, true, arena, &made, err);

    *out = made ? made : graph;
    return st;
}
