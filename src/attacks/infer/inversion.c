/*
 * inversion - an input that makes one class as sure as can be (MIFace).
 *
 * From the middle of the box, steps up the victim's certainty of the class, each followed by a
 * little smoothing where the input is an image, until it gains nothing more. Gradients are the
 * victim's own where they are given; from scores alone they are estimated by antithetic random
 * probes.
 *
 * Source: Fredrikson, Jha, Ristenpart 2015, "Model inversion attacks that exploit confidence
 * information and basic countermeasures", CCS, algorithm 1. Estimate: Ilyas, Engstrom, Athalye, Lin
 * 2018, arXiv:1804.08598, section 2.1.
 */
#include "attacks/infer/confidence.h"
#include "attacks/job.h"
#include "stats/dist.h"

#include <math.h>
#include <string.h>

/* Steps without a better value after which a class is done. */
enum { PATIENCE = 50, IMAGE_LEAST = 8 };

/* Deviation of a probe, as a share of the box. */
#define PROBE 0.02

struct inversion {
    int64_t runs, steps, evaluations;
    double step_size, smoothing;
    const char *signal;
};

static const char *const signals[] = { "gradients", "scores", NULL };

static const struct rd_option options[] = {
    RD_CHOICE(struct inversion, signal, "signal", "gradients", signals,
        "what is read: gradients, or scores alone"),
    RD_INT(struct inversion, steps, "steps", "200", 1, 100000, "steps",
        "steps for each class at most"),
    RD_REAL(struct inversion, step_size, "step-size", "0.05", 0.0001, 1, "of the box",
        "mean change of an input in one step"),
    RD_REAL(struct inversion, smoothing, "smoothing", "0.1", 0, 1, "",
        "share of its neighbors that a pixel takes on in each step"),
    RD_INT(struct inversion, evaluations, "evaluations", "40", 2, 100000, "rows",
        "probes of one step with scores alone"),
    RD_INT(struct inversion, runs, "runs", "3", 1, 1000, "runs", "independent victims"),
    RD_OPTION_END,
};

/* One class. */
struct climb {
    struct rd_run *run;
    const struct rd_oracle *oracle;
    const struct inversion *o;
    size_t inputs, planes, rows, columns; /* planes 0: no image */
    int label;
    struct rd_rng rng;
    float *x, *grad, *probe, *score;
    double *u; /* (inputs) */
};

/* The picture's axes, from the network's own input. */
static void look_at_shape(struct climb *c, const struct rd_graph *graph)
{
    const struct rd_graph_value *v = &graph->value[graph->input[0]];
    const int n = v->ndim;

    c->planes = 0;
    if (n < 3 || n > 4 || v->dim[n - 1] < IMAGE_LEAST || v->dim[n - 2] < IMAGE_LEAST)
        return;
    c->rows = (size_t)v->dim[n - 2];
    c->columns = (size_t)v->dim[n - 1];
    if (c->inputs % (c->rows * c->columns) == 0)
        c->planes = c->inputs / (c->rows * c->columns);
}

/* Each pixel a little toward the mean of those beside it. */
static void smooth(struct climb *c)
{
    const float share = (float)c->o->smoothing;
    const size_t h = c->rows, w = c->columns;

    memcpy(c->grad, c->x, c->inputs * sizeof *c->x); /* grad is free between steps */
    for (size_t p = 0; p < c->planes; p++)
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < w; j++) {
                const float *from = c->grad + p * h * w;
                float sum = 0, n = 0;

                for (size_t a = i ? i - 1 : 0; a <= i + 1 && a < h; a++)
                    for (size_t b = j ? j - 1 : 0; b <= j + 1 && b < w; b++) {
                        sum += from[a * w + b];
                        n++;
                    }
                c->x[p * h * w + i * w + j] = (1 - share) * from[i * w + j] + share * sum / n;
            }
}

static double certainty(const struct climb *c, const float *score)
{
    return rd_confidence(
        score, c->oracle->classes, (size_t)c->label, c->oracle->scores_are_probabilities);
}

/* Uphill into grad, and how sure the victim is at x. */
static rd_status by_scores(struct climb *c, double *sure_out)
{
    const size_t pairs = (size_t)c->o->evaluations / 2, classes = c->oracle->classes;
    const double sd = PROBE * ((double)c->oracle->high - (double)c->oracle->low);
    const struct rd_rows rows = { .x = c->probe, .n = 3 };
    rd_status st = RD_OK;

    memset(c->grad, 0, c->inputs * sizeof *c->grad);
    for (size_t e = 0; !st && e < pairs; e++) {
        double up;

        for (size_t k = 0; k < c->inputs; k++) {
            c->u[k] = rd_normal_draw(&c->rng);
            c->probe[k] = c->x[k] + (float)(sd * c->u[k]);
            c->probe[c->inputs + k] = c->x[k] - (float)(sd * c->u[k]);
            c->probe[2 * c->inputs + k] = c->x[k];
        }
        st = c->oracle->scores(c->oracle->self,
            e ? &(struct rd_rows){ .x = c->probe, .n = 2 } : &rows, c->score, c->run->err);
        if (st)
            return st;
        if (!e)
            *sure_out = certainty(c, c->score + 2 * classes);
        up = certainty(c, c->score) - certainty(c, c->score + classes);
        for (size_t k = 0; k < c->inputs; k++)
            c->grad[k] += (float)(up * c->u[k]);
    }
    return st;
}

static rd_status by_gradients(struct climb *c, double *sure_out)
{
    const struct rd_rows rows = { .x = c->x, .n = 1 };
    float loss;
    const rd_status st =
        c->oracle->loss_gradient(c->oracle->self, &rows, &c->label, c->grad, &loss, c->run->err);

    for (size_t k = 0; k < c->inputs; k++)
        c->grad[k] = -c->grad[k];
    *sure_out = -(double)loss;
    return st;
}

/* Mean absolute change is the step size. A gradient of nothing moves nothing. */
static void step(struct climb *c)
{
    const float low = c->oracle->low, high = c->oracle->high;
    double sum = 0;

    for (size_t k = 0; k < c->inputs; k++)
        sum += fabs((double)c->grad[k]);
    if (!(sum > 0))
        return;
    sum = c->o->step_size * (double)(high - low) * (double)c->inputs / sum;
    for (size_t k = 0; k < c->inputs; k++) {
        const float v = c->x[k] + (float)(sum * (double)c->grad[k]);

        c->x[k] = v < low ? low : v > high ? high : v;
    }
}

static rd_status climb(struct climb *c, float *best)
{
    double most = -INFINITY, sure = -INFINITY;
    int64_t since = 0;
    rd_status st = RD_OK;

    for (int64_t t = 0; !st && t < c->o->steps && since < PATIENCE; t++) {
        st = strcmp(c->o->signal, "scores") ? by_gradients(c, &sure) : by_scores(c, &sure);
        if (st)
            return st;
        since++;
        if (sure > most) {
            most = sure;
            since = 0;
            memcpy(best, c->x, c->inputs * sizeof *best);
        }
        step(c);
        if (c->planes)
            smooth(c);
    }
    return st;
}

static rd_status infer(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_infer_job *job)
{
    const size_t inputs = oracle->inputs;
    struct climb c = { .run = run, .oracle = oracle, .o = opts, .inputs = inputs };
    rd_status st = RD_OK;

    c.x = RD_NEW_ARRAY(run->scratch, float, inputs);
    c.grad = RD_NEW_ARRAY(run->scratch, float, inputs);
    c.probe = RD_NEW_ARRAY(run->scratch, float, 3 * inputs);
    c.score = RD_NEW_ARRAY(run->scratch, float, 3 * oracle->classes);
    c.u = RD_NEW_ARRAY(run->scratch, double, inputs);
    if (!c.x || !c.grad || !c.probe || !c.score || !c.u)
        return rd_run_no_memory(run, "inversion");
    look_at_shape(&c, job->recipe->graph);
    for (size_t i = 0; !st && i < job->n; i++) {
        c.label = job->label[i];
        c.rng = rd_rng_stream(run->seed, "inversion", job->example[i]);
        memcpy(c.x, job->rebuilt + i * inputs, inputs * sizeof *c.x);
        st = rd_run_step(run, "inverting", i, job->n);
        if (!st)
            st = climb(&c, job->rebuilt + i * inputs);
    }
    return st;
}

static unsigned needs(const void *opts)
{
    const struct inversion *o = opts;

    return strcmp(o->signal, "scores") ? RD_ACCESS_GRADIENTS : RD_ACCESS_SCORES;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct inversion *o = opts;
    const double steps = (double)o->steps * (double)n;

    if (strcmp(o->signal, "scores"))
        *cost_out = (struct rd_cost){ .gradients = steps };
    else
        *cost_out = (struct rd_cost){ .rows = steps * ((double)o->evaluations + 1) };
}

const struct rd_attack rd_attack_inversion = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_INFER,
    .task = RD_INFER_INVERSION,
    .name = "inversion",
    .version = 1,
    .summary = "what a class looks like, from the model alone (MIFace)",
    .source = "Fredrikson, Jha, Ristenpart 2015, CCS, algorithm 1",
    .departs = "shows what a class has in common, not a training example; steps of equal length; "
               "a box blur in place of the paper's denoising network",
    .atlas = "AML.T0024.001",
    .access = RD_ACCESS_SCORES,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct inversion),
    .infer = infer,
    .needs = needs,
    .cost = cost,
};
