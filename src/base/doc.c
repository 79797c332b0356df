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

/* libfyaml writes to stderr unless it is given somewhere else to write. */
static void drop(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static bool is_one_of(const char *text, size_t len, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return true;
    }
    return false;
}

/*
 * What libfyaml takes quadratic time for is refused before it sees it: lines that begin with '%'
 * (directives, which we do not accept anyway, and what only looks like one) and endless blank space
 * between tokens (measured: about 1 ns times the square of each run, so that BLANK_COST stands for
 * some seconds).
 */
static rd_status refuse_slow(const char *name, const char *text, size_t size, struct rd_error *err)
{
    enum { BLANK_FREE = 64 };
    const uint64_t BLANK_COST = 4000000000;
    struct rd_doc_mark at = { 1, 1 };
    uint64_t cost = 0, run = 0;

    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
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

static rd_status take_scalar(struct rd_doc_tree *t, struct fy_event *event, struct rd_doc_mark at)
{
    static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const old_bools[] = { "on", "On", "ON", "off", "Off", "OFF", NULL };
    struct fy_token *token = event->scalar.value;
    const bool plain = fy_token_scalar_style(token) == FYSS_PLAIN;
    size_t len = 0;
    const char *text = fy_token_get_text(token, &len);
    rd_status st = refuse_decoration(t, event->scalar.anchor, event->scalar.tag, at);

    if (st)
        return st;
    if (!text)
        return RD_FAIL(t->err, RD_E_MEMORY, "out of memory reading line %d", at.line);
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
    struct rd_doc_tree *t, struct fy_event *event, struct rd_doc_mark at, size_t *documents)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if ((*documents)++)
            return rd_doc_fail(
                t->name, at, t->err, "a second document begins here; one is accepted");
        return RD_OK;
    case FYET_SCALAR:
        return take_scalar(t, event, at);
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

static rd_status read_events(struct rd_doc_tree *t, struct fy_parser *parser, struct fy_diag *diag)
{
    struct rd_doc_mark last = { 1, 1 };
    size_t documents = 0;
    struct fy_event *event;

    while ((event = fy_parser_parse(parser)) != NULL) {
        const bool ends = event->type == FYET_STREAM_END;
        rd_status st;

        last = mark_of(event, last);
        st = take(t, event, last, &documents);
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
    struct rd_doc_tree tree = {
        .name = name,
        .limits = limits ? limits : &rd_limits_default,
        .arena = arena,
        .err = err,
    };
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = {
        .search_path = "",
        .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
                 FYPCF_DISABLE_DEPTH_LIMIT, /* ours is checked at each opening */
    };
    const char *text = size ? bytes : "";
    struct fy_parser *parser = NULL;
    rd_status st = rd_doc_check_text(name, &text, &size, tree.limits, err);

    if (!st)
        st = refuse_slow(name, text, size, err);
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
    if (!parser || fy_parser_set_string(parser, text, size))
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory for the YAML reader");
    else
        st = read_events(&tree, parser, cfg.diag);
    if (!st)
        st = rd_doc_tree_finish(&tree, doc_out);
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(cfg.diag);
    rd_doc_tree_release(&tree);
    return st;
}
