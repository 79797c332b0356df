/* schema.c - the schema of a table: from a small YAML or JSON file, and back into one. */
#include "data/schema.h"

#include "base/doc.h"
#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 96, WORDS_MAX = 1 << 20, COLUMNS_MAX = 1 << 16 };

static const char *const type_names[] = { [RD_COLUMN_NUMBER] = "number",
    [RD_COLUMN_CATEGORY] = "category",
    [RD_COLUMN_BOOLEAN] = "boolean",
    [RD_COLUMN_IGNORE] = "ignore",
    [RD_COLUMN_LABEL] = "label",
    [RD_COLUMN_CONTRIBUTOR] = "contributor",
    [RD_COLUMN_TIME] = "time",
    NULL };
static const char *const scale_names[] = { [RD_COLUMN_SCALE_NONE] = "none",
    [RD_COLUMN_SCALE_STANDARD] = "standard",
    [RD_COLUMN_SCALE_MINMAX] = "minmax",
    NULL };
static const char *const schema_keys[] = { "version", "separator", "header", "scale", "missing",
    "columns", NULL };
static const char *const column_keys[] = { "name", "type", "categories", "words", "classes", "fill",
    "fill_with", "indicator", "mean", "deviation", "low", "high", "seen", NULL };

const char *rd_column_type_name(enum rd_column_type type)
{
    return type_names[type];
}

const char *rd_column_scale_name(enum rd_column_scale scale)
{
    return scale_names[scale];
}

bool rd_column_scale_find(const char *name, enum rd_column_scale *scale_out)
{
    for (int i = 0; scale_names[i]; i++)
        if (!strcmp(name, scale_names[i])) {
            *scale_out = (enum rd_column_scale)i;
            return true;
        }
    return false;
}

/* What every part of the reader needs. */
struct reader {
    const char *name;
    struct rd_arena *arena;
    struct rd_error *err;
};

static rd_status complain(
    const struct reader *r, const struct rd_doc *at, const char *expected, const char *const *words)
{
    char file[SHOWN], shown[SHOWN];
    const char *text = rd_doc_text(at);
    const char *nearest = text && words ? rd_text_nearest(text, words) : NULL;
    const rd_status st = RD_FAIL(r->err, RD_E_INPUT, "%s:%d:%d: expected %s%s%s%s",
        rd_text_safe_in(file, sizeof file, r->name), at->line, at->column, expected,
        text ? ", found '" : "", text ? rd_text_safe_in(shown, sizeof shown, text) : "",
        text ? "'" : "");

    if (nearest)
        (void)rd_error_hint(r->err, "did you mean '%s'?", nearest);
    return st;
}

static rd_status no_memory(const struct reader *r)
{
    return RD_FAIL(r->err, RD_E_MEMORY, "out of memory for a schema");
}

static rd_status check_keys(
    const struct reader *r, const struct rd_doc *map, const char *what, const char *const *keys)
{
    if (map->kind != RD_DOC_MAP)
        return complain(r, map, what, NULL);
    for (size_t i = 0; i < map->n; i++) {
        const struct rd_doc *item = &map->item[i];
        char file[SHOWN], shown[SHOWN];
        const char *nearest;
        bool known = false;

        for (int k = 0; keys[k]; k++)
            known = known || !strcmp(keys[k], item->key);
        if (known)
            continue;
        nearest = rd_text_nearest(item->key, keys);
        (void)RD_FAIL(r->err, RD_E_INPUT, "%s:%d:%d: unknown key '%s'",
            rd_text_safe_in(file, sizeof file, r->name), item->key_line, item->key_column,
            rd_text_safe_in(shown, sizeof shown, item->key));
        if (nearest)
            (void)rd_error_hint(r->err, "did you mean '%s'?", nearest);
        return RD_E_INPUT;
    }
    return RD_OK;
}

/* Index of a word; an absent one leaves *out as it is. */
static rd_status read_word(const struct reader *r, const struct rd_doc *at,
    const char *const *words, const char *expected, int *out)
{
    const char *text = rd_doc_text(at);

    if (!at)
        return RD_OK;
    for (int i = 0; text && words[i]; i++)
        if (!strcmp(words[i], text)) {
            *out = i;
            return RD_OK;
        }
    return complain(r, at, expected, words);
}

static rd_status read_yes(const struct reader *r, const struct rd_doc *at, bool *out)
{
    static const char *const words[] = { "no", "yes", "false", "true", NULL };
    int i = *out;
    const rd_status st = read_word(r, at, words, "yes or no", &i);

    *out = i % 2;
    return st;
}

static rd_status read_real(
    const struct reader *r, const struct rd_doc *at, bool *has_out, double *out)
{
    if (!at)
        return RD_OK;
    if (!rd_doc_real(at, out))
        return complain(r, at, "a number", NULL);
    *has_out = true;
    return RD_OK;
}

static rd_status read_words(const struct reader *r, const struct rd_doc *at, const char *expected,
    const char *const **out, size_t *n_out)
{
    const char **word;

    if (!at)
        return RD_OK;
    if (at->kind != RD_DOC_LIST || at->n > WORDS_MAX)
        return complain(r, at, expected, NULL);
    word = RD_NEW_ARRAY(r->arena, const char *, at->n + 1);
    for (size_t i = 0; word && i < at->n; i++) {
        const char *text = rd_doc_text(&at->item[i]);

        if (!text)
            return complain(r, &at->item[i], expected, NULL);
        if (strlen(text) != at->item[i].text_len)
            return complain(r, &at->item[i], "a word without NUL", NULL);
        word[i] = rd_arena_strdup(r->arena, text);
        if (!word[i])
            return no_memory(r);
    }
    if (!word)
        return no_memory(r);
    *out = word;
    *n_out = at->n;
    return RD_OK;
}

/* A word that stands twice would give a column that is always zero. */
static rd_status check_distinct(
    const struct reader *r, const struct rd_doc *at, const char *const *word, size_t n)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    size_t mask = 15, *slot;
    rd_status st = RD_OK;

    while (mask < 2 * n)
        mask = 2 * mask + 1;
    slot = RD_NEW_ARRAY(&scratch, size_t, mask + 1);
    if (!slot)
        st = no_memory(r);
    for (size_t i = 0; !st && i < n; i++) {
        uint64_t h = 14695981039346656037u;
        size_t k;

        for (const char *p = word[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211u;
        for (k = (size_t)(h ^ h >> 29) & mask; slot[k]; k = (k + 1) & mask)
            if (!strcmp(word[slot[k] - 1], word[i]))
                break;
        if (slot[k])
            st = complain(r, &at->item[i], "each word once", NULL);
        slot[k] = i + 1;
    }
    rd_arena_release(&scratch);
    return st;
}

static rd_status read_vocabulary(
    const struct reader *r, const struct rd_doc *doc, struct rd_column *c)
{
    static const struct {
        const char *key, *expected;
        enum rd_column_type type;
    } vocabularies[] = { { "categories", "a list of words, of a column of type category",
                             RD_COLUMN_CATEGORY },
        { "words", "a list of two words (0 and 1), of a column of type boolean",
            RD_COLUMN_BOOLEAN },
        { "classes", "a list of words, of the column of type label", RD_COLUMN_LABEL } };

    for (int i = 0; i < 3; i++) {
        const struct rd_doc *at = rd_doc_get(doc, vocabularies[i].key);
        rd_status st;

        if (!at)
            continue;
        if (vocabularies[i].type != c->type)
            return complain(r, at, vocabularies[i].expected, NULL);
        st = read_words(r, at, vocabularies[i].expected, &c->word, &c->n_words);
        if (st)
            return st;
        if (c->type == RD_COLUMN_BOOLEAN ? c->n_words != 2 : c->n_words == 0)
            return complain(r, at, vocabularies[i].expected, NULL);
        st = check_distinct(r, at, c->word, c->n_words);
        if (st)
            return st;
    }
    return RD_OK;
}

static rd_status read_numbers(const struct reader *r, const struct rd_doc *doc, struct rd_column *c)
{
    static const char *const fills[] = { "median", "mean", NULL };
    const struct rd_doc *seen = rd_doc_get(doc, "seen");
    bool has_mean = false, has_deviation = false;
    int fill = 0;
    rd_status st = read_real(r, rd_doc_get(doc, "fill"), &c->has_fill, &c->fill);

    for (int i = 5; !st && column_keys[i]; i++)
        if (rd_doc_get(doc, column_keys[i]) && c->type != RD_COLUMN_NUMBER &&
            !(c->type == RD_COLUMN_BOOLEAN && (i < 8 || !strcmp(column_keys[i], "seen"))))
            return complain(r, rd_doc_get(doc, column_keys[i]),
                "this key only in a column of type number", NULL);
    if (!st)
        st = read_word(r, rd_doc_get(doc, "fill_with"), fills, "median or mean", &fill);
    c->fill_mean = fill == 1;
    if (!st)
        st = read_yes(r, rd_doc_get(doc, "indicator"), &c->indicator);
    if (!st)
        st = read_real(r, rd_doc_get(doc, "mean"), &has_mean, &c->mean);
    if (!st)
        st = read_real(r, rd_doc_get(doc, "deviation"), &has_deviation, &c->deviation);
    if (!st)
        st = read_real(r, rd_doc_get(doc, "low"), &c->has_low, &c->low);
    if (!st)
        st = read_real(r, rd_doc_get(doc, "high"), &c->has_high, &c->high);
    if (st)
        return st;
    if (has_mean != has_deviation)
        return complain(r, doc, "mean and deviation together", NULL);
    if (has_deviation && !(c->deviation > 0))
        return complain(r, rd_doc_get(doc, "deviation"), "a number above 0", NULL);
    if (c->has_low && c->has_high && !(c->low <= c->high))
        return complain(r, rd_doc_get(doc, "high"), "a number that is not below low", NULL);
    c->has_scale = has_mean;
    if (!seen)
        return RD_OK;
    if (seen->kind != RD_DOC_LIST || seen->n != 2 || !rd_doc_real(&seen->item[0], &c->seen_low) ||
        !rd_doc_real(&seen->item[1], &c->seen_high) || !(c->seen_low <= c->seen_high))
        return complain(r, seen, "[smallest, largest]", NULL);
    c->has_seen = true;
    return RD_OK;
}

static rd_status read_column(const struct reader *r, const struct rd_doc *doc, struct rd_column *c)
{
    const struct rd_doc *name = rd_doc_get(doc, "name"), *type = rd_doc_get(doc, "type");
    rd_status st = check_keys(r, doc, "a column: {name: ..., type: ...}", column_keys);
    int t = 0;

    if (st)
        return st;
    if (!name || !rd_doc_text(name) || strlen(rd_doc_text(name)) != name->text_len)
        return complain(r, name ? name : doc, "a column with a name", NULL);
    if (!type)
        return complain(r, doc, "a column with a type", NULL);
    c->name = rd_arena_strdup(r->arena, rd_doc_text(name));
    if (!c->name)
        return no_memory(r);
    st = read_word(
        r, type, type_names, "number, category, boolean, ignore, label, contributor or time", &t);
    c->type = (enum rd_column_type)t;
    if (!st)
        st = read_vocabulary(r, doc, c);
    return st ? st : read_numbers(r, doc, c);
}

static rd_status read_columns(
    const struct reader *r, const struct rd_doc *list, struct rd_schema *s)
{
    size_t of_type[RD_COLUMN_TIME + 1] = { 0 };
    struct rd_column *column;
    const char **name;
    rd_status st = RD_OK;

    if (list->kind != RD_DOC_LIST || !list->n || list->n > COLUMNS_MAX)
        return complain(r, list, "a list of columns", NULL);
    column = RD_NEW_ARRAY(r->arena, struct rd_column, list->n);
    name = RD_NEW_ARRAY(r->arena, const char *, list->n);
    if (!column || !name)
        return no_memory(r);
    for (size_t i = 0; !st && i < list->n; i++) {
        st = read_column(r, &list->item[i], &column[i]);
        name[i] = column[i].name;
        of_type[column[i].type]++;
        if (!st && column[i].type >= RD_COLUMN_LABEL && of_type[column[i].type] > 1)
            st = complain(
                r, &list->item[i], "at most one column of type label, contributor, time", NULL);
    }
    if (!st)
        st = check_distinct(r, list, name, list->n);
    if (!st &&
        !(of_type[RD_COLUMN_NUMBER] + of_type[RD_COLUMN_CATEGORY] + of_type[RD_COLUMN_BOOLEAN]))
        st = complain(r, list, "a column of type number, category or boolean", NULL);
    s->column = column;
    s->n_columns = list->n;
    return st;
}

static rd_status read_separator(
    const struct reader *r, const struct rd_doc *at, struct rd_schema *s)
{
    const char *text = rd_doc_text(at);

    if (!at)
        return RD_OK;
    if (text && !strcmp(text, "tab"))
        text = "\t";
    if (!text || strlen(text) != 1 || !strchr(",;\t|", *text))
        return complain(r, at, "one of \",\" \";\" \"|\" tab", NULL);
    s->separator = *text;
    return RD_OK;
}

static rd_status from_doc(const struct reader *r, const struct rd_doc *doc, struct rd_schema *s)
{
    const struct rd_doc *version = rd_doc_get(doc, "version"), *list;
    int64_t number = 0;
    int scale = 0;
    rd_status st = check_keys(r, doc, "a schema: version, columns, ...", schema_keys);

    if (st)
        return st;
    if (!version || !rd_doc_int(version, &number) || number != 1)
        return complain(r, version ? version : doc, "version: 1", NULL);
    s->header = true;
    st = read_separator(r, rd_doc_get(doc, "separator"), s);
    if (!st)
        st = read_yes(r, rd_doc_get(doc, "header"), &s->header);
    if (!st)
        st =
            read_word(r, rd_doc_get(doc, "scale"), scale_names, "none, standard or minmax", &scale);
    s->scale = (enum rd_column_scale)scale;
    if (!st)
        st = read_words(
            r, rd_doc_get(doc, "missing"), "a list of words", &s->missing, &s->n_missing);
    if (st)
        return st;
    if (!rd_doc_get(doc, "missing")) {
        s->missing = rd_missing_words;
        for (s->n_missing = 0; rd_missing_words[s->n_missing];)
            s->n_missing++;
    }
    list = rd_doc_get(doc, "columns");
    return list ? read_columns(r, list, s) : complain(r, doc, "a list of columns", NULL);
}

rd_status rd_schema_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_schema **schema_out,
    struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    const struct reader r = { name, arena, err };
    struct rd_schema *s = RD_NEW(arena, struct rd_schema);
    const char *p = bytes;
    struct rd_doc *doc;
    size_t i = 0;
    rd_status st;

    if (!s)
        return no_memory(&r);
    while (i < size && strchr(" \t\r\n", p[i]) && p[i])
        i++;
    st = (i < size && p[i] == '{' ? rd_doc_read_json : rd_doc_read_yaml)(
        name, bytes, size, limits, &scratch, &doc, err);
    if (!st)
        st = from_doc(&r, doc, s);
    rd_arena_release(&scratch);
    if (!st)
        *schema_out = s;
    return st;
}

rd_status rd_schema_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_schema **schema_out, struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_bytes in;
    rd_status st = rd_file_read(path, l->text_bytes, &scratch, &in, err);

    if (!st)
        st = rd_schema_parse(path, in.data, in.size, l, arena, schema_out, err);
    rd_arena_release(&scratch);
    return st;
}

/* --- writing --- */

/* In double quotes; what YAML readers disagree about as \u. The text is UTF-8 without C0 but line
 * ends and tabs (the reader of tables refuses the others). */
static void put_quoted(struct rd_buf *b, const char *text)
{
    rd_buf_putc(b, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            rd_buf_printf(b, "\\%c", *p);
        else if (*p == '\n')
            rd_buf_puts(b, "\\n");
        else if (*p < 0x20 || *p == 0x7F)
            rd_buf_printf(b, "\\u%04x", *p);
        else if (p[0] == 0xC2 && p[1] < 0xA0) /* C1 */
            rd_buf_printf(b, "\\u%04x", *++p);
        else if (p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9)) {
            rd_buf_printf(b, "\\u20%02x", p[2] - 0x80);
            p += 2;
        } else if (p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF) {
            rd_buf_puts(b, "\\ufeff");
            p += 2;
        } else
            rd_buf_putc(b, (char)*p);
    }
    rd_buf_putc(b, '"');
}

static void put_words(struct rd_buf *b, const char *key, const char *const *word, size_t n)
{
    rd_buf_printf(b, "%s: [", key);
    for (size_t i = 0; i < n; i++) {
        rd_buf_puts(b, i ? ", " : "");
        put_quoted(b, word[i]);
    }
    rd_buf_putc(b, ']');
}

static void put_real(struct rd_buf *b, const char *key, double v)
{
    char text[32];

    rd_buf_printf(b, ", %s: %s", key, rd_text_from_double(v, text));
}

static void put_column(struct rd_buf *b, const struct rd_column *c)
{
    char low[32], high[32];

    rd_buf_puts(b, "  - {name: ");
    put_quoted(b, c->name);
    rd_buf_printf(b, ", type: %s", type_names[c->type]);
    if (c->word) {
        rd_buf_puts(b, ", ");
        put_words(b,
            c->type == RD_COLUMN_CATEGORY  ? "categories"
            : c->type == RD_COLUMN_BOOLEAN ? "words"
                                           : "classes",
            c->word, c->n_words);
    }
    if (c->has_fill)
        put_real(b, "fill", c->fill);
    if (c->fill_mean)
        rd_buf_puts(b, ", fill_with: mean");
    if (c->indicator)
        rd_buf_puts(b, ", indicator: \"yes\"");
    if (c->has_scale) {
        put_real(b, "mean", c->mean);
        put_real(b, "deviation", c->deviation);
    }
    if (c->has_low)
        put_real(b, "low", c->low);
    if (c->has_high)
        put_real(b, "high", c->high);
    if (c->has_seen)
        rd_buf_printf(b, ", seen: [%s, %s]", rd_text_from_double(c->seen_low, low),
            rd_text_from_double(c->seen_high, high));
    rd_buf_puts(b, "}\n");
}

void rd_schema_write(const struct rd_schema *schema, struct rd_buf *out)
{
    rd_buf_puts(out, "version: 1\n");
    if (schema->separator == '\t')
        rd_buf_puts(out, "separator: tab\n");
    else if (schema->separator)
        rd_buf_printf(out, "separator: \"%c\"\n", schema->separator);
    rd_buf_printf(out, "header: \"%s\"\n", schema->header ? "yes" : "no");
    rd_buf_printf(out, "scale: %s\n", scale_names[schema->scale]);
    put_words(out, "missing", schema->missing, schema->n_missing);
    rd_buf_puts(out, "\ncolumns:\n");
    for (size_t i = 0; i < schema->n_columns; i++)
        put_column(out, &schema->column[i]);
}

const char *const rd_missing_words[] = { "", "NA", "N/A", "n/a", "na", "?", "NaN", "nan", "NAN",
    "null", "NULL", "None", "-nan", "#N/A", NULL };
