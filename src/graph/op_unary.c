/*
 * op_unary.c - one element in, one element out: roots, exponentials and the smaller activations.
 *
 * A row is one line of the table below: value and derivative as expressions of x (the input), and
 * of a and b (float attributes with their defaults, 0 when there are none). float32 is computed in
 * float64 and rounded once. Rows of integers (Abs, Neg, Sign) come behind, exact in every width.
 */
#include "graph/op_fast.h"

#include <math.h>
#include <string.h>

static rd_status same_shape(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    return c->in[0]->dtype != RD_F32 && c->in[0]->dtype != RD_F64 ? 2 * rd_op_wide_size(c->in[0])
                                                                  : 0;
}

/* --- functions that need a helper --- */

static const double INV_SQRT_2PI = 0.39894228040143267794,
                    TWO_OVER_SQRT_PI = 1.12837916709551257390;
static const double SQRT_2_OVER_PI = 0.79788456080286535588, SQRT_HALF = 0.70710678118654752440;

/* Both branches have an exponent that is not positive: no overflow. */
static double sigmoid(double x)
{
    const double e = exp(-fabs(x));

    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double clamp01(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double inside01(double x)
{
    return x > 0 && x < 1 ? 1 : 0;
}

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

/* Gelu by Erf; its derivative. Hendrycks, Gimpel 2016, arXiv:1606.08415. */
static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x * SQRT_HALF));
}

static double gelu_slope(double x)
{
    return 0.5 * (1 + erf(x * SQRT_HALF)) + x * INV_SQRT_2PI * exp(-0.5 * x * x);
}

/* Gelu by Tanh, as the same paper approximates it. */
static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)));
}

static double gelu_tanh_slope(double x)
{
    const double t = tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x));

    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x);
}

static double mish_slope(double x)
{
    const double t = tanh(softplus(x));

    return t + x * (1 - t * t) * sigmoid(x);
}

static double swish_slope(double x, double a)
{
    const double s = sigmoid(a * x);

    return s + a * x * s * (1 - s);
}

/* --- rows that the vector functions know --- */

static bool fast_map(const struct rd_op_call *c, enum rd_map *map_out)
{
    static const struct {
        const char *op;
        enum rd_map map;
    } known[] = { { "Exp", RD_MAP_EXP }, { "Log", RD_MAP_LOG }, { "Erf", RD_MAP_ERF },
        { "Softplus", RD_MAP_SOFTPLUS }, { "Swish", RD_MAP_SWISH }, { "Gelu", RD_MAP_GELU } };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known) && rd_op_math(c, c->in[0]); i++)
        if (!strcmp(c->node->row->op, known[i].op)) {
            *map_out = known[i].map;
            if (known[i].map == RD_MAP_GELU && rd_op_str_is(c->node, "approximate", "tanh"))
                *map_out = RD_MAP_GELU_TANH;
            return true;
        }
    return false;
}

/* --- the table --- */

#define EACH(T, EXPR)                                                                              \
    do {                                                                                           \
        const T *const px = c->in[0]->data;                                                        \
        T *const po = c->out[0]->data;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const double x = (double)px[i];                                                        \
            po[i] = (T)(EXPR);                                                                     \
        }                                                                                          \
    } while (0)

#define EACH_BACK(T, EXPR)                                                                         \
    do {                                                                                           \
        const T *const px = c->in[0]->data, *const pg = c->dout[0]->data;                          \
        T *const pd = c->din[0]->data;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const double x = (double)px[i];                                                        \
            (void)x;                                                                               \
            pd[i] += (T)((double)pg[i] * (EXPR));                                                  \
        }                                                                                          \
    } while (0)

/* The values of the two float attributes, as the row names them. */
struct pair {
    double a, b;
};

#define DEFINE(id, NAMES, VALUE, SLOPE)                                                            \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        const size_t n = rd_tensor_count(c->in[0]);                                                \
        const struct pair p = NAMES;                                                               \
        const double a = p.a, b = p.b;                                                             \
        enum rd_map map;                                                                           \
                                                                                                   \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        if (fast_map(c, &map)) {                                                                   \
            c->kernels->math->map(map, c->in[0]->data, c->out[0]->data, n, (float)a);              \
        } else if (c->in[0]->dtype == RD_F32) {                                                    \
            EACH(float, VALUE);                                                                    \
        } else if (c->in[0]->dtype == RD_F64) {                                                    \
            EACH(double, VALUE);                                                                   \
        } else {                                                                                   \
            const double *const from = rd_op_wide(c, c->in[0]);                                    \
            double *const to = rd_op_take(c, n * sizeof(*to));                                     \
            for (size_t i = 0; i < n; i++) {                                                       \
                const double x = from[i];                                                          \
                to[i] = (VALUE);                                                                   \
            }                                                                                      \
            rd_op_narrow(to, c->out[0], false);                                                    \
        }                                                                                          \
        return RD_OK;                                                                              \
    }                                                                                              \
    static rd_status id##_backward(struct rd_op_call *c)                                           \
    {                                                                                              \
        const size_t n = rd_tensor_count(c->in[0]);                                                \
        const struct pair p = NAMES;                                                               \
        const double a = p.a, b = p.b;                                                             \
        enum rd_map map;                                                                           \
                                                                                                   \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        if (fast_map(c, &map))                                                                     \
            c->kernels->math->map_back(map, c->in[0]->data, NULL, c->dout[0]->data,                \
                c->din[0]->data, n, (float)a, !rd_op_is_fresh(c, 0));                              \
        else if (rd_op_start(c, 0), c->in[0]->dtype == RD_F32)                                     \
            EACH_BACK(float, SLOPE);                                                               \
        else                                                                                       \
            EACH_BACK(double, SLOPE);                                                              \
        return RD_OK;                                                                              \
    }

#define ROW(id, name, first, TYPES, ATTRS) FLAT_ROW(id, name, first, TYPES, ATTRS, NULL)

/* Of a function whose slope is 0 wherever it has one. */
#define FLAT_ROW(id, name, first, TYPES, ATTRS, SURROGATE)                                         \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = first,                                                                            \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { TYPES },                                                                      \
        .attrs = ATTRS,                                                                            \
        .infer = same_shape,                                                                       \
        .forward = id##_forward,                                                                   \
        .backward = id##_backward,                                                                 \
        .surrogate = SURROGATE,                                                                    \
        .grad_in = 1,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .sets = 1,                                                                                 \
        .scratch = scratch,                                                                        \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

static struct pair none(void)
{
    return (struct pair){ 0, 0 };
}

static struct pair named(
    const struct rd_op_call *c, const char *a, double or_a, const char *b, double or_b)
{
    return (struct pair){ rd_op_attr(c->node, a) ? (double)rd_op_float(c->node, a, 0) : or_a,
        b && rd_op_attr(c->node, b) ? (double)rd_op_float(c->node, b, 0) : or_b };
}

static const struct rd_op_attr old_attrs[] = {
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};
static const struct rd_op_attr alpha_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};
static const struct rd_op_attr shrink_attrs[] = {
    { "lambd", RD_ATTR_FLOAT, 9, 0, false },
    { "bias", RD_ATTR_FLOAT, 9, 0, false },
    { 0 },
};
static const struct rd_op_attr selu_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "gamma", RD_ATTR_FLOAT, 1, 0, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};
static const struct rd_op_attr hard_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "beta", RD_ATTR_FLOAT, 1, 0, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

/* clang-format off */
DEFINE(sqrt, none(), sqrt(x), 0.5 / sqrt(x))
DEFINE(exp, none(), exp(x), exp(x))
DEFINE(log, none(), log(x), 1 / x)
DEFINE(erf, none(), erf(x), TWO_OVER_SQRT_PI * exp(-x * x))
/* What a straight-through gradient takes for the slope of rounding: 1. */
static rd_status identity_backward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]);

    if (!c->din[0] || !c->dout[0])
        return RD_OK;
    if (c->in[0]->dtype == RD_F32)
        EACH_BACK(float, 1);
    else
        EACH_BACK(double, 1);
    return RD_OK;
}

DEFINE(floor, none(), floor(x), 0)
DEFINE(ceil, none(), ceil(x), 0)
DEFINE(round, none(), rint(x), 0)
DEFINE(reciprocal, none(), 1 / x, -1 / (x * x))
DEFINE(sin, none(), sin(x), cos(x))
DEFINE(cos, none(), cos(x), -sin(x))
DEFINE(tan, none(), tan(x), 1 / (cos(x) * cos(x)))
DEFINE(asin, none(), asin(x), 1 / sqrt((1 - x) * (1 + x)))
DEFINE(acos, none(), acos(x), -1 / sqrt((1 - x) * (1 + x)))
DEFINE(atan, none(), atan(x), 1 / (1 + x * x))
DEFINE(sinh, none(), sinh(x), cosh(x))
DEFINE(cosh, none(), cosh(x), sinh(x))
DEFINE(asinh, none(), asinh(x), 1 / hypot(x, 1))
DEFINE(acosh, none(), acosh(x), 1 / (sqrt(x - 1) * sqrt(x + 1)))
DEFINE(atanh, none(), atanh(x), 1 / ((1 - x) * (1 + x)))
DEFINE(shrink, named(c, "lambd", 0.5, "bias", 0), x < -a ? x + b : x > a ? x - b : 0, x < -a || x > a ? 1 : 0)
DEFINE(softplus, none(), softplus(x), sigmoid(x))
DEFINE(softsign, none(), x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))))
DEFINE(hardswish, none(), x * clamp01(x / 6 + 0.5), x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5)
DEFINE(mish, none(), x * tanh(softplus(x)), mish_slope(x))
DEFINE(swish, named(c, "alpha", 1, NULL, 0), x * sigmoid(a * x), swish_slope(x, a))
DEFINE(leakyrelu, named(c, "alpha", (double)0.01f, NULL, 0), x < 0 ? a * x : x, x > 0 ? 1 : a)
DEFINE(thresholdedrelu, named(c, "alpha", 1, NULL, 0), x > a ? x : 0, x > a ? 1 : 0)
DEFINE(elu, named(c, "alpha", 1, NULL, 0), x < 0 ? a * expm1(x) : x, x > 0 ? 1 : a * exp(x))
DEFINE(celu, named(c, "alpha", 1, NULL, 0), fmax(0, x) + fmin(0, a * expm1(x / a)),
    x > 0 ? 1 : exp(x / a))
DEFINE(selu, named(c, "alpha", c->node->opset < 6 ? (double)1.6732f : (double)1.67326319217681884765625f,
    "gamma", c->node->opset < 6 ? (double)1.0507f : (double)1.05070102214813232421875f),
    b * (x > 0 ? x : a * expm1(x)), b * (x > 0 ? 1 : a * exp(x)))
DEFINE(hardsigmoid, named(c, "alpha", (double)0.2f, "beta", 0.5), clamp01(a * x + b), a * inside01(a * x + b))
/* clang-format on */

ROW(sqrt, "Sqrt", 1, RD_T_FLOAT, old_attrs);
ROW(exp, "Exp", 1, RD_T_FLOAT, old_attrs);
ROW(log, "Log", 1, RD_T_FLOAT, old_attrs);
ROW(erf, "Erf", 9, RD_T_FLOAT, NULL);
FLAT_ROW(floor, "Floor", 1, RD_T_FLOAT, old_attrs, identity_backward);
FLAT_ROW(ceil, "Ceil", 1, RD_T_FLOAT, old_attrs, identity_backward);
FLAT_ROW(round, "Round", 11, RD_T_FLOAT, NULL, identity_backward);
ROW(reciprocal, "Reciprocal", 1, RD_T_FLOAT, old_attrs);
ROW(sin, "Sin", 7, RD_T_FLOAT, NULL);
ROW(cos, "Cos", 7, RD_T_FLOAT, NULL);
ROW(tan, "Tan", 7, RD_T_FLOAT, NULL);
ROW(asin, "Asin", 7, RD_T_FLOAT, NULL);
ROW(acos, "Acos", 7, RD_T_FLOAT, NULL);
ROW(atan, "Atan", 7, RD_T_FLOAT, NULL);
ROW(sinh, "Sinh", 9, RD_T_FLOAT, NULL);
ROW(cosh, "Cosh", 9, RD_T_FLOAT, NULL);
ROW(asinh, "Asinh", 9, RD_T_FLOAT, NULL);
ROW(acosh, "Acosh", 9, RD_T_FLOAT, NULL);
ROW(atanh, "Atanh", 9, RD_T_FLOAT, NULL);
ROW(shrink, "Shrink", 9, RD_T_NUMBER, shrink_attrs);
ROW(softplus, "Softplus", 1, RD_T_FLOAT, NULL);
ROW(softsign, "Softsign", 1, RD_T_FLOAT, NULL);
ROW(hardswish, "HardSwish", 14, RD_T_FLOAT, NULL);
ROW(mish, "Mish", 18, RD_T_FLOAT, NULL);
ROW(swish, "Swish", 24, RD_T_FLOAT, alpha_attrs);
ROW(leakyrelu, "LeakyRelu", 1, RD_T_FLOAT, alpha_attrs);
ROW(thresholdedrelu, "ThresholdedRelu", 10, RD_T_FLOAT, alpha_attrs);
ROW(elu, "Elu", 1, RD_T_FLOAT, alpha_attrs);
ROW(celu, "Celu", 12, RD_T_FLOAT, alpha_attrs);
ROW(selu, "Selu", 1, RD_T_FLOAT, selu_attrs);
ROW(hardsigmoid, "HardSigmoid", 1, RD_T_FLOAT, hard_attrs);

/* --- Gelu: by Erf or by Tanh --- */

static rd_status gelu_infer(struct rd_op_call *c)
{
    if (rd_op_attr(c->node, "approximate") && !rd_op_str_is(c->node, "approximate", "none") &&
        !rd_op_str_is(c->node, "approximate", "tanh"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'approximate' must be none or tanh");
    return same_shape(c);
}

static struct pair by_tanh(const struct rd_op_call *c)
{
    return (struct pair){ rd_op_str_is(c->node, "approximate", "tanh"), 0 };
}

DEFINE(gelu, by_tanh(c), a > 0 ? gelu_tanh(x) : gelu(x), a > 0 ? gelu_tanh_slope(x) : gelu_slope(x))

static const struct rd_op_attr gelu_attrs[] = {
    { "approximate", RD_ATTR_STRING, 20, 0, false },
    { 0 },
};

const struct rd_op rd_op_gelu = {
    .op = "Gelu",
    .domain = "",
    .since = 20,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = gelu_attrs,
    .infer = gelu_infer,
    .forward = gelu_forward,
    .backward = gelu_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .sets = 1,
    .scratch = scratch,
    .per_example = rd_op_rows_elementwise,
};

/* --- integers too: exact, wrapping in uint64_t as in C --- */

#define EACH_INT(T, EXPR)                                                                          \
    do {                                                                                           \
        const T *const px = c->in[0]->data;                                                        \
        T *const po = c->out[0]->data;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const T x = px[i];                                                                     \
            po[i] = (T)(EXPR);                                                                     \
        }                                                                                          \
    } while (0)

/* What a straight-through gradient takes for the slope of Sign: that of max(-1, min(1, x)). */
static rd_status hard_tanh_backward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]);

    if (!c->din[0] || !c->dout[0])
        return RD_OK;
    if (c->in[0]->dtype == RD_F32)
        EACH_BACK(float, fabs(x) <= 1 ? 1 : 0);
    else
        EACH_BACK(double, fabs(x) <= 1 ? 1 : 0);
    return RD_OK;
}

/* REAL and SLOPE as above; WHOLE: of an integer of any width. */
#define DEFINE_INT(id, REAL, SLOPE, WHOLE)                                                         \
    DEFINE(id##_real, none(), REAL, SLOPE)                                                         \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        const size_t n = rd_tensor_count(c->in[0]);                                                \
                                                                                                   \
        switch (c->in[0]->dtype) {                                                                 \
        case RD_I8:                                                                                \
            EACH_INT(int8_t, WHOLE);                                                               \
            break;                                                                                 \
        case RD_I16:                                                                               \
            EACH_INT(int16_t, WHOLE);                                                              \
            break;                                                                                 \
        case RD_I32:                                                                               \
            EACH_INT(int32_t, WHOLE);                                                              \
            break;                                                                                 \
        case RD_I64:                                                                               \
            EACH_INT(int64_t, WHOLE);                                                              \
            break;                                                                                 \
        case RD_U8:                                                                                \
            EACH_INT(uint8_t, WHOLE);                                                              \
            break;                                                                                 \
        case RD_U16:                                                                               \
            EACH_INT(uint16_t, WHOLE);                                                             \
            break;                                                                                 \
        case RD_U32:                                                                               \
            EACH_INT(uint32_t, WHOLE);                                                             \
            break;                                                                                 \
        case RD_U64:                                                                               \
            EACH_INT(uint64_t, WHOLE);                                                             \
            break;                                                                                 \
        default:                                                                                   \
            return id##_real_forward(c);                                                           \
        }                                                                                          \
        return RD_OK;                                                                              \
    }                                                                                              \
    static rd_status id##_backward(struct rd_op_call *c)                                           \
    {                                                                                              \
        return id##_real_backward(c);                                                              \
    }

enum { SIGNED = RD_T(RD_I8) | RD_T(RD_I16) | RD_T(RD_I32) | RD_T(RD_I64) };

DEFINE_INT(neg, -x, -1, 0 - (uint64_t)x)
DEFINE_INT(abs, fabs(x), sign(x), x > 0 ? (uint64_t)x : 0 - (uint64_t)x)
DEFINE_INT(sign, sign(x), 0, x > 0 ? 1 : x == 0 ? 0 : -1)

ROW(neg, "Neg", 1, RD_T_FLOAT | SIGNED, old_attrs);
ROW(abs, "Abs", 1, RD_T_NUMBER, old_attrs);
FLAT_ROW(sign, "Sign", 9, RD_T_NUMBER, NULL, hard_tanh_backward);
