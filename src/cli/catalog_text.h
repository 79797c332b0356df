/* catalog_text.h - what the `catalog` commands share: a rule for machines, and words that are
 * checked. */
#ifndef RD_CLI_CATALOG_TEXT_H
#define RD_CLI_CATALOG_TEXT_H

#include "cli/cli.h"
#include "rules/taxonomy.h"
#include "rules/threat.h"

/* The members of a rule inside an open object: id, title, stride, stage, severity, applies_to,
 * proved_by (empty: none), removed_by, references, cwe. */
void rd_cli_rule_members(struct rd_json *j, const struct rd_rule *rule);
/* A named array of texts. */
void rd_cli_json_words(struct rd_json *j, const char *key, const char *const *word, size_t n);
/* `otherwise` with the nearest word, unless word is one of the list. what: "stage", "rule".
 * RD_E_USAGE for the value of an option, RD_E_NOTFOUND for a thing that is asked for. */
rd_status rd_cli_one_of(struct rd_cli *cli, rd_status otherwise, const char *what, const char *word,
    const char *const *list);
/* The names of the element types and "flow", NULL-terminated, in the arena; NULL: memory. */
const char *const *rd_cli_subjects(struct rd_arena *arena);
/* Is the id, or one below it ("AML.T0024" for "AML.T0024.002"), among the rule's references or CWE
 * ids? */
bool rd_cli_rule_refers(const struct rd_rule *rule, const char *id);

#endif
