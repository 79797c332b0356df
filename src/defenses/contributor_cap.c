/*
 * contributor_cap - no single source decides much: at most so many rows of each are trained on.
 *
 * Which ones are kept is drawn by the seed. An attacker with many accounts is not held back: that
 * is the control-aware one.
 *
 * Source: Nelson, Barreno, Chi, Joseph, Rubinstein, Saini, Sutton, Tygar, Xia 2008, "Exploiting
 * Machine Learning to Subvert Your Spam Filter", LEET (what one mail at a time can do); the cap
 * itself is common practice.
 */
#include "base/rng.h"
#include "defenses/lib/screen.h"

#include <redoubt/defense.h>

struct options {
    int64_t most;
    double share;
};

static const struct rd_option table[] = {
    RD_INT(struct options, most, "most", "0", 0, 1e12, "rows",
        "of one contributor; 0: by share alone"),
    RD_REAL(struct options, share, "share", "0.02", 0.000001, 1, "share",
        "of all rows, from one contributor"),
    RD_OPTION_END,
};

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct options *o = self;
    size_t cap = (size_t)(o->share * (double)data->n), *rows, *order;
    struct rd_rng rng = rd_rng_stream(run->seed, "contributor-cap", 0);

    (void)recipe;
    (void)model;
    if (!data->contributor)
        return RD_FAIL(run->err, RD_E_INPUT,
            "contributor-cap needs to know who each row came from: the data names no contributors");
    cap = cap ? cap : 1;
    if (o->most && (size_t)o->most < cap)
        cap = (size_t)o->most;
    rows = RD_NEW_ARRAY(run->scratch, size_t, data->n_contributors + 1);
    order = RD_NEW_ARRAY(run->scratch, size_t, data->n + 1);
    if (!rows || !order)
        return rd_run_no_memory(run, "contributors");
    for (size_t i = 0; i < data->n; i++)
        order[i] = i;
    rd_rng_shuffle(&rng, order, data->n);
    for (size_t i = 0; i < data->n; i++)
        drop[order[i]] = ++rows[data->contributor[order[i]]] > cap;
    for (size_t i = 0; score && i < data->n; i++)
        score[i] = (double)rows[data->contributor[i]] / (double)cap;
    return RD_OK;
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st = rd_screen_new(
        run, o, sizeof *o, &t, "contributor-cap(most=%lld,share=%g)", (long long)o->most, o->share);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "backdoor", { { "accounts", "20" } }, "spreads its rows over many accounts" },
    { "label-flip", { { "accounts", "20" } }, "spreads its rows over many accounts" },
    { 0 },
};

const struct rd_defense rd_defense_contributor_cap = {
    .abi = RD_DEFENSE_ABI,
    .name = "contributor-cap",
    .summary = "at most so many training rows from one contributor",
    .source = "Nelson et al. 2008, LEET '08, section 4; common practice",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
