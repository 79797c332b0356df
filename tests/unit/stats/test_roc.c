#include "support.h"

#include "base/rng.h"
#include "stats/roc.h"

#include <math.h>

enum { MAX = 400 };

struct curve {
    size_t hit[MAX], miss[MAX], order[MAX];
    double threshold[MAX];
    struct rd_roc roc;
};

static struct curve c;

static const struct rd_roc *roc_of(const double *score, const bool *positive, size_t n)
{
    c.roc = (struct rd_roc){
        .true_positive = c.hit, .false_positive = c.miss, .threshold = c.threshold
    };
    rd_roc_of(score, positive, n, c.order, &c.roc);
    return &c.roc;
}

static bool same(double a, double b)
{
    return fabs(a - b) < 1e-15;
}

static void a_perfect_score_has_area_one(void **state)
{
    const double score[] = { 3, 1, 2, 0 };
    const bool positive[] = { true, false, true, false };
    const struct rd_roc *r = roc_of(score, positive, 4);

    (void)state;
    assert_true(same(rd_roc_area(r), 1));
    assert_true(same(rd_roc_tpr(r, 0), 1));
    assert_true(same(rd_roc_balanced_accuracy(r), 1));
    assert_true(same(rd_roc_precision(r, 2), 1));
    assert_true(same(rd_roc_precision(r, 4), 0.5));
}

/* From scikit-learn 1.3's documentation of roc_curve: 0.1, 0.4, 0.35, 0.8 with classes 1 1 2 2. */
static void a_known_curve_is_met(void **state)
{
    const double score[] = { 0.1, 0.4, 0.35, 0.8 };
    const bool positive[] = { false, false, true, true };
    const struct rd_roc *r = roc_of(score, positive, 4);

    (void)state;
    assert_true(same(rd_roc_area(r), 0.75));
    assert_true(same(rd_roc_tpr(r, 0), 0.5));
    assert_true(same(rd_roc_tpr(r, 0.49), 0.5)); /* nothing between two thresholds */
    assert_true(same(rd_roc_tpr(r, 0.5), 1));
    assert_true(same(rd_roc_balanced_accuracy(r), 0.75));
}

static void a_tie_is_a_coin(void **state)
{
    const double score[] = { 1, 1, 1, 1, 0, 1 };
    const bool positive[] = { true, false, true, false, false, true };
    const struct rd_roc *r = roc_of(score, positive, 6);

    (void)state;
    assert_int_equal(r->n, 2);
    assert_true(same(rd_roc_area(r), (3 * 1 + 6 * 0.5) / 9));
    assert_true(same(rd_roc_tpr(r, 0.5), 0)); /* the tie comes whole, at 2 of 3 */
    assert_true(same(rd_roc_tpr(r, 2.0 / 3), 1));
    assert_true(same(rd_roc_precision(r, 1), 0.6));
}

static void one_kind_alone_has_no_curve(void **state)
{
    const double score[] = { 1, 2 };
    const bool positive[] = { true, true };
    const struct rd_roc *r = roc_of(score, positive, 2);

    (void)state;
    assert_true(isnan(rd_roc_area(r)));
    assert_true(isnan(rd_roc_tpr(r, 0.5)));
    assert_true(isnan(rd_roc_balanced_accuracy(r)));
    assert_true(isnan(rd_roc_precision(roc_of(score, positive, 0), 1)));
}

/* The area by its definition, over all pairs; infinities are ordinary scores. */
static void the_area_is_the_share_of_pairs(void **state)
{
    double score[MAX];
    bool positive[MAX];

    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        struct rd_rng r = rd_rng_stream(1, "roc", round);
        const size_t n = 20 + rd_rng_below(&r, MAX - 20);
        double won = 0, pairs = 0;

        for (size_t i = 0; i < n; i++) {
            positive[i] = rd_rng_below(&r, 3) == 0;
            score[i] = (double)rd_rng_below(&r, round % 2 ? 7 : 100000) + positive[i];
            if (i % 17 == 0)
                score[i] = i % 2 ? HUGE_VAL : -HUGE_VAL;
        }
        positive[0] = true;
        positive[1] = false;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                if (positive[i] && !positive[k]) {
                    pairs++;
                    won += score[i] > score[k] ? 1 : score[i] < score[k] ? 0 : 0.5;
                }
        assert_true(same(rd_roc_area(roc_of(score, positive, n)), won / pairs));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perfect_score_has_area_one),
        cmocka_unit_test(a_known_curve_is_met),
        cmocka_unit_test(a_tie_is_a_coin),
        cmocka_unit_test(one_kind_alone_has_no_curve),
        cmocka_unit_test(the_area_is_the_share_of_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
