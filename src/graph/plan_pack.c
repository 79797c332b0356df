/* plan_pack.c - packed copies of weights, made once for all steps and plans that read them. */
#include "graph/plan_impl.h"

#include <string.h>

enum { BLOCK_MAX = 64 }; /* two vectors of the widest table */

struct plan_pack *plan_pack_get(const struct rd_kernels *kernels, const struct plan_pack *want,
    struct plan_pack **list, struct rd_arena *arena)
{
    struct plan_pack *p;
    size_t floats;

    for (p = *list; p; p = p->next)
        if (p->kind == want->kind && p->value == want->value && p->k == want->k &&
            p->n == want->n && p->c == want->c && p->taps == want->taps &&
            p->transposed == want->transposed && p->affine == want->affine)
            return p;
    if (__builtin_mul_overflow(want->k, rd_packed_width(kernels, want->n), &floats))
        return NULL;
    p = RD_NEW(arena, struct plan_pack);
    if (!p)
        return NULL;
    *p = *want;
    p->filled = false; /* want may be a copy of a filled one */
    p->packed = rd_arena_alloc(arena, floats ? floats : 1, sizeof(float));
    if (!p->packed)
        return NULL;
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
    case PACK_BIAS:
    case PACK_SHIFT:
        break;
    }
    return j;
}

/* w (o, c, ky, kx) -> (ky, c, kx, o), flipped. */
static void fill_narrow(struct plan_pack *p, const float *w)
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
static void fill_shift(const struct rd_kernels *kernels, struct plan_pack *p, const float *bias)
{
    for (size_t j = 0; j < rd_packed_width(kernels, p->n); j++)
        p->packed[j] =
            j >= p->n ? 0 : (bias ? bias[j] * p->affine->scale[j] : 0) + p->affine->shift[j];
}

void plan_pack_fill(
    const struct rd_kernels *kernels, struct plan_pack *p, const struct rd_tensor *weight)
{
    const float *from = weight->data;
    float *to = p->packed;

    if (p->kind == PACK_CONV_NARROW) {
        fill_narrow(p, from);
        return;
    }
    if (p->kind == PACK_SHIFT || (p->kind == PACK_BIAS && p->affine)) {
        fill_shift(kernels, p, p->kind == PACK_BIAS ? from : NULL);
        return;
    }
    for (size_t first = 0; first < p->n;) {
        const size_t left = p->n - first;
        const size_t width = left <= kernels->lanes ? kernels->lanes : 2 * kernels->lanes;
        const size_t real = left < width ? left : width;
        size_t column[BLOCK_MAX];

        for (size_t j = 0; j < real; j++)
            column[j] = column_offset(p, first + j);
        for (size_t r = 0; r < p->k; r++, to += width) {
            const float *row = from + row_offset(p, r);

            for (size_t j = 0; j < real; j++)
                to[j] = p->affine ? row[column[j]] * p->affine->scale[channel_of(p, r, first + j)]
                                  : row[column[j]];
            if (real < width)
                memset(to + real, 0, (width - real) * sizeof *to);
        }
        first += width;
    }
}
