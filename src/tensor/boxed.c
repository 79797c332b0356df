/* boxed.c - see boxed.h. */
#include "tensor/boxed.h"

#include <stdio.h>
#include <string.h>

enum { BOX_COST = 128 }; /* struct, list and alignment of one value */

const struct rd_boxed *rd_boxed_of(const struct rd_tensor *t)
{
    return rd_dtype_is_boxed(t->dtype) && t->data ? *(const struct rd_boxed *const *)t->data : NULL;
}

struct rd_boxed *rd_boxed_new(struct rd_arena *arena, enum rd_dtype item_dtype, size_t n)
{
    struct rd_boxed *box = RD_NEW(arena, struct rd_boxed);

    if (!box)
        return NULL;
    *box = (struct rd_boxed){ item_dtype, n, RD_NEW_ARRAY(arena, struct rd_tensor *, n) };
    return box->item ? box : NULL;
}

struct rd_tensor *rd_boxed_tensor(
    struct rd_arena *arena, enum rd_dtype dtype, const struct rd_boxed *box)
{
    struct rd_tensor *t = RD_NEW(arena, struct rd_tensor);
    const struct rd_boxed **data = RD_NEW(arena, const struct rd_boxed *);

    if (!t || !data)
        return NULL;
    *data = box;
    *t = (struct rd_tensor){ .dtype = dtype, .data = data };
    return t;
}

struct rd_tensor *rd_tensor_copy(struct rd_arena *arena, const struct rd_tensor *t)
{
    const struct rd_boxed *box = rd_boxed_of(t);
    const size_t bytes = rd_tensor_bytes(t);
    struct rd_boxed *to;
    struct rd_tensor *copy;

    if (box) { /* boxes nest as deep as their types do, which readers bound */
        to = rd_boxed_new(arena, box->item_dtype, box->n);
        for (size_t i = 0; to && i < box->n; i++) {
            to->item[i] = rd_tensor_copy(arena, box->item[i]);
            if (!to->item[i])
                return NULL;
        }
        return to ? rd_boxed_tensor(arena, t->dtype, to) : NULL;
    }
    copy = RD_NEW(arena, struct rd_tensor);
    if (!copy)
        return NULL;
    *copy = *t;
    if (!t->data)
        return copy;
    copy->data = rd_arena_alloc(arena, bytes ? bytes : 1, 1);
    if (!copy->data)
        return NULL;
    if (t->dtype != RD_STRING) {
        memcpy(copy->data, t->data, bytes);
        return copy;
    }
    for (size_t i = 0; i < bytes / sizeof(char *); i++) {
        const char *text;

        memcpy(&text, (const char *)t->data + i * sizeof(text), sizeof(text));
        text = rd_arena_strdup(arena, text);
        if (!text)
            return NULL;
        ((const char **)copy->data)[i] = text;
    }
    return copy;
}

size_t rd_tensor_deep_bytes(const struct rd_tensor *t)
{
    const struct rd_boxed *box = rd_boxed_of(t);
    size_t bytes = BOX_COST + rd_tensor_bytes(t);

    for (size_t i = 0; box && i < box->n; i++)
        bytes += rd_tensor_deep_bytes(box->item[i]);
    for (size_t i = 0; t->dtype == RD_STRING && t->data && i < rd_tensor_count(t); i++)
        bytes += strlen(((const char *const *)t->data)[i]) + 1;
    return bytes;
}

const char *rd_boxed_type_text(const struct rd_tensor *t, char *out, size_t size)
{
    const struct rd_boxed *box = rd_boxed_of(t);
    char inner[80];

    if (!box || (t->dtype == RD_MAP && box->n != 2)) {
        (void)snprintf(out, size, "%s", rd_dtype_name(t->dtype));
    } else if (t->dtype == RD_MAP) {
        (void)snprintf(out, size, "map of %s to %s", rd_dtype_name(box->item[0]->dtype),
            rd_dtype_name(box->item[1]->dtype));
    } else {
        (void)snprintf(inner, sizeof(inner), "%s", rd_dtype_name(box->item_dtype));
        if (box->n)
            (void)rd_boxed_type_text(box->item[0], inner, sizeof(inner));
        (void)snprintf(
            out, size, t->dtype == RD_SEQUENCE ? "sequence of %s" : "optional %s", inner);
    }
    return out;
}
