/* test_kernel_rows.c - the kernels that are `rows` in another guise: pooled and narrow; and what
 * `rows` does beside the sums. Tolerances as in test_kernel.c. */
#include "support.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tensor/kernel.h"

#include <math.h>
#include <string.h>

static struct rd_rng rng;

static float *numbers(size_t n)
{
    float *p = rd_alloc_aligned((n + 16) * sizeof *p);

    assert_non_null(p);
    for (size_t i = 0; i < n + 16; i++)
        p[i] = rd_rng_unit_float(&rng) * 2 - 1;
    return p;
}

/* --- pooled: the bits of two rows and a pool --- */

static void check_pooled(const struct rd_kernels *k, size_t width, size_t n, size_t ny, size_t len,
    bool relu, bool indexed, float odd)
{
    const size_t ow = 2 * width, in_step = len, row = (ow + 2) * len + 3, line = row;
    const size_t total = ny * len, out_step = n + 5;
    float *in = numbers((ny + 2) * row), *w = numbers(total * n), *bias = numbers(n);
    float *packed = numbers(total * n), *lines = numbers(2 * ow * n);
    float *out = numbers(width * out_step), *want = numbers(width * out_step);
    uint8_t *index = rd_alloc(width * n), *want_index = rd_alloc(width * n);
    struct rd_rows conv = { .in = in,
        .packed = packed,
        .bias = bias,
        .rows = ow,
        .n = n,
        .ny = ny,
        .nx = 1,
        .len = len,
        .in_step = (ptrdiff_t)in_step,
        .y_step = (ptrdiff_t)row,
        .out_step = (ptrdiff_t)n };
    struct rd_pooled q = {
        .conv = conv, .line = (ptrdiff_t)line, .out_width = width, .index = indexed ? index : NULL
    };

    assert_non_null(index);
    assert_non_null(want_index);
    in[row + len] = odd; /* NaN, infinity, or one more number */
    memcpy(out, want, width * out_step * sizeof *out);
    rd_pack(k, w, total, n, (ptrdiff_t)n, 1, packed);
    for (size_t y = 0; y < 2; y++) {
        conv.in = in + y * line;
        conv.out = lines + y * ow * n;
        k->rows(&conv);
    }
    k->pool_row(&(struct rd_pool_row){ .in = lines,
        .out = want,
        .index = want_index,
        .channels = n,
        .out_width = width,
        .in_width = ow,
        .row_step = (ptrdiff_t)(ow * n),
        .pixel_step = (ptrdiff_t)n,
        .out_step = (ptrdiff_t)out_step,
        .ky1 = 2,
        .kw = 2,
        .stride = 2,
        .relu = relu });
    q.conv.out = out;
    q.conv.out_step = (ptrdiff_t)out_step;
    q.conv.relu = relu;
    k->pooled(&q);
    for (size_t i = 0; i < width * out_step; i++)
        if (!isnan(want[i]) || !isnan(out[i]))
            assert_memory_equal(&out[i], &want[i], sizeof *out);
    if (indexed)
        assert_memory_equal(index, want_index, width * n);
    rd_free(in);
    rd_free(w);
    rd_free(bias);
    rd_free(packed);
    rd_free(lines);
    rd_free(out);
    rd_free(want);
    rd_free(index);
    rd_free(want_index);
}

static void pooled_has_the_bits_of_rows_and_pool(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++)
        for (int mode = 0; mode < 4; mode++) {
            const bool relu = mode & 1, indexed = mode & 2;

            rng = rd_rng_stream(2, "test/kernel", 0);
            for (size_t width = 1; width <= 15; width += width < 8 ? 1 : 3)
                for (size_t vectors = 1; vectors <= 5; vectors += 2)
                    check_pooled(*k, width, vectors * (*k)->lanes, 1 + width % 3,
                        1 + 4 * (width % 2), relu, indexed, 0.5f);
            check_pooled(*k, 7, 4 * (*k)->lanes, 3, 3, relu, indexed, NAN);
            check_pooled(*k, 7, 4 * (*k)->lanes, 3, 3, relu, indexed, INFINITY);
            check_pooled(*k, 6, (*k)->lanes, 5, 96, relu, indexed, -0.0f);
        }
}

/* --- narrow --- */

static void check_narrow(const struct rd_kernels *k, size_t rows, size_t n, size_t ny, size_t nx,
    size_t len, int start, bool relu, size_t apart)
{
    const size_t in_step = len, x_step = len, y_step = nx * len + 5, out_step = n + apart;
    const size_t total = ny * nx * len;
    float *in = numbers(rows * in_step + ny * y_step + nx * x_step + len), *w = numbers(total * n);
    float *bias = numbers(n), *out = numbers(rows * out_step), *before = numbers(rows * out_step);
    struct rd_rows q = { .in = in,
        .packed = w,
        .out = out,
        .rows = rows,
        .n = n,
        .ny = ny,
        .nx = nx,
        .len = len,
        .in_step = (ptrdiff_t)in_step,
        .x_step = (ptrdiff_t)x_step,
        .y_step = (ptrdiff_t)y_step,
        .out_step = (ptrdiff_t)out_step,
        .accumulate = start == 2,
        .relu = relu };
    const double u = 0x1p-24, gamma = (double)(total + 2) * u / (1 - (double)(total + 2) * u);

    q.bias = start == 1 ? bias : NULL;
    memcpy(before, out, rows * out_step * sizeof *out);
    k->narrow(&q);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) {
            double sum = start == 1   ? (double)bias[j]
                         : start == 2 ? (double)before[r * out_step + j]
                                      : 0;
            double size = fabs(sum);

            for (size_t a = 0; a < ny; a++)
                for (size_t b = 0; b < nx; b++)
                    for (size_t c = 0; c < len; c++) {
                        const double v = (double)in[r * in_step + a * y_step + b * x_step + c] *
                                         (double)w[((a * nx + b) * n + j) * len + c];

                        sum += v;
                        size += fabs(v);
                    }
            assert_true(
                fabs((double)out[r * out_step + j] - (relu && sum < 0 ? 0 : sum)) <= gamma * size);
        }
        for (size_t j = n; j < out_step; j++) /* nothing beside the row was touched */
            assert_true(out[r * out_step + j] == before[r * out_step + j]);
    }
    /* the same bits row by row */
    for (size_t r = 0; r < rows; r++) {
        float one[RD_NARROW];

        memcpy(one, before + r * out_step, n * sizeof *one);
        q.rows = 1;
        q.in = in + r * in_step;
        q.out = one;
        k->narrow(&q);
        assert_memory_equal(one, out + r * out_step, n * sizeof *one);
    }
    rd_free(in);
    rd_free(w);
    rd_free(bias);
    rd_free(out);
    rd_free(before);
}

static void narrow_products_match_float64(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        rng = rd_rng_stream(3, "test/kernel", 0);
        for (size_t rows = 1; rows <= 33; rows++)
            for (size_t n = 1; n <= RD_NARROW; n++)
                check_narrow(*k, rows, n, 1 + rows % 3, 1 + n % 2, (1 + rows % 4) * (*k)->lanes,
                    (int)(rows % 3), rows % 2, rows % 4 ? 0 : 2);
    }
}

/* --- lines, plus and slide --- */

/* A convolution with a kernel of ny rows and three columns over `lines` lines. */
static void check_lines(const struct rd_kernels *k, size_t lines, size_t rows, size_t c, size_t n,
    size_t ny, bool plus, bool relu)
{
    const size_t len = 3 * c, total = ny * len, row = (rows + 2) * c + 1, width = n + 2;
    float *in = numbers((ny + lines) * row), *w = numbers(total * n);
    float *packed = numbers(total * rd_packed_width(k, n)), *bias = numbers(rd_packed_width(k, n));
    float *more = numbers(lines * rows * n), *out = numbers(lines * rows * width);
    float *one = numbers(n);
    uint8_t *mask = rd_alloc(lines * rows * n);
    struct rd_rows q = { .in = in,
        .packed = packed,
        .bias = bias,
        .out = out,
        .rows = rows,
        .n = n,
        .ny = ny,
        .nx = 1,
        .len = len,
        .in_step = (ptrdiff_t)c,
        .y_step = (ptrdiff_t)row,
        .out_step = (ptrdiff_t)width,
        .relu = relu,
        .mask = mask,
        .mask_step = (ptrdiff_t)n,
        .plus = plus ? more : NULL,
        .plus_step = (ptrdiff_t)n,
        .lines = lines,
        .in_line = (ptrdiff_t)row,
        .out_line = (ptrdiff_t)(rows * width),
        .mask_line = (ptrdiff_t)(rows * n),
        .plus_line = (ptrdiff_t)(rows * n),
        .slide = 3 };
    const double u = 0x1p-24, gamma = (double)(total + 2) * u / (1 - (double)(total + 2) * u);

    assert_non_null(mask);
    rd_pack(k, w, total, n, (ptrdiff_t)n, 1, packed);
    k->rows(&q);
    for (size_t y = 0; y < lines; y++)
        for (size_t r = 0; r < rows; r++) {
            const float *got = out + (y * rows + r) * width;

            for (size_t j = 0; j < n; j++) {
                double sum = (double)bias[j], size = fabs(sum), most;

                for (size_t a = 0; a < ny; a++)
                    for (size_t i = 0; i < len; i++) {
                        const double v = (double)in[(y + a) * row + r * c + i] *
                                         (double)w[(a * len + i) * n + j];

                        sum += v;
                        size += fabs(v);
                    }
                if (plus) {
                    sum += (double)more[(y * rows + r) * n + j];
                    size += fabs((double)more[(y * rows + r) * n + j]);
                }
                most = gamma * size;
                assert_true(fabs((double)got[j] - (relu && sum < 0 ? 0 : sum)) <= most);
                if (fabs(sum) > most)
                    assert_int_equal(mask[(y * rows + r) * n + j], sum > 0 ? 0 : RD_POOL_OFF);
            }
        }
    /* the same bits pixel by pixel */
    q.rows = q.lines = 1;
    q.mask = NULL;
    q.out = one;
    for (size_t y = 0; y < lines; y++)
        for (size_t r = 0; r < rows; r++) {
            q.in = in + y * row + r * c;
            q.plus = plus ? more + (y * rows + r) * n : NULL;
            k->rows(&q);
            assert_memory_equal(one, out + (y * rows + r) * width, n * sizeof *one);
        }
    rd_free(in);
    rd_free(w);
    rd_free(packed);
    rd_free(bias);
    rd_free(more);
    rd_free(out);
    rd_free(one);
    rd_free(mask);
}

static void lines_and_what_is_added_match_float64(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        rng = rd_rng_stream(5, "test/kernel", 0);
        for (size_t rows = 1; rows <= 33; rows++)
            check_lines(*k, 1 + rows % 4, rows, 1 + rows % 5, 1 + 7 * rows % 50, 1 + rows % 3,
                rows % 2, rows % 3 == 1);
        for (size_t rows = 1; rows <= 17; rows++)
            check_lines(
                *k, 2, rows, 3, rows % 2 ? (*k)->lanes : (*k)->lanes - 1, 3, rows % 3, true);
        check_lines(*k, 2, 3, 300, 160, 1, true, true); /* large weights: it looks ahead */
    }
}

/* --- each channel by itself --- */

static void check_depth(const struct rd_kernels *k, size_t width, size_t c, size_t ny, size_t nx,
    size_t stride, int start, bool relu)
{
    const size_t row = (width * stride + nx) * c + 3, out_step = c + 4;
    float *in = numbers((ny + 1) * row), *w = numbers(ny * nx * c), *bias = numbers(c);
    float *out = numbers(width * out_step), *before = numbers(width * out_step);
    uint8_t *mask = rd_alloc(width * c);
    const struct rd_depth q = { .in = in,
        .w = w,
        .bias = start == 1 ? bias : NULL,
        .out = out,
        .mask = relu ? mask : NULL,
        .width = width,
        .channels = c,
        .ny = ny,
        .nx = nx,
        .in_step = (ptrdiff_t)(stride * c),
        .y_step = (ptrdiff_t)row,
        .x_step = (ptrdiff_t)c,
        .out_step = (ptrdiff_t)out_step,
        .relu = relu,
        .accumulate = start == 2 };
    const double u = 0x1p-24, gamma = (double)(ny * nx + 2) * u / (1 - (double)(ny * nx + 2) * u);

    assert_non_null(mask);
    memcpy(before, out, width * out_step * sizeof *out);
    k->depth(&q);
    for (size_t x = 0; x < width; x++)
        for (size_t j = 0; j < out_step; j++) {
            const float got = out[x * out_step + j], old = before[x * out_step + j];
            double sum = start == 1 && j < c ? (double)bias[j] : start == 2 ? (double)old : 0;
            double size = fabs(sum);

            if (j >= c) { /* nothing beside the channels was touched */
                assert_true(got == old);
                continue;
            }
            for (size_t t = 0; t < ny * nx; t++) {
                const double v =
                    (double)in[t / nx * row + (x * stride + t % nx) * c + j] * (double)w[t * c + j];

                sum += v;
                size += fabs(v);
            }
            assert_true(fabs((double)got - (relu && sum < 0 ? 0 : sum)) <= gamma * size);
            if (relu && fabs(sum) > gamma * size)
                assert_int_equal(mask[x * c + j], sum > 0 ? 0 : RD_POOL_OFF);
        }
    rd_free(in);
    rd_free(w);
    rd_free(bias);
    rd_free(out);
    rd_free(before);
    rd_free(mask);
}

static void channels_by_themselves_match_float64(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
        rng = rd_rng_stream(6, "test/kernel", 0);
        for (size_t width = 1; width <= 27; width++)
            check_depth(*k, width, 1 + 7 * width % 50, 1 + width % 5, 1 + width % 3, 1 + width % 2,
                (int)(width % 3), width % 4 < 2);
    }
}

/* --- masks --- */

static void masks_say_what_relu_let_through(void **state)
{
    (void)state;
    for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++)
        for (size_t rows = 1; rows <= 17; rows += 4)
            for (size_t n = 1; n <= 70; n += 3) {
                const size_t len = 5, width = rd_packed_width(*k, n);
                float *in, *w, *packed, *out, *sum, *dx;
                uint8_t *mask = rd_alloc(rows * n), *again = rd_alloc(rows * n);
                struct rd_rows q = { .rows = rows, .n = n, .ny = 1, .nx = 1, .len = len };

                rng = rd_rng_stream(4, "test/kernel", n);
                in = numbers(rows * len);
                w = numbers(len * n);
                packed = numbers(len * width);
                out = numbers(rows * n);
                sum = numbers(rows * n);
                dx = numbers(rows * n);
                assert_non_null(mask);
                assert_non_null(again);
                in[0] = rows > 4 ? NAN : in[0];
                rd_pack(*k, w, len, n, (ptrdiff_t)n, 1, packed);
                q.in = in;
                q.packed = packed;
                q.in_step = (ptrdiff_t)len;
                q.out = sum;
                q.out_step = q.mask_step = (ptrdiff_t)n;
                (*k)->rows(&q);
                q.out = out;
                q.relu = true;
                q.mask = mask;
                (*k)->rows(&q);
                for (size_t i = 0; i < rows * n; i++)
                    assert_int_equal(mask[i], sum[i] > 0 ? 0 : RD_POOL_OFF);
                (*k)->gate(sum, mask, dx, rows * n);
                for (size_t i = 0; i < rows * n; i++)
                    assert_true(dx[i] == (mask[i] ? 0 : sum[i]));
                memset(dx, 0, rows * n * sizeof *dx);
                (*k)->add_relu(sum, dx, out, again, rows * n);
                assert_memory_equal(mask, again, rows * n);
                for (size_t i = 0; i < rows * n; i++)
                    assert_true(
                        isnan(sum[i]) ? isnan(out[i]) : out[i] == (sum[i] < 0 ? 0 : sum[i]));
                rd_free(in);
                rd_free(w);
                rd_free(packed);
                rd_free(out);
                rd_free(sum);
                rd_free(dx);
                rd_free(mask);
                rd_free(again);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_has_the_bits_of_rows_and_pool),
        cmocka_unit_test(narrow_products_match_float64),
        cmocka_unit_test(lines_and_what_is_added_match_float64),
        cmocka_unit_test(channels_by_themselves_match_float64),
        cmocka_unit_test(masks_say_what_relu_let_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
