/* trees_impl.h - the layout, private to trees.c (making) and trees_run.c (running). */
#ifndef RD_GRAPH_TREES_IMPL_H
#define RD_GRAPH_TREES_IMPL_H

#include "graph/trees.h"

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

struct rd_trees {
    size_t n_trees, n_targets, n_features, n_places;
    enum rd_tree_sum sum;
    double work;
    bool equals;  /* some node has TREES_EQUAL */
    bool members; /* some node has TREES_MEMBER */
    /* Of each place (node or leaf): */
    float *threshold32; /* a leaf: infinite */
    double *threshold64;
    uint32_t *what; /* feature << TREES_FLAGS | flags */
    uint32_t *left; /* right is the place behind; a leaf: itself */
    uint32_t *leaf; /* of a leaf: its index */
    const struct trees_set *set;
    /* Of each tree: */
    uint32_t *root, *depth;
    /* Of each leaf: */
    const uint32_t *first; /* n_leaves + 1 */
    const uint32_t *target;
    const double *weight;
    bool single; /* one target and exactly one weight a leaf: weight[leaf] it is */
};

#endif
