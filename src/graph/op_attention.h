/*
 * op_attention.h - Attention: what its row (op_attention.c) and its two arithmetics
 * (op_attention_f32.c, op_attention_f64.c, both of op_attention_run.h) share.
 */
#ifndef RD_GRAPH_OP_ATTENTION_H
#define RD_GRAPH_OP_ATTENTION_H

#include "graph/op.h"

struct rd_attention {
    size_t batch, heads, kv;      /* heads of Q; of K and V, each serving heads / kv neighbors */
    size_t n, m, fresh, past;     /* words of Q; of K, m = past + fresh */
    size_t size, wide;            /* numbers of a head of Q and K; of V */
    double scale, softcap;        /* softcap 0: none */
    bool causal, flat;            /* flat: Q, K, V, Y are (batch, words, heads * size) */
    int64_t left, right;          /* of the window, -1: no bound */
    int64_t mode;                 /* what output 3 shows */
    size_t mask[4], mask_step[4]; /* attn_mask as (batch, heads, n, m); step 0: repeats */
};

enum { RD_QK_RAW, RD_QK_CAPPED, RD_QK_BIASED, RD_QK_SOFTMAX };

/* Shapes are set. */
struct rd_attention rd_attention_of(const struct rd_op_call *c);
/* Bias of row i of Q, m values: 0, what the mask adds, or -infinity. False: all are -infinity.
 * mask: attn_mask as doubles, or NULL. */
bool rd_attention_bias(const struct rd_op_call *c, const struct rd_attention *a, const double *mask,
    size_t b, size_t h, size_t i, double *bias);

/* float32 with kernels; everything else in float64, rounded once. */
rd_status rd_attention_forward_f32(struct rd_op_call *c);
rd_status rd_attention_backward_f32(struct rd_op_call *c);
rd_status rd_attention_forward_f64(struct rd_op_call *c);
rd_status rd_attention_backward_f64(struct rd_op_call *c);

#endif
