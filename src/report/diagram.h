/*
 * diagram.h - what a data-flow diagram says besides where things stand: threats on elements and
 * flows, in words. svg.c and dot.c draw it.
 */
#ifndef RD_REPORT_DIAGRAM_H
#define RD_REPORT_DIAGRAM_H

#include "base/run.h"
#include "campaign/campaign.h"
#include "report/layout.h"

struct rd_diagram {
    const struct rd_system *system;
    const struct rd_threats *threats;     /* NULL: none are shown */
    const struct rd_threat_state *states; /* one for each threat; NULL: there is no evidence */
    const char *link; /* report.html as the diagram's reader reaches it; NULL: nothing is linked */
    const char *dot;  /* as rd_layout_make */
};

/* The threats of one element or flow; mitigated ones are counted apart and move nothing else. */
struct rd_mark {
    size_t n, mitigated, status[5]; /* by enum rd_status_of_threat */
    enum rd_severity worst;
    size_t first; /* index of the first, which ranks highest; when n > 0 */
};

/* n_elements and n_flows marks in the arena; false: memory. */
bool rd_diagram_marks(const struct rd_diagram *d, struct rd_arena *arena,
    const struct rd_mark **element_out, const struct rd_mark **flow_out);
/* "3 threats, high, 1 demonstrated": the last part where there is evidence. NULL: memory. */
const char *rd_diagram_badge(
    const struct rd_diagram *d, const struct rd_mark *mark, struct rd_arena *arena);
/* What a flow carries, else its protocol, else "". Raw text. NULL: memory. */
const char *rd_diagram_flow_text(const struct rd_flow *flow, struct rd_arena *arena);
/* "#t-<threat>" of the report's page for one threat, "#at-<id>" for several, behind d->link. NULL:
 * memory, or nothing to link to. */
const char *rd_diagram_href(
    const struct rd_diagram *d, const struct rd_mark *mark, const char *id, struct rd_arena *arena);

#endif
