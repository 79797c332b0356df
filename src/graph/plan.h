/*
 * plan.h - the fast way through a float32 classifier: fused, chunk by chunk, over the pool. Behind
 * net.h's doors.
 */
#ifndef RD_GRAPH_PLAN_H
#define RD_GRAPH_PLAN_H

#include "graph/graph.h"

struct rd_plan;

/*
 * graph: one float32 input with a free first axis, first output float32 and batched, all shapes
 * known for one example (net.c has checked that). *plan_out is NULL, and the status RD_OK, when the
 * graph holds something the plan cannot do: net.c then goes node by node through exec.h.
 */
rd_status rd_plan_open(const struct rd_graph *graph, struct rd_pool *pool,
    struct rd_plan **plan_out, struct rd_error *err);
void rd_plan_free(struct rd_plan *plan);

/* x (n, inputs) -> out (n, outputs) */
rd_status rd_plan_forward(
    struct rd_plan *plan, const float *x, size_t n, float *out, struct rd_error *err);
/* grad (n, inputs) = d sum(cotangent * out) / d x; net.c has checked that the graph is
 * differentiable. */
rd_status rd_plan_vjp(struct rd_plan *plan, const float *x, const float *cotangent, size_t n,
    float *grad, struct rd_error *err);
/* See rd_net_loss_gradient; labels are checked. loss, out: may be NULL. */
rd_status rd_plan_loss_gradient(struct rd_plan *plan, const float *x, const int *label, size_t n,
    float *grad, float *loss, float *out, struct rd_error *err);

#endif
