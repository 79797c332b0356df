/*
 * quota - a key may ask so many rows a day; a theft gets rows x keys x days.
 *
 * keys and days are the attacker's: a campaign lays its actor's over the options. The aware thief
 * spends the few rows on those that teach most.
 *
 * Source: Juuti, Szyller, Marchal, Asokan 2019, "PRADA", arXiv:1805.02628, section 2 (what a thief
 * needs).
 */
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

struct options {
    int64_t rows, keys, days;
};

static const struct rd_option table[] = {
    RD_INT(struct options, rows, "rows", "1000", 1, 1e12, "rows", "that one key may ask in a day"),
    RD_INT(struct options, keys, "keys", "1", 1, 1e6, "keys", "that the attacker holds"),
    RD_INT(struct options, days, "days", "1", 1, 36500, "days", "that one campaign lasts"),
    RD_OPTION_END,
};

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    struct rd_wrapped *w = RD_NEW(run->scratch, struct rd_wrapped);
    uint64_t rows = (uint64_t)o->rows;
    rd_status st;

    if (!w)
        return rd_run_no_memory(run, "a defense");
    st = rd_wrap_init(run, w, inner, "quota(rows=%lld,keys=%lld,days=%lld)", (long long)o->rows,
        (long long)o->keys, (long long)o->days);
    if (st)
        return st;
    /* 1e12 x 1e6 x 36500 passes 2^64: then there is no quota to speak of. */
    if (__builtin_mul_overflow(rows, (uint64_t)o->keys, &rows) ||
        __builtin_mul_overflow(rows, (uint64_t)o->days, &rows))
        rows = UINT64_MAX;
    if (!inner->quota || rows < inner->quota)
        w->target.quota = rows;
    *wrapped_out = &w->target;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "copycat", { { "select", "margin" } }, "asks only about rows its copy is least sure of" },
    { 0 },
};

const struct rd_defense rd_defense_quota = {
    .abi = RD_DEFENSE_ABI,
    .name = "quota",
    .summary = "a key may ask so many rows a day",
    .source = "Juuti, Szyller, Marchal, Asokan 2019, arXiv:1805.02628, section 2",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EXTRACT,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
};
