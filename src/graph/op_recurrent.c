/*
 * op_recurrent.c - RNN, GRU, LSTM: the rows. What they compute is in op_recurrent_run.h.
 *
 * X (steps, batch, in), W (directions, gates * size, in), R (directions, gates * size, size), B
 * (directions, 2 * gates * size), lengths (batch) int32, initial h and c (directions, batch, size),
 * P (directions, 3 * size) -> Y (steps, directions, batch, size), the last h and c as the first.
 * layout 1 puts the batch in front of X, Y and the states. A sequence that ends early has zeros in
 * Y behind its end; its reverse direction begins at its own last step. Gates in the order of the
 * documents: GRU z r h, LSTM i o f c. `clip` bounds what goes into every activation.
 */
#include "graph/op_recurrent.h"

#include "tensor/kernel.h"
#include "tensor/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- activations --- */

static const struct {
    const char *name;
    bool alpha, beta; /* it takes one from the lists */
    double alpha_otherwise, beta_otherwise;
} acts[RD_CELL_ACTS] = {
    [RD_CELL_SIGMOID] = { "sigmoid", false, false, 0, 0 },
    [RD_CELL_TANH] = { "tanh", false, false, 0, 0 },
    [RD_CELL_RELU] = { "relu", false, false, 0, 0 },
    [RD_CELL_AFFINE] = { "affine", true, true, 1, 0 },
    [RD_CELL_LEAKY] = { "leakyrelu", true, false, (double)0.01f, 0 },
    [RD_CELL_THRESHOLDED] = { "thresholdedrelu", true, false, 1, 0 },
    [RD_CELL_SCALED_TANH] = { "scaledtanh", true, true, 1, 1 },
    [RD_CELL_HARD_SIGMOID] = { "hardsigmoid", true, true, (double)0.2f, 0.5 },
    [RD_CELL_ELU] = { "elu", true, false, 1, 0 },
    [RD_CELL_SOFTSIGN] = { "softsign", false, false, 0, 0 },
    [RD_CELL_SOFTPLUS] = { "softplus", false, false, 0, 0 },
};

/* Exporters write Tanh, tanh and TANH: case does not matter. */
static bool is_named(const char *text, size_t len, const char *name)
{
    if (len != strlen(name))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]) != name[i])
            return false;
    return true;
}

static enum rd_cell cell_of(const struct rd_op_call *c)
{
    return c->node->op[0] == 'L' ? RD_CELL_LSTM : c->node->op[0] == 'G' ? RD_CELL_GRU : RD_CELL_RNN;
}

static size_t functions(enum rd_cell cell)
{
    return cell == RD_CELL_LSTM ? 3 : cell == RD_CELL_GRU ? 2 : 1;
}

/* The functions of all directions; false: a name is unknown, its index in *bad. */
static bool read_acts(const struct rd_op_call *c, enum rd_cell cell, size_t dirs,
    struct rd_cell_function act[2][3], size_t *bad)
{
    const struct rd_attr *list = rd_op_attr(c->node, "activations");
    const struct rd_attr *alphas = rd_op_attr(c->node, "activation_alpha");
    const struct rd_attr *betas = rd_op_attr(c->node, "activation_beta");
    const size_t n = functions(cell);
    size_t alpha = 0, beta = 0;

    for (size_t i = 0; i < dirs * n; i++) {
        struct rd_cell_function *const f = &act[i / n][i % n];
        int kind = cell != RD_CELL_RNN && i % n == 0 ? RD_CELL_SIGMOID : RD_CELL_TANH;

        for (kind = list && list->n ? 0 : kind; list && list->n && kind < RD_CELL_ACTS; kind++)
            if (is_named(list->strings[i], list->strings_len[i], acts[kind].name))
                break;
        *bad = i;
        if (kind == RD_CELL_ACTS)
            return false;
        f->kind = (enum rd_cell_act)kind;
        f->alpha = acts[kind].alpha && alphas && alpha < alphas->n ? (double)alphas->floats[alpha++]
                                                                   : acts[kind].alpha_otherwise;
        f->beta = acts[kind].beta && betas && beta < betas->n ? (double)betas->floats[beta++]
                                                              : acts[kind].beta_otherwise;
    }
    return true;
}

static size_t dirs_of(const struct rd_op_call *c)
{
    return rd_op_str_is(c->node, "direction", "bidirectional") ? 2 : 1;
}

/* --- shapes --- */

static bool fits(int64_t a, int64_t b)
{
    return a == b || a == -1 || b == -1;
}

/* Input i, if there, has n dims, each as wanted or free. */
static rd_status expect(
    const struct rd_op_call *c, int i, const char *name, int n, const int64_t *dim)
{
    const struct rd_tensor *t = rd_op_in(c, i);
    char a[120], b[120];
    bool ok = t && t->ndim == n;

    if (!t)
        return RD_OK;
    for (int d = 0; d < n && ok; d++)
        ok = fits(t->dim[d], dim[d]);
    if (ok)
        return RD_OK;
    return RD_FAIL(c->err, RD_E_INPUT, "%s has the shape %s instead of %s", name,
        rd_shape_text(t->dim, t->ndim, a, sizeof(a)), rd_shape_text(dim, n, b, sizeof(b)));
}

static rd_status check_attributes(const struct rd_op_call *c, size_t dirs, int64_t size)
{
    const struct rd_attr *list = rd_op_attr(c->node, "activations");
    const struct rd_attr *clip = rd_op_attr(c->node, "clip");
    const size_t n = dirs * functions(cell_of(c));
    struct rd_cell_function act[2][3];
    const int64_t asked = rd_op_int(c->node, "hidden_size", size);
    size_t bad;

    if (rd_op_attr(c->node, "direction") && dirs == 1 &&
        !rd_op_str_is(c->node, "direction", "forward") &&
        !rd_op_str_is(c->node, "direction", "reverse"))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'direction' is not forward, reverse or bidirectional");
    if (rd_op_int(c->node, "layout", 0) != 0 && rd_op_int(c->node, "layout", 0) != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'layout' is %lld instead of 0 or 1",
            (long long)rd_op_int(c->node, "layout", 0));
    if (!fits(asked, size))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'hidden_size' is %lld, but R is for %lld",
            (long long)asked, (long long)size);
    if (clip && !(clip->f >= 0))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'clip' is %g: it cannot be negative", (double)clip->f);
    if (list && list->n && list->n != n)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'activations' has %zu entries instead of %zu",
            list->n, n);
    if (!read_acts(c, cell_of(c), dirs, act, &bad))
        return RD_FAIL(
            c->err, RD_E_INPUT, "the activation '%.40s' is not supported", list->strings[bad]);
    return RD_OK;
}

/* Lengths lie within the sequence. */
static rd_status check_lengths(const struct rd_op_call *c)
{
    const struct rd_tensor *t = rd_op_in(c, 4);
    const int64_t steps = c->in[0]->dim[rd_op_int(c->node, "layout", 0) ? 1 : 0];

    for (size_t b = 0, n = t && t->data && steps >= 0 ? rd_tensor_count(t) : 0; b < n; b++) {
        const int32_t length = ((const int32_t *)t->data)[b];

        if (length < 0 || length > steps)
            return RD_FAIL(c->err, RD_E_INPUT, "sequence %zu is %d steps long, and X has %lld", b,
                (int)length, (long long)steps);
    }
    return RD_OK;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *r = c->in[2];
    const bool first = rd_op_int(c->node, "layout", 0) == 1;
    const enum rd_cell cell = cell_of(c);
    const int64_t gates = cell == RD_CELL_LSTM ? 4 : cell == RD_CELL_GRU ? 3 : 1;
    const int64_t dirs = (int64_t)dirs_of(c);
    int64_t steps, batch, size, all;
    rd_status st;

    if (x->ndim != 3 || r->ndim != 3)
        return RD_FAIL(
            c->err, RD_E_INPUT, "X has %d dimensions and R has %d; both need 3", x->ndim, r->ndim);
    size = r->dim[2] >= 0 ? r->dim[2] : rd_op_int(c->node, "hidden_size", -1);
    if (size > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "a state of %lld is too large", (long long)size);
    all = size < 0 ? -1 : gates * size;
    steps = x->dim[first ? 1 : 0];
    batch = x->dim[first ? 0 : 1];
    st = check_attributes(c, (size_t)dirs, size);
    if (!st)
        st = expect(c, 1, "W", 3, (const int64_t[]){ dirs, all, x->dim[2] });
    if (!st)
        st = expect(c, 2, "R", 3, (const int64_t[]){ dirs, all, size });
    if (!st)
        st = expect(c, 3, "B", 2, (const int64_t[]){ dirs, all < 0 ? -1 : 2 * all });
    if (!st)
        st = expect(c, 4, "sequence_lens", 1, (const int64_t[]){ batch });
    for (int i = 5; i < 7 && !st; i++)
        st = expect(c, i, i == 5 ? "initial_h" : "initial_c", 3,
            (const int64_t[]){ first ? batch : dirs, first ? dirs : batch, size });
    if (!st)
        st = expect(c, 7, "P", 2, (const int64_t[]){ dirs, size < 0 ? -1 : 3 * size });
    if (!st)
        st = check_lengths(c);
    if (st)
        return st;
    /* An X without elements may have any dims, but the states are of their product. */
    if (steps > 0 && batch > 0 && size > 0 && (double)steps * (double)batch * (double)size > 1e14)
        return RD_FAIL(c->err, RD_E_LIMIT, "%lld steps of %lld states of %lld are too many",
            (long long)steps, (long long)batch, (long long)size);
    for (int k = 0; k < c->node->n_outputs; k++) {
        struct rd_tensor *out = c->out[k];
        const int64_t y[2][4] = { { steps, dirs, batch, size }, { batch, steps, dirs, size } };
        const int64_t h[2][3] = { { dirs, batch, size }, { batch, dirs, size } };

        if (!out)
            continue;
        out->dtype = x->dtype;
        out->ndim = k ? 3 : 4;
        memcpy(out->dim, k ? h[first] : y[first], (size_t)out->ndim * sizeof(*out->dim));
    }
    return RD_OK;
}

struct rd_recurrent rd_recurrent_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const bool first = rd_op_int(c->node, "layout", 0) == 1;
    struct rd_recurrent q = { .cell = cell_of(c),
        .dirs = dirs_of(c),
        .steps = (size_t)x->dim[first ? 1 : 0],
        .batch = (size_t)x->dim[first ? 0 : 1],
        .in = (size_t)x->dim[2],
        .size = (size_t)c->in[2]->dim[2],
        .batch_first = first,
        .backwards = rd_op_str_is(c->node, "direction", "reverse"),
        .linear = rd_op_int(c->node, "linear_before_reset", 0) != 0,
        .coupled = rd_op_int(c->node, "input_forget", 0) != 0,
        .clip = (double)rd_op_float(c->node, "clip", 0) };
    size_t bad;

    q.gates = q.cell == RD_CELL_LSTM ? 4 : q.cell == RD_CELL_GRU ? 3 : 1;
    (void)read_acts(c, q.cell, q.dirs, q.act, &bad);
    q.keep_sums = q.clip > 0;
    for (size_t i = 0; i < q.dirs * functions(q.cell); i++)
        q.keep_sums |= q.act[i / functions(q.cell)][i % functions(q.cell)].kind > RD_CELL_RELU;
    q.math = c->kernels ? c->kernels->math : NULL;
    q.plain = q.clip <= 0 && !q.coupled;
    for (size_t i = 0; i < q.dirs * functions(q.cell); i++)
        q.plain &=
            q.act[i / functions(q.cell)][i % functions(q.cell)].kind ==
            (i % functions(q.cell) || q.cell == RD_CELL_RNN ? RD_CELL_TANH : RD_CELL_SIGMOID);
    q.width = c->kernels ? rd_packed_width(c->kernels, q.size) : q.size;
    q.gates_width = c->kernels ? rd_packed_width(c->kernels, q.gates * q.size) : q.gates * q.size;
    return q;
}

size_t rd_recurrent_state(const struct rd_recurrent *q)
{
    const size_t n = q->steps * q->batch * q->size, row = q->batch * q->size;

    return n * q->gates * (q->keep_sums ? 2 : 1) + n + row + (q->cell == RD_CELL_RNN ? 0 : n) +
           (q->cell == RD_CELL_LSTM ? n + row : 0);
}

/* --- the row's functions --- */

static bool fast(const struct rd_op_call *c)
{
    return c->kernels && c->in[0]->dtype == RD_F32;
}

static size_t real(const struct rd_op_call *c)
{
    return fast(c) ? sizeof(float) : sizeof(double);
}

static size_t saved(const struct rd_op_call *c)
{
    const struct rd_recurrent q = rd_recurrent_of(c);

    return q.dirs * rd_recurrent_state(&q) * real(c);
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct rd_recurrent q = rd_recurrent_of(c);
    const size_t rows = q.steps * q.batch, all = q.gates * q.size;
    size_t n = rows * q.in + all + all * q.width + q.size * q.gates_width + q.size * q.width, bytes;

    n += c->din ? 2 * rows * all + rows * q.in + 4 * q.batch * q.size : rd_recurrent_state(&q);
    bytes = n * real(c) + 64 * 32;
    for (int i = 0; i < c->node->n_inputs; i++)
        if (i != 4 && rd_op_in(c, i))
            bytes += 2 * rd_op_wide_size(c->in[i]);
    for (int k = 0; k < c->node->n_outputs; k++)
        bytes += rd_op_wide_size(c->out[k]);
    for (int k = 0; k < c->node->n_outputs && c->din; k++)
        bytes += rd_op_wide_size(c->dout[k]);
    return bytes;
}

static rd_status forward(struct rd_op_call *c)
{
    rd_status st = check_lengths(c);

    return st ? st : fast(c) ? rd_recurrent_forward_f32(c) : rd_recurrent_forward_f64(c);
}

static rd_status backward(struct rd_op_call *c)
{
    return fast(c) ? rd_recurrent_backward_f32(c) : rd_recurrent_backward_f64(c);
}

static double flops(const struct rd_op_call *c)
{
    const struct rd_recurrent q = rd_recurrent_of(c);

    return (double)q.dirs * (double)q.steps * (double)q.batch * (double)q.gates * (double)q.size *
           (2 * (double)q.in + 2 * (double)q.size + 12);
}

/* Only layout 1 has the batch in front, of the states too. */
static bool rows_alone(const struct rd_op_call *c, const bool *batched)
{
    bool alone = rd_op_int(c->node, "layout", 0) == 1 && batched[0];

    for (int i = 1; i < c->node->n_inputs; i++)
        if (rd_op_in(c, i))
            alone = alone && batched[i] == (i >= 4 && i <= 6);
    return alone;
}

#define COMMON_ATTRS                                                                               \
    { "activations", RD_ATTR_STRINGS, 0, 0, false },                                               \
        { "activation_alpha", RD_ATTR_FLOATS, 0, 0, false },                                       \
        { "activation_beta", RD_ATTR_FLOATS, 0, 0, false },                                        \
        { "clip", RD_ATTR_FLOAT, 0, 0, false }, { "direction", RD_ATTR_STRING, 0, 0, false },      \
        { "hidden_size", RD_ATTR_INT, 0, 0, false },                                               \
    {                                                                                              \
        "layout", RD_ATTR_INT, 14, 0, false                                                        \
    }

static const struct rd_op_attr rnn_attrs[] = { COMMON_ATTRS, { 0 } };
static const struct rd_op_attr gru_attrs[] = {
    COMMON_ATTRS,
    { "linear_before_reset", RD_ATTR_INT, 0, 0, false },
    { 0 },
};
static const struct rd_op_attr lstm_attrs[] = {
    COMMON_ATTRS,
    { "input_forget", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

#define RECURRENT(NAME, ATTRS, INPUTS, OUTPUTS, SAME)                                              \
    {                                                                                              \
        .op = NAME, .domain = "", .since = 7, .min_in = 3, .max_in = INPUTS, .min_out = 0,         \
        .max_out = OUTPUTS,                                                                        \
        .in_type = { RD_T_FLOAT, RD_T_FLOAT, RD_T_FLOAT, RD_T_FLOAT, RD_T(RD_I32), RD_T_FLOAT },   \
        .same = SAME, .attrs = ATTRS, .infer = infer, .forward = forward, .backward = backward,    \
        .grad_in = 0xef, .reads = RD_READS_IN, .scratch = scratch, .saved = saved, .flops = flops, \
        .per_example = rows_alone,                                                                 \
    }

const struct rd_op rd_op_rnn = RECURRENT("RNN", rnn_attrs, 6, 2, 0x2e);
const struct rd_op rd_op_gru = RECURRENT("GRU", gru_attrs, 6, 2, 0x2e);
const struct rd_op rd_op_lstm = RECURRENT("LSTM", lstm_attrs, 8, 3, 0xee);
