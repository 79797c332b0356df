/*
 * exec.c - see exec.h. Values live in buffers of their own, freed behind their last use; in a pass
 * that keeps everything for backward, at its end.
 */
#include "graph/exec.h"

#include "base/alloc.h"
#include "base/text.h"
#include "graph/op.h"

#include <string.h>

static const size_t MEMORY_BASE = (size_t)768 << 20, MEMORY_MOST = (size_t)64 << 30;
enum { MEMORY_PER_BYTE = 64 };
static const double WORK_BASE = 1e12, WORK_PER_BYTE = 1e6;

struct rd_exec {
    const struct rd_graph *graph;
    const struct rd_kernels *kernels;
    struct rd_exec_limits limits;
    struct rd_arena arena;
    const void **weight; /* per value: its data, aligned; NULL when no weight */
    int *uses; /* per value: by nodes and as output; INT_MAX is not reached: nodes are bounded */
    size_t widest_in, widest_out;
};

/* One run. */
struct rd_exec_pass {
    const struct rd_exec *exec;
    size_t n_values, n_nodes; /* the arena may outlive exec */
    struct rd_arena *arena;
    struct rd_tensor *t; /* per value */
    void **buffer;       /* per value: what rd_free takes; NULL: not owned */
    int *left;           /* uses still to come */
    void **saved;        /* per node */
    bool keep;
    size_t live, ceiling;
    double work, most_work;
    char *scratch;
    size_t scratch_size;
    const struct rd_tensor **in;
    struct rd_tensor **out;
    struct rd_error *err;
};

/* --- small helpers --- */

static bool is_float(enum rd_dtype t)
{
    return t == RD_F32 || t == RD_F64 || t == RD_F16 || t == RD_BF16;
}

static void pass_release(void *obj)
{
    struct rd_exec_pass *p = obj;

    for (size_t v = 0; p->buffer && v < p->n_values; v++) {
        rd_free(p->buffer[v]);
        p->buffer[v] = NULL;
    }
    for (size_t i = 0; p->saved && i < p->n_nodes; i++) {
        rd_free(p->saved[i]);
        p->saved[i] = NULL;
    }
    rd_free(p->scratch);
    p->scratch = NULL;
    p->scratch_size = 0;
}

static rd_status grab(struct rd_exec_pass *p, size_t bytes, void **out)
{
    if (bytes > p->ceiling || p->live > p->ceiling - bytes)
        return RD_FAIL(p->err, RD_E_LIMIT,
            "it would take %zu bytes more, above the %zu that this model and input may use", bytes,
            p->ceiling);
    *out = rd_alloc_aligned(bytes ? bytes : 1);
    if (!*out)
        return RD_FAIL(p->err, RD_E_MEMORY, "no memory for %zu bytes", bytes);
    p->live += bytes;
    return RD_OK;
}

static rd_status need_scratch(struct rd_exec_pass *p, size_t bytes)
{
    void *fresh = NULL;
    rd_status st;

    if (bytes <= p->scratch_size)
        return RD_OK;
    p->live -= p->scratch_size;
    rd_free(p->scratch);
    p->scratch = NULL;
    p->scratch_size = 0;
    st = grab(p, bytes, &fresh);
    if (st)
        return st;
    p->scratch = fresh;
    p->scratch_size = bytes;
    return RD_OK;
}

static rd_status name_node(const struct rd_exec_pass *p, size_t i, rd_status st)
{
    char label[160];

    return RD_WRAP(
        p->err, st, "node %s", rd_graph_node_label(p->exec->graph, i, label, sizeof(label)));
}

/* --- open --- */

rd_status rd_exec_open(const struct rd_graph *graph, const struct rd_kernels *kernels,
    const struct rd_exec_limits *limits, struct rd_exec **exec_out, struct rd_error *err)
{
    struct rd_exec *e = rd_alloc(sizeof(*e));

    if (!e)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
    *e = (struct rd_exec){ .graph = graph, .kernels = kernels, .widest_in = 1, .widest_out = 1 };
    if (limits)
        e->limits = *limits;
    e->weight = RD_NEW_ARRAY(&e->arena, const void *, graph->n_values);
    e->uses = RD_NEW_ARRAY(&e->arena, int, graph->n_values);
    if (!e->weight || !e->uses)
        goto no_memory;
    for (size_t v = 0; v < graph->n_values; v++) {
        const struct rd_tensor *w = graph->value[v].weight;

        if (!w)
            continue;
        e->weight[v] = w->data;
        if ((uintptr_t)w->data % 64) { /* in place in a file: rows want aligned data */
            void *copy = rd_arena_alloc(&e->arena, rd_tensor_bytes(w), 1);

            if (!copy)
                goto no_memory;
            memcpy(copy, w->data, rd_tensor_bytes(w));
            e->weight[v] = copy;
        }
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
    *exec_out = e;
    return RD_OK;
no_memory:
    rd_exec_free(e);
    return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
}

void rd_exec_free(struct rd_exec *e)
{
    if (!e)
        return;
    rd_arena_release(&e->arena);
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
        bool fits = v->ndim < 0 || v->ndim == t->ndim;

        rd_text_safe_in(safe, sizeof(safe), v->name);
        if (t->dtype != v->dtype)
            return RD_FAIL(err, RD_E_INPUT, "input '%s' must be %s, the data is %s", safe,
                rd_dtype_name(v->dtype), rd_dtype_name(t->dtype));
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

static rd_status measure(struct rd_exec_pass *p, const struct rd_op_call *c)
{
    const struct rd_op *row = c->node->row;
    double work = 0;

    if (row->flops)
        work = row->flops(c);
    for (int k = 0; k < c->node->n_outputs; k++)
        work += (double)rd_tensor_count(c->out[k]);
    p->work += work;
    if (p->work > p->most_work)
        return RD_FAIL(p->err, RD_E_LIMIT,
            "the run would take %.3g operations, above the %.3g that this model and input may use",
            p->work, p->most_work);
    return RD_OK;
}

static rd_status run_node(struct rd_exec_pass *p, size_t index)
{
    const struct rd_exec *e = p->exec;
    const struct rd_graph_node *node = &e->graph->node[index];
    struct rd_op_call c = {
        .node = node,
        .in = p->in,
        .out = p->out,
        .kernels = e->kernels,
        .err = p->err,
        .text = p->arena,
    };
    struct rd_tensor *unnamed;
    rd_status st;
    bool idle = true; /* constant already, or nobody asks for it */

    for (int k = 0; k < node->n_outputs; k++)
        idle = idle &&
               (node->output[k] < 0 || e->weight[node->output[k]] || !e->uses[node->output[k]]);
    if (idle)
        return RD_OK;
    unnamed = RD_NEW_ARRAY(p->arena, struct rd_tensor, (size_t)node->n_outputs);
    if (!unnamed)
        return RD_FAIL(p->err, RD_E_MEMORY, "no memory to run the model");
    for (int k = 0; k < node->n_inputs; k++)
        p->in[k] = node->input[k] < 0 ? NULL : &p->t[node->input[k]];
    for (int k = 0; k < node->n_outputs; k++) {
        p->out[k] = node->output[k] < 0 ? &unnamed[k] : &p->t[node->output[k]];
        *p->out[k] = (struct rd_tensor){ .ndim = -1 };
    }
    st = rd_op_infer(&c);
    for (int k = 0; k < node->n_outputs && !st; k++) {
        size_t count;

        if (p->out[k]->ndim < 0 || !rd_shape_count(p->out[k]->dim, p->out[k]->ndim, &count))
            st = RD_FAIL(p->err, RD_E_BUG, "the shape of output %d is still unknown", k);
    }
    if (!st)
        st = measure(p, &c);
    if (st)
        return st;
    /* Sizes are asked while all outputs are there; then those that nobody wants are taken out. */
    if (node->row->scratch) {
        c.scratch_size = node->row->scratch(&c);
        st = need_scratch(p, c.scratch_size);
        if (st)
            return st;
        c.scratch = p->scratch;
    }
    if (p->keep && node->row->saved && node->row->saved(&c)) {
        st = grab(p, node->row->saved(&c), &p->saved[index]);
        if (st)
            return st;
        c.saved = p->saved[index];
    }
    for (int k = 0; k < node->n_outputs; k++) {
        const int v = node->output[k];

        if (v < 0 || !e->uses[v]) {
            p->out[k] = NULL; /* nobody wants it */
            continue;
        }
        st = grab(p, rd_tensor_bytes(p->out[k]), &p->buffer[v]);
        if (st)
            return st;
        p->out[k]->data = p->buffer[v];
    }
    st = node->row->forward(&c);
    for (int k = 0; k < node->n_inputs && !p->keep && !st; k++) {
        const int v = node->input[k];

        if (v >= 0 && --p->left[v] == 0 && p->buffer[v]) {
            p->live -= rd_tensor_bytes(&p->t[v]);
            rd_free(p->buffer[v]);
            p->buffer[v] = NULL;
            p->t[v].data = NULL;
        }
    }
    return st;
}

static rd_status pass_new(const struct rd_exec *e, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, bool keep, struct rd_exec_pass **pass_out,
    struct rd_error *err)
{
    const struct rd_graph *g = e->graph;
    struct rd_exec_pass *p = RD_NEW(arena, struct rd_exec_pass);
    size_t bytes = g->file_bytes;

    if (!p)
        goto no_memory;
    *p = (struct rd_exec_pass){ .exec = e,
        .n_values = g->n_values,
        .n_nodes = g->n_nodes,
        .arena = arena,
        .keep = keep,
        .err = err };
    p->t = RD_NEW_ARRAY(arena, struct rd_tensor, g->n_values);
    p->left = RD_NEW_ARRAY(arena, int, g->n_values);
    p->in = RD_NEW_ARRAY(arena, const struct rd_tensor *, e->widest_in);
    p->out = RD_NEW_ARRAY(arena, struct rd_tensor *, e->widest_out);
    p->saved = RD_NEW_ARRAY(arena, void *, g->n_nodes);
    p->buffer = RD_NEW_ARRAY(arena, void *, g->n_values);
    if (!p->t || !p->left || !p->in || !p->out || !p->buffer || !p->saved ||
        rd_arena_guard(arena, pass_release, p))
        goto no_memory;
    for (size_t v = 0; v < g->n_values; v++) {
        p->t[v].ndim = -1;
        if (!e->weight[v])
            continue;
        p->t[v] = *g->value[v].weight;
        p->t[v].data = (void *)(uintptr_t)e->weight[v];
    }
    memcpy(p->left, e->uses, g->n_values * sizeof(*p->left));
    for (size_t i = 0; i < n_inputs; i++) {
        struct rd_tensor *t = &p->t[g->input[i]];

        *t = *input[i];
        bytes += rd_tensor_bytes(t);
        if ((uintptr_t)t->data % 64) {
            t->data = rd_arena_alloc(arena, rd_tensor_bytes(t), 1);
            if (!t->data)
                goto no_memory;
            memcpy(t->data, input[i]->data, rd_tensor_bytes(t));
        }
    }
    p->ceiling = e->limits.memory;
    if (!p->ceiling) {
        p->ceiling = bytes > MEMORY_MOST / MEMORY_PER_BYTE ? MEMORY_MOST
                                                           : MEMORY_BASE + MEMORY_PER_BYTE * bytes;
        p->ceiling = p->ceiling > MEMORY_MOST ? MEMORY_MOST : p->ceiling;
    }
    p->most_work = e->limits.work > 0 ? e->limits.work : WORK_BASE + WORK_PER_BYTE * (double)bytes;
    *pass_out = p;
    return RD_OK;
no_memory:
    return RD_FAIL(err, RD_E_MEMORY, "no memory to run the model");
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
        st = pass_new(e, input, n_inputs, arena, keep, &p, err);
    if (st)
        return st;
    for (size_t i = 0; i < e->graph->n_nodes && !st; i++) {
        st = run_node(p, i);
        if (st)
            (void)name_node(p, i, st);
    }
    if (!st)
        st = give_outputs(p, output);
    if (!keep || st)
        pass_release(p);
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

/* --- backward --- */

struct back {
    struct rd_exec_pass *p;
    struct rd_arena *arena;
    bool *needs;             /* per value: its gradient leads to a wanted one */
    struct rd_tensor **grad; /* per value; NULL: zero so far */
    const struct rd_tensor **dout;
    struct rd_tensor **din;
};

static rd_status new_grad(struct back *b, int v)
{
    struct rd_tensor *t = RD_NEW(b->arena, struct rd_tensor);

    if (t) {
        *t = b->p->t[v];
        t->data = rd_arena_alloc(b->arena, rd_tensor_bytes(t), 1); /* zeroed */
    }
    if (!t || !t->data)
        return RD_FAIL(b->p->err, RD_E_MEMORY, "no memory for a gradient");
    b->p->live += rd_tensor_bytes(t);
    if (b->p->live > b->p->ceiling)
        return RD_FAIL(b->p->err, RD_E_LIMIT,
            "gradients take more than the %zu bytes that this model may use", b->p->ceiling);
    b->grad[v] = t;
    return RD_OK;
}

static rd_status back_node(struct back *b, size_t index)
{
    struct rd_exec_pass *p = b->p;
    const struct rd_graph_node *node = &p->exec->graph->node[index];
    struct rd_op_call c = { .node = node,
        .in = p->in,
        .out = p->out,
        .dout = b->dout,
        .din = b->din,
        .kernels = p->exec->kernels,
        .saved = p->saved[index],
        .err = p->err };
    bool any_out = false, any_in = false;
    rd_status st = RD_OK;

    for (int k = 0; k < node->n_outputs; k++) {
        const int v = node->output[k];

        p->out[k] = v < 0 ? NULL : &p->t[v];
        b->dout[k] = v < 0 ? NULL : b->grad[v];
        any_out = any_out || b->dout[k];
    }
    if (!any_out)
        return RD_OK;
    for (int k = 0; k < node->n_inputs && !st; k++) {
        const int v = node->input[k];

        p->in[k] = v < 0 ? NULL : &p->t[v];
        b->din[k] = NULL;
        if (v < 0 || !b->needs[v])
            continue;
        any_in = true;
        if (!node->row->backward ||
            (node->row->grad_in != RD_GRAD_ALL && (k > 31 || !(node->row->grad_in >> k & 1))))
            return RD_FAIL(p->err, RD_E_USAGE, "%s has no gradient for its input %d", node->op, k);
        if (!b->grad[v])
            st = new_grad(b, v);
        b->din[k] = b->grad[v];
    }
    if (st || !any_in)
        return st;
    if (node->row->scratch) {
        c.scratch_size = node->row->scratch(&c);
        st = need_scratch(p, c.scratch_size);
        if (st)
            return st;
        c.scratch = p->scratch;
    }
    return node->row->backward(&c);
}

rd_status rd_exec_back(const struct rd_exec *exec, struct rd_exec_pass *pass,
    const struct rd_tensor *const *cotangent, const bool *want, struct rd_arena *arena,
    struct rd_tensor **grad, struct rd_error *err)
{
    const struct rd_graph *g = exec->graph;
    struct back b = { .p = pass, .arena = arena, .grad = grad };
    rd_status st = RD_OK;

    pass->err = err;
    b.needs = RD_NEW_ARRAY(arena, bool, g->n_values);
    b.dout = RD_NEW_ARRAY(arena, const struct rd_tensor *, exec->widest_out);
    b.din = RD_NEW_ARRAY(arena, struct rd_tensor *, exec->widest_in);
    if (!b.needs || !b.dout || !b.din)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for gradients");
    memset(grad, 0, g->n_values * sizeof(*grad));
    for (size_t v = 0; want && v < g->n_values; v++)
        b.needs[v] = want[v];
    for (size_t i = 0; i < g->n_inputs && !want; i++)
        b.needs[g->input[i]] = is_float(g->value[g->input[i]].dtype);
    for (size_t v = 0; v < g->n_values && !st; v++)
        if (b.needs[v])
            st = new_grad(&b, (int)v);
    for (size_t i = 0; i < g->n_nodes; i++) {
        bool any = false;

        for (int k = 0; k < g->node[i].n_inputs; k++)
            any = any || (g->node[i].input[k] >= 0 && b.needs[g->node[i].input[k]]);
        for (int k = 0; k < g->node[i].n_outputs; k++)
            /* Integers and truth values are constants to the calculus: no gradient goes through. */
            if (any && g->node[i].output[k] >= 0 && is_float(pass->t[g->node[i].output[k]].dtype))
                b.needs[g->node[i].output[k]] = true;
    }
    for (size_t i = 0; i < g->n_outputs && !st; i++) {
        const struct rd_tensor *c = cotangent[i];
        const int v = g->output[i];

        if (!c)
            continue;
        if (c->dtype != pass->t[v].dtype || c->ndim != pass->t[v].ndim ||
            memcmp(c->dim, pass->t[v].dim, (size_t)c->ndim * sizeof(*c->dim)) ||
            !is_float(c->dtype))
            return RD_FAIL(err, RD_E_USAGE,
                "cotangent %zu has not the float type and shape of output %zu", i, i);
        if (!b.grad[v])
            st = new_grad(&b, v);
        if (st)
            break;
        for (size_t k = 0, n = rd_tensor_count(c); k < n; k++) { /* two outputs may be one value */
            if (c->dtype == RD_F32)
                ((float *)b.grad[v]->data)[k] += ((const float *)c->data)[k];
            else if (c->dtype == RD_F64)
                ((double *)b.grad[v]->data)[k] += ((const double *)c->data)[k];
        }
        if (c->dtype != RD_F32 && c->dtype != RD_F64)
            return RD_FAIL(err, RD_E_USAGE,
                "gradients are computed for float32 and float64, not for %s",
                rd_dtype_name(c->dtype));
    }
    for (size_t i = g->n_nodes; i-- > 0 && !st;) {
        st = back_node(&b, i);
        if (st)
            (void)name_node(pass, i, st);
    }
    return st;
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
