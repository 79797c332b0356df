/*
 * harness_membership.c - the membership game: was this example trained on?
 *
 * A random half of the recipe's data are members, the victim is trained on them; the other half are
 * not. The attacker gets both, shuffled, and scores them. What he may hold besides follows from the
 * attack's option mode: online, the whole population that members were drawn from (with no word on
 * who was drawn); offline, only rows that are neither members nor asked about; without such an
 * option, nothing.
 *
 * Judged is the true-positive rate at a stated low false-positive rate: Carlini, Chien, Nasr, Song,
 * Terzis, Tramer 2022, arXiv:2112.03570, section III. Below ten expected false positives a rate is
 * not resolvable, and nothing is claimed.
 */
#include "attacks/harness_infer.h"

#include "base/text.h"
#include "stats/roc.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FALSE_POSITIVES_LEAST 10
#define FPR_DEFAULT 0.01
/* Ten times what guessing gives: where nobody states a criterion. */
#define CRITERION_TIMES 10

enum holds { NOTHING, POPULATION, OTHERS };

/* False-positive rates of the curve. */
static const double grid[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1 };
enum { GRID = sizeof grid / sizeof *grid };

struct game {
    struct rd_harness *h;
    const struct rd_dataset *data, *eval; /* eval NULL: not needed */
    struct rd_dataset unique;             /* data, when some rows stood there twice */
    const size_t *origin;                 /* (data->n) rows of the recipe's data; NULL: the same */
    size_t left_out;
    enum holds holds;
    double fpr;
    size_t members;                        /* the victim is trained on so many */
    size_t ask_members, ask_others, extra; /* asked about; extra: from eval, members of nothing */
    size_t n;                              /* all that are asked about */
    struct rd_infer_figures figures;
    /* of all runs, side by side */
    double *score, *tpr;
    uint8_t *member;
    int64_t *label, *index, *run;
};

/* One run: what is asked, and the truth about it. */
struct round {
    struct rd_infer_run r;
    struct rd_dataset asked;
    size_t *source; /* (n): row of data, or data->n + row of eval */
    bool *member;   /* (n) */
    size_t *row;    /* (n): of what the attacker holds */
    uint64_t *key;
    double *score;
    struct rd_dataset holds;
};

/* --- sizes --- */

static enum holds holds_of(const struct rd_trial_request *r)
{
    const struct rd_option *o = rd_option_find(r->attack->options, "mode");
    const char *mode = NULL;

    if (!o || o->type != RD_OPT_CHOICE)
        return NOTHING;
    memcpy(&mode, (const char *)r->options + o->offset, sizeof mode);
    return !strcmp(mode, "online") ? POPULATION : !strcmp(mode, "offline") ? OTHERS : NOTHING;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static rd_status check_eval(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->recipe->data, *e = h->request->eval;
    struct rd_arena scratch = RD_ARENA_INIT;
    long long row;
    rd_status st;

    if (e->width != d->width || !e->label)
        return RD_FAIL(h->run->err, RD_E_INPUT,
            "the evaluation data cannot serve as non-members: %s",
            e->label ? "its rows have "
                       "another width than the training data's"
                     : "it has no labels");
    for (size_t i = 0; i < e->n; i++)
        if (e->label[i] < 0 || e->label[i] >= d->classes)
            return RD_FAIL(h->run->err, RD_E_INPUT,
                "label %d of evaluation row %zu is outside 0..%d, the training data's classes",
                e->label[i], i, d->classes - 1);
    st = rd_dataset_overlap(e, d, &scratch, &row, h->run->err);
    rd_arena_release(&scratch);
    if (st || row < 0)
        return st;
    return RD_FAIL(h->run->err, RD_E_INPUT,
        "leak: row %lld of the evaluation data is also in the training data, so it is no "
        "non-member",
        row);
}

/*
 * A row that stands there twice may be member and non-member at once, and then nobody can be right
 * about it: the first of its kind plays, the others do not.
 */
static rd_status leave_out_repeated(struct game *g)
{
    const struct rd_dataset *d = g->data;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_infer_run once = { .h = g->h, .arena = g->h->run->scratch };
    size_t *origin = RD_NEW_ARRAY(g->h->run->scratch, size_t, d->n), n = 0;
    struct rd_data_profile profile;
    rd_status st = origin ? rd_data_profile(d, &scratch, &profile, g->h->run->err)
                          : rd_run_no_memory(g->h->run, "rows that differ");

    for (size_t i = 0; !st && i < d->n; i++)
        if (profile.first[i] == i)
            origin[n++] = i;
    rd_arena_release(&scratch);
    if (st || n == d->n)
        return st;
    if (n < 8)
        return RD_FAIL(g->h->run->err, RD_E_INPUT,
            "only %zu of %zu training rows differ from each other", n, d->n);
    g->left_out = d->n - n;
    g->origin = origin;
    g->data = &g->unique;
    return rd_infer_gather(&once, d, origin, n, &g->unique);
}

static rd_status game_init(struct game *g, struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    const double examples = rd_request_number(r, "examples"), fpr = rd_request_number(r, "fpr");
    size_t others, need;
    rd_status st;

    *g = (struct game){ .h = h, .data = r->recipe->data, .holds = holds_of(r) };
    st = leave_out_repeated(g);
    if (st)
        return st;
    g->fpr = isnan(fpr) ? FPR_DEFAULT : fpr;
    g->members = g->data->n / 2;
    others = g->data->n - g->members;
    g->ask_members = g->members;
    g->ask_others = g->holds == OTHERS ? others / 2 : others;
    need = (size_t)ceil(FALSE_POSITIVES_LEAST / g->fpr - 1e-9);
    if (examples >= 2) {
        g->ask_members = least(g->ask_members, (size_t)examples / 2);
        g->ask_others = least(g->ask_others, (size_t)examples / 2);
    } else if (g->ask_others < need && r->eval && r->eval->n) {
        st = check_eval(h);
        if (st)
            return st;
        g->eval = r->eval;
        g->extra = least(need - g->ask_others, r->eval->n);
    }
    g->n = g->ask_members + g->ask_others + g->extra;
    if (isnan(r->criterion))
        h->criterion = fmin(1, CRITERION_TIMES * g->fpr);
    g->score = RD_NEW_ARRAY(h->run->scratch, double, g->n * r->runs);
    g->member = RD_NEW_ARRAY(h->run->scratch, uint8_t, g->n * r->runs);
    g->label = RD_NEW_ARRAY(h->run->scratch, int64_t, g->n * r->runs);
    g->index = RD_NEW_ARRAY(h->run->scratch, int64_t, g->n * r->runs);
    g->run = RD_NEW_ARRAY(h->run->scratch, int64_t, g->n * r->runs);
    g->tpr = RD_NEW_ARRAY(h->arena, double, GRID * r->runs);
    if (!g->score || !g->member || !g->label || !g->index || !g->run || !g->tpr)
        return rd_run_no_memory(h->run, "scores");
    return rd_infer_figures_init(&g->figures, h);
}

/* --- who is asked about, and what the attacker holds --- */

static const float *x_of(const struct game *g, size_t source)
{
    return source < g->data->n ? g->data->x + source * g->data->width
                               : g->eval->x + (source - g->data->n) * g->data->width;
}

static int label_of(const struct game *g, size_t source)
{
    return source < g->data->n ? g->data->label[source] : g->eval->label[source - g->data->n];
}

static rd_status gather(const struct game *g, struct rd_infer_run *r, const size_t *source,
    size_t n, struct rd_dataset *out)
{
    const size_t width = g->data->width;
    float *x = RD_NEW_ARRAY(r->arena, float, n *width + 1);
    int *label = RD_NEW_ARRAY(r->arena, int, n + 1);

    if (!x || !label)
        return rd_run_no_memory(g->h->run, "examples in question");
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * width, x_of(g, source[i]), width * sizeof *x);
        label[i] = label_of(g, source[i]);
    }
    *out = *g->data;
    out->n = n;
    out->x = x;
    out->label = label;
    out->contributor = NULL; /* who contributed a row may tell whether it was used */
    out->time = NULL;
    out->row = NULL;
    out->digest[0] = '\0';
    return RD_OK;
}

/* Members stand first in order, then the others. */
static rd_status ask(const struct game *g, struct round *o, const size_t *order)
{
    struct rd_infer_run *r = &o->r;
    const size_t *mix = rd_infer_order(r, "infer/shuffle", g->n);
    const size_t *extra = g->extra ? rd_infer_order(r, "infer/extra", g->eval->n) : NULL;

    o->source = RD_NEW_ARRAY(r->arena, size_t, g->n);
    o->member = RD_NEW_ARRAY(r->arena, bool, g->n);
    o->row = RD_NEW_ARRAY(r->arena, size_t, g->n);
    o->key = RD_NEW_ARRAY(r->arena, uint64_t, g->n);
    o->score = RD_NEW_ARRAY(r->arena, double, g->n);
    if (!mix || (g->extra && !extra) || !o->source || !o->member || !o->row || !o->key || !o->score)
        return rd_run_no_memory(g->h->run, "examples in question");
    for (size_t i = 0; i < g->n; i++) {
        const size_t at = mix[i], others = g->ask_members + g->ask_others;

        o->member[i] = at < g->ask_members;
        o->source[i] = at < g->ask_members ? order[at]
                       : at < others       ? order[g->members + at - g->ask_members]
                                           : g->data->n + extra[at - others];
        o->row[i] = SIZE_MAX;
        o->key[i] = i; /* no word of where it comes from */
    }
    return gather(g, r, o->source, g->n, &o->asked);
}

/* The population, and where in it each example in question stands. */
static rd_status hold_population(const struct game *g, struct round *o)
{
    struct rd_infer_run *r = &o->r;
    const size_t n = g->data->n, all = n + g->extra;
    size_t *source, *place;
    rd_status st;

    if (!g->extra) { /* the order of the data says nothing about who was drawn */
        o->holds = *g->data;
        o->holds.contributor = NULL;
        memcpy(o->row, o->source, g->n * sizeof *o->row);
        return RD_OK;
    }
    source = rd_infer_order(r, "infer/population", all);
    place = RD_NEW_ARRAY(r->arena, size_t, n + g->eval->n);
    if (!source || !place)
        return rd_run_no_memory(g->h->run, "the population");
    for (size_t i = 0, seen = 0; i < g->n; i++) /* number the extra ones behind the data */
        if (o->source[i] >= n)
            place[n + seen++] = o->source[i];
    for (size_t i = 0; i < all; i++)
        if (source[i] >= n)
            source[i] = place[source[i]];
    st = gather(g, r, source, all, &o->holds);
    for (size_t i = 0; !st && i < all; i++)
        place[source[i]] = i;
    for (size_t i = 0; !st && i < g->n; i++)
        o->row[i] = place[o->source[i]];
    return st;
}

static rd_status hold(const struct game *g, struct round *o, const size_t *order)
{
    const size_t used = g->members + g->ask_others;

    if (g->holds == POPULATION)
        return hold_population(g, o);
    return g->holds == OTHERS ? gather(g, &o->r, order + used, g->data->n - used, &o->holds)
                              : RD_OK;
}

/* --- one run --- */

/* No number, no opinion: it stands below all others. */
static size_t tame(double *score, size_t n)
{
    size_t refused = 0;

    for (size_t i = 0; i < n; i++)
        if (!isfinite(score[i])) {
            score[i] = -HUGE_VAL;
            refused++;
        }
    return refused;
}

static void keep(struct game *g, const struct round *o)
{
    const size_t first = o->r.run * g->n;

    for (size_t i = 0; i < g->n; i++) {
        const size_t row = o->source[i], n = g->data->n;

        g->score[first + i] = o->score[i];
        g->member[first + i] = o->member[i];
        g->label[first + i] = o->asked.label[i];
        g->index[first + i] = (int64_t)(row >= n    ? row + g->left_out
                                        : g->origin ? g->origin[row]
                                                    : row);
        g->run[first + i] = (int64_t)o->r.run;
    }
}

static rd_status measure(struct game *g, struct round *o, size_t refused)
{
    struct rd_infer_run *r = &o->r;
    struct rd_roc roc = {
        .true_positive = RD_NEW_ARRAY(r->arena, size_t, g->n),
        .false_positive = RD_NEW_ARRAY(r->arena, size_t, g->n),
        .threshold = RD_NEW_ARRAY(r->arena, double, g->n),
    };
    size_t *order = RD_NEW_ARRAY(r->arena, size_t, g->n), top = g->n / 100;
    rd_status st = RD_OK;

    if (!roc.true_positive || !roc.false_positive || !roc.threshold || !order)
        return rd_run_no_memory(g->h->run, "the curve");
    rd_roc_of(o->score, o->member, g->n, order, &roc);
    for (size_t k = 0; k < GRID; k++)
        g->tpr[r->run * GRID + k] = rd_roc_tpr(&roc, grid[k]);
    top = top ? top : 1;
    {
        const struct {
            const char *name;
            double value;
        } figure[] = {
            { "tpr", rd_roc_tpr(&roc, g->fpr) },
            { "fpr", g->fpr },
            { "auc", rd_roc_area(&roc) },
            { "tpr_1_percent_fpr", rd_roc_tpr(&roc, 0.01) },
            { "tpr_0_1_percent_fpr", rd_roc_tpr(&roc, 0.001) },
            { "balanced_accuracy", rd_roc_balanced_accuracy(&roc) },
            { "top_1_percent_members", rd_roc_precision(&roc, top) },
            { "members", (double)roc.positives },
            { "non_members", (double)roc.negatives },
            { "repeated_rows_left_out", (double)g->left_out },
            { "scores_refused", (double)refused },
        };

        for (size_t i = 0; !st && i < sizeof figure / sizeof *figure; i++)
            st = rd_infer_figure(&g->figures, r->run, figure[i].name, figure[i].value);
    }
    return st;
}

/* How well the victim does on both kinds: without a gap there is little to tell them by. */
static rd_status accuracies(
    struct game *g, struct round *o, const struct rd_dataset *trained, const size_t *order)
{
    struct rd_infer_run *r = &o->r;
    const size_t n = least(g->data->n - g->members, 4096);
    struct rd_dataset others;
    double train, kappa, test;
    rd_status st =
        rd_infer_accuracy(r, trained->x, trained->label, least(trained->n, 4096), &train, &kappa);

    if (!st)
        st = rd_infer_gate(r, kappa, train);
    if (!st)
        st = rd_infer_gather(r, g->data, order + g->members, n, &others);
    if (!st)
        st = rd_infer_accuracy(r, others.x, others.label, n, &test, NULL);
    if (!st)
        st = rd_infer_figure(&g->figures, r->run, "clean_accuracy", test);
    if (!st)
        st = rd_infer_figure(&g->figures, r->run, "train_accuracy", train);
    return st ? st : rd_infer_figure(&g->figures, r->run, "generalization_gap", train - test);
}

static rd_status play(struct game *g, size_t run, struct rd_arena *arena)
{
    struct rd_harness *h = g->h;
    struct round o = { .r = { .h = h, .run = run, .arena = arena } };
    struct rd_infer_job job = { 0 };
    struct rd_dataset trained;
    const size_t *order = rd_infer_order(&o.r, "infer/split", g->data->n);
    rd_status st = order ? RD_OK : rd_run_no_memory(h->run, "the split");

    if (!st)
        st = rd_infer_gather(&o.r, g->data, order, g->members, &trained);
    if (!st)
        st = rd_infer_victim(&o.r, &trained, &g->figures.withheld);
    if (!st)
        st = accuracies(g, &o, &trained, order);
    if (st || g->figures.withheld)
        return st;
    st = ask(g, &o, order);
    if (!st)
        st = hold(g, &o, order);
    if (st)
        return st;
    job.x = o.asked.x;
    job.label = o.asked.label;
    job.example = o.key;
    job.row = o.row;
    job.score = o.score;
    job.n = g->n;
    st = rd_infer_attack(&o.r, g->holds == NOTHING ? NULL : &o.holds, &job);
    if (!st)
        st = measure(g, &o, tame(o.score, g->n));
    keep(g, &o);
    g->figures.trial[run].queries = (double)o.r.queries;
    h->record->queries += o.r.queries;
    h->record->gradients += o.r.gradients;
    return st;
}

/* --- over runs --- */

static const char *why_not(const struct game *g, double fpr)
{
    const size_t others = g->ask_others + g->extra;
    const double need = ceil(FALSE_POSITIVES_LEAST / fpr - 1e-9);
    char rate[32];

    return rd_arena_printf(g->h->arena,
        "not resolvable: at a false-positive rate of %s at least %.0f non-members are needed (10 "
        "false positives), there are %zu",
        rd_text_from_double(fpr, rate), need, others);
}

static bool resolves(const struct game *g, double fpr)
{
    return fpr * (double)(g->ask_others + g->extra) >= FALSE_POSITIVES_LEAST - 1e-9;
}

static rd_status leave_out_unresolved(struct game *g)
{
    static const struct {
        const char *name;
        double fpr;
    } rate[] = { { "tpr", 0 }, { "tpr_1_percent_fpr", 0.01 }, { "tpr_0_1_percent_fpr", 0.001 } };
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < sizeof rate / sizeof *rate; i++) {
        const double fpr = rate[i].fpr > 0 ? rate[i].fpr : g->fpr;

        if (!resolves(g, fpr))
            st = rd_infer_unresolved(&g->figures, rate[i].name, why_not(g, fpr));
    }
    return st;
}

static rd_status curve(struct game *g)
{
    struct rd_harness *h = g->h;
    const size_t runs = h->request->runs;
    struct rd_curve *c = RD_NEW(h->arena, struct rd_curve);
    struct rd_interval *y = RD_NEW_ARRAY(h->arena, struct rd_interval, GRID);
    struct rd_trace *t = RD_NEW_ARRAY(h->arena, struct rd_trace, runs);
    double *each = RD_NEW_ARRAY(h->run->scratch, double, runs);
    size_t first = 0;

    if (!c || !y || !t || !each)
        return rd_run_no_memory(h->run, "the curve");
    while (first + 1 < GRID && !resolves(g, grid[first]))
        first++;
    for (size_t k = first; k < GRID; k++) {
        for (size_t r = 0; r < runs; r++)
            each[r] = g->tpr[r * GRID + k];
        y[k] = rd_interval_of(rd_ci_mean(each, runs, RD_LEVEL));
        y[k].low = y[k].low < 0 ? 0 : y[k].low; /* NaN stays */
        y[k].high = y[k].high > 1 ? 1 : y[k].high;
    }
    *c = (struct rd_curve){ "tpr", "fpr", GRID - first, grid + first, y + first };
    for (size_t r = 0; r < runs; r++)
        t[r] = (struct rd_trace){ r, "tpr", GRID - first, grid + first, g->tpr + r * GRID + first };
    h->record->curves = c;
    h->record->n_curves = 1;
    h->record->traces = t;
    h->record->n_traces = runs;
    return RD_OK;
}

static rd_status save(struct game *g)
{
    const int64_t n = (int64_t)(g->n * g->h->request->runs);
    const struct rd_tensor score = { RD_F64, 1, { n }, g->score };
    const struct rd_tensor member = { RD_U8, 1, { n }, g->member };
    const struct rd_tensor label = { RD_I64, 1, { n }, g->label };
    const struct rd_tensor index = { RD_I64, 1, { n }, g->index };
    const struct rd_tensor run = { RD_I64, 1, { n }, g->run };
    const struct rd_npz_item item[] = { { "score", &score }, { "member", &member },
        { "label", &label }, { "index", &index }, { "run", &run } };
    const rd_status st =
        rd_npz_write(g->h->request->save_scores, item, sizeof item / sizeof *item, g->h->run->err);

    return st ? RD_WRAP(g->h->run->err, st, "saving the scores") : RD_OK;
}

rd_status rd_infer_membership(struct rd_harness *h)
{
    const size_t runs = h->request->runs;
    struct game g;
    rd_status st = game_init(&g, h);

    for (size_t run = 0; !st && run < runs && !g.figures.withheld; run++) {
        struct rd_arena arena = RD_ARENA_INIT;

        st = rd_run_step(h->run, "victim", run, runs);
        if (!st)
            st = play(&g, run, &arena);
        rd_arena_release(&arena);
    }
    if (!st)
        st = leave_out_unresolved(&g);
    if (!st && !g.figures.withheld)
        st = curve(&g);
    if (!st)
        st = rd_infer_judge(&g.figures, "tpr");
    return !st && h->request->save_scores && !g.figures.withheld ? save(&g) : st;
}
