/*
 * peak.h - what this core could do at most: independent multiply-adds in registers, as wide as the
 * kernels in use. For programs of bench/.
 */
#ifndef RD_BENCH_PEAK_H
#define RD_BENCH_PEAK_H

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define CLOBBERS                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm14", "xmm15"
/* Registers begin at zero: what was left in them could be denormal, and those are slow. */
#define ZERO_512(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define FMA_512(i) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #i "\n"
#define ZERO_256(i) "vxorps %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define FMA_256(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define ZERO_128(i) "xorps %%xmm" #i ", %%xmm" #i "\n"
#define MUL_128(i) "mulps %%xmm15, %%xmm" #i "\naddps %%xmm14, %%xmm" #i "\n"
#define LOOP(ZERO, STEP)                                                                           \
    __asm__ volatile(EACH(ZERO) ZERO(14) ZERO(15) "1:\n" EACH(STEP) "dec %0\njnz 1b\n"             \
                     : "+r"(turns)::CLOBBERS, "cc")

/* 12 chains: latency 4, two a cycle, and some to spare. Returns the flops done; turns > 0. */
static inline double bench_peak(const char *isa, size_t turns)
{
    const double all = (double)turns;

    if (strcmp(isa, "avx512") == 0) {
        LOOP(ZERO_512, FMA_512);
        return all * 12 * 16 * 2;
    }
    if (strcmp(isa, "avx2") == 0) {
        LOOP(ZERO_256, FMA_256);
        return all * 12 * 8 * 2;
    }
    LOOP(ZERO_128, MUL_128);
    return all * 12 * 4 * 2;
}
#else
static inline double bench_peak(const char *isa, size_t turns)
{
    typedef float vec __attribute__((vector_size(16)));
    vec sum[12] = { { 0 } }, x = { 1, 1, 1, 1 };

    (void)isa;
    for (size_t i = 0; i < turns; i++)
        for (int k = 0; k < 12; k++) {
            sum[k] += x * x;
            __asm__ volatile("" : "+w"(sum[k]));
        }
    return (double)turns * 12 * 4 * 2;
}
#endif

#endif
