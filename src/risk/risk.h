/*
 * risk.h - from evidence to money: CONTRACTS section 5 for evasion and extraction. docs/risk.md is
 * the methods page.
 *
 * Two levels. Outer: the uncertain parameters (declared ranges, posteriors of what was measured).
 * Inner: years. A band is the 5 % and 95 % quantile over the outer draws; the Monte Carlo error is
 * reported apart. Random streams are keyed by (seed, scenario, outer draw, year), so before and
 * after a control are paired and the result does not depend on the number of threads. Money is in
 * the system's currency, time in years.
 */
#ifndef RD_RISK_RISK_H
#define RD_RISK_RISK_H

#include "base/json_write.h"
#include "base/run.h"
#include "campaign/campaign.h"

/* NaN: cannot be given. level 0.9 unless said otherwise. */
struct rd_band {
    double value, low, high;
};

struct rd_roadmap;
struct rd_roadmap_options;

struct rd_risk_options {
    size_t outer; /* draws of the parameters, 200 .. 100,000; 0: RD_RISK_OUTER */
    size_t years; /* simulated for each, 100 .. 1,000,000; 0: RD_RISK_YEARS */
    bool
        upper_bounds; /* use attacks that had more access than the actor; such results are marked */
    bool total_only;  /* nothing by control, no tornado, no words: what a year costs in all */
    const struct rd_roadmap_options *roadmap; /* NULL: no roadmap is made (risk/roadmap.h) */
};
#define RD_RISK_YARDSTICK                                                                          \
    10000.0 /* currency a year, where nobody declared an appetite or a cost                        \
             */
enum {
    RD_RISK_OUTER = 1000,
    RD_RISK_YEARS = 2000,
    RD_RISK_QUANTILES = 5,
    RD_RISK_TAILS = 2,
    RD_RISK_KEYS = 3,
    RD_RISK_TORNADO = 12
};
extern const double rd_risk_quantile_at[RD_RISK_QUANTILES]; /* 0.5 0.9 0.95 0.99 0.999 */
extern const double rd_risk_tail_at[RD_RISK_TAILS];         /* 0.95 0.99 */

/* A number that went into the simulation. */
struct rd_risk_number {
    const char *name; /* "clone.attempts_per_year", "model-copy", "competitor.budget" */
    const char *unit; /* "1/year", the currency, "days", "probability", "rows", "units" */
    const char *role; /* "frequency", "magnitude", "susceptibility", "cost" */
    double low,
        high; /* 5 % and 95 % quantiles; equal for a plain number; interval of a measurement */
    enum rd_provenance provenance;
    const char *by, *date, *source; /* NULL when not given */
};

struct rd_risk_exceedance {
    double loss;
    struct rd_band probability; /* that a year's loss is above it */
};

enum rd_appetite_state {
    RD_APPETITE_MET,
    RD_APPETITE_BREACHED,
    RD_APPETITE_UNDECIDED,
    RD_APPETITE_UNJUDGED /* losses were observed that the numbers of a scenario do not explain */
};
const char *rd_appetite_state_name(enum rd_appetite_state s); /* as JSON has it */
struct rd_risk_appetite {
    double loss, allowed;
    struct rd_band probability;
    enum rd_appetite_state
        state; /* met: the whole band is at or below what is allowed; breached: above */
};
/* For people: "within" and "exceeded" with the whole band, else "likely within" or "likely
 * exceeded" by the pooled chance, which is what --fail-on appetite goes by. */
const char *rd_risk_appetite_words(const struct rd_risk_appetite *a);

/* A year's loss, all scenarios together, under one configuration of controls. */
struct rd_risk_summary {
    struct rd_band ale;     /* mean loss of a year: over all draws, band over the draws' means */
    struct rd_band no_loss; /* probability of a year without any */
    struct rd_band
        quantile[RD_RISK_QUANTILES]; /* of the pooled years; band of the draws' own quantiles */
    const struct rd_risk_exceedance *exceedance; /* rising losses, log-spaced */
    size_t n_exceedance;
    const struct rd_risk_appetite *appetite; /* one for each of the system's */
    size_t n_appetite;
    struct rd_band
        tvar[RD_RISK_TAILS]; /* mean of the worst 5 % and 1 % of years; band of the draws' own */
    double tail_mean_99;     /* tvar[1].value */
    double error_years;      /* standard error of ale from the finite number of years: shrinks as
                                1/sqrt(years) */
    double error_draws;      /* from the finite number of draws: shrinks as 1/sqrt(draws) */
};

/* What a theft costs its maker, at 1, 10 and 100 keys. */
struct rd_risk_price {
    int64_t keys;
    double rows;  /* until loss_when first holds, median over the measured runs; NaN: never within
                     what was measured */
    double money; /* rows x price */
    double days;  /* under the quota in force; NaN without one */
    double gain_over_cost; /* the assumed gain (median) / money; NaN: no gain declared, or free */
};

/* The value of one number at which a decision turns, everything else as it is. */
struct rd_risk_reversal {
    const char *input; /* as in numbers; NULL: no number of the scenario turns it */
    const char *unit;
    double value;      /* NaN then */
    const char *words; /* "the appetite is met until clone.attempts_per_year passes 3.1 a year" */
};

/* Losses that were counted, against what was expected (docs/risk.md, "What was counted"). */
struct rd_risk_losses {
    bool given, used;             /* used false: it changes nothing, and a warning says why */
    bool unexplained;             /* no draw explains them: what is expected is wrong */
    double observed, years;       /* losses in so many years */
    struct rd_band before, after; /* loss events a year */
    double effective;             /* Kish's effective number of outer draws */
};

struct rd_risk_scenario {
    int index;                 /* in system->scenarios */
    const char *unquantified;  /* why no money is put on it, or NULL: then all below is set */
    const char *attack, *test; /* the strongest tried one, its test; NULL: an expert's word */
    bool expert;               /* S is scenario->susceptibility: nothing was tried */
    const char *untried;       /* then: why */
    bool upper_bound;          /* it used more access than the actor has */
    bool proxy;                /* digital evidence stands for a printed manipulation */
    bool one_shot;             /* at most one loss a year */
    bool measured;             /* S rests on evidence that is neither an upper bound nor a proxy */
    struct rd_band attempts;   /* per year, after what was observed */
    bool attempts_updated;     /* by attempts or losses that were counted: then these differ */
    struct rd_band attempts_declared, attempts_posterior; /* value: the mean */
    struct rd_risk_losses losses_updated;
    struct rd_band action;    /* probability that an attempt is made, from gain and cost */
    struct rd_band campaigns; /* attempts x action */
    struct rd_band s_tried,
        s; /* susceptibility: by what was tried; with the term for stronger attacks */
    struct rd_band losses; /* loss events per year, one-shot rule left aside */
    struct rd_band ale;
    double share;                 /* of the total ALE; NaN when that is 0 */
    const char *words;            /* "one success in 14 years" */
    double gain, cost;            /* assumed in action; NaN when not declared */
    double gain_over_cost;        /* of a campaign; NaN then */
    double lossy;                 /* share of years with a loss of it */
    const char *const *sentences; /* what that means, in words */
    size_t n_sentences;
    struct rd_risk_reversal reversal;
    struct rd_risk_price price[RD_RISK_KEYS]; /* extract; rows NaN otherwise */
};

/* First-order share of the variance of the yearly mean that one input explains; they need not sum
 * to 1. */
struct rd_risk_share {
    const char *name;
    enum rd_provenance provenance;
    double share;
};

/* ALE with one number fixed at its 5 % and its 95 % quantile, everything else on the same random
 * numbers. */
struct rd_risk_swing {
    const char *input, *unit; /* as in numbers; "<scenario>.evidence": what the measurement leaves
                                 open */
    enum rd_provenance provenance;
    double low, high; /* of the number */
    double ale_low, ale_high;
};

/* One control against one test: only the scenarios that rest on this test's threat change. */
struct rd_risk_effect {
    int control;
    const char *test;             /* id */
    bool active;                  /* before is then the system without it */
    struct rd_band before, after; /* ALE in all */
    struct rd_band difference;    /* before - after on common random numbers; positive: it helps */
    double error;                 /* standard error of the difference from finite simulation */
    const char *reason;           /* why the numbers are NaN, or NULL */
};

/* One control, on all the tests that it touches. */
struct rd_risk_control {
    int control;
    bool active;
    bool is_static; /* on some test no attack that knows the control was run */
    bool expected;  /* part of it is what an expert expects, where nothing was tried */
    bool assumed;   /* combinations that were not run */
    struct rd_band before, after, difference;
    double error;
    struct rd_band cost;         /* per year, as declared; NaN when not */
    struct rd_band net;          /* difference - cost - utility_cost; NaN without a cost */
    struct rd_band utility_cost; /* of the accuracy it takes, at risk.accuracy_point_per_year; NaN
                                    when that is not given or not measured */
    double accuracy_lost; /* largest measured loss of clean accuracy; NaN when not measured */
    struct rd_risk_summary with, without; /* all losses of a year */
    const char *reason;                   /* why the numbers are NaN, or NULL */
};

/*
 * A scenario that no money is put on, because nobody said what is lost or what an asset is worth:
 * how much it would have to be. All that is needed besides was measured or declared.
 */
struct rd_risk_break_even {
    int scenario;          /* in system->scenarios */
    int asset;             /* whose value is asked for; RD_NONE: what one loss costs */
    struct rd_band losses; /* a year, as things are */
    int control;  /* then this control pays; RD_NONE: losses then pass what the appetite allows, or,
                     where none is declared, RD_RISK_YARDSTICK a year */
    double value; /* per loss, or of the asset; NaN: never, and then reason says why */
    const char *reason;
    const char *words; /* "matters if a copy is worth more than 12,000 USD: ..." */
};

struct rd_risk_result {
    const struct rd_system *system;
    size_t outer, years;
    double level; /* of every band */
    struct rd_risk_summary total;
    bool illustrative;
    const char *const *illustrative_why;
    size_t n_illustrative_why;
    double ale_share_measured;    /* NaN when the ALE is 0 or nothing could be quantified */
    const char *ale_share_reason; /* then */
    const struct rd_risk_scenario *scenarios;
    size_t n_scenarios; /* order of the file */
    const struct rd_risk_share *shares;
    size_t n_shares; /* largest first */
    const struct rd_risk_swing *tornado;
    size_t n_tornado;                /* largest swing first, at most RD_RISK_TORNADO */
    size_t probe_outer, probe_years; /* what tornado and reversals were simulated with; 0: none */
    const char *const *sentences;    /* the whole, in words */
    size_t n_sentences;
    const struct rd_risk_control *controls;
    size_t n_controls;
    const struct rd_risk_effect *effects;
    size_t n_effects;
    /* Scenarios without money, by losses a year, each with its thresholds. */
    const struct rd_risk_break_even *break_even;
    size_t n_break_even;
    const struct rd_risk_number *numbers;
    size_t n_numbers;
    const char *const *warnings;
    size_t n_warnings;
    struct rd_roadmap *roadmap; /* NULL: not asked for */
};

/*
 * Everything into *result_out, in the arena. Bounded: at most 2e10 simulated scenario-years
 * (RD_E_LIMIT), rates of any size. RD_E_INPUT: an expression fails (division by zero) or a range is
 * impossible; the message names the scenario. RD_E_CANCELED when run->step says stop.
 */
rd_status rd_risk_simulate(struct rd_run *run, const struct rd_campaign *campaign,
    const struct rd_risk_options *options, struct rd_arena *arena,
    struct rd_risk_result *result_out);

/* Does anything say whether losses stay within the appetite? Not where no scenario has money on it,
 * nor where observed losses contradict the numbers. *scenario_out: the first of those, or NULL. */
bool rd_risk_is_judged(
    const struct rd_risk_result *result, const struct rd_risk_scenario **scenario_out);

/* The row of this control and test, or NULL. */
const struct rd_risk_effect *rd_risk_effect_find(
    const struct rd_risk_result *result, int control, const char *test);

/* One object: `.result.risk` (docs/risk.md lists its keys). */
void rd_risk_write(const struct rd_risk_result *result, struct rd_json *json);

/* Curve, quantiles, appetite, scenarios and tornado as one table of CSV (docs/risk.md). */
void rd_risk_csv(const struct rd_risk_result *result, struct rd_buf *out);

/* "about 3 successes a year", "one success in 14 years", "less than one success in 10,000 years".
 */
const char *rd_risk_rate_words(double per_year, struct rd_arena *arena);

#endif
