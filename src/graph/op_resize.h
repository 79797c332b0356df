/*
 * op_resize.h - private to op_resize*.c: what a Resize or Upsample node asks for, and where each
 * output place of an axis comes from.
 *
 * Every mode is separable: an output is a weighted sum of a few places along each axis in turn. So
 * an axis is a table (places and weights of each output), made once a call, and rows are moved or
 * mixed by it; nothing is worked out element by element.
 */
#ifndef RD_GRAPH_OP_RESIZE_H
#define RD_GRAPH_OP_RESIZE_H

#include "graph/op.h"

enum rd_resize_mode { RD_RESIZE_NEAREST, RD_RESIZE_LINEAR, RD_RESIZE_CUBIC };
enum rd_resize_where {
    RD_RESIZE_HALF_PIXEL,
    RD_RESIZE_HALF_PIXEL_SYMMETRIC,
    RD_RESIZE_PYTORCH_HALF_PIXEL,
    RD_RESIZE_ALIGN_CORNERS,
    RD_RESIZE_ASYMMETRIC,
    RD_RESIZE_TF_HALF_PIXEL_FOR_NN,
    RD_RESIZE_TF_CROP
};
enum rd_resize_round {
    RD_RESIZE_PREFER_FLOOR,
    RD_RESIZE_PREFER_CEIL,
    RD_RESIZE_FLOOR,
    RD_RESIZE_CEIL,
    RD_RESIZE_SIMPLE /* before opset 11: towards the larger when shrinking, else the smaller */
};

struct rd_resize {
    enum rd_resize_mode mode;
    enum rd_resize_where where;
    enum rd_resize_round round;
    bool antialias, exclude_outside;
    double cubic, extrapolation;
    bool known;     /* sizes: not while they are still to be computed */
    bool from_size; /* scales are quotients of sizes, not float32 numbers of the model */
    bool whole;     /* align_corners measures the output as it is, not scale * input */
    int rank;
    int64_t in[RD_MAX_DIMS], out[RD_MAX_DIMS]; /* -1: not known */
    double scale[RD_MAX_DIMS];                 /* 1: the axis stays as it is */
    double begin[RD_MAX_DIMS], end[RD_MAX_DIMS];
    bool touched[RD_MAX_DIMS]; /* false: output place o of the axis is input place o */
};

/* Of a node; RD_E_INPUT says what is wrong. With c->out set (forward, backward) the sizes come from
 * there where the model's are not at hand. */
rd_status rd_resize_of(const struct rd_op_call *c, struct rd_resize *r);

struct rd_resize_axis {
    int axis;
    size_t in, out, taps;
    size_t *at;       /* (out, taps) places in the input */
    double *w;        /* (out, taps) */
    float *narrow;    /* the same */
    uint8_t *outside; /* (out) set where the value is the extrapolation's; NULL: nowhere */
};

/* Taps of an axis; bytes of its table. */
size_t rd_resize_taps(const struct rd_resize *r, int axis);
size_t rd_resize_table_size(const struct rd_resize *r, int axis);
/* The table in scratch. */
void rd_resize_table(
    struct rd_op_call *c, const struct rd_resize *r, int axis, struct rd_resize_axis *table_out);

/* The axes to work on in the order of the passes, and what one slab (all from the first of them on)
 * measures. */
struct rd_resize_job {
    int n;
    struct rd_resize_axis axis[RD_MAX_DIMS];
    int first; /* the first axis of a slab */
    int rank;
    size_t slabs, slab_in, slab_out, most; /* most: elements of the largest slab on the way */
    size_t in[RD_MAX_DIMS];
};

/* Passes over all slabs; work: 2 * most elements. */
void rd_resize_forward_f32(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const float *x, float *y, float *work);
void rd_resize_backward_f32(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const float *g, float *dx, float *work);
void rd_resize_forward_f64(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const double *x, double *y, double *work);
void rd_resize_backward_f64(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const double *g, double *dx, double *work);

#endif
