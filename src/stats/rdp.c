#include "stats/rdp.h"

#include "stats/special.h"

#include <math.h>
#include <stdbool.h>

/* log(e^a + e^b) and log(e^a - e^b), a >= b in the latter. */
static double log_add(double a, double b)
{
    const double top = a > b ? a : b, low = a > b ? b : a;

    return low == -INFINITY ? top : top + rd_log1p(rd_exp(low - top));
}

static double log_sub(double a, double b)
{
    if (b == -INFINITY)
        return a;
    return a > b ? a + rd_log(-rd_expm1(b - a)) : -INFINITY;
}

/* log of the standard normal's upper tail, also where the tail itself underflows. */
static double log_tail(double x)
{
    double term = 1, sum = 1;

    if (x < 25)
        return rd_log(rd_normal_cdf(-x));
    /* Asymptotic series (Abramowitz, Stegun 26.2.12): terms fall until 2 k + 1 > x^2. */
    for (int k = 0; k < 8; k++) {
        term *= -(2 * k + 1) / (x * x);
        sum += term;
    }
    return -x * x / 2 - rd_log(x) - 0.91893853320467274178 + rd_log(sum);
}

/*
 * Whole order: log sum over k of C(alpha, k) (1 - q)^(alpha - k) q^k exp(k (k - 1) / (2 s^2)),
 * equation (5) of section 3.3.
 */
static double log_a_whole(double q, double noise, double alpha)
{
    const double top = rd_log_gamma(alpha + 1);
    double sum = -INFINITY;

    for (double k = 0; k <= alpha; k++)
        sum = log_add(sum, top - rd_log_gamma(k + 1) - rd_log_gamma(alpha - k + 1) + k * rd_log(q) +
                               (alpha - k) * rd_log1p(-q) + k * (k - 1) / (2 * noise * noise));
    return sum;
}

/*
 * Fractional order: the integral is cut at z0 = s^2 log(1/q - 1) + 1/2, where both terms of the
 * mixture are equal, and each half is expanded by the binomial series; coefficients change sign
 * behind alpha, so positive and negative parts are summed apart.
 */
static double log_a_fractional(double q, double noise, double alpha)
{
    enum { TERMS_MAX = 100000 };
    const double z0 = noise * noise * rd_log(1 / q - 1) + 0.5;
    double plus = -INFINITY, minus = -INFINITY, coefficient = 0; /* log |C(alpha, i)| */
    bool negative = false;

    for (int i = 0; i < TERMS_MAX; i++) {
        const double j = alpha - i;
        const double low = coefficient + i * rd_log(q) + j * rd_log1p(-q) +
                           (double)i * (i - 1.0) / (2 * noise * noise) + log_tail((i - z0) / noise);
        const double high = coefficient + j * rd_log(q) + i * rd_log1p(-q) +
                            j * (j - 1) / (2 * noise * noise) + log_tail((z0 - j) / noise);
        const double term = log_add(low, high);

        if (negative)
            minus = log_add(minus, term);
        else
            plus = log_add(plus, term);
        if (i > alpha && term < log_sub(plus, minus) - 40)
            break;
        coefficient += rd_log(fabs(j)) - rd_log(i + 1.0);
        negative = negative != (j < 0);
    }
    return log_sub(plus, minus);
}

double rd_rdp_step(double q, double noise, double alpha)
{
    double log_a;

    if (!(q >= 0) || !(q <= 1) || !(noise >= 0) || !(alpha > 1) || !isfinite(alpha))
        return NAN;
    if (q <= 0)
        return 0;
    if (noise <= 0)
        return INFINITY;
    if (q >= 1)
        return alpha / (2 * noise * noise);
    log_a =
        alpha == floor(alpha) ? log_a_whole(q, noise, alpha) : log_a_fractional(q, noise, alpha);
    return log_a > 0 ? log_a / (alpha - 1) : 0;
}

static void consider(
    const struct rd_rdp *r, double delta, double alpha, double *best, double *order)
{
    const double rdp = r->steps * rd_rdp_step(r->q, r->noise, alpha);
    double eps = rdp + rd_log1p(-1 / alpha) - (rd_log(delta) + rd_log(alpha)) / (alpha - 1);

    eps = eps > 0 ? eps : 0;
    if (eps < *best) {
        *best = eps;
        *order = alpha;
    }
}

double rd_rdp_epsilon(const struct rd_rdp *r, double delta, double *order_out)
{
    double best = INFINITY, order = NAN;

    if (!(delta > 0) || !(delta < 1) || !(r->q >= 0) || !(r->q <= 1) || !(r->noise >= 0) ||
        !(r->steps >= 0))
        return NAN;
    if (r->steps > 0 && r->q > 0) {
        for (int i = 11; i < 110; i++)
            consider(r, delta, i % 10 ? i / 10.0 : floor(i / 10.0), &best, &order);
        for (int i = 11; i < 64; i++)
            consider(r, delta, i, &best, &order);
        for (int i = 64; i <= 4096; i *= 2)
            consider(r, delta, i, &best, &order);
    } else {
        best = 0;
    }
    if (order_out)
        *order_out = order;
    return best;
}
