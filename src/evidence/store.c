#include "evidence/store.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rd_store {
    sqlite3 *db;
    int lock;         /* descriptor that holds the OFD lock, -1 for readers */
    char *path;       /* of a file that is read as it stands, without locks; else NULL */
    struct stat file; /* then: as it stood when it was opened */
};

/* migrations[v] takes a store of version v to v + 1; forward only, each in one transaction. */
static const char *const migrations[RD_STORE_VERSION] = {
    "CREATE TABLE record ("
    "  id INTEGER PRIMARY KEY,"
    "  key TEXT NOT NULL,"
    "  result TEXT NOT NULL,"
    "  result_digest TEXT NOT NULL,"
    "  run TEXT NOT NULL);"
    "CREATE INDEX record_key ON record (key, id);"
    "CREATE TRIGGER record_no_update BEFORE UPDATE ON record"
    "  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;"
    "CREATE TRIGGER record_no_delete BEFORE DELETE ON record"
    "  BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;",
};

static rd_status failed(struct rd_store *s, const char *what, struct rd_error *err)
{
    const int code = sqlite3_errcode(s->db);
    const rd_status st = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? RD_E_INPUT
                         : code == SQLITE_NOMEM                          ? RD_E_MEMORY
                                                                         : RD_E_IO;

    return RD_FAIL(err, st, "evidence store: cannot %s: %s", what, sqlite3_errmsg(s->db));
}

static rd_status run_sql(
    struct rd_store *s, const char *sql, const char *what, struct rd_error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? RD_OK : failed(s, what, err);
}

static rd_status read_pragma(
    struct rd_store *s, const char *sql, int64_t *value_out, struct rd_error *err)
{
    sqlite3_stmt *q = NULL;
    rd_status st = RD_OK;

    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
        st = failed(s, "read its version", err);
    else
        *value_out = sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    return st;
}

/* Whose file it is and of which version; then forward to ours. */
static rd_status migrate(struct rd_store *s, bool may_write, struct rd_error *err)
{
    int64_t application = 0, version = 0;
    char sql[96];
    rd_status st = read_pragma(s, "PRAGMA application_id", &application, err);

    if (!st)
        st = read_pragma(s, "PRAGMA user_version", &version, err);
    if (st)
        return st;
    if (application != RD_STORE_APPLICATION_ID && (application || version || !may_write))
        return RD_FAIL(err, RD_E_INPUT, "evidence store: application id %lld is not Redoubt's (%d)",
            (long long)application, RD_STORE_APPLICATION_ID);
    if (version > RD_STORE_VERSION)
        return RD_FAIL(err, RD_E_INPUT,
            "evidence store: version %lld is newer than this program's %d", (long long)version,
            RD_STORE_VERSION);
    for (; version < RD_STORE_VERSION && may_write && !st; version++) {
        st = run_sql(s, "BEGIN IMMEDIATE", "begin a migration", err);
        if (!st)
            st = run_sql(s, migrations[version], "migrate", err);
        (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%lld",
            RD_STORE_APPLICATION_ID, (long long)version + 1);
        if (!st)
            st = run_sql(s, sql, "stamp its version", err);
        if (!st)
            st = run_sql(s, "COMMIT", "finish a migration", err);
        else
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

/* PID that the holder wrote into the lock file, 0 when unreadable. */
static long holder(int fd)
{
    char text[24] = "";
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);

    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static rd_status take_lock(struct rd_store *s, const char *path, struct rd_error *err)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char pid[24], safe[120];
    int n;

    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return RD_FAIL(err, RD_E_IO, "cannot open '%s': %s",
            rd_text_safe_in(safe, sizeof safe, path), strerror(errno));
    if (fcntl(s->lock, F_OFD_SETLK, &whole)) {
        const bool held = errno == EAGAIN || errno == EACCES;

        if (!held)
            return RD_FAIL(err, RD_E_IO, "cannot lock '%s': %s",
                rd_text_safe_in(safe, sizeof safe, path), strerror(errno));
        (void)RD_FAIL(err, RD_E_IO, "process %ld is already assessing here", holder(s->lock));
        return rd_error_hint(err, "wait for it to end, or stop it; nothing was changed");
    }
    n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(s->lock, 0) || pwrite(s->lock, pid, (size_t)n, 0) != n)
        return RD_FAIL(err, RD_E_IO, "cannot write '%s': %s",
            rd_text_safe_in(safe, sizeof safe, path), strerror(errno));
    return RD_OK;
}

rd_status rd_store_holder(const char *dir, long *pid_out, struct rd_error *err)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct rd_arena arena = RD_ARENA_INIT;
    const char *folder = rd_path_join(&arena, dir, ".redoubt");
    const char *path = folder ? rd_path_join(&arena, folder, "lock") : NULL;
    rd_status st = path ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for the lock's name");
    struct stat s;
    int fd = -1;

    *pid_out = 0;
    if (!st && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            st = RD_FAIL(err, RD_E_IO, "cannot open the lock: %s", strerror(errno));
    } else if (!st && (fstat(fd, &s) || !S_ISREG(s.st_mode) || fcntl(fd, F_OFD_GETLK, &whole))) {
        st = RD_FAIL(err, RD_E_IO, "the lock is no file that can be locked");
    } else if (!st && whole.l_type != F_UNLCK) {
        *pid_out = holder(fd);
        if (*pid_out <= 0)
            *pid_out = -1;
    }
    if (fd >= 0)
        (void)close(fd);
    rd_arena_release(&arena);
    return st;
}

static rd_status connect(struct rd_store *s, const char *name, int flags, struct rd_error *err)
{
    if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return s->db ? failed(s, "open it", err)
                     : RD_FAIL(err, RD_E_MEMORY, "no memory for SQLite");
    (void)sqlite3_busy_timeout(s->db, 10000);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return RD_OK;
}

static rd_status open_to_write(struct rd_store *s, const char *path, struct rd_error *err)
{
    rd_status st = connect(s, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

    if (!st)
        st = run_sql(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", "set it up", err);
    return st ? st : migrate(s, true, err);
}

/* --- reading ---
 *
 * SQLite reads a store of this mode through two files beside it, which it makes, and which stay
 * when who reads may not write. So as long as nothing waits in the log the file is read as it
 * stands, without locks and without those files (immutable). A writer that comes meanwhile adds to
 * its log alone until it has done, and what it moves into the file then changes the file's time:
 * we look at it behind each reading, and read anew, with locks, when it is not the same.
 */

/* Something waits in a log beside it. */
static bool has_log(const char *path)
{
    static const char *const tail[] = { "-wal", "-journal" };
    struct rd_arena arena = RD_ARENA_INIT;
    bool found = false;

    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++) {
        const char *name = rd_arena_printf(&arena, "%s%s", path, tail[i]);
        struct stat s;

        found = found || !name || (stat(name, &s) == 0 && s.st_size > 0);
    }
    rd_arena_release(&arena);
    return found;
}

/* With locks. Whoever may write takes its files away again at the end, and what waits in the log
 * into the store, as every last connection does; nothing of it is lost. */
static rd_status open_shared(struct rd_store *s, const char *path, struct rd_error *err)
{
    const bool may_clean = access(path, W_OK) == 0;
    rd_status st = connect(s, path, may_clean ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, err);

    if (!st)
        st = run_sql(s, "PRAGMA query_only=1", "set it up", err);
    return st ? st : migrate(s, false, err);
}

/* As it stands: a URI, in which all but plain letters are written as %XX. */
static rd_status open_as_it_stands(struct rd_store *s, const char *path, struct rd_error *err)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    struct rd_buf uri = { 0 };
    rd_status st;

    while (path[0] == '/' && path[1] == '/') /* else the next word is a host */
        path++;
    rd_buf_puts(&uri, "file:");
    for (const char *p = path; *p; p++)
        rd_buf_printf(&uri, strchr(plain, *p) ? "%c" : "%%%02X", (unsigned char)*p);
    rd_buf_puts(&uri, "?immutable=1");
    st = uri.failed ? RD_FAIL(err, RD_E_MEMORY, "no memory for the evidence store")
                    : connect(s, rd_buf_text(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    rd_buf_release(&uri);
    return st ? st : migrate(s, false, err);
}

static bool is_as_it_stood(const struct rd_store *s)
{
    struct stat now;

    return stat(s->path, &now) == 0 && now.st_ino == s->file.st_ino &&
           now.st_dev == s->file.st_dev && now.st_size == s->file.st_size &&
           now.st_mtim.tv_sec == s->file.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == s->file.st_mtim.tv_nsec;
}

/* Was what has just been read read from a file that somebody wrote meanwhile? Then the store is
 * open with locks now, and it is to be read again. */
static bool must_read_again(struct rd_store *s, rd_status *st, struct rd_error *err)
{
    char *path = s->path;

    if (!path || is_as_it_stood(s))
        return false;
    if (err)
        *err = (struct rd_error){ 0 };
    (void)sqlite3_close(s->db);
    s->db = NULL;
    s->path = NULL;
    *st = open_shared(s, path, err);
    rd_free(path);
    return *st == RD_OK;
}

/* The file, or why not: there is none, or it is there and is not for us. */
static rd_status look(const char *path, struct stat *file_out, struct rd_error *err)
{
    char safe[200];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    rd_status st = RD_OK;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return RD_FAIL(err, RD_E_NOTFOUND, "there is no evidence here yet");
    if (fd < 0 || fstat(fd, file_out)) {
        st = RD_FAIL(err, RD_E_INPUT, "cannot open the evidence '%s': %s",
            rd_text_safe_in(safe, sizeof safe, path), strerror(errno));
        (void)rd_error_hint(err, "read it as its owner, or ask them for a copy of the folder");
    } else if (!S_ISREG(file_out->st_mode)) {
        st = RD_FAIL(err, RD_E_INPUT, "the evidence '%s' is no file",
            rd_text_safe_in(safe, sizeof safe, path));
    }
    if (fd >= 0)
        (void)close(fd);
    return st;
}

static rd_status open_to_read(struct rd_store *s, const char *path, struct rd_error *err)
{
    rd_status st = look(path, &s->file, err);

    if (st)
        return st;
    if (has_log(path))
        return open_shared(s, path, err);
    s->path = rd_alloc(strlen(path) + 1);
    if (!s->path)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the evidence store");
    memcpy(s->path, path, strlen(path) + 1);
    st = open_as_it_stands(s, path, err);
    (void)must_read_again(s, &st, err);
    return st;
}

static rd_status open_store(
    const char *dir, bool may_write, struct rd_store **store_out, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    char *folder = rd_path_join(&arena, dir, ".redoubt"), *db, *lock;
    struct rd_store *s = rd_alloc(sizeof *s);
    rd_status st = RD_OK;

    db = folder ? rd_path_join(&arena, folder, "evidence.db") : NULL;
    lock = folder ? rd_path_join(&arena, folder, "lock") : NULL;
    if (!s || !db || !lock) {
        rd_free(s);
        rd_arena_release(&arena);
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the evidence store");
    }
    *s = (struct rd_store){ .lock = -1 };
    if (may_write) {
        st = rd_file_mkdirs(folder, 0700, err);
        if (!st)
            st = take_lock(s, lock, err);
        if (!st)
            st = open_to_write(s, db, err);
    } else {
        st = open_to_read(s, db, err);
    }
    rd_arena_release(&arena);
    if (st) {
        rd_store_close(s);
        return st;
    }
    *store_out = s;
    return RD_OK;
}

rd_status rd_store_open(const char *dir, struct rd_store **store_out, struct rd_error *err)
{
    return open_store(dir, true, store_out, err);
}

rd_status rd_store_open_read(const char *dir, struct rd_store **store_out, struct rd_error *err)
{
    return open_store(dir, false, store_out, err);
}

void rd_store_close(struct rd_store *s)
{
    if (!s)
        return;
    (void)sqlite3_close(s->db);
    rd_free(s->path);
    if (s->lock >= 0)
        (void)close(s->lock); /* lets the lock go */
    rd_free(s);
}

static rd_status find(struct rd_store *s, const char *key, struct rd_arena *arena,
    struct rd_bytes *result_out, struct rd_error *err)
{
    static const char sql[] =
        "SELECT result, result_digest, id FROM record WHERE key = ? ORDER BY id DESC LIMIT 1";
    sqlite3_stmt *q = NULL;
    char hex[RD_DIGEST_HEX];
    rd_status st = RD_OK;
    int code;

    *result_out = (struct rd_bytes){ (const unsigned char *)"", 0 };
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK ||
        sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC) != SQLITE_OK) {
        st = failed(s, "look a record up", err);
        goto out;
    }
    code = sqlite3_step(q);
    if (code == SQLITE_DONE)
        goto out;
    if (code != SQLITE_ROW) {
        st = failed(s, "look a record up", err);
        goto out;
    }
    {
        const unsigned char *text = sqlite3_column_text(q, 0), *digest = sqlite3_column_text(q, 1);
        const size_t size = (size_t)sqlite3_column_bytes(q, 0);
        char *copy = text ? rd_arena_strndup(arena, (const char *)text, size) : NULL;

        if (!copy || !digest) {
            st = RD_FAIL(err, RD_E_MEMORY, "no memory for a record of %zu bytes", size);
            goto out;
        }
        st = rd_digest_bytes(copy, size, hex, err);
        if (!st && strcmp(hex, (const char *)digest) != 0) {
            st = RD_FAIL(err, RD_E_INPUT,
                "evidence store: record %lld does not match its own hash: it was changed",
                (long long)sqlite3_column_int64(q, 2));
            (void)rd_error_hint(err, "move the .redoubt folder away to measure anew");
        }
        if (!st)
            *result_out = (struct rd_bytes){ (const unsigned char *)copy, size };
    }
out:
    (void)sqlite3_finalize(q);
    return st;
}

rd_status rd_store_find(struct rd_store *s, const char *key, struct rd_arena *arena,
    struct rd_bytes *result_out, struct rd_error *err)
{
    rd_status st = find(s, key, arena, result_out, err);

    return must_read_again(s, &st, err) ? find(s, key, arena, result_out, err) : st;
}

rd_status rd_store_append(struct rd_store *s, const char *key, const void *result,
    size_t result_size, const void *run, size_t run_size, struct rd_error *err)
{
    static const char sql[] =
        "INSERT INTO record (key, result, result_digest, run) VALUES (?, ?, ?, ?)";
    sqlite3_stmt *q = NULL;
    char hex[RD_DIGEST_HEX];
    rd_status st = rd_digest_bytes(result, result_size, hex, err);

    if (st)
        return st;
    if (result_size > INT_MAX || run_size > INT_MAX)
        return RD_FAIL(err, RD_E_LIMIT, "a record of %zu bytes", result_size);
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK ||
        sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(q, 2, result, (int)result_size, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(q, 3, hex, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(q, 4, run, (int)run_size, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(q) != SQLITE_DONE)
        st = failed(s, "add a record", err);
    (void)sqlite3_finalize(q);
    return st;
}

rd_status rd_store_count(struct rd_store *s, size_t *count_out, struct rd_error *err)
{
    static const char sql[] = "SELECT count(*) FROM record";
    int64_t n = 0;
    rd_status st = read_pragma(s, sql, &n, err);

    if (must_read_again(s, &st, err))
        st = read_pragma(s, sql, &n, err);

    if (!st)
        *count_out = (size_t)n;
    return st;
}
