/*
 * surrogate.h - a graph that computes with quantized integers, as one of float32 throughout, with
 * gradients through what has none.
 */
#ifndef RD_GRAPH_SURROGATE_H
#define RD_GRAPH_SURROGATE_H

#include "graph/graph.h"

/*
 * Tensors of integers between a QuantizeLinear and where they become real numbers again hold the
 * same integers as floats; QuantizeLinear and the DequantizeLinear behind it are one node. Numbers
 * stay what they were. *out NULL: there is nothing of the kind. It shares weights with graph.
 * Value indices stay; new values and nodes are added.
 */
rd_status rd_graph_in_floats(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **out, struct rd_error *err);

/*
 * The same, and with straight-through gradients: through QuantizeLinear, DynamicQuantizeLinear and
 * the QLinear operators, which become the sums of products that they are (exact while a sum stays
 * below 2^24, else rounded as floats are), through Round, Floor, Ceil (the identity) and Sign (1
 * for |x| <= 1, else 0). Answers are those of graph; where an integer sum is rounded they may be
 * one step off. What has no surrogate is left as it is. *out is graph itself when there is nothing
 * to do. Sources: Bengio, Leonard, Courville 2013, arXiv:1308.3432; Jacob et al. 2018,
 * arXiv:1712.05877; Courbariaux et al. 2016, arXiv:1602.02830, section 1.3 (sign).
 */
rd_status rd_graph_straight_through(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **out, struct rd_error *err);

#endif
