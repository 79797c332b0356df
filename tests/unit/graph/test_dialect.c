/* test_dialect.c - ONNX Runtime's own operators as the standard ones that they are made of: answers
 * by hand, and what is refused. */
#include "written_model.h"

#include <math.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static struct message imports(void)
{
    struct message all = { 0 }, opset = { 0 };

    rd_pb_put_text(&opset.b, 1, "com.microsoft");
    rd_pb_put_int(&opset.b, 2, 1);
    m_add(&all, 8, &opset);
    return all;
}

static void m_float(struct message *node, const char *name, float f)
{
    struct message a = { 0 };
    char raw[4];

    memcpy(raw, &f, sizeof raw);
    rd_pb_put_text(&a.b, 1, name);
    rd_buf_put(&a.b, "\x15", 1); /* field 2, of four bytes */
    rd_buf_put(&a.b, raw, sizeof raw);
    rd_pb_put_int(&a.b, 20, RD_ATTR_FLOAT);
    m_add(node, 5, &a);
}

static void m_word(struct message *node, const char *name, const char *word)
{
    struct message a = { 0 };

    rd_pb_put_text(&a.b, 1, name);
    rd_pb_put_text(&a.b, 4, word);
    rd_pb_put_int(&a.b, 20, RD_ATTR_STRING);
    m_add(node, 5, &a);
}

/* The model's float32 answer to x, within 2e-6. */
static void answers(
    struct message *g, int64_t opset, const char *dims, const double *x, const double *want)
{
    struct message extra = imports();
    const struct rd_graph *graph = m_read(g, opset, &extra, &arena);
    const struct rd_tensor *const in[] = { m_tensor(&arena, RD_F32, dims, x) };
    struct rd_tensor *out[4];
    struct rd_error err;

    if (m_run(graph, NULL, in, &arena, out, &err)) {
        (void)m_says(&err, "\n");
        fail();
    }
    assert_int_equal(out[0]->dtype, RD_F32);
    for (size_t i = 0; i < rd_tensor_count(out[0]); i++)
        if (!(fabs((double)((float *)out[0]->data)[i] - want[i]) <= 2e-6))
            fail_msg(
                "element %zu is %.9g, not %.9g", i, (double)((float *)out[0]->data)[i], want[i]);
}

/* steps of 0.5 from 10, of 0.25 from 12, out in steps of 0.5 from 1: (0, 5) + (0, 0.5) = (0, 5.5),
 * and 5 * 0.5 = 2.5. */
static void quantized_arithmetic(void **state)
{
    static const char *const op[] = { "Add", "Mul" };
    const double x[] = { 0, 5 }, half[] = { 0.5 }, quarter[] = { 0.25 }, ten[] = { 10 },
                 twelve[] = { 12 }, one[] = { 1 }, b[] = { 12, 14 };
    const double want[2][2] = { { 0, 5.5 }, { 0, 2.5 } };

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct message g = { 0 };
        char line[120];

        m_weight(&g, "s", RD_F32, -1, half);
        m_weight(&g, "z", RD_U8, -1, ten);
        m_weight(&g, "bs", RD_F32, -1, quarter);
        m_weight(&g, "bz", RD_U8, -1, twelve);
        m_weight(&g, "yz", RD_U8, -1, one);
        m_weight(&g, "b", RD_U8, 2, b);
        m_input(&g, "x", RD_F32, "2");
        m_line(&g, "a = QuantizeLinear(x,s,z)");
        (void)snprintf(line, sizeof line, "q = com.microsoft:QLinear%s(a,s,z,b,bs,bz,s,yz)", op[k]);
        m_line(&g, line);
        m_line(&g, "y = DequantizeLinear(q,s,yz)");
        m_output(&g, "y");
        answers(&g, 17, "2", x, want[k]);
    }
}

/* The whole part of 1 / 0.006 is 166: a probability of 1 is 166 steps, not 167. */
static void a_quantized_softmax(void **state)
{
    struct message g = { 0 }, n;

    (void)state;
    m_weight(&g, "s", RD_F32, -1, (double[]){ 0.5 });
    m_weight(&g, "z", RD_U8, -1, (double[]){ 10 });
    m_weight(&g, "ys", RD_F32, -1, (double[]){ 0.006 });
    m_weight(&g, "yz", RD_U8, -1, (double[]){ 3 });
    m_weight(&g, "one", RD_F32, -1, (double[]){ 1 });
    m_input(&g, "x", RD_F32, "2,1");
    m_line(&g, "a = QuantizeLinear(x,s,z)");
    n = m_node("q = com.microsoft:QLinearSoftmax(a,s,z,ys,yz)");
    m_int(&n, "opset", 13);
    m_add(&g, 1, &n);
    m_line(&g, "y = DequantizeLinear(q,one,yz)");
    m_output(&g, "y");
    answers(&g, 17, "2,1", (double[]){ 1, 2 }, (double[]){ 166, 166 });
}

/* x (1, 2) and w turned: 0.5 (1 * 1 + 2 * 2, 1 * 3 + 2 * 4); behind a Relu 1 - 2 * 2 is 0. */
static void fused_products(void **state)
{
    const double x[] = { 1, 2 }, w[] = { 1, 2, 3, 4 }, shape[] = { 2, 2 };
    struct message g = { 0 }, n;

    (void)state;
    m_weight(&g, "flat", RD_F32, 4, w);
    m_weight(&g, "shape", RD_I64, 2, shape);
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "w = Reshape(flat,shape)");
    n = m_node("y = com.microsoft:FusedMatMul(x,w)");
    m_int(&n, "transB", 1);
    m_float(&n, "alpha", 0.5f);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    answers(&g, 17, "1,2", x, (double[]){ 2.5, 5.5 });

    m_weight(&g, "flat", RD_F32, 4, (double[]){ 1, 3, -2, 4 });
    m_weight(&g, "shape", RD_I64, 2, shape);
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "w = Reshape(flat,shape)");
    n = m_node("y = com.microsoft:FusedGemm(x,w)");
    m_word(&n, "activation", "Relu");
    m_add(&g, 1, &n);
    m_output(&g, "y");
    answers(&g, 17, "1,2", x, (double[]){ 0, 11 });
}

/* (1, 3) around its mean 2 with deviation 1 is (-1, 1), times 2 plus 1; by the root of its mean
 * square, sqrt(5), for the simplified one. */
static void normalizations(void **state)
{
    const double x[] = { 1, 2 }, skip[] = { 0, 1 }, two[] = { 2, 2 }, one[] = { 1, 1 };
    struct message g = { 0 };

    (void)state;
    m_weight(&g, "skip", RD_F32, 2, skip);
    m_weight(&g, "scale", RD_F32, 2, two);
    m_weight(&g, "shift", RD_F32, 2, one);
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "y = com.microsoft:SkipLayerNormalization(x,skip,scale,shift)");
    m_output(&g, "y");
    answers(&g, 17, "1,2", x, (double[]){ -1, 3 });

    m_weight(&g, "scale", RD_F32, 2, two);
    m_weight(&g, "shift", RD_F32, 2, one);
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "y = LayerNormalization(x,scale,shift)"); /* before opset 17 */
    m_output(&g, "y");
    answers(&g, 13, "1,2", (double[]){ 1, 3 },
        (double[]){ 1 - 2 / sqrt(1 + 1e-5), 1 + 2 / sqrt(1 + 1e-5) });

    m_weight(&g, "scale", RD_F32, 2, two);
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "y = SimplifiedLayerNormalization(x,scale)");
    m_output(&g, "y");
    answers(
        &g, 13, "1,2", (double[]){ 1, 3 }, (double[]){ 2 / sqrt(5 + 1e-5), 6 / sqrt(5 + 1e-5) });
}

static void gelus(void **state)
{
    const double x[] = { 0, 1 };
    struct message g = { 0 };

    (void)state;
    m_input(&g, "x", RD_F32, "2");
    m_line(&g, "y = com.microsoft:Gelu(x)");
    m_output(&g, "y");
    answers(&g, 13, "2", x, (double[]){ 0, 0.5 * (1 + erf(sqrt(0.5))) });
    m_weight(&g, "b", RD_F32, 2, (double[]){ 1, -1 });
    m_input(&g, "x", RD_F32, "2");
    m_line(&g, "y = com.microsoft:BiasGelu(x,b)");
    m_output(&g, "y");
    answers(&g, 13, "2", x, (double[]){ 0.5 * (1 + erf(sqrt(0.5))), 0 });
    m_input(&g, "x", RD_F32, "2");
    m_line(&g, "y = com.microsoft:QuickGelu(x)");
    m_output(&g, "y");
    answers(&g, 13, "2", x, (double[]){ 0, 1 / (1 + exp(-1.702)) });
}

/* scale (3 - -1) / 255 ... x = (-1, 3) is exactly (0, 255) less zero point 64; w = (2, 1). */
static void products_quantized_at_run_time(void **state)
{
    const double step = (double)(float)(4.0 / 255), w[] = { 2, 1 }, shape[] = { 2, 1 };
    struct message g = { 0 };

    (void)state;
    m_weight(&g, "flat", RD_I8, 2, w);
    m_weight(&g, "shape", RD_I64, 2, shape);
    m_weight(&g, "s", RD_F32, -1, (double[]){ 0.5 });
    m_weight(&g, "bias", RD_F32, 1, (double[]){ 10 });
    m_input(&g, "x", RD_F32, "1,2");
    m_line(&g, "w = Reshape(flat,shape)");
    m_line(&g, "y = com.microsoft:DynamicQuantizeMatMul(x,w,s,-,bias)");
    m_output(&g, "y");
    answers(&g, 17, "1,2", (double[]){ -1, 3 },
        (double[]){ 10 + 0.5 * step * (2 * (0 - 64) + 1 * (255 - 64)) });
}

/* Q is 0, so the words have equal shares of V, 2 and 6: all of them, the first by its length, the
 * second by a mask. Of causal heads the first sees itself alone. */
static void attention(void **state)
{
    static const char *const line[] = { "y = com.microsoft:Attention(x,w,b)",
        "y = com.microsoft:Attention(x,w,b,length)", "y = com.microsoft:Attention(x,w,b,mask)",
        "y = com.microsoft:MultiHeadAttention(q,q,v,-,mask)",
        "y = com.microsoft:MultiHeadAttention(q,q,v)" };
    const double want[][2] = { { 4, 4 }, { 2, 2 }, { 6, 6 }, { 6, 6 }, { 2, 4 } };

    (void)state;
    for (size_t k = 0; k < sizeof line / sizeof *line; k++) {
        struct message g = { 0 }, n = m_node(line[k]);

        m_weight(&g, "flat", RD_F32, 3, (double[]){ 0, 0, 2 });
        m_weight(&g, "b", RD_F32, 3, (double[]){ 0, 5, 0 });
        m_weight(&g, "zero", RD_F32, -1, (double[]){ 0 });
        m_weight(&g, "two", RD_F32, -1, (double[]){ 2 });
        m_weight(&g, "wide", RD_I64, 2, (double[]){ 1, 3 });
        m_weight(&g, "ones", RD_I64, 2, (double[]){ 1, 2 });
        m_weight(&g, "length", RD_I32, 1, (double[]){ 1 });
        m_weight(&g, "second", RD_I32, 2, (double[]){ 0, 1 });
        m_input(&g, "x", RD_F32, "1,2,1");
        m_line(&g, "w = Reshape(flat,wide)");
        m_line(&g, "mask = Reshape(second,ones)");
        m_line(&g, "q = Mul(x,zero)");
        m_line(&g, "v = Mul(x,two)");
        m_int(&n, "num_heads", 1);
        if (k == 4)
            m_int(&n, "unidirectional", 1);
        m_add(&g, 1, &n);
        m_output(&g, "y");
        answers(&g, 17, "1,2,1", (double[]){ 1, 3 }, want[k]);
    }
}

static void what_is_not_known_is_named(void **state)
{
    struct message g = { 0 }, extra = imports(), n;

    (void)state;
    m_input(&g, "x", RD_F32, "2");
    m_line(&g, "y = com.microsoft:MatMulNBits(x,x)");
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "(MatMulNBits): operator 'MatMulNBits'");

    extra = imports();
    m_input(&g, "x", RD_F32, "1,2,1");
    m_line(&g, "y = com.microsoft:Attention(x,x)");
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "num_heads");

    extra = imports();
    m_input(&g, "x", RD_F32, "1,2,1");
    m_line(&g, "y = com.microsoft:MultiHeadAttention(x,x,x,-,-,-,x,x)");
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "input 6, what was before");

    extra = imports();
    m_input(&g, "x", RD_F32, "2");
    n = m_node("y = com.microsoft:FusedMatMul(x,x)");
    m_int(&n, "transC", 1);
    m_add(&g, 1, &n);
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "transC");

    extra = imports();
    m_input(&g, "x", RD_U8, "2");
    m_input(&g, "s", RD_F32, "");
    m_line(&g, "y = com.microsoft:QLinearAdd(x,s,-,x,s,-,s)");
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "zero point");

    extra = imports();
    m_input(&g, "x", RD_F32, "2");
    m_line(&g, "y = com.microsoft:FusedMatMul(x)");
    m_output(&g, "y");
    m_refused(&g, 17, &extra, RD_E_INPUT, "inputs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(quantized_arithmetic, release),
        cmocka_unit_test_teardown(a_quantized_softmax, release),
        cmocka_unit_test_teardown(fused_products, release),
        cmocka_unit_test_teardown(normalizations, release),
        cmocka_unit_test_teardown(gelus, release),
        cmocka_unit_test_teardown(products_quantized_at_run_time, release),
        cmocka_unit_test_teardown(attention, release),
        cmocka_unit_test_teardown(what_is_not_known_is_named, release),
    };

    return cmocka_run_group_tests_name("dialect", tests, NULL, NULL);
}
