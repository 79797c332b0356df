/* train_impl.h - shared by train.c (the loop) and train_grad.c (gradients of weights, batch
 * normalization). */
#ifndef RD_GRAPH_TRAIN_IMPL_H
#define RD_GRAPH_TRAIN_IMPL_H

#include "base/run.h"
#include "graph/net.h"
#include "graph/plan_impl.h"

/* One place where a weight is used; a weight shared by several steps has several. */
struct train_use {
    int step;
    int input; /* 1 weight, 2 bias; NODE: which input */
    float *
        work; /* as the kernels give it, before the order of the weight; NULL: straight into grad */
    float *grad;            /* in the order of the weight */
    struct train_use *next; /* of the same weight, in step order */
};

struct train_param {
    int value;
    float *w, *m, *v;
    size_t count;
    struct train_use *uses;
    struct train_param *next;
};

/* A piece of the pass over weights: writes a part of one use's gradient that nobody else writes. */
struct train_task {
    struct train_use *use;
    size_t first, end; /* rows of the kernel, units or inputs; see train_grad.c */
};

struct train {
    struct rd_graph *graph;
    struct plan_code *code;
    struct plan_context *context;
    struct rd_error *error; /* one a context */
    size_t n_contexts;      /* in use by the current batch */
    struct rd_pool *pool;
    struct plan_pack *packs;
    struct plan_pack **pack; /* as an array */
    size_t n_packs;
    struct train_param *params;
    struct train_task *task;
    size_t n_tasks;
};

/* Lists every weight that is trained, and the tasks. RD_E_USAGE: none, or one that cannot be. */
rd_status train_list(struct train *t, struct rd_arena *arena, struct rd_error *err);
/* After the backward pass of all contexts. */
rd_status train_weights(struct train *t);
rd_status train_norm_forward(struct train *t, int step);
rd_status train_norm_backward(struct train *t, int step);

#endif
