/*
 * evaluate.h - one expression of a rule at one element or flow, and what it looked at on the way.
 *
 * The same evaluation can be repeated with some of what it saw replaced ("were exposure internal
 * ..."): that is how the engine finds out what decides, and what would make a threat go away,
 * without being told by the rule.
 */
#ifndef RD_RULES_EVALUATE_H
#define RD_RULES_EVALUATE_H

#include "rules/rule.h"

struct rd_item {      /* one thing looked at: a property, or a question with its words */
    const char *name; /* property, or NULL */
    const struct rd_rule_function *fn; /* or a question */
    const char *word[RD_WORDS_MAX];
    size_t n_words;
    struct rd_value value; /* as it is in the system */
};
enum { RD_SUPPOSE_MAX = 3 };
struct rd_evaluation {
    const struct rd_rule_code *code;
    struct rd_look at;
    struct rd_item item[RD_RULE_LOOKS_MAX]; /* in the order they were looked at, each once */
    size_t n;
    /* Suppose these items had these values. */
    size_t supposed[RD_SUPPOSE_MAX];
    struct rd_value instead[RD_SUPPOSE_MAX];
    size_t n_supposed;
};

/* Evaluates and adds to the items. */
rd_status rd_evaluate(struct rd_evaluation *e, const struct rd_expr *expr, enum rd_tri *truth_out,
    struct rd_error *err);

/* Id of the subject, and its type (NULL: a flow). */
const char *rd_evaluation_here(const struct rd_evaluation *e);
const struct rd_element_type *rd_evaluation_type(const struct rd_evaluation *e);
/* One item as a fact in the arena. *control_out (may be NULL): the active control it saw, or NULL.
 */
rd_status rd_evaluation_fact(const struct rd_evaluation *e, const struct rd_item *item,
    struct rd_arena *arena, struct rd_fact *fact_out, const char **control_out);

/* Strings that are collected, each once. */
struct rd_strings {
    const char **item;
    size_t n, cap;
    struct rd_arena *arena;
    bool failed;
};
void rd_strings_add(struct rd_strings *s, const char *text); /* copies */

/*
 * Of an evaluation that came out unknown: "<id>.<property>" of what would have to be filled in.
 * base must hold the items; it is evaluated again.
 */
rd_status rd_remedy_missing(
    struct rd_evaluation *e, struct rd_strings *missing, struct rd_error *err);
/* What would make `when` no: single changes, else pairs, else triples, in words. */
rd_status rd_remedy_changes(
    struct rd_evaluation *e, struct rd_strings *changes, struct rd_error *err);

#endif
