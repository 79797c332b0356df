/*
 * layout.h - where the boxes and arrows of the data-flow diagram stand.
 *
 * Graphviz (`dot -Tplain`, as a child under limits) up to 100 elements; a layered layout of our own
 * above that, and wherever dot is absent or fails. Only what is drawn depends on which of the two
 * it was, never a result.
 */
#ifndef RD_REPORT_LAYOUT_H
#define RD_REPORT_LAYOUT_H

#include "system/system.h"

struct rd_point {
    double x, y; /* pixels from the upper left corner, y down */
};
struct rd_box {
    double x, y, w, h; /* upper left corner and size; w 0: nothing to draw */
};
struct rd_path {
    size_t n; /* 1 + 3k points of k cubic Bezier segments; 0: nothing to draw */
    const struct rd_point *point;
    struct rd_point label; /* middle of the flow's label; NaN when crowded without any room */
    bool crowded;          /* no room for the label, but for a number of RD_LAYOUT_NUMBER_* */
};
struct rd_layout {
    const char *engine; /* "dot" | "layered" | "none": too much for a page, everything is empty */
    const char *reason; /* why it was not dot, or NULL */
    double width, height;
    const struct rd_box *element;  /* one for each of the system's elements */
    const struct rd_box *boundary; /* n_boundaries; one without elements has w 0 */
    const struct rd_path *flow;    /* n_flows */
};

enum { RD_LAYOUT_NUMBER_W = 26, RD_LAYOUT_NUMBER_H = 14 };
enum { RD_LAYOUT_DOT_MAX = 100, RD_LAYOUT_MAX = 2000 }; /* elements; flows: five times as many */

/* How much room each thing wants, in pixels. */
struct rd_layout_sizes {
    const struct rd_box *element; /* n_elements: w and h */
    const struct rd_box *label;   /* n_flows: w and h; w 0: the flow has none */
    const double *head;           /* n_boundaries: width of the line that names it */
};

/*
 * dot: the program to try, "dot" when NULL, "" to use the layered layout at once. sizes NULL: by
 * the letters of each name, one line each, as the page draws them.
 */
rd_status rd_layout_make(const struct rd_system *system, const char *dot, struct rd_arena *arena,
    struct rd_layout *layout_out, struct rd_error *err);
rd_status rd_layout_make_sized(const struct rd_system *system, const struct rd_layout_sizes *sizes,
    const char *dot, struct rd_arena *arena, struct rd_layout *layout_out, struct rd_error *err);

/* What a flow is labeled with: what it carries, joined by ", ", cut at 28 characters. */
const char *rd_layout_flow_label(const struct rd_flow *flow, struct rd_arena *arena);

/* --- shared by the two engines --- */
enum {
    RD_LAYOUT_PAD = 18,
    RD_LAYOUT_HEAD = 20
}; /* of a boundary: inner margin, room for its name */
struct rd_box rd_layout_size(
    const struct rd_element *element); /* w and h by the length of the text */
/* Boxes around members, from the innermost outwards; head as in sizes. false: no memory. */
bool rd_layout_frame(const struct rd_system *system, const double *head,
    const struct rd_box *element, struct rd_box *boundary, struct rd_arena *scratch);
/* within: columns by the flows within each boundary alone, for many boundaries. */
rd_status rd_layout_layered(const struct rd_system *system, const struct rd_layout_sizes *sizes,
    bool within, struct rd_arena *arena, struct rd_layout *layout_out, struct rd_error *err);
/*
 * Move labels that lie on boxes, on names of boundaries or on one another along their flows; what
 * finds no room is `crowded` (labels.c). false: no memory.
 */
bool rd_layout_place_labels(const struct rd_system *system, const struct rd_layout_sizes *sizes,
    struct rd_layout *layout, struct rd_path *flow, struct rd_arena *scratch);

#endif
