/*
 * csv.h - RFC 4180, strictly: UTF-8 (with or without byte order mark), LF or CRLF, as many cells in
 * each record as in the first, quotes only around whole cells. Nothing is repaired.
 *
 * Source: RFC 4180, section 2. Beyond it: another separator than the comma, LF alone as line end,
 * and characters beyond ASCII.
 */
#ifndef RD_DATA_CSV_H
#define RD_DATA_CSV_H

#include "base/arena.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RD_CSV_COLUMNS = 1 << 16,   /* at most */
    RD_CSV_CELL_BYTES = 1 << 20 /* of one cell, at most */
};

struct rd_csv_cell {
    const char *text; /* not NUL-terminated; without its quotes */
    uint32_t len;
    bool quoted;
};

struct rd_csv {
    const char *name; /* for messages */
    char separator;
    bool guessed; /* the separator was found, not given */
    size_t rows, columns;
    const struct rd_csv_cell *cell; /* (rows, columns); the first row may be a header */
    const size_t *line;             /* (rows) in which the record begins, from 1 */
};

/* Could these bytes be a table, or a text that wants to be one? Binary files are not. */
bool rd_csv_is(const void *bytes, size_t size);
/*
 * separator 0: whichever of , ; tab | gives the records one same number of cells. Cells point into
 * bytes, which must live as long, or into the arena. RD_E_INPUT with the line, or the offset of a
 * byte that must not be; RD_E_LIMIT.
 */
rd_status rd_csv_parse(const char *name, const void *bytes, size_t size, char separator,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_csv **csv_out,
    struct rd_error *err);
/* "comma", "semicolon", ... */
const char *rd_csv_separator_name(char separator);

#endif
