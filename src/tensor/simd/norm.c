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

/* to[i] += v[i] */
INLINE void add_wide(double *to, const vec_wide *v, size_t n, const bool whole)
{
    vec_wide sum = { 0 };

    memcpy(&sum, to, (whole ? LANES : n) * sizeof *to);
    sum += *v;
    memcpy(to, &sum, (whole ? LANES : n) * sizeof *to);
}

/* Half a vector of floats as doubles: GCC keeps what is wider than a register in memory, a store
 * and a load for every addition. */
typedef double vec_half __attribute__((vector_size(LANES * 4)));

INLINE vec_half half(const float *p)
{
    typedef float floats __attribute__((vector_size(LANES * 2), aligned(4), may_alias));

    return __builtin_convertvector(*(const floats *)p, vec_half);
}

INLINE void add_half(double *to, const vec_half *v)
{
    vec_half sum;

    memcpy(&sum, to, sizeof sum);
    sum += *v;
    memcpy(to, &sum, sizeof sum);
}

INLINE void moments(const struct rd_norm *q, size_t k)
{
    const float *x = q->x + k;
    double *sum = q->sum + k, *square = sum + q->channels;
    vec_half sum0 = { 0 }, sum1 = { 0 }, square0 = { 0 }, square1 = { 0 };

    for (size_t p = 0; p < q->pixels; p++, x += q->channels) {
        const vec_half v0 = half(x), v1 = half(x + LANES / 2);

        sum0 += v0;
        sum1 += v1;
        square0 += v0 * v0;
        square1 += v1 * v1;
    }
    add_half(sum, &sum0);
    add_half(sum + LANES / 2, &sum1);
    add_half(square, &square0);
    add_half(square + LANES / 2, &square1);
}

/* Channels k and behind, fewer than a vector. */
static void moments_rest(const struct rd_norm *q, size_t k)
{
    for (; k < q->channels; k++)
        for (size_t p = 0; p < q->pixels; p++) {
            const double v = (double)q->x[p * q->channels + k];

            q->sum[k] += v;
            q->sum[q->channels + k] += v * v;
        }
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
    add_wide(q->sum + k, &sum, n, whole);
    add_wide(q->sum + q->channels + k, &along, n, whole);
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

typedef void part_fn(const struct rd_norm *q);

static void moments_part(const struct rd_norm *q)
{
    size_t k = 0;

    for (; k + LANES <= q->channels; k += LANES)
        moments(q, k);
    moments_rest(q, k);
}

static void values_part(const struct rd_norm *q)
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

static void sums_part(const struct rd_norm *q)
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

static void back_part(const struct rd_norm *q)
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

/* 16 KiB of pixels at a time: memory is gone through in one go, the channels of a band in the
 * first-level cache. */
enum { BAND = 4096 };

static void bands(const struct rd_norm *q, part_fn *part)
{
    const size_t band = q->channels < BAND / 4 ? BAND / (q->channels + !q->channels) : 4;
    struct rd_norm b = *q;

    for (size_t p = 0; p < q->pixels; p += band) {
        const size_t n = band * q->channels;

        b.pixels = q->pixels - p < band ? q->pixels - p : band;
        part(&b);
        b.x += n;
        b.dy = q->dy ? b.dy + n : NULL;
        b.y = q->y ? b.y + n : NULL;
    }
}

void RD_NAMED(rd_norm_moments)(const struct rd_norm *q)
{
    bands(q, moments_part);
}

void RD_NAMED(rd_norm_values)(const struct rd_norm *q)
{
    bands(q, values_part);
}

void RD_NAMED(rd_norm_sums)(const struct rd_norm *q)
{
    bands(q, sums_part);
}

void RD_NAMED(rd_norm_back)(const struct rd_norm *q)
{
    bands(q, back_part);
}
