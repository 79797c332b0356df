/*
 * target.h - what an attack may query. An ONNX file now; endpoints and processes are further makers
 * of the same struct. A defense wraps one target in another.
 */
#ifndef RD_TARGET_TARGET_H
#define RD_TARGET_TARGET_H

#include "base/run.h"
#include "graph/net.h"

#include <redoubt/attack.h>

struct rd_recipe;

struct rd_target {
    void *self;
    const char *label; /* how messages name it: path or URL */
    size_t inputs, classes;
    int ndim; /* of one example */
    int64_t dim[RD_MAX_DIMS];
    unsigned access; /* what it can give at most */
    bool scores_are_probabilities;
    char digest[65];       /* "" for targets without one (endpoints) */
    const char *controls;  /* canonical text of the defenses around it, one a line, innermost first;
                              "" when none */
    double price_per_1000; /* currency per 1,000 rows */
    double seconds_per_row; /* endpoints: assumed, for estimates, which send nothing; 0: time it */
    uint64_t quota;         /* rows that one attack may spend at most; 0: no quota */
    /* (n, classes): finite, else RD_E_INPUT. NULL when scores are withheld. */
    rd_status (*scores)(void *self, const float *x, size_t n, float *score, struct rd_error *err);
    /* (n): index of the largest score, the lowest one on ties. */
    rd_status (*labels)(void *self, const float *x, size_t n, int *label, struct rd_error *err);
    rd_status (*vjp)(void *self, const float *x, const float *cotangent, size_t n, float *grad,
        struct rd_error *err); /* NULL when it has none */
    /*
     * Of the cross-entropy of the logits; where that underflows, of the right direction still. loss
     * (n), answer (n: the label of each row, which the same forward pass gives for nothing): may be
     * NULL. The pointer is NULL when it has no gradients.
     */
    rd_status (*loss_gradient)(void *self, const float *x, const int *label, size_t n, float *grad,
        float *loss, int *answer, struct rd_error *err);
    const char *no_gradients;       /* why vjp and loss_gradient are NULL, or NULL */
    const struct rd_recipe *recipe; /* how it was trained, when somebody said; NULL: not known */
};

/* Index of the largest of n scores, the lowest one on ties. */
int rd_target_argmax(const float *score, size_t n);

/* Closed when the arena is released. */
rd_status rd_target_open_onnx(const char *path, struct rd_pool *pool, struct rd_arena *arena,
    struct rd_target **target_out, struct rd_error *err);
/* The same of a graph in memory, which must outlive it. label: how messages name it. */
rd_status rd_target_open_graph(const struct rd_graph *graph, const char *label,
    struct rd_pool *pool, struct rd_arena *arena, struct rd_target **target_out,
    struct rd_error *err);
/*
 * From now on an ONNX file just opened gives straight-through gradients (graph/surrogate.h); scores
 * and labels stay the model's own. RD_E_USAGE: the target is no ONNX file.
 */
rd_status rd_target_straight_through(
    struct rd_target *target, struct rd_pool *pool, struct rd_arena *arena, struct rd_error *err);

#endif
