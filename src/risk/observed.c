/*
 * observed.c - losses that were counted update attempts and susceptibility together.
 *
 * The outer draws are a sample of the prior of everything that a scenario reads. Each gets the
 * likelihood of what was counted as its weight, and the draws are resampled in proportion
 * (sampling-importance resampling, Rubin 1988), systematically, so that no luck is added (Kitagawa
 * 1996). A scenario then reads all its parameters at the draw that took its place: attempts, action
 * and S stay together.
 *
 * Likelihood of k losses in t years, a of the attempts having been noticed, each with chance d:
 * attempts not counted: Poisson(k; rate t S). Counted: those a are a part of all attempts, and each
 * attempt is a loss with chance q = P(action) S, so that k is Binomial(a, q) + Poisson(attempts t
 * (1 - d) q). The count itself has updated the attempts before (inputs.c), which is why it does not
 * enter a second time.
 */
#include "risk/model.h"
#include "stats/special.h"

#include <math.h>

enum { CAMPAIGNS = 1024, FEW = 100 };
static const double SUM_MAX = 10000; /* terms of a convolution; beyond, a normal stands for it */

bool rd_risk_plan_reads(const struct rd_risk_plan *p, int input)
{
    const int own[] = { p->attempts, p->gain, p->slope, p->stronger, p->secondary_probability,
        p->samples, p->decisions, p->days_in_use, p->candidates, p->prior };

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i] == input)
            return true;
    return p->base.word && p->base.word - 1 == input;
}

/* An input of several scenarios keeps its own draws. */
static const struct rd_risk_plan *only_reader(const struct rd_risk_model *m, int input)
{
    const struct rd_risk_plan *reader = NULL;

    for (size_t i = 0; i < m->n_plans; i++) {
        const struct rd_risk_plan *p = &m->plan[i];
        bool reads;

        if (!p->asset_input || (p->unquantified && !p->unpriced))
            continue;
        reads = rd_risk_plan_reads(p, input);
        for (size_t a = 0; a < m->system->n_assets && !reads; a++)
            reads = p->asset_input[a] == input;
        if (reads && reader)
            return NULL;
        reader = reads ? p : reader;
    }
    return reader;
}

void rd_risk_input_values(const struct rd_risk_model *m, int input, double *x)
{
    const struct rd_risk_plan *p = only_reader(m, input);

    for (size_t o = 0; o < m->outer; o++)
        x[o] = m->inputs.item[input].x[p && p->draw ? p->draw[o] : o];
}

/* --- likelihood --- */

static double log_poisson(double k, double mean)
{
    if (!(mean > 0))
        return k > 0 ? -(double)INFINITY : 0;
    return k * rd_log(mean) - mean - rd_log_gamma(k + 1);
}

static double log_binomial(double k, double n, double q)
{
    if (k > n || (q <= 0 && k > 0) || (q >= 1 && k < n))
        return -(double)INFINITY;
    return rd_log_gamma(n + 1) - rd_log_gamma(k + 1) - rd_log_gamma(n - k + 1) +
           (k > 0 ? k * rd_log(q) : 0) + (n > k ? (n - k) * rd_log1p(-q) : 0);
}

/* Binomial(n, q) + Poisson(mean), at k. */
static double log_sum_of_both(double k, double n, double q, double mean)
{
    const double most = n < k ? n : k;
    double top = -(double)INFINITY, sum = 0;

    if (!(mean > 0))
        return log_binomial(k, n, q);
    if (most > SUM_MAX) {
        const double variance = n * q * (1 - q) + mean, off = k - n * q - mean;

        return -off * off / (2 * variance) - rd_log(variance) / 2;
    }
    for (double j = 0; j <= most; j += 1) {
        const double one = log_binomial(j, n, q) + log_poisson(k - j, mean);

        top = one > top ? one : top;
    }
    for (double j = 0; j <= most && isfinite(top); j += 1)
        sum += rd_exp(log_binomial(j, n, q) + log_poisson(k - j, mean) - top);
    return isfinite(top) ? top + rd_log(sum) : top;
}

static double likelihood(
    const struct rd_scenario *s, const struct rd_risk_level_out *at, double attempts, double seen)
{
    const double q = at->action * at->s;

    if (isnan(s->observed_attempts))
        return log_poisson(s->observed_losses, attempts * q * s->observed_years);
    return log_sum_of_both(s->observed_losses, floor(s->observed_attempts), q,
        attempts * q * (1 - seen) * s->observed_years);
}

/* The mean of that law. */
static double expected_in_all(
    const struct rd_scenario *s, const struct rd_risk_level_out *at, double attempts, double seen)
{
    const double q = at->action * at->s, unseen = attempts * q * s->observed_years;

    return isnan(s->observed_attempts) ? unseen
                                       : floor(s->observed_attempts) * q + unseen * (1 - seen);
}

/* The same with the chance of a loss that explains the count best. */
static double log_saturated(const struct rd_scenario *s)
{
    const double k = s->observed_losses, n = floor(s->observed_attempts);

    if (isnan(s->observed_attempts) || k > n)
        return log_poisson(k, k);
    return log_binomial(k, n, n > 0 ? k / n : 0);
}

/* --- draws --- */

struct weighing {
    double *weight, *losses, *scratch; /* (outer) */
    double top, sum, square;
    double least, most; /* losses that a draw expects in the years observed */
};

/*
 * Twice the logarithm by which the best rate of all makes the count likelier than the best draw.
 * For the true rate it is chi-square of one degree (Wilks 1938), and above this once in ten
 * thousand times: then the prior as a whole, all of whose draws expect fewer (or more), is wrong
 * about it.
 */
static const double DEVIANCE_MOST = 15.137;

static bool is_unexplained(const struct rd_scenario *s, const struct weighing *w)
{
    const bool one_side = w->most < s->observed_losses || w->least > s->observed_losses;

    return !isfinite(w->top) || (one_side && 2 * (log_saturated(s) - w->top) > DEVIANCE_MOST);
}

static rd_status weigh(struct rd_risk_model *m, const struct rd_risk_plan *p,
    struct rd_risk_scratch *scratch, struct weighing *w)
{
    const struct rd_scenario *s = p->scenario;
    const struct rd_uncertain *u = &s->observed_detection;
    struct rd_range_dist seen = { RD_SPREAD_CONSTANT, 1, 0 };
    rd_status st = u->given ? rd_range_fit(true, u->low, u->high, &seen, m->run->err) : RD_OK;

    w->top = w->most = -(double)INFINITY;
    w->least = (double)INFINITY;
    w->sum = w->square = 0;
    for (size_t o = 0; o < m->outer && !st; o++) {
        struct rd_risk_level_out at;
        double expected;

        st = rd_risk_level_chance(m, p, &p->base, o, CAMPAIGNS, scratch, &at, m->run->err);
        if (st)
            return st;
        w->losses[o] = at.rate * at.s;
        expected = expected_in_all(s, &at, m->inputs.item[p->attempts].x[o], rd_range_mean(&seen));
        w->least = expected < w->least ? expected : w->least;
        w->most = expected > w->most ? expected : w->most;
        w->weight[o] = likelihood(s, &at, m->inputs.item[p->attempts].x[o], rd_range_mean(&seen));
        w->top = w->weight[o] > w->top ? w->weight[o] : w->top;
    }
    for (size_t o = 0; o < m->outer && isfinite(w->top); o++) {
        w->weight[o] = rd_exp(w->weight[o] - w->top);
        w->sum += w->weight[o];
        w->square += w->weight[o] * w->weight[o];
    }
    return st;
}

/* Draw o stands where the running sum of weights passes (o + 1/2) / outer of the whole. */
static void resample(const struct weighing *w, size_t outer, size_t *draw)
{
    double reached = w->weight[0];
    size_t k = 0;

    for (size_t o = 0; o < outer; o++) {
        const double want = ((double)o + 0.5) / (double)outer * w->sum;

        while (reached < want && k + 1 < outer)
            reached += w->weight[++k];
        draw[o] = k;
    }
}

static rd_status observe(struct rd_risk_model *m, struct rd_risk_plan *p,
    struct rd_risk_scratch *scratch, struct weighing *w)
{
    size_t *draw;
    rd_status st = weigh(m, p, scratch, w);
    double mean = 0;

    if (st)
        return st;
    for (size_t o = 0; o < m->outer; o++)
        mean += w->losses[o] / (double)m->outer;
    p->losses_prior = rd_risk_band(mean, w->losses, m->outer, w->scratch);
    if (is_unexplained(p->scenario, w)) {
        p->unexplained = true;
        m->unexplained++;
        rd_risk_warn(m,
            "scenario '%s' (line %d): %g losses were observed in %g year%s, and by its attempts "
            "and "
            "susceptibility %.3g to %.3g are expected in that time: no draw explains what was "
            "observed, which changes nothing here; one of the three is wrong, and until it is "
            "mended nobody can say whether losses stay within an appetite",
            p->scenario->id, p->scenario->at.line, p->scenario->observed_losses,
            p->scenario->observed_years, p->scenario->observed_years == 1 ? "" : "s", w->least,
            w->most);
        return RD_OK;
    }
    p->effective = w->sum * w->sum / w->square;
    if (p->effective > (double)m->outer * (1 - 1e-9)) {
        rd_risk_warn(m,
            "scenario '%s': attempts and susceptibility are certain, so the losses that were "
            "observed change nothing",
            p->scenario->id);
        return RD_OK;
    }
    if (p->effective < FEW)
        rd_risk_warn(m,
            "scenario '%s': %g observed losses in %g years are far from what was expected; only "
            "%.0f of %zu draws speak for them: ask for more draws, or look at its numbers again",
            p->scenario->id, p->scenario->observed_losses, p->scenario->observed_years,
            p->effective, m->outer);
    draw = RD_NEW_ARRAY(m->arena, size_t, m->outer);
    if (!draw)
        return rd_run_no_memory(m->run, "observed losses");
    resample(w, m->outer, draw);
    p->draw = draw;
    return RD_OK;
}

rd_status rd_risk_observe_losses(struct rd_risk_model *m, struct rd_arena *heavy)
{
    struct rd_risk_scratch scratch;
    struct weighing w = { 0 };
    rd_status st = RD_OK;

    for (size_t i = 0; i < m->n_plans && !st; i++) {
        struct rd_risk_plan *p = &m->plan[i];

        if (!p->scenario->has_observed || isnan(p->scenario->observed_losses) ||
            (p->unquantified && !p->unpriced))
            continue;
        if (!w.weight) {
            st = rd_risk_scratch_new(m, heavy, &scratch);
            w.weight = RD_NEW_ARRAY(heavy, double, m->outer);
            w.losses = RD_NEW_ARRAY(heavy, double, m->outer);
            w.scratch = RD_NEW_ARRAY(heavy, double, m->outer);
            if (st || !w.weight || !w.losses || !w.scratch)
                return rd_run_no_memory(m->run, "observed losses");
        }
        st = observe(m, p, &scratch, &w);
    }
    return st;
}
