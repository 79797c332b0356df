/*
 * doc.c - YAML in, by libfyaml's events.
 *
 * Events rather than libfyaml's documents: measured, those take 12 s for 16,000 keys in one map and
 * 4 GB for an alias bomb. Anchors and aliases are refused here at their first appearance, so
 * nothing can multiply.
 */
#include "base/doc.h"

#include "base/doc_tree.h"
#include "base/text.h"

#include <libfyaml.h>
#include <string.h>

struct reader {
    struct rd_doc_tree tree;
    const char *text; /* the source */
    size_t size;
    struct rd_buf quoted; /* the last single-quoted text */
};

/* libfyaml writes to stderr unless it is given somewhere else to write. */
static void drop(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_one_of(const char *text, size_t len, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return true;
    }
    return false;
}

/* Characters that some YAML readers take for line breaks or nothing, and others for text. */
static bool is_odd(const char *s, size_t left)
{
    const unsigned char c = (unsigned char)s[0];

    if (c < 0x7F)
        return false;
    if (c == 0x7F || (c == 0xC2 && left > 1 && (unsigned char)s[1] < 0xA0))
        return true;
    return left > 2 && (memcmp(s, "\xE2\x80\xA8", 3) == 0 || memcmp(s, "\xE2\x80\xA9", 3) == 0 ||
                           memcmp(s, "\xEF\xBB\xBF", 3) == 0);
}

/*
 * What libfyaml takes quadratic time for is refused before it sees it: lines that begin with '%'
 * (directives, which we do not accept anyway, and what only looks like one) and endless blank space
 * between tokens (measured: about 1 ns times the square of each run, so that BLANK_COST stands for
 * some seconds).
 */
static rd_status refuse_early(const char *name, const char *text, size_t size, struct rd_error *err)
{
    enum { BLANK_FREE = 64 };
    const uint64_t BLANK_COST = 4000000000;
    struct rd_doc_mark at = { 1, 1 };
    uint64_t cost = 0, run = 0;

    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (is_odd(text + i, size - i))
            return rd_doc_fail(name, at, err,
                "DEL, C1 controls, U+2028, U+2029 and U+FEFF are not accepted as they stand; "
                "write them as \\u.... in double quotes");
        if (c == '%' && (i == 0 || text[i - 1] == '\n'))
            return rd_doc_fail(
                name, at, err, "a line that begins with '%%'; directives are not accepted");
        run = c == ' ' || c == '\t' || c == '\n' || c == '\r' ? run + 1 : 0;
        cost += run > BLANK_FREE ? 2 * run : 0; /* adds up to the square */
        if (cost > BLANK_COST)
            return rd_doc_fail(name, at, err, "too much blank space");
        at.line += c == '\n';
    }
    return RD_OK;
}

/*
 * Where the first character of an event stands: libfyaml points behind opening quotes and '*'.
 * Values that are not written stand where the last thing stood.
 */
static struct rd_doc_mark mark_of(struct fy_event *event, struct rd_doc_mark last)
{
    const struct fy_mark *m = fy_event_start_mark(event);
    int before = 0;

    if (!m)
        return last;
    if (event->type == FYET_SCALAR) {
        const enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
        before = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    } else if (event->type == FYET_ALIAS) {
        before = 1;
    }
    return (struct rd_doc_mark){ m->line + 1, m->column + 1 - (m->column ? before : 0) };
}

static rd_status refuse_decoration(struct rd_doc_tree *t, const struct fy_token *anchor,
    const struct fy_token *tag, struct rd_doc_mark at)
{
    if (anchor)
        return rd_doc_fail(t->name, at, t->err, "anchors ('&name') are not accepted");
    if (tag)
        return rd_doc_fail(t->name, at, t->err, "tags ('!name') are not accepted");
    return RD_OK;
}

/*
 * What stands between single quotes, from the source: libfyaml 0.7.12 reads 'x''''y' as x''' and
 * leaks memory for it. Two quotes are one; a line break is a space, n of them are n - 1 breaks,
 * blanks around go. Source: YAML 1.2.2, sections 6.5 and 7.3.2.
 */
static rd_status read_single_quoted(struct reader *r, struct fy_token *token, struct rd_doc_mark at)
{
    const struct fy_mark *m = fy_token_start_mark(token);
    const char *s, *const end = r->text + r->size;
    size_t written; /* up to the last character that is no blank, or is not at the end of a line */

    if (!m || !m->input_pos || m->input_pos > r->size || r->text[m->input_pos - 1] != '\'')
        return RD_FAIL(
            r->tree.err, RD_E_BUG, "line %d: a quoted text is not where it was", at.line);
    r->quoted.len = 0;
    for (s = r->text + m->input_pos; s < end;) {
        size_t breaks = 0;
        const char *stop = s;

        while (stop < end && *stop != '\'' && *stop != '\n')
            stop++;
        rd_buf_put(&r->quoted, s, (size_t)(stop - s));
        s = stop;
        if (s == end || (*s == '\'' && (s + 1 == end || s[1] != '\'')))
            break;
        if (*s == '\'') {
            rd_buf_putc(&r->quoted, '\'');
            s += 2;
            continue;
        }
        written = r->quoted.len;
        while (written && is_blank(r->quoted.text[written - 1]))
            written--;
        r->quoted.len = written;
        for (; s < end && (is_blank(*s) || *s == '\n'); s++)
            breaks += *s == '\n';
        if (breaks == 1)
            rd_buf_putc(&r->quoted, ' ');
        for (; breaks > 1; breaks--)
            rd_buf_putc(&r->quoted, '\n');
    }
    if (r->quoted.failed)
        return RD_FAIL(r->tree.err, RD_E_MEMORY, "out of memory reading line %d", at.line);
    return RD_OK;
}

static rd_status take_scalar(struct reader *r, struct fy_event *event, struct rd_doc_mark at)
{
    static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const old_bools[] = { "on", "On", "ON", "off", "Off", "OFF", NULL };
    struct rd_doc_tree *const t = &r->tree;
    struct fy_token *token = event->scalar.value;
    const enum fy_scalar_style style = fy_token_scalar_style(token);
    const bool plain = style == FYSS_PLAIN;
    const char *text;
    size_t len = 0;
    rd_status st = refuse_decoration(t, event->scalar.anchor, event->scalar.tag, at);

    if (st)
        return st;
    if (style == FYSS_SINGLE_QUOTED) {
        st = read_single_quoted(r, token, at);
        if (st)
            return st;
        text = rd_buf_text(&r->quoted);
        len = r->quoted.len;
    } else {
        text = fy_token_get_text(token, &len);
        if (!text)
            return RD_FAIL(t->err, RD_E_MEMORY, "out of memory reading line %d", at.line);
    }
    if (rd_doc_tree_wants_key(t)) {
        if (plain && len == 0)
            return rd_doc_fail(t->name, at, t->err, "a key is missing before ':'");
        if (plain && len == 2 && memcmp(text, "<<", 2) == 0)
            return rd_doc_fail(t->name, at, t->err, "merge keys ('<<') are not accepted");
        return rd_doc_tree_key(t, text, len, at);
    }
    if (plain && is_one_of(text, len, null_words))
        return rd_doc_tree_scalar(t, NULL, 0, false, at);
    if (plain && is_one_of(text, len, old_bools))
        return rd_doc_fail(t->name, at, t->err,
            "'%.*s' means different things to different YAML readers; write yes, no or quotes",
            (int)len, text);
    return rd_doc_tree_scalar(t, text, len, !plain, at);
}

static rd_status take_collection(struct rd_doc_tree *t, enum rd_doc_kind kind,
    const struct fy_token *anchor, const struct fy_token *tag, struct rd_doc_mark at)
{
    const rd_status st = refuse_decoration(t, anchor, tag, at);

    if (st)
        return st;
    if (rd_doc_tree_wants_key(t))
        return rd_doc_fail(t->name, at, t->err, "a key must be text; found a %s",
            kind == RD_DOC_MAP ? "map" : "list");
    return rd_doc_tree_open(t, kind, at);
}

static rd_status take(
    struct reader *r, struct fy_event *event, struct rd_doc_mark at, size_t *documents)
{
    struct rd_doc_tree *const t = &r->tree;

    switch (event->type) {
    case FYET_DOCUMENT_START:
        if ((*documents)++)
            return rd_doc_fail(
                t->name, at, t->err, "a second document begins here; one is accepted");
        return RD_OK;
    case FYET_SCALAR:
        return take_scalar(r, event, at);
    case FYET_MAPPING_START:
        return take_collection(
            t, RD_DOC_MAP, event->mapping_start.anchor, event->mapping_start.tag, at);
    case FYET_SEQUENCE_START:
        return take_collection(
            t, RD_DOC_LIST, event->sequence_start.anchor, event->sequence_start.tag, at);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return rd_doc_tree_close(t);
    case FYET_ALIAS:
        return rd_doc_fail(t->name, at, t->err, "aliases ('*name') are not accepted");
    default:
        return RD_OK;
    }
}

/* The first thing that libfyaml found wrong. */
static rd_status syntax_error(
    const char *name, struct fy_diag *diag, struct rd_doc_mark last, struct rd_error *err)
{
    void *at = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
    char text[128];

    if (!e || !e->msg)
        return rd_doc_fail(name, last, err, "this is not YAML");
    return rd_doc_fail(name, (struct rd_doc_mark){ e->line, e->column }, err, "%s",
        rd_text_safe_in(text, sizeof(text), e->msg));
}

static rd_status read_events(struct reader *r, struct fy_parser *parser, struct fy_diag *diag)
{
    struct rd_doc_tree *const t = &r->tree;
    struct rd_doc_mark last = { 1, 1 };
    size_t documents = 0;
    struct fy_event *event;

    while ((event = fy_parser_parse(parser)) != NULL) {
        const bool ends = event->type == FYET_STREAM_END;
        rd_status st;

        last = mark_of(event, last);
        st = take(r, event, last, &documents);
        fy_parser_event_free(parser, event);
        if (st)
            return st;
        if (ends)
            break;
    }
    if (!event || fy_parser_get_stream_error(parser))
        return syntax_error(t->name, diag, last, t->err);
    if (!documents)
        return rd_doc_fail(t->name, (struct rd_doc_mark){ 1, 1 }, t->err, "the document is empty");
    return RD_OK;
}

rd_status rd_doc_read_yaml(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_doc **doc_out,
    struct rd_error *err)
{
    struct reader r = {
        .tree = { .name = name,
            .limits = limits ? limits : &rd_limits_default,
            .arena = arena,
            .err = err },
        .text = size ? bytes : "",
        .size = size,
    };
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = {
        .search_path = "",
        .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
                 FYPCF_DISABLE_DEPTH_LIMIT, /* ours is checked at each opening */
    };
    struct rd_limits yaml = *r.tree.limits;
    struct fy_parser *parser = NULL;
    rd_status st;

    yaml.text_bytes = yaml.text_bytes < RD_YAML_BYTES ? yaml.text_bytes : RD_YAML_BYTES;
    st = rd_doc_check_text(name, &r.text, &r.size, &yaml, err);
    if (!st)
        st = refuse_early(name, r.text, r.size, err);
    if (st)
        return st;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop;
    diag_cfg.colorize = false;
    cfg.diag = fy_diag_create(&diag_cfg);
    if (!cfg.diag)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for the YAML reader");
    fy_diag_set_collect_errors(cfg.diag, true);
    parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, r.text, r.size))
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory for the YAML reader");
    else
        st = read_events(&r, parser, cfg.diag);
    if (!st)
        st = rd_doc_tree_finish(&r.tree, doc_out);
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(cfg.diag);
    rd_doc_tree_release(&r.tree);
    rd_buf_release(&r.quoted);
    return st;
}
