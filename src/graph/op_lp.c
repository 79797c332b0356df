/*
 * op_lp.c - LpNormalization, MeanVarianceNormalization, LpPool, GlobalLpPool.
 *
 * All float types, computed in float64 and rounded once.
 */
#include "graph/op_index.h"

#include <math.h>

static const double *wide(struct rd_op_call *c, const struct rd_tensor *t)
{
    return rd_op_wide(c, t);
}

/* Scratch of a row that widens input 0 and (backward) the cotangent, and computes its result wide.
 */
static size_t wide_scratch(const struct rd_op_call *c)
{
    const size_t result = rd_tensor_count(c->din ? c->in[0] : c->out[0]) * sizeof(double) + 64;

    return rd_op_wide_size(c->in[0]) + result + (c->din ? rd_op_wide_size(c->out[0]) : 0);
}

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* --- LpNormalization: a line by its norm; a line of zeros stays --- */

static rd_status norm_axis(const struct rd_op_call *c, int *axis, int64_t *p)
{
    *p = rd_op_int(c->node, "p", 2);
    if (*p != 1 && *p != 2)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'p' must be 1 or 2, not %lld", (long long)*p);
    return rd_op_axis(c, rd_op_int(c->node, "axis", -1), c->in[0]->ndim, false, axis);
}

static rd_status norm_infer(struct rd_op_call *c)
{
    int64_t p;
    int axis;
    rd_status st = norm_axis(c, &axis, &p);

    if (!st)
        rd_op_same_shape(c->out[0], c->in[0]);
    return st;
}

/* y = x / N;  dx = (g - dN * sum(g x) / N) / N with dN = sign(x) or x / N. */
static rd_status norm(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *t = c->in[0];
    const double *const x = wide(c, t), *const g = back ? wide(c, c->dout[0]) : NULL;
    double *const to = rd_op_take(c, rd_tensor_count(t) * sizeof(*to));
    size_t outer, n, inner;
    int64_t p;
    int axis = 0;

    (void)norm_axis(c, &axis, &p); /* infer has accepted it */
    outer = rd_tensor_count(t) ? rd_dims_product(t, 0, axis) : 0;
    n = (size_t)t->dim[axis];
    inner = rd_dims_product(t, axis + 1, t->ndim);
    for (size_t row = 0; row < outer * inner; row++) {
        const size_t first = row / inner * n * inner + row % inner;
        double size = 0, dot = 0;

        for (size_t i = first; i < first + n * inner; i += inner) {
            size += p == 1 ? fabs(x[i]) : x[i] * x[i];
            dot += back ? g[i] * x[i] : 0;
        }
        size = p == 1 ? size : sqrt(size);
        for (size_t i = first; i < first + n * inner; i += inner) {
            if (size == 0)
                to[i] = 0;
            else if (!back)
                to[i] = x[i] / size;
            else
                to[i] = (g[i] - (p == 1 ? sign(x[i]) : x[i] / size) * dot / size) / size;
        }
    }
    rd_op_narrow(to, back ? c->din[0] : c->out[0], back);
    return RD_OK;
}

static rd_status norm_forward(struct rd_op_call *c)
{
    return norm(c, false);
}

static rd_status norm_backward(struct rd_op_call *c)
{
    return norm(c, true);
}

static bool norm_rows(const struct rd_op_call *c, const bool *batched)
{
    int64_t p;
    int axis;

    return batched[0] && !norm_axis(c, &axis, &p) && axis > 0;
}

static double few_flops(const struct rd_op_call *c)
{
    return 4 * (double)rd_tensor_count(c->in[0]);
}

static const struct rd_op_attr norm_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { "p", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_lpnormalization = {
    .op = "LpNormalization",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = norm_attrs,
    .infer = norm_infer,
    .forward = norm_forward,
    .backward = norm_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = wide_scratch,
    .flops = few_flops,
    .per_example = norm_rows,
};

/* --- MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over some axes --- */

static const double MVN_EPSILON = 1e-9;

/* reduced[i]: axis i is averaged over. */
static rd_status mvn_axes(const struct rd_op_call *c, bool *reduced)
{
    static const int64_t usual[] = { 0, 2, 3 };
    size_t n;
    const int64_t *axes = rd_op_ints(c->node, "axes", &n);
    const int rank = c->in[0]->ndim;

    if (!axes && !rd_op_attr(c->node, "axes")) {
        axes = usual;
        n = 3;
    }
    memset(reduced, 0, RD_MAX_DIMS * sizeof(*reduced));
    for (size_t i = 0; i < n; i++) {
        int axis;
        rd_status st = rd_op_axis(c, axes[i], rank, false, &axis);

        if (st)
            return st;
        reduced[axis] = true;
    }
    return RD_OK;
}

static rd_status mvn_infer(struct rd_op_call *c)
{
    bool reduced[RD_MAX_DIMS];
    rd_status st = mvn_axes(c, reduced);

    if (!st)
        rd_op_same_shape(c->out[0], c->in[0]);
    return st;
}

/* Which group element i belongs to: its place among the axes that stay. */
static size_t group_of(const struct rd_tensor *t, const bool *reduced, size_t i)
{
    size_t group = 0, step = 1;

    for (int d = t->ndim - 1; d >= 0; d--) {
        if (!reduced[d]) {
            group += i % (size_t)t->dim[d] * step;
            step *= (size_t)t->dim[d];
        }
        i /= (size_t)t->dim[d];
    }
    return group;
}

/* Four sums a group. */
static size_t mvn_scratch(const struct rd_op_call *c)
{
    return wide_scratch(c) + rd_tensor_count(c->in[0]) * 4 * sizeof(double) + 64;
}

/*
 * With s = sqrt(v) and d = s + e: y = (x - m) / d,
 * dx = (g - mean g) / d - (x - m) mean(g (x - m)) / (d^2 s).
 */
static rd_status mvn(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *t = c->in[0];
    const size_t n = rd_tensor_count(t);
    const double *const x = wide(c, t), *const g = back ? wide(c, c->dout[0]) : NULL;
    double *const to = rd_op_take(c, n * sizeof(*to));
    struct sums {
        double mean, variance, g, gx;
    } *const sum = rd_op_take(c, n * sizeof(*sum));
    bool reduced[RD_MAX_DIMS];
    double count = 1;

    (void)mvn_axes(c, reduced); /* infer has accepted it */
    for (int i = 0; i < t->ndim; i++)
        count *= reduced[i] ? (double)t->dim[i] : 1;
    memset(sum, 0, n * sizeof(*sum));
    for (size_t i = 0; i < n; i++)
        sum[group_of(t, reduced, i)].mean += x[i] / count;
    for (size_t i = 0; i < n; i++) {
        struct sums *const s = &sum[group_of(t, reduced, i)];
        const double d = x[i] - s->mean;

        s->variance += d * d / count;
        s->g += back ? g[i] / count : 0;
        s->gx += back ? g[i] * d / count : 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sums *const s = &sum[group_of(t, reduced, i)];
        const double deviation = sqrt(s->variance), d = deviation + MVN_EPSILON;

        if (!back)
            to[i] = (x[i] - s->mean) / d;
        else
            to[i] = (g[i] - s->g) / d -
                    (deviation > 0 ? (x[i] - s->mean) * s->gx / (d * d * deviation) : 0);
    }
    rd_op_narrow(to, back ? c->din[0] : c->out[0], back);
    return RD_OK;
}

static rd_status mvn_forward(struct rd_op_call *c)
{
    return mvn(c, false);
}

static rd_status mvn_backward(struct rd_op_call *c)
{
    return mvn(c, true);
}

static bool mvn_rows(const struct rd_op_call *c, const bool *batched)
{
    bool reduced[RD_MAX_DIMS];

    return batched[0] && !mvn_axes(c, reduced) && !reduced[0];
}

static const struct rd_op_attr mvn_attrs[] = {
    { "axes", RD_ATTR_INTS, 9, 0, false },
    { 0 },
};

const struct rd_op rd_op_meanvariancenormalization = {
    .op = "MeanVarianceNormalization",
    .domain = "",
    .since = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = mvn_attrs,
    .infer = mvn_infer,
    .forward = mvn_forward,
    .backward = mvn_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = mvn_scratch,
    .flops = few_flops,
    .per_example = mvn_rows,
};

/* --- LpPool and GlobalLpPool: (sum |x|^p)^(1/p) over a window; the padding is zeros --- */

static rd_status power(const struct rd_op_call *c, double *p)
{
    const struct rd_attr *a = rd_op_attr(c->node, "p");

    *p = !a ? 2 : a->type == RD_ATTR_FLOAT ? (double)a->f : (double)a->i;
    if (!(*p > 0 && *p <= INT32_MAX))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'p' is %g; it must be positive", *p);
    return RD_OK;
}

static double powered(double x, double p)
{
    return p == 2 ? x * x : p == 1 ? fabs(x) : pow(fabs(x), p);
}

static double root(double sum, double p)
{
    return p == 2 ? sqrt(sum) : p == 1 ? sum : pow(sum, 1 / p);
}

/* d root / d x, with y the root. */
static double slope(double x, double y, double p)
{
    if (y == 0 || x == 0)
        return p == 1 ? sign(x) : 0;
    return p == 1 ? sign(x) : sign(x) * pow(fabs(x) / y, p - 1);
}

static rd_status pool_infer(struct rd_op_call *c)
{
    struct rd_window w;
    double p;
    rd_status st = power(c, &p);

    if (!st)
        st = rd_op_window(c, &w);
    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    memcpy(c->out[0]->dim + 2, w.out, (size_t)w.dims * sizeof(*w.out));
    return RD_OK;
}

/*
 * The taps of one window inside the input, one after another: the first by start, the next by step.
 * at is the tap in the window, place its element in the plane.
 */
struct taps {
    const struct rd_window *w;
    int64_t start[RD_WINDOW_DIMS], at[RD_WINDOW_DIMS];
};

static bool inside(const struct taps *t, size_t *place)
{
    size_t p = 0;

    for (int i = 0; i < t->w->dims; i++) {
        const int64_t x = t->start[i] + t->at[i] * t->w->dilation[i];

        if (x < 0 || x >= t->w->in[i])
            return false;
        p = p * (size_t)t->w->in[i] + (size_t)x;
    }
    *place = p;
    return true;
}

static bool step(struct taps *t)
{
    for (int i = t->w->dims - 1; i >= 0; i--) {
        if (++t->at[i] < t->w->kernel[i])
            return true;
        t->at[i] = 0;
    }
    return false;
}

static struct taps taps_of(const struct rd_window *w, size_t o)
{
    struct taps t = { .w = w };

    for (int i = w->dims - 1; i >= 0; i--) {
        t.start[i] = (int64_t)(o % (size_t)w->out[i]) * w->stride[i] - w->pad[i];
        o /= (size_t)w->out[i];
    }
    return t;
}

static rd_status pool(struct rd_op_call *c, const struct rd_window *w, bool back)
{
    const double *const x = wide(c, c->in[0]), *const g = back ? wide(c, c->dout[0]) : NULL;
    const size_t n = rd_tensor_count(c->out[0]);
    double *const to = rd_op_take(c, (back ? rd_tensor_count(c->in[0]) : n) * sizeof(*to));
    size_t windows = 1, plane = 1;
    double p;

    (void)power(c, &p); /* infer has accepted it */
    for (int i = 0; i < w->dims; i++) {
        windows *= (size_t)w->out[i];
        plane *= (size_t)w->in[i];
    }
    if (back)
        memset(to, 0, rd_tensor_count(c->in[0]) * sizeof(*to));
    for (size_t o = 0; o < n; o++) {
        const size_t base = o / windows * plane;
        struct taps t = taps_of(w, o % windows);
        double sum = 0;
        size_t at;

        do
            if (inside(&t, &at))
                sum += powered(x[base + at], p);
        while (step(&t));
        sum = root(sum, p);
        if (!back) {
            to[o] = sum;
            continue;
        }
        do
            if (inside(&t, &at))
                to[base + at] += g[o] * slope(x[base + at], sum, p);
        while (step(&t));
    }
    rd_op_narrow(to, back ? c->din[0] : c->out[0], back);
    return RD_OK;
}

static rd_status pool_forward(struct rd_op_call *c)
{
    struct rd_window w;

    (void)rd_op_window(c, &w);
    return pool(c, &w, false);
}

static rd_status pool_backward(struct rd_op_call *c)
{
    struct rd_window w;

    (void)rd_op_window(c, &w);
    return pool(c, &w, true);
}

static double pool_flops(const struct rd_op_call *c)
{
    double n = (double)rd_tensor_count(c->out[0]) * 8;
    struct rd_window w;

    (void)rd_op_window(c, &w);
    for (int i = 0; i < w.dims; i++)
        n *= (double)w.kernel[i];
    return n;
}

static bool first_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0];
}

static const struct rd_op_attr pool_attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 1, 0, false },
    { "ceil_mode", RD_ATTR_INT, 18, 0, false },
    { "dilations", RD_ATTR_INTS, 18, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 1, 0, true },
    { "p", RD_ATTR_FLOAT, 1, 1, false },
    { "p", RD_ATTR_INT, 2, 0, false },
    { "pads", RD_ATTR_INTS, 1, 0, false },
    { "strides", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_lppool = {
    .op = "LpPool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = pool_attrs,
    .infer = pool_infer,
    .forward = pool_forward,
    .backward = pool_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = wide_scratch,
    .flops = pool_flops,
    .per_example = first_rows,
};

static rd_status global_infer(struct rd_op_call *c)
{
    double p;
    rd_status st = power(c, &p);

    if (st)
        return st;
    if (c->in[0]->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", c->in[0]->ndim);
    rd_op_same_shape(c->out[0], c->in[0]);
    for (int i = 2; i < c->out[0]->ndim; i++)
        c->out[0]->dim[i] = 1;
    return RD_OK;
}

/* A plane as one window. */
static struct rd_window whole_plane(const struct rd_op_call *c)
{
    const int64_t n = (int64_t)rd_dims_product(c->in[0], 2, c->in[0]->ndim);

    return (struct rd_window){
        .dims = 1, .in = { n }, .out = { 1 }, .kernel = { n }, .stride = { 1 }, .dilation = { 1 }
    };
}

static rd_status global_forward(struct rd_op_call *c)
{
    const struct rd_window w = whole_plane(c);

    return pool(c, &w, false);
}

static rd_status global_backward(struct rd_op_call *c)
{
    const struct rd_window w = whole_plane(c);

    return pool(c, &w, true);
}

static const struct rd_op_attr global_attrs[] = {
    { "p", RD_ATTR_FLOAT, 1, 1, false },
    { "p", RD_ATTR_INT, 2, 0, false },
    { 0 },
};

const struct rd_op rd_op_globallppool = {
    .op = "GlobalLpPool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = global_attrs,
    .infer = global_infer,
    .forward = global_forward,
    .backward = global_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = wide_scratch,
    .flops = few_flops,
    .per_example = first_rows,
};
