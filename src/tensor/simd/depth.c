/* depth.c - convolutions of each channel by itself: the lanes are channels. */
#include "tensor/simd/lanes.h"

enum { PIXELS = 8 }; /* of a tile: as many sums hide the latency of a multiply-add twice */

INLINE vec some_of(const float *p, size_t n)
{
    return n == LANES ? load(p) : load_some(p, n);
}

/* R pixels of n channels; R and, but for the last channels of a call, n are known when compiled. */
INLINE void tile(const int R, const struct rd_depth *q, size_t x, size_t c, const size_t n)
{
    const float *in = q->in + (ptrdiff_t)x * q->in_step + c, *w = q->w + c;
    float *out = q->out + (ptrdiff_t)x * q->out_step + c;
    const vec zero = { 0 }, start = q->bias ? some_of(q->bias + c, n) : zero;
    vec sum[PIXELS];

    UNROLL
    for (int r = 0; r < R; r++)
        sum[r] = q->accumulate ? some_of(out + r * q->out_step, n) : start;
    for (size_t a = 0; a < q->ny; a++) {
        const float *p = in + (ptrdiff_t)a * q->y_step;

        for (size_t b = 0; b < q->nx; b++, p += q->x_step, w += q->channels) {
            const vec weight = some_of(w, n);

            UNROLL
            for (int r = 0; r < R; r++)
                sum[r] += some_of(p + r * q->in_step, n) * weight;
        }
    }
    UNROLL
    for (int r = 0; r < R; r++) {
        if (q->mask) {
            const vec_index m = mask_of(sum[r], q->top);

            memcpy(q->mask + (x + (size_t)r) * q->channels + c, &m, n);
        }
        if (q->relu)
            sum[r] = below(relu_of(sum[r]), q->top);
        if (n == LANES)
            store(out + r * q->out_step, sum[r]);
        else
            store_some(out + r * q->out_step, sum[r], n);
    }
}

void RD_NAMED(rd_depth)(const struct rd_depth *q)
{
    for (size_t c = 0; c < q->channels; c += LANES) {
        const size_t n = q->channels - c < LANES ? q->channels - c : LANES;
        size_t x = 0;

        if (n == LANES) {
            for (; x + PIXELS <= q->width; x += PIXELS)
                tile(PIXELS, q, x, c, LANES);
            for (; x + 2 <= q->width; x += 2)
                tile(2, q, x, c, LANES);
            for (; x < q->width; x++)
                tile(1, q, x, c, LANES);
        } else if (!q->accumulate && q->channels > LANES) {
            for (; x < q->width; x++) /* some channels once more: the same bits, whole vectors */
                tile(1, q, x, q->channels - LANES, LANES);
        } else {
            for (; x < q->width; x++)
                tile(1, q, x, c, n);
        }
    }
}
