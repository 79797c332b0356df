/*
 * expr.h - the one expression language: rules (`when:`), `loss_when`, magnitudes.
 *
 * Typed (number, three-valued boolean, string, list of strings), total, without side effects.
 * Grammar, loosest first:  or | and | not | comparison (== != < <= > >= in) | + - | * / | unary - |
 * primary. primary: number, "string", [list], true, false, unknown, name, name.name (path),
 * function(args), (expr). A name may hold '-' ("model-copy"); subtraction is written with spaces.
 * `unknown` propagates by Kleene's logic; comparing with an unknown value is unknown. Division by
 * zero is an error with its position at compile time when constant, else at evaluation.
 */
#ifndef RD_BASE_EXPR_H
#define RD_BASE_EXPR_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rd_tri { RD_NO, RD_YES, RD_UNKNOWN };

enum rd_expr_type { RD_EXPR_NUMBER, RD_EXPR_BOOL, RD_EXPR_TEXT, RD_EXPR_LIST };

/*
 * What a number counts. Sums and comparisons join like with like; plain numbers go with anything;
 * money times money is nothing. Products: money stays money, shares of a count are a count.
 */
enum rd_expr_unit {
    RD_UNIT_ANY,
    RD_UNIT_MONEY,
    RD_UNIT_COUNT,
    RD_UNIT_SHARE, /* 0..1 */
    RD_UNIT_DAYS
};

struct rd_value {
    enum rd_expr_type type;
    bool unknown; /* a value of this type that nobody knows */
    double number;
    enum rd_tri truth;
    const char *text;
    const char *const *list;
    size_t n; /* of list */
};

/* What the user of the language offers. Names and functions are resolved at compile time. */
struct rd_expr_env {
    /* Is there such a name, of which type? slot_out comes back at evaluation. false: unknown name,
     * an error. */
    bool (*name)(void *user, const char *name, enum rd_expr_type *type_out, size_t *slot_out);
    /* A function with these argument types; false: no such function, or wrong types. NULL: no
     * functions. */
    bool (*function)(void *user, const char *name, const enum rd_expr_type *arg, size_t n_args,
        enum rd_expr_type *type_out, size_t *slot_out);
    const char *const *words; /* NULL-terminated known names, for "did you mean"; may be NULL */
    void *user;
    /* The unit of a name that is a number; NULL: of any. */
    enum rd_expr_unit (*unit)(void *user, size_t slot);
};
struct rd_expr_input {
    struct rd_value (*name)(void *user, size_t slot);
    struct rd_value (*function)(void *user, size_t slot, const struct rd_value *arg, size_t n_args);
    void *user;
};

struct rd_expr; /* immutable, in the arena it was compiled into; shared freely between threads */

/*
 * where is for messages ("redoubt.yaml:94:18"); positions inside the text are added as "character
 * N". want: the type the whole must have. At most 4,096 characters, depth 64.
 */
rd_status rd_expr_compile(const char *where, const char *text, enum rd_expr_type want,
    const struct rd_expr_env *env, struct rd_arena *arena, struct rd_expr **expr_out,
    struct rd_error *err);
/* Total but for division by zero and overflow to infinity (RD_E_INPUT with position). Allocates
 * nothing. */
rd_status rd_expr_eval(const struct rd_expr *expr, const struct rd_expr_input *in,
    struct rd_value *value_out, struct rd_error *err);

/*
 * What it can come to when each of its numbers lies somewhere in a range (both ends included); in
 * gives the names that are no numbers. A proof where fails is yes or no; unknown: it fails for some
 * values, or seems to, where a name is read twice.
 */
struct rd_expr_range {
    double low, high;
};
struct rd_expr_bounds {
    struct rd_expr_range value; /* of a number */
    enum rd_tri truth;          /* of a condition */
    enum rd_tri fails;          /* division by zero, overflow */
    const char *why;            /* then: which */
    uint32_t at;                /* then: at which character of the text; else of the last step */
};
void rd_expr_bound(const struct rd_expr *expr, const struct rd_expr_input *in,
    struct rd_expr_range (*range)(void *user, size_t slot), struct rd_expr_bounds *out);
/*
 * Is it `name >= number` or `name > number` and nothing else? Then what decides is one threshold:
 * *strict_out for >.
 */
bool rd_expr_threshold(
    const struct rd_expr *expr, size_t *slot_out, double *number_out, bool *strict_out);
/* Calls fn for each distinct name the expression reads, in order of first use. */
void rd_expr_names(
    const struct rd_expr *expr, void (*fn)(void *user, const char *name, size_t slot), void *user);

#endif
