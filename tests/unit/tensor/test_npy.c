/* .npy and .npz: every type and order, and headers that lie. */
#include "support.h"

#include "base/file.h"
#include "base/inflate.h"
#include "tensor/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rd_arena arena;
static unsigned char file[4096];
static size_t n_file;

/* A file of this version, header and data; the header as it stands, unpadded. */
static void npy(int version, const char *header, const void *data, size_t size)
{
    const size_t len = strlen(header);

    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    file[8] = (unsigned char)len;
    file[9] = (unsigned char)(len >> 8);
    n_file = 10;
    if (version > 1) {
        file[10] = file[11] = 0;
        n_file = 12;
    }
    memcpy(file + n_file, header, len);
    n_file += len;
    memcpy(file + n_file, data, size);
    n_file += size;
}

static const struct rd_tensor *parsed(void)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    if (rd_npy_parse("x.npy", file, n_file, NULL, &arena, &t, &err))
        fail_msg("refused: %s", err.frame[0].text);
    return t;
}

static void refuse(rd_status status, const char *want)
{
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    assert_int_equal(rd_npy_parse("x.npy", file, n_file, NULL, &arena, &t, &err), status);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_null(t);
}

static void refuse_header(const char *header, const char *want)
{
    npy(1, header, "12345678", 8);
    refuse(RD_E_INPUT, want);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void all_versions_are_read(void **state)
{
    static const float v[6] = { 1, 2, 3, 4, 5, 6.5f };

    (void)state;
    for (int version = 1; version <= 3; version++) {
        npy(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", v,
            sizeof(v));
        const struct rd_tensor *t = parsed();
        assert_int_equal(t->dtype, RD_F32);
        assert_int_equal(t->ndim, 2);
        assert_int_equal(t->dim[0], 2);
        assert_int_equal(t->dim[1], 3);
        assert_memory_equal(t->data, v, sizeof(v));
    }
    npy(4, "{}", v, 0);
    refuse(RD_E_INPUT, "format version 4.0");
}

static void every_number_type_is_read(void **state)
{
    static const struct {
        const char *descr;
        enum rd_dtype dtype;
        size_t size;
    } row[] = {
        { "<f4", RD_F32, 4 },
        { "<f8", RD_F64, 8 },
        { "<f2", RD_F16, 2 },
        { "<i8", RD_I64, 8 },
        { "<i4", RD_I32, 4 },
        { "<i2", RD_I16, 2 },
        { "|i1", RD_I8, 1 },
        { "<u8", RD_U64, 8 },
        { "<u4", RD_U32, 4 },
        { "<u2", RD_U16, 2 },
        { "|u1", RD_U8, 1 },
        { "|b1", RD_BOOL, 1 },
        { "?", RD_BOOL, 1 },
        { "=i4", RD_I32, 4 },
    };
    char header[128];

    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        (void)snprintf(header, sizeof(header),
            "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"%s\"}", row[i].descr);
        npy(1, header, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 2 * row[i].size);
        const struct rd_tensor *t = parsed();
        assert_int_equal(t->dtype, row[i].dtype);
        assert_memory_equal(t->data, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 2 * row[i].size);
    }
    npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", "\0\1\7", 3);
    assert_memory_equal(parsed()->data, "\0\1\1", 3);
}

static void big_endian_numbers_are_swapped(void **state)
{
    (void)state;
    npy(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", "\x3f\x80\0\0\xc0\0\0\0", 8);
    assert_true(((const float *)parsed()->data)[0] == 1.0f);
    assert_true(((const float *)parsed()->data)[1] == -2.0f);
    npy(1, "{'descr': '>i8', 'fortran_order': False, 'shape': ()}", "\0\0\0\0\0\0\1\2", 8);
    assert_true(((const int64_t *)parsed()->data)[0] == 258);
    assert_int_equal(parsed()->ndim, 0);
    npy(1, "{'descr': '>u2', 'fortran_order': True, 'shape': (1, 2)}", "\0\1\2\0", 4);
    assert_int_equal(((const uint16_t *)parsed()->data)[1], 512);
}

/* numpy.arange(24, dtype='u1').reshape(2, 3, 4, order='F') and its C order, from NumPy 1.24. */
static void fortran_order_is_transposed(void **state)
{
    static const unsigned char want[24] = { 0, 6, 12, 18, 2, 8, 14, 20, 4, 10, 16, 22, 1, 7, 13, 19,
        3, 9, 15, 21, 5, 11, 17, 23 };
    unsigned char v[24];

    (void)state;
    for (unsigned char i = 0; i < 24; i++)
        v[i] = i;
    npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}", v, 24);
    assert_memory_equal(parsed()->data, want, 24);
    npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (24,)}", v, 24);
    assert_memory_equal(parsed()->data, v, 24);
    npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 0, 3)}", v, 0);
    assert_int_equal(rd_tensor_count(parsed()), 0);
}

static void other_types_are_refused_by_name(void **state)
{
    (void)state;
    refuse_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "Python objects");
    refuse_header("{'descr': '<U8', 'fortran_order': False, 'shape': (1,)}", "holds text");
    refuse_header("{'descr': '|S8', 'fortran_order': False, 'shape': (1,)}", "holds text");
    refuse_header("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,)}", "dates");
    refuse_header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "complex");
    refuse_header("{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}", "raw bytes");
    refuse_header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "'<f16'");
    refuse_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "records");
}

/* numpy.array(["ab", "", "\u00e9\u20ac", "\U0001f600"]) and its like. */
static void text_is_read_where_it_is_asked_for(void **state)
{
    static const unsigned char little[32] = {
        'a', [4] = 'b', [16] = 0xe9, [20] = 0xac, [21] = 0x20, [25] = 0xf6, [26] = 1
    };
    static const char *const want[] = { "ab", "", "\xc3\xa9\xe2\x82\xac", "\xf0\x9f\x98\x80" };
    static const char *const bad[] = { "a\0bc", "\xff"
                                                "bcd" };
    unsigned char v[32];
    struct rd_tensor *t = NULL;
    struct rd_error err = { 0 };

    (void)state;
    memcpy(v, little, 32);
    for (int big = 0; big < 2; big++) {
        npy(1,
            big ? "{'descr': '>U2', 'fortran_order': False, 'shape': (4,)}"
                : "{'descr': '<U2', 'fortran_order': False, 'shape': (4,)}",
            v, 32);
        assert_int_equal(rd_npy_parse_any("x", file, n_file, NULL, &arena, &t, NULL), RD_OK);
        assert_int_equal(t->dtype, RD_STRING);
        for (int i = 0; i < 4; i++)
            assert_string_equal(((const char **)t->data)[i], want[i]);
        for (int i = 0; i < 32; i++)
            v[i] = little[(i / 4) * 4 + 3 - i % 4];
    }
    npy(1, "{'descr': '|S2', 'fortran_order': True, 'shape': (2, 2)}", "a\0b\0c\0\xc3\xa9", 8);
    assert_int_equal(rd_npy_parse_any("x", file, n_file, NULL, &arena, &t, NULL), RD_OK);
    assert_string_equal(((const char **)t->data)[1], "c");
    assert_string_equal(((const char **)t->data)[3], "\xc3\xa9");
    for (int i = 0; i < 3; i++) {
        t = NULL;
        npy(1,
            i < 2 ? "{'descr': '|S4', 'fortran_order': False, 'shape': (1,)}"
                  : "{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}",
            i < 2 ? bad[i] : "\0\xd8\0", 4);
        assert_int_equal(rd_npy_parse_any("x", file, n_file, NULL, &arena, &t, &err), RD_E_INPUT);
        assert_null(t);
    }
}

static void headers_that_are_no_header_are_refused(void **state)
{
    (void)state;
    refuse_header("", "header, character 1: expected '{'");
    refuse_header("{'descr': '<f8', 'fortran_order': False}", "expected the keys");
    refuse_header(
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", "once each");
    refuse_header("{'descr': '<f8', 'x': 1, 'fortran_order': False, 'shape': (1,)}", "once each");
    refuse_header("{'descr': '<f8', 'fortran_order': false, 'shape': (1,)}", "True or False");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1)}", "(n,)");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': [1]}", "'(' of a shape");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "a whole number");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1 1)}", "',' or ')'");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "nothing behind");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", "',' or '}'");
    refuse_header("{'descr': '<f\\x38', 'fortran_order': False, 'shape': (1,)}", "escapes");
    refuse_header("{'descr': '<f8", "a closing quote");
    refuse_header(
        "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}", "in quotes");
    refuse_header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "below 2^63");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        "more than 8 dimensions");
    npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}", "12345678", 8);
    assert_int_equal(parsed()->dim[0], 1); /* Python 2's long integers */
}

static void a_claim_larger_than_the_file_allocates_nothing(void **state)
{
    (void)state;
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,)}",
        "claims (1000000000,) of float64, but only 8 bytes");
    refuse_header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "claims");
    refuse_header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807,)}", "claims");
    refuse_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, "
                  "4611686018427387904, 0)}",
        "claims");
    refuse_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "4 bytes behind");
    assert_true(arena.used == 0);
}

static void a_cut_file_is_refused_at_any_length(void **state)
{
    struct rd_error err = { 0 };
    struct rd_tensor *t = NULL;

    (void)state;
    npy(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n", "12345678", 8);
    for (size_t cut = 0; cut < n_file; cut++) {
        unsigned char *part = test_malloc(cut + 1); /* a sanitizer sees what is read behind it */
        memcpy(part + 1, file, cut);
        assert_int_equal(rd_npy_parse("x.npy", part + 1, cut, NULL, &arena, &t, &err), RD_E_INPUT);
        assert_non_null(strstr(err.frame[0].text, cut < 6            ? "is no .npy"
                                                  : cut < n_file - 8 ? "cut short in its header"
                                                                     : "claims"));
        test_free(part);
    }
    npy(2, "", "", 0);
    file[10] = 255; /* a header of 16 MB */
    refuse(RD_E_LIMIT, "at most 65536");
}

static void what_is_written_is_read_back(void **state)
{
    static const enum rd_dtype types[] = { RD_F32, RD_F64, RD_F16, RD_I8, RD_I16, RD_I32, RD_I64,
        RD_U8, RD_U16, RD_U32, RD_U64, RD_BOOL };
    static const int64_t dim[3] = { 3, 1, 2 };
    struct rd_error err = { 0 };
    struct rd_tensor *t, *back;
    struct rd_bytes raw;
    char path[] = "/tmp/rd-npy-XXXXXX";
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (int ndim = 0; ndim <= 3; ndim++) {
            assert_int_equal(rd_tensor_new(&arena, types[i], dim, ndim, NULL, &t, &err), RD_OK);
            memset(t->data, 1, rd_tensor_bytes(t));
            assert_int_equal(rd_npy_write(path, t, &err), RD_OK);
            assert_int_equal(rd_file_read(path, 4096, &arena, &raw, &err), RD_OK);
            assert_int_equal((raw.size - rd_tensor_bytes(t)) % 64, 0);
            assert_int_equal(rd_npy_read(path, NULL, &arena, &back, &err), RD_OK);
            assert_int_equal(back->dtype, t->dtype);
            assert_int_equal(back->ndim, ndim);
            assert_memory_equal(back->dim, dim, (size_t)ndim * sizeof(*dim));
            assert_memory_equal(back->data, t->data, rd_tensor_bytes(t));
        }
    }
    assert_int_equal(rd_tensor_new(&arena, RD_BF16, dim, 1, NULL, &t, &err), RD_OK);
    assert_int_equal(rd_npy_write(path, t, &err), RD_E_USAGE);
    (void)unlink(path);
    assert_int_equal(rd_npy_read(path, NULL, &arena, &back, &err), RD_E_NOTFOUND);
}

/* tests/fixtures/npz: made by numpy.savez and numpy.savez_compressed 1.24. */
static void archives_of_numpy_are_read(void **state)
{
    struct rd_error err = { 0 };
    struct rd_tensor *t;

    (void)state;
    assert_int_equal(rd_npy_read("tests/fixtures/npz/one.npz", NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(t->dtype, RD_I64);
    assert_int_equal(((const int64_t *)t->data)[2], 3);
    assert_int_equal(rd_npy_read("tests/fixtures/npz/two.npz:y", NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(t->dtype, RD_U8);
    assert_int_equal(
        rd_npy_read("tests/fixtures/npz/two.npz:x.npy", NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(t->dtype, RD_F32);
    assert_true(((const float *)t->data)[5] == 2.5f);
    assert_int_equal(rd_npy_read("tests/fixtures/npz/two.npz", NULL, &arena, &t, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "holds 2 arrays; name one: x, y"));
    assert_int_equal(
        rd_npy_read("tests/fixtures/npz/two.npz:z", NULL, &arena, &t, &err), RD_E_NOTFOUND);
    assert_non_null(strstr(err.frame[0].text, "no array 'z'; it has: x, y"));
}

static void an_archive_written_is_read_back(void **state)
{
    float score[] = { 0.5f, -1 };
    int64_t label[] = { 3, 4, 5 };
    const struct rd_tensor a = { RD_F32, 2, { 1, 2 }, score }, b = { RD_I64, 1, { 3 }, label };
    const struct rd_npz_item item[] = { { "score", &a }, { "label", &b } };
    const char *path = RD_BUILD_DIR "/written.npz";
    struct rd_error err = { 0 };
    struct rd_tensor *t;

    (void)state;
    assert_int_equal(rd_npz_write(path, item, 2, &err), RD_OK);
    assert_int_equal(rd_npy_read(RD_BUILD_DIR "/written.npz:score", NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(t->ndim, 2);
    assert_memory_equal(t->data, score, sizeof score);
    assert_int_equal(rd_npy_read(RD_BUILD_DIR "/written.npz:label", NULL, &arena, &t, &err), RD_OK);
    assert_int_equal(t->dtype, RD_I64);
    assert_memory_equal(t->data, label, sizeof label);
    (void)remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_versions_are_read, release),
        cmocka_unit_test_teardown(every_number_type_is_read, release),
        cmocka_unit_test_teardown(big_endian_numbers_are_swapped, release),
        cmocka_unit_test_teardown(fortran_order_is_transposed, release),
        cmocka_unit_test_teardown(other_types_are_refused_by_name, release),
        cmocka_unit_test_teardown(text_is_read_where_it_is_asked_for, release),
        cmocka_unit_test_teardown(headers_that_are_no_header_are_refused, release),
        cmocka_unit_test_teardown(a_claim_larger_than_the_file_allocates_nothing, release),
        cmocka_unit_test_teardown(a_cut_file_is_refused_at_any_length, release),
        cmocka_unit_test_teardown(what_is_written_is_read_back, release),
        cmocka_unit_test_teardown(archives_of_numpy_are_read, release),
        cmocka_unit_test_teardown(an_archive_written_is_read_back, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
