/*
 * op_cdist.c - CDist of com.microsoft: distances of every row of A to every row of B. skl2onnx
 * writes it for nearest neighbors and Gaussian processes when asked to (optim="cdist").
 *
 *   A (m, n), B (k, n) -> (m, k):  d = sum (a - b)^2, or its root (metric "euclidean")
 *
 * In float64, rounded once. The gradient of a root at 0 is taken as 0. Source: ONNX Runtime's list
 * of contributed operators.
 */
#include "graph/op.h"

#include <math.h>
#include <string.h>

/* *root: the metric is "euclidean". */
static rd_status metric(const struct rd_op_call *c, bool *root)
{
    const struct rd_attr *a = rd_op_attr(c->node, "metric");

    *root = a && a->s_len == 9 && !memcmp(a->s, "euclidean", 9);
    if (a && !*root && (a->s_len != 11 || memcmp(a->s, "sqeuclidean", 11) != 0))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'metric' must be 'euclidean' or 'sqeuclidean'");
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0], *b = c->in[1];
    struct rd_tensor *out = c->out[0];
    bool root;

    if (a->ndim != 2 || b->ndim != 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "inputs must have two dimensions, not %d and %d", a->ndim, b->ndim);
    if (a->dim[1] >= 0 && b->dim[1] >= 0 && a->dim[1] != b->dim[1])
        return RD_FAIL(c->err, RD_E_INPUT, "rows of %lld numbers and rows of %lld",
            (long long)a->dim[1], (long long)b->dim[1]);
    out->dtype = a->dtype;
    out->ndim = 2;
    out->dim[0] = a->dim[0];
    out->dim[1] = b->dim[0];
    return metric(c, &root);
}

static double distance(const double *a, const double *b, size_t n, bool root)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return root ? sqrt(sum) : sum;
}

static rd_status forward(struct rd_op_call *c)
{
    const size_t m = (size_t)c->in[0]->dim[0], k = (size_t)c->in[1]->dim[0];
    const size_t n = (size_t)c->in[0]->dim[1];
    const double *const a = rd_op_wide(c, c->in[0]), *const b = rd_op_wide(c, c->in[1]);
    double *const to = rd_op_take(c, m * k * sizeof(*to));
    bool root;

    (void)metric(c, &root); /* infer has accepted it */
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < k; j++)
            to[i * k + j] = distance(a + i * n, b + j * n, n, root);
    rd_op_narrow(to, c->out[0], false);
    return RD_OK;
}

/* da = sum over j of g 2 (a - b), or g (a - b) / d; db the same with the other sign. */
static rd_status backward(struct rd_op_call *c)
{
    const size_t m = (size_t)c->in[0]->dim[0], k = (size_t)c->in[1]->dim[0];
    const size_t n = (size_t)c->in[0]->dim[1];
    const double *const a = rd_op_wide(c, c->in[0]), *const b = rd_op_wide(c, c->in[1]);
    const double *const g = rd_op_wide(c, c->dout[0]);
    double *const da = rd_op_take(c, m * n * sizeof(*da));
    double *const db = rd_op_take(c, k * n * sizeof(*db));
    bool root;

    (void)metric(c, &root);
    memset(da, 0, m * n * sizeof(*da));
    memset(db, 0, k * n * sizeof(*db));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < k; j++) {
            const double d = root ? distance(a + i * n, b + j * n, n, true) : 0;
            const double by = !root ? 2 * g[i * k + j] : d > 0 ? g[i * k + j] / d : 0;

            for (size_t x = 0; x < n; x++) {
                const double part = by * (a[i * n + x] - b[j * n + x]);

                da[i * n + x] += part;
                db[j * n + x] -= part;
            }
        }
    if (c->din[0])
        rd_op_narrow(da, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(db, c->din[1], true);
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    const size_t wide = rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]);

    if (!c->din)
        return wide + rd_tensor_count(c->out[0]) * sizeof(double) + 64;
    return wide + rd_op_wide_size(c->out[0]) +
           (rd_tensor_count(c->in[0]) + rd_tensor_count(c->in[1])) * sizeof(double) + 128;
}

static double flops(const struct rd_op_call *c)
{
    return 3 * (double)rd_tensor_count(c->out[0]) * (double)c->in[0]->dim[1];
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0] && !batched[1];
}

static const struct rd_op_attr attrs[] = {
    { "metric", RD_ATTR_STRING, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_cdist = {
    .op = "CDist",
    .domain = "com.microsoft",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_F32) | RD_T(RD_F64) },
    .same = 2,
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
