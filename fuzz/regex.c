/*
 * The first line as a pattern, the rest as text. Where the pattern looks at no surroundings and the
 * text is short, the match found must be the longest of the leftmost: every slice is tried whole.
 */
#include "base/regex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 512, STEPS = 1 << 20, SHORT = 12 };

static bool looks_around(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '^' || p[i] == '$' || (p[i] == '\\' && i + 1 < n && strchr("bBAzQ", p[i + 1])))
            return true;
    return false;
}

static bool is_ascii(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] > 0x7f)
            return false;
    return true;
}

static void try_every_slice(struct rd_regex_run *run, const char *text, size_t n)
{
    size_t from = 0, end = 0;
    const bool found = rd_regex_find(run, text, n, 0, &from, &end);

    for (size_t i = 0; i <= n; i++)
        for (size_t j = n + 1; j-- > i;)
            if (rd_regex_full(run, text + i, j - i)) {
                if (run->left && (!found || from != i || end != j))
                    abort();
                return;
            }
    if (found && run->left)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const char *const pattern = (const char *)data;
    const char *const line = size ? memchr(data, '\n', size) : NULL;
    const size_t n = line ? (size_t)(line - pattern) : size;
    const char *const text = line ? line + 1 : pattern + size;
    const size_t left = size - (size_t)(text - pattern);
    struct rd_regex_run run = { .left = STEPS };
    size_t from, end;

    if (size > LARGEST || rd_regex_make(pattern, n, &arena, &run.regex, NULL)) {
        rd_arena_release(&arena);
        return 0;
    }
    run.room = rd_arena_alloc(&arena, rd_regex_room(run.regex), 1);
    if (!run.room)
        abort();
    (void)rd_regex_full(&run, text, left);
    if (rd_regex_find(&run, text, left, left / 2, &from, &end) &&
        (from < left / 2 || end < from || end > left))
        abort();
    run.left = STEPS;
    if (left <= SHORT && is_ascii(text, left) && !looks_around(pattern, n))
        try_every_slice(&run, text, left);
    rd_arena_release(&arena);
    return 0;
}
