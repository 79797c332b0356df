/*
 * @NAME@ - say in one line what it does.
 *
 *   x' = x + eps * sign(d loss / d x)        the formula, with its symbols explained
 *
 * Say what would surprise a reader, and where it departs from its source.
 *
 * Source: authors, year, title or identifier, section.
 */
#include "attacks/job.h"

struct @SYMBOL@ {
    double eps;
};

/* Names come from docs/vocabulary.md: one word for one thing. */
static const struct rd_option options[] = {
    RD_REAL(struct @SYMBOL@, eps, "eps", "8/255", 0, 1e6, "input units", "radius of the ball"),
    RD_OPTION_END,
};

static rd_status evade(struct rd_run *run, const struct rd_oracle *oracle, const void *opts,
    struct rd_evade_job *job)
{
    const struct @SYMBOL@ *o = opts;
    const size_t len = job->n * oracle->inputs;
    const struct rd_rows rows = { .x = job->x, .n = job->n };
    float *grad = RD_NEW_ARRAY(run->scratch, float, len);
    rd_status st;

    (void)o; /* the radius asked for now is job->eps: a curve asks for several */
    if (!grad)
        return rd_run_no_memory(run, "gradients");
    st = oracle->loss_gradient(oracle->self, &rows, job->label, grad, NULL, run->err);
    if (st)
        return RD_WRAP(run->err, st, "gradient of %zu examples", job->n);
    /* Propose; the harness clips into ball and box, asks again and judges. */
    for (size_t i = 0; i < len; i++)
        job->x_adv[i] += (float)job->eps * (float)((grad[i] > 0) - (grad[i] < 0));
    return rd_run_step(run, "@NAME@", job->n, job->n);
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    (void)opts;
    *cost_out = (struct rd_cost){ .gradients = (double)n };
}

const struct rd_attack rd_attack_@SYMBOL@ = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EVADE,
    .name = "@NAME@",
    .version = 1,
    .summary = "say in one line what it does",
    .source = "authors, year, identifier, section",
    .departs = NULL,
    .atlas = "AML.T0043.000",
    .access = RD_ACCESS_GRADIENTS,
    .norms = RD_LINF,
    .options = options,
    .options_size = sizeof(struct @SYMBOL@),
    .evade = evade,
    .cost = cost,
};
