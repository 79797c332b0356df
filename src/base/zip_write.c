/*
 * zip_write.c - small archives of stored entries, for arrays that belong together (.npz).
 *
 * Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
 */
#include "base/zip.h"

#include "base/buf.h"

#include <string.h>
#include <zlib.h>

enum { VERSION = 20, DATE_1980 = 0x21, PARTS_MAX = 65535 };

static void put16(struct rd_buf *b, size_t v)
{
    rd_buf_putc(b, (char)(v & 0xFF));
    rd_buf_putc(b, (char)(v >> 8 & 0xFF));
}

static void put32(struct rd_buf *b, size_t v)
{
    put16(b, v & 0xFFFF);
    put16(b, v >> 16);
}

/* What local and central header share, from "version needed" to "extra length". */
static void common(struct rd_buf *b, const struct rd_zip_part *p)
{
    put16(b, VERSION);
    put16(b, 0); /* flags */
    put16(b, 0); /* stored */
    put16(b, 0); /* midnight */
    put16(b, DATE_1980);
    put32(b, (size_t)crc32_z(0, p->bytes, p->size));
    put32(b, p->size);
    put32(b, p->size);
    put16(b, strlen(p->name));
    put16(b, 0);
}

static void central(struct rd_buf *b, const struct rd_zip_part *p, size_t offset)
{
    rd_buf_put(b, "PK\1\2", 4);
    put16(b, VERSION);
    common(b, p);
    put16(b, 0); /* comment */
    put16(b, 0); /* disk */
    put16(b, 0); /* attributes, inside and out */
    put32(b, 0);
    put32(b, offset);
    rd_buf_puts(b, p->name);
}

/* Everything is below 4 GiB: sizes are known before a byte is put. */
static rd_status check(const struct rd_zip_part *part, size_t n, struct rd_error *err)
{
    const size_t most = UINT32_MAX;
    size_t all = 0;

    if (n > PARTS_MAX)
        return RD_FAIL(err, RD_E_LIMIT, "%zu entries are too many for one archive", n);
    for (size_t i = 0; i < n; i++) {
        const size_t name = strlen(part[i].name);

        if (!name || name > 255)
            return RD_FAIL(err, RD_E_USAGE, "entry %zu of an archive has no usable name", i);
        if (part[i].size > most - all || (all += part[i].size) > most - n * 1024)
            return RD_FAIL(err, RD_E_LIMIT, "an archive of 4 GiB or more cannot be written");
    }
    return RD_OK;
}

rd_status rd_zip_write(
    const char *path, const struct rd_zip_part *part, size_t n, struct rd_error *err)
{
    struct rd_buf b = { 0 }, list = { 0 };
    size_t start;
    rd_status st = check(part, n, err);

    if (st)
        return st;
    for (size_t i = 0; i < n; i++) {
        central(&list, &part[i], b.len);
        rd_buf_put(&b, "PK\3\4", 4);
        common(&b, &part[i]);
        rd_buf_puts(&b, part[i].name);
        rd_buf_put(&b, part[i].bytes, part[i].size);
    }
    start = b.len;
    rd_buf_put(&b, rd_buf_text(&list), list.len);
    rd_buf_put(&b, "PK\5\6", 4);
    put32(&b, 0); /* disks */
    put16(&b, n);
    put16(&b, n);
    put32(&b, list.len);
    put32(&b, start);
    put16(&b, 0); /* comment */
    st = b.failed || list.failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory writing an archive")
                                 : rd_file_write(path, b.text, b.len, 0644, err);
    rd_buf_release(&b);
    rd_buf_release(&list);
    return st;
}
