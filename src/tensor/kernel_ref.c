/* kernel_ref.c - every kernel the plain way: the reference of the tests, and the "scalar" table. */
#include "tensor/kernel.h"
#include "tensor/kernel_tables.h"

#include <math.h>

enum { LANES = 4 };

static float relu_of(float v)
{
    return v < 0 ? 0 : v; /* NaN stays */
}

static float below(float v, float top)
{
    return top > 0 && v > top ? top : v;
}

static uint8_t mask_of(float sum, float top)
{
    return sum > 0 && !(top > 0 && sum >= top) ? 0 : RD_POOL_OFF;
}

/* Column j of the packed matrix with `total` rows: where its first element stands; the next is
 * `step` further. */
static const float *packed_column(
    const float *packed, size_t n, size_t total, size_t j, size_t *step)
{
    const size_t block = 2 * LANES, first = j / block * block;

    *step = n - first <= LANES ? LANES : block;
    return packed + first * total + (j - first);
}

static void ref_line(const struct rd_rows *q)
{
    const size_t total = q->ny * q->nx * q->len;

    for (size_t r = 0; r < q->rows; r++)
        for (size_t j = 0; j < q->n; j++) {
            const float *in = q->in + (ptrdiff_t)r * q->in_step;
            float *out = q->out + (ptrdiff_t)r * q->out_step + j;
            float sum = q->accumulate ? *out : q->bias ? q->bias[j] : 0;
            size_t step;
            const float *w = packed_column(q->packed, q->n, total, j, &step);

            for (size_t a = 0; a < q->ny; a++)
                for (size_t b = 0; b < q->nx; b++)
                    for (size_t c = 0; c < q->len; c++, w += step)
                        sum +=
                            in[(ptrdiff_t)a * q->y_step + (ptrdiff_t)b * q->x_step + (ptrdiff_t)c] *
                            *w;
            if (q->plus)
                sum += q->plus[(ptrdiff_t)r * q->plus_step + (ptrdiff_t)j];
            if (q->mask)
                q->mask[(ptrdiff_t)r * q->mask_step + (ptrdiff_t)j] = mask_of(sum, q->top);
            *out = q->relu ? below(relu_of(sum), q->top) : sum;
        }
}

static void ref_rows(const struct rd_rows *q)
{
    struct rd_rows line = *q;

    for (size_t y = 0; y < (q->lines ? q->lines : 1); y++) {
        ref_line(&line);
        line.in += q->in_line;
        line.out += q->out_line;
        line.mask = line.mask ? line.mask + q->mask_line : NULL;
        line.plus = line.plus ? line.plus + q->plus_line : NULL;
    }
}

static void ref_pool_row(const struct rd_pool_row *q);

static void ref_pooled(const struct rd_pooled *q)
{
    const struct rd_rows *c = &q->conv;

    for (size_t o = 0; o < q->out_width; o++)
        for (size_t j = 0; j < c->n; j++) {
            float pixel[4];
            struct rd_pool_row pool = { .in = pixel,
                .out = c->out + (ptrdiff_t)o * c->out_step + (ptrdiff_t)j,
                .index = q->index ? q->index + o * c->n + j : NULL,
                .channels = 1,
                .out_width = 1,
                .in_width = 2,
                .row_step = 2,
                .pixel_step = 1,
                .ky1 = 2,
                .kw = 2,
                .stride = 2,
                .relu = c->relu };

            for (size_t k = 0; k < 4; k++) {
                const float *in = c->in + (ptrdiff_t)(2 * o + (k & 1)) * c->in_step +
                                  (ptrdiff_t)(k / 2) * q->line;
                size_t step;
                const float *w = packed_column(c->packed, c->n, c->ny * c->nx * c->len, j, &step);

                pixel[k] = c->bias ? c->bias[j] : 0;
                for (size_t a = 0; a < c->ny; a++)
                    for (size_t b = 0; b < c->nx; b++)
                        for (size_t i = 0; i < c->len; i++, w += step)
                            pixel[k] += in[(ptrdiff_t)a * c->y_step + (ptrdiff_t)b * c->x_step +
                                            (ptrdiff_t)i] *
                                        *w;
            }
            ref_pool_row(&pool);
        }
}

static void ref_narrow(const struct rd_rows *q)
{
    for (size_t r = 0; r < q->rows; r++)
        for (size_t j = 0; j < q->n; j++) {
            float *out = q->out + (ptrdiff_t)r * q->out_step + j;
            float sum = q->accumulate ? *out : q->bias ? q->bias[j] : 0;

            for (size_t a = 0; a < q->ny; a++)
                for (size_t b = 0; b < q->nx; b++)
                    for (size_t i = 0; i < q->len; i++)
                        sum += q->in[(ptrdiff_t)r * q->in_step + (ptrdiff_t)a * q->y_step +
                                     (ptrdiff_t)b * q->x_step + (ptrdiff_t)i] *
                               q->packed[((a * q->nx + b) * q->n + j) * q->len + i];
            *out = q->relu ? relu_of(sum) : sum;
        }
}

static void ref_depth(const struct rd_depth *q)
{
    for (size_t x = 0; x < q->width; x++)
        for (size_t k = 0; k < q->channels; k++) {
            float *out = q->out + (ptrdiff_t)x * q->out_step + k;
            float sum = q->accumulate ? *out : q->bias ? q->bias[k] : 0;

            for (size_t a = 0; a < q->ny; a++)
                for (size_t b = 0; b < q->nx; b++)
                    sum += q->in[(ptrdiff_t)x * q->in_step + (ptrdiff_t)a * q->y_step +
                                 (ptrdiff_t)b * q->x_step + (ptrdiff_t)k] *
                           q->w[(a * q->nx + b) * q->channels + k];
            if (q->mask)
                q->mask[x * q->channels + k] = mask_of(sum, q->top);
            *out = q->relu ? below(relu_of(sum), q->top) : sum;
        }
}

static void outer_tap(const struct rd_outer *q, size_t t)
{
    for (size_t c = 0; c < q->len; c++)
        for (size_t j = 0; j < q->n; j++) {
            float sum = 0;

            for (size_t i = 0; i < (q->images ? q->images : 1); i++) {
                const float *x =
                    (q->images ? q->xs[i] + q->x_first : q->x) + (ptrdiff_t)t * q->x_tap;
                const float *dy = q->images ? q->dys[i] : q->dy;

                for (size_t a = 0; a < q->ny; a++)
                    for (size_t b = 0; b < q->nx; b++)
                        sum += x[(ptrdiff_t)a * q->x_y + (ptrdiff_t)b * q->x_x + (ptrdiff_t)c] *
                               dy[(ptrdiff_t)a * q->dy_y + (ptrdiff_t)b * q->dy_x + (ptrdiff_t)j];
            }
            {
                float *to = q->dw + (ptrdiff_t)t * q->dw_tap + (ptrdiff_t)c * q->dw_step + j;

                *to = q->fresh ? sum : *to + sum;
            }
        }
}

static void ref_outer(const struct rd_outer *q)
{
    for (size_t t = 0; t < (q->taps ? q->taps : 1); t++)
        outer_tap(q, t);
}

static bool inside(ptrdiff_t x, size_t width)
{
    return x >= 0 && (size_t)x < width;
}

static void ref_pool_row(const struct rd_pool_row *q)
{
    for (size_t o = 0; o < q->out_width; o++)
        for (size_t c = 0; c < q->channels; c++) {
            float best = 0;
            int winner = -1;

            for (int ky = q->ky0; ky < q->ky1; ky++)
                for (int kx = 0; kx < q->kw; kx++) {
                    const ptrdiff_t x = (ptrdiff_t)o * q->stride - q->pad_left + kx;
                    float v;

                    if (!inside(x, q->in_width))
                        continue;
                    v = q->in[ky * q->row_step + x * q->pixel_step + (ptrdiff_t)c];
                    if (winner < 0 || v > best || (v != v && best == best)) {
                        best = v;
                        winner = ky * q->kw + kx;
                    }
                }
            if (q->index)
                q->index[o * q->channels + c] =
                    (uint8_t)(q->relu && !(best > 0) ? (int)RD_POOL_OFF : winner);
            q->out[(ptrdiff_t)o * q->out_step + (ptrdiff_t)c] = q->relu ? relu_of(best) : best;
        }
}

static void ref_unpool_row(const struct rd_unpool_row *q)
{
    for (size_t o = 0; o < q->out_width; o++)
        for (int ky = q->ky0; ky < q->ky1; ky++)
            for (int kx = 0; kx < q->kw; kx++) {
                const ptrdiff_t x = (ptrdiff_t)o * q->stride - q->pad_left + kx;

                if (!inside(x, q->in_width))
                    continue;
                for (size_t c = 0; c < q->channels; c++) {
                    float *dx = q->dx + ky * q->row_step + x * q->pixel_step + (ptrdiff_t)c;
                    const bool won = q->index[o * q->channels + c] == ky * q->kw + kx;
                    const float g = won ? q->dy[(ptrdiff_t)o * q->dy_step + (ptrdiff_t)c] : 0;

                    *dx = q->accumulate ? *dx + g : g;
                }
            }
}

static void ref_relu(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = relu_of(x[i]);
}

static void ref_gate(const float *dy, const uint8_t *mask, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = mask[i] ? 0 : dy[i];
}

static void ref_relu_back(const float *y, const float *dy, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0 ? dy[i] : 0;
}

static void ref_add(const float *a, const float *b, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static void ref_add_relu(const float *a, const float *b, float *out, uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float v = a[i] + b[i];

        if (mask)
            mask[i] = v > 0 ? 0 : RD_POOL_OFF;
        out[i] = relu_of(v);
    }
}

static void ref_mul(const float *a, const float *b, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] * b[i];
}

static void ref_mix(const struct rd_mix *q)
{
    for (size_t j = 0; j < q->n; j++) {
        float sum = q->accumulate ? q->out[j] : 0;

        for (size_t t = 0; t < q->taps; t++)
            sum += q->w[t] * q->in[q->at[t] * q->step + j];
        q->out[j] = sum;
    }
}

static void ref_sum_rows(const float *x, size_t rows, ptrdiff_t step, size_t n, float *out)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++)
            out[j] += x[(ptrdiff_t)r * step + (ptrdiff_t)j];
}

static double ref_sum(const float *x, size_t n)
{
    double part[LANES] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++)
        part[i % LANES] += (double)x[i];
    for (size_t i = 0; i < LANES; i++)
        sum += part[i];
    return sum;
}

static void ref_norm_moments(const struct rd_norm *q)
{
    for (size_t i = 0; i < q->pixels * q->channels; i++) {
        const double v = (double)q->x[i];

        q->sum[i % q->channels] += v;
        q->sum[q->channels + i % q->channels] += v * v;
    }
}

static void ref_norm_values(const struct rd_norm *q)
{
    for (size_t i = 0; i < q->pixels * q->channels; i++) {
        const size_t k = i % q->channels;
        const float v = (q->x[i] - q->mean[k]) * q->scale[k] + q->shift[k];

        q->y[i] = q->relu ? relu_of(v) : v;
    }
}

/* dy number i as it is in front of the relu. */
static float norm_gated(const struct rd_norm *q, size_t i)
{
    const size_t k = i % q->channels;

    return q->relu && !((q->x[i] - q->mean[k]) * q->scale[k] + q->shift[k] > 0) ? 0 : q->dy[i];
}

static void ref_norm_sums(const struct rd_norm *q)
{
    for (size_t i = 0; i < q->pixels * q->channels; i++) {
        const size_t k = i % q->channels;
        const double g = (double)norm_gated(q, i);

        q->sum[k] += g;
        q->sum[q->channels + k] += g * (double)(q->x[i] - q->mean[k]);
    }
}

static void ref_norm_back(const struct rd_norm *q)
{
    for (size_t i = 0; i < q->pixels * q->channels; i++) {
        const size_t k = i % q->channels;
        const float v =
            norm_gated(q, i) * q->scale[k] - (q->x[i] - q->mean[k]) * q->slope[k] - q->level[k];

        q->y[i] = q->accumulate ? q->y[i] + v : v;
    }
}

static void ref_sgd(const struct rd_update *u)
{
    for (size_t i = 0; i < u->n; i++) {
        const float g = u->g[i] + u->decay * u->w[i];

        u->m[i] = u->beta1 * u->m[i] + g;
        u->w[i] -= u->rate * u->m[i];
    }
}

static void ref_adam(const struct rd_update *u)
{
    for (size_t i = 0; i < u->n; i++) {
        const float g = u->g[i] + u->decay * u->w[i];

        u->m[i] = u->beta1 * u->m[i] + (1 - u->beta1) * g;
        u->v[i] = u->beta2 * u->v[i] + (1 - u->beta2) * g * g;
        u->w[i] -= u->rate * u->m[i] / (sqrtf(u->v[i]) * u->root + u->epsilon);
    }
}

static void ref_quantize(const struct rd_quantize *q)
{
    for (size_t i = 0; i < q->n; i++) {
        const float scale = q->scale[i * q->scale_step];
        const float v = q->times ? q->x[i] * scale : q->x[i] / scale;
        const float held = v > q->low ? v < q->high ? v : q->high : q->low;
        const float k = rintf(held) + 0.0f; /* no negative zero: it comes from an integer */

        if (q->form == RD_Q_FLOAT)
            ((float *)q->out)[i] = k + q->zero;
        else if (q->form == RD_Q_BACK)
            ((float *)q->out)[i] = k * scale;
        else if (q->form == RD_Q_I8)
            ((int8_t *)q->out)[i] = (int8_t)(k + q->zero);
        else
            ((uint8_t *)q->out)[i] = (uint8_t)(k + q->zero);
    }
}

static void ref_from_bytes(const void *x, bool is_signed, float zero, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(is_signed ? ((const int8_t *)x)[i] : ((const uint8_t *)x)[i]) - zero;
}

static void ref_int_sum(const struct rd_int_sum *q)
{
    for (size_t i = 0; i < q->n; i++) {
        uint32_t sum = (uint32_t)(int32_t)q->part[i];

        sum += q->sum ? (uint32_t)q->sum[i] : 0;
        sum += q->bias ? (uint32_t)q->bias[i * q->bias_step] : 0;
        q->out[i] = (float)(int32_t)sum;
    }
}

static void ref_add_ints(const float *part, int32_t *sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)(int32_t)part[i]);
}

const struct rd_kernels rd_kernels_scalar = {
    .name = "scalar",
    .lanes = LANES,
    .rows = ref_rows,
    .pooled = ref_pooled,
    .narrow = ref_narrow,
    .depth = ref_depth,
    .outer = ref_outer,
    .pool_row = ref_pool_row,
    .unpool_row = ref_unpool_row,
    .relu = ref_relu,
    .relu_back = ref_relu_back,
    .gate = ref_gate,
    .add = ref_add,
    .add_relu = ref_add_relu,
    .mul = ref_mul,
    .mix = ref_mix,
    .sum_rows = ref_sum_rows,
    .sum = ref_sum,
    .norm_moments = ref_norm_moments,
    .norm_values = ref_norm_values,
    .norm_sums = ref_norm_sums,
    .norm_back = ref_norm_back,
    .sgd = ref_sgd,
    .adam = ref_adam,
    .quantize = ref_quantize,
    .from_bytes = ref_from_bytes,
    .int_sum = ref_int_sum,
    .add_ints = ref_add_ints,
};
