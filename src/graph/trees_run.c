/*
 * trees_run.c - rows down the trees, several steps at once that do not wait for each other, which
 * hides the latency of the loads.
 *
 * float32 rows, many: in blocks, transposed; GROUP of them go down a tree with their places in
 * registers, through the tree's heap where it has one. Other rows, many: LANES of them go down a
 * tree together. A few: each goes down LANES trees together.
 */
#include "graph/trees_impl.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = TREES_BLOCK, GROUP = 8, UNCHECKED = 6 };

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
    static void NAME(                                                                              \
        const struct rd_trees *t, const T *x, size_t rows, size_t features, double *score)         \
    {                                                                                              \
        const bool plain = !t->equals && !t->members;                                              \
        const T *row[LANES];                                                                       \
        uint32_t at[LANES];                                                                        \
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
                        add(t, t->leaf[at[l]], s);                                                 \
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
                        add(t, t->leaf[at[l]], score + (first + i + l) * t->n_targets);            \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

/* NaN stands for "no tree had a say yet" under MIN and MAX. */
static void start(const struct rd_trees *t, double *score, size_t rows)
{
    const bool extreme = t->sum == RD_TREE_MIN || t->sum == RD_TREE_MAX;

    for (size_t i = 0; i < rows * t->n_targets; i++)
        score[i] = extreme ? (double)NAN : 0;
}

static void add(const struct rd_trees *t, uint32_t leaf, double *score)
{
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

DEFINE(run_f32, float, threshold32)
DEFINE(run_f64, double, threshold64)

/* --- many float32 rows: blocks transposed, groups of GROUP rows held in registers --- */

/* Into (features, BLOCK), missing rows zero, NaN as `nan`; true when there was one. */
static bool transpose_as(
    const struct rd_trees *t, const float *x, size_t rows, size_t features, float nan, float *to)
{
    unsigned any = 0;

    for (size_t f = 0; f < t->n_features; f++) {
        float *const row = to + f * BLOCK;

        for (size_t r = 0; r < rows; r++) {
            const float v = x[r * features + f];

            any |= v != v;
            row[r] = v != v ? nan : v;
        }
        for (size_t r = rows; r < BLOCK; r++)
            row[r] = 0;
    }
    return any;
}

/* As the nodes want it; false when NaN would go astray. */
static bool transpose(
    const struct rd_trees *t, const float *x, size_t rows, size_t features, float *to)
{
    bool nan = false;

    if (t->nan_left || !t->nan_right)
        nan = transpose_as(t, x, rows, features, -(float)HUGE_VAL, to);
    if (t->nan_right)
        nan = transpose_as(
            t, x, rows, features, (float)HUGE_VAL, to + (t->nan_left ? t->n_features * BLOCK : 0));
    return !(nan && t->nan_odd);
}

#define EIGHT(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define BEGIN(l) size_t i##l = 0;
#define DOWN(l) i##l = 2 * i##l + 1 + ((x + l)[node[i##l].at] > node[i##l].threshold);
#define END(l) at[l] = (uint32_t)i##l;

/* The leaves of GROUP rows; x: their column of the transposed block. */
static void heap_leaves(
    const struct trees_heap *node, uint32_t depth, const float *x, uint32_t at[GROUP])
{
    EIGHT(BEGIN)

    for (uint32_t s = 0; s < depth; s++) {
        EIGHT(DOWN)
    }
    EIGHT(END)
}

#define WHERE(l) uint32_t p##l = root;
#define FURTHER(l)                                                                                 \
    {                                                                                              \
        const uint32_t next = left[p##l] + ((x + l)[column[p##l]] > threshold[p##l]);              \
        moved |= next ^ p##l;                                                                      \
        p##l = next;                                                                               \
    }
#define THERE(l) at[l] = p##l;

/* The same for trees that are too deep or too uneven for a heap: their places. */
static void plain_places(
    const struct rd_trees *t, uint32_t root, uint32_t depth, const float *x, uint32_t at[GROUP])
{
    const float *const threshold = t->threshold32;
    const uint32_t *const column = t->at, *const left = t->left;
    EIGHT(WHERE)

    for (uint32_t s = 0; s < depth; s++) {
        uint32_t moved = 0;

        EIGHT(FURTHER)
        if (s >= UNCHECKED && !moved)
            break;
    }
    EIGHT(THERE)
}

/* Rows of a transposed block down one tree. */
static void tree_f32(
    const struct rd_trees *t, size_t tree, const float *transposed, size_t rows, double *score)
{
    const bool heap = t->heap[tree] != UINT32_MAX;
    const uint32_t depth = t->depth[tree], inner = ((uint32_t)1 << (depth & 31)) - 1;
    const uint32_t *const leaf = t->heap_at + t->heap_leaf[tree];
    uint32_t at[GROUP];

    for (size_t r = 0; r < rows; r += GROUP) {
        const size_t n = rows - r < GROUP ? rows - r : GROUP;

        if (heap)
            heap_leaves(t->heap_node + t->heap[tree], depth, transposed + r, at);
        else
            plain_places(t, t->root[tree], depth, transposed + r, at);
        for (size_t l = 0; l < n; l++)
            add(t, heap ? leaf[at[l] - inner] : t->leaf[at[l]], score + (r + l) * t->n_targets);
    }
}

/* Blocks are for the plain tests, and for rows that are not too wide to be turned. */
static bool by_blocks(const struct rd_trees *t)
{
    return !t->equals && !t->members && t->n_features <= TREES_FEATURES;
}

/* Bytes of a transposed block, with its second copy. */
static size_t block_bytes(const struct rd_trees *t)
{
    const size_t copies = t->nan_left && t->nan_right ? 2 : 1;

    return by_blocks(t) ? copies * t->n_features * BLOCK * sizeof(float) : 0;
}

/* --- very many rows --- */

enum { SWEEP = RD_SWEEP_ROWS, SWEEP_LEAST = 64, SWEEP_BLOCKS = SWEEP / BLOCK };

/* A node of a sweep costs a row about 3 / width, a level of a descent about 4 (cycles). */
static bool sweeps(const struct rd_trees *t, const struct rd_kernels *kernels, size_t tree)
{
    const struct trees_sweep *s = &t->sweep[tree];

    return s->n_leaves && (!by_blocks(t) || 3 * s->n_nodes <= 16 * kernels->lanes * t->depth[tree]);
}

static void sweep_tree(const struct rd_trees *t, const struct rd_kernels *kernels, size_t tree,
    const int8_t *column, uint32_t nan_right, size_t rows, double *score)
{
    const struct trees_sweep *s = &t->sweep[tree];
    uint8_t at[SWEEP] __attribute__((aligned(64)));

    kernels->sweep(&(struct rd_sweep){ .node = s->node,
        .n = s->n_nodes,
        .rows = rows,
        .column = column,
        .nan_right = nan_right,
        .at = (int8_t *)at });
    if (t->single && t->sum <= RD_TREE_SUM)
        for (size_t r = 0; r < rows; r++)
            score[r] += s->weight[at[r]];
    else
        for (size_t r = 0; r < rows; r++)
            add(t, s->leaf[at[r]], score + r * t->n_targets);
}

/* At most SWEEP rows; false: not this way. */
static bool sweep_f32(const struct rd_trees *t, const struct rd_kernels *kernels, const float *x,
    size_t rows, size_t features, double *score, char *room)
{
    const size_t block = block_bytes(t);
    int8_t *const column = (int8_t *)room + SWEEP_BLOCKS * block;
    bool all = true;
    uint32_t nan_right;

    for (size_t tree = 0; tree < t->n_trees && all; tree++)
        all = sweeps(t, kernels, tree);
    for (size_t r = 0; r < rows && !all; r += BLOCK)
        if (!transpose(t, x + r * features, rows - r < BLOCK ? rows - r : BLOCK, features,
                (float *)(void *)(room + r / BLOCK * block)))
            return false;
    nan_right = trees_rank(t, kernels, x, rows, features, column);
    for (size_t tree = 0; tree < t->n_trees; tree++) {
        if (sweeps(t, kernels, tree)) {
            sweep_tree(t, kernels, tree, column, nan_right, rows, score);
            continue;
        }
        for (size_t r = 0; r < rows; r += BLOCK)
            tree_f32(t, tree, (const float *)(const void *)(room + r / BLOCK * block),
                rows - r < BLOCK ? rows - r : BLOCK, score + r * t->n_targets);
    }
    return true;
}

size_t rd_trees_room(const struct rd_trees *t)
{
    return (t->sweep ? SWEEP_BLOCKS : 1) * block_bytes(t) + trees_sweep_room(t);
}

/* At most BLOCK rows. */
static void block_f32(const struct rd_trees *t, const float *x, size_t rows, size_t features,
    double *score, void *room)
{
    if (rows < GROUP || !by_blocks(t) || !transpose(t, x, rows, features, room)) {
        run_f32(t, x, rows, features, score);
        return;
    }
    for (size_t tree = 0; tree < t->n_trees; tree++)
        tree_f32(t, tree, room, rows, score);
}

void rd_trees_run_f32(const struct rd_trees *t, const struct rd_kernels *kernels, const float *x,
    size_t rows, size_t features, double *score, void *room)
{
    const bool swept = t->sweep && kernels && kernels->sweep;
    size_t n;

    start(t, score, rows);
    for (size_t r = 0; r < rows; r += n) {
        const float *const from = x + r * features;
        double *const to = score + r * t->n_targets;

        n = rows - r < SWEEP ? rows - r : SWEEP;
        if (swept && n >= SWEEP_LEAST && sweep_f32(t, kernels, from, n, features, to, room))
            continue;
        n = n < BLOCK ? n : BLOCK;
        block_f32(t, from, n, features, to, room);
    }
    finish(t, score, rows);
}

void rd_trees_run_f64(
    const struct rd_trees *t, const double *x, size_t rows, size_t features, double *score)
{
    start(t, score, rows);
    run_f64(t, x, rows, features, score);
    finish(t, score, rows);
}
