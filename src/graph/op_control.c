/*
 * op_control.c - If and Loop: subgraphs that run by a condition, or again and again.
 *
 * A Loop ends when its trips are over or its condition is false; one that does not end meets the
 * step budget of the run. Gradients go through the branch taken and, run by run backwards, through
 * what a loop has kept.
 */
#include "graph/op_body.h"

#include "tensor/boxed.h"

#include <string.h>

enum { ANY_VALUE = RD_T_ANY | RD_T_SMALL | RD_T(RD_STRING) | RD_T_BOXED };

/* --- If --- */

static const char *const branch[2] = { "else_branch", "then_branch" };

static rd_status if_infer(struct rd_op_call *c)
{
    struct rd_tensor t = { .ndim = -1 };

    for (int b = 0; b < 2; b++) {
        const rd_status st =
            rd_body_fits(c, rd_body_of(c, branch[b]), branch[b], 0, (size_t)c->node->n_outputs);

        if (st)
            return st;
    }
    for (int k = 0; k < c->node->n_outputs; k++) {
        struct rd_tensor *out = c->out[k];

        rd_body_output(rd_body_of(c, branch[1]), (size_t)k, out);
        rd_body_output(rd_body_of(c, branch[0]), (size_t)k, &t);
        if (out->dtype && t.dtype && out->dtype != t.dtype)
            return RD_FAIL(c->err, RD_E_INPUT, "output %d is %s in one branch, %s in the other", k,
                rd_dtype_name(out->dtype), rd_dtype_name(t.dtype));
        out->dtype = out->dtype ? out->dtype : t.dtype;
        if (out->ndim != t.ndim)
            out->ndim = -1;
        for (int d = 0; d < out->ndim; d++)
            out->dim[d] = out->dim[d] == t.dim[d] ? t.dim[d] : -1;
    }
    return RD_OK;
}

static rd_status if_forward(struct rd_op_call *c)
{
    const struct rd_graph *body;
    struct rd_tensor *out;
    bool taken;
    rd_status st = rd_body_flag(c, c->in[0], "the condition", &taken);

    if (st)
        return st;
    body = rd_body_of(c, branch[taken]);
    st = rd_body_fits(c, body, branch[taken], 0, (size_t)c->node->n_outputs);
    if (!st)
        st = rd_body_room(c, body->n_outputs, sizeof(*out), &out);
    if (!st)
        st = c->flow->run(c, body, NULL, out);
    if (st)
        return RD_WRAP(c->err, st, "in its %s", branch[taken]);
    for (int k = 0; k < c->node->n_outputs; k++)
        c->flow->give(c, k, &out[k]);
    return RD_OK;
}

static rd_status if_backward(struct rd_op_call *c)
{
    const struct rd_graph *body = c->flow->body(c, 0);
    const struct rd_tensor **dout;
    rd_status st = rd_body_room(c, body->n_outputs, sizeof(const struct rd_tensor *), &dout);

    if (st)
        return st;
    for (int k = 0; k < c->node->n_outputs; k++)
        dout[k] = c->dout[k];
    return c->flow->back(c, 0, dout, NULL);
}

static const struct rd_op_attr if_attrs[] = {
    { "then_branch", RD_ATTR_GRAPH, 0, 0, true },
    { "else_branch", RD_ATTR_GRAPH, 0, 0, true },
    { 0 },
};

const struct rd_op rd_op_if = {
    .op = "If",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = -1,
    .in_type = { RD_T(RD_BOOL) },
    .attrs = if_attrs,
    .infer = if_infer,
    .forward = if_forward,
    .backward = if_backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = rd_body_flops,
    .random = true,
    .control = true,
};

/* --- Loop --- */

/* Formal inputs: trip, condition, carried values; outputs: condition, carried, scanned. */
struct loop {
    const struct rd_graph *body;
    size_t carried, scanned;
};

static rd_status loop_of(const struct rd_op_call *c, struct loop *l)
{
    const int n = c->node->n_inputs - c->node->n_captures;
    rd_status st;

    l->body = rd_body_of(c, "body");
    l->carried = n > 2 ? (size_t)n - 2 : 0;
    st = rd_body_fits(c, l->body, "body", 2 + l->carried, 1 + l->carried);
    if (st)
        return st;
    l->scanned = l->body->n_outputs - 1 - l->carried;
    if ((size_t)c->node->n_outputs > l->carried + l->scanned)
        return RD_FAIL(c->err, RD_E_INPUT, "body gives %zu outputs, the node needs %d",
            l->body->n_outputs, 1 + c->node->n_outputs);
    for (size_t i = 0; i < l->carried; i++)
        if (!c->in[2 + i])
            return RD_FAIL(c->err, RD_E_INPUT, "input %zu is left out", 2 + i);
    return RD_OK;
}

static void loop_formal(
    const struct rd_op_call *c, const struct rd_graph *body, size_t i, struct rd_tensor *out)
{
    const struct rd_graph_value *v = &body->value[body->input[i]];

    if (i < 2) { /* scalars, but some exporters write one element with an axis */
        out->dtype = i ? RD_BOOL : RD_I64;
        out->ndim = v->ndim == 1 ? 1 : 0;
        out->dim[0] = 1;
    } else if (i < (size_t)(c->node->n_inputs - c->node->n_captures) && c->in[i]) {
        *out = *c->in[i];
        out->data = NULL;
    }
}

static int loop_carried(const struct rd_op_call *c, const struct rd_graph *body, size_t i)
{
    (void)c;
    (void)body;
    return i < 2 ? -1 : (int)i - 1;
}

static rd_status loop_infer(struct rd_op_call *c)
{
    struct loop l;
    rd_status st = loop_of(c, &l);

    for (size_t k = 0; k < (size_t)c->node->n_outputs && !st; k++) {
        struct rd_tensor *out = c->out[k];
        const struct rd_graph_value *v =
            &l.body->value[k < l.carried ? l.body->input[2 + k] : l.body->output[1 + k]];

        out->dtype = v->dtype;
        out->ndim = v->ndim;
        if (k < l.carried) { /* what holds at the beginning of each run holds at the end */
            memcpy(out->dim, v->dim, sizeof(out->dim));
            continue;
        }
        out->ndim = v->ndim < 0 ? -1 : v->ndim + 1;
        out->dim[0] = -1;
        for (int d = 0; d < v->ndim && d + 1 < RD_MAX_DIMS; d++)
            out->dim[d + 1] = v->dim[d];
    }
    return st;
}

static rd_status loop_numbers(struct rd_op_call *c, int64_t *trips, bool *go)
{
    const struct rd_tensor *m = rd_op_in(c, 0), *cond = rd_op_in(c, 1);

    *trips = INT64_MAX;
    *go = true;
    if (m && rd_tensor_count(m) != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the number of trips must be one, not %zu", rd_tensor_count(m));
    if (m)
        memcpy(trips, m->data, sizeof(*trips));
    return cond ? rd_body_flag(c, cond, "the condition", go) : RD_OK;
}

/* The number of the trip and the condition as the body takes them. */
static rd_status loop_scalars(
    struct rd_op_call *c, const struct loop *l, int64_t trip, bool go, struct rd_tensor *pair)
{
    const int64_t one = 1;
    rd_status st = RD_OK;

    for (int i = 0; i < 2 && !st; i++)
        st = c->flow->make(
            c, i ? RD_BOOL : RD_I64, &one, l->body->value[l->body->input[i]].ndim == 1, &pair[i]);
    if (st)
        return st;
    memcpy(pair[0].data, &trip, sizeof(trip));
    *(unsigned char *)pair[1].data = go;
    return RD_OK;
}

struct loop_state {
    struct rd_tensor *now;  /* the carried values */
    struct rd_tensor *then; /* what the body has given */
    const struct rd_tensor **in;
    struct rd_body_stack *stack;
};

/* One trip; *go: the body's condition. */
static rd_status loop_trip(
    struct rd_op_call *c, const struct loop *l, struct loop_state *s, int64_t trip, bool *go)
{
    struct rd_tensor pair[2];
    rd_status st = loop_scalars(c, l, trip, *go, pair);

    if (st)
        return st;
    s->in[0] = &pair[0];
    s->in[1] = &pair[1];
    for (size_t i = 0; i < l->carried; i++)
        s->in[2 + i] = &s->now[i];
    st = c->flow->run(c, l->body, s->in, s->then);
    if (!st)
        st = rd_body_flag(c, &s->then[0], "the body's condition", go);
    for (size_t i = 0; i < l->scanned && !st; i++)
        st = rd_body_append(c, &s->stack[i], &s->then[1 + l->carried + i]);
    if (st)
        return RD_WRAP(c->err, st, "in trip %lld of its body", (long long)trip);
    c->flow->drop(c, &pair[0]);
    c->flow->drop(c, &pair[1]);
    c->flow->drop(c, &s->then[0]);
    for (size_t i = 0; i < l->scanned; i++)
        c->flow->drop(c, &s->then[1 + l->carried + i]);
    for (size_t i = 0; i < l->carried; i++) {
        if (trip) /* those that entered are the node's inputs */
            c->flow->drop(c, &s->now[i]);
        s->now[i] = s->then[1 + i];
    }
    return RD_OK;
}

static rd_status loop_forward(struct rd_op_call *c)
{
    struct loop l;
    struct loop_state s;
    int64_t trips, trip = 0;
    bool go, asked = rd_op_in(c, 1) != NULL, more;
    rd_status st = loop_of(c, &l);

    if (!st)
        st = loop_numbers(c, &trips, &go);
    if (!st)
        st = rd_body_room(c, l.carried, sizeof(*s.now), &s.now);
    if (!st)
        st = rd_body_room(c, l.body->n_outputs, sizeof(*s.then), &s.then);
    if (!st)
        st = rd_body_room(c, 2 + l.carried, sizeof(const struct rd_tensor *), &s.in);
    if (!st)
        st = rd_body_room(c, l.scanned, sizeof(*s.stack), &s.stack);
    if (st)
        return st;
    for (size_t i = 0; i < l.carried; i++)
        s.now[i] = *c->in[2 + i];
    for (more = go; trip < trips && more && !st; trip++) {
        st = loop_trip(c, &l, &s, trip, &go);
        more = go || !asked; /* without a condition to begin with, the body's says nothing */
    }
    for (size_t k = 0; k < (size_t)c->node->n_outputs && !st; k++) {
        if (!c->out[k])
            continue;
        if (k >= l.carried) {
            st = rd_body_stacked(c, &s.stack[k - l.carried], l.body, 1 + k);
            if (!st)
                c->flow->give(c, (int)k, &s.stack[k - l.carried].all);
            continue;
        }
        if (!trip) { /* the inputs, unchanged */
            st = c->flow->make(c, s.now[k].dtype, s.now[k].dim, s.now[k].ndim, &s.now[k]);
            if (!st)
                memcpy(s.now[k].data, c->in[2 + k]->data, rd_tensor_bytes(&s.now[k]));
        }
        if (!st)
            c->flow->give(c, (int)k, &s.now[k]);
    }
    return st;
}

static rd_status loop_backward(struct rd_op_call *c)
{
    const struct rd_tensor **dout;
    struct rd_tensor *grad, *din, *slice;
    struct loop l;
    rd_status st = loop_of(c, &l);
    size_t runs = c->flow->runs(c);

    if (!st)
        st = rd_body_room(c, l.body->n_outputs, sizeof(const struct rd_tensor *), &dout);
    if (!st)
        st = rd_body_room(c, 2 + l.carried, sizeof(*din), &din);
    if (!st)
        st = rd_body_room(c, l.carried, sizeof(*grad), &grad);
    if (!st)
        st = rd_body_room(c, l.scanned, sizeof(*slice), &slice);
    if (st)
        return st;
    for (size_t i = 0; i < l.carried; i++) { /* data NULL: zero */
        const struct rd_tensor *from = i < (size_t)c->node->n_outputs ? c->dout[i] : NULL;

        grad[i] = from ? *from : (struct rd_tensor){ .ndim = -1 };
    }
    for (size_t t = runs; t-- > 0 && !st;) {
        for (size_t i = 0; i < l.carried; i++)
            dout[1 + i] = grad[i].data ? &grad[i] : NULL;
        for (size_t i = 0; i < l.scanned; i++) {
            const size_t k = l.carried + i;
            const struct rd_tensor *from = k < (size_t)c->node->n_outputs ? c->dout[k] : NULL;

            dout[1 + k] = from ? &slice[i] : NULL;
            if (!from)
                continue;
            slice[i] = *c->flow->value(c, t, true, 1 + k);
            slice[i].data = (char *)from->data + t * rd_tensor_bytes(&slice[i]);
        }
        st = c->flow->back(c, t, dout, din);
        for (size_t i = 0; i < l.carried && !st; i++) {
            if (t + 1 < runs)
                c->flow->drop(c, &grad[i]);
            grad[i] = din[2 + i];
        }
    }
    for (size_t i = 0; i < l.carried && !st; i++)
        if (c->din[2 + i] && grad[i].data)
            rd_grad_add(c->din[2 + i], &grad[i]);
    return st;
}

static const struct rd_op_attr loop_attrs[] = {
    { "body", RD_ATTR_GRAPH, 0, 0, true },
    { 0 },
};

const struct rd_op rd_op_loop = {
    .op = "Loop",
    .domain = "",
    .since = 1,
    .min_in = 0,
    .max_in = -1,
    .min_out = 0,
    .max_out = -1,
    .in_type = { RD_T_I64, RD_T(RD_BOOL), ANY_VALUE },
    .attrs = loop_attrs,
    .infer = loop_infer,
    .forward = loop_forward,
    .backward = loop_backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = rd_body_flops,
    .random = true,
    .control = true,
    .formal = loop_formal,
    .carried = loop_carried,
};
