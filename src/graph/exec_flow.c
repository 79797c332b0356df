/*
 * exec_flow.c - what rows of control flow are given: their subgraphs run as passes of their own.
 *
 * A pass is used again for every run of a body, so that a loop allocates nothing but its values.
 * Where backward will come, each run has its own, and nothing of it is freed before the whole.
 */
#include "graph/exec_impl.h"

#include "base/text.h"
#include "graph/op_body.h"

#include <string.h>

enum { VALUES_PER_STEP = 8 };

static struct exec_block *block_of(void *data)
{
    return (struct exec_block *)(void *)((char *)data - 64);
}

static void hold(struct rd_exec_pass *p, void *data)
{
    struct exec_block *b = block_of(data);

    b->next = p->held.next;
    b->prev = &p->held;
    b->next->prev = b;
    p->held.next = b;
}

static void unlink_block(struct exec_block *b)
{
    b->prev->next = b->next;
    b->next->prev = b->prev;
    b->prev = b->next = NULL;
}

static rd_status make(
    struct rd_op_call *c, enum rd_dtype dtype, const int64_t *dim, int ndim, struct rd_tensor *out)
{
    struct rd_exec_pass *p = c->runner;
    struct rd_tensor made = { .dtype = dtype, .ndim = ndim };
    char shape[120];
    size_t count, bytes;
    rd_status st;

    if (!rd_shape_count(dim, ndim, &count) ||
        __builtin_mul_overflow(count, rd_dtype_size(dtype), &bytes))
        return RD_FAIL(c->err, RD_E_LIMIT, "a result of shape %s does not fit",
            rd_shape_text(dim, ndim, shape, sizeof(shape)));
    for (int d = 0; d < ndim; d++) /* dim may be out's own */
        made.dim[d] = dim[d];
    st = exec_grab(p, bytes, &made.data);
    if (!st)
        hold(p, made.data);
    *out = made;
    return st;
}

static void drop(struct rd_op_call *c, struct rd_tensor *t)
{
    struct rd_exec_pass *p = c->runner;

    if (!t->data || (p->keep && !p->back)) /* backward may look at it */
        return;
    unlink_block(block_of(t->data));
    exec_let_go(p, t->data);
    t->data = NULL;
}

static rd_status text(struct rd_op_call *c, size_t bytes)
{
    struct rd_exec_pass *p = c->runner;
    struct exec_budget *b = p->budget;

    if (bytes > b->ceiling || b->live > b->ceiling - bytes)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "it would take %zu bytes more, above the %zu that this model and input may use", bytes,
            b->ceiling);
    b->live += bytes;
    return RD_OK;
}

static void give(struct rd_op_call *c, int k, struct rd_tensor *t)
{
    struct rd_exec_pass *p = c->runner;
    const int v = c->node->output[k];

    if (v >= 0 && c->out[k]) {
        unlink_block(block_of(t->data));
        p->buffer[v] = t->data;
        p->t[v] = *t;
    }
}

static rd_status find_body(
    struct rd_exec_pass *p, const struct rd_graph *graph, size_t *body_out, struct rd_error *err)
{
    const struct rd_exec *e = p->exec;

    for (size_t i = e->first_body[p->index]; i < e->n_bodies; i++)
        if (e->body[i]->graph == graph) {
            *body_out = i;
            return RD_OK;
        }
    return RD_FAIL(err, RD_E_BUG, "a subgraph that is none of the node's");
}

/* A place among the kept runs of the node. */
static rd_status remember(
    struct rd_exec_pass *p, const struct rd_exec *body, struct rd_exec_pass *sub)
{
    const size_t n = p->n_kept[p->index];

    if (!(n & (n - 1))) { /* room for twice as many at each power of two */
        struct exec_kept *more = RD_NEW_ARRAY(p->arena, struct exec_kept, n ? 2 * n : 1);

        if (!more)
            return RD_FAIL(p->err, RD_E_MEMORY, "no memory to keep a run");
        if (n)
            memcpy(more, p->kept[p->index], n * sizeof(*more));
        p->kept[p->index] = more;
    }
    p->kept[p->index][n] = (struct exec_kept){ body, sub };
    p->n_kept[p->index]++;
    return RD_OK;
}

static rd_status bind(struct rd_exec_pass *sub, const struct rd_op_call *c,
    const struct rd_tensor *const *in, struct rd_error *err)
{
    const struct rd_graph *g = sub->exec->graph;
    const size_t n_formal = g->n_inputs - g->n_captures;
    char safe[80];

    for (size_t i = 0; i < g->n_inputs; i++) {
        const struct rd_graph_value *v = &g->value[g->input[i]];
        const struct rd_tensor *from = i < n_formal ? in[i] : c->in[g->capture[i - n_formal]];

        if (i < n_formal && v->dtype && v->dtype != from->dtype &&
            v->dtype != RD_OPTIONAL) /* a value is an optional that is there */
            return RD_FAIL(err, RD_E_INPUT, "input '%s' of its subgraph is %s, it is given %s",
                rd_text_safe_in(safe, sizeof(safe), v->name), rd_dtype_name(v->dtype),
                rd_dtype_name(from->dtype));
        sub->t[g->input[i]] = *from;
    }
    return RD_OK;
}

static rd_status run(struct rd_op_call *c, const struct rd_graph *graph,
    const struct rd_tensor *const *in, struct rd_tensor *out)
{
    struct rd_exec_pass *p = c->runner, *sub;
    struct exec_budget *budget = p->budget;
    const size_t steps = 1 + graph->n_nodes + graph->n_values / VALUES_PER_STEP;
    size_t at;
    rd_status st = find_body(p, graph, &at, c->err);

    if (st)
        return st;
    budget->steps += (double)steps;
    if (budget->steps > budget->most_steps)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "its subgraph would take more than the %.3g steps that a run may use",
            budget->most_steps);
    sub = p->keep ? NULL : p->sub[at];
    if (!sub) {
        const size_t before = p->arena->used;

        st = exec_pass_new(p->exec->body[at], p->arena, p->keep, p, &sub, c->err);
        if (!st && p->keep)
            st = remember(p, p->exec->body[at], sub);
        if (st)
            return st;
        budget->live += p->arena->used - before;
        p->sub[at] = sub;
    }
    exec_pass_reset(sub);
    st = bind(sub, c, in, c->err);
    if (!st)
        st = exec_pass_nodes(sub);
    for (size_t i = 0; i < graph->n_outputs && !st; i++) {
        const int v = graph->output[i];

        if (sub->buffer[v] && !p->keep) { /* moved: the pass is over */
            out[i] = sub->t[v];
            hold(p, sub->buffer[v]);
            sub->buffer[v] = NULL;
            continue;
        }
        st = make(c, sub->t[v].dtype, sub->t[v].dim, sub->t[v].ndim, &out[i]);
        if (!st)
            memcpy(out[i].data, sub->t[v].data, rd_tensor_bytes(&out[i]));
    }
    if (!p->keep)
        exec_pass_release(sub);
    return st;
}

/* --- backward --- */

static rd_status back(
    struct rd_op_call *c, size_t index, const struct rd_tensor *const *dout, struct rd_tensor *din)
{
    struct rd_exec_pass *p = c->runner;
    const struct exec_kept *kept = &p->kept[p->index][index];
    const struct rd_graph *g = kept->body->graph;
    const size_t n_formal = g->n_inputs - g->n_captures;
    struct rd_exec_pass *sub = kept->pass;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor **grad = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_values);
    bool *want = RD_NEW_ARRAY(&arena, bool, g->n_values);
    rd_status st = RD_OK;

    if (!grad || !want) {
        st = RD_FAIL(c->err, RD_E_MEMORY, "no memory for gradients");
        goto out;
    }
    for (size_t i = 0; i < g->n_inputs; i++) {
        const int v = g->input[i];

        want[v] = exec_carries(&sub->t[v]) && (i < n_formal || c->din[g->capture[i - n_formal]]);
    }
    sub->err = c->err;
    sub->back_arena = p->back_arena;
    st = exec_pass_back(sub, dout, want, &arena, grad);
    p->budget->live -= sub->grad_bytes; /* those are in the arena that ends here */
    for (size_t i = 0; i < g->n_inputs && !st; i++) {
        const struct rd_tensor *from = grad[g->input[i]];

        if (i < n_formal) {
            din[i] = (struct rd_tensor){ .ndim = -1 };
            if (!want[g->input[i]])
                continue;
            st = make(c, from->dtype, from->dim, from->ndim, &din[i]);
            if (!st)
                memcpy(din[i].data, from->data, rd_tensor_bytes(from));
        } else if (want[g->input[i]]) {
            rd_grad_add(c->din[g->capture[i - n_formal]], from);
        }
    }
out:
    rd_arena_release(&arena);
    return st;
}

static size_t runs(const struct rd_op_call *c)
{
    const struct rd_exec_pass *p = c->runner;

    return p->n_kept[p->index];
}

static const struct rd_graph *body(const struct rd_op_call *c, size_t index)
{
    const struct rd_exec_pass *p = c->runner;

    return p->kept[p->index][index].body->graph;
}

static const struct rd_tensor *value(
    const struct rd_op_call *c, size_t index, bool output, size_t i)
{
    const struct rd_exec_pass *p = c->runner;
    const struct exec_kept *kept = &p->kept[p->index][index];
    const struct rd_graph *g = kept->body->graph;

    return &kept->pass->t[output ? g->output[i] : g->input[i]];
}

const struct rd_op_flow exec_flow = {
    .run = run,
    .make = make,
    .drop = drop,
    .text = text,
    .give = give,
    .back = back,
    .runs = runs,
    .body = body,
    .value = value,
};

void exec_flow_release(struct rd_exec_pass *p)
{
    for (size_t i = 0; p->kept && i < p->n_nodes; i++) {
        for (size_t k = 0; k < p->n_kept[i]; k++)
            exec_pass_release(p->kept[i][k].pass);
        p->n_kept[i] = 0;
    }
    for (size_t i = 0; p->sub && i < p->n_bodies; i++)
        if (p->sub[i] && !p->keep)
            exec_pass_release(p->sub[i]);
}
