/*
 * harness.h - runs an attack on a target, enforces its access and budget, clips, re-queries and judges
 * (CONTRACTS: attacks, units, intervals). An attack never reports its own success.
 */
#ifndef RD_ATTACKS_HARNESS_H
#define RD_ATTACKS_HARNESS_H

#include "data/dataset.h"
#include "evidence/record.h"
#include "target/target.h"

#include <redoubt/attack.h>

struct rd_trial_request {
    const struct rd_attack *attack;
    const void *options;       /* filled from attack->options */
    struct rd_target *target;
    const struct rd_dataset *eval; /* judged here: disjoint from every pool */
    const struct rd_dataset *pool; /* extract: what the thief may query; NULL: none */
    const struct rd_graph *student;/* extract: graph of the copy; NULL: built in */
    bool pool_is_labeled;      /* the thief owns the pool's labels: no-query baseline trains on them */
    enum rd_norm norm;         /* evade */
    unsigned actor_access;     /* mask; 0: whatever the attack declares */
    uint64_t budget;           /* rows one run may spend; 0: the attack's own option or none */
    size_t runs;               /* extract: independent thefts */
    double criterion;          /* NaN: none, outcome judged against a default of 0.5 */
    double stated_accuracy;    /* for the sanity gate; NaN: none stated */
    const char *save;          /* path for adversarial examples (.npy) or the first run's copy (.onnx), or NULL */
    const char *threat, *test, *actor; /* copied into the record; may be NULL */
};

struct rd_estimate {
    uint64_t rows, gradients;
    double seconds, money;
};

/* Everything is measured into *record_out, in the arena. */
rd_status rd_harness_run(struct rd_run *run, const struct rd_trial_request *request,
    struct rd_arena *arena, struct rd_record *record_out);
/* What it would cost, from the request and a short timing of the target, before anything is queried by the attack. */
rd_status rd_harness_estimate(struct rd_run *run, const struct rd_trial_request *request,
    struct rd_estimate *estimate_out);

#endif
