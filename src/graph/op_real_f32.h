/*
 * op_real_f32.h - an arithmetic for rows written once for two (op_recurrent_run.h,
 * op_attention_run.h): float32 by the kernels.
 */
#ifndef RD_GRAPH_OP_REAL_F32_H
#define RD_GRAPH_OP_REAL_F32_H

#include "graph/op.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

#define REAL float
#define EXP expf
#define TANH tanhf
#define LOG1P log1pf
#define EXPM1 expm1f
#define NAME(name) name##_f32

static inline const float *read_f32(struct rd_op_call *c, const struct rd_tensor *t)
{
    (void)c;
    return t ? t->data : NULL;
}

static inline float *result_f32(struct rd_op_call *c, struct rd_tensor *t)
{
    (void)c;
    return t ? t->data : NULL;
}

static inline void finish_f32(const float *v, struct rd_tensor *t)
{
    (void)v;
    (void)t; /* it was written in place */
}

static inline void add_f32(const float *v, struct rd_tensor *t)
{
    float *to = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        to[i] += v[i];
}

static inline void gemm_f32(const struct rd_op_call *c, size_t m, size_t n, size_t k,
    const float *a, size_t lda, bool trans_a, const float *b, size_t ldb, bool trans_b, float *out,
    size_t ldc)
{
    const struct rd_gemm g = { .a = a,
        .b = b,
        .c = out,
        .m = m,
        .n = n,
        .k = k,
        .lda = lda,
        .ldb = ldb,
        .ldc = ldc,
        .trans_a = trans_a,
        .trans_b = trans_b,
        .accumulate = true };

    if (m && n && k)
        rd_sgemm(c->kernels, &g);
}

#endif
