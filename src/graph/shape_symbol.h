/* shape_symbol.h - shapes that a model computes from the free batch: RD_SYM_* of op.h as numbers.
 */
#ifndef RD_GRAPH_SHAPE_SYMBOL_H
#define RD_GRAPH_SHAPE_SYMBOL_H

#include "graph/op.h"

/* Inputs of this node for which rd_symbol_compute knows a rule, as a mask. */
unsigned rd_symbol_ops(const struct rd_graph_node *node);
/* Does the row only move its symbols about? False: *bytes is too much, or a plain constant among
 * them looks like one. */
bool rd_symbol_movable(const struct rd_op_call *c, const size_t *bytes);
/* Output 0 by the rules for symbols (x + 0, x * 1, N == -1, ...), in arena; NULL: no rule. */
void *rd_symbol_compute(const struct rd_op_call *c, struct rd_arena *arena);
/* Does t hold a symbol? */
bool rd_symbol_inside(const struct rd_tensor *t);
/* No input has the batch: is output 0 made of rows that are all alike, one for each example? */
bool rd_symbol_repeats(const struct rd_op_call *c);

#endif
