/*
 * op_optimizer.c - Momentum, Adagrad, Adam of ai.onnx.preview.training: one step of an optimizer
 * for any number of tensors.
 *
 * Inputs: the rate, how many steps were made, then all tensors, all their gradients and all of each
 * kind of state; outputs the new tensors and states in the same order. Nothing goes back through a
 * step.
 */
#include "graph/op_index.h"

#include <math.h>

enum { MOMENTUM, ADAGRAD, ADAM };

/* Kinds of tensors among the inputs: values, gradients, states. */
static int kinds(int which)
{
    return which == ADAM ? 4 : 3;
}

static rd_status infer(struct rd_op_call *c, int which)
{
    const int given = c->node->n_inputs - 2, n = given / kinds(which);
    rd_status st = rd_op_one_shape(c, c->in[0], "the rate");

    if (!st)
        st = rd_op_one_shape(c, c->in[1], "the number of steps");
    if (st)
        return st;
    if (given % kinds(which) || c->node->n_outputs != n * (kinds(which) - 1))
        return RD_FAIL(c->err, RD_E_INPUT,
            "%d inputs and %d outputs do not come to %d of each tensor", c->node->n_inputs,
            c->node->n_outputs, kinds(which));
    for (int k = 0; k < n * kinds(which); k++) {
        const struct rd_tensor *t = c->in[2 + k], *first = c->in[2 + k % n];
        bool same = t && first && t->ndim == first->ndim && t->dtype == first->dtype;

        for (int i = 0; same && i < t->ndim; i++)
            same = t->dim[i] == first->dim[i];
        if (!same)
            return RD_FAIL(c->err, RD_E_INPUT,
                "input %d has not the type and shape of input %d that it belongs to", 2 + k,
                2 + k % n);
    }
    for (int k = 0; k < c->node->n_outputs; k++)
        rd_op_same_shape(c->out[k], c->in[2 + k % n]);
    return RD_OK;
}

static double real(const struct rd_op_call *c, const char *name, double otherwise)
{
    return rd_op_attr(c->node, name) ? (double)rd_op_float(c->node, name, 0) : otherwise;
}

static void put(struct rd_tensor *t, size_t i, double v)
{
    if (!t)
        return;
    if (t->dtype == RD_F32)
        ((float *)t->data)[i] = (float)v;
    else
        ((double *)t->data)[i] = v;
}

/* The settings of one step, and what it makes of one element. */
struct step {
    double rate, alpha, beta, epsilon, decay, post;
    bool nesterov;
};

static void momentum(const struct step *s, double *x, double g, double *v, double *h)
{
    (void)h;
    *v = s->alpha * *v + s->beta * g;
    *x -= s->rate * (s->nesterov ? g + s->alpha * *v : *v);
}

static void adagrad(const struct step *s, double *x, double g, double *v, double *h)
{
    (void)h;
    *v += g * g;
    *x -= s->rate * g / (sqrt(*v) + s->epsilon);
}

static void adam(const struct step *s, double *x, double g, double *v, double *h)
{
    *v = s->alpha * *v + (1 - s->alpha) * g;
    *h = s->beta * *h + (1 - s->beta) * g * g;
    *x -= s->rate * *v / (sqrt(*h) + s->epsilon);
    *x *= 1 - s->post;
}

static struct step settings(const struct rd_op_call *c, int which)
{
    const double t = rd_number_at(c->in[1], 0);
    struct step s = { .rate = rd_number_at(c->in[0], 0),
        .decay = real(c, "norm_coefficient", 0),
        .epsilon = real(c, "epsilon", which == ADAM ? (double)1e-6f : 0) };

    if (which == ADAGRAD) {
        s.rate /= 1 + t * real(c, "decay_factor", 0);
        s.epsilon = real(c, "epsilon", (double)1e-6f);
        return s;
    }
    s.alpha = real(c, "alpha", (double)0.9f);
    s.beta = real(c, "beta", (double)0.999f);
    if (which == ADAM) {
        s.post = real(c, "norm_coefficient_post", 0);
        if (t > 0)
            s.rate *= sqrt(1 - pow(s.beta, t)) / (1 - pow(s.alpha, t));
    } else {
        s.nesterov = rd_op_str_is(c->node, "mode", "nesterov");
        if (!(t > 0))
            s.beta = 1;
    }
    return s;
}

static rd_status forward(struct rd_op_call *c, int which)
{
    static void (*const update[])(
        const struct step *, double *, double, double *, double *) = { momentum, adagrad, adam };
    const int n = (c->node->n_inputs - 2) / kinds(which);
    const struct step s = settings(c, which);

    for (int k = 0; k < n; k++) {
        const struct rd_tensor *const *in = c->in + 2 + k;

        for (size_t i = 0, count = rd_tensor_count(in[0]); i < count; i++) {
            double x = rd_real_at(in[0], i), v = rd_real_at(in[2 * n], i);
            double h = which == ADAM ? rd_real_at(in[3 * n], i) : 0;

            update[which](&s, &x, s.decay * x + rd_real_at(in[n], i), &v, &h);
            put(c->out[k], i, x);
            put(c->out[n + k], i, v);
            if (which == ADAM)
                put(c->out[2 * n + k], i, h);
        }
    }
    return RD_OK;
}

static rd_status momentum_infer(struct rd_op_call *c)
{
    if (!rd_op_str_is(c->node, "mode", "standard") && !rd_op_str_is(c->node, "mode", "nesterov"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'mode' must be standard or nesterov");
    return infer(c, MOMENTUM);
}

static rd_status momentum_forward(struct rd_op_call *c)
{
    return forward(c, MOMENTUM);
}

static rd_status adagrad_infer(struct rd_op_call *c)
{
    return infer(c, ADAGRAD);
}

static rd_status adagrad_forward(struct rd_op_call *c)
{
    return forward(c, ADAGRAD);
}

static rd_status adam_infer(struct rd_op_call *c)
{
    return infer(c, ADAM);
}

static rd_status adam_forward(struct rd_op_call *c)
{
    return forward(c, ADAM);
}

static const struct rd_op_attr momentum_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, true },
    { "beta", RD_ATTR_FLOAT, 1, 0, true },
    { "mode", RD_ATTR_STRING, 1, 0, true },
    { "norm_coefficient", RD_ATTR_FLOAT, 1, 0, true },
    { 0 },
};
static const struct rd_op_attr adagrad_attrs[] = {
    { "decay_factor", RD_ATTR_FLOAT, 1, 0, false },
    { "epsilon", RD_ATTR_FLOAT, 1, 0, false },
    { "norm_coefficient", RD_ATTR_FLOAT, 1, 0, false },
    { 0 },
};
static const struct rd_op_attr adam_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "beta", RD_ATTR_FLOAT, 1, 0, false },
    { "epsilon", RD_ATTR_FLOAT, 1, 0, false },
    { "norm_coefficient", RD_ATTR_FLOAT, 1, 0, false },
    { "norm_coefficient_post", RD_ATTR_FLOAT, 1, 0, false },
    { 0 },
};

enum { WIDE = RD_T(RD_F32) | RD_T(RD_F64) };

#define OPTIMIZER(id, name, least, ATTRS)                                                          \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "ai.onnx.preview.training",                                                      \
        .since = 1,                                                                                \
        .min_in = 2 + (least),                                                                     \
        .max_in = -1,                                                                              \
        .min_out = (least)-1,                                                                      \
        .max_out = -1,                                                                             \
        .in_type = { WIDE, RD_T_I64, WIDE },                                                       \
        .attrs = ATTRS,                                                                            \
        .infer = id##_infer,                                                                       \
        .forward = id##_forward,                                                                   \
    }

OPTIMIZER(momentum, "Momentum", 3, momentum_attrs);
OPTIMIZER(adagrad, "Adagrad", 3, adagrad_attrs);
OPTIMIZER(adam, "Adam", 4, adam_attrs);
