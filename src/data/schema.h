/*
 * schema.h - what the columns of a table mean: declared in a small YAML or JSON file, or inferred.
 *
 *   version: 1
 *   separator: ","            # , ; tab |
 *   header: "yes"
 *   scale: standard           # none | standard | minmax: of the numbers
 *   missing: ["", NA, "?"]    # words that mean that nothing is there
 *   columns:
 *     - {name: age, type: number, fill: 37, mean: 38.5, deviation: 13.6, seen: [17, 90]}
 *     - {name: job, type: category, categories: [clerk, sales]}
 *     - {name: hours, type: number, low: 0, high: 168}      # what lies outside is an error
 *     - {name: member, type: boolean, words: ["no", "yes"]} # 0 and 1
 *     - {name: id, type: ignore}
 *     - {name: account, type: contributor}
 *     - {name: day, type: time}                             # seconds, or 2026-11-25[T10:00:00]
 *     - {name: class, type: label, classes: ["<=50K", ">50K"]}
 *
 * A number that is missing becomes `fill` (the median, unless it is declared; `mean` by
 * `fill_with: mean`), with `indicator: "yes"` a column of 0 and 1 says so beside it. A category
 * that is missing is a category of its own ("(missing)") wherever one was seen when the schema was
 * made; a word that the schema does not know is all zero and counted. What the schema leaves out
 * (fill, mean, categories, classes) is learned from the rows that are read; a schema written by
 * rd_schema_write leaves nothing out, so another file read with it gets the same columns.
 */
#ifndef RD_DATA_SCHEMA_H
#define RD_DATA_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stdint.h>

enum rd_column_type {
    RD_COLUMN_NUMBER,
    RD_COLUMN_CATEGORY,
    RD_COLUMN_BOOLEAN,
    RD_COLUMN_IGNORE,
    RD_COLUMN_LABEL,
    RD_COLUMN_CONTRIBUTOR,
    RD_COLUMN_TIME
};
enum rd_column_scale { RD_COLUMN_SCALE_NONE, RD_COLUMN_SCALE_STANDARD, RD_COLUMN_SCALE_MINMAX };

struct rd_column {
    const char *name;
    enum rd_column_type type;
    /* Categories, the two words of a boolean (no, yes), or classes of the label; sorted bytewise
     * when they were learned. NULL: not known yet. */
    const char *const *word;
    size_t n_words;
    bool has_fill, fill_mean, indicator;
    double fill;
    bool has_scale;         /* mean and deviation are known: v = (units - mean) / deviation */
    double mean, deviation; /* minmax: low and high - low */
    bool has_low, has_high; /* declared: a value outside is an error */
    double low, high;
    bool has_seen; /* smallest and largest when the schema was made: information, no limit */
    double seen_low, seen_high;
};

struct rd_schema {
    char separator;
    bool header;
    enum rd_column_scale scale;
    const char *const *missing; /* words, compared as they stand */
    size_t n_missing;
    const struct rd_column *column;
    size_t n_columns;
};

/* "number", "category", ...; "none", "standard", "minmax". */
const char *rd_column_type_name(enum rd_column_type type);
const char *rd_column_scale_name(enum rd_column_scale scale);
bool rd_column_scale_find(const char *name, enum rd_column_scale *scale_out);

/* What means "missing" unless a schema says otherwise; NULL-terminated. */
extern const char *const rd_missing_words[];

/* The category that stands for a missing one. */
#define RD_CATEGORY_MISSING "(missing)"

/* RD_E_INPUT with file:line:column for anything that is not understood. */
rd_status rd_schema_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_schema **schema_out, struct rd_error *err);
rd_status rd_schema_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_schema **schema_out,
    struct rd_error *err);
/* As YAML; reading it back gives the same schema. */
void rd_schema_write(const struct rd_schema *schema, struct rd_buf *out);

#endif
