/*
 * tornado.c - which guess moves the result, and where a decision turns.
 *
 * Both fix one number and simulate the scenarios that read it again, on the same random numbers and
 * with fewer draws and years (probe.h). The mean of all losses then comes out in proportion to the
 * same smaller simulation without anything fixed.
 */
#include "base/text.h"
#include "risk/probe.h"
#include "risk/result.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum { STEPS = 9, SCENARIOS = 8, TRIES = 1 };
static const double WORK_LEAST = 1e6,
                    WORK_MOST = 1e7; /* scenario-years of the tornado; reversals take as many */

/* --- tornado --- */

static double swing_of(const struct rd_risk_swing *s)
{
    return fabs(s->ale_high - s->ale_low);
}

static rd_status ale_at(struct rd_risk_probe *p, const struct rd_risk_result *r,
    const struct rd_risk_knob *k, double value, double *out)
{
    const rd_status st = rd_risk_probe_run(p, k, value, NULL);
    const double mean = st ? 0 : rd_mean(p->other.mean, p->m.outer);

    *out = p->mean > 0 ? r->total.ale.value * (mean / p->mean) : mean;
    return st;
}

static rd_status swings(struct rd_risk_probe *p, struct rd_risk_result *r, struct rd_arena *arena)
{
    struct rd_risk_swing *list = RD_NEW_ARRAY(arena, struct rd_risk_swing, p->n_knobs + 1);
    size_t n = 0;

    if (!list)
        return rd_run_no_memory(p->m.run, "the tornado");
    for (size_t i = 0; i < p->n_knobs && i < RD_RISK_TRIED; i++) {
        const struct rd_risk_knob *k = &p->knob[i];
        struct rd_risk_swing s = { k->name, k->unit, k->provenance, k->low, k->high, 0, 0 };
        size_t at;
        rd_status st;

        if (!(k->low < k->high))
            continue;
        st = ale_at(p, r, k, k->low, &s.ale_low);
        if (!st)
            st = ale_at(p, r, k, k->high, &s.ale_high);
        if (st)
            return RD_WRAP(p->m.run->err, st, "'%s' fixed", k->name);
        for (at = n++; at > 0 && swing_of(&list[at - 1]) < swing_of(&s); at--)
            list[at] = list[at - 1];
        list[at] = s;
    }
    r->tornado = list;
    r->n_tornado = n < RD_RISK_TORNADO ? n : RD_RISK_TORNADO;
    return RD_OK;
}

/* --- where a decision turns --- */

struct decision {
    struct rd_risk_probe *p;
    const struct rd_risk_result *r;
    struct rd_arena *arena;
    const struct rd_risk_control *control; /* does it pay? NULL: is the appetite breached? */
    struct rd_risk_view *view;             /* (plans) with the control changed */
    const struct rd_risk_view **list;      /* (plans) NULL where it changes nothing */
    double *sorted;                        /* (draws x years) */
};

static bool is_breached(struct decision *d, const struct rd_risk_totals *t)
{
    const struct rd_risk_model *m = &d->p->m;
    const size_t n = m->outer * m->years;

    memcpy(d->sorted, t->loss, n * sizeof *d->sorted);
    rd_sort(d->sorted, n);
    for (size_t i = 0; i < m->system->n_appetite; i++) {
        const struct rd_appetite *a = &m->system->appetite[i];
        const double allowed = floor(a->probability * (double)n * (1 + 1e-12));
        const size_t first =
            n - 1 - (size_t)(allowed < (double)(n - 1) ? allowed : (double)(n - 1));

        if (a->probability < 1 && d->sorted[first] > a->loss)
            return true; /* more than the allowed number of years lie above */
    }
    return false;
}

/* The decision with this knob at value. */
static rd_status decide(
    struct decision *d, const struct rd_risk_knob *k, double value, bool *yes_out)
{
    const struct rd_risk_control *c = d->control;
    double before, after;
    rd_status st = rd_risk_probe_run(d->p, k, value, NULL);

    if (st || !c) {
        *yes_out = !st && is_breached(d, &d->p->other);
        return st;
    }
    before = rd_mean(d->p->other.mean, d->p->m.outer);
    st = rd_risk_probe_run(d->p, k, value, d->list);
    after = st ? 0 : rd_mean(d->p->other.mean, d->p->m.outer);
    *yes_out = (c->active ? after - before : before - after) >
               c->cost.value + (isfinite(c->utility_cost.value) ? c->utility_cost.value : 0);
    return st;
}

static double between(const struct rd_risk_knob *k, double a, double b)
{
    if (k->probability)
        return rd_logistic((rd_logit(a) + rd_logit(b)) / 2);
    return sqrt(a * b);
}

/* Two digits: more than a search on few years can promise. */
static const char *short_number(double v, struct rd_arena *arena)
{
    char text[40];

    if (v >= 100)
        return rd_arena_strdup(arena, rd_risk_money(v, text));
    return rd_arena_printf(arena, "%.2g", v);
}

static const char *unit_words(const struct rd_risk_knob *k)
{
    return !strcmp(k->unit, "1/year")        ? " a year"
           : !strcmp(k->unit, "probability") ? ""
           : !strcmp(k->unit, "1")           ? ""
                                             : NULL;
}

static const char *tell(
    struct decision *d, const struct rd_risk_knob *k, double value, bool now, bool rises)
{
    struct rd_arena *arena = d->arena;
    const char *number = short_number(value, arena), *unit = unit_words(k);
    const char *low = short_number(k->low, arena), *high = short_number(k->high, arena);
    const char *where = rises == now ? "below" : "above";
    const char *range;

    if (!number || !low || !high)
        return NULL;
    range = k->low < k->high ? rd_arena_printf(arena, "; its range is %s to %s", low, high)
                             : rd_arena_printf(arena, "; it is taken to be %s", low);
    if (!unit)
        unit = rd_arena_printf(arena, " %s", k->unit);
    if (!range || !unit)
        return NULL;
    if (d->control)
        return rd_arena_printf(arena, "control '%s' %s with %s %s %s%s%s",
            d->p->m.system->controls[d->control->control].id,
            now ? "pays now, and would not" : "does not pay now, and would", k->name, where, number,
            unit, range);
    return rd_arena_printf(arena,
        "the appetite is likely %s now, and would likely be %s with %s %s %s%s%s",
        now ? "exceeded" : "kept", now ? "kept" : "exceeded", k->name, where, number, unit, range);
}

/* Both ends of the knob, then halving; *found_out false when the decision is the same at both. */
static rd_status search(struct decision *d, const struct rd_risk_knob *k, bool now,
    struct rd_risk_reversal *out, bool *found_out)
{
    double a = k->least, b = k->most;
    bool at_a, at_b, at_c;
    rd_status st = decide(d, k, a, &at_a);

    *found_out = false;
    if (!st)
        st = decide(d, k, b, &at_b);
    if (st || at_a == at_b)
        return st;
    for (int i = 0; i < STEPS; i++) {
        const double c = between(k, a, b);

        st = decide(d, k, c, &at_c);
        if (st)
            return st;
        *(at_c == at_a ? &a : &b) = c;
    }
    *found_out = true;
    out->input = k->name;
    out->unit = k->unit;
    out->value = between(k, a, b);
    out->words = tell(d, k, out->value, now, at_b);
    return out->words ? RD_OK : rd_run_no_memory(d->p->m.run, "a reversal point");
}

/* The control with a cost that touches this plan and saves most by it. */
static rd_status pick_control(struct decision *d, size_t plan)
{
    struct rd_risk_model *m = &d->p->m;
    const struct rd_risk_control *best = NULL;
    bool touched;
    rd_status st = RD_OK;

    for (size_t i = 0; i < d->r->n_controls && !st; i++) {
        const struct rd_risk_control *c = &d->r->controls[i];

        if (c->reason || !isfinite(c->net.value) || (best && best->net.value >= c->net.value))
            continue;
        st = rd_risk_view_with(m, &m->plan[plan], c->control, NULL, &d->view[plan], &touched);
        best = !st && touched ? c : best;
    }
    d->control = best;
    for (size_t i = 0; i < m->n_plans && best && !st; i++) {
        d->list[i] = NULL;
        if (m->plan[i].unquantified)
            continue;
        st = rd_risk_view_with(m, &m->plan[i], best->control, NULL, &d->view[i], &touched);
        d->list[i] = touched ? &d->view[i] : NULL;
    }
    return st;
}

static bool decision_now(const struct decision *d)
{
    const struct rd_risk_summary *t = &d->r->total;

    if (d->control)
        return d->control->net.value > 0;
    for (size_t i = 0; i < t->n_appetite; i++)
        if (t->appetite[i].probability.value > t->appetite[i].allowed)
            return true;
    return false;
}

/* Its numbers from the heaviest on; that of attempts is always among those tried. */
static rd_status one_scenario(struct decision *d, size_t plan, struct rd_risk_reversal *out)
{
    struct rd_risk_probe *p = d->p;
    const int attempts = p->m.plan[plan].attempts;
    size_t tried = 0;
    bool found = false, now, did_attempts = false;

    now = decision_now(d);
    for (size_t i = 0; i < p->n_knobs && !found; i++) {
        const struct rd_risk_knob *k = &p->knob[i];
        const bool rate = k->input == attempts;
        rd_status st;

        if (k->evidence != NO_INPUT || !strcmp(k->unit, "1") || !(k->least < k->most) ||
            !(k->least > 0) || !rd_risk_probe_touches(p, k, plan) ||
            (tried == TRIES && (did_attempts || !rate)))
            continue;
        st = search(d, k, now, out, &found);
        if (st)
            return st;
        tried += !rate;
        did_attempts = did_attempts || rate;
    }
    if (!found)
        out->words =
            d->control
                ? rd_arena_printf(d->arena,
                      "control '%s' %s whatever any one number of this scenario is",
                      p->m.system->controls[d->control->control].id, now ? "pays" : "does not pay")
            : now ? "the appetite is likely exceeded whatever any one number of this scenario is"
                  : "the appetite is likely kept whatever any one number of this scenario is";
    return out->words ? RD_OK : rd_run_no_memory(p->m.run, "a reversal point");
}

/* How many scenarios cost more than this one. */
static size_t place_of(const struct rd_risk_scenario *s, size_t n, size_t i)
{
    size_t before = 0;

    for (size_t k = 0; k < n; k++)
        before += !s[k].unquantified &&
                  (s[k].ale.value > s[i].ale.value || (s[k].ale.value == s[i].ale.value && k < i));
    return before;
}

static rd_status reversals(
    struct decision *d, struct rd_risk_scenario *scenario, struct rd_arena *heavy)
{
    const struct rd_risk_model *m = &d->p->m;

    d->view = RD_NEW_ARRAY(heavy, struct rd_risk_view, m->n_plans + 1);
    d->list = RD_NEW_ARRAY(heavy, const struct rd_risk_view *, m->n_plans + 1);
    d->sorted = RD_NEW_ARRAY(heavy, double, m->outer * m->years + 1);
    if (!d->view || !d->list || !d->sorted)
        return rd_run_no_memory(m->run, "reversal points");
    for (size_t i = 0; i < m->n_plans; i++) {
        struct rd_risk_reversal *out = &scenario[i].reversal;
        rd_status st = RD_OK;

        *out = (struct rd_risk_reversal){ .value = (double)NAN };
        if (m->plan[i].unquantified)
            continue;
        if (place_of(scenario, m->n_plans, i) >= SCENARIOS) {
            out->words = "not looked for: other scenarios cost more";
            continue;
        }
        if (m->unexplained && m->system->n_appetite) {
            out->words = "not looked for: observed losses contradict a scenario, so whether the "
                         "appetite is kept cannot be judged";
            continue;
        }
        d->control = NULL;
        if (!m->system->n_appetite)
            st = pick_control(d, i);
        if (!st && (m->system->n_appetite || d->control))
            st = one_scenario(d, i, out);
        else if (!st)
            out->words =
                "no appetite is declared and no control with a cost touches it: nothing to "
                "turn";
        if (st)
            return st;
    }
    return RD_OK;
}

rd_status rd_risk_result_tornado(struct rd_risk_model *m, const struct rd_risk_totals *base,
    struct rd_arena *heavy, struct rd_risk_scenario *scenario, struct rd_risk_result *r)
{
    double work = 0;
    struct rd_risk_probe probe;
    struct decision d = { .p = &probe, .r = r, .arena = m->arena };
    rd_status st;

    for (size_t i = 0; i < m->n_plans; i++)
        work += m->plan[i].unquantified ? 0 : (double)m->outer * (double)m->years / 25;
    if (!(work > 0))
        return RD_OK;
    work = work < WORK_LEAST ? WORK_LEAST : work > WORK_MOST ? WORK_MOST : work;
    st = rd_risk_probe_new(m, base, scenario, work, heavy, &probe);
    if (st)
        return st;
    r->probe_outer = probe.m.outer;
    r->probe_years = probe.m.years;
    st = swings(&probe, r, m->arena);
    if (!st)
        st = reversals(&d, scenario, heavy);
    m->no_memory = m->no_memory || probe.m.no_memory;
    return st;
}
