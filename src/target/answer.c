/*
 * answer.c - what a server says, as one row of scores or one label for each row asked.
 *
 * The protocols differ in where the answer stands; what stands there differs by model: nested rows,
 * a flat list with a shape, a list of words or class numbers, objects by row, lists by column. All
 * are brought to one table of leaves first, and that is then read as scores or labels.
 */
#include "target/protocol.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const struct rd_form *form;
    size_t n; /* rows asked */
    struct rd_arena *arena;
    struct rd_error *err;
};

/* Row by row: n x width values that are neither list nor object. */
struct table {
    const json_t **leaf;
    size_t width;
    bool labels; /* V2: of an integer or text type, or under a name that says so */
};

/* --- complaints --- */

static const char *text_of(const json_t *v)
{
    const char *t;

    if (json_is_string(v))
        return json_string_value(v);
    t = json_string_value(json_object_get(v, "message"));
    return t ? t : json_string_value(json_object_get(v, "detail"));
}

const char *rd_json_complaint(const json_t *root, char *out, size_t size)
{
    static const char *const keys[] = { "error", "error_code", "errors", "detail", "message" };
    const json_t *v = NULL;
    const char *text, *more;

    for (size_t i = 0; (!v || json_is_null(v)) && i < sizeof keys / sizeof *keys; i++)
        v = json_object_get(root, keys[i]);
    if (!v || json_is_null(v) || json_is_false(v))
        return NULL;
    text = text_of(v);
    more = json_string_value(json_object_get(root, "message"));
    return rd_text_safe_in(out, size, more ? more : text ? text : "an error without a text");
}

static rd_status complain_or(const struct reader *r, const json_t *root, const char *missing)
{
    char safe[160];

    if (rd_json_complaint(root, safe, sizeof safe))
        return RD_FAIL(r->err, RD_E_INPUT, "the answer is an error: %s", safe);
    return RD_FAIL(r->err, RD_E_INPUT, "the answer has no '%s'", missing);
}

static rd_status wrong_rows(const struct reader *r, size_t got)
{
    return RD_FAIL(
        r->err, RD_E_INPUT, "%zu row%s came back for %zu asked", got, got == 1 ? "" : "s", r->n);
}

/* --- anything to a table --- */

static bool is_leaf(const json_t *v)
{
    return !json_is_array(v) && !json_is_object(v);
}

/* Depth is bounded by rd_json_load. */
static size_t count_leaves(const json_t *v)
{
    size_t n = 0;

    if (!json_is_array(v))
        return 1;
    for (size_t i = 0; i < json_array_size(v); i++)
        n += count_leaves(json_array_get(v, i));
    return n;
}

static rd_status take_leaves(
    const struct reader *r, const json_t *v, size_t row, const json_t ***at)
{
    rd_status st = RD_OK;

    if (json_is_object(v))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu holds an object where a number should be", row);
    if (!json_is_array(v)) {
        *(*at)++ = v;
        return RD_OK;
    }
    for (size_t i = 0; !st && i < json_array_size(v); i++)
        st = take_leaves(r, json_array_get(v, i), row, at);
    return st;
}

static rd_status table_new(const struct reader *r, size_t width, struct table *t)
{
    t->width = width;
    t->leaf = RD_NEW_ARRAY(r->arena, const json_t *, r->n *width);
    return t->leaf ? RD_OK : RD_FAIL(r->err, RD_E_MEMORY, "no memory for an answer");
}

/* One value for each row, from list or from a member of each object of list. */
static rd_status table_of_rows(
    const struct reader *r, const json_t *list, const char *key, struct table *t)
{
    const json_t **at;
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < r->n; i++) {
        const json_t *v = json_array_get(list, i);
        size_t width;
        char safe[64];

        if (key)
            v = json_object_get(v, key);
        if (!v)
            return RD_FAIL(r->err, RD_E_INPUT, "row %zu has no '%s'", i,
                rd_text_safe_in(safe, sizeof safe, key ? key : "value"));
        width = count_leaves(v);
        if (!i) {
            st = width ? table_new(r, width, t)
                       : RD_FAIL(r->err, RD_E_INPUT, "row 0 of the answer is empty");
            at = t->leaf;
        } else if (width != t->width) {
            st = RD_FAIL(r->err, RD_E_INPUT, "row %zu holds %zu values, row 0 holds %zu", i, width,
                t->width);
        }
        if (!st)
            st = take_leaves(r, v, i, &at);
    }
    return st;
}

/* --- objects: by row, or by column --- */

/* Class numbers or class names as keys: then the members are the classes, in that order. */
static bool keys_are_classes(const struct rd_form *f, const json_t *object)
{
    const size_t n = json_object_size(object);
    char number[24];
    bool numbers = true, names = n == f->n_names;

    if (n < 2 || (f->classes && n != f->classes))
        return false;
    for (size_t k = 0; k < n; k++) {
        (void)snprintf(number, sizeof number, "%zu", k);
        numbers = numbers && json_object_get(object, number);
        names = names && f->class_name[k] && json_object_get(object, f->class_name[k]);
    }
    return numbers || names;
}

static const char *class_key(const struct rd_form *f, const json_t *object, size_t k, char *number)
{
    (void)snprintf(number, 24, "%zu", k);
    return k < f->n_names && f->class_name[k] && json_object_get(object, f->class_name[k])
               ? f->class_name[k]
               : number;
}

/* Which member of an object holds the answer; NULL: it cannot be told. by_row: the object is one
 * row; else its members are columns. */
static const char *telling_key(const struct rd_form *f, const json_t *object, bool by_row)
{
    const char *key, *word = NULL;
    json_t *v;

    if (f->output)
        return json_object_get(object, f->output) ? f->output : NULL;
    if (json_object_size(object) == 1)
        return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)object));
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        const json_t *one = by_row ? v : json_array_get(v, 0);

        if (json_is_array(one) && count_leaves(one) > 1)
            return key;
        if (!word && json_is_string(one))
            word = key;
    }
    return word;
}

static rd_status cannot_tell(const struct reader *r, const json_t *object)
{
    const char *first = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)object));
    char safe[64];

    if (r->form->output)
        return RD_FAIL(r->err, RD_E_INPUT, "the answer has no member '%s'",
            rd_text_safe_in(safe, sizeof safe, r->form->output));
    (void)RD_FAIL(r->err, RD_E_INPUT,
        "the answer has %zu members ('%s' first): which one is meant?", json_object_size(object),
        rd_text_safe_in(safe, sizeof safe, first ? first : ""));
    return rd_error_hint(r->err, "name it as the output, or give the names of the classes");
}

static rd_status from_records(const struct reader *r, const json_t *list, struct table *t)
{
    const json_t *first = json_array_get(list, 0);
    const char *key;
    char number[24];

    if (json_array_size(list) != r->n)
        return wrong_rows(r, json_array_size(list));
    if (!r->form->output && keys_are_classes(r->form, first)) {
        const rd_status st = table_new(r, json_object_size(first), t);

        for (size_t i = 0; !st && i < r->n; i++)
            for (size_t k = 0; k < t->width; k++) {
                const json_t *v =
                    json_object_get(json_array_get(list, i), class_key(r->form, first, k, number));

                if (!v || !is_leaf(v))
                    return RD_FAIL(r->err, RD_E_INPUT, "row %zu has no number for class %zu", i, k);
                t->leaf[i * t->width + k] = v;
            }
        return st;
    }
    key = telling_key(r->form, first, true);
    return key ? table_of_rows(r, list, key, t) : cannot_tell(r, first);
}

static rd_status from_list(const struct reader *r, const json_t *list, bool flat, struct table *t);

static rd_status from_columns(const struct reader *r, const json_t *object, struct table *t)
{
    const char *key;
    char number[24];

    if (!r->form->output && keys_are_classes(r->form, object)) {
        const rd_status st = table_new(r, json_object_size(object), t);

        for (size_t k = 0; !st && k < t->width; k++) {
            const json_t *column = json_object_get(object, class_key(r->form, object, k, number));

            if (json_array_size(column) != r->n)
                return wrong_rows(r, json_array_size(column));
            for (size_t i = 0; i < r->n; i++) {
                t->leaf[i * t->width + k] = json_array_get(column, i);
                if (!is_leaf(t->leaf[i * t->width + k]))
                    return RD_FAIL(r->err, RD_E_INPUT, "row %zu has no number for class %zu", i, k);
            }
        }
        return st;
    }
    key = telling_key(r->form, object, false);
    if (!key)
        return cannot_tell(r, object);
    if (!json_is_array(json_object_get(object, key)))
        return RD_FAIL(r->err, RD_E_INPUT, "the answer is an object, but not one of lists");
    return from_list(r, json_object_get(object, key), false, t);
}

/* flat: a list of rows x classes numbers is taken too, as long as it divides. */
static rd_status from_list(const struct reader *r, const json_t *list, bool flat, struct table *t)
{
    const size_t size = json_array_size(list);
    const json_t *first = json_array_get(list, 0);
    rd_status st;

    if (!size)
        return wrong_rows(r, 0);
    if (json_is_object(first))
        return from_records(r, list, t);
    if (!json_is_array(first) && size != r->n && flat && size % r->n == 0) {
        const json_t **at;

        st = table_new(r, size / r->n, t);
        at = t->leaf;
        return st ? st : take_leaves(r, list, 0, &at);
    }
    if (size != r->n)
        return wrong_rows(r, size);
    return table_of_rows(r, list, NULL, t);
}

static rd_status to_table(const struct reader *r, const json_t *v, bool flat, struct table *t)
{
    if (json_is_array(v))
        return from_list(r, v, flat, t);
    if (json_is_object(v))
        return from_columns(r, v, t);
    if (r->n == 1) { /* a selector that ends at the one number */
        const rd_status st = table_new(r, 1, t);

        if (!st)
            t->leaf[0] = v;
        return st;
    }
    return RD_FAIL(r->err, RD_E_INPUT, "the answer is neither a list nor an object");
}

/* --- a table to scores or labels --- */

static rd_status no_number(const struct reader *r, const json_t *v, size_t row, size_t class)
{
    char safe[64];

    if (json_is_null(v))
        return RD_FAIL(r->err, RD_E_INPUT,
            "row %zu answers null for class %zu: the model answered NaN or nothing", row, class);
    if (json_is_string(v))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu answers '%s' for class %zu, not a number", row,
            rd_text_safe_in(safe, sizeof safe, json_string_value(v)), class);
    return RD_FAIL(r->err, RD_E_INPUT, "row %zu answers no number for class %zu", row, class);
}

static rd_status read_scores(const struct reader *r, const struct table *t, struct rd_answer *out)
{
    const struct rd_form *f = r->form;

    if (f->kind == RD_ANSWER_LABELS || f->kind == RD_ANSWER_SINGLE)
        return RD_FAIL(
            r->err, RD_E_INPUT, "%zu values a row came back, where one came back before", t->width);
    if (f->classes && t->width != f->classes)
        return RD_FAIL(r->err, RD_E_INPUT,
            "%zu scores a row came back, expected one for each of "
            "%zu classes",
            t->width, f->classes);
    out->kind = RD_ANSWER_SCORES;
    out->width = t->width;
    out->score = RD_NEW_ARRAY(r->arena, float, r->n * t->width);
    if (!out->score)
        return RD_FAIL(r->err, RD_E_MEMORY, "no memory for scores");
    for (size_t i = 0; i < r->n * t->width; i++) {
        if (!json_is_number(t->leaf[i]))
            return no_number(r, t->leaf[i], i / t->width, i % t->width);
        out->score[i] = (float)json_number_value(t->leaf[i]);
        if (!isfinite(out->score[i]))
            return RD_FAIL(r->err, RD_E_INPUT, "row %zu answers %g for class %zu: too large",
                i / t->width, json_number_value(t->leaf[i]), i % t->width);
    }
    return RD_OK;
}

/* -1: no such class. */
static long long class_of(const struct rd_form *f, const json_t *v)
{
    const char *text = json_string_value(v);
    double number;

    if (json_is_boolean(v))
        return json_is_true(v);
    if (text) {
        for (size_t k = 0; k < f->n_names; k++)
            if (f->class_name[k] && !strcmp(f->class_name[k], text))
                return (long long)k;
        if (!rd_text_to_double(text, false, &number))
            return -1;
    } else if (json_is_number(v)) {
        number = json_number_value(v);
    } else {
        return -1;
    }
    return number >= 0 && number < 1e9 && number == floor(number) ? (long long)number : -1;
}

static rd_status no_class(const struct reader *r, const json_t *v, size_t row)
{
    const struct rd_form *f = r->form;
    char safe[64];

    if (json_is_string(v)) {
        (void)RD_FAIL(r->err, RD_E_INPUT, "row %zu answers '%s', which names no class", row,
            rd_text_safe_in(safe, sizeof safe, json_string_value(v)));
        return rd_error_hint(r->err, f->class_name ? "the names of the classes must be those that "
                                                     "the endpoint answers"
                                                   : "the endpoint answers words: give the names "
                                                     "of the classes, in the order of their "
                                                     "numbers");
    }
    if (!json_is_number(v))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu answers neither a number nor a name", row);
    if (f->classes && json_number_value(v) == floor(json_number_value(v)))
        return RD_FAIL(r->err, RD_E_INPUT, "row %zu answers class %g of 0..%zu", row,
            json_number_value(v), f->classes - 1);
    (void)RD_FAIL(
        r->err, RD_E_INPUT, "row %zu answers %.6g, which is no class", row, json_number_value(v));
    return rd_error_hint(
        r->err, "one number a row is taken for a label, or for a probability in 0..1");
}

static rd_status read_labels(const struct reader *r, const struct table *t, struct rd_answer *out)
{
    out->label = RD_NEW_ARRAY(r->arena, int, r->n);
    if (!out->label)
        return RD_FAIL(r->err, RD_E_MEMORY, "no memory for labels");
    for (size_t i = 0; i < r->n; i++) {
        const long long k = class_of(r->form, t->leaf[i]);

        if (k < 0 || (r->form->classes && (size_t)k >= r->form->classes))
            return no_class(r, t->leaf[i], i);
        out->label[i] = (int)k;
    }
    if (!out->score)
        out->kind = RD_ANSWER_LABELS;
    return RD_OK;
}

/* The probability of the second of two classes. */
static rd_status read_single(const struct reader *r, const struct table *t, struct rd_answer *out)
{
    if (r->form->classes && r->form->classes != 2)
        return RD_FAIL(r->err, RD_E_INPUT,
            "one number a row came back, expected one for each of %zu classes", r->form->classes);
    out->kind = RD_ANSWER_SINGLE;
    out->width = 2;
    out->score = RD_NEW_ARRAY(r->arena, float, 2 * r->n);
    if (!out->score)
        return RD_FAIL(r->err, RD_E_MEMORY, "no memory for scores");
    for (size_t i = 0; i < r->n; i++) {
        const double p = json_number_value(t->leaf[i]);

        if (!json_is_number(t->leaf[i]))
            return no_number(r, t->leaf[i], i, 1);
        if (!(p >= 0 && p <= 1))
            return RD_FAIL(
                r->err, RD_E_INPUT, "row %zu answers %g, neither a label nor a probability", i, p);
        out->score[2 * i] = (float)(1 - p);
        out->score[2 * i + 1] = (float)p;
    }
    return RD_OK;
}

/* Some value that no class could be, and all of them probabilities. */
static bool looks_single(const struct reader *r, const struct table *t)
{
    bool broken = false;

    for (size_t i = 0; i < r->n; i++) {
        const double p = json_number_value(t->leaf[i]);

        if (!json_is_number(t->leaf[i]) || !(p >= 0 && p <= 1))
            return false;
        broken |= p != floor(p);
    }
    return broken;
}

static rd_status read_table(const struct reader *r, const struct table *t, struct rd_answer *out)
{
    const struct rd_form *f = r->form;

    if (t->width > 1)
        return read_scores(r, t, out);
    if (f->kind == RD_ANSWER_SCORES)
        return RD_FAIL(r->err, RD_E_INPUT,
            "one value a row came back, where %zu scores came back before", f->classes);
    if (f->kind == RD_ANSWER_SINGLE)
        return read_single(r, t, out);
    if (f->kind == RD_ANSWER_UNKNOWN && !t->labels && looks_single(r, t))
        return read_single(r, t, out);
    return read_labels(r, t, out);
}

static rd_status read_value(
    const struct reader *r, const json_t *v, bool flat, struct rd_answer *out)
{
    struct table t = { 0 };
    const rd_status st = to_table(r, v, flat, &t);

    return st ? st : read_table(r, &t, out);
}

/* --- the protocols --- */

static bool holds_words(const json_t *output)
{
    const char *type = json_string_value(json_object_get(output, "datatype"));

    return type && strncmp(type, "FP", 2) != 0 && strcmp(type, "BF16") != 0;
}

/* By name; else the first with scores: a float type, more than one number a row; else the first. */
static const json_t *pick_output(const struct reader *r, const json_t *outputs)
{
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const json_t *o = json_array_get(outputs, i);
        const char *name = json_string_value(json_object_get(o, "name"));

        if (r->form->output
                ? name && !strcmp(name, r->form->output)
                : !holds_words(o) && count_leaves(json_object_get(o, "data")) >= 2 * r->n)
            return o;
    }
    return r->form->output ? NULL : json_array_get(outputs, 0);
}

static rd_status read_v2(const struct reader *r, const json_t *root, struct rd_answer *out)
{
    const json_t *outputs = json_object_get(root, "outputs"), *o, *data, *shape;
    const json_t **at;
    struct table t = { 0 };
    size_t leaves;
    char safe[64];
    rd_status st;

    if (!json_array_size(outputs))
        return complain_or(r, root, "outputs");
    o = pick_output(r, outputs);
    if (!o)
        return RD_FAIL(r->err, RD_E_INPUT, "the answer has no output '%s'",
            rd_text_safe_in(safe, sizeof safe, r->form->output));
    data = json_object_get(o, "data");
    shape = json_object_get(o, "shape");
    if (!json_is_array(data)) {
        const json_t *binary =
            json_object_get(json_object_get(o, "parameters"), "binary_data_size");

        return RD_FAIL(r->err, RD_E_INPUT, "the output has no list 'data'%s",
            binary ? " but binary data, which was not asked for" : "");
    }
    leaves = count_leaves(data);
    if (json_is_array(shape) && json_integer_value(json_array_get(shape, 0)) != (json_int_t)r->n)
        return RD_FAIL(r->err, RD_E_INPUT, "an output of %lld rows came back for %zu asked",
            (long long)json_integer_value(json_array_get(shape, 0)), r->n);
    if (!leaves || leaves % r->n)
        return RD_FAIL(r->err, RD_E_INPUT, "%zu values came back for %zu rows", leaves, r->n);
    for (size_t k = 0, product = 1; k < json_array_size(shape); k++) {
        const json_int_t d = json_integer_value(json_array_get(shape, k));

        if (d < 1 || (size_t)d > leaves || (product *= (size_t)d) > leaves)
            return RD_FAIL(
                r->err, RD_E_INPUT, "the output's shape is not that of its %zu values", leaves);
        if (k + 1 == json_array_size(shape) && product != leaves)
            return RD_FAIL(r->err, RD_E_INPUT,
                "the output's shape says %zu values, its data holds %zu", product, leaves);
    }
    st = table_new(r, leaves / r->n, &t);
    at = t.leaf;
    if (!st)
        st = take_leaves(r, data, 0, &at);
    t.labels = holds_words(o);
    return st ? st : read_table(r, &t, out);
}

static rd_status read_predictions(const struct reader *r, const json_t *root, struct rd_answer *out)
{
    const json_t *v = json_object_get(root, "predictions");

    if (!v && r->form->protocol == RD_PROTOCOL_V1)
        v = json_object_get(root, "outputs");
    if (!v && r->form->protocol != RD_PROTOCOL_V1) {
        char safe[8];

        /* Older servers: the predictions alone. */
        if (json_is_array(root) ||
            (json_is_object(root) && !rd_json_complaint(root, safe, sizeof safe)))
            v = root;
    }
    return v ? read_value(r, v, false, out) : complain_or(r, root, "predictions");
}

static rd_status read_selected(const struct reader *r, json_t *root, struct rd_answer *out)
{
    const struct rd_form *f = r->form;
    json_t *scores = NULL, *labels = NULL;
    struct table t = { 0 };
    char safe[160];
    rd_status st = RD_OK;

    if (f->scores.text)
        st = rd_selector_apply(&f->scores, root, &scores, r->err);
    if (!st && f->labels.text)
        st = rd_selector_apply(&f->labels, root, &labels, r->err);
    if (st && rd_json_complaint(root, safe, sizeof safe))
        st = RD_WRAP(r->err, st, "the answer is an error: %s", safe);
    if (!st && scores)
        st = read_value(r, scores, true, out);
    if (!st && labels)
        st = to_table(r, labels, false, &t);
    if (!st && labels && t.width != 1)
        st = RD_FAIL(r->err, RD_E_INPUT, "%zu labels came back for each row", t.width);
    if (!st && labels)
        st = read_labels(r, &t, out);
    json_decref(scores);
    json_decref(labels);
    return st;
}

static rd_status read_line(
    const struct reader *r, uint64_t id, const json_t *root, struct rd_answer *out)
{
    const json_t *given = json_object_get(root, "id"), *v;
    char safe[160];

    if (!json_is_object(root))
        return RD_FAIL(r->err, RD_E_INPUT, "the line is no JSON object");
    if (rd_json_complaint(root, safe, sizeof safe))
        return RD_FAIL(r->err, RD_E_INPUT, "the answer is an error: %s", safe);
    if (!json_is_integer(given))
        return RD_FAIL(r->err, RD_E_INPUT, "the line has no whole number 'id'");
    if (json_integer_value(given) != (json_int_t)id)
        return RD_FAIL(r->err, RD_E_INPUT, "the line answers request %lld, but %llu was asked",
            (long long)json_integer_value(given), (unsigned long long)id);
    v = json_object_get(root, "scores");
    if (v)
        return read_value(r, v, false, out);
    v = json_object_get(root, "labels");
    return v ? read_value(r, v, false, out)
             : RD_FAIL(r->err, RD_E_INPUT, "the line has neither 'scores' nor 'labels'");
}

size_t rd_form_ceiling(const struct rd_form *f, size_t n)
{
    const size_t classes = f->classes ? f->classes : 65536;
    const size_t most = (size_t)64 << 20;
    size_t row;

    if (classes > most / 64)
        return most;
    row = 64 * classes + 1024;
    return n > (most - 65536) / row ? most : 65536 + n * row;
}

rd_status rd_form_read(const struct rd_form *form, uint64_t id, const char *bytes, size_t size,
    size_t n, struct rd_arena *arena, struct rd_answer *answer_out, struct rd_error *err)
{
    const struct reader r = { form, n, arena, err };
    struct rd_answer out = { 0 };
    char safe[160];
    json_t *root;
    rd_status st;

    if (size > rd_form_ceiling(form, n))
        return RD_FAIL(err, RD_E_LIMIT, "the answer has %zu bytes for %zu rows: too many", size, n);
    st = rd_json_load("the answer", bytes, size, &root, err);
    if (st)
        return st;
    if (json_is_string(json_object_get(root, "error")))
        st = RD_FAIL(err, RD_E_INPUT, "the answer is an error: %s",
            rd_text_safe_in(safe, sizeof safe, json_string_value(json_object_get(root, "error"))));
    else if (form->protocol == RD_PROTOCOL_V2)
        st = read_v2(&r, root, &out);
    else if (form->protocol == RD_PROTOCOL_TEMPLATE)
        st = read_selected(&r, root, &out);
    else if (form->protocol == RD_PROTOCOL_LINES)
        st = read_line(&r, id, root, &out);
    else
        st = read_predictions(&r, root, &out);
    json_decref(root);
    if (!st)
        *answer_out = out;
    return st;
}

/* --- metadata --- */

static rd_status check_shape(const struct rd_form *f, const json_t *shape, struct rd_error *err)
{
    const size_t axes = json_array_size(shape);
    size_t product = 1;
    bool open = false;

    if (axes < 2)
        return RD_OK; /* not said */
    for (size_t k = 1; k < axes; k++) {
        const json_int_t d = json_integer_value(json_array_get(shape, k));

        open |= d < 1;
        if (d >= 1 && (size_t)d <= f->inputs)
            product *= (size_t)d;
        else if (d >= 1)
            product = f->inputs + 1;
        if (product > f->inputs)
            break;
    }
    if (open ? product <= f->inputs : product == f->inputs)
        return RD_OK;
    return RD_FAIL(err, RD_E_INPUT,
        "the endpoint's input takes %s%zu numbers an example, the data has %zu",
        product > f->inputs ? "more than " : "", product > f->inputs ? f->inputs : product,
        f->inputs);
}

/* The server's own axes, where they are all known: [784] of data for its [1, 28, 28]. */
static rd_status take_shape(
    struct rd_form *f, const json_t *shape, struct rd_arena *arena, struct rd_error *err)
{
    const size_t axes = json_array_size(shape);
    int64_t *dim;

    if (axes < 2 || axes > RD_MAX_DIMS)
        return RD_OK;
    for (size_t k = 1; k < axes; k++)
        if (json_integer_value(json_array_get(shape, k)) < 1)
            return RD_OK;
    dim = RD_NEW_ARRAY(arena, int64_t, axes - 1);
    if (!dim)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a shape");
    for (size_t k = 1; k < axes; k++)
        dim[k - 1] = json_integer_value(json_array_get(shape, k));
    f->dim = dim;
    f->ndim = (int)axes - 1;
    return RD_OK;
}

static rd_status take_input(
    struct rd_form *f, const json_t *root, struct rd_arena *arena, struct rd_error *err)
{
    static const char *const types[] = { "FP32", "FP64", "FP16", "BF16", "INT8", "INT16", "INT32",
        "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BOOL" };
    const json_t *inputs = json_object_get(root, "inputs"), *in = json_array_get(inputs, 0);
    const char *name = json_string_value(json_object_get(in, "name"));
    const char *type = json_string_value(json_object_get(in, "datatype"));
    char safe[64];
    rd_status st;

    if (!name)
        return RD_FAIL(err, RD_E_INPUT, "the endpoint does not say what its model's input is");
    if (json_array_size(inputs) > 1)
        return RD_FAIL(err, RD_E_INPUT, "the endpoint's model has %zu inputs; one can be attacked",
            json_array_size(inputs));
    f->datatype = NULL;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (!strcmp(type, types[i]))
            f->datatype = types[i];
    if (!f->datatype)
        return RD_FAIL(err, RD_E_INPUT, "the endpoint's input is of type '%s'; numbers are needed",
            rd_text_safe_in(safe, sizeof safe, type ? type : "none"));
    f->input = rd_arena_strdup(arena, name);
    if (!f->input)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a name");
    st = check_shape(f, json_object_get(in, "shape"), err);
    return st ? st : take_shape(f, json_object_get(in, "shape"), arena, err);
}

rd_status rd_form_metadata(struct rd_form *form, const char *bytes, size_t size,
    struct rd_arena *arena, struct rd_error *err)
{
    char safe[160];
    json_t *root;
    rd_status st = rd_json_load("the model's metadata", bytes, size, &root, err);

    if (st)
        return st;
    if (rd_json_complaint(root, safe, sizeof safe))
        st = RD_FAIL(err, RD_E_INPUT, "the endpoint's metadata is an error: %s", safe);
    else
        st = take_input(form, root, arena, err);
    json_decref(root);
    return st;
}
