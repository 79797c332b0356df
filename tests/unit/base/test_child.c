/* A program run as a filter: what goes in comes out, and nothing it does can hurt us. */
#include "support.h"

#include "base/child.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static rd_status run(const char *const *argv, const char *in, size_t limit, unsigned ms,
    struct rd_arena *arena, struct rd_bytes *out, struct rd_error *err)
{
    const struct rd_child child = {
        .argv = argv,
        .in = in,
        .in_size = in ? strlen(in) : 0,
        .out_limit = limit,
        .timeout_ms = ms,
        .memory_bytes = (size_t)1 << 30,
    };

    return rd_child_run(&child, arena, out, err);
}

static void what_goes_in_comes_out(void **state)
{
    static char big[300000]; /* larger than any pipe buffer: both directions must move at once */
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(
        run((const char *const[]){ "cat", NULL }, big, 1 << 20, 5000, &arena, &out, &err), RD_OK);
    assert_int_equal(out.size, sizeof(big) - 1);
    assert_memory_equal(out.data, big, sizeof(big) - 1);
    rd_arena_release(&arena);
}

static void an_argument_is_not_read_by_a_shell(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    assert_int_equal(run((const char *const[]){ "echo", "$(id); `id`", NULL }, NULL, 1000, 5000,
                         &arena, &out, &err),
        RD_OK);
    assert_string_equal((const char *)out.data, "$(id); `id`\n");
    rd_arena_release(&arena);
}

static void open_descriptors_do_not_reach_the_child(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;
    const int leak = open("/dev/null", O_RDONLY); /* not close-on-exec on purpose */

    (void)state;
    assert_true(leak > 2);
    assert_int_equal(run((const char *const[]){ "ls", "/proc/self/fd", NULL }, NULL, 1000, 5000,
                         &arena, &out, &err),
        RD_OK);
    assert_string_equal((const char *)out.data, "0\n1\n2\n3\n"); /* 3: the folder that ls reads */
    (void)close(leak);
    rd_arena_release(&arena);
}

static void a_missing_program_is_not_found(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    assert_int_equal(run((const char *const[]){ "no-such-program-here", NULL }, "x", 10, 5000,
                         &arena, &out, &err),
        RD_E_NOTFOUND);
    rd_arena_release(&arena);
}

static void failing_and_dying_are_told_apart_from_success(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    assert_int_equal(
        run((const char *const[]){ "false", NULL }, NULL, 10, 5000, &arena, &out, &err),
        RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "exit code 1"));
    err = (struct rd_error){ 0 };
    assert_int_equal(run((const char *const[]){ "sh", "-c", "kill -SEGV $$", NULL }, NULL, 10, 5000,
                         &arena, &out, &err),
        RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "signal 11"));
    rd_arena_release(&arena);
}

/* A child that reads nothing and dies must not take us with it (SIGPIPE). */
static void a_child_that_does_not_read_is_harmless(void **state)
{
    static char big[300000];
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(
        run((const char *const[]){ "true", NULL }, big, 10, 5000, &arena, &out, &err), RD_OK);
    rd_arena_release(&arena);
}

static void too_slow_is_killed_with_its_own_children(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;
    const time_t before = time(NULL);

    (void)state;
    assert_int_equal(run((const char *const[]){ "sh", "-c", "sleep 30 & sleep 30", NULL }, NULL, 10,
                         200, &arena, &out, &err),
        RD_E_LIMIT);
    /* It closes stdout and sleeps on: the end is waited for, but not past the deadline. */
    err = (struct rd_error){ 0 };
    assert_int_equal(run((const char *const[]){ "sh", "-c", "exec >&- ; sleep 30", NULL }, NULL, 10,
                         200, &arena, &out, &err),
        RD_E_LIMIT);
    assert_true(time(NULL) - before < 10);
    rd_arena_release(&arena);
}

static void too_much_output_is_cut_off(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out;

    (void)state;
    assert_int_equal(
        run((const char *const[]){ "yes", NULL }, NULL, 1000, 5000, &arena, &out, &err),
        RD_E_LIMIT);
    rd_arena_release(&arena);
}

static void too_much_memory_is_refused(void **state)
{
    static const char *const argv[] = { "/usr/bin/awk",
        "{ s = \"0123456789abcdef\"; for (i = 0; i < 27; i++) s = s s; print length(s) }", NULL };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes out = { 0 };
    const struct rd_child child = { .argv = argv,
        .in = "x\n",
        .in_size = 2,
        .out_limit = 100,
        .timeout_ms = 10000,
        .memory_bytes = (size_t)256 << 20 };

    (void)state;
    assert_int_equal(rd_child_run(&child, &arena, &out, &err), RD_E_INPUT);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(an_argument_is_not_read_by_a_shell),
        cmocka_unit_test(open_descriptors_do_not_reach_the_child),
        cmocka_unit_test(a_missing_program_is_not_found),
        cmocka_unit_test(failing_and_dying_are_told_apart_from_success),
        cmocka_unit_test(a_child_that_does_not_read_is_harmless),
        cmocka_unit_test(too_slow_is_killed_with_its_own_children),
        cmocka_unit_test(too_much_output_is_cut_off),
        cmocka_unit_test(too_much_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
