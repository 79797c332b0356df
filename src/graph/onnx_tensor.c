/* onnx_tensor.c - TensorProto: shape against data, six ways of storage. */
#include "base/text.h"
#include "graph/onnx.h"
#include "tensor/small.h"

#include <stdio.h>
#include <string.h>

enum { /* fields of TensorProto */
    F_DIMS = 1,
    F_TYPE = 2,
    F_SEGMENT = 3,
    F_FLOAT = 4,
    F_INT32 = 5,
    F_STRING = 6,
    F_INT64 = 7,
    F_NAME = 8,
    F_RAW = 9,
    F_DOUBLE = 10,
    F_UINT64 = 11,
    F_EXTERNAL = 13,
    F_LOCATION = 14
};
enum { STORES = 6, NAME_BYTES = 1 << 16, SMALL_WEIGHT = 1 << 16 };

/* The typed data fields: which wire type their elements have. */
static const struct store {
    uint32_t field;
    enum rd_pb_wire wire;
    const char *name;
} stores[STORES] = {
    { F_FLOAT, RD_PB_FIXED32, "float_data" },
    { F_INT32, RD_PB_VARINT, "int32_data" },
    { F_STRING, RD_PB_BYTES, "string_data" },
    { F_INT64, RD_PB_VARINT, "int64_data" },
    { F_DOUBLE, RD_PB_FIXED64, "double_data" },
    { F_UINT64, RD_PB_VARINT, "uint64_data" },
};

struct parts { /* a tensor as it stands in the file */
    const char *name;
    uint64_t type;
    size_t n_dims;
    size_t n[STORES]; /* elements in each typed field */
    bool has_raw, external, segment;
    struct rd_span raw;
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

void *rd_onnx_alloc(struct rd_onnx *x, size_t count, size_t size, rd_status *st)
{
    const size_t spent = x->arena->used - x->used_before;
    size_t bytes;
    void *p;

    *st = RD_OK;
    if (__builtin_mul_overflow(count, size, &bytes) || spent > x->limits->memory_bytes ||
        bytes > x->limits->memory_bytes - spent) {
        *st = RD_FAIL(x->err, RD_E_LIMIT, "reading '%s' would take more than %zu bytes of memory",
            x->name, x->limits->memory_bytes);
        return NULL;
    }
    p = rd_arena_alloc(x->arena, count, size);
    if (!p)
        *st = RD_FAIL(x->err, RD_E_MEMORY, "no memory for %zu bytes of '%s'", bytes, x->name);
    return p;
}

rd_status rd_onnx_text(
    struct rd_onnx *x, struct rd_span span, const char *what, const char **text_out)
{
    size_t at = 0;
    char *text;

    if (span.n > NAME_BYTES)
        return RD_FAIL(
            x->err, RD_E_LIMIT, "%s has %zu bytes; at most %d are read", what, span.n, NAME_BYTES);
    if (!span.n) {
        *text_out = "";
        return RD_OK;
    }
    if (!rd_text_is_utf8((const char *)span.p, span.n, &at))
        return RD_FAIL(x->err, RD_E_INPUT, "%s is no UTF-8 at its byte %zu", what, at);
    if (memchr(span.p, 0, span.n))
        return RD_FAIL(x->err, RD_E_INPUT, "%s holds a NUL byte", what);
    text = rd_arena_strndup(x->arena, (const char *)span.p, span.n);
    if (!text)
        return RD_FAIL(x->err, RD_E_MEMORY, "no memory for %s", what);
    *text_out = text;
    return RD_OK;
}

/* The decimal number of an external_data entry. */
static rd_status decimal(struct rd_onnx *x, const char *key, const char *text, uint64_t *out)
{
    uint64_t v = 0;
    char safe[40];

    for (const char *c = text; *c || c == text; c++)
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*c - '0'), &v))
            return RD_FAIL(x->err, RD_E_INPUT, "external_data '%s' is '%s', no number of bytes",
                key, rd_text_safe_in(safe, sizeof(safe), text));
    *out = v;
    return RD_OK;
}

static rd_status external_entry(struct rd_onnx *x, struct rd_span message, struct parts *t)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span key = { NULL, 0 }, value = { NULL, 0 };
    struct rd_pb_field f;
    const char *k, *v;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != 1 && f.number != 2)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, "an external_data entry", x->err);
        if (st)
            return st;
        *(f.number == 1 ? &key : &value) = f.span;
    }
    if (!st)
        st = rd_onnx_text(x, key, "the key of an external_data entry", &k);
    if (!st)
        st = rd_onnx_text(x, value, "an external_data entry", &v);
    if (st)
        return st;
    if (!strcmp(k, "location")) {
        t->location = v;
    } else if (!strcmp(k, "offset")) {
        st = decimal(x, k, v, &t->offset);
    } else if (!strcmp(k, "length")) {
        st = decimal(x, k, v, &t->length);
        t->has_length = true;
    } /* checksum and others say nothing that is needed to read */
    return st;
}

/* First pass: sizes, scalars, places. */
static rd_status survey(struct rd_onnx *x, struct rd_span message, struct parts *t)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span name = { NULL, 0 };
    struct rd_pb_field f;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        switch (f.number) {
        case F_DIMS:
            st = rd_pb_count(&pb, &f, RD_PB_VARINT, "dims of a tensor", &t->n_dims, x->err);
            break;
        case F_TYPE:
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "data_type of a tensor", x->err);
            t->type = f.value;
            break;
        case F_SEGMENT:
            t->segment = true;
            break;
        case F_NAME:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "the name of a tensor", x->err);
            name = f.span;
            break;
        case F_RAW:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "raw_data of a tensor", x->err);
            t->raw = f.span;
            t->has_raw = true;
            break;
        case F_EXTERNAL:
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "external_data of a tensor", x->err);
            if (!st)
                st = external_entry(x, f.span, t);
            break;
        case F_LOCATION:
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "data_location of a tensor", x->err);
            if (!st && f.value > 1)
                st = RD_FAIL(x->err, RD_E_INPUT, "data_location is %llu, neither 0 nor 1",
                    (unsigned long long)f.value);
            t->external = f.value == 1;
            break;
        default:
            for (int i = 0; i < STORES && !st; i++) {
                if (f.number != stores[i].field)
                    continue;
                if (stores[i].wire == RD_PB_BYTES) { /* strings are never packed */
                    st = rd_pb_want(&pb, &f, RD_PB_BYTES, stores[i].name, x->err);
                    t->n[i]++;
                } else {
                    st = rd_pb_count(&pb, &f, stores[i].wire, stores[i].name, &t->n[i], x->err);
                }
            }
        }
        if (st)
            return st;
    }
    if (!st)
        st = rd_onnx_text(x, name, "the name of a tensor", &t->name);
    return st;
}

/* Which typed field may hold elements of this type; -1: none. */
static int store_of(enum rd_dtype type)
{
    switch (type) {
    case RD_F32:
        return 0;
    case RD_U8:
    case RD_I8:
    case RD_U16:
    case RD_I16:
    case RD_I32:
    case RD_BOOL:
    case RD_F16:
    case RD_BF16:
    case RD_F8E4M3FN:
    case RD_F8E4M3FNUZ:
    case RD_F8E5M2:
    case RD_F8E5M2FNUZ:
    case RD_U4:
    case RD_I4:
    case RD_F4E2M1:
    case RD_F8E8M0:
    case RD_U2:
    case RD_I2:
        return 1; /* bits; of several elements, packed */
    case RD_STRING:
        return 2;
    case RD_I64:
        return 3;
    case RD_F64:
        return 4;
    case RD_U32:
    case RD_U64:
        return 5;
    case RD_DTYPE_NONE:
    default:
        return -1;
    }
}

/* Integers of int32_data and uint64_data into elements of size bytes, each checked to fit. */
static rd_status squeeze(struct rd_onnx *x, const uint64_t *from, size_t n, struct rd_tensor *t)
{
    static const struct {
        int64_t low, high;
    } range[] = {
        [RD_U8] = { 0, UINT8_MAX },
        [RD_I8] = { INT8_MIN, INT8_MAX },
        [RD_U16] = { 0, UINT16_MAX },
        [RD_I16] = { INT16_MIN, INT16_MAX },
        [RD_I32] = { INT32_MIN, INT32_MAX },
        [RD_BOOL] = { 0, 1 },
        [RD_F16] = { 0, UINT16_MAX }, /* the bits */
        [RD_BF16] = { 0, UINT16_MAX },
        [RD_U32] = { 0, UINT32_MAX },
    };
    const size_t size = rd_dtype_size(t->dtype);
    unsigned char *to = t->data;
    const bool small = rd_small_bits(t->dtype) != 0;

    for (size_t i = 0; i < n; i++) {
        if (small && from[i] > UINT8_MAX)
            return RD_FAIL(x->err, RD_E_INPUT, "entry %zu of int32_data is %lld, which is no byte",
                i, (long long)from[i]);
        if (!small && t->dtype != RD_U64 &&
            ((int64_t)from[i] < range[t->dtype].low || (int64_t)from[i] > range[t->dtype].high))
            return RD_FAIL(x->err, RD_E_INPUT, "element %zu is %lld, which is no %s", i,
                (long long)from[i], rd_dtype_name(t->dtype));
        memcpy(to + i * size, &from[i], size); /* little-endian hosts only */
    }
    return RD_OK;
}

/* Second pass: the elements of typed field s into t->data. */
static rd_status fill(
    struct rd_onnx *x, struct rd_span message, int s, size_t n, struct rd_tensor *t)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    uint64_t *wide = NULL;
    size_t at = 0;
    bool more;
    rd_status st;

    t->data = rd_onnx_alloc(x, n, rd_dtype_size(t->dtype), &st);
    if (st)
        return st;
    if (stores[s].wire == RD_PB_VARINT && t->dtype != RD_I64) {
        wide = rd_onnx_alloc(x, n, sizeof(*wide), &st);
        if (st)
            return st;
    }
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != stores[s].field)
            continue;
        switch (stores[s].wire) {
        case RD_PB_VARINT:
            rd_pb_varints(&f, wide ? wide : t->data, &at);
            break;
        case RD_PB_FIXED32:
            rd_pb_fixed32(&f, t->data, &at);
            break;
        case RD_PB_FIXED64:
            rd_pb_fixed64(&f, t->data, &at);
            break;
        case RD_PB_BYTES:
            st = rd_onnx_text(x, f.span, "a string of a tensor", &((const char **)t->data)[at++]);
            if (st)
                return st;
            break;
        }
    }
    if (!st && wide)
        st = squeeze(x, wide, n, t);
    return st;
}

static rd_status from_raw(struct rd_onnx *x, struct rd_span raw, size_t bytes, struct rd_tensor *t)
{
    char shape[120];

    if (t->dtype == RD_STRING)
        return RD_FAIL(x->err, RD_E_INPUT, "strings cannot stand in raw or external data");
    if (raw.n != bytes)
        return RD_FAIL(x->err, RD_E_INPUT, "%s of shape %s takes %zu bytes, its data has %zu",
            rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)), bytes,
            raw.n);
    if (t->dtype == RD_BOOL)
        for (size_t i = 0; i < raw.n; i++)
            if (raw.p[i] > 1)
                return RD_FAIL(
                    x->err, RD_E_INPUT, "element %zu is %d, which is no bool", i, raw.p[i]);
    /* Read in place; nobody writes into a weight that points into the file. Small ones that lie
     * awkwardly there (lengths, axes, sizes) are copied: rows read them while shapes are inferred.
     */
    t->data = (void *)(uintptr_t)(raw.n ? raw.p : (const unsigned char *)"");
    if (raw.n && raw.n <= SMALL_WEIGHT && (uintptr_t)raw.p % rd_dtype_size(t->dtype)) {
        t->data = rd_arena_alloc(x->arena, raw.n, 1);
        if (!t->data)
            return RD_FAIL(x->err, RD_E_MEMORY, "no memory for a tensor");
        memcpy(t->data, raw.p, raw.n);
    }
    return RD_OK;
}

/* Elements of less than a byte, as they stand in the file, to one byte each. */
static rd_status unpack(struct rd_onnx *x, struct rd_tensor *t, size_t count)
{
    rd_status st;
    uint8_t *const to = rd_onnx_alloc(x, count, 1, &st);

    if (st)
        return st;
    rd_small_unpack(t->dtype, t->data, to, count);
    t->data = to;
    return RD_OK;
}

static rd_status shape_of(
    struct rd_onnx *x, struct rd_span message, struct parts *p, struct rd_tensor *t)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    size_t n = 0;
    bool more;
    rd_status st;

    if (p->n_dims > RD_MAX_DIMS)
        return RD_FAIL(x->err, RD_E_LIMIT, "it has %zu dimensions; at most %d are supported",
            p->n_dims, RD_MAX_DIMS);
    t->ndim = (int)p->n_dims;
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more)
        if (f.number == F_DIMS)
            rd_pb_varints(&f, (uint64_t *)t->dim, &n);
    return st;
}

/* Everything of the tensor but its name. */
static rd_status body(
    struct rd_onnx *x, struct rd_span message, struct parts *p, struct rd_tensor *t)
{
    char shape[120];
    size_t count, bytes, entries;
    int store, used = 0;
    rd_status st;

    if (p->type == 0)
        return RD_FAIL(x->err, RD_E_INPUT, "it has no element type");
    if (p->type >= RD_SEQUENCE || !rd_dtype_size((enum rd_dtype)p->type))
        return RD_FAIL(
            x->err, RD_E_INPUT, "element type %llu is not supported", (unsigned long long)p->type);
    if (p->segment)
        return RD_FAIL(x->err, RD_E_INPUT, "it is split into segments, which is not supported");
    t->dtype = (enum rd_dtype)p->type;
    st = shape_of(x, message, p, t);
    if (st)
        return st;
    for (int i = 0; i < t->ndim; i++)
        if (t->dim[i] < 0)
            return RD_FAIL(x->err, RD_E_INPUT, "dimension %d is %lld", i, (long long)t->dim[i]);
    if (!rd_shape_count(t->dim, t->ndim, &count) ||
        __builtin_mul_overflow(count, rd_dtype_size(t->dtype), &bytes) ||
        bytes > x->limits->tensor_bytes)
        return RD_FAIL(x->err, RD_E_LIMIT, "%s of shape %s is larger than the limit of %zu bytes",
            rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)),
            x->limits->tensor_bytes);
    entries = count; /* of a typed field */
    if (rd_small_bits(t->dtype))
        entries = bytes = rd_small_packed(t->dtype, count);
    store = store_of(t->dtype);
    for (int i = 0; i < STORES; i++) {
        used += p->n[i] > 0;
        if (p->n[i] && i != store)
            return RD_FAIL(x->err, RD_E_INPUT, "%s cannot stand in %s", rd_dtype_name(t->dtype),
                stores[i].name);
    }
    if (used + (p->has_raw && p->raw.n) + p->external > 1)
        return RD_FAIL(x->err, RD_E_INPUT, "its data stands in more than one place");
    if (p->external) {
        struct rd_span span;

        if (!p->location)
            return RD_FAIL(x->err, RD_E_INPUT, "its external data has no location");
        if (p->has_length && p->length != bytes)
            return RD_FAIL(x->err, RD_E_INPUT,
                "%s of shape %s takes %zu bytes, its external data %llu", rd_dtype_name(t->dtype),
                rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)), bytes,
                (unsigned long long)p->length);
        st = rd_onnx_external(x, p->location, p->offset, bytes, &span);
        if (!st)
            st = from_raw(x, span, bytes, t);
    } else if (p->has_raw && (p->raw.n || !used)) {
        st = from_raw(x, p->raw, bytes, t);
    } else if (p->n[store] != entries) {
        return RD_FAIL(x->err, RD_E_INPUT, "shape %s has %zu elements, %s holds %zu",
            rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)), count, stores[store].name,
            p->n[store]);
    } else {
        st = fill(x, message, store, entries, t);
    }
    return st || rd_small_bits(t->dtype) % 8 == 0 ? st : unpack(x, t, count);
}

rd_status rd_onnx_tensor(
    struct rd_onnx *x, struct rd_span message, const char **name_out, struct rd_tensor **tensor_out)
{
    struct parts p = { .name = "" };
    struct rd_tensor *t;
    char safe[80];
    rd_status st;

    t = rd_onnx_alloc(x, 1, sizeof(*t), &st);
    if (!st)
        st = survey(x, message, &p);
    if (!st)
        st = body(x, message, &p, t);
    if (st)
        return RD_WRAP(x->err, st, "tensor '%s'", rd_text_safe_in(safe, sizeof(safe), p.name));
    *name_out = p.name;
    *tensor_out = t;
    return RD_OK;
}

rd_status rd_graph_tensor_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    struct rd_onnx x = { .name = name,
        .base = bytes,
        .arena = arena,
        .err = err,
        .limits = limits ? limits : &rd_limits_default,
        .used_before = arena->used,
        .file_bytes = size };
    const char *tensor_name;

    return rd_onnx_tensor(&x, (struct rd_span){ bytes, size }, &tensor_name, tensor_out);
}
