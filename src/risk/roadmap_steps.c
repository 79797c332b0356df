/* roadmap_steps.c - what is left after each step, year by year, and what the step added. */
#include "risk/roadmap_model.h"

#include "stats/interval.h"

#include <math.h>
#include <string.h>

static rd_status no_memory(const struct rd_roadmap_work *w)
{
    return rd_run_no_memory(w->m->run, "the roadmap");
}

/* Effect that stands for each unit under the set: (touched). */
static size_t *assign(const struct rd_roadmap_work *w, const bool *in, struct rd_arena *arena)
{
    struct rd_pick p = w->pick;
    size_t *of = RD_NEW_ARRAY(arena, size_t, w->touched + 1);

    p.units = w->touched;
    if (of)
        rd_pick_assign(&p, in, of);
    return of;
}

static rd_status means(const struct rd_roadmap_work *w, const bool *in, double *mean)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const size_t *of = assign(w, in, &arena);

    if (!of) {
        rd_arena_release(&arena);
        return no_memory(w);
    }
    memcpy(mean, w->base->mean, w->m->outer * sizeof *mean);
    for (size_t u = 0; u < w->touched; u++)
        for (size_t o = 0; of[u] != (size_t)-1 && o < w->m->outer; o++)
            mean[o] += w->loss_draw[of[u]][o] - w->base_draw[u][o];
    rd_arena_release(&arena);
    return RD_OK;
}

rd_status rd_roadmap_simulate(struct rd_roadmap_work *w, const bool *in,
    struct rd_risk_summary *summary_out, struct rd_arena *arena)
{
    struct rd_risk_model *m = w->m;
    const struct rd_risk_view **view =
        RD_NEW_ARRAY(w->heavy, const struct rd_risk_view *, m->n_plans + 1);
    const size_t *of = assign(w, in, w->heavy);
    rd_status st;

    if (!view || !of)
        return no_memory(w);
    if (!w->years.loss) {
        st = rd_risk_totals_new(m, w->heavy, &w->years);
        if (st)
            return st;
    }
    for (size_t u = 0; u < w->touched; u++) {
        const struct rd_roadmap_draw *d =
            of[u] == (size_t)-1 ? NULL : w->item[w->item_of_effect[of[u]]].draw;

        for (size_t k = 0; d && k < d->n_plans; k++)
            if (w->unit_of[m->plan[d->plan[k]].group] == u)
                view[d->plan[k]] = &d->view[k];
    }
    m->todo += m->outer;
    st = rd_risk_totals_run(m, view, w->cache, false, &w->years);
    return st ? RD_WRAP(m->run->err, st, "the roadmap")
              : rd_risk_summarize(m, &w->years, arena, summary_out);
}

/* Another of the set, or an active control, acts on a unit that this one touches. */
static bool assumed(const struct rd_roadmap_work *w, const bool *in, size_t item)
{
    const struct rd_pick *p = &w->pick;

    if (w->item[item].draw && w->item[item].draw->assumed)
        return true;
    for (size_t e = p->first[item]; e < p->first[item + 1]; e++)
        for (size_t i = 0; i < w->n; i++)
            for (size_t f = p->first[i]; in[i] && i != item && f < p->first[i + 1]; f++)
                if (p->unit[e] == p->unit[f])
                    return true;
    return false;
}

static rd_status needs_of(struct rd_roadmap_work *w, size_t item, struct rd_roadmap_step *s)
{
    const struct rd_pick *p = &w->pick;
    const size_t n = p->first_need[item + 1] - p->first_need[item];
    int *list = RD_NEW_ARRAY(w->m->arena, int, n + 1);

    if (!list)
        return no_memory(w);
    for (size_t k = 0; k < n; k++)
        list[k] = w->item[p->need[p->first_need[item] + k]].control;
    s->requires_control = list;
    s->n_requires = n;
    return RD_OK;
}

struct walk {
    bool *in;
    double *before, *after, *net, *scratch; /* (outer) */
};

static rd_status one_step(
    struct rd_roadmap_work *w, struct walk *k, size_t at, struct rd_roadmap_step *s)
{
    const size_t item = w->order[at], outer = w->m->outer;
    const struct rd_roadmap_item *it = &w->item[item];
    const struct rd_control *c = &w->m->system->controls[it->control];
    double gain;
    rd_status st;

    k->in[item] = true;
    *s = (struct rd_roadmap_step){ .control = it->control,
        .cost = it->cost,
        .effort_days = c->effort_days,
        .owner = c->owner,
        .assumed = assumed(w, k->in, item),
        .is_static = it->draw && it->draw->is_static,
        .expected = it->draw && it->draw->expected,
        .p_in_best_set = w->p_best[item],
        .tvar_after = { (double)NAN, (double)NAN, (double)NAN } };
    memcpy(k->before, k->after, outer * sizeof *k->before);
    st = means(w, k->in, k->after);
    if (!st)
        st = needs_of(w, item, s);
    if (!st)
        st = rd_roadmap_when(w, item, &s->quarter, &s->retest);
    if (!st)
        st = rd_roadmap_reversal_of(w, item, &s->reversal);
    if (st)
        return st;
    for (size_t o = 0; o < outer; o++)
        k->net[o] = k->before[o] - k->after[o] - it->cost_draw[o];
    s->ale_after = rd_risk_band(rd_mean(k->after, outer), k->after, outer, k->scratch);
    gain = rd_mean(k->before, outer) - s->ale_after.value;
    s->net = rd_risk_band(gain - it->cost.total.value, k->net, outer, k->scratch);
    if (at >= RD_ROADMAP_CURVES && at + 1 < w->n_chosen)
        return RD_OK;
    st = rd_roadmap_simulate(w, k->in, &s->after, w->m->arena);
    s->tvar_after = s->after.tvar[0];
    return st;
}

rd_status rd_roadmap_steps(struct rd_roadmap_work *w, struct rd_roadmap *out)
{
    const size_t outer = w->m->outer;
    struct rd_roadmap_step *steps =
        RD_NEW_ARRAY(w->m->arena, struct rd_roadmap_step, w->n_chosen + 1);
    double *cost = RD_NEW_ARRAY(w->heavy, double, outer), sum = 0;
    struct walk k = { RD_NEW_ARRAY(w->heavy, bool, w->n + 1), RD_NEW_ARRAY(w->heavy, double, outer),
        RD_NEW_ARRAY(w->heavy, double, outer), RD_NEW_ARRAY(w->heavy, double, outer),
        RD_NEW_ARRAY(w->heavy, double, outer) };
    rd_status st = RD_OK;

    if (!steps || !cost || !k.in || !k.before || !k.after || !k.net || !k.scratch)
        return no_memory(w);
    memcpy(k.after, w->base->mean, outer * sizeof *k.after);
    for (size_t i = 0; !st && i < w->n_chosen; i++) {
        const struct rd_roadmap_item *it = &w->item[w->order[i]];

        st = one_step(w, &k, i, &steps[i]);
        sum += it->cost.total.value;
        for (size_t o = 0; o < outer; o++)
            cost[o] += it->cost_draw[o];
    }
    if (st)
        return st;
    out->steps = steps;
    out->n_steps = w->n_chosen;
    out->cost = rd_risk_band(sum, cost, outer, k.scratch);
    if (w->n_chosen) {
        out->ale_after = steps[w->n_chosen - 1].ale_after;
        out->tvar_after = steps[w->n_chosen - 1].tvar_after;
    }
    return RD_OK;
}
