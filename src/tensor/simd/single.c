/*
 * single.c - one row times a packed matrix. Two vectors of sums, as `rows` keeps for each row,
 * would wait for each other's latency: four blocks of columns go through the sum together.
 */
#include "tensor/simd/lanes.h"

enum { BLOCKS = 4 }; /* of two vectors */

size_t RD_NAMED(rd_single)(const struct rd_rows *q)
{
    const size_t total = q->ny * q->nx * q->len;
    size_t j = 0;

    for (; q->n - j >= BLOCKS * 2 * LANES; j += BLOCKS * 2 * LANES) {
        const float *w = q->packed + j * total;
        vec sum[BLOCKS][2];

        UNROLL
        for (int b = 0; b < BLOCKS; b++)
            UNROLL
        for (int v = 0; v < 2; v++) {
            const float *const from = q->accumulate ? q->out : q->bias;

            sum[b][v] = from ? load(from + j + (size_t)(2 * b + v) * LANES) : (vec){ 0 };
        }
        for (size_t y = 0; y < q->ny; y++)
            for (size_t x = 0; x < q->nx; x++) {
                const float *p = q->in + (ptrdiff_t)y * q->y_step + (ptrdiff_t)x * q->x_step;

                for (size_t c = 0; c < q->len; c++, w += 2 * LANES) {
                    const float in = p[c];

                    UNROLL
                    for (int b = 0; b < BLOCKS; b++)
                        UNROLL
                    for (int v = 0; v < 2; v++)
                        sum[b][v] += in * load(w + (size_t)b * 2 * LANES * total + v * LANES);
                }
            }
        UNROLL
        for (int b = 0; b < BLOCKS; b++)
            UNROLL
        for (int v = 0; v < 2; v++)
            store(
                q->out + j + (size_t)(2 * b + v) * LANES, q->relu ? relu_of(sum[b][v]) : sum[b][v]);
    }
    return j;
}
