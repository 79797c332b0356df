/* notes.h - what a reader decided on its own, one sentence each, for the user to see. */
#ifndef RD_DATA_NOTES_H
#define RD_DATA_NOTES_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

struct rd_notes {
    struct rd_arena *arena;
    const char **item; /* (n) */
    size_t n, cap;
    bool failed; /* memory ran out */
};

/* Text from outside goes through rd_text_safe_in first. After 256 notes no more are kept. */
void rd_notes_add(struct rd_notes *notes, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
