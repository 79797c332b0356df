/*
 * op_pad.c - Pad: more (or, with negative numbers, fewer) elements at both ends of each axis.
 *
 * PyTorch writes it in front of an average pool whose padding counts. The numbers are an attribute
 * before opset 11, an input from there on, for chosen axes from opset 18 on.
 */
#include "graph/op.h"

#include <string.h>

static const int64_t LARGEST = (int64_t)1 << 40;

struct pad {
    bool known;
    int64_t begin[RD_MAX_DIMS], end[RD_MAX_DIMS];
};

static bool mode_is(const struct rd_op_call *c, const char *mode)
{
    return rd_op_attr(c->node, "mode") ? rd_op_str_is(c->node, "mode", mode)
                                       : !strcmp(mode, "constant");
}

static int64_t entry(const struct rd_tensor *t, size_t i)
{
    int64_t wide;
    int32_t narrow;

    if (t->dtype == RD_I64) {
        memcpy(&wide, (const char *)t->data + i * sizeof(wide), sizeof(wide));
        return wide;
    }
    memcpy(&narrow, (const char *)t->data + i * sizeof(narrow), sizeof(narrow));
    return narrow;
}

static rd_status pads_of(const struct rd_op_call *c, struct pad *p)
{
    const int rank = c->in[0]->ndim;
    const struct rd_tensor *pads = rd_op_in(c, 1), *axes = rd_op_in(c, 3);
    int64_t axis[RD_MAX_DIMS];
    bool seen[RD_MAX_DIMS] = { false };
    size_t given;
    const int64_t *old = rd_op_ints(c->node, c->node->opset < 2 ? "paddings" : "pads", &given);
    int n = rank;
    rd_status st;

    *p = (struct pad){ .known = true };
    if (c->node->opset >= 11) {
        if (!pads)
            return RD_FAIL(c->err, RD_E_INPUT, "the pads (input 1) are missing");
        if (!pads->data || (axes && !axes->data)) {
            p->known = false;
            return RD_OK;
        }
        given = rd_tensor_count(pads);
    }
    for (int i = 0; i < rank; i++)
        axis[i] = i;
    if (axes) {
        st = rd_op_values(c, axes, "the axes", axis, &n);
        if (st)
            return st;
    }
    if (given != 2 * (size_t)n || (c->node->opset < 11 && !old))
        return RD_FAIL(
            c->err, RD_E_INPUT, "%zu pads for %d axes; two for each are needed", given, n);
    for (int i = 0; i < n; i++) {
        int k;

        st = rd_op_axis(c, axis[i], rank, false, &k);
        if (st)
            return st;
        if (seen[k])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", k);
        seen[k] = true;
        p->begin[k] = c->node->opset < 11 ? old[i] : entry(pads, (size_t)i);
        p->end[k] = c->node->opset < 11 ? old[i + n] : entry(pads, (size_t)i + (size_t)n);
        if (p->begin[k] > LARGEST || p->begin[k] < -LARGEST || p->end[k] > LARGEST ||
            p->end[k] < -LARGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "the pads %lld and %lld of axis %d are too large",
                (long long)p->begin[k], (long long)p->end[k], k);
    }
    return RD_OK;
}

bool rd_op_pad_zeros(const struct rd_op_call *c, int64_t *begin, int64_t *end)
{
    const struct rd_tensor *value = rd_op_in(c, 2);
    struct pad p;

    if (!mode_is(c, "constant") || pads_of(c, &p) || !p.known)
        return false;
    if (value) {
        float v = 1;

        if (value->dtype == RD_F32 && rd_tensor_count(value) == 1)
            memcpy(&v, value->data, sizeof v);
        if (v != 0)
            return false;
    } else if (rd_op_float(c->node, "value", 0) != 0) {
        return false;
    }
    for (int i = 0; i < c->in[0]->ndim; i++) {
        begin[i] = p.begin[i];
        end[i] = p.end[i];
    }
    return true;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *value = rd_op_in(c, 2);
    const bool reflect = mode_is(c, "reflect"), wrap = mode_is(c, "wrap");
    struct rd_tensor *out = c->out[0];
    struct pad p;
    rd_status st;

    /* wrap came with opset 19; PyTorch writes it into models of 18 too. */
    if (!mode_is(c, "constant") && !reflect && !mode_is(c, "edge") && !wrap)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'mode' must be constant, reflect, edge or wrap");
    if (c->node->opset < 11 && c->node->n_inputs > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "Pad takes one input before opset 11");
    if (c->node->opset < 18 && c->node->n_inputs > 3)
        return RD_FAIL(c->err, RD_E_INPUT, "Pad takes no axes before opset 18");
    if (value && (value->dtype != x->dtype || rd_tensor_count(value) != 1))
        return RD_FAIL(
            c->err, RD_E_INPUT, "the padding value must be one %s", rd_dtype_name(x->dtype));
    st = pads_of(c, &p);
    if (st)
        return st;
    rd_op_same_shape(out, x);
    for (int i = 0; i < x->ndim; i++) {
        const int64_t d = x->dim[i], most = reflect ? d - 1 : d;

        if (!p.known || (d == -1 && (p.begin[i] || p.end[i]))) {
            out->dim[i] = -1;
            continue;
        }
        if (d == -1)
            continue;
        if (d > LARGEST || d + p.begin[i] + p.end[i] < 0)
            return RD_FAIL(c->err, RD_E_INPUT, "pads %lld and %lld do not fit axis %d of size %lld",
                (long long)p.begin[i], (long long)p.end[i], i, (long long)d);
        if ((reflect || wrap) && (p.begin[i] > most || p.end[i] > most))
            return RD_FAIL(c->err, RD_E_INPUT,
                "axis %d of size %lld cannot be continued by %lld and %lld", i, (long long)d,
                (long long)p.begin[i], (long long)p.end[i]);
        if (d == 0 && d + p.begin[i] + p.end[i] > 0 && !mode_is(c, "constant"))
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is empty: it has no edge to repeat", i);
        out->dim[i] = d + p.begin[i] + p.end[i];
    }
    return RD_OK;
}

/* Where each output place of each axis comes from; -1: the padding value. */
struct map {
    int64_t *at[RD_MAX_DIMS];
};

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 0;

    for (int i = 0; i < c->out[0]->ndim; i++)
        n += ((size_t)c->out[0]->dim[i] * sizeof(int64_t) + 63) / 64 * 64;
    return n;
}

static struct map map_of(struct rd_op_call *c)
{
    const bool constant = mode_is(c, "constant"), reflect = mode_is(c, "reflect"),
               wrap = mode_is(c, "wrap");
    struct map m;
    struct pad p;

    (void)pads_of(c, &p); /* infer has accepted it */
    for (int i = 0; i < c->out[0]->ndim; i++) {
        const int64_t n = c->in[0]->dim[i];

        m.at[i] = rd_op_take(c, (size_t)c->out[0]->dim[i] * sizeof(int64_t));
        for (int64_t o = 0; o < c->out[0]->dim[i]; o++) {
            int64_t k = o - p.begin[i];

            if (k < 0 || k >= n) {
                if (constant)
                    k = -1;
                else if (reflect)
                    k = k < 0 ? -k : 2 * (n - 1) - k;
                else if (wrap)
                    k = k < 0 ? k + n : k - n;
                else
                    k = k < 0 ? 0 : n - 1;
            }
            m.at[i][o] = k;
        }
    }
    return m;
}

/* A line is what lies along the last axis: its length, and how many there are. */
static size_t line_length(const struct rd_op_call *c)
{
    return c->out[0]->ndim ? (size_t)c->out[0]->dim[c->out[0]->ndim - 1] : 1;
}

/* Place in the input where output line number `row` (mixed radix) comes from; -1: padding. */
static int64_t line_source(const struct rd_op_call *c, const struct map *m, size_t row)
{
    int64_t place = 0, step = c->in[0]->ndim ? c->in[0]->dim[c->in[0]->ndim - 1] : 1;

    for (int i = c->out[0]->ndim - 2; i >= 0; i--) {
        const int64_t k = m->at[i][row % (size_t)c->out[0]->dim[i]];

        row /= (size_t)c->out[0]->dim[i];
        if (k < 0)
            return -1;
        place += k * step;
        step *= c->in[0]->dim[i];
    }
    return place;
}

/* Where each place of a line comes from. */
static const int64_t *along(const struct rd_op_call *c, const struct map *m)
{
    static const int64_t first = 0;

    return c->out[0]->ndim ? m->at[c->out[0]->ndim - 1] : &first;
}

static rd_status forward(struct rd_op_call *c)
{
    const size_t size = rd_dtype_size(c->in[0]->dtype), n = rd_tensor_count(c->out[0]);
    const size_t length = line_length(c);
    const struct rd_tensor *value = rd_op_in(c, 2);
    const struct map m = map_of(c);
    const int64_t *at = along(c, &m);
    const char *from = c->in[0]->data;
    char *to = c->out[0]->data;
    struct rd_tensor one = { .dtype = c->in[0]->dtype, .ndim = 0 };
    _Alignas(8) char fill[8] = { 0 };

    one.data = fill;
    if (value)
        memcpy(fill, value->data, size);
    else if (c->node->opset < 11)
        rd_op_narrow(&(double){ (double)rd_op_float(c->node, "value", 0) }, &one, false);
    for (size_t row = 0; length && row < n / length; row++) {
        const int64_t line = line_source(c, &m, row);

        for (size_t i = 0; i < length; to += size) {
            size_t run = 1;

            if (line < 0 || at[i] < 0) {
                memcpy(to, fill, size);
                i++;
                continue;
            }
            while (i + run < length && at[i + run] == at[i] + (int64_t)run)
                run++;
            memcpy(to, from + (size_t)(line + at[i]) * size, run * size);
            to += (run - 1) * size;
            i += run;
        }
    }
    return RD_OK;
}

/* What came from the input goes back to it, the rest to the value. */
static rd_status backward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->out[0]), length = line_length(c);
    const struct map m = map_of(c);
    const int64_t *at = along(c, &m);
    struct rd_tensor *const dx = c->din[0], *const dv = rd_op_in(c, 2) ? c->din[2] : NULL;
    double value = 0;

    for (size_t row = 0; length && row < n / length; row++) {
        const int64_t line = line_source(c, &m, row);

        for (size_t i = 0; i < length; i++) {
            const size_t o = row * length + i;
            const bool from_input = line >= 0 && at[i] >= 0;

            if (c->dout[0]->dtype == RD_F32) {
                const float g = ((const float *)c->dout[0]->data)[o];

                if (from_input && dx)
                    ((float *)dx->data)[line + at[i]] += g;
                value += from_input ? 0 : (double)g;
            } else {
                const double g = ((const double *)c->dout[0]->data)[o];

                if (from_input && dx)
                    ((double *)dx->data)[line + at[i]] += g;
                value += from_input ? 0 : g;
            }
        }
    }
    if (dv && dv->dtype == RD_F32)
        *(float *)dv->data += (float)value;
    else if (dv)
        *(double *)dv->data += value;
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    struct pad p;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0] && !pads_of(c, &p) && p.known && !p.begin[0] && !p.end[0];
}

static const struct rd_op_attr attrs[] = {
    { "mode", RD_ATTR_STRING, 1, 0, false },
    { "pads", RD_ATTR_INTS, 2, 10, false },
    { "paddings", RD_ATTR_INTS, 1, 1, false },
    { "value", RD_ATTR_FLOAT, 1, 10, false },
    { 0 },
};

const struct rd_op rd_op_pad = {
    .op = "Pad",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_ANY, RD_T_I64, RD_T_ANY, RD_T(RD_I32) | RD_T_I64 },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 1 | 4,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
