/* brief.c - a spoken answer, one sentence after the other; the least needed go when it gets long.
 */
#include "report/brief.h"

#include "evidence/metric.h"
#include "report/finding.h"
#include "report/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCES_MAX = 48, FACTS_SAID = 3, NAMES_SAID = 3, EXPERTS_SAID = 2 };

struct brief {
    const struct rd_report *report;
    const struct rd_campaign *campaign;
    const struct rd_threat *threat;
    const struct rd_threat_state *state; /* NULL: the rule is silent here */
    const struct rd_tested *tested;      /* NULL: untried */
    struct rd_arena *arena;
    struct rd_brief_sentence *sentence;
    size_t n;
    enum rd_brief_part part;
    bool failed;
};

const char *rd_brief_part_name(enum rd_brief_part part)
{
    static const char *const names[] = { "what", "applies", "tried", "cost", "fix", "unknown" };

    return names[part];
}

/* --- saying --- */

struct cited { /* records a sentence rests on */
    const char *key[RD_BRIEF_CITED];
    size_t n;
};

static void cite(struct cited *c, const char *key)
{
    if (!key || !*key)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->key[i], key))
            return;
    if (c->n < RD_BRIEF_CITED)
        c->key[c->n++] = key;
}

static void add(struct brief *b, int rank, const struct cited *cited, const char *text)
{
    struct rd_buf full = { 0 };
    struct rd_brief_sentence *s = &b->sentence[b->n];
    const size_t len = strlen(text);

    if (b->n == SENTENCES_MAX || !len)
        return;
    *s = (struct rd_brief_sentence){ .part = b->part, .rank = rank };
    rd_buf_put(&full, text, len - (text[len - 1] == '.'));
    for (size_t i = 0; cited && i < cited->n; i++) {
        rd_buf_printf(&full, " [e:%.*s]", (int)RD_EVIDENCE_SHORT, cited->key[i]);
        s->evidence[s->n_evidence++] = cited->key[i];
    }
    rd_buf_putc(&full, '.');
    s->text = full.failed ? NULL : rd_arena_strdup(b->arena, rd_buf_text(&full));
    b->failed = b->failed || !s->text;
    b->n += s->text != NULL;
    rd_buf_release(&full);
}

static void say(struct brief *b, int rank, const struct cited *cited, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say(struct brief *b, int rank, const struct cited *cited, const char *fmt, ...)
{
    struct rd_buf text = { 0 };
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    b->failed = b->failed || text.failed;
    if (!text.failed)
        add(b, rank, cited, rd_buf_text(&text));
    rd_buf_release(&text);
}

/* "between 64 and 70 of 100", to the nearest whole one; the exact bounds are in the report. */
static const char *range_words(struct brief *b, double low, double high)
{
    const double whole = high >= 0.02 ? 100 : high >= 0.002 ? 1000 : 10000;
    const char *of = whole > 1000 ? "10,000" : whole > 100 ? "1,000" : "100";
    const double l = round(low * whole), h = round(fmin(high, 1) * whole);
    const char *text;

    if (low < 0 && h <= 0)
        text = rd_arena_printf(b->arena, "below zero");
    else if (low < 0)
        text = rd_arena_printf(b->arena, "between less than zero and %.0f of %s", h, of);
    else if (h <= l)
        text = rd_arena_printf(b->arena, "%.0f of %s", l, of);
    else
        text = rd_arena_printf(b->arena, "between %.0f and %.0f of %s", l, h, of);
    b->failed = b->failed || !text;
    return text ? text : "";
}

/* "at most" so much: rounded up, since a bound that is rounded down is none. */
static const char *bound_words(struct brief *b, double v)
{
    const double whole = v >= 0.02 ? 100 : v >= 0.002 ? 1000 : 10000;
    const char *text = rd_arena_printf(b->arena, "%.0f of %s", ceil(v * whole - 1e-9),
        whole > 1000  ? "10,000"
        : whole > 100 ? "1,000"
                      : "100");

    b->failed = b->failed || !text;
    return text ? text : "";
}

/* Of how many a share is told, so that it is no "0 of 100". */
static double whole_of(double v)
{
    return v >= 0.02 || v <= 0 || !isfinite(v) ? 100 : v >= 0.002 ? 1000 : 10000;
}

static const char *share_of(struct brief *b, double v, double whole)
{
    const char *text = !isfinite(v)   ? "an unknown share"
                       : v < -0.005   ? "less than zero"
                       : whole > 1000 ? rd_arena_printf(b->arena, "%.1f of 10,000", fabs(v) * whole)
                                      : rd_arena_printf(b->arena, "%.0f of %s", fabs(v) * whole,
                                            whole > 100 ? "1,000" : "100");

    b->failed = b->failed || !text;
    return text ? text : "";
}

static const char *share_words(struct brief *b, double v)
{
    return share_of(b, v, whole_of(v));
}

static const char *lower_first(struct brief *b, const char *text)
{
    char *copy = rd_arena_strdup(b->arena, text);

    b->failed = b->failed || !copy;
    if (!copy)
        return text;
    /* Not where the first word is a name or an abbreviation: "CI", "ONNX". */
    if (copy[0] >= 'A' && copy[0] <= 'Z' && !(copy[1] >= 'A' && copy[1] <= 'Z'))
        copy[0] = (char)(copy[0] - 'A' + 'a');
    if (copy[0] && copy[strlen(copy) - 1] == '.')
        copy[strlen(copy) - 1] = '\0';
    return copy;
}

/* --- what --- */

static const char *place_name(const struct brief *b)
{
    const struct rd_system *s = b->campaign->system;
    const struct rd_threat *t = b->threat;

    return t->element != RD_NONE ? s->elements[t->element].name
           : t->flow != RD_NONE  ? s->flows[t->flow].name
                                 : "the system";
}

static void say_what(struct brief *b)
{
    const struct rd_rule *rule = b->threat->rule;

    b->part = RD_BRIEF_WHAT;
    say(b, 0, NULL, "You asked about %s: %s", place_name(b), lower_first(b, rule->title));
    say(b, 3, NULL, "%s", rule->why);
    if (rule->impact)
        say(b, 0, NULL, "If it happens, this is what it means: %s", lower_first(b, rule->impact));
}

/* --- applies --- */

static const char *facts_words(struct brief *b)
{
    const struct rd_threat *t = b->threat;
    const size_t n = t->n_facts > FACTS_SAID ? FACTS_SAID : t->n_facts;
    struct rd_buf text = { 0 };
    const char *out;

    for (size_t i = 0; i < n; i++) {
        rd_buf_puts(&text, !i ? "" : i + 1 == n ? ", and " : ", ");
        if (t->facts[i].said)
            rd_buf_puts(&text, t->facts[i].said);
        else
            rd_buf_printf(&text, "%s is %s", t->facts[i].what, t->facts[i].value);
    }
    out = text.failed ? NULL : rd_arena_strdup(b->arena, rd_buf_text(&text));
    rd_buf_release(&text);
    b->failed = b->failed || !out;
    return out ? out : "";
}

static const char *missing_words(struct brief *b)
{
    const struct rd_threat *t = b->threat;
    struct rd_buf text = { 0 };
    const char *out;

    for (size_t i = 0; i < t->n_missing && i < NAMES_SAID; i++)
        rd_buf_printf(&text, "%s%s",
            !i                      ? ""
            : i + 1 == t->n_missing ? " and "
                                    : ", ",
            t->missing[i]);
    out = text.failed ? NULL : rd_arena_strdup(b->arena, rd_buf_text(&text));
    rd_buf_release(&text);
    b->failed = b->failed || !out;
    return out ? out : "";
}

static void say_applies(struct brief *b)
{
    const struct rd_threat *t = b->threat;

    b->part = RD_BRIEF_APPLIES;
    switch (t->applicability) {
    case RD_APPLIES_YES:
        say(b, 0, NULL, t->n_facts ? "It applies to us, because %s" : "It applies to us%s",
            facts_words(b));
        break;
    case RD_APPLIES_UNKNOWN:
        say(b, 0, NULL, "Whether it applies to us is open, because nobody has said what %s is",
            missing_words(b));
        break;
    case RD_APPLIES_MITIGATED:
        say(b, 0, NULL,
            "It would apply to us, but our control '%s' is taken to remove it; that was concluded "
            "from the file, not measured",
            t->mitigated_by ? t->mitigated_by : "?");
        break;
    case RD_APPLIES_NO:
        say(b, 0, NULL,
            t->n_facts ? "As our system is described, it does not apply, because %s"
                       : "As our system is described, it does not apply%s",
            facts_words(b));
        return;
    }
    say(b, 4, NULL, "We rate it %s: %s", rd_severity_name(t->severity),
        lower_first(b, t->severity_why ? t->severity_why : ""));
    if (t->decision)
        say(b, 0, NULL, "The decision about it is '%s', taken by %s%s%s%s%s", t->decision->decision,
            t->decision->by, t->decision->until ? ", until " : "",
            t->decision->until ? t->decision->until : "", t->decision->why ? ": " : "",
            t->decision->why ? t->decision->why : "");
}

/* --- tried --- */

static const char *access_words(unsigned access)
{
    return access & RD_ACCESS_FILES       ? "the model file"
           : access & RD_ACCESS_GRADIENTS ? "gradients of the model, as from its file"
           : access & RD_ACCESS_SCORES    ? "the scores of its answers"
           : access & RD_ACCESS_LABELS    ? "the labels of its answers alone"
           : access & RD_ACCESS_DATA      ? "a hand in the training data"
                                          : "no access of its own";
}

/* What is judged, as one says it. */
static const char *judged_words(struct brief *b, const struct rd_record *r)
{
    const struct rd_metric_word *w = rd_metric_word(r->judged);
    const struct rd_metric *fpr = rd_record_metric(r, "fpr");
    char name[RD_METRIC_WORDS];
    const char *text;

    if (w && w->said && fpr && isfinite(fpr->v.value) && !strcmp(r->judged, "tpr"))
        text = rd_arena_printf(b->arena, "%s at %.3g %% false alarms", w->said, 100 * fpr->v.value);
    else
        text = rd_arena_strdup(b->arena, w && w->said ? w->said : rd_metric_name(r->judged, name));
    b->failed = b->failed || !text;
    return text ? text : "";
}

static const char *actor_name(const struct brief *b)
{
    const int actor = b->tested->test->actor;

    return actor == RD_NONE ? "an attacker" : b->campaign->system->actors[actor].name;
}

static void say_figure(struct brief *b, const struct rd_record *r, const struct cited *cited)
{
    const struct rd_interval *v = &r->interval;
    const char *grouped = rd_words_number((double)r->n, b->arena);

    if (r->unit[0] == 'e' && !r->successes)
        say(b, 0, cited,
            "None of %s inputs came through, so the share is at most %s at 95 %%, which does not "
            "make it impossible",
            grouped, bound_words(b, v->high));
    else if (r->unit[0] == 'e')
        say(b, 0, cited, "It succeeded on %s of %s inputs; with 95 %% confidence the share is %s",
            rd_words_number((double)r->successes, b->arena), grouped,
            range_words(b, v->low, v->high));
    else if (!isfinite(v->value))
        say(b, 0, cited, "No figure came out of it: %s",
            r->outcome_reason ? r->outcome_reason : "it could not be resolved");
    else if (!isfinite(v->low) || !isfinite(v->high))
        say(b, 0, cited, "We judge it by %s: %s in %zu runs, with no interval", judged_words(b, r),
            share_words(b, v->value), r->n);
    else
        say(b, 0, cited,
            "We judge it by %s: over %zu independent runs, with 95 %% confidence, it is %s",
            judged_words(b, r), r->n, range_words(b, v->low, v->high));
}

static void say_outcome(struct brief *b, const struct rd_record *r)
{
    const char *bar = isfinite(r->criterion) ? share_words(b, r->criterion) : "the usual bar";

    switch (b->state->status) {
    case RD_THREAT_DEMONSTRATED:
        say(b, 0, NULL, "The bar was set at %s, so we call this demonstrated", bar);
        break;
    case RD_THREAT_CONTROLLED:
        say(b, 0, NULL,
            "The bar was set at %s, and with our control on it was not reached: controlled, as far "
            "as this attack goes",
            bar);
        break;
    case RD_THREAT_NOT_DEMONSTRATED:
        say(b, 0, NULL,
            "The bar of %s was not reached: not demonstrated by this attack, with this budget and "
            "this access, which is not the same as safe",
            bar);
        break;
    case RD_THREAT_INCONCLUSIVE:
        say(b, 0, NULL, "Against the bar of %s that decides nothing%s%s", bar,
            r->outcome_reason ? ": " : "; more runs could",
            r->outcome_reason ? r->outcome_reason : "");
        break;
    case RD_THREAT_UNTRIED:
        break;
    }
}

static void say_tried(struct brief *b)
{
    const struct rd_record *r = b->tested ? b->tested->record : NULL;
    struct cited cited = { .n = 0 };
    int recipe;

    b->part = RD_BRIEF_TRIED;
    if (!r) {
        say(b, 0, NULL, "It was not tried: %s",
            b->state && b->state->reason ? b->state->reason : "its rule is silent here");
        say(b, 0, NULL,
            "So no figure about it is measured, and I cannot tell you how likely it is to succeed");
        return;
    }
    cite(&cited, b->tested->key);
    say(b, 0, NULL, "We tried it with the attack %s, as %s would, holding %s", r->attack,
        lower_first(b, actor_name(b)), access_words(r->access));
    say_figure(b, r, &cited);
    say_outcome(b, r);
    recipe = rd_report_recipe(b->tested->test);
    if (recipe != RD_NONE)
        say(b, 0, NULL, "This speaks of models trained by %s, not of the weights in use",
            b->campaign->system->artifacts[recipe].assumed == RD_YES ? "a recipe that we assumed"
                                                                     : "our training recipe");
}

/* --- cost --- */

static bool belongs(const struct brief *b, const struct rd_scenario *s, const char *name)
{
    const struct rd_system *system = b->campaign->system;
    const size_t len = strlen(s->id);
    const char *at = s->magnitude;

    if (!strncmp(name, s->id, len) && name[len] == '.')
        return true;
    if (s->actor != RD_NONE) {
        const char *actor = system->actors[s->actor].id;

        if (!strncmp(name, actor, strlen(actor)) && name[strlen(actor)] == '.')
            return true;
    }
    /* A word of its formula: an asset. */
    for (size_t n = strlen(name); at && n && (at = strstr(at, name)); at++) {
        const char before = at == s->magnitude ? ' ' : at[-1], after = at[n];

        if (!strchr("-_", before) && !strchr("-_", after ? after : ' ') &&
            !(before >= 'a' && before <= 'z') && !(after >= 'a' && after <= 'z'))
            return true;
    }
    return false;
}

/* "1 is measured and 7 are defaults that nobody here has confirmed": what there is none of is not
 * said. */
static const char *shares_of_numbers(
    struct brief *b, size_t measured, size_t experts, const char *who, size_t defaults)
{
    const size_t count[] = { measured, experts, defaults };
    const char *const one[] = { "is measured", "is an expert's estimate",
        "is a default that nobody here has confirmed" };
    const char *const many[] = { "are measured", "are experts' estimates",
        "are defaults that nobody here has confirmed" };
    const char *text = "", *before = "";
    size_t left = (measured ? 1u : 0u) + (experts ? 1u : 0u) + (defaults ? 1u : 0u);

    for (size_t i = 0; i < 3 && text; i++) {
        if (!count[i])
            continue;
        text = rd_arena_printf(b->arena, "%s%s%zu %s%s", text, before, count[i],
            count[i] == 1 ? one[i] : many[i], i == 1 ? who : "");
        before = --left > 1 ? ", " : " and ";
    }
    b->failed = b->failed || !text;
    return text ? text : "";
}

/* On whose numbers. */
static void say_provenance(struct brief *b, const struct rd_scenario *s)
{
    const struct rd_risk_result *risk = b->report->risk;
    const char *expert[EXPERTS_SAID + 1];
    size_t n = 0, defaults = 0, measured = 0, experts = 0, names = 0;
    struct rd_buf who = { 0 };

    for (size_t i = 0; i < risk->n_numbers; i++) {
        const struct rd_risk_number *m = &risk->numbers[i];
        bool known = false;

        if (!belongs(b, s, m->name))
            continue;
        n++;
        defaults += m->provenance == RD_PROV_DEFAULT;
        measured += m->provenance == RD_PROV_MEASURED || m->provenance == RD_PROV_OBSERVED;
        experts += m->provenance == RD_PROV_EXPERT;
        for (size_t k = 0; k < names; k++)
            known = known || (m->by && !strcmp(expert[k], m->by));
        if (m->provenance == RD_PROV_EXPERT && m->by && !known && names < EXPERTS_SAID)
            expert[names++] = m->by;
    }
    for (size_t k = 0; k < names; k++)
        rd_buf_printf(&who, "%s%s", !k ? " (by " : " and ", expert[k]);
    if (names)
        rd_buf_puts(&who, ")");
    if (n)
        say(b, 0, NULL, "Of the %zu numbers behind it, %s", n,
            shares_of_numbers(b, measured, experts, rd_buf_text(&who), defaults));
    rd_buf_release(&who);
}

static void say_scenario(struct brief *b, const struct rd_risk_scenario *r)
{
    const struct rd_system *system = b->campaign->system;
    const struct rd_scenario *s = &system->scenarios[r->index];
    struct cited cited = { .n = 0 };

    if (r->unquantified) {
        say(b, 0, NULL, "The scenario '%s' could not be given money: %s", s->name, r->unquantified);
        return;
    }
    for (size_t i = 0; i < b->campaign->n_tested; i++)
        if (r->test && !strcmp(b->campaign->tested[i].test->id, r->test))
            cite(&cited, b->campaign->tested[i].key);
    say(b, 0, &cited,
        "In the scenario '%s' we expect it to cost %s a year, somewhere from %s in nine of ten "
        "cases",
        s->name, rd_words_money(r->ale.value, system->currency, b->arena),
        rd_words_money_range(r->ale.low, r->ale.high, system->currency, b->arena));
    if (r->words)
        say(b, 5, NULL, "In words, that is %s", r->words);
    say_provenance(b, s);
}

static void say_cost(struct brief *b)
{
    const struct rd_risk_result *risk = b->report->risk;
    size_t said = 0;

    b->part = RD_BRIEF_COST;
    for (size_t i = 0; risk && i < risk->n_scenarios && said < 2; i++) {
        const int at = risk->scenarios[i].index;

        if (strcmp(b->campaign->system->scenarios[at].threat, b->threat->id) != 0)
            continue;
        say_scenario(b, &risk->scenarios[i]);
        said++;
    }
    if (!said)
        say(b, 0, NULL,
            "Nobody has put money on it: no scenario of ours names it, so I have no figure a year");
}

/* --- fix --- */

struct tried_control {
    const struct rd_tested *tested;
    const struct rd_retest *retest;
};

static size_t each_retest(const struct brief *b, struct tried_control *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < b->campaign->n_tested; i++) {
        const struct rd_tested *t = &b->campaign->tested[i];

        if (strcmp(t->test->threat->id, b->threat->id) != 0)
            continue;
        for (size_t k = 0; k < t->n_retests && n < max; k++)
            if (t->retests[k].worse)
                out[n++] = (struct tried_control){ t, &t->retests[k] };
    }
    return n;
}

static void say_best(struct brief *b, const struct tried_control *best)
{
    const struct rd_system *s = b->campaign->system;
    const struct rd_retest *r = best->retest;
    const struct rd_control *c = &s->controls[r->control];
    const struct rd_risk_effect *e =
        b->report->risk ? rd_risk_effect_find(b->report->risk, r->control, best->tested->test->id)
                        : NULL;
    /* Both of the same number: "90 of 100 to 4 of 1,000" is hard to hear. */
    const double whole = fmax(whole_of(r->before.value), whole_of(r->after.value));
    const bool is_on = c->state == RD_CONTROL_ACTIVE;
    struct cited cited = { .n = 0 };

    cite(&cited, r->without_key);
    cite(&cited, r->worse_key);
    say(b, 0, &cited,
        "What helped most when we ran the attack again is '%s', %s: %s went from %s without it to "
        "%s with it",
        c->name, is_on ? "which is on" : "which is only proposed", judged_words(b, r->worse),
        share_of(b, r->before.value, whole), share_of(b, r->after.value, whole));
    if (r->aware)
        say(b, 2, NULL, "That already counts the attack that knows the control");
    else
        say(b, 0, NULL,
            "No attack that knows this control was run, so its effect is the best case");
    if (e && e->difference.low > 0)
        say(b, 1, NULL,
            is_on ? "It takes %s a year off the expected loss, on the numbers that I named"
                  : "It would take %s a year off the expected loss, on the numbers that I named",
            rd_words_money_range(e->difference.low, e->difference.high, s->currency, b->arena));
    if (c->cost_per_year.given)
        say(b, 1, NULL, is_on ? "It costs %s a year%s" : "It would cost %s a year%s",
            c->cost_per_year.low < c->cost_per_year.high
                ? rd_words_money_range(
                      c->cost_per_year.low, c->cost_per_year.high, s->currency, b->arena)
                : rd_words_money(c->cost_per_year.low, s->currency, b->arena),
            c->cost_per_year.provenance == RD_PROV_DEFAULT ? ", by a default" : "");
    if (r->utility_before - r->utility_after > 0.0005)
        say(b, 1, &cited,
            is_on ? "It also takes %s of clean accuracy"
                  : "It would also take %s of clean accuracy",
            rd_words_percent(r->utility_before - r->utility_after, b->arena));
}

/* A control with several tests is named once: by the test in which it helped, else by the first. */
static bool is_said_elsewhere(
    const struct tried_control *all, size_t n, const struct tried_control *best, size_t i)
{
    const int control = all[i].retest->control;
    const bool helps = rd_retest_helps(all[i].retest);

    if (best && best->retest->control == control)
        return true;
    for (size_t k = 0; k < n; k++)
        if (k != i && all[k].retest->control == control) {
            const bool other = rd_retest_helps(all[k].retest);

            if (other == helps ? k < i : other)
                return true;
        }
    return false;
}

/* Names of those that were run again and showed nothing, and of the further ones that helped. */
static void say_others(
    struct brief *b, const struct tried_control *all, size_t n, const struct tried_control *best)
{
    for (int helped = 1; helped >= 0; helped--) {
        struct cited cited = { .n = 0 };
        struct rd_buf names = { 0 };
        size_t count = 0;

        for (size_t i = 0; i < n; i++) {
            const struct rd_control *c = &b->campaign->system->controls[all[i].retest->control];

            if (rd_retest_helps(all[i].retest) != (helped == 1) ||
                is_said_elsewhere(all, n, best, i))
                continue;
            cite(&cited, all[i].retest->worse_key);
            rd_buf_printf(&names, "%s'%s'", count++ ? ", " : "", c->name);
        }
        if (count == 1)
            say(b, helped ? 2 : 0, &cited,
                helped ? "This helped less: %s"
                       : "This was run again too, and no help was measured: %s",
                rd_buf_text(&names));
        else if (count)
            say(b, helped ? 2 : 0, &cited,
                helped ? "These helped less: %s"
                       : "These were run again too, and no help was measured: %s",
                rd_buf_text(&names));
        b->failed = b->failed || names.failed;
        rd_buf_release(&names);
    }
}

static void say_fix(struct brief *b)
{
    enum { MAX = 64 };
    struct tried_control all[MAX];
    const struct tried_control *best = NULL;
    const size_t n = each_retest(b, all, MAX);

    b->part = RD_BRIEF_FIX;
    for (size_t i = 0; i < n; i++)
        if (rd_retest_helps(all[i].retest) &&
            (!best || all[i].retest->effect.value > best->retest->effect.value))
            best = &all[i];
    if (best)
        say_best(b, best);
    say_others(b, all, n, best);
    for (size_t i = 0; i < b->threat->rule->n_mitigations; i++)
        say(b,
            best ? 4 + (int)i
            : i  ? 2 + (int)i
                 : 0,
            NULL, i ? "%s" : "In general one can do this: %s",
            i ? b->threat->rule->mitigations[i] : lower_first(b, b->threat->rule->mitigations[i]));
    if (!n && b->tested)
        say(b, 0, NULL,
            "No control was tried against it yet, so I cannot say what one would change");
}

/* --- what nobody knows --- */

static void say_unknown(struct brief *b)
{
    const struct rd_threat *t = b->threat;

    b->part = RD_BRIEF_UNKNOWN;
    if (b->tested)
        say(b, 0, NULL,
            "What we do not know: whether an attack that we did not try, or somebody with more "
            "access or patience, does better");
    else if (b->state)
        say(b, 0, NULL,
            "What we do not know: whether an attack would succeed here, and how far one would get");
    if (t->n_missing && t->applicability != RD_APPLIES_UNKNOWN)
        say(b, 1, NULL, "Nor has anybody said what %s is", missing_words(b));
    if (b->report->risk && b->report->risk->illustrative && b->tested)
        say(b, 1, NULL,
            "The money is illustrative until somebody who knows has replaced the defaults");
    if (t->rule->false_positives)
        say(b, 6, NULL, "It may be a false alarm in this case: %s",
            lower_first(b, t->rule->false_positives));
    for (size_t i = 0; i < t->rule->n_references && i < 1; i++)
        say(b, 7, NULL, "Others describe it as %s of %s: %s", t->rule->references[i].id,
            t->rule->references[i].list, t->rule->references[i].title);
    if (b->tested)
        say(b, 7, NULL,
            "Anybody can repeat the test: the report gives the command under this threat");
}

/* --- length --- */

static size_t count_words(const char *text)
{
    size_t n = 0;

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        n += strncmp(text, "[e:", 3) != 0;
        text += strcspn(text, " ");
    }
    return n;
}

/* Leave out the least needed, the longest of them first, until it can be said in two minutes. */
static void fit(struct brief *b, struct rd_brief *out)
{
    size_t words = 0;

    for (size_t i = 0; i < b->n; i++)
        words += count_words(b->sentence[i].text);
    while (words > RD_BRIEF_WORDS) {
        size_t worst = 0;

        for (size_t i = 1; i < b->n; i++) {
            const struct rd_brief_sentence *s = &b->sentence[i], *w = &b->sentence[worst];

            if (s->rank > w->rank ||
                (s->rank == w->rank && s->rank > 0 && count_words(s->text) > count_words(w->text)))
                worst = i;
        }
        if (!b->n || !b->sentence[worst].rank)
            break;
        words -= count_words(b->sentence[worst].text);
        memmove(
            &b->sentence[worst], &b->sentence[worst + 1], (b->n - worst - 1) * sizeof *b->sentence);
        b->n--;
    }
    *out = (struct rd_brief){ b->sentence, b->n, words };
}

rd_status rd_brief_make(struct rd_run *run, const struct rd_report *report,
    const struct rd_threat *threat, struct rd_arena *arena, struct rd_brief *brief_out)
{
    const struct rd_campaign *c = report->campaign;
    const struct rd_threat *known = rd_threat_find(c->threats, threat->id);
    struct brief b = { .report = report,
        .campaign = c,
        .threat = known ? known : threat,
        .state = known ? &c->states[known - c->threats->item] : NULL,
        .arena = arena,
        .sentence = RD_NEW_ARRAY(arena, struct rd_brief_sentence, SENTENCES_MAX) };

    if (!b.sentence)
        return rd_run_no_memory(run, "the brief");
    if (b.state && b.state->tested != RD_NONE)
        b.tested = &c->tested[b.state->tested];
    say_what(&b);
    say_applies(&b);
    if (b.state) {
        say_tried(&b);
        say_cost(&b);
    }
    say_fix(&b);
    say_unknown(&b);
    if (b.failed)
        return rd_run_no_memory(run, "the brief");
    fit(&b, brief_out);
    return RD_OK;
}
