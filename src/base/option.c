#include <redoubt/option.h>

#include "base/text.h"

#include <string.h>

const struct rd_option *rd_option_find(const struct rd_option *t, const char *name)
{
    for (; t && t->type != RD_OPT_END; t++)
        if (!strcmp(t->name, name))
            return t;
    return NULL;
}

static rd_status set_bool(
    const struct rd_option *o, bool *field, const char *text, struct rd_error *err)
{
    const bool yes = !strcmp(text, "yes") || !strcmp(text, "true");
    char safe[64];

    if (!yes && strcmp(text, "no") && strcmp(text, "false"))
        return RD_FAIL(err, RD_E_USAGE, "%s: '%s' is neither yes nor no", o->name,
            rd_text_safe_in(safe, sizeof safe, text));
    *field = yes;
    return RD_OK;
}

static rd_status set_choice(
    const struct rd_option *o, const char **field, const char *text, struct rd_error *err)
{
    char safe[64], known[160] = "";
    const char *near;

    for (const char *const *c = o->choices; *c; c++) {
        const size_t used = strlen(known);

        if (!strcmp(*c, text)) {
            *field = *c;
            return RD_OK;
        }
        if (used + strlen(*c) + 3 < sizeof known) {
            memcpy(known + used, ", ", 2);
            memcpy(known + used + 2, *c, strlen(*c) + 1);
        }
    }
    (void)RD_FAIL(err, RD_E_USAGE, "%s: '%s' is not one of %s", o->name,
        rd_text_safe_in(safe, sizeof safe, text), known[0] ? known + 2 : "");
    near = rd_text_nearest(text, o->choices);
    if (near && err)
        (void)rd_error_hint(err, "did you mean '%s'?", near);
    return RD_E_USAGE;
}

static rd_status set_number(
    const struct rd_option *o, void *field, const char *text, struct rd_error *err)
{
    const char *space = *o->unit ? " " : "";
    char safe[64];
    double v;

    if (!rd_text_to_double(text, true, &v))
        return RD_FAIL(err, RD_E_USAGE, "%s: '%s' is not a number", o->name,
            rd_text_safe_in(safe, sizeof safe, text));
    if (v < o->min || v > o->max)
        return RD_FAIL(err, RD_E_USAGE, "%s: %g is outside %g..%g%s%s", o->name, v, o->min, o->max,
            space, o->unit);
    if (o->type == RD_OPT_INT) {
        /* Exact up to 2^53, which every range of ours stays below. */
        const int64_t i = v > -9e15 && v < 9e15 ? (int64_t)v : 0;

        if ((double)i != v)
            return RD_FAIL(err, RD_E_USAGE, "%s: '%s' is not a whole number", o->name,
                rd_text_safe_in(safe, sizeof safe, text));
        memcpy(field, &i, sizeof i);
    } else {
        memcpy(field, &v, sizeof v);
    }
    return RD_OK;
}

static rd_status set_list(
    const struct rd_option *o, struct rd_option_list *field, const char *text, struct rd_error *err)
{
    if (field->n == RD_OPTION_LIST_MAX)
        return RD_FAIL(
            err, RD_E_USAGE, "%s: given more than %d times", o->name, RD_OPTION_LIST_MAX);
    field->item[field->n++] = text;
    return RD_OK;
}

static rd_status set_one(
    const struct rd_option *o, void *values, const char *text, struct rd_error *err)
{
    void *field = (char *)values + o->offset;

    switch (o->type) {
    case RD_OPT_BOOL:
        return set_bool(o, field, text, err);
    case RD_OPT_CHOICE:
        return set_choice(o, field, text, err);
    case RD_OPT_TEXT:
        *(const char **)field = *text ? text : NULL;
        return RD_OK;
    case RD_OPT_LIST:
        return set_list(o, field, text, err);
    case RD_OPT_INT:
    case RD_OPT_REAL:
        return set_number(o, field, text, err);
    case RD_OPT_END:
        break;
    }
    return RD_FAIL(err, RD_E_BUG, "option '%s' has no type", o->name);
}

enum { TABLE_MAX = 64 };

rd_status rd_options_set(const struct rd_option *table, void *values, const char *name,
    const char *text, struct rd_error *err)
{
    const struct rd_option *o = rd_option_find(table, name);
    const char *words[TABLE_MAX + 1], *near;
    char safe[64];
    size_t n = 0;

    if (o)
        return set_one(o, values, text, err);
    for (; table && table->type != RD_OPT_END && n < TABLE_MAX; table++)
        words[n++] = table->name;
    words[n] = NULL;
    (void)RD_FAIL(
        err, RD_E_USAGE, "no option named '%s'", rd_text_safe_in(safe, sizeof safe, name));
    near = rd_text_nearest(name, words);
    if (near)
        (void)rd_error_hint(err, "did you mean '%s'?", near);
    return RD_E_USAGE;
}

rd_status rd_options_reset(const struct rd_option *t, void *values, struct rd_error *err)
{
    rd_status st = RD_OK;

    for (; t && t->type != RD_OPT_END && st == RD_OK; t++)
        if (t->type == RD_OPT_LIST)
            ((struct rd_option_list *)(void *)((char *)values + t->offset))->n = 0;
        else
            st = set_one(t, values, t->preset, err);
    return st;
}

bool rd_option_holds(
    const struct rd_option *table, const void *values, const char *name, const char *text)
{
    const struct rd_option *o = rd_option_find(table, name);
    const void *field;
    union {
        bool yes;
        int64_t i;
        double v;
        const char *text;
    } want;
    struct rd_option here;

    if (!o || o->type == RD_OPT_LIST)
        return false;
    here = *o;
    here.offset = 0;
    if (set_one(&here, &want, text, NULL))
        return false;
    field = (const char *)values + o->offset;
    switch (o->type) {
    case RD_OPT_BOOL:
        return *(const bool *)field == want.yes;
    case RD_OPT_INT:
        return *(const int64_t *)field == want.i;
    case RD_OPT_REAL:
        return *(const double *)field == want.v;
    default:
        break;
    }
    field = *(const char *const *)field;
    return field && want.text ? !strcmp(field, want.text) : field == want.text;
}
