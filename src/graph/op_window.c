/* op_window.c - where the windows of Conv, MaxPool and AveragePool lie. */
#include "graph/op.h"

#include <string.h>

/* Sizes above are nonsense; below, no product of two of them overflows. */
enum { LARGEST = INT32_MAX };
static const int64_t LARGEST_IN = (int64_t)1 << 40;

/* One attribute with an entry per spatial axis; absent: `otherwise` everywhere. */
static rd_status sizes(const struct rd_op_call *c, const char *name, int dims, int64_t least,
    int64_t otherwise, int64_t *out)
{
    size_t n;
    const int64_t *v = rd_op_ints(c->node, name, &n);

    if (v && n != (size_t)dims)
        return RD_FAIL(
            c->err, RD_E_INPUT, "attribute '%s' has %zu entries; %d are needed", name, n, dims);
    for (int i = 0; i < dims; i++) {
        out[i] = v ? v[i] : otherwise;
        if (out[i] < least || out[i] > LARGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "attribute '%s' holds %lld, outside %lld..%d", name,
                (long long)out[i], (long long)least, LARGEST);
    }
    return RD_OK;
}

static rd_status attributes(const struct rd_op_call *c, struct rd_window *w)
{
    const struct rd_graph_node *node = c->node;
    int64_t pads[2 * RD_WINDOW_DIMS];
    rd_status st = sizes(c, "strides", w->dims, 1, 1, w->stride);

    if (!st)
        st = sizes(c, "dilations", w->dims, 1, 1, w->dilation);
    if (!st)
        st = sizes(c, "pads", 2 * w->dims, 0, 0, pads);
    if (!st && rd_op_attr(node, "kernel_shape"))
        st = sizes(c, "kernel_shape", w->dims, 1, 1, w->kernel);
    if (st)
        return st;
    memcpy(w->pad, pads, (size_t)w->dims * sizeof(*pads));
    memcpy(w->pad_end, pads + w->dims, (size_t)w->dims * sizeof(*pads));
    w->ceil_mode = rd_op_int(node, "ceil_mode", 0) != 0;
    w->group = rd_op_int(node, "group", 1);
    return RD_OK;
}

/* Conv takes its kernel from the weights; an attribute may only repeat it. */
static rd_status kernel_of_weights(const struct rd_op_call *c, struct rd_window *w)
{
    const struct rd_tensor *x = c->in[0], *k = c->in[1];
    char tx[120], tk[120];
    int64_t wanted;
    const int64_t channels = x->dim[1], m = k->ndim > 0 ? k->dim[0] : 0;

    if (k->ndim != x->ndim)
        return RD_FAIL(c->err, RD_E_INPUT, "kernel %s is %d-D but the input %s is %d-D",
            rd_shape_text(k->dim, k->ndim, tk, sizeof(tk)), k->ndim,
            rd_shape_text(x->dim, x->ndim, tx, sizeof(tx)), x->ndim);
    if (w->group < 1 || w->group > LARGEST)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'group' is %lld", (long long)w->group);
    if (__builtin_mul_overflow(k->dim[1], w->group, &wanted) ||
        (channels != -1 && k->dim[1] != -1 && channels != wanted))
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %lld channels, which kernel %s in %lld groups does not take",
            (long long)channels, rd_shape_text(k->dim, k->ndim, tk, sizeof(tk)),
            (long long)w->group);
    if (m != -1 && (m < 1 || m % w->group))
        return RD_FAIL(c->err, RD_E_INPUT, "%lld output channels do not split into %lld groups",
            (long long)m, (long long)w->group);
    for (int i = 0; i < w->dims; i++) {
        const int64_t d = k->dim[i + 2];

        if (d < 1 || d > LARGEST)
            return RD_FAIL(c->err, RD_E_INPUT, "kernel %s has an impossible dimension",
                rd_shape_text(k->dim, k->ndim, tk, sizeof(tk)));
        if (rd_op_attr(c->node, "kernel_shape") && w->kernel[i] != d)
            return RD_FAIL(c->err, RD_E_INPUT,
                "kernel_shape says %lld where the kernel %s has %lld", (long long)w->kernel[i],
                rd_shape_text(k->dim, k->ndim, tk, sizeof(tk)), (long long)d);
        w->kernel[i] = d;
    }
    return RD_OK;
}

/* Output size of axis i, and pads where auto_pad asks for them. */
static rd_status axis(const struct rd_op_call *c, struct rd_window *w, int i, bool same, bool lower)
{
    const int64_t in = w->in[i], extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t room;

    if (in == -1) {
        w->out[i] = -1;
        return RD_OK;
    }
    if (in > LARGEST_IN)
        return RD_FAIL(c->err, RD_E_INPUT, "an input of size %lld is too large", (long long)in);
    if (same) {
        const int64_t out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t pad = (out - 1) * w->stride[i] + extent - in;

        if (pad < 0)
            pad = 0;
        w->pad[i] = lower ? pad - pad / 2 : pad / 2;
        w->pad_end[i] = pad - w->pad[i];
        w->out[i] = out;
    }
    room = in + w->pad[i] + w->pad_end[i] - extent;
    if (room < 0 || in < 1)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the window spans %lld, more than the %lld of the input with padding",
            (long long)extent, (long long)(in + w->pad[i] + w->pad_end[i]));
    if (!same) {
        w->out[i] = room / w->stride[i] + 1;
        /* One more for the rest, unless that window would begin behind the input. */
        if (w->ceil_mode && room % w->stride[i] && w->out[i] * w->stride[i] < in + w->pad[i])
            w->out[i]++;
    }
    return RD_OK;
}

rd_status rd_op_window(const struct rd_op_call *c, struct rd_window *w)
{
    const struct rd_tensor *x = c->in[0];
    const bool conv = c->node->n_inputs > 1;
    bool same, lower, valid;
    rd_status st;

    *w = (struct rd_window){ .dims = x->ndim - 2 };
    if (w->dims < 1 || w->dims > RD_WINDOW_DIMS)
        return RD_FAIL(c->err, RD_E_INPUT,
            "the input has %d dimensions; batch, channels and 1 to %d spatial ones are supported",
            x->ndim, RD_WINDOW_DIMS);
    memcpy(w->in, x->dim + 2, (size_t)w->dims * sizeof(*w->in));
    same = rd_op_str_is(c->node, "auto_pad", "SAME_UPPER");
    lower = rd_op_str_is(c->node, "auto_pad", "SAME_LOWER");
    valid = rd_op_str_is(c->node, "auto_pad", "VALID");
    if (rd_op_attr(c->node, "auto_pad") && !same && !lower && !valid &&
        !rd_op_str_is(c->node, "auto_pad", "NOTSET") && !rd_op_str_is(c->node, "auto_pad", ""))
        return RD_FAIL(c->err, RD_E_INPUT,
            "attribute 'auto_pad' must be NOTSET, SAME_UPPER, SAME_LOWER or VALID");
    st = attributes(c, w);
    if (!st && conv)
        st = kernel_of_weights(c, w);
    if (st)
        return st;
    if (valid) { /* with auto_pad the pads attribute does not count */
        memset(w->pad, 0, sizeof(w->pad));
        memset(w->pad_end, 0, sizeof(w->pad_end));
        w->ceil_mode = false; /* the standard's formula for VALID rounds down either way */
    }
    for (int i = 0; i < w->dims && !st; i++) {
        const int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;

        st = axis(c, w, i, same || lower, lower);
        if (!st && !conv && (w->pad[i] >= extent || w->pad_end[i] >= extent) && w->in[i] != -1)
            st = RD_FAIL(c->err, RD_E_INPUT,
                "a pad of %lld lets a window that spans %lld lie wholly outside the input",
                (long long)(w->pad[i] >= extent ? w->pad[i] : w->pad_end[i]), (long long)extent);
    }
    return st;
}
