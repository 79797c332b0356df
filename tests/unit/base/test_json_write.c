/* Canonical JSON: one value, one form. */
#include "base/alloc.h"
#include "base/json_write.h"
#include "support.h"

#include <math.h>
#include <string.h>

static void members_are_sorted_whatever_the_order_of_calls(void **state)
{
    struct rd_buf b = { 0 };
    struct rd_json j = { .out = &b };

    (void)state;
    rd_json_object(&j);
    rd_json_kint(&j, "zeta", 1);
    rd_json_kobject(&j, "alpha");
    rd_json_kbool(&j, "b", true);
    rd_json_kreal(&j, "a", 0.1);
    rd_json_end(&j);
    rd_json_karray(&j, "m");
    rd_json_int(&j, 2);
    rd_json_text(&j, "x");
    rd_json_null(&j);
    rd_json_end(&j);
    rd_json_ku64(&j, "al", UINT64_MAX);
    rd_json_end(&j);
    assert_false(b.failed);
    assert_string_equal(b.text, "{\"al\":\"18446744073709551615\",\"alpha\":{\"a\":0.1,\"b\":true},"
                                "\"m\":[2,\"x\",null],\"zeta\":1}");
    rd_buf_release(&b);
}

static void numbers_are_shortest_and_never_nan(void **state)
{
    struct rd_buf b = { 0 };
    struct rd_json j = { .out = &b };

    (void)state;
    rd_json_array(&j);
    rd_json_real(&j, 1.0 / 3);
    rd_json_real(&j, 1e21);
    rd_json_real(&j, -0.0);
    rd_json_real(&j, 100);
    rd_json_real(&j, NAN);
    rd_json_real(&j, INFINITY);
    rd_json_real(&j, 5e-324);
    rd_json_end(&j);
    assert_string_equal(b.text, "[0.3333333333333333,1e+21,0,100,null,null,5e-324]");
    rd_buf_release(&b);
}

static void text_is_escaped_and_bad_bytes_are_replaced(void **state)
{
    struct rd_buf b = { 0 };
    struct rd_json j = { .out = &b };

    (void)state;
    rd_json_text(&j, "a\"\\\n\x01\x7f\xc3\xa9\xff z");
    assert_string_equal(b.text, "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\xef\xbf\xbd z\"");
    rd_buf_release(&b);
}

static void misuse_is_told_not_hidden(void **state)
{
    struct rd_buf b = { 0 };
    struct rd_json j = { .out = &b };

    (void)state;
    rd_json_object(&j);
    rd_json_int(&j, 1); /* no key */
    assert_true(b.failed);
    rd_json_release(&j);
    rd_buf_release(&b);

    b = (struct rd_buf){ 0 };
    j = (struct rd_json){ .out = &b };
    rd_json_object(&j);
    rd_json_kint(&j, "a", 1);
    rd_json_kint(&j, "a", 2); /* twice */
    rd_json_end(&j);
    assert_true(b.failed);
    rd_json_release(&j);
    rd_buf_release(&b);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    for (size_t nth = 1; nth < 40; nth++) {
        struct rd_buf b = { 0 };
        struct rd_json j = { .out = &b };

        rd_alloc_fail_at(nth);
        rd_json_object(&j);
        for (int i = 9; i >= 0; i--) {
            const char key[2] = { (char)('a' + i), 0 };

            rd_json_ktext(&j, key, "some text that makes the buffer grow beyond its first size");
        }
        rd_json_end(&j);
        rd_alloc_fail_at(0);
        rd_json_release(&j);
        rd_buf_release(&b);
        assert_int_equal(rd_alloc_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_sorted_whatever_the_order_of_calls),
        cmocka_unit_test(numbers_are_shortest_and_never_nan),
        cmocka_unit_test(text_is_escaped_and_bad_bytes_are_replaced),
        cmocka_unit_test(misuse_is_told_not_hidden),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
