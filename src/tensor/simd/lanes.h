/*
 * lanes.h - vectors of RD_LANES floats by GCC's vector extensions, as all of simd/ uses them.
 * Compiled once per instruction set (cmake/kernels.cmake), which gives RD_LANES, RD_TILE (rows in a
 * register tile) and RD_TABLE, the name of the table.
 */
#ifndef RD_TENSOR_SIMD_LANES_H
#define RD_TENSOR_SIMD_LANES_H

#include "tensor/kernel.h"
#include "tensor/math.h"

#include <string.h>

#define LANES RD_LANES
#define TILE RD_TILE
#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_LONG _Pragma("clang loop unroll(full)")
#define UNROLL_SHORT /* clang unrolls constant bounds unasked, and warns of others when asked */
#else
#define UNROLL _Pragma("GCC unroll 18")
#define UNROLL_LONG _Pragma("GCC unroll 32")
#define UNROLL_SHORT _Pragma("GCC unroll 4")
#endif

/* The compiler forgets where this pointer came from. */
#define HIDE(p) __asm__("" : "+r"(p))

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef float vec_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t vec_mask __attribute__((vector_size(LANES * 4)));
typedef uint32_t vec_bits __attribute__((vector_size(LANES * 4))); /* where a difference may wrap */
typedef uint8_t vec_index __attribute__((vector_size(LANES)));
typedef uint16_t vec_short __attribute__((vector_size(LANES * 2)));
typedef double vec_wide __attribute__((vector_size(LANES * 8)));

/* By way of 16 bits: GCC does not know the way from 8 to 32 as one instruction, and goes lane by
 * lane. */
INLINE vec_mask widen(vec_index i)
{
    return __builtin_convertvector(__builtin_convertvector(i, vec_short), vec_mask);
}

INLINE vec load(const float *p)
{
    return *(const vec_any *)p;
}

INLINE void store(float *p, vec v)
{
    *(vec_any *)p = v;
}

/* The first n of LANES floats; the rest is zero. */
INLINE vec load_some(const float *p, size_t n)
{
    vec v = { 0 };

    memcpy(&v, p, n * sizeof(float));
    return v;
}

INLINE void store_some(float *p, vec v, size_t n)
{
    memcpy(p, &v, n * sizeof(float));
}

INLINE vec choose(vec_mask m, vec yes, vec no)
{
    return (vec)(((vec_mask)yes & m) | ((vec_mask)no & ~m));
}

INLINE vec relu_of(vec v)
{
    const vec zero = { 0 };

    return (vec)((vec_mask)v & ~(vec_mask)(v < zero)); /* NaN stays */
}

/* No more than top; 0: as it is. NaN stays. */
INLINE vec below(vec v, float top)
{
    const vec most = (vec){ 0 } + top;

    return top > 0 ? choose((vec_mask)(v > most), most, v) : v;
}

/* The mask of what passes: positive, and below top unless that is 0. */
INLINE vec_index mask_of(vec v, float top)
{
    vec_mask on = (vec_mask)(v > (vec){ 0 });

    if (top > 0)
        on &= (vec_mask)(v < (vec){ 0 } + top);
    return __builtin_convertvector(~on & RD_POOL_OFF, vec_index);
}

/* X(1) ... X(TILE) */
#define EACH_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6) X_UP_TO_12(X) X_UP_TO_14(X)
#if RD_TILE >= 12
#define X_UP_TO_12(X) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define X_UP_TO_12(X)
#endif
#if RD_TILE >= 14
#define X_UP_TO_14(X) X(13) X(14)
#else
#define X_UP_TO_14(X)
#endif
/* X(TILE + 1) ... X(2 * TILE) */
#if RD_TILE >= 14
#define EACH_TILE_TWICE(X)                                                                         \
    X(15)                                                                                          \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28)
#elif RD_TILE >= 12
#define EACH_TILE_TWICE(X) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)
#else
#define EACH_TILE_TWICE(X) X(7) X(8) X(9) X(10) X(11) X(12)
#endif
/* X(1) ... X(TILE + 2) */
#if RD_TILE >= 14
#define EACH_SLIDE(X) EACH_TILE(X) X(15) X(16)
#elif RD_TILE >= 12
#define EACH_SLIDE(X) EACH_TILE(X) X(13) X(14)
#else
#define EACH_SLIDE(X) EACH_TILE(X) X(7) X(8)
#endif
#define RD_JOIN_(a, b) a##b
#define RD_JOIN(a, b) RD_JOIN_(a, b)
#define RD_NAMED(name) RD_JOIN(name##_, RD_TABLE) /* one of each for every table */

/* math.c */
extern const struct rd_math RD_NAMED(rd_math);

/* rows.c */
void RD_NAMED(rd_rows)(const struct rd_rows *q);
void RD_NAMED(rd_pooled)(const struct rd_pooled *q);
void RD_NAMED(rd_narrow)(const struct rd_rows *q);
/* depth.c */
void RD_NAMED(rd_depth)(const struct rd_depth *q);
/* sweep.c */
void RD_NAMED(rd_sweep)(const struct rd_sweep *q);
void RD_NAMED(rd_rank)(const struct rd_rank *q);
/* single.c: as many columns of one row as make whole groups, the rest is left; their number. No
 * lines, mask or plus. */
size_t RD_NAMED(rd_single)(const struct rd_rows *q);
/* outer.c */
void RD_NAMED(rd_outer)(const struct rd_outer *q);
/* norm.c */
void RD_NAMED(rd_norm_moments)(const struct rd_norm *q);
void RD_NAMED(rd_norm_values)(const struct rd_norm *q);
void RD_NAMED(rd_norm_sums)(const struct rd_norm *q);
void RD_NAMED(rd_norm_back)(const struct rd_norm *q);
/* ints.c */
void RD_NAMED(rd_quantize)(const struct rd_quantize *q);
void RD_NAMED(rd_from_bytes)(const void *x, bool is_signed, float zero, float *out, size_t n);
void RD_NAMED(rd_int_sum)(const struct rd_int_sum *q);
void RD_NAMED(rd_add_ints)(const float *part, int32_t *sum, size_t n);

#endif
