/*
 * expr_code.h - what expr.c compiles to and expr_eval.c runs; for these two alone.
 *
 * Postfix steps over a stack of values. `and`, `or` jump over their right side when the left one
 * decides.
 */
#ifndef RD_BASE_EXPR_CODE_H
#define RD_BASE_EXPR_CODE_H

#include "base/expr.h"

#include <stdint.h>

enum {
    RD_EXPR_DEPTH = 64,  /* of parentheses, calls, not and minus signs */
    RD_EXPR_STACK = 128, /* values held at once */
    RD_EXPR_ARGS = 16    /* of one function   */
};

enum rd_expr_op {
    RD_OP_CONST,
    RD_OP_NAME, /* slot */
    RD_OP_CALL, /* slot, n_args */
    RD_OP_NEGATE,
    RD_OP_NOT,
    RD_OP_ADD,
    RD_OP_SUBTRACT,
    RD_OP_MULTIPLY,
    RD_OP_DIVIDE,
    RD_OP_EQUAL,
    RD_OP_UNEQUAL,
    RD_OP_LESS,
    RD_OP_LESS_EQUAL,
    RD_OP_MORE,
    RD_OP_MORE_EQUAL,
    RD_OP_IN,
    RD_OP_SKIP_IF_NO,  /* target: behind the matching AND */
    RD_OP_SKIP_IF_YES, /* target: behind the matching OR  */
    RD_OP_AND,
    RD_OP_OR
};

struct rd_expr_step {
    enum rd_expr_op op;
    enum rd_expr_type type; /* of the result */
    uint32_t at;            /* character of the text, from 1, for messages */
    uint32_t n_args, target;
    size_t slot;
    struct rd_value value; /* constants */
};

struct rd_expr_name {
    const char *name;
    size_t slot;
};

struct rd_expr {
    const char *where;
    struct rd_expr_step *step;
    size_t n_steps;
    struct rd_expr_name *name; /* distinct, in order of first use */
    size_t n_names;
};

/*
 * One arithmetic step, by the compiler on constants and at evaluation. False when the divisor is
 * zero or the result is not finite; *why_out then says which.
 */
bool rd_expr_arithmetic(enum rd_expr_op op, double a, double b, double *out, const char **why_out);

#endif
