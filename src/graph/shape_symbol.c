/*
 * shape_symbol.c - see shape_symbol.h.
 *
 * `x.view(x.size(0), -1)` is exported as Shape, Gather, Unsqueeze, Concat, Reshape. With the size
 * of the batch as a symbol among int64 numbers, rows that only move numbers (Gather, Concat, Slice,
 * Where, ...) compute such shapes as they are; for arithmetic a few identities are enough, since
 * whatever else becomes of a symbol is "any number". Every rule is sound: a number that is given as
 * known is right for every batch.
 */
#include "graph/shape_symbol.h"

#include "graph/op_walk.h"

#include <string.h>

enum { NUMBERS_MOST = 256 };

static bool is_op(const struct rd_graph_node *node, const char *op)
{
    return !*node->domain && !strcmp(node->op, op);
}

static bool is_number(const struct rd_tensor *t)
{
    return t->dtype == RD_I64 || t->dtype == RD_I32;
}

unsigned rd_symbol_ops(const struct rd_graph_node *node)
{
    static const char *const ops[] = { "Add", "Sub", "Mul", "Div", "Equal", "Cast" };

    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        if (is_op(node, ops[i]))
            return 3;
    return 0;
}

/* An int64 or int32 element, symbols as those of int64. */
static int64_t at(const struct rd_tensor *t, size_t i)
{
    int64_t v;
    int32_t narrow;

    if (t->dtype == RD_I32) {
        memcpy(&narrow, (const char *)t->data + i * sizeof(narrow), sizeof(narrow));
        return narrow == RD_SYM32_BATCH ? RD_SYM_BATCH
               : narrow == RD_SYM32_ANY ? RD_SYM_ANY
                                        : narrow;
    }
    memcpy(&v, (const char *)t->data + i * sizeof(v), sizeof(v)); /* files are not aligned */
    return v;
}

bool rd_symbol_inside(const struct rd_tensor *t)
{
    if (!is_number(t) || !t->data)
        return false;
    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        if (rd_op_is_symbol(at(t, i)))
            return true;
    return false;
}

bool rd_symbol_movable(const struct rd_op_call *c, const size_t *bytes)
{
    const struct rd_op *row = c->node->row;

    if (*bytes > NUMBERS_MOST * sizeof(int64_t) || !is_number(c->out[0]))
        return false;
    for (int k = 0; k < c->node->n_inputs; k++)
        if (c->in[k] && (k > 31 || !(row->moves >> k & 1)) && rd_symbol_inside(c->in[k]))
            return false;
    return row->moves != 0;
}

/* One result; false: not known, not even as a symbol (Equal), or an error at run time. */
static bool one(char op, int64_t x, int64_t y, int64_t *out)
{
    const bool symbol = rd_op_is_symbol(x) || rd_op_is_symbol(y);
    uint64_t v = 0;

    if (op == '=') {
        *out = x == y;
        if (!symbol || (x == y && x == RD_SYM_BATCH))
            return true;
        /* A batch is never negative. */
        *out = 0;
        return (x == RD_SYM_BATCH && !rd_op_is_symbol(y) && y < 0) ||
               (y == RD_SYM_BATCH && !rd_op_is_symbol(x) && x < 0);
    }
    if (symbol) {
        *out = RD_SYM_ANY;
        if (op == '*' && (x == 0 || y == 0))
            *out = 0;
        else if ((op == '+' && y == 0) || (op == '-' && y == 0) || (op == '*' && y == 1) ||
                 (op == '/' && y == 1))
            *out = x;
        else if ((op == '+' && x == 0) || (op == '*' && x == 1))
            *out = y;
        return true;
    }
    if (op == '/' && (y == 0 || (y == -1 && x == INT64_MIN)))
        return false;
    v = op == '+'   ? (uint64_t)x + (uint64_t)y
        : op == '-' ? (uint64_t)x - (uint64_t)y
        : op == '*' ? (uint64_t)x * (uint64_t)y
                    : (uint64_t)(x / y);
    *out = (int64_t)v; /* one that looks like a symbol is "any number", which it is */
    return true;
}

static void put(enum rd_dtype type, void *to, size_t i, int64_t v)
{
    if (type == RD_BOOL)
        ((uint8_t *)to)[i] = (uint8_t)v;
    else if (type == RD_I64)
        ((int64_t *)to)[i] = v;
    else
        ((int32_t *)to)[i] = v == RD_SYM_BATCH ? RD_SYM32_BATCH
                             : v == RD_SYM_ANY ? RD_SYM32_ANY
                                               : (int32_t)v;
}

void *rd_symbol_compute(const struct rd_op_call *c, struct rd_arena *arena)
{
    static const struct {
        const char *op;
        char sign;
    } rules[] = { { "Add", '+' }, { "Sub", '-' }, { "Mul", '*' }, { "Div", '/' },
        { "Equal", '=' } };
    const size_t n = rd_tensor_count(c->out[0]);
    const bool cast = is_op(c->node, "Cast");
    size_t counter[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, o = 0;
    struct rd_walk w;
    char sign = 0;
    void *to;

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (is_op(c->node, rules[i].op))
            sign = rules[i].sign;
    if ((!sign && !cast) || n > NUMBERS_MOST || !n || c->node->opset < 7 ||
        (!is_number(c->out[0]) && sign != '=') || !is_number(c->in[0]) || !c->in[0]->data ||
        (!cast && (!c->in[1]->data || c->in[1]->dtype != c->in[0]->dtype)))
        return NULL;
    to = rd_arena_alloc(arena, n, sizeof(int64_t));
    if (!to)
        return NULL; /* a shape less that is known */
    for (; cast && o < n; o++)
        put(c->out[0]->dtype, to, o, at(c->in[0], o));
    if (cast)
        return to;
    w = rd_op_pair_walk(c);
    do {
        for (size_t i = 0; i < w.dim[w.rank - 1]; i++, o++) {
            int64_t v;

            if (!one(sign, at(c->in[0], place[0] + i * w.step[0][w.rank - 1]),
                    at(c->in[1], place[1] + i * w.step[1][w.rank - 1]), &v))
                return NULL;
            put(c->out[0]->dtype, to, o, v);
        }
    } while (rd_walk_next(&w, counter, place));
    return to;
}

bool rd_symbol_repeats(const struct rd_op_call *c)
{
    const unsigned sizes = c->node->row->sizes;
    const struct rd_tensor *shape = NULL, *out = c->out[0];

    for (int k = 0; k < c->node->n_inputs && k < 32; k++)
        if (sizes >> k & 1)
            shape = c->in[k];
    if (!shape || !shape->data || !is_number(shape) || c->node->row->view || out->ndim < 1 ||
        rd_tensor_count(shape) != (size_t)out->ndim || at(shape, 0) != RD_SYM_BATCH)
        return false;
    return sizes & 1 || c->in[0]->ndim < out->ndim || c->in[0]->dim[0] == 1;
}
