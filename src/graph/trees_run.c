/*
 * trees_run.c - rows down the trees. Many rows: LANES of one block go down one tree together; a few
 * rows: each goes down LANES trees together. Either way the steps of the lanes do not wait for each
 * other, which hides the latency of the loads.
 */
#include "graph/trees_impl.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = 64, UNCHECKED = 6 };

static bool is_member(const struct trees_set *s, double x)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (s->value[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n && s->value[low] == x;
}

/*
 * One row at one place: 1 to go right. x > t is false for NaN, whose way is a flag of its own; a
 * NaN threshold of an equality means "equal to none".
 */
#define RIGHT_PLAIN(x, t, w) (uint32_t)(((x) > (t)) | (((x) != (x)) & ((w)&TREES_NAN_RIGHT)))
#define RIGHT_EQUAL(x, t, w)                                                                       \
    (uint32_t)((((x) != (x)) & ((w)&TREES_NAN_RIGHT)) |                                            \
               (((x) == (x)) & (((w)&TREES_EQUAL) ? (x) != (t) : (x) > (t))))

#define DEFINE(NAME, T, THRESHOLD)                                                                 \
    /* at[l], a place, goes down `steps` levels at most for row x[l] */                            \
    static void NAME##_plain(                                                                      \
        const struct rd_trees *t, const T *const *x, uint32_t *at, size_t n, uint32_t steps)       \
    {                                                                                              \
        for (uint32_t s = 0; s < steps; s++) {                                                     \
            uint32_t moved = 0;                                                                    \
            for (size_t l = 0; l < n; l++) {                                                       \
                const uint32_t p = at[l], w = t->what[p];                                          \
                const T v = x[l][w >> TREES_FLAGS];                                                \
                const uint32_t next = t->left[p] + RIGHT_PLAIN(v, t->THRESHOLD[p], w);             \
                moved |= next ^ p;                                                                 \
                at[l] = next;                                                                      \
            }                                                                                      \
            if (s >= UNCHECKED && !moved)                                                          \
                break;                                                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void NAME##_any(                                                                        \
        const struct rd_trees *t, const T *const *x, uint32_t *at, size_t n, uint32_t steps)       \
    {                                                                                              \
        for (uint32_t s = 0; s < steps; s++) {                                                     \
            uint32_t moved = 0;                                                                    \
            for (size_t l = 0; l < n; l++) {                                                       \
                const uint32_t p = at[l], w = t->what[p];                                          \
                const T v = x[l][w >> TREES_FLAGS];                                                \
                uint32_t next = t->left[p];                                                        \
                if (w & TREES_MEMBER)                                                              \
                    next += v != v ? w & TREES_NAN_RIGHT                                           \
                                   : !is_member(&t->set[(size_t)t->threshold64[p]], (double)v);    \
                else                                                                               \
                    next += RIGHT_EQUAL(v, t->THRESHOLD[p], w);                                    \
                moved |= next ^ p;                                                                 \
                at[l] = next;                                                                      \
            }                                                                                      \
            if (!moved)                                                                            \
                break;                                                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    void NAME(const struct rd_trees *t, const T *x, size_t rows, size_t features, double *score)   \
    {                                                                                              \
        const bool plain = !t->equals && !t->members;                                              \
        const T *row[LANES];                                                                       \
        uint32_t at[LANES];                                                                        \
        start(t, score, rows);                                                                     \
        for (size_t first = 0; first < rows; first += BLOCK) {                                     \
            const size_t block = rows - first < BLOCK ? rows - first : BLOCK;                      \
            const bool across = block < LANES / 2; /* lanes are trees */                           \
            for (size_t i = 0; across && i < block; i++) {                                         \
                double *s = score + (first + i) * t->n_targets;                                    \
                for (size_t l = 0; l < LANES; l++)                                                 \
                    row[l] = x + (first + i) * features;                                           \
                for (size_t tree = 0; tree < t->n_trees; tree += LANES) {                          \
                    const size_t n = t->n_trees - tree < LANES ? t->n_trees - tree : LANES;        \
                    uint32_t depth = 0;                                                            \
                    for (size_t l = 0; l < n; l++) {                                               \
                        at[l] = t->root[tree + l];                                                 \
                        depth = t->depth[tree + l] > depth ? t->depth[tree + l] : depth;           \
                    }                                                                              \
                    (plain ? NAME##_plain : NAME##_any)(t, row, at, n, depth);                     \
                    for (size_t l = 0; l < n; l++)                                                 \
                        add(t, at[l], s);                                                          \
                }                                                                                  \
            }                                                                                      \
            for (size_t tree = 0; tree < t->n_trees && !across; tree++) {                          \
                for (size_t i = 0; i < block; i += LANES) {                                        \
                    const size_t n = block - i < LANES ? block - i : LANES;                        \
                    for (size_t l = 0; l < n; l++) {                                               \
                        at[l] = t->root[tree];                                                     \
                        row[l] = x + (first + i + l) * features;                                   \
                    }                                                                              \
                    (plain ? NAME##_plain : NAME##_any)(t, row, at, n, t->depth[tree]);            \
                    for (size_t l = 0; l < n; l++)                                                 \
                        add(t, at[l], score + (first + i + l) * t->n_targets);                     \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        finish(t, score, rows);                                                                    \
    }

/* NaN stands for "no tree had a say yet" under MIN and MAX. */
static void start(const struct rd_trees *t, double *score, size_t rows)
{
    const bool extreme = t->sum == RD_TREE_MIN || t->sum == RD_TREE_MAX;

    for (size_t i = 0; i < rows * t->n_targets; i++)
        score[i] = extreme ? (double)NAN : 0;
}

static void add(const struct rd_trees *t, uint32_t place, double *score)
{
    const uint32_t leaf = t->leaf[place];

    if (t->single && t->sum <= RD_TREE_SUM) {
        score[0] += t->weight[leaf];
        return;
    }
    for (uint32_t k = t->first[leaf]; k < t->first[leaf + 1]; k++) {
        double *s = &score[t->target[k]];
        const double w = t->weight[k];

        if (t->sum <= RD_TREE_SUM)
            *s += w;
        else if (isnan(*s) || (t->sum == RD_TREE_MIN ? w < *s : w > *s))
            *s = w;
    }
}

static void finish(const struct rd_trees *t, double *score, size_t rows)
{
    if (t->sum == RD_TREE_SUM)
        return;
    for (size_t i = 0; i < rows * t->n_targets; i++) {
        if (t->sum == RD_TREE_AVERAGE)
            score[i] /= t->n_trees ? (double)t->n_trees : 1;
        else if (isnan(score[i]))
            score[i] = 0;
    }
}

DEFINE(rd_trees_run_f32, float, threshold32)
DEFINE(rd_trees_run_f64, double, threshold64)
