/*
 * contributor_reputation - whose rows disagree with everybody else's is not trained on.
 *
 * A row disagrees when most of its nearest neighbors from other contributors carry another label.
 * A contributor is left out when its rate of disagreement exceeds the others' by a margin that
 * chance does not explain: the lower Clopper-Pearson bound, at a level shared among all
 * contributors.
 *
 * Source: Baracaldo, Chen, Ludwig, Safavi 2017, "Mitigating Poisoning Attacks on Machine Learning
 * Models: A Data Provenance Based Approach", AISec '17. Departs from it: neighbors and a bound
 * instead of retraining with and without each source.
 */
#include "defenses/lib/compare.h"
#include "defenses/lib/screen.h"
#include "stats/interval.h"

#include <redoubt/defense.h>

#include <math.h>

struct options {
    const char *on, *layer;
    int64_t neighbors;
    double threshold, level;
};

static const struct rd_option table[] = {
    RD_CHOICE(struct options, on, "on", "inputs", rd_compare_on, "what rows are compared by"),
    RD_TEXT(struct options, layer, "layer", "", "NAME",
        "activations: value or node; none: the penultimate"),
    RD_INT(struct options, neighbors, "neighbors", "5", 1, 1000, "rows", "nearest rows asked"),
    RD_REAL(struct options, threshold, "threshold", "0.1", 0, 1, "share",
        "of a contributor's rows that must disagree beyond what others' do"),
    RD_REAL(struct options, level, "level", "0.95", 0.5, 0.999999, "",
        "confidence over all contributors together"),
    RD_OPTION_END,
};

struct record {
    size_t rows, against;
    double low; /* bound on its rate, less the others' */
};

static rd_status judge(const struct options *o, const struct rd_dataset *data, const double *share,
    struct record *of, bool *drop, double *score)
{
    size_t rows = 0, against = 0, n = 0;

    for (size_t i = 0; i < data->n; i++)
        if (!isnan(share[i])) {
            struct record *r = &of[data->contributor[i]];

            r->rows++;
            r->against += share[i] > 0.5;
            rows++;
            against += share[i] > 0.5;
        }
    for (size_t c = 0; c < data->n_contributors; c++)
        n += of[c].rows > 0;
    for (size_t c = 0; c < data->n_contributors; c++) {
        const double level = 1 - 2 * (1 - o->level) / (double)(n ? n : 1);
        const size_t rest = rows - of[c].rows;

        of[c].low = -1;
        if (of[c].rows && rest)
            of[c].low = rd_ci_proportion(of[c].against, of[c].rows, level).low -
                        (double)(against - of[c].against) / (double)rest;
    }
    for (size_t i = 0; i < data->n; i++) {
        const double low = of[data->contributor[i]].low;

        drop[i] = low > o->threshold;
        if (score)
            score[i] = low;
    }
    return RD_OK;
}

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct options *o = self;
    double *share = RD_NEW_ARRAY(run->scratch, double, data->n + 1);
    struct record *of = RD_NEW_ARRAY(run->scratch, struct record, data->n_contributors + 1);
    const float *x;
    size_t width;
    rd_status st = rd_screen_labeled(run, data, "contributor-reputation");

    if (!st && !data->contributor)
        st = RD_FAIL(run->err, RD_E_INPUT,
            "contributor-reputation needs to know who each row came from: the data names no "
            "contributors");
    if (!st && (!share || !of))
        st = rd_run_no_memory(run, "contributors");
    if (!st)
        st = rd_compare_rows(run, o->on, o->layer, recipe, data, model, &x, &width);
    if (!st)
        st = rd_disagreement(run,
            &(struct rd_asking){ .x = x,
                .width = width,
                .n = data->n,
                .label = data->label,
                .contributor = data->contributor,
                .neighbors = (size_t)o->neighbors },
            share);
    return st ? st : judge(o, data, share, of, drop, score);
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st = rd_screen_new(run, o, sizeof *o, &t,
        "contributor-reputation(layer=%s,level=%g,neighbors=%lld,on=%s,threshold=%g)",
        o->layer ? o->layer : "", o->level, (long long)o->neighbors, o->on, o->threshold);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "backdoor", { { "accounts", "0" } }, "works through accounts that honest rows came from" },
    { "label-flip", { { "accounts", "0" } }, "works through accounts that honest rows came from" },
    { 0 },
};

const struct rd_defense rd_defense_contributor_reputation = {
    .abi = RD_DEFENSE_ABI,
    .name = "contributor-reputation",
    .summary = "leaves out contributors whose rows disagree with all others'",
    .source = "Baracaldo et al. 2017, AISec '17, doi 10.1145/3128572.3140450",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
