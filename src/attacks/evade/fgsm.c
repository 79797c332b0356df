/*
 * fgsm - one step along the sign of the loss gradient.
 *
 *   Linf: x' = x + eps * sign(g)      L2: x' = x + eps * g / ||g||      with g = d loss / d x
 *
 * Source: Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572, section 4.
 */
#include "attacks/job.h"

#include <math.h>

struct fgsm {
    double eps;
};

static const struct rd_option options[] = {
    RD_REAL(struct fgsm, eps, "eps", "8/255", 0, 1e6, "input units", "radius of the ball"),
    RD_OPTION_END,
};

static rd_status evade(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_evade_job *job)
{
    const size_t inputs = oracle->inputs;
    const struct rd_rows rows = { .x = job->x, .n = job->n };
    float *grad = RD_NEW_ARRAY(run->scratch, float, job->n *inputs);
    rd_status st;

    (void)opts; /* the radius asked for is job->eps */
    if (!grad)
        return rd_run_no_memory(run, "gradients");
    st = oracle->loss_gradient(oracle->self, &rows, job->label, grad, NULL, run->err);
    if (st)
        return RD_WRAP(run->err, st, "gradient of %zu examples", job->n);
    for (size_t r = 0; r < job->n; r++) {
        const float *g = grad + r * inputs;
        float *x_adv = job->x_adv + r * inputs;
        double norm = 0;

        for (size_t i = 0; i < inputs; i++)
            norm += (double)g[i] * g[i];
        norm = sqrt(norm);
        for (size_t i = 0; i < inputs; i++)
            x_adv[i] += job->norm == RD_L2 ? (float)(norm > 0 ? job->eps * g[i] / norm : 0)
                                           : (float)job->eps * (float)((g[i] > 0) - (g[i] < 0));
    }
    return rd_run_step(run, "fgsm", job->n, job->n);
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    (void)opts;
    *cost_out = (struct rd_cost){ .gradients = (double)n };
}

const struct rd_attack rd_attack_fgsm = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EVADE,
    .name = "fgsm",
    .version = 1,
    .summary = "one step along the sign of the loss gradient",
    .source = "Goodfellow, Shlens, Szegedy 2015, arXiv:1412.6572, section 4",
    .departs = "in L2 the step goes along the normalized gradient",
    .atlas = "AML.T0043.000",
    .access = RD_ACCESS_GRADIENTS,
    .norms = RD_LINF | RD_L2,
    .options = options,
    .options_size = sizeof(struct fgsm),
    .evade = evade,
    .cost = cost,
};
