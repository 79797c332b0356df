/*
 * sweep.c - rows down decision trees without any descent: every node is asked for all rows of a
 * block, a byte each, in an order in which parents come before children.
 */
#include "tensor/simd/lanes.h"

enum { BYTES = LANES * 4 };

typedef int8_t vec_byte __attribute__((vector_size(BYTES)));
typedef uint32_t vec_word __attribute__((vector_size(BYTES)));

/* A byte four times, as loading one to every lane needs. */
INLINE vec_byte splat(uint32_t four)
{
    return (vec_byte)((vec_word){ 0 } + four);
}

INLINE vec_byte step(vec_byte at, vec_byte column, vec_byte from, vec_byte to, vec_byte rank)
{
    const vec_byte go = (vec_byte)(at == from) & (vec_byte)(column > rank);

#if RD_LANES >= 16
    return (to & go) | (at & ~go); /* becomes a masked move */
#else
    return at ^ (go & (from ^ to));
#endif
}

enum { GROUP = 4 }; /* vectors of rows at once: their chains hide each other's latency */

void RD_NAMED(rd_sweep)(const struct rd_sweep *q)
{
    const struct rd_sweep_node *const end = q->node + q->n;

    for (size_t r = 0; r < q->rows; r += GROUP * BYTES) {
        const int8_t *const first = q->column + r;
        vec_byte at[GROUP];

        UNROLL
        for (int g = 0; g < GROUP; g++)
            at[g] = splat(0);
        for (const struct rd_sweep_node *n = q->node; n < end; n++) {
            const int8_t *const column = first + n->column + (n->nan_right & q->nan_right);
            const vec_byte from = splat(n->from), to = splat(n->to), rank = splat(n->rank);

            UNROLL
            for (int g = 0; g < GROUP; g++) {
                vec_byte v;

                memcpy(&v, column + g * BYTES, sizeof v);
                at[g] = step(at[g], v, from, to, rank);
            }
        }
        memcpy(q->at + r, at, sizeof at);
    }
}

/* Few thresholds: each is asked; many: a search of as many steps for every row. */
enum { ASK_ALL = 24 };

void RD_NAMED(rd_rank)(const struct rd_rank *q)
{
    const float *const restrict x = q->x, *const restrict threshold = q->threshold;
    int32_t rank[RD_RANK_ROWS] = { 0 };
    size_t left = q->n;

    if (left <= ASK_ALL) {
        for (size_t k = 0; k < left; k++) {
            const float t = threshold[k];

            for (int r = 0; r < RD_RANK_ROWS; r++)
                rank[r] += x[r] > t;
        }
    } else {
        for (; left > 1; left -= left / 2) {
            const int32_t half = (int32_t)(left / 2);

            for (int r = 0; r < RD_RANK_ROWS; r++)
                rank[r] += half & -(int32_t)(x[r] > threshold[rank[r] + half - 1]);
        }
        for (int r = 0; r < RD_RANK_ROWS; r++)
            rank[r] += x[r] > threshold[rank[r]];
    }
    for (size_t k = 0, below = 0; below < q->n; k++, below += RD_SWEEP_RANKS) {
        int8_t *const to = q->to + k * RD_SWEEP_ROWS;

        for (int r = 0; r < RD_RANK_ROWS; r++) {
            int32_t v = rank[r] - (int32_t)below;

            v = v < 0 ? 0 : v > RD_SWEEP_RANKS ? RD_SWEEP_RANKS : v;
            to[r] = (int8_t)(v - 128);
        }
    }
}
