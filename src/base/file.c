#include "base/file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_size_t fail_at;

void rd_file_fail_at(size_t nth)
{
    atomic_store(&fail_at, nth);
}

/* True (and errno set) when a test asked this very operation to fail. */
static bool fault(int code)
{
    size_t left = atomic_load_explicit(&fail_at, memory_order_relaxed);

    while (left)
        if (atomic_compare_exchange_weak(&fail_at, &left, left - 1)) {
            if (left == 1)
                errno = code;
            return left == 1;
        }
    return false;
}

enum { SHOWN = 120 };

static rd_status io_failed(struct rd_error *err, const char *verb, const char *path)
{
    const int code = errno;
    char safe[SHOWN];
    const rd_status st = code == ENOENT || code == ENOTDIR ? RD_E_NOTFOUND : RD_E_IO;

    return RD_FAIL(err, st, "cannot %s '%s': %s", verb, rd_text_safe_in(safe, sizeof safe, path),
        strerror(code));
}

/* A file that is there and that we may not open is bad input, not a disk that fails. */
static rd_status open_failed(struct rd_error *err, const char *path)
{
    const int code = errno;
    char safe[SHOWN];

    if (code != EACCES && code != EPERM && code != ELOOP && code != ENAMETOOLONG)
        return io_failed(err, "open", path);
    return RD_FAIL(err, RD_E_INPUT, "cannot open '%s': %s",
        rd_text_safe_in(safe, sizeof safe, path), strerror(code));
}

/* Open a regular file and measure it against the limit. */
static rd_status open_measured(
    const char *path, size_t limit, int *fd_out, size_t *size_out, struct rd_error *err)
{
    char safe[SHOWN];
    struct stat sb;
    rd_status st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return open_failed(err, path);
    if (fstat(fd, &sb) || fault(EIO)) {
        st = io_failed(err, "measure", path);
    } else if (!S_ISREG(sb.st_mode)) {
        st = RD_FAIL(err, RD_E_INPUT, "'%s' is no regular file%s",
            rd_text_safe_in(safe, sizeof safe, path), S_ISDIR(sb.st_mode) ? " but a folder" : "");
    } else if ((uintmax_t)sb.st_size > limit) {
        st = RD_FAIL(err, RD_E_LIMIT, "'%s' has %jd bytes; at most %zu are read",
            rd_text_safe_in(safe, sizeof safe, path), (intmax_t)sb.st_size, limit);
    } else {
        *fd_out = fd;
        *size_out = (size_t)sb.st_size;
        return RD_OK;
    }
    (void)close(fd);
    return st;
}

rd_status rd_file_read(const char *path, size_t limit, struct rd_arena *arena,
    struct rd_bytes *bytes_out, struct rd_error *err)
{
    unsigned char *data;
    size_t size = 0, got = 0;
    int fd = -1;
    rd_status st = open_measured(path, limit, &fd, &size, err);

    if (st)
        return st;
    data = rd_arena_alloc(arena, size + 1, 1);
    if (!data) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for the %zu bytes of '%s'", size, path);
        goto out;
    }
    while (got < size) {
        const ssize_t n = fault(EIO) ? -1 : read(fd, data + got, size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st = io_failed(err, "read", path);
            goto out;
        }
        if (n == 0)
            break; /* it shrank while we read */
        got += (size_t)n;
    }
    *bytes_out = (struct rd_bytes){ data, got };
out:
    (void)close(fd);
    return st;
}

struct mapping {
    void *at;
    size_t size;
};

static void unmap(void *obj)
{
    const struct mapping *m = obj;

    (void)munmap(m->at, m->size);
}

rd_status rd_file_map(const char *path, size_t limit, struct rd_arena *arena,
    struct rd_bytes *bytes_out, struct rd_error *err)
{
    struct mapping *m = RD_NEW(arena, struct mapping);
    size_t size = 0;
    int fd = -1;
    rd_status st;

    if (!m)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to map '%s'", path);
    st = open_measured(path, limit, &fd, &size, err);
    if (st)
        return st;
    if (!size) {
        *bytes_out = (struct rd_bytes){ (const unsigned char *)"", 0 };
        goto out;
    }
    m->size = size;
    m->at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->at == MAP_FAILED) {
        st = io_failed(err, "map", path);
        goto out;
    }
    if (rd_arena_guard(arena, unmap, m)) {
        (void)munmap(m->at, size);
        st = RD_FAIL(err, RD_E_MEMORY, "no memory to map '%s'", path);
        goto out;
    }
    *bytes_out = (struct rd_bytes){ m->at, size };
out:
    (void)close(fd);
    return st;
}

static bool write_all(int fd, const unsigned char *p, size_t size)
{
    while (size) {
        const ssize_t n = fault(ENOSPC) ? -1 : write(fd, p, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/*
 * A device, a pipe, or one of our own descriptors (/dev/stdout): something to write to. Put in
 * place as a file is, a new file would stand where /dev/null was.
 */
static bool is_stream(const char *path)
{
    struct stat s;

    return !stat(path, &s) && !S_ISDIR(s.st_mode) &&
           (!S_ISREG(s.st_mode) || !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6));
}

static rd_status write_stream(const char *path, const void *data, size_t size, struct rd_error *err)
{
    /* A pipe that nobody reads is an error, not a wait. */
    const int fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    rd_status st = RD_OK;

    if (fd < 0)
        return io_failed(err, "write to", path);
    if (fcntl(fd, F_SETFL, O_APPEND) < 0 || !write_all(fd, data, size))
        st = io_failed(err, "write to", path);
    if (close(fd) && !st)
        st = io_failed(err, "write to", path);
    return st;
}

rd_status rd_file_write(
    const char *path, const void *data, size_t size, unsigned mode, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    char *dir = rd_path_dir(&arena, path);
    char *temp = rd_arena_printf(&arena, "%s.%ld.tmp", path, (long)getpid());
    int fd = -1, folder = -1;
    rd_status st = RD_OK;

    if (is_stream(path)) {
        st = write_stream(path, data, size, err);
        goto out;
    }
    if (!dir || !temp) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory to write '%s'", path);
        goto out;
    }
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    if (fd < 0) {
        st = io_failed(err, "create", path);
        goto out;
    }
    if (!write_all(fd, data, size) || fault(EIO) || fsync(fd)) {
        st = io_failed(err, "write", path);
        (void)unlink(temp);
        goto out;
    }
    if (fault(EIO) || rename(temp, path)) {
        st = io_failed(err, "put in place", path);
        (void)unlink(temp);
        goto out;
    }
    /* The name itself must survive a power cut; some file systems cannot fsync a folder. */
    folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && fsync(folder) && errno != EINVAL)
        st = io_failed(err, "sync the folder of", path);
out:
    if (fd >= 0)
        (void)close(fd);
    if (folder >= 0)
        (void)close(folder);
    rd_arena_release(&arena);
    return st;
}

rd_status rd_file_mkdirs(const char *path, unsigned mode, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    char *p = rd_arena_strdup(&arena, path);
    rd_status st = RD_OK;

    if (!p)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to make '%s'", path);
    for (char *slash = p + 1;; slash++) {
        const bool last = *slash == '\0';

        if (!last && *slash != '/')
            continue;
        *slash = '\0';
        if (mkdir(p, (mode_t)mode) && !(errno == EEXIST && rd_file_is_dir(p))) {
            st = io_failed(err, "make folder", path);
            break;
        }
        if (last)
            break;
        *slash = '/';
    }
    rd_arena_release(&arena);
    return st;
}

bool rd_file_exists(const char *path)
{
    struct stat sb;

    return !stat(path, &sb);
}

bool rd_file_is_dir(const char *path)
{
    struct stat sb;

    return !stat(path, &sb) && S_ISDIR(sb.st_mode);
}

char *rd_path_join(struct rd_arena *arena, const char *dir, const char *name)
{
    const size_t len = strlen(dir);

    if (*name == '/' || !len || !strcmp(dir, "."))
        return rd_arena_strdup(arena, name);
    return rd_arena_printf(arena, "%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

char *rd_path_dir(struct rd_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return rd_arena_strdup(arena, ".");
    return rd_arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

bool rd_path_stays_inside(const char *path)
{
    int depth = 0;

    if (*path == '/' || !*path)
        return false;
    while (*path) {
        const size_t len = strcspn(path, "/");

        if (len == 2 && path[0] == '.' && path[1] == '.')
            depth--;
        else if (len && !(len == 1 && path[0] == '.'))
            depth++;
        if (depth < 0)
            return false;
        path += len + (path[len] == '/');
    }
    return true;
}
