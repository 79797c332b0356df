/*
 * test_kernel.c - every table of kernels against loops in float64, over many shapes.
 *
 * Tolerance of a sum of k products in float32, in any order, with or without fused multiply-add
 * (Higham 2002, section 3.1): |error| <= gamma(k + 1) * sum |x_i * w_i|, gamma(k) = k u / (1 - k
 * u), u = 2^-24. The bound is computed beside each sum, so nothing is hidden in a constant.
 */
#include "support.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tensor/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rd_rng rng;

static float *numbers(size_t n)
{
    float *p = rd_alloc_aligned((n + 16) * sizeof *p);

    assert_non_null(p);
    for (size_t i = 0; i < n + 16; i++)
        p[i] = rd_rng_unit_float(&rng) * 2 - 1;
    return p;
}

static void close_to(float got, double want, double size, size_t k)
{
    const double u = 0x1p-24, bound = (double)(k + 2) * u / (1 - (double)(k + 2) * u) * size;

    if (!(fabs((double)got - want) <= bound + 1e-44))
        fail_msg("got %.9g, want %.9g, bound %.3g (k = %zu)", (double)got, want, bound, k);
}

typedef void table_test(const struct rd_kernels *k);

static void for_all(table_test *test)
{
    const struct rd_kernels *const *all = rd_kernels_all();

    assert_string_equal(all[0]->name, "scalar");
    for (; *all; all++) {
        rng = rd_rng_stream(1, "test/kernel", 0);
        test(*all);
    }
}

/* --- rows --- */

static void check_rows(const struct rd_kernels *k, size_t rows, size_t n, size_t ny, size_t nx,
    size_t len, int start, bool relu)
{
    const size_t total = ny * nx * len, in_step = len + 3, x_step = len, y_step = nx * len + 5;
    const size_t in_size = rows * in_step + ny * y_step + nx * x_step + len;
    const size_t width = rd_packed_width(k, n), out_step = n + 2;
    float *in = numbers(in_size), *w = numbers(total * n), *bias = numbers(width);
    float *packed = numbers(total * width), *out = numbers(rows * out_step);
    float *before = numbers(rows * out_step);
    struct rd_rows q = { .in = in,
        .packed = packed,
        .out = out,
        .rows = rows,
        .n = n,
        .ny = ny,
        .nx = nx,
        .len = len,
        .in_step = (ptrdiff_t)in_step,
        .x_step = (ptrdiff_t)x_step,
        .y_step = (ptrdiff_t)y_step,
        .out_step = (ptrdiff_t)out_step,
        .relu = relu };

    q.bias = start == 1 ? bias : NULL;
    q.accumulate = start == 2;
    memcpy(before, out, rows * out_step * sizeof *out);
    rd_pack(k, w, total, n, (ptrdiff_t)n, 1, packed);
    k->rows(&q);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) {
            double sum = start == 1   ? (double)bias[j]
                         : start == 2 ? (double)before[r * out_step + j]
                                      : 0;
            double size = fabs(sum);
            size_t i = 0;

            for (size_t a = 0; a < ny; a++)
                for (size_t b = 0; b < nx; b++)
                    for (size_t c = 0; c < len; c++, i++) {
                        const double v = (double)in[r * in_step + a * y_step + b * x_step + c] *
                                         (double)w[i * n + j];

                        sum += v;
                        size += fabs(v);
                    }
            close_to(out[r * out_step + j], relu && sum < 0 ? 0 : sum, size, total);
        }
        /* nothing beside the row was touched */
        for (size_t j = n; j < out_step; j++)
            assert_true(out[r * out_step + j] == before[r * out_step + j]);
    }
    rd_free(in);
    rd_free(w);
    rd_free(bias);
    rd_free(packed);
    rd_free(out);
    rd_free(before);
}

static void rows_of(const struct rd_kernels *k)
{
    const size_t columns[] = { 1, 2, 4, 7, 8, 10, 15, 16, 17, 31, 32, 33, 40, 64, 70 };

    for (size_t rows = 1; rows <= 30; rows += rows < 15 ? 1 : 5)
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            check_rows(k, rows, columns[i], 1, 1, 5 + rows, (int)(i % 3), i % 2);
    for (size_t ny = 1; ny <= 3; ny++)
        for (size_t nx = 1; nx <= 3; nx++)
            for (int start = 0; start < 3; start++)
                check_rows(k, 9, 37, ny, nx, 3, start, start == 1);
    check_rows(k, 0, 8, 1, 1, 4, 0, false);
    check_rows(k, 4, 8, 1, 1, 0, 1, false);
}

static void rows_times_a_matrix_match_float64(void **state)
{
    (void)state;
    for_all(rows_of);
}

/* The promise behind "independent of batch size and threads". */
static void split_of(const struct rd_kernels *k)
{
    const size_t rows = 37, n = 45, len = 77;
    float *in = numbers(rows * len), *w = numbers(len * n);
    float *packed = numbers(len * rd_packed_width(k, n)), *whole = numbers(rows * n),
          *part = numbers(rows * n);
    struct rd_rows q = { .in = in,
        .packed = packed,
        .out = whole,
        .rows = rows,
        .n = n,
        .ny = 1,
        .nx = 1,
        .len = len,
        .in_step = (ptrdiff_t)len,
        .out_step = (ptrdiff_t)n };

    rd_pack(k, w, len, n, (ptrdiff_t)n, 1, packed);
    k->rows(&q);
    for (size_t step = 1; step < rows; step++) {
        for (size_t r = 0; r < rows; r += step) {
            q.in = in + r * len;
            q.out = part + r * n;
            q.rows = rows - r < step ? rows - r : step;
            k->rows(&q);
        }
        assert_memory_equal(whole, part, rows * n * sizeof *whole);
    }
    rd_free(in);
    rd_free(w);
    rd_free(packed);
    rd_free(whole);
    rd_free(part);
}

static void a_row_has_the_same_bits_however_the_batch_is_split(void **state)
{
    (void)state;
    for_all(split_of);
}

/* --- outer --- */

static void check_outer(const struct rd_kernels *k, size_t len, size_t n, size_t ny, size_t nx)
{
    const size_t x_x = len + 1, x_y = nx * x_x + 3, dy_x = n + 2, dy_y = nx * dy_x;
    float *x = numbers(ny * x_y + len), *dy = numbers(ny * dy_y + n), *dw = numbers(len * (n + 1));
    float *before = numbers(len * (n + 1));

    memcpy(before, dw, len * (n + 1) * sizeof *dw);
    k->outer(&(struct rd_outer){ .x = x,
        .dy = dy,
        .dw = dw,
        .len = len,
        .n = n,
        .ny = ny,
        .nx = nx,
        .x_y = (ptrdiff_t)x_y,
        .x_x = (ptrdiff_t)x_x,
        .dy_y = (ptrdiff_t)dy_y,
        .dy_x = (ptrdiff_t)dy_x,
        .dw_step = (ptrdiff_t)n + 1 });
    for (size_t c = 0; c < len; c++) {
        for (size_t j = 0; j < n; j++) {
            double sum = (double)before[c * (n + 1) + j], size = fabs(sum);

            for (size_t a = 0; a < ny; a++)
                for (size_t b = 0; b < nx; b++) {
                    const double v =
                        (double)x[a * x_y + b * x_x + c] * (double)dy[a * dy_y + b * dy_x + j];

                    sum += v;
                    size += fabs(v);
                }
            close_to(dw[c * (n + 1) + j], sum, size, ny * nx);
        }
        assert_true(dw[c * (n + 1) + n] == before[c * (n + 1) + n]);
    }
    rd_free(x);
    rd_free(dy);
    rd_free(dw);
    rd_free(before);
}

static void outer_of(const struct rd_kernels *k)
{
    for (size_t len = 1; len <= 31; len += len < 15 ? 1 : 4)
        for (size_t n = 1; n <= 70; n += n < 18 ? 1 : 7)
            check_outer(k, len, n, 1 + len % 3, 1 + n % 5);
}

static void weight_gradients_match_float64(void **state)
{
    (void)state;
    for_all(outer_of);
}

/* --- pools: exact, so every table must agree with the plain loops bit by bit --- */

static void check_pool(const struct rd_kernels *k, size_t channels, size_t w, int kw, int kh,
    int stride, int pad, bool relu, bool nan)
{
    const struct rd_kernels *ref = rd_kernels_named("scalar");
    const size_t ow = (w + 2 * (size_t)pad - (size_t)kw) / (size_t)stride + 1;
    const size_t row = w * channels;
    float *in = numbers((size_t)kh * row), *a = numbers(ow * channels), *b = numbers(ow * channels);
    float *dy = numbers(ow * channels), *da = numbers((size_t)kh * row),
          *db = numbers((size_t)kh * row);
    uint8_t *ia = rd_alloc(ow * channels), *ib = rd_alloc(ow * channels);
    struct rd_pool_row q = { .in = in,
        .out = a,
        .index = ia,
        .channels = channels,
        .out_width = ow,
        .in_width = w,
        .row_step = (ptrdiff_t)row,
        .pixel_step = (ptrdiff_t)channels,
        .out_step = (ptrdiff_t)channels,
        .ky0 = kh > 1 && pad ? 1 : 0,
        .ky1 = kh,
        .kw = kw,
        .stride = stride,
        .pad_left = pad,
        .relu = relu };
    struct rd_unpool_row u = { .dx = da,
        .dy = dy,
        .index = ia,
        .channels = channels,
        .out_width = ow,
        .in_width = w,
        .row_step = (ptrdiff_t)row,
        .pixel_step = (ptrdiff_t)channels,
        .dy_step = (ptrdiff_t)channels,
        .ky0 = q.ky0,
        .ky1 = kh,
        .kw = kw,
        .stride = stride,
        .pad_left = pad,
        .accumulate = stride < kw };

    for (size_t i = 0; i < (size_t)kh * row; i += 3) /* ties: the first of equals must win */
        in[i] = (float)(int)(in[i] * 3);
    if (nan)
        for (size_t i = 0; i < (size_t)kh * row; i += 7)
            in[i] = NAN;
    k->pool_row(&q);
    q.out = b;
    q.index = ib;
    ref->pool_row(&q);
    for (size_t i = 0; i < ow * channels; i++) {
        assert_int_equal(ia[i], ib[i]);
        assert_true(a[i] == b[i] || (a[i] != a[i] && b[i] != b[i]));
    }
    q.index = NULL;
    ref->pool_row(&q);
    memcpy(db, da, (size_t)kh * row * sizeof *da);
    k->unpool_row(&u);
    u.dx = db;
    ref->unpool_row(&u);
    assert_memory_equal(da, db, (size_t)kh * row * sizeof *da);
    rd_free(in);
    rd_free(a);
    rd_free(b);
    rd_free(dy);
    rd_free(da);
    rd_free(db);
    rd_free(ia);
    rd_free(ib);
}

static void pool_of(const struct rd_kernels *k)
{
    for (size_t channels = 1; channels <= 40; channels += channels < 18 ? 1 : 7)
        for (int i = 0; i < 8; i++) {
            check_pool(k, channels, 9, 2, 2, 2, 0, i & 1, i & 2);
            check_pool(k, channels, 10, 3, 3, 2, i & 4 ? 1 : 0, i & 1, i & 2);
            check_pool(k, channels, 7, 1, 1, 1, 0, i & 1, i & 2);
        }
}

static void max_pools_agree_bit_by_bit(void **state)
{
    (void)state;
    for_all(pool_of);
}

static void a_pool_known_by_hand(void **state)
{
    /* one channel, rows {1 5 2 2} and {-1 0 2 7}: windows of 2 x 2 */
    const float in[] = { 1, 5, 2, 2, -1, 0, 2, 7 };
    float out[2];
    uint8_t index[2];

    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        (*k)->pool_row(&(struct rd_pool_row){ .in = in,
            .out = out,
            .index = index,
            .channels = 1,
            .out_width = 2,
            .in_width = 4,
            .row_step = 4,
            .pixel_step = 1,
            .out_step = 1,
            .ky1 = 2,
            .kw = 2,
            .stride = 2 });
        assert_true(out[0] == 5 && out[1] == 7);
        assert_int_equal(index[0], 1);
        assert_int_equal(index[1], 3);
    }
}

/* --- element by element --- */

static void elements_of(const struct rd_kernels *k)
{
    for (size_t n = 0; n <= 70; n++) {
        float *a = numbers(n), *b = numbers(n), *out = numbers(n);
        double want = 0;

        if (n > 3)
            a[3] = NAN;
        k->relu(a, out, n);
        for (size_t i = 0; i < n; i++)
            assert_true(i == 3 ? out[i] != out[i] : out[i] == (a[i] < 0 ? 0 : a[i]));
        k->relu_back(a, b, out, n);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == (a[i] > 0 ? b[i] : 0));
        if (n > 3)
            a[3] = 1;
        k->add(a, b, out, n);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == a[i] + b[i]);
        k->mul(a, b, out, n);
        for (size_t i = 0; i < n; i++)
            assert_true(out[i] == a[i] * b[i]);
        for (size_t i = 0; i < n; i++)
            want += (double)a[i];
        assert_true(fabs(k->sum(a, n) - want) <= (double)n * 0x1p-52 * (double)n);
        k->sum_rows(a, 1, (ptrdiff_t)n, n, b);
        rd_free(a);
        rd_free(b);
        rd_free(out);
    }
}

/* taps products, each rounded twice at most, against the sum in float64. */
static void mix_of(const struct rd_kernels *k)
{
    static const size_t at[5] = { 3, 0, 4, 1, 3 };

    for (size_t n = 1; n <= 70; n++) {
        const size_t taps = 1 + n % 5, step = n + n % 3;
        float *in = numbers(5 * step), *w = numbers(5), *out = numbers(n), *before = numbers(n);
        struct rd_mix q = {
            .in = in, .at = at, .w = w, .out = out, .step = step, .taps = taps, .n = n
        };

        for (int add = 0; add < 2; add++) {
            memcpy(before, out, n * sizeof *out);
            q.accumulate = add;
            k->mix(&q);
            for (size_t j = 0; j < n; j++) {
                double want = add ? (double)before[j] : 0, size = fabs(want);

                for (size_t t = 0; t < taps; t++) {
                    const double one = (double)w[t] * (double)in[at[t] * step + j];

                    want += one;
                    size += fabs(one);
                }
                assert_true(fabs((double)out[j] - want) <= (double)(2 * taps + 1) * 0x1p-24 * size);
            }
        }
        rd_free(in);
        rd_free(w);
        rd_free(out);
        rd_free(before);
    }
}

static void rows_are_mixed(void **state)
{
    (void)state;
    for_all(mix_of);
}

static void element_loops_are_exact(void **state)
{
    (void)state;
    for_all(elements_of);
}

static void sum_rows_of(const struct rd_kernels *k)
{
    for (size_t n = 1; n <= 40; n++) {
        const size_t rows = 1 + n % 7, step = n + 3;
        float *x = numbers(rows * step), *out = numbers(n), *before = numbers(n);

        memcpy(before, out, n * sizeof *out);
        k->sum_rows(x, rows, (ptrdiff_t)step, n, out);
        for (size_t j = 0; j < n; j++) {
            float want = before[j]; /* order is promised: exact */

            for (size_t r = 0; r < rows; r++)
                want += x[r * step + j];
            assert_true(out[j] == want);
        }
        rd_free(x);
        rd_free(out);
        rd_free(before);
    }
}

static void column_sums_go_row_after_row(void **state)
{
    (void)state;
    for_all(sum_rows_of);
}

/* Both steps in float64; each float32 operation rounds by at most 2^-24 relative, and there are
 * fewer than 16. */
static void update_of(const struct rd_kernels *k)
{
    for (size_t n = 1; n <= 70; n += 23)
        for (int adam = 0; adam < 2; adam++) {
            float *w = numbers(n), *m = numbers(n), *v = numbers(n), *g = numbers(n);
            const struct rd_update u = { .w = w,
                .m = m,
                .v = v,
                .g = g,
                .n = n,
                .rate = 0.1f,
                .decay = 0.01f,
                .beta1 = 0.9f,
                .beta2 = 0.999f,
                .epsilon = 1e-8f,
                .root = 1.5f };
            double want[70];

            for (size_t i = 0; i < n; i++) {
                const double grad = (double)g[i] + (double)u.decay * (double)w[i];
                double step;

                v[i] = fabsf(v[i]) + 0.1f;
                if (adam) {
                    const double mean =
                        (double)u.beta1 * (double)m[i] + (1 - (double)u.beta1) * grad;
                    const double square =
                        (double)u.beta2 * (double)v[i] + (1 - (double)u.beta2) * grad * grad;

                    step = mean / (sqrt(square) * (double)u.root + (double)u.epsilon);
                } else
                    step = (double)u.beta1 * (double)m[i] + grad;
                want[i] = (double)w[i] - (double)u.rate * step;
            }
            (adam ? k->adam : k->sgd)(&u);
            for (size_t i = 0; i < n; i++)
                assert_true(fabs((double)w[i] - want[i]) <= 16 * 0x1p-24 * 3);
            rd_free(w);
            rd_free(m);
            rd_free(v);
            rd_free(g);
        }
}

static void optimizer_steps_match_float64(void **state)
{
    (void)state;
    for_all(update_of);
}

/* --- matrix products --- */

static void check_gemm(const struct rd_kernels *k, size_t m, size_t n, size_t depth, int mode)
{
    const bool ta = mode & 1, tb = mode & 2;
    const size_t lda = (ta ? m : depth) + 1, ldb = (tb ? depth : n) + 2, ldc = n + 3;
    float *a = numbers((ta ? depth : m) * lda), *b = numbers((tb ? n : depth) * ldb);
    float *c = numbers(m * ldc), *before = numbers(m * ldc), *bias = numbers(n);
    struct rd_gemm g = { .a = a,
        .b = b,
        .c = c,
        .m = m,
        .n = n,
        .k = depth,
        .lda = lda,
        .ldb = ldb,
        .ldc = ldc,
        .trans_a = ta,
        .trans_b = tb,
        .accumulate = mode & 4,
        .relu = mode & 16 };

    g.bias = mode & 8 && !(mode & 4) ? bias : NULL;
    memcpy(before, c, m * ldc * sizeof *c);
    rd_sgemm(k, &g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = g.accumulate ? (double)before[i * ldc + j] : g.bias ? (double)bias[j] : 0;
            double size = fabs(sum);

            for (size_t d = 0; d < depth; d++) {
                const double v = (double)(ta ? a[d * lda + i] : a[i * lda + d]) *
                                 (double)(tb ? b[j * ldb + d] : b[d * ldb + j]);

                sum += v;
                size += fabs(v);
            }
            close_to(c[i * ldc + j], g.relu && sum < 0 ? 0 : sum, size, depth);
        }
    rd_free(a);
    rd_free(b);
    rd_free(c);
    rd_free(before);
    rd_free(bias);
}

static void gemm_of(const struct rd_kernels *k)
{
    const size_t shape[][3] = { { 1, 1, 1 }, { 3, 5, 7 }, { 14, 32, 9 }, { 29, 33, 31 },
        { 28, 128, 256 }, { 5, 130, 257 }, { 31, 10, 600 }, { 2, 3, 0 }, { 0, 4, 4 },
        { 60, 17, 40 } };

    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int mode = 0; mode < 32; mode++)
            check_gemm(k, shape[i][0], shape[i][1], shape[i][2], mode);
}

static void matrix_products_match_float64(void **state)
{
    (void)state;
    for_all(gemm_of);
}

/* --- convolutions --- */

static const struct rd_conv convs[] = {
    { 2, 1, 9, 8, 5, 1, 3, 3, 9, 8, 1, 1, 1, 1, 1, 1, 1, 1 },
    { 2, 3, 8, 8, 7, 1, 3, 3, 4, 4, 2, 2, 1, 1, 1, 1, 1, 1 },
    { 1, 4, 7, 9, 6, 2, 3, 2, 5, 8, 1, 1, 1, 1, 0, 0, 0, 0 },
    { 1, 6, 6, 6, 6, 6, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1 },
    { 2, 5, 10, 11, 33, 1, 1, 1, 10, 11, 1, 1, 1, 1, 0, 0, 0, 0 },
    { 1, 2, 11, 12, 3, 1, 3, 3, 7, 8, 1, 1, 2, 2, 0, 0, 0, 0 },
    { 1, 3, 9, 10, 4, 1, 3, 2, 4, 5, 3, 2, 2, 3, 2, 1, 3, 2 },
    { 1, 17, 5, 5, 40, 1, 5, 5, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2 },
    { 0, 2, 4, 4, 2, 1, 1, 1, 4, 4, 1, 1, 1, 1, 0, 0, 0, 0 },
};

/* Calls fn for every (output element, input element or -1 for padding, weight element) that meet.
 */
static void conv_sums(const struct rd_conv *c, const float *x, const float *w, const float *dy,
    double *y, double *ys, double *dx, double *dxs, double *dw, double *dws)
{
    const size_t ic = c->c / c->group, oc = c->o / c->group;

    for (size_t n = 0; n < c->n; n++)
        for (size_t o = 0; o < c->o; o++)
            for (size_t oy = 0; oy < c->oh; oy++)
                for (size_t ox = 0; ox < c->ow; ox++)
                    for (size_t i = 0; i < ic; i++)
                        for (size_t ky = 0; ky < c->kh; ky++)
                            for (size_t kx = 0; kx < c->kw; kx++) {
                                const ptrdiff_t iy =
                                    (ptrdiff_t)(oy * c->stride_h + ky * c->dilation_h) -
                                    (ptrdiff_t)c->pad_top;
                                const ptrdiff_t ix =
                                    (ptrdiff_t)(ox * c->stride_w + kx * c->dilation_w) -
                                    (ptrdiff_t)c->pad_left;
                                const size_t ch = o / oc * ic + i;
                                const size_t yi = ((n * c->o + o) * c->oh + oy) * c->ow + ox;
                                const size_t wi = ((o * ic + i) * c->kh + ky) * c->kw + kx;
                                size_t xi;

                                if (iy < 0 || ix < 0 || (size_t)iy >= c->h || (size_t)ix >= c->w)
                                    continue;
                                xi = ((n * c->c + ch) * c->h + (size_t)iy) * c->w + (size_t)ix;
                                y[yi] += (double)x[xi] * (double)w[wi];
                                ys[yi] += fabs((double)x[xi] * (double)w[wi]);
                                dx[xi] += (double)dy[yi] * (double)w[wi];
                                dxs[xi] += fabs((double)dy[yi] * (double)w[wi]);
                                dw[wi] += (double)dy[yi] * (double)x[xi];
                                dws[wi] += fabs((double)dy[yi] * (double)x[xi]);
                            }
}

static double *zeros(size_t n)
{
    double *p = rd_alloc_aligned((n + 1) * sizeof *p);

    assert_non_null(p);
    memset(p, 0, n * sizeof *p);
    return p;
}

static void check_conv(const struct rd_kernels *k, const struct rd_conv *c)
{
    const size_t xn = c->n * c->c * c->h * c->w, yn = c->n * c->o * c->oh * c->ow;
    const size_t wn = c->o * c->c / c->group * c->kh * c->kw;
    float *x = numbers(xn), *w = numbers(wn), *bias = numbers(c->o), *dy = numbers(yn);
    float *y = numbers(yn), *dx = numbers(xn), *dw = numbers(wn), *db = numbers(c->o);
    float *scratch = numbers(rd_conv_scratch(k, c));
    double *wy = zeros(yn), *wys = zeros(yn), *wdx = zeros(xn), *wdxs = zeros(xn), *wdw = zeros(wn),
           *wdws = zeros(wn);

    assert_true(rd_conv_scratch(k, c) > 0);
    conv_sums(c, x, w, dy, wy, wys, wdx, wdxs, wdw, wdws);
    rd_conv_forward(k, c, x, w, bias, y, scratch);
    for (size_t i = 0; i < yn; i++) {
        const double b = (double)bias[i / (c->oh * c->ow) % c->o];

        close_to(y[i], wy[i] + b, wys[i] + fabs(b), c->c * c->kh * c->kw);
    }
    rd_conv_forward(k, c, x, w, NULL, y, scratch);
    for (size_t i = 0; i < yn; i++)
        close_to(y[i], wy[i], wys[i], c->c * c->kh * c->kw);
    rd_conv_backward_data(k, c, w, dy, dx, scratch);
    for (size_t i = 0; i < xn; i++)
        close_to(dx[i], wdx[i], wdxs[i], c->o * c->kh * c->kw);
    rd_conv_backward_weights(k, c, x, dy, dw, db, scratch);
    for (size_t i = 0; i < wn; i++)
        close_to(dw[i], wdw[i], wdws[i], c->n * c->oh * c->ow);
    for (size_t o = 0; o < c->o; o++) {
        double sum = 0, size = 0;

        for (size_t i = 0; i < yn; i++)
            if (i / (c->oh * c->ow) % c->o == o) {
                sum += (double)dy[i];
                size += fabs((double)dy[i]);
            }
        close_to(db[o], sum, size, c->n * c->oh * c->ow);
    }
    rd_free(x);
    rd_free(w);
    rd_free(bias);
    rd_free(dy);
    rd_free(y);
    rd_free(dx);
    rd_free(dw);
    rd_free(db);
    rd_free(scratch);
    rd_free(wy);
    rd_free(wys);
    rd_free(wdx);
    rd_free(wdxs);
    rd_free(wdw);
    rd_free(wdws);
}

static void conv_of(const struct rd_kernels *k)
{
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
        check_conv(k, &convs[i]);
}

static void convolutions_and_their_gradients_match_float64(void **state)
{
    (void)state;
    for_all(conv_of);
}

static void overflowing_convolutions_have_no_scratch(void **state)
{
    struct rd_conv c = convs[0];

    (void)state;
    c.h = (size_t)1 << 40;
    c.w = (size_t)1 << 40;
    assert_int_equal(rd_conv_scratch(rd_kernels(), &c), 0);
}

/* --- the choice --- */

static void the_environment_forces_a_table(void **state)
{
    const struct rd_kernels *k = NULL;
    struct rd_error err = { 0 };

    (void)state;
    for (const struct rd_kernels *const *all = rd_kernels_all(); *all; all++) {
        setenv("REDOUBT_ISA", (*all)->name, 1);
        assert_int_equal(rd_kernels_choose(&k, NULL), RD_OK);
        assert_ptr_equal(k, *all);
        assert_ptr_equal(rd_kernels(), *all);
    }
    setenv("REDOUBT_ISA", "avx9000", 1);
    assert_int_equal(rd_kernels_choose(&k, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "avx9000"));
    assert_non_null(rd_kernels());
    unsetenv("REDOUBT_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_times_a_matrix_match_float64),
        cmocka_unit_test(a_row_has_the_same_bits_however_the_batch_is_split),
        cmocka_unit_test(weight_gradients_match_float64),
        cmocka_unit_test(max_pools_agree_bit_by_bit),
        cmocka_unit_test(a_pool_known_by_hand),
        cmocka_unit_test(element_loops_are_exact),
        cmocka_unit_test(rows_are_mixed),
        cmocka_unit_test(column_sums_go_row_after_row),
        cmocka_unit_test(optimizer_steps_match_float64),
        cmocka_unit_test(matrix_products_match_float64),
        cmocka_unit_test(convolutions_and_their_gradients_match_float64),
        cmocka_unit_test(overflowing_convolutions_have_no_scratch),
        cmocka_unit_test(the_environment_forces_a_table),
    };

    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
