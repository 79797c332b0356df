#include "base/run.h"

#include <stdarg.h>
#include <stdio.h>

rd_status rd_run_step(struct rd_run *run, const char *what, size_t done, size_t total)
{
    if (run->step && !run->step(run->user, what, done, total))
        return RD_FAIL(
            run->err, RD_E_CANCELED, "stopped at %s, %zu of %zu done", what, done, total);
    return RD_OK;
}

void rd_log_say(
    const struct rd_log *log, enum rd_log_level level, const char *area, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (!log || level > log->level)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log->sink(log->user, level, area, text);
}

rd_status rd_run_no_memory(struct rd_run *run, const char *what)
{
    return RD_FAIL(run->err, RD_E_MEMORY, "no memory for %s", what);
}
