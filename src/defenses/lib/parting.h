/*
 * parting.h - one class's activations split in two, in the ways in which it falls apart clearest.
 *
 * Principal components first (at most `dims`), then 2-means and splits along each component as
 * starts, each refined until it is the best linear split of its own two groups (Fisher's
 * discriminant, a shared covariance, a threshold that knows the groups' sizes). Ends that
 * differ are kept, the largest separation first.
 */
#ifndef RD_DEFENSES_LIB_PARTING_H
#define RD_DEFENSES_LIB_PARTING_H

#include "base/run.h"

#include <stddef.h>
#include <stdint.h>

enum { RD_PARTING_DIMS_MAX = 32, RD_PARTINGS_MAX = 4 };

struct rd_parting {
    size_t n;
    bool *second; /* (n) which group; the smaller one is `second` */
    size_t n_second;
    double separation; /* Mahalanobis distance of their means */
    double *posterior; /* (n) of the second group, 0 to 1 */
    double silhouette; /* mean, in the space of the components (Rousseeuw 1987) */
};

/*
 * x (n, width), finite. Groups below least rows are not looked at. Everything in arena. split_out:
 * room for RD_PARTINGS_MAX, *n_out of them found. Same seed and index, same splits, whatever the
 * thread count.
 */
rd_status rd_part_two(struct rd_run *run, const float *x, size_t n, size_t width, size_t dims,
    size_t least, uint64_t seed, uint64_t index, struct rd_arena *arena,
    struct rd_parting *split_out, size_t *n_out);

/*
 * Leading components of x less its mean: z (n, dims) float64 scores, ordered by variance. dims is
 * at most RD_PARTING_DIMS_MAX; those beyond the rank are 0.
 */
rd_status rd_components(struct rd_run *run, const float *x, size_t n, size_t width, size_t dims,
    uint64_t seed, uint64_t index, double *z);

#endif
