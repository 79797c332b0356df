/* Philox 4x32-10 against its authors' known answers; streams; bounds. */
#include "base/rng.h"
#include "support.h"

#include <stdbool.h>
#include <string.h>

/* Random123's kat_vectors, philox4x32 with 10 rounds. */
static void known_answers_of_the_authors(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } kat[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
            { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
            { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    uint32_t got[4];

    (void)state;
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        rd_philox4x32(kat[i].counter, kat[i].key, got);
        assert_memory_equal(got, kat[i].want, sizeof got);
    }
}

static void streams_differ_by_seed_module_and_index(void **state)
{
    struct rd_rng a = rd_rng_stream(1, "pgd", 0), same = rd_rng_stream(1, "pgd", 0);
    struct rd_rng seed = rd_rng_stream(2, "pgd", 0), module = rd_rng_stream(1, "fgsm", 0);
    struct rd_rng index = rd_rng_stream(1, "pgd", UINT64_C(1) << 32);
    const uint64_t v = rd_rng_u64(&a);

    (void)state;
    assert_true(v == rd_rng_u64(&same));
    assert_true(v != rd_rng_u64(&seed));
    assert_true(v != rd_rng_u64(&module));
    assert_true(v != rd_rng_u64(&index));
}

/* 10 faces, 100,000 throws: each count within 5 standard deviations (false alarm below 1e-5). */
static void below_is_uniform_and_in_range(void **state)
{
    struct rd_rng r = rd_rng_stream(7, "die", 0);
    int count[10] = { 0 };

    (void)state;
    for (int i = 0; i < 100000; i++) {
        const uint64_t v = rd_rng_below(&r, 10);

        assert_true(v < 10);
        count[v]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(count[i], 10000 - 475, 10000 + 475);
}

static void unit_stays_below_one(void **state)
{
    struct rd_rng r = { .used = 0 };

    (void)state;
    memset(r.word, 0xFF, sizeof r.word);
    assert_true(rd_rng_unit(&r) < 1.0);
    assert_true(rd_rng_unit_float(&r) < 1.0f);
}

static void shuffle_is_a_permutation(void **state)
{
    struct rd_rng r = rd_rng_stream(3, "shuffle", 0);
    size_t index[50], sum = 0;
    bool moved = false;

    (void)state;
    for (size_t i = 0; i < 50; i++)
        index[i] = i;
    rd_rng_shuffle(&r, index, 50);
    for (size_t i = 0; i < 50; i++) {
        sum += index[i];
        moved |= index[i] != i;
    }
    assert_int_equal(sum, 49 * 50 / 2);
    assert_true(moved);
}

/* Side by side or one after the other: the same numbers, for any count of streams. */
static void blocks_are_those_of_the_streams(void **state)
{
    enum { MOST = 37 };
    const struct rd_rng stream = rd_rng_stream(5ull << 32 | 7, "risk/year", 0);
    uint64_t index[MOST], first[MOST + 1], second[MOST + 1];
    uint32_t block[MOST];

    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        index[i] = i % 3 == 0 ? i : i % 3 == 1 ? (1ull << 40) - i : 0xfffffffffull * i;
        block[i] = (uint32_t)(i % 5);
    }
    for (size_t n = 0; n <= MOST; n++) {
        first[n] = second[n] = 42; /* nothing is written behind the end */
        rd_rng_blocks(&stream, block, index, n, first, second);
        assert_true(first[n] == 42 && second[n] == 42);
        for (size_t i = 0; i < n; i++) {
            struct rd_rng one = rd_rng_stream(5ull << 32 | 7, "risk/year", index[i]);

            for (uint32_t skip = 0; skip < 2 * block[i]; skip++)
                (void)rd_rng_u64(&one);
            assert_true(first[i] == rd_rng_u64(&one));
            assert_true(second[i] == rd_rng_u64(&one));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_those_of_the_streams),
        cmocka_unit_test(known_answers_of_the_authors),
        cmocka_unit_test(streams_differ_by_seed_module_and_index),
        cmocka_unit_test(below_is_uniform_and_in_range),
        cmocka_unit_test(unit_stays_below_one),
        cmocka_unit_test(shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
