/*
 * Floats of 8 and 4 bits and integers of 4 and 2: every code to its value and back, the values that
 * the formats' papers name, ties, what is out of range, packing.
 */
#include "support.h"

#include "tensor/small.h"

#include <math.h>
#include <string.h>

static const enum rd_dtype floats[] = { RD_F8E4M3FN, RD_F8E4M3FNUZ, RD_F8E5M2, RD_F8E5M2FNUZ,
    RD_F4E2M1, RD_F8E8M0 };
static const enum rd_dtype ints[] = { RD_U4, RD_I4, RD_U2, RD_I2 };

static uint8_t nearest(enum rd_dtype t, double v)
{
    return rd_small_element(t, v, true, RD_SMALL_NEAREST);
}

static void every_code_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof floats / sizeof *floats; k++)
        for (int code = 0; code < 1 << rd_small_bits(floats[k]); code++) {
            const double v = rd_small_value(floats[k], (uint8_t)code);

            if (isnan(v))
                assert_true(isnan(rd_small_value(floats[k], nearest(floats[k], v))));
            else if (!isinf(v))
                assert_int_equal(nearest(floats[k], v), code);
        }
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++)
        for (uint64_t v = 0; v < 1u << rd_small_bits(ints[k]); v++) {
            const uint8_t element = rd_small_wrap(ints[k], v);

            assert_int_equal(nearest(ints[k], rd_small_value(ints[k], element)), element);
        }
}

/* Between neighbors the nearer one, and in the middle the even one. */
static void rounds_to_nearest_even(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof floats / sizeof *floats - 1; k++)
        for (int code = 0; code + 1 < 1 << (rd_small_bits(floats[k]) - 1); code++) {
            const double low = rd_small_value(floats[k], (uint8_t)code);
            const double high = rd_small_value(floats[k], (uint8_t)(code + 1));
            const double middle = (low + high) / 2;

            if (!isfinite(low) || !isfinite(high))
                continue;
            assert_int_equal(nearest(floats[k], middle), code % 2 ? code + 1 : code);
            assert_int_equal(nearest(floats[k], nextafter(middle, low)), code);
            assert_int_equal(nearest(floats[k], nextafter(middle, high)), code + 1);
        }
}

static void the_named_values(void **state)
{
    static const struct {
        enum rd_dtype type;
        uint8_t code;
        double value;
    } named[] = {
        { RD_F8E4M3FN, 0x7e, 448 },
        { RD_F8E4M3FN, 0x01, 0x1p-9 },
        { RD_F8E4M3FN, 0x80, 0 },
        { RD_F8E4M3FNUZ, 0x7f, 240 },
        { RD_F8E4M3FNUZ, 0x01, 0x1p-10 },
        { RD_F8E5M2, 0x7b, 57344 },
        { RD_F8E5M2, 0x7c, INFINITY },
        { RD_F8E5M2, 0x01, 0x1p-16 },
        { RD_F8E5M2FNUZ, 0xff, -57344 },
        { RD_F8E5M2FNUZ, 0x01, 0x1p-17 },
        { RD_F4E2M1, 0x7, 6 },
        { RD_F4E2M1, 0x9, -0.5 },
        { RD_F8E8M0, 0, 0x1p-127 },
        { RD_F8E8M0, 254, 0x1p127 },
        { RD_I4, 0xf8, -8 },
        { RD_U4, 15, 15 },
        { RD_I2, 0xfe, -2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        assert_true(rd_small_value(named[i].type, named[i].code) == named[i].value);
    assert_true(isnan(rd_small_value(RD_F8E4M3FN, 0xff)));
    assert_true(isnan(rd_small_value(RD_F8E4M3FNUZ, 0x80)));
    assert_true(isnan(rd_small_value(RD_F8E5M2, 0x7d)));
    assert_true(isnan(rd_small_value(RD_F8E8M0, 255)));
}

static void what_is_out_of_range(void **state)
{
    (void)state;
    assert_int_equal(rd_small_element(RD_F8E4M3FN, 1e9, true, RD_SMALL_UP), 0x7e);
    assert_int_equal(rd_small_element(RD_F8E4M3FN, -1e9, false, RD_SMALL_UP), 0xff);
    assert_int_equal(rd_small_element(RD_F8E4M3FN, 460, false, RD_SMALL_UP), 0x7e);
    assert_int_equal(rd_small_element(RD_F8E5M2, HUGE_VAL, true, RD_SMALL_UP), 0x7b);
    assert_int_equal(rd_small_element(RD_F8E5M2, HUGE_VAL, false, RD_SMALL_UP), 0x7c);
    assert_int_equal(rd_small_element(RD_F8E5M2FNUZ, 1e9, false, RD_SMALL_UP), 0x80);
    assert_int_equal(rd_small_element(RD_F8E4M3FNUZ, -1e-9, true, RD_SMALL_UP), 0);
    assert_int_equal(nearest(RD_I4, 100), 7);
    assert_int_equal((int8_t)nearest(RD_I4, -9.9), -8);
    assert_int_equal(nearest(RD_U2, NAN), 0);
    assert_int_equal(rd_small_element(RD_F8E8M0, 1.1, true, RD_SMALL_UP), 128);
    assert_int_equal(rd_small_element(RD_F8E8M0, 1.9, true, RD_SMALL_DOWN), 127);
    assert_int_equal(rd_small_element(RD_F8E8M0, 1.4, true, RD_SMALL_NEAREST), 127);
}

static void packed_elements_come_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++)
        for (size_t n = 0; n < 12; n++) {
            uint8_t from[12], packed[12], to[12];

            for (size_t i = 0; i < n; i++)
                from[i] = rd_small_wrap(ints[k], i * 7 + k);
            rd_small_pack(ints[k], from, packed, n);
            rd_small_unpack(ints[k], packed, to, n);
            assert_memory_equal(from, to, n);
        }
    assert_int_equal(rd_small_packed(RD_I4, 3), 2);
    assert_int_equal(rd_small_packed(RD_U2, 5), 2);
    assert_int_equal(rd_small_packed(RD_F8E5M2, 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_comes_back),
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(the_named_values),
        cmocka_unit_test(what_is_out_of_range),
        cmocka_unit_test(packed_elements_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
