/*
 * protobuf_mutate.h - a mutator for libFuzzer that keeps the lengths of protobuf messages right: it
 * goes down to a random field and changes, removes, doubles or exchanges that. Changes of any bytes
 * mostly end at the first length that no longer fits, and never reach the engine.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

enum { MUTATE_DEPTH = 12, MUTATE_FIELDS = 256, MUTATE_BYTES = 1 << 14 };

struct field {
    size_t tag, body, end; /* where they begin; body: of wire type 2 behind the length */
    unsigned wire;
};

static uint32_t mutate_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static bool get_varint(const uint8_t *d, size_t end, size_t *at, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        *v |= (uint64_t)(d[*at] & 127) << shift;
        if (d[(*at)++] < 128)
            return true;
    }
    return false;
}

static size_t put_varint(uint8_t *to, uint64_t v)
{
    size_t n = 0;

    for (; v > 127; v >>= 7)
        to[n++] = (uint8_t)(v | 128);
    to[n++] = (uint8_t)v;
    return n;
}

/* The fields between at and end; 0: these bytes are no message. */
static size_t fields_of(const uint8_t *d, size_t at, size_t end, struct field *f)
{
    size_t n = 0;

    while (at < end && n < MUTATE_FIELDS) {
        uint64_t key, v = 0;

        f[n].tag = at;
        if (!get_varint(d, end, &at, &key) || key >> 3 == 0 || key >> 3 > 64)
            return 0;
        f[n].wire = (unsigned)(key & 7);
        f[n].body = at;
        if (f[n].wire == 0 || f[n].wire == 2) {
            if (!get_varint(d, end, &at, &v))
                return 0;
            if (f[n].wire == 2)
                f[n].body = at;
            else
                v = 0;
        } else if (f[n].wire == 1 || f[n].wire == 5) {
            v = f[n].wire == 1 ? 8 : 4;
        } else {
            return 0;
        }
        if (v > end - at)
            return 0;
        at += (size_t)v;
        f[n++].end = at;
    }
    return n;
}

static bool splice(
    uint8_t *d, size_t *size, size_t max, size_t from, size_t to, const uint8_t *in, size_t n)
{
    if (*size - (to - from) + n > max)
        return false;
    memmove(d + from + n, d + to, *size - to);
    memcpy(d + from, in, n);
    *size = *size - (to - from) + n;
    return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    static const uint64_t numbers[] = { 0, 1, 2, 3, 7, 13, 64, (uint64_t)-1, (uint64_t)-2,
        INT32_MAX, (uint64_t)INT32_MIN, INT64_MAX, (uint64_t)INT64_MIN, 1u << 16, 1ull << 40 };
    static uint8_t work[MUTATE_BYTES], part[MUTATE_BYTES];
    static struct field f[MUTATE_FIELDS];
    struct field way[MUTATE_DEPTH], at, other;
    uint64_t state = seed, v;
    size_t n = fields_of(data, 0, size, f), depth = 0, made = 0, grown = size, old;

    if (!n || mutate_random(&state) % 8 == 0 || size > sizeof(work) || max > sizeof(work))
        return LLVMFuzzerMutate(data, size, max);
    memcpy(work, data, size);
    at = f[mutate_random(&state) % n];
    other = f[mutate_random(&state) % n];
    while (at.wire == 2 && depth < MUTATE_DEPTH && mutate_random(&state) % 8) {
        n = fields_of(work, at.body, at.end, f);
        if (!n)
            break;
        way[depth++] = at;
        at = f[mutate_random(&state) % n];
        other = f[mutate_random(&state) % n];
    }
    old = at.end - at.tag;
    memcpy(part, work + at.tag, old);
    switch (mutate_random(&state) % 8) {
    case 0: /* gone */
        break;
    case 1: /* twice */
        made = 2 * old > sizeof(part) ? old : 2 * old;
        memcpy(part + old, part, made - old);
        break;
    case 2: /* another field of the message in its place */
        made = other.end - other.tag;
        memcpy(part, work + other.tag, made);
        break;
    default:
        if (at.wire == 2) {
            uint8_t head[16];
            const size_t key = at.body - at.tag, body = at.end - at.body;
            size_t now, k = 0, len;

            (void)get_varint(part, key, &k, &v); /* the length behind it is written anew */
            memmove(part, part + key, body);
            now = LLVMFuzzerMutate(part, body, body + 32 > sizeof(part) - 16 ? body : body + 32);
            memcpy(head, work + at.tag, k);
            len = k + put_varint(head + k, now);
            memmove(part + len, part, now);
            memcpy(part, head, len);
            made = len + now;
        } else if (at.wire == 0) {
            size_t k = at.body;

            (void)get_varint(work, at.end, &k, &v);
            v = mutate_random(&state) % 2
                    ? numbers[mutate_random(&state) % (sizeof(numbers) / sizeof(*numbers))]
                    : v + mutate_random(&state) % 9 - 4;
            made = at.body - at.tag;
            made += put_varint(part + made, v);
        } else {
            const size_t key = at.body - at.tag;

            (void)LLVMFuzzerMutate(part + key, old - key, old - key);
            made = old;
        }
    }
    if (!splice(work, &grown, max, at.tag, at.end, part, made))
        return LLVMFuzzerMutate(data, size, max);
    while (depth--) { /* lengths around it, from the inside out */
        const struct field *w = &way[depth];
        const size_t body = w->end - w->body + grown - size;
        size_t k = w->tag;

        (void)get_varint(work, w->body, &k, &v);
        if (!splice(work, &grown, max, k, w->body, part, put_varint(part, body)))
            return LLVMFuzzerMutate(data, size, max);
    }
    memcpy(data, work, grown);
    return grown ? grown : LLVMFuzzerMutate(data, size, max);
}
