/* cell.c - what one cell of a table says. */
#include "data/table.h"

#include "base/text.h"

#include <string.h>

enum { NUMBER_BYTES = 64 };

struct rd_csv_cell rd_cell_trim(const struct rd_csv_cell *cell)
{
    struct rd_csv_cell c = *cell;

    while (c.len && (*c.text == ' ' || *c.text == '\t')) {
        c.text++;
        c.len--;
    }
    while (c.len && (c.text[c.len - 1] == ' ' || c.text[c.len - 1] == '\t'))
        c.len--;
    return c;
}

bool rd_cell_is(const struct rd_csv_cell *cell, const char *word)
{
    return strlen(word) == cell->len && memcmp(cell->text, word, cell->len) == 0;
}

bool rd_cell_number(const struct rd_csv_cell *cell, double *out)
{
    const struct rd_csv_cell c = rd_cell_trim(cell);
    char text[NUMBER_BYTES];
    uint64_t whole = 0;
    uint32_t i = 0;

    if (!c.len || c.len >= sizeof text)
        return false;
    /* Most cells are short whole numbers, exact without strtod. */
    while (i < c.len && i < 15 && c.text[i] >= '0' && c.text[i] <= '9')
        whole = 10 * whole + (uint64_t)(c.text[i++] - '0');
    if (i == c.len) {
        *out = (double)whole;
        return true;
    }
    memcpy(text, c.text, c.len);
    text[c.len] = '\0';
    return rd_text_to_double(text, false, out);
}

bool rd_cell_missing(const struct rd_csv_cell *cell, const char *const *words, size_t n)
{
    const struct rd_csv_cell c = rd_cell_trim(cell);

    /* Most cells differ from all these words in their first letter. */
    for (size_t i = 0; i < n; i++)
        if (words[i][0] == (c.len ? c.text[0] : '\0') && rd_cell_is(&c, words[i]))
            return true;
    return false;
}

/* n digits at *p, which moves behind them. */
static bool digits(const char **p, const char *end, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, ++*p) {
        if (*p == end || **p < '0' || **p > '9')
            return false;
        *out = 10 * *out + (**p - '0');
    }
    return true;
}

static bool mark(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    ++*p;
    return true;
}

/* Days since 1970-01-01 of the Gregorian calendar: years begin in March, so the leap day is last.
 */
static int64_t days_of(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t m = month > 2 ? month - 3 : month + 9;
    const int64_t before = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

    return before - 719468;
}

bool rd_cell_time(const struct rd_csv_cell *cell, bool dates_only, double *out)
{
    static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const struct rd_csv_cell c = rd_cell_trim(cell);
    const char *p = c.text, *const end = c.text + c.len;
    int year, month, day, hour = 0, minute = 0, second = 0;

    if (!digits(&p, end, 4, &year) || !mark(&p, end, '-') || !digits(&p, end, 2, &month) ||
        !mark(&p, end, '-') || !digits(&p, end, 2, &day))
        return !dates_only && rd_cell_number(cell, out);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
        (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400))))
        return false;
    if (p < end) {
        if (!mark(&p, end, 'T') && !mark(&p, end, ' '))
            return false;
        if (!digits(&p, end, 2, &hour) || !mark(&p, end, ':') || !digits(&p, end, 2, &minute))
            return false;
        if (mark(&p, end, ':') && !digits(&p, end, 2, &second))
            return false;
        (void)mark(&p, end, 'Z');
    }
    if (p != end || hour > 23 || minute > 59 || second > 60)
        return false;
    *out = (double)(days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second);
    return true;
}

const char *rd_cell_shown(const struct rd_csv_cell *cell, char out[64])
{
    char text[48];
    const size_t n = cell->len < sizeof text ? cell->len : sizeof text - 1;

    memcpy(text, cell->text, n);
    text[n] = '\0';
    return rd_text_safe_in(out, 64, text);
}

const struct rd_csv_cell *rd_table_cell(const struct rd_table *t, size_t row, size_t column)
{
    return &t->csv->cell[(t->first + row) * t->csv->columns + column];
}
