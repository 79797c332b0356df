/*
 * op_optional.c - values that may be missing: Optional, OptionalHasElement, OptionalGetElement.
 *
 * From opset 18 on the last two take tensors and sequences as well: values that are there.
 */
#include "graph/op_body.h"
#include "tensor/boxed.h"

#include <string.h>

enum { ELEMENT = RD_T_ANY | RD_T_SMALL | RD_T(RD_STRING) };

static const struct rd_type *kind_of(const struct rd_graph_node *node)
{
    const struct rd_attr *a = rd_op_attr(node, "type");

    return a ? a->kind : NULL;
}

static rd_status optional_infer(struct rd_op_call *c)
{
    const struct rd_type *kind = kind_of(c->node);
    const struct rd_tensor *t = rd_op_in(c, 0);

    c->out[0]->dtype = RD_OPTIONAL;
    c->out[0]->ndim = 0;
    if (!t && !kind)
        return RD_FAIL(c->err, RD_E_INPUT, "without an input it needs attribute 'type'");
    if (t && kind && t->dtype && kind->dtype && t->dtype != kind->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'type' says %s, the input is %s",
            rd_dtype_name(kind->dtype), rd_dtype_name(t->dtype));
    return RD_OK;
}

static rd_status optional_forward(struct rd_op_call *c)
{
    const struct rd_tensor *t = rd_op_in(c, 0);
    struct rd_boxed *box = rd_boxed_new(c->text, t ? t->dtype : kind_of(c->node)->dtype, t ? 1 : 0);

    if (box && t) /* what a box holds is immutable: shared. A tensor is copied. */
        box->item[0] = rd_boxed_of(t) ? rd_boxed_tensor(c->text, t->dtype, rd_boxed_of(t))
                                      : rd_tensor_copy(c->text, t);
    if (!box || (t && !box->item[0]))
        return RD_FAIL(c->err, RD_E_MEMORY, "no memory for an optional");
    ((const struct rd_boxed **)c->out[0]->data)[0] = box;
    return RD_OK;
}

/* The gradient of an optional is an optional of a gradient (op_body.h). */
static rd_status optional_backward(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->dout[0]);

    if (c->din[0] && box->n && box->item[0])
        rd_grad_add(c->din[0], box->item[0]);
    return RD_OK;
}

static rd_status has_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = RD_BOOL;
    c->out[0]->ndim = 0;
    return RD_OK;
}

static rd_status has_forward(struct rd_op_call *c)
{
    const struct rd_tensor *t = rd_op_in(c, 0);

    *(unsigned char *)c->out[0]->data = t && (t->dtype != RD_OPTIONAL || rd_boxed_of(t)->n == 1);
    return RD_OK;
}

static rd_status get_infer(struct rd_op_call *c)
{
    const struct rd_boxed *box = rd_boxed_of(c->in[0]);

    if (c->in[0]->dtype != RD_OPTIONAL) {
        if (c->in[0]->dtype)
            rd_op_same_shape(c->out[0], c->in[0]);
        return RD_OK;
    }
    if (!box)
        return RD_OK; /* unknown */
    if (!box->n)
        return RD_FAIL(c->err, RD_E_INPUT, "the optional is empty");
    rd_op_same_shape(c->out[0], box->item[0]);
    return RD_OK;
}

static rd_status get_forward(struct rd_op_call *c)
{
    const struct rd_tensor *from =
        c->in[0]->dtype == RD_OPTIONAL ? rd_boxed_of(c->in[0])->item[0] : c->in[0];

    if (rd_tensor_bytes(from))
        memcpy(c->out[0]->data, from->data, rd_tensor_bytes(from));
    return RD_OK;
}

static rd_status get_backward(struct rd_op_call *c)
{
    const struct rd_boxed *in = rd_boxed_of(c->in[0]);
    const struct rd_boxed *box = c->din[0] ? rd_boxed_of(c->din[0]) : NULL;
    rd_status st;

    if (!c->din[0])
        return RD_OK;
    if (c->in[0]->dtype != RD_OPTIONAL) {
        rd_grad_add(c->din[0], c->dout[0]);
        return RD_OK;
    }
    if (rd_dtype_is_boxed(in->item_dtype)) { /* a sequence: handed on */
        if (box->item[0])
            rd_grad_add(box->item[0], c->dout[0]);
        else
            box->item[0] = rd_boxed_tensor(c->text, RD_SEQUENCE, rd_boxed_of(c->dout[0]));
        return box->item[0] ? RD_OK : RD_FAIL(c->err, RD_E_MEMORY, "no memory for a gradient");
    }
    st = rd_grad_item(c, c->din[0], 0, in->item[0]);
    if (!st)
        rd_grad_add(box->item[0], c->dout[0]);
    return st;
}

static const struct rd_op_attr attrs[] = { { "type", RD_ATTR_TYPE, 0, 0, false }, { 0 } };

const struct rd_op rd_op_optional = {
    .op = "Optional",
    .domain = "",
    .since = 15,
    .min_in = 0,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { ELEMENT | RD_T(RD_SEQUENCE) },
    .attrs = attrs,
    .infer = optional_infer,
    .forward = optional_forward,
    .backward = optional_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
};

const struct rd_op rd_op_optionalhaselement = {
    .op = "OptionalHasElement",
    .domain = "",
    .since = 15,
    .min_in = 0,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { ELEMENT | RD_T(RD_SEQUENCE) | RD_T(RD_OPTIONAL) },
    .infer = has_infer,
    .forward = has_forward,
    .random = true, /* that the value is there does not make it a constant */
};

const struct rd_op rd_op_optionalgetelement = {
    .op = "OptionalGetElement",
    .domain = "",
    .since = 15,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { ELEMENT | RD_T(RD_SEQUENCE) | RD_T(RD_OPTIONAL) },
    .infer = get_infer,
    .forward = get_forward,
    .backward = get_backward,
    .grad_in = 1,
    .reads = RD_READS_IN | RD_READS_OUT,
};
