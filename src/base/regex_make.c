/*
 * regex_make.c - a pattern read into a tree and the tree written as a program.
 *
 * Source of the syntax: RE2's syntax page. Nesting is bounded, and only groups nest: the recursion
 * is too.
 */
#include "base/regex_code.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 100, MOST_CODE = 10000, MOST_REPEATS = 1000, MOST_RANGES = 100000 };
static const uint32_t LAST = 0x10ffff;
enum { FLAG_CASE = 1, FLAG_DOT_ALL = 2, FLAG_LINES = 4 };

enum kind { EMPTY, CLASS, ASSERT, CAT, EITHER, REPEAT };
struct node {
    enum kind kind;
    struct node *a, *b;    /* CAT, EITHER: both; REPEAT: a */
    uint32_t first, count; /* CLASS */
    int what;              /* ASSERT */
    int least, most;       /* REPEAT; most -1: any number */
    uint32_t code;         /* how many instructions it becomes, saturated */
};

struct making {
    const char *p;
    size_t size, at;
    unsigned flags;
    int depth;
    bool quoted; /* inside \Q...\E */
    struct rd_arena own;
    struct regex_range *range; /* of all classes, one behind the other */
    size_t n_ranges, room;
    struct rd_regex *re;
    struct rd_error *err;
};

/* --- ranges --- */

static rd_status no_memory(struct making *m)
{
    return RD_FAIL(m->err, RD_E_MEMORY, "no memory for a pattern");
}

static rd_status add_range(struct making *m, uint32_t low, uint32_t high)
{
    if (low > high)
        return RD_OK;
    if (m->n_ranges == MOST_RANGES)
        return RD_FAIL(
            m->err, RD_E_LIMIT, "the pattern's classes have more than %d ranges", MOST_RANGES);
    if (m->n_ranges == m->room) {
        const size_t room = m->room ? 2 * m->room : 64;
        struct regex_range *more = RD_NEW_ARRAY(&m->own, struct regex_range, room);

        if (!more)
            return no_memory(m);
        if (m->n_ranges)
            memcpy(more, m->range, m->n_ranges * sizeof(*more));
        m->range = more;
        m->room = room;
    }
    m->range[m->n_ranges++] = (struct regex_range){ low, high };
    return RD_OK;
}

/* (?i) of ASCII letters; what lies beyond is taken as it stands. */
static rd_status add_folded(struct making *m, uint32_t low, uint32_t high)
{
    rd_status st = add_range(m, low, high);

    if (!(m->flags & FLAG_CASE) || st)
        return st;
    for (uint32_t c = 'a'; c <= 'z' && !st; c++) {
        const uint32_t upper = c - 32;

        if (c >= low && c <= high)
            st = add_range(m, upper, upper);
        if (upper >= low && upper <= high && !st)
            st = add_range(m, c, c);
    }
    return st;
}

static int by_low(const void *a, const void *b)
{
    const struct regex_range *x = a, *y = b;

    return (x->low > y->low) - (x->low < y->low);
}

/* The ranges from `first` on become ascending ones that do not touch; negated: what lies between.
 */
static rd_status settle(struct making *m, size_t first, bool negated)
{
    size_t n = m->n_ranges - first, used = 0;
    struct regex_range *r = m->range + first;
    uint32_t next = 0;
    rd_status st = RD_OK;

    if (n)
        qsort(r, n, sizeof(*r), by_low);
    for (size_t i = 0; i < n; i++)
        if (used && r[i].low <= r[used - 1].high + 1)
            r[used - 1].high = r[i].high > r[used - 1].high ? r[i].high : r[used - 1].high;
        else
            r[used++] = r[i];
    m->n_ranges = first + used;
    if (!negated)
        return RD_OK;
    n = used;
    for (size_t i = 0; i < n && !st; i++) {
        const struct regex_range one = m->range[first + i];

        if (one.low > next)
            st = add_range(m, next, one.low - 1);
        next = one.high + 1;
    }
    if (!st && next <= LAST)
        st = add_range(m, next, LAST);
    if (st)
        return st;
    m->n_ranges -= n;
    memmove(m->range + first, m->range + first + n, (m->n_ranges - first) * sizeof(*r));
    return RD_OK;
}

/* --- named classes --- */

static const struct named {
    const char *name;
    const char *ranges; /* pairs of bytes */
} named[] = {
    { "alnum", "09AZaz" },
    { "alpha", "AZaz" },
    { "ascii", "\x01\x7f" },
    { "blank", "\t\t  " },
    { "cntrl", "\x01\x1f\x7f\x7f" },
    { "digit", "09" },
    { "graph", "!~" },
    { "lower", "az" },
    { "print", " ~" },
    { "punct", "!/:@[`{~" },
    { "space", "\t\r  " },
    { "upper", "AZ" },
    { "word", "09AZ__az" },
    { "xdigit", "09AFaf" },
};

/* opposite: all but these. */
static rd_status add_named(struct making *m, const char *ranges, bool opposite)
{
    uint32_t next = 0;
    rd_status st = RD_OK;

    for (const char *r = ranges; *r && !st; r += 2) {
        if (!opposite)
            st = add_folded(m, (unsigned char)r[0], (unsigned char)r[1]);
        else if ((unsigned char)r[0] > next)
            st = add_range(m, next, (unsigned char)r[0] - 1u);
        next = (unsigned char)r[1] + 1u;
    }
    return st || !opposite ? st : add_range(m, next, LAST);
}

/* \d \s \w and their opposites; *is_class false: it is none. RE2's \s has no vertical tab. */
static rd_status perl_class(struct making *m, char c, bool *is_class)
{
    *is_class = true;
    switch (c) {
    case 'd':
    case 'D':
        return add_named(m, "09", c == 'D');
    case 's':
    case 'S':
        return add_named(m, "\t\n\f\r  ", c == 'S');
    case 'w':
    case 'W':
        return add_named(m, "09AZ__az", c == 'W');
    default:
        *is_class = false;
        return RD_OK;
    }
}

/* --- characters --- */

static bool more(const struct making *m)
{
    return m->at < m->size;
}

static bool next_is(const struct making *m, const char *word)
{
    const size_t n = strlen(word);

    return n <= m->size - m->at && !memcmp(m->p + m->at, word, n);
}

static bool take(struct making *m, const char *word)
{
    if (!next_is(m, word))
        return false;
    m->at += strlen(word);
    return true;
}

static rd_status bad(struct making *m, const char *what)
{
    return RD_FAIL(m->err, RD_E_INPUT, "%s at byte %zu of the pattern", what, m->at);
}

static rd_status code_point(struct making *m, uint32_t *cp)
{
    bool unused;
    const size_t n = rd_text_look(m->p + m->at, m->size - m->at, cp, &unused);

    if (!n)
        return bad(m, "no UTF-8");
    m->at += n;
    return RD_OK;
}

static rd_status hexadecimal(struct making *m, uint32_t *cp)
{
    const bool braces = take(m, "{");
    int digits = 0;

    *cp = 0;
    while (more(m) && (braces || digits < 2)) {
        const char c = m->p[m->at];
        const int v = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;

        if (v < 0)
            break;
        *cp = *cp * 16 + (uint32_t)v;
        if (*cp > LAST)
            return bad(m, "a code point that does not exist");
        m->at++;
        digits++;
    }
    if (!digits || (!braces && digits != 2) || (braces && !take(m, "}")))
        return bad(m, "an unfinished \\x");
    return RD_OK;
}

/* Behind a backslash: a character that stands for itself or for a control character. */
static rd_status escaped(struct making *m, uint32_t *cp)
{
    static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";
    char c;
    const char *hit;

    if (!more(m))
        return bad(m, "a backslash with nothing behind it");
    c = m->p[m->at];
    hit = c ? strchr(from, c) : NULL;
    if (hit) {
        m->at++;
        *cp = (unsigned char)to[hit - from];
        return RD_OK;
    }
    if (take(m, "x"))
        return hexadecimal(m, cp);
    if (c >= '0' && c <= '7') {
        *cp = 0;
        for (int i = 0; i < 3 && more(m) && m->p[m->at] >= '0' && m->p[m->at] <= '7'; i++)
            *cp = *cp * 8 + (uint32_t)(m->p[m->at++] - '0');
        return RD_OK;
    }
    if (c == 'p' || c == 'P')
        return bad(m, "a Unicode class (\\p), which is not supported,");
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return bad(m, "an escape that does not exist or is not supported");
    return code_point(m, cp);
}

/* --- classes --- */

static rd_status posix_class(struct making *m)
{
    const bool opposite = take(m, "[:^");

    if (!opposite)
        m->at += 2; /* "[:" */
    for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
        const size_t n = strlen(named[i].name);

        if (!next_is(m, named[i].name) || m->size - m->at < n + 2 ||
            memcmp(m->p + m->at + n, ":]", 2) != 0)
            continue;
        m->at += n + 2;
        return add_named(m, named[i].ranges, opposite);
    }
    return bad(m, "a class of an unknown name");
}

static rd_status class_end(struct making *m, uint32_t *cp)
{
    return take(m, "\\") ? escaped(m, cp) : code_point(m, cp);
}

static rd_status bracket(struct making *m)
{
    const size_t first = m->n_ranges;
    const bool negated = take(m, "^");
    bool any = false;
    rd_status st = RD_OK;

    for (; !st; any = true) {
        uint32_t low, high;
        bool is_class = false;

        if (!more(m))
            return bad(m, "a class without its ]");
        if (any && take(m, "]"))
            break;
        if (next_is(m, "[:")) {
            st = posix_class(m);
            continue;
        }
        if (next_is(m, "\\") && m->at + 1 < m->size) {
            st = perl_class(m, m->p[m->at + 1], &is_class);
            if (is_class) {
                m->at += 2;
                continue;
            }
        }
        st = class_end(m, &low);
        high = low;
        if (!st && next_is(m, "-") && m->at + 1 < m->size && m->p[m->at + 1] != ']') {
            m->at++;
            st = class_end(m, &high);
            if (!st && high < low)
                st = bad(m, "a range that runs backwards");
        }
        if (!st)
            st = add_folded(m, low, high);
    }
    return st ? st : settle(m, first, negated);
}

/* --- the tree --- */

static rd_status node(struct making *m, enum kind kind, uint32_t code, struct node **out)
{
    struct node *n = RD_NEW(&m->own, struct node);

    if (!n)
        return no_memory(m);
    n->kind = kind;
    n->code = code < MOST_CODE ? code : MOST_CODE;
    *out = n;
    return RD_OK;
}

static rd_status class_node(struct making *m, size_t first, struct node **out)
{
    const rd_status st = node(m, CLASS, 1, out);

    if (st)
        return st;
    (*out)->first = (uint32_t)first;
    (*out)->count = (uint32_t)(m->n_ranges - first);
    return RD_OK;
}

static rd_status assert_node(struct making *m, enum regex_assert what, struct node **out)
{
    const rd_status st = node(m, ASSERT, 1, out);

    if (!st)
        (*out)->what = (int)what;
    return st;
}

static rd_status pair(
    struct making *m, enum kind kind, struct node *a, struct node *b, struct node **out)
{
    rd_status st;

    if (!a || !b) {
        *out = a ? a : b;
        return RD_OK;
    }
    st = node(m, kind, a->code + b->code + (kind == EITHER), out);
    if (st)
        return st;
    (*out)->a = a;
    (*out)->b = b;
    return RD_OK;
}

static rd_status alternatives(struct making *m, struct node **out);

/* Letters of (?ims-U: ; *group false: it ended with ), and the flags hold for what follows. */
static rd_status flags(struct making *m, bool *group)
{
    bool off = false;

    for (; more(m); m->at++) {
        const char c = m->p[m->at];
        const unsigned bit = c == 'i'   ? FLAG_CASE
                             : c == 's' ? FLAG_DOT_ALL
                             : c == 'm' ? FLAG_LINES
                                        : 0;

        if (bit)
            m->flags = off ? m->flags & ~bit : m->flags | bit;
        else if (c == '-')
            off = true;
        else if (c == ':' || c == ')') {
            *group = c == ':';
            m->at++;
            return RD_OK;
        } else if (c != 'U' && c != 'u') /* greed changes no length here; text is Unicode anyway */
            break;
    }
    return bad(m, "a group of an unknown kind");
}

static rd_status group(struct making *m, struct node **out)
{
    const unsigned before = m->flags;
    bool inside = true;
    rd_status st = RD_OK;

    if (take(m, "?P<") ||
        (next_is(m, "?<") && !next_is(m, "?<=") && !next_is(m, "?<!") && take(m, "?<"))) {
        const char *const end = memchr(m->p + m->at, '>', m->size - m->at);

        if (!end)
            return bad(m, "a name without its >");
        m->at = (size_t)(end - m->p) + 1;
    } else if (take(m, "?")) {
        st = flags(m, &inside);
    }
    if (st || !inside)
        return st;
    if (m->depth == DEEPEST)
        return RD_FAIL(m->err, RD_E_LIMIT, "the pattern nests more than %d groups deep", DEEPEST);
    m->depth++;
    st = alternatives(m, out);
    m->depth--;
    if (!st && !take(m, ")"))
        st = bad(m, "a group without its )");
    m->flags = before;
    return st;
}

/* The escapes that are no characters; *done false: it is one. */
static rd_status special(struct making *m, bool *done, struct node **out)
{
    const size_t first = m->n_ranges;
    rd_status st;

    *done = true;
    if (take(m, "\\A"))
        return assert_node(m, ASSERT_BEGIN, out);
    if (take(m, "\\z"))
        return assert_node(m, ASSERT_END, out);
    if (take(m, "\\b"))
        return assert_node(m, ASSERT_WORD, out);
    if (take(m, "\\B"))
        return assert_node(m, ASSERT_NO_WORD, out);
    if (m->at + 1 < m->size && m->p[m->at] == '\\') {
        st = perl_class(m, m->p[m->at + 1], done);
        if (!st && *done) {
            m->at += 2;
            st = settle(m, first, false);
        }
        return st || !*done ? st : class_node(m, first, out);
    }
    *done = false;
    return RD_OK;
}

/* One thing that can be repeated; *out NULL: nothing (flags, an empty group). */
static rd_status atom(struct making *m, struct node **out)
{
    const size_t first = m->n_ranges;
    uint32_t cp;
    bool done;
    rd_status st;

    *out = NULL;
    if (m->quoted || take(m, "\\Q")) {
        m->quoted = true;
        if (take(m, "\\E")) {
            m->quoted = false;
            return RD_OK;
        }
        if (!more(m))
            return RD_OK;
        st = code_point(m, &cp);
        if (!st)
            st = add_folded(m, cp, cp);
        if (!st)
            st = settle(m, first, false);
        return st ? st : class_node(m, first, out);
    }
    if (take(m, "("))
        return group(m, out);
    if (take(m, "^"))
        return assert_node(m, m->flags & FLAG_LINES ? ASSERT_LINE_BEGIN : ASSERT_BEGIN, out);
    if (take(m, "$"))
        return assert_node(m, m->flags & FLAG_LINES ? ASSERT_LINE_END : ASSERT_END, out);
    st = special(m, &done, out);
    if (st || done)
        return st;
    if (next_is(m, "*") || next_is(m, "+") || next_is(m, "?"))
        return bad(m, "a repetition of nothing");
    if (take(m, "[")) {
        st = bracket(m);
    } else if (take(m, ".")) {
        st = add_range(m, 0, m->flags & FLAG_DOT_ALL ? LAST : '\n' - 1);
        if (!st && !(m->flags & FLAG_DOT_ALL))
            st = add_range(m, '\n' + 1, LAST);
    } else {
        st = take(m, "\\") ? escaped(m, &cp) : code_point(m, &cp);
        if (!st)
            st = add_folded(m, cp, cp);
        if (!st)
            st = settle(m, first, false);
    }
    return st ? st : class_node(m, first, out);
}

static bool number(struct making *m, int *out)
{
    const size_t from = m->at;
    int v = 0;

    while (more(m) && m->p[m->at] >= '0' && m->p[m->at] <= '9' && v <= MOST_REPEATS)
        v = v * 10 + (m->p[m->at++] - '0');
    *out = v;
    return m->at > from;
}

/* * + ? {n} {n,} {n,m}; *found false: none. What is no full {...} is text, as in RE2. */
static rd_status repeats(struct making *m, bool *found, int *least, int *most)
{
    const size_t from = m->at;

    *found = true;
    *least = 0;
    *most = -1;
    if (m->quoted) {
        *found = false;
    } else if (take(m, "+")) {
        *least = 1;
    } else if (take(m, "?")) {
        *most = 1;
    } else if (!take(m, "*")) {
        *found = take(m, "{") && number(m, least);
        *most = *least;
        if (*found && take(m, ","))
            *most = number(m, most) ? *most : -1;
        if (!*found || !take(m, "}")) {
            *found = false;
            m->at = from;
        }
    }
    if (!*found)
        return RD_OK;
    if (*least > MOST_REPEATS || *most > MOST_REPEATS)
        return RD_FAIL(m->err, RD_E_LIMIT, "more than %d repetitions at byte %zu of the pattern",
            MOST_REPEATS, m->at);
    if (*most >= 0 && *most < *least)
        return bad(m, "a repetition that runs backwards");
    (void)take(m, "?"); /* lazy: another preference, the same texts */
    return RD_OK;
}

static rd_status sequence(struct making *m, struct node **out)
{
    struct node *all = NULL, *one;
    rd_status st = RD_OK;

    while (!st && more(m) && (m->quoted || (!next_is(m, "|") && !next_is(m, ")")))) {
        bool found = false;
        int least, most;

        st = atom(m, &one);
        if (!st)
            st = repeats(m, &found, &least, &most);
        if (!st && found && one) {
            const uint32_t times = (uint32_t)(most < 0 ? least + 1 : most);
            struct node *again;

            st = node(m, REPEAT, (one->code + 1) * times, &again);
            if (!st) {
                *again = (struct node){
                    .kind = REPEAT, .a = one, .least = least, .most = most, .code = again->code
                };
                one = again;
            }
            if (!st && more(m) && !m->quoted &&
                (next_is(m, "*") || next_is(m, "+") || next_is(m, "?")))
                st = bad(m, "a repetition of a repetition");
        }
        if (!st)
            st = pair(m, CAT, all, one, &all);
        if (!st && all && all->code >= MOST_CODE)
            st = RD_FAIL(m->err, RD_E_LIMIT,
                "the pattern compiles to more than %d steps: repetitions multiply", MOST_CODE);
    }
    *out = all;
    return st;
}

static rd_status alternatives(struct making *m, struct node **out)
{
    struct node *all = NULL, *one;
    rd_status st;

    do {
        st = sequence(m, &one);
        if (!st && !one)
            st = node(m, EMPTY, 0, &one);
        if (!st)
            st = pair(m, EITHER, all, one, &all); /* the first alone is itself */
    } while (!st && take(m, "|"));
    *out = all;
    return st;
}

/* --- the program, from its end: each part is told where to go on --- */

static uint32_t put(struct making *m, struct regex_code code)
{
    m->re->code[m->re->n] = code;
    return (uint32_t)m->re->n++;
}

/* Sequences and alternatives lean to the left and may be long: walked, not descended. */
static uint32_t write(struct making *m, const struct node *n, uint32_t next)
{
    while (n->kind == CAT) {
        next = write(m, n->b, next);
        n = n->a;
    }
    switch (n->kind) {
    case EMPTY:
        return next;
    case CLASS:
        return put(m, (struct regex_code){
                          .kind = CODE_CLASS, .next = next, .first = n->first, .count = n->count });
    case ASSERT:
        return put(m,
            (struct regex_code){ .kind = CODE_ASSERT, .next = next, .other = (uint32_t)n->what });
    case EITHER: {
        const uint32_t end = next;
        uint32_t ways = UINT32_MAX;

        for (; n->kind == EITHER; n = n->a) {
            const uint32_t b = write(m, n->b, end);

            ways =
                ways == UINT32_MAX
                    ? b
                    : put(m, (struct regex_code){ .kind = CODE_SPLIT, .next = b, .other = ways });
        }
        return put(
            m, (struct regex_code){ .kind = CODE_SPLIT, .next = write(m, n, end), .other = ways });
    }
    case REPEAT:
        if (n->most < 0) { /* the loop comes first: its body leads back to it */
            const uint32_t loop =
                put(m, (struct regex_code){ .kind = CODE_SPLIT, .next = next, .other = next });
            m->re->code[loop].next = write(m, n->a, loop);
            next = loop;
        } else {
            const uint32_t end = next;

            for (int i = n->least; i < n->most; i++) {
                const uint32_t body = write(m, n->a, next);

                next =
                    put(m, (struct regex_code){ .kind = CODE_SPLIT, .next = body, .other = end });
            }
        }
        for (int i = 0; i < n->least; i++)
            next = write(m, n->a, next);
        return next;
    case CAT:
        break;
    }
    return next;
}

rd_status rd_regex_make(const char *pattern, size_t size, struct rd_arena *arena,
    const struct rd_regex **out, struct rd_error *err)
{
    struct making m = { .p = pattern, .size = size, .err = err };
    struct node *tree = NULL;
    uint32_t match, start;
    rd_status st = alternatives(&m, &tree);

    if (!st && more(&m))
        st = bad(&m, "a ) without its group");
    if (!st && tree->code >= MOST_CODE)
        st = RD_FAIL(err, RD_E_LIMIT, "the pattern compiles to more than %d steps", MOST_CODE);
    if (st)
        goto out;
    m.re = RD_NEW(arena, struct rd_regex);
    if (m.re) {
        m.re->code = RD_NEW_ARRAY(arena, struct regex_code, tree->code + 2);
        m.re->range = RD_NEW_ARRAY(arena, struct regex_range, m.n_ranges);
    }
    if (!m.re || !m.re->code || !m.re->range) {
        st = no_memory(&m);
        goto out;
    }
    if (m.n_ranges)
        memcpy(m.re->range, m.range, m.n_ranges * sizeof(*m.range));
    m.re->n_ranges = m.n_ranges;
    m.re->n = 1; /* place 0 is where matching begins: it leads to the start */
    match = put(&m, (struct regex_code){ .kind = CODE_MATCH });
    start = write(&m, tree, match);
    m.re->code[0] = (struct regex_code){ .kind = CODE_SPLIT, .next = start, .other = start };
    *out = m.re;
out:
    rd_arena_release(&m.own);
    return st;
}
