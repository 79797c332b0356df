/* array.h - numbers from any file that holds them, told apart by content and not by name. */
#ifndef RD_DATA_ARRAY_H
#define RD_DATA_ARRAY_H

#include "tensor/tensor.h"

/*
 * .npy, .npz ("x.npz" with one array, or "x.npz:name") and idx, each also in gzip. The tensor is a
 * copy in the arena. RD_E_NOTFOUND, RD_E_INPUT, RD_E_LIMIT, RD_E_MEMORY, RD_E_IO.
 */
rd_status rd_array_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err);
/* The same from bytes; member NULL for none. name is for messages. */
rd_status rd_array_parse(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);

#endif
