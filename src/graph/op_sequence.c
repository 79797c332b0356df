/*
 * op_sequence.c - sequences: made, taken apart, split off tensors and joined again; SequenceMap.
 *
 * A sequence is a box in the run's arena; changing one makes a new box that shares the items. What
 * an operator gives of an item (SequenceAt, ConcatFromSequence) has a shape only when the sequence
 * is there, so while the model is read it stays unknown unless all is constant.
 */
#include "graph/op_body.h"

#include "tensor/boxed.h"

#include <string.h>

enum {
    ITEMS_MOST = 1 << 20,
    ELEMENT = RD_T_ANY | RD_T(RD_STRING),
    INDEX = RD_T_I64 | RD_T(RD_I32)
};

static rd_status no_memory(struct rd_op_call *c)
{
    return RD_FAIL(c->err, RD_E_MEMORY, "no memory for a sequence");
}

static rd_status too_long(const struct rd_op_call *c, size_t n)
{
    return n <= ITEMS_MOST
               ? RD_OK
               : RD_FAIL(c->err, RD_E_LIMIT, "a sequence of %zu items; at most %d are supported", n,
                     ITEMS_MOST);
}

static void is_sequence(struct rd_tensor *out)
{
    out->dtype = RD_SEQUENCE;
    out->ndim = 0;
}

static void put_box(const struct rd_op_call *c, const struct rd_boxed *box)
{
    ((const struct rd_boxed **)c->out[0]->data)[0] = box;
}

/* An item must be of the sequence's type. */
static rd_status check_item(
    struct rd_op_call *c, const struct rd_boxed *box, const struct rd_tensor *t)
{
    if (box->item_dtype && t->dtype && box->item_dtype != t->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "the sequence holds %s, the item is %s",
            rd_dtype_name(box->item_dtype), rd_dtype_name(t->dtype));
    return RD_OK;
}

/* A position in 0..n-1 (..n when one_more) from a scalar; `otherwise` when it is left out. */
static rd_status position(const struct rd_op_call *c, int input, size_t n, bool one_more,
    size_t otherwise, size_t *at_out)
{
    const struct rd_tensor *t = rd_op_in(c, input);
    const int64_t most = (int64_t)n - !one_more;
    int64_t at;
    int32_t narrow;

    *at_out = otherwise;
    if (!t) {
        if (!one_more && !n)
            return RD_FAIL(c->err, RD_E_INPUT, "the sequence is empty");
        return RD_OK;
    }
    if (rd_tensor_count(t) != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the position must be one number, not %zu", rd_tensor_count(t));
    memcpy(&narrow, t->data, sizeof(narrow));
    at = narrow;
    if (t->dtype == RD_I64)
        memcpy(&at, t->data, sizeof(at));
    if (at < -(int64_t)n || at > most)
        return RD_FAIL(c->err, RD_E_INPUT, "position %lld is outside %lld..%lld of a sequence",
            (long long)at, -(long long)n, (long long)most);
    *at_out = (size_t)(at < 0 ? at + (int64_t)n : at);
    return RD_OK;
}

static double moved(const struct rd_op_call *c)
{
    double bytes = 8;

    for (int i = 0; i < c->node->n_inputs; i++)
        if (c->in[i] && c->in[i]->ndim >= 0) {
            const struct rd_boxed *box = rd_boxed_of(c->in[i]);

            bytes += (double)rd_tensor_bytes(c->in[i]) + (box ? 8 * (double)box->n : 0);
        }
    return bytes;
}

/* --- SequenceConstruct, SequenceEmpty --- */

static rd_status construct_infer(struct rd_op_call *c)
{
    is_sequence(c->out[0]);
    for (int i = 1; i < c->node->n_inputs; i++)
        if (c->in[0]->dtype && c->in[i]->dtype && c->in[i]->dtype != c->in[0]->dtype)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, input 0 is %s", i,
                rd_dtype_name(c->in[i]->dtype), rd_dtype_name(c->in[0]->dtype));
    return too_long(c, (size_t)c->node->n_inputs);
}

static rd_status construct_forward(struct rd_op_call *c)
{
    struct rd_boxed *box = rd_boxed_new(c->text, c->in[0]->dtype, (size_t)c->node->n_inputs);

    if (!box)
        return no_memory(c);
    for (size_t i = 0; i < box->n; i++) {
        box->item[i] = rd_tensor_copy(c->text, c->in[i]);
        if (!box->item[i])
            return no_memory(c);
    }
    put_box(c, box);
    return RD_OK;
}

static rd_status empty_infer(struct rd_op_call *c)
{
    const int64_t type = rd_op_int(c->node, "dtype", RD_F32);

    is_sequence(c->out[0]);
    if (type < 1 || type >= RD_SEQUENCE || !rd_dtype_size((enum rd_dtype)type))
        return RD_FAIL(c->err, RD_E_INPUT, "element type %lld is not supported", (long long)type);
    return RD_OK;
}

static rd_status empty_forward(struct rd_op_call *c)
{
    const struct rd_boxed *box =
        rd_boxed_new(c->text, (enum rd_dtype)rd_op_int(c->node, "dtype", RD_F32), 0);

    if (!box)
        return no_memory(c);
    put_box(c, box);
    return RD_OK;
}

/* --- SequenceInsert, SequenceErase, SequenceAt, SequenceLength --- */

static rd_status insert_infer(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    size_t at;
    rd_status st;

    is_sequence(c->out[0]);
    if (!box || (rd_op_in(c, 2) && !c->in[2]->data))
        return RD_OK;
    st = check_item(c, box, c->in[1]);
    if (!st)
        st = too_long(c, box->n + 1);
    return st ? st : position(c, 2, box->n, true, box->n, &at);
}

static rd_status insert_forward(struct rd_op_call *c)
{
    const struct rd_boxed *from = rd_boxed_of(c->in[0]);
    struct rd_boxed *box = rd_boxed_new(c->text, c->in[1]->dtype, from->n + 1);
    size_t at;
    rd_status st = position(c, 2, from->n, true, from->n, &at);

    if (st)
        return st;
    if (!box)
        return no_memory(c);
    for (size_t i = 0; i < from->n; i++)
        box->item[i + (i >= at)] = from->item[i];
    box->item[at] = rd_tensor_copy(c->text, c->in[1]);
    if (!box->item[at])
        return no_memory(c);
    put_box(c, box);
    return RD_OK;
}

static rd_status erase_infer(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    size_t at;

    is_sequence(c->out[0]);
    if (!box || (rd_op_in(c, 1) && !c->in[1]->data))
        return RD_OK;
    return position(c, 1, box->n, false, box->n - 1, &at);
}

static rd_status erase_forward(struct rd_op_call *c)
{
    const struct rd_boxed *from = rd_boxed_of(c->in[0]);
    struct rd_boxed *box = rd_boxed_new(c->text, from->item_dtype, from->n - 1);
    size_t at;
    rd_status st = position(c, 1, from->n, false, from->n - 1, &at);

    if (st)
        return st;
    if (!box)
        return no_memory(c);
    for (size_t i = 0; i < box->n; i++)
        box->item[i] = from->item[i + (i >= at)];
    put_box(c, box);
    return RD_OK;
}

static rd_status at_infer(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    size_t at;
    rd_status st;

    if (!box || !c->in[1]->data)
        return RD_OK; /* unknown */
    st = position(c, 1, box->n, false, 0, &at);
    if (!st)
        rd_op_same_shape(c->out[0], box->item[at]);
    return st;
}

static rd_status at_forward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    size_t at;
    rd_status st = position(c, 1, box->n, false, 0, &at);

    if (!st && rd_tensor_bytes(c->out[0]))
        memcpy(c->out[0]->data, box->item[at]->data, rd_tensor_bytes(c->out[0]));
    return st;
}

static rd_status length_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = RD_I64;
    c->out[0]->ndim = 0;
    return RD_OK;
}

static rd_status length_forward(struct rd_op_call *c)
{
    *(int64_t *)c->out[0]->data = (int64_t)rd_boxed_of(c->in[0])->n;
    return RD_OK;
}

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

/* Copies `wide` slices from `at` on of an axis; both have the other dims in common. */
static void slices(
    const struct rd_tensor *whole, int axis, size_t at, size_t wide, char *part, bool out)
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

        if (out)
            memcpy(in_part, in_whole, wide * inner);
        else
            memcpy(in_whole, in_part, wide * inner);
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
        slices(t, p.axis, at, wide, box->item[i]->data, true);
        at += wide;
    }
    put_box(c, box);
    return RD_OK;
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

        slices(c->out[0], axis, at, wide, box->item[i]->data, false);
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

/* --- rows --- */

static const struct rd_op_attr empty_attrs[] = { { "dtype", RD_ATTR_INT, 0, 0, false }, { 0 } };
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

const struct rd_op rd_op_sequenceconstruct = {
    .op = "SequenceConstruct",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { ELEMENT },
    .infer = construct_infer,
    .forward = construct_forward,
    .flops = moved,
};

const struct rd_op rd_op_sequenceempty = {
    .op = "SequenceEmpty",
    .domain = "",
    .since = 11,
    .min_in = 0,
    .max_in = 0,
    .min_out = 1,
    .max_out = 1,
    .attrs = empty_attrs,
    .infer = empty_infer,
    .forward = empty_forward,
    .flops = moved,
};

const struct rd_op rd_op_sequenceinsert = {
    .op = "SequenceInsert",
    .domain = "",
    .since = 11,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_SEQUENCE), ELEMENT, INDEX },
    .infer = insert_infer,
    .forward = insert_forward,
    .flops = moved,
};

const struct rd_op rd_op_sequenceerase = {
    .op = "SequenceErase",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_SEQUENCE), INDEX },
    .infer = erase_infer,
    .forward = erase_forward,
    .flops = moved,
};

const struct rd_op rd_op_sequenceat = {
    .op = "SequenceAt",
    .domain = "",
    .since = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_SEQUENCE), INDEX },
    .infer = at_infer,
    .forward = at_forward,
    .flops = moved,
};

const struct rd_op rd_op_sequencelength = {
    .op = "SequenceLength",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_SEQUENCE) },
    .infer = length_infer,
    .forward = length_forward,
};

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
    .flops = rd_body_flops,
    .random = true,
    .control = true,
    .formal = map_formal,
};
