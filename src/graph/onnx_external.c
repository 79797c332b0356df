/*
 * onnx_external.c - weights in files beside the model.
 *
 * The location is the model author's word, so it is followed one component at a time from the
 * model's folder, with O_NOFOLLOW: no "..", no absolute path, no symbolic link, nothing but regular
 * files.
 */
#include "base/file.h"
#include "base/text.h"
#include "graph/onnx.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 64 };

struct rd_onnx_file {
    const char *location;
    void *at;
    size_t size;
};

static void unmap(void *obj)
{
    const struct rd_onnx_file *f = obj;

    if (f->at)
        (void)munmap(f->at, f->size);
}

/* Open folder/location without following links. -1 with errno. */
static int open_inside(const char *folder, const char *location)
{
    int fd = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char part[256];

    while (fd >= 0) {
        const char *slash = strchr(location, '/');
        const size_t n = slash ? (size_t)(slash - location) : strlen(location);
        int next;

        if (n >= sizeof(part)) {
            (void)close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, location, n);
        part[n] = '\0';
        if (n == 0 || !strcmp(part, ".")) {
            next = dup(fd);
        } else {
            next = openat(fd, part,
                O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                    (slash ? O_DIRECTORY : 0));
        }
        {
            const int kept = errno;

            (void)close(fd);
            errno = kept;
        }
        fd = next;
        if (!slash)
            break;
        location = slash + 1;
    }
    return fd;
}

static rd_status map(struct rd_onnx *x, struct rd_onnx_file *f)
{
    char safe[100];
    struct stat sb;
    rd_status st = RD_OK;
    int fd;

    rd_text_safe_in(safe, sizeof(safe), f->location);
    if (!rd_path_stays_inside(f->location) || strchr(f->location, '\\'))
        return RD_FAIL(
            x->err, RD_E_INPUT, "external data '%s' would leave the model's folder", safe);
    fd = open_inside(x->folder, f->location);
    if (fd < 0 && (errno == ELOOP || errno == EMLINK ||
                      errno == ENOTDIR)) /* a folder that is a link: ENOTDIR */
        return RD_FAIL(
            x->err, RD_E_INPUT, "external data '%s' goes through a symbolic link or a file", safe);
    if (fd < 0)
        return RD_FAIL(x->err, errno == ENOENT ? RD_E_NOTFOUND : RD_E_IO,
            "cannot open external data '%s': %s", safe, strerror(errno));
    if (fstat(fd, &sb)) {
        st = RD_FAIL(x->err, RD_E_IO, "cannot measure '%s': %s", safe, strerror(errno));
    } else if (!S_ISREG(sb.st_mode)) {
        st = RD_FAIL(x->err, RD_E_INPUT, "external data '%s' is no regular file", safe);
    } else if ((uintmax_t)sb.st_size > x->limits->file_bytes) {
        st = RD_FAIL(x->err, RD_E_LIMIT, "'%s' has %jd bytes; at most %zu are read", safe,
            (intmax_t)sb.st_size, x->limits->file_bytes);
    } else if (sb.st_size > 0) {
        void *at = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (at == MAP_FAILED) {
            st = RD_FAIL(x->err, RD_E_IO, "cannot map '%s': %s", safe, strerror(errno));
        } else {
            f->at = at;
            f->size = (size_t)sb.st_size;
            x->file_bytes += f->size;
        }
    }
    (void)close(fd);
    return st;
}

rd_status rd_onnx_external(struct rd_onnx *x, const char *location, uint64_t offset, uint64_t size,
    struct rd_span *span_out)
{
    struct rd_onnx_file *f = NULL;
    char safe[100];
    rd_status st = RD_OK;

    rd_text_safe_in(safe, sizeof(safe), location);
    if (!x->folder)
        return RD_FAIL(x->err, RD_E_INPUT,
            "its data stands in the file '%s', but this model has no folder", safe);
    if (!x->files) {
        x->files = rd_onnx_alloc(x, FILES, sizeof(*x->files), &st);
        if (st)
            return st;
    }
    for (size_t i = 0; i < x->n_files && !f; i++)
        if (!strcmp(x->files[i].location, location))
            f = &x->files[i];
    if (!f) {
        if (x->n_files == FILES)
            return RD_FAIL(x->err, RD_E_LIMIT, "external data stands in more than %d files", FILES);
        f = &x->files[x->n_files];
        f->location = location;
        if (rd_arena_guard(x->arena, unmap, f))
            return RD_FAIL(x->err, RD_E_MEMORY, "no memory for external data '%s'", safe);
        st = map(x, f);
        if (st)
            return st;
        x->n_files++;
    }
    if (offset > f->size || size > f->size - offset)
        return RD_FAIL(x->err, RD_E_INPUT,
            "external data '%s' has %zu bytes; offset %llu + length %llu is behind its end", safe,
            f->size, (unsigned long long)offset, (unsigned long long)size);
    *span_out =
        (struct rd_span){ f->at ? (const unsigned char *)f->at + offset : (const unsigned char *)"",
            (size_t)size };
    return RD_OK;
}
