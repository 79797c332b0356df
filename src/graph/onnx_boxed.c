/*
 * onnx_boxed.c - SequenceProto, MapProto and OptionalProto: values that are no tensors, as ONNX's
 * test data has them.
 *
 * Source: onnx-data.proto of onnx 1.23.
 */
#include "graph/onnx.h"
#include "tensor/boxed.h"

#include <string.h>

enum { /* SequenceProto.DataType, OptionalProto.DataType */
    KIND_TENSOR = 1,
    KIND_SPARSE = 2,
    KIND_SEQUENCE = 3,
    KIND_MAP = 4,
    KIND_OPTIONAL = 5
};
enum { ITEMS_MOST = 1 << 20 };

static rd_status any_value(struct rd_onnx *x, struct rd_span message, enum rd_dtype dtype,
    const struct rd_type *item, int depth, struct rd_tensor **out);

static rd_status no_memory(const struct rd_onnx *x)
{
    return RD_FAIL(x->err, RD_E_MEMORY, "no memory to read '%s'", x->name);
}

/* Sequence and optional: what kind of items, and the items themselves. Fields 3 to 7 hold tensors,
 * sparse tensors, sequences, maps, optionals. */
static rd_status box_of(struct rd_onnx *x, struct rd_span message, enum rd_dtype dtype,
    const struct rd_type *item, int depth, struct rd_tensor **out)
{
    static const enum rd_dtype dtypes[] = {
        [KIND_SEQUENCE] = RD_SEQUENCE, [KIND_MAP] = RD_MAP, [KIND_OPTIONAL] = RD_OPTIONAL
    };
    struct rd_pb pb = rd_pb_open(message, x->base);
    const uint32_t shift = 2; /* field = kind + shift */
    struct rd_boxed *box;
    struct rd_pb_field f;
    size_t n = 0;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number <= shift || f.number > KIND_OPTIONAL + shift)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, "an item", x->err);
        if (!st && f.number - shift == KIND_SPARSE)
            st = RD_FAIL(x->err, RD_E_INPUT, "sparse tensors are not supported");
        if (!st && ++n > (dtype == RD_OPTIONAL ? 1 : (size_t)ITEMS_MOST))
            st = RD_FAIL(x->err, RD_E_LIMIT, "it has too many items");
        if (st)
            return st;
    }
    if (st)
        return st;
    box = rd_boxed_new(x->arena, item ? item->dtype : RD_DTYPE_NONE, n);
    if (!box)
        return no_memory(x);
    n = 0;
    for (pb = rd_pb_open(message, x->base);
         !st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;) {
        if (f.number <= shift || f.number > KIND_OPTIONAL + shift)
            continue;
        st = any_value(x, f.span,
            f.number - shift == KIND_TENSOR ? RD_F32 : dtypes[f.number - shift],
            item ? item->item : NULL, depth + 1, &box->item[n]);
        if (!st && box->item_dtype && box->item_dtype != box->item[n]->dtype)
            st = RD_FAIL(x->err, RD_E_INPUT, "item %zu is %s instead of %s", n,
                rd_dtype_name(box->item[n]->dtype), rd_dtype_name(box->item_dtype));
        if (!st &&
            f.number - shift == KIND_TENSOR) { /* aligned: subgraphs compute with it as it is */
            box->item[n] = rd_tensor_copy(x->arena, box->item[n]);
            st = box->item[n] ? RD_OK : no_memory(x);
        }
        if (!st)
            box->item_dtype = box->item[n++]->dtype;
    }
    if (st)
        return st;
    *out = rd_boxed_tensor(x->arena, dtype, box);
    return *out ? RD_OK : no_memory(x);
}

static rd_status keys(struct rd_onnx *x, struct rd_span message, struct rd_tensor **out)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    uint64_t type = 0;
    size_t n = 0, texts = 0, at = 0;
    int64_t count;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == 2)
            type = f.value;
        else if (f.number == 3)
            st = rd_pb_count(&pb, &f, RD_PB_VARINT, "keys", &n, x->err);
        else if (f.number == 4 && !(st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a key", x->err)))
            texts++;
        if (st)
            return st;
    }
    if (st)
        return st;
    if (type != RD_STRING && type != RD_I64)
        return RD_FAIL(
            x->err, RD_E_INPUT, "keys of type %llu are not supported", (unsigned long long)type);
    count = (int64_t)(type == RD_STRING ? texts : n);
    st = rd_tensor_new(x->arena, (enum rd_dtype)type, &count, 1, x->limits, out, x->err);
    for (pb = rd_pb_open(message, x->base);
         !st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;) {
        if (f.number == 3 && type == RD_I64)
            rd_pb_varints(&f, (*out)->data, &at);
        else if (f.number == 4 && type == RD_STRING)
            st = rd_onnx_text(x, f.span, "a key", &((const char **)(*out)->data)[at++]);
    }
    return st;
}

/* MapProto: keys, and a sequence of values; those are joined into one tensor when they are scalars.
 */
static rd_status map(struct rd_onnx *x, struct rd_span message, int depth, struct rd_tensor **out)
{
    struct rd_boxed *box = rd_boxed_new(x->arena, RD_DTYPE_NONE, 2);
    const struct rd_boxed *values;
    struct rd_tensor *list = NULL;
    struct rd_span span;
    int64_t n;
    bool found;
    rd_status st;

    if (!box)
        return no_memory(x);
    st = keys(x, message, &box->item[0]);
    if (!st)
        st = rd_pb_message(message, x->base, 5, "values", x->arena, &span, &found, x->err);
    if (!st)
        st = box_of(x, found ? span : (struct rd_span){ NULL, 0 }, RD_SEQUENCE, NULL, depth, &list);
    if (st)
        return st;
    values = rd_boxed_of(list);
    n = box->item[0]->dim[0];
    if (values->n != (size_t)n)
        return RD_FAIL(
            x->err, RD_E_INPUT, "a map has %lld keys and %zu values", (long long)n, values->n);
    st = rd_tensor_new(
        x->arena, values->n ? values->item_dtype : RD_F32, &n, 1, x->limits, &box->item[1], x->err);
    for (size_t i = 0; i < values->n && !st; i++) {
        const size_t size = rd_dtype_size(values->item_dtype);

        if (rd_dtype_is_boxed(values->item_dtype) || rd_tensor_count(values->item[i]) != 1)
            st = RD_FAIL(x->err, RD_E_INPUT, "value %zu of a map is no single number", i);
        else
            memcpy((char *)box->item[1]->data + i * size, values->item[i]->data, size);
    }
    if (st)
        return st;
    box->item_dtype = box->item[1]->dtype;
    *out = rd_boxed_tensor(x->arena, RD_MAP, box);
    return *out ? RD_OK : no_memory(x);
}

/* An item: rows want aligned data, and the executor looks at the box alone. */
static rd_status tensor(struct rd_onnx *x, struct rd_span message, struct rd_tensor **out)
{
    const char *name;
    rd_status st = rd_onnx_tensor(x, message, &name, out);
    void *copy;

    if (st || (uintptr_t)(*out)->data % 64 == 0)
        return st;
    copy = rd_onnx_alloc(x, rd_tensor_bytes(*out), 1, &st);
    if (st)
        return st;
    memcpy(copy, (*out)->data, rd_tensor_bytes(*out));
    (*out)->data = copy;
    return RD_OK;
}

static rd_status any_value(struct rd_onnx *x, struct rd_span message, enum rd_dtype dtype,
    const struct rd_type *item, int depth, struct rd_tensor **out)
{
    if (depth > RD_BOXED_DEPTH)
        return RD_FAIL(x->err, RD_E_LIMIT, "values are nested more than %d deep", RD_BOXED_DEPTH);
    if (dtype == RD_MAP)
        return map(x, message, depth, out);
    return rd_dtype_is_boxed(dtype) ? box_of(x, message, dtype, item, depth, out)
                                    : tensor(x, message, out);
}

rd_status rd_graph_value_parse(const char *name, const void *bytes, size_t size,
    const struct rd_graph_value *like, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err)
{
    struct rd_onnx x = { .name = name,
        .base = bytes,
        .arena = arena,
        .err = err,
        .limits = limits ? limits : &rd_limits_default,
        .used_before = arena->used,
        .file_bytes = size };

    return any_value(&x, (struct rd_span){ bytes, size }, like->dtype, like->item, 0, tensor_out);
}
