/* status.h - from what was run to each threat's state (CONTRACTS: states of a threat). */
#ifndef RD_CAMPAIGN_STATUS_H
#define RD_CAMPAIGN_STATUS_H

#include "campaign/campaign.h"

rd_status rd_campaign_states(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_bound_test *tests,
    const struct rd_tested *tested, size_t n_tested, struct rd_arena *arena,
    const struct rd_threat_state **states_out);

#endif
