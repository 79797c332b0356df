/* effect.c - what a control changed, on the same units. */
#include "campaign/campaign.h"

#include "stats/interval.h"

#include <math.h>

static const double level = 0.95;

static struct rd_interval from_ci(struct rd_ci c)
{
    return (struct rd_interval){ c.value, c.low, c.high };
}

static void example_effect(
    const struct rd_record *before, const struct rd_record *after, struct rd_interval *effect_out)
{
    size_t both = 0, only_before = 0, only_after = 0, neither = 0;

    for (size_t i = 0; i < before->n_trials; i++) {
        const bool b = before->trials[i].success, a = after->trials[i].success;

        both += b && a;
        only_before += b && !a;
        only_after += !b && a;
        neither += !b && !a;
    }
    *effect_out = from_ci(rd_ci_paired_proportions(both, only_before, only_after, neither, level));
}

enum { RUNS_MAX = 256 };

static void run_effect(const struct rd_record *before, const struct rd_record *after,
    struct rd_interval *effect_out, const char **reason_out)
{
    double b[RUNS_MAX] = { 0 }, a[RUNS_MAX] = { 0 };
    size_t n = before->n_trials < RUNS_MAX ? before->n_trials : RUNS_MAX;

    for (size_t i = 0; i < n; i++) {
        b[i] = before->trials[i].metric;
        a[i] = after->trials[i].metric;
    }
    *effect_out = from_ci(rd_ci_paired_mean(b, a, n, level));
    if (n < 3) {
        effect_out->low = effect_out->high = NAN;
        *reason_out = "between-run variance unknown (fewer than 3 runs)";
    }
}

void rd_campaign_effect(const struct rd_record *before, const struct rd_record *after,
    struct rd_interval *before_out, struct rd_interval *after_out, struct rd_interval *effect_out,
    const char **reason_out)
{
    *reason_out = NULL;
    *before_out = before->interval;
    *after_out = after->interval;
    *effect_out = (struct rd_interval){ NAN, NAN, NAN };
    if (before->n_trials != after->n_trials || !before->n_trials)
        *reason_out = "the units before and after are not the same";
    else if (before->unit[0] == 'e')
        example_effect(before, after, effect_out);
    else
        run_effect(before, after, effect_out, reason_out);
}
