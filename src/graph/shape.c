/*
 * shape.c - types, shapes, constants and the batch axis of every value, before anything runs.
 *
 * One pass in topological order over the rows' infer. A node whose inputs are all constant is
 * computed at once, when that is cheap, so that shapes that the model computes are known too.
 * Shapes that hold the free batch are computed as well, with a symbol in its place
 * (shape_symbol.c).
 */
#include "graph/exec.h"
#include "graph/onnx.h"
#include "graph/op.h"
#include "graph/shape_symbol.h"
#include "tensor/boxed.h"

#include "base/text.h"

#include <string.h>

/* What folding may cost in all: a file of a few bytes must not make us build large constants or
 * work long. */
enum { FOLD_BYTES = 16 << 20, FOLD_PER_FILE_BYTE = 8 }; /* 8: integers of 4 bits become floats */
/* Fuzzing runs thousands of models a second. */
#ifdef RD_FUZZING
static const double FOLD_WORK = 1e6, FOLD_WORK_PER_FILE_BYTE = 16;
#else
static const double FOLD_WORK = 1e8, FOLD_WORK_PER_FILE_BYTE = 16;
#endif

struct inference {
    const struct rd_graph *graph;
    struct rd_tensor *t; /* per value: dtype, ndim (-1 unknown), dim, data when constant */
    bool *symbols;       /* per value: data holds RD_SYM_* */
    struct rd_arena *arena;
    size_t fold_bytes;
    double fold_work;
    const struct rd_tensor **in; /* room for the widest node */
    struct rd_tensor **out, *unnamed, *masked;
    bool *flag;
    const struct rd_limits *limits;
    const char *batch_name;
    int depth; /* of the subgraph; 0: the model's graph */
    struct rd_error *err;
};

static rd_status prepare(struct inference *s)
{
    const struct rd_graph *g = s->graph;
    size_t in = 1, out = 1;

    for (size_t i = 0; i < g->n_nodes; i++) {
        in = (size_t)g->node[i].n_inputs > in ? (size_t)g->node[i].n_inputs : in;
        out = (size_t)g->node[i].n_outputs > out ? (size_t)g->node[i].n_outputs : out;
    }
    s->t = RD_NEW_ARRAY(s->arena, struct rd_tensor, g->n_values);
    s->in = RD_NEW_ARRAY(s->arena, const struct rd_tensor *, in);
    s->out = RD_NEW_ARRAY(s->arena, struct rd_tensor *, out);
    s->unnamed = RD_NEW_ARRAY(s->arena, struct rd_tensor, out);
    s->masked = RD_NEW_ARRAY(s->arena, struct rd_tensor, in);
    s->flag = RD_NEW_ARRAY(s->arena, bool, in);
    s->symbols = RD_NEW_ARRAY(s->arena, bool, g->n_values);
    if (!s->t || !s->in || !s->out || !s->unnamed || !s->masked || !s->flag || !s->symbols)
        return RD_FAIL(s->err, RD_E_MEMORY, "no memory for the shapes of %zu values", g->n_values);
    for (size_t v = 0; v < g->n_values; v++) {
        const struct rd_graph_value *value = &g->value[v];

        s->t[v].ndim = -1;
        if (value->producer >= 0 && !value->weight)
            continue;
        s->t[v].dtype = value->dtype;
        s->t[v].ndim = value->ndim;
        memcpy(s->t[v].dim, value->dim, sizeof(value->dim));
        s->t[v].data = value->weight ? value->weight->data : NULL;
    }
    return RD_OK;
}

static void bind(struct inference *s, const struct rd_graph_node *node, struct rd_op_call *c)
{
    for (int k = 0; k < node->n_inputs; k++) {
        const int v = node->input[k];
        const unsigned knows = node->row->moves | node->row->sizes | rd_symbol_ops(node);

        s->in[k] = v < 0 ? NULL : &s->t[v];
        s->flag[k] = v >= 0 && s->graph->value[v].batched;
        if (v < 0 || !s->symbols[v] || (k < 32 && knows >> k & 1))
            continue;
        s->masked[k] = s->t[v]; /* to this row the numbers are unknown */
        s->masked[k].data = NULL;
        s->in[k] = &s->masked[k];
    }
    for (int k = 0; k < node->n_outputs; k++) {
        s->out[k] = node->output[k] < 0 ? &s->unnamed[k] : &s->t[node->output[k]];
        *s->out[k] = (struct rd_tensor){ .ndim = -1 };
    }
    *c = (struct rd_op_call){ .node = node, .in = s->in, .out = s->out, .err = s->err };
    c->batched = s->flag;
    c->work_left = s->fold_work / 100;
}

static bool all_known(const struct rd_graph_node *node, struct rd_tensor *const *out, size_t *bytes)
{
    *bytes = 0;
    for (int k = 0; k < node->n_outputs; k++) {
        size_t count;

        if (out[k]->ndim < 0 || !rd_shape_count(out[k]->dim, out[k]->ndim, &count))
            return false;
        *bytes += count * rd_dtype_size(out[k]->dtype); /* rd_op_infer has bounded it */
    }
    return true;
}

/* Compute the node now when its inputs are constants and it is cheap. */
static rd_status fold(struct inference *s, struct rd_op_call *c)
{
    const struct rd_graph_node *node = c->node;
    size_t bytes;
    double work;
    bool symbols = false;
    rd_status st;

    if (node->row->random || !node->row->forward || !all_known(node, s->out, &bytes))
        return RD_OK;
    if (node->row->constant) {
        const struct rd_tensor *value = node->row->constant(node);

        if (value) {
            s->out[0]->data = value->data;
            return RD_OK;
        }
    }
    for (int k = 0; k < node->n_inputs && !node->row->shape_only; k++) {
        if (k < 32 && node->row->types >> k & 1)
            continue;
        if (s->in[k] && !s->in[k]->data)
            return RD_OK;
        symbols = symbols || (node->input[k] >= 0 && s->symbols[node->input[k]]);
    }
    if (symbols && !rd_symbol_movable(c, &bytes)) {
        s->out[0]->data = rd_symbol_compute(c, s->arena);
        if (s->out[0]->data && node->output[0] >= 0)
            s->symbols[node->output[0]] = rd_symbol_inside(s->out[0]);
        return RD_OK;
    }
    work = node->row->flops ? node->row->flops(c) : (double)bytes;
    if (bytes > s->fold_bytes || work > s->fold_work)
        return RD_OK;
    s->fold_bytes -= bytes;
    s->fold_work -= work;
    for (int k = 0; k < node->n_outputs; k++) {
        s->out[k]->data = rd_arena_alloc(s->arena, rd_tensor_bytes(s->out[k]), 1);
        if (!s->out[k]->data)
            return RD_FAIL(s->err, RD_E_MEMORY, "no memory to compute a constant");
    }
    if (node->row->shape_only)
        st = node->row->forward(c);
    else
        st = rd_exec_node(node, NULL, s->in, s->out, s->arena, s->err);
    for (int k = 0; k < node->n_outputs && (symbols || node->row->shape_only); k++)
        if (node->output[k] >= 0)
            s->symbols[node->output[k]] = rd_symbol_inside(s->out[k]);
    return st;
}

/* --- subgraphs --- */

/* Small integers may be shapes and axes: known inside too. Others are not, for training may change
 * them. */
enum { TAKEN_MOST = 64, ROUNDS = 3, ROUNDS_DEPTH = 2 };

static rd_status infer_nodes(struct inference *s, struct rd_graph *graph);

/* Values that nodes produce are unknown again, and everything inside their subgraphs. */
static void forget(struct rd_graph *g)
{
    for (size_t v = 0; v < g->n_values; v++) {
        struct rd_graph_value *value = &g->value[v];

        if (value->producer < 0)
            continue;
        value->dtype = RD_DTYPE_NONE;
        value->ndim = -1;
        value->weight = NULL;
    }
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t a = 0; a < g->node[i].n_attrs; a++)
            for (size_t k = 0; g->node[i].attr[a].graphs && k < g->node[i].attr[a].n; k++) {
                struct rd_graph *inner = g->node[i].attr[a].graphs[k];

                for (size_t v = 0; v < inner->n_inputs; v++) {
                    inner->value[inner->input[v]].ndim = -1;
                    inner->value[inner->input[v]].weight = NULL;
                }
                forget(inner);
            }
}

/* All rows inside, for a node that inference does not come to may run all the same. */
static rd_status prepare_rows(struct rd_graph *g, struct rd_arena *arena, struct rd_error *err)
{
    char label[160];

    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *node = &g->node[i];
        rd_status st = rd_op_prepare(&g->node[i], arena, err);

        for (size_t a = 0; a < node->n_attrs; a++)
            for (size_t k = 0; node->attr[a].graphs && k < node->attr[a].n && !st; k++)
                st = prepare_rows(node->attr[a].graphs[k], arena, err);
        if (st)
            return RD_WRAP(err, st, "node %s", rd_graph_node_label(g, i, label, sizeof(label)));
    }
    return RD_OK;
}

static void know(struct rd_graph_value *v, const struct rd_tensor *t)
{
    if (t->dtype && v->dtype != RD_OPTIONAL)
        v->dtype = t->dtype;
    v->ndim = t->ndim;
    memcpy(v->dim, t->dim, sizeof(v->dim));
}

/* Does what comes back as formal input i fit what was assumed of it? If not, assume less. */
static bool settles(const struct rd_graph *g, int i, int from, bool last)
{
    struct rd_graph_value *in = &g->value[g->input[i]];
    const struct rd_graph_value *out = &g->value[g->output[from]];
    bool fits = true;

    if (in->ndim < 0)
        return true;
    if (out->ndim != in->ndim) {
        in->ndim = -1;
        return false;
    }
    for (int d = 0; d < in->ndim; d++)
        if (in->dim[d] != -1 && in->dim[d] != out->dim[d]) {
            in->dim[d] = -1;
            fits = false;
        }
    if (!fits && last)
        in->ndim = -1;
    return fits;
}

/*
 * What is known inside a subgraph. Values that go round (Loop, Scan) are assumed to keep the shape
 * that they enter with; where the subgraph does not confirm that, less is assumed, at last nothing.
 * An error in a subgraph is none here, for it may never run: its results stay unknown.
 */
static rd_status infer_body(struct inference *s, struct rd_op_call *c, struct rd_graph *g)
{
    const struct rd_op *row = c->node->row;
    const size_t n_formal = g->n_inputs - g->n_captures;
    char safe[80];
    rd_status st = s->depth ? RD_OK : prepare_rows(g, s->arena, s->err);

    if (st)
        return st;
    for (size_t i = 0; i < g->n_inputs; i++) {
        struct rd_graph_value *v = &g->value[g->input[i]];
        struct rd_tensor t = { .ndim = -1 };

        if (i < n_formal && row->formal)
            row->formal(c, g, i, &t);
        else if (i >= n_formal)
            t = *c->in[g->capture[i - n_formal]];
        if (i < n_formal && v->dtype && t.dtype && v->dtype != t.dtype && v->dtype != RD_OPTIONAL)
            return RD_FAIL(s->err, RD_E_INPUT, "input '%s' of its subgraph is %s, it is given %s",
                rd_text_safe_in(safe, sizeof(safe), v->name), rd_dtype_name(v->dtype),
                rd_dtype_name(t.dtype));
        know(v, &t);
        v->weight = NULL;
        if (i < n_formal || !t.data || (t.dtype != RD_I64 && t.dtype != RD_I32) ||
            rd_tensor_count(&t) > TAKEN_MOST ||
            s->symbols[c->node->input[g->capture[i - n_formal]]])
            continue;
        v->weight = rd_tensor_copy(s->arena, &t);
        if (!v->weight)
            return RD_FAIL(s->err, RD_E_MEMORY, "no memory for a constant");
    }
    for (int round = s->depth < ROUNDS_DEPTH ? 0 : ROUNDS - 1; round < ROUNDS; round++) {
        struct rd_error why = { .status = RD_OK };
        struct inference inner = { .graph = g,
            .arena = s->arena,
            .limits = s->limits,
            .depth = s->depth + 1,
            .fold_bytes = s->fold_bytes,
            .fold_work = s->fold_work,
            .err = &why };
        bool settled = true;

        for (size_t i = 0; i < n_formal && row->carried && round == ROUNDS - 1; i++)
            if (row->carried(c, g, i) >= 0)
                g->value[g->input[i]].ndim = -1;
        forget(g);
        st = prepare(&inner);
        if (!st)
            st = infer_nodes(&inner, g);
        s->fold_bytes = inner.fold_bytes;
        s->fold_work = inner.fold_work;
        if (st == RD_E_INPUT) {
            forget(g);
            st = RD_OK;
        }
        if (st) {
            if (s->err)
                *s->err = why;
            return st;
        }
        for (size_t i = 0; i < n_formal && row->carried; i++) {
            const int from = row->carried(c, g, i);

            if (from >= 0 && (size_t)from < g->n_outputs)
                settled = settles(g, (int)i, from, round == ROUNDS - 2) && settled;
        }
        if (settled)
            break;
    }
    return RD_OK;
}

static rd_status step_control(struct inference *s, struct rd_op_call *c)
{
    const struct rd_graph_node *node = c->node;
    rd_status st = rd_op_check(c);

    for (size_t a = 0; a < node->n_attrs && !st && s->limits; a++)
        for (size_t k = 0; node->attr[a].graphs && k < node->attr[a].n && !st; k++)
            st = infer_body(s, c, node->attr[a].graphs[k]);
    return st ? st : rd_op_infer(c);
}

static rd_status step(struct inference *s, size_t index, struct rd_op_call *c)
{
    const struct rd_graph_node *node = &s->graph->node[index];
    bool ranks = true;
    rd_status st;

    bind(s, node, c);
    if (node->row->control)
        return step_control(s, c);
    for (int k = 0; k < node->n_inputs; k++)
        ranks = ranks && (!s->in[k] || s->in[k]->ndim >= 0);
    if (!ranks) /* outputs stay unknown until the graph runs */
        return rd_op_check(c);
    st = rd_op_infer(c);
    return st ? st : fold(s, c);
}

static rd_status named(const struct inference *s, size_t index, rd_status st)
{
    char label[160];

    return RD_WRAP(
        s->err, st, "node %s", rd_graph_node_label(s->graph, index, label, sizeof(label)));
}

/* Does the batch axis go through this node? */
static bool stays_batched(
    const struct inference *s, const struct rd_graph *g, const struct rd_op_call *c)
{
    const struct rd_graph_node *node = c->node;
    bool any = false;

    for (int k = 0; k < node->n_inputs; k++) {
        any = any || s->flag[k];
        /* An input that depends on the batch but not row by row spoils its results. */
        if (node->input[k] >= 0 && !s->flag[k] && !s->in[k]->data &&
            g->value[node->input[k]].producer >= 0)
            return false;
        if (node->input[k] >= 0 && s->in[k]->ndim < 0)
            return false;
    }
    for (int k = 0; k < node->n_outputs; k++)
        if (s->out[k]->ndim < 1 || s->out[k]->dim[0] != -1)
            return false;
    if (!any)
        return rd_symbol_repeats(c);
    return node->row->per_example && node->row->per_example(c, s->flag);
}

static rd_status infer_nodes(struct inference *s, struct rd_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *node = &graph->node[i];
        struct rd_op_call c;
        bool batched;
        rd_status st;

        st = rd_op_prepare(&graph->node[i], s->arena, s->err);
        if (!st)
            st = step(s, i, &c);
        if (st)
            return named(s, i, st);
        batched = !s->depth && stays_batched(s, graph, &c);
        for (int k = 0; k < node->n_outputs; k++) {
            struct rd_graph_value *v = node->output[k] < 0 ? NULL : &graph->value[node->output[k]];
            struct rd_tensor *weight;

            if (!v)
                continue;
            v->dtype = s->out[k]->dtype;
            v->ndim = s->out[k]->ndim;
            memcpy(v->dim, s->out[k]->dim, sizeof(v->dim));
            v->batched = batched;
            v->dim_name[0] = batched ? s->batch_name : NULL;
            if (!s->out[k]->data || s->symbols[node->output[k]])
                continue;
            weight = RD_NEW(s->arena, struct rd_tensor);
            if (!weight)
                return RD_FAIL(s->err, RD_E_MEMORY, "no memory for a constant");
            *weight = *s->out[k];
            v->weight = weight;
        }
    }
    return RD_OK;
}

rd_status rd_graph_infer(struct rd_graph *graph, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_error *err)
{
    struct inference s = { .graph = graph,
        .arena = arena,
        .err = err,
        .limits = limits,
        .fold_work = FOLD_WORK + FOLD_WORK_PER_FILE_BYTE * (double)graph->file_bytes,
        .fold_bytes = FOLD_BYTES + FOLD_PER_FILE_BYTE * graph->file_bytes };
    const char *batch_name = NULL;
    char safe[80];
    rd_status st = prepare(&s);

    if (st)
        return st;
    if (s.fold_bytes > limits->memory_bytes / 2)
        s.fold_bytes = limits->memory_bytes / 2;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        struct rd_graph_value *v = &graph->value[graph->input[i]];

        if (!v->dtype)
            return RD_FAIL(err, RD_E_INPUT, "graph input '%s' has no element type",
                rd_text_safe_in(safe, sizeof(safe), v->name));
        v->batched = v->ndim > 0 && v->dim[0] == -1;
        if (v->batched && !batch_name)
            batch_name = v->dim_name[0];
    }
    s.batch_name = batch_name;
    return infer_nodes(&s, graph);
}

rd_status rd_graph_shapes(const struct rd_graph *graph, int64_t n, struct rd_arena *arena,
    struct rd_tensor **shape_out, struct rd_error *err)
{
    /* Shapes that the model computes need a little folding here too. */
    struct inference s = { .graph = graph,
        .arena = arena,
        .err = err,
        .fold_work = FOLD_WORK / 100,
        .fold_bytes = FOLD_BYTES / 16 };
    char safe[80];
    rd_status st = prepare(&s);

    for (size_t i = 0; i < graph->n_inputs && !st; i++) {
        struct rd_tensor *t = &s.t[graph->input[i]];

        if (t->ndim > 0 && t->dim[0] == -1)
            t->dim[0] = n;
        for (int d = 0; d < t->ndim; d++)
            if (t->dim[d] < 0)
                st = RD_FAIL(err, RD_E_USAGE, "dimension %d of input '%s' is free", d,
                    rd_text_safe_in(safe, sizeof(safe), graph->value[graph->input[i]].name));
        if (t->ndim < 0)
            st = RD_FAIL(err, RD_E_USAGE, "input '%s' has no shape",
                rd_text_safe_in(safe, sizeof(safe), graph->value[graph->input[i]].name));
    }
    for (size_t i = 0; i < graph->n_nodes && !st; i++) {
        const struct rd_graph_node *node = &graph->node[i];
        struct rd_op_call c;

        st = step(&s, i, &c);
        if (st)
            return named(&s, i, st);
        for (int k = 0; k < node->n_outputs; k++)
            if (node->output[k] >= 0 && graph->value[node->output[k]].weight)
                s.t[node->output[k]] = *graph->value[node->output[k]].weight;
    }
    *shape_out = s.t;
    return st;
}

rd_status rd_graph_flops(
    const struct rd_graph *graph, int64_t n, double *flops_out, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct inference s = { .graph = graph, .arena = &arena, .err = err };
    double flops = 0;
    rd_status st = rd_graph_shapes(graph, n, &arena, &s.t, err);
    struct rd_tensor *shape = s.t;

    if (!st)
        st = prepare(&s);
    for (size_t i = 0; i < graph->n_nodes && !st; i++) {
        const struct rd_graph_node *node = &graph->node[i];
        struct rd_op_call c;
        bool folded = true;
        size_t bytes;

        bind(&s, node, &c);
        for (int k = 0; k < node->n_inputs; k++)
            if (node->input[k] >= 0)
                s.in[k] = &shape[node->input[k]];
        for (int k = 0; k < node->n_outputs; k++)
            if (node->output[k] >= 0) {
                *s.out[k] = shape[node->output[k]];
                folded = folded && graph->value[node->output[k]].weight;
            }
        if (folded)
            continue;
        if (node->row->control) {
            st = RD_FAIL(err, RD_E_USAGE, "what it runs depends on the data");
            (void)named(&s, i, st);
            break;
        }
        for (int k = 0; k < node->n_outputs; k++)
            if (node->output[k] < 0)
                *s.out[k] = (struct rd_tensor){ .dtype = RD_F32, .ndim = 0 };
        if (!all_known(node, s.out, &bytes)) {
            st = RD_FAIL(err, RD_E_USAGE, "shapes depend on the data");
            (void)named(&s, i, st);
            break;
        }
        flops += node->row->flops ? node->row->flops(&c) : (double)rd_tensor_count(s.out[0]);
    }
    rd_arena_release(&arena);
    if (!st)
        *flops_out = flops;
    return st;
}
