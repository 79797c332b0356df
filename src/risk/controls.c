/* controls.c - the same years with one control changed, and what that saves. */
#include "base/text.h"
#include "risk/result.h"
#include "risk/roadmap_model.h"
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

/* --- one test of several, without simulating again --- */

enum { SEVERAL = -2 };

/* The test through which the control acts on this plan. */
static int test_through(const struct rd_risk_model *m, const struct rd_risk_plan *p, int control)
{
    const bool active = m->system->controls[control].state == RD_CONTROL_ACTIVE;
    int through = RD_NONE;

    for (size_t i = 0; !p->unquantified && i < p->n_candidates; i++) {
        const struct rd_retest *r = rd_risk_retest(&m->campaign->tested[p->candidate[i]], control);
        const struct rd_record *other = r ? (active ? r->without : r->worse) : NULL;

        if (other && other->n_trials)
            through = through == RD_NONE ? (int)p->candidate[i] : SEVERAL;
    }
    return through;
}

/*
 * Does every unit of loss hang on one test alone? Then what one test brings is the part that its
 * units have in the whole, and the years need not be gone through once for each test.
 */
static bool is_separable(const struct rd_risk_model *m, int control)
{
    for (size_t i = 0; i < m->n_plans; i++) {
        const int through = test_through(m, &m->plan[i], control);
        const int first = m->plan[i].group;
        const int leader = first == (int)i ? RD_NONE : test_through(m, &m->plan[first], control);

        if (through == SEVERAL)
            return false;
        for (size_t k = (size_t)first; through != RD_NONE && leader != through && k < i; k++) {
            const int other =
                m->plan[k].group == first ? test_through(m, &m->plan[k], control) : RD_NONE;

            if (other != RD_NONE && other != through)
                return false;
        }
    }
    return true;
}

size_t rd_risk_result_configurations(const struct rd_risk_model *m)
{
    size_t n = 0;

    for (size_t c = 0; c < m->system->n_controls; c++) {
        const size_t touched = m->system->controls[c].state == RD_CONTROL_RETIRED || !m->tried[c]
                                   ? m->expected[c] != NULL
                                   : tests_touched(m, (int)c);

        n += touched > 1 && !is_separable(m, (int)c) ? touched + 1 : touched > 0;
    }
    return n;
}

static const char accuracy_input[] = "risk.accuracy_point_per_year";

/* Where there are more controls than a test can try, what nobody tried and nothing needs is left
 * without draws: a hundred thousand of them would be gigabytes. */
enum { ALL_COSTS_MAX = 1000 };

static rd_status costs_that_matter(const struct rd_risk_model *m, bool **matters_out)
{
    const struct rd_system *s = m->system;
    bool *matters = RD_NEW_ARRAY(m->arena, bool, s->n_controls + 1);
    int *queue = RD_NEW_ARRAY(m->arena, int, s->n_controls + 1);
    size_t n = 0;

    if (!matters || !queue)
        return rd_run_no_memory(m->run, "the controls");
    for (size_t c = 0; c < s->n_controls && s->n_controls <= ALL_COSTS_MAX; c++)
        matters[c] = true;
    for (size_t c = 0; c < s->n_controls; c++)
        matters[c] = matters[c] || m->tried[c] || m->expected[c];
    for (size_t c = 0; c < s->n_controls; c++)
        if (matters[c])
            queue[n++] = (int)c;
    for (size_t i = 0; i < n; i++) {
        const struct rd_refs *needs = &s->controls[queue[i]].prerequisites;

        for (size_t k = 0; k < needs->n; k++)
            if (!matters[needs->index[k]]) {
                matters[needs->index[k]] = true;
                queue[n++] = needs->index[k];
            }
    }
    *matters_out = matters;
    return RD_OK;
}

/* Which controls some test tried: most of a long list are tried by none. */
static rd_status find_tried(struct rd_risk_model *m)
{
    m->tried = RD_NEW_ARRAY(m->arena, bool, m->system->n_controls + 1);
    if (!m->tried)
        return rd_run_no_memory(m->run, "the controls");
    for (size_t i = 0; i < m->campaign->n_tested; i++)
        for (size_t k = 0; k < m->campaign->tested[i].n_retests; k++)
            m->tried[m->campaign->tested[i].retests[k].control] = true;
    return RD_OK;
}

static rd_status add_cost(struct rd_risk_model *m, const struct rd_control *c, const char *key,
    const struct rd_uncertain *u, int *input)
{
    const char *name;

    if (!u->given)
        return RD_OK;
    name = rd_risk_name(m, c->id, key);
    return m->no_memory
               ? rd_run_no_memory(m->run, "the controls")
               : rd_risk_input_add(&m->inputs, name, m->system->currency, "cost", u, input);
}

rd_status rd_risk_add_costs(struct rd_risk_model *m)
{
    static const char *const keys[RD_COSTS] = { "cost_per_year", "costs.license", "costs.people",
        "costs.latency", "costs.false_blocks" };
    bool *matters = NULL;
    rd_status st = find_tried(m);

    if (!st)
        st = costs_that_matter(m, &matters);
    m->accuracy_cost = NO_INPUT;
    m->cost = rd_arena_alloc(m->arena, m->system->n_controls + 1, sizeof *m->cost);
    if (!st && !m->cost)
        st = rd_run_no_memory(m->run, "the controls");
    for (size_t c = 0; !st && c < m->system->n_controls; c++) {
        const struct rd_control *k = &m->system->controls[c];
        const struct rd_uncertain *part[RD_COSTS] = { &k->cost_per_year, &k->cost_license,
            &k->cost_people, &k->cost_latency, &k->cost_false_blocks };

        for (int i = 0; i < RD_COSTS; i++) {
            m->cost[c][i] = NO_INPUT;
            if (!st && matters[c] && k->state != RD_CONTROL_RETIRED)
                st = add_cost(m, k, keys[i], part[i], &m->cost[c][i]);
        }
    }
    if (!st && m->system->accuracy_point_per_year.given)
        st = rd_risk_input_add(&m->inputs, accuracy_input, m->system->currency, "cost",
            &m->system->accuracy_point_per_year, &m->accuracy_cost);
    return st;
}

static const struct rd_risk_input *accuracy_cost(const struct rd_risk_model *m)
{
    return m->accuracy_cost == NO_INPUT ? NULL : &m->inputs.item[m->accuracy_cost];
}

double rd_risk_cost_at(const struct rd_risk_model *m, int control, size_t o)
{
    double sum = 0;

    for (int i = 0; i < RD_COSTS; i++)
        if (m->cost[control][i] != NO_INPUT)
            sum += m->inputs.item[m->cost[control][i]].x[o];
    return sum;
}

/* All declared parts together; one alone keeps its declared range. NaN: none is declared. */
static struct rd_band cost_band(
    const struct rd_risk_model *m, int control, double *x, double *scratch)
{
    const struct rd_risk_input *only = NULL;
    struct rd_band b = { (double)NAN, (double)NAN, (double)NAN };
    double mean = 0;
    size_t n = 0;

    for (int i = 0; i < RD_COSTS; i++)
        if (m->cost[control][i] != NO_INPUT) {
            only = &m->inputs.item[m->cost[control][i]];
            mean += rd_range_mean(&only->dist);
            n++;
        }
    if (n == 1)
        b = (struct rd_band){ mean, only->number.low, only->number.high };
    for (size_t o = 0; n > 1 && o < m->outer; o++)
        x[o] = rd_risk_cost_at(m, control, o);
    return n > 1 ? rd_risk_band(mean, x, m->outer, scratch) : b;
}

struct comparison {
    struct rd_risk_model *m;
    const struct rd_risk_totals *base;
    struct rd_risk_cache *cache;
    struct rd_risk_totals other;
    struct rd_risk_view *view;             /* (plans) */
    const struct rd_risk_view **view_list; /* (plans) */
    double *difference, *scratch, *part;   /* (outer) */
    struct rd_arena *heavy;
    size_t summarized;
};

/* Controls whose years are sorted for quantiles, tail and curve: that takes as long as simulating
 * them. Of the others the mean is told, which is what a choice by the mean needs. */
enum { SUMMARIES = 100 };

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

static bool rests_on_word(const struct comparison *c)
{
    for (size_t i = 0; i < c->m->n_plans; i++)
        if (c->view_list[i] && c->m->plan[i].expert)
            return true;
    return false;
}

/* Another active control on the same scenario: the combination was not run as it is drawn here. */
static bool rests_on_assumption(const struct comparison *c, int control)
{
    const struct rd_risk_model *m = c->m;

    for (size_t i = 0; i < m->n_plans; i++) {
        size_t others = 0;

        if (!c->view_list[i])
            continue;
        if (c->view_list[i]->word && c->view_list[i]->word_on)
            return true;
        for (size_t k = 0; k < m->system->n_controls && m->plan[i].n_candidates; k++)
            if ((int)k != control && m->system->controls[k].state == RD_CONTROL_ACTIVE)
                for (size_t t = 0; t < m->plan[i].n_candidates; t++)
                    others += rd_risk_retest(
                                  &m->campaign->tested[m->plan[i].candidate[t]], (int)k) != NULL;
        if (others && (m->plan[i].base.p_base < 1 || others > 1))
            return true;
    }
    return false;
}

static rd_status tell_mean(
    const struct rd_risk_model *m, const struct rd_risk_totals *t, struct rd_risk_summary *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    double *scratch = RD_NEW_ARRAY(&arena, double, m->outer);

    if (!scratch)
        return rd_run_no_memory(m->run, "the summary");
    *out = (struct rd_risk_summary){ .ale = rd_risk_band(
                                         rd_mean(t->mean, m->outer), t->mean, m->outer, scratch),
        .no_loss = no_band,
        .tail_mean_99 = (double)NAN,
        .error_years = (double)NAN,
        .error_draws = (double)NAN };
    for (int q = 0; q < RD_RISK_QUANTILES; q++)
        out->quantile[q] = no_band;
    for (int k = 0; k < RD_RISK_TAILS; k++)
        out->tvar[k] = no_band;
    rd_arena_release(&arena);
    return RD_OK;
}

static rd_status one_control(
    struct comparison *c, struct rd_arena *arena, struct rd_risk_control *k, struct compared *got)
{
    struct rd_risk_model *m = c->m;
    const struct rd_control *control = &m->system->controls[k->control];
    const struct rd_risk_input *accuracy = accuracy_cost(m);
    const bool expected = m->expected[k->control] && control->state == RD_CONTROL_PROPOSED;
    const size_t tried = m->tried[k->control] ? describe(m, k) : 0;
    const double points = k->accuracy_lost > 0 ? 100 * k->accuracy_lost : 0;
    rd_status st;

    k->active = control->state == RD_CONTROL_ACTIVE;
    if (!tried)
        k->accuracy_lost = (double)NAN;
    k->before = k->after = k->difference = k->cost = k->net = k->utility_cost = no_band;
    if (accuracy && isfinite(k->accuracy_lost))
        k->utility_cost = (struct rd_band){ points * rd_range_mean(&accuracy->dist),
            points * accuracy->number.low, points * accuracy->number.high };
    k->error = (double)NAN;
    *got = (struct compared){ no_band, no_band, no_band, (double)NAN, false };
    k->cost = cost_band(m, k->control, c->difference, c->scratch);
    st = tried || expected ? compare(c, k->control, NULL, got) : RD_OK;
    if (st)
        return st;
    if (!got->touched) {
        k->reason =
            tried ? "no scenario puts money on what it was tried against" : "no test touches it";
        return RD_OK;
    }
    k->before = got->before;
    k->after = got->after;
    k->difference = got->difference;
    k->error = got->error;
    k->expected = rests_on_word(c);
    k->assumed = rests_on_assumption(c, k->control);
    if (!k->active && m->roadmap) {
        st = rd_roadmap_note(m, k, c->view_list, &c->other, c->heavy);
        if (st)
            return st;
    }
    if (!isnan(k->cost.value)) {
        for (size_t o = 0; o < m->outer; o++)
            c->difference[o] -= rd_risk_cost_at(m, k->control, o) +
                                (accuracy && points > 0 ? points * accuracy->x[o] : 0);
        k->net =
            rd_risk_band(rd_mean(c->difference, m->outer), c->difference, m->outer, c->scratch);
    }
    if (c->summarized++ < SUMMARIES)
        return rd_risk_summarize(m, &c->other, arena, k->active ? &k->without : &k->with);
    return tell_mean(m, &c->other, k->active ? &k->without : &k->with);
}

/* Of the whole in c->other, the part of the units that hang on this test. */
static void compare_part(struct comparison *c, int control, size_t tested, struct compared *out)
{
    const struct rd_risk_model *m = c->m;
    const size_t outer = m->outer;
    const bool active = m->system->controls[control].state == RD_CONTROL_ACTIVE;
    const struct rd_risk_totals *t = &c->other;
    double *other = c->part;

    memcpy(other, c->base->mean, outer * sizeof *other);
    memset(c->difference, 0, outer * sizeof *c->difference);
    out->touched = false;
    for (size_t i = 0; i < m->n_plans; i++) {
        bool ours = false;

        for (size_t k = 0; k < m->n_plans && !m->plan[i].unquantified && !ours; k++)
            ours = m->plan[k].group == m->plan[i].group &&
                   test_through(m, &m->plan[k], control) == (int)tested;
        for (size_t o = 0; ours && o < outer; o++)
            c->difference[o] += c->base->plan_mean[i * outer + o] - t->plan_mean[i * outer + o];
        out->touched = out->touched || ours;
    }
    for (size_t o = 0; o < outer; o++)
        other[o] -= c->difference[o];
    for (size_t o = 0; active && o < outer; o++)
        c->difference[o] = -c->difference[o];
    out->after = rd_risk_band(rd_mean(active ? c->base->mean : other, outer),
        active ? c->base->mean : other, outer, c->scratch);
    out->before = rd_risk_band(rd_mean(active ? other : c->base->mean, outer),
        active ? other : c->base->mean, outer, c->scratch);
    out->difference = rd_risk_band(rd_mean(c->difference, outer), c->difference, outer, c->scratch);
    out->error = sqrt(rd_variance(c->difference, outer) / (double)outer);
}

static rd_status effects(struct comparison *c, int control, const struct compared *whole,
    struct rd_risk_effect *list, size_t *n)
{
    struct rd_risk_model *m = c->m;
    const size_t touched = tests_touched(m, control);
    const bool apart = touched > 1 && is_separable(m, control);

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
        } else if (apart && whole->touched) {
            compare_part(c, control, i, &got);
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
    struct comparison c = { .m = m, .base = base, .cache = cache, .heavy = heavy };
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
    c.part = RD_NEW_ARRAY(heavy, double, m->outer);
    if (!list || !effect || !c.view || !c.view_list || !c.difference || !c.scratch || !c.part)
        return rd_run_no_memory(m->run, "the controls");
    st = rd_risk_totals_new(m, heavy, &c.other);
    for (size_t k = 0; !st && k < m->system->n_controls; k++) {
        struct compared whole;

        if (m->system->controls[k].state == RD_CONTROL_RETIRED)
            continue;
        list[r->n_controls] = (struct rd_risk_control){ .control = (int)k };
        st = one_control(&c, m->arena, &list[r->n_controls], &whole);
        if (!st && m->tried[k])
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
