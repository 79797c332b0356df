/* doc_tree.c - the tree behind doc.h: built, checked, asked. */
#include "base/doc_tree.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Larger maps get a sorted index. */
enum { LINEAR_MAP = 16 };

rd_status rd_doc_fail(
    const char *name, struct rd_doc_mark at, struct rd_error *err, const char *fmt, ...)
{
    struct rd_buf text = { .limit = 2 * RD_ERROR_TEXT };
    char shown[96];
    rd_status st;
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    st = RD_FAIL(err, RD_E_INPUT, "%s:%d:%d: %s", rd_text_safe_in(shown, sizeof(shown), name),
        at.line, at.column, rd_buf_text(&text));
    rd_buf_release(&text);
    return st;
}

/* Line and column of a byte, for the errors found before any reader ran. */
static struct rd_doc_mark mark_of(const char *text, size_t at)
{
    struct rd_doc_mark m = { 1, 1 };

    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            m.line++;
            m.column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            m.column++;
        }
    }
    return m;
}

rd_status rd_doc_check_text(const char *name, const char **text_io, size_t *size_io,
    const struct rd_limits *limits, struct rd_error *err)
{
    const char *text = *text_io;
    size_t size = *size_io, bad = 0;
    char shown[96];

    if (size > limits->text_bytes)
        return RD_FAIL(err, RD_E_LIMIT, "'%s' has %zu bytes; at most %zu are read",
            rd_text_safe_in(shown, sizeof(shown), name), size, limits->text_bytes);
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (!rd_text_is_utf8(text, size, &bad))
        return rd_doc_fail(name, mark_of(text, bad), err, "byte 0x%02x at offset %zu is not UTF-8",
            (unsigned char)text[bad], bad + (size_t)(text - *text_io));
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 || c == '\t' || c == '\n')
            continue;
        if (c == '\r' && i + 1 < size && text[i + 1] == '\n')
            continue;
        if (c == '\r')
            return rd_doc_fail(name, mark_of(text, i), err,
                "a carriage return without line feed; lines end with LF or CR LF");
        return rd_doc_fail(
            name, mark_of(text, i), err, "control character 0x%02x is not allowed", c);
    }
    *text_io = text;
    *size_io = size;
    return RD_OK;
}

/* A place on the stack for one more node, with the waiting key on it. */
static rd_status push(
    struct rd_doc_tree *t, enum rd_doc_kind kind, struct rd_doc_mark at, struct rd_doc **node_out)
{
    struct rd_doc *node;

    if (t->made >= t->limits->nodes)
        return RD_FAIL(t->err, RD_E_LIMIT, "line %d: more than %zu values in one document", at.line,
            t->limits->nodes);
    if (t->n == t->cap) {
        const size_t cap = t->cap ? 2 * t->cap : 64;
        struct rd_doc *grown = rd_realloc(t->stack, cap * sizeof(*grown));
        if (!grown)
            return RD_FAIL(t->err, RD_E_MEMORY, "out of memory reading line %d", at.line);
        t->stack = grown;
        t->cap = cap;
    }
    node = &t->stack[t->n++];
    memset(node, 0, sizeof(*node));
    node->kind = kind;
    node->line = at.line;
    node->column = at.column;
    node->key = t->key;
    node->key_line = t->key_at.line;
    node->key_column = t->key_at.column;
    t->key = NULL;
    t->key_at = (struct rd_doc_mark){ 0, 0 };
    t->made++;
    *node_out = node;
    return RD_OK;
}

rd_status rd_doc_tree_open(struct rd_doc_tree *t, enum rd_doc_kind kind, struct rd_doc_mark at)
{
    struct rd_doc *node;
    rd_status st;

    if (t->depth >= t->limits->depth)
        return RD_FAIL(t->err, RD_E_LIMIT, "line %d: values are nested deeper than %zu", at.line,
            t->limits->depth);
    if (t->depth == t->open_cap) {
        const size_t cap = t->open_cap ? 2 * t->open_cap : 16;
        size_t *grown = rd_realloc(t->open, cap * sizeof(*grown));
        if (!grown)
            return RD_FAIL(t->err, RD_E_MEMORY, "out of memory reading line %d", at.line);
        t->open = grown;
        t->open_cap = cap;
    }
    st = push(t, kind, at, &node);
    if (st)
        return st;
    t->open[t->depth++] = t->n - 1;
    return RD_OK;
}

static int by_key(const void *a, const void *b, void *user)
{
    const struct rd_doc *item = user;
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const int c = strcmp(item[x].key, item[y].key);

    return c ? c : (x > y) - (x < y);
}

static rd_status duplicate(
    struct rd_doc_tree *t, const struct rd_doc *first, const struct rd_doc *again)
{
    const struct rd_doc_mark at = { again->key_line, again->key_column };
    char key[64];

    return rd_doc_fail(t->name, at, t->err, "key '%s' stands twice in one map; first on line %d",
        rd_text_safe_in(key, sizeof(key), again->key), first->key_line);
}

/*
 * Keys are unique, or the earliest repetition is reported. Sorted rather than hashed: a file cannot
 * be written so that this takes more than n log n comparisons.
 */
static rd_status check_keys(struct rd_doc_tree *t, struct rd_doc *map)
{
    const struct rd_doc *item = map->item;
    uint32_t *order;
    size_t found = map->n, first = 0;

    if (map->n <= LINEAR_MAP) {
        for (size_t i = 1; i < map->n; i++) {
            for (size_t j = 0; j < i; j++) {
                if (strcmp(item[i].key, item[j].key) == 0)
                    return duplicate(t, &item[j], &item[i]);
            }
        }
        return RD_OK;
    }
    order = RD_NEW_ARRAY(t->arena, uint32_t, map->n);
    if (!order)
        return RD_FAIL(t->err, RD_E_MEMORY, "out of memory for a map of %zu members", map->n);
    for (size_t i = 0; i < map->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, map->n, sizeof(*order), by_key, map->item);
    for (size_t i = 1; i < map->n; i++) {
        if (strcmp(item[order[i - 1]].key, item[order[i]].key) == 0 && order[i] < found) {
            found = order[i];
            first = order[i - 1];
        }
    }
    if (found < map->n)
        return duplicate(t, &item[first], &item[found]);
    map->order = order;
    return RD_OK;
}

rd_status rd_doc_tree_close(struct rd_doc_tree *t)
{
    const size_t at = t->open[t->depth - 1], n = t->n - at - 1;
    struct rd_doc *node = &t->stack[at];

    node->n = n;
    if (n) {
        node->item = RD_NEW_ARRAY(t->arena, struct rd_doc, n);
        if (!node->item)
            return RD_FAIL(t->err, RD_E_MEMORY, "out of memory for %zu values", n);
        memcpy(node->item, node + 1, n * sizeof(*node));
    }
    t->depth--;
    t->n = at + 1;
    return node->kind == RD_DOC_MAP ? check_keys(t, node) : RD_OK;
}

static rd_status copy_text(struct rd_doc_tree *t, const char *text, size_t len,
    struct rd_doc_mark at, const char **copy_out)
{
    if (memchr(text, '\0', len))
        return rd_doc_fail(t->name, at, t->err, "text holds a NUL character");
    *copy_out = rd_arena_strndup(t->arena, text, len);
    if (!*copy_out)
        return RD_FAIL(t->err, RD_E_MEMORY, "out of memory for %zu bytes of text", len);
    return RD_OK;
}

rd_status rd_doc_tree_key(
    struct rd_doc_tree *t, const char *text, size_t len, struct rd_doc_mark at)
{
    t->key_at = at;
    return copy_text(t, text, len, at, &t->key);
}

rd_status rd_doc_tree_scalar(
    struct rd_doc_tree *t, const char *text, size_t len, bool quoted, struct rd_doc_mark at)
{
    const char *copy = NULL;
    struct rd_doc *node;
    rd_status st;

    if (text) {
        st = copy_text(t, text, len, at, &copy);
        if (st)
            return st;
    }
    st = push(t, text ? RD_DOC_SCALAR : RD_DOC_NULL, at, &node);
    if (st)
        return st;
    node->text = copy;
    node->text_len = len;
    node->quoted = quoted;
    return RD_OK;
}

bool rd_doc_tree_wants_key(const struct rd_doc_tree *t)
{
    return t->depth && !t->key && t->stack[t->open[t->depth - 1]].kind == RD_DOC_MAP;
}

rd_status rd_doc_tree_finish(struct rd_doc_tree *t, struct rd_doc **doc_out)
{
    struct rd_doc *doc;

    if (t->depth || t->n != 1)
        return RD_FAIL(t->err, RD_E_BUG, "document ended with %zu open collections", t->depth);
    doc = RD_NEW(t->arena, struct rd_doc);
    if (!doc)
        return RD_FAIL(t->err, RD_E_MEMORY, "out of memory for the document");
    *doc = t->stack[0];
    *doc_out = doc;
    return RD_OK;
}

void rd_doc_tree_release(struct rd_doc_tree *t)
{
    rd_free(t->stack);
    rd_free(t->open);
}

const struct rd_doc *rd_doc_get(const struct rd_doc *doc, const char *key)
{
    size_t low = 0, high;

    if (!doc || doc->kind != RD_DOC_MAP)
        return NULL;
    if (!doc->order) {
        for (size_t i = 0; i < doc->n; i++) {
            if (strcmp(doc->item[i].key, key) == 0)
                return &doc->item[i];
        }
        return NULL;
    }
    high = doc->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int c = strcmp(doc->item[doc->order[mid]].key, key);
        if (c == 0)
            return &doc->item[doc->order[mid]];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool is_plain(const struct rd_doc *doc)
{
    return doc && doc->kind == RD_DOC_SCALAR && !doc->quoted;
}

bool rd_doc_real(const struct rd_doc *doc, double *out)
{
    return is_plain(doc) && rd_text_to_double(doc->text, true, out);
}

bool rd_doc_int(const struct rd_doc *doc, int64_t *out)
{
    const char *digits;
    intmax_t v;
    char *end;

    if (!is_plain(doc))
        return false;
    digits = doc->text + (doc->text[0] == '-' || doc->text[0] == '+');
    if (*digits < '0' || *digits > '9') /* strtoimax would take leading space */
        return false;
    errno = 0;
    v = strtoimax(doc->text, &end, 10);
    if (errno || *end)
        return false;
    *out = v;
    return true;
}

bool rd_doc_bool(const struct rd_doc *doc, bool *out)
{
    if (!is_plain(doc) || (strcmp(doc->text, "true") != 0 && strcmp(doc->text, "false") != 0))
        return false;
    *out = doc->text[0] == 't';
    return true;
}

const char *rd_doc_text(const struct rd_doc *doc)
{
    return doc && doc->kind == RD_DOC_SCALAR ? doc->text : NULL;
}
