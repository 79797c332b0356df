/* Tensors of less than a byte an element, as files hold them: packed, the first in the low bits. */
#include "support.h"

#include "graph/graph.h"

#include <string.h>

/* dims 3, data_type int4 (22) or int2 (26), then raw_data (9) or int32_data (5). */
static rd_status parse(const unsigned char *bytes, size_t n, struct rd_arena *arena,
    struct rd_tensor **out, struct rd_error *err)
{
    return rd_graph_tensor_parse("t", bytes, n, NULL, arena, out, err);
}

static void packed_elements_are_read_from_both_stores(void **state)
{
    static const unsigned char raw[] = { 0x08, 3, 0x10, 22, 0x4a, 2, 0xf1, 0x08 };
    static const unsigned char list[] = { 0x08, 3, 0x10, 22, 0x2a, 3, 0xf1, 0x01, 0x08 };
    static const unsigned char two[] = { 0x08, 3, 0x10, 26, 0x4a, 1, 0x39 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_tensor *t = NULL;

    (void)state;
    assert_int_equal(parse(raw, sizeof raw, &arena, &t, NULL), RD_OK);
    assert_int_equal(t->dtype, RD_I4);
    assert_memory_equal(t->data, ((const int8_t[]){ 1, -1, -8 }), 3);
    assert_int_equal(parse(list, sizeof list, &arena, &t, NULL), RD_OK);
    assert_memory_equal(t->data, ((const int8_t[]){ 1, -1, -8 }), 3);
    assert_int_equal(parse(two, sizeof two, &arena, &t, NULL), RD_OK);
    assert_memory_equal(t->data, ((const int8_t[]){ 1, -2, -1 }), 3);
    rd_arena_release(&arena);
}

static void wrong_sizes_are_refused(void **state)
{
    static const unsigned char too_long[] = { 0x08, 3, 0x10, 22, 0x4a, 3, 0xf1, 0x08, 0 };
    static const unsigned char short_list[] = { 0x08, 3, 0x10, 22, 0x2a, 1, 0x01 };
    static const unsigned char no_byte[] = { 0x08, 1, 0x10, 22, 0x2a, 2, 0x80, 0x02 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { .status = RD_OK };
    struct rd_tensor *t = NULL;

    (void)state;
    assert_int_equal(parse(too_long, sizeof too_long, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "int4 of shape (3,) takes 2 bytes, its data has 3"));
    assert_int_equal(parse(short_list, sizeof short_list, &arena, &t, NULL), RD_E_INPUT);
    memset(&err, 0, sizeof err);
    assert_int_equal(parse(no_byte, sizeof no_byte, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "entry 0 of int32_data is 256, which is no byte"));
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_elements_are_read_from_both_stores),
        cmocka_unit_test(wrong_sizes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
