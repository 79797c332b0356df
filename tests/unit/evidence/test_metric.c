/* Metrics by their words: what is judged reads as English, and the page knows the same ids. */
#include "evidence/metric.h"
#include "support.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static char name[RD_METRIC_WORDS];

static void no_name_is_raw(void **state)
{
    (void)state;
    for (const struct rd_metric_word *w = rd_metric_words; w->id; w++) {
        assert_null(strchr(w->words, '_'));
        assert_string_equal(rd_metric_name(w->id, name), w->words);
        for (const struct rd_metric_word *v = rd_metric_words; v < w; v++)
            assert_string_not_equal(v->id, w->id);
    }
    assert_string_equal(rd_metric_name("recall_3", name), "recall of class 3");
    assert_string_equal(
        rd_metric_name("baseline_min_recall", name), "lowest recall of a class without a query");
    assert_string_equal(rd_metric_name("of_some_other_version", name), "of some other version");
    assert_string_equal(rd_metric_name(NULL, name), "value");
}

/* The more of it, the worse: the campaign takes the worse of two records by the larger value. */
static void what_can_be_judged_is_worse_the_more_there_is_of_it(void **state)
{
    static const char *const judged[] = { "success share", "utility", "asr_gain", "accuracy_drop",
        "tpr", "advantage", "recognized", "hit_rate_gain", "rank_loss" };

    (void)state;
    for (size_t i = 0; i < sizeof judged / sizeof *judged; i++) {
        const struct rd_metric_word *w = rd_metric_word(judged[i]);

        assert_non_null(w);
        assert_int_equal(w->worse, 1);
        assert_int_equal(w->form, RD_METRIC_SHARE);
        assert_non_null(w->said);
    }
}

static void a_true_positive_rate_says_at_what_false_alarms(void **state)
{
    struct rd_metric fpr = { "fpr", { 0.01, (double)NAN, (double)NAN }, NULL };
    const struct rd_record r = { .judged = "tpr", .metrics = &fpr, .n_metrics = 1 };

    (void)state;
    assert_string_equal(rd_metric_judged(&r, name), "true positive rate at 1 % false positives");
    fpr.v.value = 0.001;
    assert_string_equal(rd_metric_judged(&r, name), "true positive rate at 0.1 % false positives");
}

static void shares_are_in_percent_and_never_minus_zero(void **state)
{
    const struct rd_interval v = { 0.832, -0.0001, 0.855 }, open = { 0.5, (double)NAN, 1 };
    char out[96];

    (void)state;
    assert_string_equal(rd_metric_interval("utility", &v, out), "83.2 % (0.0 to 85.5 %)");
    assert_string_equal(rd_metric_interval("baseline_utility", &open, out), "50.0 %");
    assert_string_equal(rd_metric_interval("kappa", &v, out), "0.832 (-0.000 to 0.855)");
    assert_string_equal(rd_metric_value("poisoned_count", 14, out), "14");
}

/* Student's t over three runs knows no bounds; what people read does. */
static void intervals_end_where_a_share_does(void **state)
{
    const struct rd_interval wide = { 0.5, -1.2, 1.1 }, beyond = { 1.2, 1.1, 1.3 };
    char out[96];

    (void)state;
    assert_string_equal(rd_metric_interval("utility", &wide, out), "50.0 % (0.0 to 100.0 %)");
    assert_string_equal(rd_metric_interval("recall_3", &wide, out), "50.0 % (0.0 to 100.0 %)");
    assert_string_equal(
        rd_metric_interval("baseline_utility", &wide, out), "50.0 % (0.0 to 100.0 %)");
    assert_string_equal(rd_metric_interval("asr_gain", &wide, out), "50.0 % (-100.0 to 100.0 %)");
    assert_string_equal(rd_metric_interval("kappa", &wide, out), "0.500 (-1.200 to 1.100)");
    /* no share at all: shown as it is */
    assert_string_equal(rd_metric_interval("utility", &beyond, out), "120.0 % (110.0 to 130.0 %)");
}

/* web/shared/format.ts has words for what it shows by name; else it would show the raw id. */
static void the_page_has_words_for_the_same_ids(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes file;
    const char *text;
    char key[96];

    (void)state;
    assert_int_equal(rd_file_read("web/shared/format.ts", 1u << 20, &arena, &file, &err), RD_OK);
    text = rd_arena_strndup(&arena, (const char *)file.data, file.size);
    assert_non_null(text);
    for (const struct rd_metric_word *w = rd_metric_words; w->id; w++) {
        (void)snprintf(key, sizeof key, strchr(w->id, ' ') ? "  \"%s\": \"" : "  %s: \"", w->id);
        if (!strstr(text, key))
            print_error("web/shared/format.ts has no words for '%s'\n", w->id);
        assert_non_null(strstr(text, key));
    }
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_is_raw),
        cmocka_unit_test(what_can_be_judged_is_worse_the_more_there_is_of_it),
        cmocka_unit_test(a_true_positive_rate_says_at_what_false_alarms),
        cmocka_unit_test(shares_are_in_percent_and_never_minus_zero),
        cmocka_unit_test(intervals_end_where_a_share_does),
        cmocka_unit_test(the_page_has_words_for_the_same_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
