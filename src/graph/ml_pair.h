/*
 * ml_pair.h - class probabilities from those of each pair of classes.
 *
 * Source: Wu, Lin, Weng 2004, "Probability estimates for multi-class classification by pairwise
 * coupling", the second approach: p minimizes p' Q p with sum 1, where Q[i][i] is the sum over j of
 * r[j][i]^2 and Q[i][j] is -r[j][i] r[i][j]. LIBSVM, and so scikit-learn and the standard, run its
 * algorithm 2 from equal probabilities until all but 0.005 / k is settled.
 */
#ifndef RD_GRAPH_ML_PAIR_H
#define RD_GRAPH_ML_PAIR_H

#include <stddef.h>

size_t rd_ml_pair_room(size_t k); /* doubles of room, for both */

/* r (k, k): r[i][j] of i against j, r[j][i] = 1 - r[i][j]; the diagonal is not read. p (k). */
void rd_ml_pair(const double *r, double *p, size_t k, double *room);
/*
 * dr (k, k) = d loss / d r, all entries taken as free, from g = d loss / d p, at the minimum itself
 * (which rd_ml_pair comes near). dr's diagonal is 0. When the minimum is not unique dr is 0.
 */
void rd_ml_pair_back(
    const double *r, const double *p, const double *g, double *dr, size_t k, double *room);

#endif
