/* npy.h - NumPy's .npy and .npz (format versions 1.0 to 3.0; C order; Fortran order is transposed on reading). */
#ifndef RD_TENSOR_NPY_H
#define RD_TENSOR_NPY_H

#include "tensor/tensor.h"

rd_status rd_npy_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);
/* path "x.npy", or "x.npz" (its only array), or "x.npz:name". */
rd_status rd_npy_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err);
rd_status rd_npy_write(const char *path, const struct rd_tensor *t, struct rd_error *err);

#endif
