/*
 * rng_blocks.c - many blocks of Philox 4x32-10 side by side: their chains of multiplications do not
 * wait for each other. On x86-64 with AVX2 or AVX-512, each 64-bit lane holds one 32-bit word of
 * one block, which is what the widening multiplication wants; elsewhere four blocks take turns.
 */
#include "base/rng.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROUNDS = 10, LANES = 4 };
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u; /* multipliers; then what keys grow by */
static const uint32_t W0 = 0x9E3779B9u, W1 = 0xBB67AE85u;

struct job {
    uint32_t key[2], name; /* counter[1] of the stream */
    const uint32_t *block;
    const uint64_t *index;
    uint64_t *first, *second;
};

static void turns(const struct job *j, size_t at, size_t n)
{
    for (; n; at += LANES) {
        const size_t m = n < LANES ? n : LANES;
        uint32_t c[4][LANES], k0 = j->key[0], k1 = j->key[1];

        for (size_t i = 0; i < LANES; i++) {
            const size_t from = at + (i < m ? i : 0);

            c[0][i] = j->block[from];
            c[1][i] = j->name;
            c[2][i] = (uint32_t)j->index[from];
            c[3][i] = (uint32_t)(j->index[from] >> 32);
        }
        for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 4
            for (int i = 0; i < LANES; i++) {
                const uint64_t a = (uint64_t)M0 * c[0][i], b = (uint64_t)M1 * c[2][i];

                c[0][i] = (uint32_t)(b >> 32) ^ c[1][i] ^ k0;
                c[1][i] = (uint32_t)b;
                c[2][i] = (uint32_t)(a >> 32) ^ c[3][i] ^ k1;
                c[3][i] = (uint32_t)a;
            }
            k0 += W0;
            k1 += W1;
        }
        for (size_t i = 0; i < m; i++) {
            j->first[at + i] = c[0][i] | (uint64_t)c[1][i] << 32;
            j->second[at + i] = c[2][i] | (uint64_t)c[3][i] << 32;
        }
        n -= m;
    }
}

#if defined(__x86_64__)

/*
 * From block `at` on, as many as fill whole vectors; where they end.
 *
 * Words stand in the low halves of 64-bit lanes; what the high halves hold never matters: the
 * multiplication reads low halves only, and the end masks them away.
 */
__attribute__((target("avx2"))) static size_t by_four(const struct job *j, size_t at, size_t n)
{
    const __m256i m0 = _mm256_set1_epi64x(M0), m1 = _mm256_set1_epi64x(M1);
    const __m256i low = _mm256_set1_epi64x(0xffffffffll);

    for (; at + 8 <= n; at += 8) {
        __m256i c[4][2];
        uint32_t k0 = j->key[0], k1 = j->key[1];

        for (int i = 0; i < 2; i++) {
            const size_t from = at + 4 * (size_t)i;

            c[0][i] = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(j->block + from)));
            c[1][i] = _mm256_set1_epi64x(j->name);
            c[2][i] = _mm256_loadu_si256((const __m256i *)(j->index + from));
            c[3][i] = _mm256_srli_epi64(c[2][i], 32);
        }
        for (int round = 0; round < ROUNDS; round++) {
            const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);

#pragma GCC unroll 2
            for (int i = 0; i < 2; i++) {
                const __m256i a = _mm256_mul_epu32(m0, c[0][i]), b = _mm256_mul_epu32(m1, c[2][i]);

                c[0][i] =
                    _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), c[1][i]), key0);
                c[1][i] = b;
                c[2][i] =
                    _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), c[3][i]), key1);
                c[3][i] = a;
            }
            k0 += W0;
            k1 += W1;
        }
        for (int i = 0; i < 2; i++) {
            const size_t to = at + 4 * (size_t)i;

            _mm256_storeu_si256((__m256i *)(j->first + to),
                _mm256_or_si256(_mm256_and_si256(c[0][i], low), _mm256_slli_epi64(c[1][i], 32)));
            _mm256_storeu_si256((__m256i *)(j->second + to),
                _mm256_or_si256(_mm256_and_si256(c[2][i], low), _mm256_slli_epi64(c[3][i], 32)));
        }
    }
    return at;
}

__attribute__((target("avx512f"))) static size_t by_eight(const struct job *j, size_t at, size_t n)
{
    const __m512i m0 = _mm512_set1_epi64(M0), m1 = _mm512_set1_epi64(M1);
    const __m512i low = _mm512_set1_epi64(0xffffffffll);

    for (; at + 16 <= n; at += 16) {
        __m512i c[4][2];
        uint32_t k0 = j->key[0], k1 = j->key[1];

        for (int i = 0; i < 2; i++) {
            const size_t from = at + 8 * (size_t)i;

            c[0][i] = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(j->block + from)));
            c[1][i] = _mm512_set1_epi64(j->name);
            c[2][i] = _mm512_loadu_si512(j->index + from);
            c[3][i] = _mm512_srli_epi64(c[2][i], 32);
        }
        for (int round = 0; round < ROUNDS; round++) {
            const __m512i key0 = _mm512_set1_epi64(k0), key1 = _mm512_set1_epi64(k1);

#pragma GCC unroll 2
            for (int i = 0; i < 2; i++) {
                const __m512i a = _mm512_mul_epu32(m0, c[0][i]), b = _mm512_mul_epu32(m1, c[2][i]);

                c[0][i] =
                    _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(b, 32), c[1][i]), key0);
                c[1][i] = b;
                c[2][i] =
                    _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(a, 32), c[3][i]), key1);
                c[3][i] = a;
            }
            k0 += W0;
            k1 += W1;
        }
        for (int i = 0; i < 2; i++) {
            const size_t to = at + 8 * (size_t)i;

            _mm512_storeu_si512(j->first + to,
                _mm512_or_si512(_mm512_and_si512(c[0][i], low), _mm512_slli_epi64(c[1][i], 32)));
            _mm512_storeu_si512(j->second + to,
                _mm512_or_si512(_mm512_and_si512(c[2][i], low), _mm512_slli_epi64(c[3][i], 32)));
        }
    }
    return at;
}

static size_t with_vectors(const struct job *j, size_t n)
{
    size_t at = 0;

    if (n >= 16 && __builtin_cpu_supports("avx512f"))
        at = by_eight(j, at, n);
    return n - at >= 8 && __builtin_cpu_supports("avx2") ? by_four(j, at, n) : at;
}

#else

static size_t with_vectors(const struct job *j, size_t n)
{
    (void)j;
    (void)n;
    return 0;
}

#endif

void rd_rng_blocks(const struct rd_rng *stream, const uint32_t *block, const uint64_t *index,
    size_t n, uint64_t *first, uint64_t *second)
{
    const struct job j = { { stream->key[0], stream->key[1] }, stream->counter[1], block, index,
        first, second };
    const size_t done = with_vectors(&j, n);

    turns(&j, done, n - done);
}
