/*
 * oracle.c - the target as an attack sees it: counted, capped, and watched for the first success.
 */
#include "attacks/harness_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t who(const struct rd_rows *rows, size_t i)
{
    return rows->who ? rows->who[i] : i;
}

static rd_status check(const struct rd_counted *c, const struct rd_rows *rows, struct rd_error *err)
{
    const size_t inputs = c->oracle.inputs;

    for (size_t i = 0; i < rows->n * inputs; i++)
        if (!isfinite(rows->x[i]))
            return RD_FAIL(err, RD_E_BUG, "the attack asked about row %zu, which holds %s",
                i / inputs, isnan(rows->x[i]) ? "NaN" : "infinity");
    for (size_t i = 0; c->job && i < rows->n; i++)
        if (who(rows, i) >= c->job->n)
            return RD_FAIL(
                err, RD_E_BUG, "the attack asked for example %zu of %zu", who(rows, i), c->job->n);
    return RD_OK;
}

bool rd_lost(rd_status st)
{
    return st == RD_E_IO || st == RD_E_LIMIT;
}

static void note_loss(struct rd_harness *h, rd_status st, const struct rd_error *err)
{
    if (!rd_lost(st) || h->lost[0])
        return;
    (void)snprintf(h->lost, sizeof h->lost, "%s",
        err && err->frames ? err->frame[0].text : "the target gave no answer");
}

/* What the target's answer to a counted call came to. */
static rd_status came(struct rd_counted *c, rd_status st, const struct rd_error *err)
{
    note_loss(c->harness, st, err);
    if (rd_lost(st))
        c->lost = st;
    return st;
}

/* All rows of the call or none: nothing is asked that cannot be paid. */
static rd_status spend(struct rd_counted *c, const struct rd_rows *rows, struct rd_error *err)
{
    const rd_status st = check(c, rows, err);
    size_t i = 0;

    if (st)
        return st;
    if (!c->job) {
        if (rows->n > c->cap - c->queries) {
            c->over = true;
            return RD_FAIL(err, RD_E_LIMIT, "%zu more rows would pass the budget of %llu", rows->n,
                (unsigned long long)c->cap);
        }
    } else {
        for (; i < rows->n && c->spent[who(rows, i)] < c->cap; i++)
            c->spent[who(rows, i)]++;
        if (i < rows->n) {
            c->over = true;
            while (i-- > 0)
                c->spent[who(rows, i)]--;
            return RD_FAIL(err, RD_E_LIMIT, "one more row would pass the budget of %llu an example",
                (unsigned long long)c->cap);
        }
    }
    c->queries += rows->n;
    c->harness->rows_total += rows->n;
    return RD_OK;
}

static rd_status room_for_answers(struct rd_counted *c, size_t n, struct rd_error *err)
{
    if (n <= c->n_answer)
        return RD_OK;
    c->answer = RD_NEW_ARRAY(c->scratch, int, n);
    if (!c->answer)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu answers", n);
    c->n_answer = n;
    return RD_OK;
}

/* A wrong answer inside ball and box ends the work on its example. */
static void watch(struct rd_counted *c, const struct rd_rows *rows, const int *answer)
{
    const struct rd_evade_job *job = c->job;
    const size_t inputs = c->oracle.inputs;

    for (size_t i = 0; job && i < rows->n; i++) {
        const size_t e = who(rows, i);
        const float *row = rows->x + i * inputs;

        if (c->done[e] || answer[i] == job->label[e] ||
            !rd_ball_holds(job->norm, job->eps, job->x + e * inputs, c->oracle.low, c->oracle.high,
                row, inputs))
            continue;
        c->done[e] = true;
        c->first[e] = c->spent[e];
        memcpy(c->won + e * inputs, row, inputs * sizeof *row);
    }
}

static rd_status labels(void *self, const struct rd_rows *rows, int *label, struct rd_error *err)
{
    struct rd_counted *c = self;
    rd_status st = spend(c, rows, err);

    if (!st)
        st = came(c, c->target->labels(c->target->self, rows->x, rows->n, label, err), err);
    if (!st)
        watch(c, rows, label);
    return st;
}

static rd_status scores(void *self, const struct rd_rows *rows, float *score, struct rd_error *err)
{
    struct rd_counted *c = self;
    rd_status st = room_for_answers(c, rows->n, err);

    if (!st)
        st = spend(c, rows, err);
    if (!st)
        st = came(c, c->target->scores(c->target->self, rows->x, rows->n, score, err), err);
    for (size_t i = 0; !st && i < rows->n; i++)
        c->answer[i] = rd_target_argmax(score + i * c->oracle.classes, c->oracle.classes);
    if (!st)
        watch(c, rows, c->answer);
    return st;
}

static rd_status vjp(void *self, const struct rd_rows *rows, const float *cotangent, float *grad,
    struct rd_error *err)
{
    struct rd_counted *c = self;
    rd_status st = spend(c, rows, err);

    if (st)
        return st;
    c->gradients += rows->n;
    return came(c, c->target->vjp(c->target->self, rows->x, cotangent, rows->n, grad, err), err);
}

static rd_status loss_gradient(void *self, const struct rd_rows *rows, const int *label,
    float *grad, float *loss, struct rd_error *err)
{
    struct rd_counted *c = self;
    rd_status st = room_for_answers(c, rows->n, err);

    if (!st)
        st = spend(c, rows, err);
    if (st)
        return st;
    c->gradients += rows->n;
    st = c->target->loss_gradient(
        c->target->self, rows->x, label, rows->n, grad, loss, c->answer, err);
    (void)came(c, st, err);
    if (!st)
        watch(c, rows, c->answer);
    return st;
}

rd_status rd_counted_init(struct rd_counted *c, struct rd_harness *h,
    const struct rd_evade_job *job, uint64_t cap, struct rd_arena *scratch)
{
    struct rd_target *t = h->request->target;

    *c = (struct rd_counted){
        .oracle = {
            .self = c,
            .inputs = t->inputs,
            .classes = t->classes,
            .low = h->low,
            .high = h->high,
            .scores_are_probabilities = h->scores_are_probabilities,
            .labels = h->granted & RD_ACCESS_LABELS ? labels : NULL,
            .scores = h->granted & RD_ACCESS_SCORES ? scores : NULL,
            .vjp = h->granted & RD_ACCESS_GRADIENTS ? vjp : NULL,
            .loss_gradient = h->granted & RD_ACCESS_GRADIENTS ? loss_gradient : NULL,
        },
        .harness = h,
        .target = t,
        .scratch = scratch,
        .cap = cap,
        .job = job,
    };
    if (!job)
        return RD_OK;
    c->spent = RD_NEW_ARRAY(scratch, uint64_t, job->n);
    c->first = RD_NEW_ARRAY(scratch, uint64_t, job->n);
    c->done = RD_NEW_ARRAY(scratch, bool, job->n);
    c->won = RD_NEW_ARRAY(scratch, float, job->n * t->inputs);
    if (!c->spent || !c->first || !c->done || !c->won)
        return rd_run_no_memory(h->run, "the meter");
    return RD_OK;
}

rd_status rd_harness_ask(struct rd_harness *h, const float *x, size_t n, int *label)
{
    struct rd_target *t = h->request->target;
    const rd_status st = t->labels(t->self, x, n, label, h->run->err);

    note_loss(h, st, h->run->err);
    if (st)
        return RD_WRAP(h->run->err, st, "asking '%s' for %zu labels", t->label, n);
    h->rows_total += n;
    return RD_OK;
}
