/* test_rdp.c - the privacy accountant against 40-digit integrals (tests/golden/rdp_mpmath.py). */
#include "support.h"

#include "stats/rdp.h"
#include "stats/special.h"

#include <math.h>

/* From tests/golden/rdp_mpmath.py, which reads this table back and checks it. */
static const struct {
    double q, noise, alpha, rdp;
} known[] = {
    { 0.01, 1.1, 1.5, 9.5545285718748318e-5 },
    { 0.01, 1.1, 2, 0.00012851008160516183 },
    { 0.01, 1.1, 8.4, 0.00062049416616868897 },
    { 0.01, 1.1, 32, 8.4694164336759277 },
    { 0.0075, 0.7, 3.3, 0.00077134869870245161 },
    { 0.256, 2, 5.5, 0.063223040151968881 },
    { 0.5, 4, 20, 0.22072629674410491 },
    { 0.001, 0.5, 1.1, 2.385845598420279e-5 },
    { 0.9, 1, 2.5, 1.116510250730583 },
};
enum { KNOWN = sizeof known / sizeof *known };

static void one_step_is_the_integral(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        const double got = rd_rdp_step(known[i].q, known[i].noise, known[i].alpha);

        /* log of 1 + a small number: 1e-14 is left of the digits in front of it */
        if (!(fabs(got - known[i].rdp) < 1e-9 * known[i].rdp + 1e-13))
            fail_msg("q %g, noise %g, order %g: %.17g, not %.17g", known[i].q, known[i].noise,
                known[i].alpha, got, known[i].rdp);
    }
}

/* Without sampling the mechanism is the Gaussian one: alpha / (2 noise^2). */
static void the_ends_are_closed_forms(void **state)
{
    (void)state;
    assert_true(rd_rdp_step(1, 2, 3) == 3 / 8.0);
    assert_true(rd_rdp_step(0, 2, 3) == 0);
    assert_true(isinf(rd_rdp_step(0.1, 0, 3)));
    assert_true(fabs(rd_rdp_step(1 - 1e-12, 2, 3) - 3 / 8.0) < 1e-9);
    assert_true(fabs(rd_rdp_step(1 - 1e-12, 2, 3.5) - 3.5 / 8) < 1e-9);
    assert_true(isnan(rd_rdp_step(0.1, 1, 1)) && isnan(rd_rdp_step(-0.1, 1, 2)) &&
                isnan(rd_rdp_step(0.1, NAN, 2)) && isnan(rd_rdp_step(1.1, 1, 2)));
}

static double eps(double q, double noise, double steps, double delta)
{
    double order;
    const double e = rd_rdp_epsilon(&(struct rd_rdp){ q, noise, steps }, delta, &order);

    assert_true(isinf(e) || isnan(e) || e == 0 || order > 1);
    return e;
}

/* Lots of 256 of 60,000 with noise 1.1 for 60 epochs, which tutorials of accountants use: 2.597
 * by the tighter conversion from Renyi to epsilon (2.92 by the older one, not used here). */
static void epsilon_of_the_usual_example(void **state)
{
    (void)state;
    assert_true(fabs(eps(256 / 60000.0, 1.1, 14062, 1e-5) - 2.5966) < 2e-3);
    assert_true(eps(0.01, 1, 0, 1e-5) == 0);
    assert_true(eps(0, 1, 100, 1e-5) == 0);
    assert_true(isinf(eps(0.01, 0, 100, 1e-5)));
    assert_true(
        isnan(eps(0.01, 1, 100, 0)) && isnan(eps(0.01, 1, 100, 1)) && isnan(eps(2, 1, 100, 0.1)));
}

static void more_noise_helps_and_all_else_costs(void **state)
{
    static const double q[] = { 0.001, 0.03, 0.5 }, noise[] = { 0.4, 1.1, 5, 40 };

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            const double at = eps(q[i], noise[k], 100, 1e-5);

            assert_true(at >= 0 && isfinite(at));
            assert_true(eps(q[i], noise[k], 200, 1e-5) >= at);
            assert_true(eps(q[i], noise[k], 100, 1e-6) >= at);
            assert_true(eps(q[i] * 1.5, noise[k], 100, 1e-5) >= at);
            assert_true(eps(q[i], noise[k] * 1.2, 100, 1e-5) <= at);
        }
}

/* Orders side by side: the divergence never falls with the order, whole or not. */
static void the_divergence_rises_with_the_order(void **state)
{
    (void)state;
    for (double noise = 0.5; noise < 6; noise *= 1.7)
        for (double q = 0.002; q < 0.9; q *= 3) {
            double before = 0;

            for (double alpha = 1.5; alpha < 40; alpha += 0.5) {
                const double now = rd_rdp_step(q, noise, alpha);

                if (!(now >= before * (1 - 1e-9) - 1e-12))
                    fail_msg("q %g, noise %g: %.12g at order %g, %.12g before", q, noise, now,
                        alpha, before);
                before = now;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_is_the_integral),
        cmocka_unit_test(the_ends_are_closed_forms),
        cmocka_unit_test(epsilon_of_the_usual_example),
        cmocka_unit_test(more_noise_helps_and_all_else_costs),
        cmocka_unit_test(the_divergence_rises_with_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
