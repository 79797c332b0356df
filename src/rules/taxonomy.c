/* taxonomy.c - reads catalog/taxonomies and answers whether an id is current. */
#include "rules/taxonomy.h"

#include "base/text.h"
#include "rules/threat.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 7, ROWS_MAX = 20000, IDS_MAX = 1024 };

static const char folder[] = "taxonomies/";
static const char header[] = "list,edition,kind,id,title,within,successor";

static bool is_taxonomy(const char *name)
{
    return !strncmp(name, folder, sizeof folder - 1);
}

static size_t count_lines(const struct rd_embedded *file)
{
    size_t n = 0;

    for (size_t i = 0; i < file->size; i++)
        n += file->data[i] == '\n';
    return n;
}

/*
 * One field as RFC 4180 has it, without line breaks inside quotes. *at stands on its first byte and
 * is moved behind it, onto ',', the line's end or the file's end. NULL: malformed, or no memory
 * (then *memory).
 */
static const char *read_field(
    const struct rd_embedded *file, size_t *at, struct rd_arena *arena, bool *memory)
{
    const char *text = (const char *)file->data;
    const size_t size = file->size;
    size_t i = *at, n = 0;
    char *out;

    if (i < size && text[i] == '"') {
        const char *end = memchr(text + i, '\n', size - i);

        out =
            rd_arena_alloc(arena, 1, end ? (size_t)(end - (text + i)) : size - i); /* of the line */
        if (!out) {
            *memory = true;
            return NULL;
        }
        for (i++; i < size && text[i] != '\n'; i++) {
            if (text[i] != '"')
                out[n++] = text[i];
            else if (i + 1 < size && text[i + 1] == '"')
                out[n++] = text[i++];
            else
                break;
        }
        if (i >= size || text[i] != '"')
            return NULL;
        i++;
        if (i < size && text[i] != ',' && text[i] != '\n')
            return NULL;
    } else {
        while (i < size && text[i] != ',' && text[i] != '\n' && text[i] != '"')
            i++;
        if (i < size && text[i] == '"')
            return NULL;
        out = rd_arena_strndup(arena, text + *at, i - *at);
        if (!out)
            *memory = true;
    }
    *at = i;
    return out;
}

static rd_status read_file(const struct rd_embedded *file, struct rd_arena *arena,
    struct rd_taxonomy_row *row, size_t *n, struct rd_error *err)
{
    const char *text = (const char *)file->data;
    const size_t head = sizeof header - 1;
    size_t at = head + 1, line = 1;

    if (file->size <= head || memcmp(text, header, head) != 0 || text[head] != '\n')
        return RD_FAIL(
            err, RD_E_INPUT, "catalog/%s:1: the first line must be '%s'", file->name, header);
    while (at < file->size) {
        const char *field[COLUMNS];
        bool memory = false;

        line++;
        for (int c = 0; c < COLUMNS; c++) {
            field[c] = read_field(file, &at, arena, &memory);
            if (memory)
                return RD_FAIL(err, RD_E_MEMORY, "no memory for catalog/%s", file->name);
            if (!field[c])
                return RD_FAIL(err, RD_E_INPUT, "catalog/%s:%zu: a quote stands where none may",
                    file->name, line);
            if (at < file->size && text[at] != (c + 1 < COLUMNS ? ',' : '\n'))
                return RD_FAIL(err, RD_E_INPUT, "catalog/%s:%zu: %d columns expected", file->name,
                    line, COLUMNS);
            if (at >= file->size && c + 1 < COLUMNS)
                return RD_FAIL(err, RD_E_INPUT, "catalog/%s:%zu: %d columns expected, found %d",
                    file->name, line, COLUMNS, c + 1);
            at++;
        }
        if (!*field[0] || !*field[1] || !*field[2] || !*field[3] || !*field[4])
            return RD_FAIL(err, RD_E_INPUT,
                "catalog/%s:%zu: list, edition, kind, id and title may not be empty", file->name,
                line);
        if (!strcmp(field[2], "retired") != (*field[6] != '\0'))
            return RD_FAIL(err, RD_E_INPUT,
                "catalog/%s:%zu: a successor belongs to kind 'retired', and only there", file->name,
                line);
        row[(*n)++] = (struct rd_taxonomy_row){ field[0], field[1], field[2], field[3], field[4],
            field[5], field[6] };
    }
    return RD_OK;
}

const char *const rd_stages[] = { "data", "training", "registry", "deployment", "inference",
    "monitoring", NULL };
const char *const rd_control_acts[] = { "prevent", "detect", "respond", NULL };

/* The word of the list that text begins with and that ends at `end`; NULL: none. */
static const char *word_at(const char *text, char end, const char *const *list)
{
    for (; *list; list++) {
        const size_t n = strlen(*list);

        if (!strncmp(text, *list, n) && text[n] == end)
            return *list;
    }
    return NULL;
}

static int by_kind(const void *a, const void *b)
{
    const struct rd_control_kind *p = a, *q = b;

    return strcmp(p->id, q->id);
}

/* What each kind of control does, and when: `within` of its row is "stage;acts". */
static rd_status read_controls(
    struct rd_taxonomies *t, struct rd_arena *arena, struct rd_error *err)
{
    struct rd_control_kind *kind = RD_NEW_ARRAY(arena, struct rd_control_kind, t->n + 1);
    size_t n = 0;

    if (!kind)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the control kinds");
    for (size_t i = 0; i < t->n; i++) {
        const struct rd_taxonomy_row *r = &t->row[i];
        const char *rest = strchr(r->within, ';'), *stage, *acts;

        if (strcmp(r->list, RD_CONTROLS_LIST) != 0)
            continue;
        stage = word_at(r->within, ';', rd_stages);
        acts = rest ? word_at(rest + 1, '\0', rd_control_acts) : NULL;
        if (!stage || !acts) {
            char found[64];

            (void)RD_FAIL(err, RD_E_INPUT,
                "catalog/taxonomies/controls.csv: %s: expected a stage and prevent, detect or "
                "respond in column 'within', found '%s'",
                r->id, rd_text_safe_in(found, sizeof found, r->within));
            return rd_error_hint(err, "for example inference;detect");
        }
        kind[n++] = (struct rd_control_kind){ r->id, r->title, stage, acts };
    }
    qsort(kind, n, sizeof *kind, by_kind);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(kind[i - 1].id, kind[i].id))
            return RD_FAIL(err, RD_E_INPUT,
                "catalog/taxonomies/controls.csv: two kinds are called '%s'", kind[i].id);
    t->control = kind;
    t->n_controls = n;
    return RD_OK;
}

rd_status rd_taxonomies_read(const struct rd_embedded *catalog, struct rd_arena *arena,
    struct rd_taxonomies *taxonomies_out, struct rd_error *err)
{
    struct rd_taxonomy_row *row;
    size_t room = 0, n = 0;

    for (const struct rd_embedded *f = catalog; f->name; f++)
        if (is_taxonomy(f->name))
            room += count_lines(f) + 1;
    if (room > ROWS_MAX)
        return RD_FAIL(err, RD_E_LIMIT, "catalog/taxonomies has %zu rows; at most %d are read",
            room, ROWS_MAX);
    row = RD_NEW_ARRAY(arena, struct rd_taxonomy_row, room + 1);
    if (!row)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the taxonomies");
    for (const struct rd_embedded *f = catalog; f->name; f++) {
        const rd_status st = is_taxonomy(f->name) ? read_file(f, arena, row, &n, err) : RD_OK;

        if (st)
            return st;
    }
    *taxonomies_out = (struct rd_taxonomies){ .row = row, .n = n };
    return read_controls(taxonomies_out, arena, err);
}

const struct rd_taxonomy_row *rd_taxonomy_find(
    const struct rd_taxonomies *taxonomies, const char *list, const char *edition, const char *id)
{
    for (size_t i = 0; i < taxonomies->n; i++) {
        const struct rd_taxonomy_row *r = &taxonomies->row[i];

        if (!strcmp(r->id, id) && !strcmp(r->list, list) &&
            (!edition || !strcmp(r->edition, edition)))
            return r;
    }
    return NULL;
}

/* Lists (id NULL) or current ids of one list and edition, nearest to word; NULL when none is near.
 */
static const char *nearest(
    const struct rd_taxonomies *t, const char *list, const char *edition, const char *word)
{
    const char *words[IDS_MAX + 1];
    size_t n = 0;

    for (size_t i = 0; i < t->n && n < IDS_MAX; i++) {
        const struct rd_taxonomy_row *r = &t->row[i];

        if (!list) {
            if (!n || strcmp(words[n - 1], r->list) != 0)
                words[n++] = r->list;
        } else if (!strcmp(r->list, list) && !strcmp(r->edition, edition) && !*r->successor) {
            words[n++] = r->id;
        }
    }
    words[n] = NULL;
    return rd_text_nearest(word, words);
}

/* Any edition of the list that has current ids; NULL: no such list. */
static const char *some_edition(const struct rd_taxonomies *t, const char *list, const char *wanted)
{
    const char *found = NULL;

    for (size_t i = 0; i < t->n; i++) {
        const struct rd_taxonomy_row *r = &t->row[i];

        if (strcmp(r->list, list) != 0 || *r->successor)
            continue;
        if (!strcmp(r->edition, wanted))
            return r->edition;
        found = r->edition;
    }
    return found;
}

rd_status rd_taxonomy_check(const struct rd_taxonomies *t, const char *where, const char *list,
    const char *edition, const char *id, const struct rd_taxonomy_row **row_out,
    struct rd_error *err)
{
    const struct rd_taxonomy_row *r = rd_taxonomy_find(t, list, edition, id), *other;
    const char *known = some_edition(t, list, edition), *near;
    char a[64], b[64];

    if (r && !*r->successor) {
        *row_out = r;
        return RD_OK;
    }
    if (!known) {
        near = nearest(t, NULL, NULL, list);
        (void)RD_FAIL(err, RD_E_INPUT, "%s: no list '%s' in catalog/taxonomies", where,
            rd_text_safe_in(a, sizeof a, list));
        return near ? rd_error_hint(err, "did you mean '%s'?", near) : RD_E_INPUT;
    }
    other = r ? r : rd_taxonomy_find(t, list, NULL, id);
    if (other && *other->successor)
        return RD_FAIL(err, RD_E_INPUT, "%s: %s (%s) was retired: its successor is %s in %s %s",
            where, other->id, other->title, other->successor, list, known);
    if (strcmp(known, edition) != 0) {
        return RD_FAIL(err, RD_E_INPUT, "%s: no edition '%s' of %s; there is '%s'", where,
            rd_text_safe_in(a, sizeof a, edition), list, other ? other->edition : known);
    }
    if (other)
        return RD_FAIL(err, RD_E_INPUT, "%s: %s is of edition '%s' of %s, not of '%s'", where,
            other->id, other->edition, list, edition);
    near = nearest(t, list, edition, id);
    (void)RD_FAIL(err, RD_E_INPUT, "%s: no id '%s' in %s %s", where,
        rd_text_safe_in(a, sizeof a, id), list, rd_text_safe_in(b, sizeof b, edition));
    return near ? rd_error_hint(err, "did you mean '%s'?", near) : RD_E_INPUT;
}
