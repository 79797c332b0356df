/* docs/rules.md explains every question, and questions can be put into words. */
#include "rules_support.h"

#include "base/file.h"

static struct rd_arena arena;

static int clear(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void every_question_is_explained(void **state)
{
    struct rd_bytes page;
    char call[80];

    (void)state;
    assert_int_equal(rd_file_read("docs/rules.md", 1 << 20, &arena, &page, NULL), RD_OK);
    for (const struct rd_rule_function *f = rd_rule_functions; f->name; f++) {
        (void)snprintf(call, sizeof call, "`%s(", f->name);
        if (!strstr((const char *)page.data, call)) {
            print_error("docs/rules.md does not explain %s()\n", f->name);
            fail();
        }
        assert_true(*f->help && f->what && f->ask);
        assert_true(f->type == RD_EXPR_TEXT || (f->if_no && f->if_yes));
    }
}

/* In the texts of a question, no mark is left over and each argument is named. */
static void the_texts_of_questions_are_complete(void **state)
{
    static const char *const word[] = { "alpha", "beta", "gamma" };

    (void)state;
    for (const struct rd_rule_function *f = rd_rule_functions; f->name; f++) {
        const char *const pattern[] = { f->what, f->if_no, f->if_yes };
        size_t least, most;

        rd_rule_function_arity(f, &least, &most);
        for (size_t i = 0; i < 3 && pattern[i]; i++) {
            struct rd_buf text = { 0 };
            const size_t n = most < 3 ? most : 3;

            rd_rule_function_words(&text, pattern[i], "here", word, n);
            assert_null(strchr(rd_buf_text(&text), '$'));
            for (size_t k = 0; k < n; k++)
                assert_non_null(strstr(rd_buf_text(&text), word[k]));
            rd_buf_release(&text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_question_is_explained, clear),
        cmocka_unit_test(the_texts_of_questions_are_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
