/*
 * train_exec.c - training node by node, for graphs that no plan can run: those that compute with
 * integers or truth values on their way, move the batch to another axis, or fix its size.
 *
 * The same loop as train.c's, slower: a batch is cut into chunks of a few rows (of as many as the
 * model fixes), each goes forward and back through exec.h, gradients are added up in chunk order.
 * BatchNormalization keeps its running statistics and Dropout drops nothing here.
 */
#include "graph/exec.h"
#include "graph/op.h"
#include "graph/train_impl.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { ROWS = 8 };

struct by_exec {
    const struct rd_train *how;
    const struct rd_graph *graph;
    const struct rd_exec *exec;
    const float *x, *soft;
    const int *label;
    size_t n, inputs, classes, rows;
    bool fixed; /* a chunk has exactly `rows` rows */
    struct train_param *params;
    bool *want;
    const size_t *order; /* of the batch */
    size_t batch_n;
    /* one a chunk */
    struct rd_arena *arena;
    struct rd_tensor ***grad;
    struct rd_error *error;
    /* one a row of the batch */
    double *loss;
    bool *hit;
};

static rd_status one_chunk(void *user, size_t at, size_t worker)
{
    struct by_exec *b = user;
    struct rd_arena *a = &b->arena[at];
    struct rd_error *err = &b->error[at];
    const size_t first = at * b->rows;
    const size_t n = b->batch_n - first < b->rows ? b->batch_n - first : b->rows;
    const size_t all = b->fixed ? b->rows : n; /* filled up with rows that do not count */
    const struct rd_graph_value *in = &b->graph->value[b->graph->input[0]];
    struct rd_tensor x = { .dtype = RD_F32, .ndim = in->ndim }, *out[1], cot;
    const struct rd_tensor *input[1] = { &x }, *seed[1] = { &cot };
    struct rd_exec_pass *pass;
    float *xs, *soft = NULL;
    int *label;
    rd_status st;

    (void)worker;
    memcpy(x.dim, in->dim, sizeof x.dim);
    x.dim[0] = (int64_t)all;
    x.data = xs = rd_arena_alloc(a, all * b->inputs, sizeof(float));
    label = RD_NEW_ARRAY(a, int, n);
    if (b->soft)
        soft = rd_arena_alloc(a, n * b->classes, sizeof(float));
    b->grad[at] = RD_NEW_ARRAY(a, struct rd_tensor *, b->graph->n_values);
    if (!xs || !label || (b->soft && !soft) || !b->grad[at])
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu rows", all);
    for (size_t i = 0; i < all; i++) {
        const size_t row = b->order[first + (i < n ? i : 0)];

        memcpy(xs + i * b->inputs, b->x + row * b->inputs, b->inputs * sizeof *xs);
        if (i < n && b->label)
            label[i] = b->label[row];
        else if (i < n)
            memcpy(soft + i * b->classes, b->soft + row * b->classes, b->classes * sizeof *soft);
    }
    st = rd_exec_keep(b->exec, input, 1, a, &pass, out, err);
    if (st)
        return st;
    if (out[0]->ndim != 2 || rd_tensor_count(out[0]) != all * b->classes)
        return RD_FAIL(err, RD_E_USAGE, "the logits change their shape");
    cot = *out[0];
    cot.data = rd_arena_alloc(a, all * b->classes, sizeof(float)); /* zeroed */
    if (!cot.data)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu rows", all);
    plan_cross_entropy(&(struct plan_loss){
        .logits = out[0]->data,
        .label = b->label ? label : NULL,
        .soft = soft,
        .n = n,
        .classes = b->classes,
        .grad = cot.data,
        .scale = 1 / (double)b->batch_n,
        .loss = b->loss + first,
        .hit = b->hit + first,
    });
    return rd_exec_back(b->exec, pass, seed, b->want, a, b->grad[at], err);
}

/* All weights that are trained, each once. */
static rd_status list(struct by_exec *b, struct rd_arena *arena, struct rd_error *err)
{
    const struct rd_graph *g = b->graph;
    struct train_param **end = &b->params;

    b->want = RD_NEW_ARRAY(arena, bool, g->n_values);
    if (!b->want)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for training");
    for (size_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_inputs; k++) {
            const int v = g->node[i].input[k];
            struct train_param *p;

            if (!plan_trainable(g, &g->node[i], k) || b->want[v] || g->value[v].producer >= 0)
                continue;
            b->want[v] = true;
            p = RD_NEW(arena, struct train_param);
            if (p) {
                p->value = v;
                p->w = g->value[v].weight->data;
                p->count = rd_tensor_count(g->value[v].weight);
                p->m = RD_NEW_ARRAY(arena, float, p->count + 1);
                p->v = RD_NEW_ARRAY(arena, float, p->count + 1);
            }
            if (!p || !p->m || !p->v)
                return RD_FAIL(
                    err, RD_E_MEMORY, "no memory for the gradient of '%.60s'", g->value[v].name);
            *end = p;
            end = &p->next;
        }
    return b->params ? RD_OK
                     : RD_FAIL(err, RD_E_USAGE, "'%s' has no weights that can be trained", g->path);
}

/* Gradients of the chunks, added up in their order, then the step. */
static void update(const struct by_exec *b, const struct rd_kernels *kernels, size_t chunks,
    double rate, size_t step)
{
    const bool adam = strcmp(b->how->optimizer, "adam") == 0;

    for (struct train_param *p = b->params; p; p = p->next) {
        struct rd_update u = { .w = p->w,
            .m = p->m,
            .v = p->v,
            .g = b->grad[0][p->value]->data,
            .n = p->count,
            .rate = (float)rate,
            .root = 1,
            .decay = (float)b->how->weight_decay,
            .beta1 = (float)b->how->momentum,
            .beta2 = 0.999f,
            .epsilon = 1e-8f };

        for (size_t c = 1; c < chunks; c++)
            kernels->add(b->grad[0][p->value]->data, b->grad[c][p->value]->data,
                b->grad[0][p->value]->data, p->count);
        if (adam) {
            u.rate = (float)(rate / (1 - pow(b->how->momentum, (double)step)));
            u.root = (float)(1 / sqrt(1 - pow(0.999, (double)step)));
            kernels->adam(&u);
        } else {
            kernels->sgd(&u);
        }
    }
}

static rd_status epochs(struct by_exec *b, struct rd_run *run, const struct rd_kernels *kernels,
    size_t *order, size_t batch, struct rd_train_report *report)
{
    const size_t batches = (b->n + batch - 1) / batch, all = batches * b->how->epochs;
    size_t step = 0;

    for (size_t epoch = 0; epoch < b->how->epochs; epoch++) {
        struct rd_rng rng = rd_rng_stream(b->how->seed, "train/order", epoch);
        double loss = 0;
        size_t hits = 0;

        for (size_t i = 0; i < b->n; i++)
            order[i] = i;
        rd_rng_shuffle(&rng, order, b->n);
        for (size_t at = 0; at < b->n; at += batch, step++) {
            rd_status st = rd_run_step(run, "training", step, all);
            size_t chunks;

            if (st)
                return st;
            b->order = order + at;
            b->batch_n = b->n - at < batch ? b->n - at : batch;
            chunks = (b->batch_n + b->rows - 1) / b->rows;
            st = rd_pool_run(run->pool, chunks, one_chunk, b);
            if (!st)
                update(b, kernels, chunks, train_rate(b->how, step, all), step + 1);
            for (size_t c = 0; c < chunks; c++) {
                if (st && b->error[c].status == st && run->err && !run->err->status)
                    *run->err = b->error[c];
                rd_arena_release(&b->arena[c]);
                b->arena[c] = (struct rd_arena)RD_ARENA_INIT;
            }
            if (st)
                return RD_WRAP(run->err, st, "training, epoch %zu", epoch + 1);
            for (size_t i = 0; i < b->batch_n; i++) {
                loss += b->loss[i];
                hits += b->hit[i];
            }
            if (!isfinite(loss)) {
                (void)RD_FAIL(run->err, RD_E_USAGE,
                    "the loss is no longer finite in epoch %zu, batch %zu: training diverged",
                    epoch + 1, at / batch + 1);
                (void)rd_error_hint(run->err, "try a learning rate below %.3g", b->how->lr);
                return RD_E_USAGE;
            }
        }
        *report = (struct rd_train_report){ .epochs = epoch + 1,
            .loss = loss / (double)b->n,
            .accuracy = (double)hits / (double)b->n };
    }
    return rd_run_step(run, "training", all, all);
}

/* Logits: what goes into a last Softmax. The graph shares everything with `graph`. */
static struct rd_graph *logits(struct rd_graph *graph, struct rd_arena *arena)
{
    struct rd_graph *cut = RD_NEW(arena, struct rd_graph);
    int *output = RD_NEW_ARRAY(arena, int, 1);

    if (!cut || !output)
        return NULL;
    *cut = *graph;
    output[0] = graph->output[0];
    while (rd_graph_ends_in_softmax(cut)) {
        const struct rd_graph_node *node = &cut->node[cut->value[output[0]].producer];

        output[0] = node->input[0];
        cut->output = output;
        if (!strcmp(node->op, "Softmax"))
            break;
    }
    cut->output = output;
    cut->n_outputs = 1;
    return cut;
}

rd_status train_by_exec(struct rd_run *run, struct rd_graph *graph, const struct rd_train *how,
    const float *x, const int *label, const float *soft, size_t n, struct rd_train_report *report)
{
    struct by_exec b = { .how = how, .x = x, .label = label, .soft = soft, .n = n };
    struct rd_arena *a = run->scratch;
    const struct rd_kernels *kernels = rd_kernels();
    const size_t batch = how->batch < n ? how->batch : n;
    struct rd_graph *cut = logits(graph, a);
    struct rd_exec *exec = NULL;
    struct rd_net *net = NULL;
    size_t chunks, *order;
    int64_t fixed;
    rd_status st;

    if (!cut)
        return rd_run_no_memory(run, "training");
    b.graph = cut;
    st = rd_net_open(cut, run->pool, &net, run->err);
    if (st)
        return st;
    b.inputs = rd_net_inputs(net);
    b.classes = rd_net_outputs(net);
    rd_net_free(net);
    if (!b.inputs || b.classes < 2 ||
        (cut->value[cut->output[0]].ndim != 2 && cut->value[cut->output[0]].ndim >= 0))
        return RD_FAIL(run->err, RD_E_USAGE,
            "'%s' cannot be trained: it wants one float32 input and logits (rows, classes) "
            "computed "
            "from it row by row",
            graph->path);
    if (how->adversary.steps || how->clip > 0)
        return RD_FAIL(run->err, RD_E_USAGE,
            "'%s' runs node by node (integers, a moved or a fixed batch axis on the way): "
            "adversarial "
            "and private training are not done there",
            graph->path);
    st = train_check_data(x, label, soft, n, b.inputs, b.classes, run->err);
    fixed = cut->value[cut->input[0]].dim[0];
    b.fixed = fixed > 0;
    b.rows = b.fixed ? (size_t)fixed : ROWS;
    chunks = (batch + b.rows - 1) / b.rows;
    b.arena = RD_NEW_ARRAY(a, struct rd_arena, chunks);
    b.grad = RD_NEW_ARRAY(a, struct rd_tensor **, chunks);
    b.error = RD_NEW_ARRAY(a, struct rd_error, chunks);
    b.loss = RD_NEW_ARRAY(a, double, batch);
    b.hit = RD_NEW_ARRAY(a, bool, batch);
    order = RD_NEW_ARRAY(a, size_t, n);
    if (!b.arena || !b.grad || !b.error || !b.loss || !b.hit || !order)
        return rd_run_no_memory(run, "training");
    for (size_t c = 0; c < chunks; c++)
        b.arena[c] = (struct rd_arena)RD_ARENA_INIT;
    if (!st)
        st = list(&b, a, run->err);
    if (!st)
        st = rd_exec_open(cut, kernels, NULL, &exec, run->err);
    b.exec = exec;
    if (!st)
        st = epochs(&b, run, kernels, order, batch, report);
    rd_exec_free(exec);
    return st;
}
