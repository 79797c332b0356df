/*
 * rng.h - counter-based random numbers: Philox 4x32-10.
 *
 * A stream is named by (seed, module, index), so results do not depend on threads or batch size.
 * Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
 * section 3.3.
 */
#ifndef RD_BASE_RNG_H
#define RD_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rd_rng {
    uint32_t key[2], counter[4];
    uint32_t word[4]; /* the current block */
    unsigned used;    /* words of it already handed out */
};

/* The bare function: ten rounds on counter with key. */
void rd_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/*
 * n blocks of streams of one module, two numbers each: block[i] of the stream with index[i], as
 * rd_rng_u64 would hand them out, into first[i] and second[i]. Several are computed side by side,
 * with the widest vectors that the machine has; the numbers are the same everywhere.
 */
void rd_rng_blocks(const struct rd_rng *stream, const uint32_t *block, const uint64_t *index,
    size_t n, uint64_t *first, uint64_t *second);

/* The stream of this module ("pgd", "risk/outer", ...) and index (example, run, draw). */
struct rd_rng rd_rng_stream(uint64_t seed, const char *module, uint64_t index);
uint32_t rd_rng_u32(struct rd_rng *r);
uint64_t rd_rng_u64(struct rd_rng *r);
double rd_rng_unit(struct rd_rng *r);                           /* [0, 1), 53 bits */
float rd_rng_unit_float(struct rd_rng *r);                      /* [0, 1), 24 bits */
uint64_t rd_rng_below(struct rd_rng *r, uint64_t n);            /* 0 .. n-1, unbiased; n > 0 */
void rd_rng_shuffle(struct rd_rng *r, size_t *index, size_t n); /* Fisher-Yates in place */

#endif
