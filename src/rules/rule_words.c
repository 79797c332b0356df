/*
 * rule_words.c - checks every word of a rule's expression before it is compiled.
 *
 * The expression language knows types; here is checked what a type cannot say: that a function
 * exists and gets the words it expects, that a property exists at every type the rule applies to,
 * and that it is compared with words it can take. A misspelled word would otherwise make a rule
 * silent for ever.
 */
#include "rules/rule.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum token { END, NAME, STRING, NUMBER, PUNCTUATION };
enum { WORD = 64, TOKENS_MAX = 1024, WORDS_KNOWN_MAX = 512 };

struct lexeme {
    enum token kind;
    int at;          /* character, from 1 */
    char text[WORD]; /* without quotes */
};

struct words {
    struct rd_rule_code *code;
    const struct rd_taxonomies *taxonomies;
    const char *where;
    bool severity;
    struct lexeme *token;
    size_t n;
    struct rd_error *err;
};

#define FAIL_AT(w, at, ...) fail_at((w), (at), __VA_ARGS__)
static rd_status fail_at(const struct words *w, int at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static rd_status fail_at(const struct words *w, int at, const char *fmt, ...)
{
    struct rd_buf text = { .limit = RD_ERROR_TEXT };
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)RD_FAIL(w->err, RD_E_INPUT, "%s: character %d: %s", w->where, at, rd_buf_text(&text));
    rd_buf_release(&text);
    return RD_E_INPUT;
}

static bool is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}
static bool is_name_part(const char *p)
{
    return isalnum((unsigned char)*p) || *p == '_' ||
           ((*p == '-' || *p == '.') && isalnum((unsigned char)p[1]));
}

static rd_status lex(struct words *w, const char *text)
{
    const char *p = text;

    for (;;) {
        struct lexeme *t = &w->token[w->n];
        const char *begin;
        size_t len;

        while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
            p++;
        t->at = (int)(p - text) + 1;
        begin = p;
        if (!*p) {
            t->kind = END;
            return RD_OK;
        }
        if (w->n + 1 >= TOKENS_MAX)
            return FAIL_AT(w, t->at, "an expression of a rule has at most %d words", TOKENS_MAX);
        if (is_name_start(*p)) {
            t->kind = NAME;
            while (is_name_part(p))
                p++;
        } else if (*p == '"') {
            t->kind = STRING;
            begin = ++p;
            while (*p && *p != '"' && *p != '\\' && *p != '\n')
                p++;
            if (*p != '"')
                return FAIL_AT(w, t->at, "a quoted word is not closed");
        } else if (isdigit((unsigned char)*p)) {
            t->kind = NUMBER;
            while (isdigit((unsigned char)*p) || *p == '.')
                p++;
        } else {
            t->kind = PUNCTUATION;
            p += (p[0] == '=' || p[0] == '!' || p[0] == '<' || p[0] == '>') && p[1] == '=' ? 2 : 1;
        }
        len = (size_t)(p - begin);
        if (len >= WORD)
            return FAIL_AT(w, t->at, "a word is at most %d characters long", WORD - 1);
        memcpy(t->text, begin, len);
        t->text[len] = '\0';
        if (t->kind == STRING)
            p++;
        w->n++;
    }
}

static bool is(const struct lexeme *t, const char *punctuation)
{
    return t->kind == PUNCTUATION && !strcmp(t->text, punctuation);
}
static bool is_keyword(const struct lexeme *t)
{
    static const char *const keywords[] = { "and", "or", "not", "in", "true", "false", "unknown" };

    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (!strcmp(t->text, keywords[i]))
            return true;
    return false;
}

/* ---- names ---- */

static const char *const yes_no[] = { "yes", "no", NULL };
static const struct rd_property_type flow_names[] = {
    { "protocol", "", (const char *const[]){ "*", NULL } },
    { "authenticated", "", NULL },
    { "encrypted", "", NULL },
    { NULL, NULL, NULL },
};

static const struct rd_property_type *name_of(const struct rd_element_type *type, const char *name)
{
    if (type)
        return rd_property_type_find(type, name);
    for (const struct rd_property_type *p = flow_names; p->name; p++)
        if (!strcmp(p->name, name))
            return p;
    return NULL;
}

bool rd_rule_name_type(
    const struct rd_element_type *type, const char *name, enum rd_expr_type *type_out)
{
    const struct rd_property_type *p = name_of(type, name);

    if (!type && !strcmp(name, "carries")) {
        *type_out = RD_EXPR_LIST;
        return true;
    }
    if (p)
        *type_out = !p->words                       ? RD_EXPR_BOOL
                    : strcmp(p->words[0], "#") == 0 ? RD_EXPR_NUMBER
                                                    : RD_EXPR_TEXT;
    return p != NULL;
}

const char *const *rd_rule_name_words(const struct rd_element_type *type, const char *name)
{
    const struct rd_property_type *p = name_of(type, name);

    if (!p)
        return NULL;
    if (!p->words)
        return yes_no;
    return strcmp(p->words[0], "#") == 0 || strcmp(p->words[0], "*") == 0 ? NULL : p->words;
}

/* The i-th type the rule applies to (NULL for flows); false behind the last. */
static bool applied(const struct rd_rule *rule, size_t i, const struct rd_element_type **type_out)
{
    if (i >= rule->n_applies_to)
        return false;
    *type_out = rd_element_type_find(rule->applies_to[i]);
    return true;
}

/* A name must exist, with one type, wherever the rule applies. */
static bool name_type(const struct rd_rule *rule, const char *name, enum rd_expr_type *type_out,
    const char **not_at_out)
{
    const struct rd_element_type *type;
    enum rd_expr_type t;

    for (size_t i = 0; applied(rule, i, &type); i++) {
        if (!rd_rule_name_type(type, name, &t) || (i && t != *type_out)) {
            *not_at_out = rule->applies_to[i];
            return false;
        }
        *type_out = t;
    }
    return rule->n_applies_to > 0;
}

static const char *nearest_name(const struct rd_element_type *type, const char *name)
{
    const char *known[WORDS_KNOWN_MAX + 1];
    size_t n = 0;

    for (const struct rd_property_type *p = type ? type->properties : flow_names;
         p->name && n < WORDS_KNOWN_MAX; p++)
        known[n++] = p->name;
    known[n] = NULL;
    return rd_text_nearest(name, known);
}

static rd_status check_name(struct words *w, const struct lexeme *t)
{
    const char *not_at = "";
    enum rd_expr_type type;
    const char *near;

    if (w->severity)
        return FAIL_AT(w, t->at,
            "only internet_exposed() and data_class() may move a severity, not '%s'", t->text);
    if (name_type(&w->code->rule, t->text, &type, &not_at))
        return RD_OK;
    (void)FAIL_AT(
        w, t->at, "'%s' is no property of '%s', to which the rule applies", t->text, not_at);
    near = nearest_name(rd_element_type_find(not_at), t->text);
    return near ? rd_error_hint(w->err, "did you mean '%s'?", near) : RD_E_INPUT;
}

/* May the property called name be compared with this word, at one of the types at least? */
static rd_status check_compared(struct words *w, const char *name, const struct lexeme *word)
{
    const struct rd_element_type *type;
    const char *const *words = NULL;
    const char *near;

    for (size_t i = 0; applied(&w->code->rule, i, &type); i++) {
        words = rd_rule_name_words(type, name);
        if (!words)
            return RD_OK; /* a number or free text: the types are the compiler's business */
        for (size_t k = 0; words[k]; k++)
            if (!strcmp(words[k], word->text))
                return RD_OK;
    }
    (void)FAIL_AT(w, word->at, "'%s' can never be \"%s\"", name, word->text);
    near = rd_text_nearest(word->text, words);
    return near ? rd_error_hint(w->err, "did you mean \"%s\"?", near) : RD_E_INPUT;
}

/* ---- functions ---- */

static bool is_who(const char *word)
{
    return !strcmp(word, "untrusted") || !strcmp(word, "partner") || !strcmp(word, "trusted") ||
           rd_element_type_find(word);
}
static bool is_control(const struct words *w, const char *word)
{
    return rd_taxonomy_find(w->taxonomies, "Redoubt controls", NULL, word) != NULL;
}
static bool is_property(const char *word)
{
    for (const struct rd_element_type *t = rd_element_types; t->name; t++) {
        const struct rd_property_type *p = rd_property_type_find(t, word);

        if (p && !p->words)
            return true;
    }
    return false;
}

/* Every word of that kind, for "did you mean". */
static const char *nearest_word(const struct words *w, enum rd_word_kind kind, const char *word)
{
    const char *known[WORDS_KNOWN_MAX + 1];
    size_t n = 0;

    if (kind == RD_WORD_WHO || kind == RD_WORD_GUARD)
        for (const struct rd_element_type *t = rd_element_types; t->name && n < WORDS_KNOWN_MAX;
             t++)
            known[n++] = t->name;
    if (kind == RD_WORD_WHO && n + 3 < WORDS_KNOWN_MAX) {
        known[n++] = "untrusted";
        known[n++] = "partner";
        known[n++] = "trusted";
    }
    if (kind == RD_WORD_CONTROL || kind == RD_WORD_GUARD)
        for (size_t i = 0; i < w->taxonomies->n && n < WORDS_KNOWN_MAX; i++)
            if (!strcmp(w->taxonomies->row[i].list, "Redoubt controls"))
                known[n++] = w->taxonomies->row[i].id;
    if (kind == RD_WORD_PROPERTY || kind == RD_WORD_GUARD)
        for (const struct rd_element_type *t = rd_element_types; t->name; t++)
            for (const struct rd_property_type *p = t->properties; p->name && n < WORDS_KNOWN_MAX;
                 p++)
                if (!p->words)
                    known[n++] = p->name;
    known[n] = NULL;
    return rd_text_nearest(word, known);
}

static rd_status check_word(struct words *w, enum rd_word_kind kind, const struct lexeme *t)
{
    const char *expected = NULL, *near;

    switch (kind) {
    case RD_WORD_NONE:
    case RD_WORD_DATA:
        break; /* `carries` takes any word */
    case RD_WORD_WHO:
        if (!is_who(t->text))
            expected = "an element type, untrusted, partner or trusted";
        break;
    case RD_WORD_CONTROL:
        if (!is_control(w, t->text))
            expected = "a control kind of catalog/taxonomies/controls.csv";
        break;
    case RD_WORD_PROPERTY:
        if (!is_property(t->text))
            expected = "a yes/no property";
        break;
    case RD_WORD_GUARD:
        if (!rd_element_type_find(t->text) && !is_control(w, t->text) && !is_property(t->text))
            expected = "an element type, a control kind or a yes/no property";
        break;
    case RD_WORD_ARTIFACT:
        if (strcmp(t->text, "model") != 0 && strcmp(t->text, "dataset") != 0 &&
            strcmp(t->text, "training") != 0)
            expected = "model, dataset or training";
        break;
    }
    if (expected) {
        (void)FAIL_AT(w, t->at, "expected %s, found \"%s\"", expected, t->text);
        near = nearest_word(w, kind, t->text);
        return near ? rd_error_hint(w->err, "did you mean \"%s\"?", near) : RD_E_INPUT;
    }
    if ((kind == RD_WORD_CONTROL || kind == RD_WORD_GUARD) && is_control(w, t->text)) {
        struct rd_rule_code *c = w->code;
        const struct rd_taxonomy_row *row =
            rd_taxonomy_find(w->taxonomies, "Redoubt controls", NULL, t->text);

        if (c->n_controls_named < RD_RULE_LOOKS_MAX)
            c->control_named[c->n_controls_named++] = row->id;
    }
    return RD_OK;
}

/* i stands on the function's name; *behind_out on what follows the closing bracket. */
static rd_status check_function(struct words *w, size_t i, size_t *behind_out)
{
    const struct lexeme *name = &w->token[i];
    const struct rd_rule_function *f = rd_rule_function_find(name->text);
    const struct rd_rule *rule = &w->code->rule;
    const struct rd_element_type *type;
    size_t n = 0, least, most;

    if (!f) {
        const char *known[WORD], *near;
        size_t k = 0;

        for (f = rd_rule_functions; f->name && k + 1 < WORD; f++)
            known[k++] = f->name;
        known[k] = NULL;
        near = rd_text_nearest(name->text, known);
        (void)FAIL_AT(w, name->at, "there is no function '%s'", name->text);
        return near ? rd_error_hint(w->err, "did you mean '%s'?", near) : RD_E_INPUT;
    }
    if (w->severity && !f->severity)
        return FAIL_AT(w, name->at,
            "only internet_exposed() and data_class() may move a severity, not %s()", f->name);
    for (size_t k = 0; applied(rule, k, &type); k++)
        if (!(f->subjects & (type ? RD_AT_ELEMENT : RD_AT_FLOW)))
            return FAIL_AT(
                w, name->at, "%s() cannot be asked of %s", f->name, type ? "an element" : "a flow");
    for (i += 2; !is(&w->token[i], ")"); i++) {
        const struct lexeme *t = &w->token[i];
        const enum rd_word_kind kind = f->words[n == 0 ? 0 : 1];
        rd_status st;

        if (n && !is(t, ","))
            return FAIL_AT(w, t->at, "expected ',' or ')' in %s()", f->name);
        if (n)
            t = &w->token[++i];
        if (t->kind != STRING)
            return FAIL_AT(w, t->at, "expected a quoted word in %s()", f->name);
        if (kind == RD_WORD_NONE)
            return FAIL_AT(w, t->at, "%s() takes %s", f->name, n ? "one word" : "no words");
        st = check_word(w, kind, t);
        if (st)
            return st;
        n++;
    }
    rd_rule_function_arity(f, &least, &most);
    if (n < least || n > most)
        return FAIL_AT(w, name->at, "%s(%s) takes %zu to %zu words, found %zu", f->name,
            f->arguments, least, most, n);
    *behind_out = i + 1;
    return RD_OK;
}

static rd_status check_class(struct words *w, const struct lexeme *t)
{
    if (t->kind == STRING && rd_data_class_rank(t->text) < 0)
        return FAIL_AT(w, t->at,
            "data_class() is public, internal, confidential or personal, never \"%s\"", t->text);
    return RD_OK;
}

/* What follows a property or a text function: == "word", != "word", in ["word", ...]. */
static rd_status check_comparison(struct words *w, size_t i, const char *property, bool data_class)
{
    bool list = false;
    rd_status st = RD_OK;

    if (w->token[i].kind == NAME && !strcmp(w->token[i].text, "in") && is(&w->token[i + 1], "[")) {
        list = true;
        i++;
    } else if (!is(&w->token[i], "==") && !is(&w->token[i], "!=")) {
        return RD_OK;
    }
    for (i++; !st && w->token[i].kind == STRING; i += 2) {
        st = data_class ? check_class(w, &w->token[i]) : check_compared(w, property, &w->token[i]);
        if (!list || !is(&w->token[i + 1], ","))
            break;
    }
    return st;
}

static rd_status check_all(struct words *w)
{
    size_t looks = 0, behind = 0;
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < w->n; i++) {
        const struct lexeme *t = &w->token[i];

        if (t->kind != NAME || is_keyword(t))
            continue;
        if (++looks > RD_RULE_LOOKS_MAX)
            return FAIL_AT(w, t->at, "a rule looks at no more than %d things", RD_RULE_LOOKS_MAX);
        if (is(&w->token[i + 1], "(")) {
            st = check_function(w, i, &behind);
            if (st)
                return st;
            if (!strcmp(t->text, "data_class")) {
                st = check_comparison(w, behind, NULL, true);
                if (!st && i >= 2 && (is(&w->token[i - 1], "==") || is(&w->token[i - 1], "!=")))
                    st = check_class(w, &w->token[i - 2]);
            }
            i = behind - 1;
            continue;
        }
        st = check_name(w, t);
        if (!st)
            st = check_comparison(w, i + 1, t->text, false);
        if (!st && i >= 2 && w->token[i - 2].kind == STRING &&
            (is(&w->token[i - 1], "==") || is(&w->token[i - 1], "!=")))
            st = check_compared(w, t->text, &w->token[i - 2]);
    }
    return st;
}

/* ---- what the compiler asks ---- */

static bool env_name(void *user, const char *name, enum rd_expr_type *type_out, size_t *slot_out)
{
    const struct words *w = user;
    struct rd_rule_code *code = w->code;
    const struct rd_element_type *type;
    const char *not_at;

    if (w->severity || !name_type(&code->rule, name, type_out, &not_at))
        return false;
    for (size_t i = 0; i < code->n_names; i++)
        if (!strcmp(code->names[i], name)) {
            *slot_out = i;
            return true;
        }
    if (code->n_names == RD_RULE_NAMES_MAX || !applied(&code->rule, 0, &type))
        return false;
    *slot_out = code->n_names;
    /* The tables' own copy of the name: it outlives the text. */
    code->names[code->n_names++] =
        !type && !strcmp(name, "carries") ? "carries" : name_of(type, name)->name;
    return true;
}

static bool env_function(void *user, const char *name, const enum rd_expr_type *arg, size_t n_args,
    enum rd_expr_type *type_out, size_t *slot_out)
{
    const struct rd_rule_function *f = rd_rule_function_find(name);

    (void)user;
    if (!f)
        return false;
    for (size_t i = 0; i < n_args; i++)
        if (arg[i] != RD_EXPR_TEXT)
            return false;
    *type_out = f->type;
    *slot_out = (size_t)(f - rd_rule_functions);
    return true;
}

rd_status rd_rule_compile(struct rd_rule_code *code, const struct rd_taxonomies *taxonomies,
    const char *where, const char *text, bool severity, struct rd_arena *arena,
    struct rd_expr **expr_out, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct words w = {
        .code = code, .taxonomies = taxonomies, .where = where, .severity = severity, .err = err
    };
    const struct rd_expr_env env = { .name = env_name, .function = env_function, .user = &w };
    rd_status st;

    /* Two more than are used, so that looking one or two tokens ahead is always within. */
    w.token = RD_NEW_ARRAY(&scratch, struct lexeme, TOKENS_MAX + 2);
    if (!w.token)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %s", where);
    st = lex(&w, text);
    if (!st)
        st = check_all(&w);
    if (!st)
        st = rd_expr_compile(where, text, RD_EXPR_BOOL, &env, arena, expr_out, err);
    rd_arena_release(&scratch);
    return st;
}
