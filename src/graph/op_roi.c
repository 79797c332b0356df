/*
 * op_roi.c - RoiAlign and MaxRoiPool: pieces of feature maps, each brought to one size.
 *
 * X (n, c, h, w), rois (r, 4) or (r, 5) -> y (r, c, height, width). RoiAlign (He et al. 2017,
 * arXiv:1703.06870) averages samples between the pixels; its mode max takes the largest weighted
 * corner of them, as ONNX's reference does. MaxRoiPool is Girshick 2015 (arXiv:1504.08083). In
 * float64, rounded once; the regions themselves have no gradient.
 */
#include "graph/op_index.h"

#include <math.h>

enum { LARGEST = 1 << 20, MOST_SAMPLES = 1 << 12 };

/* A sample along one axis: between which pixels, with which weights. */
struct sample {
    size_t low, high;
    double w_low, w_high;
};

/* The samples of one bin of one axis that lie inside the image. */
struct bin {
    size_t first, n; /* in the table of the axis */
    double all;      /* with those outside */
};

struct align {
    bool max, half;
    int64_t ratio, out[2]; /* height, width */
    double scale;
    size_t size[2], most[2]; /* of the image; samples of an axis at most */
};

static rd_status out_size(const struct rd_op_call *c, const char *name, int64_t v)
{
    if (v < 1 || v > LARGEST)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute '%s' holds %lld, outside 1..%d", name,
            (long long)v, LARGEST);
    return RD_OK;
}

static rd_status align_of(const struct rd_op_call *c, struct align *a)
{
    const struct rd_graph_node *node = c->node;
    const char *const where = "coordinate_transformation_mode";
    rd_status st;

    *a = (struct align){ .max = rd_op_str_is(node, "mode", "max"),
        .half = node->opset >= 16 && !rd_op_str_is(node, where, "output_half_pixel"),
        .ratio = rd_op_int(node, "sampling_ratio", 0),
        .out = { rd_op_int(node, "output_height", 1), rd_op_int(node, "output_width", 1) },
        .scale = (double)rd_op_float(node, "spatial_scale", 1) };
    if (rd_op_attr(node, "mode") && !a->max && !rd_op_str_is(node, "mode", "avg"))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'mode' must be avg or max");
    if (rd_op_attr(node, where) && a->half && !rd_op_str_is(node, where, "half_pixel"))
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute '%s' must be half_pixel or output_half_pixel", where);
    if (a->ratio < 0 || a->ratio > MOST_SAMPLES)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'sampling_ratio' holds %lld, outside 0..%d",
            (long long)a->ratio, MOST_SAMPLES);
    if (!isfinite(a->scale))
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'spatial_scale' is not finite");
    st = out_size(c, "output_height", a->out[0]);
    if (!st)
        st = out_size(c, "output_width", a->out[1]);
    for (int i = 0; i < 2 && !st; i++) {
        const size_t bins = (size_t)a->out[i];

        if (c->in[0]->ndim != 4 || c->in[0]->dim[i + 2] < 0)
            continue;
        a->size[i] = (size_t)c->in[0]->dim[i + 2];
        /* Adaptive samples are at least half a pixel apart, unless each bin has one. */
        a->most[i] = a->ratio ? bins * (size_t)a->ratio
                              : (bins > 2 * a->size[i] + 4 ? bins : 2 * a->size[i] + 4);
    }
    return st;
}

static rd_status shapes(struct rd_op_call *c, int columns, const int64_t *size)
{
    const struct rd_tensor *x = c->in[0], *rois = c->in[1];
    struct rd_tensor *out = c->out[0];
    char tx[120], tr[120];

    if (x->ndim != 4 || rois->ndim != 2 || (rois->dim[1] != -1 && rois->dim[1] != columns))
        return RD_FAIL(c->err, RD_E_INPUT,
            "feature maps of shape %s and regions of shape %s; (n, c, h, w) and (regions, %d) are "
            "needed",
            rd_shape_text(x->dim, x->ndim, tx, sizeof(tx)),
            rd_shape_text(rois->dim, rois->ndim, tr, sizeof(tr)), columns);
    for (int i = 2; i < 4; i++)
        if (x->dim[i] == 0 || x->dim[i] > INT32_MAX)
            return RD_FAIL(c->err, RD_E_INPUT, "axis %d of the feature maps has the size %lld", i,
                (long long)x->dim[i]);
    rd_op_same_shape(out, x);
    out->dim[0] = rois->dim[0];
    out->dim[2] = size[0];
    out->dim[3] = size[1];
    return RD_OK;
}

static rd_status align_infer(struct rd_op_call *c)
{
    const struct rd_tensor *index = c->in[2], *rois = c->in[1];
    struct align a;
    rd_status st = align_of(c, &a);

    if (!st && (index->ndim != 1 || (index->dim[0] != -1 && rois->ndim > 0 && rois->dim[0] != -1 &&
                                        index->dim[0] != rois->dim[0])))
        st = RD_FAIL(c->err, RD_E_INPUT, "each region needs one batch index");
    return st ? st : shapes(c, 4, a.out);
}

/* Bins of one axis of a region that begins at `from` and is `extent` long. */
static void axis_samples(const struct align *a, int axis, double from, double extent,
    struct bin *bin, struct sample *table)
{
    const double size = (double)a->size[axis], width = extent / (double)a->out[axis];
    const double n = a->ratio ? (double)a->ratio : ceil(width), apart = width / n;
    size_t used = 0;

    for (int64_t p = 0; p < a->out[axis]; p++, bin++) {
        const double start = from + (double)p * width + 0.5 * apart;
        double first = 0, last = n - 1;

        *bin = (struct bin){ .first = used, .all = n > 0 ? n : 0 };
        if (!(n > 0) || !isfinite(start) || !isfinite(apart))
            continue;
        if (apart > 0) { /* only those between -1 and size count; there may be 1e30 others */
            first = fmax(first, floor((-1 - start) / apart) - 1);
            last = fmin(last, ceil((size - start) / apart) + 1);
        }
        for (double i = first; i <= last && used < a->most[axis]; i++) {
            double at = start + i * apart;
            struct sample *s = &table[used];

            if (at < -1 || at > size)
                continue;
            at = at > 0 ? at : 0;
            s->low = s->high = a->size[axis] - 1;
            if (at < size - 1) {
                s->low = (size_t)at;
                s->high = s->low + 1;
            } else {
                at = size - 1;
            }
            s->w_high = at - (double)s->low;
            s->w_low = 1 - s->w_high;
            used++;
        }
        bin->n = used - bin->first;
    }
}

/* What is worked with for one region. */
struct region {
    struct bin *bin[2];
    struct sample *sample[2];
};

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t align_scratch(const struct rd_op_call *c)
{
    struct align a;
    size_t bytes;

    (void)align_of(c, &a);
    bytes = 2 * rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]) + rd_op_wide_size(c->out[0]);
    for (int i = 0; i < 2; i++)
        bytes += rounded((size_t)a.out[i] * sizeof(struct bin)) +
                 rounded(a.most[i] * sizeof(struct sample));
    return bytes;
}

static double corner(const struct sample *y, const struct sample *x, int k)
{
    return (k & 2 ? y->w_high : y->w_low) * (k & 1 ? x->w_high : x->w_low);
}

static size_t place(const struct sample *y, const struct sample *x, size_t width, int k)
{
    return (k & 2 ? y->high : y->low) * width + (k & 1 ? x->high : x->low);
}

/* One bin of one channel: its value; back: g goes where it came from (dx of the plane). */
static double one_bin(const struct align *a, const struct region *r, const struct bin *by,
    const struct bin *bx, const double *plane, double g, double *dx)
{
    const double count = by->all * bx->all > 1 ? by->all * bx->all : 1;
    double sum = 0, best = 0, share = 0;
    size_t winner = SIZE_MAX;
    /* A sample outside the image is worth 0. */
    bool any = (double)by->n < by->all || (double)bx->n < bx->all;

    for (size_t iy = 0; iy < by->n; iy++)
        for (size_t ix = 0; ix < bx->n; ix++) {
            const struct sample *y = &r->sample[0][by->first + iy];
            const struct sample *x = &r->sample[1][bx->first + ix];

            for (int k = 0; k < 4; k++) {
                const size_t at = place(y, x, a->size[1], k);
                const double w = corner(y, x, k), v = w * plane[at];

                sum += v;
                if (a->max && (!any || v > best)) {
                    best = v;
                    winner = at;
                    share = w;
                    any = true;
                }
                if (dx && !a->max)
                    dx[at] += w * g / count;
            }
        }
    if (dx && a->max && winner != SIZE_MAX)
        dx[winner] += share * g;
    return a->max ? best : sum / count;
}

static rd_status batch_of(
    const struct rd_op_call *c, size_t roi, double index, int64_t n, size_t *out)
{
    if (!(index >= 0 && index < (double)n))
        return RD_FAIL(c->err, RD_E_INPUT, "region %zu is of image %g, outside 0..%lld", roi, index,
            (long long)n - 1);
    *out = (size_t)index;
    return RD_OK;
}

static rd_status align(struct rd_op_call *c, double *y, const double *g, double *dx)
{
    const struct rd_tensor *x = c->in[0];
    const size_t plane = (size_t)(x->dim[2] * x->dim[3]), channels = (size_t)x->dim[1];
    const double *wide = rd_op_wide(c, x), *roi = rd_op_wide(c, c->in[1]);
    struct region r;
    struct align a;
    size_t k = 0;

    (void)align_of(c, &a);
    for (int i = 0; i < 2; i++) {
        r.bin[i] = rd_op_take(c, (size_t)a.out[i] * sizeof(struct bin));
        r.sample[i] = rd_op_take(c, a.most[i] * sizeof(struct sample));
    }
    for (size_t n = 0; n < (size_t)c->in[1]->dim[0]; n++, roi += 4) {
        const double shift = a.half ? 0.5 : 0;
        size_t image;
        rd_status st =
            batch_of(c, n, (double)((const int64_t *)c->in[2]->data)[n], x->dim[0], &image);

        if (st)
            return st;
        for (int i = 0; i < 2; i++) { /* a region is x, y, x, y */
            const double from = roi[1 - i] * a.scale - shift;
            double extent = roi[3 - i] * a.scale - shift - from;

            extent = a.half || extent > 1 ? extent : 1;
            axis_samples(&a, i, from, extent, r.bin[i], r.sample[i]);
        }
        for (size_t ch = 0; ch < channels; ch++)
            for (int64_t p = 0; p < a.out[0]; p++)
                for (int64_t q = 0; q < a.out[1]; q++, k++) {
                    const size_t at = (image * channels + ch) * plane;
                    const double v = one_bin(&a, &r, &r.bin[0][p], &r.bin[1][q], wide + at,
                        g ? g[k] : 0, dx ? dx + at : NULL);

                    if (y)
                        y[k] = v;
                }
    }
    return RD_OK;
}

static rd_status run(struct rd_op_call *c,
    rd_status (*what)(struct rd_op_call *c, double *y, const double *g, double *dx), bool back)
{
    struct rd_tensor *t = back ? c->din[0] : c->out[0];
    double *v;
    rd_status st;

    if (!t || (back && !c->dout[0]) || !rd_tensor_count(c->out[0]))
        return RD_OK;
    v = rd_op_take(c, rd_op_wide_size(t));
    memset(v, 0, rd_tensor_count(t) * sizeof(*v));
    st = back ? what(c, NULL, rd_op_wide(c, c->dout[0]), v) : what(c, v, NULL, NULL);
    if (!st)
        rd_op_narrow(v, t, back);
    return st;
}

static rd_status align_forward(struct rd_op_call *c)
{
    return run(c, align, false);
}

static rd_status align_backward(struct rd_op_call *c)
{
    return run(c, align, true);
}

/* The bins of a region share out its samples: in all no more than the axes have. */
static double align_flops(const struct rd_op_call *c)
{
    struct align a;

    if (align_of(c, &a))
        return 0;
    return 8 * (double)c->in[1]->dim[0] * (double)c->in[0]->dim[1] * (double)a.most[0] *
           (double)a.most[1];
}

static const struct rd_op_attr align_attrs[] = {
    { "coordinate_transformation_mode", RD_ATTR_STRING, 16, 0, false },
    { "mode", RD_ATTR_STRING, 10, 0, false },
    { "output_height", RD_ATTR_INT, 10, 0, false },
    { "output_width", RD_ATTR_INT, 10, 0, false },
    { "sampling_ratio", RD_ATTR_INT, 10, 0, false },
    { "spatial_scale", RD_ATTR_FLOAT, 10, 0, false },
    { 0 },
};

const struct rd_op rd_op_roialign = {
    .op = "RoiAlign",
    .domain = "",
    .since = 10,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT, RD_T_FLOAT, RD_T_I64 },
    .same = 2,
    .attrs = align_attrs,
    .infer = align_infer,
    .forward = align_forward,
    .backward = align_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = align_scratch,
    .flops = align_flops,
};

/* --- MaxRoiPool: a region is image, x, y, x, y, both ends counting --- */

static rd_status pool_infer(struct rd_op_call *c)
{
    size_t n;
    const int64_t *size = rd_op_ints(c->node, "pooled_shape", &n);
    rd_status st;

    if (n != 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute 'pooled_shape' has %zu entries; 2 are needed", n);
    st = out_size(c, "pooled_shape", size[0]);
    if (!st)
        st = out_size(c, "pooled_shape", size[1]);
    return st ? st : shapes(c, 5, size);
}

/* Pixels first..behind of bin p of n; a region without a finite place has none. */
static void bin_range(
    double from, double to, int64_t p, int64_t n, int64_t size, int64_t *first, int64_t *behind)
{
    const double start = round(from), extent = fmax(round(to) - start + 1, 1);
    const double width = extent / (double)n;
    const double low = floor((double)p * width) + start,
                 high = ceil((double)(p + 1) * width) + start;

    *first = *behind = 0;
    if (!isfinite(low) || !isfinite(high))
        return;
    *first = low > 0 ? (low < (double)size ? (int64_t)low : size) : 0;
    *behind = high > 0 ? (high < (double)size ? (int64_t)high : size) : 0;
}

static rd_status pool(struct rd_op_call *c, double *y, const double *g, double *dx)
{
    const struct rd_tensor *x = c->in[0], *out = c->out[0];
    const size_t plane = (size_t)(x->dim[2] * x->dim[3]), channels = (size_t)x->dim[1];
    const double *wide = rd_op_wide(c, x), *roi = rd_op_wide(c, c->in[1]);
    const double scale = (double)rd_op_float(c->node, "spatial_scale", 1);
    size_t k = 0;

    for (size_t n = 0; n < (size_t)c->in[1]->dim[0]; n++, roi += 5) {
        size_t image;
        rd_status st = batch_of(c, n, roi[0], x->dim[0], &image);

        if (st)
            return st;
        for (size_t ch = 0; ch < channels; ch++)
            for (int64_t p = 0; p < out->dim[2]; p++)
                for (int64_t q = 0; q < out->dim[3]; q++, k++) {
                    const size_t at = (image * channels + ch) * plane;
                    int64_t y0, y1, x0, x1;
                    size_t winner = SIZE_MAX;

                    bin_range(roi[2] * scale, roi[4] * scale, p, out->dim[2], x->dim[2], &y0, &y1);
                    bin_range(roi[1] * scale, roi[3] * scale, q, out->dim[3], x->dim[3], &x0, &x1);
                    for (int64_t i = y0; i < y1; i++)
                        for (int64_t j = x0; j < x1; j++) {
                            const size_t here = at + (size_t)(i * x->dim[3] + j);

                            if (winner == SIZE_MAX || wide[here] > wide[winner])
                                winner = here;
                        }
                    if (y)
                        y[k] = winner == SIZE_MAX ? 0 : wide[winner];
                    else if (winner != SIZE_MAX)
                        dx[winner] += g[k];
                }
    }
    return RD_OK;
}

static rd_status pool_forward(struct rd_op_call *c)
{
    return run(c, pool, false);
}

static rd_status pool_backward(struct rd_op_call *c)
{
    return run(c, pool, true);
}

static size_t pool_scratch(const struct rd_op_call *c)
{
    return 2 * rd_op_wide_size(c->in[0]) + rd_op_wide_size(c->in[1]) + rd_op_wide_size(c->out[0]);
}

/* Neighboring bins overlap by up to a row and a column. */
static double pool_flops(const struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *out = c->out[0];

    return (double)out->dim[0] * (double)out->dim[1] * (double)(x->dim[2] + 2 * out->dim[2]) *
           (double)(x->dim[3] + 2 * out->dim[3]);
}

static const struct rd_op_attr pool_attrs[] = {
    { "pooled_shape", RD_ATTR_INTS, 1, 0, true },
    { "spatial_scale", RD_ATTR_FLOAT, 1, 0, false },
    { 0 },
};

const struct rd_op rd_op_maxroipool = {
    .op = "MaxRoiPool",
    .domain = "",
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .same = 2,
    .attrs = pool_attrs,
    .infer = pool_infer,
    .forward = pool_forward,
    .backward = pool_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = pool_scratch,
    .flops = pool_flops,
};
