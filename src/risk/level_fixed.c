/* level_fixed.c - what is the same for all campaigns of one draw: weights, tables, expressions. */
#include "risk/level_parts.h"

#include "stats/special.h"

#include <math.h>

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
rd_status rd_level_loss_of(struct level *l, const double measure[RD_MEASURES], double *loss_out)
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
            "%s:%d:%d: magnitude of scenario '%s' comes to %g in a draw, expected a loss of at "
            "least 0",
            l->m->system->path, p->scenario->magnitude_at.line, p->scenario->magnitude_at.column,
            p->scenario->id, v.number);
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

double rd_level_evade_queries(const struct level *l, const struct rd_risk_evidence *e, double limit)
{
    return l->p->objects * (limit < e->longest ? limit : e->longest);
}

static void draw_weights(const struct level *l, size_t n, double *prior, double *weight)
{
    struct rd_rng rng = rd_rng_stream(l->m->run->seed, l->p->weight_stream, l->seen);

    prior[0] = rd_normal_draw(&rng);
    prior[1] = rd_normal_draw(&rng);
    for (size_t i = 0; i < n; i++)
        weight[i] = rd_exponential_draw(&rng);
}

/* n weights of trials and the roots of the two prior ones. Draw o is one worker's at a time, so
 * what it keeps nobody else touches. */
static const double *weights_of(const struct level *l, size_t n, double *a, double *b)
{
    const struct rd_risk_model *m = l->m;
    double *kept = m->kept_weight ? m->kept_weight[l->p->index] : NULL;
    double prior[2];

    if (!kept || n > m->n_kept || l->p->pinned) { /* pinned: another draw's */
        draw_weights(l, n, prior, l->scratch->weight);
        *a = prior[0];
        *b = prior[1];
        return l->scratch->weight;
    }
    kept += l->o * (m->n_kept + 2);
    if (!m->is_kept[l->p->index][l->o])
        draw_weights(l, m->n_kept, kept, kept + 2);
    m->is_kept[l->p->index][l->o] = true;
    *a = kept[0];
    *b = kept[1];
    return kept + 2;
}

/*
 * Posterior of the success share at every limit at once: one exponential weight a trial (the
 * Bayesian bootstrap, Rubin 1981) and two objects of weight gamma(1/2), one that always falls and
 * one that never does. At any one limit with k of n successes this is Jeffreys' Beta(k + 1/2, n - k
 * + 1/2).
 */
void rd_level_draw_weights(struct level *l)
{
    const double *weight;
    double a, b;
    size_t n = 0;

    for (int k = 0; k < LAYERS; k++)
        if (l->v->layer[k] && l->v->layer[k]->n)
            n = l->v->layer[k]->unit[l->v->layer[k]->n - 1] + 1 > n
                    ? l->v->layer[k]->unit[l->v->layer[k]->n - 1] + 1
                    : n;
    weight = weights_of(l, n, &a, &b);
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
double rd_level_chance_within(const struct level *l, int layer, double q)
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
void rd_level_draw_factors(struct level *l)
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

rd_status rd_level_fill_table(struct level *l)
{
    double measure[RD_MEASURES] = { 0 };
    const size_t objects = (size_t)l->p->objects;

    measure[RD_MEASURE_OBJECTS] = l->p->objects;
    measure[RD_MEASURE_QUERIES] =
        rd_level_evade_queries(l, l->v->layer[LAYER_BASE], l->p->per_object);
    for (size_t j = 0; j <= objects; j++) {
        rd_status st;

        measure[RD_MEASURE_SUCCESSES] = (double)j;
        st = rd_level_loss_of(l, measure, &l->scratch->table[j]);
        if (st)
            return st;
    }
    return RD_OK;
}

double rd_level_measure_at(const struct level *l, int layer, int m, size_t run, double rows)
{
    const double y = rd_risk_trace_at(&l->v->layer[layer]->trace[m][run], rows);
    const double scaled = y * l->factor[layer][m];

    return scaled < 1 ? (scaled > -1 ? scaled : -1) : 1;
}

/* Poison: samples that survive screening, days, decisions. Infer: what tpr and fpr come to among
 * the candidates (CONTRACTS: bridges). */
void rd_level_around(const struct level *l, int layer, double measure[RD_MEASURES])
{
    const struct rd_risk_plan *p = l->p;

    if (p->kind == RD_POISON) {
        if (p->samples != NO_INPUT)
            measure[RD_MEASURE_SAMPLES] =
                rd_level_at(l, p->samples) *
                (1 - (l->v->layer[layer] ? l->v->layer[layer]->recall : 0));
        measure[RD_MEASURE_DAYS] = p->days_in_use == NO_INPUT ? 0 : rd_level_at(l, p->days_in_use);
        measure[RD_MEASURE_DECISIONS] =
            p->decisions == NO_INPUT ? 0 : rd_level_at(l, p->decisions) * measure[RD_MEASURE_DAYS];
    } else {
        const double prior = rd_level_at(l, p->prior), hits = prior * measure[RD_MEASURE_TPR];
        const double named = hits + (1 - prior) * measure[RD_MEASURE_FPR];

        measure[RD_MEASURE_CANDIDATES] =
            p->candidates == NO_INPUT ? 0 : rd_level_at(l, p->candidates);
        measure[RD_MEASURE_PPV] = named > 0 ? hits / named : 0;
        measure[RD_MEASURE_DISCLOSED] = measure[RD_MEASURE_CANDIDATES] * hits;
    }
}

/* A stronger attack than any tried: its outcome is taken to be the least that loss_when calls a
 * loss. */
rd_status rd_level_find_just_enough(struct level *l)
{
    double measure[RD_MEASURES] = { 0 };
    int first = 0;
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
    /* Below the one threshold that decides, nothing is a loss. */
    if (l->p->threshold_on >= 0 && l->p->threshold > 0)
        first = l->p->threshold < 1 ? (int)(l->p->threshold * 1000) : 1000;
    for (int i = first > 1 ? first - 1 : 0; i <= 1000 && l->just_enough < 0 && !st; i++) {
        measure[RD_MEASURE_SUCCESSES] = ceil(l->p->objects * i / 1000);
        for (int k = RD_MEASURE_UTILITY; k <= RD_MEASURE_AUC; k++)
            if (k != RD_MEASURE_FPR)
                measure[k] = i / 1000.0;
        if (l->p->kind == RD_POISON || l->p->kind == RD_INFER)
            rd_level_around(l, LAYER_BASE, measure);
        st = rd_level_loss_of(l, measure, &l->just_enough);
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

/* Successes where the first 8 bits of the uniform number settle them. */
static void fill_quick(const double *cdf, size_t objects, int32_t quick[QUICK])
{
    size_t j = 0;

    for (size_t i = 0; i < QUICK; i++) {
        while (j < objects && cdf[j] <= (double)i / QUICK)
            j++;
        quick[i] = j == objects || cdf[j] >= (double)(i + 1) / QUICK ? (int32_t)j : -1;
    }
}

/* S as a sum over the outcomes, where they depend on successes alone; and the distribution to draw
 * them from. */
void rd_level_sum_exactly(struct level *l)
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
            fill_quick(l->scratch->cdf[k], (size_t)n, l->quick[k]);
    l->s_tried = l->s_tried < 1 ? l->s_tried : 1;
    l->s = l->s_tried;
    if (l->just_enough >= 0) {
        mean += (1 - l->s_tried) * l->stronger * l->just_enough;
        l->s += (1 - l->s_tried) * l->stronger;
    }
    l->exact_mean = (l->s > 0 ? mean / l->s : 0) + mean_on_top(l);
}

/* Nothing was tried: S is what an expert says, of the least that loss_when calls a loss. */
void rd_level_take_word(struct level *l)
{
    l->exact = true;
    l->s_tried = 0;
    l->s = l->just_enough >= 0 ? l->stronger : 0;
    l->exact_mean = (l->just_enough > 0 ? l->just_enough : 0) + mean_on_top(l);
}
