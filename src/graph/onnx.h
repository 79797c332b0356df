/* onnx.h - private to the reader: what its files share. */
#ifndef RD_GRAPH_ONNX_H
#define RD_GRAPH_ONNX_H

#include "graph/graph.h"
#include "graph/pb.h"

enum { RD_OPSET_MAX = 1000 }; /* versions above are nonsense, whatever the domain */

/* One reading. Everything made belongs to arena; what it may cost in all is limits->memory_bytes.
 */
struct rd_onnx {
    const char *name;   /* of the file, for messages */
    const char *folder; /* of external data, NULL: refused */
    const unsigned char *base;
    const struct rd_limits *limits;
    struct rd_arena *arena;
    size_t used_before;         /* arena->used at the start */
    size_t file_bytes;          /* model and external data */
    struct rd_onnx_file *files; /* external files mapped so far */
    size_t n_files;
    size_t n_nodes; /* of all graphs and subgraphs so far, functions expanded */
    struct rd_error *err;
};

/* Zeroed; on NULL the error is set: RD_E_LIMIT above the ceiling, else RD_E_MEMORY. *st gets the
 * status. */
void *rd_onnx_alloc(struct rd_onnx *x, size_t count, size_t size, rd_status *st);
/* A NUL-terminated copy of a name. RD_E_INPUT when it is no UTF-8, holds a NUL or has more than 64
 * KiB. */
rd_status rd_onnx_text(
    struct rd_onnx *x, struct rd_span span, const char *what, const char **text_out);

/*
 * Contents of an AttributeProto; values are copied or converted, strings stay in place (no NUL
 * behind them). A subgraph is given as its bytes in s, several in strings. *reference_out: the
 * function's attribute that it stands for (then only name and type are set), NULL: none.
 */
rd_status rd_onnx_attr(
    struct rd_onnx *x, struct rd_span message, struct rd_attr *a, const char **reference_out);
/* Name and type of a ValueInfoProto. */
rd_status rd_onnx_value_info(struct rd_onnx *x, struct rd_span message, struct rd_graph_value *v);
/* A TypeProto. */
rd_status rd_onnx_type(struct rd_onnx *x, struct rd_span message, const struct rd_type **type_out);

/*
 * A TensorProto. raw_data of aligned or unaligned bytes is used in place; other storage is
 * converted. *name_out: "" when it has none.
 */
rd_status rd_onnx_tensor(struct rd_onnx *x, struct rd_span message, const char **name_out,
    struct rd_tensor **tensor_out);

/* size bytes at offset of the file `location` in the model's folder, mapped. Never outside, no
 * links. */
rd_status rd_onnx_external(struct rd_onnx *x, const char *location, uint64_t offset, uint64_t size,
    struct rd_span *span_out);

/* Order nodes so that producers come first; RD_E_INPUT names a node of a cycle. */
rd_status rd_graph_sort(struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err);
/* Types, shapes, constants, batch: fills graph->value. */
rd_status rd_graph_infer(struct rd_graph *graph, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_error *err);
/* Each If whose condition is constant becomes its branch (choose.c); shapes are inferred again. */
rd_status rd_graph_choose(struct rd_graph *graph, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_error *err);

#endif
