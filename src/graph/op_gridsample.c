/*
 * op_gridsample.c - GridSample and AffineGrid: spatial transformers (Jaderberg et al. 2015,
 * arXiv:1506.02025).
 *
 * X (n, c, spatial), grid (n, places, dims) with coordinates in -1..1, the last spatial axis first
 * -> y (n, c, places), over one to three spatial axes. In float64, rounded once. Order of
 * coordinate and padding as in PyTorch: border and reflection move the coordinate (linear, nearest)
 * or each tap (cubic) back inside.
 */
#include "graph/op_index.h"

#include <math.h>

/* BLOCK places of the grid go through a channel together, for channels may lie a power of two
 * apart.
 */
enum { D = 3, TAPS = 4, BLOCK = 16 };

enum sample_mode { NEAREST, LINEAR, CUBIC };
enum padding { ZEROS, BORDER, REFLECTION };

struct sample {
    enum sample_mode mode;
    enum padding padding;
    bool corners;
    int dims;
    size_t n, c, places, size[D], image; /* size: slowest axis first */
};

static rd_status modes(const struct rd_op_call *c, struct sample *s)
{
    const bool old = c->node->opset < 20;
    const struct rd_graph_node *node = c->node;

    s->mode = LINEAR;
    if (rd_op_str_is(node, "mode", "nearest"))
        s->mode = NEAREST;
    else if (rd_op_str_is(node, "mode", old ? "bicubic" : "cubic"))
        s->mode = CUBIC;
    else if (rd_op_attr(node, "mode") && !rd_op_str_is(node, "mode", old ? "bilinear" : "linear"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'mode' must be nearest, %s or %s",
            old ? "bilinear" : "linear", old ? "bicubic" : "cubic");
    s->padding = ZEROS;
    if (rd_op_str_is(node, "padding_mode", "border"))
        s->padding = BORDER;
    else if (rd_op_str_is(node, "padding_mode", "reflection"))
        s->padding = REFLECTION;
    else if (rd_op_attr(node, "padding_mode") && !rd_op_str_is(node, "padding_mode", "zeros"))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'padding_mode' must be zeros, border or reflection");
    s->corners = rd_op_int(node, "align_corners", 0) != 0;
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *grid = c->in[1];
    struct rd_tensor *out = c->out[0];
    char tx[120], tg[120];
    struct sample s = { .dims = x->ndim - 2 };
    rd_status st = modes(c, &s);

    if (st)
        return st;
    if (s.dims < 1 || s.dims > D || grid->ndim != x->ndim ||
        (x->dim[0] != -1 && grid->dim[0] != -1 && x->dim[0] != grid->dim[0]) ||
        (grid->dim[s.dims + 1] != -1 && grid->dim[s.dims + 1] != s.dims))
        return RD_FAIL(c->err, RD_E_INPUT,
            "a grid %s does not fit the input %s: one batch, 1 to %d coordinates in its last axis",
            rd_shape_text(grid->dim, grid->ndim, tg, sizeof(tg)),
            rd_shape_text(x->dim, x->ndim, tx, sizeof(tx)), D);
    if (c->node->opset < 20 && s.dims != 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input has %d dimensions, not 4, before opset 20", x->ndim);
    rd_op_same_shape(out, x);
    out->dim[0] = x->dim[0] == -1 ? grid->dim[0] : x->dim[0];
    for (int i = 0; i < s.dims; i++) {
        if (x->dim[i + 2] == 0)
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d of the input is empty", i + 2);
        out->dim[i + 2] = grid->dim[i + 1];
    }
    return RD_OK;
}

static struct sample sample_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct sample s = { .dims = x->ndim - 2 };

    (void)modes(c, &s);
    s.n = (size_t)x->dim[0];
    s.c = (size_t)x->dim[1];
    s.image = rd_dims_product(x, 2, x->ndim);
    s.places = rd_dims_product(c->in[1], 1, s.dims + 1);
    for (int i = 0; i < s.dims; i++)
        s.size[i] = (size_t)x->dim[i + 2];
    return s;
}

/* x back inside low..high by reflections there; *slope gets the sign of the last stretch. */
static double reflect(double x, double low, double high, double *slope)
{
    const double span = high - low;
    double flips, extra;

    if (span <= 0) {
        *slope = 0;
        return low;
    }
    *slope *= x < low ? -1 : 1;
    x = fabs(x - low);
    extra = fmod(x, span);
    flips = floor(x / span);
    if (fmod(flips, 2) == 0)
        return low + extra;
    *slope = -*slope;
    return high - extra;
}

static double clip(double x, double most, double *slope)
{
    if (!(x > 0)) { /* NaN too */
        *slope = x == 0 ? *slope : 0;
        return 0;
    }
    if (x < most)
        return x;
    *slope = 0;
    return most;
}

/* Along one axis: the taps of a coordinate, weight and its derivative; at SIZE_MAX: outside. */
struct taps {
    int n;
    size_t at[TAPS];
    double w[TAPS], dw[TAPS];
};

static size_t inside(double at, size_t size)
{
    return at >= 0 && at < (double)size ? (size_t)at : SIZE_MAX;
}

static double padded(const struct sample *s, double x, size_t size, double *slope)
{
    const double most = (double)size - 1;

    if (s->padding == ZEROS)
        return x;
    if (s->padding == REFLECTION)
        x = s->corners ? reflect(x, 0, most, slope) : reflect(x, -0.5, most + 0.5, slope);
    return clip(x, most, slope);
}

/* Keys' kernel with a = -0.75, and its derivative. */
static double cubic(double x, double *slope)
{
    const double a = -0.75, sign = x < 0 ? -1 : 1;

    x = fabs(x);
    if (x <= 1) {
        *slope = sign * (3 * (a + 2) * x - 2 * (a + 3)) * x;
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    *slope = x < 2 ? sign * a * ((3 * x - 10) * x + 8) : 0;
    return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static void find(const struct sample *s, double g, size_t size, struct taps *t)
{
    const double half = (double)size / 2;
    double slope = s->corners ? ((double)size - 1) / 2 : half;
    double x = s->corners ? (g + 1) * slope : (g + 1) * half - 0.5, base;

    /* Farther out nothing is told apart, and PyTorch too takes what is not finite for outside. */
    if (!(fabs(x) < 1e9)) {
        x = -100;
        slope = 0;
    }
    if (s->mode != CUBIC)
        x = padded(s, x, size, &slope);
    base = s->mode == NEAREST ? nearbyint(x) : floor(x);
    *t = (struct taps){ .n = s->mode == NEAREST ? 1 : s->mode == LINEAR ? 2 : 4 };
    for (int k = 0; k < t->n; k++) {
        double place = base + (s->mode == CUBIC ? k - 1 : k);
        const double from = place - x;

        if (s->mode == NEAREST) {
            t->w[k] = 1;
        } else if (s->mode == LINEAR) {
            t->w[k] = k ? x - base : base + 1 - x;
            t->dw[k] = k ? slope : -slope;
        } else {
            double bend, unused = 1;

            t->w[k] = cubic(from, &bend);
            t->dw[k] = -bend * slope;
            place = nearbyint(padded(s, place, size, &unused));
        }
        t->at[k] = inside(place, size);
    }
}

/* The taps of one place of the grid, all axes together: those inside. */
struct spot {
    int n;
    size_t at[TAPS * TAPS * TAPS];
    double w[TAPS * TAPS * TAPS];
    double dw[D][TAPS * TAPS * TAPS]; /* by axis */
};

static void locate(const struct sample *s, const double *g, bool slopes, struct spot *spot)
{
    struct taps t[D];
    int k[D] = { 0 }, d;

    for (int i = 0; i < s->dims; i++)
        find(s, g[s->dims - 1 - i], s->size[i], &t[i]);
    spot->n = 0;
    do {
        size_t at = 0;
        double w = 1;
        bool all = true;

        for (d = 0; d < s->dims; d++) {
            all = all && t[d].at[k[d]] != SIZE_MAX;
            at = at * s->size[d] + t[d].at[k[d]];
            w *= t[d].w[k[d]];
        }
        if (all) {
            spot->at[spot->n] = at;
            spot->w[spot->n] = w;
            for (d = 0; slopes && d < s->dims; d++) {
                double dw = t[d].dw[k[d]];

                for (int e = 0; e < s->dims; e++)
                    dw *= e == d ? 1 : t[e].w[k[e]];
                spot->dw[d][spot->n] = dw;
            }
            spot->n++;
        }
        for (d = s->dims - 1; d >= 0; d--) {
            if (++k[d] < t[d].n)
                break;
            k[d] = 0;
        }
    } while (d >= 0);
}

static double sampled(const struct spot *spot, const double *image)
{
    double sum = 0;

    for (int k = 0; k < spot->n; k++)
        sum += spot->w[k] * image[spot->at[k]];
    return sum;
}

/* The same bits without a copy in float64. */
static float sampled_narrow(const struct spot *spot, const float *image)
{
    double sum = 0;

    for (int k = 0; k < spot->n; k++)
        sum += spot->w[k] * (double)image[spot->at[k]];
    return (float)sum;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct sample s = sample_of(c);
    const bool narrow = c->in[0]->dtype == RD_F32;
    const double *x = NULL, *grid;
    double *y = NULL;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    grid = rd_op_wide(c, c->in[1]);
    if (!narrow) {
        x = rd_op_wide(c, c->in[0]);
        y = rd_op_take(c, rd_op_wide_size(c->out[0]));
    }
    for (size_t n = 0; n < s.n; n++)
        for (size_t first = 0; first < s.places; first += BLOCK) {
            const size_t behind = first + BLOCK < s.places ? first + BLOCK : s.places;
            struct spot spot[BLOCK];

            for (size_t p = first; p < behind; p++)
                locate(&s, grid + (n * s.places + p) * (size_t)s.dims, false, &spot[p - first]);
            for (size_t ch = n * s.c; ch < (n + 1) * s.c; ch++)
                for (size_t p = first; p < behind; p++)
                    if (narrow)
                        ((float *)c->out[0]->data)[ch * s.places + p] = sampled_narrow(
                            &spot[p - first], (const float *)c->in[0]->data + ch * s.image);
                    else
                        y[ch * s.places + p] = sampled(&spot[p - first], x + ch * s.image);
        }
    if (!narrow)
        rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static double *zeros(struct rd_op_call *c, const struct rd_tensor *t)
{
    double *p = t ? rd_op_take(c, rd_op_wide_size(t)) : NULL;

    if (t)
        memset(p, 0, rd_tensor_count(t) * sizeof(*p));
    return p;
}

static rd_status backward(struct rd_op_call *c)
{
    const struct sample s = sample_of(c);
    const double *x, *grid, *g;
    double *dx, *dgrid;

    if (!rd_tensor_count(c->out[0]) || !c->dout[0])
        return RD_OK;
    x = rd_op_wide(c, c->in[0]);
    grid = rd_op_wide(c, c->in[1]);
    g = rd_op_wide(c, c->dout[0]);
    dx = zeros(c, c->din[0]);
    dgrid = zeros(c, c->din[1]);
    for (size_t n = 0; n < s.n; n++)
        for (size_t p = 0; p < s.places; p++) {
            const size_t at = (n * s.places + p) * (size_t)s.dims;
            struct spot spot;

            locate(&s, grid + at, dgrid != NULL, &spot);
            for (size_t ch = 0; ch < s.c; ch++) {
                const size_t plane = (n * s.c + ch) * s.image;
                const double one = g[(n * s.c + ch) * s.places + p];

                for (int k = 0; k < spot.n; k++) {
                    if (dx)
                        dx[plane + spot.at[k]] += spot.w[k] * one;
                    for (int d = 0; dgrid && d < s.dims; d++)
                        dgrid[at + (size_t)(s.dims - 1 - d)] +=
                            spot.dw[d][k] * x[plane + spot.at[k]] * one;
                }
            }
        }
    if (dx)
        rd_op_narrow(dx, c->din[0], true);
    if (dgrid)
        rd_op_narrow(dgrid, c->din[1], true);
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    return 2 * rd_op_wide_size(c->in[0]) + 2 * rd_op_wide_size(c->in[1]) +
           rd_op_wide_size(c->out[0]);
}

static double flops(const struct rd_op_call *c)
{
    const struct sample s = sample_of(c);
    const double taps = s.mode == NEAREST ? 1 : s.mode == LINEAR ? 2 : 4;

    return (double)rd_tensor_count(c->out[0]) * 2 * pow(taps, s.dims) +
           (double)rd_tensor_count(c->in[1]) * pow(taps, s.dims);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0] && batched[1];
}

static const struct rd_op_attr attrs[] = {
    { "align_corners", RD_ATTR_INT, 16, 0, false },
    { "mode", RD_ATTR_STRING, 16, 0, false },
    { "padding_mode", RD_ATTR_STRING, 16, 0, false },
    { 0 },
};

const struct rd_op rd_op_gridsample = {
    .op = "GridSample",
    .domain = "",
    .since = 16,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_ANY, RD_T_FLOAT },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};

/* --- AffineGrid: theta (n, dims, dims + 1), size (n, c, spatial) -> (n, spatial, dims) --- */

static rd_status affine_infer(struct rd_op_call *c)
{
    const struct rd_tensor *theta = c->in[0], *size = c->in[1];
    struct rd_tensor *out = c->out[0];
    int64_t v[RD_MAX_DIMS];
    char text[120];
    int n, dims;
    rd_status st;

    if (theta->ndim != 3 || size->ndim != 1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "theta has %d dimensions, the size %d; 3 and 1 are needed", theta->ndim, size->ndim);
    dims = theta->dim[1] > 0 ? (int)(theta->dim[1] < 9 ? theta->dim[1] : 9)
                             : (int)(size->dim[0] > 0 && size->dim[0] < 9 ? size->dim[0] - 2 : -1);
    if (theta->dim[1] == -1 && size->dim[0] == -1) {
        out->dtype = theta->dtype; /* two or three axes: not known yet */
        return RD_OK;
    }
    if ((dims != 2 && dims != 3) || (size->dim[0] != -1 && size->dim[0] != dims + 2) ||
        (theta->dim[2] != -1 && theta->dim[2] != dims + 1))
        return RD_FAIL(c->err, RD_E_INPUT,
            "theta %s with a size of %lld entries; (N, 2, 3) with 4 or (N, 3, 4) with 5 are needed",
            rd_shape_text(theta->dim, 3, text, sizeof(text)), (long long)size->dim[0]);
    out->dtype = theta->dtype;
    out->ndim = dims + 2;
    out->dim[0] = theta->dim[0];
    for (int i = 1; i <= dims; i++)
        out->dim[i] = -1;
    out->dim[dims + 1] = dims;
    if (!size->data)
        return RD_OK;
    st = rd_op_values(c, size, "the size", v, &n);
    for (int i = 0; i < dims + 2 && !st; i++)
        if (!rd_op_is_symbol(v[i]) && v[i] < 0)
            st = RD_FAIL(c->err, RD_E_INPUT, "size %d is %lld", i, (long long)v[i]);
    if (!st && !rd_op_is_symbol(v[0]) && theta->dim[0] != -1 && v[0] != theta->dim[0])
        return RD_FAIL(c->err, RD_E_INPUT, "%lld matrices for a batch of %lld",
            (long long)theta->dim[0], (long long)v[0]);
    for (int i = 1; i <= dims && !st; i++)
        out->dim[i] = rd_op_is_symbol(v[i + 1]) ? -1 : v[i + 1];
    return st;
}

/* Coordinate i of n on -1..1. */
static double on_line(int64_t i, int64_t n, bool corners)
{
    if (corners)
        return n > 1 ? 2 * (double)i / (double)(n - 1) - 1 : 0;
    return (2 * (double)i + 1) / (double)n - 1;
}

/* The next place of the grid; at: its indices. */
static void step(const struct rd_tensor *out, int dims, int64_t *at)
{
    for (int d = dims - 1; d >= 0; d--) {
        if (++at[d] < out->dim[d + 1])
            return;
        at[d] = 0;
    }
}

/* Its coordinates, x first, and a 1 behind them. */
static void coordinates(
    const struct rd_tensor *out, int dims, bool corners, const int64_t *at, double *p)
{
    for (int d = 0; d < dims; d++)
        p[dims - 1 - d] = on_line(at[d], out->dim[d + 1], corners);
    p[dims] = 1;
}

static rd_status affine_forward(struct rd_op_call *c)
{
    const struct rd_tensor *out = c->out[0];
    const bool corners = rd_op_int(c->node, "align_corners", 0) != 0;
    const int dims = out->ndim - 2;
    const size_t places = rd_dims_product(out, 1, dims + 1);
    const double *theta = rd_op_wide(c, c->in[0]);
    double *y = rd_op_take(c, rd_op_wide_size(out)), p[D + 1];
    size_t k = 0;

    for (int64_t n = 0; n < out->dim[0]; n++, theta += dims * (dims + 1)) {
        int64_t at[D] = { 0 };

        for (size_t i = 0; i < places; i++, step(out, dims, at)) {
            coordinates(out, dims, corners, at, p);
            for (int r = 0; r < dims; r++, k++) {
                y[k] = 0;
                for (int j = 0; j <= dims; j++)
                    y[k] += theta[r * (dims + 1) + j] * p[j];
            }
        }
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status affine_backward(struct rd_op_call *c)
{
    const struct rd_tensor *out = c->out[0];
    const bool corners = rd_op_int(c->node, "align_corners", 0) != 0;
    const int dims = out->ndim - 2;
    const size_t places = rd_dims_product(out, 1, dims + 1);
    const double *g;
    double *sum, *dtheta, p[D + 1];

    if (!c->din[0] || !c->dout[0])
        return RD_OK;
    g = rd_op_wide(c, c->dout[0]);
    dtheta = sum = zeros(c, c->din[0]);
    for (int64_t n = 0; n < out->dim[0]; n++, sum += dims * (dims + 1)) {
        int64_t at[D] = { 0 };

        for (size_t i = 0; i < places; i++, step(out, dims, at)) {
            coordinates(out, dims, corners, at, p);
            for (int r = 0; r < dims; r++, g++)
                for (int j = 0; j <= dims; j++)
                    sum[r * (dims + 1) + j] += *g * p[j];
        }
    }
    rd_op_narrow(dtheta, c->din[0], true);
    return RD_OK;
}

static size_t affine_scratch(const struct rd_op_call *c)
{
    return 2 * rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]);
}

static double affine_flops(const struct rd_op_call *c)
{
    return 2 * (D + 1) * (double)rd_tensor_count(c->out[0]);
}

static bool affine_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && c->out[0]->ndim > 0;
}

static const struct rd_op_attr affine_attrs[] = {
    { "align_corners", RD_ATTR_INT, 20, 0, false },
    { 0 },
};

const struct rd_op rd_op_affinegrid = {
    .op = "AffineGrid",
    .domain = "",
    .since = 20,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_I64 },
    .attrs = affine_attrs,
    .infer = affine_infer,
    .forward = affine_forward,
    .backward = affine_backward,
    .grad_in = 1,
    .scratch = affine_scratch,
    .flops = affine_flops,
    .per_example = affine_rows,
    .sizes = 2,
};
