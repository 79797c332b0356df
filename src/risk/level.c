/*
 * level.c - one scenario at one draw of the parameters: campaigns, and the years they fall in.
 *
 * A campaign's random numbers stand at fixed places of its year's stream (struct luck), and only
 * those that are asked for are computed. So two configurations of controls stay paired to the last
 * campaign whatever comes of it; outcomes rise with their uniform, so pairing also means coupling.
 */
#include "risk/level_parts.h"

/* --- one campaign --- */

static double rows_allowed(
    const struct level *l, int layer, const struct luck *luck, uint32_t first)
{
    const struct rd_risk_plan *p = l->p;
    const bool quota = l->v->quota[layer] < (double)INFINITY;
    double rows = (double)INFINITY;
    uint64_t bits[2];

    if (!(p->price > 0 && p->has_budget) && !(quota && p->has_days))
        bits[0] = bits[1] = 0;
    else
        block_at(luck, first + BLOCK_MEANS, bits);
    if (p->price > 0 && p->has_budget)
        rows = rd_range_quantile(&p->budget, open_unit(bits[0])) / p->price;
    if (quota) {
        const double keys = p->actor->keys > 0 ? (double)p->actor->keys : 1;
        const double days = p->has_days ? rd_range_quantile(&p->days, open_unit(bits[1])) : 365;
        const double most = l->v->quota[layer] * keys * days;

        rows = most < rows ? most : rows;
    }
    return rows;
}

/* Smallest number of successes whose cumulative probability is above u. */
static size_t successes_of(const double *cdf, const size_t guide[GUIDE], size_t objects, double u)
{
    size_t j = guide[(size_t)(u * GUIDE)];

    while (j < objects && cdf[j] <= u)
        j++;
    return j;
}

static rd_status evade_outcome(struct level *l, int layer, double rows, double u, double *loss_out)
{
    const struct rd_risk_plan *p = l->p;
    double measure[RD_MEASURES] = { 0 }, limit = p->per_object, successes;

    if (l->exact) {
        *loss_out = l->scratch->table[successes_of(
            l->scratch->cdf[layer], l->guide[layer], (size_t)p->objects, u)];
        return RD_OK;
    }
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

static double measure_at(const struct level *l, const struct rd_risk_evidence *e, int layer, int m,
    size_t run, double rows)
{
    const double y = rd_risk_trace_at(&e->trace[m][run], rows) * l->factor[layer][m];

    return y < 1 ? (y > -1 ? y : -1) : 1;
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
            measure[m] = measure_at(l, e, layer, m, run, floor(rows));
    return rd_level_loss_of(l, measure, loss_out);
}

/* The same where one threshold decides: is what the campaign has enough? */
static rd_status threshold_outcome(
    struct level *l, int layer, const struct luck *luck, uint32_t first, double u, double *loss_out)
{
    const size_t run = (size_t)(u * (double)l->v->layer[layer]->runs);
    const double budget = l->u_budget[layer][run], days = l->u_days[layer][run];
    double measure[RD_MEASURES] = { 0 };
    uint64_t bits[2];

    *loss_out = -1;
    if (budget > 1 || days > 1)
        return RD_OK;
    if (budget > 0 || days > 0) {
        if (first == 0 && luck->means)
            memcpy(bits, luck->means, sizeof bits);
        else
            block_at(luck, first + BLOCK_MEANS, bits);
        if (open_unit(bits[0]) < budget || open_unit(bits[1]) < days)
            return RD_OK;
    }
    if (l->fixed_magnitude >= 0) {
        *loss_out = l->fixed_magnitude;
        return RD_OK;
    }
    measure[l->p->threshold_on] = l->p->threshold + 1; /* any loss tells the magnitude */
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
        if (e->trace[m]) {
            const double y = rd_risk_trace_at(&e->trace[m][run], x) * l->factor[layer][m];

            measure[m] = y < 1 ? (y > -1 ? y : -1) : 1;
        }
    rd_level_around(l, layer, measure);
    return rd_level_loss_of(l, measure, loss_out);
}

struct outcome {
    double primary;   /* negative: no loss */
    double secondary; /* what comes on top, per_loss included; 0 when there is none */
    bool stronger;    /* it took an attack stronger than those tried */
};

/* Which layer of controls a campaign meets. */
static int layer_met(const struct level *l, const struct luck *luck, uint32_t first)
{
    const struct rd_risk_view *v = l->v;
    uint64_t bits[2];

    if (!v->layer[LAYER_ON] && !v->layer[LAYER_WITHOUT])
        return LAYER_BASE;
    block_at(luck, first + BLOCK_LAYER, bits);
    if (v->layer[LAYER_ON] && unit(bits[0]) < v->p_on)
        return LAYER_ON;
    return v->layer[LAYER_WITHOUT] && unit(bits[1]) >= v->p_base ? LAYER_WITHOUT : LAYER_BASE;
}

/* What comes on top of a loss. */
static double on_top(const struct level *l, const struct luck *luck, uint32_t first)
{
    const struct rd_risk_plan *p = l->p;
    double sum = 0;
    uint64_t bits[2];

    if (p->has_per_loss) {
        block_at(luck, first + BLOCK_PER_LOSS, bits);
        sum = rd_range_quantile(&p->per_loss, open_unit(bits[0]));
    }
    if (p->has_secondary) {
        block_at(luck, first + BLOCK_SECONDARY, bits);
        if (unit(bits[0]) < l->secondary_probability)
            sum += rd_range_quantile(&p->secondary, open_unit(bits[1]));
    }
    return sum;
}

/* Campaign i of this stream. */
static rd_status campaign(struct level *l, const struct luck *luck, uint32_t i, struct outcome *out)
{
    const struct rd_risk_plan *p = l->p;
    const uint32_t first = i * BLOCKS;
    const int layer = layer_met(l, luck, first);
    double u, rows = (double)INFINITY;
    uint64_t bits[2];
    rd_status st = RD_OK;

    if (i == 0 && luck->outcome)
        memcpy(bits, luck->outcome, sizeof bits);
    else
        block_at(luck, first + BLOCK_OUTCOME, bits);
    u = unit(bits[0]);
    if (p->charged && !l->simple)
        rows = rows_allowed(l, layer, luck, first);
    *out = (struct outcome){ .primary = -1 };
    if (!p->expert)
        st = p->kind == RD_EVADE     ? evade_outcome(l, layer, rows, u, &out->primary)
             : l->simple             ? threshold_outcome(l, layer, luck, first, u, &out->primary)
             : p->kind == RD_EXTRACT ? extract_outcome(l, layer, rows, u, &out->primary)
                                     : run_outcome(l, layer, u, &out->primary);
    if (st)
        return st;
    if (out->primary < 0 && p->stronger != NO_INPUT && l->just_enough >= 0 &&
        unit(bits[1]) < l->stronger) {
        out->primary = l->just_enough;
        out->stronger = true;
    }
    if (out->primary >= 0)
        out->secondary = on_top(l, luck, first);
    return RD_OK;
}

static void moments_of(const double *x, size_t n, double *mean, double *deviation)
{
    *mean = n ? rd_mean(x, n) : 0;
    *deviation = n > 1 ? sqrt(rd_variance(x, n)) : 0;
}

static rd_status fly_pilot(struct level *l, size_t n)
{
    const struct rd_rng rng = rd_rng_stream(l->m->run->seed, l->p->pilot_stream, l->o);
    const struct luck luck = luck_of(&rng);
    double sum = 0, by_stronger = 0;
    size_t tried = 0;

    l->losers = 0;
    for (size_t i = 0; i < n; i++) {
        struct outcome c;
        const rd_status st = campaign(l, &luck, (uint32_t)i, &c);

        if (st)
            return st;
        if (c.primary < 0)
            continue;
        l->scratch->primary[l->losers] = c.primary;
        l->scratch->secondary[l->losers++] = c.secondary;
        sum += c.primary + c.secondary;
        tried += !c.stronger;
        by_stronger += c.stronger ? c.primary + c.secondary : 0;
    }
    moments_of(l->scratch->primary, l->losers, &l->mean[0], &l->deviation[0]);
    moments_of(l->scratch->secondary, l->losers, &l->mean[1], &l->deviation[1]);
    l->stronger_part = sum > 0 ? by_stronger / sum : 0;
    if (!l->exact) {
        l->exact_mean =
            l->just_enough > 0 ? l->just_enough : 0; /* when the pilot saw no loss at all */
        l->s_tried = (double)tried / (double)n;
        l->s = l->s_tried + (l->just_enough >= 0 ? (1 - l->s_tried) * l->stronger : 0);
    }
    return RD_OK;
}

/* --- years --- */

/* What is lost in a year: an asset is lost once, what follows from it each time. */
static double year_loss(struct level *l, double primary, double secondary)
{
    double sum;

    l->capped = l->capped || primary > l->cap;
    sum = (primary < l->cap ? primary : l->cap) + secondary;
    return sum > 0 ? (sum < ENOUGH ? sum : ENOUGH) : 0;
}

/* More campaigns than are worth simulating singly: count the losses, then their sum. */
static double crowded_year(struct level *l, struct rd_rng *rng, double campaigns)
{
    const double losses = rd_binomial_quantile(rd_rng_unit(rng), campaigns, l->s);
    const double counted = l->p->one_shot && losses > 1 ? 1 : losses;
    double primary = 0, secondary = 0;

    if (counted < 1)
        return 0;
    if (l->losers == 0) /* rarer than the pilot could see */
        return year_loss(l, counted * l->exact_mean, 0);
    if (counted <= ONE_BY_ONE) {
        for (double i = 0; i < counted; i += 1) {
            const size_t k = (size_t)rd_rng_below(rng, l->losers);

            primary += l->scratch->primary[k];
            secondary += l->scratch->secondary[k];
        }
    } else {
        const double z = rd_normal_draw(rng), root = sqrt(counted);

        primary = counted * l->mean[0] + root * l->deviation[0] * z;
        secondary = counted * l->mean[1] + root * l->deviation[1] * rd_normal_draw(rng);
    }
    return year_loss(l, primary > 0 ? primary : 0, secondary > 0 ? secondary : 0);
}

static rd_status one_year(
    struct level *l, const struct luck *luck, double campaigns, double *loss_out, double *stronger)
{
    double primary = 0, secondary = 0;

    *loss_out = 0;
    if (campaigns > ONE_BY_ONE) {
        struct rd_rng rng = { .used = 4 };

        memcpy(rng.key, luck->key, sizeof rng.key);
        memcpy(rng.counter, luck->counter, sizeof rng.counter);
        rng.counter[0] = BLOCK_CROWD;
        *loss_out = crowded_year(l, &rng, campaigns);
        *stronger += *loss_out * l->stronger_part;
        return RD_OK;
    }
    for (uint32_t i = 0; (double)i < campaigns; i++) {
        struct outcome c;
        const rd_status st = campaign(l, luck, i, &c);

        if (st)
            return st;
        if (c.primary < 0)
            continue;
        primary += c.primary;
        secondary += c.secondary;
        *stronger += c.stronger ? c.primary + c.secondary : 0;
        if (l->p->one_shot)
            break;
    }
    *loss_out = year_loss(l, primary, secondary);
    return RD_OK;
}

/* Poisson counts of one rate: the distribution function, summed once. */
struct counts {
    double rate, below[POISSON_TABLE]; /* P(K <= k) */
    size_t n;                          /* 0: the rate is too large for a table */
};

static void counts_of(struct counts *c, double rate)
{
    double p = rd_exp(-rate), sum = 0;

    c->rate = rate;
    c->n = 0;
    for (size_t k = 0; k < POISSON_TABLE && rate < 8; k++) {
        sum += p;
        c->below[c->n++] = sum;
        p *= rate / (double)(k + 1);
    }
}

static double count_at(const struct counts *c, double u)
{
    size_t k = 0;

    if (!c->n)
        return rd_poisson_quantile(u, c->rate);
    while (k + 1 < c->n && c->below[k] <= u)
        k++;
    return (double)k;
}

static bool is_enough(const struct level *l, int layer, size_t run, double rows)
{
    const double y = measure_at(l, l->v->layer[layer], layer, l->p->threshold_on, run, rows);

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
    l->stronger = p->stronger == NO_INPUT ? 0 : rd_level_at(l, p->stronger);
    l->secondary_probability = p->has_secondary ? rd_level_at(l, p->secondary_probability) : 0;
    for (int k = 0; k < LAYERS; k++)
        quota = quota || (l->v->layer[k] && l->v->quota[k] < (double)INFINITY);
    l->varies = p->charged && ((p->price > 0 && p->has_budget) || quota);
    l->fixed_magnitude = -1;
    if (p->kind == RD_EVADE && !p->expert)
        rd_level_draw_weights(l);
    else
        rd_level_draw_factors(l);
    find_thresholds(l);
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

/* Does every campaign of this draw look at its budget or days? */
static bool asks_for_means(const struct level *l)
{
    for (int k = 0; k < LAYERS && l->simple; k++)
        for (size_t run = 0; l->v->layer[k] && run < l->v->layer[k]->runs; run++)
            if (l->u_budget[k][run] > 0 || l->u_days[k][run] > 0)
                return true;
    return false;
}

/* Years first .. first + n - 1 of this draw: how many campaigns, then each year's. */
static rd_status some_years(struct level *l, const struct rd_rng *stream,
    const struct counts *counts, size_t first, size_t n, double *loss, double *stronger,
    size_t *lossy)
{
    const uint64_t base = (uint64_t)l->o * l->m->years + first;
    const bool means = asks_for_means(l);
    uint64_t index[CHUNK], bits[CHUNK][2], budget[CHUNK][2];
    double campaigns[CHUNK];
    size_t year[CHUNK], busy = 0;
    struct luck luck = luck_of(stream);

    for (size_t i = 0; i < (n + 1) / 2; i++)
        index[i] = base + 2 * i;
    rd_rng_blocks(stream, BLOCK_COUNT, index, (n + 1) / 2, bits);
    for (size_t y = 0; y < n; y++) {
        campaigns[y] = count_at(counts, unit(bits[y / 2][y % 2]));
        loss[y] = 0;
        year[busy] = y;
        busy += campaigns[y] > 0;
    }
    for (size_t i = 0; i < busy; i++)
        index[i] = base + year[i];
    rd_rng_blocks(stream, BLOCK_OUTCOME, index, busy, bits);
    if (means)
        rd_rng_blocks(stream, BLOCK_MEANS, index, busy, budget);
    for (size_t i = 0; i < busy; i++) {
        const size_t y = year[i];
        rd_status st;

        move_to(&luck, index[i]);
        luck.outcome = bits[i];
        luck.means = means ? budget[i] : NULL;
        st = one_year(l, &luck, campaigns[y], &loss[y], stronger);
        if (st)
            return st;
        *lossy += loss[y] > 0;
    }
    return RD_OK;
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
        st = fly_pilot(&l, pilot < PILOT_BIG ? pilot : PILOT_BIG);
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
    struct rd_rng stream;
    struct counts counts;
    double stronger = 0;
    size_t lossy = 0;
    rd_status st = prepare(&l);

    if (!st && l.rate > PILOT_BIG_RATE)
        st = fly_pilot(&l, PILOT_BIG);
    else if (!st && pilot && !l.exact)
        st = fly_pilot(&l, PILOT);
    if (st)
        return st;
    counts_of(&counts, l.rate);
    stream = rd_rng_stream(m->run->seed, p->year_stream, 0);
    for (size_t first = 0; first < m->years && !st; first += CHUNK)
        st = some_years(&l, &stream, &counts, first,
            m->years - first < CHUNK ? m->years - first : CHUNK, loss + first, &stronger, &lossy);
    if (st)
        return st;
    *out = (struct rd_risk_level_out){ .s_tried = (double)NAN,
        .s = (double)NAN,
        .rate = l.rate,
        .action = l.action,
        .mean = rd_mean(loss, m->years),
        .variance = rd_variance(loss, m->years),
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
    out->primary = RD_NEW_ARRAY(arena, double, PILOT_BIG);
    out->secondary = RD_NEW_ARRAY(arena, double, PILOT_BIG);
    ok = out->weight && out->table && out->primary && out->secondary;
    for (int k = 0; k < LAYERS; k++) {
        out->sum[k] = RD_NEW_ARRAY(arena, double, m->weights + 1);
        out->cdf[k] = RD_NEW_ARRAY(arena, double, m->table + 1);
        ok = ok && out->sum[k] && out->cdf[k];
    }
    return ok ? RD_OK : RD_FAIL(m->run->err, RD_E_MEMORY, "out of memory for the simulation");
}
