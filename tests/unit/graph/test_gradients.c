/*
 * Every differentiable operator against central differences in float64, its corner options
 * included; and float32, by the reference loops and by each kernel table, against float64.
 *
 * Tolerance: with step h = 1e-5 the truncation is h^2 f'''/6 (about 1e-10 here) and the rounding
 * 1e-16 / h = 1e-11, both times the number of terms (at most a few hundred) of size about 1: 1e-6
 * is far above, and far below any slip.
 */
#include "support.h"

#include "base/rng.h"
#include "graph/op.h"
#include "tensor/kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 8, OUTPUTS = 4, ATTRS = 8, VALUES = 4096, SCRATCH = 1 << 20 };

struct example {
    const char *op;
    int opset;
    const char *shapes; /* "2,3 3 -" : one an input, "-" left out, "()" a scalar */
    const char *attrs;  /* "axis=1 pads=0,1" */
    int outputs;
    double low, high;   /* range of the values; both 0: -1..1 */
    const char *values; /* "1:0,-1;2:3": input 1 is int64 and holds these, ...; "0b:1,0": bool;
                           "0i:": int32; "0f:": float32 and "0r:": the type of the
                           others, which stay as they are */
};

/* clang-format off */
#define EX(o, v, s, a, n, ...) { .op = o, .opset = v, .shapes = s, .attrs = a, .outputs = n, ##__VA_ARGS__ }
static const struct example examples[] = {
    EX("Add", 13, "2,3,4 2,3,4", "", 1),
    EX("Add", 13, "2,3,4 4", "", 1),
    EX("Add", 13, "4 2,3,4", "", 1),
    EX("Add", 13, "2,1,4 3,1", "", 1),
    EX("Add", 13, "() 3,2", "", 1),
    EX("Add", 6, "2,3,4 3", "broadcast=1 axis=1", 1),
    EX("Sub", 13, "2,3 1,3", "", 1),
    EX("Sub", 13, "3 2,3", "", 1),
    EX("Mul", 13, "2,3,4 1,3,1", "", 1),
    EX("Mul", 13, "1,4 3,1", "", 1),
    EX("Div", 13, "2,3,4 3,4", "", 1, .low = 0.5, .high = 2),
    EX("Div", 13, "4 2,1", "", 1, .low = 0.5, .high = 2),
    EX("Relu", 13, "3,5", "", 1),
    EX("Sigmoid", 13, "3,5", "", 1, .low = -6, .high = 6),
    EX("Tanh", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Clip", 13, "3,5 () ()", "", 1),
    EX("Clip", 13, "3,5 ()", "", 1),
    EX("Clip", 13, "3,5 - ()", "", 1),
    EX("Clip", 6, "3,5", "min=-0.3 max=0.4", 1),
    EX("Softmax", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Softmax", 13, "2,3,4", "axis=1", 1, .low = -3, .high = 3),
    EX("Softmax", 13, "2,3,4", "axis=-3", 1, .low = -3, .high = 3),
    EX("Softmax", 11, "2,3,4", "axis=1", 1, .low = -3, .high = 3),
    EX("Softmax", 11, "2,3,4", "axis=2", 1, .low = -3, .high = 3),
    EX("MatMul", 13, "3,4 4,2", "", 1),
    EX("MatMul", 13, "4 4", "", 1),
    EX("MatMul", 13, "4 4,3", "", 1),
    EX("MatMul", 13, "2,3,4 4", "", 1),
    EX("MatMul", 13, "2,3,4 4,5", "", 1),
    EX("MatMul", 13, "2,1,3,4 3,4,2", "", 1),
    EX("MatMul", 13, "3,4 2,4,2", "", 1),
    EX("Gemm", 13, "3,4 4,2", "", 1),
    EX("Gemm", 13, "3,4 4,2 2", "", 1),
    EX("Gemm", 13, "3,4 2,4 2", "transB=1", 1),
    EX("Gemm", 13, "4,3 4,2 3,1", "transA=1 alpha=0.5 beta=2", 1),
    EX("Gemm", 13, "4,3 2,4 ()", "transA=1 transB=1", 1),
    EX("Gemm", 13, "3,4 4,2 1,2", "alpha=-1.5", 1),
    EX("Conv", 13, "2,3,7 4,3,3 4", "strides=2", 1),
    EX("Conv", 13, "2,3,6,5 4,3,3,3 4", "pads=1,1,1,1", 1),
    EX("Conv", 13, "2,3,6,5 4,3,3,2", "pads=1,0,2,1 strides=2,1", 1),
    EX("Conv", 13, "1,4,7,7 6,2,3,3 6", "group=2 dilations=2,1", 1),
    EX("Conv", 13, "2,3,6,6 3,1,3,3 3", "group=3 auto_pad=SAME_UPPER strides=2,2", 1),
    EX("Conv", 13, "1,2,5,5 3,2,2,2", "auto_pad=SAME_LOWER", 1),
    EX("Conv", 13, "1,2,5,5 3,2,4,2", "auto_pad=VALID", 1),
    EX("Conv", 13, "1,2,5,5 3,2,1,1 3", "strides=3,2", 1),
    EX("Conv", 13, "1,2,4,5,3 2,2,2,3,2 2", "pads=1,1,0,0,1,1 strides=1,2,1", 1),
    EX("ConvTranspose", 13, "2,3,5 3,2,3 2", "strides=2 output_padding=1 pads=1,0", 1),
    EX("ConvTranspose", 11, "1,4,3,4 4,2,3,2 4", "group=2 dilations=2,1 pads=1,0,0,1", 1),
    EX("ConvTranspose", 22, "2,2,3,3 2,3,3,3", "auto_pad=SAME_UPPER strides=2,2", 1),
    EX("ConvTranspose", 1, "1,2,3,3 2,2,3,3 2", "output_shape=8,7 strides=2,2", 1),
    EX("ConvTranspose", 13, "1,2,2,3,2 2,2,2,3,2 2", "strides=1,2,1 pads=1,1,0,0,1,1", 1),
    EX("MaxPool", 13, "2,3,9", "kernel_shape=3 strides=2", 1),
    EX("MaxPool", 13, "2,2,6,6", "kernel_shape=2,2 strides=2,2", 2),
    EX("MaxPool", 13, "1,2,7,6", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 ceil_mode=1", 1),
    EX("MaxPool", 13, "1,2,7,7", "kernel_shape=3,2 dilations=2,3", 1),
    EX("MaxPool", 13, "1,2,7,6", "kernel_shape=3,3 strides=2,2 auto_pad=SAME_LOWER", 1),
    EX("MaxPool", 13, "1,2,4,4,4", "kernel_shape=2,2,2 strides=2,1,2", 1),
    EX("AveragePool", 13, "2,3,9", "kernel_shape=3 strides=2", 1),
    EX("AveragePool", 13, "1,2,7,6", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1", 1),
    EX("AveragePool", 13, "1,2,7,6", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 count_include_pad=1", 1),
    EX("AveragePool", 13, "1,2,7,6", "kernel_shape=3,3 strides=2,2 ceil_mode=1 count_include_pad=1", 1),
    EX("AveragePool", 19, "1,2,8,7", "kernel_shape=3,2 dilations=2,2", 1),
    EX("AveragePool", 13, "1,1,4,4,4", "kernel_shape=2,2,2", 1),
    EX("GlobalAveragePool", 13, "2,3,4,5", "", 1),
    EX("BatchNormalization", 13, "3,4,5 4 4 4 4", "", 1, .low = 0.5, .high = 2),
    EX("BatchNormalization", 13, "3,4 4 4 4 4", "epsilon=0.01", 1, .low = 0.5, .high = 2),
    EX("BatchNormalization", 15, "3,2,3,2 2 2 2 2", "training_mode=1", 3, .low = 0.5, .high = 2),
    EX("Resize", 19, "1,2,3,4 - 4", "mode=linear", 1, .values = "2f:1,1,2,1.7"),
    EX("Resize", 13, "1,2,5,4 - - 4", "mode=linear coordinate_transformation_mode=align_corners", 1, .values = "3:1,2,3,7"),
    EX("Resize", 11, "1,1,4,5 - 4", "mode=cubic exclude_outside=1 cubic_coeff_a=-0.5", 1, .values = "2f:1,1,0.8,1.5"),
    EX("Resize", 11, "2,3,4 - 3", "mode=cubic coordinate_transformation_mode=asymmetric", 1, .values = "2f:1,2,1.5"),
    EX("Resize", 18, "1,2,6,7 - - 2", "mode=linear antialias=1 axes=3,2", 1, .values = "3:3,2"),
    EX("Resize", 18, "1,6,7,2 - - 2", "mode=cubic antialias=1 exclude_outside=1 axes=1,2", 1, .values = "3:2,3"),
    EX("Resize", 13, "1,2,3,5 - 4", "", 1, .values = "2f:1,1,2,0.6"),
    EX("Resize", 13, "3,4,2 - - 3", "nearest_mode=ceil coordinate_transformation_mode=pytorch_half_pixel", 1, .values = "3:2,5,3"),
    EX("Resize", 13, "1,1,4,4 8 - 4", "mode=linear coordinate_transformation_mode=tf_crop_and_resize", 1, .values = "1f:0,0,0.4,-0.2,1,1,0.6,0.7;3:1,1,3,4"),
    EX("Resize", 19, "1,1,4,5 - 4", "mode=linear coordinate_transformation_mode=half_pixel_symmetric", 1, .values = "2f:1,1,0.6,1.3"),
    EX("Resize", 19, "2,4,6 - - 2", "mode=linear axes=1,2 keep_aspect_ratio_policy=not_larger", 1, .values = "3:3,3"),
    EX("Resize", 13, "2,3,4 - - 3", "mode=linear", 1, .values = "3:2,3,4"),
    EX("Resize", 10, "1,2,3,4 4", "mode=linear", 1, .values = "1f:1,1,2,0.5"),
    EX("Resize", 10, "1,2,3,4 4", "", 1, .values = "1f:1,1,2,0.6"),
    EX("Upsample", 9, "1,2,3,2 4", "mode=linear", 1, .values = "1f:1,1,2,3"),
    EX("GridSample", 16, "2,2,4,3 2,3,2,2", "", 1, .low = -1.4, .high = 1.4),
    EX("GridSample", 16, "1,2,4,3 1,3,5,2", "mode=bicubic padding_mode=reflection", 1, .low = -1.8, .high = 1.8),
    EX("GridSample", 20, "1,2,4,3 1,3,2,2", "mode=cubic padding_mode=border align_corners=1", 1, .low = -1.4, .high = 1.4),
    EX("GridSample", 20, "1,2,4,3 1,3,2,2", "mode=nearest padding_mode=reflection align_corners=1", 1, .low = -1.8, .high = 1.8),
    EX("GridSample", 20, "1,2,3,4,3 1,2,1,2,3", "padding_mode=border", 1, .low = -1.4, .high = 1.4),
    EX("GridSample", 20, "1,2,5 1,4,1", "mode=cubic", 1, .low = -1.4, .high = 1.4),
    EX("RoiAlign", 16, "2,2,6,5 3,4 3", "output_height=2 output_width=3 spatial_scale=0.5", 1, .values = "1r:0,1,7,9,3,-2,8,5,1.3,2.2,2.9,11.5;2:1,0,1"),
    EX("RoiAlign", 10, "1,2,6,5 2,4 2", "output_height=2 output_width=2 sampling_ratio=2", 1, .values = "1r:0,1,3.3,4.2,3.5,2,3.9,2.1;2:0,0"),
    EX("RoiAlign", 22, "1,2,6,5 2,4 2", "output_height=2 output_width=2 mode=max coordinate_transformation_mode=output_half_pixel", 1, .values = "1r:0,1,3.3,4.2,-3.5,-2,1.9,2.1;2:0,0"),
    EX("MaxRoiPool", 13, "2,2,6,5 2,5", "pooled_shape=2,3 spatial_scale=0.5", 1, .values = "1r:1,0,1,7,9,0,3,-2,8,5"),
    EX("DeformConv", 19, "2,2,4,4 3,2,2,2 2,8,3,3 3 2,4,3,3", "", 1, .low = -1.1, .high = 1.1),
    EX("DeformConv", 22, "1,4,4,3 2,2,3,3 1,36,2,2", "group=2 offset_group=2 pads=1,1,1,1 strides=2,2", 1, .low = -1.1, .high = 1.1),
    EX("DeformConv", 19, "1,2,5,5 2,1,2,3 1,12,3,3 - 1,6,3,3", "group=2 dilations=2,1", 1, .low = -1.1, .high = 1.1),
    EX("DeformConv", 19, "1,2,2,3,2 2,2,2,1,2 1,12,1,3,1", "", 1, .low = -1.1, .high = 1.1),
    EX("AffineGrid", 20, "2,2,3 4", "", 1, .values = "1:2,3,3,4"),
    EX("AffineGrid", 20, "1,3,4 5", "align_corners=1", 1, .values = "1:1,2,2,3,1"),
    EX("Flatten", 13, "2,3,4", "axis=2", 1),
    EX("Reshape", 13, "2,3,4 2", "", 1, .values = "1:6,-1"),
    EX("Identity", 13, "2,3", "", 1),
    EX("Dropout", 13, "2,3", "", 2),
    EX("Pad", 13, "2,3,4 6", "", 1, .values = "1:0,1,2,0,0,3"),
    EX("Pad", 13, "2,3,4 6 ()", "", 1, .values = "1:0,1,2,0,0,3"),
    EX("Pad", 19, "2,3 2 () 1", "", 1, .values = "1:1,-2;3:-1"),
    EX("Pad", 13, "3,4 4", "mode=reflect", 1, .values = "1:2,3,1,2"),
    EX("Pad", 13, "3,4 4", "mode=edge", 1, .values = "1:0,2,3,-1"),
    EX("Pad", 10, "2,3", "pads=1,0,-1,2 value=0.5", 1),
    EX("Transpose", 13, "2,3,4", "", 1),
    EX("Transpose", 13, "2,3,4,2", "perm=2,0,3,1", 1),
    EX("Sqrt", 13, "3,5", "", 1, .low = 0.3, .high = 3),
    EX("Exp", 13, "3,5", "", 1, .low = -2, .high = 2),
    EX("Log", 13, "3,5", "", 1, .low = 0.3, .high = 3),
    EX("Erf", 13, "3,5", "", 1, .low = -2, .high = 2),
    EX("Neg", 13, "3,5", "", 1),
    EX("Abs", 13, "3,5", "", 1),
    EX("Sign", 13, "3,5", "", 1),
    EX("Mod", 13, "2,5 5", "fmod=1", 1, .low = 0.35, .high = 1.9),
    EX("Mod", 13, "2,5 2,1", "fmod=0", 1, .low = -1.9, .high = -0.35),
    EX("Floor", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Ceil", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Round", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Reciprocal", 13, "3,5", "", 1, .low = 0.5, .high = 2),
    EX("Sin", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Cos", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Softplus", 13, "3,5", "", 1, .low = -30, .high = 30),
    EX("Softsign", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("HardSwish", 14, "3,7", "", 1, .low = -5, .high = 5),
    EX("Mish", 18, "3,5", "", 1, .low = -3, .high = 3),
    EX("Swish", 24, "3,5", "alpha=1.5", 1, .low = -3, .high = 3),
    EX("LeakyRelu", 13, "3,5", "", 1),
    EX("LeakyRelu", 13, "3,5", "alpha=0.3", 1),
    EX("ThresholdedRelu", 13, "3,5", "alpha=0.2", 1),
    EX("Elu", 13, "3,5", "alpha=0.7", 1, .low = -3, .high = 3),
    EX("Celu", 13, "3,5", "alpha=0.7", 1, .low = -3, .high = 3),
    EX("Selu", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Selu", 5, "3,5", "gamma=2", 1, .low = -3, .high = 3),
    EX("HardSigmoid", 13, "3,7", "", 1, .low = -4, .high = 4),
    EX("HardSigmoid", 13, "3,5", "alpha=0.5 beta=0.3", 1, .low = -2, .high = 2),
    EX("Gelu", 20, "3,5", "", 1, .low = -3, .high = 3),
    EX("Gelu", 20, "3,5", "approximate=tanh", 1, .low = -3, .high = 3),
    EX("Where", 16, "2,3 2,3 2,3", "", 1, .values = "0b:1,0,0,1,1,0"),
    EX("Where", 16, "3 2,1 2,1,3", "", 1, .values = "0b:1,0,1"),
    EX("Where", 16, "2,1 () 3", "", 1, .values = "0b:0,1"),
    EX("Max", 13, "2,3 3 ()", "", 1),
    EX("Min", 13, "2,3 2,1", "", 1),
    EX("Max", 13, "4,9 ()", "", 1),
    EX("Max", 7, "2,3 2,3", "", 1),
    EX("Sum", 13, "2,3 3 2,1 ()", "", 1),
    EX("Mean", 13, "2,3 3 1,1", "", 1),
    EX("Mean", 13, "3", "", 1),
    EX("Pow", 15, "2,3 3", "", 1, .low = 0.5, .high = 2),
    EX("Pow", 15, "3 2,1", "", 1, .low = 0.5, .high = 2),
    EX("Pow", 15, "2,3 1", "", 1, .values = "1:3"),
    EX("Pow", 6, "2,3,4 3", "broadcast=1 axis=1", 1, .low = 0.5, .high = 2),
    EX("PRelu", 16, "2,3,4 3,1", "", 1),
    EX("PRelu", 16, "2,3 2,3", "", 1),
    EX("PRelu", 6, "2,3,4 3", "", 1),
    EX("PRelu", 6, "2,3,4 1", "", 1),
    EX("Gather", 13, "4,3 2,3", "", 1, .values = "1:0,-1,0,2,2,-4"),
    EX("Gather", 13, "2,4,3 3", "axis=-2", 1, .values = "1:3,3,-2"),
    EX("Gather", 13, "2,4 ()", "axis=1", 1, .values = "1:-1"),
    EX("Concat", 13, "2,3 2,1 2,4", "axis=-1", 1),
    EX("Concat", 13, "2,3 1,3", "axis=0", 1),
    EX("Concat", 3, "2,3,2 2,1,2", "", 1),
    EX("Split", 18, "2,5", "axis=-1 num_outputs=3", 3),
    EX("Split", 13, "4,3 2", "", 2, .values = "1:1,3"),
    EX("Split", 11, "2,6", "axis=1 split=4,0,2", 3),
    EX("Slice", 13, "4,5 2 2 2 2", "", 1, .values = "1:1,-1;2:4,0;3:0,-1;4:2,-2"),
    EX("Slice", 13, "4,5 1 1", "", 1, .values = "1:-3;2:100"),
    EX("Slice", 9, "4,5", "starts=1,1 ends=3,-1 axes=1,0", 1),
    EX("Squeeze", 13, "1,3,1 1", "", 1, .values = "1:-1"),
    EX("Squeeze", 11, "1,3,1", "", 1),
    EX("Unsqueeze", 13, "2,3 2", "", 1, .values = "1:0,-1"),
    EX("Unsqueeze", 11, "2,3", "axes=1,3", 1),
    EX("Expand", 13, "3,1 3", "", 1, .values = "1:2,3,4"),
    EX("Expand", 13, "2,3,4 2", "", 1, .values = "1:3,1"),
    EX("Tile", 13, "2,3 2", "", 1, .values = "1:2,3"),
    EX("Tile", 13, "2,2,3 3", "", 1, .values = "1:3,1,2"),
    EX("Pad", 19, "2,3 2 - 1", "mode=wrap", 1, .values = "1:1,2;3:-1"),
    EX("Cast", 13, "2,3", "to=11", 1),
    EX("CastLike", 15, "2,3 1", "", 1),
    EX("ReduceSum", 13, "2,3,4 1", "", 1, .values = "1:-2"),
    EX("ReduceSum", 11, "2,3,4", "axes=0,-1 keepdims=0", 1),
    EX("ReduceSum", 13, "2,3", "noop_with_empty_axes=1", 1),
    EX("ReduceMean", 18, "2,3,4 2", "keepdims=0", 1, .values = "1:-1,0"),
    EX("ReduceMean", 13, "2,3,4", "", 1),
    EX("ReduceMax", 13, "2,3,4", "axes=1", 1),
    EX("ReduceMin", 18, "2,3,4 1", "keepdims=0", 1, .values = "1:2"),
    EX("ReduceProd", 13, "2,3,4", "axes=-1", 1, .low = -2, .high = 2),
    EX("ReduceL1", 13, "2,3,4", "axes=1", 1),
    EX("ReduceL2", 13, "2,3,4", "axes=1,2", 1),
    EX("ReduceSumSquare", 13, "2,3,4", "axes=0", 1),
    EX("ReduceLogSum", 13, "2,3,4", "axes=1", 1, .low = 0.5, .high = 2),
    EX("ReduceLogSumExp", 13, "2,3,4", "axes=-1", 1, .low = -3, .high = 3),
    EX("LayerNormalization", 17, "2,3,4 4 4", "", 1, .low = -2, .high = 2),
    EX("LayerNormalization", 17, "2,3,4 3,4", "axis=1 epsilon=0.01", 3, .low = -2, .high = 2),
    EX("InstanceNormalization", 13, "2,3,5 3 3", "", 1, .low = -2, .high = 2),
    EX("InstanceNormalization", 13, "2,2,3,2 2 2", "epsilon=0.01", 1, .low = -2, .high = 2),
    EX("LRN", 13, "2,5,3", "size=3 alpha=0.5 beta=0.6 bias=1.5", 1, .low = -2, .high = 2),
    EX("LRN", 13, "1,4,2,2", "size=4 alpha=0.9", 1, .low = -2, .high = 2),
    EX("GlobalMaxPool", 13, "2,3,4,5", "", 1),
    EX("LogSoftmax", 13, "2,3,4", "axis=1", 1, .low = -3, .high = 3),
    EX("LogSoftmax", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("LogSoftmax", 11, "2,3,4", "axis=1", 1, .low = -3, .high = 3),
    EX("GatherElements", 13, "3,4 2,4", "", 1, .values = "1:0,-1,2,0,0,2,1,-3"),
    EX("GatherElements", 13, "2,2,3 2,1,5", "axis=-1", 1, .values = "1:0,0,2,-1,1,2,1,0,0,0"),
    EX("GatherND", 13, "3,4,2 2,2", "", 1, .values = "1:0,-1,2,3"),
    EX("GatherND", 13, "2,3,4 2,2,1", "batch_dims=1", 1, .values = "1:0,0,-1,1"),
    EX("GatherND", 13, "2,3 2", "", 1, .values = "1:1,-1"),
    EX("ScatterElements", 18, "3,4 2,3 2,3", "axis=1", 1, .values = "1:0,2,2,3,-1,0"),
    EX("ScatterElements", 18, "3,2 4,2 4,2", "reduction=add", 1, .values = "1:0,1,0,0,2,-1,0,0"),
    EX("ScatterElements", 18, "3,2 4,2 4,2", "reduction=mul", 1, .values = "1:0,1,0,0,2,-1,0,0"),
    EX("ScatterElements", 16, "2,3 2,4 2,4", "reduction=max axis=-1", 1, .values = "1:0,1,0,0,2,-1,0,0"),
    EX("ScatterElements", 18, "2,3 2,4 2,4", "reduction=min axis=-1", 1, .values = "1:0,1,0,0,2,-1,0,0"),
    EX("Scatter", 10, "3,2 2,1 2,1", "", 1, .values = "1:0,2"),
    EX("ScatterND", 18, "4,2 3,1 3,2", "", 1, .values = "1:0,-1,0"),
    EX("ScatterND", 18, "4,2 3,1 3,2", "reduction=add", 1, .values = "1:0,-1,0"),
    EX("ScatterND", 18, "4,2 3,2 3", "reduction=mul", 1, .values = "1:0,1,3,-2,0,1"),
    EX("ScatterND", 18, "4,2 3,1 3,2", "reduction=max", 1, .values = "1:0,-1,0"),
    EX("TopK", 11, "3,5 1", "", 2, .values = "1:2"),
    EX("TopK", 11, "2,5,3 1", "axis=1 largest=0", 2, .values = "1:4"),
    EX("TopK", 1, "2,5", "k=1 axis=0", 2),
    EX("Compress", 11, "3,4 3", "axis=1", 1, .values = "1b:0,1,1"),
    EX("Compress", 11, "2,3 5", "", 1, .values = "1b:1,0,1,1,0"),
    EX("CumSum", 14, "3,4 ()", "", 1, .values = "1:1"),
    EX("CumSum", 14, "3,4,2 1", "reverse=1 exclusive=1", 1, .values = "1:-2"),
    EX("CumProd", 26, "3,4 ()", "", 1, .values = "1:1"),
    EX("CumProd", 26, "3,4,2 ()", "reverse=1 exclusive=1", 1, .values = "1:1"),
    EX("CumProd", 26, "4,2 ()", "exclusive=1", 1, .values = "1:0"),
    EX("Tan", 13, "3,5", "", 1),
    EX("Asin", 13, "3,5", "", 1, .low = -0.9, .high = 0.9),
    EX("Acos", 13, "3,5", "", 1, .low = -0.9, .high = 0.9),
    EX("Atan", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Sinh", 13, "3,5", "", 1, .low = -2, .high = 2),
    EX("Cosh", 13, "3,5", "", 1, .low = -2, .high = 2),
    EX("Asinh", 13, "3,5", "", 1, .low = -3, .high = 3),
    EX("Acosh", 13, "3,5", "", 1, .low = 1.2, .high = 4),
    EX("Atanh", 13, "3,5", "", 1, .low = -0.9, .high = 0.9),
    EX("Shrink", 9, "3,5", "", 1),
    EX("OneHot", 11, "2,3 () 2", "axis=1", 1, .values = "0:0,-1,3,2,9,1;1:4"),
    EX("OneHot", 9, "4 1 2", "", 1, .values = "0:0,-1,1,2;1:2"),
    EX("Trilu", 14, "2,3,4", "", 1),
    EX("Trilu", 14, "4,3 ()", "upper=0", 1, .values = "1:-1"),
    EX("Trilu", 14, "3,3 ()", "", 1, .values = "1:9"),
    EX("DepthToSpace", 13, "2,8,2,3", "blocksize=2", 1),
    EX("DepthToSpace", 13, "1,9,2,1", "blocksize=3 mode=CRD", 1),
    EX("SpaceToDepth", 13, "2,2,4,6", "blocksize=2", 1),
    EX("ReverseSequence", 10, "4,3,2 3", "", 1, .values = "1:4,0,2"),
    EX("ReverseSequence", 10, "2,3 2", "batch_axis=0 time_axis=1", 1, .values = "1:3,1"),
    EX("CenterCropPad", 18, "4,3 2", "", 1, .values = "1:3,6"),
    EX("CenterCropPad", 18, "2,3,5 2", "axes=-1,1", 1, .values = "1:2,4"),
    EX("CDist", 1, "3,2 4,2", "", 1),
    EX("CDist", 1, "3,2 4,2", "metric=euclidean", 1),
    EX("LpNormalization", 22, "3,4", "", 1),
    EX("LpNormalization", 22, "3,4,2", "p=1 axis=1", 1),
    EX("MeanVarianceNormalization", 13, "2,3,2,4", "", 1),
    EX("MeanVarianceNormalization", 13, "3,4", "axes=-1", 1),
    EX("LpPool", 18, "2,2,7", "kernel_shape=3 strides=2 p=3", 1),
    EX("LpPool", 18, "1,2,6,5", "kernel_shape=3,2 pads=1,0,1,1 dilations=2,1 p=1", 1),
    EX("LpPool", 18, "1,1,5,5", "kernel_shape=2,2 auto_pad=SAME_UPPER ceil_mode=1", 1),
    EX("GlobalLpPool", 2, "2,3,4,2", "p=3", 1),
    EX("GlobalLpPool", 2, "2,3,4", "", 1),
    EX("MaxUnpool", 11, "1,2,2,2 1,2,2,2", "kernel_shape=2,2 strides=2,2", 1, .values = "1:0,2,9,15,16,19,27,30"),
    EX("MaxUnpool", 11, "1,1,2,2 1,1,2,2 4", "kernel_shape=2,2 strides=2,2", 1, .values = "1:0,2,9,15;2:1,1,5,6"),
    EX("Col2Im", 18, "2,8,6 2 2", "", 1, .values = "1:3,4;2:2,2"),
    EX("Col2Im", 18, "1,4,4 2 2", "strides=2,2 pads=1,0,1,0 dilations=1,2", 1, .values = "1:2,6;2:2,2"),
    EX("TensorScatter", 24, "2,5,3 2,2,3 2", "", 1, .values = "2:0,3"),
    EX("TensorScatter", 24, "2,2,4,1 2,2,3,1 2", "mode=circular", 1, .values = "2:3,1"),
    EX("TensorScatter", 24, "2,4,2 2,2,2", "axis=1", 1),
    EX("Einsum", 12, "2,3 3,4", "equation=ij,jk", 1),
    EX("Einsum", 12, "2,3,4 2,5,4", "equation=bid,bjd->bji", 1),
    EX("Einsum", 12, "3,3", "equation=ii->i", 1),
    EX("Einsum", 12, "2,3,3", "equation=...ii->...", 1),
    EX("Einsum", 12, "2,3 3 2", "equation=ij,j,i->", 1),
    EX("Einsum", 12, "2,1,3,4 5,4,2", "equation=...ij,...jk->...ik", 1),
    EX("Einsum", 12, "2,3 4", "equation=aZ,b->bZ", 1),
    EX("Einsum", 12, "2,3,2", "equation=A...A", 1),
    EX("DFT", 17, "2,5,1", "", 1),
    EX("DFT", 17, "2,3,4,2", "axis=2 inverse=1", 1),
    EX("DFT", 20, "2,6,3,1 () ()", "onesided=1", 1, .values = "1:8;2:1"),
    EX("DFT", 20, "2,5,2 ()", "inverse=1 onesided=1", 1, .values = "1:7"),
    EX("DFT", 20, "2,5,2", "inverse=1 onesided=1", 1),
    EX("DFT", 20, "1,9,2 ()", "", 1, .values = "1:4"),
    EX("STFT", 17, "2,9,1 () 4", "", 1, .values = "1:2"),
    EX("STFT", 17, "1,9,2 () - ()", "onesided=0", 1, .values = "1:3;3:5"),
    EX("Det", 11, "3,3", "", 1),
    EX("Det", 11, "2,2,4,4", "", 1),
    EX("Det", 11, "2,1,1", "", 1),
    EX("RandomUniformLike", 1, "2,3", "seed=1", 1),
    EX("RandomNormalLike", 1, "2,3", "seed=2 scale=0.5", 1),
    EX("NegativeLogLikelihoodLoss", 13, "3,4 3", "", 1, .values = "1:0,3,1"),
    EX("NegativeLogLikelihoodLoss", 13, "2,3,2 2,2 3", "reduction=sum ignore_index=1", 1, .values = "1:0,1,2,2"),
    EX("SoftmaxCrossEntropyLoss", 13, "3,4 3", "reduction=none", 2, .values = "1:0,3,1"),
    EX("SoftmaxCrossEntropyLoss", 13, "2,3,2 2,2", "ignore_index=-1", 1, .values = "1:0,-1,2,2"),
    EX("Shrink", 9, "3,5", "lambd=0.3 bias=0.1", 1),
    EX("RNN", 14, "3,2,4 1,3,4 1,3,3", "", 2),
    EX("RNN", 14, "4,2,3 2,3,3 2,3,3 2,6 2 2,2,3", "direction=bidirectional activations=relu,ScaledTanh activation_alpha=0.8 activation_beta=1.2", 2, .values = "4i:4,2"),
    EX("RNN", 7, "3,2,2 1,3,2 1,3,3", "direction=reverse activations=Softplus clip=0.4", 2),
    EX("GRU", 14, "4,2,3 1,9,3 1,9,3 1,18", "", 2),
    EX("GRU", 14, "4,2,3 1,9,3 1,9,3 1,18 - 1,2,3", "linear_before_reset=1", 2),
    EX("GRU", 22, "4,2,3 2,9,3 2,9,3 2,18 2 2,2,3", "direction=bidirectional linear_before_reset=1", 2, .values = "4i:1,4"),
    EX("GRU", 14, "2,4,3 1,9,3 1,9,3 1,18 2 2,1,3", "layout=1 direction=reverse activations=HardSigmoid,Softsign", 2, .values = "4i:3,4"),
    EX("LSTM", 14, "4,2,3 1,12,3 1,12,3", "", 3),
    EX("LSTM", 7, "4,2,3 2,8,3 2,8,2 2,16 2 2,2,2 2,2,2 2,6", "direction=bidirectional", 3, .values = "4i:4,3"),
    EX("LSTM", 22, "2,4,3 2,8,3 2,8,2 2,16 - 2,2,2 2,2,2 2,6", "direction=bidirectional layout=1", 3),
    EX("LSTM", 14, "3,2,2 1,8,2 1,8,2 1,16 - - - 1,6", "input_forget=1 clip=0.7 direction=reverse", 3),
    EX("LSTM", 14, "3,2,2 1,8,2 1,8,2 1,16", "activations=HardSigmoid,Elu,LeakyRelu activation_alpha=0.3,0.7,0.2 activation_beta=0.4", 3),
    EX("RMSNormalization", 23, "3,2,4 3,2,4", "", 1),
    EX("RMSNormalization", 23, "5,5 5,1", "axis=1", 1),
    EX("RMSNormalization", 23, "2,3,4 4", "", 1),
    EX("RMSNormalization", 23, "2,3,4 3,1", "axis=1 epsilon=0.01", 1),
    EX("GroupNormalization", 21, "2,4,3 4 4", "num_groups=2", 1),
    EX("GroupNormalization", 18, "2,4,3,2 2 2", "num_groups=2 epsilon=0.01", 1),
    EX("SwiGLU", 28, "2,5 2,5", "alpha=1.5", 1, .low = -3, .high = 3),
    EX("RotaryEmbedding", 23, "2,2,3,4 5,2 5,2 2,3", "", 1, .values = "3:0,4,2,1,1,3"),
    EX("RotaryEmbedding", 23, "2,3,12 2,3,1 2,3,1", "num_heads=2 interleaved=1 rotary_embedding_dim=2", 1),
    EX("Attention", 23, "2,2,3,4 2,2,5,4 2,2,5,3", "", 1),
    EX("Attention", 23, "2,3,8 2,4,4 2,4,6 3,4", "q_num_heads=4 kv_num_heads=2 softcap=0.7 qk_matmul_output_mode=1", 4),
    EX("Attention", 24, "1,2,3,4 1,1,2,4 1,1,2,3 3,4 1,1,3,4 1,1,3,3", "is_causal=1 scale=0.4 qk_matmul_output_mode=3", 4),
    EX("Attention", 24, "2,2,3,2 2,2,4,2 2,2,4,2 2,1,1,4", "qk_matmul_output_mode=2", 4),
    EX("Attention", 25, "2,2,3,2 2,2,4,2 2,2,4,2 - - - 2", "left_window_size=1 is_causal=1", 4, .values = "6:4,2"),
    EX("Attention", 24, "2,1,3,2 2,1,4,2 2,1,4,2 3,4", "", 1, .values = "3b:1,0,1,0,0,0,0,0,1,1,1,1"),
    EX("LinearAttention", 27, "2,5,4 2,5,4 2,5,6 - 2,5,4 2,5,2", "q_num_heads=2 kv_num_heads=2", 2),
    EX("LinearAttention", 27, "1,3,8 1,3,4 1,3,4 1,2,2,2 1,3,2 1,3,1", "q_num_heads=4 kv_num_heads=2 scale=0.7", 2),
    EX("LinearAttention", 27, "1,3,2 1,3,2 1,3,3", "q_num_heads=1 kv_num_heads=1 update_rule=linear", 2),
    EX("LinearAttention", 27, "1,2,2 1,2,2 1,2,3 1,1,2,3 1,2,1", "q_num_heads=1 kv_num_heads=1 update_rule=gated", 2),
    EX("CausalConvWithState", 27, "2,3,4 3,1,3 3 2,3,2", "activation=silu", 2),
    EX("CausalConvWithState", 27, "1,2,2 2,1,4", "", 2),
};
/* clang-format on */
enum { EXAMPLES = sizeof examples / sizeof *examples };

/* One node and its tensors, in one element type. */
struct rig {
    struct rd_graph_node node;
    struct rd_attr attr[ATTRS];
    int64_t ints[ATTRS][16];
    float floats[ATTRS][8];
    const char *words[ATTRS][8];
    size_t words_len[ATTRS][8];
    char text[ATTRS][32];
    int index[INPUTS];
    struct rd_tensor in[INPUTS], out[OUTPUTS], dout[OUTPUTS], din[INPUTS];
    const struct rd_tensor *pin[INPUTS], *pdout[OUTPUTS];
    struct rd_tensor *pout[OUTPUTS], *pdin[INPUTS];
    bool fixed[INPUTS];
    char *scratch, *saved;
    const struct rd_kernels *kernels;
};

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 64 + 63) / 64 * 64);

    assert_non_null(p);
    memset(p, 0xa5, (bytes + 64 + 63) / 64 * 64); /* whoever relies on zeros is seen */
    return p;
}

static void parse_attrs(struct rig *r, const char *text)
{
    while (*text) {
        struct rd_attr *a = &r->attr[r->node.n_attrs];
        const int k = (int)r->node.n_attrs++;
        const size_t name = strcspn(text, "="), value = strcspn(text + name + 1, " ");
        const struct rd_op_attr *known = r->node.row->attrs;
        char number[64], *at;

        (void)snprintf(r->text[k], sizeof r->text[k], "%.*s", (int)name, text);
        (void)snprintf(number, sizeof number, "%.*s", (int)value, text + name + 1);
        a->name = r->text[k];
        while (strcmp(known->name, a->name) || r->node.opset < known->since ||
               (known->until && r->node.opset > known->until))
            known++;
        a->type = known->type;
        switch (a->type) {
        case RD_ATTR_FLOAT:
            a->f = strtof(number, NULL);
            break;
        case RD_ATTR_INT:
            a->i = strtol(number, NULL, 10);
            break;
        case RD_ATTR_STRING:
            a->s = strdup(number);
            a->s_len = strlen(number);
            break;
        case RD_ATTR_FLOATS:
            a->floats = r->floats[k];
            for (at = number; *at; at += *at == ',')
                r->floats[k][a->n++] = strtof(at, &at);
            break;
        case RD_ATTR_STRINGS:
            a->strings = (const char *const *)r->words[k];
            a->strings_len = r->words_len[k];
            for (at = strtok(number, ","); at; at = strtok(NULL, ",")) {
                r->words_len[k][a->n] = strlen(at);
                r->words[k][a->n++] = strdup(at);
            }
            break;
        default:
            a->ints = r->ints[k];
            for (at = number; *at; at += *at == ',')
                r->ints[k][a->n++] = strtol(at, &at, 10);
        }
        text += name + 1 + value;
        text += strspn(text, " ");
    }
    r->node.attr = r->attr;
}

static double get(const struct rd_tensor *t, size_t i)
{
    return t->dtype == RD_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static void put(struct rd_tensor *t, size_t i, double v)
{
    if (t->dtype == RD_F64)
        ((double *)t->data)[i] = v;
    else
        ((float *)t->data)[i] = (float)v;
}

static bool is_real(const struct rd_tensor *t)
{
    return t->dtype == RD_F64 || t->dtype == RD_F32;
}

static void make_values(struct rig *r, const struct example *e, int i, enum rd_dtype type)
{
    struct rd_rng rng = rd_rng_stream(5, e->op, (uint64_t)i);
    const double low = e->low == e->high ? -1 : e->low, high = e->low == e->high ? 1 : e->high;
    struct rd_tensor *t = &r->in[i];
    const size_t n = rd_tensor_count(t);

    t->dtype = type;
    for (const char *list = e->values; list;
         list = strchr(list, ';') ? strchr(list, ';') + 1 : NULL) {
        char *at = strchr(list, ':');
        int64_t *v;

        if (list[0] - '0' != i)
            continue;
        v = aligned(n * sizeof *v);
        t->data = v;
        t->dtype = list[1] == 'b'   ? RD_BOOL
                   : list[1] == 'i' ? RD_I32
                   : list[1] == 'f' ? RD_F32
                   : list[1] == 'r' ? type
                                    : RD_I64;
        for (size_t k = 0; k < n && is_real(t); k++)
            put(t, k, (double)strtof(at + 1, &at));
        for (size_t k = 0; k < n && !is_real(t); k++) {
            const long one = strtol(at + 1, &at, 10);

            if (t->dtype == RD_BOOL)
                ((uint8_t *)v)[k] = (uint8_t)one;
            else if (t->dtype == RD_I32)
                ((int32_t *)v)[k] = (int32_t)one;
            else
                v[k] = one;
        }
        r->fixed[i] = true;
        return;
    }
    t->data = aligned(n * 8);
    for (size_t k = 0; k < n; k++) {
        double v = (double)(float)(low + (high - low) * rd_rng_unit(&rng));

        if (!strcmp(e->op, "Clip") && i > 0) /* bounds that hold something on both sides */
            v = i == 1 ? -0.25 : 0.375;
        if (type == RD_F64)
            ((double *)t->data)[k] = v;
        else
            ((float *)t->data)[k] = (float)v;
    }
}

static struct rig *rig_new(
    const struct example *e, enum rd_dtype type, const struct rd_kernels *kernels)
{
    struct rig *r = calloc(1, sizeof *r);
    const char *s = e->shapes;
    const char *const domain = rd_op_find("", e->op, e->opset, NULL) ? "" : "com.microsoft";
    struct rd_op_call c;
    struct rd_error err = { .status = RD_OK };

    assert_non_null(r);
    r->node = (struct rd_graph_node){ .name = "",
        .op = e->op,
        .domain = domain,
        .opset = e->opset,
        .row = rd_op_find(domain, e->op, e->opset, NULL),
        .input = r->index,
        .n_outputs = e->outputs };
    assert_non_null(r->node.row);
    parse_attrs(r, e->attrs);
    while (*s) {
        const int i = r->node.n_inputs++;

        if (*s == '-') {
            s++;
        } else if (*s == '(') {
            s += 2;
            r->pin[i] = &r->in[i];
        } else {
            char *end;

            do
                r->in[i].dim[r->in[i].ndim++] = strtol(s, &end, 10);
            while (*(s = end) == ',' && s++);
            r->pin[i] = &r->in[i];
        }
        s += strspn(s, " ");
        if (r->pin[i])
            make_values(r, e, i, type);
    }
    for (int i = 0; i < e->outputs; i++)
        r->pout[i] = &r->out[i];
    c = (struct rd_op_call){
        .node = &r->node, .in = r->pin, .out = r->pout, .kernels = kernels, .err = &err
    };
    if (rd_op_infer(&c)) {
        print_error("%s %s: %s\n", e->op, e->attrs, err.frame[0].text);
        fail();
    }
    for (int i = 0; i < e->outputs; i++)
        r->out[i].data = aligned(rd_tensor_count(&r->out[i]) * 8);
    r->saved = aligned(r->node.row->saved ? r->node.row->saved(&c) : 0);
    r->scratch = aligned(SCRATCH);
    r->kernels = kernels;
    return r;
}

static void rig_free(struct rig *r)
{
    for (int i = 0; i < INPUTS; i++) {
        free(r->in[i].data);
        free(r->din[i].data);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        free(r->out[i].data);
        free(r->dout[i].data);
    }
    for (size_t i = 0; i < r->node.n_attrs; i++)
        if (r->attr[i].type == RD_ATTR_STRING)
            free((void *)(uintptr_t)r->attr[i].s);
    for (size_t i = 0; i < r->node.n_attrs; i++)
        for (size_t j = 0; j < 8 && r->words[i][j]; j++)
            free((void *)(uintptr_t)r->words[i][j]);
    free(r->saved);
    free(r->scratch);
    free(r);
}

static struct rd_op_call call_of(struct rig *r, bool back)
{
    struct rd_op_call c = {
        .node = &r->node, .in = r->pin, .out = r->pout, .kernels = r->kernels, .saved = r->saved
    };

    if (back) {
        c.din = r->pdin;
        c.dout = r->pdout;
    }
    c.scratch = r->scratch;
    c.scratch_size = r->node.row->scratch ? r->node.row->scratch(&c) : 0;
    assert_true(c.scratch_size <= SCRATCH);
    memset(r->scratch, 0x5a, SCRATCH);
    return c;
}

/* Rows hand scratch back while they run: what they wrote beyond what they asked for shows. */
static void check_scratch(const struct rd_op_call *c)
{
    assert_true(c->scratch_used <= c->scratch_size);
    for (size_t i = c->scratch_size; i < SCRATCH && i < c->scratch_size + 65536; i++)
        assert_int_equal(c->scratch[i], 0x5a);
}

static void run_forward(struct rig *r)
{
    struct rd_op_call c = call_of(r, false);

    assert_int_equal(r->node.row->forward(&c), RD_OK);
    check_scratch(&c);
}

/* The cotangent of output 0; the other outputs have none. */
static void set_cotangent(struct rig *r, enum rd_dtype type)
{
    struct rd_rng rng = rd_rng_stream(6, "cotangent", 0);

    r->dout[0] = r->out[0];
    r->dout[0].data = aligned(rd_tensor_count(&r->out[0]) * 8);
    r->dout[0].dtype = is_real(&r->out[0]) ? r->out[0].dtype : type; /* Cast's may be another */
    r->pdout[0] = &r->dout[0];
    for (size_t k = 0; k < rd_tensor_count(&r->dout[0]); k++)
        put(&r->dout[0], k, (double)(float)(2 * rd_rng_unit(&rng) - 1));
}

static bool wants(const struct rig *r, int i)
{
    return i < r->node.n_inputs && r->pin[i] && !r->fixed[i] && is_real(r->pin[i]) &&
           (r->node.row->grad_in >> i & 1);
}

/* Where gradients are added: onto ones, to see that they are added. */
enum { ONTO = 1 };

static void run_backward(struct rig *r, unsigned mask)
{
    struct rd_op_call c;

    for (int i = 0; i < INPUTS; i++) {
        free(r->din[i].data);
        r->din[i].data = NULL;
        r->pdin[i] = NULL;
        if (!wants(r, i) || !(mask >> i & 1))
            continue;
        r->din[i] = r->in[i];
        r->din[i].data = aligned(rd_tensor_count(&r->in[i]) * 8);
        for (size_t k = 0; k < rd_tensor_count(&r->in[i]); k++)
            put(&r->din[i], k, ONTO);
        r->pdin[i] = &r->din[i];
    }
    c = call_of(r, true);
    assert_int_equal(r->node.row->backward(&c), RD_OK);
    check_scratch(&c);
}

static double loss(struct rig *r)
{
    double sum = 0;

    run_forward(r);
    for (size_t k = 0; k < rd_tensor_count(&r->out[0]); k++)
        sum += get(&r->out[0], k) * get(&r->dout[0], k);
    return sum;
}

static void gradients_match_central_differences(void **state)
{
    (void)state;
    for (size_t x = 0; x < EXAMPLES; x++) {
        const struct example *e = &examples[x];
        struct rig *r = rig_new(e, RD_F64, NULL);
        const double h = 1e-5;

        set_cotangent(r, RD_F64);
        run_forward(r);
        run_backward(r, ~0u);
        for (int i = 0; i < INPUTS; i++)
            for (size_t k = 0; r->pdin[i] && k < rd_tensor_count(&r->in[i]); k++) {
                const double was = get(&r->in[i], k);
                double up, down, slope;

                put(&r->in[i], k, was + h);
                up = loss(r);
                put(&r->in[i], k, was - h);
                down = loss(r);
                put(&r->in[i], k, was);
                slope = (up - down) / (2 * h);
                if (fabs(get(&r->din[i], k) - ONTO - slope) > 1e-6 * (1 + fabs(slope))) {
                    print_error("%s (%s) %s: input %d element %zu: %.12g, by differences %.12g\n",
                        e->op, e->shapes, e->attrs, i, k, get(&r->din[i], k) - ONTO, slope);
                    fail();
                }
            }
        rig_free(r);
    }
}

static void a_gradient_does_not_depend_on_which_others_are_wanted(void **state)
{
    (void)state;
    for (size_t x = 0; x < EXAMPLES; x++) {
        struct rig *all = rig_new(&examples[x], RD_F64, NULL),
                   *one = rig_new(&examples[x], RD_F64, NULL);

        set_cotangent(all, RD_F64);
        set_cotangent(one, RD_F64);
        run_forward(all);
        run_forward(one);
        run_backward(all, ~0u);
        for (int i = 0; i < INPUTS; i++) {
            if (!wants(one, i))
                continue;
            run_backward(one, 1u << i);
            assert_memory_equal(one->din[i].data, all->din[i].data, rd_tensor_bytes(&one->in[i]));
        }
        rig_free(all);
        rig_free(one);
    }
}

/* Values and gradients of float32 within a few roundings of float64: sums here have at most a few
 * hundred terms. */
static void float32_agrees_with_float64_by_every_kernel_table(void **state)
{
    const struct rd_kernels *const *tables = rd_kernels_all();

    (void)state;
    for (size_t x = 0; x < EXAMPLES; x++) {
        struct rig *wide = rig_new(&examples[x], RD_F64, NULL);

        set_cotangent(wide, RD_F64);
        run_forward(wide);
        run_backward(wide, ~0u);
        for (int t = -1; t < 0 || tables[t]; t++) {
            struct rig *r = rig_new(&examples[x], RD_F32, t < 0 ? NULL : tables[t]);

            set_cotangent(r, RD_F32);
            run_forward(r);
            for (size_t k = 0; k < rd_tensor_count(&r->out[0]); k++)
                assert_true(fabs(get(&r->out[0], k) - get(&wide->out[0], k)) <= 1e-5);
            run_backward(r, ~0u);
            for (int i = 0; i < INPUTS; i++)
                for (size_t k = 0; r->pdin[i] && k < rd_tensor_count(&r->in[i]); k++)
                    if (fabs(get(&r->din[i], k) - get(&wide->din[i], k)) >
                        1e-5 * (1 + fabs(get(&wide->din[i], k)))) {
                        print_error(
                            "%s %s, table %d: input %d element %zu: %.9g, in float64 %.9g\n",
                            examples[x].op, examples[x].attrs, t, i, k, get(&r->din[i], k),
                            get(&wide->din[i], k));
                        fail();
                    }
            rig_free(r);
        }
        rig_free(wide);
    }
}

/* The kinks, where differences cannot tell: cotangent 1 everywhere, gradients as PyTorch's amax. */
static void ties_share_the_gradient(void **state)
{
    static const struct {
        struct example e;
        double x[6], want[6]; /* inputs one after another */
    } cases[] = {
        { { .op = "Max", .opset = 13, .shapes = "2 2 2", .attrs = "", .outputs = 1 },
            { 1, 5, 1, 2, 0, 5 }, { 0.5, 0.5, 0.5, 0, 0, 0.5 } },
        { { .op = "Min", .opset = 13, .shapes = "3 1", .attrs = "", .outputs = 1 }, { 1, 2, 3, 2 },
            { 1, 0.5, 0, 1.5 } },
        { { .op = "ReduceMax", .opset = 13, .shapes = "2,3", .attrs = "axes=1", .outputs = 1 },
            { 4, 4, 1, 0, 7, 7 }, { 0.5, 0.5, 0, 0, 0.5, 0.5 } },
        { { .op = "ReduceMin", .opset = 13, .shapes = "6", .attrs = "", .outputs = 1 },
            { 2, 2, 2, 3, 2, 9 }, { 0.25, 0.25, 0.25, 0, 0.25, 0 } },
        { { .op = "GlobalMaxPool", .opset = 13, .shapes = "1,1,6", .attrs = "", .outputs = 1 },
            { 0, 3, 3, 1, 3, 2 }, { 0, 1, 0, 0, 0, 0 } },
        { { .op = "ReduceProd", .opset = 13, .shapes = "2,3", .attrs = "axes=1", .outputs = 1 },
            { 2, 0, 3, 0, 4, 0 }, { 0, 6, 0, 0, 0, 0 } },
        { { .op = "CumProd",
              .opset = 26,
              .shapes = "6 ()",
              .attrs = "",
              .outputs = 1,
              .values = "1:0" },
            { 2, 3, 0, 4, 0, 5 }, { 4, 2, 30, 0, 0, 0 } },
        { { .op = "ScatterElements",
              .opset = 18,
              .shapes = "2 2 2",
              .attrs = "reduction=mul",
              .outputs = 1,
              .values = "1:1,1" },
            { 2, 0, 3, 0 }, { 1, 0, 0, 0 } },
        { { .op = "ScatterElements",
              .opset = 18,
              .shapes = "1 2 2",
              .attrs = "reduction=max",
              .outputs = 1,
              .values = "1:0,0" },
            { 2, 2, 1 }, { 0.5, 0.5, 0 } },
        { { .op = "TopK",
              .opset = 11,
              .shapes = "4 1",
              .attrs = "",
              .outputs = 2,
              .values = "1:2" },
            { 1, 5, 5, 5 }, { 0, 1, 1, 0 } },
        { { .op = "Pow", .opset = 13, .shapes = "3 3", .attrs = "", .outputs = 1 },
            { 0, 0, 2, 0, 2, 0 }, { 0, 0, 0, 0, 0, 0.69314718055994530942 } },
    };

    (void)state;
    for (size_t x = 0; x < sizeof cases / sizeof *cases; x++) {
        struct rig *r = rig_new(&cases[x].e, RD_F64, NULL);
        size_t at = 0;

        for (int i = 0; i < r->node.n_inputs; i++)
            for (size_t k = 0; k < rd_tensor_count(&r->in[i]) && !r->fixed[i]; k++)
                put(&r->in[i], k, cases[x].x[at++]);
        set_cotangent(r, RD_F64);
        for (size_t k = 0; k < rd_tensor_count(&r->dout[0]); k++)
            put(&r->dout[0], k, 1);
        run_forward(r);
        run_backward(r, ~0u);
        at = 0;
        for (int i = 0; i < r->node.n_inputs; i++)
            for (size_t k = 0; k < rd_tensor_count(&r->in[i]) && !r->fixed[i]; k++, at++)
                if (fabs(get(&r->din[i], k) - ONTO - cases[x].want[at]) > 1e-12) {
                    print_error("%s: input %d element %zu has %g\n", cases[x].e.op, i, k,
                        get(&r->din[i], k) - ONTO);
                    fail();
                }
        rig_free(r);
    }
}

static bool takes_boxes(const struct rd_op *row)
{
    return row->in_type[0] & RD_T(RD_SEQUENCE) || !strncmp(row->op, "Sequence", 8) ||
           !strcmp(row->op, "SplitToSequence") || !strncmp(row->op, "Optional", 8);
}

static void every_differentiable_operator_is_tried(void **state)
{
    (void)state;
    for (const struct rd_op *const *row = rd_ops; *row; row++) {
        bool found = !(*row)->backward || (*row)->control || /* those: test_control.c */
                     takes_boxes(*row) ||
                     !strcmp((*row)->domain, "ai.onnx.ml"); /* and those: test_ml_gradients.c */

        for (size_t x = 0; x < EXAMPLES && !found; x++)
            found = !strcmp(examples[x].op, (*row)->op);
        if (!found)
            print_error("no example of %s\n", (*row)->op);
        assert_true(found);
        assert_true(!(*row)->backward || (*row)->grad_in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_central_differences),
        cmocka_unit_test(a_gradient_does_not_depend_on_which_others_are_wanted),
        cmocka_unit_test(float32_agrees_with_float64_by_every_kernel_table),
        cmocka_unit_test(ties_share_the_gradient),
        cmocka_unit_test(every_differentiable_operator_is_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
