/*
 * talker.c - a child that answers line by line.
 *
 * All three of its pipes are watched at once: one that floods stderr must not block on it, and one
 * that stops reading must not block us.
 */
#include "base/child.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 50, TAIL = 120, END_MS = 200 };

struct rd_talker {
    char name[96];
    pid_t pid;
    int in, out, errors;
    struct rd_buf line;  /* what came, not yet given away */
    size_t given;        /* bytes of it that the last answer took, newline included */
    char tail[TAIL + 1]; /* the end of its stderr */
    size_t n_tail;
    bool dead;
};

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Returns its wait status; -1 when it had to be killed. */
static int end(struct rd_talker *t, int patience_ms)
{
    const int64_t deadline = now_ms() + patience_ms;
    int status = -1;
    bool gone = false;

    if (t->dead)
        return -1;
    t->dead = true;
    shut(&t->in);
    while (!gone && now_ms() < deadline) {
        const struct timespec pause = { .tv_nsec = 2000000 };

        gone = waitpid(t->pid, &status, WNOHANG) == t->pid;
        if (!gone)
            (void)nanosleep(&pause, NULL);
    }
    (void)kill(-t->pid, SIGKILL);
    if (!gone) {
        while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
            ;
        status = -1;
    }
    shut(&t->out);
    shut(&t->errors);
    return status;
}

static void keep_tail(struct rd_talker *t, const char *bytes, size_t n)
{
    if (n >= TAIL) {
        memcpy(t->tail, bytes + n - TAIL, TAIL);
        t->n_tail = TAIL;
    } else {
        const size_t old = t->n_tail < TAIL - n ? t->n_tail : TAIL - n;

        memmove(t->tail, t->tail + t->n_tail - old, old);
        memcpy(t->tail + old, bytes, n);
        t->n_tail = old + n;
    }
    t->tail[t->n_tail] = '\0';
}

static void drain_errors(struct rd_talker *t)
{
    char chunk[4096];
    const ssize_t n = read(t->errors, chunk, sizeof chunk);

    if (n > 0)
        keep_tail(t, chunk, (size_t)n);
    else if (!n || (errno != EINTR && errno != EAGAIN))
        shut(&t->errors);
}

/* The last line of what it said on stderr, for a message. */
static const char *last_words(struct rd_talker *t, char *out, size_t size)
{
    char safe[TAIL + 40];
    size_t n = t->n_tail, start;

    while (t->errors >= 0) {
        struct pollfd p = { .fd = t->errors, .events = POLLIN };

        if (poll(&p, 1, 0) <= 0)
            break;
        drain_errors(t);
        n = t->n_tail;
    }
    while (n && (unsigned char)t->tail[n - 1] <= ' ')
        n--;
    t->tail[n] = '\0';
    for (start = n; start && t->tail[start - 1] != '\n';)
        start--;
    if (start == n)
        return "";
    (void)snprintf(out, size, "; it said: %s", rd_text_safe_in(safe, sizeof safe, t->tail + start));
    return out;
}

static rd_status died(struct rd_talker *t, struct rd_error *err)
{
    char words[TAIL + 60];
    const char *said;
    int status;

    shut(&t->in);
    said = last_words(t, words, sizeof words);
    status = end(t, END_MS);
    if (status != -1 && WIFSIGNALED(status))
        return RD_FAIL(
            err, RD_E_IO, "'%s' was ended by signal %d%s", t->name, WTERMSIG(status), said);
    if (status != -1 && WEXITSTATUS(status) == 127)
        return RD_FAIL(err, RD_E_NOTFOUND, "there is no program '%s'%s", t->name, said);
    if (status != -1)
        return RD_FAIL(
            err, RD_E_IO, "'%s' ended with exit code %d%s", t->name, WEXITSTATUS(status), said);
    return RD_FAIL(err, RD_E_IO, "'%s' closed its output%s", t->name, said);
}

rd_status rd_talker_start(const char *const *argv, const char *folder, size_t memory_bytes,
    struct rd_talker **talker_out, struct rd_error *err)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 };
    struct rd_talker *t = rd_alloc(sizeof *t);
    rd_status st = RD_OK;
    int e;

    if (!t)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to start a process");
    *t = (struct rd_talker){ .in = -1, .out = -1, .errors = -1 };
    rd_text_safe_in(t->name, sizeof t->name, argv[0]);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) || pipe2(out, O_CLOEXEC) ||
        pipe2(errors, O_CLOEXEC)) {
        st = RD_FAIL(err, RD_E_IO, "cannot make a pipe to '%s': %s", t->name, strerror(errno));
        goto out;
    }
    e = rd_child_spawn_(argv, folder, in[1], out[1], errors[1], &t->pid);
    if (e) {
        st = RD_FAIL(err, e == ENOENT || e == EACCES ? RD_E_NOTFOUND : RD_E_IO,
            "cannot start '%s': %s", t->name, strerror(e));
        goto out;
    }
    t->in = in[0];
    t->out = out[0];
    t->errors = errors[0];
    in[0] = out[0] = errors[0] = -1;
    (void)fcntl(t->errors, F_SETFL, O_NONBLOCK);
    (void)fcntl(t->out, F_SETFL, O_NONBLOCK);
    if (memory_bytes) {
        const struct rlimit limit = { memory_bytes, memory_bytes };

        if (prlimit(t->pid, RLIMIT_AS, &limit, NULL) && errno != ESRCH)
            st = RD_FAIL(
                err, RD_E_IO, "cannot limit the memory of '%s': %s", t->name, strerror(errno));
    }
    if (st)
        (void)end(t, 0);
out:
    shut(&in[0]);
    shut(&in[1]);
    shut(&out[0]);
    shut(&out[1]);
    shut(&errors[0]);
    shut(&errors[1]);
    if (st)
        rd_free(t);
    else
        *talker_out = t;
    return st;
}

/* What came since the last answer goes first: a line nobody asked for is a mix-up to tell of. */
static rd_status begin(struct rd_talker *t, struct rd_error *err)
{
    char chunk[256], safe[80];
    ssize_t n;

    if (t->dead)
        return RD_FAIL(err, RD_E_IO, "'%s' has ended", t->name);
    n = t->line.len > t->given ? (ssize_t)(t->line.len - t->given)
                               : read(t->out, chunk, sizeof chunk - 1);
    if (n > 0) {
        const char *from = t->line.len > t->given ? t->line.text + t->given : chunk;

        chunk[from == chunk ? (size_t)n : 0] = '\0';
        (void)RD_FAIL(err, RD_E_INPUT, "'%s' wrote before it was asked: %s", t->name,
            rd_text_safe_in(safe, sizeof safe, from));
        (void)end(t, 0);
        return RD_E_INPUT;
    }
    rd_buf_release(&t->line);
    t->given = 0;
    return RD_OK;
}

static rd_status give(
    struct rd_talker *t, const char *line, size_t size, size_t *sent, struct rd_error *err)
{
    const ssize_t n = send(t->in, line + *sent, size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        *sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        return died(t, err);
    return RD_OK;
}

/* *whole_out: the length of the line, once its end has come. */
static rd_status take(struct rd_talker *t, size_t limit, size_t *whole_out, struct rd_error *err)
{
    char chunk[16384];
    const ssize_t n = read(t->out, chunk, sizeof chunk);
    const char *newline;

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? RD_OK : died(t, err);
    if (!n)
        return died(t, err);
    newline = memchr(chunk, '\n', (size_t)n);
    t->line.limit = limit + sizeof chunk;
    if (newline)
        *whole_out = t->line.len + (size_t)(newline - chunk);
    rd_buf_put(&t->line, chunk, (size_t)n);
    if (t->line.failed || (!newline && t->line.len > limit))
        return RD_FAIL(
            err, RD_E_LIMIT, "'%s' wrote more than %zu bytes in one line", t->name, limit);
    return RD_OK;
}

static rd_status talk(struct rd_talker *t, const char *line, size_t size, size_t limit,
    double timeout_ms, bool (*go_on)(void *user), void *user, size_t *whole_out,
    struct rd_error *err)
{
    const int64_t deadline = now_ms() + (int64_t)timeout_ms;
    size_t sent = 0;
    rd_status st = RD_OK;

    *whole_out = SIZE_MAX;
    while (!st && *whole_out == SIZE_MAX) {
        struct pollfd p[3] = { { .fd = t->out, .events = POLLIN },
            { .fd = t->errors, .events = POLLIN },
            { .fd = sent < size ? t->in : -1, .events = POLLOUT } };
        char words[TAIL + 60];

        if (go_on && !go_on(user))
            return RD_FAIL(err, RD_E_CANCELED, "stopped: nothing more is sent to '%s'", t->name);
        if (now_ms() >= deadline)
            return RD_FAIL(err, RD_E_IO, "'%s' did not answer within %g s%s", t->name,
                timeout_ms / 1000, last_words(t, words, sizeof words));
        if (poll(p, 3, TICK_MS) < 0 && errno != EINTR)
            return RD_FAIL(err, RD_E_IO, "cannot wait for '%s': %s", t->name, strerror(errno));
        if (p[1].revents)
            drain_errors(t);
        if (p[2].revents)
            st = give(t, line, size, &sent, err);
        if (!st && p[0].revents)
            st = take(t, limit, whole_out, err);
    }
    if (!st && sent < size)
        return RD_FAIL(err, RD_E_INPUT, "'%s' answered before it had read the question", t->name);
    return st;
}

rd_status rd_talker_ask(struct rd_talker *t, const char *line, size_t size, size_t limit,
    double timeout_ms, bool (*go_on)(void *user), void *user, struct rd_bytes *answer_out,
    struct rd_error *err)
{
    size_t whole;
    rd_status st = begin(t, err);

    if (!st)
        st = talk(t, line, size, limit, timeout_ms, go_on, user, &whole, err);
    if (st) {
        (void)end(t, 0);
        return st;
    }
    t->given = whole + 1;
    *answer_out = (struct rd_bytes){ (const unsigned char *)t->line.text, whole };
    return RD_OK;
}

void rd_talker_stop(struct rd_talker *t)
{
    if (!t)
        return;
    /* A closed stdin is the polite way; its group is killed after it in any case. */
    (void)end(t, END_MS);
    rd_buf_release(&t->line);
    rd_free(t);
}
