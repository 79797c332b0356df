/*
 * rounding - scores are returned with few digits.
 *
 * What an endpoint calls a score is a probability: of a network that ends in logits, the softmax is
 * rounded. A logit rounded to one digit would lose next to nothing, and the defense look weaker
 * than it is. The label returned beside them stays exact, as endpoints return it: so who learns
 * from labels loses nothing, which is why the control-aware thief does that.
 *
 * Source: Tramer, Zhang, Juels, Reiter, Ristenpart 2016, arXiv:1609.02943, section 7 (rounding
 * confidences).
 */
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

#include <math.h>

struct options {
    int64_t digits;
};

static const struct rd_option table[] = {
    RD_INT(struct options, digits, "digits", "1", 0, 6, "digits", "kept behind the decimal point"),
    RD_OPTION_END,
};

struct rounding {
    struct rd_wrapped w;
    double unit; /* 10^digits */
};

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    const struct rounding *r = self;
    const rd_status st = rd_wrap_probabilities(&r->w, x, n, score, err);

    for (size_t i = 0; !st && i < n * r->w.target.classes; i++)
        score[i] = (float)(nearbyint((double)score[i] * r->unit) / r->unit);
    return st;
}

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    struct rounding *r = RD_NEW(run->scratch, struct rounding);
    rd_status st;

    if (!r)
        return rd_run_no_memory(run, "a defense");
    /* Another text where logits are turned first: evidence of their rounding is not taken over. */
    st = rd_wrap_init(run, &r->w, inner,
        inner->scores && !inner->scores_are_probabilities ? "rounding(digits=%lld,of=softmax)"
                                                          : "rounding(digits=%lld)",
        (long long)o->digits);
    if (st)
        return st;
    r->unit = 1;
    for (int64_t i = 0; i < o->digits; i++)
        r->unit *= 10;
    if (inner->scores) {
        r->w.target.scores = scores;
        r->w.target.scores_are_probabilities = true;
    }
    *wrapped_out = &r->w.target;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    RD_AWARE_BY_LABELS("learns from the labels, which are not rounded"),
    { 0 },
};

const struct rd_defense rd_defense_rounding = {
    .abi = RD_DEFENSE_ABI,
    .name = "rounding",
    .summary = "scores are returned with few digits",
    .source = "Tramer et al. 2016, arXiv:1609.02943, section 7",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EXTRACT | 1u << RD_INFER,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
};
