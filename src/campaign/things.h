/*
 * things.h - what tests run on, each opened once: targets, data sets, clicks, recipes; for
 * campaign/, and for report/ to show examples.
 */
#ifndef RD_CAMPAIGN_THINGS_H
#define RD_CAMPAIGN_THINGS_H

#include "base/run.h"
#include "data/clicks.h"
#include "system/system.h"
#include "target/open.h"
#include "target/recipe.h"
#include "target/recommender.h"

struct rd_things {
    struct rd_run *run;
    const struct rd_system *system;
    struct rd_arena *arena;
    bool offline; /* estimates: nothing is sent and no process started */
    /* by artifact index, NULL until asked for */
    struct rd_target **target, **straight; /* straight: with surrogate gradients */
    struct rd_dataset **dataset;
    struct rd_clicks **clicks;
    struct rd_recipe **recipe;
    struct rd_recommender **recommender;
    struct rd_target_limits limits; /* of scope, for all targets together */
};

rd_status rd_things_init(struct rd_things *t, struct rd_run *run, const struct rd_system *system,
    struct rd_arena *arena, bool offline);
/* eval: a data set artifact that says what an example looks like, for endpoints and processes.
 * straight_through: as rd_target_straight_through, of a model's file.
 * RD_E_USAGE: a host outside scope, a variable of the environment that is not set. */
rd_status rd_things_target(struct rd_things *t, int artifact, int eval, bool straight_through,
    struct rd_target **target_out);
rd_status rd_things_dataset(
    struct rd_things *t, int artifact, const struct rd_dataset **dataset_out);
rd_status rd_things_clicks(struct rd_things *t, int artifact, const struct rd_clicks **clicks_out);
/* Graph, data and settings, with its digest. */
rd_status rd_things_recipe(struct rd_things *t, int artifact, const struct rd_recipe **recipe_out);
rd_status rd_things_recommender(
    struct rd_things *t, int artifact, const struct rd_recommender **recommender_out);

#endif
