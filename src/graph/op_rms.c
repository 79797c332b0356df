/*
 * op_rms.c - RMSNormalization (Zhang, Sennrich 2019, arXiv:1910.07467), GroupNormalization (Wu, He
 * 2018, arXiv:1803.08494), SwiGLU (Shazeer 2020, arXiv:2002.05202). All float types, in float64,
 * rounded once.
 */
#include "graph/op_fast.h"

#include <math.h>
#include <string.h>

static size_t span(const struct rd_tensor *t, int first, int behind)
{
    size_t n = 1;

    for (int i = first; i < behind; i++)
        n *= (size_t)t->dim[i];
    return n;
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 256;

    for (int i = 0; i < c->node->n_inputs; i++)
        n += 2 * rd_op_wide_size(c->in[i]);
    return n + 3 * rd_op_wide_size(c->in[0]) +
           2 * (size_t)(c->in[0]->ndim > 1 ? c->in[0]->dim[1] : 1) * sizeof(double);
}

static double flops(const struct rd_op_call *c)
{
    return 8 * (double)rd_tensor_count(c->in[0]);
}

static bool first_alone(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0];
}

/* --- RMSNormalization: y = x / sqrt(mean(x^2) + epsilon) * scale over all axes from `axis` on ---
 */

static rd_status rms_axis(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis to normalize");
    return rd_op_axis(c, rd_op_int(c->node, "axis", -1), c->in[0]->ndim, false, axis);
}

static rd_status rms_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *s = c->in[1];
    char a[120], b[120];
    int axis, at = x->ndim - s->ndim;
    rd_status st = rms_axis(c, &axis);
    bool fits = at >= 0;

    if (st)
        return st;
    if (rd_op_int(c->node, "stash_type", 1) != 1 && rd_op_int(c->node, "stash_type", 1) != RD_F64 &&
        rd_op_int(c->node, "stash_type", 1) != RD_BF16 &&
        rd_op_int(c->node, "stash_type", 1) != RD_F16)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'stash_type' is not a float type");
    for (int i = 0; i < s->ndim && fits; i++)
        fits = s->dim[i] == 1 || s->dim[i] == x->dim[at + i] || s->dim[i] < 0 || x->dim[at + i] < 0;
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "the scale of shape %s does not fit %s from axis %d on",
            rd_shape_text(s->dim, s->ndim, a, sizeof(a)),
            rd_shape_text(x->dim, x->ndim, b, sizeof(b)), at > 0 ? at : 0);
    rd_op_same_shape(c->out[0], x);
    c->out[0]->dtype = s->dtype;
    return RD_OK;
}

/* Which entry of the scale meets element i of x. */
static size_t rms_scale_at(const struct rd_op_call *c, size_t i)
{
    const struct rd_tensor *x = c->in[0], *s = c->in[1];
    size_t at = 0, step = 1;

    for (int d = 1; d <= s->ndim; d++) {
        const int64_t n = x->dim[x->ndim - d], m = s->dim[s->ndim - d];

        at += m == 1 ? 0 : i % (size_t)n * step;
        i /= (size_t)n;
        step *= (size_t)m;
    }
    return at;
}

/* Is the scale of the shape of the normalized run, for kernels? */
static bool rms_plain(const struct rd_op_call *c, int axis, size_t n)
{
    const int at = c->in[0]->ndim - c->in[1]->ndim;

    for (int i = 0; i < c->in[1]->ndim && at + i < axis; i++)
        if (c->in[1]->dim[i] != 1)
            return false;
    return rd_tensor_count(c->in[1]) == n && c->in[1]->dtype == RD_F32;
}

static double rms_inverse(const double *x, size_t n, double epsilon)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return 1 / sqrt(sum / (double)n + epsilon);
}

static rd_status rms_forward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const double *x, *scale;
    double *y;
    size_t n, outer;
    int axis = 0;

    (void)rms_axis(c, &axis);
    outer = span(c->in[0], 0, axis);
    n = span(c->in[0], axis, c->in[0]->ndim);
    if (!n || !outer)
        return RD_OK;
    if (rd_op_math(c, c->in[0]) && rms_plain(c, axis, n)) {
        const struct rd_normal q = { c->in[0]->data, c->in[1]->data, NULL, c->out[0]->data, NULL,
            NULL, outer, n, (float)epsilon, true };

        c->kernels->math->normal(&q);
        return RD_OK;
    }
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    y = rd_op_take(c, n * outer * sizeof(*y));
    for (size_t o = 0; o < outer; o++) {
        const double inverse = rms_inverse(x + o * n, n, epsilon);

        for (size_t i = 0; i < n; i++)
            y[o * n + i] = x[o * n + i] * inverse * scale[rms_scale_at(c, o * n + i)];
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

/* With z = x * inverse and h the cotangent of z: dx = inverse * (h - z mean(h z)). */
static rd_status rms_backward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const double *x, *scale, *g;
    double *dx, *dscale;
    size_t n, outer;
    int axis = 0;

    (void)rms_axis(c, &axis);
    outer = span(c->in[0], 0, axis);
    n = span(c->in[0], axis, c->in[0]->ndim);
    if (!n || !outer)
        return RD_OK;
    if (rd_op_math(c, c->in[0]) && rms_plain(c, axis, n)) {
        const struct rd_normal_back q = { c->in[0]->data, c->in[1]->data, c->dout[0]->data,
            c->din[0] ? c->din[0]->data : NULL, c->din[1] ? c->din[1]->data : NULL, NULL, outer, n,
            (float)epsilon, true, true };

        c->kernels->math->normal_back(&q);
        return RD_OK;
    }
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    g = rd_op_wide(c, c->dout[0]);
    dx = rd_op_take(c, n * outer * sizeof(*dx));
    dscale = rd_op_take(c, rd_op_wide_size(c->in[1]));
    memset(dscale, 0, rd_tensor_count(c->in[1]) * sizeof(*dscale));
    for (size_t o = 0; o < outer; o++) {
        const double *const row = x + o * n, *const gr = g + o * n;
        const double inverse = rms_inverse(row, n, epsilon);
        double along = 0;

        for (size_t i = 0; i < n; i++) {
            const size_t at = rms_scale_at(c, o * n + i);

            along += gr[i] * scale[at] * row[i] * inverse;
            dscale[at] += gr[i] * row[i] * inverse;
        }
        for (size_t i = 0; i < n; i++)
            dx[o * n + i] = inverse * (gr[i] * scale[rms_scale_at(c, o * n + i)] -
                                          row[i] * inverse * along / (double)n);
    }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(dscale, c->din[1], true);
    return RD_OK;
}

static bool rms_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    if (c->in[1]->ndim == c->in[0]->ndim && (batched[1] ? !batched[0] : c->in[1]->dim[0] != 1))
        return false;
    return batched[0] && (!batched[1] || c->in[1]->ndim == c->in[0]->ndim) && !rms_axis(c, &axis) &&
           axis > 0;
}

static const struct rd_op_attr rms_attrs[] = {
    { "axis", RD_ATTR_INT, 23, 0, false },
    { "epsilon", RD_ATTR_FLOAT, 23, 0, false },
    { "stash_type", RD_ATTR_INT, 23, 0, false },
    { 0 },
};

const struct rd_op rd_op_rmsnormalization = {
    .op = "RMSNormalization",
    .domain = "",
    .since = 23,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = rms_attrs,
    .infer = rms_infer,
    .forward = rms_forward,
    .backward = rms_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rms_rows,
};

/* --- GroupNormalization: scale and bias one a channel from opset 21 on, one a group before --- */

static rd_status group_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const int64_t groups = rd_op_int(c->node, "num_groups", 0);
    int64_t wanted;

    if (x->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", x->ndim);
    if (groups < 1 || (x->dim[1] >= 0 && x->dim[1] % groups))
        return RD_FAIL(c->err, RD_E_INPUT, "%lld channels cannot be split into %lld groups",
            (long long)x->dim[1], (long long)groups);
    wanted = c->node->opset < 21 ? groups : x->dim[1];
    for (int i = 1; i < 3; i++)
        if (c->in[i]->ndim != 1 ||
            (c->in[i]->dim[0] != wanted && c->in[i]->dim[0] >= 0 && wanted >= 0))
            return RD_FAIL(c->err, RD_E_INPUT, "%s must have %lld entries",
                i == 1 ? "scale" : "bias", (long long)wanted);
    rd_op_same_shape(c->out[0], x);
    return RD_OK;
}

struct group {
    size_t runs, groups, channels, inner, n; /* n: elements of a run, channels / groups * inner */
};

static struct group group_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct group g = { .groups = (size_t)rd_op_int(c->node, "num_groups", 1),
        .channels = (size_t)x->dim[1],
        .inner = span(x, 2, x->ndim) };

    g.runs = g.groups * (size_t)x->dim[0];
    g.n = g.channels / g.groups * g.inner;
    return g;
}

/* Entry of scale and bias for element i of run r. */
static size_t group_at(const struct rd_op_call *c, const struct group *g, size_t r, size_t i)
{
    const size_t group = r % g->groups;

    return c->node->opset < 21 ? group : group * (g->channels / g->groups) + i / g->inner;
}

static void group_statistics(
    const double *x, size_t n, double epsilon, double *mean, double *inverse)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *inverse = 1 / sqrt(squares / (double)n + epsilon);
}

static rd_status group_forward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const struct group g = group_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *shift = rd_op_wide(c, c->in[2]);
    double *y = rd_op_take(c, rd_op_wide_size(c->in[0]));

    for (size_t r = 0; r < g.runs && g.n; r++) {
        double mean, inverse;

        group_statistics(x + r * g.n, g.n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < g.n; i++) {
            const size_t at = group_at(c, &g, r, i);

            y[r * g.n + i] = (x[r * g.n + i] - mean) * inverse * scale[at] + shift[at];
        }
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status group_backward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const struct group g = group_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *dy = rd_op_wide(c, c->dout[0]);
    const size_t entries = rd_tensor_count(c->in[1]);
    double *dx = rd_op_take(c, rd_op_wide_size(c->in[0]));
    double *dscale = rd_op_take(c, entries * sizeof(*dscale));
    double *dbias = rd_op_take(c, entries * sizeof(*dbias));

    memset(dscale, 0, entries * sizeof(*dscale));
    memset(dbias, 0, entries * sizeof(*dbias));
    for (size_t r = 0; r < g.runs && g.n; r++) {
        const double *const row = x + r * g.n, *const d = dy + r * g.n;
        double mean, inverse, sum = 0, along = 0;

        group_statistics(row, g.n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < g.n; i++) {
            const size_t at = group_at(c, &g, r, i);
            const double z = (row[i] - mean) * inverse;

            sum += d[i] * scale[at];
            along += d[i] * scale[at] * z;
            dscale[at] += d[i] * z;
            dbias[at] += d[i];
        }
        for (size_t i = 0; i < g.n; i++)
            dx[r * g.n + i] =
                inverse * (d[i] * scale[group_at(c, &g, r, i)] -
                              (sum + (row[i] - mean) * inverse * along) / (double)g.n);
    }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(dscale, c->din[1], true);
    if (c->din[2])
        rd_op_narrow(dbias, c->din[2], true);
    return RD_OK;
}

static const struct rd_op_attr group_attrs[] = {
    { "epsilon", RD_ATTR_FLOAT, 18, 0, false },
    { "num_groups", RD_ATTR_INT, 18, 0, true },
    { "stash_type", RD_ATTR_INT, 21, 0, false },
    { 0 },
};

const struct rd_op rd_op_groupnormalization = {
    .op = "GroupNormalization",
    .domain = "",
    .since = 18,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 6,
    .attrs = group_attrs,
    .infer = group_infer,
    .forward = group_forward,
    .backward = group_backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = first_alone,
};

/* --- SwiGLU: y = a sigmoid(alpha a) b --- */

static rd_status swiglu_infer(struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    char ta[120], tb[120];
    bool fits = a->ndim == b->ndim;

    for (int i = 0; i < a->ndim && fits; i++)
        fits = a->dim[i] == b->dim[i] || a->dim[i] < 0 || b->dim[i] < 0;
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "the shapes %s and %s differ",
            rd_shape_text(a->dim, a->ndim, ta, sizeof(ta)),
            rd_shape_text(b->dim, b->ndim, tb, sizeof(tb)));
    rd_op_same_shape(c->out[0], a);
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] < 0)
            c->out[0]->dim[i] = b->dim[i];
    return RD_OK;
}

static rd_status swiglu_forward(struct rd_op_call *c)
{
    const double alpha = (double)rd_op_float(c->node, "alpha", 1);
    const double *a = rd_op_wide(c, c->in[0]), *b = rd_op_wide(c, c->in[1]);
    double *y = rd_op_take(c, rd_op_wide_size(c->in[0]));

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        y[i] = a[i] / (1 + exp(-alpha * a[i])) * b[i];
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status swiglu_backward(struct rd_op_call *c)
{
    const double alpha = (double)rd_op_float(c->node, "alpha", 1);
    const double *a = rd_op_wide(c, c->in[0]), *b = rd_op_wide(c, c->in[1]);
    const double *g = rd_op_wide(c, c->dout[0]);
    double *da = rd_op_take(c, rd_op_wide_size(c->in[0]));
    double *db = rd_op_take(c, rd_op_wide_size(c->in[0]));

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++) {
        const double s = 1 / (1 + exp(-alpha * a[i]));

        da[i] = g[i] * b[i] * (s + alpha * a[i] * s * (1 - s));
        db[i] = g[i] * a[i] * s;
    }
    if (c->din[0])
        rd_op_narrow(da, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(db, c->din[1], true);
    return RD_OK;
}

static bool both_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0] && batched[1];
}

static const struct rd_op_attr swiglu_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 28, 0, false },
    { 0 },
};

const struct rd_op rd_op_swiglu = {
    .op = "SwiGLU",
    .domain = "",
    .since = 28,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 2,
    .attrs = swiglu_attrs,
    .infer = swiglu_infer,
    .forward = swiglu_forward,
    .backward = swiglu_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = both_rows,
};
