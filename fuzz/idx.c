/* Any bytes as a file of numbers: idx, gzip around it, and the choice between the formats. */
#include "data/idx.h"
#include "data/array.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 1 << 20 };
    struct rd_error err = { 0 };
    struct rd_tensor *t = NULL;
    rd_status st;

    limits.tensor_bytes = 1 << 16;
    limits.entries = 64;
    if (rd_idx_is(data, size))
        st = rd_idx_parse("f", data, size, &limits, &arena, &t, &err);
    else
        st = rd_array_parse("f", NULL, data, size, &limits, &arena, &t, &err);
    if (st == RD_E_BUG || (st == RD_OK) != (t != NULL))
        abort();
    rd_arena_release(&arena);
    return 0;
}
