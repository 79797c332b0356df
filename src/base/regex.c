/*
 * regex.c - see regex.h: a pattern compiled, then run.
 *
 * Source: Thompson 1968, "Regular expression search algorithm"; Cox 2009, "Regular expression
 * matching: the virtual machine approach", for the program and the sparse sets. Without captures a
 * thread is its place in the program and where it began; of two at one place the earlier beginning
 * wins, which gives leftmost-longest.
 */
#include "base/regex.h"

#include "base/regex_code.h"
#include "base/text.h"

#include <string.h>

struct list { /* places, each once */
    uint32_t n;
    uint32_t *place;
    size_t *start; /* of the thread at place[i] */
};

struct machine {
    const struct rd_regex *re;
    struct list now, next;
    uint32_t *sparse; /* per place: where in a list it may stand */
    uint32_t *stack;
    size_t *left;
};

static size_t padded(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

size_t rd_regex_room(const struct rd_regex *re)
{
    return 4 * padded(re->n * sizeof(uint32_t)) + 2 * padded(re->n * sizeof(size_t)) +
           padded(2 * re->n * sizeof(uint32_t));
}

size_t rd_regex_size(const struct rd_regex *re)
{
    return re->n;
}

static void *cut(char **at, size_t bytes)
{
    void *p = *at;

    *at += padded(bytes);
    return p;
}

static struct machine machine_make(struct rd_regex_run *run)
{
    const size_t n = run->regex->n;
    char *at = run->room;
    struct machine m = { .re = run->regex, .left = &run->left };

    m.now.place = cut(&at, n * sizeof(uint32_t));
    m.next.place = cut(&at, n * sizeof(uint32_t));
    m.now.start = cut(&at, n * sizeof(size_t));
    m.next.start = cut(&at, n * sizeof(size_t));
    m.sparse = cut(&at, n * sizeof(uint32_t));
    m.stack = cut(&at, 2 * n * sizeof(uint32_t));
    memset(m.sparse, 0, n * sizeof(uint32_t)); /* any value would do; tools want it set */
    return m;
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* What stands around a place of the text. */
struct around {
    bool begin, end, line_begin, line_end, word_before, word_after;
};

static bool holds(enum regex_assert what, const struct around *a)
{
    switch (what) {
    case ASSERT_BEGIN:
        return a->begin;
    case ASSERT_END:
        return a->end;
    case ASSERT_LINE_BEGIN:
        return a->line_begin;
    case ASSERT_LINE_END:
        return a->line_end;
    case ASSERT_WORD:
        return a->word_before != a->word_after;
    case ASSERT_NO_WORD:
        return a->word_before == a->word_after;
    }
    return false;
}

static bool has(const struct machine *m, const struct list *l, uint32_t place)
{
    return m->sparse[place] < l->n && l->place[m->sparse[place]] == place;
}

/* Adds a place and all that is reached from it without reading. */
static void follow(
    struct machine *m, struct list *l, uint32_t place, size_t start, const struct around *a)
{
    uint32_t depth = 0;

    m->stack[depth++] = place;
    while (depth) {
        const uint32_t p = m->stack[--depth];
        const struct regex_code *c = &m->re->code[p];

        if (has(m, l, p))
            continue;
        if (*m->left)
            --*m->left;
        m->sparse[p] = l->n;
        l->place[l->n] = p;
        l->start[l->n++] = start;
        if (c->kind == CODE_SPLIT) { /* each place pushes at most two: the stack has room */
            m->stack[depth++] = c->other;
            m->stack[depth++] = c->next;
        } else if (c->kind == CODE_ASSERT && holds((enum regex_assert)c->other, a)) {
            m->stack[depth++] = c->next;
        }
    }
}

static bool in_class(const struct rd_regex *re, const struct regex_code *c, uint32_t cp)
{
    uint32_t low = c->first, high = c->first + c->count;

    while (low < high) { /* ranges ascend and do not touch */
        const uint32_t mid = low + (high - low) / 2;

        if (re->range[mid].high < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->first + c->count && re->range[low].low <= cp;
}

/* The code point at `at`; bytes that are no UTF-8 count as one each. */
static size_t look(const char *text, size_t size, size_t at, uint32_t *cp)
{
    bool unused;
    size_t n;

    *cp = (unsigned char)text[at];
    if (*cp < 0x80)
        return 1;
    n = rd_text_look(text + at, size - at, cp, &unused);
    if (!n)
        *cp = 0xfffd;
    return n ? n : 1;
}

static struct around around_of(const char *text, size_t size, size_t at)
{
    const unsigned char before = at ? (unsigned char)text[at - 1] : 0,
                        after = at < size ? (unsigned char)text[at] : 0;

    return (struct around){ .begin = at == 0,
        .end = at == size,
        .line_begin = at == 0 || before == '\n',
        .line_end = at == size || after == '\n',
        .word_before = at > 0 && is_word(before),
        .word_after = at < size && is_word(after) };
}

/* anchored: beginning at `from` alone. The best match so far is kept until no thread can better it.
 */
static bool run_from(struct rd_regex_run *run, const char *text, size_t size, size_t from,
    bool anchored, bool whole, size_t *start_out, size_t *end_out)
{
    struct machine m = machine_make(run);
    bool found = false;
    size_t at = from;

    for (;;) {
        const struct around a = around_of(text, size, at);
        uint32_t cp = 0;
        const size_t width = at < size ? look(text, size, at, &cp) : 0;
        size_t next_at;
        struct around b;
        struct list swap;

        if (!found && (!anchored || at == from))
            follow(&m, &m.now, 0, at, &a);
        for (uint32_t i = 0; i < m.now.n; i++) {
            if (m.re->code[m.now.place[i]].kind != CODE_MATCH || (whole && at < size))
                continue;
            if (!found || m.now.start[i] <= *start_out) {
                found = true;
                *start_out = m.now.start[i];
                *end_out = at;
            }
        }
        if (at >= size || !*m.left || (!m.now.n && (found || anchored)))
            break;
        next_at = at + width;
        b = around_of(text, size, next_at);
        m.next.n = 0;
        for (uint32_t i = 0; i < m.now.n; i++) {
            const struct regex_code *c = &m.re->code[m.now.place[i]];

            if (c->kind == CODE_CLASS && (!found || m.now.start[i] <= *start_out) &&
                in_class(m.re, c, cp))
                follow(&m, &m.next, c->next, m.now.start[i], &b);
        }
        swap = m.now;
        m.now = m.next;
        m.next = swap;
        at = next_at;
    }
    return found;
}

bool rd_regex_full(struct rd_regex_run *run, const char *text, size_t size)
{
    size_t start, end;

    return run_from(run, text, size, 0, true, true, &start, &end);
}

bool rd_regex_find(struct rd_regex_run *run, const char *text, size_t size, size_t from,
    size_t *start_out, size_t *end_out)
{
    return run_from(run, text, size, from, false, false, start_out, end_out);
}
