/*
 * op_rearrange.c - Trilu, DepthToSpace, SpaceToDepth, ReverseSequence, CenterCropPad:
 * elements of any type in another order, or some of them.
 *
 * Gradients take the way back.
 */
#include "graph/op_index.h"

static void move(struct rd_op_call *c, bool back, size_t from, size_t to, size_t n)
{
    const size_t size = rd_dtype_size(c->in[0]->dtype);

    if (!back)
        memcpy((char *)c->out[0]->data + to * size, (const char *)c->in[0]->data + from * size,
            n * size);
    for (size_t i = 0; back && i < n; i++)
        rd_real_add(c->din[0], from + i, rd_real_at(c->dout[0], to + i));
}

/* --- Trilu: the upper or the lower triangle of matrices --- */

static rd_status trilu_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *k = rd_op_in(c, 1);

    if (x->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT, "matrices have two dimensions or more, not %d", x->ndim);
    if (x->dtype == RD_STRING)
        return RD_FAIL(c->err, RD_E_INPUT, "strings have no zero");
    rd_op_same_shape(c->out[0], x);
    return k ? rd_op_one_shape(c, k, "k") : RD_OK;
}

static rd_status trilu(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const int64_t rows = x->dim[x->ndim - 2], columns = x->dim[x->ndim - 1];
    const bool upper = rd_op_int(c->node, "upper", 1) != 0;
    const size_t n = rd_tensor_count(x);
    int64_t k = 0;

    if (rd_op_in(c, 1))
        (void)rd_op_one_int(c, c->in[1], "k", &k); /* infer has accepted it */
    k = k < -rows ? -rows : k > columns ? columns : k;
    if (!back)
        memset(c->out[0]->data, 0, rd_tensor_bytes(x));
    for (size_t at = 0; at < n; at += (size_t)columns) {
        const int64_t row = (int64_t)(at / (size_t)columns) % rows;
        int64_t low = upper ? row + k : 0, high = upper ? columns : row + k + 1;

        low = low < 0 ? 0 : low;
        high = high > columns ? columns : high;
        if (low < high)
            move(c, back, at + (size_t)low, at + (size_t)low, (size_t)(high - low));
    }
    return RD_OK;
}

static rd_status trilu_forward(struct rd_op_call *c)
{
    return trilu(c, false);
}

static rd_status trilu_backward(struct rd_op_call *c)
{
    return trilu(c, true);
}

static bool trilu_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && c->in[0]->ndim > 2 && !(c->node->n_inputs > 1 && batched[1]);
}

static const struct rd_op_attr trilu_attrs[] = {
    { "upper", RD_ATTR_INT, 14, 0, false },
    { 0 },
};

const struct rd_op rd_op_trilu = {
    .op = "Trilu",
    .domain = "",
    .since = 14,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_I64 },
    .attrs = trilu_attrs,
    .infer = trilu_infer,
    .forward = trilu_forward,
    .backward = trilu_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .flops = rd_op_no_flops,
    .per_example = trilu_rows,
};

/* --- DepthToSpace and SpaceToDepth: b x b pixels are b^2 channels of one --- */

static rd_status block_of(const struct rd_op_call *c, int64_t *b)
{
    *b = rd_op_int(c->node, "blocksize", 0);
    if (c->in[0]->ndim != 4)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input must have four dimensions, not %d", c->in[0]->ndim);
    if (*b < 1 || *b > INT16_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'blocksize' is %lld", (long long)*b);
    if (rd_op_attr(c->node, "mode") && !rd_op_str_is(c->node, "mode", "DCR") &&
        !rd_op_str_is(c->node, "mode", "CRD"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'mode' must be DCR or CRD");
    return RD_OK;
}

/* One dim times or divided by a factor; -1 stays. */
static rd_status scale(
    const struct rd_op_call *c, int axis, int64_t factor, bool divide, int64_t *out)
{
    const int64_t d = c->in[0]->dim[axis];

    *out = d;
    if (d == -1)
        return RD_OK;
    if (divide && d % factor)
        return RD_FAIL(c->err, RD_E_INPUT, "axis %d of size %lld is no multiple of %lld", axis,
            (long long)d, (long long)factor);
    if (divide)
        *out = d / factor;
    else if (__builtin_mul_overflow(d, factor, out))
        return RD_FAIL(c->err, RD_E_INPUT, "axis %d is too long", axis);
    return RD_OK;
}

static rd_status blocks_infer(struct rd_op_call *c, bool to_space)
{
    int64_t b;
    rd_status st = block_of(c, &b);

    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    st = scale(c, 1, b * b, to_space, &c->out[0]->dim[1]);
    if (!st)
        st = scale(c, 2, b, !to_space, &c->out[0]->dim[2]);
    if (!st)
        st = scale(c, 3, b, !to_space, &c->out[0]->dim[3]);
    return st;
}

static rd_status blocks(struct rd_op_call *c, bool to_space, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const bool crd = rd_op_str_is(c->node, "mode", "CRD");
    size_t b, images, channels, height, width, deep = 0;
    int64_t given = 1;

    (void)block_of(c, &given); /* infer has accepted it */
    b = (size_t)given;
    images = rd_tensor_count(x) ? (size_t)x->dim[0] : 0;
    channels = (size_t)x->dim[1] / (to_space ? b * b : 1); /* with all pixels side by side */
    height = (size_t)x->dim[2] / (to_space ? 1 : b);       /* with all pixels in the depth */
    width = (size_t)x->dim[3] / (to_space ? 1 : b);
    for (size_t n = 0; n < images; n++)
        for (size_t k = 0; k < channels * b * b; k++) {
            const size_t channel = crd ? k / (b * b) : k % channels;
            const size_t block = crd ? k % (b * b) : k / channels;
            const size_t plane = (n * channels + channel) * height * width * b * b;

            for (size_t y = 0; y < height; y++)
                for (size_t i = 0; i < width; i++, deep++) {
                    const size_t flat = plane + (y * b + block / b) * width * b + i * b + block % b;

                    move(c, back, to_space ? deep : flat, to_space ? flat : deep, 1);
                }
        }
    return RD_OK;
}

static rd_status space_infer(struct rd_op_call *c)
{
    return blocks_infer(c, true);
}

static rd_status space_forward(struct rd_op_call *c)
{
    return blocks(c, true, false);
}

static rd_status space_backward(struct rd_op_call *c)
{
    return blocks(c, true, true);
}

static rd_status depth_infer(struct rd_op_call *c)
{
    return blocks_infer(c, false);
}

static rd_status depth_forward(struct rd_op_call *c)
{
    return blocks(c, false, false);
}

static rd_status depth_backward(struct rd_op_call *c)
{
    return blocks(c, false, true);
}

static bool first_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0];
}

static const struct rd_op_attr space_attrs[] = {
    { "blocksize", RD_ATTR_INT, 1, 0, true },
    { "mode", RD_ATTR_STRING, 11, 0, false },
    { 0 },
};
static const struct rd_op_attr depth_attrs[] = {
    { "blocksize", RD_ATTR_INT, 1, 0, true },
    { "mode", RD_ATTR_STRING, 27, 0, false },
    { 0 },
};

#define BLOCKS(id, name, what)                                                                     \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_MOVABLE },                                                               \
        .attrs = what##_attrs,                                                                     \
        .infer = what##_infer,                                                                     \
        .forward = what##_forward,                                                                 \
        .backward = what##_backward,                                                               \
        .grad_in = 1,                                                                              \
        .flops = rd_op_no_flops,                                                                   \
        .per_example = first_rows,                                                                 \
    }

BLOCKS(depthtospace, "DepthToSpace", space);
BLOCKS(spacetodepth, "SpaceToDepth", depth);

/* --- ReverseSequence: the first steps of each sequence, as many as it is long, backwards --- */

static rd_status reverse_axes(const struct rd_op_call *c, bool *batch_first)
{
    const int64_t batch = rd_op_int(c->node, "batch_axis", 1);
    const int64_t time = rd_op_int(c->node, "time_axis", 0);

    if ((batch != 0 || time != 1) && (batch != 1 || time != 0))
        return RD_FAIL(c->err, RD_E_INPUT,
            "batch_axis and time_axis must be 0 and 1 in either order, not %lld and %lld",
            (long long)batch, (long long)time);
    *batch_first = batch == 0;
    return RD_OK;
}

static rd_status reverse_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *lens = c->in[1];
    bool batch_first;
    rd_status st = reverse_axes(c, &batch_first);

    if (st)
        return st;
    if (x->ndim < 2 || lens->ndim != 1 ||
        (lens->dim[0] != x->dim[batch_first ? 0 : 1] && lens->dim[0] != -1 &&
            x->dim[batch_first ? 0 : 1] != -1))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input needs two dimensions or more, and the lengths one entry a sequence");
    rd_op_same_shape(c->out[0], x);
    return RD_OK;
}

static rd_status reverse(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const size_t run = rd_dims_product(x, 2, x->ndim);
    size_t batch, time, batch_step, time_step;
    bool batch_first;

    (void)reverse_axes(c, &batch_first); /* infer has accepted it */
    batch = (size_t)x->dim[batch_first ? 0 : 1];
    time = (size_t)x->dim[batch_first ? 1 : 0];
    batch_step = batch_first ? time * run : run;
    time_step = batch_first ? run : batch * run;
    for (size_t b = 0; b < batch; b++) {
        const int64_t len = ((const int64_t *)c->in[1]->data)[b];

        if (len < 0 || len > (int64_t)time)
            return RD_FAIL(c->err, RD_E_INPUT, "sequence %zu has the length %lld, outside 0..%zu",
                b, (long long)len, time);
        for (size_t t = 0; t < time && run; t++) {
            const size_t from = (int64_t)t < len ? (size_t)len - 1 - t : t;

            move(c, back, b * batch_step + from * time_step, b * batch_step + t * time_step, run);
        }
    }
    return RD_OK;
}

static rd_status reverse_forward(struct rd_op_call *c)
{
    return reverse(c, false);
}

static rd_status reverse_backward(struct rd_op_call *c)
{
    return reverse(c, true);
}

static bool reverse_rows(const struct rd_op_call *c, const bool *batched)
{
    bool batch_first;

    return batched[0] && batched[1] && !reverse_axes(c, &batch_first) && batch_first;
}

static const struct rd_op_attr reverse_attrs[] = {
    { "batch_axis", RD_ATTR_INT, 10, 0, false },
    { "time_axis", RD_ATTR_INT, 10, 0, false },
    { 0 },
};

const struct rd_op rd_op_reversesequence = {
    .op = "ReverseSequence",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_I64 },
    .attrs = reverse_attrs,
    .infer = reverse_infer,
    .forward = reverse_forward,
    .backward = reverse_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .flops = rd_op_no_flops,
    .per_example = reverse_rows,
};

/* --- CenterCropPad: each axis cut or padded with zeros on both sides; of an odd number the larger
 * half at the end --- */

static rd_status crop_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *shape = c->in[1];
    struct rd_tensor *out = c->out[0];
    int64_t size[RD_MAX_DIMS];
    bool seen[RD_MAX_DIMS] = { false };
    size_t n_axes;
    const int64_t *axes = rd_op_ints(c->node, "axes", &n_axes);
    const size_t wanted = axes ? n_axes : (size_t)x->ndim;
    rd_status st = RD_OK;
    int n = -1;

    if (shape->ndim != 1 || (shape->dim[0] != -1 && shape->dim[0] != (int64_t)wanted) ||
        wanted > (size_t)x->ndim)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the shape must have one entry for each of %zu axes", wanted);
    if (x->dtype == RD_STRING)
        return RD_FAIL(c->err, RD_E_INPUT, "strings have no zero");
    if (shape->data)
        st = rd_op_values(c, shape, "the shape", size, &n);
    rd_op_same_shape(out, x);
    for (int i = 0; i < (int)wanted && !st; i++) {
        int axis = i;

        if (axes)
            st = rd_op_axis(c, axes[i], x->ndim, false, &axis);
        if (st)
            break;
        if (seen[axis])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", axis);
        seen[axis] = true;
        if (n >= 0 && !rd_op_is_symbol(size[i]) && size[i] < 0)
            return RD_FAIL(
                c->err, RD_E_INPUT, "axis %d would have the size %lld", axis, (long long)size[i]);
        out->dim[axis] = n < 0 || rd_op_is_symbol(size[i]) ? -1 : size[i];
    }
    return st;
}

static rd_status crop(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *out = back ? c->dout[0] : c->out[0];
    const int rank = x->ndim;
    size_t from[RD_MAX_DIMS], to[RD_MAX_DIMS], count[RD_MAX_DIMS], at[RD_MAX_DIMS] = { 0 };
    bool more = true;

    if (!back)
        memset(c->out[0]->data, 0, rd_tensor_bytes(out));
    if (!rd_tensor_count(x) || !rd_tensor_count(out))
        return RD_OK;
    for (int i = 0; i < rank; i++) {
        const size_t in_size = (size_t)x->dim[i], size = (size_t)out->dim[i];

        from[i] = in_size > size ? (in_size - size) / 2 : 0;
        to[i] = size > in_size ? (size - in_size) / 2 : 0;
        count[i] = size < in_size ? size : in_size;
    }
    while (more) {
        size_t a = 0, b = 0;
        const size_t run = rank ? count[rank - 1] : 1;

        for (int i = 0; i < rank; i++) {
            a = a * (size_t)x->dim[i] + from[i] + (i < rank - 1 ? at[i] : 0);
            b = b * (size_t)out->dim[i] + to[i] + (i < rank - 1 ? at[i] : 0);
        }
        move(c, back, a, b, run);
        more = false;
        for (int i = rank - 2; i >= 0 && !more; i--) {
            more = ++at[i] < count[i];
            if (!more)
                at[i] = 0;
        }
    }
    return RD_OK;
}

static rd_status crop_forward(struct rd_op_call *c)
{
    return crop(c, false);
}

static rd_status crop_backward(struct rd_op_call *c)
{
    return crop(c, true);
}

/* The batch stays when it is not among the axes. */
static bool crop_rows(const struct rd_op_call *c, const bool *batched)
{
    size_t n;
    const int64_t *axes = rd_op_ints(c->node, "axes", &n);

    for (size_t i = 0; i < n; i++)
        if (axes[i] == 0 || axes[i] == -c->in[0]->ndim)
            return false;
    return axes && batched[0] && !batched[1];
}

static const struct rd_op_attr crop_attrs[] = {
    { "axes", RD_ATTR_INTS, 18, 0, false },
    { 0 },
};

const struct rd_op rd_op_centercroppad = {
    .op = "CenterCropPad",
    .domain = "",
    .since = 18,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_INDEX },
    .attrs = crop_attrs,
    .infer = crop_infer,
    .forward = crop_forward,
    .backward = crop_backward,
    .grad_in = 1,
    .flops = rd_op_no_flops,
    .per_example = crop_rows,
    .sizes = 2,
};
