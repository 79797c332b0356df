/*
 * net.c - the doors of net.h: checks what comes in, then takes the plan where there is one, else
 * goes node by node.
 */
#include "graph/net.h"

#include "base/alloc.h"
#include "base/pool.h"
#include "base/rng.h"
#include "graph/exec.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "graph/rewrite.h"
#include "graph/rows.h"
#include "graph/surrogate.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

/* Rows that the fallback takes at a time: bounds its memory. */
enum { NET_ROWS = 64, BLOCK_MOST = 4096 };

/* What the test of a net in blocks may cost; a model file must not name its own price. */
/* Fuzzing runs thousands of models a second. */
#ifdef RD_FUZZING
static const double TRIAL_WORK = 1e6, TRIAL_PER_FILE_BYTE = 0, TRIAL_STEPS = 1e4;
#else
static const double TRIAL_WORK = 1e8, TRIAL_PER_FILE_BYTE = 2e5, TRIAL_STEPS = 1e6;
#endif

/* What one example's values may take in all: a file of a few bytes must not cost a gigabyte. */
static const size_t EXAMPLE_BYTES = (size_t)256 << 20;
enum { EXAMPLE_PER_FILE_BYTE = 64 };

struct rd_net {
    const struct rd_graph *graph;
    struct rd_pool *pool;
    struct rd_exec *exec; /* NULL: not asked for yet; node_by_node */
    struct rd_plan *plan; /* NULL: node by node */
    struct rd_arena arena;
    const char *no_gradient; /* NULL: differentiable */
    size_t block;            /* exec takes exactly so many rows at a time; 0: any number */
    bool ends_in_softmax, too_large;
    size_t inputs, outputs,
        classes; /* 0 when no classifier; classes 0 when the output is no (n, classes) */
    int n_dims;
    int64_t dim[RD_MAX_DIMS]; /* [0] is the batch */
    int out_n_dims;
    int64_t out_dim[RD_MAX_DIMS];
};

/* Where a plan answers, the executor and its copies of weights are made when it is first asked. */
static rd_status node_by_node(struct rd_net *net, struct rd_error *err)
{
    return net->exec ? RD_OK : rd_exec_open(net->graph, rd_kernels(), NULL, &net->exec, err);
}

/* Product of the dims behind axis 0; 0 when one is not known or nothing is left. */
static size_t per_example(const struct rd_graph_value *v)
{
    size_t n;

    if (v->ndim < 1 || !rd_shape_count(v->dim + 1, v->ndim - 1, &n))
        return 0;
    return n;
}

static rd_status too_large(const struct rd_graph *g, bool *large_out, struct rd_error *err)
{
    struct rd_error why = { 0 };
    rd_status st;
    const size_t file = g->file_bytes < SIZE_MAX / 128 ? g->file_bytes : SIZE_MAX / 128;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor *shape;
    double bytes = 0;

    st = rd_graph_shapes(g, 1, &arena, &shape, &why);
    if (!st)
        for (size_t v = 0; v < g->n_values; v++)
            if (!g->value[v].weight && shape[v].ndim >= 0)
                bytes += (double)rd_tensor_bytes(&shape[v]);
    rd_arena_release(&arena);
    *large_out = bytes > (double)(EXAMPLE_BYTES + EXAMPLE_PER_FILE_BYTE * file);
    /* Shapes that cannot be known are no obstacle; lack of memory is. */
    if (st == RD_E_MEMORY && err)
        *err = why;
    return st == RD_E_MEMORY ? st : RD_OK;
}

static bool all_known(const struct rd_tensor *t)
{
    for (int d = 0; d < t->ndim; d++)
        if (t->dim[d] < 0)
            return false;
    return true;
}

/* A first answer of `block` rows, where shapes are known only by running: its shape into *out. */
static rd_status run_block(
    struct rd_net *net, int64_t block, struct rd_graph_value *out, struct rd_error *err)
{
    const struct rd_graph *g = net->graph;
    const struct rd_graph_value *v = &g->value[g->input[0]];
    const struct rd_exec_limits limits = {
        .work = TRIAL_WORK + TRIAL_PER_FILE_BYTE * (double)g->file_bytes, .steps = TRIAL_STEPS
    };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor *in, **all = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_outputs);
    struct rd_rng rng = rd_rng_stream(1, "net/shape", 0);
    struct rd_exec *exec = NULL;
    int64_t dim[RD_MAX_DIMS];
    rd_status st;

    memcpy(dim, v->dim, sizeof(dim));
    dim[0] = block;
    st = all ? rd_tensor_new(&arena, RD_F32, dim, v->ndim, NULL, &in, err)
             : RD_FAIL(err, RD_E_MEMORY, "no memory to try the model");
    for (size_t i = 0, n = st ? 0 : rd_tensor_count(in); i < n; i++)
        ((float *)in->data)[i] = rd_rng_unit_float(&rng);
    if (!st)
        st = rd_exec_open(g, rd_kernels(), &limits, &exec, err);
    if (!st)
        st = rd_exec_run(exec, (const struct rd_tensor *const *)&in, 1, &arena, all, err);
    if (!st && all[0]->dtype == RD_F32 && all[0]->ndim > 0 && all[0]->dim[0] == block) {
        out->ndim = all[0]->ndim;
        memcpy(out->dim, all[0]->dim, sizeof(out->dim));
        out->batched = true;
        net->block = (size_t)block;
    }
    rd_exec_free(exec);
    rd_arena_release(&arena);
    return st;
}

/*
 * Nets whose batch axis cannot be followed through the graph, or is fixed, are run in blocks: one
 * row at a time, or as many as the model says. *out becomes the shape of the first output of such a
 * block; net->block stays 0 when it does not have as many rows.
 */
static rd_status measure_block(struct rd_net *net, struct rd_graph_value *out, struct rd_error *err)
{
    const struct rd_graph *g = net->graph;
    const struct rd_graph_value *in = &g->value[g->input[0]];
    const int64_t block = in->dim[0] == -1 ? 1 : in->dim[0];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error why = { 0 };
    struct rd_tensor *shape;
    rd_status st;

    if (block < 1 || block > BLOCK_MOST)
        return RD_OK;
    st = rd_graph_shapes(g, 1, &arena, &shape, &why);
    if (!st) {
        const struct rd_tensor *t = &shape[g->output[0]];

        if (t->ndim > 0 && t->dim[0] == block) {
            out->ndim = t->ndim;
            memcpy(out->dim, t->dim, sizeof(out->dim));
            out->batched = true;
            net->block = (size_t)block;
        } else if (per_example(in) && (t->ndim < 0 || !all_known(t))) {
            st = run_block(net, block, out, &why);
        }
    }
    rd_arena_release(&arena);
    if (st == RD_E_MEMORY && err)
        *err = why;
    return st == RD_E_MEMORY ? st : RD_OK;
}

static rd_status measure(struct rd_net *net, struct rd_error *err)
{
    const struct rd_graph *g = net->graph;
    const struct rd_graph_value *in, *out;
    struct rd_graph_value as_block;
    size_t inputs, outputs;
    rd_status st;

    if (g->n_inputs != 1 || !g->n_outputs)
        return RD_OK;
    in = &g->value[g->input[0]];
    out = &g->value[g->output[0]];
    if (in->dtype != RD_F32 || (out->dtype && out->dtype != RD_F32) || in->ndim < 1)
        return RD_OK;
    if (!out->batched || in->dim[0] != -1 || !per_example(out)) {
        as_block = *out;
        as_block.batched = false;
        st = measure_block(net, &as_block, err);
        if (st)
            return st;
        out = &as_block;
    }
    if (!out->batched || out->ndim < 1)
        return RD_OK;
    inputs = per_example(in);
    outputs = per_example(out);
    if (!inputs || !outputs)
        return RD_OK;
    st = too_large(g, &net->too_large, err);
    if (st || net->too_large)
        return st;
    net->inputs = inputs;
    net->outputs = outputs;
    net->classes = out->ndim == 2 ? outputs : 0;
    net->n_dims = in->ndim;
    memcpy(net->dim, in->dim, sizeof(net->dim));
    net->out_n_dims = out->ndim;
    memcpy(net->out_dim, out->dim, sizeof(net->out_dim));
    return RD_OK;
}

/* n rows through exec, in one run; out (n, outputs). */
static rd_status trial(struct rd_exec *exec, const struct rd_net *net, const float *x, size_t n,
    struct rd_arena *arena, float *out, struct rd_error *err)
{
    struct rd_tensor t = { .dtype = RD_F32, .ndim = net->n_dims };
    const struct rd_tensor *in[1] = { &t };
    struct rd_tensor **all = RD_NEW_ARRAY(arena, struct rd_tensor *, net->graph->n_outputs);
    rd_status st;

    memcpy(t.dim, net->dim, sizeof(t.dim));
    t.dim[0] = (int64_t)n;
    t.data = (void *)(uintptr_t)x;
    st = all ? rd_exec_run(exec, in, 1, arena, all, err)
             : RD_FAIL(err, RD_E_MEMORY, "no memory to try the model");
    if (!st && rd_tensor_count(all[0]) != n * net->outputs)
        st = RD_FAIL(err, RD_E_USAGE, "its answer changes its shape");
    if (!st)
        memcpy(out, all[0]->data, n * net->outputs * sizeof(float));
    return st;
}

/* Within what another order of summing may change. */
static bool alike(const float *a, const float *b, size_t n)
{
    float scale = 0;

    for (size_t i = 0; i < n; i++)
        scale = fabsf(b[i]) > scale ? fabsf(b[i]) : scale;
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-4f * scale || a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))))
            return false;
    return true;
}

/*
 * Does each row's answer come from that row alone? A free batch: rows together against each by
 * itself. A fixed one of several rows: the same rows in another order. Where not, or where the test
 * would cost too much, the net is none of rows.
 */
static rd_status try_blocks(struct rd_net *net, struct rd_error *err)
{
    const bool is_free = net->graph->value[net->graph->input[0]].dim[0] == -1;
    const size_t n = is_free ? 3 : net->block;
    const struct rd_exec_limits limits = {
        .work = TRIAL_WORK + TRIAL_PER_FILE_BYTE * (double)net->graph->file_bytes,
        .steps = TRIAL_STEPS,
    };
    struct rd_rng rng = rd_rng_stream(1, "net/rows", 0);
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error why = { 0 };
    struct rd_exec *exec = NULL;
    float *x, *turned, *a, *b;
    bool same = true;
    rd_status st = RD_OK;

    if (!is_free && n == 1)
        return RD_OK;
    x = RD_NEW_ARRAY(&arena, float, n * net->inputs);
    turned = RD_NEW_ARRAY(&arena, float, n * net->inputs);
    a = RD_NEW_ARRAY(&arena, float, n * net->outputs);
    b = RD_NEW_ARRAY(&arena, float, n * net->outputs);
    if (!x || !turned || !a || !b)
        st = RD_FAIL(&why, RD_E_MEMORY, "no memory to try the model");
    for (size_t i = 0; !st && i < n * net->inputs; i++)
        x[i] = rd_rng_unit_float(&rng);
    if (!st)
        st = rd_exec_open(net->graph, rd_kernels(), &limits, &exec, &why);
    if (!st)
        st = trial(exec, net, x, n, &arena, a, &why);
    for (size_t r = 0; r < n && !st; r++) {
        if (is_free)
            st = trial(exec, net, x + r * net->inputs, 1, &arena, b + r * net->outputs, &why);
        else
            memcpy(
                turned + (n - 1 - r) * net->inputs, x + r * net->inputs, net->inputs * sizeof(*x));
    }
    if (!st && !is_free)
        st = trial(exec, net, turned, n, &arena, b, &why);
    for (size_t r = 0; r < n && !st && same; r++)
        same =
            alike(a + r * net->outputs, b + (is_free ? r : n - 1 - r) * net->outputs, net->outputs);
    rd_exec_free(exec);
    rd_arena_release(&arena);
    if (st || !same)
        net->inputs = net->outputs = net->classes = net->block = 0;
    if (st == RD_E_MEMORY && err)
        *err = why;
    return st == RD_E_MEMORY ? st : RD_OK;
}

/* A plan of the graph, or of the same with quantized integers as floats, which answers the same. */
static rd_status open_plan(struct rd_net *net, const struct rd_graph *graph, struct rd_error *err)
{
    struct rd_graph *floats = NULL;
    rd_status st = rd_plan_open(graph, net->pool, &net->plan, err);

    if (st || net->plan)
        return st;
    st = rd_graph_in_floats(graph, &net->arena, &floats, err);
    return st || !floats ? st : rd_plan_open(floats, net->pool, &net->plan, err);
}

/*
 * A plan for a model of fixed batch, from the same model with a free one; only when both answer the
 * same rows alike. Otherwise the net goes on in blocks.
 */
static rd_status plan_of_free_batch(struct rd_net *net, struct rd_error *err)
{
    const size_t n = net->block;
    const struct rd_exec_limits limits = {
        .work = TRIAL_WORK + TRIAL_PER_FILE_BYTE * (double)net->graph->file_bytes,
        .steps = TRIAL_STEPS,
    };
    struct rd_rng rng = rd_rng_stream(1, "net/free", 0);
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error why = { 0 };
    struct rd_exec *exec = NULL;
    struct rd_graph *freed = NULL;
    float *x, *a, *b;
    bool same = false;
    rd_status st = rd_graph_free_batch(net->graph, &net->arena, &freed, err);

    if (st || !freed)
        return st;
    st = open_plan(net, freed, err);
    if (st || !net->plan)
        return st;
    x = RD_NEW_ARRAY(&arena, float, n * net->inputs);
    a = RD_NEW_ARRAY(&arena, float, n * net->outputs);
    b = RD_NEW_ARRAY(&arena, float, n * net->outputs);
    if (!x || !a || !b)
        st = RD_FAIL(&why, RD_E_MEMORY, "no memory to try the model");
    for (size_t i = 0; !st && i < n * net->inputs; i++)
        x[i] = rd_rng_unit_float(&rng);
    if (!st)
        st = rd_exec_open(net->graph, rd_kernels(), &limits, &exec, &why);
    if (!st)
        st = trial(exec, net, x, n, &arena, a, &why);
    if (!st)
        st = rd_plan_forward(net->plan, x, n, b, &why);
    same = !st && alike(b, a, n * net->outputs);
    rd_exec_free(exec);
    rd_arena_release(&arena);
    if (!same) {
        rd_plan_free(net->plan);
        net->plan = NULL;
    }
    if (st == RD_E_MEMORY && err)
        *err = why;
    return st == RD_E_MEMORY ? st : RD_OK;
}

rd_status rd_net_open(const struct rd_graph *graph, struct rd_pool *pool, struct rd_net **net_out,
    struct rd_error *err)
{
    struct rd_net *net = rd_alloc(sizeof(*net));
    rd_status st;

    if (!net)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare the model");
    memset(net, 0, sizeof(*net));
    net->graph = graph;
    net->pool = pool;
    st = measure(net, err);
    net->ends_in_softmax = graph->n_outputs && rd_graph_ends_in_softmax(graph);
    if (!st)
        st = rd_graph_not_differentiable(graph, &net->arena, &net->no_gradient, err);
    if (!st && net->inputs && net->block)
        st = try_blocks(net, err);
    if (!st && net->inputs && !net->block)
        st = open_plan(net, graph, err);
    if (!st && net->block && graph->value[graph->input[0]].dim[0] > 0)
        st = plan_of_free_batch(net, err);
    if (!st && !net->plan)
        st = node_by_node(net, err);
    if (st) {
        rd_net_free(net);
        return st;
    }
    *net_out = net;
    return RD_OK;
}

void rd_net_free(struct rd_net *net)
{
    if (!net)
        return;
    rd_plan_free(net->plan);
    rd_exec_free(net->exec);
    rd_arena_release(&net->arena);
    rd_free(net);
}

const struct rd_graph *rd_net_graph(const struct rd_net *net)
{
    return net->graph;
}

rd_status rd_net_run(struct rd_net *net, const struct rd_tensor *const *input, size_t n_inputs,
    struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err)
{
    const rd_status st = node_by_node(net, err);

    return st ? st
              : rd_rows_run(net->exec, net->graph, net->pool, input, n_inputs, arena, output, err);
}

size_t rd_net_inputs(const struct rd_net *net)
{
    return net->inputs;
}

size_t rd_net_outputs(const struct rd_net *net)
{
    return net->outputs;
}

const int64_t *rd_net_input_dims(const struct rd_net *net, int *n_dims_out)
{
    *n_dims_out = net->n_dims ? net->n_dims - 1 : 0;
    return net->dim + 1;
}

const int64_t *rd_net_output_dims(const struct rd_net *net, int *n_dims_out)
{
    *n_dims_out = net->out_n_dims ? net->out_n_dims - 1 : 0;
    return net->out_dim + 1;
}

bool rd_net_rows_follow(const struct rd_net *net)
{
    return net->inputs && (!net->block || net->plan);
}

const char *rd_net_not_differentiable(const struct rd_net *net)
{
    return net->no_gradient;
}

bool rd_net_ends_in_softmax(const struct rd_net *net)
{
    return net->ends_in_softmax;
}

static rd_status check(const struct rd_net *net, bool gradient, struct rd_error *err)
{
    if (net->too_large)
        return RD_FAIL(err, RD_E_LIMIT,
            "one example of '%s' takes more memory than a model of its size may use",
            net->graph->path);
    if (!net->inputs)
        return RD_FAIL(err, RD_E_USAGE,
            "'%s' is no network of rows: it wants one float32 input and a first output computed "
            "from it "
            "row by row",
            net->graph->path);
    if (gradient && net->no_gradient)
        return RD_FAIL(err, RD_E_USAGE, "%s", net->no_gradient);
    return RD_OK;
}

static rd_status check_labels(const int *label, size_t n, size_t classes, struct rd_error *err)
{
    for (size_t r = 0; r < n; r++)
        if (label[r] < 0 || (size_t)label[r] >= classes)
            return RD_FAIL(err, RD_E_INPUT, "label %d of row %zu is outside 0..%zu", label[r], r,
                classes ? classes - 1 : 0);
    return RD_OK;
}

/* One chunk through exec: x (n, inputs); out and, when back, d sum(cotangent * output) / d x into
 * grad. */
struct chunk {
    const float *x, *cotangent; /* cotangent NULL: that of the cross-entropy with label */
    const int *label;
    size_t n;
    float *out, *grad, *loss; /* grad NULL: forward only */
};

/* Cotangent softmax(logit) - onehot(label), and the loss of each row (loss may be NULL). */
static void cross_entropy(
    const float *logit, const int *label, size_t n, size_t classes, float *c, float *loss)
{
    for (size_t r = 0; r < n; r++, logit += classes, c += classes) {
        double top = (double)logit[0], sum = 0;

        for (size_t i = 1; i < classes; i++)
            top = (double)logit[i] > top ? (double)logit[i] : top;
        for (size_t i = 0; i < classes; i++)
            sum += exp((double)logit[i] - top);
        for (size_t i = 0; i < classes; i++)
            c[i] = (float)(exp((double)logit[i] - top) / sum - ((int)i == label[r]));
        if (loss)
            loss[r] = (float)(log(sum) + top - (double)logit[label[r]]);
    }
}

static rd_status chunk_run(struct rd_net *net, const struct chunk *k, struct rd_error *err)
{
    const struct rd_graph *g = net->graph;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor x = { .dtype = RD_F32, .ndim = net->n_dims }, cot = { .dtype = RD_F32 };
    const struct rd_tensor *in[1] = { &x };
    struct rd_tensor **out, **grad = NULL;
    const struct rd_tensor **cotangent;
    struct rd_exec_pass *pass = NULL;
    const size_t bytes = k->n * net->outputs * sizeof(float);
    const size_t rows = net->block ? net->block : k->n; /* the last block may be filled up */
    rd_status st;

    memcpy(x.dim, net->dim, sizeof(x.dim));
    x.dim[0] = (int64_t)rows;
    x.data = rd_arena_alloc(&arena, rows * net->inputs, sizeof(float));
    out = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_outputs);
    grad = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_values);
    cotangent = RD_NEW_ARRAY(&arena, const struct rd_tensor *, g->n_outputs);
    cot.data = rd_arena_alloc(&arena, rows * net->outputs, sizeof(float));
    st = RD_E_MEMORY;
    if (!x.data || !out || !grad || !cotangent || !cot.data) {
        st = RD_FAIL(err, st, "no memory for %zu rows", k->n);
        goto out;
    }
    for (size_t r = 0; r < rows; r++)
        memcpy((float *)x.data + r * net->inputs, k->x + (r < k->n ? r : 0) * net->inputs,
            net->inputs * sizeof(float));
    st = node_by_node(net, err);
    if (!st)
        st = k->grad ? rd_exec_keep(net->exec, in, 1, &arena, &pass, out, err)
                     : rd_exec_run(net->exec, in, 1, &arena, out, err);
    if (st)
        goto out;
    if (out[0]->dtype != RD_F32 || rd_tensor_count(out[0]) != rows * net->outputs) {
        st = RD_FAIL(err, RD_E_USAGE, "the model's answer changes its shape");
        goto out;
    }
    if (k->out)
        memcpy(k->out, out[0]->data, bytes);
    if (!k->grad)
        goto out;
    cot.ndim = out[0]->ndim;
    memcpy(cot.dim, out[0]->dim, sizeof(cot.dim));
    if (k->cotangent)
        memcpy(cot.data, k->cotangent, bytes);
    else
        cross_entropy(out[0]->data, k->label, k->n, net->classes, cot.data, k->loss);
    cotangent[0] = &cot;
    st = rd_exec_back(net->exec, pass, cotangent, NULL, &arena, grad, err);
    if (!st)
        memcpy(k->grad, grad[g->input[0]]->data, k->n * net->inputs * sizeof(float));
out:
    rd_arena_release(&arena);
    return st;
}

struct chunks {
    struct rd_net *net;
    const struct chunk *all;
    size_t rows;
    struct rd_error *error; /* one a chunk: the first that failed is the one told */
};

static rd_status one_chunk(void *user, size_t at, size_t worker)
{
    const struct chunks *c = user;
    const struct chunk *all = c->all;
    const size_t r = at * c->rows;
    const struct chunk k = {
        .x = all->x + r * c->net->inputs,
        .cotangent = all->cotangent ? all->cotangent + r * c->net->outputs : NULL,
        .label = all->label ? all->label + r : NULL,
        .n = all->n - r < c->rows ? all->n - r : c->rows,
        .out = all->out ? all->out + r * c->net->outputs : NULL,
        .grad = all->grad ? all->grad + r * c->net->inputs : NULL,
        .loss = all->loss ? all->loss + r : NULL,
    };

    (void)worker;
    return chunk_run(c->net, &k, &c->error[at]);
}

static rd_status by_chunks(struct rd_net *net, const struct chunk *all, struct rd_error *err)
{
    const size_t rows = net->block ? net->block : NET_ROWS, n = (all->n + rows - 1) / rows;
    const size_t turn = 256; /* chunks at a time: bounds what errors take */
    struct chunks c = { .net = net, .rows = rows };
    struct rd_arena arena = RD_ARENA_INIT;
    rd_status st = RD_OK;

    c.error = RD_NEW_ARRAY(&arena, struct rd_error, n < turn ? n + 1 : turn);
    if (!c.error)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu rows", all->n);
    for (size_t first = 0; first < n && !st; first += turn) {
        const size_t r = first * rows, m = n - first < turn ? n - first : turn;
        const struct chunk part = {
            .x = all->x + r * net->inputs,
            .cotangent = all->cotangent ? all->cotangent + r * net->outputs : NULL,
            .label = all->label ? all->label + r : NULL,
            .n = all->n - r < m * rows ? all->n - r : m * rows,
            .out = all->out ? all->out + r * net->outputs : NULL,
            .grad = all->grad ? all->grad + r * net->inputs : NULL,
            .loss = all->loss ? all->loss + r : NULL,
        };

        c.all = &part;
        st = rd_pool_run(net->pool, m, one_chunk, &c);
        for (size_t i = 0; st && err && i < m; i++)
            if (c.error[i].status) {
                *err = c.error[i];
                st = err->status;
                break;
            }
    }
    rd_arena_release(&arena);
    return st;
}

rd_status rd_net_forward(
    struct rd_net *net, const float *x, size_t n, float *out, struct rd_error *err)
{
    const rd_status st = check(net, false, err);

    if (st)
        return st;
    if (net->plan)
        return rd_plan_forward(net->plan, x, n, out, err);
    return by_chunks(net, &(struct chunk){ .x = x, .n = n, .out = out }, err);
}

rd_status rd_net_vjp(struct rd_net *net, const float *x, const float *cotangent, size_t n,
    float *grad, struct rd_error *err)
{
    const rd_status st = check(net, true, err);

    if (st)
        return st;
    if (net->plan)
        return rd_plan_vjp(net->plan, x, cotangent, n, grad, err);
    return by_chunks(
        net, &(struct chunk){ .x = x, .cotangent = cotangent, .n = n, .grad = grad }, err);
}

rd_status rd_net_loss_gradient(struct rd_net *net, const float *x, const int *label, size_t n,
    float *grad, float *loss, float *out, struct rd_error *err)
{
    rd_status st = check(net, true, err);

    if (st)
        return st;
    if (!net->classes)
        return RD_FAIL(err, RD_E_USAGE,
            "the first output of '%s' is no (rows, classes): a loss on labels needs that",
            net->graph->path);
    st = check_labels(label, n, net->classes, err);
    if (st)
        return st;
    if (net->plan)
        return rd_plan_loss_gradient(net->plan, x, label, n, grad, loss, out, err);
    return by_chunks(net,
        &(struct chunk){ .x = x, .label = label, .n = n, .grad = grad, .loss = loss, .out = out },
        err);
}

/* n values of the graph, or every float input (value NULL): grad[i] of each. */
static rd_status gradient_at(struct rd_net *net, const struct rd_tensor *const *input,
    size_t n_inputs, const int *value, size_t n, const struct rd_tensor *cotangent,
    const int *label, size_t n_labels, struct rd_arena *arena, struct rd_tensor **grad,
    struct rd_tensor **output_out, struct rd_error *err)
{
    const struct rd_graph *g = net->graph;
    struct rd_tensor **out = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_outputs);
    struct rd_tensor **all = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_values);
    const struct rd_tensor **seed = RD_NEW_ARRAY(arena, const struct rd_tensor *, g->n_outputs);
    struct rd_tensor *own = RD_NEW(arena, struct rd_tensor);
    bool *want = RD_NEW_ARRAY(arena, bool, g->n_values);
    struct rd_exec_pass *pass;
    rd_status st;

    if (!out || !all || !seed || !own || !want)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for gradients");
    for (size_t i = 0; value && i < n; i++)
        want[value[i]] = true;
    st = node_by_node(net, err);
    if (!st)
        st = rd_exec_keep(net->exec, input, n_inputs, arena, &pass, out, err);
    if (st)
        return st;
    seed[0] = cotangent;
    if (!cotangent) {
        if (out[0]->dtype != RD_F32 || out[0]->ndim != 2 || out[0]->dim[1] < 1)
            return RD_FAIL(err, RD_E_USAGE,
                "the first output is no float32 (rows, classes): a loss on labels needs that");
        if ((size_t)out[0]->dim[0] != n_labels)
            return RD_FAIL(
                err, RD_E_INPUT, "%zu labels for %lld rows", n_labels, (long long)out[0]->dim[0]);
        st = check_labels(label, n_labels, (size_t)out[0]->dim[1], err);
        if (st)
            return st;
        *own = *out[0];
        own->data = rd_arena_alloc(arena, rd_tensor_bytes(own), 1);
        if (!own->data)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for gradients");
        cross_entropy(out[0]->data, label, n_labels, (size_t)out[0]->dim[1], own->data, NULL);
        seed[0] = own;
    }
    st = rd_exec_back(net->exec, pass, seed, value ? want : NULL, arena, all, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        grad[i] = all[value ? value[i] : g->input[i]];
    *output_out = out[0];
    return RD_OK;
}

rd_status rd_net_gradient(struct rd_net *net, const struct rd_tensor *const *input, size_t n_inputs,
    const struct rd_tensor *cotangent, const int *label, size_t n_labels, struct rd_arena *arena,
    struct rd_tensor **grad, struct rd_tensor **output_out, struct rd_error *err)
{
    if (net->no_gradient)
        return RD_FAIL(err, RD_E_USAGE, "%s", net->no_gradient);
    return gradient_at(net, input, n_inputs, NULL, net->graph->n_inputs, cotangent, label, n_labels,
        arena, grad, output_out, err);
}

rd_status rd_net_gradient_at(struct rd_net *net, const struct rd_tensor *const *input,
    size_t n_inputs, const int *value, size_t n, const struct rd_tensor *cotangent,
    const int *label, size_t n_labels, struct rd_arena *arena, struct rd_tensor **grad,
    struct rd_tensor **output_out, struct rd_error *err)
{
    const char *why;
    rd_status st = rd_graph_not_differentiable_at(net->graph, value, n, arena, &why, err);

    if (!st && why)
        st = RD_FAIL(err, RD_E_USAGE, "%s", why);
    return st ? st
              : gradient_at(net, input, n_inputs, value, n, cotangent, label, n_labels, arena, grad,
                    output_out, err);
}
