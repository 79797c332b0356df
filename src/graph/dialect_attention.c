/*
 * dialect_attention.c - Attention, MultiHeadAttention and QAttention of com.microsoft as products
 * and the standard Attention. Source: the operators' document of ONNX Runtime (ContribOperators).
 *
 * The mask says which words of the keys count, as integers: of each text how many (batch), or of
 * each word 1 or 0 (batch, keys) or (batch, words, keys). Its rank is not known here, so what is
 * made looks at it; where shapes are known that is folded away. Without past, which exports of
 * encoders have not.
 */
#include "graph/dialect_impl.h"

#include "base/text.h"

#include <string.h>

static int scalar(const struct entry *e, int64_t v)
{
    return maker_constant(e->m, RD_I64, 0, (int64_t[]){ 1 }, &v);
}

/* x's parts along its last axis: thirds when size is NULL. */
static rd_status thirds(const struct entry *e, int x, const int64_t *size, int part[3])
{
    struct rd_attr *axis = RD_NEW_ARRAY(e->m->arena, struct rd_attr, 1);
    int *io = RD_NEW_ARRAY(e->m->arena, int, 5);

    if (!axis || !io)
        return RD_FAIL(e->err, RD_E_MEMORY, "no memory for a node");
    *axis = attr_i("axis", -1);
    io[0] = x;
    io[1] = size ? integers(e, 3, size) : -1;
    for (int k = 0; k < 3; k++)
        part[k] = io[2 + k] = maker_value(e->m, RD_DTYPE_NONE);
    maker_put(e->m, &(struct rd_graph_node){ .name = e->node->name,
                        .op = "Split",
                        .domain = "",
                        .opset = MAKER_OPSET,
                        .row = rd_op_find("", "Split", MAKER_OPSET, NULL),
                        .attr = axis,
                        .n_attrs = 1,
                        .input = io,
                        .output = io + 2,
                        .n_inputs = size ? 2 : 1,
                        .n_outputs = 3 });
    return RD_OK;
}

/* Which keys count, (batch, 1, words or 1, keys); axis 1 of `keys` are they. */
static int counts(const struct entry *e, int mask, int keys)
{
    const struct rd_attr wide = attr_i("to", RD_I64), first = attr_i("axis", 0);
    const int zero = scalar(e, 0), step = scalar(e, 1);
    const int single = integers(e, 1, (int64_t[]){ 1 });
    const int all = integers(e, 3, (int64_t[]){ 0, 1, -1 });
    const int whole = maker_op(e->m, "Cast", &mask, 1, &wide, 1, -1);
    const int n =
        maker_op(e->m, "Gather", (int[]){ one(e, "Shape", keys, -1), step }, 2, &first, 1, -1);
    const int is_length =
        two(e, "Equal", one(e, "Shape", one(e, "Shape", mask, -1), -1), single, -1);
    const int width = maker_op(e->m, "Where",
        (int[]){ is_length, single, two(e, "Reshape", n, single, -1) }, 3, NULL, 0, -1);
    const int shape = maker_op(e->m, "Concat", (int[]){ all, width }, 2, &first, 1, -1);
    const int each = two(e, "Reshape", whole, shape, -1);
    const int place = maker_op(e->m, "Range", (int[]){ zero, n, step }, 3, NULL, 0, -1);
    const int below = two(e, "Less", place, each, -1), set = two(e, "Greater", each, zero, -1);

    return maker_op(e->m, "Where", (int[]){ is_length, below, set }, 3, NULL, 0, -1);
}

static rd_status attend(struct entry *e, const int qkv[3], int mask, int bias, int keys)
{
    const int64_t heads = rd_op_int(e->node, "num_heads", 0);
    const float scale = rd_op_float(e->node, "scale", 0);
    struct rd_attr attr[4] = { attr_i("q_num_heads", heads), attr_i("kv_num_heads", heads),
        attr_i("is_causal", rd_op_int(e->node, "unidirectional", 0)), attr_f("scale", scale) };
    const float far = rd_op_float(e->node, "mask_filter_value", -10000);
    rd_status st = only_outputs(e, 1);

    if (!st && heads < 1)
        st = RD_FAIL(e->err, RD_E_INPUT, "attribute 'num_heads' is missing");
    if (!st && rd_op_int(e->node, "do_rotary", 0))
        st = RD_FAIL(e->err, RD_E_INPUT, "do_rotary is not supported");
    if (st)
        return st;
    if (mask >= 0) {
        const int keep = counts(e, mask, keys);
        const int add =
            maker_op(e->m, "Where", (int[]){ keep, number(e, 0), number(e, far) }, 3, NULL, 0, -1);

        bias = bias < 0 ? add : two(e, "Add", add, bias, -1);
    }
    (void)maker_op_at(e->m, 23, "Attention", (int[]){ qkv[0], qkv[1], qkv[2], bias },
        bias < 0 ? 3 : 4, attr, scale != 0.0f ? 4 : 3, out(e, 0));
    return RD_OK;
}

static rd_status without(const struct entry *e, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (in(e, i) >= 0)
            return RD_FAIL(
                e->err, RD_E_INPUT, "its input %d, what was before, is not supported", i);
    return RD_OK;
}

/* Of the product with all three weights. */
static rd_status attend_packed(struct entry *e, int x, int mask, int bias)
{
    const struct rd_attr *sizes = rd_op_attr(e->node, "qkv_hidden_sizes");
    int part[3];
    rd_status st = RD_OK;

    if (sizes && sizes->n && sizes->n != 3)
        return RD_FAIL(
            e->err, RD_E_INPUT, "'qkv_hidden_sizes' has %zu numbers, not three", sizes->n);
    st = thirds(e, x, sizes && sizes->n ? sizes->ints : NULL, part);
    return st ? st : attend(e, part, mask, bias, x);
}

rd_status dialect_attention(struct entry *e)
{
    const rd_status st = without(e, 4, 4);
    const int product = two(e, "MatMul", in(e, 0), in(e, 1), -1);

    return st ? st
              : attend_packed(e, in(e, 2) < 0 ? product : two(e, "Add", product, in(e, 2), -1),
                    in(e, 3), in(e, 5));
}

rd_status dialect_quantized_attention(struct entry *e)
{
    const rd_status st = without(e, 8, 8);

    return st ? st
              : attend_packed(e,
                    dialect_product(e, in(e, 0), in(e, 6), in(e, 1), in(e, 7),
                        two(e, "Mul", in(e, 3), in(e, 4), -1), in(e, 2), -1),
                    in(e, 5), -1);
}

rd_status dialect_heads(struct entry *e)
{
    int qkv[3] = { in(e, 0), in(e, 1), in(e, 2) };
    rd_status st = without(e, 6, 9);

    if (!st && (qkv[1] < 0 || qkv[2] < 0))
        st = RD_FAIL(e->err, RD_E_INPUT, "packed in one tensor its inputs are not supported");
    if (!st && in(e, 3) >= 0) {
        int part[3];

        st = thirds(e, in(e, 3), NULL, part);
        for (int k = 0; k < 3 && !st; k++)
            qkv[k] = two(e, "Add", qkv[k], part[k], -1);
    }
    return st ? st : attend(e, qkv, in(e, 4), in(e, 5), in(e, 1));
}
