/* test_sequences.c - sequences and optionals: what the node cases do not say, and what means harm.
 */
#include "written_model.h"

#include "base/alloc.h"

static struct rd_arena arena;
static struct rd_error err;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const double some[] = { 1, 2, 3, 4, 5, 6 };

static struct rd_tensor *only(const struct rd_graph *g, const struct rd_tensor *const *in)
{
    struct rd_tensor *out[4];

    if (m_run(g, NULL, in, &arena, out, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    return out[0];
}

/* A loop collects i * x, then they are joined along a new axis. */
static void a_loop_collects_a_sequence(void **state)
{
    struct message g = { 0 }, b = { 0 }, n = m_node("all = Loop(m, -, none)"),
                   cast = m_node("f = Cast(i)"), join = m_node("y = ConcatFromSequence(all)");
    const struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 4 }),
        m_tensor(&arena, RD_F32, "2", some) };
    const struct rd_tensor *y;
    const struct rd_graph *graph;

    (void)state;
    m_int(&cast, "to", RD_F32);
    m_int(&join, "axis", 0);
    m_int(&join, "new_axis", 1);
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "q", RD_DTYPE_NONE, NULL);
    m_add(&b, 1, &cast);
    m_line(&b, "p = Mul(f, x)");
    m_line(&b, "q2 = SequenceInsert(q, p)");
    m_output(&b, "c");
    m_output(&b, "q2");
    m_graph(&n, "body", &b);
    m_line(&g, "none = SequenceEmpty()");
    m_add(&g, 1, &n);
    m_add(&g, 1, &join);
    m_input(&g, "m", RD_I64, "");
    m_input(&g, "x", RD_F32, "2");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    y = only(graph, in);
    assert_int_equal(y->ndim, 2);
    assert_int_equal(y->dim[0], 4);
    assert_float_equal(((const float *)y->data)[2 * 3 + 1], 6, 0);
}

/* Constant sequences are known while the model is read, so shapes behind them are too. */
static void what_is_constant_is_known_at_once(void **state)
{
    struct message g = { 0 }, join = m_node("shape = ConcatFromSequence(q2)");
    const struct rd_graph *graph;

    (void)state;
    m_weight(&g, "two", RD_I64, 1, (double[]){ 2 });
    m_weight(&g, "three", RD_I64, 1, (double[]){ 3 });
    m_weight(&g, "last", RD_I64, -1, (double[]){ -1 });
    m_line(&g, "q = SequenceConstruct(two, two)");
    m_line(&g, "q1 = SequenceErase(q, last)");
    m_line(&g, "q2 = SequenceInsert(q1, three)");
    m_int(&join, "axis", 0);
    m_add(&g, 1, &join);
    m_line(&g, "y = Reshape(x, shape)");
    m_input(&g, "x", RD_F32, "6");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(graph->value[graph->output[0]].ndim, 2);
    assert_int_equal(graph->value[graph->output[0]].dim[1], 3);
}

static void positions_count_from_the_end_and_are_checked(void **state)
{
    struct message g = { 0 };
    const struct rd_graph *graph;
    struct rd_tensor *out[1];
    static const struct {
        double at, want;
    } good[] = { { 0, 1 }, { 2, 3 }, { -1, 3 }, { -3, 1 } };

    (void)state;
    m_input(&g, "x", RD_F32, "3");
    m_input(&g, "at", RD_I64, "");
    m_line(&g, "q = SplitToSequence(x)");
    m_line(&g, "y = SequenceAt(q, at)");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "3", some),
            m_tensor(&arena, RD_I64, "", &good[i].at) };

        assert_float_equal(*(const float *)only(graph, in)->data, (float)good[i].want, 0);
    }
    for (int i = 0; i < 2; i++) {
        const struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "3", some),
            m_tensor(&arena, RD_I64, "", (double[]){ i ? 3 : -4 }) };

        assert_int_equal(m_run(graph, NULL, in, &arena, out, &err), RD_E_INPUT);
        assert_true(m_says(&err, "is outside -3..2 of a sequence"));
    }
}

static void items_are_of_one_type(void **state)
{
    struct message g = { 0 };

    (void)state;
    m_input(&g, "x", RD_F32, "3");
    m_input(&g, "k", RD_I64, "3");
    m_line(&g, "q = SequenceConstruct(x, k)");
    m_line(&g, "y = SequenceLength(q)");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "input 1 is int64, input 0 is float32");
    g = (struct message){ 0 };
    m_input(&g, "x", RD_F32, "3");
    m_line(&g, "q = SequenceConstruct(x)");
    m_line(&g, "y = Relu(q)");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "input 0 is sequence, which Relu does not take");
}

/* A few bytes of model ask for a hundred million items. */
static void long_sequences_are_refused(void **state)
{
    const struct rd_exec_limits limits = { .memory = (size_t)256 << 20 };
    struct message g = { 0 }, n = m_node("q = SplitToSequence(big)");
    struct rd_tensor *out[1];
    const struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "1", (double[]){ 2e7 }) };
    const struct rd_graph *graph;
    const size_t before = arena.used;

    (void)state;
    m_input(&g, "shape", RD_I64, "1");
    m_line(&g, "big = ConstantOfShape(shape)");
    m_int(&n, "keepdims", 0);
    m_add(&g, 1, &n);
    m_line(&g, "y = SequenceLength(q)");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(m_run(graph, &limits, in, &arena, out, &err), RD_E_LIMIT);
    assert_true(m_says(&err, "node 1 (SplitToSequence)"));
    assert_true(arena.used - before < (size_t)1 << 20);
}

/* Empty items cost little each, but not nothing: the budget of the run counts them. */
static void a_million_empty_items_are_counted(void **state)
{
    const struct rd_exec_limits limits = { .memory = (size_t)16 << 20 };
    struct message g = { 0 }, b = { 0 }, n = m_node("q = Loop(m, -, none)");
    struct rd_tensor *out[1];
    const struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "0", NULL) };
    struct rd_arena run = RD_ARENA_INIT;
    const struct rd_graph *graph;

    (void)state;
    m_weight(&g, "m", RD_I64, -1, (double[]){ 1e6 });
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "s", RD_DTYPE_NONE, NULL);
    m_line(&b, "s2 = SequenceInsert(s, x)");
    m_output(&b, "c");
    m_output(&b, "s2");
    m_graph(&n, "body", &b);
    m_line(&g, "none = SequenceEmpty()");
    m_add(&g, 1, &n);
    m_line(&g, "y = SequenceLength(q)");
    m_input(&g, "x", RD_F32, "0");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(m_run(graph, &limits, in, &run, out, &err), RD_E_LIMIT);
    assert_true(m_says(&err, "in trip"));
    assert_true(run.used < (size_t)64 << 20);
    rd_arena_release(&run);
}

static void an_optional_may_be_missing(void **state)
{
    struct message g = { 0 }, n = m_node("o = Optional()"), a = { 0 }, type = { 0 }, tensor = { 0 };
    const struct rd_graph *graph;
    struct rd_tensor *out[1];

    (void)state;
    rd_pb_put_int(&tensor.b, 1, RD_F32);
    m_add(&type, 1, &tensor);
    rd_pb_put_text(&a.b, 1, "type");
    m_add(&a, 14, &type);
    rd_pb_put_int(&a.b, 20, RD_ATTR_TYPE);
    m_add(&n, 5, &a);
    m_add(&g, 1, &n);
    m_line(&g, "y = OptionalHasElement(o)");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(*(const unsigned char *)only(graph, NULL)->data, 0);
    g = (struct message){ 0 };
    m_input(&g, "x", RD_F32, "3");
    m_line(&g, "o = Optional(x)");
    m_line(&g, "z = OptionalGetElement(o)");
    m_line(&g, "y = Relu(z)");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    {
        const struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "3", some) };

        assert_int_equal(m_run(graph, NULL, in, &arena, out, &err), RD_OK);
        assert_memory_equal(out[0]->data, in[0]->data, 12);
    }
}

/* --- values as test data has them --- */

/* float32 (n) 1, 2, ... */
static struct message tensor(int n)
{
    struct message m = { 0 };
    const float v[] = { 1, 2, 3, 4 };

    rd_pb_put_int(&m.b, 1, n);
    rd_pb_put_int(&m.b, 2, RD_F32);
    rd_pb_put_bytes(&m.b, 9, v, (size_t)n * sizeof(*v));
    return m;
}

static rd_status value(struct message *m, enum rd_dtype dtype, struct rd_tensor **out)
{
    const struct rd_graph_value like = { .dtype = dtype };
    const size_t n = m->b.len;
    void *bytes = rd_arena_alloc(&arena, n, 1);

    if (n)
        memcpy(bytes, rd_buf_text(&m->b), n);
    rd_buf_release(&m->b);
    err = (struct rd_error){ .status = RD_OK };
    return rd_graph_value_parse("value", bytes, n, &like, NULL, &arena, out, &err);
}

static void sequences_optionals_and_maps_are_read(void **state)
{
    struct message s = { 0 }, o = { 0 }, m = { 0 }, values = { 0 }, part;
    struct rd_tensor *t;
    char text[80];

    (void)state;
    for (int n = 1; n < 4; n++) {
        part = tensor(n);
        m_add(&s, 3, &part);
    }
    assert_int_equal(value(&s, RD_SEQUENCE, &t), RD_OK);
    assert_string_equal(rd_boxed_type_text(t, text, sizeof(text)), "sequence of float32");
    assert_int_equal(rd_boxed_of(t)->n, 3);
    assert_int_equal(rd_boxed_of(t)->item[2]->dim[0], 3);
    assert_int_equal((uintptr_t)rd_boxed_of(t)->item[2]->data % 64, 0);
    assert_int_equal(value(&o, RD_OPTIONAL, &t), RD_OK); /* no bytes: nothing there */
    assert_int_equal(rd_boxed_of(t)->n, 0);
    part = tensor(2);
    m_add(&o, 3, &part);
    assert_int_equal(value(&o, RD_OPTIONAL, &t), RD_OK);
    assert_string_equal(rd_boxed_type_text(t, text, sizeof(text)), "optional float32");
    rd_pb_put_int(&m.b, 2, RD_STRING);
    rd_pb_put_text(&m.b, 4, "spam");
    part = tensor(1);
    m_add(&values, 3, &part);
    m_add(&m, 5, &values);
    assert_int_equal(value(&m, RD_MAP, &t), RD_OK);
    assert_string_equal(rd_boxed_type_text(t, text, sizeof(text)), "map of string to float32");
    assert_string_equal(*(const char *const *)rd_boxed_of(t)->item[0]->data, "spam");
}

static void values_that_make_no_sense_are_refused(void **state)
{
    struct message s = { 0 }, o = { 0 }, m = { 0 }, part, deep = { 0 };
    struct rd_tensor *t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        part = tensor(1);
        m_add(&o, 3, &part);
    }
    assert_int_equal(value(&o, RD_OPTIONAL, &t), RD_E_LIMIT); /* two values */
    rd_pb_put_int(&m.b, 2, RD_I64);
    rd_pb_put_int(&m.b, 3, 7);
    assert_int_equal(value(&m, RD_MAP, &t), RD_E_INPUT);
    assert_true(m_says(&err, "a map has 1 keys and 0 values"));
    part = tensor(1);
    m_add(&s, 3, &part);
    part = (struct message){ 0 };
    m_add(&s, 5, &part); /* a sequence beside a tensor */
    assert_int_equal(value(&s, RD_SEQUENCE, &t), RD_E_INPUT);
    assert_true(m_says(&err, "item 1 is sequence instead of float32"));
    for (int i = 0; i < 8; i++) {
        struct message around = { 0 };

        m_add(&around, 5, &deep);
        deep = around;
    }
    assert_int_equal(value(&deep, RD_SEQUENCE, &t), RD_E_LIMIT);
    assert_true(m_says(&err, "nested more than"));
}

/* Every allocation of a run with sequences and a loop fails once: no crash, no leak. */
static void each_failed_allocation_is_survived(void **state)
{
    struct message g = { 0 }, b = { 0 }, n = m_node("q, s = Loop(m, -, none)");
    const struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "2", some) };
    struct rd_tensor *out[2];
    const struct rd_graph *graph;
    rd_status st = RD_E_MEMORY;

    (void)state;
    m_weight(&g, "m", RD_I64, -1, (double[]){ 3 });
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "s", RD_DTYPE_NONE, NULL);
    m_line(&b, "s2 = SequenceInsert(s, x)");
    m_line(&b, "t = Tanh(x)");
    m_output(&b, "c");
    m_output(&b, "s2");
    m_output(&b, "t");
    m_graph(&n, "body", &b);
    m_line(&g, "none = SequenceEmpty()");
    m_add(&g, 1, &n);
    m_line(&g, "y = SequenceLength(q)");
    m_input(&g, "x", RD_F32, "2");
    m_output(&g, "y");
    m_output(&g, "s");
    graph = m_read(&g, 18, NULL, &arena);
    for (size_t nth = 1; nth < 100; nth++) {
        struct rd_arena run = RD_ARENA_INIT;
        struct rd_exec *exec = NULL;

        err = (struct rd_error){ .status = RD_OK };
        rd_alloc_fail_at(nth);
        st = rd_exec_open(graph, NULL, NULL, &exec, &err);
        if (!st)
            st = rd_exec_run(exec, in, 1, &run, out, &err);
        else
            exec = NULL;
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        rd_exec_free(exec);
        rd_arena_release(&run);
    }
    assert_int_equal(st, RD_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_collects_a_sequence),
        cmocka_unit_test(what_is_constant_is_known_at_once),
        cmocka_unit_test(positions_count_from_the_end_and_are_checked),
        cmocka_unit_test(items_are_of_one_type),
        cmocka_unit_test(long_sequences_are_refused),
        cmocka_unit_test(a_million_empty_items_are_counted),
        cmocka_unit_test(an_optional_may_be_missing),
        cmocka_unit_test(sequences_optionals_and_maps_are_read),
        cmocka_unit_test(values_that_make_no_sense_are_refused),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests_name("sequences", tests, NULL, release);
}
