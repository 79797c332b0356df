/*
 * math_rows.c - see tensor/math.h: rows, matrices turned over, the cell of an LSTM.
 */
#include "tensor/simd/math_lanes.h"

/* --- sums along a row: lanes of float32 over SPAN vectors, then float64 --- */

enum { SPAN = 32 };

INLINE double lanes_of(const vec_wide *v) /* by address: no value of it crosses a call */
{
    double sum = 0;

    for (int i = 0; i < LANES; i++)
        sum += (*v)[i];
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

double RD_NAMED(rd_dot)(const float *a, const float *b, size_t n)
{
    vec_wide sum = { 0 };

    for (size_t i = 0; i < n; i += LANES)
        sum += __builtin_convertvector(part(a + i, n - i), vec_wide) *
               __builtin_convertvector(part(b + i, n - i), vec_wide);
    return lanes_of(&sum);
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

void RD_NAMED(rd_softmax)(const float *x, float *out, size_t rows, size_t n, bool logs)
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
            float log_sum;

            ROW_SUM(n, sum, rest(exp_of(part(x + i, n - i) - most), n - i, 0));
            log_sum = (float)log(sum);
            for (size_t i = 0; i < n; i += LANES)
                put(out + i, part(x + i, n - i) - most - log_sum, n - i);
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
        for (size_t i = 0; i < n; i += LANES)
            put(out + i, part(out + i, n - i) * most, n - i);
    }
}

void RD_NAMED(rd_softmax_back)(
    const float *y, const float *dy, float *dx, size_t rows, size_t n, bool logs, bool add)
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

            vec d = logs ? g - exp_of(p) * along : p * (g - along);

            if (add)
                d += part(dx + i, m);
            put(dx + i, d, m);
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

void RD_NAMED(rd_normal)(const struct rd_normal *q)
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
void RD_NAMED(rd_normal_back)(const struct rd_normal_back *q)
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
            h = (h - first - z * second) * inverse;
            if (q->add)
                h += part(q->dx + r * n + i, m);
            put(q->dx + r * n + i, h, m);
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

void RD_NAMED(rd_turn)(const float *in, ptrdiff_t in_step, size_t rows, size_t cols, float *out,
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
    const vec gi = part(g, m), go = part(g + n, m), gf = part(g + 2 * n, m);
    const vec gc = part(g + 3 * n, m), zero = { 0 };
    const vec ei = exp_of(-magnitude(gi)), eo = exp_of(-magnitude(go));
    const vec ef = exp_of(-magnitude(gf));
    /* Three quotients by one division: each factor lies in 1..2. */
    const vec io = (1.0f + ei) * (1.0f + eo), inverse = 1.0f / (io * (1.0f + ef));
    const vec over_i = inverse * (1.0f + ef) * (1.0f + eo);
    const vec over_o = inverse * (1.0f + ef) * (1.0f + ei), over_f = inverse * io;
    const vec in = choose((vec_mask)(gi >= zero), over_i, ei * over_i);
    const vec out = choose((vec_mask)(go >= zero), over_o, eo * over_o);
    const vec forget = choose((vec_mask)(gf >= zero), over_f, ef * over_f);
    const vec fresh = tanh_of(gc);
    const vec cell = forget * part(q->cell + at, m) + in * fresh, squashed = tanh_of(cell);

    put(g, in, m);
    put(g + n, out, m);
    put(g + 2 * n, forget, m);
    put(g + 3 * n, fresh, m);
    put(q->next + at, cell, m);
    put(q->squashed + at, squashed, m);
    put(q->h + at, out * squashed, m);
}

void RD_NAMED(rd_lstm)(const struct rd_lstm *q)
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

void RD_NAMED(rd_lstm_back)(const struct rd_lstm_back *q)
{
    const size_t whole = q->n / LANES * LANES;

    for (size_t r = 0; r < q->rows; r++) {
        for (size_t i = 0; i < whole; i += LANES)
            lstm_back_lanes(q, r, i, LANES);
        if (whole < q->n)
            lstm_back_lanes(q, r, whole, q->n - whole);
    }
}
