/* What a reader may do about a threat, and two minutes about it, from the sample assessment. */
#include "support.h"

#include "report/brief.h"
#include "report/finding.h"
#include "sample.h"

#include <stdio.h>

static const char key[] = "8bb8140e9e23e882a8ebe8b4091b894a67a6048a2e627253462a60d56a862f4c";

struct desk {
    struct sample s;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_finding finding;
    struct rd_brief brief;
};

static struct desk *open_desk(void)
{
    static struct desk d;

    memset(&d, 0, sizeof d);
    sample_fill(&d.s);
    d.run = (struct rd_run){ .scratch = &d.arena, .err = &d.err };
    (void)snprintf(d.s.tested[0].key, sizeof d.s.tested[0].key, "%s", key);
    d.s.artifact[1].labels = "labels.npy";
    return &d;
}

static void find(struct desk *d, size_t threat)
{
    assert_int_equal(rd_finding_make(&d->run, &d->s.report, threat, &d->arena, &d->finding), RD_OK);
}

static void brief(struct desk *d, size_t threat)
{
    assert_int_equal(
        rd_brief_make(&d->run, &d->s.report, &d->s.threat[threat], &d->arena, &d->brief), RD_OK);
}

static const char *all(struct desk *d)
{
    char *text = rd_arena_strdup(&d->arena, "");

    for (size_t i = 0; i < d->brief.n; i++)
        text = rd_arena_printf(&d->arena, "%s%s\n", text, d->brief.sentence[i].text);
    return text;
}

static void says(struct desk *d, const char *words)
{
    if (!strstr(all(d), words))
        print_error("not said: %s\nin:\n%s", words, all(d));
    assert_non_null(strstr(all(d), words));
}

/* --- findings --- */

static void a_tested_threat_is_repeated_by_attack_run(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    find(d, 0);
    assert_string_equal(d->finding.check,
        "redoubt attack run pgd --target model.onnx --input eval.npy --labels labels.npy "
        "--criterion 0.1 --seed 7");
    assert_null(d->finding.check_reason);
    assert_string_equal(d->finding.evidence, key);
    rd_arena_release(&d->arena);
}

static void hostile_paths_stay_one_word(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    d->s.system.folder = "box";
    d->s.system.path = "box/-rf $(id).yaml";
    d->s.artifact[0].path = "box/$(touch x);'m'.onnx";
    d->s.artifact[1].path = "box/a\nb\xe2\x80\xae.npy";
    d->s.artifact[1].labels = "box/../labels.npy";
    find(d, 0);
    assert_string_equal(d->finding.check,
        "redoubt attack run pgd --target '$(touch x);'\\''m'\\''.onnx' --input "
        "$'a\\x0ab\\xe2\\x80\\xae.npy' --labels ../labels.npy --criterion 0.1 --seed 7");
    find(d, 1);
    assert_string_equal(
        d->finding.check, "redoubt explain './-rf $(id).yaml' --allow-outside missing-logs@api");
    assert_non_null(d->finding.check_reason);
    assert_null(d->finding.evidence);
    rd_arena_release(&d->arena);
}

static void what_attack_run_cannot_say_is_repeated_by_assess(void **state)
{
    static const char *const controls[] = { "quota(rows=2)" };
    struct desk *d = open_desk();

    (void)state;
    d->s.record.controls = controls;
    d->s.record.n_controls = 1;
    find(d, 0);
    assert_string_equal(d->finding.check, "redoubt assess . --seed 7");
    assert_non_null(strstr(d->finding.check_reason, "active controls"));
    d->s.record.n_controls = 0;
    d->s.artifact[1].path = "/somewhere/else.npy";
    find(d, 0);
    assert_string_equal(d->finding.check, "redoubt assess . --allow-outside --seed 7");
    assert_null(strstr(d->finding.check_reason, "/somewhere"));
    rd_arena_release(&d->arena);
}

static void measured_help_comes_first_and_no_help_last(void **state)
{
    static const char *const mitigations[] = { "Ask somebody." };
    static const struct rd_fact facts[] = { { "api.exposure", "internet", NULL } };
    struct desk *d = open_desk();

    (void)state;
    d->s.rule[0].mitigations = mitigations;
    d->s.rule[0].n_mitigations = 1;
    d->s.threat[0].facts = facts;
    d->s.threat[0].n_facts = 1;
    find(d, 0);
    assert_string_equal(
        d->finding.why, "Because. It applies here because api.exposure is internet.");
    assert_int_equal(d->finding.n_fix, 3);
    assert_non_null(strstr(d->finding.fix[0], "Switch it on; measured here: 'hardened'"));
    assert_string_equal(d->finding.fix[1], "Ask somebody.");
    assert_non_null(strstr(d->finding.fix[2], "no help: 'round-scores'"));
    rd_arena_release(&d->arena);
}

/* --- the brief --- */

static void a_measured_claim_cites_its_record(void **state)
{
    struct desk *d = open_desk();
    bool cited = false;

    (void)state;
    brief(d, 0);
    says(d,
        "It succeeded on 9 of 10 inputs; with 95 % confidence the share is between 63 and 100 of "
        "100 [e:8bb8140e9e23].");
    says(d, "so we call this demonstrated");
    says(d,
        "'hardened', which is only proposed: the share of inputs that were misjudged went from 90 "
        "of 100 without it to 20 of 100 with it");
    says(d, "no help was measured: 'round-scores'");
    for (size_t i = 0; i < d->brief.n; i++)
        for (size_t k = 0; k < d->brief.sentence[i].n_evidence; k++)
            cited = cited || !strcmp(d->brief.sentence[i].evidence[k], key);
    assert_true(cited);
    rd_arena_release(&d->arena);
}

static size_t times(const char *text, const char *word)
{
    size_t n = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* Two tests of one threat, and each control in both; the one helps in the first alone. */
static void a_control_with_two_tests_is_named_once(void **state)
{
    struct desk *d = open_desk();
    struct rd_tested two[2] = { d->s.tested[0], d->s.tested[0] };
    struct rd_retest again[2] = { d->s.retest[1], d->s.retest[1] };

    (void)state;
    again[0].control = 0; /* 'hardened' does nothing in the second */
    two[1].retests = again;
    d->s.campaign.tested = two;
    d->s.campaign.n_tested = 2;
    brief(d, 0);
    says(d, "This was run again too, and no help was measured: 'round-scores'");
    assert_int_equal(times(all(d), "'round-scores'"), 1);
    assert_int_equal(times(all(d), "'hardened'"), 1);
    rd_arena_release(&d->arena);
}

static void a_control_that_is_on_takes_and_one_that_is_not_would_take(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    brief(d, 0);
    says(d, "It would cost 500 USD a year");
    says(d, "It would also take 2.0 % of clean accuracy");
    d->s.control[0].state = RD_CONTROL_ACTIVE;
    brief(d, 0);
    says(d, "It costs 500 USD a year");
    says(d, "It also takes 2.0 % of clean accuracy");
    assert_null(strstr(all(d), "t would"));
    rd_arena_release(&d->arena);
}

/* "path from a to b is a -> b" is no English. */
static void facts_are_said_as_one_says_them(void **state)
{
    static const struct rd_fact facts[] = {
        { "path from crowd to api", "crowd -> api",
            "a path leads from crowd to api (crowd -> api)" },
        { "api.exposure", "internet", NULL },
    };
    struct desk *d = open_desk();

    (void)state;
    d->s.threat[0].facts = facts;
    d->s.threat[0].n_facts = 2;
    brief(d, 0);
    says(d,
        "It applies to us, because a path leads from crowd to api (crowd -> api), and api.exposure "
        "is internet.");
    rd_arena_release(&d->arena);
}

/* 4 of 1,000 needs the larger number, so the other has it too. */
static void two_shares_of_one_sentence_are_of_the_same_number(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    d->s.retest[0].after.value = 0.004;
    brief(d, 0);
    says(d, "went from 900 of 1,000 without it to 4 of 1,000 with it");
    rd_arena_release(&d->arena);
}

/* Clopper-Pearson for 0 of 10: at most 0.2589 at 95 % one-sided, 0.3085 two-sided. */
static void none_of_n_is_a_bound_and_never_safe(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    d->s.record.successes = 0;
    d->s.record.interval = (struct rd_interval){ 0, 0, 0.3085 };
    d->s.record.outcome = RD_OUTCOME_NOT_DEMONSTRATED;
    d->s.state[0].status = RD_THREAT_NOT_DEMONSTRATED;
    brief(d, 0);
    says(d,
        "None of 10 inputs came through, so the share is at most 31 of 100 at 95 %, which does not "
        "make it impossible [e:8bb8140e9e23].");
    says(d, "which is not the same as safe");
    assert_null(strstr(all(d), "we call this demonstrated"));
    assert_null(strstr(all(d), "refuted"));
    rd_arena_release(&d->arena);
}

static void what_was_not_tried_is_not_measured(void **state)
{
    struct desk *d = open_desk();

    (void)state;
    brief(d, 1);
    says(d, "It was not tried: no attack proves it.");
    says(d, "no figure about it is measured");
    assert_null(strstr(all(d), "[e:"));
    says(d, "Nobody has put money on it");
    rd_arena_release(&d->arena);
}

/* Three hundred words, whatever the rule has to say. */
static void it_is_said_in_two_minutes(void **state)
{
    const char *mitigations[20];
    char longer[20][400];
    struct desk *d = open_desk();

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        longer[i][0] = '\0';
        for (size_t k = 0; k < 40; k++)
            (void)snprintf(longer[i] + strlen(longer[i]), 400 - strlen(longer[i]), "word%zu ", k);
        mitigations[i] = longer[i];
    }
    d->s.rule[0].mitigations = mitigations;
    d->s.rule[0].n_mitigations = 20;
    brief(d, 0);
    assert_in_range(d->brief.words, 100, RD_BRIEF_WORDS);
    says(d, "It succeeded on 9 of 10 inputs"); /* what must be said stays */
    rd_arena_release(&d->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tested_threat_is_repeated_by_attack_run),
        cmocka_unit_test(hostile_paths_stay_one_word),
        cmocka_unit_test(what_attack_run_cannot_say_is_repeated_by_assess),
        cmocka_unit_test(measured_help_comes_first_and_no_help_last),
        cmocka_unit_test(a_measured_claim_cites_its_record),
        cmocka_unit_test(a_control_with_two_tests_is_named_once),
        cmocka_unit_test(a_control_that_is_on_takes_and_one_that_is_not_would_take),
        cmocka_unit_test(two_shares_of_one_sentence_are_of_the_same_number),
        cmocka_unit_test(facts_are_said_as_one_says_them),
        cmocka_unit_test(none_of_n_is_a_bound_and_never_safe),
        cmocka_unit_test(what_was_not_tried_is_not_measured),
        cmocka_unit_test(it_is_said_in_two_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
