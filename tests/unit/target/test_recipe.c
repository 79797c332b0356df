#include "support.h"

#include "target/recipe.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 90, VICTIMS = 5 };

static const int64_t image[] = { 1, 28, 28 };

static const struct rd_graph_spec layers[] = {
    { RD_LAYER_CONV, 4, 5, 3, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_FLATTEN, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 10, 0, 0, 0 },
    { RD_LAYER_END, 0, 0, 0, 0 },
};

struct setting {
    struct rd_arena arena, scratch;
    struct rd_error err;
    struct rd_run run;
    struct rd_graph *graph;
    struct rd_dataset data;
    struct rd_recipe recipe;
};

static void set_up(struct setting *s)
{
    *s = (struct setting){ 0 };
    s->run = (struct rd_run){ .scratch = &s->scratch, .err = &s->err, .seed = 7 };
    assert_int_equal(
        rd_dataset_generate("product-images", 3, ROWS, &s->arena, &s->data, &s->err), RD_OK);
    assert_int_equal(s->data.width, 28 * 28);
    assert_int_equal(rd_graph_build(layers, image, 3, &s->arena, &s->graph, &s->err), RD_OK);
    s->recipe = (struct rd_recipe){ .graph = s->graph, .data = &s->data, .how = rd_train_default };
    s->recipe.how.epochs = 2;
    assert_int_equal(rd_recipe_digest(&s->recipe, &s->err), RD_OK);
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->scratch);
    rd_arena_release(&s->arena);
}

static void digest_of(const struct rd_graph *g, char hex[65])
{
    assert_int_equal(rd_graph_digest(g, hex, NULL), RD_OK);
}

static void a_recipe_is_named_by_shape_and_settings(void **state)
{
    struct setting s;
    struct rd_recipe other;
    struct rd_graph *copy;

    (void)state;
    set_up(&s);
    assert_int_equal(strlen(s.recipe.digest), 64);
    /* other weights, other data: the same recipe */
    assert_int_equal(rd_graph_copy(s.graph, &s.arena, &copy, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(copy, 99, NULL), RD_OK);
    other = s.recipe;
    other.graph = copy;
    other.data = NULL;
    assert_int_equal(rd_recipe_digest(&other, &s.err), RD_OK);
    assert_string_equal(other.digest, s.recipe.digest);
    other.how.lr *= 2;
    assert_int_equal(rd_recipe_digest(&other, &s.err), RD_OK);
    assert_string_not_equal(other.digest, s.recipe.digest);
    other.how = s.recipe.how;
    other.how.noise = 1;
    assert_int_equal(rd_recipe_digest(&other, &s.err), RD_OK);
    assert_string_not_equal(other.digest, s.recipe.digest);
    tear_down(&s);
}

static void many_are_what_each_is_alone(void **state)
{
    struct setting s;
    struct rd_recipe_report report;
    char want[VICTIMS][65], got[65];

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < VICTIMS; i++) {
        struct rd_graph *one;

        assert_int_equal(
            rd_recipe_train(&s.run, &s.recipe, &s.data, 40 + i, &s.arena, &one, &report), RD_OK);
        assert_null(report.drop);
        digest_of(one, want[i]);
    }
    assert_string_not_equal(want[0], want[1]);
    for (size_t threads = 0; threads <= 3; threads++) {
        struct rd_recipe_job job[VICTIMS] = { { 0 } };

        s.run.pool = NULL;
        if (threads)
            assert_int_equal(rd_pool_new(threads, &s.run.pool, NULL), RD_OK);
        for (size_t i = 0; i < VICTIMS; i++)
            job[i] = (struct rd_recipe_job){ .data = &s.data, .seed = 40 + i };
        assert_int_equal(rd_recipe_train_all(&s.run, &s.recipe, job, VICTIMS, &s.arena), RD_OK);
        for (size_t i = 0; i < VICTIMS; i++) {
            digest_of(job[i].trained, got);
            assert_string_equal(got, want[i]);
            assert_int_equal(job[i].report.train.epochs, 2);
        }
        rd_pool_free(s.run.pool);
    }
    tear_down(&s);
}

/* Without treatments it is plain training: rd_net_train from the same seed. */
static void no_treatment_no_difference(void **state)
{
    struct setting s;
    struct rd_recipe_report report;
    struct rd_train_report plain;
    struct rd_graph *one, *fresh, *two;
    struct rd_train how;
    char a[65], b[65];

    (void)state;
    set_up(&s);
    how = s.recipe.how;
    how.seed = 11;
    assert_int_equal(
        rd_recipe_train(&s.run, &s.recipe, &s.data, 11, &s.arena, &one, &report), RD_OK);
    assert_int_equal(rd_graph_copy(s.graph, &s.arena, &fresh, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(fresh, 11, NULL), RD_OK);
    assert_int_equal(rd_net_train(&s.run, fresh, &how, s.data.x, s.data.label, NULL, s.data.n,
                         &s.arena, &two, &plain),
        RD_OK);
    digest_of(one, a);
    digest_of(two, b);
    assert_string_equal(a, b);
    tear_down(&s);
}

/* --- treatments --- */

struct dropper {
    size_t every, first;
};

static rd_status drop_some(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct dropper *d = self;

    (void)run;
    assert_int_equal(recipe->n_treatments, 0); /* else a screen that trains never ends */
    assert_null(model);
    assert_null(score);
    for (size_t i = 0; i < data->n; i++) {
        assert_false(drop[i]);
        drop[i] = i >= d->first && (i - d->first) % d->every == 0;
    }
    return RD_OK;
}

static rd_status fewer_epochs(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    (void)run;
    assert_int_equal(data->n, *(size_t *)self);
    how->epochs = 1;
    return RD_OK;
}

static void screened_rows_are_not_trained_on(void **state)
{
    struct setting s;
    struct dropper evens = { 2, 0 }, thirds = { 3, 0 };
    size_t left = 0;
    const struct rd_treatment a = { &evens, "a", drop_some, NULL },
                              b = { &thirds, "b", drop_some, NULL },
                              c = { &left, "c", NULL, fewer_epochs };
    const struct rd_treatment *const list[] = { &a, &b, &c };
    struct rd_recipe_report report;
    struct rd_dataset by_hand;
    struct rd_recipe plain;
    struct rd_graph *one, *two;
    float x[ROWS * 28 * 28];
    int label[ROWS];
    char got[65], want[65];

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < ROWS; i++) {
        if (i % 2 == 0 || i % 3 == 0)
            continue;
        memcpy(x + left * s.data.width, s.data.x + i * s.data.width, s.data.width * sizeof *x);
        label[left++] = s.data.label[i];
    }
    plain = s.recipe;
    plain.how.epochs = 1;
    s.recipe.treatment = list;
    s.recipe.n_treatments = 3;
    assert_int_equal(
        rd_recipe_train(&s.run, &s.recipe, &s.data, 5, &s.arena, &one, &report), RD_OK);
    assert_int_equal(report.dropped, ROWS - left);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(report.drop[i], i % 2 == 0 || i % 3 == 0);
    assert_int_equal(report.train.epochs, 1);
    by_hand = s.data;
    by_hand.n = left;
    by_hand.x = x;
    by_hand.label = label;
    assert_int_equal(rd_recipe_train(&s.run, &plain, &by_hand, 5, &s.arena, &two, &report), RD_OK);
    digest_of(one, got);
    digest_of(two, want);
    assert_string_equal(got, want);
    tear_down(&s);
}

static void a_screen_that_takes_all_is_an_error(void **state)
{
    struct setting s;
    struct dropper all = { 1, 0 };
    const struct rd_treatment t = { &all, "all", drop_some, NULL };
    const struct rd_treatment *const list[] = { &t };
    struct rd_recipe_job job[3];

    (void)state;
    set_up(&s);
    s.recipe.treatment = list;
    s.recipe.n_treatments = 1;
    for (size_t i = 0; i < 3; i++)
        job[i] = (struct rd_recipe_job){ .data = &s.data, .seed = i };
    assert_int_equal(rd_recipe_train_all(&s.run, &s.recipe, job, 3, &s.arena), RD_E_INPUT);
    assert_non_null(strstr(s.err.frame[0].text, "left none of 90"));
    s.data.label = NULL;
    s.recipe.n_treatments = 0;
    assert_int_equal(rd_recipe_train_all(&s.run, &s.recipe, job, 3, &s.arena), RD_E_INPUT);
    tear_down(&s);
}

/* --- stopping --- */

struct steps {
    size_t n, last;
};

static bool stop_soon(void *user, const char *what, size_t done, size_t total)
{
    struct steps *s = user;

    (void)what;
    assert_true(done <= total);
    assert_true(done >= s->last); /* one bar, never backwards */
    s->last = done;
    return ++s->n < 5;
}

static void stopping_stops_all(void **state)
{
    struct setting s;
    struct steps steps = { 0, 0 };
    struct rd_recipe_job job[VICTIMS];

    (void)state;
    set_up(&s);
    assert_int_equal(rd_pool_new(2, &s.run.pool, NULL), RD_OK);
    s.run.step = stop_soon;
    s.run.user = &steps;
    for (size_t i = 0; i < VICTIMS; i++)
        job[i] = (struct rd_recipe_job){ .data = &s.data, .seed = i };
    assert_int_equal(rd_recipe_train_all(&s.run, &s.recipe, job, VICTIMS, &s.arena), RD_E_CANCELED);
    assert_int_equal(steps.n, 5);
    rd_pool_free(s.run.pool);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recipe_is_named_by_shape_and_settings),
        cmocka_unit_test(many_are_what_each_is_alone),
        cmocka_unit_test(no_treatment_no_difference),
        cmocka_unit_test(screened_rows_are_not_trained_on),
        cmocka_unit_test(a_screen_that_takes_all_is_an_error),
        cmocka_unit_test(stopping_stops_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
