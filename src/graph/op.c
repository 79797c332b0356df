/* op.c - what all operator rows share: checks against the row, attributes, broadcasting, element
 * types. */
#include "graph/op.h"

#include "base/text.h"
#include "tensor/small.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { SHOWN = 64, SHAPE_TEXT = 120 };

/* --- attributes --- */

const struct rd_attr *rd_op_attr(const struct rd_graph_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (!strcmp(node->attr[i].name, name))
            return &node->attr[i];
    return NULL;
}

int64_t rd_op_int(const struct rd_graph_node *node, const char *name, int64_t otherwise)
{
    const struct rd_attr *a = rd_op_attr(node, name);

    return a ? a->i : otherwise;
}

float rd_op_float(const struct rd_graph_node *node, const char *name, float otherwise)
{
    const struct rd_attr *a = rd_op_attr(node, name);

    return a ? a->f : otherwise;
}

const int64_t *rd_op_ints(const struct rd_graph_node *node, const char *name, size_t *n_out)
{
    const struct rd_attr *a = rd_op_attr(node, name);

    *n_out = a ? a->n : 0;
    return a ? a->ints : NULL;
}

bool rd_op_str_is(const struct rd_graph_node *node, const char *name, const char *text)
{
    const struct rd_attr *a = rd_op_attr(node, name);

    return a && a->s_len == strlen(text) && !memcmp(a->s, text, a->s_len);
}

/* --- a node against its row --- */

static const char *attr_type_name(enum rd_attr_type t)
{
    static const char *const name[] = { [RD_ATTR_FLOAT] = "a float",
        [RD_ATTR_INT] = "an integer",
        [RD_ATTR_STRING] = "a string",
        [RD_ATTR_TENSOR] = "a tensor",
        [RD_ATTR_FLOATS] = "floats",
        [RD_ATTR_INTS] = "integers",
        [RD_ATTR_STRINGS] = "strings",
        [RD_ATTR_GRAPH] = "a graph",
        [RD_ATTR_GRAPHS] = "graphs",
        [RD_ATTR_TENSORS] = "tensors",
        [RD_ATTR_TYPE] = "a type" };

    return name[t];
}

static bool exists(const struct rd_op_attr *a, int64_t version)
{
    return version >= a->since && (!a->until || version <= a->until);
}

rd_status rd_op_check_attrs(const struct rd_graph_node *node, struct rd_error *err)
{
    char safe[SHOWN];

    for (size_t i = 0; i < node->n_attrs; i++) {
        const struct rd_attr *a = &node->attr[i];
        const struct rd_op_attr *known = node->row->attrs;
        bool elsewhere = false;

        for (; known && known->name; known++) {
            if (strcmp(known->name, a->name))
                continue;
            if (exists(known, node->opset))
                break;
            elsewhere = true;
        }
        if (!known || !known->name)
            return RD_FAIL(err, RD_E_INPUT, "%s has no attribute '%s'%s", node->op,
                rd_text_safe_in(safe, sizeof(safe), a->name), elsewhere ? " at this opset" : "");
        if (known->type != a->type)
            return RD_FAIL(err, RD_E_INPUT, "attribute '%s' must be %s, not %s", known->name,
                attr_type_name(known->type), attr_type_name(a->type));
        for (size_t j = 0; j < i; j++)
            if (!strcmp(node->attr[j].name, a->name))
                return RD_FAIL(err, RD_E_INPUT, "attribute '%s' is given twice", known->name);
    }
    for (const struct rd_op_attr *a = node->row->attrs; a && a->name; a++)
        if (a->required && exists(a, node->opset) && !rd_op_attr(node, a->name))
            return RD_FAIL(err, RD_E_INPUT, "attribute '%s' is missing", a->name);
    return RD_OK;
}

rd_status rd_op_prepare(struct rd_graph_node *node, struct rd_arena *arena, struct rd_error *err)
{
    rd_status st;

    if (!node->row || !node->row->prepare || node->prepared)
        return RD_OK;
    st = rd_op_check_attrs(node, err);
    return st ? st : node->row->prepare(node, arena, &node->prepared, err);
}

static unsigned type_mask(const struct rd_op *row, int input)
{
    unsigned mask = row->in_type[0];

    for (int i = 1; i < RD_OP_INPUTS && i <= input; i++)
        if (row->in_type[i])
            mask = row->in_type[i];
    return mask;
}

rd_status rd_op_check(const struct rd_op_call *c)
{
    const struct rd_graph_node *node = c->node;
    const struct rd_op *row = node->row;
    const int n_inputs = node->n_inputs - node->n_captures;
    const enum rd_dtype first = n_inputs && c->in[0] ? c->in[0]->dtype : RD_DTYPE_NONE;
    rd_status st = rd_op_check_attrs(node, c->err);

    if (st)
        return st;
    if (n_inputs < row->min_in || (row->max_in >= 0 && n_inputs > row->max_in))
        return RD_FAIL(c->err, RD_E_INPUT, "%s takes %d to %d inputs, not %d", row->op, row->min_in,
            row->max_in < 0 ? INT_MAX : row->max_in, n_inputs);
    if (node->n_outputs < row->min_out || (row->max_out >= 0 && node->n_outputs > row->max_out))
        return RD_FAIL(c->err, RD_E_INPUT, "%s gives %d to %d outputs, not %d", row->op,
            row->min_out, row->max_out < 0 ? INT_MAX : row->max_out, node->n_outputs);
    for (int i = 0; i < n_inputs; i++) {
        const struct rd_tensor *t = c->in[i];

        if (!t) {
            if (i < row->min_in)
                return RD_FAIL(c->err, RD_E_INPUT, "input %d is left out", i);
            continue;
        }
        if (t->dtype == RD_DTYPE_NONE)
            continue;
        if (!(type_mask(row, i) & RD_T(t->dtype)))
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, which %s does not take", i,
                rd_dtype_name(t->dtype), row->op);
        if (i && i < 32 && row->same >> i & 1 && first && t->dtype != first)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, input 0 is %s: they must be equal",
                i, rd_dtype_name(t->dtype), rd_dtype_name(first));
    }
    return RD_OK;
}

rd_status rd_op_infer(struct rd_op_call *c)
{
    char shape[SHAPE_TEXT];
    rd_status st = rd_op_check(c);

    if (!st)
        st = c->node->row->infer(c);
    for (int i = 0; i < c->node->n_outputs && !st; i++) {
        int64_t known[RD_MAX_DIMS];
        size_t count, bytes;

        if (c->out[i]->ndim > RD_MAX_DIMS)
            return RD_FAIL(c->err, RD_E_LIMIT,
                "output %d has %d dimensions; at most %d are supported", i, c->out[i]->ndim,
                RD_MAX_DIMS);
        for (int d = 0; d < c->out[i]->ndim; d++)
            known[d] = c->out[i]->dim[d] == -1 ? 1 : c->out[i]->dim[d];
        if (c->out[i]->ndim >= 0 &&
            (!rd_shape_count(known, c->out[i]->ndim, &count) ||
                __builtin_mul_overflow(count, (size_t)8, &bytes) || bytes > SIZE_MAX / 8))
            return RD_FAIL(c->err, RD_E_INPUT, "output %d has the impossible shape %s", i,
                rd_shape_text(c->out[i]->dim, c->out[i]->ndim, shape, sizeof(shape)));
    }
    return st;
}

/* --- shapes --- */

rd_status rd_op_axis(
    const struct rd_op_call *c, int64_t axis, int rank, bool one_more, int *axis_out)
{
    const int most = one_more ? rank : rank - 1;

    if (axis < -rank || axis > most)
        return RD_FAIL(
            c->err, RD_E_INPUT, "axis %lld is outside %d..%d", (long long)axis, -rank, most);
    *axis_out = (int)(axis < 0 ? axis + rank : axis);
    return RD_OK;
}

rd_status rd_op_values(const struct rd_op_call *c, const struct rd_tensor *t, const char *what,
    int64_t *out, int *n_out)
{
    const size_t n = rd_tensor_count(t);

    if (t->ndim > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "%s must have one dimension, not %d", what, t->ndim);
    if (n > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT, "%s has %zu entries; at most %d are supported", what, n,
            RD_MAX_DIMS);
    for (size_t i = 0; i < n; i++) {
        int32_t narrow;

        if (t->dtype == RD_I64) {
            memcpy(&out[i], (const char *)t->data + i * sizeof(*out), sizeof(*out));
        } else {
            memcpy(&narrow, (const char *)t->data + i * sizeof(narrow), sizeof(narrow));
            out[i] = narrow == RD_SYM32_BATCH ? RD_SYM_BATCH
                     : narrow == RD_SYM32_ANY ? RD_SYM_ANY
                                              : narrow;
        }
    }
    *n_out = (int)n;
    return RD_OK;
}

void rd_op_same_shape(struct rd_tensor *out, const struct rd_tensor *in)
{
    out->dtype = in->dtype;
    out->ndim = in->ndim;
    memcpy(out->dim, in->dim, sizeof(out->dim));
}

rd_status rd_op_broadcast(const struct rd_op_call *c, const struct rd_tensor *a,
    const struct rd_tensor *b, struct rd_tensor *shape_out)
{
    const int rank = a->ndim > b->ndim ? a->ndim : b->ndim;
    char ta[SHAPE_TEXT], tb[SHAPE_TEXT];
    int64_t dim[RD_MAX_DIMS];

    for (int i = 0; i < rank; i++) {
        const int64_t p = i < rank - a->ndim ? 1 : a->dim[i - (rank - a->ndim)];
        const int64_t q = i < rank - b->ndim ? 1 : b->dim[i - (rank - b->ndim)];

        if (p != q && p != 1 && q != 1 && p != -1 && q != -1)
            return RD_FAIL(c->err, RD_E_INPUT, "shapes %s and %s do not broadcast",
                rd_shape_text(a->dim, a->ndim, ta, sizeof(ta)),
                rd_shape_text(b->dim, b->ndim, tb, sizeof(tb)));
        /* A free dim against a fixed one is that one, unless it is 1. */
        dim[i] = p == 1 ? q : q == 1 ? p : p == -1 ? q : p;
    }
    shape_out->ndim = rank;
    memcpy(shape_out->dim, dim, (size_t)rank * sizeof(*dim));
    return RD_OK;
}

bool rd_op_rows_elementwise(const struct rd_op_call *c, const bool *batched)
{
    const int rank = c->out[0]->ndim;

    for (int i = 0; i < c->node->n_inputs; i++) {
        const struct rd_tensor *t = c->in[i];

        if (!t)
            continue;
        if (batched[i] ? t->ndim != rank : t->ndim == rank && rank > 0 && t->dim[0] != 1)
            return false;
    }
    return rank > 0;
}

/* --- scratch and element types --- */

static size_t round_up(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

void *rd_op_take(struct rd_op_call *c, size_t size)
{
    static char nothing[64]; /* stays as it is: only requests of no bytes get it */
    void *p = c->scratch ? c->scratch + c->scratch_used : nothing;

    c->scratch_used += round_up(size);
    return p;
}

size_t rd_op_wide_size(const struct rd_tensor *t)
{
    return t ? round_up(rd_tensor_count(t) * sizeof(double)) : 0;
}

static double bits_to_double(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return (double)f;
}

static double half_to_double(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double v = exponent == 31 ? (fraction ? (double)NAN : HUGE_VAL)
                     : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                    : ldexp(fraction, -24);

    return h >> 15 ? -v : v;
}

/* To nearest even, from the double itself: no double rounding. */
static uint16_t double_to_half(double v)
{
    const uint16_t sign = signbit(v) ? 0x8000 : 0;
    const double a = fabs(v);
    int exponent;
    double q;

    if (isnan(v))
        return (uint16_t)(sign | 0x7e00);
    if (a >= 65520) /* half way between the largest half and the next step */
        return (uint16_t)(sign | 0x7c00);
    if (a == 0)
        return sign;
    (void)frexp(a, &exponent); /* a = m * 2^exponent, m in [0.5, 1) */
    if (exponent < -13)
        exponent = -13;                     /* subnormal: steps of 2^-24 */
    q = nearbyint(ldexp(a, 11 - exponent)); /* 1024..2048, or less when subnormal */
    return (uint16_t)(sign | (((unsigned)(exponent + 13) << 10) + (unsigned)q));
}

static uint16_t double_to_bfloat(double v)
{
    const float f = (float)v;
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    if (isnan(v))
        return (uint16_t)(bits >> 16 | 0x40);
    /* f was rounded once already: mark what was cut off so that ties are ties of the double. */
    if ((double)f != v && isfinite(f)) {
        const bool up = fabs(v) > fabs((double)f);

        if ((bits & 0xffff) == 0x8000)
            return (uint16_t)((bits >> 16) + (up ? 1 : 0));
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define WIDEN(TYPE, EXPR)                                                                          \
    for (size_t i = 0; i < n; i++) {                                                               \
        const TYPE v = ((const TYPE *)t->data)[i];                                                 \
        to[i] = (double)(EXPR);                                                                    \
    }                                                                                              \
    break

const double *rd_op_wide(struct rd_op_call *c, const struct rd_tensor *t)
{
    const size_t n = rd_tensor_count(t);
    double *to;

    if (t->dtype == RD_F64)
        return t->data;
    to = rd_op_take(c, n * sizeof(*to));
    switch (t->dtype) {
    case RD_F32:
        WIDEN(float, v);
    case RD_F16:
        WIDEN(uint16_t, half_to_double(v));
    case RD_BF16:
        WIDEN(uint16_t, bits_to_double((uint32_t)v << 16));
    case RD_U8:
    case RD_BOOL:
        WIDEN(uint8_t, v);
    case RD_I8:
        WIDEN(int8_t, v);
    case RD_U16:
        WIDEN(uint16_t, v);
    case RD_I16:
        WIDEN(int16_t, v);
    case RD_U32:
        WIDEN(uint32_t, v);
    case RD_I32:
        WIDEN(int32_t, v);
    case RD_U64:
        WIDEN(uint64_t, v);
    case RD_I64:
        WIDEN(int64_t, v);
    default: /* of a byte or less; the others are no numbers */
        for (size_t i = 0; i < n && rd_small_bits(t->dtype); i++)
            to[i] = rd_small_value(t->dtype, ((const uint8_t *)t->data)[i]);
        break;
    }
    return to;
}

#define NARROW(TYPE, EXPR)                                                                         \
    for (size_t i = 0; i < n; i++) {                                                               \
        TYPE *const to = &((TYPE *)t->data)[i];                                                    \
        const double w = v[i];                                                                     \
        *to = (TYPE)(EXPR);                                                                        \
    }                                                                                              \
    break
/* NaN becomes 0; the comparisons are exact for every type but 64-bit ones, whose bounds round
 * outwards. */
#define SATURATE(w, low, high, least, most)                                                        \
    ((w) >= (high) ? (most) : (w) > (low) ? (w) : isnan(w) ? 0 : (least))

void rd_op_narrow(const double *v, struct rd_tensor *t, bool add)
{
    const size_t n = rd_tensor_count(t);

    switch (t->dtype) {
    case RD_F32:
        NARROW(float, add ? (double)*to + w : w);
    case RD_F64:
        NARROW(double, add ? *to + w : w);
    case RD_F16:
        NARROW(uint16_t, double_to_half(add ? half_to_double(*to) + w : w));
    case RD_BF16:
        NARROW(uint16_t, double_to_bfloat(add ? bits_to_double((uint32_t)*to << 16) + w : w));
    case RD_BOOL:
        NARROW(uint8_t, w != 0);
    case RD_U8:
        NARROW(uint8_t, SATURATE(w, 0, UINT8_MAX, 0, UINT8_MAX));
    case RD_I8:
        NARROW(int8_t, SATURATE(w, INT8_MIN, INT8_MAX, INT8_MIN, INT8_MAX));
    case RD_U16:
        NARROW(uint16_t, SATURATE(w, 0, UINT16_MAX, 0, UINT16_MAX));
    case RD_I16:
        NARROW(int16_t, SATURATE(w, INT16_MIN, INT16_MAX, INT16_MIN, INT16_MAX));
    case RD_U32:
        NARROW(uint32_t, SATURATE(w, 0, UINT32_MAX, 0, UINT32_MAX));
    case RD_I32:
        NARROW(int32_t, SATURATE(w, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX));
    case RD_U64:
        for (size_t i = 0; i < n; i++)
            ((uint64_t *)t->data)[i] = v[i] >= 0x1p64 ? UINT64_MAX : v[i] > 0 ? (uint64_t)v[i] : 0;
        break;
    case RD_I64:
        for (size_t i = 0; i < n; i++)
            ((int64_t *)t->data)[i] = v[i] >= 0x1p63   ? INT64_MAX
                                      : v[i] > -0x1p63 ? (int64_t)v[i]
                                      : isnan(v[i])    ? 0
                                                       : INT64_MIN;
        break;
    default: /* no gradients: add does not come */
        for (size_t i = 0; i < n && rd_small_bits(t->dtype); i++)
            ((uint8_t *)t->data)[i] = rd_small_element(t->dtype, v[i], true, RD_SMALL_UP);
        break;
    }
}
