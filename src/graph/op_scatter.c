/*
 * op_scatter.c - ScatterElements (and Scatter, its older name) and ScatterND: a copy of the data
 * with elements or slices replaced, or combined with the updates by a reduction.
 *
 * Updates are applied in the order of the indices, so the last of those that replace wins. Sums and
 * products of floats are taken in float64 and rounded once; integers wrap. Gradients: a replaced
 * element has none, and of updates that replace one place the last has it all; factors take the
 * product of the others; extremes share evenly (as PyTorch's scatter_reduce).
 */
#include "graph/op_index.h"

#include <math.h>

enum how { REPLACE, ADD, MUL, MAX, MIN };

static rd_status reduction(const struct rd_op_call *c, enum how *how)
{
    static const char *const name[] = { "none", "add", "mul", "max", "min" };
    char safe[40] = "";
    const struct rd_attr *a = rd_op_attr(c->node, "reduction");

    *how = REPLACE;
    if (!a)
        return RD_OK;
    /* max and min came with opset 18; PyTorch writes them into models of 16 and 17 too. */
    for (int i = 0; i < 5; i++)
        if (rd_op_str_is(c->node, "reduction", name[i])) {
            *how = (enum how)i;
            return RD_OK;
        }
    for (size_t i = 0; i < a->s_len && i < sizeof(safe) - 1; i++)
        safe[i] = a->s[i] >= ' ' && a->s[i] < 127 ? a->s[i] : '?';
    return RD_FAIL(c->err, RD_E_INPUT,
        "attribute 'reduction' must be none, add, mul, max or min, not '%s'", safe);
}

static rd_status common_infer(struct rd_op_call *c)
{
    enum how how;
    rd_status st = reduction(c, &how);

    if (st)
        return st;
    if (how != REPLACE && c->in[0]->dtype == RD_STRING)
        return RD_FAIL(c->err, RD_E_INPUT, "strings cannot be reduced");
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

/* What the reductions need beside the result: sums or products as float64; for gradients two
 * counters or factors a place. */
static size_t scratch(const struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]) * sizeof(double) + 64;
    enum how how;

    (void)reduction(c, &how);
    if (c->din)
        return how == ADD ? 0 : 2 * n;
    return how == REPLACE || rd_is_whole(c->in[0]->dtype)
               ? 0
               : n + rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[2]);
}

static double combine(enum how how, double a, double b)
{
    if (how == ADD)
        return a + b;
    if (how == MUL)
        return a * b;
    if (isnan(a) || isnan(b))
        return (double)NAN;
    return how == MAX ? (a > b ? a : b) : a < b ? a : b;
}

static rd_status reduce_real(struct rd_op_call *c, struct rd_places p, enum how how)
{
    const size_t n = rd_tensor_count(c->in[0]);
    double *const sum = rd_op_take(c, n * sizeof(*sum));
    const double *const x = rd_op_wide(c, c->in[0]), *const u = rd_op_wide(c, c->in[2]);

    memcpy(sum, x, n * sizeof(*sum));
    for (size_t i = 0; i < p.n; i++) {
        size_t at;
        rd_status st = rd_places_next(c, &p, &at);

        if (st)
            return st;
        for (size_t k = 0; k < p.run; k++)
            sum[at + k] = combine(how, sum[at + k], u[i * p.run + k]);
    }
    rd_op_narrow(sum, c->out[0], false);
    return RD_OK;
}

/* Of bool a sum is "or", a product "and". */
static uint64_t combine_whole(const struct rd_tensor *t, enum how how, uint64_t a, uint64_t b)
{
    const bool less = rd_is_signed(t->dtype) ? (int64_t)a < (int64_t)b : a < b;

    if (t->dtype == RD_BOOL)
        return how == ADD || how == MAX ? a | b : a & b;
    if (how == ADD)
        return a + b;
    if (how == MUL)
        return a * b;
    return (how == MAX) == less ? b : a;
}

static rd_status reduce_whole(struct rd_op_call *c, struct rd_places p, enum how how)
{
    struct rd_tensor *out = c->out[0];

    for (size_t i = 0; i < p.n; i++) {
        size_t at;
        rd_status st = rd_places_next(c, &p, &at);

        if (st)
            return st;
        for (size_t k = 0; k < p.run; k++)
            rd_bits_set(out, at + k,
                combine_whole(
                    out, how, rd_bits_at(out, at + k), rd_bits_at(c->in[2], i * p.run + k)));
    }
    return RD_OK;
}

static rd_status scatter(struct rd_op_call *c, struct rd_places p)
{
    const size_t size = rd_dtype_size(c->in[0]->dtype);
    enum how how;

    (void)reduction(c, &how);
    if (how != REPLACE && !rd_is_whole(c->in[0]->dtype))
        return reduce_real(c, p, how);
    memcpy(c->out[0]->data, c->in[0]->data, rd_tensor_bytes(c->in[0]));
    if (how != REPLACE)
        return reduce_whole(c, p, how);
    for (size_t i = 0; i < p.n; i++) {
        size_t at;
        rd_status st = rd_places_next(c, &p, &at);

        if (st)
            return st;
        memcpy((char *)c->out[0]->data + at * size, (const char *)c->in[2]->data + i * p.run * size,
            p.run * size);
    }
    return RD_OK;
}

/* --- gradients --- */

/* BODY sees `e` (of the updates) and `at` (of the data), in order. */
#define EACH_UPDATE(BODY)                                                                          \
    do {                                                                                           \
        struct rd_places p = places;                                                               \
        for (size_t i = 0; i < p.n; i++) {                                                         \
            size_t first;                                                                          \
            rd_status st = rd_places_next(c, &p, &first);                                          \
            if (st)                                                                                \
                return st;                                                                         \
            for (size_t k = 0; k < p.run; k++) {                                                   \
                const size_t e = i * p.run + k, at = first + k;                                    \
                BODY                                                                               \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static rd_status back_replace(struct rd_op_call *c, struct rd_places places)
{
    const size_t n = rd_tensor_count(c->in[0]);
    size_t *const owner = rd_op_take(c, n * sizeof(*owner)); /* update + 1; 0: the data */

    memset(owner, 0, n * sizeof(*owner));
    EACH_UPDATE({ owner[at] = e + 1; });
    for (size_t i = 0; i < n; i++) {
        struct rd_tensor *to = owner[i] ? rd_op_din(c, 2) : c->din[0];

        if (to)
            rd_real_add(to, owner[i] ? owner[i] - 1 : i, rd_real_at(c->dout[0], i));
    }
    return RD_OK;
}

/* The product of the other factors: of all that are not 0 divided by this one. */
static double others(double product, double zeros, double own)
{
    if (own == 0)
        return zeros > 1 ? 0 : product;
    return zeros > 0 ? 0 : product / own;
}

static rd_status back_mul(struct rd_op_call *c, struct rd_places places)
{
    const size_t n = rd_tensor_count(c->in[0]);
    double *const product = rd_op_take(c, n * sizeof(double));
    double *const zeros = rd_op_take(c, n * sizeof(double));

    for (size_t i = 0; i < n; i++) {
        const double x = rd_real_at(c->in[0], i);

        product[i] = x == 0 ? 1 : x;
        zeros[i] = x == 0;
    }
    EACH_UPDATE({
        const double u = rd_real_at(c->in[2], e);

        product[at] *= u == 0 ? 1 : u;
        zeros[at] += u == 0;
    });
    for (size_t i = 0; i < n && c->din[0]; i++)
        rd_real_add(c->din[0], i,
            rd_real_at(c->dout[0], i) * others(product[i], zeros[i], rd_real_at(c->in[0], i)));
    if (c->din[2])
        EACH_UPDATE({
            rd_real_add(c->din[2], e,
                rd_real_at(c->dout[0], at) *
                    others(product[at], zeros[at], rd_real_at(c->in[2], e)));
        });
    return RD_OK;
}

static rd_status back_extreme(struct rd_op_call *c, struct rd_places places, enum how how)
{
    const size_t n = rd_tensor_count(c->in[0]);
    double *const best = rd_op_take(c, n * sizeof(double));
    double *const ties = rd_op_take(c, n * sizeof(double));

    for (size_t i = 0; i < n; i++)
        best[i] = rd_real_at(c->in[0], i);
    EACH_UPDATE({ best[at] = combine(how, best[at], rd_real_at(c->in[2], e)); });
    for (size_t i = 0; i < n; i++)
        ties[i] = best[i] == rd_real_at(c->in[0], i);
    EACH_UPDATE({ ties[at] += best[at] == rd_real_at(c->in[2], e); });
    for (size_t i = 0; i < n && c->din[0]; i++)
        if (best[i] == rd_real_at(c->in[0], i))
            rd_real_add(c->din[0], i, rd_real_at(c->dout[0], i) / ties[i]);
    if (c->din[2])
        EACH_UPDATE({
            if (best[at] == rd_real_at(c->in[2], e))
                rd_real_add(c->din[2], e, rd_real_at(c->dout[0], at) / ties[at]);
        });
    return RD_OK;
}

static rd_status unscatter(struct rd_op_call *c, struct rd_places places)
{
    const size_t n = rd_tensor_count(c->in[0]);
    enum how how;

    (void)reduction(c, &how);
    if (how == REPLACE)
        return back_replace(c, places);
    if (how == MUL)
        return back_mul(c, places);
    if (how != ADD)
        return back_extreme(c, places, how);
    for (size_t i = 0; i < n && c->din[0]; i++)
        rd_real_add(c->din[0], i, rd_real_at(c->dout[0], i));
    if (c->din[2])
        EACH_UPDATE({ rd_real_add(c->din[2], e, rd_real_at(c->dout[0], at)); });
    return RD_OK;
}

/* --- ScatterElements and Scatter --- */

static rd_status elements_axis(const struct rd_op_call *c, int *axis)
{
    return rd_op_axis(c, rd_op_int(c->node, "axis", 0), c->in[0]->ndim, false, axis);
}

static rd_status elements_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1], *u = c->in[2];
    char ta[120], tb[120], tc[120];
    int axis;
    rd_status st = elements_axis(c, &axis);
    bool fits = x->ndim == index->ndim && index->ndim == u->ndim;

    if (st)
        return st;
    for (int i = 0; fits && i < x->ndim; i++)
        fits = (index->dim[i] == u->dim[i] || index->dim[i] == -1 || u->dim[i] == -1) &&
               (i == axis || x->dim[i] == -1 || index->dim[i] <= x->dim[i]);
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT,
            "indices of shape %s and updates of shape %s do not fit %s along axis %d",
            rd_shape_text(index->dim, index->ndim, ta, sizeof(ta)),
            rd_shape_text(u->dim, u->ndim, tb, sizeof(tb)),
            rd_shape_text(x->dim, x->ndim, tc, sizeof(tc)), axis);
    return common_infer(c);
}

static struct rd_places elements_places(const struct rd_op_call *c)
{
    int axis = 0;

    (void)elements_axis(c, &axis); /* infer has accepted it */
    return rd_places_along(c->in[0], c->in[1], axis);
}

static rd_status elements_forward(struct rd_op_call *c)
{
    return scatter(c, elements_places(c));
}

static rd_status elements_backward(struct rd_op_call *c)
{
    return unscatter(c, elements_places(c));
}

static bool elements_rows(const struct rd_op_call *c, const bool *batched)
{
    int axis;

    return batched[0] && batched[1] && batched[2] && !elements_axis(c, &axis) && axis > 0;
}

static double flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[2]);
}

static const struct rd_op_attr elements_attrs[] = {
    { "axis", RD_ATTR_INT, 9, 0, false },
    { "reduction", RD_ATTR_STRING, 16, 0, false },
    { 0 },
};

#define ELEMENTS(id, name, first, last)                                                            \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = first,                                                                            \
        .until = last,                                                                             \
        .min_in = 3,                                                                               \
        .max_in = 3,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_MOVABLE, RD_T_INDEX, RD_T_MOVABLE },                                     \
        .same = 4,                                                                                 \
        .attrs = elements_attrs,                                                                   \
        .infer = elements_infer,                                                                   \
        .forward = elements_forward,                                                               \
        .backward = elements_backward,                                                             \
        .grad_in = 5,                                                                              \
        .reads = RD_READS_IN,                                                                      \
        .scratch = scratch,                                                                        \
        .flops = flops,                                                                            \
        .per_example = elements_rows,                                                              \
    }

ELEMENTS(scatterelements, "ScatterElements", 11, 0);
/* Deprecated by opset 11, but exporters went on for a while: taken at any version. */
ELEMENTS(scatter, "Scatter", 9, 0);

/* --- ScatterND: out[i...] = updates, slices by tuples of indices --- */

static rd_status nd_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *index = c->in[1], *u = c->in[2];
    const int q = index->ndim - 1;
    char ta[120], tb[120], tc[120];
    int64_t tuple;
    bool fits;

    if (x->ndim < 1 || index->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "neither data nor indices may be a scalar");
    tuple = index->dim[q];
    if (tuple == -1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "how many axes the indices name (their last dimension) must be known");
    fits = tuple >= 1 && tuple <= x->ndim && u->ndim == q + x->ndim - (int)tuple;
    for (int i = 0; fits && i < u->ndim; i++) {
        const int64_t d = i < q ? index->dim[i] : x->dim[i - q + (int)tuple];

        fits = u->dim[i] == d || d == -1 || u->dim[i] == -1;
    }
    if (!fits)
        return RD_FAIL(c->err, RD_E_INPUT,
            "indices of shape %s and updates of shape %s do not fit data of shape %s",
            rd_shape_text(index->dim, index->ndim, ta, sizeof(ta)),
            rd_shape_text(u->dim, u->ndim, tb, sizeof(tb)),
            rd_shape_text(x->dim, x->ndim, tc, sizeof(tc)));
    return common_infer(c);
}

static rd_status nd_forward(struct rd_op_call *c)
{
    return scatter(c, rd_places_tuples(c->in[0], c->in[1], 0));
}

static rd_status nd_backward(struct rd_op_call *c)
{
    return unscatter(c, rd_places_tuples(c->in[0], c->in[1], 0));
}

static const struct rd_op_attr nd_attrs[] = {
    { "reduction", RD_ATTR_STRING, 16, 0, false },
    { 0 },
};

const struct rd_op rd_op_scatternd = {
    .op = "ScatterND",
    .domain = "",
    .since = 11,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_I64, RD_T_MOVABLE },
    .same = 4,
    .attrs = nd_attrs,
    .infer = nd_infer,
    .forward = nd_forward,
    .backward = nd_backward,
    .grad_in = 5,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
};
