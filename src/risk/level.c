/*
 * level.c - one scenario at one draw of the parameters: campaigns, and the years they fall in.
 *
 * Every campaign takes the same number of unit draws whatever comes of it, so two configurations of
 * controls on the same stream stay paired to the last campaign; outcomes rise with their uniform,
 * so pairing also means coupling.
 */
#include "risk/model.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>

enum {
    ONE_BY_ONE = 64,    /* campaigns of a year that are simulated singly */
    PILOT = 256,        /* campaigns that S is estimated from */
    PILOT_BIG = 4096,   /* where years may hold more than ONE_BY_ONE */
    PILOT_BIG_RATE = 16 /* P(more than 64) is below 1e-18 at this rate */
};
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
    double cap;         /* value of the assets that magnitude names; infinity: none */
    bool capped;        /* it mattered */
    double just_enough; /* loss of a campaign by a stronger attack that barely meets loss_when;
                           negative: none */
    bool exact;         /* s and s_tried are sums, not samples */
    double s_tried, s;  /* of a campaign, when known */
    double exact_mean;  /* of a loss, exact */
    size_t losers;      /* pilot losses at hand */
    double mean[2], deviation[2]; /* of their primary and secondary parts */
    double stronger_part;         /* of their sum */
};

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
    st = rd_expr_eval(p->magnitude, &in, &v, l->err);
    if (st)
        return RD_WRAP(l->err, st, "magnitude of scenario '%s'", p->scenario->id);
    if (v.unknown || !(v.number >= 0) || !isfinite(v.number))
        return RD_FAIL(l->err, RD_E_INPUT,
            "scenario '%s': magnitude comes to %g, expected a loss of at least 0", p->scenario->id,
            v.number);
    *loss_out = v.number < ENOUGH ? v.number : ENOUGH;
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

static double rows_allowed(const struct level *l, int layer, double u_budget, double u_days)
{
    const struct rd_risk_plan *p = l->p;
    double rows = (double)INFINITY;

    if (p->charged && p->price > 0 && p->has_budget)
        rows = rd_range_quantile(&p->budget, u_budget) / p->price;
    if (p->charged && l->v->quota[layer] < (double)INFINITY) {
        const double keys = p->actor->keys > 0 ? (double)p->actor->keys : 1;
        const double days = p->has_days ? rd_range_quantile(&p->days, u_days) : 365;
        const double quota = l->v->quota[layer] * keys * days;

        rows = quota < rows ? quota : rows;
    }
    return rows;
}

/* Smallest number of successes whose cumulative probability is above u. */
static size_t successes_of(const double *cdf, size_t objects, double u)
{
    size_t low = 0, high = objects;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (cdf[mid] > u)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static rd_status evade_outcome(struct level *l, int layer, double rows, double u, double *loss_out)
{
    const struct rd_risk_plan *p = l->p;
    double measure[RD_MEASURES] = { 0 }, limit = p->per_object, successes;

    if (l->exact) {
        *loss_out = l->scratch->table[successes_of(l->scratch->cdf[layer], (size_t)p->objects, u)];
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

static rd_status extract_outcome(
    struct level *l, int layer, double rows, double u, double *loss_out)
{
    const struct rd_risk_evidence *e = l->v->layer[layer];
    const size_t run = (size_t)(u * (double)e->runs);
    double measure[RD_MEASURES] = { 0 };

    measure[RD_MEASURE_QUERIES] = rows < e->reach ? floor(rows) : e->reach;
    for (int m = RD_MEASURE_UTILITY; m <= RD_MEASURE_ACCURACY; m++)
        if (e->trace[m] && l->p->reads[m]) {
            const double y = rd_risk_trace_at(&e->trace[m][run], floor(rows)) * l->factor[layer][m];

            measure[m] = y < 1 ? (y > -1 ? y : -1) : 1;
        }
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

static rd_status campaign(struct level *l, struct rd_rng *rng, struct outcome *out)
{
    const struct rd_risk_plan *p = l->p;
    const struct rd_risk_view *v = l->v;
    const double u_on = rd_rng_unit(rng), u_base = rd_rng_unit(rng);
    const double u = rd_rng_unit(rng);
    double u_budget = 0.5, u_days = 0.5, rows = (double)INFINITY;
    int layer = LAYER_BASE;
    rd_status st;

    if (v->layer[LAYER_ON] && u_on < v->p_on)
        layer = LAYER_ON;
    else if (v->layer[LAYER_WITHOUT] && u_base >= v->p_base)
        layer = LAYER_WITHOUT;
    if (p->charged) {
        if (p->has_budget)
            u_budget = rd_draw_open(rng);
        if (p->has_days)
            u_days = rd_draw_open(rng);
        rows = rows_allowed(l, layer, u_budget, u_days);
    }
    *out = (struct outcome){ .primary = -1 };
    st = p->expert               ? RD_OK
         : p->kind == RD_EVADE   ? evade_outcome(l, layer, rows, u, &out->primary)
         : p->kind == RD_EXTRACT ? extract_outcome(l, layer, rows, u, &out->primary)
                                 : run_outcome(l, layer, u, &out->primary);
    if (st)
        return st;
    if (p->stronger != NO_INPUT) {
        const double u_stronger = rd_rng_unit(rng);

        if (out->primary < 0 && l->just_enough >= 0 && u_stronger < l->stronger) {
            out->primary = l->just_enough;
            out->stronger = true;
        }
    }
    if (p->has_per_loss) {
        const double size = rd_draw_open(rng);

        if (out->primary >= 0)
            out->secondary = rd_range_quantile(&p->per_loss, size);
    }
    if (p->has_secondary) {
        const double u_secondary = rd_rng_unit(rng), size = rd_draw_open(rng);

        if (out->primary >= 0 && u_secondary < l->secondary_probability)
            out->secondary += rd_range_quantile(&p->secondary, size);
    }
    return RD_OK;
}

static void moments_of(const double *x, size_t n, double *mean, double *deviation)
{
    *mean = n ? rd_mean(x, n) : 0;
    *deviation = n > 1 ? sqrt(rd_variance(x, n)) : 0;
}

static rd_status fly_pilot(struct level *l, size_t n)
{
    struct rd_rng rng = rd_rng_stream(l->m->run->seed, l->p->pilot_stream, l->o);
    double sum = 0, by_stronger = 0;
    size_t tried = 0;

    l->losers = 0;
    for (size_t i = 0; i < n; i++) {
        struct outcome c;
        const rd_status st = campaign(l, &rng, &c);

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
    struct level *l, struct rd_rng *rng, double zero, double *loss_out, double *stronger)
{
    const double campaigns = rd_poisson_draw_prepared(rng, l->rate, zero);
    double primary = 0, secondary = 0;

    *loss_out = 0;
    if (campaigns > ONE_BY_ONE) {
        *loss_out = crowded_year(l, rng, campaigns);
        *stronger += *loss_out * l->stronger_part;
        return RD_OK;
    }
    for (double i = 0; i < campaigns; i += 1) {
        struct outcome c;
        const rd_status st = campaign(l, rng, &c);

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
    if (p->kind == RD_EVADE && !p->expert)
        draw_weights(l);
    else
        draw_factors(l);
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
    double zero, stronger = 0;
    size_t lossy = 0;
    rd_status st = prepare(&l);

    if (!st && l.rate > PILOT_BIG_RATE)
        st = fly_pilot(&l, PILOT_BIG);
    else if (!st && pilot && !l.exact)
        st = fly_pilot(&l, PILOT);
    if (st)
        return st;
    zero = rd_exp(-l.rate);
    for (size_t y = 0; y < m->years; y++) {
        struct rd_rng rng = rd_rng_stream(m->run->seed, p->year_stream, (uint64_t)o * m->years + y);

        st = one_year(&l, &rng, zero, &loss[y], &stronger);
        if (st)
            return st;
        lossy += loss[y] > 0;
    }
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
