/* Numbers as a person reads them. */
#include "support.h"

#include "report/words.h"

#include <math.h>

static void numbers_keep_three_digits_and_lose_trailing_zeros(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;

    (void)state;
    assert_string_equal(rd_words_number(0, &a), "0");
    assert_string_equal(rd_words_number(1234567, &a), "1,230,000");
    assert_string_equal(rd_words_number(-1234.5, &a), "-1,230");
    assert_string_equal(
        rd_words_number(999.9, &a), "1,000"); /* rounding carries into a new group */
    assert_string_equal(rd_words_number(2.6, &a), "2.6");
    assert_string_equal(rd_words_number(0.045678, &a), "0.0457");
    assert_string_equal(rd_words_number(0.00999999, &a), "0.01");
    assert_string_equal(rd_words_number((double)NAN, &a), "not known");
    assert_string_equal(rd_words_number((double)INFINITY, &a), "not known");
    rd_arena_release(&a);
}

static void shares_keep_the_digits_that_matter(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;

    (void)state;
    assert_string_equal(rd_words_percent(0, &a), "0 %");
    assert_string_equal(rd_words_percent(1, &a), "100 %");
    assert_string_equal(rd_words_percent(1 - 1e-16 * 3, &a), "100 %"); /* three thirds */
    assert_string_equal(rd_words_percent(0.456, &a), "46 %");
    assert_string_equal(rd_words_percent(0.9972, &a), "99.7 %");
    assert_string_equal(rd_words_percent(0.00004, &a), "below 0.01 %");
    assert_string_equal(
        rd_words_percent(0.99999, &a), "above 99.99 %"); /* never rounded up to certainty */
    assert_string_equal(rd_words_percent((double)NAN, &a), "not known");
    rd_arena_release(&a);
}

static void money_names_its_currency_once(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;

    (void)state;
    assert_string_equal(rd_words_money(310712, "USD", &a), "311,000 USD");
    assert_string_equal(rd_words_money_range(12345, 67890, "EUR", &a), "12,300 to 67,900 EUR");
    assert_string_equal(rd_words_money_range((double)NAN, 1, "EUR", &a), "not known");
    rd_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_three_digits_and_lose_trailing_zeros),
        cmocka_unit_test(shares_keep_the_digits_that_matter),
        cmocka_unit_test(money_names_its_currency_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
