/*
 * dialect.c - see dialect.h. One line of the table an operator, with the function that writes it
 * out in standard operators. Source: the operators' document of ONNX Runtime (ContribOperators).
 */
#include "graph/dialect.h"

#include "base/text.h"
#include "graph/dialect_impl.h"

#include <string.h>

/* --- small helpers --- */

/* The attributes but for those named. *n_out their count. */
static const struct rd_attr *attrs_but(
    const struct entry *e, const char *const *names, size_t *n_out)
{
    struct rd_attr *list = RD_NEW_ARRAY(e->m->arena, struct rd_attr, e->node->n_attrs + 1);

    *n_out = 0;
    e->m->failed = e->m->failed || !list;
    for (size_t i = 0; list && i < e->node->n_attrs; i++) {
        bool left_out = false;

        for (const char *const *n = names; *n; n++)
            left_out = left_out || !strcmp(*n, e->node->attr[i].name);
        if (!left_out)
            list[(*n_out)++] = e->node->attr[i];
    }
    return list;
}

static rd_status need_zeros(const struct entry *e, int a, int b)
{
    if (in(e, a) < 0 || (b >= 0 && in(e, b) < 0))
        return RD_FAIL(e->err, RD_E_INPUT, "without a zero point it is not supported");
    return RD_OK;
}

/* --- quantized: back to real numbers, the operator, to integers again --- */

/* Inputs at, at + 1, at + 2: integers, scale, zero point. */
static int real(const struct entry *e, int at)
{
    const int given[] = { in(e, at), in(e, at + 1), in(e, at + 2) };

    return maker_op(e->m, "DequantizeLinear", given, given[2] < 0 ? 2 : 3, NULL, 0, -1);
}

/* Of a real number, with the scale and zero point of inputs at, at + 1. */
static rd_status quantized(const struct entry *e, int x, int at)
{
    const rd_status st = need_zeros(e, at + 1, -1);

    if (!st)
        (void)maker_op(
            e->m, "QuantizeLinear", (int[]){ x, in(e, at), in(e, at + 1) }, 3, NULL, 0, out(e, 0));
    return st;
}

static rd_status q_add(struct entry *e)
{
    return quantized(e, two(e, "Add", real(e, 0), real(e, 3), -1), 6);
}

static rd_status q_mul(struct entry *e)
{
    return quantized(e, two(e, "Mul", real(e, 0), real(e, 3), -1), 6);
}

static rd_status q_sigmoid(struct entry *e)
{
    return quantized(e, one(e, "Sigmoid", real(e, 0), -1), 3);
}

static rd_status q_leaky(struct entry *e)
{
    const struct rd_attr alpha = attr_f("alpha", rd_op_float(e->node, "alpha", 0.01f));
    const int x = real(e, 0);

    return quantized(e, maker_op(e->m, "LeakyRelu", &x, 1, &alpha, 1, -1), 3);
}

static rd_status channels_first(const struct entry *e)
{
    return rd_op_int(e->node, "channels_last", 0)
               ? RD_FAIL(e->err, RD_E_INPUT, "channels_last is not supported")
               : RD_OK;
}

static rd_status q_global(struct entry *e)
{
    const rd_status st = channels_first(e);

    return st ? st : quantized(e, one(e, "GlobalAveragePool", real(e, 0), -1), 3);
}

static rd_status q_average(struct entry *e)
{
    size_t n;
    const struct rd_attr *attr = attrs_but(e, (const char *[]){ "channels_last", NULL }, &n);
    const int x = real(e, 0);
    const rd_status st = channels_first(e);

    return st ? st : quantized(e, maker_op(e->m, "AveragePool", &x, 1, attr, n, -1), 3);
}

static rd_status q_concat(struct entry *e)
{
    const struct rd_attr axis = attr_i("axis", rd_op_int(e->node, "axis", 0));
    const int n = (e->node->n_inputs - 2) / 3;
    int *x = RD_NEW_ARRAY(e->m->arena, int, (size_t)n + 1);

    if (!x)
        return RD_FAIL(e->err, RD_E_MEMORY, "no memory for %d inputs", n);
    if (e->node->n_inputs != 2 + 3 * n)
        return RD_FAIL(e->err, RD_E_INPUT, "each input needs a scale and a zero point");
    for (int i = 0; i < n; i++)
        x[i] = real(e, 2 + 3 * i);
    return quantized(e, maker_op(e->m, "Concat", x, n, &axis, 1, -1), 0);
}

/* ONNX Runtime multiplies by the whole part of 1 / scale: 254 for 0.003921569, which is a little
 * above 1/255. Nobody else runs this operator, so that is what it means. */
static rd_status q_softmax(struct entry *e)
{
    const struct rd_attr axis = attr_i("axis", rd_op_int(e->node, "axis", -1));
    const int64_t opset = rd_op_int(e->node, "opset", MAKER_OPSET);
    const rd_status st = need_zeros(e, 4, -1);
    int x = real(e, 0), steps;

    if (st)
        return st;
    x = maker_op_at(e->m, opset < 13 ? 11 : 13, "Softmax", &x, 1, &axis, 1, -1);
    steps = one(e, "Floor", one(e, "Reciprocal", in(e, 3), -1), -1);
    x = two(e, "Mul", x, steps, -1);
    (void)maker_op(
        e->m, "QuantizeLinear", (int[]){ x, number(e, 1), in(e, 4) }, 3, NULL, 0, out(e, 0));
    return RD_OK;
}

static rd_status q_where(struct entry *e)
{
    const int a = real(e, 1), b = real(e, 4);

    return quantized(e, maker_op(e->m, "Where", (int[]){ in(e, 0), a, b }, 3, NULL, 0, -1), 7);
}

int dialect_product(
    const struct entry *e, int a, int a_zero, int b, int b_zero, int scale, int bias, int to)
{
    const struct rd_attr to_float = attr_i("to", RD_F32);
    int x = maker_op(e->m, "MatMulInteger", (int[]){ a, b, a_zero, b_zero },
        b_zero >= 0   ? 4
        : a_zero >= 0 ? 3
                      : 2,
        NULL, 0, -1);

    x = maker_op(e->m, "Cast", &x, 1, &to_float, 1, -1);
    x = two(e, "Mul", x, scale, bias < 0 ? to : -1);
    return bias < 0 ? x : two(e, "Add", x, bias, to);
}

static rd_status integer_to_float(struct entry *e)
{
    (void)dialect_product(e, in(e, 0), in(e, 4), in(e, 1), in(e, 5),
        two(e, "Mul", in(e, 2), in(e, 3), -1), in(e, 6), out(e, 0));
    return RD_OK;
}

static rd_status dynamic_matmul(struct entry *e)
{
    int *io = RD_NEW_ARRAY(e->m->arena, int, 4);

    if (!io)
        return RD_FAIL(e->err, RD_E_MEMORY, "no memory for a node");
    io[0] = in(e, 0);
    io[1] = maker_value(e->m, RD_DTYPE_NONE);
    io[2] = maker_value(e->m, RD_DTYPE_NONE);
    io[3] = maker_value(e->m, RD_DTYPE_NONE);
    maker_put(e->m, &(struct rd_graph_node){ .name = e->node->name,
                        .op = "DynamicQuantizeLinear",
                        .domain = "",
                        .opset = MAKER_OPSET,
                        .row = &rd_op_dynamicquantizelinear,
                        .input = io,
                        .output = io + 1,
                        .n_inputs = 1,
                        .n_outputs = 3 });
    (void)dialect_product(e, io[1], io[3], in(e, 1), in(e, 3), two(e, "Mul", io[2], in(e, 2), -1),
        in(e, 4), out(e, 0));
    return RD_OK;
}

/* --- fused --- */

/* Gelu, exact or by Tanh. */
static int gelu(const struct entry *e, int x, bool by_tanh, int to)
{
    const struct rd_attr how = {
        .name = "approximate", .type = RD_ATTR_STRING, .s = "tanh", .s_len = 4, .n = 1
    };

    return maker_op_at(e->m, 20, "Gelu", &x, 1, by_tanh ? &how : NULL, by_tanh, to);
}

static rd_status plain_gelu(struct entry *e)
{
    (void)gelu(e, in(e, 0), false, out(e, 0));
    return RD_OK;
}

static rd_status fast_gelu(struct entry *e)
{
    const int x = in(e, 1) < 0 ? in(e, 0) : two(e, "Add", in(e, 0), in(e, 1), -1);

    (void)gelu(e, x, true, out(e, 0));
    return RD_OK;
}

static rd_status bias_gelu(struct entry *e)
{
    (void)gelu(e, two(e, "Add", in(e, 0), in(e, 1), -1), false, out(e, 0));
    return RD_OK;
}

static rd_status quick_gelu(struct entry *e)
{
    const int a = two(e, "Mul", in(e, 0), number(e, rd_op_float(e->node, "alpha", 1.702f)), -1);

    (void)two(e, "Mul", in(e, 0), one(e, "Sigmoid", a, -1), out(e, 0));
    return RD_OK;
}

/* Parameters of a fused activation, by what FusedConv and FusedGemm call them. */
static float parameter(const struct entry *e, int i, const char *name, float otherwise)
{
    const struct rd_attr *list = rd_op_attr(e->node, "activation_params");

    if (list)
        return (size_t)i < list->n ? list->floats[i] : otherwise;
    return rd_op_float(e->node, name, otherwise);
}

static rd_status activate(struct entry *e, int x)
{
    static const char *const plain[] = { "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign" };
    const struct rd_attr *a = rd_op_attr(e->node, "activation");
    char safe[80];

    if (!a || !a->s_len) {
        (void)one(e, "Identity", x, out(e, 0));
        return RD_OK;
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (rd_op_str_is(e->node, "activation", plain[i])) {
            (void)one(e, plain[i], x, out(e, 0));
            return RD_OK;
        }
    if (rd_op_str_is(e->node, "activation", "LeakyRelu")) {
        const struct rd_attr alpha = attr_f("alpha", parameter(e, 0, "activation_alpha", 0.01f));

        (void)maker_op(e->m, "LeakyRelu", &x, 1, &alpha, 1, out(e, 0));
        return RD_OK;
    }
    if (rd_op_str_is(e->node, "activation", "Clip")) {
        (void)maker_op(e->m, "Clip",
            (int[]){ x, number(e, parameter(e, 0, "activation_alpha", 0)),
                number(e, parameter(e, 1, "activation_beta", 0)) },
            3, NULL, 0, out(e, 0));
        return RD_OK;
    }
    if (rd_op_str_is(e->node, "activation", "HardSigmoid")) {
        const struct rd_attr both[] = { attr_f("alpha", parameter(e, 0, "activation_alpha", 0.2f)),
            attr_f("beta", parameter(e, 1, "activation_beta", 0.5f)) };

        (void)maker_op(e->m, "HardSigmoid", &x, 1, both, 2, out(e, 0));
        return RD_OK;
    }
    return RD_FAIL(e->err, RD_E_INPUT, "activation '%s' is not supported",
        rd_text_safe_in(safe, sizeof safe, a->s));
}

static rd_status fused_conv(struct entry *e)
{
    size_t n;
    const struct rd_attr *attr =
        attrs_but(e, (const char *[]){ "activation", "activation_params", NULL }, &n);
    int x = maker_op(
        e->m, "Conv", (int[]){ in(e, 0), in(e, 1), in(e, 2) }, in(e, 2) < 0 ? 2 : 3, attr, n, -1);

    if (in(e, 3) >= 0)
        x = two(e, "Add", x, in(e, 3), -1);
    return activate(e, x);
}

static rd_status fused_gemm(struct entry *e)
{
    size_t n;
    const struct rd_attr *attr = attrs_but(e,
        (const char *[]){
            "activation", "activation_alpha", "activation_beta", "activation_gamma", NULL },
        &n);

    return activate(e, maker_op(e->m, "Gemm", (int[]){ in(e, 0), in(e, 1), in(e, 2) },
                           in(e, 2) < 0 ? 2 : 3, attr, n, -1));
}

/* The last two axes exchanged, whatever the rank. */
static int turned(const struct entry *e, int x)
{
    const struct rd_attr equation = {
        .name = "equation", .type = RD_ATTR_STRING, .s = "...ij->...ji", .s_len = 12, .n = 1
    };

    return maker_op(e->m, "Einsum", &x, 1, &equation, 1, -1);
}

static rd_status fused_matmul(struct entry *e)
{
    const float alpha = rd_op_float(e->node, "alpha", 1);
    int a = in(e, 0), b = in(e, 1), x;

    if (rd_op_int(e->node, "transBatchA", 0) || rd_op_int(e->node, "transBatchB", 0))
        return RD_FAIL(e->err, RD_E_INPUT, "transBatchA and transBatchB are not supported");
    a = rd_op_int(e->node, "transA", 0) ? turned(e, a) : a;
    b = rd_op_int(e->node, "transB", 0) ? turned(e, b) : b;
    x = two(e, "MatMul", a, b, alpha == 1.0f ? out(e, 0) : -1);
    if (alpha != 1.0f)
        (void)two(e, "Mul", x, number(e, alpha), out(e, 0));
    return RD_OK;
}

/* --- normalization --- */

static rd_status normalize(
    const struct entry *e, int x, int scale, int shift, bool simplified, int64_t axis)
{
    const struct rd_attr attr[] = { attr_i("axis", axis),
        attr_f("epsilon", rd_op_float(e->node, "epsilon", 1e-12f)) };
    const int given[] = { x, scale, shift };

    if (simplified)
        (void)maker_op_at(e->m, 23, "RMSNormalization", given, 2, attr, 2, out(e, 0));
    else
        (void)maker_op_at(
            e->m, 17, "LayerNormalization", given, shift < 0 ? 2 : 3, attr, 2, out(e, 0));
    return RD_OK;
}

static rd_status layer(struct entry *e)
{
    const struct rd_attr attr[] = { attr_i("axis", rd_op_int(e->node, "axis", -1)),
        attr_f("epsilon", rd_op_float(e->node, "epsilon", 1e-5f)) };
    struct rd_graph_node made = *e->node;
    struct rd_attr *copy = RD_NEW_ARRAY(e->m->arena, struct rd_attr, 2);

    if (!copy)
        return RD_FAIL(e->err, RD_E_MEMORY, "no memory for a node");
    memcpy(copy, attr, sizeof attr);
    made.domain = "";
    made.opset = 17;
    made.row = rd_op_find("", "LayerNormalization", 17, NULL);
    made.attr = copy;
    made.n_attrs = 2;
    maker_put(e->m, &made);
    return RD_OK;
}

static rd_status simplified(struct entry *e)
{
    const struct rd_attr attr[] = { attr_i("axis", rd_op_int(e->node, "axis", -1)),
        attr_f("epsilon", rd_op_float(e->node, "epsilon", 1e-5f)) };
    const rd_status st = only_outputs(e, 1);

    if (!st)
        (void)maker_op_at(e->m, 23, "RMSNormalization", e->node->input, 2, attr, 2, out(e, 0));
    return st;
}

static rd_status skip(struct entry *e, bool is_simplified)
{
    const int bias = in(e, is_simplified ? 3 : 4);
    const rd_status st = only_outputs(e, 1 | 8);
    int x;

    if (st)
        return st;
    x = two(e, "Add", in(e, 0), in(e, 1), bias < 0 ? out(e, 3) : -1);
    if (bias >= 0)
        x = two(e, "Add", x, bias, out(e, 3));
    return normalize(e, x, in(e, 2), is_simplified ? -1 : in(e, 3), is_simplified, -1);
}

static rd_status skip_layer(struct entry *e)
{
    return skip(e, false);
}

static rd_status skip_simplified(struct entry *e)
{
    return skip(e, true);
}

/* Words, positions and segments of (batch, length) ids. */
static rd_status embed(struct entry *e)
{
    const int zero = integers(e, 1, (int64_t[]){ 0 }), first = integers(e, 1, (int64_t[]){ 1 });
    const struct rd_attr axis = attr_i("axis", 0);
    int x = two(e, "Gather", in(e, 2), in(e, 0), -1), p;
    rd_status st = only_outputs(e, 1 | 2 | 4);

    if (st)
        return st;
    if (in(e, 8) >= 0) {
        p = two(e, "Gather", in(e, 3), in(e, 8), -1);
    } else { /* the first `length` rows */
        const int shape = one(e, "Shape", in(e, 0), -1);
        const int length = maker_op(e->m, "Gather", (int[]){ shape, first }, 2, &axis, 1, -1);

        p = maker_op(e->m, "Slice", (int[]){ in(e, 3), zero, length, zero }, 4, NULL, 0, -1);
    }
    if (in(e, 1) >= 0 && in(e, 4) >= 0)
        x = two(e, "Add", x, two(e, "Gather", in(e, 4), in(e, 1), -1), -1);
    x = two(e, "Add", x, p, out(e, 2));
    if (out(e, 1) >= 0) { /* how many words of each text the mask lets through */
        const struct rd_attr keep = attr_i("keepdims", 0);

        if (in(e, 7) < 0)
            return RD_FAIL(e->err, RD_E_INPUT, "its output 1 needs a mask");
        (void)maker_op(e->m, "ReduceSum", (int[]){ in(e, 7), first }, 2, &keep, 1, out(e, 1));
    }
    return normalize(e, x, in(e, 5), in(e, 6), false, -1);
}

/* --- the table --- */

#define INT(name)                                                                                  \
    {                                                                                              \
        name, RD_ATTR_INT, 0, 0, false                                                             \
    }
#define FLOAT(name)                                                                                \
    {                                                                                              \
        name, RD_ATTR_FLOAT, 0, 0, false                                                           \
    }
#define WORD(name)                                                                                 \
    {                                                                                              \
        name, RD_ATTR_STRING, 0, 0, false                                                          \
    }
#define INTS(name)                                                                                 \
    {                                                                                              \
        name, RD_ATTR_INTS, 0, 0, false                                                            \
    }
#define END                                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

static const struct rd_op_attr no_attrs[] = { END };
static const struct rd_op_attr alpha_attrs[] = { FLOAT("alpha"), END };
static const struct rd_op_attr last_attrs[] = { INT("channels_last"), END };
static const struct rd_op_attr pool_attrs[] = { WORD("auto_pad"), INT("ceil_mode"),
    INT("channels_last"), INT("count_include_pad"), INTS("kernel_shape"), INTS("pads"),
    INTS("strides"), END };
static const struct rd_op_attr axis_attrs[] = { INT("axis"), END };
static const struct rd_op_attr softmax_attrs[] = { INT("axis"), INT("opset"), END };
static const struct rd_op_attr conv_attrs[] = { WORD("activation"),
    { "activation_params", RD_ATTR_FLOATS, 0, 0, false }, WORD("auto_pad"), INTS("dilations"),
    INT("group"), INTS("kernel_shape"), INTS("pads"), INTS("strides"), END };
static const struct rd_op_attr gemm_attrs[] = { WORD("activation"), FLOAT("activation_alpha"),
    FLOAT("activation_beta"), FLOAT("activation_gamma"), FLOAT("alpha"), FLOAT("beta"),
    INT("transA"), INT("transB"), END };
static const struct rd_op_attr matmul_attrs[] = { FLOAT("alpha"), INT("transA"), INT("transB"),
    INT("transBatchA"), INT("transBatchB"), END };
static const struct rd_op_attr norm_attrs[] = { INT("axis"), FLOAT("epsilon"), INT("stash_type"),
    END };
static const struct rd_op_attr epsilon_attrs[] = { FLOAT("epsilon"), END };
static const struct rd_op_attr attention_attrs[] = { INT("do_rotary"), FLOAT("mask_filter_value"),
    INT("num_heads"), INT("past_present_share_buffer"), INTS("qkv_hidden_sizes"),
    INT("rotary_embedding_dim"), FLOAT("scale"), INT("unidirectional"), END };
static const struct rd_op_attr embed_attrs[] = { FLOAT("epsilon"), INT("mask_index_type"), END };

struct dialect {
    struct rd_op row;
    rd_status (*expand)(struct entry *e);
    unsigned optional; /* inputs below min_in that may be left out */
};

#define AT(where, name, last, least, most, outs, list, fn, may_lack)                               \
    {                                                                                              \
        .row = { .op = name,                                                                       \
            .domain = where,                                                                       \
            .since = 1,                                                                            \
            .until = last,                                                                         \
            .min_in = least,                                                                       \
            .max_in = most,                                                                        \
            .min_out = 1,                                                                          \
            .max_out = outs,                                                                       \
            .attrs = list },                                                                       \
        .expand = fn, .optional = may_lack,                                                        \
    }
#define MS(name, least, most, outs, list, fn, may_lack)                                            \
    AT("com.microsoft", name, 0, least, most, outs, list, fn, may_lack)
enum { ALL = 0, ZERO = 1 << 2, ZEROS = 1 << 2 | 1 << 5, SEGMENTS = 1 << 1 | 1 << 4 };

static const struct dialect table[] = {
    MS("Attention", 2, 7, 3, attention_attrs, dialect_attention, ALL),
    MS("BiasGelu", 2, 2, 1, no_attrs, bias_gelu, ALL),
    MS("DynamicQuantizeMatMul", 3, 5, 1, no_attrs, dynamic_matmul, ALL),
    MS("EmbedLayerNormalization", 7, 9, 3, embed_attrs, embed, SEGMENTS),
    MS("FastGelu", 1, 2, 1, no_attrs, fast_gelu, ALL),
    MS("FusedConv", 2, 4, 1, conv_attrs, fused_conv, ALL),
    MS("FusedGemm", 2, 3, 1, gemm_attrs, fused_gemm, ALL),
    MS("FusedMatMul", 2, 2, 1, matmul_attrs, fused_matmul, ALL),
    MS("Gelu", 1, 1, 1, no_attrs, plain_gelu, ALL),
    MS("MatMulIntegerToFloat", 4, 7, 1, no_attrs, integer_to_float, ALL),
    MS("MultiHeadAttention", 1, 10, 4, attention_attrs, dialect_heads, ALL),
    MS("QAttention", 5, 9, 2, attention_attrs, dialect_quantized_attention, ALL),
    MS("QLinearAdd", 7, 8, 1, no_attrs, q_add, ZEROS),
    MS("QLinearAveragePool", 4, 5, 1, pool_attrs, q_average, ZERO),
    MS("QLinearConcat", 5, INT32_MAX, 1, axis_attrs, q_concat, ALL),
    MS("QLinearGlobalAveragePool", 5, 5, 1, last_attrs, q_global, ZERO),
    MS("QLinearLeakyRelu", 4, 5, 1, alpha_attrs, q_leaky, ZERO),
    MS("QLinearMul", 7, 8, 1, no_attrs, q_mul, ZEROS),
    MS("QLinearSigmoid", 4, 5, 1, no_attrs, q_sigmoid, ZERO),
    MS("QLinearSoftmax", 5, 5, 1, softmax_attrs, q_softmax, ZERO),
    MS("QLinearWhere", 9, 9, 1, no_attrs, q_where, ALL),
    MS("QuickGelu", 1, 1, 1, alpha_attrs, quick_gelu, ALL),
    MS("SkipLayerNormalization", 3, 5, 4, epsilon_attrs, skip_layer, ALL),
    MS("SkipSimplifiedLayerNormalization", 3, 4, 4, epsilon_attrs, skip_simplified, ALL),
    MS("TransposeMatMul", 2, 2, 1, matmul_attrs, fused_matmul, ALL),
    AT("", "LayerNormalization", 16, 2, 3, 3, norm_attrs, layer, ALL),
    AT("", "SimplifiedLayerNormalization", 0, 2, 2, 3, norm_attrs, simplified, ALL),
};

static const char *const refused[] = { "DecoderMaskedMultiHeadAttention", "DequantizeBFP",
    "GatherBlockQuantized", "GroupQueryAttention", "MatMulBnb4", "MatMulNBits", "NhwcMaxPool",
    "PackedAttention", "QEmbedLayerNormalization", "QLinearConvTranspose", "QLinearReduceMean",
    "QOrderedMatMul" };

const struct rd_op *rd_dialect_find(
    const char *domain, const char *op, int64_t version, const char **hint_out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].row.op, op) && !strcmp(table[i].row.domain, domain) &&
            (!table[i].row.until || version <= table[i].row.until))
            return &table[i].row;
    for (size_t i = 0; hint_out && i < sizeof refused / sizeof *refused; i++)
        if (!strcmp(refused[i], op) && !strcmp(domain, "com.microsoft"))
            *hint_out =
                "an optimizer or quantizer of ONNX Runtime wrote it: export the model "
                "without that step, or leave this operator out of it (op_types_to_quantize)";
    return NULL;
}

static const struct dialect *entry_of(const struct rd_op *row)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (row == &table[i].row)
            return &table[i];
    return NULL;
}

static rd_status expand(struct entry *e, const struct dialect *d)
{
    const struct rd_graph_node *n = e->node;
    rd_status st = rd_op_check_attrs(n, e->err);

    if (st)
        return st;
    if (n->n_inputs < d->row.min_in || n->n_inputs > d->row.max_in)
        return RD_FAIL(e->err, RD_E_INPUT, "it has %d inputs; expected %d to %d", n->n_inputs,
            d->row.min_in, d->row.max_in);
    if (n->n_outputs < 1 || n->n_outputs > d->row.max_out || n->output[0] < 0)
        return RD_FAIL(e->err, RD_E_INPUT, "it has %d outputs; expected 1 to %d, the first named",
            n->n_outputs, d->row.max_out);
    for (int i = 0; i < d->row.min_in; i++)
        if (n->input[i] < 0 && !(d->optional >> i & 1))
            return RD_FAIL(e->err, RD_E_INPUT, "its input %d is left out", i);
    return d->expand(e);
}

/*
 * Names for the values from `first` on, so that the graph can be written and read again: "made",
 * with one underscore more than any name has that begins so, and a number.
 */
static bool name_made(struct maker *m, size_t first)
{
    static const char begin[] = "made";
    const size_t len = sizeof begin - 1;
    size_t most = 0;
    char *stem;

    for (size_t v = 0; v < first; v++) {
        const char *name = m->value[v].name;

        if (!strncmp(name, begin, len) && strspn(name + len, "_") > most)
            most = strspn(name + len, "_");
    }
    stem = rd_arena_alloc(m->arena, len + most + 2, 1);
    if (!stem)
        return false;
    memcpy(stem, begin, len);
    memset(stem + len, '_', most + 1);
    stem[len + most + 1] = 0;
    for (size_t v = first; v < m->g->n_values; v++) {
        m->value[v].name = rd_arena_printf(m->arena, "%s%zu", stem, v - first);
        if (!m->value[v].name)
            return false;
    }
    return true;
}

rd_status rd_dialect_expand(struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err)
{
    const size_t first = graph->n_values;
    struct maker m = { 0 };
    bool any = false;
    char label[160];
    rd_status st = RD_OK;

    for (size_t i = 0; i < graph->n_nodes; i++)
        any = any || entry_of(graph->node[i].row);
    if (!any)
        return RD_OK;
    st = maker_begin(&m, graph, arena, err);
    for (size_t i = 0; i < graph->n_nodes && !st; i++) {
        const struct rd_graph_node *node = &graph->node[i];
        const struct dialect *d = entry_of(node->row);
        struct entry e = { .m = &m, .node = node, .err = err };

        m.from = node;
        if (!d) {
            maker_put(&m, node);
            continue;
        }
        st = expand(&e, d);
        if (st)
            return RD_WRAP(err, st, "node %s", rd_graph_node_label(graph, i, label, sizeof label));
    }
    if (!st && (m.failed || !name_made(&m, first)))
        st = RD_FAIL(err, RD_E_MEMORY, "no memory to rewrite '%s'", graph->path);
    if (!st)
        *graph = *m.g;
    return st;
}
