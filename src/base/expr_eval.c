/* expr_eval.c - run what expr.c compiled. */
#include "base/expr_code.h"

#include <math.h>
#include <string.h>

bool rd_expr_arithmetic(enum rd_expr_op op, double a, double b, double *out, const char **why_out)
{
    if (op == RD_OP_DIVIDE && b == 0) {
        *why_out = "division by zero";
        return false;
    }
    *out = op == RD_OP_ADD        ? a + b
           : op == RD_OP_SUBTRACT ? a - b
           : op == RD_OP_MULTIPLY ? a * b
                                  : a / b;
    *why_out = "the result is too large for a number";
    return isfinite(*out);
}

static bool is_unknown(const struct rd_value *v)
{
    return v->unknown || (v->type == RD_EXPR_BOOL && v->truth == RD_UNKNOWN);
}

static struct rd_value truth(enum rd_tri t)
{
    return (struct rd_value){ .type = RD_EXPR_BOOL, .unknown = t == RD_UNKNOWN, .truth = t };
}

/* Kleene: no decides an `and`, yes an `or`, whatever the other side is. */
static enum rd_tri both(enum rd_tri a, enum rd_tri b)
{
    if (a == RD_NO || b == RD_NO)
        return RD_NO;
    return a == RD_YES && b == RD_YES ? RD_YES : RD_UNKNOWN;
}

static enum rd_tri negated(enum rd_tri a)
{
    return a == RD_UNKNOWN ? RD_UNKNOWN : a == RD_YES ? RD_NO : RD_YES;
}

static bool is_equal(const struct rd_value *a, const struct rd_value *b)
{
    if (a->type == RD_EXPR_NUMBER)
        return a->number == b->number;
    if (a->type == RD_EXPR_BOOL)
        return a->truth == b->truth;
    return strcmp(a->text, b->text) == 0;
}

static bool is_in(const struct rd_value *a, const struct rd_value *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(a->text, list->list[i]) == 0)
            return true;
    }
    return false;
}

static enum rd_tri compared(enum rd_expr_op op, const struct rd_value *a, const struct rd_value *b)
{
    bool holds;

    if (is_unknown(a) || is_unknown(b))
        return RD_UNKNOWN;
    switch (op) {
    case RD_OP_EQUAL:
        holds = is_equal(a, b);
        break;
    case RD_OP_UNEQUAL:
        holds = !is_equal(a, b);
        break;
    case RD_OP_LESS:
        holds = a->number < b->number;
        break;
    case RD_OP_LESS_EQUAL:
        holds = a->number <= b->number;
        break;
    case RD_OP_MORE:
        holds = a->number > b->number;
        break;
    case RD_OP_MORE_EQUAL:
        holds = a->number >= b->number;
        break;
    default:
        holds = is_in(a, b);
        break;
    }
    return holds ? RD_YES : RD_NO;
}

/* A value from outside must be what was promised at compile time. */
static rd_status check_value(
    const struct rd_expr *e, const struct rd_expr_step *s, struct rd_value *v, struct rd_error *err)
{
    if (v->type != s->type)
        return RD_FAIL(
            err, RD_E_BUG, "%s: character %u: a value changed its type", e->where, s->at);
    if (v->type == RD_EXPR_BOOL) {
        *v = truth(v->unknown ? RD_UNKNOWN : v->truth);
        return RD_OK;
    }
    if (v->unknown)
        return RD_OK;
    if (v->type == RD_EXPR_NUMBER && !isfinite(v->number))
        return RD_FAIL(
            err, RD_E_INPUT, "%s: character %u: the value is not a finite number", e->where, s->at);
    if ((v->type == RD_EXPR_TEXT && !v->text) || (v->type == RD_EXPR_LIST && v->n && !v->list))
        return RD_FAIL(err, RD_E_BUG, "%s: character %u: a value is missing", e->where, s->at);
    return RD_OK;
}

static rd_status arithmetic(const struct rd_expr *e, const struct rd_expr_step *s,
    struct rd_value *a, const struct rd_value *b, struct rd_error *err)
{
    const char *why;

    /* A zero divisor is an error even when nobody knows what is divided. */
    if (s->op == RD_OP_DIVIDE && !b->unknown && b->number == 0)
        return RD_FAIL(err, RD_E_INPUT, "%s: character %u: division by zero", e->where, s->at);
    if (a->unknown || b->unknown) {
        *a = (struct rd_value){ .type = RD_EXPR_NUMBER, .unknown = true };
        return RD_OK;
    }
    if (!rd_expr_arithmetic(s->op, a->number, b->number, &a->number, &why))
        return RD_FAIL(err, RD_E_INPUT, "%s: character %u: %s", e->where, s->at, why);
    return RD_OK;
}

rd_status rd_expr_eval(const struct rd_expr *expr, const struct rd_expr_input *in,
    struct rd_value *value_out, struct rd_error *err)
{
    struct rd_value stack[RD_EXPR_STACK];
    size_t n = 0; /* the compiler has proved that it stays in bounds */
    rd_status st = RD_OK;

    for (size_t i = 0; i < expr->n_steps && !st; i++) {
        const struct rd_expr_step *s = &expr->step[i];

        switch (s->op) {
        case RD_OP_CONST:
            stack[n++] = s->value;
            break;
        case RD_OP_NAME:
            stack[n] = in->name(in->user, s->slot);
            st = check_value(expr, s, &stack[n++], err);
            break;
        case RD_OP_CALL:
            n -= s->n_args;
            stack[n] = in->function(in->user, s->slot, &stack[n], s->n_args);
            st = check_value(expr, s, &stack[n++], err);
            break;
        case RD_OP_NEGATE:
            stack[n - 1].number = -stack[n - 1].number;
            break;
        case RD_OP_NOT:
            stack[n - 1] = truth(negated(stack[n - 1].truth));
            break;
        case RD_OP_ADD:
        case RD_OP_SUBTRACT:
        case RD_OP_MULTIPLY:
        case RD_OP_DIVIDE:
            n--;
            st = arithmetic(expr, s, &stack[n - 1], &stack[n], err);
            break;
        case RD_OP_SKIP_IF_NO:
        case RD_OP_SKIP_IF_YES:
            if (stack[n - 1].truth == (s->op == RD_OP_SKIP_IF_NO ? RD_NO : RD_YES))
                i = s->target - 1u;
            break;
        case RD_OP_AND:
            n--;
            stack[n - 1] = truth(both(stack[n - 1].truth, stack[n].truth));
            break;
        case RD_OP_OR:
            n--;
            stack[n - 1] =
                truth(negated(both(negated(stack[n - 1].truth), negated(stack[n].truth))));
            break;
        default:
            n--;
            stack[n - 1] = truth(compared(s->op, &stack[n - 1], &stack[n]));
            break;
        }
    }
    if (st)
        return st;
    *value_out = stack[0];
    return RD_OK;
}

void rd_expr_names(
    const struct rd_expr *expr, void (*fn)(void *user, const char *name, size_t slot), void *user)
{
    for (size_t i = 0; i < expr->n_names; i++)
        fn(user, expr->name[i].name, expr->name[i].slot);
}
