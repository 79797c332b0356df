/* vec.c - pools, element by element; and the table. */
#include "tensor/kernel_tables.h"
#include "tensor/simd/lanes.h"

#include <math.h>

/* --- pools --- */

struct window {
    int ky0, ky1, kx0, kx1;
};

static struct window window_at(ptrdiff_t left, size_t in_width, int kw, int ky0, int ky1)
{
    const ptrdiff_t room = (ptrdiff_t)in_width - left;

    return (struct window){ ky0, ky1, left < 0 ? (int)-left : 0, room < kw ? (int)room : kw };
}

/* n channels (LANES but at their end) of one window; at: its pixel (0, 0). */
INLINE void pool_lanes(const struct rd_pool_row *q, const struct window w, const float *at,
    float *out, uint8_t *index, size_t n, const int kw)
{
    vec best = { 0 };
    vec_mask winner = { 0 };
    bool first = true;

    UNROLL_SHORT
    for (int ky = w.ky0; ky < w.ky1; ky++)
        UNROLL_SHORT
    for (int kx = w.kx0; kx < w.kx1; kx++) {
        const float *p = at + ky * q->row_step + kx * q->pixel_step;
        const vec v = n == LANES ? load(p) : load_some(p, n);
        const vec_mask k = (vec_mask){ 0 } + (ky * kw + kx);

        if (first) {
            best = v;
            winner = k;
            first = false;
        } else {
            /* larger, or the first NaN */
            const vec_mask take = ~(vec_mask)(v <= best) & (vec_mask)(best == best);

            best = choose(take, v, best);
            if (index)
                winner = (vec_mask)choose(take, (vec)k, (vec)winner);
        }
    }
    if (index) {
        vec_index narrow;

        if (q->relu)
            winner |= ~(vec_mask)(best > (vec){ 0 }) & RD_POOL_OFF;
        narrow = __builtin_convertvector(winner, vec_index);
        memcpy(index, &narrow, n);
    }
    if (q->relu)
        best = relu_of(best);
    if (n == LANES)
        store(out, best);
    else
        store_some(out, best, n);
}

/* All channels of all windows of one shape; `fixed` tells the compiler a window of 2 x 2. */
INLINE void pool_all(const struct rd_pool_row *q, const bool fixed, const bool indexed)
{
    const size_t whole = q->channels / LANES * LANES;

    for (size_t o = 0; o < q->out_width; o++) {
        const ptrdiff_t left = (ptrdiff_t)o * q->stride - q->pad_left;
        const struct window w = fixed ? (struct window){ 0, 2, 0, 2 }
                                      : window_at(left, q->in_width, q->kw, q->ky0, q->ky1);
        const int kw = fixed ? 2 : q->kw;
        const float *at = q->in + left * q->pixel_step;
        float *out = q->out + (ptrdiff_t)o * q->out_step;
        uint8_t *index = indexed ? q->index + o * q->channels : NULL;

        for (size_t c = 0; c < whole; c += LANES)
            pool_lanes(q, w, at + c, out + c, indexed ? index + c : NULL, LANES, kw);
        if (whole < q->channels)
            pool_lanes(q, w, at + whole, out + whole, indexed ? index + whole : NULL,
                q->channels - whole, kw);
    }
}

/* Whole windows of 2 x 2 side by side: what most nets have. */
#define IS_TWO_BY_TWO(q)                                                                           \
    ((q)->ky0 == 0 && (q)->ky1 == 2 && (q)->kw == 2 && (q)->stride == 2 && (q)->pad_left == 0 &&   \
        (q)->out_width * 2 <= (q)->in_width)

static void vec_pool_row(const struct rd_pool_row *q)
{
    if (IS_TWO_BY_TWO(q) && q->index)
        pool_all(q, true, true);
    else if (IS_TWO_BY_TWO(q))
        pool_all(q, true, false);
    else
        pool_all(q, false, q->index != NULL);
}

INLINE void unpool_lanes(const struct rd_unpool_row *q, const struct window w, float *at,
    const float *from, const uint8_t *index, size_t n, const int kw, const bool add)
{
    const vec dy = n == LANES ? load(from) : load_some(from, n);
    vec_index narrow = { 0 };
    vec_mask winner;

    memcpy(&narrow, index, n);
    winner = widen(narrow);
    UNROLL_SHORT
    for (int ky = w.ky0; ky < w.ky1; ky++)
        UNROLL_SHORT
    for (int kx = w.kx0; kx < w.kx1; kx++) {
        float *p = at + ky * q->row_step + kx * q->pixel_step;
        vec g = (vec)((vec_mask)dy & (vec_mask)(winner == ky * kw + kx));

        if (add)
            g += n == LANES ? load(p) : load_some(p, n);
        if (n == LANES)
            store(p, g);
        else
            store_some(p, g, n);
    }
}

INLINE void unpool_all(const struct rd_unpool_row *q, const bool fixed, const bool add)
{
    const size_t whole = q->channels / LANES * LANES;

    for (size_t o = 0; o < q->out_width; o++) {
        const ptrdiff_t left = (ptrdiff_t)o * q->stride - q->pad_left;
        const struct window w = fixed ? (struct window){ 0, 2, 0, 2 }
                                      : window_at(left, q->in_width, q->kw, q->ky0, q->ky1);
        const int kw = fixed ? 2 : q->kw;
        float *at = q->dx + left * q->pixel_step;
        const float *from = q->dy + (ptrdiff_t)o * q->dy_step;
        const uint8_t *index = q->index + o * q->channels;

        for (size_t c = 0; c < whole; c += LANES)
            unpool_lanes(q, w, at + c, from + c, index + c, LANES, kw, add);
        if (whole < q->channels)
            unpool_lanes(
                q, w, at + whole, from + whole, index + whole, q->channels - whole, kw, add);
    }
}

static void vec_unpool_row(const struct rd_unpool_row *q)
{
    if (IS_TWO_BY_TWO(q) && !q->accumulate)
        unpool_all(q, true, false);
    else
        unpool_all(q, false, q->accumulate);
}

/* --- element by element --- */

static void vec_relu(const float *x, float *out, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        store(out + i, relu_of(load(x + i)));
    if (i < n)
        store_some(out + i, relu_of(load_some(x + i, n - i)), n - i);
}

static void vec_gate(const float *dy, const uint8_t *mask, float *dx, size_t n)
{
    size_t i = 0;

    for (; i < n; i += LANES) {
        const size_t some = n - i < LANES ? n - i : LANES;
        vec_index narrow = { 0 };
        vec g;

        if (some == LANES)
            memcpy(&narrow, mask + i, LANES);
        else
            memcpy(&narrow, mask + i, some);
        g = some == LANES ? load(dy + i) : load_some(dy + i, some);
        g = (vec)((vec_mask)g & (vec_mask)(widen(narrow) == 0));
        if (some == LANES)
            store(dx + i, g);
        else
            store_some(dx + i, g, some);
    }
}

static void vec_relu_back(const float *y, const float *dy, float *dx, size_t n)
{
    const vec zero = { 0 };
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        store(dx + i, (vec)((vec_mask)load(dy + i) & (vec_mask)(load(y + i) > zero)));
    if (i < n)
        store_some(dx + i,
            (vec)((vec_mask)load_some(dy + i, n - i) & (vec_mask)(load_some(y + i, n - i) > zero)),
            n - i);
}

static void vec_add(const float *a, const float *b, float *out, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        store(out + i, load(a + i) + load(b + i));
    if (i < n)
        store_some(out + i, load_some(a + i, n - i) + load_some(b + i, n - i), n - i);
}

static void vec_add_relu(const float *a, const float *b, float *out, uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t some = n - i < LANES ? n - i : LANES;
        const bool whole = some == LANES;
        const vec v =
            whole ? load(a + i) + load(b + i) : load_some(a + i, some) + load_some(b + i, some);
        const vec_index m =
            __builtin_convertvector(~(vec_mask)(v > (vec){ 0 }) & RD_POOL_OFF, vec_index);

        if (mask && whole)
            memcpy(mask + i, &m, LANES);
        else if (mask)
            memcpy(mask + i, &m, some);
        if (whole)
            store(out + i, relu_of(v));
        else
            store_some(out + i, relu_of(v), some);
    }
}

static void vec_mul(const float *a, const float *b, float *out, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        store(out + i, load(a + i) * load(b + i));
    if (i < n)
        store_some(out + i, load_some(a + i, n - i) * load_some(b + i, n - i), n - i);
}

static void vec_sum_rows(const float *x, size_t rows, ptrdiff_t step, size_t n, float *out)
{
    for (size_t j = 0; j < n; j += LANES) {
        const size_t left = n - j < LANES ? n - j : LANES;
        vec sum = left == LANES ? load(out + j) : load_some(out + j, left);

        for (size_t r = 0; r < rows; r++) {
            const float *p = x + (ptrdiff_t)r * step + j;

            sum += left == LANES ? load(p) : load_some(p, left);
        }
        store_some(out + j, sum, left);
    }
}

static double vec_sum(const float *x, size_t n)
{
    vec_wide part = { 0 };
    double sum = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        part += __builtin_convertvector(load(x + i), vec_wide);
    if (i < n)
        part += __builtin_convertvector(load_some(x + i, n - i), vec_wide);
    for (i = 0; i < LANES; i++)
        sum += part[i];
    return sum;
}

static void vec_mix(const struct rd_mix *q)
{
    size_t j = 0;

    for (; j + LANES <= q->n; j += LANES) {
        vec sum = { 0 };

        if (q->accumulate)
            sum = load(q->out + j);
        for (size_t t = 0; t < q->taps; t++)
            sum += q->w[t] * load(q->in + q->at[t] * q->step + j);
        store(q->out + j, sum);
    }
    if (j < q->n) {
        const size_t left = q->n - j;
        vec sum = { 0 };

        if (q->accumulate)
            sum = load_some(q->out + j, left);
        for (size_t t = 0; t < q->taps; t++)
            sum += q->w[t] * load_some(q->in + q->at[t] * q->step + j, left);
        store_some(q->out + j, sum, left);
    }
}

/* --- optimizers --- */

/* The compiler vectorizes these by itself; cmake/kernels.cmake says that sqrtf sets no errno. */

static void vec_sgd(const struct rd_update *u)
{
    float *restrict w = u->w, *restrict m = u->m;
    const float *restrict gradient = u->g;
    const float decay = u->decay, beta1 = u->beta1, rate = u->rate;

    if (beta1 == 0) { /* m would be g: half of what moves through memory */
        for (size_t i = 0; i < u->n; i++)
            w[i] -= rate * (gradient[i] + decay * w[i]);
        return;
    }
    for (size_t i = 0; i < u->n; i++) {
        const float g = gradient[i] + decay * w[i];

        m[i] = beta1 * m[i] + g;
        w[i] -= rate * m[i];
    }
}

static void vec_adam(const struct rd_update *u)
{
    float *restrict w = u->w, *restrict m = u->m, *restrict v = u->v;
    const float *restrict gradient = u->g;
    const float decay = u->decay, beta1 = u->beta1, beta2 = u->beta2, rate = u->rate;
    const float root = u->root, epsilon = u->epsilon;

    for (size_t i = 0; i < u->n; i++) {
        const float g = gradient[i] + decay * w[i];

        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        w[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const struct rd_kernels RD_NAMED(rd_kernels) = {
    .name = TEXT(RD_TABLE),
    .lanes = LANES,
    .rows = RD_NAMED(rd_rows),
    .pooled = RD_NAMED(rd_pooled),
    .narrow = RD_NAMED(rd_narrow),
    .depth = RD_NAMED(rd_depth),
    .outer = RD_NAMED(rd_outer),
    .pool_row = vec_pool_row,
    .unpool_row = vec_unpool_row,
    .relu = vec_relu,
    .relu_back = vec_relu_back,
    .gate = vec_gate,
    .add = vec_add,
    .add_relu = vec_add_relu,
    .mul = vec_mul,
    .mix = vec_mix,
    .sum_rows = vec_sum_rows,
    .sum = vec_sum,
    .norm_moments = RD_NAMED(rd_norm_moments),
    .norm_values = RD_NAMED(rd_norm_values),
    .norm_sums = RD_NAMED(rd_norm_sums),
    .norm_back = RD_NAMED(rd_norm_back),
    .sgd = vec_sgd,
    .adam = vec_adam,
    .sweep = RD_NAMED(rd_sweep),
    .rank = RD_NAMED(rd_rank),
    .quantize = RD_NAMED(rd_quantize),
    .from_bytes = RD_NAMED(rd_from_bytes),
    .int_sum = RD_NAMED(rd_int_sum),
    .add_ints = RD_NAMED(rd_add_ints),
    .math = &RD_NAMED(rd_math),
};
