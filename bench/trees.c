/*
 * trees.c - how fast a forest answers, in processor time of one thread.
 *
 *   trees MODEL X.npy [--serve | --scores OUT.npy]
 *
 * MODEL: what rd_graph_load reads (ONNX, XGBoost JSON, LightGBM text). With --serve it reads lines
 * from standard input, "batch" (all rows at once) or "single" (one row after the other), runs each
 * and prints the microseconds a row took: so that trees.py can alternate it with other libraries.
 */
#include "base/pool.h"
#include "graph/net.h"
#include "tensor/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 15, SINGLES = 400 };

struct work {
    struct rd_net *net;
    const float *x;
    float *out;
    size_t n;
};

static double processor(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Microseconds a row; negative when it failed. */
static double once(const struct work *w, bool single)
{
    const size_t inputs = rd_net_inputs(w->net), outputs = rd_net_outputs(w->net);
    const size_t rows = single && w->n > SINGLES ? SINGLES : w->n;
    const double start = processor();

    if (!single && rd_net_forward(w->net, w->x, rows, w->out, NULL))
        return -1;
    for (size_t i = 0; single && i < rows; i++)
        if (rd_net_forward(w->net, w->x + i * inputs, 1, w->out + i * outputs, NULL))
            return -1;
    return (processor() - start) * 1e6 / (double)rows;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const struct work *w)
{
    double t[2][REPEATS];

    for (int i = -1; i < REPEATS; i++)
        for (int k = 0; k < 2; k++)
            t[k][i < 0 ? 0 : i] = once(w, k);
    for (int k = 0; k < 2; k++)
        qsort(t[k], REPEATS, sizeof t[k][0], ascending);
    (void)printf("trees: %zu rows, us a row: batch %.3f, single %.3f (medians of %d)\n", w->n,
        t[0][REPEATS / 2], t[1][REPEATS / 2], REPEATS);
}

static void serve(const struct work *w)
{
    char line[64];

    while (fgets(line, sizeof line, stdin)) {
        (void)printf("%.6f\n", once(w, !strncmp(line, "single", 6)));
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_graph *graph;
    struct rd_pool *pool = NULL;
    struct rd_tensor *x = NULL, *out = NULL;
    struct work w = { 0 };
    int status = 1;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: trees MODEL X.npy [--serve | --scores OUT.npy]\n");
        return 2;
    }
    if (rd_pool_new(1, &pool, &err) || rd_graph_load(argv[1], NULL, &arena, &graph, &err) ||
        rd_net_open(graph, pool, &w.net, &err) || rd_npy_read(argv[2], NULL, &arena, &x, &err))
        goto out;
    w.n = (size_t)x->dim[0];
    if (x->dtype != RD_F32 || x->ndim != 2 || rd_net_inputs(w.net) != (size_t)x->dim[1]) {
        (void)snprintf(err.frame[0].text, sizeof err.frame[0].text, "the rows do not fit");
        goto out;
    }
    if (rd_tensor_new(&arena, RD_F32, (int64_t[]){ x->dim[0], (int64_t)rd_net_outputs(w.net) }, 2,
            NULL, &out, &err))
        goto out;
    w.x = x->data;
    w.out = out->data;
    status = 0;
    if (argc > 3 && !strcmp(argv[3], "--serve"))
        serve(&w);
    else if (argc > 4 && !strcmp(argv[3], "--scores"))
        status = once(&w, false) < 0 || rd_npy_write(argv[4], out, &err);
    else
        report(&w);
out:
    if (status)
        (void)fprintf(stderr, "trees: %s\n", err.frame[0].text);
    rd_net_free(w.net);
    rd_pool_free(pool);
    rd_arena_release(&arena);
    return status;
}
