/*
 * ints.c - floats to integers of a few bits and back. Plain loops, which the compiler vectorizes by
 * itself; each case is a loop of its own, so that none asks inside.
 */
#include "tensor/simd/lanes.h"

/*
 * To the nearest integer, halves to even, of |v| < 2^22: behind the addition no bits of fractions
 * are left. rintf would be a call on machines without an instruction for it.
 */
#define SHIFT 12582912.0f /* 1.5 * 2^23 */

INLINE float nearest(float v, float low, float high)
{
    v = v > low ? v : low; /* a NaN becomes low */
    v = v < high ? v : high;
    return (v + SHIFT) - SHIFT;
}

INLINE void quantize(
    const struct rd_quantize *q, bool times, bool each, int form, const float *restrict x)
{
    const float low = q->low, high = q->high, zero = q->zero, one = *q->scale;
    const size_t n = q->n; /* bytes that are written might be q's, as far as the compiler knows */
    const float *restrict scales = q->scale;
    float *restrict reals = q->out;
    int8_t *restrict ints = q->out;
    uint8_t *restrict naturals = q->out;

    for (size_t i = 0; i < n; i++) {
        const float scale = each ? scales[i] : one;
        const float k = nearest(times ? x[i] * scale : x[i] / scale, low, high);

        if (form == RD_Q_FLOAT)
            reals[i] = k + zero;
        else if (form == RD_Q_BACK)
            reals[i] = k * scale;
        else if (form == RD_Q_I8)
            ints[i] = (int8_t)(int32_t)(k + zero);
        else
            naturals[i] = (uint8_t)(int32_t)(k + zero);
    }
}

INLINE void quantize_to(const struct rd_quantize *q, int form)
{
    const bool each = q->scale_step != 0;

    if (q->times)
        each ? quantize(q, true, true, form, q->x) : quantize(q, true, false, form, q->x);
    else
        each ? quantize(q, false, true, form, q->x) : quantize(q, false, false, form, q->x);
}

void RD_NAMED(rd_quantize)(const struct rd_quantize *q)
{
    switch (q->form) {
    case RD_Q_FLOAT:
        quantize_to(q, RD_Q_FLOAT);
        break;
    case RD_Q_BACK:
        quantize_to(q, RD_Q_BACK);
        break;
    case RD_Q_I8:
        quantize_to(q, RD_Q_I8);
        break;
    case RD_Q_U8:
        quantize_to(q, RD_Q_U8);
        break;
    }
}

void RD_NAMED(rd_from_bytes)(const void *x, bool is_signed, float zero, float *out, size_t n)
{
    const int8_t *restrict ints = x;
    const uint8_t *restrict naturals = x;
    float *restrict to = out;

    if (is_signed)
        for (size_t i = 0; i < n; i++)
            to[i] = (float)ints[i] - zero;
    else
        for (size_t i = 0; i < n; i++)
            to[i] = (float)naturals[i] - zero;
}

INLINE void int_sum(const struct rd_int_sum *q, bool summed, size_t bias_step)
{
    const int32_t first = q->bias ? *q->bias : 0;

    for (size_t i = 0; i < q->n; i++) {
        uint32_t sum = (uint32_t)(int32_t)q->part[i];

        sum += summed ? (uint32_t)q->sum[i] : 0;
        sum += bias_step ? (uint32_t)q->bias[i] : (uint32_t)first;
        q->out[i] = (float)(int32_t)sum;
    }
}

void RD_NAMED(rd_int_sum)(const struct rd_int_sum *q)
{
    const bool each = q->bias && q->bias_step;

    if (q->sum)
        each ? int_sum(q, true, 1) : int_sum(q, true, 0);
    else
        each ? int_sum(q, false, 1) : int_sum(q, false, 0);
}

void RD_NAMED(rd_add_ints)(const float *part, int32_t *sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = (int32_t)((uint32_t)sum[i] + (uint32_t)(int32_t)part[i]);
}
