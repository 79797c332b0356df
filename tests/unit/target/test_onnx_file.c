#include "support.h"

#include "target/target.h"

#include "base/alloc.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char file[] = RD_BUILD_DIR "/test_onnx_file.onnx";

/* Three inputs, three classes, logits = W x with these rows of W, times scale. */
static const float weights[3][3] = { { 1, 0, -1 }, { 1, 0, -1 }, { -1, 2, 0.5f } };

static void write_net(float scale)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 3, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dims[] = { 3 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *built, *graph;
    size_t found = 0;

    assert_int_equal(rd_graph_build(layers, dims, 1, &arena, &built, NULL), RD_OK);
    assert_int_equal(
        rd_graph_copy(built, &arena, &graph, NULL), RD_OK); /* with weights of its own */
    for (size_t i = 0; i < graph->n_values; i++) {
        const struct rd_tensor *w = graph->value[i].weight;

        if (w && w->dtype == RD_F32 && rd_tensor_count(w) == 9) {
            for (size_t k = 0; k < 9; k++)
                ((float *)w->data)[k] = scale * weights[k / 3][k % 3];
            found++;
        } else if (w && w->dtype == RD_F32 && rd_tensor_count(w) == 3) {
            memset(w->data, 0, 3 * sizeof(float));
        }
    }
    assert_int_equal(found, 1);
    assert_int_equal(rd_graph_save(graph, file, NULL), RD_OK);
    rd_arena_release(&arena);
}

static struct rd_target *open_net(struct rd_arena *arena, float scale)
{
    struct rd_target *t;

    write_net(scale);
    assert_int_equal(rd_target_open_onnx(file, NULL, arena, &t, NULL), RD_OK);
    return t;
}

static void the_lowest_class_wins_a_tie(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_target *t = open_net(&arena, 1);
    const float x[6] = { 1, 0, 0, 0, 1, 0 };
    float s[6];
    int label[2];

    (void)state;
    assert_int_equal(t->inputs, 3);
    assert_int_equal(t->classes, 3);
    assert_int_equal(strlen(t->digest), 64);
    assert_int_equal(t->scores(t->self, x, 2, s, NULL), RD_OK);
    assert_true(s[0] == 1 && s[1] == 1 && s[2] == -1); /* so Gemm takes W as written here */
    assert_int_equal(t->labels(t->self, x, 2, label, NULL), RD_OK);
    assert_int_equal(label[0], 0);
    assert_int_equal(label[1], 2);
    assert_int_equal(rd_target_argmax((float[]){ 2, 3, 3 }, 3), 1);
    rd_arena_release(&arena);
}

/* At x = (0, 1, 0), y = 2: q = (1/2, 1/2), so the direction is W^T (1/2, 1/2, -1) = (2, -2, -1.5).
 */
static void a_sure_network_still_has_a_direction(void **state)
{
    static const double scales[] = { 1, 10, 12.8, 12.9, 19.9, 100, 1e4, 1e6 };
    const float x[3] = { 0, 1, 0 };
    const int label = 2;

    (void)state;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_target *t = open_net(&arena, (float)scales[i]);
        float g[3], loss;
        int answer;

        assert_int_equal(t->loss_gradient(t->self, x, &label, 1, g, &loss, &answer, NULL), RD_OK);
        assert_int_equal(answer, 2);
        assert_true(loss >= 0);
        assert_true(g[0] > 0 && isfinite(g[0]));
        assert_true(fabs(g[1] / g[0] + 1) < 1e-4);
        assert_true(fabs(g[2] / g[0] + 0.75) < 1e-4);
        rd_arena_release(&arena);
    }
}

/* One number z a row is one of two classes with scores (0, z): labels by its sign. */
static void one_number_answers_for_two_classes(void **state)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 1, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dims[] = { 3 };
    const float x[6] = { 1, 0, 0, 0, 1, 0 };
    const int truth[2] = { 1, 1 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *built, *graph;
    struct rd_target *t;
    float s[4], g[6], loss[2];
    int label[2], answer[2];

    (void)state;
    assert_int_equal(rd_graph_build(layers, dims, 1, &arena, &built, NULL), RD_OK);
    assert_int_equal(rd_graph_copy(built, &arena, &graph, NULL), RD_OK);
    for (size_t i = 0; i < graph->n_values; i++) {
        const struct rd_tensor *w = graph->value[i].weight;

        if (w && w->dtype == RD_F32 && rd_tensor_count(w) == 3)
            memcpy(w->data, (const float[3]){ 2, -1, 0.5f }, 3 * sizeof(float));
        else if (w && w->dtype == RD_F32)
            memset(w->data, 0, rd_tensor_bytes(w));
    }
    assert_int_equal(rd_target_open_graph(graph, "one", NULL, &arena, &t, NULL), RD_OK);
    assert_int_equal(t->classes, 2);
    assert_false(t->scores_are_probabilities);
    assert_int_equal(t->scores(t->self, x, 2, s, NULL), RD_OK);
    assert_true(s[0] == 0 && s[1] == 2 && s[2] == 0 && s[3] == -1);
    assert_int_equal(t->labels(t->self, x, 2, label, NULL), RD_OK);
    assert_true(label[0] == 1 && label[1] == 0);
    /* d loss / d z = p - 1 for class 1 */
    assert_int_equal(t->loss_gradient(t->self, x, truth, 2, g, loss, answer, NULL), RD_OK);
    assert_true(fabs(g[0] - 2 * (1 / (1 + exp(-2.0)) - 1)) < 1e-5);
    assert_true(fabs(g[4] + (1 / (1 + exp(1.0)) - 1)) < 1e-5);
    rd_arena_release(&arena);
}

static void what_is_no_model_is_refused(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_target *t;

    (void)state;
    assert_int_equal(rd_file_write(file, "no model", 8, 0644, NULL), RD_OK);
    assert_int_equal(rd_target_open_onnx(file, NULL, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[err.frames - 1].text, "test_onnx_file.onnx"));
    rd_arena_release(&arena);
}

static void survives_each_failed_allocation(void **state)
{
    const float x[3] = { 0, 1, 0 };
    const int label = 2;
    rd_status st = RD_E_MEMORY;

    (void)state;
    write_net(1000);
    for (size_t nth = 1; st; nth++) {
        const size_t live = rd_alloc_live();
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_target *t;
        float g[3];

        assert_true(nth < 5000);
        rd_alloc_fail_at(nth);
        st = rd_target_open_onnx(file, NULL, &arena, &t, NULL);
        if (!st)
            st = t->loss_gradient(t->self, x, &label, 1, g, NULL, NULL, NULL);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        rd_arena_release(&arena);
        assert_int_equal(rd_alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_class_wins_a_tie),
        cmocka_unit_test(a_sure_network_still_has_a_direction),
        cmocka_unit_test(one_number_answers_for_two_classes),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(survives_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
