/*
 * model.h - the simulation, inside: what is prepared once, what is drawn for each parameter draw
 * and each campaign.
 *
 * inputs.c    uncertain parameters, their draws and where they come from
 * evidence.c  records into something a campaign's outcome can be drawn from
 * plan.c      a scenario, bound to evidence or an expert's word; or the reason why not
 * plan_inputs.c  the uncertain numbers that it reads
 * observed.c  losses that were counted: which draws they speak for
 * views.c     the evidence under one configuration of controls
 * expected.c  what experts expect of controls, where nothing was tried
 * level.c     one scenario at one draw of the parameters; level_fixed.c what all its campaigns
 * share campaigns.c what comes of campaigns, many at a time years.c     how many campaigns a year
 * holds, and what it loses totals.c    all scenarios together under one configuration of controls
 * break_even.c  scenarios without money: what a loss would have to cost
 * summary.c   quantiles, curve, bands, errors
 * risk.c      the order of it all
 */
#ifndef RD_RISK_MODEL_H
#define RD_RISK_MODEL_H

#include "risk/risk.h"
#include "stats/dist.h"
#include "system/scenario_names.h"

enum { NO_INPUT = -1 };

/* --- inputs.c --- */

/* A parameter that is drawn once for each outer draw. */
struct rd_risk_input {
    struct rd_risk_number number;
    struct rd_range_dist dist;
    double *x; /* (outer), after rd_risk_inputs_draw */
};
struct rd_risk_inputs {
    struct rd_arena *arena;
    struct rd_error *err;
    struct rd_risk_input *item; /* room for cap */
    size_t n, cap;
    struct rd_risk_number *fixed; /* numbers that are used but not drawn in the outer level */
    size_t n_fixed, cap_fixed;
};
rd_status rd_risk_inputs_init(struct rd_risk_inputs *in, const struct rd_system *system,
    struct rd_arena *arena, struct rd_error *err);
/* Index of the input of this name, added when new. what = {name, unit, role}; u is read for the
 * rest. */
rd_status rd_risk_input_add(struct rd_risk_inputs *in, const char *name, const char *unit,
    const char *role, const struct rd_uncertain *u, int *index_out);
/*
 * The rate of this name (just added) after `events` were counted in `years`, each noticed with
 * probability seen: the declared lognormal as a gamma of the same mean and variance, updated
 * (rd_rate_update). A plain number is certain and stays: false.
 */
bool rd_risk_input_observe(
    struct rd_risk_inputs *in, int index, double events, double years, double seen);
/* A number that is used as it is (price, coverage), or drawn for each campaign (budget, days). */
rd_status rd_risk_number_add(struct rd_risk_inputs *in, const char *name, const char *unit,
    const char *role, const struct rd_uncertain *u);
/* Stratified draws (a Latin hypercube): stratum by a shuffle keyed by (seed, name), place in it by
 * (seed, name, draw). */
rd_status rd_risk_inputs_draw(struct rd_risk_inputs *in, uint64_t seed, size_t outer);

/* --- evidence.c --- */

struct rd_risk_trace { /* one run's curve of one measure: rising x and never falling y, (0, start)
                          first */
    const double *x, *y;
    size_t n;
};
struct rd_risk_evidence {
    enum rd_attack_kind kind;
    const char *attack, *test; /* the strongest tried */
    /* evade: one for each scored trial */
    size_t n;
    const double *need; /* queries to first success; infinity: never */
    const size_t
        *unit; /* index of the trial: weights are keyed by it, so before and after stay paired */
    const size_t *order; /* trials by rising need */
    double longest;      /* largest finite need, 0 when there is none */
    /* extract, poison, infer: one for each scored run. Traces of poison run over poisoned samples
     * (accounts), those of infer hold one point. asr is less the clean model's. */
    size_t runs;
    const struct rd_risk_trace *trace[RD_MEASURES]; /* (runs), NULL: not measured */
    double spread[RD_MEASURES]; /* standard error of the mean over runs, as share of the mean; 0
                                   below 2 runs */
    double reach;               /* queries (poisoned samples) that the shortest run measured */
    double recall;              /* poison: share of them that screens took out, 0 without */
};
enum { RD_RISK_CANDIDATES = 64, RD_RISK_TRIALS = 20000 };
/* Candidate c's record in the configuration at hand, and its names. */
struct rd_risk_candidate {
    const struct rd_record *record;
    const char *attack, *test;
    enum rd_attack_kind kind;
};
/*
 * The strongest of the candidates, without the optimism of choosing: with several, evasion chooses
 * on even trials and scores on odd ones, the others leave each run out in turn. limit: queries per
 * object that count.
 */
rd_status rd_risk_evidence_build(const struct rd_risk_candidate *candidate, size_t n, double limit,
    struct rd_arena *arena, struct rd_risk_evidence **evidence_out, struct rd_error *err);
/* Theft by whichever of two does better, run by run and query by query. */
rd_status rd_risk_evidence_better(const struct rd_risk_evidence *a,
    const struct rd_risk_evidence *b, struct rd_arena *arena, const struct rd_risk_evidence **out,
    struct rd_error *err);
/* y at q, linear between points, flat outside. */
double rd_risk_trace_at(const struct rd_risk_trace *t, double q);

/* --- plan.c --- */

enum { LAYER_ON, LAYER_BASE, LAYER_WITHOUT, LAYERS };

/* One scenario under one configuration of controls: a campaign meets one of up to three layers. */
struct rd_risk_view {
    const struct rd_risk_evidence
        *layer[LAYERS];   /* the control tried; the active ones; none. NULL: not there */
    double quota[LAYERS]; /* rows for a key and day; infinity: none */
    double p_on, p_base;  /* coverage x uptime of the control tried; of all active ones */
    /* Where nothing was tried: inputs that hold what an expert expects with an active control, and
     * with the one that is looked at; 0: none, else one more than the input. With their cover. */
    int word, word_on;
    double p_word, p_word_on;
};

struct rd_risk_plan {
    const struct rd_scenario *scenario;
    const struct rd_actor *actor;
    int index;
    const char *unquantified;
    const char *no_money; /* why no loss can be told, or NULL */
    int unpriced_asset;   /* the one asset of magnitude without a value, else RD_NONE */
    size_t unpriced_assets;
    bool unpriced; /* unquantified for want of money alone: its events are simulated, each as a loss
                      of 1 */
    enum rd_attack_kind kind;
    bool upper_bound, proxy, one_shot, measured;
    bool expert; /* nothing was tried: S is scenario->susceptibility, and that is `stronger` below;
                    no layers, no candidates, kind 0 unless an expression tells */
    const char *untried; /* then: why nothing was */
    int group;           /* index of the first plan about the same theft, or its own */
    size_t candidate[RD_RISK_CANDIDATES], n_candidates; /* in campaign->tested */
    /* expressions */
    struct rd_scenario_names *names;
    struct rd_expr *loss_when, *magnitude;
    bool reads[RD_MEASURES]; /* by either */
    int *asset;
    size_t n_assets;  /* that magnitude reads: indices in system->assets; the cap */
    int threshold_on; /* extract: loss_when is this measure >= threshold and nothing else, and
                         magnitude reads no measure; -1: it is not so simple */
    double threshold;
    bool threshold_strict; /* > */
    bool magnitude_varies; /* it reads a measure of the campaign */
    bool per_unit; /* magnitude multiplies by a count: an asset is then a value of one unit, and no
                      ceiling */
    /* inputs */
    int attempts, gain, slope, stronger, secondary_probability;
    int samples, decisions, days_in_use, candidates, prior; /* poison, infer */
    int *asset_input; /* by asset index: NO_INPUT when neither expression reads it */
    bool has_secondary, has_per_loss, has_budget, has_days;
    struct rd_range_dist secondary, per_loss, budget, days; /* drawn for each loss or campaign */
    double cost;                                            /* median budget, NaN */
    double price;                                           /* of one row, 0: free */
    bool charged; /* rows cost money and pass the quota: the attack queries the endpoint */
    double objects, per_object; /* infinity: no limit */
    bool table;                 /* evade: the outcome depends on successes alone */
    struct rd_risk_view base;
    const size_t *draw; /* (outer) where losses were observed: draw o reads the parameters of this
                           one; NULL: its own */
    double effective;   /* then: how many draws carry the weight */
    struct rd_band losses_prior; /* a year, before */
    bool unexplained;            /* no draw explains what was observed */
    bool updated; /* by attempts that were counted: attempts_prior is what was declared */
    struct rd_range_dist attempts_prior;
    size_t pinned; /* 1 + the draw whose evidence stands for every draw's; 0: none does */
    const char *year_stream, *pilot_stream, *weight_stream;
};

struct rd_roadmap_draws; /* roadmap_model.h */
/* What a control costs in a year, part by part. */
enum {
    RD_COST_DECLARED,
    RD_COST_LICENSE,
    RD_COST_PEOPLE,
    RD_COST_LATENCY,
    RD_COST_BLOCKS,
    RD_COSTS
};

struct rd_risk_model {
    struct rd_run *run;
    const struct rd_campaign *campaign;
    const struct rd_system *system;
    struct rd_arena *arena;
    size_t outer, years;
    bool upper_bounds;
    struct rd_risk_inputs inputs;
    struct rd_risk_plan *plan; /* one for each scenario */
    size_t n_plans;
    size_t weights; /* most trials of any evidence */
    size_t table;   /* most objects of any plan with a table */
    const char **warning;
    size_t n_warnings, cap_warnings;
    /* (plans) what evade draws for its trials is the same in every configuration of controls: the
     * two prior weights and n_kept more for each outer draw, kept from the first; NULL: not kept.
     */
    double **kept_weight;
    bool **is_kept; /* (plans) of (outer) */
    size_t n_kept;
    size_t unexplained;    /* plans whose observed losses no draw explains */
    bool no_memory;        /* a text could not be kept: asked for at the end */
    int (*cost)[RD_COSTS]; /* (controls) inputs of its costs, NO_INPUT where there is none */
    bool *tried;           /* (controls) by some test */
    int **expected;        /* (controls) input of each of its `expects`, NO_INPUT: does not count;
                              NULL: none of them does */
    bool include_expected; /* of proposed controls too */
    int accuracy_cost;     /* input of risk.accuracy_point_per_year */
    struct rd_roadmap_draws *roadmap; /* what a choice of controls needs; NULL: none is asked for */
    size_t done, todo;                /* outer draws, of all configurations, for progress */
};

void rd_risk_warn(struct rd_risk_model *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Kept in m->arena; "" and m->no_memory when there is no room. */
const char *rd_risk_say(struct rd_risk_model *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const char *rd_risk_name(
    struct rd_risk_model *m, const char *id, const char *key); /* "<id>.<key>" */
rd_status rd_risk_plan_all(struct rd_risk_model *m);
/* Everything that the scenario reads, into m->inputs; after the evidence is known. */
rd_status rd_risk_plan_inputs(struct rd_risk_model *m, struct rd_risk_plan *p);

/* --- views.c --- */

/* p->base from the plan's candidates: what a campaign meets with the active controls on, and when
 * it slips past. */
rd_status rd_risk_view_base(struct rd_risk_model *m, struct rd_risk_plan *p);
const struct rd_retest *rd_risk_retest(const struct rd_tested *t, int control); /* NULL: none */
/*
 * The view of this plan with one control changed: a proposed one put on, an active one taken away.
 * test: only the re-tests of this test count; NULL: of all. *touched_out false: nothing changes,
 * the view is the base.
 */
rd_status rd_risk_view_with(struct rd_risk_model *m, const struct rd_risk_plan *p, int control,
    const char *test, struct rd_risk_view *view_out, bool *touched_out);

/* --- expected.c --- */

/* Inputs of the `expects` that count, and what active controls make of p->base; after the plans. */
rd_status rd_risk_expect_all(struct rd_risk_model *m);
/* A proposed control put on, where nothing was tried: as rd_risk_view_with. */
bool rd_risk_expect_view(const struct rd_risk_model *m, const struct rd_risk_plan *p, int control,
    struct rd_risk_view *view);

/* --- level.c --- */

struct rd_level_batch;            /* level_parts.h */
struct rd_risk_scratch {          /* one for each worker */
    double *weight;               /* (weights) */
    double *sum[LAYERS];          /* (weights + 1) running sums by rising need */
    double *table;                /* (table + 1) loss by successes; negative: none */
    double *cdf[LAYERS];          /* (table + 1) of successes */
    double *primary, *secondary;  /* (PILOT_BIG) losses of simulated campaigns */
    struct rd_level_batch *batch; /* campaigns that are looked at together */
};
struct rd_risk_level_out {
    double s_tried, s; /* of a campaign */
    double rate;       /* campaigns per year */
    double action;
    double mean;     /* of the year's loss */
    bool capped;     /* the value of an asset cut a loss */
    double stronger; /* mean of the part that stronger attacks than those tried make */
    double lossy;    /* share of years with a loss */
};
/*
 * Years of one plan at outer draw o into loss (years). Pure but for scratch: same (seed, plan,
 * view, o), same bytes. out->s_tried and s are NaN unless pilot is asked for.
 */
rd_status rd_risk_level_run(const struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct rd_risk_view *v, size_t o, bool pilot, struct rd_risk_scratch *scratch,
    double *loss, struct rd_risk_level_out *out, struct rd_error *err);
/* The same without any year: rate, action, s_tried and s, from so many campaigns where they are not
 * exact (at most 4,096). */
rd_status rd_risk_level_chance(const struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct rd_risk_view *v, size_t o, size_t pilot, struct rd_risk_scratch *scratch,
    struct rd_risk_level_out *out, struct rd_error *err);
rd_status rd_risk_scratch_new(
    const struct rd_risk_model *m, struct rd_arena *arena, struct rd_risk_scratch *out);
/* Does loss_when hold for this measure vector, assets at the median? For prices. */
rd_status rd_risk_loss_at(const struct rd_risk_plan *p, const struct rd_risk_model *m,
    const double measure[RD_MEASURES], bool *loss_out, struct rd_error *err);

/* --- totals.c --- */

struct rd_risk_totals {
    double *loss;                    /* (outer, years): all scenarios together */
    double *mean;                    /* (outer) */
    double *variance;                /* (outer) between years */
    double *plan_mean;               /* (plans, outer): each scenario's part */
    struct rd_risk_level_out *level; /* (plans, outer) */
};
struct rd_risk_cache {               /* base losses of each plan; loss[i] NULL: simulate again */
    double **loss;                   /* (plans) of (outer, years) */
    struct rd_risk_level_out *level; /* (plans, outer) */
};
/* view (plans): NULL entries take the base view, from the cache where it has them. Fills the cache
 * when it is empty. */
rd_status rd_risk_totals_run(struct rd_risk_model *m, const struct rd_risk_view *const *view,
    struct rd_risk_cache *cache, bool fill, struct rd_risk_totals *t);
rd_status rd_risk_totals_new(
    const struct rd_risk_model *m, struct rd_arena *arena, struct rd_risk_totals *t);

/* --- observed.c --- */

/* Plans whose losses were counted get their draw map; after rd_risk_inputs_draw. */
rd_status rd_risk_observe_losses(struct rd_risk_model *m, struct rd_arena *heavy);
/* Does the plan read this input? */
bool rd_risk_plan_reads(const struct rd_risk_plan *p, int input);
/* The input's value at each outer draw, as its scenario sees it, into x (outer). */
void rd_risk_input_values(const struct rd_risk_model *m, int input, double *x);

/* --- words.c --- */

/* "12,300": three digits. */
const char *rd_risk_money(double v, char out[40]);

/* --- summary.c --- */

/* 5 % and 95 % quantiles of x (n), widened to hold the value given; scratch (n). */
struct rd_band rd_risk_band(double value, const double *x, size_t n, double *scratch);
/* Sorts t->loss row by row, then reads everything off. */
rd_status rd_risk_summarize(struct rd_risk_model *m, struct rd_risk_totals *t,
    struct rd_arena *arena, struct rd_risk_summary *out);
/* First-order share of the variance of y (n) that x explains: bins of equal count, corrected for
 * chance. */
double rd_risk_first_order(
    const double *x, const double *y, size_t n, size_t *order, double *scratch);

#endif
