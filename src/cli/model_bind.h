/* model_bind.h - inputs of a model from files: arrays and columns find their input by name. */
#ifndef RD_CLI_MODEL_BIND_H
#define RD_CLI_MODEL_BIND_H

#include "cli/model_io.h"

/* "wants float32, its data are int32" and the like; RD_E_INPUT. Exact conversions happen. */
rd_status rd_model_convert(struct rd_cli *cli, const struct rd_graph_value *v, const char *path,
    const struct rd_tensor **tensor);

/*
 * One column of cells below a header line as the value wants it: (n, 1) where it has rank 2, else
 * (n); strings as they stand; an empty cell is NaN where floats are wanted, an error elsewhere.
 * columns > 1: so many side by side, (n, columns).
 */
struct rd_csv;
rd_status rd_model_column(struct rd_cli *cli, const struct rd_graph_value *v,
    const struct rd_csv *csv, size_t first, size_t columns, const struct rd_tensor **out);

#endif
