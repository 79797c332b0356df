/*
 * op_cumulate.c - CumSum and CumProd: each element of an axis becomes the sum or product of those
 * up to it (reverse: from it on; exclusive: without itself).
 *
 * Floats accumulate in float64 and are rounded once; integers wrap.
 */
#include "graph/op_index.h"

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *given = c->in[1];
    rd_status st = rd_op_one_shape(c, given, "the axis");
    int64_t axis;
    int at;

    if (!st && x->ndim == 0)
        st = RD_FAIL(c->err, RD_E_INPUT, "a scalar has no axis to accumulate along");
    if (!st && given->data) {
        st = rd_op_one_int(c, given, "the axis", &axis);
        if (!st)
            st = rd_op_axis(c, axis, x->ndim, false, &at);
    }
    if (!st)
        rd_op_same_shape(c->out[0], x);
    return st;
}

/* One line: n elements, each `step` after the one before it in the order of accumulation. */
struct line {
    size_t first, n;
    ptrdiff_t step;
    bool exclusive;
};

struct lines {
    size_t outer, n, inner;
    bool reverse, exclusive;
};

static struct lines lines_of(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    int64_t given = 0;
    int axis = 0;

    (void)rd_op_one_int(c, c->in[1], "the axis", &given); /* infer has accepted both */
    (void)rd_op_axis(c, given, x->ndim, false, &axis);
    return (struct lines){ .outer = rd_tensor_count(x) ? rd_dims_product(x, 0, axis) : 0,
        .n = (size_t)x->dim[axis],
        .inner = rd_dims_product(x, axis + 1, x->ndim),
        .reverse = rd_op_int(c->node, "reverse", 0) != 0,
        .exclusive = rd_op_int(c->node, "exclusive", 0) != 0 };
}

static struct line line_at(const struct lines *l, size_t i, bool reverse)
{
    const size_t first = i / l->inner * l->n * l->inner + i % l->inner;

    return (struct line){ .first = reverse ? first + (l->n - 1) * l->inner : first,
        .n = l->n,
        .step = reverse ? -(ptrdiff_t)l->inner : (ptrdiff_t)l->inner,
        .exclusive = l->exclusive };
}

static size_t place(const struct line *l, size_t k)
{
    return (size_t)((ptrdiff_t)l->first + (ptrdiff_t)k * l->step);
}

static void whole_line(struct rd_op_call *c, const struct line *l, bool product)
{
    uint64_t sum = product;

    for (size_t k = 0; k < l->n; k++) {
        const size_t at = place(l, k);
        const uint64_t x = rd_bits_at(c->in[0], at), next = product ? sum * x : sum + x;

        rd_bits_set(c->out[0], at, l->exclusive ? sum : next);
        sum = next;
    }
}

static void real_line(const double *x, double *to, const struct line *l, bool product)
{
    double sum = product;

    for (size_t k = 0; k < l->n; k++) {
        const size_t at = place(l, k);
        const double next = product ? sum * x[at] : sum + x[at];

        to[at] = l->exclusive ? sum : next;
        sum = next;
    }
}

static size_t scratch(const struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]) * sizeof(double) + 64;

    return c->din || rd_is_whole(c->in[0]->dtype) ? 0 : rd_op_wide_size(c->in[0]) + n;
}

static rd_status accumulate(struct rd_op_call *c, bool product)
{
    const struct lines all = lines_of(c);
    const bool whole = rd_is_whole(c->in[0]->dtype);
    const double *const x = whole ? NULL : rd_op_wide(c, c->in[0]);
    double *const to = whole ? NULL : rd_op_take(c, rd_tensor_count(c->in[0]) * sizeof(*to));

    for (size_t i = 0; i < all.outer * all.inner; i++) {
        const struct line l = line_at(&all, i, all.reverse);

        if (whole)
            whole_line(c, &l, product);
        else
            real_line(x, to, &l, product);
    }
    if (!whole)
        rd_op_narrow(to, c->out[0], false);
    return RD_OK;
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    int64_t given;
    int axis;

    return batched[0] && !batched[1] && c->in[1]->data &&
           !rd_op_one_int(c, c->in[1], "the axis", &given) &&
           !rd_op_axis(c, given, c->in[0]->ndim, false, &axis) && axis > 0;
}

static const struct rd_op_attr attrs[] = {
    { "exclusive", RD_ATTR_INT, 11, 0, false },
    { "reverse", RD_ATTR_INT, 11, 0, false },
    { 0 },
};

/* --- CumSum --- */

static rd_status sum_forward(struct rd_op_call *c)
{
    return accumulate(c, false);
}

/* The same sum from the other end. */
static rd_status sum_backward(struct rd_op_call *c)
{
    const struct lines all = lines_of(c);

    for (size_t i = 0; i < all.outer * all.inner; i++) {
        const struct line l = line_at(&all, i, !all.reverse);
        double sum = 0;

        for (size_t k = 0; k < l.n; k++) {
            const double g = rd_real_at(c->dout[0], place(&l, k));

            rd_real_add(c->din[0], place(&l, k), l.exclusive ? sum : sum + g);
            sum += g;
        }
    }
    return RD_OK;
}

/* --- CumProd --- */

static rd_status product_forward(struct rd_op_call *c)
{
    return accumulate(c, true);
}

/* Of y_k, the product of x_0 .. x_k (exclusive: .. x_k-1), the sum over k of g_k y_k / x_j, in one
 * pass from the end while x has no 0 in between: later products vanish behind the first 0. */
static void product_line_back(struct rd_op_call *c, const struct line *l)
{
    const size_t shift = l->exclusive ? 1 : 0;
    double before = 1; /* product of x_0 .. x_j-1 */

    for (size_t j = 0; j < l->n; j++) {
        const double x = rd_real_at(c->in[0], place(l, j));

        if (x == 0) {
            /* Without x_j itself: products go on until the next 0. */
            double product = before, sum = 0;

            for (size_t k = j; k + shift < l->n; k++) {
                if (k > j)
                    product *= rd_real_at(c->in[0], place(l, k));
                if (product == 0)
                    break;
                sum += rd_real_at(c->dout[0], place(l, k + shift)) * product;
            }
            rd_real_add(c->din[0], place(l, j), sum);
            return; /* all behind hold x_j as a factor */
        }
        before *= x;
    }
}

static void product_line_plain(struct rd_op_call *c, const struct line *l, size_t n)
{
    const size_t shift = l->exclusive ? 1 : 0;
    double *const y = (double *)(void *)c->scratch, product = 1, sum = 0;

    for (size_t k = 0; k < n; k++)
        y[k] = product *= rd_real_at(c->in[0], place(l, k));
    for (size_t k = n; k-- > 0;) {
        if (k + shift < l->n)
            sum += rd_real_at(c->dout[0], place(l, k + shift)) * y[k];
        rd_real_add(c->din[0], place(l, k), sum / rd_real_at(c->in[0], place(l, k)));
    }
}

static rd_status product_backward(struct rd_op_call *c)
{
    const struct lines all = lines_of(c);

    for (size_t i = 0; i < all.outer * all.inner; i++) {
        const struct line l = line_at(&all, i, all.reverse);
        size_t n = 0; /* elements in front of the first 0 */

        while (n < l.n && rd_real_at(c->in[0], place(&l, n)) != 0)
            n++;
        product_line_plain(c, &l, n);
        if (n < l.n)
            product_line_back(c, &l);
    }
    return RD_OK;
}

static size_t product_scratch(const struct rd_op_call *c)
{
    return c->din ? rd_tensor_count(c->in[0]) * sizeof(double) + 64 : scratch(c);
}

enum {
    SUMMED = RD_T_FLOAT | RD_T(RD_I32) | RD_T(RD_I64) | RD_T(RD_U32) | RD_T(RD_U64),
};

const struct rd_op rd_op_cumsum = {
    .op = "CumSum",
    .domain = "",
    .since = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { SUMMED, RD_T_INDEX },
    .attrs = attrs,
    .infer = infer,
    .forward = sum_forward,
    .backward = sum_backward,
    .grad_in = 1,
    .scratch = scratch,
    .per_example = rows,
};

const struct rd_op rd_op_cumprod = {
    .op = "CumProd",
    .domain = "",
    .since = 26,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { SUMMED, RD_T_INDEX },
    .attrs = attrs,
    .infer = infer,
    .forward = product_forward,
    .backward = product_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = product_scratch,
    .per_example = rows,
};
