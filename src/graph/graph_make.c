/* graph_make.c - graphs of one's own: copies, fresh weights, plain chains of layers. */
#include "base/rng.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "graph/pb.h"
#include "graph/plan_impl.h"
#include "tensor/boxed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static rd_status no_memory(struct rd_error *err)
{
    return RD_FAIL(err, RD_E_MEMORY, "no memory to copy the model");
}

/* --- copies --- */

struct copying {
    struct rd_arena *arena;
    struct rd_error *err;
    bool failed;  /* memory ran out somewhere: asked once at the end */
    rd_status st; /* of the first row that could not be prepared */
};

static void *block(struct copying *k, const void *from, size_t n, size_t size)
{
    void *to = rd_arena_alloc(k->arena, n, size);

    if (!to)
        k->failed = true;
    else if (n && from)
        memcpy(to, from, n * size);
    return to;
}

static const char *text(struct copying *k, const char *from)
{
    char *to = from ? rd_arena_strdup(k->arena, from) : NULL;

    k->failed = k->failed || (from && !to);
    return to;
}

static struct rd_tensor *tensor(struct copying *k, const struct rd_tensor *from)
{
    struct rd_tensor *to = rd_tensor_copy(k->arena, from);

    k->failed = k->failed || !to;
    return to;
}

static const struct rd_type *type(struct copying *k, const struct rd_type *from)
{
    struct rd_type *to = from ? block(k, from, 1, sizeof(*to)) : NULL;

    if (to)
        to->item = type(k, to->item);
    return to;
}

static struct rd_graph *whole(struct copying *k, const struct rd_graph *graph);

static void attr(struct copying *k, struct rd_attr *a)
{
    struct rd_tensor **tensors;
    struct rd_graph **graphs;
    const char **strings;

    a->name = text(k, a->name);
    if (a->type == RD_ATTR_STRING)
        a->s = block(k, a->s, a->s_len, 1);
    if (a->tensor)
        a->tensor = tensor(k, a->tensor);
    if (a->floats)
        a->floats = block(k, a->floats, a->n, sizeof(*a->floats));
    a->kind = type(k, a->kind);
    if (a->tensors) {
        a->tensors = tensors = block(k, a->tensors, a->n, sizeof(*tensors));
        for (size_t i = 0; tensors && i < a->n; i++)
            tensors[i] = tensor(k, tensors[i]);
    }
    if (a->graphs) {
        a->graphs = graphs = block(k, a->graphs, a->n, sizeof(*graphs));
        for (size_t i = 0; graphs && i < a->n; i++)
            graphs[i] = whole(k, graphs[i]); /* the reader has bounded how deep they nest */
    }
    if (a->ints)
        a->ints = block(k, a->ints, a->n, sizeof(*a->ints));
    if (!a->strings)
        return;
    strings = block(k, a->strings, a->n, sizeof(*strings));
    a->strings_len = block(k, a->strings_len, a->n, sizeof(*a->strings_len));
    for (size_t i = 0; strings && a->strings_len && i < a->n; i++)
        strings[i] = block(k, strings[i], a->strings_len[i], 1);
    a->strings = strings;
}

static void node(struct copying *k, struct rd_graph_node *n)
{
    struct rd_attr *attrs;

    n->name = text(k, n->name);
    n->op = text(k, n->op);
    n->domain = text(k, n->domain);
    n->input = block(k, n->input, (size_t)n->n_inputs, sizeof(*n->input));
    n->output = block(k, n->output, (size_t)n->n_outputs, sizeof(*n->output));
    attrs = block(k, n->attr, n->n_attrs, sizeof(*attrs));
    for (size_t i = 0; attrs && i < n->n_attrs; i++)
        attr(k, &attrs[i]);
    n->attr = attrs;
    n->prepared = NULL; /* it points into the other graph's arena: made anew */
}

static struct rd_graph *whole(struct copying *k, const struct rd_graph *graph)
{
    struct rd_graph *g = block(k, graph, 1, sizeof(*g));
    struct rd_graph_import *imports;

    if (!g)
        return NULL;
    g->path = text(k, graph->path);
    g->name = text(k, graph->name);
    g->producer_name = text(k, graph->producer_name);
    imports = block(k, graph->import, graph->n_imports, sizeof(*imports));
    for (size_t i = 0; imports && i < graph->n_imports; i++)
        imports[i].domain = text(k, imports[i].domain);
    g->import = imports;
    g->value = block(k, graph->value, graph->n_values, sizeof(*g->value));
    g->node = block(k, graph->node, graph->n_nodes, sizeof(*g->node));
    g->input = block(k, graph->input, graph->n_inputs, sizeof(*g->input));
    g->output = block(k, graph->output, graph->n_outputs, sizeof(*g->output));
    if (graph->capture)
        g->capture = block(k, graph->capture, graph->n_captures, sizeof(*g->capture));
    for (size_t v = 0; g->value && v < g->n_values; v++) {
        struct rd_graph_value *value = &g->value[v];

        value->name = text(k, value->name);
        for (int d = 0; d < RD_MAX_DIMS; d++)
            value->dim_name[d] = text(k, value->dim_name[d]);
        value->item = type(k, value->item);
        if (value->weight)
            value->weight = tensor(k, value->weight);
    }
    for (size_t i = 0; g->node && i < g->n_nodes; i++)
        node(k, &g->node[i]);
    g->own_weights = true;
    for (size_t i = 0; i < g->n_nodes && !k->failed && !k->st; i++)
        k->st = rd_op_prepare(&g->node[i], k->arena, k->err);
    return g;
}

rd_status rd_graph_copy(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **copy_out, struct rd_error *err)
{
    struct copying k = { .arena = arena, .err = err };
    struct rd_graph *g = whole(&k, graph);

    if (k.failed)
        return no_memory(err);
    if (k.st)
        return k.st;
    *copy_out = g;
    return RD_OK;
}

/* --- fresh weights --- */

/* The weight behind input k of a node, when training may change it. */
static struct rd_tensor *weight(
    const struct rd_graph *g, const struct rd_graph_node *n, int k, int *value_out)
{
    const int v = k < n->n_inputs ? n->input[k] : -1;

    if (v < 0 || !g->value[v].weight || g->value[v].producer >= 0 || g->value[v].dtype != RD_F32)
        return NULL;
    *value_out = v;
    return (struct rd_tensor *)(uintptr_t)g->value[v].weight; /* own_weights says that it is ours */
}

static void uniform(struct rd_tensor *t, double bound, uint64_t seed, int value)
{
    struct rd_rng rng = rd_rng_stream(seed, "graph/init", (uint64_t)value);
    float *p = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        p[i] = (float)((2 * rd_rng_unit(&rng) - 1) * bound);
}

static void fill(struct rd_tensor *t, float v)
{
    float *p = t->data;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        p[i] = v;
}

/* How many inputs feed one output of a layer. */
static size_t fan_in(const struct rd_graph_node *n, const struct rd_tensor *w)
{
    size_t fan = 1;

    if (!strcmp(n->op, "Conv")) {
        for (int i = 1; i < w->ndim; i++)
            fan *= (size_t)w->dim[i];
        return fan;
    }
    if (!strcmp(n->op, "Gemm"))
        return (size_t)w->dim[rd_op_int(n, "transB", 0) != 0];
    return w->ndim >= 2 ? (size_t)w->dim[w->ndim - 2] : 1;
}

/* The bias that an Add behind a MatMul holds; NULL: none. */
static struct rd_tensor *added_bias(
    const struct rd_graph *g, const struct rd_graph_node *matmul, int64_t units, int *value_out)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *n = &g->node[i];

        for (int k = 0; k < 2 && !strcmp(n->op, "Add") && n->n_inputs == 2; k++) {
            struct rd_tensor *t =
                n->input[k] == matmul->output[0] ? weight(g, n, 1 - k, value_out) : NULL;

            if (t && t->ndim == 1 && t->dim[0] == units)
                return t;
        }
    }
    return NULL;
}

/*
 * What training may change beside products: scales of normalization 1, their shifts 0 (as
 * frameworks do), slopes of PRelu 0.25, tables of words of unit variance (PyTorch's Embedding),
 * factors 1, and what is added (places, class tokens) within 0.02, as BERT has it.
 */
static void init_other(struct rd_graph *graph, const struct rd_graph_node *n, int k, uint64_t seed)
{
    const int other = n->n_inputs == 2 ? n->input[1 - k] : -1;
    const int producer = other < 0 ? -1 : graph->value[other].producer;
    int value = 0;
    struct rd_tensor *w = weight(graph, n, k, &value);

    if (!w)
        return;
    if (!strcmp(n->op, "LayerNormalization") || !strcmp(n->op, "InstanceNormalization"))
        fill(w, k == 1 ? 1 : 0);
    else if (!strcmp(n->op, "PRelu"))
        fill(w, 0.25f);
    else if (!strcmp(n->op, "Gather"))
        uniform(w, sqrt(3), seed, value);
    else if (!strcmp(n->op, "Mul") || !strcmp(n->op, "Div") || !strcmp(n->op, "Pow"))
        fill(w, 1);
    else if (strcmp(n->op, "Add") || producer < 0 || strcmp(graph->node[producer].op, "MatMul"))
        uniform(w, 0.02, seed, value); /* a bias behind MatMul has been done with its kernel */
}

rd_status rd_graph_init_weights(struct rd_graph *graph, uint64_t seed, struct rd_error *err)
{
    size_t layers = 0;

    if (!graph->own_weights)
        return RD_FAIL(err, RD_E_USAGE,
            "the weights of '%s' are read in place: copy the graph first", graph->path);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *n = &graph->node[i];
        const bool product = !strcmp(n->op, "MatMul"),
                   batch_norm = !strcmp(n->op, "BatchNormalization");
        struct rd_tensor *w, *b;
        int value = 0, bias_value = 0;

        if (batch_norm) {
            static const float start[] = { 1, 0, 0, 1 }; /* scale, bias, mean, var */

            for (int k = 1; k < 5; k++)
                if ((w = weight(graph, n, k, &value)))
                    fill(w, start[k - 1]);
            continue;
        }
        if (!product && strcmp(n->op, "Conv") && strcmp(n->op, "Gemm")) {
            for (int k = 0; k < n->n_inputs; k++)
                if (plan_trainable(graph, n, k))
                    init_other(graph, n, k, seed);
            continue;
        }
        w = weight(graph, n, 1, &value);
        if (!w || w->ndim < 2)
            continue;
        /* Kaiming-uniform with a = sqrt(5), PyTorch's default, is uniform within 1 / sqrt(fan in);
         * so is the bias. */
        {
            const size_t fan = fan_in(n, w);
            const double bound = fan ? 1 / sqrt((double)fan) : 0;

            uniform(w, bound, seed, value);
            b = product ? added_bias(graph, n, w->dim[w->ndim - 1], &bias_value)
                        : weight(graph, n, 2, &bias_value);
            if (b)
                uniform(b, bound, seed, bias_value);
        }
        layers++;
    }
    if (!layers)
        return RD_FAIL(err, RD_E_INPUT, "'%s' has no layer with weights: there is nothing to train",
            graph->path);
    return RD_OK;
}

/* --- chains of layers --- */

enum { BUILD_IR = 8, BUILD_OPSET = 13, NAME = 40 };

struct building {
    struct rd_buf graph;
    int64_t dim[RD_MAX_DIMS]; /* of one example so far */
    int ndim;
    char last[NAME]; /* the value the next layer takes */
    struct rd_error *err;
};

static void put_ints(struct rd_buf *node_out, const char *name, const int64_t *v, int n)
{
    struct rd_buf a = { 0 };

    rd_pb_put_text(&a, 1, name);
    for (int i = 0; i < n; i++)
        rd_pb_put_int(&a, 8, v[i]);
    rd_pb_put_int(&a, 20, RD_ATTR_INTS);
    rd_pb_put_bytes(node_out, 5, rd_buf_text(&a), a.len);
    node_out->failed = node_out->failed || a.failed;
    rd_buf_release(&a);
}

static void put_int(struct rd_buf *node_out, const char *name, int64_t v)
{
    struct rd_buf a = { 0 };

    rd_pb_put_text(&a, 1, name);
    rd_pb_put_int(&a, 3, v);
    rd_pb_put_int(&a, 20, RD_ATTR_INT);
    rd_pb_put_bytes(node_out, 5, rd_buf_text(&a), a.len);
    node_out->failed = node_out->failed || a.failed;
    rd_buf_release(&a);
}

/* A float32 initializer of zeros. */
static void put_zeros(struct building *b, const char *name, const int64_t *dim, int n)
{
    static const char zero[4096];
    struct rd_buf t = { 0 };
    size_t bytes = sizeof(float);

    for (int i = 0; i < n; i++) {
        rd_pb_put_int(&t, 1, dim[i]);
        if (__builtin_mul_overflow(bytes, (size_t)dim[i], &bytes) || bytes > (size_t)1 << 30) {
            b->graph.failed = true;
            bytes = 0;
        }
    }
    rd_pb_put_int(&t, 2, RD_F32);
    rd_pb_put_text(&t, 8, name);
    rd_pb_put_head(&t, 9, bytes);
    for (size_t left = bytes; left;) {
        const size_t part = left < sizeof(zero) ? left : sizeof(zero);

        rd_buf_put(&t, zero, part);
        left -= part;
    }
    rd_pb_put_bytes(&b->graph, 5, rd_buf_text(&t), t.len);
    b->graph.failed = b->graph.failed || t.failed;
    rd_buf_release(&t);
}

static rd_status square(
    struct building *b, const struct rd_graph_spec *l, const char *what, struct rd_buf *node_out)
{
    const int64_t kernel[2] = { l->kernel, l->kernel },
                  stride[2] = { l->stride ? l->stride : 1, l->stride ? l->stride : 1 };
    const int64_t pads[4] = { l->pad, l->pad, l->pad, l->pad };

    if (b->ndim != 3 || l->kernel < 1 || l->stride < 0 || l->pad < 0)
        return RD_FAIL(b->err, RD_E_USAGE, "%s needs (channels, height, width) and a kernel", what);
    put_ints(node_out, "kernel_shape", kernel, 2);
    put_ints(node_out, "strides", stride, 2);
    put_ints(node_out, "pads", pads, 4);
    for (int i = 1; i < 3; i++) {
        const int64_t room = b->dim[i] + 2 * l->pad - l->kernel;

        if (room < 0)
            return RD_FAIL(b->err, RD_E_USAGE, "%s: a kernel of %d does not fit %lld pixels", what,
                l->kernel, (long long)b->dim[i]);
        b->dim[i] = room / stride[0] + 1;
    }
    return RD_OK;
}

static rd_status layer(struct building *b, const struct rd_graph_spec *l, int index)
{
    static const char *const op[] = { "", "Conv", "Relu", "MaxPool", "Flatten", "Gemm" };
    struct rd_buf n = { 0 };
    char out[NAME], w[NAME], bias[NAME];
    int64_t size = 1, dim[4];
    rd_status st = RD_OK;

    (void)snprintf(out, sizeof(out), "%s_%d", op[l->kind], index);
    (void)snprintf(w, sizeof(w), "layer%d.weight", index);
    (void)snprintf(bias, sizeof(bias), "layer%d.bias", index);
    rd_pb_put_text(&n, 1, b->last);
    if (l->kind == RD_LAYER_CONV || l->kind == RD_LAYER_DENSE) {
        rd_pb_put_text(&n, 1, w);
        rd_pb_put_text(&n, 1, bias);
        if (l->out < 1)
            st = RD_FAIL(b->err, RD_E_USAGE, "layer %d has no outputs", index);
    }
    rd_pb_put_text(&n, 2, out);
    rd_pb_put_text(&n, 3, out);
    rd_pb_put_text(&n, 4, op[l->kind]);
    switch (l->kind) {
    case RD_LAYER_CONV:
        dim[0] = l->out;
        dim[1] = b->dim[0];
        dim[2] = dim[3] = l->kernel;
        if (!st)
            st = square(b, l, "a convolution", &n);
        if (!st) {
            put_zeros(b, w, dim, 4);
            put_zeros(b, bias, dim, 1);
        }
        b->dim[0] = l->out;
        break;
    case RD_LAYER_MAXPOOL:
        st = square(b, l, "a pool", &n);
        break;
    case RD_LAYER_FLATTEN:
        for (int i = 0; i < b->ndim; i++)
            size *= b->dim[i];
        b->ndim = 1;
        b->dim[0] = size;
        put_int(&n, "axis", 1);
        break;
    case RD_LAYER_DENSE:
        if (!st && b->ndim != 1)
            st = RD_FAIL(b->err, RD_E_USAGE, "layer %d is dense but its input is not flat", index);
        put_int(&n, "transB", 1);
        dim[0] = l->out;
        dim[1] = b->dim[0];
        if (!st) {
            put_zeros(b, w, dim, 2);
            put_zeros(b, bias, dim, 1);
        }
        b->dim[0] = l->out;
        break;
    case RD_LAYER_RELU:
    case RD_LAYER_END:
        break;
    }
    rd_pb_put_bytes(&b->graph, 1, rd_buf_text(&n), n.len);
    b->graph.failed = b->graph.failed || n.failed;
    rd_buf_release(&n);
    memcpy(b->last, out, sizeof(b->last));
    return st;
}

static void put_value(struct building *b, uint32_t field, const char *name)
{
    struct rd_buf info = { 0 }, type = { 0 }, tensor_type = { 0 }, shape = { 0 }, dim = { 0 };

    for (int i = -1; i < b->ndim; i++) {
        dim.len = 0;
        if (i < 0)
            rd_pb_put_text(&dim, 2, "batch");
        else
            rd_pb_put_int(&dim, 1, b->dim[i]);
        rd_pb_put_bytes(&shape, 1, rd_buf_text(&dim), dim.len);
    }
    rd_pb_put_int(&tensor_type, 1, RD_F32);
    rd_pb_put_bytes(&tensor_type, 2, rd_buf_text(&shape), shape.len);
    rd_pb_put_bytes(&type, 1, rd_buf_text(&tensor_type), tensor_type.len);
    rd_pb_put_text(&info, 1, name);
    rd_pb_put_bytes(&info, 2, rd_buf_text(&type), type.len);
    rd_pb_put_bytes(&b->graph, field, rd_buf_text(&info), info.len);
    b->graph.failed = b->graph.failed || info.failed || type.failed || tensor_type.failed ||
                      shape.failed || dim.failed;
    rd_buf_release(&dim);
    rd_buf_release(&shape);
    rd_buf_release(&tensor_type);
    rd_buf_release(&type);
    rd_buf_release(&info);
}

rd_status rd_graph_build(const struct rd_graph_spec *layers, const int64_t *input_dims, int n_dims,
    struct rd_arena *arena, struct rd_graph **graph_out, struct rd_error *err)
{
    struct building b = { .ndim = n_dims, .last = "input", .err = err };
    struct rd_buf model = { 0 }, opset = { 0 };
    struct rd_graph *read;
    void *bytes;
    rd_status st = RD_OK;

    if (n_dims < 1 || n_dims > 3)
        return RD_FAIL(err, RD_E_USAGE, "an example has 1 to 3 dimensions, not %d", n_dims);
    for (int i = 0; i < n_dims; i++)
        if (input_dims[i] < 1 || input_dims[i] > 1 << 20)
            return RD_FAIL(
                err, RD_E_USAGE, "dimension %d of an example is %lld", i, (long long)input_dims[i]);
    memcpy(b.dim, input_dims, (size_t)n_dims * sizeof(*input_dims));
    put_value(&b, 11, "input");
    for (int i = 0; layers[i].kind != RD_LAYER_END && !st; i++)
        st = layer(&b, &layers[i], i + 1);
    put_value(&b, 12, b.last);
    rd_pb_put_text(&b.graph, 2, "chain");
    rd_pb_put_int(&model, 1, BUILD_IR);
    rd_pb_put_text(&model, 2, "redoubt");
    rd_pb_put_bytes(&model, 7, rd_buf_text(&b.graph), b.graph.len);
    rd_pb_put_int(&opset, 2, BUILD_OPSET);
    rd_pb_put_bytes(&model, 8, rd_buf_text(&opset), opset.len);
    bytes = st ? NULL : rd_arena_alloc(arena, model.len, 1);
    if (!st && (b.graph.failed || model.failed || opset.failed || !bytes))
        st = RD_FAIL(err, RD_E_MEMORY, "no memory to build the network");
    if (!st) {
        memcpy(bytes, model.text, model.len);
        st = rd_graph_parse("built", NULL, bytes, model.len, NULL, arena, &read, err);
    }
    if (!st)
        st = rd_graph_copy(read, arena, graph_out, err); /* aligned, writable weights */
    rd_buf_release(&opset);
    rd_buf_release(&model);
    rd_buf_release(&b.graph);
    return st;
}
