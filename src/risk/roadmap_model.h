/*
 * roadmap_model.h - from the simulation to a choice of controls, inside.
 *
 * controls.c         notes each proposed control's losses, draw by draw, while it compares
 * roadmap_gather.c   candidates, what they cost, the choice as numbers (roadmap_pick.h)
 * roadmap_tail.c     years of each unit of loss under each candidate, where the tail counts
 * roadmap_pick.c     the set
 * roadmap_order.c    what comes first, in which quarter, and when it is measured again
 * roadmap_search.c   the set, shares of the draws, reversal points
 * roadmap_steps.c    residual losses
 * roadmap.c          the order of it all, what is left out, what to compare with
 * roadmap_confirm.c  the set, run as a combination
 * roadmap_json.c     in words for programs
 *
 * A unit of loss is a group of scenarios about the same theft, or one scenario.
 */
#ifndef RD_RISK_ROADMAP_MODEL_H
#define RD_RISK_ROADMAP_MODEL_H

#include "risk/model.h"
#include "risk/roadmap.h"
#include "risk/roadmap_pick.h"

/* One proposed control, alone on the base system. */
struct rd_roadmap_draw {
    int control;
    bool is_static, assumed, expected;
    double points; /* of accuracy that it takes */
    size_t n_units;
    int *group;    /* (n_units) plan->group of each unit that it touches */
    double **mean; /* (n_units) of (outer): the unit's loss */
    size_t n_plans;
    size_t *plan; /* (n_plans) that it touches, with their views */
    struct rd_risk_view *view;
};
struct rd_roadmap_draws {
    struct rd_roadmap_draw *item; /* room for every control */
    size_t n;
};

/* After a proposed control was compared: what the choice needs of it, into m->roadmap. */
rd_status rd_roadmap_note(struct rd_risk_model *m, const struct rd_risk_control *k,
    const struct rd_risk_view *const *view, const struct rd_risk_totals *other,
    struct rd_arena *heavy);
/* Of all declared parts, at one draw. */
double rd_risk_cost_at(const struct rd_risk_model *m, int control, size_t o);

struct rd_roadmap_item {
    int control;
    const struct rd_roadmap_draw *draw; /* NULL: wanted for the sake of another alone */
    struct rd_roadmap_cost cost;
    double *cost_draw; /* (outer) */
    size_t closure;    /* items that it needs, all in all */
};
struct rd_roadmap_work {
    struct rd_risk_model *m;
    const struct rd_roadmap_options *options;
    const struct rd_risk_totals *base;
    struct rd_risk_cache *cache;
    struct rd_arena *heavy; /* of the simulation */
    struct rd_risk_result *r;
    double budget;
    bool tail;
    struct rd_roadmap_item *item; /* prerequisites first */
    size_t n;
    int *item_of;         /* (controls) RD_NONE: no candidate */
    const char **why_not; /* (controls) reason of what is no candidate */
    size_t *unit_of;      /* (plans) by group; (size_t)-1: no candidate touches it */
    struct rd_pick pick;  /* the means */
    size_t touched;       /* units that candidates touch: pick.units, or one less for the tail */
    double **base_draw;   /* (touched) of (outer) */
    const double **loss_draw; /* (effects) of (outer) */
    size_t *item_of_effect;   /* (effects) */
    size_t sample_draws, sample_years;
    bool *in;       /* (n) the set */
    double *p_best; /* (n) share of the draws whose own best set holds the item; NaN: not known */
    size_t p_draws; /* that were looked at */
    double worth;
    bool exact;
    size_t *order; /* (n_chosen) items, the first first */
    int *quarter;  /* (n) since year 0, or since the first quarter where no start is known */
    size_t n_chosen;
    struct rd_risk_totals years; /* room of rd_roadmap_simulate */
    int start;                   /* quarter since year 0; RD_NONE: not known */
};

enum {
    RD_ROADMAP_CANDIDATES = 2000, /* that are weighed; the rest is left out, and said to be */
    RD_ROADMAP_NEEDS = 200,       /* prerequisites of one control, all in all */
    RD_ROADMAP_CURVES = 40,       /* steps whose residual curve is simulated, and the last one */
    RD_ROADMAP_LEFT_OUT = 1000,   /* rows */
    RD_ROADMAP_QUARTERS = 400
};

rd_status rd_roadmap_gather(struct rd_roadmap_work *w);
/* The numbers of one outer draw in place of the means. */
void rd_roadmap_pick_at(const struct rd_roadmap_work *w, size_t o, struct rd_pick *out,
    double *base, double *loss, double *cost);
rd_status rd_roadmap_tail(struct rd_roadmap_work *w);
rd_status rd_roadmap_order(struct rd_roadmap_work *w);
/* In m->arena: "2027-Q2" or "quarter 2"; the day after which its effect is measured again. */
rd_status rd_roadmap_when(
    struct rd_roadmap_work *w, size_t item, const char **quarter_out, const char **retest_out);
/* Losses of a set (n), each unit under the one of it that helps most; in arena. */
rd_status rd_roadmap_simulate(struct rd_roadmap_work *w, const bool *in,
    struct rd_risk_summary *summary_out, struct rd_arena *arena);
/* The set for the means or the tail, and how often each item is in a draw's own best set. */
rd_status rd_roadmap_search(struct rd_roadmap_work *w);
/* Up to which cost an item pays: with everything else chosen anew where that is exact. */
rd_status rd_roadmap_reversal_of(
    struct rd_roadmap_work *w, size_t item, struct rd_roadmap_reversal *out);
rd_status rd_roadmap_steps(struct rd_roadmap_work *w, struct rd_roadmap *out);
/* Everything: called from the simulation. */
rd_status rd_roadmap_choose(struct rd_risk_model *m, const struct rd_roadmap_options *options,
    const struct rd_risk_totals *base, struct rd_risk_cache *cache, struct rd_arena *heavy,
    struct rd_risk_result *r);

#endif
