/*
 * engine.c - how fast the engine answers and differentiates a net of rows, against what this
 * processor could. The gradient counts as two forward passes.
 *
 *   engine MODEL.onnx [X.npy] [--threads N] [--batch N] [--serve]
 *
 * Without --serve: measures the fused multiply-add peak and the net in turns and prints medians.
 * With --serve it reads lines from standard input, "peak", "forward" or "gradient", runs each once
 * and prints its milliseconds: so that engine_torch.py can alternate it with PyTorch in the same
 * minutes.
 */
#include "base/alloc.h"
#include "base/pool.h"
#include "bench/peak.h"
#include "graph/net.h"
#include "tensor/kernel.h"
#include "tensor/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256, BATCH_MAX = 4096, REPEATS = 41, REPEATS_LEAST = 5, SECONDS = 12 };

static double clock_of(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void)
{
    return clock_of(CLOCK_MONOTONIC);
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

struct work {
    struct rd_pool *pool;
    struct rd_net *net;
    const char *isa;
    const float *x;
    const int *label;
    float *out, *grad;
    size_t n;
    double flops; /* of one example, forward: 2 a multiply-add */
};

static rd_status peak_chunk(void *user, size_t chunk, size_t worker)
{
    const struct work *w = user;

    (void)chunk;
    (void)worker;
    (void)bench_peak(w->isa, 1u << 18);
    return RD_OK;
}

/* Seconds of one run of what; for "peak" GFLOP/s. Negative: failed. */
static double once(struct work *w, const char *what)
{
    const double start = now();
    struct rd_error err = { 0 };
    rd_status st;

    if (strcmp(what, "peak") == 0) {
        const size_t threads = rd_pool_threads(w->pool);
        double flops;

        (void)rd_pool_run(w->pool, threads, peak_chunk, w);
        flops = now() - start;
        return bench_peak(w->isa, 1) * (double)(1u << 18) * (double)threads / flops * 1e-9;
    }
    if (strcmp(what, "forward") == 0)
        st = rd_net_forward(w->net, w->x, w->n, w->out, &err);
    else
        st = rd_net_loss_gradient(w->net, w->x, w->label, w->n, w->grad, NULL, NULL, &err);
    if (st) {
        (void)fprintf(stderr, "engine: %s\n", err.frame[0].text);
        return -1;
    }
    return now() - start;
}

static int serve(struct work *w)
{
    char line[64];

    while (fgets(line, sizeof line, stdin)) {
        double t;

        line[strcspn(line, "\n")] = '\0';
        t = once(w, line);
        (void)printf("%.6f\n", strcmp(line, "peak") == 0 ? t : t * 1e3);
        (void)fflush(stdout);
    }
    return 0;
}

/* One run of what, in wall-clock and in processor seconds of all threads. */
static bool sample(struct work *w, const char *what, double *wall, double *processor)
{
    const double start = now(), used = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    const double got = once(w, what);

    *wall = now() - start;
    *processor = clock_of(CLOCK_PROCESS_CPUTIME_ID) - used;
    return got >= 0;
}

static int report(struct work *w)
{
    static const char *const what[] = { "peak", "forward", "gradient" };
    static const char *const name[] = { "multiply-add peak", "forward",
        "forward and input gradient" };
    const double threads = (double)rd_pool_threads(w->pool);
    double wall[3][REPEATS], processor[3][REPEATS];
    double flops[3] = { bench_peak(w->isa, 1) * (double)(1u << 18) * threads,
        w->flops * (double)w->n, 2 * w->flops * (double)w->n };
    double top[2] = { 0 }, start = 0;
    size_t turns = 0;

    for (int i = -2; i < REPEATS; i++) { /* two to warm up; large nets get fewer turns */
        start = i == 0 ? now() : start;
        if (i >= REPEATS_LEAST && now() - start > SECONDS)
            break;
        turns = i < 0 ? 0 : (size_t)i + 1;
        for (int k = 0; k < 3; k++)
            if (!sample(w, what[k], &wall[k][i < 0 ? 0 : i], &processor[k][i < 0 ? 0 : i]))
                return 1;
    }
    (void)printf("engine: %zu thread%s, %s, batch %zu, medians of %zu\n", rd_pool_threads(w->pool),
        threads > 1 ? "s" : "", w->isa, w->n, turns);
    for (int k = 0; k < 3; k++) {
        /* flops a second of the clock, and of the processors: the second holds on a busy machine
         * too */
        const double t = median(wall[k], turns);
        const double speed[] = { flops[k] / t, flops[k] * threads / median(processor[k], turns) };

        if (k == 0) {
            top[0] = speed[0];
            top[1] = speed[1];
            (void)printf("  %-27s %8.1f GFLOP/s (%.1f by processor time)\n", name[k], top[0] * 1e-9,
                top[1] * 1e-9);
        } else
            (void)printf("  %-27s %8.3f ms  %5.1f %% of the peak (%.1f %% by processor time)\n",
                name[k], t * 1e3, 100 * speed[0] / top[0], 100 * speed[1] / top[1]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_graph *graph;
    const struct rd_kernels *kernels;
    struct work w = { .n = BATCH };
    const char *model = NULL, *data = NULL;
    size_t threads = 1;
    bool serving = false;
    struct rd_tensor *x = NULL;
    float *rows;
    int *label, status = 1;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--serve") == 0)
            serving = true;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = (size_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
            w.n = (size_t)strtoul(argv[++i], NULL, 10);
        else if (!model)
            model = argv[i];
        else
            data = argv[i];
    if (!model || !w.n || w.n > BATCH_MAX) {
        (void)fprintf(
            stderr, "usage: engine MODEL.onnx [X.npy] [--threads N] [--batch N] [--serve]\n");
        return 2;
    }
    if (rd_kernels_choose(&kernels, &err) || rd_pool_new(threads, &w.pool, &err) ||
        rd_graph_load(model, NULL, &arena, &graph, &err) ||
        rd_net_open(graph, w.pool, &w.net, &err) || rd_graph_flops(graph, 1, &w.flops, &err) ||
        (data && rd_npy_read(data, NULL, &arena, &x, &err))) {
        (void)fprintf(stderr, "engine: %s\n", err.frame[0].text);
        goto out;
    }
    w.isa = kernels->name;
    rows = RD_NEW_ARRAY(&arena, float, w.n *rd_net_inputs(w.net));
    label = RD_NEW_ARRAY(&arena, int, w.n);
    w.out = RD_NEW_ARRAY(&arena, float, w.n *rd_net_outputs(w.net));
    w.grad = RD_NEW_ARRAY(&arena, float, w.n *rd_net_inputs(w.net));
    if (!rows || !label || !w.out || !w.grad || !rd_net_inputs(w.net))
        goto out;
    if (x && x->dtype == RD_F32 && rd_tensor_count(x) >= w.n * rd_net_inputs(w.net))
        memcpy(rows, x->data, w.n * rd_net_inputs(w.net) * sizeof *rows);
    else
        for (size_t i = 0; i < w.n * rd_net_inputs(w.net); i++)
            rows[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 65536.0f;
    for (size_t i = 0; i < w.n; i++)
        label[i] = (int)(i % (rd_net_outputs(w.net) < 10 ? rd_net_outputs(w.net) : 10));
    w.x = rows;
    w.label = label;
    status = serving ? serve(&w) : report(&w);
out:
    rd_net_free(w.net);
    rd_pool_free(w.pool);
    rd_arena_release(&arena);
    return status;
}
