#include "support.h"

#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>

static void close_to(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.12g, want %.12g", got, want);
}

/* 0 of n: high = 1 - (alpha/2)^(1/n); 7 of 20 is in every table. */
static void clopper_pearson_agrees_with_tables(void **state)
{
    struct rd_ci ci = rd_ci_proportion(0, 1000, 0.95);

    (void)state;
    close_to(ci.value, 0, 0);
    close_to(ci.low, 0, 0);
    close_to(ci.high, 1 - rd_pow(0.025, 1e-3), 1e-14);
    ci = rd_ci_proportion(1000, 1000, 0.95);
    close_to(ci.low, rd_pow(0.025, 1e-3), 1e-13);
    close_to(ci.high, 1, 0);
    ci = rd_ci_proportion(7, 20, 0.95);
    close_to(ci.low, 0.153909, 1e-6);
    close_to(ci.high, 0.592189, 1e-6);
    ci = rd_ci_proportion(0, 0, 0.95);
    assert_true(isnan(ci.value) && ci.low == 0 && ci.high == 1);
}

/* Coverage over all outcomes of Bin(n, p), summed exactly, is never below the level. */
static void clopper_pearson_covers_at_least_its_level(void **state)
{
    (void)state;
    for (int i = 1; i < 40; i++) {
        const double p = i / 40.0;
        double covered = 0;

        for (size_t k = 0; k <= 25; k++) {
            const struct rd_ci ci = rd_ci_proportion(k, 25, 0.9);

            if (ci.low <= p && p <= ci.high)
                covered += rd_binomial_pmf((double)k, 25, p);
        }
        assert_true(covered >= 0.9 - 1e-12);
    }
}

/* The first row of Newcombe's own table of examples: (36, 12, 2, 0), 95 %, method 10. */
static void newcombe_paired_agrees_with_his_table(void **state)
{
    struct rd_ci ci = rd_ci_paired_proportions(36, 12, 2, 0, 0.95);

    (void)state;
    close_to(ci.value, 0.2, 1e-15);
    close_to(ci.low, 0.0569, 5e-5);
    close_to(ci.high, 0.3404, 5e-5);
    /* nothing changed: symmetric around zero; swapping before and after mirrors */
    ci = rd_ci_paired_proportions(40, 5, 5, 50, 0.95);
    close_to(ci.value, 0, 0);
    close_to(ci.low, -ci.high, 1e-15);
    ci = rd_ci_paired_proportions(500, 0, 0, 500, 0.95);
    assert_true(ci.low <= 0 && ci.high >= 0 && ci.high < 0.01);
    ci = rd_ci_paired_proportions(0, 0, 0, 0, 0.95);
    assert_true(isnan(ci.low));
    ci =
        rd_ci_paired_proportions(0, 1000, 0, 0, 0.95); /* everything fooled before, nothing after */
    close_to(ci.value, 1, 0);
    assert_true(ci.low > 0.99 && ci.high <= 1 + 1e-12);
}

static void mcnemar_is_exact(void **state)
{
    (void)state;
    close_to(rd_mcnemar_exact(0, 0), 1, 0);
    close_to(rd_mcnemar_exact(0, 10), 2.0 / 1024, 1e-15);
    close_to(rd_mcnemar_exact(10, 0), 2.0 / 1024, 1e-15);
    close_to(rd_mcnemar_exact(3, 3), 1, 0);
    close_to(rd_mcnemar_exact(2, 12), 2 * (1 + 14 + 91) / 16384.0, 1e-14);
}

static void t_interval_over_runs(void **state)
{
    const double x[] = { 0.97, 0.95, 0.99 }, y[] = { 0.90, 0.89, 0.91 };
    /* mean 0.97, sd 0.02, t(0.975, 2) = 4.302653 */
    struct rd_ci ci = rd_ci_mean(x, 3, 0.95);

    (void)state;
    close_to(ci.value, 0.97, 1e-15);
    close_to(ci.high - ci.value, 4.302652729696 * 0.02 / sqrt(3), 1e-12);
    close_to(ci.value - ci.low, ci.high - ci.value, 1e-15);
    ci = rd_ci_mean(x, 1, 0.95);
    assert_true(ci.value == 0.97 && isnan(ci.low) && isnan(ci.high));
    ci = rd_ci_paired_mean(x, y, 3, 0.95); /* differences 0.07, 0.06, 0.08 */
    close_to(ci.value, 0.07, 1e-15);
    close_to(ci.high - ci.value, 4.302652729696 * 0.01 / sqrt(3), 1e-12);
    assert_true(isnan(rd_ci_mean(x, 0, 0.95).value));
}

/* Garwood for 3 events: 0.6187, 8.7673 at 95 %. */
static void rates_have_exact_intervals(void **state)
{
    struct rd_ci ci = rd_ci_rate(3, 1, 0.95);

    (void)state;
    close_to(ci.low, 0.6187, 5e-5);
    close_to(ci.high, 8.7673, 5e-5);
    ci = rd_ci_rate(0, 10, 0.95);
    close_to(ci.high, -rd_log(0.025) / 10, 1e-12);
}

static void sorts_anything(void **state)
{
    static double x[5000];

    (void)state;
    for (int shape = 0; shape < 6; shape++) {
        struct rd_rng r = rd_rng_stream(5, "sort", (uint64_t)shape);
        const size_t n = shape == 5 ? 0 : 5000;
        double sum = 0, after = 0;

        for (size_t i = 0; i < n; i++) {
            x[i] = shape == 0   ? rd_rng_unit(&r)
                   : shape == 1 ? (double)i
                   : shape == 2 ? -(double)i
                   : shape == 3 ? (double)rd_rng_below(&r, 3)
                                : (double)(i % 2 ? i : n - i);
            sum += x[i];
        }
        rd_sort(x, n);
        for (size_t i = 0; i < n; i++) {
            after += x[i];
            assert_true(i == 0 || x[i - 1] <= x[i]);
        }
        close_to(after, sum, 1e-6);
    }
}

static void quantile_is_linear_between_order_statistics(void **state)
{
    const double x[] = { 1, 2, 4, 8 };

    (void)state;
    close_to(rd_quantile(x, 4, 0), 1, 0);
    close_to(rd_quantile(x, 4, 1), 8, 0);
    close_to(rd_quantile(x, 4, 0.5), 3, 1e-15);
    close_to(rd_quantile(x, 4, 0.9), 4 + 0.7 * 4, 1e-14);
    close_to(rd_quantile(x, 1, 0.3), 1, 0);
}

static void variance_survives_a_large_offset(void **state)
{
    const double x[] = { 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16 };

    (void)state;
    close_to(rd_variance(x, 4), 30, 1e-9);
    assert_true(isnan(rd_variance(x, 1)));
}

static double mean_of(void *user, const size_t *index, size_t n)
{
    const double *x = user;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[index[i]];
    return sum / (double)n;
}

/* For a mean the bootstrap is close to the normal interval: half width 1.96 sd / sqrt n. */
static void bootstrap_of_a_mean_is_nearly_normal(void **state)
{
    double x[200], scratch[2000];
    size_t index[200];
    struct rd_rng r = rd_rng_stream(1, "bootstrap", 0);
    struct rd_ci ci;
    double half;

    (void)state;
    for (int i = 0; i < 200; i++)
        x[i] = i % 10;
    ci = rd_ci_bootstrap(200, mean_of, x, 0.95, &r, 2000, scratch, index);
    close_to(ci.value, 4.5, 1e-14);
    half = 1.96 * sqrt(8.25 / 200);
    close_to(ci.high - 4.5, half, 0.1 * half);
    close_to(4.5 - ci.low, half, 0.1 * half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clopper_pearson_agrees_with_tables),
        cmocka_unit_test(clopper_pearson_covers_at_least_its_level),
        cmocka_unit_test(newcombe_paired_agrees_with_his_table),
        cmocka_unit_test(mcnemar_is_exact),
        cmocka_unit_test(t_interval_over_runs),
        cmocka_unit_test(rates_have_exact_intervals),
        cmocka_unit_test(sorts_anything),
        cmocka_unit_test(quantile_is_linear_between_order_statistics),
        cmocka_unit_test(variance_survives_a_large_offset),
        cmocka_unit_test(bootstrap_of_a_mean_is_nearly_normal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
