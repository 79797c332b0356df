/* model_write.c - an output of a model as a file. */
#include "cli/model_io.h"

#include "base/file.h"
#include "base/text.h"
#include "tensor/boxed.h"
#include "tensor/npy.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN = 80 };

static bool is_text(const char *path)
{
    const size_t n = strlen(path);

    return n > 4 && !strcmp(path + n - 4, ".txt");
}

/* A number, the shortest that reads back equal; false for types that text has no form for. */
static bool put_number(struct rd_buf *b, const struct rd_tensor *t, size_t i)
{
    char text[32];

    switch (t->dtype) {
    case RD_F32:
        (void)snprintf(text, sizeof text, "%.9g", (double)((const float *)t->data)[i]);
        break;
    case RD_F64:
        (void)snprintf(text, sizeof text, "%.17g", ((const double *)t->data)[i]);
        break;
    case RD_BOOL:
    case RD_U8:
        (void)snprintf(text, sizeof text, "%d", ((const uint8_t *)t->data)[i]);
        break;
    case RD_I32:
        (void)snprintf(text, sizeof text, "%" PRId32, ((const int32_t *)t->data)[i]);
        break;
    case RD_I64:
        (void)snprintf(text, sizeof text, "%" PRId64, ((const int64_t *)t->data)[i]);
        break;
    default:
        return false;
    }
    rd_buf_puts(b, text);
    return true;
}

/* One string a line; of numbers one row (along the last axis) a line. */
static rd_status write_text(
    struct rd_cli *cli, const char *path, const char *name, const struct rd_tensor *t)
{
    struct rd_error *err = cli->run.err;
    const size_t n = rd_tensor_count(t);
    const size_t row = t->dtype == RD_STRING || t->ndim < 2 ? 1 : (size_t)t->dim[t->ndim - 1];
    struct rd_buf b = { 0 };
    char safe[SHOWN];
    rd_status st = RD_OK;

    (void)rd_text_safe_in(safe, sizeof safe, name);
    for (size_t i = 0; i < n && !st; i++) {
        if (t->dtype == RD_STRING) {
            const char *s = ((const char *const *)t->data)[i];

            if (strpbrk(s, "\r\n"))
                st = RD_FAIL(err, RD_E_USAGE,
                    "string %zu of output '%s' has a line break: one a line cannot be written", i,
                    safe);
            rd_buf_puts(&b, s);
        } else if (!put_number(&b, t, i))
            st = RD_FAIL(err, RD_E_USAGE, "output '%s' is %s: write it as .npy, not .txt", safe,
                rd_dtype_name(t->dtype));
        rd_buf_puts(&b, (i + 1) % row ? " " : "\n");
    }
    if (!st && b.failed)
        st = rd_run_no_memory(&cli->run, "an output");
    if (!st)
        st = rd_file_write(path, rd_buf_text(&b), b.len, 0644, err);
    rd_buf_release(&b);
    return st;
}

rd_status rd_model_write(
    struct rd_cli *cli, const char *path, const char *name, const struct rd_tensor *t)
{
    char safe[SHOWN];

    (void)rd_text_safe_in(safe, sizeof safe, name);
    if (rd_dtype_is_boxed(t->dtype))
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "output '%s' is of type %s, which is no array and cannot be written", safe,
            rd_dtype_name(t->dtype));
    if (is_text(path))
        return write_text(cli, path, name, t);
    if (t->dtype == RD_STRING)
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "output '%s' holds strings: write it as .txt, one a line", safe);
    return rd_npy_write(path, t, cli->run.err);
}
