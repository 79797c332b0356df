/*
 * dist.h - distributions and their samplers, each drawing from a stream of base/rng.h.
 *
 * Samplers that invert a distribution function take exactly one unit draw each and rise with it, so
 * that two runs on the same stream stay paired (common random numbers): normal, lognormal,
 * logit-normal, Poisson, binomial, exponential. Gamma and beta use rejection and take a varying
 * number.
 */
#ifndef RD_STATS_DIST_H
#define RD_STATS_DIST_H

#include "base/rng.h"

#include <redoubt/error.h>

#include <stdbool.h>

/* A unit draw that is never 0 or 1: 52 bits, moved by half a step. */
double rd_draw_open(struct rd_rng *rng);

/*
 * An uncertain number by its 5 % and 95 % quantiles: a lognormal (money, counts, rates, days) or a
 * logit-normal (probabilities). low == high is a constant.
 */
enum rd_spread {
    RD_SPREAD_CONSTANT,
    RD_SPREAD_LOGNORMAL,
    RD_SPREAD_LOGIT_NORMAL,
    RD_SPREAD_GAMMA /* of rd_rate_update: mu is the shape, sigma the years (the inverse scale) */
};
struct rd_range_dist {
    enum rd_spread spread;
    double mu, sigma; /* of the logarithm or the logit; mu is the value of a constant */
};
/*
 * 0 <= low <= high, finite; low > 0 unless low == high. For a probability high <= 1, and 0 < low,
 * high < 1 unless low == high. Else RD_E_INPUT saying which.
 */
rd_status rd_range_fit(
    bool probability, double low, double high, struct rd_range_dist *out, struct rd_error *err);
double rd_range_quantile(const struct rd_range_dist *d, double p); /* p in (0, 1) */
double rd_range_draw(const struct rd_range_dist *d, struct rd_rng *rng);
/* exp(mu + sigma^2/2) for a lognormal; by 64-point quadrature on quantiles for a logit-normal. */
double rd_range_mean(const struct rd_range_dist *d);

double rd_normal_draw(struct rd_rng *rng);
double rd_exponential_draw(struct rd_rng *rng); /* mean 1 */
double rd_gamma_draw(
    struct rd_rng *rng, double shape); /* scale 1, shape > 0. Marsaglia, Tsang 2000 */
double rd_beta_draw(struct rd_rng *rng, double a, double b);

/*
 * Smallest k with P(K <= k) > u, u in [0, 1). Exact (to the rounding of u) for rates and variances
 * up to 10^6; above, by a Cornish-Fisher expansion whose error is below one count. Time is bounded
 * for any argument. rate or n p above 9e15 give counts that a double rounds.
 */
double rd_poisson_quantile(double u, double rate);
double rd_binomial_quantile(double u, double n, double p);
double rd_poisson_draw(struct rd_rng *rng, double rate);
double rd_binomial_draw(struct rd_rng *rng, double n, double p);
/* The same as rd_poisson_draw for a rate used often: zero = rd_exp(-rate). */
double rd_poisson_draw_prepared(struct rd_rng *rng, double rate, double zero);

/*
 * Gamma-Poisson: a rate with prior gamma(shape, 1/scale years) after `events` in `years` watched at
 * a detection probability `seen`. Shape and rate of the posterior go to the outputs.
 */
void rd_rate_update(double shape, double years_prior, double events, double years, double seen,
    double *shape_out, double *years_out);

#endif
