/*
 * Each kind of mistake and the words for it. tests/fixtures/system/mistakes.txt holds cases
 *
 *     === what is wrong
 *     the file
 *     ---
 *     line:column: message, one a line
 *
 * To take over changed words: REDOUBT_UPDATE=1 build/dev/test_system_mistakes, then review the
 * difference.
 */
#include "support.h"

#include "base/buf.h"
#include "base/file.h"
#include "system/system.h"

#include <redoubt/option.h>

#include <stdlib.h>
#include <string.h>

static const char path[] = "tests/fixtures/system/mistakes.txt";

/* Registries as cli/ would give them. */
struct settings {
    int64_t queries;
    double eps;
    const char *norm, *path, *artifact;
    struct rd_option_list words;
};
static const char *const norms[] = { "linf", "l2", NULL };
static const struct rd_option pgd[] = {
    RD_REAL(struct settings, eps, "eps", "0.3", 0, 1, "input units", "radius"),
    RD_CHOICE(struct settings, norm, "norm", "linf", norms, "of the ball"),
    RD_LIST(struct settings, words, "words", "", "some"),
    RD_OPTION_END,
};
static const struct rd_option copycat[] = {
    RD_INT(struct settings, queries, "queries", "2000", 1, 100000, "queries", "to spend"),
    RD_OPTION_END,
};
static const struct rd_option swap[] = {
    RD_TEXT(struct settings, path, "path", "", "FILE.onnx", "of the model"),
    RD_TEXT(struct settings, artifact, "artifact", "", "ID", "the model"),
    RD_OPTION_END,
};
static const struct rd_option *attack_options(const char *name)
{
    return !strcmp(name, "pgd") ? pgd : !strcmp(name, "copycat") ? copycat : NULL;
}
static const struct rd_option *defense_options(const char *name)
{
    return !strcmp(name, "swap-artifact") ? swap : NULL;
}
static const char *const attack_names[] = { "copycat", "pgd", NULL };
static const char *const control_kinds[] = { "signing", "swap-artifact", NULL };
static const char *const rule_ids[] = { "evasion", "model-extraction", NULL };

static const struct rd_system_options options = {
    .attack_options = attack_options,
    .defense_options = defense_options,
    .attack_names = attack_names,
    .control_kinds = control_kinds,
    .rule_ids = rule_ids,
};

/* What check would print, without the file's name. */
static void judge(const char *text, size_t size, struct rd_buf *said)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_problems problems;
    struct rd_system *sys = NULL;
    const rd_status st = rd_system_parse(
        "x.yaml", "tests/fixtures/system", text, size, &options, &arena, &sys, &problems, &err);

    if (st && problems.n) {
        /* The error repeats the first one. */
        assert_int_equal(st, RD_E_INPUT);
        assert_null(sys);
        assert_non_null(strstr(err.frame[0].text, "x.yaml:"));
    }
    for (size_t i = 0; i < problems.n; i++)
        rd_buf_printf(said, "%d:%d: %s\n", problems.item[i].at.line, problems.item[i].at.column,
            problems.item[i].text);
    if (st && !problems.n)
        rd_buf_printf(said, "%s\n", err.frame[0].text);
    rd_arena_release(&arena);
}

static void each_mistake_is_said_in_its_words(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf all = { 0 };
    struct rd_bytes file;
    const char *p;
    int cases = 0, wrong = 0;

    (void)state;
    assert_int_equal(rd_file_read(path, 1 << 20, &arena, &file, NULL), RD_OK);
    p = strstr((const char *)file.data, "=== ");
    assert_non_null(p);
    rd_buf_put(&all, file.data, (size_t)(p - (const char *)file.data));
    while (p) {
        const char *yaml = strchr(p, '\n') + 1, *end = strstr(yaml, "---\n");
        const char *want = end ? end + 4 : NULL, *next = strstr(yaml, "\n=== ");
        struct rd_buf said = { 0 };

        assert_non_null(want);
        assert_true(!next || next > end);
        judge(yaml, (size_t)(end - yaml), &said);
        next = next ? next + 1 : NULL;
        if (strncmp(rd_buf_text(&said), want, said.len) != 0 ||
            (next ? want + said.len != next : want[said.len] != '\0') || !said.len) {
            print_message("%.*s\nsays:\n%s\n", (int)(yaml - p - 1), p, rd_buf_text(&said));
            wrong++;
        }
        rd_buf_put(&all, p, (size_t)(want - p));
        rd_buf_puts(&all, rd_buf_text(&said));
        rd_buf_release(&said);
        p = next;
        cases++;
    }
    if (getenv("REDOUBT_UPDATE"))
        assert_int_equal(rd_file_write(path, all.text, all.len, 0644, NULL), RD_OK);
    rd_buf_release(&all);
    rd_arena_release(&arena);
    assert_int_equal(wrong, 0);
    assert_true(cases > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_said_in_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
