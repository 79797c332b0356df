/* Any bytes as an archive: every entry that is listed is read or refused, and no name leaves it. */
#include "base/zip.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 16 << 20 };
    struct rd_error err = { 0 };
    struct rd_zip *zip = NULL;
    const rd_status st = rd_zip_open("f", data, size, &limits, &arena, &zip, &err);

    if (st == RD_E_BUG || (st == RD_OK) != (zip != NULL))
        abort();
    for (size_t i = 0; !st && i < zip->n; i++) {
        const struct rd_zip_entry *e = &zip->entry[i];
        struct rd_bytes out = { NULL, 0 };

        if (!rd_path_stays_inside(e->name) || strchr(e->name, '\\') ||
            rd_zip_find(zip, e->name) != e)
            abort();
        if (rd_zip_read(zip, e, 1 << 20, &limits, &arena, &out, &err) == RD_OK &&
            out.size != e->size)
            abort();
    }
    rd_arena_release(&arena);
    return 0;
}
