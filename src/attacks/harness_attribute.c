/*
 * harness_attribute.c - the attribute game: what is the hidden feature of this example?
 *
 * The attacker knows everything else about a person, the true class among it, and holds rows of
 * other people that show the feature. Much of what he guesses right he would guess right without
 * the victim: so the harness makes the same guess from those rows alone (a small network, and the
 * commonest value; the better counts), and only the share of the remaining gap that the victim
 * closes is the attack's advantage.
 *
 * Judged on members, people whose rows the victim was trained on; the same figure on others says
 * how much of it is memory. Sources: Fredrikson et al. 2014; Yeom et al. 2018, arXiv:1709.01604,
 * section 5; Jayaraman, Evans 2022, arXiv:2209.01292, on the baseline.
 */
#include "attacks/harness_infer.h"
#include "attacks/impute.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 64 };

#define CRITERION_DEFAULT 0.1

struct attribute {
    struct rd_harness *h;
    const struct rd_dataset *data;
    struct rd_hidden hidden;
    size_t members, ask_members, ask_others;
    struct rd_infer_figures figures;
};

/* Guesses about one group: members or others. */
struct group {
    size_t n, right, imputed, common;
};

/* --- which feature --- */

static rd_status find_columns(struct attribute *g, const char *name)
{
    const struct rd_dataset *d = g->data;
    const size_t n = d->feature ? d->n_features : d->width;
    char *end, safe[64];
    unsigned long long at;

    for (size_t i = 0; d->feature && i < n; i++)
        if (!strcmp(d->feature[i].name, name)) {
            g->hidden.first = d->feature[i].first;
            g->hidden.width = d->feature[i].width;
            return RD_OK;
        }
    errno = 0;
    at = strtoull(name, &end, 10);
    if (*end || end == name || errno || at < 1 || at > n) {
        (void)RD_FAIL(g->h->run->err, RD_E_USAGE, "the data has no feature '%s'",
            rd_text_safe_in(safe, sizeof safe, name));
        return rd_error_hint(
            g->h->run->err, "name one, or number it from 1 to %zu as the columns stand", n);
    }
    g->hidden.first = d->feature ? d->feature[at - 1].first : (size_t)at - 1;
    g->hidden.width = d->feature ? d->feature[at - 1].width : 1;
    return RD_OK;
}

/* The values of a single column, in rising order. */
static rd_status find_values(struct attribute *g)
{
    const struct rd_dataset *d = g->data;
    float *values = RD_NEW_ARRAY(g->h->arena, float, VALUES_MAX + 1);
    size_t n = 0;

    if (g->hidden.width > VALUES_MAX)
        return RD_FAIL(g->h->run->err, RD_E_USAGE,
            "the feature has %zu categories: one with at most %d is needed to be guessed",
            g->hidden.width, VALUES_MAX);
    if (g->hidden.width > 1) {
        g->hidden.n_values = g->hidden.width;
        return RD_OK;
    }
    if (!values)
        return rd_run_no_memory(g->h->run, "the feature's values");
    for (size_t i = 0; i < d->n; i++) {
        const float v = d->x[i * d->width + g->hidden.first];
        size_t at = 0;

        while (at < n && values[at] < v)
            at++;
        if (at < n && !(values[at] > v))
            continue;
        if (n == VALUES_MAX)
            return RD_FAIL(g->h->run->err, RD_E_USAGE,
                "the feature takes more than %d values: one with few is needed to be guessed",
                VALUES_MAX);
        memmove(values + at + 1, values + at, (n - at) * sizeof *values);
        values[at] = v;
        n++;
    }
    g->hidden.values = values;
    g->hidden.n_values = n;
    return n >= 2 ? RD_OK
                  : RD_FAIL(g->h->run->err, RD_E_USAGE,
                        "the feature has the same value in all %zu rows", d->n);
}

static rd_status attribute_init(struct attribute *g, struct rd_harness *h)
{
    const char *name = rd_request_text(h->request, "feature");
    const double examples = rd_request_number(h->request, "examples");
    size_t others;
    rd_status st;

    *g = (struct attribute){ .h = h, .data = h->request->recipe->data };
    if (!name)
        return RD_FAIL(h->run->err, RD_E_USAGE, "%s needs the name of the hidden feature",
            h->request->attack->name);
    st = find_columns(g, name);
    if (!st)
        st = find_values(g);
    if (st)
        return st;
    g->members = g->data->n / 2;
    others = g->data->n - g->members;
    g->ask_members = g->members;
    g->ask_others = others / 2; /* the rest is what the attacker holds */
    if (examples >= 2) {
        const size_t half = (size_t)examples / 2;

        g->ask_members = half < g->ask_members ? half : g->ask_members;
        g->ask_others = half < g->ask_others ? half : g->ask_others;
    }
    if (isnan(h->request->criterion))
        h->criterion = CRITERION_DEFAULT;
    return rd_infer_figures_init(&g->figures, h);
}

/* --- one run --- */

struct round {
    struct rd_infer_run r;
    struct rd_dataset asked, holds;
    int *truth, *guess, *imputed;
    bool *member;
    uint64_t *key;
    size_t n;
    int common; /* the commonest value of what the attacker holds */
};

/* Members and others, shuffled, the feature blanked; rows that do not have it are left out. */
static rd_status ask(struct attribute *g, struct round *o, const size_t *order)
{
    struct rd_infer_run *r = &o->r;
    const size_t n = g->ask_members + g->ask_others, width = g->data->width;
    size_t *mix = rd_infer_order(r, "infer/shuffle", n), kept = 0;
    float *x;
    rd_status st;

    o->truth = RD_NEW_ARRAY(r->arena, int, n);
    o->guess = RD_NEW_ARRAY(r->arena, int, n);
    o->imputed = RD_NEW_ARRAY(r->arena, int, n);
    o->member = RD_NEW_ARRAY(r->arena, bool, n);
    o->key = RD_NEW_ARRAY(r->arena, uint64_t, n);
    if (!mix || !o->truth || !o->guess || !o->imputed || !o->member || !o->key)
        return rd_run_no_memory(g->h->run, "examples in question");
    for (size_t i = 0; i < n; i++) {
        const bool member = mix[i] < g->ask_members;
        const size_t row = order[member ? mix[i] : g->members + mix[i] - g->ask_members];
        const int truth = rd_hidden_value(&g->hidden, g->data->x + row * width);

        if (truth < 0)
            continue;
        o->truth[kept] = truth;
        o->member[kept] = member;
        o->guess[kept] = -1;
        o->key[kept] = kept;
        mix[kept++] = row; /* never ahead of i */
    }
    o->n = kept;
    if (!kept)
        return RD_FAIL(g->h->run->err, RD_E_INPUT, "no row shows the hidden feature");
    st = rd_infer_gather(r, g->data, mix, kept, &o->asked);
    if (st)
        return st;
    x = RD_NEW_ARRAY(r->arena, float, kept *width);
    if (!x)
        return rd_run_no_memory(g->h->run, "examples in question");
    memcpy(x, o->asked.x, kept * width * sizeof *x);
    for (size_t i = 0; i < kept; i++)
        rd_hidden_set(&g->hidden, x + i * width, -1);
    o->asked.x = x;
    o->asked.contributor = NULL;
    return RD_OK;
}

/* What the attacker would guess who has no model to ask. */
static rd_status without_model(struct attribute *g, struct round *o)
{
    const size_t values = g->hidden.n_values;
    struct rd_infer_run *r = &o->r;
    double *p = RD_NEW_ARRAY(r->arena, double, o->n *values);
    size_t *count = RD_NEW_ARRAY(r->arena, size_t, values);
    struct rd_run inner = *g->h->run;
    struct rd_rng rng = rd_rng_stream(inner.seed, "infer/baseline", r->run);
    rd_status st;

    if (!p || !count)
        return rd_run_no_memory(g->h->run, "the baseline");
    inner.seed = rd_rng_u64(&rng);
    inner.scratch = r->arena;
    st = rd_impute(&inner, &g->hidden, &o->holds, o->asked.x, o->asked.label, o->n, p);
    for (size_t i = 0; !st && i < o->n; i++) {
        size_t best = 0;

        for (size_t k = 1; k < values; k++)
            best = p[i * values + k] > p[i * values + best] ? k : best;
        o->imputed[i] = (int)best;
    }
    for (size_t i = 0; i < o->holds.n; i++) {
        const int v = rd_hidden_value(&g->hidden, o->holds.x + i * o->holds.width);

        if (v >= 0)
            count[v]++;
    }
    o->common = 0;
    for (size_t k = 1; k < values; k++)
        o->common = count[k] > count[o->common] ? (int)k : o->common;
    return st;
}

static double share(size_t k, size_t n)
{
    return n ? (double)k / (double)n : NAN;
}

static double advantage_of(const struct group *c)
{
    const double accuracy = share(c->right, c->n);
    const double baseline = share(c->imputed > c->common ? c->imputed : c->common, c->n);

    return baseline < 1 ? fmax(0, (accuracy - baseline) / (1 - baseline)) : 0;
}

static rd_status measure(struct attribute *g, struct round *o)
{
    struct group c[2] = { { 0 }, { 0 } };
    size_t refused = 0;
    rd_status st = RD_OK;

    for (size_t i = 0; i < o->n; i++) {
        struct group *to = &c[o->member[i]];

        to->n++;
        to->right += o->guess[i] == o->truth[i];
        to->imputed += o->imputed[i] == o->truth[i];
        to->common += o->common == o->truth[i];
        refused += o->guess[i] < 0 || (size_t)o->guess[i] >= g->hidden.n_values;
    }
    {
        const struct {
            const char *name;
            double value;
        } figure[] = {
            { "advantage", advantage_of(&c[1]) },
            { "advantage_others", advantage_of(&c[0]) },
            { "attribute_accuracy", share(c[1].right, c[1].n) },
            { "attribute_accuracy_others", share(c[0].right, c[0].n) },
            { "baseline_imputation", share(c[1].imputed, c[1].n) },
            { "baseline_commonest", share(c[1].common, c[1].n) },
            { "members", (double)c[1].n },
            { "non_members", (double)c[0].n },
            { "guesses_refused", (double)refused },
        };

        for (size_t i = 0; !st && i < sizeof figure / sizeof *figure; i++)
            st = rd_infer_figure(&g->figures, o->r.run, figure[i].name, figure[i].value);
    }
    return st;
}

static rd_status accuracies(struct attribute *g, struct round *o, const struct rd_dataset *trained)
{
    struct rd_infer_run *r = &o->r;
    double train, kappa, test;
    rd_status st = rd_infer_accuracy(r, trained->x, trained->label, trained->n, &train, &kappa);

    if (!st)
        st = rd_infer_gate(r, kappa, train);
    if (!st) /* nobody was trained on them */
        st = rd_infer_accuracy(r, o->holds.x, o->holds.label, o->holds.n, &test, NULL);
    if (!st)
        st = rd_infer_figure(&g->figures, r->run, "clean_accuracy", test);
    return st ? st : rd_infer_figure(&g->figures, r->run, "train_accuracy", train);
}

static rd_status play(struct attribute *g, size_t run, struct rd_arena *arena)
{
    struct rd_harness *h = g->h;
    struct round o = { .r = { .h = h, .run = run, .arena = arena } };
    struct rd_infer_job job = { 0 };
    struct rd_dataset trained;
    const size_t *order = rd_infer_order(&o.r, "infer/split", g->data->n);
    const size_t used = g->members + g->ask_others;
    rd_status st = order ? RD_OK : rd_run_no_memory(h->run, "the split");

    if (!st)
        st = rd_infer_gather(&o.r, g->data, order, g->members, &trained);
    if (!st)
        st = rd_infer_gather(&o.r, g->data, order + used, g->data->n - used, &o.holds);
    if (!st)
        st = rd_infer_victim(&o.r, &trained, &g->figures.withheld);
    if (!st)
        st = accuracies(g, &o, &trained);
    if (st || g->figures.withheld)
        return st;
    st = ask(g, &o, order);
    if (!st)
        st = without_model(g, &o);
    if (st)
        return st;
    job.x = o.asked.x;
    job.label = o.asked.label;
    job.example = o.key;
    job.n = o.n;
    job.feature_first = g->hidden.first;
    job.feature_width = g->hidden.width;
    job.values = g->hidden.values;
    job.n_values = g->hidden.n_values;
    job.guess = o.guess;
    st = rd_infer_attack(&o.r, &o.holds, &job);
    g->figures.trial[run].queries = (double)o.r.queries;
    h->record->queries += o.r.queries;
    return st ? st : measure(g, &o);
}

rd_status rd_infer_attribute(struct rd_harness *h)
{
    const size_t runs = h->request->runs;
    struct attribute g;
    rd_status st = attribute_init(&g, h);

    for (size_t run = 0; !st && run < runs && !g.figures.withheld; run++) {
        struct rd_arena arena = RD_ARENA_INIT;

        st = rd_run_step(h->run, "victim", run, runs);
        if (!st)
            st = play(&g, run, &arena);
        rd_arena_release(&arena);
    }
    return st ? st : rd_infer_judge(&g.figures, "advantage");
}
