/*
 * top_k - only the k best scores are returned, as probabilities; the others read 0.
 *
 * Source: Orekondy, Schiele, Fritz 2019, "Knockoff Nets", arXiv:1812.02766, section 5.3 (top-k
 * truncation).
 */
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

struct options {
    int64_t k;
};

static const struct rd_option table[] = {
    RD_INT(struct options, k, "k", "1", 1, 1000000, "classes", "how many scores are returned"),
    RD_OPTION_END,
};

struct top_k {
    struct rd_wrapped w;
    size_t k;
};

/* How many scores rank before s[i]: larger ones, and equal ones of lower index. */
static bool kept(const float *s, size_t classes, size_t i, size_t k)
{
    size_t before = 0;

    for (size_t j = 0; j < classes && before < k; j++)
        before += s[j] > s[i] || (j < i && !(s[j] < s[i]));
    return before < k;
}

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    const struct top_k *t = self;
    const size_t classes = t->w.target.classes;
    const rd_status st = rd_wrap_probabilities(&t->w, x, n, score, err);

    for (size_t r = 0; !st && r < n; r++) {
        float *s = score + r * classes;
        float least = 2;

        /* The smallest kept value first, then cut: a row may not change while ranks are read. */
        for (size_t i = 0; i < classes; i++)
            if (s[i] < least && kept(s, classes, i, t->k))
                least = s[i];
        size_t left = t->k;
        for (size_t i = 0; i < classes; i++)
            left -= s[i] > least;
        for (size_t i = 0; i < classes; i++) {
            if (s[i] > least)
                continue;
            if (s[i] < least || !left)
                s[i] = 0;
            else
                left--;
        }
    }
    return st;
}

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    struct top_k *t = RD_NEW(run->scratch, struct top_k);
    rd_status st;

    if (!t)
        return rd_run_no_memory(run, "a defense");
    t->k = (size_t)o->k < inner->classes ? (size_t)o->k : inner->classes;
    st = rd_wrap_init(run, &t->w, inner, "top-k(k=%zu)", t->k);
    if (st)
        return st;
    if (inner->scores) {
        t->w.target.scores = scores;
        t->w.target.scores_are_probabilities = true;
    }
    *wrapped_out = &t->w.target;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    RD_AWARE_BY_LABELS("learns from the labels, which k = 1 already gives"),
    { 0 },
};

const struct rd_defense rd_defense_top_k = {
    .abi = RD_DEFENSE_ABI,
    .name = "top-k",
    .summary = "only the k best scores are returned",
    .source = "Orekondy, Schiele, Fritz 2019, arXiv:1812.02766, section 5.3",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EXTRACT | 1u << RD_INFER,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
};
