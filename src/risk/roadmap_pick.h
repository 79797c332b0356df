/*
 * roadmap_pick.h - the choice itself, without any model: things that cost, units of loss that each
 * of them lowers to something, prerequisites, a budget.
 *
 * A set's loss is the sum over units; a unit stands at the loss of the one member of the set that
 * helps it most (of those that touch it), or at its own where none does. Worth of a set: what it
 * takes off the whole (its mean, or its tail) less what it costs. Searched is the set of the
 * largest worth, among those that hold the prerequisites of all their members and keep the budget.
 */
#ifndef RD_RISK_ROADMAP_PICK_H
#define RD_RISK_ROADMAP_PICK_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>

struct rd_pick {
    size_t n, units;
    const size_t *first;      /* (n + 1): item i's effects are first[i] .. first[i + 1] */
    const size_t *unit;       /* of each effect */
    const double *loss;       /* of each effect: mean of the unit with this item alone */
    const double *base;       /* (units) without any */
    const double *cost;       /* (n) as the worth counts it */
    const double *weight;     /* (n) as the budget counts it; >= 0 */
    double budget;            /* infinity: none */
    const size_t *first_need; /* (n + 1) */
    const size_t *need;       /* items that must be in the set; each below the item that needs it */
    /* The tail instead of the mean: `groups` times `years` simulated years of each unit, and of it
     * under each effect. Who stands for a unit is decided by the means above. NULL: the mean. */
    const double *const *base_years;   /* (units) */
    const double *const *effect_years; /* (effects) */
    size_t years;                      /* of one group */
    size_t groups;
    size_t from_group, n_groups;      /* of which the worth is taken */
    double level;                     /* 0.95: the mean of the worst 5 % */
    double *year_total, *year_sorted; /* (groups * years) room */
    double tail_before;               /* of the same groups, from rd_pick_prepare */
};

/* Which items a search must or must not take; NULL: free. */
struct rd_pick_limits {
    const bool *banned, *forced; /* forced items' prerequisites must be forced too */
    double work;                 /* at most so many elementary steps; 0: no bound */
    double done;                 /* out: steps that it took */
    bool stopped;                /* out: the bound was hit, and the set is the best so far */
};

/* Fills tail_before. */
void rd_pick_prepare(struct rd_pick *p);
double rd_pick_worth(const struct rd_pick *p, const bool *in);
double rd_pick_weight(const struct rd_pick *p, const bool *in);
/* For each unit the effect that stands for it, or (size_t)-1. */
void rd_pick_assign(const struct rd_pick *p, const bool *in, size_t *effect_of_unit);

enum { RD_PICK_EXACT = 20 }; /* items at most of rd_pick_exact */
/*
 * in (n): the best set; worth_out its worth. Where sets are worth the same, nothing that adds
 * nothing is taken. Exact: branch and bound over the means (the worth of a set with "does not
 * touch" for "harms" is submodular, so that the sum of what each item would add bounds what all
 * add), every set in turn for the tail. Greedy: add, drop and swap from `in` as given.
 */
rd_status rd_pick_exact(const struct rd_pick *p, struct rd_pick_limits *limits, bool *in,
    double *worth_out, struct rd_arena *scratch);
rd_status rd_pick_greedy(const struct rd_pick *p, struct rd_pick_limits *limits, bool *in,
    double *worth_out, struct rd_arena *scratch);

#endif
