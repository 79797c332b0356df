#include "cli/console.h"

#include "cli/color.h"
#include "cli/progress.h"

#include "base/json_write.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
    bool json, color;
    const char *command;
    struct rd_progress progress;
} console = { .command = "redoubt" };

void rd_console_hold_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number is fd itself. 1 is opened for reading: writing there must fail. */
        if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0)
            return;
    }
}

void rd_console_setup(bool log_json, bool color, bool bar)
{
    console.json = log_json;
    console.color = color && !log_json;
    console.progress.show = bar && !log_json;
    console.progress.report = log_json ? rd_console_progress_ : NULL;
}

void rd_console_area(const char *command)
{
    console.command = command;
}

bool rd_console_is_json(void)
{
    return console.json;
}

int rd_console_columns(void)
{
    struct winsize size;

    return isatty(STDOUT_FILENO) == 1 && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/* One object, one write: lines of several processes on one stderr do not mix. */
static void put_line(struct rd_json *j, struct rd_buf *line)
{
    rd_json_end(j);
    rd_json_release(j);
    rd_buf_putc(line, '\n');
    if (!line->failed)
        (void)fwrite(line->text, 1, line->len, stderr);
    rd_buf_release(line);
}

static void begin(struct rd_json *j, const char *level, const char *area, const char *text)
{
    rd_json_object(j);
    rd_json_ktext(j, "level", level);
    rd_json_ktext(j, "area", area ? area : console.command);
    rd_json_ktext(j, "text", text);
}

static void start_color(enum rd_tint tint)
{
    if (console.color)
        (void)fputs(rd_tint_on(tint), stderr);
}

static void end_color(void)
{
    if (console.color)
        (void)fputs(rd_tint_off(), stderr);
}

void rd_console_say(enum rd_log_level level, const char *area, const char *text)
{
    struct rd_buf safe = { 0 }, line = { 0 };
    struct rd_json j = { .out = &line };

    rd_console_clear();
    rd_text_safe(&safe, text, strlen(text));
    if (console.json) {
        begin(&j, level_names[level], area, rd_buf_text(&safe));
        put_line(&j, &line);
    } else {
        if (level == RD_LOG_WARN) {
            start_color(RD_TINT_WARNING);
            (void)fputs("warning:", stderr);
            end_color();
            (void)fputc(' ', stderr);
        }
        if (area)
            (void)fprintf(stderr, "%s: ", area);
        (void)fprintf(stderr, "%s\n", rd_buf_text(&safe));
    }
    rd_buf_release(&safe);
}

void rd_console_problem(const char *file, int line_number, int column, const char *text)
{
    struct rd_buf line = { 0 };
    struct rd_json j = { .out = &line };

    rd_console_clear();
    if (!console.json) {
        (void)fprintf(stderr, "%s:%d:%d: %s\n", file, line_number, column, text);
        return;
    }
    begin(&j, "error", NULL, text);
    rd_json_ktext(&j, "file", file);
    rd_json_kint(&j, "line", line_number);
    rd_json_kint(&j, "column", column);
    put_line(&j, &line);
}

static void error_json(const struct rd_error *e, int exit_code)
{
    struct rd_buf line = { 0 };
    struct rd_json j = { .out = &line };

    begin(&j, "error", NULL, e->frames ? e->frame[e->frames - 1].text : "it failed");
    rd_json_karray(&j, "frames");
    for (int i = e->frames - 1; i >= 0; i--)
        rd_json_text(&j, e->frame[i].text);
    rd_json_end(&j);
    rd_json_ktext(&j, "hint", e->hint[0] ? e->hint : NULL);
    rd_json_kint(&j, "exit_code", exit_code);
    put_line(&j, &line);
}

/* Frames hold text that was made safe where it came in; what remains is one line each. */
void rd_console_error(const struct rd_error *e, int exit_code)
{
    rd_console_clear();
    if (console.json) {
        error_json(e, exit_code);
        return;
    }
    for (int i = e->frames - 1; i >= 0; i--) {
        const bool first = i == e->frames - 1;

        if (first)
            start_color(RD_TINT_ERROR);
        (void)fputs(first ? "redoubt:" : "  because:", stderr);
        if (first)
            end_color();
        (void)fprintf(stderr, " %s\n", e->frame[i].text);
    }
    if (e->hint[0]) {
        start_color(RD_TINT_HINT);
        (void)fputs("  hint:", stderr);
        end_color();
        (void)fprintf(stderr, " %s\n", e->hint);
    }
}

void rd_console_progress_(const char *what, size_t done, size_t total)
{
    struct rd_buf line = { 0 };
    struct rd_json j = { .out = &line };

    begin(&j, "progress", NULL, what);
    rd_json_kint(&j, "done", (int64_t)done);
    rd_json_kint(&j, "total", (int64_t)total);
    put_line(&j, &line);
}

bool rd_console_step(void *user, const char *what, size_t done, size_t total)
{
    (void)user;
    return rd_progress_step(&console.progress, what, done, total);
}

void rd_console_clear(void)
{
    rd_progress_clear(&console.progress);
}
