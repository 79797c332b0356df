/*
 * workshop_splice.c - where a value stands in the source, and what to write there.
 *
 * The reader of YAML tells where each key and value begins; where a value ends is found here, for
 * the ways in which files are written: plain and quoted scalars of one line, maps in braces, maps
 * by indentation. Anything else is refused with its place. What comes out is read again by the
 * caller, so a mistake here can spoil no file.
 */
#include "report/workshop_splice.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static rd_status refuse(const struct rd_splice *s, const struct rd_doc *at, const char *why)
{
    char safe[160];

    return RD_FAIL(s->run->err, RD_E_INPUT,
        "%s:%d:%d: %s; write it on one line, or change it there",
        rd_text_safe_in(safe, sizeof safe, s->file), at->line, at->column, why);
}

rd_status rd_splice_init(struct rd_splice *s, struct rd_run *run, const char *file,
    const void *bytes, size_t size, struct rd_arena *arena)
{
    struct rd_doc *doc;
    size_t n = 1;
    rd_status st = rd_doc_read_yaml(file, bytes, size, NULL, arena, &doc, run->err);

    *s = (struct rd_splice){
        .run = run, .arena = arena, .file = file, .text = bytes, .size = size, .newline = "\n"
    };
    if (st)
        return st;
    s->doc = doc;
    for (size_t i = 0; i < size; i++)
        n += s->text[i] == '\n';
    s->line = RD_NEW_ARRAY(arena, size_t, n + 1);
    if (!s->line)
        return rd_run_no_memory(run, "the lines of the file");
    /* A byte order mark is no column. */
    s->line[s->n_lines++] = size >= 3 && !memcmp(s->text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    for (size_t i = 0; i < size; i++)
        if (s->text[i] == '\n') {
            s->line[s->n_lines++] = i + 1;
            if (i && s->text[i - 1] == '\r')
                s->newline = "\r\n";
        }
    return RD_OK;
}

/* Offset of a place, whose columns count characters; the end of the text when it is not there. */
static size_t offset_of(const struct rd_splice *s, int line, int column)
{
    size_t at;

    if (line < 1 || (size_t)line > s->n_lines)
        return s->size;
    at = s->line[line - 1];
    for (int i = 1; i < column && at < s->size && s->text[at] != '\n'; i++)
        do
            at++;
        while (at < s->size && ((unsigned char)s->text[at] & 0xC0) == 0x80);
    return at;
}

static rd_status edit(struct rd_splice *s, size_t at, size_t len, const char *text)
{
    if (!text)
        return rd_run_no_memory(s->run, "a change of the file");
    if (s->n == s->max) {
        const size_t max = s->max ? 2 * s->max : 64;
        struct rd_splice_edit *bigger = RD_NEW_ARRAY(s->arena, struct rd_splice_edit, max);

        if (!bigger)
            return rd_run_no_memory(s->run, "the changes of the file");
        if (s->n)
            memcpy(bigger, s->edit, s->n * sizeof *bigger);
        s->edit = bigger;
        s->max = max;
    }
    s->edit[s->n] = (struct rd_splice_edit){ at, len, text, s->n };
    s->n++;
    return RD_OK;
}

/* --- spans --- */

/* Behind the closing quote of what begins at `at`; 0 when it does not end on its line. */
static size_t behind_quote(const struct rd_splice *s, size_t at)
{
    const char quote = s->text[at];

    for (size_t i = at + 1; i < s->size && s->text[i] != '\n'; i++) {
        if (quote == '"' && s->text[i] == '\\' && i + 1 < s->size && s->text[i + 1] != '\n')
            i++;
        else if (quote == '\'' && s->text[i] == quote && i + 1 < s->size && s->text[i + 1] == quote)
            i++;
        else if (s->text[i] == quote)
            return i + 1;
    }
    return 0;
}

/* The span of a scalar of one line. */
static rd_status span_of(
    const struct rd_splice *s, const struct rd_doc *v, size_t *at_out, size_t *len_out)
{
    const size_t at = offset_of(s, v->line, v->column);
    size_t end = 0;

    if (at < s->size && v->quoted && (s->text[at] == '"' || s->text[at] == '\''))
        end = behind_quote(s, at);
    else if (!v->quoted && s->size - at >= v->text_len &&
             !memcmp(s->text + at, v->text, v->text_len))
        end = at + v->text_len;
    if (end <= at)
        return refuse(s, v, "this value is not written on one line");
    *at_out = at;
    *len_out = end - at;
    return RD_OK;
}

static bool is_flow(const struct rd_splice *s, const struct rd_doc *map)
{
    const size_t at = offset_of(s, map->line, map->column);

    return at < s->size && s->text[at] == '{';
}

/* Behind the colon of a key that has no value. */
static rd_status behind_colon(const struct rd_splice *s, const struct rd_doc *v, size_t *at_out)
{
    size_t at = offset_of(s, v->key_line, v->key_column);

    if (at < s->size && (s->text[at] == '"' || s->text[at] == '\''))
        at = behind_quote(s, at);
    else
        at += strlen(v->key);
    while (at && at < s->size && (s->text[at] == ' ' || s->text[at] == '\t'))
        at++;
    if (!at || at >= s->size || s->text[at] != ':')
        return refuse(s, v, "nothing is written here, and where it would go is not clear");
    *at_out = at + 1;
    return RD_OK;
}

static const char *blanks(struct rd_splice *s, int column)
{
    return rd_arena_printf(s->arena, "%*s", column > 1 ? column - 1 : 0, "");
}

/* A line of its own behind the line of v, at the column of v's key. */
static rd_status add_line(
    struct rd_splice *s, const struct rd_doc *v, const char *key, const char *yaml)
{
    const char *indent = blanks(s, v->key_column);
    const bool last = (size_t)v->line >= s->n_lines;
    const size_t at = last ? s->size : s->line[v->line];

    if (!indent)
        return rd_run_no_memory(s->run, "a change of the file");
    return edit(s, at, 0,
        last ? rd_arena_printf(s->arena, "%s%s%s: %s", s->newline, indent, key, yaml)
             : rd_arena_printf(s->arena, "%s%s: %s%s", indent, key, yaml, s->newline));
}

/* --- maps --- */

/* Whose it is, behind what it is called: the last of id and name that open the map, each a scalar
 * of one line; NULL where it opens with something else. */
static const struct rd_doc *title_of(const struct rd_splice *s, const struct rd_doc *map)
{
    const struct rd_doc *title = NULL;

    for (size_t i = 0; i < map->n; i++) {
        const struct rd_doc *v = &map->item[i];
        struct rd_run quiet = *s->run;
        struct rd_splice look = *s;
        size_t at, len;

        quiet.err = NULL; /* it is no error, another place will do */
        look.run = &quiet;
        if ((strcmp(v->key, "id") != 0 && strcmp(v->key, "name") != 0) ||
            v->kind != RD_DOC_SCALAR || v->line != v->key_line || span_of(&look, v, &at, &len))
            break;
        title = v;
    }
    return title;
}

static rd_status add_member(
    struct rd_splice *s, const struct rd_doc *map, const char *key, const char *yaml)
{
    const struct rd_doc *first = map->n ? &map->item[0] : NULL, *title = title_of(s, map);
    const char *indent;
    size_t at, len;

    if (!first) { /* {} */
        at = offset_of(s, map->line, map->column);
        for (len = 1; at + len < s->size && s->text[at + len] == ' '; len++)
            ;
        if (at + len >= s->size || s->text[at] != '{' || s->text[at + len] != '}')
            return refuse(s, map, "this empty map is not written as {}");
        return edit(s, at, len + 1, rd_arena_printf(s->arena, "{%s: %s}", key, yaml));
    }
    if (title && !is_flow(s, map))
        return add_line(s, title, key, yaml);
    if (title && !span_of(s, title, &at, &len))
        return edit(s, at + len, 0, rd_arena_printf(s->arena, ", %s: %s", key, yaml));
    at = offset_of(s, first->key_line, first->key_column);
    if (is_flow(s, map))
        return edit(s, at, 0, rd_arena_printf(s->arena, "%s: %s, ", key, yaml));
    /* Behind the first member, so that its comment and those of the next stay where they are. */
    if (first->kind == RD_DOC_SCALAR && first->line == first->key_line &&
        !span_of(s, first, &at, &len))
        return add_line(s, first, key, yaml);
    if (s->run->err)
        *s->run->err = (struct rd_error){ 0 };
    at = offset_of(s, first->key_line, first->key_column);
    indent = blanks(s, first->key_column);
    return indent ? edit(s, at, 0,
                        rd_arena_printf(s->arena, "%s: %s%s%s", key, yaml, s->newline, indent))
                  : rd_run_no_memory(s->run, "a change of the file");
}

static rd_status set_member(
    struct rd_splice *s, const struct rd_doc *map, const char *key, const char *yaml)
{
    const struct rd_doc *v = rd_doc_get(map, key);
    size_t at, len;
    rd_status st;

    if (!v)
        return add_member(s, map, key, yaml);
    if (v->kind == RD_DOC_NULL) {
        if (v->line != v->key_line || v->column != v->key_column)
            return refuse(s, v, "null stands here");
        st = behind_colon(s, v, &at);
        return st ? st : edit(s, at, 0, rd_arena_printf(s->arena, " %s", yaml));
    }
    if (v->kind != RD_DOC_SCALAR)
        return refuse(s, v, "a list or a map stands here");
    st = span_of(s, v, &at, &len);
    return st ? st : edit(s, at, len, yaml);
}

static const struct rd_doc *map_of(const struct rd_splice *s, const struct rd_workshop_item *item)
{
    const bool is_scenario = !strcmp(item->section, "scenarios");
    const struct rd_doc *top = is_scenario ? rd_doc_get(s->doc, "risk") : s->doc;
    const struct rd_doc *section = rd_doc_get(top, item->section);

    if (item->index == RD_NONE)
        return section && section->kind == RD_DOC_MAP ? section : NULL;
    if (!section || section->kind != RD_DOC_LIST || (size_t)item->index >= section->n ||
        section->item[item->index].kind != RD_DOC_MAP)
        return NULL;
    return &section->item[item->index];
}

const struct rd_doc *rd_splice_value(const struct rd_splice *s, const struct rd_workshop_item *item)
{
    const struct rd_doc *v = map_of(s, item);

    for (int i = 0; i < 2 && item->key[i] && v; i++)
        v = rd_doc_get(v, item->key[i]);
    return v;
}

/* The map in which the last key is to be set; *rest_out: a map on the way is missing, and so the
 * text of what is to be set at the key before. */
static rd_status set_at(struct rd_splice *s, const struct rd_workshop_item *item, const char *yaml)
{
    const struct rd_doc *map = map_of(s, item), *inner;
    const char *braces;

    if (!map)
        return RD_FAIL(
            s->run->err, RD_E_INPUT, "%s: there is no '%s' in the file", s->file, item->id);
    if (!item->key[1])
        return set_member(s, map, item->key[0], yaml);
    inner = rd_doc_get(map, item->key[0]);
    if (inner && inner->kind == RD_DOC_MAP)
        return set_member(s, inner, item->key[1], yaml);
    braces = rd_arena_printf(s->arena, "{%s: %s}", item->key[1], yaml);
    return braces ? set_member(s, map, item->key[0], braces)
                  : rd_run_no_memory(s->run, "a change of the file");
}

rd_status rd_splice_set(struct rd_splice *s, const struct rd_workshop_item *item, const char *yaml)
{
    return set_at(s, item, yaml);
}

/* --- ranges --- */

rd_status rd_splice_set_range(struct rd_splice *s, const struct rd_workshop_item *item,
    const char *low, const char *high, const char *by, const char *date)
{
    const char *const key[] = { "low", "high", "provenance", "by", "date" };
    const char *const text[] = { low, high, "expert", by, date };
    const struct rd_doc *v = rd_splice_value(s, item), *anchor;
    struct rd_buf missing = { 0 };
    rd_status st = RD_OK;

    if (!v || v->kind != RD_DOC_MAP)
        return set_at(s, item,
            rd_arena_printf(s->arena, "{low: %s, high: %s, provenance: expert, by: %s, date: %s}",
                low, high, by, date));
    anchor = rd_doc_get(v, "provenance") ? rd_doc_get(v, "provenance") : rd_doc_get(v, "high");
    if (!anchor || anchor->kind != RD_DOC_SCALAR)
        return refuse(s, v, "this range has no 'high'");
    for (size_t i = 0; i < 5 && !st; i++) {
        if (rd_doc_get(v, key[i]) != NULL && rd_doc_get(v, key[i]) != anchor)
            st = set_member(s, v, key[i], text[i]);
        else if (!rd_doc_get(v, key[i]) && is_flow(s, v))
            rd_buf_printf(&missing, ", %s: %s", key[i], text[i]);
        else if (!rd_doc_get(v, key[i]))
            st = add_line(s, anchor, key[i], text[i]);
    }
    if (!st && missing.failed)
        st = rd_run_no_memory(s->run, "a change of the file");
    if (!st)
        st = set_member(s, v, anchor->key,
            rd_arena_printf(s->arena, "%s%s", !strcmp(anchor->key, "high") ? high : "expert",
                rd_buf_text(&missing)));
    rd_buf_release(&missing);
    return st;
}

/* --- the whole --- */

static int by_place(const void *x, const void *y)
{
    const struct rd_splice_edit *a = x, *b = y;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

rd_status rd_splice_finish(struct rd_splice *s, const char **text_out, size_t *size_out)
{
    struct rd_buf out = { 0 };
    size_t copied = 0;
    char *text;

    if (s->n)
        qsort(s->edit, s->n, sizeof *s->edit, by_place);
    for (size_t i = 0; i < s->n; i++) {
        if (s->edit[i].at < copied || s->edit[i].at + s->edit[i].len > s->size) {
            rd_buf_release(&out);
            return RD_FAIL(s->run->err, RD_E_BUG, "two changes of '%s' meet", s->file);
        }
        rd_buf_put(&out, s->text + copied, s->edit[i].at - copied);
        rd_buf_puts(&out, s->edit[i].text);
        copied = s->edit[i].at + s->edit[i].len;
    }
    rd_buf_put(&out, s->text + copied, s->size - copied);
    text = out.failed ? NULL : rd_arena_strndup(s->arena, rd_buf_text(&out), out.len);
    *size_out = out.len;
    *text_out = text;
    rd_buf_release(&out);
    return text ? RD_OK : rd_run_no_memory(s->run, "the new file");
}
