/* probe.c - the same years again with one number fixed. */
#include "risk/probe.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum { DRAWS = 100, YEARS_LEAST = 20, YEARS_MOST = 500, PER_PLAN = 16 };
static const double CELLS = 2e7; /* losses kept: 160 MB */

static bool is_simulated(const struct rd_risk_plan *p)
{
    return !p->unquantified;
}

static bool draws_it(const struct rd_risk_model *m, const struct rd_risk_plan *p, const char *name)
{
    const char *const of[] = { p->has_budget ? "budget" : NULL, p->has_days ? "days" : NULL };
    const char *const own[] = { p->has_per_loss ? "per_loss" : NULL,
        p->has_secondary ? "secondary.magnitude" : NULL };
    const size_t actor = strlen(p->actor->id), id = strlen(p->scenario->id);

    (void)m;
    for (size_t i = 0; i < 2; i++) {
        if (of[i] && !strncmp(name, p->actor->id, actor) && name[actor] == '.' &&
            !strcmp(name + actor + 1, of[i]))
            return true;
        if (own[i] && !strncmp(name, p->scenario->id, id) && name[id] == '.' &&
            !strcmp(name + id + 1, own[i]))
            return true;
    }
    return false;
}

bool rd_risk_probe_touches(const struct rd_risk_probe *p, const struct rd_risk_knob *k, size_t plan)
{
    const struct rd_risk_plan *q = &p->m.plan[plan];

    if (!is_simulated(q))
        return false;
    if (k->evidence != NO_INPUT)
        return (size_t)k->evidence == plan;
    if (k->campaign)
        return draws_it(&p->m, q, k->campaign);
    if (rd_risk_plan_reads(q, k->input))
        return true;
    for (size_t a = 0; a < p->m.system->n_assets; a++)
        if (q->asset_input[a] == k->input)
            return true;
    return false;
}

/* --- knobs --- */

/* Beyond the range that was declared, so that a turn outside of it is found too. */
static void widen(struct rd_risk_knob *k)
{
    if (k->probability) {
        k->least = k->low > 0 ? rd_logistic(rd_logit(k->low) - 4) : 0;
        k->most = rd_logistic(rd_logit(k->high < 1 - 1e-12 ? k->high : 1 - 1e-12) + 4);
    } else {
        k->least = k->low / 100;
        k->most = k->high * 100;
    }
}

static void add_inputs(struct rd_risk_probe *p)
{
    double *x = p->flat;

    for (size_t i = 0; i < p->m.inputs.n; i++) {
        const struct rd_risk_input *in = &p->m.inputs.item[i];
        struct rd_risk_knob k = { .name = in->number.name,
            .unit = in->number.unit,
            .provenance = in->number.provenance,
            .probability = !strcmp(in->number.unit, "probability"),
            .input = (int)i,
            .evidence = NO_INPUT };

        if (!strcmp(in->number.role, "cost"))
            continue;
        rd_risk_input_values(&p->m, (int)i, x);
        rd_sort(x, p->m.outer);
        k.low = rd_quantile(x, p->m.outer, 0.05);
        k.high = rd_quantile(x, p->m.outer, 0.95);
        if (in->dist.spread != RD_SPREAD_GAMMA &&
            k.low < k.high) { /* exact where nothing moved them */
            const double low = rd_range_quantile(&in->dist, 0.05),
                         high = rd_range_quantile(&in->dist, 0.95);
            bool moved = false;

            for (size_t q = 0; q < p->m.n_plans; q++)
                moved = moved || (p->m.plan[q].draw && rd_risk_plan_reads(&p->m.plan[q], (int)i));
            k.low = moved ? k.low : low;
            k.high = moved ? k.high : high;
        }
        widen(&k);
        p->knob[p->n_knobs++] = k;
    }
}

static void add_campaign(struct rd_risk_probe *p)
{
    for (size_t i = 0; i < p->m.inputs.n_fixed; i++) {
        const struct rd_risk_number *n = &p->m.inputs.fixed[i];
        struct rd_risk_knob k = { .name = n->name,
            .unit = n->unit,
            .provenance = n->provenance,
            .low = n->low,
            .high = n->high,
            .input = NO_INPUT,
            .campaign = n->name,
            .evidence = NO_INPUT };
        bool any = false;

        for (size_t q = 0; q < p->m.n_plans && !any; q++)
            any = is_simulated(&p->m.plan[q]) && draws_it(&p->m, &p->m.plan[q], n->name);
        if (!any)
            continue;
        widen(&k);
        p->knob[p->n_knobs++] = k;
    }
}

/* The draw whose S stands at this quantile of all. x, order: room for the draws. */
static size_t draw_at(const struct rd_risk_level_out *level, size_t outer, double q, double *x)
{
    double want;
    size_t best = 0;

    for (size_t o = 0; o < outer; o++)
        x[o] = level[o].s_tried;
    rd_sort(x, outer);
    want = rd_quantile(x, outer, q);
    for (size_t o = 1; o < outer; o++)
        if (fabs(level[o].s_tried - want) < fabs(level[best].s_tried - want))
            best = o;
    return best;
}

static rd_status add_evidence(
    struct rd_risk_probe *p, const struct rd_risk_totals *base, size_t outer, double *x)
{
    for (size_t i = 0; i < p->m.n_plans; i++) {
        const struct rd_risk_plan *q = &p->m.plan[i];
        const struct rd_risk_level_out *level = &base->level[i * outer];
        struct rd_risk_knob k = { .unit = "probability",
            .provenance = RD_PROV_MEASURED,
            .probability = true,
            .input = NO_INPUT,
            .evidence = (int)i };

        if (!is_simulated(q) || q->expert)
            continue;
        k.name = rd_risk_name(&p->m, q->scenario->id, "evidence");
        k.at_low = draw_at(level, outer, 0.05, x);
        k.at_high = draw_at(level, outer, 0.95, x);
        k.low = level[k.at_low].s_tried;
        k.high = level[k.at_high].s_tried;
        if (q->draw) {
            k.at_low = q->draw[k.at_low];
            k.at_high = q->draw[k.at_high];
        }
        p->knob[p->n_knobs++] = k;
    }
    return p->m.no_memory ? rd_run_no_memory(p->m.run, "the tornado") : RD_OK;
}

/* Cheap order of knobs where there are too many to try all: how much of the ALE they can touch. */
static double weight_of(const struct rd_risk_probe *p, const struct rd_risk_scenario *scenario,
    const struct rd_risk_knob *k)
{
    double sum = 0;

    for (size_t i = 0; i < p->m.n_plans; i++)
        if (rd_risk_probe_touches(p, k, i))
            sum += scenario[i].ale.value;
    return sum * (k->low > 0 ? rd_log(k->high / k->low) : 1);
}

static void heaviest_first(
    struct rd_risk_probe *p, const struct rd_risk_scenario *scenario, double *weight)
{
    for (size_t i = 0; i < p->n_knobs; i++) { /* insertion: stable, so ties keep their order */
        const struct rd_risk_knob k = p->knob[i];
        const double w = weight_of(p, scenario, &k);
        size_t at = i;

        for (; at > 0 && weight[at - 1] < w; at--) {
            weight[at] = weight[at - 1];
            p->knob[at] = p->knob[at - 1];
        }
        weight[at] = w;
        p->knob[at] = k;
    }
}

/* --- runs --- */

static rd_status take_copies(struct rd_risk_probe *p, struct rd_arena *heavy)
{
    struct rd_risk_model *m = &p->m;
    const size_t knobs = m->inputs.n + m->inputs.n_fixed + m->n_plans + 1;
    struct rd_risk_input *item = RD_NEW_ARRAY(heavy, struct rd_risk_input, m->inputs.n + 1);
    struct rd_risk_plan *plan = RD_NEW_ARRAY(heavy, struct rd_risk_plan, m->n_plans + 1);

    p->flat = RD_NEW_ARRAY(heavy, double, m->outer);
    p->view = RD_NEW_ARRAY(heavy, const struct rd_risk_view *, m->n_plans + 1);
    p->knob = RD_NEW_ARRAY(heavy, struct rd_risk_knob, knobs);
    p->cache.loss = RD_NEW_ARRAY(heavy, double *, m->n_plans + 1);
    if (!item || !plan || !p->flat || !p->view || !p->knob || !p->cache.loss)
        return rd_run_no_memory(m->run, "the tornado");
    memcpy(item, m->inputs.item, m->inputs.n * sizeof *item);
    memcpy(plan, m->plan, m->n_plans * sizeof *plan);
    m->inputs.item = item;
    m->plan = plan;
    return RD_OK;
}

/* Two runs for each knob and scenario that reads it; as many draws and years as the work allows. */
static void choose_size(struct rd_risk_probe *p, double work)
{
    struct rd_risk_model *m = &p->m;
    double runs = 1, plans = 1, years;

    for (size_t i = 0; i < m->n_plans; i++)
        plans += is_simulated(&m->plan[i]);
    for (size_t k = 0; k < p->n_knobs && k < RD_RISK_TRIED; k++)
        for (size_t i = 0; i < m->n_plans; i++)
            runs += 2.0 * rd_risk_probe_touches(p, &p->knob[k], i);
    m->outer = m->outer < DRAWS ? m->outer : DRAWS;
    years = floor(work / runs / (double)m->outer);
    years =
        years < CELLS / plans / (double)m->outer ? years : floor(CELLS / plans / (double)m->outer);
    years = years < YEARS_MOST ? years : YEARS_MOST;
    years = years > YEARS_LEAST ? years : YEARS_LEAST;
    m->years = years < (double)m->years ? (size_t)years : m->years;
}

rd_status rd_risk_probe_new(const struct rd_risk_model *m, const struct rd_risk_totals *base,
    const struct rd_risk_scenario *scenario, double work, struct rd_arena *heavy,
    struct rd_risk_probe *out)
{
    struct rd_risk_probe *p = out;
    double *weight;
    rd_status st;

    *p = (struct rd_risk_probe){ .m = *m, .draws = m->outer };
    st = take_copies(p, heavy);
    if (st)
        return st;
    add_inputs(p);
    add_campaign(p);
    st = add_evidence(p, base, m->outer, p->flat);
    if (st)
        return st;
    weight = RD_NEW_ARRAY(heavy, double, p->n_knobs + 1);
    if (!weight)
        return rd_run_no_memory(m->run, "the tornado");
    heaviest_first(p, scenario, weight);
    choose_size(p, work);
    p->m.done = 0;
    p->m.todo = (2 * p->n_knobs + PER_PLAN * m->n_plans + 1) * p->m.outer;
    p->cache.level = RD_NEW_ARRAY(heavy, struct rd_risk_level_out, (m->n_plans + 1) * p->m.outer);
    if (!p->cache.level)
        return rd_run_no_memory(m->run, "the tornado");
    for (size_t i = 0; i < m->n_plans; i++)
        if (is_simulated(&p->m.plan[i])) {
            p->cache.loss[i] = RD_NEW_ARRAY(heavy, double, p->m.outer * p->m.years);
            if (!p->cache.loss[i])
                return rd_run_no_memory(m->run, "the tornado");
        }
    st = rd_risk_totals_new(&p->m, heavy, &p->base);
    if (!st)
        st = rd_risk_totals_new(&p->m, heavy, &p->other);
    if (!st)
        st = rd_risk_totals_run(&p->m, NULL, &p->cache, true, &p->base);
    p->mean = st ? 0 : rd_mean(p->base.mean, p->m.outer);
    return st;
}

static void fix(struct rd_risk_plan *q, const char *name, double value)
{
    const struct rd_range_dist fixed = { RD_SPREAD_CONSTANT, value, 0 };
    const char *key = strrchr(name, '.') + 1;

    if (!strcmp(key, "budget")) {
        q->budget = fixed;
        q->cost = value;
    } else if (!strcmp(key, "days")) {
        q->days = fixed;
    } else if (!strcmp(key, "per_loss")) {
        q->per_loss = fixed;
    } else {
        q->secondary = fixed;
    }
}

rd_status rd_risk_probe_run(struct rd_risk_probe *p, const struct rd_risk_knob *k, double value,
    const struct rd_risk_view *const *with)
{
    struct rd_risk_model *m = &p->m;
    struct rd_risk_plan *const plan = m->plan;
    double *const x = k->input == NO_INPUT ? NULL : m->inputs.item[k->input].x;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_risk_plan *copy = RD_NEW_ARRAY(&arena, struct rd_risk_plan, m->n_plans + 1);
    rd_status st;

    if (!copy)
        return rd_run_no_memory(m->run, "the tornado");
    memcpy(copy, plan, m->n_plans * sizeof *copy);
    for (size_t i = 0; i < m->n_plans; i++) {
        const bool touched = rd_risk_probe_touches(p, k, i);

        p->view[i] = with && with[i] ? with[i] : touched ? &copy[i].base : NULL;
        if (!touched)
            continue;
        if (k->campaign)
            fix(&copy[i], k->campaign, value);
        else if (k->evidence != NO_INPUT)
            copy[i].pinned = 1 + (value > k->low ? k->at_high : k->at_low);
    }
    if (x) {
        /* Draws may be read at any index of the full simulation (observed losses): all of them. */
        m->inputs.item[k->input].x = p->flat;
        for (size_t o = 0; o < p->draws; o++)
            p->flat[o] = value;
    }
    m->plan = copy;
    st = rd_risk_totals_run(m, p->view, &p->cache, false, &p->other);
    m->plan = plan;
    if (x)
        m->inputs.item[k->input].x = x;
    rd_arena_release(&arena);
    return st;
}
