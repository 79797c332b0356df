/* expr_token.h - the words of the expression language; for expr.c alone. */
#ifndef RD_BASE_EXPR_TOKEN_H
#define RD_BASE_EXPR_TOKEN_H

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD_EXPR_LENGTH = 4096 /* bytes of text */ };

enum rd_expr_token_kind {
    RD_T_END,
    RD_T_NUMBER,
    RD_T_TEXT, /* start and len include the quotes */
    RD_T_NAME,
    RD_T_SYMBOL /* ( ) [ ] , + - * / == != < <= > >= */
};

struct rd_expr_token {
    enum rd_expr_token_kind kind;
    const char *start;
    size_t len;
    uint32_t at; /* character, from 1 */
    double number;
    bool space_before, space_after;
};

struct rd_expr_lexer {
    const char *where, *text;
    struct rd_error *err;
    const char *next;
    const char *counted; /* characters before it: n_counted */
    uint32_t n_counted;
    struct rd_expr_token tok; /* the current one */
};

/* Checks length, UTF-8 and control characters, then reads the first token. */
rd_status rd_expr_lexer_start(
    struct rd_expr_lexer *l, const char *where, const char *text, struct rd_error *err);
rd_status rd_expr_advance(struct rd_expr_lexer *l);
/* Is the current token this name or symbol? */
bool rd_expr_is(const struct rd_expr_lexer *l, const char *word);
/* "expected WANTED; found '...'" */
rd_status rd_expr_unexpected(struct rd_expr_lexer *l, const char *wanted);
/* "where: character N: ..." */
rd_status rd_expr_fail(struct rd_expr_lexer *l, uint32_t at, rd_status status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
