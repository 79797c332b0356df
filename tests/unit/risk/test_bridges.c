/* From trials and learning curves to what a campaign does: worked out by hand. */
#include "risk_support.h"

#include "risk/model.h"
#include "stats/special.h"

#include <stdlib.h>

/* The posterior predictive of Beta(k + 1/2, n - k + 1/2): P(at least `need` of m objects). */
static double beta_binomial_tail(double m, double need, double k, double n)
{
    const double a = k + 0.5, b = n - k + 0.5;
    double sum = 0;

    for (double j = need; j <= m; j++)
        sum += exp(rd_log_gamma(m + 1) - rd_log_gamma(j + 1) - rd_log_gamma(m - j + 1) +
                   rd_log_gamma(a + j) + rd_log_gamma(b + m - j) - rd_log_gamma(a + b + m) +
                   rd_log_gamma(a + b) - rd_log_gamma(a) - rd_log_gamma(b));
    return sum;
}

#define FOOL SYSTEM("", INSIDER, "", EVASION("1", "40", "successes >= 10", "successes * 3") "}\n")

/* 250 of 1,000 fall: a campaign on 40 objects needs 10. By hand: P(Bin(40, 0.25) >= 10) = 0.5605.
 */
static void evasion_counts_objects_as_a_beta_binomial(void **state)
{
    const double want = beta_binomial_tail(40, 10, 250, 1000);
    struct fixture f;
    double plain = 0, mean = 0;

    (void)state;
    for (int j = 10; j <= 40; j++)
        plain += rd_binomial_pmf(j, 40, 0.25);
    close_to(plain, 0.5605, 5e-5);
    close_to(want, plain, 0.005); /* the posterior of 1,000 trials is narrow */
    for (int j = 10; j <= 40; j++)
        mean += 3 * j * rd_binomial_pmf(j, 40, 0.25);
    start(&f, FOOL);
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 250, 7));
    simulate(&f, 2000, 500);
    close_to(f.result.scenarios[0].s_tried.value, want,
        4.5 * 0.08 / sqrt(2000)); /* sd of S over draws: 0.08 */
    close_to(f.result.total.ale.value, mean, 0.03 * mean);
    assert_true(f.result.scenarios[0].measured && !f.result.scenarios[0].one_shot);
    assert_string_equal(f.result.scenarios[0].attack, "pgd");
    close_to(f.result.ale_share_measured, 1, 1e-12);
    stop(&f);
}

/* Band of S with few trials: quantiles of Beta pushed through the binomial tail, which rises. */
static void few_trials_give_a_wide_band(void **state)
{
    struct fixture f;
    double low = 0, high = 0;

    (void)state;
    for (int j = 10; j <= 40; j++) {
        low += rd_binomial_pmf(j, 40, rd_beta_quantile(0.05, 5.5, 15.5));
        high += rd_binomial_pmf(j, 40, rd_beta_quantile(0.95, 5.5, 15.5));
    }
    start(&f, FOOL);
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 20, 5, 7));
    simulate(&f, 4000, 100);
    close_to(f.result.scenarios[0].s_tried.low, low, 0.02);
    close_to(f.result.scenarios[0].s_tried.high, high, 0.02);
    stop(&f);
}

/* 0 of 20 is not "never": Jeffreys leaves a chance, and it falls with the number of trials. */
static void no_success_among_few_is_not_never(void **state)
{
    static const size_t trials[] = { 20, 2000 };

    (void)state;
    for (int i = 0; i < 2; i++) {
        const double want = beta_binomial_tail(40, 1, 0, (double)trials[i]);
        struct fixture f;

        start(&f, SYSTEM("", INSIDER, "", EVASION("1", "40", "successes >= 1", "1") "}\n"));
        add_test(&f, "evasion@api", &pgd_like, evaded(&f, trials[i], 0, 1));
        simulate(&f, 4000, 100);
        close_to(f.result.scenarios[0].s_tried.value, want, 0.1 * want);
        stop(&f);
    }
}

/* All objects fall after 41 queries; with 40 each none does. Never 1 - (1 - p)^40. */
static void retries_on_one_object_are_not_independent(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, FOOL);
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 41));
    simulate(&f, 400, 200);
    assert_true(f.result.scenarios[0].s.high < 1e-6);
    stop(&f);
    start(&f, FOOL);
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 40));
    simulate(&f, 400, 200);
    assert_true(f.result.scenarios[0].s.low > 0.999);
    stop(&f);
}

#define THIEF(budget)                                                                              \
    "  - {id: thief, access: [labels], data: proxy, keys: 1, budget: " budget "}\n"
#define THEFT(attempts, when, magnitude)                                                           \
    "  scenarios:\n    - {id: clone, threat: extraction@api, actor: thief, "                       \
    "attempts_per_year: " attempts ", loss_when: \"" when "\", magnitude: \"" magnitude "\""
#define COPY "{id: model-copy, of: api, value: 1000}"
static const double queries[] = { 1000, 2000 };
static const double utility[] = { 0.5, 0.9, 0.5, 0.9, 0.5, 0.9 };

static double s_of_theft(const char *yaml, const double *y)
{
    struct fixture f;
    double s;

    start(&f, yaml);
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, y));
    simulate(&f, 200, 200);
    s = f.result.scenarios[0].s_tried.value;
    stop(&f);
    return s;
}

/* Price 1 for 1,000 rows: a budget of 1.5 buys 1,500, where the curve is at 0.7. */
static void theft_reads_the_curve_at_what_the_budget_buys(void **state)
{
    (void)state;
    close_to(
        s_of_theft(SYSTEM(COPY, THIEF("1.5"), "", THEFT("1", "utility >= 0.7", "model-copy") "}\n"),
            utility),
        1, 0);
    close_to(s_of_theft(
                 SYSTEM(COPY, THIEF("1.49"), "", THEFT("1", "utility >= 0.7", "model-copy") "}\n"),
                 utility),
        0, 0);
    /* below the first point: a line from nothing; beyond the last: no better */
    close_to(s_of_theft(
                 SYSTEM(COPY, THIEF("0.5"), "", THEFT("1", "utility >= 0.25", "model-copy") "}\n"),
                 utility),
        1, 0);
    close_to(s_of_theft(
                 SYSTEM(COPY, THIEF("900"), "", THEFT("1", "utility >= 0.91", "model-copy") "}\n"),
                 utility),
        0, 0);
    close_to(s_of_theft(SYSTEM(COPY, THIEF("2"), "",
                            THEFT("1", "fidelity >= 0.9 and kappa >= 0.9 and queries <= 2000",
                                "model-copy") "}\n"),
                 utility),
        1, 0);
}

/* Of three runs one fails: S = 2/3, over the campaigns and over the draws. */
static void runs_are_resampled(void **state)
{
    static const double y[] = { 0.5, 0.95, 0.5, 0.85, 0.5, 0.95 };
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "", THEFT("1", "utility >= 0.9", "model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, y));
    simulate(&f, 2000, 100);
    /* The mean of so few runs is uncertain (t, 2 degrees of freedom), so S itself has a band from 0
     * to 1. */
    close_to(f.result.scenarios[0].s_tried.value, 2.0 / 3, 0.1);
    assert_true(
        f.result.scenarios[0].s_tried.low < 0.4 && f.result.scenarios[0].s_tried.high > 0.9);
    stop(&f);
}

/* At most one theft a year: ALE = value (1 - e^-rate), not value x rate. */
static void a_model_is_stolen_once_a_year(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "", THEFT("3", "utility >= 0.9", "model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 400, 1000);
    close_to(f.result.total.ale.value, 1000 * (1 - exp(-3)), 4.5 * 1000 * sqrt(0.05 * 0.95 / 4e5));
    assert_true(f.result.total.quantile[4].value == 1000);
    assert_true(f.result.scenarios[0].one_shot);
    stop(&f);
}

/* The same without an asset, whose ceiling would hide a second theft. */
static void a_second_theft_in_a_year_adds_nothing(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "", THEFT("3", "utility >= 0.9", "700") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 200, 500);
    assert_true(f.result.total.quantile[4].value == 700);
    close_to(f.result.scenarios[0].losses.value, 3, 1e-9); /* told without that rule */
    stop(&f);
}

/* One loss in four is followed by 1,000 more. */
static void secondary_losses_come_with_their_probability(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM("", INSIDER, "",
                  EVASION("1", "40", "successes >= 10",
                      "100") ", secondary: {probability: 0.25, magnitude: 1000}}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 1));
    simulate(&f, 400, 500);
    close_to(f.result.total.ale.value, 350, 4.5 * sqrt((0.75 * 1e4 + 0.25 * 1.21e6) / 2e5));
    stop(&f);
}

static void two_scenarios_of_one_theft_count_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "",
                  THEFT("3", "utility >= 0.9",
                      "model-copy") "}\n    - {id: again, threat: extraction@api, actor: thief, "
                                    "attempts_per_year: 3, loss_when: "
                                    "\"utility >= 0.9\", magnitude: \"0.5 * model-copy\"}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 400, 1000);
    assert_true(f.result.total.quantile[4].value == 1000); /* never 1,500 */
    assert_int_equal(f.result.n_warnings > 0, 1);
    close_to(f.result.scenarios[0].ale.value + f.result.scenarios[1].ale.value,
        f.result.total.ale.value, 1e-6);
    stop(&f);
}

static void more_budget_never_lowers_susceptibility(void **state)
{
    static const double wavy[] = { 0.6, 0.4, 0.3, 0.95, 0.8,
        0.7 }; /* measured curves may fall; thieves do not forget */
    double last = 0;

    (void)state;
    for (double budget = 0.1; budget < 10; budget *= 1.3) {
        char yaml[2000];
        double s;

        (void)snprintf(yaml, sizeof yaml, "%s",
            SYSTEM(COPY, THIEF("{low: 0.00000, high: 9.99999}"), "",
                THEFT("1", "utility >= 0.5", "model-copy") "}\n"));
        (void)snprintf(strstr(yaml, "0.00000"), 8, "%7.5f", budget * 0.5);
        yaml[strlen(yaml)] = ',';
        (void)snprintf(strstr(yaml, "9.99999"), 8, "%7.5f", budget * 2);
        yaml[strlen(yaml)] = '}';
        s = s_of_theft(yaml, wavy);
        assert_true(s >= last);
        last = s;
    }
    assert_true(last > 0.5);
}

static void a_curve_that_falls_is_pooled(void **state)
{
    static const double x[] = { 10, 20, 30, 40 }, y[] = { 0.2, 0.6, 0.4, 0.7 };
    struct fixture f;
    struct rd_risk_candidate c = { .attack = "copycat", .test = "t" };
    struct rd_risk_evidence *e = NULL;

    (void)state;
    start(&f, FOOL);
    c.record = stolen(&f, 1, 4, x, y);
    assert_int_equal(rd_risk_evidence_build(&c, 1, 1, &f.arena, &e, &f.err), RD_OK);
    close_to(rd_risk_trace_at(&e->trace[RD_MEASURE_UTILITY][0], 20), 0.5, 1e-15);
    close_to(rd_risk_trace_at(&e->trace[RD_MEASURE_UTILITY][0], 30), 0.5, 1e-15);
    close_to(rd_risk_trace_at(&e->trace[RD_MEASURE_UTILITY][0], 35), 0.6, 1e-15);
    close_to(rd_risk_trace_at(&e->trace[RD_MEASURE_UTILITY][0], 5), 0.1, 1e-15); /* from (0, 0) */
    close_to(rd_risk_trace_at(&e->trace[RD_MEASURE_UTILITY][0], 1e9), 0.7, 0);
    assert_null(e->trace[RD_MEASURE_ACCURACY]);
    stop(&f);
}

/* Two attacks that are equally good by chance: choosing on one half must not lift the other half's
 * score. */
static void choosing_the_strongest_is_not_optimistic(void **state)
{
    struct fixture f;
    struct rd_risk_candidate c[8];
    struct rd_risk_evidence *e = NULL;
    double chosen = 0, scored = 0;

    (void)state;
    start(&f, FOOL);
    for (uint64_t round = 0; round < 200; round++) {
        double best = 0, hits = 0;

        for (size_t k = 0; k < 8; k++) {
            struct rd_record *r = evaded(&f, 40, 0, 1);
            struct rd_trial *t = RD_NEW_ARRAY(&f.arena, struct rd_trial, 40);
            struct rd_rng rng = rd_rng_stream(round, "coin", k);

            for (size_t i = 0; i < 40; i++)
                t[i] = (struct rd_trial){ rd_rng_unit(&rng) < 0.5, 1, NAN, NAN };
            r->trials = t;
            c[k] = (struct rd_risk_candidate){ r, "pgd", "t", RD_EVADE };
        }
        assert_int_equal(rd_risk_evidence_build(c, 8, 40, &f.arena, &e, &f.err), RD_OK);
        assert_int_equal(e->n, 20);
        for (size_t i = 0; i < e->n; i++)
            hits += isfinite(e->need[i]);
        scored += hits / 20 / 200;
        for (size_t k = 0; k < 8; k++) {
            double all = 0;

            for (size_t i = 0; i < 40; i++)
                all += c[k].record->trials[i].success;
            best = all / 40 > best ? all / 40 : best;
        }
        chosen += best / 200;
    }
    assert_true(chosen > 0.6); /* the naive maximum */
    close_to(scored, 0.5, 4.5 * sqrt(0.25 / 20 / 200));
    stop(&f);
}

static void the_strongest_of_several_is_named(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, FOOL);
    add_test(&f, "evasion@api", &fgsm_like, evaded(&f, 1000, 100, 1));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 900, 7));
    simulate(&f, 200, 100);
    assert_string_equal(f.result.scenarios[0].attack, "pgd");
    assert_true(f.result.scenarios[0].s.value > 0.99);
    stop(&f);
}

/* S = S_tried + (1 - S_tried) u; the part of the loss that u makes is not measured. */
static void stronger_untried_attacks_are_kept_apart(void **state)
{
    struct fixture f;

    (void)state;
    start(&f,
        SYSTEM("", INSIDER, "",
            EVASION("1", "40", "successes >= 10", "successes * 3") ", untried_stronger: 0.25}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 0, 1));
    simulate(&f, 400, 1000);
    close_to(f.result.scenarios[0].s_tried.value, 0, 1e-6);
    close_to(f.result.scenarios[0].s.value, 0.25, 1e-6);
    /* the least that is a loss: 10 successes */
    close_to(f.result.total.ale.value, 0.25 * 30, 4.5 * 30 * sqrt(0.25 / 4e5));
    close_to(f.result.ale_share_measured, 0, 1e-9);
    stop(&f);
    /* where the tried attack succeeds already, u changes nothing: 40 x 3 each time */
    start(&f,
        SYSTEM("", INSIDER, "",
            EVASION("1", "40", "successes >= 10", "successes * 3") ", untried_stronger: 0.25}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 1));
    simulate(&f, 400, 500);
    close_to(f.result.total.ale.value, 120, 4.5 * 120 / sqrt(2e5) + 0.1);
    close_to(f.result.ale_share_measured, 1, 1e-6);
    stop(&f);
}

static void action_follows_gain_over_cost(void **state)
{
    struct fixture f;

    (void)state;
    start(
        &f, SYSTEM(COPY,
                "  - {id: thief, access: [labels], data: proxy, keys: 1, budget: 100, gain: 100}\n",
                "", THEFT("0.5", "utility >= 0.9", "model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 400, 100);
    close_to(
        f.result.scenarios[0].action.value, 0.5, 1e-12); /* gain equals cost, whatever the slope */
    close_to(f.result.scenarios[0].campaigns.value, 0.25, 1e-12);
    close_to(f.result.scenarios[0].gain, 100, 1e-9);
    stop(&f);
    start(&f,
        SYSTEM(COPY,
            "  - {id: thief, access: [labels], data: proxy, keys: 1, budget: 100, gain: 1000}\n",
            "", THEFT("0.5", "utility >= 0.9", "model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 2000, 100);
    assert_true(f.result.scenarios[0].action.low < 10.0 / 11 &&
                f.result.scenarios[0].action.high > 10.0 / 11);
    stop(&f);
}

/* The curves pass 0.7 at 1,500 queries; at 1 for 1,000 that is 1.5. */
static void cost_per_copy_is_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "", THEFT("1", "utility >= 0.7", "model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 200, 100);
    close_to(f.result.scenarios[0].price[0].rows, 1500, 5);
    close_to(f.result.scenarios[0].price[0].money, 1.5, 0.005);
    assert_int_equal(f.result.scenarios[0].price[2].keys, 100);
    assert_true(isnan(f.result.scenarios[0].price[0].days)); /* no quota in force */
    stop(&f);
}

static void losses_stop_at_the_asset(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SYSTEM(COPY, THIEF("9"), "", THEFT("50", "utility >= 0.9", "3 * model-copy") "}\n"));
    add_test(&f, "extraction@api", &copycat_like, stolen(&f, 3, 2, queries, utility));
    simulate(&f, 200, 100);
    assert_true(f.result.total.quantile[4].value == 1000);
    assert_non_null(
        strstr(f.result.warnings[f.result.n_warnings - 1], "cut at the declared value"));
    stop(&f);
    /* recurrent losses of a stock: the year's sum stops there too */
    start(&f,
        SYSTEM(COPY, INSIDER, "", EVASION("9", "40", "successes >= 1", "0.5 * model-copy") "}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 1));
    simulate(&f, 200, 100);
    assert_true(f.result.total.quantile[4].value == 1000);
    stop(&f);
    /* a value of one unit, multiplied by a count, is no ceiling */
    start(&f, SYSTEM(COPY, INSIDER, "",
                  EVASION("1", "40", "successes >= 1", "successes * 12 * model-copy") "}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 1000, 1000, 1));
    simulate(&f, 200, 100);
    assert_true(f.result.total.quantile[4].value > 400000);
    stop(&f);
}

static const char *reason_of(
    const char *yaml, const struct rd_attack *attack, bool evade, unsigned access)
{
    static char text[300];
    struct fixture f;
    struct rd_record *r;

    start(&f, yaml);
    r = evade ? evaded(&f, 100, 50, 1) : stolen(&f, 3, 2, queries, utility);
    if (access)
        r->access = access;
    if (attack)
        add_test(&f, evade ? "evasion@api" : "extraction@api", attack, r);
    simulate(&f, 200, 100);
    assert_int_equal(f.result.n_scenarios, 1);
    (void)snprintf(text, sizeof text, "%s",
        f.result.scenarios[0].unquantified ? f.result.scenarios[0].unquantified : "");
    stop(&f);
    return text;
}

static void what_cannot_be_quantified_says_why(void **state)
{
    (void)state;
    assert_string_equal(reason_of(FOOL, NULL, true, 0), "the threat does not apply to this system");
    assert_non_null(strstr(reason_of(FOOL, &pgd_like, true, RD_ACCESS_DATA), "the training data"));
    assert_string_equal(
        reason_of(
            SYSTEM("", INSIDER, "",
                "  scenarios:\n    - {id: fool, threat: evasion@api, actor: insider, "
                "manipulation: none, attempts_per_year: 1, objects: 4, queries_per_object: 4, "
                "loss_when: \"successes >= 1\", magnitude: \"1\"}\n"),
            &pgd_like, true, 0),
        "robustness only: the scenario names no manipulation (digital or printed)");
    assert_non_null(strstr(
        reason_of(SYSTEM(COPY, THIEF("9"), "", THEFT("1", "accuracy >= 0.7", "model-copy") "}\n"),
            &copycat_like, false, 0),
        "no measured curve of 'accuracy'"));
    assert_string_equal(reason_of(FOOL, &pgd_like, true, 0), "");
}

static void upper_bounds_are_used_only_when_asked_for(void **state)
{
    const struct rd_risk_options options = { .outer = 200, .years = 100, .upper_bounds = true };
    const char *yaml =
        SYSTEM(COPY, THIEF("9"), "", THEFT("1", "utility >= 0.9", "model-copy") "}\n");
    struct fixture f;
    struct rd_record *r;

    (void)state;
    assert_string_equal(reason_of(yaml, &copycat_like, false, RD_ACCESS_SCORES),
        "actor 'thief' does not hold scores, which 'copycat' used: that result is an upper bound "
        "and was "
        "not asked for");
    start(&f, yaml);
    r = stolen(&f, 3, 2, queries, utility);
    r->access = RD_ACCESS_SCORES | RD_ACCESS_LABELS;
    add_test(&f, "extraction@api", &copycat_like, r);
    assert_int_equal(rd_risk_simulate(&f.run, &f.campaign, &options, &f.arena, &f.result), RD_OK);
    assert_true(f.result.scenarios[0].upper_bound && !f.result.scenarios[0].measured);
    assert_true(f.result.total.ale.value > 0 && f.result.ale_share_measured == 0);
    stop(&f);
}

static void an_untried_test_says_so(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, FOOL);
    add_test(&f, "evasion@api", &pgd_like, NULL);
    f.bound[0].untried = "no artifact";
    simulate(&f, 200, 100);
    assert_string_equal(f.result.scenarios[0].unquantified, "untried: no artifact");
    assert_string_equal(f.result.ale_share_reason, "no scenario could be quantified");
    stop(&f);
}

static void a_division_by_zero_names_the_scenario(void **state)
{
    const struct rd_risk_options options = { .outer = 200, .years = 100 };
    struct fixture f;

    (void)state;
    start(&f, SYSTEM("", INSIDER, "",
                  EVASION("1", "40", "successes >= 10", "5 / (successes - 20)") "}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 100, 50, 1));
    assert_int_equal(
        rd_risk_simulate(&f.run, &f.campaign, &options, &f.arena, &f.result), RD_E_INPUT);
    assert_non_null(strstr(f.err.frame[f.err.frames - 1].text, "fool"));
    stop(&f);
    start(
        &f, SYSTEM("", INSIDER, "", EVASION("1", "40", "successes >= 10", "15 - successes") "}\n"));
    add_test(&f, "evasion@api", &pgd_like, evaded(&f, 100, 50, 1));
    assert_int_equal(
        rd_risk_simulate(&f.run, &f.campaign, &options, &f.arena, &f.result), RD_E_INPUT);
    assert_non_null(strstr(f.err.frame[0].text, "expected a loss of at least 0"));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evasion_counts_objects_as_a_beta_binomial),
        cmocka_unit_test(few_trials_give_a_wide_band),
        cmocka_unit_test(no_success_among_few_is_not_never),
        cmocka_unit_test(retries_on_one_object_are_not_independent),
        cmocka_unit_test(theft_reads_the_curve_at_what_the_budget_buys),
        cmocka_unit_test(runs_are_resampled),
        cmocka_unit_test(a_model_is_stolen_once_a_year),
        cmocka_unit_test(a_second_theft_in_a_year_adds_nothing),
        cmocka_unit_test(secondary_losses_come_with_their_probability),
        cmocka_unit_test(two_scenarios_of_one_theft_count_once),
        cmocka_unit_test(more_budget_never_lowers_susceptibility),
        cmocka_unit_test(a_curve_that_falls_is_pooled),
        cmocka_unit_test(choosing_the_strongest_is_not_optimistic),
        cmocka_unit_test(the_strongest_of_several_is_named),
        cmocka_unit_test(stronger_untried_attacks_are_kept_apart),
        cmocka_unit_test(action_follows_gain_over_cost),
        cmocka_unit_test(cost_per_copy_is_told),
        cmocka_unit_test(losses_stop_at_the_asset),
        cmocka_unit_test(what_cannot_be_quantified_says_why),
        cmocka_unit_test(upper_bounds_are_used_only_when_asked_for),
        cmocka_unit_test(an_untried_test_says_so),
        cmocka_unit_test(a_division_by_zero_names_the_scenario),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
