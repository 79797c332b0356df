/* file.h - whole files in, whole files out, nothing half-written. */
#ifndef RD_BASE_FILE_H
#define RD_BASE_FILE_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_bytes {
    const unsigned char *data;
    size_t size;
};

/* Read a regular file of at most limit bytes into the arena (NUL-terminated behind size). */
rd_status rd_file_read(const char *path, size_t limit, struct rd_arena *arena,
    struct rd_bytes *bytes_out, struct rd_error *err);
/* Map it read-only; unmapped when the arena is released. Empty files give size 0. */
rd_status rd_file_map(const char *path, size_t limit, struct rd_arena *arena,
    struct rd_bytes *bytes_out, struct rd_error *err);
/*
 * Temporary file in the same folder, write, fsync, rename, fsync of the folder. mode e.g. 0644.
 * What is there and is no file (a device, a pipe, /dev/stdout) is written to and stays.
 */
rd_status rd_file_write(
    const char *path, const void *data, size_t size, unsigned mode, struct rd_error *err);
/* mkdir -p; existing folders are fine. */
rd_status rd_file_mkdirs(const char *path, unsigned mode, struct rd_error *err);
bool rd_file_exists(const char *path);
bool rd_file_is_dir(const char *path);
/* dir + "/" + name, or name alone when it is absolute or dir is "" or ".". NULL: memory. */
char *rd_path_join(struct rd_arena *arena, const char *dir, const char *name);
/* Folder part of a path ("." when there is none). NULL: memory. */
char *rd_path_dir(struct rd_arena *arena, const char *path);
/* True for a relative path that never climbs out of its folder ("a/../../b" does). */
bool rd_path_stays_inside(const char *path);

/* Tests only: let the nth read, write, fsync or rename from now fail (ENOSPC for writes); 0 turns
 * it off. */
void rd_file_fail_at(size_t nth);

#endif
