#include "graph/cut.h"

#include "base/text.h"
#include "graph/op.h"

#include <math.h>
#include <string.h>

static bool has_weight(const struct rd_graph *g, const struct rd_graph_node *n)
{
    const int w = n->n_inputs > 1 ? n->input[1] : -1;

    return (!strcmp(n->op, "Gemm") || !strcmp(n->op, "MatMul") || !strcmp(n->op, "Conv")) &&
           w >= 0 && g->value[w].weight;
}

/* What is on the way to the first output; nodes are in topological order. */
static int penultimate(const struct rd_graph *g, bool *needed)
{
    needed[g->output[0]] = true;
    for (size_t at = g->n_nodes; at-- > 0;) {
        const struct rd_graph_node *n = &g->node[at];
        bool wanted = false;

        for (int k = 0; k < n->n_outputs; k++)
            wanted |= n->output[k] >= 0 && needed[n->output[k]];
        if (!wanted)
            continue;
        if (has_weight(g, n) && n->input[0] >= 0)
            return n->input[0];
        for (int k = 0; k < n->n_inputs; k++)
            if (n->input[k] >= 0)
                needed[n->input[k]] = true;
    }
    return -1;
}

static int named(const struct rd_graph *g, const char *layer)
{
    for (size_t v = 0; v < g->n_values; v++)
        if (g->value[v].name && !strcmp(g->value[v].name, layer))
            return (int)v;
    for (size_t n = 0; n < g->n_nodes; n++)
        if (g->node[n].n_outputs > 0 && g->node[n].name && !strcmp(g->node[n].name, layer))
            return g->node[n].output[0];
    return -1;
}

rd_status rd_graph_cut(const struct rd_graph *graph, const char *layer, struct rd_arena *arena,
    struct rd_graph **cut_out, struct rd_error *err)
{
    struct rd_graph *g = RD_NEW(arena, struct rd_graph);
    int *output = RD_NEW_ARRAY(arena, int, 1);
    bool *needed = RD_NEW_ARRAY(arena, bool, graph->n_values + 1);
    char safe[80];
    int v;

    if (!g || !output || !needed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to cut '%s'", graph->path);
    v = layer ? named(graph, layer) : penultimate(graph, needed);
    if (v < 0 && layer)
        return RD_FAIL(err, RD_E_NOTFOUND, "'%s' has no layer '%s'", graph->path,
            rd_text_safe_in(safe, sizeof safe, layer));
    if (v < 0)
        return RD_FAIL(err, RD_E_USAGE,
            "'%s' has no Gemm, MatMul or Conv in front of its output: name a layer", graph->path);
    if (graph->value[v].weight || graph->value[v].dtype != RD_F32 || !graph->value[v].batched)
        return RD_FAIL(err, RD_E_USAGE, "layer '%s' of '%s' is not computed row by row in float32",
            rd_text_safe_in(safe, sizeof safe, graph->value[v].name), graph->path);
    *g = *graph;
    output[0] = v;
    g->output = output;
    g->n_outputs = 1;
    *cut_out = g;
    return RD_OK;
}

static rd_status forward(struct rd_run *run, const struct rd_graph *cut, const float *x, size_t n,
    struct rd_arena *arena, float **value_out, size_t *width_out)
{
    struct rd_net *net;
    size_t width;
    float *value;
    rd_status st = rd_net_open(cut, run->pool, &net, run->err);

    if (st)
        return st;
    width = rd_net_outputs(net);
    value = rd_arena_alloc(arena, n * width + 1, sizeof(float));
    if (!value)
        st = rd_run_no_memory(run, "activations");
    else if (!rd_net_inputs(net) || !width)
        st = RD_FAIL(run->err, RD_E_USAGE, "layer '%s' of '%s' is not computed row by row",
            cut->value[cut->output[0]].name, cut->path);
    else
        st = rd_net_forward(net, x, n, value, run->err);
    rd_net_free(net);
    for (size_t i = 0; !st && i < n * width; i++)
        if (!isfinite(value[i]))
            st = RD_FAIL(run->err, RD_E_INPUT,
                "layer '%s' of '%s' answers row %zu with a value that is not finite",
                cut->value[cut->output[0]].name, cut->path, i / width);
    if (st)
        return st;
    *value_out = value;
    *width_out = width;
    return RD_OK;
}

rd_status rd_graph_activations(struct rd_run *run, const struct rd_graph *graph, const char *layer,
    const float *x, size_t n, struct rd_arena *arena, float **value_out, size_t *width_out,
    const char **layer_out)
{
    struct rd_graph *cut;
    rd_status st = rd_graph_cut(graph, layer, run->scratch, &cut, run->err);

    if (st)
        return st;
    /* A linear classifier's penultimate layer is its input, possibly flattened. */
    if (cut->value[cut->output[0]].producer < 0) {
        struct rd_net *net;

        st = rd_net_open(graph, run->pool, &net, run->err);
        if (st)
            return st;
        *width_out = rd_net_inputs(net);
        rd_net_free(net);
        *value_out = rd_arena_alloc(arena, n * *width_out + 1, sizeof(float));
        if (!*value_out)
            return rd_run_no_memory(run, "activations");
        memcpy(*value_out, x, n * *width_out * sizeof(float));
    } else {
        st = forward(run, cut, x, n, arena, value_out, width_out);
    }
    if (!st && layer_out)
        *layer_out = cut->value[cut->output[0]].name;
    return st;
}
