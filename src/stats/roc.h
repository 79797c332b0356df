/*
 * roc.h - how well a score tells two groups apart: members from others, poison from clean.
 *
 * All from counts: ties are one threshold, so they cost what a coin would cost them (the trapezoid
 * rule on the curve, one half in the rank statistic). Same bits on every machine.
 */
#ifndef RD_STATS_ROC_H
#define RD_STATS_ROC_H

#include <stdbool.h>
#include <stddef.h>

/* One point for each distinct score: everything at least as large is called positive. */
struct rd_roc {
    size_t n;                    /* points, the origin not among them; the last is (1, 1) */
    size_t positives, negatives; /* how many there are */
    size_t *true_positive;       /* (n), rising */
    size_t *false_positive;      /* (n), rising */
    double *threshold;           /* (n), falling */
};

/*
 * score (n), no NaN; positive (n). The arrays of roc_out hold n entries each and are the caller's.
 * With none of either kind every rate below is NaN.
 */
void rd_roc_of(
    const double *score, const bool *positive, size_t n, size_t *order, struct rd_roc *roc_out);

/*
 * Area under the curve: the chance that a positive scores above a negative, a tie counted one half.
 * Sources: Bamber 1975; Hanley, McNeil 1982.
 */
double rd_roc_area(const struct rd_roc *roc);
/* The largest true-positive rate at a false-positive rate of at most fpr: no point between two
 * thresholds is made up. 0 when the first threshold is above it already. */
double rd_roc_tpr(const struct rd_roc *roc, double fpr);
/* Largest (TPR + 1 - FPR) / 2 over all thresholds, chosen on these very scores. */
double rd_roc_balanced_accuracy(const struct rd_roc *roc);
/*
 * Share of positives among the `top` items of largest score; a tie at the edge counts with its
 * share.
 */
double rd_roc_precision(const struct rd_roc *roc, size_t top);

#endif
