/* A batch cut over the pool answers as it does in one piece, words included; what cannot be cut is
 * not. */
#include "hand_graph.h"

#include "base/pool.h"
#include "graph/net.h"

enum { ROWS = 1000, WIDTH = 3 };

/* "yes" or "no" for each number, and three times the number. whole: less its mean over the batch.
 */
static struct rd_graph *two_answers(struct hand *h, struct rd_arena *arena, bool whole)
{
    static const char *const words[] = { "yes", "no" };
    struct rd_tensor *t;
    int x, word[2], zero, mean, *out = RD_NEW_ARRAY(arena, int, 2);

    hand_begin(h, arena, RD_F32);
    x = hand_input(h, 2, (int64_t[]){ -1, WIDTH });
    for (int i = 0; i < 2; i++) {
        t = hand_tensor(h, RD_STRING, 1, (int64_t[]){ 1 }, &word[i]);
        ((const char **)t->data)[0] = words[i];
    }
    (void)hand_tensor(h, RD_F32, 1, (int64_t[]){ 1 }, &zero);
    out[1] = hand_binary(h, "Mul", x, hand_weight(h, 1, (int64_t[]){ 1 }, 3, 0));
    if (whole) {
        mean = hand_node(h, "ReduceMean", &out[1], 1,
            (struct rd_attr[]){ hand_list(h, "axes", 1, (int64_t[]){ 0 }) }, 1);
        out[1] = hand_binary(h, "Sub", out[1], mean);
    }
    out[0] = hand_node(
        h, "Where", (int[]){ hand_binary(h, "Greater", x, zero), word[0], word[1] }, 3, NULL, 0);
    (void)hand_end(h, out[0]);
    h->g->output = out;
    h->g->n_outputs = 2;
    return h->g;
}

static void pieces_answer_as_the_whole(void **state)
{
    static float x[ROWS * WIDTH];
    struct rd_tensor in = { .dtype = RD_F32, .ndim = 2, .dim = { ROWS, WIDTH }, .data = x };
    const struct rd_tensor *inputs[] = { &in };

    (void)state;
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    for (int whole = 0; whole < 2; whole++) {
        struct rd_tensor *out[2][2];
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct hand h;
        const struct rd_graph *g = two_answers(&h, &arena, whole);

        for (size_t threads = 1; threads <= 2; threads++) {
            struct rd_pool *pool;
            struct rd_net *net;

            assert_int_equal(rd_pool_new(threads == 1 ? 1 : 3, &pool, &err), RD_OK);
            if (rd_net_open(g, pool, &net, &err) ||
                rd_net_run(net, inputs, 1, &arena, out[threads - 1], &err))
                fail_msg("%s", err.frame[0].text);
            rd_net_free(net); /* answers outlive it */
            rd_pool_free(pool);
        }
        for (int o = 0; o < 2; o++) {
            assert_int_equal(out[0][o]->dim[0], ROWS);
            assert_int_equal(out[1][o]->dim[0], ROWS);
        }
        assert_memory_equal(out[0][1]->data, out[1][1]->data, sizeof x);
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            const char *const want = x[i] > 0 ? "yes" : "no";

            assert_string_equal(((const char *const *)out[0][0]->data)[i], want);
            assert_string_equal(((const char *const *)out[1][0]->data)[i], want);
        }
        rd_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_answer_as_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
