/* csv.c - records and cells, in two passes: one that checks and counts, one that notes. */
#include "data/csv.h"

#include "base/text.h"

#include <string.h>

enum { SHOWN = 96, GUESS_RECORDS = 50, SNIFF = 1024 };

static const char separators[] = ",;\t|";

/* Where the reader stands. */
struct cursor {
    const char *at, *end;
    char separator;
    size_t line; /* of at, from 1 */
};

enum after { AFTER_CELL, AFTER_RECORD, AFTER_TABLE };

/* What is wrong, without its place. */
struct fault {
    rd_status status;
    size_t line;
    const char *text, *hint;
};

static bool fail(struct fault *f, const struct cursor *c, const char *text, const char *hint)
{
    *f = (struct fault){ RD_E_INPUT, c->line, text, hint };
    return false;
}

/* What follows a cell; false when it is neither separator nor end of line. */
static bool step_over(struct cursor *c, enum after *after, struct fault *f)
{
    if (c->at == c->end) {
        *after = AFTER_TABLE;
        return true;
    }
    if (*c->at == c->separator) {
        c->at++;
        *after = AFTER_CELL;
        return true;
    }
    if (*c->at == '\r') {
        if (c->at + 1 == c->end || c->at[1] != '\n')
            return fail(f, c, "a carriage return (CR) without line feed",
                "lines end in LF or CRLF; convert the file");
        c->at++;
    }
    c->at++;
    c->line++;
    *after = c->at == c->end ? AFTER_TABLE : AFTER_RECORD;
    return true;
}

/*
 * One cell and what stands behind it. doubled_out: its text holds "" that stand for ". A file that
 * ends in a line end has no empty record behind it.
 */
static bool next_cell(struct cursor *c, struct rd_csv_cell *cell, bool *doubled_out,
    enum after *after, struct fault *f)
{
    const char *start = c->at;
    const size_t line = c->line;

    *doubled_out = false;
    if (c->at < c->end && *c->at == '"') {
        start = ++c->at;
        for (;;) {
            const char *quote = memchr(c->at, '"', (size_t)(c->end - c->at));

            for (const char *p = c->at; p < (quote ? quote : c->end); p++)
                c->line += *p == '\n';
            if (!quote) {
                c->line = line;
                return fail(f, c, "a quote that is never closed", NULL);
            }
            c->at = quote + 1;
            if (c->at == c->end || *c->at != '"')
                break;
            *doubled_out = true;
            c->at++;
        }
        *cell = (struct rd_csv_cell){ start, 0, true };
        if ((size_t)(c->at - 1 - start) > RD_CSV_CELL_BYTES)
            goto too_long;
        cell->len = (uint32_t)(c->at - 1 - start);
        if (c->at < c->end && *c->at != c->separator && *c->at != '\n' && *c->at != '\r')
            return fail(f, c, "text behind the closing quote of a cell",
                "a quote inside a quoted cell is written twice");
        return step_over(c, after, f);
    }
    while (c->at < c->end && *c->at != c->separator && *c->at != '\n' && *c->at != '\r') {
        if (*c->at == '"')
            return fail(f, c, "a quote inside a cell that does not begin with one",
                "put the whole cell in quotes and write the inner quote twice");
        c->at++;
    }
    *cell = (struct rd_csv_cell){ start, 0, false };
    if ((size_t)(c->at - start) > RD_CSV_CELL_BYTES)
        goto too_long;
    cell->len = (uint32_t)(c->at - start);
    return step_over(c, after, f);
too_long:
    *f = (struct fault){ RD_E_LIMIT, line, "a cell of more than 1 MiB", NULL };
    return false;
}

static const char *hint_of_first_record(const struct cursor *c)
{
    return memchr(c->at, '\r', (size_t)(c->end - c->at)) &&
                   !memchr(c->at, '\n', (size_t)(c->end - c->at))
               ? "lines end in LF or CRLF; convert the file"
               : NULL;
}

/* Cells of the next record, noted where cell is not NULL. */
static bool next_record(struct cursor *c, size_t want, size_t *cells_out, enum after *after,
    struct rd_csv_cell *cell, struct rd_arena *arena, struct fault *f)
{
    const size_t line = c->line;
    struct rd_csv_cell one;
    bool doubled;

    *cells_out = 0;
    do {
        if (*cells_out == RD_CSV_COLUMNS) {
            *f = (struct fault){ RD_E_LIMIT, line, "more than 65536 columns", NULL };
            f->hint = hint_of_first_record(c);
            return false;
        }
        if (!next_cell(c, &one, &doubled, after, f))
            return false;
        if (cell && *cells_out < want) {
            if (doubled) { /* "" become one " in a copy */
                char *copy = rd_arena_strndup(arena, one.text, one.len);
                uint32_t n = 0;

                if (!copy) {
                    *f = (struct fault){ RD_E_MEMORY, line, "out of memory for a cell", NULL };
                    return false;
                }
                for (uint32_t i = 0; i < one.len; i++) {
                    copy[n++] = one.text[i];
                    i += one.text[i] == '"';
                }
                one.text = copy;
                one.len = n;
            }
            cell[*cells_out] = one;
        }
        ++*cells_out;
    } while (*after == AFTER_CELL);
    return true;
}

/* How many columns the first records have with this separator; 0 when they differ. */
static size_t columns_with(const char *at, const char *end, char separator, size_t *first_out)
{
    struct cursor c = { at, end, separator, 1 };
    enum after after = AFTER_RECORD;
    size_t columns = 0, cells;
    struct fault f;

    *first_out = 0;
    for (int i = 0; i < GUESS_RECORDS && after != AFTER_TABLE; i++) {
        if (!next_record(&c, 0, &cells, &after, NULL, NULL, &f))
            return 0;
        if (i == 0)
            columns = *first_out = cells;
        if (cells != columns)
            return 0;
    }
    return columns;
}

/*
 * The separator that gives the most columns, all records alike. Where none does, the one that the
 * first record holds most often: the message about the first ragged record is then the right one.
 */
static char guess(const char *at, const char *end)
{
    char best = ',', fallback = ',';
    size_t most = 1, most_first = 1;

    for (const char *s = separators; *s; s++) {
        size_t first;
        const size_t columns = columns_with(at, end, *s, &first);

        if (columns > most) {
            most = columns;
            best = *s;
        }
        if (first > most_first) {
            most_first = first;
            fallback = *s;
        }
    }
    return most > 1 ? best : fallback;
}

const char *rd_csv_separator_name(char separator)
{
    switch (separator) {
    case ',':
        return "comma";
    case ';':
        return "semicolon";
    case '\t':
        return "tab";
    case '|':
        return "bar";
    default:
        return "other";
    }
}

static bool is_utf16(const unsigned char *p, size_t size)
{
    return size >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF));
}

bool rd_csv_is(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    const size_t n = size < SNIFF ? size : SNIFF;
    size_t odd = 0;

    if (is_utf16(p, size))
        return true;
    for (size_t i = 0; i < n; i++)
        odd += (p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t') || p[i] == 0x7F;
    return n && (odd <= 1 || odd * 8 <= n);
}

/* The offset and line of the first byte that no text table may hold. */
static rd_status check_bytes(
    const char *name, const char *text, size_t size, size_t skipped, struct rd_error *err)
{
    size_t at = size, line = 1;
    char shown[SHOWN];
    const bool utf8 = rd_text_is_utf8(text, size, &at);
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < (utf8 ? size : at); i++) {
        const unsigned char c = (unsigned char)text[i];

        line += c == '\n';
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t')
            st = RD_FAIL(err, RD_E_INPUT, "'%s', line %zu: the byte 0x%02x%s at offset %zu",
                rd_text_safe_in(shown, sizeof shown, name), line, c, c ? "" : " (NUL)",
                i + skipped);
        else if (c == 0x7F)
            st = RD_FAIL(err, RD_E_INPUT, "'%s', line %zu: the byte 0x7f at offset %zu",
                rd_text_safe_in(shown, sizeof shown, name), line, i + skipped);
    }
    if (st || utf8)
        return st;
    st = RD_FAIL(err, RD_E_INPUT, "'%s', line %zu: the byte 0x%02x at offset %zu is not UTF-8",
        rd_text_safe_in(shown, sizeof shown, name), line, (unsigned char)text[at], at + skipped);
    (void)rd_error_hint(err, "%s",
        is_utf16((const unsigned char *)text, size) ? "this is UTF-16; save it as UTF-8"
                                                    : "if it is Latin-1: iconv -f LATIN1 -t UTF-8");
    return st;
}

static rd_status tell(const char *name, const struct fault *f, struct rd_error *err)
{
    char shown[SHOWN];
    const rd_status st = RD_FAIL(err, f->status, "'%s', line %zu: %s",
        rd_text_safe_in(shown, sizeof shown, name), f->line, f->text);

    if (f->hint)
        (void)rd_error_hint(err, "%s", f->hint);
    return st;
}

/* First pass: everything is checked, records and columns are counted. */
static rd_status measure(
    const char *name, struct cursor c, size_t *rows_out, size_t *columns_out, struct rd_error *err)
{
    enum after after = AFTER_RECORD;
    char shown[SHOWN];
    size_t rows = 0, columns = 0, cells;

    while (after != AFTER_TABLE) {
        const size_t line = c.line;
        const char *start = c.at;
        struct fault f;

        if (!next_record(&c, 0, &cells, &after, NULL, NULL, &f))
            return tell(name, &f, err);
        if (!rows)
            columns = cells;
        if (cells != columns) {
            const bool empty = cells == 1 && (*start == '\n' || *start == '\r');
            (void)rd_text_safe_in(shown, sizeof shown, name);
            if (empty)
                return RD_FAIL(err, RD_E_INPUT,
                    "'%s', line %zu: an empty line; expected %zu cells, as in the first record",
                    shown, line, columns);
            return RD_FAIL(err, RD_E_INPUT,
                "'%s', line %zu: %zu %s; expected %zu, as in the first record", shown, line, cells,
                cells == 1 ? "cell" : "cells", columns);
        }
        rows++;
    }
    *rows_out = rows;
    *columns_out = columns;
    return RD_OK;
}

rd_status rd_csv_parse(const char *name, const void *bytes, size_t size, char separator,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_csv **csv_out,
    struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    const char *text = bytes;
    const bool bom = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    struct cursor c = { text + (bom ? 3 : 0), text + size, separator, 1 };
    enum after after = AFTER_RECORD;
    struct rd_csv_cell *cell;
    size_t *line, rows = 0, columns = 0, need;
    struct rd_csv *csv;
    char shown[SHOWN];
    struct fault f;
    rd_status st;

    if (c.at == c.end)
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' is empty", rd_text_safe_in(shown, sizeof shown, name));
    st = check_bytes(name, c.at, (size_t)(c.end - c.at), bom ? 3 : 0, err);
    if (st)
        return st;
    if (!separator)
        c.separator = guess(c.at, c.end);
    st = measure(name, c, &rows, &columns, err);
    if (st)
        return st;
    if (__builtin_mul_overflow(rows * columns, sizeof *cell, &need) || need > l->memory_bytes)
        return RD_FAIL(err, RD_E_LIMIT, "'%s': %zu rows of %zu cells need more than %zu bytes",
            rd_text_safe_in(shown, sizeof shown, name), rows, columns, l->memory_bytes);
    csv = RD_NEW(arena, struct rd_csv);
    cell = RD_NEW_ARRAY(arena, struct rd_csv_cell, rows * columns);
    line = RD_NEW_ARRAY(arena, size_t, rows);
    if (!csv || !cell || !line)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu rows of %zu cells", rows, columns);
    *csv = (struct rd_csv){ .name = name,
        .separator = c.separator,
        .guessed = !separator,
        .rows = rows,
        .columns = columns,
        .cell = cell,
        .line = line };
    for (size_t r = 0; r < rows; r++) {
        size_t cells;

        line[r] = c.line;
        if (!next_record(&c, columns, &cells, &after, cell + r * columns, arena, &f))
            return tell(name, &f, err);
    }
    *csv_out = csv;
    return RD_OK;
}
