/* portable.h - a graph as other runtimes take it. */
#ifndef RD_GRAPH_PORTABLE_H
#define RD_GRAPH_PORTABLE_H

#include "graph/graph.h"

/*
 * The graph with standard operators in the place of mixtures of types that only this program takes:
 * trees with float64 splits on float32 rows. The same answers, bit for bit; to be written, not run.
 * The graph itself where nothing is to be done; what is new lies in arena. RD_E_MEMORY.
 */
rd_status rd_graph_portable(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **portable_out, struct rd_error *err);

#endif
