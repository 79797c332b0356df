/*
 * test_surrogate.c - gradients through what has none: said by name when nobody asks for them, the
 * straight-through ones worked out by hand when somebody does; and quantized integers as floats,
 * which answer to the last bit what the integers do.
 */
#include "hand_graph.h"

#include "base/arena.h"
#include "graph/net.h"
#include "graph/surrogate.h"

static int scalar(struct hand *h, enum rd_dtype type, double v)
{
    int at;
    struct rd_tensor *t = hand_tensor(h, type, 0, (int64_t[]){ 1 }, &at);

    rd_op_narrow(&v, t, false);
    return at;
}

static int numbers(
    struct hand *h, enum rd_dtype type, int ndim, const int64_t *dim, const double *v)
{
    int at;
    struct rd_tensor *t = hand_tensor(h, type, ndim, dim, &at);

    rd_op_narrow(v, t, false);
    return at;
}

static int there_and_back(struct hand *h, int x, float scale, enum rd_dtype type, int zero)
{
    const int s = scalar(h, RD_F32, (double)scale), z = scalar(h, type, zero);
    const int q = hand_node(h, "QuantizeLinear", (int[]){ x, s, z }, 3, NULL, 0);

    return hand_node(h, "DequantizeLinear", (int[]){ q, s, z }, 3, NULL, 0);
}

static struct rd_net *open_net(const struct rd_graph *g)
{
    struct rd_error err = { 0 };
    struct rd_net *net = NULL;

    if (rd_net_open(g, NULL, &net, &err))
        fail_msg("%s", err.frame[0].text);
    return net;
}

static const struct rd_graph *straight(struct rd_arena *arena, const struct rd_graph *g)
{
    const struct rd_graph *out = NULL;

    assert_int_equal(rd_graph_straight_through(g, arena, &out, NULL), RD_OK);
    return out;
}

/* uint8, scale 0.5, zero 10: the range is -5 .. 122.5. Bounds round into it: -5.24 to -5, 122.7 to
 * 122.5; -5.26 does not. */
static void a_quantizer_passes_what_it_does_not_cut_off(void **state)
{
    const float x[8] = { 0, 0.3f, -5, -5.24f, -5.26f, 122.7f, 123, 1e9f };
    const float want[8] = { 0, 0.5f, -5, -5, -5, 122.5f, 122.5f, 122.5f };
    const float inside[8] = { 1, 1, 1, 1, 0, 1, 0, 0 };
    float cotangent[8], out[8], grad[8];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct hand h;
    struct rd_graph *g;
    struct rd_net *net;
    int y;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    y = hand_input(&h, 2, (int64_t[]){ -1, 8 });
    g = hand_end(&h, there_and_back(&h, y, 0.5f, RD_U8, 10));
    net = open_net(g);
    assert_int_equal(rd_net_forward(net, x, 1, out, NULL), RD_OK);
    assert_memory_equal(out, want, sizeof want);
    for (int i = 0; i < 8; i++)
        cotangent[i] = 0.1f * (float)(i + 1);
    assert_int_equal(rd_net_vjp(net, x, cotangent, 1, grad, &err), RD_E_USAGE);
    assert_non_null(strstr(err.frame[0].text, "(QuantizeLinear)"));
    rd_net_free(net);
    net = open_net(straight(&arena, g));
    assert_null(rd_net_not_differentiable(net));
    assert_int_equal(rd_net_forward(net, x, 1, out, NULL), RD_OK);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(rd_net_vjp(net, x, cotangent, 1, grad, NULL), RD_OK);
    for (int i = 0; i < 8; i++)
        assert_true(grad[i] == inside[i] * cotangent[i]);
    rd_net_free(net);
    rd_arena_release(&arena);
}

static void rounding_counts_as_the_identity_and_sign_as_a_hard_tanh(void **state)
{
    static const char *const op[] = { "Round", "Floor", "Ceil", "Sign" };
    const float x[6] = { -2.5f, -1, -0.2f, 0.5f, 1.5f, 0 }, cotangent[6] = { 1, 2, 3, 4, 5, 6 };
    const float value[4][6] = { { -2, -1, 0, 0, 2, 0 }, { -3, -1, -1, 0, 1, 0 },
        { -2, -1, 0, 1, 2, 0 }, { -1, -1, -1, 1, 1, 0 } };
    const float slope[4][6] = { { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 },
        { 0, 1, 1, 1, 0, 1 } };
    float out[6], grad[6];

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct hand h;
        struct rd_graph *g;
        struct rd_net *net;

        hand_begin(&h, &arena, RD_F32);
        g = hand_end(&h, hand_unary(&h, op[k], hand_input(&h, 2, (int64_t[]){ -1, 6 })));
        net = open_net(g);
        assert_non_null(strstr(rd_net_not_differentiable(net), op[k]));
        assert_non_null(strstr(rd_net_not_differentiable(net), "is flat"));
        rd_net_free(net);
        net = open_net(straight(&arena, g));
        assert_int_equal(rd_net_forward(net, x, 1, out, NULL), RD_OK);
        assert_int_equal(rd_net_vjp(net, x, cotangent, 1, grad, NULL), RD_OK);
        for (int i = 0; i < 6; i++) {
            assert_true(out[i] == value[k][i]);
            assert_true(grad[i] == slope[k][i] * cotangent[i]);
        }
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

/* x - floor(x) has a gradient, that of x: a flat node beside another way is no obstacle. */
static void a_flat_node_beside_another_way_is_none(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const float x[2] = { 1.25f, -0.5f }, cotangent[2] = { 3, 5 };
    float grad[2];
    struct rd_net *net;
    struct hand h;
    int at;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    at = hand_input(&h, 2, (int64_t[]){ -1, 2 });
    net = open_net(hand_end(&h, hand_binary(&h, "Sub", at, hand_unary(&h, "Floor", at))));
    assert_null(rd_net_not_differentiable(net));
    assert_int_equal(rd_net_vjp(net, x, cotangent, 1, grad, NULL), RD_OK);
    assert_memory_equal(grad, cotangent, sizeof grad);
    rd_net_free(net);
    rd_arena_release(&arena);
}

static void nothing_to_do_gives_the_graph_itself(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *g = hand_zoo(0, &arena, RD_F32), *floats;

    (void)state;
    assert_ptr_equal(straight(&arena, g), g);
    assert_int_equal(rd_graph_in_floats(g, &arena, &floats, NULL), RD_OK);
    assert_null(floats);
    rd_arena_release(&arena);
}

/* Answers of the graph and of its rewrite, node by node and by a plan: the same bits. */
static void same_answers(struct rd_arena *arena, const struct rd_graph *g, size_t rows)
{
    struct rd_rng rng = rd_rng_stream(9, "test/surrogate", 0);
    struct rd_net *a = open_net(g), *b = open_net(straight(arena, g));
    const size_t in = rd_net_inputs(a), out = rd_net_outputs(a);
    float *x = RD_NEW_ARRAY(arena, float, rows *in), *grad = RD_NEW_ARRAY(arena, float, rows *in);
    float *ya = RD_NEW_ARRAY(arena, float, rows *out), *yb = RD_NEW_ARRAY(arena, float, rows *out);
    float most = 0;

    assert_true(in > 0 && out > 0);
    assert_non_null(rd_net_not_differentiable(a));
    if (rd_net_not_differentiable(b))
        fail_msg("%s", rd_net_not_differentiable(b));
    for (size_t i = 0; i < rows * in; i++)
        x[i] = (rd_rng_unit_float(&rng) * 2 - 1) * 3;
    assert_int_equal(rd_net_forward(a, x, rows, ya, NULL), RD_OK);
    assert_int_equal(rd_net_forward(b, x, rows, yb, NULL), RD_OK);
    assert_memory_equal(ya, yb, rows * out * sizeof *ya);
    assert_int_equal(rd_net_vjp(b, x, ya, rows, grad, NULL), RD_OK);
    for (size_t i = 0; i < rows * in; i++)
        most = fmaxf(most, fabsf(grad[i]));
    assert_true(most > 0);
    rd_net_free(a);
    rd_net_free(b);
}

static int random_bytes(struct hand *h, enum rd_dtype type, int ndim, const int64_t *dim)
{
    int at;
    struct rd_tensor *t = hand_tensor(h, type, ndim, dim, &at);

    for (size_t i = 0; i < rd_tensor_count(t); i++)
        ((uint8_t *)t->data)[i] = (uint8_t)(rd_rng_unit_float(&h->rng) * 256);
    return at;
}

static void integer_operators_answer_the_same_as_floats(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        const bool vector = way & 1;
        const enum rd_dtype t = way & 2 ? RD_I8 : RD_U8;
        const int64_t m = vector ? 5 : 1, pads[] = { 1, 1, 1, 1 }, kernel[] = { 2, 2 },
                      flat[] = { 0, 5 * 9 };
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_attr attr[2];
        struct hand h;
        int x, s, z, w, ws, wz, b;

        hand_begin(&h, &arena, RD_F32);
        x = hand_input(&h, 4, (int64_t[]){ -1, 2, 6, 6 });
        s = scalar(&h, RD_F32, 0.02);
        z = scalar(&h, t, 3);
        x = hand_node(&h, "QuantizeLinear", (int[]){ x, s, z }, 3, NULL, 0);
        w = random_bytes(&h, RD_I8, 4, (int64_t[]){ 5, 2, 3, 3 });
        ws = vector ? hand_weight(&h, 1, &m, 0.01f, 0.005f) : scalar(&h, RD_F32, 0.01);
        wz = vector ? random_bytes(&h, RD_I8, 1, &m) : scalar(&h, RD_I8, -4);
        b = numbers(&h, RD_I32, 1, (int64_t[]){ 5 }, (double[]){ 100, -2000, 30, 0, 777 });
        attr[0] = hand_list(&h, "pads", 4, pads);
        x = hand_node(&h, "QLinearConv",
            (int[]){ x, s, z, w, ws, wz, scalar(&h, RD_F32, 0.1), scalar(&h, t, 7), b }, 9, attr,
            1);
        attr[0] = hand_list(&h, "kernel_shape", 2, kernel);
        attr[1] = hand_list(&h, "strides", 2, kernel);
        x = hand_node(&h, "MaxPool", (int[]){ x }, 1, attr, 2);
        x = hand_binary(&h, "Reshape", x, hand_ints(&h, 2, flat));
        w = random_bytes(&h, RD_I8, 2, (int64_t[]){ 45, 4 });
        x = hand_node(&h, "QLinearMatMul",
            (int[]){ x, scalar(&h, RD_F32, 0.1), scalar(&h, t, 7), w, scalar(&h, RD_F32, 0.01),
                scalar(&h, RD_I8, 0), scalar(&h, RD_F32, 0.5), scalar(&h, RD_U8, 100) },
            8, NULL, 0);
        w = random_bytes(&h, RD_U8, 2, (int64_t[]){ 4, 3 });
        x = hand_node(&h, "MatMulInteger",
            (int[]){ x, w, scalar(&h, RD_U8, 100), scalar(&h, RD_U8, 120) }, 4, NULL, 0);
        attr[0] = hand_i("to", RD_F32);
        x = hand_node(&h, "Cast", (int[]){ x }, 1, attr, 1);
        x = hand_binary(&h, "Mul", x, scalar(&h, RD_F32, 0.001));
        same_answers(&arena, hand_end(&h, x), 7);
        rd_arena_release(&arena);
    }
}

static void quantizers_along_axes_answer_the_same_by_a_plan(void **state)
{
    const int64_t three = 3;
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_attr axis[] = { hand_i("axis", 1) };
    struct hand h;
    int x, s, z;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    x = hand_input(&h, 4, (int64_t[]){ -1, 3, 5, 4 });
    s = hand_weight(&h, 1, &three, 0.02f, 0.01f);
    z = numbers(&h, RD_I8, 1, &three, (double[]){ -5, 0, 60 });
    x = hand_node(&h, "QuantizeLinear", (int[]){ x, s, z }, 3, axis, 1);
    x = hand_node(&h, "DequantizeLinear", (int[]){ x, s, z }, 3, axis, 1);
    x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 16, 3, 1, 1, 1, 1, true));
    x = there_and_back(&h, x, 0.03f, RD_U8, 0);
    x = hand_unary(&h, "Flatten", hand_pool(&h, "MaxPool", x, 2, 2, 0));
    x = there_and_back(&h, x, 0.03f, RD_U8, 0);
    x = hand_gemm(&h, x, 16 * 4, 6, true, true, 1);
    same_answers(&arena, hand_end(&h, there_and_back(&h, x, 0.05f, RD_I16, 3)), 9);
    rd_arena_release(&arena);
}

/* y = 0.5 * 2 * (3 * 0.5) ... : x = 1 is 2 steps of 0.5, times 3 steps of 0.25, in steps of 0.125:
 * 12 steps, and the slope of the output is 0.75, that of the weight. Beyond the range it is 0. */
static void the_slope_of_an_integer_product_is_that_of_the_numbers_it_stands_for(void **state)
{
    const float x[2] = { 1, 100 }, cotangent[2] = { 1, 1 };
    float out[2], grad[2];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_net *net;
    struct hand h;
    int y, s, z, w, ys;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    y = hand_input(&h, 2, (int64_t[]){ -1, 1 });
    s = scalar(&h, RD_F32, 0.5);
    z = scalar(&h, RD_I8, 0);
    ys = scalar(&h, RD_F32, 0.125);
    w = numbers(&h, RD_I8, 2, (int64_t[]){ 1, 1 }, (double[]){ 3 });
    y = hand_node(&h, "QuantizeLinear", (int[]){ y, s, z }, 3, NULL, 0);
    y = hand_node(
        &h, "QLinearMatMul", (int[]){ y, s, z, w, scalar(&h, RD_F32, 0.25), z, ys, z }, 8, NULL, 0);
    y = hand_node(&h, "DequantizeLinear", (int[]){ y, ys, z }, 3, NULL, 0);
    net = open_net(straight(&arena, hand_end(&h, y)));
    assert_int_equal(rd_net_forward(net, x, 2, out, NULL), RD_OK);
    assert_int_equal(rd_net_vjp(net, x, cotangent, 2, grad, NULL), RD_OK);
    assert_true(out[0] == 0.75f && out[1] == 127 * 0.125f);
    assert_true(grad[0] == 0.75f && grad[1] == 0);
    rd_net_free(net);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantizer_passes_what_it_does_not_cut_off),
        cmocka_unit_test(rounding_counts_as_the_identity_and_sign_as_a_hard_tanh),
        cmocka_unit_test(a_flat_node_beside_another_way_is_none),
        cmocka_unit_test(nothing_to_do_gives_the_graph_itself),
        cmocka_unit_test(integer_operators_answer_the_same_as_floats),
        cmocka_unit_test(quantizers_along_axes_answer_the_same_by_a_plan),
        cmocka_unit_test(the_slope_of_an_integer_product_is_that_of_the_numbers_it_stands_for),
    };

    return cmocka_run_group_tests_name("surrogate", tests, NULL, NULL);
}
