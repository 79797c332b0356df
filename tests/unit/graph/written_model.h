/*
 * written_model.h - models for tests, as ONNX bytes, a line for each part.
 *
 *   struct message g = { 0 };
 *   m_input(&g, "x", RD_F64, "2,3");
 *   m_line(&g, "y = Relu(x)");
 *   m_output(&g, "y");
 *
 * A node that takes attributes is made first: n = m_node("y = Loop(m,,x)"); m_graph(&n, "body",
 * &b); m_add(&g, 1, &n). An operator of another domain is domain:Name.
 */
#ifndef RD_TESTS_WRITTEN_MODEL_H
#define RD_TESTS_WRITTEN_MODEL_H

#include "support.h"

#include "graph/exec.h"
#include "graph/graph.h"
#include "graph/pb.h"
#include "tensor/boxed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
    struct rd_buf b;
};

static inline void m_add(struct message *m, uint32_t field, struct message *part)
{
    rd_pb_put_bytes(&m->b, field, rd_buf_text(&part->b), part->b.len);
    rd_buf_release(&part->b);
}

/* "a, b" into repeated fields; "-" or nothing between commas is a name left out. */
static inline void m_names(struct message *m, uint32_t field, const char *list, size_t n)
{
    char name[64];

    while (n) {
        size_t len = 0, at = 0;

        while (len < n && list[len] != ',')
            len++;
        for (size_t i = 0; i < len; i++)
            if (list[i] != ' ' && list[i] != '-')
                name[at++] = list[i];
        name[at] = '\0';
        rd_pb_put_text(&m->b, field, name);
        list += len < n ? len + 1 : len;
        n -= len < n ? len + 1 : len;
    }
}

/* "y, z = domain:Op(a, b)" */
static inline struct message m_node(const char *line)
{
    const char *equals = strchr(line, '='), *open = strchr(line, '('), *op = equals + 2;
    const char *colon = memchr(op, ':', (size_t)(open - op));
    struct message m = { 0 };

    m_names(&m, 1, open + 1, strlen(open) - 2);
    m_names(&m, 2, line, (size_t)(equals - line));
    if (colon)
        rd_pb_put_bytes(&m.b, 7, op, (size_t)(colon - op));
    op = colon ? colon + 1 : op;
    rd_pb_put_bytes(&m.b, 4, op, (size_t)(open - op));
    return m;
}

static inline void m_line(struct message *graph, const char *line)
{
    struct message n = m_node(line);

    m_add(graph, 1, &n);
}

static inline void m_int(struct message *node, const char *name, int64_t i)
{
    struct message a = { 0 };

    rd_pb_put_text(&a.b, 1, name);
    rd_pb_put_int(&a.b, 3, i);
    rd_pb_put_int(&a.b, 20, RD_ATTR_INT);
    m_add(node, 5, &a);
}

static inline void m_ints(struct message *node, const char *name, size_t n, const int64_t *list)
{
    struct message a = { 0 };

    rd_pb_put_text(&a.b, 1, name);
    for (size_t i = 0; i < n; i++)
        rd_pb_put_int(&a.b, 8, list[i]);
    rd_pb_put_int(&a.b, 20, RD_ATTR_INTS);
    m_add(node, 5, &a);
}

/* An attribute of the node that is attribute `reference` of the function around. */
static inline void m_reference(
    struct message *node, const char *name, const char *reference, enum rd_attr_type type)
{
    struct message a = { 0 };

    rd_pb_put_text(&a.b, 1, name);
    rd_pb_put_int(&a.b, 20, type);
    rd_pb_put_text(&a.b, 21, reference);
    m_add(node, 5, &a);
}

static inline void m_graph(struct message *node, const char *name, struct message *graph)
{
    struct message a = { 0 };

    rd_pb_put_text(&a.b, 1, name);
    rd_pb_put_text(&graph->b, 2, name);
    m_add(&a, 6, graph);
    rd_pb_put_int(&a.b, 20, RD_ATTR_GRAPH);
    m_add(node, 5, &a);
}

/* dims: "2,n,3", "" a scalar, NULL not said; dtype NONE: no type. */
static inline struct message m_value(const char *name, enum rd_dtype dtype, const char *dims)
{
    struct message tensor = { 0 }, type = { 0 }, info = { 0 }, shape = { 0 };

    rd_pb_put_text(&info.b, 1, name);
    if (!dtype)
        return info;
    rd_pb_put_int(&tensor.b, 1, dtype);
    for (const char *p = dims; p && *p; p += strcspn(p, ","), p += *p == ',') {
        struct message dim = { 0 };

        if (*p >= '0' && *p <= '9')
            rd_pb_put_int(&dim.b, 1, atoi(p));
        else
            rd_pb_put_bytes(&dim.b, 2, p, strcspn(p, ","));
        m_add(&shape, 1, &dim);
    }
    if (dims)
        m_add(&tensor, 2, &shape);
    m_add(&type, 1, &tensor);
    m_add(&info, 2, &type);
    return info;
}

static inline void m_input(
    struct message *graph, const char *name, enum rd_dtype dtype, const char *dims)
{
    struct message v = m_value(name, dtype, dims);

    m_add(graph, 11, &v);
}

static inline void m_output(struct message *graph, const char *name)
{
    struct message v = m_value(name, RD_DTYPE_NONE, NULL);

    m_add(graph, 12, &v);
}

/* An initializer of int64, bool, float32 or float64; n -1: a scalar. */
static inline void m_weight(
    struct message *graph, const char *name, enum rd_dtype dtype, int64_t n, const double *v)
{
    struct message t = { 0 };
    char raw[8 * 64];
    size_t at = 0;

    if (n >= 0)
        rd_pb_put_int(&t.b, 1, n);
    rd_pb_put_int(&t.b, 2, dtype);
    rd_pb_put_text(&t.b, 8, name);
    for (int64_t i = 0; i < (n < 0 ? 1 : n); i++) {
        const int64_t whole = (int64_t)v[i];
        const float narrow = (float)v[i];
        const void *from = dtype == RD_F64   ? (const void *)&v[i]
                           : dtype == RD_F32 ? (const void *)&narrow
                                             : (const void *)&whole; /* little endian */

        memcpy(raw + at, from, rd_dtype_size(dtype));
        at += rd_dtype_size(dtype);
    }
    rd_pb_put_bytes(&t.b, 9, raw, at);
    m_add(graph, 5, &t);
}

/* "domain:name(a, b) -> (y)" with attributes by name ("" none), then nodes by m_add(&f, 7, &node).
 */
static inline struct message m_function(
    const char *head, const char *attrs, const char *domain, int64_t version)
{
    const char *colon = strchr(head, ':'), *open = strchr(head, '('), *close = strchr(head, ')');
    const char *out = strchr(close, '(');
    struct message f = { 0 }, opset = { 0 };

    rd_pb_put_bytes(&f.b, 1, colon + 1, (size_t)(open - colon - 1));
    m_names(&f, 4, open + 1, (size_t)(close - open - 1));
    m_names(&f, 5, out + 1, strlen(out) - 2);
    m_names(&f, 6, attrs, strlen(attrs));
    rd_pb_put_text(&opset.b, 1, domain);
    rd_pb_put_int(&opset.b, 2, version);
    m_add(&f, 9, &opset);
    rd_pb_put_bytes(&f.b, 10, head, (size_t)(colon - head));
    return f;
}

/* graph and functions (a run of field 25, may be NULL) become a model. */
static inline struct message m_model(
    struct message *graph, int64_t version, struct message *functions)
{
    struct message m = { 0 }, opset = { 0 };

    rd_pb_put_text(&graph->b, 2, "graph");
    rd_pb_put_int(&m.b, 1, 8);
    m_add(&m, 7, graph);
    rd_pb_put_int(&opset.b, 2, version);
    m_add(&m, 8, &opset);
    if (functions) {
        rd_buf_put(&m.b, rd_buf_text(&functions->b), functions->b.len);
        rd_buf_release(&functions->b);
    }
    return m;
}

/* The model's bytes, of their very size, are in the arena. */
static inline rd_status m_parse(struct message *model, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_graph **g, struct rd_error *err)
{
    const size_t n = model->b.len;
    void *bytes = rd_arena_alloc(arena, n, 1);

    assert_false(model->b.failed);
    memcpy(bytes, rd_buf_text(&model->b), n);
    rd_buf_release(&model->b);
    *err = (struct rd_error){ .status = RD_OK };
    return rd_graph_parse("test", NULL, bytes, n, limits, arena, g, err);
}

static inline bool m_says(const struct rd_error *err, const char *text)
{
    for (int i = 0; i < err->frames; i++)
        if (strstr(err->frame[i].text, text))
            return true;
    for (int i = 0; i < err->frames; i++)
        print_error("  %s\n", err->frame[i].text);
    return false;
}

static inline struct rd_graph *m_read(
    struct message *graph, int64_t version, struct message *functions, struct rd_arena *arena)
{
    struct message model = m_model(graph, version, functions);
    struct rd_error err;
    struct rd_graph *g;

    if (m_parse(&model, NULL, arena, &g, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    return g;
}

/* Refused while it is read, with these words. */
static inline void m_refused(struct message *graph, int64_t version, struct message *functions,
    rd_status want, const char *text)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct message model = m_model(graph, version, functions);
    struct rd_error err;
    struct rd_graph *g;

    assert_int_equal(m_parse(&model, NULL, &arena, &g, &err), want);
    assert_true(m_says(&err, text));
    rd_arena_release(&arena);
}

/* A tensor of these numbers: int64, bool, float32, float64. dims as above. */
static inline struct rd_tensor *m_tensor(
    struct rd_arena *arena, enum rd_dtype dtype, const char *dims, const double *v)
{
    int64_t dim[RD_MAX_DIMS] = { 0 };
    struct rd_tensor *t;
    int n = 0;

    for (const char *p = dims; *p; p += strcspn(p, ","), p += *p == ',')
        dim[n++] = atoi(p);
    assert_int_equal(rd_tensor_new(arena, dtype, dim, n, NULL, &t, NULL), RD_OK);
    for (size_t i = 0, count = rd_tensor_count(t); i < count; i++)
        if (dtype == RD_F64)
            ((double *)t->data)[i] = v[i];
        else if (dtype == RD_F32)
            ((float *)t->data)[i] = (float)v[i];
        else if (dtype == RD_I64)
            ((int64_t *)t->data)[i] = (int64_t)v[i];
        else
            ((unsigned char *)t->data)[i] = v[i] != 0;
    return t;
}

/* Runs; output tensors in the arena. */
static inline rd_status m_run(const struct rd_graph *g, const struct rd_exec_limits *limits,
    const struct rd_tensor *const *in, struct rd_arena *arena, struct rd_tensor **out,
    struct rd_error *err)
{
    struct rd_exec *exec;
    rd_status st;

    *err = (struct rd_error){ .status = RD_OK };
    assert_int_equal(rd_exec_open(g, NULL, limits, &exec, err), RD_OK);
    st = rd_exec_run(exec, in, g->n_inputs, arena, out, err);
    rd_exec_free(exec);
    return st;
}

#endif
