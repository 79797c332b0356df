/* settings - maps whose keys other tables know: properties of an element type, options of an attack
 * or defense. */
#include "base/text.h"
#include "system/read.h"

#include <redoubt/option.h>

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 64 };

static bool is_map(struct rd_reader *r, struct rd_at v)
{
    char found[RD_FOUND];

    if (v.doc->kind == RD_DOC_MAP)
        return true;
    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
        "expected a map such as {key: value}, found %s", rd_found(v.doc, found));
    return false;
}

static struct rd_place key_place(const struct rd_doc *doc)
{
    return (struct rd_place){ doc->key_line, doc->key_column };
}

/* The value in the words of the property; NULL when a problem was said. */
static const char *property_value(
    struct rd_reader *r, struct rd_at v, const struct rd_property_type *p)
{
    static const char *const tri[] = { "no", "yes", "unknown" };
    const char *text = rd_doc_text(v.doc);
    const char *words[WORDS_MAX + 1];
    size_t n = 0;
    int position;

    if (!p->words) {
        enum rd_tri truth;

        return rd_read_tri(r, v, &truth) ? tri[truth] : NULL;
    }
    if (text && strcmp(text, "unknown") == 0)
        return tri[RD_UNKNOWN];
    if (p->words[0][0] == '*')
        return rd_read_text(r, v, "a text or unknown", &text) ? text : NULL;
    if (p->words[0][0] == '#') {
        static const struct rd_field any = { .kind = RD_F_REAL, .max = 1e15 };
        double x;

        return rd_read_real(r, v, &any, &x) ? text : NULL;
    }
    while (n + 1 < WORDS_MAX && p->words[n]) {
        words[n] = p->words[n];
        n++;
    }
    words[n++] = tri[RD_UNKNOWN];
    words[n] = NULL;
    return rd_read_word(r, v, words, &position) ? words[position] : NULL;
}

static void unknown_property(struct rd_reader *r, const struct rd_doc *doc,
    const struct rd_crumb *crumb, const struct rd_element_type *type)
{
    const char *words[WORDS_MAX + 1];
    char key[80];
    size_t n = 0;

    for (const struct rd_property_type *p = type->properties; p->name && n < WORDS_MAX; p++)
        words[n++] = p->name;
    words[n] = NULL;
    rd_problem_near(r, key_place(doc), crumb, NULL, doc->key, words,
        "type '%s' has no property '%s'", type->name, rd_text_safe_in(key, sizeof(key), doc->key));
}

void rd_read_properties(struct rd_reader *r, struct rd_at v, const struct rd_element_type *type,
    struct rd_settings *out)
{
    const struct rd_crumb crumb = { .up = v.crumb, .key = v.key };
    struct rd_setting *item;
    size_t n = 0, cap = 0;

    if (!is_map(r, v) || !type)
        return; /* what is wrong with the type was said already */
    while (type->properties[cap].name)
        cap++;
    item = RD_NEW_ARRAY(r->arena, struct rd_setting, cap ? cap : 1);
    if (!item) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_doc *doc = &v.doc->item[i];
        const struct rd_property_type *p = rd_property_type_find(type, doc->key);
        const char *value;

        if (!p) {
            unknown_property(r, doc, &crumb, type);
            continue;
        }
        value = property_value(r, (struct rd_at){ doc, &crumb, doc->key }, p);
        if (value && n < cap)
            item[n++] = (struct rd_setting){ p->name, value, rd_place_of(doc) };
    }
    *out = (struct rd_settings){ item, n };
}

void rd_read_attack(struct rd_reader *r, struct rd_at v, const char **out)
{
    char found[RD_FOUND];

    if (!rd_read_text(r, v, "the name of an attack", out) || !r->options->attack_options ||
        r->options->attack_options(*out))
        return;
    rd_problem_near(r, rd_place_of(v.doc), v.crumb, v.key, *out, r->options->attack_names,
        "expected the name of an attack, found %s", rd_found(v.doc, found));
    *out = NULL; /* so that its settings are not judged */
}

void rd_read_control(struct rd_reader *r, struct rd_at v, const char **out)
{
    const char *const *known = r->options->control_kinds;
    char found[RD_FOUND];

    if (!rd_read_text(r, v, "a kind of control", out) || !known)
        return;
    for (const char *const *k = known; *k; k++) {
        if (strcmp(*k, *out) == 0)
            return;
    }
    rd_problem_near(r, rd_place_of(v.doc), v.crumb, v.key, *out, known,
        "expected a kind of control, found %s", rd_found(v.doc, found));
    *out = NULL; /* so that its settings are not judged */
}

/* Bytes that the table's struct needs: the far end of its last field. */
static size_t options_size(const struct rd_option *table)
{
    size_t size = 1;

    for (; table->type != RD_OPT_END; table++) {
        const size_t field = table->type == RD_OPT_LIST ? sizeof(struct rd_option_list) : 8;

        if (table->offset + field > size)
            size = table->offset + field;
    }
    return size;
}

static void unknown_option(struct rd_reader *r, const struct rd_doc *doc,
    const struct rd_crumb *crumb, const char *name, const struct rd_option *table)
{
    const char *words[WORDS_MAX + 1];
    char key[80], safe[80];
    size_t n = 0;

    for (; table && table->type != RD_OPT_END && n < WORDS_MAX; table++)
        words[n++] = table->name;
    words[n] = NULL;
    if (!n)
        rd_problem_add(r, key_place(doc), crumb, NULL, "'%s' has no options, found '%s'",
            rd_text_safe_in(safe, sizeof(safe), name), rd_text_safe_in(key, sizeof(key), doc->key));
    else
        rd_problem_near(r, key_place(doc), crumb, NULL, doc->key, words, "'%s' has no option '%s'",
            rd_text_safe_in(safe, sizeof(safe), name), rd_text_safe_in(key, sizeof(key), doc->key));
}

/* One value against its row: range, choice; a unit FILE... names a file, ID an artifact. */
static void check_option(struct rd_reader *r, struct rd_at v, const struct rd_option *table,
    const struct rd_option *row, void *values)
{
    const char *text = v.doc->text;
    struct rd_error err = { 0 };
    struct rd_pending pending = { .kind = RD_F_REF,
        .space = RD_SPACE_ARTIFACT,
        .crumb = v.crumb,
        .key = row->name,
        .text = text,
        .at = rd_place_of(v.doc) };

    if (rd_options_set(table, values, row->name, text, &err)) {
        /* The message begins with the option's name, as v.key does. */
        const char *said = err.frame[0].text;
        const size_t skip = strlen(row->name);

        if (strncmp(said, row->name, skip) == 0 && strncmp(said + skip, ": ", 2) == 0)
            said += skip + 2;
        rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key, "%s", said);
    } else if (row->type == RD_OPT_TEXT && strncmp(row->unit, "FILE", 4) == 0 && *text) {
        (void)rd_check_path(r, v, text);
    } else if (row->type == RD_OPT_TEXT && strcmp(row->unit, "ID") == 0 && *text) {
        rd_ref_add(r, &pending);
    }
}

/* A scalar, or a list of scalars for an option that may be given many times. */
static size_t read_option(struct rd_reader *r, struct rd_at v, const struct rd_option *table,
    void *values, struct rd_setting *item)
{
    const struct rd_option *row = table ? rd_option_find(table, v.key) : NULL;
    const bool many = v.doc->kind == RD_DOC_LIST && (!row || row->type == RD_OPT_LIST);
    const size_t n = many ? v.doc->n : 1;

    for (size_t i = 0; i < n; i++) {
        const struct rd_doc *doc = many ? &v.doc->item[i] : v.doc;
        const struct rd_at one = { doc, v.crumb, v.key };
        const char *text = rd_doc_text(doc);
        char found[RD_FOUND];

        if (!text) {
            rd_problem_add(r, rd_place_of(doc), v.crumb, v.key, "expected a single value, found %s",
                rd_found(doc, found));
            continue;
        }
        if (row)
            check_option(r, one, table, row, values);
        item[i] = (struct rd_setting){ row ? row->name : v.key, text, rd_place_of(doc) };
    }
    return n;
}

void rd_read_set(struct rd_reader *r, struct rd_at v, enum rd_space whose, const char *name,
    struct rd_settings *out)
{
    const struct rd_option *(*find)(const char *) =
        whose == RD_SPACE_TEST ? r->options->attack_options : r->options->defense_options;
    const struct rd_option *table = name && find ? find(name) : NULL;
    struct rd_crumb *crumb = RD_NEW(&r->scratch, struct rd_crumb);
    struct rd_setting *item;
    void *values = NULL;
    size_t n = 0, cap = 1;

    if (!crumb) {
        r->no_memory = true;
        return;
    }
    *crumb = (struct rd_crumb){ .up = v.crumb, .key = v.key };
    if (!is_map(r, v))
        return;
    for (size_t i = 0; i < v.doc->n; i++)
        cap += v.doc->item[i].kind == RD_DOC_LIST ? v.doc->item[i].n : 1;
    item = RD_NEW_ARRAY(r->arena, struct rd_setting, cap);
    if (table)
        values = rd_arena_alloc(&r->scratch, 1, options_size(table));
    if (!item || (table && !values)) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_doc *doc = &v.doc->item[i];

        /* Without registries everything is accepted; with one, what is in no table is not. */
        if (find && name && !(table && rd_option_find(table, doc->key))) {
            if (whose == RD_SPACE_CONTROL || table)
                unknown_option(r, doc, crumb, name, table);
            continue;
        }
        n += read_option(r, (struct rd_at){ doc, crumb, doc->key }, table, values, item + n);
    }
    *out = (struct rd_settings){ item, n };
}
