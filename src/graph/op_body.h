/* op_body.h - what rows of control flow share: their subgraphs, lists of values, stacked outputs.
 */
#ifndef RD_GRAPH_OP_BODY_H
#define RD_GRAPH_OP_BODY_H

#include "graph/op.h"

/* The graph of an attribute that is required. */
const struct rd_graph *rd_body_of(const struct rd_op_call *c, const char *attr);
/* Its inputs, those that it takes from around it left out. */
size_t rd_body_formals(const struct rd_graph *body);
/* RD_E_INPUT unless it takes so many inputs and gives at least so many outputs. */
rd_status rd_body_fits(const struct rd_op_call *c, const struct rd_graph *body, const char *attr,
    size_t inputs, size_t outputs);
/* What is known of output i: type and shape. */
void rd_body_output(const struct rd_graph *body, size_t i, struct rd_tensor *out);
/* A zeroed list of the call into *(void **)out. */
rd_status rd_body_room(struct rd_op_call *c, size_t n, size_t size, void *out);
/* One bool. */
rd_status rd_body_flag(
    struct rd_op_call *c, const struct rd_tensor *t, const char *what, bool *out);
/* to += from: float32, float64, sequences of these. */
void rd_grad_add(struct rd_tensor *to, const struct rd_tensor *from);
/* Item i of the sequence gradient din becomes a tensor (zeros, shaped as like) when it is NULL. */
rd_status rd_grad_item(
    struct rd_op_call *c, struct rd_tensor *din, size_t i, const struct rd_tensor *like);
double rd_body_flops(const struct rd_op_call *c);

/* Outputs of all runs, one behind the other. Zeroed at first. */
struct rd_body_stack {
    struct rd_tensor first; /* type and shape of one */
    struct rd_tensor all;
    size_t n, used, room;
};
rd_status rd_body_append(struct rd_op_call *c, struct rd_body_stack *s, const struct rd_tensor *t);
/* s->all becomes (n, ...); without runs as much as is known of output `output` of the body. */
rd_status rd_body_stacked(
    struct rd_op_call *c, struct rd_body_stack *s, const struct rd_graph *body, size_t output);

#endif
