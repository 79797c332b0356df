#include "base/json_write.h"

#include "base/alloc.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Members are written where they fall and remembered as spans; when an object ends and its members
 * are not yet in order, their bytes are put in order. So callers write in whatever order reads
 * well.
 */
struct rd_json_span {
    size_t key, key_len; /* of the quoted key */
    size_t start, len;   /* of key, colon and value */
};

static struct rd_json_level *top(struct rd_json *j)
{
    return j->depth ? &j->level[j->depth - 1] : NULL;
}

static void misuse(struct rd_json *j)
{
    j->out->failed = true;
}

/* What stands before a value: a comma in a list, nothing behind a key. */
static void before_value(struct rd_json *j)
{
    struct rd_json_level *l = top(j);

    if (!l)
        return;
    if (l->is_object) {
        if (!l->has_key)
            misuse(j);
        l->has_key = false;
    } else if (l->n++) {
        rd_buf_putc(j->out, ',');
    }
}

static void open_level(struct rd_json *j, bool is_object)
{
    before_value(j);
    if (j->depth == RD_JSON_DEPTH) {
        misuse(j);
        return;
    }
    rd_buf_putc(j->out, is_object ? '{' : '[');
    j->level[j->depth++] = (struct rd_json_level){ .is_object = is_object, .start = j->out->len };
}

void rd_json_object(struct rd_json *j)
{
    open_level(j, true);
}

void rd_json_array(struct rd_json *j)
{
    open_level(j, false);
}

/* qsort has no room for the text, so the comparison gets it through the spans' absolute addresses.
 */
struct member {
    const char *key, *bytes;
    size_t key_len, len;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    const size_t least = x->key_len < y->key_len ? x->key_len : y->key_len;
    const int order = memcmp(x->key, y->key, least);

    return order ? order : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static void sort_members(struct rd_json *j, struct rd_json_level *l)
{
    const size_t bytes = j->out->len - l->start;
    char *base = j->out->text;
    struct member *m = rd_alloc(l->n * sizeof *m);
    char *copy = rd_alloc(bytes);
    size_t at = l->start;

    if (!m || !copy) {
        misuse(j);
        goto out;
    }
    memcpy(copy, base + l->start, bytes);
    for (size_t i = 0; i < l->n; i++) {
        const struct rd_json_span *s = &l->span[i];

        m[i] = (struct member){ copy + (s->key - l->start), copy + (s->start - l->start),
            s->key_len, s->len };
    }
    qsort(m, l->n, sizeof *m, by_key);
    for (size_t i = 0; i < l->n; i++) {
        if (i && !by_key(&m[i - 1], &m[i]))
            misuse(j); /* the same key twice */
        if (i)
            base[at++] = ',';
        memcpy(base + at, m[i].bytes, m[i].len);
        at += m[i].len;
    }
out:
    rd_free(m);
    rd_free(copy);
}

static void close_span(struct rd_json *j, struct rd_json_level *l)
{
    if (l->is_object && l->n && l->span)
        l->span[l->n - 1].len = j->out->len - l->span[l->n - 1].start;
}

void rd_json_end(struct rd_json *j)
{
    struct rd_json_level *l = top(j);

    if (!l || l->has_key) {
        misuse(j);
        return;
    }
    if (l->is_object) {
        close_span(j, l);
        if (l->n > 1 && !j->out->failed)
            sort_members(j, l);
    }
    rd_free(l->span);
    l->span = NULL;
    j->depth--;
    rd_buf_putc(j->out, l->is_object ? '}' : ']');
}

static void put_text(struct rd_json *j, const char *v)
{
    size_t left = strlen(v), bad;

    rd_buf_putc(j->out, '"');
    while (left) {
        const size_t whole = rd_text_is_utf8(v, left, &bad) ? left : bad;

        for (size_t i = 0; i < whole; i++) {
            const unsigned char c = (unsigned char)v[i];

            if (c == '"' || c == '\\')
                rd_buf_printf(j->out, "\\%c", c);
            else if (c == '\n')
                rd_buf_puts(j->out, "\\n");
            else if (c == '\t')
                rd_buf_puts(j->out, "\\t");
            else if (c == '\r')
                rd_buf_puts(j->out, "\\r");
            else if (c < 0x20 || c == 0x7F)
                rd_buf_printf(j->out, "\\u%04x", c);
            else
                rd_buf_put(j->out, v + i, 1);
        }
        v += whole;
        left -= whole;
        if (left) {
            rd_buf_puts(j->out, "\xEF\xBF\xBD");
            v++;
            left--;
        }
    }
    rd_buf_putc(j->out, '"');
}

void rd_json_key(struct rd_json *j, const char *name)
{
    struct rd_json_level *l = top(j);
    struct rd_json_span *s;

    if (!l || !l->is_object || l->has_key) {
        misuse(j);
        return;
    }
    close_span(j, l);
    if (l->n == l->span_cap) {
        const size_t cap = l->span_cap ? 2 * l->span_cap : 8;

        s = rd_realloc(l->span, cap * sizeof *s);
        if (!s) {
            misuse(j);
            return;
        }
        l->span = s;
        l->span_cap = cap;
    }
    if (l->n)
        rd_buf_putc(j->out, ',');
    s = &l->span[l->n++];
    s->start = j->out->len;
    put_text(j, name);
    s->key = s->start + 1;
    s->key_len = j->out->len - s->start - 2;
    rd_buf_putc(j->out, ':');
    l->has_key = true;
}

void rd_json_null(struct rd_json *j)
{
    before_value(j);
    rd_buf_puts(j->out, "null");
}

void rd_json_bool(struct rd_json *j, bool v)
{
    before_value(j);
    rd_buf_puts(j->out, v ? "true" : "false");
}

void rd_json_int(struct rd_json *j, int64_t v)
{
    before_value(j);
    rd_buf_printf(j->out, "%" PRId64, v);
}

void rd_json_real(struct rd_json *j, double v)
{
    char text[32];

    before_value(j);
    /* Minus zero is written as zero: one value, one form. */
    rd_buf_puts(j->out, isfinite(v) ? rd_text_from_double(v == 0 ? 0 : v, text) : "null");
}

void rd_json_text(struct rd_json *j, const char *v)
{
    before_value(j);
    if (v)
        put_text(j, v);
    else
        rd_buf_puts(j->out, "null");
}

void rd_json_u64(struct rd_json *j, uint64_t v)
{
    before_value(j);
    rd_buf_printf(j->out, "\"%" PRIu64 "\"", v);
}

void rd_json_raw(struct rd_json *j, const char *json, size_t len)
{
    before_value(j);
    rd_buf_put(j->out, json, len);
}

void rd_json_kbool(struct rd_json *j, const char *k, bool v)
{
    rd_json_key(j, k);
    rd_json_bool(j, v);
}

void rd_json_kint(struct rd_json *j, const char *k, int64_t v)
{
    rd_json_key(j, k);
    rd_json_int(j, v);
}

void rd_json_kreal(struct rd_json *j, const char *k, double v)
{
    rd_json_key(j, k);
    rd_json_real(j, v);
}

void rd_json_ktext(struct rd_json *j, const char *k, const char *v)
{
    rd_json_key(j, k);
    rd_json_text(j, v);
}

void rd_json_ku64(struct rd_json *j, const char *k, uint64_t v)
{
    rd_json_key(j, k);
    rd_json_u64(j, v);
}

void rd_json_kraw(struct rd_json *j, const char *k, const char *json, size_t len)
{
    rd_json_key(j, k);
    rd_json_raw(j, json, len);
}

void rd_json_kobject(struct rd_json *j, const char *k)
{
    rd_json_key(j, k);
    rd_json_object(j);
}

void rd_json_karray(struct rd_json *j, const char *k)
{
    rd_json_key(j, k);
    rd_json_array(j);
}

void rd_json_release(struct rd_json *j)
{
    while (j->depth)
        rd_free(j->level[--j->depth].span);
}
