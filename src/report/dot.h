/*
 * dot.h - the data-flow diagram as a Graphviz file, for people who lay it out or extend it
 * themselves.
 */
#ifndef RD_REPORT_DOT_H
#define RD_REPORT_DOT_H

#include "report/diagram.h"

rd_status rd_report_dot(struct rd_run *run, const struct rd_diagram *diagram, struct rd_buf *out);

/*
 * Text between the quotes of a DOT string that is a label: made safe to show, and so that neither a
 * quote, an escape like \N nor an entity like &lt; in it means anything.
 */
void rd_dot_text(struct rd_buf *out, const char *text);

#endif
