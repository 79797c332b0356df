/*
 * op_conv.h - private to op_conv*.c: what Conv and ConvTranspose share. ConvTranspose is Conv's
 * derivative with respect to its input, so the same loops with the roles of x and y exchanged.
 */
#ifndef RD_GRAPH_OP_CONV_H
#define RD_GRAPH_OP_CONV_H

#include "graph/op.h"
#include "tensor/kernel.h"

/* The window with its missing leading axes filled in by ones. x (n, c, in), y (n, m, out). */
struct rd_convolution {
    size_t n, c, m, group;
    int64_t in[RD_WINDOW_DIMS], out[RD_WINDOW_DIMS], kernel[RD_WINDOW_DIMS], stride[RD_WINDOW_DIMS];
    int64_t dilation[RD_WINDOW_DIMS], pad[RD_WINDOW_DIMS];
};

enum rd_conv_job { RD_CONV_FORWARD, RD_CONV_BACK_DATA, RD_CONV_BACK_WEIGHT };

/* The reference, float64: y += w * x; or x += from y; or w += from y and x. */
void rd_conv_reference(
    const struct rd_convolution *v, enum rd_conv_job job, double *y, double *x, double *w);

/*
 * float32 by the kernels: over one or two axes by rd_conv_forward and its gradients, over three by
 * matrix products on columns, one plane of outputs at a time. y, x or w, whichever the job makes,
 * is overwritten; bias (m, forward only) and db (m, of the weights only) may be NULL.
 */
size_t rd_conv_fast_scratch(const struct rd_kernels *kernels, const struct rd_convolution *v);
void rd_conv_fast(const struct rd_kernels *kernels, const struct rd_convolution *v,
    enum rd_conv_job job, float *y, float *x, float *w, const float *bias, float *db,
    float *scratch);
/* Does the call go that way? */
bool rd_conv_is_fast(const struct rd_op_call *c, const struct rd_convolution *v);

/* In scratch: a copy in float64 that may be written; zeros of t's count. */
double *rd_conv_wide(struct rd_op_call *c, const struct rd_tensor *t);
double *rd_conv_zeros(struct rd_op_call *c, const struct rd_tensor *t);
/* Adds n values onto a float32 tensor. */
void rd_conv_add(struct rd_tensor *t, const float *v);
/* n floats of scratch, rounded up to 64 bytes. */
static inline size_t rd_conv_floats(size_t n)
{
    return (n * sizeof(float) + 63) / 64 * 64;
}
/* per_example of both */
bool rd_conv_rows(const struct rd_op_call *c, const bool *batched);

#endif
