/* op_constant.c - Constant: exactly one attribute holds the value. */
#include "graph/op.h"

#include "base/arena.h"

#include <string.h>

static const struct rd_tensor *value(const struct rd_graph_node *node)
{
    const struct rd_attr *a = rd_op_attr(node, "value");

    return a ? a->tensor : NULL;
}

/* The one attribute; NULL: none, or several. */
static const struct rd_attr *the_attr(const struct rd_graph_node *node)
{
    return node->n_attrs == 1 ? &node->attr[0] : NULL;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_attr *a = the_attr(c->node);
    struct rd_tensor *out = c->out[0];

    if (!a)
        return RD_FAIL(
            c->err, RD_E_INPUT, "Constant needs exactly one value, not %zu", c->node->n_attrs);
    out->ndim = 0;
    switch (a->type) {
    case RD_ATTR_TENSOR:
        rd_op_same_shape(out, a->tensor);
        break;
    case RD_ATTR_FLOAT:
        out->dtype = RD_F32;
        break;
    case RD_ATTR_INT:
        out->dtype = RD_I64;
        break;
    case RD_ATTR_FLOATS:
        out->dtype = RD_F32;
        out->ndim = 1;
        out->dim[0] = (int64_t)a->n;
        break;
    case RD_ATTR_INTS:
        out->dtype = RD_I64;
        out->ndim = 1;
        out->dim[0] = (int64_t)a->n;
        break;
    case RD_ATTR_STRING:
        out->dtype = RD_STRING;
        break;
    case RD_ATTR_STRINGS:
        out->dtype = RD_STRING;
        out->ndim = 1;
        out->dim[0] = (int64_t)a->n;
        break;
    case RD_ATTR_GRAPH: /* rd_op_check has refused these */
    case RD_ATTR_GRAPHS:
    case RD_ATTR_TENSORS:
    case RD_ATTR_TYPE:
        break;
    }
    return RD_OK;
}

/* Attributes are bytes in the file; a string ends with a NUL and holds none. */
static rd_status strings(struct rd_op_call *c, const struct rd_attr *a)
{
    const bool one = a->type == RD_ATTR_STRING;
    const char **to = c->out[0]->data;

    for (size_t i = 0; i < (one ? 1 : a->n); i++) {
        const char *from = one ? a->s : a->strings[i];
        const size_t n = one ? a->s_len : a->strings_len[i];

        if (n && memchr(from, 0, n))
            return RD_FAIL(c->err, RD_E_INPUT, "string %zu holds a NUL byte", i);
        to[i] = c->text ? rd_arena_strndup(c->text, from, n) : NULL;
        if (!to[i])
            return RD_FAIL(c->err, RD_E_MEMORY, "no memory for strings");
    }
    return RD_OK;
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rd_attr *a = the_attr(c->node);
    const void *from = a->type == RD_ATTR_TENSOR   ? a->tensor->data
                       : a->type == RD_ATTR_FLOAT  ? (const void *)&a->f
                       : a->type == RD_ATTR_INT    ? (const void *)&a->i
                       : a->type == RD_ATTR_FLOATS ? (const void *)a->floats
                                                   : (const void *)a->ints;

    if (a->type == RD_ATTR_STRING || a->type == RD_ATTR_STRINGS)
        return strings(c, a);
    memcpy(c->out[0]->data, from, rd_tensor_bytes(c->out[0]));
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

static const struct rd_op_attr attrs[] = {
    { "value", RD_ATTR_TENSOR, 1, 0, false },
    { "value_float", RD_ATTR_FLOAT, 12, 0, false },
    { "value_floats", RD_ATTR_FLOATS, 12, 0, false },
    { "value_int", RD_ATTR_INT, 12, 0, false },
    { "value_ints", RD_ATTR_INTS, 12, 0, false },
    { "value_string", RD_ATTR_STRING, 12, 0, false },
    { "value_strings", RD_ATTR_STRINGS, 12, 0, false },
    { 0 },
};

const struct rd_op rd_op_constant = {
    .op = "Constant",
    .domain = "",
    .since = 1,
    .min_in = 0,
    .max_in = 0,
    .min_out = 1,
    .max_out = 1,
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .flops = flops,
    .constant = value,
};
