/*
 * migrate - older files, read as if they were written today.
 *
 * Each step of the table brings a document from one version to the next. A step only asks for
 * changes through rename_key(), which changes the tree and notes where the source must change, so
 * `redoubt check` (in memory) and `redoubt migrate` (in the file, comments kept) cannot disagree.
 *
 * Version 0 is the draft before the first release. It differs from version 1 in three words:
 * `components` for `elements`, `zones` for `boundaries`, and `zone` for an element's `boundary`.
 */
#include "base/alloc.h"
#include "base/text.h"
#include "system/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct edit { /* replace old, which stands at a place of the source, by new */
    struct rd_place at;
    const char *old, *new;
};
struct migration {
    struct rd_doc *doc;
    struct rd_arena *arena;
    struct edit *edit; /* NULL: nobody wants to know */
    size_t n, cap;
    bool no_memory;
};

static void note_edit(struct migration *m, struct rd_place at, const char *old, const char *new)
{
    if (m->n == m->cap) {
        const size_t cap = m->cap ? 2 * m->cap : 64;
        struct edit *bigger = RD_NEW_ARRAY(m->arena, struct edit, cap);

        if (!bigger) {
            m->no_memory = true;
            return;
        }
        if (m->n)
            memcpy(bigger, m->edit, m->n * sizeof(*bigger));
        m->edit = bigger;
        m->cap = cap;
    }
    m->edit[m->n++] = (struct edit){ at, old, new };
}

static struct rd_doc *member(struct rd_doc *map, const char *key)
{
    for (size_t i = 0; map && map->kind == RD_DOC_MAP && i < map->n; i++) {
        if (strcmp(map->item[i].key, key) == 0)
            return &map->item[i];
    }
    return NULL;
}

/* When both spellings are there, nothing is renamed: the reader will say that the old one is
 * unknown. */
static void rename_key(struct migration *m, struct rd_doc *map, const char *old, const char *new)
{
    struct rd_doc *d = member(map, old);

    if (!d || member(map, new))
        return;
    note_edit(m, (struct rd_place){ d->key_line, d->key_column }, old, new);
    d->key = new;
    map->order = NULL; /* it was sorted by the old name */
}

static void from_0(struct migration *m)
{
    struct rd_doc *elements;

    rename_key(m, m->doc, "zones", "boundaries");
    rename_key(m, m->doc, "components", "elements");
    elements = member(m->doc, "elements");
    for (size_t i = 0; elements && elements->kind == RD_DOC_LIST && i < elements->n; i++)
        rename_key(m, &elements->item[i], "zone", "boundary");
}

/* One row a version that is no longer written: how it becomes the next. */
static void (*const steps[RD_SYSTEM_VERSION])(struct migration *m) = {
    [0] = from_0,
};

/* All steps from the version that the file says. */
static void run_steps(struct migration *m, int64_t version)
{
    for (; version < RD_SYSTEM_VERSION; version++)
        steps[version](m);
}

/* The version, or -1 and in words what is wrong with it. */
static int64_t version_of(const struct rd_doc *doc, char *why, size_t size)
{
    const struct rd_doc *v = rd_doc_get(doc, "version");
    char found[RD_FOUND];
    int64_t version;

    if (!v) {
        (void)snprintf(
            why, size, "key 'version' is missing: write 'version: %d'", RD_SYSTEM_VERSION);
        return -1;
    }
    if (!rd_doc_int(v, &version) || version < 0) {
        (void)snprintf(
            why, size, "expected version: %d, found %s", RD_SYSTEM_VERSION, rd_found(v, found));
        return -1;
    }
    if (version > RD_SYSTEM_VERSION) {
        (void)snprintf(why, size,
            "the file is of version %lld, and this program reads up to version %d: it needs a "
            "newer Redoubt",
            (long long)version, RD_SYSTEM_VERSION);
        return -1;
    }
    return version;
}

bool rd_migrate_doc(struct rd_reader *r, struct rd_doc *doc)
{
    struct migration m = { .doc = doc, .arena = &r->scratch };
    const struct rd_doc *v = rd_doc_get(doc, "version");
    char why[200];
    int64_t version = RD_SYSTEM_VERSION;

    if (doc->kind == RD_DOC_MAP && !(r->options->fragment && !v)) {
        version = version_of(doc, why, sizeof(why));
        if (version < 0) {
            rd_problem_add(r, rd_place_of(v ? v : doc), NULL, "version", "%s", why);
            return false;
        }
    }
    run_steps(&m, version);
    r->system->version = (int)version;
    r->no_memory = r->no_memory || m.no_memory;
    return true;
}

/* --- in the file --- */

static int by_edit_place(const void *a, const void *b)
{
    const struct edit *p = a, *q = b;

    if (p->at.line != q->at.line)
        return p->at.line < q->at.line ? -1 : 1;
    return (p->at.column > q->at.column) - (p->at.column < q->at.column);
}

/* Offset of a place, whose columns count characters; walks on from *offset at *now. */
static size_t walk_to(
    const char *text, size_t size, size_t offset, struct rd_place *now, struct rd_place to)
{
    while (offset < size &&
           (now->line < to.line || (now->line == to.line && now->column < to.column))) {
        if (text[offset] == '\n') {
            now->line++;
            now->column = 1;
            offset++;
            continue;
        }
        do {
            offset++;
        } while (offset < size && ((unsigned char)text[offset] & 0xC0) == 0x80);
        now->column++;
    }
    return offset;
}

/* Copy the source, with each edit's span replaced; every span must hold what the edit expects. */
static rd_status splice(const char *name, const char *text, size_t size, const struct migration *m,
    struct rd_buf *out, struct rd_error *err)
{
    struct rd_place now = { 1, 1 };
    size_t offset = 0, copied = 0;

    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        offset = 3; /* a byte order mark is no column */
    for (size_t i = 0; i < m->n; i++) {
        const struct edit *e = &m->edit[i];
        const size_t len = strlen(e->old);

        offset = walk_to(text, size, offset, &now, e->at);
        if (offset < size && (text[offset] == '"' || text[offset] == '\'')) {
            offset++;
            now.column++;
        }
        if (size - offset < len || memcmp(text + offset, e->old, len) != 0)
            return RD_FAIL(err, RD_E_INPUT,
                "%s:%d:%d: expected to find '%s' written plainly here, so that it can be replaced "
                "by '%s'",
                name, e->at.line, e->at.column, e->old, e->new);
        rd_buf_put(out, text + copied, offset - copied);
        rd_buf_puts(out, e->new);
        offset += len;
        now.column += (int)len;
        copied = offset;
    }
    rd_buf_put(out, text + copied, size - copied);
    return out->failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory for the new text of '%s'", name)
                       : RD_OK;
}

rd_status rd_system_migrate_text(const char *name, const void *bytes, size_t size,
    struct rd_buf *out, int *from_out, bool *changed_out, struct rd_error *err)
{
    struct rd_arena arena = { .limit = rd_limits_default.memory_bytes };
    struct migration m = { .arena = &arena };
    const struct rd_doc *v;
    int64_t version = -1;
    char why[200], now[16];
    rd_status st = rd_doc_read_yaml(name, bytes, size, NULL, &arena, &m.doc, err);

    if (st)
        goto out;
    if (m.doc->kind != RD_DOC_MAP) {
        st = RD_FAIL(err, RD_E_INPUT, "%s: expected the keys of a system", name);
        goto out;
    }
    version = version_of(m.doc, why, sizeof(why));
    if (version < 0) {
        v = rd_doc_get(m.doc, "version");
        st =
            RD_FAIL(err, RD_E_INPUT, "%s:%d:%d: %s", name, v ? v->line : 1, v ? v->column : 1, why);
        goto out;
    }
    *from_out = (int)version;
    *changed_out = version < RD_SYSTEM_VERSION;
    if (!*changed_out)
        goto out;
    v = rd_doc_get(m.doc, "version");
    (void)snprintf(now, sizeof(now), "%d", RD_SYSTEM_VERSION);
    note_edit(&m, rd_place_of(v), v->text, now);
    run_steps(&m, version);
    if (m.no_memory) {
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory migrating '%s'", name);
        goto out;
    }
    qsort(m.edit, m.n, sizeof(*m.edit), by_edit_place);
    st = splice(name, bytes, size, &m, out, err);
out:
    rd_arena_release(&arena);
    return st;
}
