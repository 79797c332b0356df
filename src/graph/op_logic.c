/*
 * op_logic.c - Equal, Less, Greater and their kin, And, Or, Xor, Not: answers of type bool; and
 * Where, which chooses by one.
 */
#include "graph/op.h"
#include "graph/op_walk.h"

#include <string.h>

static rd_status infer(struct rd_op_call *c)
{
    c->out[0]->dtype = RD_BOOL;
    return rd_op_pair_shape(c, c->out[0]);
}

typedef const char *text;

/* What a function that ROWS is used in begins with. */
#define WALK_PAIR(c)                                                                               \
    const struct rd_walk w = rd_op_pair_walk(c);                                                   \
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];    \
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 };                                              \
    const void *a = (c)->in[0]->data, *b = (c)->in[1]->data;                                       \
    if (!rd_tensor_count((c)->out[0]))                                                             \
    return RD_OK

#define ROWS(T, EXPR)                                                                              \
    do {                                                                                           \
        const T *const pa = a, *const pb = b;                                                      \
        uint8_t *po = c->out[0]->data;                                                             \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = pa[place[0] + i * da], y = pb[place[1] + i * db];                      \
                po[i] = (uint8_t)(EXPR);                                                           \
            }                                                                                      \
            po += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0);                                                                                   \
    break

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = 0;

    for (int i = 0; i < 2; i++)
        n +=
            c->in[i]->dtype == RD_F16 || c->in[i]->dtype == RD_BF16 ? rd_op_wide_size(c->in[i]) : 0;
    return n;
}

/* TEXT: of x and y as strings. */
#define DEFINE(id, EXPR, TEXT)                                                                     \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        WALK_PAIR(c);                                                                              \
        switch (c->in[0]->dtype) {                                                                 \
        case RD_F32:                                                                               \
            ROWS(float, EXPR);                                                                     \
        case RD_I8:                                                                                \
            ROWS(int8_t, EXPR);                                                                    \
        case RD_I16:                                                                               \
            ROWS(int16_t, EXPR);                                                                   \
        case RD_I32:                                                                               \
            ROWS(int32_t, EXPR);                                                                   \
        case RD_I64:                                                                               \
            ROWS(int64_t, EXPR);                                                                   \
        case RD_U8:                                                                                \
        case RD_BOOL:                                                                              \
            ROWS(uint8_t, EXPR);                                                                   \
        case RD_U16:                                                                               \
            ROWS(uint16_t, EXPR);                                                                  \
        case RD_U32:                                                                               \
            ROWS(uint32_t, EXPR);                                                                  \
        case RD_U64:                                                                               \
            ROWS(uint64_t, EXPR);                                                                  \
        case RD_F16:                                                                               \
        case RD_BF16:                                                                              \
            a = rd_op_wide(c, c->in[0]);                                                           \
            b = rd_op_wide(c, c->in[1]);                                                           \
            ROWS(double, EXPR);                                                                    \
        case RD_F64:                                                                               \
            ROWS(double, EXPR);                                                                    \
        case RD_STRING:                                                                            \
            ROWS(text, TEXT);                                                                      \
        default:                                                                                   \
            return RD_FAIL(c->err, RD_E_BUG, "element type %d", (int)c->in[0]->dtype);             \
        }                                                                                          \
        return RD_OK;                                                                              \
    }

DEFINE(equal, x == y, strcmp(x, y) == 0)
DEFINE(less, x < y, strcmp(x, y) < 0)
DEFINE(greater, x > y, strcmp(x, y) > 0)
DEFINE(lessorequal, x <= y, strcmp(x, y) <= 0)
DEFINE(greaterorequal, x >= y, strcmp(x, y) >= 0)

/* Of bool alone; what is not 0 is true. */
#define DEFINE_BOOL(id, EXPR)                                                                      \
    static rd_status id##_forward(struct rd_op_call *c)                                            \
    {                                                                                              \
        WALK_PAIR(c);                                                                              \
        do {                                                                                       \
            ROWS(uint8_t, EXPR);                                                                   \
        } while (0);                                                                               \
        return RD_OK;                                                                              \
    }

DEFINE_BOOL(and, x &&y)
DEFINE_BOOL(or, x || y)
DEFINE_BOOL(xor, !x != !y)

#define ROW(id, name, first, TYPES, SCRATCH)                                                       \
    const struct rd_op rd_op_##id = {                                                              \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = first,                                                                            \
        .min_in = 2,                                                                               \
        .max_in = 2,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { TYPES },                                                                      \
        .same = 2,                                                                                 \
        .attrs = rd_op_pair_attrs,                                                                 \
        .infer = infer,                                                                            \
        .forward = id##_forward,                                                                   \
        .scratch = SCRATCH,                                                                        \
        .per_example = rd_op_rows_elementwise,                                                     \
    }

ROW(equal, "Equal", 1, RD_T_ANY | RD_T(RD_STRING), scratch);
ROW(less, "Less", 1, RD_T_NUMBER, scratch);
ROW(greater, "Greater", 1, RD_T_NUMBER, scratch);
ROW(lessorequal, "LessOrEqual", 12, RD_T_NUMBER, scratch);
ROW(greaterorequal, "GreaterOrEqual", 12, RD_T_NUMBER, scratch);
ROW(and, "And", 1, RD_T(RD_BOOL), NULL);
ROW(or, "Or", 1, RD_T(RD_BOOL), NULL);
ROW(xor, "Xor", 1, RD_T(RD_BOOL), NULL);

/* --- Not --- */

static rd_status not_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static rd_status not_forward(struct rd_op_call *c)
{
    const uint8_t *const from = c->in[0]->data;
    uint8_t *const to = c->out[0]->data;

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++)
        to[i] = !from[i];
    return RD_OK;
}

const struct rd_op rd_op_not = {
    .op = "Not",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_BOOL) },
    .infer = not_infer,
    .forward = not_forward,
    .per_example = rd_op_rows_elementwise,
};

/* --- Where --- */

static rd_status where_infer(struct rd_op_call *c)
{
    struct rd_tensor both = { .ndim = 0 };
    rd_status st;

    if (c->in[1]->dtype && c->in[2]->dtype && c->in[1]->dtype != c->in[2]->dtype)
        return RD_FAIL(c->err, RD_E_INPUT, "input 2 is %s, input 1 is %s: they must be equal",
            rd_dtype_name(c->in[2]->dtype), rd_dtype_name(c->in[1]->dtype));
    st = rd_op_broadcast(c, c->in[1], c->in[2], &both);
    c->out[0]->dtype = c->in[1]->dtype;
    return st ? st : rd_op_broadcast(c, c->in[0], &both, c->out[0]);
}

#define CHOOSE(T)                                                                                  \
    do {                                                                                           \
        const T *const px = c->in[1]->data, *const py = c->in[2]->data;                            \
        T *po = c->out[0]->data;                                                                   \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++)                                                         \
                po[i] = which[place[0] + i * d0] ? px[place[1] + i * d1] : py[place[2] + i * d2];  \
            po += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0);                                                                                   \
    break

static rd_status where_forward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_walk_make(c->out[0], c->in, 3);
    const size_t n = w.dim[w.rank - 1], d0 = w.step[0][w.rank - 1], d1 = w.step[1][w.rank - 1],
                 d2 = w.step[2][w.rank - 1];
    const uint8_t *const which = c->in[0]->data;
    size_t at[RD_MAX_DIMS] = { 0 }, place[3] = { 0 };

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    switch (rd_dtype_size(c->out[0]->dtype)) {
    case 1:
        CHOOSE(uint8_t);
    case 2:
        CHOOSE(uint16_t);
    case 4:
        CHOOSE(uint32_t);
    default:
        CHOOSE(uint64_t);
    }
    return RD_OK;
}

static size_t where_scratch(const struct rd_op_call *c)
{
    return c->din ? rd_op_wide_size(c->in[1]) + rd_op_wide_size(c->in[2]) : 0;
}

/* What was chosen gets the gradient; sums over repeated elements are kept in float64. */
#define CHOOSE_BACK(T)                                                                             \
    do {                                                                                           \
        const T *pg = c->dout[0]->data;                                                            \
        do {                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                if (which[place[0] + i * d0] && sum[0])                                            \
                    sum[0][place[1] + i * d1] += (double)pg[i];                                    \
                else if (!which[place[0] + i * d0] && sum[1])                                      \
                    sum[1][place[2] + i * d2] += (double)pg[i];                                    \
            }                                                                                      \
            pg += n;                                                                               \
        } while (rd_walk_next(&w, at, place));                                                     \
    } while (0)

static rd_status where_backward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_walk_make(c->out[0], c->in, 3);
    const size_t n = w.dim[w.rank - 1], d0 = w.step[0][w.rank - 1], d1 = w.step[1][w.rank - 1],
                 d2 = w.step[2][w.rank - 1];
    const uint8_t *const which = c->in[0]->data;
    size_t at[RD_MAX_DIMS] = { 0 }, place[3] = { 0 };
    double *sum[2] = { NULL, NULL };

    for (int i = 0; i < 2; i++)
        if (c->din[i + 1]) {
            sum[i] = rd_op_take(c, rd_op_wide_size(c->din[i + 1]));
            memset(sum[i], 0, rd_tensor_count(c->din[i + 1]) * sizeof(*sum[i]));
        }
    if (rd_tensor_count(c->out[0])) {
        if (c->out[0]->dtype == RD_F32)
            CHOOSE_BACK(float);
        else
            CHOOSE_BACK(double);
    }
    for (int i = 0; i < 2; i++)
        if (sum[i])
            rd_op_narrow(sum[i], c->din[i + 1], true);
    return RD_OK;
}

const struct rd_op rd_op_where = {
    .op = "Where",
    .domain = "",
    .since = 9,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_BOOL), RD_T_ANY | RD_T(RD_STRING) },
    .infer = where_infer,
    .forward = where_forward,
    .backward = where_backward,
    .grad_in = 6,
    .moves = 6,
    .reads = RD_READS_IN,
    .scratch = where_scratch,
    .per_example = rd_op_rows_elementwise,
};
