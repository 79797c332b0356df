/* op_activation.c - Relu, Sigmoid, Tanh, Clip: one element in, one element out; and Softmax, one
 * row. */
#include "graph/op_fast.h"

#include <math.h>
#include <string.h>

static rd_status same_shape(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

static bool is_small_float(enum rd_dtype t)
{
    return t == RD_F16 || t == RD_BF16;
}

static size_t scratch(const struct rd_op_call *c)
{
    return is_small_float(c->in[0]->dtype) ? 2 * rd_op_wide_size(c->in[0]) : 0;
}

/* --- one element ---
 *
 * x is the input, y the output, g the cotangent of y. float32 is computed in float64 and rounded
 * once.
 */

#define EACH(T, EXPR)                                                                              \
    do {                                                                                           \
        const T *const px = c->in[0]->data;                                                        \
        T *const po = c->out[0]->data;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const double x = (double)px[i];                                                        \
            po[i] = (T)(EXPR);                                                                     \
        }                                                                                          \
    } while (0)

#define DEFINE_UNARY(name, MAP, EXPR)                                                              \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const size_t n = rd_tensor_count(c->in[0]);                                                \
                                                                                                   \
        if (rd_op_math(c, c->in[0])) {                                                             \
            c->kernels->math->map(MAP, c->in[0]->data, c->out[0]->data, n, 0);                     \
        } else if (c->in[0]->dtype == RD_F32) {                                                    \
            EACH(float, EXPR);                                                                     \
        } else if (c->in[0]->dtype == RD_F64) {                                                    \
            EACH(double, EXPR);                                                                    \
        } else {                                                                                   \
            const double *const from = rd_op_wide(c, c->in[0]);                                    \
            double *const to = rd_op_take(c, n * sizeof(*to));                                     \
            for (size_t i = 0; i < n; i++) {                                                       \
                const double x = from[i];                                                          \
                to[i] = (EXPR);                                                                    \
            }                                                                                      \
            rd_op_narrow(to, c->out[0], false);                                                    \
        }                                                                                          \
        return RD_OK;                                                                              \
    }

#define EACH_BACK(T, EXPR)                                                                         \
    do {                                                                                           \
        const T *const py = c->out[0]->data, *const pg = c->dout[0]->data;                         \
        T *const pd = c->din[0]->data;                                                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const double y = (double)py[i], g = (double)pg[i];                                     \
            pd[i] += (T)(EXPR);                                                                    \
        }                                                                                          \
    } while (0)

/* Gradients by the output alone. */
#define DEFINE_UNARY_BACK(name, MAP, EXPR)                                                         \
    static rd_status name(struct rd_op_call *c)                                                    \
    {                                                                                              \
        const size_t n = rd_tensor_count(c->out[0]);                                               \
                                                                                                   \
        if (rd_op_math(c, c->out[0]))                                                              \
            c->kernels->math->map_back(MAP, NULL, c->out[0]->data, c->dout[0]->data,               \
                c->din[0]->data, n, 0, !rd_op_is_fresh(c, 0));                                     \
        else if (rd_op_start(c, 0), c->out[0]->dtype == RD_F32)                                    \
            EACH_BACK(float, EXPR);                                                                \
        else                                                                                       \
            EACH_BACK(double, EXPR);                                                               \
        return RD_OK;                                                                              \
    }

/* Both branches have an exponent that is not positive: no overflow. */
static double sigmoid(double x)
{
    const double e = exp(-fabs(x));

    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

DEFINE_UNARY(sigmoid_forward, RD_MAP_SIGMOID, sigmoid(x))
DEFINE_UNARY_BACK(sigmoid_back, RD_MAP_SIGMOID, g *y *(1 - y))
DEFINE_UNARY(tanh_forward, RD_MAP_TANH, tanh(x))
DEFINE_UNARY_BACK(tanh_back, RD_MAP_TANH, g *(1 - y * y))
DEFINE_UNARY_BACK(relu_back, RD_MAP_RELU, y > 0 ? g : 0)

/* max(x, 0) that keeps NaN. */
#define RELU(T)                                                                                    \
    do {                                                                                           \
        const T *const px = c->in[0]->data;                                                        \
        T *const po = c->out[0]->data;                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            po[i] = (T)(px[i] < (T)0 ? (T)0 : px[i]);                                              \
    } while (0)

static rd_status relu_forward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->in[0]);

    switch (c->in[0]->dtype) {
    case RD_F32:
        if (c->kernels)
            c->kernels->relu(c->in[0]->data, c->out[0]->data, n);
        else
            RELU(float);
        break;
    case RD_F64:
        RELU(double);
        break;
    case RD_I8:
        RELU(int8_t);
        break;
    case RD_I16:
        RELU(int16_t);
        break;
    case RD_I32:
        RELU(int32_t);
        break;
    case RD_I64:
        RELU(int64_t);
        break;
    default: { /* float16, bfloat16: by the sign bit, NaN kept */
        const uint16_t infinity = c->in[0]->dtype == RD_F16 ? 0x7c00 : 0x7f80;
        const uint16_t *const px = c->in[0]->data;
        uint16_t *const po = c->out[0]->data;

        for (size_t i = 0; i < n; i++)
            po[i] = px[i] & 0x8000 && (px[i] & 0x7fff) <= infinity ? 0 : px[i];
    }
    }
    return RD_OK;
}

/* --- Clip: bounds are attributes before opset 11, inputs from there on --- */

static rd_status clip_infer(struct rd_op_call *c)
{
    for (int i = 1; i < 3; i++)
        if (rd_op_in(c, i) && c->in[i]->ndim != 0 &&
            !(c->in[i]->ndim == 1 && c->in[i]->dim[0] == 1))
            return RD_FAIL(
                c->err, RD_E_INPUT, "input %d (%s) must be a scalar", i, i == 1 ? "min" : "max");
    if (c->node->opset < 11 && c->node->n_inputs > 1)
        return RD_FAIL(c->err, RD_E_INPUT, "Clip takes one input before opset 11");
    return same_shape(c);
}

/* min(max(x, low), high): when low > high the result is high, as the standard says. NaN stays. */
#define CLIP(T)                                                                                    \
    do {                                                                                           \
        const T *const px = c->in[0]->data;                                                        \
        T *const po = c->out[0]->data;                                                             \
        const T low = b0 ? *(const T *)b0->data : (T)rd_op_float(c->node, "min", 0);               \
        const T high = b1 ? *(const T *)b1->data : (T)rd_op_float(c->node, "max", 0);              \
        const bool has_low = b0 || old_low, has_high = b1 || old_high;                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            T v = px[i];                                                                           \
            if (has_low && v < low)                                                                \
                v = low;                                                                           \
            if (has_high && v > high)                                                              \
                v = high;                                                                          \
            po[i] = v;                                                                             \
        }                                                                                          \
    } while (0)

static rd_status clip_small(struct rd_op_call *c)
{
    const struct rd_tensor *b0 = rd_op_in(c, 1), *b1 = rd_op_in(c, 2);
    const bool old = c->node->opset < 11;
    const double low = b0                                  ? *rd_op_wide(c, b0)
                       : old && rd_op_attr(c->node, "min") ? (double)rd_op_float(c->node, "min", 0)
                                                           : -HUGE_VAL;
    const double high = b1                                  ? *rd_op_wide(c, b1)
                        : old && rd_op_attr(c->node, "max") ? (double)rd_op_float(c->node, "max", 0)
                                                            : HUGE_VAL;
    const double *const from = rd_op_wide(c, c->in[0]);
    const size_t n = rd_tensor_count(c->in[0]);
    double *const to = rd_op_take(c, n * sizeof(*to));

    for (size_t i = 0; i < n; i++) {
        const double v = from[i] < low ? low : from[i];

        to[i] = v > high ? high : v;
    }
    rd_op_narrow(to, c->out[0], false);
    return RD_OK;
}

static size_t clip_scratch(const struct rd_op_call *c)
{
    return is_small_float(c->in[0]->dtype) ? 2 * rd_op_wide_size(c->in[0]) + 128 : 0;
}

static rd_status clip_forward(struct rd_op_call *c)
{
    const struct rd_tensor *b0 = rd_op_in(c, 1), *b1 = rd_op_in(c, 2);
    const bool old_low = c->node->opset < 11 && rd_op_attr(c->node, "min");
    const bool old_high = c->node->opset < 11 && rd_op_attr(c->node, "max");
    const size_t n = rd_tensor_count(c->in[0]);

    switch (c->in[0]->dtype) {
    case RD_F32:
        CLIP(float);
        break;
    case RD_F64:
        CLIP(double);
        break;
    case RD_I8:
        CLIP(int8_t);
        break;
    case RD_I16:
        CLIP(int16_t);
        break;
    case RD_I32:
        CLIP(int32_t);
        break;
    case RD_I64:
        CLIP(int64_t);
        break;
    case RD_U8:
        CLIP(uint8_t);
        break;
    case RD_U16:
        CLIP(uint16_t);
        break;
    case RD_U32:
        CLIP(uint32_t);
        break;
    case RD_U64:
        CLIP(uint64_t);
        break;
    default:
        return clip_small(c);
    }
    return RD_OK;
}

/* Where the output is the input, bounds included (as PyTorch has it): there the gradient passes. */
#define CLIP_BACK(T)                                                                               \
    do {                                                                                           \
        const T *const px = c->in[0]->data, *const py = c->out[0]->data;                           \
        const T *const pg = c->dout[0]->data;                                                      \
        T *const pd = c->din[0]->data;                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            pd[i] += px[i] == py[i] ? pg[i] : 0; /* without a branch: they are mispredicted */     \
    } while (0)

/* Elsewhere it is the gradient of the bound that holds: high when both do. */
#define CLIP_BOUNDS(T)                                                                             \
    do {                                                                                           \
        const T *const px = c->in[0]->data, *const pg = c->dout[0]->data;                          \
        const T *const low = b0 ? b0->data : NULL, *const high = b1 ? b1->data : NULL;             \
        for (size_t i = 0; i < n; i++) {                                                           \
            const bool is_low = low && px[i] < *low;                                               \
            const bool is_high = high && (is_low ? *low : px[i]) > *high;                          \
            at_high += is_high ? (double)pg[i] : 0;                                                \
            at_low += is_low && !is_high ? (double)pg[i] : 0;                                      \
        }                                                                                          \
        if (b0 && c->din[1])                                                                       \
            *(T *)c->din[1]->data += (T)at_low;                                                    \
        if (b1 && c->din[2])                                                                       \
            *(T *)c->din[2]->data += (T)at_high;                                                   \
    } while (0)

static rd_status clip_back(struct rd_op_call *c)
{
    const struct rd_tensor *b0 = rd_op_in(c, 1), *b1 = rd_op_in(c, 2);
    const size_t n = rd_tensor_count(c->in[0]);
    double at_low = 0, at_high = 0;

    if (c->din[0] && c->in[0]->dtype == RD_F32)
        CLIP_BACK(float);
    else if (c->din[0])
        CLIP_BACK(double);
    if (!(b0 && c->din[1]) && !(b1 && c->din[2]))
        return RD_OK;
    if (c->in[0]->dtype == RD_F32)
        CLIP_BOUNDS(float);
    else
        CLIP_BOUNDS(double);
    return RD_OK;
}

/* --- Softmax: along one axis from opset 13 on; before, over all axes from `axis` on as one --- */

struct soft {
    size_t outer, n, inner;
};

static int softmax_axis(const struct rd_op_call *c, int rank)
{
    const int64_t axis = rd_op_int(c->node, "axis", c->node->opset < 13 ? 1 : -1);

    return (int)(axis < 0 ? axis + rank : axis);
}

static struct soft softmax_shape(const struct rd_op_call *c)
{
    const struct rd_tensor *t = c->in[0];
    const int axis = softmax_axis(c, t->ndim);
    struct soft s = { 1, 1, 1 };

    for (int i = 0; i < t->ndim; i++) {
        const size_t d = (size_t)t->dim[i];

        if (i < axis)
            s.outer *= d;
        else if (i == axis || c->node->opset < 13)
            s.n *= d;
        else
            s.inner *= d;
    }
    return s;
}

static rd_status softmax_infer(struct rd_op_call *c)
{
    int axis;
    rd_status st;

    /* Before opset 13 the axis may lie behind the last dim: then each element is a row of its own.
     */
    st = rd_op_axis(c, rd_op_int(c->node, "axis", c->node->opset < 13 ? 1 : -1), c->in[0]->ndim,
        c->node->opset < 13, &axis);
    if (st)
        return c->in[0]->ndim == 0 && c->node->opset >= 13
                   ? RD_FAIL(c->err, RD_E_INPUT, "Softmax of a scalar has no axis")
                   : st;
    return same_shape(c);
}

static size_t softmax_scratch(const struct rd_op_call *c)
{
    const size_t row = softmax_shape(c).n * sizeof(double) + 64;

    return row + (is_small_float(c->in[0]->dtype) ? 2 * rd_op_wide_size(c->in[0]) : 0);
}

#define SOFTMAX(T, IN, OUT)                                                                        \
    do {                                                                                           \
        const T *const px = (IN);                                                                  \
        T *const po = (OUT);                                                                       \
        for (size_t o = 0; o < s.outer; o++)                                                       \
            for (size_t k = 0; k < s.inner; k++) {                                                 \
                const size_t at = o * s.n * s.inner + k;                                           \
                double top = -HUGE_VAL, sum = 0;                                                   \
                for (size_t i = 0; i < s.n; i++) {                                                 \
                    const double x = (double)px[at + i * s.inner];                                 \
                    if (x > top)                                                                   \
                        top = x;                                                                   \
                }                                                                                  \
                for (size_t i = 0; i < s.n; i++) {                                                 \
                    row[i] = exp((double)px[at + i * s.inner] - top);                              \
                    sum += row[i];                                                                 \
                }                                                                                  \
                for (size_t i = 0; i < s.n; i++)                                                   \
                    po[at + i * s.inner] = (T)(row[i] / sum);                                      \
            }                                                                                      \
    } while (0)

static rd_status softmax_forward(struct rd_op_call *c)
{
    const struct soft s = softmax_shape(c);
    double *const row = rd_op_take(c, s.n * sizeof(*row));
    const struct rd_math *const math = rd_op_math(c, c->in[0]);
    const double *from;
    double *to;

    if (math && s.inner == 1 && s.n) {
        math->softmax(c->in[0]->data, c->out[0]->data, s.outer, s.n, false);
        return RD_OK;
    }
    switch (c->in[0]->dtype) {
    case RD_F32:
        SOFTMAX(float, c->in[0]->data, c->out[0]->data);
        break;
    case RD_F64:
        SOFTMAX(double, c->in[0]->data, c->out[0]->data);
        break;
    default:
        from = rd_op_wide(c, c->in[0]);
        to = rd_op_take(c, rd_op_wide_size(c->out[0]));
        SOFTMAX(double, from, to);
        rd_op_narrow(to, c->out[0], false);
    }
    return RD_OK;
}

/* dx = y * (g - sum(g * y)) */
#define SOFTMAX_BACK(T)                                                                            \
    do {                                                                                           \
        const T *const py = c->out[0]->data, *const pg = c->dout[0]->data;                         \
        T *const pd = c->din[0]->data;                                                             \
        for (size_t o = 0; o < s.outer; o++)                                                       \
            for (size_t k = 0; k < s.inner; k++) {                                                 \
                const size_t at = o * s.n * s.inner + k;                                           \
                double sum = 0;                                                                    \
                for (size_t i = 0; i < s.n; i++)                                                   \
                    sum += (double)pg[at + i * s.inner] * (double)py[at + i * s.inner];            \
                for (size_t i = 0; i < s.n; i++)                                                   \
                    pd[at + i * s.inner] +=                                                        \
                        (T)((double)py[at + i * s.inner] * ((double)pg[at + i * s.inner] - sum));  \
            }                                                                                      \
    } while (0)

static rd_status softmax_back(struct rd_op_call *c)
{
    const struct soft s = softmax_shape(c);
    const struct rd_math *const math = rd_op_math(c, c->out[0]);

    if (math && s.inner == 1 && s.n)
        math->softmax_back(c->out[0]->data, c->dout[0]->data, c->din[0]->data, s.outer, s.n, false,
            !rd_op_is_fresh(c, 0));
    else if (rd_op_start(c, 0), c->out[0]->dtype == RD_F32)
        SOFTMAX_BACK(float);
    else
        SOFTMAX_BACK(double);
    return RD_OK;
}

static double softmax_flops(const struct rd_op_call *c)
{
    return 5 * (double)rd_tensor_count(c->in[0]);
}

static bool softmax_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && softmax_axis(c, c->in[0]->ndim) > 0;
}

/* --- rows --- */

static const struct rd_op_attr old_attrs[] = {
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

const struct rd_op rd_op_relu = {
    .op = "Relu",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT | RD_T(RD_I8) | RD_T(RD_I16) | RD_T(RD_I32) | RD_T(RD_I64) },
    .attrs = old_attrs,
    .infer = same_shape,
    .forward = relu_forward,
    .backward = relu_back,
    .grad_in = 1,
    .reads = RD_READS_OUT,
    .sets = 1,
    .per_example = rd_op_rows_elementwise,
};

const struct rd_op rd_op_sigmoid = {
    .op = "Sigmoid",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = old_attrs,
    .infer = same_shape,
    .forward = sigmoid_forward,
    .backward = sigmoid_back,
    .grad_in = 1,
    .reads = RD_READS_OUT,
    .sets = 1,
    .scratch = scratch,
    .per_example = rd_op_rows_elementwise,
};

const struct rd_op rd_op_tanh = {
    .op = "Tanh",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = old_attrs,
    .infer = same_shape,
    .forward = tanh_forward,
    .backward = tanh_back,
    .grad_in = 1,
    .reads = RD_READS_OUT,
    .sets = 1,
    .scratch = scratch,
    .per_example = rd_op_rows_elementwise,
};

static const struct rd_op_attr clip_attrs[] = {
    { "min", RD_ATTR_FLOAT, 1, 10, false },
    { "max", RD_ATTR_FLOAT, 1, 10, false },
    { "consumed_inputs", RD_ATTR_INTS, 1, 5, false },
    { 0 },
};

const struct rd_op rd_op_clip = {
    .op = "Clip",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_NUMBER },
    .same = 6,
    .attrs = clip_attrs,
    .infer = clip_infer,
    .forward = clip_forward,
    .backward = clip_back,
    .grad_in = 7,
    .reads = RD_READS_IN | RD_READS_OUT,
    .scratch = clip_scratch,
    .per_example = rd_op_rows_elementwise,
};

static const struct rd_op_attr softmax_attrs[] = {
    { "axis", RD_ATTR_INT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_softmax = {
    .op = "Softmax",
    .domain = "",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = softmax_attrs,
    .infer = softmax_infer,
    .forward = softmax_forward,
    .backward = softmax_back,
    .grad_in = 1,
    .reads = RD_READS_OUT,
    .sets = 1,
    .scratch = softmax_scratch,
    .flops = softmax_flops,
    .per_example = softmax_rows,
};
