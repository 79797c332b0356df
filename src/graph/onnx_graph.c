/*
 * onnx_graph.c - a GraphProto, of a model or of an attribute, into struct rd_graph.
 *
 * Order: nodes (functions expanded), weights, inputs, names (each defined once), uses (each
 * resolved), subgraphs where their node is resolved, topological order. A name that a subgraph does
 * not define is looked for around it; the value found becomes an input of the subgraph and a hidden
 * input of the node (captures in graph.h), on every level in between.
 *
 * Shadowing: a node's result may not bear a name that is visible around the subgraph; a formal
 * input or an initializer may, as the standard's own checker has it.
 *
 * Source: onnx.proto3 of onnx 1.23, IR version 14.
 */
#include "base/text.h"
#include "graph/dialect.h"
#include "graph/onnx_reading.h"
#include "graph/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = RD_ONNX_SHOWN };

enum { /* GraphProto */
    G_NODE = 1,
    G_NAME = 2,
    G_INITIALIZER = 5,
    G_INPUT = 11,
    G_OUTPUT = 12,
    G_SPARSE = 15
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct rd_onnx_name *)a)->text, ((const struct rd_onnx_name *)b)->text);
}

/* --- values --- */

static rd_status add_value(
    struct rd_onnx_reading *r, const struct rd_graph_value *v, int *index_out)
{
    struct rd_graph *g = r->g;
    rd_status st = rd_onnx_grow(r->x, &g->value, g->n_values, &r->room_values, sizeof(*g->value));

    if (!st && g->n_values >= (size_t)INT32_MAX / 2)
        st = RD_FAIL(r->x->err, RD_E_LIMIT, "it has more than %d values", INT32_MAX / 2);
    if (st)
        return st;
    g->value[g->n_values] = *v;
    if (index_out)
        *index_out = (int)g->n_values;
    g->n_values++;
    return RD_OK;
}

/* Two values have one name: said of the node that gives it the second time, where one does. */
static rd_status name_twice(const struct rd_onnx_reading *r, int first, int second)
{
    const int later = first > second ? first : second, node = r->g->value[later].producer;
    char safe[SHOWN], label[160];

    (void)rd_text_safe_in(safe, sizeof(safe), r->g->value[later].name);
    if (node < 0)
        return RD_FAIL(r->x->err, RD_E_INPUT, "the name '%s' is defined twice", safe);
    return RD_FAIL(r->x->err, RD_E_INPUT, "node %s: its output's name '%s' is defined twice",
        rd_graph_node_label(r->g, (size_t)node, label, sizeof(label)), safe);
}

/* Which values have names, sorted; twice the same is an error. */
static rd_status index_names(struct rd_onnx_reading *r)
{
    const size_t n = r->g->n_values;
    rd_status st;

    r->names = rd_onnx_alloc(r->x, n, sizeof(*r->names), &st);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        r->names[i] = (struct rd_onnx_name){ r->g->value[i].name, (int)i };
    if (n)
        qsort(r->names, n, sizeof(*r->names), by_text);
    r->n_names = n;
    for (size_t i = 1; i < n; i++)
        if (!strcmp(r->names[i - 1].text, r->names[i].text))
            return name_twice(r, r->names[i - 1].value, r->names[i].value);
    return RD_OK;
}

static size_t slot_of(const struct rd_onnx_reading *r, int outer)
{
    size_t s = ((size_t)outer * 0x9E3779B97F4A7C15u) & (r->n_slots - 1);

    while (r->slot[s] >= 0 && r->taken[r->slot[s]] != outer)
        s = (s + 1) & (r->n_slots - 1);
    return s;
}

/* The subgraph's own value for value `outer` of its parent. */
static rd_status take(struct rd_onnx_reading *r, int outer, int *value_out)
{
    const size_t first = r->n_names; /* taken values stand behind the named ones */
    size_t s;
    rd_status st;

    if (r->n_slots < 2 * (r->n_taken + 1)) {
        const size_t slots = r->n_slots ? 2 * r->n_slots : 8;

        r->slot = rd_onnx_alloc(r->x, slots, sizeof(*r->slot), &st);
        if (st)
            return st;
        r->n_slots = slots;
        for (size_t i = 0; i < slots; i++)
            r->slot[i] = -1;
        for (size_t i = 0; i < r->n_taken; i++)
            r->slot[slot_of(r, r->taken[i])] = (int)i;
    }
    s = slot_of(r, outer);
    if (r->slot[s] >= 0) {
        *value_out = (int)first + r->slot[s];
        return RD_OK;
    }
    st = rd_onnx_grow(r->x, &r->taken, r->n_taken, &r->room_taken, sizeof(*r->taken));
    if (!st)
        st = add_value(r,
            &(struct rd_graph_value){ .name = r->parent->g->value[outer].name,
                .ndim = -1,
                .producer = -1,
                .taken = true },
            value_out);
    if (st)
        return st;
    r->slot[s] = (int)r->n_taken;
    r->taken[r->n_taken++] = outer;
    return RD_OK;
}

/* The value that a name stands for, here or around; -1: none. Depth is bounded by RD_ONNX_DEPTH. */
static rd_status resolve(struct rd_onnx_reading *r, const char *text, int *value_out)
{
    int outer;
    rd_status st;

    *value_out = rd_onnx_find(r->names, r->n_names, text);
    if (*value_out >= 0 || !r->parent)
        return RD_OK;
    st = rd_onnx_meaning(r->m, r->holder->names, text, &text);
    if (!st)
        st = resolve(r->parent, text, &outer);
    if (st || outer < 0)
        return st;
    return take(r, outer, value_out);
}

/* May a value of the subgraph bear this name? Not when it is visible around: defined before. */
static rd_status check_shadow(struct rd_onnx_reading *r, const char *text)
{
    char safe[SHOWN];

    rd_text_safe_in(safe, sizeof(safe), text);
    for (; r->parent; r = r->parent) {
        const struct rd_onnx_reading *p = r->parent;
        rd_status st = rd_onnx_meaning(r->m, r->holder->names, text, &text);
        int v;

        if (st)
            return st;
        v = rd_onnx_find(p->names, p->n_names, text);
        if (v >= 0 && (p->g->value[v].producer < 0 || (size_t)p->g->value[v].producer < r->at))
            return RD_FAIL(r->x->err, RD_E_INPUT,
                "the subgraph defines '%s', which is defined around it", safe);
    }
    return RD_OK;
}

/* --- nodes --- */

/* First pass over a node: counts, names, attributes. Later: outputs, then inputs by name. */
static rd_status node_head(struct rd_onnx_reading *r, size_t index)
{
    const struct rd_onnx_item *item = &r->item[index];
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = r->x;
    struct rd_pb pb = rd_pb_open(item->message, x->base);
    struct rd_span name = { NULL, 0 }, op = { NULL, 0 }, domain = { NULL, 0 };
    struct rd_attr *attrs;
    struct rd_pb_field f;
    size_t n_in = 0, n_out = 0;
    char safe[SHOWN], label[160];
    bool more;
    rd_status st;

    if (item->to) {
        node->name = item->to;
        node->op = "Identity";
        node->domain = "";
        node->opset = rd_onnx_opset(r->m, item->call, "");
        node->opset = node->opset ? node->opset : RD_OPSET_MAX;
        node->n_inputs = node->n_outputs = 1;
        return RD_OK;
    }
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number >= N_INPUT && f.number <= N_OVERLOAD && f.number != 6)
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a field of a node", x->err);
        if (st)
            break;
        n_in += f.number == N_INPUT;
        n_out += f.number == N_OUTPUT;
        if (f.number == N_NAME)
            name = f.span;
        else if (f.number == N_OP)
            op = f.span;
        else if (f.number == N_DOMAIN)
            domain = f.span;
    }
    if (!st)
        st = rd_onnx_text(x, name, "its name", &node->name);
    if (!st)
        st = rd_onnx_text(x, op, "its operator", &node->op);
    if (!st)
        st = rd_onnx_text(x, domain, "its domain", &node->domain);
    if (st)
        return RD_WRAP(x->err, st, "node %zu", index);
    if (!strcmp(node->domain, "ai.onnx"))
        node->domain = "";
    if (item->names) { /* which call it comes from */
        node->name = rd_arena_printf(
            x->arena, "%s/%s", item->names->label, node->name[0] ? node->name : node->op);
        if (!node->name)
            return RD_FAIL(x->err, RD_E_MEMORY, "no memory for names");
    }
    rd_graph_node_label(r->g, index, label, sizeof(label));
    if (!node->op[0])
        return RD_FAIL(x->err, RD_E_INPUT, "node %zu names no operator", index);
    node->opset = rd_onnx_opset(r->m, item->call, node->domain);
    if (!node->opset)
        return RD_FAIL(x->err, RD_E_INPUT, "node %s: the %s imports no opset for domain '%s'",
            label, item->call ? "function" : "model",
            node->domain[0] ? rd_text_safe_in(safe, sizeof(safe), node->domain) : "ai.onnx");
    if (n_in > x->limits->nodes || n_out > x->limits->nodes)
        return RD_FAIL(x->err, RD_E_LIMIT, "node %s has too many inputs or outputs", label);
    node->n_inputs = (int)n_in;
    node->n_outputs = (int)n_out;
    st = rd_onnx_attrs(r->m, item->message, N_ATTR, item->call, &attrs, &node->n_attrs);
    if (st)
        return RD_WRAP(x->err, st, "node %s", label);
    node->attr = attrs;
    return RD_OK;
}

static rd_status known_op(struct rd_onnx_reading *r, size_t index)
{
    struct rd_graph_node *node = &r->g->node[index];
    const struct rd_op *known;
    const char *hint = NULL;
    char op[SHOWN], domain[SHOWN], label[160];

    rd_graph_node_label(r->g, index, label, sizeof(label));
    rd_text_safe_in(op, sizeof(op), node->op);
    rd_text_safe_in(domain, sizeof(domain), node->domain[0] ? node->domain : "ai.onnx");
    node->row = rd_op_find(node->domain, node->op, node->opset, &known);
    if (!node->row)
        node->row = rd_dialect_find(node->domain, node->op, node->opset, &hint);
    if (node->row)
        return RD_OK;
    if (known)
        return RD_FAIL(r->x->err, RD_E_INPUT,
            "node %s: operator '%s' is supported for opsets %d to %d, the model imports %lld",
            label, op, known->since, known->until ? known->until : RD_OPSET_MAX,
            (long long)node->opset);
    (void)RD_FAIL(r->x->err, RD_E_INPUT, "node %s: operator '%s' of domain '%s' is not supported",
        label, op, domain);
    if (hint)
        (void)rd_error_hint(r->x->err, "%s", hint);
    return RD_E_INPUT;
}

static rd_status define(struct rd_onnx_reading *r, size_t index, const char *text, int *out)
{
    rd_status st = RD_OK;

    *out = -1;
    if (!text[0])
        return RD_OK;
    if (r->parent)
        st = check_shadow(r, text);
    return st ? st
              : add_value(r,
                    &(struct rd_graph_value){ .name = text, .ndim = -1, .producer = (int)index },
                    out);
}

static rd_status node_outputs(struct rd_onnx_reading *r, size_t index)
{
    const struct rd_onnx_item *item = &r->item[index];
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = r->x;
    struct rd_pb pb = rd_pb_open(item->message, x->base);
    struct rd_pb_field f;
    const char *text;
    int *out;
    size_t n = 0;
    bool more;
    rd_status st;

    out = rd_onnx_alloc(x, (size_t)node->n_outputs, sizeof(*out), &st);
    node->output = out;
    if (!st && item->to)
        return define(r, index, item->to, out);
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != N_OUTPUT)
            continue;
        st = rd_onnx_text(x, f.span, "the name of an output", &text);
        if (!st)
            st = rd_onnx_meaning(r->m, item->names, text, &text);
        if (!st)
            st = define(r, index, text, &out[n++]);
    }
    return st;
}

static rd_status use(struct rd_onnx_reading *r, size_t index, const char *text, int *in)
{
    char safe[SHOWN], label[160];
    rd_status st;

    *in = -1;
    if (!text[0])
        return RD_OK;
    st = resolve(r, text, in);
    if (!st && *in < 0)
        st = RD_FAIL(r->x->err, RD_E_INPUT, "node %s: nothing produces its input '%s'",
            rd_graph_node_label(r->g, index, label, sizeof(label)),
            rd_text_safe_in(safe, sizeof(safe), text));
    return st;
}

static rd_status node_inputs(struct rd_onnx_reading *r, size_t index)
{
    const struct rd_onnx_item *item = &r->item[index];
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = r->x;
    struct rd_pb pb = rd_pb_open(item->message, x->base);
    struct rd_pb_field f;
    const char *text;
    int *in;
    size_t n = 0;
    bool more;
    rd_status st;

    in = rd_onnx_alloc(x, (size_t)node->n_inputs, sizeof(*in), &st);
    node->input = in;
    if (!st && item->to)
        return use(r, index, item->from, in);
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != N_INPUT)
            continue;
        st = rd_onnx_text(x, f.span, "the name of an input", &text);
        if (!st)
            st = rd_onnx_meaning(r->m, item->names, text, &text);
        if (!st)
            st = use(r, index, text, &in[n++]);
    }
    return st;
}

/* --- subgraphs --- */

/* What the subgraph takes becomes hidden inputs of its node. */
static rd_status capture(struct rd_onnx_reading *r, struct rd_graph_node *node)
{
    const size_t have = (size_t)node->n_inputs, more = r->n_taken;
    struct rd_graph *g = r->g;
    int *input, *from, *list;
    rd_status st;

    if (!more)
        return RD_OK;
    if (have + more > r->x->limits->nodes)
        return RD_FAIL(r->x->err, RD_E_LIMIT, "it takes too many values from around it");
    input = rd_onnx_alloc(r->x, have + more, sizeof(*input), &st);
    if (!st)
        from = rd_onnx_alloc(r->x, more, sizeof(*from), &st);
    if (!st)
        list = rd_onnx_alloc(r->x, g->n_inputs + more, sizeof(*list), &st);
    if (st)
        return st;
    memcpy(input, node->input, have * sizeof(*input));
    memcpy(list, g->input, g->n_inputs * sizeof(*list));
    for (size_t i = 0; i < more; i++) {
        input[have + i] = r->taken[i];
        from[i] = (int)(have + i);
        list[g->n_inputs + i] = (int)(r->n_names + i);
    }
    node->input = input;
    node->n_inputs += (int)more;
    node->n_captures += (int)more;
    g->input = list;
    g->n_inputs += more;
    g->capture = from;
    g->n_captures = more;
    return RD_OK;
}

/* origin: of the attribute; NULL: it stands at the node. */
static rd_status subgraph(struct rd_onnx_reading *r, size_t index, struct rd_span span,
    const struct rd_onnx_call *origin, struct rd_graph **out)
{
    const struct rd_onnx_item holder = { .call = origin ? origin->outer : r->item[index].call,
        .names = origin ? origin->names : r->item[index].names };
    struct rd_graph_value *declared;
    struct rd_onnx_reading inner = { .m = r->m,
        .x = r->x,
        .graph = span,
        .parent = r,
        .holder = &holder,
        .at = index,
        .call = holder.call,
        .depth = r->depth + 1 };
    rd_status st;

    if (inner.depth > RD_ONNX_DEPTH)
        return RD_FAIL(
            r->x->err, RD_E_LIMIT, "subgraphs are nested more than %d deep", RD_ONNX_DEPTH);
    inner.g = rd_onnx_alloc(r->x, 1, sizeof(*inner.g), &st);
    if (st)
        return st;
    inner.g->path = r->g->path;
    inner.g->producer_name = inner.g->name = "";
    inner.g->opset = r->g->opset;
    inner.g->ir_version = r->g->ir_version;
    st = rd_onnx_graph(&inner, &declared);
    if (!st)
        st = capture(&inner, &r->g->node[index]);
    *out = inner.g;
    return st;
}

static rd_status node_subgraphs(struct rd_onnx_reading *r, size_t index)
{
    struct rd_graph_node *node = &r->g->node[index];
    char safe[SHOWN], label[160];

    for (size_t i = 0; i < node->n_attrs; i++) {
        struct rd_attr *a = (struct rd_attr *)(uintptr_t)&node->attr[i]; /* ours: being read */
        const bool one = a->type == RD_ATTR_GRAPH;
        struct rd_graph **graphs;
        rd_status st;

        if (!one && a->type != RD_ATTR_GRAPHS)
            continue;
        graphs = rd_onnx_alloc(r->x, one ? 1 : a->n, sizeof(*graphs), &st);
        for (size_t k = 0; k < (one ? 1 : a->n) && !st; k++)
            st = subgraph(r, index,
                (struct rd_span){ (const unsigned char *)(one ? a->s : a->strings[k]),
                    one ? a->s_len : a->strings_len[k] },
                a->origin, &graphs[k]);
        if (st)
            return RD_WRAP(r->x->err, st, "node %s, its subgraph '%s'",
                rd_graph_node_label(r->g, index, label, sizeof(label)),
                rd_text_safe_in(safe, sizeof(safe), a->name));
        a->n = one ? 1 : a->n;
        a->graphs = graphs;
        a->s = NULL;
        a->s_len = 0;
        a->strings = NULL;
        a->strings_len = NULL;
        a->origin = NULL;
    }
    return RD_OK;
}

/* --- the lists of a graph --- */

/* Run fn over each occurrence of field `number` of the graph. */
static rd_status each(struct rd_onnx_reading *r, uint32_t number, const char *what, size_t *count,
    rd_status (*fn)(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user),
    void *user)
{
    struct rd_pb pb = rd_pb_open(r->graph, r->x->base);
    struct rd_pb_field f;
    size_t n = 0;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, r->x->err)) && more) {
        if (f.number != number)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, what, r->x->err);
        if (!st && fn)
            st = fn(r, f.span, n, user);
        if (st)
            return st;
        n++;
    }
    if (count)
        *count = n;
    return st;
}

struct lists { /* values being collected */
    struct rd_graph_value *input, *output;
};

static rd_status read_item(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user)
{
    (void)i;
    (void)user;
    return rd_onnx_list(r, &(struct rd_onnx_item){ .message = span, .call = r->call });
}

static rd_status read_input(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user)
{
    struct lists *l = user;
    char safe[SHOWN];
    rd_status st = rd_onnx_value_info(r->x, span, &l->input[i]);

    if (!st && !l->input[i].name[0])
        st = RD_FAIL(r->x->err, RD_E_INPUT, "it has no name");
    if (st)
        return RD_WRAP(r->x->err, st, "graph input %zu '%s'", i,
            rd_text_safe_in(safe, sizeof(safe), l->input[i].name ? l->input[i].name : ""));
    return RD_OK;
}

static rd_status read_output(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user)
{
    struct lists *l = user;
    char safe[SHOWN];
    rd_status st = rd_onnx_value_info(r->x, span, &l->output[i]);

    if (st)
        return RD_WRAP(r->x->err, st, "graph output %zu '%s'", i,
            rd_text_safe_in(safe, sizeof(safe), l->output[i].name ? l->output[i].name : ""));
    return RD_OK;
}

static rd_status read_weight(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user)
{
    struct rd_graph_value v = { .producer = -1 };
    struct rd_tensor *t;
    const char *name;
    rd_status st = rd_onnx_tensor(r->x, span, &name, &t);

    (void)user;
    if (st)
        return RD_WRAP(r->x->err, st, "initializer %zu", i);
    if (!name[0])
        return RD_FAIL(r->x->err, RD_E_INPUT, "initializer %zu has no name", i);
    v.name = name;
    v.dtype = t->dtype;
    v.ndim = t->ndim;
    v.weight = t;
    memcpy(v.dim, t->dim, sizeof(v.dim));
    return add_value(r, &v, NULL);
}

static rd_status refuse_sparse(struct rd_onnx_reading *r, struct rd_span span, size_t i, void *user)
{
    struct rd_span values;
    struct rd_pb pb;
    struct rd_pb_field f;
    const char *name = "";
    char safe[SHOWN];
    bool found, more;
    rd_status st = rd_pb_message(
        span, r->x->base, 1, "a sparse initializer", r->x->arena, &values, &found, r->x->err);

    (void)user;
    if (st)
        return st;
    for (pb = rd_pb_open(found ? values : (struct rd_span){ NULL, 0 }, r->x->base);
         !(st = rd_pb_next(&pb, &f, &more, r->x->err)) && more;)
        if (f.number == 8 && f.wire == RD_PB_BYTES &&
            (st = rd_onnx_text(r->x, f.span, "a name", &name)))
            return st;
    return st ? st
              : RD_FAIL(r->x->err, RD_E_INPUT, "sparse initializer %zu '%s' is not supported", i,
                    rd_text_safe_in(safe, sizeof(safe), name));
}

/*
 * Inputs that an initializer gives a default are weights, as IR versions below 4 list them; the
 * others become values. Called with r->names over the weights alone.
 */
static rd_status take_inputs(struct rd_onnx_reading *r, const struct lists *l)
{
    int *list;
    char safe[SHOWN];
    rd_status st;

    list = rd_onnx_alloc(r->x, r->n_inputs, sizeof(*list), &st);
    r->g->input = list;
    for (size_t i = 0; i < r->n_inputs && !st; i++) {
        const struct rd_graph_value *in = &l->input[i];
        const int weight = rd_onnx_find(r->names, r->n_names, in->name);
        const struct rd_graph_value *w;
        bool same;

        if (weight < 0) {
            st = add_value(r, in, &list[r->g->n_inputs++]);
            continue;
        }
        w = &r->g->value[weight];
        same = (!in->dtype || in->dtype == w->dtype) && (in->ndim < 0 || in->ndim == w->ndim);
        for (int d = 0; same && d < in->ndim; d++)
            same = in->dim[d] == -1 || in->dim[d] == w->dim[d];
        if (!same)
            return RD_FAIL(r->x->err, RD_E_INPUT,
                "input '%s' and its initializer differ in type or shape",
                rd_text_safe_in(safe, sizeof(safe), in->name));
    }
    return st;
}

static rd_status take_outputs(struct rd_onnx_reading *r, const struct lists *l)
{
    int *list;
    char safe[SHOWN];
    rd_status st;

    list = rd_onnx_alloc(r->x, r->n_outputs, sizeof(*list), &st);
    for (size_t i = 0; i < r->n_outputs && !st; i++) {
        st = resolve(r, l->output[i].name, &list[i]);
        if (!st && list[i] < 0)
            st = RD_FAIL(r->x->err, RD_E_INPUT, "nothing produces the graph output '%s'",
                rd_text_safe_in(safe, sizeof(safe), l->output[i].name));
    }
    r->g->output = list;
    r->g->n_outputs = r->n_outputs;
    return st;
}

static rd_status graph_name(struct rd_onnx_reading *r)
{
    struct rd_pb pb = rd_pb_open(r->graph, r->x->base);
    struct rd_span name = { NULL, 0 };
    struct rd_pb_field f;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, r->x->err)) && more)
        if (f.number == G_NAME && f.wire == RD_PB_BYTES)
            name = f.span;
    return st ? st : rd_onnx_text(r->x, name, "the name of the graph", &r->g->name);
}

/* How many of each there are, within bounds, before anything is made of them. */
static rd_status survey(struct rd_onnx_reading *r)
{
    const size_t most = r->x->limits->nodes;
    size_t n_nodes = 0, n_sparse = 0;
    rd_status st = graph_name(r);

    if (!st)
        st = each(r, G_NODE, "a node", &n_nodes, NULL, NULL);
    if (!st)
        st = each(r, G_INPUT, "a graph input", &r->n_inputs, NULL, NULL);
    if (!st)
        st = each(r, G_OUTPUT, "a graph output", &r->n_outputs, NULL, NULL);
    if (!st)
        st = each(r, G_INITIALIZER, "an initializer", &r->n_weights, NULL, NULL);
    if (!st)
        st = each(r, G_SPARSE, "a sparse initializer", &n_sparse, refuse_sparse, NULL);
    if (st)
        return st;
    if (n_nodes > most || r->n_inputs > most || r->n_outputs > most || r->n_weights > most)
        return RD_FAIL(r->x->err, RD_E_LIMIT,
            "it has %zu nodes, %zu inputs, %zu outputs, %zu initializers; at most %zu of each are "
            "read",
            n_nodes, r->n_inputs, r->n_outputs, r->n_weights, most);
    if (!r->n_outputs && !r->parent)
        return RD_FAIL(r->x->err, RD_E_INPUT, "the graph has no output");
    return RD_OK;
}

rd_status rd_onnx_graph(struct rd_onnx_reading *r, struct rd_graph_value **declared_out)
{
    struct rd_onnx *x = r->x;
    struct rd_graph *g = r->g;
    struct lists l = { 0 };
    rd_status st = survey(r);

    if (!st)
        l.input = rd_onnx_alloc(x, r->n_inputs, sizeof(*l.input), &st);
    if (!st)
        l.output = rd_onnx_alloc(x, r->n_outputs, sizeof(*l.output), &st);
    *declared_out = l.output;
    if (!st)
        st = each(r, G_INPUT, "a graph input", NULL, read_input, &l);
    if (!st)
        st = each(r, G_OUTPUT, "a graph output", NULL, read_output, &l);
    if (!st)
        st = each(r, G_NODE, "a node", NULL, read_item, NULL);
    g->n_nodes = r->n_items;
    if (!st)
        g->node = rd_onnx_alloc(x, g->n_nodes, sizeof(*g->node), &st);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = node_head(r, i);
    if (!st)
        st = each(r, G_INITIALIZER, "an initializer", NULL, read_weight, NULL);
    if (!st)
        st = index_names(r);
    if (!st)
        st = take_inputs(r, &l);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = known_op(r, i);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = node_outputs(r, i);
    if (!st)
        st = index_names(r);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = node_inputs(r, i);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = node_subgraphs(r, i);
    if (!st)
        st = take_outputs(r, &l);
    if (!st)
        st = rd_graph_sort(g, x->arena, x->err);
    return st ? st : rd_dialect_expand(g, x->arena, x->err);
}
