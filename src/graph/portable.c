/*
 * portable.c - trees with float64 splits on float32 rows, as the tree readers make them, for
 * everybody: ai.onnx.ml wants one type for rows, splits and leaves, so a Cast makes the rows
 * float64 and another one the scores float32. Both round as the row does that takes the mixture.
 */
#include "graph/portable.h"

#include "graph/ml.h"
#include "graph/op.h"

#include <string.h>

/* Does the node compare float32 rows with float64 splits? */
static bool mixed(const struct rd_graph *g, const struct rd_graph_node *n)
{
    static const char *const split[] = { "nodes_splits", "nodes_values_as_tensor" };

    if (strcmp(n->domain, RD_ML_DOMAIN) != 0 || n->n_inputs != 1 || n->n_outputs != 1 ||
        n->input[0] < 0 || n->output[0] < 0 || g->value[n->input[0]].dtype != RD_F32)
        return false;
    for (size_t i = 0; i < sizeof split / sizeof *split; i++) {
        const struct rd_attr *a = rd_op_attr(n, split[i]);

        if (a && a->type == RD_ATTR_TENSOR && a->tensor->dtype == RD_F64)
            return true;
    }
    return false;
}

struct copying {
    struct rd_graph *g;
    struct rd_arena *arena;
    bool failed;
};

/* A float64 value shaped like `like`, of a name that is free. */
static int widened(struct copying *c, int like)
{
    struct rd_graph_value *v = &c->g->value[c->g->n_values];
    bool is_free = false;

    *v = c->g->value[like];
    v->dtype = RD_F64;
    while (!is_free && !c->failed) {
        v->name = rd_arena_printf(c->arena, "%s_wide", v->name);
        c->failed = !v->name;
        is_free = true;
        for (size_t i = 0; i < c->g->n_values && !c->failed; i++)
            is_free = is_free && strcmp(c->g->value[i].name, v->name) != 0;
    }
    return (int)c->g->n_values++;
}

static void put(struct copying *c, const struct rd_graph_node *n, int in, int out)
{
    int *io = RD_NEW_ARRAY(c->arena, int, 2);

    c->failed = c->failed || !io;
    if (c->failed)
        return;
    io[0] = in;
    io[1] = out;
    c->g->node[c->g->n_nodes] = *n;
    c->g->node[c->g->n_nodes].input = io;
    c->g->node[c->g->n_nodes].output = io + 1;
    c->g->value[out].producer = (int)c->g->n_nodes++;
}

static void cast(struct copying *c, const char *name, enum rd_dtype type, int in, int out)
{
    struct rd_attr *to = RD_NEW_ARRAY(c->arena, struct rd_attr, 1);

    c->failed = c->failed || !to;
    if (c->failed)
        return;
    *to = (struct rd_attr){ .name = "to", .type = RD_ATTR_INT, .i = type, .n = 1 };
    put(c,
        &(struct rd_graph_node){ .name = name,
            .op = "Cast",
            .domain = "",
            .opset = c->g->opset,
            .row = rd_op_find("", "Cast", c->g->opset, NULL),
            .attr = to,
            .n_attrs = 1,
            .n_inputs = 1,
            .n_outputs = 1 },
        in, out);
}

rd_status rd_graph_portable(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **portable_out, struct rd_error *err)
{
    struct rd_graph *g = RD_NEW(arena, struct rd_graph);
    struct copying c = { .g = g, .arena = arena };
    size_t more = 0;

    *portable_out = graph;
    for (size_t i = 0; i < graph->n_nodes; i++)
        more += mixed(graph, &graph->node[i]);
    if (!more)
        return RD_OK;
    if (!g)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the model");
    *g = *graph;
    g->n_nodes = 0;
    g->value = RD_NEW_ARRAY(arena, struct rd_graph_value, graph->n_values + 2 * more);
    g->node = RD_NEW_ARRAY(arena, struct rd_graph_node, graph->n_nodes + 2 * more);
    if (!g->value || !g->node)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the model");
    memcpy(g->value, graph->value, graph->n_values * sizeof *g->value);
    for (size_t i = 0; i < graph->n_nodes && !c.failed; i++) {
        const struct rd_graph_node *n = &graph->node[i];

        if (!mixed(graph, n)) {
            g->node[g->n_nodes] = *n;
            for (int k = 0; k < n->n_outputs; k++)
                if (n->output[k] >= 0)
                    g->value[n->output[k]].producer = (int)g->n_nodes;
            g->n_nodes++;
            continue;
        }
        /* of the older operators the scores are float32 whatever the rows are */
        const bool own_type = !strcmp(n->op, "TreeEnsemble");
        const int rows = widened(&c, n->input[0]);
        const int scores = own_type ? widened(&c, n->output[0]) : n->output[0];

        cast(&c, g->value[rows].name, RD_F64, n->input[0], rows);
        put(&c, n, rows, scores);
        if (own_type)
            cast(&c, g->value[scores].name, RD_F32, scores, n->output[0]);
    }
    if (c.failed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the model");
    *portable_out = g;
    return RD_OK;
}
