/* The reader against what hostile or broken files hold: each refusal names its cause. Bytes are
 * written by hand. */
#include "support.h"

#include "base/alloc.h"
#include "base/file.h"
#include "graph/graph.h"
#include "graph/pb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- a model being written; nested messages are strings of bytes --- */

struct message {
    struct rd_buf b;
};

static void add(struct message *m, uint32_t field, struct message *part)
{
    rd_pb_put_bytes(&m->b, field, rd_buf_text(&part->b), part->b.len);
    rd_buf_release(&part->b);
}

static struct message node(
    const char *name, const char *op, const char *in, const char *in2, const char *out)
{
    struct message m = { 0 };

    rd_pb_put_text(&m.b, 1, in);
    if (in2)
        rd_pb_put_text(&m.b, 1, in2);
    rd_pb_put_text(&m.b, 2, out);
    rd_pb_put_text(&m.b, 3, name);
    rd_pb_put_text(&m.b, 4, op);
    return m;
}

/* (n, 3) float32 */
static struct message value(const char *name)
{
    struct message dim = { 0 }, fixed = { 0 }, shape = { 0 }, tensor = { 0 }, type = { 0 },
                   info = { 0 };

    rd_pb_put_text(&dim.b, 2, "n");
    rd_pb_put_int(&fixed.b, 1, 3);
    add(&shape, 1, &dim);
    add(&shape, 1, &fixed);
    rd_pb_put_int(&tensor.b, 1, RD_F32);
    add(&tensor, 2, &shape);
    add(&type, 1, &tensor);
    rd_pb_put_text(&info.b, 1, name);
    add(&info, 2, &type);
    return info;
}

/* float32 (n); raw_data of `bytes` bytes when not negative */
static struct message tensor(const char *name, int64_t n, int bytes)
{
    static const char zeros[64];
    struct message m = { 0 };

    rd_pb_put_int(&m.b, 1, n);
    rd_pb_put_int(&m.b, 2, RD_F32);
    rd_pb_put_text(&m.b, 8, name);
    if (bytes >= 0)
        rd_pb_put_bytes(&m.b, 9, zeros, (size_t)bytes);
    return m;
}

/* Relu from x to y beside whatever the graph holds already. */
static struct message finish(struct message *graph)
{
    struct message model = { 0 }, opset = { 0 }, part;

    part = node("end", "Relu", "x", NULL, "y");
    add(graph, 1, &part);
    part = value("x");
    add(graph, 11, &part);
    part = value("y");
    add(graph, 12, &part);
    rd_pb_put_int(&model.b, 1, 8);
    add(&model, 7, graph);
    rd_pb_put_int(&opset.b, 2, 13);
    add(&model, 8, &opset);
    return model;
}

static rd_status parse(
    struct message *m, struct rd_arena *arena, struct rd_graph **g, struct rd_error *err)
{
    /* A copy of its very size: a sanitizer sees each byte too far. */
    void *bytes = rd_arena_alloc(arena, m->b.len, 1);
    rd_status st;

    memcpy(bytes, rd_buf_text(&m->b), m->b.len);
    *err = (struct rd_error){ .status = RD_OK };
    st = rd_graph_parse("test", NULL, bytes, m->b.len, NULL, arena, g, err);
    rd_buf_release(&m->b);
    return st;
}

static bool says(const struct rd_error *err, const char *text)
{
    for (int i = 0; i < err->frames; i++)
        if (strstr(err->frame[i].text, text))
            return true;
    for (int i = 0; i < err->frames; i++)
        print_error("  %s\n", err->frame[i].text);
    return false;
}

/* The finished graph is refused with this status and these words. */
static void refused(struct message *graph, rd_status want, const char *text)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err;
    struct rd_graph *g;
    struct message m = finish(graph);

    assert_int_equal(parse(&m, &arena, &g, &err), want);
    assert_true(says(&err, text));
    rd_arena_release(&arena);
}

/* --- tests --- */

static void a_plain_model_is_read(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct message graph = { 0 }, m = finish(&graph);
    struct rd_error err;
    struct rd_graph *g;

    (void)state;
    assert_int_equal(parse(&m, &arena, &g, &err), RD_OK);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->n_inputs, 1);
    assert_int_equal(g->value[g->output[0]].ndim, 2);
    assert_int_equal(g->value[g->output[0]].dim[0], -1);
    assert_int_equal(g->value[g->output[0]].dim[1], 3);
    assert_true(g->value[g->output[0]].batched);
    assert_string_equal(g->value[g->output[0]].dim_name[0], "n");
    rd_arena_release(&arena);
}

static void names_and_edges_must_make_sense(void **state)
{
    struct message graph = { 0 }, part;

    (void)state;
    part = node("lost", "Relu", "nowhere", NULL, "z");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "node 'lost' (Relu): nothing produces its input 'nowhere'");
    graph = (struct message){ 0 };
    part = node("twin", "Relu", "x", NULL, "y");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "node 'end' (Relu): its output's name 'y' is defined twice");
    graph = (struct message){ 0 };
    part = node("a", "Relu", "q", NULL, "p");
    add(&graph, 1, &part);
    part = node("b", "Relu", "p", NULL, "q");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "node 'a' (Relu) needs its own result: the graph has a cycle");
    graph = (struct message){ 0 };
    part = node("odd\033[2J", "Frobnicate", "x", NULL, "z");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "operator 'Frobnicate' of domain 'ai.onnx' is not supported");
    graph = (struct message){ 0 };
    part = node("short", "Add", "x", NULL, "z");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "Add takes 2 to 2 inputs, not 1");
    graph = (struct message){ 0 };
    part = node("bad name \xff", "Relu", "x", NULL, "z");
    add(&graph, 1, &part);
    refused(&graph, RD_E_INPUT, "no UTF-8");
}

static void nodes_out_of_order_are_sorted(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct message graph = { 0 }, part, m;
    struct rd_error err;
    struct rd_graph *g;

    (void)state;
    part = node("third", "Relu", "q", NULL, "r");
    add(&graph, 1, &part);
    part = node("second", "Add", "p", "p", "q");
    add(&graph, 1, &part);
    part = node("first", "Relu", "x", NULL, "p");
    add(&graph, 1, &part);
    m = finish(&graph);
    assert_int_equal(parse(&m, &arena, &g, &err), RD_OK);
    for (size_t i = 0; i < g->n_nodes; i++) {
        for (int k = 0; k < g->node[i].n_inputs; k++)
            assert_true(g->value[g->node[i].input[k]].producer < (int)i);
        for (int k = 0; k < g->node[i].n_outputs; k++)
            assert_int_equal(g->value[g->node[i].output[k]].producer, (int)i);
    }
    rd_arena_release(&arena);
}

static void a_tensor_must_hold_what_its_shape_says(void **state)
{
    struct message graph = { 0 }, part = tensor("w", 3, 8);
    static const uint32_t too_few[] = { 0, 0 };
    struct message typed = tensor("w", 3, -1);

    (void)state;
    add(&graph, 5, &part);
    refused(&graph, RD_E_INPUT, "float32 of shape (3,) takes 12 bytes, its data has 8");
    graph = (struct message){ 0 };
    part = tensor("w", (int64_t)1 << 40, -1);
    add(&graph, 5, &part);
    refused(&graph, RD_E_LIMIT, "larger than the limit");
    graph = (struct message){ 0 };
    part = tensor("w", INT64_MAX, 0);
    add(&graph, 5, &part);
    refused(&graph, RD_E_LIMIT, "larger than the limit");
    graph = (struct message){ 0 };
    part = tensor("w", -1, 0);
    add(&graph, 5, &part);
    refused(&graph, RD_E_INPUT, "dimension 0 is -1");
    graph = (struct message){ 0 };
    part = tensor("w", 1 << 20, -1); /* no data at all */
    add(&graph, 5, &part);
    refused(&graph, RD_E_INPUT, "has 1048576 elements, float_data holds 0");
    graph = (struct message){ 0 };
    rd_pb_put_bytes(&typed.b, 4, too_few, sizeof too_few);
    add(&graph, 5, &typed);
    refused(&graph, RD_E_INPUT, "has 3 elements, float_data holds 2");
    graph = (struct message){ 0 };
    part = tensor("w", 1, 4);
    rd_pb_put_int(&part.b, 7, 5); /* int64_data in a float tensor */
    add(&graph, 5, &part);
    refused(&graph, RD_E_INPUT, "float32 cannot stand in int64_data");
}

/* A small integer that does not fit its type, and a bool of 2. */
static void values_must_fit_their_type(void **state)
{
    struct message graph = { 0 }, t = { 0 };

    (void)state;
    rd_pb_put_int(&t.b, 1, 1);
    rd_pb_put_int(&t.b, 2, RD_I8);
    rd_pb_put_int(&t.b, 5, 300);
    rd_pb_put_text(&t.b, 8, "w");
    add(&graph, 5, &t);
    refused(&graph, RD_E_INPUT, "element 0 is 300, which is no int8");
    graph = (struct message){ 0 };
    t = (struct message){ 0 };
    rd_pb_put_int(&t.b, 1, 1);
    rd_pb_put_int(&t.b, 2, RD_BOOL);
    rd_pb_put_bytes(&t.b, 9, "\2", 1);
    rd_pb_put_text(&t.b, 8, "w");
    add(&graph, 5, &t);
    refused(&graph, RD_E_INPUT, "element 0 is 2, which is no bool");
    graph = (struct message){ 0 };
    t = (struct message){ 0 };
    rd_pb_put_int(&t.b, 2, 14); /* complex64 */
    rd_pb_put_text(&t.b, 8, "w");
    add(&graph, 5, &t);
    refused(&graph, RD_E_INPUT, "element type 14 is not supported");
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    struct message graph = { 0 }, sparse = { 0 }, values = tensor("thin", 1, 4), n, a = { 0 };

    (void)state;
    add(&sparse, 1, &values);
    add(&graph, 15, &sparse);
    refused(&graph, RD_E_INPUT, "sparse initializer 0 'thin' is not supported");
    graph = (struct message){ 0 };
    n = node("if", "If", "x", NULL, "z");
    rd_pb_put_text(&a.b, 1, "then_branch");
    rd_pb_put_int(&a.b, 20, 5);
    add(&n, 5, &a);
    add(&graph, 1, &n);
    refused(&graph, RD_E_INPUT, "attribute 'then_branch' is a graph without contents");
    graph = (struct message){ 0 };
    n = node("typo", "Relu", "x", NULL, "z");
    a = (struct message){ 0 };
    rd_pb_put_text(&a.b, 1, "slope");
    rd_pb_put_float(&a.b, 2, 1);
    rd_pb_put_int(&a.b, 20, 1);
    add(&n, 5, &a);
    add(&graph, 1, &n);
    refused(&graph, RD_E_INPUT, "Relu has no attribute 'slope'");
}

static void the_wire_is_checked(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } bad[] = {
        { "", 0, "the file is empty" },
        { "\x08", 1, "is cut off or longer than 10 bytes" },
        { "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "longer than 10 bytes" },
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
            "longer than 10 bytes" }, /* 65 bits */
        { "\x3a\x7f\x01", 3, "field 7 claims 127 bytes, 1 remain" },
        { "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "claims 18446744073709551615 bytes" },
        { "\x3b\x3c", 2, "(a group), which ONNX never uses" },
        { "\x3f", 1, "wire type 7, which does not exist" },
        { "\x05\0\0", 3, "field number 0" },
        { "\x3d\0\0", 3, "wants 4 bytes, 2 remain" },
        { "\x08\x08", 2, "it imports no opset" },
        { "\x08\x63\x42\x02\x10\x0d", 6, "IR version 99 is outside 3..14" },
        { "\x42\x02\x10\x0d", 4, "it has no ir_version" },
        { "\x08\x08\x42\x02\x10\x0d", 6, "it has no graph" },
        { "\x08\x08\x42\x02\x10\x0d\x42\x02\x10\x0e\x3a\x00", 12, "at versions 13 and 14" },
        { "\x08\x08\x42\x02\x10\x0d\x3a\x00", 8, "the graph has no output" },
        { "\x08\x08\x42\x02\x10\x0d\x38\x07", 8, "the graph (field 7) must be a length and bytes" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct message m = { 0 };
        struct rd_error err;
        struct rd_graph *g;

        rd_buf_put(&m.b, bad[i].bytes, bad[i].size);
        assert_int_equal(parse(&m, &arena, &g, &err), RD_E_INPUT);
        assert_true(says(&err, bad[i].text));
        rd_arena_release(&arena);
    }
}

/* Every prefix of a good model is refused or (where only optional parts are cut) read, and nothing
 * else happens. */
static void a_model_cut_anywhere_does_no_harm(void **state)
{
    struct message graph = { 0 }, part = tensor("w", 3, 12), n = node("add", "Add", "x", "w", "z"),
                   m;
    struct rd_error err;
    struct rd_graph *g;

    (void)state;
    add(&graph, 5, &part);
    add(&graph, 1, &n);
    m = finish(&graph);
    for (size_t cut = 0; cut < m.b.len; cut++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct message shorter = { 0 };

        rd_buf_put(&shorter.b, m.b.text, cut);
        assert_int_equal(parse(&shorter, &arena, &g, &err), RD_E_INPUT);
        assert_true(err.frames > 0);
        rd_arena_release(&arena);
    }
    rd_buf_release(&m.b);
}

/* By the rules of protobuf two graph fields are one graph. */
static void a_message_in_two_parts_is_merged(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct message first = { 0 }, graph = { 0 }, part = tensor("w", 3, 12), n, model = { 0 }, rest;
    struct rd_error err;
    struct rd_graph *g;

    (void)state;
    add(&first, 5, &part);
    add(&model, 7, &first);
    n = node("add", "Add", "x", "w", "z");
    add(&graph, 1, &n);
    rest = finish(&graph);
    rd_buf_put(&model.b, rest.b.text, rest.b.len);
    rd_buf_release(&rest.b);
    assert_int_equal(parse(&model, &arena, &g, &err), RD_OK);
    assert_int_equal(g->n_nodes, 2);
    rd_arena_release(&arena);
}

/* --- external data --- */

static rd_status load_external(
    const char *location, const char *offset, const char *length, struct rd_error *err)
{
    char folder[] = "/tmp/rd-external-XXXXXX", path[64], data[64], link[64];
    struct rd_arena arena = RD_ARENA_INIT;
    struct message graph = { 0 }, t = tensor("w", 3, -1), n = node("add", "Add", "x", "w", "z"), m;
    static const char floats[] = "....\0\0\200\77\0\0\0\100\0\0\100\100"; /* junk, 1, 2, 3 */
    const char *const entry[3][2] = { { "location", location }, { "offset", offset },
        { "length", length } };
    struct rd_graph *g;
    rd_status st;

    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) {
        struct message e = { 0 };

        if (!entry[i][1])
            continue;
        rd_pb_put_text(&e.b, 1, entry[i][0]);
        rd_pb_put_text(&e.b, 2, entry[i][1]);
        add(&t, 13, &e);
    }
    rd_pb_put_int(&t.b, 14, 1);
    add(&graph, 5, &t);
    add(&graph, 1, &n);
    m = finish(&graph);
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    (void)snprintf(data, sizeof data, "%s/data.bin", folder);
    (void)snprintf(link, sizeof link, "%s/link.bin", folder);
    assert_int_equal(rd_file_write(path, m.b.text, m.b.len, 0600, NULL), RD_OK);
    assert_int_equal(rd_file_write(data, floats, 16, 0600, NULL), RD_OK);
    assert_int_equal(symlink("data.bin", link), 0);
    rd_buf_release(&m.b);
    *err = (struct rd_error){ .status = RD_OK };
    st = rd_graph_load(path, NULL, &arena, &g, err);
    for (size_t v = 0; !st && v < g->n_values; v++)
        if (g->value[v].weight)
            assert_memory_equal(g->value[v].weight->data, floats + 4, 12);
    rd_arena_release(&arena);
    (void)unlink(link);
    (void)unlink(data);
    (void)unlink(path);
    (void)rmdir(folder);
    return st;
}

static void external_data_stays_in_the_models_folder(void **state)
{
    static const struct {
        const char *location, *offset, *length;
        rd_status status;
        const char *text;
    } asked[] = {
        { "data.bin", "4", "12", RD_OK, NULL },
        { "./data.bin", "4", NULL, RD_OK, NULL },
        { "data.bin", "8", "12", RD_E_INPUT, "is behind its end" },
        { "data.bin", "18446744073709551615", "12", RD_E_INPUT, "is behind its end" },
        { "data.bin", "99999999999999999999", "12", RD_E_INPUT, "no number of bytes" },
        { "data.bin", "-4", "12", RD_E_INPUT, "no number of bytes" },
        { "data.bin", "4", "8", RD_E_INPUT, "takes 12 bytes, its external data 8" },
        { "/etc/passwd", "0", "12", RD_E_INPUT, "would leave the model's folder" },
        { "../../etc/passwd", "0", "12", RD_E_INPUT, "would leave the model's folder" },
        { "a/../../b", "0", "12", RD_E_INPUT, "would leave the model's folder" },
        { "link.bin", "4", "12", RD_E_INPUT, "symbolic link" },
        { "none.bin", "4", "12", RD_E_NOTFOUND, "cannot open external data 'none.bin'" },
        { ".", "4", "12", RD_E_INPUT, "no regular file" },
        { NULL, "4", "12", RD_E_INPUT, "has no location" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct rd_error err;

        assert_int_equal(load_external(asked[i].location, asked[i].offset, asked[i].length, &err),
            asked[i].status);
        assert_true(!asked[i].text || says(&err, asked[i].text));
    }
}

/* --- cost --- */

/* A model of 200 bytes that asks for a giant: refused without allocating it. */
static void a_small_file_does_not_cost_much_memory(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_limits limits = rd_limits_default;
    struct message graph = { 0 }, m, part;
    struct rd_error err = { .status = RD_OK };
    struct rd_graph *g;
    void *bytes;
    size_t size;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char from[16], to[16];

        (void)snprintf(from, sizeof from, i ? "v%d" : "x", i);
        (void)snprintf(to, sizeof to, "v%d", i + 1);
        part = node("", "Relu", from, NULL, to);
        add(&graph, 1, &part);
    }
    m = finish(&graph);
    size = m.b.len;
    bytes = rd_arena_alloc(&arena, size, 1);
    memcpy(bytes, m.b.text, size);
    rd_buf_release(&m.b);
    assert_int_equal(rd_graph_parse("test", NULL, bytes, size, NULL, &arena, &g, &err), RD_OK);
    assert_true(arena.used < 200 * size);
    limits.memory_bytes = size;
    assert_int_equal(
        rd_graph_parse("test", NULL, bytes, size, &limits, &arena, &g, &err), RD_E_LIMIT);
    limits = rd_limits_default;
    limits.nodes = 10;
    assert_int_equal(
        rd_graph_parse("test", NULL, bytes, size, &limits, &arena, &g, &err), RD_E_LIMIT);
    rd_arena_release(&arena);
}

static void each_failed_allocation_is_survived(void **state)
{
    struct message graph = { 0 }, part = tensor("w", 3, 12), n = node("add", "Add", "x", "w", "z"),
                   m;
    rd_status st = RD_E_MEMORY;
    size_t failed = 0;

    (void)state;
    add(&graph, 5, &part);
    add(&graph, 1, &n);
    m = finish(&graph);
    /* Not every failure is fatal: the text of a label may be cut short. */
    for (size_t nth = 1; nth < 200; nth++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { .status = RD_OK };
        struct rd_graph *g;

        rd_alloc_fail_at(nth);
        st = rd_graph_parse("test", NULL, m.b.text, m.b.len, NULL, &arena, &g, &err);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        failed += st == RD_E_MEMORY;
        rd_arena_release(&arena);
    }
    assert_int_equal(st, RD_OK);
    assert_true(failed > 30);
    rd_buf_release(&m.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_model_is_read),
        cmocka_unit_test(names_and_edges_must_make_sense),
        cmocka_unit_test(nodes_out_of_order_are_sorted),
        cmocka_unit_test(a_tensor_must_hold_what_its_shape_says),
        cmocka_unit_test(values_must_fit_their_type),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(the_wire_is_checked),
        cmocka_unit_test(a_model_cut_anywhere_does_no_harm),
        cmocka_unit_test(a_message_in_two_parts_is_merged),
        cmocka_unit_test(external_data_stays_in_the_models_folder),
        cmocka_unit_test(a_small_file_does_not_cost_much_memory),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
