/* op_recurrent_f32.c - RNN, GRU, LSTM in float32, by the kernels. */
#include "graph/op_real_f32.h"
#include "graph/op_recurrent.h"
#include "tensor/math.h"

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

/* out (rows, n) = x (rows, k) w^T + bias; bias NULL: 0 */
static void project_f32(const struct rd_op_call *c, size_t rows, size_t n, size_t k, const float *x,
    const float *w, const float *bias, float *out)
{
    const struct rd_gemm g = { .a = x,
        .b = w,
        .bias = bias,
        .c = out,
        .m = rows,
        .n = n,
        .k = k,
        .lda = k,
        .ldb = k,
        .ldc = n,
        .trans_b = true };

    rd_sgemm(c->kernels, &g);
}

/* v becomes f(v) by the vector functions; false: there are none. */
static bool mapped_f32(const struct rd_recurrent *q, enum rd_cell_act f, float *v, size_t n)
{
    if (!q->math || f > RD_CELL_TANH)
        return false;
    q->math->map(f == RD_CELL_TANH ? RD_MAP_TANH : RD_MAP_SIGMOID, v, v, n, 0);
    return true;
}

/* A whole step of a plain LSTM for so many examples; false: it must go gate by gate. */
static bool lstm_rows_f32(const struct rd_recurrent *q, size_t rows, float *gate, const float *cell,
    float *next, float *squashed, float *h)
{
    const struct rd_lstm step = { gate, cell, next, squashed, h, rows, q->size };

    if (!q->math || !q->plain)
        return false;
    q->math->lstm(&step);
    return true;
}

static bool lstm_rows_back_f32(const struct rd_recurrent *q, size_t rows, const float *gate,
    const float *cell, const float *squashed, const float *dh, float *dc, float *dsum)
{
    const struct rd_lstm_back step = { gate, cell, squashed, dh, dc, dsum, rows, q->size };

    if (!q->math || !q->plain)
        return false;
    q->math->lstm_back(&step);
    return true;
}

static void sum_into_f32(const struct rd_recurrent *q, const float *from, float *to, size_t n)
{
    if (q->math)
        q->math->add_to(from, NULL, 0, 1, to, n);
    else
        for (size_t i = 0; i < n; i++)
            to[i] += from[i];
}

/* Where what is only added up goes: in place. */
static float *sums_of_f32(struct rd_op_call *c, struct rd_tensor *t)
{
    (void)c;
    return t->data;
}

#include "graph/op_recurrent_run.h"
