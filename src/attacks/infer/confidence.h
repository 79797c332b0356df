/*
 * confidence.h - how sure a network is of an example's own class, as log odds: log(p / (1 - p)).
 *
 * For a class of probability near 1 the loss rounds to 0; the log odds go on growing, and over
 * networks trained alike they are nearly normal. Source: Carlini et al. 2022, arXiv:2112.03570,
 * section V-A.
 */
#ifndef RD_ATTACKS_INFER_CONFIDENCE_H
#define RD_ATTACKS_INFER_CONFIDENCE_H

#include "attacks/job.h"

#include <math.h>

enum { RD_CONFIDENCE_ROWS = 512 };

/* Probabilities are held this far from 0 and 1: some endpoints round them. */
#define RD_CONFIDENCE_LEAST 1e-9

/* score (classes): probabilities or logits. */
static inline double rd_confidence(const float *score, size_t classes, size_t y, bool probabilities)
{
    double top = -INFINITY, rest = 0;

    if (probabilities) {
        for (size_t k = 0; k < classes; k++)
            rest += k == y ? 0 : fmax((double)score[k], 0);
        return log(fmax((double)score[y], RD_CONFIDENCE_LEAST)) -
               log(fmax(rest, RD_CONFIDENCE_LEAST));
    }
    for (size_t k = 0; k < classes; k++)
        top = k != y && (double)score[k] > top ? (double)score[k] : top;
    for (size_t k = 0; k < classes; k++)
        rest += k == y ? 0 : exp((double)score[k] - top);
    return (double)score[y] - top - log(rest);
}

/* The victim's, of n rows x with their classes label: n queries. */
static inline rd_status rd_confidence_of_victim(struct rd_run *run, const struct rd_oracle *oracle,
    const float *x, const int *label, size_t n, double *confidence)
{
    float *score = RD_NEW_ARRAY(run->scratch, float, RD_CONFIDENCE_ROWS * oracle->classes);
    rd_status st = score ? RD_OK : rd_run_no_memory(run, "scores");

    for (size_t i = 0; !st && i < n; i += RD_CONFIDENCE_ROWS) {
        const size_t m = n - i < RD_CONFIDENCE_ROWS ? n - i : RD_CONFIDENCE_ROWS;
        const struct rd_rows rows = { .x = x + i * oracle->inputs, .n = m };

        st = rd_run_step(run, "asking", i, n);
        if (!st)
            st = oracle->scores(oracle->self, &rows, score, run->err);
        for (size_t k = 0; !st && k < m; k++)
            confidence[i + k] = rd_confidence(score + k * oracle->classes, oracle->classes,
                (size_t)label[i + k], oracle->scores_are_probabilities);
    }
    return st;
}

#endif
