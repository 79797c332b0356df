/*
 * forest.h - private to the readers of other libraries' tree files: trees while they are read, then
 * a graph of one TreeEnsemble (ai.onnx.ml 5) and what the library puts behind the scores.
 *
 * Nothing of a file is trusted here but what trees.h checks again: children out of range, cycles
 * and nodes that nothing leads to are its errors. Failure of memory is sticky and told at the end.
 */
#ifndef RD_GRAPH_FOREST_H
#define RD_GRAPH_FOREST_H

#include "base/doc.h"
#include "graph/graph.h"
#include "graph/trees.h"

enum rd_forest_end { /* what stands behind the scores */
    RD_FOREST_NONE,
    RD_FOREST_SIGMOID,
    RD_FOREST_SOFTMAX,
    RD_FOREST_EXP,
    RD_FOREST_SOFTPLUS,
    RD_FOREST_STEP,       /* 1 above 0, else 0 */
    RD_FOREST_SQUARE,     /* with its sign: undoes a root taken of the targets */
    RD_FOREST_CLASS,      /* softmax behind a first output "label", where it is largest */
    RD_FOREST_UNCERTAINTY /* of two scores the second is the logarithm of a deviation: exp(2 s) */
};

struct rd_forest {
    const char *name; /* of the file, for messages */
    const struct rd_limits *limits;
    struct rd_arena *arena; /* of the graph */
    struct rd_error *err;
    const char *producer;
    int64_t features, targets;
    enum rd_forest_end end;
    bool wide;   /* some leaf has several numbers */
    bool linear; /* targets are coefficients: (features + 1) x scores, the last row constants */
    bool failed; /* memory ran out, or the model is larger than limits->memory_bytes */
    size_t cap, n_nodes, cap_leaves, n_leaves, cap_roots, n_roots;
    struct rd_forest_node {
        int64_t feature, yes, no;
        double threshold;
        uint8_t mode, missing_yes;
    } * node;
    struct rd_forest_leaf {
        int64_t target;
        double weight;
        bool more; /* of the leaf before it */
    } * leaf;
    struct rd_forest_root { /* a tree: what came in since the one before is its own */
        int64_t node;
        size_t behind, leaf_behind;
    } * root;
};

enum { RD_FOREST_FEATURES = 1 << 24 };

/* n nodes to be set later; the index of the first. */
size_t rd_forest_reserve(struct rd_forest *f, size_t n);
void rd_forest_set(struct rd_forest *f, size_t at, struct rd_forest_node node);
/* As a child: RD_TREE_LEAF(i). */
int64_t rd_forest_leaf(struct rd_forest *f, int64_t target, double weight);
/* One number more of the leaf made last. */
void rd_forest_leaf_more(struct rd_forest *f, int64_t target, double weight);
/* Numbers that every row gets, one a target. */
void rd_forest_bias(struct rd_forest *f, const double *bias);
/* A tree from a node or leaf. */
void rd_forest_root(struct rd_forest *f, int64_t child);

/*
 * Node `at` made a choice between pieces of the feature's line: outcome[i] below bound i (strictly,
 * or not above it where mode is RD_TREE_LEQ), the last above all; bounds ascend. NaN goes to nan.
 * A balanced search, so that a set of categories costs its logarithm.
 */
struct rd_forest_bound {
    double at;
    uint8_t mode; /* RD_TREE_LT or RD_TREE_LEQ */
};
void rd_forest_pieces(struct rd_forest *f, size_t at, int64_t feature,
    const struct rd_forest_bound *bound, const int64_t *outcome, size_t n_bounds, int64_t nan);
/*
 * The same for a set of categories, whole numbers >= 0, ascending: x cut to a whole number is one
 * of them. negative_cut: what lies in (-1, 0) is cut to 0 as C does, else it is no category.
 */
void rd_forest_categories(struct rd_forest *f, size_t at, int64_t feature, const int64_t *category,
    size_t n, bool negative_cut, int64_t in, int64_t out, int64_t nan);

/*
 * Input "features" (batch, features) float32, output "scores" (batch, targets) float32; in front of
 * it "label" (batch) int64 with RD_FOREST_CLASS. linear: a score is the sum of features times the
 * coefficients of the leaves they came to, NaN counting as 0 (leaves that must not be reached with
 * one are the reader's care).
 */
rd_status rd_forest_graph(struct rd_forest *f, struct rd_graph **graph_out);
/* scores = features * weight (features, targets) + bias (targets): gblinear. */
rd_status rd_forest_linear(
    struct rd_forest *f, const float *weight, const float *bias, struct rd_graph **graph_out);
void rd_forest_release(struct rd_forest *f); /* what is not in the graph */

/* --- numbers of documents --- */

/* As written, quoted or plain. */
bool rd_forest_real(const struct rd_doc *d, double *out);
bool rd_forest_int(const struct rd_doc *d, int64_t *out);

/* --- the readers; f has name, limits, arena and err --- */

rd_status rd_xgboost_read(
    struct rd_forest *f, const struct rd_doc *doc, struct rd_graph **graph_out);
rd_status rd_catboost_read(
    struct rd_forest *f, const struct rd_doc *doc, struct rd_graph **graph_out);
rd_status rd_lightgbm_read(
    struct rd_forest *f, const char *text, size_t size, struct rd_graph **graph_out);

#endif
