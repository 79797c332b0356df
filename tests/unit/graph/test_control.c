/*
 * test_control.c - If, Loop, Scan: values worked out by hand, gradients against central differences
 * (step 1e-5, as in test_gradients.c), and graphs that mean harm.
 */
#include "written_model.h"

#include "base/alloc.h"
#include "graph/net.h"

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

/* --- gradients --- */

static double weight_of(size_t output, size_t i)
{
    return 0.3 + 0.17 * (double)output - 0.11 * (double)(i % 5);
}

static double loss(const struct rd_graph *g, const struct rd_tensor *const *in)
{
    struct rd_arena own = RD_ARENA_INIT;
    struct rd_tensor *out[8];
    double sum = 0;

    if (m_run(g, NULL, in, &own, out, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    for (size_t k = 0; k < g->n_outputs; k++)
        for (size_t i = 0; out[k]->dtype == RD_F64 && i < rd_tensor_count(out[k]); i++)
            sum += weight_of(k, i) * ((const double *)out[k]->data)[i];
    rd_arena_release(&own);
    return sum;
}

/* All float64 inputs of the graph, each element. */
static void check_gradients(const struct rd_graph *g, struct rd_tensor **in)
{
    const struct rd_tensor *const *input = (const struct rd_tensor *const *)in;
    struct rd_tensor *out[8], *cot[8],
        **grad = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_values);
    struct rd_exec_pass *pass;
    struct rd_exec *exec;

    err = (struct rd_error){ .status = RD_OK };
    assert_int_equal(rd_exec_open(g, NULL, NULL, &exec, &err), RD_OK);
    assert_int_equal(rd_exec_keep(exec, input, g->n_inputs, &arena, &pass, out, &err), RD_OK);
    for (size_t k = 0; k < g->n_outputs; k++) {
        cot[k] = NULL;
        if (out[k]->dtype != RD_F64)
            continue;
        cot[k] = rd_tensor_copy(&arena, out[k]);
        for (size_t i = 0; i < rd_tensor_count(out[k]); i++)
            ((double *)cot[k]->data)[i] = weight_of(k, i);
    }
    if (rd_exec_back(exec, pass, (const struct rd_tensor *const *)cot, NULL, &arena, grad, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    for (size_t k = 0; k < g->n_inputs; k++)
        for (size_t i = 0; in[k]->dtype == RD_F64 && i < rd_tensor_count(in[k]); i++) {
            double *const at = (double *)in[k]->data + i, was = *at, h = 1e-5;
            double up, down;

            *at = was + h;
            up = loss(g, input);
            *at = was - h;
            down = loss(g, input);
            *at = was;
            if (fabs((up - down) / (2 * h) - ((double *)grad[g->input[k]]->data)[i]) > 1e-6)
                fail_msg("input %zu, element %zu: %g instead of %g", k, i,
                    ((double *)grad[g->input[k]]->data)[i], (up - down) / (2 * h));
        }
    rd_exec_free(exec);
}

static const double some[] = { 0.3, -0.7, 0.45, 1.1, -0.2, 0.6, -1.3, 0.9, 0.15, -0.55, 0.8,
    -0.35 };

/* --- If --- */

static struct rd_graph *if_graph(void)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, n = m_node("y, z = If(c)");

    m_input(&g, "c", RD_BOOL, "");
    m_input(&g, "x", RD_F64, "2,3");
    m_input(&g, "w", RD_F64, "3");
    m_line(&g, "h = Mul(x, w)");
    m_line(&yes, "a = Tanh(h)");
    m_line(&yes, "b = Mul(a, x)");
    m_output(&yes, "a");
    m_output(&yes, "b");
    m_line(&no, "p = Sigmoid(x)");
    m_line(&no, "q = ReduceSum(h)");
    m_output(&no, "p");
    m_output(&no, "q");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    m_output(&g, "z");
    return m_read(&g, 18, NULL, &arena);
}

static void a_condition_chooses_the_branch_and_its_gradient(void **state)
{
    const struct rd_graph *g = if_graph();
    struct rd_tensor *out[2];
    double want;

    (void)state;
    assert_int_equal(g->value[g->output[0]].dtype, RD_F64); /* both branches say so */
    assert_int_equal(g->value[g->output[0]].ndim, 2);
    assert_int_equal(g->value[g->output[1]].ndim, 2);
    assert_int_equal(g->value[g->output[1]].dim[0], -1); /* (2,3) or (1,1) */
    for (int c = 0; c < 2; c++) {
        struct rd_tensor *in[] = { m_tensor(&arena, RD_BOOL, "", (double[]){ c }),
            m_tensor(&arena, RD_F64, "2,3", some), m_tensor(&arena, RD_F64, "3", some + 6) };

        assert_int_equal(
            m_run(g, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
        assert_int_equal(out[1]->dim[0], c ? 2 : 1);
        want = c ? tanh(some[1] * some[7]) : 1 / (1 + exp(-some[1]));
        assert_float_equal(((double *)out[0]->data)[1], want, 1e-12);
        check_gradients(g, in);
    }
}

/* The condition is known: the branch stands in the If's place, and the batch goes through it. */
static void a_constant_condition_leaves_the_branch_alone(void **state)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, deep = { 0 }, other = { 0 }, b = { 0 },
                   n = m_node("y, same = If(c)"), in_it = m_node("u = If(c)"),
                   loop = m_node("v2 = Loop(m, -, h)");
    struct rd_tensor *in[] = { m_tensor(
        &arena, RD_F64, "2,3", (double[]){ 0.3, -0.7, 0.45, 1.1, -0.2, 0.6 }) };
    struct rd_buf bytes = { 0 }, twice = { 0 };
    struct rd_graph *graph, *again;
    struct rd_tensor *out[2];

    (void)state;
    m_weight(&g, "one", RD_I64, -1, (double[]){ 1 });
    m_weight(&g, "m", RD_I64, -1, (double[]){ 2 });
    m_input(&g, "x", RD_F64, "n,3");
    m_line(&g, "c = Equal(one, one)");
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "d", RD_BOOL, "");
    m_input(&b, "v", RD_DTYPE_NONE, NULL);
    m_line(&b, "t = Mul(v, h)"); /* h of the branch, under its new name */
    m_output(&b, "d");
    m_output(&b, "t");
    m_graph(&loop, "body", &b);
    m_line(&deep, "w = Neg(v2)");
    m_output(&deep, "w");
    m_line(&other, "w2 = Det(v2)");
    m_output(&other, "w2");
    m_graph(&in_it, "then_branch", &deep);
    m_graph(&in_it, "else_branch", &other);
    m_line(&yes, "h = Tanh(x)");
    m_add(&yes, 1, &loop);
    m_add(&yes, 1, &in_it);
    m_output(&yes, "u");
    m_output(&yes, "x"); /* taken, produced by no node of the branch */
    m_line(&no, "a = Relu(x)");
    m_output(&no, "a");
    m_output(&no, "a");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    m_output(&g, "same");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(graph->n_nodes, 5); /* Equal, Tanh, Loop, Neg, Identity */
    assert_int_equal(
        m_run(graph, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    assert_float_equal(((double *)out[0]->data)[3], -pow(tanh(1.1), 3), 1e-12);
    assert_memory_equal(out[1]->data, in[0]->data, 6 * sizeof(double));
    check_gradients(graph, in);
    assert_int_equal(rd_graph_bytes(graph, &bytes, &err), RD_OK);
    if (rd_graph_parse("again", NULL, bytes.text, bytes.len, NULL, &arena, &again, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    assert_int_equal(rd_graph_bytes(again, &twice, &err), RD_OK);
    assert_int_equal(bytes.len, twice.len);
    assert_memory_equal(bytes.text, twice.text, bytes.len);
    rd_buf_release(&bytes);
    rd_buf_release(&twice);
}

/* --- Loop --- */

/* v = tanh(v w) + x, s = v v, as long as trips are left and, when asked, i < 2. */
static struct message loop_body(bool stops)
{
    struct message b = { 0 };

    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "v", RD_DTYPE_NONE, NULL);
    m_weight(&b, "two", RD_I64, -1, (double[]){ 2 });
    m_line(&b, "a = Mul(v, w)");
    m_line(&b, "t = Tanh(a)");
    m_line(&b, "v2 = Add(t, x)");
    m_line(&b, "s = Mul(v2, v2)");
    m_line(&b, stops ? "c2 = Less(i, two)" : "c2 = Identity(c)");
    m_output(&b, "c2");
    m_output(&b, "v2");
    m_output(&b, "s");
    return b;
}

static struct rd_graph *loop_graph(bool stops)
{
    struct message g = { 0 }, b = loop_body(stops), n = m_node("y, all = Loop(m, go, x)");

    m_input(&g, "m", RD_I64, "");
    m_input(&g, "go", RD_BOOL, "");
    m_input(&g, "x", RD_F64, "3");
    m_input(&g, "w", RD_F64, "3");
    m_graph(&n, "body", &b);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    m_output(&g, "all");
    return m_read(&g, 18, NULL, &arena);
}

static void a_loop_carries_values_and_stacks_outputs(void **state)
{
    const struct rd_graph *g = loop_graph(false);
    struct rd_tensor *out[2];

    (void)state;
    assert_int_equal(g->value[g->output[0]].ndim, 1); /* the body keeps the shape */
    assert_int_equal(g->value[g->output[0]].dim[0], 3);
    assert_int_equal(g->value[g->output[1]].ndim, 2);
    for (int trips = 0; trips < 5; trips++) {
        struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ trips }),
            m_tensor(&arena, RD_BOOL, "", (double[]){ 1 }), m_tensor(&arena, RD_F64, "3", some),
            m_tensor(&arena, RD_F64, "3", some + 3) };

        assert_int_equal(
            m_run(g, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
        assert_int_equal(out[1]->ndim, 2);
        assert_int_equal(out[1]->dim[0], trips);
        assert_int_equal(out[1]->dim[1], 3);
        for (int e = 0; e < 3; e++) {
            double v = some[e];

            for (int t = 0; t < trips; t++) {
                v = tanh(v * some[3 + e]) + some[e];
                assert_float_equal(((double *)out[1]->data)[3 * t + e], v * v, 1e-12);
            }
            assert_float_equal(((double *)out[0]->data)[e], v, 1e-12);
        }
        check_gradients(g, in);
    }
}

static void a_loop_ends_when_its_condition_says_so(void **state)
{
    const struct rd_graph *g = loop_graph(true);
    struct rd_tensor *out[2];
    struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 100 }),
        m_tensor(&arena, RD_BOOL, "", (double[]){ 1 }), m_tensor(&arena, RD_F64, "3", some),
        m_tensor(&arena, RD_F64, "3", some + 3) };

    (void)state;
    assert_int_equal(m_run(g, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    assert_int_equal(out[1]->dim[0], 3); /* trips 0 and 1 go on, trip 2 says stop */
    check_gradients(g, in);
    *(unsigned char *)in[1]->data = 0; /* false to begin with */
    assert_int_equal(m_run(g, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    assert_int_equal(out[1]->dim[0], 0);
    assert_memory_equal(out[0]->data, some, 3 * sizeof(*some));
}

static void carried_values_may_change_their_shape(void **state)
{
    struct message g = { 0 }, b = { 0 }, cat = m_node("v2 = Concat(v, x)"),
                   n = m_node("y = Loop(m, -, x)");
    struct rd_tensor *out[1];
    struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 3 }),
        m_tensor(&arena, RD_F64, "2", some) };
    const struct rd_graph *graph;

    (void)state;
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "v", RD_F64, "2"); /* true of the first trip alone */
    m_int(&cat, "axis", 0);
    m_add(&b, 1, &cat);
    m_output(&b, "c");
    m_output(&b, "v2");
    m_input(&g, "m", RD_I64, "");
    m_input(&g, "x", RD_F64, "2");
    m_graph(&n, "body", &b);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(graph->value[graph->output[0]].ndim, 1);
    assert_int_equal(graph->value[graph->output[0]].dim[0], -1); /* widened, since it grows */
    assert_int_equal(
        m_run(graph, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    assert_int_equal(out[0]->dim[0], 8);
    check_gradients(graph, in);
}

/* A loop in a branch in a loop, values taken from two levels up. */
static void subgraphs_nest_and_take_values_from_any_level(void **state)
{
    struct message g = { 0 }, outer = { 0 }, yes = { 0 }, no = { 0 }, b = loop_body(false),
                   inner = m_node("q, all = Loop(three, -, h)"), choose = m_node("u2 = If(even)"),
                   n = m_node("y = Loop(m, -, x)"), mod = m_node("r = Mod(k, base)");
    struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 3 }),
        m_tensor(&arena, RD_F64, "3", some), m_tensor(&arena, RD_F64, "3", some + 3) };
    const struct rd_graph *graph;

    (void)state;
    m_weight(&g, "three", RD_I64, -1, (double[]){ 3 });
    m_graph(&inner, "body", &b);
    m_line(&yes, "h = Mul(u, x)");
    m_add(&yes, 1, &inner);
    m_output(&yes, "q");
    m_line(&no, "r0 = Sub(u, w)");
    m_output(&no, "r0");
    m_graph(&choose, "then_branch", &yes);
    m_graph(&choose, "else_branch", &no);
    m_input(&outer, "k", RD_I64, "");
    m_input(&outer, "d", RD_BOOL, "");
    m_input(&outer, "u", RD_DTYPE_NONE, NULL);
    m_weight(&outer, "base", RD_I64, -1, (double[]){ 2 });
    m_weight(&outer, "zero", RD_I64, -1, (double[]){ 0 });
    m_add(&outer, 1, &mod);
    m_line(&outer, "even = Equal(r, zero)");
    m_add(&outer, 1, &choose);
    m_output(&outer, "d");
    m_output(&outer, "u2");
    m_input(&g, "m", RD_I64, "");
    m_input(&g, "x", RD_F64, "3");
    m_input(&g, "w", RD_F64, "3");
    m_graph(&n, "body", &outer);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(graph->node[0].n_captures, 3); /* three, x, w */
    check_gradients(graph, in);
}

/* --- Scan --- */

static void a_scan_goes_along_axes_in_both_directions(void **state)
{
    struct message g = { 0 }, b = { 0 }, n = m_node("s, y, z = Scan(s0, p, q)");
    struct rd_tensor *out[3];
    struct rd_tensor *in[] = { m_tensor(&arena, RD_F64, "2", some),
        m_tensor(&arena, RD_F64, "2,3", some + 2), m_tensor(&arena, RD_F64, "3,2", some + 5) };
    const struct rd_graph *graph;

    (void)state;
    m_input(&b, "v", RD_DTYPE_NONE, NULL);
    m_input(&b, "a", RD_DTYPE_NONE, NULL);
    m_input(&b, "c", RD_DTYPE_NONE, NULL);
    m_line(&b, "t = Mul(v, a)");
    m_line(&b, "v2 = Add(t, c)");
    m_line(&b, "e = Tanh(v2)");
    m_line(&b, "f = Mul(e, s0)");
    m_output(&b, "v2");
    m_output(&b, "e");
    m_output(&b, "f");
    m_graph(&n, "body", &b);
    m_int(&n, "num_scan_inputs", 2);
    m_ints(&n, "scan_input_axes", 2, (int64_t[]){ 1, -2 });
    m_ints(&n, "scan_input_directions", 2, (int64_t[]){ 0, 1 });
    m_ints(&n, "scan_output_axes", 2, (int64_t[]){ 0, -1 });
    m_ints(&n, "scan_output_directions", 2, (int64_t[]){ 1, 0 });
    m_add(&g, 1, &n);
    m_input(&g, "s0", RD_F64, "2");
    m_input(&g, "p", RD_F64, "2,n");
    m_input(&g, "q", RD_F64, "n,2");
    m_output(&g, "s");
    m_output(&g, "y");
    m_output(&g, "z");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(graph->value[graph->output[2]].ndim, 2);
    assert_int_equal(graph->value[graph->output[2]].dim[0], 2);
    assert_int_equal(
        m_run(graph, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    for (int e = 0; e < 2; e++) {
        double v = some[e];

        for (int t = 0; t < 3; t++) { /* p by columns, q from its last row; y from its last row */
            v = v * some[2 + 3 * e + t] + some[5 + 2 * (2 - t) + e];
            assert_float_equal(((double *)out[1]->data)[2 * (2 - t) + e], tanh(v), 1e-12);
            assert_float_equal(((double *)out[2]->data)[3 * e + t], tanh(v) * some[e], 1e-12);
        }
        assert_float_equal(((double *)out[0]->data)[e], v, 1e-12);
    }
    check_gradients(graph, in);
}

/* --- FlexAttention --- */

/* Two query heads share one key head; scores get a bias from outside, probabilities a factor. */
static void attention_with_subgraphs_has_its_gradient(void **state)
{
    struct rd_tensor *in[] = { m_tensor(&arena, RD_F64, "1,2,2,3", some),
        m_tensor(&arena, RD_F64, "1,1,2,3", some + 3),
        m_tensor(&arena, RD_F64, "1,1,2,2", some + 6), m_tensor(&arena, RD_F64, "2", some + 1) };

    (void)state;
    for (int mods = 0; mods < 4; mods++) {
        struct message g = { 0 }, score = { 0 }, prob = { 0 }, opset = { 0 }, model,
                       n = m_node("y = ai.onnx.preview:FlexAttention(q, k, v)");
        struct rd_graph *graph;

        m_input(&g, "q", RD_F64, "1,2,2,3");
        m_input(&g, "k", RD_F64, "1,1,2,3");
        m_input(&g, "v", RD_F64, "1,1,2,2");
        m_input(&g, "bias", RD_F64, "2");
        m_input(&score, "s", RD_F64, NULL);
        m_line(&score, "b = Mul(s, bias)");
        m_line(&score, "s2 = Tanh(b)");
        m_output(&score, "s2");
        m_input(&prob, "p", RD_F64, NULL);
        m_line(&prob, "p2 = Mul(p, p)");
        m_line(&prob, "p3 = Sub(p2, bias)");
        m_output(&prob, "p3");
        if (mods & 1)
            m_graph(&n, "score_mod", &score);
        if (mods & 2)
            m_graph(&n, "prob_mod", &prob);
        m_add(&g, 1, &n);
        m_line(&g, "z = Add(y, bias)");
        m_output(&g, "z");
        model = m_model(&g, 26, NULL);
        rd_pb_put_text(&opset.b, 1, "ai.onnx.preview");
        rd_pb_put_int(&opset.b, 2, 1);
        m_add(&model, 8, &opset);
        rd_buf_release(&score.b);
        rd_buf_release(&prob.b);
        if (m_parse(&model, NULL, &arena, &graph, &err)) {
            (void)m_says(&err, "\n");
            fail();
        }
        check_gradients(graph, in);
    }
}

/* --- as a classifier --- */

/* Rows of three steps of two numbers, read by a Scan over time: shapes and rows show by running. */
static void a_recurrent_classifier_answers_row_by_row(void **state)
{
    struct message g = { 0 }, b = { 0 }, n = m_node("s, all = Scan(zero, x)");
    const double weights[] = { 0.7, -0.4, 0.2, 0.9 };
    float x[5 * 6], out[5 * 2], one[2], grad[5 * 6], up[5 * 2], loss[5];
    const int label[] = { 0, 1, 0, 1, 1 };
    struct rd_graph *graph;
    struct rd_net *net;

    (void)state;
    m_weight(&g, "first", RD_F32, 2, weights);
    m_weight(&g, "second", RD_F32, 2, weights + 2);
    m_weight(&g, "zero", RD_F32, 1, (double[]){ 0 });
    m_input(&b, "h", RD_F32, NULL);
    m_input(&b, "e", RD_F32, NULL);
    m_line(&b, "a = Mul(e, first)");
    m_line(&b, "c = Mul(h, second)");
    m_line(&b, "d = Add(a, c)");
    m_line(&b, "k = Tanh(d)");
    m_output(&b, "k");
    m_output(&b, "a");
    m_graph(&n, "body", &b);
    m_int(&n, "num_scan_inputs", 1);
    m_ints(&n, "scan_input_axes", 1, (int64_t[]){ 1 });
    m_add(&g, 1, &n);
    m_input(&g, "x", RD_F32, "n,3,2");
    m_line(&g, "y = Mul(s, first)");
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(rd_net_open(graph, NULL, &net, &err), RD_OK);
    assert_int_equal(rd_net_inputs(net), 6);
    assert_int_equal(rd_net_outputs(net), 2);
    assert_null(rd_net_not_differentiable(net));
    for (int i = 0; i < 5 * 6; i++)
        x[i] = 0.1f * (float)(i % 7) - 0.3f;
    assert_int_equal(rd_net_forward(net, x, 5, out, &err), RD_OK);
    for (int r = 0; r < 5; r++) {
        assert_int_equal(rd_net_forward(net, x + 6 * r, 1, one, &err), RD_OK);
        assert_memory_equal(one, out + 2 * r, sizeof(one));
    }
    assert_int_equal(rd_net_loss_gradient(net, x, label, 5, grad, loss, out, &err), RD_OK);
    for (int i = 0; i < 6; i++) { /* of row 0 */
        float moved[6], low, high;

        memcpy(moved, x, sizeof(moved));
        moved[i] = x[i] + 0.01f;
        assert_int_equal(
            rd_net_loss_gradient(net, moved, label, 1, grad + 6, &high, up, &err), RD_OK);
        moved[i] = x[i] - 0.01f;
        assert_int_equal(
            rd_net_loss_gradient(net, moved, label, 1, grad + 6, &low, up, &err), RD_OK);
        assert_float_equal((high - low) / 0.02f, grad[i], 1e-3);
    }
    rd_net_free(net);
}

/* --- sequences --- */

/*
 * A loop puts tanh(v x) at the end of a list, or in front in odd trips, and reads what it put last;
 * then one item is taken out, one is read, the rest is joined, and a map multiplies each with w.
 */
static struct rd_graph *sequences_graph(void)
{
    struct message g = { 0 }, b = { 0 }, yes = { 0 }, no = { 0 }, map = { 0 },
                   n = m_node("list, last = Loop(m, -, seed, x)"), pick = m_node("q2 = If(odd)"),
                   join = m_node("all = ConcatFromSequence(rest)"),
                   each = m_node("mapped, plain = SequenceMap(rest, w)"),
                   stack = m_node("z = ConcatFromSequence(mapped)"),
                   mod = m_node("r = Mod(i, two)"), parts = m_node("seed = SplitToSequence(w)"),
                   cast = m_node("odd = Cast(r)"), again = m_node("u = ConcatFromSequence(copy)");

    m_weight(&g, "two", RD_I64, -1, (double[]){ 2 });
    m_weight(&g, "zero", RD_I64, -1, (double[]){ 0 });
    m_weight(&g, "one", RD_I64, -1, (double[]){ 1 });
    m_input(&g, "m", RD_I64, "");
    m_input(&g, "x", RD_F64, "1");
    m_input(&g, "w", RD_F64, "3");
    m_line(&yes, "q3 = SequenceInsert(q, t, zero)");
    m_output(&yes, "q3");
    m_line(&no, "q4 = SequenceInsert(q, t)");
    m_output(&no, "q4");
    m_graph(&pick, "then_branch", &yes);
    m_graph(&pick, "else_branch", &no);
    m_int(&cast, "to", RD_BOOL);
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "q", RD_DTYPE_NONE, NULL);
    m_input(&b, "v", RD_DTYPE_NONE, NULL);
    m_line(&b, "first = SequenceAt(q, zero)");
    m_line(&b, "p = Mul(v, x)");
    m_line(&b, "p2 = Add(p, first)");
    m_line(&b, "t = Tanh(p2)");
    m_add(&b, 1, &mod);
    m_add(&b, 1, &cast);
    m_add(&b, 1, &pick);
    m_output(&b, "c");
    m_output(&b, "q2");
    m_output(&b, "t");
    m_graph(&n, "body", &b);
    m_int(&parts, "axis", 0);
    m_add(&g, 1, &parts);
    m_add(&g, 1, &n);
    m_line(&g, "rest = SequenceErase(list, one)");
    m_line(&g, "item = SequenceAt(list, two)");
    m_int(&join, "axis", 0);
    m_add(&g, 1, &join);
    m_input(&map, "e", RD_DTYPE_NONE, NULL);
    m_input(&map, "f", RD_DTYPE_NONE, NULL);
    m_line(&map, "ef = Mul(e, f)");
    m_line(&map, "efx = Mul(ef, x)");
    m_output(&map, "efx");
    m_output(&map, "e");
    m_graph(&each, "body", &map);
    m_add(&g, 1, &each);
    m_int(&stack, "axis", 0);
    m_int(&stack, "new_axis", 1);
    m_add(&g, 1, &stack);
    m_line(&g, "boxed = Optional(plain)");
    m_line(&g, "open = OptionalGetElement(boxed)");
    m_line(&g, "copy = Identity(open)");
    m_int(&again, "axis", -1);
    m_add(&g, 1, &again);
    m_line(&g, "pair = SequenceConstruct(x, item, x)");
    m_line(&g, "half = SequenceAt(pair, two)");
    m_output(&g, "all");
    m_output(&g, "last");
    m_output(&g, "item");
    m_output(&g, "z");
    m_output(&g, "u");
    m_output(&g, "half");
    return m_read(&g, 18, NULL, &arena);
}

static void gradients_go_through_sequences(void **state)
{
    struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 4 }),
        m_tensor(&arena, RD_F64, "1", some), m_tensor(&arena, RD_F64, "3", some + 3) };

    (void)state;
    check_gradients(sequences_graph(), in);
}

/* Forward and backward, with loops, branches and sequences: no crash, no leak. */
static void each_failed_allocation_is_survived(void **state)
{
    const struct rd_graph *g = sequences_graph();
    const struct rd_tensor *in[] = { m_tensor(&arena, RD_I64, "", (double[]){ 3 }),
        m_tensor(&arena, RD_F64, "1", some), m_tensor(&arena, RD_F64, "3", some + 3) };
    rd_status st = RD_E_MEMORY;
    size_t failed = 0;

    (void)state;
    for (size_t nth = 1; nth < 3000; nth++) {
        struct rd_arena run = RD_ARENA_INIT;
        struct rd_tensor *out[8], **grad = RD_NEW_ARRAY(&run, struct rd_tensor *, g->n_values);
        const struct rd_tensor *cot[8] = { NULL };
        struct rd_exec_pass *pass;
        struct rd_exec *exec = NULL;

        err = (struct rd_error){ .status = RD_OK };
        rd_alloc_fail_at(nth);
        st = rd_exec_open(g, NULL, NULL, &exec, &err);
        if (st)
            exec = NULL;
        else
            st = rd_exec_keep(exec, in, 3, &run, &pass, out, &err);
        for (size_t k = 0; k < g->n_outputs && !st; k++)
            cot[k] = out[k];
        if (!st)
            st = rd_exec_back(exec, pass, cot, NULL, &run, grad, &err);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        failed += st == RD_E_MEMORY;
        rd_exec_free(exec);
        rd_arena_release(&run);
    }
    assert_int_equal(st, RD_OK);
    assert_true(failed > 100);
}

/* --- written and read again --- */

static void a_subgraph_is_written_as_it_was_read(void **state)
{
    struct rd_graph *(*const make[])(void) = { if_graph };
    const struct rd_graph *g = make[0](), *loop = loop_graph(true);
    struct rd_graph *again, *copy;
    struct rd_buf bytes = { 0 }, twice = { 0 };
    char one[65], two[65];

    (void)state;
    for (int i = 0; i < 2; i++, g = loop) {
        bytes.len = twice.len = 0;
        assert_int_equal(rd_graph_bytes(g, &bytes, &err), RD_OK);
        assert_int_equal(
            rd_graph_parse("again", NULL, bytes.text, bytes.len, NULL, &arena, &again, &err),
            RD_OK);
        assert_int_equal(rd_graph_bytes(again, &twice, &err), RD_OK);
        assert_int_equal(bytes.len, twice.len);
        assert_memory_equal(bytes.text, twice.text, bytes.len);
        assert_int_equal(
            again->node[again->n_nodes - 1].n_captures, g->node[g->n_nodes - 1].n_captures);
        assert_int_equal(rd_graph_copy(g, &arena, &copy, &err), RD_OK);
        assert_int_equal(rd_graph_digest(g, one, &err), RD_OK);
        assert_int_equal(rd_graph_digest(copy, two, &err), RD_OK);
        assert_string_equal(one, two);
    }
    rd_buf_release(&bytes);
    rd_buf_release(&twice);
}

/* --- what stops a gradient --- */

/* y = If(c): a cast to integers and back, which the calculus takes for a constant, or EyeLike. */
static struct rd_graph *stopping(bool stops)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, n = m_node("y = If(c)");

    m_input(&g, "x", RD_F32, "2,2");
    m_input(&g, "c", RD_BOOL, "");
    m_line(&yes, stops ? "q = EyeLike(x)" : "q = Shape(x)");
    m_line(&yes, stops ? "a = Add(x, q)" : "a = Expand(x, q)");
    m_output(&yes, "a");
    m_line(&no, "b = Relu(x)");
    m_output(&no, "b");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    rd_pb_put_text(&n.b, 3, "choose");
    m_add(&g, 1, &n);
    m_output(&g, "y");
    return m_read(&g, 18, NULL, &arena);
}

static void a_node_inside_that_has_no_gradient_is_named(void **state)
{
    const struct rd_graph *g = stopping(true);
    const char *why;
    struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "2,2", some),
        m_tensor(&arena, RD_BOOL, "", (double[]){ 1 }) };
    struct rd_tensor *out[1], **grad = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_values);
    struct rd_exec_pass *pass;
    struct rd_exec *exec;

    (void)state;
    assert_int_equal(rd_graph_not_differentiable(g, &arena, &why, &err), RD_OK);
    assert_non_null(why);
    assert_non_null(strstr(why, "node 'choose' (If): inside it, node 0 (EyeLike)"));
    /* The same when somebody tries. */
    assert_int_equal(rd_exec_open(g, NULL, NULL, &exec, &err), RD_OK);
    assert_int_equal(
        rd_exec_keep(exec, (const struct rd_tensor *const *)in, 2, &arena, &pass, out, &err),
        RD_OK);
    assert_int_equal(
        rd_exec_back(exec, pass, (const struct rd_tensor *const *)out, NULL, &arena, grad, &err),
        RD_E_USAGE);
    assert_true(m_says(&err, "node 'choose' (If)"));
    assert_true(m_says(&err, "EyeLike has no gradient for its input 0"));
    rd_exec_free(exec);
    /* What only counts stops nothing. */
    g = stopping(false);
    assert_int_equal(rd_graph_not_differentiable(g, &arena, &why, &err), RD_OK);
    assert_null(why);
}

/* --- harm --- */

static void an_endless_loop_meets_the_step_budget(void **state)
{
    const struct rd_exec_limits little = { .steps = 1e5 };
    struct message g = { 0 }, b = { 0 }, n = m_node("y = Loop(m, -, x)");
    struct rd_tensor *in[] = { m_tensor(&arena, RD_F32, "0", NULL) };
    struct rd_tensor *out[1];
    const struct rd_graph *graph;
    const clock_t begun = clock();

    (void)state;
    m_weight(&g, "m", RD_I64, -1, (double[]){ 9.2e18 });
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_input(&b, "v", RD_F32, "n");
    m_output(&b, "c");
    m_output(&b, "v");
    m_input(&g, "x", RD_F32, "n");
    m_graph(&n, "body", &b);
    rd_pb_put_text(&n.b, 3, "forever");
    m_add(&g, 1, &n);
    m_output(&g, "y");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(
        m_run(graph, &little, (const struct rd_tensor *const *)in, &arena, out, &err), RD_E_LIMIT);
    assert_true(m_says(&err, "node 'forever' (Loop)"));
    assert_true(m_says(&err, "steps"));
    assert_true(arena.used < (size_t)64 << 20); /* nothing is kept of a trip */
    assert_true(clock() - begun < 20 * CLOCKS_PER_SEC);
}

/* The number of trips alone: what the body takes is not mistaken for the condition. */
static void hidden_inputs_are_not_the_operators(void **state)
{
    struct message g = { 0 }, b = { 0 }, n = m_node("s = Loop(m)");
    struct rd_tensor *in[] = { m_tensor(&arena, RD_BOOL, "", (double[]){ 0 }) }, *out[1];
    const struct rd_graph *graph;

    (void)state;
    m_weight(&g, "m", RD_I64, -1, (double[]){ 2 });
    m_input(&b, "i", RD_I64, "");
    m_input(&b, "c", RD_BOOL, "");
    m_line(&b, "t = Not(flag)");
    m_output(&b, "c");
    m_output(&b, "t");
    m_graph(&n, "body", &b);
    m_add(&g, 1, &n);
    m_input(&g, "flag", RD_BOOL, "");
    m_output(&g, "s");
    graph = m_read(&g, 18, NULL, &arena);
    assert_int_equal(
        m_run(graph, NULL, (const struct rd_tensor *const *)in, &arena, out, &err), RD_OK);
    assert_int_equal(out[0]->dim[0], 2);
    assert_int_equal(((unsigned char *)out[0]->data)[1], 1);
}

static void what_a_subgraph_asks_for_must_exist(void **state)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, n = m_node("y = If(c)");

    (void)state;
    m_line(&yes, "a = Relu(nowhere)");
    m_output(&yes, "a");
    m_line(&no, "b = Relu(x)");
    m_output(&no, "b");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_input(&g, "x", RD_F32, "2");
    m_input(&g, "c", RD_BOOL, "");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "nothing produces its input 'nowhere'");
    yes = no = g = (struct message){ 0 };
    n = m_node("y = If(c)");
    m_line(&yes, "a = Relu(x)");
    m_output(&yes, "gone");
    m_line(&no, "b = Relu(x)");
    m_output(&no, "b");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_input(&g, "x", RD_F32, "2");
    m_input(&g, "c", RD_BOOL, "");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "nothing produces the graph output 'gone'");
}

static void a_cycle_through_a_subgraph_is_a_cycle(void **state)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, n = m_node("y = If(c)");

    (void)state;
    m_line(&yes, "a = Relu(z)"); /* which is made of y */
    m_output(&yes, "a");
    m_line(&no, "b = Relu(x)");
    m_output(&no, "b");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_line(&g, "z = Relu(y)");
    m_input(&g, "x", RD_F32, "2");
    m_input(&g, "c", RD_BOOL, "");
    m_output(&g, "z");
    m_refused(&g, 18, NULL, RD_E_INPUT, "the graph has a cycle");
}

static void names_of_a_subgraph_do_not_hide_those_around(void **state)
{
    struct message g = { 0 }, yes = { 0 }, no = { 0 }, n = m_node("y = If(c)");

    (void)state;
    m_line(&g, "h = Relu(x)");
    m_line(&yes, "h = Tanh(x)");
    m_output(&yes, "h");
    m_line(&no, "y = Relu(x)"); /* not visible yet: fine */
    m_output(&no, "y");
    m_graph(&n, "then_branch", &yes);
    m_graph(&n, "else_branch", &no);
    m_add(&g, 1, &n);
    m_input(&g, "x", RD_F32, "2");
    m_input(&g, "c", RD_BOOL, "");
    m_output(&g, "y");
    m_refused(&g, 18, NULL, RD_E_INPUT, "the subgraph defines 'h', which is defined around it");
}

/* depth Ifs, each in the then_branch of the one around */
static struct message tower(int depth)
{
    struct message g = { 0 }, no = { 0 }, n;

    if (!depth) {
        char line[40];

        (void)snprintf(line, sizeof(line), "o0 = Relu(x)");
        m_line(&g, line);
        m_output(&g, "o0");
        return g;
    }
    {
        struct message below = tower(depth - 1);
        char text[40];

        (void)snprintf(text, sizeof(text), "o%d = If(c)", depth);
        n = m_node(text);
        m_graph(&n, "then_branch", &below);
        (void)snprintf(text, sizeof(text), "n%d = Relu(x)", depth);
        m_line(&no, text);
        (void)snprintf(text, sizeof(text), "n%d", depth);
        m_output(&no, text);
        m_graph(&n, "else_branch", &no);
        m_add(&g, 1, &n);
        (void)snprintf(text, sizeof(text), "o%d", depth);
        m_output(&g, text);
    }
    return g;
}

static void nesting_has_a_bound(void **state)
{
    struct message deep = tower(40), fine = tower(30);

    (void)state;
    m_input(&deep, "x", RD_F32, "2");
    m_input(&deep, "c", RD_BOOL, "");
    m_refused(&deep, 18, NULL, RD_E_LIMIT, "nested more than 32 deep");
    m_input(&fine, "x", RD_F32, "2");
    m_input(&fine, "c", RD_BOOL, "");
    assert_int_equal(m_read(&fine, 18, NULL, &arena)->node[0].n_captures, 3); /* x, c; x */
}

static void nodes_of_all_subgraphs_count_together(void **state)
{
    const struct rd_limits few = { .file_bytes = 1 << 20,
        .nodes = 20,
        .depth = 64,
        .tensor_bytes = 1 << 20,
        .memory_bytes = 1 << 24 };
    struct message g = tower(15), model;
    struct rd_graph *read;

    (void)state;
    m_input(&g, "x", RD_F32, "2");
    m_input(&g, "c", RD_BOOL, "");
    model = m_model(&g, 18, NULL);
    assert_int_equal(m_parse(&model, &few, &arena, &read, &err), RD_E_LIMIT);
    assert_true(m_says(&err, "more than 20 nodes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_chooses_the_branch_and_its_gradient),
        cmocka_unit_test(a_constant_condition_leaves_the_branch_alone),
        cmocka_unit_test(a_loop_carries_values_and_stacks_outputs),
        cmocka_unit_test(a_loop_ends_when_its_condition_says_so),
        cmocka_unit_test(carried_values_may_change_their_shape),
        cmocka_unit_test(subgraphs_nest_and_take_values_from_any_level),
        cmocka_unit_test(a_scan_goes_along_axes_in_both_directions),
        cmocka_unit_test(attention_with_subgraphs_has_its_gradient),
        cmocka_unit_test(a_recurrent_classifier_answers_row_by_row),
        cmocka_unit_test(gradients_go_through_sequences),
        cmocka_unit_test(each_failed_allocation_is_survived),
        cmocka_unit_test(a_subgraph_is_written_as_it_was_read),
        cmocka_unit_test(a_node_inside_that_has_no_gradient_is_named),
        cmocka_unit_test(an_endless_loop_meets_the_step_budget),
        cmocka_unit_test(hidden_inputs_are_not_the_operators),
        cmocka_unit_test(what_a_subgraph_asks_for_must_exist),
        cmocka_unit_test(a_cycle_through_a_subgraph_is_a_cycle),
        cmocka_unit_test(names_of_a_subgraph_do_not_hide_those_around),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(nodes_of_all_subgraphs_count_together),
    };

    return cmocka_run_group_tests_name("control", tests, NULL, release);
}
