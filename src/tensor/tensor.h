/* tensor.h - shapes and element types. */
#ifndef RD_TENSOR_TENSOR_H
#define RD_TENSOR_TENSOR_H

#include "base/arena.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD_MAX_DIMS = 8 };

/* Values up to 63 are ONNX's TensorProto.DataType; the others are no tensors (boxed.h). */
enum rd_dtype {
    RD_DTYPE_NONE = 0,
    RD_F32 = 1,
    RD_U8 = 2,
    RD_I8 = 3,
    RD_U16 = 4,
    RD_I16 = 5,
    RD_I32 = 6,
    RD_I64 = 7,
    RD_STRING = 8, /* data: const char *[]; moved, compared, parsed   */
    RD_BOOL = 9,   /* one byte, 0 or 1 */
    RD_F16 = 10,
    RD_F64 = 11,
    RD_U32 = 12,
    RD_U64 = 13,
    RD_BF16 = 16,
    RD_F8E4M3FN = 17, /* from here to RD_I2 one byte an element (small.h): moved and cast */
    RD_F8E4M3FNUZ = 18,
    RD_F8E5M2 = 19,
    RD_F8E5M2FNUZ = 20,
    RD_U4 = 21,
    RD_I4 = 22,
    RD_F4E2M1 = 23,
    RD_F8E8M0 = 24,
    RD_U2 = 25,
    RD_I2 = 26,
    RD_SEQUENCE = 64, /* data of these: const struct rd_boxed *[1] */
    RD_OPTIONAL = 65,
    RD_MAP = 66
};
size_t rd_dtype_size(enum rd_dtype t);      /* 0 for RD_DTYPE_NONE */
const char *rd_dtype_name(enum rd_dtype t); /* "float32", "int64", ... */

/* Row-major and dense. data may be unaligned when it points into a mapped file: copy before
 * computing. */
struct rd_tensor {
    enum rd_dtype dtype;
    int ndim;
    int64_t dim[RD_MAX_DIMS];
    void *data;
};

/* Product of the dims; false on overflow or a negative dim. 1 for a scalar. */
bool rd_shape_count(const int64_t *dim, int ndim, size_t *count_out);
size_t rd_tensor_count(const struct rd_tensor *t);
size_t rd_tensor_bytes(const struct rd_tensor *t);
/* Zeroed, 64-byte aligned data. RD_E_LIMIT above limits->tensor_bytes (NULL: default). */
rd_status rd_tensor_new(struct rd_arena *arena, enum rd_dtype dtype, const int64_t *dim, int ndim,
    const struct rd_limits *limits, struct rd_tensor **tensor_out, struct rd_error *err);
/* "(8, 1, 28, 28)" into out; returns out. */
const char *rd_shape_text(const int64_t *dim, int ndim, char *out, size_t size);
/* Convert to float32 (any real or integer type), values times scale. A new tensor in the arena. */
rd_status rd_tensor_to_f32(const struct rd_tensor *t, double scale, struct rd_arena *arena,
    struct rd_tensor **out, struct rd_error *err);

#endif
