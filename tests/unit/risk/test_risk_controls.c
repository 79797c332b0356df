/* Money before and after a control: paired, mixed by coverage, honest about nothing gained. */
#include "risk_support.h"

#include "base/alloc.h"

#define HARDEN(state, more) "{id: harden, kind: swap-artifact, at: api, state: " state more "}"
#define FOOL(controls)                                                                             \
    SYSTEM("", INSIDER, controls,                                                                  \
        EVASION("{low: 0.5, high: 4}", "40", "successes >= 10", "successes * 100") "}\n")

static const struct rd_risk_control *control_row(const struct fixture *f)
{
    assert_int_equal(f->result.n_controls, 1);
    return &f->result.controls[0];
}

static void run_pair(struct fixture *f, const char *yaml, size_t before, size_t after)
{
    const struct rd_record *b, *a;
    size_t t;

    start(f, yaml);
    b = evaded(f, 1000, before, 3);
    a = evaded(f, 1000, after, 3);
    t = add_test(f, "evasion@api", &pgd_like,
        (struct rd_record *)(f->system->controls[0].state == RD_CONTROL_ACTIVE ? a : b));
    add_retest(f, t, 0, b, a);
    simulate(f, 200, 1000);
}

/* Common random numbers: in every draw the control helps, though losses vary tenfold between draws.
 */
static void effect_is_paired(void **state)
{
    const struct rd_risk_control *c;
    struct fixture f;

    (void)state;
    run_pair(&f, FOOL(HARDEN("proposed", ", cost_per_year: 10")), 900, 100);
    c = control_row(&f);
    assert_true(c->difference.low > 0);
    close_to(c->difference.value, c->before.value - c->after.value, 1e-6 * c->before.value);
    close_to(c->before.value, f.result.total.ale.value, 0);
    close_to(c->net.value, c->difference.value - 10, 1e-6 * c->before.value);
    close_to(c->accuracy_lost, 0.01, 1e-12);
    assert_true(c->is_static && !c->active && !c->reason);
    assert_int_equal(f.result.n_effects, 1);
    assert_ptr_equal(rd_risk_effect_find(&f.result, 0, "test-0"), &f.result.effects[0]);
    close_to(f.result.effects[0].difference.value, c->difference.value, 0);
    assert_null(rd_risk_effect_find(&f.result, 0, "other"));
    /* the curve after lies below the one before */
    assert_true(c->with.no_loss.value > c->without.no_loss.value);
    assert_true(c->with.quantile[2].value < c->without.quantile[2].value);
    stop(&f);
}

/* P(Bin(40, p) >= 10) is 1 at 0.9 and 0.9853 ... of no matter: the saving is rate x mean loss, by
 * hand at S = 1, 0. */
static void saving_is_the_expected_loss_it_removes(void **state)
{
    struct fixture f;

    (void)state;
    run_pair(&f,
        SYSTEM("", INSIDER, HARDEN("proposed", ""),
            EVASION("2", "40", "successes >= 10", "successes * 100") "}\n"),
        1000, 0);
    close_to(control_row(&f)->difference.value, 2 * 40 * 100, 4.5 * 4000 * sqrt(2 / 2e5) + 20);
    close_to(control_row(&f)->after.value, 0, 1e-9);
    stop(&f);
}

/* Rounding against a thief who uses labels: exactly nothing, and that is a row like any other. */
static void a_control_that_does_nothing_shows_exactly_zero(void **state)
{
    const struct rd_risk_control *c;
    struct fixture f;

    (void)state;
    run_pair(&f, FOOL("{id: harden, kind: rounding, at: api, state: proposed}"), 500, 500);
    c = control_row(&f);
    assert_true(c->difference.value == 0 && c->difference.low == 0 && c->difference.high == 0);
    assert_true(c->error == 0 && c->reason == NULL);
    assert_true(c->before.value > 0 && c->before.value == c->after.value);
    stop(&f);
}

static void coverage_and_uptime_thin_the_effect(void **state)
{
    struct fixture f;

    (void)state;
    run_pair(&f,
        SYSTEM("", INSIDER, HARDEN("proposed", ", coverage: 0.8, uptime: 0.5"),
            EVASION("2", "40", "successes >= 10", "successes * 100") "}\n"),
        1000, 0);
    close_to(control_row(&f)->difference.value, 0.4 * 2 * 40 * 100,
        4.5 * 4000 * sqrt(2 * 0.4 / 2e5) + 0.005 * 8000);
    stop(&f);
}

/* An active control is in the base; what it saves is measured by taking it away. */
static void an_active_control_is_compared_with_its_absence(void **state)
{
    const struct rd_risk_control *c;
    struct fixture f;

    (void)state;
    run_pair(&f, FOOL(HARDEN("active", "")), 1000, 0);
    c = control_row(&f);
    assert_true(c->active);
    close_to(f.result.total.ale.value, 0, 1e-9);
    close_to(c->after.value, 0, 1e-9);
    assert_true(c->before.value > 1000 && c->difference.low > 0);
    stop(&f);
    /* half covered: half of the campaigns meet the system without it */
    run_pair(&f,
        SYSTEM("", INSIDER, HARDEN("active", ", coverage: 0.5"),
            EVASION("2", "40", "successes >= 10", "successes * 100") "}\n"),
        1000, 0);
    close_to(f.result.total.ale.value, 4000, 4.5 * 4000 * sqrt(1 / 2e5) + 20);
    stop(&f);
}

static void a_control_against_another_test_says_why_no_money_moves(void **state)
{
    struct fixture f;
    size_t t;

    (void)state;
    start(&f, FOOL(HARDEN("proposed", "")));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 100, 50, 1));
    t = add_test(&f, "other@api", &pgd_like, evaded(&f, 100, 50, 1));
    add_retest(&f, t, 0, f.tested[t].record, evaded(&f, 100, 0, 1));
    simulate(&f, 200, 100);
    assert_string_equal(
        control_row(&f)->reason, "no scenario puts money on what it was tried against");
    assert_true(isnan(control_row(&f)->difference.value));
    assert_string_equal(f.result.effects[0].reason, "no scenario puts money on this test's threat");
    stop(&f);
    start(&f, FOOL(HARDEN("proposed", "")));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 100, 50, 1));
    simulate(&f, 200, 100);
    assert_string_equal(control_row(&f)->reason, "no test touches it");
    stop(&f);
}

/* One control on two tests: a row for each, and the whole is at least either. */
static void each_test_has_its_own_row(void **state)
{
    static const double x[] = { 1000, 2000 }, strong[] = { 0.5, 0.95, 0.5, 0.95, 0.5, 0.95 },
                        weak[] = { 0.1, 0.2, 0.1, 0.2, 0.1, 0.2 };
    struct fixture f;
    size_t a, b;

    (void)state;
    start(&f, SYSTEM("{id: model-copy, of: api, value: 1000}",
                  INSIDER "  - {id: thief, access: [labels], data: proxy, keys: 1, budget: 9}\n",
                  HARDEN("proposed", ""),
                  EVASION("2", "40", "successes >= 10",
                      "successes * 100") "}\n    - {id: clone, threat: extraction@api, actor: "
                                         "thief, attempts_per_year: 1, loss_when: "
                                         "\"utility >= 0.9\", magnitude: model-copy}\n"));
    a = add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 1));
    add_retest(&f, a, 0, f.tested[a].record, evaded(&f, 1000, 0, 1));
    b = add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, x, strong));
    add_retest(&f, b, 0, f.tested[b].record, stolen(&f, 3, 2, x, weak));
    simulate(&f, 400, 1000);
    assert_int_equal(f.result.n_effects, 2);
    close_to(f.result.effects[0].difference.value, 8000, 80);
    close_to(f.result.effects[1].difference.value, 1000 * (1 - exp(-1)), 10);
    close_to(control_row(&f)->difference.value,
        f.result.effects[0].difference.value + f.result.effects[1].difference.value, 1e-6);
    stop(&f);
}

/* 100 rows a day with one key for 10 days: 1,000 rows, where the curve is at 0.5. */
static void a_quota_acts_by_rows_keys_and_days(void **state)
{
    static const double x[] = { 1000, 2000 }, y[] = { 0.5, 0.95, 0.5, 0.95, 0.5, 0.95 };
    static const double few_x[] = { 50, 100 }, few_y[] = { 0.1, 0.2, 0.1, 0.2, 0.1, 0.2 };
#define QUOTA(keys, days, when)                                                                    \
    SYSTEM("{id: model-copy, of: api, value: 1000}",                                               \
        "  - {id: thief, access: [labels], data: proxy, keys: " keys ", days: " days               \
        ", budget: 9}\n",                                                                          \
        "{id: limit, kind: quota, at: api, state: proposed, set: {rows: 100}}",                    \
        "  scenarios:\n    - {id: clone, threat: extraction@api, actor: thief, "                   \
        "attempts_per_year: 1, loss_when: \"" when "\", magnitude: model-copy}\n")
    static const struct {
        const char *yaml;
        bool stops;
    } c[] = { { QUOTA("1", "10", "utility >= 0.51"), true },
        { QUOTA("1", "10", "utility >= 0.49"), false },
        { QUOTA("2", "10", "utility >= 0.9"), false },
        { QUOTA("1", "20", "utility >= 0.9"), false },
        { QUOTA("1", "1", "utility >= 0.15"), false },
        { QUOTA("1", "1", "utility >= 0.21"), true } };

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct fixture f;
        size_t t;

        start(&f, c[i].yaml);
        t = add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, x, y));
        add_retest(&f, t, 0, f.tested[t].record, stolen(&f, 3, 2, few_x, few_y));
        simulate(&f, 200, 200);
        if (c[i].stops)
            assert_true(control_row(&f)->after.value == 0 && control_row(&f)->before.value > 0);
        else
            assert_true(control_row(&f)->difference.value == 0);
        stop(&f);
    }
}

/* Memory runs out at every place once: an error each time, and nothing is left behind. */
static void survives_every_failed_allocation(void **state)
{
    const struct rd_risk_options options = { .outer = 200, .years = 100 };
    const size_t live = rd_alloc_live();
    size_t failures = 0;
    rd_status st = RD_E_MEMORY;

    (void)state;
    for (size_t nth = 1; st != RD_OK && nth < 2000; nth++) {
        struct fixture f;
        size_t t;

        start(&f, FOOL(HARDEN("proposed", ", cost_per_year: 10")));
        t = add_test(&f, "evasion@api", &pgd_like, evaded(&f, 50, 25, 1));
        add_retest(&f, t, 0, f.tested[t].record, evaded(&f, 50, 5, 1));
        rd_alloc_fail_at(nth);
        st = rd_risk_simulate(&f.run, &f.campaign, &options, &f.arena, &f.result);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        failures += st != RD_OK;
        stop(&f);
        assert_int_equal(rd_alloc_live(), live);
    }
    assert_int_equal(st, RD_OK);
    if (failures < 30)
        fail_msg("only %zu failures", failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effect_is_paired),
        cmocka_unit_test(saving_is_the_expected_loss_it_removes),
        cmocka_unit_test(a_control_that_does_nothing_shows_exactly_zero),
        cmocka_unit_test(coverage_and_uptime_thin_the_effect),
        cmocka_unit_test(an_active_control_is_compared_with_its_absence),
        cmocka_unit_test(a_control_against_another_test_says_why_no_money_moves),
        cmocka_unit_test(each_test_has_its_own_row),
        cmocka_unit_test(a_quota_acts_by_rows_keys_and_days),
        cmocka_unit_test(survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
