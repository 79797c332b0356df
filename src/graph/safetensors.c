/* safetensors.c - a header in JSON, then bytes: checked, converted, put into a graph. */
#include "graph/safetensors.h"

#include "base/buf.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 80, HEADER = 100 * 1000 * 1000, PREFIX = 8 };

struct entry {
    const struct rd_doc *doc;
    struct rd_tensor view; /* data: in the file, maybe unaligned */
    size_t begin, end;
    bool used;
};

struct file {
    const unsigned char *data; /* behind the header */
    size_t size;
    const struct rd_limits *limits;
    struct rd_arena own; /* of the header */
    struct rd_arena *arena;
    struct rd_error *err;
    const struct rd_doc *header;
    struct entry *entry;
    size_t n;
};

static bool whole(const struct rd_doc *d, uint64_t *out)
{
    int64_t v;

    if (!rd_doc_int(d, &v) || v < 0)
        return false;
    *out = (uint64_t)v;
    return true;
}

/* The tensor that member i of the header describes. */
static rd_status describe(struct file *f, const struct rd_doc *d, struct entry *e)
{
    static const struct {
        const char *name;
        enum rd_dtype type;
    } types[] = { { "F32", RD_F32 }, { "F16", RD_F16 }, { "BF16", RD_BF16 }, { "F64", RD_F64 },
        { "I64", RD_I64 } };
    const struct rd_doc *type = rd_doc_get(d, "dtype"), *shape = rd_doc_get(d, "shape");
    const struct rd_doc *at = rd_doc_get(d, "data_offsets");
    uint64_t dim, begin, end;
    char safe[SHOWN], said[24];
    size_t count;

    (void)rd_text_safe_in(safe, sizeof(safe), d->key);
    e->doc = d;
    if (!type || !rd_doc_text(type) || !shape || shape->kind != RD_DOC_LIST || !at ||
        at->kind != RD_DOC_LIST || at->n != 2 || !whole(&at->item[0], &begin) ||
        !whole(&at->item[1], &end))
        return RD_FAIL(f->err, RD_E_INPUT,
            "tensor '%s' has no 'dtype', 'shape' and 'data_offsets' as they must be", safe);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (!strcmp(rd_doc_text(type), types[i].name))
            e->view.dtype = types[i].type;
    if (!e->view.dtype)
        return RD_FAIL(f->err, RD_E_INPUT,
            "tensor '%s' is of type %s: only F32, F16, BF16, F64 and I64 are supported", safe,
            rd_text_safe_in(said, sizeof(said), rd_doc_text(type)));
    if (shape->n > RD_MAX_DIMS)
        return RD_FAIL(f->err, RD_E_INPUT, "tensor '%s' has %zu dimensions, more than %d", safe,
            shape->n, RD_MAX_DIMS);
    e->view.ndim = (int)shape->n;
    for (size_t i = 0; i < shape->n; i++) {
        if (!whole(&shape->item[i], &dim))
            return RD_FAIL(f->err, RD_E_INPUT, "tensor '%s' has a malformed shape", safe);
        e->view.dim[i] = (int64_t)dim;
    }
    if (begin > end || end > f->size || !rd_shape_count(e->view.dim, e->view.ndim, &count) ||
        count > f->size || count * rd_dtype_size(e->view.dtype) != end - begin)
        return RD_FAIL(f->err, RD_E_INPUT,
            "tensor '%s': bytes %llu to %llu of %zu do not hold its shape", safe,
            (unsigned long long)begin, (unsigned long long)end, f->size);
    e->begin = (size_t)begin;
    e->end = (size_t)end;
    e->view.data = (void *)(uintptr_t)(f->data + begin);
    return RD_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Every byte belongs to one tensor: a file that hides something, or gives it twice, is none. */
static rd_status no_holes(const struct file *f)
{
    const struct entry **sorted =
        RD_NEW_ARRAY((struct rd_arena *)(uintptr_t)&f->own, const struct entry *, f->n + 1);
    size_t at = 0;
    char safe[SHOWN];

    if (!sorted)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for %zu tensors", f->n);
    for (size_t i = 0; i < f->n; i++)
        sorted[i] = &f->entry[i];
    qsort(sorted, f->n, sizeof(struct entry *), by_place);
    for (size_t i = 0; i < f->n; i++) {
        if (sorted[i]->begin != at)
            return RD_FAIL(f->err, RD_E_INPUT,
                "tensor '%s' begins at byte %zu, not %zu: the data "
                "must have no holes and no overlaps",
                rd_text_safe_in(safe, sizeof(safe), sorted[i]->doc->key), sorted[i]->begin, at);
        at = sorted[i]->end;
    }
    if (at != f->size)
        return RD_FAIL(f->err, RD_E_INPUT, "%zu bytes follow the last tensor", f->size - at);
    return RD_OK;
}

static rd_status open(struct file *f, const unsigned char *bytes, size_t size)
{
    struct rd_limits limits = *f->limits;
    struct rd_doc *doc = NULL;
    uint64_t length = 0;
    rd_status st;

    for (int i = PREFIX - 1; i >= 0 && size >= PREFIX; i--)
        length = length << 8 | bytes[i];
    if (size < PREFIX || length > size - PREFIX || length > HEADER)
        return RD_FAIL(f->err, RD_E_INPUT,
            "it is no safetensors file: its header would have %llu bytes of %zu",
            (unsigned long long)length, size);
    limits.text_bytes = HEADER;
    f->data = bytes + PREFIX + length;
    f->size = size - PREFIX - (size_t)length;
    st = rd_doc_read_json("header", bytes + PREFIX, (size_t)length, &limits, &f->own, &doc, f->err);
    if (!st && doc->kind != RD_DOC_MAP)
        st = RD_FAIL(f->err, RD_E_INPUT, "its header is no object");
    if (st)
        return st;
    f->header = doc;
    f->entry = RD_NEW_ARRAY(&f->own, struct entry, doc->n + 1);
    if (!f->entry)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for %zu tensors", doc->n);
    for (size_t i = 0; i < doc->n && !st; i++)
        if (strcmp(doc->item[i].key, "__metadata__") != 0)
            st = describe(f, &doc->item[i], &f->entry[f->n++]);
    return st ? st : no_holes(f);
}

/* An aligned tensor of the initializer's type with the entry's numbers. */
static rd_status convert(const struct file *f, const struct entry *e, const struct rd_tensor *like,
    struct rd_tensor **out)
{
    const bool real = e->view.dtype != RD_I64;
    struct rd_tensor *same, *narrow;
    char safe[SHOWN], found[120], expected[120];
    rd_status st;

    (void)rd_text_safe_in(safe, sizeof(safe), e->doc->key);
    if (e->view.ndim != like->ndim ||
        memcmp(e->view.dim, like->dim, (size_t)like->ndim * sizeof(*like->dim)) != 0)
        return RD_FAIL(f->err, RD_E_INPUT, "tensor '%s' has shape %s, the graph's %s", safe,
            rd_shape_text(e->view.dim, e->view.ndim, found, sizeof(found)),
            rd_shape_text(like->dim, like->ndim, expected, sizeof(expected)));
    if (e->view.dtype != like->dtype && !(real && (like->dtype == RD_F32 || like->dtype == RD_F64)))
        return RD_FAIL(f->err, RD_E_INPUT, "tensor '%s' is %s, the graph's is %s", safe,
            rd_dtype_name(e->view.dtype), rd_dtype_name(like->dtype));
    st =
        rd_tensor_new(f->arena, e->view.dtype, e->view.dim, e->view.ndim, f->limits, &same, f->err);
    if (st)
        return st;
    memcpy(same->data, e->view.data, e->end - e->begin);
    *out = same;
    if (e->view.dtype == like->dtype)
        return RD_OK;
    st = rd_tensor_to_f32(same, 1, f->arena, &narrow, f->err);
    *out = narrow;
    if (st || like->dtype == RD_F32)
        return st;
    st = rd_tensor_new(f->arena, RD_F64, e->view.dim, e->view.ndim, f->limits, out, f->err);
    for (size_t i = 0, n = st ? 0 : rd_tensor_count(narrow); i < n; i++)
        ((double *)(*out)->data)[i] = (double)((const float *)narrow->data)[i];
    return st;
}

static rd_status put(struct file *f, const struct rd_graph *graph, struct rd_graph *copy,
    struct rd_weights_report *report)
{
    const char **names = RD_NEW_ARRAY(f->arena, const char *, graph->n_values + f->n + 1);

    if (!names)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the names");
    report->missing = names;
    report->unused = names + graph->n_values;
    for (size_t v = 0; v < graph->n_values; v++) {
        struct rd_graph_value *value = &copy->value[v];
        const struct rd_doc *d;
        struct rd_tensor *t;
        struct entry *e = f->entry;
        rd_status st;

        if (!value->weight || value->producer >= 0)
            continue;
        d = strcmp(value->name, "__metadata__") != 0 ? rd_doc_get(f->header, value->name) : NULL;
        if (!d) {
            report->missing[report->n_missing++] = value->name;
            continue;
        }
        /* Members of the header stand in the order of the entries, but for the metadata. */
        e += d - f->header->item;
        if (e == f->entry + f->n || e->doc != d)
            e--;
        st = convert(f, e, value->weight, &t);
        if (st)
            return st;
        value->weight = t;
        e->used = true;
        report->n_used++;
    }
    for (size_t i = 0; i < f->n; i++)
        if (!f->entry[i].used) {
            report->unused[report->n_unused] = rd_arena_strdup(f->arena, f->entry[i].doc->key);
            if (!report->unused[report->n_unused++])
                return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the names");
        }
    if (!report->n_used)
        return RD_FAIL(f->err, RD_E_INPUT,
            "none of its %zu tensors has the name of one of the graph's %zu initializers", f->n,
            report->n_missing);
    return RD_OK;
}

/* Written and read again: what was computed from the old weights is computed anew. */
static rd_status renew(struct file *f, const struct rd_graph *copy, struct rd_graph **graph_out)
{
    struct rd_buf text = { 0 };
    rd_status st = rd_graph_bytes(copy, &text, f->err);
    void *bytes = st ? NULL : rd_arena_alloc(f->arena, text.len, 1);

    if (!st && !bytes)
        st = RD_FAIL(f->err, RD_E_MEMORY, "no memory for the model");
    if (!st) {
        memcpy(bytes, text.text, text.len);
        st = rd_graph_parse(
            copy->path, NULL, bytes, text.len, f->limits, f->arena, graph_out, f->err);
    }
    rd_buf_release(&text);
    return st;
}

rd_status rd_graph_weights_parse(const struct rd_graph *graph, const char *name, const void *bytes,
    size_t size, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_graph **graph_out, struct rd_weights_report *report, struct rd_error *err)
{
    struct file f = { .limits = limits ? limits : &rd_limits_default, .arena = arena, .err = err };
    struct rd_weights_report none, *told = report ? report : &none;
    struct rd_graph copy = *graph;
    char safe[SHOWN];
    rd_status st;

    *told = (struct rd_weights_report){ 0 };
    f.own.limit = f.limits->memory_bytes;
    st = open(&f, bytes, size);
    if (!st) {
        copy.value = RD_NEW_ARRAY(arena, struct rd_graph_value, graph->n_values);
        if (!copy.value)
            st = RD_FAIL(err, RD_E_MEMORY, "no memory for the model");
    }
    if (!st) {
        memcpy(copy.value, graph->value, graph->n_values * sizeof(*copy.value));
        st = put(&f, graph, &copy, told);
    }
    if (!st)
        st = renew(&f, &copy, graph_out);
    rd_arena_release(&f.own);
    if (st)
        return RD_WRAP(
            err, st, "cannot take weights of '%s'", rd_text_safe_in(safe, sizeof(safe), name));
    return RD_OK;
}

rd_status rd_graph_weights_load(const struct rd_graph *graph, const char *path,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_graph **graph_out,
    struct rd_weights_report *report, struct rd_error *err)
{
    struct rd_bytes bytes;
    const rd_status st =
        rd_file_map(path, (limits ? limits : &rd_limits_default)->file_bytes, arena, &bytes, err);

    return st ? st
              : rd_graph_weights_parse(
                    graph, path, bytes.data, bytes.size, limits, arena, graph_out, report, err);
}
