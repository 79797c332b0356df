/*
 * level.c - one scenario at one draw of the parameters: campaigns, and the years they fall in.
 *
 * A campaign's random numbers stand at fixed places of its year's stream (struct luck), and only
 * those that are asked for are computed. So two configurations of controls stay paired to the last
 * campaign whatever comes of it; outcomes rise with their uniform, so pairing also means coupling.
 */
#include "risk/model.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum {
    ONE_BY_ONE = 64,     /* campaigns of a year that are simulated singly */
    PILOT = 256,         /* campaigns that S is estimated from */
    PILOT_BIG = 4096,    /* where years may hold more than ONE_BY_ONE */
    PILOT_BIG_RATE = 16, /* P(more than 64) is below 1e-18 at this rate */
    POISSON_TABLE = 48,  /* counts that are looked up, for rates below 8: P(more) is below 1e-20 */
    RUNS_KEPT = 16,
    GUIDE = 64,
    CHUNK = 64 /* years whose random numbers are computed side by side */
};

/* Philox blocks of a campaign in its year's stream, two numbers each; then those of the year. */
enum {
    BLOCK_OUTCOME,   /* of what was tried; of a stronger attack */
    BLOCK_MEANS,     /* budget, days */
    BLOCK_SECONDARY, /* does it follow; its size */
    BLOCK_LAYER,     /* is the control met; are the active ones */
    BLOCK_PER_LOSS,
    BLOCKS = 8
};
#define BLOCK_CROWD 0x40000000u /* on: sequential numbers of a crowded year */
#define BLOCK_COUNT 0x7fffffffu /* campaigns of this year and the next */
static const double ENOUGH =
    1e290; /* losses are cut here, so that sums and squares of rates stay finite */

struct level {
    const struct rd_risk_model *m;
    const struct rd_risk_plan *p;
    const struct rd_risk_view *v;
    struct rd_risk_scratch *scratch;
    struct rd_error *err;
    size_t o;    /* draw: names the streams of years */
    size_t draw; /* whose parameters hold: o, unless losses were observed */
    size_t seen; /* whose evidence holds: draw, unless it is pinned */
    double rate, action;
    double stronger, secondary_probability;
    bool varies;                        /* rows differ between campaigns */
    double chance[LAYERS];              /* evade: success share at the plan's own limit */
    double total[LAYERS];               /* evade: sum of all weights, the two prior ones included */
    double prior_success;               /* weight of the object that always falls */
    double factor[LAYERS][RD_MEASURES]; /* extract */
    double cap;             /* value of the assets that magnitude names; infinity: none */
    bool capped;            /* it mattered */
    double just_enough;     /* loss of a campaign by a stronger attack that barely meets loss_when;
                               negative: none */
    bool exact;             /* s and s_tried are sums, not samples */
    double s_tried, s;      /* of a campaign, when known */
    double exact_mean;      /* of a loss, exact */
    double fixed_magnitude; /* where it reads no measure; negative: not computed yet */
    /* extract, where one threshold decides: places in the budget's and the days' distributions that
     * pay for rows enough for a loss. */
    double u_budget[LAYERS][RUNS_KEPT], u_days[LAYERS][RUNS_KEPT];
    bool simple;                  /* so it is */
    size_t guide[LAYERS][GUIDE];  /* evade, exact: into the distribution of successes */
    size_t losers;                /* pilot losses at hand */
    double mean[2], deviation[2]; /* of their primary and secondary parts */
    double stronger_part;         /* of their sum */
};

/* --- random numbers by place --- */

struct luck {
    uint32_t key[2], counter[4];
    const uint64_t *outcome, *means; /* of campaign 0, where they were computed before; or NULL */
};

static struct luck luck_of(const struct rd_rng *stream)
{
    struct luck k = { .outcome = NULL };

    memcpy(k.key, stream->key, sizeof k.key);
    memcpy(k.counter, stream->counter, sizeof k.counter);
    return k;
}

static void move_to(struct luck *k, uint64_t index)
{
    k->counter[2] = (uint32_t)index;
    k->counter[3] = (uint32_t)(index >> 32);
}

/* The two 64-bit numbers of a block, as rd_rng_u64 would hand them out. */
static void block_at(const struct luck *k, uint32_t block, uint64_t out[2])
{
    const uint32_t counter[4] = { block, k->counter[1], k->counter[2], k->counter[3] };
    uint32_t word[4];

    rd_philox4x32(counter, k->key, word);
    out[0] = word[0] | (uint64_t)word[1] << 32;
    out[1] = word[2] | (uint64_t)word[3] << 32;
}

static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

static double open_unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

/* --- expressions --- */

struct words {
    const struct rd_risk_plan *p;
    const struct rd_risk_input *input;
    size_t o;
    const double *measure;
    bool median; /* assets at their median, not at draw o */
};

static struct rd_value word_value(void *user, size_t slot)
{
    const struct words *w = user;
    const struct rd_scenario_word word = rd_scenario_word_at(w->p->names, slot);
    struct rd_value v = { .type = RD_EXPR_NUMBER };
    const struct rd_risk_input *input;

    if (word.kind == RD_WORD_PROPERTY)
        return word.value;
    if (word.kind == RD_WORD_MEASURE) {
        v.number = w->measure[word.measure];
        return v;
    }
    if (w->p->asset_input[word.asset] == NO_INPUT) { /* nobody said what it is worth: unpriced */
        v.number = 1;
        return v;
    }
    input = &w->input[w->p->asset_input[word.asset]];
    v.number = w->median ? rd_range_quantile(&input->dist, 0.5) : input->x[w->o];
    return v;
}

/* Primary loss of this outcome into *loss_out, negative when there is none; the ceiling is the
 * year's business. */
static rd_status loss_of(struct level *l, const double measure[RD_MEASURES], double *loss_out)
{
    const struct rd_risk_plan *p = l->p;
    struct words w = { p, l->m->inputs.item, l->draw, measure, false };
    const struct rd_expr_input in = { .name = word_value, .user = &w };
    struct rd_value v;
    rd_status st = RD_OK;

    *loss_out = -1;
    if (p->loss_when) {
        st = rd_expr_eval(p->loss_when, &in, &v, l->err);
        if (st)
            return RD_WRAP(l->err, st, "loss_when of scenario '%s'", p->scenario->id);
        if (v.truth != RD_YES)
            return RD_OK;
    }
    if (!p->magnitude) { /* unpriced: losses are counted */
        *loss_out = p->has_per_loss ? 0 : 1;
        return RD_OK;
    }
    if (!p->magnitude_varies && l->fixed_magnitude >= 0) {
        *loss_out = l->fixed_magnitude;
        return RD_OK;
    }
    st = rd_expr_eval(p->magnitude, &in, &v, l->err);
    if (st)
        return RD_WRAP(l->err, st, "magnitude of scenario '%s'", p->scenario->id);
    if (v.unknown || !(v.number >= 0) || !isfinite(v.number))
        return RD_FAIL(l->err, RD_E_INPUT,
            "scenario '%s': magnitude comes to %g, expected a loss of at least 0", p->scenario->id,
            v.number);
    *loss_out = v.number < ENOUGH ? v.number : ENOUGH;
    l->fixed_magnitude = *loss_out;
    return RD_OK;
}

rd_status rd_risk_loss_at(const struct rd_risk_plan *p, const struct rd_risk_model *m,
    const double measure[RD_MEASURES], bool *loss_out, struct rd_error *err)
{
    struct words w = { p, m->inputs.item, 0, measure, true };
    const struct rd_expr_input in = { .name = word_value, .user = &w };
    struct rd_value v = { .truth = RD_YES };
    const rd_status st = p->loss_when ? rd_expr_eval(p->loss_when, &in, &v, err) : RD_OK;

    if (st)
        return RD_WRAP(err, st, "loss_when of scenario '%s'", p->scenario->id);
    *loss_out = v.truth == RD_YES;
    return RD_OK;
}

/* --- what is fixed for all campaigns of this draw --- */

static double at(const struct level *l, int input)
{
    return l->m->inputs.item[input].x[l->draw];
}

static double evade_queries(const struct level *l, const struct rd_risk_evidence *e, double limit)
{
    return l->p->objects * (limit < e->longest ? limit : e->longest);
}

/*
 * Posterior of the success share at every limit at once: one exponential weight a trial (the
 * Bayesian bootstrap, Rubin 1981) and two objects of weight gamma(1/2), one that always falls and
 * one that never does. At any one limit with k of n successes this is Jeffreys' Beta(k + 1/2, n - k
 * + 1/2).
 */
static void draw_weights(struct level *l)
{
    struct rd_rng rng = rd_rng_stream(l->m->run->seed, l->p->weight_stream, l->seen);
    const double a = rd_normal_draw(&rng), b = rd_normal_draw(&rng);
    double *weight = l->scratch->weight;
    size_t n = 0;

    for (int k = 0; k < LAYERS; k++)
        if (l->v->layer[k] && l->v->layer[k]->n)
            n = l->v->layer[k]->unit[l->v->layer[k]->n - 1] + 1 > n
                    ? l->v->layer[k]->unit[l->v->layer[k]->n - 1] + 1
                    : n;
    for (size_t i = 0; i < n; i++)
        weight[i] = rd_exponential_draw(&rng);
    l->prior_success = a * a / 2;
    for (int k = 0; k < LAYERS; k++) {
        const struct rd_risk_evidence *e = l->v->layer[k];
        double hit = l->prior_success, sum = 0;
        double *running = l->scratch->sum[k];

        if (!e)
            continue;
        for (size_t i = 0; i < e->n; i++)
            sum += weight[e->unit[i]];
        l->total[k] = sum + a * a / 2 + b * b / 2;
        for (size_t i = 0; i < e->n; i++) { /* by rising need */
            const size_t t = e->order[i];

            running[i] = hit;
            if (isfinite(e->need[t]) && e->need[t] <= l->p->per_object)
                hit += weight[e->unit[t]];
        }
        running[e->n] = hit;
        l->chance[k] = hit / l->total[k];
    }
}

/* Share of objects that fall within q queries each. */
static double chance_within(const struct level *l, int layer, double q)
{
    const struct rd_risk_evidence *e = l->v->layer[layer];
    size_t low = 0, high = e->n; /* first trial, by rising need, that needs more than q */

    if (!(q >= 1))
        return 0; /* not even one question for each object */
    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (e->need[e->order[mid]] <= q)
            low = mid + 1;
        else
            high = mid;
    }
    return l->scratch->sum[layer][low] / l->total[layer];
}

/* How far off the mean of so few runs may be: Student's t times the standard error, the same t in
 * all layers. */
static void draw_factors(struct level *l)
{
    struct rd_rng rng = rd_rng_stream(l->m->run->seed, l->p->weight_stream, l->seen);
    const double u = rd_draw_open(&rng);

    for (int k = 0; k < LAYERS; k++) {
        const struct rd_risk_evidence *e = l->v->layer[k];

        if (!e)
            continue;
        for (int m = 0; m < RD_MEASURES; m++) {
            double f = 1;

            if (e->spread[m] > 0)
                f = 1 + rd_t_quantile(u, (double)(e->runs - 1)) * e->spread[m];
            l->factor[k][m] = f > 0 ? f : 0;
        }
    }
}

static rd_status fill_table(struct level *l)
{
    double measure[RD_MEASURES] = { 0 };
    const size_t objects = (size_t)l->p->objects;

    measure[RD_MEASURE_OBJECTS] = l->p->objects;
    measure[RD_MEASURE_QUERIES] = evade_queries(l, l->v->layer[LAYER_BASE], l->p->per_object);
    for (size_t j = 0; j <= objects; j++) {
        rd_status st;

        measure[RD_MEASURE_SUCCESSES] = (double)j;
        st = loss_of(l, measure, &l->scratch->table[j]);
        if (st)
            return st;
    }
    return RD_OK;
}

/* Poison: samples that survive screening, days, decisions. Infer: what tpr and fpr come to among
 * the candidates (CONTRACTS: bridges). */
static void around(const struct level *l, int layer, double measure[RD_MEASURES])
{
    const struct rd_risk_plan *p = l->p;

    if (p->kind == RD_POISON) {
        if (p->samples != NO_INPUT)
            measure[RD_MEASURE_SAMPLES] =
                at(l, p->samples) * (1 - (l->v->layer[layer] ? l->v->layer[layer]->recall : 0));
        measure[RD_MEASURE_DAYS] = p->days_in_use == NO_INPUT ? 0 : at(l, p->days_in_use);
        measure[RD_MEASURE_DECISIONS] =
            p->decisions == NO_INPUT ? 0 : at(l, p->decisions) * measure[RD_MEASURE_DAYS];
    } else {
        const double prior = at(l, p->prior), hits = prior * measure[RD_MEASURE_TPR];
        const double named = hits + (1 - prior) * measure[RD_MEASURE_FPR];

        measure[RD_MEASURE_CANDIDATES] = p->candidates == NO_INPUT ? 0 : at(l, p->candidates);
        measure[RD_MEASURE_PPV] = named > 0 ? hits / named : 0;
        measure[RD_MEASURE_DISCLOSED] = measure[RD_MEASURE_CANDIDATES] * hits;
    }
}

/* A stronger attack than any tried: its outcome is taken to be the least that loss_when calls a
 * loss. */
static rd_status find_just_enough(struct level *l)
{
    double measure[RD_MEASURES] = { 0 };
    rd_status st = RD_OK;

    l->just_enough = -1;
    if (l->p->stronger == NO_INPUT)
        return RD_OK;
    if (l->p->table) {
        for (size_t j = 0; j <= (size_t)l->p->objects && l->just_enough < 0; j++)
            l->just_enough = l->scratch->table[j];
        return RD_OK;
    }
    measure[RD_MEASURE_OBJECTS] = l->p->objects;
    for (int i = 0; i <= 1000 && l->just_enough < 0 && !st; i++) {
        measure[RD_MEASURE_SUCCESSES] = ceil(l->p->objects * i / 1000);
        for (int k = RD_MEASURE_UTILITY; k <= RD_MEASURE_AUC; k++)
            if (k != RD_MEASURE_FPR)
                measure[k] = i / 1000.0;
        if (l->p->kind == RD_POISON || l->p->kind == RD_INFER)
            around(l, LAYER_BASE, measure);
        st = loss_of(l, measure, &l->just_enough);
    }
    return st;
}

static double layer_share(const struct rd_risk_view *v, int layer)
{
    const double on = v->layer[LAYER_ON] ? v->p_on : 0;

    return layer == LAYER_ON         ? on
           : layer == LAYER_BASE     ? (1 - on) * (v->layer[LAYER_WITHOUT] ? v->p_base : 1)
           : v->layer[LAYER_WITHOUT] ? (1 - on) * (1 - v->p_base)
                                     : 0;
}

/* What comes on top of a primary loss, on average. */
static double mean_on_top(const struct level *l)
{
    double mean = 0;

    if (l->p->has_per_loss)
        mean += rd_range_mean(&l->p->per_loss);
    if (l->p->has_secondary)
        mean += l->secondary_probability * rd_range_mean(&l->p->secondary);
    return mean;
}

/* For each 1/GUIDE of the way, where the search in the distribution may begin. */
static void fill_guide(const double *cdf, size_t objects, size_t guide[GUIDE])
{
    size_t j = 0;

    for (size_t i = 0; i < GUIDE; i++) {
        while (j < objects && cdf[j] <= (double)i / GUIDE)
            j++;
        guide[i] = j;
    }
}

/* S as a sum over the outcomes, where they depend on successes alone; and the distribution to draw
 * them from. */
static void sum_exactly(struct level *l)
{
    const double n = l->p->objects;
    double mean = 0, cdf;

    l->exact = true;
    l->s_tried = 0;
    for (int k = 0; k < LAYERS; k++) {
        const double share = layer_share(l->v, k);

        if (share <= 0)
            continue;
        cdf = 0;
        for (size_t j = 0; j <= (size_t)n; j++) {
            const double p = rd_binomial_pmf((double)j, n, l->chance[k]);

            cdf += p;
            l->scratch->cdf[k][j] = cdf;
            if (l->scratch->table[j] >= 0) {
                l->s_tried += share * p;
                mean += share * p * l->scratch->table[j];
            }
        }
    }
    for (int k = 0; k < LAYERS; k++)
        if (layer_share(l->v, k) > 0)
            fill_guide(l->scratch->cdf[k], (size_t)n, l->guide[k]);
    l->s_tried = l->s_tried < 1 ? l->s_tried : 1;
    l->s = l->s_tried;
    if (l->just_enough >= 0) {
        mean += (1 - l->s_tried) * l->stronger * l->just_enough;
        l->s += (1 - l->s_tried) * l->stronger;
    }
    l->exact_mean = (l->s > 0 ? mean / l->s : 0) + mean_on_top(l);
}

/* Nothing was tried: S is what an expert says, of the least that loss_when calls a loss. */
static void take_word(struct level *l)
{
    l->exact = true;
    l->s_tried = 0;
    l->s = l->just_enough >= 0 ? l->stronger : 0;
    l->exact_mean = (l->just_enough > 0 ? l->just_enough : 0) + mean_on_top(l);
}

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
        u, p->objects, l->varies ? chance_within(l, layer, limit) : l->chance[layer]);
    if (p->table) {
        *loss_out = l->scratch->table[(size_t)successes];
        return RD_OK;
    }
    measure[RD_MEASURE_SUCCESSES] = successes;
    measure[RD_MEASURE_OBJECTS] = p->objects;
    measure[RD_MEASURE_QUERIES] = evade_queries(l, l->v->layer[layer], limit);
    return loss_of(l, measure, loss_out);
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
    return loss_of(l, measure, loss_out);
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
    return loss_of(l, measure, loss_out);
}

/* Poison and inference: one of the runs, each as likely; what is uncertain about their mean is in
 * the factors. */
static rd_status run_outcome(struct level *l, int layer, double u, double *loss_out)
{
    const struct rd_risk_evidence *e = l->v->layer[layer];
    const size_t run = (size_t)(u * (double)e->runs);
    const double x = l->p->kind == RD_POISON ? at(l, l->p->samples) : 0;
    double measure[RD_MEASURES] = { 0 };

    for (int m = RD_MEASURE_ASR; m <= RD_MEASURE_AUC; m++)
        if (e->trace[m]) {
            const double y = rd_risk_trace_at(&e->trace[m][run], x) * l->factor[layer][m];

            measure[m] = y < 1 ? (y > -1 ? y : -1) : 1;
        }
    around(l, layer, measure);
    return loss_of(l, measure, loss_out);
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
        const double gain = at(l, p->gain);

        l->action = gain > 0 ? rd_logistic(at(l, p->slope) * (rd_log(gain) - rd_log(p->cost))) : 0;
    }
    l->rate = at(l, p->attempts) * l->action;
    l->cap = p->n_assets && !p->per_unit ? 0 : (double)INFINITY;
    for (size_t i = 0; i < p->n_assets && !p->per_unit; i++)
        l->cap += p->asset_input[p->asset[i]] == NO_INPUT ? (double)INFINITY
                                                          : at(l, p->asset_input[p->asset[i]]);
    l->stronger = p->stronger == NO_INPUT ? 0 : at(l, p->stronger);
    l->secondary_probability = p->has_secondary ? at(l, p->secondary_probability) : 0;
    for (int k = 0; k < LAYERS; k++)
        quota = quota || (l->v->layer[k] && l->v->quota[k] < (double)INFINITY);
    l->varies = p->charged && ((p->price > 0 && p->has_budget) || quota);
    l->fixed_magnitude = -1;
    if (p->kind == RD_EVADE && !p->expert)
        draw_weights(l);
    else
        draw_factors(l);
    find_thresholds(l);
    if (p->table)
        st = fill_table(l);
    if (!st)
        st = find_just_enough(l);
    if (!st && p->expert)
        take_word(l);
    else if (!st && p->table && !l->varies)
        sum_exactly(l);
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
