#include "infer_support.h"

#include "tensor/npy.h"

#include <stdio.h>

static struct lab l;

/* Column 0 is a secret of two values, drawn for itself; the labels are drawn for themselves too.
 * Nobody can guess it but from a network that learned the rows by heart. */
static void a_secret(double size)
{
    float *x;

    lab_data(&l, RANDOM_LABELS, 600, 12, 2, 0);
    x = (float *)(uintptr_t)l.data.x;
    for (size_t i = 0; i < l.data.n; i++) {
        struct rd_rng r = rd_rng_stream(3, "secret", i);

        x[i * 12] = rd_rng_unit(&r) < 0.5 ? (float)-size : (float)size;
    }
}

static void memory_gives_the_secret_away(void **state)
{
    (void)state;
    a_secret(3);
    lab_recipe(&l, 64, 80, 0.005);
    lab_attack(&l, rd_attack_find("attribute-inference"));
    lab_set(&l, "feature", "1");
    assert_int_equal(lab_go(&l), RD_OK);
    print_message("  secret: advantage %.3f (others %.3f), accuracy %.3f, imputed %.3f, commonest "
                  "%.3f\n",
        lab_metric(&l, "advantage"), lab_metric(&l, "advantage_others"),
        lab_metric(&l, "attribute_accuracy"), lab_metric(&l, "baseline_imputation"),
        lab_metric(&l, "baseline_commonest"));
    assert_true(lab_metric(&l, "advantage") > 0.25);
    /* 150 others: the accuracy of a coin has deviation 0.041, of three runs 0.024; an advantage is
     * twice what lies above the baseline. */
    assert_true(lab_metric(&l, "advantage_others") < 0.2);
    assert_int_equal(l.record.outcome, RD_OUTCOME_DEMONSTRATED);
    assert_int_equal(l.record.queries, 3 * 2 * (300 + 150));
    lab_clear(&l);
}

/* Labels and a secret that says nothing more than the rest: no advantage, whatever the prior. */
static void what_can_be_guessed_anyway_is_no_advantage(void **state)
{
    static const char *const priors[] = { "marginal", "imputed", "uniform" };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        float *x;

        lab_data(&l, TWO_CLOUDS, 600, 12, 2, 2);
        x = (float *)(uintptr_t)l.data.x;
        for (size_t i = 0; i < l.data.n; i++) /* follows from two other columns and the class */
            x[i * 12] = x[i * 12 + 1] + x[i * 12 + 3] + (float)l.data.label[i] > 2 ? 1 : -1;
        lab_recipe(&l, 8, 5, 0.005);
        lab_attack(&l, rd_attack_find("attribute-inference"));
        lab_set(&l, "feature", "1");
        lab_set(&l, "prior", priors[k]);
        assert_int_equal(lab_go(&l), RD_OK);
        print_message("  %s: advantage %.3f, accuracy %.3f, imputed %.3f\n", priors[k],
            lab_metric(&l, "advantage"), lab_metric(&l, "attribute_accuracy"),
            lab_metric(&l, "baseline_imputation"));
        assert_true(lab_metric(&l, "baseline_imputation") > 0.75);
        assert_true(lab_metric(&l, "advantage") < 0.1);
        assert_int_not_equal(l.record.outcome, RD_OUTCOME_DEMONSTRATED);
        lab_clear(&l);
    }
}

/* One-hot categories, by the feature's name; a row that has none of them is not asked about. */
static void categories_are_found_by_name(void **state)
{
    static const char *const words[] = { "yes", "no" };
    static const struct rd_feature features[] = {
        { .name = "ill", .type = RD_FEATURE_CATEGORY, .first = 0, .width = 2, .category = words },
        { .name = "age", .first = 2, .width = 1 },
        { .name = "rest", .first = 3, .width = 1 },
    };
    float *x;

    (void)state;
    a_secret(1);
    x = (float *)(uintptr_t)l.data.x;
    for (size_t i = 0; i < l.data.n; i++) {
        const bool ill = x[i * 12] > 0;

        x[i * 12] = ill && i != 7 ? 3 : 0;
        x[i * 12 + 1] = ill || i == 7 ? 0 : 3;
        if (i % 100 == 0)
            x[i * 12] = x[i * 12 + 1] = 0;
    }
    l.data.feature = features;
    l.data.n_features = 3;
    lab_recipe(&l, 64, 80, 0.005);
    lab_attack(&l, rd_attack_find("attribute-inference"));
    lab_set(&l, "feature", "ill");
    lab_set(&l, "signal", "labels");
    assert_int_equal(lab_go(&l), RD_OK);
    print_message("  one-hot, labels: advantage %.3f, members %.1f\n", lab_metric(&l, "advantage"),
        lab_metric(&l, "members"));
    assert_true(lab_metric(&l, "members") < 300 && lab_metric(&l, "members") > 290);
    lab_clear(&l);
}

static void a_feature_that_cannot_be_asked_is_named(void **state)
{
    static const struct {
        const char *feature, *says;
    } bad[] = { { "weight", "no feature 'weight'" }, { "0", "no feature '0'" },
        { "13", "no feature '13'" }, { "1x", "no feature '1x'" }, { "2", "more than 64 values" },
        { "", "needs the name of the hidden feature" } };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        a_secret(1);
        lab_recipe(&l, 4, 1, 0.005);
        lab_attack(&l, rd_attack_find("attribute-inference"));
        lab_set(&l, "feature", bad[i].feature);
        assert_true(rd_harness_run(&l.run, &l.q, &l.arena, &l.record) == RD_E_USAGE);
        assert_non_null(strstr(l.err.frame[0].text, bad[i].says));
        lab_clear(&l);
    }
}

/* --- a cheat --- */

struct none {
    const char *feature;
};
static const struct rd_option table[] = {
    RD_TEXT(struct none, feature, "feature", "1", "NAME", "name"),
    RD_OPTION_END,
};

static rd_status guesses_outside(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_infer_job *job)
{
    (void)run;
    (void)options;
    assert_null(oracle->scores);
    for (size_t i = 0; i < job->n; i++) {
        job->guess[i] = i % 2 ? 2 : -5;
        assert_true(fabsf(job->x[i * 12]) == 0); /* the secret is not there to be read */
    }
    return RD_OK;
}

static void a_guess_outside_the_values_is_wrong(void **state)
{
    static const struct rd_attack attack = { .abi = RD_ATTACK_ABI,
        .kind = RD_INFER,
        .task = RD_INFER_ATTRIBUTE,
        .name = "cheat",
        .version = 1,
        .access = RD_ACCESS_LABELS,
        .options = table,
        .options_size = sizeof(struct none),
        .infer = guesses_outside };

    (void)state;
    a_secret(1);
    lab_recipe(&l, 64, 30, 0.005);
    lab_attack(&l, &attack);
    l.q.runs = 3;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(lab_metric(&l, "attribute_accuracy") == 0);
    assert_true(lab_metric(&l, "guesses_refused") == 450);
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    lab_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_gives_the_secret_away),
        cmocka_unit_test(what_can_be_guessed_anyway_is_no_advantage),
        cmocka_unit_test(categories_are_found_by_name),
        cmocka_unit_test(a_feature_that_cannot_be_asked_is_named),
        cmocka_unit_test(a_guess_outside_the_values_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
