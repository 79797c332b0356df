/* hand_graph.h - graphs built by hand for tests: values, random weights, nodes. */
#ifndef RD_TESTS_HAND_GRAPH_H
#define RD_TESTS_HAND_GRAPH_H

#include "support.h"

#include "base/rng.h"
#include "graph/onnx.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HAND_MAX = 160, HAND_OPSET = 13 };

struct hand {
    struct rd_arena *arena;
    struct rd_graph *g;
    enum rd_dtype dtype; /* of inputs and weights: RD_F32 or RD_F64 */
    struct rd_rng rng;
    int *io;
};

static inline void hand_begin(struct hand *h, struct rd_arena *arena, enum rd_dtype dtype)
{
    *h = (struct hand){ .arena = arena, .dtype = dtype, .rng = rd_rng_stream(7, "test/hand", 0) };
    h->g = RD_NEW(arena, struct rd_graph);
    h->g->path = h->g->name = h->g->producer_name = "hand";
    h->g->ir_version = 8;
    h->g->opset = HAND_OPSET;
    h->g->value = RD_NEW_ARRAY(arena, struct rd_graph_value, HAND_MAX);
    h->g->node = RD_NEW_ARRAY(arena, struct rd_graph_node, HAND_MAX);
    h->io = RD_NEW_ARRAY(arena, int, 2);
    h->g->import = RD_NEW(arena, struct rd_graph_import);
    *(struct rd_graph_import *)(uintptr_t)h->g->import = (struct rd_graph_import){ "", HAND_OPSET };
    h->g->n_imports = 1;
    h->g->file_bytes = 1 << 20;
}

static inline int hand_value(struct hand *h, const char *prefix)
{
    const int v = (int)h->g->n_values++;

    assert_true(v < HAND_MAX);
    h->g->value[v].name = rd_arena_printf(h->arena, "%s%d", prefix, v);
    h->g->value[v].ndim = -1;
    h->g->value[v].producer = -1;
    return v;
}

static inline int hand_input(struct hand *h, int ndim, const int64_t *dim)
{
    const int v = hand_value(h, "x");

    h->g->value[v].dtype = h->dtype;
    h->g->value[v].ndim = ndim;
    memcpy(h->g->value[v].dim, dim, (size_t)ndim * sizeof *dim);
    h->g->value[v].dim_name[0] = "n";
    h->io[0] = v;
    h->g->input = h->io;
    h->g->n_inputs = 1;
    return v;
}

static inline struct rd_tensor *hand_tensor(
    struct hand *h, enum rd_dtype type, int ndim, const int64_t *dim, int *v)
{
    struct rd_tensor *t;

    assert_int_equal(rd_tensor_new(h->arena, type, dim, ndim, NULL, &t, NULL), RD_OK);
    *v = hand_value(h, "w");
    h->g->value[*v].dtype = type;
    h->g->value[*v].ndim = ndim;
    memcpy(h->g->value[*v].dim, dim, (size_t)ndim * sizeof *dim);
    h->g->value[*v].weight = t;
    return t;
}

/* Uniform in center +- scale; the same float32 numbers in both types. */
static inline int hand_weight(
    struct hand *h, int ndim, const int64_t *dim, float center, float scale)
{
    int v;
    struct rd_tensor *t = hand_tensor(h, h->dtype, ndim, dim, &v);

    for (size_t i = 0; i < rd_tensor_count(t); i++) {
        const float w = center + scale * (rd_rng_unit_float(&h->rng) * 2 - 1);

        if (h->dtype == RD_F32)
            ((float *)t->data)[i] = w;
        else
            ((double *)t->data)[i] = (double)w;
    }
    return v;
}

static inline int hand_ints(struct hand *h, int64_t n, const int64_t *values)
{
    int v;
    struct rd_tensor *t = hand_tensor(h, RD_I64, 1, &n, &v);

    memcpy(t->data, values, (size_t)n * sizeof *values);
    return v;
}

/* in: up to four values, -1 leaves one out. attr as from hand_i and friends, n of them. */
static inline int hand_node(struct hand *h, const char *op, const int *in, int n_in,
    const struct rd_attr *attr, size_t n_attrs)
{
    struct rd_graph_node *node = &h->g->node[h->g->n_nodes];
    const int out = hand_value(h, "y");
    int *io = RD_NEW_ARRAY(h->arena, int, (size_t)n_in + 1);
    struct rd_attr *attrs = RD_NEW_ARRAY(h->arena, struct rd_attr, n_attrs + 1);

    assert_true(h->g->n_nodes < HAND_MAX);
    memcpy(io, in, (size_t)n_in * sizeof *in);
    io[n_in] = out;
    if (n_attrs)
        memcpy(attrs, attr, n_attrs * sizeof *attr);
    *node = (struct rd_graph_node){ .name = "",
        .op = op,
        .domain = "",
        .opset = HAND_OPSET,
        .row = rd_op_find("", op, HAND_OPSET, NULL),
        .input = io,
        .output = io + n_in,
        .n_inputs = n_in,
        .n_outputs = 1,
        .attr = attrs,
        .n_attrs = n_attrs };
    assert_non_null(node->row);
    h->g->value[out].producer = (int)h->g->n_nodes++;
    return out;
}

static inline struct rd_attr hand_i(const char *name, int64_t i)
{
    return (struct rd_attr){ .name = name, .type = RD_ATTR_INT, .i = i };
}

static inline struct rd_attr hand_f(const char *name, float f)
{
    return (struct rd_attr){ .name = name, .type = RD_ATTR_FLOAT, .f = f };
}

static inline struct rd_attr hand_list(
    struct hand *h, const char *name, size_t n, const int64_t *values)
{
    int64_t *copy = RD_NEW_ARRAY(h->arena, int64_t, n);

    memcpy(copy, values, n * sizeof *values);
    return (struct rd_attr){ .name = name, .type = RD_ATTR_INTS, .ints = copy, .n = n };
}

static inline int hand_unary(struct hand *h, const char *op, int x)
{
    return hand_node(h, op, &x, 1, NULL, 0);
}

static inline int hand_binary(struct hand *h, const char *op, int a, int b)
{
    return hand_node(h, op, (int[]){ a, b }, 2, NULL, 0);
}

/* Convolution of c to o channels, k x k, same stride, pad and dilation both ways. */
static inline int hand_conv(struct hand *h, int x, int64_t c, int64_t o, int64_t k, int64_t stride,
    int64_t pad, int64_t dilation, int64_t group, bool bias)
{
    const struct rd_attr attr[] = {
        hand_list(h, "kernel_shape", 2, (int64_t[]){ k, k }),
        hand_list(h, "strides", 2, (int64_t[]){ stride, stride }),
        hand_list(h, "pads", 4, (int64_t[]){ pad, pad, pad, pad }),
        hand_list(h, "dilations", 2, (int64_t[]){ dilation, dilation }),
        hand_i("group", group),
    };
    const float scale = 1.5f / sqrtf((float)(c / group * k * k));
    const int w = hand_weight(h, 4, (int64_t[]){ o, c / group, k, k }, 0, scale);
    const int b = bias ? hand_weight(h, 1, &o, 0, 0.2f) : -1;

    return hand_node(h, "Conv", (int[]){ x, w, b }, bias ? 3 : 2, attr, 5);
}

static inline int hand_pool(
    struct hand *h, const char *op, int x, int64_t k, int64_t stride, int64_t pad)
{
    const struct rd_attr attr[] = {
        hand_list(h, "kernel_shape", 2, (int64_t[]){ k, k }),
        hand_list(h, "strides", 2, (int64_t[]){ stride, stride }),
        hand_list(h, "pads", 4, (int64_t[]){ pad, pad, pad, pad }),
    };

    return hand_node(h, op, &x, 1, attr, 3);
}

/* trans: weight stored (unit, input) as PyTorch exports it. */
static inline int hand_gemm(
    struct hand *h, int x, int64_t k, int64_t n, bool trans, bool bias, float alpha)
{
    const struct rd_attr attr[] = { hand_i("transB", trans), hand_f("alpha", alpha) };
    const int64_t dim[] = { trans ? n : k, trans ? k : n };
    const int w = hand_weight(h, 2, dim, 0, 1.5f / sqrtf((float)k));
    const int b = bias ? hand_weight(h, 1, &n, 0, 0.2f) : -1;

    return hand_node(h, "Gemm", (int[]){ x, w, b }, bias ? 3 : 2, attr, 2);
}

static inline int hand_matmul(struct hand *h, int x, int64_t k, int64_t n, bool bias)
{
    const int w = hand_weight(h, 2, (int64_t[]){ k, n }, 0, 1.5f / sqrtf((float)k));
    const int y = hand_binary(h, "MatMul", x, w);

    return bias ? hand_binary(h, "Add", y, hand_weight(h, 1, &n, 0, 0.2f)) : y;
}

static inline struct rd_graph *hand_end(struct hand *h, int output)
{
    struct rd_error err = { 0 };

    h->io[1] = output;
    h->g->output = h->io + 1;
    h->g->n_outputs = 1;
    if (rd_graph_infer(h->g, &rd_limits_default, h->arena, &err))
        fail_msg("%s", err.frame[0].text);
    return h->g;
}

/* --- a small zoo: what fuses, what does not, what is shared --- */

static inline int hand_norm(struct hand *h, int x, int64_t c)
{
    const int in[] = { x, hand_weight(h, 1, &c, 1, 0.3f), hand_weight(h, 1, &c, 0, 0.3f),
        hand_weight(h, 1, &c, 0, 0.2f), hand_weight(h, 1, &c, 1, 0.3f) };

    return hand_node(h, "BatchNormalization", in, 5, NULL, 0);
}

enum { ZOO = 18 };

static inline struct rd_graph *hand_zoo(int which, struct rd_arena *arena, enum rd_dtype dtype)
{
    static const int64_t gray[] = { -1, 1, 12, 12 }, color[] = { -1, 3, 9, 10 },
                         flat[] = { -1, 20 };
    struct hand h;
    int x, y, z;

    hand_begin(&h, arena, dtype);
    switch (which) {
    case 0: /* the usual small net */
        x = hand_input(&h, 4, gray);
        x = hand_pool(&h, "MaxPool",
            hand_unary(&h, "Relu", hand_conv(&h, x, 1, 5, 3, 1, 1, 1, 1, true)), 2, 2, 0);
        x = hand_pool(&h, "MaxPool",
            hand_unary(&h, "Relu", hand_conv(&h, x, 5, 33, 3, 1, 1, 1, 1, true)), 2, 2, 0);
        x = hand_unary(&h, "Flatten", x);
        x = hand_unary(&h, "Relu", hand_gemm(&h, x, 33 * 9, 21, true, true, 1));
        return hand_end(&h, hand_gemm(&h, x, 21, 10, true, true, 1));
    case 1: /* strides, dilation, no bias, relu without pool, global pool */
        x = hand_input(&h, 4, color);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 18, 3, 2, 1, 1, 1, false));
        x = hand_conv(&h, x, 18, 20, 3, 1, 2, 2, 1, true);
        x = hand_unary(&h, "GlobalAveragePool", hand_unary(&h, "Relu", x));
        x = hand_unary(&h, "Flatten", x);
        return hand_end(&h, hand_gemm(&h, x, 20, 4, false, true, 1));
    case 2: /* perceptron with MatMul and Add, ends in probabilities */
        x = hand_input(&h, 2, flat);
        x = hand_unary(&h, "Relu", hand_matmul(&h, x, 20, 37, true));
        x = hand_unary(&h, "Tanh", hand_matmul(&h, x, 37, 16, true));
        x = hand_matmul(&h, x, 16, 5, false);
        return hand_end(
            &h, hand_node(&h, "Softmax", &x, 1, (struct rd_attr[]){ hand_i("axis", 1) }, 1));
    case 3: /* a residual: one value read twice, sums in the gradient */
        x = hand_input(&h, 4, color);
        y = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 16, 3, 1, 1, 1, 1, true));
        z = hand_binary(&h, "Add", y, hand_conv(&h, y, 16, 16, 3, 1, 1, 1, 1, true));
        z = hand_pool(&h, "AveragePool", hand_unary(&h, "Relu", z), 3, 3, 0);
        z = hand_unary(&h, "Flatten", z);
        return hand_end(&h, hand_gemm(&h, z, 16 * 9, 6, true, true, 1));
    case 4: /* overlapping padded pool, relu behind it; convolution that does not fuse */
        x = hand_input(&h, 4, color);
        x = hand_conv(&h, x, 3, 17, 3, 1, 1, 1, 1, true);
        x = hand_unary(&h, "Relu", hand_pool(&h, "MaxPool", x, 3, 2, 1));
        x = hand_conv(&h, x, 17, 8, 1, 1, 0, 1, 1, true);
        x = hand_unary(&h, "Sigmoid", x);
        x = hand_unary(&h, "Flatten", x);
        return hand_end(&h, hand_gemm(&h, x, 8 * 25, 3, true, false, 1));
    case 5: /* the input read by two branches, elementwise steps between */
        x = hand_input(&h, 4, color);
        y = hand_binary(&h, "Mul", x, x);
        y = hand_binary(&h, "Sub", y, hand_weight(&h, 3, (int64_t[]){ 3, 1, 1 }, 0.5f, 0.1f));
        y = hand_conv(&h, y, 3, 4, 3, 1, 0, 1, 1, true);
        z = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 4, 3, 1, 0, 1, 1, true));
        y = hand_binary(&h, "Div", y, hand_weight(&h, 3, (int64_t[]){ 4, 1, 1 }, 2, 0.5f));
        y = hand_unary(&h, "Flatten", hand_binary(&h, "Add", y, z));
        return hand_end(&h, hand_gemm(&h, y, 4 * 56, 5, true, true, 1));
    case 6: /* pool first; odd sizes leave rows that no window covers */
        x = hand_input(&h, 4, color);
        x = hand_pool(&h, "MaxPool", x, 2, 1, 0);
        x = hand_pool(&h, "MaxPool",
            hand_unary(&h, "Relu", hand_conv(&h, x, 3, 34, 2, 1, 0, 1, 1, true)), 2, 2, 0);
        x = hand_unary(&h, "Flatten", x);
        return hand_end(&h, hand_gemm(&h, x, 34 * 12, 5, true, true, 1));
    case 7: /* through operator rows: groups, scaled Gemm, clip */
        x = hand_input(&h, 4, color);
        x = hand_conv(&h, x, 3, 6, 3, 1, 1, 1, 3, true);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 6, 8, 3, 2, 1, 1, 1, true));
        x = hand_unary(&h, "Flatten", x);
        x = hand_gemm(&h, x, 8 * 25, 12, true, true, 0.5f);
        x = hand_unary(&h, "Tanh", x);
        return hand_end(&h, hand_gemm(&h, x, 12, 4, false, true, 1));
    case 8: /* normalization, dropout (a copy when not training), reshape by numbers */
        x = hand_input(&h, 4, color);
        x = hand_conv(&h, x, 3, 6, 3, 1, 1, 1, 1, false);
        {
            const int64_t c = 6;
            const int in[] = { x, hand_weight(&h, 1, &c, 1, 0.3f), hand_weight(&h, 1, &c, 0, 0.3f),
                hand_weight(&h, 1, &c, 0, 0.2f), hand_weight(&h, 1, &c, 1, 0.3f) };

            x = hand_node(&h, "BatchNormalization", in, 5, NULL, 0);
        }
        x = hand_pool(&h, "MaxPool", hand_unary(&h, "Relu", x), 2, 2, 0);
        x = hand_unary(&h, "Dropout", x);
        x = hand_binary(&h, "Reshape", x, hand_ints(&h, 2, (int64_t[]){ -1, 6 * 20 }));
        return hand_end(&h, hand_gemm(&h, x, 6 * 20, 5, true, true, 1));
    case 9: /* flat rows made an image, a weight used twice */
        x = hand_input(&h, 2, flat);
        x = hand_binary(&h, "Reshape", x, hand_ints(&h, 4, (int64_t[]){ -1, 1, 4, 5 }));
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 1, 20, 3, 1, 1, 1, 1, true));
        x = hand_unary(&h, "Flatten", x);
        x = hand_matmul(&h, x, 400, 12, true);
        y = hand_weight(&h, 2, (int64_t[]){ 12, 12 }, 0, 0.4f);
        x = hand_unary(&h, "Relu", hand_binary(&h, "MatMul", x, y));
        return hand_end(&h, hand_unary(&h, "Tanh", hand_binary(&h, "MatMul", x, y)));
    case 10: /* pixels turned back to planes */
        x = hand_input(&h, 4, color);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 5, 3, 1, 1, 1, 1, true));
        x = hand_node(&h, "Transpose", &x, 1,
            (struct rd_attr[]){ hand_list(&h, "perm", 4, (int64_t[]){ 0, 2, 3, 1 }) }, 1);
        x = hand_unary(&h, "Flatten", x);
        return hand_end(&h, hand_gemm(&h, x, 450, 7, false, false, 1));
    case 12: /* a residual net: normalized inputs, folded and free normalization, mean of pixels */
        x = hand_input(&h, 4, color);
        x = hand_binary(&h, "Sub", x, hand_weight(&h, 4, (int64_t[]){ 1, 3, 1, 1 }, 0.4f, 0.1f));
        x = hand_binary(&h, "Div", x, hand_weight(&h, 1, (int64_t[]){ 1 }, 0.3f, 0.1f));
        x = hand_unary(
            &h, "Relu", hand_norm(&h, hand_conv(&h, x, 3, 16, 3, 1, 1, 1, 1, false), 16));
        y = hand_unary(
            &h, "Relu", hand_norm(&h, hand_conv(&h, x, 16, 16, 3, 1, 1, 1, 1, true), 16));
        y = hand_norm(&h, hand_conv(&h, y, 16, 16, 3, 1, 1, 1, 1, false), 16);
        y = hand_unary(&h, "Relu", hand_binary(&h, "Add", y, x));
        z = hand_norm(&h, hand_conv(&h, y, 16, 35, 1, 2, 0, 1, 1, false), 35);
        x = hand_norm(&h, hand_conv(&h, y, 16, 35, 3, 2, 1, 1, 1, true), 35);
        x = hand_binary(&h, "Add", x, z);
        x = hand_unary(&h, "Relu", hand_norm(&h, x, 35)); /* behind a sum: a step of its own */
        x = hand_node(&h, "ReduceMean", &x, 1,
            (struct rd_attr[]){
                hand_list(&h, "axes", 2, (int64_t[]){ -1, -2 }), hand_i("keepdims", 0) },
            2);
        return hand_end(&h, hand_gemm(&h, x, 35, 4, true, true, 1));
    case 13: /* strides: more than the kernel, padding beyond it, sums behind convolutions */
        x = hand_input(&h, 4, color);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 16, 7, 2, 3, 1, 1, true));
        y = hand_conv(&h, x, 16, 24, 3, 2, 1, 1, 1, true);
        z = hand_conv(&h, x, 16, 24, 1, 2, 0, 1, 1, false);
        x = hand_unary(&h, "Relu", hand_binary(&h, "Add", y, z));
        x = hand_binary(&h, "Add", hand_conv(&h, x, 24, 24, 1, 1, 0, 1, 1, true), x);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 24, 20, 5, 3, 4, 1, 1, true));
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 20, 17, 2, 3, 9, 1, 1, true));
        x = hand_unary(&h, "Flatten", hand_unary(&h, "GlobalAveragePool", x));
        return hand_end(&h, hand_gemm(&h, x, 17, 4, false, true, 1));
    case 14: /* shortcuts without weights: every second pixel, more channels of zeros */
        x = hand_input(&h, 4, color);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 8, 3, 1, 1, 1, 1, true));
        {
            int in[] = { x, hand_ints(&h, 2, (int64_t[]){ 0, 1 }),
                hand_ints(&h, 2, (int64_t[]){ INT32_MAX, -1 }),
                hand_ints(&h, 2, (int64_t[]){ 2, -1 }), hand_ints(&h, 2, (int64_t[]){ 2, 2 }) };

            y = hand_node(&h, "Slice", in, 5, NULL, 0);
            in[0] = y; /* of channels: 1, 4 and 7 */
            in[1] = hand_ints(&h, 1, (int64_t[]){ 1 });
            in[2] = hand_ints(&h, 1, (int64_t[]){ 8 });
            in[3] = hand_ints(&h, 1, (int64_t[]){ 1 });
            in[4] = hand_ints(&h, 1, (int64_t[]){ 3 });
            y = hand_node(&h, "Slice", in, 5, NULL, 0);
            in[0] = y;
            in[1] = hand_ints(&h, 8, (int64_t[]){ 0, 6, 0, 1, 0, 9, 0, 0 });
            y = hand_node(&h, "Pad", in, 2, NULL, 0);
        }
        z = hand_conv(&h, x, 8, 18, 3, 2, 1, 1, 1, false);
        x = hand_unary(&h, "Relu", hand_binary(&h, "Add", z, y));
        x = hand_unary(&h, "Flatten", x);
        return hand_end(&h, hand_gemm(&h, x, 18 * 25, 4, false, true, 1));
    case 15: /* each channel by itself, with and without strides */
        x = hand_input(&h, 4, color);
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 3, 37, 1, 1, 0, 1, 1, true));
        x = hand_conv(&h, x, 37, 37, 3, 1, 1, 1, 37, false);
        x = hand_unary(&h, "Relu", hand_norm(&h, x, 37));
        x = hand_unary(&h, "Relu", hand_conv(&h, x, 37, 37, 5, 2, 2, 1, 37, true));
        x = hand_conv(&h, x, 37, 12, 1, 1, 0, 1, 1, true);
        y = hand_unary(&h, "Relu", hand_conv(&h, x, 12, 12, 2, 1, 3, 1, 12, true));
        y = hand_conv(&h, y, 12, 12, 3, 3, 0, 1, 12, true);
        x = hand_unary(&h, "Flatten", hand_unary(&h, "GlobalAveragePool", x));
        y = hand_unary(&h, "Flatten", hand_unary(&h, "GlobalAveragePool", y));
        return hand_end(&h, hand_gemm(&h, hand_binary(&h, "Add", x, y), 12, 4, false, true, 1));
    case 16: /* element by element between convolutions, weights of channels by their means */
        x = hand_input(&h, 4, color);
        x = hand_conv(&h, x, 3, 20, 3, 1, 0, 1, 1, true);
        x = hand_binary(&h, "Mul", x, hand_unary(&h, "Sigmoid", x));
        y = hand_conv(&h, x, 20, 20, 3, 1, 1, 1, 20, true);
        y = hand_unary(&h, "Elu", y);
        z = hand_unary(&h, "GlobalAveragePool", y);
        z = hand_unary(&h, "Softplus", hand_conv(&h, z, 20, 5, 1, 1, 0, 1, 1, true));
        z = hand_unary(&h, "Sigmoid", hand_conv(&h, z, 5, 20, 1, 1, 0, 1, 1, true));
        y = hand_binary(&h, "Mul", y, z);
        y = hand_binary(&h, "Add", hand_conv(&h, y, 20, 20, 3, 1, 1, 1, 1, true), x);
        y = hand_unary(
            &h, "Tanh", hand_conv(&h, hand_unary(&h, "Neg", y), 20, 6, 3, 2, 1, 1, 1, true));
        y = hand_unary(&h, "Flatten",
            hand_binary(&h, "Mul", y, hand_weight(&h, 3, (int64_t[]){ 6, 1, 1 }, 1, 0.2f)));
        return hand_end(&h, hand_gemm(&h, y, 6 * 16, 4, false, true, 1));
    case 17: /* relu with a bound behind convolutions */
        x = hand_input(&h, 4, color);
        {
            const int64_t one = 1;
            const int low = hand_weight(&h, 0, &one, 0, 0), top = hand_weight(&h, 0, &one, 0.3f, 0);

            x = hand_conv(&h, x, 3, 24, 1, 1, 0, 1, 1, true);
            x = hand_node(&h, "Clip", (int[]){ x, low, top }, 3, NULL, 0);
            x = hand_conv(&h, x, 24, 24, 3, 2, 1, 1, 24, true);
            x = hand_node(&h, "Clip", (int[]){ x, low, top }, 3, NULL, 0);
            y = hand_conv(&h, x, 24, 16, 3, 1, 1, 1, 1, true);
            y = hand_node(&h, "Clip", (int[]){ y, low, top }, 3, NULL, 0);
            y = hand_pool(&h, "MaxPool", y, 2, 1, 0);
        }
        y = hand_unary(&h, "Flatten", y);
        return hand_end(&h, hand_gemm(&h, y, 16 * 16, 4, false, true, 1));
    default: /* a padded convolution fed by a pool, dense layer on pixels with a halo */
        x = hand_input(&h, 4, gray);
        x = hand_pool(&h, "MaxPool", hand_conv(&h, x, 1, 16, 3, 1, 1, 1, 1, true), 2, 2, 0);
        y = hand_conv(&h, x, 16, 3, 3, 1, 1, 1, 1, true);
        y = hand_gemm(&h, hand_unary(&h, "Flatten", y), 3 * 36, 6, true, true, 1);
        z = hand_gemm(&h, hand_unary(&h, "Flatten", x), 16 * 36, 6, false, true, 1);
        return hand_end(&h, hand_binary(&h, "Add", y, z));
    }
}

#endif
