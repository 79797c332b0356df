/* train_impl.h - shared by train.c (the loop), train_grad.c (gradients of weights, batch
 * normalization), train_adversary.c and train_private.c. */
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
    float *sum; /* private training only: of the lot's clipped gradients */
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
    bool *made; /* per value: computed from weights */
    struct train_task *task;
    size_t n_tasks;
};

/* Lists every weight that is trained, and the tasks. RD_E_USAGE: none, or one that cannot be. */
rd_status train_list(struct train *t, struct rd_arena *arena, struct rd_error *err);
/* After the backward pass of all contexts. */
rd_status train_weights(struct train *t);
/* Between the two steps of a batch normalization (step: BATCHNORM): the sums of all contexts. */
void train_norm_forward(struct train *t, int step);
void train_norm_backward(struct train *t, int step);

/* Some examples side by side, as the adversary moves them: x is overwritten. */
struct train_lot {
    float *x;
    const int *label;
    const float *soft;   /* when label is NULL */
    const uint64_t *key; /* each example's own, of its random start */
    size_t n;
};
struct train_adversary;
rd_status train_adversary_check(const struct rd_train *how, struct rd_error *err);
/* floats: what all its contexts may take. Its packed weights join packs. */
rd_status train_adversary_new(const struct train *t, const struct rd_train *how,
    const struct rd_tensor **aligned, struct plan_pack **packs, size_t floats,
    struct rd_arena *arena, struct train_adversary **adversary_out, struct rd_error *err);
/* share: of eps and step size, 0 to 1. The packed weights must be filled. */
rd_status train_adversary_move(
    struct train_adversary *a, const struct train_lot *lot, double share, struct rd_error *err);

struct train_private;
rd_status train_private_check(const struct rd_train *how, struct rd_error *err);
/* lot: the expected number of examples of one step. RD_E_USAGE: batch normalization. */
rd_status train_private_new(struct train *t, const struct rd_train *how, double lot,
    struct rd_arena *arena, struct train_private **private_out, struct rd_error *err);
/* Which of n examples this step is about, into row (room for n). */
void train_private_lot(
    const struct train_private *p, uint64_t step, size_t n, size_t *row, size_t *n_out);
/* After the backward pass of contexts of one row each: adds every clipped gradient. */
rd_status train_private_add(struct train_private *p);
/* Noise, mean; into the first use's gradient of each weight. */
rd_status train_private_close(struct train_private *p, uint64_t step);

/* Learning rate of step at (from 0) of all. */
double train_rate(const struct rd_train *how, size_t at, size_t all);
/* RD_E_INPUT: values or labels out of range, by row. */
rd_status train_check_data(const float *x, const int *label, const float *soft, size_t n,
    size_t inputs, size_t classes, struct rd_error *err);
/* train_exec.c: node by node, for what no plan can run; graph is a copy whose weights change. */
rd_status train_by_exec(struct rd_run *run, struct rd_graph *graph, const struct rd_train *how,
    const float *x, const int *label, const float *soft, size_t n, struct rd_train_report *report);

#endif
