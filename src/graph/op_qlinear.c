/*
 * op_qlinear.c - MatMulInteger, ConvInteger: products of 8-bit integers in int32; QLinearMatMul,
 * QLinearConv and QGemm (com.microsoft): the same, scaled back to 8 bits.
 *
 * Sums are exact modulo 2^32. The factor of the scaling is float32, x_scale * w_scale / y_scale in
 * this order, and so is its product with the sum, halves to even: exporters calibrate against
 * runtimes that do so. No gradients: rounding has none. The loops here are the reference;
 * op_qlinear_fast.c has the same by kernels. Source: operators' documents of ONNX.
 */
#include "graph/op_qlinear.h"
#include "graph/op.h"

#include <math.h>
#include <string.h>

enum { D = RD_WINDOW_DIMS, BYTES = RD_T(RD_U8) | RD_T(RD_I8) };

/* Where a row has its inputs; -1: it has none. */
struct places {
    int a, b, a_zero, b_zero, a_scale, b_scale, y_scale, y_zero, bias;
};
static const struct places whole = { 0, 1, 2, 3, -1, -1, -1, -1, -1 };
static const struct places linear = { 0, 3, 2, 5, 1, 4, 6, 7, 8 };

static const struct places *places_of(const struct rd_op_call *c)
{
    return c->node->n_inputs > 4 ? &linear : &whole;
}

static bool one_entry(const struct rd_tensor *t)
{
    for (int i = 0; i < t->ndim; i++)
        if (t->dim[i] != 1)
            return false;
    return true;
}

/* One number, or a vector of n (-1: not known). */
static rd_status check_vector(
    const struct rd_op_call *c, int at, int64_t n, bool vector, const char *what)
{
    const struct rd_tensor *t = at < 0 ? NULL : rd_op_in(c, at);

    if (!t || one_entry(t) ||
        (vector && t->ndim == 1 && (t->dim[0] < 0 || n < 0 || t->dim[0] == n)))
        return RD_OK;
    if (!vector)
        return RD_FAIL(c->err, RD_E_INPUT, "the %s must be one number", what);
    if (t->ndim != 1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "a %s of %d dimensions is not supported: one number or a vector", what, t->ndim);
    return RD_FAIL(c->err, RD_E_INPUT, "the %s has %lld entries; expected 1 or %lld", what,
        (long long)t->dim[0], (long long)n);
}

static rd_status check_scales(
    struct rd_op_call *c, const struct places *p, int64_t na, int64_t nb, bool a_vector)
{
    rd_status st = check_vector(c, p->a_zero, na, a_vector, "first zero point");

    /* Inputs from the seventh on share a row of types: the scale is a float, the zero point not. */
    if (p->y_scale >= 0 && c->in[p->y_scale]->dtype &&
        !(RD_T(c->in[p->y_scale]->dtype) & RD_T_FLOAT))
        return RD_FAIL(c->err, RD_E_INPUT, "the scale of the output is %s; a float is needed",
            rd_dtype_name(c->in[p->y_scale]->dtype));
    if (p->y_zero >= 0 && c->in[p->y_zero]->dtype && !(RD_T(c->in[p->y_zero]->dtype) & BYTES))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the zero point of the output is %s; expected int8 or uint8",
            rd_dtype_name(c->in[p->y_zero]->dtype));
    if (!st)
        st = check_vector(c, p->b_zero, nb, true, "second zero point");
    if (!st)
        st = check_vector(c, p->a_scale, na, a_vector, "first scale");
    if (!st)
        st = check_vector(c, p->b_scale, nb, true, "second scale");
    if (!st)
        st = check_vector(c, p->y_scale, 1, false, "scale of the output");
    if (!st)
        st = check_vector(c, p->y_zero, 1, false, "zero point of the output");
    for (int i = 0; i < 2 && !st; i++) {
        const struct rd_tensor *t = c->in[i ? p->b : p->a],
                               *zero = rd_op_in(c, i ? p->b_zero : p->a_zero);

        if (zero && zero->dtype && t->dtype && zero->dtype != t->dtype)
            st = RD_FAIL(c->err, RD_E_INPUT, "the zero point of a %s input is %s",
                rd_dtype_name(t->dtype), rd_dtype_name(zero->dtype));
    }
    c->out[0]->dtype = p->y_zero < 0 ? RD_I32 : c->in[p->y_zero]->dtype;
    return st;
}

static int32_t byte_at(const struct rd_tensor *t, size_t i)
{
    return t->dtype == RD_I8 ? ((const int8_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
}

/* Entry i of a vector, or the one number; 0 when there is none. */
static int32_t zero_at(const struct rd_op_call *c, int at, size_t i)
{
    const struct rd_tensor *t = at < 0 ? NULL : rd_op_in(c, at);

    return t ? byte_at(t, one_entry(t) ? 0 : i) : 0;
}

/* What the sums are multiplied with and where they go. */
struct ending {
    const double *a, *b, *y; /* scales; NULL: the sums themselves are wanted */
    bool a_vector, b_vector;
    int32_t zero;
};

static struct ending ending_of(struct rd_op_call *c, const struct places *p)
{
    struct ending e = { 0 };

    if (p->y_scale < 0)
        return e;
    e.a = rd_op_wide(c, c->in[p->a_scale]);
    e.b = rd_op_wide(c, c->in[p->b_scale]);
    e.y = rd_op_wide(c, c->in[p->y_scale]);
    e.a_vector = !one_entry(c->in[p->a_scale]);
    e.b_vector = !one_entry(c->in[p->b_scale]);
    e.zero = zero_at(c, p->y_zero, 0);
    return e;
}

static void finish(
    const struct ending *e, struct rd_tensor *out, size_t at, uint32_t sum, size_t ia, size_t ib)
{
    const int32_t v = (int32_t)sum;
    float factor, q;

    if (!e->y) {
        ((int32_t *)out->data)[at] = v;
        return;
    }
    factor = (float)e->a[e->a_vector ? ia : 0] * (float)e->b[e->b_vector ? ib : 0];
    factor /= (float)e->y[0];
    q = rintf((float)v * factor) + (float)e->zero;
    if (out->dtype == RD_I8)
        ((int8_t *)out->data)[at] = (int8_t)(q >= -128 ? q < 127 ? q : 127 : -128);
    else
        ((uint8_t *)out->data)[at] = (uint8_t)(q >= 0 ? q < 255 ? q : 255 : 0);
}

static size_t scales_size(const struct rd_op_call *c)
{
    size_t n = 256;

    for (int i = 0; i < c->node->n_inputs; i++)
        if (c->in[i] && (RD_T(c->in[i]->dtype) & RD_T_FLOAT))
            n += rd_op_wide_size(c->in[i]);
    return n;
}

/* The ending as the kernels take it. */
static struct rd_int_ending kernel_ending(const struct ending *e, const struct rd_tensor *out)
{
    return (struct rd_int_ending){
        .form = out->dtype == RD_I32   ? RD_INT_SUMS
                : out->dtype == RD_F32 ? RD_INT_REAL
                : out->dtype == RD_I8  ? RD_INT_I8
                                       : RD_INT_U8,
        .a = e->a,
        .b = e->b,
        .y = e->y,
        .a_vector = e->a_vector,
        .b_vector = e->b_vector,
        .zero = e->zero,
    };
}

/* n zero points of input `at`, one of each entry or all the same. */
static const int32_t *zeros_of(struct rd_op_call *c, int at, size_t n)
{
    int32_t *z = rd_op_take(c, (n + 1) * sizeof *z);

    for (size_t i = 0; i < n; i++)
        z[i] = zero_at(c, at, i);
    return z;
}

static bool is_vector(const struct rd_op_call *c, int at)
{
    const struct rd_tensor *t = at < 0 ? NULL : rd_op_in(c, at);

    return t && !one_entry(t);
}

static size_t zeros_size(size_t n)
{
    return (n + 1) * sizeof(int32_t) + 64;
}

static bool first_alone(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0];
}

/* --- products of matrices, NumPy's way: stacks broadcast, vectors are rows and columns --- */

static rd_status matmul_infer(struct rd_op_call *c)
{
    const struct places *p = places_of(c);
    const struct rd_tensor *a = c->in[p->a], *b = c->in[p->b];
    struct rd_tensor sa = *a, sb = *b, *out = c->out[0];
    int64_t ka, kb;
    rd_status st;

    if (a->ndim < 1 || b->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "a scalar cannot be multiplied as a matrix");
    ka = a->dim[a->ndim - 1];
    kb = b->dim[b->ndim < 2 ? 0 : b->ndim - 2];
    if (ka != kb && ka != -1 && kb != -1)
        return RD_FAIL(c->err, RD_E_INPUT, "the inner dimensions differ: %lld and %lld",
            (long long)ka, (long long)kb);
    sa.ndim = a->ndim > 2 ? a->ndim - 2 : 0;
    sb.ndim = b->ndim > 2 ? b->ndim - 2 : 0;
    st = rd_op_broadcast(c, &sa, &sb, out);
    if (st)
        return st;
    if (a->ndim > 1)
        out->dim[out->ndim++] = a->dim[a->ndim - 2];
    if (b->ndim > 1)
        out->dim[out->ndim++] = b->dim[b->ndim - 1];
    return check_scales(
        c, p, a->ndim > 1 ? a->dim[a->ndim - 2] : 1, b->ndim > 1 ? b->dim[b->ndim - 1] : 1, true);
}

/* Which matrix of t's stack belongs to matrix s of the output's, whose rank is `rank`. */
static size_t matrix_of(const struct rd_tensor *t, const struct rd_tensor *out, int rank, size_t s)
{
    const int own = t->ndim > 2 ? t->ndim - 2 : 0;
    size_t at = 0, step = 1;

    for (int d = 1; d <= own; d++) {
        const size_t n = (size_t)out->dim[rank - d], m = (size_t)t->dim[own - d];

        at += m == 1 ? 0 : s % n * step;
        s /= n;
        step *= m;
    }
    return at;
}

static rd_status matmul_forward(struct rd_op_call *c)
{
    const struct places *p = places_of(c);
    const struct rd_tensor *a = c->in[p->a], *b = c->in[p->b];
    struct rd_tensor *out = c->out[0];
    const struct ending e = ending_of(c, p);
    const size_t rows = a->ndim > 1 ? (size_t)a->dim[a->ndim - 2] : 1;
    const size_t columns = b->ndim > 1 ? (size_t)b->dim[b->ndim - 1] : 1;
    const size_t k = (size_t)a->dim[a->ndim - 1];
    const int rank = out->ndim - (a->ndim > 1) - (b->ndim > 1);
    size_t stacks = 1;
    uint32_t *sum;

    for (int i = 0; i < rank; i++)
        stacks *= (size_t)out->dim[i];
    if (c->kernels) {
        struct rd_int_matmul q = {
            .a_signed = a->dtype == RD_I8,
            .b_signed = b->dtype == RD_I8,
            .a_zeros = is_vector(c, p->a_zero),
            .b_zeros = is_vector(c, p->b_zero),
            .m = rows,
            .n = columns,
            .k = k,
            .ending = kernel_ending(&e, out),
        };
        char *work;

        q.a_zero = zeros_of(c, p->a_zero, q.a_zeros ? rows : 1);
        q.b_zero = zeros_of(c, p->b_zero, q.b_zeros ? columns : 1);
        work = rd_op_take(c, rd_int_matmul_scratch(rows, columns, k));
        for (size_t s = 0; s < stacks && rows && columns; s++) {
            q.a = (const char *)a->data + matrix_of(a, out, rank, s) * rows * k;
            q.b = (const char *)b->data + matrix_of(b, out, rank, s) * k * columns;
            q.out = (char *)out->data + s * rows * columns * rd_dtype_size(out->dtype);
            rd_int_matmul(c->kernels, &q, work);
        }
        return RD_OK;
    }
    sum = rd_op_take(c, columns * sizeof(*sum));
    for (size_t s = 0; s < stacks && columns; s++) {
        const size_t from_a = matrix_of(a, out, rank, s) * rows * k;
        const size_t from_b = matrix_of(b, out, rank, s) * k * columns;

        for (size_t r = 0; r < rows; r++) {
            const int32_t zero = zero_at(c, p->a_zero, r);

            memset(sum, 0, columns * sizeof(*sum));
            for (size_t i = 0; i < k; i++) {
                const int32_t x = byte_at(a, from_a + r * k + i) - zero;

                for (size_t j = 0; j < columns; j++)
                    sum[j] += (uint32_t)(x * (byte_at(b, from_b + i * columns + j) -
                                                 zero_at(c, p->b_zero, j)));
            }
            for (size_t j = 0; j < columns; j++)
                finish(&e, out, (s * rows + r) * columns + j, sum[j], r, j);
        }
    }
    return RD_OK;
}

static size_t matmul_scratch(const struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[places_of(c)->a], *b = c->in[places_of(c)->b];
    const size_t rows = a->ndim > 1 ? (size_t)a->dim[a->ndim - 2] : 1;
    const size_t columns = b->ndim > 1 ? (size_t)b->dim[b->ndim - 1] : 1;

    if (!c->kernels)
        return scales_size(c) + columns * sizeof(uint32_t) + 64;
    return scales_size(c) + zeros_size(rows) + zeros_size(columns) +
           rd_int_matmul_scratch(rows, columns, (size_t)a->dim[a->ndim - 1]);
}

static double matmul_flops(const struct rd_op_call *c)
{
    const struct rd_tensor *a = c->in[0];

    return 4 * (double)rd_tensor_count(c->out[0]) * (double)(a->dim[a->ndim - 1] + 1);
}

static bool matmul_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct places *p = places_of(c);
    const struct rd_tensor *zero = rd_op_in(c, p->a_zero);

    return first_alone(c, batched) && c->in[p->a]->ndim > 1 && c->in[p->b]->ndim < 3 &&
           (!zero || one_entry(zero)) && (p->a_scale < 0 || one_entry(c->in[p->a_scale]));
}

const struct rd_op rd_op_matmulinteger = {
    .op = "MatMulInteger",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { BYTES },
    .infer = matmul_infer,
    .forward = matmul_forward,
    .scratch = matmul_scratch,
    .flops = matmul_flops,
    .per_example = matmul_rows,
};

enum { SCALES = RD_T(RD_F32) | RD_T(RD_F16) | RD_T(RD_BF16) };

const struct rd_op rd_op_qlinearmatmul = {
    .op = "QLinearMatMul",
    .domain = "",
    .since = 10,
    .min_in = 8,
    .max_in = 8,
    .min_out = 1,
    .max_out = 1,
    .in_type = { BYTES, SCALES, BYTES, BYTES, SCALES, BYTES, SCALES | BYTES },
    .infer = matmul_infer,
    .forward = matmul_forward,
    .scratch = matmul_scratch,
    .flops = matmul_flops,
    .per_example = matmul_rows,
};

/* --- convolutions: padding is the zero point, which adds nothing --- */

static rd_status window_of(const struct rd_op_call *c, struct rd_window *w)
{
    const struct rd_tensor *const in[2] = { c->in[0], c->in[places_of(c)->b] };
    struct rd_op_call as_conv = *c;

    as_conv.in = in;
    return rd_op_window(&as_conv, w);
}

static rd_status conv_infer(struct rd_op_call *c)
{
    const struct places *p = places_of(c);
    struct rd_tensor *out = c->out[0];
    const int64_t m = c->in[p->b]->ndim ? c->in[p->b]->dim[0] : -1;
    const struct rd_tensor *bias = p->bias < 0 ? NULL : rd_op_in(c, p->bias);
    struct rd_window w;
    rd_status st = window_of(c, &w);

    if (st)
        return st;
    if (bias && (bias->ndim != 1 || (bias->dim[0] != m && bias->dim[0] >= 0 && m >= 0)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the bias must have one entry for each of %lld output channels", (long long)m);
    out->ndim = w.dims + 2;
    out->dim[0] = c->in[0]->dim[0];
    out->dim[1] = m;
    memcpy(out->dim + 2, w.out, (size_t)w.dims * sizeof(*w.out));
    return check_scales(c, p, 1, m, false);
}

/* The same as the kernels take it; false: 3-D, or beyond what they can do exactly. */
static bool conv_by_kernels(const struct rd_op_call *c, struct rd_conv *k)
{
    struct rd_window w;
    int y, x;

    if (!c->kernels || window_of(c, &w) || w.dims > 2)
        return false;
    y = w.dims - 2; /* -1: a line is an image of one row */
    x = w.dims - 1;
    if ((y >= 0 && w.pad[y] < 0) || w.pad[x] < 0)
        return false;
    *k = (struct rd_conv){ .n = (size_t)c->in[0]->dim[0],
        .c = (size_t)c->in[0]->dim[1],
        .h = y < 0 ? 1 : (size_t)w.in[y],
        .w = (size_t)w.in[x],
        .o = (size_t)c->in[places_of(c)->b]->dim[0],
        .group = (size_t)w.group,
        .kh = y < 0 ? 1 : (size_t)w.kernel[y],
        .kw = (size_t)w.kernel[x],
        .oh = y < 0 ? 1 : (size_t)w.out[y],
        .ow = (size_t)w.out[x],
        .stride_h = y < 0 ? 1 : (size_t)w.stride[y],
        .stride_w = (size_t)w.stride[x],
        .dilation_h = y < 0 ? 1 : (size_t)w.dilation[y],
        .dilation_w = (size_t)w.dilation[x],
        .pad_top = y < 0 ? 0 : (size_t)w.pad[y],
        .pad_left = (size_t)w.pad[x] };
    if (!k->n || !k->o || !k->oh || !k->ow)
        return false;
    /* The far pads that the outputs really reach. */
    k->pad_bottom = (k->oh - 1) * k->stride_h + (k->kh - 1) * k->dilation_h + 1;
    k->pad_bottom = k->pad_bottom > k->h + k->pad_top ? k->pad_bottom - k->h - k->pad_top : 0;
    k->pad_right = (k->ow - 1) * k->stride_w + (k->kw - 1) * k->dilation_w + 1;
    k->pad_right = k->pad_right > k->w + k->pad_left ? k->pad_right - k->w - k->pad_left : 0;
    return rd_int_conv_scratch(c->kernels, k) > 0;
}

/* The sums of one output channel of one example: all taps of its group's input channels. */
static void channel(const struct rd_op_call *c, const struct rd_window *w, const int32_t zero[2],
    size_t x_at, size_t w_at, size_t channels, uint32_t *sum)
{
    const struct rd_tensor *x = c->in[0], *k = c->in[places_of(c)->b];
    int64_t in[D], out[D], kernel[D], stride[D], dilation[D], pad[D];

    for (int i = 0; i < D; i++) {
        const int from = i - (D - w->dims);

        in[i] = from < 0 ? 1 : w->in[from];
        out[i] = from < 0 ? 1 : w->out[from];
        kernel[i] = from < 0 ? 1 : w->kernel[from];
        stride[i] = from < 0 ? 1 : w->stride[from];
        dilation[i] = from < 0 ? 1 : w->dilation[from];
        pad[i] = from < 0 ? 0 : w->pad[from];
    }
    for (size_t ch = 0; ch < channels; ch++, x_at += (size_t)(in[0] * in[1] * in[2]))
        for (int64_t kz = 0; kz < kernel[0]; kz++)
            for (int64_t ky = 0; ky < kernel[1]; ky++)
                for (int64_t kx = 0; kx < kernel[2]; kx++) {
                    const int32_t weight = byte_at(k, w_at++) - zero[1];

                    for (int64_t oz = 0; oz < out[0]; oz++)
                        for (int64_t oy = 0; oy < out[1]; oy++) {
                            const int64_t iz = oz * stride[0] - pad[0] + kz * dilation[0];
                            const int64_t iy = oy * stride[1] - pad[1] + ky * dilation[1];

                            if (iz < 0 || iz >= in[0] || iy < 0 || iy >= in[1])
                                continue;
                            for (int64_t ox = 0; ox < out[2]; ox++) {
                                const int64_t ix = ox * stride[2] - pad[2] + kx * dilation[2];
                                const int64_t at = (iz * in[1] + iy) * in[2] + ix;

                                if (ix >= 0 && ix < in[2])
                                    sum[(oz * out[1] + oy) * out[2] + ox] +=
                                        (uint32_t)(weight *
                                                   (byte_at(x, x_at + (size_t)at) - zero[0]));
                            }
                        }
                }
}

static rd_status conv_forward(struct rd_op_call *c)
{
    const struct places *p = places_of(c);
    const struct rd_tensor *x = c->in[0], *k = c->in[p->b];
    const struct rd_tensor *bias = p->bias < 0 ? NULL : rd_op_in(c, p->bias);
    const struct ending e = ending_of(c, p);
    struct rd_window w;
    struct rd_int_conv q = { .x = x->data, .w = k->data, .out = c->out[0]->data };
    size_t in = 1, out = 1, taps = 1, each_m;
    uint32_t *sum;

    if (conv_by_kernels(c, &q.conv)) {
        q.x_signed = x->dtype == RD_I8;
        q.w_signed = k->dtype == RD_I8;
        q.x_zero = zero_at(c, p->a_zero, 0);
        q.w_zero = zeros_of(c, p->b_zero, q.conv.o);
        q.bias = bias ? bias->data : NULL;
        q.ending = kernel_ending(&e, c->out[0]);
        rd_int_conv(c->kernels, &q, rd_op_take(c, rd_int_conv_scratch(c->kernels, &q.conv)));
        return RD_OK;
    }
    (void)window_of(c, &w); /* infer has accepted it */
    for (int i = 0; i < w.dims; i++) {
        in *= (size_t)w.in[i];
        out *= (size_t)w.out[i];
        taps *= (size_t)w.kernel[i];
    }
    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    each_m = (size_t)(k->dim[0] / w.group);
    sum = rd_op_take(c, out * sizeof(*sum));
    for (size_t n = 0; n < (size_t)x->dim[0]; n++)
        for (size_t m = 0; m < (size_t)k->dim[0]; m++) {
            const int32_t zero[2] = { zero_at(c, p->a_zero, 0), zero_at(c, p->b_zero, m) };
            const size_t channels = (size_t)k->dim[1];

            for (size_t i = 0; i < out; i++)
                sum[i] = bias ? (uint32_t)((const int32_t *)bias->data)[m] : 0;
            channel(c, &w, zero, (n * (size_t)x->dim[1] + m / each_m * channels) * in,
                m * channels * taps, channels, sum);
            for (size_t i = 0; i < out; i++)
                finish(&e, c->out[0], (n * (size_t)k->dim[0] + m) * out + i, sum[i], 0, m);
        }
    return RD_OK;
}

static size_t conv_scratch(const struct rd_op_call *c)
{
    size_t out = 1;
    struct rd_conv k;

    if (conv_by_kernels(c, &k))
        return scales_size(c) + zeros_size(k.o) + rd_int_conv_scratch(c->kernels, &k);
    for (int i = 2; i < c->out[0]->ndim; i++)
        out *= (size_t)c->out[0]->dim[i];
    return scales_size(c) + out * sizeof(uint32_t) + 64;
}

static double conv_flops(const struct rd_op_call *c)
{
    const struct rd_tensor *k = c->in[places_of(c)->b];
    double n = 4 * (double)rd_tensor_count(c->out[0]);

    for (int i = 1; i < k->ndim; i++)
        n *= (double)k->dim[i];
    return n + (double)rd_tensor_count(c->out[0]);
}

static const struct rd_op_attr conv_attrs[] = {
    { "auto_pad", RD_ATTR_STRING, 10, 0, false },
    { "dilations", RD_ATTR_INTS, 10, 0, false },
    { "group", RD_ATTR_INT, 10, 0, false },
    { "kernel_shape", RD_ATTR_INTS, 10, 0, false },
    { "pads", RD_ATTR_INTS, 10, 0, false },
    { "strides", RD_ATTR_INTS, 10, 0, false },
    { 0 },
};

const struct rd_op rd_op_convinteger = {
    .op = "ConvInteger",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { BYTES },
    .attrs = conv_attrs,
    .infer = conv_infer,
    .forward = conv_forward,
    .scratch = conv_scratch,
    .flops = conv_flops,
    .per_example = first_alone,
};

static rd_status qlinearconv_infer(struct rd_op_call *c)
{
    const struct rd_tensor *bias = rd_op_in(c, 8);

    if (bias && bias->dtype && bias->dtype != RD_I32)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the bias is %s; int32 is needed", rd_dtype_name(bias->dtype));
    return conv_infer(c);
}

const struct rd_op rd_op_qlinearconv = {
    .op = "QLinearConv",
    .domain = "",
    .since = 10,
    .min_in = 8,
    .max_in = 9,
    .min_out = 1,
    .max_out = 1,
    .in_type = { BYTES, RD_T(RD_F32), BYTES, BYTES, RD_T(RD_F32), BYTES,
        RD_T(RD_F32) | BYTES | RD_T(RD_I32) },
    .attrs = conv_attrs,
    .infer = qlinearconv_infer,
    .forward = conv_forward,
    .scratch = conv_scratch,
    .flops = conv_flops,
    .per_example = first_alone,
};

/* --- QGemm: y = (alpha op(a) op(b) + C) as 8 bits, or as float32 without a scale of the output ---
 */

static rd_status gemm_infer(struct rd_op_call *c)
{
    const bool turn_a = rd_op_int(c->node, "transA", 0) != 0,
               turn_b = rd_op_int(c->node, "transB", 0) != 0;
    const struct rd_tensor *a = c->in[0], *b = c->in[3], *add = rd_op_in(c, 6);
    const struct rd_tensor *scale = rd_op_in(c, 7), *zero = rd_op_in(c, 8);
    const struct places p = { 0, 3, 2, 5, 1, 4, scale ? 7 : -1, scale ? 8 : -1, -1 };
    struct rd_tensor *out = c->out[0];

    if (a->ndim != 2 || b->ndim != 2)
        return RD_FAIL(c->err, RD_E_INPUT, "QGemm multiplies 2-D matrices; found %d-D and %d-D",
            a->ndim, b->ndim);
    if (a->dim[!turn_a] != b->dim[turn_b] && a->dim[!turn_a] >= 0 && b->dim[turn_b] >= 0)
        return RD_FAIL(c->err, RD_E_INPUT, "the inner dimensions differ: %lld and %lld",
            (long long)a->dim[!turn_a], (long long)b->dim[turn_b]);
    if (!scale != !zero)
        return RD_FAIL(c->err, RD_E_INPUT, "the scale of the output needs its zero point");
    out->ndim = 2;
    out->dim[0] = a->dim[turn_a];
    out->dim[1] = b->dim[!turn_b];
    if (add && add->dtype && add->dtype != RD_I32)
        return RD_FAIL(c->err, RD_E_INPUT, "C is %s; int32 is needed", rd_dtype_name(add->dtype));
    for (int i = 0; add && i < add->ndim; i++) {
        const int64_t d = add->dim[i], o = i + 2 < add->ndim ? 1 : out->dim[i + 2 - add->ndim];

        if (add->ndim > 2 || (d != 1 && d != o && d >= 0 && o >= 0))
            return RD_FAIL(c->err, RD_E_INPUT, "C does not broadcast to (%lld, %lld)",
                (long long)out->dim[0], (long long)out->dim[1]);
    }
    {
        const rd_status st = check_scales(c, &p, 1, out->dim[1], false);

        if (!st && !scale)
            out->dtype = RD_F32;
        return st;
    }
}

static rd_status gemm_forward(struct rd_op_call *c)
{
    const bool turn_a = rd_op_int(c->node, "transA", 0) != 0,
               turn_b = rd_op_int(c->node, "transB", 0) != 0;
    const struct rd_tensor *a = c->in[0], *b = c->in[3], *add = rd_op_in(c, 6);
    const float alpha = rd_op_float(c->node, "alpha", 1);
    const size_t rows = (size_t)c->out[0]->dim[0], columns = (size_t)c->out[0]->dim[1];
    const size_t k = (size_t)a->dim[!turn_a];
    const size_t add_columns = add && add->ndim > 0 ? (size_t)add->dim[add->ndim - 1] : 1;
    const bool add_rows = add && add->ndim == 2 && add->dim[0] != 1;
    const bool scaled = rd_op_in(c, 7) != NULL;
    double *first = rd_op_take(c, sizeof(*first));
    struct ending e = { .a = first,
        .b = rd_op_wide(c, c->in[4]),
        .y = scaled ? rd_op_wide(c, c->in[7]) : first,
        .b_vector = !one_entry(c->in[4]),
        .zero = scaled ? zero_at(c, 8, 0) : 0 };

    *first = (double)(alpha * *(const float *)c->in[1]->data);
    if (c->kernels) {
        struct rd_int_matmul q = {
            .a = a->data,
            .b = b->data,
            .a_signed = a->dtype == RD_I8,
            .b_signed = b->dtype == RD_I8,
            .turn_a = turn_a,
            .turn_b = turn_b,
            .b_zeros = is_vector(c, 5),
            .m = rows,
            .n = columns,
            .k = k,
            .bias = add ? add->data : NULL,
            .bias_row = add_rows ? add_columns : 0,
            .bias_column = add_columns > 1,
            .ending = kernel_ending(&e, c->out[0]),
            .out = c->out[0]->data,
        };

        q.a_zero = zeros_of(c, 2, 1);
        q.b_zero = zeros_of(c, 5, q.b_zeros ? columns : 1);
        if (!scaled)
            q.ending.y = NULL;
        if (rows && columns)
            rd_int_matmul(c->kernels, &q, rd_op_take(c, rd_int_matmul_scratch(rows, columns, k)));
        return RD_OK;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < columns; j++) {
            const int32_t za = zero_at(c, 2, 0), zb = zero_at(c, 5, j);
            uint32_t sum = 0;

            for (size_t i = 0; i < k; i++)
                sum += (uint32_t)((byte_at(a, turn_a ? i * rows + r : r * k + i) - za) *
                                  (byte_at(b, turn_b ? j * k + i : i * columns + j) - zb));
            if (add)
                sum += (uint32_t)((const int32_t *)add->data)[(add_rows ? r * add_columns : 0) +
                                                              (add_columns > 1 ? j : 0)];
            if (scaled)
                finish(&e, c->out[0], r * columns + j, sum, 0, j);
            else
                ((float *)c->out[0]->data)[r * columns + j] =
                    (float)(int32_t)sum * ((float)*first * (float)e.b[e.b_vector ? j : 0]);
        }
    return RD_OK;
}

static size_t gemm_scratch(const struct rd_op_call *c)
{
    const size_t rows = (size_t)c->out[0]->dim[0], columns = (size_t)c->out[0]->dim[1];
    const bool turn_a = rd_op_int(c->node, "transA", 0) != 0;

    return scales_size(c) + zeros_size(1) + zeros_size(columns) +
           (c->kernels ? rd_int_matmul_scratch(rows, columns, (size_t)c->in[0]->dim[!turn_a]) : 0);
}

static double gemm_flops(const struct rd_op_call *c)
{
    const bool turn_a = rd_op_int(c->node, "transA", 0) != 0;

    return 4 * (double)rd_tensor_count(c->out[0]) * (double)(c->in[0]->dim[!turn_a] + 1);
}

static bool gemm_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct rd_tensor *add = rd_op_in(c, 6);

    return first_alone(c, batched) && !rd_op_int(c->node, "transA", 0) &&
           (!add || add->ndim < 2 || add->dim[0] == 1);
}

static const struct rd_op_attr gemm_attrs[] = {
    { "alpha", RD_ATTR_FLOAT, 1, 0, false },
    { "transA", RD_ATTR_INT, 1, 0, false },
    { "transB", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_qgemm = {
    .op = "QGemm",
    .domain = "com.microsoft",
    .since = 1,
    .min_in = 6,
    .max_in = 9,
    .min_out = 1,
    .max_out = 1,
    .in_type = { BYTES, RD_T(RD_F32), BYTES, BYTES, RD_T(RD_F32), BYTES,
        RD_T(RD_F32) | BYTES | RD_T(RD_I32) },
    .attrs = gemm_attrs,
    .infer = gemm_infer,
    .forward = gemm_forward,
    .scratch = gemm_scratch,
    .flops = gemm_flops,
    .per_example = gemm_rows,
};
