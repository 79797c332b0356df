/*
 * onnx_read.c - an ONNX file into a graph, in place; the file is taken for hostile.
 *
 * Order: model fields, tensors, nodes, names (each defined once, each use resolved), topological
 * order, then shapes (shape.c). Fields that ONNX has and we do not compute with (documentation,
 * metadata, quantization annotations, training info) are stepped over; what would change the answer
 * (subgraphs, functions, sparse tensors, sequences) is refused by name.
 *
 * Source: onnx.proto3 of onnx 1.23, IR version 13.
 */
#include "base/file.h"
#include "base/text.h"
#include "graph/onnx.h"
#include "graph/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IR_MIN = 3, IR_MAX = 14, SHOWN = 80 };

enum { /* ModelProto */
    M_IR = 1,
    M_PRODUCER = 2,
    M_GRAPH = 7,
    M_OPSET = 8
};
enum { /* GraphProto */
    G_NODE = 1,
    G_NAME = 2,
    G_INITIALIZER = 5,
    G_INPUT = 11,
    G_OUTPUT = 12,
    G_SPARSE = 15
};
enum { /* NodeProto */
    N_INPUT = 1,
    N_OUTPUT = 2,
    N_NAME = 3,
    N_OP = 4,
    N_ATTR = 5,
    N_DOMAIN = 7,
    N_OVERLOAD = 8
};
/* A name and the value it stands for, sorted for look-up. */
struct name {
    const char *text;
    int value;
};

struct reading {
    struct rd_onnx x;
    struct rd_graph *g;
    struct rd_span graph;
    size_t n_inputs, n_outputs, n_weights; /* as listed in the file */
    struct name *names;
    size_t n_names;
    char node[160]; /* label of the node being read */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static const struct name *look_up(const struct reading *r, const char *text)
{
    const struct name key = { text, 0 };

    return r->n_names ? bsearch(&key, r->names, r->n_names, sizeof(key), by_text) : NULL;
}

/* --- model --- */

static rd_status import(struct reading *r, struct rd_span message, struct rd_graph_import *out)
{
    struct rd_pb pb = rd_pb_open(message, r->x.base);
    struct rd_span domain = { NULL, 0 };
    struct rd_pb_field f;
    char safe[SHOWN];
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, r->x.err)) && more) {
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "the domain of an opset", r->x.err);
            domain = f.span;
        } else if (f.number == 2) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "the version of an opset", r->x.err);
            out->version = (int64_t)f.value;
        }
        if (st)
            return st;
    }
    if (!st)
        st = rd_onnx_text(&r->x, domain, "the domain of an opset", &out->domain);
    if (st)
        return st;
    if (!strcmp(out->domain, "ai.onnx"))
        out->domain = "";
    if (out->version < 1 || out->version > RD_OPSET_MAX)
        return RD_FAIL(r->x.err, RD_E_INPUT, "opset version %lld of domain '%s' is outside 1..%d",
            (long long)out->version, rd_text_safe_in(safe, sizeof(safe), out->domain),
            RD_OPSET_MAX);
    return RD_OK;
}

static rd_status model(struct reading *r, struct rd_span message)
{
    struct rd_onnx *x = &r->x;
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_graph_import *imports;
    struct rd_pb_field f;
    struct rd_span producer = { NULL, 0 };
    size_t n = 0;
    bool more, found = false, has_ir = false;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == M_IR) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "ir_version", x->err);
            r->g->ir_version = (int64_t)f.value;
            has_ir = true;
        } else if (f.number == M_PRODUCER) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "producer_name", x->err);
            producer = f.span;
        } else if (f.number == M_OPSET) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "opset_import", x->err);
            n++;
        }
        if (st)
            return st;
    }
    if (st)
        return st;
    if (!has_ir)
        return RD_FAIL(x->err, RD_E_INPUT, "it has no ir_version: this is no ONNX model");
    if (r->g->ir_version < IR_MIN || r->g->ir_version > IR_MAX)
        return RD_FAIL(x->err, RD_E_INPUT, "IR version %lld is outside %d..%d, which are supported",
            (long long)r->g->ir_version, IR_MIN, IR_MAX);
    if (!n)
        return RD_FAIL(x->err, RD_E_INPUT, "it imports no opset");
    st = rd_onnx_text(x, producer, "producer_name", &r->g->producer_name);
    if (!st)
        st = rd_pb_message(
            message, x->base, M_GRAPH, "the graph", x->arena, &r->graph, &found, x->err);
    if (!st && !found)
        st = RD_FAIL(x->err, RD_E_INPUT, "it has no graph");
    if (st)
        return st;
    imports = rd_onnx_alloc(x, n, sizeof(*imports), &st);
    if (st)
        return st;
    r->g->import = imports;
    pb = rd_pb_open(message, x->base);
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != M_OPSET)
            continue;
        st = import(r, f.span, &imports[r->g->n_imports]);
        if (st)
            return st;
        for (size_t i = 0; i < r->g->n_imports; i++)
            if (!strcmp(imports[i].domain, imports[r->g->n_imports].domain) &&
                imports[i].version != imports[r->g->n_imports].version)
                return RD_FAIL(x->err, RD_E_INPUT,
                    "domain '%s' is imported at versions %lld and %lld",
                    imports[i].domain[0] ? "(imported)" : "ai.onnx", (long long)imports[i].version,
                    (long long)imports[r->g->n_imports].version);
        if (!imports[r->g->n_imports].domain[0])
            r->g->opset = imports[r->g->n_imports].version;
        if (++r->g->n_imports > 64)
            return RD_FAIL(x->err, RD_E_LIMIT, "it imports more than 64 opsets");
    }
    return st;
}

/* --- nodes --- */

/* First pass over a node: counts and names. Second pass (node_edges): inputs and outputs by name.
 */
static rd_status node_head(struct reading *r, struct rd_span message, size_t index)
{
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = &r->x;
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span name = { NULL, 0 }, op = { NULL, 0 }, domain = { NULL, 0 };
    struct rd_attr *attrs;
    struct rd_pb_field f;
    size_t n_in = 0, n_out = 0, n = 0;
    char safe[SHOWN];
    bool more, found = false;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number >= N_INPUT && f.number <= N_OVERLOAD && f.number != 6)
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a field of a node", x->err);
        if (st)
            break;
        n_in += f.number == N_INPUT;
        n_out += f.number == N_OUTPUT;
        n += f.number == N_ATTR;
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
    rd_graph_node_label(r->g, index, r->node, sizeof(r->node));
    if (!node->op[0])
        return RD_FAIL(x->err, RD_E_INPUT, "node %zu names no operator", index);
    for (size_t i = 0; i < r->g->n_imports && !found; i++)
        if (!strcmp(r->g->import[i].domain, node->domain)) {
            node->opset = r->g->import[i].version;
            found = true;
        }
    if (!found)
        return RD_FAIL(x->err, RD_E_INPUT, "node %s: the model imports no opset for domain '%s'",
            r->node,
            node->domain[0] ? rd_text_safe_in(safe, sizeof(safe), node->domain) : "ai.onnx");
    if (n_in > r->x.limits->nodes || n_out > r->x.limits->nodes)
        return RD_FAIL(x->err, RD_E_LIMIT, "node %s has too many inputs or outputs", r->node);
    node->n_inputs = (int)n_in;
    node->n_outputs = (int)n_out;
    attrs = rd_onnx_alloc(x, n, sizeof(*attrs), &st);
    node->attr = attrs;
    pb = rd_pb_open(message, x->base);
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == N_ATTR)
            st = rd_onnx_attr(&r->x, f.span, &attrs[node->n_attrs++]);
    if (st)
        return RD_WRAP(x->err, st, "node %s", r->node);
    return RD_OK;
}

static rd_status unknown_op(struct reading *r, size_t index)
{
    const struct rd_graph_node *node = &r->g->node[index];
    const struct rd_op *known;
    char op[SHOWN], domain[SHOWN], label[160];

    rd_graph_node_label(r->g, index, label, sizeof(label));
    rd_text_safe_in(op, sizeof(op), node->op);
    rd_text_safe_in(domain, sizeof(domain), node->domain[0] ? node->domain : "ai.onnx");
    if (rd_op_find(node->domain, node->op, node->opset, &known))
        return RD_OK;
    if (known)
        return RD_FAIL(r->x.err, RD_E_INPUT,
            "node %s: operator '%s' is supported for opsets %d to %d, the model imports %lld",
            label, op, known->since, known->until ? known->until : RD_OPSET_MAX,
            (long long)node->opset);
    return RD_FAIL(r->x.err, RD_E_INPUT, "node %s: operator '%s' of domain '%s' is not supported",
        label, op, domain);
}

static rd_status node_edges(
    struct reading *r, struct rd_span message, size_t index, size_t *n_values)
{
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = &r->x;
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    const char *text;
    int *out;
    size_t n_out = 0;
    bool more;
    rd_status st;

    out = rd_onnx_alloc(x, (size_t)node->n_outputs, sizeof(*out), &st);
    node->output = out;
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != N_OUTPUT)
            continue;
        st = rd_onnx_text(x, f.span, "the name of an output", &text);
        if (st)
            break;
        out[n_out] = -1;
        if (text[0]) {
            struct rd_graph_value *v = &r->g->value[*n_values];

            *v = (struct rd_graph_value){ .name = text, .ndim = -1, .producer = (int)index };
            out[n_out] = (int)(*n_values)++;
        }
        n_out++;
    }
    return st;
}

static rd_status node_inputs(struct reading *r, struct rd_span message, size_t index)
{
    struct rd_graph_node *node = &r->g->node[index];
    struct rd_onnx *x = &r->x;
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    const char *text;
    char safe[SHOWN], label[160];
    int *in;
    size_t n = 0;
    bool more;
    rd_status st;

    in = rd_onnx_alloc(x, (size_t)node->n_inputs, sizeof(*in), &st);
    node->input = in;
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        const struct name *found;

        if (f.number != N_INPUT)
            continue;
        st = rd_onnx_text(x, f.span, "the name of an input", &text);
        if (st)
            break;
        in[n] = -1;
        if (text[0]) {
            found = look_up(r, text);
            if (!found)
                return RD_FAIL(x->err, RD_E_INPUT, "node %s: nothing produces its input '%s'",
                    rd_graph_node_label(r->g, index, label, sizeof(label)),
                    rd_text_safe_in(safe, sizeof(safe), text));
            in[n] = found->value;
        }
        n++;
    }
    return st;
}

/* --- graph --- */

/* Run fn over each occurrence of field `number` of the graph. */
static rd_status each(struct reading *r, uint32_t number, const char *what, size_t *count,
    rd_status (*fn)(struct reading *r, struct rd_span span, size_t i, void *user), void *user)
{
    struct rd_pb pb = rd_pb_open(r->graph, r->x.base);
    struct rd_pb_field f;
    size_t n = 0;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, r->x.err)) && more) {
        if (f.number != number)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, what, r->x.err);
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
    size_t n_values;
};

static rd_status read_input(struct reading *r, struct rd_span span, size_t i, void *user)
{
    struct lists *l = user;
    const char *kind;
    char safe[SHOWN];
    rd_status st = rd_onnx_value_info(&r->x, span, &l->input[i], &kind);

    if (!st && !l->input[i].name[0])
        st = RD_FAIL(r->x.err, RD_E_INPUT, "it has no name");
    if (!st && kind[0])
        st = RD_FAIL(r->x.err, RD_E_INPUT, "it is of kind %s, which is not supported", kind);
    if (st)
        return RD_WRAP(r->x.err, st, "graph input %zu '%s'", i,
            rd_text_safe_in(safe, sizeof(safe), l->input[i].name ? l->input[i].name : ""));
    return RD_OK;
}

static rd_status read_output(struct reading *r, struct rd_span span, size_t i, void *user)
{
    struct lists *l = user;
    const char *kind;
    char safe[SHOWN];
    rd_status st = rd_onnx_value_info(&r->x, span, &l->output[i], &kind);

    if (!st && kind[0])
        st = RD_FAIL(r->x.err, RD_E_INPUT, "it is of kind %s, which is not supported", kind);
    if (st)
        return RD_WRAP(r->x.err, st, "graph output %zu '%s'", i,
            rd_text_safe_in(safe, sizeof(safe), l->output[i].name ? l->output[i].name : ""));
    return RD_OK;
}

static rd_status read_weight(struct reading *r, struct rd_span span, size_t i, void *user)
{
    struct lists *l = user;
    struct rd_graph_value *v = &r->g->value[l->n_values];
    struct rd_tensor *t;
    const char *name;
    rd_status st = rd_onnx_tensor(&r->x, span, &name, &t);

    if (st)
        return RD_WRAP(r->x.err, st, "initializer %zu", i);
    if (!name[0])
        return RD_FAIL(r->x.err, RD_E_INPUT, "initializer %zu has no name", i);
    *v = (struct rd_graph_value){
        .name = name, .dtype = t->dtype, .ndim = t->ndim, .weight = t, .producer = -1
    };
    memcpy(v->dim, t->dim, sizeof(v->dim));
    l->n_values++;
    return RD_OK;
}

static rd_status read_head(struct reading *r, struct rd_span span, size_t i, void *user)
{
    (void)user;
    return node_head(r, span, i);
}

static rd_status read_edges(struct reading *r, struct rd_span span, size_t i, void *user)
{
    return node_edges(r, span, i, &((struct lists *)user)->n_values);
}

static rd_status read_uses(struct reading *r, struct rd_span span, size_t i, void *user)
{
    (void)user;
    return node_inputs(r, span, i);
}

static rd_status refuse_sparse(struct reading *r, struct rd_span span, size_t i, void *user)
{
    struct rd_span values;
    struct rd_pb pb;
    struct rd_pb_field f;
    const char *name = "";
    char safe[SHOWN];
    bool found, more;
    rd_status st = rd_pb_message(
        span, r->x.base, 1, "a sparse initializer", r->x.arena, &values, &found, r->x.err);

    (void)user;
    if (st)
        return st;
    for (pb = rd_pb_open(found ? values : (struct rd_span){ NULL, 0 }, r->x.base);
         !(st = rd_pb_next(&pb, &f, &more, r->x.err)) && more;)
        if (f.number == 8 && f.wire == RD_PB_BYTES &&
            (st = rd_onnx_text(&r->x, f.span, "a name", &name)))
            return st;
    return st ? st
              : RD_FAIL(r->x.err, RD_E_INPUT, "sparse initializer %zu '%s' is not supported", i,
                    rd_text_safe_in(safe, sizeof(safe), name));
}

/* Which values have names, sorted; twice the same is an error. */
static rd_status index_names(struct reading *r, size_t n)
{
    char safe[SHOWN];
    rd_status st;

    r->names = rd_onnx_alloc(&r->x, n, sizeof(*r->names), &st);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        r->names[i] = (struct name){ r->g->value[i].name, (int)i };
    qsort(r->names, n, sizeof(*r->names), by_text);
    r->n_names = n;
    for (size_t i = 1; i < n; i++)
        if (!strcmp(r->names[i - 1].text, r->names[i].text))
            return RD_FAIL(r->x.err, RD_E_INPUT, "the name '%s' is defined twice",
                rd_text_safe_in(safe, sizeof(safe), r->names[i].text));
    return RD_OK;
}

/*
 * Inputs that an initializer gives a default are weights, as IR versions below 4 list them; the
 * others become values. Called with r->names over the weights alone.
 */
static rd_status take_inputs(struct reading *r, struct lists *l)
{
    int *list;
    char safe[SHOWN];
    rd_status st;

    list = rd_onnx_alloc(&r->x, r->n_inputs, sizeof(*list), &st);
    if (st)
        return st;
    r->g->input = list;
    for (size_t i = 0; i < r->n_inputs; i++) {
        const struct rd_graph_value *in = &l->input[i];
        const struct name *weight = look_up(r, in->name);

        if (!weight) {
            list[r->g->n_inputs++] = (int)l->n_values;
            r->g->value[l->n_values++] = *in;
            continue;
        }
        {
            const struct rd_graph_value *w = &r->g->value[weight->value];
            bool same =
                (!in->dtype || in->dtype == w->dtype) && (in->ndim < 0 || in->ndim == w->ndim);

            for (int d = 0; same && d < in->ndim; d++)
                same = in->dim[d] == -1 || in->dim[d] == w->dim[d];
            if (!same)
                return RD_FAIL(r->x.err, RD_E_INPUT,
                    "input '%s' and its initializer differ in type or shape",
                    rd_text_safe_in(safe, sizeof(safe), in->name));
        }
    }
    return RD_OK;
}

static rd_status take_outputs(struct reading *r, const struct lists *l)
{
    int *list;
    char safe[SHOWN];
    rd_status st;

    list = rd_onnx_alloc(&r->x, r->n_outputs, sizeof(*list), &st);
    if (st)
        return st;
    for (size_t i = 0; i < r->n_outputs; i++) {
        const struct name *found = look_up(r, l->output[i].name);

        if (!found)
            return RD_FAIL(r->x.err, RD_E_INPUT, "nothing produces the graph output '%s'",
                rd_text_safe_in(safe, sizeof(safe), l->output[i].name));
        list[i] = found->value;
    }
    r->g->output = list;
    r->g->n_outputs = r->n_outputs;
    return RD_OK;
}

static rd_status graph_name(struct reading *r)
{
    struct rd_pb pb = rd_pb_open(r->graph, r->x.base);
    struct rd_span name = { NULL, 0 };
    struct rd_pb_field f;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, r->x.err)) && more)
        if (f.number == G_NAME && f.wire == RD_PB_BYTES)
            name = f.span;
    return st ? st : rd_onnx_text(&r->x, name, "the name of the graph", &r->g->name);
}

static rd_status graph(struct reading *r)
{
    struct rd_onnx *x = &r->x;
    struct rd_graph *g = r->g;
    struct lists l = { 0 };
    size_t most, n_sparse = 0;
    rd_status st = graph_name(r);

    if (!st)
        st = each(r, G_NODE, "a node", &g->n_nodes, NULL, NULL);
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
    if (g->n_nodes > x->limits->nodes || r->n_inputs > x->limits->nodes ||
        r->n_outputs > x->limits->nodes || r->n_weights > x->limits->nodes)
        return RD_FAIL(x->err, RD_E_LIMIT,
            "it has %zu nodes, %zu inputs, %zu outputs, %zu initializers; at most %zu of each are "
            "read",
            g->n_nodes, r->n_inputs, r->n_outputs, r->n_weights, x->limits->nodes);
    if (!r->n_outputs)
        return RD_FAIL(x->err, RD_E_INPUT, "the graph has no output");
    g->node = rd_onnx_alloc(x, g->n_nodes, sizeof(*g->node), &st);
    if (!st)
        l.input = rd_onnx_alloc(x, r->n_inputs, sizeof(*l.input), &st);
    if (!st)
        l.output = rd_onnx_alloc(x, r->n_outputs, sizeof(*l.output), &st);
    if (!st)
        st = each(r, G_INPUT, "a graph input", NULL, read_input, &l);
    if (!st)
        st = each(r, G_OUTPUT, "a graph output", NULL, read_output, &l);
    if (!st)
        st = each(r, G_NODE, "a node", NULL, read_head, NULL);
    if (st)
        return st;
    most = r->n_inputs + r->n_weights;
    for (size_t i = 0; i < g->n_nodes; i++)
        most += (size_t)g->node[i].n_outputs;
    if (most > (size_t)INT32_MAX)
        return RD_FAIL(x->err, RD_E_LIMIT, "it has more than %d values", INT32_MAX);
    g->value = rd_onnx_alloc(x, most, sizeof(*g->value), &st);
    if (!st)
        st = each(r, G_INITIALIZER, "an initializer", NULL, read_weight, &l);
    if (!st)
        st = index_names(r, l.n_values);
    if (!st)
        st = take_inputs(r, &l);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        st = unknown_op(r, i);
    if (!st)
        st = each(r, G_NODE, "a node", NULL, read_edges, &l);
    if (!st)
        st = index_names(r, l.n_values);
    g->n_values = l.n_values;
    if (!st)
        st = each(r, G_NODE, "a node", NULL, read_uses, NULL);
    if (!st)
        st = take_outputs(r, &l);
    for (size_t i = 0; i < g->n_nodes && !st; i++)
        g->node[i].row = rd_op_find(g->node[i].domain, g->node[i].op, g->node[i].opset, NULL);
    if (!st)
        st = rd_graph_sort(g, x->arena, x->err);
    g->file_bytes = x->file_bytes;
    if (!st)
        st = rd_graph_infer(g, x->limits, x->arena, x->err);
    for (size_t i = 0; i < r->n_outputs && !st;
         i++) { /* names of free dims; declared sizes are only hints */
        struct rd_graph_value *v = &g->value[g->output[i]];

        for (int d = 0; d < v->ndim && v->ndim == l.output[i].ndim; d++)
            if (v->dim[d] == -1 && !v->dim_name[d])
                v->dim_name[d] = l.output[i].dim_name[d];
    }
    return st;
}

rd_status rd_graph_parse(const char *name, const char *folder, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_graph **graph_out,
    struct rd_error *err)
{
    struct reading r = { .x = { .name = name,
                             .folder = folder,
                             .base = bytes,
                             .arena = arena,
                             .limits = limits ? limits : &rd_limits_default,
                             .used_before = arena->used,
                             .file_bytes = size,
                             .err = err } };
    char safe[SHOWN];
    rd_status st;

    r.g = rd_onnx_alloc(&r.x, 1, sizeof(*r.g), &st);
    if (!st) {
        r.g->path = rd_arena_strdup(arena, name);
        r.g->producer_name = "";
        r.g->name = "";
        if (!r.g->path)
            st = RD_FAIL(err, RD_E_MEMORY, "no memory to read a model");
    }
    if (!st && !size)
        st = RD_FAIL(err, RD_E_INPUT, "the file is empty");
    if (!st)
        st = model(&r, (struct rd_span){ bytes, size });
    if (!st)
        st = graph(&r);
    if (st)
        return RD_WRAP(
            err, st, "cannot read the model '%s'", rd_text_safe_in(safe, sizeof(safe), name));
    *graph_out = r.g;
    return RD_OK;
}

rd_status rd_graph_load(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_graph **graph_out, struct rd_error *err)
{
    const struct rd_limits *l = limits ? limits : &rd_limits_default;
    struct rd_bytes bytes;
    char *folder = rd_path_dir(arena, path);
    rd_status st;

    if (!folder)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to read '%s'", path);
    st = rd_file_map(path, l->file_bytes, arena, &bytes, err);
    if (st)
        return st;
    return rd_graph_parse(path, folder, bytes.data, bytes.size, l, arena, graph_out, err);
}
