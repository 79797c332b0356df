/*
 * op_resize.c - Resize and its forerunner Upsample: an image (or any tensor) at other sizes.
 *
 * Upsample (opsets 7 to 9) and Resize of opset 10 know only the scales, and place o at o / scale;
 * Upsample's should not be below 1, but tf2onnx shrinks by it, too.
 * From opset 11 on there are sizes instead of scales, a region (tf_crop_and_resize) and other
 * places; from 18 on chosen axes, antialiasing and sizes that keep the proportions.
 *
 * Where scale * input is no whole number, align_corners can be read in two ways: the standard's
 * text means the output's size, its reference code and test data the unrounded product. PyTorch,
 * and ONNX Runtime too, go by the size; PyTorch's exporters are known by a nearest_mode given where
 * it says nothing.
 *
 * Nearest moves elements of any type; linear and cubic compute in float64 and round once, float32
 * by the kernels in float32.
 */
#include "graph/op_resize.h"

#include "graph/op_index.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

static const int64_t LARGEST = (int64_t)1 << 40;

/* --- what the node asks for --- */

static bool is_old(const struct rd_op_call *c)
{
    return c->node->opset < 11;
}

/* An input that is there and not empty: exporters leave inputs out either way. */
static const struct rd_tensor *given(const struct rd_op_call *c, int i)
{
    const struct rd_tensor *t = rd_op_in(c, i);

    return t && t->ndim == 1 && t->dim[0] == 0 ? NULL : t;
}

static rd_status choose(const struct rd_op_call *c, const char *attr, const char *const *names,
    int n, int otherwise, int *out)
{
    *out = otherwise;
    if (!rd_op_attr(c->node, attr))
        return RD_OK;
    for (int i = 0; i < n; i++)
        if (names[i] && rd_op_str_is(c->node, attr, names[i])) {
            *out = i;
            return RD_OK;
        }
    return RD_FAIL(c->err, RD_E_INPUT,
        "attribute '%s' has a value that this version of the operator does not know", attr);
}

static rd_status attributes(const struct rd_op_call *c, struct rd_resize *r)
{
    const bool symmetric = c->node->opset >= 19;
    const char *const mode[] = { "nearest", is_old(c) && c->node->opset < 9 ? "bilinear" : "linear",
        is_old(c) ? NULL : "cubic" };
    const char *const where[] = { "half_pixel", symmetric ? "half_pixel_symmetric" : NULL,
        "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
        "tf_crop_and_resize" };
    const char *const rounding[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };
    int m = 0, w = 0, k = 0;
    /* tf_half_pixel_for_nn left the standard with opset 13, but tf2onnx writes it to this day. */
    rd_status st = RD_OK;

    /* Upsample 7 and 9 say linear; exporters of that time wrote both. */
    if (is_old(c) && rd_op_str_is(c->node, "mode", "linear"))
        m = RD_RESIZE_LINEAR;
    else
        st = choose(c, "mode", mode, 3, RD_RESIZE_NEAREST, &m);
    if (!st && !is_old(c))
        st = choose(c, "coordinate_transformation_mode", where, 7, RD_RESIZE_HALF_PIXEL, &w);
    if (!st && !is_old(c))
        st = choose(c, "nearest_mode", rounding, 4, RD_RESIZE_PREFER_FLOOR, &k);
    r->mode = (enum rd_resize_mode)m;
    r->where = is_old(c) ? RD_RESIZE_ASYMMETRIC : (enum rd_resize_where)w;
    r->round = is_old(c) ? RD_RESIZE_SIMPLE : (enum rd_resize_round)k;
    r->whole = m != RD_RESIZE_NEAREST && rd_op_attr(c->node, "nearest_mode");
    r->antialias = rd_op_int(c->node, "antialias", 0) != 0;
    r->exclude_outside = rd_op_int(c->node, "exclude_outside", 0) != 0;
    r->cubic = (double)rd_op_float(c->node, "cubic_coeff_a", -0.75f);
    r->extrapolation = (double)rd_op_float(c->node, "extrapolation_value", 0);
    if (!st && !isfinite(r->cubic))
        st = RD_FAIL(c->err, RD_E_INPUT, "attribute 'cubic_coeff_a' is not finite");
    return st;
}

/* Axes in the order in which scales, sizes and roi name them. */
static rd_status axes_of(const struct rd_op_call *c, int rank, int *axis, int *n_out)
{
    size_t n;
    const int64_t *given_axes = rd_op_ints(c->node, "axes", &n);
    bool seen[RD_MAX_DIMS] = { false };

    *n_out = given_axes ? (int)n : rank;
    if (given_axes && n > (size_t)rank)
        return RD_FAIL(c->err, RD_E_INPUT, "%zu axes for %d dimensions", n, rank);
    for (int i = 0; i < *n_out; i++) {
        rd_status st;

        axis[i] = i;
        st = given_axes ? rd_op_axis(c, given_axes[i], rank, false, &axis[i]) : RD_OK;
        if (st)
            return st;
        if (seen[axis[i]])
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d is given twice", axis[i]);
        seen[axis[i]] = true;
    }
    return RD_OK;
}

static rd_status entries(
    const struct rd_op_call *c, const struct rd_tensor *t, const char *what, int n)
{
    if (t->ndim != 1 || (t->dim[0] != -1 && t->dim[0] != n))
        return RD_FAIL(c->err, RD_E_INPUT, "the %s must have %d entries, one dimension", what, n);
    return RD_OK;
}

static rd_status set_scale(const struct rd_op_call *c, struct rd_resize *r, int axis, double scale)
{
    const double grown = (double)((float)r->in[axis] * (float)scale);

    if (!(scale > 0) || !isfinite(scale))
        return RD_FAIL(c->err, RD_E_INPUT, "the scale of axis %d is %g, not above 0", axis, scale);
    r->scale[axis] = scale;
    r->touched[axis] = scale != 1 || r->where == RD_RESIZE_TF_CROP;
    if (r->in[axis] == -1) {
        r->out[axis] = r->touched[axis] ? -1 : r->in[axis];
        return RD_OK;
    }
    if (!(grown <= (double)LARGEST))
        return RD_FAIL(c->err, RD_E_INPUT, "axis %d of size %lld times %g is too large", axis,
            (long long)r->in[axis], scale);
    /* In float32, as whoever wrote the scale has counted: 10 * 0.7 is 7. */
    r->out[axis] = scale == 1 ? r->in[axis] : (int64_t)floor(grown);
    return RD_OK;
}

static rd_status by_scales(const struct rd_op_call *c, struct rd_resize *r, const int *axis, int n)
{
    const int at = is_old(c) ? 1 : 2;
    const struct rd_tensor *t = given(c, at);
    size_t n_attr = 0;
    const struct rd_attr *old = rd_op_attr(c->node, "scales");
    rd_status st = RD_OK;

    if (t) {
        st = entries(c, t, "scales", n);
        if (st)
            return st;
        for (int i = 0; i < n && !t->data; i++) {
            r->known = false;
            r->touched[axis[i]] = true;
            r->out[axis[i]] = -1;
        }
    } else {
        n_attr = old ? old->n : 0;
        if (n_attr != (size_t)n)
            return RD_FAIL(c->err, RD_E_INPUT, "%zu scales for %d dimensions", n_attr, n);
    }
    for (int i = 0; i < n && r->known && !st; i++)
        st = set_scale(c, r, axis[i], t ? rd_number_at(t, (size_t)i) : (double)old->floats[i]);
    return st;
}

/* Sizes that keep the proportions: the smallest (largest) quotient holds for all axes. */
static rd_status keep_proportions(
    const struct rd_op_call *c, struct rd_resize *r, const int *axis, int n, bool larger)
{
    double scale = 0;

    for (int i = 0; i < n; i++) {
        const int d = axis[i];
        const double s = r->in[d] > 0 ? (double)r->out[d] / (double)r->in[d] : 0;

        if (r->in[d] < 1 || r->out[d] < 1) {
            r->known = r->known && r->in[d] != -1 && r->out[d] != -1;
            if (r->known)
                return RD_FAIL(c->err, RD_E_INPUT, "axis %d is empty: it has no proportions", d);
            continue;
        }
        scale = i == 0 || (larger ? s > scale : s < scale) ? s : scale;
    }
    for (int i = 0; i < n && r->known; i++) {
        const int d = axis[i];
        const double to = floor(scale * (double)r->in[d] + 0.5);

        if (!(to <= (double)LARGEST))
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d would have the size %g", d, to);
        r->scale[d] = scale;
        r->out[d] = (int64_t)to;
    }
    return RD_OK;
}

/* A plan knows the sizes already and hands over the shape of the output instead. */
static bool shaped(const struct rd_op_call *c, const struct rd_resize *r)
{
    return c->out && c->out[0] && c->out[0]->ndim == r->rank;
}

static rd_status by_sizes(const struct rd_op_call *c, struct rd_resize *r, const int *axis, int n)
{
    const struct rd_tensor *t = given(c, 3);
    const char *const policy[] = { "stretch", "not_larger", "not_smaller" };
    int64_t v[RD_MAX_DIMS];
    int count = n, keep;
    rd_status st = choose(c, "keep_aspect_ratio_policy", policy, 3, 0, &keep);

    r->from_size = r->whole = true;
    if (!st && t)
        st = entries(c, t, "sizes", n);
    if (!st && t && t->data)
        st = rd_op_values(c, t, "the sizes", v, &count);
    if (st)
        return st;
    for (int i = 0; i < n; i++) {
        const int d = axis[i];
        const bool batch = d == 0 && c->batched && c->batched[0];

        if (t && t->data)
            r->out[d] = v[i] == RD_SYM_BATCH && batch ? r->in[d]
                        : rd_op_is_symbol(v[i])       ? -1
                                                      : v[i];
        else
            r->out[d] = t || !shaped(c, r) ? -1 : c->out[0]->dim[d];
        if (t && t->data && !rd_op_is_symbol(v[i]) && (v[i] < 0 || v[i] > LARGEST))
            return RD_FAIL(
                c->err, RD_E_INPUT, "axis %d would have the size %lld", d, (long long)v[i]);
        if (t && t->data && v[i] == RD_SYM_BATCH && batch)
            continue; /* both are the batch */
        r->known = r->known && r->out[d] != -1;
        r->touched[d] = r->in[d] != r->out[d] || r->in[d] == -1 || r->where == RD_RESIZE_TF_CROP;
        if (r->in[d] > 0 && r->out[d] >= 0)
            r->scale[d] = (double)r->out[d] / (double)r->in[d];
    }
    if (keep && r->known)
        st = keep_proportions(c, r, axis, n, keep == 2);
    for (int i = 0; i < n && keep; i++) {
        r->touched[axis[i]] = true;
        r->out[axis[i]] = r->known ? r->out[axis[i]] : -1;
    }
    return st;
}

static rd_status region(const struct rd_op_call *c, struct rd_resize *r, const int *axis, int n)
{
    const struct rd_tensor *t = given(c, 1);
    rd_status st;

    if (r->where != RD_RESIZE_TF_CROP)
        return RD_OK;
    if (!t)
        return RD_FAIL(c->err, RD_E_INPUT, "tf_crop_and_resize needs the region 'roi' (input 1)");
    st = entries(c, t, "region", 2 * n);
    for (int i = 0; i < n && !st; i++) {
        const int d = axis[i];

        r->touched[d] = true;
        if (!t->data)
            continue;
        r->begin[d] = rd_number_at(t, (size_t)i);
        r->end[d] = rd_number_at(t, (size_t)i + (size_t)n);
        if (!isfinite(r->begin[d]) || !isfinite(r->end[d]))
            return RD_FAIL(c->err, RD_E_INPUT, "the region of axis %d is not finite", d);
        if (r->begin[d] == 0 && r->end[d] == 1 && r->in[d] == r->out[d])
            r->touched[d] = false;
    }
    return st;
}

rd_status rd_resize_of(const struct rd_op_call *c, struct rd_resize *r)
{
    const struct rd_tensor *x = c->in[0];
    int axis[RD_MAX_DIMS], n = 0;
    bool scales, sizes;
    rd_status st;

    *r = (struct rd_resize){ .known = true, .rank = x->ndim };
    for (int i = 0; i < x->ndim; i++) {
        r->in[i] = r->out[i] = x->dim[i];
        r->scale[i] = r->end[i] = 1;
        if (x->dim[i] > LARGEST)
            return RD_FAIL(
                c->err, RD_E_INPUT, "an axis of size %lld is too large", (long long)x->dim[i]);
    }
    st = attributes(c, r);
    if (!st)
        st = axes_of(c, x->ndim, axis, &n);
    if (st)
        return st;
    scales = given(c, is_old(c) ? 1 : 2) != NULL || is_old(c);
    sizes = !is_old(c) && !scales && c->node->n_inputs > 3 &&
            (given(c, 3) || (!rd_op_in(c, 3) && shaped(c, r)));
    if (!scales && !sizes)
        return RD_FAIL(c->err, RD_E_INPUT, "neither scales nor sizes are given");
    if (!is_old(c) && scales && given(c, 3))
        return RD_FAIL(c->err, RD_E_INPUT, "both scales and sizes are given");
    st = scales ? by_scales(c, r, axis, n) : by_sizes(c, r, axis, n);
    if (!st)
        st = region(c, r, axis, n);
    for (int i = 0; i < r->rank && !st; i++)
        if (r->in[i] == 0 && r->out[i] > 0)
            st = RD_FAIL(c->err, RD_E_INPUT, "axis %d is empty: there is nothing to enlarge", i);
    return st;
}

static rd_status infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    struct rd_resize r;
    rd_status st;

    out->ndim = -1;
    st = rd_resize_of(c, &r);
    if (st)
        return st;
    if (r.mode != RD_RESIZE_NEAREST && (c->in[0]->dtype == RD_BOOL || c->in[0]->dtype == RD_STRING))
        return RD_FAIL(
            c->err, RD_E_INPUT, "only the mode nearest takes %s", rd_dtype_name(c->in[0]->dtype));
    if (r.where == RD_RESIZE_TF_CROP && c->in[0]->dtype == RD_STRING)
        return RD_FAIL(c->err, RD_E_INPUT, "strings have no extrapolation value");
    out->dtype = c->in[0]->dtype;
    out->ndim = r.rank;
    memcpy(out->dim, r.out, sizeof(out->dim));
    return RD_OK;
}

/* --- the work --- */

/* Axes that shrink come first, then those that grow least: the slabs on the way stay small. Of
 * equals the last, whose places are gathered one by one. */
static int order(const struct rd_resize *r, int *axis)
{
    int n = 0;

    for (int d = r->rank; d-- > 0;) {
        const double s = (double)r->out[d] / (double)r->in[d];
        int k;

        if (!r->touched[d])
            continue;
        for (k = n++; k > 0 && s < (double)r->out[axis[k - 1]] / (double)r->in[axis[k - 1]]; k--)
            axis[k] = axis[k - 1];
        axis[k] = d;
    }
    return n;
}

static size_t slab(const struct rd_resize *r, int first, const int *done, int n)
{
    size_t size = 1;

    for (int d = first; d < r->rank; d++) {
        int64_t dim = r->in[d];

        for (int i = 0; i < n; i++)
            dim = done[i] == d ? r->out[d] : dim;
        size *= (size_t)dim;
    }
    return size;
}

static struct rd_resize_job job_shape(const struct rd_resize *r, int *axis)
{
    struct rd_resize_job j = { .n = order(r, axis), .first = r->rank, .rank = r->rank, .slabs = 1 };

    for (int i = 0; i < j.n; i++)
        j.first = axis[i] < j.first ? axis[i] : j.first;
    for (int d = 0; d < r->rank; d++) {
        j.in[d] = (size_t)r->in[d];
        if (d < j.first)
            j.slabs *= j.in[d];
    }
    j.slab_in = slab(r, j.first, axis, 0);
    j.slab_out = slab(r, j.first, axis, j.n);
    for (int i = 1; i < j.n; i++) {
        const size_t size = slab(r, j.first, axis, i);

        j.most = size > j.most ? size : j.most;
    }
    return j;
}

static struct rd_resize_job job_of(struct rd_op_call *c, const struct rd_resize *r)
{
    int axis[RD_MAX_DIMS];
    struct rd_resize_job j = job_shape(r, axis);

    for (int i = 0; i < j.n; i++)
        rd_resize_table(c, r, axis[i], &j.axis[i]);
    return j;
}

static bool by_kernels(const struct rd_op_call *c)
{
    return c->kernels && c->in[0]->dtype == RD_F32;
}

static size_t scratch(const struct rd_op_call *c)
{
    const size_t real = by_kernels(c) ? sizeof(float) : sizeof(double);
    struct rd_resize r;
    struct rd_resize_job j;
    int axis[RD_MAX_DIMS];
    size_t bytes;

    (void)rd_resize_of(c, &r);
    if (!rd_tensor_count(c->out[0]))
        return 0;
    j = job_shape(&r, axis);
    bytes = (2 * j.most * real + 63) / 64 * 64;
    for (int i = 0; i < j.n; i++)
        bytes += rd_resize_table_size(&r, axis[i]);
    if (!by_kernels(c))
        bytes += rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->out[0]);
    return bytes;
}

static const uint8_t *outside_of(const struct rd_resize_job *j, int axis)
{
    for (int i = 0; i < j->n; i++)
        if (j->axis[i].axis == axis)
            return j->axis[i].outside;
    return NULL;
}

/* The extrapolation value wherever one of the axes lies outside the input. */
static void extrapolate(
    const struct rd_resize *r, const struct rd_resize_job *j, struct rd_tensor *out)
{
    const size_t size = rd_dtype_size(out->dtype), n = rd_tensor_count(out);
    struct rd_tensor one = { .dtype = out->dtype, .ndim = 0 };
    size_t at[RD_MAX_DIMS] = { 0 };
    _Alignas(8) char fill[8] = { 0 };

    if (r->where != RD_RESIZE_TF_CROP)
        return;
    one.data = fill;
    rd_op_narrow(&r->extrapolation, &one, false);
    for (size_t i = 0; i < n; i++) {
        bool outside = false;

        for (int d = 0; d < r->rank; d++) {
            const uint8_t *o = outside_of(j, d);

            outside = outside || (o && o[at[d]]);
        }
        if (outside)
            memcpy((char *)out->data + i * size, fill, size);
        for (int d = r->rank; d-- > 0;) {
            if (++at[d] < (size_t)r->out[d])
                break;
            at[d] = 0;
        }
    }
}

#define PICK(TYPE)                                                                                 \
    for (size_t o = 0; o < n; o++)                                                                 \
        ((TYPE *)to)[o] = ((const TYPE *)from)[at[o]];                                             \
    break

/* One row of single elements. */
static void pick(const char *from, const size_t *at, size_t n, size_t size, char *to)
{
    switch (size) {
    case 1:
        PICK(uint8_t);
    case 2:
        PICK(uint16_t);
    case 4:
        PICK(uint32_t);
    default:
        for (size_t o = 0; o < n; o++)
            memcpy(to + o * size, from + at[o] * size, size);
    }
}

/* Nearest: rows along the last axis of the job, with all that lies behind it, are copied. */
static void move(const struct rd_resize *r, const struct rd_resize_job *j, const char *from,
    size_t size, char *to)
{
    const struct rd_resize_axis *map[RD_MAX_DIMS] = { NULL };
    size_t at[RD_MAX_DIMS] = { 0 }, inner = size, rows = 1, line, row_in;
    const char *before = NULL;
    int last = 0;

    for (int i = 0; i < j->n; i++) {
        map[j->axis[i].axis] = &j->axis[i];
        last = j->axis[i].axis > last ? j->axis[i].axis : last;
    }
    for (int d = last + 1; d < r->rank; d++)
        inner *= j->in[d];
    for (int d = 0; d < last; d++)
        rows *= (size_t)r->out[d];
    line = inner * (size_t)r->out[last];
    row_in = inner * j->in[last];
    for (size_t k = 0; k < rows; k++, to += line) {
        size_t row = 0;
        const char *source;

        for (int d = 0; d < last; d++)
            row = row * j->in[d] + (map[d] ? map[d]->at[at[d]] : at[d]);
        source = from + row * row_in;
        if (source == before)
            memcpy(to, to - line, line);
        else if (inner == size)
            pick(source, map[last]->at, map[last]->out, size, to);
        else
            for (size_t o = 0; o < map[last]->out; o++)
                memcpy(to + o * inner, source + map[last]->at[o] * inner, inner);
        before = source;
        for (int d = last; d-- > 0;) {
            if (++at[d] < (size_t)r->out[d])
                break;
            at[d] = 0;
        }
    }
}

/* Integers are cut off, but not for a rounding error just below a whole number. */
static void settle(double *v, const struct rd_tensor *t)
{
    for (size_t i = 0, n = rd_tensor_count(t); i < n && rd_is_whole(t->dtype); i++) {
        const double whole = rint(v[i]);

        if (fabs(v[i] - whole) <= 1e-9 * (1 + fabs(whole)))
            v[i] = whole;
    }
}

static rd_status forward(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    struct rd_resize r;
    struct rd_resize_job j;

    (void)rd_resize_of(c, &r); /* infer has accepted it */
    if (!rd_tensor_count(out))
        return RD_OK;
    j = job_of(c, &r);
    if (!j.n) {
        memcpy(out->data, c->in[0]->data, rd_tensor_bytes(out));
    } else if (r.mode == RD_RESIZE_NEAREST) {
        move(&r, &j, c->in[0]->data, rd_dtype_size(out->dtype), out->data);
    } else if (by_kernels(c)) {
        rd_resize_forward_f32(
            &j, c->kernels, c->in[0]->data, out->data, rd_op_take(c, 2 * j.most * sizeof(float)));
    } else {
        const double *x = rd_op_wide(c, c->in[0]);
        double *y = rd_op_take(c, rd_op_wide_size(out));

        rd_resize_forward_f64(&j, NULL, x, y, rd_op_take(c, 2 * j.most * sizeof(double)));
        settle(y, out);
        rd_op_narrow(y, out, false);
    }
    extrapolate(&r, &j, out);
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    struct rd_tensor *dx = c->din[0];
    struct rd_resize r;
    struct rd_resize_job j;

    (void)rd_resize_of(c, &r);
    if (!rd_tensor_count(c->out[0]) || !dx || !c->dout[0])
        return RD_OK;
    j = job_of(c, &r);
    if (!j.n) {
        for (size_t i = 0, n = rd_tensor_count(dx); i < n; i++)
            rd_real_add(dx, i, rd_real_at(c->dout[0], i));
    } else if (by_kernels(c)) {
        rd_resize_backward_f32(
            &j, c->kernels, c->dout[0]->data, dx->data, rd_op_take(c, 2 * j.most * sizeof(float)));
    } else {
        const double *g = rd_op_wide(c, c->dout[0]);
        double *wide = rd_op_take(c, rd_op_wide_size(dx));

        memset(wide, 0, rd_tensor_count(dx) * sizeof(*wide));
        rd_resize_backward_f64(&j, NULL, g, wide, rd_op_take(c, 2 * j.most * sizeof(double)));
        rd_op_narrow(wide, dx, true);
    }
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    struct rd_resize r;
    struct rd_resize_job j;
    int axis[RD_MAX_DIMS];
    double work = 0;

    if (!rd_tensor_count(c->out[0]) || rd_resize_of(c, &r) || !r.known)
        return 0;
    j = job_shape(&r, axis);
    for (int i = 0; i < j.n; i++)
        work += 2 * (double)j.slabs * (double)slab(&r, j.first, axis, i + 1) *
                (double)rd_resize_taps(&r, axis[i]);
    return work;
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    struct rd_resize r;

    for (int i = 1; i < c->node->n_inputs; i++)
        if (batched[i] || (i < 3 && c->in[i] && !c->in[i]->data))
            return false;
    if (!batched[0] || c->in[0]->ndim < 1 || rd_resize_of(c, &r) || r.touched[0])
        return false;
    /* Proportions are reckoned from the sizes, which a plan does not see when they are computed. */
    return r.known || !rd_op_attr(c->node, "keep_aspect_ratio_policy");
}

static const struct rd_op_attr attrs[] = {
    { "antialias", RD_ATTR_INT, 18, 0, false },
    { "axes", RD_ATTR_INTS, 18, 0, false },
    { "coordinate_transformation_mode", RD_ATTR_STRING, 11, 0, false },
    { "cubic_coeff_a", RD_ATTR_FLOAT, 11, 0, false },
    { "exclude_outside", RD_ATTR_INT, 11, 0, false },
    { "extrapolation_value", RD_ATTR_FLOAT, 11, 0, false },
    { "keep_aspect_ratio_policy", RD_ATTR_STRING, 18, 0, false },
    { "mode", RD_ATTR_STRING, 10, 0, false },
    { "nearest_mode", RD_ATTR_STRING, 11, 0, false },
    { 0 },
};

const struct rd_op rd_op_resize = {
    .op = "Resize",
    .domain = "",
    .since = 10,
    .min_in = 1,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_FLOAT, RD_T_FLOAT, RD_T_I64 },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 1,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
    .sizes = 8,
};

static const struct rd_op_attr upsample_attrs[] = {
    { "mode", RD_ATTR_STRING, 7, 9, false },
    { "scales", RD_ATTR_FLOATS, 7, 8, true },
    { 0 },
};

/* Opset 10 has Resize in its stead. */
const struct rd_op rd_op_upsample = {
    .op = "Upsample",
    .domain = "",
    .since = 7,
    .until = 9,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_MOVABLE, RD_T_FLOAT },
    .attrs = upsample_attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 1,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
