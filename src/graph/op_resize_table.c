/*
 * op_resize_table.c - Resize: where the places of an axis come from, and with which weights.
 *
 * The coordinate of an output place is worked out in float64, once a place and call. The number of
 * taps is 1 (nearest), 2 (linear), 4 (cubic, Keys 1981), or as many as the stretched kernel covers
 * when the axis shrinks and antialias is set; taps beyond an edge stand at the edge.
 */
#include "graph/op_resize.h"

#include <math.h>
#include <string.h>

static bool stretched(const struct rd_resize *r, int axis)
{
    return r->antialias && r->mode != RD_RESIZE_NEAREST && r->scale[axis] < 1;
}

/* The first tap, counted from the place at or below the coordinate. */
static int64_t first_tap(const struct rd_resize *r, int axis)
{
    const int half = r->mode == RD_RESIZE_CUBIC ? 2 : 1;

    if (r->mode == RD_RESIZE_NEAREST)
        return 0;
    return (int64_t)floor(-half / (stretched(r, axis) ? r->scale[axis] : 1.0)) + 1;
}

size_t rd_resize_taps(const struct rd_resize *r, int axis)
{
    return r->mode == RD_RESIZE_NEAREST ? 1 : (size_t)(2 - 2 * first_tap(r, axis));
}

static size_t round_up(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

size_t rd_resize_table_size(const struct rd_resize *r, int axis)
{
    const size_t out = (size_t)r->out[axis], n = out * rd_resize_taps(r, axis);

    return round_up(n * sizeof(size_t)) + round_up(n * sizeof(double)) +
           round_up(n * sizeof(float)) + round_up(out);
}

/*
 * A scale that the model holds in float32 misses the quotient that was meant by up to 6e-8 of it; a
 * coordinate that is a whole number or a half but for such an error is taken for it, as in float32
 * arithmetic it would come out.
 */
static double snap(const struct rd_resize *r, double x)
{
    const double error = r->from_size ? 1e-12 : 1.2e-7, k = rint(2 * x) / 2;
    const double most = error * (1 + fabs(x));

    return fabs(x - k) <= (most < 0.01 ? most : 0.01) ? k : x;
}

static double coordinate(const struct rd_resize *r, int axis, int64_t o)
{
    const double scale = r->scale[axis], in = (double)r->in[axis], x = (double)o;
    const double length = r->whole ? (double)r->out[axis] : scale * in;
    const double span = r->end[axis] - r->begin[axis];

    switch (r->where) {
    case RD_RESIZE_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - (double)r->out[axis] / (scale * in)) + (x + 0.5) / scale - 0.5;
    case RD_RESIZE_PYTORCH_HALF_PIXEL:
        return r->out[axis] > 1 ? (x + 0.5) / scale - 0.5 : -0.5;
    case RD_RESIZE_ALIGN_CORNERS:
        return length > 1 ? x * (in - 1) / (length - 1) : 0;
    case RD_RESIZE_ASYMMETRIC:
        return x / scale;
    case RD_RESIZE_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / scale;
    case RD_RESIZE_TF_CROP:
        if (length > 1)
            return snap(r, r->begin[axis] * (in - 1) + x * span * (in - 1) / (length - 1));
        return snap(r, 0.5 * (r->begin[axis] + r->end[axis]) * (in - 1));
    case RD_RESIZE_HALF_PIXEL:
        break;
    }
    return (x + 0.5) / scale - 0.5;
}

static double nearest(const struct rd_resize *r, int axis, double x)
{
    x = snap(r, x);
    switch (r->round) {
    case RD_RESIZE_PREFER_FLOOR:
        return ceil(x - 0.5);
    case RD_RESIZE_PREFER_CEIL:
        return floor(x + 0.5);
    case RD_RESIZE_CEIL:
        return ceil(x);
    case RD_RESIZE_SIMPLE:
        return r->scale[axis] < 1 ? ceil(x) : floor(x);
    case RD_RESIZE_FLOOR:
        break;
    }
    return floor(x);
}

/* Keys' kernel; a is -0.75 unless the model says otherwise. */
static double cubic(double a, double x)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static double weight(const struct rd_resize *r, double x)
{
    x = fabs(x);
    if (r->mode == RD_RESIZE_CUBIC)
        return cubic(r->cubic, x);
    return x < 1 ? 1 - x : 0;
}

static size_t clamped(double at, size_t n)
{
    return !(at > 0) ? 0 : at < (double)(n - 1) ? (size_t)at : n - 1;
}

/* Places and weights of one output at coordinate x. */
static void place(
    const struct rd_resize *r, const struct rd_resize_axis *a, double x, size_t *at, double *w)
{
    const double base = floor(x), ratio = x - base;
    const double stretch = stretched(r, a->axis) ? r->scale[a->axis] : 1;
    const double first = (double)first_tap(r, a->axis), last = (double)(a->in - 1);
    double sum = 0;

    if (r->mode == RD_RESIZE_NEAREST) {
        *at = clamped(nearest(r, a->axis, x), a->in);
        *w = 1;
        return;
    }
    for (size_t t = 0; t < a->taps; t++) {
        const double k = first + (double)t, p = base + k;

        at[t] = clamped(p, a->in);
        w[t] = r->exclude_outside && (p < 0 || p > last) ? 0 : weight(r, (k - ratio) * stretch);
        sum += w[t];
    }
    if (stretch == 1 && !r->exclude_outside) /* they add up to 1 */
        return;
    for (size_t t = 0; t < a->taps && sum != 0; t++)
        w[t] /= sum;
}

void rd_resize_table(
    struct rd_op_call *c, const struct rd_resize *r, int axis, struct rd_resize_axis *a)
{
    const size_t out = (size_t)r->out[axis], taps = rd_resize_taps(r, axis), n = out * taps;

    *a = (struct rd_resize_axis){
        .axis = axis, .in = (size_t)r->in[axis], .out = out, .taps = taps
    };
    a->at = rd_op_take(c, n * sizeof(*a->at));
    a->w = rd_op_take(c, n * sizeof(*a->w));
    a->narrow = rd_op_take(c, n * sizeof(*a->narrow));
    a->outside = rd_op_take(c, out);
    for (size_t o = 0; o < out; o++) {
        const double x = coordinate(r, axis, (int64_t)o);

        place(r, a, x, a->at + o * taps, a->w + o * taps);
        a->outside[o] = r->where == RD_RESIZE_TF_CROP && (x < 0 || x > (double)(a->in - 1));
        for (size_t t = 0; t < taps && a->outside[o]; t++)
            a->w[o * taps + t] = 0;
    }
    for (size_t i = 0; i < n; i++)
        a->narrow[i] = (float)a->w[i];
}
