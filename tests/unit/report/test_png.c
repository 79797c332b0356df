/* The picture that comes out is the picture that went in: checked by undoing each layer with zlib.
 */
#include "support.h"

#include "report/png.h"

#include <string.h>
#include <zlib.h>

static size_t decode(const char *text, unsigned char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    for (; *text; text += 4) {
        uint32_t v = 0;

        for (int i = 0; i < 4; i++)
            v = v << 6 | (text[i] == '=' ? 0u : (uint32_t)(strchr(alphabet, text[i]) - alphabet));
        for (int i = 0; i < 3; i++)
            if (text[i + 1] != '=')
                out[n++] = (unsigned char)(v >> (16 - 8 * i));
    }
    return n;
}

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void check(size_t w, size_t h, size_t channels)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    unsigned char pixel[300], png[2000], raw[600];
    const size_t bytes = w * h * channels;
    const char *uri = NULL;
    size_t size, at = 8;
    uLongf got = sizeof(raw);

    for (size_t i = 0; i < bytes; i++)
        pixel[i] = (unsigned char)(i * 37 + 11);
    assert_int_equal(rd_png_data_uri(pixel, w, h, channels, &arena, &uri, &err), RD_OK);
    assert_memory_equal(uri, "data:image/png;base64,", 22);
    size = decode(uri + 22, png);
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    for (int chunk = 0; chunk < 3; chunk++) {
        const uint32_t n = u32(png + at);

        assert_true(at + 12 + n <= size);
        assert_int_equal(u32(png + at + 8 + n), (uint32_t)crc32(0, png + at + 4, n + 4));
        if (chunk == 0) {
            assert_int_equal(u32(png + at + 8), w);
            assert_int_equal(u32(png + at + 12), h);
        } else if (chunk == 1) {
            assert_int_equal(uncompress(raw, &got, png + at + 8, n), Z_OK);
        }
        at += 12 + n;
    }
    assert_int_equal(at, size);
    assert_int_equal(got, h * (1 + w * channels));
    for (size_t y = 0; y < h; y++)
        assert_memory_equal(
            raw + y * (1 + w * channels) + 1, pixel + y * w * channels, w * channels);
    rd_arena_release(&arena);
}

static void gray_and_color_survive_the_round_trip(void **state)
{
    (void)state;
    check(1, 1, 1);
    check(5, 7, 1);
    check(9, 11, 3);
    check(10, 9, 3);
}

static void impossible_pictures_are_refused(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    const char *uri;

    (void)state;
    assert_int_equal(
        rd_png_data_uri((const unsigned char *)"", 0, 1, 1, &arena, &uri, &err), RD_E_USAGE);
    assert_int_equal(
        rd_png_data_uri((const unsigned char *)"", 1, RD_PNG_MAX + 1, 1, &arena, &uri, &err),
        RD_E_USAGE);
    assert_int_equal(
        rd_png_data_uri((const unsigned char *)"", 1, 1, 2, &arena, &uri, &err), RD_E_USAGE);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gray_and_color_survive_the_round_trip),
        cmocka_unit_test(impossible_pictures_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
