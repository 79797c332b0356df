/* op_body.c - what rows of control flow and of sequences share. */
#include "graph/op_body.h"

#include "tensor/boxed.h"

#include <string.h>

const struct rd_graph *rd_body_of(const struct rd_op_call *c, const char *attr)
{
    return rd_op_attr(c->node, attr)->graphs[0];
}

size_t rd_body_formals(const struct rd_graph *body)
{
    return body->n_inputs - body->n_captures;
}

rd_status rd_body_fits(const struct rd_op_call *c, const struct rd_graph *body, const char *attr,
    size_t inputs, size_t outputs)
{
    if (rd_body_formals(body) != inputs)
        return RD_FAIL(c->err, RD_E_INPUT, "%s takes %zu inputs, the node gives it %zu", attr,
            rd_body_formals(body), inputs);
    if (body->n_outputs < outputs)
        return RD_FAIL(c->err, RD_E_INPUT, "%s gives %zu outputs, the node needs %zu", attr,
            body->n_outputs, outputs);
    return RD_OK;
}

void rd_body_output(const struct rd_graph *body, size_t i, struct rd_tensor *out)
{
    const struct rd_graph_value *v = &body->value[body->output[i]];

    out->dtype = v->dtype;
    out->ndim = v->ndim;
    memcpy(out->dim, v->dim, sizeof(out->dim));
}

rd_status rd_body_room(struct rd_op_call *c, size_t n, size_t size, void *out)
{
    const int64_t bytes = (int64_t)(n * size); /* of lists that are in memory already */
    struct rd_tensor t;
    rd_status st = c->flow->make(c, RD_U8, &bytes, 1, &t);

    if (st)
        return st;
    memset(t.data, 0, n * size);
    memcpy(out, &t.data, sizeof(t.data));
    return RD_OK;
}

rd_status rd_body_flag(struct rd_op_call *c, const struct rd_tensor *t, const char *what, bool *out)
{
    char shape[120];

    if (t->dtype != RD_BOOL || rd_tensor_count(t) != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "%s must be one bool, not %s %s", what,
            rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
    *out = *(const unsigned char *)t->data != 0;
    return RD_OK;
}

void rd_grad_add(struct rd_tensor *to, const struct rd_tensor *from)
{
    const struct rd_boxed *a = rd_boxed_of(to), *b = rd_boxed_of(from);

    for (size_t i = 0; a && b && i < a->n; i++) /* boxes nest within bounds */
        if (!a->item[i])
            a->item[i] = b->item[i];
        else if (b->item[i])
            rd_grad_add(a->item[i], b->item[i]);
    for (size_t i = 0, n = a ? 0 : rd_tensor_count(to); i < n; i++)
        if (to->dtype == RD_F32)
            ((float *)to->data)[i] += ((const float *)from->data)[i];
        else if (to->dtype == RD_F64)
            ((double *)to->data)[i] += ((const double *)from->data)[i];
}

rd_status rd_grad_item(
    struct rd_op_call *c, struct rd_tensor *din, size_t i, const struct rd_tensor *like)
{
    struct rd_tensor **item = &rd_boxed_of(din)->item[i];

    return *item ? RD_OK
                 : rd_tensor_new(c->text, like->dtype, like->dim, like->ndim, NULL, item, c->err);
}

double rd_body_flops(const struct rd_op_call *c)
{
    (void)c; /* the nodes inside are counted as they run */
    return 0;
}

/* --- stacked outputs --- */

rd_status rd_body_append(struct rd_op_call *c, struct rd_body_stack *s, const struct rd_tensor *t)
{
    const size_t bytes = rd_tensor_bytes(t);
    char want[120], got[120];

    if (rd_dtype_is_boxed(t->dtype))
        return RD_FAIL(c->err, RD_E_INPUT, "a %s cannot be stacked", rd_dtype_name(t->dtype));
    if (t->ndim + 1 > RD_MAX_DIMS)
        return RD_FAIL(
            c->err, RD_E_LIMIT, "its stacked outputs have more than %d dimensions", RD_MAX_DIMS);
    if (!s->n) {
        s->first = *t;
        s->first.data = NULL;
    } else if (t->dtype != s->first.dtype || t->ndim != s->first.ndim ||
               memcmp(t->dim, s->first.dim, (size_t)t->ndim * sizeof(*t->dim))) {
        return RD_FAIL(c->err, RD_E_INPUT,
            "run %zu gives %s %s to a stacked output, those before gave %s %s", s->n,
            rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, got, sizeof(got)),
            rd_dtype_name(s->first.dtype),
            rd_shape_text(s->first.dim, s->first.ndim, want, sizeof(want)));
    }
    if (s->used + bytes > s->room || !s->all.data) {
        const int64_t room = (int64_t)(2 * (s->used + bytes) + 64);
        struct rd_tensor more;
        rd_status st = c->flow->make(c, RD_U8, &room, 1, &more);

        if (st)
            return st;
        if (s->used)
            memcpy(more.data, s->all.data, s->used);
        c->flow->drop(c, &s->all);
        s->all = more;
        s->room = (size_t)room;
    }
    if (bytes)
        memcpy((char *)s->all.data + s->used, t->data, bytes);
    s->used += bytes;
    s->n++;
    return RD_OK;
}

rd_status rd_body_stacked(
    struct rd_op_call *c, struct rd_body_stack *s, const struct rd_graph *body, size_t output)
{
    struct rd_tensor shape = s->first;

    if (!s->n) { /* nothing ran: as far as it is known what would have come */
        rd_body_output(body, output, &shape);
        shape.ndim = shape.ndim < 0 ? 0 : shape.ndim;
        if (!shape.dtype || rd_dtype_is_boxed(shape.dtype) || shape.ndim + 1 > RD_MAX_DIMS)
            return RD_FAIL(c->err, RD_E_INPUT,
                "it does not run once, and the type of its output %zu is not known", output);
    }
    if (!s->all.data) {
        const int64_t none = 0;
        const rd_status st = c->flow->make(c, RD_U8, &none, 1, &s->all);

        if (st)
            return st;
    }
    s->all.dtype = shape.dtype;
    s->all.ndim = shape.ndim + 1;
    s->all.dim[0] = (int64_t)s->n;
    for (int d = 0; d < shape.ndim; d++)
        s->all.dim[d + 1] = shape.dim[d] < 0 ? 0 : shape.dim[d];
    return RD_OK;
}
