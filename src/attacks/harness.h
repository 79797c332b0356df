/*
 * harness.h - runs an attack on a target, enforces its access and budget, clips, re-queries and
 * judges (CONTRACTS: attacks, units, intervals). An attack never reports its own success.
 */
#ifndef RD_ATTACKS_HARNESS_H
#define RD_ATTACKS_HARNESS_H

#include "data/dataset.h"
#include "evidence/record.h"
#include "target/target.h"

#include <redoubt/attack.h>

enum { RD_CURVE_POINTS = 4 }; /* a good number of points for a security curve */

/* A zeroed request with attack, options, target and eval is complete, but for the two NaNs. */
struct rd_trial_request {
    const struct rd_attack *attack;
    const void *options; /* filled from attack->options */
    struct rd_target *target;
    const struct rd_dataset *eval; /* judged here: disjoint from every pool; labels needed */
    const struct rd_dataset *pool; /* extract: what the thief may query; NULL: none */
    const struct rd_graph
        *student; /* extract: shape of the copy; NULL: the option, else built in */
    const struct rd_recipe *recipe; /* poison, infer: how each victim is trained, on which data.
                                       target may then be NULL: verdicts speak of the recipe */
    const struct rd_clicks *clicks; /* poison a recommender: what real users did */
    const struct rd_recommender *recommender; /* and how it is trained */
    /* Controls before each trained victim; wrap NULL: none. text: canonical, as rd_target.controls
     */
    struct rd_dress {
        void *self;
        rd_status (*wrap)(void *self, struct rd_run *run, struct rd_target *victim,
            struct rd_target **dressed_out);
        const char *text;
    } dress;
    double noticing;       /* poison: a loss of clean accuracy above it is noticed; 0: 0.02 */
    bool pool_is_labeled;  /* the thief owns the pool's labels: no-query baseline trains on them */
    bool straight_through; /* the target's gradients are: said in the record, not done here */
    enum rd_norm norm;     /* evade; 0: the first the attack knows of linf, l2 */
    unsigned actor_access; /* mask; 0: whatever the attack declares */
    uint64_t
        budget;  /* rows one run may spend; 0: no bound. evade: shared equally by the examples */
    size_t runs; /* independent thefts or victims; 0: the attack's option, else one */
    size_t curve_points;     /* evade: radii eps/k .. eps to measure; below 2: only eps itself.
                                poison: from 2 on also 0.5, 1, 3 and 10 % of the training rows */
    float box_low, box_high; /* every input stays inside; equal: read off the data (0..1, 0..255, or
                                its range) */
    size_t batch; /* examples handed to an attack at once; 0: by size. Never changes a result */
    /* NaN: none, outcome judged against a default of 0.5 (membership: ten times the false-positive
     * rate asked for; attribute: an advantage of 0.1) */
    double criterion;
    double stated_accuracy;   /* for the sanity gate; NaN: none stated */
    bool withheld_is_failure; /* access that the target does not give: a record of failure, not an
                                 error (re-tests) */
    const char
        *save; /* path for adversarial examples (.npy), the first run's copy or the first victim
                  (.onnx), or NULL */
    const char *save_trigger;          /* poison: path for mask and pattern (.npz), or NULL */
    const char *save_scores;           /* infer: path for scores and truth (.npz), or NULL */
    const char *threat, *test, *actor; /* copied into the record; may be NULL */
    const char *control_aware; /* copied into the record: name of the adaptive variant, or NULL */
};

struct rd_estimate {
    uint64_t rows;      /* that the target answers at most, gate, judging and curve included */
    uint64_t gradients; /* of those, vector-Jacobian products */
    double seconds, money;
    uint64_t train_rows; /* rows passed through training: networks and epochs counted */
};

/*
 * Everything is measured into *record_out, in the arena.
 *
 * evade: n examples, success = misclassified on re-query inside ball and box; those the target
 * gets wrong by itself count, at distance 0 and no query. extract: runs independent thefts, success
 * = utility >= criterion (CONTRACTS section 3). poison: runs victims, each beside a clean control
 * of the same seed; success = asr_gain (attack success less the control's) >= criterion at an
 * accuracy drop up to noticing; an attack that aims at no class is judged by accuracy_drop, by
 * default against noticing.
 *
 * RD_E_USAGE: access the actor or target lacks, wrong norm, no budget; RD_E_INPUT: shapes, labels,
 * a failed sanity gate, an evaluation row that is also in the pool.
 */
rd_status rd_harness_run(struct rd_run *run, const struct rd_trial_request *request,
    struct rd_arena *arena, struct rd_record *record_out);
/* What it would cost, from the request and a short timing of the target, before anything is queried
 * by the attack. */
rd_status rd_harness_estimate(
    struct rd_run *run, const struct rd_trial_request *request, struct rd_estimate *estimate_out);

/* The shape that is taken when nobody gives one: a small convolutional net for images of at least
 * 8x8, else two hidden layers. In arena. */
rd_status rd_harness_built_in(const int64_t *dim, int ndim, size_t n_classes,
    struct rd_arena *arena, struct rd_graph **graph_out, struct rd_error *err);

/*
 * Do target and data fit, and if not, which usual mistake mends it? For whoever writes down how the
 * data is to be read, before any attack: the same mends that the sanity gate looks for, on a
 * sample. Shapes must agree (rd_gate refuses otherwise); labels may be off by one.
 */
struct rd_fit {
    size_t n;                /* rows of the sample */
    double accuracy, kappa;  /* as the data is */
    bool fits;               /* well above chance, and in the range it was made for */
    const char *what, *hint; /* of the mend, NULL: none was needed or none helps */
    double mended_accuracy, mended_kappa;
    float factor, offset; /* mended value = value * factor + offset */
    bool transpose, reverse_channels;
    int shift; /* of labels */
};
rd_status rd_harness_fit(struct rd_run *run, struct rd_target *target,
    const struct rd_dataset *eval, struct rd_fit *fit_out);

#endif
