/*
 * child.c - one filter program at a time.
 *
 * stdin is one end of a socket pair and not a pipe: send() can be told not to raise SIGPIPE when
 * the child dies early, and a library may not touch the process's signal handlers.
 */
#include "base/child.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

int rd_child_spawn_(
    const char *const *argv, const char *folder, int in, int out, int errors, pid_t *pid_out)
{
    static char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "HOME=/", NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int e;

    if ((e = posix_spawn_file_actions_init(&files)))
        return e;
    if ((e = posix_spawnattr_init(&attr))) {
        (void)posix_spawn_file_actions_destroy(&files);
        return e;
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    e = posix_spawn_file_actions_adddup2(&files, in, 0);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, out, 1);
    if (!e)
        e = errors < 0 ? posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0)
                       : posix_spawn_file_actions_adddup2(&files, errors, 2);
    if (!e && folder)
        e = posix_spawn_file_actions_addchdir_np(&files, folder);
    if (!e)
        e = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (!e)
        e = posix_spawnattr_setpgroup(&attr, 0);
    if (!e)
        e = posix_spawnattr_setsigmask(&attr, &none);
    if (!e)
        e = posix_spawnattr_setsigdefault(&attr, &all);
    if (!e)
        e = posix_spawnattr_setflags(
            &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!e) /* argv is not changed: the prototype is older than const */
        e = posix_spawnp(pid_out, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

/* Give and take until the child has closed its output. */
static rd_status talk(const struct rd_child *c, int *in, int out, int64_t deadline,
    struct rd_buf *got, struct rd_error *err)
{
    size_t sent = 0;
    char chunk[16384];

    for (;;) {
        struct pollfd p[2] = { { .fd = out, .events = POLLIN }, { .fd = *in, .events = POLLOUT } };
        const int64_t left = deadline - now_ms();
        int ready;

        if (sent == c->in_size && *in >= 0) {
            shut(in);
            p[1].fd = -1;
        }
        if (left <= 0)
            return RD_FAIL(
                err, RD_E_LIMIT, "'%s' took longer than %u ms", c->argv[0], c->timeout_ms);
        ready = poll(p, 2, left > 1000 ? 1000 : (int)left);
        if (ready < 0 && errno != EINTR)
            return RD_FAIL(err, RD_E_IO, "cannot wait for '%s': %s", c->argv[0], strerror(errno));
        if (ready <= 0)
            continue;
        if (p[1].fd >= 0 && p[1].revents) {
            const ssize_t n = send(
                *in, (const char *)c->in + sent, c->in_size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

            if (n > 0)
                sent += (size_t)n;
            else if (n < 0 && errno != EAGAIN && errno != EINTR)
                sent = c->in_size; /* it does not want the rest; its exit code will tell */
        }
        if (p[0].revents) {
            const ssize_t n = read(out, chunk, sizeof(chunk));

            if (n < 0 && errno != EINTR)
                return RD_FAIL(
                    err, RD_E_IO, "cannot read from '%s': %s", c->argv[0], strerror(errno));
            if (n == 0)
                return RD_OK;
            if (n > 0)
                rd_buf_put(got, chunk, (size_t)n);
            if (got->failed)
                return RD_FAIL(
                    err, RD_E_LIMIT, "'%s' wrote more than %zu bytes", c->argv[0], c->out_limit);
        }
    }
}

/* Wait for the end until the deadline, kill the group behind it in any case. */
static rd_status reap(
    const struct rd_child *c, pid_t pid, rd_status st, int64_t deadline, struct rd_error *err)
{
    int status = 0;
    bool gone = false;

    while (st == RD_OK && !gone && now_ms() < deadline) {
        const struct timespec pause = { .tv_nsec = 2000000 };

        gone = waitpid(pid, &status, WNOHANG) == pid;
        if (!gone)
            (void)nanosleep(&pause, NULL);
    }
    (void)kill(-pid, SIGKILL); /* also what the child itself may have started */
    while (!gone && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (st)
        return st;
    if (!gone)
        return RD_FAIL(err, RD_E_LIMIT, "'%s' took longer than %u ms", c->argv[0], c->timeout_ms);
    if (WIFSIGNALED(status))
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' was ended by signal %d", c->argv[0], WTERMSIG(status));
    if (WEXITSTATUS(status) == 127)
        return RD_FAIL(err, RD_E_NOTFOUND, "there is no program '%s'", c->argv[0]);
    if (WEXITSTATUS(status))
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' failed with exit code %d", c->argv[0], WEXITSTATUS(status));
    return RD_OK;
}

rd_status rd_child_run(const struct rd_child *c, struct rd_arena *arena, struct rd_bytes *out_out,
    struct rd_error *err)
{
    const int64_t deadline = now_ms() + c->timeout_ms;
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    struct rd_buf got = { .limit = c->out_limit };
    pid_t pid = -1;
    char *copy;
    rd_status st = RD_OK;
    int e;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) || pipe2(out, O_CLOEXEC)) {
        st = RD_FAIL(err, RD_E_IO, "cannot make a pipe to '%s': %s", c->argv[0], strerror(errno));
        goto out;
    }
    e = rd_child_spawn_(c->argv, NULL, in[1], out[1], -1, &pid);
    if (e) {
        st = RD_FAIL(err, e == ENOENT || e == EACCES ? RD_E_NOTFOUND : RD_E_IO,
            "cannot start '%s': %s", c->argv[0], strerror(e));
        goto out;
    }
    shut(&in[1]);
    shut(&out[1]);
    if (c->memory_bytes) {
        const struct rlimit limit = { c->memory_bytes, c->memory_bytes };

        if (prlimit(pid, RLIMIT_AS, &limit, NULL) && errno != ESRCH)
            st = RD_FAIL(
                err, RD_E_IO, "cannot limit the memory of '%s': %s", c->argv[0], strerror(errno));
    }
    if (!st)
        st = talk(c, &in[0], out[0], deadline, &got, err);
    shut(&in[0]);
    st = reap(c, pid, st, deadline, err);
    if (st)
        goto out;
    copy = rd_arena_strndup(arena, rd_buf_text(&got), got.len);
    if (!copy) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for the answer of '%s'", c->argv[0]);
        goto out;
    }
    *out_out = (struct rd_bytes){ (const unsigned char *)copy, got.len };
out:
    shut(&in[0]);
    shut(&in[1]);
    shut(&out[0]);
    shut(&out[1]);
    rd_buf_release(&got);
    return st;
}
