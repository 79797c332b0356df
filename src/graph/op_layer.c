/*
 * op_layer.c - LayerNormalization, InstanceNormalization, LRN, GlobalMaxPool, LogSoftmax: layers
 * that look at a whole row or plane. All in float64, rounded once.
 */
#include "graph/op_fast.h"

#include <math.h>
#include <string.h>

static bool free_or_equal(int64_t a, int64_t b)
{
    return a == b || a == -1 || b == -1;
}

static size_t span(const struct rd_tensor *t, int first, int behind)
{
    size_t n = 1;

    for (int i = first; i < behind; i++)
        n *= (size_t)t->dim[i];
    return n;
}

/*
 * One normalized run: z = (x - mean) / sqrt(var + epsilon), x n apart `step`. With h the cotangent
 * of z: dx = (h - mean(h) - z mean(h z)) / sqrt(var + epsilon).
 */
static void run_statistics(const double *x, size_t n, double epsilon, double *mean, double *inverse)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *inverse = 1 / sqrt(squares / (double)n + epsilon);
}

static void run_back(
    const double *x, const double *h, size_t n, double mean, double inverse, double *dx)
{
    double sum = 0, along = 0;

    for (size_t i = 0; i < n; i++) {
        sum += h[i];
        along += h[i] * (x[i] - mean) * inverse;
    }
    for (size_t i = 0; i < n; i++)
        dx[i] = inverse * (h[i] - (sum + (x[i] - mean) * inverse * along) / (double)n);
}

/* --- LayerNormalization (Ba, Kiros, Hinton 2016, arXiv:1607.06450): all axes from `axis` on --- */

static rd_status layer_axis(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis to normalize");
    return rd_op_axis(c, rd_op_int(c->node, "axis", -1), c->in[0]->ndim, false, axis);
}

/* Scale and bias broadcast to the normalized axes: of their size, or of one element. */
static bool layer_fits(const struct rd_tensor *t, const struct rd_tensor *x, int axis)
{
    int at = x->ndim - t->ndim;

    for (int i = 0; i < t->ndim; i++, at++)
        if (at < axis ? t->dim[i] != 1 : !free_or_equal(t->dim[i], x->dim[at]))
            return false;
    return t->ndim == x->ndim - axis || (t->ndim > x->ndim - axis && t->ndim <= x->ndim);
}

static rd_status layer_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    char a[120], b[120];
    int axis;
    rd_status st = layer_axis(c, &axis);

    if (st)
        return st;
    if (rd_op_int(c->node, "stash_type", 1) != 1 && rd_op_int(c->node, "stash_type", 1) != RD_BF16)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'stash_type' must be 1 (float)");
    for (int i = 1; i < 3; i++)
        if (rd_op_in(c, i) && !layer_fits(c->in[i], x, axis))
            return RD_FAIL(c->err, RD_E_INPUT, "%s of shape %s does not fit %s from axis %d on",
                i == 1 ? "the scale" : "the bias",
                rd_shape_text(c->in[i]->dim, c->in[i]->ndim, a, sizeof(a)),
                rd_shape_text(x->dim, x->ndim, b, sizeof(b)), axis);
    rd_op_same_shape(c->out[0], x);
    for (int k = 1; k < c->node->n_outputs; k++) { /* mean and 1 / deviation of each run */
        rd_op_same_shape(c->out[k], x);
        c->out[k]->dtype = RD_F32;
        for (int i = axis; i < x->ndim; i++)
            c->out[k]->dim[i] = 1;
    }
    return RD_OK;
}

static size_t layer_scratch(const struct rd_op_call *c)
{
    size_t n = 0;

    for (int i = 0; i < c->node->n_inputs; i++)
        n += 2 * rd_op_wide_size(c->in[i]);
    return n + 4 * rd_op_wide_size(c->in[0]);
}

/* By the vector functions: rows of float32, scale and bias of their width. */
static const struct rd_math *layer_math(const struct rd_op_call *c, size_t n)
{
    for (int i = 1; i < 3; i++)
        if (rd_op_in(c, i) && rd_tensor_count(c->in[i]) != n)
            return NULL;
    return rd_op_math(c, c->in[0]);
}

static rd_status layer_forward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const struct rd_tensor *bias = rd_op_in(c, 2);
    size_t n, outer;
    const double *x, *scale, *shift;
    double *y, *stat;
    int axis = 0;

    (void)layer_axis(c, &axis);
    outer = span(c->in[0], 0, axis);
    n = span(c->in[0], axis, c->in[0]->ndim);
    if (!n || !outer)
        return RD_OK;
    if (layer_math(c, n) && c->out[0]) {
        const struct rd_normal q = { c->in[0]->data, c->in[1]->data, bias ? bias->data : NULL,
            c->out[0] ? c->out[0]->data : NULL, rd_op_out(c, 1) ? c->out[1]->data : NULL,
            rd_op_out(c, 2) ? c->out[2]->data : NULL, outer, n, (float)epsilon, false };

        c->kernels->math->normal(&q);
        return RD_OK;
    }
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    shift = bias ? rd_op_wide(c, bias) : NULL;
    y = rd_op_take(c, n * outer * sizeof(*y));
    stat = rd_op_take(c, 2 * outer * sizeof(*stat));
    for (size_t o = 0; o < outer; o++) {
        const double *const row = x + o * n;

        run_statistics(row, n, epsilon, &stat[o], &stat[outer + o]);
        for (size_t i = 0; i < n; i++)
            y[o * n + i] = (row[i] - stat[o]) * stat[outer + o] * scale[i] + (shift ? shift[i] : 0);
    }
    if (c->out[0])
        rd_op_narrow(y, c->out[0], false);
    for (int k = 1; k < c->node->n_outputs; k++)
        if (c->out[k])
            rd_op_narrow(stat + (size_t)(k - 1) * outer, c->out[k], false);
    return RD_OK;
}

static rd_status layer_backward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    size_t n, outer;
    const double *x, *scale, *g;
    double *dx, *dscale, *dbias, *h;
    int axis = 0;

    (void)layer_axis(c, &axis);
    outer = span(c->in[0], 0, axis);
    n = span(c->in[0], axis, c->in[0]->ndim);
    if (!n || !outer || !c->dout[0]) {
        rd_op_start(c, 0);
        return RD_OK;
    }
    if (c->node->n_outputs > 1)
        for (int k = 1; k < c->node->n_outputs; k++)
            if (c->dout[k])
                return RD_FAIL(
                    c->err, RD_E_USAGE, "output %d of LayerNormalization has no gradient", k);
    if (layer_math(c, n)) {
        const struct rd_normal_back q = { c->in[0]->data, c->in[1]->data, c->dout[0]->data,
            c->din[0] ? c->din[0]->data : NULL, c->din[1] ? c->din[1]->data : NULL,
            rd_op_din(c, 2) ? c->din[2]->data : NULL, outer, n, (float)epsilon, false,
            !rd_op_is_fresh(c, 0) };

        c->kernels->math->normal_back(&q);
        return RD_OK;
    }
    rd_op_start(c, 0);
    x = rd_op_wide(c, c->in[0]);
    scale = rd_op_wide(c, c->in[1]);
    g = rd_op_wide(c, c->dout[0]);
    dx = rd_op_take(c, n * outer * sizeof(*dx));
    dscale = rd_op_take(c, n * sizeof(*dscale));
    dbias = rd_op_take(c, n * sizeof(*dbias));
    h = rd_op_take(c, n * sizeof(*h));
    memset(dscale, 0, n * sizeof(*dscale));
    memset(dbias, 0, n * sizeof(*dbias));
    for (size_t o = 0; o < outer; o++) {
        const double *const row = x + o * n, *const gr = g + o * n;
        double mean, inverse;

        run_statistics(row, n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < n; i++) {
            h[i] = gr[i] * scale[i];
            dscale[i] += gr[i] * (row[i] - mean) * inverse;
            dbias[i] += gr[i];
        }
        run_back(row, h, n, mean, inverse, dx + o * n);
    }
    if (rd_op_din(c, 0))
        rd_op_narrow(dx, c->din[0], true);
    if (rd_op_din(c, 1))
        rd_op_narrow(dscale, c->din[1], true);
    if (rd_op_din(c, 2))
        rd_op_narrow(dbias, c->din[2], true);
    return RD_OK;
}

static double norm_flops(const struct rd_op_call *c)
{
    return 8 * (double)rd_tensor_count(c->in[0]);
}

static bool layer_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0] && !layer_axis(c, &axis) && axis > 0;
}

static const struct rd_op_attr layer_attrs[] = {
    { "axis", RD_ATTR_INT, 17, 0, false },
    { "epsilon", RD_ATTR_FLOAT, 17, 0, false },
    { "stash_type", RD_ATTR_INT, 17, 0, false },
    { 0 },
};

const struct rd_op rd_op_layernormalization = {
    .op = "LayerNormalization",
    .domain = "",
    .since = 17,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 3,
    .in_type = { RD_T_FLOAT },
    .same = 6,
    .attrs = layer_attrs,
    .infer = layer_infer,
    .forward = layer_forward,
    .backward = layer_backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .sets = 1,
    .scratch = layer_scratch,
    .flops = norm_flops,
    .per_example = layer_rows,
};

/* --- InstanceNormalization (Ulyanov et al. 2016, arXiv:1607.08022): each plane alone --- */

static rd_status instance_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];

    if (x->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", x->ndim);
    for (int i = 1; i < 3; i++)
        if (c->in[i]->ndim != 1 || !free_or_equal(c->in[i]->dim[0], x->dim[1]))
            return RD_FAIL(c->err, RD_E_INPUT, "%s must have one entry for each of %lld channels",
                i == 1 ? "scale" : "bias", (long long)x->dim[1]);
    rd_op_same_shape(c->out[0], x);
    return RD_OK;
}

static rd_status instance_forward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const size_t channels = (size_t)c->in[0]->dim[1], n = span(c->in[0], 2, c->in[0]->ndim);
    const size_t planes = channels * (size_t)c->in[0]->dim[0];
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *shift = rd_op_wide(c, c->in[2]);
    double *y = rd_op_take(c, n * planes * sizeof(*y));

    for (size_t p = 0; p < planes && n; p++) {
        const double *const row = x + p * n;
        double mean, inverse;

        run_statistics(row, n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < n; i++)
            y[p * n + i] = (row[i] - mean) * inverse * scale[p % channels] + shift[p % channels];
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status instance_backward(struct rd_op_call *c)
{
    const double epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f);
    const size_t channels = (size_t)c->in[0]->dim[1], n = span(c->in[0], 2, c->in[0]->ndim);
    const size_t planes = channels * (size_t)c->in[0]->dim[0];
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *g = rd_op_wide(c, c->dout[0]);
    double *dx = rd_op_take(c, n * planes * sizeof(*dx)), *h = rd_op_take(c, n * sizeof(*h));
    double *dscale = rd_op_take(c, channels * sizeof(*dscale));
    double *dbias = rd_op_take(c, channels * sizeof(*dbias));

    memset(dscale, 0, channels * sizeof(*dscale));
    memset(dbias, 0, channels * sizeof(*dbias));
    for (size_t p = 0; p < planes && n; p++) {
        const double *const row = x + p * n;
        double mean, inverse;

        run_statistics(row, n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < n; i++) {
            h[i] = g[p * n + i] * scale[p % channels];
            dscale[p % channels] += g[p * n + i] * (row[i] - mean) * inverse;
            dbias[p % channels] += g[p * n + i];
        }
        run_back(row, h, n, mean, inverse, dx + p * n);
    }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(dscale, c->din[1], true);
    if (c->din[2])
        rd_op_narrow(dbias, c->din[2], true);
    return RD_OK;
}

static bool instance_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0] && !batched[1] && !batched[2];
}

static const struct rd_op_attr instance_attrs[] = {
    { "epsilon", RD_ATTR_FLOAT, 1, 0, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

const struct rd_op rd_op_instancenormalization = {
    .op = "InstanceNormalization",
    .domain = "",
    .since = 1,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 6,
    .attrs = instance_attrs,
    .infer = instance_infer,
    .forward = instance_forward,
    .backward = instance_backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = layer_scratch,
    .flops = norm_flops,
    .per_example = instance_rows,
};

/* --- LRN (Krizhevsky et al. 2012, section 3.3): y = x / (bias + alpha / size sum x^2)^beta --- */

struct lrn {
    size_t n, channels, inner, before, behind; /* channels around each one that are summed */
    double alpha, beta, bias;
};

static struct lrn lrn_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const int64_t size = rd_op_int(c->node, "size", 1);
    const int64_t most = x->dim[1];

    return (struct lrn){
        .n = (size_t)x->dim[0],
        .channels = (size_t)x->dim[1],
        .inner = span(x, 2, x->ndim),
        .before = (size_t)((size - 1) / 2 < most ? (size - 1) / 2 : most),
        .behind = (size_t)(size / 2 < most ? size / 2 : most),
        .alpha = (double)rd_op_float(c->node, "alpha", 1e-4f) / (double)size,
        .beta = (double)rd_op_float(c->node, "beta", 0.75f),
        .bias = (double)rd_op_float(c->node, "bias", 1),
    };
}

static rd_status lrn_infer(struct rd_op_call *c)
{
    if (c->in[0]->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", c->in[0]->ndim);
    if (rd_op_int(c->node, "size", 0) < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'size' must be at least 1");
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static size_t lrn_scratch(const struct rd_op_call *c)
{
    return 5 * rd_op_wide_size(c->in[0]);
}

/* bias + alpha / size * (sum of squares around) for each element. */
static void lrn_sums(const struct lrn *l, const double *x, double *s)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->channels; k++) {
            const size_t first = k > l->before ? k - l->before : 0;
            const size_t end = k + l->behind + 1 < l->channels ? k + l->behind + 1 : l->channels;

            for (size_t j = 0; j < l->inner; j++) {
                double sum = 0;

                for (size_t m = first; m < end; m++) {
                    const double v = x[(i * l->channels + m) * l->inner + j];

                    sum += v * v;
                }
                s[(i * l->channels + k) * l->inner + j] = l->bias + l->alpha * sum;
            }
        }
}

static rd_status lrn_forward(struct rd_op_call *c)
{
    const struct lrn l = lrn_of(c);
    const size_t n = rd_tensor_count(c->in[0]);
    const double *x = rd_op_wide(c, c->in[0]);
    double *s = rd_op_take(c, n * sizeof(*s));

    lrn_sums(&l, x, s);
    for (size_t i = 0; i < n; i++)
        s[i] = x[i] * pow(s[i], -l.beta);
    rd_op_narrow(s, c->out[0], false);
    return RD_OK;
}

/* dx_m = g_m s_m^-beta - 2 alpha/size beta x_m sum over k that m is around of g_k x_k s_k^(-beta-1)
 */
static rd_status lrn_backward(struct rd_op_call *c)
{
    const struct lrn l = lrn_of(c);
    const size_t n = rd_tensor_count(c->in[0]);
    const double *x = rd_op_wide(c, c->in[0]), *g = rd_op_wide(c, c->dout[0]);
    double *s = rd_op_take(c, n * sizeof(*s)), *dx = rd_op_take(c, n * sizeof(*dx));

    lrn_sums(&l, x, s);
    for (size_t i = 0; i < n; i++)
        dx[i] = g[i] * pow(s[i], -l.beta);
    for (size_t i = 0; i < n; i++) /* from here on s holds what each k hands to those around it */
        s[i] = 2 * l.alpha * l.beta * g[i] * x[i] * pow(s[i], -l.beta - 1);
    for (size_t i = 0; i < l.n; i++)
        for (size_t k = 0; k < l.channels; k++) {
            const size_t first = k > l.before ? k - l.before : 0;
            const size_t end = k + l.behind + 1 < l.channels ? k + l.behind + 1 : l.channels;

            for (size_t m = first; m < end; m++)
                for (size_t j = 0; j < l.inner; j++)
                    dx[(i * l.channels + m) * l.inner + j] -=
                        x[(i * l.channels + m) * l.inner + j] *
                        s[(i * l.channels + k) * l.inner + j];
        }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static double lrn_flops(const struct rd_op_call *c)
{
    const struct lrn l = lrn_of(c);

    return (double)rd_tensor_count(c->in[0]) * (8 + 2 * (double)(l.before + l.behind + 1));
}

static bool first_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0];
}

static const struct rd_op_attr lrn_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "beta", RD_ATTR_FLOAT, 1, 0, false },
    { "bias", RD_ATTR_FLOAT, 1, 0, false },
    { "size", RD_ATTR_INT, 1, 0, true },
    { 0 },
};

const struct rd_op rd_op_lrn = {
    .op = "LRN",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = lrn_attrs,
    .infer = lrn_infer,
    .forward = lrn_forward,
    .backward = lrn_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = lrn_scratch,
    .flops = lrn_flops,
    .per_example = first_rows,
};

/* --- GlobalMaxPool: the first of those that tie gets the gradient, as MaxPool has it --- */

static rd_status global_infer(struct rd_op_call *c)
{
    if (c->in[0]->ndim < 3)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch, channels and space are needed", c->in[0]->ndim);
    rd_op_same_shape(c->out[0], c->in[0]);
    for (int i = 2; i < c->in[0]->ndim; i++) {
        if (c->in[0]->dim[i] == 0)
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is empty: it has no largest element", i);
        c->out[0]->dim[i] = 1;
    }
    return RD_OK;
}

static size_t global_scratch(const struct rd_op_call *c)
{
    return 4 * rd_op_wide_size(c->in[0]); /* no plane is empty: the output is not larger */
}

static size_t largest(const double *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best] || (isnan(x[i]) && !isnan(x[best])))
            best = i;
    return best;
}

static rd_status global_forward(struct rd_op_call *c)
{
    const size_t planes = rd_tensor_count(c->out[0]), n = span(c->in[0], 2, c->in[0]->ndim);
    const double *x = rd_op_wide(c, c->in[0]);
    double *y = rd_op_take(c, planes * sizeof(*y));

    for (size_t p = 0; p < planes; p++)
        y[p] = x[p * n + largest(x + p * n, n)];
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status global_backward(struct rd_op_call *c)
{
    const size_t planes = rd_tensor_count(c->dout[0]), n = span(c->in[0], 2, c->in[0]->ndim);
    const double *x = rd_op_wide(c, c->in[0]), *g = rd_op_wide(c, c->dout[0]);

    for (size_t p = 0; p < planes; p++) {
        const size_t at = p * n + largest(x + p * n, n);

        if (c->in[0]->dtype == RD_F32)
            ((float *)c->din[0]->data)[at] += (float)g[p];
        else
            ((double *)c->din[0]->data)[at] += g[p];
    }
    return RD_OK;
}

static double global_flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]);
}

const struct rd_op rd_op_globalmaxpool = {
    .op = "GlobalMaxPool",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .infer = global_infer,
    .forward = global_forward,
    .backward = global_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = global_scratch,
    .flops = global_flops,
    .per_example = first_rows,
};

/* --- LogSoftmax: along one axis from opset 13 on; before, over all axes from `axis` on as one ---
 */

struct soft {
    size_t outer, n, inner;
};

static int soft_axis(const struct rd_op_call *c)
{
    const int64_t axis = rd_op_int(c->node, "axis", c->node->opset < 13 ? 1 : -1);

    return (int)(axis < 0 ? axis + c->in[0]->ndim : axis);
}

static struct soft soft_of(const struct rd_op_call *c)
{
    const struct rd_tensor *t = c->in[0];
    const int axis = soft_axis(c);
    struct soft s = { .outer = span(t, 0, axis), .n = 1, .inner = 1 };

    if (c->node->opset < 13) {
        s.n = span(t, axis, t->ndim);
        return s;
    }
    s.n = (size_t)t->dim[axis];
    s.inner = span(t, axis + 1, t->ndim);
    return s;
}

static rd_status soft_infer(struct rd_op_call *c)
{
    int axis;
    rd_status st;

    if (c->in[0]->ndim == 0 && c->node->opset >= 13)
        return RD_FAIL(c->err, RD_E_INPUT, "LogSoftmax of a scalar has no axis");
    st = rd_op_axis(c, rd_op_int(c->node, "axis", c->node->opset < 13 ? 1 : -1), c->in[0]->ndim,
        c->node->opset < 13, &axis);
    rd_op_same_shape(c->out[0], c->in[0]);
    return st;
}

static size_t soft_scratch(const struct rd_op_call *c)
{
    return 4 * rd_op_wide_size(c->in[0]);
}

static rd_status soft_forward(struct rd_op_call *c)
{
    const struct soft s = soft_of(c);
    const struct rd_math *const math = rd_op_math(c, c->in[0]);
    const double *x;
    double *y;

    if (math && s.inner == 1 && s.n) {
        math->softmax(c->in[0]->data, c->out[0]->data, s.outer, s.n, true);
        return RD_OK;
    }
    x = rd_op_wide(c, c->in[0]);
    y = rd_op_take(c, rd_op_wide_size(c->in[0]));
    for (size_t o = 0; o < s.outer; o++)
        for (size_t k = 0; k < s.inner; k++) {
            const size_t at = o * s.n * s.inner + k;
            double top = -HUGE_VAL, sum = 0;

            for (size_t i = 0; i < s.n; i++)
                top = x[at + i * s.inner] > top ? x[at + i * s.inner] : top;
            for (size_t i = 0; i < s.n; i++)
                sum += exp(x[at + i * s.inner] - top);
            for (size_t i = 0; i < s.n; i++)
                y[at + i * s.inner] = x[at + i * s.inner] - top - log(sum);
        }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

/* dx = g - exp(y) * sum(g) */
static rd_status soft_backward(struct rd_op_call *c)
{
    const struct soft s = soft_of(c);
    const struct rd_math *const math = rd_op_math(c, c->in[0]);
    const double *y, *g;
    double *dx;

    if (math && s.inner == 1 && s.n) {
        math->softmax_back(c->out[0]->data, c->dout[0]->data, c->din[0]->data, s.outer, s.n, true,
            !rd_op_is_fresh(c, 0));
        return RD_OK;
    }
    rd_op_start(c, 0);
    y = rd_op_wide(c, c->out[0]);
    g = rd_op_wide(c, c->dout[0]);
    dx = rd_op_take(c, rd_op_wide_size(c->in[0]));
    for (size_t o = 0; o < s.outer; o++)
        for (size_t k = 0; k < s.inner; k++) {
            const size_t at = o * s.n * s.inner + k;
            double sum = 0;

            for (size_t i = 0; i < s.n; i++)
                sum += g[at + i * s.inner];
            for (size_t i = 0; i < s.n; i++)
                dx[at + i * s.inner] = g[at + i * s.inner] - exp(y[at + i * s.inner]) * sum;
        }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static double soft_flops(const struct rd_op_call *c)
{
    return 5 * (double)rd_tensor_count(c->in[0]);
}

static bool soft_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && soft_axis(c) > 0;
}

static const struct rd_op_attr soft_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_logsoftmax = {
    .op = "LogSoftmax",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = soft_attrs,
    .infer = soft_infer,
    .forward = soft_forward,
    .backward = soft_backward,
    .grad_in = 1,
    .reads = RD_READS_OUT,
    .sets = 1,
    .scratch = soft_scratch,
    .flops = soft_flops,
    .per_example = soft_rows,
};
