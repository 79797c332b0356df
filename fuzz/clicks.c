/* Any bytes as a click stream; what is read keeps its numbers below its counts. */
#include "data/clicks.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 1 << 20 };
    struct rd_error err = { 0 };
    struct rd_clicks c = { 0 };
    rd_status st;

    limits.tensor_bytes = 1 << 16;
    st = rd_clicks_parse("f", data, size, &limits, &arena, &c, &err);
    if (st == RD_E_BUG)
        abort();
    for (size_t i = 0; !st && i < c.n; i++)
        if (c.item[i].user < 0 || (size_t)c.item[i].user >= c.n_users || c.item[i].item < 0 ||
            (size_t)c.item[i].item >= c.n_items || !(c.item[i].weight > 0))
            abort();
    rd_arena_release(&arena);
    return 0;
}
