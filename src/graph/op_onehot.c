/*
 * op_onehot.c - OneHot, EyeLike, Hardmax: ones among zeros; IsInf, IsNaN: which are no numbers.
 */
#include "graph/op_index.h"

#include <math.h>

/* --- OneHot: an axis of `depth` more, "on" where the index says, else "off" --- */

static const int64_t LONGEST = (int64_t)1 << 40;

/* A number of any type, toward zero. NaN and what fits no int64: INT64_MIN. */
static int64_t whole_of(const struct rd_tensor *t, size_t i)
{
    const uint64_t bits = rd_bits_at(t, i);
    double v;

    if (t->dtype == RD_U64)
        return bits > INT64_MAX ? INT64_MIN : (int64_t)bits;
    if (rd_is_whole(t->dtype))
        return (int64_t)bits;
    v = rd_number_at(t, i);
    return v > -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

static rd_status onehot_infer(struct rd_op_call *c)
{
    const struct rd_tensor *index = c->in[0], *depth = c->in[1], *values = c->in[2];
    struct rd_tensor *out = c->out[0];
    int64_t n = -1;
    int axis, d = 0;
    rd_status st = rd_op_one_shape(c, depth, "the depth");

    if (!st)
        st = rd_op_axis(c, rd_op_int(c->node, "axis", -1), index->ndim + 1, false, &axis);
    if (st)
        return st;
    if (values->ndim != 1 || (values->dim[0] != 2 && values->dim[0] != -1))
        return RD_FAIL(c->err, RD_E_INPUT, "the values must be two: off and on");
    if (depth->data && depth->dtype) {
        n = whole_of(depth, 0);
        if ((depth->dtype == RD_I64 && rd_op_is_symbol(n)) ||
            (depth->dtype == RD_I32 && (n == RD_SYM32_ANY || n == RD_SYM32_BATCH)))
            n = -1;
        else if (n < 0 || n > LONGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "the depth is %lld", (long long)n);
    }
    if (index->ndim + 1 > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the result would have %d dimensions; at most %d are supported", index->ndim + 1,
            RD_MAX_DIMS);
    out->dtype = values->dtype;
    out->ndim = index->ndim + 1;
    for (int i = 0; i < out->ndim; i++)
        out->dim[i] = i == axis ? n : index->dim[d++];
    return RD_OK;
}

/* BODY sees `at`, where the one of index i stands, or SIZE_MAX. */
struct hits {
    size_t outer, inner, depth;
};

static struct hits hits_of(const struct rd_op_call *c, const struct rd_tensor *out)
{
    int axis = 0;

    (void)rd_op_axis(c, rd_op_int(c->node, "axis", -1), out->ndim, false, &axis);
    return (struct hits){ .outer = rd_dims_product(out, 0, axis),
        .inner = rd_dims_product(out, axis + 1, out->ndim),
        .depth = (size_t)out->dim[axis] };
}

/* Before opset 11 negative indices are out of range; what is out of range is off everywhere. */
static size_t hit(const struct rd_op_call *c, const struct hits *h, size_t i)
{
    int64_t v = whole_of(c->in[0], i);

    if (v < 0 && v >= -(int64_t)h->depth && c->node->opset >= 11)
        v += (int64_t)h->depth;
    if (v < 0 || v >= (int64_t)h->depth)
        return SIZE_MAX;
    return (i / h->inner * h->depth + (size_t)v) * h->inner + i % h->inner;
}

static rd_status onehot_forward(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    const struct hits h = hits_of(c, out);
    const size_t size = rd_dtype_size(out->dtype), n = rd_tensor_count(out);
    const char *const values = c->in[2]->data;

    for (size_t i = 0; i < n; i++)
        memcpy((char *)out->data + i * size, values, size);
    for (size_t i = 0; n && i < h.outer * h.inner; i++) {
        const size_t at = hit(c, &h, i);

        if (at != SIZE_MAX)
            memcpy((char *)out->data + at * size, values + size, size);
    }
    return RD_OK;
}

/* To the two values: all the cotangents where each stands. */
static rd_status onehot_backward(struct rd_op_call *c)
{
    const struct hits h = hits_of(c, c->dout[0]);
    const size_t n = rd_tensor_count(c->dout[0]);
    double all = 0, on = 0;

    for (size_t i = 0; i < n; i++)
        all += rd_real_at(c->dout[0], i);
    for (size_t i = 0; n && i < h.outer * h.inner; i++) {
        const size_t at = hit(c, &h, i);

        if (at != SIZE_MAX)
            on += rd_real_at(c->dout[0], at);
    }
    rd_real_add(c->din[2], 0, all - on);
    rd_real_add(c->din[2], 1, on);
    return RD_OK;
}

static bool onehot_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !batched[1] && !batched[2] && c->in[0]->ndim > 0 &&
           !rd_op_axis(c, rd_op_int(c->node, "axis", -1), c->in[0]->ndim + 1, false, &axis) &&
           axis > 0;
}

static const struct rd_op_attr axis_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_onehot = {
    .op = "OneHot",
    .domain = "",
    .since = 9,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_NUMBER, RD_T_NUMBER, RD_T_MOVABLE },
    .attrs = axis_attrs,
    .infer = onehot_infer,
    .forward = onehot_forward,
    .backward = onehot_backward,
    .grad_in = 4,
    .reads = RD_READS_IN,
    .per_example = onehot_rows,
    .sizes = 2,
};

/* --- EyeLike --- */

static rd_status eye_infer(struct rd_op_call *c)
{
    const int64_t type = rd_op_int(c->node, "dtype", (int64_t)c->in[0]->dtype);

    if (c->in[0]->ndim != 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input must have two dimensions, not %d", c->in[0]->ndim);
    if (type < 0 || type > RD_BF16 || !(RD_T_ANY & RD_T(type)))
        return RD_FAIL(c->err, RD_E_INPUT, "element type %lld (attribute 'dtype') is not supported",
            (long long)type);
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = (enum rd_dtype)type;
    return RD_OK;
}

static rd_status eye_forward(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    const int64_t k = rd_op_int(c->node, "k", 0), rows = out->dim[0], columns = out->dim[1];

    memset(out->data, 0, rd_tensor_bytes(out));
    if (k <= -rows || k >= columns)
        return RD_OK;
    for (int64_t i = k < 0 ? -k : 0; i < rows && i + k < columns; i++)
        rd_bits_set(out, (size_t)(i * columns + i + k), rd_bits_of_one(out->dtype));
    return RD_OK;
}

static const struct rd_op_attr eye_attrs[] = {
    { "dtype", RD_ATTR_INT, 9, 0, false },
    { "k", RD_ATTR_INT, 9, 0, false },
    { 0 },
};

const struct rd_op rd_op_eyelike = {
    .op = "EyeLike",
    .domain = "",
    .since = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_ANY },
    .attrs = eye_attrs,
    .infer = eye_infer,
    .forward = eye_forward,
};

/* --- Hardmax: 1 at the first of the largest --- */

static rd_status hard_axis(const struct rd_op_call *c, int *axis)
{
    const bool flat = c->node->opset < 13;

    return rd_op_axis(c, rd_op_int(c->node, "axis", flat ? 1 : -1), c->in[0]->ndim, flat, axis);
}

static rd_status hard_infer(struct rd_op_call *c)
{
    int axis;
    rd_status st = hard_axis(c, &axis);

    if (!st)
        rd_op_same_shape(c->out[0], c->in[0]);
    return st;
}

static rd_status hard_forward(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    size_t outer, n, inner = 1;
    int axis = 0;

    (void)hard_axis(c, &axis);
    memset(c->out[0]->data, 0, rd_tensor_bytes(x));
    if (!rd_tensor_count(x))
        return RD_OK;
    outer = rd_dims_product(x, 0, axis);
    n = rd_dims_product(x, axis, x->ndim); /* before opset 13 the rest is one row */
    if (c->node->opset >= 13) {
        n = (size_t)x->dim[axis];
        inner = rd_dims_product(x, axis + 1, x->ndim);
    }
    for (size_t row = 0; row < outer * inner; row++) {
        const size_t first = row / inner * n * inner + row % inner;
        size_t best = first;

        for (size_t i = 1; i < n; i++)
            if (rd_key_at(x, first + i * inner) > rd_key_at(x, best))
                best = first + i * inner;
        rd_bits_set(c->out[0], best, rd_bits_of_one(x->dtype));
    }
    return RD_OK;
}

static bool hard_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !hard_axis(c, &axis) && axis > 0;
}

const struct rd_op rd_op_hardmax = {
    .op = "Hardmax",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = axis_attrs,
    .infer = hard_infer,
    .forward = hard_forward,
    .per_example = hard_rows,
};

/* --- IsInf, IsNaN --- */

static rd_status is_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = RD_BOOL;
    return RD_OK;
}

/* Bits of infinity, and how many bits a float has. */
static uint64_t infinity(enum rd_dtype t, int *width)
{
    *width = (int)(8 * rd_dtype_size(t));
    return t == RD_F32   ? 0x7f800000
           : t == RD_F64 ? 0x7ff0000000000000
           : t == RD_F16 ? 0x7c00
                         : 0x7f80;
}

static rd_status isinf_forward(struct rd_op_call *c)
{
    const bool up = rd_op_int(c->node, "detect_positive", 1) != 0;
    const bool down = rd_op_int(c->node, "detect_negative", 1) != 0;
    int width;
    const uint64_t inf = infinity(c->in[0]->dtype, &width);

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++) {
        const uint64_t v = rd_bits_at(c->in[0], i);

        ((uint8_t *)c->out[0]->data)[i] =
            (up && v == inf) || (down && v == (inf | (uint64_t)1 << (width - 1)));
    }
    return RD_OK;
}

static rd_status isnan_forward(struct rd_op_call *c)
{
    int width;
    const uint64_t inf = infinity(c->in[0]->dtype, &width);

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        ((uint8_t *)c->out[0]->data)[i] =
            (rd_bits_at(c->in[0], i) & (((uint64_t)1 << (width - 1)) - 1)) > inf;
    return RD_OK;
}

static const struct rd_op_attr inf_attrs[] = {
    { "detect_negative", RD_ATTR_INT, 10, 0, false },
    { "detect_positive", RD_ATTR_INT, 10, 0, false },
    { 0 },
};

#define IS(id, name, first, ATTRS)                                                                 \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = first,                                                                            \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_FLOAT },                                                                 \
        .attrs = ATTRS,                                                                            \
        .infer = is_infer,                                                                         \
        .forward = id##_forward,                                                                   \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

IS(isinf, "IsInf", 10, inf_attrs);
IS(isnan, "IsNaN", 9, NULL);
