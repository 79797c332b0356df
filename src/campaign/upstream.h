/* upstream.h - which parts of a system come before another, along its flows; for campaign/ alone.
 */
#ifndef RD_CAMPAIGN_UPSTREAM_H
#define RD_CAMPAIGN_UPSTREAM_H

#include "system/system.h"

/* Who each element gets something from. */
struct rd_upstream {
    const struct rd_system *system;
    size_t *first; /* (n_elements + 1) into flow */
    int *flow;     /* (n_flows) by the element they lead to */
    int *stack;    /* (n_elements) */
};

/* In arena. RD_E_MEMORY only. */
rd_status rd_upstream_init(struct rd_upstream *u, const struct rd_system *system,
    struct rd_arena *arena, struct rd_error *err);
/* before (n_elements): is the element itself, or does something flow from there to it? */
void rd_upstream_of(const struct rd_upstream *u, int element, bool *before);

#endif
