/*
 * op_ml_map.c - DictVectorizer and CastMap: a map made a row of numbers or words; ZipMap: the other
 * way round.
 *
 * ZipMap's answer in the standard is a sequence of maps from class label to score, one a row. Ours
 * is the matrix it was made from, whose columns are in the order of the labels: what everybody
 * takes out of those maps again, and what our commands write. No operator takes such a sequence
 * but those that take it apart.
 */
#include "graph/ml_table.h"
#include "tensor/boxed.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys and values of a map; NULL while they are not known. */
static const struct rd_boxed *map_of(const struct rd_tensor *t)
{
    const struct rd_boxed *box = rd_boxed_of(t);

    return box && box->n == 2 ? box : NULL;
}

/* --- DictVectorizer --- */

static rd_status dict_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct rd_ml_labels *words = RD_NEW(arena, struct rd_ml_labels);
    rd_status st;

    if (!words)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a vocabulary");
    *prepared_out = words;
    st = rd_ml_labels(node, "int64_vocabulary", "string_vocabulary", arena, words, err);
    if (!st && !words->n)
        st = RD_FAIL(err, RD_E_INPUT, "no vocabulary is given");
    return st;
}

static rd_status dict_infer(struct rd_op_call *c)
{
    const struct rd_ml_labels *words = c->node->prepared;
    const struct rd_boxed *map = c->in[0]->data ? map_of(c->in[0]) : NULL;

    if (!map) {
        c->out[0]->ndim = -1; /* its type is that of the values: known when the graph runs */
        return RD_OK;
    }
    if (map->item[0]->dtype != (words->texts ? RD_STRING : RD_I64))
        return RD_FAIL(c->err, RD_E_INPUT, "the map's keys are %s, the vocabulary is of %s",
            rd_dtype_name(map->item[0]->dtype), words->texts ? "strings" : "integers");
    if (!(RD_T(map->item[1]->dtype) & (RD_T_FEATURES | RD_T(RD_STRING))))
        return RD_FAIL(c->err, RD_E_INPUT, "values of type %s are not supported",
            rd_dtype_name(map->item[1]->dtype));
    rd_ml_shape2(c->out[0], map->item[1]->dtype, 1, (int64_t)words->n);
    return RD_OK;
}

/* Words that the map has not get 0 or "". */
static rd_status dict_forward(struct rd_op_call *c)
{
    const struct rd_ml_labels *words = c->node->prepared;
    const struct rd_boxed *map = map_of(c->in[0]);
    const struct rd_tensor *keys = map->item[0], *values = map->item[1];
    const size_t size = rd_dtype_size(values->dtype);
    struct rd_arena own = RD_ARENA_INIT;
    struct rd_ml_table t;
    char *to = c->out[0]->data;
    rd_status st = rd_ml_table_make(words->texts ? keys->data : NULL,
        words->texts ? NULL : keys->data, NULL, rd_tensor_count(keys), &own, &t, c->err);

    for (size_t i = 0; i < words->n && !st; i++, to += size) {
        const size_t k = words->texts ? rd_ml_find_text(&t, words->texts[i])
                                      : rd_ml_find_int(&t, words->ints[i]);

        if (k < t.n)
            memcpy(to, (const char *)values->data + k * size, size);
        else if (values->dtype == RD_STRING)
            *(const char **)(void *)to = "";
        else
            memset(to, 0, size);
    }
    rd_arena_release(&own);
    return st;
}

static const struct rd_op_attr dict_attrs[] = {
    { "int64_vocabulary", RD_ATTR_INTS, 0, 0, false },
    { "string_vocabulary", RD_ATTR_STRINGS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_dictvectorizer = {
    .op = "DictVectorizer",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_MAP) },
    .attrs = dict_attrs,
    .prepare = dict_prepare,
    .infer = dict_infer,
    .forward = dict_forward,
};

/* --- CastMap --- */

enum cast { TO_FLOAT, TO_STRING, TO_INT64 };
static const char *const casts[] = { "TO_FLOAT", "TO_STRING", "TO_INT64", NULL };
static const char *const forms[] = { "DENSE", "SPARSE", NULL };

static rd_status castmap_infer(struct rd_op_call *c)
{
    static const enum rd_dtype types[] = { RD_F32, RD_STRING, RD_I64 };
    const struct rd_boxed *map = c->in[0]->data ? map_of(c->in[0]) : NULL;
    const int64_t most = rd_op_int(c->node, "max_map", 1);
    int cast, sparse;
    rd_status st = rd_ml_choice(c->node, "cast_to", casts, &cast, c->err);

    if (!st)
        st = rd_ml_choice(c->node, "map_form", forms, &sparse, c->err);
    if (st)
        return st;
    if (sparse && most < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "'max_map' is %lld", (long long)most);
    rd_ml_shape2(c->out[0], types[cast], 1, sparse ? most : -1);
    if (!map)
        return RD_OK;
    if (map->item[0]->dtype != RD_I64 ||
        (map->item[1]->dtype != RD_F32 && map->item[1]->dtype != RD_STRING))
        return RD_FAIL(c->err, RD_E_INPUT,
            "a map of %s to %s where int64 to string or float32 is taken",
            rd_dtype_name(map->item[0]->dtype), rd_dtype_name(map->item[1]->dtype));
    if (!sparse)
        c->out[0]->dim[1] = (int64_t)rd_tensor_count(map->item[0]);
    return RD_OK;
}

/* Value k of the map, cast, as element i of the output; k past the end: what stands for no value.
 */
static rd_status cast_one(struct rd_op_call *c, const struct rd_tensor *values, size_t k, size_t i)
{
    const bool none = k >= rd_tensor_count(values);
    const char *const word =
        !none && values->dtype == RD_STRING ? ((const char *const *)values->data)[k] : NULL;
    double v = none || word ? 0 : (double)((const float *)values->data)[k];
    char number[64];

    if (c->out[0]->dtype == RD_STRING) {
        const char *text = word ? word : "";

        if (!none && !word) {
            (void)snprintf(number, sizeof(number), "%f", v); /* as ONNX Runtime writes it */
            text = c->text ? rd_arena_strdup(c->text, number) : NULL;
        }
        if (!text)
            return RD_FAIL(c->err, RD_E_MEMORY, "no memory for strings");
        ((const char **)c->out[0]->data)[i] = text;
        return RD_OK;
    }
    if (word && !rd_text_to_double(word, false, &v))
        return RD_FAIL(c->err, RD_E_INPUT, "value %zu of the map is no number", k);
    if (c->out[0]->dtype == RD_F32) {
        ((float *)c->out[0]->data)[i] = (float)v;
    } else {
        struct rd_tensor one = { .dtype = RD_I64, .data = (int64_t *)c->out[0]->data + i };

        rd_op_narrow(&v, &one, false);
    }
    return RD_OK;
}

/* Dense: the values in the order of their keys. Sparse: the value of key i at i. */
static rd_status castmap_forward(struct rd_op_call *c)
{
    const struct rd_boxed *map = map_of(c->in[0]);
    const struct rd_tensor *keys = map->item[0], *values = map->item[1];
    struct rd_arena own = RD_ARENA_INIT;
    struct rd_ml_table t;
    int sparse;
    rd_status st = rd_ml_choice(c->node, "map_form", forms, &sparse, c->err);

    if (!st)
        st = rd_ml_table_make(NULL, keys->data, NULL, rd_tensor_count(keys), &own, &t, c->err);
    for (size_t i = 0, n = rd_tensor_count(c->out[0]); i < n && !st; i++)
        st = cast_one(c, values, sparse ? rd_ml_find_int(&t, (int64_t)i) : t.key[i].index, i);
    rd_arena_release(&own);
    return st;
}

static const struct rd_op_attr castmap_attrs[] = {
    { "cast_to", RD_ATTR_STRING, 0, 0, false },
    { "map_form", RD_ATTR_STRING, 0, 0, false },
    { "max_map", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_castmap = {
    .op = "CastMap",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_MAP) },
    .attrs = castmap_attrs,
    .infer = castmap_infer,
    .forward = castmap_forward,
};

/* --- ZipMap --- */

static rd_status zipmap_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct rd_ml_labels *labels = RD_NEW(arena, struct rd_ml_labels);
    rd_status st;

    if (!labels)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the labels");
    *prepared_out = labels;
    st = rd_ml_labels(node, "classlabels_int64s", "classlabels_strings", arena, labels, err);
    if (!st && !labels->n)
        st = RD_FAIL(err, RD_E_INPUT, "no class labels are given");
    return st;
}

static rd_status zipmap_infer(struct rd_op_call *c)
{
    const struct rd_ml_labels *labels = c->node->prepared;
    const struct rd_tensor *x = c->in[0];

    if (x->ndim < 1 || x->ndim > 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "scores must have one or two dimensions, not %d", x->ndim);
    if (x->dim[x->ndim - 1] >= 0 && (uint64_t)x->dim[x->ndim - 1] != labels->n)
        return RD_FAIL(c->err, RD_E_INPUT, "%lld scores a row for %zu class labels",
            (long long)x->dim[x->ndim - 1], labels->n);
    rd_ml_shape2(c->out[0], x->dtype, x->ndim == 1 ? 1 : x->dim[0], (int64_t)labels->n);
    return RD_OK;
}

static rd_status zipmap_forward(struct rd_op_call *c)
{
    memcpy(c->out[0]->data, c->in[0]->data, rd_tensor_bytes(c->out[0]));
    return RD_OK;
}

static rd_status zipmap_backward(struct rd_op_call *c)
{
    void *const dx = c->din[0] ? c->din[0]->data : NULL;
    const void *const dy = c->dout[0] ? c->dout[0]->data : NULL;

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n && dx && dy; i++) {
        if (c->in[0]->dtype == RD_F64)
            ((double *)dx)[i] += ((const double *)dy)[i];
        else
            ((float *)dx)[i] += ((const float *)dy)[i];
    }
    return RD_OK;
}

static const struct rd_op_attr zipmap_attrs[] = {
    { "classlabels_int64s", RD_ATTR_INTS, 0, 0, false },
    { "classlabels_strings", RD_ATTR_STRINGS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_zipmap = {
    .op = "ZipMap",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    /* The standard knows float32 alone; pipelines of float64 are exported with ZipMap all the same.
     */
    .in_type = { RD_T(RD_F32) | RD_T(RD_F64) },
    .attrs = zipmap_attrs,
    .prepare = zipmap_prepare,
    .infer = zipmap_infer,
    .forward = zipmap_forward,
    .backward = zipmap_backward,
    .grad_in = 1,
    .per_example = rd_ml_per_row,
};
