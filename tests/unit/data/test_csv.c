/* RFC 4180: what it allows is read as it stands, everything else is refused with its line. */
#include "support.h"

#include "data/csv.h"

#include <string.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const struct rd_csv *parsed(const char *text, size_t size, char separator)
{
    struct rd_csv *csv = NULL;
    struct rd_error err = { 0 };

    if (rd_csv_parse("t.csv", text, size, separator, NULL, &arena, &csv, &err))
        fail_msg("refused: %s", err.frame[0].text);
    return csv;
}

static void refuse(const char *text, size_t size, rd_status status, const char *want)
{
    struct rd_csv *csv = NULL;
    struct rd_error err = { 0 };
    /* A sanitizer sees what is read behind the end. */
    char *copy = test_malloc(size + 1);

    memcpy(copy + 1, text, size);
    assert_int_equal(rd_csv_parse("t.csv", copy + 1, size, 0, NULL, &arena, &csv, &err), status);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_null(csv);
    test_free(copy);
}

static void cell_is(const struct rd_csv *csv, size_t row, size_t column, const char *want)
{
    const struct rd_csv_cell *c = &csv->cell[row * csv->columns + column];

    if (c->len != strlen(want) || memcmp(c->text, want, c->len) != 0)
        fail_msg("(%zu, %zu) is '%.*s', not '%s'", row, column, (int)c->len, c->text, want);
}

static void cells_are_read_as_they_stand(void **state)
{
    static const char text[] = "a,b,c\r\n"
                               "1, x ,\n"
                               "\"q\"\"uote\",\"two\r\nlines, and a comma\",\"\"\n"
                               "\xC3\xA9,,last";
    const struct rd_csv *csv = parsed(text, strlen(text), 0);

    (void)state;
    assert_int_equal(csv->rows, 4);
    assert_int_equal(csv->columns, 3);
    cell_is(csv, 0, 2, "c");
    cell_is(csv, 1, 1, " x "); /* blanks are part of a cell */
    cell_is(csv, 1, 2, "");
    cell_is(csv, 2, 0, "q\"uote");
    cell_is(csv, 2, 1, "two\r\nlines, and a comma");
    cell_is(csv, 2, 2, "");
    assert_true(csv->cell[2 * 3 + 2].quoted && !csv->cell[1 * 3 + 2].quoted);
    cell_is(csv, 3, 0, "\xC3\xA9");
    cell_is(csv, 3, 2, "last");
    assert_int_equal(csv->line[2], 3);
    assert_int_equal(csv->line[3], 5);
}

static void a_byte_order_mark_and_a_last_line_end_are_no_cells(void **state)
{
    const struct rd_csv *csv = parsed("\xEF\xBB\xBFx,y\n1,2\n", 11, 0);

    (void)state;
    assert_int_equal(csv->rows, 2);
    cell_is(csv, 0, 0, "x");
    csv = parsed("one\n\ntwo\n", 9, 0); /* with one column an empty line is an empty cell */
    assert_int_equal(csv->rows, 3);
    cell_is(csv, 1, 0, "");
}

static void the_separator_is_found(void **state)
{
    (void)state;
    assert_int_equal(parsed("a;b\n1,5;2\n", 10, 0)->separator, ';');
    assert_int_equal(parsed("a\tb\tc\n1\t2\t3\n", 12, 0)->separator, '\t');
    assert_int_equal(parsed("a|b\n1|2", 7, 0)->separator, '|');
    assert_int_equal(parsed("a,b\n1;5,2", 9, 0)->separator, ',');
    assert_int_equal(parsed("\"a;b\",c\n\"d;e;f\",g", 17, 0)->separator, ',');
    assert_int_equal(parsed("a;b\n1;2", 7, ',')->columns, 1); /* declared: not guessed */
}

static void ragged_rows_are_refused_by_line(void **state)
{
    (void)state;
    refuse("a,b,c\n1,2,3\n1,2\n", 18 - 2, RD_E_INPUT, "line 3: 2 cells; expected 3");
    refuse("a,b\n1,2,3\n", 10, RD_E_INPUT, "line 2: 3 cells; expected 2");
    refuse("a,b\n\"x\ny\",1\n1\n", 14, RD_E_INPUT, "line 4: 1 cell; expected 2");
    refuse("a,b\n1,2\n\n3,4\n", 13, RD_E_INPUT, "line 3: an empty line; expected 2");
    refuse("a,b\n1,2\n\n", 9, RD_E_INPUT, "line 3: an empty line");
}

static void wrong_quotes_are_refused_by_line(void **state)
{
    (void)state;
    refuse("a,b\n1,\"x\n2,3\n", 13, RD_E_INPUT, "line 2: a quote that is never closed");
    refuse("a,b\n1,x\"y\n", 10, RD_E_INPUT, "line 2: a quote inside a cell");
    refuse("a,b\n1, \"y\"\n", 11, RD_E_INPUT, "line 2: a quote inside a cell");
    refuse("a,b\n1,\"x\"y\n", 11, RD_E_INPUT, "line 2: text behind the closing quote");
    refuse("a,b\n1,\"x\" \n", 11, RD_E_INPUT, "line 2: text behind the closing quote");
    refuse("\"", 1, RD_E_INPUT, "line 1: a quote that is never closed");
}

static void line_ends_of_other_kinds_are_refused(void **state)
{
    (void)state;
    refuse("a,b\r1,2\r", 8, RD_E_INPUT, "line 1: a carriage return (CR) without line feed");
    refuse("a,b\n1,2\r", 8, RD_E_INPUT, "line 2: a carriage return (CR) without line feed");
    refuse("a,b\n1,2\r\r\n", 10, RD_E_INPUT, "line 2: a carriage return");
}

static void bytes_that_are_no_text_are_refused_with_their_offset(void **state)
{
    (void)state;
    refuse("a,b\n1,\0002\n", 9, RD_E_INPUT, "line 2: the byte 0x00 (NUL) at offset 6");
    refuse("a,b\n1,\xE9t\n", 9, RD_E_INPUT, "line 2: the byte 0xe9 at offset 6 is not UTF-8");
    refuse("\xEF\xBB\xBF"
           "a\n\xFF\n",
        7, RD_E_INPUT, "line 2: the byte 0xff at offset 5 is not UTF-8");
    refuse("\xFF\xFE"
           "a\0,\0",
        6, RD_E_INPUT, "line 1: the byte 0xff at offset 0 is not UTF-8");
    refuse("a,\x1b[31m\n", 8, RD_E_INPUT, "line 1: the byte 0x1b at offset 2");
    refuse("", 0, RD_E_INPUT, "is empty");
    refuse("\xEF\xBB\xBF", 3, RD_E_INPUT, "is empty");
}

static void ten_million_columns_cost_little(void **state)
{
    enum { COLUMNS = 10000000 };
    char *wide = test_malloc(COLUMNS);

    (void)state;
    memset(wide, ',', COLUMNS);
    refuse(wide, COLUMNS, RD_E_LIMIT, "line 1: more than 65536 columns");
    assert_true(arena.used == 0);
    memset(wide, 'x', COLUMNS);
    refuse(wide, COLUMNS, RD_E_LIMIT, "line 1: a cell of more than 1 MiB");
    test_free(wide);
}

static void memory_has_a_ceiling(void **state)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_csv *csv = NULL;
    struct rd_error err = { 0 };

    (void)state;
    limits.memory_bytes = 100;
    assert_int_equal(
        rd_csv_parse("t.csv", "1,2,3\n4,5,6\n7,8,9\n", 18, 0, &limits, &arena, &csv, &err),
        RD_E_LIMIT);
    assert_non_null(strstr(err.frame[0].text, "3 rows of 3 cells need more than 100 bytes"));
}

static void binary_files_are_no_tables(void **state)
{
    (void)state;
    assert_true(rd_csv_is("a,b\n1,2\n", 8));
    assert_true(rd_csv_is("\xFF\xFE"
                          "a\0,\0",
        6)); /* UTF-16 is told as such by the reader */
    assert_false(rd_csv_is("\x93NUMPY\1\0v\0{", 11));
    assert_false(rd_csv_is("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cells_are_read_as_they_stand, release),
        cmocka_unit_test_teardown(a_byte_order_mark_and_a_last_line_end_are_no_cells, release),
        cmocka_unit_test_teardown(the_separator_is_found, release),
        cmocka_unit_test_teardown(ragged_rows_are_refused_by_line, release),
        cmocka_unit_test_teardown(wrong_quotes_are_refused_by_line, release),
        cmocka_unit_test_teardown(line_ends_of_other_kinds_are_refused, release),
        cmocka_unit_test_teardown(bytes_that_are_no_text_are_refused_with_their_offset, release),
        cmocka_unit_test_teardown(ten_million_columns_cost_little, release),
        cmocka_unit_test_teardown(memory_has_a_ceiling, release),
        cmocka_unit_test_teardown(binary_files_are_no_tables, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
