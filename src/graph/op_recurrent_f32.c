/* op_recurrent_f32.c - RNN, GRU, LSTM in float32, by the kernels. */
#include "graph/op_recurrent.h"

#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

#define REAL float
#define EXP expf
#define TANH tanhf
#define LOG1P log1pf
#define EXPM1 expm1f
#define NAME(name) name##_f32

static const float *read_f32(struct rd_op_call *c, const struct rd_tensor *t)
{
    (void)c;
    return t ? t->data : NULL;
}

static float *result_f32(struct rd_op_call *c, struct rd_tensor *t)
{
    (void)c;
    return t ? t->data : NULL;
}

static void finish_f32(const float *v, struct rd_tensor *t)
{
    (void)v;
    (void)t; /* it was written in place */
}

static void add_f32(const float *v, struct rd_tensor *t)
{
    float *to = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        to[i] += v[i];
}

static void gemm_f32(const struct rd_op_call *c, size_t m, size_t n, size_t k, const float *a,
    size_t lda, bool trans_a, const float *b, size_t ldb, bool trans_b, float *out, size_t ldc)
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

static const float *pack_f32(struct rd_op_call *c, const float *from, size_t k, size_t n,
    size_t row_step, size_t column_step)
{
    float *p = rd_op_take(c, k * rd_packed_width(c->kernels, n) * sizeof(*p));

    if (k && n)
        rd_pack(c->kernels, from, k, n, (ptrdiff_t)row_step, (ptrdiff_t)column_step, p);
    return p;
}

static void product_f32(const struct rd_op_call *c, const float *in, size_t in_step, size_t rows,
    const float *packed, size_t k, size_t n, float *out, size_t out_step)
{
    const struct rd_rows q = { .in = in,
        .packed = packed,
        .out = out,
        .rows = rows,
        .n = n,
        .ny = 1,
        .nx = 1,
        .len = k,
        .in_step = (ptrdiff_t)in_step,
        .out_step = (ptrdiff_t)out_step,
        .accumulate = true };

    if (rows && k && n)
        c->kernels->rows(&q);
}

#include "graph/op_recurrent_run.h"
