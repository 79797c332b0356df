/*
 * op_move.c - Gather, Concat, Split, Slice: elements of any type are taken elsewhere, none is
 * computed. Gradients go the way back and add up where an element was taken twice.
 */
#include "graph/op.h"

#include <string.h>

enum { MOVABLE = RD_T_ANY | RD_T(RD_STRING), INDEX = RD_T(RD_I32) | RD_T(RD_I64) };

static double no_flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

static size_t product(const struct rd_tensor *t, int first, int behind)
{
    size_t n = 1;

    for (int i = first; i < behind; i++)
        n *= (size_t)t->dim[i];
    return n;
}

static void add_run(enum rd_dtype type, const void *from, void *to, size_t n)
{
    if (type == RD_F32)
        for (size_t i = 0; i < n; i++)
            ((float *)to)[i] += ((const float *)from)[i];
    else
        for (size_t i = 0; i < n; i++)
            ((double *)to)[i] += ((const double *)from)[i];
}

/* Sizes of one dim in two tensors that must agree; -1 is free. False: they do not. */
static bool unify(int64_t a, int64_t *b)
{
    if (a != -1 && *b != -1 && a != *b)
        return false;
    *b = a == -1 ? *b : a;
    return true;
}

/* --- Gather: out[a..., i..., b...] = in[a..., index[i...], b...] --- */

static rd_status gather_axis(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis to gather along");
    return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status gather_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1];
    struct rd_tensor *out = c->out[0];
    int axis;
    rd_status st = gather_axis(c, &axis);

    if (st)
        return st;
    if (x->ndim - 1 + index->ndim > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the result would have %d dimensions; at most %d are supported",
            x->ndim - 1 + index->ndim, RD_MAX_DIMS);
    out->dtype = x->dtype;
    out->ndim = 0;
    for (int i = 0; i < axis; i++)
        out->dim[out->ndim++] = x->dim[i];
    for (int i = 0; i < index->ndim; i++)
        out->dim[out->ndim++] = index->dim[i];
    for (int i = axis + 1; i < x->ndim; i++)
        out->dim[out->ndim++] = x->dim[i];
    return RD_OK;
}

/* Index number i, counted from the front. */
static rd_status gather_at(
    const struct rd_op_call *c, const struct rd_tensor *index, size_t i, int64_t size, size_t *at)
{
    const int64_t given = index->dtype == RD_I64 ? ((const int64_t *)index->data)[i]
                                                 : ((const int32_t *)index->data)[i];

    if (given < -size || given >= size)
        return RD_FAIL(c->err, RD_E_INPUT, "index %lld (element %zu) is outside -%lld..%lld",
            (long long)given, i, (long long)size, (long long)size - 1);
    *at = (size_t)(given < 0 ? given + size : given);
    return RD_OK;
}

static rd_status gather(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1];
    const size_t n = rd_tensor_count(index), size = rd_dtype_size(x->dtype);
    size_t outer, inner, run;
    int axis = 0;

    (void)gather_axis(c, &axis);
    outer = product(x, 0, axis);
    inner = product(x, axis + 1, x->ndim);
    run = inner * size;
    for (size_t i = 0; i < n; i++) {
        size_t at;
        rd_status st = gather_at(c, index, i, x->dim[axis], &at);

        if (st)
            return st;
        for (size_t o = 0; o < outer; o++) {
            const size_t there = o * (size_t)x->dim[axis] + at, here = o * n + i;

            if (back)
                add_run(x->dtype, (const char *)c->dout[0]->data + here * run,
                    (char *)c->din[0]->data + there * run, inner);
            else
                memcpy(
                    (char *)c->out[0]->data + here * run, (const char *)x->data + there * run, run);
        }
    }
    return RD_OK;
}

static rd_status gather_forward(struct rd_op_call *c)
{
    return gather(c, false);
}

static rd_status gather_backward(struct rd_op_call *c)
{
    return gather(c, true);
}

/* Rows of the batch along another axis; or rows of a table by the batch's own indices. */
static bool gather_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    if (gather_axis(c, &axis) || batched[0] == batched[1])
        return false;
    return batched[0] ? axis > 0 : axis == 0;
}

static const struct rd_op_attr axis_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_gather = {
    .op = "Gather",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE, INDEX },
    .attrs = axis_attrs,
    .infer = gather_infer,
    .forward = gather_forward,
    .backward = gather_backward,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = gather_rows,
    .moves = 1,
};

/* --- Concat --- */

static rd_status concat_axis(const struct rd_op_call *c, int *axis)
{
    if (c->node->opset >= 4 && !rd_op_attr(c->node, "axis"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'axis' is missing");
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "scalars have no axis to join along");
    return rd_op_axis(c, rd_op_int(c->node, "axis", 1), c->in[0]->ndim, false, axis);
}

static rd_status concat_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    char a[120], b[120];
    int axis;
    rd_status st = concat_axis(c, &axis);

    if (st)
        return st;
    rd_op_same_shape(out, c->in[0]);
    for (int k = 1; k < c->node->n_inputs; k++) {
        const struct rd_tensor *t = c->in[k];
        bool fits;

        if (!t)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is left out", k);
        if (t->dtype && out->dtype && t->dtype != out->dtype)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, input 0 is %s: they must be equal",
                k, rd_dtype_name(t->dtype), rd_dtype_name(out->dtype));
        fits = t->ndim == out->ndim;
        for (int i = 0; fits && i < out->ndim; i++)
            fits = i == axis || unify(t->dim[i], &out->dim[i]);
        if (!fits)
            return RD_FAIL(c->err, RD_E_INPUT,
                "input %d of shape %s cannot be joined to input 0 of shape %s along axis %d", k,
                rd_shape_text(t->dim, t->ndim, a, sizeof(a)),
                rd_shape_text(c->in[0]->dim, c->in[0]->ndim, b, sizeof(b)), axis);
        if (out->dim[axis] == -1 || t->dim[axis] == -1)
            out->dim[axis] = -1;
        else if (__builtin_add_overflow(out->dim[axis], t->dim[axis], &out->dim[axis]))
            return RD_FAIL(c->err, RD_E_INPUT, "the joined axis is too long");
    }
    return RD_OK;
}

/* Bytes of each input between two steps of the axes in front. */
static rd_status concat(struct rd_op_call *c, bool back)
{
    const size_t size = rd_dtype_size(c->out[0] ? c->out[0]->dtype : c->in[0]->dtype);
    size_t outer, width = 0, at = 0;
    int axis = 0;

    (void)concat_axis(c, &axis);
    outer = product(c->in[0], 0, axis);
    for (int k = 0; k < c->node->n_inputs; k++)
        width += product(c->in[k], axis, c->in[k]->ndim);
    for (int k = 0; k < c->node->n_inputs; k++) {
        const size_t run = product(c->in[k], axis, c->in[k]->ndim);

        for (size_t o = 0; o < outer && (!back || c->din[k]); o++) {
            const size_t there = (o * width + at) * size, here = o * run * size;

            if (back)
                add_run(c->in[k]->dtype, (const char *)c->dout[0]->data + there,
                    (char *)c->din[k]->data + here, run);
            else
                memcpy((char *)c->out[0]->data + there, (const char *)c->in[k]->data + here,
                    run * size);
        }
        at += run;
    }
    return RD_OK;
}

static rd_status concat_forward(struct rd_op_call *c)
{
    return concat(c, false);
}

static rd_status concat_backward(struct rd_op_call *c)
{
    return concat(c, true);
}

static bool concat_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    for (int k = 0; k < c->node->n_inputs; k++)
        if (!batched[k])
            return false;
    return !concat_axis(c, &axis) && axis > 0;
}

const struct rd_op rd_op_concat = {
    .op = "Concat",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE },
    .attrs = axis_attrs,
    .infer = concat_infer,
    .forward = concat_forward,
    .backward = concat_backward,
    .grad_in = RD_GRAD_ALL,
    .flops = no_flops,
    .per_example = concat_rows,
    .moves = ~0u,
};

/* --- Split --- */

/* Sizes of the parts: an attribute before opset 13, input 1 from there on, equal when not given. */
static rd_status part(const struct rd_op_call *c, int64_t whole, int k, int64_t *out)
{
    const struct rd_tensor *given = rd_op_in(c, 1);
    const int64_t n = c->node->n_outputs;
    size_t count;
    const int64_t *sizes = rd_op_ints(c->node, "split", &count);

    *out = -1;
    if (given) {
        if (given->ndim != 1)
            return RD_FAIL(c->err, RD_E_INPUT, "the sizes of the parts must have one dimension");
        if (given->dim[0] != -1 && given->dim[0] != n)
            return RD_FAIL(c->err, RD_E_INPUT, "%lld sizes for %lld parts",
                (long long)given->dim[0], (long long)n);
        if (!given->data)
            return RD_OK;
        memcpy(out, (const char *)given->data + (size_t)k * sizeof(*out), sizeof(*out));
    } else if (sizes) {
        if (count != (size_t)n)
            return RD_FAIL(c->err, RD_E_INPUT, "%zu sizes for %lld parts", count, (long long)n);
        *out = sizes[k];
    } else if (whole != -1) {
        const int64_t each = whole / n + (whole % n != 0);

        if (whole % n && c->node->opset < 18)
            return RD_FAIL(c->err, RD_E_INPUT, "an axis of size %lld cannot be split into %lld",
                (long long)whole, (long long)n);
        *out = (k + 1) * each <= whole ? each : k * each < whole ? whole - k * each : 0;
        return RD_OK;
    } else {
        return RD_OK;
    }
    if (*out < 0)
        return RD_FAIL(c->err, RD_E_INPUT, "part %d has the size %lld", k, (long long)*out);
    return RD_OK;
}

static rd_status split_axis(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar cannot be split");
    return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status split_infer(struct rd_op_call *c)
{
    int64_t whole, sum = 0;
    int axis;
    bool known = true;
    rd_status st = split_axis(c, &axis);

    if (st)
        return st;
    whole = c->in[0]->dim[axis];
    if (c->node->opset >= 13 && rd_op_attr(c->node, "num_outputs")) {
        if (rd_op_in(c, 1))
            return RD_FAIL(c->err, RD_E_INPUT, "both num_outputs and the parts' sizes are given");
        if (rd_op_int(c->node, "num_outputs", 0) != c->node->n_outputs)
            return RD_FAIL(c->err, RD_E_INPUT, "num_outputs is %lld, but it has %d outputs",
                (long long)rd_op_int(c->node, "num_outputs", 0), c->node->n_outputs);
    }
    for (int k = 0; k < c->node->n_outputs; k++) {
        int64_t size;

        st = part(c, whole, k, &size);
        if (st)
            return st;
        rd_op_same_shape(c->out[k], c->in[0]);
        c->out[k]->dim[axis] = size;
        known = known && size != -1;
        if (known && __builtin_add_overflow(sum, size, &sum))
            return RD_FAIL(c->err, RD_E_INPUT, "the parts' sizes overflow");
    }
    if (known && whole != -1 && sum != whole)
        return RD_FAIL(c->err, RD_E_INPUT, "the parts have %lld of the axis' %lld in all",
            (long long)sum, (long long)whole);
    return RD_OK;
}

static rd_status split(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const size_t size = rd_dtype_size(x->dtype);
    size_t outer, inner, at = 0;
    int axis = 0;

    (void)split_axis(c, &axis);
    outer = product(x, 0, axis);
    inner = product(x, axis + 1, x->ndim);
    for (int k = 0; k < c->node->n_outputs; k++) {
        const struct rd_tensor *part_k = back ? c->dout[k] : c->out[k];
        int64_t rows = 0;
        size_t run;

        (void)part(c, x->dim[axis], k, &rows);
        run = (size_t)rows * inner;
        for (size_t o = 0; o < outer && part_k; o++) {
            const size_t there = (o * (size_t)x->dim[axis] * inner + at) * size;
            const size_t here = o * run * size;

            if (back)
                add_run(x->dtype, (const char *)part_k->data + here,
                    (char *)c->din[0]->data + there, run);
            else
                memcpy((char *)part_k->data + here, (const char *)x->data + there, run * size);
        }
        at += run;
    }
    return RD_OK;
}

static rd_status split_forward(struct rd_op_call *c)
{
    return split(c, false);
}

static rd_status split_backward(struct rd_op_call *c)
{
    return split(c, true);
}

static bool split_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !(c->node->n_inputs > 1 && batched[1]) && !split_axis(c, &axis) &&
           axis > 0;
}

static const struct rd_op_attr split_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { "split", RD_ATTR_INTS, 1, 12, false },
    { "num_outputs", RD_ATTR_INT, 18, 0, false },
    { 0 },
};

const struct rd_op rd_op_split = {
    .op = "Split",
    .domain = "",
    .since = 2,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = -1,
    .in_type = { MOVABLE, RD_T_I64 },
    .attrs = split_attrs,
    .infer = split_infer,
    .forward = split_forward,
    .backward = split_backward,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = split_rows,
    .moves = 1,
};

/* --- Slice --- */

/* Of each axis: first element, step, how many. count -1: not known. */
struct cut {
    int64_t start[RD_MAX_DIMS], step[RD_MAX_DIMS], count[RD_MAX_DIMS];
    bool whole[RD_MAX_DIMS]; /* the axis is taken as it is, however long */
};

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* How many of start, start + step, ... lie before end. */
static int64_t steps(int64_t start, int64_t end, int64_t step)
{
    if (step > 0)
        return end > start ? (end - start - 1) / step + 1 : 0;
    return start > end ? (int64_t)((uint64_t)(start - end - 1) / (0 - (uint64_t)step) + 1) : 0;
}

static void cut_axis(struct cut *k, int i, int64_t d, int64_t start, int64_t end, int64_t step)
{
    k->step[i] = step;
    k->whole[i] = start == 0 && step == 1 && end >= INT32_MAX;
    if (d == -1) {
        k->start[i] = 0;
        k->count[i] = -1;
        return;
    }
    start = start < 0 ? start + d : start;
    end = end < 0 ? end + d : end;
    if (step > 0) {
        start = clamp(start, 0, d);
        end = clamp(end, 0, d);
    } else {
        start = clamp(start, -1, d - 1);
        end = clamp(end, -1, d - 1);
    }
    k->start[i] = start;
    k->count[i] = steps(start, end, step);
}

/* The i-th of starts, ends, axes, steps; *n_out how many. *known false: only known at run time. */
static rd_status slice_list(const struct rd_op_call *c, int input, const char *name, int64_t *out,
    int *n_out, bool *given, bool *known)
{
    const struct rd_tensor *t = rd_op_in(c, input);
    size_t n;
    const int64_t *old = rd_op_ints(c->node, name, &n);

    *known = true;
    *n_out = 0;
    if (c->node->opset < 10) {
        *given = old != NULL;
        if (n > RD_MAX_DIMS)
            return RD_FAIL(c->err, RD_E_INPUT, "%zu %s are more than axes", n, name);
        for (size_t i = 0; i < n; i++)
            out[i] = old[i];
        *n_out = (int)n;
        return RD_OK;
    }
    *given = t != NULL;
    if (!t)
        return RD_OK;
    if (t->data)
        return rd_op_values(c, t, name, out, n_out);
    *known = false;
    if (t->ndim != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "%s must have one dimension, not %d", name, t->ndim);
    *n_out = t->dim[0] >= 0 && t->dim[0] <= RD_MAX_DIMS ? (int)t->dim[0] : -1;
    return RD_OK;
}

static rd_status cut_of(const struct rd_op_call *c, struct cut *k)
{
    const struct rd_tensor *x = c->in[0];
    int64_t list[4][RD_MAX_DIMS] = { { 0 } }; /* starts, ends, axes, steps */
    static const char *const name[4] = { "starts", "ends", "axes", "steps" };
    bool given[4], known[4], seen[RD_MAX_DIMS] = { false };
    int n[4];

    for (int j = 0; j < 4; j++) {
        rd_status st = slice_list(c, j + 1, name[j], list[j], &n[j], &given[j], &known[j]);

        if (st)
            return st;
        if (j < 2 && !given[j])
            return RD_FAIL(c->err, RD_E_INPUT, "%s are missing", name[j]);
        if (given[j] && n[0] >= 0 && n[j] >= 0 && n[j] != n[0])
            return RD_FAIL(c->err, RD_E_INPUT, "%d %s for %d starts", n[j], name[j], n[0]);
        if (n[j] > x->ndim)
            return RD_FAIL(c->err, RD_E_INPUT, "%d %s for %d dimensions", n[j], name[j], x->ndim);
    }
    for (int i = 0; i < x->ndim; i++) {
        const bool untouched = given[2] ? known[2] : n[0] >= 0;

        k->start[i] = 0;
        k->step[i] = 1;
        k->whole[i] = untouched;
        k->count[i] = untouched ? x->dim[i] : -1;
    }
    for (int j = 0; j < n[0] && (!given[2] || known[2]); j++) {
        int axis = j;
        rd_status st = given[2] ? rd_op_axis(c, list[2][j], x->ndim, false, &axis) : RD_OK;

        if (st)
            return st;
        if (seen[axis])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", axis);
        seen[axis] = true;
        if (given[3] && known[3] && !list[3][j])
            return RD_FAIL(c->err, RD_E_INPUT, "the step of axis %d is 0", axis);
        if (!known[0] || !known[1] || (given[3] && !known[3])) {
            k->count[axis] = -1;
            k->whole[axis] = false;
            continue;
        }
        cut_axis(k, axis, x->dim[axis], list[0][j], list[1][j], given[3] ? list[3][j] : 1);
    }
    return RD_OK;
}

bool rd_op_slice_numbers(const struct rd_op_call *c, int64_t *start, int64_t *step, int64_t *count)
{
    struct cut k;

    if (cut_of(c, &k))
        return false;
    for (int i = 0; i < c->in[0]->ndim; i++) {
        start[i] = k.start[i];
        step[i] = k.step[i];
        count[i] = k.count[i];
        if (k.count[i] == -1 && !k.whole[i])
            return false;
    }
    return true;
}

static rd_status slice_infer(struct rd_op_call *c)
{
    struct cut k;
    rd_status st = cut_of(c, &k);

    if (st)
        return st;
    if (c->node->opset < 10 && c->node->n_inputs > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "Slice takes one input before opset 10");
    rd_op_same_shape(c->out[0], c->in[0]);
    for (int i = 0; i < c->in[0]->ndim; i++)
        c->out[0]->dim[i] = k.count[i];
    return RD_OK;
}

#define SLICE(T)                                                                                   \
    for (size_t e = 0; e < run; e++)                                                               \
        ((T *)to)[o + e] = ((const T *)from)[at + (ptrdiff_t)e * inner];                           \
    break
#define SLICE_BACK(T)                                                                              \
    for (size_t e = 0; e < run; e++)                                                               \
    ((T *)to)[at + (ptrdiff_t)e * inner] += ((const T *)from)[o + e]

static rd_status slice(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *out = back ? c->dout[0] : c->out[0];
    const void *from = back ? out->data : x->data;
    void *to = back ? c->din[0]->data : out->data;
    const size_t size = rd_dtype_size(x->dtype), n = rd_tensor_count(out);
    const int last = x->ndim - 1;
    ptrdiff_t step[RD_MAX_DIMS] = { 0 }, all = 1, at = 0;
    size_t count[RD_MAX_DIMS] = { 0 };
    struct cut k;

    (void)cut_of(c, &k); /* infer has accepted it */
    for (int i = last; i >= 0; i--) {
        if (x->dim[i])
            at += all * k.start[i];
        step[i] = k.count[i] > 1 ? all * k.step[i] : 0;
        all *= x->dim[i];
    }
    if (n && x->ndim == 0) {
        if (back)
            add_run(x->dtype, from, to, 1);
        else
            memcpy(to, from, size);
        return RD_OK;
    }
    for (size_t o = 0; o < n;) {
        const size_t run = (size_t)k.count[last];
        const ptrdiff_t inner = step[last];
        int i = last - 1;

        if (back && x->dtype == RD_F32) {
            SLICE_BACK(float);
        } else if (back) {
            SLICE_BACK(double);
        } else {
            switch (size) {
            case 1:
                SLICE(uint8_t);
            case 2:
                SLICE(uint16_t);
            case 4:
                SLICE(uint32_t);
            default:
                SLICE(uint64_t);
            }
        }
        o += run;
        for (; i >= 0; i--) {
            at += step[i];
            if (++count[i] < (size_t)k.count[i])
                break;
            count[i] = 0;
            at -= step[i] * k.count[i];
        }
    }
    return RD_OK;
}

static rd_status slice_forward(struct rd_op_call *c)
{
    return slice(c, false);
}

static rd_status slice_backward(struct rd_op_call *c)
{
    return slice(c, true);
}

static bool slice_rows(const struct rd_op_call *c, const bool *batched)
{
    struct cut k;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0] && !cut_of(c, &k) && k.whole[0];
}

static const struct rd_op_attr slice_attrs[] = {
    { "starts", RD_ATTR_INTS, 1, 9, true },
    { "ends", RD_ATTR_INTS, 1, 9, true },
    { "axes", RD_ATTR_INTS, 1, 9, false },
    { 0 },
};

const struct rd_op rd_op_slice = {
    .op = "Slice",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE, INDEX },
    .attrs = slice_attrs,
    .infer = slice_infer,
    .forward = slice_forward,
    .backward = slice_backward,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = slice_rows,
    .moves = 1,
};
