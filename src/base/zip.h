/*
 * zip.h - zip archives read from bytes; nothing is ever extracted to disk.
 *
 * The list of contents is checked whole before anything is read: names that are absolute, climb
 * with "..", hold NUL or backslash or are no UTF-8; links, encrypted entries, duplicates, entries
 * that share bytes, and local headers that contradict the list. Zip64 is understood; archives in
 * several parts are not.
 */
#ifndef RD_BASE_ZIP_H
#define RD_BASE_ZIP_H

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_zip_entry {
    const char *name;
    uint64_t size, packed; /* bytes */
    uint64_t data;         /* offset of the packed bytes in the archive */
    uint64_t header;       /* offset of the local header */
    uint32_t crc;
    uint16_t method; /* 0 stored, 8 deflate; others are listed but not read */
    bool is_folder;  /* its name ends in '/' */
};

struct rd_zip {
    const char *name; /* for messages */
    const unsigned char *bytes;
    size_t size, n;
    const struct rd_zip_entry *entry; /* n of them, in the archive's order */
};

/* Does this begin like a zip archive? */
bool rd_zip_is(const void *bytes, size_t size);
/* bytes must outlive the zip. limits NULL: default (entries, ratio). */
rd_status rd_zip_open(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_zip **zip_out,
    struct rd_error *err);
/* NULL when there is no such entry. */
const struct rd_zip_entry *rd_zip_find(const struct rd_zip *zip, const char *name);
/*
 * The bytes of one entry, their CRC checked. Stored entries stay where they are in the archive,
 * others are unpacked into the arena. RD_E_LIMIT above limit bytes or above the ratio.
 */
rd_status rd_zip_read(const struct rd_zip *zip, const struct rd_zip_entry *entry, size_t limit,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_bytes *bytes_out,
    struct rd_error *err);

/* One file of an archive to write; bytes are only looked at. */
struct rd_zip_part {
    const char *name; /* no path of the host: as rd_zip_open would accept it */
    const void *bytes;
    size_t size;
};
/*
 * An archive of n stored (not packed) entries in this order, written whole or not at all. Without
 * dates: the same parts give the same bytes. RD_E_LIMIT for 4 GiB and more, which would need zip64.
 */
rd_status rd_zip_write(
    const char *path, const struct rd_zip_part *part, size_t n, struct rd_error *err);

#endif
