/* Any bytes as an evidence record: an error, or a record that writes itself the same way ever
 * after. */
#include "evidence/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct rd_limits limits = { .text_bytes = 1 << 16, .nodes = 4096, .depth = 16 };

static rd_status read_record(
    const void *data, size_t size, struct rd_arena *arena, struct rd_record *out)
{
    struct rd_error err = { 0 };
    struct rd_doc *doc;
    rd_status st = rd_doc_read_json("f", data, size, &limits, arena, &doc, &err);

    if (!st)
        st = rd_record_read(doc, arena, out, &err);
    if (st == RD_E_BUG || (st && !err.frames))
        abort();
    return st;
}

static void write_record(const struct rd_record *r, struct rd_buf *out)
{
    struct rd_json j = { .out = out };

    rd_record_write(r, &j);
    if (out->failed)
        abort();
    rd_json_release(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_arena arena = { .limit = 8 << 20 };
    struct rd_record record, again;
    struct rd_buf first = { 0 }, second = { 0 };

    if (read_record(data, size, &arena, &record))
        goto out;
    write_record(&record, &first);
    /* What was written may be larger than what was read, so a ceiling may refuse it; else it must
     * be the same. */
    if (!read_record(first.text, first.len, &arena, &again)) {
        write_record(&again, &second);
        if (first.len != second.len || memcmp(first.text, second.text, first.len))
            abort();
    }
out:
    rd_buf_release(&first);
    rd_buf_release(&second);
    rd_arena_release(&arena);
    return 0;
}
