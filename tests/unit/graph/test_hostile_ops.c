/*
 * What a hostile model asks of the operators: axes and indices out of range, sizes that overflow,
 * tensors that would fill the machine. Each is refused by name before anything is allocated, with
 * what was expected and what was found.
 */
#include "hand_graph.h"

#include "graph/exec.h"
#include "graph/net.h"

#include <stdlib.h>

#define HUGE_COUNT "4611686018427387904" /* 2^62 */

struct hostile {
    const char *op;
    int opset;
    /* One an input: "2,3" float32 zeros, "i:3,-1" int64 values of one dimension, "s:4" an int64
     * scalar, "b:2" bool zeros of that shape, "-" left out. */
    const char *inputs;
    const char *attrs; /* "axis=1 axes=0,0" */
    int outputs;
    const char *text; /* in the message */
};

/* clang-format off */
static const struct hostile cases[] = {
    { "LSTM", 14, "2,1,3 1,8,3 1,8,3", "", 1, "W has the shape (1, 8, 3) instead of (1, 12, 3)" },
    { "LSTM", 14, "2,1,3 1,8,3 1,8,2", "hidden_size=3", 1, "attribute 'hidden_size' is 3, but R is for 2" },
    { "GRU", 14, "2,1 1,6,3 1,6,2", "", 1, "X has 2 dimensions and R has 3; both need 3" },
    { "GRU", 14, "2,1,3 1,6,3 1,6,2", "layout=2", 1, "attribute 'layout' is 2 instead of 0 or 1" },
    { "Attention", 23, "1,2,3 1,2,3 1,2,3", "", 1, "need the attributes 'q_num_heads' and 'kv_num_heads'" },
    { "Attention", 23, "1,3,2,2 1,2,2,2 1,2,2,2", "", 1, "3 heads of Q are no multiple of 2 of K" },
    { "Attention", 23, "1,1,2,2 1,1,2,2 1,1,2,2 3,2", "", 1, "attn_mask of shape (3, 2) does not fit (1, 1, 2, 2)" },
    { "Attention", 23, "1,1,2,2 1,1,2,2 1,1,2,2", "qk_matmul_output_mode=4", 1, "'qk_matmul_output_mode' is 4, not 0 to 3" },
    { "RotaryEmbedding", 23, "1,1,2,4 2,2 2,2 i:9,0", "", 1, "position_ids of shape (2,) do not fit" },
    { "GroupNormalization", 21, "1,3,2 3 3", "num_groups=2", 1, "3 channels cannot be split into 2 groups" },
    { "RMSNormalization", 23, "2,3 2", "", 1, "the scale of shape (2,) does not fit (2, 3) from axis 1 on" },
    { "LinearAttention", 27, "1,2,4 1,2,4 1,2,4", "q_num_heads=2 kv_num_heads=2", 1, "the gated rules need the input 'decay'" },
    { "CausalConvWithState", 27, "1,3,4 2,1,3", "", 1, "do not fit" },
    { "Resize", 19, "1,1,4,4", "", 1, "neither scales nor sizes are given" },
    { "Resize", 19, "1,1,4,4 - 4 i:1,1,2,2", "", 1, "both scales and sizes are given" },
    { "Resize", 19, "1,1,4,4 - 4", "", 1, "the scale of axis 0 is 0, not above 0" },
    { "Resize", 19, "1,1,4,4 - 3", "", 1, "the scales must have 4 entries" },
    { "Resize", 19, "1,1,4,4 - - i:1,1,2,-2", "", 1, "axis 3 would have the size -2" },
    { "Resize", 19, "1,1,4,4 - - i:1,1,2," HUGE_COUNT, "", 1, "axis 3 would have the size" },
    { "Resize", 19, "1,1,4,4 - - i:1099511627776,1,1099511627776,1", "", 1, "impossible shape" },
    { "Resize", 19, "1,1,0,4 - - i:1,1,2,2", "", 1, "axis 2 is empty" },
    { "Resize", 19, "1,1,4,4 - - i:1,1,2,2", "mode=lanczos", 1, "attribute 'mode' has a value" },
    { "Resize", 18, "1,1,4,4 - - i:2,2", "axes=2,-2", 1, "axis 2 is given twice" },
    { "Resize", 19, "1,1,4,4 - - i:1,1,2,2", "coordinate_transformation_mode=tf_crop_and_resize", 1, "needs the region 'roi'" },
    { "Upsample", 9, "1,1,4,4 4", "", 1, "the scale of axis 0 is 0" },
    { "GridSample", 20, "1,1,4,4 1,2,2,3", "", 1, "a grid (1, 2, 2, 3) does not fit the input (1, 1, 4, 4)" },
    { "GridSample", 20, "1,1,0,4 1,2,2,2", "", 1, "axis 2 of the input is empty" },
    { "GridSample", 20, "1,1,4,4 1,2,2,2", "mode=bilinear", 1, "attribute 'mode' must be nearest, linear or cubic" },
    { "RoiAlign", 16, "1,1,4,4 1,4 i:3", "", 1, "region 0 is of image 3, outside 0..0" },
    { "RoiAlign", 16, "1,1,4,4 1,4 i:0,0", "", 1, "each region needs one batch index" },
    { "RoiAlign", 16, "1,1,4,4 1,4 i:0", "output_height=9223372036854775807", 1, "attribute 'output_height' holds" },
    { "RoiAlign", 16, "1,1,4,4 1,4 i:0", "sampling_ratio=1000000", 1, "attribute 'sampling_ratio' holds" },
    { "RoiAlign", 16, "1,1,4,4 1,5 i:0", "", 1, "regions of shape (1, 5)" },
    { "MaxRoiPool", 13, "1,1,4,4 1,5", "pooled_shape=0,1", 1, "attribute 'pooled_shape' holds 0" },
    { "MaxRoiPool", 13, "0,1,4,4 1,5", "pooled_shape=1,1", 1, "region 0 is of image 0" },
    { "DeformConv", 19, "1,1,4,4 1,1,2,2 1,8,2,3", "", 1, "the offset of shape (1, 8, 2, 3) does not fit" },
    { "DeformConv", 19, "1,3,4,4 1,3,2,2 1,16,3,3", "offset_group=2", 1, "3 channels do not split into 2 offset groups" },
    { "DeformConv", 19, "1,1,4,4 1,1,2,2 1,8,3,3 2", "", 1, "one entry for each of 1 output channels" },
    { "DeformConv", 19, "1,1,4,4 1,1,2,2 1,8,3,3 1 1,8,3,3", "", 1, "the mask of shape" },
    { "AffineGrid", 20, "2,2,3 i:1,1,4,4", "", 1, "2 matrices for a batch of 1" },
    { "AffineGrid", 20, "2,2,3 i:2,1,4,-4", "", 1, "size 3 is -4" },
    { "AffineGrid", 20, "2,2,3 i:2,1,4,4,4", "", 1, "theta (2, 2, 3) with a size of 5 entries" },
    { "Gather", 13, "3,2 i:0", "axis=2", 1, "axis 2 is outside -2..1" },
    { "Gather", 13, "3,2 i:0", "axis=-9223372036854775808", 1, "is outside -2..1" },
    { "Gather", 13, "3,2 i:0,3", "", 1, "index 3 (element 1) is outside -3..2" },
    { "Gather", 13, "3,2 i:-4", "", 1, "index -4 (element 0) is outside -3..2" },
    { "Gather", 13, "3,2 i:-9223372036854775808", "", 1, "is outside -3..2" },
    { "Gather", 13, "3,2 b:1", "", 1, "input 1 is bool, which Gather does not take" },
    { "Concat", 13, "2,3 2,4", "axis=0", 1, "input 1 of shape (2, 4) cannot be joined to input 0 of shape (2, 3) along axis 0" },
    { "Concat", 13, "2,3 2,3", "axis=2", 1, "axis 2 is outside -2..1" },
    { "Concat", 13, "2,3 2,3", "", 1, "attribute 'axis' is missing" },
    { "Concat", 13, "2,3 i:1", "axis=0", 1, "input 1 is int64, input 0 is float32" },
    { "Split", 13, "4,2 i:1,2", "", 2, "the parts have 3 of the axis' 4 in all" },
    { "Split", 13, "4,2 i:9223372036854775807,9223372036854775807", "", 2, "overflow" },
    { "Split", 13, "4,2 i:-1,5", "", 2, "part 0 has the size -1" },
    { "Split", 13, "5,2", "", 2, "cannot be split into 2" },
    { "Split", 18, "5,2", "num_outputs=3", 2, "num_outputs is 3, but it has 2 outputs" },
    { "Slice", 13, "4,2 i:0 i:1 i:0 i:0", "", 1, "the step of axis 0 is 0" },
    { "Slice", 13, "4,2 i:0,0 i:1", "", 1, "1 ends for 2 starts" },
    { "Slice", 13, "4,2 i:0,0 i:1,1 i:0,-2", "", 1, "axis 0 is given twice" },
    { "Slice", 13, "4,2 i:0,0,0 i:1,1,1", "", 1, "3 starts for 2 dimensions" },
    { "Slice", 13, "4,2 i:0 i:1 i:7", "", 1, "axis 7 is outside -2..1" },
    { "Squeeze", 13, "2,1 i:0", "", 1, "axis 0 has size 2, not 1" },
    { "Squeeze", 13, "2,1 i:1,-1", "", 1, "axis 1 is given twice" },
    { "Unsqueeze", 13, "2,1 i:0,0", "", 1, "axis 0 is given twice" },
    { "Unsqueeze", 13, "2,1 i:9", "", 1, "axis 9 is outside -3..2" },
    { "Unsqueeze", 13, "2,1 i:0,1,2,3,4,5,6", "", 1, "7 new axes for 2 dimensions; at most 8 are supported" },
    { "Expand", 13, "2,1 i:3,4", "", 1, "do not broadcast" },
    { "Expand", 13, "2,1 i:2,-4", "", 1, "dimension 1 of the shape is -4" },
    { "Expand", 13, "1 i:" HUGE_COUNT "," HUGE_COUNT, "", 1, "impossible shape" },
    { "Expand", 13, "1 i:1,1,1,1,1,1,1,1,1", "", 1, "at most 8 are supported" },
    { "Tile", 13, "2,3 i:1,-1", "", 1, "axis 1 is repeated -1 times" },
    { "Tile", 13, "2,3 i:1", "", 1, "one entry for each of 2 axes" },
    { "Tile", 13, "2,3 i:1," HUGE_COUNT, "", 1, "is too long" },
    { "Pad", 13, "2,3 i:1,1,1", "", 1, "3 pads for 2 axes" },
    { "Pad", 13, "2,3 i:0,9223372036854775807,0,0", "", 1, "too large" },
    { "Pad", 13, "2,3 i:-3,0,0,0", "", 1, "do not fit axis 0 of size 2" },
    { "ConstantOfShape", 13, "i:-1", "", 1, "dimension 0 of the shape is -1" },
    { "ConstantOfShape", 13, "i:" HUGE_COUNT "," HUGE_COUNT, "", 1, "impossible shape" },
    { "Range", 13, "s:0 s:10 s:0", "", 1, "no end that can be reached" },
    { "Range", 13, "s:-9223372036854775808 s:9223372036854775807 s:1", "", 1, "no end that can be reached" },
    { "Range", 13, "i:0,1 s:10 s:1", "", 1, "start must be a scalar" },
    { "ReduceSum", 13, "2,3 i:2", "", 1, "axis 2 is outside -2..1" },
    { "ReduceSum", 13, "2,3 i:0,-2", "", 1, "axis 0 is given twice" },
    { "ReduceMean", 13, "2,3", "axes=5", 1, "axis 5 is outside -2..1" },
    { "ReduceMax", 18, "2,3", "axes=1", 1, "has no attribute 'axes' at this opset" },
    { "ArgMax", 13, "2,0", "axis=1", 1, "axis 1 is empty" },
    { "ArgMax", 13, "2,3", "axis=-3", 1, "axis -3 is outside -2..1" },
    { "Cast", 13, "2,3", "to=99", 1, "element type 99" },
    { "Cast", 13, "2,3", "to=-1", 1, "is not supported" },
    { "Where", 13, "b:2 3 2", "", 1, "do not broadcast" },
    { "Where", 13, "2 2 2", "", 1, "input 0 is float32, which Where does not take" },
    { "Equal", 13, "2 i:1", "", 1, "input 1 is int64, input 0 is float32" },
    { "Pow", 13, "2 3", "", 1, "do not broadcast" },
    { "Max", 13, "2 3", "", 1, "do not broadcast" },
    { "Max", 13, "2 i:1,2", "", 1, "input 1 is int64, input 0 is float32" },
    { "PRelu", 13, "2,3 4,2,3", "", 1, "does not broadcast to (2, 3)" },
    { "Mod", 13, "i:5 i:0", "", 1, "integer division by zero" },
    { "LayerNormalization", 17, "2,3 4", "", 1, "the scale of shape (4,) does not fit (2, 3) from axis 1 on" },
    { "LayerNormalization", 17, "2,3 3", "axis=2", 1, "axis 2 is outside -2..1" },
    { "InstanceNormalization", 13, "2,3,4 3 2", "", 1, "bias must have one entry for each of 3 channels" },
    { "LRN", 13, "2,3,4", "size=0", 1, "'size' must be at least 1" },
    { "LogSoftmax", 13, "2,3", "axis=2", 1, "axis 2 is outside -2..1" },
    { "GlobalMaxPool", 13, "2,3,0", "", 1, "axis 2 is empty" },
    { "Gelu", 20, "2", "approximate=erf", 1, "must be none or tanh" },
    { "GatherElements", 13, "3 i:3", "", 1, "index 3 (element 0) is outside -3..2" },
    { "GatherElements", 13, "3,2 i:1", "", 1, "indices of shape (1,) do not fit (3, 2) along axis 0" },
    { "GatherND", 13, "3,2 i:0,2", "", 1, "index 2 (element 1) is outside -2..1" },
    { "GatherND", 13, "3,2 i:0,1,0", "", 1, "indices of shape (3,) do not fit data of shape (3, 2)" },
    { "GatherND", 13, "3,2 i:0", "batch_dims=1", 1, "batch_dims is 1 for data of 2 and indices of 1" },
    { "ScatterElements", 18, "3 i:-4 1", "", 1, "index -4 (element 0) is outside -3..2" },
    { "ScatterElements", 18, "3 i:0,1 1", "", 1, "do not fit (3,) along axis 0" },
    { "ScatterElements", 18, "3 i:0 i:0", "", 1, "input 2 is int64, input 0 is float32" },
    { "ScatterND", 18, "3,2 i:3 2", "", 1, "index 3 (element 0) is outside -3..2" },
    { "ScatterND", 18, "3,2 i:0 3", "", 1, "do not fit data of shape (3, 2)" },
    { "TopK", 11, "3 i:4", "", 2, "k is 4, but axis 0 has 3 elements" },
    { "TopK", 11, "3 i:-1", "", 2, "k is -1" },
    { "TopK", 11, "3 i:1,1", "", 2, "k must be one number, not of shape (2,)" },
    { "TopK", 11, "3", "", 2, "input 1, how many to take, is missing" },
    { "Unique", 11, "0,3", "axis=1", 1, "the slices to compare are empty" },
    { "Unique", 11, "2,3", "axis=2", 1, "axis 2 is outside -2..1" },
    { "NonMaxSuppression", 11, "1,3,4 1,1,2", "", 1, "boxes must be (images, boxes, 4)" },
    { "CumSum", 14, "2,3 i:2", "", 1, "axis 2 is outside -2..1" },
    { "CumSum", 14, "2,3 i:0,1", "", 1, "the axis must be one number" },
    { "BitShift", 11, "i:1 i:1", "direction=UP", 1, "must be LEFT or RIGHT" },
    { "BitShift", 11, "i:1", "", 1, "attribute 'direction' is missing" },
    { "BitCast", 26, "2", "to=11", 1, "float32 and float64 are not of one size" },
    { "OneHot", 11, "3 s:-1 2", "", 1, "the depth is -1" },
    { "OneHot", 11, "3 s:2 3", "", 1, "the values must be two" },
    { "OneHot", 11, "3 s:" HUGE_COUNT " 2", "", 1, "the depth is" },
    { "EyeLike", 9, "3", "", 1, "the input must have two dimensions, not 1" },
    { "EyeLike", 9, "3,3", "dtype=8", 1, "element type 8" },
    { "EyeLike", 9, "3,3", "dtype=40", 1, "element type 40" },
    { "Trilu", 14, "3", "", 1, "two dimensions or more, not 1" },
    { "DepthToSpace", 13, "1,6,2,2", "blocksize=2", 1, "axis 1 of size 6 is no multiple of 4" },
    { "DepthToSpace", 13, "1,6,2,2", "blocksize=0", 1, "'blocksize' is 0" },
    { "SpaceToDepth", 13, "1,1,3,2", "blocksize=2", 1, "axis 2 of size 3 is no multiple of 2" },
    { "ReverseSequence", 10, "3,2 i:1,4", "", 1, "sequence 1 has the length 4, outside 0..3" },
    { "ReverseSequence", 10, "3,2 i:1,1,1", "", 1, "the lengths one entry a sequence" },
    { "CenterCropPad", 18, "3,2 i:1,-1", "", 1, "axis 1 would have the size -1" },
    { "CenterCropPad", 18, "3,2 i:1,1", "axes=0,-2", 1, "axis 0 is given twice" },
    { "LpNormalization", 22, "3,4", "p=3", 1, "'p' must be 1 or 2, not 3" },
    { "LpPool", 18, "1,1,4", "kernel_shape=5", 1, "the window spans 5" },
    { "LpPool", 18, "1,1,4", "kernel_shape=2 p=0", 1, "'p' is 0" },
    { "GlobalLpPool", 2, "3", "", 1, "batch and channels are needed" },
    { "MeanVarianceNormalization", 13, "3,2", "", 1, "axis 2 is outside -2..1" },
    { "Col2Im", 18, "1,4,4 i:2,2 i:2,2", "", 1, "is not (N, a multiple of the block's 4 elements, 1 places)" },
    { "Col2Im", 18, "1,4,4 i:2,2 i:3,2", "", 1, "a block is larger than the image along axis 0" },
    { "TensorScatter", 24, "1,4,2 1,2,2 i:3", "", 1, "2 entries from 3 on do not fit a cache of 4 (example 0)" },
    { "TensorScatter", 24, "1,4,2 1,5,2 i:0", "", 1, "does not fit (1, 4, 2) along axis 1" },
    { "TensorScatter", 24, "1,4,2 1,2,2 i:0", "axis=0", 1, "axis 0 is the batch" },
    { "Einsum", 12, "2,3 3,4", "equation=ij,kk->ij", 1, "axis 1 of input 1 has size 4 where the same index has 3 elsewhere" },
    { "Einsum", 12, "2,3 3,4", "equation=ij->ij", 1, "a term for each of 2 inputs" },
    { "Einsum", 12, "2,3", "equation=ijk->ij", 1, "3 letters for 2 axes" },
    { "Einsum", 12, "2,3", "equation=i->i", 1, "1 letters for 2 axes" },
    { "Einsum", 12, "2,3", "equation=ij->ik", 1, "an index that no operand has" },
    { "Einsum", 12, "2,3", "equation=ij->ii", 1, "the result has an index twice" },
    { "Einsum", 12, "2,3", "equation=i.j->i", 1, "byte 0x2e where a letter or one ellipsis may stand" },
    { "Einsum", 12, "2,3,4,5,6,7 2,3,4,5,6,7", "equation=abcdef,ghijkl", 1, "more than the 8 dimensions" },
    { "DFT", 17, "1,4,3", "", 1, "must be 1 (real) or 2 (complex), not 3" },
    { "DFT", 17, "1,4,2", "onesided=1", 1, "a onesided spectrum needs a real signal" },
    { "DFT", 17, "1,4,2", "axis=2", 1, "axis 2 holds real and imaginary parts" },
    { "DFT", 20, "1,4,2 s:" HUGE_COUNT, "", 1, "the length of the transform is" },
    { "DFT", 20, "1,1,2", "inverse=1 onesided=1", 1, "the length of the transform is 0" },
    { "STFT", 17, "1,4,1 s:0 2", "", 1, "frame_step is 0" },
    { "STFT", 17, "1,4,1 s:1 5", "", 1, "a frame of 5 does not fit a signal of 4" },
    { "STFT", 17, "1,4,1 s:1 3 s:2", "", 1, "the window has 3 entries, a frame 2" },
    { "STFT", 17, "1,4,1 s:1", "", 1, "neither a window nor the length of a frame" },
    { "HannWindow", 17, "s:-1", "", 1, "the size is -1" },
    { "HannWindow", 17, "s:3", "output_datatype=8", 1, "element type 8" },
    { "Det", 11, "2,3", "", 1, "matrices must be square, not (2, 3)" },
    { "RandomUniform", 1, "", "shape=2,-1", 1, "dimension 1 of the shape is -1" },
    { "RandomNormal", 1, "", "shape=2 dtype=7", 1, "element type 7" },
    { "Bernoulli", 15, "2", "dtype=8", 1, "element type 8" },
    { "Multinomial", 7, "2,0", "", 1, "must be (examples, classes)" },
    { "Multinomial", 7, "2,3", "sample_size=0", 1, "'sample_size' is 0" },
    { "SoftmaxCrossEntropyLoss", 13, "2,3 i:0,3", "", 1, "label 3 (element 1) is outside 0..2" },
    { "SoftmaxCrossEntropyLoss", 13, "2,3 i:0,1 2", "", 1, "one entry for each of 3 classes" },
    { "NegativeLogLikelihoodLoss", 13, "2,3 i:0,1,1", "", 1, "labels of shape (3,) do not fit (2, 3)" },
    { "NegativeLogLikelihoodLoss", 13, "2,3 i:0,1", "reduction=max", 1, "'reduction' must be none, sum or mean" },
    { "BitCast", 26, "2", "to=8", 1, "element type 8" },
};
/* clang-format on */

struct rig {
    struct rd_arena arena;
    struct rd_graph_node node;
    const struct rd_tensor *in[8];
    struct rd_tensor *out[8];
};

static struct rd_tensor *input(struct rd_arena *arena, const char *text, size_t len)
{
    struct rd_tensor *t = RD_NEW(arena, struct rd_tensor);
    int64_t list[16];
    int n = 0;
    char own[200], *at = own;
    const char kind = len > 1 && (text[1] == ':' || text[0] == 'b') ? text[0] : 'f';

    assert_true(len < sizeof own);
    memcpy(own, text, len);
    own[len] = '\0';
    if (kind != 'f')
        at = strchr(own, ':') ? strchr(own, ':') + 1 : own + 1;
    while (*at) {
        list[n++] = strtoll(at, &at, 10);
        at += *at == ',';
    }
    if (kind == 'i' || kind == 's') {
        t->dtype = RD_I64;
        t->ndim = kind == 'i';
        t->dim[0] = n;
        t->data = rd_arena_alloc(arena, (size_t)n + 8, sizeof(int64_t));
        memcpy(t->data, list, (size_t)n * sizeof *list);
        return t;
    }
    t->dtype = kind == 'b' ? RD_BOOL : RD_F32;
    t->ndim = n;
    memcpy(t->dim, list, sizeof t->dim);
    t->data = rd_arena_alloc(arena, rd_tensor_bytes(t) + 64, 1);
    return t;
}

static void parse_attrs(struct rig *r, const char *text)
{
    struct rd_attr *attr = RD_NEW_ARRAY(&r->arena, struct rd_attr, 4);

    r->node.attr = attr;
    while (*text) {
        const size_t name = strcspn(text, "="), value = strcspn(text + name + 1, " ");
        struct rd_attr *a = &attr[r->node.n_attrs++];
        const struct rd_op_attr *known = r->node.row->attrs;
        int64_t *list = RD_NEW_ARRAY(&r->arena, int64_t, 8);
        char *at;

        a->name = rd_arena_strndup(&r->arena, text, name);
        at = rd_arena_strndup(&r->arena, text + name + 1, value);
        for (; known->name && (strcmp(known->name, a->name) || r->node.opset < known->since ||
                                  (known->until && r->node.opset > known->until));
             known++)
            ;
        for (const struct rd_op_attr *any = r->node.row->attrs; !known->name; any++)
            if (!strcmp(any->name, a->name)) /* of another version: to be refused */
                known = any;
        a->type = known->type;
        a->s = at;
        a->s_len = value;
        a->ints = list;
        a->i = strtoll(at, NULL, 10);
        for (; *at && a->type == RD_ATTR_INTS; at += *at == ',')
            list[a->n++] = strtoll(at, &at, 10);
        text += name + 1 + value;
        text += strspn(text, " ");
    }
}

static void each_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hostile *h = &cases[i];
        struct rig r = { .arena = RD_ARENA_INIT };
        struct rd_error err = { 0 };
        struct rd_op_call c;
        const char *s = h->inputs;
        rd_status st;

        r.node = (struct rd_graph_node){ .name = "",
            .op = h->op,
            .domain = "",
            .opset = h->opset,
            .row = rd_op_find("", h->op, h->opset, NULL),
            .n_outputs = h->outputs };
        assert_non_null(r.node.row);
        parse_attrs(&r, h->attrs);
        while (*s) {
            const size_t len = strcspn(s, " ");

            r.in[r.node.n_inputs++] = *s == '-' && len == 1 ? NULL : input(&r.arena, s, len);
            s += len;
            s += strspn(s, " ");
        }
        for (int k = 0; k < h->outputs; k++) {
            r.out[k] = RD_NEW(&r.arena, struct rd_tensor);
            r.out[k]->ndim = -1;
        }
        c = (struct rd_op_call){ .node = &r.node, .in = r.in, .out = r.out, .err = &err };
        st = rd_op_infer(&c);
        if (!st) { /* values that only forward sees */
            for (int k = 0; k < h->outputs; k++)
                r.out[k]->data = rd_arena_alloc(&r.arena, rd_tensor_bytes(r.out[k]) + 64, 1);
            c.scratch_size = r.node.row->scratch ? r.node.row->scratch(&c) : 0;
            c.scratch = rd_arena_alloc(&r.arena, c.scratch_size + 64, 1);
            st = r.node.row->forward(&c);
        }
        if ((st != RD_E_INPUT && st != RD_E_LIMIT) || !strstr(err.frame[0].text, h->text)) {
            print_error("%s (%s) %s: %s\n", h->op, h->inputs, h->attrs,
                st ? err.frame[0].text : "accepted");
            fail();
        }
        rd_arena_release(&r.arena);
    }
}

/* Sizes that come in as data: 2^36 elements of a model of a few bytes. */
static void sizes_from_data_meet_the_ceiling(void **state)
{
    static const struct {
        const char *op;
        int sizes;         /* which input holds them; the others are float32 ones of shape (1) */
        int n;             /* how many numbers */
        int64_t values[3]; /* Range takes them one an input */
    } bombs[] = {
        { "ConstantOfShape", 0, 2, { 1 << 18, 1 << 18 } },
        { "Expand", 1, 2, { 1 << 18, 1 << 18 } },
        { "Tile", 1, 1, { (int64_t)1 << 36 } },
        { "Range", 0, 3, { 0, (int64_t)1 << 36, 1 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_exec *exec = NULL;
        struct rd_tensor t[3] = { 0 }, *out[1];
        const struct rd_tensor *in[3] = { &t[0], &t[1], &t[2] };
        const bool range = bombs[i].n == 3;
        const float one = 1;
        struct hand h;
        int v[3], n_in = range ? 3 : bombs[i].sizes + 1;

        hand_begin(&h, &arena, RD_F32);
        h.io = RD_NEW_ARRAY(&arena, int, 8);
        h.g->file_bytes = 200;
        for (int k = 0; k < n_in; k++) {
            const bool sizes = range || k == bombs[i].sizes;
            const int64_t dim = range ? 0 : sizes ? bombs[i].n : 1;

            v[k] = hand_value(&h, "in");
            h.g->value[v[k]].dtype = t[k].dtype = sizes ? RD_I64 : RD_F32;
            h.g->value[v[k]].ndim = t[k].ndim = range ? 0 : 1;
            h.g->value[v[k]].dim[0] = t[k].dim[0] = dim;
            t[k].data = rd_arena_alloc(&arena, 8, 8);
            if (sizes)
                memcpy(t[k].data, &bombs[i].values[range ? k : 0],
                    (range ? 1 : (size_t)bombs[i].n) * sizeof(int64_t));
            else
                memcpy(t[k].data, &one, sizeof one);
            h.io[4 + k] = v[k];
        }
        h.g->input = h.io + 4;
        h.g->n_inputs = (size_t)n_in;
        hand_end(&h, hand_node(&h, bombs[i].op, v, n_in, NULL, 0));
        assert_int_equal(rd_exec_open(h.g, NULL, NULL, &exec, NULL), RD_OK);
        assert_int_equal(rd_exec_run(exec, in, (size_t)n_in, &arena, out, &err), RD_E_LIMIT);
        assert_non_null(strstr(err.frame[err.frames - 1].text, bombs[i].op));
        rd_exec_free(exec);
        rd_arena_release(&arena);
    }
}

/* The same from constants, as they stand in a file: reading must not compute them. */
static void constants_are_not_folded_into_large_ones(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_net *net = NULL;
    struct rd_error err = { 0 };
    struct hand h;
    size_t before;
    float x = 0, y;
    int at, big;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    h.g->file_bytes = 200;
    at = hand_input(&h, 2, (int64_t[]){ -1, 1 });
    big = hand_ints(&h, 2, (int64_t[]){ 1 << 14, 1 << 15 }); /* 2 GiB of float32 */
    big = hand_unary(&h, "ConstantOfShape", big);
    big = hand_node(&h, "ReduceMax", &big, 1, (struct rd_attr[]){ hand_i("keepdims", 1) }, 1);
    before = arena.used;
    hand_end(&h, hand_binary(&h, "Add", at, big));
    assert_true(arena.used - before < 1 << 16);
    assert_int_equal(rd_net_open(h.g, NULL, &net, NULL), RD_OK);
    assert_int_not_equal(rd_net_forward(net, &x, 1, &y, &err), RD_OK);
    rd_net_free(net);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_by_name),
        cmocka_unit_test(sizes_from_data_meet_the_ceiling),
        cmocka_unit_test(constants_are_not_folded_into_large_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
