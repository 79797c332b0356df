/* Any bytes as .npy or, when they begin like a zip archive, as .npz. */
#include "tensor/npy.h"
#include "base/zip.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 1 << 22 };
    struct rd_error err = { 0 };
    struct rd_tensor *t = NULL;
    rd_status st;

    limits.tensor_bytes = 1 << 16;
    limits.entries = 64;
    if (rd_zip_is(data, size)) {
        struct rd_zip *zip = NULL;
        struct rd_bytes b;
        if (rd_zip_open("f", data, size, &limits, &arena, &zip, &err) == RD_OK) {
            for (size_t i = 0; i < zip->n; i++) {
                if (rd_zip_find(zip, zip->entry[i].name) != &zip->entry[i])
                    abort();
                (void)rd_zip_read(zip, &zip->entry[i], 1 << 16, &limits, &arena, &b, &err);
            }
        }
        st = rd_npz_parse("f", size % 2 ? "x" : NULL, data, size, &limits, &arena, &t, &err);
    } else {
        st = rd_npy_parse("f", data, size, &limits, &arena, &t, &err);
    }
    if (st == RD_E_BUG || (st == RD_OK) != (t != NULL))
        abort();
    if (t && rd_tensor_bytes(t) > 1 << 16)
        abort();
    rd_arena_release(&arena);
    return 0;
}
