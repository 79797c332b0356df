/* special.c - see special.h. Elementary functions first, then gamma and beta, then the quantiles.
 */
#include "stats/special.h"

#include <float.h>
#include <math.h> /* sqrt, fabs, floor, isnan: exact or correctly rounded everywhere */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const double LN2_HIGH = 6.93147180369123816490e-01; /* the upper 33 bits of ln 2 */
static const double LN2_LOW = 1.90821492927058770002e-10;
static const double INV_LN2 = 1.44269504088896338700e+00;
static const double HALF_LOG_2PI = 9.18938533204672741780e-01;
static const double TWO_PI = 6.28318530717958647693e+00;

static double from_bits(uint64_t u)
{
    double x;

    memcpy(&x, &u, sizeof x);
    return x;
}

static uint64_t to_bits(double x)
{
    uint64_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

/* x 2^k without libm; k in -2200 .. 2200. */
static double scale(double x, int k)
{
    while (k > 1023) {
        x *= 0x1p1023;
        k -= 1023;
    }
    while (k < -1022) {
        /* Two steps at most, so that a subnormal result is rounded only once. */
        x *= 0x1p-968;
        k += 968;
    }
    return x * from_bits((uint64_t)(k + 1023) << 52);
}

/*
 * e^r - 1 for r = hi - lo, |r| <= ln2/2. With c = r - r^2 B(r^2), where r coth(r/2) = 2 + r^2
 * B(r^2) and B's coefficients are 2 B_2n / (2n)!, the Bernoulli numbers: e^r = 1 + r + r c / (2 -
 * c). The first term left out is 3e-11 r^14, below 1e-17 here.
 */
static double exp_less_1(double hi, double lo)
{
    const double r = hi - lo, t = r * r;
    const double b =
        1.0 / 6 +
        t * (-1.0 / 360 +
                t * (1.0 / 15120 + t * (-1.0 / 604800 +
                                           t * (1.0 / 23950080 + t * (-691.0 / 653837184000.0)))));
    const double c = r - t * b;

    return hi - (lo - r * c / (2 - c));
}

double rd_exp(double x)
{
    double k, hi, lo;

    if (isnan(x))
        return x;
    if (x > 709.782712893384)
        return (double)INFINITY;
    if (x < -745.1332191019412)
        return 0;
    k = floor(x * INV_LN2 + 0.5);
    hi = x - k * LN2_HIGH; /* exact: k has at most 11 bits, LN2_HIGH 33 */
    lo = k * LN2_LOW;
    return scale(1 + exp_less_1(hi, lo), (int)k);
}

double rd_expm1(double x)
{
    if (fabs(x) <= 0.34)
        return x == 0 ? x : exp_less_1(x, 0);
    return rd_exp(x) - 1;
}

/*
 * x = 2^k (1 + f), 1 + f in [sqrt 1/2, sqrt 2); with s = f / (2 + f), log(1 + f) = 2 atanh s.
 * Written as f - (f^2/2 - s (f^2/2 + R)), R = sum of 2 s^2n / (2n + 1), so that f, the largest
 * part, stays exact.
 */
double rd_log(double x)
{
    static const double odd[] = { 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11,
        2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3 };
    int k = 0;
    uint64_t u;
    double f, s, z, r, h, dk;

    if (isnan(x) || x < 0)
        return (double)NAN;
    if (x == 0)
        return -(double)INFINITY;
    if (x > DBL_MAX)
        return x;
    if (x < DBL_MIN) {
        x *= 0x1p54;
        k = -54;
    }
    u = to_bits(x);
    k += (int)(u >> 52) - 1023;
    u = (u & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    f = from_bits(u);
    if (f > 1.4142135623730951) {
        f *= 0.5;
        k++;
    }
    f -= 1;
    dk = k;
    s = f / (2 + f);
    z = s * s;
    r = odd[0];
    for (size_t i = 1; i < sizeof odd / sizeof *odd; i++)
        r = r * z + odd[i];
    r *= z;
    h = 0.5 * f * f;
    return dk * LN2_HIGH - ((h - (s * (h + r) + dk * LN2_LOW)) - f);
}

/* The rounding of 1 + x is undone by the ratio. Source: Higham 2002, section 1.14.1. */
double rd_log1p(double x)
{
    const double u = 1 + x;

    if (isnan(x) || x < -1)
        return (double)NAN;
    if (u == 1)
        return x;
    if (x > 0x1p60)
        return rd_log(x);
    return rd_log(u) * (x / (u - 1));
}

double rd_pow(double x, double y)
{
    if (y == 0)
        return 1;
    if (x == 0)
        return y > 0 ? 0 : (double)INFINITY;
    if (x == 1)
        return 1;
    return rd_exp(y * rd_log(x));
}

double rd_logistic(double x)
{
    if (x >= 0)
        return 1 / (1 + rd_exp(-x));
    x = rd_exp(x);
    return x / (1 + x);
}

double rd_logit(double p)
{
    if (isnan(p) || p < 0 || p > 1)
        return (double)NAN;
    return rd_log(p) - rd_log1p(-p);
}

/* Stirling's series, x >= 10: first term left out is 3617/122400 x^-15 < 3e-17. */
static double stirling_series(double x)
{
    const double z = 1 / (x * x);

    return (1.0 / 12 -
               z * (1.0 / 360 -
                       z * (1.0 / 1260 -
                               z * (1.0 / 1680 - z * (1.0 / 1188 - z * (691.0 / 360360 -
                                                                           z * (1.0 / 156))))))) /
           x;
}

double rd_log_gamma(double x)
{
    double product = 1;

    if (isnan(x) || x <= 0)
        return (double)NAN;
    if (x > 1e306)
        return (double)INFINITY;
    for (; x < 10; x += 1)
        product *= x;
    return (x - 0.5) * rd_log(x) - x + HALF_LOG_2PI + stirling_series(x) - rd_log(product);
}

double rd_stirling_error(double x)
{
    if (x >= 10)
        return stirling_series(x);
    if (!(x > 0))
        return x == 0 ? (double)INFINITY : (double)NAN;
    return rd_log_gamma(x) + rd_log(x) - ((x + 0.5) * rd_log(x) - x + HALF_LOG_2PI);
}

double rd_deviance(double x, double m)
{
    const double d = (x - m) / (x + m);

    if (x == 0)
        return m;
    if (fabs(d) < 0.1) { /* x log(x/m) = 2x atanh d, and m - x = -d (x + m) */
        double term = 2 * x * d, sum = (x - m) * d;

        for (int i = 3; i < 200; i += 2) {
            const double before = sum;

            term *= d * d;
            sum += term / i;
            if (sum == before)
                break;
        }
        return sum;
    }
    return x * rd_log(x / m) + m - x;
}

/* P(K = k) of a binomial for real k in [0, n], q = 1 - p given apart so that it keeps its digits.
 */
static double binomial_density(double k, double n, double p, double q)
{
    double lc;

    if (p == 0)
        return k == 0 ? 1 : 0;
    if (q == 0)
        return k == n ? 1 : 0;
    if (k == 0)
        return n == 0 ? 1 : rd_exp(p < 0.1 ? n * rd_log1p(-p) : n * rd_log(q));
    if (k == n)
        return rd_exp(q < 0.1 ? n * rd_log1p(-q) : n * rd_log(p));
    lc = rd_stirling_error(n) - rd_stirling_error(k) - rd_stirling_error(n - k) -
         rd_deviance(k, n * p) - rd_deviance(n - k, n * q);
    return rd_exp(lc) * sqrt(n / (TWO_PI * k * (n - k)));
}

double rd_binomial_pmf(double k, double n, double p)
{
    if (isnan(k) || isnan(n) || isnan(p) || k < 0 || k > n || p < 0 || p > 1)
        return 0;
    return binomial_density(k, n, p, 1 - p);
}

double rd_poisson_pmf(double k, double rate)
{
    if (isnan(k) || isnan(rate) || k < 0 || rate < 0)
        return 0;
    if (rate == 0)
        return k == 0 ? 1 : 0;
    if (k == 0)
        return rd_exp(-rate);
    return rd_exp(-rd_stirling_error(k) - rd_deviance(k, rate)) / sqrt(TWO_PI * k);
}

enum { STEPS_MAX = 200000 }; /* about 8 sqrt(max(a, b)) are needed, so 1e8 fits */

/* Lentz's method on the continued fraction of I_x(a, b); x < (a+1)/(a+b+2). Source: DLMF 8.17.22.
 */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    h = d;
    for (int m = 1; m < STEPS_MAX; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double delta;

        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        delta = d * c;
        h *= delta;
        if (fabs(delta - 1) < 1e-16)
            break;
    }
    return h;
}

/* x^a y^b / (a B(a, b)) with y = 1 - x, through a binomial density so that large a, b keep their
 * digits. */
static double beta_front(double x, double y, double a, double b)
{
    return binomial_density(a, a + b, x, y) * b / (a + b);
}

static double beta_lower(double x, double y, double a, double b)
{
    return beta_front(x, y, a, b) * beta_fraction(x, a, b);
}

/* I_x(a, b) into *lower and 1 - I_x into *upper, both without cancellation. */
static void beta_both(double x, double a, double b, double *lower, double *upper)
{
    if (x < (a + 1) / (a + b + 2)) {
        *lower = beta_lower(x, 1 - x, a, b);
        *lower = *lower > 1 ? 1 : *lower;
        *upper = 1 - *lower;
    } else {
        *upper = beta_lower(1 - x, x, b, a);
        *upper = *upper > 1 ? 1 : *upper;
        *lower = 1 - *upper;
    }
}

double rd_beta_cdf(double x, double a, double b)
{
    double lower, upper;

    if (isnan(x) || !(a > 0) || !(b > 0) || a > 1e15 || b > 1e15)
        return (double)NAN;
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    beta_both(x, a, b, &lower, &upper);
    return lower;
}

/* Middle of a bracket: geometric while it spans decades, since quantiles may be as small as 1e-300.
 */
static double between(double low, double high)
{
    if (low < 1e-3 * high)
        return sqrt(high) * (low > 0 ? sqrt(low) : 1e-150);
    return low + (high - low) / 2;
}

/* Newton steps kept inside a bracket that bisection narrows: always converges, in at most 200
 * steps. */
double rd_beta_quantile(double p, double a, double b)
{
    double low = 0, high = 1, x;

    if (isnan(p) || p < 0 || p > 1 || !(a > 0) || !(b > 0) || a > 1e15 || b > 1e15)
        return (double)NAN;
    if (p == 0 || p == 1)
        return p;
    x = a / (a + b);
    for (int i = 0; i < 200; i++) {
        double lower, upper, miss, slope, next;

        beta_both(x, a, b, &lower, &upper);
        miss = p < 0.5 ? lower - p : (1 - p) - upper;
        if (miss == 0)
            return x;
        if (miss > 0)
            high = x;
        else
            low = x;
        slope =
            beta_front(x, 1 - x, a, b) * a / (x * (1 - x)); /* the density: front is x^a y^b/(aB) */
        next = x - miss / slope;
        if (!(next > low && next < high))
            next = between(low, high);
        if (fabs(next - x) <= 1e-16 * x || !(next > low && next < high))
            return next > low && next < high ? next : x;
        x = next;
    }
    return x;
}

/* x^a e^-x / gamma(a + 1) */
static double gamma_front(double x, double a)
{
    return rd_exp(-rd_stirling_error(a) - rd_deviance(a, x)) / sqrt(TWO_PI * a);
}

/* Sum of x^n / ((a+1) ... (a+n)). Source: DLMF 8.11.4. */
static double gamma_series(double x, double a)
{
    double term = 1, sum = 1;

    for (int n = 1; n < STEPS_MAX; n++) {
        term *= x / (a + n);
        sum += term;
        if (term < sum * 1e-17)
            break;
    }
    return sum * gamma_front(x, a);
}

/* Continued fraction of the upper tail, by Lentz. Source: DLMF 8.9.2. */
static double gamma_fraction(double x, double a)
{
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / (fabs(b) < tiny ? tiny : b), h = d;

    for (int n = 1; n < STEPS_MAX; n++) {
        const double an = n * (a - n);
        double delta;

        b += 2;
        d = an * d + b;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = b + an / c;
        c = fabs(c) < tiny ? tiny : c;
        delta = c * d;
        h *= delta;
        if (fabs(delta - 1) < 1e-16)
            break;
    }
    return h * gamma_front(x, a) * a;
}

static void gamma_both(double x, double a, double *lower, double *upper)
{
    if (x < a + 1) {
        *lower = gamma_series(x, a);
        *lower = *lower > 1 ? 1 : *lower;
        *upper = 1 - *lower;
    } else {
        *upper = gamma_fraction(x, a);
        *upper = *upper > 1 ? 1 : *upper;
        *lower = 1 - *upper;
    }
}

double rd_gamma_cdf(double x, double a)
{
    double lower, upper;

    if (isnan(x) || !(a > 0) || a > 1e15)
        return (double)NAN;
    if (x <= 0)
        return 0;
    gamma_both(x, a, &lower, &upper);
    return lower;
}

double rd_gamma_tail(double x, double a)
{
    double lower, upper;

    if (isnan(x) || !(a > 0) || a > 1e15)
        return (double)NAN;
    if (x <= 0)
        return 1;
    gamma_both(x, a, &lower, &upper);
    return upper;
}

double rd_gamma_quantile(double p, double a)
{
    double low = 0, high = a + 1, x, lower, upper;

    if (isnan(p) || p < 0 || p > 1 || !(a > 0) || a > 1e15)
        return (double)NAN;
    if (p == 0)
        return 0;
    if (p == 1)
        return (double)INFINITY;
    for (int i = 0; i < 200 && rd_gamma_cdf(high, a) < p; i++)
        high *= 2;
    x = a < high ? a : high / 2;
    for (int i = 0; i < 300; i++) {
        double miss, slope, next;

        gamma_both(x, a, &lower, &upper);
        miss = p < 0.5 ? lower - p : (1 - p) - upper;
        if (miss == 0)
            return x;
        if (miss > 0)
            high = x;
        else
            low = x;
        slope = gamma_front(x, a) * a / x;
        next = x - miss / slope;
        if (!(next > low && next < high))
            next = between(low, high);
        if (fabs(next - x) <= 1e-16 * x || !(next > low && next < high))
            return next > low && next < high ? next : x;
        x = next;
    }
    return x;
}

double rd_normal_cdf(double x)
{
    double half;

    if (isnan(x))
        return x;
    if (x < -39)
        return 0;
    if (x > 39)
        return 1;
    half = fabs(x) < 1e-160 ? 0 : 0.5 * rd_gamma_tail(x * x / 2, 0.5);
    if (fabs(x) < 1e-160)
        return 0.5;
    return x < 0 ? half : 1 - half;
}

static double rational(const double num[8], const double den[8], double r)
{
    double a = num[7], b = den[7];

    for (int i = 6; i >= 0; i--) {
        a = a * r + num[i];
        b = b * r + den[i];
    }
    return a / b;
}

double rd_normal_quantile(double p)
{
    static const double a[8] = { 3.3871328727963666080e0, 1.3314166789178437745e+2,
        1.9715909503065514427e+3, 1.3731693765509461125e+4, 4.5921953931549871457e+4,
        6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3 };
    static const double b[8] = { 1, 4.2313330701600911252e+1, 6.8718700749205790830e+2,
        5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
        2.8729085735721942674e+4, 5.2264952788528545610e+3 };
    static const double c[8] = { 1.42343711074968357734e0, 4.63033784615654529590e0,
        5.76949722146069140550e0, 3.64784832476320460504e0, 1.27045825245236838258e0,
        2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4 };
    static const double d[8] = { 1, 2.05319162663775882187e0, 1.67638483018380384940e0,
        6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9 };
    static const double e[8] = { 6.65790464350110377720e0, 5.46378491116411436990e0,
        1.78482653991729133580e0, 2.96560571828504891230e-1, 2.65321895265761230930e-2,
        1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7 };
    static const double f[8] = { 1, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
        1.42151175831644588870e-7, 2.04426310338993978564e-15 };
    const double q = p - 0.5;
    double r, x;

    if (isnan(p) || p < 0 || p > 1)
        return (double)NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -(double)INFINITY : (double)INFINITY;
    if (fabs(q) <= 0.425)
        return q * rational(a, b, 0.180625 - q * q);
    r = sqrt(-rd_log(q < 0 ? p : 1 - p));
    x = r <= 5 ? rational(c, d, r - 1.6) : rational(e, f, r - 5);
    return q < 0 ? -x : x;
}

double rd_t_cdf(double t, double df)
{
    double tail;

    if (isnan(t) || !(df > 0))
        return (double)NAN;
    if (t == 0)
        return 0.5;
    if (fabs(t) > 1e150)
        return t < 0 ? 0 : 1;
    tail = 0.5 * rd_beta_cdf(df / (df + t * t), df / 2, 0.5);
    return t < 0 ? tail : 1 - tail;
}

double rd_t_quantile(double p, double df)
{
    const double tail = p < 0.5 ? p : 1 - p;
    double x, t;

    if (isnan(p) || p < 0 || p > 1 || !(df > 0))
        return (double)NAN;
    if (tail == 0)
        return p < 0.5 ? -(double)INFINITY : (double)INFINITY;
    if (df > 1e10)
        return rd_normal_quantile(p);
    /* Near the middle t^2/(df + t^2) is the small one, so that one is solved for. */
    if (tail > 0.25) {
        x = rd_beta_quantile(1 - 2 * tail, 0.5, df / 2);
        t = sqrt(df * x / (1 - x));
    } else {
        x = rd_beta_quantile(2 * tail, df / 2, 0.5);
        t = sqrt(df * (1 - x) / x);
    }
    return p < 0.5 ? -t : t;
}

double rd_binomial_cdf(double k, double n, double p)
{
    if (isnan(k) || isnan(p) || p < 0 || p > 1 || n < 0)
        return (double)NAN;
    if (k < 0)
        return 0;
    if (k >= n || p == 0)
        return 1;
    return p == 1 ? 0 : rd_beta_cdf(1 - p, n - k, k + 1);
}

double rd_poisson_cdf(double k, double rate)
{
    if (isnan(k) || !(rate >= 0))
        return (double)NAN;
    if (k < 0)
        return 0;
    return rate == 0 ? 1 : rd_gamma_tail(rate, k + 1);
}
