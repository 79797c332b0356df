/*
 * interval.h - what a handful of trials allows one to say.
 *
 * level is the two-sided confidence, 0.95 as a rule. NaN in low and high means that the interval
 * cannot be given (too few runs); each function says when. Same bits on every machine.
 */
#ifndef RD_STATS_INTERVAL_H
#define RD_STATS_INTERVAL_H

#include "base/rng.h"

#include <stddef.h>

struct rd_ci {
    double value, low, high;
};

/*
 * A proportion, k successes in n independent trials: Clopper-Pearson, which never covers less than
 * level. n = 0 gives value NaN and [0, 1]. Source: Clopper, Pearson 1934.
 */
struct rd_ci rd_ci_proportion(size_t k, size_t n, double level);
/* The same by Wilson's score, shorter and only nearly exact. Source: Wilson 1927. */
struct rd_ci rd_ci_wilson(size_t k, size_t n, double level);

/*
 * Before and after on the same examples: a succeeded both times, b only before, c only after, d
 * never. Difference of proportions before - after = (b - c) / n with Newcombe's interval (method
 * 10: Wilson limits, the pairs' correlation, with its continuity correction). n = 0 gives NaN.
 * Source: Newcombe 1998, Statistics in Medicine 17, 2635-2650.
 */
struct rd_ci rd_ci_paired_proportions(size_t a, size_t b, size_t c, size_t d, double level);
/* Exact two-sided McNemar test: chance of a split at least as uneven as (b, c) when nothing
 * changed. */
double rd_mcnemar_exact(size_t b, size_t c);

/* Mean over n independent runs with Student's t; low, high NaN when n < 2. */
struct rd_ci rd_ci_mean(const double *x, size_t n, double level);
/* Mean of before[i] - after[i], the same seeds in both; low, high NaN when n < 2. */
struct rd_ci rd_ci_paired_mean(const double *before, const double *after, size_t n, double level);

/* A rate from k events in exposure (years): exact (Garwood 1936). exposure > 0. */
struct rd_ci rd_ci_rate(size_t k, double exposure, double level);

/* Rising order, in place, n log n at worst; NaN is not allowed. */
void rd_sort(double *x, size_t n);
/* Quantile of n >= 1 rising values, linear between order statistics (type 7 of Hyndman, Fan 1996).
 */
double rd_quantile(const double *sorted, size_t n, double p);
/* Mean by pairwise summation in index order: error grows with log n; NaN when n = 0. */
double rd_mean(const double *x, size_t n);
/* Sample variance (n - 1), two passes; NaN when n < 2. */
double rd_variance(const double *x, size_t n);

/*
 * Percentile bootstrap of any statistic: draws resamples of n items with replacement, given to
 * statistic as indices. scratch holds draws doubles, index n. value is the statistic of the items
 * themselves.
 */
struct rd_ci rd_ci_bootstrap(size_t n,
    double (*statistic)(void *user, const size_t *index, size_t n), void *user, double level,
    struct rd_rng *rng, size_t draws, double *scratch, size_t *index);

#endif
