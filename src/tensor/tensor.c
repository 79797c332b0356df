/* tensor.c - sizes, names and conversion of element types; making tensors. */
#include "tensor/tensor.h"

#include "tensor/small.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [RD_DTYPE_NONE] = { "undefined", 0 },
    [RD_F32] = { "float32", 4 },
    [RD_U8] = { "uint8", 1 },
    [RD_I8] = { "int8", 1 },
    [RD_U16] = { "uint16", 2 },
    [RD_I16] = { "int16", 2 },
    [RD_I32] = { "int32", 4 },
    [RD_I64] = { "int64", 8 },
    [RD_STRING] = { "string", sizeof(char *) },
    [RD_BOOL] = { "bool", 1 },
    [RD_F16] = { "float16", 2 },
    [RD_F64] = { "float64", 8 },
    [RD_U32] = { "uint32", 4 },
    [RD_U64] = { "uint64", 8 },
    [RD_BF16] = { "bfloat16", 2 },
    [RD_F8E4M3FN] = { "float8e4m3fn", 1 },
    [RD_F8E4M3FNUZ] = { "float8e4m3fnuz", 1 },
    [RD_F8E5M2] = { "float8e5m2", 1 },
    [RD_F8E5M2FNUZ] = { "float8e5m2fnuz", 1 },
    [RD_U4] = { "uint4", 1 },
    [RD_I4] = { "int4", 1 },
    [RD_F4E2M1] = { "float4e2m1", 1 },
    [RD_F8E8M0] = { "float8e8m0", 1 },
    [RD_U2] = { "uint2", 1 },
    [RD_I2] = { "int2", 1 },
    [RD_SEQUENCE] = { "sequence", sizeof(void *) },
    [RD_OPTIONAL] = { "optional", sizeof(void *) },
    [RD_MAP] = { "map", sizeof(void *) },
};

static bool known(enum rd_dtype t)
{
    return (size_t)t < sizeof types / sizeof types[0] && types[t].name;
}

size_t rd_dtype_size(enum rd_dtype t)
{
    return known(t) ? types[t].size : 0;
}

const char *rd_dtype_name(enum rd_dtype t)
{
    return known(t) ? types[t].name : "unknown type";
}

bool rd_shape_count(const int64_t *dim, int ndim, size_t *count_out)
{
    size_t count = 1;
    bool zero = false;

    if (ndim < 0 || ndim > RD_MAX_DIMS)
        return false;
    for (int i = 0; i < ndim; i++) {
        if (dim[i] < 0)
            return false;
        if (dim[i] == 0)
            zero = true;
        /* (2^62, 2^62, 0) is refused too: its parts would overflow elsewhere. */
        else if (__builtin_mul_overflow(count, (size_t)dim[i], &count))
            return false;
    }
    *count_out = zero ? 0 : count;
    return true;
}

size_t rd_tensor_count(const struct rd_tensor *t)
{
    size_t count;

    return rd_shape_count(t->dim, t->ndim, &count) ? count : 0;
}

size_t rd_tensor_bytes(const struct rd_tensor *t)
{
    return rd_tensor_count(t) * rd_dtype_size(t->dtype);
}

const char *rd_shape_text(const int64_t *dim, int ndim, char *out, size_t size)
{
    size_t at = 0;

    if (!size)
        return out;
    out[0] = '\0';
    for (int i = 0; i < ndim; i++) {
        const int put = snprintf(out + at, size - at, "%s%lld", i ? ", " : "(", (long long)dim[i]);

        if (put < 0 || (size_t)put >= size - at)
            return out; /* cut short, but terminated */
        at += (size_t)put;
    }
    (void)snprintf(out + at, size - at, "%s", ndim == 0 ? "()" : ndim == 1 ? ",)" : ")");
    return out;
}

rd_status rd_tensor_new(struct rd_arena *arena, enum rd_dtype dtype, const int64_t *dim, int ndim,
    const struct rd_limits *limits, struct rd_tensor **tensor_out, struct rd_error *err)
{
    const size_t most = (limits ? limits : &rd_limits_default)->tensor_bytes;
    const size_t size = rd_dtype_size(dtype);
    struct rd_tensor *t;
    char shape[160];
    size_t count, bytes;

    if (!size)
        return RD_FAIL(err, RD_E_USAGE, "a tensor of element type %d cannot be made", (int)dtype);
    if (ndim < 0 || ndim > RD_MAX_DIMS)
        return RD_FAIL(
            err, RD_E_INPUT, "a tensor has at most %d dimensions, not %d", RD_MAX_DIMS, ndim);
    for (int i = 0; i < ndim; i++)
        if (dim[i] < 0)
            return RD_FAIL(err, RD_E_INPUT, "shape %s has a negative dimension",
                rd_shape_text(dim, ndim, shape, sizeof shape));
    if (!rd_shape_count(dim, ndim, &count) || __builtin_mul_overflow(count, size, &bytes) ||
        bytes > most)
        return RD_FAIL(err, RD_E_LIMIT,
            "a %s tensor of shape %s is larger than the limit of %zu bytes", rd_dtype_name(dtype),
            rd_shape_text(dim, ndim, shape, sizeof shape), most);
    t = RD_NEW(arena, struct rd_tensor);
    if (t)
        t->data = rd_arena_alloc(arena, bytes ? bytes : 1, 1);
    if (!t || !t->data)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a %s tensor of shape %s",
            rd_dtype_name(dtype), rd_shape_text(dim, ndim, shape, sizeof shape));
    t->dtype = dtype;
    t->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        t->dim[i] = dim[i];
    *tensor_out = t;
    return RD_OK;
}

static float from_bits(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction; every value is exact in float32. */
static float from_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 31u, fraction = h & 1023u;

    if (exponent == 31)
        return from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        const float small = (float)fraction * 0x1p-24f;

        return sign ? -small : small;
    }
    return from_bits(sign | (exponent + 112u) << 23 | fraction << 13);
}

/* Data may be unaligned (mapped files): each element is copied out by memcpy. */
#define CONVERT(TYPE, EXPR)                                                                        \
    for (size_t i = 0; i < n; i++) {                                                               \
        TYPE v;                                                                                    \
        memcpy(&v, from + i * sizeof v, sizeof v);                                                 \
        to[i] = (float)((double)(EXPR)*scale);                                                     \
    }                                                                                              \
    break

rd_status rd_tensor_to_f32(const struct rd_tensor *t, double scale, struct rd_arena *arena,
    struct rd_tensor **out, struct rd_error *err)
{
    const size_t n = rd_tensor_count(t);
    const unsigned char *from = t->data;
    struct rd_tensor *made;
    rd_status st;
    float *to;

    if (t->dtype == RD_STRING || t->dtype >= RD_SEQUENCE || !rd_dtype_size(t->dtype))
        return RD_FAIL(
            err, RD_E_INPUT, "elements of type %s are not numbers", rd_dtype_name(t->dtype));
    st = rd_tensor_new(arena, RD_F32, t->dim, t->ndim, NULL, &made, err);
    if (st)
        return st;
    to = made->data;
    switch (t->dtype) {
    case RD_F32:
        CONVERT(float, v);
    case RD_F64:
        CONVERT(double, v);
    case RD_F16:
        CONVERT(uint16_t, from_half(v));
    case RD_BF16:
        CONVERT(uint16_t, from_bits((uint32_t)v << 16));
    case RD_U8:
        CONVERT(uint8_t, v);
    case RD_I8:
        CONVERT(int8_t, v);
    case RD_U16:
        CONVERT(uint16_t, v);
    case RD_I16:
        CONVERT(int16_t, v);
    case RD_I32:
        CONVERT(int32_t, v);
    case RD_U32:
        CONVERT(uint32_t, v);
    case RD_I64:
        CONVERT(int64_t, v);
    case RD_U64:
        CONVERT(uint64_t, v);
    case RD_BOOL:
        CONVERT(uint8_t, v != 0);
    case RD_STRING:
    case RD_SEQUENCE:
    case RD_OPTIONAL:
    case RD_MAP:
    case RD_DTYPE_NONE:
    default:
        if (!rd_small_bits(t->dtype))
            return RD_FAIL(err, RD_E_BUG, "element type %d has no conversion", (int)t->dtype);
        for (size_t i = 0; i < n; i++)
            to[i] = (float)(rd_small_value(t->dtype, from[i]) * scale);
    }
    *out = made;
    return RD_OK;
}
