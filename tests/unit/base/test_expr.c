/* The expression language: what it computes, what it refuses, and where it says so. */
#include "support.h"

#include "base/alloc.h"
#include "base/expr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct rd_arena arena;

enum { A, B, COPY, NOBODY, EXPOSURE, TAGS, YES, NO, MAYBE, PATH, THREE_D, HUGE_ONE, N_NAMES };

static const struct {
    const char *name;
    struct rd_value value;
} known[N_NAMES] = {
    [A] = { "a", { .type = RD_EXPR_NUMBER, .number = 7 } },
    [B] = { "b", { .type = RD_EXPR_NUMBER, .number = 0 } },
    [COPY] = { "model-copy", { .type = RD_EXPR_NUMBER, .number = 1000 } },
    [NOBODY] = { "nobody", { .type = RD_EXPR_NUMBER, .unknown = true } },
    [EXPOSURE] = { "exposure", { .type = RD_EXPR_TEXT, .text = "internet" } },
    [TAGS] = { "tags",
        { .type = RD_EXPR_LIST, .list = (const char *const[]){ "images", "labels" }, .n = 2 } },
    [YES] = { "yes-it-is", { .type = RD_EXPR_BOOL, .truth = RD_YES } },
    [NO] = { "no-way", { .type = RD_EXPR_BOOL, .truth = RD_NO } },
    [MAYBE] = { "maybe", { .type = RD_EXPR_BOOL, .truth = RD_UNKNOWN } },
    [PATH] = { "api.rate-limit", { .type = RD_EXPR_TEXT, .unknown = true } },
    [THREE_D] = { "3d-model", { .type = RD_EXPR_NUMBER, .number = 3 } },
    [HUGE_ONE] = { "huge", { .type = RD_EXPR_NUMBER, .number = 1e300 } },
};

static const char *const words[] = { "a", "b", "model-copy", "exposure", "tags", "maybe", NULL };

static bool find_name(void *user, const char *name, enum rd_expr_type *type, size_t *slot)
{
    (void)user;
    for (size_t i = 0; i < N_NAMES; i++) {
        if (strcmp(known[i].name, name) == 0) {
            *type = known[i].value.type;
            *slot = i;
            return true;
        }
    }
    return false;
}

/* max(number, ...) and has(text) */
static bool find_function(void *user, const char *name, const enum rd_expr_type *arg, size_t n,
    enum rd_expr_type *type, size_t *slot)
{
    (void)user;
    if (strcmp(name, "has") == 0 && n == 1 && arg[0] == RD_EXPR_TEXT) {
        *type = RD_EXPR_BOOL;
        *slot = 1;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (arg[i] != RD_EXPR_NUMBER)
            return false;
    }
    *type = RD_EXPR_NUMBER;
    *slot = 0;
    return strcmp(name, "max") == 0 && n > 0;
}

static const struct rd_expr_env env = {
    .name = find_name, .function = find_function, .words = words
};

static int reads; /* of names, to see short circuits */

static struct rd_value read_name(void *user, size_t slot)
{
    (void)user;
    reads++;
    return known[slot].value;
}

static struct rd_value call(void *user, size_t slot, const struct rd_value *arg, size_t n)
{
    struct rd_value v = arg[0];

    (void)user;
    if (slot == 1)
        return (struct rd_value){ .type = RD_EXPR_BOOL,
            .truth = strcmp(arg[0].text, "log") == 0 ? RD_YES : RD_NO };
    for (size_t i = 1; i < n; i++)
        v.number = arg[i].number > v.number ? arg[i].number : v.number;
    return v;
}

static const struct rd_expr_input input = { read_name, call, NULL };

static struct rd_value eval(const char *text, enum rd_expr_type want)
{
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;
    struct rd_value v = { 0 };

    if (rd_expr_compile("f", text, want, &env, &arena, &e, &err) ||
        rd_expr_eval(e, &input, &v, &err))
        fail_msg("%s: %s", text, err.frame[0].text);
    assert_int_equal(v.type, want);
    return v;
}

static double number(const char *text)
{
    const struct rd_value v = eval(text, RD_EXPR_NUMBER);

    assert_false(v.unknown);
    return v.number;
}

static enum rd_tri truth(const char *text)
{
    const struct rd_value v = eval(text, RD_EXPR_BOOL);

    assert_int_equal(v.unknown, v.truth == RD_UNKNOWN);
    return v.truth;
}

static void refuse_as(const char *text, enum rd_expr_type want, rd_status status, const char *msg)
{
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;

    assert_int_equal(rd_expr_compile("f:3:9", text, want, &env, &arena, &e, &err), status);
    if (strcmp(err.frame[0].text, msg) != 0)
        fail_msg("'%s' says '%s', not '%s'", text, err.frame[0].text, msg);
    assert_null(e);
}

static void refuse(const char *text, const char *msg)
{
    refuse_as(text, RD_EXPR_BOOL, RD_E_INPUT, msg);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void numbers_are_computed_by_precedence(void **state)
{
    (void)state;
    assert_true(number("1 + 2 * 3") == 7);
    assert_true(number("(1 + 2) * 3") == 9);
    assert_true(number("10 - 4 - 3") == 3);
    assert_true(number("24 / 4 / 2") == 3);
    assert_true(number("-a") == -7);
    assert_true(number("- a - -2") == -5);
    assert_true(number("--a") == 7);
    assert_true(number("-2 * 3") == -6);
    assert_true(number("0.3 * model-copy") == 300);
    assert_true(number("1e3 + 2.5e-1") == 1000.25);
    assert_true(number("a / 2") == 3.5);
    assert_true(number("max(1, a, 2 + 3)") == 7);
    assert_true(number("max ( max(2, 3), 1)") == 3);
    assert_true(number("3d-model + 1") == 4);
    assert_true(number(" \n a\t") == 7);
}

static void names_may_hold_a_minus_and_subtraction_has_spaces(void **state)
{
    (void)state;
    assert_true(number("model-copy - a") == 993);
    refuse_as("model-copy -a", RD_EXPR_NUMBER, RD_E_INPUT,
        "f:3:9: character 12: subtraction is written with spaces: a - b");
    refuse_as("(a)-1", RD_EXPR_NUMBER, RD_E_INPUT,
        "f:3:9: character 4: subtraction is written with spaces: a - b");
    refuse_as("a-b", RD_EXPR_NUMBER, RD_E_INPUT,
        "f:3:9: character 1: unknown name 'a-b'; subtraction is written with spaces");
    refuse_as("3-1", RD_EXPR_NUMBER, RD_E_INPUT,
        "f:3:9: character 1: unknown name '3-1'; subtraction is written with spaces");
    refuse_as("model-copi", RD_EXPR_NUMBER, RD_E_INPUT,
        "f:3:9: character 1: unknown name 'model-copi'; did you mean 'model-copy'?");
}

static void comparisons_and_lists_give_truth(void **state)
{
    (void)state;
    assert_int_equal(truth("a >= 7"), RD_YES);
    assert_int_equal(truth("a > 7"), RD_NO);
    assert_int_equal(truth("a < 7"), RD_NO);
    assert_int_equal(truth("a <= 7"), RD_YES);
    assert_int_equal(truth("a != 7"), RD_NO);
    assert_int_equal(truth("a + 1 == 8"), RD_YES);
    assert_int_equal(truth("exposure == \"internet\""), RD_YES);
    assert_int_equal(truth("exposure == 'inter' or exposure != 'x'"), RD_YES);
    assert_int_equal(truth("exposure in [\"internet\", \"partner\"]"), RD_YES);
    assert_int_equal(truth("exposure in [\"a]b\", 'c,\\'', \"internet\",]"), RD_YES);
    assert_int_equal(truth("exposure in []"), RD_NO);
    assert_int_equal(truth("\"labels\" in tags"), RD_YES);
    assert_int_equal(truth("not \"text\" in tags"), RD_YES);
    assert_int_equal(truth("yes-it-is == true"), RD_YES);
    assert_int_equal(truth("has(\"log\") and not has(\"other\")"), RD_YES);
    assert_int_equal(truth("\"a\\\"b\\\\\" == 'a\"b\\\\'"), RD_YES);
    assert_int_equal(truth("\"é\" == \"é\""), RD_YES);
}

/* All nine rows of both tables; Kleene, "Introduction to metamathematics", section 64. */
static void unknown_follows_kleene(void **state)
{
    static const char *const word[] = { "no-way", "yes-it-is", "maybe" };
    static const enum rd_tri with_and[3][3] = { { RD_NO, RD_NO, RD_NO },
        { RD_NO, RD_YES, RD_UNKNOWN }, { RD_NO, RD_UNKNOWN, RD_UNKNOWN } };
    static const enum rd_tri with_or[3][3] = { { RD_NO, RD_YES, RD_UNKNOWN },
        { RD_YES, RD_YES, RD_YES }, { RD_UNKNOWN, RD_YES, RD_UNKNOWN } };
    char text[64];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            (void)snprintf(text, sizeof(text), "%s and %s", word[i], word[j]);
            assert_int_equal(truth(text), with_and[i][j]);
            (void)snprintf(text, sizeof(text), "%s or %s", word[i], word[j]);
            assert_int_equal(truth(text), with_or[i][j]);
        }
    }
    assert_int_equal(truth("not maybe"), RD_UNKNOWN);
    assert_int_equal(truth("not unknown"), RD_UNKNOWN);
    assert_int_equal(truth("nobody > 3"), RD_UNKNOWN);
    assert_int_equal(truth("nobody == nobody"), RD_UNKNOWN);
    assert_int_equal(truth("nobody * 0 == 0"), RD_UNKNOWN);
    assert_int_equal(truth("api.rate-limit == \"none\""), RD_UNKNOWN);
    assert_int_equal(truth("api.rate-limit in [\"none\"]"), RD_UNKNOWN);
    assert_int_equal(truth("maybe == true"), RD_UNKNOWN);
    assert_int_equal(truth("maybe or a == 7"), RD_YES);
    assert_int_equal(truth("unknown and false"), RD_NO);
    assert_true(eval("nobody + 1", RD_EXPR_NUMBER).unknown);
    assert_true(eval("-nobody", RD_EXPR_NUMBER).unknown);
}

static void a_decided_side_spares_the_other(void **state)
{
    (void)state;
    reads = 0;
    assert_int_equal(truth("no-way and a / b > 1"), RD_NO);
    assert_int_equal(reads, 1);
    assert_int_equal(truth("yes-it-is or a / b > 1"), RD_YES);
    assert_int_equal(reads, 2);
    assert_int_equal(truth("maybe and a == 7 and no-way and a / b > 1"), RD_NO);
    assert_int_equal(reads, 5);
    assert_int_equal(truth("no-way and a / b > 1 or yes-it-is"), RD_YES);
    assert_int_equal(reads, 7);
}

static void precedence_of_logic_is_not_and_or(void **state)
{
    (void)state;
    assert_int_equal(truth("true or false and false"), RD_YES);
    assert_int_equal(truth("(true or false) and false"), RD_NO);
    assert_int_equal(truth("not false and false"), RD_NO);
    assert_int_equal(truth("not (false and false)"), RD_YES);
    assert_int_equal(truth("not a == 8"), RD_YES);
    assert_int_equal(truth("not not true"), RD_YES);
}

static void division_by_zero_has_a_position(void **state)
{
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;
    struct rd_value v;

    (void)state;
    refuse("1 / 0 > 1", "f:3:9: character 3: division by zero");
    refuse("a / (2 - 2) > 1", "f:3:9: character 3: division by zero");
    refuse("1e300 * 1e300 > 1", "f:3:9: character 7: the result is too large for a number");
    assert_int_equal(
        rd_expr_compile("f:3:9", "1 + a / b", RD_EXPR_NUMBER, &env, &arena, &e, &err), RD_OK);
    assert_int_equal(rd_expr_eval(e, &input, &v, &err), RD_E_INPUT);
    assert_string_equal(err.frame[0].text, "f:3:9: character 7: division by zero");
    assert_int_equal(
        rd_expr_compile("f:3:9", "nobody / b", RD_EXPR_NUMBER, &env, &arena, &e, &err), RD_OK);
    assert_int_equal(rd_expr_eval(e, &input, &v, &err), RD_E_INPUT);
    assert_int_equal(
        rd_expr_compile("f:3:9", "huge * huge", RD_EXPR_NUMBER, &env, &arena, &e, &err), RD_OK);
    assert_int_equal(rd_expr_eval(e, &input, &v, &err), RD_E_INPUT);
    assert_string_equal(
        err.frame[0].text, "f:3:9: character 6: the result is too large for a number");
}

static void types_are_checked_with_position(void **state)
{
    (void)state;
    refuse("a", "f:3:9: character 1: the expression must be a yes/no value; it is a number");
    refuse("a and true", "f:3:9: character 1: and wants a yes/no value; this is a number");
    refuse("true or a", "f:3:9: character 9: or wants a yes/no value; this is a number");
    refuse("not exposure", "f:3:9: character 5: 'not' wants a yes/no value; this is text");
    refuse("exposure > 1", "f:3:9: character 1: an order wants a number; this is text");
    refuse("a == \"7\"", "f:3:9: character 3: a number cannot be compared with text");
    refuse("tags == tags", "f:3:9: character 6: lists cannot be compared; use 'in'");
    refuse("a in tags", "f:3:9: character 1: the left side of 'in' wants text; this is a number");
    refuse("exposure in exposure",
        "f:3:9: character 13: the right side of 'in' wants a list; this is text");
    refuse("\"é\" + 1 > 2", "f:3:9: character 1: '+' wants a number; this is text");
    refuse("1 + \"é\" > 2", "f:3:9: character 5: '+' wants a number; this is text");
    refuse("-true", "f:3:9: character 2: '-' wants a number; this is a yes/no value");
    refuse(
        "exposure == unknown", "f:3:9: character 10: a comparison with unknown is always unknown");
    refuse("max(\"x\") > 1", "f:3:9: character 1: unknown function 'max' of (text)");
    refuse("foo(1, tags)", "f:3:9: character 1: unknown function 'foo' of (a number, a list)");
}

static void syntax_errors_have_a_position(void **state)
{
    (void)state;
    refuse("", "f:3:9: character 1: expected a value; the expression ends here");
    refuse("a ==", "f:3:9: character 5: expected a value; the expression ends here");
    refuse("a = 7", "f:3:9: character 3: unexpected '='; equality is written ==");
    refuse("!true", "f:3:9: character 1: unexpected '!'; negation is written not");
    refuse("true && true", "f:3:9: character 6: unexpected '&'; write and");
    refuse("(true", "f:3:9: character 6: expected ')'; the expression ends here");
    refuse("true)", "f:3:9: character 5: expected an operator or the end; found ')'");
    refuse("a b", "f:3:9: character 3: expected an operator or the end; found 'b'");
    refuse("1 < a < 9", "f:3:9: character 7: comparisons do not chain; join them with 'and'");
    refuse("\"x", "f:3:9: character 1: text without a closing quote");
    refuse(
        "\"é\\n\" == exposure", "f:3:9: character 3: a backslash may only stand before \\ or \"");
    refuse("exposure in [1]", "f:3:9: character 14: expected text in quotes; found '1'");
    refuse("exposure in [\"a\" \"b\"]", "f:3:9: character 18: expected ',' or ']'; found '\"b\"'");
    refuse(
        "exposure in [", "f:3:9: character 14: expected text in quotes; the expression ends here");
    refuse("max(1,) > 1", "f:3:9: character 7: expected an argument; found ')'");
    refuse("max(1 2) > 1", "f:3:9: character 7: expected ',' or ')'; found '2'");
    refuse("1e999 > 1", "f:3:9: character 1: the number 1e999 is out of range");
    refuse("and", "f:3:9: character 1: expected a value; found 'and'");
    refuse("true and \x1b", "f:3:9: character 10: control character 0x1b");
    refuse("true and \xff", "f:3:9: character 10: byte 0xff is not UTF-8");
    refuse("a ≥ 7", "f:3:9: character 3: unexpected '≥'");
}

static void length_and_depth_have_ceilings(void **state)
{
    char text[6000];
    size_t len = 0;

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text, "true", 4);
    text[4096] = '\0';
    assert_int_equal(truth(text), RD_YES);
    text[4096] = ' ';
    text[4097] = '\0';
    refuse_as(text, RD_EXPR_BOOL, RD_E_LIMIT,
        "f:3:9: character 4097: the expression is longer than 4096 characters");
    for (int i = 0; i < 65; i++)
        text[i] = '(';
    (void)snprintf(text + 65, 100, "true");
    refuse_as(text, RD_EXPR_BOOL, RD_E_LIMIT, "f:3:9: character 65: nested deeper than 64");
    memset(text, '-', 65);
    memcpy(text + 65, "1", 2);
    refuse_as(text, RD_EXPR_NUMBER, RD_E_LIMIT, "f:3:9: character 65: nested deeper than 64");
    for (len = 0; len < 4000; len += 4)
        memcpy(text + len, "not ", 5);
    memcpy(text + len, "true", 5);
    refuse_as(text, RD_EXPR_BOOL, RD_E_LIMIT, "f:3:9: character 257: nested deeper than 64");
    for (len = 0; len < 4000; len += 4) /* long is fine, only deep is not */
        memcpy(text + len, "a + ", 5);
    memcpy(text + len, "a", 2);
    assert_true(number(text) == 7007);
    /* Wide calls in deep calls hold many values at once. */
    for (len = 0; len < 20 * 34; len += 34)
        memcpy(text + len, "max(a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,", 35);
    refuse_as(
        text, RD_EXPR_NUMBER, RD_E_LIMIT, "f:3:9: character 293: more than 128 values at once");
    refuse_as("max(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)", RD_EXPR_NUMBER, RD_E_LIMIT,
        "f:3:9: character 44: more than 16 arguments of 'max'");
}

static void collect(void *user, const char *name, size_t slot)
{
    char *text = user;

    (void)snprintf(text + strlen(text), 100 - strlen(text), "%s=%zu ", name, slot);
}

static void names_are_listed_once_in_order(void **state)
{
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;
    char text[100] = "";

    (void)state;
    assert_int_equal(rd_expr_compile("f", "b > a and a > model-copy or max(b) > 1 and maybe",
                         RD_EXPR_BOOL, &env, &arena, &e, &err),
        RD_OK);
    rd_expr_names(e, collect, text);
    assert_string_equal(text, "b=1 a=0 model-copy=2 maybe=8 ");
}

static struct rd_value lie(void *user, size_t slot)
{
    (void)slot;
    return *(struct rd_value *)user;
}

static void values_from_outside_are_checked(void **state)
{
    struct rd_value v, lies[] = { { .type = RD_EXPR_TEXT, .text = "x" },
        { .type = RD_EXPR_NUMBER, .number = (double)NAN },
        { .type = RD_EXPR_NUMBER, .number = (double)INFINITY } };
    const rd_status want[] = { RD_E_BUG, RD_E_INPUT, RD_E_INPUT };
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;

    (void)state;
    assert_int_equal(rd_expr_compile("f", "a + 1", RD_EXPR_NUMBER, &env, &arena, &e, &err), RD_OK);
    for (size_t i = 0; i < 3; i++) {
        const struct rd_expr_input in = { lie, NULL, &lies[i] };
        assert_int_equal(rd_expr_eval(e, &in, &v, &err), want[i]);
    }
    /* Also where no arithmetic would notice. */
    assert_int_equal(rd_expr_compile("f", "a", RD_EXPR_NUMBER, &env, &arena, &e, &err), RD_OK);
    for (size_t i = 0; i < 3; i++) {
        const struct rd_expr_input in = { lie, NULL, &lies[i] };
        assert_int_equal(rd_expr_eval(e, &in, &v, &err), want[i]);
    }
}

static void each_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    const size_t live = rd_alloc_live();
    struct rd_expr *e = NULL;
    size_t nth, failed = 0;

    (void)state;
    for (nth = 1; nth < 100; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        rd_alloc_fail_at(nth);
        const rd_status st = rd_expr_compile("f",
            "exposure in [\"a\", \"b\"] and max(a, b, model-copy) > 3 or \"x\" == exposure",
            RD_EXPR_BOOL, &env, &own, &e, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&own);
        assert_int_equal(rd_alloc_live(), live);
        if (!st) /* not reached, or only the text of a message was lost */
            continue;
        failed++;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(failed > 12);
}

static void without_an_environment_constants_remain(void **state)
{
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;
    struct rd_value v;

    (void)state;
    assert_int_equal(rd_expr_compile(NULL, "2 * 3", RD_EXPR_NUMBER, NULL, &arena, &e, &err), RD_OK);
    assert_int_equal(rd_expr_eval(e, NULL, &v, &err), RD_OK);
    assert_true(v.number == 6);
    assert_int_equal(
        rd_expr_compile(NULL, "f(2)", RD_EXPR_NUMBER, NULL, &arena, &e, &err), RD_E_INPUT);
    assert_int_equal(
        rd_expr_compile(NULL, "x", RD_EXPR_NUMBER, NULL, &arena, &e, &err), RD_E_INPUT);
}

static enum rd_expr_unit unit_of(void *user, size_t slot)
{
    (void)user;
    return slot == COPY ? RD_UNIT_MONEY
           : slot == A  ? RD_UNIT_COUNT
           : slot == B  ? RD_UNIT_SHARE
                        : RD_UNIT_ANY;
}

/* model-copy is money, a a count, b a share, 3d-model anything. */
static void like_is_joined_with_like(void **state)
{
    static const char *const good[] = { "model-copy + 5 > 3",
        "0.3 * model-copy + a * model-copy > 0", "a / a + b > 1", "a * b + a >= 10",
        "model-copy / model-copy + b > a / a", "1 - b > b", "12 * a + model-copy > 0",
        "3d-model + model-copy > a * 3d-model" };
    static const char *const bad[][2] = {
        { "model-copy + a > 1", "character 12: '+' joins money ('model-copy') and a count ('a')" },
        { "a >= b", "character 3: '>=' joins a count ('a') and a share ('b')" },
        { "2 * a - b * model-copy > 1", NULL },
        { "(0.3 * model-copy) - b > 0", "joins money ('model-copy') and a share ('b')" },
        { "a * model-copy * (2 * model-copy) > 0",
            "character 16: money ('model-copy') times money ('model-copy') is no money" },
    };
    struct rd_expr_env with = env;
    struct rd_error err = { 0 };
    struct rd_expr *e;

    (void)state;
    with.unit = unit_of;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (rd_expr_compile("", good[i], RD_EXPR_BOOL, &with, &arena, &e, &err))
            fail_msg("'%s': %s", good[i], err.frame[0].text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct rd_error){ 0 };
        if (!bad[i][1]) { /* a constant may carry money: 2 USD for each */
            assert_int_equal(
                rd_expr_compile("", bad[i][0], RD_EXPR_BOOL, &with, &arena, &e, &err), RD_OK);
            continue;
        }
        assert_int_equal(
            rd_expr_compile("", bad[i][0], RD_EXPR_BOOL, &with, &arena, &e, &err), RD_E_INPUT);
        if (!strstr(err.frame[0].text, bad[i][1]))
            fail_msg("'%s' says '%s'", bad[i][0], err.frame[0].text);
    }
}

static void one_threshold_is_recognized(void **state)
{
    static const char *const others[] = { "a < 3", "a == 3", "3 >= a", "a >= b", "a >= 3 and b > 1",
        "not a >= 3", "a + 1 >= 3" };
    struct rd_error err = { 0 };
    struct rd_expr *e;
    size_t slot;
    double number;
    bool strict;

    (void)state;
    assert_int_equal(
        rd_expr_compile("", "(a >= 4 - 1)", RD_EXPR_BOOL, &env, &arena, &e, &err), RD_OK);
    assert_true(rd_expr_threshold(e, &slot, &number, &strict));
    assert_true(slot == A && number == 3 && !strict);
    assert_int_equal(rd_expr_compile("", "a > 0.5", RD_EXPR_BOOL, &env, &arena, &e, &err), RD_OK);
    assert_true(rd_expr_threshold(e, &slot, &number, &strict) && strict);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(
            rd_expr_compile("", others[i], RD_EXPR_BOOL, &env, &arena, &e, &err), RD_OK);
        assert_false(rd_expr_threshold(e, &slot, &number, &strict));
    }
}

static struct rd_expr_range between(void *user, size_t slot)
{
    (void)user; /* a in 2..8, b in -1..1, the rest as it is */
    return slot == A ? (struct rd_expr_range){ 2, 8 }
           : slot == B
               ? (struct rd_expr_range){ -1, 1 }
               : (struct rd_expr_range){ known[slot].value.number, known[slot].value.number };
}

/* By hand: the four products of the ends, the ends of a sum. */
static void bounds_hold_every_value_and_prove_what_fails(void **state)
{
    static const struct {
        const char *text;
        double low, high;
        enum rd_tri fails;
        unsigned at;
    } cases[] = {
        { "a - 10", -8, -2, RD_NO, 3 },
        { "2 * a * b", -16, 16, RD_NO, 7 },
        { "10 / a", 1.25, 5, RD_NO, 4 },
        { "-a", -8, -2, RD_NO, 1 },
        { "a / (b - b)", -1e150, 1e150, RD_UNKNOWN, 3 }, /* b is read twice: no proof */
        { "a / (model-copy - 1000)", -1e150, 1e150, RD_YES, 3 },
        { "huge * 1e9 * a", 1e300, 1e300, RD_YES, 6 },
    };
    struct rd_expr_bounds got;
    struct rd_expr *e;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            rd_expr_compile("", cases[i].text, RD_EXPR_NUMBER, &env, &arena, &e, NULL), RD_OK);
        rd_expr_bound(e, &input, between, &got);
        if (got.value.low != cases[i].low || got.value.high != cases[i].high ||
            got.fails != cases[i].fails || got.at != cases[i].at)
            fail_msg("'%s': %g..%g, fails %d at %u", cases[i].text, got.value.low, got.value.high,
                got.fails, got.at);
    }
    /* What stands behind a condition that may not hold may not be reached. */
    assert_int_equal(rd_expr_compile("", "a > 5 and 1 / (model-copy - 1000) > 0", RD_EXPR_BOOL,
                         &env, &arena, &e, NULL),
        RD_OK);
    rd_expr_bound(e, &input, between, &got);
    assert_int_equal(got.fails, RD_UNKNOWN);
    assert_int_equal(rd_expr_compile("", "a < 1 and 1 / (model-copy - 1000) > 0", RD_EXPR_BOOL,
                         &env, &arena, &e, NULL),
        RD_OK);
    rd_expr_bound(e, &input, between, &got);
    assert_int_equal(got.fails, RD_NO);
    assert_int_equal(got.truth, RD_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(like_is_joined_with_like, release),
        cmocka_unit_test_teardown(one_threshold_is_recognized, release),
        cmocka_unit_test_teardown(bounds_hold_every_value_and_prove_what_fails, release),
        cmocka_unit_test_teardown(numbers_are_computed_by_precedence, release),
        cmocka_unit_test_teardown(names_may_hold_a_minus_and_subtraction_has_spaces, release),
        cmocka_unit_test_teardown(comparisons_and_lists_give_truth, release),
        cmocka_unit_test_teardown(unknown_follows_kleene, release),
        cmocka_unit_test_teardown(a_decided_side_spares_the_other, release),
        cmocka_unit_test_teardown(precedence_of_logic_is_not_and_or, release),
        cmocka_unit_test_teardown(division_by_zero_has_a_position, release),
        cmocka_unit_test_teardown(types_are_checked_with_position, release),
        cmocka_unit_test_teardown(syntax_errors_have_a_position, release),
        cmocka_unit_test_teardown(length_and_depth_have_ceilings, release),
        cmocka_unit_test_teardown(names_are_listed_once_in_order, release),
        cmocka_unit_test_teardown(values_from_outside_are_checked, release),
        cmocka_unit_test_teardown(each_failed_allocation_is_an_error_and_leaks_nothing, release),
        cmocka_unit_test_teardown(without_an_environment_constants_remain, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
