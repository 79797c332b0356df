/*
 * expr_bounds.c - what an expression can come to when its names lie in ranges.
 *
 * Interval arithmetic (Moore 1966): each step's range holds every value that the step can take. It
 * may hold more, where a name is read twice; so "fails for all" and "never fails" are proofs, and
 * "may fail" is not.
 */
#include "base/expr_code.h"

#include <math.h>

/* Far beyond any amount, and its products with any declared amount are numbers still. */
static const double WIDE = 1e150;
static const double LIMIT = 1e300; /* where ranges end, so that they stay numbers */

struct bound {
    struct rd_expr_range is; /* of a number */
    bool number, decided;    /* decided: value is what it comes to */
    struct rd_value value;   /* what is no number; RD_UNKNOWN: either */
};

struct walk {
    const struct rd_expr *expr;
    const struct rd_expr_input *in;
    struct rd_expr_range (*range)(void *user, size_t slot);
    struct rd_expr_bounds *out;
    size_t guarded; /* steps before this one are not always reached */
    size_t step;
};

static void fails(struct walk *w, enum rd_tri how, const char *why)
{
    const struct rd_expr_step *s = &w->expr->step[w->step];

    if (w->step < w->guarded) /* whether it is reached depends on what stands before */
        how = RD_UNKNOWN;
    if (w->out->fails == RD_YES || (w->out->fails == RD_UNKNOWN && how == RD_UNKNOWN))
        return;
    w->out->fails = how;
    w->out->at = s->at;
    w->out->why = why;
}

static struct rd_expr_range hull(const double *v, size_t n)
{
    struct rd_expr_range r = { v[0], v[0] };

    for (size_t i = 1; i < n; i++) {
        r.low = v[i] < r.low ? v[i] : r.low;
        r.high = v[i] > r.high ? v[i] : r.high;
    }
    return r;
}

static struct rd_expr_range divided(struct walk *w, struct rd_expr_range a, struct rd_expr_range b)
{
    static const struct rd_expr_range any = { -1e150, 1e150 };

    if (b.low == 0 && b.high == 0) {
        fails(w, RD_YES, "division by zero");
        return any;
    }
    if (b.low <= 0 && b.high >= 0) {
        fails(w, RD_UNKNOWN, "division by zero");
        if (b.low < 0 && b.high > 0)
            return any;
        /* One end is zero: what is left has one sign. */
        b = b.low < 0 ? (struct rd_expr_range){ b.low, -1 / WIDE }
                      : (struct rd_expr_range){ 1 / WIDE, b.high };
    }
    {
        const double v[] = { a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high };

        return hull(v, 4);
    }
}

static struct rd_expr_range combined(
    struct walk *w, enum rd_expr_op op, struct rd_expr_range a, struct rd_expr_range b)
{
    static const char large[] = "the result is too large for a number";
    struct rd_expr_range r;

    if (op == RD_OP_ADD) {
        r = (struct rd_expr_range){ a.low + b.low, a.high + b.high };
    } else if (op == RD_OP_SUBTRACT) {
        r = (struct rd_expr_range){ a.low - b.high, a.high - b.low };
    } else if (op == RD_OP_MULTIPLY) {
        const double v[] = { a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high };

        r = hull(v, 4);
    } else {
        r = divided(w, a, b);
    }
    /* Both ends beyond all numbers on one side: so is everything between. */
    if (isinf(r.low) && r.low == r.high)
        fails(w, RD_YES, large);
    else if (isinf(r.low) || isinf(r.high))
        fails(w, RD_UNKNOWN, large);
    return (struct rd_expr_range){ fmin(fmax(r.low, -LIMIT), LIMIT),
        fmin(fmax(r.high, -LIMIT), LIMIT) };
}

static enum rd_tri compared(enum rd_expr_op op, const struct bound *a, const struct bound *b)
{
    const struct rd_expr_range x = a->is, y = b->is;

    if (!a->number || !b->number)
        return RD_UNKNOWN; /* texts and lists: either */
    switch (op) {
    case RD_OP_LESS:
        return x.high < y.low ? RD_YES : x.low >= y.high ? RD_NO : RD_UNKNOWN;
    case RD_OP_LESS_EQUAL:
        return x.high <= y.low ? RD_YES : x.low > y.high ? RD_NO : RD_UNKNOWN;
    case RD_OP_MORE:
        return x.low > y.high ? RD_YES : x.high <= y.low ? RD_NO : RD_UNKNOWN;
    case RD_OP_MORE_EQUAL:
        return x.low >= y.high ? RD_YES : x.high < y.low ? RD_NO : RD_UNKNOWN;
    default:
        return RD_UNKNOWN;
    }
}

static struct bound truth(enum rd_tri t)
{
    return (struct bound){ .value = { .type = RD_EXPR_BOOL, .truth = t } };
}

static struct bound of_value(const struct rd_value *v)
{
    if (v->type == RD_EXPR_NUMBER)
        return (struct bound){ .number = true,
            .is = v->unknown ? (struct rd_expr_range){ -WIDE, WIDE }
                             : (struct rd_expr_range){ v->number, v->number } };
    if (v->type == RD_EXPR_BOOL)
        return truth(v->unknown ? RD_UNKNOWN : v->truth);
    return (struct bound){ .value = *v };
}

static enum rd_tri negated(enum rd_tri t)
{
    return t == RD_UNKNOWN ? t : t == RD_YES ? RD_NO : RD_YES;
}

static enum rd_tri both(enum rd_tri a, enum rd_tri b)
{
    return a == RD_NO || b == RD_NO ? RD_NO : a == RD_YES && b == RD_YES ? RD_YES : RD_UNKNOWN;
}

static struct bound of_name(struct walk *w, const struct rd_expr_step *s)
{
    struct rd_value v;

    if (s->type == RD_EXPR_NUMBER)
        return (struct bound){ .number = true, .is = w->range(w->in->user, s->slot) };
    v = w->in->name(w->in->user, s->slot);
    return of_value(&v);
}

void rd_expr_bound(const struct rd_expr *expr, const struct rd_expr_input *in,
    struct rd_expr_range (*range)(void *user, size_t slot), struct rd_expr_bounds *out)
{
    struct bound stack[RD_EXPR_STACK];
    struct walk w = { .expr = expr, .in = in, .range = range, .out = out };
    size_t n = 0; /* the compiler has proved that it stays in bounds */

    *out = (struct rd_expr_bounds){ .fails = RD_NO, .at = expr->step[expr->n_steps - 1].at };
    for (w.step = 0; w.step < expr->n_steps; w.step++) {
        const struct rd_expr_step *s = &expr->step[w.step];

        switch (s->op) {
        case RD_OP_CONST:
            stack[n++] = of_value(&s->value);
            break;
        case RD_OP_NAME:
            stack[n++] = of_name(&w, s);
            break;
        case RD_OP_CALL:
            n -= s->n_args;
            stack[n++] = of_value(
                &(struct rd_value){ .type = s->type, .unknown = true, .truth = RD_UNKNOWN });
            break;
        case RD_OP_NEGATE:
            stack[n - 1].is = (struct rd_expr_range){ -stack[n - 1].is.high, -stack[n - 1].is.low };
            break;
        case RD_OP_NOT:
            stack[n - 1] = truth(negated(stack[n - 1].value.truth));
            break;
        case RD_OP_ADD:
        case RD_OP_SUBTRACT:
        case RD_OP_MULTIPLY:
        case RD_OP_DIVIDE:
            n--;
            stack[n - 1].is = combined(&w, s->op, stack[n - 1].is, stack[n].is);
            break;
        case RD_OP_SKIP_IF_NO:
        case RD_OP_SKIP_IF_YES:
            if (stack[n - 1].value.truth == (s->op == RD_OP_SKIP_IF_NO ? RD_NO : RD_YES))
                w.step = s->target - 1u;
            else if (stack[n - 1].value.truth == RD_UNKNOWN && s->target > w.guarded)
                w.guarded = s->target;
            break;
        case RD_OP_AND:
            n--;
            stack[n - 1] = truth(both(stack[n - 1].value.truth, stack[n].value.truth));
            break;
        case RD_OP_OR:
            n--;
            stack[n - 1] = truth(
                negated(both(negated(stack[n - 1].value.truth), negated(stack[n].value.truth))));
            break;
        default:
            n--;
            stack[n - 1] = truth(compared(s->op, &stack[n - 1], &stack[n]));
            break;
        }
    }
    out->value = stack[0].is;
    out->truth = stack[0].value.truth;
}
