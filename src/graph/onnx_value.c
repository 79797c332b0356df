/* onnx_value.c - ValueInfoProto: name, element type and shape of a graph input or output. */
#include "graph/onnx.h"
#include "tensor/boxed.h"

#include <string.h>

static rd_status dimension(struct rd_onnx *x, struct rd_span message, struct rd_graph_value *v)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    const int i = v->ndim;
    struct rd_pb_field f;
    bool more;
    rd_status st;

    if (i == RD_MAX_DIMS)
        return RD_FAIL(x->err, RD_E_LIMIT, "it has more than %d dimensions", RD_MAX_DIMS);
    v->dim[i] = -1;
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == 1) { /* dim_value and dim_param are one of two: the last one counts */
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "dim_value", x->err);
            if (!st && (int64_t)f.value < 0 && (int64_t)f.value != -1)
                st = RD_FAIL(x->err, RD_E_INPUT, "dimension %d is %lld", i, (long long)f.value);
            v->dim[i] = (int64_t)f.value;
            v->dim_name[i] = NULL;
        } else if (f.number == 2) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "dim_param", x->err);
            if (!st)
                st = rd_onnx_text(x, f.span, "the name of a dimension", &v->dim_name[i]);
            v->dim[i] = -1;
            if (!st && !v->dim_name[i][0])
                v->dim_name[i] = NULL;
        }
        if (st)
            return st;
    }
    v->ndim++;
    return st;
}

/* TypeProto.Tensor: element type and shape. */
static rd_status tensor_type(struct rd_onnx *x, struct rd_span message, struct rd_graph_value *v)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span shape;
    struct rd_pb_field f;
    bool more, found;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "an element type", x->err);
            if (!st &&
                (f.value >= RD_SEQUENCE || (f.value && !rd_dtype_size((enum rd_dtype)f.value))))
                st = RD_FAIL(x->err, RD_E_INPUT, "element type %llu is not supported",
                    (unsigned long long)f.value);
            if (st)
                return st;
            v->dtype = (enum rd_dtype)f.value;
        }
    if (!st)
        st = rd_pb_message(message, x->base, 2, "a shape", x->arena, &shape, &found, x->err);
    if (st || !found)
        return st;
    v->ndim = 0;
    pb = rd_pb_open(shape, x->base);
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a dimension", x->err);
            if (!st)
                st = dimension(x, f.span, v);
            if (st)
                return st;
        }
    return st;
}

/* A TypeProto into v: dtype, shape, item, key. depth: of types around it. */
static rd_status any_type(
    struct rd_onnx *x, struct rd_span message, int depth, struct rd_graph_value *v)
{
    static const struct {
        const char *name;
        enum rd_dtype dtype;
        uint32_t item; /* field of the inner type */
    } kinds[] = { [1] = { "tensor", RD_DTYPE_NONE, 0 },
        [4] = { "sequence", RD_SEQUENCE, 1 },
        [5] = { "map", RD_MAP, 2 },
        [7] = { "opaque", RD_DTYPE_NONE, 0 },
        [8] = { "sparse tensor", RD_DTYPE_NONE, 0 },
        [9] = { "optional", RD_OPTIONAL, 1 } };
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_graph_value inner = { .ndim = -1 };
    struct rd_type *item;
    struct rd_span body, type;
    struct rd_pb_field f;
    uint32_t kind = 0;
    bool more, found;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number < sizeof(kinds) / sizeof(*kinds) && kinds[f.number].name)
            kind = f.number; /* one of these: the last one counts */
    if (st || !kind)
        return st;
    if (kind != 1 && !kinds[kind].dtype)
        return RD_FAIL(
            x->err, RD_E_INPUT, "it is of kind %s, which is not supported", kinds[kind].name);
    st = rd_pb_message(message, x->base, kind, "a type", x->arena, &body, &found, x->err);
    if (st)
        return st;
    if (kind == 1)
        return tensor_type(x, body, v);
    if (depth == RD_BOXED_DEPTH)
        return RD_FAIL(x->err, RD_E_LIMIT, "its type is nested more than %d deep", RD_BOXED_DEPTH);
    v->dtype = kinds[kind].dtype;
    v->ndim = 0;
    pb = rd_pb_open(body, x->base);
    while (kind == 5 && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "the type of a map's keys", x->err);
            if (!st && (f.value >= RD_SEQUENCE || !rd_dtype_size((enum rd_dtype)f.value)))
                st = RD_FAIL(x->err, RD_E_INPUT, "element type %llu is not supported",
                    (unsigned long long)f.value);
            v->key = (enum rd_dtype)f.value;
            if (st)
                return st;
        }
    if (!st)
        st = rd_pb_message(
            body, x->base, kinds[kind].item, "an inner type", x->arena, &type, &found, x->err);
    if (!st && found)
        st = any_type(x, type, depth + 1, &inner);
    if (st || !found)
        return st;
    item = rd_onnx_alloc(x, 1, sizeof(*item), &st);
    if (st)
        return st;
    *item = (struct rd_type){ inner.dtype, inner.key, inner.item, inner.ndim, { 0 } };
    memcpy(item->dim, inner.dim, sizeof(item->dim));
    v->item = item;
    return RD_OK;
}

rd_status rd_onnx_type(struct rd_onnx *x, struct rd_span message, const struct rd_type **type_out)
{
    struct rd_graph_value v = { .ndim = -1 };
    struct rd_type *type;
    rd_status st = any_type(x, message, 0, &v);

    if (st)
        return st;
    type = rd_onnx_alloc(x, 1, sizeof(*type), &st);
    if (st)
        return st;
    *type = (struct rd_type){ v.dtype, v.key, v.item, v.ndim, { 0 } };
    memcpy(type->dim, v.dim, sizeof(type->dim));
    *type_out = type;
    return RD_OK;
}

rd_status rd_onnx_value_info(struct rd_onnx *x, struct rd_span message, struct rd_graph_value *v)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span type, name = { NULL, 0 };
    struct rd_pb_field f;
    bool more, found;
    rd_status st;

    v->ndim = -1;
    v->producer = -1;
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "the name of a graph input or output", x->err);
            if (st)
                return st;
            name = f.span;
        }
    if (!st)
        st = rd_onnx_text(x, name, "the name of a graph input or output", &v->name);
    if (!st)
        st = rd_pb_message(message, x->base, 2, "a type", x->arena, &type, &found, x->err);
    return st || !found ? st : any_type(x, type, 0, v);
}
