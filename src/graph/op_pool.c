/* op_pool.c - MaxPool, AveragePool, GlobalAveragePool. */
#include "graph/op.h"

#include <math.h>
#include <string.h>

enum { D = RD_WINDOW_DIMS };

/* The window with its missing leading axes filled in by ones. */
struct pool {
    size_t planes, in_size, out_size;
    int64_t in[D], out[D], kernel[D], stride[D], dilation[D], pad[D], pad_end[D];
};

static struct pool pool_of(const struct rd_op_call *c)
{
    struct rd_window w;
    struct pool p = { 0 };

    (void)rd_op_window(c, &w); /* infer has accepted it */
    p.planes = (size_t)(c->in[0]->dim[0] * c->in[0]->dim[1]);
    p.in_size = p.out_size = 1;
    for (int i = 0; i < D; i++) {
        const int from = i - (D - w.dims);

        p.in[i] = from < 0 ? 1 : w.in[from];
        p.out[i] = from < 0 ? 1 : w.out[from];
        p.kernel[i] = from < 0 ? 1 : w.kernel[from];
        p.stride[i] = from < 0 ? 1 : w.stride[from];
        p.dilation[i] = from < 0 ? 1 : w.dilation[from];
        p.pad[i] = from < 0 ? 0 : w.pad[from];
        p.pad_end[i] = from < 0 ? 0 : w.pad_end[from];
        p.in_size *= (size_t)p.in[i];
        p.out_size *= (size_t)p.out[i];
    }
    return p;
}

/* Taps first..behind whose place start + k * dilation lies in low..high-1. */
static void taps(int64_t start, int64_t kernel, int64_t dilation, int64_t low, int64_t high,
    int64_t *first, int64_t *behind)
{
    *first = start < low ? (low - start + dilation - 1) / dilation : 0;
    *behind = start >= high ? 0 : (high - 1 - start) / dilation + 1;
    if (*behind > kernel)
        *behind = kernel;
    if (*first > *behind)
        *first = *behind;
}

/* The taps of output o (z, y, x) inside the input, and where the window starts. */
struct place {
    int64_t start[D], first[D], behind[D];
};

static struct place place_of(const struct pool *p, size_t o)
{
    struct place at;

    for (int i = D - 1; i >= 0; i--) {
        at.start[i] = (int64_t)(o % (size_t)p->out[i]) * p->stride[i] - p->pad[i];
        o /= (size_t)p->out[i];
        taps(at.start[i], p->kernel[i], p->dilation[i], 0, p->in[i], &at.first[i], &at.behind[i]);
    }
    return at;
}

/* BODY sees `i`, the place of each tap in the plane, in order. */
#define EACH_TAP(BODY)                                                                             \
    for (int64_t kz = at.first[0]; kz < at.behind[0]; kz++)                                        \
        for (int64_t ky = at.first[1]; ky < at.behind[1]; ky++)                                    \
            for (int64_t kx = at.first[2]; kx < at.behind[2]; kx++) {                              \
                const int64_t z = at.start[0] + kz * p.dilation[0];                                \
                const int64_t y = at.start[1] + ky * p.dilation[1];                                \
                const int64_t x = at.start[2] + kx * p.dilation[2];                                \
                const int64_t i = (z * p.in[1] + y) * p.in[2] + x;                                 \
                BODY                                                                               \
            }

static rd_status shape(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    struct rd_window w;
    rd_status st = rd_op_window(c, &w);

    if (st)
        return st;
    out->dtype = c->in[0]->dtype;
    out->ndim = w.dims + 2;
    out->dim[0] = c->in[0]->dim[0];
    out->dim[1] = c->in[0]->dim[1];
    memcpy(out->dim + 2, w.out, (size_t)w.dims * sizeof(*w.out));
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    const struct pool p = pool_of(c);
    double n = (double)p.planes * (double)p.out_size;

    for (int i = 0; i < D; i++)
        n *= (double)(p.kernel[i] < p.in[i] ? p.kernel[i]
                                            : p.in[i]); /* taps in the padding cost nothing */
    return n;
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0];
}

static bool direct(const struct rd_op_call *c)
{
    return c->in[0]->dtype == RD_F32 || c->in[0]->dtype == RD_F64;
}

static size_t scratch(const struct rd_op_call *c)
{
    return direct(c) ? 0 : rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]);
}

/* --- MaxPool --- */

static rd_status max_infer(struct rd_op_call *c)
{
    const int64_t order = rd_op_int(c->node, "storage_order", 0);
    rd_status st = shape(c);

    if (st)
        return st;
    if (order != 0 && order != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'storage_order' must be 0 or 1, not %lld",
            (long long)order);
    if (c->node->n_outputs > 1) {
        if (c->node->opset < 8)
            return RD_FAIL(c->err, RD_E_INPUT, "MaxPool has one output before opset 8");
        rd_op_same_shape(c->out[1], c->out[0]);
        c->out[1]->dtype = RD_I64;
    }
    return RD_OK;
}

static size_t max_saved(const struct rd_op_call *c)
{
    return rd_tensor_count(c->out[0]) * sizeof(int64_t);
}

/* Index as ONNX counts it: over the whole tensor, each plane row- or column-major. */
static int64_t index_of(const struct pool *p, size_t plane, int64_t i, bool columns)
{
    const int64_t x = i % p->in[2], y = i / p->in[2] % p->in[1], z = i / p->in[2] / p->in[1];

    if (columns)
        i = z + p->in[0] * (y + p->in[1] * x);
    return (int64_t)(plane * p->in_size) + i;
}

/* The first of equals wins, a NaN wins over all; -1 when the window holds no input at all (dilation
 * over an edge). */
#define MAX(T, IN, OUT)                                                                            \
    do {                                                                                           \
        const T *px = (IN);                                                                        \
        T *po = (OUT);                                                                             \
        size_t at_out = 0;                                                                         \
        for (size_t plane = 0; plane < p.planes; plane++, px += p.in_size)                         \
            for (size_t o = 0; o < p.out_size; o++, at_out++) {                                    \
                const struct place at = place_of(&p, o);                                           \
                T best = (T)-HUGE_VAL;                                                             \
                int64_t winner = -1;                                                               \
                EACH_TAP({                                                                         \
                    if (winner < 0 || px[i] > best || (px[i] != px[i] && best == best)) {          \
                        best = px[i];                                                              \
                        winner = i;                                                                \
                    }                                                                              \
                })                                                                                 \
                if (po)                                                                            \
                    po[at_out] = best;                                                             \
                if (saved)                                                                         \
                    saved[at_out] = winner;                                                        \
                if (index)                                                                         \
                    index[at_out] = winner < 0 ? -1 : index_of(&p, plane, winner, columns);        \
            }                                                                                      \
    } while (0)

/* Outputs first..behind-1 of an axis whose tap k lies inside the input. */
static void reached(const struct pool *p, int axis, int64_t k, int64_t *first, int64_t *behind)
{
    const int64_t from = p->pad[axis] - k * p->dilation[axis], s = p->stride[axis];
    const int64_t to = from + p->in[axis]; /* from <= o * s < to */

    *first = from > 0 ? from / s + (from % s != 0) : 0;
    *behind = to > 0 ? to / s + (to % s != 0) : 0;
    *behind = *behind < p->out[axis] ? *behind : p->out[axis];
}

/* Integers have no NaN, and where no place is asked for, tap after tap goes over whole lines. */
#define MAX_LINES(T, LEAST)                                                                        \
    static void lines_##T(const struct pool *p, const T *in, T *out)                               \
    {                                                                                              \
        for (size_t plane = 0; plane < p->planes; plane++, in += p->in_size, out += p->out_size) { \
            int64_t z0, z1, y0, y1, x0, x1;                                                        \
                                                                                                   \
            for (size_t o = 0; o < p->out_size; o++)                                               \
                out[o] = LEAST;                                                                    \
            for (int64_t kz = 0; kz < p->kernel[0]; kz++)                                          \
                for (int64_t ky = 0; ky < p->kernel[1]; ky++)                                      \
                    for (int64_t kx = 0; kx < p->kernel[2]; kx++) {                                \
                        reached(p, 0, kz, &z0, &z1);                                               \
                        reached(p, 1, ky, &y0, &y1);                                               \
                        reached(p, 2, kx, &x0, &x1);                                               \
                        for (int64_t oz = z0; oz < z1; oz++)                                       \
                            for (int64_t oy = y0; oy < y1; oy++) {                                 \
                                const int64_t s = p->stride[2];                                    \
                                const int64_t z =                                                  \
                                    oz * p->stride[0] - p->pad[0] + kz * p->dilation[0];           \
                                const int64_t y =                                                  \
                                    oy * p->stride[1] - p->pad[1] + ky * p->dilation[1];           \
                                const int64_t at = (z * p->in[1] + y) * p->in[2] - p->pad[2] +     \
                                                   kx * p->dilation[2];                            \
                                T *to = out + (oz * p->out[1] + oy) * p->out[2];                   \
                                                                                                   \
                                for (int64_t x = x0; x < x1; x++)                                  \
                                    to[x] = in[at + x * s] > to[x] ? in[at + x * s] : to[x];       \
                            }                                                                      \
                    }                                                                              \
        }                                                                                          \
    }
MAX_LINES(int8_t, INT8_MIN)
MAX_LINES(uint8_t, 0)

static rd_status max_forward(struct rd_op_call *c)
{
    const struct pool p = pool_of(c);
    const bool columns = rd_op_int(c->node, "storage_order", 0) == 1;
    struct rd_tensor *out = c->out[0], *indices = rd_op_out(c, 1);
    int64_t *const saved = c->saved, *const index = indices ? indices->data : NULL;

    if (c->kernels && out && !saved && !index && c->in[0]->dtype == RD_I8) {
        lines_int8_t(&p, c->in[0]->data, out->data);
    } else if (c->kernels && out && !saved && !index && c->in[0]->dtype == RD_U8) {
        lines_uint8_t(&p, c->in[0]->data, out->data);
    } else if (c->in[0]->dtype == RD_F32) {
        MAX(float, c->in[0]->data, out ? out->data : NULL);
    } else if (c->in[0]->dtype == RD_F64) {
        MAX(double, c->in[0]->data, out ? out->data : NULL);
    } else { /* the type's least value stands where a window is empty: -inf is rounded to it */
        const double *from = rd_op_wide(c, c->in[0]);
        double *to = out ? rd_op_take(c, rd_op_wide_size(out)) : NULL;

        MAX(double, from, to);
        if (out)
            rd_op_narrow(to, out, false);
    }
    return RD_OK;
}

#define MAX_BACK(T)                                                                                \
    do {                                                                                           \
        const T *const pg = c->dout[0]->data;                                                      \
        T *pd = c->din[0]->data;                                                                   \
        size_t at = 0;                                                                             \
        for (size_t plane = 0; plane < p.planes; plane++, pd += p.in_size)                         \
            for (size_t o = 0; o < p.out_size; o++, at++)                                          \
                if (saved[at] >= 0)                                                                \
                    pd[saved[at]] += pg[at];                                                       \
    } while (0)

static rd_status max_back(struct rd_op_call *c)
{
    const struct pool p = pool_of(c);
    const int64_t *const saved = c->saved;

    if (!c->dout[0])
        return RD_OK;
    if (c->in[0]->dtype == RD_F32)
        MAX_BACK(float);
    else
        MAX_BACK(double);
    return RD_OK;
}

/* --- AveragePool --- */

/* By how many a window divides: its taps inside the input, or inside the input with its padding. */
static double divisor(const struct pool *p, const struct place *at, bool padding)
{
    double n = 1;

    for (int i = 0; i < D; i++) {
        int64_t first = at->first[i], behind = at->behind[i];

        if (padding)
            taps(at->start[i], p->kernel[i], p->dilation[i], -p->pad[i], p->in[i] + p->pad_end[i],
                &first, &behind);
        n *= (double)(behind - first);
    }
    return n;
}

#define AVERAGE(T, IN, OUT)                                                                        \
    do {                                                                                           \
        const T *px = (IN);                                                                        \
        T *po = (OUT);                                                                             \
        for (size_t plane = 0; plane < p.planes; plane++, px += p.in_size)                         \
            for (size_t o = 0; o < p.out_size; o++) {                                              \
                const struct place at = place_of(&p, o);                                           \
                const double n = divisor(&p, &at, padding);                                        \
                double sum = 0;                                                                    \
                EACH_TAP({ sum += (double)px[i]; })                                                \
                *po++ = (T)(n > 0 ? sum / n : 0);                                                  \
            }                                                                                      \
    } while (0)

static rd_status average_forward(struct rd_op_call *c)
{
    const struct pool p = pool_of(c);
    const bool padding = rd_op_int(c->node, "count_include_pad", 0) != 0;

    if (c->in[0]->dtype == RD_F32) {
        AVERAGE(float, c->in[0]->data, c->out[0]->data);
    } else if (c->in[0]->dtype == RD_F64) {
        AVERAGE(double, c->in[0]->data, c->out[0]->data);
    } else {
        const double *from = rd_op_wide(c, c->in[0]);
        double *to = rd_op_take(c, rd_op_wide_size(c->out[0]));

        AVERAGE(double, from, to);
        rd_op_narrow(to, c->out[0], false);
    }
    return RD_OK;
}

#define AVERAGE_BACK(T)                                                                            \
    do {                                                                                           \
        const T *pg = c->dout[0]->data;                                                            \
        T *pd = c->din[0]->data;                                                                   \
        for (size_t plane = 0; plane < p.planes; plane++, pd += p.in_size)                         \
            for (size_t o = 0; o < p.out_size; o++) {                                              \
                const struct place at = place_of(&p, o);                                           \
                const double n = divisor(&p, &at, padding);                                        \
                const T g = (T)(n > 0 ? (double)*pg / n : 0);                                      \
                pg++;                                                                              \
                EACH_TAP({ pd[i] += g; })                                                          \
            }                                                                                      \
    } while (0)

static rd_status average_back(struct rd_op_call *c)
{
    const struct pool p = pool_of(c);
    const bool padding = rd_op_int(c->node, "count_include_pad", 0) != 0;

    if (c->in[0]->dtype == RD_F32)
        AVERAGE_BACK(float);
    else
        AVERAGE_BACK(double);
    return RD_OK;
}

/* --- GlobalAveragePool: the mean over all axes behind the second --- */

static rd_status global_infer(struct rd_op_call *c)
{
    if (c->in[0]->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", c->in[0]->ndim);
    rd_op_same_shape(c->out[0], c->in[0]);
    for (int i = 2; i < c->out[0]->ndim; i++)
        c->out[0]->dim[i] = 1;
    return RD_OK;
}

static size_t plane_size(const struct rd_tensor *t)
{
    size_t n = 1;

    for (int i = 2; i < t->ndim; i++)
        n *= (size_t)t->dim[i];
    return n;
}

#define GLOBAL(T, IN, OUT)                                                                         \
    do {                                                                                           \
        const T *px = (IN);                                                                        \
        T *const po = (OUT);                                                                       \
        for (size_t i = 0; i < planes; i++, px += n) {                                             \
            double sum = 0;                                                                        \
            for (size_t k = 0; k < n; k++)                                                         \
                sum += (double)px[k];                                                              \
            po[i] = (T)(sum / (double)n);                                                          \
        }                                                                                          \
    } while (0)

static rd_status global_forward(struct rd_op_call *c)
{
    const size_t planes = rd_tensor_count(c->out[0]), n = plane_size(c->in[0]);

    if (c->in[0]->dtype == RD_F32) {
        GLOBAL(float, c->in[0]->data, c->out[0]->data);
    } else if (c->in[0]->dtype == RD_F64) {
        GLOBAL(double, c->in[0]->data, c->out[0]->data);
    } else {
        const double *from = rd_op_wide(c, c->in[0]);
        double *to = rd_op_take(c, rd_op_wide_size(c->out[0]));

        GLOBAL(double, from, to);
        rd_op_narrow(to, c->out[0], false);
    }
    return RD_OK;
}

#define GLOBAL_BACK(T)                                                                             \
    do {                                                                                           \
        const T *const pg = c->dout[0]->data;                                                      \
        T *pd = c->din[0]->data;                                                                   \
        for (size_t i = 0; i < planes; i++, pd += n)                                               \
            for (size_t k = 0; k < n; k++)                                                         \
                pd[k] += pg[i] / (T)n;                                                             \
    } while (0)

static rd_status global_back(struct rd_op_call *c)
{
    const size_t planes = rd_tensor_count(c->out[0]), n = plane_size(c->in[0]);

    if (c->in[0]->dtype == RD_F32)
        GLOBAL_BACK(float);
    else
        GLOBAL_BACK(double);
    return RD_OK;
}

static double global_flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]);
}

/* --- rows --- */

static const struct rd_op_attr max_attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 1, 0, false },
    { "ceil_mode", RD_ATTR_INT, 10, 0, false },
    { "dilations", RD_ATTR_INTS, 10, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 1, 0, true },
    { "pads", RD_ATTR_INTS, 1, 0, false },
    { "storage_order", RD_ATTR_INT, 8, 0, false },
    { "strides", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_maxpool = {
    .op = "MaxPool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FLOAT | RD_T(RD_I8) | RD_T(RD_U8) },
    .attrs = max_attrs,
    .infer = max_infer,
    .forward = max_forward,
    .backward = max_back,
    .grad_in = 1,
    .scratch = scratch,
    .saved = max_saved,
    .flops = flops,
    .per_example = rows,
};

static const struct rd_op_attr average_attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 1, 0, false },
    { "ceil_mode", RD_ATTR_INT, 10, 0, false },
    { "count_include_pad", RD_ATTR_INT, 7, 0, false },
    { "dilations", RD_ATTR_INTS, 19, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 1, 0, true },
    { "pads", RD_ATTR_INTS, 1, 0, false },
    { "strides", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_averagepool = {
    .op = "AveragePool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = average_attrs,
    .infer = shape,
    .forward = average_forward,
    .backward = average_back,
    .grad_in = 1,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};

const struct rd_op rd_op_globalaveragepool = {
    .op = "GlobalAveragePool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .infer = global_infer,
    .forward = global_forward,
    .backward = global_back,
    .grad_in = 1,
    .scratch = scratch,
    .flops = global_flops,
    .per_example = rows,
};
