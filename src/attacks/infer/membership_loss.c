/*
 * membership-loss - a network is surer of what it was trained on.
 *
 * The score of an example is minus the cross-entropy of its own class. With labels alone it is the
 * gap attack: right answers are taken for members. Both look at one example at a time and do not
 * know how hard it is, so a network may leak far more than they show: a screen, whose silence says
 * nothing.
 *
 * Source: Yeom, Giacomelli, Fredrikson, Jha 2018, "Privacy risk in machine learning: analyzing the
 * connection to overfitting", arXiv:1709.01604, section 3.2 (adversaries 1 and 2).
 */
#include "attacks/infer/confidence.h"
#include "attacks/job.h"

#include <string.h>

struct membership_loss {
    int64_t runs, examples;
    double fpr;
    const char *signal;
};

static const char *const signals[] = { "scores", "labels", NULL };

static const struct rd_option options[] = {
    RD_CHOICE(struct membership_loss, signal, "signal", "scores", signals,
        "what is read: all scores, or the top label alone"),
    RD_REAL(struct membership_loss, fpr, "fpr", "0.01", 0.00001, 0.5, "",
        "false-positive rate at which hits are counted"),
    RD_INT(struct membership_loss, examples, "examples", "0", 0, 10000000, "examples",
        "asked about at most, half of them members; 0: all"),
    RD_INT(struct membership_loss, runs, "runs", "3", 1, 1000, "runs", "independent victims"),
    RD_OPTION_END,
};

static rd_status by_label(
    struct rd_run *run, const struct rd_oracle *oracle, struct rd_infer_job *job)
{
    int *said = RD_NEW_ARRAY(run->scratch, int, job->n + 1);

    if (!said)
        return rd_run_no_memory(run, "labels");
    for (size_t i = 0; i < job->n; i += RD_CONFIDENCE_ROWS) {
        const size_t left = job->n - i, m = left < RD_CONFIDENCE_ROWS ? left : RD_CONFIDENCE_ROWS;
        const struct rd_rows rows = { .x = job->x + i * oracle->inputs, .n = m };
        rd_status st = rd_run_step(run, "asking", i, job->n);

        if (!st)
            st = oracle->labels(oracle->self, &rows, said + i, run->err);
        if (st)
            return st;
        for (size_t k = i; k < i + m; k++)
            job->score[k] = said[k] == job->label[k];
    }
    return RD_OK;
}

static rd_status infer(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_infer_job *job)
{
    const struct membership_loss *o = opts;

    if (!strcmp(o->signal, "labels"))
        return by_label(run, oracle, job);
    /* The log odds rise as the loss falls, and keep their digits where the loss rounds to 0. */
    return rd_confidence_of_victim(run, oracle, job->x, job->label, job->n, job->score);
}

static unsigned needs(const void *opts)
{
    const struct membership_loss *o = opts;

    return strcmp(o->signal, "labels") ? RD_ACCESS_SCORES : RD_ACCESS_LABELS;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    (void)opts;
    *cost_out = (struct rd_cost){ .rows = (double)n };
}

const struct rd_attack rd_attack_membership_loss = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_INFER,
    .task = RD_INFER_MEMBERSHIP,
    .screen = true,
    .name = "membership-loss",
    .version = 1,
    .summary = "low loss, so it was trained on: a screen",
    .source = "Yeom et al. 2018, arXiv:1709.01604, section 3.2",
    .departs = "examples are ordered by loss rather than cut at the mean training loss",
    .atlas = "AML.T0024.000",
    .access = RD_ACCESS_LABELS,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct membership_loss),
    .infer = infer,
    .needs = needs,
    .cost = cost,
};
