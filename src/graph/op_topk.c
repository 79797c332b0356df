/*
 * op_topk.c - TopK: the largest or smallest of an axis, in order, and where they stood.
 *
 * Of equals the lower index comes first; a NaN is larger than everything. A heap of k of the axis'
 * elements keeps the best so far, its root the worst of them: n log k steps a row. The result is
 * sorted whether or not that is asked for. The gradient of the values goes back to where they
 * stood.
 */
#include "graph/op_index.h"

struct item {
    uint64_t key; /* larger is better */
    int64_t at;
};

static rd_status axis_of(const struct rd_op_call *c, int *axis)
{
    if (c->in[0]->ndim == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis to choose from");
    return rd_op_axis(c, rd_op_int(c->node, "axis", -1), c->in[0]->ndim, false, axis);
}

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *given = rd_op_in(c, 1);
    int64_t k = rd_op_int(c->node, "k", -1);
    int axis;
    rd_status st = axis_of(c, &axis);

    if (st)
        return st;
    if (c->node->opset >= 10) {
        if (!given)
            return RD_FAIL(c->err, RD_E_INPUT, "input 1, how many to take, is missing");
        k = RD_SYM_ANY;
        st = given->data ? rd_op_one_int(c, given, "k", &k) : rd_op_one_shape(c, given, "k");
        if (st)
            return st;
    } else if (given) {
        return RD_FAIL(c->err, RD_E_INPUT, "TopK takes one input before opset 10");
    }
    if (rd_op_is_symbol(k))
        k = -1;
    else if (k < 0 || (c->in[0]->dim[axis] != -1 && k > c->in[0]->dim[axis]))
        return RD_FAIL(c->err, RD_E_INPUT, "k is %lld, but axis %d has %lld elements", (long long)k,
            axis, (long long)c->in[0]->dim[axis]);
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dim[axis] = k;
    rd_op_same_shape(c->out[1], c->out[0]);
    c->out[1]->dtype = RD_I64;
    return RD_OK;
}

/* Is a to be dropped before b? */
static bool worse(const struct item *a, const struct item *b)
{
    return a->key != b->key ? a->key < b->key : a->at > b->at;
}

/* Let the item at i sink until no child is worse. */
static void sink(struct item *heap, size_t n, size_t i)
{
    const struct item moved = heap[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &moved))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

/* The best k of n elements from first on, each `step` further, into heap, the best first. */
static void choose(const struct rd_tensor *x, size_t first, size_t step, size_t n, bool largest,
    struct item *heap, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t key = rd_key_at(x, first + i * step);
        const struct item one = { largest ? key : ~key, (int64_t)i };

        if (i < k) {
            heap[i] = one;
            if (i + 1 == k)
                for (size_t j = k / 2; j-- > 0;)
                    sink(heap, k, j);
        } else if (worse(&heap[0], &one)) {
            heap[0] = one;
            sink(heap, k, 0);
        }
    }
    for (size_t left = k; left > 1; left--) { /* the worst go to the end */
        const struct item worst = heap[0];

        heap[0] = heap[left - 1];
        heap[left - 1] = worst;
        sink(heap, left - 1, 0);
    }
}

static size_t scratch(const struct rd_op_call *c)
{
    int axis = 0;

    (void)axis_of(c, &axis);
    return c->din || c->out[0]->dim[axis] <= 0
               ? 0
               : (size_t)c->out[0]->dim[axis] * sizeof(struct item) + 64;
}

static size_t saved(const struct rd_op_call *c)
{
    return rd_tensor_count(c->out[0]) * sizeof(int64_t);
}

static rd_status forward(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *out = c->out[0] ? c->out[0] : c->out[1];
    const size_t size = rd_dtype_size(x->dtype);
    const bool largest = rd_op_int(c->node, "largest", 1) != 0;
    struct item *heap;
    size_t outer, inner, n, k;
    int axis = 0;

    (void)axis_of(c, &axis);
    outer = rd_dims_product(x, 0, axis);
    inner = rd_dims_product(x, axis + 1, x->ndim);
    n = (size_t)x->dim[axis];
    k = (size_t)out->dim[axis];
    if (!k)
        return RD_OK;
    heap = rd_op_take(c, k * sizeof(*heap));
    for (size_t row = 0; row < outer * inner; row++) {
        const size_t in = row / inner * n * inner + row % inner;
        const size_t to = row / inner * k * inner + row % inner;

        choose(x, in, inner, n, largest, heap, k);
        for (size_t i = 0; i < k; i++) {
            const size_t from = in + (size_t)heap[i].at * inner;

            if (c->out[0])
                memcpy((char *)c->out[0]->data + (to + i * inner) * size,
                    (const char *)x->data + from * size, size);
            if (rd_op_out(c, 1))
                ((int64_t *)c->out[1]->data)[to + i * inner] = heap[i].at;
            if (c->saved)
                ((int64_t *)c->saved)[to + i * inner] = (int64_t)from;
        }
    }
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    const size_t n = c->dout[0] ? rd_tensor_count(c->dout[0]) : 0;

    for (size_t i = 0; i < n; i++)
        rd_real_add(c->din[0], (size_t)((const int64_t *)c->saved)[i], rd_real_at(c->dout[0], i));
    return RD_OK;
}

/* A comparison and half a level of the heap, an element. */
static double flops(const struct rd_op_call *c)
{
    double levels = 1;
    int axis = 0;

    (void)axis_of(c, &axis);
    for (int64_t k = c->out[0]->dim[axis]; k > 1; k /= 2)
        levels++;
    return (double)rd_tensor_count(c->in[0]) * levels;
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && !axis_of(c, &axis) && axis > 0 && !(c->node->n_inputs > 1 && batched[1]);
}

static const struct rd_op_attr attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { "k", RD_ATTR_INT, 1, 9, true },
    { "largest", RD_ATTR_INT, 11, 0, false },
    { "sorted", RD_ATTR_INT, 11, 0, false },
    { 0 },
};

const struct rd_op rd_op_topk = {
    .op = "TopK",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 2,
    .max_out = 2,
    .in_type = { RD_T_NUMBER, RD_T_I64 },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 1,
    .scratch = scratch,
    .saved = saved,
    .flops = flops,
    .per_example = rows,
    .sizes = 2,
};
