/* test_defenses.c - what every defense of the registry promises. */
#include "support.h"

#include "attacks/harness.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/rng.h"
#include "defenses/lib/wrap.h"
#include "fake_target.h"
#include "target/recipe.h"

#include <redoubt/defense.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 6, ROWS = 60, OPTIONS_MAX = 4096 };

/* A network that takes four numbers and answers two, for the defenses that want a file. */
static const char replacement[] = "build-test-replacement.onnx";

/* Presets; those that want a file get one. */
static void *presets(const struct rd_defense *d)
{
    _Alignas(64) static unsigned char options[OPTIONS_MAX];
    static char path[512];

    assert_true(d->options_size <= OPTIONS_MAX);
    assert_int_equal(rd_options_reset(d->options, options, NULL), RD_OK);
    if (rd_option_find(d->options, "path")) {
        (void)snprintf(path, sizeof path, "%s/%s", RD_BUILD_DIR, replacement);
        assert_int_equal(rd_options_set(d->options, options, "path", path, NULL), RD_OK);
    }
    return options;
}

static rd_status wrap_with_presets(
    const struct rd_defense *d, struct rd_run *run, struct rd_target *inner, struct rd_target **out)
{
    return d->wrap(run, presets(d), inner, out);
}

/* Three corners of the square with noise, two classes, five contributors: data, and a recipe for a
 * small network on it. */
struct training {
    float x[ROWS * FAKE_INPUTS];
    int label[ROWS], contributor[ROWS];
    struct rd_dataset data;
    struct rd_recipe recipe;
};

static void training_init(struct training *t, struct rd_arena *arena)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 6, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_DENSE, 2, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dims[] = { FAKE_INPUTS };
    struct rd_rng rng = rd_rng_stream(5, "test/defenses", 0);
    struct rd_graph *graph;

    *t = (struct training){ 0 };
    for (int i = 0; i < ROWS; i++) {
        t->label[i] = i % 2;
        t->contributor[i] = i % 5;
        for (int k = 0; k < FAKE_INPUTS; k++)
            t->x[i * FAKE_INPUTS + k] =
                0.25f * rd_rng_unit_float(&rng) + (k % 2 == t->label[i] ? 0.7f : 0.1f);
    }
    t->data = (struct rd_dataset){ .n = ROWS,
        .ndim = 1,
        .dim = { FAKE_INPUTS },
        .width = FAKE_INPUTS,
        .x = t->x,
        .label = t->label,
        .classes = 2,
        .high = 1,
        .contributor = t->contributor,
        .n_contributors = 5 };
    assert_int_equal(rd_graph_build(layers, dims, 1, arena, &graph, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(graph, 1, NULL), RD_OK);
    t->recipe = (struct rd_recipe){ .graph = graph, .data = &t->data, .how = rd_train_default };
    t->recipe.how.epochs = 2;
    t->recipe.how.batch = 16;
    assert_int_equal(rd_recipe_digest(&t->recipe, NULL), RD_OK);
}

static void has_a_complete_descriptor(void **state)
{
    const struct rd_defense *d = *state;

    assert_int_equal(d->abi, RD_DEFENSE_ABI);
    assert_true(d->name && d->summary && strlen(d->summary) <= 72);
    assert_true(d->source && strlen(d->source) > 8);
    assert_true(d->against != 0);
    assert_string_not_equal(rd_node_name(d->node), "unknown");
    assert_true(d->wrap || d->treat);
    assert_ptr_equal(rd_defense_find(d->name), d);
}

/* Every aware attack exists, can touch what the defense is against, and takes the settings. */
static void its_aware_attacks_exist(void **state)
{
    const struct rd_defense *d = *state;
    _Alignas(64) unsigned char options[OPTIONS_MAX];

    for (const struct rd_aware *a = d->aware; a && a->attack; a++) {
        const struct rd_attack *attack = rd_attack_find(a->attack);

        assert_non_null(attack);
        assert_true(a->why && strlen(a->why) > 8);
        assert_ptr_equal(rd_defense_aware(d, a->attack), a);
        assert_int_equal(rd_options_reset(attack->options, options, NULL), RD_OK);
        for (const struct rd_aware_set *s = a->set; s->name; s++)
            assert_int_equal(
                rd_options_set(attack->options, options, s->name, s->value, NULL), RD_OK);
    }
    assert_null(rd_defense_aware(d, "no such attack"));
}

static void speaks_the_vocabulary(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_bytes text;
    char row[80];

    assert_int_equal(rd_file_read("docs/vocabulary.md", 1 << 20, &arena, &text, NULL), RD_OK);
    for (const struct rd_option *o = d->options; o->type != RD_OPT_END; o++) {
        (void)snprintf(row, sizeof row, "| `%s` |", o->name);
        if (!strstr((const char *)text.data, row))
            fail_msg("%s: option '%s' is not in docs/vocabulary.md", d->name, o->name);
    }
    rd_arena_release(&arena);
}

/* The wrapped target is complete, says what stands in front of it without a path, and inner is as
 * before. */
static void wraps_and_leaves_inner_alone(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };
    struct rd_target *w, before;
    struct fake_target fake;
    float x[N * FAKE_INPUTS], score[N * 2], grad[N * FAKE_INPUTS];
    struct rd_dataset data;
    int label[N], got[N];
    struct training t;

    if (!d->wrap)
        return;
    training_init(&t, &arena);
    fake_target_init(&fake, RD_ACCESS_LABELS | RD_ACCESS_SCORES | RD_ACCESS_GRADIENTS);
    fake_points(&fake, 0.01, N, x, label, &data);
    fake.target.recipe = &t.recipe;
    before = fake.target;
    assert_int_equal(wrap_with_presets(d, &run, &fake.target, &w), RD_OK);
    assert_memory_equal(&before, &fake.target, sizeof before);
    assert_int_equal(w->inputs, FAKE_INPUTS);
    assert_int_equal(w->classes, 2);
    assert_true(w->controls[0] && !strncmp(w->controls, d->name, strlen(d->name)));
    assert_null(strchr(w->controls, '/'));
    assert_null(strchr(w->controls, '\n'));
    assert_int_equal(w->labels(w->self, x, N, got, &err), RD_OK);
    if (!d->innermost)
        assert_memory_equal(got, label, sizeof got);
    assert_int_equal(w->scores != NULL, (w->access & RD_ACCESS_SCORES) != 0);
    if (w->scores) {
        assert_int_equal(w->scores(w->self, x, N, score, &err), RD_OK);
        for (size_t i = 0; i < N * 2; i++)
            assert_true(isfinite(score[i]));
    }
    /* Who holds the file is not behind the endpoint. */
    assert_non_null(w->loss_gradient);
    assert_int_equal(w->loss_gradient(w->self, x, label, N, grad, NULL, NULL, &err), RD_OK);
    rd_arena_release(&arena);
}

static void stacks_on_another_defense(void **state)
{
    const struct rd_defense *d = *state, *below = rd_defense_find("rounding");
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };
    struct rd_target *inner, *w;
    struct fake_target fake;

    if (!d->wrap)
        return;
    fake_target_init(&fake, RD_ACCESS_LABELS | RD_ACCESS_SCORES | RD_ACCESS_GRADIENTS);
    assert_int_equal(wrap_with_presets(below, &run, &fake.target, &inner), RD_OK);
    if (d->innermost) {
        assert_int_equal(wrap_with_presets(d, &run, inner, &w), RD_E_USAGE);
    } else {
        assert_int_equal(wrap_with_presets(d, &run, inner, &w), RD_OK);
        const char *second = strchr(w->controls, '\n');

        assert_true(!strncmp(w->controls, "rounding(digits=1", 17));
        assert_non_null(second);
        assert_non_null(strstr(second, d->name));
    }
    rd_arena_release(&arena);
}

/* What treats training says so without a path, and screens the same rows in the same way, with a
 * model given or not, on any number of threads; the data stays as it was. */
static void treats_and_leaves_the_data_alone(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    const struct rd_treatment *treatment = NULL;
    struct training t, before;
    bool drop[3][ROWS] = { { false } };
    double score[3][ROWS];

    if (!d->treat)
        return;
    training_init(&t, &arena);
    before = t;
    for (size_t threads = 1; threads < 4; threads++) {
        struct rd_run run = { .scratch = &arena, .err = &err, .seed = 9 };
        struct rd_train how = rd_train_default;

        assert_int_equal(rd_pool_new(threads, &run.pool, NULL), RD_OK);
        assert_int_equal(d->treat(&run, presets(d), &treatment), RD_OK);
        assert_true(!strncmp(treatment->text, d->name, strlen(d->name)));
        assert_null(strchr(treatment->text, '/'));
        assert_null(strchr(treatment->text, '\n'));
        assert_true(treatment->screen || treatment->train);
        if (treatment->train) {
            assert_int_equal(treatment->train(&run, treatment->self, &t.data, &how), RD_OK);
            assert_true(how.clip > 0 || how.adversary.steps > 0);
        }
        for (int i = 0; i < ROWS; i++)
            score[threads - 1][i] = NAN;
        if (treatment->screen && treatment->screen(&run, treatment->self, &t.recipe, &t.data, NULL,
                                     drop[threads - 1], score[threads - 1]))
            fail_msg("%s", err.frame[0].text);
        rd_pool_free(run.pool);
    }
    assert_memory_equal(&before, &t, sizeof t);
    for (int k = 1; k < 3 && treatment->screen; k++) {
        assert_memory_equal(drop[0], drop[k], sizeof drop[0]);
        assert_memory_equal(score[0], score[k], sizeof score[0]);
    }
    rd_arena_release(&arena);
}

/* Without labels, or without contributors, a screen that needs them says so; none breaks. */
static void screens_say_what_they_miss(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };
    const struct rd_treatment *treatment;
    struct training t;
    bool drop[ROWS] = { false };
    rd_status st;

    if (!d->treat)
        return;
    training_init(&t, &arena);
    t.data.label = NULL;
    t.data.contributor = NULL;
    assert_int_equal(d->treat(&run, presets(d), &treatment), RD_OK);
    if (treatment->screen) {
        st = treatment->screen(&run, treatment->self, &t.recipe, &t.data, NULL, drop, NULL);
        assert_true(st == RD_OK || (st == RD_E_INPUT && err.frames > 0));
        t.data.label = t.label;
        t.data.contributor = t.contributor;
        err = (struct rd_error){ 0 };
        memset(drop, 0, sizeof drop);
        st = treatment->screen(&run, treatment->self, NULL, &t.data, NULL, drop, NULL);
        assert_true(st == RD_OK || (st == RD_E_USAGE && err.frames > 0));
    }
    rd_arena_release(&arena);
}

static rd_status treat_under_failure(const struct rd_defense *d, struct rd_run *run,
    struct training *t, const struct rd_graph *model)
{
    const struct rd_treatment *treatment;
    bool drop[ROWS] = { false };
    double score[ROWS];
    rd_status st = d->treat(run, presets(d), &treatment);

    if (!st && treatment->screen)
        st = treatment->screen(run, treatment->self, &t->recipe, &t->data, model, drop, score);
    return st;
}

static void treating_survives_each_failed_allocation(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena kept = RD_ARENA_INIT;
    struct training t;
    rd_status st = RD_E_MEMORY;

    if (!d->treat)
        return;
    training_init(&t, &kept);
    for (size_t nth = 1; st; nth++) {
        const size_t live = rd_alloc_live();
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_run run = { .scratch = &arena, .err = &err };

        assert_true(nth < 20000);
        rd_alloc_fail_at(nth);
        st = treat_under_failure(d, &run, &t, t.recipe.graph);
        rd_alloc_fail_at(0);
        if (st && st != RD_E_MEMORY)
            fail_msg("allocation %zu: status %d: %s", nth, st, err.frame[0].text);
        rd_arena_release(&arena);
        assert_int_equal(rd_alloc_live(), live);
    }
    rd_arena_release(&kept);
}

static void survives_each_failed_allocation(void **state)
{
    const struct rd_defense *d = *state;
    struct rd_arena kept = RD_ARENA_INIT;
    struct training t;
    rd_status st = d->wrap ? RD_E_MEMORY : RD_OK;

    training_init(&t, &kept);

    for (size_t nth = 1; st; nth++) {
        const size_t live = rd_alloc_live();
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_run run = { .scratch = &arena };
        struct fake_target fake;
        struct rd_target *w;

        assert_true(nth < 5000);
        fake_target_init(&fake, RD_ACCESS_LABELS | RD_ACCESS_SCORES);
        fake.target.recipe = &t.recipe;
        rd_alloc_fail_at(nth);
        st = wrap_with_presets(*state, &run, &fake.target, &w);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        rd_arena_release(&arena);
        assert_int_equal(rd_alloc_live(), live);
    }
    rd_arena_release(&kept);
}

static int make_replacement(void **state)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 2, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dims[] = { FAKE_INPUTS };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *graph;
    char path[512];
    rd_status st = rd_graph_build(layers, dims, 1, &arena, &graph, NULL);

    (void)state;
    (void)snprintf(path, sizeof path, "%s/%s", RD_BUILD_DIR, replacement);
    if (!st)
        st = rd_graph_init_weights(graph, 1, NULL);
    if (!st)
        st = rd_graph_save(graph, path, NULL);
    rd_arena_release(&arena);
    return st;
}

static const struct {
    const char *name;
    void (*check)(void **state);
} promises[] = {
    { "has a complete descriptor", has_a_complete_descriptor },
    { "its aware attacks exist", its_aware_attacks_exist },
    { "speaks the vocabulary", speaks_the_vocabulary },
    { "wraps and leaves inner alone", wraps_and_leaves_inner_alone },
    { "stacks on another defense", stacks_on_another_defense },
    { "treats and leaves the data alone", treats_and_leaves_the_data_alone },
    { "screens say what they miss", screens_say_what_they_miss },
    { "treating survives each failed allocation", treating_survives_each_failed_allocation },
    { "survives each failed allocation", survives_each_failed_allocation },
};
enum { N_PROMISES = sizeof promises / sizeof *promises, TESTS_MAX = 100 * N_PROMISES };

int main(void)
{
    static struct CMUnitTest tests[TESTS_MAX];
    static char names[TESTS_MAX][80];
    size_t n = 0;

    for (const struct rd_defense *const *d = rd_defenses; *d; d++)
        for (size_t p = 0; p < N_PROMISES && n < TESTS_MAX; p++, n++) {
            (void)snprintf(names[n], sizeof names[n], "%s: %s", (*d)->name, promises[p].name);
            tests[n] = (struct CMUnitTest){ names[n], promises[p].check, NULL, NULL,
                (void *)(uintptr_t)*d };
        }
    return _cmocka_run_group_tests("defenses", tests, n, make_replacement, NULL);
}
