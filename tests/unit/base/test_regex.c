/* Regular expressions: the syntax taken and refused, leftmost-longest, time that stays bounded. */
#include "support.h"

#include "base/regex.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *pattern, *text;
    bool whole;    /* the text as a whole matches */
    int from, end; /* of the first match inside; -1: none */
} cases[] = {
    { "", "", true, 0, 0 },
    { "a", "ba", false, 1, 2 },
    { "a|ab|abc", "xabcd", false, 1, 4 }, /* the longest, not the first alternative */
    { "a*", "aaa", true, 0, 3 },
    { "a*", "baa", false, 0, 0 }, /* empty, but first */
    { "(a|b)*c", "ababc", true, 0, 5 },
    { "(a*)*b", "aab", true, 0, 3 },
    { "(|a)*", "aa", true, 0, 2 },
    { "a{2,3}", "aaaa", false, 0, 3 },
    { "a{2}", "aa", true, 0, 2 },
    { "a{2,}", "aaaaa", true, 0, 5 },
    { "a{0}b", "b", true, 0, 1 },
    { "a{,2}", "a{,2}", true, 0, 5 }, /* no repetition in RE2: text */
    { "[a-c]+", "xxabcabd", false, 2, 7 },
    { "[^a-c]+", "abxyc", false, 2, 4 },
    { "[]a]+", "]a]", true, 0, 3 },
    { "[a\\]]+", "a]", true, 0, 2 },
    { "[[:alpha:]_]+", "1ab_2", false, 1, 4 },
    { "[[:^digit:]]+", "12ab", false, 2, 4 },
    { "\\d+", "ab123c", false, 2, 5 },
    { "[\\w.-]+@\\w+", "me.you@host", true, 0, 11 },
    { "\\W", "a\xc3\xa4", false, 1, 3 }, /* ASCII words: an umlaut is none, and one character */
    { ".", "\xc3\xa4", true, 0, 2 },
    { ".", "\n", false, -1, 0 },
    { "(?s).", "\n", true, 0, 1 },
    { "a.c", "abc", true, 0, 3 },
    { "^ab$", "ab", true, 0, 2 },
    { "^b", "ab", false, -1, 0 },
    { "(?m)^b$", "a\nb\nc", false, 2, 3 },
    { "\\bcd\\b", "ab cd ef", false, 3, 5 },
    { "\\Bb\\B", "abc", false, 1, 2 },
    { "\\Aab\\z", "ab", true, 0, 2 },
    { "(?i)HeLLo", "hEllO", true, 0, 5 },
    { "(?i:a)b", "Ab", true, 0, 2 },
    { "(?i:a)b", "AB", false, -1, 0 },
    { "(?i)[^a]", "A", false, -1, 0 },
    { "(?P<name>a)(?:b)", "ab", true, 0, 2 },
    { "\\x41\\x{e4}\\101\\n",
        "A\xc3\xa4"
        "A\n",
        true, 0, 5 },
    { "\\Qa.b\\E+", "a.b+", false, 0, 3 },
    { "\\.", ".", true, 0, 1 },
    { "a??b", "ab", true, 0, 2 },
    { "www\\.[\\w.-]+\\.\\bcom\\b", "www.google.com", true, 0, 14 },
};

static void matches_are_the_longest_of_the_leftmost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        const size_t n = strlen(cases[i].text);
        struct rd_regex_run run = { .left = 100000 };
        size_t from = 99, end = 99;
        bool found;

        if (rd_regex_make(cases[i].pattern, strlen(cases[i].pattern), &arena, &run.regex, &err))
            fail_msg("'%s': %s", cases[i].pattern, err.frame[0].text);
        run.room = rd_arena_alloc(&arena, rd_regex_room(run.regex), 1);
        if (rd_regex_full(&run, cases[i].text, n) != cases[i].whole)
            fail_msg("'%s' against '%s' as a whole", cases[i].pattern, cases[i].text);
        found = rd_regex_find(&run, cases[i].text, n, 0, &from, &end);
        if (found != (cases[i].from >= 0) ||
            (found && (from != (size_t)cases[i].from || end != (size_t)cases[i].end)))
            fail_msg(
                "'%s' in '%s': %d %zu..%zu", cases[i].pattern, cases[i].text, found, from, end);
        rd_arena_release(&arena);
    }
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *pattern, *says;
        rd_status st;
    } wrong[] = {
        { "(a", "a group without its )", RD_E_INPUT },
        { "a)", "a ) without its group", RD_E_INPUT },
        { "[a", "a class without its ]", RD_E_INPUT },
        { "*a", "a repetition of nothing", RD_E_INPUT },
        { "a**", "a repetition of a repetition", RD_E_INPUT },
        { "[b-a]", "runs backwards", RD_E_INPUT },
        { "a{3,2}", "runs backwards", RD_E_INPUT },
        { "[[:what:]]", "unknown name", RD_E_INPUT },
        { "\\p{L}", "not supported", RD_E_INPUT },
        { "(?=a)", "unknown kind", RD_E_INPUT },
        { "a\\", "nothing behind it", RD_E_INPUT },
        { "\\xg", "unfinished \\x", RD_E_INPUT },
        { "a{1001}", "more than 1000", RD_E_LIMIT },
        { "((a{100}){100}){100}", "compiles to more than", RD_E_LIMIT },
        { "\xff", "no UTF-8", RD_E_INPUT },
    };
    struct rd_arena arena = RD_ARENA_INIT;
    char deep[402];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct rd_error err = { 0 };
        const struct rd_regex *re;

        if (rd_regex_make(wrong[i].pattern, strlen(wrong[i].pattern), &arena, &re, &err) !=
                wrong[i].st ||
            !strstr(err.frame[0].text, wrong[i].says))
            fail_msg("'%s': %s", wrong[i].pattern, err.frame[0].text);
    }
    memset(deep, '(', 200);
    memset(deep + 200, ')', 200);
    {
        struct rd_error err = { 0 };
        const struct rd_regex *re;

        assert_int_equal(rd_regex_make(deep, 400, &arena, &re, &err), RD_E_LIMIT);
    }
    rd_arena_release(&arena);
}

/* A backtracking matcher would take 2^n steps for these; and the budget ends what is still long. */
static void no_pattern_takes_long(void **state)
{
    static const char *const slow[] = { "(a*)*b", "(a|aa)+$x", "(a?){200}a{200}b",
        "(a|a)*(a|a)*b" };
    struct rd_arena arena = RD_ARENA_INIT;
    char text[4000];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
        const size_t budget = (size_t)1 << 24;
        struct rd_regex_run run = { .left = budget };

        assert_int_equal(rd_regex_make(slow[i], strlen(slow[i]), &arena, &run.regex, NULL), RD_OK);
        run.room = rd_arena_alloc(&arena, rd_regex_room(run.regex), 1);
        assert_false(rd_regex_full(&run, text, sizeof(text)));
        assert_true(run.left > 0);
        run.left = 1000;
        assert_false(rd_regex_full(&run, text, sizeof(text)));
        assert_int_equal(run.left, 0);
    }
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_the_longest_of_the_leftmost),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(no_pattern_takes_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
