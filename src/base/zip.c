/*
 * zip.c - zip archives, read strictly.
 *
 * Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central
 * directory), 4.3.14 to 4.3.16 (ends), 4.5.3 (zip64 extra field).
 */
#include "base/zip.h"

#include "base/inflate.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    COMMENT_MAX = 65535,
    FLAG_ENCRYPTED = 1,
    FLAG_SIZES_BEHIND = 8, /* local sizes are zero; a descriptor follows the data */
    MADE_BY_UNIX = 3,
    UNIX_TYPE = 0170000,
    UNIX_LINK = 0120000,
};

static uint16_t u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

struct ends {
    uint64_t n, offset, size; /* of the central directory */
    uint64_t behind;          /* where it must end */
};

struct opening {
    const char *name;
    const unsigned char *bytes;
    size_t size;
    const struct rd_limits *limits;
    struct rd_arena *arena;
    struct rd_error *err;
};

#define FAIL(o, status, ...) fail((o), (status), __VA_ARGS__)

static rd_status fail(const struct opening *o, rd_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static rd_status fail(const struct opening *o, rd_status status, const char *fmt, ...)
{
    struct rd_buf text = { .limit = 2 * RD_ERROR_TEXT };
    char shown[96];
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)RD_FAIL(o->err, status, "'%s': %s", rd_text_safe_in(shown, sizeof(shown), o->name),
        rd_buf_text(&text));
    rd_buf_release(&text);
    return status;
}

bool rd_zip_is(const void *bytes, size_t size)
{
    return size >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

/* The end record that closes the file exactly; a comment may hold something that looks like one. */
static const unsigned char *find_end(const struct opening *o)
{
    const size_t most = END_SIZE + COMMENT_MAX;
    const size_t lowest = o->size > most ? o->size - most : 0;

    if (o->size < END_SIZE)
        return NULL;
    for (size_t at = o->size - END_SIZE + 1; at-- > lowest;) {
        const unsigned char *p = o->bytes + at;
        if (memcmp(p, "PK\5\6", 4) == 0 && u16(p + 20) == o->size - at - END_SIZE)
            return p;
    }
    return NULL;
}

static rd_status read_ends(const struct opening *o, struct ends *e)
{
    const unsigned char *p = find_end(o), *end64;
    size_t at;
    uint64_t at64;

    if (!p)
        return FAIL(o, RD_E_INPUT, "no zip archive, or cut short: its end record is missing");
    at = (size_t)(p - o->bytes);
    if (u16(p + 4) || u16(p + 6) || u16(p + 8) != u16(p + 10))
        return FAIL(o, RD_E_INPUT, "archives in several parts are not read");
    *e = (struct ends){ u16(p + 10), u32(p + 16), u32(p + 12), at };
    if (e->n != 0xFFFF && e->offset != 0xFFFFFFFF && e->size != 0xFFFFFFFF)
        return RD_OK;
    if (at < LOCATOR64_SIZE || memcmp(p - LOCATOR64_SIZE, "PK\6\7", 4) != 0)
        return RD_OK; /* just those numbers, by chance */
    at64 = u64(p - LOCATOR64_SIZE + 8);
    if (at64 > at - LOCATOR64_SIZE || at - LOCATOR64_SIZE - at64 < END64_SIZE ||
        memcmp(o->bytes + at64, "PK\6\6", 4) != 0)
        return FAIL(o, RD_E_INPUT, "the zip64 end record is missing");
    end64 = o->bytes + at64;
    if (u32(end64 + 16) || u32(end64 + 20) || u64(end64 + 24) != u64(end64 + 32))
        return FAIL(o, RD_E_INPUT, "archives in several parts are not read");
    *e = (struct ends){ u64(end64 + 32), u64(end64 + 48), u64(end64 + 40), at64 };
    return RD_OK;
}

static rd_status check_name(
    const struct opening *o, const unsigned char *raw, size_t len, uint64_t number)
{
    const char *name = (const char *)raw;
    const char *part = name, *end = name + len;
    const char *why = NULL;
    char cut[80], shown[96];

    if (!len)
        why = "has no name";
    else if (memchr(name, '\0', len))
        why = "holds a NUL in its name";
    else if (memchr(name, '\\', len))
        why = "holds a backslash in its name";
    else if (!rd_text_is_utf8(name, len, NULL))
        why = "has a name that is not UTF-8";
    else if (name[0] == '/' || (len > 1 && name[1] == ':'))
        why = "has an absolute name";
    for (; !why && part < end; part++) {
        const char *slash = memchr(part, '/', (size_t)(end - part));
        const size_t n = (size_t)((slash ? slash : end) - part);
        if (n == 2 && part[0] == '.' && part[1] == '.')
            why = "climbs out with '..'";
        part += n;
    }
    if (!why)
        return RD_OK;
    (void)memcpy(cut, name, len < sizeof(cut) - 1 ? len : sizeof(cut) - 1);
    cut[len < sizeof(cut) - 1 ? len : sizeof(cut) - 1] = '\0';
    return FAIL(o, RD_E_INPUT, "entry %llu '%s' %s", (unsigned long long)number,
        rd_text_safe_in(shown, sizeof(shown), cut), why);
}

/*
 * Zip64 puts 8-byte values into an extra field for those of the 4-byte ones that are all ones, in
 * the order size, packed, header. field NULL skips (local headers have no offset).
 */
static bool read_extra64(const unsigned char *p, size_t len, uint64_t *const field[3])
{
    while (len >= 4) {
        const size_t n = u16(p + 2);
        if (n > len - 4)
            return false;
        if (u16(p) == 1) {
            const unsigned char *v = p + 4;
            size_t left = n;
            for (size_t i = 0; i < 3; i++) {
                if (!field[i] || *field[i] != 0xFFFFFFFF)
                    continue;
                if (left < 8)
                    return false;
                *field[i] = u64(v);
                v += 8;
                left -= 8;
            }
            return true;
        }
        p += 4 + n;
        len -= 4 + n;
    }
    return true;
}

/* The header before the data must say what the list says: readers that trust either must agree. */
static rd_status read_local(const struct opening *o, struct rd_zip_entry *e, uint16_t flags)
{
    const unsigned char *p;
    uint64_t size, packed, left;
    size_t name_len, extra_len;
    char shown[96];

    (void)rd_text_safe_in(shown, sizeof(shown), e->name);
    if (e->header > o->size || o->size - e->header < LOCAL_SIZE ||
        memcmp(o->bytes + e->header, "PK\3\4", 4) != 0)
        return FAIL(o, RD_E_INPUT, "entry '%s' has no local header", shown);
    p = o->bytes + e->header;
    left = o->size - e->header - LOCAL_SIZE;
    name_len = u16(p + 26);
    extra_len = u16(p + 28);
    if (name_len + extra_len > left || e->packed > left - name_len - extra_len)
        return FAIL(o, RD_E_INPUT, "entry '%s' reaches behind the end of the archive", shown);
    if (name_len != strlen(e->name) || memcmp(p + LOCAL_SIZE, e->name, name_len) != 0)
        return FAIL(o, RD_E_INPUT, "entry '%s' has another name before its data", shown);
    if (u16(p + 8) != e->method || ((u16(p + 6) ^ flags) & (FLAG_ENCRYPTED | FLAG_SIZES_BEHIND)))
        return FAIL(o, RD_E_INPUT, "entry '%s' is packed in another way before its data", shown);
    packed = u32(p + 18);
    size = u32(p + 22);
    if (!read_extra64(
            p + LOCAL_SIZE + name_len, extra_len, (uint64_t *[3]){ &size, &packed, NULL }))
        return FAIL(o, RD_E_INPUT, "entry '%s' has a broken extra field", shown);
    if (!(flags & FLAG_SIZES_BEHIND) &&
        (size != e->size || packed != e->packed || u32(p + 14) != e->crc))
        return FAIL(
            o, RD_E_INPUT, "entry '%s' has another size or checksum before its data", shown);
    e->data = e->header + LOCAL_SIZE + name_len + extra_len;
    return RD_OK;
}

static rd_status read_central(const struct opening *o, const unsigned char *p, size_t left,
    uint64_t number, struct rd_zip_entry *e, size_t *used_out)
{
    size_t name_len, extra_len, comment_len;
    uint16_t flags;
    uint32_t mode;
    rd_status st;

    if (left < CENTRAL_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return FAIL(o, RD_E_INPUT, "entry %llu of the list of contents is missing",
            (unsigned long long)number);
    name_len = u16(p + 28);
    extra_len = u16(p + 30);
    comment_len = u16(p + 32);
    if (name_len + extra_len + comment_len > left - CENTRAL_SIZE)
        return FAIL(o, RD_E_INPUT, "entry %llu of the list of contents is cut short",
            (unsigned long long)number);
    st = check_name(o, p + CENTRAL_SIZE, name_len, number);
    if (st)
        return st;
    flags = u16(p + 8);
    mode = u32(p + 38) >> 16;
    *e = (struct rd_zip_entry){
        .name = rd_arena_strndup(o->arena, (const char *)p + CENTRAL_SIZE, name_len),
        .size = u32(p + 24),
        .packed = u32(p + 20),
        .header = u32(p + 42),
        .crc = u32(p + 16),
        .method = u16(p + 10),
        .is_folder = p[CENTRAL_SIZE + name_len - 1] == '/',
    };
    if (!e->name)
        return FAIL(o, RD_E_MEMORY, "out of memory for the list of contents");
    if (!read_extra64(p + CENTRAL_SIZE + name_len, extra_len,
            (uint64_t *[3]){ &e->size, &e->packed, &e->header }))
        return FAIL(
            o, RD_E_INPUT, "entry %llu has a broken extra field", (unsigned long long)number);
    if (flags & FLAG_ENCRYPTED)
        return FAIL(o, RD_E_INPUT, "entry %llu is encrypted", (unsigned long long)number);
    if (u16(p + 34))
        return FAIL(o, RD_E_INPUT, "archives in several parts are not read");
    if (u16(p + 4) >> 8 == MADE_BY_UNIX && (mode & UNIX_TYPE) == UNIX_LINK)
        return FAIL(o, RD_E_INPUT, "entry %llu is a link", (unsigned long long)number);
    *used_out = CENTRAL_SIZE + name_len + extra_len + comment_len;
    return read_local(o, e, flags);
}

static int by_name(const void *a, const void *b, void *user)
{
    const struct rd_zip_entry *entry = user;

    return strcmp(entry[*(const uint32_t *)a].name, entry[*(const uint32_t *)b].name);
}

static int by_header(const void *a, const void *b, void *user)
{
    const struct rd_zip_entry *entry = user;
    const uint64_t x = entry[*(const uint32_t *)a].header, y = entry[*(const uint32_t *)b].header;

    return (x > y) - (x < y);
}

/* No two of one name, and none that share bytes: overlapping entries are how small bombs are made.
 */
static rd_status check_pairs(const struct opening *o, struct rd_zip_entry *entry, size_t n)
{
    uint32_t *order = RD_NEW_ARRAY(o->arena, uint32_t, n + 1);
    char shown[96];

    if (!order)
        return FAIL(o, RD_E_MEMORY, "out of memory for the list of contents");
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, n, sizeof(*order), by_name, entry);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(entry[order[i - 1]].name, entry[order[i]].name) == 0)
            return FAIL(o, RD_E_INPUT, "entry '%s' stands twice in the archive",
                rd_text_safe_in(shown, sizeof(shown), entry[order[i]].name));
    }
    qsort_r(order, n, sizeof(*order), by_header, entry);
    for (size_t i = 1; i < n; i++) {
        const struct rd_zip_entry *before = &entry[order[i - 1]];
        if (before->data + before->packed > entry[order[i]].header)
            return FAIL(o, RD_E_INPUT, "entry '%s' shares bytes with another",
                rd_text_safe_in(shown, sizeof(shown), entry[order[i]].name));
    }
    return RD_OK;
}

rd_status rd_zip_open(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_zip **zip_out,
    struct rd_error *err)
{
    const struct opening o = { name, bytes, size, limits ? limits : &rd_limits_default, arena,
        err };
    struct rd_zip_entry *entry;
    struct rd_zip *zip;
    struct ends e = { 0 };
    size_t at = 0;
    rd_status st = read_ends(&o, &e);

    if (st)
        return st;
    if (e.size > e.behind || e.offset != e.behind - e.size)
        return FAIL(&o, RD_E_INPUT, "the list of contents is not where the end record says");
    if (e.n > o.limits->entries)
        return FAIL(&o, RD_E_LIMIT, "%llu entries; at most %zu are read", (unsigned long long)e.n,
            o.limits->entries);
    if (e.n > e.size / CENTRAL_SIZE)
        return FAIL(&o, RD_E_INPUT, "the list of contents is too short for %llu entries",
            (unsigned long long)e.n);
    zip = RD_NEW(arena, struct rd_zip);
    entry = RD_NEW_ARRAY(arena, struct rd_zip_entry, (size_t)e.n + 1);
    if (!zip || !entry)
        return FAIL(&o, RD_E_MEMORY, "out of memory for the list of contents");
    for (uint64_t i = 0; i < e.n; i++) {
        size_t used = 0;
        st = read_central(&o, o.bytes + e.offset + at, (size_t)e.size - at, i, &entry[i], &used);
        if (st)
            return st;
        if (entry[i].data + entry[i].packed > e.offset)
            return FAIL(&o, RD_E_INPUT, "entry %llu reaches into the list of contents",
                (unsigned long long)i);
        at += used;
    }
    if (at != e.size)
        return FAIL(&o, RD_E_INPUT, "%llu bytes of the list of contents belong to no entry",
            (unsigned long long)(e.size - at));
    st = check_pairs(&o, entry, (size_t)e.n);
    if (st)
        return st;
    *zip = (struct rd_zip){ rd_arena_strdup(arena, name), bytes, size, (size_t)e.n, entry };
    if (!zip->name)
        return FAIL(&o, RD_E_MEMORY, "out of memory for the list of contents");
    *zip_out = zip;
    return RD_OK;
}

const struct rd_zip_entry *rd_zip_find(const struct rd_zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->n; i++) {
        if (strcmp(zip->entry[i].name, name) == 0)
            return &zip->entry[i];
    }
    return NULL;
}

static uint32_t crc_of(const unsigned char *p, size_t size)
{
    return (uint32_t)crc32_z(0, p, size);
}

rd_status rd_zip_read(const struct rd_zip *zip, const struct rd_zip_entry *entry, size_t limit,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_bytes *bytes_out,
    struct rd_error *err)
{
    const struct opening o = { zip->name, zip->bytes, zip->size,
        limits ? limits : &rd_limits_default, arena, err };
    struct rd_bytes out = { zip->bytes + entry->data, (size_t)entry->size };
    char shown[96];
    rd_status st;

    (void)rd_text_safe_in(shown, sizeof(shown), entry->name);
    if (entry->size > limit)
        return FAIL(&o, RD_E_LIMIT, "entry '%s' has %llu bytes; at most %zu are read", shown,
            (unsigned long long)entry->size, limit);
    if (entry->method == 0 && entry->packed != entry->size)
        return FAIL(&o, RD_E_INPUT, "entry '%s' is stored, but names two sizes", shown);
    if (entry->method != 0) {
        unsigned char *data;
        if (entry->method != 8)
            return FAIL(&o, RD_E_INPUT,
                "entry '%s' is packed by method %u; stored and deflate are read", shown,
                entry->method);
        if (!rd_inflate_ratio_ok((size_t)entry->packed, (size_t)entry->size, o.limits))
            return FAIL(&o, RD_E_LIMIT, "entry '%s' unpacks to more than %zu times its size", shown,
                o.limits->ratio);
        data = rd_arena_alloc(arena, (size_t)entry->size + 1, 1);
        if (!data)
            return FAIL(&o, RD_E_MEMORY, "out of memory for entry '%s'", shown);
        st = rd_inflate_exact(entry->name, out.data, (size_t)entry->packed, data, out.size, err);
        if (st)
            return RD_WRAP(err, st, "reading '%s'", zip->name);
        out.data = data;
    }
    if (crc_of(out.data, out.size) != entry->crc)
        return FAIL(&o, RD_E_INPUT, "entry '%s' is damaged: its checksum does not fit", shown);
    *bytes_out = out;
    return RD_OK;
}
