/* op_resize_pass.c - the passes of Resize in float32 (rows by the kernels) and in float64. */
#include "graph/op_resize.h"

#include "tensor/kernel.h"

#include <string.h>

static void mix_f32(const struct rd_kernels *kernels, const float *in, const size_t *at,
    size_t step, const float *w, size_t taps, float *out, size_t n, bool accumulate)
{
    kernels->mix(&(struct rd_mix){ .in = in,
        .at = at,
        .step = step,
        .w = w,
        .taps = taps,
        .out = out,
        .n = n,
        .accumulate = accumulate });
}

static void mix_f64(const struct rd_kernels *kernels, const double *in, const size_t *at,
    size_t step, const double *w, size_t taps, double *out, size_t n, bool accumulate)
{
    (void)kernels;
    for (size_t i = 0; i < n; i++) {
        double sum = accumulate ? out[i] : 0;

        for (size_t t = 0; t < taps; t++)
            sum += w[t] * in[at[t] * step + i];
        out[i] = sum;
    }
}

#define REAL float
#define NAME(name) name##_f32
#define WEIGHTS narrow
#include "graph/op_resize_run.h"
#undef REAL
#undef NAME
#undef WEIGHTS

#define REAL double
#define NAME(name) name##_f64
#define WEIGHTS w
#include "graph/op_resize_run.h"
