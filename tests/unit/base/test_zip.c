/* Archives: what is read, and every way of lying that is refused. */
#include "support.h"

#include "base/inflate.h"
#include "base/zip.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static struct rd_arena arena;

/* ---- an archive written by hand, so that any field can lie ---- */

struct file {
    const char *name;
    size_t name_len; /* 0: strlen */
    const void *data;
    size_t size;
    int method; /* 0 or 8 */
    unsigned flags, mode, made_by;
    long claim_size;        /* 0: the truth */
    const char *local_name; /* NULL: the same */
    unsigned crc_error;     /* xor */
    int same_header_as;     /* 1-based, 0: its own */
    int wraps;              /* the list claims 2^64 - 16 packed bytes */
    int zip64;              /* sizes in extra fields */
};

static unsigned char out[300000];
static size_t n_out;

static void put(const void *p, size_t n)
{
    memcpy(out + n_out, p, n);
    n_out += n;
}

static void put_number(unsigned long long v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        out[n_out++] = (unsigned char)v;
}

static void zip_of(const struct file *f, size_t n)
{
    size_t header[16], packed_size[16], start;

    n_out = 0;
    for (size_t i = 0; i < n; i++) {
        static unsigned char packed[200000];
        const char *name = f[i].local_name ? f[i].local_name : f[i].name;
        const size_t len = f[i].name_len ? f[i].name_len : strlen(name);
        unsigned long crc = crc32(0, f[i].data, (unsigned)f[i].size) ^ f[i].crc_error;
        const unsigned long long size = f[i].claim_size ? (size_t)f[i].claim_size : f[i].size;

        packed_size[i] = f[i].size;
        if (f[i].method == 8) {
            z_stream z = { 0 };
            assert_int_equal(
                deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
            z.next_in = (unsigned char *)(uintptr_t)f[i].data;
            z.avail_in = (unsigned)f[i].size;
            z.next_out = packed;
            z.avail_out = sizeof(packed);
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            packed_size[i] = z.total_out;
            (void)deflateEnd(&z);
        } else {
            memcpy(packed, f[i].data, f[i].size);
        }
        header[i] = n_out;
        if (f[i].same_header_as) {
            header[i] = header[f[i].same_header_as - 1];
            continue;
        }
        put("PK\3\4", 4);
        put_number(20, 2);
        put_number(f[i].flags, 2);
        put_number((unsigned)f[i].method, 2);
        put_number(0, 4);
        put_number(f[i].flags & 8 ? 0 : crc, 4);
        put_number(f[i].zip64 ? 0xFFFFFFFF : f[i].flags & 8 ? 0 : packed_size[i], 4);
        put_number(f[i].zip64 ? 0xFFFFFFFF : f[i].flags & 8 ? 0 : size, 4);
        put_number(len, 2);
        put_number(f[i].zip64 ? 20 : 0, 2);
        put(name, len);
        if (f[i].zip64) {
            put_number(1, 2);
            put_number(16, 2);
            put_number(size, 8);
            put_number(packed_size[i], 8);
        }
        put(packed, packed_size[i]);
        if (f[i].flags & 8) {
            put("PK\7\10", 4);
            put_number(crc, 4);
            put_number(packed_size[i], 4);
            put_number(size, 4);
        }
    }
    start = n_out;
    for (size_t i = 0; i < n; i++) {
        const size_t len = f[i].name_len ? f[i].name_len : strlen(f[i].name);
        unsigned long crc = crc32(0, f[i].data, (unsigned)f[i].size) ^ f[i].crc_error;
        const unsigned long long size = f[i].claim_size ? (size_t)f[i].claim_size : f[i].size;

        put("PK\1\2", 4);
        put_number(20 | f[i].made_by << 8, 2);
        put_number(20, 2);
        put_number(f[i].flags, 2);
        put_number((unsigned)f[i].method, 2);
        put_number(0, 4);
        put_number(crc, 4);
        put_number(f[i].wraps ? 0xFFFFFFFF : packed_size[i], 4);
        put_number(f[i].zip64 ? 0xFFFFFFFF : size, 4);
        put_number(len, 2);
        put_number(f[i].zip64 || f[i].wraps ? 12 : 0, 2);
        put_number(0, 2);
        put_number(0, 2);
        put_number(0, 2);
        put_number((unsigned long long)f[i].mode << 16, 4);
        put_number(header[i], 4);
        put(f[i].name, len);
        if (f[i].zip64 || f[i].wraps) {
            put_number(1, 2);
            put_number(8, 2);
            put_number(f[i].wraps ? 0xFFFFFFFFFFFFFFF0 : size, 8);
        }
    }
    const size_t list = n_out - start;
    put("PK\5\6", 4);
    put_number(0, 4);
    put_number(n, 2);
    put_number(n, 2);
    put_number(list, 4);
    put_number(start, 4);
    put_number(0, 2);
}

static rd_status open_out(struct rd_zip **zip, struct rd_error *err)
{
    *zip = NULL;
    return rd_zip_open("a.zip", out, n_out, NULL, &arena, zip, err);
}

static void refuse(const char *want)
{
    struct rd_error err = { 0 };
    struct rd_zip *zip;

    assert_int_equal(open_out(&zip, &err), RD_E_INPUT);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
}

static void refuse_file(struct file f, const char *want)
{
    if (!f.data) {
        f.data = "data";
        f.size = 4;
    }
    zip_of(&f, 1);
    refuse(want);
}

static void refuse_reading(struct file f, size_t limit, rd_status status, const char *want)
{
    struct rd_error err = { 0 };
    struct rd_bytes b;
    struct rd_zip *zip;

    zip_of(&f, 1);
    assert_int_equal(open_out(&zip, &err), RD_OK);
    assert_int_equal(rd_zip_read(zip, &zip->entry[0], limit, NULL, &arena, &b, &err), status);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void stored_and_deflated_entries_are_read(void **state)
{
    static const char text[] = "some text, some text, some text, some text";
    const struct file f[] = {
        { .name = "a.txt", .data = text, .size = sizeof(text) },
        { .name = "dir/", .data = "", .size = 0 },
        { .name = "dir/b.txt", .data = text, .size = sizeof(text), .method = 8 },
        { .name = "behind", .data = text, .size = sizeof(text), .method = 8, .flags = 8 },
        { .name = "sixty-four", .data = text, .size = sizeof(text), .zip64 = 1 },
        { .name = "empty", .data = "", .size = 0, .method = 8 },
        { .name = "..fine..", .data = "x", .size = 1 },
    };
    struct rd_error err = { 0 };
    struct rd_bytes b;
    struct rd_zip *zip;

    (void)state;
    zip_of(f, 7);
    assert_true(rd_zip_is(out, n_out));
    if (open_out(&zip, &err))
        fail_msg("%s", err.frame[0].text);
    assert_int_equal(zip->n, 7);
    assert_true(zip->entry[1].is_folder);
    for (size_t i = 0; i < 7; i++) {
        const struct rd_zip_entry *e = rd_zip_find(zip, f[i].name);
        assert_ptr_equal(e, &zip->entry[i]);
        if (rd_zip_read(zip, e, 1000, NULL, &arena, &b, &err))
            fail_msg("%s", err.frame[0].text);
        assert_int_equal(b.size, f[i].size);
        assert_memory_equal(b.data, f[i].data, b.size);
    }
    assert_null(rd_zip_find(zip, "b.txt"));
    zip_of(f, 0);
    assert_int_equal(open_out(&zip, &err), RD_OK);
    assert_int_equal(zip->n, 0);
}

static void names_that_leave_the_archive_are_refused(void **state)
{
    (void)state;
    refuse_file((struct file){ .name = "/etc/passwd" }, "absolute");
    refuse_file((struct file){ .name = "C:x" }, "absolute");
    refuse_file((struct file){ .name = ".." }, "climbs out");
    refuse_file((struct file){ .name = "../x" }, "climbs out");
    refuse_file((struct file){ .name = "a/../../x" }, "climbs out");
    refuse_file((struct file){ .name = "a/.." }, "climbs out");
    refuse_file((struct file){ .name = "a\\b" }, "backslash");
    refuse_file((struct file){ .name = "a\0b", .name_len = 3 }, "NUL");
    refuse_file((struct file){ .name = "a\xff" }, "not UTF-8");
    refuse_file((struct file){ .name = "" }, "no name");
}

static void links_and_encryption_are_refused(void **state)
{
    (void)state;
    refuse_file((struct file){ .name = "a", .made_by = 3, .mode = 0120777 }, "is a link");
    refuse_file((struct file){ .name = "a", .flags = 1 }, "encrypted");
}

static void an_archive_that_contradicts_itself_is_refused(void **state)
{
    const struct file twins[] = { { .name = "a", .data = "x", .size = 1 },
        { .name = "a", .data = "y", .size = 1 } };
    const struct file shared[] = { { .name = "a", .data = "x", .size = 1 },
        { .name = "b", .data = "x", .size = 1, .same_header_as = 1 } };
    const struct file one = { .name = "abc", .data = "x", .size = 1 };
    struct rd_limits limits = rd_limits_default;
    struct rd_error err = { 0 };
    struct rd_zip *zip;

    (void)state;
    zip_of(twins, 2);
    refuse("stands twice");
    zip_of(shared, 2);
    refuse("another name before its data");
    refuse_file((struct file){ .name = "abc", .local_name = "abd" }, "another name");
    zip_of(&one, 1);
    out[8] ^= 8; /* method of the local header */
    refuse("packed in another way");
    zip_of(&one, 1);
    out[22]++; /* size in the local header */
    refuse("another size or checksum");
    zip_of(&one, 1);
    out[n_out - 12]++; /* entries on all parts */
    refuse("several parts");
    out[n_out - 14]++; /* entries here: one too many now */
    refuse("too short for 2 entries");
    zip_of(&one, 1);
    out[n_out - 6]++; /* offset of the list */
    refuse("not where the end record says");
    refuse_file((struct file){ .name = "a", .flags = 8, .wraps = 1 }, "behind the end");
    zip_of(&one, 1);
    limits.entries = 0;
    assert_int_equal(rd_zip_open("a.zip", out, n_out, &limits, &arena, &zip, &err), RD_E_LIMIT);
}

/* Two entries whose data overlap: the second's local header lies in the first's stored data. */
static void entries_that_share_bytes_are_refused(void **state)
{
    unsigned char inner[64];
    size_t at;

    (void)state;
    const struct file b = { .name = "b", .data = "x", .size = 1 };
    zip_of(&b, 1);
    memcpy(inner, out, 32); /* header, name, datum */
    const struct file f[] = { { .name = "a", .data = inner, .size = 32 },
        { .name = "b", .data = "x", .size = 1 } };
    zip_of(f, 2);
    at = n_out - 22 - 47; /* the list's second row */
    assert_memory_equal(out + at, "PK\1\2", 4);
    out[at + 42] = 31; /* where a's data begin */
    refuse("shares bytes");
}

static void damage_is_found_when_an_entry_is_read(void **state)
{
    static const char text[] = "some text, some text, some text, some text";
    static const unsigned char zeros[150000];

    (void)state;
    refuse_reading((struct file){ .name = "a", .data = text, .size = 40, .crc_error = 1 }, 1000,
        RD_E_INPUT, "checksum");
    refuse_reading((struct file){ .name = "a", .data = text, .size = 40, .claim_size = 41 }, 1000,
        RD_E_INPUT, "two sizes");
    refuse_reading(
        (struct file){ .name = "a", .data = text, .size = 40, .method = 8, .claim_size = 41 }, 1000,
        RD_E_INPUT, "before the size it names");
    refuse_reading(
        (struct file){ .name = "a", .data = text, .size = 40, .method = 8, .claim_size = 39 }, 1000,
        RD_E_INPUT, "more than the 39 bytes");
    refuse_reading((struct file){ .name = "a", .data = "BZh9", .size = 4, .method = 12 }, 1000,
        RD_E_INPUT, "method 12");
    refuse_reading(
        (struct file){ .name = "a", .data = text, .size = 40 }, 39, RD_E_LIMIT, "at most 39");
    refuse_reading(
        (struct file){
            .name = "a", .data = zeros, .size = sizeof(zeros), .method = 8, .claim_size = 2000000 },
        (size_t)1 << 30, RD_E_LIMIT, "100 times");
}

static void a_cut_archive_is_refused_at_any_length(void **state)
{
    const struct file f[] = { { .name = "a", .data = "xyz", .size = 3, .method = 8 },
        { .name = "b/c", .data = "uvw", .size = 3 } };
    struct rd_error err = { 0 };
    struct rd_zip *zip;

    (void)state;
    zip_of(f, 2);
    for (size_t cut = 0; cut < n_out; cut++) {
        unsigned char *part = test_malloc(cut + 1); /* a sanitizer sees what is read behind it */
        memcpy(part + 1, out, cut);
        assert_int_equal(rd_zip_open("a.zip", part + 1, cut, NULL, &arena, &zip, &err), RD_E_INPUT);
        test_free(part);
    }
    assert_int_equal(open_out(&zip, &err), RD_OK);
    assert_false(rd_zip_is(out, 3));
}

static size_t gzip_of(const void *data, size_t size, unsigned char *to, size_t room)
{
    z_stream z = { 0 };

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)size;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return z.total_out;
}

static void gzip_is_read_whole_or_refused(void **state)
{
    static unsigned char zeros[4 << 20], packed[20000];
    struct rd_error err = { 0 };
    struct rd_bytes b;
    size_t n, m;

    (void)state;
    n = gzip_of("hello", 5, packed, sizeof(packed));
    m = gzip_of(" world", 6, packed + n, sizeof(packed) - n);
    assert_true(rd_gzip_is(packed, n));
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n + m, 11, &rd_limits_default, &arena, &b, &err), RD_OK);
    assert_int_equal(b.size, 11);
    assert_memory_equal(b.data, "hello world", 11);
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n + m, 10, &rd_limits_default, &arena, &b, &err), RD_E_LIMIT);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(
            rd_gzip_read("x.gz", packed, cut, 11, &rd_limits_default, &arena, &b, &err),
            RD_E_INPUT);
    packed[n] = 'x';
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n + 1, 11, &rd_limits_default, &arena, &b, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "1 bytes behind its end"));
    packed[n - 8] ^= 1; /* checksum */
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n, 11, &rd_limits_default, &arena, &b, &err), RD_E_INPUT);

    n = gzip_of(zeros, 1 << 20, packed, sizeof(packed)); /* a thousandfold, but little */
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n, SIZE_MAX / 8, &rd_limits_default, &arena, &b, &err), RD_OK);
    assert_int_equal(b.size, 1 << 20);
    n = gzip_of(zeros, sizeof(zeros), packed, sizeof(packed));
    assert_int_equal(
        rd_gzip_read("x.gz", packed, n, SIZE_MAX / 8, &rd_limits_default, &arena, &b, &err),
        RD_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stored_and_deflated_entries_are_read, release),
        cmocka_unit_test_teardown(names_that_leave_the_archive_are_refused, release),
        cmocka_unit_test_teardown(links_and_encryption_are_refused, release),
        cmocka_unit_test_teardown(an_archive_that_contradicts_itself_is_refused, release),
        cmocka_unit_test_teardown(entries_that_share_bytes_are_refused, release),
        cmocka_unit_test_teardown(damage_is_found_when_an_entry_is_read, release),
        cmocka_unit_test_teardown(a_cut_archive_is_refused_at_any_length, release),
        cmocka_unit_test_teardown(gzip_is_read_whole_or_refused, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
