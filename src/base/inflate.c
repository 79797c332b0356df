/* inflate.c - deflate and gzip by zlib, its memory from our door. */
#include "base/inflate.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

enum { RAW = -MAX_WBITS, GZIP = MAX_WBITS + 16, STEP = 1 << 30 /* zlib counts in unsigned int */ };

static void *zlib_alloc(void *user, unsigned n, unsigned size)
{
    (void)user;
    return rd_alloc((size_t)n * size);
}

static void zlib_free(void *user, void *p)
{
    (void)user;
    rd_free(p);
}

static unsigned step_of(size_t left)
{
    return left < STEP ? (unsigned)left : STEP;
}

static rd_status damaged(const char *name, const z_stream *z, int r, struct rd_error *err)
{
    char shown[96];

    (void)rd_text_safe_in(shown, sizeof(shown), name);
    if (r == Z_MEM_ERROR)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory unpacking '%s'", shown);
    if (r == Z_NEED_DICT)
        return RD_FAIL(err, RD_E_INPUT, "'%s' needs a preset dictionary", shown);
    if (r == Z_BUF_ERROR || r == Z_OK)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is cut short", shown);
    return RD_FAIL(err, RD_E_INPUT, "'%s' is damaged: %s", shown, z->msg ? z->msg : "bad data");
}

bool rd_inflate_ratio_ok(size_t packed, size_t size, const struct rd_limits *limits)
{
    return size <= RD_INFLATE_SLACK || size / limits->ratio <= packed;
}

rd_status rd_inflate_exact(const char *name, const void *packed, size_t packed_size, void *out,
    size_t size, struct rd_error *err)
{
    z_stream z = { .zalloc = zlib_alloc, .zfree = zlib_free };
    size_t in_left = packed_size, out_left = size;
    unsigned char none;
    char shown[96];
    rd_status st = RD_OK;
    int r = inflateInit2(&z, RAW);

    if (r != Z_OK)
        return damaged(name, &z, r == Z_OK ? Z_DATA_ERROR : r, err);
    z.next_in = (unsigned char *)(uintptr_t)packed; /* zlib only reads it */
    z.next_out = size ? out : &none;
    do {
        const unsigned in = step_of(in_left), room = step_of(out_left);
        z.avail_in = in;
        z.avail_out = room;
        r = inflate(&z, Z_NO_FLUSH);
        in_left -= in - z.avail_in;
        out_left -= room - z.avail_out;
    } while (r == Z_OK && (in_left || out_left));
    if (r == Z_BUF_ERROR && !out_left && in_left)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' unpacks to more than the %zu bytes it names",
            rd_text_safe_in(shown, sizeof(shown), name), size);
    else if (r != Z_STREAM_END)
        st = damaged(name, &z, r, err);
    else if (in_left || out_left)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' ends %zu bytes before the size it names",
            rd_text_safe_in(shown, sizeof(shown), name), in_left ? in_left : out_left);
    (void)inflateEnd(&z);
    return st;
}

bool rd_gzip_is(const void *bytes, size_t size)
{
    return size >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
}

static rd_status too_much(const char *name, size_t ceiling, struct rd_error *err)
{
    char shown[96];

    return RD_FAIL(err, RD_E_LIMIT, "'%s' unpacks to more than %zu bytes",
        rd_text_safe_in(shown, sizeof(shown), name), ceiling);
}

/* More room, up to one byte above the ceiling: that byte shows that there would be more. */
static rd_status grow(
    const char *name, struct rd_bytes *buf, size_t *cap, size_t ceiling, struct rd_error *err)
{
    const size_t want = *cap ? *cap : 32768, most = ceiling + 1 - *cap;
    const size_t more = want < most ? want : most;
    unsigned char *grown;
    char shown[96];

    if (!more)
        return too_much(name, ceiling, err);
    grown = rd_realloc((void *)(uintptr_t)buf->data, *cap + more + 1);
    if (!grown)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory unpacking '%s'",
            rd_text_safe_in(shown, sizeof(shown), name));
    buf->data = grown;
    *cap += more;
    return RD_OK;
}

static rd_status gunzip(const char *name, z_stream *z, size_t size, size_t ceiling,
    struct rd_bytes *buf, struct rd_error *err)
{
    size_t in_left = size, cap = 0, used = 0;
    char shown[96];
    rd_status st;
    int r = Z_OK;

    for (;;) {
        const unsigned in = step_of(in_left);
        unsigned room;

        if (used == cap) {
            st = grow(name, buf, &cap, ceiling, err);
            if (st)
                return st;
        }
        room = step_of(cap - used);
        z->next_out = (unsigned char *)(uintptr_t)buf->data + used;
        z->avail_in = in;
        z->avail_out = room;
        r = inflate(z, Z_NO_FLUSH);
        in_left -= in - z->avail_in;
        used += room - z->avail_out;
        if (r == Z_STREAM_END) {
            if (!in_left)
                break;
            if (!rd_gzip_is(z->next_in, in_left))
                return RD_FAIL(err, RD_E_INPUT, "'%s' has %zu bytes behind its end",
                    rd_text_safe_in(shown, sizeof(shown), name), in_left);
            r = inflateReset(z); /* the next member */
        } else if (r == Z_BUF_ERROR && in_left && used == cap) {
            r = Z_OK; /* only room was missing */
        }
        if (r != Z_OK || (!in_left && used < cap))
            return damaged(name, z, r, err);
    }
    if (used > ceiling)
        return too_much(name, ceiling, err);
    buf->size = used;
    return RD_OK;
}

rd_status rd_gzip_read(const char *name, const void *bytes, size_t size, size_t limit,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_bytes *bytes_out,
    struct rd_error *err)
{
    const size_t by_ratio =
        size > SIZE_MAX / 4 / limits->ratio ? SIZE_MAX / 4 : size * limits->ratio;
    const size_t loose = by_ratio < RD_INFLATE_SLACK ? RD_INFLATE_SLACK : by_ratio;
    z_stream z = { .zalloc = zlib_alloc, .zfree = zlib_free };
    struct rd_bytes buf = { 0 };
    char shown[96];
    rd_status st;
    const int r = inflateInit2(&z, GZIP);

    if (r != Z_OK)
        return damaged(name, &z, r, err);
    z.next_in = (unsigned char *)(uintptr_t)bytes; /* zlib only reads it */
    st = gunzip(name, &z, size, limit < loose ? limit : loose, &buf, err);
    (void)inflateEnd(&z);
    if (!st && rd_arena_guard(arena, rd_free, (void *)(uintptr_t)buf.data))
        st = RD_FAIL(err, RD_E_MEMORY, "out of memory unpacking '%s'",
            rd_text_safe_in(shown, sizeof(shown), name));
    if (st) {
        rd_free((void *)(uintptr_t)buf.data);
        return st;
    }
    *bytes_out = buf;
    return RD_OK;
}
