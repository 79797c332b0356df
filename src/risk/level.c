/* level.c - one scenario at one draw of the parameters: the order of it. */
#include "risk/level_parts.h"

#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>

enum { PILOT = 256 }; /* campaigns that S is estimated from */

static bool is_enough(const struct level *l, int layer, size_t run, double rows)
{
    const double y = rd_level_measure_at(l, layer, l->p->threshold_on, run, rows);

    return l->p->threshold_strict ? y > l->p->threshold : y >= l->p->threshold;
}

/* Curves never fall (evidence.c), so halving finds the least number of rows that is enough. */
static double rows_enough(const struct level *l, int layer, size_t run)
{
    double low = 0, high = ceil(l->v->layer[layer]->reach) + 1;

    if (!is_enough(l, layer, run, high))
        return (double)INFINITY;
    while (high - low >= 1) { /* high is enough, low - 1 is not */
        const double mid = floor((low + high) / 2);

        if (is_enough(l, layer, run, mid))
            high = mid;
        else
            low = mid + 1;
    }
    return high;
}

/* Place in this distribution from which on it gives at least x; 0: always, 2: never. */
static double place_of(const struct rd_range_dist *d, double x)
{
    if (!(x > 0))
        return 0;
    if (!isfinite(x))
        return 2;
    if (d->spread == RD_SPREAD_CONSTANT)
        return d->mu >= x ? 0 : 2;
    return rd_normal_cdf((rd_log(x) - d->mu) / d->sigma);
}

/* Then a campaign needs no curve, quantile or expression any more. */
static void find_thresholds(struct level *l)
{
    static const struct rd_range_dist year = { RD_SPREAD_CONSTANT, 365, 0 };
    const struct rd_risk_plan *p = l->p;
    const double keys = p->actor->keys > 0 ? (double)p->actor->keys : 1;

    l->simple = !p->expert && p->threshold_on >= 0;
    for (int k = 0; k < LAYERS && l->simple; k++)
        l->simple = !l->v->layer[k] || l->v->layer[k]->runs <= RUNS_KEPT;
    for (int k = 0; k < LAYERS && l->simple; k++)
        for (size_t run = 0; l->v->layer[k] && run < l->v->layer[k]->runs; run++) {
            const double rows = rows_enough(l, k, run), a_day = l->v->quota[k] * keys;

            l->u_budget[k][run] = l->u_days[k][run] = isfinite(rows) ? 0 : 2;
            if (p->charged && p->price > 0 && p->has_budget)
                l->u_budget[k][run] = place_of(&p->budget, rows * p->price);
            if (p->charged && isfinite(a_day))
                l->u_days[k][run] =
                    place_of(p->has_days ? &p->days : &year, a_day > 0  ? rows / a_day
                                                             : rows > 0 ? (double)INFINITY
                                                                        : 0);
        }
}

/* Do campaigns of this draw look at their budget or days? */
static bool asks_for_means(const struct level *l, bool quota)
{
    const struct rd_risk_plan *p = l->p;

    if (!l->simple)
        return p->charged && ((p->price > 0 && p->has_budget) || (quota && p->has_days));
    for (int k = 0; k < LAYERS; k++)
        for (size_t run = 0; l->v->layer[k] && run < l->v->layer[k]->runs; run++) {
            const double budget = l->u_budget[k][run], days = l->u_days[k][run];

            if ((budget > 0 && budget <= 1) || (days > 0 && days <= 1))
                return true;
        }
    return false;
}

/* What an expert says, with what is expected of controls; the best of two counts (expected.c). */
static double expected(const struct level *l)
{
    const struct rd_risk_view *v = l->v;
    double s = rd_level_at(l, l->p->stronger);

    if (v->word)
        s += v->p_word * (rd_level_at(l, v->word - 1) - s);
    if (v->word_on) {
        const double with = rd_level_at(l, v->word_on - 1);

        if (!v->word || with < s)
            s += v->p_word_on * (with - s);
    }
    return s;
}

static rd_status prepare(struct level *l)
{
    const struct rd_risk_plan *p = l->p;
    bool quota = false;
    rd_status st = RD_OK;

    l->action = 1;
    if (p->gain != NO_INPUT) {
        const double gain = rd_level_at(l, p->gain);

        l->action =
            gain > 0 ? rd_logistic(rd_level_at(l, p->slope) * (rd_log(gain) - rd_log(p->cost))) : 0;
    }
    l->rate = rd_level_at(l, p->attempts) * l->action;
    l->cap = p->n_assets && !p->per_unit ? 0 : (double)INFINITY;
    for (size_t i = 0; i < p->n_assets && !p->per_unit; i++)
        l->cap += p->asset_input[p->asset[i]] == NO_INPUT
                      ? (double)INFINITY
                      : rd_level_at(l, p->asset_input[p->asset[i]]);
    l->stronger = p->stronger == NO_INPUT ? 0
                  : p->expert             ? expected(l)
                                          : rd_level_at(l, p->stronger);
    l->secondary_probability = p->has_secondary ? rd_level_at(l, p->secondary_probability) : 0;
    for (int k = 0; k < LAYERS; k++)
        quota = quota || (l->v->layer[k] && l->v->quota[k] < (double)INFINITY);
    l->varies = p->charged && ((p->price > 0 && p->has_budget) || quota);
    l->fixed_magnitude = -1;
    l->simple_loss = (double)NAN;
    if (p->kind == RD_EVADE && !p->expert)
        rd_level_draw_weights(l);
    else
        rd_level_draw_factors(l);
    find_thresholds(l);
    l->means = asks_for_means(l, quota);
    if (p->table)
        st = rd_level_fill_table(l);
    if (!st)
        st = rd_level_find_just_enough(l);
    if (!st && p->expert)
        rd_level_take_word(l);
    else if (!st && p->table && !l->varies)
        rd_level_sum_exactly(l);
    return st;
}

static struct level level_at(const struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct rd_risk_view *v, size_t o, struct rd_risk_scratch *scratch, struct rd_error *err)
{
    const size_t draw = p->draw ? p->draw[o] : o;

    return (struct level){ .m = m,
        .p = p,
        .v = v,
        .o = o,
        .draw = draw,
        .seen = p->pinned ? p->pinned - 1 : draw,
        .scratch = scratch,
        .err = err };
}

rd_status rd_risk_level_chance(const struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct rd_risk_view *v, size_t o, size_t pilot, struct rd_risk_scratch *scratch,
    struct rd_risk_level_out *out, struct rd_error *err)
{
    struct level l = level_at(m, p, v, o, scratch, err);
    rd_status st = prepare(&l);

    if (!st && !l.exact)
        st = rd_level_pilot(&l, pilot < PILOT_BIG ? pilot : PILOT_BIG);
    if (!st)
        *out = (struct rd_risk_level_out){
            .s_tried = l.s_tried, .s = l.s, .rate = l.rate, .action = l.action
        };
    return st;
}

rd_status rd_risk_level_run(const struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct rd_risk_view *v, size_t o, bool pilot, struct rd_risk_scratch *scratch,
    double *loss, struct rd_risk_level_out *out, struct rd_error *err)
{
    struct level l = level_at(m, p, v, o, scratch, err);
    double stronger = 0;
    size_t lossy = 0;
    rd_status st = prepare(&l);

    if (!st && l.rate > PILOT_BIG_RATE)
        st = rd_level_pilot(&l, PILOT_BIG);
    else if (!st && pilot && !l.exact)
        st = rd_level_pilot(&l, PILOT);
    if (!st)
        st = rd_level_years(&l, loss, &stronger, &lossy);
    if (st)
        return st;
    *out = (struct rd_risk_level_out){ .s_tried = (double)NAN,
        .s = (double)NAN,
        .rate = l.rate,
        .action = l.action,
        .mean = rd_mean(loss, m->years),
        .stronger = stronger / (double)m->years,
        .lossy = (double)lossy / (double)m->years,
        .capped = l.capped };
    if (l.exact || pilot) {
        out->s_tried = l.s_tried;
        out->s = l.s;
    }
    return RD_OK;
}

rd_status rd_risk_scratch_new(
    const struct rd_risk_model *m, struct rd_arena *arena, struct rd_risk_scratch *out)
{
    bool ok;

    out->weight = RD_NEW_ARRAY(arena, double, m->weights + 1);
    out->table = RD_NEW_ARRAY(arena, double, m->table + 1);
    out->batch = RD_NEW(arena, struct rd_level_batch);
    out->primary = RD_NEW_ARRAY(arena, double, PILOT_BIG);
    out->secondary = RD_NEW_ARRAY(arena, double, PILOT_BIG);
    ok = out->batch && out->weight && out->table && out->primary && out->secondary;
    for (int k = 0; k < LAYERS; k++) {
        out->sum[k] = RD_NEW_ARRAY(arena, double, m->weights + 1);
        out->cdf[k] = RD_NEW_ARRAY(arena, double, m->table + 1);
        ok = ok && out->sum[k] && out->cdf[k];
    }
    return ok ? RD_OK : RD_FAIL(m->run->err, RD_E_MEMORY, "out of memory for the simulation");
}
