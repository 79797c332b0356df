/* The evidence store: append-only, one writer, resistant to tampering, migrates forward. */
#include "evidence/store.h"
#include "support.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/redoubt-store-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void add(struct rd_store *s, const char *key, const char *result)
{
    struct rd_error err = { 0 };

    assert_int_equal(rd_store_append(s, key, result, strlen(result), "{}", 2, &err), RD_OK);
}

static void what_was_added_is_found_after_reopening(void **state)
{
    struct rd_error err = { 0 };
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_store *s;
    struct rd_bytes b;
    struct stat sb;
    char path[96];

    (void)state;
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    add(s, "k1", "{\"n\":1}");
    add(s, "k1", "{\"n\":2}");
    rd_store_close(s);
    assert_int_equal(rd_store_open_read(dir, &s, &err), RD_OK);
    assert_int_equal(rd_store_find(s, "k1", &a, &b, &err), RD_OK);
    assert_string_equal((const char *)b.data, "{\"n\":2}");
    assert_int_equal(rd_store_find(s, "k2", &a, &b, &err), RD_OK);
    assert_int_equal(b.size, 0);
    rd_store_close(s);
    rd_arena_release(&a);
    (void)snprintf(path, sizeof path, "%s/.redoubt", dir);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0700);
}

static void a_second_writer_is_told_who_holds_it(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *s, *reader;
    char pid[32];
    int wstatus;
    pid_t child;

    (void)state;
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    (void)snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    child = fork();
    if (!child) {
        struct rd_store *other;
        const rd_status st = rd_store_open(dir, &other, &err);

        _exit(st == RD_E_IO && strstr(err.frame[0].text, pid) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &wstatus, 0), child);
    assert_int_equal(wstatus, 0);
    /* a reader is not stopped by the writer */
    assert_int_equal(rd_store_open_read(dir, &reader, &err), RD_OK);
    rd_store_close(reader);
    rd_store_close(s);
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK); /* free again */
    rd_store_close(s);
}

static int raw_sql(const char *sql)
{
    sqlite3 *db;
    char path[128];
    int code;

    (void)snprintf(path, sizeof path, "%s/.redoubt/evidence.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    (void)sqlite3_close(db);
    return code;
}

static void records_cannot_be_changed_or_deleted(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    (void)state;
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    add(s, "k", "{}");
    rd_store_close(s);
    assert_int_not_equal(raw_sql("UPDATE record SET result = '[]'"), SQLITE_OK);
    assert_int_not_equal(raw_sql("DELETE FROM record"), SQLITE_OK);
}

static void a_record_changed_behind_its_back_is_refused(void **state)
{
    struct rd_error err = { 0 };
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_store *s;
    struct rd_bytes b;

    (void)state;
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    add(s, "k", "{\"successes\":9}");
    rd_store_close(s);
    assert_int_equal(
        raw_sql("DROP TRIGGER record_no_update; UPDATE record SET result = '{\"successes\":0}'"),
        SQLITE_OK);
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    assert_int_equal(rd_store_find(s, "k", &a, &b, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "does not match its own hash"));
    rd_store_close(s);
    rd_arena_release(&a);
}

static void a_newer_store_and_a_strange_file_are_refused_by_name(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    (void)state;
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    rd_store_close(s);
    assert_int_equal(raw_sql("PRAGMA user_version = 99"), SQLITE_OK);
    assert_int_equal(rd_store_open(dir, &s, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "version 99 is newer than this program's 1"));
    assert_int_equal(raw_sql("PRAGMA application_id = 7"), SQLITE_OK);
    assert_int_equal(rd_store_open(dir, &s, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "application id 7"));
}

/* The first version's file is kept for ever: every later program must open it. */
static void the_version_1_fixture_still_opens(void **state)
{
    struct rd_error err = { 0 };
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_store *s;
    struct rd_bytes b;
    char command[256];

    (void)state;
    (void)snprintf(command, sizeof command,
        "mkdir -p '%s/.redoubt' && cp tests/fixtures/evidence/v1.db '%s/.redoubt/evidence.db'", dir,
        dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    assert_int_equal(rd_store_find(s, "fixture", &a, &b, &err), RD_OK);
    assert_string_equal((const char *)b.data, "{\"made_by\":\"version 1\"}");
    rd_store_close(s);
    rd_arena_release(&a);
}

/* Files beside the store that SQLite made: its log, and the index of it. */
static size_t leftovers(void)
{
    static const char *const name[] = { "evidence.db-wal", "evidence.db-shm" };
    size_t n = 0;

    for (size_t i = 0; i < 2; i++) {
        char path[160];

        (void)snprintf(path, sizeof path, "%s/.redoubt/%s", dir, name[i]);
        n += access(path, F_OK) == 0;
    }
    return n;
}

static void make_one_record(void)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    add(s, "k1", "{\"n\":1}");
    rd_store_close(s);
}

/* Is the record there for who only reads? */
static bool reads(const char *key)
{
    struct rd_error err = { 0 };
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_bytes b = { NULL, 0 };
    struct rd_store *s;
    bool found = false;

    if (rd_store_open_read(dir, &s, &err) == RD_OK) {
        found = rd_store_find(s, key, &a, &b, &err) == RD_OK && b.size > 0;
        rd_store_close(s);
    }
    rd_arena_release(&a);
    return found;
}

static void reading_leaves_nothing_beside_the_store(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    (void)state;
    make_one_record();
    assert_true(reads("k1"));
    assert_int_equal(leftovers(), 0);
    /* A writer's own files stay, and what it has written is seen before it is done. */
    assert_int_equal(rd_store_open(dir, &s, &err), RD_OK);
    add(s, "k2", "{\"n\":2}");
    assert_true(reads("k2"));
    assert_int_equal(leftovers(), 2);
    add(s, "k3", "{\"n\":3}");
    rd_store_close(s);
    assert_true(reads("k2") && reads("k3"));
    assert_int_equal(leftovers(), 0);
}

static void what_a_killed_writer_left_in_its_log_is_read_and_not_lost(void **state)
{
    int status;
    pid_t child;

    (void)state;
    make_one_record();
    child = fork();
    if (!child) {
        struct rd_error err = { 0 };
        struct rd_store *s;

        if (rd_store_open(dir, &s, &err) != RD_OK)
            _exit(1);
        _exit(rd_store_append(s, "k2", "{}", 2, "{}", 2, &err) != RD_OK); /* not closed */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(leftovers(), 2);
    assert_true(reads("k2"));
    assert_int_equal(leftovers(), 0);
    assert_true(reads("k1") && reads("k2"));
}

/* The writer is done, and has moved its log into the file, between opening and looking. */
static void a_reader_sees_what_was_written_since_it_opened(void **state)
{
    struct rd_error err = { 0 };
    struct rd_arena a = RD_ARENA_INIT;
    struct rd_store *reader, *writer;
    struct rd_bytes b;
    size_t n = 0;

    (void)state;
    make_one_record();
    assert_int_equal(rd_store_open_read(dir, &reader, &err), RD_OK);
    assert_int_equal(rd_store_open(dir, &writer, &err), RD_OK);
    for (int i = 0; i < 50; i++) /* more pages than the reader has seen */
        add(writer, "k2", "{\"n\":\"a record that takes up some room in the file\"}");
    rd_store_close(writer);
    assert_int_equal(rd_store_find(reader, "k2", &a, &b, &err), RD_OK);
    assert_true(b.size > 0);
    assert_int_equal(rd_store_count(reader, &n, &err), RD_OK);
    assert_int_equal(n, 51);
    rd_store_close(reader);
    assert_int_equal(leftovers(), 0);
    rd_arena_release(&a);
}

static void mode(const char *name, mode_t bits)
{
    char path[160];

    (void)snprintf(path, sizeof path, "%s%s", dir, name);
    assert_int_equal(chmod(path, bits), 0);
}

/* What a child answers that is nobody in particular; modes bind it where they bind no root. */
static int as_nobody(int (*ask)(void))
{
    int status;
    const pid_t child = fork();

    if (!child)
        _exit(geteuid() == 0 && setuid(65534) ? 99 : ask());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_k1(void)
{
    return reads("k1") ? 0 : 1;
}

static void a_folder_that_may_not_be_written_is_read(void **state)
{
    (void)state;
    make_one_record();
    mode("/.redoubt/evidence.db", 0444);
    mode("/.redoubt", 0555);
    mode("", 0555);
    assert_int_equal(as_nobody(read_k1), 0);
    mode("", 0700);
    mode("/.redoubt", 0700);
    assert_int_equal(leftovers(), 0);
}

static int refused_by_name(void)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    return rd_store_open_read(dir, &s, &err) == RD_E_INPUT &&
                   strstr(err.frame[0].text, ".redoubt/evidence.db': Permission denied")
               ? 0
               : 1;
}

/* "Nothing was measured" would be a lie. */
static void evidence_that_may_not_be_read_is_an_error_not_absent(void **state)
{
    (void)state;
    make_one_record();
    mode("", 0755);
    mode("/.redoubt", 0);
    assert_int_equal(as_nobody(refused_by_name), 0);
    mode("/.redoubt", 0755);
    mode("/.redoubt/evidence.db", 0);
    assert_int_equal(as_nobody(refused_by_name), 0);
    mode("/.redoubt", 0700);
}

static void a_read_only_folder_is_an_error_not_a_crash(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *s;

    (void)state;
    assert_int_equal(rd_store_open("/proc/self/redoubt", &s, &err), RD_E_NOTFOUND);
    assert_int_equal(rd_store_open_read("/proc/self", &s, &err), RD_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_was_added_is_found_after_reopening, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_second_writer_is_told_who_holds_it, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(records_cannot_be_changed_or_deleted, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            a_record_changed_behind_its_back_is_refused, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            a_newer_store_and_a_strange_file_are_refused_by_name, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(the_version_1_fixture_still_opens, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            reading_leaves_nothing_beside_the_store, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            what_a_killed_writer_left_in_its_log_is_read_and_not_lost, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            a_reader_sees_what_was_written_since_it_opened, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            a_folder_that_may_not_be_written_is_read, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(
            evidence_that_may_not_be_read_is_an_error_not_absent, make_dir, drop_dir),
        cmocka_unit_test(a_read_only_folder_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
