/*
 * trees_sweep.c - trees of few leaves, for many float32 rows: no row descends. Numbers become ranks
 * among the forest's thresholds of their feature, a byte each, and every node of a tree moves those
 * rows of a block that stand at it and are above its threshold from one leaf to another.
 *
 * Leaves are numbered from left to right. A row stands at the leftmost leaf that it can still
 * reach; parents come before children, so the rows that reach a node are those that stand at the
 * leftmost leaf below it, and those that go right move on to the leftmost leaf of its right child.
 * After Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini 2015 (QuickScorer), which visits
 * nodes by feature and masks leaves by bits; here the order is the tree's and a byte is enough.
 */
#include "graph/trees_impl.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAVES = 256,   /* of a tree, at most: they are numbered in a byte */
    COLUMNS = 2048, /* of a forest, at most: half a megabyte */
    RANKS = RD_SWEEP_RANKS,
    ROWS = RD_SWEEP_ROWS
};

struct wanted { /* a threshold of a feature */
    uint32_t feature;
    float threshold;
};

struct sweeping {
    struct rd_trees *t;
    struct rd_arena *arena;
    struct wanted *want; /* NULL: they are counted */
    size_t n_want;
    struct rd_sweep_node *node; /* all trees', one behind the other */
    uint32_t *leaf;             /* all trees', from left to right */
    size_t n_nodes, n_leaves;
};

static int ascending(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;

    if (x->feature != y->feature)
        return x->feature > y->feature ? 1 : -1;
    return (x->threshold > y->threshold) - (x->threshold < y->threshold);
}

/*
 * The tests of a place that send a row right: above `over`, or not above `under`. Equality is both.
 * A NaN there is equal to nothing: one of the two is true of every number.
 */
struct tests {
    bool has_over, has_under;
    float over, under;
};

static struct tests tests_of(const struct rd_trees *t, uint32_t place)
{
    const float v = t->threshold32[place];
    struct tests s = { .has_over = true, .over = v };

    if (!(t->what[place] & TREES_EQUAL))
        return s;
    if (isnan(v))
        return (struct tests){ .has_over = true, .has_under = true };
    s.has_under = v >= -FLT_MAX; /* nothing is below minus infinity */
    s.under = nextafterf(v, -(float)HUGE_VAL);
    return s;
}

/* --- columns --- */

/* Column and rank of a threshold that is wanted. */
static void find(const struct rd_trees *t, uint32_t feature, float threshold, size_t *column_out,
    uint32_t *rank_out)
{
    size_t low = 0, high = t->n_sources, k;
    const struct trees_source *s;

    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;

        if (t->source[mid].feature <= feature)
            low = mid;
        else
            high = mid;
    }
    s = &t->source[low];
    low = 0;
    high = s->n;
    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;

        if (s->threshold[mid] <= threshold)
            low = mid;
        else
            high = mid;
    }
    k = low / RANKS;
    *column_out = s->column + k;
    *rank_out = (uint32_t)(low % RANKS);
}

static bool lay_sources(struct sweeping *m)
{
    struct rd_trees *t = m->t;
    size_t n = 0, columns = 0;
    float *threshold = RD_NEW_ARRAY(m->arena, float, m->n_want);
    struct trees_source *source;

    qsort(m->want, m->n_want, sizeof *m->want, ascending);
    for (size_t i = 0; i < m->n_want; i++)
        n += !i || m->want[i].feature != m->want[i - 1].feature;
    source = RD_NEW_ARRAY(m->arena, struct trees_source, n);
    if (!threshold || !source)
        return false;
    for (size_t i = 0; i < m->n_want; i++) {
        const struct wanted *w = &m->want[i];
        struct trees_source *s = &source[t->n_sources];

        if (!i || w->feature != w[-1].feature)
            *s = (struct trees_source){ .feature = w->feature, .threshold = threshold };
        if (!s->n || w->threshold > s->threshold[s->n - 1]) {
            *threshold++ = w->threshold;
            s->n++;
        }
        if (i + 1 == m->n_want || w[1].feature != w->feature) {
            s->column = columns;
            columns += (s->n + RANKS - 1) / RANKS;
            t->n_sources++;
        }
    }
    t->source = source;
    t->n_forward = columns;
    t->n_columns = t->equals ? 2 * columns : columns;
    return true;
}

/* --- trees --- */

static bool is_leaf(const struct rd_trees *t, uint32_t place)
{
    return t->left[place] == place;
}

static void want(struct sweeping *m, uint32_t feature, float threshold)
{
    if (m->want)
        m->want[m->n_want] = (struct wanted){ .feature = feature, .threshold = threshold };
    m->n_want++;
}

/* Thresholds of a tree; 0 when it has too many leaves (it may share nodes), else their number. */
static size_t look(struct sweeping *m, size_t tree, uint32_t *stack)
{
    const struct rd_trees *t = m->t;
    const size_t before = m->n_want;
    size_t n = 1, leaves = 0;

    stack[0] = t->root[tree];
    while (n) {
        const uint32_t p = stack[--n], feature = t->what[p] >> TREES_FLAGS;
        const struct tests s = tests_of(t, p);

        if (leaves + n + 1 > LEAVES) { /* each of those waiting has one at least */
            m->n_want = before;
            return 0;
        }
        if (is_leaf(t, p)) {
            leaves++;
            continue;
        }
        if (s.has_over)
            want(m, feature, s.over);
        if (s.has_under)
            want(m, feature, s.under);
        stack[n++] = t->left[p] + 1;
        stack[n++] = t->left[p];
    }
    return leaves;
}

static void put(struct sweeping *m, uint32_t place, float threshold, bool under, uint32_t from)
{
    const struct rd_trees *t = m->t;
    struct rd_sweep_node *n = &m->node[m->n_nodes++];
    size_t column;
    uint32_t rank;

    find(t, t->what[place] >> TREES_FLAGS, threshold, &column, &rank);
    /* In the column behind, bytes run the other way: v <= k there is ~v > ~k - 1. */
    if (under) {
        column += t->n_forward;
        rank = RANKS - 1 - rank;
    }
    n->column = (uint32_t)(column * ROWS);
    n->nan_right = t->what[place] & TREES_NAN_RIGHT ? UINT32_MAX : 0;
    n->from = from * 0x01010101u;
    n->rank = ((rank - 128) & 0xff) * 0x01010101u;
}

/* The nodes of a tree that look has counted. */
static void lay(struct sweeping *m, size_t tree, uint32_t *stack)
{
    struct rd_trees *t = m->t;
    struct trees_sweep *sweep = &t->sweep[tree];
    uint32_t waiting[LEAVES + 1]
                    [2]; /* of a right child: the nodes that lead there, begin and end */
    const size_t first = m->n_nodes;
    uint32_t leaf = 0;
    size_t n = 1;

    sweep->node = m->node + first;
    sweep->leaf = m->leaf + m->n_leaves;
    stack[0] = t->root[tree];
    waiting[0][0] = waiting[0][1] = 0;
    while (n) {
        const uint32_t p = stack[--n];
        const struct tests s = tests_of(t, p);
        const uint32_t begin = (uint32_t)m->n_nodes;

        for (uint32_t i = waiting[n][0]; i < waiting[n][1]; i++)
            m->node[i].to = leaf * 0x01010101u;
        if (is_leaf(t, p)) {
            m->leaf[m->n_leaves + leaf++] = t->leaf[p];
            continue;
        }
        if (s.has_over)
            put(m, p, s.over, false, leaf);
        if (s.has_under)
            put(m, p, s.under, true, leaf);
        waiting[n][0] = begin;
        waiting[n][1] = (uint32_t)m->n_nodes;
        stack[n++] = t->left[p] + 1;
        waiting[n][0] = waiting[n][1] = 0;
        stack[n++] = t->left[p];
    }
    m->n_leaves += leaf;
    sweep->n_leaves = leaf;
    sweep->n_nodes = m->n_nodes - first;
}

/* A weight for each leaf in turn, where that is all there is. */
static bool lay_weights(struct sweeping *m)
{
    struct rd_trees *t = m->t;
    double *weight = RD_NEW_ARRAY(m->arena, double, m->n_leaves);

    if (!weight)
        return false;
    for (size_t i = 0; i < m->n_leaves; i++)
        weight[i] = t->weight[m->leaf[i]];
    for (size_t i = 0; i < t->n_trees; i++)
        if (t->sweep[i].n_leaves)
            t->sweep[i].weight = weight + (t->sweep[i].leaf - m->leaf);
    return true;
}

bool trees_lay_sweeps(struct rd_trees *t, struct rd_arena *arena, struct rd_arena *own)
{
    uint32_t stack[LEAVES + 2];
    struct sweeping m = { .t = t, .arena = arena };
    size_t swept = 0, leaves = 0;

    if (t->members || !t->n_trees)
        return true;
    t->sweep = RD_NEW_ARRAY(arena, struct trees_sweep, t->n_trees);
    if (!t->sweep)
        return false;
    for (size_t i = 0; i < t->n_trees; i++) {
        t->sweep[i].n_leaves = look(&m, i, stack);
        leaves += t->sweep[i].n_leaves;
        swept += t->sweep[i].n_leaves > 0;
    }
    if (!swept || (t->equals && swept < t->n_trees) || leaves > TREES_SWEEP_LEAVES)
        goto none;
    m.want = RD_NEW_ARRAY(own, struct wanted, m.n_want);
    if (!m.want)
        return false;
    m.n_want = 0;
    for (size_t i = 0; i < t->n_trees; i++)
        (void)look(&m, i, stack);
    if (!lay_sources(&m))
        return false;
    if (t->n_columns > COLUMNS)
        goto none;
    m.node = RD_NEW_ARRAY(arena, struct rd_sweep_node, m.n_want);
    m.leaf = RD_NEW_ARRAY(arena, uint32_t, leaves);
    if (!m.node || !m.leaf)
        return false;
    for (size_t i = 0; i < t->n_trees; i++)
        if (t->sweep[i].n_leaves)
            lay(&m, i, stack);
    t->mixed = swept < t->n_trees;
    return !t->single || lay_weights(&m);
none:
    t->sweep = NULL;
    return true;
}

/* --- running --- */

size_t trees_sweep_room(const struct rd_trees *t)
{
    return t->sweep ? 2 * t->n_columns * ROWS : 0;
}

/* Rows with NaN: low bytes here, high ones in the copy. */
static void place_nan(const struct rd_trees *t, const float *x, size_t rows, size_t features,
    int8_t *column, int8_t *copy)
{
    for (size_t i = 0; i < t->n_sources; i++) {
        const struct trees_source *s = &t->source[i];
        const size_t end = s->column + (s->n + RANKS - 1) / RANKS;

        for (size_t r = 0; r < rows; r++) {
            if (!isnan(x[r * features + s->feature]))
                continue;
            for (size_t c = s->column; c < end; c++)
                for (size_t k = c; k < t->n_columns; k += t->n_forward) {
                    column[k * ROWS + r] = INT8_MIN;
                    copy[k * ROWS + r] = INT8_MAX;
                }
        }
    }
}

uint32_t trees_rank(const struct rd_trees *t, const struct rd_kernels *kernels, const float *x,
    size_t rows, size_t features, int8_t *column)
{
    const size_t size = t->n_columns * ROWS, forward = t->n_forward * ROWS;
    unsigned nan = 0;

    for (size_t first = 0; first < rows; first += RD_RANK_ROWS) {
        const size_t n = rows - first < RD_RANK_ROWS ? rows - first : RD_RANK_ROWS;
        float value[RD_RANK_ROWS] __attribute__((aligned(64))) = { 0 };

        for (size_t i = 0; i < t->n_sources; i++) {
            const struct trees_source *s = &t->source[i];
            const float *from = x + first * features + s->feature;

            for (size_t r = 0; r < n; r++, from += features) {
                value[r] = *from;
                nan |= *from != *from;
            }
            kernels->rank(&(struct rd_rank){ .x = value,
                .threshold = s->threshold,
                .n = s->n,
                .to = column + s->column * ROWS + first });
        }
    }
    for (size_t i = 0; forward < size && i < forward; i++)
        column[forward + i] = (int8_t)~column[i];
    if (!nan)
        return 0;
    memcpy(column + size, column, size);
    place_nan(t, x, rows, features, column, column + size);
    return (uint32_t)size;
}
