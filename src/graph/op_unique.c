/*
 * op_unique.c - NonZero, Compress, Unique: how large the result is stands in the values, so infer
 * gives -1 until they are known and counts them then.
 */
#include "graph/op_index.h"

#include "base/alloc.h"

static bool truth(const struct rd_tensor *t, size_t i)
{
    if (t->dtype == RD_STRING)
        return ((const char *const *)t->data)[i][0] != '\0';
    if (t->dtype == RD_F16 || t->dtype == RD_BF16)
        return (rd_bits_at(t, i) & 0x7fff) != 0;
    if (t->dtype == RD_F32)
        return (rd_bits_at(t, i) & 0x7fffffff) != 0;
    return t->dtype == RD_F64 ? rd_bits_at(t, i) << 1 != 0 : rd_bits_at(t, i) != 0;
}

/* --- NonZero: one column of indices an element. Of a scalar: none, (0, count) --- */

static rd_status nonzero_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];

    out->dtype = RD_I64;
    out->ndim = 2;
    out->dim[0] = x->ndim;
    out->dim[1] = -1;
    if (!x->data)
        return RD_OK;
    out->dim[1] = 0;
    for (size_t i = 0, n = rd_tensor_count(x); i < n; i++)
        out->dim[1] += truth(x, i);
    return RD_OK;
}

static rd_status nonzero_forward(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const size_t columns = (size_t)c->out[0]->dim[1];
    int64_t *const to = c->out[0]->data;
    size_t k = 0;

    for (size_t i = 0, n = rd_tensor_count(x); i < n; i++) {
        size_t rest = i;

        if (!truth(x, i))
            continue;
        for (int d = x->ndim - 1; d >= 0; d--) {
            to[(size_t)d * columns + k] = (int64_t)(rest % (size_t)x->dim[d]);
            rest /= (size_t)x->dim[d];
        }
        k++;
    }
    return RD_OK;
}

static double count_in(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]);
}

const struct rd_op rd_op_nonzero = {
    .op = "NonZero",
    .domain = "",
    .since = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE },
    .infer = nonzero_infer,
    .forward = nonzero_forward,
    .flops = count_in,
};

/* --- Compress: the slices along an axis (none given: the elements) where a condition holds --- */

/* outer x along x inner elements. */
static rd_status compress_axis(const struct rd_op_call *c, bool *flat, int *axis)
{
    *flat = !rd_op_attr(c->node, "axis");
    *axis = 0;
    return *flat ? RD_OK
                 : rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status compress_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *condition = c->in[1];
    struct rd_tensor *out = c->out[0];
    int64_t along, kept = -1;
    size_t n;
    bool flat;
    int axis;
    rd_status st = compress_axis(c, &flat, &axis);

    if (st)
        return st;
    if (condition->ndim != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the condition must have one dimension, not %d", condition->ndim);
    along = flat ? (rd_shape_count(x->dim, x->ndim, &n) ? (int64_t)n : -1) : x->dim[axis];
    if (condition->data) {
        kept = 0;
        for (int64_t i = 0; i < condition->dim[0]; i++) {
            const bool keep = ((const uint8_t *)condition->data)[i] != 0;

            if (keep && along != -1 && i >= along)
                return RD_FAIL(c->err, RD_E_INPUT,
                    "the condition holds at %lld, but there are only %lld to choose from",
                    (long long)i, (long long)along);
            kept += keep;
        }
    }
    rd_op_same_shape(out, x);
    if (flat)
        out->ndim = 1;
    out->dim[axis] = kept;
    return RD_OK;
}

static rd_status compress(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *condition = c->in[1];
    const size_t size = rd_dtype_size(x->dtype);
    size_t outer = 1, inner = 1, along, kept = 0, k = 0;
    bool flat;
    int axis;

    (void)compress_axis(c, &flat, &axis); /* infer has accepted it */
    along = flat ? rd_tensor_count(x) : (size_t)x->dim[axis];
    if (!flat) {
        outer = rd_dims_product(x, 0, axis);
        inner = rd_dims_product(x, axis + 1, x->ndim);
    }
    if (!rd_tensor_count(x))
        return RD_OK;
    for (size_t i = 0; i < (size_t)condition->dim[0]; i++)
        kept += ((const uint8_t *)condition->data)[i] != 0;
    for (size_t i = 0; i < (size_t)condition->dim[0]; i++) {
        if (!((const uint8_t *)condition->data)[i])
            continue;
        for (size_t o = 0; o < outer; o++) {
            const size_t from = (o * along + i) * inner, to = (o * kept + k) * inner;

            if (!back)
                memcpy((char *)c->out[0]->data + to * size, (const char *)x->data + from * size,
                    inner * size);
            for (size_t e = 0; back && e < inner; e++)
                rd_real_add(c->din[0], from + e, rd_real_at(c->dout[0], to + e));
        }
        k++;
    }
    return RD_OK;
}

static rd_status compress_forward(struct rd_op_call *c)
{
    return compress(c, false);
}

static rd_status compress_backward(struct rd_op_call *c)
{
    return compress(c, true);
}

static bool compress_rows(const struct rd_op_call *c, const bool *batched)
{
    bool flat;
    int axis;

    return batched[0] && !batched[1] && !compress_axis(c, &flat, &axis) && !flat && axis > 0;
}

static const struct rd_op_attr compress_attrs[] = {
    { "axis", RD_ATTR_INT, 9, 0, false },
    { 0 },
};

const struct rd_op rd_op_compress = {
    .op = "Compress",
    .domain = "",
    .since = 9,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T(RD_BOOL) },
    .attrs = compress_attrs,
    .infer = compress_infer,
    .forward = compress_forward,
    .backward = compress_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .flops = rd_op_no_flops,
    .per_example = compress_rows,
};

/* --- Unique --- */

/* The slices along an axis (none given: the elements): element (o, s, i) of slice s. */
struct slices {
    const struct rd_tensor *x;
    size_t n, outer, inner;
};

static int compare(const struct slices *s, size_t a, size_t b)
{
    for (size_t o = 0; o < s->outer; o++)
        for (size_t i = 0; i < s->inner; i++) {
            const size_t at = (o * s->n + a) * s->inner + i, to = (o * s->n + b) * s->inner + i;

            if (s->x->dtype == RD_STRING) {
                const char *const *const text = s->x->data;
                const int d = strcmp(text[at], text[to]);

                if (d)
                    return d;
            } else {
                const uint64_t p = rd_key_at(s->x, at), q = rd_key_at(s->x, to);

                if (p != q)
                    return p < q ? -1 : 1;
            }
        }
    return 0;
}

/* order: 0..n-1 sorted by value, equals as they came; room: n more. Merges from below: no
 * recursion, and never more than n log n comparisons whatever the values. */
static void sort(const struct slices *s, size_t *order, size_t *room)
{
    size_t *from = order, *to = room;

    for (size_t i = 0; i < s->n; i++)
        order[i] = i;
    for (size_t width = 1; width < s->n; width *= 2) {
        for (size_t low = 0; low < s->n; low += 2 * width) {
            const size_t middle = low + width < s->n ? low + width : s->n;
            const size_t high = middle + width < s->n ? middle + width : s->n;
            size_t a = low, b = middle;

            for (size_t k = low; k < high; k++) {
                const bool left = a < middle && (b >= high || compare(s, from[a], from[b]) <= 0);

                to[k] = from[left ? a++ : b++];
            }
        }
        to = from;
        from = from == order ? room : order;
    }
    if (from != order)
        memcpy(order, from, s->n * sizeof(*order));
}

static rd_status slices_of(const struct rd_op_call *c, struct slices *s, int *axis)
{
    const struct rd_tensor *x = c->in[0];
    rd_status st;

    *s = (struct slices){ .x = x, .n = rd_tensor_count(x), .outer = 1, .inner = 1 };
    *axis = -1;
    if (!rd_op_attr(c->node, "axis"))
        return RD_OK;
    st = rd_op_axis(c, rd_op_int(c->node, "axis", 0), x->ndim, false, axis);
    if (st)
        return st;
    s->n = (size_t)x->dim[*axis];
    s->outer = rd_dims_product(x, 0, *axis);
    s->inner = rd_dims_product(x, *axis + 1, x->ndim);
    /* Any number of them costs no bytes, so they would take memory by the file's word alone. */
    if (x->data && s->n && (!s->outer || !s->inner))
        return RD_FAIL(c->err, RD_E_INPUT, "the slices to compare are empty");
    return RD_OK;
}

static rd_status unique_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    int64_t found = -1;
    struct slices s;
    int axis;
    rd_status st = slices_of(c, &s, &axis);

    if (st)
        return st;
    if (x->data) { /* in proportion to the input, which is there already */
        size_t *order = rd_alloc(2 * s.n * sizeof(*order) + 1);

        if (!order)
            return RD_FAIL(c->err, RD_E_MEMORY, "no memory to count different elements");
        sort(&s, order, order + s.n);
        found = s.n ? 1 : 0;
        for (size_t i = 1; i < s.n; i++)
            found += compare(&s, order[i - 1], order[i]) != 0;
        rd_free(order);
    }
    rd_op_same_shape(c->out[0], x);
    if (axis < 0)
        c->out[0]->ndim = 1;
    c->out[0]->dim[axis < 0 ? 0 : axis] = found;
    for (int k = 1; k < c->node->n_outputs; k++) {
        c->out[k]->dtype = RD_I64;
        c->out[k]->ndim = 1;
        c->out[k]->dim[0] = k != 2     ? found
                            : axis < 0 ? (rd_shape_count(x->dim, x->ndim, &(size_t){ 0 })
                                                 ? (int64_t)rd_tensor_count(x)
                                                 : -1)
                                       : x->dim[axis];
    }
    return RD_OK;
}

static size_t unique_scratch(const struct rd_op_call *c)
{
    struct slices s;
    int axis;

    (void)slices_of(c, &s, &axis);
    return 3 * (s.n * sizeof(size_t) + 64);
}

/* When not sorted, results come in the order of their first places. Stability of the sort puts the
 * first place of each value at the head of its group. */
static rd_status unique_forward(struct rd_op_call *c)
{
    struct slices s;
    size_t *order, *group, *rank, found = 0;
    const size_t size = rd_dtype_size(c->in[0]->dtype);
    const bool sorted = rd_op_int(c->node, "sorted", 1) != 0;
    int axis;

    (void)slices_of(c, &s, &axis);
    order = rd_op_take(c, s.n * sizeof(*order));
    group = rd_op_take(c, s.n * sizeof(*group)); /* of each slice: its value's first place */
    rank = rd_op_take(c, s.n * sizeof(*rank));   /* of a first place: its number in the result */
    sort(&s, order, group);
    for (size_t i = 0; i < s.n; i++) {
        const bool first = i == 0 || compare(&s, order[i - 1], order[i]) != 0;

        group[order[i]] = first ? order[i] : group[order[i - 1]];
        if (first)
            rank[order[i]] = found++;
    }
    if (!sorted)
        for (size_t i = found = 0; i < s.n; i++)
            if (group[i] == i)
                rank[i] = found++;
    if (rd_op_out(c, 3))
        memset(c->out[3]->data, 0, found * sizeof(int64_t));
    for (size_t i = 0; i < s.n; i++) {
        const size_t k = rank[group[i]];

        if (rd_op_out(c, 2))
            ((int64_t *)c->out[2]->data)[i] = (int64_t)k;
        if (rd_op_out(c, 3))
            ((int64_t *)c->out[3]->data)[k]++;
        if (group[i] != i)
            continue;
        if (rd_op_out(c, 1))
            ((int64_t *)c->out[1]->data)[k] = (int64_t)i;
        for (size_t o = 0; o < s.outer && c->out[0]; o++)
            memcpy((char *)c->out[0]->data + (o * found + k) * s.inner * size,
                (const char *)s.x->data + (o * s.n + i) * s.inner * size, s.inner * size);
    }
    return RD_OK;
}

static double unique_flops(const struct rd_op_call *c)
{
    double levels = 1;

    for (size_t n = rd_tensor_count(c->in[0]); n > 1; n /= 2)
        levels++;
    return levels * count_in(c);
}

static const struct rd_op_attr unique_attrs[] = {
    { "axis", RD_ATTR_INT, 11, 0, false },
    { "sorted", RD_ATTR_INT, 11, 0, false },
    { 0 },
};

const struct rd_op rd_op_unique = {
    .op = "Unique",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 4,
    .in_type = { RD_T_MOVABLE },
    .attrs = unique_attrs,
    .infer = unique_infer,
    .forward = unique_forward,
    .scratch = unique_scratch,
    .flops = unique_flops,
};
