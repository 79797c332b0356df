/* Files: whole or not at all, whatever fails on the way. */
#include "base/alloc.h"
#include "base/file.h"
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/redoubt-file-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/f", dir);
    return 0;
}

static int drop_dir(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static int entries(void)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2;
}

static void assert_holds(const char *want)
{
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_bytes b;

    assert_int_equal(rd_file_read(path, 100, &a, &b, NULL), RD_OK);
    assert_int_equal(b.size, strlen(want));
    assert_memory_equal(b.data, want, b.size);
    rd_arena_release(&a);
}

/* A full disk, a failed fsync, a failed rename: the old content stays and no temporary file is
 * left. */
static void a_failed_write_leaves_the_old_file(void **state)
{
    struct rd_error err = { 0 };
    rd_status st = RD_E_IO;

    (void)state;
    assert_int_equal(rd_file_write(path, "old", 3, 0644, &err), RD_OK);
    for (size_t nth = 1; st != RD_OK; nth++) {
        assert_true(nth < 10);
        rd_file_fail_at(nth);
        st = rd_file_write(path, "new!", 4, 0644, &err);
        rd_file_fail_at(0);
        assert_int_equal(entries(), 1);
        assert_holds(st ? "old" : "new!");
        if (nth == 1)
            assert_non_null(strstr(err.frame[0].text, "No space left"));
    }
}

/* A new file in the place of /dev/null would be the end of many programs. */
static void what_is_no_file_is_written_to_and_stays(void **state)
{
    struct rd_error err = { 0 };
    struct stat s;
    char got[16] = "", name[32];
    int ends[2], reader;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(rd_file_write(path, "abc", 3, 0644, &err), RD_E_IO); /* nobody reads */
    reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(rd_file_write(path, "abc", 3, 0644, &err), RD_OK);
    assert_int_equal(read(reader, got, sizeof got), 3);
    assert_memory_equal(got, "abc", 3);
    assert_true(!stat(path, &s) && S_ISFIFO(s.st_mode));
    (void)close(reader);
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    assert_int_equal(rd_file_write(name, "xyz", 3, 0644, &err), RD_OK);
    assert_int_equal(read(ends[0], got, sizeof got), 3);
    assert_memory_equal(got, "xyz", 3);
    (void)close(ends[0]);
    (void)close(ends[1]);
    /* A redirected stdout is a file, reached by a name of a descriptor: no rename, at its end. */
    assert_int_equal(unlink(path), 0);
    reader = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(reader, "12", 2), 2);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", reader);
    assert_int_equal(rd_file_write(name, "34", 2, 0644, &err), RD_OK);
    assert_int_equal(pread(reader, got, sizeof got, 0), 4);
    assert_memory_equal(got, "1234", 4);
    (void)close(reader);
}

static void what_is_no_file_or_too_large_is_named(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_bytes b;

    (void)state;
    assert_int_equal(rd_file_read(dir, 100, &a, &b, &err), RD_E_INPUT);
    assert_int_equal(rd_file_read("/dev/zero", 100, &a, &b, &err), RD_E_INPUT);
    assert_int_equal(rd_file_read(path, 100, &a, &b, &err), RD_E_NOTFOUND);
    assert_int_equal(rd_file_write(path, "12345", 5, 0644, &err), RD_OK);
    assert_int_equal(rd_file_read(path, 4, &a, &b, &err), RD_E_LIMIT);
    assert_int_equal(rd_file_map(path, 4, &a, &b, &err), RD_E_LIMIT);
    assert_int_equal(rd_file_map(path, 5, &a, &b, &err), RD_OK);
    assert_memory_equal(b.data, "12345", 5);
    rd_arena_release(&a);
    assert_int_equal(rd_alloc_live(), 0);
}

static void paths_that_climb_out_are_seen(void **state)
{
    static const char *const in[] = { "a", "a/b", "./a", "a/../b", "a/./../c" };
    static const char *const out[] = { "..", "/a", "", "a/../../b", "../a", "a/../.." };

    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        assert_true(rd_path_stays_inside(in[i]));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        assert_false(rd_path_stays_inside(out[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            what_is_no_file_is_written_to_and_stays, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(what_is_no_file_or_too_large_is_named, make_dir, drop_dir),
        cmocka_unit_test(paths_that_climb_out_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
