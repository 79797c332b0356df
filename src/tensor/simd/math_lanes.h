/*
 * math_lanes.h - the functions of tensor/math.h on one vector, for math.c and math_rows.c.
 *
 * Polynomials fitted to the exact functions (weighted least squares at Chebyshev nodes, weights
 * moved until the errors level off); the error of each fit stands beside it, relative to the
 * function.
 */
#ifndef RD_TENSOR_SIMD_MATH_LANES_H
#define RD_TENSOR_SIMD_MATH_LANES_H

#include "tensor/math.h"
#include "tensor/simd/lanes.h"

#include <math.h>

INLINE vec all(float v)
{
    return (vec){ 0 } + v;
}

INLINE vec part(const float *p, size_t n)
{
    return n >= LANES ? load(p) : load_some(p, n);
}

INLINE void put(float *p, vec v, size_t n)
{
    if (n >= LANES)
        store(p, v);
    else
        store_some(p, v, n);
}

INLINE vec magnitude(vec x)
{
    return (vec)((vec_mask)x & 0x7fffffff);
}

INLINE vec sign_of(vec x) /* its sign bit alone */
{
    return (vec)((vec_mask)x & (int32_t)0x80000000u);
}

INLINE vec with_sign(vec x, vec sign)
{
    return (vec)((vec_mask)x | (vec_mask)sign);
}

/* --- one vector --- */

INLINE vec power_of_two(vec_mask k) /* -126..127 */
{
    return (vec)((k + 127) << 23);
}

/*
 * exp(x) = 2^k exp(r), |r| <= ln 2 / 2; k ln 2 is taken off in two parts, the first of few bits.
 * exp(r) = 1 + r + r^2 P(r), 4.9e-11. Gives exp(r), and k into *power; x in -104..88.8.
 */
INLINE vec exp_parts(vec x, vec_mask *power)
{
    const vec magic = all(12582912.0f); /* 1.5 * 2^23 */
    vec k = x * 1.44269504f + magic, r, p;

    *power = (vec_mask)k - (vec_mask)magic;
    k -= magic;
    r = x - k * 0.693145752f;
    r -= k * 1.42860677e-6f;
    p = all(1.991797033e-04f);
    p = p * r + 1.394618977e-03f;
    p = p * r + 8.333265168e-03f;
    p = p * r + 4.166626826e-02f;
    p = p * r + 1.666666686e-01f;
    p = p * r + 5.000000078e-01f;
    return (p * r * r + r) + 1.0f;
}

/* 2^k in two factors, so that results below the normal floats and the overflow come out by
 * themselves. */
INLINE vec exp_of(vec x)
{
    const vec high = all(88.8f), low = all(-104.0f);
    vec_mask k, half;
    vec p;

    x = choose((vec_mask)(x > high), high, x);
    x = choose((vec_mask)(x < low), low, x);
    p = exp_parts(x, &k);
    half = k >> 1;
    return p * power_of_two(half) * power_of_two(k - half);
}

/* The same for x in -87..0, where one factor will do; below, it is nearly zero (2^-126). */
INLINE vec exp_negative(vec x)
{
    const vec low = all(-87.0f);
    vec_mask k;
    vec p;

    x = choose((vec_mask)(x < low), low, x);
    p = exp_parts(x, &k);
    return p * power_of_two(k);
}

/*
 * log(m 2^k) with m in sqrt(1/2)..sqrt(2): log(1 + f) = f - f^2 / 2 + f^3 P(f), 5.9e-9. x >= 0
 * and normal.
 */
INLINE vec log_normal(vec x)
{
    const vec_mask bits = (vec_mask)((vec_bits)x - 0x3f3504f3u); /* of sqrt(1/2) */
    const vec_mask k = bits >> 23;
    const vec f = (vec)((vec_bits)x - ((vec_bits)k << 23)) - 1.0f;
    const vec e = __builtin_convertvector(k, vec);
    vec p = all(-7.859545778e-02f);

    p = p * f + 1.288162237e-01f;
    p = p * f - 1.312876765e-01f;
    p = p * f + 1.418119612e-01f;
    p = p * f - 1.662455314e-01f;
    p = p * f + 2.000228608e-01f;
    p = p * f - 2.500081043e-01f;
    p = p * f + 3.333331673e-01f;
    p = p * f * f * f + e * 1.42860677e-6f;
    p -= 0.5f * f * f;
    return e * 0.693145752f + (f + p);
}

INLINE vec log_of(vec x)
{
    const vec infinity = all(HUGE_VALF), zero = { 0 };
    const vec_mask tiny = (vec_mask)(x < 1.17549435e-38f); /* and all that is not positive */
    vec y = log_normal(choose(tiny, x * 16777216.0f, x));  /* 2^24 */

    y = choose(tiny, y - 16.6355323f, y);
    y = choose((vec_mask)(x == infinity), infinity, y);
    y = choose((vec_mask)(x == zero), -infinity, y);
    return choose((vec_mask)(x >= zero), y, choose((vec_mask)(x == x), all(NAN), x));
}

/* log(1 + u), u in 0..1: that of the rounded sum, put right by what the rounding lost. */
INLINE vec log1p_of(vec u)
{
    const vec w = u + 1.0f;

    return log_normal(w) + (u - (w - 1.0f)) / w;
}

/* x + x^3 P(x^2), 4.2e-9, below 0.625; 1 - 2 / (exp(2 |x|) + 1) from there on. */
INLINE vec tanh_of(vec x)
{
    const vec a = magnitude(x), z = x * x;
    /* NaN counts as large, and goes through both. */
    const vec e = exp_negative(-2.0f * choose((vec_mask)(a > 10.0f), all(10.0f), a));
    const vec large = with_sign((1.0f - e) / (1.0f + e), sign_of(x));
    vec p = all(-5.717036546e-03f);

    p = p * z + 2.065057899e-02f;
    p = p * z - 5.374349526e-02f;
    p = p * z + 1.333149125e-01f;
    p = p * z - 3.333328392e-01f;
    return choose((vec_mask)(a < 0.625f), p * z * x + x, large);
}

/* No exponent is positive: nothing overflows. */
INLINE vec sigmoid_of(vec x)
{
    const vec e = exp_of(-magnitude(x));

    return choose((vec_mask)(x >= (vec){ 0 }), all(1.0f), e) / (1.0f + e);
}

/* erf(x) / x for |x| < 1 by x^2, 1.2e-9. */
INLINE vec erf_small(vec z)
{
    vec p = all(7.889119280e-05f);

    p = p * z - 8.020841204e-04f;
    p = p * z + 5.189535331e-03f;
    p = p * z - 2.685444459e-02f;
    p = p * z + 1.128360018e-01f;
    p = p * z - 3.761262714e-01f;
    return p * z + 1.128379166e+00f;
}

/* exp(a^2) erfc(a), a in 0.45..10.5: t Q(t), t = 1 / (1 + 0.4 a), 5.6e-9. */
INLINE vec erfcx_of(vec a)
{
    const vec t = 1.0f / (1.0f + 0.4f * a);
    vec p = all(5.924958040e-02f);

    p = p * t - 2.168881932e-01f;
    p = p * t + 2.222992514e-01f;
    p = p * t - 5.023017628e-02f;
    p = p * t + 1.630820994e-01f;
    p = p * t + 1.624174973e-01f;
    p = p * t + 2.088073202e-01f;
    p = p * t + 2.255948990e-01f;
    p = p * t + 2.256778911e-01f;
    return p * t;
}

INLINE vec erf_of(vec x)
{
    const vec a = magnitude(x), b = choose((vec_mask)(a > 4.0f), all(4.0f), a);
    const vec large = 1.0f - exp_negative(-b * b) * erfcx_of(b);

    return choose((vec_mask)(a < 0.95f), erf_small(x * x) * x, with_sign(large, sign_of(x)));
}

/* Phi(x) = (1 + erf(x / sqrt 2)) / 2, for negative x without cancellation; *density:
 * exp(-x^2 / 2). */
INLINE vec normal_of(vec x, vec *density)
{
    const vec root = all(0.707106781f);
    const vec a = magnitude(x) * root, b = choose((vec_mask)(a > 10.0f), all(10.0f), a);
    const vec e = exp_negative(-0.5f * x * x), tail = 0.5f * e * erfcx_of(b);

    *density = e;
    return choose((vec_mask)(a < 0.5f), 0.5f + 0.5f * erf_small(a * a) * (x * root),
        choose((vec_mask)(x < (vec){ 0 }), tail, 1.0f - tail));
}

INLINE vec softplus_of(vec x)
{
    return choose((vec_mask)(x < (vec){ 0 }), (vec){ 0 }, x) + log1p_of(exp_of(-magnitude(x)));
}

/* math_rows.c */
void RD_NAMED(rd_turn)(const float *in, ptrdiff_t in_step, size_t rows, size_t cols, float *out,
    ptrdiff_t out_step, bool add);
double RD_NAMED(rd_dot)(const float *a, const float *b, size_t n);
void RD_NAMED(rd_softmax)(const float *x, float *out, size_t rows, size_t n, bool logs);
void RD_NAMED(rd_softmax_back)(
    const float *y, const float *dy, float *dx, size_t rows, size_t n, bool logs, bool add);
void RD_NAMED(rd_normal)(const struct rd_normal *q);
void RD_NAMED(rd_normal_back)(const struct rd_normal_back *q);
void RD_NAMED(rd_lstm)(const struct rd_lstm *q);
void RD_NAMED(rd_lstm_back)(const struct rd_lstm_back *q);

#endif
