/* arena.h - memory and foreign handles that live and die together. */
#ifndef RD_BASE_ARENA_H
#define RD_BASE_ARENA_H

#include <stddef.h>

/* Not thread-safe: one arena belongs to one thread. A zeroed struct is an empty arena. */
struct rd_arena {
    struct rd_arena_block *blocks; /* newest first */
    struct rd_arena_guard *guards; /* newest first */
    size_t limit, used;            /* bytes; limit 0 means none */
};

#define RD_ARENA_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }

/* Zeroed, 64-byte aligned; NULL when memory or the arena's limit runs out, or count*size overflows.
 */
void *rd_arena_alloc(struct rd_arena *a, size_t count, size_t size);
/* Packed copies (8-byte aligned) of text; NULL as above. */
char *rd_arena_strdup(struct rd_arena *a, const char *text);
char *rd_arena_strndup(struct rd_arena *a, const char *text, size_t len);
char *rd_arena_printf(struct rd_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Have fn(obj) run when the arena is released: for FILE, SQLite, EVP handles. -1 when memory ran
 * out. */
int rd_arena_guard(struct rd_arena *a, void (*fn)(void *), void *obj);
/* Run the guards newest first, free everything; the arena is then empty and usable again. */
void rd_arena_release(struct rd_arena *a);

#define RD_NEW(arena, type) ((type *)rd_arena_alloc((arena), 1, sizeof(type)))
#define RD_NEW_ARRAY(arena, type, n) ((type *)rd_arena_alloc((arena), (n), sizeof(type)))

#endif
