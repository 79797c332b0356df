/*
 * engine.c - how fast the engine answers, differentiates and trains a net of rows, against what
 * this processor could. The gradient counts as two forward passes, a training step as three.
 *
 *   engine MODEL.onnx [X.npy] [--threads N] [--batch N] [--serve]
 *
 * Without --serve: measures the fused multiply-add peak and the net in turns and prints medians.
 * With --serve it takes orders, a line each, and answers each with a line, so that bench/engine can
 * alternate it with other engines in the same minutes:
 *   peak                        GFLOP/s by wall-clock and by processor time
 *   forward | gradient | train  milliseconds of one, by wall-clock and by processor time
 *   save forward|gradient FILE  what it computes, as raw float32
 *   save train FILE             the loss of the fourth of some steps of SGD
 *   work                        millions of operations of a forward pass of the batch
 *   memory                      MiB: the most this process has held; what the weights take
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
#include <sys/resource.h>
#include <time.h>

enum {
    BATCH = 256,
    BATCH_MAX = 1 << 16,
    REPEATS = 41,
    REPEATS_LEAST = 5,
    SECONDS = 12,
    TRAIN_STEPS = 4
};

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
    float loss;   /* of the last step of a training */
};

static rd_status peak_chunk(void *user, size_t chunk, size_t worker)
{
    const struct work *w = user;

    (void)chunk;
    (void)worker;
    (void)bench_peak(w->isa, 1u << 18);
    return RD_OK;
}

struct clocks {
    double wall, processor; /* seconds; the processor's of all threads */
};

static struct clocks read_clocks(void)
{
    return (struct clocks){ now(), clock_of(CLOCK_PROCESS_CPUTIME_ID) };
}

/* When each step of a training began. */
struct steps {
    struct clocks at[TRAIN_STEPS + 1];
    size_t n;
};

static bool note_step(void *user, const char *what, size_t done, size_t total)
{
    struct steps *s = user;

    (void)what;
    (void)done;
    (void)total;
    if (s->n <= TRAIN_STEPS)
        s->at[s->n++] = read_clocks();
    return true;
}

/* One step of plain SGD: the fastest of the later ones of a short training, whose set-up does not
 * count. */
static rd_status train(struct work *w, struct clocks *took, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT, arena = RD_ARENA_INIT;
    struct steps steps = { .n = 0 };
    struct rd_run run = {
        .scratch = &scratch, .err = err, .pool = w->pool, .step = note_step, .user = &steps
    };
    struct rd_train how = rd_train_default;
    struct rd_train_report report = { 0 };
    struct rd_graph *trained;
    rd_status st;

    how.optimizer = "sgd";
    how.schedule = "constant";
    how.lr = 1e-3;
    how.momentum = 0;
    how.epochs = TRAIN_STEPS;
    how.batch = w->n;
    st = rd_net_train(
        &run, rd_net_graph(w->net), &how, w->x, w->label, NULL, w->n, &arena, &trained, &report);
    w->loss = (float)report.loss;
    for (size_t i = 1; i < TRAIN_STEPS && !st; i++) {
        const double wall = steps.at[i + 1].wall - steps.at[i].wall;
        const double processor = steps.at[i + 1].processor - steps.at[i].processor;

        if (i == 1 || wall < took->wall)
            took->wall = wall;
        if (i == 1 || processor < took->processor)
            took->processor = processor;
    }
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
    return st;
}

/* One run of what; false: failed, and said why. */
static bool once(struct work *w, const char *what, struct clocks *took)
{
    const struct clocks start = read_clocks();
    struct rd_error err = { 0 };
    rd_status st = RD_OK;
    struct clocks end;

    if (strcmp(what, "peak") == 0)
        st = rd_pool_run(w->pool, rd_pool_threads(w->pool), peak_chunk, w);
    else if (strcmp(what, "forward") == 0)
        st = rd_net_forward(w->net, w->x, w->n, w->out, &err);
    else if (strcmp(what, "gradient") == 0)
        st = rd_net_loss_gradient(w->net, w->x, w->label, w->n, w->grad, NULL, NULL, &err);
    else if (strcmp(what, "train") == 0)
        st = train(w, took, &err);
    else
        st = RD_FAIL(&err, RD_E_USAGE, "'%.20s' is no order", what);
    if (st) {
        (void)fprintf(stderr, "engine: %s\n", err.frame[0].text);
        return false;
    }
    end = read_clocks();
    if (strcmp(what, "train") != 0)
        *took = (struct clocks){ end.wall - start.wall, end.processor - start.processor };
    return true;
}

static double peak_flops(const struct work *w)
{
    return bench_peak(w->isa, 1) * (double)(1u << 18) * (double)rd_pool_threads(w->pool);
}

static bool save(struct work *w, char *order)
{
    const bool forward = strncmp(order, "forward ", 8) == 0;
    const bool training = strncmp(order, "train ", 6) == 0;
    const float *from = forward ? w->out : training ? &w->loss : w->grad;
    const size_t n =
        training ? 1 : w->n * (forward ? rd_net_outputs(w->net) : rd_net_inputs(w->net));
    char *path = strchr(order, ' ');
    struct clocks took;
    FILE *f;
    bool good;

    if (!path)
        return false;
    *path++ = '\0';
    f = once(w, order, &took) ? fopen(path, "wb") : NULL;
    if (!f)
        return false;
    good = fwrite(from, sizeof *from, n, f) == n;
    return fclose(f) == 0 && good;
}

static double weights_mib(const struct rd_graph *g)
{
    size_t bytes = 0;

    for (size_t i = 0; i < g->n_values; i++)
        if (g->value[i].weight)
            bytes += rd_tensor_bytes(g->value[i].weight);
    return (double)bytes / 1048576;
}

static int serve(struct work *w)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin)) {
        struct clocks took = { 0 };
        struct rusage use;

        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "work") == 0)
            (void)printf("%.6f\n", w->flops * (double)w->n * 1e-6);
        else if (strcmp(line, "memory") == 0 && getrusage(RUSAGE_SELF, &use) == 0)
            (void)printf(
                "%.1f %.1f\n", (double)use.ru_maxrss / 1024, weights_mib(rd_net_graph(w->net)));
        else if (strncmp(line, "save ", 5) == 0)
            (void)puts(save(w, line + 5) ? "saved" : "failed");
        else if (!once(w, line, &took))
            (void)puts("failed");
        else if (strcmp(line, "peak") == 0)
            (void)printf("%.3f %.3f\n", peak_flops(w) / took.wall * 1e-9,
                peak_flops(w) * (double)rd_pool_threads(w->pool) / took.processor * 1e-9);
        else
            (void)printf("%.6f %.6f\n", took.wall * 1e3, took.processor * 1e3);
        (void)fflush(stdout);
    }
    return 0;
}

static int report(struct work *w)
{
    static const char *const what[] = { "peak", "forward", "gradient" };
    static const char *const name[] = { "multiply-add peak", "forward",
        "forward and input gradient" };
    const double threads = (double)rd_pool_threads(w->pool);
    double wall[3][REPEATS], processor[3][REPEATS];
    const double flops[3] = { peak_flops(w), w->flops * (double)w->n, 2 * w->flops * (double)w->n };
    double top[2] = { 0 }, start = 0;
    size_t turns = 0;

    for (int i = -2; i < REPEATS; i++) { /* two to warm up; large nets get fewer turns */
        start = i == 0 ? now() : start;
        if (i >= REPEATS_LEAST && now() - start > SECONDS)
            break;
        turns = i < 0 ? 0 : (size_t)i + 1;
        for (int k = 0; k < 3; k++) {
            struct clocks took;

            if (!once(w, what[k], &took))
                return 1;
            wall[k][i < 0 ? 0 : i] = took.wall;
            processor[k][i < 0 ? 0 : i] = took.processor;
        }
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
    size_t threads = 1, inputs;
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
            stderr, "usage: engine MODEL.onnx [X.npy] [--batch N] [--threads N] [--serve]\n");
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
    inputs = rd_net_inputs(w.net);
    rows = rd_arena_alloc(&arena, w.n, inputs * sizeof *rows);
    label = RD_NEW_ARRAY(&arena, int, w.n);
    w.out = rd_arena_alloc(&arena, w.n, rd_net_outputs(w.net) * sizeof *w.out);
    w.grad = rd_arena_alloc(&arena, w.n, inputs * sizeof *w.grad);
    if (!rows || !label || !w.out || !w.grad || !inputs)
        goto out;
    if (x && x->dtype == RD_F32 && rd_tensor_count(x) >= w.n * inputs)
        memcpy(rows, x->data, w.n * inputs * sizeof *rows);
    else
        for (size_t i = 0; i < w.n * inputs; i++)
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
