/*
 * break_even.c - scenarios without money: how much a loss, or an asset, would have to be worth.
 *
 * Each loss counts as 1 (an asset without a value as 1), so a year's mean times the value is what
 * would be expected. A control pays when what it saves is more than it costs; the appetite is
 * passed when losses come more often than it allows and each is larger than it names. Magnitudes
 * are taken to be in proportion to the asset.
 */
#include "risk/result.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum { YEARS = 200 };

struct counted {
    double *losses; /* (outer) a year; thefts: at most one */
    double *mean;   /* (outer) of a year, each loss worth 1 */
    double any;     /* probability of a year with a loss */
};

struct sums {
    struct rd_risk_model m; /* with few years */
    struct rd_arena *heavy;
    double *loss, *room; /* (years), (outer) */
    struct counted base, other;
    struct rd_risk_break_even *item;
    size_t n;
};

static rd_status count(
    struct sums *s, const struct rd_risk_plan *p, const struct rd_risk_view *v, struct counted *out)
{
    struct rd_risk_scratch scratch;
    rd_status st = rd_risk_scratch_new(&s->m, s->heavy, &scratch);

    if (st)
        return st;
    out->any = 0;
    for (size_t o = 0; o < s->m.outer; o++) {
        struct rd_risk_level_out got;
        double any;

        st = rd_risk_level_run(&s->m, p, v, o, true, &scratch, s->loss, &got, s->m.run->err);

        if (st)
            return st;
        any = 1 - rd_exp(-got.rate * got.s);
        out->losses[o] = p->one_shot ? any : got.rate * got.s;
        out->mean[o] = got.mean;
        out->any += any / (double)s->m.outer;
    }
    return RD_OK;
}

static rd_status say(struct sums *s, const struct rd_risk_plan *p, struct rd_risk_break_even *b)
{
    const struct rd_system *sys = s->m.system;
    struct rd_arena *arena = s->m.arena;
    const char *rate = rd_risk_rate_words(b->losses.value, arena), *what;
    char value[40], yard[40];

    what = b->asset == RD_NONE
               ? "one loss costs"
               : rd_arena_printf(arena, "'%s' is worth", sys->assets[b->asset].name);
    if (!what || !rate)
        return rd_run_no_memory(s->m.run, "a break-even value");
    if (!isfinite(b->value))
        b->words = rd_arena_printf(arena, "%s; %s", rate, b->reason);
    else if (b->control != RD_NONE)
        b->words = rd_arena_printf(arena,
            "matters if %s more than %s %s: then control '%s' pays (%s)", what,
            rd_risk_money(b->value, value), sys->currency, sys->controls[b->control].id, rate);
    else if (!sys->n_appetite)
        b->words = rd_arena_printf(arena,
            "matters if %s more than %s %s: then it costs more than %s %s a year (%s)", what,
            rd_risk_money(b->value, value), sys->currency, rd_risk_money(RD_RISK_YARDSTICK, yard),
            sys->currency, rate);
    else
        b->words = rd_arena_printf(arena,
            "matters if %s more than %s %s: then losses pass the appetite (%s)", what,
            rd_risk_money(b->value, value), sys->currency, rate);
    (void)p;
    return b->words ? RD_OK : rd_run_no_memory(s->m.run, "a break-even value");
}

static rd_status add(
    struct sums *s, const struct rd_risk_plan *p, int control, double value, const char *reason)
{
    struct rd_risk_break_even *b = &s->item[s->n++];

    *b = (struct rd_risk_break_even){ .scenario = p->index,
        .asset = p->magnitude ? p->unpriced_asset : RD_NONE,
        .losses =
            rd_risk_band(rd_mean(s->base.losses, s->m.outer), s->base.losses, s->m.outer, s->room),
        .control = control,
        .value = value,
        .reason = reason };
    return say(s, p, b);
}

static double cost_of(const struct rd_risk_result *r, int control)
{
    for (size_t i = 0; i < r->n_controls; i++)
        if (r->controls[i].control == control)
            return r->controls[i].cost.value + (isfinite(r->controls[i].utility_cost.value)
                                                       ? r->controls[i].utility_cost.value
                                                       : 0);
    return (double)NAN;
}

static rd_status try_controls(struct sums *s, const struct rd_risk_plan *p,
    const struct rd_risk_result *r, const double *base_mean)
{
    for (size_t c = 0; c < s->m.system->n_controls; c++) {
        const bool active = s->m.system->controls[c].state == RD_CONTROL_ACTIVE;
        const double cost = cost_of(r, (int)c);
        struct rd_risk_view view;
        bool touched = false;
        double saved;
        rd_status st;

        if (s->m.system->controls[c].state == RD_CONTROL_RETIRED)
            continue;
        st = rd_risk_view_with(&s->m, p, (int)c, NULL, &view, &touched);
        if (st)
            return st;
        if (!touched || !isfinite(cost))
            continue;
        st = count(s, p, &view, &s->other);
        if (st)
            return st;
        saved = rd_mean(base_mean, s->m.outer) - rd_mean(s->other.mean, s->m.outer);
        saved = active ? -saved : saved;
        st = saved > 0 ? add(s, p, (int)c, cost / saved, NULL)
                       : add(s, p, (int)c, (double)NAN, "the control takes away no loss");
        if (st)
            return st;
    }
    return RD_OK;
}

static rd_status try_appetite(struct sums *s, const struct rd_risk_plan *p)
{
    const double losses = rd_mean(s->base.losses, s->m.outer);
    const double each = losses > 0 ? rd_mean(s->base.mean, s->m.outer) / losses : 0;
    double least = (double)INFINITY;

    for (size_t i = 0; i < s->m.system->n_appetite; i++) {
        const struct rd_appetite *a = &s->m.system->appetite[i];

        if (s->base.any > a->probability && a->loss < least)
            least = a->loss;
    }
    return isfinite(least) && each > 0 ? add(s, p, RD_NONE, least / each, NULL) : RD_OK;
}

/* Nobody said what anything costs or what is too much: a round sum a year is the yardstick. */
static rd_status try_yardstick(struct sums *s, const struct rd_risk_plan *p)
{
    const double each = rd_mean(s->base.mean, s->m.outer);

    return each > 0 ? add(s, p, RD_NONE, RD_RISK_YARDSTICK / each, NULL) : RD_OK;
}

static rd_status one_scenario(
    struct sums *s, const struct rd_risk_plan *plan, const struct rd_risk_result *r)
{
    struct rd_risk_plan p = *plan;
    const size_t before = s->n;
    rd_status st;

    p.has_secondary = p.has_per_loss = false; /* they are money already */
    if (p.unpriced_assets > 1)
        p.magnitude = NULL; /* nobody can tell several values at once: what one loss costs */
    st = count(s, &p, &p.base, &s->base);
    if (!st)
        st = try_controls(s, &p, r, s->base.mean);
    if (!st)
        st = try_appetite(s, &p);
    if (!st && s->n == before && !s->m.system->n_appetite)
        st = try_yardstick(s, &p);
    if (!st && s->n == before)
        st = add(s, &p, RD_NONE, (double)NAN,
            s->m.system->n_appetite ? "it comes no more often than the appetite allows"
                                    : "it never came about in the simulation");
    return st;
}

/* Those with the most losses a year first; one scenario's thresholds from the lowest. */
static bool comes_before(const struct rd_risk_break_even *a, const struct rd_risk_break_even *b)
{
    if (a->scenario != b->scenario)
        return a->losses.value > b->losses.value ||
               (!(a->losses.value < b->losses.value) && a->scenario < b->scenario);
    if (isfinite(a->value) != isfinite(b->value))
        return isfinite(a->value);
    return isfinite(a->value) && a->value < b->value;
}

static void sort(struct rd_risk_break_even *item, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct rd_risk_break_even x = item[i];
        size_t k = i;

        for (; k > 0 && comes_before(&x, &item[k - 1]); k--)
            item[k] = item[k - 1];
        item[k] = x;
    }
}

rd_status rd_risk_result_break_even(
    struct rd_risk_model *m, struct rd_arena *heavy, struct rd_risk_result *r)
{
    struct sums s = { .m = *m, .heavy = heavy };
    size_t unpriced = 0;
    rd_status st = RD_OK;

    for (size_t i = 0; i < m->n_plans; i++)
        unpriced += m->plan[i].unpriced;
    if (!unpriced)
        return RD_OK;
    s.m.years = m->years < YEARS ? m->years : YEARS;
    s.loss = RD_NEW_ARRAY(heavy, double, s.m.years);
    s.room = RD_NEW_ARRAY(heavy, double, m->outer);
    s.base.losses = RD_NEW_ARRAY(heavy, double, m->outer);
    s.base.mean = RD_NEW_ARRAY(heavy, double, m->outer);
    s.other.losses = RD_NEW_ARRAY(heavy, double, m->outer);
    s.other.mean = RD_NEW_ARRAY(heavy, double, m->outer);
    s.item =
        RD_NEW_ARRAY(m->arena, struct rd_risk_break_even, unpriced * (m->system->n_controls + 2));
    if (!s.loss || !s.room || !s.base.losses || !s.base.mean || !s.other.losses || !s.other.mean ||
        !s.item)
        return rd_run_no_memory(m->run, "break-even values");
    for (size_t i = 0; i < m->n_plans && !st; i++)
        if (m->plan[i].unpriced)
            st = one_scenario(&s, &m->plan[i], r);
    if (st)
        return st;
    sort(s.item, s.n);
    r->break_even = s.item;
    r->n_break_even = s.n;
    return RD_OK;
}
