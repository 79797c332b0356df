/* poison_record.c - what a poisoning trial comes to: outcome, metrics, curves over poisoned rows.
 */
#include "attacks/poisoning.h"

#include <math.h>
#include <string.h>

enum what {
    ASR,
    ASR_CLEAN,
    ASR_GAIN,
    ACCURACY,
    ACCURACY_CONTROL,
    DROP,
    SHARE,
    COUNT,
    DROPPED,
    RECALL,
    PRECISION,
    FLAGGED_CLEAN,
    N_WHATS
};

static const char *const names[N_WHATS] = { "asr", "asr_clean_model", "asr_gain", "clean_accuracy",
    "clean_accuracy_control", "accuracy_drop", "poisoned_share", "poisoned_count", "dropped",
    "screen_recall", "screen_precision", "screen_flag_rate_clean" };

static double value_of(const struct rd_poisoning *p, size_t point, size_t run, enum what what)
{
    const struct rd_victim *v = rd_poisoning_at(p, point, run), *c = &p->control[run];

    switch (what) {
    case ASR:
        return v->asr;
    case ASR_CLEAN:
        return v->asr_clean;
    case ASR_GAIN:
        return v->asr - v->asr_clean;
    case ACCURACY:
        return v->accuracy;
    case ACCURACY_CONTROL:
        return c->accuracy;
    case DROP:
        return c->accuracy - v->accuracy;
    case SHARE:
        return (double)v->poisoned / (double)v->rows;
    case COUNT:
        return (double)v->poisoned;
    case DROPPED:
        return (double)v->dropped;
    case RECALL:
        return v->recall;
    case PRECISION:
        return v->precision;
    case FLAGGED_CLEAN:
        return (double)c->dropped / (double)c->rows;
    case N_WHATS:
        break;
    }
    return NAN;
}

static const char *too_few(const struct rd_poisoning *p)
{
    return p->runs == 1   ? "between-run variance unknown (1 run)"
           : p->runs == 2 ? "between-run variance unknown (2 runs)"
                          : NULL;
}

/* Over victims by Student's t; without limits when they are too few, NaN when one has no value. */
static struct rd_interval over_runs(
    const struct rd_poisoning *p, size_t point, enum what what, double *values)
{
    for (size_t r = 0; r < p->runs; r++) {
        values[r] = value_of(p, point, r, what);
        if (isnan(values[r]))
            return (struct rd_interval){ NAN, NAN, NAN };
    }
    if (p->runs < 3)
        return (struct rd_interval){ rd_mean(values, p->runs), NAN, NAN };
    return rd_interval_of(rd_ci_mean(values, p->runs, RD_LEVEL));
}

static bool is_there(const struct rd_poisoning *p, enum what what)
{
    if (what <= ASR_GAIN)
        return p->aimed;
    return what <= DROPPED || p->screened;
}

static rd_status metrics(const struct rd_poisoning *p, double *values)
{
    struct rd_record *rec = p->h->record;
    struct rd_metric *m = RD_NEW_ARRAY(p->h->arena, struct rd_metric, N_WHATS);

    if (!m)
        return rd_run_no_memory(p->h->run, "metrics");
    for (int w = 0; w < N_WHATS; w++) {
        const struct rd_interval v = over_runs(p, p->main, (enum what)w, values);

        if (!is_there(p, (enum what)w))
            continue;
        m[rec->n_metrics++] = (struct rd_metric){ names[w], v,
            isnan(v.value) ? "the screens flagged nothing in one victim's data" : too_few(p) };
    }
    rec->metrics = m;
    return RD_OK;
}

/* --- the outcome --- */

/* A backdoor that costs too much accuracy is found before it is used. */
static void judge_noticing(const struct rd_poisoning *p, double *values)
{
    struct rd_record *rec = p->h->record;
    const struct rd_interval drop = over_runs(p, p->main, DROP, values);

    if (rec->outcome != RD_OUTCOME_DEMONSTRATED || drop.high <= p->noticing)
        return;
    rec->outcome = drop.low > p->noticing ? RD_OUTCOME_NOT_DEMONSTRATED : RD_OUTCOME_INCONCLUSIVE;
    rec->outcome_reason =
        drop.low > p->noticing
            ? "it would be noticed: clean accuracy falls by more than the noticing limit"
            : "clean accuracy may fall by more than the noticing limit";
}

static rd_status judge(const struct rd_poisoning *p, double *values)
{
    struct rd_record *rec = p->h->record;
    const enum what what = p->aimed ? ASR_GAIN : DROP;
    struct rd_trial *trial = RD_NEW_ARRAY(p->h->arena, struct rd_trial, p->runs);

    if (!trial)
        return rd_run_no_memory(p->h->run, "trials");
    /* Availability: what is noticed is the success. Half of the accuracy would be a strange goal.
     */
    if (!p->aimed && isnan(p->h->request->criterion))
        rec->criterion = p->noticing;
    for (size_t r = 0; r < p->runs; r++) {
        const double v = value_of(p, p->main, r, what);
        const bool hidden = !p->aimed || value_of(p, p->main, r, DROP) <= p->noticing;

        trial[r] = (struct rd_trial){ v >= rec->criterion && hidden, 0, NAN, v };
        rec->successes += trial[r].success;
    }
    rec->trials = trial;
    rec->n_trials = rec->n = p->runs;
    rec->unit = "run";
    rec->judged = names[what];
    rec->interval = over_runs(p, p->main, what, values);
    rec->outcome = rd_outcome_judge(&rec->interval, rec->criterion);
    if (p->aimed)
        judge_noticing(p, values);
    if (too_few(p)) {
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
        rec->outcome_reason = too_few(p);
    }
    return RD_OK;
}

/* --- curves and traces: from no poisoned row on --- */

static const struct {
    const char *name;
    enum what what, at_zero; /* at_zero N_WHATS: 0 by definition */
} lines[] = {
    { "asr", ASR, ASR_CLEAN },
    { "drop", DROP, N_WHATS },
    { "clean_accuracy", ACCURACY, ACCURACY_CONTROL },
};
enum { N_LINES = sizeof lines / sizeof *lines };

static struct rd_interval point_of(
    const struct rd_poisoning *p, size_t line, size_t point, double *values)
{
    /* point 0 is the clean control, point k the budget k - 1 */
    if (point)
        return over_runs(p, point - 1, lines[line].what, values);
    if (lines[line].at_zero == N_WHATS)
        return (struct rd_interval){ 0, 0, 0 };
    return over_runs(p, p->main, lines[line].at_zero, values);
}

static rd_status curve(
    const struct rd_poisoning *p, size_t line, double *values, struct rd_curve *c)
{
    double *x = RD_NEW_ARRAY(p->h->arena, double, p->n_points + 1);
    struct rd_interval *y = RD_NEW_ARRAY(p->h->arena, struct rd_interval, p->n_points + 1);
    size_t n = 0;

    if (!x || !y)
        return rd_run_no_memory(p->h->run, "curves");
    for (size_t k = 0; k <= p->n_points; k++) {
        const double at = k ? over_runs(p, k - 1, COUNT, values).value : 0;

        if (n && !(at > x[n - 1])) /* it could not use its budget */
            continue;
        x[n] = at;
        y[n++] = point_of(p, line, k, values);
    }
    *c = (struct rd_curve){ lines[line].name, "poisoned", n, x, y };
    return RD_OK;
}

static rd_status trace(const struct rd_poisoning *p, size_t line, size_t run, struct rd_trace *t)
{
    double *x = RD_NEW_ARRAY(p->h->arena, double, p->n_points + 1);
    double *y = RD_NEW_ARRAY(p->h->arena, double, p->n_points + 1);
    size_t n = 1;

    if (!x || !y)
        return rd_run_no_memory(p->h->run, "traces");
    x[0] = 0;
    y[0] = lines[line].at_zero == N_WHATS ? 0 : value_of(p, p->main, run, lines[line].at_zero);
    for (size_t k = 0; k < p->n_points; k++) {
        const double at = value_of(p, k, run, COUNT);

        if (!(at > x[n - 1]))
            continue;
        x[n] = at;
        y[n++] = value_of(p, k, run, lines[line].what);
    }
    *t = (struct rd_trace){ run, lines[line].name, n, x, y };
    return RD_OK;
}

static rd_status curves(const struct rd_poisoning *p, double *values)
{
    struct rd_record *rec = p->h->record;
    struct rd_curve *c = RD_NEW_ARRAY(p->h->arena, struct rd_curve, N_LINES);
    struct rd_trace *t = RD_NEW_ARRAY(p->h->arena, struct rd_trace, N_LINES * p->runs);
    rd_status st = RD_OK;

    if (!c || !t)
        return rd_run_no_memory(p->h->run, "curves");
    for (size_t l = p->aimed ? 0 : 1; !st && l < N_LINES; l++) {
        if (p->n_points > 1)
            st = curve(p, l, values, &c[rec->n_curves++]);
        for (size_t r = 0; !st && r < p->runs; r++)
            st = trace(p, l, r, &t[rec->n_traces++]);
    }
    rec->curves = c;
    rec->traces = t;
    return st;
}

rd_status rd_poisoning_record(const struct rd_poisoning *p)
{
    double *values = RD_NEW_ARRAY(p->h->run->scratch, double, p->runs);
    rd_status st = values ? RD_OK : rd_run_no_memory(p->h->run, "a record");

    if (!st)
        st = judge(p, values);
    if (!st)
        st = metrics(p, values);
    return st ? st : curves(p, values);
}
