/*
 * harness_infer.h - what the three inference games share: a victim trained for one run, as the
 * attacker sees it, and figures over runs.
 *
 * harness_infer.c has this and the choice of the game; harness_membership.c, harness_attribute.c
 * and harness_inversion.c play it.
 */
#ifndef RD_ATTACKS_HARNESS_INFER_H
#define RD_ATTACKS_HARNESS_INFER_H

#include "attacks/harness_parts.h"

/* One run. Everything lives in the arena of the run. */
struct rd_infer_run {
    struct rd_harness *h;
    size_t run;
    struct rd_arena *arena;
    struct rd_run inner; /* the attack's: its own seed and scratch */
    struct rd_error err;
    struct rd_graph *graph; /* the victim */
    struct rd_target *bare; /* without controls: what the harness measures it with */
    struct rd_target *dressed;
    struct rd_trial_request request; /* whose target is dressed */
    struct rd_harness view;          /* of the attack */
    struct rd_counted counted;
    struct rd_recipe recipe; /* as the attacker may know it: with what he holds as its data */
    uint64_t queries, gradients;
};

/* A permutation of 0..n-1 from (seed, what, run); NULL: memory. */
size_t *rd_infer_order(struct rd_infer_run *r, const char *what, size_t n);
/* The rows of d in this order, a data set of their own in the arena. */
rd_status rd_infer_gather(struct rd_infer_run *r, const struct rd_dataset *d, const size_t *row,
    size_t n, struct rd_dataset *out);
/*
 * Train this run's victim on data, put the controls before it and make its oracle. *withheld_out:
 * the attack needs what the dressed victim does not give, and the request takes that as a failure.
 */
rd_status rd_infer_victim(
    struct rd_infer_run *r, const struct rd_dataset *data, bool *withheld_out);
/* Answer and recipe of a job; then the attack. A budget that runs out is no error. */
rd_status rd_infer_attack(
    struct rd_infer_run *r, const struct rd_dataset *holds, struct rd_infer_job *job);
/* Share of n rows that the bare victim gets right. kappa_out may be NULL. */
rd_status rd_infer_accuracy(struct rd_infer_run *r, const float *x, const int *label, size_t n,
    double *share_out, double *kappa_out);
/* An untreated recipe whose victims know nothing even of what they were trained on is a mistake. */
rd_status rd_infer_gate(struct rd_infer_run *r, double kappa, double share);

/* --- figures, one a run --- */

enum { RD_INFER_FIGURES = 24 };
struct rd_infer_figures {
    struct rd_harness *h;
    size_t runs, n;
    const char *name[RD_INFER_FIGURES];
    const char *reason[RD_INFER_FIGURES]; /* why it cannot be given, or NULL */
    double *value[RD_INFER_FIGURES];      /* (runs) */
    struct rd_trial *trial;               /* (runs) */
    bool withheld;
};

rd_status rd_infer_figures_init(struct rd_infer_figures *f, struct rd_harness *h);
/* Room for one more; RD_E_BUG when there are too many. */
rd_status rd_infer_figure(struct rd_infer_figures *f, size_t run, const char *name, double value);
/* This figure is null in the record: it cannot be told from these data. reason NULL: memory. */
rd_status rd_infer_unresolved(struct rd_infer_figures *f, const char *name, const char *reason);
/* Metrics, trials, interval of `judged` against the criterion, outcome. */
rd_status rd_infer_judge(struct rd_infer_figures *f, const char *judged);

/* --- the games --- */

rd_status rd_infer_membership(struct rd_harness *h);
rd_status rd_infer_attribute(struct rd_harness *h);
rd_status rd_infer_inversion(struct rd_harness *h);

#endif
