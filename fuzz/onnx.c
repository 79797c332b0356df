/*
 * Read a model, infer its shapes, write it, read that; run it once within a small budget, node by
 * node and by the plan, and go back through it.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "graph/exec.h"
#include "graph/net.h"
#include "tensor/boxed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef RD_FUZZING
#include "protobuf_mutate.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096, ROWS = 3, ELEMENTS = 1 << 14 };
static const double WORK = 1e5, STEPS = 1e4;

/* A fault of ours that the engine has noticed itself. */
static rd_status no_bug(rd_status st, const struct rd_error *err)
{
    if (st == RD_E_BUG || (st && (!err->frames || err->status != st)))
        abort();
    return st;
}

/* A map of two words or numbers. */
static struct rd_tensor *map_for(const struct rd_graph_value *v, struct rd_arena *arena)
{
    static const int64_t two[] = { 2 };
    const enum rd_dtype value = v->item ? v->item->dtype : RD_F32;
    struct rd_boxed *box = rd_boxed_new(arena, value, 2);

    if (!box || rd_tensor_new(arena, v->key, two, 1, NULL, &box->item[0], NULL) ||
        rd_tensor_new(arena, value, two, 1, NULL, &box->item[1], NULL))
        return NULL;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < 2 && box->item[k]->dtype == RD_STRING; i++)
            ((const char **)box->item[k]->data)[i] = i ? "a" : "1";
    if (v->key == RD_I64)
        ((int64_t *)box->item[0]->data)[1] = 1;
    return rd_boxed_tensor(arena, RD_MAP, box);
}

/* A tensor for a graph input with free dims as ROWS; NULL when it would be large. */
static struct rd_tensor *input_for(const struct rd_graph_value *v, struct rd_arena *arena)
{
    const struct rd_limits small = { .tensor_bytes = ELEMENTS * sizeof(double) };
    struct rd_tensor *t;
    int64_t dim[RD_MAX_DIMS];

    if (v->dtype == RD_MAP)
        return map_for(v, arena);
    if (rd_dtype_is_boxed(v->dtype)) /* an empty one */
        return rd_boxed_tensor(
            arena, v->dtype, rd_boxed_new(arena, v->item ? v->item->dtype : RD_F32, 0));
    if (v->ndim < 0)
        return NULL;
    for (int i = 0; i < v->ndim; i++)
        dim[i] = v->dim[i] < 0 ? ROWS : v->dim[i];
    if (rd_tensor_new(arena, v->dtype, dim, v->ndim, &small, &t, NULL))
        return NULL;
    for (size_t i = 0, n = rd_tensor_count(t); i < n && (t->dtype == RD_F32 || t->dtype == RD_F64);
         i++) {
        if (t->dtype == RD_F32)
            ((float *)t->data)[i] = (float)(i % 7) / 3 - 1;
        else
            ((double *)t->data)[i] = (double)(i % 5) / 2 - 1;
    }
    for (size_t i = 0, n = rd_tensor_count(t); i < n && t->dtype == RD_STRING; i++)
        ((const char **)t->data)[i] = i % 2 ? "a" : "1";
    return t;
}

static void run(const struct rd_graph *g, struct rd_arena *arena)
{
    const struct rd_exec_limits limits = { .memory = 16 << 20, .work = WORK, .steps = STEPS };
    const struct rd_tensor **in = RD_NEW_ARRAY(arena, const struct rd_tensor *, g->n_inputs);
    struct rd_tensor **out = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_outputs);
    struct rd_tensor **grad = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_values);
    const struct rd_tensor **cot = RD_NEW_ARRAY(arena, const struct rd_tensor *, g->n_outputs);
    struct rd_error err = { 0 };
    struct rd_exec_pass *pass;
    struct rd_exec *exec;

    for (size_t i = 0; i < g->n_inputs; i++) {
        in[i] = input_for(&g->value[g->input[i]], arena);
        if (!in[i])
            return;
    }
    if (no_bug(rd_exec_open(g, NULL, &limits, &exec, &err), &err))
        return;
    if (!no_bug(rd_exec_keep(exec, in, g->n_inputs, arena, &pass, out, &err), &err) &&
        (out[0]->dtype == RD_F32 || out[0]->dtype == RD_F64)) {
        cot[0] = out[0]; /* any values will do */
        (void)no_bug(rd_exec_back(exec, pass, cot, NULL, arena, grad, &err), &err);
    }
    rd_exec_free(exec);
}

/* What ROWS rows cost: operations, and elements that are only moved. */
static bool cheap(const struct rd_graph *g, struct rd_arena *arena)
{
    struct rd_tensor *shape;
    double flops;

    if (rd_graph_flops(g, ROWS, &flops, NULL) || rd_graph_shapes(g, ROWS, arena, &shape, NULL))
        return false;
    for (size_t v = 0; v < g->n_values; v++)
        if (shape[v].ndim >= 0 && !g->value[v].weight)
            flops += (double)rd_tensor_count(&shape[v]);
    return flops < WORK;
}

/* The fast way, where it is cheap. A row's answer is the same alone and among others. */
static void run_net(const struct rd_graph *g, struct rd_arena *arena)
{
    struct rd_error err = { 0 };
    struct rd_net *net;

    if (no_bug(rd_net_open(g, NULL, &net, &err), &err))
        return;
    if (rd_net_inputs(net) && rd_net_inputs(net) < ELEMENTS && rd_net_outputs(net) < ELEMENTS &&
        cheap(g, arena)) {
        const size_t inputs = rd_net_inputs(net), outputs = rd_net_outputs(net);
        float *x = RD_NEW_ARRAY(arena, float, ROWS *inputs);
        float *y = RD_NEW_ARRAY(arena, float, ROWS *outputs);
        float *d = RD_NEW_ARRAY(arena, float, ROWS *inputs);
        float *alone = RD_NEW_ARRAY(arena, float, outputs);

        for (size_t i = 0; i < ROWS * inputs; i++)
            x[i] = (float)(i % 7) / 3 - 1;
        if (!no_bug(rd_net_forward(net, x, ROWS, y, &err), &err)) {
            if (rd_net_rows_follow(net) &&
                !no_bug(rd_net_forward(net, x + (ROWS - 1) * inputs, 1, alone, &err), &err) &&
                memcmp(alone, y + (ROWS - 1) * outputs, outputs * sizeof(*y)))
                abort();
            if (!rd_net_not_differentiable(net))
                (void)no_bug(rd_net_vjp(net, x, y, ROWS, d, &err), &err);
        }
    }
    rd_net_free(net);
}

/* The same bytes as a value of test data. */
static void read_values(const uint8_t *data, size_t size, const struct rd_limits *limits)
{
    static const enum rd_dtype kind[] = { RD_SEQUENCE, RD_OPTIONAL, RD_MAP, RD_F32 };

    for (size_t i = 0; i < sizeof(kind) / sizeof(*kind); i++) {
        const struct rd_graph_value like = { .dtype = kind[i] };
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_tensor *t;
        char text[80];

        if (!rd_graph_value_parse("fuzz", data, size, &like, limits, &arena, &t, NULL) &&
            (!rd_tensor_copy(&arena, t) || !*rd_boxed_type_text(t, text, sizeof(text))))
            abort();
        rd_arena_release(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf bytes = { 0 }, again = { 0 };
    struct rd_graph *g, *copy;
    struct rd_error err = { .status = RD_OK };

    if (size > LARGEST)
        return 0;
    limits.memory_bytes = 64 << 20;
    limits.tensor_bytes = 16 << 20;
    read_values(data, size, &limits);
    if (rd_graph_parse("fuzz", NULL, data, size, &limits, &arena, &g, &err)) {
        if (!err.frames || err.status == RD_E_BUG)
            abort(); /* every refusal says why */
        goto out;
    }
    if (rd_graph_bytes(g, &bytes, NULL))
        abort();
    if (rd_graph_parse("again", NULL, bytes.text, bytes.len, &limits, &arena, &copy, NULL) ||
        rd_graph_bytes(copy, &again, NULL) || again.len != bytes.len ||
        memcmp(again.text, bytes.text, bytes.len))
        abort(); /* what we write we read, and it is canonical */
    run(g, &arena);
    run_net(g, &arena);
out:
    rd_buf_release(&bytes);
    rd_buf_release(&again);
    rd_arena_release(&arena);
    return 0;
}
