/* Any bytes as the schema of a table; what was understood is written and read to the same text. */
#include "data/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 8 << 20 };
    struct rd_error err = { 0 };
    struct rd_schema *s = NULL, *again = NULL;
    struct rd_buf first = { .limit = 1 << 20 }, second = { .limit = 1 << 20 };
    rd_status st;

    limits.text_bytes = 1 << 16;
    st = rd_schema_parse("f", data, size, &limits, &arena, &s, &err);
    if (st == RD_E_BUG || (st == RD_OK) != (s != NULL))
        abort();
    if (!st) {
        limits = rd_limits_default;
        rd_schema_write(s, &first);
        st = rd_schema_parse("f", first.text, first.len, &limits, &arena, &again, &err);
        if (st == RD_E_INPUT && !first.failed)
            abort();
        if (!st) {
            rd_schema_write(again, &second);
            if (!first.failed && strcmp(first.text, second.text) != 0)
                abort();
        }
    }
    rd_buf_release(&first);
    rd_buf_release(&second);
    rd_arena_release(&arena);
    return 0;
}
