/*
 * roadmap.h - which proposed controls, in what order, for which money (docs/risk.md).
 *
 * rd_risk_simulate chooses when its options ask for a roadmap: it has every scenario's loss under
 * every control, draw by draw, on common random numbers. Scenarios are separable for the mean: a
 * scenario's loss under a set of controls is that under the one of them which helps it most
 * (CONTRACTS: effects on one threat do not add until the combination was run). rd_roadmap_confirm
 * then runs the chosen set as a combination.
 *
 * Money in the system's currency a year. The objective is the loss avoided less the full cost of
 * what avoids it (for the tail: the drop of TVaR less the cost), within the budget, prerequisites
 * kept. Only adaptively tested effects count unless asked.
 */
#ifndef RD_RISK_ROADMAP_H
#define RD_RISK_ROADMAP_H

#include "base/json_write.h"
#include "base/run.h"
#include "campaign/campaign.h"
#include "risk/risk.h"

enum rd_roadmap_measure { RD_ROADMAP_ALE, RD_ROADMAP_TVAR };
enum {
    RD_ROADMAP_EXACT_ALE = 20, /* candidates up to which every set is weighed */
    RD_ROADMAP_EXACT_TVAR = 12
};

struct rd_roadmap_options {
    double budget;         /* a year, all costs together; NaN: the file's risk.roadmap, or none */
    int measure;           /* enum rd_roadmap_measure; -1: the file's, or ALE */
    bool include_static;   /* count effects that no attack which knows the control has tried */
    bool include_expected; /* count what experts expect of controls where nothing was tried */
};

/* The full cost of one control in a year, part by part; NaN: not declared or not measured. */
struct rd_roadmap_cost {
    struct rd_band total;                          /* of the parts that are known */
    double declared;                               /* cost_per_year */
    double license, people, latency, false_blocks; /* costs: of the file, means */
    double accuracy;                               /* points lost x accuracy_point_per_year */
};

/* Up to where the step still pays: the value of one input at which its net benefit is zero. */
struct rd_roadmap_reversal {
    const char *input; /* "<control>.cost" or an input of the simulation; NULL: nothing in its range
                          turns it */
    const char *unit;
    double value;      /* NaN then */
    const char *words; /* "pays as long as it costs less than 26,700 USD a year" */
};

struct rd_roadmap_step {
    int control;
    struct rd_roadmap_cost cost;
    double effort_days;          /* NaN: nobody said */
    const char *owner;           /* NULL: nobody is named */
    const char *quarter;         /* "2027-Q2", or "quarter 2" when the file names no start */
    const char *retest;          /* YYYY-MM-DD, or in words when no start is known */
    const int *requires_control; /* indices, that come before it */
    size_t n_requires;
    struct rd_band ale_after;     /* with all steps up to this one */
    struct rd_band tvar_after;    /* 95 %, the same */
    struct rd_band net;           /* what this step adds: loss avoided less its cost */
    struct rd_risk_summary after; /* the residual curve; assumed where steps share a scenario */
    bool assumed; /* another step acts on one of its scenarios: the best single effect counts */
    bool is_static;
    bool expected;        /* part of its effect is an expert's expectation, not a measurement */
    double p_in_best_set; /* share of the outer draws whose own best set holds it */
    struct rd_roadmap_reversal reversal;
};

struct rd_roadmap_left_out {
    int control;
    const char *reason;   /* "costs more than it saves", "over the budget", "not measured: no test
                             touches it" */
    double p_in_best_set; /* NaN: was no candidate */
    struct rd_roadmap_reversal reversal; /* what would bring it in */
};

/* A row to compare with: nothing done, or a loss that people took on. */
struct rd_roadmap_accept {
    const char *threat, *by, *until; /* decision accepted; NULL: do nothing */
    struct rd_band ale;              /* what stays because of it */
};

struct rd_roadmap {
    enum rd_roadmap_measure measure;
    bool exact; /* every set was weighed; else greedy with swaps */
    bool include_expected;
    const char *method;  /* in words */
    const char *nothing; /* why there is no step, in words; NULL: there are some */
    bool unmeasured;     /* then: because no effect of a proposed control is known */
    double budget;       /* NaN: none */
    struct rd_band ale_before, tvar_before, ale_after, tvar_after, cost;
    const struct rd_roadmap_step *steps;
    size_t n_steps; /* in the order to do them */
    const struct rd_roadmap_left_out *left_out;
    size_t n_left_out;
    size_t left_out_more; /* that are not listed */
    const struct rd_roadmap_accept *accept;
    size_t n_accept; /* the first: do nothing */
    /* The set, run as a combination by rd_roadmap_confirm; NULL: not run, reason says why. */
    const struct rd_risk_summary *combined;
    /* In words, where the set leaves more than the appetite allows; NULL. */
    const char *appetite_warning;
    const char *combined_reason;
};

/*
 * Run the tests again with every step's control active (through the store, so that nothing is done
 * twice), simulate, and fill roadmap->combined. system and threats as of the campaign. An empty set
 * needs no run: combined is then the campaign's own total.
 */
rd_status rd_roadmap_confirm(struct rd_run *run, const struct rd_rules *rules,
    const struct rd_campaign *campaign, const struct rd_campaign_options *how,
    const struct rd_risk_options *options, const struct rd_risk_result *risk,
    struct rd_arena *arena, struct rd_roadmap *roadmap);

/* One object: `.result.roadmap`. roadmap NULL: null. */
void rd_roadmap_write(
    const struct rd_roadmap *roadmap, const struct rd_system *system, struct rd_json *json);

#endif
