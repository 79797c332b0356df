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

#include "graph/op_recurrent_run.h"
