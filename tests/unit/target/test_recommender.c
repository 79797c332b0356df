/* The recommender: finds what two crowds like, is fast and the same for the same seed. */
#include "support.h"

#include "base/alloc.h"
#include "target/recommender.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rd_arena arena;
static struct rd_error err;
static struct rd_run run = { .scratch = &arena, .err = &err };
static const struct rd_recommender preset;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

/* Ten users click items 0..4, ten others 5..9; user 0 has not clicked item 4, user 10 not 9. */
static void two_crowds(struct rd_clicks *out)
{
    struct rd_click *c = RD_NEW_ARRAY(&arena, struct rd_click, 100);
    size_t n = 0;

    assert_non_null(c);
    for (int u = 0; u < 20; u++)
        for (int i = 0; i < 5; i++)
            if (!(u % 10 == 0 && i == 4))
                c[n++] = (struct rd_click){ u, i + (u < 10 ? 0 : 5), 1, i };
    assert_int_equal(rd_clicks_make(c, n, 0, 0, out, NULL), RD_OK);
}

static void shows_what_the_likes_of_one_clicked(void **state)
{
    struct rd_recommender how = { .factors = 4 };
    struct rd_clicks c;
    struct rd_factors *f;
    bool seen[10] = { true, true, true, true };
    int top[3];

    (void)state;
    two_crowds(&c);
    assert_int_equal(rd_recommender_train(&run, &how, &c, 1, &arena, &f), RD_OK);
    assert_int_equal(rd_recommender_top(f, 0, seen, 3, top), 3);
    assert_int_equal(top[0], 4);
    assert_int_equal(rd_recommender_rank(f, 0, seen, 4), 0);
    for (int k = 0; k < 3; k++)
        assert_int_equal(rd_recommender_rank(f, 0, seen, (size_t)top[k]), k);
    memset(seen, 1, sizeof seen);
    assert_int_equal(rd_recommender_top(f, 0, seen, 3, top), 0);
}

/* A user that was trained and one folded in from the same clicks are one and the same. */
static void folding_in_gives_the_trained_vector(void **state)
{
    struct rd_clicks c;
    struct rd_factors *f;
    double x[8];

    (void)state;
    two_crowds(&c);
    assert_int_equal(rd_recommender_train(&run, &preset, &c, 1, &arena, &f), RD_OK);
    assert_int_equal(
        rd_recommender_fold_in(&preset, f, c.item, 4, x, &arena, &err), RD_OK); /* user 0 */
    for (size_t i = 0; i < 8; i++)
        assert_true(x[i] == f->user[i]);
}

static void threads_change_nothing(void **state)
{
    struct rd_clicks c;
    struct rd_factors *f[3];
    struct rd_run two = run;

    (void)state;
    assert_int_equal(
        rd_clicks_generate(&(struct rd_clicks_shape){ 150, 60, 10 }, 1, &arena, &c, NULL), RD_OK);
    assert_int_equal(rd_pool_new(2, &two.pool, NULL), RD_OK);
    assert_int_equal(rd_recommender_train(&run, &preset, &c, 1, &arena, &f[0]), RD_OK);
    assert_int_equal(rd_recommender_train(&two, &preset, &c, 1, &arena, &f[1]), RD_OK);
    assert_int_equal(rd_recommender_train(&two, &preset, &c, 2, &arena, &f[2]), RD_OK);
    assert_memory_equal(f[0]->item, f[1]->item, 60 * 8 * sizeof(double));
    assert_memory_equal(f[0]->user, f[1]->user, 150 * 8 * sizeof(double));
    assert_true(memcmp(f[0]->item, f[2]->item, 60 * 8 * sizeof(double)) != 0);
    rd_pool_free(two.pool);
}

/* Each user's last click is held back: how often is it among the ten shown, and by popularity? */
static void beats_popularity_on_the_made_up_stream(void **state)
{
    struct rd_clicks all, kept;
    struct rd_click *c;
    int *last, count[300] = { 0 }, top[10];
    size_t n = 0, hit = 0, popular = 0;
    struct rd_factors *f;
    bool seen[300];

    (void)state;
    assert_int_equal(rd_clicks_generate(NULL, 1, &arena, &all, NULL), RD_OK);
    c = RD_NEW_ARRAY(&arena, struct rd_click, all.n);
    last = RD_NEW_ARRAY(&arena, int, all.n_users);
    assert_true(c && last);
    for (size_t i = 0; i < all.n; i++)
        if (i + 1 == all.n || all.item[i + 1].user != all.item[i].user)
            last[all.item[i].user] = all.item[i].item;
        else {
            count[all.item[i].item]++;
            c[n++] = all.item[i];
        }
    assert_int_equal(rd_clicks_make(c, n, all.n_users, all.n_items, &kept, NULL), RD_OK);
    assert_int_equal(rd_recommender_train(&run, &preset, &kept, 1, &arena, &f), RD_OK);
    n = 0;
    for (size_t u = 0; u < all.n_users; u++) {
        size_t above = 0;

        memset(seen, 0, sizeof seen);
        for (; n < kept.n && (size_t)kept.item[n].user == u; n++)
            seen[kept.item[n].item] = true;
        for (size_t k = rd_recommender_top(f, u, seen, 10, top); k-- > 0;)
            hit += top[k] == last[u];
        for (int i = 0; i < 300; i++)
            above += !seen[i] && count[i] > count[last[u]];
        popular += above < 10;
    }
    print_message("held-back click among the ten shown: %zu of 1000, by popularity %zu, by chance "
                  "about 36\n",
        hit, popular);
    assert_true(hit > popular + 80);
}

/* Drops the users whose number is odd. */
static rd_status drop_odd(
    struct rd_run *r, void *self, const struct rd_clicks *clicks, bool *drop, double *score)
{
    (void)r;
    (void)self;
    (void)score;
    for (size_t u = 1; u < clicks->n_users; u += 2)
        drop[u] = true;
    return RD_OK;
}

static void accounts_left_out_teach_nothing_and_are_served(void **state)
{
    static const struct rd_click_screen odd = { .text = "odd", .screen = drop_odd };
    static const struct rd_click_screen *const screens[] = { &odd };
    const struct rd_recommender how = { .factors = 4, .screen = screens, .n_screens = 1 };
    struct rd_clicks c, even;
    struct rd_click *half = RD_NEW_ARRAY(&arena, struct rd_click, 100);
    struct rd_factors *screened, *without;
    double length = 0;
    size_t n = 0;

    (void)state;
    two_crowds(&c);
    for (size_t i = 0; i < c.n; i++)
        if (c.item[i].user % 2 == 0)
            half[n++] = c.item[i];
    assert_int_equal(rd_clicks_make(half, n, c.n_users, c.n_items, &even, NULL), RD_OK);
    assert_int_equal(rd_recommender_train(&run, &how, &c, 1, &arena, &screened), RD_OK);
    assert_int_equal(rd_recommender_train(&run, &(struct rd_recommender){ .factors = 4 }, &even, 1,
                         &arena, &without),
        RD_OK);
    assert_int_equal(screened->n_dropped, 10);
    assert_memory_equal(screened->item, without->item, 10 * 4 * sizeof(double));
    for (size_t i = 0; i < 4; i++)
        length += fabs(screened->user[4 + i]); /* of user 1, who was left out */
    assert_true(length > 0.01);
}

static void running_out_of_memory_is_survived(void **state)
{
    struct rd_clicks c;
    rd_status st = RD_E_MEMORY;

    (void)state;
    two_crowds(&c);
    for (size_t nth = 1; st; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_factors *f;

        rd_alloc_fail_at(nth);
        st = rd_recommender_train(&run, &preset, &c, 1, &own, &f);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        rd_arena_release(&own);
        assert_true(nth < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(shows_what_the_likes_of_one_clicked, release),
        cmocka_unit_test_teardown(folding_in_gives_the_trained_vector, release),
        cmocka_unit_test_teardown(threads_change_nothing, release),
        cmocka_unit_test_teardown(beats_popularity_on_the_made_up_stream, release),
        cmocka_unit_test_teardown(accounts_left_out_teach_nothing_and_are_served, release),
        cmocka_unit_test_teardown(running_out_of_memory_is_survived, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
