/*
 * poisoning.h - a poisoning trial, inside: victims by number of poisoned rows and by run.
 *
 * harness_poison.c poisons, trains and measures; poison_record.c makes the record of it.
 */
#ifndef RD_ATTACKS_POISONING_H
#define RD_ATTACKS_POISONING_H

#include "attacks/harness_parts.h"

enum { RD_POISON_POINTS = 5 }; /* the curve's four rates, and what was asked for */

/* One victim, or the control of a run (poisoned 0): measured on the evaluation data. */
struct rd_victim {
    double asr;       /* of triggered (or source-class) inputs; NaN: nothing is aimed at */
    double asr_clean; /* the control's, on the same inputs */
    double accuracy;
    size_t poisoned;          /* rows changed or added, found by comparing */
    size_t rows;              /* of its training data */
    size_t dropped;           /* by screens */
    double recall, precision; /* of the screens; NaN: none there, or nothing to find or flagged */
};

struct rd_poisoning {
    struct rd_harness *h;
    struct rd_dataset data; /* the recipe's, in the network's shape */
    size_t runs, classes;
    size_t n_points, main;             /* main: the budget asked for */
    size_t budget[RD_POISON_POINTS];   /* rising */
    const struct rd_graph **clean;     /* (runs) the controls */
    const struct rd_graph **reference; /* (runs) for the attack; made when it asks */
    struct rd_victim *control;         /* (runs) */
    struct rd_victim *victim;          /* (n_points, runs) */
    bool screened;
    bool aimed; /* at a class: an ASR exists; else availability, where accuracy is what is hit */
    double noticing;
};

static inline struct rd_victim *rd_poisoning_at(
    const struct rd_poisoning *p, size_t point, size_t run)
{
    return &p->victim[point * p->runs + run];
}

/* Outcome, trials, metrics, curves and traces into h->record. */
rd_status rd_poisoning_record(const struct rd_poisoning *p);

#endif
