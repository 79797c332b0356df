/* words.c - a hash table of words. Numbers follow the order of appearance, never the hash. */
#include "data/words.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { FIRST = 32 };

/* A key that files cannot know: nobody can write a table whose words all meet in one place. */
static uint64_t key = 0x9E3779B97F4A7C15u;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    uint64_t k;

    if (getrandom(&k, sizeof k, GRND_NONBLOCK) == (ssize_t)sizeof k)
        key ^= k;
}

/* Eight bytes a step, multiplied into 128 bits and folded. */
static uint64_t hash(const char *text, size_t len)
{
    uint64_t h = key ^ len;

    while (len) {
        const size_t n = len < 8 ? len : 8;
        uint64_t word = 0;
        __uint128_t wide;

        memcpy(&word, text, n);
        wide = (__uint128_t)(h ^ word) * (0xD1342543DE82EF95u ^ key << 1);
        h = (uint64_t)wide ^ (uint64_t)(wide >> 64) ^ key >> 7;
        text += n;
        len -= n;
    }
    return h ^ h >> 32;
}

static size_t place_of(const struct rd_words *w, const char *text, size_t len)
{
    size_t at = (size_t)hash(text, len) & w->mask;

    while (w->slot[at]) {
        const struct rd_word *i = &w->item[w->slot[at] - 1];

        if (i->len == len && (!len || memcmp(i->text, text, len) == 0))
            break;
        at = (at + 1) & w->mask;
    }
    return at;
}

static bool grow(struct rd_words *w)
{
    const size_t cap = w->cap ? 2 * w->cap : FIRST;
    struct rd_word *item = RD_NEW_ARRAY(w->arena, struct rd_word, cap);
    size_t *slot = RD_NEW_ARRAY(w->arena, size_t, 2 * cap);

    if (!item || !slot)
        return false;
    if (w->n)
        memcpy(item, w->item, w->n * sizeof *item);
    w->item = item;
    w->slot = slot;
    w->cap = cap;
    w->mask = 2 * cap - 1;
    for (size_t i = 0; i < w->n; i++)
        slot[place_of(w, item[i].text, item[i].len)] = i + 1;
    return true;
}

ptrdiff_t rd_words_add(struct rd_words *w, const char *text, size_t len)
{
    size_t at;

    (void)pthread_once(&key_once, make_key);
    if (w->n == w->cap && !grow(w))
        return RD_NO_WORD;
    at = place_of(w, text, len);
    if (!w->slot[at]) {
        w->item[w->n] = (struct rd_word){ text, len, 0 };
        w->slot[at] = ++w->n;
    }
    w->item[w->slot[at] - 1].count++;
    return (ptrdiff_t)w->slot[at] - 1;
}

ptrdiff_t rd_words_find(const struct rd_words *w, const char *text, size_t len)
{
    return w->n ? (ptrdiff_t)w->slot[place_of(w, text, len)] - 1 : RD_NO_WORD;
}

int rd_word_order(const struct rd_word *a, const struct rd_word *b)
{
    const size_t n = a->len < b->len ? a->len : b->len;
    const int order = n ? memcmp(a->text, b->text, n) : 0;

    return order ? order : (a->len > b->len) - (a->len < b->len);
}
