/* Any bytes as a table: cells, the inferred schema, rows; the schema that was written gives the
 * same rows again. */
#include "data/table.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_USED = 1024 };

struct reading {
    struct rd_dataset d;
    struct rd_schema *schema;
    int *label;
};

static rd_status encode(const struct rd_csv *csv, const struct rd_schema *declared,
    const struct rd_limits *limits, struct rd_arena *arena, struct reading *r, struct rd_error *err)
{
    const struct rd_dataset_source source = {
        .path = "f", .scale = 1, .column_scale = declared ? NULL : "standard"
    };
    struct rd_notes notes = { .arena = arena };
    struct rd_schema *schema = NULL;
    struct rd_table t;
    rd_status st = RD_OK;

    if (!declared)
        st = rd_table_infer(csv, &source, arena, &schema, &notes, err);
    if (!st)
        st = rd_table_bind(csv, &source, declared ? declared : schema, arena, &t, &notes, err);
    if (!st)
        st = rd_table_label(&t, arena, &r->label, &notes, err);
    if (!st)
        st = rd_table_learn(&t, NULL, t.rows, arena, &notes, err);
    if (!st) {
        r->d.n = t.rows;
        st = rd_table_encode(&t, NULL, limits, arena, &r->d, &notes, err);
        r->schema = t.schema;
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = { .limit = 16 << 20 };
    struct reading first = { 0 }, second = { 0 };
    struct rd_error err = { 0 };
    struct rd_csv *csv = NULL;
    struct rd_schema *read = NULL;
    struct rd_buf text = { .limit = 1 << 20 };
    rd_status st;

    if (size > SIZE_USED) /* more of the same finds no more, slower */
        return 0;
    limits.tensor_bytes = 1 << 20;
    limits.memory_bytes = 4 << 20;
    st = rd_csv_parse("f", data, size, 0, &limits, &arena, &csv, &err);
    if (st == RD_E_BUG || (st == RD_OK) != (csv != NULL))
        abort();
    if (!st)
        st = encode(csv, NULL, &limits, &arena, &first, &err);
    if (st == RD_E_BUG)
        abort();
    if (!st)
        rd_schema_write(first.schema, &text);
    /* Reading YAML costs more than all the rest: every fourth input pays for it. */
    if (!st && !text.failed && (data[size - 1] ^ size) % 4 == 0) {
        if (rd_schema_parse("s", text.text, text.len, &limits, &arena, &read, &err) == RD_OK) {
            st = encode(csv, read, &limits, &arena, &second, &err);
            if (st == RD_OK &&
                (second.d.width != first.d.width ||
                    memcmp(second.d.x, first.d.x, first.d.n * first.d.width * sizeof(float)) != 0))
                abort();
            if (st != RD_OK && st != RD_E_MEMORY)
                abort();
        } else if (err.status == RD_E_INPUT) {
            abort();
        }
    }
    rd_buf_release(&text);
    rd_arena_release(&arena);
    return 0;
}
