/* roadmap.c - the order of a choice: gather, search, put in order, tell, compare. */
#include "risk/roadmap_model.h"

#include "base/text.h"
#include "stats/interval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rd_status no_memory(const struct rd_roadmap_work *w)
{
    return rd_run_no_memory(w->m->run, "the roadmap");
}

/* --- what was left out --- */

static const char *join(
    struct rd_roadmap_work *w, const char *before, int control, const char *after)
{
    char safe[80];

    return rd_risk_say(w->m, "%s'%s'%s", before,
        rd_text_safe_in(safe, sizeof safe, w->m->system->controls[control].id), after);
}

static double alone(const struct rd_roadmap_work *w, size_t item)
{
    const struct rd_pick *p = &w->pick;
    double gain = 0;

    for (size_t e = p->first[item]; e < p->first[item + 1]; e++)
        gain += p->base[p->unit[e]] - p->loss[e];
    return gain;
}

/* Of the set, one that acts on a unit which this item touches; RD_NONE. */
static int rival(const struct rd_roadmap_work *w, size_t item)
{
    const struct rd_pick *p = &w->pick;

    for (size_t i = 0; i < w->n; i++)
        for (size_t f = p->first[i]; w->in[i] && f < p->first[i + 1]; f++)
            for (size_t e = p->first[item]; e < p->first[item + 1]; e++)
                if (p->unit[e] == p->unit[f])
                    return w->item[i].control;
    return RD_NONE;
}

static int first_missing(const struct rd_roadmap_work *w, size_t item)
{
    const struct rd_pick *p = &w->pick;

    for (size_t k = p->first_need[item]; k < p->first_need[item + 1]; k++)
        if (!w->in[p->need[k]])
            return w->item[p->need[k]].control;
    return RD_NONE;
}

static const char *reason_of(struct rd_roadmap_work *w, size_t item)
{
    const double gain = alone(w, item), cost = w->item[item].cost.total.value;
    const int missing = first_missing(w, item), other = rival(w, item);
    char money[40];

    if (!w->item[item].draw)
        return "has no measured effect of its own, and what requires it was not chosen";
    if (gain < 0)
        return rd_risk_say(w->m, "makes things worse: the expected loss rises by %s %s a year",
            rd_risk_money(-gain, money), w->m->system->currency);
    if (gain <= 0)
        return "takes nothing off the expected loss";
    if (!w->tail && gain <= cost)
        return "costs more than it saves";
    if (missing != RD_NONE)
        return join(w, "requires ", missing, ", which is not worth it");
    if (rd_pick_weight(&w->pick, w->in) + cost > w->budget * (1 + 1e-12))
        return "over the budget beside what was chosen";
    if (other != RD_NONE)
        return join(w, "adds less than it costs beside ", other,
            ", which acts on the same loss (the best single effect counts)");
    return "costs more than it saves";
}

/* Does an expert expect something of it, on a scenario that nobody tried? */
static bool speaks(const struct rd_roadmap_work *w, int control)
{
    const struct rd_control *c = &w->m->system->controls[control];

    for (size_t i = 0; i < c->n_expects; i++)
        if (w->m->plan[c->expects[i].scenario].expert)
            return true;
    return false;
}

/* Of what was weighed by nobody. Tried and without money on it is not the same as not tried. */
static const char *not_weighed(struct rd_roadmap_work *w, const struct rd_risk_control *k)
{
    if (w->why_not[k->control])
        return w->why_not[k->control];
    if (!w->options->include_expected && speaks(w, k->control))
        return "not measured; what an expert expects of it counts with --include-expected";
    return rd_risk_say(w->m,
        w->m->tried[k->control] ? "its effect has no money on it: %s" : "not measured: %s",
        k->reason ? k->reason : "no effect is known");
}

static rd_status tell_left_out(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    struct rd_roadmap_left_out *list =
        RD_NEW_ARRAY(w->m->arena, struct rd_roadmap_left_out, RD_ROADMAP_LEFT_OUT);
    rd_status st = RD_OK;

    if (!list)
        return no_memory(w);
    /* What was weighed first: there the reason can turn. */
    for (int weighed = 1; weighed >= 0; weighed--)
        for (size_t i = 0; !st && i < w->r->n_controls; i++) {
            const struct rd_risk_control *k = &w->r->controls[i];
            const int item = w->item_of[k->control];
            struct rd_roadmap_left_out row = { .control = k->control,
                .p_in_best_set = (double)NAN,
                .reversal = { .value = (double)NAN } };

            if (k->active || (item != RD_NONE) != (weighed == 1) ||
                (item != RD_NONE && w->in[item]))
                continue;
            if (out->n_left_out == RD_ROADMAP_LEFT_OUT) {
                out->left_out_more++;
                continue;
            }
            if (item != RD_NONE) {
                row.reason = reason_of(w, (size_t)item);
                row.p_in_best_set = w->p_best[item];
                st = rd_roadmap_reversal_of(w, (size_t)item, &row.reversal);
            } else {
                row.reason = not_weighed(w, k);
            }
            list[out->n_left_out++] = row;
        }
    out->left_out = list;
    return st;
}

/* --- what to compare with --- */

struct accepted {
    const struct rd_decision *decision;
};

static int by_threat(const void *a, const void *b)
{
    const struct accepted *p = a, *q = b;
    const int c = strcmp(p->decision->threat, q->decision->threat);

    return c ? c : (p->decision > q->decision) - (p->decision < q->decision);
}

static int find_threat(const void *key, const void *item)
{
    return strcmp(key, ((const struct accepted *)item)->decision->threat);
}

/* Losses that people took on: of the scenarios about such a threat. */
static rd_status tell_accepted(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    const struct rd_risk_model *m = w->m;
    const size_t n = m->system->n_decisions, outer = m->outer;
    struct accepted *sorted = RD_NEW_ARRAY(w->heavy, struct accepted, n + 1);
    double **sum = RD_NEW_ARRAY(w->heavy, double *, n + 1);
    double *scratch = RD_NEW_ARRAY(w->heavy, double, outer);
    struct rd_roadmap_accept *rows = RD_NEW_ARRAY(m->arena, struct rd_roadmap_accept, n + 2);
    size_t k = 0;

    if (!sorted || !sum || !scratch || !rows)
        return no_memory(w);
    rows[out->n_accept++] = (struct rd_roadmap_accept){ .ale = w->r->total.ale };
    for (size_t i = 0; i < n; i++)
        if (!strcmp(m->system->decisions[i].decision, "accepted") &&
            !rd_decision_expired(m->system, &m->system->decisions[i]))
            sorted[k++].decision = &m->system->decisions[i];
    qsort(sorted, k, sizeof *sorted, by_threat);
    for (size_t i = 0; i < m->n_plans; i++) {
        const struct accepted *hit =
            m->plan[i].unquantified
                ? NULL
                : bsearch(m->plan[i].scenario->threat, sorted, k, sizeof *sorted, find_threat);
        double **of = hit ? &sum[hit - sorted] : NULL;

        if (of && !*of)
            *of = RD_NEW_ARRAY(w->heavy, double, outer);
        if (of && !*of)
            return no_memory(w);
        for (size_t o = 0; of && o < outer; o++)
            (*of)[o] += w->base->plan_mean[i * outer + o];
    }
    for (size_t i = 0; i < k; i++)
        rows[out->n_accept++] = (struct rd_roadmap_accept){ sorted[i].decision->threat,
            sorted[i].decision->by, sorted[i].decision->until,
            sum[i] ? rd_risk_band(rd_mean(sum[i], outer), sum[i], outer, scratch)
                   : (struct rd_band){ (double)NAN, (double)NAN, (double)NAN } };
    out->accept = rows;
    return RD_OK;
}

/* --- appetite --- */

static const struct rd_risk_appetite *unmet(const struct rd_risk_summary *s)
{
    for (size_t i = 0; i < s->n_appetite; i++)
        if (s->appetite[i].probability.value > s->appetite[i].allowed)
            return &s->appetite[i];
    return NULL;
}

/* The set that takes most off the loss, whatever it costs within the budget. */
static rd_status strongest(struct rd_roadmap_work *w, bool *in)
{
    struct rd_pick p = w->pick;
    double *nothing = RD_NEW_ARRAY(w->heavy, double, w->n + 1), worth;
    struct rd_pick_limits l = { .work = 5e8 };
    struct rd_arena arena = RD_ARENA_INIT;
    rd_status st;

    if (!nothing)
        return no_memory(w);
    p.cost = nothing;
    memset(in, 0, w->n * sizeof *in);
    st = w->exact ? rd_pick_exact(&p, &l, in, &worth, &arena)
                  : rd_pick_greedy(&p, &l, in, &worth, &arena);
    rd_arena_release(&arena);
    return st ? no_memory(w) : RD_OK;
}

static const char *names_of(struct rd_roadmap_work *w, const bool *in)
{
    enum { NAMED = 8 };
    const char *list = NULL;
    size_t n = 0;
    char safe[80];

    for (size_t i = 0; i < w->n; i++) {
        const char *id =
            rd_text_safe_in(safe, sizeof safe, w->m->system->controls[w->item[i].control].id);

        if (!in[i])
            continue;
        if (n++ < NAMED)
            list = list ? rd_risk_say(w->m, "%s, %s", list, id) : rd_risk_say(w->m, "%s", id);
    }
    return n > NAMED ? rd_risk_say(w->m, "%s and %zu more", list, n - NAMED) : list ? list : "none";
}

/* Members that the appetite does not need, the weakest effect first, a few at most. */
static rd_status thin_out(struct rd_roadmap_work *w, bool *in)
{
    enum { TRIES = 12 };
    bool *trial = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    size_t tries = 0;

    if (!trial)
        return no_memory(w);
    for (size_t i = w->n; i-- > 0 && tries < TRIES;) {
        struct rd_risk_summary s;
        rd_status st;

        if (!in[i])
            continue;
        memcpy(trial, in, w->n * sizeof *trial);
        trial[i] = false;
        for (size_t k = i + 1; k < w->n; k++)
            for (size_t q = w->pick.first_need[k]; trial[k] && q < w->pick.first_need[k + 1]; q++)
                trial[k] = trial[w->pick.need[q]];
        st = rd_roadmap_simulate(w, trial, &s, w->heavy);
        if (st)
            return st;
        tries++;
        if (!unmet(&s))
            memcpy(in, trial, w->n * sizeof *in);
    }
    return RD_OK;
}

/* A set that pays best may leave more than people said they would bear. */
static rd_status check_appetite(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    const struct rd_risk_summary *after =
        out->n_steps ? &out->steps[out->n_steps - 1].after : &w->r->total;
    const struct rd_risk_appetite *a = unmet(after);
    struct rd_risk_summary s;
    char money[40], more[40];
    bool *in = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    rd_status st;

    if (!in)
        return no_memory(w);
    if (!a)
        return RD_OK;
    st = strongest(w, in);
    if (!st)
        st = rd_roadmap_simulate(w, in, &s, w->heavy);
    if (st)
        return st;
    (void)rd_risk_money(a->loss, money);
    if (!w->n) {
        out->appetite_warning = rd_risk_say(w->m,
            "the appetite is not met: P(loss > %s) is %.3g, %.3g is allowed, and no control whose "
            "effect is known could be weighed against it",
            money, a->probability.value, a->allowed);
    } else if (unmet(&s)) {
        out->appetite_warning = rd_risk_say(w->m,
            "the appetite is not met: P(loss > %s) is %.3g after it, %.3g is allowed; the set%s "
            "that "
            "takes most off the loss does not meet it either (%.3g)",
            money, a->probability.value, a->allowed,
            isfinite(w->budget) ? " within the budget" : " of measured controls",
            s.appetite[a - after->appetite].probability.value);
    } else {
        st = thin_out(w, in);
        (void)rd_risk_money(rd_pick_weight(&w->pick, in), more);
        out->appetite_warning = rd_risk_say(w->m,
            "the set that pays best does not meet the appetite: P(loss > %s) is %.3g after it, "
            "%.3g is allowed; %s for %s %s a year would",
            money, a->probability.value, a->allowed, names_of(w, in), more, w->m->system->currency);
    }
    rd_risk_warn(w->m, "roadmap: %s", out->appetite_warning);
    return st;
}

/* --- the whole --- */

static const char *method_of(struct rd_roadmap_work *w)
{
    const char *seen =
        w->tail
            ? rd_risk_say(w->m, "by the mean of the worst 5 %% of %zu years of each of %zu draws",
                  w->sample_years, w->sample_draws)
            : "by the expected loss";

    if (!w->n && w->m->roadmap->n && w->budget <= 0)
        return "nothing was weighed, since nothing can be bought with a budget of 0";
    if (!w->n)
        return "nothing was weighed";
    if (w->exact)
        return rd_risk_say(w->m,
            "exact: every set of %zu candidates that the budget allows, %s; "
            "shares over %zu draws",
            w->n, seen, w->p_draws);
    return rd_risk_say(w->m,
        "greedy with swaps, not exact: %zu candidates are more than the %d of which every set is "
        "weighed, %s; shares over %zu draws",
        w->n, w->tail ? RD_ROADMAP_EXACT_TVAR : RD_ROADMAP_EXACT_ALE, seen, w->p_draws);
}

/* A ceiling that stops thieves stops customers too, and is free only as long as nobody says so. */
static void warn_free(struct rd_roadmap_work *w, const struct rd_roadmap *out)
{
    static const char *const kinds[] = { "quota", "input-limit", "authentication", "human-review" };
    const char *names = NULL;

    for (size_t i = 0; i < out->n_steps; i++) {
        const struct rd_control *c = &w->m->system->controls[out->steps[i].control];
        char safe[80];
        bool turns_away = false;

        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            turns_away = turns_away || !strcmp(c->kind, kinds[k]);
        if (!turns_away || c->cost_false_blocks.given)
            continue;
        (void)rd_text_safe_in(safe, sizeof safe, c->id);
        names =
            names ? rd_risk_say(w->m, "%s, '%s'", names, safe) : rd_risk_say(w->m, "'%s'", safe);
    }
    if (names)
        rd_risk_warn(w->m,
            "roadmap: nobody said what turning honest callers away costs: %s without "
            "costs.false_blocks",
            names);
}

/* What is wrong with "not worth its cost" where nobody knows what it is worth. */
static void tell_nothing(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    const struct rd_risk_model *m = w->m;
    size_t proposed = 0, weighed = 0;

    if (out->n_steps)
        return;
    for (size_t i = 0; i < m->system->n_controls; i++)
        proposed += m->system->controls[i].state == RD_CONTROL_PROPOSED;
    for (size_t i = 0; i < m->roadmap->n; i++)
        weighed += w->options->include_static || !m->roadmap->item[i].is_static;
    out->unmeasured = proposed && !m->roadmap->n;
    if (!proposed)
        out->nothing = "No control is proposed, so there is nothing to choose from.";
    else if (out->unmeasured)
        out->nothing = "Nothing was measured: no proposed control was tried on a threat that money "
                       "is on, so no effect is known and nothing can be said about what pays.";
    else if (w->budget <= 0)
        out->nothing = "With a budget of 0 nothing can be bought.";
    else if (!weighed)
        out->nothing = "No effect was measured against an attack that knows the control, and what "
                       "holds only against others was not asked for (--include-static).";
    else if (!w->n)
        out->nothing = "No proposed control whose effect is known fits the budget.";
    else
        out->nothing = isfinite(w->budget)
                           ? "No proposed control is worth its cost within the budget."
                           : "No proposed control is worth its cost.";
}

/* A plan that was made last year. */
static void warn_past(struct rd_roadmap_work *w, const struct rd_roadmap *out)
{
    const char *today = w->m->system->today;
    char now[16];
    int month;

    if (!today || strlen(today) < 7)
        return;
    month = (today[5] - '0') * 10 + (today[6] - '0');
    (void)snprintf(now, sizeof now, "%.4s-Q%d", today, (month + 2) / 3);
    for (size_t i = 0; i < out->n_steps; i++)
        if (strlen(out->steps[i].quarter) == strlen(now) &&
            strcmp(out->steps[i].quarter, now) < 0) { /* quarters sort as text */
            rd_risk_warn(w->m,
                "roadmap: step %zu is planned for %s, which is over; name a later one as "
                "risk.roadmap.start",
                i + 1, out->steps[i].quarter);
            return;
        }
}

static void warn_expected(struct rd_roadmap_work *w, const struct rd_roadmap *out)
{
    size_t n = 0;

    for (size_t i = 0; i < out->n_steps; i++)
        n += out->steps[i].expected;
    if (n)
        rd_risk_warn(w->m,
            "roadmap: %zu of %zu steps count what is expected of the control, which nobody "
            "measured",
            n, out->n_steps);
}

static rd_status choose(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    rd_status st = rd_roadmap_gather(w);

    if (!st && w->tail)
        st = rd_roadmap_tail(w);
    if (!st)
        st = rd_roadmap_search(w);
    if (!st)
        st = rd_roadmap_order(w);
    if (!st)
        st = rd_roadmap_steps(w, out);
    if (!st)
        st = tell_left_out(w, out);
    if (!st)
        st = tell_accepted(w, out);
    if (!st)
        st = check_appetite(w, out);
    if (!st)
        warn_free(w, out);
    warn_past(w, out);
    warn_expected(w, out);
    tell_nothing(w, out);
    out->exact = w->exact;
    out->include_expected = w->options->include_expected;
    out->method = method_of(w);
    return st;
}

rd_status rd_roadmap_choose(struct rd_risk_model *m, const struct rd_roadmap_options *options,
    const struct rd_risk_totals *base, struct rd_risk_cache *cache, struct rd_arena *heavy,
    struct rd_risk_result *r)
{
    struct rd_roadmap *out = RD_NEW(m->arena, struct rd_roadmap);
    const double declared = m->system->roadmap_budget;
    struct rd_roadmap_work w = { .m = m,
        .options = options,
        .base = base,
        .cache = cache,
        .heavy = heavy,
        .r = r,
        .start = RD_NONE };
    rd_status st;

    if (!out)
        return no_memory(&w);
    out->budget = isnan(options->budget) ? declared : options->budget;
    out->measure = options->measure < 0
                       ? (m->system->roadmap_tail ? RD_ROADMAP_TVAR : RD_ROADMAP_ALE)
                       : (enum rd_roadmap_measure)options->measure;
    w.budget = isnan(out->budget) ? (double)INFINITY : out->budget;
    w.tail = out->measure == RD_ROADMAP_TVAR;
    out->ale_before = out->ale_after = r->total.ale;
    out->tvar_before = out->tvar_after = r->total.tvar[0];
    out->combined_reason = "not run";
    st = choose(&w, out);
    r->roadmap = out;
    return st;
}
