/* rows.c - see rows.h. */
#include "graph/rows.h"

#include "base/pool.h"
#include "graph/op.h"
#include "tensor/boxed.h"

#include <string.h>

enum {
    LEAST_ROWS = 64,
    PIECES_A_THREAD = 4
}; /* pieces: more than threads, so that none waits long */

struct piece {
    struct rd_arena arena;
    struct rd_tensor **out;
    struct rd_error err;
};

struct cut {
    const struct rd_exec *exec;
    const struct rd_graph *graph;
    const struct rd_tensor *const *input;
    size_t rows, each, n;
    struct piece *piece;
};

static bool follows_batch(const struct rd_graph *g, int value)
{
    const struct rd_graph_value *v = &g->value[value];

    return v->batched && v->ndim > 0 && v->dim[0] == -1 && !v->weight &&
           !rd_dtype_is_boxed(v->dtype);
}

static bool can_cut(const struct rd_graph *g, const struct rd_tensor *const *input)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!follows_batch(g, g->input[i]) || input[i]->ndim < 1 ||
            input[i]->dim[0] != input[0]->dim[0])
            return false;
    for (size_t i = 0; i < g->n_outputs; i++)
        if (!follows_batch(g, g->output[i]))
            return false;
    for (size_t i = 0; i < g->n_nodes; i++) /* each piece would draw the same numbers */
        if (g->node[i].row->random || g->node[i].row->control)
            return false;
    return g->n_inputs && g->n_outputs;
}

static size_t row_bytes(const struct rd_tensor *t)
{
    return t->dim[0] ? rd_tensor_bytes(t) / (size_t)t->dim[0] : 0;
}

static rd_status run_piece(void *user, size_t k, size_t worker)
{
    struct cut *c = user;
    struct piece *p = &c->piece[k];
    const size_t first = k * c->each, left = c->rows - first, n = left < c->each ? left : c->each;
    const struct rd_tensor **in =
        RD_NEW_ARRAY(&p->arena, const struct rd_tensor *, c->graph->n_inputs);

    (void)worker;
    p->out = RD_NEW_ARRAY(&p->arena, struct rd_tensor *, c->graph->n_outputs);
    if (!in || !p->out)
        return RD_FAIL(&p->err, RD_E_MEMORY, "no memory to run the model");
    for (size_t i = 0; i < c->graph->n_inputs; i++) {
        struct rd_tensor *part = RD_NEW(&p->arena, struct rd_tensor);

        if (!part)
            return RD_FAIL(&p->err, RD_E_MEMORY, "no memory to run the model");
        *part = *c->input[i];
        part->dim[0] = (int64_t)n;
        part->data = (char *)c->input[i]->data + first * row_bytes(c->input[i]);
        in[i] = part;
    }
    return rd_exec_run(c->exec, in, c->graph->n_inputs, &p->arena, p->out, &p->err);
}

/* Do the pieces' outputs fit each other? They should; what does not is run as one. */
static bool agree(const struct cut *c, size_t i)
{
    const struct rd_tensor *a = c->piece[0].out[i];

    for (size_t k = 0; k < c->n; k++) {
        const struct rd_tensor *b = c->piece[k].out[i];
        const size_t first = k * c->each, left = c->rows - first;

        if (b->dtype != a->dtype || b->ndim != a->ndim || b->ndim < 1 ||
            b->dim[0] != (int64_t)(left < c->each ? left : c->each) ||
            memcmp(a->dim + 1, b->dim + 1, (size_t)(a->ndim - 1) * sizeof(*a->dim)) != 0)
            return false;
    }
    return true;
}

/* One output of all pieces, in arena; strings too, which lived with their pieces. */
static struct rd_tensor *join(const struct cut *c, size_t i, struct rd_arena *arena)
{
    struct rd_tensor *all = RD_NEW(arena, struct rd_tensor);
    char *to;

    if (!all)
        return NULL;
    *all = *c->piece[0].out[i];
    all->dim[0] = (int64_t)c->rows;
    all->data = to = rd_arena_alloc(arena, rd_tensor_bytes(all), 1);
    for (size_t k = 0; k < c->n && to; k++) {
        const struct rd_tensor *part = c->piece[k].out[i];

        memcpy(to, part->data, rd_tensor_bytes(part));
        to += rd_tensor_bytes(part);
    }
    for (size_t s = 0; to && all->dtype == RD_STRING && s < rd_tensor_count(all); s++) {
        const char **text = (const char **)all->data + s;

        *text = rd_arena_strdup(arena, *text);
        if (!*text)
            return NULL;
    }
    return all->data ? all : NULL;
}

rd_status rd_rows_run(const struct rd_exec *exec, const struct rd_graph *graph,
    struct rd_pool *pool, const struct rd_tensor *const *input, size_t n_inputs,
    struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err)
{
    struct cut c = { .exec = exec, .graph = graph, .input = input };
    const size_t pieces = rd_pool_threads(pool) * PIECES_A_THREAD;
    bool fits = true;
    rd_status st = rd_graph_check_inputs(graph, input, n_inputs, err);

    if (st)
        return st;
    if (pieces > PIECES_A_THREAD && can_cut(graph, input))
        c.rows = (size_t)input[0]->dim[0];
    if (c.rows < 2 * LEAST_ROWS)
        return rd_exec_run(exec, input, n_inputs, arena, output, err);
    c.each = (c.rows + pieces - 1) / pieces;
    c.each = c.each < LEAST_ROWS ? LEAST_ROWS : c.each;
    c.n = (c.rows + c.each - 1) / c.each;
    c.piece = RD_NEW_ARRAY(arena, struct piece, c.n);
    if (!c.piece)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to run the model");
    st = rd_pool_run(pool, c.n, run_piece, &c);
    for (size_t k = 0; k < c.n && st && err; k++)
        if (c.piece[k].err.status) {
            *err = c.piece[k].err;
            break;
        }
    for (size_t i = 0; i < graph->n_outputs && !st && fits; i++) {
        fits = agree(&c, i);
        output[i] = fits ? join(&c, i, arena) : NULL;
        if (fits && !output[i])
            st = RD_FAIL(err, RD_E_MEMORY, "no memory for the outputs");
    }
    for (size_t k = 0; k < c.n; k++)
        rd_arena_release(&c.piece[k].arena);
    return st || fits ? st : rd_exec_run(exec, input, n_inputs, arena, output, err);
}
