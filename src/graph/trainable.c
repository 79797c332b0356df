/*
 * trainable.c - which weights training may change.
 *
 * Kernels, biases, scales, slopes, tables of words: every float32 initializer that a row has a
 * gradient for. What must stay: constants that normalize inputs (arithmetic in front of the first
 * learned layer) and single numbers in arithmetic (the 0.5 of a Gelu, the root of a head's width).
 */
#include "graph/plan_impl.h"

#include <string.h>

static bool is_op(const struct rd_graph_node *node, const char *op)
{
    return !*node->domain && strcmp(node->op, op) == 0;
}

static bool is_one_of(const struct rd_graph_node *node, const char *const *ops)
{
    for (; *ops; ops++)
        if (is_op(node, *ops))
            return true;
    return false;
}

static bool is_weight(const struct rd_graph *graph, int v)
{
    return v >= 0 && graph->value[v].weight && graph->value[v].weight->dtype == RD_F32;
}

/* Is there a learned layer on the way back from value v? Along first inputs that are computed. */
static bool behind_a_layer(const struct rd_graph *graph, int v)
{
    static const char *const layers[] = { "Conv", "Gemm", "MatMul", "LayerNormalization",
        "InstanceNormalization", "BatchNormalization", "Gather", NULL };

    for (size_t i = 0; i < graph->n_nodes && v >= 0 && graph->value[v].producer >= 0; i++) {
        const struct rd_graph_node *node = &graph->node[graph->value[v].producer];
        int next = -1;

        for (int k = 0; k < node->n_inputs; k++)
            if (is_one_of(node, layers) && is_weight(graph, node->input[k]))
                return true;
        for (int k = 0; k < node->n_inputs && next < 0; k++)
            if (node->input[k] >= 0 && !graph->value[node->input[k]].weight)
                next = node->input[k];
        v = next;
    }
    return false;
}

static bool other_is_behind_a_layer(
    const struct rd_graph *graph, const struct rd_graph_node *node, int input)
{
    for (int k = 0; k < node->n_inputs; k++)
        if (k != input && node->input[k] >= 0 && !graph->value[node->input[k]].weight &&
            behind_a_layer(graph, node->input[k]))
            return true;
    return false;
}

bool plan_trainable(const struct rd_graph *graph, const struct rd_graph_node *node, int input)
{
    static const char *const arithmetic[] = { "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max",
        "Sum", "Mean", "Where", "Concat", "Mod", "Clip", "Pad", NULL };
    const int v = input < node->n_inputs ? node->input[input] : -1;
    const struct rd_op *row = node->row;

    if (!is_weight(graph, v) || *node->domain)
        return false;
    if (is_op(node, "Conv") || is_op(node, "Gemm") || is_op(node, "BatchNormalization"))
        return input == 1 || input == 2;
    if (is_op(node, "MatMul"))
        return true;
    if (graph->value[v].producer >= 0 || !row || !row->backward || input > 31 ||
        (row->grad_in != RD_GRAD_ALL && !(row->grad_in >> input & 1)))
        return false;
    if (!is_one_of(node, arithmetic))
        return true;
    return rd_tensor_count(graph->value[v].weight) > 1 &&
           other_is_behind_a_layer(graph, node, input);
}
