#include <redoubt/error.h>

#include <stdarg.h>
#include <stdio.h>

static void add_frame(struct rd_error *err, const char *where, const char *fmt, va_list ap)
{
    if (err->frames == RD_ERROR_FRAMES)
        return; /* keep the causes, drop the outermost context */
    err->frame[err->frames].where = where;
    (void)vsnprintf(err->frame[err->frames].text, RD_ERROR_TEXT, fmt, ap);
    err->frames++;
}

rd_status rd_error_set_(
    struct rd_error *err, const char *where, rd_status status, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return status;
    err->status = status;
    err->frames = 0;
    err->hint[0] = '\0';
    va_start(ap, fmt);
    add_frame(err, where, fmt, ap);
    va_end(ap);
    return status;
}

rd_status rd_error_wrap_(
    struct rd_error *err, const char *where, rd_status status, const char *fmt, ...)
{
    va_list ap;

    if (!err || status == RD_OK)
        return status;
    va_start(ap, fmt);
    add_frame(err, where, fmt, ap);
    va_end(ap);
    return status;
}

rd_status rd_error_hint(struct rd_error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return RD_E_BUG;
    if (!err->hint[0]) {
        va_start(ap, fmt);
        (void)vsnprintf(err->hint, sizeof err->hint, fmt, ap);
        va_end(ap);
    }
    return err->status;
}
