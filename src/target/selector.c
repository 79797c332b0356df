#include "target/selector.h"

#include "base/text.h"

#include <string.h>

/* --- text to steps --- */

struct reader {
    const char *text, *p;
    struct rd_arena *arena;
    struct rd_error *err;
};

static rd_status wrong(const struct reader *r, const char *what)
{
    char safe[96];

    return RD_FAIL(r->err, RD_E_USAGE, "selector '%s': %s at character %zu",
        rd_text_safe_in(safe, sizeof safe, r->text), what, (size_t)(r->p - r->text) + 1);
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '@' || (unsigned char)c >= 0x80;
}

static rd_status keep_name(
    struct reader *r, const char *start, size_t len, struct rd_selector_step *step)
{
    step->name = rd_arena_strndup(r->arena, start, len);
    return step->name ? RD_OK : RD_FAIL(r->err, RD_E_MEMORY, "no memory for a selector");
}

static rd_status read_name(struct reader *r, struct rd_selector_step *step)
{
    const char *start = r->p;

    while (plain(*r->p))
        r->p++;
    return r->p == start ? wrong(r, "a name is missing")
                         : keep_name(r, start, (size_t)(r->p - start), step);
}

static rd_status read_quoted(struct reader *r, struct rd_selector_step *step)
{
    const char quote = *r->p++, *start = r->p;

    while (*r->p && *r->p != quote)
        r->p++;
    if (!*r->p)
        return wrong(r, "the quote is never closed");
    return keep_name(r, start, (size_t)(r->p++ - start), step);
}

static rd_status read_index(struct reader *r, struct rd_selector_step *step)
{
    const char *start = r->p;

    for (; *r->p >= '0' && *r->p <= '9'; r->p++) {
        if (r->p - start == 9)
            return wrong(r, "the index is too large");
        step->index = 10 * step->index + (size_t)(*r->p - '0');
    }
    return r->p == start ? wrong(r, "an index, * or a quoted name is missing") : RD_OK;
}

static rd_status read_bracket(struct reader *r, struct rd_selector_step *step)
{
    rd_status st = RD_OK;

    r->p++;
    if (*r->p == '*') {
        step->every = true;
        r->p++;
    } else if (*r->p == '\'' || *r->p == '"') {
        st = read_quoted(r, step);
    } else {
        st = read_index(r, step);
    }
    if (!st && *r->p != ']')
        st = wrong(r, "a ] is missing");
    r->p += !st;
    return st;
}

rd_status rd_selector_parse(
    const char *text, struct rd_arena *arena, struct rd_selector *out, struct rd_error *err)
{
    struct reader r = { text, text, arena, err };
    rd_status st = RD_OK;

    *out = (struct rd_selector){ 0 };
    if (strlen(text) > RD_SELECTOR_TEXT)
        return RD_FAIL(
            err, RD_E_USAGE, "a selector has at most %d characters", (int)RD_SELECTOR_TEXT);
    out->text = rd_arena_strdup(arena, text);
    if (!out->text)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a selector");
    if (!rd_text_is_utf8(text, strlen(text), &(size_t){ 0 }))
        return wrong(&r, "bytes that are not UTF-8");
    r.p += *r.p == '$';
    while (!st && *r.p) {
        struct rd_selector_step *step = &out->step[out->n];

        if (out->n == RD_SELECTOR_STEPS)
            return wrong(&r, "more steps than 16");
        *step = (struct rd_selector_step){ .at = (int)(r.p - text) };
        if (*r.p == '[') {
            st = read_bracket(&r, step);
        } else if (*r.p == '.') {
            r.p++;
            st = read_name(&r, step);
        } else if (r.p == text) {
            st = read_name(&r, step);
        } else {
            st = wrong(&r, "a . or [ is missing");
        }
        out->n++;
    }
    return st;
}

/* --- steps through a document --- */

static const char *kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static rd_status missing(
    const struct rd_selector *s, size_t k, const json_t *v, struct rd_error *err)
{
    const struct rd_selector_step *step = &s->step[k];
    char safe[96], name[64];

    rd_text_safe_in(safe, sizeof safe, s->text);
    if (step->name)
        return RD_FAIL(err, RD_E_INPUT, "selector '%s': %s has no member '%s'", safe, kind_of(v),
            rd_text_safe_in(name, sizeof name, step->name));
    if (step->every)
        return RD_FAIL(
            err, RD_E_INPUT, "selector '%s': [*] meets %s, not a list", safe, kind_of(v));
    if (json_is_array(v))
        return RD_FAIL(err, RD_E_INPUT, "selector '%s': no item %zu in a list of %zu", safe,
            step->index, json_array_size(v));
    return RD_FAIL(err, RD_E_INPUT, "selector '%s': [%zu] meets %s, not a list", safe, step->index,
        kind_of(v));
}

/* A path has at most RD_SELECTOR_STEPS steps: so deep does this go. */
static rd_status walk(
    const struct rd_selector *s, size_t k, json_t *v, json_t **found_out, struct rd_error *err)
{
    const struct rd_selector_step *step = &s->step[k];
    json_t *list, *item;
    const char *key;
    rd_status st = RD_OK;
    size_t i;

    if (k == s->n) {
        *found_out = json_incref(v);
        return RD_OK;
    }
    if (!step->every) {
        item = step->name ? json_object_get(v, step->name) : json_array_get(v, step->index);
        return item ? walk(s, k + 1, item, found_out, err) : missing(s, k, v, err);
    }
    if (!json_is_array(v) && !json_is_object(v))
        return missing(s, k, v, err);
    list = json_array();
    if (!list)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a selection");
    if (json_is_array(v)) {
        json_t *one;

        for (i = 0; !st && i < json_array_size(v); i++) {
            st = walk(s, k + 1, json_array_get(v, i), &one, err);
            if (!st && json_array_append_new(list, one))
                st = RD_FAIL(err, RD_E_MEMORY, "no memory for a selection");
        }
    } else {
        json_object_foreach(v, key, item)
        {
            json_t *one;

            if (!st)
                st = walk(s, k + 1, item, &one, err);
            if (st)
                break;
            if (json_array_append_new(list, one))
                st = RD_FAIL(err, RD_E_MEMORY, "no memory for a selection");
        }
    }
    if (st)
        json_decref(list);
    else
        *found_out = list;
    return st;
}

rd_status rd_selector_apply(
    const struct rd_selector *s, json_t *root, json_t **found_out, struct rd_error *err)
{
    return walk(s, 0, root, found_out, err);
}
