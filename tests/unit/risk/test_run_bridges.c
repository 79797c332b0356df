/*
 * From poisoned and questioned victims to money, counts into rates, accuracy into cost, and what a
 * loss would have to be worth: worked out by hand.
 */
#include "risk_support.h"

#include "stats/dist.h"
#include "stats/special.h"

static const struct rd_attack backdoor_like = {
    .abi = RD_ATTACK_ABI, .kind = RD_POISON, .name = "backdoor"
};
static const struct rd_attack lira_like = {
    .abi = RD_ATTACK_ABI, .kind = RD_INFER, .name = "lira"
};

#define VANDAL "  - {id: vandal, access: [data], accounts: 25}\n"
#define SPY "  - {id: spy, access: [scores]}\n"
#define POISON(attempts, keys, when, magnitude)                                                    \
    "  scenarios:\n    - {id: mark, threat: poisoned-crowd-data@api, actor: vandal, "              \
    "attempts_per_year: " attempts ", " keys ", loss_when: \"" when "\", magnitude: \"" magnitude  \
    "\""
#define INFER(keys, when, magnitude)                                                               \
    "  scenarios:\n    - {id: who, threat: membership-inference@api, actor: spy, "                 \
    "attempts_per_year: 1, " keys ", loss_when: \"" when "\", magnitude: \"" magnitude "\""
#define WRONG "{id: wrong, value: 50}"

/* Victims whose trace `metric` goes through (x[i], y[run][i]) over poisoned samples. */
static struct rd_record *poisoned(struct fixture *f, const char *metric, const char *judged,
    size_t runs, size_t points, const double *x, const double *y)
{
    struct rd_record *r = RD_NEW(&f->arena, struct rd_record);
    struct rd_trial *t = RD_NEW_ARRAY(&f->arena, struct rd_trial, runs);
    struct rd_trace *trace = RD_NEW_ARRAY(&f->arena, struct rd_trace, runs);

    for (size_t i = 0; i < runs; i++) {
        t[i] = (struct rd_trial){ true, 0, NAN, y[i * points + points - 1] - y[i * points] };
        trace[i] = (struct rd_trace){ i, metric, points, x, y + i * points };
    }
    *r = (struct rd_record){ .attack = "backdoor",
        .unit = "run",
        .judged = judged,
        .n = runs,
        .access = RD_ACCESS_DATA,
        .trials = t,
        .n_trials = runs,
        .traces = trace,
        .n_traces = runs,
        .interval = { 0.8, 0.8, 0.8 } };
    return r;
}

static struct rd_record *asked(struct fixture *f, size_t runs, double tpr, double fpr)
{
    struct rd_record *r = RD_NEW(&f->arena, struct rd_record);
    struct rd_trial *t = RD_NEW_ARRAY(&f->arena, struct rd_trial, runs);
    struct rd_metric *m = RD_NEW_ARRAY(&f->arena, struct rd_metric, 2);

    for (size_t i = 0; i < runs; i++)
        t[i] = (struct rd_trial){ true, 0, NAN, tpr };
    m[0] = (struct rd_metric){ "fpr", { fpr, fpr, fpr }, NULL };
    m[1] = (struct rd_metric){ "auc", { 0.8, 0.8, 0.8 }, NULL };
    *r = (struct rd_record){ .attack = "lira",
        .unit = "run",
        .judged = "tpr",
        .n = runs,
        .access = RD_ACCESS_SCORES,
        .trials = t,
        .n_trials = runs,
        .metrics = m,
        .n_metrics = isnan(fpr) ? 0 : 2,
        .interval = { tpr, tpr, tpr } };
    return r;
}

static bool warned(const struct fixture *f, const char *part)
{
    for (size_t i = 0; i < f->result.n_warnings; i++)
        if (strstr(f->result.warnings[i], part))
            return true;
    return false;
}

/* 0.02 of triggered inputs go wrong anyway. 10 samples: 0.42, 40: 0.82. So 25 add 0.40 + 0.40 / 2 =
 * 0.6. 10 decisions a day for 30 days at 50 each, twice a year: 2 x 0.6 x 300 x 50 = 18,000. */
static const double at_10_40[] = { 0, 10, 40 };
static const double same_asr[] = { 0.02, 0.42, 0.82, 0.02, 0.42, 0.82, 0.02, 0.42, 0.82 };

static void poison_reads_its_curve_at_the_samples_that_get_in(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "",
                  POISON("2", "samples: 25, decisions_per_day: 10, dwell_days: 30", "asr >= 0.5",
                      "asr * decisions * wrong") "}\n"));
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
        poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr));
    simulate(&f, 500, 1000);
    close_to(f.result.scenarios[0].s_tried.value, 1, 0);
    close_to(f.result.total.ale.value, 18000, 4 * 9000 * sqrt(2.0 / 5e5));
    assert_true(f.result.scenarios[0].measured && !f.result.scenarios[0].one_shot);
    stop(&f);
}

/* Without `samples` the actor's 25 accounts count; 0.6 is not 0.61. */
static void accounts_stand_for_samples(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "", POISON("2", "dwell_days: 1", "asr >= 0.61", "days") "}\n"));
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
        poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr));
    simulate(&f, 200, 100);
    close_to(f.result.scenarios[0].s_tried.value, 0, 0);
    assert_true(warned(&f, "is taken to get in 25, one for each account"));
    stop(&f);
}

/* A tenth of accuracy for 100 flips: 0.05 for 50. 200 decisions x 0.05 x 50 = 500. */
static void lost_accuracy_is_a_measure_of_its_own(void **state)
{
    static const double x[] = { 0, 100 }, y[] = { 0, 0.1, 0, 0.1, 0, 0.1 };
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "",
                  POISON("1", "samples: 50, decisions_per_day: 20, dwell_days: 10", "drop >= 0.049",
                      "drop * decisions * wrong") "}\n"));
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
        poisoned(&f, "drop", "accuracy_drop", 3, 2, x, y));
    simulate(&f, 500, 1000);
    close_to(f.result.total.ale.value, 500, 4 * 500 / sqrt(5e5));
    stop(&f);
}

/* A screen that finds 4 of 5 leaves 5 of 25 samples: below the 10 that a loss takes. */
static void screened_samples_do_not_count(void **state)
{
    static const double none[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    struct fixture f;
    struct rd_record *before, *after;
    struct rd_metric recall = { "screen_recall", { 0.8, 0.7, 0.9 }, NULL };
    const struct rd_risk_control *k;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL,
                  "{id: screen, kind: screen, at: api, state: proposed, cost_per_year: 10}",
                  POISON("1", "samples: 25", "samples >= 10", "samples * wrong") "}\n"));
    before = poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr);
    after = poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, none);
    after->metrics = &recall;
    after->n_metrics = 1;
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like, before);
    add_retest(&f, 0, 0, before, after);
    simulate(&f, 500, 1000);
    k = &f.result.controls[0];
    close_to(k->before.value, 1250, 4 * 1250 / sqrt(5e5));
    close_to(k->after.value, 0, 0);
    close_to(k->net.value, k->before.value - 10, 1e-6);
    stop(&f);
}

/*
 * One of two in three victims has it. The mean of three runs 1, 1, 0 is 2/3 with a standard error
 * of 1/3, half of it: a draw scales the runs by 1 + t / 2, and 1 stays above 1/2 while t > -1,
 * which Student's t with 2 degrees of freedom is with 1/2 + 1 / (2 sqrt 3). S = 2/3 of that.
 */
static void victims_differ(void **state)
{
    static const double x[] = { 0, 40 }, y[] = { 0, 1, 0, 1, 0, 0 };
    const double want = 2.0 / 3 * (0.5 + 0.5 / sqrt(3));
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "", POISON("1", "samples: 40", "asr >= 0.5", "wrong") "}\n"));
    add_test(
        &f, "poisoned-crowd-data@api", &backdoor_like, poisoned(&f, "asr", "asr_gain", 3, 2, x, y));
    simulate(&f, 2000, 200);
    close_to(f.result.scenarios[0].s_tried.value, want, 0.02);
    stop(&f);
}

/* Pushed: hit rate 0.1 -> 0.4, which is 0.3 more. Buried: 0.2 of the places lost. */
static void recommenders_have_accounts_for_samples(void **state)
{
    static const double x[] = { 0, 25 };
    static const double hit[] = { 0.1, 0.4, 0.1, 0.4, 0.1, 0.4 };
    static const double lost[] = { 0, -0.2, 0, -0.2, 0, -0.2 };

    (void)state;
    for (int nuke = 0; nuke < 2; nuke++) {
        struct fixture f;

        start(&f,
            SYSTEM(WRONG, VANDAL, "", POISON("1", "samples: 25", "asr > 0.1", "1000 * asr") "}\n"));
        add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
            poisoned(&f, nuke ? "rank_shift" : "hit_rate", nuke ? "rank_loss" : "hit_rate_gain", 3,
                2, x, nuke ? lost : hit));
        simulate(&f, 500, 1000);
        close_to(f.result.total.ale.value, nuke ? 200 : 300, 4 * 300 / sqrt(5e5));
        stop(&f);
    }
}

/* 1,000 candidates, one in ten a member, TPR 0.3, FPR 0.01: 30 disclosed; of those named, 0.03 /
 * (0.03 + 0.009) = 0.769 are members. 30 x 20 and, always, 100 besides. */
static void disclosures_are_candidates_times_prior_times_tpr(void **state)
{
    static const char *const when[] = { "ppv >= 0.769", "ppv >= 0.77" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        char yaml[2000];
        struct fixture f;

        (void)snprintf(yaml, sizeof yaml,
            SYSTEM("{id: record, value: 20}", SPY, "",
                INFER("candidates: 1000, prior: 0.1", "%s",
                    "disclosed * record") ", secondary: {probability: 1, magnitude: 100}}\n"),
            when[i]);
        start(&f, yaml);
        add_test(&f, "membership-inference@api", &lira_like, asked(&f, 3, 0.3, 0.01));
        simulate(&f, 500, 1000);
        close_to(f.result.total.ale.value, i ? 0 : 700, 4 * 700 / sqrt(5e5));
        stop(&f);
    }
}

static void what_an_inference_did_not_measure_is_said(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM("", SPY, "", INFER("prior: 0.1", "ppv >= 0.5", "1") "}\n"));
    add_test(&f, "membership-inference@api", &lira_like, asked(&f, 3, 0.3, NAN));
    simulate(&f, 200, 100);
    assert_string_equal(f.result.scenarios[0].unquantified, "no measured curve of 'fpr'");
    stop(&f);
}

/* A recipe that nobody declared: its figures count, but not as measured. */
static void an_assumed_recipe_is_not_the_deployed_model(void **state)
{
    const struct rd_pair setting = { "recipe-assumed", "yes" };
    struct fixture f;
    struct rd_record *r;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "", POISON("1", "samples: 40", "asr >= 0.5", "wrong") "}\n"));
    r = poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr);
    r->settings = &setting;
    r->n_settings = 1;
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like, r);
    simulate(&f, 200, 200);
    assert_true(!f.result.scenarios[0].measured && f.result.scenarios[0].proxy);
    close_to(f.result.ale_share_measured, 0, 0);
    assert_true(warned(&f, "a recipe that nobody declared"));
    stop(&f);
}

/*
 * Declared: 0.5 to 8 a year. sigma = ln 16 / (2 x 1.645) = 0.843, mean = 2 exp(sigma^2 / 2)
 * = 2.853, squared spread exp(sigma^2) - 1 = 1.035. As a gamma: shape 0.966, 0.3387 years. None
 * seen in 10 years at an even chance: 5 years more, so 0.966 / 5.3387 = 0.181 a year. Three seen:
 * 0.743.
 */
static void counted_campaigns_move_the_rate(void **state)
{
    const double sigma = log(16) / (2 * 1.6448536269514722);
    const double shape = 1 / (exp(sigma * sigma) - 1);
    const double years = shape / (2 * exp(sigma * sigma / 2));

    (void)state;
    close_to(shape / (years + 5), 0.181, 5e-4);
    for (int seen = 0; seen <= 3; seen += 3) {
        char yaml[2000];
        struct fixture f;
        const double want = (shape + seen) / (years + 5);

        (void)snprintf(yaml, sizeof yaml,
            SYSTEM(WRONG, VANDAL, "",
                POISON("{low: 0.5, high: 8}",
                    "samples: 40, observed: {attempts: %d, years: 10, detection: 0.5}",
                    "asr >= 0.5", "wrong") "}\n"),
            seen);
        start(&f, yaml);
        add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
            poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr));
        simulate(&f, 2000, 200);
        close_to(f.result.scenarios[0].attempts.value, want, 0.01 * want);
        assert_int_equal(f.result.numbers[0].provenance, RD_PROV_OBSERVED);
        stop(&f);
    }
}

static void counts_do_not_move_what_is_certain(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(WRONG, VANDAL, "",
                  POISON("2", "samples: 40, observed: {attempts: 0, years: 10}", "asr >= 0.5",
                      "wrong") "}\n"));
    add_test(&f, "poisoned-crowd-data@api", &backdoor_like,
        poisoned(&f, "asr", "asr_gain", 3, 3, at_10_40, same_asr));
    simulate(&f, 200, 100);
    close_to(f.result.scenarios[0].attempts.value, 2, 0);
    assert_true(warned(&f, "is a plain number, which is certain"));
    stop(&f);
}

#define HALF_A_YEAR(tail)                                                                          \
    "  scenarios:\n    - {id: fool, threat: evasion@api, actor: insider, manipulation: digital, "  \
    "attempts_per_year: 0.5, objects: 40, queries_per_object: 40, loss_when: \"successes >= "      \
    "10\"" tail
#define GUARD "{id: guard, kind: rounding, at: api, state: proposed, cost_per_year: 100}"

/*
 * Half a loss a year, none with the guard: 100 a year are worth it when a loss costs 200. A year
 * has a loss in 39 %, which the appetite for 5,000 does not allow: so also when one costs 5,000.
 */
static void without_money_the_break_even_is_told(void **state)
{
    struct fixture f;
    struct rd_record *before;

    (void)state;
    start(&f, SYSTEM("", INSIDER, GUARD,
                  HALF_A_YEAR("}\n") "  appetite: [{loss: 5000, probability: 0.1}]\n"));
    before = evaded(&f, 1000, 1000, 7);
    add_test(&f, "evasion@api", &pgd_like, before);
    add_retest(&f, 0, 0, before, evaded(&f, 1000, 0, 7));
    simulate(&f, 1000, 500);
    assert_string_equal(f.result.scenarios[0].unquantified, "magnitude is missing");
    close_to(f.result.total.ale.value, 0, 0);
    assert_int_equal(f.result.n_break_even, 2);
    assert_int_equal(f.result.break_even[0].control, 0);
    close_to(f.result.break_even[0].losses.value, 0.5, 1e-3);
    close_to(f.result.break_even[0].value, 200, 4 * 200 * sqrt(2 / 2e5));
    assert_int_equal(f.result.break_even[1].control, RD_NONE);
    close_to(f.result.break_even[1].value, 5000, 4 * 5000 * sqrt(2 / 2e5));
    assert_non_null(strstr(f.result.break_even[0].words, "matters if one loss costs more than"));
    assert_non_null(strstr(f.result.break_even[0].words, "then control 'guard' pays"));
    stop(&f);
}

/* The same for an asset nobody has valued: a loss is 0.25 of it, so it has to be worth 800. */
static void the_value_of_an_asset_is_asked_for(void **state)
{
    struct fixture f;
    struct rd_record *before;

    (void)state;
    start(&f, SYSTEM("{id: copy, name: A copy, value: unknown}", INSIDER, GUARD,
                  HALF_A_YEAR(", magnitude: \"0.25 * copy\"}\n")));
    before = evaded(&f, 1000, 1000, 7);
    add_test(&f, "evasion@api", &pgd_like, before);
    add_retest(&f, 0, 0, before, evaded(&f, 1000, 0, 7));
    simulate(&f, 1000, 500);
    assert_string_equal(f.result.scenarios[0].unquantified, "asset 'copy' has no value");
    assert_int_equal(f.result.n_break_even, 1);
    assert_int_equal(f.result.break_even[0].asset, 0);
    close_to(f.result.break_even[0].value, 800, 4 * 800 * sqrt(2 / 2e5));
    assert_non_null(strstr(f.result.break_even[0].words, "'A copy' is worth more than"));
    stop(&f);
}

/* Half a loss a year: 10,000 a year from 20,000 a loss on. */
static void without_cost_or_appetite_a_round_sum_is_the_yardstick(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM("", INSIDER, "", HALF_A_YEAR("}\n")));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 7));
    simulate(&f, 1000, 500);
    assert_int_equal(f.result.n_break_even, 1);
    close_to(f.result.break_even[0].value, 20000, 4 * 20000 * sqrt(2 / 5e5));
    assert_non_null(strstr(f.result.break_even[0].words, "costs more than 10,000"));
    stop(&f);
}

static void a_break_even_that_never_comes_has_a_reason(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM("", INSIDER, "", HALF_A_YEAR("}\n")));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 0, 7));
    simulate(&f, 200, 100);
    assert_int_equal(f.result.n_break_even, 1);
    assert_true(isnan(f.result.break_even[0].value));
    assert_string_equal(f.result.break_even[0].reason, "it never came about in the simulation");
    stop(&f);
}

/* 0.95 before and 0.94 with it: one point, at 30 a year. */
static void lost_accuracy_is_part_of_what_a_control_costs(void **state)
{
    struct fixture f;
    struct rd_record *before;
    const struct rd_risk_control *k;

    (void)state;
    start(&f, SYSTEM("", INSIDER, GUARD,
                  HALF_A_YEAR(", magnitude: \"1000\"}\n") "  accuracy_point_per_year: 30\n"));
    before = evaded(&f, 1000, 1000, 7);
    add_test(&f, "evasion@api", &pgd_like, before);
    add_retest(&f, 0, 0, before, evaded(&f, 1000, 0, 7));
    simulate(&f, 500, 500);
    k = &f.result.controls[0];
    close_to(k->utility_cost.value, 30, 1e-9);
    close_to(k->net.value, k->difference.value - 130, 1e-6);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poison_reads_its_curve_at_the_samples_that_get_in),
        cmocka_unit_test(accounts_stand_for_samples),
        cmocka_unit_test(lost_accuracy_is_a_measure_of_its_own),
        cmocka_unit_test(screened_samples_do_not_count),
        cmocka_unit_test(victims_differ),
        cmocka_unit_test(recommenders_have_accounts_for_samples),
        cmocka_unit_test(disclosures_are_candidates_times_prior_times_tpr),
        cmocka_unit_test(what_an_inference_did_not_measure_is_said),
        cmocka_unit_test(an_assumed_recipe_is_not_the_deployed_model),
        cmocka_unit_test(counted_campaigns_move_the_rate),
        cmocka_unit_test(counts_do_not_move_what_is_certain),
        cmocka_unit_test(without_money_the_break_even_is_told),
        cmocka_unit_test(the_value_of_an_asset_is_asked_for),
        cmocka_unit_test(without_cost_or_appetite_a_round_sum_is_the_yardstick),
        cmocka_unit_test(a_break_even_that_never_comes_has_a_reason),
        cmocka_unit_test(lost_accuracy_is_part_of_what_a_control_costs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
