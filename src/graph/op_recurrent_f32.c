/* op_recurrent_f32.c - RNN, GRU, LSTM in float32, by the kernels. */
#include "graph/op_real_f32.h"
#include "graph/op_recurrent.h"

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
