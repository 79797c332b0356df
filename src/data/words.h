/* words.h - the distinct words of a column, numbered as they appear. */
#ifndef RD_DATA_WORDS_H
#define RD_DATA_WORDS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_word {
    const char *text; /* not NUL-terminated; belongs to who added it */
    size_t len, count;
};

/* Zeroed but for arena: empty. */
struct rd_words {
    struct rd_arena *arena;
    struct rd_word *item; /* (n) */
    size_t n, cap, mask;
    size_t *slot; /* (mask + 1): 1 + number, 0: empty */
};

enum { RD_NO_WORD = -1 };

/* Number of the word, which is counted once more; RD_NO_WORD: memory. */
ptrdiff_t rd_words_add(struct rd_words *w, const char *text, size_t len);
/* Number of the word, or RD_NO_WORD. */
ptrdiff_t rd_words_find(const struct rd_words *w, const char *text, size_t len);
/* Bytewise order of two words: <0, 0, >0. */
int rd_word_order(const struct rd_word *a, const struct rd_word *b);

#endif
