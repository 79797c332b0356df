/* test_boxed.c - sequences, optionals and maps: names of types, copies as deep as they go. */
#include "support.h"

#include "tensor/boxed.h"

#include <string.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static struct rd_tensor *tensor(enum rd_dtype dtype, int64_t n)
{
    struct rd_tensor *t;

    assert_int_equal(rd_tensor_new(&arena, dtype, &n, 1, NULL, &t, NULL), RD_OK);
    return t;
}

/* {"a": 1, "b": 2} */
static struct rd_tensor *small_map(void)
{
    struct rd_boxed *box = rd_boxed_new(&arena, RD_I64, 2);

    box->item[0] = tensor(RD_STRING, 2);
    box->item[1] = tensor(RD_I64, 2);
    ((const char **)box->item[0]->data)[0] = "a";
    ((const char **)box->item[0]->data)[1] = "b";
    ((int64_t *)box->item[1]->data)[0] = 1;
    ((int64_t *)box->item[1]->data)[1] = 2;
    return rd_boxed_tensor(&arena, RD_MAP, box);
}

static void types_are_named_down_to_their_elements(void **state)
{
    struct rd_boxed *maps = rd_boxed_new(&arena, RD_MAP, 1);
    struct rd_boxed *none = rd_boxed_new(&arena, RD_F32, 0);
    struct rd_boxed *one = rd_boxed_new(&arena, RD_SEQUENCE, 1);
    const struct rd_tensor unknown = { .dtype = RD_SEQUENCE };
    char text[80];

    (void)state;
    maps->item[0] = small_map();
    one->item[0] = rd_boxed_tensor(&arena, RD_SEQUENCE, none);
    assert_string_equal(
        rd_boxed_type_text(one->item[0], text, sizeof(text)), "sequence of float32");
    assert_string_equal(
        rd_boxed_type_text(rd_boxed_tensor(&arena, RD_OPTIONAL, one), text, sizeof(text)),
        "optional sequence of float32");
    assert_string_equal(
        rd_boxed_type_text(rd_boxed_tensor(&arena, RD_SEQUENCE, maps), text, sizeof(text)),
        "sequence of map of string to int64");
    assert_string_equal(rd_boxed_type_text(&unknown, text, sizeof(text)), "sequence");
    assert_string_equal(rd_boxed_type_text(tensor(RD_F64, 1), text, sizeof(text)), "float64");
}

static void a_copy_shares_nothing_with_what_it_was_made_from(void **state)
{
    struct rd_arena other = RD_ARENA_INIT;
    const struct rd_tensor *from = small_map();
    const struct rd_tensor *copy = rd_tensor_copy(&other, from);
    const struct rd_boxed *box = rd_boxed_of(copy);

    (void)state;
    rd_boxed_of(from)->item[1]->dim[0] = 1;
    ((int64_t *)rd_boxed_of(from)->item[1]->data)[0] = 7;
    ((const char **)rd_boxed_of(from)->item[0]->data)[0] = "changed";
    assert_int_equal(copy->dtype, RD_MAP);
    assert_int_equal(rd_tensor_count(copy), 1);
    assert_int_equal(box->n, 2);
    assert_int_equal(box->item_dtype, RD_I64);
    assert_string_equal(((const char *const *)box->item[0]->data)[0], "a");
    assert_int_equal(box->item[1]->dim[0], 2);
    assert_int_equal(((const int64_t *)box->item[1]->data)[0], 1);
    rd_arena_release(&other);
}

static void boxes_are_no_numbers(void **state)
{
    struct rd_tensor *out;

    (void)state;
    assert_int_equal(rd_tensor_to_f32(small_map(), 1, &arena, &out, NULL), RD_E_INPUT);
    assert_null(rd_boxed_of(tensor(RD_F32, 1)));
    assert_true(rd_tensor_deep_bytes(small_map()) > 2 * sizeof(int64_t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_named_down_to_their_elements),
        cmocka_unit_test(a_copy_shares_nothing_with_what_it_was_made_from),
        cmocka_unit_test(boxes_are_no_numbers),
    };

    return cmocka_run_group_tests_name("boxed", tests, NULL, release);
}
