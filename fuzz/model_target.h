/*
 * model_target.h - what every reader of models promises: a graph or an error that says why, and a
 * graph that can be written, read again, and run on a row. Included by the targets of the readers;
 * the first bytes choose which one reads.
 */
#include "base/buf.h"
#include "graph/graph.h"
#include "graph/net.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 14, WIDEST = 1 << 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { .status = RD_OK };
    struct rd_buf bytes = { 0 };
    struct rd_graph *g, *again;
    struct rd_net *net;

    if (size > LARGEST)
        return 0;
    limits.memory_bytes = 64 << 20;
    limits.tensor_bytes = 16 << 20;
    if (rd_graph_parse("fuzz", NULL, data, size, &limits, &arena, &g, &err)) {
        if (!err.frames || err.status == RD_E_BUG)
            abort();
    } else if (rd_graph_bytes(g, &bytes, NULL) ||
               rd_graph_parse("again", NULL, bytes.text, bytes.len, NULL, &arena, &again, NULL)) {
        abort();
    } else if (!rd_net_open(g, NULL, &net, NULL)) {
        if (rd_net_inputs(net) <= WIDEST && rd_net_outputs(net) <= WIDEST) {
            float *x = RD_NEW_ARRAY(&arena, float, rd_net_inputs(net) + 1);
            float *y = RD_NEW_ARRAY(&arena, float, rd_net_outputs(net) + 1);

            (void)rd_net_forward(net, x, 1, y, NULL);
        }
        rd_net_free(net);
    }
    rd_buf_release(&bytes);
    rd_arena_release(&arena);
    return 0;
}
