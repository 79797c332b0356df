/*
 * op_gather.c - GatherElements: one element an index; GatherND: a slice a tuple of indices.
 *
 * Gradients go back to where the elements came from and add up where one was taken twice.
 */
#include "graph/op_index.h"

static rd_status gather(struct rd_op_call *c, struct rd_places p, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const size_t size = rd_dtype_size(x->dtype);

    for (size_t i = 0; i < p.n; i++) {
        size_t at;
        rd_status st = rd_places_next(c, &p, &at);

        if (st)
            return st;
        if (!back)
            memcpy((char *)c->out[0]->data + i * p.run * size, (const char *)x->data + at * size,
                p.run * size);
        for (size_t k = 0; back && k < p.run; k++)
            rd_real_add(c->din[0], at + k, rd_real_at(c->dout[0], i * p.run + k));
    }
    return RD_OK;
}

/* --- GatherElements: out[..., i, ...] = in[..., index[..., i, ...], ...] --- */

static rd_status elements_axis(const struct rd_op_call *c, int *axis)
{
    return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status elements_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1];
    char a[120], b[120];
    int axis;
    rd_status st = elements_axis(c, &axis);
    bool fits = x->ndim == index->ndim;

    if (st)
        return st;
    for (int i = 0; fits && i < x->ndim; i++)
        fits = i == axis || x->dim[i] == -1 || index->dim[i] <= x->dim[i];
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "indices of shape %s do not fit %s along axis %d",
            rd_shape_text(index->dim, index->ndim, a, sizeof(a)),
            rd_shape_text(x->dim, x->ndim, b, sizeof(b)), axis);
    rd_op_same_shape(c->out[0], index);
    c->out[0]->dtype = x->dtype;
    return RD_OK;
}

static struct rd_places elements_places(const struct rd_op_call *c)
{
    int axis = 0;

    (void)elements_axis(c, &axis); /* infer has accepted it */
    return rd_places_along(c->in[0], c->in[1], axis);
}

static rd_status elements_forward(struct rd_op_call *c)
{
    return gather(c, elements_places(c), false);
}

static rd_status elements_backward(struct rd_op_call *c)
{
    return gather(c, elements_places(c), true);
}

static bool elements_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && batched[1] && !elements_axis(c, &axis) && axis > 0;
}

static const struct rd_op_attr axis_attrs[] = {
    { "axis", RD_ATTR_INT, 11, 0, false },
    { 0 },
};

const struct rd_op rd_op_gatherelements = {
    .op = "GatherElements",
    .domain = "",
    .since = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_INDEX },
    .attrs = axis_attrs,
    .infer = elements_infer,
    .forward = elements_forward,
    .backward = elements_backward,
    .grad_in = 1,
    .flops = rd_op_no_flops,
    .per_example = elements_rows,
    .reads = RD_READS_IN,
    .moves = 1,
};

/* --- GatherND: out[b..., i...] = in[b..., index[b..., i...], ...] --- */

static rd_status nd_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1];
    const int64_t batch = rd_op_int(c->node, "batch_dims", 0);
    struct rd_tensor *out = c->out[0];
    char a[120], b[120];
    int64_t tuple;
    bool fits = true;

    if (x->ndim < 1 || index->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "neither data nor indices may be a scalar");
    if (batch < 0 || batch >= x->ndim || batch >= index->ndim)
        return RD_FAIL(c->err, RD_E_INPUT,
            "batch_dims is %lld for data of %d and indices of %d "
            "dimensions",
            (long long)batch, x->ndim, index->ndim);
    tuple = index->dim[index->ndim - 1];
    if (tuple == -1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "how many axes the indices name (their last dimension) must be known");
    for (int i = 0; i < batch && fits; i++)
        fits = x->dim[i] == -1 || index->dim[i] == -1 || x->dim[i] == index->dim[i];
    if (!fits || tuple < 1 || tuple > x->ndim - batch)
        return RD_FAIL(c->err, RD_E_INPUT, "indices of shape %s do not fit data of shape %s",
            rd_shape_text(index->dim, index->ndim, a, sizeof(a)),
            rd_shape_text(x->dim, x->ndim, b, sizeof(b)));
    if (index->ndim - 1 + x->ndim - (int)(batch + tuple) > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the result would have %d dimensions; at most %d are supported",
            index->ndim - 1 + x->ndim - (int)(batch + tuple), RD_MAX_DIMS);
    out->dtype = x->dtype;
    out->ndim = 0;
    for (int i = 0; i < index->ndim - 1; i++) {
        int64_t d = index->dim[i];

        if (i < batch && d == -1)
            d = x->dim[i];
        out->dim[out->ndim++] = d;
    }
    for (int i = (int)(batch + tuple); i < x->ndim; i++)
        out->dim[out->ndim++] = x->dim[i];
    return RD_OK;
}

static struct rd_places nd_places(const struct rd_op_call *c)
{
    return rd_places_tuples(c->in[0], c->in[1], (int)rd_op_int(c->node, "batch_dims", 0));
}

static rd_status nd_forward(struct rd_op_call *c)
{
    return gather(c, nd_places(c), false);
}

static rd_status nd_backward(struct rd_op_call *c)
{
    return gather(c, nd_places(c), true);
}

/* A shared batch axis; or slices of a table by the batch's own indices. */
static bool nd_rows(const struct rd_op_call *c, const bool *batched)
{
    if (rd_op_int(c->node, "batch_dims", 0) > 0)
        return batched[0] && batched[1];
    return !batched[0] && batched[1] && c->in[1]->ndim > 1;
}

static const struct rd_op_attr nd_attrs[] = {
    { "batch_dims", RD_ATTR_INT, 12, 0, false },
    { 0 },
};

const struct rd_op rd_op_gathernd = {
    .op = "GatherND",
    .domain = "",
    .since = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_I64 },
    .attrs = nd_attrs,
    .infer = nd_infer,
    .forward = nd_forward,
    .backward = nd_backward,
    .grad_in = 1,
    .flops = rd_op_no_flops,
    .per_example = nd_rows,
    .reads = RD_READS_IN,
    .moves = 1,
};
