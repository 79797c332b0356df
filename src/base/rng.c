#include "base/rng.h"

#include <string.h>

enum { ROUNDS = 10 };

static void mul(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low)
{
    const uint64_t p = (uint64_t)a * b;

    *high = (uint32_t)(p >> 32);
    *low = (uint32_t)p;
}

void rd_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = { counter[0], counter[1], counter[2], counter[3] };
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        uint32_t h0, l0, h1, l1;

        mul(0xD2511F53u, c[0], &h0, &l0);
        mul(0xCD9E8D57u, c[2], &h1, &l1);
        c[0] = h1 ^ c[1] ^ k0;
        c[1] = l1;
        c[2] = h0 ^ c[3] ^ k1;
        c[3] = l0;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    memcpy(out, c, sizeof c);
}

/* FNV-1a: names become numbers; collisions would only make two modules share a stream. */
static uint32_t hash_name(const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

struct rd_rng rd_rng_stream(uint64_t seed, const char *module, uint64_t index)
{
    struct rd_rng r = { .key = { (uint32_t)seed, (uint32_t)(seed >> 32) }, .used = 4 };

    /* counter[0] counts blocks; the rest names the stream. */
    r.counter[1] = hash_name(module);
    r.counter[2] = (uint32_t)index;
    r.counter[3] = (uint32_t)(index >> 32);
    return r;
}

uint32_t rd_rng_u32(struct rd_rng *r)
{
    if (r->used == 4) {
        rd_philox4x32(r->counter, r->key, r->word);
        r->counter[0]++; /* 2^34 numbers a stream */
        r->used = 0;
    }
    return r->word[r->used++];
}

uint64_t rd_rng_u64(struct rd_rng *r)
{
    const uint64_t low = rd_rng_u32(r);

    return low | (uint64_t)rd_rng_u32(r) << 32;
}

double rd_rng_unit(struct rd_rng *r)
{
    return (double)(rd_rng_u64(r) >> 11) * 0x1p-53;
}

float rd_rng_unit_float(struct rd_rng *r)
{
    return (float)(rd_rng_u32(r) >> 8) * 0x1p-24f;
}

uint64_t rd_rng_below(struct rd_rng *r, uint64_t n)
{
    const uint64_t reject = (0 - n) % n; /* 2^64 mod n */
    uint64_t v;

    do
        v = rd_rng_u64(r);
    while (v < reject);
    return v % n;
}

void rd_rng_shuffle(struct rd_rng *r, size_t *index, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)rd_rng_below(r, i);
        const size_t t = index[i - 1];

        index[i - 1] = index[j];
        index[j] = t;
    }
}
