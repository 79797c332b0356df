/* op_fast.h - for rows that have a way through the vector functions of float32. */
#ifndef RD_GRAPH_OP_FAST_H
#define RD_GRAPH_OP_FAST_H

#include "graph/op.h"
#include "tensor/kernel.h"
#include "tensor/math.h"

#include <string.h>

/* NULL: t is of another type, or the caller wants the plain loops. */
static inline const struct rd_math *rd_op_math(
    const struct rd_op_call *c, const struct rd_tensor *t)
{
    return c->kernels && t->dtype == RD_F32 ? c->kernels->math : NULL;
}

/* For what only adds: zeros where din i is fresh. */
static inline void rd_op_start(const struct rd_op_call *c, int i)
{
    if (rd_op_is_fresh(c, i) && c->din[i])
        memset(c->din[i]->data, 0, rd_tensor_bytes(c->din[i]));
}

#endif
