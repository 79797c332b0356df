/*
 * op_quantize.h - what QuantizeLinear and its like share: which entry of a scale belongs to which
 * element, and runs of elements with one entry for the kernels.
 *
 * Behind the rows of ops.def stand rows that compute the same numbers as float32 throughout, with a
 * straight-through gradient: rewrites put them in place (surrogate.h).
 */
#ifndef RD_GRAPH_OP_QUANTIZE_H
#define RD_GRAPH_OP_QUANTIZE_H

#include "graph/op.h"
#include "tensor/kernel.h"

struct quantize_grid {
    size_t outer, length, inner; /* x around the axis */
    size_t blocks;               /* entries of the scale along the axis; 0: one for all */
    size_t block;                /* elements an entry; the scale has outer and inner axes too... */
    bool blocked;                /* ...when this is set */
};

enum {
    QUANTIZE_INTS = RD_T(RD_U8) | RD_T(RD_I8) | RD_T(RD_U16) | RD_T(RD_I16) | RD_T_SMALL_INT,
};

static inline size_t quantize_entry(const struct quantize_grid *g, size_t o, size_t a, size_t i)
{
    if (!g->blocks)
        return 0;
    return g->blocked ? (o * g->blocks + a / g->block) * g->inner + i : a;
}
rd_status quantize_check(struct rd_op_call *c);
struct quantize_grid quantize_grid_of(const struct rd_op_call *c);
bool quantize_rows(const struct rd_op_call *c, const bool *batched);
/* Least and largest value of a type of QUANTIZE_INTS. */
void quantize_range(enum rd_dtype t, float *low_out, float *high_out);
/* The type that QuantizeLinear gives: of its zero point, its attribute, uint8. */
enum rd_dtype quantize_type(const struct rd_op_call *c);

/* Rows of float32: integers as floats (a product with the scale when attribute `times` is 1), those
 * back, both at once, and DynamicQuantizeLinear. */
extern const struct rd_op rd_op_quantize_floats, rd_op_dequantize_floats, rd_op_quantize_and_back,
    rd_op_dynamic_floats;

#endif
