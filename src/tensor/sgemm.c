/* sgemm.c - matrix products: B packed block by block on the stack, A read in place or copied when
 * transposed. */
#include "tensor/kernel.h"
#include "tensor/math.h"

#include <string.h>

/* 64 K floats of B (256 x 128 of them 128 KB), 8 x 256 of A. Bounds are fixed: sums are cut at the
 * same places whatever m and n are, so that a row's bits do not depend on the others. */
enum { DEPTH = 256, WIDTH = 128, HEIGHT = 28, TALL = 140 };

void rd_sgemm(const struct rd_kernels *kernels, const struct rd_gemm *g)
{
    float packed[DEPTH * WIDTH] __attribute__((aligned(64)));
    float rows[HEIGHT * DEPTH] __attribute__((aligned(64)));
    float bias[WIDTH] __attribute__((aligned(64)));

    const size_t most = g->trans_a ? HEIGHT : TALL;

    for (size_t j = 0; j < g->n; j += WIDTH) {
        const size_t width = g->n - j < WIDTH ? g->n - j : WIDTH;

        if (g->bias) {
            memset(bias, 0, sizeof bias);
            memcpy(bias, g->bias + j, width * sizeof *bias);
        }
        /* k = 0 still has to write bias or zeros, hence do-while. */
        size_t k = 0;
        do {
            const size_t depth = g->k - k < DEPTH ? g->k - k : DEPTH;
            const bool last = k + depth == g->k;

            if (g->trans_b)
                rd_pack(kernels, g->b + j * g->ldb + k, depth, width, 1, (ptrdiff_t)g->ldb, packed);
            else
                rd_pack(kernels, g->b + k * g->ldb + j, depth, width, (ptrdiff_t)g->ldb, 1, packed);
            for (size_t i = 0; i < g->m; i += most) {
                const size_t height = g->m - i < most ? g->m - i : most;
                struct rd_rows q = {
                    .in = g->a + i * g->lda + k,
                    .in_step = (ptrdiff_t)g->lda,
                    .packed = packed,
                    .bias = g->bias && k == 0 ? bias : NULL,
                    .out = g->c + i * g->ldc + j,
                    .out_step = (ptrdiff_t)g->ldc,
                    .rows = height,
                    .n = width,
                    .ny = 1,
                    .nx = 1,
                    .len = depth,
                    .accumulate = g->accumulate || k > 0,
                    .relu = g->relu && last,
                };

                if (g->trans_a) {
                    if (kernels->math)
                        kernels->math->turn(g->a + k * g->lda + i, (ptrdiff_t)g->lda, depth, height,
                            rows, DEPTH, false);
                    for (size_t d = 0; d < depth && !kernels->math; d++)
                        for (size_t r = 0; r < height; r++)
                            rows[r * DEPTH + d] = g->a[(k + d) * g->lda + i + r];
                    q.in = rows;
                    q.in_step = DEPTH;
                }
                kernels->rows(&q);
            }
            k += depth;
        } while (k < g->k);
    }
}
