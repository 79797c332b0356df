/* The pool: every chunk once, errors of the lowest chunk, nested calls, sleeping workers. */
#include "base/pool.h"
#include "support.h"

#include <stdatomic.h>
#include <unistd.h>

enum { CHUNKS = 1000 };
static atomic_int seen[CHUNKS];

static rd_status mark(void *user, size_t chunk, size_t worker)
{
    (void)user;
    assert_true(worker < 4);
    atomic_fetch_add(&seen[chunk], 1);
    return RD_OK;
}

static void every_chunk_runs_once(void **state)
{
    struct rd_pool *p;

    (void)state;
    assert_int_equal(rd_pool_new(4, &p, NULL), RD_OK);
    for (int round = 1; round <= 50; round++) {
        assert_int_equal(rd_pool_run(p, CHUNKS, mark, NULL), RD_OK);
        for (int i = 0; i < CHUNKS; i++)
            assert_int_equal(atomic_load(&seen[i]), round);
        if (round % 20 == 0)
            (void)usleep(2000); /* let the workers fall asleep: the futex path */
    }
    rd_pool_free(p);
}

static rd_status fail_late(void *user, size_t chunk, size_t worker)
{
    (void)user;
    (void)worker;
    return chunk == 700 ? RD_E_INPUT : chunk == 300 ? RD_E_LIMIT : RD_OK;
}

static void the_lowest_failed_chunk_is_reported(void **state)
{
    struct rd_pool *p;

    (void)state;
    assert_int_equal(rd_pool_new(3, &p, NULL), RD_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(rd_pool_run(p, CHUNKS, fail_late, NULL), RD_E_LIMIT);
    rd_pool_free(p);
    assert_int_equal(rd_pool_run(NULL, CHUNKS, fail_late, NULL), RD_E_LIMIT);
}

static struct rd_pool *outer;
static atomic_int inner_count;

static rd_status count(void *user, size_t chunk, size_t worker)
{
    (void)user;
    (void)chunk;
    (void)worker;
    atomic_fetch_add(&inner_count, 1);
    return RD_OK;
}

static rd_status nested(void *user, size_t chunk, size_t worker)
{
    (void)user;
    (void)chunk;
    (void)worker;
    return rd_pool_run(outer, 10, count, NULL);
}

static void a_call_from_inside_a_chunk_does_not_hang(void **state)
{
    (void)state;
    assert_int_equal(rd_pool_new(2, &outer, NULL), RD_OK);
    assert_int_equal(rd_pool_run(outer, 10, nested, NULL), RD_OK);
    assert_int_equal(atomic_load(&inner_count), 100);
    rd_pool_free(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_runs_once),
        cmocka_unit_test(the_lowest_failed_chunk_is_reported),
        cmocka_unit_test(a_call_from_inside_a_chunk_does_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
