/*
 * test_int_products.c - products of 8-bit integers by kernels against the plain loops of the same
 * rows: equal to the last bit, whatever the shape, the sign, the zero points; with sums that pass
 * 2^24, where a float alone would round.
 */
#include "support.h"

#include "base/arena.h"
#include "base/rng.h"
#include "graph/exec.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "tensor/kernel.h"

#include <string.h>

static struct rd_arena arena;
static struct rd_rng rng;

static struct rd_tensor *bytes(bool is_signed, int ndim, const int64_t *dim, int most)
{
    struct rd_tensor *t;

    assert_int_equal(
        rd_tensor_new(&arena, is_signed ? RD_I8 : RD_U8, dim, ndim, NULL, &t, NULL), RD_OK);
    for (size_t i = 0; i < rd_tensor_count(t); i++) {
        const uint8_t v = (uint8_t)(rd_rng_unit_float(&rng) * 256);

        /* most: all of them at the end of the range, so that sums grow */
        ((uint8_t *)t->data)[i] = most ? (is_signed ? 0x80 : 0xff) : v;
    }
    return t;
}

static struct rd_tensor *ints(int64_t n, int32_t size)
{
    struct rd_tensor *t;

    assert_int_equal(rd_tensor_new(&arena, RD_I32, &n, 1, NULL, &t, NULL), RD_OK);
    for (int64_t i = 0; i < n; i++)
        ((int32_t *)t->data)[i] = (int32_t)((rd_rng_unit_float(&rng) * 2 - 1) * (float)size);
    return t;
}

static struct rd_tensor *reals(int64_t n, float size)
{
    struct rd_tensor *t;

    assert_int_equal(rd_tensor_new(&arena, RD_F32, &n, 1, NULL, &t, NULL), RD_OK);
    for (int64_t i = 0; i < n; i++)
        ((float *)t->data)[i] = size * (0.5f + rd_rng_unit_float(&rng));
    return t;
}

/* Runs the node by each table and by the plain loops. */
static void same_bits(const char *op, const char *domain, struct rd_tensor *const *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs)
{
    static const int place[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    static const int out_place[1] = { 15 };
    struct rd_graph_node node = { .name = "",
        .op = op,
        .domain = domain,
        .opset = *domain ? 1 : 21,
        .row = rd_op_find(domain, op, *domain ? 1 : 21, NULL),
        .input = place,
        .output = out_place,
        .n_inputs = n_in,
        .n_outputs = 1,
        .attr = attr,
        .n_attrs = n_attrs };
    const struct rd_tensor *input[16];
    struct rd_error err = { 0 };
    struct rd_tensor shape = { .ndim = -1 }, *out = &shape, *want = NULL;
    struct rd_op_call c = { .node = &node, .in = input, .out = &out, .err = &err };

    assert_non_null(node.row);
    for (int i = 0; i < n_in; i++)
        input[i] = in[i];
    if (rd_op_infer(&c))
        fail_msg("%s: %s", op, err.frame[0].text);
    for (int k = -1; k < 0 || rd_kernels_all()[k]; k++) {
        struct rd_tensor *t;

        assert_int_equal(
            rd_tensor_new(&arena, shape.dtype, shape.dim, shape.ndim, NULL, &t, NULL), RD_OK);
        assert_int_equal(
            rd_exec_node(&node, k < 0 ? NULL : rd_kernels_all()[k], input, &t, NULL, &err), RD_OK);
        if (k < 0)
            want = t;
        else
            assert_memory_equal(t->data, want->data, rd_tensor_bytes(t));
    }
}

static void matrices(void **state)
{
    static const int64_t size[][3] = { { 1, 1, 1 }, { 3, 5, 7 }, { 70, 33, 300 }, { 2, 17, 2500 } };

    (void)state;
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int way = 0; way < 16; way++) {
            const int64_t m = size[s][0], n = size[s][1], k = size[s][2], one = 1;
            const bool sa = way & 1, sb = way & 2, vector = way & 4, most = way & 8;
            struct rd_tensor *a = bytes(sa, 2, (int64_t[]){ m, k }, most);
            struct rd_tensor *b = bytes(sb, 2, (int64_t[]){ k, n }, most);
            struct rd_tensor *za = bytes(sa, 1, vector ? &m : &one, 0);
            struct rd_tensor *zb = bytes(sb, 1, vector ? &n : &one, 0);
            struct rd_tensor *const whole[] = { a, b, za, zb };
            struct rd_tensor *const linear[] = { a, reals(vector ? m : 1, 0.02f), za, b,
                reals(vector ? n : 1, 0.03f), zb, reals(1, 0.4f), bytes(sb, 1, &one, 0) };

            same_bits("MatMulInteger", "", whole, 4, NULL, 0);
            same_bits("MatMulInteger", "", whole, 2, NULL, 0);
            same_bits("QLinearMatMul", "", linear, 8, NULL, 0);
        }
}

static void gemms(void **state)
{
    (void)state;
    for (int way = 0; way < 32; way++) {
        const bool ta = way & 1, tb = way & 2, vector = way & 4, scaled = way & 8, most = way & 16;
        const int64_t m = 67, n = 10, k = most ? 1200 : 40, one = 1;
        const struct rd_attr attr[] = {
            { .name = "transA", .type = RD_ATTR_INT, .i = ta },
            { .name = "transB", .type = RD_ATTR_INT, .i = tb },
            { .name = "alpha", .type = RD_ATTR_FLOAT, .f = 0.75f },
        };
        struct rd_tensor *const in[] = { bytes(false, 2,
                                             ta ? (int64_t[]){ k, m } : (int64_t[]){ m, k }, most),
            reals(1, 0.02f), bytes(false, 1, &one, 0),
            bytes(true, 2, tb ? (int64_t[]){ n, k } : (int64_t[]){ k, n }, most),
            reals(vector ? n : 1, 0.03f), bytes(true, 1, vector ? &n : &one, 0), ints(n, 1 << 30),
            reals(1, 0.4f), bytes(true, 1, &one, 0) };

        same_bits("QGemm", "com.microsoft", in, scaled ? 9 : 7, attr, 3);
    }
}

static void convolutions(void **state)
{
    static const struct {
        int64_t n, c, h, w, o, kh, kw, group, stride, pad, dilation;
    } list[] = {
        { 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1 }, { 3, 3, 9, 8, 17, 3, 3, 1, 2, 1, 1 },
        { 2, 4, 7, 7, 6, 3, 2, 2, 1, 1, 2 }, { 2, 6, 6, 5, 6, 3, 3, 6, 1, 1, 1 }, /* depthwise */
        { 2, 140, 5, 5, 9, 3, 3, 1, 1, 1, 1 },   /* sums above 2^24 */
        { 1, 80, 4, 4, 4, 5, 5, 2, 1, 2, 1 },    /* the same in groups: by the plain loops */
        { 1, 2, 30, 30, 3, 17, 17, 1, 1, 0, 1 }, /* more taps than a float can add: the same */
    };

    (void)state;
    for (size_t s = 0; s < sizeof list / sizeof *list; s++)
        for (int way = 0; way < 8; way++) {
            const bool sx = way & 1, sw = way & 2, most = way & 4;
            const int64_t o = list[s].o, one = 1, p = list[s].pad;
            const int64_t strides[] = { list[s].stride, list[s].stride }, pads[] = { p, p, p, p },
                          dilations[] = { list[s].dilation, list[s].dilation };
            const struct rd_attr attr[] = {
                { .name = "group", .type = RD_ATTR_INT, .i = list[s].group },
                { .name = "strides", .type = RD_ATTR_INTS, .ints = strides, .n = 2 },
                { .name = "pads", .type = RD_ATTR_INTS, .ints = pads, .n = 4 },
                { .name = "dilations", .type = RD_ATTR_INTS, .ints = dilations, .n = 2 },
            };
            struct rd_tensor *x =
                bytes(sx, 4, (int64_t[]){ list[s].n, list[s].c, list[s].h, list[s].w }, most);
            struct rd_tensor *w = bytes(
                sw, 4, (int64_t[]){ o, list[s].c / list[s].group, list[s].kh, list[s].kw }, most);
            struct rd_tensor *zx = bytes(sx, 1, &one, 0), *zw = bytes(sw, 1, sw ? &o : &one, 0);
            struct rd_tensor *const whole[] = { x, w, zx, zw };
            struct rd_tensor *const linear[] = { x, reals(1, 0.02f), zx, w,
                reals(sw ? o : 1, 0.03f), zw, reals(1, 0.4f), bytes(sx, 1, &one, 0),
                ints(o, 1 << 20) };

            same_bits("ConvInteger", "", whole, 4, attr, 4);
            same_bits("QLinearConv", "", linear, 9, attr, 4);
            same_bits("QLinearConv", "", linear, 8, attr, 4);
        }
}

static void pools(void **state)
{
    (void)state;
    for (int way = 0; way < 12; way++) {
        const int64_t k = way % 3 + 1, s = way / 3 % 2 + 1, p = k > 1 && way / 6 ? 1 : 0;
        const int64_t kernel[] = { k, k + 1 }, strides[] = { s, 3 - s }, pads[] = { p, p, p, p };
        const struct rd_attr attr[] = {
            { .name = "kernel_shape", .type = RD_ATTR_INTS, .ints = kernel, .n = 2 },
            { .name = "strides", .type = RD_ATTR_INTS, .ints = strides, .n = 2 },
            { .name = "pads", .type = RD_ATTR_INTS, .ints = pads, .n = 4 },
            { .name = "ceil_mode", .type = RD_ATTR_INT, .i = way % 2 },
        };
        struct rd_tensor *x = bytes(way % 2, 4, (int64_t[]){ 2, 3, 9, 7 }, 0);

        same_bits("MaxPool", "", &x, 1, attr, 4);
    }
}

static int clean(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    rng = rd_rng_stream(11, "test/int_products", 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matrices, clean, clean),
        cmocka_unit_test_setup_teardown(gemms, clean, clean),
        cmocka_unit_test_setup_teardown(convolutions, clean, clean),
        cmocka_unit_test_setup_teardown(pools, clean, clean),
    };

    return cmocka_run_group_tests_name("int_products", tests, NULL, NULL);
}
