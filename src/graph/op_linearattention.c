/*
 * op_linearattention.c - LinearAttention: attention as a recurrence over a matrix, word by word.
 *
 *   A = exp(g) S;  u = v, or with a delta rule beta (v - A^T k);  S' = A + k u^T;  o = scale S'^T q
 *
 * query (batch, words, heads * dk), key (batch, words, kv * dk), value (batch, words, kv * dv), S
 * (batch, kv, dk, dv), decay g (batch, words, kv * dk or kv), beta (batch, words, kv or 1); heads
 * is a multiple of kv. All float types, in float64, rounded once. Backward keeps every
 * sqrt(words)-th state and computes those between again. Source: the operator's document; Yang et
 * al. 2024, arXiv:2412.06464.
 */
#include "graph/op.h"

#include <math.h>
#include <string.h>

struct linear {
    size_t batch, words, heads, kv, dk, dv;
    size_t decay_wide, beta_wide; /* of a word; 0: there is none */
    bool delta;
    double scale;
    size_t apart; /* words from one kept state to the next */
};

static bool same(int64_t a, int64_t b)
{
    return a == b || a < 0 || b < 0;
}

static bool rule_is(const struct rd_op_call *c, const char *rule)
{
    return rd_op_attr(c->node, "update_rule") ? rd_op_str_is(c->node, "update_rule", rule)
                                              : !strcmp(rule, "gated_delta");
}

static rd_status check_rule(const struct rd_op_call *c)
{
    const bool gated = rule_is(c, "gated") || rule_is(c, "gated_delta");
    const bool delta = rule_is(c, "delta") || rule_is(c, "gated_delta");

    if (!gated && !delta && !rule_is(c, "linear"))
        return RD_FAIL(c->err, RD_E_INPUT,
            "attribute 'update_rule' is not linear, gated, delta or gated_delta");
    if (gated && !rd_op_in(c, 4))
        return RD_FAIL(c->err, RD_E_INPUT, "the gated rules need the input 'decay'");
    if (delta && !rd_op_in(c, 5))
        return RD_FAIL(c->err, RD_E_INPUT, "the delta rules need the input 'beta'");
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const int64_t heads = rd_op_int(c->node, "q_num_heads", 0);
    const int64_t kv = rd_op_int(c->node, "kv_num_heads", 0);
    const struct rd_tensor *q = c->in[0], *k = c->in[1], *v = c->in[2], *past = rd_op_in(c, 3);
    const struct rd_tensor *decay = rd_op_in(c, 4), *beta = rd_op_in(c, 5);
    int64_t dk, dv;
    char a[120];
    rd_status st = check_rule(c);

    if (st)
        return st;
    if (kv < 1 || heads < 1 || heads % kv || heads > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "%lld heads of the query are no multiple of %lld",
            (long long)heads, (long long)kv);
    for (int i = 0; i < 6; i++)
        if (i != 3 && rd_op_in(c, i) &&
            (c->in[i]->ndim != 3 || !same(c->in[i]->dim[0], q->dim[0]) ||
                !same(c->in[i]->dim[1], q->dim[1])))
            return RD_FAIL(c->err, RD_E_INPUT, "input %d of shape %s does not fit the query", i,
                rd_shape_text(c->in[i]->dim, c->in[i]->ndim, a, sizeof(a)));
    dk = q->dim[2] < 0 ? -1 : q->dim[2] / heads;
    dv = v->dim[2] < 0 ? -1 : v->dim[2] / kv;
    if ((dk >= 0 && (q->dim[2] % heads || !same(k->dim[2], dk * kv))) ||
        (dv >= 0 && v->dim[2] % kv))
        return RD_FAIL(c->err, RD_E_INPUT,
            "%lld, %lld and %lld numbers cannot be split into %lld and %lld heads",
            (long long)q->dim[2], (long long)k->dim[2], (long long)v->dim[2], (long long)heads,
            (long long)kv);
    if (decay && !same(decay->dim[2], kv) && dk >= 0 && decay->dim[2] != dk * kv)
        return RD_FAIL(c->err, RD_E_INPUT, "decay has %lld numbers a word, not %lld or %lld",
            (long long)decay->dim[2], (long long)kv, (long long)(dk * kv));
    if (beta && !same(beta->dim[2], kv) && beta->dim[2] != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "beta has %lld numbers a word, not %lld or 1",
            (long long)beta->dim[2], (long long)kv);
    if (dv > INT32_MAX || dk > INT32_MAX)
        return RD_FAIL(c->err, RD_E_LIMIT, "heads of %lld and %lld numbers are too large",
            (long long)dk, (long long)dv);
    if (past && (past->ndim != 4 || !same(past->dim[0], q->dim[0]) || !same(past->dim[1], kv) ||
                    !same(past->dim[2], dk) || !same(past->dim[3], dv)))
        return RD_FAIL(c->err, RD_E_INPUT, "past_state of shape %s does not fit",
            rd_shape_text(past->dim, past->ndim, a, sizeof(a)));
    /* Inputs without elements may have any dims, but the states are of their products. */
    if (dk > 0 && dv > 0 && q->dim[0] >= 0 && q->dim[1] >= 0 &&
        ((double)q->dim[0] * (double)kv + (double)q->dim[1]) * (double)dk * (double)dv > 1e14)
        return RD_FAIL(c->err, RD_E_LIMIT, "states of %lld times %lld are too large", (long long)dk,
            (long long)dv);
    rd_op_same_shape(c->out[0], q);
    c->out[0]->dim[2] = dv < 0 ? -1 : dv * heads;
    if (rd_op_out(c, 1))
        *c->out[1] = (struct rd_tensor){ .dtype = past ? past->dtype : q->dtype,
            .ndim = 4,
            .dim = { q->dim[0], kv, dk, dv },
            .data = c->out[1]->data };
    return RD_OK;
}

static struct linear linear_of(const struct rd_op_call *c)
{
    const struct rd_tensor *q = c->in[0], *v = c->in[2];
    const float scale = rd_op_float(c->node, "scale", 0);
    struct linear l = { .batch = (size_t)q->dim[0],
        .words = (size_t)q->dim[1],
        .heads = (size_t)rd_op_int(c->node, "q_num_heads", 1),
        .kv = (size_t)rd_op_int(c->node, "kv_num_heads", 1),
        .delta = rule_is(c, "delta") || rule_is(c, "gated_delta") };

    l.dk = (size_t)q->dim[2] / l.heads;
    l.dv = (size_t)v->dim[2] / l.kv;
    l.decay_wide = rule_is(c, "gated") || rule_is(c, "gated_delta") ? (size_t)c->in[4]->dim[2] : 0;
    l.beta_wide = l.delta ? (size_t)c->in[5]->dim[2] : 0;
    l.scale = scale != 0 ? (double)scale : 1 / sqrt((double)(l.dk ? l.dk : 1));
    l.apart = (size_t)ceil(sqrt((double)l.words));
    l.apart = l.apart ? l.apart : 1;
    return l;
}

/* The inputs as doubles, or (backward) their gradients; NULL: not there. */
struct values {
    double *q, *k, *v, *state, *decay, *beta;
};

struct word { /* where a word's numbers of a kv head begin */
    size_t q, k, v, decay, beta, out;
    size_t decay_step; /* 0: one for the whole head */
};

static struct word word_of(const struct linear *l, size_t b, size_t t, size_t h)
{
    const size_t w = b * l->words + t;
    const bool each = l->decay_wide == l->kv * l->dk;

    return (struct word){ .q = (w * l->heads + h * (l->heads / l->kv)) * l->dk,
        .k = (w * l->kv + h) * l->dk,
        .v = (w * l->kv + h) * l->dv,
        .decay = w * l->decay_wide + (each ? h * l->dk : h),
        .beta = w * l->beta_wide + (l->beta_wide == l->kv ? h : 0),
        .out = (w * l->heads + h * (l->heads / l->kv)) * l->dv,
        .decay_step = each };
}

/* to = A + k u^T of from; u is left in u, A in a when that is not NULL. */
static void step(const struct linear *l, const struct values *x, const struct word *w,
    const double *from, double *to, double *u, double *a)
{
    for (size_t i = 0; i < l->dk; i++) {
        const double by = l->decay_wide ? exp(x->decay[w->decay + i * w->decay_step]) : 1;

        for (size_t j = 0; j < l->dv; j++)
            to[i * l->dv + j] = from[i * l->dv + j] * by;
    }
    if (a)
        memcpy(a, to, l->dk * l->dv * sizeof(*a));
    for (size_t j = 0; j < l->dv; j++)
        u[j] = x->v[w->v + j];
    for (size_t i = 0; i < l->dk && l->delta; i++)
        for (size_t j = 0; j < l->dv; j++)
            u[j] -= to[i * l->dv + j] * x->k[w->k + i];
    for (size_t j = 0; j < l->dv && l->delta; j++)
        u[j] *= x->beta[w->beta];
    for (size_t i = 0; i < l->dk; i++)
        for (size_t j = 0; j < l->dv; j++)
            to[i * l->dv + j] += x->k[w->k + i] * u[j];
}

static struct values widen(struct rd_op_call *c)
{
    const double *p[6];
    struct values v;

    for (int i = 0; i < 6; i++)
        p[i] = rd_op_in(c, i) ? rd_op_wide(c, c->in[i]) : NULL;
    memcpy(&v, p, sizeof(v)); /* read only */
    return v;
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct linear l = linear_of(c);
    const size_t state = l.dk * l.dv;
    size_t n = 64 * 32 + (2 * l.dv + 2 * state) * sizeof(double);

    for (int i = 0; i < c->node->n_inputs; i++)
        n += rd_op_in(c, i) ? (c->din ? 2 : 1) * rd_op_wide_size(c->in[i]) : 0;
    if (c->din) {
        for (int k = 0; k < c->node->n_outputs; k++)
            n += rd_op_wide_size(c->dout[k]);
        return n + (l.words / l.apart + l.apart + 4) * state * sizeof(double);
    }
    return n + (l.batch * l.words * l.heads * l.dv + l.batch * l.kv * state) * sizeof(double);
}

static rd_status forward(struct rd_op_call *c)
{
    const struct linear l = linear_of(c);
    const struct values x = widen(c);
    const size_t state = l.dk * l.dv, shared = l.heads / l.kv;
    double *y = rd_op_take(c, l.batch * l.words * l.heads * l.dv * sizeof(*y));
    double *last = rd_op_take(c, l.batch * l.kv * state * sizeof(*last));
    double *u = rd_op_take(c, l.dv * sizeof(*u));

    memset(y, 0, l.batch * l.words * l.heads * l.dv * sizeof(*y));
    memset(last, 0, l.batch * l.kv * state * sizeof(*last));
    if (x.state)
        memcpy(last, x.state, l.batch * l.kv * state * sizeof(*last));
    for (size_t at = 0; at < l.batch * l.kv; at++) {
        double *const s = last + at * state;

        for (size_t t = 0; t < l.words; t++) {
            const struct word w = word_of(&l, at / l.kv, t, at % l.kv);

            step(&l, &x, &w, s, s, u, NULL);
            for (size_t h = 0; h < shared; h++)
                for (size_t i = 0; i < l.dk; i++)
                    for (size_t j = 0; j < l.dv; j++)
                        y[w.out + h * l.dv + j] +=
                            l.scale * x.q[w.q + h * l.dk + i] * s[i * l.dv + j];
        }
    }
    if (c->out[0])
        rd_op_narrow(y, c->out[0], false);
    if (rd_op_out(c, 1))
        rd_op_narrow(last, c->out[1], false);
    return RD_OK;
}

/* Through one word: ds, d loss / d S', becomes that of S. from: S; to: S' computed again. */
static void step_back(const struct linear *l, const struct values *x, const struct values *d,
    const struct word *w, const double *dy, const double *from, double *to, double *a, double *u,
    double *du, double *ds)
{
    const size_t shared = l->heads / l->kv;
    const double beta = l->delta ? x->beta[w->beta] : 1;

    step(l, x, w, from, to, u, a);
    memset(du, 0, l->dv * sizeof(*du));
    for (size_t i = 0; i < l->dk; i++)
        for (size_t j = 0; j < l->dv; j++) {
            const size_t at = i * l->dv + j;

            for (size_t h = 0; h < shared && dy; h++) {
                ds[at] += l->scale * x->q[w->q + h * l->dk + i] * dy[w->out + h * l->dv + j];
                d->q[w->q + h * l->dk + i] += l->scale * to[at] * dy[w->out + h * l->dv + j];
            }
            d->k[w->k + i] += ds[at] * u[j];
            du[j] += ds[at] * x->k[w->k + i];
        }
    for (size_t j = 0; j < l->dv; j++)
        d->v[w->v + j] += beta * du[j];
    for (size_t j = 0; j < l->dv && l->delta; j++) {
        double left = x->v[w->v + j]; /* v - A^T k, which u is beta times */

        for (size_t i = 0; i < l->dk; i++)
            left -= a[i * l->dv + j] * x->k[w->k + i];
        d->beta[w->beta] += du[j] * left;
    }
    for (size_t i = 0; i < l->dk; i++) {
        const double by = l->decay_wide ? exp(x->decay[w->decay + i * w->decay_step]) : 1;

        for (size_t j = 0; j < l->dv; j++) {
            const size_t at = i * l->dv + j;

            if (l->delta) {
                ds[at] -= x->k[w->k + i] * beta * du[j];
                d->k[w->k + i] -= a[at] * beta * du[j];
            }
            if (l->decay_wide)
                d->decay[w->decay + i * w->decay_step] += ds[at] * a[at];
            ds[at] *= by;
        }
    }
}

static rd_status backward(struct rd_op_call *c)
{
    const struct linear l = linear_of(c);
    const struct values x = widen(c);
    const size_t state = l.dk * l.dv, kept = l.words / l.apart + 1;
    const double *dy = c->dout[0] ? rd_op_wide(c, c->dout[0]) : NULL;
    const double *dlast = c->node->n_outputs > 1 && c->dout[1] ? rd_op_wide(c, c->dout[1]) : NULL;
    double *mark = rd_op_take(c, kept * state * sizeof(*mark));
    double *run = rd_op_take(c, (l.apart + 1) * state * sizeof(*run));
    double *a = rd_op_take(c, state * sizeof(*a)), *ds = rd_op_take(c, state * sizeof(*ds));
    double *u = rd_op_take(c, l.dv * sizeof(*u)), *du = rd_op_take(c, l.dv * sizeof(*du));
    double *grad[6] = { NULL };
    struct values d;

    for (int i = 0; i < 6; i++)
        if (rd_op_in(c, i)) {
            grad[i] = rd_op_take(c, rd_op_wide_size(c->in[i]));
            memset(grad[i], 0, rd_tensor_count(c->in[i]) * sizeof(*grad[i]));
        }
    memcpy(&d, grad, sizeof(d));
    for (size_t at = 0; at < l.batch * l.kv; at++) {
        const size_t b = at / l.kv, h = at % l.kv;

        memset(run, 0, state * sizeof(*run));
        if (x.state)
            memcpy(run, x.state + at * state, state * sizeof(*run));
        for (size_t t = 0; t < l.words; t++) {
            const struct word w = word_of(&l, b, t, h);

            if (t % l.apart == 0)
                memcpy(mark + t / l.apart * state, run, state * sizeof(*mark));
            step(&l, &x, &w, run, run, u, NULL);
        }
        memset(ds, 0, state * sizeof(*ds));
        if (dlast)
            memcpy(ds, dlast + at * state, state * sizeof(*ds));
        for (size_t end = l.words; end > 0;) {
            const size_t first = (end - 1) / l.apart * l.apart;

            memcpy(run, mark + first / l.apart * state, state * sizeof(*run));
            for (size_t t = first; t + 1 < end; t++) {
                const struct word w = word_of(&l, b, t, h);
                double *const from = run + (t - first) * state;

                step(&l, &x, &w, from, from + state, u, NULL);
            }
            for (; end > first; end--) {
                const struct word w = word_of(&l, b, end - 1, h);
                double *const from = run + (end - 1 - first) * state;

                step_back(&l, &x, &d, &w, dy, from, from + state, a, u, du, ds);
            }
        }
        for (size_t i = 0; i < state && d.state; i++)
            d.state[at * state + i] += ds[i];
    }
    for (int i = 0; i < 6; i++)
        if (rd_op_din(c, i))
            rd_op_narrow(grad[i], c->din[i], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    const struct linear l = linear_of(c);

    return (double)l.batch * (double)l.words * (double)l.dk * (double)l.dv *
           (6 * (double)l.kv + 2 * (double)l.heads);
}

static bool rows_alone(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 0; i < c->node->n_inputs; i++)
        if (rd_op_in(c, i) && !batched[i])
            return false;
    return true;
}

static const struct rd_op_attr attrs[] = {
    { "q_num_heads", RD_ATTR_INT, 27, 0, true },
    { "kv_num_heads", RD_ATTR_INT, 27, 0, true },
    { "scale", RD_ATTR_FLOAT, 27, 0, false },
    { "update_rule", RD_ATTR_STRING, 27, 0, false },
    { "chunk_size", RD_ATTR_INT, 27, 0, false }, /* how to compute, not what */
    { 0 },
};

const struct rd_op rd_op_linearattention = {
    .op = "LinearAttention",
    .domain = "",
    .since = 27,
    .min_in = 3,
    .max_in = 6,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FLOAT },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 0x3f,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows_alone,
};
