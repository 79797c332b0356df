/* pb.c - see pb.h. */
#include "graph/pb.h"

#include <string.h>

struct rd_pb rd_pb_open(struct rd_span message, const unsigned char *base)
{
    /* C has no sums on NULL, not even of zero. */
    const unsigned char *const p = message.p ? message.p : (const unsigned char *)"";

    return (struct rd_pb){ p, p + message.n, base };
}

/* At most ten bytes, the tenth at most 1; false when it is cut off or longer. */
static bool varint(const unsigned char **p, const unsigned char *end, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70 && *p < end; shift += 7) {
        const unsigned char byte = *(*p)++;

        if (shift == 63 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static size_t offset(const struct rd_pb *pb, const unsigned char *at)
{
    return pb->base && at >= pb->base ? (size_t)(at - pb->base) : 0;
}

rd_status rd_pb_next(struct rd_pb *pb, struct rd_pb_field *f, bool *more, struct rd_error *err)
{
    const unsigned char *const start = pb->p;
    uint64_t key, n;
    size_t left;

    if (pb->p == pb->end) {
        *more = false;
        return RD_OK;
    }
    if (!varint(&pb->p, pb->end, &key))
        return RD_FAIL(err, RD_E_INPUT,
            "byte %zu: the key of a field is cut off or longer than 10 bytes", offset(pb, start));
    if (key >> 3 == 0 || key >> 3 > (1u << 29) - 1)
        return RD_FAIL(err, RD_E_INPUT, "byte %zu: field number %llu is outside 1..536870911",
            offset(pb, start), (unsigned long long)(key >> 3));
    *f = (struct rd_pb_field){ .number = (uint32_t)(key >> 3), .wire = (enum rd_pb_wire)(key & 7) };
    left = (size_t)(pb->end - pb->p);
    switch (key & 7) {
    case RD_PB_VARINT:
        if (!varint(&pb->p, pb->end, &f->value))
            return RD_FAIL(err, RD_E_INPUT,
                "byte %zu: the number of field %u is cut off or longer than 10 bytes",
                offset(pb, start), f->number);
        break;
    case RD_PB_FIXED64:
    case RD_PB_FIXED32:
        n = (key & 7) == RD_PB_FIXED64 ? 8 : 4;
        if (left < n)
            return RD_FAIL(err, RD_E_INPUT, "byte %zu: field %u wants %llu bytes, %zu remain",
                offset(pb, start), f->number, (unsigned long long)n, left);
        memcpy(&f->value, pb->p, (size_t)n); /* little-endian hosts only */
        pb->p += n;
        break;
    case RD_PB_BYTES:
        if (!varint(&pb->p, pb->end, &n))
            return RD_FAIL(err, RD_E_INPUT,
                "byte %zu: the length of field %u is cut off or longer than 10 bytes",
                offset(pb, start), f->number);
        left = (size_t)(pb->end - pb->p);
        if (n > left)
            return RD_FAIL(err, RD_E_INPUT, "byte %zu: field %u claims %llu bytes, %zu remain",
                offset(pb, start), f->number, (unsigned long long)n, left);
        f->span = (struct rd_span){ pb->p, (size_t)n };
        pb->p += n;
        break;
    default:
        return RD_FAIL(err, RD_E_INPUT, "byte %zu: field %u has wire type %u%s", offset(pb, start),
            f->number, (unsigned)(key & 7),
            (key & 7) == 3 || (key & 7) == 4 ? " (a group), which ONNX never uses"
                                             : ", which does not exist");
    }
    *more = true;
    return RD_OK;
}

rd_status rd_pb_want(const struct rd_pb *pb, const struct rd_pb_field *f, enum rd_pb_wire wire,
    const char *what, struct rd_error *err)
{
    static const char *const name[] = { "a varint", "8 bytes", "a length and bytes", "", "",
        "4 bytes" };

    if (f->wire == wire)
        return RD_OK;
    return RD_FAIL(err, RD_E_INPUT, "before byte %zu: %s (field %u) must be %s on the wire, not %s",
        offset(pb, pb->p), what, f->number, name[wire], name[f->wire]);
}

rd_status rd_pb_message(struct rd_span message, const unsigned char *base, uint32_t number,
    const char *what, struct rd_arena *arena, struct rd_span *out, bool *found,
    struct rd_error *err)
{
    struct rd_pb pb = rd_pb_open(message, base);
    struct rd_pb_field f;
    struct rd_span first = { NULL, 0 };
    size_t times = 0, total = 0;
    unsigned char *merged;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, err)) && more) {
        if (f.number != number)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, what, err);
        if (st)
            return st;
        if (!times++)
            first = f.span;
        total += f.span.n;
    }
    if (st)
        return st;
    *found = times > 0;
    *out = first;
    if (times < 2)
        return RD_OK;
    merged = rd_arena_alloc(arena, total, 1);
    if (!merged)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to merge %zu parts of %s", times, what);
    *out = (struct rd_span){ merged, total };
    pb = rd_pb_open(message, base);
    while (!(st = rd_pb_next(&pb, &f, &more, err)) && more)
        if (f.number == number && f.span.n) {
            memcpy(merged, f.span.p, f.span.n);
            merged += f.span.n;
        }
    return st;
}

rd_status rd_pb_count(const struct rd_pb *pb, const struct rd_pb_field *f, enum rd_pb_wire elem,
    const char *what, size_t *n, struct rd_error *err)
{
    const unsigned char *p, *end;
    uint64_t v;

    if (f->wire == elem) {
        *n += 1;
        return RD_OK;
    }
    if (f->wire != RD_PB_BYTES)
        return rd_pb_want(pb, f, elem, what, err);
    p = f->span.p;
    end = p + f->span.n;
    if (elem == RD_PB_VARINT) {
        for (; p < end; *n += 1)
            if (!varint(&p, end, &v))
                return RD_FAIL(err, RD_E_INPUT,
                    "before byte %zu: %s has a number that is cut off or too long",
                    offset(pb, pb->p), what);
        return RD_OK;
    }
    if (f->span.n % (elem == RD_PB_FIXED32 ? 4 : 8))
        return RD_FAIL(err, RD_E_INPUT, "before byte %zu: %s has %zu bytes, no multiple of %d",
            offset(pb, pb->p), what, f->span.n, elem == RD_PB_FIXED32 ? 4 : 8);
    *n += f->span.n / (elem == RD_PB_FIXED32 ? 4 : 8);
    return RD_OK;
}

void rd_pb_varints(const struct rd_pb_field *f, uint64_t *out, size_t *n)
{
    const unsigned char *p, *end;

    if (f->wire == RD_PB_VARINT) {
        out[(*n)++] = f->value;
        return;
    }
    p = f->span.p;
    end = p + f->span.n;
    while (p < end && varint(&p, end, &out[*n]))
        *n += 1;
}

void rd_pb_fixed32(const struct rd_pb_field *f, uint32_t *out, size_t *n)
{
    if (f->wire == RD_PB_FIXED32) {
        out[(*n)++] = (uint32_t)f->value;
        return;
    }
    if (f->span.n)
        memcpy(out + *n, f->span.p, f->span.n / 4 * 4);
    *n += f->span.n / 4;
}

void rd_pb_fixed64(const struct rd_pb_field *f, uint64_t *out, size_t *n)
{
    if (f->wire == RD_PB_FIXED64) {
        out[(*n)++] = f->value;
        return;
    }
    if (f->span.n)
        memcpy(out + *n, f->span.p, f->span.n / 8 * 8);
    *n += f->span.n / 8;
}

static void put_varint(struct rd_buf *b, uint64_t v)
{
    while (v >= 0x80) {
        rd_buf_putc(b, (char)(unsigned char)(v | 0x80));
        v >>= 7;
    }
    rd_buf_putc(b, (char)(unsigned char)v);
}

static void put_key(struct rd_buf *b, uint32_t number, enum rd_pb_wire wire)
{
    put_varint(b, (uint64_t)number << 3 | (unsigned)wire);
}

void rd_pb_put_int(struct rd_buf *b, uint32_t number, int64_t v)
{
    put_key(b, number, RD_PB_VARINT);
    put_varint(b, (uint64_t)v);
}

void rd_pb_put_float(struct rd_buf *b, uint32_t number, float v)
{
    put_key(b, number, RD_PB_FIXED32);
    rd_buf_put(b, &v, sizeof(v));
}

void rd_pb_put_head(struct rd_buf *b, uint32_t number, size_t n)
{
    put_key(b, number, RD_PB_BYTES);
    put_varint(b, n);
}

void rd_pb_put_bytes(struct rd_buf *b, uint32_t number, const void *p, size_t n)
{
    rd_pb_put_head(b, number, n);
    rd_buf_put(b, p, n);
}

void rd_pb_put_text(struct rd_buf *b, uint32_t number, const char *text)
{
    rd_pb_put_bytes(b, number, text, strlen(text));
}
