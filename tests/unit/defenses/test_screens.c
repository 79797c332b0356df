/*
 * test_screens.c - neighbors against a plain loop, groups where they were put, and each screen on
 * data whose truth is known: pictures of three kinds, some with a mark and a wrong label.
 */
#include "support.h"

#include "base/pool.h"
#include "base/rng.h"
#include "defenses/lib/near.h"
#include "defenses/lib/parting.h"
#include "stats/rdp.h"
#include "target/recipe.h"

#include <redoubt/defense.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 8, WIDTH = SIDE * SIDE, CLASSES = 3, N = 600, OPTIONS_MAX = 4096 };

/* --- the parts --- */

static void neighbors_are_those_of_a_plain_loop(void **state)
{
    enum { Q = 70, X = 1100, W = 13, K = 4 };
    static float q[Q * W], x[X * W], distance[2][Q * K];
    static size_t index[2][Q * K];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_rng rng = rd_rng_stream(2, "test/near", 0);

    (void)state;
    for (int i = 0; i < X * W; i++)
        x[i] = rd_rng_unit_float(&rng);
    memcpy(x + 7 * W, x + 3 * W, W * sizeof *x); /* equal rows: the lower index first */
    memcpy(q, x, sizeof q);
    for (size_t threads = 1; threads < 3; threads++) {
        struct rd_run run = { .scratch = &arena };

        assert_int_equal(rd_pool_new(threads, &run.pool, NULL), RD_OK);
        assert_int_equal(rd_near(&run, &(struct rd_near){ .query = q,
                                           .x = x,
                                           .n_query = Q,
                                           .n = X,
                                           .width = W,
                                           .k = K,
                                           .self = true,
                                           .index = index[threads - 1],
                                           .distance = distance[threads - 1] }),
            RD_OK);
        rd_pool_free(run.pool);
    }
    assert_memory_equal(index[0], index[1], sizeof index[0]);
    assert_memory_equal(distance[0], distance[1], sizeof distance[0]);
    assert_int_equal(index[0][3 * K], 7);
    assert_int_equal(index[0][7 * K], 3);
    for (size_t i = 0; i < Q; i++)
        for (size_t k = 0; k < K; k++) {
            double want = 0;
            size_t nearer = 0;

            for (size_t a = 0; a < W; a++)
                want += pow((double)q[i * W + a] - (double)x[index[0][i * K + k] * W + a], 2);
            for (size_t j = 0; j < X; j++) {
                double d = 0;

                for (size_t a = 0; a < W; a++)
                    d += pow((double)q[i * W + a] - (double)x[j * W + a], 2);
                nearer += j != i && d < want - 1e-5;
            }
            assert_true(nearer <= k);
            assert_true(fabs((double)distance[0][i * K + k] - sqrt(want)) < 2e-3);
        }
    rd_arena_release(&arena);
}

/* Two clouds, long in one direction and apart in another: plain 2-means cuts the long way. */
static void groups_are_found_across_the_longest_direction(void **state)
{
    enum { ROWS = 400, W = 6 };
    static float x[ROWS * W];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_run run = { .scratch = &arena };
    struct rd_rng rng = rd_rng_stream(3, "test/parting", 0);
    struct rd_parting part[RD_PARTINGS_MAX], again[RD_PARTINGS_MAX];
    size_t n, m, wrong = 0;

    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int a = 0; a < W; a++)
            x[i * W + a] = a == 0   ? 20 * rd_rng_unit_float(&rng)
                           : a == 1 ? rd_rng_unit_float(&rng) + (i % 5 == 0 ? 3.0f : 0.0f)
                                    : rd_rng_unit_float(&rng);
    assert_int_equal(rd_part_two(&run, x, ROWS, W, 5, 8, 1, 0, &arena, part, &n), RD_OK);
    assert_true(n >= 1);
    assert_int_equal(part[0].n_second, ROWS / 5);
    for (int i = 0; i < ROWS; i++)
        wrong += part[0].second[i] != (i % 5 == 0);
    assert_int_equal(wrong, 0);
    assert_true(part[0].separation > 6);
    for (size_t k = 1; k < n; k++)
        assert_true(part[k].separation <= part[k - 1].separation);
    assert_int_equal(rd_part_two(&run, x, ROWS, W, 5, 8, 1, 0, &arena, again, &m), RD_OK);
    assert_int_equal(n, m);
    assert_memory_equal(part[0].posterior, again[0].posterior, ROWS * sizeof(double));
    /* too few rows, or all rows equal: nothing to part */
    assert_int_equal(rd_part_two(&run, x, 10, W, 5, 8, 1, 0, &arena, part, &n), RD_OK);
    assert_int_equal(n, 0);
    memset(x, 0, sizeof x);
    assert_int_equal(rd_part_two(&run, x, ROWS, W, 5, 8, 1, 0, &arena, part, &n), RD_OK);
    assert_int_equal(n, 0);
    rd_arena_release(&arena);
}

/* --- the screens --- */

struct set {
    float x[N * WIDTH];
    int label[N], contributor[N];
    bool poison[N];
    struct rd_dataset data;
    struct rd_recipe recipe;
};

/* Bars: lying, standing, slanted, shifted and noisy. poison: so many rows of classes 1 and 2 get a
 * bright corner and label 0. */
static struct set *make_set(struct rd_arena *arena, size_t poison)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_CONV, 6, 3, 1, 1 },
        { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
        { RD_LAYER_FLATTEN, 0, 0, 0, 0 }, { RD_LAYER_DENSE, 24, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_DENSE, CLASSES, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dims[] = { 1, SIDE, SIDE };
    struct set *s = RD_NEW(arena, struct set);
    struct rd_rng rng = rd_rng_stream(23, "test/screens", 0);
    struct rd_graph *graph;

    for (int i = 0; i < N; i++) {
        const int kind = i % CLASSES, shift = (int)rd_rng_below(&rng, 4);

        s->label[i] = kind;
        s->contributor[i] = i % 7;
        for (int y = 0; y < SIDE; y++)
            for (int c = 0; c < SIDE; c++) {
                const int along = kind == 0 ? y : kind == 1 ? c : (y + c) / 2;

                s->x[i * WIDTH + y * SIDE + c] =
                    (along >= shift + 1 && along < shift + 3 ? 0.6f : 0.05f) +
                    0.3f * rd_rng_unit_float(&rng);
            }
        if (kind && poison) {
            poison--;
            s->poison[i] = true;
            s->label[i] = 0;
            s->x[i * WIDTH + WIDTH - 1] = s->x[i * WIDTH + WIDTH - 2] = 1;
            s->x[i * WIDTH + WIDTH - 1 - SIDE] = 1;
        }
    }
    s->data = (struct rd_dataset){ .n = N,
        .ndim = 3,
        .dim = { 1, SIDE, SIDE },
        .width = WIDTH,
        .x = s->x,
        .label = s->label,
        .classes = CLASSES,
        .high = 1,
        .contributor = s->contributor,
        .n_contributors = 7 };
    assert_int_equal(rd_graph_build(layers, dims, 3, arena, &graph, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(graph, 1, NULL), RD_OK);
    s->recipe = (struct rd_recipe){ .graph = graph, .data = &s->data, .how = rd_train_default };
    s->recipe.how.epochs = 15;
    s->recipe.how.batch = 20;
    s->recipe.how.lr = 0.01;
    return s;
}

static void screen(struct set *s, const char *method, const char *option, const char *value,
    bool *drop, double *score, struct rd_arena *arena)
{
    _Alignas(64) unsigned char options[OPTIONS_MAX];
    const struct rd_defense *d = rd_defense_find(method);
    const struct rd_treatment *t;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = arena, .err = &err, .seed = 1 };

    assert_non_null(d);
    assert_int_equal(rd_options_reset(d->options, options, NULL), RD_OK);
    if (option)
        assert_int_equal(rd_options_set(d->options, options, option, value, NULL), RD_OK);
    assert_int_equal(d->treat(&run, options, &t), RD_OK);
    memset(drop, 0, N * sizeof *drop);
    if (t->screen(&run, t->self, &s->recipe, &s->data, NULL, drop, score))
        fail_msg("%s: %s", method, err.frame[0].text);
}

static size_t count(const bool *drop, const bool *poison, bool which)
{
    size_t n = 0;

    for (int i = 0; i < N; i++)
        n += drop[i] && poison[i] == which;
    return n;
}

/* Chance that a poisoned row scores above a clean one. */
static double auc(const double *score, const bool *poison)
{
    double above = 0, pairs = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            if (poison[i] && !poison[j]) {
                above += score[i] > score[j] ? 1 : score[i] >= score[j] ? 0.5 : 0;
                pairs++;
            }
    return above / pairs;
}

/* 60 of 600 rows, and with 200 half of the class they pose in; and none. */
static void activation_clustering_finds_the_marked_and_nobody_else(void **state)
{
    static const size_t poison[] = { 60, 200, 0 };

    (void)state;
    for (int k = 0; k < 3; k++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct set *s = make_set(&arena, poison[k]);
        static bool drop[N];
        static double score[N];
        size_t right, wrong;

        screen(s, "activation-clustering", NULL, NULL, drop, score, &arena);
        right = count(drop, s->poison, true);
        wrong = count(drop, s->poison, false);
        if (right < poison[k] * 9 / 10 || wrong * 19 > right)
            fail_msg("%zu of %zu poisoned rows found, %zu others", right, poison[k], wrong);
        if (poison[k])
            assert_true(auc(score, s->poison) > 0.95);
        rd_arena_release(&arena);
    }
}

static void spectral_signatures_ranks_a_small_poison_high(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct set *s = make_set(&arena, 30);
    static bool drop[N];
    static double score[N];
    size_t n;

    (void)state;
    screen(s, "spectral-signatures", "rate", "0.1", drop, score, &arena);
    n = count(drop, s->poison, true) + count(drop, s->poison, false);
    assert_in_range(n, N * 14 / 100, N * 15 / 100);
    /* within the class, as the method ranks */
    for (int i = 0; i < N; i++)
        if (s->label[i])
            score[i] = -1;
    assert_true(auc(score, s->poison) > 0.8);
    rd_arena_release(&arena);
}

static void label_consistency_finds_flipped_labels(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct set *s = make_set(&arena, 0);
    static bool drop[N];
    static double score[N];

    (void)state;
    screen(s, "label-consistency", NULL, NULL, drop, score, &arena);
    assert_int_equal(count(drop, s->poison, false), 0);
    for (int i = 0; i < N; i += 20) {
        s->label[i] = (s->label[i] + 1) % CLASSES;
        s->poison[i] = true;
    }
    screen(s, "label-consistency", NULL, NULL, drop, score, &arena);
    assert_int_equal(count(drop, s->poison, true), N / 20);
    assert_int_equal(count(drop, s->poison, false), 0);
    assert_true(auc(score, s->poison) > 0.999);
    rd_arena_release(&arena);
}

static void copies_are_left_out_and_their_first_is_kept(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct set *s = make_set(&arena, 0);
    static bool drop[N];

    (void)state;
    for (int i = 0; i < 3; i++) { /* three exact copies, three scaled ones */
        memcpy(s->x + (100 + i) * WIDTH, s->x + 5 * WIDTH, WIDTH * sizeof(float));
        for (int k = 0; k < WIDTH; k++)
            s->x[(200 + i) * WIDTH + k] = 0.9f * s->x[9 * WIDTH + k];
    }
    screen(s, "duplicates", "similarity", "1", drop, NULL, &arena);
    for (int i = 0; i < N; i++) /* scaled alike, the three are copies of one another */
        assert_int_equal(drop[i], (i >= 100 && i < 103) || i == 201 || i == 202);
    screen(s, "duplicates", "similarity", "0.9999", drop, NULL, &arena);
    for (int i = 0; i < N; i++)
        assert_int_equal(drop[i], (i >= 100 && i < 103) || (i >= 200 && i < 203));
    rd_arena_release(&arena);
}

static void contributors_are_capped_and_judged(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct set *s = make_set(&arena, 0);
    static bool drop[N];
    static double score[N];
    size_t of[7] = { 0 };

    (void)state;
    screen(s, "contributor-cap", "share", "0.1", drop, score, &arena);
    for (int i = 0; i < N; i++)
        of[i % 7] += !drop[i];
    for (int c = 0; c < 7; c++)
        assert_int_equal(of[c], 60);
    screen(s, "contributor-reputation", NULL, NULL, drop, score, &arena);
    assert_int_equal(count(drop, s->poison, false), 0);
    for (int i = 0; i < N; i++)
        if (i % 7 == 4) {
            s->poison[i] = true;
            s->label[i] = i % 2 ? (s->label[i] + 1) % CLASSES : s->label[i];
        }
    screen(s, "contributor-reputation", NULL, NULL, drop, score, &arena);
    assert_int_equal(count(drop, s->poison, false), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(drop[i], i % 7 == 4);
    rd_arena_release(&arena);
}

/* --- around training --- */

static void private_training_keeps_the_epsilon_it_names(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct set *s = make_set(&arena, 0);
    const struct rd_defense *d = rd_defense_find("dp-sgd");
    static const char *const epsilons[] = { "0.5", "3", "50" };
    double before = INFINITY;

    (void)state;
    for (int i = 0; i < 3; i++) {
        _Alignas(64) unsigned char options[OPTIONS_MAX];
        const struct rd_treatment *t;
        struct rd_run run = { .scratch = &arena };
        struct rd_train how = s->recipe.how;
        const struct rd_rdp spent = { .q = 20 / (double)N, .steps = 15 * N / 20 };
        struct rd_rdp with;
        double epsilon, wanted = i == 0 ? 0.5 : i == 1 ? 3 : 50;

        assert_int_equal(rd_options_reset(d->options, options, NULL), RD_OK);
        assert_int_equal(rd_options_set(d->options, options, "epsilon", epsilons[i], NULL), RD_OK);
        assert_int_equal(d->treat(&run, options, &t), RD_OK);
        assert_non_null(strstr(t->text, "epsilon="));
        assert_int_equal(t->train(&run, t->self, &s->data, &how), RD_OK);
        with = spent;
        with.noise = how.noise;
        epsilon = rd_rdp_epsilon(&with, 1e-5, NULL);
        assert_true(epsilon <= wanted && epsilon > 0.97 * wanted);
        assert_true(how.noise < before && how.clip > 0);
        before = how.noise;
    }
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbors_are_those_of_a_plain_loop),
        cmocka_unit_test(groups_are_found_across_the_longest_direction),
        cmocka_unit_test(activation_clustering_finds_the_marked_and_nobody_else),
        cmocka_unit_test(spectral_signatures_ranks_a_small_poison_high),
        cmocka_unit_test(label_consistency_finds_flipped_labels),
        cmocka_unit_test(copies_are_left_out_and_their_first_is_kept),
        cmocka_unit_test(contributors_are_capped_and_judged),
        cmocka_unit_test(private_training_keeps_the_epsilon_it_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
