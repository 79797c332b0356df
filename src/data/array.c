/* array.c - which reader a file of numbers needs. */
#include "data/array.h"

#include "base/file.h"
#include "base/inflate.h"
#include "base/text.h"
#include "base/zip.h"
#include "data/idx.h"
#include "tensor/npy.h"

enum { SHOWN = 96, HEADERS = 65536 + 4096 /* of any of the formats */ };

static rd_status parse_unpacked(const char *name, const char *member, struct rd_bytes in,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    char shown[SHOWN];

    if (rd_zip_is(in.data, in.size))
        return rd_npz_parse(name, member, in.data, in.size, limits, arena, tensor_out, err);
    if (member)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is no .npz archive, so it has no array of a name",
            rd_text_safe_in(shown, sizeof(shown), name));
    if (rd_npy_is(in.data, in.size))
        return rd_npy_parse(name, in.data, in.size, limits, arena, tensor_out, err);
    if (rd_idx_is(in.data, in.size))
        return rd_idx_parse(name, in.data, in.size, limits, arena, tensor_out, err);
    if (!in.size)
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' is empty", rd_text_safe_in(shown, sizeof(shown), name));
    return RD_FAIL(err, RD_E_INPUT, "'%s' is no .npy, .npz or idx file (by its first bytes)",
        rd_text_safe_in(shown, sizeof(shown), name));
}

rd_status rd_array_parse(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    struct rd_arena scratch = RD_ARENA_INIT; /* what gzip unpacks */
    struct rd_bytes in = { bytes, size };
    rd_status st = RD_OK;

    if (rd_gzip_is(bytes, size))
        st = rd_gzip_read(name, bytes, size, l->tensor_bytes + HEADERS, l, &scratch, &in, err);
    if (!st)
        st = parse_unpacked(name, member, in, l, arena, tensor_out, err);
    rd_arena_release(&scratch);
    return st;
}

rd_status rd_array_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    struct rd_arena scratch = RD_ARENA_INIT; /* the mapped file */
    const char *file, *member;
    struct rd_bytes in;
    rd_status st = rd_npy_split(path, &scratch, &file, &member, err);

    if (!st)
        st = rd_file_map(file, l->file_bytes, &scratch, &in, err);
    if (!st)
        st = rd_array_parse(file, member, in.data, in.size, l, arena, tensor_out, err);
    rd_arena_release(&scratch);
    return st;
}
