/* Tensors of strings: made from numbers, parsed, moved, compared, already while a model is read. */
#include "hand_graph.h"

static int cast(struct hand *h, int from, enum rd_dtype to)
{
    return hand_node(h, "Cast", &from, 1, (struct rd_attr[]){ hand_i("to", to) }, 1);
}

static int words(struct hand *h, int64_t n, const char *const *values)
{
    int v;
    struct rd_tensor *t = hand_tensor(h, RD_STRING, 1, &n, &v);

    memcpy(t->data, values, (size_t)n * sizeof *values);
    return v;
}

static void numbers_become_text_and_text_numbers(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct hand h;
    const char *const *text;
    int numbers, strings, back;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    numbers = hand_ints(&h, 3, (int64_t[]){ 12, -3, INT64_MIN });
    strings = cast(&h, numbers, RD_STRING);
    back = cast(&h, strings, RD_I64);
    hand_end(&h, back);
    text = h.g->value[strings].weight->data;
    assert_string_equal(text[0], "12");
    assert_string_equal(text[1], "-3");
    assert_string_equal(text[2], "-9223372036854775808");
    assert_memory_equal(h.g->value[back].weight->data, h.g->value[numbers].weight->data, 24);
    rd_arena_release(&arena);
}

static void what_is_no_number_is_refused_by_its_place(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct hand h;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    h.io[1] = cast(&h, words(&h, 2, (const char *const[]){ "1e3", "three" }), RD_F32);
    h.g->output = h.io + 1;
    h.g->n_outputs = 1;
    assert_int_equal(rd_graph_infer(h.g, &rd_limits_default, &arena, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "element 1 is no number"));
    rd_arena_release(&arena);
}

static void strings_are_compared_chosen_and_joined(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_attr axis = hand_i("axis", 0);
    const char *const *text;
    struct hand h;
    int a, b, same, chosen, y;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    a = words(&h, 2, (const char *const[]){ "x", "yes" });
    b = words(&h, 1, (const char *const[]){ "yes" });
    same = hand_binary(&h, "Equal", a, b);
    h.g->node[h.g->n_nodes - 1].opset = 19;
    chosen = hand_node(
        &h, "Where", (int[]){ same, a, words(&h, 1, (const char *const[]){ "no" }) }, 3, NULL, 0);
    y = hand_node(&h, "Concat", (int[]){ chosen, b }, 2, &axis, 1);
    hand_end(&h, y);
    text = h.g->value[y].weight->data;
    assert_string_equal(text[0], "no");
    assert_string_equal(text[1], "yes");
    assert_string_equal(text[2], "yes");
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_text_and_text_numbers),
        cmocka_unit_test(what_is_no_number_is_refused_by_its_place),
        cmocka_unit_test(strings_are_compared_chosen_and_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
