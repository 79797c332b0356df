/* doc_json.c - JSON in, strictly as RFC 8259, into the same tree as YAML. */
#include "base/doc.h"

#include "base/alloc.h"
#include "base/doc_tree.h"
#include "base/text.h"

#include <string.h>

struct reader {
    const char *text;
    size_t size, at;
    size_t counted; /* byte that mark belongs to */
    struct rd_doc_mark
        mark;             /* moves with the reading: columns of a long line cost no second look */
    struct rd_buf string; /* the last string, its escapes undone */
    struct rd_doc_tree tree;
};

static struct rd_doc_mark mark_at(struct reader *r, size_t at)
{
    for (; r->counted < at; r->counted++) {
        const unsigned char c = (unsigned char)r->text[r->counted];
        if (c == '\n') {
            r->mark.line++;
            r->mark.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            r->mark.column++;
        }
    }
    return r->mark;
}

/* The byte at the reading position; -1 at the end. */
static int peek(const struct reader *r)
{
    return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

static void skip_space(struct reader *r)
{
    for (int c = peek(r); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(r))
        r->at++;
}

static rd_status expected(struct reader *r, const char *what)
{
    const struct rd_doc_mark at = mark_at(r, r->at);
    size_t len = 1;
    char one[8] = "", shown[32];

    if (r->at >= r->size)
        return rd_doc_fail(r->tree.name, at, r->tree.err, "expected %s; the text ends here", what);
    while (len < 4 && r->at + len < r->size && ((unsigned char)r->text[r->at + len] & 0xC0) == 0x80)
        len++;
    memcpy(one, r->text + r->at, len);
    return rd_doc_fail(r->tree.name, at, r->tree.err, "expected %s; found '%s'", what,
        rd_text_safe_in(shown, sizeof(shown), one));
}

static rd_status read_hex4(struct reader *r, unsigned *unit_out)
{
    unsigned unit = 0;

    for (int i = 0; i < 4; i++) {
        const int c = peek(r);
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (unsigned)(c - 'A' + 10);
        else
            return expected(r, "four hexadecimal digits behind '\\u'");
        unit = unit * 16 + digit;
        r->at++;
    }
    *unit_out = unit;
    return RD_OK;
}

static void put_utf8(struct rd_buf *out, unsigned c)
{
    if (c < 0x80) {
        rd_buf_putc(out, (char)c);
    } else if (c < 0x800) {
        rd_buf_putc(out, (char)(0xC0 | c >> 6));
        rd_buf_putc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        rd_buf_putc(out, (char)(0xE0 | c >> 12));
        rd_buf_putc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        rd_buf_putc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        rd_buf_putc(out, (char)(0xF0 | c >> 18));
        rd_buf_putc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        rd_buf_putc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        rd_buf_putc(out, (char)(0x80 | (c & 0x3F)));
    }
}

/* Behind the backslash. */
static rd_status read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const size_t start = r->at - 1;
    const int c = peek(r);
    const char *hit = c > 0 ? strchr(from, c) : NULL;
    unsigned unit = 0, low = 0;
    rd_status st;

    if (hit) {
        rd_buf_putc(&r->string, to[hit - from]);
        r->at++;
        return RD_OK;
    }
    if (c != 'u')
        return expected(r, "an escape: one of \" \\ / b f n r t u");
    r->at++;
    st = read_hex4(r, &unit);
    if (st)
        return st;
    if (unit >= 0xD800 && unit < 0xDC00) {
        if (r->size - r->at < 2 || memcmp(r->text + r->at, "\\u", 2) != 0)
            return rd_doc_fail(r->tree.name, mark_at(r, start), r->tree.err,
                "half of a surrogate pair: \\u%04x", unit);
        r->at += 2;
        st = read_hex4(r, &low);
        if (st)
            return st;
        if (low < 0xDC00 || low > 0xDFFF)
            return rd_doc_fail(r->tree.name, mark_at(r, start), r->tree.err,
                "half of a surrogate pair: \\u%04x", unit);
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    } else if (unit >= 0xDC00 && unit < 0xE000) {
        return rd_doc_fail(r->tree.name, mark_at(r, start), r->tree.err,
            "half of a surrogate pair: \\u%04x", unit);
    } else if (unit == 0) {
        return rd_doc_fail(
            r->tree.name, mark_at(r, start), r->tree.err, "text holds a NUL character");
    }
    put_utf8(&r->string, unit);
    return RD_OK;
}

/* At the opening quote; leaves the text in r->string. */
static rd_status read_string(struct reader *r)
{
    r->string.len = 0;
    r->at++;
    for (;;) {
        const size_t start = r->at;
        int c = peek(r);

        while (c >= 0x20 && c != '"' && c != '\\') {
            r->at++;
            c = peek(r);
        }
        rd_buf_put(&r->string, r->text + start, r->at - start);
        if (c < 0x20)
            return expected(r, "'\"' at the end of a string");
        r->at++;
        if (c == '"')
            break;
        const rd_status st = read_escape(r);
        if (st)
            return st;
    }
    if (r->string.failed)
        return RD_FAIL(r->tree.err, RD_E_MEMORY, "out of memory for a string");
    return RD_OK;
}

static bool skip_digits(struct reader *r)
{
    const size_t start = r->at;

    for (int c = peek(r); c >= '0' && c <= '9'; c = peek(r))
        r->at++;
    return r->at > start;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static rd_status read_number(struct reader *r, struct rd_doc_mark at)
{
    const size_t start = r->at;

    if (peek(r) == '-')
        r->at++;
    if (peek(r) == '0')
        r->at++;
    else if (!skip_digits(r))
        return expected(r, "a digit");
    if (peek(r) == '.') {
        r->at++;
        if (!skip_digits(r))
            return expected(r, "a digit behind the decimal point");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        if (!skip_digits(r))
            return expected(r, "a digit in the exponent");
    }
    return rd_doc_tree_scalar(&r->tree, r->text + start, r->at - start, false, at);
}

static rd_status read_word(struct reader *r, struct rd_doc_mark at)
{
    static const char *const words[] = { "true", "false", "null" };

    for (size_t i = 0; i < 3; i++) {
        const size_t len = strlen(words[i]);
        if (r->size - r->at < len || memcmp(r->text + r->at, words[i], len) != 0)
            continue;
        r->at += len;
        return i == 2 ? rd_doc_tree_scalar(&r->tree, NULL, 0, false, at)
                      : rd_doc_tree_scalar(&r->tree, words[i], len, false, at);
    }
    return expected(r, "a value");
}

static rd_status read_key(struct reader *r)
{
    struct rd_doc_mark at;
    rd_status st;

    skip_space(r);
    if (peek(r) != '"')
        return expected(r, "a key in double quotes");
    at = mark_at(r, r->at);
    st = read_string(r);
    if (!st)
        st = rd_doc_tree_key(&r->tree, rd_buf_text(&r->string), r->string.len, at);
    if (st)
        return st;
    skip_space(r);
    if (peek(r) != ':')
        return expected(r, "':'");
    r->at++;
    return RD_OK;
}

/* A whole value that is not a collection, or the opening of one. */
static rd_status read_value(struct reader *r)
{
    struct rd_doc_mark at;
    rd_status st;
    int c;

    skip_space(r);
    at = mark_at(r, r->at);
    c = peek(r);
    if (c == '{' || c == '[') {
        r->at++;
        return rd_doc_tree_open(&r->tree, c == '{' ? RD_DOC_MAP : RD_DOC_LIST, at);
    }
    if (c == '"') {
        st = read_string(r);
        return st ? st
                  : rd_doc_tree_scalar(&r->tree, rd_buf_text(&r->string), r->string.len, true, at);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r, at);
    return read_word(r, at);
}

/* Values, commas and brackets until the first value is complete: a loop, so that depth costs no
 * stack. */
static rd_status read_document(struct reader *r)
{
    struct rd_doc_tree *t = &r->tree;
    rd_status st;

    for (;;) {
        const size_t depth = t->depth;
        bool opened;

        st = rd_doc_tree_wants_key(t) ? read_key(r) : RD_OK;
        if (!st)
            st = read_value(r);
        if (st)
            return st;
        opened = t->depth > depth;
        for (;; opened = false) {
            bool is_map;
            int c;

            if (!t->depth)
                return RD_OK;
            is_map = t->stack[t->open[t->depth - 1]].kind == RD_DOC_MAP;
            skip_space(r);
            c = peek(r);
            if (c == (is_map ? '}' : ']')) {
                r->at++;
                st = rd_doc_tree_close(t);
                if (st)
                    return st;
                continue;
            }
            if (opened)
                break;
            if (c != ',')
                return expected(r, is_map ? "',' or '}'" : "',' or ']'");
            r->at++;
            break;
        }
    }
}

rd_status rd_doc_read_json(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_doc **doc_out,
    struct rd_error *err)
{
    struct reader r = {
        .text = size ? bytes : "",
        .size = size,
        .mark = { 1, 1 },
        .tree = { .name = name,
            .limits = limits ? limits : &rd_limits_default,
            .arena = arena,
            .err = err },
    };
    rd_status st = rd_doc_check_text(name, &r.text, &r.size, r.tree.limits, err);

    if (!st)
        st = read_document(&r);
    if (!st) {
        skip_space(&r);
        if (r.at < r.size)
            st = expected(&r, "the end of the text");
    }
    if (!st)
        st = rd_doc_tree_finish(&r.tree, doc_out);
    rd_doc_tree_release(&r.tree);
    rd_buf_release(&r.string);
    return st;
}
