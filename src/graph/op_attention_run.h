/*
 * op_attention_run.h - Attention forward and backward for one arithmetic (op_real_f32.h or
 * op_real_f64.h, included before). Head by head: two matrix products and a softmax between them;
 * backward computes the scores again instead of keeping them.
 *
 *   S = scale Q K^T;  C = softcap tanh(S / softcap);  Z = C + bias;  P = softmax(Z);  Y = P V
 *
 * A row whose bias is -infinity everywhere has P = 0. Source: the operator's document.
 */

struct NAME(heads) { /* where the heads of a tensor are: rows `step` apart */
    REAL *p;
    size_t batch, head, step;
};

static struct NAME(heads)
    NAME(heads_of)(const REAL *p, bool flat, size_t heads, size_t words, size_t size)
{
    struct NAME(heads) h = { .batch = heads * words * size,
        .head = flat ? size : words * size,
        .step = flat ? heads * size : size };

    memcpy(&h.p, &p, sizeof(p)); /* read only where p is */
    return h;
}

static REAL *NAME(head)(const struct NAME(heads) * t, size_t b, size_t h)
{
    return t->p + b * t->batch + h * t->head;
}

/* Past and fresh words of K or V as (batch, kv, m, size): into to. */
static void NAME(join)(
    const struct rd_attention *a, const REAL *past, const REAL *fresh, size_t size, REAL *to)
{
    const struct NAME(heads) from = NAME(heads_of)(fresh, a->flat, a->kv, a->fresh, size);

    for (size_t b = 0; b < a->batch; b++)
        for (size_t h = 0; h < a->kv; h++, to += a->m * size) {
            if (a->past)
                memcpy(to, past + (b * a->kv + h) * a->past * size, a->past * size * sizeof(*to));
            for (size_t j = 0; j < a->fresh; j++)
                memcpy(to + (a->past + j) * size, NAME(head)(&from, b, h) + j * from.step,
                    size * sizeof(*to));
        }
}

/* The same back: adds to past and fresh, either may be NULL. */
static void NAME(part)(
    const struct rd_attention *a, const REAL *from, size_t size, REAL *past, REAL *fresh)
{
    const struct NAME(heads) to = NAME(heads_of)(fresh, a->flat, a->kv, a->fresh, size);

    for (size_t b = 0; b < a->batch; b++)
        for (size_t h = 0; h < a->kv; h++, from += a->m * size) {
            for (size_t i = 0; i < a->past * size && past; i++)
                past[(b * a->kv + h) * a->past * size + i] += from[i];
            for (size_t i = 0; i < a->fresh * size && fresh; i++)
                NAME(head)(&to, b, h)[i / size * to.step + i % size] += from[a->past * size + i];
        }
}

struct NAME(parts) {
    struct NAME(heads) q, k, v;
    const double *mask;
    double *bias; /* m */
    REAL *s, *p;  /* (n, m): C, and P */
};

/* Fills s and p of a head; shown: output 3 there, or NULL. */
static void NAME(soften)(const struct rd_op_call *c, const struct rd_attention *a,
    const struct NAME(parts) * t, size_t b, size_t h, REAL *shown)
{
    const size_t served = h / (a->heads / a->kv), bytes = a->m * sizeof(REAL);
    const REAL scale = (REAL)a->scale, cap = (REAL)a->softcap;

    memset(t->s, 0, a->n * bytes);
    NAME(gemm)
    (c, a->n, a->m, a->size, NAME(head)(&t->q, b, h), t->q.step, false,
        NAME(head)(&t->k, b, served), t->k.step, true, t->s, a->m);
    for (size_t i = 0; i < a->n; i++) {
        REAL *const s = t->s + i * a->m, *const p = t->p + i * a->m;
        REAL *const show = shown ? shown + i * a->m : NULL;
        const bool any = rd_attention_bias(c, a, t->mask, b, h, i, t->bias);
        REAL top = -HUGE_VALF, sum = 0;

        for (size_t j = 0; j < a->m; j++)
            s[j] *= scale;
        if (show && a->mode == RD_QK_RAW)
            memcpy(show, s, bytes);
        for (size_t j = 0; j < a->m && cap > 0; j++)
            s[j] = cap * TANH(s[j] / cap);
        if (show && a->mode == RD_QK_CAPPED)
            memcpy(show, s, bytes);
        for (size_t j = 0; j < a->m; j++) { /* whatever a masked score is, it is masked */
            p[j] = isinf(t->bias[j]) && t->bias[j] < 0 ? (REAL)-HUGE_VALF : s[j] + (REAL)t->bias[j];
            top = p[j] > top || p[j] != p[j] ? p[j] : top;
        }
        if (show && a->mode == RD_QK_BIASED)
            memcpy(show, p, bytes);
        for (size_t j = 0; j < a->m && any; j++)
            sum += p[j] = EXP(p[j] - top);
        for (size_t j = 0; j < a->m; j++)
            p[j] = any ? p[j] / sum : 0;
        if (show && a->mode == RD_QK_SOFTMAX)
            memcpy(show, p, bytes);
    }
}

/* Q, K and V with the past joined, whole where an output or the past asks for it. */
static struct NAME(parts)
    NAME(gather)(struct rd_op_call *c, const struct rd_attention *a, REAL *key, REAL *value)
{
    const REAL *q = NAME(read)(c, c->in[0]), *k = NAME(read)(c, c->in[1]);
    const REAL *v = NAME(read)(c, c->in[2]);
    const REAL *pk = NAME(read)(c, rd_op_in(c, 4)), *pv = NAME(read)(c, rd_op_in(c, 5));
    struct NAME(parts) t = { .q = NAME(heads_of)(q, a->flat, a->heads, a->n, a->size),
        .mask = rd_op_in(c, 3) ? rd_op_wide(c, c->in[3]) : NULL };

    if (a->past && !key)
        key = rd_op_take(c, a->batch * a->kv * a->m * a->size * sizeof(*key));
    if (a->past && !value)
        value = rd_op_take(c, a->batch * a->kv * a->m * a->wide * sizeof(*value));
    if (key)
        NAME(join)(a, pk, k, a->size, key);
    if (value)
        NAME(join)(a, pv, v, a->wide, value);
    t.k = NAME(heads_of)(key ? key : k, a->flat && !key, a->kv, a->m, a->size);
    t.v = NAME(heads_of)(value ? value : v, a->flat && !value, a->kv, a->m, a->wide);
    t.bias = rd_op_take(c, a->m * sizeof(*t.bias));
    t.s = rd_op_take(c, a->n * a->m * sizeof(*t.s));
    t.p = rd_op_take(c, a->n * a->m * sizeof(*t.p));
    return t;
}

rd_status NAME(rd_attention_forward)(struct rd_op_call *c)
{
    const struct rd_attention a = rd_attention_of(c);
    REAL *y = NAME(result)(c, rd_op_out(c, 0)), *key = NAME(result)(c, rd_op_out(c, 1));
    REAL *value = NAME(result)(c, rd_op_out(c, 2)), *shown = NAME(result)(c, rd_op_out(c, 3));
    const struct NAME(parts) t = NAME(gather)(c, &a, key, value);
    const struct NAME(heads) out = NAME(heads_of)(y, a.flat, a.heads, a.n, a.wide);

    if (y)
        memset(y, 0, rd_tensor_count(c->out[0]) * sizeof(*y));
    for (size_t b = 0; b < a.batch; b++)
        for (size_t h = 0; h < a.heads; h++) {
            NAME(soften)(c, &a, &t, b, h, shown ? shown + (b * a.heads + h) * a.n * a.m : NULL);
            if (y)
                NAME(gemm)
            (c, a.n, a.wide, a.m, t.p, a.m, false, NAME(head)(&t.v, b, h / (a.heads / a.kv)),
                t.v.step, false, NAME(head)(&out, b, h), out.step);
        }
    NAME(finish)(y, rd_op_out(c, 0));
    NAME(finish)(key, rd_op_out(c, 1));
    NAME(finish)(value, rd_op_out(c, 2));
    NAME(finish)(shown, rd_op_out(c, 3));
    return RD_OK;
}

/* d comes in as the cotangent of P and becomes that of S times scale; shown: of output 3. */
static void NAME(scores_back)(const struct rd_attention *a, const struct NAME(parts) * t,
    const REAL *shown, size_t b, size_t h, double *dmask, REAL *d)
{
    const REAL cap = (REAL)a->softcap, scale = (REAL)a->scale;

    for (size_t i = 0; i < a->n; i++) {
        REAL *const row = d + i * a->m;
        const REAL *const p = t->p + i * a->m, *const s = t->s + i * a->m;
        const REAL *const more = shown ? shown + i * a->m : NULL;
        REAL along = 0;

        for (size_t j = 0; j < a->m; j++) {
            row[j] += more && a->mode == RD_QK_SOFTMAX ? more[j] : 0;
            along += row[j] * p[j];
        }
        for (size_t j = 0; j < a->m; j++) {
            REAL v = p[j] * (row[j] - along);

            v += more && a->mode == RD_QK_BIASED ? more[j] : 0;
            if (dmask && j < a->mask[3])
                dmask[b * a->mask_step[0] + h * a->mask_step[1] + i * a->mask_step[2] +
                      j * a->mask_step[3]] += (double)v;
            v += more && a->mode == RD_QK_CAPPED ? more[j] : 0;
            v *= cap > 0 ? 1 - s[j] / cap * (s[j] / cap) : 1;
            v += more && a->mode == RD_QK_RAW ? more[j] : 0;
            row[j] = v * scale;
        }
    }
}

static REAL *NAME(cleared)(struct rd_op_call *c, size_t n)
{
    REAL *p = rd_op_take(c, n * sizeof(*p));

    memset(p, 0, n * sizeof(*p));
    return p;
}

rd_status NAME(rd_attention_backward)(struct rd_op_call *c)
{
    const struct rd_attention a = rd_attention_of(c);
    const struct NAME(parts) t = NAME(gather)(c, &a, NULL, NULL);
    const REAL *dout[4] = { NULL, NULL, NULL, NULL };
    REAL *const dkey = NAME(cleared)(c, a.batch * a.kv * a.m * a.size);
    REAL *const dvalue = NAME(cleared)(c, a.batch * a.kv * a.m * a.wide);
    REAL *const d = rd_op_take(c, a.n * a.m * sizeof(*d));
    REAL *grad[6] = { NULL };
    double *dmask = NULL;
    const struct NAME(heads) dk = NAME(heads_of)(dkey, false, a.kv, a.m, a.size);
    const struct NAME(heads) dv = NAME(heads_of)(dvalue, false, a.kv, a.m, a.wide);
    struct NAME(heads) dy, dq;

    for (int k = 0; k < c->node->n_outputs; k++)
        dout[k] = NAME(read)(c, c->dout[k]);
    for (int i = 0; i < 6; i++)
        grad[i] = i != 3 && rd_op_din(c, i) ? NAME(cleared)(c, rd_tensor_count(c->din[i])) : NULL;
    if (rd_op_din(c, 3)) {
        dmask = rd_op_take(c, rd_op_wide_size(c->din[3]));
        memset(dmask, 0, rd_tensor_count(c->din[3]) * sizeof(*dmask));
    }
    dy = NAME(heads_of)(dout[0], a.flat, a.heads, a.n, a.wide);
    dq = NAME(heads_of)(grad[0], a.flat, a.heads, a.n, a.size);
    for (size_t i = 0; i < a.batch * a.kv * a.m * a.size && dout[1]; i++)
        dkey[i] = dout[1][i];
    for (size_t i = 0; i < a.batch * a.kv * a.m * a.wide && dout[2]; i++)
        dvalue[i] = dout[2][i];
    for (size_t at = 0; at < a.batch * a.heads; at++) {
        const size_t b = at / a.heads, h = at % a.heads, served = h / (a.heads / a.kv);

        NAME(soften)(c, &a, &t, b, h, NULL);
        memset(d, 0, a.n * a.m * sizeof(*d));
        if (dout[0]) {
            NAME(gemm)
            (c, a.n, a.m, a.wide, NAME(head)(&dy, b, h), dy.step, false,
                NAME(head)(&t.v, b, served), t.v.step, true, d, a.m);
            NAME(gemm)
            (c, a.m, a.wide, a.n, t.p, a.m, true, NAME(head)(&dy, b, h), dy.step, false,
                NAME(head)(&dv, b, served), dv.step);
        }
        NAME(scores_back)
        (&a, &t, dout[3] ? dout[3] + at * a.n * a.m : NULL, b, h, dmask, d);
        if (grad[0])
            NAME(gemm)
        (c, a.n, a.size, a.m, d, a.m, false, NAME(head)(&t.k, b, served), t.k.step, false,
            NAME(head)(&dq, b, h), dq.step);
        NAME(gemm)
        (c, a.m, a.size, a.n, d, a.m, true, NAME(head)(&t.q, b, h), t.q.step, false,
            NAME(head)(&dk, b, served), dk.step);
    }
    NAME(part)(&a, dkey, a.size, grad[4], grad[1]);
    NAME(part)(&a, dvalue, a.wide, grad[5], grad[2]);
    for (int i = 0; i < 6; i++)
        if (grad[i])
            NAME(add)(grad[i], c->din[i]);
    if (dmask)
        rd_op_narrow(dmask, c->din[3], true);
    return RD_OK;
}
