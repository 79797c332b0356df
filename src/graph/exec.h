/*
 * exec.h - runs any graph node by node through the operator rows: every type, whole batch, one
 * thread.
 *
 * The slow and obvious way; plan.h is the fast one. Its float32 results are the reference for the
 * plan's.
 */
#ifndef RD_GRAPH_EXEC_H
#define RD_GRAPH_EXEC_H

#include "graph/graph.h"

struct rd_kernels;

struct rd_exec_limits {
    size_t
        memory; /* live bytes of one run; 0: 768 MiB + 64 x (model file + inputs), at most 64 GiB */
    double work;  /* multiplications and additions of one run; 0: 1e12 + 1e6 x (model file + inputs)
                     bytes */
    double steps; /* runs of subgraphs and of their nodes; 0: 3e7 */
};

struct rd_exec; /* immutable once open: many threads may run it, each with its own arena */

/* kernels NULL: the reference loops alone. limits NULL: the defaults above. */
rd_status rd_exec_open(const struct rd_graph *graph, const struct rd_kernels *kernels,
    const struct rd_exec_limits *limits, struct rd_exec **exec_out, struct rd_error *err);
void rd_exec_free(struct rd_exec *exec);

/*
 * All inputs and outputs in graph order. Inputs are checked against the graph: count, type, rank,
 * fixed dims, equal names of free dims. output: graph->n_outputs tensors in arena.
 */
rd_status rd_exec_run(const struct rd_exec *exec, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err);

/* A forward run that keeps what backward needs; in arena. output as above. */
struct rd_exec_pass;
rd_status rd_exec_keep(const struct rd_exec *exec, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_arena *arena, struct rd_exec_pass **pass_out,
    struct rd_tensor **output, struct rd_error *err);
/*
 * cotangent[i] (NULL: zero) is d loss / d output i, of its type and shape. grad[v] for graph value
 * v (a graph input or a weight) is filled where want[v]; n_values of each; NULL want: every graph
 * input of a float type. RD_E_USAGE names the node without a gradient when one lies between.
 */
rd_status rd_exec_back(const struct rd_exec *exec, struct rd_exec_pass *pass,
    const struct rd_tensor *const *cotangent, const bool *want, struct rd_arena *arena,
    struct rd_tensor **grad, struct rd_error *err);

/* The values of constants are folded by shape.c through this: one node, no limits but the arena's.
 * text: where strings that the row makes live. */
rd_status rd_exec_node(const struct rd_graph_node *node, const struct rd_kernels *kernels,
    const struct rd_tensor *const *in, struct rd_tensor *const *out, struct rd_arena *text,
    struct rd_error *err);

#endif
