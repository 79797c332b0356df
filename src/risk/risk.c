/* risk.c - the order of the simulation: plan, draw, simulate, compare, tell. */
#include "risk/risk.h"

#include "risk/result.h"
#include "risk/roadmap_model.h"

#include <math.h>

enum { WARNINGS_MAX = 200 };
static const double CELLS_MAX = 5e7; /* outer x years: 400 MB of losses */
static const double CACHE_BYTES =
    256 << 20; /* of base losses kept by scenario, so that controls re-run only what they touch */
static const double WEIGHT_BYTES = 64 << 20; /* of the weights of trials */
static const double WORK_MAX = 2e10;         /* scenario-years, all configurations */

static rd_status check_size(struct rd_run *run, size_t outer, size_t years)
{
    if (outer < 200 || outer > 100000)
        return RD_FAIL(run->err, RD_E_USAGE,
            "expected 200 to 100000 draws of the parameters, found %zu", outer);
    if (years < 100 || years > 1000000)
        return RD_FAIL(run->err, RD_E_USAGE, "expected 100 to 1000000 years, found %zu", years);
    if ((double)outer * (double)years > CELLS_MAX)
        return RD_FAIL(run->err, RD_E_LIMIT,
            "%zu draws of %zu years are more than the %.0f years that are simulated at most", outer,
            years, CELLS_MAX);
    return RD_OK;
}

static size_t quantified(const struct rd_risk_model *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_plans; i++)
        n += !m->plan[i].unquantified;
    return n;
}

static rd_status new_cache(
    const struct rd_risk_model *m, struct rd_arena *heavy, struct rd_risk_cache *cache)
{
    const double each = (double)m->outer * (double)m->years * sizeof(double);
    double left = CACHE_BYTES;

    cache->loss = RD_NEW_ARRAY(heavy, double *, m->n_plans + 1);
    cache->level = RD_NEW_ARRAY(heavy, struct rd_risk_level_out, (m->n_plans + 1) * m->outer);
    if (!cache->loss || !cache->level)
        return rd_run_no_memory(m->run, "the simulation");
    for (size_t i = 0; i < m->n_plans && left >= each; i++)
        if (!m->plan[i].unquantified) {
            left -= each;
            cache->loss[i] = RD_NEW_ARRAY(heavy, double, m->outer * m->years);
            if (!cache->loss[i])
                return rd_run_no_memory(m->run, "the simulation");
        }
    return RD_OK;
}

static rd_status new_weights(struct rd_risk_model *m, struct rd_arena *heavy)
{
    const double each = (double)m->outer * (double)(m->weights + 2) * sizeof(double);
    double left = WEIGHT_BYTES;

    m->kept_weight = RD_NEW_ARRAY(heavy, double *, m->n_plans + 1);
    m->is_kept = RD_NEW_ARRAY(heavy, bool *, m->n_plans + 1);
    m->n_kept = m->weights;
    if (!m->kept_weight || !m->is_kept)
        return rd_run_no_memory(m->run, "the simulation");
    for (size_t i = 0; i < m->n_plans && left >= each; i++) {
        const struct rd_risk_plan *p = &m->plan[i];

        if (p->unquantified || p->expert || p->kind != RD_EVADE)
            continue;
        left -= each;
        m->kept_weight[i] = RD_NEW_ARRAY(heavy, double, m->outer *(m->n_kept + 2));
        m->is_kept[i] = RD_NEW_ARRAY(heavy, bool, m->outer);
        if (!m->kept_weight[i] || !m->is_kept[i])
            return rd_run_no_memory(m->run, "the simulation");
    }
    return RD_OK;
}

static rd_status new_notes(struct rd_risk_model *m, struct rd_arena *heavy)
{
    m->roadmap = RD_NEW(heavy, struct rd_roadmap_draws);
    if (m->roadmap)
        m->roadmap->item = RD_NEW_ARRAY(heavy, struct rd_roadmap_draw, m->system->n_controls + 1);
    return m->roadmap && m->roadmap->item ? RD_OK : rd_run_no_memory(m->run, "the roadmap");
}

/* What each control does, what a choice of them is worth, and what moves the result. */
static rd_status details(struct rd_risk_model *m, const struct rd_risk_options *options,
    const struct rd_risk_totals *base, struct rd_risk_cache *cache, struct rd_arena *heavy,
    struct rd_risk_scenario *scenario, struct rd_risk_result *r)
{
    const bool roadmap = options && options->roadmap;
    rd_status st = roadmap ? new_notes(m, heavy) : RD_OK;

    if (!st)
        st = rd_risk_result_controls(m, base, cache, heavy, r);
    if (!st)
        st = rd_risk_result_break_even(m, heavy, r);
    if (!st && roadmap)
        st = rd_roadmap_choose(m, options->roadmap, base, cache, heavy, r);
    if (!st)
        st = rd_risk_result_tornado(m, base, heavy, scenario, r);
    return st ? st : rd_risk_result_sentences(m, scenario, r);
}

static rd_status simulate(struct rd_risk_model *m, const struct rd_risk_options *options,
    struct rd_arena *heavy, struct rd_risk_result *r)
{
    struct rd_risk_cache cache = { 0 };
    struct rd_risk_totals base;
    struct rd_risk_scenario *scenario = NULL;
    rd_status st = new_cache(m, heavy, &cache);

    if (!st)
        st = new_weights(m, heavy);
    if (!st)
        st = rd_risk_totals_new(m, heavy, &base);
    if (!st)
        st = rd_risk_totals_run(m, NULL, &cache, true, &base);
    if (!st)
        st = rd_risk_result_scenarios(m, &base, r, &scenario);
    if (!st)
        st = rd_risk_result_shares(m, &base, r);
    if (!st)
        st = rd_risk_result_numbers(m, r);
    if (!st)
        st = rd_risk_summarize(m, &base, m->arena, &r->total);
    if (!st && !(options && options->total_only))
        st = details(m, options, &base, &cache, heavy, scenario, r);
    if (!st && m->no_memory)
        st = rd_run_no_memory(m->run, "the simulation");
    return st;
}

rd_status rd_risk_simulate(struct rd_run *run, const struct rd_campaign *campaign,
    const struct rd_risk_options *options, struct rd_arena *arena,
    struct rd_risk_result *result_out)
{
    struct rd_risk_model m = { .run = run,
        .campaign = campaign,
        .system = campaign->system,
        .arena = arena,
        .outer = options && options->outer ? options->outer : RD_RISK_OUTER,
        .years = options && options->years ? options->years : RD_RISK_YEARS,
        .upper_bounds = options && options->upper_bounds,
        .include_expected = options && options->roadmap && options->roadmap->include_expected,
        .cap_warnings = WARNINGS_MAX };
    struct rd_risk_result r = { .system = campaign->system, .level = 0.9 };
    struct rd_arena heavy = RD_ARENA_INIT;
    rd_status st = check_size(run, m.outer, m.years);

    if (st)
        return st;
    m.warning = RD_NEW_ARRAY(arena, const char *, WARNINGS_MAX);
    if (!m.warning)
        return rd_run_no_memory(run, "the simulation");
    st = rd_risk_inputs_init(&m.inputs, m.system, arena, run->err);
    if (!st)
        st = rd_risk_plan_all(&m);
    if (!st)
        st = rd_risk_expect_all(&m);
    if (!st)
        st = rd_risk_add_costs(&m);
    if (!st)
        st = rd_risk_inputs_draw(&m.inputs, run->seed, m.outer);
    if (!st)
        st = rd_risk_observe_losses(&m, &heavy);
    rd_arena_release(&heavy);
    heavy = (struct rd_arena)RD_ARENA_INIT;
    if (st)
        return st;
    m.todo = m.outer * (1 + rd_risk_result_configurations(&m));
    if ((double)m.todo * (double)m.years * (double)(quantified(&m) + 1) > WORK_MAX)
        return RD_FAIL(run->err, RD_E_LIMIT,
            "%zu scenarios under %zu configurations of controls are too many for %zu draws of %zu "
            "years: "
            "ask for fewer",
            quantified(&m), m.todo / m.outer, m.outer, m.years);
    st = simulate(&m, options, &heavy, &r);
    rd_arena_release(&heavy);
    if (st)
        return st;
    r.outer = m.outer;
    r.years = m.years;
    r.warnings = m.warning;
    r.n_warnings = m.n_warnings;
    *result_out = r;
    return RD_OK;
}
