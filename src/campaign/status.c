#include "campaign/status.h"

#include "evidence/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *rd_threat_status_name(enum rd_status_of_threat s)
{
    switch (s) {
    case RD_THREAT_UNTRIED:
        return "untried";
    case RD_THREAT_DEMONSTRATED:
        return "demonstrated";
    case RD_THREAT_NOT_DEMONSTRATED:
        return "not demonstrated";
    case RD_THREAT_INCONCLUSIVE:
        return "inconclusive";
    case RD_THREAT_CONTROLLED:
        return "controlled";
    }
    return "?";
}

/* "the model file", "scores and labels": the most that the mask holds, in words. */
static const char *access_words(unsigned access)
{
    if (access & RD_ACCESS_FILES)
        return "the model file";
    if (access & RD_ACCESS_GRADIENTS)
        return "gradients";
    if (access & RD_ACCESS_SCORES)
        return "scores";
    if (access & RD_ACCESS_LABELS)
        return "labels only";
    if (access & RD_ACCESS_DATA)
        return "a hand in the training data";
    return "no access";
}

static char *example_text(struct rd_arena *arena, const struct rd_record *r)
{
    const char *access = access_words(r->access);

    if (!r->successes)
        return rd_arena_printf(arena,
            "%s with %s: none of %zu; the share is at most %.2g %% at 95 %% confidence", r->attack,
            access, r->n, 100 * r->interval.high);
    return rd_arena_printf(arena, "%s with %s: %zu of %zu (%.1f to %.1f %%)", r->attack, access,
        r->successes, r->n, 100 * r->interval.low, 100 * r->interval.high);
}

static double metric_of(const struct rd_record *r, const char *name)
{
    const struct rd_metric *m = rd_record_metric(r, name);

    return m ? m->v.value : (double)NAN;
}

/* "3 victims with 120 poisoned rows (3.0 %) each", "5 recommenders with 30 fake accounts". */
static char *victims_text(
    struct rd_arena *arena, const struct rd_record *r, const struct rd_bound_test *t)
{
    const double rows = metric_of(r, "poisoned_count"), share = metric_of(r, "poisoned_share");
    const char *plural = r->n == 1 ? "" : "s";

    if (t->attack->inject) {
        const double fakes = r->n_traces && r->traces[0].n ? r->traces[0].x[r->traces[0].n - 1] : 0;

        return rd_arena_printf(
            arena, "%zu recommender%s with %.0f fake accounts each", r->n, plural, fakes);
    }
    if (isfinite(rows))
        return rd_arena_printf(arena, "%zu victim%s with %.0f poisoned rows (%.2g %%) each", r->n,
            plural, rows, 100 * share);
    return rd_arena_printf(arena, "%zu victim%s trained for it", r->n, plural);
}

static bool is_assumed(const struct rd_record *r)
{
    for (size_t i = 0; i < r->n_settings; i++)
        if (!strcmp(r->settings[i].name, "recipe-assumed"))
            return !strcmp(r->settings[i].value, "yes");
    return false;
}

/* Victims are trained by a recipe: what is said is about it, not about weights that are in use. */
static char *recipe_text(
    struct rd_arena *arena, const struct rd_record *r, const struct rd_bound_test *t)
{
    const char *victims = victims_text(arena, r, t), *access = access_words(r->access);
    const char *of = is_assumed(r) ? "; of an assumed recipe, not of the deployed weights" : "";
    const double clean = metric_of(r, "clean_accuracy");
    const bool told = isfinite(r->interval.low) && isfinite(r->interval.high);
    char judged[RD_METRIC_WORDS], value[96];

    if (!victims)
        return NULL;
    if (!isfinite(r->interval.value))
        return rd_arena_printf(arena, "%s with %s: %s in %s%s", r->attack, access,
            r->outcome_reason ? r->outcome_reason : "no figure", victims, of);
    (void)rd_metric_judged(r, judged);
    (void)rd_metric_interval(r->judged, &r->interval, value);
    if (told && t->attack->kind == RD_POISON && isfinite(clean))
        return rd_arena_printf(arena, "%s with %s: %s is %s over %s, clean accuracy %.1f %%%s",
            r->attack, access, judged, value, victims, 100 * clean, of);
    return rd_arena_printf(arena, "%s with %s: %s is %s %s %s%s", r->attack, access, judged, value,
        told ? "over" : "in", victims, of);
}

static char *run_text(
    struct rd_arena *arena, const struct rd_record *r, const struct rd_bound_test *t)
{
    const double queries = r->n ? (double)r->queries / (double)r->n : 0;
    const bool told = !isnan(r->interval.low) && !isnan(r->interval.high);
    char judged[RD_METRIC_WORDS], value[96];

    if (t->attack->kind == RD_POISON || t->attack->kind == RD_INFER)
        return recipe_text(arena, r, t);
    return rd_arena_printf(arena, "%s with %s: %s is %s %s %zu run%s of %.0f queries", r->attack,
        access_words(r->access), rd_metric_judged(r, judged),
        rd_metric_interval(r->judged, &r->interval, value), told ? "over" : "in", r->n,
        r->n == 1 ? "" : "s", queries);
}

/* What the figure was judged against: 'utility 85.2 %' says nothing, and misleads, without it. */
static char *with_bar(struct rd_arena *arena, const struct rd_record *r, const char *text)
{
    const bool share = r->unit[0] == 'e' || rd_metric_form_of(r->judged) == RD_METRIC_SHARE;

    if (!isfinite(r->criterion) || !isfinite(r->interval.low) || !isfinite(r->interval.high))
        return rd_arena_printf(arena, "%s", text);
    return rd_arena_printf(arena, share ? "%s; the bar is %.3g %%%s%s" : "%s; the bar is %.3g%s%s",
        text, share ? 100 * r->criterion : r->criterion, r->outcome_reason ? "; " : "",
        r->outcome_reason ? r->outcome_reason : "");
}

/* Demonstrated beats inconclusive beats not demonstrated: the strongest word is the threat's. */
static int rank(enum rd_outcome o)
{
    return o == RD_OUTCOME_DEMONSTRATED ? 2 : o == RD_OUTCOME_INCONCLUSIVE ? 1 : 0;
}

/*
 * What an attacker meets who has time to learn of the active controls: the test as it is, or a
 * re-test of an active control, by the same attack or by the one that knows the control, that comes
 * further. Else a quota that stops only those who never heard of it would end as not demonstrated.
 * by: the control that is worked around, or RD_NONE.
 */
static const struct rd_record *strongest(
    const struct rd_tested *t, const struct rd_system *s, int *by)
{
    const struct rd_record *best = t->record;

    *by = RD_NONE;
    for (size_t i = 0; i < t->n_retests; i++) {
        const struct rd_retest *r = &t->retests[i];

        if (s->controls[r->control].state != RD_CONTROL_ACTIVE || !r->worse ||
            rank(r->worse->outcome) <= rank(best->outcome))
            continue;
        best = r->worse;
        *by = r->control;
    }
    return best;
}

static enum rd_status_of_threat status_of(
    const struct rd_tested *t, const struct rd_record *strongest, const struct rd_system *s)
{
    if (strongest->outcome == RD_OUTCOME_DEMONSTRATED)
        return RD_THREAT_DEMONSTRATED;
    if (strongest->outcome == RD_OUTCOME_INCONCLUSIVE)
        return RD_THREAT_INCONCLUSIVE;
    /* Controlled: not demonstrated with an active control whose measured effect is clear of zero.
     */
    for (size_t i = 0; i < t->n_retests; i++)
        if (s->controls[t->retests[i].control].state == RD_CONTROL_ACTIVE &&
            t->retests[i].effect.low > 0)
            return RD_THREAT_CONTROLLED;
    return RD_THREAT_NOT_DEMONSTRATED;
}

static const char *why_untried(
    const struct rd_threat *threat, const struct rd_bound_test *tests, size_t n)
{
    if (threat->applicability == RD_APPLIES_MITIGATED)
        return "an active control is taken to remove it";
    for (size_t i = 0; i < n; i++)
        if (tests[i].threat == threat && tests[i].untried)
            return tests[i].untried;
    for (size_t i = 0; i < threat->rule->n_proved_by; i++) {
        const struct rd_attack *a = rd_attack_find(threat->rule->proved_by[i]);

        if (a && (a->kind == RD_POISON || a->kind == RD_INFER))
            return "it trains victims: declare a test of it";
    }
    return threat->rule->n_proved_by ? "no test" : "no attack here proves it";
}

rd_status rd_campaign_states(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_bound_test *tests,
    const struct rd_tested *tested, size_t n_tested, struct rd_arena *arena,
    const struct rd_threat_state **states_out)
{
    struct rd_threat_state *states = RD_NEW_ARRAY(arena, struct rd_threat_state, threats->n + 1);

    if (!states)
        return rd_run_no_memory(run, "states");
    for (size_t i = 0; i < threats->n; i++) {
        struct rd_threat_state *st = &states[i];
        const struct rd_record *record = NULL;
        int best = RD_NONE, by = RD_NONE;

        for (size_t k = 0; k < n_tested; k++) {
            const struct rd_record *r;
            int around;

            if (tested[k].test->threat != &threats->item[i] || !tested[k].record)
                continue;
            r = strongest(&tested[k], system, &around);
            if (record && rank(r->outcome) <= rank(record->outcome))
                continue;
            best = (int)k;
            record = r;
            by = around;
        }
        st->tested = best;
        if (best == RD_NONE) {
            st->status = RD_THREAT_UNTRIED;
            st->reason = why_untried(&threats->item[i], tests, n_tested);
            st->text = rd_arena_printf(arena, "untried: %s", st->reason);
        } else {
            st->status = status_of(&tested[best], record, system);
            st->text = record->unit[0] == 'e' ? example_text(arena, record)
                                              : run_text(arena, record, tested[best].test);
            if (st->text)
                st->text = with_bar(arena, record, st->text);
            if (st->text && by != RD_NONE)
                st->text = rd_arena_printf(
                    arena, "%s, working around '%s'", st->text, system->controls[by].id);
        }
        if (!st->text)
            return rd_run_no_memory(run, "states");
    }
    *states_out = states;
    return RD_OK;
}
