/* expr_token.c - the words of the expression language. */
#include "base/expr_token.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

rd_status rd_expr_fail(struct rd_expr_lexer *l, uint32_t at, rd_status status, const char *fmt, ...)
{
    struct rd_buf text = { .limit = 2 * RD_ERROR_TEXT };
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)RD_FAIL(l->err, status, "%s: character %u: %s", l->where, at, rd_buf_text(&text));
    rd_buf_release(&text);
    return status;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Characters, not bytes, before s; s only moves forward. */
static uint32_t character_of(struct rd_expr_lexer *l, const char *s)
{
    for (; l->counted < s; l->counted++)
        l->n_counted += ((unsigned char)*l->counted & 0xC0) != 0x80;
    return l->n_counted + 1;
}

/* Length of digits[.digits][e[+-]digits] at s; 0 when there is none. */
static size_t number_length(const char *s)
{
    const char *e = s, *x;

    while (is_digit(*e))
        e++;
    if (e == s)
        return 0;
    if (*e == '.' && is_digit(e[1])) {
        for (e++; is_digit(*e);)
            e++;
    }
    if (*e == 'e' || *e == 'E') {
        x = e + 1 + (e[1] == '+' || e[1] == '-');
        if (is_digit(*x)) {
            while (is_digit(*x))
                x++;
            e = x;
        }
    }
    return (size_t)(e - s);
}

/* Words joined by '-' (model-copy) or '.' (api.exposure); 0 when there is none. */
static size_t name_length(const char *s)
{
    const char *e = s;

    while (is_word(*e) || (e > s && (*e == '-' || *e == '.') && is_word(e[1])))
        e++;
    return (size_t)(e - s);
}

static rd_status read_text_token(struct rd_expr_lexer *l, struct rd_expr_token *t)
{
    const char quote = *t->start;
    const char *e = t->start + 1;

    while (*e && *e != quote) {
        if (*e == '\\' && e[1] != quote && e[1] != '\\')
            return rd_expr_fail(l, character_of(l, e), RD_E_INPUT,
                "a backslash may only stand before \\ or %c", quote);
        e += *e == '\\' ? 2 : 1;
    }
    if (!*e)
        return rd_expr_fail(l, t->at, RD_E_INPUT, "text without a closing quote");
    t->kind = RD_T_TEXT;
    t->len = (size_t)(e + 1 - t->start);
    return RD_OK;
}

static rd_status read_number_token(struct rd_expr_lexer *l, struct rd_expr_token *t, size_t len)
{
    char digits[64];

    if (len >= sizeof(digits))
        return rd_expr_fail(l, t->at, RD_E_INPUT, "a number of %zu digits", len);
    memcpy(digits, t->start, len);
    digits[len] = '\0';
    if (!rd_text_to_double(digits, false, &t->number))
        return rd_expr_fail(l, t->at, RD_E_INPUT, "the number %s is out of range", digits);
    t->kind = RD_T_NUMBER;
    t->len = len;
    return RD_OK;
}

rd_status rd_expr_advance(struct rd_expr_lexer *l)
{
    static const char *const symbols[] = { "==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]",
        ",", "+", "-", "*", "/", NULL };
    struct rd_expr_token *t = &l->tok;
    const char *s = l->next;
    size_t number, name;
    rd_status st = RD_OK;

    while (is_space(*s))
        s++;
    *t =
        (struct rd_expr_token){ .start = s, .at = character_of(l, s), .space_before = s > l->next };
    number = number_length(s);
    name = name_length(s);
    if (!*s) {
        t->kind = RD_T_END;
    } else if (number && number >= name) {
        st = read_number_token(l, t, number);
    } else if (name) { /* ids may begin with a digit: 3d-model */
        t->kind = RD_T_NAME;
        t->len = name;
    } else if (*s == '"' || *s == '\'') {
        st = read_text_token(l, t);
    } else {
        for (size_t i = 0; symbols[i] && !t->len; i++) {
            if (strncmp(s, symbols[i], strlen(symbols[i])) == 0)
                t->len = strlen(symbols[i]);
        }
        t->kind = RD_T_SYMBOL;
        if (!t->len) {
            char one[8] = "", shown[32];
            size_t n = 1;
            while (n < 4 && ((unsigned char)s[n] & 0xC0) == 0x80)
                n++;
            memcpy(one, s, n);
            st = rd_expr_fail(l, t->at, RD_E_INPUT, "unexpected '%s'%s",
                rd_text_safe_in(shown, sizeof(shown), one),
                *s == '='   ? "; equality is written =="
                : *s == '!' ? "; negation is written not"
                : *s == '&' ? "; write and"
                : *s == '|' ? "; write or"
                            : "");
        }
    }
    l->next = s + t->len;
    t->space_after = is_space(*l->next) || !*l->next;
    return st;
}

bool rd_expr_is(const struct rd_expr_lexer *l, const char *word)
{
    return (l->tok.kind == RD_T_NAME || l->tok.kind == RD_T_SYMBOL) && l->tok.len == strlen(word) &&
           memcmp(l->tok.start, word, l->tok.len) == 0;
}

static const char *shown_token(const struct rd_expr_lexer *l, char *out, size_t size)
{
    char raw[64];
    const size_t len = l->tok.len < sizeof(raw) ? l->tok.len : sizeof(raw) - 1;

    memcpy(raw, l->tok.start, len);
    raw[len] = '\0';
    return rd_text_safe_in(out, size, raw);
}

rd_status rd_expr_unexpected(struct rd_expr_lexer *l, const char *wanted)
{
    char shown[80];

    if (l->tok.kind == RD_T_END)
        return rd_expr_fail(
            l, l->tok.at, RD_E_INPUT, "expected %s; the expression ends here", wanted);
    return rd_expr_fail(l, l->tok.at, RD_E_INPUT, "expected %s; found '%s'", wanted,
        shown_token(l, shown, sizeof(shown)));
}

rd_status rd_expr_lexer_start(
    struct rd_expr_lexer *l, const char *where, const char *text, struct rd_error *err)
{
    const size_t len = strnlen(text, RD_EXPR_LENGTH + 1);
    size_t bad = 0;

    *l = (struct rd_expr_lexer){ where, text, err, .next = text, .counted = text };
    if (len > RD_EXPR_LENGTH)
        return rd_expr_fail(l, RD_EXPR_LENGTH + 1, RD_E_LIMIT,
            "the expression is longer than %d characters", RD_EXPR_LENGTH);
    if (!rd_text_is_utf8(text, len, &bad))
        return rd_expr_fail(l, character_of(l, text + bad), RD_E_INPUT, "byte 0x%02x is not UTF-8",
            (unsigned char)text[bad]);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 && !is_space(text[i]))
            return rd_expr_fail(l, character_of(l, text + i), RD_E_INPUT,
                "control character 0x%02x", (unsigned char)text[i]);
    }
    return rd_expr_advance(l);
}
