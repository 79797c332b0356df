/*
 * test_plan.c - the fast way against the slow one: every net of a small zoo, every instruction set.
 *
 * The slow way is the executor with the reference loops. Tolerances are relative to the largest
 * value of the answer: each layer adds at most gamma(k) of its sum of absolute products
 * (test_kernel.c), layers here have k up to 600 and weights are scaled to keep values near 1, so
 * 1e-5 of the scale is ten times what roundings can do.
 */
#include "hand_graph.h"

#include "base/alloc.h"
#include "base/pool.h"
#include "graph/exec.h"
#include "graph/net.h"
#include "graph/plan.h"
#include "tensor/kernel.h"
#include "tensor/npy.h"

#include <stdlib.h>

enum { ROWS = 37 };

static const char *path = "../shared/models/mnist-cnn.onnx";

static float *random_rows(struct rd_arena *arena, size_t n)
{
    struct rd_rng rng = rd_rng_stream(11, "test/plan", 0);
    float *x = RD_NEW_ARRAY(arena, float, n);

    for (size_t i = 0; i < n; i++)
        x[i] = rd_rng_unit_float(&rng);
    return x;
}

static float largest(const float *v, size_t n)
{
    float most = 0;

    for (size_t i = 0; i < n; i++)
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    return most;
}

static void assert_near(
    const float *got, const float *want, size_t n, float tolerance, const char *what, int which)
{
    const float scale = largest(want, n);

    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= tolerance * scale))
            fail_msg("%s of net %d, element %zu: %.9g, not %.9g (scale %.3g)", what, which, i,
                (double)got[i], (double)want[i], (double)scale);
}

/* Outputs and vector-Jacobian product by the executor's reference loops. */
static void slow(const struct rd_graph *g, const float *x, size_t n, const float *cotangent,
    struct rd_arena *arena, float *out, float *grad)
{
    struct rd_exec *exec;
    struct rd_exec_pass *pass;
    struct rd_tensor in = { .dtype = RD_F32, .ndim = g->value[g->input[0]].ndim }, cot;
    const struct rd_tensor *ins[] = { &in }, *cots[] = { &cot };
    struct rd_tensor **outs = RD_NEW_ARRAY(arena, struct rd_tensor *, 1);
    struct rd_tensor **grads = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_values);

    memcpy(in.dim, g->value[g->input[0]].dim, sizeof in.dim);
    in.dim[0] = (int64_t)n;
    in.data = RD_NEW_ARRAY(arena, float, rd_tensor_count(&in));
    memcpy(in.data, x, rd_tensor_bytes(&in));
    assert_int_equal(rd_exec_open(g, NULL, NULL, &exec, NULL), RD_OK);
    assert_int_equal(rd_exec_keep(exec, ins, 1, arena, &pass, outs, NULL), RD_OK);
    memcpy(out, outs[0]->data, rd_tensor_bytes(outs[0]));
    cot = *outs[0];
    cot.data = (void *)(uintptr_t)cotangent;
    assert_int_equal(rd_exec_back(exec, pass, cots, NULL, arena, grads, NULL), RD_OK);
    memcpy(grad, grads[g->input[0]]->data, rd_tensor_bytes(&in));
    rd_exec_free(exec);
}

static void check_net(const struct rd_graph *g, int which, struct rd_arena *arena)
{
    struct rd_plan *plan = NULL;
    struct rd_net *net;
    size_t inputs, outputs;
    float *x, *cot, *want, *want_grad, *out, *grad;

    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    inputs = rd_net_inputs(net);
    outputs = rd_net_outputs(net);
    rd_net_free(net);
    assert_true(inputs && outputs);
    x = random_rows(arena, ROWS * inputs);
    cot = random_rows(arena, ROWS * outputs);
    want = RD_NEW_ARRAY(arena, float, ROWS *outputs);
    out = RD_NEW_ARRAY(arena, float, ROWS *outputs);
    want_grad = RD_NEW_ARRAY(arena, float, ROWS *inputs);
    grad = RD_NEW_ARRAY(arena, float, ROWS *inputs);
    slow(g, x, ROWS, cot, arena, want, want_grad);
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        struct rd_error err = { 0 };

        setenv("REDOUBT_ISA", (*k)->name, 1);
        assert_int_equal(rd_plan_open(g, NULL, &plan, &err), RD_OK);
        if (!plan)
            fail_msg("no plan for net %d", which);
        assert_int_equal(rd_plan_forward(plan, x, ROWS, out, &err), RD_OK);
        assert_near(out, want, ROWS * outputs, 1e-5f, (*k)->name, which);
        memset(grad, 0x5a, ROWS * inputs * sizeof *grad);
        assert_int_equal(rd_plan_vjp(plan, x, cot, ROWS, grad, &err), RD_OK);
        assert_near(grad, want_grad, ROWS * inputs, 1e-5f, (*k)->name, which);
        rd_plan_free(plan);
    }
    unsetenv("REDOUBT_ISA");
}

static void plans_agree_with_the_executor(void **state)
{
    (void)state;
    for (int i = 0; i < ZOO; i++) {
        struct rd_arena arena = RD_ARENA_INIT;

        check_net(hand_zoo(i, &arena, RD_F32), i, &arena);
        rd_arena_release(&arena);
    }
}

static void bits_of(const struct rd_graph *g, struct rd_pool *pool, const float *x,
    const int *label, size_t n, size_t step, size_t inputs, size_t outputs, float *out, float *grad,
    float *loss)
{
    struct rd_net *net;

    assert_int_equal(rd_net_open(g, pool, &net, NULL), RD_OK);
    for (size_t r = 0; r < n; r += step) {
        const size_t rows = n - r < step ? n - r : step;

        assert_int_equal(rd_net_loss_gradient(net, x + r * inputs, label + r, rows,
                             grad + r * inputs, loss + r, out + r * outputs, NULL),
            RD_OK);
    }
    rd_net_free(net);
}

/* The promise: not a bit depends on threads or on how the batch is cut. */
static void bits_depend_neither_on_threads_nor_on_the_split(void **state)
{
    static const size_t steps[] = { 1, 5, 16, 90 };

    (void)state;
    for (int i = 0; i < ZOO; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const struct rd_graph *g = hand_zoo(i, &arena, RD_F32);
        struct rd_net *net;
        size_t n = 90, inputs, outputs;
        float *x, *out[2], *grad[2], *loss[2];
        int label[90];

        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        inputs = rd_net_inputs(net);
        outputs = rd_net_outputs(net);
        rd_net_free(net);
        x = random_rows(&arena, n * inputs);
        for (size_t r = 0; r < n; r++)
            label[r] = (int)(r % outputs);
        for (int k = 0; k < 2; k++) {
            out[k] = RD_NEW_ARRAY(&arena, float, n *outputs);
            grad[k] = RD_NEW_ARRAY(&arena, float, n *inputs);
            loss[k] = RD_NEW_ARRAY(&arena, float, n);
        }
        bits_of(g, NULL, x, label, n, n, inputs, outputs, out[0], grad[0], loss[0]);
        for (size_t threads = 1; threads <= 3; threads++) {
            struct rd_pool *pool;

            assert_int_equal(rd_pool_new(threads, &pool, NULL), RD_OK);
            for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
                bits_of(g, pool, x, label, n, steps[s], inputs, outputs, out[1], grad[1], loss[1]);
                assert_memory_equal(out[0], out[1], n * outputs * sizeof(float));
                assert_memory_equal(grad[0], grad[1], n * inputs * sizeof(float));
                assert_memory_equal(loss[0], loss[1], n * sizeof(float));
            }
            rd_pool_free(pool);
        }
        rd_arena_release(&arena);
    }
}

/* Central differences in float64 through the executor: an oracle that shares no code with the
 * backward pass. */
static void gradients_match_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < ZOO; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const struct rd_graph *g = hand_zoo(i, &arena, RD_F32), *wide = hand_zoo(i, &arena, RD_F64);
        const size_t rows = 2;
        struct rd_tensor in = { .dtype = RD_F64, .ndim = wide->value[wide->input[0]].ndim };
        const struct rd_tensor *ins[] = { &in };
        struct rd_tensor *out;
        struct rd_exec *exec;
        struct rd_net *net;
        size_t inputs, outputs, kinks = 0;
        float *x, *cot, *grad, scale;

        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        inputs = rd_net_inputs(net);
        outputs = rd_net_outputs(net);
        x = random_rows(&arena, rows * inputs);
        cot = random_rows(&arena, rows * outputs);
        grad = RD_NEW_ARRAY(&arena, float, rows *inputs);
        assert_int_equal(rd_net_vjp(net, x, cot, rows, grad, NULL), RD_OK);
        rd_net_free(net);
        memcpy(in.dim, wide->value[wide->input[0]].dim, sizeof in.dim);
        in.dim[0] = (int64_t)rows;
        in.data = RD_NEW_ARRAY(&arena, double, rows *inputs);
        for (size_t k = 0; k < rows * inputs; k++)
            ((double *)in.data)[k] = (double)x[k];
        assert_int_equal(rd_exec_open(wide, NULL, NULL, &exec, NULL), RD_OK);
        scale = largest(grad, rows * inputs);
        for (size_t k = 0; k < rows * inputs; k += 1 + rows * inputs / 23) {
            /* Step 1e-6: truncation is about h^2, rounding 1e-16 / h; both far below 1e-5 of the
             * scale. */
            const double h = 1e-6, at = ((double *)in.data)[k];
            double side[2] = { 0 }, slope;

            for (int d = 0; d < 2; d++) {
                ((double *)in.data)[k] = at + (d ? h : -h);
                assert_int_equal(rd_exec_run(exec, ins, 1, &arena, &out, NULL), RD_OK);
                for (size_t o = 0; o < rows * outputs; o++)
                    side[d] += (double)cot[o] * ((double *)out->data)[o];
            }
            ((double *)in.data)[k] = at;
            slope = (side[1] - side[0]) / (2 * h);
            /* A step across a kink of relu or pool spoils one difference, never several in a row.
             */
            if (!(fabs(slope - (double)grad[k]) <= 2e-5 * (double)scale)) {
                kinks++;
                if (kinks > 1)
                    fail_msg("net %d, input %zu: gradient %.9g, difference %.9g", i, k,
                        (double)grad[k], slope);
            }
        }
        rd_exec_free(exec);
        rd_arena_release(&arena);
    }
}

/* --- what a user sees --- */

static void mnist_cnn_gives_the_logits_of_the_reference_file(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *g;
    struct rd_net *net;
    struct rd_tensor *x, *want;
    float *out;

    (void)state;
    if (rd_graph_load(path, NULL, &arena, &g, NULL)) {
        print_message("skipped: %s is not here\n", path);
        skip();
    }
    assert_int_equal(
        rd_npy_read("../shared/models/mnist-eval-x.npy", NULL, &arena, &x, NULL), RD_OK);
    assert_int_equal(
        rd_npy_read("../shared/models/mnist-cnn.eval-logits.npy", NULL, &arena, &want, NULL),
        RD_OK);
    out = RD_NEW_ARRAY(&arena, float, 1000 * 10);
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        const size_t rows =
            *k == rd_kernels_all()[0] ? 20 : 1000; /* the plain loops take their time */

        setenv("REDOUBT_ISA", (*k)->name, 1);
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_inputs(net), 784);
        assert_int_equal(rd_net_forward(net, x->data, rows, out, NULL), RD_OK);
        for (size_t i = 0; i < rows * 10; i++)
            assert_true(fabsf(out[i] - ((float *)want->data)[i]) <= 1e-4f);
        rd_net_free(net);
    }
    unsetenv("REDOUBT_ISA");
    rd_arena_release(&arena);
}

static void an_unknown_instruction_set_is_refused_when_a_net_is_opened(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = hand_zoo(2, &arena, RD_F32);
    struct rd_net *net = NULL;
    struct rd_error err = { 0 };

    (void)state;
    setenv("REDOUBT_ISA", "mmx", 1);
    assert_int_equal(rd_net_open(g, NULL, &net, &err), RD_E_USAGE);
    assert_null(net);
    unsetenv("REDOUBT_ISA");
    rd_arena_release(&arena);
}

/* Input and pads claim 400 MB and more for a graph of a few bytes: no plan is made, and opening
 * costs little. */
static void a_graph_that_asks_for_too_much_gets_no_plan(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_plan *plan = NULL;
    struct hand h;
    int x, w;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ -1, 1, 10000, 10000 });
    x = hand_unary(&h, "Relu", hand_conv(&h, x, 1, 4, 3, 1, 1, 1, 1, true));
    x = hand_unary(&h, "GlobalAveragePool", x);
    hand_end(&h, hand_unary(&h, "Flatten", x));
    h.g->file_bytes = 1000;
    assert_int_equal(rd_plan_open(h.g, NULL, &plan, NULL), RD_OK);
    assert_null(plan);
    rd_arena_release(&arena);
    /* little memory, endless work: a 1 x 1 kernel of 16 MB over 128 x 128 pixels, twelve times */
    hand_begin(&h, &arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ -1, 2048, 128, 128 });
    w = hand_weight(&h, 4, (int64_t[]){ 2048, 2048, 1, 1 }, 0, 0.01f);
    for (int i = 0; i < 12; i++)
        x = hand_binary(&h, "Conv", x, w);
    hand_end(&h, x);
    h.g->file_bytes = 1000;
    assert_int_equal(rd_plan_open(h.g, NULL, &plan, NULL), RD_OK);
    assert_null(plan);
    rd_arena_release(&arena);
}

/* Chains of constants are tried within a budget; beyond it they go through their rows, all the
 * same. */
static void long_chains_of_constants_cost_no_more_than_their_budget(void **state)
{
    static const int64_t dims[] = { -1, 1 << 15, 1, 1 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct hand h;
    int x, w;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    x = hand_input(&h, 4, dims);
    w = hand_weight(&h, 1, (int64_t[]){ 1 }, 0.25f, 0.01f);
    for (int i = 0; i < 50; i++)
        x = hand_binary(&h, i % 2 ? "Sub" : "Add", x, w);
    x = hand_conv(&h, x, dims[1], 2, 1, 1, 0, 1, 1, true);
    check_net(hand_end(&h, hand_unary(&h, "Flatten", x)), -1, &arena);
    rd_arena_release(&arena);
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_graph *g = hand_zoo(7, &arena, RD_F32);
    const size_t live = rd_alloc_live();
    float x[2 * 270], out[8], grad[2 * 270];
    const int label[] = { 0, 1 };
    size_t nth;

    (void)state;
    memset(x, 0, sizeof x);
    for (nth = 1; nth < 1000; nth++) {
        struct rd_net *net = NULL;
        rd_status st;

        rd_alloc_fail_at(nth);
        st = rd_net_open(g, NULL, &net, NULL);
        if (!st)
            st = rd_net_forward(net, x, 2, out, NULL);
        if (!st)
            st = rd_net_loss_gradient(net, x, label, 2, grad, NULL, NULL, NULL);
        rd_alloc_fail_at(0);
        rd_net_free(net);
        assert_int_equal(rd_alloc_live(), live);
        if (!st)
            break;
        assert_int_equal(st, RD_E_MEMORY);
    }
    if (nth <= 3 || nth >= 1000)
        fail_msg("ended at allocation %zu", nth);
    rd_arena_release(&arena);
}

/* The seeds of the fuzz target: each new operator in a plan (where there is one) and node by node.
 */
/* Rows may need scratch of other sizes forward and backward, here some and none. */
static void each_pass_gets_the_scratch_that_its_row_asks_for(void **state)
{
    static const float x[6] = { 1, 2, 3, -1, 0, 4 }, g[6] = { 1, 0, 2, 1, 1, 1 };
    static const float sums[6] = { 1, 3, 6, -1, -1, 3 }, back[6] = { 3, 2, 2, 3, 2, 1 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_net *net = NULL;
    struct hand h;
    float y[6], dx[6];
    int v;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    v = hand_input(&h, 2, (int64_t[]){ -1, 3 });
    v = hand_binary(&h, "CumSum", v, hand_ints(&h, 1, (int64_t[]){ 1 }));
    assert_int_equal(rd_net_open(hand_end(&h, v), NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_forward(net, x, 2, y, NULL), RD_OK);
    assert_memory_equal(y, sums, sizeof y);
    assert_int_equal(rd_net_vjp(net, x, g, 2, dx, NULL), RD_OK);
    assert_memory_equal(dx, back, sizeof dx);
    rd_net_free(net);
    rd_arena_release(&arena);
}

static void seeds_answer_the_same_both_ways(void **state)
{
    static const char *const names[] = { "ops-view", "ops-expand", "ops-where", "ops-slice",
        "ops-squeeze", "ops-reduce", "ops-norms", "ops-unary", "ops-pow", "ops-old",
        "family-plan-residual", "family-plan-depthwise", "family-plan-shortcut",
        "family-plan-quantized", "family-plan-words", "family-plan-steps", "family-microsoft",
        "family-upsample" };
    enum { SEED_ROWS = 5 };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        char *file = rd_arena_printf(&arena, "fuzz/corpus/onnx/%s.onnx", names[i]);
        struct rd_graph *g = NULL;
        struct rd_net *net = NULL;
        struct rd_error err = { 0 };
        struct rd_tensor x = { .dtype = RD_F32 }, *out, cot;
        struct rd_tensor *grad[1], *all[2];
        const struct rd_tensor *in[1] = { &x };
        size_t n;
        float *fast, *slope;

        if (rd_graph_load(file, NULL, &arena, &g, &err))
            fail_msg("%s: %s", names[i], err.frame[0].text);
        x.ndim = g->value[g->input[0]].ndim;
        memcpy(x.dim, g->value[g->input[0]].dim, sizeof x.dim);
        x.dim[0] = SEED_ROWS;
        x.data = random_rows(&arena, rd_tensor_count(&x));
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(SEED_ROWS * rd_net_inputs(net), rd_tensor_count(&x));
        n = SEED_ROWS * rd_net_outputs(net);
        fast = RD_NEW_ARRAY(&arena, float, n);
        slope = RD_NEW_ARRAY(&arena, float, rd_tensor_count(&x));
        assert_int_equal(rd_net_run(net, in, 1, &arena, all, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x.data, SEED_ROWS, fast, NULL), RD_OK);
        if (memcmp(fast, all[0]->data, n * sizeof *fast)) /* ops-unary goes to infinity, alike */
            assert_near(fast, all[0]->data, n, 1e-6f, names[i], 0);
        if (!rd_net_not_differentiable(net)) {
            cot = *all[0];
            cot.data = random_rows(&arena, n);
            assert_int_equal(
                rd_net_gradient(net, in, 1, &cot, NULL, 0, &arena, grad, &out, NULL), RD_OK);
            assert_int_equal(rd_net_vjp(net, x.data, cot.data, SEED_ROWS, slope, NULL), RD_OK);
            if (memcmp(slope, grad[0]->data, rd_tensor_bytes(&x)))
                assert_near(slope, grad[0]->data, rd_tensor_count(&x), 1e-5f, names[i], 1);
        }
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_agree_with_the_executor),
        cmocka_unit_test(bits_depend_neither_on_threads_nor_on_the_split),
        cmocka_unit_test(gradients_match_finite_differences),
        cmocka_unit_test(mnist_cnn_gives_the_logits_of_the_reference_file),
        cmocka_unit_test(an_unknown_instruction_set_is_refused_when_a_net_is_opened),
        cmocka_unit_test(a_graph_that_asks_for_too_much_gets_no_plan),
        cmocka_unit_test(long_chains_of_constants_cost_no_more_than_their_budget),
        cmocka_unit_test(every_failed_allocation_is_reported_and_nothing_leaks),
        cmocka_unit_test(each_pass_gets_the_scratch_that_its_row_asks_for),
        cmocka_unit_test(seeds_answer_the_same_both_ways),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
