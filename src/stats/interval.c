/* interval.c - see interval.h. */
#include "stats/interval.h"

#include "stats/special.h"

#include <math.h>

struct rd_ci rd_ci_proportion(size_t k, size_t n, double level)
{
    const double tail = (1 - level) / 2, s = (double)k, f = (double)n - s;
    struct rd_ci ci = { (double)NAN, 0, 1 };

    if (n == 0 || k > n)
        return ci;
    ci.value = s / (double)n;
    if (k > 0)
        ci.low = rd_beta_quantile(tail, s, f + 1);
    if (k < n)
        ci.high = rd_beta_quantile(1 - tail, s + 1, f);
    return ci;
}

struct rd_ci rd_ci_wilson(size_t k, size_t n, double level)
{
    const double z = rd_normal_quantile(0.5 + level / 2), m = (double)n;
    struct rd_ci ci = { (double)NAN, 0, 1 };
    double p, center, half;

    if (n == 0 || k > n)
        return ci;
    p = (double)k / m;
    center = (2 * m * p + z * z) / (2 * (m + z * z));
    half = z * sqrt(z * z + 4 * m * p * (1 - p)) / (2 * (m + z * z));
    ci.value = p;
    /* At the ends the limit is exact; rounding must not push it past. */
    ci.low = k == 0 ? 0 : center - half;
    ci.high = k == n ? 1 : center + half;
    return ci;
}

struct rd_ci rd_ci_paired_proportions(size_t a, size_t b, size_t c, size_t d, double level)
{
    const size_t n = a + b + c + d;
    struct rd_ci before, after, ci = { (double)NAN, (double)NAN, (double)NAN };
    double fa = (double)a, fb = (double)b, fc = (double)c, fd = (double)d, m = (double)n;
    double phi = 0, rows, down1, up1, down2, up2, square;

    if (n == 0)
        return ci;
    before = rd_ci_wilson(a + b, n, level);
    after = rd_ci_wilson(a + c, n, level);
    rows = (fa + fb) * (fc + fd) * (fa + fc) * (fb + fd);
    if (rows > 0) {
        phi = fa * fd - fb * fc;
        if (phi > m / 2)
            phi -= m / 2;
        else if (phi > 0)
            phi = 0;
        phi /= sqrt(rows);
    }
    ci.value = (fb - fc) / m;
    down1 = before.value - before.low;
    up1 = before.high - before.value;
    down2 = after.value - after.low;
    up2 = after.high - after.value;
    square = down1 * down1 - 2 * phi * down1 * up2 + up2 * up2;
    ci.low = ci.value - sqrt(square > 0 ? square : 0);
    square = up1 * up1 - 2 * phi * up1 * down2 + down2 * down2;
    ci.high = ci.value + sqrt(square > 0 ? square : 0);
    return ci;
}

double rd_mcnemar_exact(size_t b, size_t c)
{
    const double n = (double)(b + c), least = (double)(b < c ? b : c);
    double p;

    if (b + c == 0)
        return 1;
    p = 2 * rd_binomial_cdf(least, n, 0.5);
    return p > 1 ? 1 : p;
}

struct rd_ci rd_ci_mean(const double *x, size_t n, double level)
{
    struct rd_ci ci = { rd_mean(x, n), (double)NAN, (double)NAN };
    double half;

    if (n < 2)
        return ci;
    half = rd_t_quantile(0.5 + level / 2, (double)(n - 1)) * sqrt(rd_variance(x, n) / (double)n);
    ci.low = ci.value - half;
    ci.high = ci.value + half;
    return ci;
}

struct rd_ci rd_ci_paired_mean(const double *before, const double *after, size_t n, double level)
{
    struct rd_ci ci = { (double)NAN, (double)NAN, (double)NAN };
    double sum = 0, squares = 0, half;

    if (n == 0)
        return ci;
    for (size_t i = 0; i < n; i++)
        sum += before[i] - after[i];
    ci.value = sum / (double)n;
    if (n < 2)
        return ci;
    for (size_t i = 0; i < n; i++) {
        const double e = before[i] - after[i] - ci.value;

        squares += e * e;
    }
    half = rd_t_quantile(0.5 + level / 2, (double)(n - 1)) *
           sqrt(squares / (double)(n - 1) / (double)n);
    ci.low = ci.value - half;
    ci.high = ci.value + half;
    return ci;
}

struct rd_ci rd_ci_rate(size_t k, double exposure, double level)
{
    const double tail = (1 - level) / 2, events = (double)k;
    struct rd_ci ci = { events / exposure, 0, 0 };

    if (k > 0)
        ci.low = rd_gamma_quantile(tail, events) / exposure;
    ci.high = rd_gamma_quantile(1 - tail, events + 1) / exposure;
    return ci;
}

static void sift(double *x, size_t root, size_t n)
{
    const double v = x[root];

    for (;;) {
        size_t child = 2 * root + 1;

        if (child >= n)
            break;
        if (child + 1 < n && x[child + 1] > x[child])
            child++;
        if (!(x[child] > v))
            break;
        x[root] = x[child];
        root = child;
    }
    x[root] = v;
}

static void heap_sort(double *x, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(x, i, n);
    for (size_t end = n; end-- > 1;) {
        const double top = x[0];

        x[0] = x[end];
        x[end] = top;
        sift(x, 0, end);
    }
}

static void insertion_sort(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double v = x[i];
        size_t j = i;

        for (; j > 0 && x[j - 1] > v; j--)
            x[j] = x[j - 1];
        x[j] = v;
    }
}

static double middle(double a, double b, double c)
{
    if (a < b)
        return b < c ? b : (a < c ? c : a);
    return a < c ? a : (b < c ? c : b);
}

/* Quicksort that hands over to heapsort after depth splits: never quadratic. Source: Musser 1997.
 */
static void intro_sort(double *x, size_t n, int depth)
{
    while (n > 24) {
        const double pivot = middle(x[0], x[n / 2], x[n - 1]);
        size_t i = 0, j = n - 1;

        if (depth-- == 0) {
            heap_sort(x, n);
            return;
        }
        for (;;) {
            double t;

            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            t = x[i];
            x[i++] = x[j];
            x[j--] = t;
        }
        /* x[0 .. i-1] <= pivot <= x[i .. n-1]; recurse into the first part, loop on the second. */
        intro_sort(x, i, depth);
        x += i;
        n -= i;
    }
    insertion_sort(x, n);
}

void rd_sort(double *x, size_t n)
{
    int depth = 2;

    for (size_t m = n; m > 1; m /= 2)
        depth += 2;
    intro_sort(x, n, depth);
}

double rd_quantile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t i = at <= 0 ? 0 : (size_t)at;

    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static double pairwise_sum(const double *x, size_t n)
{
    double sum = 0;

    if (n > 128)
        return pairwise_sum(x, n / 2) + pairwise_sum(x + n / 2, n - n / 2);
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

double rd_mean(const double *x, size_t n)
{
    return n ? pairwise_sum(x, n) / (double)n : (double)NAN;
}

double rd_variance(const double *x, size_t n)
{
    const double mean = rd_mean(x, n);
    double squares = 0, rest = 0;

    if (n < 2)
        return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        const double e = x[i] - mean;

        squares += e * e;
        rest += e; /* the mean's own rounding, taken out. Source: Chan, Golub, LeVeque 1983 */
    }
    squares -= rest * rest / (double)n;
    return squares > 0 ? squares / (double)(n - 1) : 0;
}

struct rd_ci rd_ci_bootstrap(size_t n,
    double (*statistic)(void *user, const size_t *index, size_t n), void *user, double level,
    struct rd_rng *rng, size_t draws, double *scratch, size_t *index)
{
    struct rd_ci ci = { (double)NAN, (double)NAN, (double)NAN };

    if (n == 0 || draws == 0)
        return ci;
    for (size_t i = 0; i < n; i++)
        index[i] = i;
    ci.value = statistic(user, index, n);
    for (size_t draw = 0; draw < draws; draw++) {
        for (size_t i = 0; i < n; i++)
            index[i] = (size_t)rd_rng_below(rng, n);
        scratch[draw] = statistic(user, index, n);
    }
    rd_sort(scratch, draws);
    ci.low = rd_quantile(scratch, draws, (1 - level) / 2);
    ci.high = rd_quantile(scratch, draws, (1 + level) / 2);
    return ci;
}
