/* A roadmap from hand-made evidence: prerequisites, budgets, quarters, what is left out and why. */
#include "risk_support.h"

#include "risk/roadmap.h"

/* A loss of 4,000 a campaign, two campaigns a year, unless something is on: 8,000 a year. */
#define PLAN(controls, roadmap)                                                                    \
    SYSTEM("", INSIDER, controls,                                                                  \
        "  accuracy_point_per_year: 100\n" roadmap EVASION(                                        \
            "2", "40", "successes >= 10", "successes * 100") "}\n")
#define HALF                                                                                       \
    "{id: half, kind: swap-artifact, at: api, state: proposed, cost_per_year: 300, "               \
    "effort_days: 4}"
#define WHOLE                                                                                      \
    "{id: whole, kind: swap-artifact, at: api, state: proposed, requires: [ground], "              \
    "cost_per_year: 700, costs: {license: 200, people: 100}, effort_days: 9, "                     \
    "quarter: 2027-Q2, owner: ops}"
#define GROUND                                                                                     \
    "{id: ground, kind: signing, at: api, state: proposed, cost_per_year: 50, "                    \
    "effort_days: 3}"
#define OTHER "{id: other, kind: egress-deny, at: api, state: proposed}"
#define ALL HALF ", " WHOLE ", " GROUND ", " OTHER
#define PACE "  roadmap: {start: 2026-Q4, days_per_quarter: 6}\n"

/* half takes most, whole all of it; aware: by an attack that knows them. */
static void plan(struct fixture *f, const char *yaml, double budget, int measure, bool aware)
{
    const struct rd_roadmap_options roadmap = { .budget = budget, .measure = measure };
    const struct rd_risk_options options = { .outer = 200, .years = 500, .roadmap = &roadmap };
    const struct rd_record *before, *half, *whole;
    size_t t;

    start(f, yaml);
    before = evaded(f, 1000, 1000, 3);
    half = evaded(f, 1000, 400, 3);
    whole = evaded(f, 1000, 0, 3);
    t = add_test(f, "evasion@api", &pgd_like, (struct rd_record *)before);
    add_retest(f, t, 0, before, half);
    add_retest(f, t, 1, before, whole);
    for (size_t i = 0; aware && i < 2; i++)
        f->retest[t][i].aware = f->retest[t][i].plain;
    if (rd_risk_simulate(&f->run, &f->campaign, &options, &f->arena, &f->result))
        fail_msg("%s", f->err.frame[0].text);
    assert_non_null(f->result.roadmap);
}

static const char *left_out(const struct fixture *f, int control)
{
    const struct rd_roadmap *r = f->result.roadmap;

    for (size_t i = 0; i < r->n_left_out; i++)
        if (r->left_out[i].control == control)
            return r->left_out[i].reason;
    return "";
}

/* whole pays, so its ground comes first: 3 days of Q4, and 9 more from Q2 on: until Q3. */
static void what_is_required_comes_first_and_quarters_fill_up(void **state)
{
    const struct rd_roadmap *r;
    struct fixture f;

    (void)state;
    plan(&f, PLAN(ALL, PACE), (double)NAN, -1, true);
    r = f.result.roadmap;
    assert_true(r->exact && r->measure == RD_ROADMAP_ALE && isnan(r->budget));
    assert_int_equal(r->n_steps, 2);
    assert_int_equal(r->steps[0].control, 2);
    assert_int_equal(r->steps[1].control, 1);
    assert_string_equal(r->steps[0].quarter, "2026-Q4");
    assert_string_equal(r->steps[1].quarter, "2027-Q3");
    assert_string_equal(r->steps[0].retest, "2027-03-31"); /* 90 days after 31 December */
    assert_string_equal(r->steps[1].retest, "2027-12-29"); /* and after 30 September */
    assert_true(r->steps[1].n_requires == 1 && r->steps[1].requires_control[0] == 2);
    assert_string_equal(r->steps[1].owner, "ops");
    /* 700 + 200 + 100, and one point of accuracy at 100. */
    close_to(r->steps[1].cost.total.value, 1100, 1e-9);
    close_to(r->steps[1].cost.accuracy, 100, 1e-9);
    assert_true(isnan(r->steps[1].cost.latency) && r->steps[0].cost.declared == 50);
    close_to(r->cost.value, 1150, 1e-9);
    close_to(r->ale_after.value, 0, 1e-9);
    close_to(r->steps[0].net.value, -50, 1e-9); /* nothing of its own */
    close_to(r->steps[1].net.value, r->ale_before.value - 1100, 1e-6);
    assert_true(r->steps[1].p_in_best_set > 0.9 && r->steps[0].p_in_best_set > 0.9);
    assert_true(r->steps[1].after.ale.value == 0 && !r->steps[1].assumed);
    /* half alone costs 300 and 100 of accuracy; what it leaves decides up to where whole pays. */
    assert_true(r->steps[1].reversal.value > 1100);
    assert_non_null(strstr(left_out(&f, 0), "'whole'"));
    assert_non_null(strstr(left_out(&f, 3), "no test touches it"));
    stop(&f);
}

static void a_budget_leaves_out_what_it_cannot_pay_with_what_that_requires(void **state)
{
    struct fixture f;

    (void)state;
    plan(&f, PLAN(ALL, ""), 1149, -1, true); /* one short of whole with its ground */
    assert_int_equal(f.result.roadmap->n_steps, 1);
    assert_int_equal(f.result.roadmap->steps[0].control, 0);
    assert_non_null(strstr(left_out(&f, 1), "over the budget"));
    stop(&f);
    plan(&f, PLAN(ALL, "  roadmap: {budget: 1150}\n"), (double)NAN, -1, true);
    assert_int_equal(f.result.roadmap->n_steps, 2);
    assert_string_equal(
        f.result.roadmap->steps[0].quarter, "2027-Q2"); /* the first that is named */
    stop(&f);
    plan(&f, PLAN(ALL, "  roadmap: {budget: 1150}\n"), 0, -1, true);
    assert_int_equal(f.result.roadmap->n_steps, 0);
    assert_true(f.result.roadmap->n_accept == 1 && !f.result.roadmap->accept[0].threat);
    close_to(f.result.roadmap->accept[0].ale.value, f.result.total.ale.value, 0);
    close_to(f.result.roadmap->ale_after.value, f.result.total.ale.value, 0);
    stop(&f);
}

static void a_static_effect_counts_only_when_asked(void **state)
{
    struct fixture f;

    (void)state;
    plan(&f, PLAN(ALL, ""), (double)NAN, -1, false);
    assert_int_equal(f.result.roadmap->n_steps, 0);
    assert_non_null(strstr(left_out(&f, 1), "--include-static"));
    stop(&f);
}

/* The tail of a year, and what it costs, by the same set: whole again, at a far larger worth. */
static void the_tail_is_another_measure(void **state)
{
    struct fixture f;

    (void)state;
    plan(&f, PLAN(ALL, "  roadmap: {measure: tvar}\n"), (double)NAN, -1, true);
    assert_true(f.result.roadmap->exact && f.result.roadmap->measure == RD_ROADMAP_TVAR);
    assert_int_equal(f.result.roadmap->n_steps, 2);
    assert_true(f.result.roadmap->tvar_before.value > 2 * f.result.roadmap->ale_before.value);
    close_to(f.result.roadmap->tvar_after.value, 0, 1e-9);
    stop(&f);
}

static void no_start_means_counted_quarters(void **state)
{
    struct fixture f;

    (void)state;
    plan(&f,
        PLAN(HALF
            ", {id: dear, kind: swap-artifact, at: api, state: proposed, cost_per_year: 90000}",
            "  roadmap: {days_per_quarter: 3}\n"),
        (double)NAN, -1, true);
    assert_int_equal(f.result.roadmap->n_steps, 1);
    assert_string_equal(f.result.roadmap->steps[0].quarter, "quarter 2"); /* 4 days of 3 each */
    assert_string_equal(f.result.roadmap->steps[0].retest, "90 days after the end of quarter 2");
    stop(&f);
}

/* What pays best may leave too much; a dearer set that does not is named. */
static void an_appetite_that_the_best_set_does_not_meet_is_said(void **state)
{
    static const char dear[] =
        PLAN(HALF ", {id: dear, kind: swap-artifact, at: api, state: proposed, cost_per_year: "
                  "5000}",
            "  appetite: [{loss: 500, probability: 0.01}]\n");
    struct fixture f;

    (void)state;
    plan(&f, dear, (double)NAN, -1, true);
    assert_int_equal(f.result.roadmap->n_steps, 1);
    assert_int_equal(f.result.roadmap->steps[0].control, 0);
    assert_non_null(f.result.roadmap->appetite_warning);
    assert_non_null(strstr(f.result.roadmap->appetite_warning, "dear for"));
    stop(&f);
}

/* Nobody tried anything: two campaigns a year, half of them a loss of 1,000. */
#define WORD                                                                                       \
    "  scenarios:\n    - {id: word, threat: evasion@api, actor: insider, attempts_per_year: 2, "   \
    "susceptibility: 0.5, per_loss: 1000}\n"
#define LIKELY                                                                                     \
    "{id: likely, kind: swap-artifact, at: api, state: proposed, cost_per_year: 100, coverage: "   \
    "0.8, expects: [{scenario: word, susceptibility: {low: 0.1, high: 0.1, provenance: expert, "   \
    "by: ops, date: 2026-11-01}}]}"
#define LESS                                                                                       \
    "{id: less, kind: rounding, at: api, state: active, expects: [{scenario: word, "               \
    "susceptibility: 0.25}]}"

static void by_word(struct fixture *f, const char *yaml, bool expected)
{
    const struct rd_roadmap_options roadmap = {
        .budget = (double)NAN, .measure = -1, .include_expected = expected
    };
    const struct rd_risk_options options = { .outer = 200, .years = 2000, .roadmap = &roadmap };

    start(f, yaml);
    if (rd_risk_simulate(&f->run, &f->campaign, &options, &f->arena, &f->result))
        fail_msg("%s", f->err.frame[0].text);
    assert_non_null(f->result.roadmap);
}

static void where_nothing_was_measured_nobody_says_that_nothing_pays(void **state)
{
    struct fixture f;

    (void)state;
    by_word(&f, SYSTEM("", INSIDER, OTHER ", " LIKELY, WORD), false);
    assert_true(f.result.roadmap->n_steps == 0 && f.result.roadmap->unmeasured);
    assert_non_null(strstr(f.result.roadmap->nothing, "Nothing was measured"));
    assert_null(strstr(f.result.roadmap->nothing, "worth"));
    assert_string_equal(left_out(&f, 0), "not measured: no test touches it");
    assert_non_null(strstr(left_out(&f, 1), "--include-expected"));
    stop(&f);
    by_word(&f, SYSTEM("", INSIDER, "", WORD), false);
    assert_false(f.result.roadmap->unmeasured);
    assert_non_null(strstr(f.result.roadmap->nothing, "No control is proposed"));
    stop(&f);
    /* And where it was, that is said. */
    plan(&f,
        PLAN("{id: dear, kind: swap-artifact, at: api, state: proposed, cost_per_year: 90000}, "
             "{id: dearer, kind: swap-artifact, at: api, state: proposed, cost_per_year: 90000}",
            ""),
        (double)NAN, -1, true);
    assert_false(f.result.roadmap->unmeasured);
    assert_string_equal(f.result.roadmap->nothing, "No proposed control is worth its cost.");
    stop(&f);
}

/* 1,000 a year; of 0.5, four in five meet the control and 0.1: 0.18, so 360 a year. */
static void what_an_expert_expects_counts_when_asked_and_is_labeled(void **state)
{
    const struct rd_roadmap *r;
    struct fixture f;

    (void)state;
    by_word(&f, SYSTEM("", INSIDER, LIKELY, WORD), true);
    r = f.result.roadmap;
    assert_int_equal(r->n_steps, 1);
    assert_true(r->steps[0].expected && !r->steps[0].is_static && !r->steps[0].assumed);
    assert_true(f.result.controls[0].expected);
    close_to(r->ale_before.value, 1000, 10);
    close_to(r->ale_after.value, 360, 10);
    close_to(f.result.ale_share_measured, 0, 0);
    stop(&f);
}

/* An active control's word stands beside the scenario's; of two the better counts, and not both. */
static void of_two_expectations_the_better_one_counts(void **state)
{
    struct fixture f;

    (void)state;
    by_word(&f, SYSTEM("", INSIDER, LESS ", " LIKELY, WORD), false);
    close_to(f.result.total.ale.value, 500, 10);
    assert_int_equal(f.result.roadmap->n_steps, 0);
    stop(&f);
    by_word(&f, SYSTEM("", INSIDER, LESS ", " LIKELY, WORD), true);
    assert_int_equal(f.result.roadmap->n_steps, 1);
    assert_true(f.result.roadmap->steps[0].assumed && f.result.roadmap->steps[0].expected);
    /* four in five meet 0.1, the others 0.25 */
    close_to(f.result.roadmap->ale_after.value, 2000 * (0.8 * 0.1 + 0.2 * 0.25), 10);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_required_comes_first_and_quarters_fill_up),
        cmocka_unit_test(a_budget_leaves_out_what_it_cannot_pay_with_what_that_requires),
        cmocka_unit_test(a_static_effect_counts_only_when_asked),
        cmocka_unit_test(the_tail_is_another_measure),
        cmocka_unit_test(no_start_means_counted_quarters),
        cmocka_unit_test(an_appetite_that_the_best_set_does_not_meet_is_said),
        cmocka_unit_test(where_nothing_was_measured_nobody_says_that_nothing_pays),
        cmocka_unit_test(what_an_expert_expects_counts_when_asked_and_is_labeled),
        cmocka_unit_test(of_two_expectations_the_better_one_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
