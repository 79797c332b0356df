/*
 * harness_evade.c - evasion: one trial an example, judged by asking the target again.
 *
 * Only examples that the target answers rightly are attacked; the others count as misclassified at
 * no cost. The security curve goes from the largest radius down, attacking at each only what fell
 * at the one above and not already within it: so it never falls with the radius, and costs little.
 */
#include "attacks/harness_parts.h"

#include "stats/special.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* An attack's copies of a batch: examples x a few buffers stay within this. */
enum { BATCH_FLOATS = 4 << 20, CURVE_MAX = 16, QUERY_POINTS = 24 };

/* What one pass over some examples at one radius gave. Arrays over all of eval. */
struct pass {
    double eps, share;
    uint64_t cap; /* rows for each example */
    bool *success;
    double *queries, *distance; /* NaN without success */
    float *adv;                 /* (n, inputs) best proposals, or NULL */
    uint64_t spent, gradients;
    size_t open; /* examples that the target's silence left undecided; else 0 */
    bool lost;
    size_t clipped, refused; /* proposals that left ball or box; that held NaN or infinity */
};

static size_t batch_size(const struct rd_harness *h)
{
    const size_t fit = BATCH_FLOATS / h->request->target->inputs;

    if (h->request->batch)
        return h->request->batch;
    return fit < 1 ? 1 : fit > 4096 ? 4096 : fit;
}

/* No radius was asked for: the distance found is the result. */
static bool is_unbounded(const struct rd_harness *h)
{
    return h->request->attack->minimizes && rd_request_number(h->request, "eps") == 0;
}

/* Then the ball is one that holds the whole box. */
static double radius_of(const struct rd_harness *h)
{
    const double wide = (double)h->high - (double)h->low;

    if (!is_unbounded(h))
        return rd_request_number(h->request, "eps");
    return 1.001 * wide * (h->request->norm == RD_L2 ? sqrt((double)h->request->eval->width) : 1);
}

/* --- one batch --- */

/* Proposals made legal; what is not finite falls back to the example itself. */
static void tidy(const struct rd_counted *c, const struct rd_evade_job *job, struct pass *p)
{
    const size_t inputs = c->oracle.inputs;

    for (size_t e = 0; e < job->n; e++) {
        float *row = job->x_adv + e * inputs;
        bool finite = true;

        for (size_t i = 0; i < inputs; i++)
            finite &= isfinite(row[i]) != 0;
        if (!finite) {
            memcpy(row, job->x + e * inputs, inputs * sizeof *row);
            p->refused++;
        } else if (rd_ball_clip(job->norm, job->eps, job->x + e * inputs, c->oracle.low,
                       c->oracle.high, row, inputs)) {
            p->clipped++;
        }
    }
}

/* Ask again about every proposal; where one fails, about the row that was seen to succeed. */
static rd_status judge(struct rd_harness *h, struct rd_counted *c, const struct rd_evade_job *job,
    const size_t *who, struct rd_arena *scratch, struct pass *p)
{
    const size_t inputs = c->oracle.inputs;
    int *answer = RD_NEW_ARRAY(scratch, int, job->n);
    size_t *again = RD_NEW_ARRAY(scratch, size_t, job->n), n_again = 0;
    float *row = RD_NEW_ARRAY(scratch, float, job->n *inputs);
    rd_status st;

    if (!answer || !again || !row)
        return rd_run_no_memory(h->run, "judging");
    tidy(c, job, p);
    st = rd_harness_ask(h, job->x_adv, job->n, answer);
    for (size_t e = 0; !st && e < job->n; e++)
        if (answer[e] == job->label[e] && c->done[e])
            again[n_again++] = e;
    if (!st && n_again) {
        int *second = RD_NEW_ARRAY(scratch, int, n_again);

        if (!second)
            return rd_run_no_memory(h->run, "judging");
        rd_evade_pack(c->won, again, n_again, inputs, row);
        st = rd_harness_ask(h, row, n_again, second);
        for (size_t i = 0; !st && i < n_again; i++)
            if (second[i] != job->label[again[i]]) {
                answer[again[i]] = second[i];
                memcpy(job->x_adv + again[i] * inputs, row + i * inputs, inputs * sizeof *row);
            }
    }
    for (size_t e = 0; !st && e < job->n; e++) {
        const size_t k = who[e];
        const float *x = job->x + e * inputs, *adv = job->x_adv + e * inputs;

        p->success[k] = answer[e] != job->label[e];
        p->queries[k] = !p->success[k] ? NAN : (double)(c->done[e] ? c->first[e] : c->spent[e]);
        p->distance[k] = p->success[k] ? rd_ball_distance(job->norm, x, adv, inputs) : NAN;
        if (p->adv)
            memcpy(p->adv + k * inputs, adv, inputs * sizeof *adv);
    }
    return st;
}

/*
 * The target fell silent: what was seen to succeed stands, the rest is open. Without a radius the
 * distance is what is measured, and the first success says nothing of it.
 */
static void salvage(
    const struct rd_counted *c, const struct rd_evade_job *job, const size_t *who, struct pass *p)
{
    const size_t inputs = c->oracle.inputs;
    const bool counts = !is_unbounded(c->harness);

    p->lost = true;
    for (size_t e = 0; e < job->n; e++) {
        const size_t k = who[e];
        const float *won = c->won + e * inputs;
        const bool done = c->done[e] && counts;

        p->open += !done;
        p->success[k] = done;
        p->queries[k] = done ? (double)c->first[e] : NAN;
        p->distance[k] = done ? rd_ball_distance(job->norm, job->x + e * inputs, won, inputs) : NAN;
        if (p->adv && done)
            memcpy(p->adv + k * inputs, won, inputs * sizeof *won);
    }
}

/* who (n): rows of eval. */
static rd_status attack_batch(struct rd_harness *h, const size_t *who, size_t n, struct pass *p)
{
    const struct rd_trial_request *r = h->request;
    const size_t inputs = r->target->inputs;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run inner = *h->run;
    struct rd_counted c;
    float *x = RD_NEW_ARRAY(&scratch, float, n *inputs);
    float *x_adv = RD_NEW_ARRAY(&scratch, float, n *inputs);
    int *label = RD_NEW_ARRAY(&scratch, int, n);
    uint64_t *example = RD_NEW_ARRAY(&scratch, uint64_t, n);
    struct rd_evade_job job = {
        .x = x,
        .label = label,
        .example = example,
        .n = n,
        .norm = r->norm,
        .eps = p->eps,
        .share = p->share,
        .rows = p->cap,
        .x_adv = x_adv,
    };
    rd_status st = RD_OK;

    if (!x || !x_adv || !label || !example)
        st = rd_run_no_memory(h->run, "a batch of examples");
    for (size_t e = 0; !st && e < n; e++) {
        memcpy(x + e * inputs, r->eval->x + who[e] * inputs, inputs * sizeof *x);
        memcpy(x_adv + e * inputs, x + e * inputs, inputs * sizeof *x);
        label[e] = r->eval->label[who[e]];
        example[e] = who[e];
    }
    if (!st)
        st = rd_counted_init(&c, h, &job, p->cap, &scratch);
    if (st)
        goto out;
    job.done = c.done;
    inner.scratch = &scratch;
    inner.err = &err;
    st = r->attack->evade(&inner, &c.oracle, r->options, &job);
    /* An attack that ran into its budget is judged by what it has. */
    if (st == RD_E_LIMIT && c.over)
        st = RD_OK;
    if (st && st != c.lost) {
        if (h->run->err)
            *h->run->err = err;
        goto out;
    }
    if (!st) {
        const struct rd_error before = *h->run->err;

        st = judge(h, &c, &job, who, &scratch, p);
        if (rd_lost(st))
            *h->run->err = before;
    }
    if (rd_lost(st)) {
        salvage(&c, &job, who, p);
        st = RD_OK;
    }
    p->spent += c.queries;
    p->gradients += c.gradients;
out:
    rd_arena_release(&scratch);
    return st;
}

static rd_status attack_all(struct rd_harness *h, const size_t *who, size_t n, struct pass *p)
{
    const size_t batch = batch_size(h);
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < n; i += batch) {
        const size_t m = n - i < batch ? n - i : batch;

        if (p->lost) /* not asked any more */
            p->open += m;
        else
            st = attack_batch(h, who + i, m, p);
    }
    return st;
}

static rd_status pass_new(
    struct rd_harness *h, double eps, double share, uint64_t cap, bool keep_adv, struct pass *p)
{
    const struct rd_dataset *d = h->request->eval;

    *p = (struct pass){
        .eps = eps,
        .share = share,
        .cap = cap,
        .success = RD_NEW_ARRAY(h->run->scratch, bool, d->n),
        .queries = RD_NEW_ARRAY(h->run->scratch, double, d->n),
        .distance = RD_NEW_ARRAY(h->run->scratch, double, d->n),
        .adv = keep_adv ? RD_NEW_ARRAY(h->run->scratch, float, d->n * d->width) : NULL,
    };
    if (!p->success || !p->queries || !p->distance || (keep_adv && !p->adv))
        return rd_run_no_memory(h->run, "results");
    if (keep_adv)
        memcpy(p->adv, d->x, d->n * d->width * sizeof *p->adv);
    for (size_t i = 0; i < d->n; i++) { /* until attacked: as the target answered by itself */
        p->success[i] = h->clean[i] != d->label[i];
        p->queries[i] = p->distance[i] = p->success[i] ? 0 : NAN;
    }
    return RD_OK;
}

static size_t count(const bool *v, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        k += v[i];
    return k;
}

/* --- what is made of it --- */

/*
 * The next smaller radius. What fell above within it has fallen here too and what stood above
 * stands: only the rest is attacked again.
 */
static rd_status next_radius(
    struct rd_harness *h, const struct pass *above, double eps, double share, struct pass *p)
{
    const struct rd_dataset *d = h->request->eval;
    size_t *who = RD_NEW_ARRAY(h->run->scratch, size_t, d->n), n_who = 0;
    rd_status st = who ? pass_new(h, eps, share, above->cap, false, p)
                       : rd_run_no_memory(h->run, "the security curve");

    for (size_t i = 0; !st && i < d->n; i++) {
        if (!above->success[i])
            continue;
        if (above->distance[i] <= eps) {
            p->success[i] = true;
            p->distance[i] = above->distance[i];
        } else {
            who[n_who++] = i;
        }
    }
    if (!st)
        st = attack_all(h, who, n_who, p);
    return st ? RD_WRAP(h->run->err, st, "security curve at eps %g", eps) : RD_OK;
}

/* The same, of an attack that looked for the nearest: its distances say it for every radius. */
static void within_radius(
    const struct rd_harness *h, const struct pass *full, double eps, struct rd_interval *y)
{
    const size_t n = h->request->eval->n;
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        k += full->success[i] && full->distance[i] <= eps;
    *y = rd_interval_of(rd_ci_proportion(k, n, RD_LEVEL));
}

static double farthest(const struct pass *p, size_t n)
{
    double top = 0;

    for (size_t i = 0; i < n; i++)
        top = p->success[i] && p->distance[i] > top ? p->distance[i] : top;
    return top;
}

/* Success against radius, from 0 (the target's own errors) to eps. */
static rd_status security_curve(struct rd_harness *h, const struct pass *full, struct rd_curve *c)
{
    const size_t n = h->request->eval->n;
    const size_t asked = h->request->curve_points < 1 ? 1 : h->request->curve_points;
    const bool nearest = h->request->attack->minimizes;
    const double top = is_unbounded(h) ? farthest(full, n) : full->eps;
    const size_t points = top > 0 ? (asked > CURVE_MAX ? CURVE_MAX : asked) : 0;
    size_t least = nearest ? 1 : points, n_out = 1; /* the smallest radius measured to its end */
    double *x = RD_NEW_ARRAY(h->arena, double, points + 1);
    struct rd_interval *y = RD_NEW_ARRAY(h->arena, struct rd_interval, points + 1);
    struct pass *pass = RD_NEW_ARRAY(h->run->scratch, struct pass, points + 1);
    rd_status st = RD_OK;

    if (!x || !y || !pass)
        return rd_run_no_memory(h->run, "the security curve");
    pass[points] = *full;
    for (size_t k = points; !nearest && !st && k-- > 1 && !pass[k + 1].lost;) {
        st = next_radius(h, &pass[k + 1], full->eps * (double)k / (double)points,
            full->share * (double)k / (double)points, &pass[k]);
        least = pass[k].lost ? least : k;
    }
    if (st)
        return st;
    y[0] = rd_interval_of(rd_ci_proportion(n - h->n_right, n, RD_LEVEL));
    for (size_t k = 1; nearest && k <= points; k++, n_out++) {
        x[k] = top * (double)k / (double)points;
        within_radius(h, full, k == points ? full->eps : x[k], &y[k]);
    }
    for (size_t k = least; !nearest && k && k <= points; k++, n_out++) {
        x[n_out] = pass[k].eps;
        y[n_out] = rd_interval_open(count(pass[k].success, n), pass[k].open, n);
    }
    if (least > 1 && !full->lost)
        rd_log_say(
            h->run->log, RD_LOG_WARN, "attacks", "the security curve is cut short: %s", h->lost);
    *c = (struct rd_curve){ "success", "eps", n_out, x, y };
    return RD_OK;
}

/* Success against the rows spent on each example, at powers of two. */
static rd_status query_curve(struct rd_harness *h, const struct pass *p, struct rd_curve *c)
{
    const size_t n = h->request->eval->n;
    double *x = RD_NEW_ARRAY(h->arena, double, QUERY_POINTS + 2), most = 0;
    struct rd_interval *y = RD_NEW_ARRAY(h->arena, struct rd_interval, QUERY_POINTS + 2);
    size_t points = 0;

    if (!x || !y)
        return rd_run_no_memory(h->run, "the curve over queries");
    for (size_t i = 0; i < n; i++)
        if (p->success[i] && p->queries[i] > most)
            most = p->queries[i];
    x[points++] = 0;
    for (double q = 1; q < most && points <= QUERY_POINTS; q *= 2)
        x[points++] = q;
    if (most > 0)
        x[points++] = most;
    for (size_t k = 0; k < points; k++) {
        size_t reached = 0;

        for (size_t i = 0; i < n; i++)
            reached += p->success[i] && p->queries[i] <= x[k];
        y[k] = rd_interval_open(reached, p->open, n);
    }
    *c = (struct rd_curve){ "success", "queries", points, x, y };
    return RD_OK;
}

/*
 * Median of n rising values with the order statistics that hold it at the level: those k from
 * either end with P(Binomial(n, 1/2) < k) <= (1 - level) / 2. NaN bounds when n is too small for
 * that.
 */
static struct rd_interval median_of(double *v, size_t n)
{
    struct rd_interval m = { NAN, NAN, NAN };
    size_t k = 0;

    if (!n)
        return m;
    rd_sort(v, n);
    m.value = rd_quantile(v, n, 0.5);
    while (k < n / 2 && rd_binomial_cdf((double)k, (double)n, 0.5) <= (1 - RD_LEVEL) / 2)
        k++;
    if (k) {
        m.low = v[k - 1];
        m.high = v[n - k];
    }
    return m;
}

static struct rd_interval exactly(double v)
{
    return (struct rd_interval){ v, v, v };
}

static rd_status metrics(struct rd_harness *h, const struct pass *p)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_record *rec = h->record;
    double *distance = RD_NEW_ARRAY(h->run->scratch, double, d->n);
    double *queries = RD_NEW_ARRAY(h->run->scratch, double, d->n);
    struct rd_metric *m = RD_NEW_ARRAY(h->arena, struct rd_metric, 8);
    const size_t success = count(p->success, d->n);
    struct rd_interval robust = rd_interval_of(rd_ci_proportion(d->n - success, d->n, RD_LEVEL));
    size_t fooled = 0;

    if (!distance || !queries || !m)
        return rd_run_no_memory(h->run, "metrics");
    for (size_t i = 0; i < d->n; i++)
        if (p->success[i] && h->clean[i] == d->label[i]) {
            distance[fooled] = p->distance[i];
            queries[fooled++] = p->queries[i];
        }
    m[0] = (struct rd_metric){ "clean_accuracy",
        rd_interval_of(rd_ci_proportion(h->n_right, d->n, RD_LEVEL)), NULL };
    if (p->open) /* at most all of them fell */
        robust.low = rd_ci_proportion(d->n - success - p->open, d->n, RD_LEVEL).low;
    m[1] = (struct rd_metric){ "robust_accuracy", robust, NULL };
    m[2] = (struct rd_metric){ "fooled_share", rd_interval_open(fooled, p->open, h->n_right),
        h->n_right ? NULL : "the target answers no example rightly" };
    m[3] = (struct rd_metric){ "median_distance", median_of(distance, fooled),
        fooled ? NULL : "no example was fooled" };
    m[4] = (struct rd_metric){ "median_queries", median_of(queries, fooled),
        fooled ? NULL : "no example was fooled" };
    m[5] = (struct rd_metric){ "proposals_clipped", exactly((double)p->clipped), NULL };
    m[6] = (struct rd_metric){ "proposals_refused", exactly((double)p->refused), NULL };
    m[7] = (struct rd_metric){ "undecided", exactly((double)p->open), NULL };
    rec->metrics = m;
    rec->n_metrics = p->open ? 8 : 7;
    return RD_OK;
}

static rd_status save(struct rd_harness *h, const struct pass *p)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_tensor t = { .dtype = RD_F32, .ndim = d->ndim + 1, .data = p->adv };
    rd_status st;

    if (d->ndim + 1 > RD_MAX_DIMS)
        return RD_FAIL(h->run->err, RD_E_LIMIT, "examples with %d axes cannot be saved", d->ndim);
    t.dim[0] = (int64_t)d->n;
    memcpy(t.dim + 1, d->dim, (size_t)d->ndim * sizeof *d->dim);
    st = rd_npy_write(h->request->save, &t, h->run->err);
    return st ? RD_WRAP(h->run->err, st, "saving the adversarial examples") : RD_OK;
}

static rd_status trials(struct rd_harness *h, const struct pass *p)
{
    const size_t n = h->request->eval->n;
    struct rd_trial *t = RD_NEW_ARRAY(h->arena, struct rd_trial, n);

    if (!t)
        return rd_run_no_memory(h->run, "trials");
    for (size_t i = 0; i < n; i++)
        t[i] = (struct rd_trial){ p->success[i], p->queries[i], p->distance[i], NAN };
    h->record->trials = t;
    h->record->n_trials = n;
    return RD_OK;
}

/* Rows for each example: the budget in equal shares; a quota binds who must ask the endpoint. */
static rd_status cap_of(const struct rd_harness *h, uint64_t *cap_out)
{
    const struct rd_trial_request *r = h->request;
    uint64_t cap = UINT64_MAX;

    if (r->budget)
        cap = r->budget / r->eval->n;
    if (r->target->quota && !(h->granted & RD_ACCESS_GRADIENTS) && r->target->quota < cap)
        cap = r->target->quota;
    if (!cap)
        return RD_FAIL(h->run->err, RD_E_USAGE,
            "a budget of %llu rows is less than one for each of %zu examples",
            (unsigned long long)r->budget, r->eval->n);
    *cap_out = cap;
    return RD_OK;
}

rd_status rd_harness_evade(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_record *rec = h->record;
    const double eps = radius_of(h);
    size_t *who = RD_NEW_ARRAY(h->run->scratch, size_t, d->n), n_who = 0;
    struct rd_curve *curves = RD_NEW_ARRAY(h->arena, struct rd_curve, 2);
    struct pass p;
    uint64_t cap;
    rd_status st;

    if (!who || !curves)
        return rd_run_no_memory(h->run, "examples");
    if (!(eps >= 0))
        return RD_FAIL(h->run->err, RD_E_BUG, "%s has no option 'eps'", h->request->attack->name);
    st = cap_of(h, &cap);
    for (size_t i = 0; i < d->n; i++)
        if (h->clean[i] == d->label[i])
            who[n_who++] = i;
    if (!st)
        st = pass_new(h, eps, 1, cap, h->request->save, &p);
    if (!st)
        st = attack_all(h, who, n_who, &p);
    if (!st)
        st = metrics(h, &p);
    if (!st)
        st = trials(h, &p);
    if (!st)
        st = security_curve(h, &p, &curves[0]);
    if (!st)
        st = query_curve(h, &p, &curves[1]);
    if (!st && h->request->save)
        st = save(h, &p);
    if (st)
        return st;
    rec->curves = curves;
    rec->n_curves = 2;
    rec->unit = "example";
    rec->judged = "success share";
    rec->n = d->n;
    rec->successes = count(p.success, d->n);
    rec->interval = rd_interval_open(rec->successes, p.open, rec->n);
    rec->outcome = rd_outcome_judge(&rec->interval, h->criterion);
    if (is_unbounded(h)) {
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
        rec->outcome_reason = "no eps was given, so any distance counts: see median_distance";
    }
    rec->queries = p.spent;
    rec->gradients = p.gradients;
    return p.lost ? rd_outcome_lost(h, d->n - p.open, d->n, "examples decided") : RD_OK;
}
