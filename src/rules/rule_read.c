/* rule_read.c - one file of catalog/rules, read strictly: every key, every word, every id. */
#include "rules/rule.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TITLE_MAX = 72, LIST_MAX = 64, WHERE = 128 };

enum shape { TEXT, EXPRESSION, WORDS, SETTINGS, SEVERITY, NUMBER, REFERENCES, TESTS };
struct key {
    const char *name;
    enum shape shape;
    bool required;
    size_t at, at_n; /* in struct rd_rule: the value, and of lists the count */
};

#define ONE(nm, sh, req, field)                                                                    \
    {                                                                                              \
        nm, sh, req, offsetof(struct rd_rule, field), 0                                            \
    }
#define MANY(nm, sh, req, field)                                                                   \
    {                                                                                              \
        nm, sh, req, offsetof(struct rd_rule, field), offsetof(struct rd_rule, n_##field)          \
    }
/* In this order: what an expression needs stands before it. docs/rules.md explains each. */
static const struct key keys[] = {
    ONE("id", TEXT, true, id),
    ONE("title", TEXT, true, title),
    ONE("stride", TEXT, true, stride),
    ONE("stage", TEXT, true, stage),
    MANY("references", REFERENCES, true, references),
    MANY("cwe", WORDS, true, cwe),
    MANY("applies_to", WORDS, true, applies_to),
    ONE("when", EXPRESSION, true, when),
    ONE("why", TEXT, true, why),
    ONE("impact", TEXT, true, impact),
    ONE("false_positives", TEXT, true, false_positives),
    ONE("severity", SEVERITY, true, severity),
    ONE("severity_why", TEXT, true, severity_why),
    ONE("raise_when", EXPRESSION, false, raise_when),
    ONE("lower_when", EXPRESSION, false, lower_when),
    MANY("proved_by", WORDS, false, proved_by),
    ONE("criterion", NUMBER, false, criterion),
    MANY("prove_with", SETTINGS, false, prove_with),
    MANY("removed_by", WORDS, true, removed_by),
    MANY("mitigations", WORDS, true, mitigations),
    { "tests", TESTS, true, 0, 0 },
};
enum { KEYS = sizeof keys / sizeof *keys };

struct reader {
    struct rd_rule_code *code;
    const struct rd_taxonomies *taxonomies;
    struct rd_arena *arena;
    struct rd_error *err;
};

static const char *place(const struct reader *r, const struct rd_doc *doc, char out[WHERE])
{
    (void)snprintf(out, WHERE, "%s:%d:%d", r->code->file, doc->line, doc->column);
    return out;
}

#define FAIL(r, doc, ...) fail(r, doc, __VA_ARGS__)
static rd_status fail(const struct reader *r, const struct rd_doc *doc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static rd_status fail(const struct reader *r, const struct rd_doc *doc, const char *fmt, ...)
{
    struct rd_buf text = { .limit = RD_ERROR_TEXT };
    char where[WHERE];
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)RD_FAIL(r->err, RD_E_INPUT, "%s: %s", place(r, doc, where), rd_buf_text(&text));
    rd_buf_release(&text);
    return RD_E_INPUT;
}
static rd_status no_memory(const struct reader *r)
{
    return RD_FAIL(r->err, RD_E_MEMORY, "no memory for %s", r->code->file);
}

static rd_status unknown_key(
    const struct reader *r, const struct rd_doc *member, const char *const *known)
{
    const char *near = rd_text_nearest(member->key, known);
    char safe[64];

    (void)RD_FAIL(r->err, RD_E_INPUT, "%s:%d:%d: unknown key '%s'", r->code->file, member->key_line,
        member->key_column, rd_text_safe_in(safe, sizeof safe, member->key));
    return near ? rd_error_hint(r->err, "did you mean '%s'?", near) : RD_E_INPUT;
}

/* Blanks and line breaks become one blank each: a text is broken anew wherever it is shown. */
static rd_status read_text(
    const struct reader *r, const struct rd_doc *doc, const char *what, const char **out)
{
    const char *text = rd_doc_text(doc);
    char *copy;
    size_t n = 0;

    if (!text)
        return FAIL(r, doc, "%s: expected text", what);
    copy = rd_arena_strdup(r->arena, text);
    if (!copy)
        return no_memory(r);
    for (; *text; text++)
        if (*text != ' ' && *text != '\n' && *text != '\t')
            copy[n++] = *text;
        else if (n && copy[n - 1] != ' ')
            copy[n++] = ' ';
    n -= n && copy[n - 1] == ' ';
    copy[n] = '\0';
    if (!n)
        return FAIL(r, doc, "%s may not be empty", what);
    *out = copy;
    return RD_OK;
}

static rd_status list_of(const struct reader *r, const struct rd_doc *doc, const char *what)
{
    if (doc->kind != RD_DOC_LIST)
        return FAIL(r, doc, "%s: expected a list", what);
    if (doc->n > LIST_MAX)
        return FAIL(r, doc, "%s: at most %d entries, found %zu", what, LIST_MAX, doc->n);
    return RD_OK;
}

static rd_status read_words(const struct reader *r, const struct rd_doc *doc, const char *what,
    const char *const **out, size_t *n_out)
{
    const char **item;
    rd_status st = list_of(r, doc, what);

    if (st)
        return st;
    item = RD_NEW_ARRAY(r->arena, const char *, doc->n + 1);
    if (!item)
        return no_memory(r);
    for (size_t i = 0; i < doc->n; i++) {
        st = read_text(r, &doc->item[i], what, &item[i]);
        if (st)
            return st;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(item[k], item[i]))
                return FAIL(r, &doc->item[i], "%s: this entry stands there twice", what);
    }
    *out = item;
    *n_out = doc->n;
    return RD_OK;
}

static rd_status read_settings(const struct reader *r, const struct rd_doc *doc, const char *what,
    const struct rd_setting **out, size_t *n_out)
{
    struct rd_setting *item;

    if (doc->kind != RD_DOC_MAP || doc->n > LIST_MAX)
        return FAIL(r, doc, "%s: expected a map of at most %d settings", what, LIST_MAX);
    item = RD_NEW_ARRAY(r->arena, struct rd_setting, doc->n + 1);
    if (!item)
        return no_memory(r);
    for (size_t i = 0; i < doc->n; i++) {
        const rd_status st = read_text(r, &doc->item[i], what, &item[i].value);

        if (st)
            return st;
        item[i].name = rd_arena_strdup(r->arena, doc->item[i].key);
        if (!item[i].name)
            return no_memory(r);
        item[i].at = (struct rd_place){ doc->item[i].line, doc->item[i].column };
    }
    *out = item;
    *n_out = doc->n;
    return RD_OK;
}

static rd_status read_severity(
    const struct reader *r, const struct rd_doc *doc, enum rd_severity *out)
{
    const char *text = rd_doc_text(doc);

    return text && rd_severity_find(text, out)
               ? RD_OK
               : FAIL(r, doc, "severity: expected low, medium, high or critical");
}

static rd_status read_reference(
    const struct reader *r, const struct rd_doc *doc, struct rd_reference *out)
{
    static const char *const known[] = { "list", "edition", "id", NULL };
    const struct rd_taxonomy_row *row, *parent;
    const char *text[3] = { NULL };
    char where[WHERE];
    rd_status st;

    if (doc->kind != RD_DOC_MAP)
        return FAIL(r, doc, "references: expected {list: ..., edition: ..., id: ...}");
    for (size_t i = 0; i < doc->n; i++)
        if (strcmp(doc->item[i].key, "list") != 0 && strcmp(doc->item[i].key, "edition") != 0 &&
            strcmp(doc->item[i].key, "id") != 0)
            return unknown_key(r, &doc->item[i], known);
    for (int i = 0; i < 3; i++) {
        const struct rd_doc *member = rd_doc_get(doc, known[i]);

        if (!member)
            return FAIL(r, doc, "references: '%s' is missing", known[i]);
        st = read_text(r, member, known[i], &text[i]);
        if (st)
            return st;
    }
    st = rd_taxonomy_check(
        r->taxonomies, place(r, doc, where), text[0], text[1], text[2], &row, r->err);
    if (st)
        return st;
    parent = strcmp(row->kind, "sub-technique") == 0
                 ? rd_taxonomy_find(r->taxonomies, row->list, row->edition, row->within)
                 : NULL;
    *out = (struct rd_reference){ row->list, row->edition, row->id, row->title,
        parent ? parent->title : NULL };
    return RD_OK;
}

static rd_status read_references(const struct reader *r, const struct rd_doc *doc,
    const struct rd_reference **out, size_t *n_out)
{
    struct rd_reference *item;
    rd_status st = list_of(r, doc, "references");

    if (st)
        return st;
    if (!doc->n)
        return FAIL(r, doc, "references: at least one id of a published list");
    item = RD_NEW_ARRAY(r->arena, struct rd_reference, doc->n);
    if (!item)
        return no_memory(r);
    for (size_t i = 0; !st && i < doc->n; i++)
        st = read_reference(r, &doc->item[i], &item[i]);
    *out = item;
    *n_out = doc->n;
    return st;
}

static rd_status read_tests(const struct reader *r, struct rd_doc *doc)
{
    static const char *const known[] = { "vulnerable", "guarded", NULL };

    if (doc->kind != RD_DOC_MAP)
        return FAIL(r, doc, "tests: expected {vulnerable: ..., guarded: ...}");
    for (size_t i = 0; i < doc->n; i++) {
        struct rd_doc *member = &doc->item[i];
        const int twin = !strcmp(member->key, known[0])   ? RD_TWIN_VULNERABLE
                         : !strcmp(member->key, known[1]) ? RD_TWIN_GUARDED
                                                          : -1;

        if (twin < 0)
            return unknown_key(r, member, known);
        if (member->kind != RD_DOC_MAP)
            return FAIL(r, member, "tests.%s: expected a system as in redoubt.yaml", member->key);
        r->code->twin[twin] = member;
    }
    for (int i = 0; i < 2; i++)
        if (!r->code->twin[i])
            return FAIL(r, doc, "tests: '%s' is missing", known[i]);
    return RD_OK;
}

static rd_status read_value(const struct reader *r, const struct key *key, struct rd_doc *doc)
{
    char *base = (char *)&r->code->rule;
    void *at = base + key->at, *at_n = base + key->at_n;

    switch (key->shape) {
    case TEXT:
    case EXPRESSION:
        return read_text(r, doc, key->name, at);
    case WORDS:
        /* Said outright, as it is printed: `proved_by: none`. */
        if (!strcmp(key->name, "proved_by") && rd_doc_text(doc) &&
            !strcmp(rd_doc_text(doc), "none"))
            return RD_OK;
        return read_words(r, doc, key->name, at, at_n);
    case SETTINGS:
        return read_settings(r, doc, key->name, at, at_n);
    case SEVERITY:
        return read_severity(r, doc, at);
    case NUMBER:
        return rd_doc_real(doc, at) ? RD_OK : FAIL(r, doc, "%s: expected a number", key->name);
    case REFERENCES:
        return read_references(r, doc, at, at_n);
    case TESTS:
        return read_tests(r, doc);
    }
    return RD_FAIL(r->err, RD_E_BUG, "key '%s' has no shape", key->name);
}

static const char *nearest_row(const struct reader *r, const char *list, const char *word)
{
    const char *known[256];
    size_t n = 0;

    for (size_t i = 0; i < r->taxonomies->n && n < 255; i++)
        if (!strcmp(r->taxonomies->row[i].list, list))
            known[n++] = r->taxonomies->row[i].id;
    known[n] = NULL;
    return rd_text_nearest(word, known);
}

/* Each word must be an id of one of our own pinned lists. */
static rd_status check_ids(const struct reader *r, const struct rd_doc *doc, const char *list,
    const char *const *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *near;
        char safe[64];

        if (rd_taxonomy_find(r->taxonomies, list, NULL, word[i]))
            continue;
        near = nearest_row(r, list, word[i]);
        (void)FAIL(r, &doc->item[i], "%s: '%s' is not in catalog/taxonomies (%s)", doc->key,
            rd_text_safe_in(safe, sizeof safe, word[i]), list);
        return near ? rd_error_hint(r->err, "did you mean '%s'?", near) : RD_E_INPUT;
    }
    return RD_OK;
}

static rd_status check_applies_to(const struct reader *r, const struct rd_doc *doc)
{
    const struct rd_rule *rule = &r->code->rule;
    const char *known[128], *near;
    char safe[64];
    size_t n = 0;

    if (!rule->n_applies_to)
        return FAIL(r, doc, "applies_to: at least one element type, or flow");
    for (const struct rd_element_type *t = rd_element_types; t->name && n < 126; t++)
        known[n++] = t->name;
    known[n++] = "flow";
    known[n] = NULL;
    for (size_t i = 0; i < rule->n_applies_to; i++) {
        if (!strcmp(rule->applies_to[i], "flow") || rd_element_type_find(rule->applies_to[i]))
            continue;
        near = rd_text_nearest(rule->applies_to[i], known);
        (void)FAIL(r, &doc->item[i], "applies_to: no element type '%s'",
            rd_text_safe_in(safe, sizeof safe, rule->applies_to[i]));
        return near ? rd_error_hint(r->err, "did you mean '%s'?", near) : RD_E_INPUT;
    }
    return RD_OK;
}

/* What one key alone cannot say; the expressions last, since they need applies_to. */
static rd_status check(
    const struct reader *r, const struct rd_doc *doc, const char *stem, size_t stem_len)
{
    static const char stages[] = " data training registry deployment inference monitoring ";
    struct rd_rule_code *code = r->code;
    struct rd_rule *rule = &code->rule;
    char where[WHERE], word[32];
    rd_status st;

    if (strlen(rule->id) != stem_len || strncmp(rule->id, stem, stem_len) != 0)
        return FAIL(r, rd_doc_get(doc, "id"), "id: expected '%.*s', as the file is called",
            (int)stem_len, stem);
    for (const char *p = rule->id; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ||
                (*p == '-' && p != rule->id)) ||
            p - rule->id >= 64)
            return FAIL(
                r, rd_doc_get(doc, "id"), "id: lower-case letters, digits and '-', at most 64");
    if (strlen(rule->title) > TITLE_MAX || rule->title[strlen(rule->title) - 1] == '.')
        return FAIL(
            r, rd_doc_get(doc, "title"), "title: at most %d characters, no full stop", TITLE_MAX);
    for (const char *p = rule->stride; *p; p++) {
        const char letter[2] = { *p, '\0' };

        if (!rd_taxonomy_find(r->taxonomies, "STRIDE", NULL, letter) || strchr(p + 1, *p))
            return FAIL(
                r, rd_doc_get(doc, "stride"), "stride: letters of S, T, R, I, D, E, each once");
    }
    (void)snprintf(word, sizeof word, " %s ", rule->stage);
    if (!strstr(stages, word) || strchr(rule->stage, ' '))
        return FAIL(r, rd_doc_get(doc, "stage"),
            "stage: expected data, training, registry, deployment, inference or monitoring");
    st = check_ids(r, rd_doc_get(doc, "cwe"), "CWE", rule->cwe, rule->n_cwe);
    if (!st)
        st = check_ids(r, rd_doc_get(doc, "removed_by"), "Redoubt controls", rule->removed_by,
            rule->n_removed_by);
    if (!st)
        st = check_applies_to(r, rd_doc_get(doc, "applies_to"));
    if (st)
        return st;
    if (!rule->n_mitigations)
        return FAIL(r, rd_doc_get(doc, "mitigations"), "mitigations: at least one sentence");
    if ((rule->n_proved_by > 0) != !isnan(rule->criterion))
        return FAIL(r, doc, "criterion and proved_by: both or none");
    if (rule->n_prove_with && !rule->n_proved_by)
        return FAIL(r, doc, "prove_with: there is no proved_by");
    st = rd_rule_compile(code, r->taxonomies, place(r, rd_doc_get(doc, "when"), where), rule->when,
        false, r->arena, &code->when, r->err);
    if (!st && code->n_controls_named && rule->n_proved_by)
        return FAIL(r, rd_doc_get(doc, "when"),
            "when: names control '%s', but an attack proves this rule: only a re-test can tell "
            "what a "
            "control does",
            code->control_named[0]);
    if (!st && rule->raise_when)
        st = rd_rule_compile(code, r->taxonomies, place(r, rd_doc_get(doc, "raise_when"), where),
            rule->raise_when, true, r->arena, &code->raise, r->err);
    if (!st && rule->lower_when)
        st = rd_rule_compile(code, r->taxonomies, place(r, rd_doc_get(doc, "lower_when"), where),
            rule->lower_when, true, r->arena, &code->lower, r->err);
    return st;
}

rd_status rd_rule_read(const struct rd_embedded *file, const struct rd_taxonomies *taxonomies,
    struct rd_arena *arena, struct rd_rule_code **code_out, struct rd_error *err)
{
    const char *stem = strrchr(file->name, '/') ? strrchr(file->name, '/') + 1 : file->name;
    const size_t stem_len = strlen(stem) - (strlen(stem) > 5 ? 5 : 0); /* ".yaml" */
    struct reader r = { .taxonomies = taxonomies, .arena = arena, .err = err };
    const char *known[KEYS + 1] = { NULL };
    struct rd_doc *doc;
    rd_status st;

    r.code = RD_NEW(arena, struct rd_rule_code);
    /* What is built in is called as in the source tree; anything else by its own path. */
    if (!r.code || !(r.code->file = rd_arena_printf(arena, "%s%s",
                         strncmp(file->name, "rules/", 6) ? "" : "catalog/", file->name)))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the rule %s", file->name);
    r.code->rule.criterion = NAN;
    st = rd_doc_read_yaml(
        r.code->file, file->data, file->size, &rd_limits_default, arena, &doc, err);
    if (st)
        return st;
    if (doc->kind != RD_DOC_MAP)
        return FAIL(&r, doc, "expected a map: id, title, stride, ...");
    for (int k = 0; k < KEYS; k++)
        known[k] = keys[k].name;
    for (size_t i = 0; i < doc->n; i++) {
        bool is_known = false;

        for (int k = 0; k < KEYS; k++)
            is_known |= !strcmp(doc->item[i].key, keys[k].name);
        if (!is_known)
            return unknown_key(&r, &doc->item[i], known);
    }
    for (int k = 0; k < KEYS; k++) {
        struct rd_doc *member = NULL;

        for (size_t i = 0; i < doc->n && !member; i++)
            if (!strcmp(doc->item[i].key, keys[k].name))
                member = &doc->item[i];
        if (!member && keys[k].required)
            return FAIL(&r, doc, "'%s' is missing", keys[k].name);
        st = member ? read_value(&r, &keys[k], member) : RD_OK;
        if (st)
            return st;
    }
    st = check(&r, doc, stem, stem_len);
    if (!st)
        *code_out = r.code;
    return st;
}
