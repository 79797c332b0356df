/* The strict reading of rule files. */
#include "rules_support.h"

static struct rd_arena arena;

static int clear(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void refused(const char *more, const char *text)
{
    const char *said = refusal(&arena, "training-data", "not screened", more);

    if (!strstr(said, text)) {
        print_error("%s\n  said: %s\n  not:  %s\n", more, said, text);
        fail();
    }
}

static void reads_what_the_file_says(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "training-data", "not screened",
        "severity: critical\nproved_by: [pgd]\ncriterion: 0.25\nprove_with: {eps: 8/255, steps: "
        "40}\n"
        "why: >-\n  Two\n  lines.\n");
    const struct rd_rule *r = rules.item[0];

    (void)state;
    assert_int_equal(rules.n, 1);
    assert_string_equal(r->id, "probe");
    assert_string_equal(r->why, "Two lines.");
    assert_int_equal(r->severity, RD_SEVERITY_CRITICAL);
    assert_true(r->criterion == 0.25);
    assert_int_equal(r->n_prove_with, 2);
    assert_string_equal(r->prove_with[0].name, "eps");
    assert_string_equal(r->prove_with[0].value, "8/255");
    assert_string_equal(r->references[0].title, "Training Data Poisoning");
    assert_string_equal(r->when, "not screened");
    assert_true(rd_rule_applies_to(r, rd_element_type_find("training-data")));
    assert_false(rd_rule_applies_to(r, rd_element_type_find("llm")));
    assert_false(rd_rule_applies_to(r, NULL));
}

static void a_criterion_is_missing_without_proof(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "training-data", "not screened", "");

    (void)state;
    assert_true(rules.item[0]->criterion != rules.item[0]->criterion); /* NaN */
    refused("proved_by: [pgd]\n", "criterion and proved_by: both or none");
    refused("criterion: 0.5\n", "criterion and proved_by: both or none");
    refused("proved_by: none\ncriterion: 0.5\n", "criterion and proved_by: both or none");
    refused("proved_by: nothing\n", "proved_by");
    refused("prove_with: {eps: 1}\n", "there is no proved_by");
}

static void a_sub_technique_knows_its_parent(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "training-data", "not screened",
        "references: [{list: MITRE ATLAS, edition: \"2026.09\", id: AML.T0010.003}]\n");

    (void)state;
    assert_string_equal(rules.item[0]->references[0].title, "Model");
    assert_string_equal(rules.item[0]->references[0].parent, "AI Supply Chain Compromise");
}

static void unknown_keys_are_refused_with_the_nearest(void **state)
{
    (void)state;
    refused("mitigatons: [x]\n", "unknown key 'mitigatons'; did you mean 'mitigations'?");
    refused("references: [{list: STRIDE, edition: \"1999\", id: T, titel: x}]\n",
        "unknown key 'titel'");
    refused("tests: {vulnerabel: {}, guarded: {}}\n", "did you mean 'vulnerable'?");
}

static void missing_keys_and_wrong_shapes_are_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(refusal(&arena, "training-data", NULL, ""), "'when' is missing"));
    refused("why: [a]\n", "why: expected text");
    refused("why: \"\"\n", "why may not be empty");
    refused("cwe: CWE-345\n", "cwe: expected a list");
    refused("severity: grave\n", "expected low, medium, high or critical");
    refused("severity: medium\ncriterion: many\n", "expected a number");
    refused("tests: {vulnerable: {elements: []}}\n", "'guarded' is missing");
    refused("tests: {vulnerable: 3, guarded: {}}\n", "expected a system");
    refused("mitigations: []\n", "at least one sentence");
    refused("references: []\n", "at least one id");
    refused("stride: X\n", "letters of S, T, R, I, D, E");
    refused("stride: TT\n", "each once");
    refused("stage: later\n", "stage: expected data,");
    refused("title: A sentence.\n", "no full stop");
    refused("id: other\n", "id: expected 'probe', as the file is called");
    refused("cwe: [CWE-345, CWE-345]\n", "stands there twice");
}

static void words_of_our_own_lists_are_checked(void **state)
{
    (void)state;
    refused("removed_by: [sining]\n", "did you mean 'signing'?");
    refused("cwe: [CWE-1446]\n", "'CWE-1446' is not in catalog/taxonomies");
    assert_non_null(strstr(refusal(&arena, "traning-data", "true", ""),
        "no element type 'traning-data'; did you mean 'training-data'?"));
    assert_non_null(strstr(refusal(&arena, "", "true", ""), "at least one element type"));
}

static void errors_name_file_line_and_column(void **state)
{
    (void)state;
    assert_non_null(strstr(refusal(&arena, "training-data", "not screened", "zzz: 1\n"),
        "catalog/rules/probe.yaml:17:1: "));
}

static void hostile_yaml_is_refused(void **state)
{
    (void)state;
    refused("why: &a [*a]\n", "");
    refused("\tx: 1\n", "");
    refused("why: !!str x\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_what_the_file_says, clear),
        cmocka_unit_test_teardown(a_criterion_is_missing_without_proof, clear),
        cmocka_unit_test_teardown(a_sub_technique_knows_its_parent, clear),
        cmocka_unit_test_teardown(unknown_keys_are_refused_with_the_nearest, clear),
        cmocka_unit_test_teardown(missing_keys_and_wrong_shapes_are_refused, clear),
        cmocka_unit_test_teardown(words_of_our_own_lists_are_checked, clear),
        cmocka_unit_test_teardown(errors_name_file_line_and_column, clear),
        cmocka_unit_test_teardown(hostile_yaml_is_refused, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
