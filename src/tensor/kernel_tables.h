/* kernel_tables.h - the tables that kernel.c chooses from; which exist is settled by the build. */
#ifndef RD_TENSOR_KERNEL_TABLES_H
#define RD_TENSOR_KERNEL_TABLES_H

#include "tensor/kernel.h"

extern const struct rd_kernels rd_kernels_scalar;
#if defined(__x86_64__)
extern const struct rd_kernels rd_kernels_sse2;
extern const struct rd_kernels rd_kernels_avx2;
extern const struct rd_kernels rd_kernels_avx512;
#elif defined(__aarch64__)
extern const struct rd_kernels rd_kernels_neon;
#else
extern const struct rd_kernels rd_kernels_vec128;
#endif

#endif
