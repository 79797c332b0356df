/* assess_text.h - what an assessment found, on a terminal. */
#ifndef RD_CLI_ASSESS_TEXT_H
#define RD_CLI_ASSESS_TEXT_H

#include "cli/assessment.h"

/* Verdict, what was tried, the stage matrix, money, controls, the roadmap in short. To cli->out. */
rd_status rd_cli_assess_text(struct rd_cli *cli, const struct rd_assessment *a);
/* The six stages of a model's life: threats, tried, demonstrated, expected loss, controls. */
rd_status rd_cli_stages_text(struct rd_cli *cli, const struct rd_report *report);
/* Has any scenario money on it? */
bool rd_cli_has_money(const struct rd_risk_result *risk);
/* Do losses stay within the appetite? What cannot be judged is said, and does not. */
bool rd_cli_passes_appetite(struct rd_cli *cli, const struct rd_risk_result *risk);
/* 1234567.8 -> "1,234,568"; "?" for NaN. Returns out. */
const char *rd_cli_grouped(double v, char out[40]);

#endif
