/* The idx format: all its types, and files that claim what they do not hold. */
#include "support.h"

#include "data/array.h"
#include "data/idx.h"

#include <string.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const struct rd_tensor *parsed(const void *bytes, size_t size)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    if (rd_idx_parse("x", bytes, size, NULL, &arena, &t, &err))
        fail_msg("refused: %s", err.frame[0].text);
    return t;
}

static void refuse(const void *bytes, size_t size, const char *want)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    assert_int_equal(rd_idx_parse("x", bytes, size, NULL, &arena, &t, &err), RD_E_INPUT);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_true(arena.used == 0);
}

static void all_types_are_read_from_big_endian(void **state)
{
    const struct rd_tensor *t;

    (void)state;
    t = parsed("\0\0\x08\2\0\0\0\2\0\0\0\3abcdef", 18);
    assert_int_equal(t->dtype, RD_U8);
    assert_int_equal(t->ndim, 2);
    assert_int_equal(t->dim[1], 3);
    assert_memory_equal(t->data, "abcdef", 6);
    t = parsed("\0\0\x09\1\0\0\0\1\xff", 9);
    assert_int_equal(*(const int8_t *)t->data, -1);
    t = parsed("\0\0\x0B\1\0\0\0\1\1\2", 10);
    assert_int_equal(*(const int16_t *)t->data, 258);
    t = parsed("\0\0\x0C\1\0\0\0\1\xff\xff\xff\xfe", 12);
    assert_int_equal(*(const int32_t *)t->data, -2);
    t = parsed("\0\0\x0D\1\0\0\0\1\x3f\x80\0\0", 12);
    assert_true(*(const float *)t->data == 1.0f);
    t = parsed("\0\0\x0E\1\0\0\0\1\xc0\0\0\0\0\0\0\0", 16);
    assert_true(*(const double *)t->data == -2.0);
}

static void lies_and_cuts_are_refused(void **state)
{
    static const char good[] = "\0\0\x08\2\0\0\0\2\0\0\0\3abcdef";

    (void)state;
    for (size_t cut = 0; cut < 18; cut++) {
        char *part = test_malloc(cut + 1); /* a sanitizer sees what is read behind it */
        memcpy(part + 1, good, cut);
        refuse(part + 1, cut, cut < 4 ? "no idx" : cut < 12 ? "cut short" : "claims");
        test_free(part);
    }
    refuse("\0\0\x08\1\xff\xff\xff\xff"
           "x",
        9, "claims (4294967295,) of uint8, but only 1 bytes of data are there");
    refuse("\0\0\x0E\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
           "x",
        17, "claims");
    refuse("\0\0\x08\1\0\0\0\1ab", 10, "1 bytes behind");
    refuse("\0\0\x0A\1\0\0\0\1a", 9, "no idx file");
    refuse("\0\0\x08\0a", 5, "no idx file");
    refuse("\0\0\x08\x09\0\0\0\1", 8, "9 dimensions; at most 8");
}

static void mnist_is_read_through_gzip(void **state)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    (void)state;
    if (rd_array_read("../shared/data/images/mnist/t10k-images-idx3-ubyte.gz", NULL, &arena, &t,
            &err) == RD_E_NOTFOUND)
        skip();
    assert_int_equal(t->ndim, 3);
    assert_int_equal(t->dim[0], 10000);
    assert_int_equal(t->dim[1], 28);
    assert_int_equal(t->dtype, RD_U8);
    assert_int_equal(rd_array_read("../shared/data/images/mnist/t10k-labels-idx1-ubyte.gz", NULL,
                         &arena, &t, &err),
        RD_OK);
    assert_int_equal(((const uint8_t *)t->data)[0], 7); /* the first test image is a 7 */
}

static void files_are_told_apart_by_content(void **state)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    (void)state;
    assert_int_equal(
        rd_array_parse("x.npy", NULL, "\0\0\x08\1\0\0\0\1a", 9, NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(
        rd_array_parse("x.npy", NULL, "hello world", 11, NULL, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "no .npy, .npz or idx file"));
    assert_int_equal(rd_array_parse("x.npy", NULL, "", 0, NULL, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "is empty"));
    assert_int_equal(
        rd_array_parse("x", "m", "\0\0\x08\1\0\0\0\1a", 9, NULL, &arena, &t, &err), RD_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_types_are_read_from_big_endian, release),
        cmocka_unit_test_teardown(lies_and_cuts_are_refused, release),
        cmocka_unit_test_teardown(mnist_is_read_through_gzip, release),
        cmocka_unit_test_teardown(files_are_told_apart_by_content, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
