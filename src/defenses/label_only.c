/*
 * label_only - the endpoint returns the top label and no scores.
 *
 * Who holds the model file still has gradients: the endpoint does not stand in front of the file.
 *
 * Source: Tramer, Zhang, Juels, Reiter, Ristenpart 2016, arXiv:1609.02943, section 6 (label-only
 * extraction).
 */
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

static const struct rd_option table[] = { RD_OPTION_END };

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    struct rd_wrapped *w = RD_NEW(run->scratch, struct rd_wrapped);
    rd_status st;

    (void)options;
    if (!w)
        return rd_run_no_memory(run, "a defense");
    st = rd_wrap_init(run, w, inner, "label-only()");
    if (st)
        return st;
    w->target.scores = NULL;
    w->target.access &= ~(unsigned)RD_ACCESS_SCORES;
    *wrapped_out = &w->target;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    RD_AWARE_BY_LABELS("learns from the labels, which are still returned"),
    { 0 },
};

const struct rd_defense rd_defense_label_only = {
    .abi = RD_DEFENSE_ABI,
    .name = "label-only",
    .summary = "the endpoint returns the top label and no scores",
    .source = "Tramer et al. 2016, arXiv:1609.02943, section 6",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EXTRACT | 1u << RD_INFER,
    .aware = aware,
    .options = table,
    .options_size = 0,
    .wrap = wrap,
};
