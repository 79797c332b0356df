/* kernel.c - which table runs here; packing and layout, which need no instruction set. */
#include "tensor/kernel.h"
#include "tensor/kernel_tables.h"
#include "tensor/math.h"

#include <stdlib.h>
#include <string.h>

static const struct rd_kernels *const every[] = {
    &rd_kernels_scalar,
#if defined(__x86_64__)
    &rd_kernels_sse2,
    &rd_kernels_avx2,
    &rd_kernels_avx512,
#elif defined(__aarch64__)
    &rd_kernels_neon,
#else
    &rd_kernels_vec128,
#endif
    NULL,
};

/* How many of `every` this processor runs: each x86 level implies those before it. */
static size_t runnable(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return 3;
#endif
    return sizeof every / sizeof every[0] - 1;
}

const struct rd_kernels *const *rd_kernels_all(void)
{
    /* Tails of one list would name the best first; a short table of prefixes keeps the order. */
    static const struct rd_kernels *const prefix[][5] = {
        { &rd_kernels_scalar, NULL },
#if defined(__x86_64__)
        { &rd_kernels_scalar, &rd_kernels_sse2, NULL },
        { &rd_kernels_scalar, &rd_kernels_sse2, &rd_kernels_avx2, NULL },
        { &rd_kernels_scalar, &rd_kernels_sse2, &rd_kernels_avx2, &rd_kernels_avx512, NULL },
#elif defined(__aarch64__)
        { &rd_kernels_scalar, &rd_kernels_neon, NULL },
#else
        { &rd_kernels_scalar, &rd_kernels_vec128, NULL },
#endif
    };

    return prefix[runnable() - 1];
}

const struct rd_kernels *rd_kernels_named(const char *name)
{
    const size_t n = runnable();

    for (size_t i = 0; i < n; i++)
        if (strcmp(every[i]->name, name) == 0)
            return every[i];
    return NULL;
}

rd_status rd_kernels_choose(const struct rd_kernels **kernels_out, struct rd_error *err)
{
    const char *name = getenv("REDOUBT_ISA");
    const struct rd_kernels *found = every[runnable() - 1];

    if (name && *name) {
        found = rd_kernels_named(name);
        if (!found)
            return RD_FAIL(err, RD_E_USAGE,
                "REDOUBT_ISA is '%.32s': unknown, or not runnable on this processor (best: %s)",
                name, every[runnable() - 1]->name);
    }
    *kernels_out = found;
    return RD_OK;
}

const struct rd_kernels *rd_kernels(void)
{
    const struct rd_kernels *found = every[runnable() - 1];

    (void)rd_kernels_choose(&found, NULL);
    return found;
}

size_t rd_packed_width(const struct rd_kernels *kernels, size_t n)
{
    return (n + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
}

void rd_pack(const struct rd_kernels *kernels, const float *from, size_t k, size_t n,
    ptrdiff_t row_step, ptrdiff_t column_step, float *packed)
{
    const size_t block = 2 * kernels->lanes;

    for (size_t first = 0; first < n; first += block) {
        const size_t width = n - first <= kernels->lanes ? kernels->lanes : block;
        const size_t real = n - first < width ? n - first : width;
        const float *p = from + (ptrdiff_t)first * column_step;

        if (row_step == 1 && column_step != 1 && kernels->math) {
            kernels->math->turn(p, column_step, real, k, packed, (ptrdiff_t)width, false);
            for (size_t i = 0; i < k && real < width; i++)
                memset(packed + i * width + real, 0, (width - real) * sizeof *packed);
            packed += k * width;
            continue;
        }
        for (size_t i = 0; i < k; i++, p += row_step, packed += width) {
            if (column_step == 1)
                memcpy(packed, p, real * sizeof *packed);
            else
                for (size_t j = 0; j < real; j++)
                    packed[j] = p[(ptrdiff_t)j * column_step];
            if (real < width)
                memset(packed + real, 0, (width - real) * sizeof *packed);
        }
    }
}

/* Both transposes go by tiles of 8 pixels, so that each cache line is used while it is here. */
enum { TILE = 8 };

void rd_to_pixels(const float *planes, size_t channels, size_t pixels, float *out, ptrdiff_t step)
{
    if (channels == 1 && step == 1) {
        memcpy(out, planes, pixels * sizeof *out);
        return;
    }
    for (size_t p = 0; p < pixels; p += TILE) {
        const size_t end = pixels - p < TILE ? pixels : p + TILE;

        for (size_t c = 0; c < channels; c++)
            for (size_t i = p; i < end; i++)
                out[(ptrdiff_t)i * step + (ptrdiff_t)c] = planes[c * pixels + i];
    }
}

void rd_to_planes(const float *in, ptrdiff_t step, size_t channels, size_t pixels, float *planes)
{
    if (channels == 1 && step == 1) {
        memcpy(planes, in, pixels * sizeof *planes);
        return;
    }
    for (size_t p = 0; p < pixels; p += TILE) {
        const size_t end = pixels - p < TILE ? pixels : p + TILE;

        for (size_t c = 0; c < channels; c++)
            for (size_t i = p; i < end; i++)
                planes[c * pixels + i] = in[(ptrdiff_t)i * step + (ptrdiff_t)c];
    }
}
