#include "cli/serve.h"

#include "base/json_write.h"
#include "base/text.h"
#include "target/protocol.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const struct rd_served *model;
    struct rd_arena *arena;
    struct rd_error *err;
    struct rd_serve_request *out;
};

/* --- values --- */

static size_t count_leaves(const json_t *v)
{
    size_t n = 0;

    if (!json_is_array(v))
        return 1;
    for (size_t i = 0; i < json_array_size(v); i++)
        n += count_leaves(json_array_get(v, i));
    return n;
}

static rd_status put_leaves(const struct reader *r, const json_t *v, size_t row, float **at)
{
    rd_status st = RD_OK;

    if (json_is_array(v)) {
        for (size_t i = 0; !st && i < json_array_size(v); i++)
            st = put_leaves(r, json_array_get(v, i), row, at);
        return st;
    }
    if (!json_is_number(v) && !json_is_boolean(v))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu holds a value that is no number", row);
    **at = json_is_number(v) ? (float)json_number_value(v) : (float)json_is_true(v);
    if (!isfinite(**at))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu holds a number too large for float32", row);
    (*at)++;
    return RD_OK;
}

static rd_status rows_new(const struct reader *r, size_t n)
{
    if (!n)
        return RD_FAIL(r->err, RD_E_INPUT, "the request holds no row");
    r->out->n = n;
    r->out->x = RD_NEW_ARRAY(r->arena, float, n * r->model->inputs);
    return r->out->x ? RD_OK : RD_FAIL(r->err, RD_E_MEMORY, "no memory for %zu rows", n);
}

static rd_status put_row(const struct reader *r, const json_t *v, size_t row, float **at)
{
    const size_t n = count_leaves(v);

    return n == r->model->inputs
               ? put_leaves(r, v, row, at)
               : RD_FAIL(r->err, RD_E_INPUT, "row %zu holds %zu numbers, the model takes %zu", row,
                     n, r->model->inputs);
}

/* The one member, or the one called as the model's input. */
static const json_t *the_input(const struct reader *r, const json_t *object)
{
    const json_t *v = json_object_get(object, r->model->input);
    json_t *o = (json_t *)(uintptr_t)object;

    return v || json_object_size(object) != 1 ? v : json_object_iter_value(json_object_iter(o));
}

/* A list of rows; a row may be an object that holds the input by its name. */
static rd_status read_rows(const struct reader *r, const json_t *list, const char *what)
{
    rd_status st;
    float *at;

    if (json_is_object(list))
        list = the_input(r, list);
    if (!json_is_array(list))
        return RD_FAIL(r->err, RD_E_INPUT, "'%s' is no list of rows", what);
    st = rows_new(r, json_array_size(list));
    at = r->out->x;
    for (size_t i = 0; !st && i < r->out->n; i++) {
        const json_t *v = json_array_get(list, i);

        if (json_is_object(v))
            v = the_input(r, v);
        st = v ? put_row(r, v, i, &at)
               : RD_FAIL(r->err, RD_E_INPUT, "row %zu has no member '%s'", i, r->model->input);
    }
    return st;
}

/* Objects of columns: in the order in which the first one names them. */
static rd_status read_records(const struct reader *r, const json_t *list)
{
    json_t *first = json_array_get(list, 0), *ignored;
    rd_status st = RD_OK;
    const char *key;
    float *at;

    if (!json_is_array(list))
        return RD_FAIL(r->err, RD_E_INPUT, "'dataframe_records' is no list");
    st = rows_new(r, json_array_size(list));
    at = r->out->x;
    for (size_t i = 0; !st && i < r->out->n; i++) {
        const json_t *row = json_array_get(list, i);

        if (json_object_size(row) != r->model->inputs)
            return RD_FAIL(r->err, RD_E_INPUT, "row %zu has %zu columns, the model takes %zu", i,
                json_object_size(row), r->model->inputs);
        json_object_foreach(first, key, ignored)
        {
            const json_t *v = json_object_get(row, key);
            char safe[64];

            (void)ignored;
            if (!v || json_is_array(v) || json_is_object(v))
                return RD_FAIL(r->err, RD_E_INPUT, "row %zu has no number in column '%s'", i,
                    rd_text_safe_in(safe, sizeof safe, key));
            st = put_leaves(r, v, i, &at);
            if (st)
                return st;
        }
    }
    return st;
}

/* --- the protocols --- */

static rd_status check_shape(const struct reader *r, const json_t *shape, size_t leaves, size_t *n)
{
    const size_t axes = json_array_size(shape);
    size_t product = 1;

    *n = 0;
    for (size_t k = 0; k < axes; k++) {
        const json_int_t d = json_integer_value(json_array_get(shape, k));

        if (d < 1 || (size_t)d > leaves / product)
            return RD_FAIL(
                r->err, RD_E_INPUT, "the shape is not that of the %zu values in 'data'", leaves);
        product *= (size_t)d;
        *n = k ? *n : (size_t)d;
    }
    if (axes < 2 || product != leaves || leaves != *n * r->model->inputs)
        return RD_FAIL(r->err, RD_E_INPUT,
            "%zu axes and %zu values in 'data': the model takes rows of %zu numbers", axes, leaves,
            r->model->inputs);
    return RD_OK;
}

static rd_status check_outputs(const struct reader *r, const json_t *outputs)
{
    const char *output = r->model->labels_only ? "label" : r->model->output;
    char safe[64];

    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(outputs, i), "name"));

        if (!name || strcmp(name, output) != 0)
            return RD_FAIL(r->err, RD_E_INPUT, "the model has no output '%s'",
                rd_text_safe_in(safe, sizeof safe, name ? name : ""));
    }
    return RD_OK;
}

static rd_status read_v2(const struct reader *r, const json_t *root)
{
    const json_t *inputs = json_object_get(root, "inputs"), *in = json_array_get(inputs, 0);
    const json_t *data = json_object_get(in, "data"), *id = json_object_get(root, "id");
    const char *name = json_string_value(json_object_get(in, "name"));
    const char *type = json_string_value(json_object_get(in, "datatype"));
    size_t n = 0;
    char safe[64];
    float *at;
    rd_status st;

    if (json_array_size(inputs) != 1)
        return RD_FAIL(
            r->err, RD_E_INPUT, "'inputs' must hold one tensor, called '%s'", r->model->input);
    if (!name || strcmp(name, r->model->input) != 0)
        return RD_FAIL(r->err, RD_E_INPUT, "the model has no input '%s': it is called '%s'",
            rd_text_safe_in(safe, sizeof safe, name ? name : ""), r->model->input);
    if (!type || !strcmp(type, "BYTES"))
        return RD_FAIL(r->err, RD_E_INPUT, "'datatype' must be a type of numbers");
    if (!json_is_array(data))
        return RD_FAIL(r->err, RD_E_INPUT, "the input has no list 'data'");
    st = check_outputs(r, json_object_get(root, "outputs"));
    if (!st)
        st = check_shape(r, json_object_get(in, "shape"), count_leaves(data), &n);
    if (!st)
        st = rows_new(r, n);
    at = r->out->x;
    if (!st)
        st = put_leaves(r, data, 0, &at);
    if (!st && json_is_string(id)) {
        r->out->id = rd_arena_strdup(r->arena, json_string_value(id));
        if (!r->out->id)
            st = RD_FAIL(r->err, RD_E_MEMORY, "no memory for a request");
    }
    return st;
}

static rd_status read_v1(const struct reader *r, const json_t *root)
{
    const json_t *v = json_object_get(root, "instances");

    return v ? read_rows(r, v, "instances")
             : RD_FAIL(r->err, RD_E_INPUT, "the request has no 'instances'");
}

static rd_status read_mlflow(const struct reader *r, const json_t *root)
{
    const json_t *inputs = json_object_get(root, "inputs");
    const json_t *instances = json_object_get(root, "instances");
    const json_t *split = json_object_get(root, "dataframe_split");
    const json_t *records = json_object_get(root, "dataframe_records");

    if (!!inputs + !!instances + !!split + !!records != 1)
        return RD_FAIL(r->err, RD_E_INPUT,
            "the request must hold one of 'inputs', 'instances', 'dataframe_split' and "
            "'dataframe_records'");
    if (records)
        return read_records(r, records);
    if (split)
        return read_rows(r, json_object_get(split, "data"), "dataframe_split.data");
    return read_rows(r, inputs ? inputs : instances, inputs ? "inputs" : "instances");
}

rd_status rd_serve_read(enum rd_serve_protocol protocol, const struct rd_served *model,
    const char *bytes, size_t size, struct rd_arena *arena, struct rd_serve_request *request_out,
    struct rd_error *err)
{
    struct rd_serve_request request = { 0 };
    const struct reader r = { model, arena, err, &request };
    json_t *root;
    rd_status st = rd_json_load("the request", bytes, size, &root, err);

    if (st)
        return st;
    st = protocol == RD_SERVE_V2   ? read_v2(&r, root)
         : protocol == RD_SERVE_V1 ? read_v1(&r, root)
                                   : read_mlflow(&r, root);
    json_decref(root);
    if (!st)
        *request_out = request;
    return st;
}

/* --- answers --- */

static int label_of(const struct rd_served *m, const float *score)
{
    return rd_target_argmax(score, m->classes);
}

static void put_text(struct rd_buf *out, const char *text)
{
    struct rd_json j = { .out = out };

    rd_json_text(&j, text);
    rd_json_release(&j);
}

static void put_numbers(struct rd_buf *out, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rd_buf_printf(out, i ? ",%.9g" : "%.9g", (double)v[i]);
}

static void put_labels(struct rd_buf *out, const struct rd_served *m, const float *score, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rd_buf_printf(out, i ? ",%d" : "%d", label_of(m, score + i * m->classes));
}

void rd_serve_write(enum rd_serve_protocol protocol, const struct rd_served *m, const char *name,
    const struct rd_serve_request *q, const float *score, struct rd_buf *out)
{
    if (protocol != RD_SERVE_V2) {
        rd_buf_puts(out, "{\"predictions\":[");
        if (m->labels_only)
            put_labels(out, m, score, q->n);
        for (size_t i = 0; !m->labels_only && i < q->n; i++) {
            rd_buf_puts(out, i ? ",[" : "[");
            put_numbers(out, score + i * m->classes, m->classes);
            rd_buf_putc(out, ']');
        }
        rd_buf_puts(out, "]}");
        return;
    }
    rd_buf_puts(out, "{\"model_name\":");
    put_text(out, name);
    rd_buf_puts(out, ",\"model_version\":\"1\"");
    if (q->id) {
        rd_buf_puts(out, ",\"id\":");
        put_text(out, q->id);
    }
    rd_buf_puts(out, ",\"outputs\":[{\"name\":");
    put_text(out, m->labels_only ? "label" : m->output);
    rd_buf_printf(
        out, ",\"datatype\":\"%s\",\"shape\":[%zu", m->labels_only ? "INT64" : "FP32", q->n);
    if (!m->labels_only)
        rd_buf_printf(out, ",%zu", m->classes);
    rd_buf_puts(out, "],\"data\":[");
    if (m->labels_only)
        put_labels(out, m, score, q->n);
    else
        put_numbers(out, score, q->n * m->classes);
    rd_buf_puts(out, "]}]}");
}

void rd_serve_metadata(const struct rd_served *m, const char *name, struct rd_buf *out)
{
    rd_buf_puts(out, "{\"name\":");
    put_text(out, name);
    rd_buf_puts(out, ",\"versions\":[\"1\"],\"platform\":\"onnx\",\"inputs\":[{\"name\":");
    put_text(out, m->input);
    rd_buf_puts(out, ",\"datatype\":\"FP32\",\"shape\":[-1");
    for (int k = 0; k < m->ndim; k++)
        rd_buf_printf(out, ",%lld", (long long)m->dim[k]);
    rd_buf_puts(out, "]}],\"outputs\":[{\"name\":");
    put_text(out, m->labels_only ? "label" : m->output);
    if (m->labels_only)
        rd_buf_puts(out, ",\"datatype\":\"INT64\",\"shape\":[-1]}]}");
    else
        rd_buf_printf(out, ",\"datatype\":\"FP32\",\"shape\":[-1,%zu]}]}", m->classes);
}

void rd_serve_error(const char *text, struct rd_buf *out)
{
    rd_buf_puts(out, "{\"error\":");
    put_text(out, text);
    rd_buf_putc(out, '}');
}
