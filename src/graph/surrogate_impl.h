/* surrogate_impl.h - private to surrogate*.c: the graph being made. */
#ifndef RD_GRAPH_SURROGATE_IMPL_H
#define RD_GRAPH_SURROGATE_IMPL_H

#include "graph/op.h"
#include "graph/surrogate.h"

enum { MAKER_OPSET = 13 };

struct carried {
    enum rd_dtype
        type; /* of the integers that the value now holds as floats; RD_DTYPE_NONE: none */
    int as_int, as_float; /* values that hold the same in the other type; -1: not made */
};

struct maker {
    struct rd_arena *arena;
    struct rd_graph *g; /* n_values and n_nodes count what is made */
    struct rd_graph_value *value;
    struct carried *carried; /* one a value */
    struct rd_graph_node *node;
    size_t cap_values, cap_nodes;
    const struct rd_graph_node *from; /* the node that is being turned */
    bool straight, changed, failed;   /* failed: no memory; what is made then is never used */
};

/* A copy of the graph without its nodes, which come one by one. RD_E_MEMORY. */
rd_status maker_begin(
    struct maker *m, const struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err);
/* Puts node behind the others; it owns its outputs from now on. */
void maker_put(struct maker *m, const struct rd_graph_node *node);
int maker_value(struct maker *m, enum rd_dtype dtype);
int maker_constant(
    struct maker *m, enum rd_dtype type, int ndim, const int64_t *dim, const void *data);
/* A node with one output, `out` or (-1) a new value; the output. attr is copied. */
int maker_node(struct maker *m, const struct rd_op *row, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs, int out);
int maker_op(struct maker *m, const char *op, const int *in, int n_in, const struct rd_attr *attr,
    size_t n_attrs, int out);
/* Of a later opset than MAKER_OPSET. */
int maker_op_at(struct maker *m, int64_t opset, const char *op, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs, int out);
/* v, of a type of integers, holds them as floats from now on. */
void maker_carry(struct maker *m, int v);
bool maker_carried(const struct maker *m, int v);
/* The value as float32: itself, a constant, a Cast. */
int maker_float(struct maker *m, int v);
/* A constant of float32, bool or integers of at most 32 bits, else NULL; its element i. */
const struct rd_tensor *maker_weight(const struct maker *m, int v);
double maker_number(const struct rd_tensor *t, size_t i);

/* A QLinear operator as operators on floats; false: it is none, or cannot be. */
bool maker_expand(struct maker *m, const struct rd_graph_node *node);

/* Of ops.def. */
extern const struct rd_op rd_op_quantizelinear, rd_op_dequantizelinear, rd_op_dynamicquantizelinear;

#endif
