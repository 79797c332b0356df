/*
 * json_load.c - JSON from a stranger, refused before it costs anything.
 *
 * jansson descends as deep as the text does and takes about 40 bytes for each value of 2 bytes: so
 * depth and values are counted first, in one pass over the bytes.
 */
#include "target/protocol.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { DEPTH = 24 };

/* jansson does not always say that memory was what it lacked. */
static _Thread_local bool ran_out;

static void *take_memory(size_t size)
{
    void *p = rd_alloc(size);

    ran_out |= !p;
    return p;
}

static void use_our_memory(void)
{
    json_set_alloc_funcs(take_memory, rd_free);
}

static rd_status weigh(const char *what, const char *bytes, size_t size, struct rd_error *err)
{
    size_t depth = 0, values = 0;
    bool text = false;

    for (size_t i = 0; i < size; i++) {
        const char c = bytes[i];

        if (text) {
            if (c == '\\')
                i++;
            else
                text = c != '"';
            continue;
        }
        text = c == '"';
        values += c == ',' || c == '[' || c == '{';
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth)
            depth--;
        if (depth > DEPTH)
            return RD_FAIL(err, RD_E_LIMIT, "%s is nested more than %d deep", what, (int)DEPTH);
        if (values > rd_limits_default.nodes)
            return RD_FAIL(
                err, RD_E_LIMIT, "%s holds more than %zu values", what, rd_limits_default.nodes);
    }
    return RD_OK;
}

/* The usual reasons, by name. */
static rd_status no_json(
    const char *what, const char *bytes, size_t size, const json_error_t *e, struct rd_error *err)
{
    char start[48], safe[96];
    size_t skip = 0, len;

    if (ran_out)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %s", what);
    while (skip < size && bytes[skip] && strchr(" \t\r\n", bytes[skip]))
        skip++;
    len = size - skip < sizeof start - 1 ? size - skip : sizeof start - 1;
    memcpy(start, bytes + skip, len);
    start[len] = '\0';
    if (!len)
        return RD_FAIL(err, RD_E_INPUT, "%s is empty", what);
    rd_text_safe_in(safe, sizeof safe, start);
    if (start[0] == '<')
        return RD_FAIL(err, RD_E_INPUT, "%s is HTML or XML, not JSON: %s", what, safe);
    (void)RD_FAIL(err, RD_E_INPUT, "%s is no JSON: %s at line %d, column %d", what,
        rd_text_safe_in(safe, sizeof safe, e->text), e->line, e->column);
    if (strstr(e->text, "NaN") || strstr(e->text, "Infinity"))
        return rd_error_hint(err, "the model answers a number that is none; JSON has no such word");
    return RD_E_INPUT;
}

rd_status rd_json_load(
    const char *what, const char *bytes, size_t size, json_t **root_out, struct rd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t e = { 0 };
    json_t *root;
    rd_status st = weigh(what, bytes, size, err);

    if (st)
        return st;
    (void)pthread_once(&once, use_our_memory);
    ran_out = false;
    root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!root)
        return no_json(what, bytes, size, &e, err);
    *root_out = root;
    return RD_OK;
}
