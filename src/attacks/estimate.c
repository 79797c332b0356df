/*
 * estimate.c - what a trial would cost, before anything is asked for its sake.
 *
 * Rows are counted from the attack's own statement, an upper bound: examples that fall early cost
 * less. Seconds come from asking the target about a few rows of the evaluation data and, for a
 * theft, from training its student on them for one epoch. Where victims are trained, rows are those
 * of their training, and a short training gives the seconds.
 */
#include "attacks/harness_parts.h"
#include "attacks/poisoning.h"

#include "graph/net.h"

#include <math.h>
#include <time.h>

enum { TIMING_ROWS = 64, RECIPE_ROWS = 256 };

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct timing {
    double label, gradient, train; /* seconds a row */
};

static rd_status time_target(struct rd_harness *h, size_t n, struct timing *t)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_target *target = h->request->target;
    int *label = RD_NEW_ARRAY(h->run->scratch, int, n);
    float *grad = RD_NEW_ARRAY(h->run->scratch, float, n * d->width);
    double start;
    rd_status st;

    if (target && target->seconds_per_row > 0) { /* an endpoint: an estimate sends nothing */
        t->label = target->seconds_per_row;
        return RD_OK;
    }
    if (!label || !grad)
        return rd_run_no_memory(h->run, "timing");
    st = rd_harness_ask(h, d->x, n, label); /* the first call also warms up */
    start = now();
    if (!st)
        st = rd_harness_ask(h, d->x, n, label);
    t->label = (now() - start) / (double)n;
    if (st || !(h->granted & RD_ACCESS_GRADIENTS))
        return st;
    st = target->loss_gradient(target->self, d->x, label, n, grad, NULL, NULL, h->run->err);
    start = now();
    if (!st)
        st = target->loss_gradient(target->self, d->x, label, n, grad, NULL, NULL, h->run->err);
    t->gradient = (now() - start) / (double)n;
    return st;
}

static rd_status time_student(struct rd_harness *h, size_t n, struct timing *t)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh, *trained;
    int *label = RD_NEW_ARRAY(h->run->scratch, int, n);
    double start;
    rd_status st;

    if (!label)
        return rd_run_no_memory(h->run, "timing");
    how.epochs = 2;
    st = rd_harness_student(h);
    if (!st)
        st = rd_graph_copy(h->student, h->run->scratch, &fresh, h->run->err);
    if (!st)
        st = rd_graph_init_weights(fresh, 1, h->run->err);
    start = now();
    if (!st)
        st = rd_net_train(
            h->run, fresh, &how, d->x, label, NULL, n, h->run->scratch, &trained, &report);
    t->train = (now() - start) / (double)(n * how.epochs);
    return st;
}

static double rows_in_all(const struct rd_harness *h, struct rd_cost *cost)
{
    const struct rd_trial_request *r = h->request;
    const double n = (double)r->eval->n, runs = (double)r->runs;

    if (r->attack->kind == RD_EVADE) {
        const double points =
            rd_request_number(r, "eps") > 0 ? fmax(1, (double)r->curve_points) : 1;

        if (r->budget) { /* the target never answers more to one pass */
            const double all = cost->rows + cost->gradients;
            const double share = fmin(1, (double)r->budget / fmax(all, 1));

            cost->rows *= share;
            cost->gradients *= share;
        }
        cost->rows *= points;
        cost->gradients *= points;
        return n + cost->rows + cost->gradients + n * points;
    }
    if (r->budget)
        cost->rows = fmin(cost->rows, (double)r->budget);
    if (r->target->quota)
        cost->rows = fmin(cost->rows, (double)r->target->quota);
    cost->rows *= runs;
    cost->train_rows *= runs;
    if (r->pool && r->pool_is_labeled) {
        const double epochs = rd_request_number(r, "epochs");

        cost->train_rows += runs * (double)r->pool->n * (isnan(epochs) ? 1 : epochs);
    }
    return n + cost->rows;
}

/* Seconds a row of one epoch, on one thread. */
static rd_status time_recipe(struct rd_harness *h, double *seconds_out)
{
    const struct rd_recipe *recipe = h->request->recipe;
    const struct rd_dataset *d = recipe->data;
    const size_t n = d->n < RECIPE_ROWS ? d->n : RECIPE_ROWS;
    struct rd_recipe bare = { .graph = recipe->graph, .how = recipe->how };
    struct rd_run inner = *h->run;
    struct rd_recipe_report report;
    struct rd_dataset few = *d;
    struct rd_graph *trained;
    double start;
    rd_status st = RD_OK;

    few.n = n;
    inner.pool = NULL;
    for (size_t epochs = 1; !st && epochs <= 2; epochs++) { /* the first also warms up */
        bare.how.epochs = epochs;
        start = now();
        st = rd_recipe_train(&inner, &bare, &few, 1, h->run->scratch, &trained, &report);
        *seconds_out = (now() - start) / (double)(n * epochs);
    }
    return st;
}

/* Victims and, in poisoning, controls and what the curve needs beside. */
static double victims_of(const struct rd_trial_request *r)
{
    const double runs = (double)r->runs;

    if (r->attack->kind == RD_INFER)
        return runs;
    return runs * (1 + (r->curve_points >= 2 ? RD_POISON_POINTS : 1));
}

/* What one victim is asked about; inversion asks for classes. */
static size_t examples_of(const struct rd_trial_request *r)
{
    const struct rd_dataset *d = r->recipe->data;

    if (r->attack->kind == RD_INFER && r->attack->task == RD_INFER_INVERSION)
        return (size_t)d->classes;
    return d->n + (r->attack->kind == RD_INFER && r->eval ? r->eval->n : 0);
}

/* Nothing is asked of a target: the cost is training, victims side by side. */
static rd_status estimate_victims(struct rd_harness *h, struct rd_estimate *out)
{
    const struct rd_trial_request *r = h->request;
    struct rd_cost cost = { 0 };
    double rows, row = 0, threads = (double)rd_pool_threads(h->run->pool);
    rd_status st;

    *out = (struct rd_estimate){ 0 };
    if (!r->recipe) /* a recommender: small, and trained in no time */
        return RD_OK;
    if (!r->recipe->data->n || !r->recipe->data->label)
        return RD_FAIL(h->run->err, RD_E_INPUT, "the training data has no %s",
            r->recipe->data->n ? "labels" : "examples");
    st = time_recipe(h, &row);
    if (st)
        return RD_WRAP(h->run->err, st, "estimating %s", r->attack->name);
    if (r->attack->cost) /* rows of one pass; how many passes is the recipe's matter */
        r->attack->cost(r->options, examples_of(r), &cost);
    rows = (double)r->recipe->how.epochs *
           (victims_of(r) * (double)r->recipe->data->n + (double)r->runs * cost.train_rows);
    out->train_rows = (uint64_t)fmin(rows, 9e18);
    if (r->attack->kind == RD_INFER) { /* victims of one's own answer for nothing */
        out->rows = (uint64_t)fmin((double)r->runs * (cost.rows + cost.gradients), 9e18);
        out->gradients = (uint64_t)fmin((double)r->runs * cost.gradients, 9e18);
    }
    out->seconds = rows * row / threads;
    return RD_OK;
}

/* Whoever holds the file asks at home, for nothing. */
static double money(const struct rd_trial_request *r, double rows)
{
    return r->actor_access & RD_ACCESS_FILES ? 0 : rows / 1000 * r->target->price_per_1000;
}

rd_status rd_estimate_within(struct rd_harness *h, struct rd_estimate *out)
{
    const struct rd_trial_request *r = h->request;
    const bool theft = r->attack->kind == RD_EXTRACT;
    const size_t timing = r->eval && r->eval->n < TIMING_ROWS ? r->eval->n : TIMING_ROWS;
    struct timing t = { 0 };
    struct rd_cost cost = { 0 };
    double all;
    rd_status st;

    if (r->attack->kind == RD_POISON || r->attack->kind == RD_INFER)
        return estimate_victims(h, out);
    if (!r->eval->n)
        return RD_FAIL(h->run->err, RD_E_INPUT, "the evaluation data has no examples");
    st = rd_gate_shape(r->target, r->eval, "evaluation data", h->run->err);
    if (!st)
        st = time_target(h, timing, &t);
    if (!st && theft)
        st = time_student(h, timing, &t);
    if (st)
        return RD_WRAP(h->run->err, st, "estimating %s", r->attack->name);
    if (r->attack->cost)
        r->attack->cost(r->options, theft ? (r->pool ? r->pool->n : 0) : r->eval->n, &cost);
    all = rows_in_all(h, &cost);
    *out = (struct rd_estimate){
        .rows = (uint64_t)fmin(all, 9e18),
        .gradients = (uint64_t)fmin(cost.gradients, 9e18),
        .seconds = (all - cost.gradients) * t.label + cost.gradients * t.gradient +
                   cost.train_rows * t.train,
        .money = money(r, all),
        .train_rows = (uint64_t)fmin(cost.train_rows, 9e18),
    };
    return RD_OK;
}
