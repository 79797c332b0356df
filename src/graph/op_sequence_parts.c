/*
 * op_sequence_parts.c - tensors split into sequences and joined again; SequenceMap.
 *
 * Shapes that depend on items are known only when the sequence is there (see op_sequence.c).
 */
#include "graph/op_sequence.h"

#include <string.h>

/* --- SplitToSequence, ConcatFromSequence --- */

struct parts {
    int axis;
    bool keep; /* the axis */
    size_t n;
    int64_t each; /* 0: as split says */
};

/* What SplitToSequence makes; shapes and split are there. */
static rd_status parts_of(const struct rd_op_call *c, struct parts *p)
{
    const struct rd_tensor *t = c->in[0], *split = rd_op_in(c, 1);
    int64_t sum = 0;
    rd_status st = rd_op_axis(c, rd_op_int(c->node, "axis", 0), t->ndim, false, &p->axis);

    if (st)
        return st;
    p->keep = split || rd_op_int(c->node, "keepdims", 1);
    p->each = 1;
    p->n = (size_t)t->dim[p->axis];
    if (!split)
        return too_long(c, p->n);
    if (split->ndim > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "split has %d dimensions", split->ndim);
    p->n = rd_tensor_count(split);
    p->each = 0;
    for (size_t i = 0; i < p->n; i++) {
        const int64_t v = split->dtype == RD_I64 ? ((const int64_t *)split->data)[i]
                                                 : ((const int32_t *)split->data)[i];

        if (v < (split->ndim ? 0 : 1) || __builtin_add_overflow(sum, v, &sum))
            return RD_FAIL(c->err, RD_E_INPUT, "split has the entry %lld", (long long)v);
    }
    if (!split->ndim) {
        p->each = sum;
        p->n = (size_t)(t->dim[p->axis] / sum + (t->dim[p->axis] % sum != 0));
    } else if (sum != t->dim[p->axis]) {
        return RD_FAIL(c->err, RD_E_INPUT, "the parts are %lld together, the axis has %lld",
            (long long)sum, (long long)t->dim[p->axis]);
    }
    return too_long(c, p->n);
}

static rd_status split_infer(struct rd_op_call *c)
{
    struct parts p;
    int axis;

    is_sequence(c->out[0]);
    for (int d = 0; d < c->in[0]->ndim; d++)
        if (c->in[0]->dim[d] < 0)
            return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, &axis);
    return rd_op_in(c, 1) && !c->in[1]->data ? RD_OK : parts_of(c, &p);
}

static void add_run(enum rd_dtype dtype, void *to, const void *from, size_t bytes)
{
    for (size_t i = 0, n = bytes / rd_dtype_size(dtype); i < n; i++)
        if (dtype == RD_F32)
            ((float *)to)[i] += ((const float *)from)[i];
        else if (dtype == RD_F64)
            ((double *)to)[i] += ((const double *)from)[i];
}

/* Moves `wide` slices from `at` on of an axis; both have the other dims in common. */
enum move { OUT, IN, ADD_OUT, ADD_IN };

static void slices(
    const struct rd_tensor *whole, int axis, size_t at, size_t wide, char *part, enum move how)
{
    size_t outer = 1, inner = rd_dtype_size(whole->dtype);
    const size_t axis_size = (size_t)whole->dim[axis];

    for (int d = 0; d < axis; d++)
        outer *= (size_t)whole->dim[d];
    for (int d = axis + 1; d < whole->ndim; d++)
        inner *= (size_t)whole->dim[d];
    for (size_t i = 0; i < outer && inner && wide; i++) {
        char *const in_whole = (char *)whole->data + (i * axis_size + at) * inner;
        char *const in_part = part + i * wide * inner;

        if (how == OUT)
            memcpy(in_part, in_whole, wide * inner);
        else if (how == IN)
            memcpy(in_whole, in_part, wide * inner);
        else if (how == ADD_OUT)
            add_run(whole->dtype, in_part, in_whole, wide * inner);
        else
            add_run(whole->dtype, in_whole, in_part, wide * inner);
    }
}

static rd_status split_forward(struct rd_op_call *c)
{
    const struct rd_tensor *t = c->in[0], *split = rd_op_in(c, 1);
    struct rd_boxed *box;
    struct parts p;
    size_t at = 0;
    rd_status st = parts_of(c, &p);

    if (st)
        return st;
    box = rd_boxed_new(c->text, t->dtype, p.n);
    if (!box)
        return no_memory(c);
    for (size_t i = 0; i < p.n; i++) {
        const size_t left = (size_t)t->dim[p.axis] - at;
        size_t wide = p.each                   ? (size_t)p.each
                      : split->dtype == RD_I64 ? (size_t)((const int64_t *)split->data)[i]
                                               : (size_t)((const int32_t *)split->data)[i];
        int64_t dim[RD_MAX_DIMS];
        int n = 0;

        wide = wide > left ? left : wide;
        for (int d = 0; d < t->ndim; d++)
            if (d != p.axis || p.keep)
                dim[n++] = d == p.axis ? (int64_t)wide : t->dim[d];
        st = rd_tensor_new(c->text, t->dtype, dim, n, NULL, &box->item[i], c->err);
        if (st)
            return st;
        slices(t, p.axis, at, wide, box->item[i]->data, OUT);
        at += wide;
    }
    put_box(c, box);
    return RD_OK;
}

static rd_status split_backward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->dout[0]), *out = rd_boxed_of(c->out[0]);
    struct parts p;
    size_t at = 0;
    rd_status st = parts_of(c, &p);

    for (size_t i = 0; i < out->n && c->din[0] && !st; i++) {
        const size_t wide = p.keep ? (size_t)out->item[i]->dim[p.axis] : 1;

        if (box->item[i])
            slices(c->din[0], p.axis, at, wide, box->item[i]->data, ADD_IN);
        at += wide;
    }
    return st;
}

static rd_status concat_infer(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    const int64_t fresh = rd_op_int(c->node, "new_axis", 0);
    struct rd_tensor *out = c->out[0];
    char a[120], b[120];
    int64_t sum = 0;
    int axis;
    rd_status st;

    if (fresh != 0 && fresh != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "new_axis is 0 or 1, not %lld", (long long)fresh);
    if (!box)
        return RD_OK; /* unknown */
    if (!box->n)
        return RD_FAIL(c->err, RD_E_INPUT, "the sequence is empty");
    if (rd_dtype_is_boxed(box->item_dtype))
        return RD_FAIL(c->err, RD_E_INPUT, "the sequence holds no tensors");
    rd_op_same_shape(out, box->item[0]);
    if (fresh && ++out->ndim > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT, "it has more than %d dimensions", RD_MAX_DIMS);
    st = rd_op_axis(c, rd_op_int(c->node, "axis", 0), out->ndim, false, &axis);
    if (st)
        return st;
    for (size_t i = 0; i < box->n; i++) {
        const struct rd_tensor *t = box->item[i], *first = box->item[0];
        bool same = t->ndim == first->ndim;

        for (int d = 0; same && d < t->ndim; d++)
            same = t->dim[d] == first->dim[d] || (!fresh && d == axis);
        if (!same)
            return RD_FAIL(c->err, RD_E_INPUT, "item %zu has shape %s, item 0 %s", i,
                rd_shape_text(t->dim, t->ndim, a, sizeof(a)),
                rd_shape_text(first->dim, first->ndim, b, sizeof(b)));
        if (__builtin_add_overflow(sum, fresh ? 1 : t->dim[axis], &sum))
            return RD_FAIL(c->err, RD_E_INPUT, "the items are too large together");
    }
    if (fresh)
        for (int d = out->ndim - 1; d > axis; d--)
            out->dim[d] = out->dim[d - 1];
    out->dim[axis] = sum;
    return RD_OK;
}

static rd_status concat_forward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    const bool fresh = rd_op_int(c->node, "new_axis", 0);
    size_t at = 0;
    int axis;
    rd_status st = rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->out[0]->ndim, false, &axis);

    for (size_t i = 0; i < box->n && !st; i++) {
        const size_t wide = fresh ? 1 : (size_t)box->item[i]->dim[axis];

        slices(c->out[0], axis, at, wide, box->item[i]->data, IN);
        at += wide;
    }
    return st;
}

static rd_status concat_backward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    const bool fresh = rd_op_int(c->node, "new_axis", 0);
    size_t at = 0;
    int axis;
    rd_status st = rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->dout[0]->ndim, false, &axis);

    for (size_t i = 0; i < box->n && c->din[0] && !st; i++) {
        const size_t wide = fresh ? 1 : (size_t)box->item[i]->dim[axis];

        st = rd_grad_item(c, c->din[0], i, box->item[i]);
        if (!st)
            slices(c->dout[0], axis, at, wide, rd_boxed_of(c->din[0])->item[i]->data, ADD_OUT);
        at += wide;
    }
    return st;
}

/* --- SequenceMap --- */

static void map_formal(
    const struct rd_op_call *c, const struct rd_graph *body, size_t i, struct rd_tensor *out)
{
    (void)body;
    if (i < (size_t)(c->node->n_inputs - c->node->n_captures) && c->in[i] &&
        c->in[i]->dtype != RD_SEQUENCE) {
        *out = *c->in[i];
        out->data = NULL;
    }
}

static rd_status map_infer(struct rd_op_call *c)
{
    const int n = c->node->n_inputs - c->node->n_captures;

    for (int k = 0; k < c->node->n_outputs; k++)
        is_sequence(c->out[k]);
    for (int i = 0; i < n; i++)
        if (!c->in[i])
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is left out", i);
    return rd_body_fits(c, rd_body_of(c, "body"), "body", (size_t)n, (size_t)c->node->n_outputs);
}

static rd_status map_forward(struct rd_op_call *c)
{
    const struct rd_graph *body = rd_body_of(c, "body");
    const size_t n_in = (size_t)(c->node->n_inputs - c->node->n_captures);
    const struct rd_boxed *first = rd_boxed_of(c->in[0]);
    const struct rd_tensor **in;
    struct rd_boxed **made;
    struct rd_tensor *aligned, *out;
    rd_status st = map_infer(c);

    if (!st)
        st = rd_body_room(c, n_in, sizeof(const struct rd_tensor *), &in);
    if (!st)
        st = rd_body_room(c, n_in, sizeof(*aligned), &aligned);
    if (!st)
        st = rd_body_room(c, body->n_outputs, sizeof(*out), &out);
    if (!st)
        st = rd_body_room(c, (size_t)c->node->n_outputs, sizeof(struct rd_boxed *), &made);
    for (int k = 0; k < c->node->n_outputs && !st; k++) {
        st = c->flow->text(c, first->n * sizeof(struct rd_tensor *));
        made[k] = st ? NULL : rd_boxed_new(c->text, RD_DTYPE_NONE, first->n);
        if (!st && !made[k])
            st = no_memory(c);
        if (!st) {
            struct rd_tensor known;

            rd_body_output(body, (size_t)k, &known);
            made[k]->item_dtype = known.dtype;
        }
    }
    for (size_t i = 1; i < n_in && !st; i++)
        if (rd_boxed_of(c->in[i]) && rd_boxed_of(c->in[i])->n != first->n)
            st = RD_FAIL(c->err, RD_E_INPUT, "input %zu has %zu items, input 0 has %zu", i,
                rd_boxed_of(c->in[i])->n, first->n);
    for (size_t r = 0; r < first->n && !st; r++) {
        for (size_t i = 0; i < n_in; i++) {
            const struct rd_boxed *box =
                c->in[i]->dtype == RD_SEQUENCE ? rd_boxed_of(c->in[i]) : NULL;

            in[i] = box ? box->item[r] : c->in[i];
        }
        st = c->flow->run(c, body, in, out);
        if (st)
            return RD_WRAP(c->err, st, "at item %zu", r);
        for (int k = 0; k < c->node->n_outputs && !st; k++) {
            st = c->flow->text(c, rd_tensor_deep_bytes(&out[k]));
            made[k]->item_dtype = out[k].dtype;
            made[k]->item[r] = st ? NULL : rd_tensor_copy(c->text, &out[k]);
            if (!st && !made[k]->item[r])
                st = no_memory(c);
        }
        for (size_t k = 0; k < body->n_outputs; k++)
            c->flow->drop(c, &out[k]);
    }
    for (int k = 0; k < c->node->n_outputs && !st; k++) {
        struct rd_tensor t;

        if (!c->out[k])
            continue;
        st = c->flow->make(c, RD_SEQUENCE, NULL, 0, &t);
        if (st)
            break;
        memcpy(t.data, &made[k], sizeof(made[k]));
        c->flow->give(c, k, &t);
    }
    return st;
}

static rd_status map_backward(struct rd_op_call *c)
{
    const struct rd_graph *body = rd_body_of(c, "body");
    const size_t n_in = (size_t)(c->node->n_inputs - c->node->n_captures);
    const struct rd_tensor **dout;
    struct rd_tensor *din;
    rd_status st = rd_body_room(c, body->n_outputs, sizeof(const struct rd_tensor *), &dout);

    if (!st)
        st = rd_body_room(c, n_in, sizeof(*din), &din);
    for (size_t r = c->flow->runs(c); r-- > 0 && !st;) {
        for (int k = 0; k < c->node->n_outputs; k++)
            dout[k] = c->dout[k] ? rd_boxed_of(c->dout[k])->item[r] : NULL;
        st = c->flow->back(c, r, dout, din);
        for (size_t i = 0; i < n_in && !st; i++) {
            if (c->din[i] && din[i].data && c->in[i]->dtype == RD_SEQUENCE) {
                st = rd_grad_item(c, c->din[i], r, &din[i]);
                if (!st)
                    rd_grad_add(rd_boxed_of(c->din[i])->item[r], &din[i]);
            } else if (c->din[i] && din[i].data) {
                rd_grad_add(c->din[i], &din[i]);
            }
            c->flow->drop(c, &din[i]);
        }
    }
    return st;
}

/* --- rows --- */

static const struct rd_op_attr split_attrs[] = {
    { "axis", RD_ATTR_INT, 0, 0, false },
    { "keepdims", RD_ATTR_INT, 0, 0, false },
    { 0 },
};
static const struct rd_op_attr concat_attrs[] = {
    { "axis", RD_ATTR_INT, 0, 0, true },
    { "new_axis", RD_ATTR_INT, 0, 0, false },
    { 0 },
};
static const struct rd_op_attr map_attrs[] = { { "body", RD_ATTR_GRAPH, 0, 0, true }, { 0 } };

const struct rd_op rd_op_splittosequence = {
    .op = "SplitToSequence",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { ELEMENT, INDEX },
    .attrs = split_attrs,
    .infer = split_infer,
    .forward = split_forward,
    .backward = split_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = moved,
};

const struct rd_op rd_op_concatfromsequence = {
    .op = "ConcatFromSequence",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_SEQUENCE) },
    .attrs = concat_attrs,
    .infer = concat_infer,
    .forward = concat_forward,
    .backward = concat_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = moved,
};

const struct rd_op rd_op_sequencemap = {
    .op = "SequenceMap",
    .domain = "",
    .since = 17,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = -1,
    .in_type = { RD_T(RD_SEQUENCE), ELEMENT | RD_T(RD_SEQUENCE) },
    .attrs = map_attrs,
    .infer = map_infer,
    .forward = map_forward,
    .backward = map_backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = rd_body_flops,
    .random = true,
    .control = true,
    .formal = map_formal,
};
