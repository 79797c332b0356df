/* ubj.c - a bounded reader of UBJSON: one pass, a stack of open containers, text out. */
#include "graph/ubj.h"

#include "base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DEEPEST = 64 };

struct open {
    bool map, counted, first;
    char type; /* of every item; 0: each has its own */
    uint64_t left;
};

struct ubj {
    const unsigned char *p, *begin, *end;
    const char *const *skip;
    struct rd_buf *out;
    struct rd_error *err;
    size_t depth, deepest, silent; /* silent: nothing is written until depth is below it */
    struct open open[DEEPEST];
};

static rd_status bad(const struct ubj *u, const char *what)
{
    return RD_FAIL(u->err, RD_E_INPUT, "UBJ, byte %zu: %s", (size_t)(u->p - u->begin), what);
}

static void put(struct ubj *u, const char *text)
{
    if (!u->silent)
        rd_buf_puts(u->out, text);
}

static size_t width(char type)
{
    switch (type) {
    case 'i':
    case 'U':
    case 'C':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

static uint64_t big(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* A whole number of this type. */
static rd_status whole(struct ubj *u, char type, int64_t *out)
{
    const size_t n = width(type);

    if (!n || type == 'd' || type == 'D' || type == 'C')
        return bad(u, "a whole number should stand here");
    if ((size_t)(u->end - u->p) < n)
        return bad(u, "it ends inside a number");
    switch (type) {
    case 'i':
        *out = (int8_t)u->p[0];
        break;
    case 'U':
        *out = u->p[0];
        break;
    case 'I':
        *out = (int16_t)big(u->p, 2);
        break;
    case 'l':
        *out = (int32_t)big(u->p, 4);
        break;
    default:
        *out = (int64_t)big(u->p, 8);
    }
    u->p += n;
    return RD_OK;
}

static rd_status marker(struct ubj *u, char *out)
{
    do {
        if (u->p == u->end)
            return bad(u, "it ends where a value should be");
        *out = (char)*u->p++;
    } while (*out == 'N'); /* nothing */
    return RD_OK;
}

/* A length: its type, then the number; not above what is left of the file. */
static rd_status length(struct ubj *u, uint64_t *out)
{
    int64_t v;
    char type;
    rd_status st = marker(u, &type);

    if (!st)
        st = whole(u, type, &v);
    if (!st && (v < 0 || (uint64_t)v > (uint64_t)(u->end - u->p)))
        st = bad(u, "a length is negative or beyond the end of the file");
    if (!st)
        *out = (uint64_t)v;
    return st;
}

static void quote(struct ubj *u, const unsigned char *text, size_t n)
{
    put(u, "\"");
    for (size_t i = 0; i < n && !u->silent; i++) {
        if (text[i] == '"' || text[i] == '\\')
            rd_buf_putc(u->out, '\\');
        if (text[i] < ' ')
            rd_buf_printf(u->out, "\\u%04x", text[i]);
        else
            rd_buf_putc(u->out, (char)text[i]);
    }
    put(u, "\"");
}

static rd_status string(struct ubj *u, bool key)
{
    uint64_t n;
    rd_status st = length(u, &n);
    bool skip = false;

    if (st)
        return st;
    quote(u, u->p, (size_t)n);
    for (size_t i = 0; key && u->skip && u->skip[i] && !skip; i++)
        skip = strlen(u->skip[i]) == n && !memcmp(u->skip[i], u->p, (size_t)n);
    u->p += n;
    if (key)
        put(u, ":");
    if (skip && !u->silent) {
        put(u, "null");
        u->silent = u->depth;
    }
    return RD_OK;
}

static rd_status scalar(struct ubj *u, char type)
{
    const size_t n = width(type);
    char text[40];
    int64_t v;
    double d;
    rd_status st;

    if (type == 'd' || type == 'D') {
        if ((size_t)(u->end - u->p) < n)
            return bad(u, "it ends inside a number");
        if (u->silent) {
            u->p += n;
            return RD_OK;
        }
        if (type == 'd') {
            const uint32_t bits = (uint32_t)big(u->p, 4);
            float f;

            memcpy(&f, &bits, sizeof(f));
            d = (double)f;
        } else {
            const uint64_t bits = big(u->p, 8);

            memcpy(&d, &bits, sizeof(d));
        }
        u->p += n;
        if (isfinite(d))
            put(u, rd_text_from_double(d, text));
        else
            put(u, isnan(d) ? "\"nan\"" : d > 0 ? "\"inf\"" : "\"-inf\"");
        return RD_OK;
    }
    if (type == 'C') {
        if (u->p == u->end)
            return bad(u, "it ends inside a character");
        quote(u, u->p++, 1);
        return RD_OK;
    }
    st = whole(u, type, &v);
    if (!st && !u->silent) {
        size_t at = sizeof(text) - 1;
        uint64_t left = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;

        text[at] = '\0';
        do
            text[--at] = (char)('0' + left % 10);
        while (left /= 10);
        if (v < 0)
            text[--at] = '-';
        put(u, text + at);
    }
    return st;
}

/* Behind [ or {: the type and count of its items, if they are said. */
static rd_status container(struct ubj *u, bool map)
{
    struct open *o;
    rd_status st = RD_OK;

    if (u->depth == u->deepest)
        return RD_FAIL(u->err, RD_E_LIMIT, "UBJ nests deeper than %zu", u->deepest);
    o = &u->open[u->depth++];
    *o = (struct open){ .map = map, .first = true };
    put(u, map ? "{" : "[");
    if (u->p < u->end && *u->p == '$') {
        u->p++;
        if (u->p == u->end || !(width((char)*u->p) || strchr("S[{", *u->p)) || !*u->p)
            return bad(u, "items of this type cannot be counted"); /* they may take no bytes */
        o->type = (char)*u->p++;
        if (u->p == u->end || *u->p != '#')
            return bad(u, "a container with a type needs a count");
    }
    if (u->p < u->end && *u->p == '#') {
        u->p++;
        st = length(u, &o->left);
        o->counted = true;
        if (!st && o->type && width(o->type) &&
            o->left > (uint64_t)(u->end - u->p) / width(o->type))
            st = bad(u, "a count is beyond the end of the file");
    }
    return st;
}

static rd_status value(struct ubj *u, char type)
{
    switch (type) {
    case 'Z':
        put(u, "null");
        return RD_OK;
    case 'T':
        put(u, "true");
        return RD_OK;
    case 'F':
        put(u, "false");
        return RD_OK;
    case 'S':
        return string(u, false);
    case '[':
    case '{':
        return container(u, type == '{');
    default:
        if (width(type))
            return scalar(u, type);
        u->p--;
        return bad(u, type == 'H' ? "numbers of high precision are not supported"
                                  : "this is no type of UBJSON");
    }
}

/* The next item of the innermost container, or its end. */
static rd_status item(struct ubj *u)
{
    struct open *o = &u->open[u->depth - 1];
    bool done = o->counted && !o->left;
    char type = o->type;
    rd_status st = RD_OK;

    if (u->silent == u->depth && u->silent) /* the member that is left out is over */
        u->silent = 0;
    if (!o->counted) {
        while (u->p < u->end && *u->p == 'N')
            u->p++;
        if (u->p == u->end)
            return bad(u, "it ends inside a container");
        done = *u->p == (o->map ? '}' : ']');
        u->p += done;
    }
    if (done) {
        put(u, o->map ? "}" : "]");
        u->depth--;
        return RD_OK;
    }
    if (!o->first)
        put(u, ",");
    o->first = false;
    o->left -= o->counted;
    if (o->map)
        st = string(u, true);
    if (!st && !type)
        st = marker(u, &type);
    return st ? st : value(u, type);
}

rd_status rd_ubj_to_json(const void *bytes, size_t size, const char *const *skip,
    const struct rd_limits *limits, struct rd_buf *out, struct rd_error *err)
{
    struct ubj u = { .p = bytes, .begin = bytes, .skip = skip, .out = out, .err = err };
    char type;
    rd_status st;

    u.end = u.p + size;
    u.deepest = limits->depth < DEEPEST ? limits->depth : DEEPEST;
    out->limit = limits->text_bytes;
    st = marker(&u, &type);
    if (!st)
        st = value(&u, type);
    while (!st && u.depth && !out->failed)
        st = item(&u);
    if (!st && out->failed)
        st = RD_FAIL(err, RD_E_LIMIT, "UBJ takes more than %zu bytes as text, or memory ran out",
            limits->text_bytes);
    if (!st && u.p != u.end)
        st = bad(&u, "something follows the end");
    return st;
}
