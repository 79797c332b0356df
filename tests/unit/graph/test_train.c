/* test_train.c - gradients of weights, one step by hand, a toy set learned, the same bytes on any
 * number of threads. */
#include "hand_graph.h"

#include "base/alloc.h"
#include "base/pool.h"
#include "graph/exec.h"
#include "graph/net.h"
#include "graph/plan_impl.h"

static struct rd_run run_with(struct rd_arena *scratch, struct rd_error *err, struct rd_pool *pool)
{
    return (struct rd_run){ .scratch = scratch, .err = err, .pool = pool };
}

static float *random_rows(struct rd_arena *arena, size_t n)
{
    struct rd_rng rng = rd_rng_stream(13, "test/train", 0);
    float *x = RD_NEW_ARRAY(arena, float, n);

    for (size_t i = 0; i < n; i++)
        x[i] = rd_rng_unit_float(&rng);
    return x;
}

static void sizes(const struct rd_graph *g, size_t *inputs, size_t *outputs)
{
    struct rd_net *net;

    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    *inputs = rd_net_inputs(net);
    *outputs = rd_net_outputs(net);
    rd_net_free(net);
}

static bool trained(const struct rd_graph *g, size_t value)
{
    for (size_t n = 0; n < g->n_nodes; n++)
        for (int i = 0; i < g->node[n].n_inputs; i++)
            if (g->node[n].input[i] == (int)value && plan_trainable(g, &g->node[n], i))
                return true;
    return false;
}

/* Mean cross-entropy in float64 through the executor. probabilities: the output is those, not
 * logits. */
static double wide_loss(const struct rd_exec *exec, const struct rd_tensor *x, const int *label,
    size_t n, size_t classes, bool probabilities)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor *out;
    double loss = 0;

    assert_int_equal(rd_exec_run(exec, &x, 1, &arena, &out, NULL), RD_OK);
    for (size_t r = 0; r < n; r++) {
        const double *v = (double *)out->data + r * classes;
        double sum = 0;

        for (size_t i = 0; i < classes; i++)
            sum += exp(v[i]);
        loss += probabilities ? -log(v[label[r]]) : log(sum) - v[label[r]];
    }
    rd_arena_release(&arena);
    return loss / (double)n;
}

/*
 * One step of plain SGD with rate 1 moves each weight by minus its gradient; that is compared with
 * central differences of the float64 executor. Reading the gradient off a weight of size w costs
 * 2^-24 w, hence 1e-6.
 */
static void gradients_of_weights_match_finite_differences(void **state)
{
    enum { N = 11 };
    static const struct rd_train plain = {
        .optimizer = "sgd", .lr = 1, .schedule = "constant", .epochs = 1, .batch = N, .seed = 1
    };

    (void)state;
    for (int z = 0; z < ZOO; z++) {
        struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
        const struct rd_graph *g = hand_zoo(z, &arena, RD_F32);
        struct rd_graph *wide = hand_zoo(z, &arena, RD_F64), *after;
        struct rd_error err = { 0 };
        struct rd_run run = run_with(&scratch, &err, NULL);
        struct rd_tensor in = { .dtype = RD_F64, .ndim = g->value[g->input[0]].ndim };
        struct rd_exec *exec;
        size_t inputs, classes, seen = 0;
        int label[N];
        float *x;

        if (z == 8 || z == 12 || z == 15) { /* batch statistics: tests/golden/train_torch.py */
            rd_arena_release(&scratch);
            rd_arena_release(&arena);
            continue;
        }
        sizes(g, &inputs, &classes);
        x = random_rows(&arena, N * inputs);
        for (int r = 0; r < N; r++)
            label[r] = r % (int)classes;
        if (rd_net_train(&run, g, &plain, x, label, NULL, N, &arena, &after, NULL))
            fail_msg("net %d: %s", z, err.frame[0].text);
        memcpy(in.dim, g->value[g->input[0]].dim, sizeof in.dim);
        in.dim[0] = N;
        in.data = RD_NEW_ARRAY(&arena, double, N *inputs);
        for (size_t i = 0; i < N * inputs; i++)
            ((double *)in.data)[i] = (double)x[i];
        assert_int_equal(rd_exec_open(wide, NULL, NULL, &exec, NULL), RD_OK);
        for (size_t v = 0; v < g->n_values; v++) {
            const struct rd_tensor *w = g->value[v].weight;
            const float *old, *new;
            double *probe;
            size_t kinks = 0;

            if (!w || w->dtype != RD_F32)
                continue;
            old = w->data;
            new = after->value[v].weight->data;
            if (!trained(g, v)) {
                assert_memory_equal(old, new, rd_tensor_bytes(w));
                continue;
            }
            seen++;
            probe = wide->value[v].weight->data;
            for (size_t i = 0; i < rd_tensor_count(w); i += 1 + rd_tensor_count(w) / 9) {
                const double h = 1e-6, at = probe[i];
                double up, down, slope;

                probe[i] = at + h;
                up = wide_loss(exec, &in, label, N, classes, z == 2);
                probe[i] = at - h;
                down = wide_loss(exec, &in, label, N, classes, z == 2);
                probe[i] = at;
                slope = (up - down) / (2 * h);
                /* one difference may have stepped over a kink */
                if (fabs((double)old[i] - (double)new[i] - slope) > 1e-6 + 1e-5 * fabs(slope) &&
                    ++kinks > 1)
                    fail_msg("net %d, weight %zu[%zu]: gradient %.9g, difference %.9g", z, v, i,
                        (double)old[i] - (double)new[i], slope);
            }
        }
        assert_true(seen >= 2);
        rd_exec_free(exec);
        rd_arena_release(&scratch);
        rd_arena_release(&arena);
    }
}

/* Bars of 12 x 12: standing, lying, slanted; shifted and noisy. */
static void toy_set(struct rd_arena *arena, size_t n, float **x_out, int **label_out)
{
    struct rd_rng rng = rd_rng_stream(17, "test/toy", 0);
    float *x = RD_NEW_ARRAY(arena, float, n * 144);
    int *label = RD_NEW_ARRAY(arena, int, n);

    for (size_t i = 0; i < n; i++) {
        const int shift = (int)rd_rng_below(&rng, 7);

        label[i] = (int)(i % 3);
        for (int y = 0; y < 12; y++)
            for (int c = 0; c < 12; c++) {
                const int along = label[i] == 0 ? c : label[i] == 1 ? y : (c + y) / 2;

                x[i * 144 + (size_t)(y * 12 + c)] =
                    (along >= shift + 2 && along < shift + 5 ? 0.8f : 0.1f) +
                    0.1f * rd_rng_unit_float(&rng);
            }
    }
    *x_out = x;
    *label_out = label;
}

static struct rd_graph *toy_net(struct rd_arena *arena)
{
    struct hand h;
    int x;

    hand_begin(&h, arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ -1, 1, 12, 12 });
    x = hand_pool(&h, "MaxPool",
        hand_unary(&h, "Relu", hand_conv(&h, x, 1, 8, 3, 1, 1, 1, 1, true)), 2, 2, 0);
    x = hand_unary(&h, "Flatten", x);
    x = hand_unary(&h, "Relu", hand_gemm(&h, x, 8 * 36, 16, true, true, 1));
    return hand_end(&h, hand_gemm(&h, x, 16, 3, true, true, 1));
}

static void a_small_net_learns_a_toy_set_completely(void **state)
{
    static const char *const optimizers[] = { "adam", "sgd" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_run run = run_with(&scratch, &err, NULL);
        struct rd_train how = rd_train_default;
        struct rd_train_report report;
        struct rd_graph *after;
        struct rd_net *net;
        float *x, *out;
        int *label;

        toy_set(&arena, 240, &x, &label);
        how.optimizer = optimizers[i];
        how.lr = i ? 0.05 : 0.005;
        how.schedule = i ? "one-cycle" : "cosine";
        how.epochs = 12;
        how.batch = 32;
        if (rd_net_train(&run, toy_net(&arena), &how, x, label, NULL, 240, &arena, &after, &report))
            fail_msg("%s", err.frame[0].text);
        assert_int_equal(report.epochs, 12);
        assert_true(report.accuracy == 1);
        assert_true(report.loss > 0 && report.loss < 0.05);
        out = RD_NEW_ARRAY(&arena, float, 240 * 3);
        assert_int_equal(rd_net_open(after, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x, 240, out, NULL), RD_OK);
        for (size_t r = 0; r < 240; r++)
            for (int c = 0; c < 3; c++)
                assert_true(out[r * 3 + (size_t)label[r]] >= out[r * 3 + (size_t)c]);
        rd_net_free(net);
        rd_arena_release(&scratch);
        rd_arena_release(&arena);
    }
}

static bool same_weights(const struct rd_graph *a, const struct rd_graph *b)
{
    for (size_t v = 0; v < a->n_values; v++)
        if (a->value[v].weight && memcmp(a->value[v].weight->data, b->value[v].weight->data,
                                      rd_tensor_bytes(a->value[v].weight)) != 0)
            return false;
    return true;
}

static struct rd_graph *train_zoo(
    int z, size_t threads, uint64_t seed, const float *soft, struct rd_arena *arena)
{
    enum { N = 70 };
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_pool *pool;
    struct rd_run run;
    struct rd_train how = rd_train_default;
    struct rd_graph *g = hand_zoo(z, arena, RD_F32), *after;
    size_t inputs, classes;
    int label[N];
    float *x;

    sizes(g, &inputs, &classes);
    x = random_rows(arena, N * inputs);
    for (int r = 0; r < N; r++)
        label[r] = r % (int)classes;
    how.epochs = 2;
    how.batch = 32; /* the last batch has 6 */
    how.seed = seed;
    assert_int_equal(rd_pool_new(threads, &pool, NULL), RD_OK);
    run = run_with(&scratch, &err, pool);
    if (rd_net_train(&run, g, &how, x, soft ? NULL : label, soft, N, arena, &after, NULL))
        fail_msg("net %d: %s", z, err.frame[0].text);
    rd_pool_free(pool);
    rd_arena_release(&scratch);
    return after;
}

static void the_same_seed_gives_the_same_bytes_on_any_number_of_threads(void **state)
{
    (void)state;
    for (int z = 0; z < ZOO; z++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const struct rd_graph *one = train_zoo(z, 1, 5, NULL, &arena);

        assert_true(same_weights(one, train_zoo(z, 2, 5, NULL, &arena)));
        assert_true(same_weights(one, train_zoo(z, 3, 5, NULL, &arena)));
        assert_false(same_weights(one, train_zoo(z, 1, 6, NULL, &arena)));
        rd_arena_release(&arena);
    }
}

static void soft_labels_of_zero_and_one_are_hard_labels(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    float soft[70 * 10] = { 0 };

    (void)state;
    for (int r = 0; r < 70; r++)
        soft[r * 10 + r % 10] = 1;
    assert_true(same_weights(train_zoo(0, 1, 5, NULL, &arena), train_zoo(0, 1, 5, soft, &arena)));
    rd_arena_release(&arena);
}

static void training_leaves_the_given_graph_alone(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
    struct rd_graph *g = toy_net(&arena), *before, *after;
    struct rd_run run = run_with(&scratch, NULL, NULL);
    float *x;
    int *label;

    (void)state;
    toy_set(&arena, 40, &x, &label);
    assert_int_equal(rd_graph_copy(g, &arena, &before, NULL), RD_OK);
    assert_int_equal(
        rd_net_train(&run, g, &rd_train_default, x, label, NULL, 40, &arena, &after, NULL), RD_OK);
    assert_true(same_weights(g, before));
    assert_false(same_weights(g, after));
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
}

/* --- what goes wrong --- */

static bool stop_at_third(void *user, const char *what, size_t done, size_t total)
{
    size_t *calls = user;

    assert_string_equal(what, "training");
    assert_true(done <= total);
    return ++*calls < 3;
}

static rd_status attempt(const struct rd_train *how, const float *x, const int *label,
    const float *soft, size_t n, struct rd_error *err,
    bool (*step)(void *, const char *, size_t, size_t), void *user)
{
    struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
    struct rd_run run = run_with(&scratch, err, NULL);
    struct rd_graph *after = NULL;
    rd_status st;

    *err = (struct rd_error){ 0 };
    run.step = step;
    run.user = user;
    st = rd_net_train(&run, toy_net(&arena), how, x, label, soft, n, &arena, &after, NULL);
    assert_true(st ? !after : after != NULL);
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
    return st;
}

static void bad_requests_say_what_is_wrong(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_train how = rd_train_default;
    struct rd_error err;
    float *x, soft[40 * 3];
    size_t calls = 0;
    int *label;

    (void)state;
    toy_set(&arena, 40, &x, &label);
    how.optimizer = "lion";
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "lion"));
    how = rd_train_default;
    how.schedule = "steps";
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    how = rd_train_default;
    how.lr = NAN;
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    how = rd_train_default;
    how.batch = 0;
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    how = rd_train_default;
    assert_int_equal(attempt(&how, x, label, NULL, 0, &err, NULL, NULL), RD_E_USAGE);
    assert_int_equal(attempt(&how, x, NULL, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    label[7] = 3;
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "row 7"));
    label[7] = 1;
    x[9 * 144 + 5] = NAN;
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "row 9"));
    x[9 * 144 + 5] = 0;
    for (int i = 0; i < 40 * 3; i++)
        soft[i] = 0.5f;
    assert_int_equal(attempt(&how, x, NULL, soft, 40, &err, NULL, NULL), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "1.5"));
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, stop_at_third, &calls), RD_E_CANCELED);
    assert_int_equal(calls, 3);
    rd_arena_release(&arena);
}

/* Logits are (rows, classes); a map has no classes. */
static void a_net_without_classes_is_not_trained(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = run_with(&scratch, &err, NULL);
    struct rd_graph *after = NULL;
    struct hand h;
    float *x;
    int *label, y;

    (void)state;
    toy_set(&arena, 40, &x, &label);
    hand_begin(&h, &arena, RD_F32);
    y = hand_conv(&h, hand_input(&h, 4, (int64_t[]){ -1, 1, 12, 12 }), 1, 2, 3, 1, 1, 1, 1, true);
    hand_end(&h, y);
    assert_int_equal(
        rd_net_train(&run, h.g, &rd_train_default, x, label, NULL, 40, &arena, &after, NULL),
        RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "(rows, classes)"));
    assert_null(after);
    rd_arena_release(&scratch);
    rd_arena_release(&arena);
}

static void a_loss_that_is_no_number_names_its_epoch(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_train how = rd_train_default;
    struct rd_error err;
    float *x;
    int *label;

    (void)state;
    toy_set(&arena, 40, &x, &label);
    how.optimizer = "sgd";
    how.lr = 1e30;
    how.epochs = 4;
    how.batch = 40;
    assert_int_equal(attempt(&how, x, label, NULL, 40, &err, NULL, NULL), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "epoch 2"));
    assert_non_null(strstr(err.hint, "learning rate"));
    rd_arena_release(&arena);
}

static void every_failed_allocation_is_reported(void **state)
{
    struct rd_arena data = RD_ARENA_INIT;
    struct rd_train how = rd_train_default;
    const size_t live = rd_alloc_live();
    struct rd_graph *g;
    float *x;
    int *label;
    size_t nth, held;

    (void)state;
    toy_set(&data, 40, &x, &label);
    g = toy_net(&data);
    held = rd_alloc_live();
    how.epochs = 1;
    for (nth = 1; nth < 5000; nth++) {
        struct rd_arena arena = RD_ARENA_INIT, scratch = RD_ARENA_INIT;
        struct rd_run run = run_with(&scratch, NULL, NULL);
        struct rd_graph *after = NULL;
        rd_status st;

        rd_alloc_fail_at(nth);
        st = rd_net_train(&run, g, &how, x, label, NULL, 40, &arena, &after, NULL);
        rd_alloc_fail_at(0);
        rd_arena_release(&scratch);
        rd_arena_release(&arena);
        assert_int_equal(rd_alloc_live(), held);
        if (!st)
            break;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(nth > 20 && nth < 5000);
    rd_arena_release(&data);
    assert_int_equal(rd_alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_weights_match_finite_differences),
        cmocka_unit_test(a_small_net_learns_a_toy_set_completely),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_on_any_number_of_threads),
        cmocka_unit_test(soft_labels_of_zero_and_one_are_hard_labels),
        cmocka_unit_test(training_leaves_the_given_graph_alone),
        cmocka_unit_test(bad_requests_say_what_is_wrong),
        cmocka_unit_test(a_net_without_classes_is_not_trained),
        cmocka_unit_test(a_loss_that_is_no_number_names_its_epoch),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
