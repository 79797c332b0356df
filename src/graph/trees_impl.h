/* trees_impl.h - the layout, private to trees.c (making) and trees_run.c (running). */
#ifndef RD_GRAPH_TREES_IMPL_H
#define RD_GRAPH_TREES_IMPL_H

#include "graph/trees.h"
#include "tensor/kernel.h"

enum { /* bits of what */
    TREES_NAN_RIGHT = 1,
    TREES_EQUAL = 2,  /* left when equal, not when at most */
    TREES_MEMBER = 4, /* left when a member; threshold64 holds the index of its set */
    TREES_FLAGS = 3   /* bits; the feature is above them */
};

struct trees_set {
    const double *value; /* ascending */
    size_t n;
};

/*
 * float32 rows go in blocks, transposed: (features, TREES_BLOCK). A block stands there twice when
 * nodes want it so: with infinity in the place of NaN, which is above every threshold, for nodes
 * that send NaN right, and with minus infinity for those that send it left.
 *
 * A tree that is not deep lies there a second time, as a heap: the children of i are 2 i + 1 and
 * 2 i + 2, leaves fill it up to full depth.
 */
enum {
    TREES_BLOCK = 64,
    TREES_FEATURES = 1 << 16, /* of a block, at most */
    TREES_HEAP_DEPTH = 10,
    TREES_HEAP_GROWTH = 8 /* entries a node of the tree */
};
struct trees_heap {
    float threshold;
    uint32_t at; /* where its feature's row of the transposed block begins */
};

/*
 * And trees of few leaves lie there a third time, for many rows side by side (trees_sweep.c): their
 * nodes for rd_kernels.sweep, and the columns of ranks that these read, RD_SWEEP_ROWS bytes each. A
 * column holds the ranks of up to RD_SWEEP_RANKS thresholds. Where there is equality, each column
 * stands there again backwards, behind all. And where rows have NaN, everything again: low bytes
 * for NaN in the first copy, high ones in the second, which the nodes read that send NaN right.
 */
enum { TREES_SWEEP_LEAVES = 1 << 26 };
struct trees_source { /* a feature and the thresholds it is compared with, ascending */
    uint32_t feature;
    size_t n, column;
    const float *threshold;
};
struct trees_sweep {
    const struct rd_sweep_node *node;
    const uint32_t *leaf;     /* from left to right: its index */
    const double *weight;     /* of these, when they are single */
    size_t n_nodes, n_leaves; /* no leaves: the tree is none of those */
};

struct rd_trees {
    size_t n_trees, n_targets, n_features, n_places;
    enum rd_tree_sum sum;
    double work;
    bool equals;              /* some node has TREES_EQUAL */
    bool members;             /* some node has TREES_MEMBER */
    bool nan_left, nan_right; /* where nodes send NaN */
    bool nan_odd; /* right, though the threshold is infinite: no number stands for NaN then */
    /* Of each place (node or leaf): */
    float *threshold32; /* a leaf: infinite */
    double *threshold64;
    uint32_t *what; /* feature << TREES_FLAGS | flags */
    uint32_t *left; /* right is the place behind; a leaf: itself */
    uint32_t *leaf; /* of a leaf: its index */
    uint32_t *at;   /* as in a heap */
    const struct trees_set *set;
    /* Of each tree: */
    uint32_t *root, *depth;
    uint32_t *heap;               /* where its heap begins; UINT32_MAX: it has none */
    uint32_t *heap_leaf;          /* where its 2^depth leaves begin */
    struct trees_heap *heap_node; /* of all heaps, one behind the other */
    uint32_t *heap_at;            /* of their leaves: the leaf's index */
    /* Of each leaf: */
    const uint32_t *first; /* n_leaves + 1 */
    const uint32_t *target;
    const double *weight;
    /* Of sweeps; sweep NULL: there are none. */
    struct trees_sweep *sweep; /* a tree */
    const struct trees_source *source;
    size_t n_sources, n_forward, n_columns; /* forward: columns that do not run backwards */
    bool mixed;                             /* some trees are too large */
    bool single; /* one target and exactly one weight a leaf: weight[leaf] it is */
};

/* trees_sweep.c; own: what only the making needs. false: memory. */
bool trees_lay_sweeps(struct rd_trees *t, struct rd_arena *arena, struct rd_arena *own);
size_t trees_sweep_room(const struct rd_trees *t);
/* The columns of at most RD_SWEEP_ROWS rows, in room of trees_sweep_room bytes; what to add to
 * offsets for nodes that send NaN right. */
uint32_t trees_rank(const struct rd_trees *t, const struct rd_kernels *kernels, const float *x,
    size_t rows, size_t features, int8_t *column);

#endif
