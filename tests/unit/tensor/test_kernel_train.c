/* test_kernel_train.c - what training adds to the kernels, for every table: batch normalization,
 * and gradients of weights over rows of a kernel and lists of images. */
#include "support.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tensor/kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>

static float *numbers(uint64_t key, size_t n)
{
    struct rd_rng rng = rd_rng_stream(21, "test/kernel/train", key);
    float *x = rd_alloc((n + 1) * sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = rd_rng_unit_float(&rng) - 0.4f;
    return x;
}

/* n roundings of terms whose sizes add up to `size`. */
static void close_to(double got, double want, double size, size_t n)
{
    const double bound = (double)(n + 4) * (double)FLT_EPSILON * (size + 1e-6);

    if (!(fabs(got - want) <= bound))
        fail_msg("%.9g instead of %.9g, %.2g allowed", got, want, bound);
}

static void check_norm(const struct rd_kernels *k, size_t pixels, size_t c, bool relu)
{
    const size_t n = pixels * c;
    float *x = numbers(1, n), *dy = numbers(2, n), *of = numbers(3, 5 * c), *y = numbers(4, n);
    float *before = numbers(4, n);
    double *sum = rd_alloc(2 * c * sizeof *sum);
    struct rd_norm q = { .x = x,
        .dy = dy,
        .mean = of,
        .scale = of + c,
        .shift = of + 2 * c,
        .slope = of + 3 * c,
        .level = of + 4 * c,
        .sum = sum,
        .pixels = pixels,
        .channels = c,
        .relu = relu };

    assert_non_null(sum);
    memset(sum, 0, 2 * c * sizeof *sum);
    q.dy = NULL;
    k->norm_moments(&q);
    for (size_t j = 0; j < c; j++) {
        double want[2] = { 0 };

        for (size_t p = 0; p < pixels; p++) {
            want[0] += (double)x[p * c + j];
            want[1] += (double)x[p * c + j] * (double)x[p * c + j];
        }
        assert_true(fabs(sum[j] - want[0]) < 1e-12 * (double)pixels);
        assert_true(fabs(sum[c + j] - want[1]) < 1e-12 * (double)pixels);
    }
    q.y = y;
    k->norm_values(&q);
    for (size_t i = 0; i < n; i++) {
        const size_t j = i % c;
        const double v = ((double)x[i] - (double)of[j]) * (double)of[c + j] + (double)of[2 * c + j];

        close_to((double)y[i], relu && v < 0 ? 0 : v, 2, 1);
    }
    memset(sum, 0, 2 * c * sizeof *sum);
    memcpy(y, before, n * sizeof *y);
    q.dy = dy;
    q.accumulate = pixels % 2;
    k->norm_sums(&q);
    k->norm_back(&q);
    for (size_t j = 0; j < c; j++) {
        double want[2] = { 0 };

        for (size_t p = 0; p < pixels; p++) {
            const size_t i = p * c + j;
            const double from = (double)x[i] - (double)of[j];
            const double v = from * (double)of[c + j] + (double)of[2 * c + j];
            const double g = relu && !(v > 0) ? 0 : (double)dy[i];

            if (relu && fabs(v) < 1e-6) /* which side of zero is a matter of rounding */
                continue;
            want[0] += g;
            want[1] += g * from;
            close_to((double)y[i],
                (q.accumulate ? (double)before[i] : 0) + g * (double)of[c + j] -
                    from * (double)of[3 * c + j] - (double)of[4 * c + j],
                3, 2);
        }
        close_to(sum[j], want[0], (double)pixels, 1);
        close_to(sum[c + j], want[1], (double)pixels, 1);
    }
    rd_free(x);
    rd_free(dy);
    rd_free(of);
    rd_free(y);
    rd_free(before);
    rd_free(sum);
}

static void normalization_matches_float64(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++)
        for (size_t c = 1; c < 70; c += c < 18 ? 1 : 7)
            for (size_t pixels = 1; pixels < 800; pixels = pixels * 3 + 1)
                check_norm(*k, pixels, c, c % 2);
}

/* A kernel of taps x kw over images of c channels, as a sum in float64. */
static void check_outer(const struct rd_kernels *k, size_t taps, size_t kw, size_t c, size_t o,
    size_t images, bool fresh)
{
    const size_t ny = 3 + taps, nx = 2 + 3 * images, row = (nx + kw) * c, step = o + 1;
    const size_t x_each = (ny + taps) * row + 3, dy_each = ny * nx * o, n = taps * kw * c * step;
    float *x = numbers(5, images * x_each), *dy = numbers(6, images * dy_each);
    float *dw = numbers(7, n), *before = numbers(7, n);
    const float *xs[4], *dys[4];
    struct rd_outer q = { .dw = dw,
        .xs = xs,
        .dys = dys,
        .images = images,
        .taps = taps,
        .len = kw * c,
        .n = o,
        .ny = ny,
        .nx = nx,
        .fresh = fresh,
        .x_first = 2,
        .x_y = (ptrdiff_t)row,
        .x_x = (ptrdiff_t)c,
        .x_tap = (ptrdiff_t)row,
        .dy_y = (ptrdiff_t)(nx * o),
        .dy_x = (ptrdiff_t)o,
        .dw_step = (ptrdiff_t)step,
        .dw_tap = (ptrdiff_t)(kw * c * step) };

    for (size_t i = 0; i < images; i++) {
        xs[i] = x + i * x_each;
        dys[i] = dy + i * dy_each;
    }
    k->outer(&q);
    for (size_t t = 0; t < taps; t++)
        for (size_t r = 0; r < kw * c; r++)
            for (size_t j = 0; j < o; j++) {
                const size_t at = (t * kw * c + r) * step + j;
                double sum = fresh ? 0 : (double)before[at], size = fabs(sum);

                for (size_t i = 0; i < images; i++)
                    for (size_t p = 0; p < ny * nx; p++) {
                        const double v = (double)xs[i][2 + (p / nx + t) * row + p % nx * c + r] *
                                         (double)dys[i][p * o + j];

                        sum += v;
                        size += fabs(v);
                    }
                close_to((double)dw[at], sum, size, images * ny * nx);
            }
    for (size_t r = 0; r < taps * kw * c; r++)
        assert_true(dw[r * step + o] == before[r * step + o]);
    rd_free(x);
    rd_free(dy);
    rd_free(dw);
    rd_free(before);
}

static void weight_gradients_go_over_taps_and_images(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++)
        for (size_t taps = 1; taps <= 5; taps++)
            for (size_t c = 1; c <= 6; c++)
                for (size_t o = 1; o <= 50; o = o * 2 + (c % 2))
                    check_outer(*k, taps, 1 + (taps + c) % 3, c, o, 1 + c % 4, o % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalization_matches_float64),
        cmocka_unit_test(weight_gradients_go_over_taps_and_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
