#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS_MAX = 16, COMMAND_MAX = 512 };

static const char *command_line(void)
{
    const char *own = getenv("REDOUBT_PAGER"), *shared = getenv("PAGER");

    return own ? own : shared ? shared : "less";
}

/* Parted at blanks; false when there is nothing to run. */
static bool split(char line[COMMAND_MAX], char *argv[WORDS_MAX + 1])
{
    char *rest = line;
    size_t n = 0;

    for (char *word; n < WORDS_MAX && (word = strtok_r(rest, " \t", &rest)) != NULL;)
        argv[n++] = word;
    argv[n] = NULL;
    return n && strcmp(argv[0], "cat") != 0;
}

static bool pager_argv(char line[COMMAND_MAX], char *argv[WORDS_MAX + 1])
{
    const char *wanted = command_line();

    if (strlen(wanted) >= COMMAND_MAX)
        return false;
    (void)snprintf(line, COMMAND_MAX, "%s", wanted);
    return split(line, argv);
}

const char *rd_pager_program(char *out, size_t size)
{
    char line[COMMAND_MAX], *argv[WORDS_MAX + 1];

    (void)snprintf(out, size, "%s", pager_argv(line, argv) ? argv[0] : "");
    return out;
}

bool rd_pager_wanted(void)
{
    const char *term = getenv("TERM"), *ci = getenv("CI");
    char line[COMMAND_MAX], *argv[WORDS_MAX + 1];

    if (isatty(STDOUT_FILENO) != 1 || !term || !*term || !strcmp(term, "dumb"))
        return false;
    if (ci && *ci && strcmp(ci, "false") != 0 && strcmp(ci, "0") != 0)
        return false;
    return pager_argv(line, argv);
}

/* Behind "ESC [ ... m", which takes no room: rd_tint_on writes no other sequence. */
static size_t after_tint(const char *text, size_t len, size_t at)
{
    while (at < len && text[at] != 'm')
        at++;
    return at;
}

/* Lines as they stand on the screen, where what is wider than it takes several. */
static bool is_long(const char *text, size_t len)
{
    struct winsize size = { .ws_row = 24 };
    size_t lines = 0, width = 0;

    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const size_t rows = size.ws_row ? size.ws_row : 24, columns = size.ws_col ? size.ws_col : 80;

    for (size_t i = 0; i < len && lines < rows; i++) {
        if (text[i] == '\033') {
            i = after_tint(text, len, i);
        } else if (text[i] == '\n') {
            lines++;
            width = 0;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80 && ++width > columns) {
            lines++; /* a byte that goes on with a letter of UTF-8 takes no room */
            width = 1;
        }
    }
    return lines >= rows;
}

/* With our stdout and stderr and the reading end as stdin; signals as they were for us. */
static bool start(char *const argv[], int in, pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t reset;
    int failed;

    if (posix_spawn_file_actions_init(&actions))
        return false;
    if (posix_spawnattr_init(&attributes)) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return false;
    }
    (void)sigemptyset(&reset);
    (void)sigaddset(&reset, SIGINT);
    (void)sigaddset(&reset, SIGTERM);
    (void)sigaddset(&reset, SIGPIPE);
    (void)sigaddset(&reset, SIGXFSZ);
    failed = posix_spawnattr_setsigdefault(&attributes, &reset);
    if (!failed)
        failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (!failed && !getenv("LESS")) /* as git does: colors as they are, no pause for short text */
        failed = setenv("LESS", "FRX", 0);
    if (!failed)
        failed = posix_spawnp(pid_out, argv[0], &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return !failed;
}

/* All of it, or until nobody reads any more: SIGPIPE is ignored, the write fails. */
static void give(int to, const char *text, size_t len)
{
    while (len) {
        const ssize_t n = write(to, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

bool rd_pager_show(const char *text, size_t len)
{
    char line[COMMAND_MAX], *argv[WORDS_MAX + 1];
    struct sigaction ignore, before;
    int ends[2], status;
    pid_t pid;

    if (!is_long(text, len) || !pager_argv(line, argv) || pipe2(ends, O_CLOEXEC))
        return false;
    if (!start(argv, ends[0], &pid)) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return false;
    }
    (void)close(ends[0]);
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN; /* Ctrl-C is the pager's while it runs */
    (void)sigaction(SIGINT, &ignore, &before);
    give(ends[1], text, len);
    (void)close(ends[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)sigaction(SIGINT, &before, NULL);
    /* 127: some C libraries find out in the child only that there is no such program. */
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}
