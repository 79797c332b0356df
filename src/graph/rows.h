/*
 * rows.h - a run of any graph whose rows are independent, its batch cut over the pool.
 *
 * Where every input and output has the free batch as axis 0 and each row of the outputs comes from
 * that row of the inputs alone (shape.c has followed it), the batch runs in pieces, each by itself
 * through the executor: forests and machines of ai.onnx.ml use all threads so. Other graphs run as
 * one. A row's answer is the same either way.
 */
#ifndef RD_GRAPH_ROWS_H
#define RD_GRAPH_ROWS_H

#include "graph/exec.h"

struct rd_pool;

/* As rd_exec_run of an executor of graph. */
rd_status rd_rows_run(const struct rd_exec *exec, const struct rd_graph *graph,
    struct rd_pool *pool, const struct rd_tensor *const *input, size_t n_inputs,
    struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err);

#endif
