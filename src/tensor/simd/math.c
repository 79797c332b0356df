/*
 * math.c - see tensor/math.h. Functions are polynomials fitted to the exact ones (weighted least
 * squares at Chebyshev nodes, weights moved until the errors level off); the error of each fit
 * stands beside it, relative to the function.
 */
#include "tensor/math.h"
#include "tensor/simd/lanes.h"

#include <math.h>

INLINE vec all(float v)
{
    return (vec){ 0 } + v;
}

INLINE vec part(const float *p, size_t n)
{
    return n >= LANES ? load(p) : load_some(p, n);
}

INLINE void put(float *p, vec v, size_t n)
{
    if (n >= LANES)
        store(p, v);
    else
        store_some(p, v, n);
}

INLINE vec magnitude(vec x)
{
    return (vec)((vec_mask)x & 0x7fffffff);
}

INLINE vec sign_of(vec x) /* its sign bit alone */
{
    return (vec)((vec_mask)x & (int32_t)0x80000000u);
}

INLINE vec with_sign(vec x, vec sign)
{
    return (vec)((vec_mask)x | (vec_mask)sign);
}

/* --- one vector --- */

INLINE vec power_of_two(vec_mask k) /* -126..127 */
{
    return (vec)((k + 127) << 23);
}

/*
 * exp(x) = 2^k exp(r), |r| <= ln 2 / 2; k ln 2 is taken off in two parts, the first of few bits.
 * exp(r) = 1 + r + r^2 P(r), 4.9e-11. 2^k in two factors, so that results below the normal floats
 * and the overflow come out by themselves.
 */
INLINE vec exp_of(vec x)
{
    const vec high = all(88.8f), low = all(-104.0f), magic = all(12582912.0f); /* 1.5 * 2^23 */
    vec k, r, p;
    vec_mask i, half;

    x = choose((vec_mask)(x > high), high, x);
    x = choose((vec_mask)(x < low), low, x);
    k = x * 1.44269504f + magic;
    i = (vec_mask)k - (vec_mask)magic;
    k -= magic;
    r = x - k * 0.693145752f;
    r -= k * 1.42860677e-6f;
    p = all(1.991797033e-04f);
    p = p * r + 1.394618977e-03f;
    p = p * r + 8.333265168e-03f;
    p = p * r + 4.166626826e-02f;
    p = p * r + 1.666666686e-01f;
    p = p * r + 5.000000078e-01f;
    p = (p * r * r + r) + 1.0f;
    half = i >> 1;
    return p * power_of_two(half) * power_of_two(i - half);
}

/* The same for x in -87..0, where one factor will do; below, it is nearly zero (2^-126). */
INLINE vec exp_negative(vec x)
{
    const vec low = all(-87.0f), magic = all(12582912.0f);
    vec k, r, p;
    vec_mask i;

    x = choose((vec_mask)(x < low), low, x);
    k = x * 1.44269504f + magic;
    i = (vec_mask)k - (vec_mask)magic;
    k -= magic;
    r = x - k * 0.693145752f;
    r -= k * 1.42860677e-6f;
    p = all(1.991797033e-04f);
    p = p * r + 1.394618977e-03f;
    p = p * r + 8.333265168e-03f;
    p = p * r + 4.166626826e-02f;
    p = p * r + 1.666666686e-01f;
    p = p * r + 5.000000078e-01f;
    p = (p * r * r + r) + 1.0f;
    return p * power_of_two(i);
}

/*
 * log(m 2^k) with m in sqrt(1/2)..sqrt(2): log(1 + f) = f - f^2 / 2 + f^3 P(f), 5.9e-9. x >= 0
 * and normal.
 */
INLINE vec log_normal(vec x)
{
    const vec_mask bits = (vec_mask)x - 0x3f3504f3; /* of sqrt(1/2) */
    const vec_mask k = bits >> 23;
    const vec f = (vec)((vec_mask)x - (k << 23)) - 1.0f;
    const vec e = __builtin_convertvector(k, vec);
    vec p = all(-7.859545778e-02f);

    p = p * f + 1.288162237e-01f;
    p = p * f - 1.312876765e-01f;
    p = p * f + 1.418119612e-01f;
    p = p * f - 1.662455314e-01f;
    p = p * f + 2.000228608e-01f;
    p = p * f - 2.500081043e-01f;
    p = p * f + 3.333331673e-01f;
    p = p * f * f * f + e * 1.42860677e-6f;
    p -= 0.5f * f * f;
    return e * 0.693145752f + (f + p);
}

INLINE vec log_of(vec x)
{
    const vec infinity = all(HUGE_VALF), zero = { 0 };
    const vec_mask tiny = (vec_mask)(x < 1.17549435e-38f); /* and all that is not positive */
    vec y = log_normal(choose(tiny, x * 16777216.0f, x));  /* 2^24 */

    y = choose(tiny, y - 16.6355323f, y);
    y = choose((vec_mask)(x == infinity), infinity, y);
    y = choose((vec_mask)(x == zero), -infinity, y);
    return choose((vec_mask)(x >= zero), y, choose((vec_mask)(x == x), all(NAN), x));
}

/* log(1 + u), u in 0..1: that of the rounded sum, put right by what the rounding lost. */
INLINE vec log1p_of(vec u)
{
    const vec w = u + 1.0f;

    return log_normal(w) + (u - (w - 1.0f)) / w;
}

/* x + x^3 P(x^2), 4.2e-9, below 0.625; 1 - 2 / (exp(2 |x|) + 1) from there on. */
INLINE vec tanh_of(vec x)
{
    const vec a = magnitude(x), z = x * x;
    /* NaN counts as large, and goes through both. */
    const vec e = exp_negative(-2.0f * choose((vec_mask)(a > 10.0f), all(10.0f), a));
    const vec large = with_sign((1.0f - e) / (1.0f + e), sign_of(x));
    vec p = all(-5.717036546e-03f);

    p = p * z + 2.065057899e-02f;
    p = p * z - 5.374349526e-02f;
    p = p * z + 1.333149125e-01f;
    p = p * z - 3.333328392e-01f;
    return choose((vec_mask)(a < 0.625f), p * z * x + x, large);
}

/* No exponent is positive: nothing overflows. */
INLINE vec sigmoid_of(vec x)
{
    const vec e = exp_of(-magnitude(x));

    return choose((vec_mask)(x >= (vec){ 0 }), all(1.0f), e) / (1.0f + e);
}

/* erf(x) / x for |x| < 1 by x^2, 1.2e-9. */
INLINE vec erf_small(vec z)
{
    vec p = all(7.889119280e-05f);

    p = p * z - 8.020841204e-04f;
    p = p * z + 5.189535331e-03f;
    p = p * z - 2.685444459e-02f;
    p = p * z + 1.128360018e-01f;
    p = p * z - 3.761262714e-01f;
    return p * z + 1.128379166e+00f;
}

/* exp(a^2) erfc(a), a in 0.45..10.5: t Q(t), t = 1 / (1 + 0.4 a), 5.6e-9. */
INLINE vec erfcx_of(vec a)
{
    const vec t = 1.0f / (1.0f + 0.4f * a);
    vec p = all(5.924958040e-02f);

    p = p * t - 2.168881932e-01f;
    p = p * t + 2.222992514e-01f;
    p = p * t - 5.023017628e-02f;
    p = p * t + 1.630820994e-01f;
    p = p * t + 1.624174973e-01f;
    p = p * t + 2.088073202e-01f;
    p = p * t + 2.255948990e-01f;
    p = p * t + 2.256778911e-01f;
    return p * t;
}

INLINE vec erf_of(vec x)
{
    const vec a = magnitude(x), b = choose((vec_mask)(a > 4.0f), all(4.0f), a);
    const vec large = 1.0f - exp_negative(-b * b) * erfcx_of(b);

    return choose((vec_mask)(a < 0.95f), erf_small(x * x) * x, with_sign(large, sign_of(x)));
}

/* Phi(x) = (1 + erf(x / sqrt 2)) / 2, for negative x without cancellation; *density:
 * exp(-x^2 / 2). */
INLINE vec normal_of(vec x, vec *density)
{
    const vec root = all(0.707106781f);
    const vec a = magnitude(x) * root, b = choose((vec_mask)(a > 10.0f), all(10.0f), a);
    const vec e = exp_negative(-0.5f * x * x), tail = 0.5f * e * erfcx_of(b);

    *density = e;
    return choose((vec_mask)(a < 0.5f), 0.5f + 0.5f * erf_small(a * a) * (x * root),
        choose((vec_mask)(x < (vec){ 0 }), tail, 1.0f - tail));
}

INLINE vec softplus_of(vec x)
{
    return choose((vec_mask)(x < (vec){ 0 }), (vec){ 0 }, x) + log1p_of(exp_of(-magnitude(x)));
}

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
        const float *x, const float *y, const float *dy, float *dx, size_t n, float a)             \
    {                                                                                              \
        for (size_t i = 0; i < n; i += LANES) {                                                    \
            const size_t m = n - i;                                                                \
            const vec vx = x ? part(x + i, m) : (vec){ 0 }, vy = y ? part(y + i, m) : (vec){ 0 };  \
                                                                                                   \
            put(dx + i, part(dx + i, m) + part(dy + i, m) * slope(RD_MAP_##F, vx, vy, a), m);      \
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

static void vec_map_back(
    enum rd_map f, const float *x, const float *y, const float *dy, float *dx, size_t n, float a)
{
#define MAP_BACK_ENTRY(F) [RD_MAP_##F] = map_back_##F,
    static void (*const of[RD_MAPS])(const float *, const float *, const float *, float *, size_t,
        float) = { EACH_MAP(MAP_BACK_ENTRY) };

    of[f](x, y, dy, dx, n, a);
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

/* --- sums along a row: lanes of float32 over SPAN vectors, then float64 --- */

enum { SPAN = 32 };

INLINE double lanes_of(vec_wide v)
{
    double sum = 0;

    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

INLINE float lanes_added(vec v) /* in halves */
{
    float f[LANES];

    memcpy(f, &v, sizeof f);
    UNROLL
    for (int w = LANES / 2; w > 0; w /= 2)
        UNROLL
    for (int i = 0; i < w; i++)
        f[i] += f[i + w];
    return f[0];
}

INLINE float lanes_largest(vec v)
{
    float f[LANES];

    memcpy(f, &v, sizeof f);
    UNROLL
    for (int w = LANES / 2; w > 0; w /= 2)
        UNROLL
    for (int i = 0; i < w; i++)
        f[i] = f[i] > f[i + w] ? f[i] : f[i + w];
    return f[0];
}

/* Sum of EXPR(i) (a vector; lanes behind n must be zero) over a row. */
#define ROW_SUM(n, RESULT, EXPR)                                                                   \
    do {                                                                                           \
        double total_ = 0;                                                                         \
        for (size_t from_ = 0; from_ < (n); from_ += (size_t)SPAN * LANES) {                       \
            const size_t end_ =                                                                    \
                (n)-from_ < (size_t)SPAN * LANES ? (n) : from_ + (size_t)SPAN * LANES;             \
            vec sum_ = { 0 };                                                                      \
            for (size_t i = from_; i < end_; i += LANES)                                           \
                sum_ += (EXPR);                                                                    \
            total_ += (double)lanes_added(sum_);                                                   \
        }                                                                                          \
        (RESULT) = total_;                                                                         \
    } while (0)

static double vec_dot(const float *a, const float *b, size_t n)
{
    vec_wide sum = { 0 };

    for (size_t i = 0; i < n; i += LANES)
        sum += __builtin_convertvector(part(a + i, n - i), vec_wide) *
               __builtin_convertvector(part(b + i, n - i), vec_wide);
    return lanes_of(sum);
}

/* Lanes behind n become v. */
INLINE vec rest(vec x, size_t n, float v)
{
    vec_mask lane;

    if (n >= LANES)
        return x;
    for (int i = 0; i < LANES; i++)
        lane[i] = (size_t)i < n ? -1 : 0;
    return choose(lane, x, all(v));
}

static void vec_softmax(const float *x, float *out, size_t rows, size_t n, bool logs)
{
    for (size_t r = 0; r < rows; r++, x += n, out += n) {
        const size_t whole = n / LANES * LANES;
        vec top = all(-HUGE_VALF);
        float most;
        double sum;

        for (size_t i = 0; i < whole; i += LANES) {
            const vec v = load(x + i);

            top = choose((vec_mask)(v > top), v, top);
        }
        if (whole < n) {
            const vec v = rest(load_some(x + whole, n - whole), n - whole, -HUGE_VALF);

            top = choose((vec_mask)(v > top), v, top);
        }
        most = lanes_largest(top);
        if (logs) {
            ROW_SUM(n, sum, rest(exp_of(part(x + i, n - i) - most), n - i, 0));
            vec_pair(RD_PAIR_SUB, x, 1, &most, 0, out, n);
            most = (float)log(sum);
            vec_pair(RD_PAIR_SUB, out, 1, &most, 0, out, n);
            continue;
        }
        sum = 0;
        for (size_t from = 0; from < n; from += (size_t)SPAN * LANES) {
            const size_t end = n - from < (size_t)SPAN * LANES ? n : from + (size_t)SPAN * LANES;
            vec part_sum = { 0 };

            for (size_t i = from; i < end; i += LANES) {
                const vec e = exp_of(part(x + i, n - i) - most);

                put(out + i, e, n - i);
                part_sum += rest(e, n - i, 0);
            }
            sum += (double)lanes_added(part_sum);
        }
        most = (float)(1 / sum);
        vec_pair(RD_PAIR_MUL, out, 1, &most, 0, out, n);
    }
}

static void vec_softmax_back(
    const float *y, const float *dy, float *dx, size_t rows, size_t n, bool logs)
{
    for (size_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        double sum;
        float along;

        if (logs)
            ROW_SUM(n, sum, part(dy + i, n - i));
        else
            ROW_SUM(n, sum, part(dy + i, n - i) * part(y + i, n - i));
        along = (float)sum;
        for (size_t i = 0; i < n; i += LANES) {
            const size_t m = n - i;
            const vec g = part(dy + i, m), p = part(y + i, m);

            put(dx + i, part(dx + i, m) + (logs ? g - exp_of(p) * along : p * (g - along)), m);
        }
    }
}

/* --- normalization --- */

INLINE void statistics(
    const float *x, size_t n, bool root, float epsilon, float *mean, float *inverse)
{
    double sum = 0, squares;

    if (!root)
        ROW_SUM(n, sum, part(x + i, n - i));
    *mean = (float)(sum / (double)n);
    ROW_SUM(
        n, squares, rest((part(x + i, n - i) - *mean) * (part(x + i, n - i) - *mean), n - i, 0));
    *inverse = (float)(1 / sqrt(squares / (double)n + (double)epsilon));
}

static void vec_normal(const struct rd_normal *q)
{
    const size_t n = q->n;

    for (size_t r = 0; r < q->rows; r++) {
        const float *const x = q->x + r * n;
        float *const y = q->y + r * n;
        float mean, inverse;

        statistics(x, n, q->root, q->epsilon, &mean, &inverse);
        if (q->mean)
            q->mean[r] = mean;
        if (q->inverse)
            q->inverse[r] = inverse;
        for (size_t i = 0; i < n; i += LANES) {
            const size_t m = n - i;
            vec v = (part(x + i, m) - mean) * inverse;

            if (q->scale)
                v *= part(q->scale + i, m);
            if (q->bias)
                v += part(q->bias + i, m);
            put(y + i, v, m);
        }
    }
}

/* dx = (h - mean(h) - z mean(h z)) inverse, h = dy scale; without the first mean for `root`. */
static void vec_normal_back(const struct rd_normal_back *q)
{
    const size_t n = q->n;

    for (size_t r = 0; r < q->rows; r++) {
        const float *const x = q->x + r * n, *const dy = q->dy + r * n;
        float mean, inverse, first, second;
        double sum, along;

        statistics(x, n, q->root, q->epsilon, &mean, &inverse);
        for (size_t i = 0; i < n && q->dscale; i += LANES) {
            const size_t m = n - i;

            put(q->dscale + i,
                part(q->dscale + i, m) + part(dy + i, m) * ((part(x + i, m) - mean) * inverse), m);
        }
        for (size_t i = 0; i < n && q->dbias; i += LANES)
            put(q->dbias + i, part(q->dbias + i, n - i) + part(dy + i, n - i), n - i);
        if (!q->dx)
            continue;
        if (q->scale) {
            ROW_SUM(n, sum, part(dy + i, n - i) * part(q->scale + i, n - i));
            ROW_SUM(n, along,
                part(dy + i, n - i) * part(q->scale + i, n - i) *
                    ((part(x + i, n - i) - mean) * inverse));
        } else {
            ROW_SUM(n, sum, part(dy + i, n - i));
            ROW_SUM(n, along, part(dy + i, n - i) * ((part(x + i, n - i) - mean) * inverse));
        }
        first = q->root ? 0 : (float)(sum / (double)n);
        second = (float)(along / (double)n);
        for (size_t i = 0; i < n; i += LANES) {
            const size_t m = n - i;
            const vec z = (part(x + i, m) - mean) * inverse;
            vec h = part(dy + i, m);

            if (q->scale)
                h *= part(q->scale + i, m);
            put(q->dx + r * n + i, part(q->dx + r * n + i, m) + (h - first - z * second) * inverse,
                m);
        }
    }
}

/* --- turning matrices over: squares of LANES in registers --- */

#if RD_LANES == 16
#define LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#elif RD_LANES == 8
#define LOW_1 0, 8, 2, 10, 4, 12, 6, 14
#define HIGH_1 1, 9, 3, 11, 5, 13, 7, 15
#define LOW_2 0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_2 2, 3, 10, 11, 6, 7, 14, 15
#define LOW_4 0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define LOW_1 0, 4, 2, 6
#define HIGH_1 1, 5, 3, 7
#define LOW_2 0, 1, 4, 5
#define HIGH_2 2, 3, 6, 7
#endif

/* Rows that lie w apart exchange blocks of w: after all powers of two the square is turned. */
#define EXCHANGE(w)                                                                                \
    UNROLL                                                                                         \
    for (int i = 0; i < LANES; i++)                                                                \
        if (!(i & (w))) {                                                                          \
            const vec a = v[i], b = v[i + (w)];                                                    \
                                                                                                   \
            v[i] = __builtin_shufflevector(a, b, LOW_##w);                                         \
            v[i + (w)] = __builtin_shufflevector(a, b, HIGH_##w);                                  \
        }

INLINE void square(
    const float *in, ptrdiff_t in_step, float *out, ptrdiff_t out_step, const bool add)
{
    vec v[LANES];

    UNROLL
    for (int i = 0; i < LANES; i++)
        v[i] = load(in + i * in_step);
    EXCHANGE(1)
    EXCHANGE(2)
#if RD_LANES >= 8
    EXCHANGE(4)
#endif
#if RD_LANES >= 16
    EXCHANGE(8)
#endif
    UNROLL
    for (int i = 0; i < LANES; i++)
        store(out + i * out_step, add ? v[i] + load(out + i * out_step) : v[i]);
}

INLINE void turn_all(const float *in, ptrdiff_t in_step, size_t rows, size_t cols, float *out,
    ptrdiff_t out_step, const bool add)
{
    const size_t whole_r = rows / LANES * LANES, whole_c = cols / LANES * LANES;

    for (size_t c = 0; c < whole_c; c += LANES)
        for (size_t r = 0; r < whole_r; r += LANES)
            square(in + (ptrdiff_t)r * in_step + (ptrdiff_t)c, in_step,
                out + (ptrdiff_t)c * out_step + (ptrdiff_t)r, out_step, add);
    for (size_t c = 0; c < cols; c++)
        for (size_t r = c < whole_c ? whole_r : 0; r < rows; r++) {
            float *to = out + (ptrdiff_t)c * out_step + (ptrdiff_t)r;
            const float v = in[(ptrdiff_t)r * in_step + (ptrdiff_t)c];

            *to = add ? *to + v : v;
        }
}

static void vec_turn(const float *in, ptrdiff_t in_step, size_t rows, size_t cols, float *out,
    ptrdiff_t out_step, bool add)
{
    if (add)
        turn_all(in, in_step, rows, cols, out, out_step, true);
    else
        turn_all(in, in_step, rows, cols, out, out_step, false);
}

/* --- LSTM --- */

INLINE void lstm_lanes(const struct rd_lstm *q, size_t row, size_t i, size_t m)
{
    const size_t n = q->n, at = row * n + i;
    float *const g = q->gate + row * 4 * n + i;
    const vec in = sigmoid_of(part(g, m)), out = sigmoid_of(part(g + n, m));
    const vec forget = sigmoid_of(part(g + 2 * n, m)), fresh = tanh_of(part(g + 3 * n, m));
    const vec cell = forget * part(q->cell + at, m) + in * fresh, squashed = tanh_of(cell);

    put(g, in, m);
    put(g + n, out, m);
    put(g + 2 * n, forget, m);
    put(g + 3 * n, fresh, m);
    put(q->next + at, cell, m);
    put(q->squashed + at, squashed, m);
    put(q->h + at, out * squashed, m);
}

static void vec_lstm(const struct rd_lstm *q)
{
    const size_t whole = q->n / LANES * LANES;

    for (size_t r = 0; r < q->rows; r++) {
        for (size_t i = 0; i < whole; i += LANES)
            lstm_lanes(q, r, i, LANES);
        if (whole < q->n)
            lstm_lanes(q, r, whole, q->n - whole);
    }
}

INLINE void lstm_back_lanes(const struct rd_lstm_back *q, size_t row, size_t i, size_t m)
{
    const size_t n = q->n, at = row * n + i;
    const float *const g = q->gate + row * 4 * n + i;
    float *const d = q->dsum + row * 4 * n + i;
    const vec in = part(g, m), out = part(g + n, m), forget = part(g + 2 * n, m);
    const vec fresh = part(g + 3 * n, m), squashed = part(q->squashed + at, m);
    const vec dh = part(q->dh + at, m);
    const vec dc = part(q->dc + at, m) + dh * out * (1.0f - squashed * squashed);

    put(d, dc * fresh * in * (1.0f - in), m);
    put(d + n, dh * squashed * out * (1.0f - out), m);
    put(d + 2 * n, dc * part(q->cell + at, m) * forget * (1.0f - forget), m);
    put(d + 3 * n, dc * in * (1.0f - fresh * fresh), m);
    put(q->dc + at, dc * forget, m);
}

static void vec_lstm_back(const struct rd_lstm_back *q)
{
    const size_t whole = q->n / LANES * LANES;

    for (size_t r = 0; r < q->rows; r++) {
        for (size_t i = 0; i < whole; i += LANES)
            lstm_back_lanes(q, r, i, LANES);
        if (whole < q->n)
            lstm_back_lanes(q, r, whole, q->n - whole);
    }
}

const struct rd_math RD_NAMED(rd_math) = {
    .map = vec_map,
    .map_back = vec_map_back,
    .pair = vec_pair,
    .add_to = vec_add_to,
    .turn = vec_turn,
    .dot = vec_dot,
    .softmax = vec_softmax,
    .softmax_back = vec_softmax_back,
    .normal = vec_normal,
    .normal_back = vec_normal_back,
    .lstm = vec_lstm,
    .lstm_back = vec_lstm_back,
};
