/*
 * Samplers against closed forms. Bounds are z = 4.5 standard errors: a false alarm in 150,000
 * seeds, and the seeds are fixed, so a failure means a change.
 */
#include "support.h"

#include "stats/dist.h"
#include "stats/special.h"

#include <math.h>

static void within(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: got %.12g, want %.12g +- %.3g", what, got, want, tolerance);
}

enum { N = 40000 };

struct moments {
    double mean, variance;
};

static struct moments of(
    double (*draw)(struct rd_rng *, const double *), const double *p, uint64_t seed)
{
    struct rd_rng r = rd_rng_stream(seed, "test", 0);
    double mean = 0, squares = 0;

    for (int i = 1; i <= N; i++) {
        const double x = draw(&r, p), d = x - mean;

        mean += d / i;
        squares += d * (x - mean);
    }
    return (struct moments){ mean, squares / (N - 1) };
}

static double draw_normal(struct rd_rng *r, const double *p)
{
    (void)p;
    return rd_normal_draw(r);
}
static double draw_gamma(struct rd_rng *r, const double *p)
{
    return rd_gamma_draw(r, p[0]);
}
static double draw_beta(struct rd_rng *r, const double *p)
{
    return rd_beta_draw(r, p[0], p[1]);
}
static double draw_poisson(struct rd_rng *r, const double *p)
{
    return rd_poisson_draw(r, p[0]);
}
static double draw_binomial(struct rd_rng *r, const double *p)
{
    return rd_binomial_draw(r, p[0], p[1]);
}

static void samplers_have_their_mean_and_variance(void **state)
{
    static const double shapes[] = { 0.2, 0.5, 1, 3, 50 };
    static const double rates[] = { 0.05, 2, 29.9, 31, 500, 9e5, 1e9, 1e15 };
    static const double binom[][2] = { { 40, 0.25 }, { 40, 0.97 }, { 1000, 0.001 }, { 1e4, 0.4 },
        { 1e9, 0.3 } };
    struct moments m = of(draw_normal, NULL, 1);

    (void)state;
    within(m.mean, 0, 4.5 / sqrt(N), "normal mean");
    within(m.variance, 1, 4.5 * sqrt(2.0 / N), "normal variance");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const double a = shapes[i], b[2] = { a, 2 };

        m = of(draw_gamma, &a, 2);
        within(m.mean, a, 4.5 * sqrt(a / N), "gamma mean");
        within(m.variance, a, 4.5 * sqrt((2 * a * a + 6 * a) / N), "gamma variance");
        m = of(draw_beta, b, 3);
        within(m.mean, a / (a + 2), 4.5 * sqrt(2 * a / ((a + 2) * (a + 2) * (a + 3)) / N),
            "beta mean");
    }
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const double rate = rates[i];

        m = of(draw_poisson, &rate, 4);
        within(m.mean, rate, 4.5 * sqrt(rate / N), "Poisson mean");
        within(m.variance, rate, 4.5 * sqrt((2 * rate * rate + rate) / N), "Poisson variance");
    }
    for (size_t i = 0; i < sizeof binom / sizeof *binom; i++) {
        const double v = binom[i][0] * binom[i][1] * (1 - binom[i][1]);

        m = of(draw_binomial, binom[i], 5);
        within(m.mean, binom[i][0] * binom[i][1], 4.5 * sqrt(v / N), "binomial mean");
        within(m.variance, v, 4.5 * sqrt((2 * v * v + v) / N), "binomial variance");
    }
}

/* Defect of a peer: rates below a half were rounded to nothing. */
static void rare_events_are_not_rounded_away(void **state)
{
    struct rd_rng r = rd_rng_stream(9, "rare", 0);
    double events = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        events += rd_poisson_draw(&r, 0.05);
    within(events / N, 0.05, 4.5 * sqrt(0.05 / N), "rate 0.05");
}

/* The quantile is the smallest k with cdf above u, at and around every step of the cdf. */
static void counts_invert_the_distribution_exactly(void **state)
{
    static const double rates[] = { 0.3, 5, 29.5, 30.5, 200, 12345 };
    static const double binom[][2] = { { 7, 0.9999999 }, { 40, 0.5 }, { 40, 0.98 }, { 500, 0.3 },
        { 90000, 0.01 } };

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (double z = -3; z <= 3; z += 0.5) {
            const double k = floor(rates[i] + z * sqrt(rates[i]));
            const double below = rd_poisson_cdf(k - 1, rates[i]), at = rd_poisson_cdf(k, rates[i]);

            if (k >= 0)
                within(rd_poisson_quantile((below + at) / 2, rates[i]), k, 0, "Poisson quantile");
        }
    for (size_t i = 0; i < sizeof binom / sizeof *binom; i++)
        for (double z = -3; z <= 3; z += 0.5) {
            const double n = binom[i][0], p = binom[i][1];
            const double k = floor(n * p + z * sqrt(n * p * (1 - p)));
            const double below = rd_binomial_cdf(k - 1, n, p), at = rd_binomial_cdf(k, n, p);

            if (k >= 0 && k <= n && at - below > 1e-13)
                within(rd_binomial_quantile((below + at) / 2, n, p), k, 0, "binomial quantile");
        }
}

/* One unit draw, rising in the parameter: what keeps before and after paired. */
static void counts_rise_with_their_parameter(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const double u = (i + 0.5) / 200;
        double last = 0, last_binomial = 0;

        for (double rate = 0.01; rate < 1e14; rate *= 3) {
            const double k = rd_poisson_quantile(u, rate);

            assert_true(k >= last);
            last = k;
        }
        for (double p = 0; p <= 1; p += 1.0 / 64) {
            const double k = rd_binomial_quantile(u, 100, p);

            assert_true(k >= last_binomial && k <= 100);
            last_binomial = k;
        }
        assert_true(last_binomial == 100);
    }
}

static void absurd_counts_end_at_once(void **state)
{
    (void)state;
    assert_true(rd_poisson_quantile(0.5, 0) == 0);
    assert_true(rd_poisson_quantile(0.5, 1e308) > 0);
    assert_true(
        isnan(rd_poisson_quantile(0.5, -1)) && isnan(rd_poisson_quantile(0.5, (double)NAN)));
    within(rd_poisson_quantile(0.5, 1e12), 1e12, 1, "median of 1e12");
    within(rd_binomial_quantile(0.5, 1e18, 1e-16), 100, 1, "median of a rare binomial");
    assert_true(rd_binomial_quantile(0.9, 1e305, 0.5) > 0);
    assert_true(rd_poisson_quantile(1 - 0x1p-53, 20) < 100);
    assert_true(rd_binomial_quantile(1 - 0x1p-53, 40, 0.5) <= 40);
}

static void ranges_return_their_quantiles(void **state)
{
    struct rd_range_dist d;
    struct rd_error err = { 0 };

    (void)state;
    assert_int_equal(rd_range_fit(false, 500, 20000, &d, &err), RD_OK);
    within(rd_range_quantile(&d, 0.05), 500, 1e-9, "low");
    within(rd_range_quantile(&d, 0.95), 20000, 1e-7, "high");
    within(rd_range_quantile(&d, 0.5), sqrt(500.0 * 20000), 1e-8, "median");
    /* defect of a peer: the mode or the median in place of the mean. exp(mu + sigma^2 / 2) */
    within(rd_range_mean(&d), 3162.2776601683795 * exp(d.sigma * d.sigma / 2), 1e-8, "mean");
    assert_true(rd_range_mean(&d) > 1.8 * rd_range_quantile(&d, 0.5));
    assert_int_equal(rd_range_fit(true, 0.1, 0.4, &d, &err), RD_OK);
    within(rd_range_quantile(&d, 0.05), 0.1, 1e-14, "low");
    within(rd_range_quantile(&d, 0.95), 0.4, 1e-14, "high");
    assert_true(rd_range_mean(&d) > 0.1 && rd_range_mean(&d) < 0.4);
    assert_int_equal(rd_range_fit(false, 7, 7, &d, &err), RD_OK);
    within(rd_range_mean(&d), 7, 0, "constant");
    assert_int_equal(rd_range_fit(true, 1, 1, &d, &err), RD_OK);
}

static void impossible_ranges_are_refused(void **state)
{
    static const double bad[][2] = { { 2, 1 }, { -1, 1 }, { 0, 1 }, { NAN, 1 }, { 1, INFINITY } };
    struct rd_range_dist d;
    struct rd_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct rd_error){ 0 };
        assert_int_equal(rd_range_fit(false, bad[i][0], bad[i][1], &d, &err), RD_E_INPUT);
        assert_int_equal(rd_range_fit(true, bad[i][0], bad[i][1], &d, &err), RD_E_INPUT);
    }
    assert_int_equal(rd_range_fit(true, 0.5, 1, &d, &err), RD_E_INPUT);
    assert_int_equal(rd_range_fit(true, 2, 2, &d, &err), RD_E_INPUT);
}

/* A logit-normal's mean by brute force over a million quantiles. */
static void mean_of_a_logit_normal_is_right(void **state)
{
    struct rd_range_dist d;
    double sum = 0;

    (void)state;
    assert_int_equal(rd_range_fit(true, 0.001, 0.3, &d, NULL), RD_OK);
    for (int i = 0; i < 1000000; i++)
        sum += rd_range_quantile(&d, (i + 0.5) / 1e6);
    within(rd_range_mean(&d), sum / 1e6, 1e-6, "logit-normal mean");
}

static void watching_moves_a_rate_and_blind_watching_does_not(void **state)
{
    double shape, years;

    (void)state;
    rd_rate_update(0.5, 0, 3, 2, 1, &shape, &years);
    within(shape / years, 1.75, 1e-15, "posterior mean");
    rd_rate_update(2, 4, 0, 10, 0, &shape, &years);
    within(shape / years, 0.5, 1e-15, "nothing could be seen");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samplers_have_their_mean_and_variance),
        cmocka_unit_test(rare_events_are_not_rounded_away),
        cmocka_unit_test(counts_invert_the_distribution_exactly),
        cmocka_unit_test(counts_rise_with_their_parameter),
        cmocka_unit_test(absurd_counts_end_at_once),
        cmocka_unit_test(ranges_return_their_quantiles),
        cmocka_unit_test(impossible_ranges_are_refused),
        cmocka_unit_test(mean_of_a_logit_normal_is_right),
        cmocka_unit_test(watching_moves_a_rate_and_blind_watching_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
