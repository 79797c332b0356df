/*
 * recipe.h - how a victim is trained: shape, data, settings, and the controls that stand around
 * training.
 *
 * Poisoning and inference speak of a recipe, not of deployed weights: victims are trained from it
 * again and again, each from its own seed. Only the harness does so.
 */
#ifndef RD_TARGET_RECIPE_H
#define RD_TARGET_RECIPE_H

#include "base/run.h"
#include "data/dataset.h"
#include "graph/net.h"

struct rd_recipe;

/*
 * A control around training. Either side may be NULL. Victims are trained side by side: both are
 * called from several threads at once with the same self, which they only read.
 */
struct rd_treatment {
    void *self;
    const char *text; /* canonical: name and settings, no path */
    /*
     * Mark the rows of data to leave out: drop (n) comes in false. score (n), may be NULL: how
     * suspicious each row is, larger is worse, NaN where it has no opinion. model: a network
     * already trained on data, or NULL: the screen trains its own by the recipe when it needs one
     * (that recipe has no treatments). Every screen sees all rows; run->seed is its own.
     */
    rd_status (*screen)(struct rd_run *run, void *self, const struct rd_recipe *recipe,
        const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score);
    rd_status (*train)(
        struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how);
};

struct rd_recipe {
    const struct rd_graph *graph;  /* shape; its weights are re-initialized from each seed */
    const struct rd_dataset *data; /* labeled */
    struct rd_train how;           /* its seed is not used */
    bool assumed;                  /* nobody declared it: made up by init */
    const struct rd_treatment *const *treatment;
    size_t n_treatments;
    char digest[65]; /* of shape and settings, without data and treatments; rd_recipe_digest */
};

struct rd_recipe_report {
    struct rd_train_report train;
    size_t dropped; /* rows left out by screens */
    bool *drop;     /* (n) which; NULL when there was no screen */
};

/*
 * The shape that a recipe trains, from a graph as its file has it: one that answers one number a
 * row becomes one of two classes (graph/rewrite.h), any other is taken as it is.
 */
rd_status rd_recipe_graph(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **graph_out, struct rd_error *err);
/* SHA-256 of what the graph computes (weights left aside) and of the settings. */
rd_status rd_recipe_digest(struct rd_recipe *recipe, struct rd_error *err);

/*
 * Train one network on data (recipe->data, or a poisoned or halved variant of it): screens first,
 * then training with fresh weights from seed. The network and the report live in arena. Same seed,
 * same bytes; without treatments those that `model train --seed` gives. RD_E_INPUT: no labels, or
 * none of the rows left by the screens; else as rd_net_train.
 */
rd_status rd_recipe_train(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, uint64_t seed, struct rd_arena *arena,
    struct rd_graph **trained_out, struct rd_recipe_report *report_out);

/* Many at once, one thread each: the same networks as one after another, on any number of threads.
 * run->step is called by one thread at a time; run->log is left silent. */
struct rd_recipe_job {
    const struct rd_dataset *data;
    uint64_t seed;
    struct rd_graph *trained;       /* out */
    struct rd_recipe_report report; /* out */
};
rd_status rd_recipe_train_all(struct rd_run *run, const struct rd_recipe *recipe,
    struct rd_recipe_job *jobs, size_t n, struct rd_arena *arena);

#endif
