/*
 * model_bind.c - rd_model_read_inputs: named files first, then archives and tables, whose parts
 * carry names, then what is left in order.
 */
#include "cli/model_bind.h"

#include "base/file.h"
#include "base/text.h"
#include "base/zip.h"
#include "data/csv.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 80 };

struct binding {
    struct rd_cli *cli;
    const struct rd_graph *graph;
    const char **name; /* of the inputs, then NULL */
    const char **from; /* the file of each, NULL: none yet */
    const struct rd_tensor **input;
    bool missing; /* the model knows what to do with NaN and infinities */
};

static const struct rd_graph_value *value_of(const struct binding *b, size_t i)
{
    return &b->graph->value[b->graph->input[i]];
}

/* Operators for which a number that is none means something. */
static bool knows_missing(const struct rd_graph *g)
{
    static const char *const op[] = { "TreeEnsemble", "TreeEnsembleClassifier",
        "TreeEnsembleRegressor", "Imputer", "LabelEncoder", "IsNaN", "IsInf" };

    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < sizeof op / sizeof *op; k++)
            if (!strcmp(g->node[i].op, op[k]))
                return true;
    return false;
}

/* Takes the array as input i. */
static rd_status take(
    struct binding *b, size_t i, const char *path, const struct rd_tensor *t, bool finite)
{
    struct rd_error *err = b->cli->run.err;
    const size_t n = rd_tensor_count(t);
    char safe[SHOWN], file[SHOWN], other[SHOWN];

    (void)rd_text_safe_in(safe, sizeof safe, b->name[i]);
    (void)rd_text_safe_in(file, sizeof file, path);
    if (b->from[i])
        return RD_FAIL(err, RD_E_USAGE, "two files for input '%s': '%s' and '%s'", safe,
            rd_text_safe_in(other, sizeof other, b->from[i]), file);
    for (size_t k = 0; k < n && finite && !b->missing; k++) {
        const double x = t->dtype == RD_F32   ? (double)((const float *)t->data)[k]
                         : t->dtype == RD_F64 ? ((const double *)t->data)[k]
                                              : 0;
        if (!isfinite(x))
            return RD_FAIL(err, RD_E_INPUT, "'%s' holds %s at element %zu", file,
                isnan(x) ? "NaN" : "an infinity", k);
    }
    b->from[i] = path;
    b->input[i] = t;
    return rd_model_convert(b->cli, value_of(b, i), path, &b->input[i]);
}

static size_t input_of(const struct binding *b, const char *name, size_t len)
{
    size_t i = 0;

    while (i < b->graph->n_inputs && (strncmp(b->name[i], name, len) || b->name[i][len]))
        i++;
    return i;
}

/* --- archives --- */

static size_t stem(const char *name)
{
    const size_t n = strlen(name);

    return n > 4 && !strcmp(name + n - 4, ".npy") ? n - 4 : n;
}

static rd_status bind_npz(struct binding *b, const char *path, struct rd_bytes bytes, bool *bound)
{
    struct rd_error *err = b->cli->run.err;
    struct rd_zip *zip;
    struct rd_tensor *t;
    char file[SHOWN];
    rd_status st = rd_zip_open(path, bytes.data, bytes.size, NULL, b->cli->run.scratch, &zip, err);

    (void)rd_text_safe_in(file, sizeof file, path);
    /* The only array of a file may be called anything. */
    *bound = st || zip->n != 1 ||
             input_of(b, zip->entry[0].name, stem(zip->entry[0].name)) < b->graph->n_inputs;
    for (size_t e = 0; !st && *bound && e < zip->n; e++) {
        const char *name = zip->entry[e].name;
        const size_t i = input_of(b, name, stem(name));

        if (i == b->graph->n_inputs) {
            st =
                RD_FAIL(err, RD_E_INPUT, "'%s' holds an array that is no input of the model", file);
            return rd_model_no_name(
                b->cli, "input", name, stem(name), b->name, b->graph->n_inputs, st);
        }
        st = rd_npz_parse_any(
            path, name, bytes.data, bytes.size, NULL, b->cli->run.scratch, &t, err);
        if (!st)
            st = take(b, i, path, t, true);
    }
    return st;
}

/* --- tables --- */

/* The separator that the header line shows: cells may hold the others. */
static char separator_of(struct rd_bytes bytes)
{
    static const char all[] = ",;\t|";
    const char *end = memchr(bytes.data, '\n', bytes.size);
    const size_t n = end ? (size_t)(end - (const char *)bytes.data) : bytes.size;

    for (const char *s = all; *s; s++)
        if (memchr(bytes.data, *s, n))
            return *s;
    return ',';
}

/* input: of NAME=FILE, which takes all columns; n_inputs: each column finds its own. */
static rd_status bind_csv(struct binding *b, const char *path, struct rd_bytes bytes, size_t input)
{
    struct rd_error *err = b->cli->run.err;
    const struct rd_tensor *t;
    struct rd_csv *csv;
    char file[SHOWN], safe[SHOWN];
    bool empty = false;
    rd_status st = rd_csv_parse(
        path, bytes.data, bytes.size, separator_of(bytes), NULL, b->cli->run.scratch, &csv, err);

    (void)rd_text_safe_in(file, sizeof file, path);
    if (!st && csv->rows < 2)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' has no row below its header line", file);
    for (size_t c = 0; !st && c < csv->columns; c++) {
        const struct rd_csv_cell *head = &csv->cell[c];
        size_t i = input;

        if (input == b->graph->n_inputs) {
            i = input_of(b, head->text, head->len);
            if (i == b->graph->n_inputs) {
                st = RD_FAIL(
                    err, RD_E_INPUT, "'%s' has a column that is no input of the model", file);
                if (b->graph->n_inputs == 1 && csv->columns > 1)
                    (void)rd_error_hint(err, "--input %s=FILE.csv takes all columns as one matrix",
                        rd_text_safe_in(safe, sizeof safe, b->name[0]));
                return rd_model_no_name(
                    b->cli, "input", head->text, head->len, b->name, b->graph->n_inputs, st);
            }
        }
        st = rd_model_column(
            b->cli, value_of(b, i), csv, c, input < b->graph->n_inputs ? csv->columns : 1, &t);
        if (!st)
            st = take(b, i, path, t, false);
        for (size_t k = 0, n = st ? 0 : rd_tensor_count(t); k < n && !empty; k++)
            empty = (t->dtype == RD_F32 && isnan(((const float *)t->data)[k])) ||
                    (t->dtype == RD_F64 && isnan(((const double *)t->data)[k]));
        if (input < b->graph->n_inputs)
            break;
    }
    if (!st && empty && !b->missing)
        rd_cli_warn(b->cli,
            "'%s' has empty cells, and nothing in the model knows missing values: NaN goes through",
            file);
    return st;
}

/* --- everything --- */

/* input: of NAME=FILE, else n_inputs. *bound: the file's own names did it. */
static rd_status bind_file(struct binding *b, const char *path, size_t input, bool *bound)
{
    const struct rd_limits *limits = &rd_limits_default;
    struct rd_arena *scratch = b->cli->run.scratch;
    struct rd_error *err = b->cli->run.err;
    const char *file, *member;
    char safe[SHOWN];
    struct rd_bytes bytes;
    rd_status st = rd_npy_split(path, scratch, &file, &member, err);

    *bound = false;
    if (!st)
        st = rd_file_map(file, limits->file_bytes, scratch, &bytes, err);
    if (st || member || rd_npy_is(bytes.data, bytes.size))
        return st;
    if (rd_zip_is(bytes.data, bytes.size))
        return input < b->graph->n_inputs ? RD_OK : bind_npz(b, path, bytes, bound);
    if (!rd_csv_is(bytes.data, bytes.size))
        return RD_FAIL(err, RD_E_INPUT, "'%s' is no .npy, .npz or .csv file (by its first bytes)",
            rd_text_safe_in(safe, sizeof safe, file));
    *bound = true;
    return bind_csv(b, path, bytes, input);
}

static rd_status bind_array(struct binding *b, const char *path, size_t input)
{
    struct rd_tensor *t;
    char safe[SHOWN];
    rd_status st = rd_npy_read_any(path, NULL, b->cli->run.scratch, &t, b->cli->run.err);

    if (!st)
        return take(b, input, path, t, true);
    return RD_WRAP(
        b->cli->run.err, st, "input '%s'", rd_text_safe_in(safe, sizeof safe, b->name[input]));
}

/* Rows that are computed one by one must be as many in every input. */
static rd_status same_rows(const struct binding *b)
{
    size_t first = SIZE_MAX;
    char safe[SHOWN], other[SHOWN];

    for (size_t i = 0; i < b->graph->n_inputs; i++) {
        if (!value_of(b, i)->batched || b->input[i]->ndim < 1)
            continue;
        if (first == SIZE_MAX)
            first = i;
        if (b->input[i]->dim[0] != b->input[first]->dim[0])
            return RD_FAIL(b->cli->run.err, RD_E_INPUT,
                "input '%s' has %lld rows, input '%s' has %lld",
                rd_text_safe_in(safe, sizeof safe, b->name[i]), (long long)b->input[i]->dim[0],
                rd_text_safe_in(other, sizeof other, b->name[first]),
                (long long)b->input[first]->dim[0]);
    }
    return RD_OK;
}

static rd_status all_there(const struct binding *b)
{
    char safe[SHOWN], type[160];
    rd_status st;

    for (size_t i = 0; i < b->graph->n_inputs; i++) {
        if (b->input[i])
            continue;
        st = RD_FAIL(b->cli->run.err, RD_E_USAGE,
            "input '%s' of the model is not given (--input [NAME=]FILE)",
            rd_text_safe_in(safe, sizeof safe, b->name[i]));
        (void)rd_error_hint(b->cli->run.err, "it is %s; .npz and .csv files bind by name",
            rd_model_type_text(value_of(b, i), type, sizeof type));
        return st;
    }
    return RD_OK;
}

/* Of a net of rows whose batch the model fixes, any number of rows fits: they run in blocks. */
static rd_status check_inputs(struct rd_cli *cli, const struct rd_model *m, bool in_blocks,
    const struct rd_tensor *const *input)
{
    const struct rd_graph *g = m->graph;
    const struct rd_tensor *all[1];
    struct rd_tensor block;

    if (g->n_inputs != 1 || !in_blocks || input[0]->ndim < 1 || !input[0]->dim[0] ||
        g->value[g->input[0]].dim[0] < 1)
        return rd_graph_check_inputs(g, input, g->n_inputs, cli->run.err);
    block = *input[0];
    block.dim[0] = g->value[g->input[0]].dim[0];
    all[0] = &block;
    return rd_graph_check_inputs(g, all, 1, cli->run.err);
}

rd_status rd_model_read_inputs(struct rd_cli *cli, const struct rd_model *model,
    const struct rd_option_list *given, bool in_blocks, const struct rd_tensor **input)
{
    const struct rd_graph *g = model->graph;
    struct binding b = { .cli = cli, .graph = g, .input = input, .missing = knows_missing(g) };
    const char *path[RD_OPTION_LIST_MAX];
    size_t index[RD_OPTION_LIST_MAX], next = 0;
    bool named[RD_OPTION_LIST_MAX], bound[RD_OPTION_LIST_MAX] = { false };
    char file[SHOWN];
    rd_status st = RD_OK;

    b.name = RD_NEW_ARRAY(cli->run.scratch, const char *, g->n_inputs + 1);
    b.from = RD_NEW_ARRAY(cli->run.scratch, const char *, g->n_inputs + 1);
    if (!b.name || !b.from)
        return rd_run_no_memory(&cli->run, "the inputs");
    for (size_t i = 0; i < g->n_inputs; i++)
        b.name[i] = g->value[g->input[i]].name;
    st = rd_model_names(cli, "input", b.name, g->n_inputs, given, index, path);
    for (size_t i = 0; i < given->n; i++)
        named[i] = !st && index[i] < g->n_inputs;
    for (int unnamed = 0; unnamed < 2; unnamed++)
        for (size_t i = 0; i < given->n && !st; i++) {
            if (named[i] == (bool)unnamed)
                continue;
            st = bind_file(&b, path[i], index[i], &bound[i]);
            if (!st && named[i] && !bound[i])
                st = bind_array(&b, path[i], index[i]);
        }
    for (size_t i = 0; i < given->n && !st; i++) {
        if (named[i] || bound[i])
            continue;
        while (next < g->n_inputs && b.from[next])
            next++;
        st = next < g->n_inputs
                 ? bind_array(&b, path[i], next)
                 : RD_FAIL(cli->run.err, RD_E_USAGE,
                       "'%s' is a file too many: every input of the model has its own",
                       rd_text_safe_in(file, sizeof file, path[i]));
    }
    if (!st)
        st = all_there(&b);
    if (!st)
        st = check_inputs(cli, model, in_blocks && rd_net_inputs(model->net), input);
    return st ? st : same_rows(&b);
}
