/* problems - what is wrong with a file, collected with places and told in the order of the file. */
#include "base/text.h"
#include "system/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A hostile file may be wrong in a million places; nobody reads past these. */
enum { PROBLEMS_MAX = 10000, NEAR_MAX = 1000, NOTES_MAX = 200 };

bool rd_reader_grow(struct rd_reader *r, void **items, size_t *cap, size_t n, size_t size)
{
    const size_t want = *cap ? 2 * *cap : 16;
    void *bigger;

    if (n < *cap)
        return true;
    bigger = rd_arena_alloc(&r->scratch, want, size);
    if (!bigger) {
        r->no_memory = true;
        return false;
    }
    if (n)
        memcpy(bigger, *items, n * size);
    *items = bigger;
    *cap = want;
    return true;
}

static void put_crumb(struct rd_buf *b, const struct rd_crumb *crumb)
{
    char safe[80];

    if (!crumb)
        return;
    put_crumb(b, crumb->up);
    if (crumb->key)
        rd_buf_printf(
            b, "%s%s", b->len ? "." : "", rd_text_safe_in(safe, sizeof(safe), crumb->key));
    if (crumb->id)
        rd_buf_printf(b, "%s%s", b->len ? "." : "", rd_text_safe_in(safe, sizeof(safe), crumb->id));
    else if (crumb->index)
        rd_buf_printf(b, "[%zu]", crumb->index);
}

/* The words, in the arena of the result; NULL (and r->no_memory) without memory. */
static const char *words_of(struct rd_reader *r, const struct rd_crumb *crumb, const char *key,
    const char *near, const char *fmt, va_list ap)
{
    struct rd_buf b = { 0 };
    char safe[80];
    char *text;

    put_crumb(&b, crumb);
    if (key)
        rd_buf_printf(&b, "%s%s", b.len ? "." : "", rd_text_safe_in(safe, sizeof(safe), key));
    if (b.len)
        rd_buf_puts(&b, ": ");
    rd_buf_vprintf(&b, fmt, ap);
    if (near)
        rd_buf_printf(&b, "; did you mean '%s'?", rd_text_safe_in(safe, sizeof(safe), near));
    text = b.failed ? NULL : rd_arena_strdup(r->arena, rd_buf_text(&b));
    rd_buf_release(&b);
    if (!text)
        r->no_memory = true;
    return text;
}

static void add(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *near, const char *fmt, va_list ap)
{
    const char *text;

    if (r->n_problems == PROBLEMS_MAX) {
        r->more_problems++;
        return;
    }
    if (!rd_reader_grow(
            r, (void **)&r->problem, &r->cap_problems, r->n_problems, sizeof(*r->problem)))
        return;
    text = words_of(r, crumb, key, near, fmt, ap);
    if (text)
        r->problem[r->n_problems++] = (struct rd_problem){ at, text };
}

void rd_note_add(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *fmt, ...)
{
    const char *text;
    va_list ap;

    if (r->n_notes == NOTES_MAX ||
        !rd_reader_grow(r, (void **)&r->note, &r->cap_notes, r->n_notes, sizeof(*r->note)))
        return;
    va_start(ap, fmt);
    text = words_of(r, crumb, key, NULL, fmt, ap);
    va_end(ap);
    if (text)
        r->note[r->n_notes++] = (struct rd_problem){ at, text };
}

void rd_problem_add(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(r, at, crumb, key, NULL, fmt, ap);
    va_end(ap);
}

void rd_problem_near(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *word, const char *const *words, const char *fmt, ...)
{
    const char *near = NULL;
    va_list ap;

    /* Looking for a near word costs more than the rest of a line. */
    if (r->n_near < NEAR_MAX && strnlen(word, 65) < 65) {
        r->n_near++;
        near = rd_text_nearest(word, words);
    }
    va_start(ap, fmt);
    add(r, at, crumb, key, near, fmt, ap);
    va_end(ap);
}

const char *rd_found(const struct rd_doc *doc, char out[RD_FOUND])
{
    char safe[RD_FOUND - 24];

    switch (doc->kind) {
    case RD_DOC_NULL:
        return "nothing";
    case RD_DOC_LIST:
        return "a list";
    case RD_DOC_MAP:
        return "a map";
    case RD_DOC_SCALAR:
        break;
    }
    (void)snprintf(out, RD_FOUND, doc->quoted ? "the text '%s'" : "'%s'",
        rd_text_safe_in(safe, sizeof(safe), doc->text));
    return out;
}

const char *rd_words_in(char *out, size_t size, const char *const *words)
{
    size_t used = 0;

    out[0] = '\0';
    for (; *words && used < size; words++) {
        const char *sep = !used ? "" : words[1] ? ", " : " or ";
        const int n = snprintf(out + used, size - used, "%s%s", sep, *words);

        used += n < 0 ? size : (size_t)n;
    }
    return out;
}

static int by_place(const void *a, const void *b)
{
    const struct rd_problem *p = a, *q = b;

    if (p->at.line != q->at.line)
        return p->at.line < q->at.line ? -1 : 1;
    if (p->at.column != q->at.column)
        return p->at.column < q->at.column ? -1 : 1;
    return strcmp(p->text, q->text);
}

static rd_status keep_notes(struct rd_reader *r, struct rd_error *err)
{
    struct rd_problem *item = RD_NEW_ARRAY(r->arena, struct rd_problem, r->n_notes + 1);

    if (!item)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    if (r->n_notes) {
        qsort(r->note, r->n_notes, sizeof(*r->note), by_place);
        memcpy(item, r->note, r->n_notes * sizeof(*item));
    }
    r->system->notes = item;
    r->system->n_notes = r->n_notes;
    return RD_OK;
}

rd_status rd_problems_finish(struct rd_reader *r, struct rd_problems *out, struct rd_error *err)
{
    const size_t n = r->n_problems + (r->more_problems > 0);
    struct rd_problem *item;

    if (r->no_memory)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    if (!n)
        return keep_notes(r, err);
    qsort(r->problem, r->n_problems, sizeof(*r->problem), by_place);
    item = RD_NEW_ARRAY(r->arena, struct rd_problem, n);
    if (!item)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    memcpy(item, r->problem, r->n_problems * sizeof(*item));
    if (r->more_problems) {
        item[n - 1].at = item[n - 2].at;
        item[n - 1].text =
            rd_arena_printf(r->arena, "and %zu more problems, not listed", r->more_problems);
        if (!item[n - 1].text)
            return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    }
    if (out)
        *out = (struct rd_problems){ item, n };
    return RD_FAIL(
        err, RD_E_INPUT, "%s:%d:%d: %s", r->name, item[0].at.line, item[0].at.column, item[0].text);
}
