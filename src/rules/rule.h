/*
 * rule.h - a rule as the engine holds it: the public part first, then its expressions compiled.
 *
 * For the files of src/rules alone. Every const struct rd_rule * that rd_rules hands out is the
 * first member of one of these.
 */
#ifndef RD_RULES_RULE_H
#define RD_RULES_RULE_H

#include "rules/functions.h"
#include "rules/taxonomy.h"
#include "rules/threat.h"

enum { RD_RULE_NAMES_MAX = 32, RD_RULE_LOOKS_MAX = 64 };

struct rd_rule_code {
    struct rd_rule rule;
    const char *file; /* for messages: "catalog/rules/evasion.yaml" */
    struct rd_expr *when, *raise, *lower;
    const char *names[RD_RULE_NAMES_MAX]; /* properties that `when` reads, by slot */
    size_t n_names;
    const char *control_named[RD_RULE_LOOKS_MAX]; /* control kinds among the words of `when` */
    size_t n_controls_named;
    struct rd_doc *twin[2]; /* enum rd_twin */
};
static inline const struct rd_rule_code *rd_rule_code_of(const struct rd_rule *rule)
{
    return (const struct rd_rule_code *)rule;
}

/* The type of a name at subjects of that type (NULL: flows); false when there is no such name
 * there. */
bool rd_rule_name_type(
    const struct rd_element_type *type, const char *name, enum rd_expr_type *type_out);
/* What it can be there: NULL-terminated words, NULL for numbers and free text. */
const char *const *rd_rule_name_words(const struct rd_element_type *type, const char *name);

/*
 * Check the words of an expression of the rule and compile it. severity: it may ask for the two
 * facts only. where is the place in the file; applies_to is read already.
 */
rd_status rd_rule_compile(struct rd_rule_code *code, const struct rd_taxonomies *taxonomies,
    const char *where, const char *text, bool severity, struct rd_arena *arena,
    struct rd_expr **expr_out, struct rd_error *err);

/* One file of catalog/rules; name is "rules/<id>.yaml". */
rd_status rd_rule_read(const struct rd_embedded *file, const struct rd_taxonomies *taxonomies,
    struct rd_arena *arena, struct rd_rule_code **code_out, struct rd_error *err);

#endif
