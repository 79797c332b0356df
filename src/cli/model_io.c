#include "cli/model_io.h"

#include "base/text.h"
#include "tensor/npy.h"

#include <limits.h>
#include <math.h>
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

rd_status rd_model_match(struct rd_cli *cli, const char *what, const char *const *name, size_t n,
    const struct rd_option_list *given, size_t *index, const char **path)
{
    bool taken[RD_OPTION_LIST_MAX] = { false };
    char safe[SHOWN];
    size_t next = 0;

    if (given->n > n)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "%zu times --%s, but the model has %zu %ss",
            given->n, what, n, what);
    if (n > RD_OPTION_LIST_MAX)
        return RD_FAIL(cli->run.err, RD_E_LIMIT, "the model has %zu %ss; at most %d can be given",
            n, what, RD_OPTION_LIST_MAX);
    for (size_t i = 0; i < given->n;
         i++) { /* a name of the model; "=" may stand in file names too */
        path[i] = given->item[i];
        index[i] = n;
        for (size_t k = 0; k < n; k++) {
            const size_t len = strlen(name[k]);

            if (strncmp(given->item[i], name[k], len) || given->item[i][len] != '=')
                continue;
            if (taken[k])
                return RD_FAIL(cli->run.err, RD_E_USAGE, "--%s '%s' is given twice", what,
                    rd_text_safe_in(safe, sizeof safe, name[k]));
            index[i] = k;
            path[i] = given->item[i] + len + 1;
            taken[k] = true;
        }
    }
    for (size_t i = 0; i < given->n; i++) {
        if (index[i] < n)
            continue;
        while (next < n && taken[next])
            next++;
        index[i] = next;
        taken[next] = true;
    }
    return RD_OK;
}

/* Index of the first NaN or infinity, or the count. */
static size_t first_odd(const struct rd_tensor *t)
{
    const size_t n = rd_tensor_count(t);

    for (size_t i = 0; i < n; i++)
        if ((t->dtype == RD_F32 && !isfinite(((const float *)t->data)[i])) ||
            (t->dtype == RD_F64 && !isfinite(((const double *)t->data)[i])))
            return i;
    return n;
}

static rd_status read_input(struct rd_cli *cli, const struct rd_graph_value *v, const char *path,
    const struct rd_tensor **out)
{
    struct rd_error *err = cli->run.err;
    struct rd_tensor *t;
    char safe[SHOWN], file[SHOWN];
    size_t odd;
    rd_status st = rd_npy_read(path, NULL, cli->run.scratch, &t, err);

    (void)rd_text_safe_in(safe, sizeof safe, v->name);
    (void)rd_text_safe_in(file, sizeof file, path);
    if (st)
        return RD_WRAP(err, st, "input '%s'", safe);
    odd = first_odd(t);
    if (odd < rd_tensor_count(t))
        return RD_FAIL(err, RD_E_INPUT, "'%s' holds %s at element %zu", file,
            isnan(
                t->dtype == RD_F32 ? ((const float *)t->data)[odd] : ((const double *)t->data)[odd])
                ? "NaN"
                : "an infinity",
            odd);
    if (t->dtype == RD_F64 && v->dtype == RD_F32) {
        st = rd_tensor_to_f32(t, 1, cli->run.scratch, &t, err);
        if (st)
            return RD_WRAP(err, st, "input '%s'", safe);
        rd_cli_warn(cli, "'%s' is float64 and was rounded to float32", file);
    }
    *out = t;
    return RD_OK;
}

rd_status rd_model_read_inputs(struct rd_cli *cli, const struct rd_model *model,
    const struct rd_option_list *given, const struct rd_tensor **input)
{
    const struct rd_graph *g = model->graph;
    const char **name = RD_NEW_ARRAY(cli->run.scratch, const char *, g->n_inputs);
    const char *path[RD_OPTION_LIST_MAX];
    size_t index[RD_OPTION_LIST_MAX];
    char safe[SHOWN];
    rd_status st;

    if (!name)
        return rd_run_no_memory(&cli->run, "the inputs");
    for (size_t i = 0; i < g->n_inputs; i++)
        name[i] = g->value[g->input[i]].name;
    st = rd_model_match(cli, "input", name, g->n_inputs, given, index, path);
    for (size_t i = 0; i < given->n && !st; i++)
        st = read_input(cli, &g->value[g->input[index[i]]], path[i], &input[index[i]]);
    if (st)
        return st;
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!input[i])
            return RD_FAIL(cli->run.err, RD_E_USAGE,
                "input '%s' of the model is not given (--input [NAME=]FILE.npy)",
                rd_text_safe_in(safe, sizeof safe, name[i]));
    return rd_graph_check_inputs(g, input, g->n_inputs, cli->run.err);
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

const char *rd_model_type_text(const struct rd_graph_value *v, char *out, size_t size)
{
    char safe[SHOWN];
    size_t at;

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
    if (v->ndim < 0) {
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
