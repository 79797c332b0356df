/* controls.c - the same years with one control changed, and what that saves. */
#include "base/text.h"
#include "risk/result.h"
#include "stats/interval.h"

#include <math.h>
#include <string.h>

/* Does money rest on this test? */
static bool has_money(const struct rd_risk_model *m, size_t tested)
{
    for (size_t i = 0; i < m->n_plans; i++)
        for (size_t c = 0; !m->plan[i].unquantified && c < m->plan[i].n_candidates; c++)
            if (m->plan[i].candidate[c] == tested)
                return true;
    return false;
}

/* Tests with money that this control was tried on. */
static size_t tests_touched(const struct rd_risk_model *m, int control)
{
    size_t n = 0;

    for (size_t i = 0; i < m->campaign->n_tested; i++)
        n += rd_risk_retest(&m->campaign->tested[i], control) && has_money(m, i);
    return n;
}

size_t rd_risk_result_configurations(const struct rd_risk_model *m)
{
    size_t n = 0;

    for (size_t c = 0; c < m->system->n_controls; c++) {
        const size_t touched =
            m->system->controls[c].state == RD_CONTROL_RETIRED ? 0 : tests_touched(m, (int)c);

        n += touched > 1 ? touched + 1 : touched;
    }
    return n;
}

static const char accuracy_input[] = "risk.accuracy_point_per_year";

rd_status rd_risk_add_costs(struct rd_risk_model *m)
{
    int unused;

    for (size_t c = 0; c < m->system->n_controls; c++) {
        const struct rd_control *control = &m->system->controls[c];
        const char *name;
        rd_status st;

        if (!control->cost_per_year.given || control->state == RD_CONTROL_RETIRED)
            continue;
        name = rd_arena_printf(m->arena, "%s.cost_per_year", control->id);
        if (!name)
            return rd_run_no_memory(m->run, "the controls");
        st = rd_risk_input_add(
            &m->inputs, name, m->system->currency, "cost", &control->cost_per_year, &unused);
        if (st)
            return st;
    }
    if (m->system->accuracy_point_per_year.given)
        return rd_risk_input_add(&m->inputs, accuracy_input, m->system->currency, "cost",
            &m->system->accuracy_point_per_year, &unused);
    return RD_OK;
}

static const struct rd_risk_input *accuracy_cost(const struct rd_risk_model *m)
{
    for (size_t i = 0; i < m->inputs.n; i++)
        if (!strcmp(m->inputs.item[i].number.name, accuracy_input))
            return &m->inputs.item[i];
    return NULL;
}

static const struct rd_risk_input *cost_of(
    const struct rd_risk_model *m, const struct rd_control *c)
{
    const size_t len = strlen(c->id);

    for (size_t i = 0; i < m->inputs.n; i++) {
        const char *name = m->inputs.item[i].number.name;

        if (!strncmp(name, c->id, len) && !strcmp(name + len, ".cost_per_year"))
            return &m->inputs.item[i];
    }
    return NULL;
}

struct comparison {
    struct rd_risk_model *m;
    const struct rd_risk_totals *base;
    struct rd_risk_cache *cache;
    struct rd_risk_totals other;
    struct rd_risk_view *view;             /* (plans) */
    const struct rd_risk_view **view_list; /* (plans) */
    double *difference, *scratch;          /* (outer) */
};

struct compared {
    struct rd_band before, after, difference;
    double error;
    bool touched;
};

/* Simulates the other configuration into c->other; c->difference holds before - after by draw. */
static rd_status compare(struct comparison *c, int control, const char *test, struct compared *out)
{
    struct rd_risk_model *m = c->m;
    const bool active = m->system->controls[control].state == RD_CONTROL_ACTIVE;
    const struct rd_risk_totals *before = active ? &c->other : c->base;
    const struct rd_risk_totals *after = active ? c->base : &c->other;
    rd_status st;

    out->touched = false;
    for (size_t i = 0; i < m->n_plans; i++) {
        bool touched = false;

        c->view_list[i] = NULL;
        if (m->plan[i].unquantified)
            continue;
        st = rd_risk_view_with(m, &m->plan[i], control, test, &c->view[i], &touched);
        if (st)
            return st;
        if (touched)
            c->view_list[i] = &c->view[i];
        out->touched = out->touched || touched;
    }
    if (!out->touched)
        return RD_OK;
    st = rd_risk_totals_run(m, c->view_list, c->cache, false, &c->other);
    if (st)
        return RD_WRAP(m->run->err, st, "control '%s'", m->system->controls[control].id);
    for (size_t o = 0; o < m->outer; o++)
        c->difference[o] = before->mean[o] - after->mean[o];
    out->before = rd_risk_band(rd_mean(before->mean, m->outer), before->mean, m->outer, c->scratch);
    out->after = rd_risk_band(rd_mean(after->mean, m->outer), after->mean, m->outer, c->scratch);
    out->difference =
        rd_risk_band(rd_mean(c->difference, m->outer), c->difference, m->outer, c->scratch);
    out->error = sqrt(rd_variance(c->difference, m->outer) / (double)m->outer);
    return RD_OK;
}

static const struct rd_band no_band = { (double)NAN, (double)NAN, (double)NAN };

/* What the campaign already knows about this control, money or not. */
static size_t describe(const struct rd_risk_model *m, struct rd_risk_control *k)
{
    size_t n = 0;

    k->accuracy_lost = (double)NAN;
    for (size_t i = 0; i < m->campaign->n_tested; i++) {
        const struct rd_retest *r = rd_risk_retest(&m->campaign->tested[i], k->control);
        double lost;

        if (!r)
            continue;
        n++;
        k->is_static = k->is_static || !r->aware;
        lost = r->utility_before - r->utility_after;
        if (isfinite(lost) && !(k->accuracy_lost >= lost))
            k->accuracy_lost = lost;
    }
    return n;
}

/* Another active control on the same scenario: the combination was not run as it is drawn here. */
static bool rests_on_assumption(const struct comparison *c, int control)
{
    const struct rd_risk_model *m = c->m;

    for (size_t i = 0; i < m->n_plans; i++) {
        size_t others = 0;

        if (!c->view_list[i])
            continue;
        for (size_t k = 0; k < m->system->n_controls; k++)
            if ((int)k != control && m->system->controls[k].state == RD_CONTROL_ACTIVE)
                for (size_t t = 0; t < m->plan[i].n_candidates; t++)
                    others += rd_risk_retest(
                                  &m->campaign->tested[m->plan[i].candidate[t]], (int)k) != NULL;
        if (others && (m->plan[i].base.p_base < 1 || others > 1))
            return true;
    }
    return false;
}

static rd_status one_control(
    struct comparison *c, struct rd_arena *arena, struct rd_risk_control *k, struct compared *got)
{
    struct rd_risk_model *m = c->m;
    const struct rd_control *control = &m->system->controls[k->control];
    const struct rd_risk_input *cost = cost_of(m, control);
    const struct rd_risk_input *accuracy = accuracy_cost(m);
    const size_t tried = describe(m, k);
    const double points = k->accuracy_lost > 0 ? 100 * k->accuracy_lost : 0;
    rd_status st;

    k->active = control->state == RD_CONTROL_ACTIVE;
    k->before = k->after = k->difference = k->cost = k->net = k->utility_cost = no_band;
    if (accuracy && isfinite(k->accuracy_lost))
        k->utility_cost = (struct rd_band){ points * rd_range_mean(&accuracy->dist),
            points * accuracy->number.low, points * accuracy->number.high };
    k->error = (double)NAN;
    *got = (struct compared){ no_band, no_band, no_band, (double)NAN, false };
    if (cost)
        k->cost =
            (struct rd_band){ rd_range_mean(&cost->dist), cost->number.low, cost->number.high };
    st = compare(c, k->control, NULL, got);
    if (st)
        return st;
    if (!got->touched) {
        k->reason = tried ? "no scenario puts money on what it was tried against"
                          : "no test touches it: its effect is not measured";
        return RD_OK;
    }
    k->before = got->before;
    k->after = got->after;
    k->difference = got->difference;
    k->error = got->error;
    k->assumed = rests_on_assumption(c, k->control);
    if (cost) {
        for (size_t o = 0; o < m->outer; o++)
            c->difference[o] -= cost->x[o] + (accuracy && points > 0 ? points * accuracy->x[o] : 0);
        k->net =
            rd_risk_band(rd_mean(c->difference, m->outer), c->difference, m->outer, c->scratch);
    }
    return rd_risk_summarize(m, &c->other, arena, k->active ? &k->without : &k->with);
}

static rd_status effects(struct comparison *c, int control, const struct compared *whole,
    struct rd_risk_effect *list, size_t *n)
{
    struct rd_risk_model *m = c->m;
    const size_t touched = tests_touched(m, control);

    for (size_t i = 0; i < m->campaign->n_tested; i++) {
        const struct rd_tested *t = &m->campaign->tested[i];
        struct compared got = { no_band, no_band, no_band, (double)NAN, false };
        struct rd_risk_effect *e = &list[*n];

        if (!rd_risk_retest(t, control))
            continue;
        (*n)++;
        *e = (struct rd_risk_effect){ .control = control,
            .test = t->test->id,
            .active = m->system->controls[control].state == RD_CONTROL_ACTIVE };
        if (!has_money(m, i)) {
            e->reason = "no scenario puts money on this test's threat";
        } else if (touched == 1) {
            got = *whole;
        } else {
            const rd_status st = compare(c, control, t->test->id, &got);

            if (st)
                return st;
        }
        if (!e->reason && !got.touched)
            e->reason = "the re-test gave no trials";
        e->before = got.before;
        e->after = got.after;
        e->difference = got.difference;
        e->error = got.error;
    }
    return RD_OK;
}

rd_status rd_risk_result_controls(struct rd_risk_model *m, const struct rd_risk_totals *base,
    struct rd_risk_cache *cache, struct rd_arena *heavy, struct rd_risk_result *r)
{
    struct comparison c = { .m = m, .base = base, .cache = cache };
    struct rd_risk_control *list =
        RD_NEW_ARRAY(m->arena, struct rd_risk_control, m->system->n_controls + 1);
    struct rd_risk_effect *effect;
    size_t retests = 1;
    rd_status st;

    for (size_t i = 0; i < m->campaign->n_tested; i++)
        retests += m->campaign->tested[i].n_retests;
    effect = RD_NEW_ARRAY(m->arena, struct rd_risk_effect, retests);
    c.view = RD_NEW_ARRAY(heavy, struct rd_risk_view, m->n_plans + 1);
    c.view_list = RD_NEW_ARRAY(heavy, const struct rd_risk_view *, m->n_plans + 1);
    c.difference = RD_NEW_ARRAY(heavy, double, m->outer);
    c.scratch = RD_NEW_ARRAY(heavy, double, m->outer);
    if (!list || !effect || !c.view || !c.view_list || !c.difference || !c.scratch)
        return rd_run_no_memory(m->run, "the controls");
    st = rd_risk_totals_new(m, heavy, &c.other);
    for (size_t k = 0; !st && k < m->system->n_controls; k++) {
        struct compared whole;

        if (m->system->controls[k].state == RD_CONTROL_RETIRED)
            continue;
        list[r->n_controls] = (struct rd_risk_control){ .control = (int)k };
        st = one_control(&c, m->arena, &list[r->n_controls], &whole);
        if (!st)
            st = effects(&c, (int)k, &whole, effect, &r->n_effects);
        if (!st && !list[r->n_controls].reason) {
            struct rd_risk_control *row = &list[r->n_controls];

            /* The other side of the comparison is the base. */
            *(row->active ? &row->with : &row->without) = r->total;
        }
        r->n_controls++;
    }
    r->controls = list;
    r->effects = effect;
    return st;
}

const struct rd_risk_effect *rd_risk_effect_find(
    const struct rd_risk_result *result, int control, const char *test)
{
    for (size_t i = 0; i < result->n_effects; i++)
        if (result->effects[i].control == control && !strcmp(result->effects[i].test, test))
            return &result->effects[i];
    return NULL;
}
