/*
 * op_walk.h - walks up to three operands against one result, with NumPy's broadcasting.
 *
 * The result is visited in order, one row (the last axis after merging) at a time. Axes that all
 * operands walk alike are merged; step 0 means that the operand repeats along the axis.
 */
#ifndef RD_GRAPH_OP_WALK_H
#define RD_GRAPH_OP_WALK_H

#include "graph/op.h"

enum { RD_WALK_MOST = 3 };

struct rd_walk {
    int rank, n;
    size_t dim[RD_MAX_DIMS], step[RD_WALK_MOST][RD_MAX_DIMS]; /* sizes; steps in elements */
};

/* out: the result's shape, known; operand[0..n-1] broadcast to it. */
struct rd_walk rd_walk_make(
    const struct rd_tensor *out, const struct rd_tensor *const *operand, int n);
/* Next row; false at the end. at[RD_MAX_DIMS], place[n]: zeroed at first. */
bool rd_walk_next(const struct rd_walk *w, size_t *at, size_t *place);

/*
 * Of two operands. Opsets below 7 broadcast only when told so, and place input 1's axes at `axis`
 * of input 0 (default: at the end).
 */
extern const struct rd_op_attr rd_op_pair_attrs[];
rd_status rd_op_pair_shape(const struct rd_op_call *c, struct rd_tensor *shape_out);
struct rd_walk rd_op_pair_walk(const struct rd_op_call *c);

#endif
