/*
 * op_bits.c - BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot on integers; BitCast, the
 * same bytes as another type.
 */
#include "graph/op_index.h"
#include "graph/op_walk.h"
#include "tensor/small.h"

enum what { SHIFT_LEFT, SHIFT_RIGHT, AND, OR, XOR };

static rd_status pair_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = c->in[0]->dtype;
    return rd_op_broadcast(c, c->in[0], c->in[1], c->out[0]);
}

static rd_status shift_infer(struct rd_op_call *c)
{
    if (!rd_op_str_is(c->node, "direction", "LEFT") && !rd_op_str_is(c->node, "direction", "RIGHT"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'direction' must be LEFT or RIGHT");
    return pair_infer(c);
}

/* Shifting out all bits leaves 0 (or the sign, to the right); a negative count shifts nothing. */
static uint64_t shift(const struct rd_tensor *t, bool left, uint64_t x, uint64_t by)
{
    const bool has_sign = rd_is_signed(t->dtype);
    const uint64_t width = 8 * rd_dtype_size(t->dtype);
    const bool negative = has_sign && (int64_t)x < 0;

    if (has_sign && (int64_t)by < 0)
        by = width;
    if (by >= width)
        return negative && !left ? UINT64_MAX : 0;
    if (left)
        return x << by;
    return negative ? ~(~x >> by) : x >> by;
}

static rd_status pair(struct rd_op_call *c, enum what what)
{
    const struct rd_walk w = rd_walk_make(c->out[0], c->in, 2);
    const size_t row = w.dim[w.rank - 1], step_a = w.step[0][w.rank - 1],
                 step_b = w.step[1][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[RD_WALK_MOST] = { 0 }, o = 0;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    do {
        for (size_t i = 0; i < row; i++) {
            const uint64_t a = rd_bits_at(c->in[0], place[0] + i * step_a);
            const uint64_t b = rd_bits_at(c->in[1], place[1] + i * step_b);
            uint64_t v = 0;

            switch (what) {
            case SHIFT_LEFT:
            case SHIFT_RIGHT:
                v = shift(c->in[0], what == SHIFT_LEFT, a, b);
                break;
            case AND:
                v = a & b;
                break;
            case OR:
                v = a | b;
                break;
            case XOR:
                v = a ^ b;
                break;
            }
            rd_bits_set(c->out[0], o++, v);
        }
    } while (rd_walk_next(&w, at, place));
    return RD_OK;
}

static rd_status shift_forward(struct rd_op_call *c)
{
    return pair(c, rd_op_str_is(c->node, "direction", "LEFT") ? SHIFT_LEFT : SHIFT_RIGHT);
}

static rd_status and_forward(struct rd_op_call *c)
{
    return pair(c, AND);
}

static rd_status or_forward(struct rd_op_call *c)
{
    return pair(c, OR);
}

static rd_status xor_forward(struct rd_op_call *c)
{
    return pair(c, XOR);
}

static const struct rd_op_attr shift_attrs[] = {
    { "direction", RD_ATTR_STRING, 11, 0, true },
    { 0 },
};

#define PAIR(id, name, first, ATTRS, INFER, FORWARD)                                               \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = first,                                                                            \
        .min_in = 2,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_INT },                                                                   \
        .same = 2,                                                                                 \
        .attrs = ATTRS,                                                                            \
        .infer = INFER,                                                                            \
        .forward = FORWARD,                                                                        \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

PAIR(bitshift, "BitShift", 11, shift_attrs, shift_infer, shift_forward);
PAIR(bitwiseand, "BitwiseAnd", 18, NULL, pair_infer, and_forward);
PAIR(bitwiseor, "BitwiseOr", 18, NULL, pair_infer, or_forward);
PAIR(bitwisexor, "BitwiseXor", 18, NULL, pair_infer, xor_forward);

static rd_status same_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static rd_status not_forward(struct rd_op_call *c)
{
    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        rd_bits_set(c->out[0], i, ~rd_bits_at(c->in[0], i));
    return RD_OK;
}

const struct rd_op rd_op_bitwisenot = {
    .op = "BitwiseNot",
    .domain = "",
    .since = 18,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_INT },
    .infer = same_infer,
    .forward = not_forward,
    .per_example = rd_op_rows_elementwise,
};

/* --- BitCast --- */

static int bits_of(enum rd_dtype t)
{
    return rd_small_bits(t) ? rd_small_bits(t) : (int)(8 * rd_dtype_size(t));
}

static rd_status cast_infer(struct rd_op_call *c)
{
    const int64_t to = rd_op_int(c->node, "to", 0);
    const enum rd_dtype from = c->in[0]->dtype;

    if (to <= 0 || to >= RD_SEQUENCE || to == RD_STRING || !rd_dtype_size((enum rd_dtype)to))
        return RD_FAIL(c->err, RD_E_INPUT, "element type %lld (attribute 'to') is not supported",
            (long long)to);
    if (from && bits_of(from) != bits_of((enum rd_dtype)to))
        return RD_FAIL(c->err, RD_E_INPUT, "%s and %s are not of one size", rd_dtype_name(from),
            rd_dtype_name((enum rd_dtype)to));
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = (enum rd_dtype)to;
    return RD_OK;
}

/* A truth value is 0 or 1, whatever byte it is made from; small integers stay sign-extended. */
static rd_status cast_forward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_bytes(c->in[0]);

    memcpy(c->out[0]->data, c->in[0]->data, n);
    for (size_t i = 0; i < n && c->out[0]->dtype == RD_BOOL; i++)
        ((uint8_t *)c->out[0]->data)[i] = ((const uint8_t *)c->in[0]->data)[i] != 0;
    for (size_t i = 0; i < n && rd_small_bits(c->out[0]->dtype) % 8; i++)
        ((uint8_t *)c->out[0]->data)[i] =
            rd_small_wrap(c->out[0]->dtype, ((const uint8_t *)c->in[0]->data)[i]);
    return RD_OK;
}

static const struct rd_op_attr cast_attrs[] = {
    { "to", RD_ATTR_INT, 26, 0, true },
    { 0 },
};

const struct rd_op rd_op_bitcast = {
    .op = "BitCast",
    .domain = "",
    .since = 26,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_ANY | RD_T_SMALL },
    .attrs = cast_attrs,
    .infer = cast_infer,
    .forward = cast_forward,
    .flops = rd_op_no_flops,
    .per_example = rd_op_rows_elementwise,
};
