/*
 * onnx_write.c - a graph as ONNX bytes: the same graph gives the same bytes.
 *
 * Canonical means: fields in the order below, nodes in running order, repeated scalars unpacked (as
 * ONNX's own tools write them), every tensor in raw_data (little endian), no documentation, no
 * metadata, no intermediate shapes. The IR version is at least 4, since weights are not listed
 * among the inputs. Functions have been expanded; what a subgraph takes from around it is found by
 * name again. A node of a function that imports another version of its domain than the model does
 * becomes a function of its own, without a name, so that it keeps its version.
 */
#include "base/digest.h"
#include "base/file.h"
#include "graph/graph.h"
#include "graph/pb.h"
#include "tensor/boxed.h"
#include "tensor/small.h"

#include <stdio.h>
#include <string.h>

enum {
    IR_LEAST = 4,
    IR_FUNCTIONS = 8,
    MESSAGE_MOST = 2147483647
}; /* other readers stop at 2 GiB */

static void put_tensor(
    struct rd_buf *b, uint32_t field, const char *name, const struct rd_tensor *t)
{
    struct rd_buf head = { 0 };
    const int bits = rd_small_bits(t->dtype);
    const size_t n = rd_tensor_count(t);
    const size_t bytes = bits ? rd_small_packed(t->dtype, n) : rd_tensor_bytes(t);

    for (int i = 0; i < t->ndim; i++)
        rd_pb_put_int(&head, 1, t->dim[i]);
    rd_pb_put_int(&head, 2, (int64_t)t->dtype);
    if (t->dtype == RD_STRING)
        for (size_t i = 0; i < n; i++)
            rd_pb_put_text(&head, 6, ((const char *const *)t->data)[i]);
    if (name[0])
        rd_pb_put_text(&head, 8, name);
    if (t->dtype == RD_STRING) {
        rd_pb_put_bytes(b, field, rd_buf_text(&head), head.len);
    } else {
        rd_pb_put_head(&head, 9, bytes);
        rd_pb_put_head(b, field, head.len + bytes);
        rd_buf_put(b, rd_buf_text(&head), head.len);
        if (bits % 8 == 0)
            rd_buf_put(b, t->data, bytes);
        for (size_t i = 0; bits % 8 && i < bytes; i++) { /* several elements a byte */
            const size_t each = 8 / (size_t)bits, left = n - i * each;
            uint8_t packed;

            rd_small_pack(
                t->dtype, (const uint8_t *)t->data + i * each, &packed, left < each ? left : each);
            rd_buf_put(b, (const char *)&packed, 1);
        }
    }
    b->failed = b->failed || head.failed;
    rd_buf_release(&head);
}

/* TypeProto. */
static void put_type(struct rd_buf *b, uint32_t field, const struct rd_type *t)
{
    static const struct {
        enum rd_dtype dtype;
        uint32_t kind, item;
    } kinds[] = { { RD_SEQUENCE, 4, 1 }, { RD_OPTIONAL, 9, 1 }, { RD_MAP, 5, 2 } };
    struct rd_buf type = { 0 }, body = { 0 }, shape = { 0 }, dim = { 0 };
    uint32_t kind = 1;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (t->dtype != kinds[i].dtype)
            continue;
        kind = kinds[i].kind;
        if (t->dtype == RD_MAP && t->key) /* an unknown one is left out, as it was */
            rd_pb_put_int(&body, 1, (int64_t)t->key);
        if (t->item)
            put_type(&body, kinds[i].item, t->item);
    }
    if (kind == 1) {
        rd_pb_put_int(&body, 1, (int64_t)t->dtype);
        for (int i = 0; i < t->ndim; i++) {
            if (t->dim[i] >= 0)
                rd_pb_put_int(&dim, 1, t->dim[i]);
            rd_pb_put_bytes(&shape, 1, rd_buf_text(&dim), dim.len);
            dim.len = 0;
        }
        if (t->ndim >= 0)
            rd_pb_put_bytes(&body, 2, rd_buf_text(&shape), shape.len);
    }
    rd_pb_put_bytes(&type, kind, rd_buf_text(&body), body.len);
    rd_pb_put_bytes(b, field, rd_buf_text(&type), type.len);
    b->failed = b->failed || type.failed || body.failed || shape.failed || dim.failed;
    rd_buf_release(&dim);
    rd_buf_release(&shape);
    rd_buf_release(&body);
    rd_buf_release(&type);
}

struct versions;
static void put_graph(struct rd_buf *b, const struct rd_graph *g, bool inner, struct versions *own);

static void put_subgraph(
    struct rd_buf *b, uint32_t field, const struct rd_graph *g, struct versions *own)
{
    struct rd_buf m = { .limit = MESSAGE_MOST };

    put_graph(&m, g, true, own); /* the reader has bounded how deep they nest */
    rd_pb_put_bytes(b, field, rd_buf_text(&m), m.len);
    b->failed = b->failed || m.failed;
    rd_buf_release(&m);
}

static void put_attr(struct rd_buf *b, const struct rd_attr *a, struct versions *own)
{
    struct rd_buf m = { 0 };

    rd_pb_put_text(&m, 1, a->name);
    switch (a->type) {
    case RD_ATTR_FLOAT:
        rd_pb_put_float(&m, 2, a->f);
        break;
    case RD_ATTR_INT:
        rd_pb_put_int(&m, 3, a->i);
        break;
    case RD_ATTR_STRING:
        rd_pb_put_bytes(&m, 4, a->s, a->s_len);
        break;
    case RD_ATTR_TENSOR:
        put_tensor(&m, 5, "", a->tensor);
        break;
    case RD_ATTR_FLOATS:
        for (size_t i = 0; i < a->n; i++)
            rd_pb_put_float(&m, 7, a->floats[i]);
        break;
    case RD_ATTR_INTS:
        for (size_t i = 0; i < a->n; i++)
            rd_pb_put_int(&m, 8, a->ints[i]);
        break;
    case RD_ATTR_STRINGS:
        for (size_t i = 0; i < a->n; i++)
            rd_pb_put_bytes(&m, 9, a->strings[i], a->strings_len[i]);
        break;
    case RD_ATTR_TENSORS:
        for (size_t i = 0; i < a->n; i++)
            put_tensor(&m, 10, "", a->tensors[i]);
        break;
    case RD_ATTR_GRAPH:
        put_subgraph(&m, 6, a->graphs[0], own);
        break;
    case RD_ATTR_GRAPHS:
        for (size_t i = 0; i < a->n; i++)
            put_subgraph(&m, 11, a->graphs[i], own);
        break;
    case RD_ATTR_TYPE:
        put_type(&m, 14, a->kind);
        break;
    }
    rd_pb_put_int(&m, 20, (int64_t)a->type);
    rd_pb_put_bytes(b, 5, rd_buf_text(&m), m.len);
    b->failed = b->failed || m.failed;
    rd_buf_release(&m);
}

/* Nodes that need a version of their own, as functions. */
struct versions {
    const struct rd_graph *model;
    struct rd_buf functions;
    size_t n;
};
static const char *const VERSIONS = "redoubt.version"; /* the domain of those functions */

static const char *name_of(const struct rd_graph *g, int v)
{
    return v < 0 ? "" : g->value[v].name;
}

/* Does the node keep its version without further ado? A node with subgraphs does not move, since
 * these take names from around it. */
static bool imported(const struct rd_graph *model, const struct rd_graph_node *n)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attr[i].graphs)
            return true;
    for (size_t i = 0; i < model->n_imports; i++)
        if (!strcmp(model->import[i].domain, n->domain))
            return model->import[i].version == n->opset;
    return true;
}

static void put_opset(struct rd_buf *b, uint32_t field, const char *domain, int64_t version)
{
    struct rd_buf opset = { 0 };

    if (domain[0])
        rd_pb_put_text(&opset, 1, domain);
    rd_pb_put_int(&opset, 2, version);
    rd_pb_put_bytes(b, field, rd_buf_text(&opset), opset.len);
    b->failed = b->failed || opset.failed;
    rd_buf_release(&opset);
}

static void put_node(struct rd_buf *b, const struct rd_graph *g, const struct rd_graph_node *n,
    struct versions *own);

/* The function around node n, and the call of it. Formal names are i0, o0 and so on; what is left
 * out stays so inside and does not appear outside. */
static void put_versioned(
    struct rd_buf *b, const struct rd_graph *g, const struct rd_graph_node *n, struct versions *own)
{
    struct rd_buf fn = { 0 }, call = { 0 }, inner = { 0 };
    char text[40];

    (void)snprintf(text, sizeof(text), "f%zu", own->n++);
    rd_pb_put_text(&fn, 1, text);
    for (int i = 0; i < n->n_inputs; i++) {
        char formal[24];

        (void)snprintf(formal, sizeof(formal), "i%d", i);
        rd_pb_put_text(&inner, 1, n->input[i] < 0 ? "" : formal);
        if (n->input[i] < 0)
            continue;
        rd_pb_put_text(&call, 1, name_of(g, n->input[i]));
        rd_pb_put_text(&fn, 4, formal);
    }
    for (int i = 0; i < n->n_outputs; i++) {
        char formal[24];

        (void)snprintf(formal, sizeof(formal), "o%d", i);
        rd_pb_put_text(&inner, 2, n->output[i] < 0 ? "" : formal);
        if (n->output[i] < 0)
            continue;
        rd_pb_put_text(&call, 2, name_of(g, n->output[i]));
        rd_pb_put_text(&fn, 5, formal);
    }
    rd_pb_put_text(&call, 4, text);
    rd_pb_put_text(&call, 7, VERSIONS);
    rd_pb_put_bytes(b, 1, rd_buf_text(&call), call.len);
    rd_pb_put_text(&inner, 4, n->op);
    for (size_t i = 0; i < n->n_attrs; i++)
        put_attr(&inner, &n->attr[i], own);
    if (n->domain[0])
        rd_pb_put_text(&inner, 7, n->domain);
    rd_pb_put_bytes(&fn, 7, rd_buf_text(&inner), inner.len);
    put_opset(&fn, 9, n->domain, n->opset);
    rd_pb_put_text(&fn, 10, VERSIONS);
    rd_pb_put_bytes(&own->functions, 25, rd_buf_text(&fn), fn.len);
    b->failed = b->failed || fn.failed || call.failed || inner.failed;
    rd_buf_release(&inner);
    rd_buf_release(&call);
    rd_buf_release(&fn);
}

static void put_node(
    struct rd_buf *b, const struct rd_graph *g, const struct rd_graph_node *n, struct versions *own)
{
    struct rd_buf m = { 0 };

    if (!imported(own->model, n)) {
        put_versioned(b, g, n, own);
        return;
    }
    for (int i = 0; i < n->n_inputs - n->n_captures; i++)
        rd_pb_put_text(&m, 1, name_of(g, n->input[i]));
    for (int i = 0; i < n->n_outputs; i++)
        rd_pb_put_text(&m, 2, name_of(g, n->output[i]));
    if (n->name[0])
        rd_pb_put_text(&m, 3, n->name);
    rd_pb_put_text(&m, 4, n->op);
    for (size_t i = 0; i < n->n_attrs; i++)
        put_attr(&m, &n->attr[i], own);
    if (n->domain[0])
        rd_pb_put_text(&m, 7, n->domain);
    rd_pb_put_bytes(b, 1, rd_buf_text(&m), m.len);
    b->failed = b->failed || m.failed;
    rd_buf_release(&m);
}

/* ValueInfoProto: name, element type, shape with the names of free dims. */
static void put_value(struct rd_buf *b, uint32_t field, const struct rd_graph_value *v)
{
    struct rd_buf info = { 0 }, type = { 0 }, tensor = { 0 }, shape = { 0 }, dim = { 0 };

    if (rd_dtype_is_boxed(v->dtype)) {
        rd_pb_put_text(&info, 1, v->name);
        put_type(&info, 2, &(struct rd_type){ v->dtype, v->key, v->item, 0, { 0 } });
        rd_pb_put_bytes(b, field, rd_buf_text(&info), info.len);
        b->failed = b->failed || info.failed;
        rd_buf_release(&info);
        return;
    }
    for (int i = 0; i < v->ndim; i++) {
        if (v->dim[i] >= 0)
            rd_pb_put_int(&dim, 1, v->dim[i]);
        else if (v->dim_name[i])
            rd_pb_put_text(&dim, 2, v->dim_name[i]);
        rd_pb_put_bytes(&shape, 1, rd_buf_text(&dim), dim.len);
        dim.len = 0;
    }
    rd_pb_put_int(&tensor, 1, (int64_t)v->dtype);
    if (v->ndim >= 0)
        rd_pb_put_bytes(&tensor, 2, rd_buf_text(&shape), shape.len);
    rd_pb_put_bytes(&type, 1, rd_buf_text(&tensor), tensor.len);
    rd_pb_put_text(&info, 1, v->name);
    if (v->dtype || v->ndim >= 0)
        rd_pb_put_bytes(&info, 2, rd_buf_text(&type), type.len);
    rd_pb_put_bytes(b, field, rd_buf_text(&info), info.len);
    b->failed =
        b->failed || info.failed || type.failed || tensor.failed || shape.failed || dim.failed;
    rd_buf_release(&dim);
    rd_buf_release(&shape);
    rd_buf_release(&tensor);
    rd_buf_release(&type);
    rd_buf_release(&info);
}

/* inner: a subgraph; its last inputs are what it takes, and shapes that were inferred are not
 * written, for they hold where it is run. */
static void put_graph(struct rd_buf *b, const struct rd_graph *g, bool inner, struct versions *own)
{
    const size_t n_inputs = g->n_inputs - g->n_captures;

    for (size_t i = 0; i < g->n_nodes; i++)
        put_node(b, g, &g->node[i], own);
    rd_pb_put_text(b, 2, g->name[0] ? g->name : "graph"); /* ONNX wants a name */
    for (size_t v = 0; v < g->n_values; v++)
        if (g->value[v].weight && g->value[v].producer < 0 && !g->value[v].taken)
            put_tensor(b, 5, g->value[v].name, g->value[v].weight);
    for (size_t i = 0; i < n_inputs + g->n_outputs; i++) {
        struct rd_graph_value v = g->value[i < n_inputs ? g->input[i] : g->output[i - n_inputs]];

        if (inner)
            v.ndim = rd_dtype_is_boxed(v.dtype) ? 0 : -1;
        put_value(b, i < n_inputs ? 11 : 12, &v);
    }
}

rd_status rd_graph_bytes(const struct rd_graph *graph, struct rd_buf *out, struct rd_error *err)
{
    struct rd_buf g = { .limit = MESSAGE_MOST };
    struct versions own = { .model = graph, .functions = { .limit = MESSAGE_MOST } };
    bool has_versions = false;
    int64_t least;
    size_t weights = 0;
    bool failed;

    for (size_t v = 0; v < graph->n_values; v++)
        if (graph->value[v].weight && graph->value[v].producer < 0)
            weights += rd_tensor_bytes(graph->value[v].weight);
    if (weights > MESSAGE_MOST)
        return RD_FAIL(
            err, RD_E_LIMIT, "%zu bytes of weights do not fit an ONNX file (2 GiB)", weights);
    put_graph(&g, graph, false, &own);
    least = own.n ? IR_FUNCTIONS : IR_LEAST;
    rd_pb_put_int(out, 1, graph->ir_version < least ? least : graph->ir_version);
    rd_pb_put_text(out, 2, graph->producer_name);
    rd_pb_put_bytes(out, 7, rd_buf_text(&g), g.len);
    for (size_t i = 0; i < graph->n_imports; i++) {
        put_opset(out, 8, graph->import[i].domain, graph->import[i].version);
        has_versions = has_versions || !strcmp(graph->import[i].domain, VERSIONS);
    }
    if (own.n && !has_versions)
        put_opset(out, 8, VERSIONS, 1);
    if (own.functions.len)
        rd_buf_put(out, rd_buf_text(&own.functions), own.functions.len);
    failed = g.failed || own.functions.failed || out->failed;
    rd_buf_release(&g);
    rd_buf_release(&own.functions);
    return failed ? RD_FAIL(err, RD_E_MEMORY, "no memory to write the model") : RD_OK;
}

rd_status rd_graph_save(const struct rd_graph *graph, const char *path, struct rd_error *err)
{
    struct rd_buf b = { 0 };
    rd_status st = rd_graph_bytes(graph, &b, err);

    if (!st)
        st = rd_file_write(path, rd_buf_text(&b), b.len, 0644, err);
    rd_buf_release(&b);
    return st;
}

rd_status rd_graph_digest(const struct rd_graph *graph, char hex_out[65], struct rd_error *err)
{
    struct rd_buf b = { 0 };
    rd_status st = rd_graph_bytes(graph, &b, err);

    if (!st)
        st = rd_digest_bytes(rd_buf_text(&b), b.len, hex_out, err);
    rd_buf_release(&b);
    return st;
}
