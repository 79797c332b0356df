#include "infer_support.h"

#include "base/file.h"
#include "tensor/npy.h"

#include <stdio.h>

static struct lab l;

/* --- what a network that learned by heart gives away --- */

static void memorized(const char *attack)
{
    lab_data(&l, RANDOM_LABELS, 400, 20, 4, 0);
    lab_recipe(&l, 64, 60, 0.005);
    lab_attack(&l, rd_attack_find(attack));
    lab_set(&l, "fpr", "0.05"); /* 200 non-members: 10 false positives */
    l.q.criterion = 0.3;
}

static void random_labels_are_found_by_lira(void **state)
{
    (void)state;
    memorized("lira");
    assert_int_equal(lab_go(&l), RD_OK);
    print_message("  lira on random labels: auc %.4f, tpr %.3f at 5 %%, train %.3f, test %.3f\n",
        lab_metric(&l, "auc"), lab_metric(&l, "tpr"), lab_metric(&l, "train_accuracy"),
        lab_metric(&l, "clean_accuracy"));
    assert_true(lab_metric(&l, "train_accuracy") > 0.95);
    assert_true(lab_metric(&l, "auc") >= 0.9);
    assert_int_equal(l.record.outcome, RD_OUTCOME_DEMONSTRATED);
    assert_int_equal(l.record.n, 3);
    assert_true(l.record.interval.low > 0 && l.record.interval.high <= 1);
    assert_int_equal(l.record.queries, 3 * 400);
    lab_clear(&l);
}

static void random_labels_are_found_offline(void **state)
{
    (void)state;
    memorized("lira");
    lab_set(&l, "mode", "offline");
    lab_set(&l, "fpr", "0.1"); /* half of the non-members are the attacker's own: 100 are left */
    assert_int_equal(lab_go(&l), RD_OK);
    print_message(
        "  offline: auc %.4f, tpr %.3f at 10 %%\n", lab_metric(&l, "auc"), lab_metric(&l, "tpr"));
    /* 16 small shadows say little about labels that mean nothing: less than the loss itself. */
    assert_true(lab_metric(&l, "auc") >= 0.8);
    assert_true(lab_metric(&l, "non_members") == 100);
    lab_clear(&l);
}

static void random_labels_are_found_by_the_screen(void **state)
{
    (void)state;
    memorized("membership-loss");
    l.q.criterion = 0.1;
    l.q.runs = 5;
    assert_int_equal(lab_go(&l), RD_OK);
    print_message(
        "  loss: auc %.4f, tpr %.3f at 5 %%\n", lab_metric(&l, "auc"), lab_metric(&l, "tpr"));
    assert_true(lab_metric(&l, "auc") >= 0.9);
    assert_int_equal(l.record.outcome, RD_OUTCOME_DEMONSTRATED); /* a screen may find */
    lab_clear(&l);
    memorized("membership-loss");
    lab_set(&l, "signal", "labels");
    assert_int_equal(lab_go(&l), RD_OK);
    /* the gap attack: AUC = (1 + train - test) / 2 */
    assert_true(
        fabs(lab_metric(&l, "auc") - 0.5 - lab_metric(&l, "generalization_gap") / 2) < 1e-9);
    lab_clear(&l);
}

/* --- and one that did not --- */

static void a_net_that_generalizes_shows_nothing(void **state)
{
    (void)state;
    lab_data(&l, TWO_CLOUDS, 1000, 10, 2, 1.5);
    lab_recipe(&l, 8, 5, 0.005);
    lab_attack(&l, rd_attack_find("membership-loss"));
    lab_set(&l, "fpr", "0.02");
    assert_int_equal(lab_go(&l), RD_OK);
    print_message("  generalizing: auc %.4f, tpr %.4f at 2 %%, gap %.4f\n", lab_metric(&l, "auc"),
        lab_metric(&l, "tpr"), lab_metric(&l, "generalization_gap"));
    /* Deviation of the AUC without any signal: sqrt(1001 / (12 500 500)) = 0.018, of the mean of
     * three 0.0105: five of them. */
    assert_true(fabs(lab_metric(&l, "auc") - 0.5) < 0.053);
    /* A screen never says no. */
    assert_int_equal(l.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_non_null(strstr(l.record.outcome_reason, "screen"));
    lab_clear(&l);

    lab_data(&l, TWO_CLOUDS, 1000, 10, 2, 1.5);
    lab_recipe(&l, 8, 5, 0.005);
    lab_attack(&l, rd_attack_find("lira"));
    lab_set(&l, "shadows", "8");
    lab_set(&l, "fpr", "0.02");
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(fabs(lab_metric(&l, "auc") - 0.5) < 0.053);
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    lab_clear(&l);
}

static void too_few_non_members_are_no_verdict(void **state)
{
    const struct rd_metric *m;

    (void)state;
    memorized("membership-loss");
    lab_set(&l, "fpr", "0.01");
    assert_int_equal(lab_go(&l), RD_OK);
    assert_int_equal(l.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_string_equal(l.record.outcome_reason,
        "not resolvable: at a false-positive rate of 0.01 at least 1000 non-members are needed (10 "
        "false positives), there are 200");
    m = rd_record_metric(&l.record, "tpr");
    assert_true(isnan(m->v.value) && m->reason);
    assert_int_equal(l.record.successes, 0);
    assert_true(lab_metric(&l, "auc") >= 0.9); /* what can be said is said */
    lab_clear(&l);
}

/* Rows that nobody trained on make the low end resolvable. */
static void evaluation_rows_serve_as_non_members(void **state)
{
    static const char *const attacks[] = { "membership-loss", "lira" };
    struct rd_dataset eval, all;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        lab_data(&l, RANDOM_LABELS, 600, 20, 4, 0);
        all = l.data;
        assert_int_equal(rd_dataset_slice(&all, 400, 200, &eval, &l.err), RD_OK);
        assert_int_equal(rd_dataset_slice(&all, 0, 400, &l.data, &l.err), RD_OK);
        lab_recipe(&l, 64, 60, 0.005);
        lab_attack(&l, rd_attack_find(attacks[i]));
        lab_set(&l, "fpr", "0.03"); /* 334 non-members: 134 more than the data have */
        if (i)
            lab_set(&l, "shadows", "8");
        l.q.eval = &eval;
        assert_int_equal(lab_go(&l), RD_OK);
        assert_true(lab_metric(&l, "non_members") == 334);
        assert_true(lab_metric(&l, "auc") > 0.85);
        lab_clear(&l);
    }
    lab_data(&l, RANDOM_LABELS, 400, 20, 4, 0);
    lab_recipe(&l, 8, 1, 0.005);
    lab_attack(&l, rd_attack_find("membership-loss"));
    l.q.eval = &l.data;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    assert_non_null(strstr(l.err.frame[0].text, "leak: row 0"));
    lab_clear(&l);
}

/* --- the same whatever the threads --- */

static void record_bytes(struct rd_buf *out)
{
    struct rd_json j = { .out = out };

    rd_record_write(&l.record, &j);
    assert_false(out->failed);
    rd_json_release(&j);
}

static void threads_do_not_matter(void **state)
{
    struct rd_buf text[2] = { { 0 }, { 0 } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rd_pool *pool = NULL;

        memorized("lira");
        lab_set(&l, "shadows", "6");
        l.q.runs = 2;
        assert_int_equal(rd_pool_new(i + 1, &pool, NULL), RD_OK);
        l.run.pool = pool;
        assert_int_equal(lab_go(&l), RD_OK);
        record_bytes(&text[i]);
        assert_int_equal(l.record.outcome, RD_OUTCOME_INCONCLUSIVE); /* two runs */
        lab_clear(&l);
        rd_pool_free(pool);
    }
    assert_string_equal(rd_buf_text(&text[0]), rd_buf_text(&text[1]));
    rd_buf_release(&text[0]);
    rd_buf_release(&text[1]);
}

/* --- cheats --- */

struct bare {
    double fpr;
};
static const struct rd_option bare_table[] = {
    RD_REAL(struct bare, fpr, "fpr", "0.05", 0, 1, "", "rate"),
    RD_OPTION_END,
};
#define CHEAT(fn, needs)                                                                           \
    {                                                                                              \
        .abi = RD_ATTACK_ABI, .kind = RD_INFER, .task = RD_INFER_MEMBERSHIP, .name = "cheat",      \
        .version = 1, .summary = "", .source = "", .atlas = "", .access = (needs),                 \
        .options = bare_table, .options_size = sizeof(struct bare), .infer = (fn)                  \
    }

static rd_status claims_nan(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_infer_job *job)
{
    (void)run;
    (void)options;
    assert_non_null(oracle->labels);
    assert_null(oracle->scores); /* nothing beyond its access */
    assert_null(oracle->vjp);
    assert_null(oracle->loss_gradient);
    assert_null(job->data); /* and no data that it has no use for */
    assert_null(job->recipe->data);
    for (size_t i = 0; i < job->n; i++) {
        job->score[i] = i % 2 ? NAN : INFINITY;
        assert_true(job->row[i] == SIZE_MAX);
    }
    return RD_OK;
}

static void cannot_win_with_nan(void **state)
{
    static const struct rd_attack attack = CHEAT(claims_nan, RD_ACCESS_LABELS);

    (void)state;
    lab_data(&l, TWO_CLOUDS, 400, 4, 2, 2);
    lab_recipe(&l, 4, 10, 0.01);
    lab_attack(&l, &attack);
    l.q.runs = 3;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(lab_metric(&l, "scores_refused") == 400);
    assert_true(lab_metric(&l, "auc") == 0.5);
    assert_true(lab_metric(&l, "tpr") == 0);
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    lab_clear(&l);
}

/* The order and the keys of the examples must not tell. */
static rd_status guesses_by_place(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_infer_job *job)
{
    (void)run;
    (void)oracle;
    (void)options;
    for (size_t i = 0; i < job->n; i++)
        job->score[i] = -(double)job->example[i];
    return RD_OK;
}

static void the_order_tells_nothing(void **state)
{
    static const struct rd_attack attack = CHEAT(guesses_by_place, RD_ACCESS_LABELS);

    (void)state;
    lab_data(&l, TWO_CLOUDS, 1000, 4, 2, 2);
    lab_recipe(&l, 4, 5, 0.01);
    lab_attack(&l, &attack);
    l.q.runs = 3;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(fabs(lab_metric(&l, "auc") - 0.5) < 0.053); /* five deviations, as above */
    lab_clear(&l);
}

/* --- what is kept, and what is withheld --- */

static void scores_are_saved_with_the_truth(void **state)
{
    const char *path = RD_BUILD_DIR "/infer-scores.npz";
    struct rd_tensor *score, *member, *run;
    double area = 0;

    (void)state;
    memorized("membership-loss");
    l.q.save_scores = path;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/infer-scores.npz:score", NULL, &l.arena, &score, &l.err), RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/infer-scores.npz:member", NULL, &l.arena, &member, &l.err),
        RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/infer-scores.npz:run", NULL, &l.arena, &run, &l.err), RD_OK);
    assert_int_equal(score->dim[0], 3 * 400);
    for (size_t r = 0; r < 3; r++) { /* the area by its definition: all pairs */
        const double *s = (const double *)score->data + r * 400;
        const uint8_t *m = (const uint8_t *)member->data + r * 400;
        double won = 0;

        assert_int_equal(((const int64_t *)run->data)[r * 400], r);
        for (size_t i = 0; i < 400; i++)
            for (size_t k = 0; k < 400; k++)
                if (m[i] && !m[k])
                    won += s[i] > s[k] ? 1 : s[i] < s[k] ? 0 : 0.5;
        area += won / (200.0 * 200) / 3;
    }
    assert_true(fabs(area - lab_metric(&l, "auc")) < 1e-12);
    (void)remove(path);
    lab_clear(&l);
}

struct labels_only {
    struct rd_target target;
};

static rd_status hide_scores(
    void *self, struct rd_run *run, struct rd_target *victim, struct rd_target **out)
{
    struct rd_target *t = RD_NEW(run->scratch, struct rd_target);

    (void)self;
    if (!t)
        return rd_run_no_memory(run, "a dress");
    *t = *victim;
    t->scores = NULL;
    t->vjp = NULL;
    t->loss_gradient = NULL;
    t->access = RD_ACCESS_LABELS;
    *out = t;
    return RD_OK;
}

static void withheld_scores_stop_the_attack(void **state)
{
    (void)state;
    memorized("lira");
    l.q.dress.wrap = hide_scores;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_USAGE);
    assert_non_null(strstr(l.err.frame[0].text, "lira needs scores"));
    lab_clear(&l);
    memorized("lira");
    l.q.dress.wrap = hide_scores;
    l.q.withheld_is_failure = true;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    assert_non_null(strstr(l.record.outcome_reason, "which the target withholds"));
    lab_clear(&l);
    memorized(
        "membership-loss"); /* a screen that saw nothing has not shown that there is nothing */
    l.q.dress.wrap = hide_scores;
    l.q.withheld_is_failure = true;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_int_equal(l.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    lab_clear(&l);
    memorized("membership-loss"); /* the gap attack needs no more than labels */
    lab_set(&l, "signal", "labels");
    l.q.dress.wrap = hide_scores;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(lab_metric(&l, "auc") > 0.75);
    lab_clear(&l);
}

static void a_recipe_that_learns_nothing_is_named(void **state)
{
    (void)state;
    lab_data(&l, RANDOM_LABELS, 400, 4, 4, 0);
    lab_recipe(&l, 4, 1, 0.0001);
    lab_attack(&l, rd_attack_find("membership-loss"));
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    assert_non_null(strstr(l.err.frame[0].text, "hardly better than chance"));
    lab_clear(&l);
}

/* Half of the rows stand there twice: each plays once, and is named by its first place. */
static void a_row_that_stands_there_twice_plays_once(void **state)
{
    struct rd_tensor *index;
    float *x;

    (void)state;
    lab_data(&l, TWO_CLOUDS, 400, 4, 2, 2);
    x = (float *)(uintptr_t)l.data.x;
    for (size_t i = 1; i < 400; i += 4)
        memcpy(x + i * 4, x + (i - 1) * 4, 4 * sizeof *x);
    lab_recipe(&l, 4, 10, 0.01);
    lab_attack(&l, rd_attack_find("membership-loss"));
    l.q.save_scores = RD_BUILD_DIR "/infer-twice.npz";
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(lab_metric(&l, "repeated_rows_left_out") == 100);
    assert_true(lab_metric(&l, "members") + lab_metric(&l, "non_members") == 300);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/infer-twice.npz:index", NULL, &l.arena, &index, &l.err), RD_OK);
    for (int64_t i = 0; i < index->dim[0]; i++)
        assert_true(((const int64_t *)index->data)[i] % 4 != 1);
    (void)remove(RD_BUILD_DIR "/infer-twice.npz");
    lab_clear(&l);
}

/* Said before a single row is read as wide as the network thinks. */
static void data_that_does_not_fit_is_refused(void **state)
{
    int *label;

    (void)state;
    lab_data(&l, TWO_CLOUDS, 400, 4, 2, 2);
    lab_recipe(&l, 4, 10, 0.01);
    lab_attack(&l, rd_attack_find("lira"));
    l.data.width = 2;
    l.data.dim[0] = 2;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    assert_non_null(strstr(l.err.frame[0].text, "each example has shape"));
    l.data.width = 4;
    l.data.dim[0] = 4;
    label = (int *)(uintptr_t)l.data.label;
    label[7] = 2;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    assert_non_null(strstr(l.err.frame[0].text, "label 2 of training row 7"));
    label[7] = 1;
    l.data.n = 5;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    assert_non_null(strstr(l.err.frame[0].text, "too few"));
    l.data.n = 0;
    assert_int_equal(rd_harness_run(&l.run, &l.q, &l.arena, &l.record), RD_E_INPUT);
    lab_clear(&l);
}

/* --- a control around training --- */

static rd_status clip_and_add_noise(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    (void)run;
    (void)self;
    (void)data;
    how->clip = 1;
    how->noise = 3;
    return RD_OK;
}

/* Shadows are trained with the control too; that victims then learn nothing is no error but its
 * price. */
static void private_training_takes_the_memory_away(void **state)
{
    static const struct rd_treatment treatment = { .text = "noise", .train = clip_and_add_noise };
    static const struct rd_treatment *const list[] = { &treatment };

    (void)state;
    memorized("lira");
    l.recipe.treatment = list;
    l.recipe.n_treatments = 1;
    l.recipe.how.epochs = 10;
    lab_set(&l, "shadows", "8");
    assert_int_equal(lab_go(&l), RD_OK);
    print_message("  clipped and noised: auc %.4f, tpr %.3f, train %.3f\n", lab_metric(&l, "auc"),
        lab_metric(&l, "tpr"), lab_metric(&l, "train_accuracy"));
    assert_true(lab_metric(&l, "auc") < 0.65);
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    assert_int_equal(l.record.n_controls, 1);
    assert_string_equal(l.record.controls[0], "noise");
    lab_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_labels_are_found_by_lira),
        cmocka_unit_test(random_labels_are_found_offline),
        cmocka_unit_test(random_labels_are_found_by_the_screen),
        cmocka_unit_test(a_net_that_generalizes_shows_nothing),
        cmocka_unit_test(too_few_non_members_are_no_verdict),
        cmocka_unit_test(evaluation_rows_serve_as_non_members),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(cannot_win_with_nan),
        cmocka_unit_test(the_order_tells_nothing),
        cmocka_unit_test(scores_are_saved_with_the_truth),
        cmocka_unit_test(withheld_scores_stop_the_attack),
        cmocka_unit_test(private_training_takes_the_memory_away),
        cmocka_unit_test(a_row_that_stands_there_twice_plays_once),
        cmocka_unit_test(data_that_does_not_fit_is_refused),
        cmocka_unit_test(a_recipe_that_learns_nothing_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
