#include "cli/model_io.h"

#include "base/file.h"
#include "base/text.h"
#include "graph/safetensors.h"
#include "tensor/boxed.h"
#include "tensor/npy.h"

#include <limits.h>
#include <string.h>

enum { SHOWN = 80 };

static void close_net(void *net)
{
    rd_net_free(net);
}

rd_status rd_model_open(struct rd_cli *cli, const char *path, struct rd_model *model_out)
{
    struct rd_graph *graph;
    const rd_status st = rd_graph_load(path, NULL, cli->run.scratch, &graph, cli->run.err);

    return st ? st : rd_model_open_graph(cli, graph, model_out);
}

bool rd_model_by_rows(const struct rd_model *model, const struct rd_tensor *x)
{
    const int64_t rows = model->graph->value[model->graph->input[0]].dim[0];

    return rd_net_inputs(model->net) &&
           (rd_net_rows_follow(model->net) || (rows > 0 && x->dim[0] != rows));
}

/* One line for names that did not meet: how many, and the first. */
static void warn_names(struct rd_cli *cli, const char *what, const char **names, size_t n)
{
    char safe[SHOWN];

    if (n)
        rd_cli_warn(
            cli, "%zu %s, first '%s'", n, what, rd_text_safe_in(safe, sizeof(safe), names[0]));
}

rd_status rd_model_open_with(
    struct rd_cli *cli, const char *path, const char *weights, struct rd_model *model_out)
{
    struct rd_weights_report report;
    struct rd_graph *graph;
    rd_status st = rd_graph_load(path, NULL, cli->run.scratch, &graph, cli->run.err);

    if (!st && weights && weights[0]) {
        st = rd_graph_weights_load(
            graph, weights, NULL, cli->run.scratch, &graph, &report, cli->run.err);
        if (!st) {
            warn_names(cli, "weights of the model are not in the file and stay as they are",
                report.missing, report.n_missing);
            warn_names(cli, "tensors of the file have no place in the model", report.unused,
                report.n_unused);
        }
    }
    return st ? st : rd_model_open_graph(cli, graph, model_out);
}

rd_status rd_model_open_graph(
    struct rd_cli *cli, const struct rd_graph *graph, struct rd_model *model_out)
{
    const rd_status st = rd_net_open(graph, cli->run.pool, &model_out->net, cli->run.err);

    model_out->graph = (struct rd_graph *)(uintptr_t)graph; /* a load's own, or sharing with it */
    if (st)
        return st;
    if (rd_arena_guard(cli->run.scratch, close_net, model_out->net)) {
        rd_net_free(model_out->net);
        return rd_run_no_memory(&cli->run, "the model");
    }
    return RD_OK;
}

rd_status rd_model_no_name(struct rd_cli *cli, const char *what, const char *word, size_t len,
    const char *const *name, size_t n, rd_status st)
{
    struct rd_error *err = cli->run.err;
    const char *asked = rd_arena_strndup(cli->run.scratch, word, len), *near;
    const char **words = RD_NEW_ARRAY(cli->run.scratch, const char *, n + 1);
    struct rd_buf list = { .limit = 160 };
    char safe[SHOWN];

    if (!asked || !words)
        return rd_run_no_memory(&cli->run, "the names");
    if (n)
        memcpy(words, name, n * sizeof *words);
    for (size_t i = 0; i < n && !list.failed; i++) {
        rd_buf_puts(&list, i ? ", " : "");
        rd_text_safe(&list, name[i], strlen(name[i]));
    }
    (void)RD_WRAP(err, st, "no %s '%s'", what, rd_text_safe_in(safe, sizeof safe, asked));
    near = rd_text_nearest(asked, words);
    if (near)
        (void)rd_error_hint(err, "did you mean '%s'? There are: %s%s",
            rd_text_safe_in(safe, sizeof safe, near), rd_buf_text(&list),
            list.failed ? " ..." : "");
    else
        (void)rd_error_hint(err, "there are: %s%s", rd_buf_text(&list), list.failed ? " ..." : "");
    rd_buf_release(&list);
    return st;
}

rd_status rd_model_names(struct rd_cli *cli, const char *what, const char *const *name, size_t n,
    const struct rd_option_list *given, size_t *index, const char **path)
{
    struct rd_error *err = cli->run.err;
    char safe[SHOWN];

    if (given->n > n)
        return RD_FAIL(
            err, RD_E_USAGE, "%zu times --%s, but the model has %zu %ss", given->n, what, n, what);
    for (size_t i = 0; i < given->n; i++) {
        const char *item = given->item[i], *equals = strchr(item, '=');

        path[i] = item;
        index[i] = n;
        for (size_t k = 0; k < n; k++) { /* names may hold "=" themselves */
            const size_t len = strlen(name[k]);

            if (strncmp(item, name[k], len) || item[len] != '=')
                continue;
            for (size_t j = 0; j < i; j++)
                if (index[j] == k)
                    return RD_FAIL(err, RD_E_USAGE, "--%s '%s' is given twice", what,
                        rd_text_safe_in(safe, sizeof safe, name[k]));
            index[i] = k;
            path[i] = item + len + 1;
        }
        /* "a=b.npy" as a file is written "./a=b.npy", or is there already */
        if (index[i] == n && equals && !memchr(item, '/', (size_t)(equals - item)) &&
            !rd_file_exists(item))
            return rd_model_no_name(cli, what, item, (size_t)(equals - item), name, n,
                RD_FAIL(
                    err, RD_E_USAGE, "--%s '%s'", what, rd_text_safe_in(safe, sizeof safe, item)));
    }
    return RD_OK;
}

rd_status rd_model_match(struct rd_cli *cli, const char *what, const char *const *name, size_t n,
    const struct rd_option_list *given, size_t *index, const char **path)
{
    const rd_status st = rd_model_names(cli, what, name, n, given, index, path);

    for (size_t i = 0, next = 0; i < given->n && !st; i++) {
        if (index[i] < n)
            continue;
        for (size_t j = 0; j < given->n; j++) /* the next that no other has */
            if (index[j] == next) {
                next++;
                j = SIZE_MAX;
            }
        index[i] = next;
    }
    return st;
}

rd_status rd_model_read_labels(struct rd_cli *cli, const char *path, int **label_out, size_t *n_out)
{
    struct rd_error *err = cli->run.err;
    struct rd_tensor *t;
    char safe[SHOWN], shape[120];
    int *label;
    size_t n;
    rd_status st = rd_npy_read(path, NULL, cli->run.scratch, &t, err);

    (void)rd_text_safe_in(safe, sizeof safe, path);
    if (st)
        return RD_WRAP(err, st, "labels");
    if (t->ndim != 1)
        return RD_FAIL(err, RD_E_INPUT, "labels '%s' have shape %s; one number a row is needed",
            safe, rd_shape_text(t->dim, t->ndim, shape, sizeof shape));
    n = rd_tensor_count(t);
    label = RD_NEW_ARRAY(cli->run.scratch, int, n);
    if (!label)
        return rd_run_no_memory(&cli->run, "the labels");
    for (size_t i = 0; i < n; i++) {
        int64_t v = -1;

        switch (t->dtype) {
        case RD_U8:
            v = ((const uint8_t *)t->data)[i];
            break;
        case RD_I8:
            v = ((const int8_t *)t->data)[i];
            break;
        case RD_U16:
            v = ((const uint16_t *)t->data)[i];
            break;
        case RD_I16:
            v = ((const int16_t *)t->data)[i];
            break;
        case RD_U32:
            v = ((const uint32_t *)t->data)[i];
            break;
        case RD_I32:
            v = ((const int32_t *)t->data)[i];
            break;
        case RD_I64:
            v = ((const int64_t *)t->data)[i];
            break;
        case RD_U64:
            v = ((const uint64_t *)t->data)[i] > INT_MAX ? -1
                                                         : (int64_t)((const uint64_t *)t->data)[i];
            break;
        default:
            return RD_FAIL(err, RD_E_INPUT, "labels '%s' are %s; integers are needed", safe,
                rd_dtype_name(t->dtype));
        }
        if (v < 0 || v > INT_MAX)
            return RD_FAIL(err, RD_E_INPUT, "label %lld of row %zu in '%s' is no class",
                (long long)v, i, safe);
        label[i] = (int)v;
    }
    *label_out = label;
    *n_out = n;
    return RD_OK;
}

/* "sequence of float32 (3, ?)", "map from int64 to string". */
static void put_boxed(const struct rd_graph_value *v, char *out, size_t size)
{
    const struct rd_type *t = v->item;
    enum rd_dtype dtype = v->dtype, key = v->key;
    size_t at;

    (void)snprintf(out, size, "%s", rd_dtype_name(dtype));
    for (; t; t = t->item) {
        at = strlen(out);
        if (dtype == RD_MAP && key)
            (void)snprintf(out + at, size - at, " from %s to ", rd_dtype_name(key));
        else
            (void)snprintf(out + at, size - at, " of ");
        at = strlen(out);
        dtype = t->dtype;
        key = t->key;
        (void)snprintf(out + at, size - at, "%s", dtype ? rd_dtype_name(dtype) : "unknown type");
        for (int i = 0; i < t->ndim && !rd_dtype_is_boxed(dtype); i++) {
            char number[24] = "?";

            at = strlen(out);
            if (t->dim[i] >= 0)
                (void)snprintf(number, sizeof number, "%lld", (long long)t->dim[i]);
            (void)snprintf(
                out + at, size - at, "%s%s%s", i ? ", " : " (", number, i + 1 < t->ndim ? "" : ")");
        }
    }
}

const char *rd_model_type_text(const struct rd_graph_value *v, char *out, size_t size)
{
    char safe[SHOWN];
    size_t at;

    if (rd_dtype_is_boxed(v->dtype)) {
        put_boxed(v, out, size);
        return out;
    }
    (void)snprintf(out, size, "%s %s", v->dtype ? rd_dtype_name(v->dtype) : "unknown type",
        v->ndim < 0 ? "of unknown shape"
        : v->ndim   ? "("
                    : "()");
    for (int i = 0; i < v->ndim; i++) {
        at = strlen(out);
        if (v->dim[i] >= 0)
            (void)snprintf(out + at, size - at, "%s%lld", i ? ", " : "", (long long)v->dim[i]);
        else
            (void)snprintf(out + at, size - at, "%s%s", i ? ", " : "",
                v->dim_name[i] ? rd_text_safe_in(safe, sizeof safe, v->dim_name[i]) : "?");
    }
    at = strlen(out);
    if (v->ndim > 0)
        (void)snprintf(out + at, size - at, ")");
    return out;
}

void rd_model_put_shape(struct rd_json *j, const char *key, const struct rd_graph_value *v)
{
    if (v->ndim < 0 || rd_dtype_is_boxed(v->dtype)) {
        rd_json_key(j, key);
        rd_json_null(j);
        return;
    }
    rd_json_karray(j, key);
    for (int i = 0; i < v->ndim; i++) {
        if (v->dim[i] >= 0)
            rd_json_int(j, v->dim[i]);
        else
            rd_json_text(j, v->dim_name[i]); /* NULL: null */
    }
    rd_json_end(j);
}

void rd_model_put_tensor(struct rd_json *j, const char *name, const struct rd_tensor *t)
{
    rd_json_object(j);
    rd_json_ktext(j, "name", name);
    rd_json_ktext(j, "dtype", rd_dtype_name(t->dtype));
    rd_json_karray(j, "shape");
    for (int i = 0; i < t->ndim; i++)
        rd_json_int(j, t->dim[i]);
    rd_json_end(j);
    rd_json_end(j);
}
