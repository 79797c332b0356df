/* dist.c - see dist.h. */
#include "stats/dist.h"

#include "stats/special.h"

#include <float.h>
#include <math.h>

static const double Z95 = 1.6448536269514722; /* normal quantile of 0.95 */

double rd_draw_open(struct rd_rng *rng)
{
    return ((double)(rd_rng_u64(rng) >> 12) + 0.5) * 0x1p-52;
}

rd_status rd_range_fit(
    bool probability, double low, double high, struct rd_range_dist *out, struct rd_error *err)
{
    double a, b;

    if (!isfinite(low) || !isfinite(high) || low < 0 || low > high)
        return RD_FAIL(
            err, RD_E_INPUT, "expected 0 <= low <= high, found low %.6g, high %.6g", low, high);
    if (probability && high > 1)
        return RD_FAIL(err, RD_E_INPUT, "expected a probability of at most 1, found %.6g", high);
    if (low == high) {
        *out = (struct rd_range_dist){ RD_SPREAD_CONSTANT, low, 0 };
        return RD_OK;
    }
    if (low <= 0)
        return RD_FAIL(err, RD_E_INPUT,
            "a range needs low above 0 (low and high are 5 %% and 95 %% quantiles), found low 0");
    if (probability && high >= 1)
        return RD_FAIL(err, RD_E_INPUT, "a range of probabilities needs high below 1, found 1");
    a = probability ? rd_logit(low) : rd_log(low);
    b = probability ? rd_logit(high) : rd_log(high);
    *out = (struct rd_range_dist){ probability ? RD_SPREAD_LOGIT_NORMAL : RD_SPREAD_LOGNORMAL,
        a + (b - a) / 2, (b - a) / (2 * Z95) };
    return RD_OK;
}

double rd_range_quantile(const struct rd_range_dist *d, double p)
{
    double x;

    if (d->spread == RD_SPREAD_CONSTANT)
        return d->mu;
    if (d->spread == RD_SPREAD_GAMMA)
        return rd_gamma_quantile(p, d->mu) / d->sigma;
    x = d->mu + d->sigma * rd_normal_quantile(p);
    return d->spread == RD_SPREAD_LOGNORMAL ? rd_exp(x) : rd_logistic(x);
}

double rd_range_draw(const struct rd_range_dist *d, struct rd_rng *rng)
{
    return rd_range_quantile(d, rd_draw_open(rng));
}

double rd_range_mean(const struct rd_range_dist *d)
{
    double sum = 0;

    if (d->spread == RD_SPREAD_CONSTANT)
        return d->mu;
    if (d->spread == RD_SPREAD_LOGNORMAL)
        return rd_exp(d->mu + d->sigma * d->sigma / 2);
    if (d->spread == RD_SPREAD_GAMMA)
        return d->mu / d->sigma;
    /* Trapezoid rule over the normal density: converges geometrically for a smooth integrand. */
    for (int i = -64; i <= 64; i++) {
        const double z = i / 8.0;

        sum += rd_logistic(d->mu + d->sigma * z) * rd_exp(-z * z / 2);
    }
    return sum / 8 * 0.39894228040143267794;
}

double rd_normal_draw(struct rd_rng *rng)
{
    return rd_normal_quantile(rd_draw_open(rng));
}

double rd_exponential_draw(struct rd_rng *rng)
{
    return -rd_log(rd_draw_open(rng));
}

/* Marsaglia, Tsang 2000; below 1 by the boost gamma(a) = gamma(a + 1) U^(1/a). */
double rd_gamma_draw(struct rd_rng *rng, double shape)
{
    const double a = shape < 1 ? shape + 1 : shape, d = a - 1.0 / 3, c = 1 / (3 * sqrt(d));
    double boost = 1;

    if (!(shape > 0) || !isfinite(shape))
        return (double)NAN;
    if (shape < 1)
        boost = rd_pow(rd_draw_open(rng), 1 / shape);
    for (;;) {
        const double z = rd_normal_draw(rng), u = rd_draw_open(rng), t = 1 + c * z;
        double v;

        if (t <= 0)
            continue;
        v = t * t * t;
        if (u < 1 - 0.0331 * (z * z) * (z * z))
            return d * v * boost;
        if (rd_log(u) < 0.5 * z * z + d * (1 - v + rd_log(v)))
            return d * v * boost;
    }
}

double rd_beta_draw(struct rd_rng *rng, double a, double b)
{
    const double x = rd_gamma_draw(rng, a), y = rd_gamma_draw(rng, b);

    /* Both underflow only for a, b far below 0.01: the mass is then at the ends. */
    if (x + y == 0)
        return rd_draw_open(rng) < a / (a + b) ? 1 : 0;
    return x / (x + y);
}

/* Walks up from zero with the probability of zero given; for rates below about 30. */
static double poisson_walk(double u, double rate, double zero)
{
    double p = zero, k = 0;

    while (u >= p) {
        u -= p;
        k += 1;
        p *= rate / k;
        if (p < 1e-18 && k > rate) /* u sits in the rounding of the last bit */
            break;
    }
    return k;
}

/* Cornish-Fisher to third order: mean, deviation, skewness and excess kurtosis of a count. */
static double cornish_fisher(double u, double mean, double deviation, double skew, double excess)
{
    const double z = rd_normal_quantile(u);
    const double x = z + skew * (z * z - 1) / 6 + excess * z * (z * z - 3) / 24 -
                     skew * skew * z * (2 * z * z - 5) / 36;

    return mean + deviation * x;
}

double rd_poisson_quantile(double u, double rate)
{
    double k, cdf, deviation;

    if (isnan(u) || isnan(rate) || rate < 0)
        return (double)NAN;
    if (rate == 0 || u <= 0)
        return 0;
    if (rate < 30)
        return poisson_walk(u, rate, rd_exp(-rate));
    if (rate > 1e300)
        return rate;
    deviation = sqrt(rate);
    k = floor(cornish_fisher(u, rate, deviation, 1 / deviation, 1 / rate) + 0.5);
    k = k < 0 ? 0 : k;
    if (rate > 1e6)
        return k;
    cdf = rd_poisson_cdf(k, rate);
    while (k > 0 && cdf - rd_poisson_pmf(k, rate) > u) {
        cdf -= rd_poisson_pmf(k, rate);
        k -= 1;
    }
    while (cdf <= u) {
        const double p = rd_poisson_pmf(k + 1, rate);

        if (p < 1e-18)
            break;
        cdf += p;
        k += 1;
    }
    return k;
}

static double binomial_walk(double u, double n, double p)
{
    const double odds = p / (1 - p);
    double mass = rd_exp(n * rd_log1p(-p)), k = 0;

    while (u >= mass && k < n) {
        u -= mass;
        mass *= odds * (n - k) / (k + 1);
        k += 1;
        if (mass < 1e-18 && k > n * p)
            break;
    }
    return k;
}

double rd_binomial_quantile(double u, double n, double p)
{
    double variance, deviation, k, cdf;

    if (isnan(u) || isnan(n) || isnan(p) || n < 0)
        return (double)NAN;
    if (p <= 0 || n == 0 || u <= 0)
        return 0;
    if (p >= 1)
        return n;
    if (p > 0.5) /* the mirror image, so that the probability of zero never underflows */
        return n - rd_binomial_quantile(1 - u, n, 1 - p);
    if (n * p < 30)
        return binomial_walk(u, n, p);
    variance = n * p * (1 - p);
    if (n > 1e300 || variance > 1e300)
        return n * p;
    if (variance <= 1e6 && n > 1e12) /* p is below 1e-6: the two differ by less than p */
        return rd_poisson_quantile(u, n * p);
    deviation = sqrt(variance);
    k = floor(cornish_fisher(
                  u, n * p, deviation, (1 - 2 * p) / deviation, (1 - 6 * p * (1 - p)) / variance) +
              0.5);
    k = k < 0 ? 0 : k > n ? n : k;
    if (variance > 1e6)
        return k;
    cdf = rd_binomial_cdf(k, n, p);
    while (k > 0) {
        const double mass = rd_binomial_pmf(k, n, p);

        if (cdf - mass <= u)
            break;
        cdf -= mass;
        k -= 1;
    }
    while (cdf <= u && k < n) {
        const double mass = rd_binomial_pmf(k + 1, n, p);

        if (mass < 1e-18)
            break;
        cdf += mass;
        k += 1;
    }
    return k;
}

double rd_poisson_draw(struct rd_rng *rng, double rate)
{
    return rd_poisson_quantile(rd_rng_unit(rng), rate);
}

double rd_poisson_draw_prepared(struct rd_rng *rng, double rate, double zero)
{
    const double u = rd_rng_unit(rng);

    if (u < zero)
        return 0;
    return rate < 30 ? poisson_walk(u, rate, zero) : rd_poisson_quantile(u, rate);
}

double rd_binomial_draw(struct rd_rng *rng, double n, double p)
{
    return rd_binomial_quantile(rd_rng_unit(rng), n, p);
}

void rd_rate_update(double shape, double years_prior, double events, double years, double seen,
    double *shape_out, double *years_out)
{
    *shape_out = shape + events;
    *years_out = years_prior + years * seen;
}
