/*
 * svg.h - the data-flow diagram as an SVG file of its own, for screens (light and dark) and paper.
 *
 * Elements are <g id="element-ID">, flows <g id="flow-ID">, boundaries <g id="boundary-ID">, so
 * that a page or a browser's address can point at them. No script, nothing loaded from elsewhere,
 * generic fonts only. All text is measured (measure.h): names break into two lines, what is longer
 * is cut and stands in full in the <title>.
 */
#ifndef RD_REPORT_SVG_H
#define RD_REPORT_SVG_H

#include "report/diagram.h"

struct rd_svg_size {
    double width, height; /* pixels */
    const char *engine;   /* of the layout, with its reason when it was not dot: layout.h */
    const char *reason;
    size_t crowded; /* flows whose label had no room: they are numbered and listed below */
};

/* RD_E_LIMIT where the system is too large to be drawn (layout.h). */
rd_status rd_report_svg(struct rd_run *run, const struct rd_diagram *diagram, struct rd_buf *out,
    struct rd_svg_size *size_out);

#endif
