/*
 * onnx_reading.h - private to the reader: models, graphs and functions while they are read.
 *
 * A graph's nodes are first listed: calls of model-local functions are replaced by the function's
 * nodes, again and again, each with the call that says what its names and attributes mean. Then
 * names are defined, then resolved; a subgraph is read when the names around it are known.
 */
#ifndef RD_GRAPH_ONNX_READING_H
#define RD_GRAPH_ONNX_READING_H

#include "graph/onnx.h"

enum { RD_ONNX_SHOWN = 80, RD_ONNX_DEPTH = 32 /* of subgraphs, of calls */ };

enum { /* NodeProto */
    N_INPUT = 1,
    N_OUTPUT = 2,
    N_NAME = 3,
    N_OP = 4,
    N_ATTR = 5,
    N_DOMAIN = 7,
    N_OVERLOAD = 8
};

/* A name and what it stands for, sorted for look-up. */
struct rd_onnx_name {
    const char *text;
    int value;
};
rd_status rd_onnx_names(
    struct rd_onnx *x, const char *const *text, size_t n, struct rd_onnx_name **names_out);
/* -1: not there. */
int rd_onnx_find(const struct rd_onnx_name *names, size_t n, const char *text);

struct rd_onnx_function {
    const char *name, *domain, *overload;
    struct rd_span message;
    bool ready; /* what follows has been read */
    const char **input, **output;
    size_t n_inputs, n_outputs;
    struct rd_onnx_name *inputs, *outputs; /* sorted */
    struct rd_span *node;
    size_t n_nodes;
    const char **attr; /* names without a default */
    size_t n_attrs;
    struct rd_attr *fallback; /* attributes with a default */
    size_t n_fallbacks;
    struct rd_graph_import *import;
    size_t n_imports;
};

/* One expansion of a function. */
struct rd_onnx_call {
    struct rd_onnx_function *fn;
    const struct rd_onnx_call *outer; /* NULL: called from a graph */
    const struct rd_onnx_call *names; /* through which names go where it is called */
    int depth;
    const char *label;          /* for messages and names: unique in the model */
    const char **in, **out;     /* per formal input and output: the name around; "": left out */
    const struct rd_attr *attr; /* given, references resolved */
    size_t n_attrs;
};

/* A node to be read. */
struct rd_onnx_item {
    struct rd_span message;
    const struct rd_onnx_call *call;  /* whose attributes and opsets hold; NULL: the model's */
    const struct rd_onnx_call *names; /* through which names go; NULL: as they stand */
    const char *from, *to; /* not NULL: no node in the file but an Identity between these */
};

struct rd_onnx_model {
    struct rd_onnx x;
    struct rd_graph_import *import;
    size_t n_imports, room_imports;
    struct rd_onnx_function *fn; /* sorted by domain, name, overload */
    size_t n_fns;
    size_t n_calls, expansion; /* so far: what functions cost beyond nodes */
};

struct rd_onnx_reading {
    struct rd_onnx_model *m;
    struct rd_onnx *x;
    struct rd_graph *g;
    struct rd_span graph;
    struct rd_onnx_reading *parent;    /* of a subgraph */
    const struct rd_onnx_item *holder; /* the node around a subgraph */
    size_t at;                         /* its place in the parent */
    const struct rd_onnx_call *call;   /* of the function that a subgraph stands in */
    int depth;
    size_t n_inputs, n_outputs, n_weights; /* as listed in the file */
    struct rd_onnx_item *item;
    size_t n_items, room_items;
    struct rd_onnx_name *names;
    size_t n_names, room_values;
    int *taken; /* the parent's values that a subgraph takes, in order */
    size_t n_taken, room_taken;
    int *slot; /* hash of them: place in taken, -1: free */
    size_t n_slots;
};

/* Doubles *list (count entries of size) when full. */
rd_status rd_onnx_grow(struct rd_onnx *x, void *list, size_t count, size_t *room, size_t size);

/* onnx_function.c */

/* The model's functions, unread but for their names. */
rd_status rd_onnx_functions(struct rd_onnx_model *m, struct rd_span model);
/* Lists a node of r, or what is behind it when it is a call. */
rd_status rd_onnx_list(struct rd_onnx_reading *r, const struct rd_onnx_item *item);
/* What a name at this node means in the graph that it has come to. */
rd_status rd_onnx_meaning(
    struct rd_onnx_model *m, const struct rd_onnx_call *names, const char *text, const char **out);
/* The attributes of a node (those of field `number`), references resolved; *n_out may be smaller
 * than listed. */
rd_status rd_onnx_attrs(struct rd_onnx_model *m, struct rd_span node, uint32_t number,
    const struct rd_onnx_call *call, struct rd_attr **attr_out, size_t *n_out);
/* The version that a node's domain is imported at; 0: none. */
int64_t rd_onnx_opset(
    const struct rd_onnx_model *m, const struct rd_onnx_call *call, const char *domain);

/* onnx_graph.c */

/* r->graph into r->g: nodes, names, order; no shapes yet. *declared_out: the outputs as declared.
 */
rd_status rd_onnx_graph(struct rd_onnx_reading *r, struct rd_graph_value **declared_out);

/* onnx_read.c */

/* An OperatorSetIdProto. */
rd_status rd_onnx_import(struct rd_onnx *x, struct rd_span message, struct rd_graph_import *out);

#endif
