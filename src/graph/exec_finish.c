/*
 * exec_finish.c - which products take over the sum with a bias and the Relu behind them: MatMul or
 * Gemm, Add with a weight of as many numbers as the matrix has columns, Relu, each read by the next
 * alone. In a kept pass too: the gradients of a product and of a sum look at no result, that of
 * Relu at its own, which all of them then show.
 */
#include "graph/exec_impl.h"

#include "tensor/kernel.h"

#include <string.h>

static bool is_op(const struct rd_graph_node *n, const char *op)
{
    return !strcmp(n->row->op, op) && !*n->row->domain;
}

/* The one node that reads v, and where; -1: there is none, or it reads it twice. */
static int reader(const struct rd_exec *e, const int *first, int v, int *operand)
{
    const struct rd_graph_node *n;

    if (e->uses[v] != 1 || first[v] < 0 || e->graph->value[v].dtype != RD_F32)
        return -1;
    n = &e->graph->node[first[v]];
    for (int k = 0; k < n->n_inputs - n->n_captures; k++)
        if (n->input[k] == v) {
            *operand = k;
            return first[v];
        }
    return -1;
}

/* Columns of a product whatever its first operand: those of a weight; -1: unknown. */
static int64_t columns(const struct rd_exec *e, const struct rd_graph_node *n)
{
    const struct rd_tensor *w = n->input[1] < 0 ? NULL : e->weight[n->input[1]];

    return w && w->ndim == 2 && is_op(n, "MatMul") ? w->dim[1] : -1;
}

static void follow(struct rd_exec *e, const int *first, size_t i)
{
    const struct rd_graph_node *n = &e->graph->node[i];
    const int64_t wide = columns(e, n);
    int operand = 0, at;

    if (n->n_outputs != 1 || n->output[0] < 0 || e->weight[n->output[0]])
        return;
    at = reader(e, first, n->output[0], &operand);
    if (at >= 0 && wide >= 0 && is_op(&e->graph->node[at], "Add") &&
        e->graph->node[at].opset >= 7) {
        const struct rd_graph_node *add = &e->graph->node[at];
        const int other = add->input[1 - operand];
        const struct rd_tensor *bias = other < 0 ? NULL : e->weight[other];

        if (!bias || bias->dtype != RD_F32 || bias->ndim != 1 || bias->dim[0] != wide)
            return;
        e->finish[i].bias = other;
        e->finish[at].shows = operand;
        at = reader(e, first, add->output[0], &operand);
    }
    if (at >= 0 && is_op(&e->graph->node[at], "Relu")) {
        e->finish[i].relu = true;
        e->finish[at].shows = 0;
    }
}

bool exec_find_finish(struct rd_exec *e)
{
    const struct rd_graph *g = e->graph;
    struct rd_arena arena = RD_ARENA_INIT;
    int *first = RD_NEW_ARRAY(&arena, int, g->n_values); /* a node that reads it */

    e->finish = RD_NEW_ARRAY(e->arena, struct exec_finish, g->n_nodes);
    if (!first || !e->finish) {
        rd_arena_release(&arena);
        return false;
    }
    for (size_t v = 0; v < g->n_values; v++)
        first[v] = -1;
    for (size_t i = 0; i < g->n_nodes; i++) {
        e->finish[i] = (struct exec_finish){ -1, -1, false };
        for (int k = 0; k < g->node[i].n_inputs; k++)
            if (g->node[i].input[k] >= 0)
                first[g->node[i].input[k]] = (int)i;
    }
    for (size_t i = 0; i < g->n_nodes && e->kernels; i++)
        if (g->node[i].row->finish && g->node[i].n_inputs > 1)
            follow(e, first, i);
    rd_arena_release(&arena);
    return true;
}
