/* roadmap_gather.c - which controls are weighed, and the choice as numbers. */
#include "risk/roadmap_model.h"

#include "stats/dist.h"
#include "stats/interval.h"

#include <math.h>
#include <string.h>

static const char static_only[] =
    "its effect was measured only against attacks that do not know it; --include-static counts it";
static const char no_budget[] = "costs something, and the budget is 0";
static const char too_many_needs[] = "requires more than 200 controls that are not in place";
static const char too_many[] = "beyond the first 2,000 controls that are weighed";

static rd_status no_memory(const struct rd_roadmap_work *w)
{
    return rd_run_no_memory(w->m->run, "the roadmap");
}

/* --- noting --- */

static double *sum_of_group(const struct rd_risk_model *m, const struct rd_risk_totals *t,
    int group, struct rd_arena *arena)
{
    double *sum = RD_NEW_ARRAY(arena, double, m->outer);

    for (size_t i = 0; sum && i < m->n_plans; i++)
        for (size_t o = 0; !m->plan[i].unquantified && m->plan[i].group == group && o < m->outer;
             o++)
            sum[o] += t->plan_mean[i * m->outer + o];
    return sum;
}

static bool holds(const int *list, size_t n, int v)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

rd_status rd_roadmap_note(struct rd_risk_model *m, const struct rd_risk_control *k,
    const struct rd_risk_view *const *view, const struct rd_risk_totals *other,
    struct rd_arena *heavy)
{
    struct rd_roadmap_draw *d = &m->roadmap->item[m->roadmap->n];
    size_t n = 0;

    for (size_t i = 0; i < m->n_plans; i++)
        n += view[i] != NULL;
    *d = (struct rd_roadmap_draw){ .control = k->control,
        .is_static = k->is_static,
        .assumed = k->assumed,
        .expected = k->expected,
        .points = k->accuracy_lost > 0 ? 100 * k->accuracy_lost : 0 };
    d->group = RD_NEW_ARRAY(heavy, int, n + 1);
    d->mean = RD_NEW_ARRAY(heavy, double *, n + 1);
    d->plan = RD_NEW_ARRAY(heavy, size_t, n + 1);
    d->view = RD_NEW_ARRAY(heavy, struct rd_risk_view, n + 1);
    if (!d->group || !d->mean || !d->plan || !d->view)
        return rd_run_no_memory(m->run, "the roadmap");
    for (size_t i = 0; i < m->n_plans; i++) {
        const int group = m->plan[i].group;

        if (!view[i])
            continue;
        d->plan[d->n_plans] = i;
        d->view[d->n_plans++] = *view[i];
        if (holds(d->group, d->n_units, group))
            continue;
        d->group[d->n_units] = group;
        d->mean[d->n_units] = sum_of_group(m, other, group, heavy);
        if (!d->mean[d->n_units++])
            return rd_run_no_memory(m->run, "the roadmap");
    }
    m->roadmap->n++;
    return RD_OK;
}

/* --- costs --- */

static double part(const struct rd_risk_model *m, int control, int which)
{
    const int input = m->cost[control][which];

    return input == NO_INPUT ? (double)NAN : rd_range_mean(&m->inputs.item[input].dist);
}

static double known(double v)
{
    return isnan(v) ? 0 : v;
}

static rd_status price(struct rd_roadmap_work *w, struct rd_roadmap_item *it)
{
    const struct rd_risk_model *m = w->m;
    const double points = it->draw ? it->draw->points : (double)NAN;
    const struct rd_risk_input *accuracy =
        m->accuracy_cost == NO_INPUT ? NULL : &m->inputs.item[m->accuracy_cost];
    struct rd_roadmap_cost *c = &it->cost;
    double *scratch = RD_NEW_ARRAY(w->heavy, double, m->outer);

    it->cost_draw = RD_NEW_ARRAY(w->heavy, double, m->outer);
    if (!it->cost_draw || !scratch)
        return no_memory(w);
    *c = (struct rd_roadmap_cost){ .declared = part(m, it->control, RD_COST_DECLARED),
        .license = part(m, it->control, RD_COST_LICENSE),
        .people = part(m, it->control, RD_COST_PEOPLE),
        .latency = part(m, it->control, RD_COST_LATENCY),
        .false_blocks = part(m, it->control, RD_COST_BLOCKS),
        .accuracy =
            accuracy && points >= 0 ? points * rd_range_mean(&accuracy->dist) : (double)NAN };
    for (size_t o = 0; o < m->outer; o++)
        it->cost_draw[o] = rd_risk_cost_at(m, it->control, o) +
                           (accuracy && points > 0 ? points * accuracy->x[o] : 0);
    c->total = rd_risk_band(known(c->declared) + known(c->license) + known(c->people) +
                                known(c->latency) + known(c->false_blocks) + known(c->accuracy),
        it->cost_draw, m->outer, scratch);
    return RD_OK;
}

/* --- candidates --- */

struct closure { /* of one control: itself and what must be in place before, in the order to do it
                  */
    int control[RD_ROADMAP_NEEDS + 1];
    size_t next[RD_ROADMAP_NEEDS + 1]; /* which prerequisite is looked at next */
    int path[RD_ROADMAP_NEEDS + 2];
    size_t n, depth;
};

static bool in_closure(const struct closure *c, int control)
{
    return holds(c->control, c->n, control) || holds(c->path, c->depth, control);
}

/* Depth first, without recursion; false: there are too many. */
static bool close_over(const struct rd_system *s, int control, struct closure *c)
{
    *c = (struct closure){ .depth = 1 };
    c->path[0] = control;
    while (c->depth) {
        const int at = c->path[c->depth - 1];
        const struct rd_refs *needs = &s->controls[at].prerequisites;
        const size_t k = c->next[c->depth - 1]++;

        if (k >= needs->n) {
            c->control[c->n++] = at;
            c->depth--;
            continue;
        }
        if (s->controls[needs->index[k]].state != RD_CONTROL_PROPOSED ||
            in_closure(c, needs->index[k]))
            continue;
        if (c->n + c->depth > RD_ROADMAP_NEEDS)
            return false;
        c->next[c->depth] = 0;
        c->path[c->depth++] = needs->index[k];
    }
    return true;
}

static rd_status add_item(struct rd_roadmap_work *w, int control,
    const struct rd_roadmap_draw *const *draw_of, size_t closure)
{
    struct rd_roadmap_item *it = &w->item[w->n];

    *it = (struct rd_roadmap_item){ .control = control, .closure = closure };
    it->draw = draw_of[control];
    w->item_of[control] = (int)w->n++;
    return price(w, it);
}

/* Cost of a control with the accuracy that it takes, before it is an item. */
static double weight_of(
    const struct rd_roadmap_work *w, const struct rd_roadmap_draw *d, int control)
{
    const struct rd_risk_model *m = w->m;
    double sum = 0;

    for (int i = 0; i < RD_COSTS; i++)
        sum += known(part(m, control, i));
    if (d && d->points > 0 && m->accuracy_cost != NO_INPUT)
        sum += d->points * rd_range_mean(&m->inputs.item[m->accuracy_cost].dist);
    return sum;
}

/* A range that spans the budget counts by its mean, and that is said. */
static const char *over_budget(
    const struct rd_roadmap_work *w, int control, double weight, size_t together)
{
    struct rd_risk_model *m = w->m;
    char mean[40];
    double least = 0;

    for (int i = 0; i < RD_COSTS; i++)
        if (m->cost[control][i] != NO_INPUT)
            least += m->inputs.item[m->cost[control][i]].number.low;
    (void)rd_risk_money(weight, mean);
    return rd_risk_say(m, "over the budget: %s %s a year in full%s%s", mean, m->system->currency,
        together > 1 ? ", with what it requires" : "",
        together == 1 && least <= w->budget ? " on average, though it may turn out to cost less"
                                            : "");
}

static rd_status collect(struct rd_roadmap_work *w, const struct rd_roadmap_draw *const *draw_of)
{
    const struct rd_roadmap_draws *draws = w->m->roadmap;
    struct closure *c = RD_NEW(w->heavy, struct closure);

    if (!c)
        return no_memory(w);
    for (size_t i = 0; i < draws->n; i++) {
        const int control = draws->item[i].control;
        double weight = 0;

        if (!draw_of[control]) {
            w->why_not[control] = static_only;
            continue;
        }
        if (!close_over(w->m->system, control, c)) {
            w->why_not[control] = too_many_needs;
            continue;
        }
        for (size_t k = 0; k < c->n; k++)
            weight += weight_of(w, draw_of[c->control[k]], c->control[k]);
        if (weight > w->budget * (1 + 1e-12)) {
            w->why_not[control] = w->budget > 0 ? over_budget(w, control, weight, c->n) : no_budget;
            continue;
        }
        if (w->n + c->n > RD_ROADMAP_CANDIDATES) {
            w->why_not[control] = too_many;
            continue;
        }
        for (size_t k = 0; k < c->n; k++)
            if (w->item_of[c->control[k]] == RD_NONE) {
                const rd_status st = add_item(w, c->control[k], draw_of, k);

                if (st)
                    return st;
            }
    }
    return RD_OK;
}

/* --- the choice as numbers --- */

static rd_status index_needs(struct rd_roadmap_work *w)
{
    const struct rd_system *s = w->m->system;
    size_t n = 0, *first = RD_NEW_ARRAY(w->heavy, size_t, w->n + 1), *need;

    for (size_t i = 0; i < w->n; i++)
        n += s->controls[w->item[i].control].prerequisites.n;
    need = RD_NEW_ARRAY(w->heavy, size_t, n + 1);
    if (!first || !need)
        return no_memory(w);
    n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct rd_refs *needs = &s->controls[w->item[i].control].prerequisites;

        first[i] = n;
        for (size_t k = 0; k < needs->n; k++)
            if (w->item_of[needs->index[k]] != RD_NONE)
                need[n++] = (size_t)w->item_of[needs->index[k]];
    }
    first[w->n] = n;
    w->pick.first_need = first;
    w->pick.need = need;
    return RD_OK;
}

static rd_status index_units(struct rd_roadmap_work *w)
{
    const struct rd_risk_model *m = w->m;
    size_t effects = 0;

    w->unit_of = RD_NEW_ARRAY(w->heavy, size_t, m->n_plans + 1);
    w->base_draw = RD_NEW_ARRAY(w->heavy, double *, m->n_plans + 1);
    if (!w->unit_of || !w->base_draw)
        return no_memory(w);
    for (size_t i = 0; i < m->n_plans; i++)
        w->unit_of[i] = (size_t)-1;
    for (size_t i = 0; i < w->n; i++) {
        const struct rd_roadmap_draw *d = w->item[i].draw;

        for (size_t k = 0; d && k < d->n_units; k++, effects++) {
            size_t *unit = &w->unit_of[d->group[k]];

            if (*unit != (size_t)-1)
                continue;
            *unit = w->pick.units;
            w->base_draw[*unit] = sum_of_group(m, w->base, d->group[k], w->heavy);
            if (!w->base_draw[w->pick.units++])
                return no_memory(w);
        }
    }
    w->loss_draw = RD_NEW_ARRAY(w->heavy, const double *, effects + 1);
    w->item_of_effect = RD_NEW_ARRAY(w->heavy, size_t, effects + 1);
    return w->loss_draw && w->item_of_effect ? RD_OK : no_memory(w);
}

static rd_status fill(struct rd_roadmap_work *w)
{
    const size_t outer = w->m->outer;
    size_t e = 0, *first = RD_NEW_ARRAY(w->heavy, size_t, w->n + 1), *unit;
    double *loss, *base, *cost = RD_NEW_ARRAY(w->heavy, double, w->n + 1);

    for (size_t i = 0; i < w->n; i++)
        e += w->item[i].draw ? w->item[i].draw->n_units : 0;
    unit = RD_NEW_ARRAY(w->heavy, size_t, e + 1);
    loss = RD_NEW_ARRAY(w->heavy, double, e + 1);
    base = RD_NEW_ARRAY(w->heavy, double, w->pick.units + 1);
    if (!first || !unit || !loss || !base || !cost)
        return no_memory(w);
    for (size_t i = e = 0; i < w->n; i++) {
        const struct rd_roadmap_draw *d = w->item[i].draw;

        first[i] = e;
        cost[i] = w->item[i].cost.total.value;
        for (size_t k = 0; d && k < d->n_units; k++, e++) {
            unit[e] = w->unit_of[d->group[k]];
            w->loss_draw[e] = d->mean[k];
            w->item_of_effect[e] = i;
            loss[e] = rd_mean(d->mean[k], outer);
        }
    }
    first[w->n] = e;
    for (size_t u = 0; u < w->pick.units; u++)
        base[u] = rd_mean(w->base_draw[u], outer);
    w->pick.n = w->n;
    w->pick.first = first;
    w->pick.unit = unit;
    w->pick.loss = loss;
    w->pick.base = base;
    w->pick.cost = w->pick.weight = cost;
    w->pick.budget = w->budget;
    w->touched = w->pick.units;
    return RD_OK;
}

rd_status rd_roadmap_gather(struct rd_roadmap_work *w)
{
    const size_t n = w->m->system->n_controls;
    const struct rd_roadmap_draw **draw_of =
        RD_NEW_ARRAY(w->heavy, const struct rd_roadmap_draw *, n + 1);
    const struct rd_roadmap_draws *draws = w->m->roadmap;
    rd_status st;

    w->item = RD_NEW_ARRAY(w->heavy, struct rd_roadmap_item,
        (n < RD_ROADMAP_CANDIDATES ? n : RD_ROADMAP_CANDIDATES) + 1);
    w->item_of = RD_NEW_ARRAY(w->heavy, int, n + 1);
    w->why_not = RD_NEW_ARRAY(w->heavy, const char *, n + 1);
    if (!draw_of || !w->item || !w->item_of || !w->why_not)
        return no_memory(w);
    for (size_t c = 0; c < n; c++)
        w->item_of[c] = RD_NONE;
    for (size_t i = 0; i < draws->n; i++)
        if (!draws->item[i].is_static || w->options->include_static)
            draw_of[draws->item[i].control] = &draws->item[i];
    st = collect(w, draw_of);
    if (!st)
        st = index_needs(w);
    if (!st)
        st = index_units(w);
    return st ? st : fill(w);
}

void rd_roadmap_pick_at(const struct rd_roadmap_work *w, size_t o, struct rd_pick *out,
    double *base, double *loss, double *cost)
{
    *out = w->pick;
    for (size_t u = 0; u < w->touched; u++)
        base[u] = w->base_draw[u][o];
    for (size_t e = 0; e < w->pick.first[w->n]; e++)
        loss[e] = w->loss_draw[e][o];
    for (size_t i = 0; i < w->n; i++)
        cost[i] = w->item[i].cost_draw[o];
    out->units = w->touched;
    out->base_years = NULL;
    out->base = base;
    out->loss = loss;
    out->cost = cost;
}
