/*
 * job.h - what the harness hands to an attack and takes back.
 *
 * The attack proposes, the harness disposes: it clips every proposal into the ball and the box,
 * asks the target again and judges. Nothing an attack writes here counts as a success by itself.
 */
#ifndef RD_ATTACKS_JOB_H
#define RD_ATTACKS_JOB_H

#include "base/rng.h"
#include "base/run.h"
#include "graph/graph.h"
#include "target/recipe.h"

#include <redoubt/attack.h>

struct rd_evade_job {
    const float *x;   /* (n, inputs), inside the box; the target answers each one rightly */
    const int *label; /* (n), the right class */
    const uint64_t
        *example; /* (n), keys each example's random stream: (run->seed, attack, example[i]) */
    size_t n;
    enum rd_norm norm;
    double eps;    /* radius of the ball asked for now; a curve asks for several */
    double share;  /* eps over the option's eps: step sizes scale with it */
    uint64_t rows; /* each example may spend so many; UINT64_MAX: no bound */
    /*
     * (n), set by the harness as soon as an answer shows an example misclassified inside ball and
     * box. It keeps that row: the example needs no more work.
     */
    const bool *done;
    float *x_adv; /* (n, inputs): the proposals; they start as x */
};

/* The examples not done yet, in order, into live (room for n). Returns how many. */
size_t rd_evade_live(const struct rd_evade_job *job, size_t *live);
/* Copy the live examples' rows of all (n, inputs) side by side into packed. */
void rd_evade_pack(
    const float *all, const size_t *live, size_t n_live, size_t inputs, float *packed);

struct rd_extract_job {
    size_t run; /* which of the independent thefts this is: 0.. */
    const float
        *pool; /* (n_pool, inputs): what the thief owns and may query; NULL when n_pool is 0 */
    size_t n_pool;
    /*
     * The pool's own labels, given in one case: rows is 0. Then the copy is the best that can be
     * made without a single query, which a theft is measured against.
     */
    const int *pool_label;
    const int *pool_group; /* (n_pool) the thief's own labels of its pool, when it owns them, as a
                              grouping of what may be asked; else NULL */
    uint64_t rows;         /* this theft may spend so many; UINT64_MAX: no bound */
    const struct rd_graph *student; /* shape of the copy: copy it, then rd_graph_init_weights */
    /*
     * Have the copy as it now is measured, against the queries spent so far (which the harness
     * counts): a point of the thief's learning curve. The last one handed in is the loot.
     */
    rd_status (*show)(
        struct rd_extract_job *job, const struct rd_graph *copy, struct rd_error *err);
    void *harness; /* behind show */
};

/*
 * Poisoning: training examples in, training examples out. The harness trains the victim on what
 * comes back, and a control on what went in with the same seed; the attack sees neither.
 */
struct rd_poison_job {
    size_t run;                    /* which victim this is for: 0.. */
    const struct rd_dataset *data; /* clean training data, as the recipe has it */
    size_t classes;
    float low, high; /* the box every input must stay in */
    size_t budget;   /* rows the attacker may change or add: rate or count, resolved */
    /*
     * A reference model trained on the clean data with another seed, for attacks that order rows by
     * loss; called at most once, NULL graph on failure.
     */
    rd_status (*reference)(
        struct rd_poison_job *job, const struct rd_graph **graph_out, struct rd_error *err);
    /* Room for data->n + budget rows. They start as a copy of data (n_out = data->n, none
     * poisoned). */
    float *x;
    int *label;
    int *contributor; /* NULL when the data names none; the attacker's own rows: actor's accounts */
    bool *poisoned;   /* of each row: changed or added. The harness checks it against data */
    size_t n_out;
    /*
     * A backdoor's trigger: triggered input = x (1 - mask) + pattern mask, both (inputs), mask in
     * [0,1]; has_trigger false: availability or targeted attack without one. target: class that
     * triggered (or source-class) inputs should get; -1: any wrong one. source: class whose inputs
     * are to be misread; -1: all but target.
     */
    bool has_trigger;
    float *mask, *pattern;
    int target, source;
    void *harness; /* behind reference */
};

/* Was this example trained on; what is its hidden feature; what does a class look like. */
struct rd_infer_job {
    size_t run;     /* which victim this is: 0.. */
    const float *x; /* (n, inputs) the examples in question; membership: members and not, shuffled.
                       attribute: with the hidden feature blanked. inversion: NULL */
    const int *label;        /* (n) their true classes; inversion: the class asked for, one a row */
    const uint64_t *example; /* (n) keys of random streams */
    size_t n;
    const struct rd_dataset *data; /* what the attacker holds: the population, with labels. Shadow
                                      models train on subsets of it; NULL: nothing */
    const size_t *row; /* (n) membership: each example's own row in data; SIZE_MAX: not in it
                          (offline attackers hold none of them) */
    const struct rd_recipe *recipe; /* how the victim is trained, as the attacker may know it */
    float low, high;                /* the box */
    /* attribute: the feature's columns [first, first + width) of a row, and the values it can take:
     * value v means one-hot column v, or, with width 1, the number values[v] */
    size_t feature_first, feature_width;
    const float *values;
    size_t n_values;
    double *score;  /* (n) membership out: larger means more likely a member */
    int *guess;     /* (n) attribute out: index of a value */
    float *rebuilt; /* (n, inputs) inversion out */
    /*
     * What a network of the attacker's own would answer, were it served as the victim is: through
     * the same rounding and the rest. Scores as oracle->scores gives them, (n, classes); not
     * counted, since the victim is not asked.
     */
    rd_status (*answer)(struct rd_infer_job *job, const struct rd_graph *own, const float *x,
        size_t n, float *score, struct rd_error *err);
    void *harness; /* behind answer */
};

/*
 * A recommender's profiles: fake accounts with their clicks. Users 0..n_users-1 are real; the
 * attack adds users n_users..n_users+budget-1.
 */
struct rd_clicks;
struct rd_profile_job {
    size_t run;
    const struct rd_clicks *clicks;
    size_t budget;   /* accounts the attacker may make */
    size_t per_user; /* clicks one account may hold at most */
    int item;        /* to push or to nuke */
    bool nuke;
    struct rd_click *fake; /* room for budget * per_user */
    size_t n_fake;         /* out */
    void *harness;
};

/* --- the ball and the box: what PGD projects with is what the harness judges with --- */

/* Nearest point of the ball (of radius eps about x) and the box, never outside either in float32 or
 * float64 arithmetic. norm RD_LINF or RD_L2. Returns whether row had to be changed. */
bool rd_ball_clip(enum rd_norm norm, double eps, const float *x, float low, float high, float *row,
    size_t inputs);
/* Linf: the smallest and largest value each input may take; lo, hi (inputs). */
void rd_ball_bounds(
    double eps, const float *x, float low, float high, float *lo, float *hi, size_t inputs);
bool rd_ball_holds(enum rd_norm norm, double eps, const float *x, float low, float high,
    const float *row, size_t inputs);
double rd_ball_distance(enum rd_norm norm, const float *x, const float *row, size_t inputs);

#endif
