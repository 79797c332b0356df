/* op_fast.h - for rows that have a way through the vector functions of float32. */
#ifndef RD_GRAPH_OP_FAST_H
#define RD_GRAPH_OP_FAST_H

#include "graph/op.h"
#include "tensor/kernel.h"
#include "tensor/math.h"

/* NULL: t is of another type, or the caller wants the plain loops. */
static inline const struct rd_math *rd_op_math(
    const struct rd_op_call *c, const struct rd_tensor *t)
{
    return c->kernels && t->dtype == RD_F32 ? c->kernels->math : NULL;
}

#endif
