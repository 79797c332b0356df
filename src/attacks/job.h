/*
 * job.h - what the harness hands to an attack and takes back.
 *
 * The attack proposes, the harness disposes: it clips every proposal into the ball and the box,
 * asks the target again and judges. Nothing an attack writes here counts as a success by itself.
 */
#ifndef RD_ATTACKS_JOB_H
#define RD_ATTACKS_JOB_H

#include "base/rng.h"
#include "base/run.h"
#include "graph/graph.h"

#include <redoubt/attack.h>

struct rd_evade_job {
    const float *x;   /* (n, inputs), inside the box; the target answers each one rightly */
    const int *label; /* (n), the right class */
    const uint64_t
        *example; /* (n), keys each example's random stream: (run->seed, attack, example[i]) */
    size_t n;
    enum rd_norm norm;
    double eps;    /* radius of the ball asked for now; a curve asks for several */
    double share;  /* eps over the option's eps: step sizes scale with it */
    uint64_t rows; /* each example may spend so many; UINT64_MAX: no bound */
    /*
     * (n), set by the harness as soon as an answer shows an example misclassified inside ball and
     * box. It keeps that row: the example needs no more work.
     */
    const bool *done;
    float *x_adv; /* (n, inputs): the proposals; they start as x */
};

/* The examples not done yet, in order, into live (room for n). Returns how many. */
size_t rd_evade_live(const struct rd_evade_job *job, size_t *live);
/* Copy the live examples' rows of all (n, inputs) side by side into packed. */
void rd_evade_pack(
    const float *all, const size_t *live, size_t n_live, size_t inputs, float *packed);

struct rd_extract_job {
    size_t run; /* which of the independent thefts this is: 0.. */
    const float
        *pool; /* (n_pool, inputs): what the thief owns and may query; NULL when n_pool is 0 */
    size_t n_pool;
    /*
     * The pool's own labels, given in one case: rows is 0. Then the copy is the best that can be
     * made without a single query, which a theft is measured against.
     */
    const int *pool_label;
    uint64_t rows;                  /* this theft may spend so many; UINT64_MAX: no bound */
    const struct rd_graph *student; /* shape of the copy: copy it, then rd_graph_init_weights */
    /*
     * Have the copy as it now is measured, against the queries spent so far (which the harness
     * counts): a point of the thief's learning curve. The last one handed in is the loot.
     */
    rd_status (*show)(
        struct rd_extract_job *job, const struct rd_graph *copy, struct rd_error *err);
    void *harness; /* behind show */
};

/* --- the ball and the box: what PGD projects with is what the harness judges with --- */

/* Nearest point of the ball (of radius eps about x) and the box, never outside either in float32 or
 * float64 arithmetic. norm RD_LINF or RD_L2. Returns whether row had to be changed. */
bool rd_ball_clip(enum rd_norm norm, double eps, const float *x, float low, float high, float *row,
    size_t inputs);
/* Linf: the smallest and largest value each input may take; lo, hi (inputs). */
void rd_ball_bounds(
    double eps, const float *x, float low, float high, float *lo, float *hi, size_t inputs);
bool rd_ball_holds(enum rd_norm norm, double eps, const float *x, float low, float high,
    const float *row, size_t inputs);
double rd_ball_distance(enum rd_norm norm, const float *x, const float *row, size_t inputs);

#endif
