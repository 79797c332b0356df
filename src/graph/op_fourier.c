/*
 * op_fourier.c - DFT and STFT: spectra along an axis, of a signal or of windows that slide over it.
 *
 * Complex numbers are the last axis, of 2 (real, imaginary) or 1 (real). Both are linear, so a
 * gradient is the transposed transform: the cotangent through the other direction. float64 inside,
 * rounded once.
 */
#include "graph/fourier.h"
#include "graph/op_index.h"

struct dft {
    int axis;
    int64_t length;       /* of the transform; -1: not known yet */
    int64_t in, out;      /* along the axis; -1: not known yet */
    int parts, parts_out; /* 1: real; 2: complex; parts -1: not known yet */
    bool inverse, onesided;
};

/* The input that holds the axis, or NULL: an attribute before opset 20. */
static const struct rd_tensor *axis_input(const struct rd_op_call *c)
{
    return c->node->opset >= 20 ? rd_op_in(c, 2) : NULL;
}

static rd_status length_of(const struct rd_op_call *c, struct dft *d)
{
    const struct rd_tensor *given = rd_op_in(c, 1);
    rd_status st = RD_OK;

    d->length = d->in == -1 ? -1 : d->inverse && d->onesided ? 2 * (d->in - 1) : d->in;
    if (given && !given->data) {
        d->length = -1;
        st = rd_op_one_shape(c, given, "the length of the transform");
    } else if (given) {
        st = rd_op_one_int(c, given, "the length of the transform", &d->length);
        if (!st && rd_op_is_symbol(d->length))
            d->length = -1;
        else if (!st && (d->length < 1 || d->length > RD_FOURIER_MOST))
            st = RD_FAIL(c->err, RD_E_INPUT, "the length of the transform is %lld, outside 1..%d",
                (long long)d->length, RD_FOURIER_MOST);
        if (st)
            return st;
    }
    if (!given && d->in != -1 && (d->length < 1 || d->length > RD_FOURIER_MOST))
        st = RD_FAIL(c->err, RD_E_INPUT, "the length of the transform is %lld, outside 1..%d",
            (long long)d->length, RD_FOURIER_MOST);
    d->out = d->length == -1 || !d->onesided || d->inverse ? d->length : d->length / 2 + 1;
    return st;
}

static rd_status dft_of(const struct rd_op_call *c, struct dft *d)
{
    const struct rd_tensor *x = c->in[0], *given = axis_input(c);
    int64_t axis = c->node->opset >= 20 ? -2 : rd_op_int(c->node, "axis", 1);
    rd_status st = RD_OK;

    if (x->ndim < 2)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; a signal and real or complex values are needed", x->ndim);
    d->parts = (int)x->dim[x->ndim - 1];
    d->inverse = rd_op_int(c->node, "inverse", 0) != 0;
    d->onesided = rd_op_int(c->node, "onesided", 0) != 0;
    d->parts_out = d->inverse && d->onesided ? 1 : 2;
    if (x->dim[x->ndim - 1] != 1 && x->dim[x->ndim - 1] != 2 && x->dim[x->ndim - 1] != -1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the last axis must be 1 (real) or 2 (complex), not %lld",
            (long long)x->dim[x->ndim - 1]);
    if (d->onesided && !d->inverse && d->parts == 2)
        return RD_FAIL(c->err, RD_E_INPUT, "a onesided spectrum needs a real signal");
    if (given && given->data)
        st = rd_op_one_int(c, given, "the axis", &axis);
    else if (given)
        st = rd_op_one_shape(c, given, "the axis");
    if (st)
        return st;
    d->axis = -1; /* not known */
    if (!given || (given->data && !rd_op_is_symbol(axis))) {
        st = rd_op_axis(c, axis, x->ndim, false, &d->axis);
        if (!st && d->axis == x->ndim - 1)
            st = RD_FAIL(c->err, RD_E_INPUT, "axis %d holds real and imaginary parts", d->axis);
    }
    d->in = d->axis < 0 ? -1 : x->dim[d->axis];
    return st ? st : length_of(c, d);
}

static rd_status dft_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    struct dft d;
    rd_status st = dft_of(c, &d);

    if (st)
        return st;
    rd_op_same_shape(out, c->in[0]);
    for (int i = 0; i < out->ndim && d.axis < 0; i++)
        out->dim[i] = -1;
    if (d.axis >= 0)
        out->dim[d.axis] = d.out;
    out->dim[out->ndim - 1] = d.parts_out;
    return RD_OK;
}

static size_t dft_scratch(const struct rd_op_call *c)
{
    struct dft d;

    (void)dft_of(c, &d); /* infer has accepted it */
    return rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]) +
           rd_fourier_size((size_t)d.length) + (size_t)d.length * 2 * sizeof(double) + 192 +
           (c->din ? rd_tensor_count(c->in[0]) * sizeof(double) : 0);
}

/* Lines along the axis: element (line, i, part) of a tensor with n along it. */
static size_t place(size_t line, size_t inner, size_t n, size_t i, int parts)
{
    return ((line / inner * n + i) * inner + line % inner) * (size_t)parts;
}

/* A onesided spectrum stands for both sides: bin k also for n - k, its conjugate. */
static double weight(const struct dft *d, size_t k)
{
    return k == 0 || 2 * k == (size_t)d->length ? 1 : 2;
}

/*
 * x to y. The onesided inverse is the real part of the twosided one with the bins in between
 * doubled.
 */
static void dft_line(const struct dft *d, const struct rd_fourier *f, const double *x, double *v,
    size_t line, size_t inner, double *y)
{
    const size_t n = (size_t)d->length, bins = n / 2 + 1;
    const bool half = d->inverse && d->onesided;
    size_t given = (size_t)d->in < n ? (size_t)d->in : n;

    if (half && given > bins)
        given = bins;
    memset(v, 0, 2 * n * sizeof(*v));
    for (size_t i = 0; i < given; i++) {
        const double *const from = x + place(line, inner, (size_t)d->in, i, d->parts);
        const double w = half ? weight(d, i) : 1;

        v[2 * i] = w * from[0];
        v[2 * i + 1] = d->parts == 2 ? w * from[1] : 0;
    }
    rd_fourier_run(f, v, d->inverse);
    for (size_t i = 0; i < (size_t)d->out; i++) {
        double *const to = y + place(line, inner, (size_t)d->out, i, d->parts_out);
        const double scale = d->inverse ? 1 / (double)n : 1;

        to[0] = v[2 * i] * scale;
        if (d->parts_out == 2)
            to[1] = v[2 * i + 1] * scale;
    }
}

/* g, the cotangent of y, to dx. */
static void dft_line_back(const struct dft *d, const struct rd_fourier *f, const double *g,
    double *v, size_t line, size_t inner, double *dx)
{
    const size_t n = (size_t)d->length, bins = n / 2 + 1;
    const bool half = d->inverse && d->onesided;
    size_t given = (size_t)d->in < n ? (size_t)d->in : n;

    if (half && given > bins)
        given = bins;
    memset(v, 0, 2 * n * sizeof(*v));
    for (size_t i = 0; i < (size_t)d->out; i++) {
        const double *const from = g + place(line, inner, (size_t)d->out, i, d->parts_out);

        v[2 * i] = from[0];
        v[2 * i + 1] = d->parts_out == 2 ? from[1] : 0;
    }
    rd_fourier_run(f, v, !d->inverse);
    for (size_t i = 0; i < given; i++) {
        double *const to = dx + place(line, inner, (size_t)d->in, i, d->parts);
        const double scale = (half ? weight(d, i) : 1) / (d->inverse ? (double)n : 1);

        to[0] = v[2 * i] * scale;
        if (d->parts == 2)
            to[1] = v[2 * i + 1] * scale;
    }
}

static rd_status dft(struct rd_op_call *c, bool back)
{
    const struct rd_tensor *x = c->in[0];
    const double *const from = rd_op_wide(c, back ? c->dout[0] : x);
    const size_t n_to = rd_tensor_count(back ? x : c->out[0]);
    double *const to = rd_op_take(c, n_to * sizeof(*to)), *v;
    struct rd_fourier f;
    struct dft d;
    size_t lines, inner;

    (void)dft_of(c, &d);
    v = rd_op_take(c, (size_t)d.length * 2 * sizeof(*v));
    f = rd_fourier_make((size_t)d.length, rd_op_take(c, rd_fourier_size((size_t)d.length)));
    memset(to, 0, n_to * sizeof(*to));
    inner = rd_dims_product(x, d.axis + 1, x->ndim - 1);
    lines = rd_tensor_count(x) ? rd_dims_product(x, 0, d.axis) * inner : 0;
    for (size_t i = 0; i < lines; i++) {
        if (back)
            dft_line_back(&d, &f, from, v, i, inner, to);
        else
            dft_line(&d, &f, from, v, i, inner, to);
    }
    rd_op_narrow(to, back ? c->din[0] : c->out[0], back);
    return RD_OK;
}

static rd_status dft_forward(struct rd_op_call *c)
{
    return dft(c, false);
}

static rd_status dft_backward(struct rd_op_call *c)
{
    return dft(c, true);
}

static double dft_flops(const struct rd_op_call *c)
{
    struct dft d;

    if (dft_of(c, &d) || d.length < 1 || d.in < 1)
        return 0;
    return rd_fourier_flops((size_t)d.length) *
           ((double)rd_tensor_count(c->in[0]) / (double)d.in / d.parts + 1);
}

static bool dft_rows(const struct rd_op_call *c, const bool *batched)
{
    struct dft d;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0] && !dft_of(c, &d) && d.axis > 0;
}

static const struct rd_op_attr dft_attrs[] = {
    { "axis", RD_ATTR_INT, 17, 19, false },
    { "inverse", RD_ATTR_INT, 17, 0, false },
    { "onesided", RD_ATTR_INT, 17, 0, false },
    { 0 },
};

const struct rd_op rd_op_dft = {
    .op = "DFT",
    .domain = "",
    .since = 17,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_INDEX },
    .attrs = dft_attrs,
    .infer = dft_infer,
    .forward = dft_forward,
    .backward = dft_backward,
    .grad_in = 1,
    .scratch = dft_scratch,
    .flops = dft_flops,
    .per_example = dft_rows,
    .sizes = 2,
};

/* --- STFT: frames of a signal (batch, length, 1 or 2), each times a window, transformed --- */

struct stft {
    int64_t step, length, frames, bins; /* -1: not known yet */
    int parts;
};

static rd_status stft_of(const struct rd_op_call *c, struct stft *s)
{
    const struct rd_tensor *x = c->in[0], *step = c->in[1], *window = rd_op_in(c, 2);
    const struct rd_tensor *length = rd_op_in(c, 3);
    const bool onesided = rd_op_int(c->node, "onesided", 1) != 0;
    rd_status st = RD_OK;

    *s = (struct stft){ -1, -1, -1, -1, 0 };
    if (x->ndim != 3 || (x->dim[2] != 1 && x->dim[2] != 2))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the signal must have three dimensions: batch, length, and 1 (real) or 2 (complex)");
    s->parts = (int)x->dim[2];
    if (s->parts == 2 && onesided)
        return RD_FAIL(c->err, RD_E_INPUT, "a onesided spectrum needs a real signal");
    if (!window && !length)
        return RD_FAIL(c->err, RD_E_INPUT, "neither a window nor the length of a frame is given");
    if (window && window->ndim != 1)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the window must have one dimension, not %d", window->ndim);
    st = step->data ? rd_op_one_int(c, step, "frame_step", &s->step)
                    : rd_op_one_shape(c, step, "frame_step");
    if (!st && length)
        st = length->data ? rd_op_one_int(c, length, "frame_length", &s->length)
                          : rd_op_one_shape(c, length, "frame_length");
    if (st)
        return st;
    if (step->data && (s->step < 1 || rd_op_is_symbol(s->step)))
        return RD_FAIL(c->err, RD_E_INPUT, "frame_step is %lld", (long long)s->step);
    if (window && window->dim[0] != -1) {
        if (s->length != -1 && s->length != window->dim[0])
            return RD_FAIL(c->err, RD_E_INPUT, "the window has %lld entries, a frame %lld",
                (long long)window->dim[0], (long long)s->length);
        s->length = window->dim[0];
    }
    if (s->length == -1 && (!length || !length->data))
        return RD_OK;
    if (s->length < 1 || s->length > RD_FOURIER_MOST || (x->dim[1] != -1 && s->length > x->dim[1]))
        return RD_FAIL(c->err, RD_E_INPUT, "a frame of %lld does not fit a signal of %lld",
            (long long)s->length, (long long)x->dim[1]);
    s->bins = onesided ? s->length / 2 + 1 : s->length;
    if (s->step != -1 && x->dim[1] != -1)
        s->frames = (x->dim[1] - s->length) / s->step + 1;
    return RD_OK;
}

static rd_status stft_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    struct stft s;
    rd_status st = stft_of(c, &s);

    if (st)
        return st;
    out->dtype = c->in[0]->dtype;
    out->ndim = 4;
    out->dim[0] = c->in[0]->dim[0];
    out->dim[1] = s.frames;
    out->dim[2] = s.bins;
    out->dim[3] = 2;
    return RD_OK;
}

static size_t stft_scratch(const struct rd_op_call *c)
{
    struct stft s;
    size_t n;

    (void)stft_of(c, &s); /* infer has accepted it */
    n = (size_t)s.length;
    return 2 * rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]) +
           rd_op_wide_size(rd_op_in(c, 2)) + rd_fourier_size(n) + 3 * n * sizeof(double) + 320;
}

static rd_status stft_forward(struct rd_op_call *c)
{
    const struct rd_tensor *window = rd_op_in(c, 2);
    const double *const x = rd_op_wide(c, c->in[0]), *const w =
                                                         window ? rd_op_wide(c, window) : NULL;
    double *const y = rd_op_take(c, rd_tensor_count(c->out[0]) * sizeof(*y)), *to = y, *v;
    struct rd_fourier f;
    struct stft s;
    size_t n;

    (void)stft_of(c, &s);
    n = (size_t)s.length;
    v = rd_op_take(c, 2 * n * sizeof(*v));
    f = rd_fourier_make(n, rd_op_take(c, rd_fourier_size(n)));
    for (int64_t b = 0; b < c->in[0]->dim[0]; b++)
        for (int64_t k = 0; k < s.frames; k++, to += 2 * s.bins) {
            const double *const from = x + (b * c->in[0]->dim[1] + k * s.step) * s.parts;

            for (size_t i = 0; i < n; i++) {
                const double by = w ? w[i] : 1;

                v[2 * i] = from[i * (size_t)s.parts] * by;
                v[2 * i + 1] = s.parts == 2 ? from[2 * i + 1] * by : 0;
            }
            rd_fourier_run(&f, v, false);
            memcpy(to, v, 2 * (size_t)s.bins * sizeof(*to));
        }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status stft_backward(struct rd_op_call *c)
{
    const struct rd_tensor *window = rd_op_in(c, 2);
    struct rd_tensor *const dw = rd_op_din(c, 2);
    const double *const x = rd_op_wide(c, c->in[0]), *const w =
                                                         window ? rd_op_wide(c, window) : NULL;
    const double *g = rd_op_wide(c, c->dout[0]);
    double *const dx = rd_op_take(c, rd_tensor_count(c->in[0]) * sizeof(*dx)), *v, *sum;
    struct rd_fourier f;
    struct stft s;
    size_t n;

    (void)stft_of(c, &s);
    n = (size_t)s.length;
    v = rd_op_take(c, 2 * n * sizeof(*v));
    sum = rd_op_take(c, n * sizeof(*sum));
    f = rd_fourier_make(n, rd_op_take(c, rd_fourier_size(n)));
    memset(dx, 0, rd_tensor_count(c->in[0]) * sizeof(*dx));
    memset(sum, 0, n * sizeof(*sum));
    for (int64_t b = 0; b < c->in[0]->dim[0]; b++)
        for (int64_t k = 0; k < s.frames; k++, g += 2 * s.bins) {
            const int64_t at = (b * c->in[0]->dim[1] + k * s.step) * s.parts;

            memset(v, 0, 2 * n * sizeof(*v));
            memcpy(v, g, 2 * (size_t)s.bins * sizeof(*v));
            rd_fourier_run(&f, v, true);
            for (size_t i = 0; i < n; i++)
                for (int p = 0; p < s.parts; p++) {
                    const size_t place_x = (size_t)at + i * (size_t)s.parts + (size_t)p;

                    dx[place_x] += v[2 * i + (size_t)p] * (w ? w[i] : 1);
                    sum[i] += v[2 * i + (size_t)p] * x[place_x];
                }
        }
    if (c->din[0])
        rd_op_narrow(dx, c->din[0], true);
    if (dw)
        rd_op_narrow(sum, dw, true);
    return RD_OK;
}

static double stft_flops(const struct rd_op_call *c)
{
    struct stft s;

    if (stft_of(c, &s) || s.length < 1)
        return 0;
    return rd_fourier_flops((size_t)s.length) * ((double)c->out[0]->dim[0] * (double)s.frames + 1);
}

static bool stft_rows(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i])
            return false;
    return batched[0];
}

static const struct rd_op_attr stft_attrs[] = {
    { "onesided", RD_ATTR_INT, 17, 0, false },
    { 0 },
};

const struct rd_op rd_op_stft = {
    .op = "STFT",
    .domain = "",
    .since = 17,
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_INDEX, RD_T_FLOAT, RD_T_INDEX },
    .same = 4,
    .attrs = stft_attrs,
    .infer = stft_infer,
    .forward = stft_forward,
    .backward = stft_backward,
    .grad_in = 5,
    .reads = RD_READS_IN,
    .scratch = stft_scratch,
    .flops = stft_flops,
    .per_example = stft_rows,
};
