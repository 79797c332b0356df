/* idx.c - the idx format. */
#include "data/idx.h"

#include "base/text.h"
#include "tensor/swap.h"

#include <string.h>

enum { SHOWN = 96 };

static enum rd_dtype type_of(unsigned char code)
{
    static const enum rd_dtype types[] = { [0x08] = RD_U8,
        [0x09] = RD_I8,
        [0x0B] = RD_I16,
        [0x0C] = RD_I32,
        [0x0D] = RD_F32,
        [0x0E] = RD_F64 };

    return code < sizeof(types) / sizeof(types[0]) ? types[code] : RD_DTYPE_NONE;
}

bool rd_idx_is(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    return size >= 4 && p[0] == 0 && p[1] == 0 && type_of(p[2]) != RD_DTYPE_NONE && p[3] > 0;
}

rd_status rd_idx_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    const unsigned char *p = bytes;
    int64_t dim[RD_MAX_DIMS];
    char shown[SHOWN], shape[128];
    struct rd_tensor *t;
    enum rd_dtype dtype;
    size_t left, count, need;
    rd_status st;
    int ndim;

    (void)rd_text_safe_in(shown, sizeof(shown), name);
    if (!rd_idx_is(bytes, size))
        return RD_FAIL(err, RD_E_INPUT,
            "'%s' is no idx file: it does not begin with 0, 0, a type and a number of dimensions",
            shown);
    dtype = type_of(p[2]);
    ndim = p[3];
    if (ndim > RD_MAX_DIMS)
        return RD_FAIL(err, RD_E_INPUT, "'%s' has %d dimensions; at most %d are read", shown, ndim,
            RD_MAX_DIMS);
    if (size - 4 < 4 * (size_t)ndim)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is cut short in its header", shown);
    for (int d = 0; d < ndim; d++) {
        const unsigned char *v = p + 4 + 4 * d;
        dim[d] = (int64_t)v[0] << 24 | v[1] << 16 | v[2] << 8 | v[3];
    }
    left = size - 4 - 4 * (size_t)ndim;
    (void)rd_shape_text(dim, ndim, shape, sizeof(shape));
    if (!rd_shape_count(dim, ndim, &count) ||
        __builtin_mul_overflow(count, rd_dtype_size(dtype), &need) || need > left)
        return RD_FAIL(err, RD_E_INPUT,
            "'%s' claims %s of %s, but only %zu bytes of data are there", shown, shape,
            rd_dtype_name(dtype), left);
    if (need < left)
        return RD_FAIL(err, RD_E_INPUT, "'%s' has %zu bytes behind its %s of %s", shown,
            left - need, shape, rd_dtype_name(dtype));
    st = rd_tensor_new(arena, dtype, dim, ndim, limits, &t, err);
    if (st)
        return RD_WRAP(err, st, "reading '%s'", shown);
    if (need)
        memcpy(t->data, p + size - need, need);
    rd_swap_bytes(t->data, count, rd_dtype_size(dtype));
    *tensor_out = t;
    return RD_OK;
}
