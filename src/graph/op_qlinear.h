/*
 * op_qlinear.h - products of 8-bit integers by the float32 kernels, exactly: behind the rows of
 * op_qlinear.c, whose plain loops they are tested against.
 *
 * Integers of at most 2^24 are floats, and sums and products of such that stay within 2^24 are
 * exact in any order, fused or not. So the sum over K is cut into parts that cannot pass 2^24,
 * and the parts are added in int32. A float32 multiply-add is as fast as the widest integer one
 * that every machine has.
 */
#ifndef RD_GRAPH_OP_QLINEAR_H
#define RD_GRAPH_OP_QLINEAR_H

#include "tensor/kernel.h"

/* How sums of int32 become the output: (a_scale * b_scale / y_scale) * sum, rounded, plus zero. */
struct rd_int_ending {
    enum { RD_INT_SUMS, RD_INT_I8, RD_INT_U8, RD_INT_REAL } form; /* REAL: sum * (a * b) */
    const double *a, *b, *y; /* scales; NULL with RD_INT_SUMS, y NULL with RD_INT_REAL */
    bool a_vector, b_vector; /* an entry for each row of a; each column of b, each channel */
    int32_t zero;
};

struct rd_int_matmul {
    const void *a, *b; /* (m, k), (k, n), or turned */
    bool a_signed, b_signed, turn_a, turn_b;
    const int32_t *a_zero, *b_zero; /* one, or m and n when vector */
    bool a_zeros, b_zeros;
    size_t m, n, k;
    const int32_t *bias; /* NULL, or bias[r * bias_row + j * bias_column] */
    size_t bias_row, bias_column;
    struct rd_int_ending ending;
    void *out;
};
size_t rd_int_matmul_scratch(size_t m, size_t n, size_t k);
void rd_int_matmul(const struct rd_kernels *k, const struct rd_int_matmul *q, char *scratch);

struct rd_int_conv {
    struct rd_conv conv; /* shapes; n images */
    const void *x, *w;
    bool x_signed, w_signed;
    int32_t x_zero;
    const int32_t *w_zero;       /* one an output channel */
    const int32_t *bias;         /* one an output channel, or NULL */
    struct rd_int_ending ending; /* b_vector: one an output channel */
    void *out;
};
/* 0: not by kernels (sizes overflow, or a group's sum that cannot be cut). */
size_t rd_int_conv_scratch(const struct rd_kernels *k, const struct rd_conv *conv);
void rd_int_conv(const struct rd_kernels *k, const struct rd_int_conv *q, char *scratch);

#endif
