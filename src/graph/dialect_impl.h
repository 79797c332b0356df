/* dialect_impl.h - private to dialect*.c: what an expansion works on, and short names for what it
 * makes. */
#ifndef RD_GRAPH_DIALECT_IMPL_H
#define RD_GRAPH_DIALECT_IMPL_H

#include "graph/surrogate_impl.h"

struct entry {
    struct maker *m;
    const struct rd_graph_node *node;
    struct rd_error *err;
};

static inline int in(const struct entry *e, int i)
{
    return i < e->node->n_inputs ? e->node->input[i] : -1;
}

static inline int out(const struct entry *e, int i)
{
    return i < e->node->n_outputs ? e->node->output[i] : -1;
}

static inline int one(const struct entry *e, const char *op, int x, int to)
{
    return maker_op(e->m, op, &x, 1, NULL, 0, to);
}

static inline int two(const struct entry *e, const char *op, int a, int b, int to)
{
    return maker_op(e->m, op, (int[]){ a, b }, 2, NULL, 0, to);
}

static inline int number(const struct entry *e, float v)
{
    return maker_constant(e->m, RD_F32, 0, (int64_t[]){ 1 }, &v);
}

static inline int integers(const struct entry *e, int64_t n, const int64_t *v)
{
    return maker_constant(e->m, RD_I64, 1, &n, v);
}

static inline struct rd_attr attr_i(const char *name, int64_t v)
{
    return (struct rd_attr){ .name = name, .type = RD_ATTR_INT, .i = v, .n = 1 };
}

static inline struct rd_attr attr_f(const char *name, float v)
{
    return (struct rd_attr){ .name = name, .type = RD_ATTR_FLOAT, .f = v, .n = 1 };
}

/* An output behind the first that is wanted has to be one that is made. */
static inline rd_status only_outputs(const struct entry *e, unsigned made)
{
    for (int i = 0; i < e->node->n_outputs; i++)
        if (e->node->output[i] >= 0 && !(made >> i & 1))
            return RD_FAIL(e->err, RD_E_INPUT, "its output %d is not supported", i);
    return RD_OK;
}

/* (a - a_zero) (b - b_zero) scale + bias, the scale of one or two factors; into `to`, -1: a new
 * value. The value. */
int dialect_product(
    const struct entry *e, int a, int a_zero, int b, int b_zero, int scale, int bias, int to);

/* com.microsoft's Attention, MultiHeadAttention, QAttention. */
rd_status dialect_attention(struct entry *e);
rd_status dialect_heads(struct entry *e);
rd_status dialect_quantized_attention(struct entry *e);

#endif
