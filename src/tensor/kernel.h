/*
 * kernel.h - the inner loops: float32, one table of functions per instruction set.
 *
 * Every loop is written twice: plainly in kernel_ref.c (the "scalar" table, kept as the reference
 * of every test) and once in simd/ with GCC vector extensions, which the build compiles for
 * SSE2, AVX2+FMA, AVX-512 or NEON.
 *
 * Promise on bits: within one table every output element is computed by the same sequence of
 * operations, whatever the number of rows in the call and wherever the row stands in it. So results
 * depend neither on how a batch is split nor on the number of threads. Across tables they differ by
 * rounding.
 *
 * Layout: activations of a convolution are NHWC ("pixels of channels"), with an optional halo of
 * zeros stored around the image, so that no loop tests bounds. Weights are packed by rd_pack: see
 * below.
 */
#ifndef RD_TENSOR_KERNEL_H
#define RD_TENSOR_KERNEL_H

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RD_POOL_OFF = 255,
    RD_POOL_WINDOW = 254
}; /* in masks and indices: nothing goes through; largest window */

/*
 * Rows times a packed matrix: dense layers, convolutions, their gradients, matrix products.
 *
 *   out[r * out_step + j] = act(start + sum over a < ny, b < nx, c < len of
 *                               in[r * in_step + a * y_step + b * x_step + c] * W[(a * nx + b) *
 * len + c][j] + plus[r * plus_step + j])
 *
 * for r < rows and j < n; start is out's own value (accumulate), else bias[j], else 0; plus may be
 * NULL. The sum runs in the order of W's rows. bias holds rd_packed_width(n) floats. A matrix
 * product has ny = nx = 1 and len = K. All that `lines` times, in, out, mask and plus being
 * in_line, ... further each time: weights that do not fit a cache are then read once for all lines.
 * narrow and pooled know none of lines, mask, top, plus and slide.
 */
struct rd_rows {
    const float *in, *packed, *bias;
    float *out;
    size_t rows, n, ny, nx, len;
    ptrdiff_t in_step, y_step, x_step, out_step;
    bool accumulate, relu;
    float top;     /* with relu: no more than this; 0: no such bound */
    uint8_t *mask; /* NULL, or 0 where the sum is positive and below top, RD_POOL_OFF else */
    ptrdiff_t mask_step;
    const float *plus;
    ptrdiff_t plus_step;
    size_t lines; /* 0: one */
    ptrdiff_t in_line, out_line, mask_line, plus_line;
    /* 3: len is three pixels of len / 3 = in_step channels, and nx = 1; the sum may then take the
     * three pixels of a channel together. 0: nothing known. */
    size_t slide;
};

/*
 * Two rows of a convolution and the 2 x 2 max-pool over them, kept in registers: the bits of `rows`
 * twice and `pool_row` once. conv.rows is not read; conv.out and out_step are those of the pooled
 * row, conv.relu comes behind the pool. conv.n is a multiple of the lanes, and nothing is
 * accumulated.
 */
struct rd_pooled {
    struct rd_rows conv;
    ptrdiff_t line;   /* in conv.in, from the convolution's first row to its second */
    size_t out_width; /* pooled pixels */
    uint8_t *index;   /* (out_width, n) as of rd_pool_row, or NULL */
};

/*
 * Few columns (n <= RD_NARROW): the lanes go along the sum instead of the outputs, so that none is
 * wasted. As `rows`, but len is a multiple of the lanes, W lies plainly as (ny, nx, n, len), and
 * the sum runs lane by lane, the lanes being added in pairs at its end.
 */
enum { RD_NARROW = 4 };

/*
 * A row of a convolution of each channel by itself:
 *
 *   out[x * out_step + k] = act(start + sum over a < ny, b < nx of
 *                               in[x * in_step + a * y_step + b * x_step + k] * w[a * nx + b][k])
 *
 * for x < width and k < channels; start, act and mask as of `rows`, the mask (width, channels).
 */
struct rd_depth {
    const float *in, *w, *bias;
    float *out;
    uint8_t *mask;
    size_t width, channels, ny, nx;
    ptrdiff_t in_step, y_step, x_step, out_step;
    bool relu, accumulate;
    float top;
};

/*
 * Gradient of such a product with respect to W:
 *
 *   dw[c * dw_step + j] += sum over a < ny, b < nx of x[a * x_y + b * x_x + c] * dy[a * dy_y + b *
 * dy_x + j]
 *
 * for c < len, j < n. The sum is formed in the order of (a, b) and then added to dw. With images
 * (more than 0) it runs over all of those, xs[i] + x_first and dys[i] taking the place of x and dy.
 * With taps (more than 0) the same is done for each row t < taps of a kernel, x_tap further in x
 * and dw_tap further in dw.
 */
struct rd_outer {
    const float *x, *dy;
    float *dw;
    const float *const *xs, *const *dys;
    size_t images, taps;
    size_t len, n, ny, nx;
    bool fresh; /* dw is set, not added to */
    ptrdiff_t x_first, x_y, x_x, x_tap, dy_y, dy_x, dw_step, dw_tap;
};

/*
 * One row of a max-pool, NHWC: for o < out_width and each channel the largest of the window's
 * values that lie inside the image, and which it was: index = ky * kw + kx, the first of equals;
 * RD_POOL_OFF when relu is set and the value is not positive. A NaN in the window wins. in points
 * to the image's pixel 0 of the window's row ky = 0, which may lie outside: only rows ky0 <= ky <
 * ky1 are read. Every window must hold at least one pixel.
 */
struct rd_pool_row {
    const float *in;
    float *out;
    uint8_t *index; /* (out_width, channels), or NULL */
    size_t channels, out_width, in_width;
    ptrdiff_t row_step, pixel_step, out_step;
    int ky0, ky1, kw, stride, pad_left;
    bool relu;
};
/* Its gradient: dx at the winner gets dy. accumulate false: the pixels of each window are
 * overwritten (windows must not overlap), true: added to. */
struct rd_unpool_row {
    float *dx; /* pixel 0 of the window's row ky = 0 */
    const float *dy;
    const uint8_t *index;
    size_t channels, out_width, in_width;
    ptrdiff_t row_step, pixel_step, dy_step;
    int ky0, ky1, kw, stride, pad_left;
    bool accumulate;
};

/*
 * A row as a weighted sum of rows: out[j] = start + sum over t < taps of w[t] * in[at[t] * step +
 * j] for j < n, in the order of t; start is out's own value (accumulate), else 0. out may be one of
 * the rows only when that is the sum's sole tap.
 */
struct rd_mix {
    const float *in;
    const size_t *at;
    const float *w;
    float *out;
    size_t step, taps, n;
    bool accumulate;
};

/*
 * One step of an optimizer on n weights, as PyTorch 1.13 does it (torch.optim.SGD, Adam: L2 decay,
 * no amsgrad): sgd    g += decay * w; m = beta1 * m + g;                       w -= rate * m adam
 * g += decay * w; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g * g; w -= rate *
 * m / (sqrt(v) * root + epsilon)       rate holds 1 / (1 - beta1^t), root 1 / sqrt(1 - beta2^t)
 */
struct rd_update {
    float *w, *m, *v; /* v: adam only; m: sgd may leave it alone where beta1 is 0 */
    const float *g;
    size_t n;
    float rate, decay, beta1, beta2, epsilon, root;
};

/*
 * Real numbers as integers of a few bits: k = round(x / scale), or of x * scale when times, halves
 * to even, held within low..high (integers of less than 2^22; a NaN becomes low). scale[i *
 * scale_step], scale_step 0 or 1, belongs to x[i].
 *
 * out: k + zero as floats, int8 or uint8; or k * scale as floats (RD_Q_BACK), which is what comes
 * back out of the integer when zero is taken off again. The bits are the same in every table.
 */
struct rd_quantize {
    const float *x, *scale;
    void *out;
    size_t n, scale_step;
    float low, high, zero;
    bool times;
    enum { RD_Q_FLOAT, RD_Q_BACK, RD_Q_I8, RD_Q_U8 } form;
};

/*
 * Sums of products of integers, made by float32 kernels in parts that are exact because none passes
 * 2^24: out[i] = (float)((sum ? sum[i] : 0) + part[i] + (bias ? bias[i * bias_step] : 0)), the sum
 * in int32 modulo 2^32. out may be part.
 */
struct rd_int_sum {
    const float *part;
    const int32_t *sum, *bias;
    size_t n, bias_step;
    float *out;
};

/*
 * Batch normalization of some pixels, `channels` floats apart, with numbers of each channel:
 *
 *   norm_moments  sum[k] += x, sum[channels + k] += x * x
 *   norm_values   y = (x - mean) * scale + shift, then relu
 *   norm_sums     sum[k] += g, sum[channels + k] += g * (x - mean); g is dy, 0 where relu closed
 *   norm_back     y = g * scale - (x - mean) * slope - level, added to y when accumulate
 *
 * The sums are float64, pixel after pixel of a band of a few, band after band.
 */
struct rd_norm {
    const float *x, *dy;
    const float *mean, *scale, *shift, *slope, *level;
    float *y;
    double *sum; /* 2 * channels */
    size_t pixels, channels;
    bool relu, accumulate;
};

/*
 * Decision trees for RD_SWEEP_ROWS rows side by side (graph/trees_sweep.c). at[r] begins at 0; a
 * node moves the rows that stand at `from` and whose byte in its column is above `rank` on to `to`.
 * Bytes are signed; those of the nodes stand four times in a word.
 */
enum { RD_SWEEP_ROWS = 256, RD_RANK_ROWS = 64, RD_SWEEP_RANKS = 255 };
struct rd_sweep_node {
    uint32_t column;    /* where its bytes begin */
    uint32_t nan_right; /* all ones: plus rd_sweep.nan_right */
    uint32_t from, to, rank;
};
struct rd_sweep {
    const struct rd_sweep_node *node;
    size_t n, rows; /* those behind `rows` may be left out */
    const int8_t *column;
    uint32_t nan_right;
    int8_t *at; /* RD_SWEEP_ROWS */
};
/*
 * For RD_RANK_ROWS numbers: how many of the n ascending thresholds are below x, which is none for
 * NaN; minus 128 in the first column (they lie RD_SWEEP_ROWS apart), what is above RD_SWEEP_RANKS
 * in the second and so on. n at least 1.
 */
struct rd_rank {
    const float *x, *threshold;
    size_t n;
    int8_t *to;
};

struct rd_kernels {
    const char *name; /* "scalar", "sse2", "avx2", "avx512", "neon" */
    size_t lanes;     /* floats in a vector; weights are packed by it */
    void (*rows)(const struct rd_rows *q);
    void (*pooled)(const struct rd_pooled *q);
    void (*narrow)(const struct rd_rows *q);
    void (*depth)(const struct rd_depth *q);
    void (*outer)(const struct rd_outer *q);
    void (*pool_row)(const struct rd_pool_row *q);
    void (*unpool_row)(const struct rd_unpool_row *q);
    void (*relu)(const float *x, float *out, size_t n); /* NaN stays NaN */
    /* dx[i] = mask[i] ? 0 : dy[i], the mask of rows; dx may be dy */
    void (*gate)(const float *dy, const uint8_t *mask, float *dx, size_t n);
    /* dx[i] = y[i] > 0 ? dy[i] : 0, y being relu's output (or input) */
    void (*relu_back)(const float *y, const float *dy, float *dx, size_t n);
    void (*add)(const float *a, const float *b, float *out, size_t n);
    /* out = relu(a + b); mask as of rows, or NULL */
    void (*add_relu)(const float *a, const float *b, float *out, uint8_t *mask, size_t n);
    void (*mul)(const float *a, const float *b, float *out, size_t n);
    void (*mix)(const struct rd_mix *q);
    /* out[j] += sum over r < rows of x[r * step + j], rows in order */
    void (*sum_rows)(const float *x, size_t rows, ptrdiff_t step, size_t n, float *out);
    /* Sum in float64 in a fixed order: `lanes` interleaved partial sums, then those in order. */
    double (*sum)(const float *x, size_t n);
    void (*norm_moments)(const struct rd_norm *q);
    void (*norm_values)(const struct rd_norm *q);
    void (*norm_sums)(const struct rd_norm *q);
    void (*norm_back)(const struct rd_norm *q);
    void (*sgd)(const struct rd_update *u);
    void (*adam)(const struct rd_update *u);
    /* scalar has neither */
    void (*sweep)(const struct rd_sweep *q);
    void (*rank)(const struct rd_rank *q);
    void (*quantize)(const struct rd_quantize *q);
    /* out = x - zero, x being int8 (is_signed) or uint8 */
    void (*from_bytes)(const void *x, bool is_signed, float zero, float *out, size_t n);
    void (*int_sum)(const struct rd_int_sum *q);
    void (*add_ints)(const float *part, int32_t *sum, size_t n); /* sum += part, modulo 2^32 */
    const struct rd_math *math; /* tensor/math.h; NULL in the scalar table */
};

/* The table to use: the best this processor runs, or what REDOUBT_ISA names (scalar, sse2, avx2,
 * avx512, neon). RD_E_USAGE when that name is unknown or beyond this processor. */
rd_status rd_kernels_choose(const struct rd_kernels **kernels_out, struct rd_error *err);
/* The same for those who cannot fail: a bad REDOUBT_ISA gives the best table. */
const struct rd_kernels *rd_kernels(void);
/* By name; NULL: unknown, not in this build, or not runnable here. */
const struct rd_kernels *rd_kernels_named(const char *name);
/* NULL-terminated, the reference first: every table that runs here. */
const struct rd_kernels *const *rd_kernels_all(void);

/*
 * Packed matrix of k rows and n columns: blocks of 2 * lanes columns, each block (k, 2 * lanes) row
 * after row; the last block is only `lanes` wide when no more columns are left. Missing columns are
 * zeros.
 */
size_t rd_packed_width(const struct rd_kernels *kernels, size_t n); /* columns with the padding */
/* from[row * row_step + column * column_step] -> packed, k * rd_packed_width floats, 64-byte
 * aligned. */
void rd_pack(const struct rd_kernels *kernels, const float *from, size_t k, size_t n,
    ptrdiff_t row_step, ptrdiff_t column_step, float *packed);

/*
 * C (m, n) = op(A) (m, k) * op(B) (k, n) [+ C when accumulate] [+ bias (n) along rows], row-major,
 * op transposes when asked. lda, ldb, ldc: floats from row to row as stored. No memory is allocated
 * (160 KB of stack).
 */
struct rd_gemm {
    const float *a, *b, *bias; /* bias: n floats or NULL; with accumulate it must be NULL */
    float *c;
    size_t m, n, k, lda, ldb, ldc;
    bool trans_a, trans_b, accumulate, relu;
};
void rd_sgemm(const struct rd_kernels *kernels, const struct rd_gemm *g);

/* Planes (channels, pixels) <-> pixels (pixels, channels) of one image; pixels lie `step` floats
 * apart. */
void rd_to_pixels(const float *planes, size_t channels, size_t pixels, float *out, ptrdiff_t step);
void rd_to_planes(const float *in, ptrdiff_t step, size_t channels, size_t pixels, float *planes);

/*
 * 2-D convolution on NCHW tensors, for those who have no plan. x (n, c, h, w), w (o, c / group, kh,
 * kw), y (n, o, oh, ow), bias (o) or NULL. scratch: rd_conv_scratch floats, 64-byte aligned. n may
 * be 0. Each image is computed alone, in order.
 */
struct rd_conv {
    size_t n, c, h, w, o, group, kh, kw, oh, ow;
    size_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, pad_bottom, pad_right;
};
/* 0 when the sizes overflow. */
size_t rd_conv_scratch(const struct rd_kernels *kernels, const struct rd_conv *c);
void rd_conv_forward(const struct rd_kernels *kernels, const struct rd_conv *c, const float *x,
    const float *w, const float *bias, float *y, float *scratch);
/* dx (n, c, h, w) is overwritten. */
void rd_conv_backward_data(const struct rd_kernels *kernels, const struct rd_conv *c,
    const float *w, const float *dy, float *dx, float *scratch);
/* dw is overwritten, and db (o) unless NULL. */
void rd_conv_backward_weights(const struct rd_kernels *kernels, const struct rd_conv *c,
    const float *x, const float *dy, float *dw, float *db, float *scratch);

#endif
