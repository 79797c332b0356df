/*
 * norm.c - batch normalization of pixels, in the two passes that training makes over an image each
 * way: sums, then values. Sums are float64, one pixel after the other.
 */
#include "tensor/simd/lanes.h"

INLINE vec some(const float *p, size_t n, const bool whole)
{
    return whole ? load(p) : load_some(p, n);
}

INLINE void put(float *p, vec v, size_t n, const bool whole)
{
    if (whole)
        store(p, v);
    else
        store_some(p, v, n);
}

INLINE void add_wide(double *to, vec_wide v, size_t n, const bool whole)
{
    double lane[LANES];

    memcpy(lane, &v, sizeof lane);
    for (size_t i = 0; i < (whole ? LANES : n); i++)
        to[i] += lane[i];
}

INLINE void moments(const struct rd_norm *q, size_t k, size_t n, const bool whole)
{
    const float *x = q->x + k;
    vec_wide sum = { 0 }, square = { 0 };

    for (size_t p = 0; p < q->pixels; p++, x += q->channels) {
        const vec_wide v = __builtin_convertvector(some(x, n, whole), vec_wide);

        sum += v;
        square += v * v;
    }
    add_wide(q->sum + k, sum, n, whole);
    add_wide(q->sum + q->channels + k, square, n, whole);
}

INLINE void values(const struct rd_norm *q, size_t k, size_t n, const bool whole, const bool relu)
{
    const vec mean = some(q->mean + k, n, whole), scale = some(q->scale + k, n, whole),
              shift = some(q->shift + k, n, whole);
    const float *x = q->x + k;
    float *y = q->y + k;

    for (size_t p = 0; p < q->pixels; p++, x += q->channels, y += q->channels) {
        const vec v = (some(x, n, whole) - mean) * scale + shift;

        put(y, relu ? relu_of(v) : v, n, whole);
    }
}

/* dy as it is in front of the relu; from_mean: x - mean. */
INLINE vec gated(vec dy, vec from_mean, vec scale, vec shift, const bool relu)
{
    const vec_mask open = (vec_mask)(from_mean * scale + shift > (vec){ 0 });

    return relu ? (vec)((vec_mask)dy & open) : dy;
}

INLINE void sums(const struct rd_norm *q, size_t k, size_t n, const bool whole, const bool relu)
{
    const vec mean = some(q->mean + k, n, whole), scale = some(q->scale + k, n, whole),
              shift = some(q->shift + k, n, whole);
    const float *x = q->x + k, *dy = q->dy + k;
    vec_wide sum = { 0 }, along = { 0 };

    for (size_t p = 0; p < q->pixels; p++, x += q->channels, dy += q->channels) {
        const vec from_mean = some(x, n, whole) - mean;
        const vec g = gated(some(dy, n, whole), from_mean, scale, shift, relu);
        const vec_wide wide = __builtin_convertvector(g, vec_wide);

        sum += wide;
        along += wide * __builtin_convertvector(from_mean, vec_wide);
    }
    add_wide(q->sum + k, sum, n, whole);
    add_wide(q->sum + q->channels + k, along, n, whole);
}

INLINE void back(const struct rd_norm *q, size_t k, size_t n, const bool whole, const bool relu)
{
    const vec mean = some(q->mean + k, n, whole), scale = some(q->scale + k, n, whole),
              shift = some(q->shift + k, n, whole), slope = some(q->slope + k, n, whole),
              level = some(q->level + k, n, whole);
    const float *x = q->x + k, *dy = q->dy + k;
    float *dx = q->y + k;

    for (size_t p = 0; p < q->pixels; p++, x += q->channels, dy += q->channels, dx += q->channels) {
        const vec from_mean = some(x, n, whole) - mean;
        const vec g = gated(some(dy, n, whole), from_mean, scale, shift, relu);
        const vec v = g * scale - from_mean * slope - level;

        put(dx, q->accumulate ? some(dx, n, whole) + v : v, n, whole);
    }
}

void RD_NAMED(rd_norm_moments)(const struct rd_norm *q)
{
    size_t k = 0;

    for (; k + LANES <= q->channels; k += LANES)
        moments(q, k, LANES, true);
    if (k < q->channels)
        moments(q, k, q->channels - k, false);
}

void RD_NAMED(rd_norm_values)(const struct rd_norm *q)
{
    size_t k = 0;

    for (; k + LANES <= q->channels; k += LANES)
        if (q->relu)
            values(q, k, LANES, true, true);
        else
            values(q, k, LANES, true, false);
    if (k < q->channels)
        values(q, k, q->channels - k, false, q->relu);
}

void RD_NAMED(rd_norm_sums)(const struct rd_norm *q)
{
    size_t k = 0;

    for (; k + LANES <= q->channels; k += LANES)
        if (q->relu)
            sums(q, k, LANES, true, true);
        else
            sums(q, k, LANES, true, false);
    if (k < q->channels)
        sums(q, k, q->channels - k, false, q->relu);
}

void RD_NAMED(rd_norm_back)(const struct rd_norm *q)
{
    size_t k = 0;

    for (; k + LANES <= q->channels; k += LANES)
        if (q->relu)
            back(q, k, LANES, true, true);
        else
            back(q, k, LANES, true, false);
    if (k < q->channels)
        back(q, k, q->channels - k, false, q->relu);
}
