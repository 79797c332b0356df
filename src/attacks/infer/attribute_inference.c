/*
 * attribute-inference - the value of a hidden feature that makes the known class most likely.
 *
 * For each value that the feature can take the victim is asked about the example with it; the guess
 * is the value with the largest product of the victim's probability for the true class and the
 * prior of the value. With labels alone a right answer stands for a large probability.
 *
 * Source: Fredrikson, Lantz, Jha, Lin, Page, Ristenpart 2014, "Privacy in pharmacogenetics",
 * USENIX Security, section 3; Yeom et al. 2018, arXiv:1709.01604, section 5.
 */
#include "attacks/impute.h"
#include "attacks/infer/confidence.h"
#include "attacks/job.h"

#include <math.h>
#include <string.h>

/* With labels: what a right and a wrong answer are worth, in probability. */
#define RIGHT 0.9

struct attribute_inference {
    int64_t runs, examples;
    const char *feature, *prior, *signal;
};

static const char *const priors[] = { "marginal", "imputed", "uniform", NULL };
static const char *const signals[] = { "scores", "labels", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct attribute_inference, feature, "feature", "", "NAME",
        "the hidden feature: its name, or its number from 1"),
    RD_CHOICE(struct attribute_inference, prior, "prior", "marginal", priors,
        "what is held of a value beforehand: how common it is, a guess from the rest, nothing"),
    RD_CHOICE(struct attribute_inference, signal, "signal", "scores", signals,
        "what is read: all scores, or the top label alone"),
    RD_INT(struct attribute_inference, examples, "examples", "0", 0, 10000000, "examples",
        "asked about at most, half of them members; 0: all"),
    RD_INT(struct attribute_inference, runs, "runs", "3", 1, 1000, "runs", "independent victims"),
    RD_OPTION_END,
};

/* Log of the prior of each value, for each example: (n, n_values). */
static rd_status priors_of(struct rd_run *run, const struct attribute_inference *o,
    const struct rd_infer_job *job, const struct rd_hidden *f, double *prior)
{
    const size_t values = f->n_values;
    double *count = RD_NEW_ARRAY(run->scratch, double, values);
    double all = (double)values;

    if (!count)
        return rd_run_no_memory(run, "priors");
    if (!strcmp(o->prior, "imputed") && job->data) {
        const rd_status st = rd_impute(run, f, job->data, job->x, job->label, job->n, prior);

        for (size_t i = 0; !st && i < job->n * values; i++)
            prior[i] = log(fmax(prior[i], RD_CONFIDENCE_LEAST));
        return st;
    }
    for (size_t k = 0; k < values; k++)
        count[k] = 1; /* a value nobody showed is still possible */
    for (size_t i = 0; job->data && !strcmp(o->prior, "marginal") && i < job->data->n; i++) {
        const int v = rd_hidden_value(f, job->data->x + i * job->data->width);

        count[v < 0 ? 0 : v] += v >= 0;
        all += v >= 0;
    }
    for (size_t i = 0; i < job->n; i++)
        for (size_t k = 0; k < values; k++)
            prior[i * values + k] = log(count[k] / all);
    return RD_OK;
}

/* Log probability of the true class of m examples; score (m, classes) or NULL: labels said (m). */
static void add_evidence(const struct rd_oracle *oracle, const int *label, const float *score,
    const int *said, size_t m, size_t values, double *sum)
{
    for (size_t i = 0; i < m; i++) {
        double odds;

        if (!score) {
            sum[i * values] += log(said[i] == label[i] ? RIGHT : 1 - RIGHT);
            continue;
        }
        odds = rd_confidence(score + i * oracle->classes, oracle->classes, (size_t)label[i],
            oracle->scores_are_probabilities);
        sum[i * values] += odds > 0 ? -log1p(exp(-odds)) : odds - log1p(exp(odds));
    }
}

/* Every example with value v. */
static rd_status ask(struct rd_run *run, const struct rd_oracle *oracle, bool by_label,
    const struct rd_infer_job *job, const struct rd_hidden *f, int v, double *sum)
{
    float *x = RD_NEW_ARRAY(run->scratch, float, RD_CONFIDENCE_ROWS * oracle->inputs);
    float *score = RD_NEW_ARRAY(run->scratch, float, RD_CONFIDENCE_ROWS * oracle->classes);
    int *said = RD_NEW_ARRAY(run->scratch, int, RD_CONFIDENCE_ROWS);
    rd_status st = x && score && said ? RD_OK : rd_run_no_memory(run, "questions");

    for (size_t i = 0; !st && i < job->n; i += RD_CONFIDENCE_ROWS) {
        const size_t left = job->n - i, m = left < RD_CONFIDENCE_ROWS ? left : RD_CONFIDENCE_ROWS;
        const struct rd_rows rows = { .x = x, .n = m };

        memcpy(x, job->x + i * oracle->inputs, m * oracle->inputs * sizeof *x);
        for (size_t k = 0; k < m; k++)
            rd_hidden_set(f, x + k * oracle->inputs, v);
        st = rd_run_step(run, "asking", (size_t)v * job->n + i, f->n_values * job->n);
        if (!st)
            st = by_label ? oracle->labels(oracle->self, &rows, said, run->err)
                          : oracle->scores(oracle->self, &rows, score, run->err);
        if (!st)
            add_evidence(oracle, job->label + i, by_label ? NULL : score, said, m, f->n_values,
                sum + i * f->n_values + (size_t)v);
    }
    return st;
}

static rd_status infer(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_infer_job *job)
{
    const struct attribute_inference *o = opts;
    const struct rd_hidden f = { job->feature_first, job->feature_width, job->values,
        job->n_values };
    double *sum = RD_NEW_ARRAY(run->scratch, double, job->n *f.n_values);
    rd_status st = sum ? priors_of(run, o, job, &f, sum) : rd_run_no_memory(run, "evidence");

    for (size_t v = 0; !st && v < f.n_values; v++)
        st = ask(run, oracle, !strcmp(o->signal, "labels"), job, &f, (int)v, sum);
    for (size_t i = 0; !st && i < job->n; i++) {
        size_t best = 0;

        for (size_t v = 1; v < f.n_values; v++)
            best = sum[i * f.n_values + v] > sum[i * f.n_values + best] ? v : best;
        job->guess[i] = (int)best;
    }
    return st;
}

static unsigned needs(const void *opts)
{
    const struct attribute_inference *o = opts;

    return strcmp(o->signal, "labels") ? RD_ACCESS_SCORES : RD_ACCESS_LABELS;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    (void)opts;
    *cost_out = (struct rd_cost){ .rows = 64 * (double)n }; /* a row for each value, at most 64 */
}

const struct rd_attack rd_attack_attribute_inference = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_INFER,
    .task = RD_INFER_ATTRIBUTE,
    .name = "attribute-inference",
    .version = 1,
    .summary = "a hidden feature from what the model says about the rest",
    .source = "Fredrikson et al. 2014, USENIX Security, section 3; arXiv:1709.01604, section 5",
    .departs = "the victim's probability of the true class in place of its error matrix",
    .atlas = "AML.T0024.001",
    .access = RD_ACCESS_LABELS,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct attribute_inference),
    .infer = infer,
    .needs = needs,
    .cost = cost,
};
