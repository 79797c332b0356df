/* risk_block.h - for a file without a scenario: a block of redoubt.yaml that gives it one. */
#ifndef RD_CLI_RISK_BLOCK_H
#define RD_CLI_RISK_BLOCK_H

#include "base/buf.h"
#include "cli/assessment.h"

/*
 * A scenario on the worst threat that was shown (else tried, else derived), every number a default,
 * to be pasted at the end of the file, or below its `risk:` where it declares an appetite. Passes
 * `check`. Nothing is added where the file has scenarios or no threat.
 */
rd_status rd_cli_risk_block(struct rd_cli *cli, const struct rd_assessment *a, struct rd_buf *out);

#endif
