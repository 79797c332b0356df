/*
 * idx.h - the idx format of MNIST and its relatives: big-endian arrays of bytes, integers or
 * floats.
 *
 * Source: the format note on LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
 */
#ifndef RD_DATA_IDX_H
#define RD_DATA_IDX_H

#include "tensor/tensor.h"

/* Does this begin like an idx file: two zero bytes, a known type, 1 to 255 dimensions? */
bool rd_idx_is(const void *bytes, size_t size);
/* Unpacked bytes (gunzip first) into a tensor. What is claimed is checked before it is allocated.
 */
rd_status rd_idx_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);

#endif
