/*
 * op_attention.c - Attention: the row. What it computes is in op_attention_run.h.
 *
 * Q (batch, heads, words, size), K and V (batch, kv heads, kv words, ...), or all three (batch,
 * words, heads * size) with q_num_heads and kv_num_heads; attn_mask (bool, or numbers to add) that
 * broadcasts to (batch, heads, words, all words), from opset 24 on with the last axis possibly
 * shorter: what it does not cover is masked; past_key and past_value (batch, kv heads, past words,
 * ...); nonpad_kv_seqlen (batch): words of K behind that are padding. is_causal and the window
 * count from the word's place among all: behind the past, or at the end of what is no padding.
 */
#include "graph/op_attention.h"

#include <math.h>
#include <string.h>

static bool same(int64_t a, int64_t b)
{
    return a == b || a < 0 || b < 0;
}

struct shape { /* as rd_attention, -1: free */
    int64_t batch, heads, kv, n, fresh, past, size, wide;
};

/* Words and numbers of a head of input i. */
static rd_status head_shape(
    const struct rd_op_call *c, int i, int64_t heads, int64_t *count, int64_t *words, int64_t *size)
{
    const struct rd_tensor *t = c->in[i];

    if (t->ndim == 4) {
        *count = t->dim[1];
        *words = t->dim[2];
        *size = t->dim[3];
        return RD_OK;
    }
    if (t->ndim != 3 || c->in[0]->ndim != 3)
        return RD_FAIL(c->err, RD_E_INPUT, "Q, K and V need 3 or 4 dimensions each, all the same");
    if (heads < 1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "inputs of 3 dimensions need the attributes 'q_num_heads' and 'kv_num_heads'");
    if (t->dim[2] >= 0 && t->dim[2] % heads)
        return RD_FAIL(c->err, RD_E_INPUT, "%lld numbers cannot be split into %lld heads",
            (long long)t->dim[2], (long long)heads);
    *count = heads;
    *words = t->dim[1];
    *size = t->dim[2] < 0 ? -1 : t->dim[2] / heads;
    return RD_OK;
}

static rd_status shape_of(const struct rd_op_call *c, struct shape *s)
{
    const int64_t kv = rd_op_int(c->node, "kv_num_heads", 0);
    int64_t heads, words, size;
    rd_status st =
        head_shape(c, 0, rd_op_int(c->node, "q_num_heads", 0), &s->heads, &s->n, &s->size);

    if (!st)
        st = head_shape(c, 1, kv, &s->kv, &s->fresh, &size);
    if (st)
        return st;
    if (!same(s->size, size))
        return RD_FAIL(c->err, RD_E_INPUT, "a head of Q has %lld numbers, one of K %lld",
            (long long)s->size, (long long)size);
    s->size = s->size < 0 ? size : s->size;
    st = head_shape(c, 2, kv, &heads, &words, &s->wide);
    if (st)
        return st;
    s->batch = c->in[0]->dim[0];
    if (c->in[0]->ndim != c->in[1]->ndim || c->in[0]->ndim != c->in[2]->ndim ||
        !same(s->kv, heads) || !same(s->fresh, words) || !same(s->batch, c->in[1]->dim[0]) ||
        !same(s->batch, c->in[2]->dim[0]))
        return RD_FAIL(c->err, RD_E_INPUT, "the shapes of Q, K and V do not fit together");
    if (s->heads >= 0 && s->kv >= 0 && (s->kv ? s->heads % s->kv != 0 : s->heads != 0))
        return RD_FAIL(c->err, RD_E_INPUT, "%lld heads of Q are no multiple of %lld of K",
            (long long)s->heads, (long long)s->kv);
    /* Tensors without elements may have any dims: sums and products of these stay far from 2^63. */
    if (s->heads > INT32_MAX || s->wide > INT32_MAX || s->fresh > INT32_MAX ||
        (rd_op_in(c, 4) && c->in[4]->ndim == 4 && c->in[4]->dim[2] > INT32_MAX))
        return RD_FAIL(c->err, RD_E_LIMIT, "%lld heads of %lld numbers for %lld words are too many",
            (long long)s->heads, (long long)s->wide, (long long)s->fresh);
    s->past = rd_op_in(c, 4) ? c->in[4]->ndim == 4 ? c->in[4]->dim[2] : -2 : 0;
    return RD_OK;
}

static rd_status check_past(const struct rd_op_call *c, const struct shape *s)
{
    char a[120];

    if (!rd_op_in(c, 4) != !rd_op_in(c, 5))
        return RD_FAIL(c->err, RD_E_INPUT, "past_key and past_value come together");
    for (int i = 4; i < 6; i++) {
        const struct rd_tensor *t = rd_op_in(c, i);

        if (t && (t->ndim != 4 || !same(t->dim[0], s->batch) || !same(t->dim[1], s->kv) ||
                     !same(t->dim[2], s->past) || !same(t->dim[3], i == 4 ? s->size : s->wide)))
            return RD_FAIL(c->err, RD_E_INPUT, "%s of shape %s does not fit",
                i == 4 ? "past_key" : "past_value", rd_shape_text(t->dim, t->ndim, a, sizeof(a)));
    }
    return RD_OK;
}

static rd_status check_mask(const struct rd_op_call *c, const struct shape *s)
{
    const struct rd_tensor *t = rd_op_in(c, 3), *words = rd_op_in(c, 6);
    const int64_t all = s->past < 0 || s->fresh < 0 ? -1 : s->past + s->fresh;
    const int64_t want[] = { s->batch, s->heads, s->n, all };
    char a[120], b[120];
    bool fits = !t || (t->ndim >= 1 && t->ndim <= 4);

    for (int d = 1; t && fits && d <= t->ndim; d++) {
        const int64_t v = t->dim[t->ndim - d];

        fits = v == 1 || same(v, want[4 - d]) || (d == 1 && c->node->opset >= 24 && v <= want[3]);
    }
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "attn_mask of shape %s does not fit %s",
            rd_shape_text(t->dim, t->ndim, a, sizeof(a)), rd_shape_text(want, 4, b, sizeof(b)));
    if (words && (words->ndim != 1 || !same(words->dim[0], s->batch)))
        return RD_FAIL(c->err, RD_E_INPUT, "nonpad_kv_seqlen of shape %s does not fit",
            rd_shape_text(words->dim, words->ndim, a, sizeof(a)));
    if (words && rd_op_in(c, 4))
        return RD_FAIL(c->err, RD_E_INPUT, "nonpad_kv_seqlen does not go with past_key");
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const int64_t mode = rd_op_int(c->node, "qk_matmul_output_mode", 0);
    const int64_t precision = rd_op_int(c->node, "softmax_precision", RD_F32);
    const float cap = rd_op_float(c->node, "softcap", 0);
    struct shape s;
    int64_t all;
    rd_status st = shape_of(c, &s);

    if (!st)
        st = check_past(c, &s);
    if (!st)
        st = check_mask(c, &s);
    if (st)
        return st;
    if (mode < 0 || mode > 3)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'qk_matmul_output_mode' is %lld, not 0 to 3",
            (long long)mode);
    if (!(cap >= 0))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'softcap' is %g: it cannot be negative", (double)cap);
    if (precision < 0 || precision > 31 || !(RD_T(precision) & RD_T_FLOAT))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'softmax_precision' %lld is no float type",
            (long long)precision);
    all = s.past < 0 || s.fresh < 0 ? -1 : s.past + s.fresh;
    /* Inputs without elements may have any dims, but scores and keys are of their products. */
    if (all > 0 && s.batch > 0 && s.heads > 0 && s.n >= 0 && s.size >= 0 && s.wide >= 0 &&
        (double)s.batch * (double)s.heads * (double)all *
                ((double)s.n + (double)s.size + (double)s.wide) >
            1e14)
        return RD_FAIL(
            c->err, RD_E_LIMIT, "%lld words for %lld are too many", (long long)all, (long long)s.n);
    for (int k = 0; k < c->node->n_outputs; k++) {
        const int64_t dims[4][4] = { { s.batch, s.heads, s.n, s.wide },
            { s.batch, s.kv, all, s.size }, { s.batch, s.kv, all, s.wide },
            { s.batch, s.heads, s.n, all } };

        if (!c->out[k])
            continue;
        c->out[k]->dtype = c->in[k == 2 ? 2 : 0]->dtype;
        c->out[k]->ndim = 4;
        memcpy(c->out[k]->dim, dims[k], sizeof(dims[k]));
    }
    if (c->in[0]->ndim == 3 && c->out[0]) {
        c->out[0]->ndim = 3;
        c->out[0]->dim[1] = s.n;
        c->out[0]->dim[2] = s.wide < 0 ? -1 : s.heads * s.wide;
    }
    return RD_OK;
}

struct rd_attention rd_attention_of(const struct rd_op_call *c)
{
    const struct rd_tensor *mask = rd_op_in(c, 3);
    struct shape s = { 0 };
    struct rd_attention a;
    size_t step = 1;

    (void)shape_of(c, &s);
    a = (struct rd_attention){ .batch = (size_t)s.batch,
        .heads = (size_t)s.heads,
        .kv = (size_t)s.kv,
        .n = (size_t)s.n,
        .m = (size_t)(s.past + s.fresh),
        .fresh = (size_t)s.fresh,
        .past = (size_t)s.past,
        .size = (size_t)s.size,
        .wide = (size_t)s.wide,
        .softcap = (double)rd_op_float(c->node, "softcap", 0),
        .causal = rd_op_int(c->node, "is_causal", 0) != 0,
        .flat = c->in[0]->ndim == 3,
        .left = rd_op_int(c->node, "left_window_size", -1),
        .right = rd_op_int(c->node, "right_window_size", -1),
        .mode = rd_op_int(c->node, "qk_matmul_output_mode", 0) };
    a.scale = rd_op_attr(c->node, "scale") ? (double)rd_op_float(c->node, "scale", 1)
                                           : 1 / sqrt((double)(a.size ? a.size : 1));
    for (int d = 1; d <= 4; d++) {
        const int64_t v = mask && d <= mask->ndim ? mask->dim[mask->ndim - d] : 1;
        /* from opset 24 on one column is one column, and the others are masked */
        const bool repeats = v == 1 && (d > 1 || c->node->opset < 24);

        a.mask[4 - d] = repeats && d == 1 ? a.m : (size_t)v;
        a.mask_step[4 - d] = repeats ? 0 : step;
        step *= (size_t)v;
    }
    return a;
}

bool rd_attention_bias(const struct rd_op_call *c, const struct rd_attention *a, const double *mask,
    size_t b, size_t h, size_t i, double *bias)
{
    const struct rd_tensor *words = rd_op_in(c, 6);
    const int64_t real = words ? ((const int64_t *)words->data)[b] : (int64_t)a->m;
    const bool choice = mask && c->in[3]->dtype == RD_BOOL;
    /* No length of the file's can overflow these: words beyond K are as K is. */
    const int64_t seen = real > (int64_t)a->m ? (int64_t)a->m : real < 0 ? 0 : real;
    const int64_t place =
        (int64_t)i + (words ? seen - (int64_t)a->n : (int64_t)a->past); /* among all words */
    bool any = false;

    for (size_t j = 0; j < a->m; j++) {
        const int64_t ahead = (int64_t)j - place;
        double v = 0;

        if (mask && j >= a->mask[3])
            v = -HUGE_VAL;
        else if (mask)
            v = mask[b * a->mask_step[0] + h * a->mask_step[1] + i * a->mask_step[2] +
                     j * a->mask_step[3]];
        if (choice && j < a->mask[3])
            v = v != 0 ? 0 : -HUGE_VAL;
        if ((a->causal && ahead > 0) || (a->left >= 0 && -ahead > a->left) ||
            (a->right >= 0 && ahead > a->right) || (int64_t)j >= seen)
            v = -HUGE_VAL;
        bias[j] = v;
        any = any || !(isinf(v) && v < 0);
    }
    return any;
}

static bool fast(const struct rd_op_call *c)
{
    bool all = c->kernels != NULL;

    for (int i = 0; i < c->node->n_inputs; i++)
        all = all && (i == 3 || i == 6 || !rd_op_in(c, i) || c->in[i]->dtype == RD_F32);
    return all;
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct rd_attention a = rd_attention_of(c);
    const size_t key = a.batch * a.kv * a.m * a.size, value = a.batch * a.kv * a.m * a.wide;
    size_t n = 64 * 32 + (a.m + 2 * a.n * a.m + key + value) * sizeof(double);

    if (c->din)
        n += (a.n * a.m + key + value) * sizeof(double);
    for (int i = 0; i < c->node->n_inputs; i++)
        n += rd_op_in(c, i) ? (c->din ? 2 : 1) * rd_op_wide_size(c->in[i]) : 0;
    for (int k = 0; k < c->node->n_outputs; k++)
        n += c->din ? rd_op_wide_size(c->dout[k]) : rd_op_wide_size(c->out[k]);
    return n;
}

static rd_status forward(struct rd_op_call *c)
{
    return fast(c) ? rd_attention_forward_f32(c) : rd_attention_forward_f64(c);
}

static rd_status backward(struct rd_op_call *c)
{
    return fast(c) ? rd_attention_backward_f32(c) : rd_attention_backward_f64(c);
}

static double flops(const struct rd_op_call *c)
{
    const struct rd_attention a = rd_attention_of(c);

    return 2 * (double)a.batch * (double)a.heads * (double)a.n * (double)a.m *
           ((double)a.size + (double)a.wide + 6);
}

static bool rows_alone(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor *mask = rd_op_in(c, 3);

    for (int i = 0; i < c->node->n_inputs; i++)
        if (i != 3 && rd_op_in(c, i) && !batched[i])
            return false;
    return !mask || (batched[3] ? mask->ndim == 4 : mask->ndim < 4 || mask->dim[0] == 1);
}

static const struct rd_op_attr attrs[] = {
    { "is_causal", RD_ATTR_INT, 23, 0, false },
    { "kv_num_heads", RD_ATTR_INT, 23, 0, false },
    { "q_num_heads", RD_ATTR_INT, 23, 0, false },
    { "qk_matmul_output_mode", RD_ATTR_INT, 23, 0, false },
    { "scale", RD_ATTR_FLOAT, 23, 0, false },
    { "softcap", RD_ATTR_FLOAT, 23, 0, false },
    { "softmax_precision", RD_ATTR_INT, 23, 0, false },
    { "left_window_size", RD_ATTR_INT, 25, 0, false },
    { "right_window_size", RD_ATTR_INT, 25, 0, false },
    { 0 },
};

const struct rd_op rd_op_attention = {
    .op = "Attention",
    .domain = "",
    .since = 23,
    .min_in = 3,
    .max_in = 7,
    .min_out = 1,
    .max_out = 4,
    .in_type = { RD_T_FLOAT, RD_T_FLOAT, RD_T_FLOAT, RD_T_NUMBER | RD_T(RD_BOOL), RD_T_FLOAT,
        RD_T_FLOAT, RD_T_I64 },
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
