/*
 * onnx_read.c - an ONNX file into a graph, in place; the file is taken for hostile.
 *
 * Order: model fields, the names of its functions, the graph with all below it (onnx_graph.c), then
 * shapes (shape.c). Fields that ONNX has and we do not compute with (documentation, metadata,
 * quantization annotations, training info) are stepped over; what would change the answer (sparse
 * tensors) is refused by name.
 *
 * Source: onnx.proto3 of onnx 1.23, IR version 14.
 */
#include "base/file.h"
#include "base/text.h"
#include "graph/foreign.h"
#include "graph/onnx_reading.h"

#include <string.h>

enum { IR_MIN = 3, IR_MAX = 14, SHOWN = RD_ONNX_SHOWN };

enum { /* ModelProto */
    M_IR = 1,
    M_PRODUCER = 2,
    M_GRAPH = 7,
    M_OPSET = 8
};

rd_status rd_onnx_import(struct rd_onnx *x, struct rd_span message, struct rd_graph_import *out)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span domain = { NULL, 0 };
    struct rd_pb_field f;
    char safe[SHOWN];
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == 1) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "the domain of an opset", x->err);
            domain = f.span;
        } else if (f.number == 2) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "the version of an opset", x->err);
            out->version = (int64_t)f.value;
        }
        if (st)
            return st;
    }
    if (!st)
        st = rd_onnx_text(x, domain, "the domain of an opset", &out->domain);
    if (st)
        return st;
    if (!strcmp(out->domain, "ai.onnx"))
        out->domain = "";
    if (out->version < 1 || out->version > RD_OPSET_MAX)
        return RD_FAIL(x->err, RD_E_INPUT, "opset version %lld of domain '%s' is outside 1..%d",
            (long long)out->version, rd_text_safe_in(safe, sizeof(safe), out->domain),
            RD_OPSET_MAX);
    return RD_OK;
}

static rd_status model(
    struct rd_onnx_model *m, struct rd_span message, struct rd_graph *g, struct rd_span *graph_out)
{
    struct rd_onnx *x = &m->x;
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_pb_field f;
    struct rd_span producer = { NULL, 0 };
    size_t n = 0;
    bool more, found = false, has_ir = false, versions = false;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number == M_IR) {
            st = rd_pb_want(&pb, &f, RD_PB_VARINT, "ir_version", x->err);
            g->ir_version = (int64_t)f.value;
            has_ir = true;
        } else if (f.number == M_PRODUCER) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "producer_name", x->err);
            producer = f.span;
        } else if (f.number == M_OPSET) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "opset_import", x->err);
            n++;
        }
        if (st)
            return st;
    }
    if (st)
        return st;
    if (!has_ir)
        return RD_FAIL(x->err, RD_E_INPUT, "it has no ir_version: this is no ONNX model");
    if (g->ir_version < IR_MIN || g->ir_version > IR_MAX)
        return RD_FAIL(x->err, RD_E_INPUT, "IR version %lld is outside %d..%d, which are supported",
            (long long)g->ir_version, IR_MIN, IR_MAX);
    if (!n)
        return RD_FAIL(x->err, RD_E_INPUT, "it imports no opset");
    st = rd_onnx_text(x, producer, "producer_name", &g->producer_name);
    if (!st)
        st = rd_pb_message(
            message, x->base, M_GRAPH, "the graph", x->arena, graph_out, &found, x->err);
    if (!st && !found)
        st = RD_FAIL(x->err, RD_E_INPUT, "it has no graph");
    if (st)
        return st;
    pb = rd_pb_open(message, x->base);
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        struct rd_graph_import *last;

        if (f.number != M_OPSET)
            continue;
        st = rd_onnx_grow(x, &m->import, m->n_imports, &m->room_imports, sizeof(*m->import));
        if (!st)
            st = rd_onnx_import(x, f.span, &m->import[m->n_imports]);
        if (st)
            return st;
        last = &m->import[m->n_imports];
        for (size_t i = 0; i < m->n_imports; i++)
            if (!strcmp(m->import[i].domain, last->domain) && m->import[i].version != last->version)
                return RD_FAIL(x->err, RD_E_INPUT,
                    "domain '%s' is imported at versions %lld and %lld",
                    last->domain[0] ? "(imported)" : "ai.onnx", (long long)m->import[i].version,
                    (long long)last->version);
        if (!last->domain[0])
            g->opset = last->version;
        versions = versions || !strcmp(last->domain, "redoubt.version"); /* of onnx_write.c */
        if (++m->n_imports > 64 + (size_t)versions)
            return RD_FAIL(x->err, RD_E_LIMIT, "it imports more than 64 opsets");
    }
    return st ? st : rd_onnx_functions(m, message);
}

/* The graph, then what is known of its values. */
static rd_status graph(struct rd_onnx_model *m, struct rd_graph *g, struct rd_span span)
{
    struct rd_onnx_reading r = { .m = m, .x = &m->x, .g = g, .graph = span };
    struct rd_graph_value *declared;
    rd_status st = rd_onnx_graph(&r, &declared);

    if (st)
        return st;
    g->import = m->import; /* complete now: functions have added theirs */
    g->n_imports = m->n_imports;
    g->file_bytes = m->x.file_bytes;
    st = rd_graph_infer(g, m->x.limits, m->x.arena, m->x.err);
    if (!st)
        st = rd_graph_choose(g, m->x.limits, m->x.arena, m->x.err);
    for (size_t i = 0; i < g->n_outputs && !st; i++) { /* declared sizes are only hints */
        struct rd_graph_value *v = &g->value[g->output[i]];

        for (int d = 0; d < v->ndim && v->ndim == declared[i].ndim; d++)
            if (v->dim[d] == -1 && !v->dim_name[d])
                v->dim_name[d] = declared[i].dim_name[d];
        if (!v->item && v->dtype == declared[i].dtype) {
            v->item = declared[i].item;
            v->key = declared[i].key;
        }
    }
    return st;
}

rd_status rd_graph_parse(const char *name, const char *folder, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_graph **graph_out,
    struct rd_error *err)
{
    struct rd_onnx_model m = { .x = { .name = name,
                                   .folder = folder,
                                   .base = bytes,
                                   .arena = arena,
                                   .limits = limits ? limits : &rd_limits_default,
                                   .used_before = arena->used,
                                   .file_bytes = size,
                                   .err = err } };
    struct rd_graph *g;
    struct rd_span span = { NULL, 0 };
    char safe[SHOWN];
    bool foreign = false;
    rd_status st = RD_OK;

    if (size)
        st = rd_foreign_parse(name, bytes, size, m.x.limits, arena, &foreign, graph_out, err);
    if (st)
        return RD_WRAP(
            err, st, "cannot read the model '%s'", rd_text_safe_in(safe, sizeof(safe), name));
    if (foreign)
        return RD_OK;
    g = rd_onnx_alloc(&m.x, 1, sizeof(*g), &st);
    if (!st) {
        g->path = rd_arena_strdup(arena, name);
        g->producer_name = "";
        g->name = "";
        if (!g->path)
            st = RD_FAIL(err, RD_E_MEMORY, "no memory to read a model");
    }
    if (!st && !size)
        st = RD_FAIL(err, RD_E_INPUT, "the file is empty");
    if (!st)
        st = model(&m, (struct rd_span){ bytes, size }, g, &span);
    if (!st)
        st = graph(&m, g, span);
    if (st)
        return RD_WRAP(
            err, st, "cannot read the model '%s'", rd_text_safe_in(safe, sizeof(safe), name));
    *graph_out = g;
    return RD_OK;
}

rd_status rd_graph_load(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_graph **graph_out, struct rd_error *err)
{
    const struct rd_limits *l = limits ? limits : &rd_limits_default;
    struct rd_bytes bytes;
    char *folder = rd_path_dir(arena, path);
    rd_status st;

    if (!folder)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to read '%s'", path);
    st = rd_file_map(path, l->file_bytes, arena, &bytes, err);
    if (st)
        return st;
    return rd_graph_parse(path, folder, bytes.data, bytes.size, l, arena, graph_out, err);
}
