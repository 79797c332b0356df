/*
 * harness_infer.c - inference: one trial an independently trained victim.
 *
 * The victim is trained here, by the recipe with its treatments, on rows that this run drew; then
 * the controls go in front of it. The attacker sees the dressed victim, what the game lets him
 * hold, and the recipe (he is assumed to know how such victims are made), with his own data in it.
 */
#include "attacks/harness_infer.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* As at the sanity gate of a target: below this a network is no classifier of its data. */
#define KAPPA_LEAST 0.2

enum { ASK_ROWS = 1024 };

/* --- one run --- */

size_t *rd_infer_order(struct rd_infer_run *r, const char *what, size_t n)
{
    struct rd_rng rng = rd_rng_stream(r->h->run->seed, what, r->run);
    size_t *order = RD_NEW_ARRAY(r->arena, size_t, n + 1);

    for (size_t i = 0; order && i < n; i++)
        order[i] = i;
    if (order)
        rd_rng_shuffle(&rng, order, n);
    return order;
}

rd_status rd_infer_gather(struct rd_infer_run *r, const struct rd_dataset *d, const size_t *row,
    size_t n, struct rd_dataset *out)
{
    float *x = RD_NEW_ARRAY(r->arena, float, n * d->width + 1);
    int *label = RD_NEW_ARRAY(r->arena, int, n + 1);
    int *contributor = d->contributor ? RD_NEW_ARRAY(r->arena, int, n + 1) : NULL;

    if (!x || !label || (d->contributor && !contributor))
        return rd_run_no_memory(r->h->run, "a part of the data");
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * d->width, d->x + row[i] * d->width, d->width * sizeof *x);
        label[i] = d->label[row[i]];
        if (contributor)
            contributor[i] = d->contributor[row[i]];
    }
    *out = *d;
    out->n = n;
    out->x = x;
    out->label = label;
    out->contributor = contributor;
    out->time = NULL;
    out->row = NULL;
    out->digest[0] = '\0';
    return RD_OK;
}

static uint64_t seed_of(const struct rd_infer_run *r, const char *what)
{
    struct rd_rng rng = rd_rng_stream(r->h->run->seed, what, r->run);

    return rd_rng_u64(&rng);
}

static uint64_t cap_of(const struct rd_infer_run *r)
{
    const uint64_t rows = r->request.budget ? r->request.budget : UINT64_MAX;

    return r->dressed->quota && r->dressed->quota < rows ? r->dressed->quota : rows;
}

static rd_status dress(
    struct rd_infer_run *r, struct rd_run *run, struct rd_target *bare, struct rd_target **out)
{
    const struct rd_dress *d = &r->h->request->dress;

    *out = bare;
    return d->wrap ? d->wrap(d->self, run, bare, out) : RD_OK;
}

static rd_status look_for_access(struct rd_infer_run *r, bool *withheld_out)
{
    static const struct {
        unsigned mask;
        const char *name;
    } kinds[] = { { RD_ACCESS_GRADIENTS, "gradients" }, { RD_ACCESS_SCORES, "scores" },
        { RD_ACCESS_LABELS, "labels" } };
    struct rd_harness *h = r->h;
    const struct rd_attack *a = h->request->attack;
    const unsigned lacking = rd_attack_needs(a, h->request->options) & ~r->dressed->access;

    *withheld_out = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!(lacking & kinds[i].mask))
            continue;
        h->withheld = kinds[i].name;
        *withheld_out = true;
        if (h->request->withheld_is_failure)
            return RD_OK;
        (void)RD_FAIL(h->run->err, RD_E_USAGE, "%s needs %s, which '%s' does not give", a->name,
            h->withheld, r->dressed->label);
        if (kinds[i].mask == RD_ACCESS_GRADIENTS && r->dressed->no_gradients)
            (void)rd_error_hint(h->run->err, "%s", r->dressed->no_gradients);
        return RD_E_USAGE;
    }
    return RD_OK;
}

rd_status rd_infer_victim(struct rd_infer_run *r, const struct rd_dataset *data, bool *withheld_out)
{
    struct rd_harness *h = r->h;
    struct rd_recipe_report report;
    struct rd_run outer = *h->run;
    char name[32];
    rd_status st;

    (void)snprintf(name, sizeof name, "victim %zu", r->run + 1);
    outer.scratch = r->arena;
    st = rd_recipe_train(
        h->run, h->request->recipe, data, seed_of(r, "infer/victim"), r->arena, &r->graph, &report);
    if (!st)
        st = rd_target_open_graph(r->graph, name, h->run->pool, r->arena, &r->bare, h->run->err);
    if (!st)
        st = dress(r, &outer, r->bare, &r->dressed);
    if (!st)
        st = look_for_access(r, withheld_out);
    if (st)
        return RD_WRAP(h->run->err, st, "making %s", name);
    r->request = *h->request;
    r->request.target = r->dressed;
    r->view = *h;
    r->view.request = &r->request;
    r->view.rows_total = 0;
    r->view.scores_are_probabilities = r->dressed->scores_are_probabilities;
    return *withheld_out ? RD_OK
                         : rd_counted_init(&r->counted, &r->view, NULL, cap_of(r), r->arena);
}

/* A network of the attacker's own, behind the victim's controls. */
static rd_status answer(struct rd_infer_job *job, const struct rd_graph *own, const float *x,
    size_t n, float *score, struct rd_error *err)
{
    struct rd_infer_run *r = job->harness;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run run = *r->h->run;
    struct rd_target *bare, *dressed = NULL;
    rd_status st;

    run.scratch = &scratch;
    run.err = err;
    st = rd_target_open_graph(own, "shadow", run.pool, &scratch, &bare, err);
    if (!st)
        st = dress(r, &run, bare, &dressed);
    if (!st && !dressed->scores)
        st = RD_FAIL(err, RD_E_USAGE, "the controls let no scores through");
    for (size_t i = 0; !st && i < n; i += ASK_ROWS) {
        const size_t m = n - i < ASK_ROWS ? n - i : ASK_ROWS;

        st =
            dressed->scores(dressed->self, x + i * bare->inputs, m, score + i * bare->classes, err);
    }
    rd_arena_release(&scratch);
    return st;
}

rd_status rd_infer_attack(
    struct rd_infer_run *r, const struct rd_dataset *holds, struct rd_infer_job *job)
{
    struct rd_harness *h = r->h;
    const struct rd_attack *a = h->request->attack;
    struct rd_arena scratch = RD_ARENA_INIT;
    rd_status st;

    r->recipe = *h->request->recipe;
    r->recipe.data = holds;
    r->inner = *h->run;
    r->inner.seed = seed_of(r, "infer/attack");
    r->inner.scratch = &scratch;
    r->inner.err = &r->err;
    job->run = r->run;
    job->data = holds;
    job->recipe = &r->recipe;
    job->low = r->view.low;
    job->high = r->view.high;
    job->answer = answer;
    job->harness = r;
    st = a->infer(&r->inner, &r->counted.oracle, h->request->options, job);
    rd_arena_release(&scratch);
    h->rows_total += r->view.rows_total;
    r->queries = r->counted.queries;
    r->gradients = r->counted.gradients;
    if (st == RD_E_LIMIT && r->counted.over) /* what it did not get to stands as it was */
        return RD_OK;
    if (!st)
        return RD_OK;
    if (h->run->err)
        *h->run->err = r->err;
    return RD_WRAP(h->run->err, st, "%s against victim %zu", a->name, r->run + 1);
}

rd_status rd_infer_accuracy(struct rd_infer_run *r, const float *x, const int *label, size_t n,
    double *share_out, double *kappa_out)
{
    struct rd_harness *h = r->h;
    struct rd_target *t = r->bare;
    struct rd_arena scratch = RD_ARENA_INIT;
    int *said = RD_NEW_ARRAY(&scratch, int, n + 1);
    struct rd_agreement a = { .share = NAN, .kappa = NAN };
    rd_status st = said ? RD_OK : rd_run_no_memory(h->run, "labels");

    for (size_t i = 0; !st && i < n; i += ASK_ROWS) {
        const size_t m = n - i < ASK_ROWS ? n - i : ASK_ROWS;

        st = t->labels(t->self, x + i * t->inputs, m, said + i, h->run->err);
        h->rows_total += st ? 0 : m;
    }
    if (!st && n)
        st = rd_agreement(said, label, n, t->classes, &scratch, &a, h->run->err);
    rd_arena_release(&scratch);
    *share_out = a.share;
    if (kappa_out)
        *kappa_out = a.kappa;
    return st ? RD_WRAP(h->run->err, st, "measuring victim %zu", r->run + 1) : RD_OK;
}

rd_status rd_infer_gate(struct rd_infer_run *r, double kappa, double share)
{
    struct rd_error *err = r->h->run->err;

    if (kappa >= KAPPA_LEAST || r->h->request->recipe->n_treatments)
        return RD_OK; /* what a treatment costs is a result */
    (void)RD_FAIL(err, RD_E_INPUT,
        "victim %zu answers %.1f %% of its own training rows right, hardly better than chance "
        "(kappa %.2f): there is nothing to infer from",
        r->run + 1, 100 * share, kappa);
    return rd_error_hint(err, "does the recipe train at all on this data? look at its epochs and "
                              "learning rate, and at the range of the values");
}

/* --- figures --- */

rd_status rd_infer_figures_init(struct rd_infer_figures *f, struct rd_harness *h)
{
    *f = (struct rd_infer_figures){ .h = h, .runs = h->request->runs };
    f->trial = RD_NEW_ARRAY(h->arena, struct rd_trial, f->runs);
    return f->trial ? RD_OK : rd_run_no_memory(h->run, "trials");
}

static size_t find(const struct rd_infer_figures *f, const char *name)
{
    size_t i = 0;

    while (i < f->n && strcmp(f->name[i], name) != 0)
        i++;
    return i;
}

rd_status rd_infer_figure(struct rd_infer_figures *f, size_t run, const char *name, double value)
{
    const size_t i = find(f, name);

    if (i == RD_INFER_FIGURES)
        return RD_FAIL(f->h->run->err, RD_E_BUG, "no room for the figure %s", name);
    if (i == f->n) {
        f->name[i] = rd_arena_strdup(f->h->arena, name);
        f->value[i] = RD_NEW_ARRAY(f->h->run->scratch, double, f->runs);
        if (!f->name[i] || !f->value[i])
            return rd_run_no_memory(f->h->run, "figures");
        for (size_t k = 0; k < f->runs; k++)
            f->value[i][k] = NAN;
        f->n++;
    }
    f->value[i][run] = value;
    return RD_OK;
}

rd_status rd_infer_unresolved(struct rd_infer_figures *f, const char *name, const char *reason)
{
    const size_t i = find(f, name);

    if (!reason)
        return rd_run_no_memory(f->h->run, "a reason");
    if (i < f->n)
        f->reason[i] = reason;
    return RD_OK;
}

/* Student's interval knows no bounds; a share does. */
static void bound(const char *name, struct rd_interval *v)
{
    static const char *const not_shares[] = { "generalization_gap", "correlation" };

    for (size_t i = 0; i < sizeof not_shares / sizeof *not_shares; i++)
        if (!strcmp(name, not_shares[i]))
            return;
    if (v->low < 0) /* false for NaN */
        v->low = 0;
    if (v->value <= 1 && v->high > 1)
        v->high = 1;
}

/* Over the runs; nothing when it could not be told in one of them. */
static struct rd_interval over_runs(const struct rd_infer_figures *f, size_t i)
{
    struct rd_interval v = { NAN, NAN, NAN };
    size_t n = 0;

    if (f->reason[i])
        return v;
    for (size_t r = 0; r < f->runs; r++)
        n += isnan(f->value[i][r]) ? 0 : 1;
    if (n == f->runs)
        v = rd_interval_of(rd_ci_mean(f->value[i], n, RD_LEVEL));
    bound(f->name[i], &v);
    return v;
}

static const char *too_few(size_t runs)
{
    return runs == 1 ? "between-run variance unknown (1 run)"
                     : "between-run variance unknown (2 runs)";
}

static rd_status add_metrics(struct rd_infer_figures *f)
{
    struct rd_metric *m = RD_NEW_ARRAY(f->h->arena, struct rd_metric, f->n + 1);

    if (!m)
        return rd_run_no_memory(f->h->run, "metrics");
    for (size_t i = 0; i < f->n; i++) {
        m[i].name = f->name[i];
        m[i].v = over_runs(f, i);
        m[i].reason = f->reason[i]          ? f->reason[i]
                      : isnan(m[i].v.value) ? "not measured in every run"
                      : isnan(m[i].v.low)   ? too_few(f->runs)
                                            : NULL;
    }
    f->h->record->metrics = m;
    f->h->record->n_metrics = f->n;
    return RD_OK;
}

/* A screen finds or says nothing. */
static rd_status screened(struct rd_harness *h)
{
    struct rd_record *rec = h->record;

    if (!h->request->attack->screen || rec->outcome != RD_OUTCOME_NOT_DEMONSTRATED)
        return RD_OK;
    rec->outcome = RD_OUTCOME_INCONCLUSIVE;
    rec->outcome_reason = rd_arena_printf(
        h->arena, "%s is a screen: what it does not find may be there", h->request->attack->name);
    return rec->outcome_reason ? RD_OK : rd_run_no_memory(h->run, "a reason");
}

static rd_status judge_withheld(struct rd_infer_figures *f, const char *judged)
{
    struct rd_harness *h = f->h;
    struct rd_record *rec = h->record;

    for (size_t r = 0; r < f->runs; r++)
        f->trial[r] = (struct rd_trial){ false, 0, NAN, 0 };
    rec->judged = judged;
    rec->interval = (struct rd_interval){ 0, 0, 0 };
    rec->outcome = RD_OUTCOME_NOT_DEMONSTRATED;
    rec->outcome_reason = rd_arena_printf(
        h->arena, "%s needs %s, which the target withholds", h->request->attack->name, h->withheld);
    return rec->outcome_reason ? screened(h) : rd_run_no_memory(h->run, "a reason");
}

rd_status rd_infer_judge(struct rd_infer_figures *f, const char *judged)
{
    struct rd_harness *h = f->h;
    struct rd_record *rec = h->record;
    const size_t at = find(f, judged);
    rd_status st;

    rec->unit = "run";
    rec->n = f->runs;
    rec->criterion = h->criterion;
    rec->trials = f->trial;
    rec->n_trials = f->runs;
    st = add_metrics(f);
    if (st || f->withheld)
        return st ? st : judge_withheld(f, judged);
    if (at == f->n)
        return RD_FAIL(h->run->err, RD_E_BUG, "no figure is called %s", judged);
    rec->judged = f->name[at];
    for (size_t r = 0; r < f->runs; r++) {
        f->trial[r].metric = f->value[at][r];
        f->trial[r].success = f->value[at][r] >= h->criterion && !f->reason[at];
        f->trial[r].distance = NAN;
        rec->successes += f->trial[r].success;
    }
    rec->interval = over_runs(f, at);
    rec->outcome = rd_outcome_judge(&rec->interval, h->criterion);
    if (f->reason[at]) {
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
        rec->outcome_reason = f->reason[at];
    } else if (f->runs < 3) {
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
        rec->outcome_reason = too_few(f->runs);
    }
    return screened(h);
}

/* --- the game --- */

static rd_status check_labels(struct rd_harness *h, const struct rd_dataset *d, size_t classes)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->label[i] < 0 || (size_t)d->label[i] >= classes)
            return RD_FAIL(h->run->err, RD_E_INPUT,
                "label %d of training row %zu is outside 0..%zu: the recipe's network answers %zu "
                "classes",
                d->label[i], i, classes - 1, classes);
    return RD_OK;
}

/* Training reads rows as wide as the network says: so it is asked first. */
static rd_status check_shape(struct rd_harness *h, const struct rd_dataset *d)
{
    struct rd_target shape = { .label = "the recipe's network" };
    struct rd_net *net;
    const int64_t *dim;
    rd_status st;

    if (!h->request->recipe->graph)
        return RD_FAIL(h->run->err, RD_E_USAGE, "the recipe has no network");
    st = rd_net_open(h->request->recipe->graph, NULL, &net, h->run->err);
    if (st)
        return RD_WRAP(h->run->err, st, "the recipe's network");
    shape.inputs = rd_net_inputs(net);
    shape.classes = rd_net_outputs(net);
    dim = rd_net_input_dims(net, &shape.ndim);
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = dim[i];
    rd_net_free(net);
    if (!shape.inputs || shape.classes < 2)
        return RD_FAIL(h->run->err, RD_E_USAGE,
            "the recipe's network is no classifier of rows: it wants one float32 input with a free "
            "first axis and scores of at least two classes");
    st = rd_gate_shape(&shape, d, "training data", h->run->err);
    return st ? st : check_labels(h, d, shape.classes);
}

static rd_status check_recipe(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->recipe->data;

    if (!d || !d->n || !d->label)
        return RD_FAIL(h->run->err, RD_E_INPUT, "the recipe's training data has no %s",
            d && d->n ? "labels" : "examples");
    if (d->n < 8)
        return RD_FAIL(h->run->err, RD_E_INPUT, "%zu training rows are too few to be split", d->n);
    return check_shape(h, d);
}

rd_status rd_harness_infer(struct rd_harness *h)
{
    rd_status st = check_recipe(h);

    if (!st)
        st = rd_gate_box(h, h->request->recipe->data);
    if (st)
        return st;
    switch (h->request->attack->task) {
    case RD_INFER_MEMBERSHIP:
        return rd_infer_membership(h);
    case RD_INFER_ATTRIBUTE:
        return rd_infer_attribute(h);
    case RD_INFER_INVERSION:
        return rd_infer_inversion(h);
    }
    return RD_FAIL(h->run->err, RD_E_BUG, "%s infers nothing known", h->request->attack->name);
}
