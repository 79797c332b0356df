/*
 * op_repeat.c - Expand and Tile: elements of any type repeated along axes. The gradient of an
 * element is the sum over its copies.
 */
#include "graph/op.h"
#include "graph/op_walk.h"

#include <string.h>

enum { MOVABLE = RD_T_ANY | RD_T(RD_STRING) | RD_T_SMALL };

static double no_flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
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

/* --- Expand --- */

static rd_status expand_infer(struct rd_op_call *c)
{
    const struct rd_tensor *wish = c->in[1];
    struct rd_tensor shape = { .ndim = 0 };
    rd_status st;

    c->out[0]->dtype = c->in[0]->dtype;
    if (wish->ndim != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "the shape must have one dimension, not %d", wish->ndim);
    if (wish->dim[0] > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT, "the shape has %lld entries; at most %d are supported",
            (long long)wish->dim[0], RD_MAX_DIMS);
    if (wish->data) {
        st = rd_op_values(c, wish, "the shape", shape.dim, &shape.ndim);
        if (st)
            return st;
        for (int i = 0; i < shape.ndim; i++) {
            if (rd_op_is_symbol(shape.dim[i]))
                shape.dim[i] = -1;
            else if (shape.dim[i] < 0)
                return RD_FAIL(c->err, RD_E_INPUT, "dimension %d of the shape is %lld", i,
                    (long long)shape.dim[i]);
        }
    } else if (wish->dim[0] == -1) {
        return RD_OK; /* not even the rank is known */
    } else {
        shape.ndim = (int)wish->dim[0];
        for (int i = 0; i < shape.ndim; i++)
            shape.dim[i] = -1;
    }
    st = rd_op_broadcast(c, c->in[0], &shape, c->out[0]);
    for (int i = 0; i < c->out[0]->ndim && !st && !wish->data; i++) {
        const int at = i - (c->out[0]->ndim - c->in[0]->ndim);

        if (at < 0 || c->in[0]->dim[at] <= 1)
            c->out[0]->dim[i] = -1;
    }
    return st;
}

#define EXPAND(T)                                                                                  \
    do {                                                                                           \
        T *to = c->out[0]->data;                                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++)                                                         \
                to[i] = ((const T *)c->in[0]->data)[place + i * step];                             \
            to += n;                                                                               \
        } while (rd_walk_next(&w, at, &place));                                                    \
    } while (0);                                                                                   \
    break

static rd_status expand_forward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_walk_make(c->out[0], c->in, 1);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    switch (rd_dtype_size(c->in[0]->dtype)) {
    case 1:
        EXPAND(uint8_t);
    case 2:
        EXPAND(uint16_t);
    case 4:
        EXPAND(uint32_t);
    default:
        EXPAND(uint64_t);
    }
    return RD_OK;
}

static size_t expand_scratch(const struct rd_op_call *c)
{
    return c->din ? rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]) : 0;
}

static rd_status expand_backward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_walk_make(c->dout[0], c->in, 1);
    const size_t n = w.dim[w.rank - 1], step = w.step[0][w.rank - 1];
    const double *g = rd_op_wide(c, c->dout[0]);
    double *const sum = rd_op_take(c, rd_op_wide_size(c->in[0]));
    size_t at[RD_MAX_DIMS] = { 0 }, place = 0;

    memset(sum, 0, rd_tensor_count(c->in[0]) * sizeof(*sum));
    if (rd_tensor_count(c->dout[0]))
        do {
            for (size_t i = 0; i < n; i++)
                sum[place + i * step] += g[i];
            g += n;
        } while (rd_walk_next(&w, at, &place));
    rd_op_narrow(sum, c->din[0], true);
    return RD_OK;
}

static bool expand_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && !batched[1] && c->in[0]->ndim == c->out[0]->ndim;
}

const struct rd_op rd_op_expand = {
    .op = "Expand",
    .domain = "",
    .since = 8,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE, RD_T_I64 },
    .infer = expand_infer,
    .forward = expand_forward,
    .backward = expand_backward,
    .grad_in = 1,
    .scratch = expand_scratch,
    .flops = no_flops,
    .per_example = expand_rows,
    .moves = 1,
    .sizes = 2,
};

/* --- Tile --- */

/* Repeats of each axis; -1 unknown. Before opset 6: input 1 a number, input 2 an axis. */
static rd_status repeats_of(const struct rd_op_call *c, int64_t *repeat)
{
    const struct rd_tensor *x = c->in[0], *tiles = rd_op_in(c, 1), *axis = rd_op_in(c, 2);
    int n = 0, k;
    rd_status st;

    if (c->node->opset < 6) {
        if (!axis || !tiles->data || !axis->data || tiles->dtype != RD_I64 ||
            axis->dtype != RD_I64 || rd_tensor_count(tiles) != 1 || rd_tensor_count(axis) != 1)
            return RD_FAIL(c->err, RD_E_INPUT,
                "before opset 6 Tile takes one int64 number of tiles and one axis, both constant");
        st = rd_op_axis(c, *(const int64_t *)axis->data, x->ndim, false, &k);
        for (int i = 0; i < x->ndim && !st; i++)
            repeat[i] = i == k ? *(const int64_t *)tiles->data : 1;
    } else {
        if (tiles->ndim != 1 || (tiles->dim[0] != -1 && tiles->dim[0] != x->ndim))
            return RD_FAIL(
                c->err, RD_E_INPUT, "repeats must have one entry for each of %d axes", x->ndim);
        for (int i = 0; i < x->ndim; i++)
            repeat[i] = -1;
        if (!tiles->data)
            return RD_OK;
        st = rd_op_values(c, tiles, "repeats", repeat, &n);
    }
    for (int i = 0; i < x->ndim && !st; i++)
        if (repeat[i] < 0)
            st = RD_FAIL(
                c->err, RD_E_INPUT, "axis %d is repeated %lld times", i, (long long)repeat[i]);
    return st;
}

static rd_status tile_infer(struct rd_op_call *c)
{
    int64_t repeat[RD_MAX_DIMS];
    rd_status st = repeats_of(c, repeat);

    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    for (int i = 0; i < c->in[0]->ndim; i++) {
        int64_t *d = &c->out[0]->dim[i];

        if (repeat[i] == -1 || (*d == -1 && repeat[i] != 1))
            *d = -1;
        else if (*d != -1 && __builtin_mul_overflow(*d, repeat[i], d))
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d repeated %lld times is too long", i,
                (long long)repeat[i]);
    }
    return RD_OK;
}

/* A run of the last axis at a time. */
static rd_status tile(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0], *out = back ? c->dout[0] : c->out[0];
    const size_t size = rd_dtype_size(x->dtype), n = rd_tensor_count(out);
    const size_t run = x->ndim ? (size_t)x->dim[x->ndim - 1] : 1;
    const int last = x->ndim - 1;
    size_t count[RD_MAX_DIMS] = { 0 };

    for (size_t o = 0; o < n; o += run) {
        size_t at = 0;
        int i;

        for (i = 0; i < last; i++)
            at = at * (size_t)x->dim[i] + count[i] % (size_t)x->dim[i];
        at *= run;
        if (back)
            add_run(x->dtype, (const char *)out->data + o * size,
                (char *)c->din[0]->data + at * size, run);
        else
            memcpy((char *)out->data + o * size, (const char *)x->data + at * size, run * size);
        if (last < 0)
            break;
        count[last] += run;
        for (i = last; i > 0 && count[i] == (size_t)out->dim[i]; i--) {
            count[i] = 0;
            count[i - 1]++;
        }
    }
    return RD_OK;
}

static rd_status tile_forward(struct rd_op_call *c)
{
    return tile(c, false);
}

static rd_status tile_backward(struct rd_op_call *c)
{
    return tile(c, true);
}

static bool tile_rows(const struct rd_op_call *c, const bool *batched)
{
    int64_t repeat[RD_MAX_DIMS];

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0] && !repeats_of(c, repeat) && repeat[0] == 1;
}

const struct rd_op rd_op_tile = {
    .op = "Tile",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { MOVABLE, RD_T_I64 },
    .infer = tile_infer,
    .forward = tile_forward,
    .backward = tile_backward,
    .grad_in = 1,
    .flops = no_flops,
    .per_example = tile_rows,
    .moves = 1,
};
