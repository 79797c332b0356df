/*
 * net.c - one pass of any model, timed: the same figures for us as a peer's program prints of
 * itself.
 *
 *   net MODEL.onnx [--batch N | --shape D,D,...] [--input X.npy] [--pass forward|gradient|step]
 *       [--threads N] [--seconds S] [--json]
 *
 * The first input is read from --input, else made up: floats in 0..1, integers below the smallest
 * table that a Gather of the model reads rows of. Free dims are --shape's, the first one --batch.
 * "gradient" is that of the cross-entropy of the first output with labels row modulo classes: with
 * respect to the input, or, where that is no float, to what a Gather takes from the largest table.
 * "step" trains one batch a step, one epoch of 8 steps a turn.
 *
 * Printed are the medians of wall and processor time of one pass (all threads together), the peak
 * of multiply-adds measured in the same run by processor time, and how much of it the pass reached
 * (a gradient counts twice its forward pass, a step three times), and the digest of the outputs.
 */
#include "graph/net.h"
#include "base/digest.h"
#include "base/pool.h"
#include "base/run.h"
#include "bench/peak.h"
#include "graph/op.h"
#include "tensor/kernel.h"
#include "tensor/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_TURNS = 1 << 12, STEPS = 8 };

struct work {
    struct rd_pool *pool;
    struct rd_net *net;
    struct rd_graph *graph;
    const struct rd_tensor **input;
    int *label, at; /* at: the value whose gradient is wanted; -1: the input's */
    size_t n;       /* rows of the first input */
    size_t labels;
    const char *pass;
    float *out, *grad;
    char digest[65];
};

static double clock_of(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return v[n / 2];
}

/* --- one pass --- */

static void keep_digest(struct work *w, const void *data, size_t bytes)
{
    if (!*w->digest)
        (void)rd_digest_bytes(data, bytes, w->digest, NULL);
}

static rd_status by_tensors(struct work *w, struct rd_arena *arena, struct rd_error *err)
{
    const size_t n_in = w->graph->n_inputs;
    struct rd_tensor **out = RD_NEW_ARRAY(arena, struct rd_tensor *, w->graph->n_outputs);
    struct rd_tensor *grad[1];
    rd_status st;

    if (!out)
        return RD_FAIL(err, RD_E_MEMORY, "no memory");
    if (!strcmp(w->pass, "forward")) {
        st = rd_net_run(w->net, w->input, n_in, arena, out, err);
        if (!st)
            keep_digest(w, out[0]->data, rd_tensor_bytes(out[0]));
        return st;
    }
    st = rd_net_gradient_at(
        w->net, w->input, n_in, &w->at, 1, NULL, w->label, w->labels, arena, grad, out, err);
    if (!st)
        keep_digest(w, grad[0]->data, rd_tensor_bytes(grad[0]));
    return st;
}

static rd_status once(struct work *w, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    rd_status st;

    if (!strcmp(w->pass, "step")) {
        struct rd_run run = { .scratch = &arena, .err = err, .pool = w->pool, .seed = 1 };
        struct rd_train how = rd_train_default;
        struct rd_train_report report;
        struct rd_graph *trained;

        how.optimizer = "sgd";
        how.epochs = 1;
        how.batch = w->n;
        st = rd_net_train(&run, w->graph, &how, w->input[0]->data, w->label, NULL, w->n * STEPS,
            &arena, &trained, &report);
        if (!st)
            keep_digest(w, &report.loss, sizeof report.loss);
    } else if (rd_net_inputs(w->net) && !strcmp(w->pass, "forward")) {
        st = rd_net_forward(w->net, w->input[0]->data, w->n, w->out, err);
        if (!st)
            keep_digest(w, w->out, w->n * rd_net_outputs(w->net) * sizeof(float));
    } else if (rd_net_inputs(w->net)) {
        st = rd_net_loss_gradient(
            w->net, w->input[0]->data, w->label, w->n, w->grad, NULL, NULL, err);
        if (!st)
            keep_digest(w, w->grad, w->n * rd_net_inputs(w->net) * sizeof(float));
    } else {
        st = by_tensors(w, &arena, err);
    }
    rd_arena_release(&arena);
    return st;
}

/* --- inputs --- */

static size_t elements(const struct rd_graph_value *v)
{
    return v->weight ? rd_tensor_count(v->weight) : 0;
}

/* The smallest table that ids may index, and the output of the Gather on the largest. */
static int64_t look_for_tables(struct work *w)
{
    int64_t ids = INT64_MAX;
    size_t largest = 0;

    for (size_t i = 0; i < w->graph->n_nodes; i++) {
        const struct rd_graph_node *n = &w->graph->node[i];
        const struct rd_graph_value *v;

        if (strcmp(n->op, "Gather") != 0 || n->input[0] < 0 || rd_op_int(n, "axis", 0) != 0 ||
            w->graph->value[n->input[1]].weight)
            continue;
        v = &w->graph->value[n->input[0]];
        if (v->dtype != RD_F32 || !v->weight || v->weight->ndim != 2)
            continue;
        ids = v->weight->dim[0] < ids ? v->weight->dim[0] : ids;
        if (elements(v) > largest) {
            largest = elements(v);
            w->at = n->output[0];
        }
    }
    return ids == INT64_MAX ? 2 : ids;
}

static rd_status make_input(struct work *w, size_t i, int64_t below, const int64_t *shape,
    int n_shape, size_t copies, struct rd_arena *arena, struct rd_error *err)
{
    const struct rd_graph_value *v = &w->graph->value[w->graph->input[i]];
    struct rd_tensor *t;
    int64_t dim[RD_MAX_DIMS];
    uint32_t seed = 1;
    rd_status st;

    for (int d = 0; d < v->ndim; d++)
        dim[d] = d < n_shape ? shape[d] : v->dim[d] < 0 ? 1 : v->dim[d];
    if (v->ndim > 0)
        dim[0] *= (int64_t)copies;
    st = rd_tensor_new(arena, v->dtype, dim, v->ndim, NULL, &t, err);
    for (size_t k = 0, n = st ? 0 : rd_tensor_count(t); k < n; k++) {
        seed = seed * 1664525u + 1013904223u;
        if (v->dtype == RD_F32)
            ((float *)t->data)[k] = (float)(seed >> 8) / 16777216.0f;
        else if (v->dtype == RD_I64)
            ((int64_t *)t->data)[k] = i ? 1 : (int64_t)(seed >> 8) % below;
        else if (v->dtype == RD_I32)
            ((int32_t *)t->data)[k] = i ? 1 : (int32_t)((int64_t)(seed >> 8) % below);
    }
    w->input[i] = t;
    return st;
}

static int parse_shape(const char *text, int64_t *dim)
{
    int n = 0;

    while (*text && n < RD_MAX_DIMS) {
        char *end;

        dim[n++] = strtoll(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
        if (end == text && *end != ',')
            break;
    }
    return n;
}

/* --- figures --- */

static int report(
    struct work *w, const char *model, const char *isa, double flops, double seconds, bool json)
{
    static double wall[MOST_TURNS], used[MOST_TURNS], peak[MOST_TURNS];
    const double end = clock_of(CLOCK_MONOTONIC) + seconds;
    const size_t warm = 2;
    struct rd_error err = { 0 };
    size_t n = 0;
    double share;

    for (size_t i = 0; n < MOST_TURNS && (n < 5 || clock_of(CLOCK_MONOTONIC) < end); i++) {
        const double start = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        double before;

        if (once(w, &err)) {
            (void)fprintf(stderr, "net: %s\n", err.frame[0].text);
            return 1;
        }
        if (i < warm)
            continue;
        wall[n] = clock_of(CLOCK_MONOTONIC) - start;
        used[n] = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        before = clock_of(CLOCK_THREAD_CPUTIME_ID);
        peak[n] = bench_peak(isa, 1u << 17);
        peak[n] /= clock_of(CLOCK_THREAD_CPUTIME_ID) - before;
        n++;
    }
    if (!strcmp(w->pass, "step"))
        for (size_t i = 0; i < n; i++) {
            wall[i] /= STEPS;
            used[i] /= STEPS;
        }
    flops *= !strcmp(w->pass, "forward") ? 1 : !strcmp(w->pass, "gradient") ? 2 : 3;
    share = 100 * flops / median(used, n) / median(peak, n);
    if (json)
        (void)printf("{\"model\":\"%s\",\"pass\":\"%s\",\"isa\":\"%s\",\"threads\":%zu,"
                     "\"turns\":%zu,\"wall_ms\":%.4f,\"processor_ms\":%.4f,\"gflop\":%.4f,"
                     "\"peak_gflops\":%.1f,\"peak_percent\":%.1f,\"digest\":\"%s\"}\n",
            model, w->pass, isa, rd_pool_threads(w->pool), n, median(wall, n) * 1e3,
            median(used, n) * 1e3, flops * 1e-9, median(peak, n) * 1e-9, share, w->digest);
    else
        (void)printf("%s %s, %s, %zu threads: %.3f ms of the processor (%.3f wall), median of %zu; "
                     "%.3f GFLOP, %.1f %% of %.1f GFLOP/s; %.16s\n",
            model, w->pass, isa, rd_pool_threads(w->pool), median(used, n) * 1e3,
            median(wall, n) * 1e3, n, flops * 1e-9, share, median(peak, n) * 1e-9, w->digest);
    return 0;
}

int main(int argc, char **argv)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    const struct rd_kernels *kernels;
    struct work w = { .pass = "forward", .at = -1 };
    const char *model = NULL, *data = NULL;
    int64_t shape[RD_MAX_DIMS] = { 1 }, below;
    int n_shape = 1, status = 1;
    double seconds = 3, flops = 0;
    size_t threads = 1, copies;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;

        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--batch") && more)
            shape[0] = strtoll(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--shape") && more)
            n_shape = parse_shape(argv[++i], shape);
        else if (!strcmp(argv[i], "--input") && more)
            data = argv[++i];
        else if (!strcmp(argv[i], "--pass") && more)
            w.pass = argv[++i];
        else if (!strcmp(argv[i], "--threads") && more)
            threads = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seconds") && more)
            seconds = strtod(argv[++i], NULL);
        else
            model = argv[i];
    }
    if (!model || (strcmp(w.pass, "forward") != 0 && strcmp(w.pass, "gradient") != 0 &&
                      strcmp(w.pass, "step") != 0)) {
        (void)fprintf(stderr, "usage: net MODEL.onnx [--batch N | --shape D,...] [--input X.npy] "
                              "[--pass forward|gradient|step] [--threads N] [--seconds S] "
                              "[--json]\n");
        return 2;
    }
    if (rd_kernels_choose(&kernels, &err) || rd_pool_new(threads, &w.pool, &err) ||
        rd_graph_load(model, NULL, &arena, &w.graph, &err) ||
        rd_net_open(w.graph, w.pool, &w.net, &err))
        goto failed;
    if (!w.graph->n_inputs)
        goto out;
    copies = !strcmp(w.pass, "step") ? STEPS : 1;
    below = look_for_tables(&w);
    if (w.graph->value[w.graph->input[0]].dtype == RD_F32)
        w.at = w.graph->input[0];
    w.input = RD_NEW_ARRAY(&arena, const struct rd_tensor *, w.graph->n_inputs);
    if (!w.input)
        goto out;
    for (size_t i = 0; i < w.graph->n_inputs; i++)
        if (make_input(&w, i, below, shape, n_shape, copies, &arena, &err))
            goto failed;
    if (data) {
        struct rd_tensor *t;

        if (rd_npy_read(data, NULL, &arena, &t, &err))
            goto failed;
        w.input[0] = t;
    }
    w.n = (size_t)w.input[0]->dim[0] / copies;
    w.labels = w.n;
    w.label = RD_NEW_ARRAY(&arena, int, w.n *copies + 1);
    w.out = RD_NEW_ARRAY(&arena, float, w.n *rd_net_outputs(w.net) + 1);
    w.grad = RD_NEW_ARRAY(&arena, float, w.n *rd_net_inputs(w.net) + 1);
    if (!w.label || !w.out || !w.grad)
        goto out;
    for (size_t i = 0; i < w.n * copies; i++)
        w.label[i] = (int)(i % 2);
    if (rd_graph_flops(w.graph, (int64_t)w.n, &flops, &err))
        flops = 0; /* shapes that only running tells */
    status = report(&w, model, kernels->name, flops, seconds, json);
    goto out;
failed:
    (void)fprintf(stderr, "net: %s\n", err.frame[0].text);
out:
    rd_net_free(w.net);
    rd_pool_free(w.pool);
    rd_arena_release(&arena);
    return status;
}
