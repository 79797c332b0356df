/* op_shape.c - Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout: the same bytes in another
 * shape; and Transpose. */
#include "graph/op_body.h"
#include "graph/op_fast.h"
#include "tensor/boxed.h"

#include <string.h>

enum { MOVABLE = RD_T_ANY | RD_T(RD_STRING) | RD_T_SMALL };

static rd_status copy(struct rd_op_call *c)
{
    if (c->out[0])
        memcpy(c->out[0]->data, c->in[0]->data, rd_tensor_bytes(c->in[0]));
    return RD_OK;
}

static rd_status add_back(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]);

    if (!c->dout[0])
        return RD_OK;
    if (c->in[0]->dtype == RD_F32) {
        const float *const g = c->dout[0]->data;
        float *const d = c->din[0]->data;

        for (size_t i = 0; i < n; i++)
            d[i] += g[i];
    } else {
        const double *const g = c->dout[0]->data;
        double *const d = c->din[0]->data;

        for (size_t i = 0; i < n; i++)
            d[i] += g[i];
    }
    return RD_OK;
}

static double no_flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

/* Product of dims first..behind-1; -1 when one of them is free. RD_E_INPUT when it overflows. */
static rd_status span(
    const struct rd_op_call *c, const struct rd_tensor *t, int first, int behind, int64_t *out)
{
    int64_t n = 1;
    bool is_free = false;

    for (int i = first; i < behind; i++) {
        is_free = is_free || t->dim[i] == -1;
        if (t->dim[i] != -1 && __builtin_mul_overflow(n, t->dim[i], &n))
            return RD_FAIL(c->err, RD_E_INPUT, "the shape's product overflows");
    }
    *out = is_free ? -1 : n;
    return RD_OK;
}

/* --- Identity --- */

static rd_status identity_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static rd_status identity_back(struct rd_op_call *c)
{
    if (!rd_dtype_is_boxed(c->in[0]->dtype))
        return add_back(c);
    if (c->din[0])
        rd_grad_add(c->din[0], c->dout[0]);
    return RD_OK;
}

const struct rd_op rd_op_identity = {
    .op = "Identity",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE | RD_T_BOXED },
    .infer = identity_infer,
    .forward = copy,
    .backward = identity_back,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = rd_op_rows_elementwise,
    .moves = 1,
    .view = true,
};

/* --- Flatten --- */

static rd_status flatten_axis(const struct rd_op_call *c, int *axis)
{
    const int64_t given = rd_op_int(c->node, "axis", 1);

    if (given < 0 && c->node->opset < 11)
        return RD_FAIL(c->err, RD_E_INPUT, "a negative axis needs opset 11");
    return rd_op_axis(c, given, c->in[0]->ndim, true, axis);
}

static rd_status flatten_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    int axis;
    rd_status st = flatten_axis(c, &axis);

    out->dtype = c->in[0]->dtype;
    out->ndim = 2;
    if (!st)
        st = span(c, c->in[0], 0, axis, &out->dim[0]);
    if (!st)
        st = span(c, c->in[0], axis, c->in[0]->ndim, &out->dim[1]);
    return st;
}

static bool flatten_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !flatten_axis(c, &axis) && axis == 1;
}

static const struct rd_op_attr flatten_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_flatten = {
    .op = "Flatten",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE },
    .attrs = flatten_attrs,
    .infer = flatten_infer,
    .forward = copy,
    .backward = add_back,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = flatten_rows,
    .view = true,
};

/* --- Reshape --- */

/*
 * shape holds 0 for "as the input" and one -1 for "what remains". Free dims of the input cancel
 * where 0 copies them.
 */
static rd_status resolve(struct rd_op_call *c, const int64_t *shape, int rank)
{
    const bool keep_zero = rd_op_int(c->node, "allowzero", 0) != 0;
    const struct rd_tensor *in = c->in[0];
    struct rd_tensor *out = c->out[0], rest_in = { .ndim = 0 }, rest_out = { .ndim = 0 };
    bool copied[RD_MAX_DIMS] = { false }, copied_in[RD_MAX_DIMS] = { false }, has_zero = false;
    char from[120], to[120];
    int64_t have, given;
    int open = -1;
    rd_status st;

    out->ndim = rank;
    for (int i = 0; i < rank; i++) {
        out->dim[i] = shape[i];
        has_zero = has_zero || shape[i] == 0;
        if (rd_op_is_symbol(shape[i])) {
            /* The size of the batch where the batch is: it is copied, and cancels. */
            out->dim[i] = -1;
            if (shape[i] == RD_SYM_BATCH && c->batched && c->batched[0] && !copied_in[0]) {
                copied_in[0] = true;
                continue;
            }
            rest_out.dim[rest_out.ndim++] = -1;
            continue;
        }
        if (shape[i] < -1)
            return RD_FAIL(c->err, RD_E_INPUT, "dimension %d of the new shape is %lld", i,
                (long long)shape[i]);
        if (shape[i] == -1 && open >= 0)
            return RD_FAIL(c->err, RD_E_INPUT, "the new shape has more than one -1");
        if (shape[i] == -1)
            open = i;
        if (shape[i] == 0 && !keep_zero) {
            if (i >= in->ndim)
                return RD_FAIL(c->err, RD_E_INPUT,
                    "dimension %d of the new shape is 0 (as the input), but the input has only %d",
                    i, in->ndim);
            out->dim[i] = in->dim[i];
            copied[i] = copied_in[i] = true;
        } else if (shape[i] != -1) {
            rest_out.dim[rest_out.ndim++] = shape[i];
        }
    }
    if (keep_zero && has_zero && open >= 0)
        return RD_FAIL(
            c->err, RD_E_INPUT, "with allowzero the new shape cannot have both 0 and -1");
    for (int i = 0; i < in->ndim; i++)
        if (!copied_in[i])
            rest_in.dim[rest_in.ndim++] = in->dim[i];
    st = span(c, &rest_in, 0, rest_in.ndim, &have);
    if (!st)
        st = span(c, &rest_out, 0, rest_out.ndim, &given);
    if (st || have == -1 || given == -1)
        return st; /* a -1 in the new shape stays free */
    if (open >= 0 && given > 0 && have % given == 0) {
        out->dim[open] = have / given;
        return RD_OK;
    }
    if (open < 0 && have == given)
        return RD_OK;
    for (int i = 0; i < rank && open < 0; i++) /* a copied 0 leaves nothing to compare */
        if (copied[i] && out->dim[i] == 0)
            return RD_OK;
    return RD_FAIL(c->err, RD_E_INPUT, "shape %s cannot become %s",
        rd_shape_text(in->dim, in->ndim, from, sizeof(from)),
        rd_shape_text(shape, rank, to, sizeof(to)));
}

static rd_status reshape_infer(struct rd_op_call *c)
{
    const struct rd_tensor *wish = rd_op_in(c, 1);
    const struct rd_attr *old = rd_op_attr(c->node, "shape");
    int64_t shape[RD_MAX_DIMS];
    int rank = 0;
    rd_status st;

    c->out[0]->dtype = c->in[0]->dtype;
    if (c->node->opset < 5) {
        if (!old || wish)
            return RD_FAIL(c->err, RD_E_INPUT, "before opset 5 the shape is an attribute");
        if (old->n > RD_MAX_DIMS)
            return RD_FAIL(c->err, RD_E_LIMIT,
                "the new shape has %zu dimensions; at most %d are supported", old->n, RD_MAX_DIMS);
        return resolve(c, old->ints, (int)old->n);
    }
    if (!wish)
        return RD_FAIL(c->err, RD_E_INPUT, "the new shape (input 1) is missing");
    if (wish->data) {
        st = rd_op_values(c, wish, "the new shape", shape, &rank);
        return st ? st : resolve(c, shape, rank);
    }
    if (wish->ndim != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the new shape must have one dimension, not %d", wish->ndim);
    if (wish->dim[0] > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the new shape has %lld dimensions; at most %d are supported", (long long)wish->dim[0],
            RD_MAX_DIMS);
    c->out[0]->ndim = (int)wish->dim[0]; /* computed while the graph runs; -1: not even how many */
    for (int i = 0; i < c->out[0]->ndim; i++)
        c->out[0]->dim[i] = -1;
    return RD_OK;
}

/* Of each example's elements the same number must stay with it. */
static bool reshape_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor *in = c->in[0], *out = c->out[0];
    size_t a, b;

    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) && in->dim[0] == -1 &&
           rd_shape_count(in->dim + 1, in->ndim - 1, &a) &&
           rd_shape_count(out->dim + 1, out->ndim - 1, &b) && a == b;
}

static const struct rd_op_attr reshape_attrs[] = {
    { "allowzero", RD_ATTR_INT, 14, 0, false },
    { "shape", RD_ATTR_INTS, 1, 4, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 4, false },
    { 0 },
};

const struct rd_op rd_op_reshape = {
    .op = "Reshape",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE, RD_T_I64 },
    .attrs = reshape_attrs,
    .infer = reshape_infer,
    .forward = copy,
    .backward = add_back,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = reshape_rows,
    .moves = 1,
    .sizes = 2,
    .view = true,
};

/* --- Squeeze and Unsqueeze: axes are an attribute before opset 13, input 1 from there on --- */

/* *n_out -1: not given; *known false: only known at run time. */
static rd_status given_axes(const struct rd_op_call *c, int rank, bool *at, int *n_out, bool *known)
{
    const struct rd_tensor *axes = rd_op_in(c, 1);
    size_t n_old;
    const int64_t *list = rd_op_ints(c->node, "axes", &n_old);
    int64_t from_input[RD_MAX_DIMS];
    int n = (int)n_old;
    rd_status st;

    *known = true;
    *n_out = -1;
    for (int i = 0; i < RD_MAX_DIMS; i++)
        at[i] = false;
    if (axes && c->node->opset < 13)
        return RD_FAIL(c->err, RD_E_INPUT, "the axes are an attribute before opset 13");
    if (axes && !axes->data) {
        *known = false;
        *n_out =
            axes->ndim == 1 && axes->dim[0] >= 0 && axes->dim[0] <= rank ? (int)axes->dim[0] : -1;
        return RD_OK;
    }
    if (axes) {
        st = rd_op_values(c, axes, "the axes", from_input, &n);
        if (st)
            return st;
        list = from_input;
    }
    if (!axes && !list)
        return RD_OK;
    if (n > RD_MAX_DIMS || (size_t)n < n_old)
        return RD_FAIL(
            c->err, RD_E_LIMIT, "%zu axes are given; at most %d are supported", n_old, RD_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        int axis;

        st = rd_op_axis(c, list[i], rank, false, &axis);
        if (st)
            return st;
        if (at[axis])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", axis);
        at[axis] = true;
    }
    *n_out = n;
    return RD_OK;
}

static rd_status squeeze_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    bool at[RD_MAX_DIMS], known;
    int n;
    rd_status st = given_axes(c, x->ndim, at, &n, &known);

    out->dtype = x->dtype;
    if (st)
        return st;
    if (!known) {
        out->ndim = n < 0 ? -1 : x->ndim - n;
        for (int i = 0; i < out->ndim; i++)
            out->dim[i] = -1;
        return RD_OK;
    }
    for (int i = 0; n < 0 && i < x->ndim; i++) /* all of size 1: a free one may be that */
        if (x->dim[i] == -1) {
            out->ndim = -1;
            return RD_OK;
        }
    out->ndim = 0;
    for (int i = 0; i < x->ndim; i++) {
        if (n < 0 ? x->dim[i] == 1 : at[i]) {
            if (x->dim[i] != 1 && x->dim[i] != -1)
                return RD_FAIL(
                    c->err, RD_E_INPUT, "axis %d has size %lld, not 1", i, (long long)x->dim[i]);
            continue;
        }
        out->dim[out->ndim++] = x->dim[i];
    }
    return RD_OK;
}

static bool squeeze_rows(const struct rd_op_call *c, const bool *batched)
{
    bool at[RD_MAX_DIMS], known;
    int n;

    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) &&
           !given_axes(c, c->in[0]->ndim, at, &n, &known) && known && n >= 0 && !at[0];
}

static rd_status unsqueeze_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *axes = rd_op_in(c, 1);
    struct rd_tensor *out = c->out[0];
    bool at[RD_MAX_DIMS], known;
    size_t count;
    int n, next = 0;
    rd_status st;

    (void)rd_op_ints(c->node, "axes", &count);
    if (axes && (axes->ndim > 1 || (axes->ndim == 1 && axes->dim[0] == -1 && !axes->data))) {
        if (axes->ndim > 1)
            return RD_FAIL(
                c->err, RD_E_INPUT, "the axes must have one dimension, not %d", axes->ndim);
        out->dtype = x->dtype;
        out->ndim = -1;
        return RD_OK;
    }
    if (axes)
        count = axes->ndim ? (size_t)axes->dim[0] : 1;
    else if (!rd_op_attr(c->node, "axes"))
        return RD_FAIL(c->err, RD_E_INPUT, "the axes are missing");
    if (count > (size_t)(RD_MAX_DIMS - x->ndim))
        return RD_FAIL(c->err, RD_E_LIMIT,
            "%zu new axes for %d dimensions; at most %d are supported in all", count, x->ndim,
            RD_MAX_DIMS);
    st = given_axes(c, x->ndim + (int)count, at, &n, &known);
    out->dtype = x->dtype;
    if (st)
        return st;
    out->ndim = x->ndim + (int)count;
    for (int i = 0; i < out->ndim; i++)
        out->dim[i] = !known ? -1 : at[i] ? 1 : x->dim[next++];
    return RD_OK;
}

static bool unsqueeze_rows(const struct rd_op_call *c, const bool *batched)
{
    bool at[RD_MAX_DIMS], known;
    int n;

    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) &&
           !given_axes(c, c->out[0]->ndim, at, &n, &known) && known && !at[0];
}

static const struct rd_op_attr squeeze_attrs[] = {
    { "axes", RD_ATTR_INTS, 1, 12, false },
    { 0 },
};

#define SQUEEZE_ROW(id, name)                                                                      \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { MOVABLE, RD_T_I64 },                                                          \
        .attrs = squeeze_attrs,                                                                    \
        .infer = id##_infer,                                                                       \
        .forward = copy,                                                                           \
        .backward = add_back,                                                                      \
        .grad_in = 1,                                                                              \
        .flops = no_flops,                                                                         \
        .per_example = id##_rows,                                                                  \
        .moves = 1,                                                                                \
        .view = true,                                                                              \
    }

SQUEEZE_ROW(squeeze, "Squeeze");
SQUEEZE_ROW(unsqueeze, "Unsqueeze");

/* --- Dropout, as it is when a model answers: nothing is dropped --- */

static rd_status dropout_infer(struct rd_op_call *c)
{
    static const char *const name[] = { "", "ratio", "training_mode" };

    if (c->node->opset < 12 && c->node->n_inputs > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "before opset 12 Dropout takes one input");
    for (int i = 1; i < 3; i++)
        if (rd_op_in(c, i) && rd_op_in(c, i)->ndim > 0 &&
            !(c->in[i]->ndim == 1 && c->in[i]->dim[0] == 1))
            return RD_FAIL(c->err, RD_E_INPUT, "%s must be a scalar", name[i]);
    rd_op_same_shape(c->out[0], c->in[0]);
    if (c->node->n_outputs > 1) {
        rd_op_same_shape(c->out[1], c->in[0]);
        if (c->node->opset >= 10)
            c->out[1]->dtype = RD_BOOL;
    }
    return RD_OK;
}

static size_t dropout_scratch(const struct rd_op_call *c)
{
    struct rd_tensor ones = *c->in[0];

    if (c->node->n_outputs > 1 && c->node->opset < 10)
        return rd_op_wide_size(&ones) + 64;
    return 64;
}

static rd_status dropout_forward(struct rd_op_call *c)
{
    const struct rd_tensor *ratio = rd_op_in(c, 1), *training = rd_op_in(c, 2);
    struct rd_tensor *mask = rd_op_out(c, 1);
    const double p = ratio ? *rd_op_wide(c, ratio) : 0.5;

    if (training && *(const unsigned char *)training->data && p != 0)
        return RD_FAIL(c->err, RD_E_USAGE,
            "it drops values at random (training_mode is true): such a model has no one answer");
    if (mask && mask->dtype == RD_BOOL) {
        memset(mask->data, 1, rd_tensor_bytes(mask));
    } else if (mask) {
        const size_t n = rd_tensor_count(mask);
        double *ones = rd_op_take(c, n * sizeof(*ones));

        for (size_t i = 0; i < n; i++)
            ones[i] = 1;
        rd_op_narrow(ones, mask, false);
    }
    return copy(c);
}

static bool dropout_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) &&
           !(c->node->n_inputs > 2 && batched[2]);
}

static const struct rd_op_attr dropout_attrs[] = {
    { "ratio", RD_ATTR_FLOAT, 1, 11, false },
    { "is_test", RD_ATTR_INT, 1, 6, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { "seed", RD_ATTR_INT, 12, 0, false },
    { 0 },
};

const struct rd_op rd_op_dropout = {
    .op = "Dropout",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FLOAT, RD_T_FLOAT, RD_T(RD_BOOL) },
    .attrs = dropout_attrs,
    .infer = dropout_infer,
    .forward = dropout_forward,
    .backward = add_back,
    .grad_in = 1,
    .scratch = dropout_scratch,
    .flops = no_flops,
    .per_example = dropout_rows,
    .view = true,
    .random = true,
};

/* --- Transpose --- */

static rd_status permutation(const struct rd_op_call *c, int *perm)
{
    const int rank = c->in[0]->ndim;
    const struct rd_attr *a = rd_op_attr(c->node, "perm");
    bool seen[RD_MAX_DIMS] = { false };

    if (a && a->n != (size_t)rank)
        return RD_FAIL(
            c->err, RD_E_INPUT, "perm has %zu entries; the input has %d dimensions", a->n, rank);
    for (int i = 0; i < rank; i++) {
        const int64_t p = a ? a->ints[i] : rank - 1 - i;

        if (p < 0 || p >= rank || seen[p])
            return RD_FAIL(c->err, RD_E_INPUT, "perm is no permutation of 0..%d", rank - 1);
        seen[p] = true;
        perm[i] = (int)p;
    }
    return RD_OK;
}

static rd_status transpose_infer(struct rd_op_call *c)
{
    int perm[RD_MAX_DIMS];
    rd_status st = permutation(c, perm);

    if (st)
        return st;
    c->out[0]->dtype = c->in[0]->dtype;
    c->out[0]->ndim = c->in[0]->ndim;
    for (int i = 0; i < c->in[0]->ndim; i++)
        c->out[0]->dim[i] = c->in[0]->dim[perm[i]];
    return RD_OK;
}

/*
 * The axes of the output, merged where they lie behind each other in the input too: `step` in the
 * input, `to` in the output. The last one is a row when its step is 1; else `other` is the axis
 * that has step 1, and the two make a matrix to be turned over.
 */
struct turn {
    int rank, other;
    size_t dim[RD_MAX_DIMS], step[RD_MAX_DIMS], to[RD_MAX_DIMS];
};

static struct turn turn_of(const struct rd_op_call *c)
{
    struct turn t = { .other = -1 };
    size_t step[RD_MAX_DIMS], all = 1;
    int perm[RD_MAX_DIMS] = { 0 };

    (void)permutation(c, perm);
    for (int i = c->in[0]->ndim - 1; i >= 0; i--) {
        step[i] = all;
        all *= (size_t)c->in[0]->dim[i];
    }
    for (int i = 0; i < c->in[0]->ndim; i++) {
        const size_t d = (size_t)c->in[0]->dim[perm[i]], s = step[perm[i]];

        if (d == 1)
            continue;
        if (t.rank && t.step[t.rank - 1] == s * d) {
            t.dim[t.rank - 1] *= d;
            t.step[t.rank - 1] = s;
        } else {
            t.dim[t.rank] = d;
            t.step[t.rank++] = s;
        }
    }
    if (!t.rank)
        t.dim[t.rank++] = t.step[0] = 1;
    all = 1;
    for (int i = t.rank - 1; i >= 0; i--) {
        t.to[i] = all;
        all *= t.dim[i];
        if (t.step[i] == 1 && i < t.rank - 1)
            t.other = i;
    }
    return t;
}

/* The next row or matrix: at[0] in the input, at[1] in the output; false at the end. */
static bool turn_next(const struct turn *t, size_t count[RD_MAX_DIMS], size_t at[2])
{
    for (int i = t->rank - 2; i >= 0; i--) {
        if (i == t->other)
            continue;
        at[0] += t->step[i];
        at[1] += t->to[i];
        if (++count[i] < t->dim[i])
            return true;
        at[0] -= t->step[i] * t->dim[i];
        at[1] -= t->to[i] * t->dim[i];
        count[i] = 0;
    }
    return false;
}

/* Squares of 8, so that each cache line is used while it is here. */
#define TURN(T)                                                                                    \
    for (size_t r0 = 0; r0 < rows; r0 += 8)                                                        \
        for (size_t c0 = 0; c0 < cols; c0 += 8)                                                    \
            for (size_t k = c0; k < cols && k < c0 + 8; k++)                                       \
                for (size_t r = r0; r < rows && r < r0 + 8; r++)                                   \
                    ((T *)out)[k * out_step + r] = ((const T *)in)[r * in_step + k];               \
    break

/* out[k * out_step + r] = in[r * in_step + k] */
static void turn_matrix(const struct rd_op_call *c, const void *in, size_t in_step, size_t rows,
    size_t cols, void *out, size_t out_step)
{
    switch (rd_dtype_size(c->in[0]->dtype)) {
    case 1:
        TURN(uint8_t);
    case 2:
        TURN(uint16_t);
    case 4:
        if (c->kernels && c->kernels->math && c->in[0]->dtype == RD_F32) {
            c->kernels->math->turn(
                in, (ptrdiff_t)in_step, rows, cols, out, (ptrdiff_t)out_step, false);
            break;
        }
        TURN(uint32_t);
    default:
        TURN(uint64_t);
    }
}

static rd_status transpose_forward(struct rd_op_call *c)
{
    const size_t size = rd_dtype_size(c->in[0]->dtype);
    const char *in = c->in[0]->data;
    char *out = c->out[0]->data;
    const struct turn t = turn_of(c);
    size_t count[RD_MAX_DIMS] = { 0 }, at[2] = { 0 };
    const size_t last = (size_t)t.rank - 1;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    do {
        if (t.other < 0)
            memcpy(out + at[1] * size, in + at[0] * size, t.dim[last] * size);
        else
            turn_matrix(c, in + at[0] * size, t.step[last], t.dim[last], t.dim[t.other],
                out + at[1] * size, t.to[t.other]);
    } while (turn_next(&t, count, at));
    return RD_OK;
}

#define ADD_TURNED(T)                                                                              \
    do {                                                                                           \
        const T *const from = (const T *)c->dout[0]->data + at[1];                                 \
        T *const to = (T *)c->din[0]->data + at[0];                                                \
        for (size_t k = 0; k < others; k++)                                                        \
            for (size_t i = 0; i < t.dim[last]; i++)                                               \
                to[i * t.step[last] + k] += from[k * other_step + i];                              \
    } while (0)

static rd_status transpose_back(struct rd_op_call *c)
{
    const struct turn t = turn_of(c);
    const size_t last = (size_t)t.rank - 1;
    const size_t others = t.other < 0 ? 1 : t.dim[t.other];
    const size_t other_step = t.other < 0 ? 0 : t.to[t.other];
    const struct rd_math *const math =
        c->kernels && c->in[0]->dtype == RD_F32 ? c->kernels->math : NULL;
    size_t count[RD_MAX_DIMS] = { 0 }, at[2] = { 0 };

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    if (!math)
        rd_op_start(c, 0);
    do {
        if (math && t.other < 0 && rd_op_is_fresh(c, 0))
            memcpy((float *)c->din[0]->data + at[0], (const float *)c->dout[0]->data + at[1],
                t.dim[last] * sizeof(float));
        else if (math && t.other < 0)
            math->add_to((const float *)c->dout[0]->data + at[1], NULL, 0, 1,
                (float *)c->din[0]->data + at[0], t.dim[last]);
        else if (math)
            math->turn((const float *)c->dout[0]->data + at[1], (ptrdiff_t)other_step, others,
                t.dim[last], (float *)c->din[0]->data + at[0], (ptrdiff_t)t.step[last],
                !rd_op_is_fresh(c, 0));
        else if (c->in[0]->dtype == RD_F32)
            ADD_TURNED(float);
        else
            ADD_TURNED(double);
    } while (turn_next(&t, count, at));
    return RD_OK;
}

static bool transpose_rows(const struct rd_op_call *c, const bool *batched)
{
    int perm[RD_MAX_DIMS] = { 0 };

    return batched[0] && !permutation(c, perm) && perm[0] == 0;
}

static const struct rd_op_attr transpose_attrs[] = {
    { "perm", RD_ATTR_INTS, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_transpose = {
    .op = "Transpose",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE },
    .attrs = transpose_attrs,
    .infer = transpose_infer,
    .forward = transpose_forward,
    .backward = transpose_back,
    .grad_in = 1,
    .sets = 1,
    .flops = no_flops,
    .per_example = transpose_rows,
};
