/*
 * model_bind.c - rd_model_read_inputs: named files first, then archives and tables, whose parts
 * carry names, then what is left in order.
 */
#include "cli/model_bind.h"

#include "base/file.h"
#include "base/text.h"
#include "base/zip.h"
#include "data/csv.h"
#include "data/table.h"
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
    /* Arrays and columns that are no inputs: how many, and the first. */
    size_t strays;
    const char *stray_file, *stray;
    size_t stray_len;
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
    if (b->from[i] == path)
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' has two columns or arrays for input '%s'", file, safe);
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

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c & 0x80;
}

static size_t input_of(const struct binding *b, const char *name, size_t len)
{
    size_t i = 0;

    while (i < b->graph->n_inputs && (strncmp(b->name[i], name, len) || b->name[i][len]))
        i++;
    return i;
}

/* Exporters write "_" where a name has what a variable's may not ("hours-per-week"): such an input,
 * when it is only one. */
static size_t input_nearly(const struct binding *b, const char *name, size_t len)
{
    const size_t n = b->graph->n_inputs, exact = input_of(b, name, len);
    size_t found = n;

    for (size_t i = 0; i < n && exact == n; i++) {
        size_t k = 0;

        while (k < len && b->name[i][k] &&
               (b->name[i][k] == name[k] || (b->name[i][k] == '_' && !is_word(name[k]))))
            k++;
        if (k < len || b->name[i][k])
            continue;
        if (found < n)
            return n;
        found = i;
    }
    return exact < n ? exact : found;
}

static void add_stray(struct binding *b, const char *path, const char *name, size_t len)
{
    if (b->strays++)
        return;
    b->stray_file = path;
    b->stray = name;
    b->stray_len = len;
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
    rd_status st = rd_zip_open(path, bytes.data, bytes.size, NULL, b->cli->run.scratch, &zip, err);

    /* The only array of a file may be called anything. */
    *bound = st || zip->n != 1 ||
             input_nearly(b, zip->entry[0].name, stem(zip->entry[0].name)) < b->graph->n_inputs;
    for (size_t e = 0; !st && *bound && e < zip->n; e++) {
        const char *name = zip->entry[e].name;
        const size_t i = input_nearly(b, name, stem(name));

        if (i == b->graph->n_inputs) {
            add_stray(b, path, name, stem(name));
            continue;
        }
        st = rd_npz_parse_any(
            path, name, bytes.data, bytes.size, NULL, b->cli->run.scratch, &t, err);
        if (!st)
            st = take(b, i, path, t, true);
    }
    return st;
}

/* --- tables --- */

/* The separator that stands most often in the header line, outside quotes: cells may hold the
 * others. *n_out: how often. */
static char separator_of(struct rd_bytes bytes, size_t *n_out)
{
    static const char all[] = ",;\t|";
    size_t count[sizeof all] = { 0 }, best = 0;
    const char *text = (const char *)bytes.data;
    bool quoted = false;

    for (size_t i = 0; i < bytes.size && (quoted || text[i] != '\n'); i++) {
        const char *s = text[i] ? strchr(all, text[i]) : NULL;

        if (text[i] == '"')
            quoted = !quoted;
        else if (s && !quoted)
            count[s - all]++;
    }
    for (size_t k = 1; k + 1 < sizeof all; k++)
        if (count[k] > count[best])
            best = k;
    *n_out = count[best];
    return all[best];
}

/* Blank lines at the end are no rows of a table with several columns. */
static size_t without_blank_end(struct rd_bytes bytes, size_t separators)
{
    const char *text = (const char *)bytes.data;
    size_t n = bytes.size;

    while (separators && n > 1 && text[n - 1] == '\n') {
        const size_t before = n - 1 - (text[n - 2] == '\r');

        if (!before || text[before - 1] != '\n')
            break;
        n = before;
    }
    return n;
}

/* The input that a header cell names, as it stands or without the blanks around it. */
static size_t input_of_cell(const struct binding *b, const struct rd_csv_cell *cell)
{
    const struct rd_csv_cell trimmed = rd_cell_trim(cell);
    const size_t i = input_of(b, cell->text, cell->len);

    return i < b->graph->n_inputs ? i : input_nearly(b, trimmed.text, trimmed.len);
}

/* Is the table the one matrix that the model wants? Then its columns may be called anything. */
static bool is_matrix(const struct binding *b, const struct rd_csv *csv)
{
    const struct rd_graph_value *v = value_of(b, 0);

    if (b->graph->n_inputs != 1 || b->from[0] || v->ndim != 2 || csv->columns < 2 ||
        (v->dim[1] >= 0 && (uint64_t)v->dim[1] != csv->columns))
        return false;
    for (size_t c = 0; c < csv->columns; c++)
        if (input_of_cell(b, &csv->cell[c]) == 0)
            return false;
    return true;
}

/* Numbers that are none: *nan, *inf. */
static void look(const struct rd_tensor *t, bool *nan, bool *inf)
{
    for (size_t k = 0, n = rd_tensor_count(t); k < n; k++) {
        const double x = t->dtype == RD_F32   ? (double)((const float *)t->data)[k]
                         : t->dtype == RD_F64 ? ((const double *)t->data)[k]
                                              : 0;

        *nan = *nan || isnan(x);
        *inf = *inf || isinf(x);
    }
}

/* input: of NAME=FILE, which takes all columns; n_inputs: each column finds its own. */
static rd_status bind_csv(struct binding *b, const char *path, struct rd_bytes bytes, size_t input)
{
    struct rd_error *err = b->cli->run.err;
    const struct rd_tensor *t;
    struct rd_csv *csv;
    char file[SHOWN];
    bool nan = false, inf = false;
    size_t separators;
    const char separator = separator_of(bytes, &separators);
    rd_status st = rd_csv_parse(path, bytes.data, without_blank_end(bytes, separators), separator,
        NULL, b->cli->run.scratch, &csv, err);

    (void)rd_text_safe_in(file, sizeof file, path);
    if (!st && csv->rows < 2)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' has no row below its header line", file);
    if (!st && input == b->graph->n_inputs && is_matrix(b, csv))
        input = 0;
    for (size_t c = 0; !st && c < csv->columns; c++) {
        const struct rd_csv_cell *head = &csv->cell[c];
        const bool all = input < b->graph->n_inputs;
        const size_t i = all ? input : input_of_cell(b, head);

        if (i == b->graph->n_inputs) {
            add_stray(b, path, head->text, head->len);
            continue;
        }
        st = rd_model_column(b->cli, value_of(b, i), csv, c, all ? csv->columns : 1, &t);
        if (!st)
            look(t, &nan, &inf);
        if (!st && inf && !b->missing)
            st = RD_FAIL(err, RD_E_INPUT, "'%s' holds an infinity in column %zu", file, c + 1);
        if (!st)
            st = take(b, i, path, t, false);
        if (all)
            break;
    }
    if (!st && nan && !b->missing)
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

/* Rows that are computed one by one must be as many in every input; where no output has them, words
 * and the places where bags of them begin may be the inputs. */
static rd_status same_rows(const struct binding *b)
{
    size_t first = SIZE_MAX;
    char safe[SHOWN], other[SHOWN];
    bool asked = false;

    for (size_t i = 0; i < b->graph->n_outputs; i++)
        asked = asked || b->graph->value[b->graph->output[i]].batched;
    for (size_t i = 0; i < b->graph->n_inputs; i++) {
        if (!asked || !value_of(b, i)->batched || b->input[i]->ndim < 1)
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

/* An input is missing, and something was there that is called otherwise. */
static rd_status no_input(const struct binding *b)
{
    struct rd_error *err = b->cli->run.err;
    char safe[SHOWN];
    const rd_status st =
        RD_FAIL(err, RD_E_INPUT, "'%s' has a column or array that is no input of the model",
            rd_text_safe_in(safe, sizeof safe, b->stray_file));

    if (b->graph->n_inputs == 1 && b->strays > 1)
        (void)rd_error_hint(err, "--input %s=FILE.csv takes all columns as one matrix",
            rd_text_safe_in(safe, sizeof safe, b->name[0]));
    return rd_model_no_name(
        b->cli, "input", b->stray, b->stray_len, b->name, b->graph->n_inputs, st);
}

static rd_status all_there(const struct binding *b)
{
    struct rd_buf stray = { .limit = SHOWN };
    char safe[SHOWN], type[160];
    rd_status st;

    for (size_t i = 0; i < b->graph->n_inputs; i++) {
        if (b->input[i])
            continue;
        if (b->strays)
            return no_input(b);
        st = RD_FAIL(b->cli->run.err, RD_E_USAGE,
            "input '%s' of the model is not given (--input [NAME=]FILE)",
            rd_text_safe_in(safe, sizeof safe, b->name[i]));
        (void)rd_error_hint(b->cli->run.err, "it is %s; .npz and .csv files bind by name",
            rd_model_type_text(value_of(b, i), type, sizeof type));
        return st;
    }
    if (!b->strays)
        return RD_OK;
    rd_text_safe(&stray, b->stray, b->stray_len);
    rd_cli_warn(b->cli,
        "'%s': %zu of its columns or arrays are no inputs of the model and are left "
        "out, first '%s'",
        rd_text_safe_in(safe, sizeof safe, b->stray_file), b->strays, rd_buf_text(&stray));
    rd_buf_release(&stray);
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
