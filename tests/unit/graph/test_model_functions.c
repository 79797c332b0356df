/* test_model_functions.c - functions of the model: calls become nodes, names and attributes mean
 * what the call gives. */
#include "written_model.h"

#include <math.h>
#include <time.h>

static struct rd_arena arena;
static struct rd_error err;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void put(struct message *functions, struct message *f)
{
    m_add(functions, 25, f);
}

static void body(struct message *f, const char *line)
{
    struct message n = m_node(line);

    m_add(f, 7, &n);
}

static const double some[] = { 0.5, -1.5, 2 };

/* The float64 outputs of a graph of one input (3). */
static struct rd_tensor *answer(const struct rd_graph *g)
{
    const struct rd_tensor *const in[] = { m_tensor(&arena, RD_F64, "3", some) };
    struct rd_tensor *out[4];

    if (m_run(g, NULL, in, &arena, out, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    return out[0];
}

/* twice(a) = a + a; four(a) = twice(twice(a)); y = four(x) + twice(x), and "b" is a name outside.
 */
static void calls_nest_and_do_not_meet(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f;
    const struct rd_graph *graph;

    (void)state;
    f = m_function("d:four(a) -> (c)", "", "", 18);
    body(&f, "b = d:twice(a)");
    body(&f, "c = d:twice(b)");
    put(&fs, &f);
    f = m_function("d:twice(a) -> (b)", "", "", 18);
    body(&f, "b = Add(a, a)");
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "b = d:four(x)");
    m_line(&g, "c = d:twice(x)");
    m_line(&g, "y = Add(b, c)");
    m_output(&g, "y");
    graph = m_read(&g, 18, &fs, &arena);
    assert_int_equal(graph->n_nodes, 4);
    assert_float_equal(((double *)answer(graph)->data)[1], 6 * some[1], 1e-12);
    assert_non_null(
        strstr(graph->node[0].name, "twice")); /* messages say where a node comes from */
}

/* soft(a; axis = 0, alpha left out): Softmax over axis, then LeakyRelu with alpha. */
static void attributes_are_given_or_have_defaults(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f, n, fallback = { 0 };
    const struct rd_graph *graph;

    (void)state;
    f = m_function("d:soft(a) -> (b)", "alpha", "", 18);
    n = m_node("s = Softmax(a)");
    m_reference(&n, "axis", "along", RD_ATTR_INT);
    m_add(&f, 7, &n);
    n = m_node("b = LeakyRelu(s)");
    m_reference(&n, "alpha", "alpha", RD_ATTR_FLOAT);
    m_add(&f, 7, &n);
    rd_pb_put_text(&fallback.b, 1, "along");
    rd_pb_put_int(&fallback.b, 3, 0);
    rd_pb_put_int(&fallback.b, 20, RD_ATTR_INT);
    m_add(&f, 11, &fallback);
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "2,3");
    m_line(&g, "y = d:soft(x)");
    n = m_node("z = d:soft(y)");
    m_int(&n, "along", 1);
    m_add(&g, 1, &n);
    m_output(&g, "z");
    graph = m_read(&g, 18, &fs, &arena);
    assert_int_equal(graph->n_nodes, 4);
    assert_int_equal(graph->node[0].n_attrs, 1);
    assert_string_equal(graph->node[0].attr[0].name, "axis");
    assert_int_equal(graph->node[0].attr[0].i, 0);
    assert_int_equal(graph->node[2].attr[0].i, 1);
    assert_int_equal(graph->node[1].n_attrs, 0); /* nobody gives it: LeakyRelu's own default */
}

static void references_must_make_sense(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f = m_function("d:f(a) -> (b)", "", "", 18), n;

    (void)state;
    n = m_node("b = Softmax(a)");
    m_reference(&n, "axis", "nothing", RD_ATTR_INT);
    m_add(&f, 7, &n);
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "y = d:f(x)");
    m_output(&g, "y");
    m_refused(&g, 18, &fs, RD_E_INPUT, "refers to one that the function does not have");
    g = (struct message){ 0 };
    n = m_node("y = Softmax(x)");
    m_reference(&n, "axis", "axis", RD_ATTR_INT);
    m_add(&g, 1, &n);
    m_input(&g, "x", RD_F64, "3");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "refers to a function's attribute outside any function");
}

/* swap(a, b) -> (b, a); an output that the caller leaves out; an input left out. */
static void outputs_may_be_inputs_and_parts_left_out(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f;
    const struct rd_graph *graph;

    (void)state;
    f = m_function("d:swap(a, b) -> (b, a)", "", "", 18);
    put(&fs, &f);
    f = m_function("d:limit(a, low, high) -> (t, b)", "", "", 18);
    body(&f, "t = Tanh(a)");
    body(&f, "b = Clip(a, low, high)");
    put(&fs, &f);
    m_weight(&g, "one", RD_F64, -1, (double[]){ 1 });
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "p, q = d:swap(x, one)");
    m_line(&g, "-, y = d:limit(q, -, p)");
    m_output(&g, "y");
    graph = m_read(&g, 18, &fs, &arena);
    assert_float_equal(((double *)answer(graph)->data)[2], 1, 0);
    assert_float_equal(((double *)answer(graph)->data)[1], some[1], 0);
}

/* A branch inside a function takes the function's names, and calls a function itself. */
static void subgraphs_of_functions_see_the_functions_names(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f, yes = { 0 }, no = { 0 }, n;
    const struct rd_graph *graph;

    (void)state;
    f = m_function("d:twice(a) -> (b)", "", "", 18);
    body(&f, "b = Add(a, a)");
    put(&fs, &f);
    f = m_function("d:choose(c, a) -> (y)", "", "", 18);
    body(&f, "h = Neg(a)");
    n = m_node("y = If(c)");
    m_line(&yes, "t = d:twice(h)"); /* h of choose, by its name there */
    m_line(&yes, "u = Add(t, a)");
    m_output(&yes, "u");
    m_line(&no, "v = Abs(h)");
    m_output(&no, "v");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&f, 7, &n);
    put(&fs, &f);
    m_weight(&g, "true", RD_BOOL, -1, (double[]){ 1 });
    m_weight(&g, "false", RD_BOOL, -1, (double[]){ 0 });
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "p = d:choose(true, x)");
    m_line(&g, "q = d:choose(false, x)");
    m_line(&g, "y = Sub(p, q)");
    m_output(&g, "y");
    graph = m_read(&g, 18, &fs, &arena);
    for (int i = 0; i < 3; i++)
        assert_float_equal(((double *)answer(graph)->data)[i], -some[i] - fabs(some[i]), 1e-12);
}

/* twice(a; f): f goes through two functions to a SequenceMap; it takes h of where it was written.
 */
static void a_subgraph_may_be_handed_to_a_function(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f, n, body_graph = { 0 };
    const struct rd_graph *graph;

    (void)state;
    f = m_function("d:each(a) -> (b)", "f", "", 18);
    body(&f, "h = Abs(a)"); /* another h */
    body(&f, "q = SequenceConstruct(h, a)");
    n = m_node("r = SequenceMap(q)");
    m_reference(&n, "body", "f", RD_ATTR_GRAPH);
    m_add(&f, 7, &n);
    n = m_node("b = ConcatFromSequence(r)");
    m_int(&n, "axis", 0);
    m_add(&f, 7, &n);
    put(&fs, &f);
    f = m_function("d:pass(a) -> (b)", "g", "", 18);
    body(&f, "h = Neg(a)");
    n = m_node("b = d:each(h)");
    m_reference(&n, "f", "g", RD_ATTR_GRAPH);
    m_add(&f, 7, &n);
    put(&fs, &f);
    m_input(&body_graph, "e", RD_DTYPE_NONE, NULL);
    m_line(&body_graph, "k = Mul(e, h)");
    m_output(&body_graph, "k");
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "h = Add(x, x)");
    n = m_node("y = d:pass(x)");
    m_graph(&n, "g", &body_graph);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    graph = m_read(&g, 18, &fs, &arena);
    for (int i = 0; i < 3; i++) { /* |-x| 2x, then -x 2x */
        assert_float_equal(((double *)answer(graph)->data)[i], fabs(some[i]) * 2 * some[i], 1e-12);
        assert_float_equal(((double *)answer(graph)->data)[3 + i], -some[i] * 2 * some[i], 1e-12);
    }
}

/* Squeeze's axes were an attribute up to opset 12; the model itself imports 18. */
static void a_function_keeps_its_own_opset(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f = m_function("d:flat(a) -> (b)", "", "", 11), n;
    struct rd_graph *graph, *again;
    struct rd_buf bytes = { 0 }, twice = { 0 };

    (void)state;
    n = m_node("b = Squeeze(a)");
    m_ints(&n, "axes", 1, (int64_t[]){ 0 });
    m_add(&f, 7, &n);
    put(&fs, &f);
    m_weight(&g, "zero", RD_I64, 1, (double[]){ 0 });
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "u = Unsqueeze(x, zero)");
    m_line(&g, "y = d:flat(u)");
    m_output(&g, "y");
    graph = m_read(&g, 18, &fs, &arena);
    assert_int_equal(graph->node[1].opset, 11);
    assert_memory_equal(answer(graph)->data, some, sizeof(some));
    assert_int_equal(rd_graph_bytes(graph, &bytes, &err), RD_OK);
    assert_int_equal(
        rd_graph_parse("again", NULL, bytes.text, bytes.len, NULL, &arena, &again, &err), RD_OK);
    assert_int_equal(again->node[1].opset, 11);
    assert_memory_equal(answer(again)->data, some, sizeof(some));
    assert_int_equal(rd_graph_bytes(again, &twice, &err), RD_OK);
    assert_int_equal(bytes.len, twice.len);
    assert_memory_equal(bytes.text, twice.text, bytes.len);
    rd_buf_release(&bytes);
    rd_buf_release(&twice);
}

/* --- harm --- */

static void a_function_that_calls_itself_is_named(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f;

    (void)state;
    f = m_function("d:ping(a) -> (b)", "", "", 18);
    body(&f, "b = d:pong(a)");
    put(&fs, &f);
    f = m_function("d:pong(a) -> (b)", "", "", 18);
    body(&f, "b = d:ping(a)");
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "y = d:ping(x)");
    m_output(&g, "y");
    m_refused(&g, 18, &fs, RD_E_INPUT, "the function 'ping' calls itself");
}

/* 2^30 nodes from 30 functions, with and without anything in the last one. */
static void functions_that_multiply_are_bounded(void **state)
{
    const clock_t begun = clock();

    (void)state;
    for (int filled = 0; filled < 2; filled++) {
        struct message g = { 0 }, fs = { 0 }, f;
        char line[64];

        for (int i = 0; i < 30; i++) {
            (void)snprintf(line, sizeof(line), "d:f%d(a) -> (b)", i);
            f = m_function(line, "", "", 18);
            (void)snprintf(line, sizeof(line), "c = d:f%d(a)", i + 1);
            body(&f, line);
            (void)snprintf(line, sizeof(line), "b = d:f%d(c)", i + 1);
            body(&f, line);
            put(&fs, &f);
        }
        f = m_function("d:f30(a) -> (b)", "", "", 18);
        if (filled)
            body(&f, "b = Relu(a)");
        put(&fs, &f);
        m_input(&g, "x", RD_F64, "3");
        m_line(&g, "y = d:f0(x)");
        m_output(&g, "y");
        m_refused(&g, 18, &fs, RD_E_LIMIT, "functions");
    }
    assert_true(clock() - begun < 30 * CLOCKS_PER_SEC);
}

static void calls_must_fit(void **state)
{
    struct message g = { 0 }, fs = { 0 }, f = m_function("d:f(a) -> (b)", "", "", 18);

    (void)state;
    body(&f, "b = Relu(a)");
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "y = d:f(x, x)");
    m_output(&g, "y");
    m_refused(&g, 18, &fs, RD_E_INPUT, "a call of the function 'f'");
    g = fs = (struct message){ 0 };
    f = m_function("d:f(a) -> (b)", "", "", 18);
    body(&f, "c = Relu(a)"); /* nothing gives b */
    put(&fs, &f);
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "y = d:f(x)");
    m_output(&g, "y");
    m_refused(&g, 18, &fs, RD_E_INPUT, "nothing produces the graph output 'y'");
    g = fs = (struct message){ 0 };
    for (int i = 0; i < 2; i++) {
        f = m_function("d:f(a) -> (b)", "", "", 18);
        put(&fs, &f);
    }
    m_input(&g, "x", RD_F64, "3");
    m_line(&g, "y = Relu(x)");
    m_output(&g, "y");
    m_refused(&g, 18, &fs, RD_E_INPUT, "the function 'f' is defined twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_nest_and_do_not_meet),
        cmocka_unit_test(attributes_are_given_or_have_defaults),
        cmocka_unit_test(references_must_make_sense),
        cmocka_unit_test(outputs_may_be_inputs_and_parts_left_out),
        cmocka_unit_test(subgraphs_of_functions_see_the_functions_names),
        cmocka_unit_test(a_subgraph_may_be_handed_to_a_function),
        cmocka_unit_test(a_function_keeps_its_own_opset),
        cmocka_unit_test(a_function_that_calls_itself_is_named),
        cmocka_unit_test(functions_that_multiply_are_bounded),
        cmocka_unit_test(calls_must_fit),
    };

    return cmocka_run_group_tests_name("model_functions", tests, NULL, release);
}
