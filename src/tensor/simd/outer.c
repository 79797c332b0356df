/*
 * outer.c - gradients of weights: products of columns, summed over pixels in registers.
 *
 * A tile is some rows of dw (inputs) by one or two vectors (outputs): an input is a broadcast, used
 * once or twice a pixel. Where a kernel's row has few inputs (the first layer's one or three
 * channels), the tile takes several rows of the kernel at once, or its chains of additions would be
 * too few to keep the multipliers busy.
 */
#include "tensor/simd/lanes.h"

struct place {
    ptrdiff_t x, dy;   /* floats from an image's first pixel */
    size_t first, end; /* rows of the image */
    float *dw;
    size_t last; /* floats of the last vector */
};

/* T rows of the kernel by R inputs by V vectors. */
INLINE void tile(const int T, const int R, const int V, const bool whole, const struct rd_outer *q,
    const struct place *at)
{
    const size_t images = q->images ? q->images : 1;
    const size_t last = whole ? LANES : at->last;
    vec sum[2 * TILE][2];

    UNROLL_LONG
    for (int r = 0; r < T * R; r++)
        sum[r][0] = sum[r][1] = (vec){ 0 };
    for (size_t i = 0; i < images; i++) {
        const float *x = (q->images ? q->xs[i] + q->x_first : q->x) + at->x;
        const float *dy = (q->images ? q->dys[i] : q->dy) + at->dy;

        for (size_t a = at->first; a < at->end; a++) {
            const float *p = x + (ptrdiff_t)a * q->x_y, *g = dy + (ptrdiff_t)a * q->dy_y;

            for (size_t b = 0; b < q->nx; b++, p += q->x_x, g += q->dy_x) {
                const vec g0 = V == 2 || last == LANES ? load(g) : load_some(g, last);
                const vec g1 = V == 1          ? g0
                               : last == LANES ? load(g + LANES)
                                               : load_some(g + LANES, last);

                UNROLL_SHORT
                for (int t = 0; t < T; t++)
                    UNROLL_LONG
                for (int r = 0; r < R; r++) {
                    const float in = p[t * q->x_tap + r];

                    sum[t * R + r][0] += in * g0;
                    if (V == 2)
                        sum[t * R + r][1] += in * g1;
                }
            }
        }
    }
    UNROLL_SHORT
    for (int t = 0; t < T; t++)
        UNROLL_LONG
    for (int r = 0; r < R; r++)
        UNROLL_SHORT
    for (int v = 0; v < V; v++) {
        float *to = at->dw + t * q->dw_tap + r * q->dw_step + v * LANES;
        const vec s = sum[t * R + r][v];

        if (v < V - 1 || last == LANES)
            store(to, q->fresh ? s : load(to) + s);
        else
            store_some(to, q->fresh ? s : load_some(to, last) + s, last);
    }
}

typedef void tile_fn(const struct rd_outer *q, const struct place *at);

#define TILE_FN(T, R, V, NAME, WHOLE)                                                              \
    __attribute__((noinline)) static void NAME(const struct rd_outer *q, const struct place *at)   \
    {                                                                                              \
        tile(T, R, V, WHOLE, q, at);                                                               \
    }
#define ONE(R)                                                                                     \
    TILE_FN(1, R, 1, one_##R, false)                                                               \
    TILE_FN(1, R, 1, one_##R##_whole, true)
#define TWO(R)                                                                                     \
    TILE_FN(1, R, 2, two_##R, false)                                                               \
    TILE_FN(1, R, 2, two_##R##_whole, true)
EACH_TILE(ONE)
EACH_TILE_TWICE(ONE)
EACH_TILE(TWO)

#define ENTRY(R) one_##R,
#define ENTRY_WHOLE(R) one_##R##_whole,
static tile_fn *const one_vector[2][2 * TILE] = { { EACH_TILE(ENTRY) EACH_TILE_TWICE(ENTRY) },
    { EACH_TILE(ENTRY_WHOLE) EACH_TILE_TWICE(ENTRY_WHOLE) } };
#define ENTRY_TWO(R) two_##R,
#define ENTRY_TWO_WHOLE(R) two_##R##_whole,
static tile_fn *const two_vectors[2][TILE] = { { EACH_TILE(ENTRY_TWO) },
    { EACH_TILE(ENTRY_TWO_WHOLE) } };

/* Several rows of the kernel: whole vectors only. */
#define TAPS(T, R)                                                                                 \
    TILE_FN(T, R, 1, taps_##T##_##R##_1, true)                                                     \
    TILE_FN(T, R, 2, taps_##T##_##R##_2, true)
#define TAPS_ENTRY(T, R) { taps_##T##_##R##_1, taps_##T##_##R##_2 },
#if RD_TILE >= 12
enum { TAPS_LEN = 7 };
TAPS(3, 1)
TAPS(3, 2)
TAPS(3, 3)
TAPS(3, 4)
TAPS(2, 5)
TAPS(2, 6)
TAPS(2, 7)
static tile_fn *const taps_of[TAPS_LEN][2] = { TAPS_ENTRY(3, 1) TAPS_ENTRY(3, 2) TAPS_ENTRY(3, 3)
        TAPS_ENTRY(3, 4) TAPS_ENTRY(2, 5) TAPS_ENTRY(2, 6) TAPS_ENTRY(2, 7) };
static const size_t taps_most[TAPS_LEN] = { 3, 3, 3, 3, 2, 2, 2 };
#else
enum { TAPS_LEN = 3 };
TAPS(3, 1)
TAPS(3, 2)
TAPS(2, 3)
static tile_fn *const taps_of[TAPS_LEN][2] = { TAPS_ENTRY(3, 1) TAPS_ENTRY(3, 2) TAPS_ENTRY(2, 3) };
static const size_t taps_most[TAPS_LEN] = { 3, 3, 2 };
#endif

/* Image rows first .. end of all, into one block of columns. */
static void columns(const struct rd_outer *q, size_t j, size_t first, size_t end)
{
    const size_t left = q->n - j, taps = q->taps ? q->taps : 1;
    const size_t vectors = left <= LANES ? 1 : 2;
    const size_t last = left >= 2 * LANES ? LANES : left - (vectors - 1) * LANES;
    const size_t most = vectors == 1 ? 2 * TILE : TILE, tiles = (q->len + most - 1) / most;
    const size_t height = tiles ? (q->len + tiles - 1) / tiles : 1;

    for (size_t t = 0; t < taps;) {
        struct place at = { .x = (ptrdiff_t)t * q->x_tap,
            .dy = (ptrdiff_t)j,
            .first = first,
            .end = end,
            .dw = q->dw + (ptrdiff_t)t * q->dw_tap + j,
            .last = last };

        if (last == LANES && q->len && q->len <= TAPS_LEN && taps - t >= taps_most[q->len - 1]) {
            taps_of[q->len - 1][vectors - 1](q, &at);
            t += taps_most[q->len - 1];
            continue;
        }
        for (size_t c = 0; c < q->len; c += height) {
            const size_t h = q->len - c < height ? q->len - c : height;

            tile_fn *const *fn =
                vectors == 1 ? one_vector[last == LANES] : two_vectors[last == LANES];

            fn[h - 1](q, &at);
            at.x += (ptrdiff_t)height;
            at.dw += (ptrdiff_t)height * q->dw_step;
        }
        t++;
    }
}

/*
 * Pixels in bands: what a band reads of dy for one block of columns stays in the first-level cache
 * (16 KiB) while all of the kernel's inputs go by, and its pixels in the second.
 */
enum { BAND = 128 };

void RD_NAMED(rd_outer)(const struct rd_outer *q)
{
    const size_t line = q->nx * (q->images ? q->images : 1);
    const size_t rows = line < BAND ? BAND / (line + !line) : 1;
    struct rd_outer band = *q;

    /* A last band of a few rows is not worth reading the sums again. */
    for (size_t first = 0, end; first < q->ny || first == 0; first = end) {
        end = q->ny - first < rows + rows / 2 + 1 ? q->ny : first + rows;
        band.fresh = q->fresh && first == 0;
        for (size_t j = 0; j < q->n; j += 2 * LANES)
            columns(&band, j, first, end);
        if (end == q->ny)
            break;
    }
}
