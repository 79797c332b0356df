/*
 * regex.h - regular expressions in bounded time: no backtracking, whatever the pattern.
 *
 * The syntax is RE2's, which ONNX names: literals, ., [classes] with ranges and [:names:], \d \w \s
 * \b and their opposites, \A \z, ^ $, escapes, groups (their captures are not kept), (?i) (?s) (?m)
 * (?U), alternatives, * + ? {n,m}. Not supported, and said so: \p{...} and \C. Text is UTF-8; \d \w
 * \s \b know ASCII alone, as in RE2.
 *
 * Matching follows all alternatives at once (Thompson 1968): steps are at most (bytes + 1) times
 * the size of the compiled pattern, which is limited.
 */
#ifndef RD_BASE_REGEX_H
#define RD_BASE_REGEX_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>

struct rd_regex; /* immutable; in the arena of its making */

/* RD_E_INPUT says what is wrong in the pattern and at which byte; RD_E_LIMIT: it compiles to more
 * than 10,000 steps, repeats something more than 1,000 times or nests deeper than 100. */
rd_status rd_regex_make(const char *pattern, size_t size, struct rd_arena *arena,
    const struct rd_regex **out, struct rd_error *err);

/* What one thread matches with; `left` steps may still be taken: matching stops with it at 0. */
struct rd_regex_run {
    const struct rd_regex *regex;
    size_t left;
    void *room; /* rd_regex_room bytes, any contents, 64-byte aligned */
};
size_t rd_regex_room(const struct rd_regex *regex);
size_t rd_regex_size(const struct rd_regex *regex); /* steps that one byte may cost */

/* Does the whole text match? */
bool rd_regex_full(struct rd_regex_run *run, const char *text, size_t size);
/* The first match at or behind byte `from`, the longest of those that begin there. */
bool rd_regex_find(struct rd_regex_run *run, const char *text, size_t size, size_t from,
    size_t *start_out, size_t *end_out);

#endif
