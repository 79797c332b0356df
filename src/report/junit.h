/*
 * junit.h - the threats as JUnit XML, which every CI server shows as tests.
 *
 * One testcase for each test of a threat, and one for each threat that no test was bound to, in the
 * order of the report. classname is "redoubt.<stage>.<rule>", name the threat's id and, where there
 * is one, the test's: both stay the same from run to run, so that servers can show a history.
 *   failure   demonstrated
 *   skipped   untried (with the reason), inconclusive, accepted or a false positive by decision
 *   passed    not demonstrated, controlled, mitigated
 * Inconclusive is skipped, not an error: servers count errors as failures, and a run that could not
 * decide has failed nobody; `--fail-on demonstrated` does not fail either. Nothing untried passes.
 * No times: the same inputs give the same bytes.
 */
#ifndef RD_REPORT_JUNIT_H
#define RD_REPORT_JUNIT_H

#include "report/report.h"

/* One XML document. RD_E_MEMORY. */
rd_status rd_report_junit(struct rd_run *run, const struct rd_report *report, struct rd_buf *out);

#endif
