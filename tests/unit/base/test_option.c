/* The options table: defaults, units, ranges, near names, lists. */
#include <redoubt/option.h>

#include "support.h"

#include <string.h>

static const char *const norms[] = { "linf", "l2", NULL };
struct knobs {
    double eps;
    int64_t steps;
    bool warm;
    const char *norm, *path;
    struct rd_option_list set;
};
static const struct rd_option table[] = {
    RD_REAL(struct knobs, eps, "eps", "8/255", 0, 1, "input units", "radius"),
    RD_INT(struct knobs, steps, "steps", "10", 1, 100, "steps", "how many"),
    RD_BOOL(struct knobs, warm, "warm-start", "no", "start from the last result"),
    RD_CHOICE(struct knobs, norm, "norm", "linf", norms, "ball"),
    RD_TEXT(struct knobs, path, "save", "", "FILE", "where to"),
    RD_LIST(struct knobs, set, "set", "K=V", "one option"),
    RD_OPTION_END,
};

static void presets_are_what_the_user_would_type(void **state)
{
    struct knobs k;

    (void)state;
    assert_int_equal(rd_options_reset(table, &k, NULL), RD_OK);
    assert_true(k.eps == 8.0 / 255.0);
    assert_int_equal(k.steps, 10);
    assert_false(k.warm);
    assert_string_equal(k.norm, "linf");
    assert_null(k.path);
    assert_int_equal(k.set.n, 0);
}

static void assert_refused(const char *name, const char *text, const char *want)
{
    struct knobs k;
    struct rd_error err = { 0 };

    assert_int_equal(rd_options_reset(table, &k, NULL), RD_OK);
    assert_int_equal(rd_options_set(table, &k, name, text, &err), RD_E_USAGE);
    assert_string_equal(err.frame[0].text, want);
}

static void what_is_wrong_is_said_with_range_and_unit(void **state)
{
    (void)state;
    assert_refused("eps", "2", "eps: 2 is outside 0..1 input units");
    assert_refused("eps", "nan", "eps: 'nan' is not a number");
    assert_refused("steps", "1.5", "steps: '1.5' is not a whole number");
    assert_refused("warm-start", "maybe", "warm-start: 'maybe' is neither yes nor no");
    assert_refused("norm", "l3", "norm: 'l3' is not one of linf, l2");
    assert_refused("esp", "1", "no option named 'esp'");
    assert_refused("eps", "\x1b[31m", "eps: '\\x1b[31m' is not a number");
}

static void a_near_name_is_hinted(void **state)
{
    struct knobs k = { 0 };
    struct rd_error err = { 0 };

    (void)state;
    (void)rd_options_set(table, &k, "stps", "1", &err);
    assert_string_equal(err.hint, "did you mean 'steps'?");
}

static void a_list_collects_and_has_an_end(void **state)
{
    struct knobs k = { 0 };

    (void)state;
    for (int i = 0; i < RD_OPTION_LIST_MAX; i++)
        assert_int_equal(rd_options_set(table, &k, "set", "a=1", NULL), RD_OK);
    assert_int_equal(rd_options_set(table, &k, "set", "a=1", NULL), RD_E_USAGE);
    assert_int_equal(k.set.n, RD_OPTION_LIST_MAX);
}

static void a_field_is_compared_with_what_one_would_type(void **state)
{
    struct knobs k;

    (void)state;
    assert_int_equal(rd_options_reset(table, &k, NULL), RD_OK);
    assert_true(rd_option_holds(table, &k, "eps", "16/510"));
    assert_false(rd_option_holds(table, &k, "eps", "0.03"));
    assert_true(rd_option_holds(table, &k, "norm", "linf"));
    assert_false(rd_option_holds(table, &k, "norm", "l2"));
    assert_true(rd_option_holds(table, &k, "warm-start", "no"));
    assert_true(rd_option_holds(table, &k, "save", ""));
    assert_false(rd_option_holds(table, &k, "save", "x"));
    assert_false(rd_option_holds(table, &k, "unknown", "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_what_the_user_would_type),
        cmocka_unit_test(what_is_wrong_is_said_with_range_and_unit),
        cmocka_unit_test(a_near_name_is_hinted),
        cmocka_unit_test(a_list_collects_and_has_an_end),
        cmocka_unit_test(a_field_is_compared_with_what_one_would_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
