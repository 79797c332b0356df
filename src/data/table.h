/*
 * table.h - from the cells of a CSV to rows of float32: the steps that rd_dataset_read puts
 * together.
 *
 * infer (when nobody declared a schema), bind to the columns of the file, label, learn what the
 * schema leaves out, encode.
 */
#ifndef RD_DATA_TABLE_H
#define RD_DATA_TABLE_H

#include "data/csv.h"
#include "data/dataset.h"
#include "data/notes.h"
#include "data/schema.h"

enum {
    RD_TABLE_CATEGORIES = 128, /* distinct words of a column that is taken for a category */
    RD_TABLE_CLASSES = 1000    /* distinct words of a column that is taken for the label */
};

struct rd_table {
    const struct rd_csv *csv;
    struct rd_schema *schema;
    struct rd_column *column; /* of the schema, to be completed */
    size_t *at;               /* (schema columns) column of the file, or SIZE_MAX: not there */
    size_t first;             /* 1 behind a header, else 0 */
    size_t rows;              /* without the header */
};

/* Types, header, label and contributor of a table that nobody described; says what it decided. */
rd_status rd_table_infer(const struct rd_csv *csv, const struct rd_dataset_source *source,
    struct rd_arena *arena, struct rd_schema **schema_out, struct rd_notes *notes,
    struct rd_error *err);
/* The schema's columns among those of the file. Takes the wishes of source into the schema. */
rd_status rd_table_bind(const struct rd_csv *csv, const struct rd_dataset_source *source,
    const struct rd_schema *schema, struct rd_arena *arena, struct rd_table *table_out,
    struct rd_notes *notes, struct rd_error *err);
/* Class of each row of the table, (rows) ints, and the classes; *label_out NULL without a label. */
rd_status rd_table_label(struct rd_table *table, struct rd_arena *arena, int **label_out,
    struct rd_notes *notes, struct rd_error *err);
/* What the schema leaves out: categories from all rows, numbers from the n rows (NULL: all). */
rd_status rd_table_learn(struct rd_table *table, const size_t *row, size_t n,
    struct rd_arena *arena, struct rd_notes *notes, struct rd_error *err);
/* x, features, contributor, time of the rows; d->n is set. */
rd_status rd_table_encode(const struct rd_table *table, const size_t *row,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_dataset *d,
    struct rd_notes *notes, struct rd_error *err);

/* --- cells --- */
const struct rd_csv_cell *rd_table_cell(const struct rd_table *t, size_t row, size_t column);
/* Its text without blanks around it. */
struct rd_csv_cell rd_cell_trim(const struct rd_csv_cell *cell);
bool rd_cell_is(const struct rd_csv_cell *cell, const char *word);
bool rd_cell_number(const struct rd_csv_cell *cell, double *out);
/* Seconds, or a date "2026-11-25", with a time behind 'T' or a blank, in UTC. */
bool rd_cell_time(const struct rd_csv_cell *cell, bool dates_only, double *out);
bool rd_cell_missing(const struct rd_csv_cell *cell, const char *const *words, size_t n);
/* For messages: cut, made safe. */
const char *rd_cell_shown(const struct rd_csv_cell *cell, char out[64]);

#endif
