/*
 * math.h - float32 functions of vectors: exponentials and their kin, softmax and normalization row
 * by row, the cell of an LSTM. A table per instruction set, in rd_kernels (NULL in the scalar one:
 * whoever computes has a plain loop in float64, which is the reference).
 *
 * Errors in units in the last place of the exact result, at most, over floats of every exponent and
 * all around every edge (tests/unit/tensor/test_math.c): exp and log 2, tanh and erf 3, sigmoid and
 * softplus 4; products with x (gelu, swish) 3 units of x. NaN gives NaN; infinities give the
 * limits. Promise on bits as in kernel.h: an element's bits depend on its inputs alone, a row's on
 * that row.
 */
#ifndef RD_TENSOR_MATH_H
#define RD_TENSOR_MATH_H

#include <stdbool.h>
#include <stddef.h>

enum rd_map {
    RD_MAP_EXP,
    RD_MAP_LOG,
    RD_MAP_TANH,
    RD_MAP_SIGMOID,
    RD_MAP_ERF,
    RD_MAP_SOFTPLUS,
    RD_MAP_GELU,      /* x Phi(x) */
    RD_MAP_GELU_TANH, /* its approximation by tanh */
    RD_MAP_SWISH,     /* x sigmoid(a x) */
    RD_MAP_RELU,      /* NaN stays NaN; slope by the value, 0 at 0 */
    RD_MAPS
};

enum rd_pair { RD_PAIR_ADD, RD_PAIR_SUB, RD_PAIR_MUL, RD_PAIR_DIV, RD_PAIRS };

/* rows of n, one behind the other: z = (x - mean) / sqrt(variance + epsilon), y = z scale + bias.
 */
struct rd_normal {
    const float *x, *scale, *bias; /* scale, bias: n or NULL (1 and 0) */
    float *y;
    float *mean, *inverse; /* rows each, written unless NULL; inverse: 1 / the root */
    size_t rows, n;
    float epsilon;
    bool root; /* mean taken as 0: RMSNormalization */
};

/* Its gradient; statistics are computed again. */
struct rd_normal_back {
    const float *x, *scale, *dy; /* scale NULL: 1 */
    float *dx, *dscale, *dbias;  /* each may be NULL; ADDED to, but dx only when `add` */
    size_t rows, n;
    float epsilon;
    bool root, add;
};

/*
 * One step of an LSTM for `rows` examples, state of n: gate (rows, 4 n) holds the sums of i, o, f,
 * c and becomes the gates (sigmoid three times, tanh); next = f cell + i c; squashed = tanh(next);
 * h = o squashed.
 */
struct rd_lstm {
    float *gate;
    const float *cell;
    float *next, *squashed, *h;
    size_t rows, n;
};

/* Back through it: dh and dc are the cotangents of h and next; dsum (rows, 4 n) those of the sums,
 * and dc becomes that of cell. */
struct rd_lstm_back {
    const float *gate, *cell, *squashed, *dh;
    float *dc, *dsum;
    size_t rows, n;
};

struct rd_math {
    /* out may be x. */
    void (*map)(enum rd_map f, const float *x, float *out, size_t n, float a);
    /* dx += dy f'(x), or without `add` dx = dy f'(x); y = f(x) is read where the derivative follows
     * from it (TANH, SIGMOID, RELU), x elsewhere: the other may be NULL. */
    void (*map_back)(enum rd_map f, const float *x, const float *y, const float *dy, float *dx,
        size_t n, float a, bool add);
    /* out[i] = a[i * a_step] op b[i * b_step]; steps 0 or 1. out may be an operand. */
    void (*pair)(enum rd_pair op, const float *a, size_t a_step, const float *b, size_t b_step,
        float *out, size_t n);
    /* out[i] += factor x[i] y[i * y_step]; y NULL: 1 */
    void (*add_to)(
        const float *x, const float *y, size_t y_step, float factor, float *out, size_t n);
    /* out[c * out_step + r] = in[r * in_step + c], r < rows, c < cols; add: += */
    void (*turn)(const float *in, ptrdiff_t in_step, size_t rows, size_t cols, float *out,
        ptrdiff_t out_step, bool add);
    double (*dot)(const float *a, const float *b, size_t n); /* as kernel.h's sum */
    /* Of rows of n; logs: logarithms of it. A row whose largest is -inf or that holds NaN: NaN. */
    void (*softmax)(const float *x, float *out, size_t rows, size_t n, bool logs);
    /* dx += ..., or = without `add`, y being the output */
    void (*softmax_back)(
        const float *y, const float *dy, float *dx, size_t rows, size_t n, bool logs, bool add);
    void (*normal)(const struct rd_normal *q);
    void (*normal_back)(const struct rd_normal_back *q);
    void (*lstm)(const struct rd_lstm *q);
    void (*lstm_back)(const struct rd_lstm_back *q);
};

#endif
