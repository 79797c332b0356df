/*
 * Resize and Upsample by hand: what the versions mean by the same words, types that are only moved,
 * and the batch through sizes that the model computes. Expected values follow from the formulas of
 * the operator's document.
 */
#include "written_model.h"

#include "graph/net.h"

#include <math.h>

struct hand_case {
    const char *line; /* of the node; x is the image, s float32 weights, z int64 ones */
    int opset;
    const char *words; /* string attributes: "mode=linear nearest_mode=floor" */
    enum rd_dtype type;
    const char *dims;
    double x[12];
    int n_s;
    double s[8];
    int n_z;
    double z[4];
    size_t n_out;
    double want[12];
};

static void add_words(struct message *node, const char *words)
{
    while (*words) {
        const size_t name = strcspn(words, "="), text = strcspn(words + name + 1, " ");
        struct message a = { 0 };

        rd_pb_put_bytes(&a.b, 1, words, name);
        rd_pb_put_bytes(&a.b, 4, words + name + 1, text);
        rd_pb_put_int(&a.b, 20, RD_ATTR_STRING);
        m_add(node, 5, &a);
        words += name + 1 + text;
        words += strspn(words, " ");
    }
}

static double value(const struct rd_tensor *t, size_t i)
{
    return t->dtype == RD_F32   ? (double)((const float *)t->data)[i]
           : t->dtype == RD_I64 ? (double)((const int64_t *)t->data)[i]
                                : (double)((const uint8_t *)t->data)[i];
}

static void check(const struct hand_case *k)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct message g = { 0 }, node = m_node(k->line);
    struct rd_tensor *out[1];
    const struct rd_tensor *in;
    struct rd_error err;
    struct rd_graph *graph;

    add_words(&node, k->words);
    m_add(&g, 1, &node);
    m_input(&g, "x", k->type, k->dims);
    if (k->n_s)
        m_weight(&g, "s", RD_F32, k->n_s, k->s);
    if (k->n_z)
        m_weight(&g, "z", RD_I64, k->n_z, k->z);
    m_output(&g, "y");
    graph = m_read(&g, k->opset, NULL, &arena);
    in = m_tensor(&arena, k->type, k->dims, k->x);
    if (m_run(graph, NULL, &in, &arena, out, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    assert_int_equal(rd_tensor_count(out[0]), k->n_out);
    for (size_t i = 0; i < k->n_out; i++)
        if (fabs(value(out[0], i) - k->want[i]) > 1e-6) {
            print_error("%s %s: element %zu is %g, not %g\n", k->line, k->words, i,
                value(out[0], i), k->want[i]);
            fail();
        }
    rd_arena_release(&arena);
}

/* clang-format off */
static const struct hand_case versions[] = {
    /* Opset 10: o / scale, and when shrinking the place above. */
    { "y = Resize(x,s)", 10, "", RD_F32, "1,1,1,4", { 1, 2, 3, 4 }, 4, { 1, 1, 1, 0.6 }, 0, { 0 }, 2, { 1, 3 } },
    { "y = Resize(x,s)", 10, "mode=linear", RD_F32, "1,1,1,2", { 1, 2 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1.5, 2, 2 } },
    { "y = Upsample(x,s)", 9, "mode=linear", RD_F32, "1,1,1,2", { 1, 2 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1.5, 2, 2 } },
    { "y = Upsample(x,s)", 9, "", RD_F32, "1,1,1,2", { 1, 2 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1, 2, 2 } },
    /* Opset 11: the centers of pixels stand on each other. */
    { "y = Resize(x,,s)", 11, "mode=linear", RD_F32, "1,1,1,2", { 1, 2 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1.25, 1.75, 2 } },
    { "y = Resize(x,,s)", 11, "", RD_F32, "1,1,1,4", { 1, 2, 3, 4 }, 4, { 1, 1, 1, 0.5 }, 0, { 0 }, 2, { 1, 3 } },
    { "y = Resize(x,,s)", 11, "coordinate_transformation_mode=tf_half_pixel_for_nn", RD_F32, "1,1,1,4", { 1, 2, 3, 4 }, 4, { 1, 1, 1, 0.5 }, 0, { 0 }, 2, { 2, 4 } },
    /* 4 * 0.6 = 2.4: the last of two outputs stands on 1 * 3 / (2.4 - 1), or on the last input. */
    { "y = Resize(x,,s)", 19, "mode=linear coordinate_transformation_mode=align_corners", RD_F32, "1,1,1,4", { 1, 2, 3, 4 }, 4, { 1, 1, 1, 0.6 }, 0, { 0 }, 2, { 1, 1 + 3 / 1.4 } },
    { "y = Resize(x,,s)", 19, "mode=linear coordinate_transformation_mode=align_corners nearest_mode=floor", RD_F32, "1,1,1,4", { 1, 2, 3, 4 }, 4, { 1, 1, 1, 0.6 }, 0, { 0 }, 2, { 1, 4 } },
    /* float32's 0.7 is below 0.7 and 0.6 above: 10 * 0.7 is 7 all the same, and 3 / 0.6 is 5. */
    { "y = Resize(x,,s)", 13, "nearest_mode=floor coordinate_transformation_mode=asymmetric", RD_F32, "10", { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 1, { 0.7 }, 0, { 0 }, 7, { 0, 1, 2, 4, 5, 7, 8 } },
    { "y = Resize(x,,s)", 13, "nearest_mode=floor coordinate_transformation_mode=asymmetric", RD_F32, "10", { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 1, { 0.6 }, 0, { 0 }, 6, { 0, 1, 3, 5, 6, 8 } },
    /* Both axes by the smaller quotient 3/4 (of 3/4 and 4/2), by the larger, each by its own. */
    { "y = Resize(x,,,z)", 18, "keep_aspect_ratio_policy=not_larger", RD_F32, "4,2", { 0, 1, 2, 3, 4, 5, 6, 7 }, 0, { 0 }, 2, { 3, 4 }, 6, { 0, 1, 2, 3, 6, 7 } },
    { "y = Resize(x,,,z)", 18, "keep_aspect_ratio_policy=not_smaller", RD_F32, "2,1", { 5, 7 }, 0, { 0 }, 2, { 2, 2 }, 8, { 5, 5, 5, 5, 7, 7, 7, 7 } },
    { "y = Resize(x,,,z)", 18, "", RD_F32, "2,1", { 5, 7 }, 0, { 0 }, 2, { 2, 2 }, 4, { 5, 5, 7, 7 } },
    /* A region from -0.5 to 1.5 of two pixels: -0.5, 0.5, 1.5. */
    { "y = Resize(x,s,,z)", 13, "mode=linear coordinate_transformation_mode=tf_crop_and_resize", RD_F32, "2", { 1, 3 }, 2, { -0.5, 1.5 }, 1, { 3 }, 3, { 0, 2, 0 } },
};

static const struct hand_case types[] = {
    { "y = Resize(x,,s)", 13, "", RD_I64, "1,1,1,2", { 3, -4 }, 4, { 1, 1, 2, 2 }, 0, { 0 }, 8, { 3, 3, -4, -4, 3, 3, -4, -4 } },
    { "y = Resize(x,,s)", 13, "", RD_BOOL, "1,1,1,2", { 1, 0 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1, 0, 0 } },
    /* Integers are cut off: 1.25 and 1.75 are 1. */
    { "y = Resize(x,,s)", 13, "mode=linear", RD_I64, "1,1,1,2", { 1, 2 }, 4, { 1, 1, 1, 2 }, 0, { 0 }, 4, { 1, 1, 1, 2 } },
};
/* clang-format on */

static void the_versions_place_by_their_own_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        check(&versions[i]);
}

static void integers_and_truth_values_are_moved(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        check(&types[i]);
}

/*
 * x (n, 2, 3, 4) to twice its height and width, the sizes being computed from x's shape as PyTorch
 * exports it: the net knows the batch, and a row's answer is the same alone and among others.
 */
static void the_batch_goes_through_sizes_that_the_model_computes(void **state)
{
    enum { ROW = 2 * 3 * 4, BIG = 2 * 6 * 8, ROWS = 3 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct message g = { 0 }, node = m_node("c = Concat(f,z)"),
                   resize = m_node("y = Resize(x,,,c)");
    float x[ROWS * ROW], all[ROWS * BIG], one[BIG], cotangent[ROWS * BIG], grad[ROWS * ROW];
    struct rd_graph *graph;
    struct rd_net *net;
    struct rd_error err = { .status = RD_OK };

    (void)state;
    m_input(&g, "x", RD_F32, "n,2,3,4");
    m_weight(&g, "zero", RD_I64, 1, (const double[]){ 0 });
    m_weight(&g, "two", RD_I64, 1, (const double[]){ 2 });
    m_weight(&g, "z", RD_I64, 2, (const double[]){ 6, 8 });
    m_line(&g, "shape = Shape(x)");
    m_line(&g, "f = Slice(shape,zero,two)");
    m_int(&node, "axis", 0);
    m_add(&g, 1, &node);
    add_words(&resize, "mode=linear");
    m_add(&g, 1, &resize);
    m_output(&g, "y");
    graph = m_read(&g, 13, NULL, &arena);
    assert_true(graph->value[graph->output[0]].batched);
    assert_int_equal(rd_net_open(graph, NULL, &net, &err), RD_OK);
    assert_int_equal(rd_net_inputs(net), ROW);
    assert_int_equal(rd_net_outputs(net), BIG);
    for (size_t i = 0; i < ROWS * ROW; i++)
        x[i] = (float)((i * 7919) % 101) / 50 - 1;
    assert_int_equal(rd_net_forward(net, x, ROWS, all, &err), RD_OK);
    for (size_t r = 0; r < ROWS; r++) {
        assert_int_equal(rd_net_forward(net, x + r * ROW, 1, one, &err), RD_OK);
        assert_memory_equal(one, all + r * BIG, sizeof one);
    }
    /* Weights add up to 1, so the corner of the image is itself; doubling doubles what comes back.
     */
    assert_true(all[0] == x[0]);
    for (size_t i = 0; i < ROWS * BIG; i++)
        cotangent[i] = 1;
    assert_int_equal(rd_net_vjp(net, x, cotangent, ROWS, grad, &err), RD_OK);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;

        for (size_t i = 0; i < ROW; i++)
            sum += (double)grad[r * ROW + i];
        assert_true(fabs(sum - BIG) <= 1e-4);
    }
    rd_net_free(net);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_versions_place_by_their_own_rules),
        cmocka_unit_test(integers_and_truth_values_are_moved),
        cmocka_unit_test(the_batch_goes_through_sizes_that_the_model_computes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
