/* level_parts.h - what the two files of a scenario's level share; for level.c and level_fixed.c
 * alone. */
#ifndef RD_RISK_LEVEL_PARTS_H
#define RD_RISK_LEVEL_PARTS_H

#include "risk/model.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum {
    ONE_BY_ONE = 64,     /* campaigns of a year that are simulated singly */
    PILOT = 256,         /* campaigns that S is estimated from */
    PILOT_BIG = 4096,    /* where years may hold more than ONE_BY_ONE */
    PILOT_BIG_RATE = 16, /* P(more than 64) is below 1e-18 at this rate */
    POISSON_TABLE = 48,  /* counts that are looked up, for rates below 8: P(more) is below 1e-20 */
    RUNS_KEPT = 16,
    GUIDE = 64,
    CHUNK = 64 /* years whose random numbers are computed side by side */
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
#define BLOCK_COUNT 0x7fffffffu /* campaigns of this year and the next */
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
    size_t guide[LAYERS][GUIDE];  /* evade, exact: into the distribution of successes */
    size_t losers;                /* pilot losses at hand */
    double mean[2], deviation[2]; /* of their primary and secondary parts */
    double stronger_part;         /* of their sum */
};

/* --- random numbers by place --- */

struct luck {
    uint32_t key[2], counter[4];
    const uint64_t *outcome, *means; /* of campaign 0, where they were computed before; or NULL */
};

static inline struct luck luck_of(const struct rd_rng *stream)
{
    struct luck k = { .outcome = NULL };

    memcpy(k.key, stream->key, sizeof k.key);
    memcpy(k.counter, stream->counter, sizeof k.counter);
    return k;
}

static inline void move_to(struct luck *k, uint64_t index)
{
    k->counter[2] = (uint32_t)index;
    k->counter[3] = (uint32_t)(index >> 32);
}

/* The two 64-bit numbers of a block, as rd_rng_u64 would hand them out. */
static inline void block_at(const struct luck *k, uint32_t block, uint64_t out[2])
{
    const uint32_t counter[4] = { block, k->counter[1], k->counter[2], k->counter[3] };
    uint32_t word[4];

    rd_philox4x32(counter, k->key, word);
    out[0] = word[0] | (uint64_t)word[1] << 32;
    out[1] = word[2] | (uint64_t)word[3] << 32;
}

static inline double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

static inline double open_unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

/* --- level_fixed.c: what is the same for all campaigns of one draw --- */

rd_status rd_level_loss_of(struct level *l, const double measure[RD_MEASURES], double *loss_out);
double rd_level_at(const struct level *l, int input);
double rd_level_evade_queries(
    const struct level *l, const struct rd_risk_evidence *e, double limit);
void rd_level_draw_weights(struct level *l);
double rd_level_chance_within(const struct level *l, int layer, double q);
void rd_level_draw_factors(struct level *l);
rd_status rd_level_fill_table(struct level *l);
void rd_level_around(const struct level *l, int layer, double measure[RD_MEASURES]);
rd_status rd_level_find_just_enough(struct level *l);
void rd_level_sum_exactly(struct level *l);
void rd_level_take_word(struct level *l);

#endif
