/*
 * Losses that were counted, against posteriors in closed form and by brute force; tails, tornado
 * and thresholds beside them. Bounds are 4.5 standard errors with fixed seeds, unless said
 * otherwise.
 */
#include "risk_support.h"

#include "base/pool.h"
#include "stats/dist.h"
#include "stats/special.h"

#define WORD(attempts, s, more)                                                                    \
    SYSTEM("", INSIDER, "",                                                                        \
        "  scenarios:\n    - {id: word, threat: evasion@api, actor: insider, attempts_per_year: "  \
        "" attempts ", susceptibility: " s ", per_loss: 1000" more "}\n")

static void run_word(struct fixture *f, const char *yaml, size_t outer)
{
    start(f, yaml);
    simulate(f, outer, 200);
}

/* A gamma prior and Poisson losses: S is certain, so losses are a count at rate S attempts. The
 * prior is a lognormal here; its posterior comes from summing over a fine grid. */
static void losses_alone_are_a_poisson_count_of_the_product(void **state)
{
    const double z = 1.6448536269514722, s = 0.5, k = 6, years = 4;
    const double mu = (log(0.5) + log(5)) / 2, sigma = log(10) / 2 / z;
    double mass = 0, mean = 0;
    const struct rd_risk_scenario *got;
    struct fixture f;

    (void)state;
    for (int i = -4000; i <= 4000; i++) {
        const double rate = exp(mu + sigma * i / 500.0);
        const double w =
            exp(-i / 500.0 * i / 500.0 / 2 + k * log(rate * s * years) - rate * s * years);

        mass += w;
        mean += w * rate;
    }
    mean /= mass;
    run_word(&f, WORD("{low: 0.5, high: 5}", "0.5", ", observed: {losses: 6, years: 4}"), 4000);
    got = &f.result.scenarios[0];
    assert_true(got->losses_updated.used && got->attempts_updated);
    close_to(got->attempts.value, mean, 0.02 * mean);
    close_to(got->losses_updated.after.value, s * mean, 0.02 * s * mean);
    close_to(got->attempts_declared.value, exp(mu + sigma * sigma / 2), 1e-9);
    assert_true(got->losses_updated.effective > 400 && got->losses_updated.effective < 4000);
    stop(&f);
}

/*
 * Attempts certain, each noticed: k of n is binomial, and a logit-normal prior of S has its
 * posterior by quadrature. The rate itself may not move.
 */
static void losses_of_counted_attempts_are_binomial(void **state)
{
    const double z = 1.6448536269514722, n = 10, k = 7;
    const double low = log(0.1 / 0.9), high = log(0.6 / 0.4);
    double mass = 0, mean = 0;
    struct fixture f;

    (void)state;
    for (int i = -4000; i <= 4000; i++) {
        const double x = i / 500.0,
                     s = 1 / (1 + exp(-((low + high) / 2 + (high - low) / 2 / z * x)));
        const double w = exp(-x * x / 2 + k * log(s) + (n - k) * log(1 - s));

        mass += w;
        mean += w * s;
    }
    mean /= mass;
    run_word(&f,
        WORD("2", "{low: 0.1, high: 0.6}", ", observed: {attempts: 10, losses: 7, years: 5}"),
        4000);
    close_to(f.result.scenarios[0].s.value, mean, 0.01);
    close_to(f.result.scenarios[0].attempts.value, 2, 1e-12);
    stop(&f);
}

/*
 * Both uncertain, detection 1/2: n noticed attempts have updated the rate in closed form; the joint
 * posterior of rate and S by brute force over a grid of both, with k = Binomial(n, S) + Poisson.
 */
static void both_move_together(void **state)
{
    const double z = 1.6448536269514722, years = 5, n = 6, k = 5, d = 0.5;
    const double mu = (log(0.5) + log(5)) / 2, sigma = log(10) / 2 / z;
    const double shape = 1 / (exp(sigma * sigma) - 1) + n;
    const double scale = 1 / (exp(sigma * sigma) - 1) / exp(mu + sigma * sigma / 2) + years * d;
    const double low = log(0.1 / 0.9), high = log(0.6 / 0.4);
    double mass = 0, rate_mean = 0, s_mean = 0, product = 0;
    const struct rd_risk_scenario *got;
    struct fixture f;

    (void)state;
    for (int i = -120; i <= 120; i++)
        for (int j = 1; j < 400; j++) {
            const double x = i / 20.0,
                         s = 1 / (1 + exp(-((low + high) / 2 + (high - low) / 2 / z * x)));
            const double rate = 0.03 * j, unseen = rate * (1 - d) * years * s;
            double prior = exp(-x * x / 2) * pow(rate, shape - 1) * exp(-rate * scale), at = 0, w;

            for (int h = 0; h <= 5; h++) { /* h of the six noticed, the rest of the others */
                const double of_n = exp(lgamma(n + 1) - lgamma(h + 1.0) - lgamma(n - h + 1)) *
                                    pow(s, h) * pow(1 - s, n - h);

                at += of_n * exp(-unseen) * pow(unseen, k - h) / exp(lgamma(k - h + 1));
            }
            w = prior * at;
            mass += w;
            rate_mean += w * rate;
            s_mean += w * s;
            product += w * rate * s;
        }
    run_word(&f,
        WORD("{low: 0.5, high: 5}", "{low: 0.1, high: 0.6}",
            ", observed: {attempts: 6, detection: 0.5, losses: 5, years: 5}"),
        8000);
    got = &f.result.scenarios[0];
    close_to(got->attempts.value, rate_mean / mass, 0.03 * rate_mean / mass);
    close_to(got->s.value, s_mean / mass, 0.03 * s_mean / mass);
    close_to(got->losses.value, product / mass, 0.03 * product / mass);
    /* S took its part: attempts alone were not blamed */
    assert_true(got->s.value > 0.33);
    stop(&f);
}

static bool warns(const struct fixture *f, const char *words)
{
    for (size_t i = 0; i < f->result.n_warnings; i++)
        if (strstr(f->result.warnings[i], words))
            return true;
    return false;
}

#define APPETITE "  appetite: [{loss: 1000000, probability: 0.5}]\n"

/* A count that no draw explains: both numbers are said, and no appetite is judged by the rest. */
static void what_cannot_be_is_said_and_left_alone(void **state)
{
    const struct rd_risk_scenario *contradicted;
    struct fixture f;

    (void)state;
    run_word(&f, WORD("1", "0", ", observed: {losses: 3, years: 2}") APPETITE, 200);
    assert_true(warns(&f, "3 losses were observed in 2 years, and by its attempts and "
                          "susceptibility 0 to 0 are expected"));
    assert_false(f.result.scenarios[0].losses_updated.used);
    assert_false(rd_risk_is_judged(&f.result, &contradicted));
    assert_ptr_equal(contradicted, &f.result.scenarios[0]);
    assert_int_equal(f.result.total.appetite[0].state, RD_APPETITE_UNJUDGED);
    assert_string_equal(rd_risk_appetite_words(&f.result.total.appetite[0]), "cannot be judged");
    stop(&f);
    /* 500 where a fifth of one is expected; so too where both numbers are certain */
    run_word(&f,
        WORD("{low: 0.1, high: 0.2}", "0.9", ", observed: {losses: 500, years: 1}") APPETITE, 200);
    assert_true(warns(&f, "(line ") && warns(&f, "500 losses were observed in 1 year, "));
    assert_int_equal(f.result.total.appetite[0].state, RD_APPETITE_UNJUDGED);
    assert_non_null(strstr(f.result.scenarios[0].reversal.words, "cannot be judged"));
    stop(&f);
    run_word(&f, WORD("1", "0.5", ", observed: {losses: 500, years: 2}") APPETITE, 200);
    assert_false(rd_risk_is_judged(&f.result, &contradicted));
    stop(&f);
    /* none of 20 that are expected: too few is no better explained than too many */
    run_word(&f, WORD("10", "0.5", ", observed: {losses: 0, years: 4}") APPETITE, 200);
    assert_false(rd_risk_is_judged(&f.result, &contradicted));
    stop(&f);
}

/* 3 of 1 expected is luck; 60 of 2 lie far out in a wide prior, and it holds them. */
static void what_is_unlikely_is_explained(void **state)
{
    const struct rd_risk_scenario *contradicted;
    struct fixture f;

    (void)state;
    run_word(&f, WORD("1", "0.5", ", observed: {losses: 3, years: 2}") APPETITE, 200);
    assert_false(f.result.scenarios[0].losses_updated.used); /* both are certain */
    assert_true(rd_risk_is_judged(&f.result, &contradicted));
    assert_int_equal(f.result.total.appetite[0].state, RD_APPETITE_MET);
    stop(&f);
    run_word(&f, WORD("{low: 0.1, high: 10}", "0.5", ", observed: {losses: 60, years: 2}") APPETITE,
        400);
    assert_true(warns(&f, "speak for them: ask for more draws"));
    assert_true(rd_risk_is_judged(&f.result, &contradicted));
    stop(&f);
}

/* The same bytes for any number of threads, losses observed and all. */
static void threads_change_nothing(void **state)
{
    struct rd_buf text[2] = { { 0 }, { 0 } };

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct fixture f;
        struct rd_json j = { .out = &text[t] };

        start(&f, WORD("{low: 0.5, high: 5}", "{low: 0.1, high: 0.6}",
                      ", observed: {attempts: 2, losses: 1, years: 5}"));
        assert_int_equal(rd_pool_new(1 + 2 * t, &f.run.pool, &f.err), RD_OK);
        simulate(&f, 400, 300);
        rd_risk_write(&f.result, &j);
        rd_pool_free(f.run.pool);
        rd_json_release(&j);
        stop(&f);
    }
    assert_string_equal(text[0].text, text[1].text);
    rd_buf_release(&text[0]);
    rd_buf_release(&text[1]);
}

/* One loss size, certain S: the mean is in proportion to attempts and to the loss; so are bars. */
static void the_tornado_of_a_product_is_exact(void **state)
{
    struct fixture f;
    const struct rd_risk_swing *t;

    (void)state;
    run_word(&f,
        SYSTEM("{id: thing, of: api, value: {low: 100, high: 400}}", INSIDER, "",
            "  scenarios:\n    - {id: a, threat: evasion@api, actor: insider, "
            "attempts_per_year: 1, susceptibility: 1, magnitude: \"2 * thing\"}\n"
            "    - {id: b, threat: evasion@api, actor: insider, attempts_per_year: {low: 1, high: "
            "1.1}, susceptibility: 1, per_loss: 1}\n"),
        400);
    t = f.result.tornado;
    assert_true(f.result.n_tornado == 2);
    assert_string_equal(t[0].input, "thing");
    close_to(t[0].low, 100, 1e-9);
    close_to(t[0].high, 400, 1e-9);
    /* scenario b is about 1 of some 460: at both ends the same share of it stays */
    close_to(t[0].ale_high / t[0].ale_low, 4, 0.05);
    assert_string_equal(t[1].input, "b.attempts_per_year");
    assert_true(t[1].ale_high >= t[1].ale_low);
    stop(&f);
}

/* More than x, not x or more: a loss of exactly the appetite's is within it. */
static void an_appetite_is_passed_by_more_not_by_as_much(void **state)
{
    struct fixture f;

    (void)state;
    run_word(&f,
        SYSTEM("", INSIDER, "",
            "  scenarios:\n    - {id: a, threat: evasion@api, actor: insider, "
            "attempts_per_year: 0.5, susceptibility: 1, per_loss: 1000}\n"
            "  appetite: [{loss: 0, probability: 1}, {loss: 999, probability: 0.5}, {loss: 1000, "
            "probability: 0.1}, {loss: 1000000, probability: 0}]\n"),
        400);
    const struct rd_risk_appetite *a = f.result.total.appetite;
    const double one = exp(-0.5) * 0.5, error = 4.5 * sqrt(0.25 / (400 * 200));

    close_to(a[0].probability.value, 1 - exp(-0.5), error);
    assert_true(a[0].probability.value == a[1].probability.value);
    close_to(a[2].probability.value, 1 - exp(-0.5) - one, error);
    assert_true(a[0].state == RD_APPETITE_MET && a[3].state == RD_APPETITE_MET);
    assert_true(a[3].probability.high == 0);
    stop(&f);
}

/* Losses of 1000 each, Poisson(1/2): tail means in closed form. */
static void tail_means_are_those_of_the_poisson_law(void **state)
{
    struct fixture f;

    (void)state;
    run_word(&f, WORD("0.5", "1", ""), 1000);
    for (int t = 0; t < RD_RISK_TAILS; t++) {
        double left = 1 - rd_risk_tail_at[t], sum = 0, p;

        for (int k = 30; k >= 0; k--) { /* from the worst down, until the share is full */
            p = exp(-0.5 + k * log(0.5) - lgamma(k + 1.0));
            p = p < left ? p : left;
            sum += p * 1000 * k;
            left -= p;
        }
        close_to(f.result.total.tvar[t].value, sum / (1 - rd_risk_tail_at[t]), 25);
    }
    assert_true(f.result.total.tvar[1].value == f.result.total.tail_mean_99);
    stop(&f);
}

/*
 * A theft by one threshold takes a short way (no curve, no quantile); the same condition written as
 * two takes the long one. Same luck, same years.
 */
static void the_short_way_of_thefts_is_the_long_one(void **state)
{
    static const double x[] = { 1000, 4000, 8000 }, y[] = { 0.5, 0.85, 0.95, 0.4, 0.8, 0.9 };
    static const char *const when[] = { "utility >= 0.8", "utility >= 0.8 and utility >= 0.7" };
    double ale[2], none[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        struct rd_arena arena = RD_ARENA_INIT;
        const char *yaml = rd_arena_printf(&arena,
            SYSTEM("{id: copy, of: api, value: {low: 1000, high: 2000}}",
                "  - {id: thief, access: [labels], data: proxy, budget: {low: 2, high: 20}}\n", "",
                "  scenarios:\n    - {id: clone, threat: extraction@api, actor: thief, "
                "attempts_per_year: 1, loss_when: \"%s\", magnitude: \"copy\"}\n"),
            when[i]);

        start(&f, yaml);
        f.bound[add_test(&f, "extraction@api", &copycat_like, stolen(&f, 2, 3, x, y))].model = 0;
        simulate(&f, 300, 500);
        ale[i] = f.result.total.ale.value;
        none[i] = f.result.total.no_loss.value;
        stop(&f);
        rd_arena_release(&arena);
    }
    assert_true(ale[0] > 0 && none[0] < 1);
    close_to(ale[0], ale[1], 1e-9 * ale[1]);
    close_to(none[0], none[1], 1e-12);
}

/* Capped by the declared value: per_loss and secondary losses come on top. */
static void caps_hold_for_what_an_asset_is_worth_alone(void **state)
{
    struct fixture f;

    (void)state;
    run_word(&f,
        SYSTEM("{id: thing, of: api, value: 100}", INSIDER, "",
            "  scenarios:\n    - {id: a, threat: evasion@api, actor: insider, "
            "attempts_per_year: 3, susceptibility: 1, magnitude: \"0.9 * thing\", secondary: "
            "{probability: 1, magnitude: 7}}\n"
            "    - {id: b, threat: evasion@api, actor: insider, attempts_per_year: 3, "
            "susceptibility: 1, magnitude: \"0.9 * thing\", per_loss: 1}\n"),
        400);
    /* a: 90 (one) or 100 (more) + 7 each; b the same + 1 each */
    close_to(
        f.result.total.ale.value, 2 * (90 * 3 * exp(-3) + 100 * (1 - 4 * exp(-3))) + 3 * 8, 1.0);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_alone_are_a_poisson_count_of_the_product),
        cmocka_unit_test(losses_of_counted_attempts_are_binomial),
        cmocka_unit_test(both_move_together),
        cmocka_unit_test(what_cannot_be_is_said_and_left_alone),
        cmocka_unit_test(what_is_unlikely_is_explained),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(the_tornado_of_a_product_is_exact),
        cmocka_unit_test(an_appetite_is_passed_by_more_not_by_as_much),
        cmocka_unit_test(tail_means_are_those_of_the_poisson_law),
        cmocka_unit_test(the_short_way_of_thefts_is_the_long_one),
        cmocka_unit_test(caps_hold_for_what_an_asset_is_worth_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
