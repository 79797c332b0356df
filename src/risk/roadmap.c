#include "risk/roadmap.h"

rd_status rd_roadmap_confirm(struct rd_run *run, const struct rd_rules *rules,
    const struct rd_campaign *campaign, const struct rd_campaign_options *how,
    const struct rd_risk_options *options, const struct rd_risk_result *risk,
    struct rd_arena *arena, struct rd_roadmap *roadmap)
{
    (void)run, (void)rules, (void)campaign, (void)how, (void)options, (void)risk, (void)arena;
    roadmap->combined_reason = "not run";
    return RD_OK;
}

void rd_roadmap_write(
    const struct rd_roadmap *roadmap, const struct rd_system *system, struct rd_json *json)
{
    (void)roadmap, (void)system;
    rd_json_null(json);
}
