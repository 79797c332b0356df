/*
 * Fake accounts: on generated clicks (1,000 users, 300 items, seed 1) an item nobody was shown
 * reaches real users; the optimized strategy does better than the old three; the harness refuses
 * what an attack must not do.
 */
#include "support.h"

#include "attacks/harness.h"
#include "attacks/job.h"
#include "base/alloc.h"
#include "data/clicks.h"
#include "target/recommender.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct rd_arena arena;
static struct rd_clicks clicks;
static const struct rd_recommender recommender;

static int set_up(void **state)
{
    (void)state;
    return rd_clicks_generate(NULL, 1, &arena, &clicks, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

struct setting {
    const char *name, *value;
};

static rd_status attack(const struct rd_attack *a, const struct rd_clicks *c,
    const struct rd_recommender *how, const struct setting *set, struct rd_record *out,
    struct rd_error *err, struct rd_pool *pool)
{
    _Alignas(64) unsigned char options[1024];
    struct rd_run run = { .scratch = &arena, .err = err, .seed = 1, .pool = pool };
    struct rd_trial_request q = { .attack = a,
        .options = options,
        .clicks = c,
        .recommender = how,
        .criterion = 0.2,
        .stated_accuracy = NAN };
    rd_status st;

    assert_int_equal(rd_options_reset(a->options, options, NULL), RD_OK);
    for (; set && set->name; set++)
        assert_int_equal(rd_options_set(a->options, options, set->name, set->value, NULL), RD_OK);
    st = rd_harness_run(&run, &q, &arena, out);
    for (int i = 0; st && err && i < err->frames; i++)
        print_message("  %s\n", err->frame[i].text);
    return st;
}

static double metric(const struct rd_record *r, const char *name)
{
    const struct rd_metric *m = rd_record_metric(r, name);

    assert_non_null(m);
    return m->v.value;
}

static void each_strategy_pushes_and_the_optimized_one_most(void **state)
{
    static const char *const names[] = { "random", "average", "bandwagon", "optimized" };
    const struct rd_attack *a = rd_attack_find("fake-accounts");
    double gain[4];

    (void)state;
    assert_non_null(a);
    for (int i = 0; i < 4; i++) {
        const struct setting set[] = { { "strategy", names[i] }, { "accounts", "60" },
            { NULL, NULL } };
        struct rd_record r;
        struct rd_error err = { 0 };

        assert_int_equal(attack(a, &clicks, &recommender, set, &r, &err, NULL), RD_OK);
        gain[i] = metric(&r, "hit_rate_gain");
        print_message(
            "%s, 60 accounts of 30 clicks, seed 1: hit rate %.3f, control %.3f, gain %.3f "
            "[%.3f, %.3f], rank shift %.3f, exposure %.3f (%.3f), accuracy %.3f (%.3f)\n",
            names[i], metric(&r, "hit_rate"), metric(&r, "hit_rate_control"), gain[i],
            r.interval.low, r.interval.high, metric(&r, "rank_shift"), metric(&r, "exposure"),
            metric(&r, "exposure_control"), metric(&r, "clean_accuracy"),
            metric(&r, "clean_accuracy_control"));
        for (size_t k = 0; k < r.curves[0].n; k++)
            print_message("   %g: %.3f", r.curves[0].x[k], r.curves[0].y[k].value);
        print_message("\n");
        assert_string_equal(r.unit, "run");
        assert_string_equal(r.judged, "hit_rate_gain");
        assert_int_equal(r.n, 5);
        assert_int_equal(r.n_curves, 2);
        assert_int_equal(r.n_traces, 10);
        assert_string_equal(r.traces[0].metric, "hit_rate");
        assert_true(r.traces[0].x[0] == 0);
        assert_true(gain[i] > 0);
    }
    assert_true(gain[3] > gain[0] && gain[3] > gain[1] && gain[3] > gain[2]);
    assert_true(gain[3] >= 0.06 && gain[3] > 1.5 * gain[0]);
}

static void nuking_costs_the_item_places(void **state)
{
    static const char *const names[] = { "random", "average", "bandwagon", "optimized" };

    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct setting set[] = { { "strategy", names[i] }, { "goal", "nuke" },
            { "accounts", "100" }, { "runs", "3" }, { NULL, NULL } };
        struct rd_record r;
        struct rd_error err = { 0 };

        assert_int_equal(
            attack(rd_attack_find("fake-accounts"), &clicks, &recommender, set, &r, &err, NULL),
            RD_OK);
        assert_string_equal(r.judged, "rank_loss");
        print_message("nuke %s, 100 accounts: hit rate %.3f, control %.3f, rank loss %.4f [%.4f, "
                      "%.4f]\n",
            names[i], metric(&r, "hit_rate"), metric(&r, "hit_rate_control"), r.interval.value,
            r.interval.low, r.interval.high);
        assert_true(i < 3 || metric(&r, "hit_rate") < metric(&r, "hit_rate_control"));
    }
}

static void threads_and_repetition_change_nothing(void **state)
{
    const struct setting set[] = { { "accounts", "10" }, { "runs", "3" }, { NULL, NULL } };
    struct rd_buf text[2] = { { 0 } };
    struct rd_pool *pool;

    (void)state;
    assert_int_equal(rd_pool_new(2, &pool, NULL), RD_OK);
    for (int i = 0; i < 2; i++) {
        struct rd_record r;
        struct rd_error err = { 0 };
        struct rd_json j = { .out = &text[i] };

        assert_int_equal(attack(rd_attack_find("fake-accounts"), &clicks, &recommender, set, &r,
                             &err, i ? pool : NULL),
            RD_OK);
        rd_record_write(&r, &j);
        rd_json_release(&j);
    }
    assert_string_equal(rd_buf_text(&text[0]), rd_buf_text(&text[1]));
    rd_buf_release(&text[0]);
    rd_buf_release(&text[1]);
    rd_pool_free(pool);
}

/* --- the harness disposes --- */

static rd_status cheat(struct rd_run *run, const void *options, struct rd_profile_job *job)
{
    (void)run;
    (void)options;
    job->fake[0] = (struct rd_click){ 3, job->item, 1, 0 }; /* in the name of a real user */
    job->n_fake = 1;
    return RD_OK;
}

static rd_status overdo(struct rd_run *run, const void *options, struct rd_profile_job *job)
{
    (void)run;
    (void)options;
    job->n_fake = 0;
    for (int i = 0; i < 2; i++) /* the same click twice */
        job->fake[job->n_fake++] = (struct rd_click){ (int)job->clicks->n_users, job->item, 1, i };
    return RD_OK;
}

static void what_an_attack_must_not_do_is_refused(void **state)
{
    const struct setting set[] = { { "accounts", "3" }, { "runs", "1" }, { NULL, NULL } };
    rd_status (*const bad[])(
        struct rd_run *, const void *, struct rd_profile_job *) = { cheat, overdo };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rd_attack a = *rd_attack_find("fake-accounts");
        struct rd_record r;
        struct rd_error err = { 0 };

        a.inject = bad[i];
        assert_int_equal(attack(&a, &clicks, &recommender, set, &r, &err, NULL), RD_E_BUG);
    }
}

/* Everybody clicks things drawn anew: nothing to learn, so nothing to say. */
static void a_recommender_that_has_learned_nothing_is_refused(void **state)
{
    struct rd_rng rng = rd_rng_stream(1, "noise", 0);
    struct rd_click *c = RD_NEW_ARRAY(&arena, struct rd_click, 4000);
    struct rd_clicks noise;
    struct rd_record r;
    struct rd_error err = { 0 };

    (void)state;
    assert_non_null(c);
    for (int i = 0; i < 4000; i++)
        c[i] = (struct rd_click){ i / 10, (int)rd_rng_below(&rng, 200), 1, i };
    assert_int_equal(rd_clicks_make(c, 4000, 0, 0, &noise, NULL), RD_OK);
    assert_int_equal(
        attack(rd_attack_find("fake-accounts"), &noise, &recommender, NULL, &r, &err, NULL),
        RD_E_INPUT);
}

static void an_item_that_is_not_there_is_refused(void **state)
{
    const struct setting set[] = { { "item", "300" }, { NULL, NULL } };
    struct rd_record r;
    struct rd_error err = { 0 };

    (void)state;
    assert_int_equal(
        attack(rd_attack_find("fake-accounts"), &clicks, &recommender, set, &r, &err, NULL),
        RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "item 300 is not among the 300"));
}

static void running_out_of_memory_is_survived(void **state)
{
    const struct setting set[] = { { "accounts", "4" }, { "clicks", "3" }, { "runs", "1" },
        { "k", "3" }, { NULL, NULL } };
    struct rd_clicks few;
    size_t step = 1;
    rd_status st = RD_E_MEMORY;

    (void)state;
    assert_int_equal(
        rd_clicks_generate(&(struct rd_clicks_shape){ 60, 30, 8 }, 1, &arena, &few, NULL), RD_OK);
    for (size_t nth = 1; st; nth += step) {
        struct rd_record r;

        rd_alloc_fail_at(nth);
        st = attack(rd_attack_find("fake-accounts"), &few, &recommender, set, &r, NULL, NULL);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        assert_true(nth < 100000);
        if (nth > 60) /* candidates, all alike: sample */
            step = 1 + nth / 4;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_strategy_pushes_and_the_optimized_one_most),
        cmocka_unit_test(nuking_costs_the_item_places),
        cmocka_unit_test(threads_and_repetition_change_nothing),
        cmocka_unit_test(what_an_attack_must_not_do_is_refused),
        cmocka_unit_test(a_recommender_that_has_learned_nothing_is_refused),
        cmocka_unit_test(an_item_that_is_not_there_is_refused),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
