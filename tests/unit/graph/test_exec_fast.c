/*
 * test_exec_fast.c - the executor with kernels against the executor without: sequence models built
 * by hand, forward and backward to the input and to every weight, in float32.
 *
 * Both compute the same sums of at most a few hundred products in float32 or float64 and functions
 * within a few units of 2^-24; what they may differ by is 3e-5 of the largest number. A second and
 * third run go through buffers that hold another run's numbers, and must give the same bits.
 */
#include "hand_graph.h"

#include "graph/exec.h"
#include "tensor/kernel.h"

enum { ROWS = 3, NETS = 5 };

struct answer {
    struct rd_tensor *out, **grad; /* grad: per value; NULL: none */
};

/* Inputs and weights, but for single numbers: the exponent of Pow is left alone as in models. */
static bool is_wanted(const struct rd_graph_value *v)
{
    return v->dtype == RD_F32 && v->producer < 0 && v->ndim > 0;
}

static struct answer ask(
    const struct rd_exec *exec, const struct rd_graph *g, struct rd_rng rng, struct rd_arena *arena)
{
    struct answer a = { .grad = RD_NEW_ARRAY(arena, struct rd_tensor *, g->n_values) };
    const struct rd_graph_value *v = &g->value[g->input[0]];
    struct rd_tensor in = { .dtype = RD_F32, .ndim = v->ndim }, cot;
    const struct rd_tensor *ins[] = { &in }, *cots[] = { &cot };
    bool *want = RD_NEW_ARRAY(arena, bool, g->n_values);
    struct rd_exec_pass *pass;
    struct rd_error err = { 0 };

    memcpy(in.dim, v->dim, sizeof in.dim);
    in.dim[0] = ROWS;
    in.data = RD_NEW_ARRAY(arena, float, rd_tensor_count(&in));
    for (size_t i = 0; i < rd_tensor_count(&in); i++)
        ((float *)in.data)[i] = rd_rng_unit_float(&rng) * 2 - 1;
    if (rd_exec_keep(exec, ins, 1, arena, &pass, &a.out, &err))
        fail_msg("%s", err.frame[0].text);
    cot = *a.out;
    cot.data = RD_NEW_ARRAY(arena, float, rd_tensor_count(&cot));
    for (size_t i = 0; i < rd_tensor_count(&cot); i++)
        ((float *)cot.data)[i] = rd_rng_unit_float(&rng) * 2 - 1;
    for (size_t k = 0; k < g->n_values; k++)
        want[k] = is_wanted(&g->value[k]);
    if (rd_exec_back(exec, pass, cots, want, arena, a.grad, &err))
        fail_msg("%s", err.frame[0].text);
    return a;
}

static void near(
    const struct rd_tensor *got, const struct rd_tensor *want, const char *what, int net, size_t v)
{
    const float *a = got->data, *b = want->data;
    float scale = 1; /* some gradients are long sums that cancel: a key's bias shifts all scores */

    for (size_t i = 0; i < rd_tensor_count(want); i++)
        scale = fabsf(b[i]) > scale ? fabsf(b[i]) : scale;
    for (size_t i = 0; i < rd_tensor_count(want); i++)
        if (!(fabsf(a[i] - b[i]) <= 3e-5f * scale))
            fail_msg("%s, net %d, value %zu, element %zu: %.9g, not %.9g (scale %.3g)", what, net,
                v, i, (double)a[i], (double)b[i], (double)scale);
}

/* --- the nets --- */

static int since(struct hand *h, int y, const char *op, int64_t opset)
{
    struct rd_graph_node *n = &h->g->node[h->g->value[y].producer];

    n->op = op;
    n->opset = opset;
    n->row = rd_op_find("", op, opset, NULL);
    assert_non_null(n->row);
    return y;
}

static int layer_norm(struct hand *h, int x, int64_t n)
{
    const int in[] = { x, hand_weight(h, 1, &n, 1, 0.3f), hand_weight(h, 1, &n, 0, 0.3f) };
    const int y = hand_node(h, "Sum", in, 3, NULL, 0);

    return since(h, y, "LayerNormalization", 17);
}

static int turned(struct hand *h, int x, const int64_t *perm)
{
    const struct rd_attr attr = hand_list(h, "perm", 4, perm);

    return hand_node(h, "Transpose", &x, 1, &attr, 1);
}

static int heads(struct hand *h, int x, int64_t steps, int64_t n, int64_t size)
{
    const int64_t shape[] = { 0, steps, n, size };
    const int y = hand_binary(
        h, "Reshape", hand_matmul(h, x, n * size, n * size, true), hand_ints(h, 4, shape));

    return turned(h, y, (int64_t[]){ 0, 2, 1, 3 });
}

/* An encoder's layer as exporters write it: heads by Transpose, scale, softmax, residuals. */
static int encoder(struct hand *h, int x, int64_t steps, int64_t n, int64_t size, const char *act)
{
    const int64_t wide = n * size, flat[] = { 0, steps, wide };
    const int q = heads(h, x, steps, n, size), k = heads(h, x, steps, n, size);
    const int v = heads(h, x, steps, n, size);
    const int64_t one = 1;
    int y = hand_binary(h, "MatMul", q, turned(h, k, (int64_t[]){ 0, 1, 3, 2 }));

    y = hand_binary(h, "Mul", y, hand_weight(h, 1, &one, 0.4f, 0));
    y = hand_binary(h, "Add", y, hand_weight(h, 2, (int64_t[]){ steps, steps }, 0, 1));
    y = hand_node(h, "Softmax", &y, 1, (struct rd_attr[]){ hand_i("axis", -1) }, 1);
    y = hand_binary(h, "MatMul", y, v);
    y = hand_binary(h, "Reshape", turned(h, y, (int64_t[]){ 0, 2, 1, 3 }), hand_ints(h, 3, flat));
    x = layer_norm(h, hand_binary(h, "Add", x, hand_matmul(h, y, wide, wide, true)), wide);
    y = hand_matmul(h, x, wide, 2 * wide, true);
    y = !strcmp(act, "Gelu") ? since(h, hand_unary(h, "Relu", y), "Gelu", 20)
                             : hand_unary(h, act, y);
    y = hand_matmul(h, y, 2 * wide, wide, true);
    return layer_norm(h, hand_binary(h, "Add", y, x), wide);
}

static struct rd_graph *net_of(int which, struct rd_arena *arena)
{
    struct hand h;
    int x, y, z;

    hand_begin(&h, arena, RD_F32);
    switch (which) {
    case 0:
    case 1:
        x = hand_input(&h, 3, (int64_t[]){ -1, 17, 24 });
        x = encoder(&h, x, 17, 4, 6, which ? "Gelu" : "Tanh");
        return hand_end(&h, encoder(&h, x, 17, 2, 12, "Sigmoid"));
    case 2: /* one value read three times, differences and quotients, repeated rows and columns */
        x = hand_input(&h, 3, (int64_t[]){ -1, 5, 33 });
        y = hand_binary(&h, "Sub", x, hand_weight(&h, 2, (int64_t[]){ 5, 1 }, 0, 1));
        y = hand_binary(&h, "Div", y, hand_weight(&h, 1, (int64_t[]){ 33 }, 2, 0.5f));
        y = hand_binary(&h, "Mul", y, y);
        y = hand_binary(&h, "Add", y, x);
        y = hand_binary(&h, "Add", y, y);
        y = hand_binary(&h, "Div", hand_unary(&h, "Exp", x),
            hand_binary(&h, "Add", y, hand_weight(&h, 1, (int64_t[]){ 1 }, 9, 0)));
        y = hand_binary(&h, "Sub", hand_unary(&h, "Erf", x), y);
        z = hand_node(&h, "ReduceMean", &y, 1,
            (struct rd_attr[]){ hand_list(&h, "axes", 1, (int64_t[]){ -1 }) }, 1);
        y = hand_binary(&h, "Sub", y, z); /* a variance, and a mean over the middle axis */
        z = hand_binary(&h, "Pow", y, hand_weight(&h, 0, (int64_t[]){ 1 }, 2, 0));
        z = hand_node(&h, "ReduceMean", &z, 1,
            (struct rd_attr[]){ hand_list(&h, "axes", 1, (int64_t[]){ 1 }) }, 1);
        y = hand_binary(&h, "Mul", y, z);
        return hand_end(
            &h, hand_node(&h, "LogSoftmax", &y, 1, (struct rd_attr[]){ hand_i("axis", -1) }, 1));
    case 3: { /* views of one value, one of them the output's own */
        const struct rd_attr flat = hand_i("axis", 1);

        x = hand_input(&h, 3, (int64_t[]){ -1, 4, 8 });
        y = hand_node(&h, "Flatten", &x, 1, &flat, 1);
        x = hand_binary(&h, "Reshape", hand_matmul(&h, y, 32, 32, false),
            hand_ints(&h, 3, (int64_t[]){ 0, 8, 4 }));
        y = hand_binary(&h, "Add", y, hand_node(&h, "Flatten", &x, 1, &flat, 1));
        return hand_end(&h, hand_unary(&h, "Identity", hand_unary(&h, "Softplus", y)));
    }
    default: { /* two LSTMs and a GRU over steps, as exporters write them */
        const int64_t n = 20, in = 6;
        const struct rd_attr size = hand_i("hidden_size", n), axis = hand_i("axis", 0);
        const struct rd_attr perm = hand_list(&h, "perm", 3, (int64_t[]){ 1, 0, 2 });

        x = hand_input(&h, 3, (int64_t[]){ -1, 9, in });
        y = hand_node(&h, "Transpose", &x, 1, &perm, 1);
        for (int layer = 0; layer < 3; layer++) {
            const int64_t gates = layer < 2 ? 4 : 3, from = layer ? n : in;
            const int args[] = { y, hand_weight(&h, 3, (int64_t[]){ 1, gates * n, from }, 0, 0.3f),
                hand_weight(&h, 3, (int64_t[]){ 1, gates * n, n }, 0, 0.3f),
                hand_weight(&h, 2, (int64_t[]){ 1, 2 * gates * n }, 0, 0.3f) };

            y = hand_node(&h, layer < 2 ? "LSTM" : "GRU", args, 4, &size, 1);
            y = hand_binary(&h, "Squeeze", y, hand_ints(&h, 1, (int64_t[]){ 1 }));
        }
        y = hand_node(&h, "Gather", (int[]){ y, hand_ints(&h, 1, (int64_t[]){ 8 }) }, 2, &axis, 1);
        return hand_end(&h, hand_binary(&h, "Squeeze", y, hand_ints(&h, 1, (int64_t[]){ 0 })));
    }
    }
}

static void kernels_answer_as_the_plain_loops(void **state)
{
    (void)state;
    for (int net = 0; net < NETS; net++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const struct rd_graph *g = net_of(net, &arena);
        struct rd_exec *exec;
        struct answer want;

        assert_int_equal(rd_exec_open(g, NULL, NULL, &exec, NULL), RD_OK);
        want = ask(exec, g, rd_rng_stream(1, "test/exec", 0), &arena);
        rd_exec_free(exec);
        for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
            struct answer got[3];

            assert_int_equal(rd_exec_open(g, *k, NULL, &exec, NULL), RD_OK);
            for (int run = 0; run < 3; run++) {
                struct rd_arena own = RD_ARENA_INIT; /* other numbers into the buffers */

                got[run] = ask(exec, g, rd_rng_stream(1, "test/exec", 0), &arena);
                (void)ask(exec, g, rd_rng_stream(2, "test/exec", (uint64_t)run), &own);
                rd_arena_release(&own);
                near(got[run].out, want.out, (*k)->name, net, 0);
                assert_memory_equal(
                    got[run].out->data, got[0].out->data, rd_tensor_bytes(want.out));
                for (size_t v = 0; v < g->n_values; v++) {
                    if (!is_wanted(&g->value[v]))
                        continue;
                    near(got[run].grad[v], want.grad[v], (*k)->name, net, v);
                    assert_memory_equal(got[run].grad[v]->data, got[0].grad[v]->data,
                        rd_tensor_bytes(want.grad[v]));
                }
            }
            rd_exec_free(exec);
        }
        rd_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_answer_as_the_plain_loops),
    };

    return cmocka_run_group_tests_name("exec fast", tests, NULL, NULL);
}
