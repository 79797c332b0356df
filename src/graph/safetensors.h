/*
 * safetensors.h - weights of a safetensors file in the place of a graph's initializers.
 *
 * A tensor belongs to the initializer of its name. F32, F16, BF16 and F64 become what the
 * initializer is among float32 and float64 (a number rounded once), or stay float16 and bfloat16
 * where it is that; I64 stays int64.
 *
 * Source: the format's description in the README of safetensors (header of at most 100 MB, data
 * without holes or overlaps).
 */
#ifndef RD_GRAPH_SAFETENSORS_H
#define RD_GRAPH_SAFETENSORS_H

#include "graph/graph.h"

struct rd_weights_report { /* names in the arena of the reading, in the order of file and graph */
    size_t n_used;
    const char **unused; /* tensors of the file that the graph has no initializer for */
    size_t n_unused;
    const char **missing; /* initializers that the file has no tensor for: they stay as they are */
    size_t n_missing;
};

/*
 * *graph_out: graph with the file's weights, read anew (shapes, constants); it shares nothing with
 * bytes. RD_E_INPUT names the tensor whose shape or type does not fit, or says that no name of the
 * file is one of the graph's. report may be NULL. Bounded by the size of file and graph.
 */
rd_status rd_graph_weights_parse(const struct rd_graph *graph, const char *name, const void *bytes,
    size_t size, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_graph **graph_out, struct rd_weights_report *report, struct rd_error *err);
rd_status rd_graph_weights_load(const struct rd_graph *graph, const char *path,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_graph **graph_out,
    struct rd_weights_report *report, struct rd_error *err);

#endif
