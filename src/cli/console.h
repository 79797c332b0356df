/*
 * console.h - everything that goes to stderr: errors, warnings, the log, progress.
 *
 * There is one stderr, so there is one console. It writes lines for people, or under --log-json one
 * JSON object a line and nothing else:
 *   {"level": "error"|"warning"|"info"|"debug"|"progress", "area": ..., "text": ...}
 * An error has also "frames" (from request to cause), "hint" and "exit_code", a problem in a file
 * "file", "line" and "column", progress "done" and "total".
 */
#ifndef RD_CLI_CONSOLE_H
#define RD_CLI_CONSOLE_H

#include "base/run.h"

/*
 * Descriptors 0, 1 and 2 that the caller closed are opened on nothing, so that no file of ours ends
 * up where text is printed. Writing to such a stdout fails, as it would have.
 */
void rd_console_hold_descriptors(void);

/* bar: draw progress for people. */
void rd_console_setup(bool log_json, bool color, bool bar);
/* The "area" of what the command itself says. */
void rd_console_area(const char *command);
bool rd_console_is_json(void);

/* area NULL: the command. text is made safe here. */
void rd_console_say(enum rd_log_level level, const char *area, const char *text);
void rd_console_problem(const char *file, int line, int column, const char *text);
void rd_console_error(const struct rd_error *err, int exit_code);

/* The step callback of struct rd_run; user is not used. False once a signal came. */
bool rd_console_step(void *user, const char *what, size_t done, size_t total);
/* How progress.c reports under --log-json. */
void rd_console_progress_(const char *what, size_t done, size_t total);
/* Wipe the bar before other text is printed. */
void rd_console_clear(void);

/* Columns of the terminal that stdout is; 0: it is none, or does not say. */
int rd_console_columns(void);

#endif
