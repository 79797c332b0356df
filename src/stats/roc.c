/* roc.c - receiver operating characteristic, counted. */
#include "stats/roc.h"

#include <math.h>

/* --- order by falling score: a merge would need room, so a heap --- */

static bool before(const double *score, size_t a, size_t b)
{
    if (score[a] < score[b] || score[a] > score[b])
        return score[a] > score[b];
    return a < b;
}

/* The item that comes last of all stands at the root. */
static void sift(const double *score, size_t *order, size_t at, size_t n)
{
    for (;;) {
        size_t child = 2 * at + 1;
        const size_t held = order[at];

        if (child >= n)
            return;
        if (child + 1 < n && before(score, order[child], order[child + 1]))
            child++;
        if (!before(score, held, order[child]))
            return;
        order[at] = order[child];
        order[child] = held;
        at = child;
    }
}

static void sort(const double *score, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(score, order, i, n);
    for (size_t end = n; end > 1; end--) {
        const size_t last = order[0];

        order[0] = order[end - 1];
        order[end - 1] = last;
        sift(score, order, 0, end - 1);
    }
}

void rd_roc_of(
    const double *score, const bool *positive, size_t n, size_t *order, struct rd_roc *roc_out)
{
    size_t hit = 0, miss = 0;

    roc_out->n = 0;
    sort(score, order, n);
    for (size_t i = 0; i < n; i++) {
        hit += positive[order[i]];
        miss += !positive[order[i]];
        /* A point only where the score changes: ties fall together. */
        if (i + 1 < n && !(score[order[i + 1]] < score[order[i]]))
            continue;
        roc_out->true_positive[roc_out->n] = hit;
        roc_out->false_positive[roc_out->n] = miss;
        roc_out->threshold[roc_out->n] = score[order[i]];
        roc_out->n++;
    }
    roc_out->positives = hit;
    roc_out->negatives = miss;
}

double rd_roc_area(const struct rd_roc *roc)
{
    double twice = 0; /* whole numbers: exact while there are fewer than 2^52 pairs */
    size_t hit = 0, miss = 0;

    for (size_t i = 0; i < roc->n; i++) {
        twice += (double)(roc->false_positive[i] - miss) * (double)(roc->true_positive[i] + hit);
        hit = roc->true_positive[i];
        miss = roc->false_positive[i];
    }
    if (!roc->positives || !roc->negatives)
        return NAN;
    return twice / (2 * (double)roc->positives * (double)roc->negatives);
}

double rd_roc_tpr(const struct rd_roc *roc, double fpr)
{
    size_t hit = 0;

    if (!roc->positives || !roc->negatives)
        return NAN;
    for (size_t i = 0; i < roc->n; i++)
        if ((double)roc->false_positive[i] / (double)roc->negatives <= fpr)
            hit = roc->true_positive[i];
    return (double)hit / (double)roc->positives;
}

double rd_roc_balanced_accuracy(const struct rd_roc *roc)
{
    double best = 0.5; /* call nothing positive */

    if (!roc->positives || !roc->negatives)
        return NAN;
    for (size_t i = 0; i < roc->n; i++) {
        const double tpr = (double)roc->true_positive[i] / (double)roc->positives;
        const double fpr = (double)roc->false_positive[i] / (double)roc->negatives;

        best = fmax(best, (tpr + 1 - fpr) / 2);
    }
    return best;
}

double rd_roc_precision(const struct rd_roc *roc, size_t top)
{
    double hits = 0;
    size_t hit = 0, all = 0;

    if (!top || !roc->n)
        return NAN;
    for (size_t i = 0; i < roc->n && all < top; i++) {
        const size_t here = roc->true_positive[i] + roc->false_positive[i] - all;
        const size_t taken = here < top - all ? here : top - all;

        hits += (double)(roc->true_positive[i] - hit) * (double)taken / (double)here;
        hit = roc->true_positive[i];
        all += taken;
    }
    return hits / (double)all;
}
