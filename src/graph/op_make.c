/*
 * op_make.c - Shape, Size, ConstantOfShape, Range: tensors made from shapes and numbers; Cast and
 * CastLike: from another element type.
 */
#include "graph/op_index.h"

#include "base/arena.h"
#include "tensor/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t LONGEST = (int64_t)1 << 40; /* of an axis that a number makes */

static double no_flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

/* --- Shape and Size --- */

static void shape_range(const struct rd_op_call *c, int *first, int *behind)
{
    const int64_t rank = c->in[0]->ndim;
    int64_t start = rd_op_int(c->node, "start", 0), end = rd_op_int(c->node, "end", rank);

    start = start < -rank ? 0 : start < 0 ? start + rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end;
    *first = (int)(start > rank ? rank : start);
    *behind = (int)(end > rank ? rank : end);
    if (*behind < *first)
        *behind = *first;
}

static rd_status shape_infer(struct rd_op_call *c)
{
    int first, behind;

    shape_range(c, &first, &behind);
    c->out[0]->dtype = RD_I64;
    c->out[0]->ndim = 1;
    c->out[0]->dim[0] = behind - first;
    return RD_OK;
}

static rd_status shape_forward(struct rd_op_call *c)
{
    int first, behind;

    shape_range(c, &first, &behind);
    for (int i = first; i < behind; i++) {
        int64_t d = c->in[0]->dim[i];

        if (d == -1)
            d = i == 0 && c->batched && c->batched[0] ? RD_SYM_BATCH : RD_SYM_ANY;
        ((int64_t *)c->out[0]->data)[i - first] = d;
    }
    return RD_OK;
}

static const struct rd_op_attr shape_attrs[] = {
    { "start", RD_ATTR_INT, 15, 0, false },
    { "end", RD_ATTR_INT, 15, 0, false },
    { 0 },
};

const struct rd_op rd_op_shape = {
    .op = "Shape",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE | RD_T_SMALL },
    .attrs = shape_attrs,
    .infer = shape_infer,
    .forward = shape_forward,
    .flops = no_flops,
    .shape_only = true,
};

static rd_status size_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = RD_I64;
    c->out[0]->ndim = 0;
    return RD_OK;
}

static rd_status size_forward(struct rd_op_call *c)
{
    int64_t n = 1;

    for (int i = 0; i < c->in[0]->ndim; i++)
        n = c->in[0]->dim[i] == -1 || rd_op_is_symbol(n) ? RD_SYM_ANY : n * c->in[0]->dim[i];
    *(int64_t *)c->out[0]->data = n;
    return RD_OK;
}

const struct rd_op rd_op_size = {
    .op = "Size",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE | RD_T_SMALL },
    .infer = size_infer,
    .forward = size_forward,
    .flops = no_flops,
    .shape_only = true,
};

/* --- ConstantOfShape --- */

static rd_status constant_infer(struct rd_op_call *c)
{
    const struct rd_attr *value = rd_op_attr(c->node, "value");
    const struct rd_tensor *shape = c->in[0];
    struct rd_tensor *out = c->out[0];
    rd_status st;

    if (value && (rd_tensor_count(value->tensor) != 1 || value->tensor->dtype == RD_STRING))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'value' must hold one number");
    out->dtype = value ? value->tensor->dtype : RD_F32;
    if (shape->ndim != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the shape must have one dimension, not %d", shape->ndim);
    if (shape->data) {
        st = rd_op_values(c, shape, "the shape", out->dim, &out->ndim);
        for (int i = 0; i < out->ndim && !st; i++) {
            if (rd_op_is_symbol(out->dim[i]))
                out->dim[i] = -1;
            else if (out->dim[i] < 0)
                st = RD_FAIL(c->err, RD_E_INPUT, "dimension %d of the shape is %lld", i,
                    (long long)out->dim[i]);
        }
        return st;
    }
    if (shape->dim[0] > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT, "the shape has %lld entries; at most %d are supported",
            (long long)shape->dim[0], RD_MAX_DIMS);
    out->ndim = (int)shape->dim[0];
    for (int i = 0; i < out->ndim; i++)
        out->dim[i] = -1;
    return RD_OK;
}

static rd_status constant_forward(struct rd_op_call *c)
{
    const struct rd_attr *value = rd_op_attr(c->node, "value");
    const size_t n = rd_tensor_count(c->out[0]), size = rd_dtype_size(c->out[0]->dtype);
    char *to = c->out[0]->data;

    if (!value) {
        memset(to, 0, n * size);
        return RD_OK;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * size, value->tensor->data, size);
    return RD_OK;
}

static const struct rd_op_attr constant_attrs[] = {
    { "value", RD_ATTR_TENSOR, 9, 0, false },
    { 0 },
};

const struct rd_op rd_op_constantofshape = {
    .op = "ConstantOfShape",
    .domain = "",
    .since = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_I64 },
    .attrs = constant_attrs,
    .infer = constant_infer,
    .forward = constant_forward,
    .flops = no_flops,
    .sizes = 1,
};

/* --- Range --- */

static bool is_real(enum rd_dtype t)
{
    return (RD_T(t) & RD_T_FLOAT) != 0;
}

static rd_status range_count(const struct rd_op_call *c, int64_t *n_out)
{
    uint64_t n = 0;

    if (is_real(c->in[0]->dtype)) {
        const double delta = rd_number_at(c->in[2], 0);
        const double steps = ceil((rd_number_at(c->in[1], 0) - rd_number_at(c->in[0], 0)) / delta);

        if (delta == 0 || !(steps <= (double)LONGEST))
            return RD_FAIL(c->err, RD_E_INPUT,
                "a range from %g to %g by %g has no end that can be reached",
                rd_number_at(c->in[0], 0), rd_number_at(c->in[1], 0), delta);
        *n_out = steps > 0 ? (int64_t)steps : 0;
        return RD_OK;
    } else {
        const int64_t from = (int64_t)rd_bits_at(c->in[0], 0),
                      to = (int64_t)rd_bits_at(c->in[1], 0),
                      delta = (int64_t)rd_bits_at(c->in[2], 0);

        if (delta > 0 && to > from)
            n = ((uint64_t)to - (uint64_t)from - 1) / (uint64_t)delta + 1;
        else if (delta < 0 && to < from)
            n = ((uint64_t)from - (uint64_t)to - 1) / (0 - (uint64_t)delta) + 1;
        if (delta == 0 || n > (uint64_t)LONGEST)
            return RD_FAIL(c->err, RD_E_INPUT,
                "a range from %lld to %lld by %lld has no end that can be reached", (long long)from,
                (long long)to, (long long)delta);
    }
    *n_out = (int64_t)n;
    return RD_OK;
}

static rd_status range_infer(struct rd_op_call *c)
{
    static const char *const name[] = { "start", "limit", "delta" };
    bool known = true;

    c->out[0]->dtype = c->in[0]->dtype;
    c->out[0]->ndim = 1;
    c->out[0]->dim[0] = -1;
    for (int i = 0; i < 3; i++) {
        if (c->in[i]->ndim > 1 ||
            (c->in[i]->ndim == 1 && c->in[i]->dim[0] != 1 && c->in[i]->dim[0] != -1))
            return RD_FAIL(c->err, RD_E_INPUT, "%s must be a scalar", name[i]);
        known = known && c->in[i]->data && c->in[i]->dtype;
    }
    return known ? range_count(c, &c->out[0]->dim[0]) : RD_OK;
}

static size_t range_scratch(const struct rd_op_call *c)
{
    return is_real(c->in[0]->dtype) ? rd_op_wide_size(c->out[0]) + 64 : 0;
}

static rd_status range_forward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->out[0]);
    double *v;

    if (!is_real(c->in[0]->dtype)) {
        for (size_t i = 0; i < n; i++)
            rd_bits_set(c->out[0], i, rd_bits_at(c->in[0], 0) + i * rd_bits_at(c->in[2], 0));
        return RD_OK;
    }
    v = rd_op_take(c, n * sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = rd_number_at(c->in[0], 0) + (double)i * rd_number_at(c->in[2], 0);
    rd_op_narrow(v, c->out[0], false);
    return RD_OK;
}

static const struct rd_op_attr range_attrs[] = {
    { "stash_type", RD_ATTR_INT, 27, 0, false },
    { 0 },
};

const struct rd_op rd_op_range = {
    .op = "Range",
    .domain = "",
    .since = 11,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT | RD_T(RD_I16) | RD_T(RD_I32) | RD_T(RD_I64) },
    .same = 6,
    .attrs = range_attrs,
    .infer = range_infer,
    .forward = range_forward,
    .scratch = range_scratch,
};

/* --- Cast --- */

static rd_status cast_to(const struct rd_op_call *c, enum rd_dtype to)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = to;
    return RD_OK;
}

static rd_status cast_infer(struct rd_op_call *c)
{
    static const struct {
        const char *name;
        enum rd_dtype type;
    } old[] = { { "FLOAT", RD_F32 }, { "DOUBLE", RD_F64 }, { "FLOAT16", RD_F16 }, { "INT8", RD_I8 },
        { "INT16", RD_I16 }, { "INT32", RD_I32 }, { "INT64", RD_I64 }, { "UINT8", RD_U8 },
        { "UINT16", RD_U16 }, { "UINT32", RD_U32 }, { "UINT64", RD_U64 }, { "BOOL", RD_BOOL } };
    const int64_t to = rd_op_int(c->node, "to", 0);

    if (c->node->opset < 6) { /* the type's name */
        for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++)
            if (rd_op_str_is(c->node, "to", old[i].name))
                return cast_to(c, old[i].type);
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'to' names no type that is supported");
    }
    if (to <= 0 || to >= RD_SEQUENCE || !rd_dtype_size((enum rd_dtype)to))
        return RD_FAIL(c->err, RD_E_INPUT, "element type %lld (attribute 'to') is not supported",
            (long long)to);
    return cast_to(c, (enum rd_dtype)to);
}

static rd_status like_infer(struct rd_op_call *c)
{
    if (!c->in[1]->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "the type of input 1 is not known");
    return cast_to(c, c->in[1]->dtype);
}

static size_t cast_scratch(const struct rd_op_call *c)
{
    struct rd_tensor wide = *c->in[0];

    return 2 * rd_op_wide_size(&wide);
}

/* Text to numbers as C reads them; what is no number is refused. */
static rd_status parse(struct rd_op_call *c)
{
    const char *const *text = c->in[0]->data;
    struct rd_tensor *out = c->out[0];
    const size_t n = rd_tensor_count(out);
    double *to = rd_op_take(c, n * sizeof(*to));

    for (size_t i = 0; i < n; i++) {
        char *end;

        to[i] = strtod(text[i], &end);
        if (end == text[i] || *end)
            return RD_FAIL(c->err, RD_E_INPUT, "element %zu is no number", i);
        if (rd_is_whole(out->dtype) && !strpbrk(text[i], ".eEnNxX")) /* all 64 bits */
            rd_bits_set(out, i,
                text[i][0] == '-' ? (uint64_t)strtoll(text[i], NULL, 10)
                                  : strtoull(text[i], NULL, 10));
        else if (rd_is_whole(out->dtype))
            rd_bits_set(out, i, to[i] > -0x1p63 && to[i] < 0x1p63 ? (uint64_t)(int64_t)to[i] : 0);
    }
    if (!rd_is_whole(out->dtype))
        rd_op_narrow(to, out, false);
    return RD_OK;
}

static rd_status print(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const size_t n = rd_tensor_count(x);
    const double *from = rd_is_whole(x->dtype) ? NULL : rd_op_wide(c, x);
    const char **to = c->out[0]->data;

    if (!c->text)
        return RD_FAIL(c->err, RD_E_USAGE, "numbers cannot be made strings here");
    for (size_t i = 0; i < n; i++) {
        char one[40];

        if (x->dtype == RD_U64)
            (void)snprintf(one, sizeof(one), "%llu", (unsigned long long)rd_bits_at(x, i));
        else if (!from)
            (void)snprintf(one, sizeof(one), "%lld", (long long)(int64_t)rd_bits_at(x, i));
        else if (isnan(from[i]))
            (void)snprintf(one, sizeof(one), "NaN");
        else if (isinf(from[i]))
            (void)snprintf(one, sizeof(one), from[i] > 0 ? "INF" : "-INF");
        else
            (void)snprintf(one, sizeof(one), x->dtype == RD_F64 ? "%.17g" : "%.8g", from[i]);
        to[i] = rd_arena_strdup(c->text, one);
        if (!to[i])
            return RD_FAIL(c->err, RD_E_MEMORY, "no memory for strings");
    }
    return RD_OK;
}

/* Floats of 8 and 4 bits: what is too large saturates, or becomes infinity or NaN. */
static rd_status cast_to_small(struct rd_op_call *c)
{
    const double *const from = rd_op_wide(c, c->in[0]);
    const bool saturate = rd_op_int(c->node, "saturate", 1) != 0;
    const enum rd_small_round round = rd_op_str_is(c->node, "round_mode", "down") ? RD_SMALL_DOWN
                                      : rd_op_str_is(c->node, "round_mode", "nearest")
                                          ? RD_SMALL_NEAREST
                                          : RD_SMALL_UP;

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        ((uint8_t *)c->out[0]->data)[i] =
            rd_small_element(c->out[0]->dtype, from[i], saturate, round);
    return RD_OK;
}

static rd_status cast_forward(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    const size_t n = rd_tensor_count(x);

    if (x->dtype == out->dtype) {
        memcpy(out->data, x->data, rd_tensor_bytes(x));
        return RD_OK;
    }
    if (x->dtype == RD_STRING)
        return parse(c);
    if (out->dtype == RD_STRING)
        return print(c);
    for (size_t i = 0; rd_is_whole(x->dtype) && i < n; i++) {
        const uint64_t bits = rd_bits_at(x, i);
        const bool negative = x->dtype != RD_U64 && (int64_t)bits < 0;

        if (rd_is_whole(out->dtype))
            rd_bits_set(out, i, bits);
        else if (out->dtype == RD_F32) /* rounded once */
            ((float *)out->data)[i] = negative ? (float)(int64_t)bits : (float)bits;
        else if (out->dtype == RD_F64)
            ((double *)out->data)[i] = negative ? (double)(int64_t)bits : (double)bits;
    }
    if (rd_small_bits(out->dtype) && !rd_small_is_int(out->dtype))
        return cast_to_small(c);
    if (rd_small_is_int(out->dtype) && !rd_is_whole(x->dtype)) { /* the low bits, no saturation */
        const double *const from = rd_op_wide(c, x);

        for (size_t i = 0; i < n; i++)
            rd_bits_set(out, i, fabs(from[i]) < 0x1p63 ? (uint64_t)(int64_t)from[i] : (uint64_t)0);
        return RD_OK;
    }
    if (!rd_is_whole(x->dtype) || out->dtype == RD_F16 || out->dtype == RD_BF16)
        rd_op_narrow(rd_op_wide(c, x), out, false);
    return RD_OK;
}

/* Between real types the gradient passes. */
static rd_status cast_backward(struct rd_op_call *c)
{
    rd_op_narrow(rd_op_wide(c, c->dout[0]), c->din[0], true);
    return RD_OK;
}

static const struct rd_op_attr cast_attrs[] = {
    { "to", RD_ATTR_STRING, 1, 5, true },
    { "to", RD_ATTR_INT, 6, 0, true },
    { "saturate", RD_ATTR_INT, 19, 0, false },
    { "round_mode", RD_ATTR_STRING, 25, 0, false },
    { 0 },
};
static const struct rd_op_attr like_attrs[] = {
    { "saturate", RD_ATTR_INT, 19, 0, false },
    { "round_mode", RD_ATTR_STRING, 25, 0, false },
    { 0 },
};

static bool cast_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && c->in[0]->ndim > 0;
}

const struct rd_op rd_op_cast = {
    .op = "Cast",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE | RD_T_SMALL },
    .attrs = cast_attrs,
    .infer = cast_infer,
    .forward = cast_forward,
    .backward = cast_backward,
    .grad_in = 1,
    .scratch = cast_scratch,
    .per_example = cast_rows,
};

const struct rd_op rd_op_castlike = {
    .op = "CastLike",
    .domain = "",
    .since = 15,
    .types = 2,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE | RD_T_SMALL },
    .attrs = like_attrs,
    .infer = like_infer,
    .forward = cast_forward,
    .backward = cast_backward,
    .grad_in = 1,
    .scratch = cast_scratch,
    .per_example = cast_rows,
};
