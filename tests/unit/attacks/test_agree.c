#include "support.h"

#include "attacks/harness_parts.h"

#include <math.h>

static struct rd_agreement agree(const int *mine, const int *theirs, size_t n, size_t classes)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_agreement a;

    assert_int_equal(rd_agreement(mine, theirs, n, classes, &arena, &a, NULL), RD_OK);
    rd_arena_release(&arena);
    return a;
}

/* Cohen 1960: 45 and 15 in agreement of 100, margins 70/30 and 60/40 give (0.6 - 0.54) / 0.46. */
static void kappa_is_cohens(void **state)
{
    int mine[100], theirs[100];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++, n++) { /* 45 both 0, 25 mine 0, 15 theirs 0, 15 both 1 */
        mine[n] = i >= 70;
        theirs[n] = i >= 45 && (i < 70 || i >= 85);
    }
    assert_true(fabs(agree(mine, theirs, 100, 2).share - 0.6) < 1e-15);
    assert_true(fabs(agree(mine, theirs, 100, 2).kappa - 0.06 / 0.46) < 1e-12);
}

/* A copy of a model that always says "legitimate" is worth nothing, however faithful. */
static void a_constant_is_worth_nothing(void **state)
{
    const int same[4] = { 1, 1, 1, 1 }, other[4] = { 0, 1, 1, 0 };

    (void)state;
    assert_true(agree(same, same, 4, 3).share == 1);
    assert_true(agree(same, same, 4, 3).kappa == 0);
    assert_true(agree(same, other, 4, 3).kappa == 0);
    assert_true(agree(other, other, 4, 3).kappa == 1);
}

static void recall_goes_by_their_class(void **state)
{
    const int mine[5] = { 0, 1, 1, 0, 1 }, theirs[5] = { 0, 0, 1, 1, 1 };
    double recall[3];

    (void)state;
    rd_recall(mine, theirs, 5, 3, recall);
    assert_true(recall[0] == 0.5);
    assert_true(fabs(recall[1] - 2 / 3.0) < 1e-15);
    assert_true(isnan(recall[2])); /* never asked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kappa_is_cohens),
        cmocka_unit_test(a_constant_is_worth_nothing),
        cmocka_unit_test(recall_goes_by_their_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
