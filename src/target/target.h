/*
 * target.h - what an attack may query. An ONNX file now; endpoints and processes are further makers of the same
 * struct. A defense wraps one target in another.
 */
#ifndef RD_TARGET_TARGET_H
#define RD_TARGET_TARGET_H

#include "base/run.h"
#include "graph/net.h"

#include <redoubt/attack.h>

struct rd_target {
    void *self;
    const char *label;   /* how messages name it: path or URL */
    size_t inputs, classes;
    int ndim;            /* of one example */
    int64_t dim[RD_MAX_DIMS];
    unsigned access;     /* what it can give at most */
    bool scores_are_probabilities;
    char digest[65];     /* "" for targets without one (endpoints) */
    const char *controls;/* canonical text of the defenses wrapped around it, "" when none */
    double price_per_1000; /* currency per 1,000 rows */
    uint64_t quota;      /* rows that one attack may spend at most; 0: no quota */
    rd_status (*scores)(void *self, const float *x, size_t n, float *score, struct rd_error *err);
    rd_status (*labels)(void *self, const float *x, size_t n, int *label, struct rd_error *err);
    rd_status (*vjp)(void *self, const float *x, const float *cotangent, size_t n, float *grad,
        struct rd_error *err); /* NULL when it has none */
    rd_status (*loss_gradient)(void *self, const float *x, const int *label, size_t n, float *grad,
        float *loss, struct rd_error *err); /* NULL when it has none */
};

/* Closed when the arena is released. */
rd_status rd_target_open_onnx(const char *path, struct rd_pool *pool, struct rd_arena *arena,
    struct rd_target **target_out, struct rd_error *err);

#endif
