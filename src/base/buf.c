#include "base/buf.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Room for more bytes and the NUL; false marks the buffer as failed. */
static bool reserve(struct rd_buf *b, size_t more)
{
    size_t want, cap;
    char *p;

    if (b->failed || more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
        goto fail;
    want = b->len + more + 1;
    if (b->limit && b->len + more > b->limit)
        goto fail;
    if (want <= b->cap)
        return true;
    cap = b->cap ? b->cap : 256;
    while (cap < want)
        cap *= 2;
    p = rd_realloc(b->text, cap);
    if (!p)
        goto fail;
    b->text = p;
    b->cap = cap;
    return true;
fail:
    b->failed = true;
    return false;
}

void rd_buf_put(struct rd_buf *b, const void *bytes, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->text + b->len, bytes, len);
    b->len += len;
    b->text[b->len] = '\0';
}

void rd_buf_puts(struct rd_buf *b, const char *text)
{
    rd_buf_put(b, text, strlen(text));
}

void rd_buf_putc(struct rd_buf *b, char c)
{
    rd_buf_put(b, &c, 1);
}

void rd_buf_vprintf(struct rd_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0) {
        b->failed = true;
        return;
    }
    if (!reserve(b, (size_t)len))
        return;
    (void)vsnprintf(b->text + b->len, (size_t)len + 1, fmt, ap);
    b->len += (size_t)len;
}

void rd_buf_printf(struct rd_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(b, fmt, ap);
    va_end(ap);
}

const char *rd_buf_text(const struct rd_buf *b)
{
    return b->text ? b->text : "";
}

void rd_buf_release(struct rd_buf *b)
{
    rd_free(b->text);
    *b = (struct rd_buf){ .limit = b->limit };
}
