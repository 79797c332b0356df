/* The fast transform of every kind of length against the sum that defines it. */
#include "support.h"

#include "base/rng.h"
#include "graph/fourier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* Sums of n terms of size up to 1: rounding grows with n at most; angles of the direct sum are
 * reduced, so both sides are good to n units in the last place. */
static void equals_the_sum_that_defines_it(void **state)
{
    static const size_t lengths[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 30, 31,
        32, 33, 64, 97, 100, 128, 243, 400, 512, 1001 };

    (void)state;
    for (size_t x = 0; x < sizeof lengths / sizeof *lengths; x++) {
        const size_t n = lengths[x];
        struct rd_rng rng = rd_rng_stream(3, "fourier", n);
        void *memory = malloc(rd_fourier_size(n));
        double *v = malloc(2 * n * sizeof *v), *was = malloc(2 * n * sizeof *v);
        const struct rd_fourier f = rd_fourier_make(n, memory);

        for (int inverse = 0; inverse < 2; inverse++) {
            for (size_t i = 0; i < 2 * n; i++)
                was[i] = 2 * rd_rng_unit(&rng) - 1;
            memcpy(v, was, 2 * n * sizeof *v);
            rd_fourier_run(&f, v, inverse);
            for (size_t k = 0; k < n; k++) {
                double re = 0, im = 0;

                for (size_t t = 0; t < n; t++) {
                    const double angle = (inverse ? 2 : -2) * PI * (double)(k * t % n) / (double)n;

                    re += was[2 * t] * cos(angle) - was[2 * t + 1] * sin(angle);
                    im += was[2 * t] * sin(angle) + was[2 * t + 1] * cos(angle);
                }
                assert_true(fabs(v[2 * k] - re) < 1e-15 * (double)(n + 10));
                assert_true(fabs(v[2 * k + 1] - im) < 1e-15 * (double)(n + 10));
            }
        }
        free(memory);
        free(v);
        free(was);
    }
}

static void there_and_back_is_n_times_the_signal(void **state)
{
    const size_t n = 12345;
    void *memory = malloc(rd_fourier_size(n));
    double *v = malloc(2 * n * sizeof *v);
    const struct rd_fourier f = rd_fourier_make(n, memory);

    (void)state;
    for (size_t i = 0; i < 2 * n; i++)
        v[i] = (double)(i % 7) - 3;
    rd_fourier_run(&f, v, false);
    rd_fourier_run(&f, v, true);
    for (size_t i = 0; i < 2 * n; i++)
        assert_true(fabs(v[i] / (double)n - ((double)(i % 7) - 3)) < 1e-12);
    free(memory);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_sum_that_defines_it),
        cmocka_unit_test(there_and_back_is_n_times_the_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
