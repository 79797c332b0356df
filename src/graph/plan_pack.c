/* plan_pack.c - packed copies of weights, made once for all steps and plans that read them; for a
 * few rows a dense layer does without one. */
#include "graph/plan_impl.h"

#include <string.h>

enum {
    BLOCK_MAX = 64, /* two vectors of the widest table */
    LATE_FLOATS = 1 << 16,
    SLICE = 128 /* rows of a matrix that are packed and used at once: of a first-level cache */
};

/* Weights in a mapped file may stand at any byte. */
typedef float loose __attribute__((aligned(1)));

/* plan_pack_get has looked that it fits. */
static size_t floats_of(const struct rd_kernels *kernels, const struct plan_pack *p)
{
    return (p->k * rd_packed_width(kernels, p->n) + 15) & ~(size_t)15;
}

bool plan_packs_room(
    const struct rd_kernels *kernels, struct plan_pack *list, bool late, struct rd_arena *arena)
{
    size_t total = 16;
    float *at;

    for (struct plan_pack *p = list; p; p = p->next)
        if (!p->packed && (late || !p->late) &&
            __builtin_add_overflow(total, floats_of(kernels, p), &total))
            return false;
    at = total > 16 ? rd_arena_alloc(arena, total, sizeof *at) : NULL;
    if (total > 16 && !at)
        return false;
    for (struct plan_pack *p = list; p; p = p->next)
        if (!p->packed && (late || !p->late)) {
            p->packed = at;
            at += floats_of(kernels, p);
        }
    return true;
}

/* Each mode of a plan works its own out: equal ones ask for one packed copy. */
static bool same_affine(const struct plan_affine *a, const struct plan_affine *b)
{
    return a == b ||
           (a && b && a->c == b->c && !memcmp(a->scale, b->scale, 2 * a->c * sizeof *a->scale));
}

struct plan_pack *plan_pack_get(const struct rd_kernels *kernels, const struct plan_pack *want,
    struct plan_pack **list, struct rd_arena *arena)
{
    struct plan_pack *p;
    size_t floats;

    for (p = *list; p; p = p->next)
        if (p->kind == want->kind && p->value == want->value && p->k == want->k &&
            p->n == want->n && p->c == want->c && p->taps == want->taps && p->kw == want->kw &&
            p->stride_h == want->stride_h && p->stride_w == want->stride_w &&
            p->transposed == want->transposed && same_affine(p->affine, want->affine))
            return p;
    if (__builtin_mul_overflow(want->k, rd_packed_width(kernels, want->n), &floats) ||
        floats > SIZE_MAX / 64)
        return NULL;
    p = RD_NEW(arena, struct plan_pack);
    if (!p)
        return NULL;
    *p = *want;
    p->filled = false; /* want may be a copy of a filled one */
    p->packed = NULL;
    p->late = want->late && floats > LATE_FLOATS;
    p->next = *list;
    *list = p;
    return p;
}

/* Where in the weight the element of a packed row or column stands: offset = row_offset +
 * column_offset. */
static size_t input_offset(const struct plan_pack *p, size_t i)
{
    return p->c ? i % p->c * p->taps + i / p->c : i; /* pixel order back to channel order */
}

/* Output channel of an element of a convolution's packed matrix. */
static size_t channel_of(const struct plan_pack *p, size_t r, size_t j)
{
    return p->kind == PACK_CONV ? j : p->kind == PACK_CONV_FLIPPED ? r % p->o : r;
}

static size_t row_offset(const struct plan_pack *p, size_t r)
{
    switch (p->kind) {
    case PACK_CONV:
        return r % p->c * p->taps + r / p->c;
    case PACK_CONV_FLIPPED:
        return r % p->o * p->c * p->taps + (p->taps - 1 - r / p->o);
    case PACK_CONV_COLUMNS:
        return r * p->c * p->taps;
    case PACK_CONV_NARROW:
    case PACK_PHASES:
    case PACK_PHASES_NARROW:
    case PACK_DEPTH:
    case PACK_DEPTH_PHASES:
    case PACK_SHIFT:
        break;
    case PACK_DENSE:
        return input_offset(p, r) * (p->transposed ? 1 : p->n);
    case PACK_DENSE_BACK:
        return r * (p->transposed ? p->n : 1);
    case PACK_BIAS:
        break;
    }
    return 0;
}

static size_t column_offset(const struct plan_pack *p, size_t j)
{
    switch (p->kind) {
    case PACK_CONV:
        return j * p->c * p->taps;
    case PACK_CONV_FLIPPED:
        return j * p->taps;
    case PACK_CONV_COLUMNS:
        return j % p->c * p->taps + j / p->c;
    case PACK_DENSE:
        return j * (p->transposed ? p->k : 1);
    case PACK_DENSE_BACK:
        return input_offset(p, j) * (p->transposed ? 1 : p->k);
    case PACK_CONV_NARROW:
    case PACK_PHASES:
    case PACK_PHASES_NARROW:
    case PACK_DEPTH:
    case PACK_DEPTH_PHASES:
    case PACK_BIAS:
    case PACK_SHIFT:
        break;
    }
    return j;
}

/* w (o, c, ky, kx) -> (ky, c, kx, o), flipped. */
static void fill_narrow(struct plan_pack *p, const loose *w)
{
    const size_t len = p->kw * p->o;
    float *to = p->packed;

    for (size_t y = 0; y < p->taps / p->kw; y++)
        for (size_t c = 0; c < p->c; c++)
            for (size_t i = 0; i < len; i++)
                *to++ = w[(i % p->o * p->c + c) * p->taps + p->taps - 1 - y * p->kw - i / p->o] *
                        (p->affine ? p->affine->scale[i % p->o] : 1);
}

/* Bias and shift of a convolution behind which a scale and a shift are folded; bias may be NULL. */
static void fill_shift(const struct rd_kernels *kernels, struct plan_pack *p, const loose *bias)
{
    for (size_t j = 0; j < rd_packed_width(kernels, p->n); j++)
        p->packed[j] =
            j >= p->n ? 0 : (bias ? bias[j] * p->affine->scale[j] : 0) + p->affine->shift[j];
}

/* Four rows of four floats, turned. */
static void turn(const loose *from, size_t step, float *to, size_t width)
{
    typedef float four __attribute__((vector_size(16)));
    four a, b, c, d, low, high, low2, high2, out[4];

    memcpy(&a, from, sizeof a);
    memcpy(&b, from + step, sizeof b);
    memcpy(&c, from + 2 * step, sizeof c);
    memcpy(&d, from + 3 * step, sizeof d);
    low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    low2 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    high2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    out[0] = __builtin_shufflevector(low, low2, 0, 1, 4, 5);
    out[1] = __builtin_shufflevector(low, low2, 2, 3, 6, 7);
    out[2] = __builtin_shufflevector(high, high2, 0, 1, 4, 5);
    out[3] = __builtin_shufflevector(high, high2, 2, 3, 6, 7);
    for (size_t r = 0; r < 4; r++)
        memcpy(to + r * width, &out[r], sizeof out[r]);
}

/* The same of n rows, a multiple of four, and as many columns as `width`. */
static void turn_all(const loose *from, size_t step, size_t n, float *to, size_t width)
{
    for (size_t j = 0; j < width; j += 4)
        for (size_t r = 0; r < n; r += 4)
            turn(from + j * step + r, step, to + r * width + j, width);
}

/* Each column one run of the weight: layers of dense weights as PyTorch has them, convolutions
 * without a window. */
static bool is_turned(const struct plan_pack *p)
{
    return (p->kind == PACK_DENSE && p->transposed && !p->c) ||
           (p->kind == PACK_CONV && p->taps == 1);
}

/*
 * A block of a convolution's matrix, all its rows. The weight (o, c, taps) is read a few channels
 * of a few outputs at a time, so that its lines are still there for the next tap.
 */
static void fill_taps(
    const struct plan_pack *p, const loose *from, size_t first, size_t width, float *to)
{
    enum { OUTPUTS = 8, CHANNELS = 16 };
    const size_t left = p->n - first, real = left < width ? left : width, each = p->c * p->taps;

    for (size_t c = 0; c < p->c; c += CHANNELS)
        for (size_t j = 0; j < real; j += OUTPUTS) {
            const size_t end_c = p->c - c < CHANNELS ? p->c : c + CHANNELS;
            const size_t end_j = real - j < OUTPUTS ? real : j + OUTPUTS;

            for (size_t t = 0; t < p->taps; t++)
                for (size_t i = c; i < end_c; i++) {
                    const loose *w = from + first * each + i * p->taps + t;
                    float *row = to + (t * p->c + i) * width;

                    for (size_t o = j; o < end_j; o++)
                        row[o] =
                            p->affine ? w[o * each] * p->affine->scale[first + o] : w[o * each];
                }
        }
    for (size_t r = 0; r < p->k && real < width; r++)
        memset(to + r * width + real, 0, (width - real) * sizeof *to);
}

/* Rows begin .. end of the block of `width` columns that begins at `first`. */
static void fill_block(const struct plan_pack *p, const loose *from, size_t first, size_t width,
    size_t begin, size_t end, float *to)
{
    const size_t left = p->n - first, real = left < width ? left : width;
    size_t column[BLOCK_MAX];

    if (is_turned(p) && real == width && width % 4 == 0) {
        const size_t n = (end - begin) & ~(size_t)3;

        turn_all(from + first * p->k + begin, p->k, n, to, width);
        for (size_t r = 0; r < n && p->affine; r++)
            for (size_t j = 0; j < width; j++)
                to[r * width + j] *= p->affine->scale[first + j];
        begin += n;
        to += n * width;
    }
    for (size_t j = 0; j < real; j++)
        column[j] = column_offset(p, first + j);
    for (size_t r = begin; r < end; r++, to += width) {
        const loose *row = from + row_offset(p, r);

        for (size_t j = 0; j < real; j++)
            to[j] = p->affine ? row[column[j]] * p->affine->scale[channel_of(p, r, first + j)]
                              : row[column[j]];
        if (real < width)
            memset(to + real, 0, (width - real) * sizeof *to);
    }
}

static size_t width_at(const struct rd_kernels *kernels, const struct plan_pack *p, size_t first)
{
    return p->n - first <= kernels->lanes ? kernels->lanes : 2 * kernels->lanes;
}

void plan_pack_fill(
    const struct rd_kernels *kernels, struct plan_pack *p, const struct rd_tensor *weight)
{
    const loose *from = weight->data;
    float *to = p->packed;

    if (p->kind == PACK_PHASES || p->kind == PACK_PHASES_NARROW || p->kind == PACK_DEPTH ||
        p->kind == PACK_DEPTH_PHASES) {
        plan_phase_fill(kernels, p, weight->data);
        return;
    }
    if (p->kind == PACK_CONV_NARROW) {
        fill_narrow(p, from);
        return;
    }
    if (p->kind == PACK_SHIFT || (p->kind == PACK_BIAS && p->affine)) {
        fill_shift(kernels, p, p->kind == PACK_BIAS ? from : NULL);
        return;
    }
    for (size_t first = 0, width; first < p->n; first += width) {
        width = width_at(kernels, p, first);
        if (p->kind == PACK_CONV && p->taps > 1) {
            fill_taps(p, from, first, width, to);
            to += p->k * width;
            continue;
        }
        for (size_t r = 0; r < p->k; r += SLICE) {
            const size_t end = p->k - r < SLICE ? p->k : r + SLICE;

            fill_block(p, from, first, width, r, end, to);
            to += (end - r) * width;
        }
    }
}

/*
 * The sum of each output runs through the matrix from its first row to its last, kept in float32:
 * that it goes by way of memory between two slices changes no bit.
 */
void plan_rows_unpacked(const struct rd_kernels *kernels, const struct plan_pack *p,
    const struct rd_tensor *weight, const struct rd_rows *q)
{
    float slice[SLICE * BLOCK_MAX] __attribute__((aligned(64)));

    for (size_t first = 0, width; first < p->n; first += width) {
        struct rd_rows part = *q;

        width = width_at(kernels, p, first);
        part.n = p->n - first < width ? p->n - first : width;
        part.out = q->out + first;
        part.bias = q->bias ? q->bias + first : NULL;
        part.packed = slice;
        for (size_t r = 0; r < p->k; r += SLICE) {
            part.len = p->k - r < SLICE ? p->k - r : SLICE;
            part.in = q->in + r;
            part.accumulate = r > 0;
            part.relu = q->relu && r + part.len == p->k;
            fill_block(p, weight->data, first, width, r, r + part.len, slice);
            kernels->rows(&part);
            part.bias = NULL;
        }
    }
}
