/* test_tensor.c - shapes, sizes, limits and conversion to float32. */
#include "support.h"

#include "base/alloc.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void element_types_have_onnx_sizes_and_numpy_names(void **state)
{
    (void)state;
    assert_int_equal(rd_dtype_size(RD_F32), 4);
    assert_int_equal(rd_dtype_size(RD_F64), 8);
    assert_int_equal(rd_dtype_size(RD_BF16), 2);
    assert_int_equal(rd_dtype_size(RD_BOOL), 1);
    assert_int_equal(rd_dtype_size(RD_DTYPE_NONE), 0);
    assert_int_equal(rd_dtype_size((enum rd_dtype)14), 0); /* complex64: not ours */
    assert_int_equal(rd_dtype_size((enum rd_dtype)999), 0);
    assert_string_equal(rd_dtype_name(RD_I64), "int64");
    assert_string_equal(rd_dtype_name((enum rd_dtype)999), "unknown type");
}

static void a_shape_counts_its_elements_and_refuses_overflow(void **state)
{
    const int64_t huge[] = { INT64_C(1) << 40, INT64_C(1) << 40 }, bad[] = { 3, -1 };
    const int64_t some[] = { 2, 3, 4 }, none[] = { 5, 0, 7 };
    const int64_t hidden[] = { INT64_C(1) << 40, 0, INT64_C(1) << 40 };
    size_t n = 77;

    (void)state;
    assert_true(rd_shape_count(some, 3, &n));
    assert_int_equal(n, 24);
    assert_true(rd_shape_count(NULL, 0, &n));
    assert_int_equal(n, 1);
    assert_true(rd_shape_count(none, 3, &n));
    assert_int_equal(n, 0);
    n = 77;
    assert_false(rd_shape_count(huge, 2, &n));
    assert_false(rd_shape_count(hidden, 3, &n));
    assert_false(rd_shape_count(bad, 2, &n));
    assert_false(rd_shape_count(some, RD_MAX_DIMS + 1, &n));
    assert_int_equal(n, 77);
}

static void shapes_are_shown_as_tuples(void **state)
{
    const int64_t d[] = { 8, 1, 28, 28 };
    char out[32], tiny[6];

    (void)state;
    assert_string_equal(rd_shape_text(d, 4, out, sizeof out), "(8, 1, 28, 28)");
    assert_string_equal(rd_shape_text(d, 1, out, sizeof out), "(8,)");
    assert_string_equal(rd_shape_text(d, 0, out, sizeof out), "()");
    assert_int_equal(strlen(rd_shape_text(d, 4, tiny, sizeof tiny)), 5);
}

static void a_new_tensor_is_zeroed_and_aligned(void **state)
{
    const int64_t d[] = { 3, 5 };
    struct rd_tensor *t;

    (void)state;
    assert_int_equal(rd_tensor_new(&arena, RD_F64, d, 2, NULL, &t, NULL), RD_OK);
    assert_int_equal(rd_tensor_bytes(t), 120);
    assert_int_equal((uintptr_t)t->data % 64, 0);
    for (size_t i = 0; i < 15; i++)
        assert_true(((double *)t->data)[i] == 0);
}

static void empty_tensors_have_a_data_pointer(void **state)
{
    const int64_t d[] = { 0, 5 };
    struct rd_tensor *t;

    (void)state;
    assert_int_equal(rd_tensor_new(&arena, RD_F32, d, 2, NULL, &t, NULL), RD_OK);
    assert_int_equal(rd_tensor_count(t), 0);
    assert_non_null(t->data);
}

static void too_large_negative_or_deep_shapes_are_refused(void **state)
{
    const int64_t big[] = { 1024, 1024 }, over[] = { INT64_C(1) << 60, 32 }, neg[] = { 2, -2 };
    const int64_t deep[RD_MAX_DIMS + 1] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    struct rd_limits small = rd_limits_default;
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    (void)state;
    small.tensor_bytes = 1024 * 1024 * 4 - 1;
    assert_int_equal(rd_tensor_new(&arena, RD_F32, big, 2, &small, &t, &err), RD_E_LIMIT);
    assert_non_null(strstr(err.frame[0].text, "(1024, 1024)"));
    assert_int_equal(rd_tensor_new(&arena, RD_F32, over, 2, NULL, &t, NULL), RD_E_LIMIT);
    assert_int_equal(rd_tensor_new(&arena, RD_F32, neg, 2, NULL, &t, NULL), RD_E_INPUT);
    assert_int_equal(rd_tensor_new(&arena, RD_F32, deep, 9, NULL, &t, NULL), RD_E_INPUT);
    assert_int_equal(rd_tensor_new(&arena, RD_DTYPE_NONE, big, 2, NULL, &t, NULL), RD_E_USAGE);
    assert_null(t);
    rd_alloc_fail_at(1);
    assert_int_equal(rd_tensor_new(&arena, RD_F32, big, 2, NULL, &t, NULL), RD_E_MEMORY);
    rd_alloc_fail_at(0);
    assert_null(t);
}

static const float *converted(enum rd_dtype type, const void *data, int64_t n, double scale)
{
    struct rd_tensor t = { .dtype = type, .ndim = 1, .dim = { n }, .data = (void *)data }, *out;

    assert_int_equal(rd_tensor_to_f32(&t, scale, &arena, &out, NULL), RD_OK);
    assert_int_equal(out->dtype, RD_F32);
    assert_int_equal(out->dim[0], n);
    return out->data;
}

static void integers_convert_with_a_scale(void **state)
{
    const uint8_t u8[] = { 0, 51, 255 };
    const int16_t i16[] = { -32768, 7 };
    const int64_t i64[] = { -3, INT64_C(1) << 40 };
    const uint8_t truth[] = { 0, 1, 2 };
    const float *f = converted(RD_U8, u8, 3, 1.0 / 255);

    (void)state;
    assert_true(f[0] == 0 && f[1] == 0.2f && f[2] == 1);
    f = converted(RD_I16, i16, 2, 1);
    assert_true(f[0] == -32768 && f[1] == 7);
    f = converted(RD_I64, i64, 2, 0.5);
    assert_true(f[0] == -1.5f && f[1] == 0x1p39f);
    f = converted(RD_BOOL, truth, 3, 1);
    assert_true(f[0] == 0 && f[1] == 1 && f[2] == 1);
}

/* Bit patterns and values from IEEE 754-2019, table 3.5 and its examples. */
static void half_precision_converts_exactly(void **state)
{
    const uint16_t half[] = { 0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000, 0x7c00, 0x7e00 };
    const uint16_t brain[] = { 0x3f80, 0xc049 };
    const float *f = converted(RD_F16, half, 8, 1);

    (void)state;
    assert_true(f[0] == 1 && f[1] == -2 && f[2] == 65504);
    assert_true(f[3] == 0x1p-24f && f[4] == 0x1p-14f);
    assert_true(f[5] == 0 && signbit(f[5]));
    assert_true(isinf(f[6]) && isnan(f[7]));
    f = converted(RD_BF16, brain, 2, 1);
    assert_true(f[0] == 1 && f[1] == -3.140625f);
}

static void unaligned_data_converts(void **state)
{
    unsigned char raw[1 + 2 * sizeof(double)];
    const double v[] = { 0.5, -1e10 };
    const float *f;

    (void)state;
    memcpy(raw + 1, v, sizeof v);
    f = converted(RD_F64, raw + 1, 2, 1);
    assert_true(f[0] == 0.5f && f[1] == -1e10f);
}

static void strings_are_not_numbers(void **state)
{
    const char *const text[] = { "a" };
    struct rd_tensor t = { .dtype = RD_STRING, .ndim = 1, .dim = { 1 }, .data = (void *)text },
                     *out;

    (void)state;
    assert_int_equal(rd_tensor_to_f32(&t, 1, &arena, &out, NULL), RD_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(element_types_have_onnx_sizes_and_numpy_names),
        cmocka_unit_test(a_shape_counts_its_elements_and_refuses_overflow),
        cmocka_unit_test(shapes_are_shown_as_tuples),
        cmocka_unit_test(a_new_tensor_is_zeroed_and_aligned),
        cmocka_unit_test(empty_tensors_have_a_data_pointer),
        cmocka_unit_test(too_large_negative_or_deep_shapes_are_refused),
        cmocka_unit_test(integers_convert_with_a_scale),
        cmocka_unit_test(half_precision_converts_exactly),
        cmocka_unit_test(unaligned_data_converts),
        cmocka_unit_test(strings_are_not_numbers),
    };

    return cmocka_run_group_tests_name("tensor", tests, NULL, release);
}
