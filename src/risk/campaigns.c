/* campaigns.c - what comes of campaigns, many at a time. */
#include "risk/level_parts.h"

#include "stats/interval.h"

#include <math.h>
#include <string.h>

/* Block `block` of each campaign. */
static void draw(const struct rd_rng *stream, struct rd_level_batch *b, uint32_t block,
    uint64_t out[2][CAMPAIGNS])
{
    for (size_t i = 0; i < b->n; i++)
        b->at[i] = b->block[i] + block;
    rd_rng_blocks(stream, b->at, b->index, b->n, out[0], out[1]);
}

/* The same of each loss. */
static void draw_of_losses(const struct rd_rng *stream, struct rd_level_batch *b, uint32_t block)
{
    for (size_t k = 0; k < b->n_losses; k++) {
        b->at[k] = b->block[b->loss[k]] + block;
        b->of[k] = b->index[b->loss[k]];
    }
    rd_rng_blocks(stream, b->at, b->of, b->n_losses, b->bits[0], b->bits[1]);
}

/* Which layer of controls each campaign meets. */
static void meet(const struct level *l, const struct rd_rng *stream, struct rd_level_batch *b)
{
    const struct rd_risk_view *v = l->v;
    const double on = v->layer[LAYER_ON] ? v->p_on : 0;
    const double base = v->layer[LAYER_WITHOUT] ? v->p_base : 1;

    if (!v->layer[LAYER_ON] && !v->layer[LAYER_WITHOUT]) {
        memset(b->met, LAYER_BASE, b->n);
        return;
    }
    draw(stream, b, BLOCK_LAYER, b->bits);
    for (size_t i = 0; i < b->n; i++) {
        const uint8_t slips = rd_level_unit(b->bits[1][i]) < base ? LAYER_BASE : LAYER_WITHOUT;

        b->met[i] = rd_level_unit(b->bits[0][i]) < on ? LAYER_ON : slips;
    }
}

/* --- evasion whose outcome depends on successes alone --- */

/* Smallest number of successes whose cumulative probability is above u. */
static int32_t successes_of(const double *cdf, size_t objects, double u)
{
    size_t low = 0, high = objects;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (cdf[mid] <= u)
            low = mid + 1;
        else
            high = mid;
    }
    return (int32_t)low;
}

static void tabled(const struct level *l, struct rd_level_batch *b)
{
    const struct rd_risk_scratch *s = l->scratch;

    for (size_t i = 0; i < b->n; i++) {
        const int layer = b->met[i];
        int32_t j = l->quick[layer][b->outcome[0][i] >> 56];

        if (j < 0)
            j = successes_of(s->cdf[layer], (size_t)l->p->objects, rd_level_unit(b->outcome[0][i]));
        b->primary[i] = s->table[j];
    }
}

/* --- theft, where one threshold decides: is what the campaign has enough? --- */

static rd_status enough(struct level *l, struct rd_level_batch *b)
{
    double measure[RD_MEASURES] = { 0 }, runs[LAYERS] = { 0 };
    bool any = false;

    for (int k = 0; k < LAYERS; k++)
        runs[k] = l->v->layer[k] ? (double)l->v->layer[k]->runs : 0;
    if (!l->means) {
        memset(b->means[0], 0, b->n * sizeof *b->means[0]);
        memset(b->means[1], 0, b->n * sizeof *b->means[1]);
    }
    for (size_t i = 0; i < b->n; i++) {
        const int layer = b->met[i];
        const size_t run = (size_t)(int64_t)(rd_level_unit(b->outcome[0][i]) * runs[layer]);
        const int poor = rd_level_open_unit(b->means[0][i]) < l->u_budget[layer][run];
        const int late = rd_level_open_unit(b->means[1][i]) < l->u_days[layer][run];
        const bool short_of = (poor | late) != 0; /* both are looked at: no branch to predict */

        b->primary[i] = short_of ? -1 : l->simple_loss;
        any |= !short_of;
    }
    if (any && isnan(l->simple_loss)) {
        measure[l->p->threshold_on] = l->p->threshold + 1; /* any loss tells the magnitude */
        for (size_t i = 0; i < b->n; i++)
            if (!(b->primary[i] < 0)) {
                const rd_status st =
                    isnan(l->simple_loss) ? rd_level_loss_of(l, measure, &l->simple_loss) : RD_OK;

                if (st)
                    return st;
                b->primary[i] = l->simple_loss;
            }
    }
    return RD_OK;
}

/* --- everything else: one by one --- */

static double rows_allowed(const struct level *l, int layer, uint64_t budget, uint64_t in_days)
{
    const struct rd_risk_plan *p = l->p;
    double rows = (double)INFINITY;

    if (p->price > 0 && p->has_budget)
        rows = rd_range_quantile(&p->budget, rd_level_open_unit(budget)) / p->price;
    if (l->v->quota[layer] < (double)INFINITY) {
        const double keys = p->actor->keys > 0 ? (double)p->actor->keys : 1;
        const double days =
            p->has_days ? rd_range_quantile(&p->days, rd_level_open_unit(in_days)) : 365;
        const double most = l->v->quota[layer] * keys * days;

        rows = most < rows ? most : rows;
    }
    return rows;
}

static rd_status evade_outcome(struct level *l, int layer, double rows, double u, double *loss_out)
{
    const struct rd_risk_plan *p = l->p;
    double measure[RD_MEASURES] = { 0 }, limit = p->per_object, successes;

    if (rows < (double)INFINITY && floor(rows / p->objects) < limit)
        limit = floor(rows / p->objects);
    successes = rd_binomial_quantile(
        u, p->objects, l->varies ? rd_level_chance_within(l, layer, limit) : l->chance[layer]);
    if (p->table) {
        *loss_out = l->scratch->table[(size_t)successes];
        return RD_OK;
    }
    measure[RD_MEASURE_SUCCESSES] = successes;
    measure[RD_MEASURE_OBJECTS] = p->objects;
    measure[RD_MEASURE_QUERIES] = rd_level_evade_queries(l, l->v->layer[layer], limit);
    return rd_level_loss_of(l, measure, loss_out);
}

static rd_status extract_outcome(
    struct level *l, int layer, double rows, double u, double *loss_out)
{
    const struct rd_risk_evidence *e = l->v->layer[layer];
    const size_t run = (size_t)(u * (double)e->runs);
    double measure[RD_MEASURES] = { 0 };

    measure[RD_MEASURE_QUERIES] = rows < e->reach ? floor(rows) : e->reach;
    for (int m = RD_MEASURE_UTILITY; m <= RD_MEASURE_ACCURACY; m++)
        if (e->trace[m] && l->p->reads[m])
            measure[m] = rd_level_measure_at(l, layer, m, run, floor(rows));
    return rd_level_loss_of(l, measure, loss_out);
}

/* Poison and inference: one of the runs, each as likely; what is uncertain about their mean is in
 * the factors. */
static rd_status run_outcome(struct level *l, int layer, double u, double *loss_out)
{
    const struct rd_risk_evidence *e = l->v->layer[layer];
    const size_t run = (size_t)(u * (double)e->runs);
    const double x = l->p->kind == RD_POISON ? rd_level_at(l, l->p->samples) : 0;
    double measure[RD_MEASURES] = { 0 };

    for (int m = RD_MEASURE_ASR; m <= RD_MEASURE_AUC; m++)
        if (e->trace[m])
            measure[m] = rd_level_measure_at(l, layer, m, run, x);
    rd_level_around(l, layer, measure);
    return rd_level_loss_of(l, measure, loss_out);
}

static rd_status one_by_one(struct level *l, struct rd_level_batch *b)
{
    rd_status st = RD_OK;

    for (size_t i = 0; i < b->n && !st; i++) {
        const int layer = b->met[i];
        const double u = rd_level_unit(b->outcome[0][i]);
        const double rows = l->p->charged ? rows_allowed(l, layer, l->means ? b->means[0][i] : 0,
                                                l->means ? b->means[1][i] : 0)
                                          : (double)INFINITY;

        st = l->p->kind == RD_EVADE     ? evade_outcome(l, layer, rows, u, &b->primary[i])
             : l->p->kind == RD_EXTRACT ? extract_outcome(l, layer, rows, u, &b->primary[i])
                                        : run_outcome(l, layer, u, &b->primary[i]);
    }
    return st;
}

/* --- all of it --- */

static rd_status outcomes(struct level *l, const struct rd_rng *stream, struct rd_level_batch *b)
{
    rd_rng_blocks(stream, b->block, b->index, b->n, b->outcome[0], b->outcome[1]);
    if (l->p->expert) { /* nothing was tried */
        for (size_t i = 0; i < b->n; i++)
            b->primary[i] = -1;
        return RD_OK;
    }
    meet(l, stream, b);
    if (l->means)
        draw(stream, b, BLOCK_MEANS, b->means);
    if (l->simple)
        return enough(l, b);
    if (!l->exact)
        return one_by_one(l, b);
    tabled(l, b);
    return RD_OK;
}

/* Where what was tried fails, something stronger may not. */
static void try_stronger(const struct level *l, struct rd_level_batch *b)
{
    if (l->p->stronger == NO_INPUT || l->just_enough < 0) {
        memset(b->stronger, 0, b->n);
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        const bool works = (b->primary[i] < 0) & (rd_level_unit(b->outcome[1][i]) < l->stronger);

        b->primary[i] = works ? l->just_enough : b->primary[i];
        b->stronger[i] = works;
    }
}

/* Without a branch that nothing can predict. */
static void gather_losses(const struct level *l, struct rd_level_batch *b)
{
    uint32_t last = UINT32_MAX; /* year of the last loss */
    size_t n = 0;

    if (!l->p->one_shot)
        for (size_t i = 0; i < b->n; i++) {
            b->loss[n] = (uint16_t)i;
            n += b->primary[i] >= 0;
        }
    else
        for (size_t i = 0; i < b->n; i++) {
            const uint32_t year = b->year[i], counts = (b->primary[i] >= 0) & (year != last);

            b->loss[n] = (uint16_t)i;
            n += counts;
            last ^= (last ^ year) & (0 - counts);
        }
    b->n_losses = n;
}

static void add_on_top(const struct level *l, const struct rd_rng *stream, struct rd_level_batch *b)
{
    const struct rd_risk_plan *p = l->p;
    size_t n = 0;

    for (size_t k = 0; k < b->n_losses; k++)
        b->on_top[k] = 0;
    if (p->has_per_loss) {
        draw_of_losses(stream, b, BLOCK_PER_LOSS);
        for (size_t k = 0; k < b->n_losses; k++)
            b->on_top[k] = rd_range_quantile(&p->per_loss, rd_level_open_unit(b->bits[0][k]));
    }
    if (!p->has_secondary)
        return;
    draw_of_losses(stream, b, BLOCK_SECONDARY);
    for (size_t k = 0; k < b->n_losses; k++) {
        b->follow[n] = (uint16_t)k;
        n += rd_level_unit(b->bits[0][k]) < l->secondary_probability;
    }
    for (size_t i = 0; i < n; i++)
        b->on_top[b->follow[i]] +=
            rd_range_quantile(&p->secondary, rd_level_open_unit(b->bits[1][b->follow[i]]));
}

rd_status rd_level_campaigns(struct level *l, const struct rd_rng *stream, struct rd_level_batch *b)
{
    const rd_status st = outcomes(l, stream, b);

    if (st)
        return st;
    try_stronger(l, b);
    gather_losses(l, b);
    add_on_top(l, stream, b);
    return RD_OK;
}

/* --- outside of years --- */

static void moments_of(const double *x, size_t n, double *mean, double *deviation)
{
    *mean = n ? rd_mean(x, n) : 0;
    *deviation = n > 1 ? sqrt(rd_variance(x, n)) : 0;
}

struct tally {
    double sum, by_stronger;
    size_t tried;
};

static void keep_losses(struct level *l, const struct rd_level_batch *b, struct tally *t)
{
    for (size_t k = 0; k < b->n_losses; k++) {
        const size_t i = b->loss[k];
        const double whole = b->primary[i] + b->on_top[k];

        l->scratch->primary[l->losers] = b->primary[i];
        l->scratch->secondary[l->losers++] = b->on_top[k];
        t->sum += whole;
        t->tried += !b->stronger[i];
        t->by_stronger += b->stronger[i] ? whole : 0;
    }
}

rd_status rd_level_pilot(struct level *l, size_t n)
{
    const struct rd_rng stream = rd_rng_stream(l->m->run->seed, l->p->pilot_stream, l->o);
    struct rd_level_batch *b = l->scratch->batch;
    struct tally t = { 0 };

    l->losers = 0;
    for (size_t first = 0; first < n; first += CAMPAIGNS) {
        rd_status st;

        b->n = n - first < CAMPAIGNS ? n - first : CAMPAIGNS;
        for (size_t i = 0; i < b->n; i++) {
            b->block[i] = (uint32_t)(first + i) * BLOCKS;
            b->index[i] = l->o;
            b->year[i] = (uint16_t)i; /* each in one of its own */
        }
        st = rd_level_campaigns(l, &stream, b);
        if (st)
            return st;
        keep_losses(l, b, &t);
    }
    moments_of(l->scratch->primary, l->losers, &l->mean[0], &l->deviation[0]);
    moments_of(l->scratch->secondary, l->losers, &l->mean[1], &l->deviation[1]);
    l->stronger_part = t.sum > 0 ? t.by_stronger / t.sum : 0;
    if (!l->exact) {
        l->exact_mean =
            l->just_enough > 0 ? l->just_enough : 0; /* when the pilot saw no loss at all */
        l->s_tried = (double)t.tried / (double)n;
        l->s = l->s_tried + (l->just_enough >= 0 ? (1 - l->s_tried) * l->stronger : 0);
    }
    return RD_OK;
}
