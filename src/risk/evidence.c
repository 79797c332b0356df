/* evidence.c - records into something a campaign's outcome can be drawn from. */
#include "risk/model.h"
#include "stats/interval.h"

#include <math.h>
#include <string.h>

static rd_status no_memory(struct rd_error *err)
{
    return RD_FAIL(err, RD_E_MEMORY, "out of memory for the evidence");
}

/* --- evade --- */

/* A success without a count of queries holds only where no limit asks for one. */
static double need_of(const struct rd_trial *t)
{
    if (!t->success)
        return (double)INFINITY;
    return isfinite(t->queries) ? t->queries : 1e300;
}

static size_t trials_of(const struct rd_record *r)
{
    return r->n_trials < RD_RISK_TRIALS ? r->n_trials : RD_RISK_TRIALS;
}

/* Successes within limit among the trials first, first + step, ... */
static double share_within(const struct rd_record *r, double limit, size_t first, size_t step)
{
    size_t hits = 0, n = 0;

    for (size_t i = first; i < trials_of(r); i += step) {
        const double need = need_of(&r->trials[i]);

        n++;
        hits += need <= limit && isfinite(need);
    }
    return n ? (double)hits / (double)n : 0;
}

static void sift(size_t *order, size_t root, size_t n, const double *need)
{
    const size_t v = order[root];

    for (;;) {
        size_t child = 2 * root + 1;

        if (child >= n)
            break;
        if (child + 1 < n && need[order[child + 1]] > need[order[child]])
            child++;
        if (!(need[order[child]] > need[v]))
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = v;
}

static void sort_by_need(size_t *order, size_t n, const double *need)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(order, i, n, need);
    for (size_t end = n; end-- > 1;) {
        const size_t top = order[0];

        order[0] = order[end];
        order[end] = top;
        sift(order, 0, end, need);
    }
}

static rd_status build_evade(const struct rd_risk_candidate *candidate, size_t n, double limit,
    struct rd_arena *arena, struct rd_risk_evidence *e, struct rd_error *err)
{
    const size_t step = n > 1 ? 2 : 1, first = n > 1 ? 1 : 0;
    const struct rd_record *r;
    size_t best = 0, total;
    double *need;
    size_t *unit, *order;

    for (size_t c = 1; c < n; c++)
        if (share_within(candidate[c].record, limit, 0, 2) >
            share_within(candidate[best].record, limit, 0, 2))
            best = c;
    r = candidate[best].record;
    total = trials_of(r);
    need = RD_NEW_ARRAY(arena, double, total + 1);
    unit = RD_NEW_ARRAY(arena, size_t, total + 1);
    order = RD_NEW_ARRAY(arena, size_t, total + 1);
    if (!need || !unit || !order)
        return no_memory(err);
    for (size_t i = first; i < total; i += step) {
        need[e->n] = need_of(&r->trials[i]);
        unit[e->n] = i;
        order[e->n] = e->n;
        if (need[e->n] < 1e300 && need[e->n] > e->longest)
            e->longest = need[e->n];
        e->n++;
    }
    sort_by_need(order, e->n, need);
    e->need = need;
    e->unit = unit;
    e->order = order;
    e->attack = candidate[best].attack;
    e->test = candidate[best].test;
    return RD_OK;
}

/* --- extract, poison, infer: runs --- */

double rd_risk_trace_at(const struct rd_risk_trace *t, double q)
{
    size_t low = 0, high = t->n - 1;
    double w;

    if (q <= t->x[0])
        return t->y[0];
    if (q >= t->x[high])
        return t->y[high];
    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;

        if (t->x[mid] <= q)
            low = mid;
        else
            high = mid;
    }
    w = (q - t->x[low]) / (t->x[high] - t->x[low]);
    return t->y[low] + w * (t->y[high] - t->y[low]);
}

/*
 * More queries never make a worse copy: the least-squares curve that never falls, by pooling
 * neighbors that do. Source: Ayer, Brunk, Ewing, Reid, Silverman 1955. weight: room for n.
 */
static void make_monotone(double *y, double *weight, size_t *start, size_t n)
{
    size_t blocks = 0;

    for (size_t i = 0; i < n; i++) {
        double value = y[i], w = 1;
        size_t from = i;

        while (blocks > 0 && y[blocks - 1] >= value) {
            blocks--;
            value = (value * w + y[blocks] * weight[blocks]) / (w + weight[blocks]);
            w += weight[blocks];
            from = start[blocks];
        }
        y[blocks] = value;
        weight[blocks] = w;
        start[blocks] = from;
        blocks++;
    }
    /* Unfold from the back: block b covers start[b] .. the next one's start. */
    for (size_t end = n, b = blocks; b-- > 0; end = start[b])
        for (size_t i = end; i-- > start[b];)
            y[i] = y[b];
}

/* What a thief without a query has: the baseline where the record gives one, else nothing. Utility
 * is 0 by definition. */
static double start_of(const struct rd_record *r, enum rd_measure m)
{
    static const char *const baseline[RD_MEASURES] = {
        [RD_MEASURE_FIDELITY] = "baseline_fidelity",
        [RD_MEASURE_KAPPA] = "baseline_kappa",
        [RD_MEASURE_ACCURACY] = "baseline_accuracy",
    };
    const struct rd_metric *metric = baseline[m] ? rd_record_metric(r, baseline[m]) : NULL;

    return metric && isfinite(metric->v.value) && metric->v.value > 0 ? metric->v.value : 0;
}

static const struct rd_trace *find_trace(const struct rd_record *r, size_t run, enum rd_measure m)
{
    for (size_t i = 0; i < r->n_traces; i++)
        if (r->traces[i].run == run && r->traces[i].n &&
            !strcmp(r->traces[i].metric, rd_measure_words[m].name))
            return &r->traces[i];
    return NULL;
}

/*
 * What a poisoning's trace says of a measure: asr is counted from the clean-trained model's rate on
 * the same inputs, which is the trace's own first point. Of a recommender it is the item's hit
 * rate, or, where an item is buried, the places it lost.
 */
struct poison_source {
    const char *metric;
    bool from_start;
    double sign;
};
static struct poison_source poison_source(const struct rd_record *r, enum rd_measure m)
{
    const char *judged = r->judged ? r->judged : "";

    if (m == RD_MEASURE_DROP)
        return (struct poison_source){ "drop", false, 1 };
    if (m != RD_MEASURE_ASR)
        return (struct poison_source){ NULL, false, 1 };
    if (!strcmp(judged, "hit_rate_gain"))
        return (struct poison_source){ "hit_rate", true, 1 };
    if (!strcmp(judged, "rank_loss"))
        return (struct poison_source){ "rank_shift", true, -1 };
    return (struct poison_source){ "asr", true, 1 };
}

static const struct rd_trace *named_trace(const struct rd_record *r, size_t run, const char *name)
{
    for (size_t i = 0; name && i < r->n_traces; i++)
        if (r->traces[i].run == run && r->traces[i].n && !strcmp(r->traces[i].metric, name))
            return &r->traces[i];
    return NULL;
}

/* Points that do not rise in x, or are not numbers, are left out: the record comes from a file. */
static rd_status copy_trace(const struct rd_record *r, const struct rd_trace *from,
    enum rd_measure m, struct rd_arena *arena, struct rd_risk_trace *to, struct rd_error *err)
{
    double *x = RD_NEW_ARRAY(arena, double, from->n + 1);
    double *y = RD_NEW_ARRAY(arena, double, from->n + 1);
    double *weight = RD_NEW_ARRAY(arena, double, from->n + 1);
    size_t *start = RD_NEW_ARRAY(arena, size_t, from->n + 1);
    size_t n = 0;

    if (!x || !y || !weight || !start)
        return no_memory(err);
    if (!(from->x[0] <= 0)) {
        x[n] = 0;
        y[n++] = start_of(r, m);
    }
    for (size_t i = 0; i < from->n; i++)
        if (isfinite(from->x[i]) && isfinite(from->y[i]) && (n == 0 || from->x[i] > x[n - 1])) {
            x[n] = from->x[i];
            y[n++] = from->y[i];
        }
    make_monotone(y, weight, start, n);
    *to = (struct rd_risk_trace){ x, y, n };
    return RD_OK;
}

/* One run's curve of a poisoning, over the samples that were put in; n 0: not measured. */
static rd_status poison_trace(const struct rd_record *r, size_t run, enum rd_measure m,
    struct rd_arena *arena, struct rd_risk_trace *to, struct rd_error *err)
{
    const struct poison_source s = poison_source(r, m);
    const struct rd_trace *from = named_trace(r, run, s.metric);
    struct rd_trace moved;
    double *y;

    to->n = 0;
    if (!from)
        return RD_OK;
    y = RD_NEW_ARRAY(arena, double, from->n);
    if (!y)
        return no_memory(err);
    for (size_t i = 0; i < from->n; i++)
        y[i] = s.sign * (from->y[i] - (s.from_start && from->x[0] <= 0 ? from->y[0] : 0));
    moved = *from;
    moved.y = y;
    return copy_trace(r, &moved, m, arena, to, err);
}

/* One run's figure of an inference, as a curve of one point; n 0: not measured. */
static rd_status infer_trace(const struct rd_record *r, size_t run, enum rd_measure m,
    struct rd_arena *arena, struct rd_risk_trace *to, struct rd_error *err)
{
    const struct rd_metric *metric = m == RD_MEASURE_FPR   ? rd_record_metric(r, "fpr")
                                     : m == RD_MEASURE_AUC ? rd_record_metric(r, "auc")
                                                           : NULL;
    double *point, value = metric ? metric->v.value : (double)NAN;

    to->n = 0;
    if (m == RD_MEASURE_TPR) /* what is judged: TPR, or what stands for it */
        value = r->trials[run].metric;
    if (!isfinite(value))
        return RD_OK;
    point = RD_NEW_ARRAY(arena, double, 2);
    if (!point)
        return no_memory(err);
    point[1] = value > 0 ? value : 0;
    *to = (struct rd_risk_trace){ point, point + 1, 1 };
    return RD_OK;
}

static rd_status theft_trace(const struct rd_record *r, size_t run, enum rd_measure m,
    struct rd_arena *arena, struct rd_risk_trace *to, struct rd_error *err)
{
    const struct rd_trace *from = find_trace(r, run, m);

    to->n = 0;
    return from ? copy_trace(r, from, m, arena, to, err) : RD_OK;
}

static double mean_without(const struct rd_record *r, size_t left_out, size_t runs)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < runs && i < r->n_trials; i++)
        if (i != left_out || runs == 1) {
            sum += isfinite(r->trials[i].metric) ? r->trials[i].metric : 0;
            n++;
        }
    return n ? sum / (double)n : 0;
}

static rd_status one_measure(const struct rd_risk_candidate *candidate, const size_t *pick,
    enum rd_measure m, struct rd_arena *arena, struct rd_risk_evidence *e, struct rd_error *err)
{
    struct rd_risk_trace *trace = RD_NEW_ARRAY(arena, struct rd_risk_trace, e->runs);
    double *last = RD_NEW_ARRAY(arena, double, e->runs);
    double mean;

    if (!trace || !last)
        return no_memory(err);
    for (size_t run = 0; run < e->runs; run++) {
        const struct rd_record *r = candidate[pick[run]].record;
        const rd_status st = e->kind == RD_POISON ? poison_trace(r, run, m, arena, &trace[run], err)
                             : e->kind == RD_INFER
                                 ? infer_trace(r, run, m, arena, &trace[run], err)
                                 : theft_trace(r, run, m, arena, &trace[run], err);

        if (st)
            return st;
        if (trace[run].n == 0)
            return RD_OK; /* stays NULL: not measured */
        last[run] = trace[run].y[trace[run].n - 1];
        if (trace[run].x[trace[run].n - 1] < e->reach)
            e->reach = trace[run].x[trace[run].n - 1];
    }
    e->trace[m] = trace;
    mean = rd_mean(last, e->runs);
    if (e->runs >= 2 && mean > 0)
        e->spread[m] = sqrt(rd_variance(last, e->runs) / (double)e->runs) / mean;
    return RD_OK;
}

static rd_status build_runs(const struct rd_risk_candidate *candidate, size_t n,
    struct rd_arena *arena, struct rd_risk_evidence *e, struct rd_error *err)
{
    const struct rd_metric *recall;
    size_t *pick, shown = 0;

    e->runs = candidate[0].record->n_trials;
    for (size_t c = 1; c < n; c++)
        if (candidate[c].record->n_trials < e->runs)
            e->runs = candidate[c].record->n_trials;
    pick = RD_NEW_ARRAY(arena, size_t, e->runs + 1);
    if (!pick)
        return no_memory(err);
    for (size_t run = 0; run < e->runs; run++)
        for (size_t c = 1; c < n; c++)
            if (mean_without(candidate[c].record, run, e->runs) >
                mean_without(candidate[pick[run]].record, run, e->runs))
                pick[run] = c;
    e->reach = (double)INFINITY;
    for (int m = 0; m < RD_MEASURES && e->runs; m++) {
        const rd_status st = one_measure(candidate, pick, (enum rd_measure)m, arena, e, err);

        if (st)
            return st;
    }
    for (size_t c = 1; c < n; c++)
        if (candidate[c].record->interval.value > candidate[shown].record->interval.value)
            shown = c;
    e->attack = candidate[shown].attack;
    e->test = candidate[shown].test;
    recall = rd_record_metric(candidate[shown].record, "screen_recall");
    if (recall && isfinite(recall->v.value))
        e->recall = recall->v.value < 0 ? 0 : recall->v.value > 1 ? 1 : recall->v.value;
    return RD_OK;
}

rd_status rd_risk_evidence_build(const struct rd_risk_candidate *candidate, size_t n, double limit,
    struct rd_arena *arena, struct rd_risk_evidence **evidence_out, struct rd_error *err)
{
    struct rd_risk_evidence *e = RD_NEW(arena, struct rd_risk_evidence);
    const bool by_run = n && !strcmp(candidate[0].record->unit, "run");
    rd_status st;

    if (!e)
        return no_memory(err);
    if (n == 0)
        return RD_FAIL(err, RD_E_BUG, "no candidate");
    e->kind = !by_run ? RD_EVADE : candidate[0].kind ? candidate[0].kind : RD_EXTRACT;
    st = by_run ? build_runs(candidate, n, arena, e, err)
                : build_evade(candidate, n, limit, arena, e, err);
    if (!st)
        *evidence_out = e;
    return st;
}

static rd_status better_trace(const struct rd_risk_trace *a, const struct rd_risk_trace *b,
    struct rd_arena *arena, struct rd_risk_trace *out, struct rd_error *err)
{
    double *x = RD_NEW_ARRAY(arena, double, a->n + b->n);
    double *y = RD_NEW_ARRAY(arena, double, a->n + b->n);
    size_t i = 0, j = 0, n = 0;

    if (!x || !y)
        return no_memory(err);
    while (i < a->n || j < b->n) {
        const double q = j == b->n || (i < a->n && a->x[i] <= b->x[j]) ? a->x[i] : b->x[j];
        const double u = rd_risk_trace_at(a, q), v = rd_risk_trace_at(b, q);

        i += i < a->n && a->x[i] == q;
        j += j < b->n && b->x[j] == q;
        x[n] = q;
        y[n++] = u > v ? u : v;
    }
    *out = (struct rd_risk_trace){ x, y, n };
    return RD_OK;
}

rd_status rd_risk_evidence_better(const struct rd_risk_evidence *a,
    const struct rd_risk_evidence *b, struct rd_arena *arena, const struct rd_risk_evidence **out,
    struct rd_error *err)
{
    struct rd_risk_evidence *e = RD_NEW(arena, struct rd_risk_evidence);

    if (!e)
        return no_memory(err);
    *e = *a; /* names, spread and reach of the first */
    e->runs = a->runs < b->runs ? a->runs : b->runs;
    for (int m = 0; m < RD_MEASURES; m++) {
        struct rd_risk_trace *trace;

        if (!a->trace[m] || !b->trace[m])
            continue;
        trace = RD_NEW_ARRAY(arena, struct rd_risk_trace, e->runs);
        if (!trace)
            return no_memory(err);
        for (size_t run = 0; run < e->runs; run++) {
            const rd_status st =
                better_trace(&a->trace[m][run], &b->trace[m][run], arena, &trace[run], err);

            if (st)
                return st;
        }
        e->trace[m] = trace;
    }
    *out = e;
    return RD_OK;
}
