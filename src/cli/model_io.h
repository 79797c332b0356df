/* model_io.h - what the model commands share: arrays by name in, arrays by name out, labels. */
#ifndef RD_CLI_MODEL_IO_H
#define RD_CLI_MODEL_IO_H

#include "cli/cli.h"
#include "graph/net.h"

struct rd_model {
    struct rd_graph *graph;
    struct rd_net *net; /* freed with cli->run.scratch */
};

rd_status rd_model_open(struct rd_cli *cli, const char *path, struct rd_model *model_out);
/* With the weights of a safetensors file (NULL or "": none); names that do not meet are warnings.
 */
rd_status rd_model_open_with(
    struct rd_cli *cli, const char *path, const char *weights, struct rd_model *model_out);
/* The same of a graph that is there already and lives as long. */
rd_status rd_model_open_graph(
    struct rd_cli *cli, const struct rd_graph *graph, struct rd_model *model_out);

/*
 * "[NAME=]FILE" for each graph input, of .npy, .npz or .csv. A named file is that input (a table
 * with all its columns side by side); the arrays of an .npz and the columns of a .csv find their
 * input by name; other files are taken in order. Every input must come from exactly one place.
 * Values must be finite, but where an operator of the model knows missing values or the cell of a
 * table is empty. Other integer types are converted when all numbers fit, float64 is rounded to
 * float32 where the model wants that. in_blocks: the rows of a net of rows may be others than the
 * model fixes (see rd_model_by_rows). input: graph->n_inputs entries, NULL before.
 */
rd_status rd_model_read_inputs(struct rd_cli *cli, const struct rd_model *model,
    const struct rd_option_list *given, bool in_blocks, const struct rd_tensor **input);

/*
 * Whether rows x of the one float32 input go through the classifier's doors of net.h: where the
 * graph shows that rows are independent, and where the model fixes another number of rows than x
 * has, which then go through it in blocks. Otherwise the model runs as it stands, on all at once.
 */
bool rd_model_by_rows(const struct rd_model *model, const struct rd_tensor *x);

/*
 * Where "[NAME=]PATH" of given[i] points among n names: index[i], n without a name; twice the same,
 * an unknown name, or more than there are, is RD_E_USAGE. path[i] is what stands behind "NAME=".
 */
rd_status rd_model_names(struct rd_cli *cli, const char *what, const char *const *name, size_t n,
    const struct rd_option_list *given, size_t *index, const char **path);
/* The same; those without a name get the rest in order. */
rd_status rd_model_match(struct rd_cli *cli, const char *what, const char *const *name, size_t n,
    const struct rd_option_list *given, size_t *index, const char **path);
/* The failure st grows by "no WHAT 'word'", and a hint with the nearest name and all of them. */
rd_status rd_model_no_name(struct rd_cli *cli, const char *what, const char *word, size_t len,
    const char *const *name, size_t n, rd_status st);

/* An output to a file: .npy, or .txt with one string (or number) a line. */
rd_status rd_model_write(
    struct rd_cli *cli, const char *path, const char *name, const struct rd_tensor *t);

/* Integers of any type, shape (n), as int. */
rd_status rd_model_read_labels(
    struct rd_cli *cli, const char *path, int **label_out, size_t *n_out);

/* "float32 (batch, 1, 28, 28)" into out; returns out. */
const char *rd_model_type_text(const struct rd_graph_value *v, char *out, size_t size);
/* The shape as a JSON array: numbers, names of free dims, null for nameless ones. */
void rd_model_put_shape(struct rd_json *j, const char *key, const struct rd_graph_value *v);
/* {dtype, name, shape} of a tensor that was computed. */
void rd_model_put_tensor(struct rd_json *j, const char *name, const struct rd_tensor *t);

#endif
