/* From what was run to a threat's state: an active control counts against who knows it. */
#include "campaign/status.h"
#include "support.h"

#include <redoubt/attack.h>
#include <string.h>

static struct rd_record thefts(enum rd_outcome outcome, double utility)
{
    return (struct rd_record){ .unit = "run",
        .attack = "copycat",
        .judged = "utility",
        .access = RD_ACCESS_LABELS,
        .n = 3,
        .queries = 1080,
        .outcome = outcome,
        .criterion = 0.6,
        .interval = { utility, utility - 0.01, utility + 0.01 } };
}

struct fixture {
    struct rd_arena arena;
    struct rd_rule rule;
    struct rd_threat threat;
    struct rd_threats threats;
    struct rd_control control;
    struct rd_system system;
    struct rd_bound_test test;
    struct rd_record record, worse;
    struct rd_retest retest;
    struct rd_tested tested;
};

/* One theft that the quota stops, and one by a thief who knows the quota. */
static const struct rd_threat_state *state_of(struct fixture *f, enum rd_control_state control,
    enum rd_outcome test, enum rd_outcome knows, double effect_low)
{
    const struct rd_threat_state *states = NULL;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &f->arena, .err = &err };

    f->threat = (struct rd_threat){ .id = "model-extraction@api", .rule = &f->rule };
    f->threats = (struct rd_threats){ .item = &f->threat, .n = 1 };
    f->control = (struct rd_control){ .id = "key-quota", .state = control };
    f->system = (struct rd_system){ .controls = &f->control, .n_controls = 1 };
    f->test = (struct rd_bound_test){ .threat = &f->threat, .attack = rd_attack_find("copycat") };
    f->record = thefts(test, 0.03);
    f->worse = thefts(knows, 0.81);
    f->retest = (struct rd_retest){
        .control = 0, .worse = &f->worse, .effect = { effect_low + 0.1, effect_low, 1 }
    };
    f->tested = (struct rd_tested){
        .test = &f->test, .record = &f->record, .retests = &f->retest, .n_retests = 1
    };
    assert_int_equal(rd_campaign_states(&run, &f->system, &f->threats, &f->test, &f->tested, 1,
                         &f->arena, &states),
        RD_OK);
    return states;
}

static void an_active_control_that_is_worked_around_leaves_the_threat_demonstrated(void **state)
{
    struct fixture f = { 0 };
    const struct rd_threat_state *s =
        state_of(&f, RD_CONTROL_ACTIVE, RD_OUTCOME_NOT_DEMONSTRATED, RD_OUTCOME_DEMONSTRATED, -0.2);

    (void)state;
    assert_int_equal(s->status, RD_THREAT_DEMONSTRATED);
    assert_non_null(strstr(s->text, "utility of the theft is 81.0 %"));
    assert_non_null(strstr(s->text, "; the bar is 60 %"));
    assert_non_null(strstr(s->text, "working around 'key-quota'"));
    rd_arena_release(&f.arena);
}

static void a_proposed_control_changes_no_status(void **state)
{
    struct fixture f = { 0 };
    const struct rd_threat_state *s = state_of(
        &f, RD_CONTROL_PROPOSED, RD_OUTCOME_NOT_DEMONSTRATED, RD_OUTCOME_DEMONSTRATED, -0.2);

    (void)state;
    assert_int_equal(s->status, RD_THREAT_NOT_DEMONSTRATED);
    assert_non_null(strstr(s->text, "utility of the theft is 3.0 %"));
    rd_arena_release(&f.arena);
}

static void controlled_needs_a_retest_that_fails_and_an_effect_clear_of_zero(void **state)
{
    struct fixture f = { 0 };

    (void)state;
    assert_int_equal(state_of(&f, RD_CONTROL_ACTIVE, RD_OUTCOME_NOT_DEMONSTRATED,
                         RD_OUTCOME_NOT_DEMONSTRATED, 0.3)
                         ->status,
        RD_THREAT_CONTROLLED);
    rd_arena_release(&f.arena);
    assert_int_equal(
        state_of(&f, RD_CONTROL_ACTIVE, RD_OUTCOME_NOT_DEMONSTRATED, RD_OUTCOME_INCONCLUSIVE, 0.3)
            ->status,
        RD_THREAT_INCONCLUSIVE);
    rd_arena_release(&f.arena);
    assert_int_equal(state_of(&f, RD_CONTROL_ACTIVE, RD_OUTCOME_NOT_DEMONSTRATED,
                         RD_OUTCOME_NOT_DEMONSTRATED, -0.1)
                         ->status,
        RD_THREAT_NOT_DEMONSTRATED);
    rd_arena_release(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_active_control_that_is_worked_around_leaves_the_threat_demonstrated),
        cmocka_unit_test(a_proposed_control_changes_no_status),
        cmocka_unit_test(controlled_needs_a_retest_that_fails_and_an_effect_clear_of_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
