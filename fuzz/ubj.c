/* Any bytes as UBJ: JSON text or an error; what is skipped is checked all the same. */
#include "graph/ubj.h"
#include "base/doc.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rd_limits limits = { .text_bytes = 1 << 20, .nodes = 1 << 16, .depth = 16 };
    static const char *const skip[] = { "a", "base_weights", NULL };
    struct rd_arena arena = { .limit = 16 << 20 };
    struct rd_error err = { .status = RD_OK };
    struct rd_buf text = { 0 }, less = { 0 };
    struct rd_doc *doc;
    const rd_status st = rd_ubj_to_json(data, size, NULL, &limits, &text, &err);

    if (st && (!err.frames || st == RD_E_BUG))
        abort();
    if (!st && rd_ubj_to_json(data, size, skip, &limits, &less, NULL))
        abort();
    if (!st) /* keys twice, bytes that are no UTF-8 are its errors */
        (void)rd_doc_read_json("f", text.text, text.len, &limits, &arena, &doc, NULL);
    rd_buf_release(&text);
    rd_buf_release(&less);
    rd_arena_release(&arena);
    return 0;
}
