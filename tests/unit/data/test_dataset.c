/* Datasets: rows chosen, scaled and checked; the frozen MNIST split; leaks. */
#include "support.h"

#include "base/alloc.h"
#include "data/dataset.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MNIST "../shared/data/images/mnist/"

static struct rd_arena arena;
static char dir[] = "/tmp/rd-dataset-XXXXXX";
static char x_path[64], y_path[64], i_path[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(x_path, sizeof(x_path), "%s/x.npy", dir);
    (void)snprintf(y_path, sizeof(y_path), "%s/y.npy", dir);
    (void)snprintf(i_path, sizeof(i_path), "%s/i.npy", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(x_path);
    (void)unlink(y_path);
    (void)unlink(i_path);
    return rmdir(dir);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void save(const char *path, enum rd_dtype dtype, const int64_t *dim, int ndim, const void *v)
{
    struct rd_tensor t = { .dtype = dtype, .ndim = ndim, .data = (void *)(uintptr_t)v };

    memcpy(t.dim, dim, (size_t)ndim * sizeof(*dim));
    assert_int_equal(rd_npy_write(path, &t, NULL), RD_OK);
}

/* Four rows of (1, 2) and their labels. */
static void save_four(void)
{
    static const float x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    static const int64_t y[4] = { 0, 2, 1, 2 };

    save(x_path, RD_F32, (const int64_t[]){ 4, 1, 2 }, 3, x);
    save(y_path, RD_I64, (const int64_t[]){ 4 }, 1, y);
}

static struct rd_dataset_source source(void)
{
    return (struct rd_dataset_source){ .path = x_path, .labels = y_path, .scale = 1 };
}

static void refuse(struct rd_dataset_source s, const char *want)
{
    struct rd_dataset d = { 0 };
    struct rd_error err = { 0 };

    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_E_INPUT);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_int_equal(d.n, 0);
}

static void rows_are_read_scaled_and_summarized(void **state)
{
    struct rd_dataset_source s = source();
    struct rd_dataset d;
    struct rd_error err = { 0 };

    (void)state;
    save_four();
    s.scale = 0.5;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    assert_int_equal(d.n, 4);
    assert_int_equal(d.ndim, 2);
    assert_int_equal(d.dim[0], 1);
    assert_int_equal(d.dim[1], 2);
    assert_int_equal(d.width, 2);
    assert_true(d.x[7] == 3.5f);
    assert_true(d.low == 0 && d.high == 3.5f);
    assert_int_equal(d.classes, 3);
    assert_int_equal(d.label[3], 2);
    assert_int_equal(strlen(d.digest), 64);
    s.labels = NULL;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    assert_null(d.label);
    assert_int_equal(d.classes, 0);
}

static void index_and_range_choose_and_order_rows(void **state)
{
    static const int32_t index[5] = { 3, 0, 2, 1, 3 };
    struct rd_dataset_source s = source();
    struct rd_dataset d;
    struct rd_error err = { 0 };

    (void)state;
    save_four();
    save(i_path, RD_I32, (const int64_t[]){ 5 }, 1, index);
    s.index = i_path;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    assert_int_equal(d.n, 5);
    assert_true(d.x[0] == 6 && d.x[2] == 0 && d.x[4] == 4);
    assert_int_equal(d.label[0], 2);
    s.has_range = true;
    s.range[0] = 1;
    s.range[1] = 3;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    assert_int_equal(d.n, 2);
    assert_true(d.x[0] == 0 && d.x[2] == 4);
    assert_int_equal(d.label[1], 1);
    s.index = NULL;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    assert_int_equal(d.n, 2);
    assert_true(d.x[0] == 2 && d.x[2] == 4);
}

static void choices_outside_are_refused(void **state)
{
    static const int64_t index[2] = { 0, 4 }, negative[2] = { 0, -1 };
    static const float real[2] = { 0, 1 };
    struct rd_dataset_source s = source();

    (void)state;
    save_four();
    s.index = i_path;
    save(i_path, RD_I64, (const int64_t[]){ 2 }, 1, index);
    refuse(s, "position 1: row 4 is not one of 0 to 3");
    save(i_path, RD_I64, (const int64_t[]){ 2 }, 1, negative);
    refuse(s, "position 1: row -1");
    save(i_path, RD_F32, (const int64_t[]){ 2 }, 1, real);
    refuse(s, "list of integers");
    save(i_path, RD_I64, (const int64_t[]){ 0 }, 1, index);
    refuse(s, "holds no positions");
    s.index = NULL;
    s.has_range = true;
    s.range[1] = 5;
    refuse(s, "range [0, 5) must be a part of the 4 rows");
    s.range[0] = 2;
    s.range[1] = 2;
    refuse(s, "range [2, 2)");
    s.range[0] = -1;
    refuse(s, "range [-1, 2)");
}

static void bad_values_are_refused_by_row(void **state)
{
    float x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    double wide[2] = { 1, 1e300 };
    struct rd_dataset_source s = source();

    (void)state;
    save_four();
    x[5] = NAN;
    save(x_path, RD_F32, (const int64_t[]){ 4, 2 }, 2, x);
    refuse(s, "row 2: value 1 is NaN");
    x[5] = INFINITY;
    save(x_path, RD_F32, (const int64_t[]){ 4, 2 }, 2, x);
    refuse(s, "row 2: value 1 is infinite");
    s.has_range = true; /* rows that are not used may hold anything, and the row is the file's */
    s.range[0] = 1;
    s.range[1] = 3;
    refuse(s, "row 2: value 1 is infinite");
    s.labels = NULL;
    s.has_range = false;
    save(x_path, RD_F64, (const int64_t[]){ 2, 1 }, 2, wide);
    refuse(s, "row 1: value 0 is infinite, or too large for float32");
    save(x_path, RD_F32, (const int64_t[]){ 0, 3 }, 2, x);
    refuse(s, "holds no examples: its shape is (0, 3)");
    save(x_path, RD_F32, (const int64_t[]){ 0 }, 0, x);
    refuse(s, "holds no examples: its shape is ()");
}

static void bad_labels_are_refused_by_row(void **state)
{
    static const int64_t negative[4] = { 0, 1, -1, 0 }, large[4] = { 0, 1 << 20, 0, 0 };
    static const float half[4] = { 0, 1, 2, 0.5f }, whole[4] = { 0, 1, 2, 3 };
    struct rd_dataset d;
    struct rd_dataset_source s = source();

    (void)state;
    save_four();
    save(y_path, RD_I64, (const int64_t[]){ 4 }, 1, negative);
    refuse(s, "row 2: label -1 is not one of 0 to");
    save(y_path, RD_I64, (const int64_t[]){ 4 }, 1, large);
    refuse(s, "row 1: label 1048576 is not one of 0 to 1048575");
    save(y_path, RD_F32, (const int64_t[]){ 4 }, 1, half);
    refuse(s, "row 3: not a whole number");
    save(y_path, RD_I64, (const int64_t[]){ 3 }, 1, negative);
    refuse(s, "have 3 rows, the examples 4");
    save(y_path, RD_I64, (const int64_t[]){ 4, 2 }, 2, (const int64_t[8]){ 0 });
    refuse(s, "they have shape (4, 2)");
    save(y_path, RD_F32, (const int64_t[]){ 4, 1 }, 2, whole);
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, NULL), RD_OK);
    assert_int_equal(d.label[3], 3);
}

static void the_digest_sees_values_shape_and_labels(void **state)
{
    static const float x[8] = { 0, 1, 2, 3, 4, 5, 6, 8 };
    static const int64_t y[4] = { 0, 2, 1, 1 };
    struct rd_dataset_source s = source();
    struct rd_dataset a, b;

    (void)state;
    save_four();
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &a, NULL), RD_OK);
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &b, NULL), RD_OK);
    assert_string_equal(a.digest, b.digest);
    save(y_path, RD_I64, (const int64_t[]){ 4 }, 1, y);
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &b, NULL), RD_OK);
    assert_string_not_equal(a.digest, b.digest);
    s.labels = NULL;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &a, NULL), RD_OK);
    assert_string_not_equal(a.digest, b.digest);
    save(x_path, RD_F32, (const int64_t[]){ 4, 1, 2 }, 3, x);
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &b, NULL), RD_OK);
    assert_string_not_equal(a.digest, b.digest);
    save(x_path, RD_F32, (const int64_t[]){ 4, 2 }, 2, x);
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &a, NULL), RD_OK);
    assert_string_not_equal(a.digest, b.digest);
}

static void a_slice_is_a_dataset_of_its_own(void **state)
{
    struct rd_dataset_source s = source();
    struct rd_dataset d, slice, part;

    (void)state;
    save_four();
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &d, NULL), RD_OK);
    assert_int_equal(rd_dataset_slice(&d, 1, 2, &slice, NULL), RD_OK);
    assert_int_equal(slice.n, 2);
    assert_ptr_equal(slice.x, d.x + 2);
    assert_true(slice.low == 2 && slice.high == 5);
    assert_int_equal(slice.label[0], 2);
    assert_int_equal(slice.classes, 3);
    s.has_range = true;
    s.range[0] = 1;
    s.range[1] = 3;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &part, NULL), RD_OK);
    assert_string_equal(slice.digest, part.digest);
    assert_int_equal(rd_dataset_slice(&d, 3, 2, &slice, NULL), RD_E_USAGE);
    assert_int_equal(rd_dataset_slice(&d, 1, 0, &slice, NULL), RD_E_USAGE);
    assert_int_equal(rd_dataset_slice(&d, SIZE_MAX, 2, &slice, NULL), RD_E_USAGE);
}

static void shared_rows_are_found(void **state)
{
    static const float a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 2, 1, 5, 6, 2, 1, 0, 0 };
    const struct rd_dataset da = { .n = 3, .width = 2, .x = a },
                            db = { .n = 4, .width = 2, .x = b };
    const struct rd_dataset some = { .n = 2, .width = 2, .x = a };
    const struct rd_dataset wide = { .n = 2, .width = 3, .x = a };
    long long row = 0;

    (void)state;
    assert_int_equal(rd_dataset_overlap(&da, &db, &arena, &row, NULL), RD_OK);
    assert_int_equal(row, 2);
    assert_int_equal(rd_dataset_overlap(&db, &da, &arena, &row, NULL), RD_OK);
    assert_int_equal(row, 1);
    assert_int_equal(rd_dataset_overlap(&some, &db, &arena, &row, NULL), RD_OK);
    assert_int_equal(row, -1);
    assert_int_equal(rd_dataset_overlap(&wide, &da, &arena, &row, NULL), RD_OK);
    assert_int_equal(row, -1);
}

static void each_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    static const int32_t index[3] = { 3, 0, 2 };
    struct rd_dataset_source s = source();
    const size_t live = rd_alloc_live();
    struct rd_dataset d;
    size_t nth, failed = 0;

    (void)state;
    save_four();
    save(i_path, RD_I32, (const int64_t[]){ 3 }, 1, index);
    s.index = i_path;
    for (nth = 1; nth < 100; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        rd_alloc_fail_at(nth);
        const rd_status st = rd_dataset_read(&s, NULL, &own, &d, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&own);
        assert_int_equal(rd_alloc_live(), live);
        if (!st) /* not reached, or only the text of a message was lost */
            continue;
        failed++;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(failed > 15);
    /* An archive: its list of contents, its entries. */
    for (failed = 0, nth = 1; nth < 100; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_tensor *t;
        rd_alloc_fail_at(nth);
        const rd_status st = rd_npy_read("tests/fixtures/npz/two.npz:x", NULL, &own, &t, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&own);
        assert_int_equal(rd_alloc_live(), live);
        if (!st) /* not reached, or only the text of a message was lost */
            continue;
        failed++;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(failed > 10);
}

/* split.npy: positions 0 to 8,499 may be used, 8,500 to 9,499 are the frozen evaluation set. */
static void the_frozen_mnist_set_is_met_bit_for_bit(void **state)
{
    struct rd_dataset_source s = { .path = MNIST "t10k-images-idx3-ubyte.gz",
        .labels = MNIST "t10k-labels-idx1-ubyte.gz",
        .index = MNIST "split.npy",
        .has_range = true,
        .range = { 8500, 9500 },
        .scale = 1.0 / 255.0 };
    const struct rd_dataset_source frozen = { .path = "../shared/models/mnist-eval-x.npy",
        .labels = "../shared/models/mnist-eval-y.npy",
        .scale = 1 };
    struct rd_dataset eval, want, pool;
    struct rd_error err = { 0 };
    long long row;
    const rd_status st = rd_dataset_read(&s, NULL, &arena, &eval, &err);

    (void)state;
    if (st == RD_E_NOTFOUND)
        skip();
    if (st || rd_dataset_read(&frozen, NULL, &arena, &want, &err))
        fail_msg("%s", err.frame[0].text);
    assert_int_equal(eval.n, 1000);
    assert_int_equal(want.n, 1000);
    assert_int_equal(eval.width, 784);
    assert_memory_equal(eval.x, want.x, 1000 * 784 * sizeof(float));
    assert_memory_equal(eval.label, want.label, 1000 * sizeof(int));
    assert_true(eval.low == 0 && eval.high == 1);
    assert_int_equal(eval.classes, 10);
    s.range[0] = 0;
    s.range[1] = 8500;
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &pool, &err), RD_OK);
    assert_int_equal(rd_dataset_overlap(&eval, &pool, &arena, &row, &err), RD_OK);
    assert_int_equal(row, -1);
    s.range[1] = 8501; /* one row too many is a leak */
    assert_int_equal(rd_dataset_read(&s, NULL, &arena, &pool, &err), RD_OK);
    assert_int_equal(rd_dataset_overlap(&eval, &pool, &arena, &row, &err), RD_OK);
    assert_int_equal(row, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rows_are_read_scaled_and_summarized, release),
        cmocka_unit_test_teardown(index_and_range_choose_and_order_rows, release),
        cmocka_unit_test_teardown(choices_outside_are_refused, release),
        cmocka_unit_test_teardown(bad_values_are_refused_by_row, release),
        cmocka_unit_test_teardown(bad_labels_are_refused_by_row, release),
        cmocka_unit_test_teardown(the_digest_sees_values_shape_and_labels, release),
        cmocka_unit_test_teardown(a_slice_is_a_dataset_of_its_own, release),
        cmocka_unit_test_teardown(shared_rows_are_found, release),
        cmocka_unit_test_teardown(each_failed_allocation_is_an_error_and_leaks_nothing, release),
        cmocka_unit_test_teardown(the_frozen_mnist_set_is_met_bit_for_bit, release),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
