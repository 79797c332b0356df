/*
 * harness_poison.c - poisoning: one trial an independently retrained victim.
 *
 * The attack turns training rows into training rows. What it did is found by comparing, never
 * believed; then a victim is trained on it and a control, with the same seed, on the rows as they
 * were. Both meet the same evaluation inputs, and only the difference is the attack's.
 */
#include "attacks/poisoning.h"

#include "base/rng.h"
#include "base/text.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

enum { ASK_ROWS = 1024, WAVE_MAX = 64, WAVE_BYTES = 1 << 30 };

#define NOTICING_DEFAULT 0.02
#define KAPPA_LEAST 0.2 /* a control below it has learned nothing */

static const double curve_rates[] = { 0.005, 0.01, 0.03, 0.1 };

/* --- before anything is trained --- */

static rd_status check_labels(
    struct rd_harness *h, const struct rd_dataset *d, size_t classes, const char *what)
{
    if (!d->n || !d->label)
        return RD_FAIL(
            h->run->err, RD_E_INPUT, "the %s has no %s", what, d->n ? "labels" : "examples");
    for (size_t i = 0; i < d->n; i++)
        if (d->label[i] < 0 || (size_t)d->label[i] >= classes)
            return RD_FAIL(h->run->err, RD_E_INPUT,
                "%s: label %d of row %zu is outside 0..%zu: the recipe's network answers %zu "
                "classes",
                what, d->label[i], i, classes - 1, classes);
    return RD_OK;
}

/* A stand-in for shape checks: nobody asks it anything. */
static rd_status shape_of_recipe(struct rd_harness *h, struct rd_target *t)
{
    struct rd_net *net;
    const int64_t *dim;
    rd_status st = rd_net_open(h->request->recipe->graph, NULL, &net, h->run->err);

    if (st)
        return RD_WRAP(h->run->err, st, "the recipe's network");
    *t = (struct rd_target){ .label = "the recipe's network",
        .inputs = rd_net_inputs(net),
        .classes = rd_net_outputs(net),
        .controls = "" };
    if (!t->inputs || t->classes < 2)
        st = RD_FAIL(h->run->err, RD_E_USAGE,
            "the recipe's network is no classifier of rows: it wants one float32 input with a free "
            "first axis and scores of at least two classes");
    dim = rd_net_input_dims(net, &t->ndim);
    for (int i = 0; i < t->ndim; i++)
        t->dim[i] = dim[i];
    rd_net_free(net);
    return st;
}

static rd_status check_leak(struct rd_harness *h)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    long long row;
    rd_status st =
        rd_dataset_overlap(h->request->eval, h->request->recipe->data, &scratch, &row, h->run->err);

    rd_arena_release(&scratch);
    if (st || row < 0)
        return st;
    (void)RD_FAIL(h->run->err, RD_E_INPUT,
        "leak: row %lld of the evaluation data is also in the training data", row);
    return rd_error_hint(
        h->run->err, "split the data so that no evaluation example can be trained on");
}

/* Rows by number of the request's curve and option; rising, no two alike. */
static rd_status plan_points(struct rd_poisoning *p)
{
    const struct rd_trial_request *r = p->h->request;
    const double n = (double)p->data.n, count = rd_request_number(r, "count"),
                 rate = rd_request_number(r, "rate");
    const double asked = count >= 1 ? count : round(rate * n);
    size_t main, k = 0;

    if (!(asked >= 1) || asked > n)
        return RD_FAIL(p->h->run->err, RD_E_USAGE,
            "%s: %g of %zu training rows cannot be poisoned: rate or count is too %s",
            r->attack->name, isnan(asked) ? 0 : asked, p->data.n, asked > n ? "large" : "small");
    main = (size_t)asked;
    for (size_t i = 0; r->curve_points >= 2 && i < sizeof curve_rates / sizeof *curve_rates; i++) {
        const size_t rows = (size_t)round(curve_rates[i] * n);

        if (rows > main && (!k || p->budget[k - 1] < main))
            p->budget[k++] = main;
        if (rows && (!k || rows > p->budget[k - 1]))
            p->budget[k++] = rows;
    }
    if (!k || p->budget[k - 1] < main)
        p->budget[k++] = main;
    p->n_points = k;
    while (p->budget[p->main] != main)
        p->main++;
    return RD_OK;
}

static rd_status prepare(struct rd_poisoning *p)
{
    struct rd_harness *h = p->h;
    const struct rd_trial_request *r = h->request;
    struct rd_arena *a = h->run->scratch;
    struct rd_dataset both;
    struct rd_target shape;
    rd_status st = shape_of_recipe(h, &shape);

    if (!st)
        st = rd_gate_shape(&shape, r->recipe->data, "training data", h->run->err);
    if (!st)
        st = rd_gate_shape(&shape, r->eval, "evaluation data", h->run->err);
    if (!st)
        st = check_labels(h, r->recipe->data, shape.classes, "training data");
    if (!st)
        st = check_labels(h, r->eval, shape.classes, "evaluation data");
    if (!st)
        st = check_leak(h);
    if (st)
        return st;
    both = *r->recipe->data;
    both.low = fminf(both.low, r->eval->low);
    both.high = fmaxf(both.high, r->eval->high);
    st = rd_gate_box(h, &both);
    if (st)
        return st;
    p->data = *r->recipe->data;
    p->data.ndim = shape.ndim;
    memcpy(p->data.dim, shape.dim, sizeof shape.dim);
    p->runs = r->runs;
    p->classes = shape.classes;
    p->noticing = r->noticing > 0 ? r->noticing : NOTICING_DEFAULT;
    st = plan_points(p);
    if (st)
        return st;
    p->clean = RD_NEW_ARRAY(a, const struct rd_graph *, p->runs);
    p->reference = RD_NEW_ARRAY(a, const struct rd_graph *, p->runs);
    p->control = RD_NEW_ARRAY(a, struct rd_victim, p->runs);
    p->victim = RD_NEW_ARRAY(a, struct rd_victim, p->runs * p->n_points);
    return p->clean && p->reference && p->control && p->victim
               ? RD_OK
               : rd_run_no_memory(h->run, "victims");
}

static uint64_t seed_of(const struct rd_harness *h, const char *what, size_t run)
{
    struct rd_rng rng = rd_rng_stream(h->run->seed, what, run);

    return rd_rng_u64(&rng);
}

/* --- the attack at work --- */

/* One victim on its way. */
struct task {
    struct rd_poisoning *p;
    size_t run, point;
    struct rd_arena arena; /* of the attack and of what it made */
    struct rd_poison_job job;
    struct rd_dataset data; /* what it made */
    bool *poisoned;         /* (data.n) found by comparing */
};

/* A model of the attacker's own, on the clean rows: of no victim's seed. */
static rd_status reference(
    struct rd_poison_job *job, const struct rd_graph **graph_out, struct rd_error *err)
{
    struct task *t = job->harness;
    struct rd_poisoning *p = t->p;
    struct rd_recipe bare = *p->h->request->recipe;
    struct rd_run inner = *p->h->run;
    struct rd_recipe_report report;
    struct rd_graph *graph;
    rd_status st = RD_OK;

    *graph_out = NULL;
    bare.n_treatments = 0; /* the attacker does not stand behind the victim's screens */
    inner.err = err;
    if (!p->reference[t->run]) {
        st = rd_recipe_train(&inner, &bare, &p->data, seed_of(p->h, "poison/reference", t->run),
            p->h->run->scratch, &graph, &report);
        if (!st)
            p->reference[t->run] = graph;
    }
    if (!st)
        *graph_out = p->reference[t->run];
    return st;
}

static rd_status job_new(struct task *t)
{
    struct rd_poisoning *p = t->p;
    const struct rd_dataset *d = &p->data;
    const size_t budget = p->budget[t->point], room = d->n + budget;
    struct rd_poison_job *job = &t->job;

    *job = (struct rd_poison_job){ .run = t->run,
        .data = d,
        .classes = p->classes,
        .low = p->h->low,
        .high = p->h->high,
        .budget = budget,
        .reference = reference,
        .x = RD_NEW_ARRAY(&t->arena, float, room * d->width),
        .label = RD_NEW_ARRAY(&t->arena, int, room),
        .contributor = d->contributor ? RD_NEW_ARRAY(&t->arena, int, room) : NULL,
        .poisoned = RD_NEW_ARRAY(&t->arena, bool, room),
        .n_out = d->n,
        .mask = RD_NEW_ARRAY(&t->arena, float, d->width),
        .pattern = RD_NEW_ARRAY(&t->arena, float, d->width),
        .target = -1,
        .source = -1,
        .harness = t };
    if (!job->x || !job->label || !job->poisoned || !job->mask || !job->pattern ||
        (d->contributor && !job->contributor))
        return rd_run_no_memory(p->h->run, "a poisoned copy of the training data");
    memcpy(job->x, d->x, d->n * d->width * sizeof *job->x);
    memcpy(job->label, d->label, d->n * sizeof *job->label);
    if (job->contributor)
        memcpy(job->contributor, d->contributor, d->n * sizeof *job->contributor);
    return RD_OK;
}

static bool changed(const struct rd_dataset *d, const struct rd_poison_job *job, size_t i)
{
    return job->label[i] != d->label[i] ||
           memcmp(job->x + i * d->width, d->x + i * d->width, d->width * sizeof *d->x) ||
           (job->contributor && job->contributor[i] != d->contributor[i]);
}

/* An attack that breaks its own rules is a fault of ours, not of the data. */
static rd_status check_row(const struct task *t, size_t i, struct rd_error *err)
{
    const struct rd_poison_job *job = &t->job;
    const char *name = t->p->h->request->attack->name;
    const size_t width = t->p->data.width;
    float *row = job->x + i * width;

    if (job->label[i] < 0 || (size_t)job->label[i] >= job->classes)
        return RD_FAIL(err, RD_E_BUG, "%s wrote label %d into row %zu: there are %zu classes", name,
            job->label[i], i, job->classes);
    if (job->contributor && job->contributor[i] < 0)
        return RD_FAIL(
            err, RD_E_BUG, "%s gave row %zu to contributor %d", name, i, job->contributor[i]);
    for (size_t k = 0; k < width; k++) {
        if (!isfinite(row[k]))
            return RD_FAIL(
                err, RD_E_BUG, "%s wrote a value that is no number into row %zu", name, i);
        row[k] = fminf(fmaxf(row[k], job->low), job->high);
    }
    return RD_OK;
}

static rd_status check_trigger(const struct task *t, struct rd_error *err)
{
    const struct rd_poison_job *job = &t->job;
    const char *name = t->p->h->request->attack->name;

    if (job->target < -1 || job->target >= (int)job->classes || job->source < -1 ||
        job->source >= (int)job->classes)
        return RD_FAIL(err, RD_E_USAGE,
            "%s aims from class %d at class %d, but the classes are 0..%zu", name, job->source,
            job->target, job->classes - 1);
    if (job->source >= 0 && job->source == job->target)
        return RD_FAIL(
            err, RD_E_USAGE, "%s: source and target are both class %d", name, job->target);
    if (!job->has_trigger && t->p->h->request->save_trigger)
        return RD_FAIL(err, RD_E_USAGE, "%s has no trigger that could be saved", name);
    for (size_t k = 0; job->has_trigger && k < t->p->data.width; k++) {
        if (!(job->mask[k] >= 0 && job->mask[k] <= 1) || !isfinite(job->pattern[k]))
            return RD_FAIL(err, RD_E_BUG, "%s made a trigger with mask %g and pattern %g", name,
                (double)job->mask[k], (double)job->pattern[k]);
        job->pattern[k] = fminf(fmaxf(job->pattern[k], job->low), job->high);
    }
    return RD_OK;
}

/* What was done, by comparing: t->poisoned, t->data. The attack's own marks are not believed. */
static rd_status look_at_work(struct task *t, struct rd_error *err)
{
    struct rd_poisoning *p = t->p;
    const struct rd_dataset *d = &p->data;
    struct rd_poison_job *job = &t->job;
    struct rd_victim *v = rd_poisoning_at(p, t->point, t->run);
    int most = (int)d->n_contributors - 1;
    rd_status st = check_trigger(t, err);

    if (!st && (job->n_out < d->n || job->n_out > d->n + job->budget))
        st = RD_FAIL(err, RD_E_BUG, "%s came back with %zu rows of %zu: it may add at most %zu",
            p->h->request->attack->name, job->n_out, d->n, job->budget);
    for (size_t i = 0; !st && i < job->n_out; i++) {
        job->poisoned[i] = i >= d->n || changed(d, job, i);
        v->poisoned += job->poisoned[i];
        if (job->poisoned[i])
            st = check_row(t, i, err);
        if (job->contributor && job->contributor[i] > most)
            most = job->contributor[i];
    }
    if (!st && v->poisoned > job->budget)
        st = RD_FAIL(err, RD_E_BUG, "%s changed or added %zu rows of a budget of %zu",
            p->h->request->attack->name, v->poisoned, job->budget);
    if (st)
        return st;
    t->poisoned = job->poisoned;
    t->data = *d;
    t->data.n = v->rows = job->n_out;
    t->data.x = job->x;
    t->data.label = job->label;
    t->data.contributor = job->contributor;
    t->data.contributor_name = NULL; /* the attacker's accounts have none */
    t->data.n_contributors = (size_t)most + 1;
    t->data.row = NULL;
    t->data.time = NULL;
    t->data.low = p->h->low;
    t->data.high = p->h->high;
    t->data.digest[0] = '\0';
    return RD_OK;
}

/* From clean rows to poisoned ones. */
static rd_status poison(struct task *t)
{
    struct rd_harness *h = t->p->h;
    struct rd_run inner = *h->run;
    struct rd_error err = { 0 };
    rd_status st = job_new(t);

    if (st)
        return st;
    inner.scratch = &t->arena;
    inner.err = &err;
    inner.seed = seed_of(h, "poison", t->run);
    st = h->request->attack->poison(&inner, h->request->options, &t->job);
    if (!st)
        st = look_at_work(t, &err);
    if (st)
        *h->run->err = err;
    return st ? RD_WRAP(h->run->err, st, "poisoning the data of victim %zu", t->run) : RD_OK;
}

/* --- judging a network --- */

static rd_status answers(struct rd_harness *h, const struct rd_graph *graph, const float *x,
    size_t n, struct rd_arena *scratch, int *label)
{
    const struct rd_trial_request *r = h->request;
    struct rd_run inner = *h->run;
    struct rd_target *t;
    rd_status st = rd_target_open_graph(graph, "a victim", h->run->pool, scratch, &t, h->run->err);

    inner.scratch = scratch; /* what it wears lives as long as it is asked */
    if (!st && r->dress.wrap)
        st = r->dress.wrap(r->dress.self, &inner, t, &t);
    for (size_t i = 0; !st && i < n; i += ASK_ROWS)
        st = t->labels(t->self, x + i * r->eval->width, n - i < ASK_ROWS ? n - i : ASK_ROWS,
            label + i, h->run->err);
    return st ? RD_WRAP(h->run->err, st, "asking a victim") : RD_OK;
}

/* The inputs whose misreading is the goal, triggered when there is a trigger. */
struct goal {
    float *x;
    int *label; /* the true ones */
    size_t n;
};

static rd_status goal_new(const struct task *t, struct rd_arena *scratch, struct goal *g)
{
    const struct rd_dataset *e = t->p->h->request->eval;
    const struct rd_poison_job *job = &t->job;

    *g = (struct goal){ RD_NEW_ARRAY(scratch, float, e->n * e->width),
        RD_NEW_ARRAY(scratch, int, e->n), 0 };
    if (!g->x || !g->label)
        return rd_run_no_memory(t->p->h->run, "triggered inputs");
    for (size_t i = 0; i < e->n; i++) {
        float *row = g->x + g->n * e->width;

        if (job->source >= 0 ? e->label[i] != job->source : e->label[i] == job->target)
            continue;
        for (size_t k = 0; k < e->width; k++) {
            const float v = e->x[i * e->width + k], m = job->mask[k];

            row[k] = job->has_trigger ? v * (1 - m) + job->pattern[k] * m : v;
        }
        g->label[g->n++] = e->label[i];
    }
    if (!g->n)
        return RD_FAIL(t->p->h->run->err, RD_E_INPUT,
            "the evaluation data has no example of %s that the attack wants misread",
            job->source >= 0 ? "the class" : "a class");
    return RD_OK;
}

static rd_status success_rate(const struct task *t, const struct rd_graph *graph,
    const struct goal *g, struct rd_arena *scratch, double *rate_out)
{
    int *got = RD_NEW_ARRAY(scratch, int, g->n);
    size_t hit = 0;
    rd_status st = got ? answers(t->p->h, graph, g->x, g->n, scratch, got)
                       : rd_run_no_memory(t->p->h->run, "answers");

    for (size_t i = 0; !st && i < g->n; i++)
        hit += t->job.target >= 0 ? got[i] == t->job.target : got[i] != g->label[i];
    *rate_out = (double)hit / (double)g->n;
    return st;
}

static rd_status clean_accuracy(struct rd_harness *h, const struct rd_graph *graph, size_t classes,
    struct rd_arena *scratch, struct rd_agreement *out)
{
    const struct rd_dataset *e = h->request->eval;
    int *got = RD_NEW_ARRAY(scratch, int, e->n);
    rd_status st =
        got ? answers(h, graph, e->x, e->n, scratch, got) : rd_run_no_memory(h->run, "answers");

    return st ? st : rd_agreement(got, e->label, e->n, classes, scratch, out, h->run->err);
}

static void look_at_screens(
    const struct rd_recipe_report *report, const bool *poisoned, struct rd_victim *v)
{
    size_t found = 0;

    v->dropped = report->dropped;
    v->recall = v->precision = NAN;
    if (!report->drop || !poisoned)
        return;
    for (size_t i = 0; i < v->rows; i++)
        found += report->drop[i] && poisoned[i];
    if (v->poisoned)
        v->recall = (double)found / (double)v->poisoned;
    if (v->dropped)
        v->precision = (double)found / (double)v->dropped;
}

static rd_status judge_victim(struct task *t, const struct rd_recipe_job *trained)
{
    struct rd_poisoning *p = t->p;
    struct rd_victim *v = rd_poisoning_at(p, t->point, t->run);
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_agreement clean;
    struct goal goal;
    rd_status st = clean_accuracy(p->h, trained->trained, p->classes, &scratch, &clean);

    v->accuracy = clean.share;
    v->asr = v->asr_clean = NAN;
    look_at_screens(&trained->report, t->poisoned, v);
    if (!st && (t->job.has_trigger || t->job.target >= 0)) {
        p->aimed = true;
        st = goal_new(t, &scratch, &goal);
        if (!st)
            st = success_rate(t, trained->trained, &goal, &scratch, &v->asr);
        if (!st)
            st = success_rate(t, p->clean[t->run], &goal, &scratch, &v->asr_clean);
    }
    rd_arena_release(&scratch);
    return st;
}

/* --- what is kept --- */

/* In the shape that the evaluation data has, so that it lies over its examples as they are. */
static rd_status save_trigger(const struct task *t)
{
    struct rd_harness *h = t->p->h;
    const struct rd_dataset *e = h->request->eval;
    struct rd_tensor mask = { .dtype = RD_F32, .ndim = e->ndim, .data = t->job.mask }, pattern;
    rd_status st;

    if (!h->request->save_trigger)
        return RD_OK;
    memcpy(mask.dim, e->dim, sizeof mask.dim);
    pattern = mask;
    pattern.data = t->job.pattern;
    st = rd_npz_write(h->request->save_trigger,
        (struct rd_npz_item[]){ { "mask", &mask }, { "pattern", &pattern } }, 2, h->run->err);
    return st ? RD_WRAP(h->run->err, st, "saving the trigger") : RD_OK;
}

static rd_status save_first(const struct task *t, const struct rd_graph *victim)
{
    struct rd_harness *h = t->p->h;
    rd_status st;

    if (t->run || t->point != t->p->main)
        return RD_OK;
    st = save_trigger(t);
    if (st || !h->request->save)
        return st;
    st = rd_graph_save(victim, h->request->save, h->run->err);
    return st ? RD_WRAP(h->run->err, st, "saving the first victim") : RD_OK;
}

/* --- the controls, and whether the recipe is any good --- */

static rd_status explain(struct rd_harness *h, const struct rd_train_report *report, double kappa)
{
    const struct rd_dataset *d = h->request->recipe->data, *e = h->request->eval;
    const double span = (double)d->high - (double)d->low, other = (double)e->high - (double)e->low;
    struct rd_error *err = h->run->err;

    (void)kappa;
    if (span > 4 * other || other > 4 * span)
        return rd_error_hint(err,
            "the training data runs from %g to %g, the evaluation data from %g to %g: one of them "
            "wants another scale",
            (double)d->low, (double)d->high, (double)e->low, (double)e->high);
    if (report->accuracy > 0.8)
        return rd_error_hint(err,
            "it learned its training rows (%.1f %%) but not these: other preprocessing, other "
            "numbering of the classes, or labels that do not belong to their rows",
            100 * report->accuracy);
    if (d->high > 2 || d->low < -4)
        return rd_error_hint(err,
            "it did not learn its training rows either (%.1f %%), and their values run from %g to "
            "%g: scale them (1/255), or lower the learning rate",
            100 * report->accuracy, (double)d->low, (double)d->high);
    return rd_error_hint(err,
        "it did not learn its training rows either (%.1f %%): more epochs, another learning rate, "
        "or labels that do not belong to their rows",
        100 * report->accuracy);
}

/* No attack is shown on a recipe that learns nothing: every poison would "succeed" there. */
static rd_status gate(
    struct rd_poisoning *p, const struct rd_recipe_job *job, const struct rd_agreement *clean)
{
    struct rd_harness *h = p->h;
    const struct rd_trial_request *r = h->request;

    if (!isnan(r->stated_accuracy) && clean->share < r->stated_accuracy - NOTICING_DEFAULT)
        rd_log_say(h->run->log, RD_LOG_WARN, "attacks",
            "the recipe's clean accuracy is %.1f %%, below the %.1f %% stated", 100 * clean->share,
            100 * r->stated_accuracy);
    /* A control may cost accuracy: that is measured, not refused. */
    if (clean->kappa >= KAPPA_LEAST || r->dress.wrap || r->recipe->n_treatments)
        return RD_OK;
    (void)RD_FAIL(h->run->err, RD_E_INPUT,
        "trained on clean data by this recipe, the network reaches %.1f %% on %zu evaluation "
        "examples, hardly better than chance (kappa %.2f)",
        100 * clean->share, clean->n, clean->kappa);
    return explain(h, &job->report.train, clean->kappa);
}

static rd_status controls(struct rd_poisoning *p)
{
    struct rd_harness *h = p->h;
    struct rd_recipe_job *job = RD_NEW_ARRAY(h->run->scratch, struct rd_recipe_job, p->runs);
    rd_status st;

    if (!job)
        return rd_run_no_memory(h->run, "controls");
    for (size_t i = 0; i < p->runs; i++)
        job[i] = (struct rd_recipe_job){ .data = &p->data, .seed = seed_of(h, "victim", i) };
    st = rd_recipe_train_all(h->run, h->request->recipe, job, p->runs, h->run->scratch);
    if (st)
        return RD_WRAP(h->run->err, st, "training the clean controls");
    for (size_t i = 0; !st && i < p->runs; i++) {
        struct rd_arena scratch = RD_ARENA_INIT;
        struct rd_agreement clean;

        st = clean_accuracy(h, job[i].trained, p->classes, &scratch, &clean);
        if (!st && !i)
            st = gate(p, &job[i], &clean);
        rd_arena_release(&scratch);
        p->clean[i] = job[i].trained;
        p->control[i] = (struct rd_victim){ .accuracy = clean.share, .rows = p->data.n };
        look_at_screens(&job[i].report, NULL, &p->control[i]);
        p->screened = job[i].report.drop;
    }
    return st;
}

/* --- waves of victims --- */

/* As many at once as there are threads, but not more copies of the data than memory should hold. */
static size_t wave_of(const struct rd_poisoning *p)
{
    const size_t bytes = 2 * p->data.n * (p->data.width + 2) * sizeof(float) + 1;
    const size_t fit = WAVE_BYTES / bytes, threads = rd_pool_threads(p->h->run->pool);
    const size_t most = threads < WAVE_MAX ? threads : WAVE_MAX;

    return fit < 1 ? 1 : fit < most ? fit : most;
}

static rd_status one_wave(struct rd_poisoning *p, size_t first, size_t n)
{
    struct rd_harness *h = p->h;
    struct rd_arena arena = RD_ARENA_INIT;
    struct task *task = RD_NEW_ARRAY(&arena, struct task, n);
    struct rd_recipe_job *job = RD_NEW_ARRAY(&arena, struct rd_recipe_job, n);
    rd_status st = task && job ? RD_OK : rd_run_no_memory(h->run, "victims");

    for (size_t i = 0; !st && i < n; i++) {
        task[i].p = p;
        task[i].run = (first + i) % p->runs;
        task[i].point = (first + i) / p->runs;
        st = poison(&task[i]);
        job[i].data = &task[i].data;
        job[i].seed = seed_of(h, "victim", task[i].run);
    }
    if (!st)
        st = rd_recipe_train_all(h->run, h->request->recipe, job, n, &arena);
    for (size_t i = 0; !st && i < n; i++) {
        st = judge_victim(&task[i], &job[i]);
        if (!st)
            st = save_first(&task[i], job[i].trained);
    }
    for (size_t i = 0; task && i < n; i++)
        rd_arena_release(&task[i].arena);
    rd_arena_release(&arena);
    return st;
}

rd_status rd_harness_poison(struct rd_harness *h)
{
    struct rd_poisoning p = { .h = h };
    rd_status st = prepare(&p);
    size_t all, wave;

    if (!st)
        st = controls(&p);
    if (st)
        return st;
    all = p.n_points * p.runs;
    wave = wave_of(&p);
    for (size_t first = 0; !st && first < all; first += wave) {
        st = rd_run_step(h->run, "victims", first, all);
        if (!st)
            st = one_wave(&p, first, all - first < wave ? all - first : wave);
    }
    return st ? st : rd_poisoning_record(&p);
}
