/*
 * op_deformconv.c - DeformConv: a convolution whose taps are moved about by the network itself.
 *
 * Dai et al. 2017, arXiv:1703.06211; with a mask Zhu et al. 2018, arXiv:1811.11168. X (n, c,
 * spatial), W (m, c / group, kernel), offset (n, offset_group * taps * dims, out), B (m), mask (n,
 * offset_group * taps, out) -> Y (n, m, out), over one to three spatial axes.
 *
 * Each image becomes columns, (c * taps) by (out): the values at the moved taps, linear between the
 * pixels and zero outside, times the mask. Matrix products with W do the rest, by the kernels in
 * float32, else in float64.
 */
#include "graph/op_conv.h"

#include "graph/op_index.h"

#include <math.h>

enum { D = RD_WINDOW_DIMS, CORNERS = 1 << RD_WINDOW_DIMS };

struct deform {
    struct rd_window w;
    int dims;
    size_t n, c, m, group, groups; /* groups: of the offsets */
    size_t taps, in, out;          /* products */
};

/* The window as of a Conv, whose inputs stand first here too. */
static rd_status deform_of(const struct rd_op_call *c, struct deform *d)
{
    const int64_t groups = rd_op_int(c->node, "offset_group", 1);
    const struct rd_tensor *x = c->in[0], *w = c->in[1];
    rd_status st = rd_op_window(c, &d->w);

    if (st)
        return st;
    if (groups < 1 || groups > INT32_MAX || (x->dim[1] != -1 && x->dim[1] % groups))
        return RD_FAIL(c->err, RD_E_INPUT, "%lld channels do not split into %lld offset groups",
            (long long)x->dim[1], (long long)groups);
    d->dims = d->w.dims;
    d->n = (size_t)x->dim[0];
    d->c = (size_t)x->dim[1];
    d->m = (size_t)w->dim[0];
    d->group = (size_t)d->w.group;
    d->groups = (size_t)groups;
    d->taps = d->in = d->out = 1;
    for (int i = 0; i < d->dims; i++) {
        if (__builtin_mul_overflow(d->taps, (size_t)d->w.kernel[i], &d->taps))
            return RD_FAIL(c->err, RD_E_INPUT, "the kernel's size overflows");
        d->in *= (size_t)x->dim[i + 2];
        d->out *= (size_t)d->w.out[i];
    }
    return RD_OK;
}

/* offset and mask: (n, offset_group * taps * each, out). */
static rd_status moved(const struct rd_op_call *c, const struct deform *d,
    const struct rd_tensor *t, const char *what, size_t each)
{
    char text[120];
    size_t channels;
    bool fits = t->ndim == d->dims + 2;

    if (__builtin_mul_overflow(d->taps, d->groups * each, &channels) || channels > INT64_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "the kernel's size overflows");
    for (int i = 0; i < d->dims + 2 && fits; i++) {
        const int64_t want = i == 0   ? c->in[0]->dim[0]
                             : i == 1 ? (int64_t)channels
                                      : d->w.out[i - 2];

        fits = t->dim[i] == want || t->dim[i] == -1 || want == -1;
    }
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the %s of shape %s does not fit: %zu channels and the output's places are needed",
            what, rd_shape_text(t->dim, t->ndim, text, sizeof(text)), channels);
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 3), *mask = rd_op_in(c, 4);
    struct rd_tensor *out = c->out[0];
    struct deform d;
    rd_status st = deform_of(c, &d);

    if (!st)
        st = moved(c, &d, c->in[2], "offset", (size_t)d.dims);
    if (!st && mask)
        st = moved(c, &d, mask, "mask", 1);
    if (st)
        return st;
    if (bias && (bias->ndim != 1 || (bias->dim[0] != -1 && c->in[1]->dim[0] != -1 &&
                                        bias->dim[0] != c->in[1]->dim[0])))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the bias must have one entry for each of %lld output channels",
            (long long)c->in[1]->dim[0]);
    rd_op_same_shape(out, c->in[0]);
    out->dim[1] = c->in[1]->dim[0];
    memcpy(out->dim + 2, d.w.out, (size_t)d.dims * sizeof(*d.w.out));
    return RD_OK;
}

/* --- a moved tap --- */

struct spot {
    int n; /* corners inside the image */
    size_t at[CORNERS];
    double w[CORNERS], dw[D][CORNERS]; /* weight; its derivative by the position on each axis */
};

static void corners(const struct deform *d, const double *position, struct spot *s)
{
    s->n = 0;
    for (int k = 0; k < 1 << d->dims; k++) {
        double w[D], slope[D], all = 1;
        size_t at = 0;
        bool inside = true;

        for (int i = 0; i < d->dims && inside; i++) {
            const double low = floor(position[i]), up = position[i] - low;
            const int high = k >> i & 1;
            const double place = low + high;

            inside = place >= 0 && place < (double)d->w.in[i]; /* false for NaN */
            if (!inside)
                break;
            at = at * (size_t)d->w.in[i] + (size_t)place;
            w[i] = high ? up : 1 - up;
            slope[i] = high ? 1 : -1;
            all *= w[i];
        }
        if (!inside)
            continue;
        s->at[s->n] = at;
        s->w[s->n] = all;
        for (int i = 0; i < d->dims; i++) {
            double v = slope[i];

            for (int j = 0; j < d->dims; j++)
                v *= j == i ? 1 : w[j];
            s->dw[i][s->n] = v;
        }
        s->n++;
    }
}

/* Tap and place as numbers -> where the tap stands before it is moved. */
static void stand(const struct deform *d, size_t tap, size_t place, double *position)
{
    for (int i = d->dims - 1; i >= 0; i--) {
        const int64_t k = (int64_t)(tap % (size_t)d->w.kernel[i]);
        const int64_t o = (int64_t)(place % (size_t)d->w.out[i]);

        tap /= (size_t)d->w.kernel[i];
        place /= (size_t)d->w.out[i];
        position[i] = (double)(o * d->w.stride[i] - d->w.pad[i] + k * d->w.dilation[i]);
    }
}

/* What is worked with, float64; NULL: not there, or not wanted. */
struct work {
    const double *x, *offset, *mask;
    double *column;        /* (c * taps, out) of one image */
    const double *dcolumn; /* in backward */
    double *dx, *doffset, *dmask;
};

/* All moved taps of image n: gathered into column, or (back) dcolumn led back. */
static void taps(const struct deform *d, const struct work *k, size_t n, bool back)
{
    const size_t each = d->c / d->groups;

    for (size_t g = 0; g < d->groups; g++)
        for (size_t t = 0; t < d->taps; t++)
            for (size_t p = 0; p < d->out; p++) {
                const size_t first = (n * d->groups + g) * d->taps + t;
                const size_t at = first * (size_t)d->dims * d->out + p;
                const double mask = k->mask ? k->mask[first * d->out + p] : 1;
                double position[D], to_mask = 0, to_offset[D] = { 0 };
                struct spot s;

                stand(d, t, p, position);
                for (int i = 0; i < d->dims; i++)
                    position[i] += k->offset[at + (size_t)i * d->out];
                corners(d, position, &s);
                for (size_t c = g * each; c < (g + 1) * each; c++) {
                    const size_t plane = (n * d->c + c) * d->in;
                    const size_t here = (c * d->taps + t) * d->out + p;
                    const double flow = back ? k->dcolumn[here] : 0;
                    double v = 0;

                    for (int j = 0; j < s.n; j++) {
                        const double x = k->x[plane + s.at[j]];

                        v += s.w[j] * x;
                        if (k->dx)
                            k->dx[plane + s.at[j]] += flow * mask * s.w[j];
                        for (int i = 0; k->doffset && i < d->dims; i++)
                            to_offset[i] += flow * mask * s.dw[i][j] * x;
                    }
                    to_mask += flow * v;
                    if (k->column)
                        k->column[here] = mask * v;
                }
                for (int i = 0; k->doffset && i < d->dims; i++)
                    k->doffset[at + (size_t)i * d->out] += to_offset[i];
                if (k->dmask)
                    k->dmask[first * d->out + p] += to_mask;
            }
}

/* --- matrix products of one image and group --- */

/* y (m, out) += w (m, k) column (k, out) */
static void times(size_t m, size_t k, size_t out, const double *w, const double *column, double *y)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++)
            for (size_t p = 0; p < out; p++)
                y[i * out + p] += w[i * k + l] * column[l * out + p];
}

/* dcolumn (k, out) += w^T g */
static void times_back(
    size_t m, size_t k, size_t out, const double *w, const double *g, double *dcolumn)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++)
            for (size_t p = 0; p < out; p++)
                dcolumn[l * out + p] += w[i * k + l] * g[i * out + p];
}

/* dw (m, k) += g column^T */
static void times_weights(
    size_t m, size_t k, size_t out, const double *g, const double *column, double *dw)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++)
            for (size_t p = 0; p < out; p++)
                dw[i * k + l] += g[i * out + p] * column[l * out + p];
}

static bool by_kernels(const struct rd_op_call *c)
{
    return c->kernels && c->in[0]->dtype == RD_F32;
}

/* The same in float32: the columns are rounded, the products are the kernels'. */
static void times_f32(const struct rd_kernels *kernels, size_t m, size_t k, size_t out,
    const float *w, const double *column, float *narrow, float *y)
{
    for (size_t i = 0; i < k * out; i++)
        narrow[i] = (float)column[i];
    rd_sgemm(kernels, &(struct rd_gemm){ .a = w,
                          .b = narrow,
                          .c = y,
                          .m = m,
                          .n = out,
                          .k = k,
                          .lda = k,
                          .ldb = out,
                          .ldc = out });
}

static size_t column_size(const struct deform *d)
{
    return d->c * d->taps * d->out;
}

static size_t bytes64(size_t n, size_t size)
{
    return (n * size + 63) / 64 * 64;
}

static size_t scratch(const struct rd_op_call *c)
{
    struct deform d;
    size_t bytes = 0;

    (void)deform_of(c, &d);
    for (int i = 0; i < 5; i++)
        bytes += (c->din ? 2 : 1) * rd_op_wide_size(rd_op_in(c, i));
    bytes += rd_op_wide_size(c->out[0]);
    bytes += (c->din ? 2 : 1) * bytes64(column_size(&d), sizeof(double));
    return bytes + (by_kernels(c) ? bytes64(column_size(&d), sizeof(float)) : 0);
}

static struct work work_of(struct rd_op_call *c)
{
    const struct rd_tensor *mask = rd_op_in(c, 4);
    struct work k = { .x = rd_op_wide(c, c->in[0]), .offset = rd_op_wide(c, c->in[2]) };

    k.mask = mask ? rd_op_wide(c, mask) : NULL;
    return k;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 3);
    struct deform d;
    struct work k;
    double *y = NULL;
    const double *w = NULL, *b = NULL;
    float *narrow = NULL;
    size_t m, depth;

    (void)deform_of(c, &d);
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    m = d.m / d.group;
    depth = d.c / d.group * d.taps;
    k = work_of(c);
    k.column = rd_op_take(c, column_size(&d) * sizeof(double));
    if (by_kernels(c)) {
        narrow = rd_op_take(c, column_size(&d) * sizeof(float));
    } else {
        w = rd_op_wide(c, c->in[1]);
        b = bias ? rd_op_wide(c, bias) : NULL;
        y = rd_conv_zeros(c, c->out[0]);
    }
    for (size_t n = 0; n < d.n; n++) {
        taps(&d, &k, n, false);
        for (size_t g = 0; g < d.group; g++) {
            const double *column = k.column + g * depth * d.out;
            const size_t at = (n * d.m + g * m) * d.out;

            if (narrow)
                times_f32(c->kernels, m, depth, d.out,
                    (const float *)c->in[1]->data + g * m * depth, column, narrow,
                    (float *)c->out[0]->data + at);
            else
                times(m, depth, d.out, w + g * m * depth, column, y + at);
        }
    }
    for (size_t i = 0; bias && i < d.n * d.m; i++)
        for (size_t p = 0; p < d.out; p++)
            if (narrow)
                ((float *)c->out[0]->data)[i * d.out + p] += ((const float *)bias->data)[i % d.m];
            else
                y[i * d.out + p] += b[i % d.m];
    if (!narrow)
        rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static double *wanted(struct rd_op_call *c, int i)
{
    return rd_op_din(c, i) ? rd_conv_zeros(c, rd_op_din(c, i)) : NULL;
}

static rd_status backward(struct rd_op_call *c)
{
    struct deform d;
    struct work k;
    double *dw, *db, *flow;
    const double *g, *w;
    size_t m, depth;

    (void)deform_of(c, &d);
    if (!rd_tensor_count(c->out[0]) || !c->dout[0])
        return RD_OK;
    m = d.m / d.group;
    depth = d.c / d.group * d.taps;
    k = work_of(c);
    k.column = rd_op_take(c, column_size(&d) * sizeof(double));
    k.dcolumn = flow = rd_op_take(c, column_size(&d) * sizeof(double));
    w = rd_op_wide(c, c->in[1]);
    g = rd_op_wide(c, c->dout[0]);
    k.dx = wanted(c, 0);
    dw = wanted(c, 1);
    k.doffset = wanted(c, 2);
    db = wanted(c, 3);
    k.dmask = wanted(c, 4);
    for (size_t n = 0; n < d.n; n++) {
        memset(flow, 0, column_size(&d) * sizeof(*flow));
        for (size_t i = 0; i < d.group; i++)
            times_back(m, depth, d.out, w + i * m * depth, g + (n * d.m + i * m) * d.out,
                flow + i * depth * d.out);
        taps(&d, &k, n, true);
        for (size_t i = 0; dw && i < d.group; i++)
            times_weights(m, depth, d.out, g + (n * d.m + i * m) * d.out,
                k.column + i * depth * d.out, dw + i * m * depth);
    }
    for (size_t i = 0; db && i < d.n * d.m; i++)
        for (size_t p = 0; p < d.out; p++)
            db[i % d.m] += g[i * d.out + p];
    if (k.dx)
        rd_op_narrow(k.dx, c->din[0], true);
    if (dw)
        rd_op_narrow(dw, c->din[1], true);
    if (k.doffset)
        rd_op_narrow(k.doffset, c->din[2], true);
    if (db)
        rd_op_narrow(db, c->din[3], true);
    if (k.dmask)
        rd_op_narrow(k.dmask, c->din[4], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    struct deform d;

    if (deform_of(c, &d))
        return 0;
    return (double)d.n * (double)d.out * (double)d.taps * (double)d.c *
           (2 * (double)d.m / (double)d.group + 2 * CORNERS);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && batched[2] && !(c->node->n_inputs > 3 && batched[3]) &&
           !(c->node->n_inputs > 4 && c->in[4] && !batched[4]);
}

static const struct rd_op_attr attrs[] = {
    { "dilations", RD_ATTR_INTS, 19, 0, false },
    { "group", RD_ATTR_INT, 19, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 19, 0, false },
    { "offset_group", RD_ATTR_INT, 19, 0, false },
    { "pads", RD_ATTR_INTS, 19, 0, false },
    { "strides", RD_ATTR_INTS, 19, 0, false },
    { 0 },
};

const struct rd_op rd_op_deformconv = {
    .op = "DeformConv",
    .domain = "",
    .since = 19,
    .min_in = 3,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 30,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 31,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
