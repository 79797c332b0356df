/* Any text as a selector, on a small document of every kind of value. */
#include "target/protocol.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char document[] = "{\"a\":[{\"s\":[1,2]},{\"s\":[3,[4]]}],\"b\":{\"c\":null,\"d "
                                   "e\":[true]},\"f\":\"g\"}";
    struct rd_arena arena = { .limit = 1 << 20 };
    struct rd_error err = { 0 };
    struct rd_selector s;
    json_t *root, *found;
    char text[600];
    const size_t n = size < sizeof text - 1 ? size : sizeof text - 1;

    memcpy(text, data, n);
    text[n] = '\0';
    if (!rd_selector_parse(text, &arena, &s, &err)) {
        rd_status st;

        if (s.n > RD_SELECTOR_STEPS ||
            rd_json_load("it", document, sizeof document - 1, &root, &err))
            abort();
        st = rd_selector_apply(&s, root, &found, &err);
        if (st == RD_OK)
            json_decref(found);
        else if (st != RD_E_INPUT)
            abort();
        json_decref(root);
    }
    rd_arena_release(&arena);
    return 0;
}
