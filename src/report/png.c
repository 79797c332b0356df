/*
 * png.c - the smallest encoder that does: one IDAT, no row filters.
 *
 * Source: PNG specification, third edition (W3C 2025), sections 5 and 10.
 */
#include "report/png.h"

#include "base/buf.h"

#include <stdint.h>
#include <zlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_u32(struct rd_buf *b, uint32_t v)
{
    const unsigned char be[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
        (unsigned char)(v >> 8), (unsigned char)v };

    rd_buf_put(b, be, 4);
}

static void put_chunk(struct rd_buf *b, const char *type, const void *data, size_t size)
{
    uLong crc = crc32(0, (const Bytef *)type, 4);

    if (size)
        crc = crc32(crc, data, (uInt)size);
    put_u32(b, (uint32_t)size);
    rd_buf_puts(b, type);
    rd_buf_put(b, data, size);
    put_u32(b, (uint32_t)crc);
}

static void put_base64(struct rd_buf *b, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0u) |
                           (left > 2 ? (uint32_t)p[i + 2] : 0u);
        const char out[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63],
            left > 1 ? alphabet[v >> 6 & 63] : '=', left > 2 ? alphabet[v & 63] : '=' };

        rd_buf_put(b, out, 4);
    }
}

rd_status rd_png_data_uri(const unsigned char *pixel, size_t width, size_t height, size_t channels,
    struct rd_arena *arena, const char **uri_out, struct rd_error *err)
{
    struct rd_buf raw = { 0 }, png = { 0 }, uri = { 0 };
    unsigned char header[13] = { 0 };
    unsigned char *packed = NULL;
    uLongf packed_size;
    rd_status st = RD_OK;

    if (!width || !height || width > RD_PNG_MAX || height > RD_PNG_MAX ||
        (channels != 1 && channels != 3))
        return RD_FAIL(
            err, RD_E_USAGE, "a picture of %zux%zux%zu is not drawn", width, height, channels);
    for (size_t y = 0; y < height; y++) {
        rd_buf_putc(&raw, 0); /* filter: none */
        rd_buf_put(&raw, pixel + y * width * channels, width * channels);
    }
    packed_size = compressBound((uLong)raw.len);
    packed = rd_arena_alloc(arena, packed_size, 1);
    if (raw.failed || !packed ||
        compress2(packed, &packed_size, (const Bytef *)raw.text, (uLong)raw.len, 9) != Z_OK) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for a picture");
        goto out;
    }
    for (int i = 0; i < 4; i++) {
        header[i] = (unsigned char)(width >> (24 - 8 * i));
        header[4 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    header[8] = 8;
    header[9] = channels == 3 ? 2 : 0;
    rd_buf_put(&png, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&png, "IHDR", header, sizeof(header));
    put_chunk(&png, "IDAT", packed, packed_size);
    put_chunk(&png, "IEND", NULL, 0);
    rd_buf_puts(&uri, "data:image/png;base64,");
    put_base64(&uri, (const unsigned char *)rd_buf_text(&png), png.len);
    *uri_out =
        uri.failed || png.failed ? NULL : rd_arena_strndup(arena, rd_buf_text(&uri), uri.len);
    if (!*uri_out)
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for a picture");
out:
    rd_buf_release(&raw);
    rd_buf_release(&png);
    rd_buf_release(&uri);
    return st;
}
