/* infer.c - the schema of a table that nobody described. What it decides it says. */
#include "data/table.h"
#include "data/words.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What one column holds, missing cells apart. */
struct look {
    size_t cells, missing, numbers, fractions, dates, decimal_commas;
    size_t odd_row;         /* of the first cell that is no number */
    bool counts_up;         /* row by row: 0, 1, 2, ... or 1, 2, 3, ... */
    size_t n_words;         /* different ones; at most RD_TABLE_CLASSES + 1 are counted */
    struct rd_word pair[2]; /* the first two */
    bool has_first;         /* the cell of the first record stands here too */
};

static const struct rd_csv_cell *cell_at(const struct rd_csv *csv, size_t row, size_t column)
{
    return &csv->cell[row * csv->columns + column];
}

static size_t n_missing_words(void)
{
    size_t n = 0;

    while (rd_missing_words[n])
        n++;
    return n;
}

static bool is_decimal_comma(const struct rd_csv_cell *cell)
{
    const struct rd_csv_cell c = rd_cell_trim(cell);
    uint32_t i = 0, commas = 0;

    i += c.len && (*c.text == '-' || *c.text == '+');
    if (i == c.len || c.text[i] < '0' || c.text[i] > '9')
        return false;
    for (; i < c.len; i++) {
        commas += c.text[i] == ',';
        if (c.text[i] != ',' && (c.text[i] < '0' || c.text[i] > '9'))
            return false;
    }
    return commas == 1 && c.text[c.len - 1] != ',';
}

/* words is empty and scratch; only what the look keeps of it stays. */
static bool look_at(
    const struct rd_csv *csv, size_t column, size_t first, struct rd_words *words, struct look *k)
{
    const struct rd_csv_cell *name = cell_at(csv, 0, column);
    const size_t n_missing = n_missing_words();
    double v, start = -1;

    *k = (struct look){ .counts_up = true };
    for (size_t r = first; r < csv->rows; r++) {
        const struct rd_csv_cell *cell = cell_at(csv, r, column);

        k->cells++;
        if (rd_cell_missing(cell, rd_missing_words, n_missing)) {
            k->missing++;
            k->counts_up = false;
            continue;
        }
        if (rd_cell_number(cell, &v)) {
            k->numbers++;
            k->fractions += v != floor(v);
            if (r == first)
                start = v;
            k->counts_up =
                k->counts_up && (start == 0 || start == 1) && v == start + (double)(r - first);
        } else {
            if (k->numbers + k->missing == k->cells - 1)
                k->odd_row = r;
            k->counts_up = false;
            k->decimal_commas += is_decimal_comma(cell);
            k->dates += rd_cell_time(cell, true, &v);
        }
        if (words->n <= RD_TABLE_CLASSES && rd_words_add(words, cell->text, cell->len) < 0)
            return false;
    }
    k->n_words = words->n;
    for (size_t i = 0; i < 2 && i < words->n; i++)
        k->pair[i] = words->item[i];
    k->has_first = rd_words_find(words, name->text, name->len) >= 0;
    return true;
}

/* One column after the other, so that a wide table costs no more than a narrow one. */
static rd_status look_at_all(
    const struct rd_csv *csv, size_t first, struct look *k, struct rd_error *err)
{
    bool ok = true;

    for (size_t c = 0; ok && c < csv->columns; c++) {
        struct rd_arena scratch = RD_ARENA_INIT;
        struct rd_words words = { .arena = &scratch };

        ok = look_at(csv, c, first, &words, &k[c]);
        rd_arena_release(&scratch);
    }
    return ok ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "out of memory for the words of a column");
}

/* Is the first record 0, 1, 2, ...: the names that a data frame without names gives its columns? */
static bool counts_columns(const struct rd_csv *csv)
{
    double v;

    for (size_t c = 0; c < csv->columns; c++)
        if (!rd_cell_number(cell_at(csv, 0, c), &v) || v != (double)c)
            return false;
    return csv->columns >= 3;
}

/* The looks are at the rows behind the first. *twice_out: a column whose name stood before. */
static rd_status first_is_header(const struct rd_csv *csv, const struct look *k,
    struct rd_words *names, bool *header_out, size_t *twice_out, struct rd_error *err)
{
    bool numbers_below = false, met_again = false;
    double v;

    *header_out = false;
    for (size_t c = 0; c < csv->columns; c++) {
        const struct rd_csv_cell *cell = cell_at(csv, 0, c);
        const struct rd_csv_cell trimmed = rd_cell_trim(cell);
        const ptrdiff_t at = rd_words_add(names, cell->text, cell->len);

        if (at < 0)
            return RD_FAIL(err, RD_E_MEMORY, "out of memory for a header");
        if (names->item[at].count > 1)
            *twice_out = c;
        if ((!trimmed.len && c > 0) || rd_cell_number(cell, &v) || rd_cell_time(cell, true, &v))
            return RD_OK;
        numbers_below = numbers_below || 10 * k[c].numbers > 9 * (k[c].cells - k[c].missing);
        met_again = met_again || k[c].has_first;
    }
    /* Words alone that stand twice in the first record are taken for data. */
    *header_out = numbers_below || (*twice_out == SIZE_MAX && (csv->rows == 1 || !met_again));
    return RD_OK;
}

static const char *const label_names[] = { "label", "labels", "target", "class", "y", "outcome",
    NULL };
static const char *const contributor_names[] = { "contributor", "contributor_id", "annotator",
    "annotator_id", NULL };

static const char *const index_names[] = { "(index)", "index", "id", "row", "no", "nr",
    "unnamed: 0", NULL };
enum { COUNTED = 50 }; /* so many rows in a row are counted, whatever the column is called */

static bool is_one_of(const char *name, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (!strcasecmp(name, names[i]))
            return true;
    return false;
}

/* Whole numbers or words, and few of them; a column that is called so may lack some. */
static bool looks_like_classes(const struct look *k, bool named)
{
    const size_t most = named ? RD_TABLE_CLASSES : k->numbers ? 20 : RD_TABLE_CATEGORIES;

    return k->n_words >= 2 && k->n_words <= most && !k->fractions && (named || !k->missing) &&
           (k->n_words <= 20 || 2 * k->n_words <= k->cells);
}

/* A column by its name, else by its number from 1; SIZE_MAX when there is none such. */
static size_t find_column(const struct rd_column *column, size_t n, const char *wish)
{
    double number;

    for (size_t c = 0; c < n; c++)
        if (!strcmp(column[c].name, wish))
            return c;
    if (rd_text_to_double(wish, false, &number) && number >= 1 && number <= (double)n &&
        number == floor(number))
        return (size_t)number - 1;
    return SIZE_MAX;
}

static rd_status no_column(const struct rd_csv *csv, const struct rd_column *column,
    struct rd_arena *scratch, const char *what, const char *wish, struct rd_error *err)
{
    const char **names = RD_NEW_ARRAY(scratch, const char *, csv->columns + 1);
    char file[96], shown[64], near[64];
    const char *nearest;

    for (size_t c = 0; names && c < csv->columns; c++)
        names[c] = column[c].name;
    nearest = names ? rd_text_nearest(wish, names) : NULL;
    (void)RD_FAIL(err, RD_E_INPUT, "'%s' has no column '%s', named as its %s column",
        rd_text_safe_in(file, sizeof file, csv->name), rd_text_safe_in(shown, sizeof shown, wish),
        what);
    if (nearest)
        (void)rd_error_hint(err, "did you mean '%s'?", rd_text_safe_in(near, sizeof near, nearest));
    return RD_E_INPUT;
}

/* A pair of words that say no and yes; *no_out is the number of the first. */
static bool is_boolean(const struct look *k, size_t *no_out)
{
    static const char *const pairs[][2] = { { "no", "yes" }, { "false", "true" }, { "n", "y" },
        { "f", "t" } };

    for (size_t i = 0; k->n_words == 2 && i < sizeof pairs / sizeof *pairs; i++)
        for (size_t no = 0; no < 2; no++)
            if (k->pair[no].len == strlen(pairs[i][0]) && k->pair[!no].len == strlen(pairs[i][1]) &&
                !strncasecmp(k->pair[no].text, pairs[i][0], k->pair[no].len) &&
                !strncasecmp(k->pair[!no].text, pairs[i][1], k->pair[!no].len)) {
                *no_out = no;
                return true;
            }
    return false;
}

static rd_status type_of(const struct rd_csv *csv, const struct look *k, size_t at,
    struct rd_arena *arena, struct rd_column *c, struct rd_notes *notes, struct rd_error *err)
{
    const size_t present = k->cells - k->missing;
    char file[96], name[64], cell[64];
    size_t no;

    (void)rd_text_safe_in(file, sizeof file, csv->name);
    (void)rd_text_safe_in(name, sizeof name, c->name);
    c->type = RD_COLUMN_IGNORE;
    if (!present) {
        rd_notes_add(notes, "column '%s' is left out: every cell is missing", name);
        return RD_OK;
    }
    if (k->numbers == present) {
        if (at == 0 && k->counts_up && csv->columns > 1 &&
            (k->cells >= COUNTED || is_one_of(c->name, index_names))) {
            rd_notes_add(notes, "column '%s' is left out: it only counts the rows", name);
            return RD_OK;
        }
        c->type = RD_COLUMN_NUMBER;
        return RD_OK;
    }
    if (k->dates == present) {
        rd_notes_add(
            notes, "column '%s' holds dates: kept as the time of a row, not as an input", name);
        c->type = RD_COLUMN_TIME;
        return RD_OK;
    }
    (void)rd_cell_shown(cell_at(csv, k->odd_row, at), cell);
    if (k->decimal_commas && k->decimal_commas + k->numbers == present) {
        (void)RD_FAIL(err, RD_E_INPUT,
            "'%s', line %zu, column '%s': '%s' has a decimal comma; only a decimal point is read",
            file, csv->line[k->odd_row], name, cell);
        (void)rd_error_hint(err, "write 1.5 for 1,5, or declare the column a category in a schema");
        return RD_E_INPUT;
    }
    if (k->numbers * 10 > present * 9 && k->n_words > 20) {
        (void)RD_FAIL(err, RD_E_INPUT,
            "'%s', line %zu, column '%s': '%s' is no number, and %zu of %zu cells are", file,
            csv->line[k->odd_row], name, cell, k->numbers, present);
        (void)rd_error_hint(
            err, "name the word in missing: of a schema, or declare the column's type");
        return RD_E_INPUT;
    }
    if (is_boolean(k, &no)) {
        const char **word = RD_NEW_ARRAY(arena, const char *, 2);

        for (size_t i = 0; word && i < 2; i++) {
            const struct rd_word *w = &k->pair[i ? !no : no];

            word[i] = rd_arena_strndup(arena, w->text, w->len);
            if (!word[i])
                word = NULL;
        }
        if (!word)
            return RD_FAIL(err, RD_E_MEMORY, "out of memory for a schema");
        c->type = RD_COLUMN_BOOLEAN;
        c->word = word;
        c->n_words = 2;
        return RD_OK;
    }
    if (k->n_words <= RD_TABLE_CATEGORIES && (2 * k->n_words <= present || k->n_words <= 10)) {
        c->type = RD_COLUMN_CATEGORY;
        return RD_OK;
    }
    rd_notes_add(notes,
        "column '%s' is left out: %s%zu different texts in %zu rows are no category", name,
        k->n_words > RD_TABLE_CLASSES ? "more than " : "",
        k->n_words > RD_TABLE_CLASSES ? (size_t)RD_TABLE_CLASSES : k->n_words, present);
    return RD_OK;
}

/* Names from the header, or c1, c2, ... */
static rd_status name_columns(const struct rd_csv *csv, bool header, struct rd_arena *arena,
    struct rd_column *column, struct rd_error *err)
{
    for (size_t c = 0; c < csv->columns; c++) {
        const struct rd_csv_cell *cell = cell_at(csv, 0, c);

        column[c].name = !header ? rd_arena_printf(arena, "c%zu", c + 1)
                         : c == 0 && cell->len == 0
                             ? rd_arena_strdup(arena, "(index)")
                             : rd_arena_strndup(arena, cell->text, cell->len);
        if (!column[c].name)
            return RD_FAIL(err, RD_E_MEMORY, "out of memory for a schema");
    }
    return RD_OK;
}

/* Which column is the label: as wished, by its name, or the last one. SIZE_MAX: none. */
static rd_status choose_label(const struct rd_csv *csv, const struct rd_dataset_source *source,
    const struct rd_column *column, const struct look *k, struct rd_arena *scratch, size_t *at_out,
    struct rd_notes *notes, struct rd_error *err)
{
    const char *wish = source->label_column;
    const size_t last = csv->columns - 1;
    char name[64];

    *at_out = SIZE_MAX;
    if (source->labels || (wish && !strcmp(wish, "none")))
        return RD_OK;
    if (wish) {
        *at_out = find_column(column, csv->columns, wish);
        return *at_out == SIZE_MAX ? no_column(csv, column, scratch, "label", wish, err) : RD_OK;
    }
    for (int i = 0; label_names[i] && *at_out == SIZE_MAX; i++)
        for (size_t c = 0; c < csv->columns && *at_out == SIZE_MAX; c++)
            if (!strcasecmp(column[c].name, label_names[i]) && looks_like_classes(&k[c], true))
                *at_out = c;
    if (*at_out != SIZE_MAX) {
        rd_notes_add(notes, "label: column '%s', by its name",
            rd_text_safe_in(name, sizeof name, column[*at_out].name));
    } else if (csv->columns > 1 && looks_like_classes(&k[last], false)) {
        *at_out = last;
        rd_notes_add(notes,
            "label: column '%s', because it is the last one; --label-column names another",
            rd_text_safe_in(name, sizeof name, column[last].name));
    } else {
        rd_notes_add(notes, "no label: no column is called label, target, class, y or outcome, and "
                            "the last one holds no classes; --label-column names one");
    }
    return RD_OK;
}

static rd_status infer(const struct rd_csv *csv, const struct rd_dataset_source *source,
    struct rd_arena *scratch, struct rd_arena *arena, struct rd_schema *s, struct rd_notes *notes,
    struct rd_error *err)
{
    struct rd_column *column = RD_NEW_ARRAY(arena, struct rd_column, csv->columns);
    struct look *k = RD_NEW_ARRAY(scratch, struct look, csv->columns);
    struct rd_words names = { .arena = scratch };
    size_t label, contributor = SIZE_MAX, inputs = 0, times = 0, twice = SIZE_MAX;
    bool header, counted = csv->rows > 1 && counts_columns(csv);
    char shown[64], file[96];
    rd_status st;

    if (!column || !k)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu columns", csv->columns);
    st = look_at_all(csv, 1, k, err);
    if (st)
        return st;
    st = first_is_header(csv, k, &names, &header, &twice, err);
    if (st)
        return st;
    header = header || counted;
    if (header && !counted && twice != SIZE_MAX)
        return RD_FAIL(err, RD_E_INPUT, "'%s', line 1: the header names '%s' twice",
            rd_text_safe_in(file, sizeof file, csv->name),
            rd_cell_shown(cell_at(csv, 0, twice), shown));
    st = header ? RD_OK : look_at_all(csv, 0, k, err);
    if (st)
        return st;
    if (header && csv->rows == 1)
        return RD_FAIL(err, RD_E_INPUT, "'%s' holds a header and no rows",
            rd_text_safe_in(shown, sizeof shown, csv->name));
    if (counted)
        rd_notes_add(notes, "the first line only counts the columns: taken for a header");
    else if (!header)
        rd_notes_add(notes, "no header: the columns are called c1 to c%zu", csv->columns);
    st = name_columns(csv, header, arena, column, err);
    if (!st)
        st = choose_label(csv, source, column, k, scratch, &label, notes, err);
    if (st)
        return st;
    if (source->contributor_column) {
        contributor = find_column(column, csv->columns, source->contributor_column);
        if (contributor == SIZE_MAX)
            return no_column(csv, column, scratch, "contributor", source->contributor_column, err);
    }
    for (size_t c = 0; c < csv->columns && !source->contributor_column; c++)
        if (contributor == SIZE_MAX && c != label && is_one_of(column[c].name, contributor_names)) {
            contributor = c;
            rd_notes_add(notes, "contributor: column '%s', by its name",
                rd_text_safe_in(shown, sizeof shown, column[c].name));
        }
    for (size_t c = 0; !st && c < csv->columns; c++) {
        if (c == label)
            column[c].type = RD_COLUMN_LABEL;
        else if (c == contributor)
            column[c].type = RD_COLUMN_CONTRIBUTOR;
        else
            st = type_of(csv, &k[c], c, arena, &column[c], notes, err);
        if (column[c].type == RD_COLUMN_TIME && times++)
            column[c].type = RD_COLUMN_IGNORE; /* one time is enough */
        inputs += column[c].type <= RD_COLUMN_BOOLEAN;
    }
    if (!st && !inputs)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' has no column that could be an input",
            rd_text_safe_in(shown, sizeof shown, csv->name));
    *s = (struct rd_schema){ .separator = csv->separator,
        .header = header,
        .missing = rd_missing_words,
        .n_missing = n_missing_words(),
        .column = column,
        .n_columns = csv->columns };
    return st;
}

rd_status rd_table_infer(const struct rd_csv *csv, const struct rd_dataset_source *source,
    struct rd_arena *arena, struct rd_schema **schema_out, struct rd_notes *notes,
    struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_schema *s = RD_NEW(arena, struct rd_schema);
    rd_status st = s ? infer(csv, source, &scratch, arena, s, notes, err)
                     : RD_FAIL(err, RD_E_MEMORY, "out of memory for a schema");

    rd_arena_release(&scratch);
    if (!st)
        *schema_out = s;
    return st;
}
