/*
 * pgd - projected gradient ascent on the loss, from the example and from random points of the ball.
 *
 *   Linf: x <- P(x + step * sign(g))      L2: x <- P(x + step * g / ||g||)
 *
 * P projects onto the ball about the original and the box. An example leaves the batch as soon as
 * an answer shows it misclassified: on an undefended network most of the work is never done.
 *
 * Source: Madry, Makelov, Schmidt, Tsipras, Vladu 2018, arXiv:1706.06083, section 2.1.
 */
#include "attacks/job.h"

#include <math.h>
#include <string.h>

struct pgd {
    double eps, step_size;
    int64_t steps, starts;
    bool random_start;
};

static const struct rd_option options[] = {
    RD_REAL(struct pgd, eps, "eps", "8/255", 0, 1e6, "input units", "radius of the ball"),
    RD_REAL(struct pgd, step_size, "step-size", "0", 0, 1e6, "input units",
        "length of one step; 0: 2.5 x eps / steps"),
    RD_INT(struct pgd, steps, "steps", "40", 1, 100000, "steps", "gradient steps from each start"),
    RD_INT(struct pgd, starts, "restarts", "1", 1, 1000, "starts",
        "how often to begin, each time from another random point"),
    RD_BOOL(struct pgd, random_start, "random-start", "no",
        "begin the first time at a random point too, else at the example"),
    RD_OPTION_END,
};

/* The examples still fought for, side by side, and where each may go. */
struct work {
    size_t inputs;
    size_t *live;
    int *label;
    float *x, *grad; /* (n_live, inputs) */
    float *lo, *hi;  /* (n, inputs): Linf only */
};

static rd_status work_new(
    struct rd_run *run, const struct rd_evade_job *job, size_t inputs, struct work *w)
{
    const size_t n = job->n;

    *w = (struct work){
        .inputs = inputs,
        .live = RD_NEW_ARRAY(run->scratch, size_t, n),
        .label = RD_NEW_ARRAY(run->scratch, int, n),
        .x = RD_NEW_ARRAY(run->scratch, float, n *inputs),
        .grad = RD_NEW_ARRAY(run->scratch, float, n *inputs),
    };
    if (!w->live || !w->label || !w->x || !w->grad)
        return rd_run_no_memory(run, "examples");
    if (job->norm == RD_L2)
        return RD_OK;
    w->lo = RD_NEW_ARRAY(run->scratch, float, n *inputs);
    w->hi = RD_NEW_ARRAY(run->scratch, float, n *inputs);
    return w->lo && w->hi ? RD_OK : rd_run_no_memory(run, "bounds");
}

static double normal(struct rd_rng *r)
{
    const double u = 1 - rd_rng_unit(r), v = rd_rng_unit(r); /* Box and Muller 1958 */

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* A point drawn evenly from the ball, into row (which holds x). */
static void scatter(const struct rd_evade_job *job, struct rd_rng *r, float *row, size_t inputs)
{
    double norm = 0, radius;

    if (job->norm != RD_L2) {
        for (size_t i = 0; i < inputs; i++)
            row[i] += (float)(job->eps * (2 * rd_rng_unit(r) - 1));
        return;
    }
    /* A normal direction, and a radius whose inputs-th power is even (inverse of the volume). */
    radius = job->eps * pow(rd_rng_unit(r), 1 / (double)inputs);
    struct rd_rng again = *r;
    for (size_t i = 0; i < inputs; i++) {
        const double z = normal(&again);
        norm += z * z;
    }
    norm = sqrt(norm);
    for (size_t i = 0; i < inputs; i++)
        row[i] += (float)(norm > 0 ? radius * normal(r) / norm : 0);
}

static void project(const struct rd_oracle *oracle, const struct rd_evade_job *job,
    const struct work *w, size_t example, float *row)
{
    const size_t inputs = w->inputs;
    const float *lo, *hi;

    if (job->norm == RD_L2) {
        (void)rd_ball_clip(
            RD_L2, job->eps, job->x + example * inputs, oracle->low, oracle->high, row, inputs);
        return;
    }
    lo = w->lo + example * inputs;
    hi = w->hi + example * inputs;
    for (size_t i = 0; i < inputs; i++) {
        const float v = row[i] < lo[i] ? lo[i] : row[i];
        row[i] = v > hi[i] ? hi[i] : v;
    }
}

static void ascend(enum rd_norm norm, double step, const float *g, float *row, size_t inputs)
{
    const float s = (float)step;
    double length = 0;

    if (norm != RD_L2) {
        for (size_t i = 0; i < inputs; i++)
            row[i] += s * (float)((g[i] > 0) - (g[i] < 0));
        return;
    }
    for (size_t i = 0; i < inputs; i++)
        length += (double)g[i] * g[i];
    length = sqrt(length);
    for (size_t i = 0; length > 0 && i < inputs; i++)
        row[i] += (float)(step * g[i] / length);
}

static void begin(const struct rd_run *run, const struct rd_oracle *oracle,
    const struct rd_evade_job *job, const struct work *w, uint64_t start, bool random)
{
    for (size_t i = 0; i < job->n; i++) {
        float *row = job->x_adv + i * w->inputs;
        /* 2^20 starts of each example are apart; the options allow 1,000. */
        struct rd_rng r = rd_rng_stream(run->seed, "pgd", job->example[i] << 20 | start);

        if (job->done[i])
            continue;
        memcpy(row, job->x + i * w->inputs, w->inputs * sizeof *row);
        if (random)
            scatter(job, &r, row, w->inputs);
        project(oracle, job, w, i, row);
    }
}

/* Side by side, so that the target sees one full batch. Returns how many are left. */
static size_t gather(const struct rd_evade_job *job, const struct work *w)
{
    const size_t n = rd_evade_live(job, w->live);

    rd_evade_pack(job->x_adv, w->live, n, w->inputs, w->x);
    for (size_t i = 0; i < n; i++)
        w->label[i] = job->label[w->live[i]];
    return n;
}

static rd_status evade(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_evade_job *job)
{
    const struct pgd *o = opts;
    const double step =
        o->step_size > 0 ? o->step_size * job->share : 2.5 * job->eps / (double)o->steps;
    const uint64_t starts = (uint64_t)o->starts, steps = (uint64_t)o->steps;
    uint64_t left = job->rows; /* of each example */
    struct work w;
    rd_status st = work_new(run, job, oracle->inputs, &w);

    if (st)
        return st;
    for (size_t i = 0; w.lo && i < job->n; i++)
        rd_ball_bounds(job->eps, job->x + i * w.inputs, oracle->low, oracle->high,
            w.lo + i * w.inputs, w.hi + i * w.inputs, w.inputs);
    for (uint64_t start = 0; start < starts && left; start++) {
        begin(run, oracle, job, &w, start, start || o->random_start);
        for (uint64_t t = 0; t < steps && left; t++, left--) {
            const size_t n = gather(job, &w);
            const struct rd_rows rows = { .x = w.x, .n = n, .who = w.live };

            if (!n)
                return RD_OK;
            st = rd_run_step(run, "pgd", (size_t)(start * steps + t), (size_t)(starts * steps));
            if (!st)
                st = oracle->loss_gradient(oracle->self, &rows, w.label, w.grad, NULL, run->err);
            if (st)
                return RD_WRAP(run->err, st, "gradient at step %llu", (unsigned long long)t);
            for (size_t i = 0; i < n; i++) {
                float *row = job->x_adv + w.live[i] * w.inputs;

                if (job->done[w.live[i]])
                    continue;
                ascend(job->norm, step, w.grad + i * w.inputs, row, w.inputs);
                project(oracle, job, &w, w.live[i], row);
            }
        }
        /* The last point of a start has not been seen yet; that of the last start the harness asks.
         */
        if (start + 1 < starts && left) {
            const size_t n = gather(job, &w);
            const struct rd_rows rows = { .x = w.x, .n = n, .who = w.live };

            st = n ? oracle->labels(oracle->self, &rows, w.label, run->err) : RD_OK;
            if (st)
                return RD_WRAP(run->err, st, "answers after start %llu", (unsigned long long)start);
            left--;
        }
    }
    return RD_OK;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct pgd *o = opts;

    *cost_out = (struct rd_cost){
        .rows = (double)(o->starts - 1) * (double)n,
        .gradients = (double)o->starts * (double)o->steps * (double)n,
    };
}

const struct rd_attack rd_attack_pgd = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EVADE,
    .name = "pgd",
    .version = 1,
    .summary = "projected gradient ascent on the loss, from one start or several",
    .source = "Madry, Makelov, Schmidt, Tsipras, Vladu 2018, arXiv:1706.06083, section 2.1",
    .departs = "the first start is the example itself; a misclassified example is left alone",
    .atlas = "AML.T0043.000",
    .access = RD_ACCESS_GRADIENTS | RD_ACCESS_LABELS,
    .norms = RD_LINF | RD_L2,
    .options = options,
    .options_size = sizeof(struct pgd),
    .evade = evade,
    .cost = cost,
};
