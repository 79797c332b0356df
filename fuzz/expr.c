/* Any text as an expression over a small world; what compiles is evaluated. */
#include "base/expr.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct rd_value world[] = {
    { .type = RD_EXPR_NUMBER, .number = 7 },
    { .type = RD_EXPR_NUMBER, .number = 0 },
    { .type = RD_EXPR_NUMBER, .unknown = true },
    { .type = RD_EXPR_TEXT, .text = "internet" },
    { .type = RD_EXPR_TEXT, .unknown = true },
    { .type = RD_EXPR_BOOL, .truth = RD_YES },
    { .type = RD_EXPR_BOOL, .truth = RD_UNKNOWN },
    { .type = RD_EXPR_LIST, .list = (const char *const[]){ "a", "b" }, .n = 2 },
};
static const char *const names[] = { "a", "b", "n", "exposure", "api.rate-limit", "t", "u", "tags",
    NULL };

static bool find_name(void *user, const char *name, enum rd_expr_type *type, size_t *slot)
{
    (void)user;
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            *type = world[i].type;
            *slot = i;
            return true;
        }
    }
    return false;
}

/* f(...) gives its first argument back, or true. */
static bool find_function(void *user, const char *name, const enum rd_expr_type *arg, size_t n,
    enum rd_expr_type *type, size_t *slot)
{
    (void)user;
    *type = n ? arg[0] : RD_EXPR_BOOL;
    *slot = 0;
    return strcmp(name, "f") == 0;
}

static struct rd_value read_name(void *user, size_t slot)
{
    (void)user;
    return world[slot];
}

static struct rd_value call(void *user, size_t slot, const struct rd_value *arg, size_t n)
{
    (void)user;
    (void)slot;
    return n ? arg[0] : world[5];
}

static void count(void *user, const char *name, size_t slot)
{
    if (strcmp(names[slot], name) != 0)
        abort();
    ++*(size_t *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rd_expr_env env = { find_name, find_function, names, NULL };
    const struct rd_expr_input in = { read_name, call, NULL };
    struct rd_arena arena = { .limit = 4 << 20 };
    struct rd_error err = { 0 };
    struct rd_expr *e = NULL;
    struct rd_value v = { 0 };
    size_t n = 0;
    rd_status st;
    char *text;

    if (!size)
        return 0;
    text = rd_arena_strndup(&arena, (const char *)data + 1, size - 1);
    if (text) {
        const enum rd_expr_type want = data[0] & 1 ? RD_EXPR_NUMBER : RD_EXPR_BOOL;
        st = rd_expr_compile("f", text, want, &env, &arena, &e, &err);
        if (st == RD_E_BUG || (st == RD_OK) != (e != NULL))
            abort();
        if (!st) {
            rd_expr_names(e, count, &n);
            st = rd_expr_eval(e, &in, &v, &err);
            if (st && st != RD_E_INPUT)
                abort();
            if (!st && (v.type != want || (want == RD_EXPR_NUMBER && !isfinite(v.number)) ||
                           (want == RD_EXPR_BOOL && v.unknown != (v.truth == RD_UNKNOWN))))
                abort();
        }
    }
    rd_arena_release(&arena);
    return 0;
}
