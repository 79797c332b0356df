/* test_hop_skip_jump.c - against a linear target, whose nearest misclassified points are known. */
#include "support.h"

#include "attacks/harness.h"
#include "fake_target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, OPTIONS_MAX = 256 };

struct setting {
    struct fake_target fake;
    float x[N * FAKE_INPUTS];
    int label[N];
    struct rd_dataset eval;
    _Alignas(64) unsigned char options[OPTIONS_MAX];
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_trial_request q;
    struct rd_record record;
};

static void set_up(struct setting *s, enum rd_norm norm, const char *queries, const char *eps)
{
    const struct rd_attack *a = rd_attack_find("hop-skip-jump");

    memset(s, 0, sizeof *s);
    assert_non_null(a);
    assert_true(a->options_size <= OPTIONS_MAX);
    assert_int_equal(rd_options_reset(a->options, s->options, NULL), RD_OK);
    assert_int_equal(rd_options_set(a->options, s->options, "queries", queries, NULL), RD_OK);
    assert_int_equal(rd_options_set(a->options, s->options, "eps", eps, NULL), RD_OK);
    fake_target_init(&s->fake, RD_ACCESS_LABELS);
    fake_points(&s->fake, 0.01, N, s->x, s->label, &s->eval);
    s->run = (struct rd_run){ .err = &s->err, .seed = 3, .scratch = &s->arena };
    s->q = (struct rd_trial_request){ .attack = a,
        .options = s->options,
        .target = &s->fake.target,
        .eval = &s->eval,
        .norm = norm,
        .curve_points = 4,
        .criterion = NAN,
        .stated_accuracy = NAN };
}

static void go(struct setting *s)
{
    const rd_status st = rd_harness_run(&s->run, &s->q, &s->arena, &s->record);

    for (int i = 0; st && i < s->err.frames; i++)
        print_message("  %s\n", s->err.frame[i].text);
    assert_int_equal(st, RD_OK);
}

static double shortest(const struct setting *s, size_t i)
{
    double one = 0, two = 0;

    for (size_t k = 0; k < FAKE_INPUTS; k++) {
        one += fabs(s->fake.w[k]);
        two += s->fake.w[k] * s->fake.w[k];
    }
    return fabs(fake_margin(&s->fake, s->x + i * FAKE_INPUTS)) /
           (s->q.norm == RD_L2 ? sqrt(two) : one);
}

/* Never nearer than the boundary is, and near it after 2,000 answers. */
static void finds_the_nearest(void **state)
{
    static struct setting s;

    (void)state;
    for (unsigned norm = RD_L2; norm <= RD_LINF; norm <<= 1) {
        set_up(&s, (enum rd_norm)norm, "2000", "0");
        go(&s);
        assert_int_equal(s.record.successes, N);
        for (size_t i = 0; i < N; i++) {
            const double best = shortest(&s, i);

            assert_true(s.record.trials[i].distance >= best - 1e-6);
            assert_true(s.record.trials[i].distance <= 1.05 * best);
        }
        rd_arena_release(&s.arena);
    }
}

/* Without a radius every distance counts, so the share of successes decides nothing. */
static void says_that_no_radius_was_asked_for(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s, RD_L2, "300", "0");
    go(&s);
    assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_non_null(strstr(s.record.outcome_reason, "eps"));
    rd_arena_release(&s.arena);
}

/* One run serves every radius: the curve is read off the distances. */
static void gives_the_whole_curve(void **state)
{
    static struct setting s;
    const struct rd_curve *c;

    (void)state;
    set_up(&s, RD_LINF, "2000", "0.1");
    go(&s);
    c = &s.record.curves[0];
    assert_string_equal(c->budget, "eps");
    assert_int_equal(c->n, 5);
    for (size_t k = 1; k < c->n; k++) {
        size_t within = 0;

        for (size_t i = 0; i < N; i++)
            within += s.record.trials[i].success && s.record.trials[i].distance <= c->x[k];
        assert_true(fabs(c->y[k].value - (double)within / N) < 1e-12);
        assert_true(c->y[k].value >= c->y[k - 1].value);
    }
    /* Distances 0.01 .. 0.20, two of each: 0.1 itself may fall or stand. */
    assert_true(s.record.successes >= 18 && s.record.successes <= 20);
    rd_arena_release(&s.arena);
}

/* More answers, nearer points; never more than paid for. */
static void spends_what_it_may(void **state)
{
    static struct setting s;
    double before = INFINITY;
    static const char *const queries[] = { "60", "300", "1500" };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        double sum = 0;

        set_up(&s, RD_L2, queries[k], "0");
        go(&s);
        assert_true(s.record.queries <= N * strtoull(queries[k], NULL, 10));
        for (size_t i = 0; i < N; i++)
            sum += s.record.trials[i].distance;
        assert_true(sum < before);
        before = sum;
        rd_arena_release(&s.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_nearest),
        cmocka_unit_test(says_that_no_radius_was_asked_for),
        cmocka_unit_test(gives_the_whole_curve),
        cmocka_unit_test(spends_what_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
