/*
 * op_causalconv.c - CausalConvWithState: each channel is convolved with its own kernel over what
 * came before, and hands on its last k - 1 values.
 *
 * X (batch, channels, length), W (channels, 1, k), bias (channels), past (batch, channels, k - 1),
 * zeros when not given; y = act(bias + sum over j of W[j] (past, X)[t + j]), act none or x
 * sigmoid(x). All float types, in float64, rounded once. Source: the operator's document.
 */
#include "graph/op.h"

#include <math.h>
#include <string.h>

struct causal {
    size_t batch, channels, length, k;
    bool silu;
};

static bool same(int64_t a, int64_t b)
{
    return a == b || a < 0 || b < 0;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *w = c->in[1], *bias = rd_op_in(c, 2);
    const struct rd_tensor *past = rd_op_in(c, 3);
    char a[120], b[120];

    if (x->ndim != 3 || w->ndim != 3 || !same(w->dim[0], x->dim[1]) || !same(w->dim[1], 1) ||
        w->dim[2] == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "input %s and weight %s do not fit",
            rd_shape_text(x->dim, x->ndim, a, sizeof(a)),
            rd_shape_text(w->dim, w->ndim, b, sizeof(b)));
    if (bias && (bias->ndim != 1 || !same(bias->dim[0], x->dim[1])))
        return RD_FAIL(c->err, RD_E_INPUT, "bias must have one entry for each of %lld channels",
            (long long)x->dim[1]);
    if (past &&
        (past->ndim != 3 || !same(past->dim[0], x->dim[0]) || !same(past->dim[1], x->dim[1]) ||
            (w->dim[2] > 0 && !same(past->dim[2], w->dim[2] - 1))))
        return RD_FAIL(c->err, RD_E_INPUT, "past_state of shape %s does not fit",
            rd_shape_text(past->dim, past->ndim, a, sizeof(a)));
    if (rd_op_attr(c->node, "activation") && !rd_op_str_is(c->node, "activation", "none") &&
        !rd_op_str_is(c->node, "activation", "silu") &&
        !rd_op_str_is(c->node, "activation", "swish"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'activation' is not none, silu or swish");
    /* An input without elements may have any dims, but the states are of their product. */
    if (x->dim[0] > 0 && x->dim[1] > 0 && x->dim[2] >= 0 && w->dim[2] > 0 &&
        (double)x->dim[0] * (double)x->dim[1] * ((double)x->dim[2] + (double)w->dim[2]) > 1e14)
        return RD_FAIL(c->err, RD_E_LIMIT, "%lld times %lld channels are too many",
            (long long)x->dim[0], (long long)x->dim[1]);
    rd_op_same_shape(c->out[0], x);
    if (rd_op_out(c, 1)) {
        rd_op_same_shape(c->out[1], x);
        c->out[1]->dim[2] = w->dim[2] < 0 ? -1 : w->dim[2] - 1;
    }
    return RD_OK;
}

static struct causal causal_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];

    return (struct causal){ .batch = (size_t)x->dim[0],
        .channels = (size_t)x->dim[1],
        .length = (size_t)x->dim[2],
        .k = (size_t)c->in[1]->dim[2],
        .silu = rd_op_str_is(c->node, "activation", "silu") ||
                rd_op_str_is(c->node, "activation", "swish") };
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct causal q = causal_of(c);
    const size_t rows = q.batch * q.channels;
    size_t n = 64 * 32 + 2 * (q.length + q.k) * sizeof(double);

    for (int i = 0; i < c->node->n_inputs; i++)
        n += rd_op_in(c, i) ? 2 * rd_op_wide_size(c->in[i]) : 0;
    return n + (2 * rows * (q.length + q.k)) * sizeof(double);
}

/* The line that row r reads: what came before, then X; k - 1 + length values. */
static void line(const struct causal *q, const double *x, const double *past, size_t r, double *to)
{
    for (size_t i = 0; i + 1 < q->k; i++)
        to[i] = past ? past[r * (q->k - 1) + i] : 0;
    memcpy(to + q->k - 1, x + r * q->length, q->length * sizeof(*to));
}

static double sum_at(
    const struct causal *q, const double *from, const double *w, double start, size_t t)
{
    for (size_t j = 0; j < q->k; j++)
        start += w[j] * from[t + j];
    return start;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct causal q = causal_of(c);
    const size_t rows = q.batch * q.channels;
    const double *x = rd_op_wide(c, c->in[0]), *w = rd_op_wide(c, c->in[1]);
    const double *bias = rd_op_in(c, 2) ? rd_op_wide(c, c->in[2]) : NULL;
    const double *past = rd_op_in(c, 3) ? rd_op_wide(c, c->in[3]) : NULL;
    double *y = rd_op_take(c, rows * q.length * sizeof(*y));
    double *last = rd_op_take(c, rows * (q.k - 1) * sizeof(*last));
    double *from = rd_op_take(c, (q.length + q.k) * sizeof(*from));

    for (size_t r = 0; r < rows; r++) {
        line(&q, x, past, r, from);
        for (size_t t = 0; t < q.length; t++) {
            const double s =
                sum_at(&q, from, w + r % q.channels * q.k, bias ? bias[r % q.channels] : 0, t);

            y[r * q.length + t] = q.silu ? s / (1 + exp(-s)) : s;
        }
        memcpy(last + r * (q.k - 1), from + q.length, (q.k - 1) * sizeof(*last));
    }
    if (c->out[0])
        rd_op_narrow(y, c->out[0], false);
    if (rd_op_out(c, 1))
        rd_op_narrow(last, c->out[1], false);
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    const struct causal q = causal_of(c);
    const size_t rows = q.batch * q.channels;
    const double *x = rd_op_wide(c, c->in[0]), *w = rd_op_wide(c, c->in[1]);
    const double *bias = rd_op_in(c, 2) ? rd_op_wide(c, c->in[2]) : NULL;
    const double *past = rd_op_in(c, 3) ? rd_op_wide(c, c->in[3]) : NULL;
    const double *dy = c->dout[0] ? rd_op_wide(c, c->dout[0]) : NULL;
    const double *dlast = c->node->n_outputs > 1 && c->dout[1] ? rd_op_wide(c, c->dout[1]) : NULL;
    double *from = rd_op_take(c, (q.length + q.k) * sizeof(*from));
    double *back = rd_op_take(c, (q.length + q.k) * sizeof(*back));
    double *grad[4] = { NULL };

    for (int i = 0; i < 4; i++)
        if (rd_op_din(c, i)) {
            grad[i] = rd_op_take(c, rd_op_wide_size(c->in[i]));
            memset(grad[i], 0, rd_tensor_count(c->in[i]) * sizeof(*grad[i]));
        }
    for (size_t r = 0; r < rows; r++) {
        const size_t channel = r % q.channels;

        line(&q, x, past, r, from);
        memset(back, 0, (q.length + q.k) * sizeof(*back));
        for (size_t i = 0; i + 1 < q.k && dlast; i++)
            back[q.length + i] = dlast[r * (q.k - 1) + i];
        for (size_t t = 0; t < q.length && dy; t++) {
            double g = dy[r * q.length + t];

            if (q.silu) {
                const double s = sum_at(&q, from, w + channel * q.k, bias ? bias[channel] : 0, t);
                const double p = 1 / (1 + exp(-s));

                g *= p + s * p * (1 - p);
            }
            if (grad[2])
                grad[2][channel] += g;
            for (size_t j = 0; j < q.k; j++) {
                back[t + j] += g * w[channel * q.k + j];
                if (grad[1])
                    grad[1][channel * q.k + j] += g * from[t + j];
            }
        }
        for (size_t i = 0; i + 1 < q.k && grad[3]; i++)
            grad[3][r * (q.k - 1) + i] = back[i];
        for (size_t t = 0; t < q.length && grad[0]; t++)
            grad[0][r * q.length + t] = back[q.k - 1 + t];
    }
    for (int i = 0; i < 4; i++)
        if (grad[i])
            rd_op_narrow(grad[i], c->din[i], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    const struct causal q = causal_of(c);

    return (double)rd_tensor_count(c->in[0]) * (2 * (double)q.k + 6);
}

static bool rows_alone(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && (!rd_op_in(c, 2) || !batched[2]) &&
           (!rd_op_in(c, 3) || batched[3]);
}

static const struct rd_op_attr attrs[] = {
    { "activation", RD_ATTR_STRING, 27, 0, false },
    { 0 },
};

const struct rd_op rd_op_causalconvwithstate = {
    .op = "CausalConvWithState",
    .domain = "",
    .since = 27,
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FLOAT },
    .same = 0xe,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 0xf,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows_alone,
};
