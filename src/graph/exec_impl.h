/* exec_impl.h - private to exec*.c: what one run holds. */
#ifndef RD_GRAPH_EXEC_IMPL_H
#define RD_GRAPH_EXEC_IMPL_H

#include "graph/exec.h"
#include "graph/op.h"

struct exec_cache;

/* What a node does besides: the work of the Add and Relu behind it, which then only show its
 * result. */
struct exec_finish {
    int bias;  /* value; -1: none */
    int shows; /* of the Add or Relu: which input it shows; -1: it computes */
    bool relu;
};

struct rd_exec {
    const struct rd_graph *graph;
    const struct rd_kernels *kernels;
    struct rd_exec_limits limits;
    struct rd_arena own, *arena;     /* of the whole: those of subgraphs share it */
    const struct rd_tensor **weight; /* per value: it, with aligned data; NULL when no weight */
    int *uses; /* per value: by nodes and as output; INT_MAX is not reached: nodes are bounded */
    struct exec_finish *finish; /* per node; exec_finish.c */
    size_t widest_in, widest_out;
    struct rd_exec **body; /* of the subgraphs, by node */
    size_t n_bodies;
    size_t *first_body;       /* per node, its first in body; NULL: there are none at all */
    struct exec_cache *cache; /* buffers of runs that are over; NULL in subgraphs' */
};

/* In front of every buffer. Those that a call of control flow holds are linked. */
struct exec_block {
    size_t bytes;
    int size_class; /* of the cache; -1: none */
    struct exec_block *prev, *next;
};

/* What a run and all runs of its subgraphs may use together. */
struct exec_budget {
    size_t live, ceiling;
    double work, most_work;
    double steps, most_steps;
    struct exec_cache *cache; /* NULL: buffers come from and go to the system */
};

/* A run of a subgraph that is kept for backward. */
struct exec_kept {
    const struct rd_exec *body;
    struct rd_exec_pass *pass;
};

/* One run of one graph. */
struct rd_exec_pass {
    const struct rd_exec *exec;
    size_t n_values, n_nodes, n_bodies; /* the arena may outlive exec */
    struct rd_arena *arena;
    struct rd_tensor *t; /* per value */
    void **buffer;       /* per value: its data; NULL: not owned */
    int *source;         /* per value: whose data it shows (a view); -1: its own */
    int *left;           /* uses still to come */
    void **saved;        /* per node */
    bool keep;
    struct exec_budget *budget, own; /* budget is own, or that of the run around */
    char *scratch;
    size_t scratch_size;
    const struct rd_tensor **in;
    struct rd_tensor **out, *unnamed;
    struct exec_block held;    /* head of a ring: buffers of the call that is running */
    struct exec_block behind;  /* the same for calls that are over, when kept for backward */
    struct rd_exec_pass **sub; /* per body: used again by every run that is not kept */
    struct exec_kept **kept;   /* per node: runs of its subgraphs, kept */
    size_t *n_kept;
    size_t index;                  /* of the node that is running */
    const struct rd_op_call *back; /* in backward: its call */
    size_t grad_bytes; /* counted by the last backward pass, those of sequences left out */
    struct rd_arena *back_arena; /* of the whole backward pass: gradients of sequences */
    struct rd_error *err;
};

/* Fills e->finish; false: no memory. uses and weight are known. */
bool exec_find_finish(struct rd_exec *e);

/* --- exec_cache.c: buffers of runs that are over wait for the next run of the same executor --- */
struct exec_cache *exec_cache_new(void); /* NULL: no memory */
void exec_cache_keep(struct exec_cache *c);
void exec_cache_drop(struct exec_cache *c); /* NULL: nothing */
/* A block for so many bytes of data, filled in; NULL: no memory. c may be NULL. */
struct exec_block *exec_cache_take(struct exec_cache *c, size_t bytes);
void exec_cache_give(struct exec_cache *c, struct exec_block *b);

rd_status exec_grab(struct rd_exec_pass *p, size_t bytes, void **out);
void exec_let_go(struct rd_exec_pass *p, void *data); /* NULL: nothing */
rd_status exec_scratch(struct rd_exec_pass *p, size_t bytes);
void exec_ring(struct exec_block *head);
void exec_free_ring(struct rd_exec_pass *p, struct exec_block *head);
rd_status exec_name_node(const struct rd_exec_pass *p, size_t i, rd_status st);

/* A pass with nothing in it; around: the run that it belongs to, NULL: none. */
rd_status exec_pass_new(const struct rd_exec *e, struct rd_arena *arena, bool keep,
    struct rd_exec_pass *around, struct rd_exec_pass **pass_out, struct rd_error *err);
/* Weights in place, everything else unknown. */
void exec_pass_reset(struct rd_exec_pass *p);
/* Frees the buffers, not the pass. */
void exec_pass_release(void *pass);
/* All nodes in order; inputs are set. Errors name the node. */
rd_status exec_pass_nodes(struct rd_exec_pass *p);
/* Gradients of a kept pass; as rd_exec_back, which calls it. */
rd_status exec_pass_back(struct rd_exec_pass *p, const struct rd_tensor *const *cotangent,
    const bool *want, struct rd_arena *arena, struct rd_tensor **grad);
/* Does a gradient go through such a value? Integers and truth values are constants to the calculus;
 * sequences of floats are none. */
bool exec_carries(const struct rd_tensor *t);
static inline bool exec_is_float(enum rd_dtype t)
{
    return t == RD_F32 || t == RD_F64 || t == RD_F16 || t == RD_BF16;
}

extern const struct rd_op_flow exec_flow;
void exec_flow_release(struct rd_exec_pass *p); /* what kept runs hold */

#endif
