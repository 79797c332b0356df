#include "support.h"

#include "attacks/job.h"

#include <math.h>

enum { INPUTS = 64 };

static void fill(struct rd_rng *r, float *x, float *row, double reach)
{
    for (size_t i = 0; i < INPUTS; i++) {
        x[i] = rd_rng_unit_float(r);
        row[i] = x[i] + (float)(reach * (2 * rd_rng_unit(r) - 1));
    }
}

/* What a reader of the saved file would compute in NumPy, in float32 and in float64. */
static void linf_is_never_left_in_either_arithmetic(void **state)
{
    static const double eps[] = { 0.3, 0.1, 8 / 255.0, 1e-3, 1e-7, 0 };
    struct rd_rng r = rd_rng_stream(1, "test", 0);
    float x[INPUTS], row[INPUTS];

    (void)state;
    for (size_t t = 0; t < 3000; t++) {
        const double e = eps[t % 6];

        fill(&r, x, row, 2 * e);
        for (size_t i = 0; i < INPUTS; i += 3)
            row[i] = x[i] + (float)e; /* right on the rim, as float32 rounds it */
        (void)rd_ball_clip(RD_LINF, e, x, 0, 1, row, INPUTS);
        for (size_t i = 0; i < INPUTS; i++) {
            assert_true(fabs((double)row[i] - (double)x[i]) <= e);
            assert_true((double)fabsf(row[i] - x[i]) <= e);
            assert_true(row[i] >= 0 && row[i] <= 1);
        }
        assert_true(rd_ball_holds(RD_LINF, e, x, 0, 1, row, INPUTS));
        assert_false(rd_ball_clip(RD_LINF, e, x, 0, 1, row, INPUTS)); /* nothing left to do */
    }
}

static void l2_is_never_left_in_either_arithmetic(void **state)
{
    static const double eps[] = { 2, 0.5, 0.01, 1e-6, 1e-12, 0 };
    struct rd_rng r = rd_rng_stream(2, "test", 0);
    float x[INPUTS], row[INPUTS];

    (void)state;
    for (size_t t = 0; t < 3000; t++) {
        const double e = eps[t % 6];
        double wide = 0, narrow = 0;

        fill(&r, x, row, 1);
        (void)rd_ball_clip(RD_L2, e, x, 0, 1, row, INPUTS);
        for (size_t i = 0; i < INPUTS; i++) {
            wide += ((double)row[i] - (double)x[i]) * ((double)row[i] - (double)x[i]);
            narrow += (double)(row[i] - x[i]) * (double)(row[i] - x[i]);
            assert_true(row[i] >= 0 && row[i] <= 1);
        }
        assert_true(sqrt(wide) <= e && sqrt(narrow) <= e);
        assert_true(rd_ball_holds(RD_L2, e, x, 0, 1, row, INPUTS));
    }
}

/* Clipping must not give away radius: a point from outside ends on the rim, less a few last places.
 */
static void clipping_keeps_the_radius(void **state)
{
    const float x[2] = { 0.5f, 0.5f };
    float row[2] = { 0.8f, 0.9f }, lo[2], hi[2];

    (void)state;
    assert_true(rd_ball_clip(RD_L2, 0.25, x, 0, 1, row, 2));
    assert_true(fabs(rd_ball_distance(RD_L2, x, row, 2) - 0.25) < 1e-6);
    assert_true(fabs(row[0] - 0.65) < 1e-6 && fabs(row[1] - 0.7) < 1e-6); /* 3:4:5 */
    rd_ball_bounds(0.3, x, 0, 0.7f, lo, hi, 2);
    assert_true(fabs(lo[0] - 0.2) < 1e-6);
    assert_true(hi[0] == 0.7f); /* the box is nearer than the ball */
}

static void bounds_and_holds_agree(void **state)
{
    struct rd_rng r = rd_rng_stream(3, "test", 0);
    float x[INPUTS], row[INPUTS], lo[INPUTS], hi[INPUTS];

    (void)state;
    for (size_t t = 0; t < 1000; t++) {
        fill(&r, x, row, 0);
        rd_ball_bounds(0.3, x, 0, 1, lo, hi, INPUTS);
        assert_true(rd_ball_holds(RD_LINF, 0.3, x, 0, 1, lo, INPUTS));
        assert_true(rd_ball_holds(RD_LINF, 0.3, x, 0, 1, hi, INPUTS));
        if (hi[0] < 1) {
            hi[0] = nextafterf(nextafterf(hi[0], 2), 2);
            assert_false(rd_ball_holds(RD_LINF, 0.3, x, 0, 1, hi, INPUTS));
        }
    }
}

static void nan_is_outside(void **state)
{
    const float x[2] = { 0.5f, 0.5f }, row[2] = { 0.5f, NAN };

    (void)state;
    assert_false(rd_ball_holds(RD_LINF, 1, x, 0, 1, row, 2));
    assert_false(rd_ball_holds(RD_L2, 1, x, 0, 1, row, 2));
}

static void distances_are_those_of_the_norms(void **state)
{
    const float x[3] = { 0, 0, 0 }, row[3] = { 3, -4, 0 };

    (void)state;
    assert_true(rd_ball_distance(RD_L0, x, row, 3) == 2);
    assert_true(rd_ball_distance(RD_L1, x, row, 3) == 7);
    assert_true(rd_ball_distance(RD_L2, x, row, 3) == 5);
    assert_true(rd_ball_distance(RD_LINF, x, row, 3) == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linf_is_never_left_in_either_arithmetic),
        cmocka_unit_test(l2_is_never_left_in_either_arithmetic),
        cmocka_unit_test(clipping_keeps_the_radius),
        cmocka_unit_test(bounds_and_holds_agree),
        cmocka_unit_test(nan_is_outside),
        cmocka_unit_test(distances_are_those_of_the_norms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
