/* progress.h - the bar on a terminal, or reports of progress; and the flag that signals set. */
#ifndef RD_CLI_PROGRESS_H
#define RD_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct rd_progress {
    bool show; /* a bar */
    /* instead of the bar: at most twice a second, and when something begins or is done */
    void (*report)(const char *what, size_t done, size_t total);
    const char *what; /* of the bar now on the screen or the last report, NULL when there is none */
    double last;      /* when that was, seconds of the monotonic clock */
    char label[96];
};

/* SIGINT and SIGTERM set a flag that step() answers with stop; a second one kills. */
void rd_progress_catch_signals(void);
bool rd_progress_was_signaled(void);
/* The step callback of struct rd_run; user is the struct. */
bool rd_progress_step(void *user, const char *what, size_t done, size_t total);
/* Wipe the line before other text is printed. */
void rd_progress_clear(struct rd_progress *p);

#endif
