/*
 * spectral_signatures - poison leaves a trace along the main direction of its class's activations.
 *
 * In each class the rows that reach farthest along the leading singular vector of the centered
 * activations are left out: 1.5 times as many as may be poison. So clean classes lose rows too; and
 * once about half of a class is poison, both halves reach equally far.
 *
 * Source: Tran, Li, Madry 2018, "Spectral Signatures in Backdoor Attacks", arXiv:1811.00636,
 * algorithm 1.
 */
#include "defenses/lib/near.h"
#include "defenses/lib/parting.h"
#include "defenses/lib/screen.h"
#include "graph/cut.h"
#include "stats/interval.h"

#include <redoubt/defense.h>

#include <math.h>
#include <string.h>

enum { DIRECTIONS = 4 }; /* more than the one needed: the iteration settles sooner */

struct options {
    const char *layer;
    double rate;
};

static const struct rd_option table[] = {
    RD_TEXT(struct options, layer, "layer", "", "NAME", "value or node; none: the penultimate"),
    RD_REAL(struct options, rate, "rate", "0.1", 0.0001, 0.6, "share",
        "of a class that may be poison; 1.5 times as much is left out"),
    RD_OPTION_END,
};

static rd_status one_class(struct rd_run *run, const float *act, size_t width, const size_t *row,
    size_t n, int c, double rate, bool *drop, double *score)
{
    struct rd_arena arena = RD_ARENA_INIT;
    size_t most = (size_t)(1.5 * rate * (double)n), left = most;
    float *mine = rd_gather_rows(act, row, n, width, &arena);
    double *z = rd_arena_alloc(&arena, n * DIRECTIONS + 1, sizeof(double));
    double *far = rd_arena_alloc(&arena, n + 1, sizeof(double));
    double *sorted = rd_arena_alloc(&arena, n + 1, sizeof(double));
    rd_status st = RD_E_MEMORY;

    if (!mine || !z || !far || !sorted)
        st = rd_run_no_memory(run, "a class");
    else
        st = rd_components(run, mine, n, width, width < DIRECTIONS ? width : DIRECTIONS, run->seed,
            (uint64_t)c, z);
    if (!st && n) {
        const size_t step = width < DIRECTIONS ? width : DIRECTIONS;

        for (size_t i = 0; i < n; i++)
            far[i] = sorted[i] = z[i * step] * z[i * step];
        rd_sort(sorted, n);
        for (size_t i = 0; i < n; i++) {
            if (score)
                score[row[i]] = far[i];
            if (most && left && far[i] >= sorted[n - most] && far[i] > 0) {
                drop[row[i]] = true;
                left--;
            }
        }
    }
    rd_arena_release(&arena);
    return st;
}

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct options *o = self;
    struct rd_by_class by;
    size_t width;
    float *act;
    rd_status st = rd_screen_labeled(run, data, "spectral-signatures");

    if (!st)
        st = rd_screen_model(run, recipe, data, model, "spectral-signatures", &model);
    if (!st)
        st = rd_by_class(run, data, &by);
    if (!st)
        st = rd_graph_activations(
            run, model, o->layer, data->x, data->n, run->scratch, &act, &width, NULL);
    for (int c = 0; !st && c < data->classes; c++)
        st = one_class(run, act, width, by.row + by.first[c], by.first[c + 1] - by.first[c], c,
            o->rate, drop, score);
    return st;
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st = rd_screen_new(run, o, sizeof *o, &t,
        "spectral-signatures(layer=%s,rate=%g)", o->layer ? o->layer : "", o->rate);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "backdoor", { { "label", "clean" } },
        "poisons only rows of the target class: they lie where their class lies" },
    { 0 },
};

const struct rd_defense rd_defense_spectral_signatures = {
    .abi = RD_DEFENSE_ABI,
    .name = "spectral-signatures",
    .summary = "leaves out the rows that reach farthest along a class's main axis",
    .source = "Tran, Li, Madry 2018, arXiv:1811.00636, algorithm 1",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
