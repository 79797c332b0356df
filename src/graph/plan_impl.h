/*
 * plan_impl.h - what plan_build.c makes, plan_step.c runs, and plan.c and train.c drive.
 *
 * A graph becomes a list of steps over slots. A slot is a value in one form: PLAIN (the ONNX order)
 * or PIXELS (NHWC with a halo of zeros, so that convolutions test no bounds). Fast steps fuse what
 * follows them (bias, relu, pool); whatever else the graph holds runs through its operator row.
 * Steps come in segments: those of a per-image segment run image by image, so that what passes
 * between them stays in the second-level cache.
 *
 * All buffers are laid out when the plan is made: each has a first and a last time of use (forward
 * step s is time s, the loss is time S, backward step s is time 2S - s) and those that never live
 * together share memory.
 */
#ifndef RD_GRAPH_PLAN_IMPL_H
#define RD_GRAPH_PLAN_IMPL_H

#include "graph/graph.h"
#include "graph/op.h"
#include "tensor/kernel.h"

enum plan_mode {
    PLAN_INFER,    /* outputs only */
    PLAN_GRADIENT, /* and the gradient with respect to the input */
    PLAN_TRAIN,    /* and with respect to the weights; batch statistics, dropout active */
    PLAN_MODES
};

/* Floats in a context's memory. */
struct plan_buf {
    size_t each; /* floats an example, or in all when fixed; 0: not used */
    bool fixed;  /* scratch: one, however many examples */
    bool local;  /* of a per-image segment: one example at a time */
    bool used;
    int from, to;  /* times */
    int segment;   /* of all uses; -1 none yet, -2 several */
    size_t offset; /* floats */
};

enum plan_form { PLAN_PLAIN, PLAN_PIXELS };

struct plan_slot {
    int value; /* of the graph; the first of a chain of views */
    enum plan_form form;
    size_t c, h, w;                  /* PIXELS */
    size_t top, left, bottom, right; /* halo */
    size_t count; /* floats an example without the halo; gradients have no halo */
    int producer; /* step; -1: the input */
    bool is_output;
    bool compact; /* PIXELS that never get a halo */
    bool wants_grad;
    bool grad_written; /* while the plan is made: somebody has set the gradient */
    int grad_of; /* its gradient lies in this slot's, whose is not needed any more; -1: none */
    struct plan_buf data, grad;
};

enum plan_kind {
    PLAN_CONV,      /* + bias, relu, max-pool */
    PLAN_DENSE,     /* + bias, relu */
    PLAN_POOL,      /* max */
    PLAN_TO_PIXELS, /* changes of form */
    PLAN_TO_PLAIN,
    PLAN_NODE,      /* by the operator row */
    PLAN_ADD,       /* of two PIXELS, + relu */
    PLAN_SCALE,     /* PIXELS: times a number and plus a number for each channel */
    PLAN_PICK,      /* of PIXELS some, with zeros around: plan_pick.c */
    PLAN_MEAN,      /* over the pixels of each channel: PIXELS to PLAIN */
    PLAN_DROPOUT,   /* training only */
    PLAN_MOMENTS,   /* training only: sums of BATCHNORM, the step behind it; see plan_norm.c */
    PLAN_BATCHNORM, /* + relu */
};

/* y = scale * x + shift, a number of each for each channel. */
struct plan_affine {
    float *scale, *shift; /* one after the other, each of c */
    size_t c;
};

/* A packed copy of a weight; made again when the weight has changed. */
struct plan_pack {
    enum plan_pack_kind {
        PACK_CONV,         /* rows (ky, kx, c), columns o */
        PACK_CONV_FLIPPED, /* rows (ky, kx, o) flipped, columns c */
        PACK_CONV_COLUMNS, /* rows o, columns (ky, kx, c) */
        PACK_CONV_NARROW,  /* flipped, for rd_kernels.narrow: spans ky, rows c, floats (kx, o) */
        PACK_PHASES,       /* plan_phase.c */
        PACK_PHASES_NARROW,
        PACK_DEPTH, /* a channel each: taps, channels */
        PACK_DEPTH_PHASES,
        PACK_DENSE,      /* rows input (pixel order when c > 0), columns unit */
        PACK_DENSE_BACK, /* rows unit, columns input */
        PACK_BIAS,
        PACK_SHIFT /* affine.shift alone, where there is no bias */
    } kind;
    int value;
    size_t k, n;               /* rows and columns of the packed matrix */
    size_t c, taps, o;         /* of the convolution; DENSE: c channels of taps pixels, 0: plain */
    size_t kw;                 /* CONV_NARROW, PHASES: taps of a row */
    size_t stride_h, stride_w; /* PHASES */
    bool transposed;           /* DENSE: the weight is stored (unit, input) */
    const struct plan_affine *affine; /* of CONV's o channels, folded in; NULL: none */
    float *packed;                    /* NULL: not yet (late) */
    bool filled;
    bool late; /* DENSE and large, of a plan that answers: packed when it pays */
    struct plan_pack *next;
};

struct plan_step {
    enum plan_kind kind;
    int node; /* for messages: the first of those fused */
    int in, out;
    int in2;                          /* ADD, CONV: the other summand, before relu */
    const struct plan_affine *affine; /* SCALE */
    const struct plan_pick *pick;     /* PICK */
    bool back_data2, add2;            /* back_data and add of in2 */
    int segment;
    bool back;      /* runs in the backward pass */
    bool back_data; /* and gives the gradient of in */
    bool add;       /* onto what another step has written there */
    int weight, bias,
        bias_value; /* graph values, -1: none (bias_value is bias's, kept for training) */
    bool relu, pool, save_index;
    float top; /* CONV: what relu gives at most; 0: no bound */

    /* CONV: window; CONV and POOL: pool */
    size_t oh, ow; /* of the convolution */
    size_t kh, kw, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    size_t pool_kh, pool_kw, pool_stride_h, pool_stride_w, pool_top, pool_left;
    bool flipped; /* gradient by the flipped kernel, else by columns */
    bool depth;   /* CONV: of each channel by itself */
    bool phases;  /* flipped, each phase of the strides by itself */
    bool narrow;  /* flipped, to so few channels that lanes go along the sum */
    size_t dy_top, dy_left, dy_bottom, dy_right; /* halo of dy */
    struct plan_pack *forward_pack, *back_pack, *bias_pack;
    struct plan_buf index; /* bytes, counted in floats */
    struct plan_buf dy;    /* gradient before relu and pool, haloed; DENSE: before relu */
    struct plan_buf scratch, back_scratch;
    /* lines of the image for which the kernel goes through the weights once, forward and back */
    size_t lines, back_lines;
    size_t dy_band;  /* rows of dy, halo included, that are kept: all, or what the cache likes */
    bool dy_in_rows; /* dy holds the convolution rows of one pool row only, made and used at once */
    bool dy_is_grad; /* nothing to undo: dy is the gradient of out itself */
    bool early;      /* TRAIN: the gradient of the weight is summed on the way back, into dw */
    struct plan_buf dw; /* (k, n) of the forward pack, then n of the bias */

    /* NODE */
    bool pixels; /* on images in pixels, one example at a time: plan_points.c */
    int n_in, n_out;
    int *in_slot, *out_slot; /* -1: weight or left out */
    bool *in_add, *in_back;  /* per input: gradient added to others', wanted */
    struct plan_buf saved, node_scratch, node_back_scratch;
    struct plan_buf *weight_grad; /* TRAIN: per input, fixed */
    /* BATCHNORM, DROPOUT */
    struct plan_buf mask; /* DROPOUT: bytes as floats' space */
    float ratio, epsilon, momentum;
    int scale_value, mean_value, var_value;
    size_t channels, inner;
    double *stat; /* BATCHNORM: mean, 1 / sqrt(var + eps), a channel each */
    float *norm;  /* mean, scale, shift, slope, level, a channel each: of rd_norm */
};

struct plan_segment {
    int first, end;
    bool per_image;
};

/* Everything about one (graph, mode). Immutable but for packs (training) and BATCHNORM's stat. */
struct plan_code {
    const struct rd_graph *graph;
    const struct rd_kernels *kernels;
    enum plan_mode mode;
    struct plan_slot *slot;
    int n_slots, cap_slots;
    struct plan_step *step;
    int n_steps, cap_steps;
    struct plan_segment *segment;
    int n_segments;
    int input, output; /* slots */
    size_t inputs, outputs;
    size_t rows;                      /* examples a context holds */
    size_t floats;                    /* of a context */
    double work;                      /* multiplications and additions of one example, forward */
    struct plan_pack **packs;         /* head of the net's list of packed weights */
    const struct rd_tensor **aligned; /* per value: a weight that can be computed with, or NULL */
    uint64_t seed;                    /* of dropout */
};

/* Tensors handed to a row: made once a context, only data and the batch dim change. */
struct plan_call {
    struct rd_tensor *in, *out, *din, *dout;
    const struct rd_tensor **in_at, **dout_at;
    struct rd_tensor **out_at, **din_at;
};

/* Where one chunk lives. */
struct plan_context {
    float *mem;
    size_t n;
    const float *x;          /* (n, inputs) */
    float *dx;               /* (n, inputs) or NULL */
    const float *cotangent;  /* of output (n, outputs); NULL: in the slot's own gradient */
    const uint64_t *example; /* n keys of dropout's streams */
    struct rd_error *err;
    struct plan_call *call; /* one a step: tensors handed to operator rows */
};

/* What a plan may cost; beyond that RD_E_LIMIT. A model file must not name its own price. */
struct plan_limits {
    size_t rows;   /* examples of a context; 0: chosen by cache size */
    size_t floats; /* of a context */
    double work;   /* of one example */
    bool logits;   /* a Softmax at the end is left out; training always does so */
};
/* RD_OK with *code_out NULL: the graph holds something a plan cannot do. */
rd_status plan_build(const struct rd_graph *graph, const struct rd_kernels *kernels,
    enum plan_mode mode, const struct plan_limits *limits, const struct rd_tensor **aligned,
    struct plan_pack **packs, struct rd_arena *arena, struct plan_code **code_out,
    struct rd_error *err);
/* plan_layout.c: segments, times, offsets. RD_E_LIMIT, RD_E_MEMORY: nothing said yet. */
rd_status plan_layout(
    struct plan_code *code, const struct plan_limits *limits, struct rd_arena *arena);
/* What training may change at this input of a node (its graph value must be a weight). */
bool plan_trainable(const struct rd_graph *graph, const struct rd_graph_node *node, int input);

/* plan_pack.c: a packed weight, shared by all steps that want it; NULL: memory. What it is packed
 * into comes with plan_packs_room. */
struct plan_pack *plan_pack_get(const struct rd_kernels *kernels, const struct plan_pack *want,
    struct plan_pack **list, struct rd_arena *arena);
/* Memory for those of the list that have none, of late ones when asked; false: none left. */
bool plan_packs_room(
    const struct rd_kernels *kernels, struct plan_pack *list, bool late, struct rd_arena *arena);
/* kernels->rows of q with the matrix of a late pack that is not filled: the same bits. */
void plan_rows_unpacked(const struct rd_kernels *kernels, const struct plan_pack *p,
    const struct rd_tensor *weight, const struct rd_rows *q);
/* weight may stand at any byte. */
void plan_pack_fill(
    const struct rd_kernels *kernels, struct plan_pack *p, const struct rd_tensor *weight);

/* plan_step.c */
rd_status plan_context_init(const struct plan_code *code, struct rd_arena *arena,
    struct plan_context *ctx, struct rd_error *err);
/* Steps first <= s < end on ctx->n examples; backward goes from end - 1 down. */
rd_status plan_forward(const struct plan_code *code, struct plan_context *ctx, int first, int end);
rd_status plan_backward(const struct plan_code *code, struct plan_context *ctx, int first, int end);
float *plan_data(const struct plan_code *code, const struct plan_context *ctx, int slot, size_t i);
float *plan_grad(const struct plan_code *code, const struct plan_context *ctx, int slot, size_t i);
float *plan_buf_at(const struct plan_context *ctx, const struct plan_buf *buf, size_t i);
/* A convolution whose pool the kernel does itself: rd_kernels.pooled. */
bool plan_pools_in_registers(const struct plan_code *code, const struct plan_step *s);
size_t plan_slot_row(const struct plan_slot *slot); /* floats from pixel row to pixel row */
/* From slot data of an example to its first pixel inside the halo. */
size_t plan_slot_inside(const struct plan_slot *slot);
const struct rd_tensor *plan_weight(const struct plan_code *code, int value);
/* Zeros around the pixels of an example at p. */
void plan_zero_halo(const struct plan_slot *slot, float *p);
/* plan_conv.c: one example of a step. */
void plan_conv_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_conv_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* plan_weight.c: gradients of a convolution's weights. Is the kernel small enough to go early? */
bool plan_weight_early(const struct plan_code *code, const struct plan_step *s);
/* Is the gradient made in the order of the weight? */
bool plan_weight_direct(const struct plan_step *s);
/* Of example i: the gradient of the convolution's output, its rows *row floats apart; the pixel
 * (padding counted) that its first output reads first. */
const float *plan_conv_dy(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, size_t *row);
const float *plan_conv_x(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* dw += the gradient; q: x and dy, or images of them, dy_y, taps. */
void plan_conv_outer(
    const struct plan_code *code, const struct plan_step *s, struct rd_outer q, float *dw);
void plan_conv_bias(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, float *db);
void plan_conv_early(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* plan_norm.c: one example of MOMENTS or BATCHNORM. The sums of a context: doubles in BATCHNORM's
 * `saved`, 2 * channels of each way. */
enum { PLAN_NORM_FLOATS = 5 };
void plan_moments_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_moments_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_norm_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_norm_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/*
 * plan_phase.c: gradients of convolutions with strides, kernels without dilation. dy has a halo as
 * plan_phase_halo says; plan_phase_reach lines of it make a line of dx.
 */
size_t plan_phase_reach(size_t k, size_t stride);
void plan_phase_halo(
    size_t in, size_t out, size_t k, size_t stride, size_t pad, size_t *before, size_t *after);
void plan_phase_fill(const struct rd_kernels *kernels, struct plan_pack *p, const char *w);
/* Lines y .. end of dx from the lines of dy from (y + pad) / stride - (reach - 1) on. */
void plan_phases(const struct plan_code *code, const struct plan_step *s, const float *dy,
    size_t dy_row, float *dx, size_t y, size_t end);
/* plan_pick.c: one example of a step. */
void plan_pick_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_pick_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* plan_pixels.c: one example of a step. */
void plan_add_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* Relu undone in the gradient of out, which goes to in2: the sum behind a convolution. */
void plan_sum_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_add_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_scale_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_scale_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_mean_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
void plan_mean_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i);
/* plan_node.c: the steps that go through operator rows. */
/* On n examples from the first-th on. */
rd_status plan_node_forward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t first, size_t n);
rd_status plan_node_backward(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t first, size_t n);
rd_status plan_node_init(const struct plan_code *code, struct rd_arena *arena,
    struct plan_context *ctx, int step, struct rd_error *err);
/* Sizes of scratch and saved of a NODE step with `rows` examples, into its buffers. */
/* RD_E_LIMIT, RD_E_MEMORY: nothing said yet. */
rd_status plan_node_measure(struct plan_code *code, int step, size_t rows, struct rd_arena *arena);

/* Cross-entropy of rows of logits with label or soft (rows summing to 1), in float64. grad, loss,
 * hit: may be NULL. */
struct plan_loss {
    const float *logits;
    const int *label;  /* (n) or NULL */
    const float *soft; /* (n, classes) */
    size_t n, classes;
    float *grad; /* times scale */
    double scale;
    double *loss; /* (n) */
    bool *hit;    /* argmax is the label's (or the largest soft target's) */
};
void plan_cross_entropy(const struct plan_loss *l);

#endif
