/* Any bytes as a PNG or JPEG: pixels that are there, or an error. */
#include "data/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 4 << 20 };
    struct rd_error err = { 0 };
    struct rd_image m = { 0 };
    const rd_status st = rd_image_decode("f", data, size, &limits, &arena, &m, &err);

    if (st == RD_E_BUG || (st == RD_OK) != (m.pixel != NULL))
        abort();
    if (!st) {
        const unsigned char *p = m.pixel;
        const size_t n = m.width * m.height * m.channels * m.bytes;
        unsigned sum = 0;

        if ((m.channels != 1 && m.channels != 3) || m.bytes < 1 || m.bytes > 2)
            abort();
        for (size_t i = 0; i < n; i++)
            sum += p[i];
        if (sum > 255u * n)
            abort();
    }
    rd_arena_release(&arena);
    return 0;
}
