/* dataset.c - examples and labels: read, chosen, checked, digested. */
#include "data/dataset.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/inflate.h"
#include "base/text.h"
#include "base/zip.h"
#include "data/array.h"
#include "data/choice.h"
#include "data/csv.h"
#include "data/idx.h"
#include "data/image.h"
#include "data/images.h"
#include "data/notes.h"
#include "data/schema.h"
#include "data/table.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 96, HEADERS = 65536 + 4096 /* of any format of arrays */ };

static const char *shown_name(char out[SHOWN], const char *name)
{
    return rd_text_safe_in(out, SHOWN, name);
}

/* What every reader gets: what is asked for, where from, and where to put it. */
struct reading {
    const struct rd_dataset_source *source;
    const char *file, *member; /* member NULL: none named */
    struct rd_bytes in;        /* gzip already taken off */
    const struct rd_limits *limits;
    struct rd_arena *scratch, *arena;
    struct rd_notes *notes;
    struct rd_error *err;
};

/* --- arrays --- */

/* The chosen rows side by side, still in the file's type. */
static rd_status gather(const struct reading *r, const struct rd_tensor *t,
    const struct rd_choice *c, struct rd_tensor **out)
{
    const size_t bytes = rd_tensor_bytes(t) / (size_t)t->dim[0]; /* of one row */
    int64_t dim[RD_MAX_DIMS];
    unsigned char *to;
    rd_status st;

    memcpy(dim, t->dim, sizeof(dim));
    dim[0] = (int64_t)c->n;
    st = rd_tensor_new(r->scratch, t->dtype, dim, t->ndim, r->limits, out, r->err);
    if (st)
        return st;
    to = (*out)->data;
    for (size_t i = 0; i < c->n; i++)
        memcpy(to + i * bytes, (const unsigned char *)t->data + rd_choice_row(c, i) * bytes, bytes);
    return RD_OK;
}

static rd_status convert(const struct reading *r, const struct rd_tensor *t,
    const struct rd_choice *c, struct rd_dataset *d)
{
    const struct rd_dataset_source *const s = r->source;
    struct rd_tensor *chosen, *x;
    char name[SHOWN];
    size_t bytes;
    rd_status st;

    /* Bytes become floats: up to four times the size of the file's own type. */
    if (__builtin_mul_overflow(
            rd_tensor_count(t) / (size_t)t->dim[0] * sizeof(float), c->n, &bytes) ||
        bytes > r->limits->tensor_bytes)
        return RD_FAIL(r->err, RD_E_LIMIT, "'%s': %zu rows as float32 need more than %zu bytes",
            shown_name(name, s->path), c->n, r->limits->tensor_bytes);
    st = gather(r, t, c, &chosen);
    if (!st)
        st = rd_tensor_to_f32(chosen, s->scale, r->arena, &x, r->err);
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
            return RD_FAIL(r->err, RD_E_INPUT, "'%s', row %zu: value %zu is %s",
                shown_name(name, s->path), rd_choice_row(c, i / d->width), i % d->width,
                isnan(d->x[i]) ? "NaN" : "infinite, or too large for float32");
    }
    return RD_OK;
}

static rd_status no_table(const struct reading *r)
{
    const struct rd_dataset_source *const s = r->source;
    char name[SHOWN];

    if (s->schema || s->label_column || s->contributor_column || s->column_scale)
        return RD_FAIL(r->err, RD_E_USAGE,
            "'%s' is no table: schema, label column, contributor column and column scale are for "
            "tables",
            shown_name(name, s->path));
    return RD_OK;
}

/* The first row that each row of d repeats, labels left aside. */
static rd_status find_repeats(
    const struct reading *r, const struct rd_dataset *d, const size_t **first_out)
{
    struct rd_dataset values = *d;
    struct rd_data_profile p;
    rd_status st;

    values.label = NULL;
    values.contributor = NULL;
    st = rd_data_profile(&values, r->scratch, &p, r->err);
    *first_out = p.first;
    return st;
}

/* Only the part of the rows that the split names; label goes with the choice. */
static rd_status split_rows(
    const struct reading *r, struct rd_choice *c, int *label, struct rd_dataset *d)
{
    float *x = (float *)(uintptr_t)d->x; /* ours until it is handed out */
    const size_t *first;
    size_t *kept, n;
    rd_status st;

    if (r->source->split.part == RD_SPLIT_ALL)
        return RD_OK;
    st = find_repeats(r, d, &first);
    if (!st)
        st = rd_split_keep(&r->source->split, c->n, label, first, r->scratch, &kept, &n, r->err);
    if (!st)
        st = rd_choice_keep(c, label, kept, n, r->arena, r->err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++) /* in order, so nothing is overwritten that is still needed */
        memmove(x + i * d->width, x + kept[i] * d->width, d->width * sizeof *x);
    d->n = n;
    return RD_OK;
}

static void count_classes(struct rd_dataset *d)
{
    for (size_t i = 0; d->label && i < d->n; i++)
        d->classes = d->label[i] >= d->classes ? d->label[i] + 1 : d->classes;
}

static rd_status read_array(const struct reading *r, struct rd_dataset *d)
{
    char name[SHOWN], shape[128];
    struct rd_choice c = { 0 };
    struct rd_tensor *t;
    int *label = NULL;
    size_t rows;
    rd_status st = no_table(r);

    if (!st)
        st = rd_array_parse(
            r->file, r->member, r->in.data, r->in.size, r->limits, r->scratch, &t, r->err);
    if (st)
        return st;
    if (t->ndim < 1 || rd_tensor_count(t) == 0)
        return RD_FAIL(r->err, RD_E_INPUT, "'%s' holds no examples: its shape is %s",
            shown_name(name, r->source->path),
            rd_shape_text(t->dim, t->ndim, shape, sizeof(shape)));
    rows = (size_t)t->dim[0];
    st = rd_choice_make(r->source, rows, r->limits, r->arena, &c, r->err);
    if (!st && r->source->labels)
        st = rd_choice_labels(r->source, rows, &c, r->limits, r->arena, &label, r->err);
    if (!st)
        st = convert(r, t, &c, d);
    if (!st)
        st = split_rows(r, &c, label, d);
    d->label = label;
    d->row = c.row;
    count_classes(d);
    d->format = rd_zip_is(r->in.data, r->in.size)   ? "npz"
                : rd_npy_is(r->in.data, r->in.size) ? "npy"
                                                    : "idx";
    return st;
}

/* --- tables --- */

/* Classes called 0, 1, 2, ... are plain numbers. */
static bool are_numbers(const char *const *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[24];

        (void)snprintf(text, sizeof text, "%zu", i);
        if (strcmp(word[i], text) != 0)
            return false;
    }
    return true;
}

static void name_classes(const struct rd_table *t, struct rd_dataset *d)
{
    for (size_t c = 0; d->label && c < t->schema->n_columns; c++)
        if (t->column[c].type == RD_COLUMN_LABEL) {
            d->classes = (int)t->column[c].n_words;
            if (!are_numbers(t->column[c].word, t->column[c].n_words))
                d->class_name = t->column[c].word;
        }
}

/* The rows as they would be without a scale: equal there is equal with any. */
static rd_status encode_plain(const struct reading *r, const struct rd_table *table,
    const struct rd_choice *c, struct rd_dataset *d)
{
    struct rd_notes unheard = { .arena = r->scratch };
    struct rd_schema schema = *table->schema;
    struct rd_table t = *table;
    rd_status st;

    t.column = RD_NEW_ARRAY(r->scratch, struct rd_column, schema.n_columns);
    if (!t.column)
        return RD_FAIL(r->err, RD_E_MEMORY, "out of memory for %zu columns", schema.n_columns);
    memcpy(t.column, table->column, schema.n_columns * sizeof *t.column);
    schema.column = t.column;
    schema.scale = RD_COLUMN_SCALE_NONE;
    t.schema = &schema;
    *d = (struct rd_dataset){ .n = c->n };
    st = rd_table_learn(&t, NULL, t.rows, r->scratch, &unheard, r->err);
    return st ? st : rd_table_encode(&t, c->row, r->limits, r->scratch, d, &unheard, r->err);
}

/*
 * Numbers are learned from all rows, or from the part that is trained on, whichever is read; then
 * the choice is the part that is read.
 */
static rd_status learn(const struct reading *r, struct rd_table *t, struct rd_choice *c, int *label)
{
    struct rd_split training = r->source->split;
    struct rd_choice learned = *c;
    struct rd_dataset plain;
    const size_t *first;
    size_t *kept, n;
    rd_status st;

    if (training.part == RD_SPLIT_ALL)
        return rd_table_learn(t, NULL, t->rows, r->arena, r->notes, r->err);
    training.part = RD_SPLIT_TRAIN;
    st = encode_plain(r, t, c, &plain);
    if (!st)
        st = find_repeats(r, &plain, &first);
    if (!st)
        st = rd_split_keep(&training, c->n, label, first, r->scratch, &kept, &n, r->err);
    if (!st)
        st = rd_choice_keep(&learned, NULL, kept, n, r->scratch, r->err);
    if (!st)
        st = rd_table_learn(t, learned.row, learned.n, r->arena, r->notes, r->err);
    if (!st)
        st = rd_split_keep(&r->source->split, c->n, label, first, r->scratch, &kept, &n, r->err);
    return st ? st : rd_choice_keep(c, label, kept, n, r->arena, r->err);
}

static rd_status open_table(const struct reading *r, struct rd_table *t)
{
    const struct rd_dataset_source *const s = r->source;
    struct rd_schema *schema = NULL;
    struct rd_csv *csv;
    rd_status st = RD_OK;

    if (s->schema)
        st = rd_schema_read(s->schema, r->limits, r->arena, &schema, r->err);
    if (!st)
        st = rd_csv_parse(r->file, r->in.data, r->in.size, schema ? schema->separator : 0,
            r->limits, r->scratch, &csv, r->err);
    if (!st && !schema)
        st = rd_table_infer(csv, s, r->arena, &schema, r->notes, r->err);
    if (!st && csv->guessed && csv->columns > 1 && csv->separator != ',')
        rd_notes_add(r->notes, "cells are separated by %s", rd_csv_separator_name(csv->separator));
    return st ? st : rd_table_bind(csv, s, schema, r->arena, t, r->notes, r->err);
}

/* The labels of the chosen rows, from the label column. */
static rd_status pick_labels(
    const struct reading *r, const int *all, const struct rd_choice *c, int **label_out)
{
    int *label;

    if (!all)
        return RD_OK;
    label = RD_NEW_ARRAY(r->arena, int, c->n);
    if (!label)
        return RD_FAIL(r->err, RD_E_MEMORY, "out of memory for %zu labels", c->n);
    for (size_t i = 0; i < c->n; i++)
        label[i] = all[rd_choice_row(c, i)];
    *label_out = label;
    return RD_OK;
}

static rd_status read_table(const struct reading *r, struct rd_dataset *d)
{
    const struct rd_dataset_source *const s = r->source;
    struct rd_choice c = { 0 };
    struct rd_table t;
    int *all = NULL, *label = NULL;
    char name[SHOWN];
    rd_status st;

    if (r->member)
        return RD_FAIL(r->err, RD_E_INPUT, "'%s' is no archive, so it holds no member of a name",
            shown_name(name, r->file));
    if (s->scale != 1)
        return RD_FAIL(r->err, RD_E_USAGE,
            "'%s' is a table: scale each column in its schema, or all with column scale",
            shown_name(name, r->file));
    st = open_table(r, &t);
    if (!st)
        st = rd_table_label(&t, r->arena, &all, r->notes, r->err);
    if (!st)
        st = rd_choice_make(s, t.rows, r->limits, r->arena, &c, r->err);
    if (!st)
        st = pick_labels(r, all, &c, &label);
    if (!st && s->labels)
        st = rd_choice_labels(s, t.rows, &c, r->limits, r->arena, &label, r->err);
    if (!st)
        st = learn(r, &t, &c, label);
    if (st)
        return st;
    d->n = c.n;
    d->row = c.row;
    d->label = label;
    d->format = "csv";
    d->schema = t.schema;
    st = rd_table_encode(&t, c.row, r->limits, r->arena, d, r->notes, r->err);
    name_classes(&t, d);
    if (s->labels)
        count_classes(d);
    return st;
}

/* --- images --- */

static rd_status read_images(
    const struct reading *r, const struct rd_image_list *list, struct rd_dataset *d)
{
    const struct rd_dataset_source *const s = r->source;
    struct rd_dataset_source choosing = *s;
    struct reading q = *r;
    struct rd_choice c = { 0 };
    int *label = NULL;
    rd_status st = no_table(r);

    q.source = &choosing;
    if (list->has_parts)
        choosing.split.part = RD_SPLIT_ALL; /* the folders have split it already */
    if (!st)
        st = rd_choice_make(s, list->n, r->limits, r->arena, &c, r->err);
    if (!st && !s->labels && list->classes) {
        label = RD_NEW_ARRAY(r->arena, int, c.n);
        if (!label)
            return RD_FAIL(r->err, RD_E_MEMORY, "out of memory for %zu labels", c.n);
        for (size_t i = 0; i < c.n; i++)
            label[i] = list->item[rd_choice_row(&c, i)].label;
        d->classes = list->classes;
        d->class_name = list->class_name;
    }
    if (!st && s->labels)
        st = rd_choice_labels(s, list->n, &c, r->limits, r->arena, &label, r->err);
    if (!st)
        st = rd_images_decode(
            list, &c, s->resize, s->scale, r->limits, r->arena, d, r->notes, r->err);
    if (!st)
        st = split_rows(&q, &c, label, d);
    if (st)
        return st;
    d->label = label;
    d->row = c.row;
    d->format = "images";
    if (s->labels)
        count_classes(d);
    return st;
}

static rd_status read_folder(const struct reading *r, struct rd_dataset *d)
{
    struct rd_image_list list;
    const rd_status st = rd_images_list_folder(
        r->source->path, r->source->split.part, r->limits, r->arena, &list, r->notes, r->err);

    return st ? st : read_images(r, &list, d);
}

static rd_status read_archive(const struct reading *r, struct rd_dataset *d)
{
    struct rd_image_list list;
    struct rd_zip *zip;
    rd_status st =
        rd_zip_open(r->file, r->in.data, r->in.size, r->limits, r->scratch, &zip, r->err);

    if (st)
        return st;
    if (!rd_images_in_zip(zip))
        return read_array(r, d);
    st = rd_images_list_zip(
        zip, r->member, r->source->split.part, r->limits, r->arena, &list, r->notes, r->err);
    return st ? st : read_images(r, &list, d);
}

static rd_status read_file(struct reading *r, struct rd_dataset *d)
{
    struct rd_image_item one = { .name = "", .label = -1 };
    char name[SHOWN];
    rd_status st = rd_npy_split(r->source->path, r->scratch, &r->file, &r->member, r->err);

    if (!st)
        st = rd_file_map(r->file, r->limits->file_bytes, r->scratch, &r->in, r->err);
    if (!st && rd_gzip_is(r->in.data, r->in.size))
        st = rd_gzip_read(r->file, r->in.data, r->in.size, r->limits->tensor_bytes + HEADERS,
            r->limits, r->scratch, &r->in, r->err);
    if (st)
        return st;
    if (rd_zip_is(r->in.data, r->in.size))
        return read_archive(r, d);
    if (rd_image_kind(r->in.data, r->in.size)) {
        one.name = r->file;
        return read_images(
            r, &(struct rd_image_list){ .name = r->file, .one = r->in, .n = 1, .item = &one }, d);
    }
    if (rd_npy_is(r->in.data, r->in.size) || rd_idx_is(r->in.data, r->in.size) || !r->in.size)
        return read_array(r, d);
    if (!rd_csv_is(r->in.data, r->in.size))
        return RD_FAIL(r->err, RD_E_INPUT,
            "'%s' is no array (.npy, .npz, idx), table or image (by its first bytes)",
            shown_name(name, r->file));
    return read_table(r, d);
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
    struct rd_arena scratch = RD_ARENA_INIT; /* the files as they are */
    struct rd_notes notes = { .arena = arena };
    struct rd_dataset d = { 0 };
    struct reading r = { .source = source,
        .limits = limits ? limits : &rd_limits_default,
        .scratch = &scratch,
        .arena = arena,
        .notes = &notes,
        .err = err };
    rd_status st;

    if (!isfinite(source->scale) || source->scale == 0)
        return RD_FAIL(err, RD_E_USAGE, "scale must be a finite number other than 0");
    st = rd_file_is_dir(source->path) ? read_folder(&r, &d) : read_file(&r, &d);
    if (!st)
        st = summarize(&d, err);
    if (!st && notes.failed)
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory for notes");
    d.note = notes.item;
    d.n_notes = notes.n;
    if (!st)
        *dataset_out = d;
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
    slice.row = d->row ? d->row + first : NULL;
    slice.row_first = d->row ? 0 : d->row_first + first;
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
