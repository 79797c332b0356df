#include "infer_support.h"

#include "tensor/npy.h"

#include <stdio.h>

static struct lab l;

static void a_class_is_rebuilt(void **state)
{
    static const char *const signals[] = { "gradients", "scores" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        lab_data(&l, TWO_CLOUDS, 400, 12, 4, 2);
        lab_recipe(&l, 16, 20, 0.005);
        lab_attack(&l, rd_attack_find("inversion"));
        lab_set(&l, "signal", signals[i]);
        assert_int_equal(lab_go(&l), RD_OK);
        print_message("  %s: recognized %.2f, by judge %.2f, correlation %.2f, noise %.2f, mean "
                      "%.2f, judge %.2f\n",
            signals[i], lab_metric(&l, "recognized"), lab_metric(&l, "recognized_by_judge"),
            lab_metric(&l, "correlation"), lab_metric(&l, "baseline_noise"),
            lab_metric(&l, "baseline_mean"), lab_metric(&l, "judge_accuracy"));
        assert_true(lab_metric(&l, "recognized") >= 0.9);
        assert_true(lab_metric(&l, "correlation") > 0.6);
        assert_int_equal(l.record.outcome, RD_OUTCOME_DEMONSTRATED);
        lab_clear(&l);
    }
}

struct none {
    int64_t unused;
};
static const struct rd_option table[] = {
    RD_INT(struct none, unused, "steps", "1", 1, 2, "steps", "steps"),
    RD_OPTION_END,
};

/* Whatever is no number or lies outside the box shows nothing. */
static rd_status rebuilds_nothing(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_infer_job *job)
{
    (void)run;
    (void)options;
    assert_non_null(oracle->vjp);
    assert_null(oracle->scores);
    assert_null(oracle->labels);
    assert_null(job->x);
    assert_null(job->data);
    assert_null(job->recipe->data);
    for (size_t i = 0; i < job->n * oracle->inputs; i++)
        job->rebuilt[i] = i % 2 ? NAN : INFINITY;
    return RD_OK;
}

static void nothing_shows_nothing(void **state)
{
    static const struct rd_attack attack = { .abi = RD_ATTACK_ABI,
        .kind = RD_INFER,
        .task = RD_INFER_INVERSION,
        .name = "cheat",
        .version = 1,
        .access = RD_ACCESS_GRADIENTS,
        .options = table,
        .options_size = sizeof(struct none),
        .infer = rebuilds_nothing };

    (void)state;
    lab_data(&l, TWO_CLOUDS, 400, 12, 4, 2);
    lab_recipe(&l, 16, 20, 0.005);
    lab_attack(&l, &attack);
    l.q.runs = 3;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_true(lab_metric(&l, "values_refused") == 4 * 12);
    assert_true(lab_metric(&l, "recognized") == 0); /* a constant correlates with nothing */
    assert_int_equal(l.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    lab_clear(&l);
}

static void what_was_rebuilt_is_kept(void **state)
{
    const char *path = RD_BUILD_DIR "/rebuilt.npy";
    struct rd_tensor *t;

    (void)state;
    lab_data(&l, TWO_CLOUDS, 400, 12, 4, 2);
    lab_recipe(&l, 16, 20, 0.005);
    lab_attack(&l, rd_attack_find("inversion"));
    lab_set(&l, "steps", "3");
    l.q.runs = 1;
    l.q.save = path;
    assert_int_equal(lab_go(&l), RD_OK);
    assert_int_equal(l.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_int_equal(rd_npy_read(path, NULL, &l.arena, &t, &l.err), RD_OK);
    assert_true(t->ndim == 2 && t->dim[0] == 4 && t->dim[1] == 12);
    assert_int_equal(l.record.gradients, 3 * 4);
    (void)remove(path);
    lab_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_is_rebuilt),
        cmocka_unit_test(nothing_shows_nothing),
        cmocka_unit_test(what_was_rebuilt_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
