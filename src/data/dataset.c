/* dataset.c - examples and labels: read, chosen, checked, digested. */
#include "data/dataset.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/text.h"
#include "data/array.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    SHOWN = 96,
    LABEL_MAX =
        1 << 20 /* more classes than any classifier has: then the file holds something else */
};

/* Which rows of the file are used, in order. */
struct choice {
    size_t n;
    const int64_t *row; /* NULL: first, first + 1, ... */
    size_t first;
};

static size_t row_of(const struct choice *c, size_t i)
{
    return c->row ? (size_t)c->row[i] : c->first + i;
}

static const char *shown_name(char out[SHOWN], const char *name)
{
    return rd_text_safe_in(out, SHOWN, name);
}

/* One number of any type; false when it is no whole number that fits. */
static bool whole_at(const struct rd_tensor *t, size_t i, int64_t *out)
{
    double real;

    switch (t->dtype) {
    case RD_U8:
    case RD_BOOL:
        *out = ((const uint8_t *)t->data)[i];
        return true;
    case RD_I8:
        *out = ((const int8_t *)t->data)[i];
        return true;
    case RD_U16:
        *out = ((const uint16_t *)t->data)[i];
        return true;
    case RD_I16:
        *out = ((const int16_t *)t->data)[i];
        return true;
    case RD_U32:
        *out = ((const uint32_t *)t->data)[i];
        return true;
    case RD_I32:
        *out = ((const int32_t *)t->data)[i];
        return true;
    case RD_I64:
        *out = ((const int64_t *)t->data)[i];
        return true;
    case RD_U64:
        *out = (int64_t)((const uint64_t *)t->data)[i];
        return *out >= 0;
    case RD_F32:
        real = (double)((const float *)t->data)[i];
        break;
    case RD_F64:
        real = ((const double *)t->data)[i];
        break;
    default:
        return false;
    }
    if (!(real >= -0x1p53 && real <= 0x1p53) || real != floor(real))
        return false;
    *out = (int64_t)real;
    return true;
}

/* One number a row: (n) or (n, 1). */
static bool is_column(const struct rd_tensor *t)
{
    return t->ndim == 1 || (t->ndim == 2 && t->dim[1] == 1);
}

static bool is_integer(enum rd_dtype t)
{
    return t != RD_F32 && t != RD_F64 && t != RD_F16 && t != RD_BF16 && t != RD_BOOL;
}

static rd_status choose(const struct rd_dataset_source *s, size_t rows, const struct rd_limits *l,
    struct rd_arena *scratch, struct choice *c, struct rd_error *err)
{
    struct rd_tensor *t = NULL;
    char name[SHOWN], shape[128];
    int64_t *row = NULL;
    rd_status st;

    *c = (struct choice){ .n = rows };
    if (s->index) {
        (void)shown_name(name, s->index);
        st = rd_array_read(s->index, l, scratch, &t, err);
        if (st)
            return st;
        if (!is_column(t) || !is_integer(t->dtype))
            return RD_FAIL(err, RD_E_INPUT,
                "index '%s' must be one list of integers; it is %s of shape %s", name,
                rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
        c->n = (size_t)t->dim[0];
    }
    if (s->has_range) {
        if (s->range[0] < 0 || s->range[1] <= s->range[0] || (uint64_t)s->range[1] > c->n)
            return RD_FAIL(err, RD_E_INPUT,
                "range [%" PRId64 ", %" PRId64 ") must be a part of the %zu %s", s->range[0],
                s->range[1], c->n, t ? "positions of the index" : "rows");
        c->first = (size_t)s->range[0];
        c->n = (size_t)(s->range[1] - s->range[0]);
    }
    if (!c->n)
        return RD_FAIL(err, RD_E_INPUT, "%s holds no %s", t ? "the index" : "the file",
            t ? "positions" : "rows");
    if (!t)
        return RD_OK;
    row = RD_NEW_ARRAY(scratch, int64_t, c->n);
    if (!row)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for an index of %zu", c->n);
    for (size_t i = 0; i < c->n; i++) {
        if (!whole_at(t, c->first + i, &row[i]) || (uint64_t)row[i] >= rows)
            return RD_FAIL(err, RD_E_INPUT,
                "index '%s', position %zu: row %" PRId64 " is not one of 0 to %zu", name,
                c->first + i, row[i], rows - 1);
    }
    c->row = row;
    return RD_OK;
}

/* The chosen rows side by side, still in the file's type. */
static rd_status gather(const struct rd_tensor *t, const struct choice *c, struct rd_arena *scratch,
    const struct rd_limits *l, struct rd_tensor **out, struct rd_error *err)
{
    const size_t bytes = rd_tensor_bytes(t) / (size_t)t->dim[0]; /* of one row */
    int64_t dim[RD_MAX_DIMS];
    unsigned char *to;
    rd_status st;

    memcpy(dim, t->dim, sizeof(dim));
    dim[0] = (int64_t)c->n;
    st = rd_tensor_new(scratch, t->dtype, dim, t->ndim, l, out, err);
    if (st)
        return st;
    to = (*out)->data;
    for (size_t i = 0; i < c->n; i++)
        memcpy(to + i * bytes, (const unsigned char *)t->data + row_of(c, i) * bytes, bytes);
    return RD_OK;
}

static rd_status read_examples(const struct rd_dataset_source *s, const struct rd_tensor *t,
    const struct choice *c, struct rd_arena *scratch, const struct rd_limits *l,
    struct rd_arena *arena, struct rd_dataset *d, struct rd_error *err)
{
    struct rd_tensor *chosen, *x;
    char name[SHOWN];
    size_t bytes;
    rd_status st;

    /* Bytes become floats: up to four times the size of the file's own type. */
    if (__builtin_mul_overflow(
            rd_tensor_count(t) / (size_t)t->dim[0] * sizeof(float), c->n, &bytes) ||
        bytes > l->tensor_bytes)
        return RD_FAIL(err, RD_E_LIMIT, "'%s': %zu rows as float32 need more than %zu bytes",
            shown_name(name, s->path), c->n, l->tensor_bytes);
    st = gather(t, c, scratch, l, &chosen, err);
    if (!st)
        st = rd_tensor_to_f32(chosen, s->scale, arena, &x, err);
    if (st)
        return st;
    d->n = c->n;
    d->ndim = t->ndim - 1;
    for (int i = 0; i < d->ndim; i++)
        d->dim[i] = t->dim[i + 1];
    d->width = rd_tensor_count(x) / c->n;
    d->x = x->data;
    for (size_t i = 0; i < d->n * d->width; i++) {
        if (!isfinite(d->x[i]))
            return RD_FAIL(err, RD_E_INPUT, "'%s', row %zu: value %zu is %s",
                shown_name(name, s->path), row_of(c, i / d->width), i % d->width,
                isnan(d->x[i]) ? "NaN" : "infinite, or too large for float32");
    }
    return RD_OK;
}

static rd_status read_labels(const struct rd_dataset_source *s, size_t rows, const struct choice *c,
    struct rd_arena *scratch, const struct rd_limits *l, struct rd_arena *arena,
    struct rd_dataset *d, struct rd_error *err)
{
    char name[SHOWN], shape[128];
    struct rd_tensor *t;
    int *label;
    rd_status st = rd_array_read(s->labels, l, scratch, &t, err);

    if (st)
        return st;
    (void)shown_name(name, s->labels);
    if (!is_column(t))
        return RD_FAIL(err, RD_E_INPUT,
            "labels '%s' must be one whole number a row, shape (n,); "
            "they have shape %s",
            name, rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
    if ((size_t)t->dim[0] != rows)
        return RD_FAIL(err, RD_E_INPUT, "labels '%s' have %" PRId64 " rows, the examples %zu", name,
            t->dim[0], rows);
    label = RD_NEW_ARRAY(arena, int, c->n);
    if (!label)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu labels", c->n);
    for (size_t i = 0; i < c->n; i++) {
        int64_t v = 0;
        if (!whole_at(t, row_of(c, i), &v))
            return RD_FAIL(
                err, RD_E_INPUT, "labels '%s', row %zu: not a whole number", name, row_of(c, i));
        if (v < 0 || v >= LABEL_MAX)
            return RD_FAIL(err, RD_E_INPUT,
                "labels '%s', row %zu: label %" PRId64 " is not one of 0 to %d", name, row_of(c, i),
                v, LABEL_MAX - 1);
        label[i] = (int)v;
        if (label[i] >= d->classes)
            d->classes = label[i] + 1;
    }
    d->label = label;
    return RD_OK;
}

/* low, high and digest from the rest. */
static rd_status summarize(struct rd_dataset *d, struct rd_error *err)
{
    const size_t len = d->n * d->width;
    char x[RD_DIGEST_HEX], labels[RD_DIGEST_HEX] = "none", shape[160];
    int64_t dim[RD_MAX_DIMS + 1] = { (int64_t)d->n };
    struct rd_buf text = { 0 };
    rd_status st;

    d->low = d->high = d->x[0];
    for (size_t i = 1; i < len; i++) {
        d->low = d->x[i] < d->low ? d->x[i] : d->low;
        d->high = d->x[i] > d->high ? d->x[i] : d->high;
    }
    st = rd_digest_bytes(d->x, len * sizeof(*d->x), x, err);
    if (!st && d->label)
        st = rd_digest_bytes(d->label, d->n * sizeof(*d->label), labels, err);
    if (st)
        return st;
    memcpy(dim + 1, d->dim, (size_t)d->ndim * sizeof(*dim));
    rd_buf_printf(&text, "redoubt/dataset 1\n%s\n%s\n%s\n",
        rd_shape_text(dim, d->ndim + 1, shape, sizeof(shape)), x, labels);
    st = text.failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory for a digest")
                     : rd_digest_bytes(text.text, text.len, d->digest, err);
    rd_buf_release(&text);
    return st;
}

rd_status rd_dataset_read(const struct rd_dataset_source *source, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_dataset *dataset_out, struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    struct rd_arena scratch = RD_ARENA_INIT; /* the files in their own types */
    struct rd_dataset d = { 0 };
    struct choice c;
    struct rd_tensor *t;
    char name[SHOWN], shape[128];
    size_t rows;
    rd_status st;

    if (!isfinite(source->scale) || source->scale == 0)
        return RD_FAIL(err, RD_E_USAGE, "scale must be a finite number other than 0");
    st = rd_array_read(source->path, l, &scratch, &t, err);
    if (st)
        goto out;
    if (t->ndim < 1 || rd_tensor_count(t) == 0) {
        st = RD_FAIL(err, RD_E_INPUT, "'%s' holds no examples: its shape is %s",
            shown_name(name, source->path), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
        goto out;
    }
    rows = (size_t)t->dim[0];
    st = choose(source, rows, l, &scratch, &c, err);
    if (!st)
        st = read_examples(source, t, &c, &scratch, l, arena, &d, err);
    if (!st && source->labels)
        st = read_labels(source, rows, &c, &scratch, l, arena, &d, err);
    if (!st)
        st = summarize(&d, err);
    if (!st)
        *dataset_out = d;
out:
    rd_arena_release(&scratch);
    return st;
}

rd_status rd_dataset_slice(const struct rd_dataset *d, size_t first, size_t n,
    struct rd_dataset *slice_out, struct rd_error *err)
{
    struct rd_dataset slice = *d;
    rd_status st;

    if (!n || first > d->n || n > d->n - first)
        return RD_FAIL(
            err, RD_E_USAGE, "rows %zu to %zu are not among the %zu", first, first + n, d->n);
    slice.n = n;
    slice.x = d->x + first * d->width;
    slice.label = d->label ? d->label + first : NULL;
    slice.contributor = d->contributor ? d->contributor + first : NULL;
    slice.time = d->time ? d->time + first : NULL;
    st = summarize(&slice, err);
    if (!st)
        *slice_out = slice;
    return st;
}

/* Eight bytes a step; multiplication and xor-shift as in splitmix64. */
static uint64_t hash_row(const float *row, size_t width)
{
    const unsigned char *p = (const unsigned char *)row;
    size_t left = width * sizeof(*row);
    uint64_t h = 0x9E3779B97F4A7C15u ^ left;

    while (left) {
        uint64_t word = 0;
        const size_t n = left < 8 ? left : 8;
        memcpy(&word, p, n);
        h = (h ^ word) * 0xBF58476D1CE4E5B9u;
        h ^= h >> 29;
        p += n;
        left -= n;
    }
    h *= 0x94D049BB133111EBu;
    return h ^ h >> 32;
}

/* A table of the distinct rows of one dataset. */
struct row_table {
    const struct rd_dataset *d;
    size_t mask;
    uint64_t *hash;
    size_t *row; /* 1 + row, 0: empty */
};

/* Where the row is, or the empty place where it would be. */
static size_t place_of(const struct row_table *t, const float *x, uint64_t h)
{
    const size_t width = t->d->width;
    size_t at = (size_t)h & t->mask;

    while (t->row[at] && (t->hash[at] != h || memcmp(t->d->x + (t->row[at] - 1) * width, x,
                                                  width * sizeof(*x)) != 0))
        at = (at + 1) & t->mask;
    return at;
}

rd_status rd_dataset_overlap(const struct rd_dataset *a, const struct rd_dataset *b,
    struct rd_arena *arena, long long *row_out, struct rd_error *err)
{
    struct row_table t = { .d = b, .mask = 15 };

    *row_out = -1;
    if (a->width != b->width)
        return RD_OK;
    while (t.mask < 2 * b->n)
        t.mask = 2 * t.mask + 1;
    t.hash = RD_NEW_ARRAY(arena, uint64_t, t.mask + 1);
    t.row = RD_NEW_ARRAY(arena, size_t, t.mask + 1);
    if (!t.hash || !t.row)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory comparing %zu rows", b->n);
    for (size_t i = 0; i < b->n; i++) {
        const float *x = b->x + i * b->width;
        const uint64_t h = hash_row(x, b->width);
        const size_t at = place_of(&t, x, h);
        t.hash[at] = h;
        t.row[at] = i + 1;
    }
    for (size_t i = 0; i < a->n; i++) {
        const float *x = a->x + i * a->width;
        if (t.row[place_of(&t, x, hash_row(x, a->width))]) {
            *row_out = (long long)i;
            return RD_OK;
        }
    }
    return RD_OK;
}
