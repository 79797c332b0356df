/* error.h - what went wrong, told from the cause up to the request. */
#ifndef REDOUBT_ERROR_H
#define REDOUBT_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each status means a different reaction of the caller; docs/exit-codes.md maps them to exit codes.
 */
typedef enum rd_status {
    RD_OK = 0,
    RD_E_USAGE,    /* the caller asked for something that makes no sense  */
    RD_E_INPUT,    /* a file, model or message is malformed or hostile    */
    RD_E_NOTFOUND, /* a file or a name that should be there is not        */
    RD_E_LIMIT,    /* a resource ceiling was reached on purpose           */
    RD_E_MEMORY,
    RD_E_IO,
    RD_E_CANCELED, /* step() or a signal asked to stop                    */
    RD_E_BUG       /* an invariant of ours broke: please report           */
} rd_status;

enum { RD_ERROR_FRAMES = 6, RD_ERROR_TEXT = 240 };

/*
 * Holds its text inline, so that reporting "out of memory" needs no memory.
 * Frame 0 is the root cause; each caller that knows more adds a frame.
 * Untouched on success.
 */
struct rd_error {
    rd_status status;
    int frames;
    struct {
        const char *where; /* __func__ of the reporter */
        char text[RD_ERROR_TEXT];
    } frame[RD_ERROR_FRAMES];
    char hint[RD_ERROR_TEXT]; /* what to try, or "" */
};

rd_status rd_error_set_(struct rd_error *err, const char *where, rd_status status, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
rd_status rd_error_wrap_(struct rd_error *err, const char *where, rd_status status, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* Say what to try. The first hint given stays. Returns err->status. */
rd_status rd_error_hint(struct rd_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What a report is worth: its status, where the compiler can see that it is no RD_OK. */
static inline rd_status rd_error_keep_(rd_status reported, rd_status status)
{
    (void)reported;
    return status;
}

/* Start a chain: return RD_FAIL(err, RD_E_INPUT, "opset %d is not supported", v); */
#define RD_FAIL(err, status, ...)                                                                  \
    rd_error_keep_(rd_error_set_((err), __func__, (status), __VA_ARGS__), (status))
/* Lengthen it:   return RD_WRAP(err, st, "loading '%s'", path); */
#define RD_WRAP(err, status, ...)                                                                  \
    rd_error_keep_(rd_error_wrap_((err), __func__, (status), __VA_ARGS__), (status))

#ifdef __cplusplus
}
#endif
#endif
