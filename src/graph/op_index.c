/* op_index.c - see op_index.h. */
#include "graph/op_index.h"

#include "tensor/small.h"

#include <math.h>

uint64_t rd_bits_at(const struct rd_tensor *t, size_t i)
{
    const char *const from = (const char *)t->data + i * rd_dtype_size(t->dtype);
    uint64_t wide = 0;
    uint32_t word;
    uint16_t half;

    switch (rd_dtype_size(t->dtype)) {
    case 1:
        return rd_is_signed(t->dtype) ? (uint64_t)(int64_t)(int8_t)*from : (uint8_t)*from;
    case 2:
        memcpy(&half, from, sizeof(half));
        return t->dtype == RD_I16 ? (uint64_t)(int64_t)(int16_t)half : half;
    case 4:
        memcpy(&word, from, sizeof(word));
        return t->dtype == RD_I32 ? (uint64_t)(int64_t)(int32_t)word : word;
    default:
        memcpy(&wide, from, sizeof(wide));
        return wide;
    }
}

void rd_bits_set(struct rd_tensor *t, size_t i, uint64_t v)
{
    switch (rd_dtype_size(t->dtype)) {
    case 1:
        ((uint8_t *)t->data)[i] = t->dtype == RD_BOOL         ? v != 0
                                  : rd_small_is_int(t->dtype) ? rd_small_wrap(t->dtype, v)
                                                              : (uint8_t)v;
        break;
    case 2:
        ((uint16_t *)t->data)[i] = (uint16_t)v;
        break;
    case 4:
        ((uint32_t *)t->data)[i] = (uint32_t)v;
        break;
    default:
        ((uint64_t *)t->data)[i] = v;
    }
}

/* The bits of a binary float of any width sort as sign and magnitude. */
static uint64_t sort_float(uint64_t bits, int width, uint64_t infinity)
{
    const uint64_t sign = (uint64_t)1 << (width - 1), magnitude = bits & (sign - 1);

    if (magnitude > infinity) /* NaN of either sign */
        return UINT64_MAX;
    return bits & sign ? sign - magnitude : sign + magnitude;
}

uint64_t rd_key_at(const struct rd_tensor *t, size_t i)
{
    const uint64_t bits = rd_bits_at(t, i);

    switch (t->dtype) {
    case RD_F32:
        return sort_float(bits, 32, 0x7f800000);
    case RD_F64:
        return sort_float(bits, 64, 0x7ff0000000000000);
    case RD_F16:
        return sort_float(bits, 16, 0x7c00);
    case RD_BF16:
        return sort_float(bits, 16, 0x7f80);
    default:
        return rd_is_signed(t->dtype) ? bits ^ (uint64_t)1 << 63 : bits;
    }
}

double rd_number_at(const struct rd_tensor *t, size_t i)
{
    const size_t size = rd_dtype_size(t->dtype);
    uint64_t value = 0;
    double room[8];
    const struct rd_tensor one = { .dtype = t->dtype, .data = &value };
    struct rd_op_call c = { .scratch = (char *)room, .scratch_size = sizeof(room) };

    memcpy(&value, (const char *)t->data + i * size, size);
    return rd_op_wide(&c, &one)[0];
}

uint64_t rd_bits_of_one(enum rd_dtype t)
{
    return t == RD_F32    ? 0x3f800000
           : t == RD_F64  ? 0x3ff0000000000000
           : t == RD_F16  ? 0x3c00
           : t == RD_BF16 ? 0x3f80
                          : 1;
}

double rd_op_no_flops(const struct rd_op_call *c)
{
    (void)c;
    return 0;
}

rd_status rd_op_one_shape(const struct rd_op_call *c, const struct rd_tensor *t, const char *what)
{
    char shape[120];

    for (int i = 0; i < t->ndim; i++)
        if (t->dim[i] != 1 && t->dim[i] != -1)
            return RD_FAIL(c->err, RD_E_INPUT, "%s must be one number, not of shape %s", what,
                rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
    return RD_OK;
}

rd_status rd_op_one_int(
    const struct rd_op_call *c, const struct rd_tensor *t, const char *what, int64_t *out)
{
    rd_status st = rd_op_one_shape(c, t, what);

    if (st)
        return st;
    *out = (int64_t)rd_bits_at(t, 0);
    if (t->dtype == RD_I32 && (*out == RD_SYM32_BATCH || *out == RD_SYM32_ANY))
        *out = *out == RD_SYM32_BATCH ? RD_SYM_BATCH : RD_SYM_ANY;
    return RD_OK;
}

/* --- places --- */

struct rd_places rd_places_along(
    const struct rd_tensor *data, const struct rd_tensor *index, int axis)
{
    struct rd_places p = {
        .index = index, .n = rd_tensor_count(index), .run = 1, .tuple = 1, .rank = index->ndim
    };
    size_t all = 1;

    for (int i = index->ndim - 1; i >= 0; i--) {
        p.dim[i] = (size_t)index->dim[i];
        p.walk[i] = i == axis ? 0 : all;
        if (i == axis) {
            p.size[0] = data->dim[i];
            p.step[0] = all;
        }
        all *= (size_t)data->dim[i];
    }
    return p;
}

struct rd_places rd_places_tuples(
    const struct rd_tensor *data, const struct rd_tensor *index, int batch_dims)
{
    struct rd_places p = {
        .index = index, .tuple = (int)index->dim[index->ndim - 1], .rank = index->ndim - 1
    };
    size_t all = 1;

    p.n = rd_dims_product(index, 0, p.rank);
    p.run = rd_dims_product(data, batch_dims + p.tuple, data->ndim);
    for (int i = p.rank - 1; i >= 0; i--)
        p.dim[i] = (size_t)index->dim[i];
    for (int i = data->ndim - 1; i >= 0; i--) {
        if (i < batch_dims) {
            p.walk[i] = all;
        } else if (i < batch_dims + p.tuple) {
            p.size[i - batch_dims] = data->dim[i];
            p.step[i - batch_dims] = all;
        }
        all *= (size_t)data->dim[i];
    }
    return p;
}

rd_status rd_places_next(const struct rd_op_call *c, struct rd_places *p, size_t *place)
{
    *place = p->base;
    for (int j = 0; j < p->tuple; j++, p->next++) {
        const int64_t size = p->size[j];
        const int64_t given = p->index->dtype == RD_I64
                                  ? ((const int64_t *)p->index->data)[p->next]
                                  : ((const int32_t *)p->index->data)[p->next];

        if (given < -size || given >= size)
            return RD_FAIL(c->err, RD_E_INPUT, "index %lld (element %zu) is outside -%lld..%lld",
                (long long)given, p->next, (long long)size, (long long)size - 1);
        *place += (size_t)(given < 0 ? given + size : given) * p->step[j];
    }
    for (int i = p->rank - 1; i >= 0; i--) {
        p->base += p->walk[i];
        if (++p->at[i] < p->dim[i])
            break;
        p->at[i] = 0;
        p->base -= p->walk[i] * p->dim[i];
    }
    return RD_OK;
}
