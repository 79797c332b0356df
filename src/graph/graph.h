/*
 * graph.h - an ONNX model in memory: tensors, nodes, the order to run them in.
 *
 * Read by onnx_read.c, written by onnx_write.c, shapes by shape.c, run by exec.c (anything) and
 * plan.c (float32 classifiers, fast). A graph is immutable once loaded, but for rd_graph_copy +
 * writing into its weights (training). Weights may point into the mapped file: the arena of the
 * load keeps it mapped.
 */
#ifndef RD_GRAPH_GRAPH_H
#define RD_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/run.h"
#include "tensor/tensor.h"

#include <redoubt/error.h>

struct rd_graph;

/* What a value is, when it is no tensor (tensor/boxed.h) or a type stands in an attribute. */
struct rd_type {
    enum rd_dtype dtype;        /* RD_DTYPE_NONE: not said */
    enum rd_dtype key;          /* RD_MAP: RD_I64, RD_STRING, ... */
    const struct rd_type *item; /* of a sequence, an optional, the values of a map */
    int ndim;                   /* of a tensor; -1: not said */
    int64_t dim[RD_MAX_DIMS];   /* -1: any */
};

struct rd_attr {
    const char *name;
    enum rd_attr_type {
        RD_ATTR_FLOAT = 1,
        RD_ATTR_INT = 2,
        RD_ATTR_STRING = 3,
        RD_ATTR_TENSOR = 4,
        RD_ATTR_GRAPH = 5,
        RD_ATTR_FLOATS = 6,
        RD_ATTR_INTS = 7,
        RD_ATTR_STRINGS = 8,
        RD_ATTR_TENSORS = 9,
        RD_ATTR_GRAPHS = 10,
        RD_ATTR_TYPE = 13
    } type;
    float f;
    int64_t i;
    const char *s;
    size_t s_len;
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
    const size_t *strings_len;
    size_t n; /* of floats, ints, strings, tensors or graphs */
    struct rd_tensor *tensor;
    struct rd_tensor *const *tensors;
    struct rd_graph *const *graphs; /* of RD_ATTR_GRAPH (n is 1) and RD_ATTR_GRAPHS */
    const struct rd_type *kind;     /* of RD_ATTR_TYPE */
    const void
        *origin; /* while a model is read: the call that a subgraph was given to; then NULL */
};

/* A value: graph input, weight (initializer), or output of a node. */
struct rd_graph_value {
    const char *name;
    enum rd_dtype dtype;        /* RD_DTYPE_NONE while unknown */
    const struct rd_type *item; /* of a sequence, optional or map (its values); NULL: not known */
    enum rd_dtype key;          /* of a map */
    int ndim;                   /* -1 while unknown */
    int64_t dim[RD_MAX_DIMS];   /* -1: symbolic (batch) or unknown */
    const char *dim_name[RD_MAX_DIMS]; /* of a symbolic dim, or NULL */
    const struct rd_tensor
        *weight;  /* initializer or folded constant (then producer >= 0); NULL else */
    int producer; /* node index, -1 for inputs and weights */
    bool taken;   /* from around a subgraph; a weight may be known all the same */
    bool batched; /* axis 0 is the free batch, and its rows are computed independently of each other
                   */
};
struct rd_graph_node {
    const char *name;        /* "" when the file gives none */
    const char *op, *domain; /* domain "" is ai.onnx */
    int64_t opset;           /* version at which the model imports the domain */
    const struct rd_op *row; /* of ops.def */
    const void *prepared;    /* what row->prepare made of the attributes; NULL: nothing */
    const int *input;        /* value index, -1: left out */
    const int *output;
    int n_inputs, n_outputs;
    /*
     * The last n_captures inputs are values that the node's subgraphs take from around them by
     * name: no inputs to the operator, but inputs to whoever asks what the node depends on.
     */
    int n_captures;
    const struct rd_attr *attr;
    size_t n_attrs;
};

struct rd_graph_import {
    const char *domain;
    int64_t version;
};

struct rd_graph {
    const char *path, *name, *producer_name;
    int64_t ir_version;
    int64_t opset; /* of ai.onnx; 0 when not imported */
    const struct rd_graph_import *import;
    size_t n_imports;
    bool own_weights;  /* made by rd_graph_copy or rd_graph_build: weights are aligned and may be
                          written */
    size_t file_bytes; /* of the model and its external data: what memory and work are measured
                          against */
    struct rd_graph_value *value;
    size_t n_values;
    struct rd_graph_node *node; /* in topological order */
    size_t n_nodes;
    const int *input; /* value indices, weights left out */
    size_t n_inputs;
    /*
     * A subgraph runs like a graph of its own: its last n_captures inputs are what it takes from
     * around it; capture[k] says which input of the node that holds it comes k-th.
     */
    const int *capture;
    size_t n_captures;
    const int *output;
    size_t n_outputs;
};

/* RD_E_INPUT names the node, tensor or byte offset; RD_E_LIMIT what was too large. */
rd_status rd_graph_load(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_graph **graph_out, struct rd_error *err);
/* bytes must outlive the arena's use of the graph. name is for messages. folder: of external data,
 * NULL: refused. */
rd_status rd_graph_parse(const char *name, const char *folder, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_graph **graph_out,
    struct rd_error *err);
/* A TensorProto on its own, as ONNX's test data has them. bytes must outlive the arena's use of the
 * tensor. */
rd_status rd_graph_tensor_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err);
/* The same for any value: a SequenceProto or OptionalProto where `like` is one, else a TensorProto.
 */
rd_status rd_graph_value_parse(const char *name, const void *bytes, size_t size,
    const struct rd_graph_value *like, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err);
/* ONNX bytes; the same graph gives the same bytes. */
struct rd_buf;
rd_status rd_graph_bytes(const struct rd_graph *graph, struct rd_buf *out, struct rd_error *err);
rd_status rd_graph_save(const struct rd_graph *graph, const char *path, struct rd_error *err);
/*
 * Every value's type and shape for a batch of n examples (each free first axis of an input becomes
 * n; other free dims are an error): shape_out[value], data set for weights and folded constants
 * only. n_values entries in arena.
 */
rd_status rd_graph_shapes(const struct rd_graph *graph, int64_t n, struct rd_arena *arena,
    struct rd_tensor **shape_out, struct rd_error *err);
/* Do these tensors fit the graph's inputs (count, type, rank, fixed dims, equal names of free
 * dims)? RD_E_INPUT says what not. */
rd_status rd_graph_check_inputs(const struct rd_graph *graph, const struct rd_tensor *const *input,
    size_t n_inputs, struct rd_error *err);
/* Multiplications and additions of one run on n examples. RD_E_USAGE when shapes stay unknown for a
 * batch of n. */
rd_status rd_graph_flops(
    const struct rd_graph *graph, int64_t n, double *flops_out, struct rd_error *err);
/*
 * *why_out: NULL when a gradient flows from the first output to every float input it depends on,
 * else a sentence (in arena) naming the first node that stops it.
 */
rd_status rd_graph_not_differentiable(const struct rd_graph *graph, struct rd_arena *arena,
    const char **why_out, struct rd_error *err);
/* The same for n values anywhere in the graph: each of them. */
rd_status rd_graph_not_differentiable_at(const struct rd_graph *graph, const int *value, size_t n,
    struct rd_arena *arena, const char **why_out, struct rd_error *err);
/* Is the first output a Softmax over the last axis (probabilities, not logits)? */
bool rd_graph_ends_in_softmax(const struct rd_graph *graph);
/* "conv1 (Conv)" or "node 3 (Conv)": how messages name a node. In a caller's buffer. */
const char *rd_graph_node_label(const struct rd_graph *graph, size_t node, char *out, size_t size);
/* A graph of its own with its own (writable, float32) weights. */
rd_status rd_graph_copy(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **copy_out, struct rd_error *err);
/* Fresh weights from the seed: Kaiming-uniform kernels as PyTorch's defaults, zero-mean batch-norm
 * state. */
rd_status rd_graph_init_weights(struct rd_graph *graph, uint64_t seed, struct rd_error *err);
/* SHA-256 of the canonical bytes (structure and weights). */
rd_status rd_graph_digest(const struct rd_graph *graph, char hex_out[65], struct rd_error *err);

/* Build graphs by hand (students of extraction, demo nets). */
struct rd_graph_spec { /* one layer of a plain chain */
    enum {
        RD_LAYER_END,
        RD_LAYER_CONV,
        RD_LAYER_RELU,
        RD_LAYER_MAXPOOL,
        RD_LAYER_FLATTEN,
        RD_LAYER_DENSE
    } kind;
    int out; /* channels or units */
    int kernel, stride, pad;
};
rd_status rd_graph_build(const struct rd_graph_spec *layers, const int64_t *input_dims, int n_dims,
    struct rd_arena *arena, struct rd_graph **graph_out, struct rd_error *err);

#endif
