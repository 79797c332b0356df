/* A misspelled word in a rule is an error with its position, never a rule that is silent for ever.
 */
#include "rules_support.h"

static struct rd_arena arena;

static int clear(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void refused(const char *applies_to, const char *when, const char *text)
{
    const char *said = refusal(&arena, applies_to, when, "");

    if (!strstr(said, text)) {
        print_error("%s\n  said: %s\n  not:  %s\n", when, said, text);
        fail();
    }
}

static void accepts_every_kind_of_word(void **state)
{
    (void)state;
    (void)load_probe(
        &arena, "inference-api", "exposure == \"internet\" and \"none\" != authentication", "");
    (void)load_probe(&arena, "inference-api", "score_digits > 3 or request_log", "");
    (void)load_probe(&arena, "inference-api, batch-inference",
        "reached_around(\"untrusted\", \"gateway\", \"quota\", \"screened\") or not "
        "drift_monitored",
        "");
    (void)load_probe(&arena, "flow",
        "from_is(\"annotator\") and not encrypted and \"labels\" in carries and protocol == "
        "\"anything\"",
        "");
    (void)load_probe(
        &arena, "training-data", "data_class() in [\"personal\", \"confidential\"]", "");
}

static void unknown_functions_name_the_nearest(void **state)
{
    (void)state;
    refused("inference-api", "has_contrl(\"quota\")",
        "character 1: there is no function 'has_contrl'; did you mean 'has_control'?");
}

static void unknown_properties_name_type_and_nearest(void **state)
{
    (void)state;
    refused("inference-api", "exposur == \"internet\"",
        "'exposur' is no property of 'inference-api', to which the rule applies; did you mean "
        "'exposure'?");
    /* Of two types, one lacks it. */
    refused(
        "inference-api, training-job", "exposure == \"internet\"", "no property of 'training-job'");
}

static void a_word_that_a_property_can_never_be_is_refused(void **state)
{
    (void)state;
    refused("inference-api", "exposure == \"intrnet\"",
        "character 13: 'exposure' can never be \"intrnet\"; did you mean \"internet\"?");
    refused("inference-api", "exposure in [\"internet\", \"parner\"]", "can never be \"parner\"");
    refused("inference-api", "\"intrnet\" == exposure", "can never be \"intrnet\"");
    refused("training-data", "data_class() == \"secret\"", "never \"secret\"");
    refused("training-data", "\"secret\" == data_class()", "never \"secret\"");
}

static void words_of_functions_are_checked_by_kind(void **state)
{
    (void)state;
    refused("training-data", "reached_from(\"anotator\")",
        "expected an element type, untrusted, partner or trusted, found \"anotator\"; did you mean "
        "\"annotator\"?");
    refused("training-data", "has_control(\"qota\")", "expected a control kind");
    refused("training-data", "reached_around(\"annotator\", \"screend\")",
        "did you mean \"screened\"?");
    refused("training-data", "holds_artifact(\"modell\")", "expected model, dataset or training");
    refused("training-data", "has_inbound_from(\"annotator\", \"exposure\")",
        "expected a yes/no property");
}

static void functions_check_how_many_words_they_get(void **state)
{
    (void)state;
    refused("training-data", "reached_from()", "takes 1 to 1 words, found 0");
    refused("training-data", "crosses_boundary(\"annotator\")", "takes no words");
    refused("training-data", "exists_path(\"annotator\")", "takes 2 to 2 words, found 1");
    refused("training-data",
        "reached_around(\"annotator\", \"quota\", \"quota\", \"quota\", \"quota\", \"quota\", "
        "\"quota\", \"quota\")",
        "takes 2 to 7 words, found 8");
    refused("training-data", "reached_from(provenance)", "expected a quoted word");
    refused("training-data", "reached_from(\"annotator\" \"llm\")", "expected ',' or ')'");
    refused("training-data", "reached_from(\"annotator\"", "expected ',' or ')'");
    refused("training-data", "reached_from(", "expected a quoted word");
}

static void questions_about_elements_cannot_be_asked_of_flows(void **state)
{
    (void)state;
    refused("flow", "is(\"annotator\")", "is() cannot be asked of a flow");
    refused("training-data", "from_is(\"annotator\")", "from_is() cannot be asked of an element");
}

static void types_are_checked_by_the_compiler(void **state)
{
    (void)state;
    refused("training-data", "screened == 3", "cannot be compared with a number");
    refused("training-data", "data_class()", "");
    refused("inference-api", "score_digits", "");
}

static void only_the_two_facts_move_a_severity(void **state)
{
    (void)state;
    assert_non_null(
        strstr(refusal(&arena, "training-data", "not screened", "raise_when: not screened\n"),
            "only internet_exposed() and data_class() may move a severity, not 'screened'"));
    assert_non_null(strstr(
        refusal(&arena, "training-data", "not screened", "lower_when: has_control(\"signing\")\n"),
        "may move a severity, not has_control()"));
    (void)load_probe(&arena, "training-data", "not screened", "raise_when: internet_exposed()\n");
}

static void broken_text_is_refused(void **state)
{
    (void)state;
    refused("training-data", "screened and \"open", "a quoted word is not closed");
    refused("training-data", "screened and", "");
    refused("training-data", "(screened", "");
    refused("training-data",
        "has_control(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")",
        "at most 63 characters");
}

static void a_rule_that_an_attack_proves_may_not_believe_in_controls(void **state)
{
    (void)state;
    assert_non_null(
        strstr(refusal(&arena, "training-data", "not screened and not has_control(\"quota\")",
                   "proved_by: [pgd]\ncriterion: 0.5\n"),
            "only a re-test can tell"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(accepts_every_kind_of_word, clear),
        cmocka_unit_test_teardown(unknown_functions_name_the_nearest, clear),
        cmocka_unit_test_teardown(unknown_properties_name_type_and_nearest, clear),
        cmocka_unit_test_teardown(a_word_that_a_property_can_never_be_is_refused, clear),
        cmocka_unit_test_teardown(words_of_functions_are_checked_by_kind, clear),
        cmocka_unit_test_teardown(functions_check_how_many_words_they_get, clear),
        cmocka_unit_test_teardown(questions_about_elements_cannot_be_asked_of_flows, clear),
        cmocka_unit_test_teardown(types_are_checked_by_the_compiler, clear),
        cmocka_unit_test_teardown(only_the_two_facts_move_a_severity, clear),
        cmocka_unit_test_teardown(broken_text_is_refused, clear),
        cmocka_unit_test_teardown(a_rule_that_an_attack_proves_may_not_believe_in_controls, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
