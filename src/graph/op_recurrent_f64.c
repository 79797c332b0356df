/* op_recurrent_f64.c - RNN, GRU, LSTM in float64, rounded once to the tensors' type. */
#include "graph/op_real_f64.h"
#include "graph/op_recurrent.h"

static const double *pack_f64(struct rd_op_call *c, const double *from, size_t k, size_t n,
    size_t row_step, size_t column_step)
{
    double *p = rd_op_take(c, k * n * sizeof(*p));

    for (size_t l = 0; l < k; l++)
        for (size_t j = 0; j < n; j++)
            p[l * n + j] = from[l * row_step + j * column_step];
    return p;
}

static void product_f64(const struct rd_op_call *c, const double *in, size_t in_step, size_t rows,
    const double *packed, size_t k, size_t n, double *out, size_t out_step)
{
    gemm_f64(c, rows, n, k, in, in_step, false, packed, n, false, out, out_step);
}

static void project_f64(const struct rd_op_call *c, size_t rows, size_t n, size_t k,
    const double *x, const double *w, const double *bias, double *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = bias ? bias[j] : 0;
    gemm_f64(c, rows, n, k, x, k, false, w, k, true, out, n);
}

/* There are no vector functions in float64. */
static bool mapped_f64(const struct rd_recurrent *q, enum rd_cell_act f, double *v, size_t n)
{
    (void)q;
    (void)f;
    (void)v;
    (void)n;
    return false;
}

static bool lstm_rows_f64(const struct rd_recurrent *q, size_t rows, const double *gate,
    const double *cell, const double *next, const double *squashed, const double *h)
{
    (void)q;
    (void)rows;
    (void)gate;
    (void)cell;
    (void)next;
    (void)squashed;
    (void)h;
    return false;
}

static bool lstm_rows_back_f64(const struct rd_recurrent *q, size_t rows, const double *gate,
    const double *cell, const double *squashed, const double *dh, const double *dc,
    const double *dsum)
{
    (void)q;
    (void)rows;
    (void)gate;
    (void)cell;
    (void)squashed;
    (void)dh;
    (void)dc;
    (void)dsum;
    return false;
}

static void sum_into_f64(const struct rd_recurrent *q, const double *from, double *to, size_t n)
{
    (void)q;
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* Rounded once, at the end. */
static double *sums_of_f64(struct rd_op_call *c, struct rd_tensor *t)
{
    double *p = rd_op_take(c, rd_tensor_count(t) * sizeof(*p));

    memset(p, 0, rd_tensor_count(t) * sizeof(*p));
    return p;
}

#include "graph/op_recurrent_run.h"
