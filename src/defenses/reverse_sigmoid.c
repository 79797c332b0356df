/*
 * reverse_sigmoid - scores are bent so that their slopes mislead who learns from them.
 *
 * Each probability y becomes y - beta (s(gamma s^-1(y)) - 1/2), s being the logistic function, cut
 * to [0, 1] and summing to 1 again. The best class stays the best.
 *
 * Source: Lee, Edwards, Molloy, Su 2018, "Defending Against Model Stealing Attacks Using Deceptive
 * Perturbations", arXiv:1806.00054, section 3. Departs from it: where the bend would put another
 * class first, that one is cut to just below the best.
 */
#include "defenses/lib/wrap.h"
#include "stats/special.h"

#include <redoubt/defense.h>

#include <math.h>

struct options {
    double beta, gamma;
};

static const struct rd_option table[] = {
    RD_REAL(struct options, beta, "beta", "1", 0, 10, "", "how strongly scores are bent"),
    RD_REAL(struct options, gamma, "gamma", "0.1", 0.001, 10, "", "how steep the bend is"),
    RD_OPTION_END,
};

struct reverse {
    struct rd_wrapped w;
    double beta, gamma;
};

static double bend(const struct reverse *r, double y)
{
    const double inside = fmin(fmax(y, 1e-9), 1 - 1e-9);
    const double bent = y - r->beta * (rd_logistic(r->gamma * rd_logit(inside)) - 0.5);

    return fmin(fmax(bent, 0), 1);
}

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    const struct reverse *r = self;
    const size_t classes = r->w.target.classes;
    const rd_status st = rd_wrap_probabilities(&r->w, x, n, score, err);

    for (size_t i = 0; !st && i < n; i++) {
        float *s = score + i * classes;
        const size_t best = (size_t)rd_target_argmax(s, classes);
        const double top = fmax(bend(r, (double)s[best]), 1e-3), below = top * (1 - 1e-3);
        double sum = top;

        for (size_t k = 0; k < classes; k++)
            if (k != best) {
                const double bent = bend(r, (double)s[k]);

                s[k] = (float)(bent < below ? bent : below);
                sum += (double)s[k];
            }
        s[best] = (float)top;
        for (size_t k = 0; k < classes; k++)
            s[k] = (float)((double)s[k] / sum);
    }
    return st;
}

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    struct reverse *r = RD_NEW(run->scratch, struct reverse);
    rd_status st;

    if (!r)
        return rd_run_no_memory(run, "a defense");
    r->beta = o->beta;
    r->gamma = o->gamma;
    st = rd_wrap_init(run, &r->w, inner, "reverse-sigmoid(beta=%g,gamma=%g)", o->beta, o->gamma);
    if (st)
        return st;
    if (inner->scores) {
        r->w.target.scores = scores;
        r->w.target.scores_are_probabilities = true;
    }
    *wrapped_out = &r->w.target;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    RD_AWARE_BY_LABELS("learns from the labels, which are not bent"),
    { 0 },
};

const struct rd_defense rd_defense_reverse_sigmoid = {
    .abi = RD_DEFENSE_ABI,
    .name = "reverse-sigmoid",
    .summary = "scores are bent so that they mislead who learns from them",
    .source = "Lee et al. 2018, arXiv:1806.00054, section 3",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EXTRACT | 1u << RD_INFER,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
};
