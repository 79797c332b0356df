/*
 * dialect.h - operators that ONNX Runtime's quantizers and optimizers write into models beyond the
 * standard, as the standard operators that they are made of: so they run, plan and differentiate
 * like those.
 */
#ifndef RD_GRAPH_DIALECT_H
#define RD_GRAPH_DIALECT_H

#include "graph/graph.h"

struct rd_op;

/* A row that stands for such an operator until rd_dialect_expand; NULL: not known. *hint_out (may
 * be NULL): of an operator that is known and not supported, what can be done about it. */
const struct rd_op *rd_dialect_find(
    const char *domain, const char *op, int64_t version, const char **hint_out);

/* Replaces those nodes; the others and all values stay. Before shapes are inferred: nothing but
 * names and attributes is known. RD_E_INPUT names the node. */
rd_status rd_dialect_expand(struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err);

#endif
