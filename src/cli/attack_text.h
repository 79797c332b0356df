/* attack_text.h - attacks and their results, for people. */
#ifndef RD_CLI_ATTACK_TEXT_H
#define RD_CLI_ATTACK_TEXT_H

#include "cli/cli.h"
#include "evidence/record.h"

#include <redoubt/attack.h>

/* Words of a mask as a JSON array under key. */
void rd_attack_put_access(struct rd_json *j, const char *key, unsigned access);
void rd_attack_put_norms(struct rd_json *j, const char *key, unsigned norms);
/* "labels, scores" into out; returns out. */
const char *rd_attack_access_text(unsigned access, char *out, size_t size);
const char *rd_attack_norms_text(unsigned norms, char *out, size_t size);
/* The attack, or RD_E_USAGE with the nearest name. */
rd_status rd_attack_lookup(
    struct rd_cli *cli, const char *name, const struct rd_attack **attack_out);
/* What was measured: a table, curves as sparklines, the outcome in one sentence. Never prints NaN.
 */
void rd_attack_print_record(FILE *out, const struct rd_record *r);

#endif
