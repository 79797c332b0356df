/* math.c - see tensor/math.h: element by element; and the table. math_rows.c has what goes by rows.
 */
#include "tensor/simd/math_lanes.h"

static const float ROOT_2_PI = 0.797884561f, CUBIC = 0.044715f; /* sqrt(2 / pi) */

INLINE vec apply(const enum rd_map f, vec x, float a)
{
    vec unused;

    switch (f) {
    case RD_MAP_EXP:
        return exp_of(x);
    case RD_MAP_LOG:
        return log_of(x);
    case RD_MAP_TANH:
        return tanh_of(x);
    case RD_MAP_SIGMOID:
        return sigmoid_of(x);
    case RD_MAP_ERF:
        return erf_of(x);
    case RD_MAP_SOFTPLUS:
        return softplus_of(x);
    case RD_MAP_GELU:
        /* -inf times 0 would be NaN */
        return choose((vec_mask)(x < -20.0f), (vec){ 0 }, x * normal_of(x, &unused));
    case RD_MAP_GELU_TANH:
        /* (1 + tanh v) / 2 = sigmoid(2 v) */
        return choose((vec_mask)(x < -20.0f), (vec){ 0 },
            x * sigmoid_of(2.0f * ROOT_2_PI * (x + CUBIC * x * x * x)));
    case RD_MAP_RELU:
        return relu_of(x);
    default:
        return x * sigmoid_of(a * x);
    }
}

/* The derivative. */
INLINE vec slope(const enum rd_map f, vec x, vec y, float a)
{
    vec density, s;

    switch (f) {
    case RD_MAP_EXP:
        return exp_of(x);
    case RD_MAP_LOG:
        return 1.0f / x;
    case RD_MAP_TANH:
        return 1.0f - y * y;
    case RD_MAP_SIGMOID:
        return y * (1.0f - y);
    case RD_MAP_ERF:
        return 1.12837917f * exp_of(-x * x); /* 2 / sqrt(pi) */
    case RD_MAP_SOFTPLUS:
        return sigmoid_of(x);
    case RD_MAP_GELU:
        s = normal_of(x, &density);
        return choose((vec_mask)(magnitude(x) > 20.0f), s, s + 0.398942280f * x * density);
    case RD_MAP_GELU_TANH:
        s = sigmoid_of(2.0f * ROOT_2_PI * (x + CUBIC * x * x * x));
        return choose((vec_mask)(magnitude(x) > 20.0f), s,
            s + x * s * (1.0f - s) * (2.0f * ROOT_2_PI) * (1.0f + 3.0f * CUBIC * x * x));
    case RD_MAP_RELU:
        return choose((vec_mask)(y > (vec){ 0 }), all(1.0f), (vec){ 0 });
    default:
        s = sigmoid_of(a * x);
        return s + a * x * s * (1.0f - s);
    }
}

/* --- element by element --- */

#define EACH_MAP(X)                                                                                \
    X(EXP) X(LOG) X(TANH) X(SIGMOID) X(ERF) X(SOFTPLUS) X(GELU) X(GELU_TANH) X(SWISH) X(RELU)

#define MAP(F)                                                                                     \
    __attribute__((noinline)) static void map_##F(const float *x, float *out, size_t n, float a)   \
    {                                                                                              \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + LANES <= n; i += LANES)                                                         \
            store(out + i, apply(RD_MAP_##F, load(x + i), a));                                     \
        if (i < n)                                                                                 \
            store_some(out + i, apply(RD_MAP_##F, load_some(x + i, n - i), a), n - i);             \
    }                                                                                              \
    __attribute__((noinline)) static void map_back_##F(                                            \
        const float *x, const float *y, const float *dy, float *dx, size_t n, float a, bool add)   \
    {                                                                                              \
        for (size_t i = 0; i < n; i += LANES) {                                                    \
            const size_t m = n - i;                                                                \
            const vec vx = x ? part(x + i, m) : (vec){ 0 }, vy = y ? part(y + i, m) : (vec){ 0 };  \
                                                                                                   \
            vec d = part(dy + i, m) * slope(RD_MAP_##F, vx, vy, a);                                \
                                                                                                   \
            if (add)                                                                               \
                d += part(dx + i, m);                                                              \
            put(dx + i, d, m);                                                                     \
        }                                                                                          \
    }
EACH_MAP(MAP)

static void vec_map(enum rd_map f, const float *x, float *out, size_t n, float a)
{
#define MAP_ENTRY(F) [RD_MAP_##F] = map_##F,
    static void (*const of[RD_MAPS])(
        const float *, float *, size_t, float) = { EACH_MAP(MAP_ENTRY) };

    of[f](x, out, n, a);
}

static void vec_map_back(enum rd_map f, const float *x, const float *y, const float *dy, float *dx,
    size_t n, float a, bool add)
{
#define MAP_BACK_ENTRY(F) [RD_MAP_##F] = map_back_##F,
    static void (*const of[RD_MAPS])(const float *, const float *, const float *, float *, size_t,
        float, bool) = { EACH_MAP(MAP_BACK_ENTRY) };

    of[f](x, y, dy, dx, n, a, add);
}

INLINE vec join(const enum rd_pair op, vec a, vec b)
{
    return op == RD_PAIR_ADD   ? a + b
           : op == RD_PAIR_SUB ? a - b
           : op == RD_PAIR_MUL ? a * b
                               : a / b;
}

INLINE void pair_all(const enum rd_pair op, const float *a, size_t a_step, const float *b,
    size_t b_step, float *out, size_t n)
{
    if (n && a_step == 0 && b_step == 0) { /* one value, repeated */
        const vec v = join(op, all(*a), all(*b));

        for (size_t i = 0; i < n; i += LANES)
            put(out + i, v, n - i);
    } else if (n && a_step == 0) {
        const vec v = all(*a);

        for (size_t i = 0; i < n; i += LANES)
            put(out + i, join(op, v, part(b + i, n - i)), n - i);
    } else if (n && b_step == 0) {
        const vec v = all(*b);

        for (size_t i = 0; i < n; i += LANES)
            put(out + i, join(op, part(a + i, n - i), v), n - i);
    } else {
        for (size_t i = 0; i < n; i += LANES)
            put(out + i, join(op, part(a + i, n - i), part(b + i, n - i)), n - i);
    }
}

static void vec_pair(enum rd_pair op, const float *a, size_t a_step, const float *b, size_t b_step,
    float *out, size_t n)
{
    switch (op) {
    case RD_PAIR_ADD:
        pair_all(RD_PAIR_ADD, a, a_step, b, b_step, out, n);
        break;
    case RD_PAIR_SUB:
        pair_all(RD_PAIR_SUB, a, a_step, b, b_step, out, n);
        break;
    case RD_PAIR_MUL:
        pair_all(RD_PAIR_MUL, a, a_step, b, b_step, out, n);
        break;
    default:
        pair_all(RD_PAIR_DIV, a, a_step, b, b_step, out, n);
    }
}

static void vec_add_to(
    const float *x, const float *y, size_t y_step, float factor, float *out, size_t n)
{
    const vec f = all(factor);

    if (!y)
        for (size_t i = 0; i < n; i += LANES)
            put(out + i, part(out + i, n - i) + f * part(x + i, n - i), n - i);
    else if (y_step == 0)
        for (size_t i = 0; i < n; i += LANES)
            put(out + i, part(out + i, n - i) + f * *y * part(x + i, n - i), n - i);
    else
        for (size_t i = 0; i < n; i += LANES)
            put(out + i, part(out + i, n - i) + f * part(y + i, n - i) * part(x + i, n - i), n - i);
}

const struct rd_math RD_NAMED(rd_math) = {
    .map = vec_map,
    .map_back = vec_map_back,
    .pair = vec_pair,
    .add_to = vec_add_to,
    .turn = RD_NAMED(rd_turn),
    .dot = RD_NAMED(rd_dot),
    .softmax = RD_NAMED(rd_softmax),
    .softmax_back = RD_NAMED(rd_softmax_back),
    .normal = RD_NAMED(rd_normal),
    .normal_back = RD_NAMED(rd_normal_back),
    .lstm = RD_NAMED(rd_lstm),
    .lstm_back = RD_NAMED(rd_lstm_back),
};
