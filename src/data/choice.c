/* choice.c - index, range, split, and labels from a file of their own. */
#include "data/choice.h"

#include "base/rng.h"
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

static rd_status all_rows(size_t first, size_t n, size_t rows, struct rd_arena *arena,
    struct rd_choice *c, struct rd_error *err)
{
    size_t *row;

    *c = (struct rd_choice){ .n = n };
    if (n == rows)
        return RD_OK;
    row = RD_NEW_ARRAY(arena, size_t, n);
    if (!row)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for an index of %zu", n);
    for (size_t i = 0; i < n; i++)
        row[i] = first + i;
    c->row = row;
    return RD_OK;
}

static rd_status from_index(const struct rd_tensor *t, const char *name, size_t first, size_t n,
    size_t rows, struct rd_arena *arena, struct rd_choice *c, struct rd_error *err)
{
    size_t *row = RD_NEW_ARRAY(arena, size_t, n);

    if (!row)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for an index of %zu", n);
    for (size_t i = 0; i < n; i++) {
        int64_t at = 0;

        if (!whole_at(t, first + i, &at) || at < 0 || (uint64_t)at >= rows)
            return RD_FAIL(err, RD_E_INPUT,
                "index '%s', position %zu: row %" PRId64 " is not one of 0 to %zu", name, first + i,
                at, rows - 1);
        row[i] = (size_t)at;
    }
    *c = (struct rd_choice){ .n = n, .row = row };
    return RD_OK;
}

rd_status rd_choice_make(const struct rd_dataset_source *s, size_t rows, const struct rd_limits *l,
    struct rd_arena *arena, struct rd_choice *choice_out, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_tensor *t = NULL;
    char name[SHOWN], shape[128];
    size_t n = rows, first = 0;
    rd_status st = RD_OK;

    if (s->index) {
        (void)rd_text_safe_in(name, sizeof name, s->index);
        st = rd_array_read(s->index, l, &scratch, &t, err);
        if (!st && (!is_column(t) || !is_integer(t->dtype)))
            st = RD_FAIL(err, RD_E_INPUT,
                "index '%s' must be one list of integers; it is %s of shape %s", name,
                rd_dtype_name(t->dtype), rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
        if (!st)
            n = (size_t)t->dim[0];
    }
    if (!st && s->has_range) {
        if (s->range[0] < 0 || s->range[1] <= s->range[0] || (uint64_t)s->range[1] > n)
            st = RD_FAIL(err, RD_E_INPUT,
                "range [%" PRId64 ", %" PRId64 ") must be a part of the %zu %s", s->range[0],
                s->range[1], n, t ? "positions of the index" : "rows");
        first = (size_t)s->range[0];
        n = (size_t)(s->range[1] - s->range[0]);
    }
    if (!st && !n)
        st = RD_FAIL(err, RD_E_INPUT, "%s holds no %s", t ? "the index" : "the file",
            t ? "positions" : "rows");
    if (!st)
        st = t ? from_index(t, name, first, n, rows, arena, choice_out, err)
               : all_rows(first, n, rows, arena, choice_out, err);
    rd_arena_release(&scratch);
    return st;
}

/* How many of n rows are put aside: the share, rounded, but one of two at least and never all. */
static size_t share_of(double share, size_t n)
{
    const size_t aside = (size_t)floor(share * (double)n + 0.5);

    if (n < 2)
        return 0;
    return aside < 1 ? 1 : aside >= n ? n - 1 : aside;
}

/* The rows of one kind side by side, in their order: those of kind k are row[start[k]] to
 * row[start[k + 1] - 1]. */
struct sorted {
    size_t kinds, *start, *row;
};

static bool sort_by(
    const size_t *kind, size_t n, size_t kinds, struct rd_arena *scratch, struct sorted *s)
{
    *s = (struct sorted){ .kinds = kinds,
        .start = RD_NEW_ARRAY(scratch, size_t, kinds + 1),
        .row = RD_NEW_ARRAY(scratch, size_t, n) };
    if (!s->start || !s->row)
        return false;
    for (size_t i = 0; i < n; i++)
        s->start[kind[i] + 1]++;
    for (size_t k = 0; k < kinds; k++)
        s->start[k + 1] += s->start[k];
    for (size_t i = 0; i < n; i++) /* start[k] runs to the end of its kind */
        s->row[s->start[kind[i]]++] = i;
    for (size_t k = kinds; k > 0; k--)
        s->start[k] = s->start[k - 1];
    s->start[0] = 0;
    return true;
}

/* aside[i]: is row i in the test part? Whole groups of equal rows, class by class, at random. */
static rd_status put_aside(const struct rd_split *split, double share, const int *label,
    const size_t *first, size_t n, struct rd_arena *scratch, bool *aside, struct rd_error *err)
{
    size_t *kind = RD_NEW_ARRAY(scratch, size_t, n), *size = RD_NEW_ARRAY(scratch, size_t, n);
    struct sorted s;
    size_t classes = 1;

    for (size_t i = 0; kind && i < n; i++) {
        kind[i] = label ? (size_t)label[first[i]] : 0; /* a group has the class of its first row */
        classes = kind[i] >= classes ? kind[i] + 1 : classes;
    }
    if (!kind || !size || !sort_by(kind, n, classes, scratch, &s))
        return RD_FAIL(err, RD_E_MEMORY, "out of memory splitting %zu rows", n);
    for (size_t i = 0; i < n; i++)
        size[first[i]]++;
    for (size_t c = 0; c < classes; c++) {
        struct rd_rng rng = rd_rng_stream(split->seed, "data/split", c);
        const size_t of_class = s.start[c + 1] - s.start[c], want = share_of(share, of_class);
        size_t *group = s.row + s.start[c], groups = 0, have = 0;

        for (size_t i = 0; i < of_class; i++)
            if (first[group[i]] == group[i])
                group[groups++] = group[i];
        rd_rng_shuffle(&rng, group, groups);
        for (size_t i = 0; i < groups; i++)
            if (have + size[group[i]] <= want) {
                have += size[group[i]];
                aside[group[i]] = true;
            }
    }
    for (size_t i = 0; i < n; i++)
        aside[i] = aside[first[i]];
    return RD_OK;
}

rd_status rd_split_keep(const struct rd_split *split, size_t n, const int *label,
    const size_t *first, struct rd_arena *arena, size_t **kept_out, size_t *n_out,
    struct rd_error *err)
{
    const double share = split->test_share != 0 ? split->test_share : 0.2;
    struct rd_arena scratch = RD_ARENA_INIT;
    bool *aside = NULL;
    size_t *kept, n_kept = 0;
    rd_status st;

    if (!(share > 0 && share < 1))
        return RD_FAIL(err, RD_E_USAGE, "the test share of a split must lie between 0 and 1");
    kept = RD_NEW_ARRAY(arena, size_t, n);
    if (kept)
        aside = RD_NEW_ARRAY(&scratch, bool, n);
    st = aside ? put_aside(split, share, label, first, n, &scratch, aside, err)
               : RD_FAIL(err, RD_E_MEMORY, "out of memory splitting %zu rows", n);
    for (size_t i = 0; !st && i < n; i++)
        if (split->part == RD_SPLIT_ALL || aside[i] == (split->part == RD_SPLIT_TEST))
            kept[n_kept++] = i;
    rd_arena_release(&scratch);
    if (!st && !n_kept)
        st = RD_FAIL(err, RD_E_INPUT, "%zu rows are too few to put some aside", n);
    *kept_out = kept;
    *n_out = n_kept;
    return st;
}

rd_status rd_choice_keep(struct rd_choice *choice, int *label, const size_t *kept, size_t n,
    struct rd_arena *arena, struct rd_error *err)
{
    size_t *row = RD_NEW_ARRAY(arena, size_t, n);

    if (!row)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for an index of %zu", n);
    for (size_t i = 0; i < n; i++) {
        row[i] = rd_choice_row(choice, kept[i]);
        if (label)
            label[i] = label[kept[i]];
    }
    *choice = (struct rd_choice){ .n = n, .row = row };
    return RD_OK;
}

rd_status rd_choice_labels(const struct rd_dataset_source *s, size_t rows,
    const struct rd_choice *c, const struct rd_limits *l, struct rd_arena *arena, int **label_out,
    struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    char name[SHOWN], shape[128];
    struct rd_tensor *t;
    int *label = NULL;
    rd_status st = rd_array_read(s->labels, l, &scratch, &t, err);

    (void)rd_text_safe_in(name, sizeof name, s->labels);
    if (!st && !is_column(t))
        st = RD_FAIL(err, RD_E_INPUT,
            "labels '%s' must be one whole number a row, shape (n,); "
            "they have shape %s",
            name, rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
    if (!st && (size_t)t->dim[0] != rows)
        st = RD_FAIL(err, RD_E_INPUT, "labels '%s' have %" PRId64 " rows, the examples %zu", name,
            t->dim[0], rows);
    if (!st && !(label = RD_NEW_ARRAY(arena, int, c->n)))
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu labels", c->n);
    for (size_t i = 0; !st && i < c->n; i++) {
        const size_t row = rd_choice_row(c, i);
        int64_t v = 0;

        if (!whole_at(t, row, &v))
            st = RD_FAIL(err, RD_E_INPUT, "labels '%s', row %zu: not a whole number", name, row);
        else if (v < 0 || v >= LABEL_MAX)
            st = RD_FAIL(err, RD_E_INPUT,
                "labels '%s', row %zu: label %" PRId64 " is not one of 0 to %d", name, row, v,
                LABEL_MAX - 1);
        else
            label[i] = (int)v;
    }
    rd_arena_release(&scratch);
    if (!st)
        *label_out = label;
    return st;
}
