/* attack_text.c - attacks and their results, for people. */
#include "cli/attack_text.h"

#include "base/text.h"
#include "evidence/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 8 };

void rd_attack_put_access(struct rd_json *j, const char *key, unsigned access)
{
    rd_json_karray(j, key);
    for (unsigned bit = 1; bit < 1u << BITS; bit <<= 1)
        if (access & bit)
            rd_json_text(j, rd_access_name((enum rd_access)bit));
    rd_json_end(j);
}

void rd_attack_put_norms(struct rd_json *j, const char *key, unsigned norms)
{
    rd_json_karray(j, key);
    for (unsigned bit = 1; bit < 1u << BITS; bit <<= 1)
        if (norms & bit)
            rd_json_text(j, rd_norm_name((enum rd_norm)bit));
    rd_json_end(j);
}

static void add_word(char *out, size_t size, const char *word)
{
    const size_t used = strlen(out);

    (void)snprintf(out + used, size - used, "%s%s", used ? ", " : "", word);
}

const char *rd_attack_access_text(unsigned access, char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned bit = 1; bit < 1u << BITS; bit <<= 1)
        if (access & bit)
            add_word(out, size, rd_access_name((enum rd_access)bit));
    return out;
}

const char *rd_attack_norms_text(unsigned norms, char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned bit = 1; bit < 1u << BITS; bit <<= 1)
        if (norms & bit)
            add_word(out, size, rd_norm_name((enum rd_norm)bit));
    return *out ? out : "-";
}

rd_status rd_attack_lookup(
    struct rd_cli *cli, const char *name, const struct rd_attack **attack_out)
{
    const char *near;
    char safe[64];

    *attack_out = rd_attack_find(name);
    if (*attack_out)
        return RD_OK;
    near = rd_attack_nearest(name);
    (void)RD_FAIL(
        cli->run.err, RD_E_USAGE, "no attack '%s'", rd_text_safe_in(safe, sizeof safe, name));
    if (near)
        (void)rd_error_hint(cli->run.err, "did you mean '%s'?", near);
    else
        (void)rd_error_hint(cli->run.err, "redoubt attack list shows them");
    return RD_E_USAGE;
}

/* --- a record --- */

enum form { SHARE, PLAIN };

static const struct shown {
    const char *metric, *label;
    enum form form;
} shown[] = {
    { "clean_accuracy", "clean accuracy", SHARE },
    { "robust_accuracy", "robust accuracy", SHARE },
    { "median_distance", "median distance", PLAIN },
    { "median_queries", "median queries", PLAIN },
    { "fidelity", "fidelity", SHARE },
    { "baseline_fidelity", "  without a query", SHARE },
    { "kappa", "kappa", PLAIN },
    { "baseline_kappa", "  without a query", PLAIN },
    { "accuracy", "accuracy of the copy", SHARE },
    { "baseline_accuracy", "  without a query", SHARE },
    { "min_recall", "least class recall", SHARE },
    { "utility", "utility of the theft", SHARE },
    { "clean_accuracy_control", "  of the clean control", SHARE },
    { "accuracy_drop", "accuracy lost", SHARE },
    { "asr", "attack success", SHARE },
    { "asr_clean_model", "  on the clean control", SHARE },
    { "asr_gain", "  gained by the poison", SHARE },
    { "poisoned_share", "poisoned rows", SHARE },
    { "poisoned_count", "  by count", PLAIN },
    { "dropped", "rows screened out", PLAIN },
    { "screen_recall", "  of the poison", SHARE },
    { "screen_precision", "  of these poison", SHARE },
    { "screen_flag_rate_clean", "  of clean data", SHARE },
    { "auc", "AUC", PLAIN },
    { "tpr", "true positive rate", SHARE },
    { "tpr_1_percent_fpr", "  at 1 % FPR", SHARE },
    { "tpr_0_1_percent_fpr", "  at 0.1 % FPR", SHARE },
};

static void print_number(FILE *out, double v, enum form form)
{
    if (isnan(v))
        (void)fprintf(out, "%9s", "-");
    else if (form == SHARE)
        (void)fprintf(out, "%7.1f %%", 100 * v);
    else
        (void)fprintf(out, "%9.4g", v);
}

static void print_metric(FILE *out, const struct shown *s, const struct rd_metric *m)
{
    char safe[120];

    (void)fprintf(out, "  %-22s", s->label);
    print_number(out, m->v.value, s->form);
    if (!isnan(m->v.low) && !isnan(m->v.high)) {
        if (s->form == SHARE)
            (void)fprintf(out, "   %.1f to %.1f", 100 * m->v.low, 100 * m->v.high);
        else
            (void)fprintf(out, "   %.4g to %.4g", m->v.low, m->v.high);
    } else if (m->reason) {
        (void)fprintf(out, "   %s", rd_text_safe_in(safe, sizeof safe, m->reason));
    }
    (void)fputc('\n', out);
}

static void curve_label(const struct rd_curve *c, char out[2 * RD_METRIC_WORDS])
{
    char y[RD_METRIC_WORDS], x[RD_METRIC_WORDS];

    (void)snprintf(out, 2 * RD_METRIC_WORDS, "%.100s by %.100s", rd_metric_name(c->metric, y),
        rd_metric_name(c->budget, x));
}

/* One block an eighth of a cell high for each eighth of the scale 0..1. */
static void print_curve(FILE *out, const struct rd_curve *c, int width)
{
    static const char *const bar[] = { "\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83",
        "\xE2\x96\x84", "\xE2\x96\x85", "\xE2\x96\x86", "\xE2\x96\x87", "\xE2\x96\x88" };
    char label[2 * RD_METRIC_WORDS];

    curve_label(c, label);
    (void)fprintf(out, "  %-*s%9.4g ", width, label, c->x[0]);
    for (size_t i = 0; i < c->n; i++) {
        const double v = fmin(fmax(c->y[i].value, 0), 1);

        (void)fputs(isnan(c->y[i].value) ? "?" : bar[(size_t)lrint(v * 7)], out);
    }
    (void)fprintf(out, " %.4g   (%.1f %% to %.1f %%)\n", c->x[c->n - 1], 100 * c->y[0].value,
        100 * c->y[c->n - 1].value);
}

static bool is_drawn(const struct rd_curve *c)
{
    return c->n > 1 && strcmp(c->metric, "kappa") != 0 && strcmp(c->metric, "accuracy") != 0 &&
           strcmp(c->metric, "clean_accuracy") != 0;
}

/* Below each other, however long their names. */
static void print_curves(FILE *out, const struct rd_record *r)
{
    char label[2 * RD_METRIC_WORDS];
    int width = 22;

    for (size_t i = 0; i < r->n_curves; i++) {
        if (!is_drawn(&r->curves[i]))
            continue;
        curve_label(&r->curves[i], label);
        width = (int)strlen(label) > width ? (int)strlen(label) : width;
    }
    for (size_t i = 0; i < r->n_curves; i++)
        if (is_drawn(&r->curves[i]))
            print_curve(out, &r->curves[i], width);
}

static const char *trial_name(const struct rd_record *r)
{
    const struct rd_attack *a = rd_attack_find(r->attack);

    return a && a->kind != RD_EXTRACT ? "victim" : "theft";
}

static void print_outcome(FILE *out, const struct rd_record *r)
{
    char safe[160], judged[RD_METRIC_WORDS], value[96], bar[32];
    const struct rd_interval *v = &r->interval;

    (void)fprintf(out, "  %-22s%s: ", "outcome", rd_outcome_name(r->outcome));
    if (!strcmp(r->unit, "example"))
        (void)fprintf(out, "%zu of %zu examples misclassified", r->successes, r->n);
    else
        (void)fprintf(out, "%zu of %zu %s%s reached the criterion", r->successes, r->n,
            trial_name(r), r->n == 1 ? "" : "s");
    if (!isnan(v->low) && !isnan(v->high))
        (void)fprintf(out, ", %s is %s against %s", rd_metric_judged(r, judged),
            rd_metric_interval(r->judged, v, value), rd_metric_value(r->judged, r->criterion, bar));
    if (!strcmp(r->unit, "example") && !r->successes)
        (void)fprintf(out, ": at most %.1f %% at 95 %%, not never", 100 * v->high);
    if (r->outcome_reason)
        (void)fprintf(out, "; %s", rd_text_safe_in(safe, sizeof safe, r->outcome_reason));
    (void)fputc('\n', out);
}

/* Of the kinds whose metrics differ from attack to attack: those that have no line above. */
static void print_others(FILE *out, const struct rd_record *r)
{
    const struct rd_attack *a = rd_attack_find(r->attack);

    if (!a || (a->kind != RD_POISON && a->kind != RD_INFER))
        return;
    for (size_t i = 0; i < r->n_metrics; i++) {
        const char *id = r->metrics[i].name;
        char label[RD_METRIC_WORDS];
        const struct shown plain = { id, rd_metric_name(id, label),
            rd_metric_form_of(id) == RD_METRIC_SHARE ? SHARE : PLAIN };
        bool known = false;

        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
            known |= !strcmp(shown[k].metric, plain.metric);
        if (known)
            continue;
        print_metric(out, &plain, &r->metrics[i]);
    }
}

void rd_attack_print_record(FILE *out, const struct rd_record *r)
{
    char safe[160];

    for (size_t i = 0; i < r->n_controls; i++)
        (void)fprintf(
            out, "  %-22s%s\n", "control", rd_text_safe_in(safe, sizeof safe, r->controls[i]));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct rd_metric *m = rd_record_metric(r, shown[i].metric);

        /* Without labels there is no baseline at all: say so once. */
        if (m && isnan(m->v.value) && strstr(m->name, "baseline_") &&
            strcmp(m->name, "baseline_fidelity"))
            continue;
        if (m)
            print_metric(out, &shown[i], m);
    }
    print_others(out, r);
    print_curves(out, r);
    print_outcome(out, r);
    if (!r->rows_total && !r->queries) /* poisoning asks no target */
        return;
    (void)fprintf(out,
        "  %-22s%llu rows by the attack (%llu of them gradients), %llu answered in all\n", "cost",
        (unsigned long long)r->queries, (unsigned long long)r->gradients,
        (unsigned long long)r->rows_total);
}
