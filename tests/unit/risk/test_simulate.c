/*
 * The simulation against closed forms. Bounds are 4.5 standard errors with fixed seeds, unless said
 * otherwise.
 */
#include "risk_support.h"

#include "base/pool.h"
#include "stats/dist.h"
#include "stats/special.h"

#include <stdlib.h>

/* Every attempt is a loss of lognormal size: a compound Poisson year. Secondary losses are drawn
 * for each event. */
#define COMPOUND(attempts)                                                                         \
    SYSTEM("", INSIDER, "",                                                                        \
        EVASION(attempts, "1", "successes >= 0",                                                   \
            "0") ", secondary: {probability: 1, magnitude: {low: 1000, high: 50000}}}\n")

static struct rd_range_dist severity(void)
{
    struct rd_range_dist d;

    assert_int_equal(rd_range_fit(false, 1000, 50000, &d, NULL), RD_OK);
    return d;
}

static void start_compound(struct fixture *f, const char *yaml)
{
    start(f, yaml);
    add_test(f, "evasion@api", &pgd_like, evaded(f, 10, 5, 1));
}

/* E = rate E[X], Var = rate E[X^2]. */
static void compound_poisson_has_its_first_two_moments(void **state)
{
    const struct rd_range_dist d = severity();
    const double mean = exp(d.mu + d.sigma * d.sigma / 2);
    const double square = exp(2 * d.mu + 2 * d.sigma * d.sigma);
    const double years = 400.0 * 2000, error = sqrt(2 * square / years);
    struct fixture f;

    (void)state;
    start_compound(&f, COMPOUND("2"));
    simulate(&f, 400, 2000);
    close_to(f.result.total.ale.value, 2 * mean, 4.5 * error);
    /* the reported error is the variance over the years: itself known to about 5 % here (heavy
     * tail) */
    close_to(f.result.total.error_years, error, 0.1 * error);
    close_to(f.result.total.no_loss.value, exp(-2), 4.5 * sqrt(exp(-2) / years));
    stop(&f);
}

/* Each campaign costs 1, so a year's loss is its number of campaigns: P(more than k) at and around
 * the rate, for rates that are looked up and rates that are not. */
static void campaigns_of_a_year_are_poisson(void **state)
{
    static const char *const rate[] = { "0.3", "1.7", "7.5", "30", "45" };
    enum { LOSSES = 8 };
    const double years = 400.0 * 2000;

    (void)state;
    for (size_t r = 0; r < sizeof rate / sizeof *rate; r++) {
        const double mean = strtod(rate[r], NULL);
        struct rd_buf yaml = { 0 };
        struct fixture f;
        double first = floor(mean - LOSSES / 2), at_most = 0;

        first = first > 0 ? first : 0;
        rd_buf_printf(&yaml,
            SYSTEM("", INSIDER, "", EVASION("%s", "1", "successes >= 0", "1") "}\n  appetite: ["),
            rate[r]);
        for (int k = 0; k < LOSSES; k++)
            rd_buf_printf(&yaml, "%s{loss: %g, probability: 0.5}", k ? ", " : "", first + k);
        rd_buf_puts(&yaml, "]\n");
        start_compound(&f, yaml.text);
        simulate(&f, 400, 2000);
        for (double k = 0; k < first; k += 1)
            at_most += rd_poisson_pmf(k, mean);
        for (int k = 0; k < LOSSES; k++) {
            const struct rd_risk_appetite *a = &f.result.total.appetite[k];

            at_most += rd_poisson_pmf(first + k, mean);
            assert_true(a->loss == first + k);
            close_to(a->probability.value, 1 - at_most,
                4.5 * sqrt(at_most * (1 - at_most) / years) + 1e-5);
        }
        stop(&f);
        rd_buf_release(&yaml);
    }
}

/* Panjer 1981: p_k = rate / k sum j f_j p_(k-j), severity rounded to a grid of 250. */
static void quantiles_agree_with_panjer(void **state)
{
    enum { GRID = 8000 };
    const struct rd_range_dist d = severity();
    const double h = 250, rate = 2, years = 400.0 * 2000;
    double *sev = calloc(GRID, sizeof *sev), *p = calloc(GRID, sizeof *p), cdf = 0;
    struct fixture f;

    (void)state;
    for (int j = 0; j < GRID; j++) {
        const double up = (j + 0.5) * h, down = j ? (j - 0.5) * h : 0;

        sev[j] = rd_normal_cdf((rd_log(up) - d.mu) / d.sigma) -
                 (down > 0 ? rd_normal_cdf((rd_log(down) - d.mu) / d.sigma) : 0);
    }
    p[0] = exp(-rate * (1 - sev[0]));
    for (int k = 1; k < GRID; k++) {
        for (int j = 1; j <= k; j++)
            p[k] += j * sev[j] * p[k - j];
        p[k] *= rate / k;
    }
    start_compound(&f, COMPOUND("2"));
    simulate(&f, 400, 2000);
    for (int q = 0; q < RD_RISK_QUANTILES; q++) {
        const double want = rd_risk_quantile_at[q], v = f.result.total.quantile[q].value;

        cdf = 0;
        for (int k = 0; k < GRID && k * h <= v; k++)
            cdf += p[k];
        /* half a grid step of probability besides the sampling error */
        close_to(cdf, want, 4.5 * sqrt(want * (1 - want) / years) + p[(int)(v / h)]);
    }
    /* and the curve: P(loss > x) */
    for (size_t i = 0; i < f.result.total.n_exceedance; i++) {
        const struct rd_risk_exceedance *e = &f.result.total.exceedance[i];
        const double seen = e->probability.value;

        if (e->loss > (GRID - 2) * h || seen < 1e-4)
            continue;
        cdf = 0;
        for (int k = 0; k < GRID && k * h <= e->loss; k++)
            cdf += p[k];
        close_to(1 - cdf, seen, 4.5 * sqrt(seen * (1 - seen) / years) + p[(int)(e->loss / h)]);
    }
    free(sev);
    free(p);
    stop(&f);
}

/* A defect of two peers: loss = frequency x one severity. Then no year is without loss and the tail
 * is thin. */
static void losses_are_compounded_not_multiplied(void **state)
{
    const struct rd_range_dist d = severity();
    struct fixture f;

    (void)state;
    start_compound(&f, COMPOUND("0.158"));
    simulate(&f, 400, 2000);
    close_to(f.result.total.no_loss.value, exp(-0.158), 0.003);
    assert_true(f.result.total.quantile[0].value == 0);
    /* multiplied, the 99 % quantile were 0.158 x that of one severity; compounded it is above half
     * of it */
    assert_true(f.result.total.quantile[3].value > 2 * 0.158 * rd_range_quantile(&d, 0.99));
    stop(&f);
}

/* A defect of a peer: a frequency below a half was rounded to nothing. */
static void rare_scenarios_keep_their_loss(void **state)
{
    const struct rd_range_dist d = severity();
    struct fixture f;

    (void)state;
    start_compound(&f, COMPOUND("0.05"));
    simulate(&f, 500, 1000);
    close_to(f.result.total.ale.value, 0.05 * rd_range_mean(&d),
        4.5 * sqrt(0.05 * exp(2 * d.mu + 2 * d.sigma * d.sigma) / 5e5));
    assert_string_equal(f.result.scenarios[0].words, "one success in 20 years");
    stop(&f);
}

/* A defect of a peer: the mode of a range in place of its mean. Mean of {0.1, 2} is 0.6765, its
 * mode 0.1947. */
static void ranges_enter_by_their_mean(void **state)
{
    const struct rd_range_dist d = severity();
    struct rd_range_dist a;
    struct fixture f;

    (void)state;
    assert_int_equal(rd_range_fit(false, 0.1, 2, &a, NULL), RD_OK);
    start_compound(&f, COMPOUND("{low: 0.1, high: 2}"));
    simulate(&f, 1000, 1000);
    close_to(f.result.total.ale.value, rd_range_mean(&a) * rd_range_mean(&d),
        0.02 * rd_range_mean(&a) *
            rd_range_mean(&d)); /* stratified: 1/3 of the plain error of 0.05 */
    assert_true(f.result.total.ale.value > 2 * exp(a.mu - a.sigma * a.sigma) * rd_range_mean(&d));
    stop(&f);
}

static void years_shrink_the_error_but_not_the_band(void **state)
{
    struct fixture few, many;
    double band_few, band_many;

    (void)state;
    start_compound(&few, COMPOUND("{low: 0.5, high: 8}"));
    start_compound(&many, COMPOUND("{low: 0.5, high: 8}"));
    simulate(&few, 400, 500);
    simulate(&many, 400, 4500);
    close_to(few.result.total.error_years / many.result.total.error_years, 3, 0.25);
    band_few = few.result.total.ale.high - few.result.total.ale.low;
    band_many = many.result.total.ale.high - many.result.total.ale.low;
    close_to(band_few / band_many, 1, 0.08);
    assert_true(band_many > 20 * many.result.total.error_years);
    stop(&few);
    stop(&many);
}

static char *as_json(struct fixture *f)
{
    struct rd_buf buf = { 0 };
    struct rd_json j = { .out = &buf };
    char *copy;

    rd_risk_write(&f->result, &j);
    assert_false(buf.failed);
    copy = strdup(rd_buf_text(&buf));
    rd_json_release(&j);
    rd_buf_release(&buf);
    return copy;
}

static void answer_does_not_depend_on_threads(void **state)
{
    char *one = NULL;

    (void)state;
    for (size_t threads = 1; threads <= 5; threads += 2) {
        struct fixture f;
        char *json;

        start_compound(&f, COMPOUND("{low: 0.5, high: 90}"));
        assert_int_equal(rd_pool_new(threads, &f.run.pool, &f.err), RD_OK);
        simulate(&f, 200, 300);
        json = as_json(&f);
        rd_pool_free(f.run.pool);
        stop(&f);
        if (one) {
            assert_string_equal(json, one);
            free(json);
        } else {
            one = json;
        }
    }
    free(one);
}

static void another_seed_gives_another_answer(void **state)
{
    struct fixture a, b;

    (void)state;
    start_compound(&a, COMPOUND("2"));
    start_compound(&b, COMPOUND("2"));
    b.run.seed = 8;
    simulate(&a, 200, 100);
    simulate(&b, 200, 100);
    assert_true(a.result.total.ale.value != b.result.total.ale.value);
    stop(&a);
    stop(&b);
}

static void no_attempts_no_loss(void **state)
{
    struct fixture f;
    char *json;

    (void)state;
    start_compound(&f, COMPOUND("0"));
    simulate(&f, 200, 100);
    assert_true(f.result.total.ale.value == 0 && f.result.total.ale.high == 0);
    assert_true(f.result.total.no_loss.value == 1 && f.result.total.no_loss.low == 1);
    assert_true(f.result.total.quantile[4].value == 0 && f.result.total.n_exceedance == 0);
    assert_true(isnan(f.result.ale_share_measured));
    assert_string_equal(f.result.ale_share_reason, "the expected loss is zero");
    assert_string_equal(f.result.scenarios[0].words, "no success expected");
    json = as_json(&f);
    assert_null(strstr(json, ":nan"));
    assert_null(strstr(json, ":inf"));
    free(json);
    stop(&f);
}

/* 1e12 campaigns a year end in bounded time, and the sum is still rate x mean. */
static void absurd_rates_are_summed_not_looped(void **state)
{
    static const double rate[] = { 1e12, 1e300, 70 };
    const struct rd_range_dist d = severity();

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fixture f;

        struct rd_scenario scenario;

        start_compound(&f, COMPOUND("1"));
        scenario = f.system->scenarios[0]; /* the checker stops at 1e6; other callers may not */
        scenario.attempts_per_year.low = scenario.attempts_per_year.high = rate[i];
        f.system->scenarios = &scenario;
        simulate(&f, 200, 100);
        if (i == 1)
            assert_true(isfinite(f.result.total.ale.value));
        else /* the pilot of 4,096 campaigns a draw knows the mean to 2 % a draw */
            close_to(f.result.total.ale.value / (rate[i] * rd_range_mean(&d)), 1, 0.02);
        stop(&f);
    }
}

/* Just below and just above what is simulated singly: one model, two ways to add it up. */
static void crowded_years_join_smoothly(void **state)
{
    const struct rd_range_dist d = severity();
    struct fixture f;
    double spread;

    (void)state;
    start_compound(&f, COMPOUND("64"));
    simulate(&f, 200, 200);
    close_to(f.result.total.ale.value, 64 * rd_range_mean(&d), 0.02 * 64 * rd_range_mean(&d));
    spread = f.result.total.error_years * sqrt(200.0 * 200);
    close_to(spread, sqrt(64 * exp(2 * d.mu + 2 * d.sigma * d.sigma)), 0.05 * spread);
    stop(&f);
}

/* ALE = attempts x value, both lognormal: first-order share (e^(s_i^2) - 1) / (e^(s_1^2 + s_2^2) -
 * 1). */
static void variance_shares_agree_with_the_product_of_lognormals(void **state)
{
    struct fixture f;
    struct rd_range_dist a, v;
    double whole, of_attempts = -1, of_value = -1;

    (void)state;
    assert_int_equal(rd_range_fit(false, 2, 6, &a, NULL), RD_OK);
    assert_int_equal(rd_range_fit(false, 100, 180, &v, NULL), RD_OK);
    start_compound(
        &f, SYSTEM("{id: thing, of: api, value: {low: 100, high: 180, provenance: expert, by: me, "
                   "date: 2026-01-01}}",
                INSIDER, "",
                EVASION("{low: 2, high: 6}", "1", "successes >= 0", "thing + 0 * objects") "}\n"));
    simulate(&f, 2000, 300);
    whole = exp(a.sigma * a.sigma + v.sigma * v.sigma) - 1;
    for (size_t i = 0; i < f.result.n_shares; i++) {
        if (!strcmp(f.result.shares[i].name, "fool.attempts_per_year"))
            of_attempts = f.result.shares[i].share;
        if (!strcmp(f.result.shares[i].name, "thing"))
            of_value = f.result.shares[i].share;
        if (!strcmp(f.result.shares[i].name, "fool.evidence"))
            close_to(f.result.shares[i].share, 0, 0.01);
    }
    close_to(of_attempts, (exp(a.sigma * a.sigma) - 1) / whole, 0.03);
    close_to(of_value, (exp(v.sigma * v.sigma) - 1) / whole, 0.03);
    assert_string_equal(f.result.shares[0].name, "fool.attempts_per_year"); /* largest first */
    stop(&f);
}

static void appetite_is_met_breached_or_undecided(void **state)
{
    struct fixture f;

    (void)state;
    /* A loss of 100 in 1 - e^-0.1 = 9.5 % of years, known exactly; then with an uncertain rate. */
    start_compound(
        &f, SYSTEM("", INSIDER, "",
                "  appetite: [{loss: 50, probability: 0.2}, {loss: 60, probability: 0.01}, {loss: "
                "1000, "
                "probability: 0.01}]\n" EVASION("0.1", "1", "successes >= 0", "100") "}\n"));
    simulate(&f, 400, 2000);
    assert_int_equal(f.result.total.appetite[0].state, RD_APPETITE_MET);
    assert_int_equal(f.result.total.appetite[1].state, RD_APPETITE_BREACHED);
    assert_int_equal(f.result.total.appetite[2].state, RD_APPETITE_MET);
    assert_string_equal(rd_risk_appetite_words(&f.result.total.appetite[0]), "within");
    assert_string_equal(rd_risk_appetite_words(&f.result.total.appetite[1]), "exceeded");
    close_to(f.result.total.appetite[0].probability.value, 1 - exp(-0.1), 0.002);
    stop(&f);
    start_compound(&f,
        SYSTEM("", INSIDER, "",
            "  appetite: [{loss: 40, probability: 0.2}, {loss: 50, probability: 0.1}]\n" EVASION(
                "{low: 0.02, high: 0.5}", "1", "successes >= 0", "100") "}\n"));
    simulate(&f, 400, 500);
    assert_int_equal(f.result.total.appetite[0].state, RD_APPETITE_UNDECIDED);
    for (size_t i = 0; i < 2; i++) {
        const struct rd_risk_appetite *a = &f.result.total.appetite[i];

        assert_string_equal(rd_risk_appetite_words(a),
            a->probability.value > a->allowed ? "likely exceeded" : "likely within");
    }
    /* the middle of the band below what is allowed is not enough */
    assert_true(f.result.total.appetite[0].probability.value < 0.2);
    assert_int_equal(f.result.total.appetite[1].state, RD_APPETITE_UNDECIDED);
    stop(&f);
}

static void rates_are_said_in_words(void **state)
{
    struct rd_arena a = { 0 };

    (void)state;
    assert_string_equal(rd_risk_rate_words(0, &a), "no success expected");
    assert_string_equal(rd_risk_rate_words(1e-9, &a), "less than one success in 10,000 years");
    assert_string_equal(rd_risk_rate_words(1 / 14.2, &a), "one success in 14 years");
    assert_string_equal(rd_risk_rate_words(1 / 2.5, &a), "one success in 2.5 years");
    assert_string_equal(rd_risk_rate_words(0.5, &a), "one success in 2 years");
    assert_string_equal(rd_risk_rate_words(1.1, &a), "about one success a year");
    assert_string_equal(rd_risk_rate_words(3.2, &a), "about 3 successes a year");
    rd_arena_release(&a);
}

static void a_default_that_moves_money_makes_it_illustrative(void **state)
{
    struct fixture f;

    (void)state;
    start_compound(
        &f, SYSTEM("", INSIDER, "",
                EVASION("{low: 1, high: 2, provenance: expert, by: me, date: 2026-01-01}", "1",
                    "successes >= 0", "100") "}\n"));
    simulate(&f, 200, 100);
    assert_false(f.result.illustrative);
    stop(&f);
    start_compound(&f, COMPOUND("2"));
    simulate(&f, 200, 100);
    assert_true(f.result.illustrative);
    assert_int_equal(
        f.result.n_illustrative_why, 3); /* attempts, secondary probability and magnitude */
    assert_string_equal(
        f.result.illustrative_why[0], "fool.attempts_per_year (frequency) is a default");
    stop(&f);
}

static bool never(void *user, const char *what, size_t done, size_t total)
{
    (void)user;
    (void)what;
    (void)done;
    (void)total;
    return false;
}

static void stops_when_told(void **state)
{
    const struct rd_risk_options options = { .outer = 200, .years = 100 };
    struct fixture f;

    (void)state;
    start_compound(&f, COMPOUND("2"));
    f.run.step = never;
    assert_int_equal(
        rd_risk_simulate(&f.run, &f.campaign, &options, &f.arena, &f.result), RD_E_CANCELED);
    stop(&f);
}

static void refuses_sizes_that_make_no_sense(void **state)
{
    static const struct rd_risk_options bad[] = { { .outer = 199, .years = 100 },
        { .outer = 200, .years = 99 }, { .outer = 100001, .years = 100 },
        { .outer = 200, .years = 1000001 } };
    const struct rd_risk_options huge = { .outer = 100000, .years = 1000000 };
    struct fixture f;

    (void)state;
    start_compound(&f, COMPOUND("2"));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            rd_risk_simulate(&f.run, &f.campaign, &bad[i], &f.arena, &f.result), RD_E_USAGE);
    assert_int_equal(rd_risk_simulate(&f.run, &f.campaign, &huge, &f.arena, &f.result), RD_E_LIMIT);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compound_poisson_has_its_first_two_moments),
        cmocka_unit_test(campaigns_of_a_year_are_poisson),
        cmocka_unit_test(quantiles_agree_with_panjer),
        cmocka_unit_test(losses_are_compounded_not_multiplied),
        cmocka_unit_test(rare_scenarios_keep_their_loss),
        cmocka_unit_test(ranges_enter_by_their_mean),
        cmocka_unit_test(years_shrink_the_error_but_not_the_band),
        cmocka_unit_test(answer_does_not_depend_on_threads),
        cmocka_unit_test(another_seed_gives_another_answer),
        cmocka_unit_test(no_attempts_no_loss),
        cmocka_unit_test(absurd_rates_are_summed_not_looped),
        cmocka_unit_test(crowded_years_join_smoothly),
        cmocka_unit_test(variance_shares_agree_with_the_product_of_lognormals),
        cmocka_unit_test(appetite_is_met_breached_or_undecided),
        cmocka_unit_test(rates_are_said_in_words),
        cmocka_unit_test(a_default_that_moves_money_makes_it_illustrative),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(refuses_sizes_that_make_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
