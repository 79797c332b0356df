/*
 * op_loss.c - NegativeLogLikelihoodLoss of log-probabilities, SoftmaxCrossEntropyLoss of scores.
 *
 * Inputs (N, C, d...), labels (N, d...), perhaps a weight for each class. A label equal to
 * ignore_index counts nothing; the mean is over the weights of the labels that count. Everything in
 * float64, rounded once.
 */
#include "graph/op_index.h"

#include <math.h>

enum mean_of { NONE, SUM, MEAN };

static rd_status reduction(const struct rd_op_call *c, enum mean_of *how)
{
    static const char *const name[] = { "none", "sum", "mean" };

    *how = MEAN;
    if (!rd_op_attr(c->node, "reduction"))
        return RD_OK;
    for (int i = 0; i < 3; i++)
        if (rd_op_str_is(c->node, "reduction", name[i])) {
            *how = (enum mean_of)i;
            return RD_OK;
        }
    return RD_FAIL(c->err, RD_E_INPUT, "attribute 'reduction' must be none, sum or mean");
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *label = c->in[1], *weight = rd_op_in(c, 2);
    struct rd_tensor *out = c->out[0];
    char a[120], b[120];
    enum mean_of how;
    rd_status st = reduction(c, &how);
    bool fits = x->ndim >= 2 && label->ndim == x->ndim - 1;

    if (st)
        return st;
    for (int i = 0; fits && i < label->ndim; i++) {
        const int64_t d = x->dim[i ? i + 1 : 0];

        fits = d == label->dim[i] || d == -1 || label->dim[i] == -1;
    }
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "labels of shape %s do not fit %s",
            rd_shape_text(label->dim, label->ndim, a, sizeof(a)),
            rd_shape_text(x->dim, x->ndim, b, sizeof(b)));
    if (weight && (weight->ndim != 1 ||
                      (weight->dim[0] != x->dim[1] && weight->dim[0] != -1 && x->dim[1] != -1)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the weights must have one entry for each of %lld classes", (long long)x->dim[1]);
    rd_op_same_shape(out, label);
    out->dtype = x->dtype;
    if (how != NONE)
        out->ndim = 0;
    if (c->node->n_outputs > 1)
        rd_op_same_shape(c->out[1], x);
    return RD_OK;
}

struct loss {
    size_t examples, classes, inner;
    const double *weight; /* NULL: all 1 */
    enum mean_of how;
    bool ignores;
    int64_t ignored;
};

static struct loss loss_of(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *weight = rd_op_in(c, 2);
    struct loss l = { .examples = rd_tensor_count(c->in[1]) ? (size_t)x->dim[0] : 0,
        .classes = (size_t)x->dim[1],
        .inner = rd_dims_product(x, 2, x->ndim),
        .weight = weight ? rd_op_wide(c, weight) : NULL,
        .ignores = rd_op_attr(c->node, "ignore_index") != NULL,
        .ignored = rd_op_int(c->node, "ignore_index", 0) };

    (void)reduction(c, &l.how); /* infer has accepted it */
    return l;
}

/* Of label number i: where its class stands in the input, and its weight; 0 when it is ignored. */
static rd_status label_at(
    const struct rd_op_call *c, const struct loss *l, size_t i, size_t *at, double *weight)
{
    const int64_t label = (int64_t)rd_bits_at(c->in[1], i);

    *weight = 0;
    *at = i / l->inner * l->classes * l->inner + i % l->inner;
    if (l->ignores && label == l->ignored)
        return RD_OK;
    if (label < 0 || label >= (int64_t)l->classes)
        return RD_FAIL(c->err, RD_E_INPUT, "label %lld (element %zu) is outside 0..%zu",
            (long long)label, i, l->classes - 1);
    *at += (size_t)label * l->inner;
    *weight = l->weight ? l->weight[label] : 1;
    return RD_OK;
}

/* Each line of classes in x to its log-probabilities. */
static void log_softmax(const struct loss *l, const double *x, double *to)
{
    for (size_t i = 0; i < l->examples * l->inner; i++) {
        const size_t first = i / l->inner * l->classes * l->inner + i % l->inner;
        const size_t behind = first + l->classes * l->inner;
        double most = -HUGE_VAL, sum = 0;

        for (size_t k = first; k < behind; k += l->inner)
            most = x[k] > most || isnan(x[k]) ? x[k] : most;
        for (size_t k = first; k < behind; k += l->inner)
            sum += exp(x[k] - most);
        for (size_t k = first; k < behind; k += l->inner)
            to[k] = x[k] - most - log(sum);
    }
}

static size_t scratch(const struct rd_op_call *c)
{
    return 3 * rd_op_wide_size(c->in[0]) + rd_op_wide_size(rd_op_in(c, 2)) +
           2 * (rd_tensor_count(c->in[1]) * sizeof(double) + 64) +
           (c->din ? 2 * rd_op_wide_size(c->in[0]) : 0);
}

static rd_status compute(struct rd_op_call *c, bool softmax)
{
    const struct loss l = loss_of(c);
    const size_t n = rd_tensor_count(c->in[1]);
    const double *x = rd_op_wide(c, c->in[0]);
    double *const loss = rd_op_take(c, n * sizeof(*loss) + sizeof(*loss));
    double sum = 0, weights = 0;

    if (softmax) {
        double *const p = rd_op_take(c, rd_tensor_count(c->in[0]) * sizeof(*p));

        log_softmax(&l, x, p);
        x = p;
        if (rd_op_out(c, 1))
            rd_op_narrow(p, c->out[1], false);
    }
    for (size_t i = 0; i < n; i++) {
        double weight;
        size_t at;
        rd_status st = label_at(c, &l, i, &at, &weight);

        if (st)
            return st;
        loss[i] = weight == 0 ? 0 : -weight * x[at];
        sum += loss[i];
        weights += weight;
    }
    if (l.how != NONE)
        loss[0] = l.how == SUM ? sum : sum / weights;
    if (c->out[0])
        rd_op_narrow(loss, c->out[0], false);
    return RD_OK;
}

/* dx += g, and through a softmax: dx += g - p * (sum of g along the classes). */
static rd_status differentiate(struct rd_op_call *c, bool softmax)
{
    const struct loss l = loss_of(c);
    const size_t n = rd_tensor_count(c->in[1]), count = rd_tensor_count(c->in[0]);
    double *const g = rd_op_take(c, count * sizeof(*g));
    const struct rd_tensor *const dp = c->node->n_outputs > 1 ? c->dout[1] : NULL;
    double weights = 0;

    memset(g, 0, count * sizeof(*g));
    for (size_t pass = 0; pass < 2 && c->dout[0]; pass++)
        for (size_t i = 0; i < n; i++) {
            double weight, by;
            size_t at;
            rd_status st = label_at(c, &l, i, &at, &weight);

            if (st)
                return st;
            if (pass == 0) {
                weights += weight;
                continue;
            }
            by = rd_real_at(c->dout[0], l.how == NONE ? i : 0);
            if (weight != 0)
                g[at] -= l.how == MEAN ? weight * by / weights : weight * by;
        }
    for (size_t i = 0; i < count && dp; i++)
        g[i] += rd_real_at(dp, i);
    if (softmax) {
        double *const p = rd_op_take(c, count * sizeof(*p));

        log_softmax(&l, rd_op_wide(c, c->in[0]), p);
        for (size_t i = 0; i < l.examples * l.inner; i++) {
            const size_t first = i / l.inner * l.classes * l.inner + i % l.inner;
            double sum = 0;

            for (size_t k = 0; k < l.classes; k++)
                sum += g[first + k * l.inner];
            for (size_t k = 0; k < l.classes; k++)
                g[first + k * l.inner] -= exp(p[first + k * l.inner]) * sum;
        }
    }
    rd_op_narrow(g, c->din[0], true);
    return RD_OK;
}

static rd_status nll_forward(struct rd_op_call *c)
{
    return compute(c, false);
}

static rd_status nll_backward(struct rd_op_call *c)
{
    return differentiate(c, false);
}

static rd_status sce_forward(struct rd_op_call *c)
{
    return compute(c, true);
}

static rd_status sce_backward(struct rd_op_call *c)
{
    return differentiate(c, true);
}

static double flops(const struct rd_op_call *c)
{
    return 20 * (double)rd_tensor_count(c->in[0]);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    enum mean_of how;

    return !reduction(c, &how) && how == NONE && batched[0] && batched[1] &&
           !(c->node->n_inputs > 2 && batched[2]);
}

static const struct rd_op_attr attrs[] = {
    { "ignore_index", RD_ATTR_INT, 12, 0, false },
    { "reduction", RD_ATTR_STRING, 12, 0, false },
    { 0 },
};

#define LOSS(id, name, outputs, FORWARD, BACKWARD)                                                 \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 12,                                                                               \
        .min_in = 2,                                                                               \
        .max_in = 3,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = outputs,                                                                        \
        .in_type = { RD_T_FLOAT, RD_T_INDEX, RD_T_FLOAT },                                         \
        .same = 4,                                                                                 \
        .attrs = attrs,                                                                            \
        .infer = infer,                                                                            \
        .forward = FORWARD,                                                                        \
        .backward = BACKWARD,                                                                      \
        .grad_in = 1,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .scratch = scratch,                                                                        \
        .flops = flops,                                                                            \
        .per_example = rows,                                                                       \
    }

LOSS(negativeloglikelihoodloss, "NegativeLogLikelihoodLoss", 1, nll_forward, nll_backward);
LOSS(softmaxcrossentropyloss, "SoftmaxCrossEntropyLoss", 2, sce_forward, sce_backward);
