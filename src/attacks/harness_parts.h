/*
 * harness_parts.h - the harness, inside: one trial on its way from request to record.
 *
 * harness.c checks the request, gate.c asks whether target and data fit, harness_evade.c,
 * harness_extract.c, harness_poison.c, harness_profiles.c and harness_infer.c (with
 * harness_membership.c, harness_attribute.c, harness_inversion.c) run and judge, oracle.c counts.
 * Attacks see none of this.
 */
#ifndef RD_ATTACKS_HARNESS_PARTS_H
#define RD_ATTACKS_HARNESS_PARTS_H

#include "attacks/harness.h"
#include "attacks/job.h"

#include "stats/interval.h"

#define RD_LEVEL 0.95 /* of every interval */

struct rd_harness {
    struct rd_run *run;
    const struct rd_trial_request *request;
    struct rd_arena *arena; /* of the record */
    struct rd_record *record;
    unsigned granted;     /* access that this attack gets */
    const char *withheld; /* what it needs and does not get, or NULL */
    float low, high;      /* the box */
    double criterion;
    bool scores_are_probabilities;
    uint64_t rows_total;            /* every row the target answered */
    const int *clean;               /* (eval->n): the target's labels, from the gate */
    size_t n_right;                 /* of eval */
    const struct rd_graph *student; /* extract */
    char lost[RD_ERROR_TEXT];       /* why the target could not be asked to the end, "": it could */
};

/* --- oracle.c --- */

/* One attack's view of the target for one job, and the meter behind it. */
struct rd_counted {
    struct rd_oracle oracle;
    struct rd_harness *harness;
    struct rd_target *target;
    struct rd_arena *scratch;
    uint64_t cap;   /* evade: rows for each example; extract: rows in all */
    bool over;      /* a call was refused since it would have passed the cap */
    rd_status lost; /* the target gave no answer: rd_lost; RD_OK: it did */
    uint64_t queries, gradients;
    const struct rd_evade_job *job; /* NULL: extract */
    uint64_t *spent;                /* (job->n) rows by example */
    uint64_t *first;                /* (job->n) rows when first seen misclassified */
    bool *done;                     /* (job->n) */
    float *won;                     /* (job->n, inputs) the row that did it */
    int *answer;                    /* room for n_answer */
    size_t n_answer;
};

/* Entries beyond access are NULL. job NULL: extract. Everything in scratch. */
rd_status rd_counted_init(struct rd_counted *c, struct rd_harness *h,
    const struct rd_evade_job *job, uint64_t cap, struct rd_arena *scratch);
/*
 * Did the target fail in a way that says nothing about the model: not reached, cut off, late, a cap
 * on spending? Then what was not decided is undecided, and never "not demonstrated".
 */
bool rd_lost(rd_status st);
/* Labels asked by the harness itself, counted in rows_total only. A loss is noted in h->lost. */
rd_status rd_harness_ask(struct rd_harness *h, const float *x, size_t n, int *label);

/* --- gate.c --- */

/* The box, and clean accuracy into h->clean; RD_E_INPUT saying what looks wrong when target and
 * data do not fit. */
rd_status rd_gate(struct rd_harness *h);
/* The box into h->low, h->high: the request's, which d must lie in, or read off d. */
rd_status rd_gate_box(struct rd_harness *h, const struct rd_dataset *d);
/* Do shapes agree (axes of length 1 left aside)? what: "data", "pool". */
rd_status rd_gate_shape(const struct rd_target *target, const struct rd_dataset *d,
    const char *what, struct rd_error *err);

/* --- agree.c: two lists of labels compared --- */

struct rd_agreement {
    double share; /* that agree */
    double kappa; /* Cohen 1960: 0 for what chance would give, 1 perfect; 0 when both are one
                     constant */
    size_t n_same, n;
};
/* mine, theirs (n), each in 0..classes-1. scratch: room for the margins. */
rd_status rd_agreement(const int *mine, const int *theirs, size_t n, size_t classes,
    struct rd_arena *scratch, struct rd_agreement *out, struct rd_error *err);
/* recall_out (classes): share of theirs == k with mine == k; NaN where theirs never is k. */
void rd_recall(const int *mine, const int *theirs, size_t n, size_t classes, double *recall_out);

/* --- harness_evade.c, harness_extract.c --- */

rd_status rd_harness_evade(struct rd_harness *h);
/* The copy's shape into h->student: the request's, the option's, or built in. Checked against the
 * target. */
rd_status rd_harness_student(struct rd_harness *h);
rd_status rd_harness_extract(struct rd_harness *h);

/* --- harness_poison.c, harness_profiles.c, harness_infer.c: victims are trained here --- */

rd_status rd_harness_poison(struct rd_harness *h);
rd_status rd_harness_profiles(struct rd_harness *h);
rd_status rd_harness_infer(struct rd_harness *h);

/* --- estimate.c --- */

rd_status rd_estimate_within(struct rd_harness *h, struct rd_estimate *out);

/* --- harness.c: for both --- */

/* Interval against criterion: CONTRACTS section 2. */
enum rd_outcome rd_outcome_judge(const struct rd_interval *v, double criterion);
struct rd_interval rd_interval_of(struct rd_ci ci);
/* k of n, and open more that may or may not: the share k/n with bounds for both ends. */
struct rd_interval rd_interval_open(size_t k, size_t open, size_t n);
/* After rd_outcome_judge, when h->lost says that some of the units could not be decided: a finding
 * stands, anything else is inconclusive. done, n, what: "3 of 5 thefts finished". */
rd_status rd_outcome_lost(struct rd_harness *h, size_t done, size_t n, const char *what);
/* An option of the attack by name as a number, NaN when it has none. */
double rd_request_number(const struct rd_trial_request *r, const char *name);
/* A TEXT option of the attack, NULL when it has none or it is empty. */
const char *rd_request_text(const struct rd_trial_request *r, const char *name);

#endif
