/*
 * test_train_hooks.c - adversarial and private training: against loops written out here, by
 * example, and the same bytes on any number of threads.
 */
#include "hand_graph.h"

#include "base/pool.h"
#include "graph/net.h"

enum { N = 24, SIDE = 6, INPUTS = SIDE * SIDE, CLASSES = 3 };

/* Convolution, pool, two dense layers, on pictures of 6 x 6; softmax: probabilities come out. */
static struct rd_graph *net_of(struct rd_arena *arena, bool softmax)
{
    struct hand h;
    int x;

    hand_begin(&h, arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ -1, 1, SIDE, SIDE });
    x = hand_pool(&h, "MaxPool",
        hand_unary(&h, "Relu", hand_conv(&h, x, 1, 4, 3, 1, 1, 1, 1, true)), 2, 2, 0);
    x = hand_unary(&h, "Flatten", x);
    x = hand_unary(&h, "Relu", hand_gemm(&h, x, 4 * 9, 8, true, true, 1));
    x = hand_gemm(&h, x, 8, CLASSES, true, true, 1);
    return hand_end(&h, softmax ? hand_unary(&h, "Softmax", x) : x);
}

static void examples(float *x, int *label)
{
    struct rd_rng rng = rd_rng_stream(31, "test/hooks", 0);

    for (int r = 0; r < N; r++) {
        label[r] = r % CLASSES;
        for (int i = 0; i < INPUTS; i++)
            x[r * INPUTS + i] = rd_rng_unit_float(&rng);
    }
}

static struct rd_graph *train(const struct rd_graph *g, const struct rd_train *how, const float *x,
    const int *label, size_t n, size_t threads, struct rd_arena *arena)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &scratch, .err = &err };
    struct rd_graph *after = NULL;

    assert_int_equal(rd_pool_new(threads, &run.pool, NULL), RD_OK);
    if (rd_net_train(&run, g, how, x, label, NULL, n, arena, &after, NULL))
        fail_msg("%s", err.frame[0].text);
    rd_pool_free(run.pool);
    rd_arena_release(&scratch);
    return after;
}

static bool same(const struct rd_graph *a, const struct rd_graph *b)
{
    for (size_t v = 0; v < a->n_values; v++)
        if (a->value[v].weight && memcmp(a->value[v].weight->data, b->value[v].weight->data,
                                      rd_tensor_bytes(a->value[v].weight)) != 0)
            return false;
    return true;
}

/* One step of plain SGD at rate 1: what each weight loses is its gradient. */
static const struct rd_train one_step = {
    .optimizer = "sgd", .lr = 1, .schedule = "constant", .epochs = 1, .batch = N, .seed = 3
};

/* --- DP-SGD --- */

/* A batch of all examples has q = 1: every example is in the lot, so the step can be redone here
 * from N trainings on one example each. */
static void clipped_steps_are_the_mean_of_clipped_examples(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = net_of(&arena, false), *after, *one[N];
    struct rd_train how = one_step;
    float x[N * INPUTS];
    double shrink[N];
    int label[N];
    size_t clipped = 0;

    (void)state;
    examples(x, label);
    for (int r = 0; r < N; r++) {
        double square = 0;

        one[r] = train(g, &one_step, x + r * INPUTS, label + r, 1, 1, &arena);
        for (size_t v = 0; v < g->n_values; v++) {
            const struct rd_tensor *w = g->value[v].weight;

            for (size_t i = 0; w && w->dtype == RD_F32 && i < rd_tensor_count(w); i++) {
                const double step = (double)((float *)w->data)[i] -
                                    (double)((float *)one[r]->value[v].weight->data)[i];

                square += step * step;
            }
        }
        shrink[r] = sqrt(square);
    }
    how.clip = shrink[N / 2]; /* some are clipped, some are not */
    for (int r = 0; r < N; r++) {
        clipped += shrink[r] > how.clip;
        shrink[r] = shrink[r] > how.clip ? how.clip / shrink[r] : 1;
    }
    assert_true(clipped > 2 && clipped < N - 2);
    after = train(g, &how, x, label, N, 1, &arena);
    for (size_t v = 0; v < g->n_values; v++) {
        const struct rd_tensor *w = g->value[v].weight;

        for (size_t i = 0; w && w->dtype == RD_F32 && i < rd_tensor_count(w); i++) {
            const double old = (double)((float *)w->data)[i];
            const double got = old - (double)((float *)after->value[v].weight->data)[i];
            double want = 0;

            for (int r = 0; r < N; r++)
                want += shrink[r] * (old - (double)((float *)one[r]->value[v].weight->data)[i]) / N;
            if (fabs(got - want) > 1e-6) /* both read off weights of size 1 in float32 */
                fail_msg("value %zu[%zu]: moved %.8g, not %.8g", v, i, got, want);
        }
    }
    rd_arena_release(&arena);
}

static double spread(const struct rd_graph *a, const struct rd_graph *b, size_t *count_out)
{
    double square = 0;

    *count_out = 0;
    for (size_t v = 0; v < a->n_values; v++) {
        const struct rd_tensor *w = a->value[v].weight;

        for (size_t i = 0; w && w->dtype == RD_F32 && i < rd_tensor_count(w); i++) {
            const double d =
                (double)((float *)w->data)[i] - (double)((float *)b->value[v].weight->data)[i];

            square += d * d;
            ++*count_out;
        }
    }
    return sqrt(square / (double)*count_out);
}

/* With and without noise, the same lot: the difference of one step is the noise, of deviation
 * noise * clip / lot in each weight. 361 weights: the root mean square is within 15 % but for one
 * seed in 30,000. */
static void noise_has_the_deviation_asked_for(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = net_of(&arena, false), *plain, *noisy, *again, *other;
    struct rd_train how = one_step;
    float x[N * INPUTS];
    int label[N];
    size_t n;
    double got;

    (void)state;
    examples(x, label);
    how.clip = 0.5;
    plain = train(g, &how, x, label, N, 1, &arena);
    how.noise = 3;
    noisy = train(g, &how, x, label, N, 1, &arena);
    again = train(g, &how, x, label, N, 3, &arena);
    how.seed++;
    other = train(g, &how, x, label, N, 1, &arena);
    got = spread(plain, noisy, &n);
    assert_true(n > 300);
    if (fabs(got / (3 * 0.5 / N) - 1) > 0.15)
        fail_msg("the noise has deviation %g, not %g", got, 3 * 0.5 / N);
    assert_true(same(noisy, again));
    assert_false(same(noisy, other));
    assert_true(fabs(spread(noisy, other, &n) / (sqrt(2) * 3 * 0.5 / N) - 1) < 0.15);
    rd_arena_release(&arena);
}

/* Lots are Poisson samples: of 4 of 24 examples on average, none twice in a step. */
static void lots_are_drawn_by_chance_and_any_thread_count_gives_the_same(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = net_of(&arena, false), *a;
    struct rd_train how = rd_train_default;
    float x[N * INPUTS];
    int label[N];

    (void)state;
    examples(x, label);
    how.clip = 0.3;
    how.noise = 0.2;
    how.batch = 4;
    how.epochs = 3;
    a = train(g, &how, x, label, N, 1, &arena);
    assert_true(same(a, train(g, &how, x, label, N, 2, &arena)));
    assert_true(same(a, train(g, &how, x, label, N, 4, &arena)));
    rd_arena_release(&arena);
}

/* --- the adversary --- */

/* The steps written out with rd_net_loss_gradient, then one plain training step on the result. */
static void the_adversary_is_projected_gradient_ascent(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const float eps = 0.1f, size = 0.04f;

    (void)state;
    for (int softmax = 0; softmax < 2; softmax++) {
        const struct rd_graph *g = net_of(&arena, softmax), *logits = net_of(&arena, false);
        struct rd_train how = one_step;
        float x[N * INPUTS], moved[N * INPUTS], grad[N * INPUTS];
        struct rd_net *net;
        int label[N];

        examples(x, label);
        x[5] = 0; /* at the edge of the box */
        memcpy(moved, x, sizeof x);
        assert_int_equal(rd_net_open(logits, NULL, &net, NULL), RD_OK);
        for (int step = 0; step < 4; step++) {
            assert_int_equal(
                rd_net_loss_gradient(net, moved, label, N, grad, NULL, NULL, NULL), RD_OK);
            for (int i = 0; i < N * INPUTS; i++) {
                const float to = moved[i] + (grad[i] > 0 ? size : grad[i] < 0 ? -size : 0);

                moved[i] = fminf(fmaxf(fmaxf(to, x[i] - eps), 0), fminf(x[i] + eps, 1));
            }
        }
        rd_net_free(net);
        how.adversary = (struct rd_train_adversary){
            .steps = 4, .eps = 0.1, .step_size = 0.04, .low = 0, .high = 1
        };
        assert_true(same(train(g, &how, x, label, N, 1, &arena),
            train(g, &one_step, moved, label, N, 1, &arena)));
        assert_false(same(
            train(g, &how, x, label, N, 1, &arena), train(g, &one_step, x, label, N, 1, &arena)));
        /* nothing of it yet in the first step of a ramp */
        how.adversary.ramp_epochs = 1;
        assert_true(same(
            train(g, &how, x, label, N, 1, &arena), train(g, &one_step, x, label, N, 1, &arena)));
    }
    rd_arena_release(&arena);
}

static void random_starts_belong_to_seed_epoch_and_example(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = net_of(&arena, false), *a;
    struct rd_train how = rd_train_default;
    float x[N * INPUTS];
    int label[N];

    (void)state;
    examples(x, label);
    how.epochs = 3;
    how.batch = 10;
    how.adversary = (struct rd_train_adversary){
        .steps = 1, .eps = 0.2, .step_size = 0.25, .low = 0, .high = 1, .random_start = true
    };
    a = train(g, &how, x, label, N, 1, &arena);
    assert_true(same(a, train(g, &how, x, label, N, 2, &arena)));
    assert_true(same(a, train(g, &how, x, label, N, 5, &arena)));
    how.adversary.random_start = false;
    assert_false(same(a, train(g, &how, x, label, N, 1, &arena)));
    how.adversary.random_start = true;
    how.clip = 1; /* both at once */
    assert_true(
        same(train(g, &how, x, label, N, 1, &arena), train(g, &how, x, label, N, 2, &arena)));
    rd_arena_release(&arena);
}

static rd_status attempt(const struct rd_graph *g, const struct rd_train *how, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
    struct rd_run run = { .scratch = &scratch, .err = err };
    struct rd_graph *after;
    float x[N * INPUTS];
    int label[N];
    rd_status st;

    *err = (struct rd_error){ 0 };
    examples(x, label);
    st = rd_net_train(&run, g, how, x, label, NULL, N, &arena, &after, NULL);
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
    return st;
}

static void bad_settings_are_refused(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = net_of(&arena, false);
    struct rd_train how = one_step;
    struct rd_error err;

    (void)state;
    how.noise = 1;
    assert_int_equal(attempt(g, &how, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "clip"));
    how.clip = NAN;
    assert_int_equal(attempt(g, &how, &err), RD_E_USAGE);
    how = one_step;
    how.adversary = (struct rd_train_adversary){ .steps = 1, .eps = 0.1, .step_size = 0.1 };
    assert_int_equal(attempt(g, &how, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "box"));
    how.adversary.high = 1;
    how.adversary.eps = 0;
    assert_int_equal(attempt(g, &how, &err), RD_E_USAGE);
    how.adversary.eps = 0.1;
    how.adversary.ramp_epochs = -1;
    assert_int_equal(attempt(g, &how, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "ramp"));
    rd_arena_release(&arena);
}

/* Batch statistics mix examples: there is no gradient of one example to clip. */
static void private_training_refuses_batch_normalization(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = hand_zoo(8, &arena, RD_F32);
    struct rd_train how = one_step;
    struct rd_error err = { 0 };
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run run = { .scratch = &scratch, .err = &err };
    struct rd_graph *after;
    struct rd_net *net;
    float *x;
    int label[4] = { 0 };

    (void)state;
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    x = RD_NEW_ARRAY(&arena, float, 4 * rd_net_inputs(net));
    rd_net_free(net);
    how.clip = 1;
    assert_int_equal(
        rd_net_train(&run, g, &how, x, label, NULL, 4, &arena, &after, NULL), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "mixes the examples"));
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipped_steps_are_the_mean_of_clipped_examples),
        cmocka_unit_test(noise_has_the_deviation_asked_for),
        cmocka_unit_test(lots_are_drawn_by_chance_and_any_thread_count_gives_the_same),
        cmocka_unit_test(the_adversary_is_projected_gradient_ascent),
        cmocka_unit_test(random_starts_belong_to_seed_epoch_and_example),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(private_training_refuses_batch_normalization),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
