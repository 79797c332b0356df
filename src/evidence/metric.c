#include "evidence/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MORE_IS_WORSE = 1, MORE_IS_BETTER = -1 };

#define SHARE(id, words, said, worse)                                                              \
    {                                                                                              \
        id, words, said, RD_METRIC_SHARE, worse                                                    \
    }
#define COUNT(id, words)                                                                           \
    {                                                                                              \
        id, words, NULL, RD_METRIC_COUNT, 0                                                        \
    }
#define NUMBER(id, words, worse)                                                                   \
    {                                                                                              \
        id, words, NULL, RD_METRIC_NUMBER, worse                                                   \
    }

const struct rd_metric_word rd_metric_words[] = {
    /* evasion */
    SHARE(
        "success share", "success share", "the share of inputs that were misjudged", MORE_IS_WORSE),
    SHARE("success", "attack success", NULL, MORE_IS_WORSE),
    SHARE("clean_accuracy", "clean accuracy", NULL, MORE_IS_BETTER),
    SHARE("robust_accuracy", "robust accuracy", NULL, MORE_IS_BETTER),
    SHARE("fooled_share", "share of right answers turned", NULL, MORE_IS_WORSE),
    NUMBER("median_distance", "median distance", MORE_IS_BETTER),
    NUMBER("median_queries", "median queries", MORE_IS_BETTER),
    COUNT("proposals_clipped", "proposals clipped"),
    COUNT("proposals_refused", "proposals refused"),
    COUNT("undecided", "examples left undecided"),
    NUMBER("eps", "size of the change (eps)", 0),
    COUNT("queries", "queries"),
    COUNT("gradients", "gradient calls"),
    /* theft */
    SHARE("utility", "utility of the theft",
        "the share of the gap to a perfect copy that the theft closed", MORE_IS_WORSE),
    SHARE("fidelity", "fidelity of the copy", NULL, MORE_IS_WORSE),
    NUMBER("kappa", "kappa (agreement beyond chance)", MORE_IS_WORSE),
    SHARE("accuracy", "accuracy of the copy", NULL, MORE_IS_WORSE),
    SHARE("min_recall", "lowest recall of a class", NULL, MORE_IS_WORSE),
    /* poisoning */
    SHARE("asr", "attack success on triggered inputs", NULL, MORE_IS_WORSE),
    SHARE("asr_clean_model", "the same on the clean-trained model", NULL, 0),
    SHARE("asr_gain", "attack success beyond the clean model's",
        "the share of marked inputs that went the attacker's way, beyond a clean model's",
        MORE_IS_WORSE),
    SHARE("clean_accuracy_control", "clean accuracy of the clean-trained model", NULL,
        MORE_IS_BETTER),
    SHARE("accuracy_drop", "loss of clean accuracy", "the accuracy that was lost", MORE_IS_WORSE),
    SHARE("drop", "loss of clean accuracy", NULL, MORE_IS_WORSE),
    COUNT("poisoned", "poisoned training rows"),
    COUNT("poisoned_count", "poisoned rows"),
    SHARE("poisoned_share", "share of poisoned rows", NULL, 0),
    COUNT("dropped", "rows left out by screens"),
    SHARE("screen_recall", "poison that the screens found", NULL, MORE_IS_BETTER),
    SHARE("screen_precision", "poison among what the screens left out", NULL, MORE_IS_BETTER),
    SHARE("screen_flag_rate_clean", "clean rows left out", NULL, MORE_IS_WORSE),
    SHARE("hit_rate", "hit rate of the pushed item", NULL, MORE_IS_WORSE),
    SHARE("hit_rate_gain", "gain in hit rate",
        "the share of people who were newly shown the pushed thing", MORE_IS_WORSE),
    SHARE("hit_rate_control", "hit rate without fake accounts", NULL, 0),
    SHARE("rank_shift", "places won, of all", NULL, MORE_IS_WORSE),
    SHARE("rank_loss", "places lost, of all", "the share of places that the buried thing fell",
        MORE_IS_WORSE),
    SHARE("exposure", "exposure of the item", NULL, 0),
    SHARE("exposure_control", "exposure without fake accounts", NULL, 0),
    SHARE("share_fake", "fake accounts among all", NULL, 0),
    SHARE("false_flag_rate", "honest accounts flagged", NULL, MORE_IS_WORSE),
    COUNT("accounts", "fake accounts"),
    /* inference */
    SHARE("tpr", "true positive rate", "the share of training examples that were recognized",
        MORE_IS_WORSE),
    SHARE("fpr", "false positive rate", NULL, 0),
    NUMBER("auc", "AUC", MORE_IS_WORSE),
    SHARE("tpr_1_percent_fpr", "true positive rate at 1 % false positives", NULL, MORE_IS_WORSE),
    SHARE(
        "tpr_0_1_percent_fpr", "true positive rate at 0.1 % false positives", NULL, MORE_IS_WORSE),
    SHARE("balanced_accuracy", "balanced accuracy at the best threshold", NULL, MORE_IS_WORSE),
    SHARE("top_1_percent_members", "members among the 1 % most suspected", NULL, MORE_IS_WORSE),
    COUNT("members", "members asked about"),
    COUNT("non_members", "others asked about"),
    COUNT("repeated_rows_left_out", "repeated rows left out"),
    COUNT("scores_refused", "scores refused"),
    SHARE("advantage", "advantage in guessing the hidden value",
        "how much better than without the model a hidden value was guessed", MORE_IS_WORSE),
    SHARE("advantage_others", "the same advantage on strangers", NULL, 0),
    SHARE("attribute_accuracy", "hidden values guessed rightly", NULL, MORE_IS_WORSE),
    SHARE("attribute_accuracy_others", "the same of strangers", NULL, 0),
    SHARE("baseline_imputation", "guessed rightly without the model", NULL, 0),
    SHARE("baseline_commonest", "guessed rightly by the commonest value", NULL, 0),
    COUNT("guesses_refused", "guesses refused"),
    SHARE("recognized", "classes whose rebuilt example is recognized",
        "the share of classes whose rebuilt example was recognized", MORE_IS_WORSE),
    SHARE("recognized_by_judge", "recognized by the judging model", NULL, MORE_IS_WORSE),
    SHARE("nearest_to_own_mean", "nearest to the mean of its own class", NULL, MORE_IS_WORSE),
    NUMBER("correlation", "correlation with the mean of the class", MORE_IS_WORSE),
    SHARE("baseline_noise", "noise that is recognized", NULL, 0),
    SHARE("baseline_mean", "mean inputs that are recognized", NULL, 0),
    SHARE("judge_accuracy", "accuracy of the judging model", NULL, 0),
    SHARE("train_accuracy", "accuracy on the training rows", NULL, 0),
    NUMBER("generalization_gap", "gap between training and test accuracy", MORE_IS_WORSE),
    COUNT("values_refused", "values refused"),
    { 0 },
};

const struct rd_metric_word *rd_metric_word(const char *id)
{
    for (const struct rd_metric_word *w = rd_metric_words; id && w->id; w++)
        if (!strcmp(w->id, id))
            return w;
    return NULL;
}

static const char baseline[] = "baseline_", recall[] = "recall_";

const char *rd_metric_name(const char *id, char out[RD_METRIC_WORDS])
{
    const struct rd_metric_word *w = rd_metric_word(id);
    char rest[RD_METRIC_WORDS];

    if (!id || w) {
        (void)snprintf(out, RD_METRIC_WORDS, "%s", w ? w->words : "value");
    } else if (!strncmp(id, baseline, sizeof baseline - 1)) { /* a thief who asks nothing */
        (void)snprintf(out, RD_METRIC_WORDS, "%.90s without a query",
            rd_metric_name(id + sizeof baseline - 1, rest));
    } else if (!strncmp(id, recall, sizeof recall - 1)) {
        (void)snprintf(out, RD_METRIC_WORDS, "recall of class %.40s", id + sizeof recall - 1);
    } else {
        (void)snprintf(out, RD_METRIC_WORDS, "%s", id);
        for (char *c = out; *c; c++)
            *c = *c == '_' ? ' ' : *c;
    }
    return out;
}

const char *rd_metric_judged(const struct rd_record *r, char out[RD_METRIC_WORDS])
{
    const struct rd_metric *fpr = rd_record_metric(r, "fpr");
    char name[RD_METRIC_WORDS];

    (void)rd_metric_name(r->judged, name);
    if (fpr && isfinite(fpr->v.value) && r->judged && !strcmp(r->judged, "tpr"))
        (void)snprintf(
            out, RD_METRIC_WORDS, "%.60s at %.3g %% false positives", name, 100 * fpr->v.value);
    else
        (void)snprintf(out, RD_METRIC_WORDS, "%s", name);
    return out;
}

enum rd_metric_form rd_metric_form_of(const char *id)
{
    const struct rd_metric_word *w;

    if (!id)
        return RD_METRIC_NUMBER;
    w = rd_metric_word(id);
    if (w)
        return w->form;
    if (!strncmp(id, baseline, sizeof baseline - 1))
        return rd_metric_form_of(id + sizeof baseline - 1);
    return strncmp(id, recall, sizeof recall - 1) ? RD_METRIC_NUMBER : RD_METRIC_SHARE;
}

/* One digit behind the point, and never -0.0. */
static double percent(double v)
{
    return fabs(100 * v) < 0.05 ? 0 : 100 * v;
}

const char *rd_metric_value(const char *id, double v, char out[32])
{
    const enum rd_metric_form form = rd_metric_form_of(id);

    if (isnan(v))
        (void)snprintf(out, 32, "-");
    else if (form == RD_METRIC_SHARE)
        (void)snprintf(out, 32, "%.1f %%", percent(v));
    else
        (void)snprintf(out, 32, form == RD_METRIC_COUNT ? "%.0f" : "%.3f", v);
    return out;
}

/* Shares of what is there less what would be there anyway: below 0 where it got less. */
static bool is_difference(const char *id)
{
    static const char *const ids[] = { "asr_gain", "accuracy_drop", "drop", "hit_rate_gain",
        "rank_shift", "rank_loss", "advantage", "advantage_others", NULL };

    for (const char *const *d = ids; *d; d++)
        if (!strcmp(*d, id))
            return true;
    return false;
}

struct rd_interval rd_metric_within(const char *id, const struct rd_interval *v)
{
    const char *bare =
        id && !strncmp(id, baseline, sizeof baseline - 1) ? id + sizeof baseline - 1 : id;
    struct rd_interval in = *v;
    double least;

    if (rd_metric_form_of(id) != RD_METRIC_SHARE)
        return in;
    least = is_difference(bare) ? -1 : 0;
    /* What is itself beyond the bounds is no share: it is shown as it is. */
    if (in.low < least && in.value >= least)
        in.low = least;
    if (in.high > 1 && in.value <= 1)
        in.high = 1;
    return in;
}

const char *rd_metric_interval(const char *id, const struct rd_interval *interval, char out[96])
{
    const struct rd_interval in = rd_metric_within(id, interval), *v = &in;
    char value[32], low[32], high[32];

    (void)rd_metric_value(id, v->value, value);
    if (isnan(v->low) || isnan(v->high))
        (void)snprintf(out, 96, "%s", value);
    else if (rd_metric_form_of(id) == RD_METRIC_SHARE)
        (void)snprintf(out, 96, "%s (%.1f to %.1f %%)", value, percent(v->low), percent(v->high));
    else
        (void)snprintf(out, 96, "%s (%s to %s)", value, rd_metric_value(id, v->low, low),
            rd_metric_value(id, v->high, high));
    return out;
}
