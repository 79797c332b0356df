/*
 * workshop_calibration.c - how wide is somebody's 90 % range really?
 *
 * A dozen facts of the field that have a published number. Nobody is asked to know them: everybody
 * is asked for a range that holds the truth nine times in ten.
 */
#include "report/workshop.h"

#include "stats/special.h"

#include <math.h>
#include <string.h>

const struct rd_calibration rd_calibrations[] = {
    { "c1", "How many images are in the training part of MNIST (handwritten digits)?", "images",
        60000, "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning, section III" },
    { "c2", "How many images are in the training part of ImageNet's challenge of 2012?", "images",
        1281167,
        "Russakovsky et al. 2015, ImageNet Large Scale Visual Recognition Challenge, "
        "table 2" },
    { "c3", "How many parameters has AlexNet, the network that won that challenge?", "parameters",
        60e6, "Krizhevsky, Sutskever, Hinton 2012, abstract (60 million)" },
    { "c4", "How many parameters has LeNet-5, a network of 1998 for digits?", "parameters", 60000,
        "LeCun et al. 1998, section II (60,000 trainable)" },
    { "c5", "How many parameters has BERT in its large form?", "parameters", 340e6,
        "Devlin, Chang, Lee, Toutanova 2019, section 3 (340 million)" },
    { "c6", "How many parameters has GPT-3 in its largest form?", "parameters", 175e9,
        "Brown et al. 2020, abstract (175 billion)" },
    { "c7", "How many parameters has the base model of the paper that introduced transformers?",
        "parameters", 65e6, "Vaswani et al. 2017, table 3 (65 million)" },
    { "c8", "In which year did adversarial examples of deep networks get their name in a paper?",
        "year", 2013, "Szegedy et al., arXiv:1312.6199, December 2013" },
    { "c9",
        "Of the 284,807 payments in the best-known public data set of card fraud, how many are "
        "frauds?",
        "payments", 492, "Dal Pozzolo et al. 2015; data set of ULB's Machine Learning Group" },
    { "c10", "How many people are in the Adult (census income) data set?", "people", 48842,
        "Kohavi 1996; UCI Machine Learning Repository" },
    { "c11", "In which year was the first list of CVE numbers published?", "year", 1999,
        "cve.org, History: September 1999" },
    { "c12",
        "What share of ImageNet's test images of 2010 did AlexNet's first answer get wrong, in "
        "per cent?",
        "per cent", 37.5, "Krizhevsky, Sutskever, Hinton 2012, abstract" },
    { NULL, NULL, NULL, 0, NULL },
};

const struct rd_calibration *rd_calibration_find(const char *id)
{
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++)
        if (!strcmp(c->id, id))
            return c;
    return NULL;
}

/* "1 of 230", "3 of 10": a probability as rounds of this game. */
static const char *rounds(double p, struct rd_arena *arena)
{
    if (p < 1e-6)
        return "less than one of a million";
    if (p < 0.1)
        return rd_arena_printf(arena, "one of %.0f", round(1 / p));
    return rd_arena_printf(arena, "%.0f of 100", round(100 * p));
}

rd_status rd_calibration_of(struct rd_run *run, const struct rd_interval_said *said, size_t n,
    struct rd_arena *arena, struct rd_calibration_score *score_out)
{
    struct rd_calibration_score s = { .so_few = (double)NAN };
    const char *often;

    for (size_t i = 0; i < n; i++) {
        const struct rd_calibration *c = rd_calibration_find(said[i].id);

        if (!c)
            continue;
        s.n++;
        s.inside += said[i].low <= c->truth && c->truth <= said[i].high;
    }
    if (!s.n) {
        s.words = "no calibration question was answered";
        *score_out = s;
        return RD_OK;
    }
    s.so_few = rd_binomial_cdf((double)s.inside, (double)s.n, 0.9);
    s.too_sure = s.so_few < 0.05;
    often = rounds(s.so_few, arena);
    if (!often)
        return rd_run_no_memory(run, "a score");
    if (s.too_sure)
        s.words = rd_arena_printf(arena,
            "%zu of %zu intervals hold the truth: over-confident. Somebody whose 90 %% intervals "
            "are what they say gets so few in %s rounds; widen the ranges before they count",
            s.inside, s.n, often);
    else if (s.inside == s.n)
        s.words = rd_arena_printf(arena,
            "all %zu intervals hold the truth: fine. That happens to a well calibrated person in "
            "%.0f of 100 rounds, so it does not show that the ranges are too wide",
            s.n, round(100 * pow(0.9, (double)s.n)));
    else
        s.words = rd_arena_printf(arena,
            "%zu of %zu intervals hold the truth: nothing speaks against 90 %%. So few or fewer "
            "come in %s rounds to a well calibrated person",
            s.inside, s.n, often);
    if (!s.words)
        return rd_run_no_memory(run, "a score");
    *score_out = s;
    return RD_OK;
}
