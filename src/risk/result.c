/* result.c - what the base simulation says about each scenario, each input, and the whole. */
#include "risk/result.h"

#include "stats/interval.h"

#include <math.h>
#include <string.h>

/* One figure of each draw, gathered from the levels, as a band. */
struct gather {
    double *x, *scratch;
    size_t outer;
};

static struct rd_band band_of(const struct gather *g)
{
    return rd_risk_band(rd_mean(g->x, g->outer), g->x, g->outer, g->scratch);
}

enum figure { ACTION, CAMPAIGNS, S_TRIED, S, LOSSES };

static struct rd_band figure(
    const struct gather *g, const struct rd_risk_level_out *level, enum figure f)
{
    for (size_t o = 0; o < g->outer; o++)
        g->x[o] = f == ACTION      ? level[o].action
                  : f == CAMPAIGNS ? level[o].rate
                  : f == S_TRIED   ? level[o].s_tried
                  : f == S         ? level[o].s
                                   : level[o].rate * level[o].s;
    return band_of(g);
}

/* Least queries at which loss_when holds on run's own curve; infinity: never within what was
 * measured. */
static rd_status queries_until_loss(
    const struct rd_risk_model *m, const struct rd_risk_plan *p, size_t run, double *q_out)
{
    enum { STEPS = 400 };
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];

    *q_out = (double)INFINITY;
    for (int i = 1; i <= STEPS; i++) {
        const double q = ceil(e->reach * i / STEPS);
        double measure[RD_MEASURES] = { 0 };
        bool loss;
        rd_status st;

        measure[RD_MEASURE_QUERIES] = q;
        for (int k = RD_MEASURE_UTILITY; k < RD_MEASURES; k++)
            if (e->trace[k])
                measure[k] = rd_risk_trace_at(&e->trace[k][run], q);
        st = rd_risk_loss_at(p, m, measure, &loss, m->run->err);
        if (st)
            return st;
        if (loss) {
            *q_out = q;
            return RD_OK;
        }
    }
    return RD_OK;
}

static rd_status prices(
    const struct rd_risk_model *m, const struct rd_risk_plan *p, struct rd_risk_scenario *s)
{
    static const int64_t keys[RD_RISK_KEYS] = { 1, 10, 100 };
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];
    double *rows, middle = (double)NAN;

    if (p->kind == RD_EXTRACT && !p->expert && e->runs) {
        rows = RD_NEW_ARRAY(m->arena, double, e->runs);
        if (!rows)
            return rd_run_no_memory(m->run, "prices");
        for (size_t run = 0; run < e->runs; run++) {
            const rd_status st = queries_until_loss(m, p, run, &rows[run]);

            if (st)
                return st;
        }
        rd_sort(rows, e->runs);
        middle = rows[e->runs / 2]; /* of an even number the dearer one */
        middle = isfinite(middle) ? middle : (double)NAN;
    }
    for (int i = 0; i < RD_RISK_KEYS; i++) {
        const double quota = p->base.quota[LAYER_BASE];

        s->price[i] = (struct rd_risk_price){ keys[i], middle, middle * p->price,
            isfinite(quota) && quota > 0 ? middle / (quota * (double)keys[i]) : (double)NAN,
            middle * p->price > 0 ? s->gain / (middle * p->price) : (double)NAN };
    }
    return RD_OK;
}

static struct rd_band spread_of(const struct rd_range_dist *d)
{
    return (
        struct rd_band){ rd_range_mean(d), rd_range_quantile(d, 0.05), rd_range_quantile(d, 0.95) };
}

/* Attempts as declared, and after what was counted: attempts in closed form, losses by the draws.
 */
static void tell_updates(
    const struct rd_risk_model *m, const struct rd_risk_plan *p, struct rd_risk_scenario *s)
{
    const struct rd_risk_input *in = &m->inputs.item[p->attempts];

    s->attempts_updated = p->updated || p->draw;
    s->attempts_declared = spread_of(p->updated ? &p->attempts_prior : &in->dist);
    s->attempts_posterior = p->draw ? s->attempts : spread_of(&in->dist);
}

static rd_status one_scenario(struct rd_risk_model *m, const struct rd_risk_totals *t, double total,
    const struct gather *g, struct rd_risk_scenario *s)
{
    const struct rd_risk_plan *p = &m->plan[s->index];
    const struct rd_risk_level_out *level = &t->level[(size_t)s->index * m->outer];
    const double *mean = &t->plan_mean[(size_t)s->index * m->outer];

    s->expert = p->expert;
    s->untried = p->untried;
    if (!p->expert) {
        s->attack = p->base.layer[LAYER_BASE]->attack;
        s->test = p->base.layer[LAYER_BASE]->test;
    }
    s->upper_bound = p->upper_bound;
    s->proxy = p->proxy;
    s->one_shot = p->one_shot;
    s->measured = p->measured;
    rd_risk_input_values(m, p->attempts, g->x);
    s->attempts = band_of(g);
    tell_updates(m, p, s);
    s->action = figure(g, level, ACTION);
    s->campaigns = figure(g, level, CAMPAIGNS);
    s->s_tried = p->expert ? (struct rd_band){ (double)NAN, (double)NAN, (double)NAN }
                           : figure(g, level, S_TRIED);
    s->s = figure(g, level, S);
    s->losses = figure(g, level, LOSSES);
    s->words = rd_risk_rate_words(s->losses.value, m->arena);
    m->no_memory = m->no_memory || !s->words;
    s->ale = rd_risk_band(rd_mean(mean, g->outer), mean, g->outer, g->scratch);
    s->share = total > 0 ? s->ale.value / total : (double)NAN;
    s->gain =
        p->gain == NO_INPUT ? (double)NAN : rd_range_quantile(&m->inputs.item[p->gain].dist, 0.5);
    s->cost = p->cost;
    s->gain_over_cost = s->gain / s->cost;
    s->lossy = 0;
    for (size_t o = 0; o < g->outer; o++)
        s->lossy += level[o].lossy / (double)g->outer;
    if (p->scenario->has_observed && !isnan(p->scenario->observed_losses))
        s->losses_updated = (struct rd_risk_losses){ true, p->draw != NULL, p->unexplained,
            p->scenario->observed_losses, p->scenario->observed_years, p->losses_prior, s->losses,
            p->draw ? p->effective : (double)g->outer };
    return prices(m, p, s);
}

bool rd_risk_is_judged(
    const struct rd_risk_result *result, const struct rd_risk_scenario **scenario_out)
{
    bool any = false;

    *scenario_out = NULL;
    for (size_t i = 0; i < result->n_scenarios; i++) {
        any = any || !result->scenarios[i].unquantified;
        if (!*scenario_out && !result->scenarios[i].unquantified &&
            result->scenarios[i].losses_updated.unexplained)
            *scenario_out = &result->scenarios[i];
    }
    return any && !*scenario_out;
}

static void warn_cap(
    struct rd_risk_model *m, const struct rd_risk_plan *p, const struct rd_risk_level_out *level)
{
    for (size_t o = 0; o < m->outer; o++)
        if (level[o].capped) {
            rd_risk_warn(m, "scenario '%s': losses are cut at the declared value of asset '%s'%s",
                p->scenario->id, m->system->assets[p->asset[0]].id,
                p->n_assets > 1 ? " and the others it names" : "");
            return;
        }
}

rd_status rd_risk_result_scenarios(struct rd_risk_model *m, const struct rd_risk_totals *t,
    struct rd_risk_result *r, struct rd_risk_scenario **scenario_out)
{
    struct rd_risk_scenario *s = RD_NEW_ARRAY(m->arena, struct rd_risk_scenario, m->n_plans + 1);
    const double total = rd_mean(t->mean, m->outer);
    struct gather g = { RD_NEW_ARRAY(m->arena, double, m->outer),
        RD_NEW_ARRAY(m->arena, double, m->outer), m->outer };
    double measured = 0;
    bool any = false;

    if (!s || !g.x || !g.scratch)
        return rd_run_no_memory(m->run, "the scenarios");
    for (size_t i = 0; i < m->n_plans; i++) {
        rd_status st;

        s[i].index = (int)i;
        s[i].unquantified = m->plan[i].unquantified;
        if (s[i].unquantified)
            continue;
        any = true;
        warn_cap(m, &m->plan[i], &t->level[i * m->outer]);
        st = one_scenario(m, t, total, &g, &s[i]);
        if (st)
            return st;
        if (!s[i].measured)
            continue;
        for (size_t o = 0; o < m->outer; o++)
            g.x[o] = t->level[i * m->outer + o].stronger;
        measured += s[i].ale.value - rd_mean(g.x, m->outer);
    }
    r->scenarios = *scenario_out = s;
    r->n_scenarios = m->n_plans;
    r->ale_share_measured = total > 0 ? (measured > 0 ? measured / total : 0) : (double)NAN;
    if (!any)
        r->ale_share_reason = "no scenario could be quantified";
    else if (!(total > 0))
        r->ale_share_reason = "the expected loss is zero";
    return RD_OK;
}

static void insert_share(struct rd_risk_share *list, size_t *n, struct rd_risk_share s)
{
    size_t i = (*n)++;

    for (; i > 0 && list[i - 1].share < s.share; i--)
        list[i] = list[i - 1];
    list[i] = s;
}

rd_status rd_risk_result_shares(
    struct rd_risk_model *m, const struct rd_risk_totals *t, struct rd_risk_result *r)
{
    struct rd_risk_share *list =
        RD_NEW_ARRAY(m->arena, struct rd_risk_share, m->inputs.n + m->n_plans + 1);
    double *x = RD_NEW_ARRAY(m->arena, double, m->outer);
    double *scratch = RD_NEW_ARRAY(m->arena, double, m->outer);
    size_t *order = RD_NEW_ARRAY(m->arena, size_t, m->outer), n = 0;

    if (!list || !x || !scratch || !order)
        return rd_run_no_memory(m->run, "the shares");
    for (size_t i = 0; i < m->inputs.n; i++) {
        const struct rd_risk_input *in = &m->inputs.item[i];

        if (in->dist.spread == RD_SPREAD_CONSTANT || !strcmp(in->number.role, "cost"))
            continue;
        rd_risk_input_values(m, (int)i, x);
        insert_share(list, &n,
            (struct rd_risk_share){ in->number.name, in->number.provenance,
                rd_risk_first_order(x, t->mean, m->outer, order, scratch) });
    }
    for (size_t i = 0; i < m->n_plans; i++) {
        const char *name;

        if (m->plan[i].unquantified || m->plan[i].expert)
            continue;
        name = rd_arena_printf(m->arena, "%s.evidence", m->plan[i].scenario->id);
        if (!name)
            return rd_run_no_memory(m->run, "the shares");
        for (size_t o = 0; o < m->outer; o++)
            x[o] = t->level[i * m->outer + o].s_tried;
        insert_share(list, &n,
            (struct rd_risk_share){ name, RD_PROV_MEASURED,
                rd_risk_first_order(x, t->mean, m->outer, order, scratch) });
    }
    r->shares = list;
    r->n_shares = n;
    return RD_OK;
}

/* Everything that went in: drawn inputs, fixed numbers, and what the evidence says. */
rd_status rd_risk_result_numbers(struct rd_risk_model *m, struct rd_risk_result *r)
{
    const struct rd_risk_inputs *in = &m->inputs;
    const size_t most = in->n + in->n_fixed + m->n_plans + 1;
    struct rd_risk_number *list = RD_NEW_ARRAY(m->arena, struct rd_risk_number, most);
    const char **why = RD_NEW_ARRAY(m->arena, const char *, most);
    size_t n = 0, n_why = 0;

    if (!list || !why)
        return rd_run_no_memory(m->run, "the numbers");
    for (size_t i = 0; i < in->n; i++)
        list[n++] = in->item[i].number;
    for (size_t i = 0; i < in->n_fixed; i++)
        list[n++] = in->fixed[i];
    for (size_t i = 0; i < n; i++) {
        const bool moves_money =
            !strcmp(list[i].role, "frequency") || !strcmp(list[i].role, "magnitude");

        if (list[i].provenance != RD_PROV_DEFAULT || !moves_money)
            continue;
        why[n_why] = rd_arena_printf(m->arena, "%s (%s) is a default", list[i].name, list[i].role);
        if (!why[n_why++])
            return rd_run_no_memory(m->run, "the numbers");
    }
    for (size_t i = 0; i < m->n_plans; i++) {
        const struct rd_risk_scenario *s = &r->scenarios[i];
        const char *name;

        if (!s->unquantified && s->losses_updated.used) {
            struct rd_risk_number *attempts = &list[m->plan[i].attempts];

            attempts->low = s->attempts.low;
            attempts->high = s->attempts.high;
            attempts->provenance = RD_PROV_OBSERVED;
        }

        if (s->unquantified || s->expert)
            continue; /* an expert's is among the inputs */
        name = rd_arena_printf(m->arena, "%s.susceptibility", m->plan[i].scenario->id);
        if (!name)
            return rd_run_no_memory(m->run, "the numbers");
        list[n++] = (struct rd_risk_number){ .name = name,
            .unit = "probability",
            .role = "susceptibility",
            .low = s->s_tried.low,
            .high = s->s_tried.high,
            .provenance = RD_PROV_MEASURED,
            .by = s->attack,
            .source = s->test };
    }
    r->numbers = list;
    r->n_numbers = n;
    r->illustrative = n_why > 0;
    r->illustrative_why = why;
    r->n_illustrative_why = n_why;
    return RD_OK;
}
