/*
 * test_math.c - vector functions of every table against libm in float64.
 *
 * Functions are measured in units in the last place of the exact result (2^-149 for results below
 * the normal floats), at floats of every exponent and both signs, 2^12 of them an exponent, and at
 * every float within 64 of the edges of the ranges that the code distinguishes. The bounds are
 * those that math.h states.
 */
#include "support.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tensor/kernel.h"
#include "tensor/math.h"

#include <float.h>
#include <math.h>
#include <string.h>

static struct rd_rng rng;

static float *numbers(size_t n, float scale)
{
    float *p = rd_alloc_aligned((n + 16) * sizeof *p);

    assert_non_null(p);
    for (size_t i = 0; i < n + 16; i++)
        p[i] = (rd_rng_unit_float(&rng) * 2 - 1) * scale;
    return p;
}

typedef void table_test(const struct rd_kernels *k);

static void for_all(table_test *test)
{
    for (const struct rd_kernels *const *all = rd_kernels_all(); *all; all++) {
        rng = rd_rng_stream(1, "test/math", 0);
        if ((*all)->math)
            test(*all);
    }
}

/* --- functions --- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double exact(enum rd_map f, double x)
{
    switch (f) {
    case RD_MAP_EXP:
        return exp(x);
    case RD_MAP_LOG:
        return log(x);
    case RD_MAP_TANH:
        return tanh(x);
    case RD_MAP_SIGMOID:
        return sigmoid(x);
    case RD_MAP_ERF:
        return erf(x);
    case RD_MAP_SOFTPLUS:
        return fmax(x, 0) + log1p(exp(-fabs(x)));
    case RD_MAP_GELU:
        return x == -HUGE_VAL ? 0 : x * 0.5 * erfc(-x * sqrt(0.5));
    case RD_MAP_GELU_TANH:
        return x == -HUGE_VAL ? 0
                              : x * sigmoid(2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x));
    case RD_MAP_RELU:
        return x < 0 ? 0 : x;
    default:
        return x * sigmoid(1.5 * x);
    }
}

static double ulps(float got, double want)
{
    int e;

    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(want) || fabs(want) > (double)FLT_MAX * (1 + 0x1p-25))
        return isinf(got) && (got > 0) == (want > 0) ? 0 : HUGE_VAL;
    if (isinf(got)) /* as large as floats go */
        return fabs(want) > (double)FLT_MAX * (1 - 0x1p-22) ? 1 : HUGE_VAL;
    (void)frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

/* Every exponent and sign, then every float around the edges; returns how many. */
static size_t arguments(float *x)
{
    static const float edge[] = { 0, 0.45f, 0.5f, 0.625f, 0.70710678f, 0.95f, 1, 1.41421356f, 4, 10,
        14.14f, 20, 87, 88.72284f, 88.8f, 103.97f, 104, FLT_MIN, FLT_MAX };
    size_t n = 0;

    for (uint32_t top = 0; top < 512; top++)
        for (uint32_t i = 0; i < 4096; i++) {
            const uint32_t bits = top << 23 | i << 11 | (i * 2654435761u >> 21);

            memcpy(&x[n++], &bits, sizeof bits);
        }
    for (size_t k = 0; k < sizeof edge / sizeof *edge; k++)
        for (int sign = -1; sign < 2; sign += 2) {
            float v = (float)sign * edge[k];

            for (int i = 0; i < 64; i++)
                v = nextafterf(v, -HUGE_VALF);
            for (int i = 0; i < 128; i++, v = nextafterf(v, HUGE_VALF))
                x[n++] = v;
        }
    x[n++] = HUGE_VALF;
    x[n++] = -HUGE_VALF;
    x[n++] = NAN;
    return n;
}

static const double bound[RD_MAPS] = {
    [RD_MAP_EXP] = 2,
    [RD_MAP_LOG] = 2,
    [RD_MAP_TANH] = 3,
    [RD_MAP_SIGMOID] = 4,
    [RD_MAP_ERF] = 3,
    [RD_MAP_SOFTPLUS] = 4,
};

/* Products with a factor that is tiny on one side are good in units of x's own size. */
static double allowed(enum rd_map f, float x, float got, double want)
{
    const double size = fmax(fabs((double)x) < 1e3 ? fabs((double)x) : 0, 0);

    if (bound[f] > 0)
        return ulps(got, want) / bound[f];
    return fabs((double)got - want) <= 3 * 0x1p-24 * size + 1e-37 ? 0 : ulps(got, want) / 8;
}

static void check_functions(const struct rd_kernels *k)
{
    const size_t most = 512 * 4096 + 19 * 2 * 128 + 16;
    float *x = rd_alloc_aligned(most * sizeof *x), *y = rd_alloc_aligned(most * sizeof *y);
    const size_t n = arguments(x);

    for (int f = 0; f < RD_MAPS; f++) {
        double worst = 0;
        size_t at = 0;

        k->math->map((enum rd_map)f, x, y, n, 1.5f);
        for (size_t i = 0; i < n; i++) {
            const double want = exact((enum rd_map)f, (double)x[i]);
            const double a = allowed((enum rd_map)f, x[i], y[i], want);

            if (f >= RD_MAP_GELU && isinf(x[i]) && x[i] < 0) /* -inf * 0 or its limit */
                continue;
            if (a > worst) {
                worst = a;
                at = i;
            }
        }
        if (worst > 1)
            fail_msg("%s: function %d of %.9g is %.9g instead of %.9g, %.3g times the bound",
                k->name, f, (double)x[at], (double)y[at], exact((enum rd_map)f, (double)x[at]),
                worst);
    }
    rd_free(x);
    rd_free(y);
}

static void functions_are_within_their_bounds(void **state)
{
    (void)state;
    for_all(check_functions);
}

/* Central differences of the exact function: truncation h^2 f''' / 6 and 2^-52 / h leave 1e-9. */
static void check_slopes(const struct rd_kernels *k)
{
    enum { N = 777 };
    float *x = numbers(N, 6), *y = numbers(N, 1), *dy = numbers(N, 2), *dx = numbers(N, 1);
    float before[N];

    for (int f = 0; f < RD_MAPS; f++) {
        if (f == RD_MAP_LOG)
            for (size_t i = 0; i < N; i++)
                x[i] = fabsf(x[i]) + 0.1f;
        k->math->map((enum rd_map)f, x, y, N, 1.5f);
        memcpy(before, dx, sizeof before);
        k->math->map_back((enum rd_map)f, x, y, dy, dx, N, 1.5f, f & 1);
        for (size_t i = 0; i < N; i++) {
            const double h = 1e-5, v = (double)x[i];
            const double d =
                (exact((enum rd_map)f, v + h) - exact((enum rd_map)f, v - h)) / (2 * h);
            const double want = (f & 1 ? (double)before[i] : 0) + (double)dy[i] * d;

            if (!(fabs((double)dx[i] - want) <= 2e-6 * (1 + fabs(want))))
                fail_msg("%s: slope of function %d at %.9g: %.9g, not %.9g", k->name, f, v,
                    (double)dx[i], want);
        }
    }
    rd_free(x);
    rd_free(y);
    rd_free(dy);
    rd_free(dx);
}

static void slopes_match_differences(void **state)
{
    (void)state;
    for_all(check_slopes);
}

/* --- pairs --- */

static void check_pairs(const struct rd_kernels *k)
{
    float *a = numbers(100, 3), *b = numbers(100, 3), *out = numbers(100, 1);

    for (int op = 0; op < RD_PAIRS; op++)
        for (size_t n = 0; n < 70; n++)
            for (size_t steps = 0; steps < 4; steps++) {
                const size_t sa = steps & 1, sb = steps >> 1;

                out[n] = 42;
                k->math->pair((enum rd_pair)op, a, sa, b, sb, out, n);
                assert_true(out[n] == 42);
                for (size_t i = 0; i < n; i++) {
                    const float x = a[i * sa], y = b[i * sb];
                    const float want = op == RD_PAIR_ADD   ? x + y
                                       : op == RD_PAIR_SUB ? x - y
                                       : op == RD_PAIR_MUL ? x * y
                                                           : x / y;

                    assert_true(out[i] == want);
                }
            }
    rd_free(a);
    rd_free(b);
    rd_free(out);
}

static void pairs_are_exact(void **state)
{
    (void)state;
    for_all(check_pairs);
}

static void check_turn(const struct rd_kernels *k)
{
    for (size_t rows = 0; rows < 40; rows += 3)
        for (size_t cols = 0; cols < 50; cols += 4)
            for (int add = 0; add < 2; add++) {
                const size_t in_step = cols + 1, out_step = rows + 2;
                float *in = numbers(rows * in_step + 1, 1), *out = numbers(cols * out_step + 1, 1);
                float *before = numbers(cols * out_step + 1, 1);

                memcpy(before, out, cols * out_step * sizeof *out);
                k->math->turn(in, (ptrdiff_t)in_step, rows, cols, out, (ptrdiff_t)out_step, add);
                for (size_t c = 0; c < cols; c++)
                    for (size_t r = 0; r < out_step; r++) {
                        const size_t to = c * out_step + r;
                        const float v = r < rows ? in[r * in_step + c] : before[to];

                        assert_true(out[to] == (add && r < rows ? before[to] + v : v));
                    }
                rd_free(in);
                rd_free(out);
                rd_free(before);
            }
}

static void matrices_are_turned(void **state)
{
    (void)state;
    for_all(check_turn);
}

/* --- rows: softmax and normalization ---
 *
 * n numbers of size below 8, sums in float32 by lanes: 2^-24 times a few dozen, and the functions'
 * few units.
 */

static const size_t widths[] = { 1, 2, 3, 4, 7, 15, 16, 17, 31, 33, 64, 100, 128, 257, 1000, 2049 };
enum { WIDTHS = sizeof widths / sizeof *widths };

static void near(const char *what, float got, double want, double scale)
{
    if (!(fabs((double)got - want) <= 1e-5 * scale + 1e-30) && !(isnan(want) && isnan(got)))
        fail_msg("%s: %.9g, not %.9g", what, (double)got, want);
}

static void check_softmax(const struct rd_kernels *k)
{
    for (size_t w = 0; w < WIDTHS; w++)
        for (int logs = 0; logs < 2; logs++) {
            const size_t n = widths[w], rows = 3;
            float *x = numbers(rows * n, 8), *y = numbers(rows * n, 1), *dy = numbers(rows * n, 1);
            float *dx = numbers(rows * n, 1), *alone = numbers(n, 1);

            if (n > 2)
                x[n + 1] = -HUGE_VALF; /* masked */
            if (n % 2)                 /* else it is overwritten */
                memset(dx, 0, rows * n * sizeof *dx);
            k->math->softmax(x, y, rows, n, logs);
            k->math->softmax_back(y, dy, dx, rows, n, logs, n % 2);
            k->math->softmax(x + 2 * n, alone, 1, n, logs);
            assert_memory_equal(alone, y + 2 * n, n * sizeof *alone);
            for (size_t r = 0; r < rows; r++) {
                double sum = 0, along = 0, top = -HUGE_VAL;
                const float *px = x + r * n, *pg = dy + r * n;

                for (size_t i = 0; i < n; i++)
                    top = fmax(top, (double)px[i]);
                for (size_t i = 0; i < n; i++)
                    sum += exp((double)px[i] - top);
                for (size_t i = 0; i < n; i++)
                    along += (double)pg[i] * (logs ? 1 : exp((double)px[i] - top) / sum);
                for (size_t i = 0; i < n; i++) {
                    const double p = exp((double)px[i] - top) / sum;
                    const double want = logs ? (double)px[i] - top - log(sum) : p;

                    if (isinf(want))
                        assert_true((double)y[r * n + i] == want);
                    else
                        near("softmax", y[r * n + i], want, logs ? 16 : p + 1e-30);
                    near("softmax back", dx[r * n + i],
                        logs ? (double)pg[i] - p * along : p * ((double)pg[i] - along),
                        logs ? 1 + sqrt((double)n) : p * 2 + 1e-30);
                }
            }
            rd_free(x);
            rd_free(y);
            rd_free(dy);
            rd_free(dx);
            rd_free(alone);
        }
}

static void softmax_matches_float64(void **state)
{
    (void)state;
    for_all(check_softmax);
}

static void check_normal(const struct rd_kernels *k)
{
    for (size_t w = 0; w < WIDTHS; w++)
        for (int flags = 0; flags < 4; flags++) {
            const size_t n = widths[w], rows = 3;
            const bool root = flags & 1, plain = flags & 2;
            float *x = numbers(rows * n, 3), *y = numbers(rows * n, 1), *dy = numbers(rows * n, 1);
            float *dx = numbers(rows * n, 1), *scale = numbers(n, 1), *bias = numbers(n, 1);
            float *dscale = numbers(n, 1), *dbias = numbers(n, 1), mean[3], inverse[3];
            const struct rd_normal q = { x, plain ? NULL : scale, plain ? NULL : bias, y, mean,
                inverse, rows, n, 1e-3f, root };
            const struct rd_normal_back b = { x, plain ? NULL : scale, dy, dx, dscale, dbias, rows,
                n, 1e-3f, root, n % 2 };

            if (n % 2)
                memset(dx, 0, rows * n * sizeof *dx);
            memset(dscale, 0, n * sizeof *dscale);
            memset(dbias, 0, n * sizeof *dbias);
            k->math->normal(&q);
            k->math->normal_back(&b);
            for (size_t r = 0; r < rows; r++) {
                double m = 0, v = 0, s, hm = 0, hz = 0;

                for (size_t i = 0; i < n && !root; i++)
                    m += (double)x[r * n + i] / (double)n;
                for (size_t i = 0; i < n; i++)
                    v += ((double)x[r * n + i] - m) * ((double)x[r * n + i] - m) / (double)n;
                s = 1 / sqrt(v + (double)1e-3f);
                near("mean", mean[r], m, 3);
                near("inverse", inverse[r], s, s);
                for (size_t i = 0; i < n; i++) {
                    const double z = ((double)x[r * n + i] - m) * s;
                    const double h = (double)dy[r * n + i] * (plain ? 1 : (double)scale[i]);

                    near("normal", y[r * n + i], plain ? z : z * (double)scale[i] + (double)bias[i],
                        4 * s);
                    hm += root ? 0 : h / (double)n;
                    hz += h * z / (double)n;
                }
                for (size_t i = 0; i < n; i++) {
                    const double z = ((double)x[r * n + i] - m) * s;
                    const double h = (double)dy[r * n + i] * (plain ? 1 : (double)scale[i]);

                    near("normal back", dx[r * n + i], s * (h - hm - z * hz), 8 * s * s);
                }
            }
            for (size_t i = 0; i < n; i++) {
                double want = 0, ds = 0;

                for (size_t r = 0; r < rows; r++) {
                    want += (double)dy[r * n + i];
                    ds += (double)dy[r * n + i] * ((double)x[r * n + i] - (double)mean[r]) *
                          (double)inverse[r];
                }
                near("dbias", dbias[i], want, 3);
                near("dscale", dscale[i], ds, 100);
            }
            rd_free(x);
            rd_free(y);
            rd_free(dy);
            rd_free(dx);
            rd_free(scale);
            rd_free(bias);
            rd_free(dscale);
            rd_free(dbias);
        }
}

static void normalization_matches_float64(void **state)
{
    (void)state;
    for_all(check_normal);
}

/* --- LSTM: forward against float64, backward against its own differences worked out by hand --- */

static void check_lstm(const struct rd_kernels *k)
{
    for (size_t n = 1; n < 40; n += 3) {
        const size_t rows = 3;
        float *sum = numbers(rows * 4 * n, 4), *gate = numbers(rows * 4 * n, 1);
        float *cell = numbers(rows * n, 2), *next = numbers(rows * n, 1), *h = numbers(rows * n, 1);
        float *squashed = numbers(rows * n, 1), *dh = numbers(rows * n, 1);
        float *dc = numbers(rows * n, 1), *dsum = numbers(rows * 4 * n, 1);
        float *dnext = numbers(rows * n, 1);
        struct rd_lstm q = { gate, cell, next, squashed, h, rows, n };
        struct rd_lstm_back b = { gate, cell, squashed, dh, dc, dsum, rows, n };

        memcpy(gate, sum, rows * 4 * n * sizeof *gate);
        memcpy(dnext, dc, rows * n * sizeof *dc);
        k->math->lstm(&q);
        k->math->lstm_back(&b);
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < n; i++) {
                const float *const s = sum + r * 4 * n + i, *const d = dsum + r * 4 * n + i;
                const size_t at = r * n + i;
                const double in = sigmoid((double)s[0]), out = sigmoid((double)s[n]);
                const double forget = sigmoid((double)s[2 * n]), fresh = tanh((double)s[3 * n]);
                const double c = forget * (double)cell[at] + in * fresh, t = tanh(c);
                const double g = (double)dh[at];
                const double e = (double)dnext[at] + g * out * (1 - t * t);

                near("cell", next[at], c, 1);
                near("h", h[at], out * t, 1);
                near("di", d[0], e * fresh * in * (1 - in), 1);
                near("do", d[n], g * t * out * (1 - out), 1);
                near("df", d[2 * n], e * (double)cell[at] * forget * (1 - forget), 1);
                near("dg", d[3 * n], e * in * (1 - fresh * fresh), 1);
                near("dc", dc[at], e * forget, 1);
            }
        rd_free(sum);
        rd_free(gate);
        rd_free(cell);
        rd_free(next);
        rd_free(h);
        rd_free(squashed);
        rd_free(dh);
        rd_free(dc);
        rd_free(dsum);
        rd_free(dnext);
    }
}

static void an_lstm_step_matches_float64(void **state)
{
    (void)state;
    for_all(check_lstm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_within_their_bounds),
        cmocka_unit_test(slopes_match_differences),
        cmocka_unit_test(pairs_are_exact),
        cmocka_unit_test(matrices_are_turned),
        cmocka_unit_test(softmax_matches_float64),
        cmocka_unit_test(normalization_matches_float64),
        cmocka_unit_test(an_lstm_step_matches_float64),
    };

    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
