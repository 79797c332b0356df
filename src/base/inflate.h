/* inflate.h - deflate and gzip by zlib, from bytes to bytes, under ceilings. */
#ifndef RD_BASE_INFLATE_H
#define RD_BASE_INFLATE_H

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>

/* What may unpack to whatever ratio: zeros shrink a thousandfold, and little of them is no bomb. */
enum { RD_INFLATE_SLACK = 1 << 20 };

/* May packed bytes claim to hold size bytes? At most ratio times as many, or RD_INFLATE_SLACK. */
bool rd_inflate_ratio_ok(size_t packed, size_t size, const struct rd_limits *limits);

/*
 * Raw deflate. The data must end exactly at both ends, else RD_E_INPUT. name is for messages.
 * out has room for size bytes.
 */
rd_status rd_inflate_exact(const char *name, const void *packed, size_t packed_size, void *out,
    size_t size, struct rd_error *err);

/* Does this begin like gzip? */
bool rd_gzip_is(const void *bytes, size_t size);
/*
 * A whole .gz file (also of several members) into the arena. limits is not NULL. RD_E_LIMIT above
 * the ratio or above limit bytes; RD_E_INPUT when damaged, cut short or followed by something else.
 */
rd_status rd_gzip_read(const char *name, const void *bytes, size_t size, size_t limit,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_bytes *bytes_out,
    struct rd_error *err);

#endif
