/*
 * op_windows.c - HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix: tables for audio, made
 * from a few numbers.
 */
#include "graph/op_index.h"

#include <math.h>

static const double PI = 3.14159265358979323846;
static const int64_t LONGEST = (int64_t)1 << 40;

static rd_status output_type(const struct rd_op_call *c, enum rd_dtype *type)
{
    const int64_t t = rd_op_int(c->node, "output_datatype", RD_F32);

    if (t <= 0 || t > RD_BF16 || !(RD_T_NUMBER & RD_T(t)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "element type %lld (attribute 'output_datatype') is not supported", (long long)t);
    *type = (enum rd_dtype)t;
    return RD_OK;
}

/* A number that sizes something, -1: not known yet. */
static rd_status size_of(const struct rd_op_call *c, int input, const char *what, int64_t *out)
{
    const struct rd_tensor *t = c->in[input];
    rd_status st = rd_op_one_shape(c, t, what);

    *out = -1;
    if (st || !t->data)
        return st;
    st = rd_op_one_int(c, t, what, out);
    if (!st && rd_op_is_symbol(*out))
        *out = -1;
    else if (!st && (*out < 0 || *out > LONGEST))
        st = RD_FAIL(c->err, RD_E_INPUT, "%s is %lld", what, (long long)*out);
    return st;
}

static size_t scratch(const struct rd_op_call *c)
{
    return rd_tensor_count(c->out[0]) * sizeof(double) + 64;
}

/* --- windows: a0 - a1 cos(2 pi k / n) + a2 cos(4 pi k / n) --- */

static rd_status window_infer(struct rd_op_call *c)
{
    rd_status st = output_type(c, &c->out[0]->dtype);

    c->out[0]->ndim = 1;
    return st ? st : size_of(c, 0, "the size", &c->out[0]->dim[0]);
}

/* Periodic windows have the period of their size; symmetric ones end as they begin. */
static rd_status window(struct rd_op_call *c, double a0, double a1, double a2)
{
    const size_t size = rd_tensor_count(c->out[0]);
    const double n = (double)size - (rd_op_int(c->node, "periodic", 1) ? 0 : 1);
    double *const w = rd_op_take(c, size * sizeof(*w));

    for (size_t k = 0; k < size; k++) {
        const double angle = n > 0 ? 2 * PI * (double)k / n : PI; /* a single point is the top */

        w[k] = a0 - a1 * cos(angle) + a2 * cos(2 * angle);
    }
    rd_op_narrow(w, c->out[0], false);
    return RD_OK;
}

static rd_status hann_forward(struct rd_op_call *c)
{
    return window(c, 0.5, 0.5, 0);
}

static rd_status hamming_forward(struct rd_op_call *c)
{
    return window(c, 25.0 / 46, 21.0 / 46, 0);
}

static rd_status blackman_forward(struct rd_op_call *c)
{
    return window(c, 0.42, 0.5, 0.08);
}

static const struct rd_op_attr window_attrs[] = {
    { "output_datatype", RD_ATTR_INT, 17, 0, false },
    { "periodic", RD_ATTR_INT, 17, 0, false },
    { 0 },
};

static double some_flops(const struct rd_op_call *c)
{
    return 20 * (double)rd_tensor_count(c->out[0]);
}

#define WINDOW(id, name)                                                                           \
    const struct rd_op rd_op_##id##window = {                                                      \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 17,                                                                               \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_INDEX },                                                                 \
        .attrs = window_attrs,                                                                     \
        .infer = window_infer,                                                                     \
        .forward = id##_forward,                                                                   \
        .scratch = scratch,                                                                        \
        .flops = some_flops,                                                                       \
        .sizes = 1,                                                                                \
    }

WINDOW(hann, "HannWindow");
WINDOW(hamming, "HammingWindow");
WINDOW(blackman, "BlackmanWindow");

/* --- MelWeightMatrix: triangles over the bins of a spectrum, evenly spaced in mel --- */

static rd_status mel_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    int64_t bins = -1, bands = -1;
    rd_status st = output_type(c, &out->dtype);

    if (!st)
        st = size_of(c, 0, "num_mel_bins", &bands);
    if (!st)
        st = size_of(c, 1, "dft_length", &bins);
    if (!st)
        st = rd_op_one_shape(c, c->in[2], "sample_rate");
    if (!st)
        st = rd_op_one_shape(c, c->in[3], "lower_edge_hertz");
    if (!st)
        st = rd_op_one_shape(c, c->in[4], "upper_edge_hertz");
    out->ndim = 2;
    out->dim[0] = bins == -1 ? -1 : bins / 2 + 1;
    out->dim[1] = bands;
    return st;
}

static size_t mel_scratch(const struct rd_op_call *c)
{
    return scratch(c) + 256;
}

static double mel(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* The bin of edge number i of bands + 2. */
static int64_t edge(double low, double step, int64_t i, double per_hertz)
{
    return (int64_t)floor(700 * (pow(10, (low + step * (double)i) / 2595) - 1) * per_hertz);
}

static rd_status mel_forward(struct rd_op_call *c)
{
    const int64_t bins = c->out[0]->dim[0], bands = c->out[0]->dim[1];
    double *const w = rd_op_take(c, rd_tensor_count(c->out[0]) * sizeof(*w));
    const double low = rd_op_wide(c, c->in[3])[0], high = rd_op_wide(c, c->in[4])[0];
    int64_t length = 0, rate = 0;
    double step, per_hertz;

    (void)rd_op_one_int(c, c->in[1], "dft_length", &length); /* infer has accepted them */
    (void)rd_op_one_int(c, c->in[2], "sample_rate", &rate);
    per_hertz = (double)(length + 1) / (double)rate;
    step = (mel(high) - mel(low)) / (double)(bands + 2);
    if (rate < 1 || !(low >= 0 && low <= high) || !(high * per_hertz <= (double)bins))
        return RD_FAIL(c->err, RD_E_INPUT,
            "edges of %g and %g Hz do not fit a spectrum at %lld samples a second", low, high,
            (long long)rate);
    memset(w, 0, rd_tensor_count(c->out[0]) * sizeof(*w));
    for (int64_t i = 0; i < bands; i++) {
        const int64_t from = edge(mel(low), step, i, per_hertz);
        const int64_t top = edge(mel(low), step, i + 1, per_hertz);
        const int64_t to = edge(mel(low), step, i + 2, per_hertz);

        for (int64_t k = from; k <= top && k < bins; k++)
            w[k * bands + i] = top == from ? 1 : (double)(k - from) / (double)(top - from);
        for (int64_t k = top; k < to && k < bins; k++)
            w[k * bands + i] = (double)(to - k) / (double)(to - top);
    }
    rd_op_narrow(w, c->out[0], false);
    return RD_OK;
}

static const struct rd_op_attr mel_attrs[] = {
    { "output_datatype", RD_ATTR_INT, 17, 0, false },
    { 0 },
};

const struct rd_op rd_op_melweightmatrix = {
    .op = "MelWeightMatrix",
    .domain = "",
    .since = 17,
    .min_in = 5,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_INDEX, RD_T_INDEX, RD_T_INDEX, RD_T_FLOAT },
    .attrs = mel_attrs,
    .infer = mel_infer,
    .forward = mel_forward,
    .scratch = mel_scratch,
    .flops = some_flops,
    .sizes = 3,
};
