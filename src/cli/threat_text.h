/* threat_text.h - a threat for people and for machines, as `threats` and `explain` show it. */
#ifndef RD_CLI_THREAT_TEXT_H
#define RD_CLI_THREAT_TEXT_H

#include "campaign/campaign.h"
#include "cli/cli.h"
#include "rules/threat.h"

/*
 * One object: id, rule, element or flow, title, stride, stage, severity, severity_why,
 * applicability, status with status_text or status_reason and the key of its evidence, impact, why,
 * when, facts, missing, goes_away, mitigated_by, mitigations, false_positives, proved_by,
 * criterion, removed_by, references, cwe, decision. stored: what earlier runs found
 * (cli/stored.h); NULL: nothing, and the threat is untried.
 */
void rd_cli_threat_json(struct rd_json *j, const struct rd_rules *rules,
    const struct rd_system *system, const struct rd_threat *threat,
    const struct rd_campaign *stored);
/* Its state there, NULL when there is none. */
const struct rd_threat_state *rd_cli_threat_state(
    const struct rd_campaign *stored, const struct rd_threat *threat);

/* "pgd or fgsm", or "none" */
const char *rd_cli_proof(const struct rd_rule *rule, char *out, size_t size);
/* "accepted until 2027-06-30 by risk owner", or "" */
const char *rd_cli_decision(const struct rd_decision *decision, char *out, size_t size);

/*
 * Text made safe and broken at blanks so that no line passes the terminal's columns (80 to 100 of
 * them; 96 where there is no terminal); the first line begins with `first` (whose length counts),
 * the others with `indent` blanks.
 */
void rd_cli_wrap(FILE *out, const char *first, int indent, const char *text);
/* The same where column characters stand in the line already, colors not counted. */
void rd_cli_wrap_from(FILE *out, int column, int indent, const char *text);

#endif
