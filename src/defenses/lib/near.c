#include "defenses/lib/near.h"

#include "base/alloc.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

enum { QUERIES = 32, ROWS = 512 };

struct search {
    const struct rd_near *q;
    const struct rd_kernels *kernels;
    const float *norm_query, *norm_x; /* squared */
    float *product;                   /* (workers, QUERIES, ROWS) */
    float *best;                      /* (n_query, k) squared */
    size_t *index;                    /* (n_query, k) */
};

static void norms(
    const struct rd_kernels *kernels, const float *x, size_t n, size_t width, float *norm)
{
    (void)kernels;
    for (size_t r = 0; r < n; r++) {
        double sum = 0;

        for (size_t i = 0; i < width; i++)
            sum += (double)x[r * width + i] * (double)x[r * width + i];
        norm[r] = (float)sum;
    }
}

static void take(float d, size_t row, float *best, size_t *index, size_t k)
{
    size_t at = k;

    if (!(d < best[k - 1]))
        return;
    for (; at > 1 && d < best[at - 2]; at--) {
        best[at - 1] = best[at - 2];
        index[at - 1] = index[at - 2];
    }
    best[at - 1] = d;
    index[at - 1] = row;
}

static rd_status block(void *user, size_t at, size_t worker)
{
    const struct search *s = user;
    const struct rd_near *q = s->q;
    const size_t first = at * QUERIES;
    const size_t n = q->n_query - first < QUERIES ? q->n_query - first : QUERIES;
    float *product = s->product + worker * QUERIES * ROWS;

    for (size_t i = first * q->k; i < (first + n) * q->k; i++) {
        s->best[i] = INFINITY;
        s->index[i] = SIZE_MAX;
    }
    for (size_t from = 0; from < q->n; from += ROWS) {
        const size_t rows = q->n - from < ROWS ? q->n - from : ROWS;

        rd_sgemm(s->kernels, &(struct rd_gemm){ .a = q->query + first * q->width,
                                 .b = q->x + from * q->width,
                                 .c = product,
                                 .m = n,
                                 .n = rows,
                                 .k = q->width,
                                 .lda = q->width,
                                 .ldb = q->width,
                                 .ldc = ROWS,
                                 .trans_b = true });
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < rows; j++) {
                const float d =
                    s->norm_query[first + i] + s->norm_x[from + j] - 2 * product[i * ROWS + j];

                if (!q->self || first + i != from + j)
                    take(d > 0 ? d : 0, from + j, s->best + (first + i) * q->k,
                        s->index + (first + i) * q->k, q->k);
            }
    }
    return RD_OK;
}

rd_status rd_near(struct rd_run *run, const struct rd_near *near)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct search s = { .q = near };
    float *norm_query, *norm_x;
    rd_status st = RD_OK;

    norm_x = RD_NEW_ARRAY(&arena, float, near->n + 1);
    norm_query = RD_NEW_ARRAY(&arena, float, near->n_query + 1);
    s.product = rd_arena_alloc(&arena, rd_pool_threads(run->pool) * QUERIES * ROWS, sizeof(float));
    s.best = rd_arena_alloc(&arena, near->n_query * near->k + 1, sizeof(float));
    s.index = rd_arena_alloc(&arena, near->n_query * near->k + 1, sizeof(size_t));
    if (!norm_x || !norm_query || !s.product || !s.best || !s.index)
        st = rd_run_no_memory(run, "nearest neighbors");
    if (!st)
        st = rd_kernels_choose(&s.kernels, run->err);
    if (!st && near->n_query && near->k) {
        norms(s.kernels, near->x, near->n, near->width, norm_x);
        norms(s.kernels, near->query, near->n_query, near->width, norm_query);
        s.norm_x = norm_x;
        s.norm_query = norm_query;
        st = rd_pool_run(run->pool, (near->n_query + QUERIES - 1) / QUERIES, block, &s);
    }
    for (size_t i = 0; !st && i < near->n_query * near->k; i++) {
        if (near->index)
            near->index[i] = s.index[i];
        if (near->distance)
            near->distance[i] = sqrtf(s.best[i]);
    }
    rd_arena_release(&arena);
    return st;
}

float *rd_gather_rows(
    const float *all, const size_t *row, size_t n, size_t width, struct rd_arena *arena)
{
    float *out = rd_arena_alloc(arena, n * width + 1, sizeof(float));

    for (size_t i = 0; out && i < n; i++)
        memcpy(out + i * width, all + row[i] * width, width * sizeof(float));
    return out;
}
