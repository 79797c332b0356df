/* op_walk.c - see op_walk.h. */
#include "graph/op_walk.h"

struct rd_walk rd_walk_make(
    const struct rd_tensor *out, const struct rd_tensor *const *operand, int n)
{
    struct rd_walk w = { .n = n };
    size_t step[RD_WALK_MOST][RD_MAX_DIMS] = { { 0 } };

    for (int k = 0; k < n; k++) {
        size_t all = 1;

        for (int i = out->ndim - 1; i >= 0; i--) {
            const int at = i - (out->ndim - operand[k]->ndim);
            const size_t d = at < 0 ? 1 : (size_t)operand[k]->dim[at];

            step[k][i] = d == 1 ? 0 : all;
            all *= d;
        }
    }
    for (int i = 0; i < out->ndim; i++) {
        const size_t d = (size_t)out->dim[i];
        bool merge = w.rank > 0;

        if (d == 1)
            continue;
        for (int k = 0; k < n && merge; k++) /* the outer axis goes on where the inner one ends */
            merge = w.step[k][w.rank - 1] == step[k][i] * d;
        if (merge)
            w.dim[w.rank - 1] *= d;
        else
            w.dim[w.rank++] = d;
        for (int k = 0; k < n; k++)
            w.step[k][w.rank - 1] = step[k][i];
    }
    if (!w.rank) {
        w.rank = 1;
        w.dim[0] = 1;
    }
    return w;
}

bool rd_walk_next(const struct rd_walk *w, size_t *at, size_t *place)
{
    for (int i = w->rank - 2; i >= 0; i--) {
        for (int k = 0; k < w->n; k++)
            place[k] += w->step[k][i];
        if (++at[i] < w->dim[i])
            return true;
        at[i] = 0;
        for (int k = 0; k < w->n; k++)
            place[k] -= w->step[k][i] * w->dim[i];
    }
    return false;
}

/* --- two operands, and how opsets below 7 had them --- */

const struct rd_op_attr rd_op_pair_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 6, false },
    { "broadcast", RD_ATTR_INT, 1, 6, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

static struct rd_tensor second(const struct rd_op_call *c)
{
    const int64_t axis = rd_op_int(c->node, "axis", -1);
    const int rank = c->in[0]->ndim;
    struct rd_tensor b = *c->in[1];

    if (c->node->opset >= 7 || axis < 0 || axis > rank - b.ndim)
        return b;
    for (; axis + b.ndim < rank; b.ndim++)
        b.dim[b.ndim] = 1;
    return b;
}

rd_status rd_op_pair_shape(const struct rd_op_call *c, struct rd_tensor *shape_out)
{
    const struct rd_tensor b = second(c);

    if (c->node->opset < 7) {
        bool equal = b.ndim == c->in[0]->ndim;

        for (int i = 0; i < b.ndim && equal; i++)
            equal = b.dim[i] == c->in[0]->dim[i];
        if (!equal && !rd_op_int(c->node, "broadcast", 0))
            return RD_FAIL(
                c->err, RD_E_INPUT, "the operands' shapes differ and broadcast is not set");
    }
    return rd_op_broadcast(c, c->in[0], &b, shape_out);
}

struct rd_walk rd_op_pair_walk(const struct rd_op_call *c)
{
    const struct rd_tensor b = second(c);
    const struct rd_tensor *const operand[2] = { c->in[0], &b };

    return rd_walk_make(c->out[0], operand, 2);
}
