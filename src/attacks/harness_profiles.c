/*
 * harness_profiles.c - fake profiles in a recommender: one trial a retrained recommender.
 *
 * Each run has its own seed and, unless the option names one, its own item. The last click of every
 * user is held back: whether the recommender finds those again is its accuracy, with and without
 * the fake accounts. What an attack hands in is checked, added to the real clicks, and a
 * recommender is trained from the same seed as the control that never saw it. Judged are real users
 * who have not clicked the item: how many of them are shown it, and where it stands for them.
 *
 *   push  hit_rate_gain = hit rate - control's hit rate
 *   nuke  rank_loss     = mean places lost / places there are
 */
#include "attacks/harness_parts.h"

#include "base/digest.h"
#include "data/clicks.h"
#include "stats/special.h"
#include "target/recommender.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 5, CLICKS_LEAST = 3 };
static const double noticing_preset = 0.02;

/* What one recommender shows. */
struct seen_by {
    double hit_rate, exposure, accuracy;
    double *rank;                /* (eligible users) place of the item, 0 first */
    double flagged, false_flags; /* share of the fake, of the real accounts left out by screens */
};

struct trial {
    const struct rd_clicks *all; /* as given */
    struct rd_clicks kept;       /* all but each user's last */
    int *last;                   /* (n_users) the item held back; -1: none */
    int item;
    size_t *eligible; /* users who have not clicked the item */
    size_t n_eligible;
    size_t budget[POINTS]; /* accounts, rising; 0 is the control */
    size_t n_points;
    struct seen_by point[POINTS];
    uint64_t seed;
};

struct profiles {
    struct rd_harness *h;
    const struct rd_clicks *clicks;
    const struct rd_recommender *how;
    size_t accounts, per_user, k;
    long long item;
    bool nuke;
    double noticing;
    struct trial *trial; /* (runs) */
};

static const char *choice_of(const struct rd_trial_request *r, const char *name)
{
    const struct rd_option *o = rd_option_find(r->attack->options, name);
    const char *text = "";

    if (o && o->type == RD_OPT_CHOICE)
        memcpy(&text, (const char *)r->options + o->offset, sizeof text);
    return text;
}

/* --- before a run: what is held back, which item --- */

static rd_status hold_back(struct rd_harness *h, struct trial *t, struct rd_arena *arena)
{
    const struct rd_clicks *all = t->all;
    struct rd_click *kept = RD_NEW_ARRAY(arena, struct rd_click, all->n);
    size_t n = 0;

    t->last = RD_NEW_ARRAY(arena, int, all->n_users);
    if (!kept || !t->last)
        return rd_run_no_memory(h->run, "clicks");
    for (size_t u = 0; u < all->n_users; u++)
        t->last[u] = -1;
    for (size_t i = 0, first = 0; i < all->n; i++) {
        const struct rd_click *c = &all->item[i];
        const bool ends = i + 1 == all->n || all->item[i + 1].user != c->user;
        bool again = false;

        for (size_t j = first; ends && j < i; j++)
            again |= all->item[j].item == c->item;
        if (ends && i + 1 - first >= CLICKS_LEAST && !again)
            t->last[c->user] = c->item;
        else
            kept[n++] = *c;
        if (ends)
            first = i + 1;
    }
    return rd_clicks_make(kept, n, all->n_users, all->n_items, &t->kept, h->run->err);
}

struct counted {
    size_t n;
    int item;
};

static int rarest_first(const void *a, const void *b)
{
    const struct counted *p = a, *q = b;

    if (p->n != q->n)
        return p->n < q->n ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

/* To push: one of the middle of the tail. To nuke: one of the well known, but not the best known.
 */
static rd_status choose_item(
    struct profiles *p, struct trial *t, struct rd_rng *rng, struct rd_arena *scratch)
{
    const size_t n = t->all->n_items;
    struct counted *c;
    double from = p->nuke ? 0.85 : 0.25, to = p->nuke ? 0.97 : 0.55;
    size_t first, last;

    if (p->item >= 0) {
        if ((size_t)p->item >= n)
            return RD_FAIL(
                p->h->run->err, RD_E_USAGE, "item %lld is not among the %zu", p->item, n);
        t->item = (int)p->item;
        return RD_OK;
    }
    c = RD_NEW_ARRAY(scratch, struct counted, n);
    if (!c)
        return rd_run_no_memory(p->h->run, "items");
    for (size_t i = 0; i < n; i++)
        c[i].item = (int)i;
    for (size_t i = 0; i < t->all->n; i++)
        c[t->all->item[i].item].n++;
    qsort(c, n, sizeof *c, rarest_first);
    first = (size_t)(from * (double)n);
    last = (size_t)(to * (double)n);
    t->item = c[first + (size_t)rd_rng_below(rng, last > first ? last - first : 1)].item;
    return RD_OK;
}

static rd_status prepare(struct profiles *p, size_t run, struct trial *t, struct rd_arena *scratch)
{
    struct rd_rng rng = rd_rng_stream(p->h->run->seed, "profiles", run);
    static const size_t parts[POINTS] = { 0, 1, 2, 4, 8 };
    rd_status st;

    t->all = p->clicks;
    t->seed = rd_rng_u64(&rng);
    st = hold_back(p->h, t, scratch);
    if (!st)
        st = choose_item(p, t, &rng, scratch);
    if (st)
        return st;
    t->eligible = RD_NEW_ARRAY(scratch, size_t, t->all->n_users);
    if (!t->eligible)
        return rd_run_no_memory(p->h->run, "users");
    for (size_t u = 0, at = 0; u < t->all->n_users; u++) {
        bool has = false;

        for (; at < t->all->n && (size_t)t->all->item[at].user == u; at++)
            has |= t->all->item[at].item == t->item;
        if (!has)
            t->eligible[t->n_eligible++] = u;
    }
    if (!t->n_eligible)
        return RD_FAIL(p->h->run->err, RD_E_USAGE, "every user has clicked item %d", t->item);
    for (size_t i = 0; i < POINTS; i++) {
        const size_t b = (p->accounts * parts[i] + 7) / 8;

        if (!t->n_points || b > t->budget[t->n_points - 1])
            t->budget[t->n_points++] = b;
    }
    return RD_OK;
}

/* --- what the attack hands in --- */

static int by_account(const void *a, const void *b)
{
    const struct rd_click *p = a, *q = b;

    if (p->user != q->user)
        return p->user < q->user ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

static rd_status check_fakes(struct profiles *p, const struct trial *t, struct rd_profile_job *job)
{
    const char *name = p->h->request->attack->name;
    size_t own = 0;

    if (job->n_fake > job->budget * job->per_user)
        return RD_FAIL(p->h->run->err, RD_E_BUG, "%s made %zu clicks where %zu fit", name,
            job->n_fake, job->budget * job->per_user);
    qsort(job->fake, job->n_fake, sizeof *job->fake, by_account);
    for (size_t i = 0; i < job->n_fake; i++) {
        const struct rd_click *c = &job->fake[i];
        const bool same = i && c[-1].user == c->user;

        own = same ? own + 1 : 1;
        if (c->user < 0 || (size_t)c->user < t->all->n_users ||
            (size_t)c->user >= t->all->n_users + job->budget || c->item < 0 ||
            (size_t)c->item >= t->all->n_items)
            return RD_FAIL(p->h->run->err, RD_E_BUG, "%s: user %d, item %d is out of range", name,
                c->user, c->item);
        if (!(c->weight > 0) || !isfinite(c->weight) || own > job->per_user ||
            (same && c[-1].item == c->item))
            return RD_FAIL(p->h->run->err, RD_E_BUG,
                "%s: user %d clicks too often, twice on one item or with weight %g", name, c->user,
                (double)c->weight);
    }
    return RD_OK;
}

/* The kept clicks and budget accounts of the attack's, in mixed_out. */
static rd_status mix(struct profiles *p, const struct trial *t, size_t run, size_t budget,
    struct rd_arena *scratch, struct rd_clicks *mixed_out)
{
    struct rd_profile_job job = { .run = run,
        .clicks = &t->kept,
        .budget = budget,
        .per_user = p->per_user,
        .item = t->item,
        .nuke = p->nuke };
    struct rd_rng rng = rd_rng_stream(p->h->run->seed, "profiles/attacker", run);
    struct rd_run inner = *p->h->run;
    struct rd_click *all;
    rd_status st;

    if (!budget) {
        *mixed_out = t->kept;
        return RD_OK;
    }
    job.fake = RD_NEW_ARRAY(scratch, struct rd_click, budget * p->per_user);
    all = RD_NEW_ARRAY(scratch, struct rd_click, t->kept.n + budget * p->per_user);
    if (!job.fake || !all)
        return rd_run_no_memory(p->h->run, "fake accounts");
    inner.scratch = scratch;
    inner.seed = rd_rng_u64(&rng);
    st = p->h->request->attack->inject(&inner, p->h->request->options, &job);
    if (!st)
        st = check_fakes(p, t, &job);
    if (st)
        return st;
    memcpy(all, t->kept.item, t->kept.n * sizeof *all);
    memcpy(all + t->kept.n, job.fake, job.n_fake * sizeof *all);
    return rd_clicks_make(all, t->kept.n + job.n_fake, t->all->n_users + budget, t->all->n_items,
        mixed_out, p->h->run->err);
}

/* --- what users are then shown --- */

/* Ranks of the item for those who have not clicked it; how many find their held-back click. */
static rd_status look(struct profiles *p, const struct trial *t, const struct rd_factors *model,
    struct seen_by *out, struct rd_arena *scratch)
{
    bool *seen = RD_NEW_ARRAY(scratch, bool, t->all->n_items);
    size_t held = 0, found = 0, hits = 0, next = 0;
    double shown = 0;

    out->rank = RD_NEW_ARRAY(scratch, double, t->n_eligible);
    if (!seen || !out->rank)
        return rd_run_no_memory(p->h->run, "ranks");
    for (size_t u = 0, at = 0; u < t->all->n_users; u++) {
        memset(seen, 0, t->all->n_items * sizeof *seen);
        for (; at < t->kept.n && (size_t)t->kept.item[at].user == u; at++)
            seen[t->kept.item[at].item] = true;
        if (t->last[u] >= 0) {
            held++;
            found += rd_recommender_rank(model, u, seen, (size_t)t->last[u]) < p->k;
        }
        if (next < t->n_eligible && t->eligible[next] == u) {
            const size_t rank = rd_recommender_rank(model, u, seen, (size_t)t->item);

            out->rank[next++] = (double)rank;
            hits += rank < p->k;
            if (rank < p->k) /* what stands first is looked at most */
                shown += rd_log(2) / rd_log((double)rank + 2);
        }
    }
    out->hit_rate = (double)hits / (double)t->n_eligible;
    out->exposure = shown / (double)t->n_eligible;
    out->accuracy = held ? (double)found / (double)held : NAN;
    return RD_OK;
}

static void count_flags(const struct trial *t, const struct rd_factors *model, struct seen_by *out)
{
    const size_t fakes = model->n_users - t->all->n_users;
    size_t right = 0, wrong = 0;

    for (size_t u = 0; model->dropped && u < model->n_users; u++) {
        right += u >= t->all->n_users && model->dropped[u];
        wrong += u < t->all->n_users && model->dropped[u];
    }
    out->flagged = fakes ? (double)right / (double)fakes : NAN;
    out->false_flags = (double)wrong / (double)t->all->n_users;
}

static rd_status go(struct profiles *p, size_t run, struct trial *t, struct rd_arena *arena)
{
    rd_status st = prepare(p, run, t, arena);

    for (size_t i = 0; !st && i < t->n_points; i++) {
        struct rd_arena scratch = RD_ARENA_INIT;
        struct rd_run inner = *p->h->run;
        struct rd_factors *model = NULL;
        struct rd_clicks mixed;

        inner.scratch = &scratch;
        st = mix(p, t, run, t->budget[i], &scratch, &mixed);
        if (!st)
            st = rd_recommender_train(&inner, p->how, &mixed, t->seed, &scratch, &model);
        if (!st)
            st = look(p, t, model, &t->point[i], arena);
        if (!st)
            count_flags(t, model, &t->point[i]);
        rd_arena_release(&scratch);
    }
    return st;
}

/* A recommender that finds held-back clicks no better than chance says nothing about attacks. */
static rd_status gate(struct profiles *p, const struct trial *t)
{
    const double chance = (double)p->k / (double)t->all->n_items, got = t->point[0].accuracy;

    if (isnan(got) || got > 1.2 * chance || chance >= 1)
        return RD_OK;
    (void)RD_FAIL(p->h->run->err, RD_E_INPUT,
        "the recommender finds %.1f %% of the held-back clicks among %zu items; chance finds "
        "%.1f %%",
        100 * got, p->k, 100 * chance);
    return rd_error_hint(p->h->run->err,
        "are the columns user and item the right way round, and do users have several clicks?");
}

/* --- what is made of the runs --- */

enum what {
    HIT_RATE,
    RANK_SHIFT,
    HIT_GAIN,
    RANK_LOSS,
    EXPOSURE,
    EXPOSURE_CONTROL,
    HIT_CONTROL,
    ACCURACY,
    ACCURACY_CONTROL,
    SHARE,
    FLAGGED,
    FALSE_FLAGS,
    N_METRICS
};
static const char *const metric_names[N_METRICS] = { "hit_rate", "rank_shift", "hit_rate_gain",
    "rank_loss", "exposure", "exposure_control", "hit_rate_control", "clean_accuracy",
    "clean_accuracy_control", "share_fake", "screen_recall", "false_flag_rate" };

/* Mean places won over the control, as a share of the places there are: -1 .. 1, positive is up. */
static double rank_shift(const struct trial *t, size_t point)
{
    double sum = 0;

    for (size_t i = 0; i < t->n_eligible; i++)
        sum += t->point[0].rank[i] - t->point[point].rank[i];
    return sum / (double)t->n_eligible / (double)(t->all->n_items - 1);
}

static double value_of(const struct trial *t, size_t point, enum what what)
{
    const struct seen_by *s = &t->point[point], *control = &t->point[0];

    switch (what) {
    case HIT_RATE:
        return s->hit_rate;
    case RANK_SHIFT:
        return rank_shift(t, point);
    case HIT_GAIN:
        return s->hit_rate - control->hit_rate;
    case RANK_LOSS:
        return -rank_shift(t, point);
    case EXPOSURE:
        return s->exposure;
    case EXPOSURE_CONTROL:
        return control->exposure;
    case HIT_CONTROL:
        return control->hit_rate;
    case ACCURACY:
        return s->accuracy;
    case ACCURACY_CONTROL:
        return control->accuracy;
    case SHARE:
        return (double)t->budget[point] / (double)(t->budget[point] + t->all->n_users);
    case FLAGGED:
        return s->flagged;
    case FALSE_FLAGS:
        return s->false_flags;
    case N_METRICS:
        break;
    }
    return NAN;
}

static struct rd_interval over_runs(struct profiles *p, size_t point, enum what what, double *room)
{
    const size_t runs = p->h->request->runs;

    for (size_t r = 0; r < runs; r++)
        room[r] = value_of(&p->trial[r], point, what);
    if (runs >= 3)
        return rd_interval_of(rd_ci_mean(room, runs, RD_LEVEL));
    return (struct rd_interval){ rd_mean(room, runs), NAN, NAN };
}

static const char *few_runs(size_t runs)
{
    return runs == 1   ? "between-run variance unknown (1 run)"
           : runs == 2 ? "between-run variance unknown (2 runs)"
                       : NULL;
}

static rd_status metrics(struct profiles *p, double *room)
{
    struct rd_record *rec = p->h->record;
    struct rd_metric *m = RD_NEW_ARRAY(p->h->arena, struct rd_metric, N_METRICS);
    const size_t last = p->trial[0].n_points - 1, n = p->how->n_screens ? N_METRICS : FLAGGED;

    if (!m)
        return rd_run_no_memory(p->h->run, "metrics");
    for (size_t w = 0; w < n; w++) {
        m[w].name = metric_names[w];
        m[w].v = over_runs(p, last, (enum what)w, room);
        m[w].reason = isnan(m[w].v.value) ? "no user has clicks to hold back"
                      : isnan(m[w].v.low) ? few_runs(p->h->request->runs)
                                          : NULL;
    }
    rec->metrics = m;
    rec->n_metrics = n;
    return RD_OK;
}

static rd_status curves(struct profiles *p, double *room)
{
    struct rd_record *rec = p->h->record;
    const size_t runs = p->h->request->runs, points = p->trial[0].n_points;
    struct rd_curve *c = RD_NEW_ARRAY(p->h->arena, struct rd_curve, 2);
    struct rd_trace *traces = RD_NEW_ARRAY(p->h->arena, struct rd_trace, 2 * runs);
    double *x = RD_NEW_ARRAY(p->h->arena, double, points);

    if (!c || !traces || !x)
        return rd_run_no_memory(p->h->run, "curves");
    for (size_t i = 0; i < points; i++)
        x[i] = (double)p->trial[0].budget[i];
    for (size_t w = HIT_RATE; w <= RANK_SHIFT; w++) {
        struct rd_interval *y = RD_NEW_ARRAY(p->h->arena, struct rd_interval, points);

        if (!y)
            return rd_run_no_memory(p->h->run, "curves");
        for (size_t i = 0; i < points; i++)
            y[i] = over_runs(p, i, (enum what)w, room);
        c[w] = (struct rd_curve){ metric_names[w], "accounts", points, x, y };
        for (size_t r = 0; r < runs; r++) {
            double *own = RD_NEW_ARRAY(p->h->arena, double, points);

            if (!own)
                return rd_run_no_memory(p->h->run, "curves");
            for (size_t i = 0; i < points; i++)
                own[i] = value_of(&p->trial[r], i, (enum what)w);
            traces[2 * r + w] = (struct rd_trace){ r, metric_names[w], points, x, own };
        }
    }
    rec->curves = c;
    rec->n_curves = 2;
    rec->traces = traces;
    rec->n_traces = 2 * runs;
    return RD_OK;
}

static rd_status judge(struct profiles *p, double *room)
{
    struct rd_record *rec = p->h->record;
    const size_t runs = p->h->request->runs, last = p->trial[0].n_points - 1;
    const enum what what = p->nuke ? RANK_LOSS : HIT_GAIN;
    struct rd_trial *trial = RD_NEW_ARRAY(p->h->arena, struct rd_trial, runs);
    size_t noticed = 0;

    if (!trial)
        return rd_run_no_memory(p->h->run, "trials");
    for (size_t r = 0; r < runs; r++) {
        const struct trial *t = &p->trial[r];
        const double v = value_of(t, last, what);
        const bool seen = t->point[0].accuracy - t->point[last].accuracy > p->noticing;

        noticed += seen;
        trial[r] = (struct rd_trial){ v >= p->h->criterion && !seen, 0, NAN, v };
        rec->successes += trial[r].success;
    }
    rec->trials = trial;
    rec->n_trials = rec->n = runs;
    rec->unit = "run";
    rec->judged = metric_names[what];
    rec->interval = over_runs(p, last, what, room);
    rec->outcome = rd_outcome_judge(&rec->interval, p->h->criterion);
    rec->outcome_reason = few_runs(runs);
    if (rec->outcome_reason)
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
    else if (rec->outcome == RD_OUTCOME_DEMONSTRATED && 2 * noticed > runs) {
        rec->outcome = RD_OUTCOME_NOT_DEMONSTRATED;
        rec->outcome_reason = "the recommender loses more accuracy than goes unnoticed";
    }
    return RD_OK;
}

/* The clicks are the data, the recommender's settings the recipe; screens are controls. */
static rd_status identity(struct profiles *p)
{
    struct rd_record *rec = p->h->record;
    const char *text = rd_recommender_text(p->how, p->h->run->scratch), **list;
    char *data = rd_arena_strdup(p->h->arena, p->clicks->digest);
    char *recipe = RD_NEW_ARRAY(p->h->arena, char, RD_DIGEST_HEX);

    list = RD_NEW_ARRAY(p->h->arena, const char *, rec->n_controls + p->how->n_screens + 1);
    if (!text || !data || !recipe || !list)
        return rd_run_no_memory(p->h->run, "the record");
    for (size_t i = 0; i < rec->n_controls; i++)
        list[i] = rec->controls[i];
    for (size_t i = 0; i < p->how->n_screens; i++) {
        list[rec->n_controls + i] = rd_arena_strdup(p->h->arena, p->how->screen[i]->text);
        if (!list[rec->n_controls + i])
            return rd_run_no_memory(p->h->run, "the record");
    }
    rec->controls = list;
    rec->n_controls += p->how->n_screens;
    rec->data_digest = rec->pool_digest = data;
    rec->recipe_digest = recipe;
    return rd_digest_bytes(text, strlen(text), recipe, p->h->run->err);
}

rd_status rd_harness_profiles(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    struct profiles p = { .h = h,
        .clicks = r->clicks,
        .how = r->recommender,
        .accounts = (size_t)rd_request_number(r, "accounts"),
        .per_user = (size_t)rd_request_number(r, "clicks"),
        .k = (size_t)rd_request_number(r, "k"),
        .item = (long long)rd_request_number(r, "item"),
        .nuke = !strcmp(choice_of(r, "goal"), "nuke"),
        .noticing = r->noticing > 0 ? r->noticing : noticing_preset,
        .trial = RD_NEW_ARRAY(h->run->scratch, struct trial, r->runs) };
    double *room = RD_NEW_ARRAY(h->run->scratch, double, r->runs);
    rd_status st;

    if (!p.trial || !room)
        return rd_run_no_memory(h->run, "recommenders");
    if (p.clicks->n_items < 2 || p.clicks->n_users < 2)
        return RD_FAIL(h->run->err, RD_E_INPUT,
            "clicks of %zu users on %zu items: expected two of "
            "each at least",
            p.clicks->n_users, p.clicks->n_items);
    st = identity(&p);
    for (size_t run = 0; !st && run < r->runs; run++) {
        st = rd_run_step(h->run, "recommenders", run, r->runs);
        if (!st)
            st = go(&p, run, &p.trial[run], h->run->scratch);
        if (!st && !run)
            st = gate(&p, &p.trial[0]);
        if (st)
            return RD_WRAP(h->run->err, st, "recommender %zu", run);
    }
    if (!st)
        st = judge(&p, room);
    if (!st)
        st = metrics(&p, room);
    return st ? st : curves(&p, room);
}
