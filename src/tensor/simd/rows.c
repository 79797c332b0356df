/*
 * rows.c - rows times a packed matrix, for convolutions and dense layers.
 *
 * The register tile of `rows` is RD_TILE rows by two vectors: 28 of AVX-512's 32 registers hold
 * sums, 12 of 16 on AVX2 and SSE2, 24 of NEON's 32. One row of packed weights is two loads, each
 * input a broadcast used twice.
 */
#include "tensor/simd/lanes.h"

/* --- rows --- */

/* Where a tile stands. */
struct tile {
    const float *in, *w, *bias, *plus;
    float *out;
    ptrdiff_t out_step, plus_step;
    /* Weights of the next block: touched while this tile computes, so that large matrices stream
     * from memory behind the sums. */
    const char *ahead;
    size_t ahead_step; /* bytes for each row of weights */
};

INLINE void begin(
    const int R, const int V, const struct rd_rows *q, const struct tile *t, vec sum[TILE][2])
{
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int v = 0; v < V; v++)
        sum[r][v] = t->bias ? load(t->bias + v * LANES) : (vec){ 0 };
    if (q->accumulate)
        UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int v = 0; v < V; v++)
        sum[r][v] = load(t->out + r * t->out_step + v * LANES);
}

INLINE void finish(
    const int R, const int V, const struct rd_rows *q, const struct tile *t, vec sum[TILE][2])
{
    if (t->plus)
        UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int v = 0; v < V; v++)
        sum[r][v] += load(t->plus + r * t->plus_step + v * LANES);
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
    for (int v = 0; v < V; v++)
        store(t->out + r * t->out_step + v * LANES,
            q->relu ? below(relu_of(sum[r][v]), q->top) : sum[r][v]);
}

/* R rows by V whole vectors. */
INLINE void panel(const int R, const int V, const struct rd_rows *q, const struct tile *t)
{
    const ptrdiff_t is = q->in_step;
    const float *w = t->w;
    const char *ahead = t->ahead;
    const size_t ahead_step = t->ahead_step;
    vec sum[TILE][2];

    begin(R, V, q, t, sum);
    for (size_t a = 0; a < q->ny; a++)
        for (size_t b = 0; b < q->nx; b++) {
            const float *p = t->in + (ptrdiff_t)a * q->y_step + (ptrdiff_t)b * q->x_step;

            for (size_t c = 0; c < q->len; c++, p++, w += V * LANES) {
                const vec w0 = load(w), w1 = V == 2 ? load(w + LANES) : w0;

                if (V == 2) {
                    __builtin_prefetch(ahead, 0, 2);
                    ahead += ahead_step;
                }
                UNROLL
                for (int r = 0; r < R; r++) {
                    const float x = p[r * is];

                    sum[r][0] += x * w0;
                    if (V == 2)
                        sum[r][1] += x * w1;
                }
            }
        }
    finish(R, V, q, t, sum);
}

enum { SLIDE_TILE = TILE + 2 }; /* rows: one vector each, and three of weights */

/*
 * One vector of outputs would need a load for each product. With a kernel of three columns whose
 * pixels are rows of this product, each input is loaded once and used for three outputs.
 */
INLINE void slide(const int R, const struct rd_rows *q, const struct tile *t)
{
    const ptrdiff_t is = q->in_step;
    const size_t third = q->len / 3;
    vec sum[SLIDE_TILE][2];

    begin(R, 1, q, t, sum);
    for (size_t a = 0; a < q->ny; a++) {
        const float *p = t->in + (ptrdiff_t)a * q->y_step, *w = t->w + a * q->len * LANES;

        const float *p5 = p + 5 * is, *p10 = p + 10 * is, *p15 = p + 15 * is;

        /* Four pointers with five rows each: told that they hang together, GCC keeps a register for
         * each multiple of the step and runs out of them. */
        HIDE(p5);
        HIDE(p10);
        HIDE(p15);
        for (size_t c = 0; c < third; c++, p++, p5++, p10++, p15++, w += LANES) {
            const vec w0 = load(w), w1 = load(w + third * LANES), w2 = load(w + 2 * third * LANES);

            UNROLL
            for (int r = 0; r < R + 2; r++) {
                const float *const base = r < 5 ? p : r < 10 ? p5 : r < 15 ? p10 : p15;
                const float x = base[r % 5 * is];

                if (r < R)
                    sum[r < R ? r : 0][0] += x * w0;
                if (r > 0 && r <= R)
                    sum[r > 0 && r <= R ? r - 1 : 0][0] += x * w1;
                if (r > 1)
                    sum[r > 1 ? r - 2 : 0][0] += x * w2;
            }
        }
    }
    finish(R, 1, q, t, sum);
}

typedef void panel_fn(const struct rd_rows *q, const struct tile *t);

#define PANEL(R)                                                                                   \
    __attribute__((noinline)) static void panel_##R##_1(                                           \
        const struct rd_rows *q, const struct tile *t)                                             \
    {                                                                                              \
        panel(R, 1, q, t);                                                                         \
    }                                                                                              \
    __attribute__((noinline)) static void panel_##R##_2(                                           \
        const struct rd_rows *q, const struct tile *t)                                             \
    {                                                                                              \
        panel(R, 2, q, t);                                                                         \
    }
#define PANEL_SLIDE(R)                                                                             \
    __attribute__((noinline)) static void slide_##R(const struct rd_rows *q, const struct tile *t) \
    {                                                                                              \
        slide(R, q, t);                                                                            \
    }
EACH_TILE(PANEL)
EACH_SLIDE(PANEL_SLIDE)

enum { ONE, TWO, SLIDE }; /* vectors of a tile; one vector of a sliding kernel */
#define PANEL_ONE(R) panel_##R##_1,
#define PANEL_TWO(R) panel_##R##_2,
#define SLIDE_ENTRY(R) slide_##R,
static panel_fn *const panels[3][SLIDE_TILE] = { { EACH_TILE(PANEL_ONE) }, { EACH_TILE(PANEL_TWO) },
    { EACH_SLIDE(SLIDE_ENTRY) } };

/* A tile whose last vector is not full goes through a whole one beside it. */
static void edge(
    const struct rd_rows *q, panel_fn *fn, size_t height, size_t width, const struct tile *t)
{
    float whole[SLIDE_TILE * 2 * LANES] __attribute__((aligned(64)));
    float plus[SLIDE_TILE * 2 * LANES] __attribute__((aligned(64)));
    struct tile beside = *t;

    beside.out = whole;
    beside.out_step = beside.plus_step = 2 * LANES;
    for (size_t r = 0; r < height; r++) {
        if (q->accumulate)
            memcpy(
                whole + r * 2 * LANES, t->out + (ptrdiff_t)r * t->out_step, width * sizeof *whole);
        if (t->plus) {
            memset(plus + r * 2 * LANES, 0, 2 * LANES * sizeof *plus);
            memcpy(
                plus + r * 2 * LANES, t->plus + (ptrdiff_t)r * t->plus_step, width * sizeof *plus);
            beside.plus = plus;
        }
    }
    fn(q, &beside);
    for (size_t r = 0; r < height; r++)
        memcpy(t->out + (ptrdiff_t)r * t->out_step, whole + r * 2 * LANES, width * sizeof *whole);
}

/* Of a tile that was just written: which of its numbers are positive. */
static void mask_tile(
    const struct rd_rows *q, size_t height, size_t width, const float *out, uint8_t *mask)
{
    for (size_t r = 0; r < height; r++, out += q->out_step, mask += q->mask_step)
        for (size_t i = 0; i < width; i += LANES) {
            const size_t n = width - i < LANES ? width - i : LANES;
            const vec v = n == LANES ? load(out + i) : load_some(out + i, n);
            const vec_index m = mask_of(v, q->top);

            if (n == LANES)
                memcpy(mask + i, &m, LANES);
            else
                memcpy(mask + i, &m, n);
        }
}

/* Tiles of equal height: 16 rows go as 8 + 8, not 14 + 2. */
static size_t height_of(size_t rows, size_t most)
{
    const size_t tiles = (rows + most - 1) / most;

    return (rows + tiles - 1) / tiles;
}

/* Columns j .. of one line: t says where to look ahead, and how far from tile to tile. */
static void block_line(
    const struct rd_rows *q, size_t j, size_t line, size_t share, const struct tile *start)
{
    const size_t total = q->ny * q->nx * q->len, left = q->n - j;
    const size_t vectors = left <= LANES ? 1 : 2;
    const size_t width = left < 2 * LANES ? left : 2 * LANES;
    const int kind = vectors == 2 ? TWO : q->slide == 3 ? SLIDE : ONE;
    const size_t height = height_of(q->rows, kind == SLIDE ? SLIDE_TILE : TILE);
    const float *in = q->in + (ptrdiff_t)line * q->in_line;
    const float *plus = q->plus ? q->plus + (ptrdiff_t)line * q->plus_line + j : NULL;
    float *out = q->out + (ptrdiff_t)line * q->out_line + j;
    uint8_t *mask = q->mask ? q->mask + (ptrdiff_t)line * q->mask_line + j : NULL;
    struct tile t = *start;

    t.w = q->packed + j * total;
    t.bias = q->bias ? q->bias + j : NULL;
    for (size_t r = 0; r < q->rows; r += height, t.ahead += share) {
        const size_t h = q->rows - r < height ? q->rows - r : height;
        panel_fn *const fn = panels[kind][h - 1];

        t.in = in + (ptrdiff_t)r * q->in_step;
        t.out = out + (ptrdiff_t)r * q->out_step;
        t.plus = plus ? plus + (ptrdiff_t)r * q->plus_step : NULL;
        if (width == vectors * LANES)
            fn(q, &t);
        else
            edge(q, fn, h, width, &t);
        if (mask)
            mask_tile(q, h, width, t.out, mask + (ptrdiff_t)r * q->mask_step);
    }
}

/* Weights that stay in a second-level cache need no looking ahead. */
enum { AHEAD_FLOATS = 128 * 1024 };

void RD_NAMED(rd_rows)(const struct rd_rows *q)
{
    const size_t total = q->ny * q->nx * q->len, lines = q->lines ? q->lines : 1;
    const size_t tiles = (q->rows + TILE - 1) / TILE;
    const bool single = q->rows == 1 && lines == 1 && !q->plus && !q->mask && q->top == 0;

    for (size_t j = single ? RD_NAMED(rd_single)(q) : 0; tiles && j < q->n; j += 2 * LANES) {
        struct tile t = { .out_step = q->out_step, .plus_step = q->plus_step };
        size_t share = 0;

        t.ahead = (const char *)(q->packed + j * total);
        if (q->n - j > 2 * LANES && total * q->n > AHEAD_FLOATS) {
            const size_t width = (q->n - j <= 3 * LANES ? LANES : 2 * LANES) * sizeof(float);

            t.ahead = (const char *)(q->packed + (j + 2 * LANES) * total);
            t.ahead_step = (width + lines * tiles - 1) / (lines * tiles);
            share = width * total / (lines * tiles);
        }
        for (size_t y = 0; y < lines; y++, t.ahead += tiles * share)
            block_line(q, j, y, share, &t);
    }
}

/* --- pooled: P windows of four pixels each --- */

/* Where a takes the place of b, which comes first: larger, or NaN and b is none. */
INLINE vec_mask beats(vec a, vec b)
{
    return ~(vec_mask)(a <= b) & (vec_mask)(b == b);
}

INLINE void pooled_panel(const int P, const int V, const struct rd_pooled *q, const float *in,
    const float *w, const float *bias, float *out, uint8_t *index, const bool indexed,
    const bool relu)
{
    const ptrdiff_t is = q->conv.in_step, os = q->conv.out_step;
    vec sum[TILE][2];

    UNROLL
    for (int r = 0; r < 4 * P; r++)
        UNROLL
    for (int v = 0; v < V; v++)
        sum[r][v] = bias ? load(bias + v * LANES) : (vec){ 0 };
    for (size_t a = 0; a < q->conv.ny; a++)
        for (size_t b = 0; b < q->conv.nx; b++) {
            const float *p = in + (ptrdiff_t)a * q->conv.y_step + (ptrdiff_t)b * q->conv.x_step;
            const float *below = p + q->line;

            for (size_t c = 0; c < q->conv.len; c++, p++, below++, w += V * LANES) {
                const vec w0 = load(w), w1 = V == 2 ? load(w + LANES) : w0;

                UNROLL
                for (int r = 0; r < 4 * P;
                     r++) { /* r: window r / 4, its row r / 2 % 2, its column */
                    const float x = (r & 2 ? below : p)[(r / 4 * 2 + (r & 1)) * is];

                    sum[r][0] += x * w0;
                    if (V == 2)
                        sum[r][1] += x * w1;
                }
            }
        }
    UNROLL
    for (int r = 0; r < 4 * P; r += 4)
        UNROLL
    for (int v = 0; v < V; v++) {
        /* The larger or first NaN of each row, then of both: all ones where the second wins. */
        const vec_mask right0 = beats(sum[r + 1][v], sum[r][v]);
        const vec_mask right1 = beats(sum[r + 3][v], sum[r + 2][v]);
        const vec best0 = choose(right0, sum[r + 1][v], sum[r][v]);
        const vec best1 = choose(right1, sum[r + 3][v], sum[r + 2][v]);
        const vec_mask lower = beats(best1, best0);
        vec best = choose(lower, best1, best0);

        if (indexed) {
            vec_mask winner = (vec_mask)choose(lower, (vec)(2 - right1), (vec)(0 - right0));
            vec_index narrow;

            if (relu)
                winner |= ~(vec_mask)(best > (vec){ 0 }) & RD_POOL_OFF;
            narrow = __builtin_convertvector(winner, vec_index);
            memcpy(index + (size_t)(r / 4) * q->conv.n + (size_t)v * LANES, &narrow, sizeof narrow);
        }
        store(out + r / 4 * os + v * LANES, relu ? relu_of(best) : best);
    }
}

typedef void pooled_fn(const struct rd_pooled *q, const float *in, const float *w,
    const float *bias, float *out, uint8_t *index);

enum { WINDOWS = RD_TILE / 4 };
#define POOLED(P, V, NAME, INDEXED, RELU)                                                          \
    __attribute__((noinline)) static void NAME(const struct rd_pooled *q, const float *in,         \
        const float *w, const float *bias, float *out, uint8_t *index)                             \
    {                                                                                              \
        pooled_panel(P, V, q, in, w, bias, out, index, INDEXED, RELU);                             \
    }
#define POOLED_BOTH(P, NAME, INDEXED, RELU)                                                        \
    POOLED(P, 1, NAME##_1, INDEXED, RELU)                                                          \
    POOLED(P, 2, NAME##_2, INDEXED, RELU)
#define POOLED_ALL(P)                                                                              \
    POOLED_BOTH(P, pooled_##P, false, false)                                                       \
    POOLED_BOTH(P, pooled_##P##_relu, false, true)                                                 \
    POOLED_BOTH(P, pooled_##P##_index, true, false)                                                \
    POOLED_BOTH(P, pooled_##P##_both, true, true)
#define POOLED_ROW(P)                                                                              \
    { { pooled_##P##_1, pooled_##P##_2 }, { pooled_##P##_relu_1, pooled_##P##_relu_2 },            \
        { pooled_##P##_index_1, pooled_##P##_index_2 },                                            \
        { pooled_##P##_both_1, pooled_##P##_both_2 } },
#if RD_TILE >= 12
#define EACH_WINDOWS(X) X(1) X(2) X(3)
#else
#define EACH_WINDOWS(X) X(1)
#endif
EACH_WINDOWS(POOLED_ALL)
static pooled_fn *const pooleds[WINDOWS][4][2] = { EACH_WINDOWS(POOLED_ROW) };

void RD_NAMED(rd_pooled)(const struct rd_pooled *q)
{
    const struct rd_rows *c = &q->conv;
    const size_t total = c->ny * c->nx * c->len;
    const size_t tiles = (q->out_width + WINDOWS - 1) / WINDOWS;
    const size_t height = tiles ? (q->out_width + tiles - 1) / tiles : 1;

    for (size_t j = 0; j < c->n; j += 2 * LANES) {
        const size_t vectors = c->n - j <= LANES ? 1 : 2;

        for (size_t o = 0; o < q->out_width; o += height) {
            const size_t h = q->out_width - o < height ? q->out_width - o : height;

            pooleds[h - 1][2 * (q->index != NULL) + c->relu][vectors - 1](q,
                c->in + (ptrdiff_t)(2 * o) * c->in_step, c->packed + j * total,
                c->bias ? c->bias + j : NULL, c->out + (ptrdiff_t)o * c->out_step + j,
                q->index ? q->index + o * c->n + j : NULL);
        }
    }
}

/* --- narrow: R rows by N columns, lanes along the sum --- */

#if RD_LANES == 16
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif RD_LANES == 8
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif

/* Neighbors added: first those of a, then those of b. */
INLINE vec pairs(vec a, vec b)
{
    return __builtin_shufflevector(a, b, EVEN) + __builtin_shufflevector(a, b, ODD);
}

enum { SUMS = 32 }; /* at most R * N of a tile */

/* The lanes of n vectors, each added up, in order; v is overwritten. */
INLINE void add_lanes(const int n, vec *v, float *out)
{
    UNROLL_SHORT
    for (int first = 0; first < n; first += LANES) {
        const int m = n - first < LANES ? n - first : LANES;

        for (int i = m; i < LANES; i++)
            v[first + i] = (vec){ 0 };
        UNROLL
        for (int width = LANES; width > 1; width /= 2)
            UNROLL
        for (int i = 0; i < width / 2; i++)
            v[first + i] = pairs(v[first + 2 * i], v[first + 2 * i + 1]);
        memcpy(out + first, &v[first], (size_t)m * sizeof *out);
    }
}

INLINE void narrow_tile(
    const int R, const int N, const struct rd_rows *q, const float *in, float *out)
{
    const float *w = q->packed;
    vec sum[SUMS + LANES];
    float s[SUMS + LANES];

    UNROLL
    for (int i = 0; i < R * N; i++)
        sum[i] = (vec){ 0 };
    for (size_t a = 0; a < q->ny; a++)
        for (size_t b = 0; b < q->nx; b++, w += (size_t)(N - 1) * q->len) {
            const float *p = in + (ptrdiff_t)a * q->y_step + (ptrdiff_t)b * q->x_step;

            for (size_t c = 0; c < q->len; c += LANES, p += LANES, w += LANES)
                UNROLL
            for (int r = 0; r < R; r++) {
                const vec x = load(p + r * q->in_step);

                UNROLL_SHORT
                for (int j = 0; j < N; j++)
                    sum[r * N + j] += x * load(w + (size_t)j * q->len);
            }
        }
    add_lanes(R * N, sum, s);
    if (!q->accumulate && !q->bias && !q->relu && q->out_step == N) {
        memcpy(out, s, (size_t)(R * N) * sizeof *out);
        return;
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL_SHORT
    for (int j = 0; j < N; j++) {
        float *to = out + r * q->out_step + j;
        const float start = q->accumulate ? *to : q->bias ? q->bias[j] : 0;
        const float v = start + s[r * N + j];

        *to = q->relu && v < 0 ? 0 : v;
    }
}

typedef void narrow_fn(const struct rd_rows *q, const float *in, float *out);
#define NARROW(R, N)                                                                               \
    __attribute__((noinline)) static void narrow_##R##_##N(                                        \
        const struct rd_rows *q, const float *in, float *out)                                      \
    {                                                                                              \
        narrow_tile(R, N, q, in, out);                                                             \
    }
#define EACH_8(X, N) X(1, N) X(2, N) X(3, N) X(4, N) X(5, N) X(6, N) X(7, N) X(8, N)
#define EACH_16(X, N)                                                                              \
    EACH_8(X, N) X(9, N) X(10, N) X(11, N) X(12, N) X(13, N) X(14, N) X(15, N) X(16, N)
EACH_16(NARROW, 1)
EACH_8(NARROW, 2)
EACH_8(NARROW, 3)
EACH_8(NARROW, 4)
#define NARROW_ENTRY(R, N) narrow_##R##_##N,
static narrow_fn *const narrows[RD_NARROW][16] = { { EACH_16(NARROW_ENTRY, 1) },
    { EACH_8(NARROW_ENTRY, 2) }, { EACH_8(NARROW_ENTRY, 3) }, { EACH_8(NARROW_ENTRY, 4) } };
/* Rows in a tile: 28 sums or less on AVX-512 and NEON, 12 elsewhere. */
static const size_t narrow_most[RD_NARROW] = { RD_TILE >= 12 ? 16 : 8, RD_TILE >= 12 ? 8 : 6,
    RD_TILE >= 12 ? 8 : 4, RD_TILE >= 12 ? 6 : 3 };

void RD_NAMED(rd_narrow)(const struct rd_rows *q)
{
    const size_t most = narrow_most[q->n - 1], tiles = (q->rows + most - 1) / most;
    const size_t height = tiles ? (q->rows + tiles - 1) / tiles : 1;

    for (size_t r = 0; r < q->rows; r += height) {
        const size_t h = q->rows - r < height ? q->rows - r : height;

        narrows[q->n - 1][h - 1](
            q, q->in + (ptrdiff_t)r * q->in_step, q->out + (ptrdiff_t)r * q->out_step);
    }
}
