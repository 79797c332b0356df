/*
 * harness_extract.c - extraction: one trial a theft, judged by what the copy answers where nobody
 * asked.
 *
 * A thief who owns labels needs no theft to have a network: so the same thief is run once more with
 * no query at all, and utility counts only the share of the remaining gap that the theft closes.
 */
#include "attacks/harness_parts.h"

#include "graph/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOW_MAX = 32, CLASS_METRICS = 128 };

/* A copy, measured. */
struct point {
    double queries;
    struct rd_agreement with_target, with_truth;
    double *recall; /* (classes), by the target's answers */
};

/* One theft, or its no-query baseline. */
struct theft {
    struct rd_harness *h;
    struct rd_counted *counted;
    struct rd_arena *scratch; /* the attack's: its copies live there */
    struct point point[SHOW_MAX];
    size_t n_points;
    const struct rd_graph *loot;
    double *recall; /* (SHOW_MAX, classes) */
    uint64_t queries, gradients;
    bool lost; /* the target fell silent before it was done */
};

/* --- the copy's shape --- */

rd_status rd_harness_built_in(const int64_t *dim, int ndim, size_t n_classes,
    struct rd_arena *arena, struct rd_graph **graph_out, struct rd_error *err)
{
    const int classes = (int)n_classes;
    struct rd_graph_spec image[] = {
        { RD_LAYER_CONV, 16, 3, 1, 1 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
        { RD_LAYER_CONV, 32, 3, 1, 1 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
        { RD_LAYER_FLATTEN, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, 128, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, classes, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 },
    };
    struct rd_graph_spec vector[] = {
        { RD_LAYER_FLATTEN, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, 128, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, 64, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, classes, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 },
    };
    const bool is_image = ndim == 3 && dim[1] >= 8 && dim[2] >= 8 && dim[0] <= 16;

    return rd_graph_build(is_image    ? image
                          : ndim == 1 ? vector + 1
                                      : vector,
        dim, ndim, arena, graph_out, err);
}

rd_status rd_harness_student(struct rd_harness *h)
{
    const struct rd_target *t = h->request->target;
    const char *path = rd_request_text(h->request, "student");
    struct rd_graph *graph = NULL;
    struct rd_net *net;
    rd_status st = RD_OK;

    h->student = h->request->student;
    if (!h->student) {
        st = path ? rd_graph_load(path, NULL, h->run->scratch, &graph, h->run->err)
                  : rd_harness_built_in(
                        t->dim, t->ndim, t->classes, h->run->scratch, &graph, h->run->err);
        if (st)
            return RD_WRAP(h->run->err, st, "the student of the theft");
        h->student = graph;
    }
    st = rd_net_open(h->student, h->run->pool, &net, h->run->err);
    if (st)
        return RD_WRAP(h->run->err, st, "the student of the theft");
    if (rd_net_inputs(net) != t->inputs || rd_net_outputs(net) != t->classes)
        st = RD_FAIL(h->run->err, RD_E_USAGE,
            "the student takes %zu numbers and answers %zu; '%s' takes %zu and answers %zu",
            rd_net_inputs(net), rd_net_outputs(net), t->label, t->inputs, t->classes);
    rd_net_free(net);
    return st;
}

/* --- measuring a copy --- */

static rd_status answers_of(struct rd_harness *h, const struct rd_graph *copy,
    struct rd_arena *scratch, int *label, struct rd_error *err)
{
    const struct rd_dataset *d = h->request->eval;
    const size_t classes = h->request->target->classes;
    float *score = RD_NEW_ARRAY(scratch, float, d->n *classes);
    struct rd_net *net;
    rd_status st;

    if (!score)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the copy's answers");
    st = rd_net_open(copy, h->run->pool, &net, err);
    if (st)
        return st;
    if (rd_net_inputs(net) != d->width || rd_net_outputs(net) != classes)
        st = RD_FAIL(err, RD_E_BUG, "the copy has another shape than the target");
    if (!st)
        st = rd_net_forward(net, d->x, d->n, score, err);
    for (size_t i = 0; !st && i < d->n; i++)
        label[i] = rd_target_argmax(score + i * classes, classes);
    rd_net_free(net);
    return st;
}

static rd_status show(struct rd_extract_job *job, const struct rd_graph *copy, struct rd_error *err)
{
    struct theft *t = job->harness;
    struct rd_harness *h = t->h;
    const struct rd_dataset *d = h->request->eval;
    const size_t classes = h->request->target->classes;
    const double queries = (double)t->counted->queries;
    struct rd_arena scratch = RD_ARENA_INIT;
    int *label = RD_NEW_ARRAY(&scratch, int, d->n);
    struct point *p;
    rd_status st;

    /* Shown again without another query: the later copy counts. */
    if (t->n_points && !(t->point[t->n_points - 1].queries < queries))
        t->n_points--;
    if (t->n_points == SHOW_MAX)
        return RD_FAIL(err, RD_E_BUG, "the attack shows more than %d copies", SHOW_MAX);
    p = &t->point[t->n_points];
    p->queries = queries;
    p->recall = t->recall + t->n_points * classes;
    st = label ? answers_of(h, copy, &scratch, label, err)
               : RD_FAIL(err, RD_E_MEMORY, "no memory to measure a copy");
    if (!st)
        st = rd_agreement(label, h->clean, d->n, classes, &scratch, &p->with_target, err);
    if (!st)
        st = rd_agreement(label, d->label, d->n, classes, &scratch, &p->with_truth, err);
    if (!st)
        rd_recall(label, h->clean, d->n, classes, p->recall);
    rd_arena_release(&scratch);
    if (st)
        return RD_WRAP(err, st, "measuring a copy");
    t->loot = copy;
    t->n_points++;
    return RD_OK;
}

/* --- one theft --- */

static uint64_t rows_allowed(const struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    uint64_t rows = r->budget ? r->budget : UINT64_MAX;

    return r->target->quota && r->target->quota < rows ? r->target->quota : rows;
}

/* baseline: no query, the pool's labels instead. The thief's arena stays for the loot. */
static rd_status steal(
    struct rd_harness *h, size_t run, bool baseline, struct rd_arena *scratch, struct theft *t)
{
    const struct rd_trial_request *r = h->request;
    struct rd_rng rng = rd_rng_stream(h->run->seed, "theft", run);
    struct rd_run inner = *h->run;
    struct rd_error err = { 0 };
    struct rd_counted counted;
    struct rd_extract_job job = {
        .run = run,
        .pool = r->pool ? r->pool->x : NULL,
        .n_pool = r->pool ? r->pool->n : 0,
        .pool_label = baseline ? r->pool->label : NULL,
        .pool_group = r->pool && r->pool_is_labeled ? r->pool->label : NULL,
        .rows = baseline ? 0 : rows_allowed(h),
        .student = h->student,
        .show = show,
        .harness = t,
    };
    rd_status st = rd_counted_init(&counted, h, NULL, job.rows, scratch);

    if (st)
        return st;
    *t = (struct theft){ .h = h, .counted = &counted, .scratch = scratch };
    t->recall = RD_NEW_ARRAY(h->run->scratch, double, SHOW_MAX * r->target->classes);
    if (!t->recall)
        return rd_run_no_memory(h->run, "a theft");
    inner.scratch = scratch;
    inner.err = &err;
    inner.seed = rd_rng_u64(&rng);
    st = r->attack->extract(&inner, &counted.oracle, r->options, &job);
    if (st == RD_E_LIMIT && counted.over && t->n_points)
        st = RD_OK;
    if (st && st == counted.lost) {
        t->lost = true;
        st = RD_OK;
    } else if (!st && !t->n_points)
        st = RD_FAIL(&err, RD_E_BUG, "%s came back without a copy", r->attack->name);
    if (st && h->run->err)
        *h->run->err = err;
    t->queries = counted.queries;
    t->gradients = counted.gradients;
    t->counted = NULL;
    return st ? RD_WRAP(h->run->err, st, "%s %zu", baseline ? "baseline of theft" : "theft", run)
              : RD_OK;
}

/* --- what is made of the thefts --- */

struct results {
    size_t runs, classes;
    const struct theft *theft, *baseline; /* (runs); baseline NULL: the pool has no labels */
    double *scratch;                      /* (runs) */
};

static const struct point *last(const struct theft *t)
{
    return &t->point[t->n_points - 1];
}

static double kappa_0(const struct results *s, size_t run)
{
    return s->baseline ? fmax(last(&s->baseline[run])->with_target.kappa, 0) : 0;
}

static double utility(const struct results *s, size_t run, const struct point *p)
{
    const double k0 = kappa_0(s, run);

    return k0 < 1 ? fmax(0, (p->with_target.kappa - k0) / (1 - k0)) : 0;
}

enum what { FIDELITY, KAPPA, UTILITY, ACCURACY, LEAST_RECALL, RECALL /* + class */ };

static double value_of(const struct results *s, size_t run, const struct point *p, size_t what)
{
    double least = INFINITY;

    switch (what) {
    case FIDELITY:
        return p->with_target.share;
    case KAPPA:
        return p->with_target.kappa;
    case UTILITY:
        return utility(s, run, p);
    case ACCURACY:
        return p->with_truth.share;
    case LEAST_RECALL:
        for (size_t k = 0; k < s->classes; k++)
            least = p->recall[k] < least ? p->recall[k] : least;
        return isinf(least) ? NAN : least;
    default:
        return p->recall[what - RECALL];
    }
}

/* Over runs by Student's t; for a single run a share of examples by Clopper-Pearson. */
static struct rd_interval over_runs(
    const struct results *s, const struct point *one, size_t what, size_t n_class)
{
    double mean = rd_mean(s->scratch, s->runs);

    if (s->runs >= 3)
        return rd_interval_of(rd_ci_mean(s->scratch, s->runs, RD_LEVEL));
    if (s->runs == 1 && what == FIDELITY)
        return rd_interval_of(
            rd_ci_proportion(one->with_target.n_same, one->with_target.n, RD_LEVEL));
    if (s->runs == 1 && what == ACCURACY)
        return rd_interval_of(
            rd_ci_proportion(one->with_truth.n_same, one->with_truth.n, RD_LEVEL));
    if (s->runs == 1 && what >= RECALL && n_class)
        return rd_interval_of(
            rd_ci_proportion((size_t)lround(mean * (double)n_class), n_class, RD_LEVEL));
    return (struct rd_interval){ mean, NAN, NAN };
}

static struct rd_interval of_thefts(
    const struct results *s, const struct theft *list, size_t what, size_t n_class)
{
    for (size_t r = 0; r < s->runs; r++)
        s->scratch[r] = value_of(s, r, last(&list[r]), what);
    return over_runs(s, last(&list[0]), what, n_class);
}

static const char *const names[] = { "fidelity", "kappa", "utility", "accuracy", "min_recall" };

static rd_status add_metric(struct rd_harness *h, struct rd_metric *m, size_t *n,
    const char *prefix, const char *name, struct rd_interval v, const char *reason)
{
    m[*n].name = rd_arena_printf(h->arena, "%s%s", prefix, name);
    m[*n].v = v;
    m[*n].reason = reason;
    if (!m[(*n)++].name)
        return rd_run_no_memory(h->run, "metrics");
    return RD_OK;
}

static rd_status metrics_of(struct rd_harness *h, const struct results *s, const struct theft *list,
    const char *prefix, struct rd_metric *m, size_t *n)
{
    static const struct rd_interval none = { NAN, NAN, NAN };
    const struct rd_dataset *d = h->request->eval;
    const char *why = s->runs == 1 ? "between-run variance unknown (1 run)"
                                   : "between-run variance unknown (2 runs)";
    char name[32];
    rd_status st = RD_OK;

    for (size_t w = 0; !st && w < RECALL; w++) {
        struct rd_interval v = list ? of_thefts(s, list, w, 0) : none;

        if (w == UTILITY && *prefix) /* it is measured against the baseline itself */
            continue;
        st = add_metric(h, m, n, prefix, names[w], v,
            !list          ? "the thief's pool has no labels"
            : isnan(v.low) ? why
                           : NULL);
    }
    for (size_t k = 0; !st && k < s->classes && s->classes <= CLASS_METRICS; k++) {
        size_t n_class = 0;
        struct rd_interval v = none;

        for (size_t i = 0; i < d->n; i++)
            n_class += h->clean[i] == (int)k;
        if (list && n_class)
            v = of_thefts(s, list, RECALL + k, n_class);
        (void)snprintf(name, sizeof name, "recall_%zu", k);
        st = add_metric(h, m, n, prefix, name, v,
            !list          ? "the thief's pool has no labels"
            : !n_class     ? "the target never answers this class here"
            : isnan(v.low) ? why
                           : NULL);
    }
    return st;
}

static rd_status metrics(struct rd_harness *h, const struct results *s)
{
    const size_t most = 2 * (RECALL + (s->classes <= CLASS_METRICS ? s->classes : 0)) + 1;
    struct rd_metric *m = RD_NEW_ARRAY(h->arena, struct rd_metric, most);
    size_t n = 0;
    rd_status st;

    if (!m)
        return rd_run_no_memory(h->run, "metrics");
    st = add_metric(h, m, &n, "", "clean_accuracy",
        rd_interval_of(rd_ci_proportion(h->n_right, h->request->eval->n, RD_LEVEL)), NULL);
    if (!st)
        st = metrics_of(h, s, s->theft, "", m, &n);
    if (!st)
        st = metrics_of(h, s, s->baseline, "baseline_", m, &n);
    h->record->metrics = m;
    h->record->n_metrics = n;
    return st;
}

/* What a metric is before the first query; NaN when nobody knows. */
static double at_zero(const struct results *s, size_t run, size_t what)
{
    if (what == UTILITY)
        return 0;
    if (s->baseline)
        return value_of(s, run, last(&s->baseline[run]), what);
    return what == KAPPA ? 0 : NAN;
}

/* One metric against queries: the mean curve, and each run's own trace when it is one of traced. */
static rd_status learning_curve(
    struct rd_harness *h, const struct results *s, size_t what, struct rd_curve *c)
{
    size_t points = s->theft[0].n_points, n = 0;
    double *x;
    struct rd_interval *y;

    for (size_t r = 1; r < s->runs; r++)
        points = s->theft[r].n_points < points ? s->theft[r].n_points : points;
    x = RD_NEW_ARRAY(h->arena, double, points + 1);
    y = RD_NEW_ARRAY(h->arena, struct rd_interval, points + 1);
    if (!x || !y)
        return rd_run_no_memory(h->run, "learning curves");
    for (size_t k = 0; k <= points; k++) {
        bool known = true;

        for (size_t r = 0; r < s->runs; r++) {
            s->scratch[r] =
                k ? value_of(s, r, &s->theft[r].point[k - 1], what) : at_zero(s, r, what);
            known &= !isnan(s->scratch[r]);
        }
        if (!known || (!k && s->theft[0].point[0].queries <= 0))
            continue;
        x[n] = k ? s->theft[0].point[k - 1].queries : 0;
        if (k)
            y[n] = over_runs(s, &s->theft[0].point[k - 1], what, 0);
        else if (s->baseline)
            y[n] = over_runs(s, last(&s->baseline[0]), what, 0);
        else
            y[n] = (struct rd_interval){ 0, 0, 0 }; /* by definition */
        n++;
    }
    *c = (struct rd_curve){ names[what], "queries", n, x, y };
    return RD_OK;
}

static rd_status trace_of(
    struct rd_harness *h, const struct results *s, size_t run, size_t what, struct rd_trace *out)
{
    const struct theft *t = &s->theft[run];
    double *x = RD_NEW_ARRAY(h->arena, double, t->n_points + 1);
    double *y = RD_NEW_ARRAY(h->arena, double, t->n_points + 1);
    const double zero = at_zero(s, run, what);
    size_t n = 0;

    if (!x || !y)
        return rd_run_no_memory(h->run, "learning curves");
    if (!isnan(zero) && t->point[0].queries > 0) {
        x[n] = 0;
        y[n++] = zero;
    }
    for (size_t k = 0; k < t->n_points; k++) {
        x[n] = t->point[k].queries;
        y[n++] = value_of(s, run, &t->point[k], what);
    }
    *out = (struct rd_trace){ run, names[what], n, x, y };
    return RD_OK;
}

static rd_status curves(struct rd_harness *h, const struct results *s)
{
    static const size_t traced[] = { UTILITY, FIDELITY, KAPPA };
    struct rd_record *rec = h->record;
    struct rd_curve *c = RD_NEW_ARRAY(h->arena, struct rd_curve, ACCURACY + 1);
    struct rd_trace *t = RD_NEW_ARRAY(h->arena, struct rd_trace, 3 * s->runs);
    rd_status st = RD_OK;

    if (!c || !t)
        return rd_run_no_memory(h->run, "learning curves");
    for (size_t w = 0; !st && w <= ACCURACY; w++)
        st = learning_curve(h, s, w, &c[w]);
    for (size_t r = 0; !st && r < s->runs; r++)
        for (size_t i = 0; !st && i < 3; i++)
            st = trace_of(h, s, r, traced[i], &t[3 * r + i]);
    rec->curves = c;
    rec->n_curves = ACCURACY + 1;
    rec->traces = t;
    rec->n_traces = 3 * s->runs;
    return st;
}

static rd_status judge(struct rd_harness *h, const struct results *s)
{
    struct rd_record *rec = h->record;
    struct rd_trial *trial = RD_NEW_ARRAY(h->arena, struct rd_trial, s->runs);

    if (!trial)
        return rd_run_no_memory(h->run, "trials");
    for (size_t r = 0; r < s->runs; r++) {
        const double u = utility(s, r, last(&s->theft[r]));

        trial[r] = (struct rd_trial){ u >= h->criterion, (double)s->theft[r].queries, NAN, u };
        rec->successes += trial[r].success;
        rec->queries += s->theft[r].queries;
        rec->gradients += s->theft[r].gradients;
    }
    rec->trials = trial;
    rec->n_trials = s->runs;
    rec->unit = "run";
    rec->judged = "utility";
    rec->n = s->runs;
    rec->interval = of_thefts(s, s->theft, UTILITY, 0);
    rec->outcome = rd_outcome_judge(&rec->interval, h->criterion);
    if (s->runs < 3) {
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
        rec->outcome_reason = s->runs == 1 ? "between-run variance unknown (1 run)"
                                           : "between-run variance unknown (2 runs)";
    }
    return RD_OK;
}

/* No theft came to its end: nothing is known but what the gate saw. */
static rd_status nothing_known(struct rd_harness *h)
{
    static const struct rd_interval none = { NAN, NAN, NAN };
    struct rd_record *rec = h->record;
    struct rd_metric *m = RD_NEW(h->arena, struct rd_metric);

    if (!m)
        return rd_run_no_memory(h->run, "the record");
    *m = (struct rd_metric){ "clean_accuracy",
        rd_interval_of(rd_ci_proportion(h->n_right, h->request->eval->n, RD_LEVEL)), NULL };
    rec->metrics = m;
    rec->n_metrics = 1;
    rec->unit = "run";
    rec->judged = "utility";
    rec->interval = none;
    rec->outcome = RD_OUTCOME_INCONCLUSIVE;
    return RD_OK;
}

/* What is known of the thefts that were done. */
static rd_status conclude(struct rd_harness *h, const struct results *s)
{
    rd_status st;

    if (!s->runs)
        return nothing_known(h);
    st = judge(h, s);
    if (!st)
        st = metrics(h, s);
    return st ? st : curves(h, s);
}

rd_status rd_harness_extract(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    const bool labeled = r->pool && r->pool_is_labeled;
    struct theft *theft = RD_NEW_ARRAY(h->run->scratch, struct theft, r->runs);
    struct theft *baseline = RD_NEW_ARRAY(h->run->scratch, struct theft, r->runs);
    struct results s = {
        .runs = r->runs,
        .classes = r->target->classes,
        .theft = theft,
        .baseline = labeled ? baseline : NULL,
        .scratch = RD_NEW_ARRAY(h->run->scratch, double, r->runs),
    };
    rd_status st = RD_OK;

    if (!theft || !baseline || !s.scratch)
        return rd_run_no_memory(h->run, "thefts");
    for (size_t run = 0; !st && run < r->runs; run++) {
        struct rd_arena scratch = RD_ARENA_INIT;

        st = rd_run_step(h->run, "theft", run, r->runs);
        if (!st)
            st = steal(h, run, false, &scratch, &theft[run]);
        if (!st && theft[run].lost) {
            s.runs = run;
            rd_arena_release(&scratch);
            break;
        }
        if (!st && !run && r->save) {
            st = rd_graph_save(theft[0].loot, r->save, h->run->err);
            if (st)
                st = RD_WRAP(h->run->err, st, "saving the copy");
        }
        theft[run].loot = NULL;
        rd_arena_release(&scratch);
        if (!st && labeled)
            st = steal(h, run, true, &scratch, &baseline[run]);
        baseline[run].loot = NULL;
        rd_arena_release(&scratch);
    }
    if (!st)
        st = conclude(h, &s);
    if (!st && s.runs < r->runs) {
        h->record->queries += theft[s.runs].queries; /* they were asked all the same */
        st = rd_outcome_lost(h, s.runs, r->runs, "thefts finished");
    }
    return st;
}
