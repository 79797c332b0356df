/*
 * rewrite.h - a graph as another one that answers the same: with a free batch, with two classes,
 * with its scores alone.
 */
#ifndef RD_GRAPH_REWRITE_H
#define RD_GRAPH_REWRITE_H

#include "graph/graph.h"

/*
 * A model exported with a fixed batch of N, with that axis free: constant shapes that Reshape is
 * given begin with 0 (as the input) where they began with N, everything else is inferred anew. It
 * shares weights and nodes with graph. *free_out NULL: its first output is then no longer computed
 * row by row as far as shapes tell. For N rows both compute the same, node by node.
 */
rd_status rd_graph_free_batch(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **free_out, struct rd_error *err);

/*
 * A model whose first output is one number p a row, (n, 1) or (n), as one of two classes.
 * *logits_out answers (0, z): z is what goes into a last Sigmoid, or the output itself when there
 * is none. *scores_out answers (1 - p, p) when there is a Sigmoid, else it is *logits_out. Both
 * share everything with graph. RD_E_USAGE: the first output is no such thing.
 */
rd_status rd_graph_two_classes(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **scores_out, struct rd_graph **logits_out, struct rd_error *err);
/* Is the first output one number a row? */
bool rd_graph_is_one_number(const struct rd_graph *graph);

/*
 * A classifier that answers a label first and its scores behind it, as exporters of scikit-learn
 * and its kin write them: with the scores, the first output of float32 in rows, as only output. It
 * shares everything with graph. graph itself when its first output is no label or no other is such
 * scores.
 */
rd_status rd_graph_scores_alone(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **alone_out, struct rd_error *err);

#endif
