/*
 * doc_target.h - what both readers of documents promise: a tree or an error, and a tree that holds
 * together. The target names its reader in READ before it includes this.
 */
#include "base/doc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Touches all of a tree: lengths, positions, keys that are found again. */
static void walk(const struct rd_doc *d, size_t depth)
{
    double real;
    int64_t whole;
    bool truth;

    if (depth > 16 || d->line < 1 || d->column < 1)
        abort();
    if (d->kind == RD_DOC_SCALAR && strlen(d->text) != d->text_len)
        abort();
    if (d->kind == RD_DOC_SCALAR && d->n)
        abort();
    (void)rd_doc_real(d, &real);
    (void)rd_doc_int(d, &whole);
    (void)rd_doc_bool(d, &truth);
    for (size_t i = 0; i < d->n; i++) {
        const struct rd_doc *item = &d->item[i];
        if ((d->kind == RD_DOC_MAP) != (item->key != NULL))
            abort();
        if (item->key && rd_doc_get(d, item->key) != item)
            abort();
        walk(item, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rd_limits limits = { .text_bytes = 1 << 16, .nodes = 4096, .depth = 16 };
    struct rd_arena arena = { .limit = 4 << 20 };
    struct rd_error err = { 0 };
    struct rd_doc *doc = NULL;
    const rd_status st = READ("f", data, size, &limits, &arena, &doc, &err);

    if (st == RD_E_BUG || (st == RD_OK) != (doc != NULL) || (st && err.frames == 0))
        abort();
    if (!st)
        walk(doc, 0);
    rd_arena_release(&arena);
    return 0;
}
