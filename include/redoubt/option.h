/*
 * option.h - one table describes a module's knobs; everything else is derived:
 * --help, parsing of --set and of the command line, config blocks, JSON Schema, reference pages,
 * and the resolved settings of the evidence.
 */
#ifndef REDOUBT_OPTION_H
#define REDOUBT_OPTION_H

#include <redoubt/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The field behind an option has the type named at its right. */
enum rd_option_type {
    RD_OPT_END,
    RD_OPT_BOOL,   /* bool                                                    */
    RD_OPT_INT,    /* int64_t                                                 */
    RD_OPT_REAL,   /* double; 0.03, 3e-2 and 8/255 are all accepted           */
    RD_OPT_CHOICE, /* const char *, one of choices                            */
    RD_OPT_TEXT,   /* const char *, anything; NULL when the preset is ""      */
    RD_OPT_LIST    /* struct rd_option_list, may be given many times          */
};

enum { RD_OPTION_LIST_MAX = 256 };
struct rd_option_list {
    size_t n;
    const char *item[RD_OPTION_LIST_MAX];
};

struct rd_option {
    enum rd_option_type type;
    const char *name;           /* kebab-case, as typed by the user            */
    const char *preset;         /* default, in the user's own syntax           */
    double min, max;            /* inclusive; numbers only                     */
    const char *unit;           /* "input units", "steps", "FILE", ... or ""   */
    const char *help;           /* one line, lower case, no full stop          */
    const char *const *choices; /* NULL-terminated; RD_OPT_CHOICE only         */
    size_t offset;              /* of the field in the module's own struct     */
};

/* clang-format off */
#define RD_OPTION_END { .type = RD_OPT_END }
#define RD_REAL(S, field, nm, def, lo, hi, u, h) \
    { .type = RD_OPT_REAL, .name = nm, .preset = def, .min = lo, .max = hi, .unit = u, .help = h, .offset = offsetof(S, field) }
#define RD_INT(S, field, nm, def, lo, hi, u, h) \
    { .type = RD_OPT_INT, .name = nm, .preset = def, .min = lo, .max = hi, .unit = u, .help = h, .offset = offsetof(S, field) }
#define RD_BOOL(S, field, nm, def, h) \
    { .type = RD_OPT_BOOL, .name = nm, .preset = def, .unit = "", .help = h, .offset = offsetof(S, field) }
#define RD_CHOICE(S, field, nm, def, list, h) \
    { .type = RD_OPT_CHOICE, .name = nm, .preset = def, .unit = "", .help = h, .choices = list, .offset = offsetof(S, field) }
#define RD_TEXT(S, field, nm, def, u, h) \
    { .type = RD_OPT_TEXT, .name = nm, .preset = def, .unit = u, .help = h, .offset = offsetof(S, field) }
#define RD_LIST(S, field, nm, u, h) \
    { .type = RD_OPT_LIST, .name = nm, .preset = "", .unit = u, .help = h, .offset = offsetof(S, field) }
/* clang-format on */

/* Every field to its preset. */
rd_status rd_options_reset(const struct rd_option *table, void *values, struct rd_error *err);
/* Set one field; text must live as long as values. RD_E_USAGE names the option, its range and unit,
 * and for an unknown name the nearest known one. */
rd_status rd_options_set(const struct rd_option *table, void *values, const char *name,
    const char *text, struct rd_error *err);
/* Does the field called name hold what text would set it to? Lists never do. */
bool rd_option_holds(
    const struct rd_option *table, const void *values, const char *name, const char *text);
/* The row called name, or NULL. */
const struct rd_option *rd_option_find(const struct rd_option *table, const char *name);

#ifdef __cplusplus
}
#endif
#endif
