/*
 * trees.h - ensembles of decision trees: checked and laid out once, then run for blocks of rows.
 *
 * Every kind of test becomes one shape: a row goes left when its feature is not above a threshold,
 * else right (or, for equality, left when it is equal); strict tests take the number just below
 * theirs, reversed ones swap their children. The two children of a node lie side by side and a leaf
 * is its own child, so one step of the descent is a load, a comparison and an addition, without a
 * branch, and rows (or, for few rows, trees) go down in lockstep. float32 rows are compared in
 * float32: thresholds that are no float32 are rounded so that each comparison keeps its outcome.
 */
#ifndef RD_GRAPH_TREES_H
#define RD_GRAPH_TREES_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rd_tree_mode { /* TreeEnsemble's numbers: yes when the feature is ... the threshold */
    RD_TREE_LEQ,
    RD_TREE_LT,
    RD_TREE_GTE,
    RD_TREE_GT,
    RD_TREE_EQ,
    RD_TREE_NEQ,
    RD_TREE_MEMBER, /* one of the node's members */
    RD_TREE_MODES
};
enum rd_tree_sum { RD_TREE_AVERAGE, RD_TREE_SUM, RD_TREE_MIN, RD_TREE_MAX };

/* A child or root: a node by its index, or RD_TREE_LEAF(index of a leaf). */
#define RD_TREE_LEAF(i) (-1 - (int64_t)(i))

/* The forest as a file describes it; nothing is trusted. Arrays of n_nodes unless said. */
struct rd_trees_spec {
    size_t n_nodes;
    const int64_t *feature;
    const uint8_t *mode;
    const double *threshold;
    const int64_t *yes, *no;
    const bool *missing_yes;    /* where NaN goes; NULL: to no */
    const size_t *member_first; /* n_nodes + 1, into member; NULL: no RD_TREE_MEMBER */
    const double *member;
    size_t n_leaves;
    const size_t *leaf_first; /* n_leaves + 1, into target and weight */
    const int64_t *target;
    const double *weight;
    size_t n_roots;
    const int64_t *root;
    size_t n_targets;
    enum rd_tree_sum sum;
};

struct rd_kernels; /* tensor/kernel.h */
struct rd_trees;   /* immutable; in the arena of its making */

/*
 * RD_E_INPUT names the node or leaf by its index: a child, feature, mode or target out of range, a
 * cycle, a node that no root leads to. A node may have several parents. RD_E_LIMIT: more than 2^30
 * nodes or features. Bounded by the size of the spec; depth costs no stack.
 */
rd_status rd_trees_make(const struct rd_trees_spec *spec, struct rd_arena *arena,
    const struct rd_trees **trees_out, struct rd_error *err);

size_t rd_trees_features(const struct rd_trees *t); /* the largest feature read, plus 1 */
size_t rd_trees_targets(const struct rd_trees *t);
double rd_trees_work(const struct rd_trees *t); /* steps of one row */

/* Bytes of room for rd_trees_run_f32, 64-byte aligned. */
size_t rd_trees_room(const struct rd_trees *t);
/*
 * score (rows, targets): the sum, average, least or largest over the trees, 0 where no tree has a
 * say. x (rows, features) float32 or float64, features at least rd_trees_features. Sums are in
 * float64 and in the order of the trees: a row's score depends on nothing but the row. kernels may
 * be NULL: every row goes down every tree.
 */
void rd_trees_run_f32(const struct rd_trees *t, const struct rd_kernels *kernels, const float *x,
    size_t rows, size_t features, double *score, void *room);
void rd_trees_run_f64(
    const struct rd_trees *t, const double *x, size_t rows, size_t features, double *score);

#endif
