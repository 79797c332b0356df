/*
 * functions.h - the questions a rule may ask (docs/rules.md lists them from this table).
 *
 * Every argument is a quoted word that is checked when the rule is read, so that a typing error
 * cannot make a rule silent. An answer is three-valued; asked with `seen`, it also says what was
 * found, which properties are missing for a yes or no, and which active control stood in the way.
 */
#ifndef RD_RULES_FUNCTIONS_H
#define RD_RULES_FUNCTIONS_H

#include "rules/where.h"

enum rd_word_kind {
    RD_WORD_NONE,
    RD_WORD_WHO,      /* element type, untrusted, partner, trusted                    */
    RD_WORD_CONTROL,  /* control kind of catalog/taxonomies/controls.csv              */
    RD_WORD_GUARD,    /* element type, control kind or yes/no property; one or more   */
    RD_WORD_PROPERTY, /* yes/no property; may be left out                             */
    RD_WORD_ARTIFACT, /* model, dataset, training                                     */
    RD_WORD_DATA      /* a word of `carries`                                          */
};
enum { RD_AT_ELEMENT = 1, RD_AT_FLOW = 2, RD_WORDS_MAX = 7 };

/* From where a rule looks. */
struct rd_look {
    struct rd_where *where;
    int element, flow; /* one is RD_NONE */
    bool ignore_controls;
};

struct rd_seen {
    struct rd_buf value; /* in words: "crowd -> upload-api", "none"                        */
    const char *control; /* id of an active control that made the difference, or NULL      */
    void (*missing)(void *user, const char *element, const char *property); /* may be NULL */
    void *user;
};

struct rd_rule_function {
    const char *name;
    const char *arguments; /* for the docs: "who, guard, ..." */
    const char *help;
    enum rd_word_kind words[2]; /* the last one repeats when it is RD_WORD_GUARD */
    unsigned subjects;          /* RD_AT_ELEMENT | RD_AT_FLOW */
    enum rd_expr_type type;     /* RD_EXPR_BOOL or RD_EXPR_TEXT */
    bool severity;              /* one of the two facts that may move a severity */
    /* In words, with $here, $1, $2, $with ("with" and the second word, if any) and $rest (second
     * word onwards): what was asked, and what would have to be so. */
    const char *what, *if_no, *if_yes;
    struct rd_value (*ask)(
        const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen);
};
extern const struct rd_rule_function rd_rule_functions[]; /* ends with name NULL */
const struct rd_rule_function *rd_rule_function_find(const char *name);
/* Least and most words it takes. */
void rd_rule_function_arity(const struct rd_rule_function *f, size_t *least, size_t *most);
/* pattern with $here, $1, ... filled in. */
void rd_rule_function_words(
    struct rd_buf *out, const char *pattern, const char *here, const char *const *word, size_t n);

/* "public" < "internal" < "confidential" < "personal": 0 ... 3, or -1 */
int rd_data_class_rank(const char *word);

#endif
