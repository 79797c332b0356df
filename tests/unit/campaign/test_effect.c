/* What a control changed: paired, with an interval, and plainly zero when it did nothing. */
#include "campaign/campaign.h"
#include "support.h"

#include <math.h>
#include <string.h>

enum { N = 100 };

static struct rd_record examples(struct rd_trial *t, size_t from, size_t n_success)
{
    for (size_t i = 0; i < N; i++)
        t[i] = (struct rd_trial){ .success = i >= from && i < from + n_success };
    return (struct rd_record){ .unit = "example",
        .n = N,
        .successes = n_success,
        .trials = t,
        .n_trials = N,
        .interval = { (double)n_success / N, 0, 1 } };
}

static void a_control_that_stops_half_is_clear_of_zero(void **state)
{
    struct rd_trial b[N], a[N];
    const struct rd_record before = examples(b, 0, 80), after = examples(a, 0, 30);
    struct rd_interval x, y, effect;
    const char *reason;

    (void)state;
    rd_campaign_effect(&before, &after, &x, &y, &effect, &reason);
    assert_null(reason);
    assert_true(fabs(effect.value - 0.5) < 1e-12);
    assert_true(effect.low > 0.3 && effect.low < 0.5 && effect.high > 0.5 && effect.high < 0.7);
}

static void the_same_successes_are_no_effect_and_zero_is_inside(void **state)
{
    struct rd_trial b[N], a[N];
    const struct rd_record before = examples(b, 0, 80), after = examples(a, 0, 80);
    struct rd_interval x, y, effect;
    const char *reason;

    (void)state;
    rd_campaign_effect(&before, &after, &x, &y, &effect, &reason);
    assert_true(effect.value == 0 && effect.low <= 0 && effect.high >= 0);
}

/* 50 of 100 both times, but other ones: unpaired counts would say "nothing happened" too surely. */
static void pairing_matters(void **state)
{
    struct rd_trial b[N], a[N];
    const struct rd_record before = examples(b, 0, 50), other = examples(a, 50, 50);
    struct rd_trial s[N];
    const struct rd_record same = examples(s, 0, 50);
    struct rd_interval x, y, wide, narrow;
    const char *reason;

    (void)state;
    rd_campaign_effect(&before, &other, &x, &y, &wide, &reason);
    rd_campaign_effect(&before, &same, &x, &y, &narrow, &reason);
    assert_true(wide.high - wide.low > 2 * (narrow.high - narrow.low));
}

static void runs_are_paired_by_seed(void **state)
{
    /* differences .10 .11 .09: mean .10, s .01, t(2) = 4.302653: half width .0248 */
    struct rd_trial b[3] = { { .metric = .80 }, { .metric = .91 }, { .metric = .69 } };
    struct rd_trial a[3] = { { .metric = .70 }, { .metric = .80 }, { .metric = .60 } };
    const struct rd_record before = { .unit = "run", .n = 3, .trials = b, .n_trials = 3 };
    const struct rd_record after = { .unit = "run", .n = 3, .trials = a, .n_trials = 3 };
    struct rd_interval x, y, effect;
    const char *reason;

    (void)state;
    rd_campaign_effect(&before, &after, &x, &y, &effect, &reason);
    assert_null(reason);
    assert_true(fabs(effect.value - .10) < 1e-12);
    assert_true(fabs(effect.low - (.10 - 4.302653 * .01 / sqrt(3))) < 1e-6);
}

static void two_runs_are_not_enough_to_say(void **state)
{
    struct rd_trial b[2] = { { .metric = .8 }, { .metric = .9 } },
                    a[2] = { { .metric = .1 }, { .metric = .1 } };
    const struct rd_record before = { .unit = "run", .n = 2, .trials = b, .n_trials = 2 };
    const struct rd_record after = { .unit = "run", .n = 2, .trials = a, .n_trials = 2 };
    struct rd_interval x, y, effect;
    const char *reason;

    (void)state;
    rd_campaign_effect(&before, &after, &x, &y, &effect, &reason);
    assert_true(isnan(effect.low) && isnan(effect.high));
    assert_non_null(strstr(reason, "between-run variance unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_control_that_stops_half_is_clear_of_zero),
        cmocka_unit_test(the_same_successes_are_no_effect_and_zero_is_inside),
        cmocka_unit_test(pairing_matters),
        cmocka_unit_test(runs_are_paired_by_seed),
        cmocka_unit_test(two_runs_are_not_enough_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
