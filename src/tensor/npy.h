/*
 * npy.h - NumPy's .npy and .npz: format versions 1.0 to 3.0, all number types of tensor.h.
 *
 * C order; Fortran order is transposed and big-endian numbers are swapped on reading. Objects,
 * dates, complex and structured types are refused by name, and so is text where it is not asked
 * for. What a header claims is checked against the bytes that are there before anything is
 * allocated. Source: NumPy Enhancement Proposal 1 and numpy/lib/format.py.
 */
#ifndef RD_TENSOR_NPY_H
#define RD_TENSOR_NPY_H

#include "tensor/tensor.h"

/* Does this begin like a .npy file? */
bool rd_npy_is(const void *bytes, size_t size);

/* name is for messages. The tensor is a copy in the arena. RD_E_INPUT, RD_E_LIMIT, RD_E_MEMORY. */
rd_status rd_npy_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);
/* member NULL: the only array. RD_E_NOTFOUND when there is no such array. */
rd_status rd_npz_parse(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);

/*
 * "x.npz:name" into file and member; member NULL when path is a file as it stands or has no ':'.
 * RD_E_MEMORY only.
 */
rd_status rd_npy_split(const char *path, struct rd_arena *arena, const char **file_out,
    const char **member_out, struct rd_error *err);

/* path "x.npy", or "x.npz" (its only array), or "x.npz:name"; told apart by content. */
rd_status rd_npy_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err);
/* Text too ('U' and 'S' of any width), as RD_STRING in UTF-8; NULs at its end are padding. */
rd_status rd_npy_parse_any(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);
rd_status rd_npz_parse_any(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);
rd_status rd_npy_read_any(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err);
/* Version 1.0, little-endian, C order, as NumPy writes it. RD_E_USAGE for types that .npy has not.
 */
rd_status rd_npy_write(const char *path, const struct rd_tensor *t, struct rd_error *err);

/* Arrays that belong together, as numpy.savez writes them: each under its name in one archive. */
struct rd_npz_item {
    const char *name; /* without ".npy" */
    const struct rd_tensor *tensor;
};
rd_status rd_npz_write(
    const char *path, const struct rd_npz_item *item, size_t n, struct rd_error *err);

#endif
