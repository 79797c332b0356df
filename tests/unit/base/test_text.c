/* Text from outside is shown harmless; numbers do not ask the locale; near words are found. */
#include "base/text.h"
#include "support.h"

#include <locale.h>
#include <math.h>
#include <string.h>

static void assert_shown(const char *text, const char *want)
{
    struct rd_buf b = { 0 };

    rd_text_safe(&b, text, strlen(text));
    assert_string_equal(rd_buf_text(&b), want);
    rd_buf_release(&b);
}

static void controls_and_deceivers_are_escaped(void **state)
{
    (void)state;
    assert_shown("plain \xc3\xa9\xe2\x82\xac", "plain \xc3\xa9\xe2\x82\xac");
    assert_shown("\x1b[31mred\x07\x7f\n", "\\x1b[31mred\\x07\\x7f\\x0a");
    assert_shown("a\xc2\x9b"
                 "b",
        "a\\x9b"
        "b");                                      /* C1: CSI */
    assert_shown("x\xe2\x80\xaey", "x\\u{202e}y"); /* right-to-left override */
    assert_shown("\xe2\x80\x8b\xef\xbb\xbf", "\\u{200b}\\u{feff}");
    assert_shown("\xff\xc0\xaf\xed\xa0\x80", "\\xff\\xc0\\xaf\\xed\\xa0\\x80"); /* no UTF-8 */
}

static void long_text_is_cut_between_characters(void **state)
{
    char out[10];

    (void)state;
    assert_string_equal(
        rd_text_safe_in(out, sizeof out, "abcd\xc3\xa9\xc3\xa9\xc3\xa9"), "abcd\xc3\xa9...");
    assert_string_equal(rd_text_safe_in(out, sizeof out, "abcdefghi"), "abcdefghi");
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    static const char *const bad[] = { "", " 1", "1 ", "0x10", "inf", "nan", "1,5", "1/0", "1/",
        "1e999", "--1", "." };
    double v = 0;

    (void)state;
    assert_true(rd_text_to_double("8/255", true, &v) && v == 8.0 / 255.0);
    assert_false(rd_text_to_double("8/255", false, &v));
    assert_true(rd_text_to_double("-1.5e3", false, &v) && v == -1500);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rd_text_to_double(bad[i], true, &v));
}

static void the_locale_changes_nothing(void **state)
{
    char text[32];
    double v;

    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        (void)setlocale(LC_ALL, "");
    assert_string_equal(rd_text_from_double(0.1, text), "0.1");
    assert_true(rd_text_to_double("2.5", false, &v) && v == 2.5);
    (void)setlocale(LC_ALL, "C");
}

static void the_nearest_word_is_suggested(void **state)
{
    static const char *const words[] = { "steps", "step-size", "eps", "restarts", NULL };

    (void)state;
    assert_string_equal(rd_text_nearest("stesp", words), "steps");
    assert_string_equal(rd_text_nearest("stepsize", words), "step-size");
    assert_null(rd_text_nearest("banana", words));
    assert_null(rd_text_nearest("x", words));
}

static void a_cell_is_never_a_formula(void **state)
{
    static const char *const row[][2] = { { "plain words", "plain words" }, { "=1+1", "'=1+1" },
        { "  @SUM(A1)", "\"'  @SUM(A1)\"" }, { "-2", "'-2" }, { "+x,y", "\"'+x,y\"" },
        { "say \"hi\"", "\"say \"\"hi\"\"\"" }, { "", "" }, { "a\nb", "a\\x0ab" },
        { "\t=1", "\\x09=1" }, { NULL, "" } };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct rd_buf out = { 0 };

        rd_text_csv(&out, row[i][0]);
        assert_string_equal(rd_buf_text(&out), row[i][1]);
        rd_buf_release(&out);
    }
}

static void text_is_never_a_request_of_a_manual_page(void **state)
{
    static const char *const row[][2] = { { "plain words", "plain words" },
        { ".sy rm", "\\&.sy rm" }, { "'br", "\\(aqbr" }, { "a.b", "a.b" },
        { "\\fB\\n(x", "\\(rsfB\\(rsn(x" }, { "--set", "\\-\\-set" },
        { "say \"hi\"", "say \\(dqhi\\(dq" }, { "`~^", "\\(ga\\(ti\\(ha" },
        { "a\n.so x", "a\\(rsx0a.so x" }, { "\xc3\xa9", "\\[u00E9]" },
        { "\xf0\x9f\x98\x80", "\\[u1F600]" }, { "\xff", "\\(rsxff" }, { "", "" } };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct rd_buf out = { 0 };

        rd_text_roff(&out, row[i][0]);
        assert_string_equal(rd_buf_text(&out), row[i][1]);
        rd_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_never_a_formula),
        cmocka_unit_test(controls_and_deceivers_are_escaped),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(text_is_never_a_request_of_a_manual_page),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(the_nearest_word_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
