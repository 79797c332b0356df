/* Any bytes as a request to `redoubt model serve`; the first byte chooses the protocol. */
#include "cli/serve.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dim[] = { 2, 2 };
    static const struct rd_served model = { "x", "y", dim, 2, 4, 3, false };
    static const float score[3 * 64];
    struct rd_arena arena = { .limit = 1 << 22 };
    struct rd_error err = { 0 };
    struct rd_serve_request q = { 0 };
    const enum rd_serve_protocol protocol = size ? data[0] % 3 : 0;
    struct rd_buf out = { 0 };
    rd_status st = rd_serve_read(
        protocol, &model, (const char *)data + 1, size ? size - 1 : 0, &arena, &q, &err);

    if (st == RD_E_BUG || (!st && !q.n))
        abort();
    for (size_t i = 0; !st && i < 4 * q.n; i++)
        if (!isfinite(q.x[i]))
            abort();
    if (!st && q.n <= 64)
        rd_serve_write(protocol, &model, "m", &q, score, &out);
    if (out.failed)
        abort();
    rd_buf_release(&out);
    rd_arena_release(&arena);
    return 0;
}
