/*
 * dp_sgd - training that no single row sways: clipped gradients, noise, a stated epsilon.
 *
 * With noise 0 the noise is chosen so that the whole training spends at most epsilon at delta (RDP
 * accountant, stats/rdp.h), whatever the number of rows and epochs: epsilon is then part of the
 * control's text. With noise given, the log says what it came to.
 *
 * Source: Abadi et al. 2016, "Deep Learning with Differential Privacy", arXiv:1607.00133.
 */
#include "defenses/lib/screen.h"
#include "stats/rdp.h"

#include <redoubt/defense.h>

#include <math.h>

struct options {
    double clip, noise, epsilon, delta;
};

static const struct rd_option table[] = {
    RD_REAL(struct options, clip, "clip", "1", 1e-6, 1e6, "", "L2 norm of one example's gradient"),
    RD_REAL(struct options, noise, "noise", "0", 0, 1e4, "clips",
        "deviation of the noise; 0: chosen to keep epsilon"),
    RD_REAL(struct options, epsilon, "epsilon", "8", 0.01, 1e6, "",
        "privacy that may be spent; not used when noise is given"),
    RD_REAL(struct options, delta, "delta", "1e-5", 1e-30, 0.5, "", "at which epsilon is stated"),
    RD_OPTION_END,
};

static double spent(const struct rd_train *how, size_t n, double noise, double delta)
{
    const size_t batch = how->batch < n ? how->batch : n;
    const struct rd_rdp r = { .q = (double)batch / (double)n,
        .noise = noise,
        .steps = (double)how->epochs * ceil((double)n / (double)batch) };

    return rd_rdp_epsilon(&r, delta, NULL);
}

/* Least noise, to one part in a thousand, that keeps epsilon. */
static double noise_for(const struct rd_train *how, size_t n, double epsilon, double delta)
{
    double low = 0.05, high = 0.1;

    while (spent(how, n, high, delta) > epsilon && high < 1e5) {
        low = high;
        high *= 2;
    }
    while (high > low * 1.001) {
        const double middle = sqrt(low * high);

        if (spent(how, n, middle, delta) > epsilon)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static rd_status train(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    const struct options *o = self;

    if (!data->n || !how->batch)
        return RD_FAIL(run->err, RD_E_INPUT, "dp-sgd: no rows to train on");
    how->clip = o->clip;
    how->noise = o->noise > 0 ? o->noise : noise_for(how, data->n, o->epsilon, o->delta);
    rd_log_say(run->log, RD_LOG_INFO, "dp-sgd",
        "clip %g, noise %.4g: epsilon %.3f at delta %g for %zu rows", how->clip, how->noise,
        spent(how, data->n, how->noise, o->delta), o->delta, data->n);
    return RD_OK;
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st =
        o->noise > 0 ? rd_screen_new(run, o, sizeof *o, &t, "dp-sgd(clip=%g,delta=%g,noise=%g)",
                           o->clip, o->delta, o->noise)
                     : rd_screen_new(run, o, sizeof *o, &t, "dp-sgd(clip=%g,delta=%g,epsilon=%g)",
                           o->clip, o->delta, o->epsilon);

    if (st)
        return st;
    t->train = train;
    *treatment_out = t;
    return RD_OK;
}

/* Both attacks train their shadows as the victim was trained, or read its answers: they know. */
static const struct rd_aware aware[] = {
    { "lira", { { 0 } }, "its shadow networks are trained by the same private recipe" },
    { "membership-loss", { { 0 } }, "reads the losses of the private network itself" },
    { 0 },
};

const struct rd_defense rd_defense_dp_sgd = {
    .abi = RD_DEFENSE_ABI,
    .name = "dp-sgd",
    .summary = "trains with clipped gradients and noise, at a stated epsilon",
    .source = "Abadi et al. 2016, arXiv:1607.00133, algorithm 1",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_INFER | 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
