/*
 * level_parts.h - one scenario at one draw of the parameters, inside: what level.c and
 * level_fixed.c prepare, what campaigns.c reads for each campaign and years.c for each year.
 *
 * A campaign's random numbers stand at fixed places of its year's stream, and only those that are
 * asked for are computed, those of many campaigns side by side. So two configurations of controls
 * stay paired to the last campaign whatever comes of it; outcomes rise with their uniform, so
 * pairing also means coupling.
 */
#ifndef RD_RISK_LEVEL_PARTS_H
#define RD_RISK_LEVEL_PARTS_H

#include "risk/model.h"

enum {
    RUNS_KEPT = 16,
    CAMPAIGNS = 384, /* that are looked at together */
    SPARE = 4,       /* room behind them */
    QUICK = 256      /* parts of the unit interval that a distribution is looked up by */
};

/* Philox blocks of a campaign in its year's stream, two numbers each; then those of the year. */
enum {
    BLOCK_OUTCOME,   /* of what was tried; of a stronger attack */
    BLOCK_MEANS,     /* budget, days */
    BLOCK_SECONDARY, /* does it follow; its size */
    BLOCK_LAYER,     /* is the control met; are the active ones */
    BLOCK_PER_LOSS,
    BLOCKS = 8
};
#define BLOCK_CROWD 0x40000000u /* on: sequential numbers of a crowded year */
#define BLOCK_COUNT 0x7fffffffu /* first 8 bits of the campaigns of this year and 15 more */
#define BLOCK_REST 0x7ffffffeu  /* the other 45 of this year */

static const double ENOUGH =
    1e290; /* losses are cut here, so that sums and squares of rates stay finite */

struct level {
    const struct rd_risk_model *m;
    const struct rd_risk_plan *p;
    const struct rd_risk_view *v;
    struct rd_risk_scratch *scratch;
    struct rd_error *err;
    size_t o;    /* draw: names the streams of years */
    size_t draw; /* whose parameters hold: o, unless losses were observed */
    size_t seen; /* whose evidence holds: draw, unless it is pinned */
    double rate, action;
    double stronger, secondary_probability;
    bool varies;                        /* rows differ between campaigns */
    double chance[LAYERS];              /* evade: success share at the plan's own limit */
    double total[LAYERS];               /* evade: sum of all weights, the two prior ones included */
    double prior_success;               /* weight of the object that always falls */
    double factor[LAYERS][RD_MEASURES]; /* extract */
    double cap;             /* value of the assets that magnitude names; infinity: none */
    bool capped;            /* it mattered */
    double just_enough;     /* loss of a campaign by a stronger attack that barely meets loss_when;
                               negative: none */
    bool exact;             /* s and s_tried are sums, not samples */
    double s_tried, s;      /* of a campaign, when known */
    double exact_mean;      /* of a loss, exact */
    double fixed_magnitude; /* where it reads no measure; negative: not computed yet */
    /* extract, where one threshold decides: places in the budget's and the days' distributions that
     * pay for rows enough for a loss. */
    double u_budget[LAYERS][RUNS_KEPT], u_days[LAYERS][RUNS_KEPT];
    bool simple;                  /* so it is */
    double simple_loss;           /* then: what one costs; NaN: not computed yet */
    bool means;                   /* campaigns look at their budget or days */
    int32_t quick[LAYERS][QUICK]; /* evade, exact: successes; -1: look into the distribution */
    size_t losers;                /* pilot losses at hand */
    double mean[2], deviation[2]; /* of their primary and secondary parts */
    double stronger_part;         /* of their sum */
};

/* --- numbers out of random bits --- */

static inline double rd_level_unit(uint64_t bits) /* [0, 1) */
{
    return (double)(int64_t)(bits >> 11) * 0x1p-53;
}

static inline double rd_level_open_unit(uint64_t bits) /* (0, 1) */
{
    return ((double)(int64_t)(bits >> 12) + 0.5) * 0x1p-52;
}

/* --- level_fixed.c: what is the same for all campaigns of one draw --- */

/* Value of this input at the level's draw. */
static inline double rd_level_at(const struct level *l, int input)
{
    return l->m->inputs.item[input].x[l->draw];
}
/* Primary loss of this outcome into *loss_out, negative when there is none; the ceiling is the
 * year's business. */
rd_status rd_level_loss_of(struct level *l, const double measure[RD_MEASURES], double *loss_out);
double rd_level_evade_queries(
    const struct level *l, const struct rd_risk_evidence *e, double limit);
/* Share of objects that fall within q queries each. */
double rd_level_chance_within(const struct level *l, int layer, double q);
/* Measure m of this run with so many rows (poisoned samples). */
double rd_level_measure_at(const struct level *l, int layer, int m, size_t run, double rows);
/* Poison: samples that survive screening, days, decisions. Infer: what tpr and fpr come to among
 * the candidates (CONTRACTS: bridges). */
void rd_level_around(const struct level *l, int layer, double measure[RD_MEASURES]);

void rd_level_draw_weights(struct level *l);
void rd_level_draw_factors(struct level *l);
rd_status rd_level_fill_table(struct level *l);
rd_status rd_level_find_just_enough(struct level *l);
void rd_level_sum_exactly(struct level *l);
void rd_level_take_word(struct level *l);

/* --- campaigns.c --- */

/* Campaigns that are looked at together; those of a year stand together. */
struct rd_level_batch {
    size_t n;
    uint32_t block[CAMPAIGNS + SPARE]; /* the campaign's first block */
    uint64_t index[CAMPAIGNS + SPARE]; /* of the stream that it is in */
    uint16_t year[CAMPAIGNS + SPARE];  /* any number that tells years apart */
    /* what comes of them */
    double primary[CAMPAIGNS];   /* negative: no loss */
    uint8_t stronger[CAMPAIGNS]; /* 1: it took an attack stronger than those tried */
    size_t n_losses;
    uint16_t loss[CAMPAIGNS]; /* which are losses; of a one-shot theft the first of a year */
    double on_top[CAMPAIGNS]; /* of each loss: what comes on top, per_loss included */
    /* random numbers */
    uint64_t outcome[2][CAMPAIGNS], means[2][CAMPAIGNS];
    uint8_t met[CAMPAIGNS]; /* layer, where there are several */
    uint32_t at[CAMPAIGNS];
    uint64_t of[CAMPAIGNS], bits[2][CAMPAIGNS];
    uint16_t follow[CAMPAIGNS];
};
/* From n, block, index, year to the rest. */
rd_status rd_level_campaigns(
    struct level *l, const struct rd_rng *stream, struct rd_level_batch *batch);
/* Losses of n campaigns (at most PILOT_BIG) outside of any year, into scratch; mean, deviation,
 * stronger_part, and s where it is not exact. */
rd_status rd_level_pilot(struct level *l, size_t n);

/* --- years.c --- */

enum { PILOT_BIG = 4096, PILOT_BIG_RATE = 16 }; /* P(more than 64 a year) is below 1e-18 */
/* All years of the level into loss. *stronger_out: sum of what stronger attacks made; *lossy_out:
 * years with a loss. Above PILOT_BIG_RATE campaigns a year a pilot must have flown. */
rd_status rd_level_years(struct level *l, double *loss, double *stronger_out, size_t *lossy_out);

#endif
