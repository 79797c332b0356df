/* foreign.h - models in the files of other libraries: told by their first bytes, made graphs. */
#ifndef RD_GRAPH_FOREIGN_H
#define RD_GRAPH_FOREIGN_H

#include "graph/graph.h"

/*
 * *known_out: the bytes are no ONNX but XGBoost JSON or UBJ, LightGBM text, CatBoost JSON - then
 * *graph_out or an error - or something that is never read (pickle, archives of PyTorch, HDF5,
 * weights alone): an error whose hint says how to export. False: for the ONNX reader.
 * rd_graph_parse asks this first.
 */
rd_status rd_foreign_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, bool *known_out,
    struct rd_graph **graph_out, struct rd_error *err);

#endif
