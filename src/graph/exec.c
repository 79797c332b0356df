/*
 * exec.c - see exec.h. Values live in buffers of their own, freed behind their last use; in a pass
 * that keeps everything for backward, at its end.
 */
#include "graph/exec_impl.h"

#include "base/alloc.h"
#include "base/text.h"
#include "tensor/boxed.h"

#include <string.h>

static const size_t MEMORY_BASE = (size_t)768 << 20, MEMORY_MOST = (size_t)64 << 30;
enum { MEMORY_PER_BYTE = 64 };
static const double WORK_BASE = 1e12, WORK_PER_BYTE = 1e6;

static const double STEPS = 3e7;
enum { BLOCK = 64 }; /* struct exec_block and its padding: data stays aligned */

/* --- small helpers --- */

rd_status exec_grab(struct rd_exec_pass *p, size_t bytes, void **out)
{
    struct exec_budget *b = p->budget;
    struct exec_block *block;

    if (bytes > b->ceiling || b->live > b->ceiling - bytes)
        return RD_FAIL(p->err, RD_E_LIMIT,
            "it would take %zu bytes more, above the %zu that this model and input may use", bytes,
            b->ceiling);
    block = exec_cache_take(b->cache, bytes);
    if (!block)
        return RD_FAIL(p->err, RD_E_MEMORY, "no memory for %zu bytes", bytes);
    b->live += bytes;
    *out = (char *)block + BLOCK;
    return RD_OK;
}

void exec_let_go(struct rd_exec_pass *p, void *data)
{
    struct exec_block *block = data ? (struct exec_block *)(void *)((char *)data - BLOCK) : NULL;

    if (!block)
        return;
    p->budget->live -= block->bytes;
    exec_cache_give(p->budget->cache, block);
}

void exec_ring(struct exec_block *head)
{
    head->prev = head->next = head;
}

void exec_free_ring(struct rd_exec_pass *p, struct exec_block *head)
{
    while (head->next && head->next != head) {
        struct exec_block *b = head->next;

        head->next = b->next;
        exec_let_go(p, (char *)b + BLOCK);
    }
    exec_ring(head);
}

void exec_pass_release(void *pass)
{
    struct rd_exec_pass *p = pass;

    exec_flow_release(p);
    for (size_t v = 0; p->buffer && v < p->n_values; v++) {
        exec_let_go(p, p->buffer[v]);
        p->buffer[v] = NULL;
    }
    for (size_t i = 0; p->saved && i < p->n_nodes; i++) {
        exec_let_go(p, p->saved[i]);
        p->saved[i] = NULL;
    }
    exec_free_ring(p, &p->held);
    exec_free_ring(p, &p->behind);
    exec_let_go(p, p->scratch);
    p->scratch = NULL;
    p->scratch_size = 0;
    if (p->budget == &p->own) {
        exec_cache_drop(p->own.cache);
        p->own.cache = NULL;
    }
}

rd_status exec_scratch(struct rd_exec_pass *p, size_t bytes)
{
    void *fresh = NULL;
    rd_status st;

    if (bytes <= p->scratch_size)
        return RD_OK;
    exec_let_go(p, p->scratch);
    p->scratch = NULL;
    p->scratch_size = 0;
    st = exec_grab(p, bytes, &fresh);
    if (st)
        return st;
    p->scratch = fresh;
    p->scratch_size = bytes;
    return RD_OK;
}

rd_status exec_name_node(const struct rd_exec_pass *p, size_t i, rd_status st)
{
    char label[160];

    return RD_WRAP(
        p->err, st, "node %s", rd_graph_node_label(p->exec->graph, i, label, sizeof(label)));
}

/* --- open --- */

static size_t n_graphs(const struct rd_graph_node *n)
{
    size_t count = 0;

    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attr[i].graphs)
            count += n->attr[i].n;
    return count;
}

static rd_status open_in(struct rd_exec *e, const struct rd_graph *graph,
    const struct rd_kernels *kernels, struct rd_arena *arena, struct rd_error *err);

/* An executor for each subgraph; the reader has bounded how deep they nest. */
static rd_status open_bodies(struct rd_exec *e, struct rd_error *err)
{
    const struct rd_graph *graph = e->graph;
    size_t n = 0;

    for (size_t i = 0; i < graph->n_nodes; i++)
        n += n_graphs(&graph->node[i]);
    if (!n)
        return RD_OK;
    e->body = RD_NEW_ARRAY(e->arena, struct rd_exec *, n);
    e->first_body = RD_NEW_ARRAY(e->arena, size_t, graph->n_nodes);
    if (!e->body || !e->first_body)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *node = &graph->node[i];

        e->first_body[i] = e->n_bodies;
        for (size_t a = 0; a < node->n_attrs; a++)
            for (size_t k = 0; node->attr[a].graphs && k < node->attr[a].n; k++) {
                struct rd_exec *body = RD_NEW(e->arena, struct rd_exec);
                rd_status st;

                if (!body)
                    return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
                st = open_in(body, node->attr[a].graphs[k], e->kernels, e->arena, err);
                if (st)
                    return st;
                e->body[e->n_bodies++] = body;
            }
    }
    return RD_OK;
}

static rd_status open_in(struct rd_exec *e, const struct rd_graph *graph,
    const struct rd_kernels *kernels, struct rd_arena *arena, struct rd_error *err)
{
    e->graph = graph;
    e->kernels = kernels;
    e->arena = arena;
    e->widest_in = e->widest_out = 1;
    e->weight = RD_NEW_ARRAY(e->arena, const struct rd_tensor *, graph->n_values);
    e->uses = RD_NEW_ARRAY(e->arena, int, graph->n_values);
    if (!e->weight || !e->uses)
        goto no_memory;
    for (size_t v = 0; v < graph->n_values; v++) {
        const struct rd_tensor *w = graph->value[v].weight;
        struct rd_tensor *own;

        if (!w)
            continue;
        own = RD_NEW(e->arena, struct rd_tensor); /* shapes may be inferred again behind us */
        if (!own)
            goto no_memory;
        *own = *w;
        if ((uintptr_t)w->data % 64) { /* in place in a file: rows want aligned data */
            own->data = rd_arena_alloc(e->arena, rd_tensor_bytes(w), 1);
            if (!own->data)
                goto no_memory;
            memcpy(own->data, w->data, rd_tensor_bytes(w));
        }
        e->weight[v] = own;
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *n = &graph->node[i];

        for (int k = 0; k < n->n_inputs; k++)
            if (n->input[k] >= 0)
                e->uses[n->input[k]]++;
        e->widest_in = (size_t)n->n_inputs > e->widest_in ? (size_t)n->n_inputs : e->widest_in;
        e->widest_out = (size_t)n->n_outputs > e->widest_out ? (size_t)n->n_outputs : e->widest_out;
    }
    for (size_t i = 0; i < graph->n_outputs; i++)
        e->uses[graph->output[i]]++;
    if (!exec_find_finish(e))
        goto no_memory;
    return open_bodies(e, err);
no_memory:
    return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
}

rd_status rd_exec_open(const struct rd_graph *graph, const struct rd_kernels *kernels,
    const struct rd_exec_limits *limits, struct rd_exec **exec_out, struct rd_error *err)
{
    struct rd_exec *e = rd_alloc(sizeof(*e));
    rd_status st;

    if (!e)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
    *e = (struct rd_exec){ .graph = graph };
    if (limits)
        e->limits = *limits;
    e->cache = exec_cache_new();
    st = e->cache ? open_in(e, graph, kernels, &e->own, err)
                  : RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
    if (st)
        rd_exec_free(e);
    else
        *exec_out = e;
    return st;
}

void rd_exec_free(struct rd_exec *e)
{
    if (!e)
        return;
    exec_cache_drop(e->cache);
    rd_arena_release(&e->own);
    rd_free(e);
}

/* --- inputs --- */

rd_status rd_graph_check_inputs(const struct rd_graph *g, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_error *err)
{
    char safe[80], want[120], got[120];

    if (n_inputs != g->n_inputs)
        return RD_FAIL(
            err, RD_E_USAGE, "the model takes %zu inputs, %zu are given", g->n_inputs, n_inputs);
    for (size_t i = 0; i < n_inputs; i++) {
        const struct rd_graph_value *v = &g->value[g->input[i]];
        const struct rd_tensor *t = input[i];
        const bool there = v->dtype == RD_OPTIONAL && t->dtype != RD_OPTIONAL; /* what it holds */
        bool fits = v->ndim < 0 || v->ndim == t->ndim || there;

        rd_text_safe_in(safe, sizeof(safe), v->name);
        if (t->dtype != v->dtype && !there)
            return RD_FAIL(err, RD_E_INPUT, "input '%s' must be %s, the data is %s", safe,
                rd_dtype_name(v->dtype), rd_dtype_name(t->dtype));
        if (rd_dtype_is_boxed(t->dtype) && !rd_boxed_of(t))
            return RD_FAIL(err, RD_E_INPUT, "input '%s' has no data", safe);
        for (int d = 0; fits && d < v->ndim; d++)
            fits = v->dim[d] == -1 || v->dim[d] == t->dim[d];
        if (!fits)
            return RD_FAIL(err, RD_E_INPUT, "input '%s' has shape %s (-1: any), the data %s", safe,
                rd_shape_text(v->dim, v->ndim, want, sizeof(want)),
                rd_shape_text(t->dim, t->ndim, got, sizeof(got)));
        for (int d = 0; d < v->ndim; d++) /* equal names of free dims are equal sizes */
            for (size_t j = 0; v->dim_name[d] && j < i; j++) {
                const struct rd_graph_value *w = &g->value[g->input[j]];

                for (int k = 0; k < w->ndim; k++)
                    if (w->dim_name[k] && !strcmp(w->dim_name[k], v->dim_name[d]) &&
                        input[j]->dim[k] != t->dim[d])
                        return RD_FAIL(err, RD_E_INPUT,
                            "dimension '%s' is %lld in input '%s' but %lld in an earlier one",
                            v->dim_name[d], (long long)t->dim[d], safe,
                            (long long)input[j]->dim[k]);
            }
    }
    return RD_OK;
}

/* --- one node --- */

static rd_status spend(struct rd_exec_pass *p, double work)
{
    p->budget->work += work;
    if (p->budget->work > p->budget->most_work)
        return RD_FAIL(p->err, RD_E_LIMIT,
            "the run would take %.3g operations, above the %.3g that this model and input may use",
            p->budget->work, p->budget->most_work);
    return RD_OK;
}

static rd_status measure(struct rd_exec_pass *p, const struct rd_op_call *c)
{
    const struct rd_op *row = c->node->row;
    double work = 0;

    if (row->flops)
        work = row->flops(c);
    for (int k = 0; k < c->node->n_outputs; k++)
        work += (double)rd_tensor_count(c->out[k]);
    return spend(p, work);
}

/* Shapes of the outputs, scratch, what backward needs. */
static rd_status prepare_node(struct rd_exec_pass *p, struct rd_op_call *c)
{
    const struct rd_op *row = c->node->row;
    rd_status st;

    c->work_left = p->budget->most_work - p->budget->work;
    st = rd_op_infer(c);
    for (int k = 0; k < c->node->n_outputs && !st; k++) {
        size_t count;

        if (p->out[k]->ndim < 0 || !rd_shape_count(p->out[k]->dim, p->out[k]->ndim, &count))
            st = RD_FAIL(p->err, RD_E_BUG, "the shape of output %d is still unknown", k);
    }
    if (!st)
        st = measure(p, c);
    if (st)
        return st;
    /* Sizes are asked while all outputs are there; then those that nobody wants are taken out. */
    if (row->scratch) {
        c->scratch_size = row->scratch(c);
        /* It is filled: tables of a long axis cost their time even where the output is empty. */
        st = spend(p, (double)c->scratch_size / sizeof(double));
        if (!st)
            st = exec_scratch(p, c->scratch_size);
        if (st)
            return st;
        c->scratch = p->scratch;
    }
    if (p->keep && row->saved && row->saved(c)) {
        st = exec_grab(p, row->saved(c), &p->saved[p->index]);
        c->saved = p->saved[p->index];
    }
    return st;
}

/* Behind the last use of a value its buffer goes. */
static void forget_inputs(struct rd_exec_pass *p, const struct rd_graph_node *node)
{
    for (int k = 0; k < node->n_inputs; k++) {
        const int v = node->input[k];

        int owner = v;

        if (v < 0)
            continue;
        if (p->source[v] >= 0) {
            --p->left[v];
            owner = p->source[v];
        }
        if (--p->left[owner] == 0 && p->buffer[owner]) {
            exec_let_go(p, p->buffer[owner]);
            p->buffer[owner] = NULL;
            p->t[owner].data = NULL;
        }
    }
}

/*
 * A view shows its input's data, which then lives as long as both are used. So does a node whose
 * work is done already.
 */
static bool shown(struct rd_exec_pass *p, const struct rd_graph_node *node)
{
    const int done = p->exec->finish[p->index].shows, k = done < 0 ? 0 : done;
    const int from = node->n_inputs ? node->input[k] : -1, to = node->output[0];
    const struct rd_tensor *in = from < 0 ? NULL : p->in[k];
    int owner;

    if ((!node->row->view && done < 0) || node->n_outputs != 1 || to < 0 || !in || !in->data ||
        rd_dtype_is_boxed(in->dtype) || in->dtype == RD_STRING ||
        rd_tensor_bytes(in) != rd_tensor_bytes(p->out[0]))
        return false;
    owner = p->source[from] >= 0 ? p->source[from] : from;
    p->out[0]->data = in->data;
    p->source[to] = owner;
    p->left[owner] += p->left[to];
    return true;
}

static rd_status run_node(struct rd_exec_pass *p, size_t index)
{
    const struct rd_exec *e = p->exec;
    const struct rd_graph_node *node = &e->graph->node[index];
    const bool control = node->row->control;
    const size_t text = p->arena->used;
    struct rd_op_call c = {
        .node = node,
        .in = p->in,
        .out = p->out,
        .kernels = e->kernels,
        .err = p->err,
        .text = p->arena,
        .flow = control ? &exec_flow : NULL,
        .runner = p,
    };
    rd_status st;
    bool idle = true; /* constant already, or nobody asks for it */

    for (int k = 0; k < node->n_outputs; k++)
        idle = idle &&
               (node->output[k] < 0 || e->weight[node->output[k]] || !e->uses[node->output[k]]);
    if (idle)
        return RD_OK;
    p->index = index;
    for (int k = 0; k < node->n_inputs; k++)
        p->in[k] = node->input[k] < 0 ? NULL : &p->t[node->input[k]];
    for (int k = 0; k < node->n_outputs; k++) {
        p->out[k] = node->output[k] < 0 ? &p->unnamed[k] : &p->t[node->output[k]];
        *p->out[k] = (struct rd_tensor){ .ndim = -1 };
    }
    st = control ? rd_op_check(&c) : prepare_node(p, &c);
    if (!st && control)
        st = measure(p, &c);
    if (st)
        return st;
    if (!control && shown(p, node)) {
        if (!p->keep)
            forget_inputs(p, node);
        return RD_OK;
    }
    for (int k = 0; k < node->n_outputs; k++) {
        const int v = node->output[k];

        if (v < 0 || !e->uses[v]) {
            p->out[k] = NULL; /* nobody wants it */
            continue;
        }
        if (control) /* the row gives it */
            continue;
        st = exec_grab(p, rd_tensor_bytes(p->out[k]), &p->buffer[v]);
        if (st)
            return st;
        p->out[k]->data = p->buffer[v];
    }
    if (e->finish[index].bias >= 0)
        c.bias = e->weight[e->finish[index].bias]->data;
    c.relu = e->finish[index].relu;
    st = node->row->forward(&c);
    if (control && p->keep) { /* kept runs may read what the call has held */
        while (p->held.next != &p->held) {
            struct exec_block *b = p->held.next;

            p->held.next = b->next;
            b->next = p->behind.next;
            p->behind.next = b;
        }
        exec_ring(&p->held);
    } else if (control) {
        exec_free_ring(p, &p->held);
    } else { /* strings and boxes live as long as the run */
        p->budget->live += p->arena->used - text;
    }
    for (int k = 0; k < node->n_outputs && control && !st; k++)
        if (p->out[k] && !p->out[k]->data)
            st = RD_FAIL(p->err, RD_E_BUG, "output %d has not been given", k);
    if (!p->keep && !st)
        forget_inputs(p, node);
    return st;
}

rd_status exec_pass_nodes(struct rd_exec_pass *p)
{
    for (size_t i = 0; i < p->n_nodes; i++) {
        const rd_status st = run_node(p, i);

        if (st)
            return exec_name_node(p, i, st);
    }
    return RD_OK;
}

void exec_pass_reset(struct rd_exec_pass *p)
{
    const struct rd_exec *e = p->exec;

    for (size_t v = 0; v < p->n_values; v++) {
        p->t[v] = (struct rd_tensor){ .ndim = -1 };
        p->source[v] = -1;
        if (e->weight[v])
            p->t[v] = *e->weight[v];
    }
    memcpy(p->left, e->uses, p->n_values * sizeof(*p->left));
}

rd_status exec_pass_new(const struct rd_exec *e, struct rd_arena *arena, bool keep,
    struct rd_exec_pass *around, struct rd_exec_pass **pass_out, struct rd_error *err)
{
    const struct rd_graph *g = e->graph;
    struct rd_exec_pass *p = RD_NEW(arena, struct rd_exec_pass);

    if (!p)
        goto no_memory;
    *p = (struct rd_exec_pass){ .exec = e,
        .n_values = g->n_values,
        .n_nodes = g->n_nodes,
        .n_bodies = e->n_bodies,
        .arena = arena,
        .keep = keep,
        .err = err };
    p->budget = around ? around->budget : &p->own;
    exec_ring(&p->held);
    exec_ring(&p->behind);
    p->t = RD_NEW_ARRAY(arena, struct rd_tensor, g->n_values);
    p->left = RD_NEW_ARRAY(arena, int, g->n_values);
    p->in = RD_NEW_ARRAY(arena, const struct rd_tensor *, e->widest_in);
    p->out = RD_NEW_ARRAY(arena, struct rd_tensor *, e->widest_out);
    p->unnamed = RD_NEW_ARRAY(arena, struct rd_tensor, e->widest_out);
    p->buffer = RD_NEW_ARRAY(arena, void *, g->n_values);
    p->source = RD_NEW_ARRAY(arena, int, g->n_values);
    p->saved = keep ? RD_NEW_ARRAY(arena, void *, g->n_nodes) : NULL;
    if (!p->t || !p->left || !p->in || !p->out || !p->unnamed || !p->buffer || !p->source ||
        (keep && !p->saved))
        goto no_memory;
    if (e->n_bodies) {
        p->sub = RD_NEW_ARRAY(arena, struct rd_exec_pass *, e->n_bodies);
        p->kept = RD_NEW_ARRAY(arena, struct exec_kept *, g->n_nodes);
        p->n_kept = RD_NEW_ARRAY(arena, size_t, g->n_nodes);
        if (!p->sub || !p->kept || !p->n_kept)
            goto no_memory;
    }
    if (!around && rd_arena_guard(arena, exec_pass_release, p))
        goto no_memory;
    *pass_out = p;
    return RD_OK;
no_memory:
    return RD_FAIL(err, RD_E_MEMORY, "no memory to run the model");
}

/* The pass of a whole run: inputs in place, what it may use. */
static rd_status begin(const struct rd_exec *e, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, bool keep, struct rd_exec_pass **pass_out,
    struct rd_error *err)
{
    struct rd_exec_pass *p;
    size_t bytes = e->graph->file_bytes;
    rd_status st = exec_pass_new(e, arena, keep, NULL, &p, err);

    if (st)
        return st;
    exec_pass_reset(p);
    for (size_t i = 0; i < n_inputs; i++) {
        struct rd_tensor *t = &p->t[e->graph->input[i]];

        *t = *input[i];
        bytes += rd_tensor_deep_bytes(t);
        if ((uintptr_t)t->data % 64) {
            t->data = rd_arena_alloc(arena, rd_tensor_bytes(t), 1);
            if (!t->data)
                return RD_FAIL(err, RD_E_MEMORY, "no memory to run the model");
            memcpy(t->data, input[i]->data, rd_tensor_bytes(t));
        }
    }
    p->own.ceiling = e->limits.memory;
    if (!p->own.ceiling) {
        p->own.ceiling = bytes > MEMORY_MOST / MEMORY_PER_BYTE
                             ? MEMORY_MOST
                             : MEMORY_BASE + MEMORY_PER_BYTE * bytes;
        p->own.ceiling = p->own.ceiling > MEMORY_MOST ? MEMORY_MOST : p->own.ceiling;
    }
    p->own.most_work =
        e->limits.work > 0 ? e->limits.work : WORK_BASE + WORK_PER_BYTE * (double)bytes;
    p->own.most_steps = e->limits.steps > 0 ? e->limits.steps : STEPS;
    p->own.cache = e->cache;
    exec_cache_keep(e->cache);
    *pass_out = p;
    return RD_OK;
}

/* Outputs outlive the pass: their values move into the arena. */
static rd_status give_outputs(struct rd_exec_pass *p, struct rd_tensor **output)
{
    const struct rd_graph *g = p->exec->graph;

    for (size_t i = 0; i < g->n_outputs; i++) {
        const struct rd_tensor *t = &p->t[g->output[i]];
        struct rd_tensor *copy = RD_NEW(p->arena, struct rd_tensor);

        if (copy) {
            *copy = *t;
            copy->data = rd_arena_alloc(p->arena, rd_tensor_bytes(t), 1);
        }
        if (!copy || !copy->data)
            return RD_FAIL(p->err, RD_E_MEMORY, "no memory for the outputs");
        memcpy(copy->data, t->data, rd_tensor_bytes(t));
        output[i] = copy;
    }
    return RD_OK;
}

static rd_status forward(const struct rd_exec *e, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, bool keep, struct rd_exec_pass **pass_out,
    struct rd_tensor **output, struct rd_error *err)
{
    struct rd_exec_pass *p;
    rd_status st = rd_graph_check_inputs(e->graph, input, n_inputs, err);

    if (!st)
        st = begin(e, input, n_inputs, arena, keep, &p, err);
    if (st)
        return st;
    st = exec_pass_nodes(p);
    if (!st)
        st = give_outputs(p, output);
    if (!keep || st)
        exec_pass_release(p);
    if (!st && pass_out)
        *pass_out = p;
    return st;
}

rd_status rd_exec_run(const struct rd_exec *exec, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err)
{
    return forward(exec, input, n_inputs, arena, false, NULL, output, err);
}

rd_status rd_exec_keep(const struct rd_exec *exec, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, struct rd_exec_pass **pass_out,
    struct rd_tensor **output, struct rd_error *err)
{
    return forward(exec, input, n_inputs, arena, true, pass_out, output, err);
}

/* --- a single node --- */

rd_status rd_exec_node(const struct rd_graph_node *node, const struct rd_kernels *kernels,
    const struct rd_tensor *const *in, struct rd_tensor *const *out, struct rd_arena *text,
    struct rd_error *err)
{
    struct rd_arena own = RD_ARENA_INIT;
    const struct rd_tensor **aligned =
        RD_NEW_ARRAY(&own, const struct rd_tensor *, (size_t)node->n_inputs);
    struct rd_op_call c = {
        .node = node, .in = aligned, .out = out, .kernels = kernels, .err = err, .text = text
    };
    rd_status st = RD_E_MEMORY;

    if (!aligned)
        goto no_memory;
    for (int k = 0; k < node->n_inputs; k++) {
        struct rd_tensor *copy;

        aligned[k] = in[k];
        if (!in[k] || (uintptr_t)in[k]->data % 64 == 0)
            continue;
        copy = RD_NEW(&own, struct rd_tensor);
        if (!copy)
            goto no_memory;
        *copy = *in[k];
        copy->data = rd_arena_alloc(&own, rd_tensor_bytes(copy), 1);
        if (!copy->data)
            goto no_memory;
        memcpy(copy->data, in[k]->data, rd_tensor_bytes(copy));
        aligned[k] = copy;
    }
    if (node->row->scratch) {
        c.scratch_size = node->row->scratch(&c);
        c.scratch = rd_arena_alloc(&own, c.scratch_size, 1);
        if (!c.scratch)
            goto no_memory;
    }
    st = node->row->forward(&c);
    rd_arena_release(&own);
    return st;
no_memory:
    rd_arena_release(&own);
    return RD_FAIL(err, st, "no memory to compute a constant");
}
