/* run.h - what every module may lean on while it runs; it frees none of it. */
#ifndef RD_BASE_RUN_H
#define RD_BASE_RUN_H

#include "base/arena.h"
#include "base/pool.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stdint.h>

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARN, RD_LOG_INFO, RD_LOG_DEBUG };

struct rd_log {
    enum rd_log_level level; /* most detailed level that is shown */
    void (*sink)(void *user, enum rd_log_level level, const char *area, const char *text);
    void *user;
};

struct rd_run {
    struct rd_arena *scratch; /* gone when the module returns            */
    struct rd_error *err;
    const struct rd_log *log; /* NULL: silent                            */
    struct rd_pool *pool;     /* NULL: one thread                        */
    uint64_t seed;            /* streams are keyed by (seed, module, index) */
    bool (*step)(void *user, const char *what, size_t done, size_t total); /* false: stop */
    void *user;
};

/* Progress and cancellation in one: RD_E_CANCELED when step() says stop. */
rd_status rd_run_step(struct rd_run *run, const char *what, size_t done, size_t total);
void rd_log_say(const struct rd_log *log, enum rd_log_level level, const char *area,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Shorthand for RD_FAIL with RD_E_MEMORY. */
rd_status rd_run_no_memory(struct rd_run *run, const char *what);

#endif
