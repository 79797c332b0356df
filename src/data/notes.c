/* notes.c - sentences that gather while something is read. */
#include "data/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NOTES_MAX = 256, NOTE_BYTES = 512 };

void rd_notes_add(struct rd_notes *notes, const char *fmt, ...)
{
    char text[NOTE_BYTES];
    va_list ap;

    if (notes->n == NOTES_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (notes->n == notes->cap) {
        const size_t cap = notes->cap ? 2 * notes->cap : 8;
        const char **item = RD_NEW_ARRAY(notes->arena, const char *, cap);

        if (!item) {
            notes->failed = true;
            return;
        }
        if (notes->n)
            memcpy(item, notes->item, notes->n * sizeof *item);
        notes->item = item;
        notes->cap = cap;
    }
    notes->item[notes->n] = rd_arena_strdup(notes->arena, text);
    if (!notes->item[notes->n])
        notes->failed = true;
    else
        notes->n++;
}
