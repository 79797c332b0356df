/*
 * clicks.c - clicks in from CSV, out to CSV, and put in order.
 *
 * The file holds numbers only, so the reader is a table of columns and a walk over the lines; what
 * does not look like the header said is an error with its line.
 */
#include "data/clicks.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 4, CELL_MAX = 40 };
enum column { USER, ITEM, WEIGHT, TIME };
static const char *const column_names[COLUMNS] = { "user", "item", "weight", "time" };

struct reader {
    const char *name;
    const char *at, *end; /* what is left */
    size_t line;          /* of the row being read, from 1 */
    enum column order[COLUMNS];
    size_t n_columns;
    bool has[COLUMNS];
    struct rd_error *err;
};

static rd_status complain(struct reader *r, const char *cell, size_t len, const char *expected)
{
    char found[CELL_MAX + 8], safe[80], file[120];
    const size_t shown = len < CELL_MAX ? len : CELL_MAX;

    memcpy(found, cell, shown);
    found[shown] = 0;
    return RD_FAIL(r->err, RD_E_INPUT, "'%s' line %zu: expected %s, found '%s'",
        rd_text_safe_in(file, sizeof file, r->name), r->line, expected,
        rd_text_safe_in(safe, sizeof safe, found));
}

/* The next line without its end; false at the end of the file. A last line may lack its end. */
static bool next_line(struct reader *r, const char **line_out, size_t *len_out)
{
    const char *nl;

    if (r->at == r->end)
        return false;
    nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *line_out = r->at;
    *len_out = (size_t)((nl ? nl : r->end) - r->at);
    r->at = nl ? nl + 1 : r->end;
    if (*len_out && (*line_out)[*len_out - 1] == '\r')
        --*len_out;
    r->line++;
    return true;
}

/* The next cell of a line; *rest moves behind its comma, or becomes NULL behind the last. */
static size_t next_cell(const char **rest, const char *end, const char **cell_out)
{
    const char *comma = memchr(*rest, ',', (size_t)(end - *rest));

    *cell_out = *rest;
    *rest = comma ? comma + 1 : NULL;
    return (size_t)((comma ? comma : end) - *cell_out);
}

static rd_status read_header(struct reader *r)
{
    const char *line, *rest, *cell;
    char file[120];
    size_t len;

    if (!next_line(r, &line, &len))
        return RD_FAIL(r->err, RD_E_INPUT,
            "'%s' is empty: expected a header such as user,item,time",
            rd_text_safe_in(file, sizeof file, r->name));
    for (rest = line; rest;) {
        const size_t n = next_cell(&rest, line + len, &cell);
        size_t c = 0;

        while (
            c < COLUMNS && (strlen(column_names[c]) != n || memcmp(column_names[c], cell, n) != 0))
            c++;
        if (c == COLUMNS)
            return complain(r, cell, n, "a column called user, item, weight or time");
        if (r->has[c])
            return complain(r, cell, n, "each column once");
        r->has[c] = true;
        r->order[r->n_columns++] = (enum column)c;
    }
    if (!r->has[USER] || !r->has[ITEM])
        return complain(r, line, len, "columns called user and item");
    return RD_OK;
}

/* Digits alone, at most 18: never out of range. */
static bool whole(const char *cell, size_t len, int64_t *out)
{
    const bool minus = len && *cell == '-';
    int64_t v = 0;

    if (len == minus || len - minus > 18)
        return false;
    for (size_t i = minus; i < len; i++) {
        if (cell[i] < '0' || cell[i] > '9')
            return false;
        v = v * 10 + (cell[i] - '0');
    }
    *out = minus ? -v : v;
    return true;
}

static rd_status read_cell(
    struct reader *r, enum column c, const char *cell, size_t len, struct rd_click *out)
{
    char text[CELL_MAX + 1];
    int64_t v;
    double w;

    switch (c) {
    case USER:
    case ITEM:
        if (!whole(cell, len, &v) || v < 0 || v >= RD_CLICKS_IDS_MAX)
            return complain(r, cell, len,
                c == USER ? "a user: a whole number from 0 to 16777215"
                          : "an item: a whole number from 0 to 16777215");
        *(c == USER ? &out->user : &out->item) = (int)v;
        return RD_OK;
    case WEIGHT:
        if (len > CELL_MAX)
            return complain(r, cell, len, "a weight above 0");
        memcpy(text, cell, len);
        text[len] = 0;
        if (strlen(text) != len || !rd_text_to_double(text, false, &w) || !(w > 0) || w > 1e6)
            return complain(r, cell, len, "a weight above 0 and at most 1e6");
        out->weight = (float)w;
        if (!(out->weight > 0))
            return complain(r, cell, len, "a weight above 0");
        return RD_OK;
    case TIME:
        if (!whole(cell, len, &out->time))
            return complain(r, cell, len, "a time in whole seconds");
        return RD_OK;
    }
    return RD_OK;
}

static rd_status read_row(struct reader *r, const char *line, size_t len, struct rd_click *out)
{
    const char *rest = line, *cell;
    size_t c = 0;

    for (; rest; c++) {
        const size_t n = next_cell(&rest, line + len, &cell);
        rd_status st;

        if (c == r->n_columns)
            return complain(r, cell, n, "no more cells than the header has");
        st = read_cell(r, r->order[c], cell, n, out);
        if (st)
            return st;
    }
    return c == r->n_columns ? RD_OK : complain(r, line, len, "as many cells as the header has");
}

rd_status rd_clicks_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_clicks *clicks_out,
    struct rd_error *err)
{
    const struct rd_limits *l = limits ? limits : &rd_limits_default;
    struct reader r = { .name = name, .at = bytes, .end = (const char *)bytes + size, .err = err };
    struct rd_click *click;
    const char *line;
    char file[120];
    size_t len, rows = 0, n = 0;
    rd_status st;

    (void)rd_text_safe_in(file, sizeof file, name);
    if (size >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3))
        r.at += 3;
    st = read_header(&r);
    if (st)
        return st;
    for (const char *p = r.at; p < r.end && (p = memchr(p, '\n', (size_t)(r.end - p))); p++)
        rows++;
    rows += r.at < r.end; /* a last line without its end */
    if (rows > l->tensor_bytes / sizeof *click)
        return RD_FAIL(err, RD_E_LIMIT, "'%s' has %zu rows: too many", file, rows);
    click = RD_NEW_ARRAY(arena, struct rd_click, rows ? rows : 1);
    if (!click)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu clicks", rows);
    while (!st && next_line(&r, &line, &len)) {
        if (!len && r.at == r.end)
            break; /* an empty last line */
        click[n] = (struct rd_click){ .weight = 1, .time = (int64_t)n };
        st = read_row(&r, line, len, &click[n++]);
    }
    if (!st && !n)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' has a header and no clicks", file);
    return st ? st : rd_clicks_make(click, n, 0, 0, clicks_out, err);
}

rd_status rd_clicks_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_clicks *clicks_out, struct rd_error *err)
{
    const struct rd_limits *l = limits ? limits : &rd_limits_default;
    struct rd_arena file = RD_ARENA_INIT;
    struct rd_bytes bytes;
    rd_status st = rd_file_map(path, l->tensor_bytes, &file, &bytes, err);

    if (!st)
        st = rd_clicks_parse(path, bytes.data ? (const void *)bytes.data : "", bytes.size, l, arena,
            clicks_out, err);
    rd_arena_release(&file);
    return st;
}

/* --- order and digest --- */

static int by_user_and_time(const void *a, const void *b)
{
    const struct rd_click *p = a, *q = b;

    if (p->user != q->user)
        return p->user < q->user ? -1 : 1;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    if (p->item != q->item)
        return p->item < q->item ? -1 : 1;
    return (p->weight > q->weight) - (p->weight < q->weight);
}

/* One row as text: 20 bytes a number at most. */
static void put_row(struct rd_buf *out, const struct rd_click *c)
{
    char number[32];

    rd_buf_printf(out, "%d,%d,%s,%" PRId64 "\n", c->user, c->item,
        rd_text_from_double((double)c->weight, number), c->time);
}

static rd_status digest_of(struct rd_clicks *c, struct rd_error *err)
{
    struct rd_buf text = { 0 };
    rd_status st;

    rd_buf_printf(&text, "redoubt/clicks 1\n%zu %zu\n", c->n_users, c->n_items);
    for (size_t i = 0; i < c->n; i++)
        put_row(&text, &c->item[i]);
    st = text.failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory for a digest")
                     : rd_digest_bytes(text.text, text.len, c->digest, err);
    rd_buf_release(&text);
    return st;
}

rd_status rd_clicks_make(struct rd_click *item, size_t n, size_t n_users, size_t n_items,
    struct rd_clicks *clicks_out, struct rd_error *err)
{
    struct rd_clicks c = { .item = item, .n = n, .n_users = n_users, .n_items = n_items };

    for (size_t i = 0; i < n; i++) {
        if ((size_t)item[i].user >= c.n_users)
            c.n_users = (size_t)item[i].user + 1;
        if ((size_t)item[i].item >= c.n_items)
            c.n_items = (size_t)item[i].item + 1;
    }
    if (n)
        qsort(item, n, sizeof *item, by_user_and_time);
    *clicks_out = c;
    return digest_of(clicks_out, err);
}

rd_status rd_clicks_write(const char *path, const struct rd_clicks *clicks, struct rd_error *err)
{
    struct rd_buf text = { 0 };
    rd_status st;

    rd_buf_puts(&text, "user,item,weight,time\n");
    for (size_t i = 0; i < clicks->n; i++)
        put_row(&text, &clicks->item[i]);
    st = text.failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu clicks", clicks->n)
                     : rd_file_write(path, text.text, text.len, 0644, err);
    rd_buf_release(&text);
    return st;
}
