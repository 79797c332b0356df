/* The stage matrix, on the assessment made by hand. */
#include "support.h"

#include "base/doc.h"
#include "report/stages.h"
#include "sample.h"

static struct sample sample;
static struct rd_rules rules;
static struct rd_arena arena;
static struct rd_error err;
static struct rd_run run = { .scratch = &arena, .err = &err };
static struct rd_stages stages;

static int setup(void **state)
{
    (void)state;
    sample_fill(&sample);
    assert_int_equal(rd_rules_load(&arena, &rules, &err), RD_OK);
    sample.report.rules = &rules;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const struct rd_stage_row *row(enum rd_stage which)
{
    assert_int_equal(rd_report_stages(&run, &sample.report, &arena, &stages), RD_OK);
    return &stages.row[which];
}

static void threats_are_counted_where_their_rule_says(void **state)
{
    (void)state;
    assert_int_equal(row(RD_STAGE_INFERENCE)->threats, 1);
    assert_int_equal(row(RD_STAGE_INFERENCE)->tried, 1);
    assert_int_equal(row(RD_STAGE_INFERENCE)->demonstrated, 1);
    assert_int_equal(row(RD_STAGE_MONITORING)->threats, 1);
    assert_int_equal(row(RD_STAGE_MONITORING)->tried, 0);
    assert_int_equal(row(RD_STAGE_DATA)->threats, 0);
}

static void only_inference_tried_is_said(void **state)
{
    (void)state;
    (void)row(RD_STAGE_INFERENCE);
    assert_non_null(stages.warning);
    assert_non_null(strstr(stages.warning, "the 1 threat of data"));
}

static void nothing_is_said_when_another_stage_was_tried_or_nothing_was(void **state)
{
    (void)state;
    sample.state[1].status = RD_THREAT_NOT_DEMONSTRATED;
    (void)row(RD_STAGE_INFERENCE);
    assert_null(stages.warning);
    sample.state[0].status = sample.state[1].status = RD_THREAT_UNTRIED;
    (void)row(RD_STAGE_INFERENCE);
    assert_null(stages.warning);
}

static void losses_stand_at_the_stage_of_their_threat(void **state)
{
    struct rd_risk_scenario q[3] = { { .index = 0, .ale = { 700, 0, 0 } },
        { .index = 1, .ale = { 50, 0, 0 } }, { .index = 2, .unquantified = "nobody said" } };
    struct rd_scenario s[3] = { { .threat = "evasion@api" }, { .threat = "model-extraction@api" },
        { .threat = "missing-logs@api" } };
    struct rd_risk_result risk = { .scenarios = q, .n_scenarios = 3 };

    (void)state;
    sample.system.scenarios = s;
    sample.system.n_scenarios = 3;
    sample.report.risk = &risk;
    assert_true(row(RD_STAGE_INFERENCE)->expected_loss == 750);
    assert_true(isnan(row(RD_STAGE_MONITORING)->expected_loss));
    assert_true(isnan(row(RD_STAGE_DATA)->expected_loss));
}

static void controls_stand_where_their_kind_acts(void **state)
{
    const struct rd_control_kind *k = rd_control_kind_find(&rules, "rounding");
    size_t all = 0;

    (void)state;
    assert_non_null(k);
    assert_string_equal(k->stage, "inference");
    assert_string_equal(k->acts, "prevent");
    sample.control[0].state = RD_CONTROL_RETIRED;
    assert_int_equal(row(RD_STAGE_INFERENCE)->n_controls[RD_ACTS_PREVENT], 1);
    assert_int_equal(row(RD_STAGE_INFERENCE)->control[RD_ACTS_PREVENT][0], 1);
    for (size_t i = 0; i < RD_STAGES; i++)
        for (size_t a = 0; a < RD_ACTS; a++)
            all += stages.row[i].n_controls[a];
    assert_int_equal(all, 1);
}

static void it_is_six_rows_of_json(void **state)
{
    struct rd_buf out = { 0 };
    struct rd_json j = { .out = &out };

    (void)state;
    (void)row(RD_STAGE_DATA);
    rd_json_object(&j);
    rd_report_write_stages(&stages, &sample.system, &j);
    rd_json_end(&j);
    assert_false(out.failed);
    assert_non_null(strstr(out.text, "\"stages\":[{"));
    assert_non_null(strstr(out.text, "\"stage\":\"monitoring\""));
    assert_non_null(strstr(out.text, "\"expected_loss\":null"));
    rd_json_release(&j);
    rd_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threats_are_counted_where_their_rule_says, setup, teardown),
        cmocka_unit_test_setup_teardown(only_inference_tried_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(
            nothing_is_said_when_another_stage_was_tried_or_nothing_was, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_stand_at_the_stage_of_their_threat, setup, teardown),
        cmocka_unit_test_setup_teardown(controls_stand_where_their_kind_acts, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_six_rows_of_json, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
