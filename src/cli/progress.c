#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t signaled;

static void on_signal(int number)
{
    /* The handler was reset on entry: the same signal again ends the process at once. */
    signaled = number;
}

void rd_progress_catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error to report, not a death */
}

bool rd_progress_was_signaled(void)
{
    return signaled != 0;
}

static double now_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void rd_progress_clear(struct rd_progress *p)
{
    if (p->report)
        return; /* nothing stands there, and when the last report was still counts */
    if (p->show && p->what)
        (void)fputs("\r\033[K", stderr);
    p->what = NULL;
}

static void draw(const char *what, size_t done, size_t total)
{
    enum { WIDTH = 24 };
    char bar[WIDTH + 1];
    const size_t full = total ? (size_t)((double)WIDTH * (double)done / (double)total) : 0;

    memset(bar, '.', WIDTH);
    memset(bar, '#', full < WIDTH ? full : WIDTH);
    bar[WIDTH] = '\0';
    (void)fprintf(stderr, "\r\033[K%-34.60s [%s] %3.0f%%", what, bar,
        total ? 100.0 * (double)done / (double)total : 0.0);
    (void)fflush(stderr);
}

bool rd_progress_step(void *user, const char *what, size_t done, size_t total)
{
    struct rd_progress *p = user;
    double now, pause;

    if (signaled)
        return false;
    if (!p->show && !p->report)
        return true;
    now = now_seconds();
    pause = p->report ? 0.5 : 0.1;
    if (p->what && now - p->last < pause && done < total && !strcmp(p->label, what))
        return true;
    if (p->report)
        p->report(what, done, total);
    else
        draw(what, done, total);
    (void)snprintf(p->label, sizeof p->label, "%s", what);
    p->what = p->label;
    p->last = now;
    return true;
}
