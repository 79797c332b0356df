/*
 * surrogate_quant.c - QLinearConv, QLinearMatMul, QGemm, ConvInteger, MatMulInteger and the
 * QLinear operators of com.microsoft as operators on floats that hold the same integers.
 *
 * (x - zero) and (w - zero) are integers of at most 9 bits, their sums of products exact in float32
 * below 2^24; the product with the scale and its rounding are QuantizeLinear's with `times`. So the
 * answer is the integer operator's.
 */
#include "graph/surrogate_impl.h"

#include "graph/op_quantize.h"

#include <string.h>

static int input(const struct rd_graph_node *node, int i)
{
    return i < node->n_inputs ? node->input[i] : -1;
}

static bool is_op(const struct rd_graph_node *node, const char *domain, const char *op)
{
    return !strcmp(node->domain, domain) && !strcmp(node->op, op);
}

/* The one number of a constant; false: it is none. */
static bool one_number(const struct maker *m, int v, double *out)
{
    const struct rd_tensor *t = maker_weight(m, v);

    if (!t || rd_tensor_count(t) != 1)
        return false;
    *out = maker_number(t, 0);
    return true;
}

/* Is every zero point 0 (or left out)? */
static bool all_zero(const struct maker *m, int v)
{
    const struct rd_tensor *t = maker_weight(m, v);

    if (v < 0)
        return true;
    for (size_t i = 0; t && i < rd_tensor_count(t); i++)
        if (maker_number(t, i) != 0)
            return false;
    return t != NULL;
}

static int less_zero(struct maker *m, int v, int zero)
{
    const int x = maker_float(m, v);

    if (m->failed || all_zero(m, zero))
        return x;
    return maker_op(m, "Sub", (int[]){ x, maker_float(m, zero) }, 2, NULL, 0, -1);
}

/* Kernels (m, ...) without their zero points, one or m of them, as a constant; -1: not constants.
 */
static int kernels_less_zero(struct maker *m, int w, int zero)
{
    const struct rd_tensor *t = maker_weight(m, w), *z = zero < 0 ? NULL : maker_weight(m, zero);
    size_t n, each, zeros;
    float *data;

    if (!t || t->ndim < 1 || t->dim[0] < 1 || (zero >= 0 && !z))
        return -1;
    n = rd_tensor_count(t);
    each = n / (size_t)t->dim[0];
    zeros = z ? rd_tensor_count(z) : 1;
    data = RD_NEW_ARRAY(m->arena, float, n + 1);
    m->failed = m->failed || !data;
    if (m->failed || (zeros != 1 && zeros != (size_t)t->dim[0]))
        return -1;
    for (size_t i = 0; i < n; i++)
        data[i] =
            (float)(maker_number(t, i) - (z ? maker_number(z, zeros == 1 ? 0 : i / each) : 0));
    return maker_constant(m, RD_F32, t->ndim, t->dim, data);
}

/* alpha * a * b / y in float32, in this order; n numbers, those of b. -1: not constants. */
static int factor(struct maker *m, float alpha, int a, int b, int y, size_t *n_out)
{
    const struct rd_tensor *sb = maker_weight(m, b);
    double sa, sy = 1;
    float *data;
    int64_t n;

    if (!sb || sb->dtype != RD_F32 || !one_number(m, a, &sa) || (y >= 0 && !one_number(m, y, &sy)))
        return -1;
    *n_out = rd_tensor_count(sb);
    n = (int64_t)*n_out;
    data = RD_NEW_ARRAY(m->arena, float, *n_out + 1);
    m->failed = m->failed || !data;
    for (int64_t i = 0; i < n && !m->failed; i++) {
        data[i] = alpha * (float)sa * ((const float *)sb->data)[i];
        if (y >= 0)
            data[i] /= (float)sy;
    }
    return m->failed ? -1 : maker_constant(m, RD_F32, n == 1 ? 0 : 1, &n, data);
}

/* Sums to the integers of the node's output: one factor, or n along the axis. */
static bool to_output(struct maker *m, const struct rd_graph_node *node, int sums, int scale,
    size_t n, int64_t axis, int zero)
{
    const struct rd_tensor *z = maker_weight(m, zero);
    const struct rd_attr attr[] = {
        { .name = "times", .type = RD_ATTR_INT, .i = 1, .n = 1 },
        { .name = "axis", .type = RD_ATTR_INT, .i = axis, .n = 1 },
    };
    const int64_t dim = (int64_t)n;
    char *zeros;

    if (!z || rd_tensor_count(z) != 1 || m->failed)
        return false;
    zeros = RD_NEW_ARRAY(m->arena, char, n + 1);
    m->failed = m->failed || !zeros;
    if (m->failed)
        return false;
    memset(zeros, *(const char *)z->data, n); /* of one byte */
    zero = maker_constant(m, z->dtype, n == 1 ? 0 : 1, &dim, zeros);
    (void)maker_node(
        m, &rd_op_quantize_floats, (int[]){ sums, scale, zero }, 3, attr, 2, node->output[0]);
    maker_carry(m, node->output[0]);
    return true;
}

static bool conv(struct maker *m, const struct rd_graph_node *node, bool scaled)
{
    const int bias = scaled ? input(node, 8) : -1;
    const int xz = input(node, 2), w = scaled ? node->input[3] : node->input[1];
    const int wz = scaled ? node->input[5] : input(node, 3);
    int in[3], n_in = 2, scale = -1, sums;
    size_t n = 1;

    if (!maker_carried(m, node->input[0]) || (bias >= 0 && !maker_weight(m, bias)))
        return false;
    if (scaled)
        scale = factor(m, 1, node->input[1], node->input[4], node->input[6], &n);
    in[1] = kernels_less_zero(m, w, wz);
    if (in[1] < 0 || (scaled && (scale < 0 || !maker_weight(m, node->input[7]))))
        return false;
    in[0] = less_zero(m, node->input[0], xz);
    if (bias >= 0)
        in[n_in++] = maker_float(m, bias);
    sums = maker_op(m, "Conv", in, n_in, node->attr, node->n_attrs, scaled ? -1 : node->output[0]);
    if (scaled)
        return to_output(m, node, sums, scale, n, 1, node->input[7]);
    maker_carry(m, node->output[0]);
    return true;
}

/* One zero point, or none: more than one would have to be turned to rows. */
static bool one_zero(const struct maker *m, int v)
{
    size_t n;

    if (v < 0)
        return true;
    return m->value[v].ndim >= 0 && rd_shape_count(m->value[v].dim, m->value[v].ndim, &n) && n == 1;
}

static bool matmul(struct maker *m, const struct rd_graph_node *node, bool scaled)
{
    const int a = node->input[0], b = node->input[scaled ? 3 : 1];
    const int az = input(node, 2), bz = input(node, scaled ? 5 : 3);
    int in[2], scale = -1, sums;
    size_t n = 1;

    if (!one_zero(m, az))
        return false;
    if (scaled) {
        scale = factor(m, 1, node->input[1], node->input[4], node->input[6], &n);
        if (scale < 0 || !maker_weight(m, node->input[7]))
            return false;
    }
    in[0] = less_zero(m, a, az);
    in[1] = less_zero(m, b, bz);
    sums = maker_op(m, "MatMul", in, 2, NULL, 0, scaled ? -1 : node->output[0]);
    if (scaled)
        return to_output(m, node, sums, scale, n, -1, node->input[7]);
    maker_carry(m, node->output[0]);
    return true;
}

static bool gemm(struct maker *m, const struct rd_graph_node *node)
{
    const int bias = input(node, 6), y = input(node, 7), yz = input(node, 8);
    const struct rd_attr attr[] = {
        { .name = "transA", .type = RD_ATTR_INT, .i = rd_op_int(node, "transA", 0), .n = 1 },
        { .name = "transB", .type = RD_ATTR_INT, .i = rd_op_int(node, "transB", 0), .n = 1 },
    };
    int in[3], n_in = 2, scale, sums, b;
    size_t n = 1;

    scale = factor(m, rd_op_float(node, "alpha", 1), node->input[1], node->input[4], y, &n);
    if (scale < 0 || !one_zero(m, node->input[2]) || (yz >= 0 && !maker_weight(m, yz)))
        return false;
    in[0] = less_zero(m, node->input[0], node->input[2]);
    b = node->input[3];
    if (attr[1].i && !one_zero(m, node->input[5])) {
        in[1] = kernels_less_zero(m, b, node->input[5]);
        if (in[1] < 0)
            return false;
    } else {
        in[1] = less_zero(m, b, node->input[5]);
    }
    if (bias >= 0)
        in[n_in++] = maker_float(m, bias);
    sums = maker_op(m, "Gemm", in, n_in, attr, 2, -1);
    if (y >= 0)
        return to_output(m, node, sums, scale, n, 1, yz);
    (void)maker_op(m, "Mul", (int[]){ sums, scale }, 2, NULL, 0, node->output[0]);
    return true;
}

bool maker_expand(struct maker *m, const struct rd_graph_node *node)
{
    if (is_op(node, "", "QLinearConv"))
        return conv(m, node, true);
    if (is_op(node, "", "ConvInteger"))
        return conv(m, node, false);
    if (is_op(node, "", "QLinearMatMul"))
        return matmul(m, node, true);
    if (is_op(node, "", "MatMulInteger"))
        return matmul(m, node, false);
    if (is_op(node, "com.microsoft", "QGemm"))
        return gemm(m, node);
    return false;
}
