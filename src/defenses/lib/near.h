/*
 * near.h - the nearest rows of one set to each row of another, by Euclidean distance.
 *
 * Blocks of products by rd_sgemm: time is queries x rows x width, memory a block. Results depend
 * neither on threads nor on blocks; equal distances go to the lower index.
 */
#ifndef RD_DEFENSES_LIB_NEAR_H
#define RD_DEFENSES_LIB_NEAR_H

#include "base/run.h"

#include <stddef.h>

struct rd_near {
    const float *query, *x; /* (n_query, width), (n, width) */
    size_t n_query, n, width;
    size_t k;        /* how many; fewer are found when n is small: index SIZE_MAX */
    bool self;       /* query is x: a row is no neighbor of itself */
    size_t *index;   /* (n_query, k) out, nearest first; may be NULL */
    float *distance; /* (n_query, k) out, not squared, infinity where there is none; may be NULL */
};

rd_status rd_near(struct rd_run *run, const struct rd_near *near);

/* Rows `row` of all (., width), side by side in arena; NULL: memory. */
float *rd_gather_rows(
    const float *all, const size_t *row, size_t n, size_t width, struct rd_arena *arena);

#endif
