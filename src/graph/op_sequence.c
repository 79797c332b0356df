/*
 * op_sequence.c - sequences: made, changed, asked.
 *
 * A sequence is a box in the run's arena; changing one makes a new box that shares the items. What
 * SequenceAt gives has a shape only when the sequence is there, so while the model is read it stays
 * unknown unless all is constant. Gradients: op_body.h.
 */
#include "graph/op_sequence.h"

#include <string.h>

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

/* Item i of a sequence gradient goes into a tensor's gradient. */
static void item_into(struct rd_tensor *din, const struct rd_tensor *dout, size_t i)
{
    const struct rd_tensor *item = rd_boxed_of(dout)->item[i];

    if (din && item)
        rd_grad_add(din, item);
}

/* Item `from` of one sequence gradient goes to item `to` of another. */
static void hand_on(struct rd_tensor *din, size_t to, const struct rd_tensor *dout, size_t from)
{
    struct rd_tensor **item = &rd_boxed_of(din)->item[to];
    struct rd_tensor *more = rd_boxed_of(dout)->item[from];

    if (*item && more)
        rd_grad_add(*item, more);
    else if (more)
        *item = more;
}

static rd_status construct_backward(struct rd_op_call *c)
{
    for (int i = 0; i < c->node->n_inputs; i++)
        item_into(c->din[i], c->dout[0], (size_t)i);
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

static rd_status insert_backward(struct rd_op_call *c)
{
    const size_t n = rd_boxed_of(c->in[0])->n;
    size_t at;
    rd_status st = position(c, 2, n, true, n, &at);

    if (st)
        return st;
    for (size_t i = 0; i < n && c->din[0]; i++)
        hand_on(c->din[0], i, c->dout[0], i + (i >= at));
    item_into(c->din[1], c->dout[0], at);
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

static rd_status erase_backward(struct rd_op_call *c)
{
    const size_t n = rd_boxed_of(c->in[0])->n;
    size_t at;
    rd_status st = position(c, 1, n, false, n - 1, &at);

    for (size_t i = 0; i + 1 < n && c->din[0] && !st; i++)
        hand_on(c->din[0], i + (i >= at), c->dout[0], i);
    return st;
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

static rd_status at_backward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);
    size_t at;
    rd_status st = position(c, 1, box->n, false, 0, &at);

    if (st || !c->din[0])
        return st;
    st = rd_grad_item(c, c->din[0], at, box->item[at]);
    if (!st)
        rd_grad_add(rd_boxed_of(c->din[0])->item[at], c->dout[0]);
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

/* --- rows --- */

static const struct rd_op_attr empty_attrs[] = { { "dtype", RD_ATTR_INT, 0, 0, false }, { 0 } };

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
    .backward = construct_backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
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
    .backward = insert_backward,
    .grad_in = 3,
    .reads = RD_READS_IN | RD_READS_OUT,
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
    .backward = erase_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
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
    .backward = at_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
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
