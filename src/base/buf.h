/* buf.h - text that grows. Failure is sticky: write on, ask once at the end. */
#ifndef RD_BASE_BUF_H
#define RD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A zeroed struct is an empty buffer without ceiling. text is NUL-terminated once anything was put.
 */
struct rd_buf {
    char *text;
    size_t len, cap;
    size_t limit; /* ceiling on len; 0 means none */
    bool failed;  /* memory or the ceiling ran out: text is cut short */
};

void rd_buf_put(struct rd_buf *b, const void *bytes, size_t len);
void rd_buf_puts(struct rd_buf *b, const char *text);
void rd_buf_putc(struct rd_buf *b, char c);
void rd_buf_printf(struct rd_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rd_buf_vprintf(struct rd_buf *b, const char *fmt, va_list ap);
/* The text, "" when empty. */
const char *rd_buf_text(const struct rd_buf *b);
void rd_buf_release(struct rd_buf *b); /* empty and usable again */

#endif
