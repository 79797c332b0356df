/*
 * expr.c - the expression language: from text to steps.
 *
 * Recursive descent, one function a level of the grammar in expr.h. Types are checked as steps are
 * put, so that an expression that compiles can only fail by division by zero or by growing out of
 * the numbers.
 */
#include "base/expr_code.h"
#include "base/expr_token.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct parser {
    struct rd_expr_lexer lex;
    const struct rd_expr_env *env;
    struct rd_arena *arena;
    struct rd_expr_step *step;
    size_t n_steps, cap;
    struct rd_expr_name *name;
    size_t n_names;
    size_t height; /* of the stack of values here */
    int depth;
};

static const char *const type_names[] = {
    [RD_EXPR_NUMBER] = "a number",
    [RD_EXPR_BOOL] = "a yes/no value",
    [RD_EXPR_TEXT] = "text",
    [RD_EXPR_LIST] = "a list",
};

#define FAIL_AT(p, at, ...) rd_expr_fail(&(p)->lex, (at), RD_E_INPUT, __VA_ARGS__)

static rd_status advance(struct parser *p)
{
    return rd_expr_advance(&p->lex);
}

static bool is(const struct parser *p, const char *word)
{
    return rd_expr_is(&p->lex, word);
}

static rd_status unexpected(struct parser *p, const char *wanted)
{
    return rd_expr_unexpected(&p->lex, wanted);
}

static rd_status expect(struct parser *p, const char *symbol, const char *wanted)
{
    return is(p, symbol) ? advance(p) : unexpected(p, wanted);
}

/* ---- steps ---- */

static rd_status put(struct parser *p, struct rd_expr_step step, size_t pops, size_t pushes)
{
    if (p->n_steps == p->cap) {
        const size_t cap = p->cap ? 2 * p->cap : 16;
        struct rd_expr_step *grown = rd_realloc(p->step, cap * sizeof(*grown));
        if (!grown)
            return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
        p->step = grown;
        p->cap = cap;
    }
    p->height = p->height - pops + pushes;
    if (p->height > RD_EXPR_STACK)
        return rd_expr_fail(
            &p->lex, step.at, RD_E_LIMIT, "more than %d values at once", RD_EXPR_STACK);
    p->step[p->n_steps++] = step;
    return RD_OK;
}

static rd_status put_value(struct parser *p, uint32_t at, struct rd_value value)
{
    return put(p,
        (struct rd_expr_step){ .op = RD_OP_CONST, .type = value.type, .at = at, .value = value }, 0,
        1);
}

/* The last n steps when each of them is a constant number: then they can be computed now. */
static struct rd_expr_step *constants(struct parser *p, size_t n)
{
    if (p->n_steps < n)
        return NULL;
    for (size_t i = p->n_steps - n; i < p->n_steps; i++) {
        if (p->step[i].op != RD_OP_CONST || p->step[i].type != RD_EXPR_NUMBER)
            return NULL;
    }
    return &p->step[p->n_steps - n];
}

static rd_status put_arithmetic(struct parser *p, enum rd_expr_op op, uint32_t at)
{
    struct rd_expr_step *c = constants(p, 2);
    const struct rd_expr_step *divisor = constants(p, 1);
    const char *why;

    if (op == RD_OP_DIVIDE && divisor && divisor->value.number == 0)
        return FAIL_AT(p, at, "division by zero");
    if (!c)
        return put(p, (struct rd_expr_step){ .op = op, .type = RD_EXPR_NUMBER, .at = at }, 2, 1);
    if (!rd_expr_arithmetic(op, c[0].value.number, c[1].value.number, &c[0].value.number, &why))
        return FAIL_AT(p, at, "%s", why);
    p->n_steps--;
    p->height--;
    return RD_OK;
}

/* ---- grammar ---- */

struct typed {
    enum rd_expr_type type;
    uint32_t at;
    bool literal_unknown;
    enum rd_expr_unit unit; /* of a number */
    const char *unit_of;    /* the name that it comes from */
};

static rd_status parse_or(struct parser *p, struct typed *out);

static rd_status descend(struct parser *p)
{
    if (++p->depth > RD_EXPR_DEPTH)
        return rd_expr_fail(
            &p->lex, p->lex.tok.at, RD_E_LIMIT, "nested deeper than %d", RD_EXPR_DEPTH);
    return RD_OK;
}

static rd_status want_type(
    struct parser *p, const struct typed *v, enum rd_expr_type type, const char *who)
{
    if (v->type == type)
        return RD_OK;
    return FAIL_AT(p, v->at, "%s wants %s; this is %s", who, type_names[type], type_names[v->type]);
}

/* ---- units ---- */

static const char *const unit_names[] = {
    [RD_UNIT_ANY] = "a number",
    [RD_UNIT_MONEY] = "money",
    [RD_UNIT_COUNT] = "a count",
    [RD_UNIT_SHARE] = "a share",
    [RD_UNIT_DAYS] = "days",
};

static void take_unit(struct typed *a, const struct typed *b)
{
    a->unit = b->unit;
    a->unit_of = b->unit_of;
}

/* Both sides of a sum or a comparison; a gets the unit of the whole. */
static rd_status join_units(
    struct parser *p, struct typed *a, const struct typed *b, const char *who, uint32_t at)
{
    const char *hint = a->unit == RD_UNIT_MONEY || b->unit == RD_UNIT_MONEY
                           ? "multiply the other by what one of it costs"
                           : "compare and add like with like, or divide first";
    rd_status st;

    if (a->unit == RD_UNIT_ANY)
        take_unit(a, b);
    if (b->unit == RD_UNIT_ANY || a->unit == b->unit)
        return RD_OK;
    st = FAIL_AT(p, at, "'%s' joins %s ('%s') and %s ('%s')", who, unit_names[a->unit], a->unit_of,
        unit_names[b->unit], b->unit_of);
    (void)rd_error_hint(p->lex.err, "%s", hint);
    return st;
}

static rd_status multiply_units(
    struct parser *p, enum rd_expr_op op, struct typed *a, const struct typed *b, uint32_t at)
{
    const bool over = op == RD_OP_DIVIDE;

    if (a->unit == RD_UNIT_MONEY && b->unit == RD_UNIT_MONEY && !over)
        return FAIL_AT(
            p, at, "money ('%s') times money ('%s') is no money", a->unit_of, b->unit_of);
    if (a->unit == RD_UNIT_MONEY && b->unit != RD_UNIT_MONEY)
        return RD_OK;
    if (!over && b->unit == RD_UNIT_MONEY)
        take_unit(a, b);
    else if (over && a->unit == RD_UNIT_COUNT && b->unit == RD_UNIT_COUNT)
        a->unit = RD_UNIT_SHARE;
    else if (!over && a->unit == RD_UNIT_SHARE &&
             (b->unit == RD_UNIT_COUNT || b->unit == RD_UNIT_SHARE))
        take_unit(a, b);
    else if (!(a->unit == RD_UNIT_COUNT && b->unit == RD_UNIT_SHARE))
        *a = (struct typed){ .type = a->type, .at = a->at };
    return RD_OK;
}

/* The text of a string token, escapes undone. */
static const char *token_text(struct parser *p)
{
    char *text = rd_arena_strndup(p->arena, p->lex.tok.start + 1, p->lex.tok.len - 2);
    size_t n = 0;

    for (size_t i = 0; text && text[i]; i++) {
        if (text[i] == '\\')
            i++;
        text[n++] = text[i];
    }
    if (text)
        text[n] = '\0';
    return text;
}

/* Items that a list beginning at s can hold at most: one more than its commas outside of quotes. */
static size_t items_at_most(const char *s)
{
    size_t n = 1;
    char quote = 0;

    for (; *s && (quote || *s != ']'); s++) {
        if (quote && *s == '\\' && s[1])
            s++;
        else if (quote)
            quote = *s == quote ? 0 : quote;
        else if (*s == '"' || *s == '\'')
            quote = *s;
        else
            n += *s == ',';
    }
    return n;
}

static rd_status parse_list(struct parser *p)
{
    struct rd_value list = { .type = RD_EXPR_LIST };
    const uint32_t at = p->lex.tok.at;
    const size_t most = items_at_most(p->lex.tok.start);
    const char **item = RD_NEW_ARRAY(p->arena, const char *, most);
    rd_status st;

    if (!item)
        return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for a list");
    list.list = item;
    for (st = advance(p); !st && !is(p, "]");) {
        if (p->lex.tok.kind != RD_T_TEXT)
            return unexpected(p, "text in quotes");
        if (list.n == most)
            return rd_expr_fail(
                &p->lex, p->lex.tok.at, RD_E_BUG, "a list of more than %zu items", most);
        item[list.n] = token_text(p);
        if (!item[list.n++])
            return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for a list");
        st = advance(p);
        if (!st && is(p, ","))
            st = advance(p);
        else if (!st && !is(p, "]"))
            st = unexpected(p, "',' or ']'");
    }
    if (!st)
        st = advance(p);
    return st ? st : put_value(p, at, list);
}

/* "a number, text" for messages about calls. */
static void put_types(struct rd_buf *out, const enum rd_expr_type *type, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rd_buf_printf(out, "%s%s", i ? ", " : "", type_names[type[i]]);
}

static rd_status unknown_word(struct parser *p, const char *what, const char *name, uint32_t at,
    const enum rd_expr_type *arg, size_t n_args)
{
    const char *near = rd_text_nearest(name, p->env->words);
    struct rd_buf types = { .limit = 128 };
    rd_status st;

    if (arg)
        put_types(&types, arg, n_args);
    if (near && strcmp(near, name) == 0)
        near = NULL;
    st = FAIL_AT(p, at, "unknown %s '%s'%s%s%s%s%s%s%s", what, name, arg ? " of (" : "",
        rd_buf_text(&types), arg ? ")" : "", near ? "; did you mean '" : "", near ? near : "",
        near ? "'?" : "",
        !near && !arg && strchr(name, '-') ? "; subtraction is written with spaces" : "");
    rd_buf_release(&types);
    return st;
}

static rd_status parse_call(struct parser *p, const char *name, uint32_t at, struct typed *out)
{
    enum rd_expr_type arg[RD_EXPR_ARGS];
    size_t n = 0, slot = 0;
    rd_status st = descend(p);

    if (!st)
        st = advance(p);
    while (!st && !is(p, ")")) {
        struct typed v;
        if (n == RD_EXPR_ARGS)
            return rd_expr_fail(&p->lex, p->lex.tok.at, RD_E_LIMIT,
                "more than %d arguments of '%s'", RD_EXPR_ARGS, name);
        st = parse_or(p, &v);
        if (st)
            return st;
        arg[n++] = v.type;
        if (is(p, ",")) {
            st = advance(p);
            if (!st && is(p, ")"))
                st = unexpected(p, "an argument");
        } else if (!is(p, ")")) {
            st = unexpected(p, "',' or ')'");
        }
    }
    if (!st)
        st = advance(p);
    if (st)
        return st;
    p->depth--;
    if (!p->env->function || !p->env->function(p->env->user, name, arg, n, &out->type, &slot))
        return unknown_word(p, "function", name, at, arg, n);
    return put(p,
        (struct rd_expr_step){
            .op = RD_OP_CALL, .type = out->type, .at = at, .slot = slot, .n_args = (uint32_t)n },
        n, 1);
}

static rd_status remember_name(struct parser *p, const char *name, size_t slot)
{
    struct rd_expr_name *grown;

    for (size_t i = 0; i < p->n_names; i++) {
        if (strcmp(p->name[i].name, name) == 0)
            return RD_OK;
    }
    if ((p->n_names & (p->n_names - 1)) == 0) { /* full at each power of two */
        grown = rd_realloc(p->name, (p->n_names ? 2 * p->n_names : 1) * sizeof(*grown));
        if (!grown)
            return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
        p->name = grown;
    }
    p->name[p->n_names++] = (struct rd_expr_name){ name, slot };
    return RD_OK;
}

static rd_status parse_name(struct parser *p, struct typed *out)
{
    const uint32_t at = p->lex.tok.at;
    const char *name = rd_arena_strndup(p->arena, p->lex.tok.start, p->lex.tok.len);
    size_t slot = 0;
    rd_status st;

    if (!name)
        return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
    st = advance(p);
    if (st)
        return st;
    if (is(p, "("))
        return parse_call(p, name, at, out);
    if (!p->env->name || !p->env->name(p->env->user, name, &out->type, &slot))
        return unknown_word(p, "name", name, at, NULL, 0);
    st = remember_name(p, name, slot);
    if (st)
        return st;
    if (p->env->unit && out->type == RD_EXPR_NUMBER) {
        out->unit = p->env->unit(p->env->user, slot);
        out->unit_of = name;
    }
    return put(p,
        (struct rd_expr_step){ .op = RD_OP_NAME, .type = out->type, .at = at, .slot = slot }, 0, 1);
}

/* true, false, unknown */
static bool is_truth(const struct parser *p, enum rd_tri *out)
{
    *out = is(p, "true") ? RD_YES : is(p, "false") ? RD_NO : RD_UNKNOWN;
    return *out != RD_UNKNOWN || is(p, "unknown");
}

static rd_status parse_primary(struct parser *p, struct typed *out)
{
    struct rd_value v = { .type = RD_EXPR_NUMBER };
    enum rd_tri t;
    rd_status st;

    *out = (struct typed){ .at = p->lex.tok.at };
    if (is(p, "(")) {
        st = descend(p);
        if (!st)
            st = advance(p);
        if (!st)
            st = parse_or(p, out);
        p->depth--;
        return st ? st : expect(p, ")", "')'");
    }
    if (is(p, "[")) {
        out->type = RD_EXPR_LIST;
        return parse_list(p);
    }
    if (is_truth(p, &t)) {
        v = (struct rd_value){ .type = RD_EXPR_BOOL, .truth = t, .unknown = t == RD_UNKNOWN };
        out->literal_unknown = v.unknown;
    } else if (p->lex.tok.kind == RD_T_NUMBER) {
        v.number = p->lex.tok.number;
    } else if (p->lex.tok.kind == RD_T_TEXT) {
        v = (struct rd_value){ .type = RD_EXPR_TEXT, .text = token_text(p) };
        if (!v.text)
            return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
    } else if (p->lex.tok.kind == RD_T_NAME && !is(p, "and") && !is(p, "or") && !is(p, "not") &&
               !is(p, "in")) {
        return parse_name(p, out);
    } else {
        return unexpected(p, "a value");
    }
    out->type = v.type;
    st = put_value(p, out->at, v);
    return st ? st : advance(p);
}

static rd_status parse_unary(struct parser *p, struct typed *out)
{
    const uint32_t at = p->lex.tok.at;
    struct rd_expr_step *c;
    rd_status st;

    if (!is(p, "-"))
        return parse_primary(p, out);
    st = descend(p);
    if (!st)
        st = advance(p);
    if (!st)
        st = parse_unary(p, out);
    if (!st)
        st = want_type(p, out, RD_EXPR_NUMBER, "'-'");
    if (st)
        return st;
    p->depth--;
    out->at = at;
    c = constants(p, 1);
    if (c) {
        c->value.number = -c->value.number;
        return RD_OK;
    }
    return put(
        p, (struct rd_expr_step){ .op = RD_OP_NEGATE, .type = RD_EXPR_NUMBER, .at = at }, 1, 1);
}

static rd_status parse_product(struct parser *p, struct typed *out)
{
    rd_status st = parse_unary(p, out);

    while (!st && (is(p, "*") || is(p, "/"))) {
        const enum rd_expr_op op = is(p, "*") ? RD_OP_MULTIPLY : RD_OP_DIVIDE;
        const char *const who = op == RD_OP_MULTIPLY ? "'*'" : "'/'";
        const uint32_t at = p->lex.tok.at;
        struct typed right;

        st = want_type(p, out, RD_EXPR_NUMBER, who);
        if (!st)
            st = advance(p);
        if (!st)
            st = parse_unary(p, &right);
        if (!st)
            st = want_type(p, &right, RD_EXPR_NUMBER, who);
        if (!st)
            st = multiply_units(p, op, out, &right, at);
        if (!st)
            st = put_arithmetic(p, op, at);
    }
    return st;
}

static rd_status parse_sum(struct parser *p, struct typed *out)
{
    rd_status st = parse_product(p, out);

    while (!st && (is(p, "+") || is(p, "-"))) {
        const enum rd_expr_op op = is(p, "+") ? RD_OP_ADD : RD_OP_SUBTRACT;
        const char *const who = op == RD_OP_ADD ? "'+'" : "'-'";
        const uint32_t at = p->lex.tok.at;
        struct typed right;

        if (op == RD_OP_SUBTRACT && (!p->lex.tok.space_before || !p->lex.tok.space_after))
            return FAIL_AT(p, at, "subtraction is written with spaces: a - b");
        st = want_type(p, out, RD_EXPR_NUMBER, who);
        if (!st)
            st = advance(p);
        if (!st)
            st = parse_product(p, &right);
        if (!st)
            st = want_type(p, &right, RD_EXPR_NUMBER, who);
        if (!st)
            st = join_units(p, out, &right, op == RD_OP_ADD ? "+" : "-", at);
        if (!st)
            st = put_arithmetic(p, op, at);
    }
    return st;
}

static bool comparison_of(const struct parser *p, enum rd_expr_op *op_out)
{
    static const struct {
        const char *word;
        enum rd_expr_op op;
    } row[] = {
        { "==", RD_OP_EQUAL },
        { "!=", RD_OP_UNEQUAL },
        { "<", RD_OP_LESS },
        { "<=", RD_OP_LESS_EQUAL },
        { ">", RD_OP_MORE },
        { ">=", RD_OP_MORE_EQUAL },
        { "in", RD_OP_IN },
    };

    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        if (is(p, row[i].word)) {
            *op_out = row[i].op;
            return true;
        }
    }
    return false;
}

static rd_status check_comparison(
    struct parser *p, enum rd_expr_op op, const struct typed *a, const struct typed *b, uint32_t at)
{
    rd_status st;

    if (a->literal_unknown || b->literal_unknown)
        return FAIL_AT(p, at, "a comparison with unknown is always unknown");
    if (op == RD_OP_IN) {
        st = want_type(p, a, RD_EXPR_TEXT, "the left side of 'in'");
        return st ? st : want_type(p, b, RD_EXPR_LIST, "the right side of 'in'");
    }
    if (op == RD_OP_EQUAL || op == RD_OP_UNEQUAL) {
        if (a->type == RD_EXPR_LIST || b->type == RD_EXPR_LIST)
            return FAIL_AT(p, at, "lists cannot be compared; use 'in'");
        if (a->type != b->type)
            return FAIL_AT(
                p, at, "%s cannot be compared with %s", type_names[a->type], type_names[b->type]);
        return RD_OK;
    }
    st = want_type(p, a, RD_EXPR_NUMBER, "an order");
    return st ? st : want_type(p, b, RD_EXPR_NUMBER, "an order");
}

static rd_status parse_comparison(struct parser *p, struct typed *out)
{
    enum rd_expr_op op, again;
    struct typed right;
    char who[4];
    uint32_t at;
    rd_status st = parse_sum(p, out);

    if (st || !comparison_of(p, &op))
        return st;
    at = p->lex.tok.at;
    (void)snprintf(who, sizeof(who), "%.*s", (int)p->lex.tok.len, p->lex.tok.start);
    st = advance(p);
    if (!st)
        st = parse_sum(p, &right);
    if (!st)
        st = check_comparison(p, op, out, &right, at);
    if (!st)
        st = join_units(p, out, &right, who, at);
    if (!st)
        st = put(p, (struct rd_expr_step){ .op = op, .type = RD_EXPR_BOOL, .at = at }, 2, 1);
    if (!st && comparison_of(p, &again))
        st = FAIL_AT(p, p->lex.tok.at, "comparisons do not chain; join them with 'and'");
    *out = (struct typed){ .type = RD_EXPR_BOOL, .at = out->at };
    return st;
}

static rd_status parse_not(struct parser *p, struct typed *out)
{
    const uint32_t at = p->lex.tok.at;
    rd_status st;

    if (!is(p, "not"))
        return parse_comparison(p, out);
    st = descend(p);
    if (!st)
        st = advance(p);
    if (!st)
        st = parse_not(p, out);
    if (!st)
        st = want_type(p, out, RD_EXPR_BOOL, "'not'");
    if (st)
        return st;
    p->depth--;
    *out = (struct typed){ .type = RD_EXPR_BOOL, .at = at };
    return put(p, (struct rd_expr_step){ .op = RD_OP_NOT, .type = RD_EXPR_BOOL, .at = at }, 1, 1);
}

/* One level of `and` or `or`: left side, skip, right side, join. */
static rd_status parse_logic(struct parser *p, struct typed *out, const char *word,
    enum rd_expr_op skip, enum rd_expr_op join,
    rd_status (*parse_side)(struct parser *p, struct typed *out))
{
    rd_status st = parse_side(p, out);

    while (!st && is(p, word)) {
        const uint32_t at = p->lex.tok.at;
        const size_t skip_at = p->n_steps;
        struct typed right;

        st = want_type(p, out, RD_EXPR_BOOL, word);
        if (!st)
            st = put(p, (struct rd_expr_step){ .op = skip, .type = RD_EXPR_BOOL, .at = at }, 0, 0);
        if (!st)
            st = advance(p);
        if (!st)
            st = parse_side(p, &right);
        if (!st)
            st = want_type(p, &right, RD_EXPR_BOOL, word);
        if (!st)
            st = put(p, (struct rd_expr_step){ .op = join, .type = RD_EXPR_BOOL, .at = at }, 2, 1);
        if (!st)
            p->step[skip_at].target = (uint32_t)p->n_steps;
        out->literal_unknown = false;
    }
    return st;
}

static rd_status parse_and(struct parser *p, struct typed *out)
{
    return parse_logic(p, out, "and", RD_OP_SKIP_IF_NO, RD_OP_AND, parse_not);
}

static rd_status parse_or(struct parser *p, struct typed *out)
{
    return parse_logic(p, out, "or", RD_OP_SKIP_IF_YES, RD_OP_OR, parse_and);
}

static rd_status finish(struct parser *p, struct rd_expr **expr_out)
{
    struct rd_expr *e = RD_NEW(p->arena, struct rd_expr);

    if (!e)
        return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
    e->where = rd_arena_strdup(p->arena, p->lex.where);
    e->step = RD_NEW_ARRAY(p->arena, struct rd_expr_step, p->n_steps);
    e->name = RD_NEW_ARRAY(p->arena, struct rd_expr_name, p->n_names + 1);
    if (!e->where || !e->step || !e->name)
        return RD_FAIL(p->lex.err, RD_E_MEMORY, "out of memory for an expression");
    memcpy(e->step, p->step, p->n_steps * sizeof(*e->step));
    if (p->n_names)
        memcpy(e->name, p->name, p->n_names * sizeof(*e->name));
    e->n_steps = p->n_steps;
    e->n_names = p->n_names;
    *expr_out = e;
    return RD_OK;
}

rd_status rd_expr_compile(const char *where, const char *text, enum rd_expr_type want,
    const struct rd_expr_env *env, struct rd_arena *arena, struct rd_expr **expr_out,
    struct rd_error *err)
{
    static const struct rd_expr_env nothing = { 0 };
    struct parser p = {
        .env = env ? env : &nothing,
        .arena = arena,
    };
    struct typed whole = { 0 };
    rd_status st = rd_expr_lexer_start(&p.lex, where ? where : "expression", text, err);

    if (!st)
        st = parse_or(&p, &whole);
    if (!st && p.lex.tok.kind != RD_T_END)
        st = unexpected(&p, "an operator or the end");
    if (!st && whole.type != want)
        st = FAIL_AT(&p, whole.at, "the expression must be %s; it is %s", type_names[want],
            type_names[whole.type]);
    if (!st)
        st = finish(&p, expr_out);
    rd_free(p.step);
    rd_free(p.name);
    return st;
}

bool rd_expr_threshold(
    const struct rd_expr *e, size_t *slot_out, double *number_out, bool *strict_out)
{
    const struct rd_expr_step *s = e->step;

    if (e->n_steps != 3 || s[0].op != RD_OP_NAME || s[0].type != RD_EXPR_NUMBER ||
        s[1].op != RD_OP_CONST || (s[2].op != RD_OP_MORE && s[2].op != RD_OP_MORE_EQUAL))
        return false;
    *slot_out = s[0].slot;
    *number_out = s[1].value.number;
    *strict_out = s[2].op == RD_OP_MORE;
    return true;
}
