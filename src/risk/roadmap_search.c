/* roadmap_search.c - the set, how sure it is to be the best one, and what would turn it. */
#include "risk/roadmap_model.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* Elementary steps, of about a nanosecond: what a search may take before it is cut short. */
static const double SET_WORK = 4e9, DRAWS_WORK = 1e9;

static rd_status no_memory(const struct rd_roadmap_work *w)
{
    return rd_run_no_memory(w->m->run, "the roadmap");
}

static bool small(const struct rd_roadmap_work *w)
{
    return w->n <= (w->tail ? RD_ROADMAP_EXACT_TVAR : RD_ROADMAP_EXACT_ALE);
}

static rd_status best(const struct rd_roadmap_work *w, const struct rd_pick *p,
    struct rd_pick_limits *l, bool *in, double *worth)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const rd_status st =
        w->exact ? rd_pick_exact(p, l, in, worth, &arena) : rd_pick_greedy(p, l, in, worth, &arena);

    rd_arena_release(&arena);
    return st ? no_memory(w) : RD_OK;
}

/* --- every draw's own best set --- */

struct counting {
    double *base, *loss, *cost;
    bool *in;
    struct rd_pick pick;
};

/* What the numbers of draw (or, for the tail, of group) o would have chosen, into c->in. */
static rd_status choose_at(
    struct rd_roadmap_work *w, struct counting *c, size_t o, struct rd_pick_limits *l)
{
    double worth;

    if (w->tail) {
        c->pick = w->pick;
        c->pick.from_group = o;
        c->pick.n_groups = 1;
        for (size_t i = 0; i < w->n; i++)
            c->cost[i] = w->item[i].cost_draw[o * w->m->outer / w->sample_draws];
        c->pick.cost = c->cost;
        rd_pick_prepare(&c->pick);
    } else {
        rd_roadmap_pick_at(w, o, &c->pick, c->base, c->loss, c->cost);
    }
    memcpy(c->in, w->in, w->n * sizeof *c->in);
    return best(w, &c->pick, l, c->in, &worth);
}

static rd_status count_draws(struct rd_roadmap_work *w)
{
    const size_t draws = w->tail ? w->sample_draws : w->m->outer;
    struct counting c = { 0 };
    double left = DRAWS_WORK;

    c.base = RD_NEW_ARRAY(w->heavy, double, w->pick.units + 1);
    c.loss = RD_NEW_ARRAY(w->heavy, double, w->pick.first[w->n] + 1);
    c.cost = RD_NEW_ARRAY(w->heavy, double, w->n + 1);
    c.in = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    if (!c.base || !c.loss || !c.cost || !c.in)
        return no_memory(w);
    for (; w->p_draws < draws && w->n; w->p_draws++) {
        struct rd_pick_limits l = { .work = left };
        const rd_status st = choose_at(w, &c, w->p_draws, &l);

        if (st)
            return st;
        left -= l.done;
        if (l.stopped || left <= 0)
            break; /* draws are in random order: the first ones stand for all */
        for (size_t i = 0; i < w->n; i++)
            w->p_best[i] += c.in[i];
    }
    for (size_t i = 0; i < w->n; i++)
        w->p_best[i] = w->p_draws ? w->p_best[i] / (double)w->p_draws : (double)NAN;
    return RD_OK;
}

rd_status rd_roadmap_search(struct rd_roadmap_work *w)
{
    struct rd_pick_limits l = { .work = SET_WORK };
    rd_status st;

    w->in = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    w->p_best = RD_NEW_ARRAY(w->heavy, double, w->n + 1);
    if (!w->in || !w->p_best)
        return no_memory(w);
    w->exact = small(w);
    st = best(w, &w->pick, &l, w->in, &w->worth);
    if (!st && w->exact && l.stopped) {
        w->exact = false;
        l = (struct rd_pick_limits){ .work = SET_WORK };
        st = best(w, &w->pick, &l, w->in, &w->worth);
    }
    return st ? st : count_draws(w);
}

/* --- what would turn it --- */

/* The item and what needs it, out; trial (n). */
static void without(const struct rd_roadmap_work *w, size_t item, bool *trial)
{
    const struct rd_pick *p = &w->pick;

    memcpy(trial, w->in, w->n * sizeof *trial);
    trial[item] = false;
    for (size_t k = item + 1; k < w->n; k++)
        for (size_t q = p->first_need[k]; trial[k] && q < p->first_need[k + 1]; q++)
            trial[k] = trial[p->need[q]];
}

/* The item and what it needs, in. */
static void with_needs(const struct rd_roadmap_work *w, size_t item, bool *trial)
{
    const struct rd_pick *p = &w->pick;

    trial[item] = true;
    for (size_t k = item + 1; k-- > 0;)
        for (size_t q = p->first_need[k]; trial[k] && q < p->first_need[k + 1]; q++)
            trial[p->need[q]] = true;
}

/* Worth of the best set without this item. */
static rd_status worth_without(struct rd_roadmap_work *w, size_t item, bool *trial, double *worth)
{
    bool *banned;
    struct rd_pick_limits l = { .work = DRAWS_WORK };

    without(w, item, trial);
    *worth = rd_pick_worth(&w->pick, trial);
    if (!w->exact || w->tail)
        return RD_OK;
    banned = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    if (!banned)
        return no_memory(w);
    banned[item] = true;
    l.banned = banned;
    {
        double other;
        const rd_status st = best(w, &w->pick, &l, trial, &other);

        *worth = !st && !l.stopped && other > *worth ? other : *worth;
        return st;
    }
}

/* Worth of the best set that holds this item, if it cost nothing; weight_out: of the others in it.
 */
static rd_status worth_with(struct rd_roadmap_work *w, size_t item, bool *trial, double *cost,
    double *worth, double *weight_out)
{
    struct rd_pick free = w->pick;
    bool *forced = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    struct rd_pick_limits l = { .work = DRAWS_WORK, .forced = forced };

    if (!forced)
        return no_memory(w);
    memcpy(cost, w->pick.cost, w->n * sizeof *cost);
    cost[item] = 0;
    free.cost = free.weight = cost;
    memcpy(trial, w->in, w->n * sizeof *trial);
    with_needs(w, item, trial);
    with_needs(w, item, forced);
    if (w->exact && !w->tail) {
        const rd_status st = best(w, &free, &l, trial, worth);

        if (st)
            return st;
    } else {
        *worth = rd_pick_worth(&free, trial);
    }
    *weight_out = rd_pick_weight(&free, trial);
    return RD_OK;
}

/*
 * Where the budget binds, a dearer item may stay and push another one out. Worth of the best set
 * that holds it falls as its cost rises, so halving finds the cost at which the best set without it
 * is worth as much. low: it is in, high: it is out.
 */
static rd_status turn_within_budget(struct rd_roadmap_work *w, size_t item, double without_it,
    double low, double high, double *turn_out)
{
    enum { HALVINGS = 60 };
    struct rd_pick p = w->pick;
    double *cost = RD_NEW_ARRAY(w->heavy, double, w->n + 1);
    bool *trial = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    bool *forced = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    struct rd_pick_limits l = { .work = DRAWS_WORK / HALVINGS, .forced = forced };

    if (!cost || !trial || !forced)
        return no_memory(w);
    memcpy(cost, w->pick.cost, w->n * sizeof *cost);
    with_needs(w, item, forced);
    p.cost = p.weight = cost;
    for (int i = 0; i < HALVINGS && high - low > 1e-9 * high; i++) {
        const double mid = (low + high) / 2;
        double worth;
        rd_status st;

        cost[item] = mid;
        memcpy(trial, w->in, w->n * sizeof *trial);
        st = best(w, &p, &l, trial, &worth);
        if (st)
            return st;
        if (l.stopped)
            return RD_OK; /* what is known without looking further stands */
        if (worth > without_it)
            low = mid;
        else
            high = mid;
    }
    *turn_out = low;
    return RD_OK;
}

/*
 * room: what the budget leaves for it; pays: up to where it is worth its cost. The lesser one turns
 * the choice, and is named for what it is: a budget that is used up says nothing about what pays.
 */
static rd_status say(struct rd_roadmap_work *w, size_t item, double room, double pays, bool in_set,
    struct rd_roadmap_reversal *out)
{
    const struct rd_risk_model *m = w->m;
    const char *id = m->system->controls[w->item[item].control].id, *c = m->system->currency;
    const double cost_now = w->pick.cost[item], limit = room < pays ? room : pays;
    char money[40], worth[40], now[40];

    out->unit = c;
    out->value = in_set ? fmax(limit, cost_now) : fmin(limit, cost_now);
    out->input = rd_risk_name(w->m, id, "cost");
    (void)rd_risk_money(out->value, money);
    (void)rd_risk_money(pays, worth);
    (void)rd_risk_money(w->item[item].cost.total.value, now);
    if (in_set && room <= 0)
        out->words = rd_risk_say(
            w->m, "fits the budget because it is free, and would pay up to %s %s a year", worth, c);
    else if (in_set && room < pays)
        out->words = rd_risk_say(w->m,
            "fits the budget as long as it costs less than %s %s a year in full (now %s), and "
            "would pay up to %s",
            money, c, now, worth);
    else if (in_set)
        out->words = rd_risk_say(w->m,
            "pays as long as it costs less than %s %s a year in full (now %s)", money, c, now);
    else if (room < pays)
        out->words = rd_risk_say(w->m,
            "would fit the budget below %s %s a year in full (now %s), and pay up to %s", money, c,
            now, worth);
    else
        out->words =
            rd_risk_say(w->m, "would pay below %s %s a year in full (now %s)", money, c, now);
    return RD_OK;
}

rd_status rd_roadmap_reversal_of(
    struct rd_roadmap_work *w, size_t item, struct rd_roadmap_reversal *out)
{
    const double cost_now = w->pick.cost[item];
    double *cost = RD_NEW_ARRAY(w->heavy, double, w->n + 1);
    bool *trial = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    double other = 0, others = 0, room, pays;
    rd_status st;

    *out = (struct rd_roadmap_reversal){ .value = (double)NAN };
    if (!cost || !trial)
        return no_memory(w);
    if (w->in[item]) {
        st = worth_without(w, item, trial, &other);
        if (st)
            return st;
        pays = cost_now + w->worth - other;
        others = rd_pick_weight(&w->pick, w->in) - cost_now;
        room = w->budget - others;
        if (w->exact && !w->tail && room < pays)
            st = turn_within_budget(w, item, other, room, pays, &room);
        return st ? st : say(w, item, room, pays, true, out);
    }
    st = worth_with(w, item, trial, cost, &other, &others);
    if (st)
        return st;
    pays = other - w->worth;
    room = w->budget - others;
    if (pays > 0 && w->exact && !w->tail && room < pays)
        st = turn_within_budget(w, item, w->worth, 0, fmin(pays, cost_now), &room);
    if (!st && pays > 0 && room > 0)
        return say(w, item, room, pays, false, out);
    if (st)
        return st;
    out->words = "would not pay if it were free";
    return RD_OK;
}
