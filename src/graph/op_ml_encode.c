/*
 * op_ml_encode.c - LabelEncoder, CategoryMapper, OneHotEncoder: words and numbers looked up in a
 * table of the attributes. Not differentiable.
 */
#include "graph/ml_table.h"

#include <stdio.h>
#include <string.h>

/* --- values looked up: what LabelEncoder and CategoryMapper give --- */

struct encoder {
    struct rd_ml_table key;
    enum rd_dtype from, to;
    /* n values and behind them the one for unknown keys; of type `to`. */
    const void *value;
};

static rd_status table_of(const struct rd_tensor *keys, struct rd_arena *arena,
    struct rd_ml_table *out, struct rd_error *err)
{
    const size_t n = rd_tensor_count(keys);
    double *reals;
    int64_t *ints;

    if (keys->dtype == RD_STRING)
        return rd_ml_table_make(keys->data, NULL, NULL, n, arena, out, err);
    reals = RD_NEW_ARRAY(arena, double, n);
    ints = RD_NEW_ARRAY(arena, int64_t, n);
    if (!reals || !ints)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu keys", n);
    for (size_t i = 0; i < n; i++) {
        const char *const at = (const char *)keys->data + i * rd_dtype_size(keys->dtype);
        int16_t small;
        float f;

        if (keys->dtype == RD_I64) {
            memcpy(&ints[i], at, sizeof(ints[i]));
        } else if (keys->dtype == RD_I16) {
            memcpy(&small, at, sizeof(small));
            ints[i] = small;
        } else if (keys->dtype == RD_F64) {
            memcpy(&reals[i], at, sizeof(reals[i]));
        } else {
            memcpy(&f, at, sizeof(f));
            reals[i] = (double)f;
        }
    }
    return keys->dtype == RD_I64 || keys->dtype == RD_I16
               ? rd_ml_table_make(NULL, ints, NULL, n, arena, out, err)
               : rd_ml_table_make(NULL, NULL, reals, n, arena, out, err);
}

/* The values, then the default. */
static rd_status values_of(const struct rd_tensor *values, const void *otherwise,
    struct rd_arena *arena, struct encoder *e, struct rd_error *err)
{
    const size_t n = rd_tensor_count(values), size = rd_dtype_size(values->dtype);
    char *all = rd_arena_alloc(arena, n + 1, size);

    if (!all)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu values", n);
    if (n)
        memcpy(all, values->data, n * size);
    memcpy(all + n * size, otherwise, size);
    e->to = values->dtype;
    e->value = all;
    return RD_OK;
}

static rd_status encode(struct rd_op_call *c, const struct encoder *e)
{
    const size_t n = rd_tensor_count(c->in[0]), size = rd_dtype_size(e->to);
    char *const to = c->out[0]->data;
    const char *const from = e->value;
    size_t k;

    for (size_t i = 0; i < n; i++) {
        const void *const in = c->in[0]->data;

        switch ((int)e->from) {
        case RD_STRING:
            k = rd_ml_find_text(&e->key, ((const char *const *)in)[i]);
            break;
        case RD_I64:
            k = rd_ml_find_int(&e->key, ((const int64_t *)in)[i]);
            break;
        case RD_I16:
            k = rd_ml_find_int(&e->key, ((const int16_t *)in)[i]);
            break;
        case RD_F64:
            k = rd_ml_find_real(&e->key, ((const double *)in)[i]);
            break;
        default:
            k = rd_ml_find_real(&e->key, (double)((const float *)in)[i]);
            break;
        }
        memcpy(to + i * size, from + k * size, size);
    }
    return RD_OK;
}

static double encode_flops(const struct rd_op_call *c)
{
    return (double)rd_tensor_count(c->in[0]) * 32; /* log2 of any table's size */
}

static rd_status encode_infer(struct rd_op_call *c, const struct encoder *e)
{
    if (c->in[0]->dtype && c->in[0]->dtype != e->from)
        return RD_FAIL(c->err, RD_E_INPUT, "the input is %s, the keys are %s",
            rd_dtype_name(c->in[0]->dtype), rd_dtype_name(e->from));
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = e->to;
    return RD_OK;
}

/* --- LabelEncoder from version 2 --- */

/* Whichever of <name>strings, <name>int64s, <name>floats, <name>tensor is given, as a tensor. */
static rd_status list_of(const struct rd_graph_node *node, const char *name, struct rd_arena *arena,
    struct rd_tensor *out, struct rd_error *err)
{
    static const char *const kinds[] = { "strings", "int64s", "floats", "tensor" };
    char full[32];
    int given = 0;

    for (int k = 0; k < 4; k++) {
        const struct rd_attr *a;
        rd_status st = RD_OK;
        const char *const *texts;
        size_t n;

        (void)snprintf(full, sizeof(full), "%s%s", name, kinds[k]);
        a = rd_op_attr(node, full);
        if (!a || (a->type != RD_ATTR_TENSOR && !a->n))
            continue;
        if (given++)
            return RD_FAIL(err, RD_E_INPUT, "'%s' is given twice, in two types", name);
        if (a->type == RD_ATTR_TENSOR) {
            *out = *a->tensor;
            continue;
        }
        *out = (struct rd_tensor){ .ndim = 1, .dim = { (int64_t)a->n } };
        if (a->type == RD_ATTR_STRINGS) {
            st = rd_ml_strings(node, full, arena, &texts, &n, err);
            out->dtype = RD_STRING;
            out->data = (void *)(uintptr_t)texts;
        } else if (a->type == RD_ATTR_INTS) {
            out->dtype = RD_I64;
            out->data = (void *)(uintptr_t)a->ints;
        } else {
            out->dtype = RD_F32;
            out->data = (void *)(uintptr_t)a->floats;
        }
        if (st)
            return st;
    }
    if (!given)
        return RD_FAIL(err, RD_E_INPUT, "none of '%sstrings', '%sint64s', '%sfloats' is given",
            name, name, name);
    return RD_OK;
}

static bool can_key(enum rd_dtype t)
{
    return t == RD_STRING || t == RD_I64 || t == RD_F32 || t == RD_F64 || t == RD_I16;
}

/* What unknown keys become; into a buffer of 8 bytes. */
static rd_status default_of(const struct rd_graph_node *node, enum rd_dtype type,
    struct rd_arena *arena, char out[8], struct rd_error *err)
{
    const struct rd_attr *t = rd_op_attr(node, "default_tensor");
    const char *text = NULL;
    const int64_t whole = rd_op_int(node, "default_int64", -1);
    const int16_t small = (int16_t)whole;
    const float f = rd_op_float(node, "default_float", -0.0f);
    const double d = (double)f;
    rd_status st = RD_OK;

    if (t) {
        if (t->tensor->dtype != type || rd_tensor_count(t->tensor) != 1)
            return RD_FAIL(err, RD_E_INPUT, "'default_tensor' must hold one %s, as the values",
                rd_dtype_name(type));
        memcpy(out, t->tensor->data, rd_dtype_size(type));
        return RD_OK;
    }
    switch ((int)type) {
    case RD_STRING:
        st = rd_ml_string(node, "default_string", "_Unused", arena, &text, err);
        memcpy(out, &text, sizeof(text));
        break;
    case RD_I64:
        memcpy(out, &whole, sizeof(whole));
        break;
    case RD_I16:
        memcpy(out, &small, sizeof(small));
        break;
    case RD_F64:
        memcpy(out, &d, sizeof(d));
        break;
    default:
        memcpy(out, &f, sizeof(f));
        break;
    }
    return st;
}

/* A table of words and their numbers, either way round: version 1 and CategoryMapper. */
static rd_status words(const struct rd_graph_node *node, const struct rd_tensor *texts,
    const struct rd_tensor *ints, bool from_text, struct rd_arena *arena, struct encoder *e,
    struct rd_error *err)
{
    char otherwise[8];
    rd_status st = table_of(from_text ? texts : ints, arena, &e->key, err);

    e->from = from_text ? RD_STRING : RD_I64;
    if (!st)
        st = default_of(node, from_text ? RD_I64 : RD_STRING, arena, otherwise, err);
    return st ? st : values_of(from_text ? ints : texts, otherwise, arena, e, err);
}

struct both { /* which way is known only when the input's type is */
    struct encoder from_text, from_int, listed;
    bool lists; /* listed alone counts */
};

static const struct encoder *way(const struct rd_op_call *c)
{
    const struct both *b = c->node->prepared;

    return b->lists ? &b->listed : c->in[0]->dtype == RD_I64 ? &b->from_int : &b->from_text;
}

static rd_status both_ways(const struct rd_graph_node *node, const struct rd_tensor *texts,
    const struct rd_tensor *ints, struct rd_arena *arena, struct both *b, struct rd_error *err)
{
    const rd_status st = words(node, texts, ints, true, arena, &b->from_text, err);

    return st ? st : words(node, texts, ints, false, arena, &b->from_int, err);
}

/* A list of strings as a tensor. */
static rd_status texts_of(const struct rd_graph_node *node, const char *name,
    struct rd_arena *arena, struct rd_tensor *out, struct rd_error *err)
{
    const char *const *texts;
    size_t n;
    const rd_status st = rd_ml_strings(node, name, arena, &texts, &n, err);

    *out = (struct rd_tensor){
        .dtype = RD_STRING, .ndim = 1, .dim = { (int64_t)n }, .data = (void *)(uintptr_t)texts
    };
    return st;
}

/* --- LabelEncoder --- */

/* Version 1: a word's number is its place. */
static rd_status places(
    const struct rd_graph_node *node, struct rd_arena *arena, struct both *b, struct rd_error *err)
{
    struct rd_tensor texts, ints;
    rd_status st = texts_of(node, "classes_strings", arena, &texts, err);
    const size_t n = st ? 0 : rd_tensor_count(&texts);
    int64_t *place = RD_NEW_ARRAY(arena, int64_t, n);

    if (!st && !place)
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for %zu classes", n);
    for (size_t i = 0; i < n && !st; i++)
        place[i] = (int64_t)i;
    ints = texts;
    ints.dtype = RD_I64;
    ints.data = place;
    return st ? st : both_ways(node, &texts, &ints, arena, b, err);
}

static rd_status label_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct both *b = RD_NEW(arena, struct both);
    struct rd_tensor keys, values;
    char otherwise[8];
    rd_status st;

    if (!b)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a table");
    *prepared_out = b;
    if (node->opset < 2)
        return places(node, arena, b, err);
    b->lists = true;
    st = list_of(node, "keys_", arena, &keys, err);
    if (!st)
        st = list_of(node, "values_", arena, &values, err);
    if (st)
        return st;
    if (!can_key(keys.dtype) || !can_key(values.dtype))
        return RD_FAIL(err, RD_E_INPUT, "%s to %s is not supported", rd_dtype_name(keys.dtype),
            rd_dtype_name(values.dtype));
    if (rd_tensor_count(&keys) != rd_tensor_count(&values))
        return RD_FAIL(err, RD_E_INPUT, "%zu keys for %zu values", rd_tensor_count(&keys),
            rd_tensor_count(&values));
    b->listed.from = keys.dtype;
    st = table_of(&keys, arena, &b->listed.key, err);
    if (!st)
        st = default_of(node, values.dtype, arena, otherwise, err);
    return st ? st : values_of(&values, otherwise, arena, &b->listed, err);
}

static rd_status way_infer(struct rd_op_call *c)
{
    return encode_infer(c, way(c));
}

static rd_status way_forward(struct rd_op_call *c)
{
    return encode(c, way(c));
}

static const struct rd_op_attr label_attrs[] = {
    { "classes_strings", RD_ATTR_STRINGS, 0, 1, false },
    { "default_float", RD_ATTR_FLOAT, 2, 0, false },
    { "default_int64", RD_ATTR_INT, 0, 0, false },
    { "default_string", RD_ATTR_STRING, 0, 0, false },
    { "default_tensor", RD_ATTR_TENSOR, 4, 0, false },
    { "keys_floats", RD_ATTR_FLOATS, 2, 0, false },
    { "keys_int64s", RD_ATTR_INTS, 2, 0, false },
    { "keys_strings", RD_ATTR_STRINGS, 2, 0, false },
    { "keys_tensor", RD_ATTR_TENSOR, 4, 0, false },
    { "values_floats", RD_ATTR_FLOATS, 2, 0, false },
    { "values_int64s", RD_ATTR_INTS, 2, 0, false },
    { "values_strings", RD_ATTR_STRINGS, 2, 0, false },
    { "values_tensor", RD_ATTR_TENSOR, 4, 0, false },
    { 0 },
};

const struct rd_op rd_op_labelencoder = {
    .op = "LabelEncoder",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) | RD_T(RD_I64) | RD_T(RD_F32) | RD_T(RD_F64) | RD_T(RD_I16) },
    .attrs = label_attrs,
    .prepare = label_prepare,
    .infer = way_infer,
    .forward = way_forward,
    .flops = encode_flops,
    .per_example = rd_op_rows_elementwise,
};

/* --- CategoryMapper --- */

static rd_status mapper_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct both *b = RD_NEW(arena, struct both);
    struct rd_tensor texts, ints = { .dtype = RD_I64, .ndim = 1 };
    size_t n;
    rd_status st;

    if (!b)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a table");
    *prepared_out = b;
    ints.data = (void *)(uintptr_t)rd_op_ints(node, "cats_int64s", &n);
    ints.dim[0] = (int64_t)n;
    st = texts_of(node, "cats_strings", arena, &texts, err);
    if (st)
        return st;
    if (n != rd_tensor_count(&texts))
        return RD_FAIL(err, RD_E_INPUT, "%zu 'cats_int64s' for %zu 'cats_strings'", n,
            rd_tensor_count(&texts));
    return both_ways(node, &texts, &ints, arena, b, err);
}

static const struct rd_op_attr mapper_attrs[] = {
    { "cats_int64s", RD_ATTR_INTS, 0, 0, false },
    { "cats_strings", RD_ATTR_STRINGS, 0, 0, false },
    { "default_int64", RD_ATTR_INT, 0, 0, false },
    { "default_string", RD_ATTR_STRING, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_categorymapper = {
    .op = "CategoryMapper",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) | RD_T(RD_I64) },
    .attrs = mapper_attrs,
    .prepare = mapper_prepare,
    .infer = way_infer,
    .forward = way_forward,
    .flops = encode_flops,
    .per_example = rd_op_rows_elementwise,
};

/* --- OneHotEncoder --- */

static rd_status hot_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct rd_ml_table *t = RD_NEW(arena, struct rd_ml_table);
    struct rd_ml_labels cats;
    rd_status st;

    if (!t)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a table");
    *prepared_out = t;
    st = rd_ml_labels(node, "cats_int64s", "cats_strings", arena, &cats, err);
    if (!st && !cats.n)
        st = RD_FAIL(err, RD_E_INPUT, "no categories are given");
    return st ? st : rd_ml_table_make(cats.texts, cats.ints, NULL, cats.n, arena, t, err);
}

static rd_status hot_infer(struct rd_op_call *c)
{
    const struct rd_ml_table *t = c->node->prepared;
    const bool text = c->in[0]->dtype == RD_STRING;
    struct rd_tensor *out = c->out[0];

    if (c->in[0]->dtype && text != (t->kind == RD_ML_TEXTS))
        return RD_FAIL(c->err, RD_E_INPUT, "the input is %s, the categories are %s",
            rd_dtype_name(c->in[0]->dtype), t->kind == RD_ML_TEXTS ? "strings" : "integers");
    if (c->in[0]->ndim >= RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the output would have %d dimensions; at most %d are "
            "supported",
            c->in[0]->ndim + 1, RD_MAX_DIMS);
    rd_op_same_shape(out, c->in[0]);
    out->dtype = RD_F32;
    out->dim[out->ndim++] = (int64_t)t->n;
    return RD_OK;
}

/* Reals are cut to integers, as the standard says; those that fit in none are unknown. */
static size_t find_number(const struct rd_ml_table *t, double x)
{
    return x > -0x1p63 && x < 0x1p63 ? rd_ml_find_int(t, (int64_t)x) : t->n;
}

static rd_status hot_forward(struct rd_op_call *c)
{
    const struct rd_ml_table *t = c->node->prepared;
    const bool zeros = rd_op_int(c->node, "zeros", 1) != 0;
    float *to = c->out[0]->data;

    memset(to, 0, rd_tensor_bytes(c->out[0]));
    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++, to += t->n) {
        const void *const in = c->in[0]->data;
        size_t k;

        switch ((int)c->in[0]->dtype) {
        case RD_STRING:
            k = rd_ml_find_text(t, ((const char *const *)in)[i]);
            break;
        case RD_I64:
            k = rd_ml_find_int(t, ((const int64_t *)in)[i]);
            break;
        case RD_I32:
            k = rd_ml_find_int(t, ((const int32_t *)in)[i]);
            break;
        case RD_F64:
            k = find_number(t, ((const double *)in)[i]);
            break;
        default:
            k = find_number(t, (double)((const float *)in)[i]);
            break;
        }
        if (k < t->n)
            to[k] = 1;
        else if (!zeros)
            return RD_FAIL(
                c->err, RD_E_INPUT, "element %zu is none of the %zu categories", i, t->n);
    }
    return RD_OK;
}

static bool hot_rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && c->in[0]->ndim >= 1;
}

static const struct rd_op_attr hot_attrs[] = {
    { "cats_int64s", RD_ATTR_INTS, 0, 0, false },
    { "cats_strings", RD_ATTR_STRINGS, 0, 0, false },
    { "zeros", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_onehotencoder = {
    .op = "OneHotEncoder",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES | RD_T(RD_STRING) },
    .attrs = hot_attrs,
    .prepare = hot_prepare,
    .infer = hot_infer,
    .forward = hot_forward,
    .flops = encode_flops,
    .per_example = hot_rows,
};
