/*
 * The same small network with its batch axis as people export it: free by name, computed by
 * Shape and Concat, fixed at one or three, moved to another axis, mixed. Hand-made weights come
 * from one stream in one order, so that all variants are the same function.
 */
#include "hand_graph.h"

#include "base/alloc.h"
#include "graph/net.h"
#include "graph/rewrite.h"

enum { ROWS = 7, PIXELS = 36, CLASSES = 3 };

enum variant { FREE, COMPUTED, EXPANDED_SHAPE, FIXED_ONE, FIXED_THREE, MIXED };

static int computed_shape(struct hand *h, int x, bool by_where)
{
    const struct rd_attr axis = hand_i("axis", 0);
    const int zero[1] = { hand_ints(h, 1, (int64_t[]){ 0 }) };
    const int shape = hand_unary(h, "Shape", x);
    const int n = hand_node(h, "Gather", (int[]){ shape, zero[0] }, 2, &axis, 1);
    const int minus = hand_ints(h, 1, (int64_t[]){ -1 });
    const int both = hand_node(h, "Concat",
        (int[]){ hand_binary(h, "Mul", n, hand_ints(h, 1, (int64_t[]){ 1 })), minus }, 2, &axis, 1);

    if (!by_where)
        return both;
    /* as torch.expand writes it: where shape == -1, something else */
    return hand_node(h, "Where",
        (int[]){ hand_binary(h, "Equal", both, hand_ints(h, 2, (int64_t[]){ -1, -1 })),
            hand_ints(h, 2, (int64_t[]){ 4 * PIXELS, 4 * PIXELS }), both },
        3, NULL, 0);
}

static struct rd_graph *make(struct rd_arena *arena, enum variant which)
{
    const int64_t batch = which == FIXED_ONE ? 1 : which == FIXED_THREE ? 3 : -1;
    const struct rd_attr axis = hand_i("axis", 0);
    struct hand h;
    int x, y, shape;

    hand_begin(&h, arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ batch, 1, 6, 6 });
    y = hand_unary(&h, "Relu", hand_conv(&h, x, 1, 4, 3, 1, 1, 1, 1, true));
    shape = which == COMPUTED || which == EXPANDED_SHAPE
                ? computed_shape(&h, y, which == EXPANDED_SHAPE)
                : hand_ints(&h, 2, (int64_t[]){ batch == -1 ? 0 : batch, -1 });
    y = hand_binary(&h, "Reshape", y, shape);
    y = hand_gemm(&h, y, 4 * PIXELS, CLASSES, true, true, 1);
    if (which == MIXED)
        y = hand_node(&h, "Softmax", &y, 1, &axis, 1);
    return hand_end(&h, y);
}

static float *rows_of(struct rd_arena *arena, size_t n)
{
    struct rd_rng rng = rd_rng_stream(3, "test/rewrite", 0);
    float *x = RD_NEW_ARRAY(arena, float, n);

    for (size_t i = 0; i < n; i++)
        x[i] = rd_rng_unit_float(&rng);
    return x;
}

static void assert_alike(const float *a, const float *b, size_t n, float tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= tolerance)) {
            print_error("element %zu: %.9g and %.9g\n", i, (double)a[i], (double)b[i]);
            fail();
        }
}

static void however_the_batch_is_written_rows_answer_the_same(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    float *x = rows_of(&arena, ROWS * PIXELS), want[ROWS * CLASSES], slope[ROWS * PIXELS];
    const int label[ROWS] = { 0, 1, 2, 0, 1, 2, 0 };

    (void)state;
    for (enum variant v = FREE; v <= FIXED_THREE; v++) {
        struct rd_graph *g = make(&arena, v);
        struct rd_net *net = NULL;
        float out[ROWS * CLASSES], grad[ROWS * PIXELS], loss[ROWS];

        if (v <= EXPANDED_SHAPE)
            assert_true(g->value[g->output[0]].batched);
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_inputs(net), PIXELS);
        assert_int_equal(rd_net_outputs(net), CLASSES);
        assert_int_equal(rd_net_forward(net, x, ROWS, v == FREE ? want : out, NULL), RD_OK);
        assert_int_equal(
            rd_net_loss_gradient(net, x, label, ROWS, v == FREE ? slope : grad, loss, NULL, NULL),
            RD_OK);
        if (v != FREE) {
            assert_alike(out, want, ROWS * CLASSES, 1e-5f);
            assert_alike(grad, slope, ROWS * PIXELS, 1e-5f);
        }
        rd_net_free(net);
    }
    rd_arena_release(&arena);
}

static void rows_that_mix_are_no_classifier(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_net *net = NULL;
    struct rd_error err = { 0 };
    float x[PIXELS] = { 0 }, out[CLASSES];

    (void)state;
    assert_int_equal(rd_net_open(make(&arena, MIXED), NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_inputs(net), 0);
    assert_int_equal(rd_net_forward(net, x, 1, out, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "row by row"));
    rd_net_free(net);
    rd_arena_release(&arena);
}

/* (n, 5) -> Transpose -> sums over the features: the batch ends on axis 1, and comes back. */
static void a_batch_on_another_axis_runs_row_by_row(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_attr perm[1] = {
        { .name = "perm", .type = RD_ATTR_INTS, .ints = (const int64_t[]){ 1, 0 }, .n = 2 }
    };
    struct rd_net *net = NULL;
    float x[ROWS * 5], out[ROWS * 5], grad[ROWS * 5], ones[ROWS * 5];
    struct hand h;
    int y;

    (void)state;
    for (int i = 0; i < ROWS * 5; i++) {
        x[i] = (float)i / 10;
        ones[i] = 1;
    }
    hand_begin(&h, &arena, RD_F32);
    y = hand_input(&h, 2, (int64_t[]){ -1, 5 });
    y = hand_node(&h, "Transpose", &y, 1, perm, 1);
    y = hand_unary(&h, "Exp", y);
    y = hand_node(&h, "Transpose", &y, 1, perm, 1);
    assert_int_equal(rd_net_open(hand_end(&h, y), NULL, &net, NULL), RD_OK);
    assert_false(h.g->value[y].batched);
    assert_int_equal(rd_net_inputs(net), 5);
    assert_int_equal(rd_net_forward(net, x, ROWS, out, NULL), RD_OK);
    assert_int_equal(rd_net_vjp(net, x, ones, ROWS, grad, NULL), RD_OK);
    for (int i = 0; i < ROWS * 5; i++) {
        assert_true(fabsf(out[i] - expf(x[i])) < 1e-5f * expf(x[i]));
        assert_true(fabsf(grad[i] - expf(x[i])) < 1e-5f * expf(x[i]));
    }
    rd_net_free(net);
    rd_arena_release(&arena);
}

/* One number a row behind a Sigmoid, or bare; as (n, 1) or squeezed to (n). */
static void one_number_is_one_of_two_classes(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const bool squeezed = which & 1, sigmoid = which & 2;
        float *x = rows_of(&arena, ROWS * 4), z[ROWS], p[ROWS * 2], l[ROWS * 2], g[ROWS * 4];
        float want[ROWS * 4], pull[ROWS * 2], one[ROWS];
        struct rd_graph *plain, *scores = NULL, *logits = NULL;
        struct rd_net *net = NULL;
        struct hand h;
        int y;

        for (int i = 0; i < ROWS; i++) {
            one[i] = 1;
            pull[2 * i] = 5; /* class 0 is always 0: nothing pulls on it */
            pull[2 * i + 1] = 1;
        }
        hand_begin(&h, &arena, RD_F32);
        y = hand_gemm(&h, hand_input(&h, 2, (int64_t[]){ -1, 4 }), 4, 1, true, true, 1);
        plain = RD_NEW(&arena, struct rd_graph);
        *plain = *hand_end(&h, y);
        plain->output = RD_NEW_ARRAY(&arena, int, 1);
        *(int *)(uintptr_t)plain->output = y;
        assert_int_equal(rd_net_open(plain, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x, ROWS, z, NULL), RD_OK);
        assert_int_equal(rd_net_vjp(net, x, one, ROWS, want, NULL), RD_OK);
        rd_net_free(net);
        if (sigmoid)
            y = hand_unary(&h, "Sigmoid", y);
        if (squeezed)
            y = hand_binary(&h, "Squeeze", y, hand_ints(&h, 1, (int64_t[]){ 1 }));
        assert_true(rd_graph_is_one_number(hand_end(&h, y)));
        assert_int_equal(rd_graph_two_classes(h.g, &arena, &scores, &logits, NULL), RD_OK);
        assert_int_equal(scores == logits, !sigmoid);
        assert_int_equal(rd_net_open(scores, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_outputs(net), 2);
        assert_int_equal(rd_net_forward(net, x, ROWS, p, NULL), RD_OK);
        rd_net_free(net);
        assert_int_equal(rd_net_open(logits, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x, ROWS, l, NULL), RD_OK);
        assert_int_equal(rd_net_vjp(net, x, pull, ROWS, g, NULL), RD_OK);
        rd_net_free(net);
        for (int i = 0; i < ROWS; i++) {
            const float q = 1 / (1 + expf(-z[i]));

            assert_true(l[2 * i] == 0);
            assert_true(fabsf(l[2 * i + 1] - z[i]) < 1e-6f);
            assert_true(fabsf(p[2 * i + 1] - (sigmoid ? q : z[i])) < 1e-6f);
            assert_true(fabsf(p[2 * i] - (sigmoid ? 1 - q : 0)) < 1e-6f);
        }
        assert_alike(g, want, ROWS * 4, 1e-6f);
        rd_arena_release(&arena);
    }
}

/* Class 1 where the first of two features is larger: learned through the one number. */
static void one_number_is_trained_as_two_classes(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };
    struct rd_train how = rd_train_default;
    struct rd_train_report report = { 0 };
    float *x = rows_of(&arena, 200 * 2);
    int *label = RD_NEW_ARRAY(&arena, int, 200);
    struct rd_graph *trained = NULL;
    struct hand h;

    (void)state;
    for (int i = 0; i < 200; i++)
        label[i] = x[2 * i] > x[2 * i + 1];
    hand_begin(&h, &arena, RD_F32);
    hand_end(&h, hand_unary(&h, "Sigmoid",
                     hand_gemm(&h, hand_input(&h, 2, (int64_t[]){ -1, 2 }), 2, 1, true, true, 1)));
    how.epochs = 30;
    how.lr = 0.1;
    assert_int_equal(
        rd_net_train(&run, h.g, &how, x, label, NULL, 200, &arena, &trained, &report), RD_OK);
    assert_true(report.accuracy > 0.95);
    assert_true(rd_graph_is_one_number(trained)); /* the graph itself, not the two classes */
    assert_int_equal(trained->n_nodes, h.g->n_nodes);
    rd_arena_release(&arena);
}

/* However the batch is written, training takes the same steps. */
static void training_does_not_mind_how_the_batch_is_written(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    float *x = rows_of(&arena, 40 * PIXELS);
    int label[40];
    double loss[FIXED_THREE + 1] = { 0 };

    (void)state;
    for (int i = 0; i < 40; i++)
        label[i] = i % CLASSES;
    for (enum variant v = FREE; v <= FIXED_THREE; v++) {
        struct rd_error err = { 0 };
        struct rd_run run = { .scratch = &arena, .err = &err };
        struct rd_train how = rd_train_default;
        struct rd_train_report report = { 0 };
        struct rd_graph *trained = NULL;

        how.epochs = 3;
        how.batch = 16;
        if (rd_net_train(
                &run, make(&arena, v), &how, x, label, NULL, 40, &arena, &trained, &report)) {
            print_error("variant %d: %s\n", (int)v, err.frame[0].text);
            fail();
        }
        loss[v] = report.loss;
        assert_true(fabs(loss[v] - loss[FREE]) < 1e-4);
    }
    rd_arena_release(&arena);
}

/* As scikit-learn's exporters write it: the label, then the scores it is the largest of. */
static void scores_behind_a_label_are_found(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    const struct rd_graph *alone;
    struct hand h;
    int x, scores, label, *out = RD_NEW_ARRAY(&arena, int, 2);

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    x = hand_input(&h, 2, (int64_t[]){ -1, 4 });
    scores = hand_matmul(&h, x, 4, 3, true);
    label = hand_node(&h, "ArgMax", &scores, 1, (struct rd_attr[]){ hand_i("axis", 1) }, 1);
    (void)hand_end(&h, label);
    out[0] = label;
    out[1] = scores;
    h.g->output = out;
    assert_int_equal(rd_graph_scores_alone(h.g, &arena, &alone, &err), RD_OK);
    assert_ptr_equal(alone, h.g); /* a label alone */
    h.g->n_outputs = 2;
    assert_int_equal(rd_graph_scores_alone(h.g, &arena, &alone, &err), RD_OK);
    assert_int_equal(alone->n_outputs, 1);
    assert_int_equal(alone->output[0], scores);
    assert_int_equal(h.g->n_outputs, 2);
    out[0] = scores;
    out[1] = label;
    assert_int_equal(rd_graph_scores_alone(h.g, &arena, &alone, &err), RD_OK);
    assert_ptr_equal(alone, h.g); /* scores first already */
    rd_arena_release(&arena);
}

static void survives_each_failed_allocation(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    float *x = rows_of(&arena, ROWS * PIXELS);

    (void)state;
    for (enum variant v = FIXED_ONE; v <= MIXED; v++) {
        struct rd_graph *g = make(&arena, v);
        rd_status st = RD_E_MEMORY;

        for (size_t nth = 1; st == RD_E_MEMORY; nth++) {
            const size_t live = rd_alloc_live();
            struct rd_net *net = NULL;
            float out[ROWS * CLASSES], grad[ROWS * PIXELS];
            const int label[ROWS] = { 0 };

            assert_true(nth < 5000);
            rd_alloc_fail_at(nth);
            st = rd_net_open(g, NULL, &net, NULL);
            if (!st && v != MIXED)
                st = rd_net_forward(net, x, ROWS, out, NULL);
            if (!st && v != MIXED)
                st = rd_net_loss_gradient(net, x, label, ROWS, grad, NULL, NULL, NULL);
            rd_alloc_fail_at(0);
            rd_net_free(net);
            assert_int_equal(rd_alloc_live(), live);
        }
        assert_int_equal(st, RD_OK);
    }
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_the_batch_is_written_rows_answer_the_same),
        cmocka_unit_test(rows_that_mix_are_no_classifier),
        cmocka_unit_test(a_batch_on_another_axis_runs_row_by_row),
        cmocka_unit_test(one_number_is_one_of_two_classes),
        cmocka_unit_test(one_number_is_trained_as_two_classes),
        cmocka_unit_test(training_does_not_mind_how_the_batch_is_written),
        cmocka_unit_test(scores_behind_a_label_are_found),
        cmocka_unit_test(survives_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
