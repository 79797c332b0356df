/* cut.h - what a network computes on its way: the graph up to a layer, as a graph of its own. */
#ifndef RD_GRAPH_CUT_H
#define RD_GRAPH_CUT_H

#include "graph/net.h"

/*
 * The part of graph that ends at a layer, sharing its weights (graph must outlive it). layer: name
 * of a value, or of a node (its first output); NULL: the penultimate layer, that is what the last
 * Gemm, MatMul or Conv with weights on the way to the first output is given. A layer must be
 * computed row by row in float32. RD_E_NOTFOUND names a layer that is not there; RD_E_USAGE one
 * that cannot be used.
 */
rd_status rd_graph_cut(const struct rd_graph *graph, const char *layer, struct rd_arena *arena,
    struct rd_graph **cut_out, struct rd_error *err);

/*
 * What that layer answers to n rows x (n, width of an example): (n, *width_out) in arena, finite.
 * *layer_out (may be NULL): the name of the value.
 */
rd_status rd_graph_activations(struct rd_run *run, const struct rd_graph *graph, const char *layer,
    const float *x, size_t n, struct rd_arena *arena, float **value_out, size_t *width_out,
    const char **layer_out);

#endif
