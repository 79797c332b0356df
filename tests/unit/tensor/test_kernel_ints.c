/* test_kernel_ints.c - floats to integers and back: every table gives the bits of the reference,
 * and the reference those worked out by hand. */
#include "support.h"

#include "base/rng.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

enum { N = 517 }; /* no multiple of any number of lanes */

static float x[N], scale[N];

static void fill(float size)
{
    static const float corners[] = { 0, -0.0f, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 127.5f, -128.5f,
        1e30f, -1e30f, INFINITY, -INFINITY, NAN, 0.49999997f, -0.49999997f };
    struct rd_rng rng = rd_rng_stream(5, "test/ints", 0);

    for (int i = 0; i < N; i++) {
        x[i] = (rd_rng_unit_float(&rng) * 2 - 1) * size;
        if (i % 3 == 0)
            x[i] = rintf(x[i]) + 0.5f; /* a tie */
        scale[i] = i % 2 ? 1.0f : 0.25f + rd_rng_unit_float(&rng);
    }
    memcpy(x + 16, corners, sizeof corners);
}

static void every_table_quantizes_to_the_same_bits(void **state)
{
    const struct rd_kernels *const *all = rd_kernels_all();
    float want[N], got[N];

    (void)state;
    fill(300);
    for (unsigned form = RD_Q_FLOAT; form <= RD_Q_U8; form++)
        for (int times = 0; times < 2; times++)
            for (size_t step = 0; step < 2; step++) {
                const float zero = form == RD_Q_U8 ? 131 : -7;
                struct rd_quantize q = { .x = x,
                    .scale = scale,
                    .scale_step = step,
                    .n = N,
                    .low = (form == RD_Q_U8 ? 0 : -128) - zero,
                    .high = (form == RD_Q_U8 ? 255 : 127) - zero,
                    .zero = zero,
                    .times = times,
                    .form = form };

                memset(want, 0, sizeof want);
                q.out = want;
                all[0]->quantize(&q);
                for (int k = 1; all[k]; k++) {
                    memset(got, 0, sizeof got);
                    q.out = got;
                    all[k]->quantize(&q);
                    assert_memory_equal(got, want, sizeof got);
                }
            }
}

/* round(x / 0.5) + 10 in 0..255: 0.25 / 0.5 is a tie that goes to 0, 0.75 / 0.5 one that goes to 2.
 */
static void ties_go_to_even_and_what_is_beyond_is_held(void **state)
{
    const float in[] = { 0, 0.25f, 0.75f, -0.25f, -4.9f, -9, 122.4f, 1000, NAN };
    const uint8_t bytes[] = { 10, 10, 12, 10, 0, 0, 255, 255, 0 };
    const float back[] = { 0, 0, 1, 0, -5, -5, 122.5f, 122.5f, -5 };
    const float half = 0.5f;

    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        uint8_t got[9];
        float real[9];
        struct rd_quantize q = { .x = in,
            .scale = &half,
            .n = 9,
            .low = -10,
            .high = 245,
            .zero = 10,
            .out = got,
            .form = RD_Q_U8 };

        (*k)->quantize(&q);
        assert_memory_equal(got, bytes, sizeof bytes);
        q.form = RD_Q_BACK;
        q.out = real;
        (*k)->quantize(&q);
        assert_memory_equal(real, back, sizeof back);
    }
}

static void bytes_and_sums_are_exact(void **state)
{
    uint8_t byte[N];
    float want[N], got[N];
    int32_t sum[N], bias[N], added[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        byte[i] = (uint8_t)(i * 37);
        sum[i] = (int32_t)((uint32_t)i * 2654435761u);
        bias[i] = i % 5 ? i - 200 : INT32_MAX;
    }
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            (*k)->from_bytes(byte, is_signed, 3, got, N);
            for (int i = 0; i < N; i++)
                assert_true(got[i] == (float)((is_signed ? (int8_t)byte[i] : byte[i]) - 3));
        }
        for (int i = 0; i < N; i++)
            x[i] = (float)((i % 2 ? -1 : 1) * i * 32000); /* whole numbers below 2^24 */
        for (int which = 0; which < 8; which++) {
            const bool each = which & 4;

            (*k)->int_sum(&(struct rd_int_sum){ .part = x,
                .sum = which & 1 ? sum : NULL,
                .bias = which & 2 ? bias : NULL,
                .bias_step = each,
                .n = N,
                .out = got });
            for (int i = 0; i < N; i++) {
                uint32_t s = (uint32_t)(int32_t)x[i];

                s += which & 1 ? (uint32_t)sum[i] : 0;
                s += which & 2 ? (uint32_t)bias[each ? i : 0] : 0;
                want[i] = (float)(int32_t)s;
            }
            assert_memory_equal(got, want, sizeof got);
        }
        memcpy(added, sum, sizeof added);
        (*k)->add_ints(x, added, N);
        for (int i = 0; i < N; i++)
            assert_true((uint32_t)added[i] == (uint32_t)sum[i] + (uint32_t)(int32_t)x[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_quantizes_to_the_same_bits),
        cmocka_unit_test(ties_go_to_even_and_what_is_beyond_is_held),
        cmocka_unit_test(bytes_and_sums_are_exact),
    };

    return cmocka_run_group_tests_name("kernel_ints", tests, NULL, NULL);
}
