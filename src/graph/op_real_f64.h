/*
 * op_real_f64.h - an arithmetic for rows written once for two (op_recurrent_run.h,
 * op_attention_run.h): float64, rounded once to the tensors' type.
 */
#ifndef RD_GRAPH_OP_REAL_F64_H
#define RD_GRAPH_OP_REAL_F64_H

#include "graph/op.h"

#include <math.h>
#include <string.h>

#define REAL double
#define EXP exp
#define TANH tanh
#define LOG1P log1p
#define EXPM1 expm1
#define NAME(name) name##_f64

static inline const double *read_f64(struct rd_op_call *c, const struct rd_tensor *t)
{
    return t ? rd_op_wide(c, t) : NULL;
}

static inline double *result_f64(struct rd_op_call *c, struct rd_tensor *t)
{
    return t ? rd_op_take(c, rd_op_wide_size(t)) : NULL;
}

static inline void finish_f64(const double *v, struct rd_tensor *t)
{
    if (t)
        rd_op_narrow(v, t, false);
}

static inline void add_f64(const double *v, struct rd_tensor *t)
{
    rd_op_narrow(v, t, true);
}

/* out += op(a) op(b); the sum over k in order. */
static inline void gemm_f64(const struct rd_op_call *c, size_t m, size_t n, size_t k,
    const double *a, size_t lda, bool trans_a, const double *b, size_t ldb, bool trans_b,
    double *out, size_t ldc)
{
    const size_t row = trans_b ? 1 : ldb, column = trans_b ? ldb : 1;

    (void)c;
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++) {
            const double x = trans_a ? a[l * lda + i] : a[i * lda + l];

            for (size_t j = 0; j < n; j++)
                out[i * ldc + j] += x * b[l * row + j * column];
        }
}

#endif
