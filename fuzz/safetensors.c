/* Any bytes as the weights of a small graph: another graph or an error that says why. */
#include "graph/safetensors.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rd_graph_spec layers[] = { { .kind = RD_LAYER_DENSE, .out = 1 },
        { .kind = RD_LAYER_END } };
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { .status = RD_OK };
    struct rd_weights_report report;
    struct rd_graph *g, *with = NULL;
    rd_status st;

    limits.memory_bytes = 16 << 20;
    limits.nodes = 1 << 14;
    if (rd_graph_build(layers, (int64_t[]){ 2 }, 1, &arena, &g, NULL))
        abort();
    st = rd_graph_weights_parse(g, "f", data, size, &limits, &arena, &with, &report, &err);
    if ((st && (!err.frames || st == RD_E_BUG)) || (!st && (!with || !report.n_used)))
        abort();
    rd_arena_release(&arena);
    return 0;
}
