#include "base/arena.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define MAPS 1
#include <sys/mman.h>
#else
#define MAPS 0
#endif

enum { ALIGN = 64, TEXT_ALIGN = 8, BLOCK = 1 << 16, HUGE_PAGE = 1 << 21 };

struct rd_arena_block {
    struct rd_arena_block *next;
    size_t used, size;
    void *map; /* where its mapping begins; NULL: it is of rd_alloc */
    size_t map_size;
};
struct rd_arena_guard {
    struct rd_arena_guard *next;
    void (*fn)(void *);
    void *obj;
};

static unsigned char *payload(struct rd_arena_block *b)
{
    const uintptr_t p = (uintptr_t)(b + 1);

    return (unsigned char *)((p + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

/*
 * Large blocks come from the system at once, in huge pages where it has them: a fault for every
 * four kilobytes costs more than writing them, and they are zero already.
 */
static struct rd_arena_block *block_new(size_t room)
{
    const size_t size = sizeof(struct rd_arena_block) + ALIGN + room;
    struct rd_arena_block *b = NULL;

#if MAPS
    if (room >= 2 * (size_t)HUGE_PAGE) {
        const size_t all = size + HUGE_PAGE;
        char *map = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char *start;

        if (map == MAP_FAILED)
            return NULL;
        start = map + (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE;
        /* Whole pages only: what is behind the end is not to become resident. */
        (void)madvise(start, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
        b = (struct rd_arena_block *)(void *)start;
        *b = (struct rd_arena_block){ .size = room, .map = map, .map_size = all };
        return b;
    }
#endif
    b = rd_alloc(size);
    if (b)
        *b = (struct rd_arena_block){ .size = room };
    return b;
}

static void block_free(struct rd_arena_block *b)
{
#if MAPS
    if (b->map) {
        (void)munmap(b->map, b->map_size);
        return;
    }
#endif
    rd_free(b);
}

/* The fault counter is asked here too: a block already held would hide a failure from the sweep. */
static void *take(struct rd_arena *a, size_t bytes, size_t align)
{
    struct rd_arena_block *b = a->blocks;
    size_t start;
    unsigned char *p;

    if (rd_alloc_fault() || bytes > SIZE_MAX / 4)
        return NULL;
    if (a->limit && (a->used > a->limit || bytes > a->limit - a->used))
        return NULL;
    start = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || start > b->size || b->size - start < bytes) {
        const size_t room = bytes > BLOCK ? bytes : BLOCK;

        b = block_new(room);
        if (!b)
            return NULL;
        b->next = a->blocks;
        a->blocks = b;
        start = 0;
    }
    p = payload(b) + start;
    b->used = start + bytes;
    a->used += bytes;
    return p;
}

void *rd_arena_alloc(struct rd_arena *a, size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (size && count > (SIZE_MAX / 4) / size)
        return NULL;
    bytes = count * size;
    p = take(a, bytes ? bytes : 1, ALIGN);
    if (p && !a->blocks->map) /* a mapped block holds one thing, which nobody has written to */
        memset(p, 0, bytes);
    return p;
}

char *rd_arena_strndup(struct rd_arena *a, const char *text, size_t len)
{
    char *p = len < SIZE_MAX ? take(a, len + 1, TEXT_ALIGN) : NULL;

    if (!p)
        return NULL;
    memcpy(p, text, len);
    p[len] = '\0';
    return p;
}

char *rd_arena_strdup(struct rd_arena *a, const char *text)
{
    return rd_arena_strndup(a, text, strlen(text));
}

char *rd_arena_printf(struct rd_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *p = NULL;
    int len;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    if (len >= 0)
        p = take(a, (size_t)len + 1, TEXT_ALIGN);
    if (p)
        (void)vsnprintf(p, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

int rd_arena_guard(struct rd_arena *a, void (*fn)(void *), void *obj)
{
    struct rd_arena_guard *g = RD_NEW(a, struct rd_arena_guard);

    if (!g)
        return -1;
    *g = (struct rd_arena_guard){ a->guards, fn, obj };
    a->guards = g;
    return 0;
}

void rd_arena_release(struct rd_arena *a)
{
    for (struct rd_arena_guard *g = a->guards; g; g = g->next)
        g->fn(g->obj);
    while (a->blocks) {
        struct rd_arena_block *next = a->blocks->next;

        block_free(a->blocks);
        a->blocks = next;
    }
    *a = (struct rd_arena){ .limit = a->limit };
}
