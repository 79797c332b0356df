/* Shapes, constants, batch, copies, digests, the executor's ceilings: over small graphs from the
 * fuzzer's seeds. */
#include "support.h"

#include "base/buf.h"
#include "graph/exec.h"
#include "graph/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct rd_arena arena;

static struct rd_graph *load(const char *name)
{
    char path[100];
    struct rd_error err = { .status = RD_OK };
    struct rd_graph *g;

    (void)snprintf(path, sizeof path, "fuzz/corpus/onnx/%s.onnx", name);
    if (rd_graph_load(path, NULL, &arena, &g, &err)) {
        print_error("%s: %s\n", path, err.frame[0].text);
        fail();
    }
    return g;
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void shapes_carry_the_batch_through(void **state)
{
    const struct rd_graph *g = load("cnn");
    const struct rd_graph_value *y = &g->value[g->output[0]];
    struct rd_tensor *shape;
    int checked = 0;

    (void)state;
    assert_int_equal(y->ndim, 2);
    assert_int_equal(y->dim[0], -1);
    assert_int_equal(y->dim[1], 2);
    assert_true(y->batched);
    assert_int_equal(rd_graph_shapes(g, 7, &arena, &shape, NULL), RD_OK);
    for (size_t v = 0; v < g->n_values; v++)
        if (!strcmp(g->value[v].name, "p")) { /* the pool's output */
            assert_int_equal(shape[v].dim[0], 7);
            assert_int_equal(shape[v].dim[1], 2);
            assert_int_equal(shape[v].dim[2], 2);
            assert_int_equal(shape[v].dim[3], 2);
            checked++;
        }
    assert_int_equal(checked, 1);
}

static void constants_are_folded_and_views_keep_the_batch(void **state)
{
    const struct rd_graph *g = load("constants");
    const struct rd_graph_value *y = &g->value[g->output[0]];

    (void)state;
    for (size_t v = 0; v < g->n_values; v++)
        if (!strcmp(g->value[v].name, "c")) {
            assert_non_null(g->value[v].weight);
            assert_true(*(const float *)g->value[v].weight->data == 0.5f);
        }
    assert_true(y->batched);
    assert_int_equal(y->dim[1], 6);
}

/* Softmax over axis 0, or a Transpose that moves the batch, mixes the rows: such a net must not be
 * cut into chunks. */
static void rows_that_mix_are_seen(void **state)
{
    struct rd_graph *g = load("attention");
    struct rd_net *net;

    (void)state;
    assert_true(g->value[g->output[0]].batched); /* (n, 3, 2) times its transpose per example */
    g = load("mixing");
    assert_false(g->value[g->output[0]].batched);
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_inputs(net), 0);
    rd_net_free(net);
}

static void a_copy_is_the_same_model_and_independent(void **state)
{
    static const char *const name[] = { "mlp", "cnn", "norm", "pools", "constants", "unsorted",
        "half", "ir3" };
    char a[65], b[65];

    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        struct rd_graph *g = load(name[i]), *copy;

        assert_int_equal(rd_graph_copy(g, &arena, &copy, NULL), RD_OK);
        assert_int_equal(rd_graph_digest(g, a, NULL), RD_OK);
        assert_int_equal(rd_graph_digest(copy, b, NULL), RD_OK);
        assert_string_equal(a, b);
        for (size_t v = 0; v < copy->n_values; v++)
            if (copy->value[v].weight) {
                assert_int_equal((uintptr_t)copy->value[v].weight->data % 64, 0);
                assert_ptr_not_equal(copy->value[v].weight->data, g->value[v].weight->data);
            }
    }
}

static void a_changed_weight_changes_the_digest(void **state)
{
    struct rd_graph *g = load("mlp"), *copy;
    char a[65], b[65];

    (void)state;
    assert_int_equal(rd_graph_copy(g, &arena, &copy, NULL), RD_OK);
    assert_int_equal(rd_graph_digest(copy, a, NULL), RD_OK);
    for (size_t v = 0; v < copy->n_values; v++)
        if (copy->value[v].weight) {
            *(float *)copy->value[v].weight->data += 1;
            break;
        }
    assert_int_equal(rd_graph_digest(copy, b, NULL), RD_OK);
    assert_string_not_equal(a, b);
}

static void fresh_weights_have_pytorchs_spread_and_come_from_the_seed(void **state)
{
    static const struct rd_graph_spec layers[] = {
        { .kind = RD_LAYER_CONV, .out = 8, .kernel = 3, .pad = 1 }, { .kind = RD_LAYER_RELU },
        { .kind = RD_LAYER_MAXPOOL, .kernel = 2, .stride = 2 }, { .kind = RD_LAYER_FLATTEN },
        { .kind = RD_LAYER_DENSE, .out = 64 }, { .kind = RD_LAYER_END }
    };
    const int64_t dims[] = { 2, 8, 8 };
    struct rd_graph *g, *same, *other;
    char a[65], b[65], c[65];
    const size_t fan[] = { 2 * 9, 8 * 16 };
    size_t layer = 0;

    (void)state;
    assert_int_equal(rd_graph_build(layers, dims, 3, &arena, &g, NULL), RD_OK);
    assert_int_equal(rd_graph_build(layers, dims, 3, &arena, &same, NULL), RD_OK);
    assert_int_equal(rd_graph_build(layers, dims, 3, &arena, &other, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(g, 1, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(same, 1, NULL), RD_OK);
    assert_int_equal(rd_graph_init_weights(other, 2, NULL), RD_OK);
    assert_int_equal(rd_graph_digest(g, a, NULL), RD_OK);
    assert_int_equal(rd_graph_digest(same, b, NULL), RD_OK);
    assert_int_equal(rd_graph_digest(other, c, NULL), RD_OK);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    for (size_t v = 0; v < g->n_values; v++) {
        const struct rd_tensor *w = g->value[v].weight;
        double squares = 0, bound;
        size_t n;

        if (!w || w->ndim < 2)
            continue;
        n = rd_tensor_count(w);
        bound = 1 / sqrt((double)fan[layer++]);
        for (size_t i = 0; i < n; i++) {
            const double x = (double)((const float *)w->data)[i];

            assert_true(fabs(x) <= bound);
            squares += x * x;
        }
        /* Uniform within b has variance b^2 / 3; of its square the relative deviation is 0.9 /
         * sqrt(n): 5 of those. */
        assert_true(fabs(squares / (double)n / (bound * bound / 3) - 1) < 4.5 / sqrt((double)n));
    }
    assert_int_equal(layer, 2);
    assert_true(g->value[g->output[0]].batched);
}

static void weights_read_in_place_are_not_written(void **state)
{
    struct rd_graph *g = load("mlp");

    (void)state;
    assert_int_equal(rd_graph_init_weights(g, 1, NULL), RD_E_USAGE);
}

static struct rd_tensor *rows(size_t n, int64_t width)
{
    const int64_t dim[] = { (int64_t)n, width };
    struct rd_tensor *t;

    assert_int_equal(rd_tensor_new(&arena, RD_F32, dim, 2, NULL, &t, NULL), RD_OK);
    for (size_t i = 0; i < rd_tensor_count(t); i++)
        ((float *)t->data)[i] = (float)(i % 11) / 5 - 1;
    return t;
}

static void inputs_of_another_shape_are_refused_by_name(void **state)
{
    struct rd_graph *g = load("mlp");
    struct rd_tensor *x = rows(4, 5), *out[1];
    const struct rd_tensor *in[] = { x };
    struct rd_error err = { .status = RD_OK };
    struct rd_exec *e;

    (void)state;
    assert_int_equal(rd_exec_open(g, NULL, NULL, &e, NULL), RD_OK);
    assert_int_equal(rd_exec_run(e, in, 1, &arena, out, &err), RD_E_INPUT);
    assert_non_null(
        strstr(err.frame[0].text, "input 'x' has shape (-1, 3) (-1: any), the data (4, 5)"));
    assert_int_equal(rd_exec_run(e, in, 0, &arena, out, &err), RD_E_USAGE);
    x->dtype = RD_I32;
    assert_int_equal(rd_exec_run(e, in, 1, &arena, out, &err), RD_E_INPUT);
    rd_exec_free(e);
}

static void a_run_keeps_to_its_memory_and_work(void **state)
{
    const struct rd_exec_limits little = { .memory = 100, .work = 1e9 },
                                lazy = { .memory = 1 << 20, .work = 10 };
    struct rd_graph *g = load("mlp");
    const struct rd_tensor *in[] = { rows(40, 3) };
    struct rd_tensor *out[1];
    struct rd_error err = { .status = RD_OK };
    struct rd_exec *e;

    (void)state;
    assert_int_equal(rd_exec_open(g, NULL, &little, &e, NULL), RD_OK);
    assert_int_equal(rd_exec_run(e, in, 1, &arena, out, &err), RD_E_LIMIT);
    assert_non_null(strstr(err.frame[1].text, "(Gemm)")); /* names the node */
    rd_exec_free(e);
    assert_int_equal(rd_exec_open(g, NULL, &lazy, &e, NULL), RD_OK);
    assert_int_equal(rd_exec_run(e, in, 1, &arena, out, &err), RD_E_LIMIT);
    rd_exec_free(e);
}

/* 150 bytes of model ask for 1.6 GB: refused by name before that is allocated; what it is can still
 * be asked. */
static void a_small_file_that_wants_a_gigabyte_is_refused(void **state)
{
    struct rd_graph *g = load("huge-pool");
    const int64_t dim[] = { 1, 1, 4, 4 };
    struct rd_tensor *x, *out[1];
    const struct rd_tensor *in[1];
    struct rd_error err = { .status = RD_OK };
    struct rd_net *net;
    float y;

    (void)state;
    assert_int_equal(rd_tensor_new(&arena, RD_F32, dim, 4, NULL, &x, NULL), RD_OK);
    in[0] = x;
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_inputs(net), 0);
    assert_int_equal(rd_net_forward(net, x->data, 1, &y, &err), RD_E_LIMIT);
    rd_net_free(net);
    {
        const struct rd_exec_limits limits = { .memory = (size_t)768 << 20,
            .work = 1e6 }; /* not slow either */
        struct rd_exec *e;

        assert_int_equal(rd_exec_open(g, NULL, &limits, &e, NULL), RD_OK);
        assert_int_equal(rd_exec_run(e, in, 1, &arena, out, &err), RD_E_LIMIT);
        assert_non_null(strstr(err.frame[1].text, "(AveragePool)"));
        rd_exec_free(e);
    }
    assert_true(arena.used < 1 << 20);
}

/* The general way and the classifier's doors agree, forward and backward, and no rows are no
 * trouble. */
static void both_ways_agree(void **state)
{
    struct rd_graph *g = load("mlp");
    struct rd_tensor *x = rows(9, 3), *out[1], *grad[1], *first;
    const struct rd_tensor *in[] = { x };
    const int label[9] = { 0, 1, 1, 0, 1, 0, 0, 1, 1 };
    float y[18], d[27], loss[9], nothing[1];
    struct rd_net *net;

    (void)state;
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_inputs(net), 3);
    assert_int_equal(rd_net_outputs(net), 2);
    assert_int_equal(rd_net_run(net, in, 1, &arena, out, NULL), RD_OK);
    assert_int_equal(rd_net_forward(net, x->data, 9, y, NULL), RD_OK);
    for (int i = 0; i < 18; i++)
        assert_true(fabsf(y[i] - ((float *)out[0]->data)[i]) <= 1e-6f);
    assert_int_equal(rd_net_loss_gradient(net, x->data, label, 9, d, loss, y, NULL), RD_OK);
    assert_int_equal(
        rd_net_gradient(net, in, 1, NULL, label, 9, &arena, grad, &first, NULL), RD_OK);
    for (int i = 0; i < 27; i++)
        assert_true(fabsf(d[i] - ((float *)grad[0]->data)[i]) <= 1e-6f);
    assert_int_equal(rd_net_forward(net, x->data, 0, nothing, NULL), RD_OK);
    rd_net_free(net);
}

static void a_label_outside_is_refused(void **state)
{
    struct rd_graph *g = load("mlp");
    struct rd_tensor *x = rows(2, 3);
    const int label[2] = { 0, 2 };
    struct rd_error err = { .status = RD_OK };
    struct rd_net *net;
    float d[6];

    (void)state;
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_loss_gradient(net, x->data, label, 2, d, NULL, NULL, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "label 2 of row 1 is outside 0..1"));
    rd_net_free(net);
}

static void what_has_no_gradient_is_named(void **state)
{
    const struct rd_graph *g = load("integers");
    const char *why;

    (void)state;
    assert_int_equal(rd_graph_not_differentiable(g, &arena, &why, NULL), RD_OK);
    assert_string_equal(why, "the first output depends on no input of a float type");
    g = load("cnn");
    assert_int_equal(rd_graph_not_differentiable(g, &arena, &why, NULL), RD_OK);
    assert_null(why);
}

static void flops_are_counted_as_written_down(void **state)
{
    double flops;

    (void)state;
    /* 3 -> 4: 24 and the bias 4; relu 4; 4 -> 2: 16 */
    assert_int_equal(rd_graph_flops(load("mlp"), 1, &flops, NULL), RD_OK);
    assert_true(flops == 24 + 4 + 4 + 16);
    assert_int_equal(rd_graph_flops(load("mlp"), 10, &flops, NULL), RD_OK);
    assert_true(flops == 480);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(shapes_carry_the_batch_through, release),
        cmocka_unit_test_teardown(constants_are_folded_and_views_keep_the_batch, release),
        cmocka_unit_test_teardown(rows_that_mix_are_seen, release),
        cmocka_unit_test_teardown(a_copy_is_the_same_model_and_independent, release),
        cmocka_unit_test_teardown(a_changed_weight_changes_the_digest, release),
        cmocka_unit_test_teardown(
            fresh_weights_have_pytorchs_spread_and_come_from_the_seed, release),
        cmocka_unit_test_teardown(weights_read_in_place_are_not_written, release),
        cmocka_unit_test_teardown(inputs_of_another_shape_are_refused_by_name, release),
        cmocka_unit_test_teardown(a_run_keeps_to_its_memory_and_work, release),
        cmocka_unit_test_teardown(a_small_file_that_wants_a_gigabyte_is_refused, release),
        cmocka_unit_test_teardown(both_ways_agree, release),
        cmocka_unit_test_teardown(a_label_outside_is_refused, release),
        cmocka_unit_test_teardown(what_has_no_gradient_is_named, release),
        cmocka_unit_test_teardown(flops_are_counted_as_written_down, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
