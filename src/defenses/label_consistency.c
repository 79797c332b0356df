/*
 * label_consistency - rows whose nearest neighbors carry other labels are left out.
 *
 * Finds flipped labels, and dirty-label poison whose mark is small; compared are the inputs
 * themselves, which no poison of labels can bend, or a layer's activations.
 *
 * Source: Wilson 1972, "Asymptotic Properties of Nearest Neighbor Rules Using Edited Data", IEEE
 * SMC-2; Paudice, Munoz-Gonzalez, Lupu 2018, arXiv:1803.00992, section 4 (against label flipping).
 * Departs from both: rows are left out, not relabeled.
 */
#include "defenses/lib/compare.h"
#include "defenses/lib/screen.h"

#include <redoubt/defense.h>

struct options {
    const char *on, *layer;
    int64_t neighbors;
    double threshold;
};

static const struct rd_option table[] = {
    RD_CHOICE(struct options, on, "on", "inputs", rd_compare_on, "what rows are compared by"),
    RD_TEXT(struct options, layer, "layer", "", "NAME",
        "activations: value or node; none: the penultimate"),
    RD_INT(struct options, neighbors, "neighbors", "10", 1, 1000, "rows", "nearest rows asked"),
    RD_REAL(struct options, threshold, "threshold", "0.8", 0.05, 1, "share",
        "of the neighbors that must carry another label"),
    RD_OPTION_END,
};

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct options *o = self;
    double *share = RD_NEW_ARRAY(run->scratch, double, data->n + 1);
    const float *x;
    size_t width;
    rd_status st = rd_screen_labeled(run, data, "label-consistency");

    if (!st && !share)
        st = rd_run_no_memory(run, "label-consistency");
    if (!st)
        st = rd_compare_rows(run, o->on, o->layer, recipe, data, model, &x, &width);
    if (!st)
        st = rd_disagreement(run,
            &(struct rd_asking){ .x = x,
                .width = width,
                .n = data->n,
                .label = data->label,
                .neighbors = (size_t)o->neighbors },
            share);
    for (size_t i = 0; i < data->n && !st; i++) {
        if (score)
            score[i] = share[i];
        drop[i] = share[i] >= o->threshold;
    }
    return st;
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st = rd_screen_new(run, o, sizeof *o, &t,
        "label-consistency(layer=%s,neighbors=%lld,on=%s,threshold=%g)", o->layer ? o->layer : "",
        (long long)o->neighbors, o->on, o->threshold);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "backdoor", { { "label", "clean" } }, "keeps true labels: the neighbors agree" },
    { 0 },
};

const struct rd_defense rd_defense_label_consistency = {
    .abi = RD_DEFENSE_ABI,
    .name = "label-consistency",
    .summary = "leaves out rows whose nearest neighbors carry other labels",
    .source = "Wilson 1972, IEEE SMC-2; Paudice et al. 2018, arXiv:1803.00992",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
