/*
 * op_norm.c - BatchNormalization over axis 1.
 *
 *   y = scale * (x - mean) / sqrt(var + epsilon) + bias
 *
 * Inference takes mean and var from its inputs. With training_mode = 1 (opset 14 on) they are those
 * of the batch, and outputs 1 and 2 are the running ones: momentum * old + (1 - momentum) * new.
 * The rows then depend on each other.
 */
#include "graph/op.h"

#include <math.h>
#include <string.h>

struct norm {
    size_t n, c, size; /* examples, channels, elements a channel of one example */
    double epsilon, momentum;
    bool training;
};

static struct norm norm_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct norm b = { .n = (size_t)x->dim[0],
        .c = (size_t)c->in[1]->dim[0],
        .size = 1,
        .epsilon = (double)rd_op_float(c->node, "epsilon", 1e-5f),
        .momentum = (double)rd_op_float(c->node, "momentum", 0.9f),
        .training = rd_op_int(c->node, "training_mode", 0) != 0 };

    for (int i = 2; i < x->ndim; i++)
        b.size *= (size_t)x->dim[i];
    if (c->node->opset < 9 && x->ndim > 1 && !rd_op_int(c->node, "spatial", 1))
        b.size = 1; /* statistics per element: infer allows it only where that is the same */
    return b;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    static const char *const name[] = { "", "scale", "bias", "mean", "var" };
    const bool training = rd_op_int(c->node, "training_mode", 0) != 0;

    if (x->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch and channels are needed", x->ndim);
    if (c->node->opset < 7 && !rd_op_int(c->node, "is_test", 0))
        return RD_FAIL(c->err, RD_E_INPUT,
            "training mode (is_test = 0) of opset %lld is not supported",
            (long long)c->node->opset);
    if (c->node->opset < 9 && !rd_op_int(c->node, "spatial", 1) && x->ndim > 2)
        return RD_FAIL(c->err, RD_E_INPUT, "spatial = 0 is not supported");
    if (c->node->n_outputs > 1 && !training)
        return RD_FAIL(c->err, RD_E_INPUT, "%d outputs are asked for without training_mode",
            c->node->n_outputs);
    if (c->node->n_outputs > 3)
        return RD_FAIL(
            c->err, RD_E_INPUT, "it has %d outputs; at most 3 are supported", c->node->n_outputs);
    for (int i = 1; i < 5; i++)
        if (c->in[i]->ndim != 1 ||
            (c->in[i]->dim[0] != x->dim[1] && c->in[i]->dim[0] != -1 && x->dim[1] != -1))
            return RD_FAIL(c->err, RD_E_INPUT, "%s must have one entry for each of %lld channels",
                name[i], (long long)x->dim[1]);
    rd_op_same_shape(c->out[0], x);
    for (int i = 1; i < c->node->n_outputs; i++)
        rd_op_same_shape(c->out[i], c->in[i + 2]);
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 2 * rd_op_wide_size(c->in[0]) + 2 * rd_op_wide_size(c->out[0]);

    for (int i = 1; i < 5; i++)
        n += 2 * rd_op_wide_size(c->in[i]);
    return n + rd_op_wide_size(c->in[1]) * 2;
}

/* Mean and (biased) variance of each channel over the batch. */
static void statistics(const struct norm *b, const double *x, double *mean, double *var)
{
    const double count = (double)b->n * (double)b->size;

    for (size_t k = 0; k < b->c; k++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < b->n; i++)
            for (size_t j = 0; j < b->size; j++)
                sum += x[(i * b->c + k) * b->size + j];
        mean[k] = sum / count;
        for (size_t i = 0; i < b->n; i++)
            for (size_t j = 0; j < b->size; j++) {
                const double d = x[(i * b->c + k) * b->size + j] - mean[k];

                squares += d * d;
            }
        var[k] = squares / count;
    }
}

static rd_status forward(struct rd_op_call *c)
{
    const struct norm b = norm_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *bias = rd_op_wide(c, c->in[2]);
    const double *old_mean = rd_op_wide(c, c->in[3]), *old_var = rd_op_wide(c, c->in[4]);
    const double *mean = old_mean, *var = old_var;
    double *y = rd_op_take(c, rd_op_wide_size(c->in[0]));

    if (!rd_tensor_count(c->in[0]))
        return RD_OK;
    if (b.training) {
        double *m = rd_op_take(c, rd_op_wide_size(c->in[3])),
               *v = rd_op_take(c, rd_op_wide_size(c->in[4]));
        double *running = rd_op_take(c, rd_op_wide_size(c->in[3]));

        statistics(&b, x, m, v);
        for (int i = 1; i < 3; i++) {
            const double *fresh = i == 1 ? m : v, *old = i == 1 ? old_mean : old_var;

            for (size_t k = 0; k < b.c; k++)
                running[k] = old[k] * b.momentum + fresh[k] * (1 - b.momentum);
            if (rd_op_out(c, i))
                rd_op_narrow(running, c->out[i], false);
        }
        mean = m;
        var = v;
    }
    for (size_t i = 0; i < b.n; i++)
        for (size_t k = 0; k < b.c; k++) {
            const double factor = scale[k] / sqrt(var[k] + b.epsilon);
            const size_t at = (i * b.c + k) * b.size;

            for (size_t j = 0; j < b.size; j++)
                y[at + j] = (x[at + j] - mean[k]) * factor + bias[k];
        }
    if (c->out[0])
        rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

/*
 * With z = (x - mean) / sqrt(var + eps): d bias = sum g, d scale = sum g z; dx = scale / sqrt(var +
 * eps) * g, and when mean and var are the batch's own: ... * (g - mean(g) - z mean(g z)).
 */
static rd_status backward(struct rd_op_call *c)
{
    const struct norm b = norm_of(c);
    const double *x = rd_op_wide(c, c->in[0]), *scale = rd_op_wide(c, c->in[1]);
    const double *mean = rd_op_wide(c, c->in[3]), *var = rd_op_wide(c, c->in[4]);
    const double *g;
    double *m, *v, *dx, *sum, *dot;

    if (!c->dout[0] || !rd_tensor_count(c->in[0]))
        return RD_OK;
    g = rd_op_wide(c, c->dout[0]);
    if (b.training) {
        m = rd_op_take(c, rd_op_wide_size(c->in[3]));
        v = rd_op_take(c, rd_op_wide_size(c->in[4]));
        statistics(&b, x, m, v);
        mean = m;
        var = v;
    }
    sum = rd_op_take(c, rd_op_wide_size(c->in[1]));
    dot = rd_op_take(c, rd_op_wide_size(c->in[1]));
    dx = rd_op_take(c, rd_op_wide_size(c->in[0]));
    for (size_t k = 0; k < b.c; k++) {
        const double inverse = 1 / sqrt(var[k] + b.epsilon), count = (double)b.n * (double)b.size;

        sum[k] = dot[k] = 0;
        for (size_t i = 0; i < b.n; i++)
            for (size_t j = 0, at = (i * b.c + k) * b.size; j < b.size; j++) {
                sum[k] += g[at + j];
                dot[k] += g[at + j] * (x[at + j] - mean[k]) * inverse;
            }
        for (size_t i = 0; i < b.n; i++)
            for (size_t j = 0, at = (i * b.c + k) * b.size; j < b.size; j++) {
                const double z = (x[at + j] - mean[k]) * inverse;
                const double own = b.training ? sum[k] / count + z * dot[k] / count : 0;

                dx[at + j] = scale[k] * inverse * (g[at + j] - own);
            }
    }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (c->din[1])
        rd_op_narrow(dot, c->din[1], true);
    if (c->din[2])
        rd_op_narrow(sum, c->din[2], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    return 2 * (double)rd_tensor_count(c->in[0]);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && !batched[2] && !batched[3] && !batched[4] &&
           !rd_op_int(c->node, "training_mode", 0);
}

static const struct rd_op_attr attrs[] = {
    { "epsilon", RD_ATTR_FLOAT, 1, 0, false },
    { "momentum", RD_ATTR_FLOAT, 1, 0, false },
    { "training_mode", RD_ATTR_INT, 14, 0, false },
    { "spatial", RD_ATTR_INT, 1, 8, false },
    { "is_test", RD_ATTR_INT, 1, 6, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

const struct rd_op rd_op_batchnormalization = {
    .op = "BatchNormalization",
    .domain = "",
    .since = 1,
    .min_in = 5,
    .max_in = 5,
    .min_out = 1,
    .max_out = 5,
    .in_type = { RD_T_FLOAT },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 7,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
