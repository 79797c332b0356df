/* onnx_value.c - ValueInfoProto: name, element type and shape of a graph input or output. */
#include "graph/onnx.h"

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

/* name and type of a ValueInfoProto; *is_tensor false for sequences, maps and the like. */
rd_status rd_onnx_value_info(
    struct rd_onnx *x, struct rd_span message, struct rd_graph_value *v, const char **kind_out)
{
    static const char *const kinds[] = {
        [4] = "sequence", [5] = "map", [7] = "opaque", [8] = "sparse tensor", [9] = "optional"
    };
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span type, tensor, shape, name = { NULL, 0 };
    struct rd_pb_field f;
    bool more, found;
    rd_status st;

    *kind_out = "";
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
    if (st || !found)
        return st;
    pb = rd_pb_open(type, x->base);
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number < sizeof(kinds) / sizeof(*kinds) && kinds[f.number])
            *kind_out = kinds[f.number];
    if (!st)
        st = rd_pb_message(type, x->base, 1, "a tensor type", x->arena, &tensor, &found, x->err);
    if (st || !found)
        return st;
    pb = rd_pb_open(tensor, x->base);
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "an element type", x->err);
            if (!st && (f.value > RD_BF16 || (f.value && !rd_dtype_size((enum rd_dtype)f.value))))
                st = RD_FAIL(x->err, RD_E_INPUT, "element type %llu is not supported",
                    (unsigned long long)f.value);
            if (st)
                return st;
            v->dtype = (enum rd_dtype)f.value;
        }
    if (!st)
        st = rd_pb_message(tensor, x->base, 2, "a shape", x->arena, &shape, &found, x->err);
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
