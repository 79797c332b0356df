/* keep.h - one trial, from the store when its key is known, else measured and kept. */
#ifndef RD_CAMPAIGN_KEEP_H
#define RD_CAMPAIGN_KEEP_H

#include "campaign/campaign.h"

struct rd_kept {
    const struct rd_record *record;
    char key[65];
    bool reused;
};

/*
 * Key = SHA-256 of the canonical inputs: attack and version, resolved settings, seed, digests of
 * target and data, controls, actor's access, runs, budget, criterion. Targets without a digest are
 * measured every time, unless only the store counts: then record is NULL where it has none.
 */
rd_status rd_keep_key(struct rd_run *run, const struct rd_trial_request *request, char key_out[65]);
rd_status rd_keep_run(struct rd_run *run, const struct rd_campaign_options *options,
    const struct rd_trial_request *request, struct rd_arena *arena, struct rd_kept *kept_out);

#endif
