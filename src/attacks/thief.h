/*
 * thief.h - what every theft by training does: ask, keep the answers, train a student on them.
 */
#ifndef RD_ATTACKS_THIEF_H
#define RD_ATTACKS_THIEF_H

#include "attacks/job.h"

/* What one theft knows so far. Everything in the run's scratch. */
struct rd_answers {
    size_t inputs, classes, n; /* n: rows answered */
    float *x;                  /* (room, inputs) what is asked: filled by the attack */
    int *label;                /* (room) */
    float *soft;               /* (room, classes) distributions, or NULL: labels only */
    bool probabilities;        /* what the target's scores are */
};

rd_status rd_answers_new(struct rd_run *run, const struct rd_oracle *oracle, size_t room,
    bool with_scores, struct rd_answers *a);
/* Ask about rows a->n .. upto-1 of a->x. */
rd_status rd_answers_ask(
    struct rd_run *run, const struct rd_oracle *oracle, struct rd_answers *a, size_t upto);

struct rd_thief_training {
    double learning_rate; /* peak of the one-cycle schedule */
    int64_t epochs, batch;
};
/* Few rows get small batches and more epochs: a copy sees at least 200 steps. */
size_t rd_thief_batch(const struct rd_thief_training *how, size_t rows);
size_t rd_thief_epochs(const struct rd_thief_training *how, size_t rows);
/* A fresh student on n rows, kept in arena. soft NULL: labels. */
rd_status rd_thief_train(struct rd_run *run, const struct rd_thief_training *how,
    const struct rd_graph *student, const float *x, const int *label, const float *soft, size_t n,
    struct rd_arena *arena, struct rd_graph **copy_out);
/* Upper bound of the rows that training passes, for the curve's points at queries >> k. */
double rd_thief_train_rows(const struct rd_thief_training *how, double queries, int64_t points);

/* The thief who asks nothing: the pool's own labels (job->rows is 0). */
rd_status rd_thief_without_query(
    struct rd_run *run, const struct rd_thief_training *how, struct rd_extract_job *job);

/* Points of a learning curve with fewer rows are left out. */
enum { RD_THIEF_LEAST = 10 };

#endif
