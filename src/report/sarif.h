/*
 * sarif.h - the threats as SARIF 2.1.0, for code scanning, and the words it shares with JUnit.
 *
 * One result for each threat that applies or may apply and that nothing speaks against:
 *   fail    demonstrated; or it applies and no attack is known that could prove it
 *   open    it applies and an attack could prove it, but that was not tried
 *   review  inconclusive; or a property that decides is unknown
 * What is not demonstrated, controlled or mitigated would be `pass`. It is no result: code-scanning
 * services show every result as an alert, whatever its kind, and close an alert when its result is
 * gone. Those threats stand in the run's properties instead, under "passed".
 *
 * level is error (critical, high), warning (medium) or note (low) for `fail`, and by the standard
 * "none" for every other kind; severity and security-severity stand in the properties.
 * Nothing depends on time or host: the same inputs give the same bytes.
 *
 * Source: OASIS SARIF 2.1.0, sections 3.11.5 and 3.11.6 (message text), 3.27 (result).
 */
#ifndef RD_REPORT_SARIF_H
#define RD_REPORT_SARIF_H

#include "report/report.h"

/* One JSON document with a newline at the end. RD_E_MEMORY. */
rd_status rd_report_sarif(struct rd_run *run, const struct rd_report *report, struct rd_buf *out);

/*
 * Text as it may stand in message.text: made safe to show, and so that no reader takes a part of it
 * for a link or a placeholder.
 */
void rd_sarif_text(struct rd_buf *out, const char *text);

#endif
