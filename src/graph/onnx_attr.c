/*
 * onnx_attr.c - AttributeProto: one value of the type it says, or a list of them.
 *
 * Subgraphs are left as bytes: they are read when the names around them are known (onnx_graph.c).
 */
#include "base/text.h"
#include "graph/onnx.h"

#include <string.h>

enum { SHOWN = 80 };
enum { /* AttributeProto */
    A_NAME = 1,
    A_F = 2,
    A_I = 3,
    A_S = 4,
    A_T = 5,
    A_G = 6,
    A_FLOATS = 7,
    A_INTS = 8,
    A_STRINGS = 9,
    A_TENSORS = 10,
    A_GRAPHS = 11,
    A_TP = 14,
    A_TYPE = 20,
    A_REF = 21
};

rd_status rd_onnx_attr(
    struct rd_onnx *x, struct rd_span message, struct rd_attr *a, const char **reference_out)
{
    static const char *const refused[] = {
        [11] = "a sparse tensor", [12] = "sparse tensors", [14] = "types"
    };
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span name = { NULL, 0 }, s = { NULL, 0 }, t;
    struct rd_pb_field f;
    uint64_t type = 0;
    size_t n[3] = { 0, 0, 0 }, at = 0; /* floats, ints, strings (or other messages) */
    unsigned seen = 0;                 /* mask of 1 << type that has contents */
    uint32_t bits = 0;
    const char *tensor_name;
    struct rd_tensor **tensors = NULL;
    char safe[SHOWN];
    bool more, found;
    rd_status st = RD_OK;

    *reference_out = NULL;
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        switch (f.number) {
        case A_NAME:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "the name of an attribute", x->err);
            name = f.span;
            break;
        case A_F:
            st = rd_pb_want(&pb, &f, RD_PB_FIXED32, "a float attribute", x->err);
            bits = (uint32_t)f.value;
            seen |= 1u << RD_ATTR_FLOAT;
            break;
        case A_I:
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "an integer attribute", x->err);
            a->i = (int64_t)f.value;
            seen |= 1u << RD_ATTR_INT;
            break;
        case A_S:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a string attribute", x->err);
            s = f.span;
            seen |= 1u << RD_ATTR_STRING;
            break;
        case A_T:
            seen |= 1u << RD_ATTR_TENSOR;
            break;
        case A_FLOATS:
            st = rd_pb_count(&pb, &f, RD_PB_FIXED32, "a list of floats", &n[0], x->err);
            seen |= 1u << RD_ATTR_FLOATS;
            break;
        case A_INTS:
            st = rd_pb_count(&pb, &f, RD_PB_VARINT, "a list of integers", &n[1], x->err);
            seen |= 1u << RD_ATTR_INTS;
            break;
        case A_STRINGS:
        case A_TENSORS:
        case A_GRAPHS:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a list of strings, tensors or graphs", x->err);
            n[2]++;
            seen |= 1u << (f.number == A_STRINGS   ? RD_ATTR_STRINGS
                           : f.number == A_TENSORS ? RD_ATTR_TENSORS
                                                   : RD_ATTR_GRAPHS);
            break;
        case A_G:
            seen |= 1u << RD_ATTR_GRAPH;
            break;
        case A_TP:
            seen |= 1u << RD_ATTR_TYPE;
            break;
        case A_TYPE:
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "the type of an attribute", x->err);
            type = f.value;
            break;
        case A_REF:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "ref_attr_name", x->err);
            if (!st && f.span.n)
                st = rd_onnx_text(x, f.span, "ref_attr_name", reference_out);
            break;
        }
        if (st)
            return st;
    }
    if (!st)
        st = rd_onnx_text(x, name, "the name of an attribute", &a->name);
    if (st)
        return st;
    rd_text_safe_in(safe, sizeof(safe), a->name);
    if (!a->name[0])
        return RD_FAIL(x->err, RD_E_INPUT, "an attribute has no name");
    if (type < sizeof(refused) / sizeof(*refused) && refused[type])
        return RD_FAIL(x->err, RD_E_INPUT, "attribute '%s' holds %s, which is not supported", safe,
            refused[type]);
    if (*reference_out && !type) { /* the type is that of what it refers to */
        a->type = (enum rd_attr_type)0;
        return RD_OK;
    }
    if (type < RD_ATTR_FLOAT || type > RD_ATTR_TYPE)
        return RD_FAIL(x->err, RD_E_INPUT, "attribute '%s' has type %llu, which does not exist",
            safe, (unsigned long long)type);
    /* proto3 leaves out zeros, so an absent value is fine; one of another type is not. */
    if (seen & ~(1u << type))
        return RD_FAIL(
            x->err, RD_E_INPUT, "attribute '%s' holds values of another type than it says", safe);
    a->type = (enum rd_attr_type)type;
    if (*reference_out)
        return RD_OK;
    memcpy(&a->f, &bits, sizeof(a->f));
    a->s = (const char *)(s.n ? s.p : (const unsigned char *)"");
    a->s_len = s.n;
    switch (a->type) {
    case RD_ATTR_TENSOR:
        st = rd_pb_message(
            message, x->base, A_T, "a tensor attribute", x->arena, &t, &found, x->err);
        if (!st && !found)
            st = RD_FAIL(x->err, RD_E_INPUT, "attribute '%s' is a tensor without contents", safe);
        if (!st)
            st = rd_onnx_tensor(x, t, &tensor_name, &a->tensor);
        return st ? RD_WRAP(x->err, st, "attribute '%s'", safe) : RD_OK;
    case RD_ATTR_FLOATS:
        a->n = n[0];
        a->floats = rd_onnx_alloc(x, a->n, sizeof(float), &st);
        break;
    case RD_ATTR_INTS:
        a->n = n[1];
        a->ints = rd_onnx_alloc(x, a->n, sizeof(int64_t), &st);
        break;
    case RD_ATTR_GRAPH:
        st = rd_pb_message(message, x->base, A_G, "a subgraph", x->arena, &t, &found, x->err);
        if (!st && !found)
            st = RD_FAIL(x->err, RD_E_INPUT, "attribute '%s' is a graph without contents", safe);
        if (st)
            return st;
        a->s = (const char *)t.p;
        a->s_len = t.n;
        return RD_OK;
    case RD_ATTR_TYPE:
        st = rd_pb_message(message, x->base, A_TP, "a type", x->arena, &t, &found, x->err);
        if (!st && !found)
            st = RD_FAIL(x->err, RD_E_INPUT, "attribute '%s' is a type without contents", safe);
        if (!st)
            st = rd_onnx_type(x, t, &a->kind);
        return st ? RD_WRAP(x->err, st, "attribute '%s'", safe) : RD_OK;
    case RD_ATTR_TENSORS:
        a->n = n[2];
        tensors = rd_onnx_alloc(x, a->n, sizeof(*tensors), &st);
        a->tensors = tensors;
        break;
    case RD_ATTR_STRINGS:
    case RD_ATTR_GRAPHS:
        a->n = n[2];
        a->strings = rd_onnx_alloc(x, a->n, sizeof(char *), &st);
        if (!st)
            a->strings_len = rd_onnx_alloc(x, a->n, sizeof(size_t), &st);
        break;
    case RD_ATTR_FLOAT:
    case RD_ATTR_INT:
    case RD_ATTR_STRING:
        return RD_OK;
    }
    pb = rd_pb_open(message, x->base);
    while (!st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == A_FLOATS && a->type == RD_ATTR_FLOATS) {
            rd_pb_fixed32(&f, (uint32_t *)(uintptr_t)a->floats, &at);
        } else if (f.number == A_INTS && a->type == RD_ATTR_INTS) {
            rd_pb_varints(&f, (uint64_t *)(uintptr_t)a->ints, &at);
        } else if (f.number == A_TENSORS && a->type == RD_ATTR_TENSORS) {
            st = rd_onnx_tensor(x, f.span, &tensor_name, &tensors[at++]);
        } else if ((f.number == A_STRINGS && a->type == RD_ATTR_STRINGS) ||
                   (f.number == A_GRAPHS && a->type == RD_ATTR_GRAPHS)) {
            ((size_t *)(uintptr_t)a->strings_len)[at] = f.span.n;
            ((const char **)(uintptr_t)a->strings)[at++] =
                (const char *)(f.span.n ? f.span.p : (const unsigned char *)"");
        }
    }
    return st;
}
