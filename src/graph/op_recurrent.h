/*
 * op_recurrent.h - RNN, GRU, LSTM: what their row (op_recurrent.c) and its two arithmetics
 * (op_recurrent_f32.c, op_recurrent_f64.c, both of op_recurrent_run.h) share.
 */
#ifndef RD_GRAPH_OP_RECURRENT_H
#define RD_GRAPH_OP_RECURRENT_H

#include "graph/op.h"

struct rd_math; /* tensor/math.h */

enum rd_cell { RD_CELL_RNN, RD_CELL_GRU, RD_CELL_LSTM };

enum rd_cell_act {
    RD_CELL_SIGMOID,
    RD_CELL_TANH,
    RD_CELL_RELU, /* those up to here: the derivative is known from the value */
    RD_CELL_AFFINE,
    RD_CELL_LEAKY,
    RD_CELL_THRESHOLDED,
    RD_CELL_SCALED_TANH,
    RD_CELL_HARD_SIGMOID,
    RD_CELL_ELU,
    RD_CELL_SOFTSIGN,
    RD_CELL_SOFTPLUS,
    RD_CELL_ACTS
};

struct rd_cell_function {
    enum rd_cell_act kind;
    double alpha, beta;
};

struct rd_recurrent {
    enum rd_cell cell;
    size_t dirs, gates, steps, batch, in, size; /* gates: 1, 3, 4 */
    bool batch_first, backwards;                /* backwards: the first direction is reverse */
    bool linear, coupled;                       /* linear_before_reset, input_forget */
    double clip;                                /* 0: none */
    struct rd_cell_function act[2][3];          /* f, g, h of each direction */
    bool keep_sums;                             /* backward wants the sums before the activations */
    size_t width; /* numbers of a packed matrix of `size` and of gates * size columns */
    size_t gates_width;
    bool plain;                 /* sigmoid and tanh as usual, no clip, no coupling */
    const struct rd_math *math; /* NULL: loops */
};

/* Shapes are set. */
struct rd_recurrent rd_recurrent_of(const struct rd_op_call *c);
/* Numbers of the state that a direction keeps for backward. */
size_t rd_recurrent_state(const struct rd_recurrent *q);

/* float32 with kernels; everything else in float64, rounded once. */
rd_status rd_recurrent_forward_f32(struct rd_op_call *c);
rd_status rd_recurrent_backward_f32(struct rd_op_call *c);
rd_status rd_recurrent_forward_f64(struct rd_op_call *c);
rd_status rd_recurrent_backward_f64(struct rd_op_call *c);

#endif
