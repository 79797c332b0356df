/*
 * op_unpool.c - MaxUnpool, Col2Im, TensorScatter: elements put where a window or a cache had them.
 */
#include "graph/op_index.h"

static const int64_t LARGEST = INT32_MAX;

/* An attribute with n entries, each in least..2^31-1; absent: `otherwise` everywhere. */
static rd_status sizes(const struct rd_op_call *c, const char *name, int n, int64_t least,
    int64_t otherwise, int64_t *out)
{
    size_t given;
    const int64_t *v = rd_op_ints(c->node, name, &given);

    if (v && given != (size_t)n)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute '%s' has %zu entries; %d are needed", name, given, n);
    for (int i = 0; i < n; i++) {
        out[i] = v ? v[i] : otherwise;
        if (out[i] < least || out[i] > LARGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "attribute '%s' holds %lld, outside %lld..%lld",
                name, (long long)out[i], (long long)least, (long long)LARGEST);
    }
    return RD_OK;
}

static bool first_rows(const struct rd_op_call *c, const bool *batched)
{
    (void)c;
    return batched[0];
}

/* --- MaxUnpool: what MaxPool took goes back to where its indices say, zeros elsewhere --- */

/* The shape that MaxPool's input had by the attributes; its flat indices count in it. */
static rd_status pooled_from(const struct rd_op_call *c, struct rd_tensor *was)
{
    const struct rd_tensor *x = c->in[0];
    int64_t kernel[RD_MAX_DIMS], stride[RD_MAX_DIMS], pad[2 * RD_MAX_DIMS];
    const int dims = x->ndim - 2;
    rd_status st;

    if (dims < 1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch, channels and spatial ones are needed", x->ndim);
    st = sizes(c, "kernel_shape", dims, 1, 1, kernel);
    if (!st)
        st = sizes(c, "strides", dims, 1, 1, stride);
    if (!st)
        st = sizes(c, "pads", 2 * dims, 0, 0, pad);
    rd_op_same_shape(was, x);
    for (int i = 0; i < dims && !st; i++) {
        int64_t d = x->dim[i + 2];

        if (d == -1)
            continue;
        if (d < 1 || d > LARGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d has the size %lld", i + 2, (long long)d);
        d = (d - 1) * stride[i] + kernel[i] - pad[i] - pad[dims + i]; /* below 2^63 */
        if (d < 1)
            return RD_FAIL(c->err, RD_E_INPUT, "the pads leave nothing of axis %d", i + 2);
        was->dim[i + 2] = d;
    }
    return st;
}

static rd_status unpool_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1], *shape = rd_op_in(c, 2);
    struct rd_tensor *out = c->out[0];
    int64_t given[RD_MAX_DIMS];
    rd_status st = pooled_from(c, out);
    bool fits = x->ndim == index->ndim;
    int n;

    if (st)
        return st;
    for (int i = 0; i < x->ndim && fits; i++)
        fits = x->dim[i] == index->dim[i] || x->dim[i] == -1 || index->dim[i] == -1;
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "the indices must have the shape of the values");
    if (!shape)
        return RD_OK;
    if (shape->ndim != 1 || (shape->dim[0] != -1 && shape->dim[0] != x->ndim))
        return RD_FAIL(c->err, RD_E_INPUT, "the output's shape must have %d entries", x->ndim);
    if (!shape->data) {
        for (int i = 0; i < out->ndim; i++)
            out->dim[i] = -1;
        return RD_OK;
    }
    st = rd_op_values(c, shape, "the output's shape", given, &n);
    for (int i = 0; i < out->ndim && !st; i++) {
        if (rd_op_is_symbol(given[i]))
            given[i] = -1;
        else if (given[i] < 0 || (out->dim[i] != -1 && given[i] < out->dim[i]))
            st = RD_FAIL(c->err, RD_E_INPUT,
                "axis %d of the output would have the size %lld, less than the %lld needed", i,
                (long long)given[i], (long long)out->dim[i]);
        out->dim[i] = given[i];
    }
    return st;
}

/* Index number i as an element of the output. */
static rd_status unpool_at(struct rd_op_call *c, const struct rd_tensor *was,
    const struct rd_tensor *out, size_t i, size_t *at)
{
    const int64_t given = ((const int64_t *)c->in[1]->data)[i];
    size_t rest = (size_t)given, step = 1;

    if (given < 0 || (size_t)given >= rd_tensor_count(was))
        return RD_FAIL(c->err, RD_E_INPUT, "index %lld (element %zu) is outside 0..%zu",
            (long long)given, i, rd_tensor_count(was) - 1);
    *at = 0;
    for (int d = was->ndim - 1; d >= 0; d--) {
        *at += rest % (size_t)was->dim[d] * step;
        rest /= (size_t)was->dim[d];
        step *= (size_t)out->dim[d];
    }
    return RD_OK;
}

static rd_status unpool(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *out = back ? c->dout[0] : c->out[0];
    const size_t size = rd_dtype_size(c->in[0]->dtype), n = rd_tensor_count(c->in[0]);
    struct rd_tensor was = { 0 };

    (void)pooled_from(c, &was); /* infer has accepted it */
    if (!back)
        memset(c->out[0]->data, 0, rd_tensor_bytes(out));
    for (size_t i = 0; i < n; i++) {
        size_t at;
        rd_status st = unpool_at(c, &was, out, i, &at);

        if (st)
            return st;
        if (back)
            rd_real_add(c->din[0], i, rd_real_at(out, at));
        else
            memcpy((char *)out->data + at * size, (const char *)c->in[0]->data + i * size, size);
    }
    return RD_OK;
}

static rd_status unpool_forward(struct rd_op_call *c)
{
    return unpool(c, false);
}

static rd_status unpool_backward(struct rd_op_call *c)
{
    return unpool(c, true);
}

static const struct rd_op_attr unpool_attrs[] = {
    { "kernel_shape", RD_ATTR_INTS, 9, 0, true },
    { "pads", RD_ATTR_INTS, 9, 0, false },
    { "strides", RD_ATTR_INTS, 9, 0, false },
    { 0 },
};

/* No per_example: the indices count over the whole batch. */
const struct rd_op rd_op_maxunpool = {
    .op = "MaxUnpool",
    .domain = "",
    .since = 9,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_I64 },
    .attrs = unpool_attrs,
    .infer = unpool_infer,
    .forward = unpool_forward,
    .backward = unpool_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .flops = rd_op_no_flops,
    .sizes = 4,
};

/* --- Col2Im: (N, C * block, places) back to images; overlapping blocks add up --- */

struct fold {
    int dims;
    int64_t image[RD_MAX_DIMS], block[RD_MAX_DIMS], stride[RD_MAX_DIMS], dilation[RD_MAX_DIMS];
    int64_t pad[2 * RD_MAX_DIMS], places[RD_MAX_DIMS];
    bool known;
};

static rd_status fold_of(const struct rd_op_call *c, struct fold *f)
{
    const struct rd_tensor *image = c->in[1], *block = c->in[2];
    int n;
    rd_status st;

    *f = (struct fold){ .known = image->data && block->data };
    if (image->ndim != 1 || block->ndim != 1 || image->dim[0] == -1 ||
        image->dim[0] != block->dim[0] || image->dim[0] < 1 || image->dim[0] > RD_MAX_DIMS - 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the shapes of image and block must have one entry an axis, 1 to %d", RD_MAX_DIMS - 2);
    f->dims = (int)image->dim[0];
    st = sizes(c, "strides", f->dims, 1, 1, f->stride);
    if (!st)
        st = sizes(c, "dilations", f->dims, 1, 1, f->dilation);
    if (!st)
        st = sizes(c, "pads", 2 * f->dims, 0, 0, f->pad);
    if (!st && image->data)
        st = rd_op_values(c, image, "the image's shape", f->image, &n);
    if (!st && block->data)
        st = rd_op_values(c, block, "the block's shape", f->block, &n);
    for (int i = 0; i < f->dims && !st; i++) {
        int64_t room;

        if (!image->data || rd_op_is_symbol(f->image[i])) {
            f->image[i] = -1;
            f->known = false;
        } else if (f->image[i] < 1 || f->image[i] > LARGEST) {
            st = RD_FAIL(c->err, RD_E_INPUT, "axis %d of the image has the size %lld", i,
                (long long)f->image[i]);
        }
        if (!block->data || rd_op_is_symbol(f->block[i])) {
            f->block[i] = -1;
            f->known = false;
        } else if (f->block[i] < 1 || f->block[i] > LARGEST) {
            st = RD_FAIL(c->err, RD_E_INPUT, "axis %d of the block has the size %lld", i,
                (long long)f->block[i]);
        }
        if (st || !f->known)
            continue;
        room = f->image[i] + f->pad[i] + f->pad[f->dims + i] -
               ((f->block[i] - 1) * f->dilation[i] + 1); /* below 2^63 */
        if (room < 0)
            return RD_FAIL(c->err, RD_E_INPUT, "a block is larger than the image along axis %d", i);
        f->places[i] = room / f->stride[i] + 1;
    }
    return st;
}

static rd_status fold_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    int64_t block = 1, places = 1;
    struct fold f;
    char shape[120];
    rd_status st = fold_of(c, &f);

    if (st)
        return st;
    if (x->ndim != 3)
        return RD_FAIL(c->err, RD_E_INPUT, "the input must have three dimensions, not %d", x->ndim);
    out->dtype = x->dtype;
    out->ndim = 2 + f.dims;
    out->dim[0] = x->dim[0];
    out->dim[1] = -1;
    memcpy(out->dim + 2, f.image, (size_t)f.dims * sizeof(*f.image));
    if (!f.known)
        return RD_OK;
    for (int i = 0; i < f.dims; i++)
        if (__builtin_mul_overflow(block, f.block[i], &block) ||
            __builtin_mul_overflow(places, f.places[i], &places))
            return RD_FAIL(c->err, RD_E_INPUT, "the blocks are too many or too large");
    if ((x->dim[1] != -1 && x->dim[1] % block) || (x->dim[2] != -1 && x->dim[2] != places))
        return RD_FAIL(c->err, RD_E_INPUT,
            "%s is not (N, a multiple of the block's %lld elements, %lld places)",
            rd_shape_text(x->dim, x->ndim, shape, sizeof(shape)), (long long)block,
            (long long)places);
    out->dim[1] = x->dim[1] == -1 ? -1 : x->dim[1] / block;
    return RD_OK;
}

/* One step of a counter of mixed base, the last digit fastest. */
static void count(int64_t *digit, const int64_t *base, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++digit[i] < base[i])
            return;
        digit[i] = 0;
    }
}

/* BODY sees element `e` of the columns and its place `at` in the image; those in the padding are
 * left out. */
#define EACH_COLUMN(BODY)                                                                          \
    do {                                                                                           \
        size_t e = 0, plane = 1, blocks = 1, places = 1;                                           \
        for (int i = 0; i < f.dims; i++) {                                                         \
            plane *= (size_t)f.image[i];                                                           \
            blocks *= (size_t)f.block[i];                                                          \
            places *= (size_t)f.places[i];                                                         \
        }                                                                                          \
        for (size_t p = 0; p < planes; p++) {                                                      \
            int64_t tap[RD_MAX_DIMS] = { 0 };                                                      \
            for (size_t b = 0; b < blocks; b++, count(tap, f.block, f.dims)) {                     \
                int64_t where[RD_MAX_DIMS] = { 0 };                                                \
                for (size_t l = 0; l < places; l++, e++, count(where, f.places, f.dims)) {         \
                    size_t at = 0;                                                                 \
                    bool inside = true;                                                            \
                    for (int i = 0; i < f.dims && inside; i++) {                                   \
                        const int64_t y =                                                          \
                            where[i] * f.stride[i] + tap[i] * f.dilation[i] - f.pad[i];            \
                        inside = y >= 0 && y < f.image[i];                                         \
                        at = at * (size_t)f.image[i] + (size_t)y;                                  \
                    }                                                                              \
                    at += p * plane;                                                               \
                    if (inside)                                                                    \
                        BODY                                                                       \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static size_t planes_of(const struct rd_op_call *c)
{
    return rd_tensor_count(c->in[0]) ? (size_t)(c->out[0]->dim[0] * c->out[0]->dim[1]) : 0;
}

static rd_status fold_forward(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    const size_t planes = planes_of(c);
    struct fold f;

    (void)fold_of(c, &f); /* infer has accepted it */
    if (rd_is_whole(x->dtype)) {
        memset(out->data, 0, rd_tensor_bytes(out));
        EACH_COLUMN({ rd_bits_set(out, at, rd_bits_at(out, at) + rd_bits_at(x, e)); });
    } else {
        const double *const from = rd_op_wide(c, x);
        double *const sum = rd_op_take(c, rd_tensor_count(out) * sizeof(*sum));

        memset(sum, 0, rd_tensor_count(out) * sizeof(*sum));
        EACH_COLUMN({ sum[at] += from[e]; });
        rd_op_narrow(sum, out, false);
    }
    return RD_OK;
}

static rd_status fold_backward(struct rd_op_call *c)
{
    const size_t planes = planes_of(c);
    struct fold f;

    (void)fold_of(c, &f);
    EACH_COLUMN({ rd_real_add(c->din[0], e, rd_real_at(c->dout[0], at)); });
    return RD_OK;
}

static size_t fold_scratch(const struct rd_op_call *c)
{
    return c->din ? 0
                  : rd_op_wide_size(c->in[0]) + rd_tensor_count(c->out[0]) * sizeof(double) + 64;
}

static double fold_flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]);
}

static const struct rd_op_attr fold_attrs[] = {
    { "dilations", RD_ATTR_INTS, 18, 0, false },
    { "pads", RD_ATTR_INTS, 18, 0, false },
    { "strides", RD_ATTR_INTS, 18, 0, false },
    { 0 },
};

const struct rd_op rd_op_col2im = {
    .op = "Col2Im",
    .domain = "",
    .since = 18,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_NUMBER, RD_T_I64 },
    .attrs = fold_attrs,
    .infer = fold_infer,
    .forward = fold_forward,
    .backward = fold_backward,
    .grad_in = 1,
    .scratch = fold_scratch,
    .flops = fold_flops,
    .per_example = first_rows,
    .sizes = 6,
};

/* --- TensorScatter: a cache with its next entries written in --- */

static rd_status cache_axis(const struct rd_op_call *c, int *axis)
{
    return rd_op_axis(c, rd_op_int(c->node, "axis", -2), c->in[0]->ndim, false, axis);
}

static rd_status cache_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *u = c->in[1], *at = rd_op_in(c, 2);
    char a[120], b[120];
    int axis;
    rd_status st = cache_axis(c, &axis);
    bool fits = x->ndim == u->ndim;

    if (st)
        return st;
    if (axis == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "axis 0 is the batch and cannot be written along");
    if (rd_op_attr(c->node, "mode") && !rd_op_str_is(c->node, "mode", "linear") &&
        !rd_op_str_is(c->node, "mode", "circular"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'mode' must be linear or circular");
    for (int i = 0; i < x->ndim && fits; i++)
        fits = x->dim[i] == -1 || u->dim[i] == -1 ||
               (i == axis ? u->dim[i] <= x->dim[i] : u->dim[i] == x->dim[i]);
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT, "an update of shape %s does not fit %s along axis %d",
            rd_shape_text(u->dim, u->ndim, a, sizeof(a)),
            rd_shape_text(x->dim, x->ndim, b, sizeof(b)), axis);
    if (at && (at->ndim != 1 || (at->dim[0] != x->dim[0] && at->dim[0] != -1 && x->dim[0] != -1)))
        return RD_FAIL(c->err, RD_E_INPUT, "the indices must have one entry an example");
    rd_op_same_shape(c->out[0], x);
    return RD_OK;
}

/*
 * Backward: the cotangent of what was written goes to the update, the rest to the cache.
 */
static rd_status cache(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *u = c->in[1];
    const bool circular = rd_op_str_is(c->node, "mode", "circular");
    const size_t size = rd_dtype_size(x->dtype);
    size_t examples, outer, n, steps, run;
    int axis = 0;

    (void)cache_axis(c, &axis); /* infer has accepted it */
    n = (size_t)x->dim[axis];
    steps = (size_t)u->dim[axis];
    run = rd_dims_product(x, axis + 1, x->ndim);
    outer = rd_dims_product(x, 1, axis);
    examples = rd_tensor_count(x) ? (size_t)x->dim[0] : 0;
    if (!back)
        memcpy(c->out[0]->data, x->data, rd_tensor_bytes(x));
    for (size_t b = 0; b < examples; b++) {
        const struct rd_tensor *given = rd_op_in(c, 2);
        const int64_t first = given ? ((const int64_t *)given->data)[b] : 0;

        if (first < 0 || (circular ? first >= (int64_t)n && steps
                                   : first > (int64_t)n || steps > n - (size_t)first))
            return RD_FAIL(c->err, RD_E_INPUT,
                "%zu entries from %lld on do not fit a cache of %zu (example %zu)", steps,
                (long long)first, n, b);
        for (size_t o = b * outer; o < (b + 1) * outer; o++) {
            for (size_t s = 0; s < steps && !back; s++)
                memcpy((char *)c->out[0]->data + (o * n + ((size_t)first + s) % n) * run * size,
                    (const char *)u->data + (o * steps + s) * run * size, run * size);
            for (size_t i = 0; i < n && back; i++) {
                const size_t s = (i + n - (size_t)first % n) % n;
                const bool written = s < steps;
                struct rd_tensor *to = rd_op_din(c, written);

                for (size_t e = 0; e < run && to; e++)
                    rd_real_add(to, (written ? o * steps + s : o * n + i) * run + e,
                        rd_real_at(c->dout[0], (o * n + i) * run + e));
            }
        }
    }
    return RD_OK;
}

static rd_status cache_forward(struct rd_op_call *c)
{
    return cache(c, false);
}

static rd_status cache_backward(struct rd_op_call *c)
{
    return cache(c, true);
}

static bool cache_rows(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 0; i < c->node->n_inputs; i++)
        if (c->in[i] && !batched[i])
            return false;
    return true;
}

static const struct rd_op_attr cache_attrs[] = {
    { "axis", RD_ATTR_INT, 24, 0, false },
    { "mode", RD_ATTR_STRING, 24, 0, false },
    { 0 },
};

const struct rd_op rd_op_tensorscatter = {
    .op = "TensorScatter",
    .domain = "",
    .since = 24,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_MOVABLE, RD_T_I64 },
    .same = 2,
    .attrs = cache_attrs,
    .infer = cache_infer,
    .forward = cache_forward,
    .backward = cache_backward,
    .grad_in = 3,
    .reads = RD_READS_IN,
    .flops = rd_op_no_flops,
    .per_example = cache_rows,
};
