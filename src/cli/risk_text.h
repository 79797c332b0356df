/* risk_text.h - the figures of risk/ for people at a terminal. */
#ifndef RD_CLI_RISK_TEXT_H
#define RD_CLI_RISK_TEXT_H

#include "cli/assessment.h"

/* Onto cli->out: totals, appetite, scenarios, tornado as bars, the guesses that matter most. */
void rd_cli_risk_text(struct rd_cli *cli, const struct rd_risk_result *r);

#endif
