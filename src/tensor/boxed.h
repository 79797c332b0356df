/*
 * boxed.h - values that are no tensors: sequences, optionals, maps.
 *
 * Such a value is a scalar rd_tensor of dtype RD_SEQUENCE, RD_OPTIONAL or RD_MAP whose data is
 * `const struct rd_boxed *[1]`, as the data of strings is `const char *[]`: moving the pointer
 * moves the value. Boxes and their items are immutable and live in an arena; many boxes may share
 * an item. The data of an item is 64-byte aligned.
 *
 *   sequence  n items, all of item_dtype; shapes may differ
 *   optional  one item, or none
 *   map       two items: keys (int64 or string) and values (same count), both of one dimension
 *
 * A sequence of maps has RD_MAP scalars as items; an optional sequence one RD_SEQUENCE scalar.
 */
#ifndef RD_TENSOR_BOXED_H
#define RD_TENSOR_BOXED_H

#include "tensor/tensor.h"

enum { RD_BOXED_DEPTH = 4 }; /* sequences in optionals in sequences ... as read from files */

struct rd_boxed {
    /* Of the items, of a map's values; RD_DTYPE_NONE: not known (an empty one). */
    enum rd_dtype item_dtype;
    size_t n;
    struct rd_tensor **item;
};

static inline bool rd_dtype_is_boxed(enum rd_dtype t)
{
    return t == RD_SEQUENCE || t == RD_OPTIONAL || t == RD_MAP;
}

/* The box of a value of such a type; NULL while its data is not known. */
const struct rd_boxed *rd_boxed_of(const struct rd_tensor *t);
/* Room for n items, all NULL; items must live as long as the box. NULL: no memory. */
struct rd_boxed *rd_boxed_new(struct rd_arena *arena, enum rd_dtype item_dtype, size_t n);
/* A scalar of dtype RD_SEQUENCE, RD_OPTIONAL or RD_MAP that holds the box. NULL: no memory. */
struct rd_tensor *rd_boxed_tensor(
    struct rd_arena *arena, enum rd_dtype dtype, const struct rd_boxed *box);
/* A copy of any value in the arena, as deep as it goes: data, strings, items. NULL: no memory. */
struct rd_tensor *rd_tensor_copy(struct rd_arena *arena, const struct rd_tensor *t);
/* Bytes that rd_tensor_copy would take, about. */
size_t rd_tensor_deep_bytes(const struct rd_tensor *t);
/* "float32", "sequence of float32", "optional sequence of int64", "map of int64 to float32". Into
 * out; returns out. */
const char *rd_boxed_type_text(const struct rd_tensor *t, char *out, size_t size);

#endif
