/*
 * op_flexattention.c - FlexAttention of ai.onnx.preview: attention whose scores and probabilities a
 * subgraph may change.
 *
 *   Y = prob_mod(softmax(score_mod(Q K^T scale))) V
 *
 * Q (batch, heads, length, size), K and V (batch, kv heads, kv length, ...); heads is a multiple of
 * kv heads, and each of those serves a run of neighbors. Scores and probabilities are float32, or
 * float64 when Q is; sums are float64. Source: the operator's document.
 */
#include "graph/op_body.h"

#include <math.h>
#include <string.h>

struct flex {
    size_t batch, heads, shared, n, m, size, wide; /* shared: query heads of one kv head */
    double scale;
    enum rd_dtype dtype;                 /* of scores */
    const struct rd_graph *score, *prob; /* NULL: none */
};

static const struct rd_graph *mod(const struct rd_op_call *c, const char *name)
{
    return rd_op_attr(c->node, name) ? rd_body_of(c, name) : NULL;
}

static enum rd_dtype score_type(const struct rd_op_call *c)
{
    const int64_t asked = rd_op_int(c->node, "softmax_precision", 0);

    return asked ? (enum rd_dtype)asked : c->in[0]->dtype == RD_F64 ? RD_F64 : RD_F32;
}

static rd_status check(const struct rd_op_call *c)
{
    const enum rd_dtype type = score_type(c);
    const struct rd_tensor *q = c->in[0], *k = c->in[1], *v = c->in[2];
    char a[120], b[120];
    bool fits = true;

    if (type != RD_F32 && type != RD_F64)
        return RD_FAIL(c->err, RD_E_INPUT, "softmax_precision %d is not supported", (int)type);
    for (int i = 0; i < 3; i++)
        if (c->in[i]->ndim >= 0 && c->in[i]->ndim != 4)
            return RD_FAIL(
                c->err, RD_E_INPUT, "input %d has %d dimensions instead of 4", i, c->in[i]->ndim);
    if (q->ndim < 0 || k->ndim < 0 || v->ndim < 0)
        return RD_OK;
    for (int d = 0; d < 3 && fits; d++)
        fits = (k->dim[d] == v->dim[d] || k->dim[d] < 0 || v->dim[d] < 0) &&
               (d || q->dim[d] == k->dim[d] || q->dim[d] < 0 || k->dim[d] < 0);
    fits = fits && (q->dim[3] == k->dim[3] || q->dim[3] < 0 || k->dim[3] < 0);
    if (fits && q->dim[1] >= 0 && k->dim[1] >= 0)
        fits = k->dim[1] > 0 ? q->dim[1] % k->dim[1] == 0 : q->dim[1] == 0;
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "Q of shape %s and K of shape %s (and V) do not fit",
            rd_shape_text(q->dim, 4, a, sizeof(a)), rd_shape_text(k->dim, 4, b, sizeof(b)));
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    static const char *const name[] = { "score_mod", "prob_mod" };
    struct rd_tensor *out = c->out[0];
    rd_status st = check(c);

    for (int i = 0; i < 2 && !st; i++)
        if (mod(c, name[i]))
            st = rd_body_fits(c, mod(c, name[i]), name[i], 1, 1);
    out->dtype = c->in[0]->dtype;
    if (st || c->in[0]->ndim < 0 || c->in[2]->ndim < 0)
        return st;
    out->ndim = 4;
    for (int d = 0; d < 4; d++)
        out->dim[d] = c->in[d < 3 ? 0 : 2]->dim[d];
    return RD_OK;
}

static void formal(
    const struct rd_op_call *c, const struct rd_graph *body, size_t i, struct rd_tensor *out)
{
    (void)body;
    (void)i;
    if (!c->in[0]->dtype)
        return;
    out->dtype = score_type(c);
    if (c->in[0]->ndim != 4 || c->in[1]->ndim != 4)
        return;
    out->ndim = 4;
    for (int d = 0; d < 4; d++)
        out->dim[d] = d < 3 ? c->in[0]->dim[d] : c->in[1]->dim[2];
}

static rd_status flex_of(struct rd_op_call *c, struct flex *f, const double *wide[3])
{
    const int64_t *q = c->in[0]->dim, *k = c->in[1]->dim, *v = c->in[2]->dim;
    rd_status st = check(c);

    if (st)
        return st;
    *f = (struct flex){ .batch = (size_t)q[0],
        .heads = (size_t)q[1],
        .shared = k[1] ? (size_t)(q[1] / k[1]) : 1,
        .n = (size_t)q[2],
        .m = (size_t)k[2],
        .size = (size_t)q[3],
        .wide = (size_t)v[3],
        .dtype = score_type(c),
        .score = mod(c, "score_mod"),
        .prob = mod(c, "prob_mod") };
    f->scale = rd_op_attr(c->node, "scale") ? (double)rd_op_float(c->node, "scale", 1)
                                            : 1 / sqrt((double)(f->size ? f->size : 1));
    c->scratch_size = 64;
    for (int i = 0; i < 3; i++)
        c->scratch_size += rd_op_wide_size(c->in[i]);
    st = rd_body_room(c, c->scratch_size, 1, &c->scratch);
    for (int i = 0; i < 3 && !st; i++)
        wide[i] = rd_op_wide(c, c->in[i]);
    return st;
}

static double get(const struct rd_tensor *t, size_t i)
{
    return t->dtype == RD_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static void set(struct rd_tensor *t, size_t i, double v)
{
    if (t->dtype == RD_F64)
        ((double *)t->data)[i] = v;
    else
        ((float *)t->data)[i] = (float)v;
}

/* Row r of all heads of Q; the row of K and V that its head reads begins at the result. */
static size_t keys_of(const struct flex *f, size_t r)
{
    const size_t head = r / f->n % f->heads, batch = r / f->n / f->heads;

    return (batch * (f->heads / f->shared) + head / f->shared) * f->m;
}

static rd_status scores(
    struct rd_op_call *c, const struct flex *f, const double *const wide[3], struct rd_tensor *s)
{
    const int64_t dim[] = { c->in[0]->dim[0], c->in[0]->dim[1], c->in[0]->dim[2],
        c->in[1]->dim[2] };
    rd_status st = c->flow->make(c, f->dtype, dim, 4, s);

    for (size_t r = 0; r < f->batch * f->heads * f->n && !st; r++)
        for (size_t j = 0; j < f->m; j++) {
            const double *q = wide[0] + r * f->size, *k = wide[1] + (keys_of(f, r) + j) * f->size;
            double sum = 0;

            for (size_t i = 0; i < f->size; i++)
                sum += q[i] * k[i];
            set(s, r * f->m + j, sum * f->scale);
        }
    return st;
}

/* Softmax along the last axis into p, of the same shape. A row of -infinity alone gives NaN. */
static rd_status soften(
    struct rd_op_call *c, const struct flex *f, const struct rd_tensor *s, struct rd_tensor *p)
{
    rd_status st = c->flow->make(c, s->dtype, s->dim, 4, p);

    for (size_t r = 0; r < f->batch * f->heads * f->n && !st; r++) {
        double top = -HUGE_VAL, sum = 0;

        for (size_t j = 0; j < f->m; j++)
            top = fmax(top, get(s, r * f->m + j));
        for (size_t j = 0; j < f->m; j++)
            sum += exp(get(s, r * f->m + j) - top);
        for (size_t j = 0; j < f->m; j++)
            set(p, r * f->m + j, exp(get(s, r * f->m + j) - top) / sum);
    }
    return st;
}

/* t becomes what the body makes of it. */
static rd_status modify(
    struct rd_op_call *c, const struct rd_graph *body, const char *name, struct rd_tensor *t)
{
    struct rd_tensor *out;
    const struct rd_tensor *in[] = { t };
    rd_status st = rd_body_fits(c, body, name, 1, 1);

    if (!st)
        st = rd_body_room(c, body->n_outputs, sizeof(*out), &out);
    if (!st)
        st = c->flow->run(c, body, in, out);
    if (!st && (out[0].dtype != t->dtype || out[0].ndim != 4 ||
                   memcmp(out[0].dim, t->dim, sizeof(*t->dim) * 4)))
        st = RD_FAIL(c->err, RD_E_INPUT, "it changes type or shape");
    if (st)
        return RD_WRAP(c->err, st, "in its %s", name);
    c->flow->drop(c, t);
    *t = out[0];
    return RD_OK;
}

static rd_status forward(struct rd_op_call *c)
{
    const double *wide[3];
    struct rd_tensor s, p, y;
    struct flex f;
    double *row;
    int64_t dim[4];
    rd_status st = flex_of(c, &f, wide);

    if (!st)
        st = scores(c, &f, wide, &s);
    if (!st && f.score)
        st = modify(c, f.score, "score_mod", &s);
    if (!st)
        st = soften(c, &f, &s, &p);
    if (!st && f.prob)
        st = modify(c, f.prob, "prob_mod", &p);
    if (!st)
        st = rd_body_room(c, f.wide, sizeof(*row), &row);
    memcpy(dim, c->in[0]->dim, sizeof(dim));
    dim[3] = c->in[2]->dim[3];
    if (!st)
        st = c->flow->make(c, c->in[0]->dtype, dim, 4, &y);
    for (size_t r = 0; r < f.batch * f.heads * f.n && !st; r++) {
        struct rd_tensor part = { .dtype = y.dtype, .ndim = 1, .dim = { (int64_t)f.wide } };

        part.data = (char *)y.data + r * rd_tensor_bytes(&part);
        memset(row, 0, f.wide * sizeof(*row));
        for (size_t j = 0; j < f.m; j++)
            for (size_t i = 0; i < f.wide; i++)
                row[i] += get(&p, r * f.m + j) * wide[2][(keys_of(&f, r) + j) * f.wide + i];
        rd_op_narrow(row, &part, false);
    }
    if (!st)
        c->flow->give(c, 0, &y);
    return st;
}

/* Through a body: d loss / d its input. grad becomes that. */
static rd_status through(
    struct rd_op_call *c, const struct rd_graph *body, size_t run, struct rd_tensor *grad)
{
    const struct rd_tensor **dout;
    struct rd_tensor din = { .ndim = -1 };
    rd_status st = rd_body_room(c, body->n_outputs, sizeof(const struct rd_tensor *), &dout);

    if (st)
        return st;
    dout[0] = grad;
    st = c->flow->back(c, run, dout, &din);
    if (!st) {
        c->flow->drop(c, grad);
        *grad = din;
    }
    return st;
}

static rd_status backward(struct rd_op_call *c)
{
    const double *wide[3];
    struct rd_tensor s, p, g;
    struct flex f;
    rd_status st = flex_of(c, &f, wide);

    if (!st)
        st = scores(c, &f, wide, &s);
    if (!st)
        st = soften(c, &f, f.score ? c->flow->value(c, 0, true, 0) : &s, &p);
    if (!st)
        st = c->flow->make(c, p.dtype, p.dim, 4, &g);
    for (size_t r = 0; r < f.batch * f.heads * f.n && !st; r++)
        for (size_t j = 0; j < f.m; j++) {
            const struct rd_tensor *after =
                f.prob ? c->flow->value(c, f.score ? 1 : 0, true, 0) : &p;
            const size_t key = (keys_of(&f, r) + j) * f.wide;
            double sum = 0;

            for (size_t i = 0; i < f.wide; i++) {
                const double dy = get(c->dout[0], r * f.wide + i);

                sum += dy * wide[2][key + i];
                if (c->din[2])
                    set(c->din[2], key + i, get(c->din[2], key + i) + dy * get(after, r * f.m + j));
            }
            set(&g, r * f.m + j, sum);
        }
    if (!st && f.prob)
        st = through(c, f.prob, f.score ? 1 : 0, &g);
    for (size_t r = 0; r < f.batch * f.heads * f.n && !st; r++) {
        double sum = 0;

        for (size_t j = r * f.m; j < (r + 1) * f.m; j++)
            sum += get(&g, j) * get(&p, j);
        for (size_t j = r * f.m; j < (r + 1) * f.m; j++)
            set(&g, j, get(&p, j) * (get(&g, j) - sum));
    }
    if (!st && f.score)
        st = through(c, f.score, 0, &g);
    for (size_t r = 0; r < f.batch * f.heads * f.n && !st; r++)
        for (size_t j = 0; j < f.m; j++)
            for (size_t i = 0; i < f.size; i++) {
                const double d = get(&g, r * f.m + j) * f.scale;
                const size_t q = r * f.size + i, k = (keys_of(&f, r) + j) * f.size + i;

                if (c->din[0])
                    set(c->din[0], q, get(c->din[0], q) + d * wide[1][k]);
                if (c->din[1])
                    set(c->din[1], k, get(c->din[1], k) + d * wide[0][q]);
            }
    return st;
}

static double flops(const struct rd_op_call *c)
{
    const struct rd_tensor *q = c->in[0], *k = c->in[1], *v = c->in[2];

    return q->ndim != 4 || k->ndim != 4 || v->ndim != 4
               ? 0
               : 2 * (double)q->dim[0] * (double)q->dim[1] * (double)q->dim[2] * (double)k->dim[2] *
                     ((double)q->dim[3] + (double)v->dim[3] + 4);
}

static const struct rd_op_attr attrs[] = {
    { "score_mod", RD_ATTR_GRAPH, 0, 0, false },
    { "prob_mod", RD_ATTR_GRAPH, 0, 0, false },
    { "scale", RD_ATTR_FLOAT, 0, 0, false },
    { "softmax_precision", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_flexattention = {
    .op = "FlexAttention",
    .domain = "ai.onnx.preview",
    .since = 1,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 6,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = flops,
    .random = true,
    .control = true,
    .formal = formal,
};
