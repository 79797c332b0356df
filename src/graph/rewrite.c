/* rewrite.c - see rewrite.h. New graphs are shallow copies whose lists have room for a few more. */
#include "graph/rewrite.h"

#include "graph/onnx.h"
#include "graph/op.h"

#include <string.h>

struct draft {
    struct rd_graph *g;
    struct rd_graph_value *value;
    struct rd_graph_node *node;
    struct rd_arena *arena;
    bool failed;
};

/* A copy with room for so many more values and nodes. */
static struct draft begin(
    const struct rd_graph *graph, struct rd_arena *arena, size_t values, size_t nodes)
{
    struct draft d = { .arena = arena };

    d.g = RD_NEW(arena, struct rd_graph);
    d.value = RD_NEW_ARRAY(arena, struct rd_graph_value, graph->n_values + values);
    d.node = RD_NEW_ARRAY(arena, struct rd_graph_node, graph->n_nodes + nodes);
    d.failed = !d.g || !d.value || !d.node;
    if (d.failed)
        return d;
    *d.g = *graph;
    memcpy(d.value, graph->value, graph->n_values * sizeof *d.value);
    memcpy(d.node, graph->node, graph->n_nodes * sizeof *d.node);
    d.g->value = d.value;
    d.g->node = d.node;
    return d;
}

/* A new initializer of the values at data; its index. */
static int add_weight(struct draft *d, const char *name, enum rd_dtype type, int64_t count,
    int ndim, const void *data)
{
    struct rd_graph_value *v = &d->value[d->g->n_values];
    struct rd_tensor *t = NULL;

    if (rd_tensor_new(d->arena, type, &count, ndim, NULL, &t, NULL)) {
        d->failed = true;
        return 0;
    }
    memcpy(t->data, data, rd_tensor_bytes(t));
    *v = (struct rd_graph_value){
        .name = name, .dtype = type, .ndim = ndim, .dim = { count }, .weight = t, .producer = -1
    };
    return (int)d->g->n_values++;
}

/* --- a free batch --- */

rd_status rd_graph_free_batch(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **free_out, struct rd_error *err)
{
    struct draft d = begin(graph, arena, graph->n_nodes, 0);
    struct rd_error why = { 0 };
    int64_t batch;
    rd_status st;

    *free_out = NULL;
    if (d.failed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to free the batch of '%s'", graph->path);
    for (size_t i = 0; i < graph->n_nodes; i++) /* what is known inside subgraphs would change */
        if (graph->node[i].row->control)
            return RD_OK;
    if (graph->n_inputs != 1 || graph->value[graph->input[0]].ndim < 1)
        return RD_OK;
    batch = graph->value[graph->input[0]].dim[0];
    d.value[graph->input[0]].dim[0] = -1;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *n = &graph->node[i];
        const struct rd_tensor *shape =
            !strcmp(n->op, "Reshape") && n->n_inputs > 1 && n->input[1] >= 0
                ? graph->value[n->input[1]].weight
                : NULL;
        int64_t first, wish[RD_MAX_DIMS];
        int *input;

        if (!shape || n->input[0] < 0 || graph->value[n->input[0]].weight || shape->ndim != 1 ||
            shape->dim[0] < 1 || shape->dim[0] > RD_MAX_DIMS || shape->dtype != RD_I64 ||
            rd_op_int(n, "allowzero", 0))
            continue;
        memcpy(wish, shape->data, rd_tensor_bytes(shape));
        memcpy(&first, shape->data, sizeof first);
        /* Where the input begins with the batch too, 0 says the same: for N rows nothing changes.
         */
        if (first != batch || graph->value[n->input[0]].ndim < 1 ||
            graph->value[n->input[0]].dim[0] != batch)
            continue;
        wish[0] = 0;
        input = RD_NEW_ARRAY(arena, int, (size_t)n->n_inputs);
        if (!input)
            return RD_FAIL(err, RD_E_MEMORY, "no memory to free the batch of '%s'", graph->path);
        memcpy(input, n->input, (size_t)n->n_inputs * sizeof *input);
        input[1] = add_weight(&d, "", RD_I64, shape->dim[0], 1, wish);
        d.node[i].input = input;
    }
    if (d.failed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to free the batch of '%s'", graph->path);
    for (size_t v = 0; v < graph->n_values; v++) /* what was folded may have held the batch */
        if (d.value[v].producer >= 0)
            d.value[v].weight = NULL;
    st = rd_graph_infer(d.g, &rd_limits_default, arena, &why);
    if (st == RD_E_MEMORY && err)
        *err = why;
    if (!st && d.value[graph->output[0]].batched)
        *free_out = d.g;
    return st == RD_E_MEMORY ? st : RD_OK; /* a shape that now fits no longer: it stays as it was */
}

/* --- scores alone --- */

rd_status rd_graph_scores_alone(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **alone_out, struct rd_error *err)
{
    const enum rd_dtype first =
        graph->n_outputs ? graph->value[graph->output[0]].dtype : RD_DTYPE_NONE;
    struct rd_graph *alone;
    size_t i = 1;

    *alone_out = graph;
    if (first != RD_I64 && first != RD_I32 && first != RD_STRING)
        return RD_OK;
    while (i < graph->n_outputs && (graph->value[graph->output[i]].dtype != RD_F32 ||
                                       graph->value[graph->output[i]].ndim < 1))
        i++;
    if (i >= graph->n_outputs)
        return RD_OK;
    alone = RD_NEW(arena, struct rd_graph);
    if (!alone)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to look at the scores of '%s'", graph->path);
    *alone = *graph;
    alone->output = graph->output + i;
    alone->n_outputs = 1;
    *alone_out = alone;
    return RD_OK;
}

/* --- two classes --- */

bool rd_graph_is_one_number(const struct rd_graph *graph)
{
    const struct rd_graph_value *v = graph->n_outputs ? &graph->value[graph->output[0]] : NULL;

    return v && v->dtype == RD_F32 && (v->ndim == 1 || (v->ndim == 2 && v->dim[1] == 1));
}

/* A new node with one output like value `like` but of `width` columns; the output's index. */
static int add_node(
    struct draft *d, const char *op, const int *input, int n_inputs, int like, int64_t width)
{
    static const struct rd_attr axis = { .name = "axis", .type = RD_ATTR_INT, .i = 1, .n = 1 };
    struct rd_graph_node *n = &d->node[d->g->n_nodes];
    struct rd_graph_value *v = &d->value[d->g->n_values];
    int *edges = RD_NEW_ARRAY(d->arena, int, (size_t)n_inputs + 1);

    if (!edges) {
        d->failed = true;
        return 0;
    }
    memcpy(edges, input, (size_t)n_inputs * sizeof *edges);
    edges[n_inputs] = (int)d->g->n_values;
    *n = (struct rd_graph_node){ .name = "",
        .op = op,
        .domain = "",
        .opset = 11,
        .row = rd_op_find("", op, 11, NULL),
        .input = edges,
        .output = edges + n_inputs,
        .n_inputs = n_inputs,
        .n_outputs = 1 };
    if (!strcmp(op, "Concat")) {
        n->attr = &axis;
        n->n_attrs = 1;
    }
    *v = (struct rd_graph_value){ .name = op,
        .dtype = RD_F32,
        .ndim = 2,
        .dim = { d->value[like].dim[0], width },
        .producer = (int)d->g->n_nodes++,
        .batched = d->value[like].batched };
    return (int)d->g->n_values++;
}

/* The node that makes the first output, looking through what only changes its shape. */
static const struct rd_graph_node *last_node(const struct rd_graph *graph)
{
    int v = graph->output[0];

    while (graph->value[v].producer >= 0) {
        const struct rd_graph_node *node = &graph->node[graph->value[v].producer];

        if (!node->row->view || node->n_inputs < 1 || node->input[0] < 0)
            return node;
        v = node->input[0];
    }
    return NULL;
}

/* (first, second) as the two columns: of `from`, (n, 1) or (n), `second` is from itself. */
static struct rd_graph *pair(
    const struct rd_graph *graph, int from, bool probabilities, struct rd_arena *arena)
{
    static const int64_t column[] = { 0, 1 };
    struct draft d = begin(graph, arena, 8, 4);
    const float number = probabilities ? 1 : 0;
    int *output = RD_NEW_ARRAY(arena, int, 1), at, one, both[2];

    if (d.failed || !output)
        return NULL;
    both[0] = from;
    both[1] = add_weight(&d, "", RD_I64, 2, 1, column);
    at = add_node(&d, "Reshape", both, 2, from, 1);
    one = add_weight(&d, "", RD_F32, 0, 0, &number);
    both[0] = probabilities ? one : at; /* 1 - p, or 0 * z */
    both[1] = probabilities ? at : one;
    both[0] = add_node(&d, probabilities ? "Sub" : "Mul", both, 2, from, 1);
    both[1] = at;
    output[0] = add_node(&d, "Concat", both, 2, from, 2);
    d.g->output = output;
    d.g->n_outputs = 1;
    return d.failed ? NULL : d.g;
}

rd_status rd_graph_two_classes(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **scores_out, struct rd_graph **logits_out, struct rd_error *err)
{
    const struct rd_graph_node *last;
    bool sigmoid;

    if (!rd_graph_is_one_number(graph))
        return RD_FAIL(
            err, RD_E_USAGE, "the first output of '%s' is not one number a row", graph->path);
    last = last_node(graph);
    sigmoid = last && !strcmp(last->op, "Sigmoid") && !*last->domain;
    *logits_out = pair(graph, sigmoid ? last->input[0] : graph->output[0], false, arena);
    *scores_out = sigmoid ? pair(graph, graph->output[0], true, arena) : *logits_out;
    return *logits_out && *scores_out
               ? RD_OK
               : RD_FAIL(err, RD_E_MEMORY, "no memory for two classes of '%s'", graph->path);
}
