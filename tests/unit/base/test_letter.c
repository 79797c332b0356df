/* Upper and lower case without the locale; the pairs are Unicode's. */
#include "support.h"

#include "base/letter.h"

#include <string.h>

static void letters_of_several_scripts_have_two_cases(void **state)
{
    static const uint32_t pair[][2] = { { 'A', 'a' }, { 'Z', 'z' }, { 0xc4, 0xe4 }, { 0x178, 0xff },
        { 0x160, 0x161 }, { 0x17d, 0x17e }, { 0x139, 0x13a }, { 0x18f, 0x259 }, { 0x1a0, 0x1a1 },
        { 0x1af, 0x1b0 }, { 0x386, 0x3ac }, { 0x3a3, 0x3c3 }, { 0x40f, 0x45f }, { 0x416, 0x436 },
        { 0x4c0, 0x4cf }, { 0x531, 0x561 }, { 0x1ea0, 0x1ea1 }, { 0xff21, 0xff41 } };
    static const uint32_t none[] = { '1', '_', 0xd7, 0xdf, 0xf7, 0x138, 0x149, 0x4e2d, 0x1f600 };

    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        assert_int_equal(rd_letter_lower(pair[i][0]), pair[i][1]);
        assert_int_equal(rd_letter_upper(pair[i][1]), pair[i][0]);
        assert_int_equal(rd_letter_lower(pair[i][1]), pair[i][1]);
        assert_int_equal(rd_letter_upper(pair[i][0]), pair[i][0]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(rd_letter_lower(none[i]), none[i]);
        assert_int_equal(rd_letter_upper(none[i]), none[i]);
    }
}

/* What was made lower stays so, and its upper case is that of the letter. */
static void cases_agree_with_each_other(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x3000; c++) {
        assert_int_equal(rd_letter_lower(rd_letter_lower(c)), rd_letter_lower(c));
        assert_int_equal(rd_letter_upper(rd_letter_upper(c)), rd_letter_upper(c));
        if (rd_letter_lower(c) != c && c != 0x130 && c != 0x1e9e)
            assert_int_equal(rd_letter_upper(rd_letter_lower(c)), c);
    }
}

static void texts_are_converted_and_bad_bytes_stay(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(rd_letter_convert("\xc3\x84rger\xff!", 8, false, out), 8);
    assert_string_equal(out, "\xc3\xa4rger\xff!");
    assert_int_equal(rd_letter_convert("\xd1\x8f\xf0\x9f\x98\x80x", 7, true, out), 7);
    assert_string_equal(out, "\xd0\xaf\xf0\x9f\x98\x80X");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_several_scripts_have_two_cases),
        cmocka_unit_test(cases_agree_with_each_other),
        cmocka_unit_test(texts_are_converted_and_bad_bytes_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
