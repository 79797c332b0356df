/* op_qlinear_fast.c - see op_qlinear.h. */
#include "graph/op_qlinear.h"

#include <math.h>
#include <string.h>

/* The largest integer below which all integers are floats; two bytes' distances from zero points
 * multiplied. */
enum { EXACT = 1 << 24, BYTE = 255 };
/* Rows of a matrix, and floats of images, that are taken at a time: they stay in cache. */
enum { ROWS = 64, IMAGE_FLOATS = 1 << 18 };

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void *take(char **scratch, size_t count, size_t size)
{
    void *p = *scratch;

    *scratch += round_up(count * size);
    return p;
}

/* How far a byte may be from its zero point. */
static float reach(bool is_signed, int32_t zero)
{
    const int32_t low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;

    return (float)(zero - low > high - zero ? zero - low : high - zero);
}

static float largest(const float *v, size_t n)
{
    float most = 0;

    for (size_t i = 0; i < n; i++)
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    return most;
}

/* Terms that a sum of products may have and stay exact. */
static size_t terms(float a, float b)
{
    const double each = (double)a * (double)b;

    return each > 1 ? (size_t)((double)EXACT / each) : EXACT;
}

static float factor(const struct rd_int_ending *e, size_t row, size_t column)
{
    const float f = (float)e->a[e->a_vector ? row : 0] * (float)e->b[e->b_vector ? column : 0];

    return e->y ? f / (float)*e->y : f;
}

/* n floats, which hold integers, to out + at. */
static void end(const struct rd_kernels *k, const struct rd_int_ending *e, const float *v,
    const float *scale, size_t scale_step, void *out, size_t at, size_t n)
{
    const bool is_signed = e->form == RD_INT_I8;
    const struct rd_quantize q = {
        .x = v,
        .scale = scale,
        .scale_step = scale_step,
        .out = (char *)out + at,
        .n = n,
        .low = (float)((is_signed ? -128 : 0) - e->zero),
        .high = (float)((is_signed ? 127 : 255) - e->zero),
        .zero = (float)e->zero,
        .times = true,
        .form = is_signed ? RD_Q_I8 : RD_Q_U8,
    };

    if (e->form == RD_INT_REAL)
        for (size_t i = 0; i < n; i++)
            ((float *)out)[at + i] = v[i] * scale[i * scale_step];
    else
        k->quantize(&q);
}

/* --- matrices --- */

size_t rd_int_matmul_scratch(size_t m, size_t n, size_t k)
{
    const size_t rows = m < ROWS ? m : ROWS;

    return round_up(rows * k * sizeof(float)) + round_up(n * k * sizeof(float)) +
           2 * round_up(rows * n * sizeof(float)) + round_up(n * sizeof(float));
}

/* Rows first.. of a as floats without zero points: (rows, k). */
static void rows_of(
    const struct rd_kernels *k, const struct rd_int_matmul *q, size_t first, size_t rows, float *to)
{
    const char *a = q->a;

    if (!q->turn_a) {
        for (size_t r = 0; r < rows; r++)
            k->from_bytes(a + (first + r) * q->k, q->a_signed,
                (float)q->a_zero[q->a_zeros ? first + r : 0], to + r * q->k, q->k);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < q->k; i++) {
            const size_t at = i * q->m + first + r;

            to[r * q->k + i] =
                (float)((q->a_signed ? ((const int8_t *)q->a)[at] : ((const uint8_t *)q->a)[at]) -
                        q->a_zero[q->a_zeros ? first + r : 0]);
        }
}

/* b as floats, as it lies. */
static void all_of(const struct rd_kernels *k, const struct rd_int_matmul *q, float *to)
{
    if (!q->b_zeros) {
        k->from_bytes(q->b, q->b_signed, (float)*q->b_zero, to, q->n * q->k);
        return;
    }
    for (size_t j = 0; j < q->n && q->turn_b; j++)
        k->from_bytes(
            (const char *)q->b + j * q->k, q->b_signed, (float)q->b_zero[j], to + j * q->k, q->k);
    for (size_t i = 0; i < q->k && !q->turn_b; i++) {
        k->from_bytes((const char *)q->b + i * q->n, q->b_signed, 0, to + i * q->n, q->n);
        for (size_t j = 0; j < q->n; j++)
            to[i * q->n + j] -= (float)q->b_zero[j];
    }
}

/* One row of sums, complete but for the bias: part (float) and what was summed before, or NULL. */
static void end_row(const struct rd_kernels *k, const struct rd_int_matmul *q, size_t row,
    float *part, const int32_t *sum, float *scale)
{
    const struct rd_int_ending *e = &q->ending;
    const struct rd_int_sum s = {
        .part = part,
        .sum = sum,
        .bias = q->bias ? q->bias + row * q->bias_row : NULL,
        .bias_step = q->bias_column,
        .n = q->n,
        .out = part,
    };

    if (e->a_vector)
        for (size_t j = 0; j < q->n; j++)
            scale[j] = factor(e, row, j);
    k->int_sum(&s);
    end(k, e, part, scale, 1, q->out, row * q->n, q->n);
}

void rd_int_matmul(const struct rd_kernels *k, const struct rd_int_matmul *q, char *scratch)
{
    const size_t block = q->m < ROWS ? q->m : ROWS;
    float *a = take(&scratch, block * q->k, sizeof *a), *b = take(&scratch, q->n * q->k, sizeof *b);
    float *part = take(&scratch, block * q->n, sizeof *part);
    int32_t *sum = take(&scratch, block * q->n, sizeof *sum);
    float *scale = take(&scratch, q->n, sizeof *scale);
    float far = 0;
    size_t cut;

    all_of(k, q, b);
    for (size_t i = 0; i < (q->a_zeros ? q->m : 1) && q->m; i++) {
        const float r = reach(q->a_signed, q->a_zero[i]);

        far = r > far ? r : far;
    }
    cut = terms(far, largest(b, q->n * q->k));
    for (size_t j = 0; j < q->n && q->ending.form != RD_INT_SUMS; j++)
        scale[j] = factor(&q->ending, 0, j);
    for (size_t first = 0; first < q->m; first += block) {
        const size_t rows = q->m - first < block ? q->m - first : block;
        size_t at = 0;

        rows_of(k, q, first, rows, a);
        memset(sum, 0, rows * q->n * sizeof *sum);
        memset(part, 0, rows * q->n * sizeof *part);
        while (at < q->k) {
            const size_t len = q->k - at < cut ? q->k - at : cut;

            rd_sgemm(k, &(struct rd_gemm){ .a = a + at,
                            .b = q->turn_b ? b + at : b + at * q->n,
                            .c = part,
                            .m = rows,
                            .n = q->n,
                            .k = len,
                            .lda = q->k,
                            .ldb = q->turn_b ? q->k : q->n,
                            .ldc = q->n,
                            .trans_b = q->turn_b });
            at += len;
            if (at < q->k || q->ending.form == RD_INT_SUMS)
                k->add_ints(part, sum, rows * q->n);
        }
        if (q->ending.form == RD_INT_SUMS) {
            memcpy((int32_t *)q->out + first * q->n, sum, rows * q->n * sizeof *sum);
            continue;
        }
        for (size_t r = 0; r < rows; r++)
            end_row(k, q, first + r, part + r * q->n, q->k > cut ? sum + r * q->n : NULL, scale);
    }
}

/* --- convolutions --- */

/* Images at a time. */
static size_t images(const struct rd_conv *c)
{
    const size_t each = c->c * c->h * c->w + c->o * c->oh * c->ow + 1;
    const size_t n = IMAGE_FLOATS / each + 1;

    return n < c->n ? n : c->n;
}

static bool sizes(const struct rd_kernels *k, const struct rd_conv *c, size_t *bytes)
{
    const size_t n = images(c), taps = c->kh * c->kw;
    struct rd_conv whole = *c;
    size_t in, out, weights, total, conv;

    whole.n = n;
    conv = rd_conv_scratch(k, &whole);
    if (!conv || c->c / c->group * taps > SIZE_MAX / sizeof(float) / (c->o + 1) ||
        __builtin_mul_overflow(c->c * c->h * c->w, n * sizeof(float), &in) ||
        __builtin_mul_overflow(c->o * c->oh * c->ow, n * sizeof(float), &out))
        return false;
    weights = c->o * (c->c / c->group) * taps * sizeof(float);
    total = 64 * 6 + conv * sizeof(float);
    if (__builtin_add_overflow(total, in, &total) || __builtin_add_overflow(total, out, &total) ||
        __builtin_add_overflow(total, out, &total) ||
        __builtin_add_overflow(total, weights, &total))
        return false;
    *bytes = total;
    return true;
}

size_t rd_int_conv_scratch(const struct rd_kernels *k, const struct rd_conv *conv)
{
    const size_t taps = conv->kh * conv->kw;
    size_t bytes;

    /* A sum is cut between channels; those of several groups are not cut at all. */
    if (!conv->n || conv->c < conv->group || !taps || taps > terms(BYTE, BYTE) ||
        (conv->group > 1 && conv->c / conv->group * taps > terms(BYTE, BYTE)))
        return 0;
    return sizes(k, conv, &bytes) ? bytes : 0;
}

/* Input channels first.. of n images as floats; weights of the same channels. */
static void channels_of(const struct rd_kernels *k, const struct rd_int_conv *q, size_t image,
    size_t n, size_t first, size_t count, float *x)
{
    const struct rd_conv *c = &q->conv;
    const size_t plane = c->h * c->w;

    for (size_t i = 0; i < n; i++)
        k->from_bytes((const char *)q->x + ((image + i) * c->c + first) * plane, q->x_signed,
            (float)q->x_zero, x + i * count * plane, count * plane);
}

/* count of each channel's `own` input channels, `first` on. */
static void weights_of(
    const struct rd_kernels *k, const struct rd_int_conv *q, size_t first, size_t count, float *w)
{
    const struct rd_conv *c = &q->conv;
    const size_t own = c->c / c->group, taps = c->kh * c->kw;

    for (size_t m = 0; m < c->o; m++)
        k->from_bytes((const char *)q->w + (m * own + first) * taps, q->w_signed,
            (float)q->w_zero[m], w + m * count * taps, count * taps);
}

void rd_int_conv(const struct rd_kernels *k, const struct rd_int_conv *q, char *scratch)
{
    const struct rd_conv *c = &q->conv;
    const size_t own = c->c / c->group, taps = c->kh * c->kw, n_out = c->oh * c->ow;
    const size_t block = images(c);
    float *x = take(&scratch, block * c->c * c->h * c->w, sizeof *x);
    float *part = take(&scratch, block * c->o * n_out, sizeof *part);
    int32_t *sum = take(&scratch, block * c->o * n_out, sizeof *sum);
    float *w = take(&scratch, c->o * own * taps, sizeof *w);
    const bool sums = q->ending.form == RD_INT_SUMS;
    size_t cut;

    weights_of(k, q, 0, own, w);
    cut = terms(reach(q->x_signed, q->x_zero), largest(w, c->o * own * taps)) / taps;
    cut = cut < own ? cut : own;
    if (c->group > 1)
        cut = own; /* rd_int_conv_scratch has seen that it is exact */
    for (size_t image = 0; image < c->n; image += block) {
        const size_t n = c->n - image < block ? c->n - image : block;
        const size_t total = n * c->o * n_out;

        memset(sum, 0, (cut < own || sums ? total : 0) * sizeof *sum);
        for (size_t at = 0; at < own; at += cut) {
            const size_t count = own - at < cut ? own - at : cut;
            struct rd_conv some = *c;

            some.n = n;
            some.c = count * c->group;
            channels_of(k, q, image, n, at, some.c, x);
            if (cut < own)
                weights_of(k, q, at, count, w);
            rd_conv_forward(k, &some, x, w, NULL, part, (float *)(void *)scratch);
            if (at + count < own || sums)
                k->add_ints(part, sum, total);
        }
        if (sums) {
            memcpy((int32_t *)q->out + image * c->o * n_out, sum, total * sizeof *sum);
            continue;
        }
        for (size_t i = 0; i < n * c->o; i++) {
            const size_t m = i % c->o;
            const float f = factor(&q->ending, 0, m);
            const struct rd_int_sum s = {
                .part = part + i * n_out,
                .sum = cut < own ? sum + i * n_out : NULL,
                .bias = q->bias ? q->bias + m : NULL,
                .n = n_out,
                .out = part + i * n_out,
            };

            k->int_sum(&s);
            end(k, &q->ending, s.out, &f, 0, q->out, (image * c->o + i) * n_out, n_out);
        }
    }
}
