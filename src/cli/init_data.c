/*
 * init_data.c - the user's data as the user's model wants it, and its three parts.
 *
 * A table is tried with its numbers as they are, standardized, and brought to 0..1; an array and
 * images with the usual mistakes mended (range, axes, normalization, labels from 1). Whatever fits
 * best is kept and said. Rows that repeat an earlier one are left out, so that no row is in two
 * parts.
 */
#include "cli/init_from.h"

#include "attacks/harness_parts.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/schema.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COPY_MAX = 64 << 20, EACH_LEAST = 20 };
enum { EVAL_MOST = 1000, ASKED_MOST = 200, POOL_MOST = 5000 };
static const double eval_share = 0.25, pool_share = 0.3;

#define KAPPA_LEAST 0.2

static rd_status no_memory(struct rd_subject *s)
{
    return rd_run_no_memory(&s->cli->run, "the data");
}

/* --- reading --- */

/* "eval-x.npy" -> "eval-y.npy", when that is there. */
static const char *labels_beside(struct rd_subject *s, const char *path)
{
    char *other = rd_arena_strdup(s->cli->run.scratch, path);
    const size_t len = strlen(path);

    for (size_t at = len; other && at-- > 0 && path[at] != '/';)
        if (path[at] == 'x' && path[at + 1] == '.') {
            other[at] = 'y';
            return rd_file_exists(other) ? other : NULL;
        }
    return NULL;
}

static bool is_table(const struct rd_dataset *d)
{
    return d->format && !strcmp(d->format, "csv");
}

static bool is_images(const struct rd_dataset *d)
{
    return d->format && !strcmp(d->format, "images");
}

static rd_status read_as(struct rd_subject *s, const char *column_scale, struct rd_dataset *out)
{
    struct rd_dataset_source source = s->source;
    rd_status st;

    source.column_scale = column_scale;
    st = rd_dataset_read(&source, NULL, s->cli->run.scratch, out, s->cli->run.err);
    if (!st && !out->label) {
        st = RD_FAIL(s->cli->run.err, RD_E_USAGE,
            "the data has no labels: without them nobody can say whether an answer is right");
        return rd_error_hint(s->cli->run.err, "give --labels FILE, or --label-column for a table");
    }
    return st;
}

/* --- axes --- */

static void move_axes(const float *from, float *to, const int64_t dim[3], bool channels_first)
{
    const size_t a = (size_t)dim[0], b = (size_t)dim[1], c = (size_t)dim[2];

    for (size_t i = 0; i < a; i++)
        for (size_t j = 0; j < b; j++)
            for (size_t k = 0; k < c; k++)
                if (channels_first) /* (h, w, c) -> (c, h, w) */
                    to[(k * a + i) * b + j] = from[(i * b + j) * c + k];
                else /* (c, h, w) -> (h, w, c) */
                    to[(j * c + k) * a + i] = from[(i * b + j) * c + k];
}

/* The channels where the model wants them, when that is all that keeps the shapes apart. */
static rd_status fit_axes(struct rd_subject *s, struct rd_dataset *d)
{
    const struct rd_target *t = s->target;
    const int64_t *w = t->dim, *g = d->dim;
    bool first;
    float *x;

    if (t->ndim != 3 || d->ndim != 3 || !memcmp(w, g, 3 * sizeof *w))
        return RD_OK;
    if (w[0] == g[2] && w[1] == g[0] && w[2] == g[1])
        first = true;
    else if (w[0] == g[1] && w[1] == g[2] && w[2] == g[0])
        first = false;
    else
        return RD_OK;
    x = RD_NEW_ARRAY(s->cli->run.scratch, float, d->n * d->width);
    if (!x)
        return no_memory(s);
    for (size_t i = 0; i < d->n; i++)
        move_axes(d->x + i * d->width, x + i * d->width, g, first);
    d->x = x;
    memcpy(d->dim, w, 3 * sizeof *w);
    s->converted = true;
    s->read_as = first ? "the channels were moved from the last axis to the first"
                       : "the channels were moved from the first axis to the last";
    return RD_OK;
}

/* --- values --- */

static rd_status mend(struct rd_subject *s, struct rd_dataset *d, const struct rd_fit *f)
{
    const struct rd_target *t = s->target;
    const size_t h = t->ndim >= 2 ? (size_t)t->dim[t->ndim - 2] : 1;
    const size_t w = t->ndim >= 2 ? (size_t)t->dim[t->ndim - 1] : 1;
    const size_t c = t->ndim == 3 ? (size_t)t->dim[0] : 1;
    float *x = RD_NEW_ARRAY(s->cli->run.scratch, float, d->n * d->width);
    int *label = RD_NEW_ARRAY(s->cli->run.scratch, int, d->n);

    if (!x || !label)
        return no_memory(s);
    for (size_t i = 0; i < d->n; i++) {
        const float *from = d->x + i * d->width;
        float *to = x + i * d->width;

        for (size_t k = 0; k < d->width; k++) {
            size_t at = k;

            if (f->transpose)
                at = k / (h * w) * (h * w) + k % w * w + k / w % h;
            else if (f->reverse_channels)
                at = (c - 1 - k / (h * w)) * (h * w) + k % (h * w);
            to[k] = from[at] * f->factor + f->offset;
        }
        label[i] = d->label[i] + f->shift;
        if (label[i] < 0)
            return RD_FAIL(s->cli->run.err, RD_E_INPUT,
                "row %zu has label %d, but %s the model is right", i, d->label[i], f->what);
    }
    d->x = x;
    d->label = label;
    d->classes += f->shift;
    /* A plain factor is a key of redoubt.yaml; the rest has to be done to the values. */
    if (!s->converted && f->offset == 0 && !f->transpose && !f->reverse_channels && !f->shift &&
        !is_images(d))
        s->source.scale = s->source.scale * (double)f->factor;
    else
        s->converted = true;
    s->read_as = rd_arena_printf(s->cli->run.scratch, "%s%s%s", s->read_as ? s->read_as : "",
        s->read_as ? "; " : "", f->hint);
    return s->read_as ? rd_dataset_slice(d, 0, d->n, d, s->cli->run.err) : no_memory(s);
}

static rd_status refuse(struct rd_subject *s, const struct rd_fit *f)
{
    (void)RD_FAIL(s->cli->run.err, RD_E_INPUT,
        "the model is right on %.1f %% of %zu rows, hardly better than chance (kappa %.2f): model "
        "and data do not fit",
        100 * f->accuracy, f->n, f->kappa);
    return rd_error_hint(s->cli->run.err,
        "none of the usual mistakes (range, normalization, axis order, shifted labels, the scale "
        "of "
        "columns) mends it: are these the data and the classes that the model was made for?");
}

/* Numbers as they are, standardized, or in 0..1: whatever the model is most often right on. */
static rd_status fit_table(struct rd_subject *s)
{
    static const char *const scales[] = { "none", "standard", "minmax" };
    struct rd_fit best = { 0 }, first = { 0 };
    size_t which = 0;
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < 3; i++) {
        struct rd_dataset d;
        struct rd_fit f;

        st = read_as(s, scales[i], &d);
        if (!st)
            st = rd_harness_fit(&s->cli->run, s->target, &d, &f);
        if (st)
            return st;
        if (!i || f.kappa > best.kappa + 0.02) {
            best = f;
            which = i;
            s->all = d;
        }
        if (!i) {
            first = f;
            if (f.kappa >= 0.8) /* no need to ask an endpoint again */
                break;
        }
    }
    s->accuracy_as_is = first.accuracy;
    s->source.column_scale = scales[which];
    if (which)
        s->read_as = which == 1 ? "the numbers are standardized to mean 0 and deviation 1"
                                : "the numbers are brought to 0..1";
    return best.kappa >= KAPPA_LEAST ? RD_OK : refuse(s, &best);
}

static rd_status fit_array(struct rd_subject *s)
{
    struct rd_fit f;
    rd_status st = fit_axes(s, &s->all);

    if (!st)
        st = rd_harness_fit(&s->cli->run, s->target, &s->all, &f);
    if (st)
        return st;
    s->accuracy_as_is = f.accuracy;
    if (f.fits)
        return RD_OK;
    return f.what ? mend(s, &s->all, &f) : refuse(s, &f);
}

/* --- the target --- */

/* One name for each number of a row, for endpoints that are told the columns. */
static rd_status column_names(struct rd_subject *s, const char *const **out)
{
    const struct rd_dataset *d = &s->all;
    const char **name;

    *out = NULL;
    if (!d->feature)
        return RD_OK;
    name = RD_NEW_ARRAY(s->cli->run.scratch, const char *, d->width);
    if (!name)
        return no_memory(s);
    for (size_t f = 0; f < d->n_features; f++)
        for (size_t k = 0; k < d->feature[f].width; k++) {
            const struct rd_feature *one = &d->feature[f];

            name[one->first + k] =
                one->type == RD_FEATURE_NUMBER
                    ? one->name
                    : rd_arena_printf(s->cli->run.scratch, "%s=%s", one->name, one->category[k]);
            if (!name[one->first + k])
                return no_memory(s);
        }
    *out = name;
    return RD_OK;
}

static rd_status open_target(struct rd_subject *s)
{
    const struct rd_target_limits limits = {
        .hosts = s->o->hosts.item, .n_hosts = s->o->hosts.n, .max_spend = NAN
    };
    struct rd_target_limits *kept = RD_NEW(s->cli->run.scratch, struct rd_target_limits);
    struct rd_target_source source = { .where = s->kind == RD_FROM_PROCESS ? NULL : s->o->from,
        .command = s->kind == RD_FROM_PROCESS ? s->command : NULL,
        .protocol = s->o->protocol,
        .dim = s->all.dim,
        .ndim = s->all.ndim,
        .data_classes = (size_t)s->all.classes,
        .class_names = s->all.class_name,
        .limits = kept };
    rd_status st;

    if (s->kind == RD_FROM_FILE)
        return rd_target_open_onnx(
            s->o->from, s->cli->run.pool, s->cli->run.scratch, &s->target, s->cli->run.err);
    if (!kept)
        return no_memory(s);
    *kept = limits;
    st = column_names(s, &source.columns);
    return st ? st : rd_target_open(&s->cli->run, &source, s->cli->run.scratch, &s->target);
}

/* Images of another size than the model's are read again at its size. */
static rd_status fit_size(struct rd_subject *s)
{
    const struct rd_target *t = s->target;

    if (!is_images(&s->all) || t->ndim != 3 || s->all.ndim != 3 || t->dim[0] > 4 ||
        (t->dim[1] == s->all.dim[1] && t->dim[2] == s->all.dim[2]))
        return RD_OK;
    s->source.resize[0] = t->dim[1];
    s->source.resize[1] = t->dim[2];
    s->converted = true;
    return read_as(s, NULL, &s->all);
}

rd_status rd_from_data(struct rd_subject *s)
{
    rd_status st;

    s->source = (struct rd_dataset_source){ .path = s->o->data,
        .labels = s->o->labels,
        .scale = 1,
        .label_column = s->o->label_column,
        .contributor_column = s->o->contributor_column };
    if (!s->source.labels && !s->source.label_column)
        s->source.labels = labels_beside(s, s->o->data);
    if (s->kind == RD_FROM_FILE) { /* it knows its shape: images may have to follow */
        st = open_target(s);
        if (st)
            return st;
        if (s->target->ndim == 3 && rd_file_is_dir(s->o->data)) {
            s->source.resize[0] = s->target->dim[1];
            s->source.resize[1] = s->target->dim[2];
        }
    }
    st = read_as(s, NULL, &s->all);
    if (st)
        return RD_WRAP(s->cli->run.err, st, "reading the data");
    s->converted = is_images(&s->all);
    if (!s->target)
        st = open_target(s);
    else
        st = fit_size(s);
    if (st)
        return st;
    return is_table(&s->all) ? fit_table(s) : fit_array(s);
}

/* --- the split --- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of m rows of one class so many go to each part; every part gets one when there are three. */
static void deal(size_t m, double eval_part, double pool_part, size_t out[3])
{
    out[0] = (size_t)lround(eval_part * (double)m);
    out[1] = (size_t)lround(pool_part * (double)m);
    if (m >= 3) {
        out[0] = out[0] ? out[0] : 1;
        out[1] = out[1] ? out[1] : 1;
    }
    out[0] = least(out[0], m);
    out[1] = least(out[1], m - out[0]);
    out[2] = m - out[0] - out[1];
}

/* The new rows of class c in drawn order, into row; returns how many. */
static size_t rows_of_class(const struct rd_subject *s, const struct rd_data_profile *p,
    const bool *clash, size_t c, size_t *row)
{
    struct rd_rng rng = rd_rng_stream(s->cli->run.seed, "init/split", c);
    size_t n = 0;

    for (size_t i = 0; i < s->all.n; i++)
        if ((size_t)s->all.label[i] == c && p->first[i] == i && !clash[i])
            row[n++] = i;
    rd_rng_shuffle(&rng, row, n);
    return n;
}

static void put_part(struct rd_subject *s, size_t *part, size_t n, size_t most, const char *what,
    struct rd_from_part *out)
{
    struct rd_rng rng = rd_rng_stream(s->cli->run.seed, what, 0);

    rd_rng_shuffle(&rng, part, n);
    n = least(n, most);
    out->from = s->n_index;
    memcpy(s->index + s->n_index, part, n * sizeof *part);
    s->n_index += n;
    out->to = s->n_index;
}

rd_status rd_from_split(struct rd_subject *s)
{
    struct rd_arena *arena = s->cli->run.scratch;
    const size_t n = s->all.n;
    struct rd_data_profile p;
    size_t *row = RD_NEW_ARRAY(arena, size_t, n), *part[3], count[3] = { 0 };
    bool *clash = RD_NEW_ARRAY(arena, bool, n);
    double eval_part = eval_share;
    size_t fresh = 0;
    rd_status st = rd_data_profile(&s->all, arena, &p, s->cli->run.err);

    if (st)
        return st;
    s->index = RD_NEW_ARRAY(arena, size_t, n);
    for (int k = 0; k < 3; k++)
        part[k] = RD_NEW_ARRAY(arena, size_t, n);
    if (!row || !clash || !s->index || !part[0] || !part[1] || !part[2])
        return no_memory(s);
    for (size_t i = 0; i < n; i++) {
        /* The same values under two labels: neither is right. */
        if (p.first[i] != i && s->all.label[i] != s->all.label[p.first[i]])
            clash[p.first[i]] = true;
        fresh += p.first[i] == i;
    }
    s->n_repeated = n - fresh;
    if (fresh < 3 * EACH_LEAST)
        return RD_FAIL(s->cli->run.err, RD_E_INPUT,
            "%zu different rows are too few to judge, steal and train with: expected %d at least",
            fresh, 3 * EACH_LEAST);
    /* An endpoint is asked about each of them hundreds of times. */
    eval_part =
        fmin(eval_part, (double)(s->kind == RD_FROM_FILE ? EVAL_MOST : ASKED_MOST) / (double)fresh);
    for (size_t c = 0; c < (size_t)s->all.classes; c++) {
        const size_t m = rows_of_class(s, &p, clash, c, row);
        size_t to[3], at = 0;

        deal(m, eval_part, pool_share, to);
        for (int k = 0; k < 3; k++) {
            memcpy(part[k] + count[k], row + at, to[k] * sizeof *row);
            count[k] += to[k];
            at += to[k];
        }
    }
    put_part(s, part[0], count[0], n, "init/eval", &s->eval);
    put_part(s, part[1], count[1], POOL_MOST, "init/pool", &s->pool);
    put_part(s, part[2], count[2], rd_from_train_most(s), "init/train", &s->train);
    st = rd_from_gather(s, &s->eval, &s->eval_set);
    return st ? st : rd_from_gather(s, &s->train, &s->train_set);
}

rd_status rd_from_gather(
    struct rd_subject *s, const struct rd_from_part *part, struct rd_dataset *out)
{
    const struct rd_dataset *d = &s->all;
    const size_t n = part->to - part->from;
    float *x = RD_NEW_ARRAY(s->cli->run.scratch, float, n * d->width + 1);
    int *label = RD_NEW_ARRAY(s->cli->run.scratch, int, n + 1);

    if (!x || !label)
        return no_memory(s);
    for (size_t i = 0; i < n; i++) {
        const size_t row = s->index[part->from + i];

        memcpy(x + i * d->width, d->x + row * d->width, d->width * sizeof *x);
        label[i] = d->label[row];
    }
    *out = *d;
    out->n = n;
    out->x = x;
    out->label = label;
    out->contributor = NULL;
    out->time = NULL;
    out->row = NULL;
    return rd_dataset_slice(out, 0, n, out, s->cli->run.err);
}

/* --- clean accuracy --- */

rd_status rd_from_measure(struct rd_subject *s)
{
    const struct rd_dataset *d = &s->eval_set;
    struct rd_arena *arena = s->cli->run.scratch;
    int *answer = RD_NEW_ARRAY(arena, int, d->n);
    size_t *count = RD_NEW_ARRAY(arena, size_t, (size_t)d->classes + 1);
    struct rd_agreement a;
    size_t most = 0;
    rd_status st;

    if (!answer || !count)
        return no_memory(s);
    for (size_t i = 0; i < d->n; i++)
        if ((size_t)d->label[i] >= s->target->classes)
            return RD_FAIL(s->cli->run.err, RD_E_INPUT,
                "label %d is outside 0..%zu: the model answers %zu classes", d->label[i],
                s->target->classes - 1, s->target->classes);
    st = s->target->labels(s->target->self, d->x, d->n, answer, s->cli->run.err);
    if (!st)
        st = rd_agreement(answer, d->label, d->n, s->target->classes, arena, &a, s->cli->run.err);
    if (st)
        return RD_WRAP(s->cli->run.err, st, "asking the model about %zu rows", d->n);
    for (size_t i = 0; i < d->n; i++)
        most = ++count[d->label[i]] > most ? count[d->label[i]] : most;
    s->majority = (double)most / (double)d->n;
    s->accuracy = a.share;
    s->n_right = a.n_same;
    if (a.kappa >= KAPPA_LEAST)
        return RD_OK;
    return refuse(s, &(struct rd_fit){ .accuracy = a.share, .kappa = a.kappa, .n = d->n });
}

/* --- files --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static rd_status write_array(struct rd_subject *s, const char *name, const struct rd_tensor *t)
{
    const char *path = rd_path_join(s->cli->run.scratch, s->dir, name);

    return path ? rd_npy_write(path, t, s->cli->run.err) : no_memory(s);
}

static rd_status write_converted(struct rd_subject *s)
{
    const struct rd_dataset *d = &s->all;
    struct rd_tensor x = { .dtype = RD_F32,
        .ndim = d->ndim + 1,
        .dim = { (int64_t)d->n },
        .data = (void *)(uintptr_t)d->x }; /* only read */
    struct rd_tensor y = { .dtype = RD_I64, .ndim = 1, .dim = { (int64_t)d->n } };
    int64_t *label = RD_NEW_ARRAY(s->cli->run.scratch, int64_t, d->n);
    rd_status st;

    if (!label)
        return no_memory(s);
    memcpy(x.dim + 1, d->dim, (size_t)d->ndim * sizeof *x.dim);
    for (size_t i = 0; i < d->n; i++)
        label[i] = d->label[i];
    y.data = label;
    s->data_path = "data-x.npy";
    s->labels_path = "data-y.npy";
    s->source.scale = 1;
    st = write_array(s, s->data_path, &x);
    return st ? st : write_array(s, s->labels_path, &y);
}

rd_status rd_from_copy(struct rd_subject *s, const char *path, const char *as, const char **out)
{
    struct rd_arena file = RD_ARENA_INIT;
    struct rd_bytes bytes;
    const char *to = rd_path_join(s->cli->run.scratch, s->dir, as);
    char *real;
    rd_status st;

    if (!to)
        return no_memory(s);
    st = rd_file_map(path, (size_t)1 << 40, &file, &bytes, s->cli->run.err);
    if (!st && bytes.size <= COPY_MAX) {
        st = rd_file_write(to, bytes.data, bytes.size, 0644, s->cli->run.err);
        *out = as;
    } else if (!st) {
        real = realpath(path, NULL);
        *out = real ? rd_arena_strdup(s->cli->run.scratch, real) : NULL;
        free(real);
        s->outside = true;
        if (!*out)
            st = no_memory(s);
    }
    rd_arena_release(&file);
    return st;
}

static rd_status write_schema(struct rd_subject *s)
{
    const char *path = rd_path_join(s->cli->run.scratch, s->dir, "schema.yaml");
    struct rd_buf out = { 0 };
    rd_status st;

    if (!s->all.schema)
        return RD_OK;
    s->schema_path = "schema.yaml";
    rd_schema_write(s->all.schema, &out);
    st = out.failed || !path ? no_memory(s)
                             : rd_file_write(path, out.text, out.len, 0644, s->cli->run.err);
    rd_buf_release(&out);
    return st;
}

/* split.npy names rows of the file that redoubt.yaml points at. */
static rd_status write_split(struct rd_subject *s)
{
    int64_t *row = RD_NEW_ARRAY(s->cli->run.scratch, int64_t, s->n_index);
    const struct rd_tensor t = {
        .dtype = RD_I64, .ndim = 1, .dim = { (int64_t)s->n_index }, .data = row
    };

    if (!row)
        return no_memory(s);
    for (size_t i = 0; i < s->n_index; i++)
        row[i] = (int64_t)(!s->converted && s->all.row ? s->all.row[s->index[i]] : s->index[i]);
    return write_array(s, "split.npy", &t);
}

static const char *local_name(struct rd_subject *s, const char *path, const char *stem)
{
    const char *dot = strrchr(base_name(path), '.');

    return rd_arena_printf(s->cli->run.scratch, "%s%s", stem, dot ? dot : "");
}

rd_status rd_from_write_data(struct rd_subject *s)
{
    const char *member = strchr(base_name(s->source.path), ':');
    rd_status st;

    /* A member of an archive is taken out of it. */
    s->converted |= member || (s->source.labels && strchr(base_name(s->source.labels), ':'));
    if (s->converted) {
        st = write_converted(s);
    } else {
        st = rd_from_copy(s, s->source.path, local_name(s, s->source.path, "data"), &s->data_path);
        if (!st && s->source.labels)
            st = rd_from_copy(
                s, s->source.labels, local_name(s, s->source.labels, "labels"), &s->labels_path);
        if (!st)
            st = write_schema(s);
    }
    return st ? st : write_split(s);
}
