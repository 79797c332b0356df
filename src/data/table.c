/* table.c - from cells to rows of float32: what the schema leaves out is learned, then all is
 * encoded. */
#include "data/table.h"

#include "base/text.h"
#include "data/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 96, CONTRIBUTORS_MAX = 1 << 30 };

static rd_status no_memory(struct rd_error *err)
{
    return RD_FAIL(err, RD_E_MEMORY, "out of memory for a table");
}

/* Where a cell stands, for messages: 'file', line 7, column 'age'. */
static const char *place(const struct rd_table *t, size_t row, size_t c, char out[RD_ERROR_TEXT])
{
    char file[SHOWN], name[64];

    (void)snprintf(out, RD_ERROR_TEXT, "'%s', line %zu, column '%s'",
        rd_text_safe_in(file, sizeof file, t->csv->name), t->csv->line[t->first + row],
        rd_text_safe_in(name, sizeof name, t->column[c].name));
    return out;
}

static bool is_missing(const struct rd_table *t, const struct rd_csv_cell *cell)
{
    return rd_cell_missing(cell, t->schema->missing, t->schema->n_missing);
}

/* The column of this type, or SIZE_MAX. */
static size_t column_of(const struct rd_table *t, enum rd_column_type type)
{
    for (size_t c = 0; c < t->schema->n_columns; c++)
        if (t->column[c].type == type)
            return c;
    return SIZE_MAX;
}

/* --- the schema's columns among those of the file --- */

static rd_status wish(struct rd_table *t, const char *name, enum rd_column_type type,
    struct rd_notes *notes, struct rd_error *err)
{
    const size_t before = column_of(t, type);
    char file[SHOWN], shown[64];
    size_t at = SIZE_MAX;
    double number;

    if (!name)
        return RD_OK;
    if (type == RD_COLUMN_LABEL && !strcmp(name, "none")) {
        if (before != SIZE_MAX)
            t->column[before].type = RD_COLUMN_IGNORE;
        return RD_OK;
    }
    for (size_t c = 0; c < t->schema->n_columns && at == SIZE_MAX; c++)
        if (!strcmp(t->column[c].name, name))
            at = c;
    if (at == SIZE_MAX && rd_text_to_double(name, false, &number) && number >= 1 &&
        number <= (double)t->schema->n_columns && number == floor(number))
        at = (size_t)number - 1;
    if (at == SIZE_MAX)
        return RD_FAIL(err, RD_E_INPUT, "'%s' has no column '%s', named as its %s column",
            rd_text_safe_in(file, sizeof file, t->csv->name),
            rd_text_safe_in(shown, sizeof shown, name), rd_column_type_name(type));
    if (at == before)
        return RD_OK;
    if (before != SIZE_MAX) {
        rd_notes_add(notes, "column '%s' of the schema is left out: another is the %s",
            rd_text_safe_in(shown, sizeof shown, t->column[before].name),
            rd_column_type_name(type));
        t->column[before].type = RD_COLUMN_IGNORE;
    }
    /* What was declared for its former type does not hold for the new one. */
    t->column[at] = (struct rd_column){ .name = t->column[at].name, .type = type };
    return RD_OK;
}

static rd_status by_header(
    struct rd_table *t, struct rd_arena *scratch, struct rd_notes *notes, struct rd_error *err)
{
    struct rd_words names = { .arena = scratch };
    bool *used = RD_NEW_ARRAY(scratch, bool, t->csv->columns);
    char file[SHOWN], shown[64];
    size_t left = 0, first_left = 0;

    if (!used)
        return no_memory(err);
    for (size_t c = 0; c < t->csv->columns; c++) {
        const struct rd_csv_cell *cell = &t->csv->cell[c];
        const bool index = c == 0 && !cell->len;
        const ptrdiff_t at = index ? rd_words_add(&names, "(index)", 7)
                                   : rd_words_add(&names, cell->text, cell->len);

        if (at < 0)
            return no_memory(err);
        if (names.item[at].count > 1)
            return RD_FAIL(err, RD_E_INPUT, "'%s', line 1: the header names '%s' twice",
                rd_text_safe_in(file, sizeof file, t->csv->name), rd_cell_shown(cell, shown));
    }
    for (size_t c = 0; c < t->schema->n_columns; c++) {
        const ptrdiff_t at = rd_words_find(&names, t->column[c].name, strlen(t->column[c].name));

        t->at[c] = at < 0 ? SIZE_MAX : (size_t)at;
        if (at >= 0)
            used[at] = true;
        else if (t->column[c].type <= RD_COLUMN_BOOLEAN)
            return RD_FAIL(err, RD_E_INPUT, "'%s' has no column '%s', which the schema names",
                rd_text_safe_in(file, sizeof file, t->csv->name),
                rd_text_safe_in(shown, sizeof shown, t->column[c].name));
    }
    for (size_t c = t->csv->columns; c-- > 0;)
        if (!used[c]) {
            first_left = c;
            left++;
        }
    if (left)
        rd_notes_add(notes, "%zu %s left out that the schema does not name, first '%s'", left,
            left == 1 ? "column is" : "columns are",
            rd_cell_shown(&t->csv->cell[first_left], shown));
    return RD_OK;
}

rd_status rd_table_bind(const struct rd_csv *csv, const struct rd_dataset_source *source,
    const struct rd_schema *schema, struct rd_arena *arena, struct rd_table *table_out,
    struct rd_notes *notes, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_table t = { .csv = csv, .schema = RD_NEW(arena, struct rd_schema) };
    char file[SHOWN];
    rd_status st;

    t.column = RD_NEW_ARRAY(arena, struct rd_column, schema->n_columns);
    t.at = RD_NEW_ARRAY(arena, size_t, schema->n_columns);
    if (!t.schema || !t.column || !t.at)
        return no_memory(err);
    memcpy(t.column, schema->column, schema->n_columns * sizeof *t.column);
    *t.schema = *schema;
    t.schema->column = t.column;
    t.schema->separator = csv->separator;
    t.first = schema->header;
    t.rows = csv->rows - t.first;
    if (!t.rows)
        return RD_FAIL(err, RD_E_INPUT, "'%s' holds a header and no rows",
            rd_text_safe_in(file, sizeof file, csv->name));
    if (source->column_scale) {
        enum rd_column_scale scale;

        if (!rd_column_scale_find(source->column_scale, &scale))
            return RD_FAIL(err, RD_E_USAGE, "column scale '%s' is none of none, standard, minmax",
                rd_text_safe_in(file, sizeof file, source->column_scale));
        for (size_t c = 0; scale != schema->scale && c < schema->n_columns; c++)
            t.column[c].has_scale = false; /* of another scale: to be learned anew */
        t.schema->scale = scale;
    }
    st = wish(&t, source->labels ? "none" : source->label_column, RD_COLUMN_LABEL, notes, err);
    if (!st)
        st = wish(&t, source->contributor_column, RD_COLUMN_CONTRIBUTOR, notes, err);
    if (!st && schema->header)
        st = by_header(&t, &scratch, notes, err);
    if (!st && !schema->header && schema->n_columns != csv->columns)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' has %zu columns, the schema %zu",
            rd_text_safe_in(file, sizeof file, csv->name), csv->columns, schema->n_columns);
    for (size_t c = 0; !schema->header && c < schema->n_columns; c++)
        t.at[c] = c;
    rd_arena_release(&scratch);
    if (!st)
        *table_out = t;
    return st;
}

/* --- words --- */

static int by_text(const void *a, const void *b)
{
    return rd_word_order(a, b);
}

/* Numbers by their size; words that are the same number by their letters. */
static int by_number(const void *a, const void *b)
{
    const struct rd_word *v = a, *w = b;
    const struct rd_csv_cell x = { v->text, (uint32_t)v->len, false };
    const struct rd_csv_cell y = { w->text, (uint32_t)w->len, false };
    double p = 0, q = 0;

    (void)rd_cell_number(&x, &p);
    (void)rd_cell_number(&y, &q);
    return p < q ? -1 : p > q ? 1 : rd_word_order(v, w);
}

static rd_status keep_words(struct rd_words *w, int (*order)(const void *, const void *),
    struct rd_arena *arena, struct rd_column *column, struct rd_error *err)
{
    const char **word = RD_NEW_ARRAY(arena, const char *, w->n + 1);

    if (!word)
        return no_memory(err);
    if (w->n)
        qsort(w->item, w->n, sizeof *w->item, order);
    for (size_t i = 0; i < w->n; i++) {
        word[i] = rd_arena_strndup(arena, w->item[i].text, w->item[i].len);
        if (!word[i])
            return no_memory(err);
    }
    column->word = word;
    column->n_words = w->n;
    return RD_OK;
}

/* The column's words in a table for look-up: number in the table = number in the list. */
static bool index_words(const struct rd_column *column, struct rd_words *w)
{
    for (size_t i = 0; i < column->n_words; i++)
        if (rd_words_add(w, column->word[i], strlen(column->word[i])) < 0)
            return false;
    return true;
}

/* --- labels --- */

/*
 * Classes that are numbers 0, 1, ... with gaps keep their numbers: a part of a file that lacks a
 * class must not shift the others.
 */
static rd_status fill_gaps(
    struct rd_column *column, struct rd_arena *arena, struct rd_notes *notes, struct rd_error *err)
{
    const char **word;
    double v = 0, last = -1;
    char name[64];

    for (size_t i = 0; i < column->n_words; i++) {
        const struct rd_csv_cell cell = { column->word[i], (uint32_t)strlen(column->word[i]),
            false };

        for (uint32_t k = 0; k < cell.len; k++)
            if (cell.text[k] < '0' || cell.text[k] > '9')
                return RD_OK;
        if (!rd_cell_number(&cell, &v) || v <= last || (i == 0 && v != 0))
            return RD_OK;
        last = v;
    }
    if (last + 1 == (double)column->n_words || last >= RD_TABLE_CLASSES)
        return RD_OK;
    word = RD_NEW_ARRAY(arena, const char *, (size_t)last + 1);
    for (size_t i = 0; word && i <= (size_t)last; i++) {
        word[i] = rd_arena_printf(arena, "%zu", i);
        if (!word[i])
            return no_memory(err);
    }
    if (!word)
        return no_memory(err);
    rd_notes_add(notes, "label '%s': %zu of the classes 0 to %zu do not occur",
        rd_text_safe_in(name, sizeof name, column->name), (size_t)last + 1 - column->n_words,
        (size_t)last);
    column->word = word;
    column->n_words = (size_t)last + 1;
    return RD_OK;
}

static rd_status learn_classes(struct rd_table *t, size_t c, struct rd_arena *scratch,
    struct rd_arena *arena, struct rd_notes *notes, struct rd_error *err)
{
    struct rd_words w = { .arena = scratch };
    bool numbers = true;
    char where[RD_ERROR_TEXT];
    rd_status st;

    for (size_t r = 0; r < t->rows; r++) {
        const struct rd_csv_cell *cell = rd_table_cell(t, r, t->at[c]);
        double v;

        if (is_missing(t, cell))
            return RD_FAIL(err, RD_E_INPUT, "%s: the label is missing", place(t, r, c, where));
        numbers = numbers && rd_cell_number(cell, &v);
        if (rd_words_add(&w, cell->text, cell->len) < 0)
            return no_memory(err);
        if (w.n > RD_TABLE_CLASSES) {
            (void)RD_FAIL(err, RD_E_INPUT, "%s: more than %d different labels are no classes",
                place(t, r, c, where), RD_TABLE_CLASSES);
            (void)rd_error_hint(err, "--label-column names another column, or none");
            return RD_E_INPUT;
        }
    }
    st = keep_words(&w, numbers ? by_number : by_text, arena, &t->column[c], err);
    return st || !numbers ? st : fill_gaps(&t->column[c], arena, notes, err);
}

/*
 * A word that is no class as it stands: the same number written otherwise (1.0 for 1), or with a
 * full stop behind it, as in the published test part of the census data. SIZE_MAX: unknown.
 */
static size_t nearly_class(
    const struct rd_column *column, const struct rd_words *w, const struct rd_csv_cell *cell)
{
    struct rd_csv_cell c = rd_cell_trim(cell);
    ptrdiff_t at = rd_words_find(w, c.text, c.len);
    double v, other;

    if (at < 0 && c.len > 1 && c.text[c.len - 1] == '.')
        at = rd_words_find(w, c.text, c.len - 1);
    if (at >= 0)
        return (size_t)at;
    if (!rd_cell_number(&c, &v))
        return SIZE_MAX;
    for (size_t i = 0; i < column->n_words; i++) {
        const struct rd_csv_cell word = { column->word[i], (uint32_t)strlen(column->word[i]),
            false };

        if (rd_cell_number(&word, &other) && other == v)
            return i;
    }
    return SIZE_MAX;
}

rd_status rd_table_label(struct rd_table *t, struct rd_arena *arena, int **label_out,
    struct rd_notes *notes, struct rd_error *err)
{
    const size_t c = column_of(t, RD_COLUMN_LABEL);
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_words w = { .arena = &scratch };
    const struct rd_csv_cell *nearly = NULL;
    size_t n_nearly = 0;
    char shown[64], name[64], where[RD_ERROR_TEXT];
    int *label;
    rd_status st = RD_OK;

    *label_out = NULL;
    if (c == SIZE_MAX)
        return RD_OK;
    if (t->at[c] == SIZE_MAX) {
        rd_notes_add(notes, "no label: the file has no column '%s'",
            rd_text_safe_in(name, sizeof name, t->column[c].name));
        return RD_OK;
    }
    label = RD_NEW_ARRAY(arena, int, t->rows);
    if (!label)
        return no_memory(err);
    if (!t->column[c].word)
        st = learn_classes(t, c, &scratch, arena, notes, err);
    if (!st && !index_words(&t->column[c], &w))
        st = no_memory(err);
    for (size_t r = 0; !st && r < t->rows; r++) {
        const struct rd_csv_cell *cell = rd_table_cell(t, r, t->at[c]);
        const ptrdiff_t at = rd_words_find(&w, cell->text, cell->len);
        size_t class = (size_t)at;

        if (at < 0) {
            class = nearly_class(&t->column[c], &w, cell);
            if (class == SIZE_MAX)
                st = RD_FAIL(err, RD_E_INPUT, "%s: '%s' is none of the %zu classes (first '%s')",
                    place(t, r, c, where), rd_cell_shown(cell, shown), t->column[c].n_words,
                    rd_text_safe_in(name, sizeof name, t->column[c].word[0]));
            nearly = nearly ? nearly : cell;
            n_nearly++;
        }
        label[r] = (int)class;
    }
    if (!st && n_nearly)
        rd_notes_add(notes, "%zu labels are written otherwise than in the schema, first '%s'",
            n_nearly, rd_cell_shown(nearly, shown));
    rd_arena_release(&scratch);
    if (!st)
        *label_out = label;
    return st;
}

/* --- what the schema leaves out --- */

static rd_status learn_categories(struct rd_table *t, size_t c, struct rd_arena *scratch,
    struct rd_arena *arena, struct rd_error *err)
{
    struct rd_words w = { .arena = scratch };

    for (size_t r = 0; r < t->rows; r++) {
        const struct rd_csv_cell *cell = rd_table_cell(t, r, t->at[c]);
        const bool missing = is_missing(t, cell);

        if (rd_words_add(&w, missing ? RD_CATEGORY_MISSING : cell->text,
                missing ? strlen(RD_CATEGORY_MISSING) : cell->len) < 0)
            return no_memory(err);
    }
    return keep_words(&w, by_text, arena, &t->column[c], err);
}

/* The value of a number or boolean; false when it is missing (or a word no boolean has). */
static rd_status value_of(const struct rd_table *t, size_t row, size_t c, bool *there_out,
    double *out, struct rd_error *err)
{
    const struct rd_column *column = &t->column[c];
    const struct rd_csv_cell *cell = rd_table_cell(t, row, t->at[c]);
    char where[RD_ERROR_TEXT], shown[64], low[32], high[32];

    *there_out = false;
    if (is_missing(t, cell))
        return RD_OK;
    *there_out = true;
    if (column->type == RD_COLUMN_BOOLEAN) {
        for (size_t i = 0; i < column->n_words; i++)
            if (rd_cell_is(cell, column->word[i])) {
                *out = (double)i;
                return RD_OK;
            }
        if (column->n_words || !rd_cell_number(cell, out) || (*out != 0 && *out != 1))
            return RD_FAIL(err, RD_E_INPUT, "%s: '%s' is neither '%s' nor '%s'",
                place(t, row, c, where), rd_cell_shown(cell, shown),
                column->n_words ? rd_text_safe_in(low, sizeof low, column->word[0]) : "0",
                column->n_words ? rd_text_safe_in(high, sizeof high, column->word[1]) : "1");
        return RD_OK;
    }
    if (!rd_cell_number(cell, out)) {
        (void)RD_FAIL(err, RD_E_INPUT, "%s: '%s' is no number", place(t, row, c, where),
            rd_cell_shown(cell, shown));
        (void)rd_error_hint(
            err, "name the word in missing: of a schema, or declare the column's type");
        return RD_E_INPUT;
    }
    if (!isfinite((float)*out))
        return RD_FAIL(err, RD_E_INPUT, "%s: '%s' is too large for float32",
            place(t, row, c, where), rd_cell_shown(cell, shown));
    if ((column->has_low && *out < column->low) || (column->has_high && *out > column->high))
        return RD_FAIL(err, RD_E_INPUT, "%s: '%s' is not from %s to %s", place(t, row, c, where),
            rd_cell_shown(cell, shown),
            column->has_low ? rd_text_from_double(column->low, low) : "anything",
            column->has_high ? rd_text_from_double(column->high, high) : "anything");
    return RD_OK;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Fill, mean and deviation from the values that are there; v is sorted on return. */
static void learn_from(struct rd_column *c, enum rd_column_scale scale, double *v, size_t n)
{
    double sum = 0, squares = 0, mean;

    for (size_t i = 0; i < n; i++)
        sum += v[i];
    mean = n ? sum / (double)n : 0;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    if (n)
        qsort(v, n, sizeof *v, by_size);
    if (!c->has_seen && n) {
        c->has_seen = true;
        c->seen_low = v[0];
        c->seen_high = v[n - 1];
    }
    if (!c->has_fill) {
        c->has_fill = true;
        c->fill = c->fill_mean ? mean : n ? (v[(n - 1) / 2] + v[n / 2]) / 2 : 0;
        if (c->type == RD_COLUMN_BOOLEAN)
            c->fill = c->fill >= 0.5;
    }
    if (c->has_scale || scale == RD_COLUMN_SCALE_NONE || c->type != RD_COLUMN_NUMBER)
        return;
    c->has_scale = true;
    if (scale == RD_COLUMN_SCALE_STANDARD) {
        c->mean = mean;
        c->deviation = n ? sqrt(squares / (double)n) : 0;
    } else {
        c->mean = c->has_low ? c->low : c->has_seen ? c->seen_low : 0;
        c->deviation = (c->has_high ? c->high : c->has_seen ? c->seen_high : 0) - c->mean;
    }
    if (!(c->deviation > 0) || !isfinite(c->deviation))
        c->deviation = 1; /* a column that never changes */
}

static rd_status learn_numbers(struct rd_table *t, size_t c, const size_t *row, size_t n,
    struct rd_arena *scratch, struct rd_notes *notes, struct rd_error *err)
{
    struct rd_column *column = &t->column[c];
    double *v = RD_NEW_ARRAY(scratch, double, n);
    size_t there = 0;
    char name[64];

    if (!v)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        bool is_there;
        const rd_status st = value_of(t, row ? row[i] : i, c, &is_there, &v[there], err);

        if (st)
            return st;
        there += is_there;
    }
    if (!there && !column->has_fill)
        rd_notes_add(notes, "column '%s' holds nothing to learn from: filled with 0",
            rd_text_safe_in(name, sizeof name, column->name));
    learn_from(column, t->schema->scale, v, there);
    return RD_OK;
}

rd_status rd_table_learn(struct rd_table *t, const size_t *row, size_t n, struct rd_arena *arena,
    struct rd_notes *notes, struct rd_error *err)
{
    rd_status st = RD_OK;

    for (size_t c = 0; !st && c < t->schema->n_columns; c++) {
        struct rd_arena scratch = RD_ARENA_INIT;
        const struct rd_column *k = &t->column[c];

        if (k->type == RD_COLUMN_CATEGORY && !k->word)
            st = learn_categories(t, c, &scratch, arena, err);
        else if ((k->type == RD_COLUMN_NUMBER || k->type == RD_COLUMN_BOOLEAN) &&
                 !(k->has_fill && k->has_seen &&
                     (k->has_scale || t->schema->scale == RD_COLUMN_SCALE_NONE ||
                         k->type == RD_COLUMN_BOOLEAN)))
            st = learn_numbers(t, c, row, row ? n : t->rows, &scratch, notes, err);
        rd_arena_release(&scratch);
    }
    return st;
}

/* --- rows --- */

static size_t width_of(const struct rd_column *c)
{
    switch (c->type) {
    case RD_COLUMN_NUMBER:
    case RD_COLUMN_BOOLEAN:
        return c->indicator ? 2 : 1;
    case RD_COLUMN_CATEGORY:
        return c->n_words;
    default:
        return 0;
    }
}

/* The features that the inputs of a row become, in the order of the columns. */
static rd_status lay_out(
    const struct rd_table *t, struct rd_arena *arena, struct rd_dataset *d, struct rd_error *err)
{
    struct rd_feature *f;
    size_t n = 0, at = 0;

    for (size_t c = 0; c < t->schema->n_columns; c++)
        n += width_of(&t->column[c]) ? 1 + t->column[c].indicator : 0;
    f = RD_NEW_ARRAY(arena, struct rd_feature, n);
    if (!f)
        return no_memory(err);
    d->feature = f;
    d->n_features = n;
    for (size_t c = 0; c < t->schema->n_columns; c++) {
        const struct rd_column *k = &t->column[c];
        const bool scaled = k->has_scale && t->schema->scale && k->type == RD_COLUMN_NUMBER;

        if (!width_of(k))
            continue;
        *f = (struct rd_feature){ .name = k->name,
            .type = k->type == RD_COLUMN_CATEGORY ? RD_FEATURE_CATEGORY : RD_FEATURE_NUMBER,
            .first = at,
            .width = k->type == RD_COLUMN_CATEGORY ? k->n_words : 1,
            .category = k->type == RD_COLUMN_CATEGORY ? k->word : NULL,
            .mean = scaled ? k->mean : 0,
            .deviation = scaled ? k->deviation : 0 };
        if (f->type == RD_FEATURE_NUMBER) {
            f->low = k->has_low ? k->low : k->seen_low;
            f->high = k->has_high ? k->high : k->seen_high;
        }
        at += f++->width;
        if (k->indicator) {
            *f = (struct rd_feature){ .name = rd_arena_printf(arena, "%s missing", k->name),
                .type = RD_FEATURE_NUMBER,
                .first = at,
                .width = 1,
                .high = 1 };
            if (!f->name)
                return no_memory(err);
            at += f++->width;
        }
    }
    d->width = at;
    return RD_OK;
}

/* One column of all rows. */
static rd_status put_numbers(const struct rd_table *t, size_t c, const size_t *row,
    struct rd_feature *f, struct rd_dataset *d, float *x, struct rd_error *err)
{
    const struct rd_column *k = &t->column[c];

    for (size_t i = 0; i < d->n; i++) {
        bool there;
        double v = k->fill;
        const rd_status st = value_of(t, row ? row[i] : i, c, &there, &v, err);
        float *to = x + i * d->width + f->first;

        if (st)
            return st;
        f->missing += !there;
        *to = (float)rd_feature_from_units(f, v);
        if (k->indicator)
            to[1] = there ? 0 : 1;
        if (!isfinite(*to)) {
            char where[RD_ERROR_TEXT];

            return RD_FAIL(err, RD_E_INPUT, "%s: scaled, it is too large for float32",
                place(t, row ? row[i] : i, c, where));
        }
    }
    return RD_OK;
}

static rd_status put_categories(const struct rd_table *t, size_t c, const size_t *row,
    struct rd_feature *f, struct rd_dataset *d, float *x, struct rd_notes *notes,
    struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_words w = { .arena = &scratch };
    char name[64], shown[64];
    size_t first_unknown = 0;

    if (!index_words(&t->column[c], &w)) {
        rd_arena_release(&scratch);
        return no_memory(err);
    }
    for (size_t i = 0; i < d->n; i++) {
        const size_t r = row ? row[i] : i;
        const struct rd_csv_cell *cell = rd_table_cell(t, r, t->at[c]);
        const bool missing = is_missing(t, cell);
        const ptrdiff_t at =
            missing ? rd_words_find(&w, RD_CATEGORY_MISSING, strlen(RD_CATEGORY_MISSING))
                    : rd_words_find(&w, cell->text, cell->len);

        f->missing += missing;
        if (at >= 0)
            x[i * d->width + f->first + (size_t)at] = 1;
        else if (!missing && !f->unknown++)
            first_unknown = r;
    }
    rd_arena_release(&scratch);
    (void)rd_text_safe_in(name, sizeof name, f->name);
    if (f->unknown)
        rd_notes_add(notes,
            "column '%s': %zu %s a word that the schema does not know, first '%s' in line %zu: all "
            "zero there",
            name, f->unknown, f->unknown == 1 ? "cell holds" : "cells hold",
            rd_cell_shown(rd_table_cell(t, first_unknown, t->at[c]), shown),
            t->csv->line[t->first + first_unknown]);
    return RD_OK;
}

static void say_missing(
    const struct rd_table *t, size_t c, const struct rd_feature *f, struct rd_notes *notes)
{
    const struct rd_column *k = &t->column[c];
    bool own = false;
    char name[64], fill[32];

    if (!f->missing)
        return;
    (void)rd_text_safe_in(name, sizeof name, f->name);
    for (size_t i = 0; k->type == RD_COLUMN_CATEGORY && i < k->n_words; i++)
        own = own || !strcmp(k->word[i], RD_CATEGORY_MISSING);
    if (k->type == RD_COLUMN_CATEGORY)
        rd_notes_add(notes, "column '%s': %zu missing, %s", name, f->missing,
            own ? "a category of their own" : "all zero: the schema knows none");
    else
        rd_notes_add(notes, "column '%s': %zu missing, filled with %s%s", name, f->missing,
            rd_text_from_double(k->fill, fill), k->indicator ? " and marked beside it" : "");
}

/* Contributors by name, numbered in the order of their names. */
static rd_status put_contributors(const struct rd_table *t, size_t c, const size_t *row,
    struct rd_arena *arena, struct rd_dataset *d, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_words w = { .arena = &scratch }, sorted = { .arena = &scratch };
    int *contributor = RD_NEW_ARRAY(arena, int, d->n);
    struct rd_column names = { 0 };
    rd_status st = contributor ? RD_OK : no_memory(err);

    for (int pass = 0; !st && pass < 2; pass++) {
        for (size_t i = 0; !st && i < d->n; i++) {
            const struct rd_csv_cell *cell = rd_table_cell(t, row ? row[i] : i, t->at[c]);
            const bool missing = is_missing(t, cell);
            const char *text = missing ? RD_CATEGORY_MISSING : cell->text;
            const size_t len = missing ? strlen(RD_CATEGORY_MISSING) : cell->len;

            if (pass)
                contributor[i] = (int)rd_words_find(&sorted, text, len);
            else if (rd_words_add(&w, text, len) < 0)
                st = no_memory(err);
        }
        if (!pass && !st)
            st = keep_words(&w, by_text, arena, &names, err);
        if (!pass && !st && (names.n_words > CONTRIBUTORS_MAX || !index_words(&names, &sorted)))
            st = no_memory(err);
    }
    rd_arena_release(&scratch);
    d->contributor = contributor;
    d->contributor_name = names.word;
    d->n_contributors = names.n_words;
    return st;
}

static rd_status put_time(const struct rd_table *t, size_t c, const size_t *row,
    struct rd_arena *arena, struct rd_dataset *d, struct rd_error *err)
{
    double *time = RD_NEW_ARRAY(arena, double, d->n);

    if (!time)
        return no_memory(err);
    for (size_t i = 0; i < d->n; i++) {
        const size_t r = row ? row[i] : i;
        const struct rd_csv_cell *cell = rd_table_cell(t, r, t->at[c]);
        char where[RD_ERROR_TEXT], shown[64];

        if (!rd_cell_time(cell, false, &time[i]))
            return RD_FAIL(err, RD_E_INPUT, "%s: '%s' is no time: seconds, or 2026-11-25T10:00:00",
                place(t, r, c, where), rd_cell_shown(cell, shown));
    }
    d->time = time;
    return RD_OK;
}

rd_status rd_table_encode(const struct rd_table *t, const size_t *row,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_dataset *d,
    struct rd_notes *notes, struct rd_error *err)
{
    const size_t who = column_of(t, RD_COLUMN_CONTRIBUTOR), when = column_of(t, RD_COLUMN_TIME);
    struct rd_feature *f;
    size_t bytes;
    char file[SHOWN];
    float *x;
    rd_status st = lay_out(t, arena, d, err);

    if (st)
        return st;
    if (!d->width)
        return RD_FAIL(err, RD_E_INPUT, "'%s' has no column that is an input",
            rd_text_safe_in(file, sizeof file, t->csv->name));
    if (__builtin_mul_overflow(d->n * d->width, sizeof *x, &bytes) || bytes > limits->tensor_bytes)
        return RD_FAIL(err, RD_E_LIMIT, "'%s': %zu rows of %zu numbers need more than %zu bytes",
            rd_text_safe_in(file, sizeof file, t->csv->name), d->n, d->width, limits->tensor_bytes);
    x = RD_NEW_ARRAY(arena, float, d->n * d->width);
    if (!x)
        return no_memory(err);
    d->x = x;
    d->ndim = 1;
    d->dim[0] = (int64_t)d->width;
    f = (struct rd_feature *)d->feature; /* ours until it is handed out */
    for (size_t c = 0; !st && c < t->schema->n_columns; c++) {
        const struct rd_column *k = &t->column[c];

        if (!width_of(k))
            continue;
        st = k->type == RD_COLUMN_CATEGORY ? put_categories(t, c, row, f, d, x, notes, err)
                                           : put_numbers(t, c, row, f, d, x, err);
        say_missing(t, c, f, notes);
        f += 1 + k->indicator;
    }
    if (!st && who != SIZE_MAX && t->at[who] != SIZE_MAX)
        st = put_contributors(t, who, row, arena, d, err);
    if (!st && when != SIZE_MAX && t->at[when] != SIZE_MAX)
        st = put_time(t, when, row, arena, d, err);
    return st;
}
