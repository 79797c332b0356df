/* small.c - see small.h. */
#include "tensor/small.h"

#include <math.h>
#include <string.h>

/* sign, exponent and fraction bits, bias; `top`: the largest finite value. */
static const struct format {
    enum rd_dtype type;
    int exponent, fraction, bias;
    bool infinite;      /* has infinity: the largest exponent with no fraction */
    bool unsigned_zero; /* one zero, and NaN where the other would be (FNUZ) */
    double top;
} formats[] = {
    { RD_F8E4M3FN, 4, 3, 7, false, false, 448 },
    { RD_F8E4M3FNUZ, 4, 3, 8, false, true, 240 },
    { RD_F8E5M2, 5, 2, 15, true, false, 57344 },
    { RD_F8E5M2FNUZ, 5, 2, 16, false, true, 57344 },
    { RD_F4E2M1, 2, 1, 1, false, false, 6 },
};

static const struct format *format_of(enum rd_dtype t)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (formats[i].type == t)
            return &formats[i];
    return NULL;
}

int rd_small_bits(enum rd_dtype t)
{
    switch (t) {
    case RD_F8E4M3FN:
    case RD_F8E4M3FNUZ:
    case RD_F8E5M2:
    case RD_F8E5M2FNUZ:
    case RD_F8E8M0:
        return 8;
    case RD_U4:
    case RD_I4:
    case RD_F4E2M1:
        return 4;
    case RD_U2:
    case RD_I2:
        return 2;
    default:
        return 0;
    }
}

bool rd_small_is_int(enum rd_dtype t)
{
    return t == RD_U4 || t == RD_I4 || t == RD_U2 || t == RD_I2;
}

static uint8_t nan_of(const struct format *f, uint8_t sign)
{
    if (f->unsigned_zero)
        return 0x80;
    if (f->type == RD_F4E2M1) /* has none; ONNX's conversion gives -0 */
        return 8;
    return sign | (f->infinite ? 0x7e : 0x7f);
}

double rd_small_value(enum rd_dtype t, uint8_t element)
{
    const struct format *f = format_of(t);
    int fraction, exponent;
    double v;

    if (t == RD_U4 || t == RD_U2)
        return element;
    if (t == RD_I4 || t == RD_I2)
        return (int8_t)element;
    if (t == RD_F8E8M0)
        return element == 255 ? (double)NAN : ldexp(1, element - 127);
    if (!f)
        return 0;
    fraction = element & ((1 << f->fraction) - 1);
    exponent = element >> f->fraction & ((1 << f->exponent) - 1);
    v = exponent ? ldexp((1 << f->fraction) + fraction, exponent - f->bias - f->fraction)
                 : ldexp(fraction, 1 - f->bias - f->fraction);
    if (f->unsigned_zero && element == 0x80)
        return (double)NAN;
    if (v > f->top)
        v = f->infinite && !fraction ? HUGE_VAL : (double)NAN;
    return element >> (f->exponent + f->fraction) & 1 ? -v : v;
}

static uint8_t power_of_two(double v, bool saturate, enum rd_small_round round)
{
    int exponent;
    double m;

    if (isnan(v) || v < 0)
        return 255;
    if (v < 0x1p-127)
        return 0;
    if (isinf(v))
        return saturate ? 254 : 255;
    m = frexp(v, &exponent) * 2; /* v = m * 2^(exponent - 1), m in [1, 2) */
    exponent--;
    if ((round == RD_SMALL_UP && m > 1) || (round == RD_SMALL_NEAREST && m >= 1.5))
        exponent++;
    if (exponent > 127)
        return saturate ? 254 : 255;
    return (uint8_t)(exponent + 127);
}

uint8_t rd_small_element(enum rd_dtype t, double v, bool saturate, enum rd_small_round round)
{
    const struct format *f = format_of(t);
    const int bits = rd_small_bits(t);
    const bool has_sign = t == RD_I4 || t == RD_I2;
    double a, low, high;
    uint8_t sign, code;
    int exponent;

    if (rd_small_is_int(t)) {
        low = has_sign ? -(1 << (bits - 1)) : 0;
        high = (1 << (has_sign ? bits - 1 : bits)) - 1;
        return isnan(v) ? 0 : (uint8_t)(int8_t)fmax(low, fmin(high, trunc(v)));
    }
    if (t == RD_F8E8M0)
        return power_of_two(v, saturate, round);
    sign = signbit(v) ? 0x80 : 0;
    a = fabs(v);
    if (isnan(v))
        return nan_of(f, sign);
    if (isfinite(a) && a > 0) {
        (void)frexp(a, &exponent); /* a = m * 2^exponent, m in [0.5, 1) */
        exponent = exponent - 1 < 1 - f->bias ? 1 - f->bias : exponent - 1;
        a = ldexp(nearbyint(ldexp(a, f->fraction - exponent)), exponent - f->fraction);
    }
    if (a > f->top) {
        if (saturate || t == RD_F4E2M1)
            a = f->top;
        else
            return f->infinite ? sign | 0x7c : nan_of(f, sign);
    }
    if (a == 0) {
        code = 0;
    } else {
        (void)frexp(a, &exponent);
        exponent = exponent - 1 < 1 - f->bias ? 1 - f->bias : exponent - 1;
        /* The fraction with its leading one carries into the exponent; a subnormal has none. */
        code = (uint8_t)(((exponent + f->bias - 1) << f->fraction) +
                         (int)ldexp(a, f->fraction - exponent));
    }
    if (f->unsigned_zero && !code)
        return 0;
    return t == RD_F4E2M1 ? (uint8_t)(sign >> 4 | code) : sign | code;
}

uint8_t rd_small_wrap(enum rd_dtype t, uint64_t v)
{
    const int bits = rd_small_bits(t), mask = (1 << bits) - 1, low = (int)(v & (uint64_t)mask);

    if (t == RD_I4 || t == RD_I2)
        return (uint8_t)(int8_t)(low >> (bits - 1) ? low - (1 << bits) : low);
    return (uint8_t)low;
}

size_t rd_small_packed(enum rd_dtype t, size_t n)
{
    const size_t each = 8 / (size_t)rd_small_bits(t);

    return n / each + (n % each != 0);
}

void rd_small_unpack(enum rd_dtype t, const uint8_t *from, uint8_t *to, size_t n)
{
    const int bits = rd_small_bits(t);
    const size_t each = 8 / (size_t)bits;

    for (size_t i = 0; i < n; i++)
        to[i] = rd_small_wrap(t, (uint64_t)(from[i / each] >> (int)(i % each) * bits));
}

void rd_small_pack(enum rd_dtype t, const uint8_t *from, uint8_t *to, size_t n)
{
    const int bits = rd_small_bits(t);
    const size_t each = 8 / (size_t)bits;

    memset(to, 0, rd_small_packed(t, n));
    for (size_t i = 0; i < n; i++)
        to[i / each] |= (uint8_t)((from[i] & ((1 << bits) - 1)) << (int)(i % each) * bits);
}
