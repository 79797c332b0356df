/*
 * markdown.c - report.md: everything that was found, for people without a browser.
 *
 * Text from the system file goes through md(): controls and bidirectional marks as rd_text_safe
 * writes them, and the characters that mean something in Markdown or HTML escaped, so that no name
 * can become a link, a table cell or a tag.
 */
#include "report/report.h"

#include "base/text.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

struct md {
    struct rd_buf *out;
    const struct rd_report *report;
    struct rd_arena *arena; /* gone when the document is done */
    const char *currency;
};

static void put(struct md *m, const char *text)
{
    rd_buf_puts(m->out, text ? text : "");
}

static void text(struct md *m, const char *outside)
{
    if (outside)
        rd_text_markdown(m->out, outside);
}

static const char *percent(struct md *m, double v)
{
    return rd_words_percent(v, m->arena);
}

static void cell_band(struct md *m, const struct rd_band *b, bool is_money)
{
    if (is_money) {
        put(m, rd_words_money(b->value, m->currency, m->arena));
        rd_buf_printf(
            m->out, " (%s)", rd_words_money_range(b->low, b->high, m->currency, m->arena));
    } else {
        rd_buf_printf(m->out, "%s (%s to %s)", rd_words_number(b->value, m->arena),
            rd_words_number(b->low, m->arena), rd_words_number(b->high, m->arena));
    }
}

/* Every section says it again: a page torn out must still be honest. */
static void section(struct md *m, const char *name)
{
    rd_buf_printf(m->out, "\n## %s\n\n", name);
    if (m->report->risk && m->report->risk->illustrative)
        put(m, "*Illustrative: some money and frequencies are defaults that nobody has confirmed "
               "for this system.*\n\n");
}

static rd_status verdict(struct rd_run *run, struct md *m)
{
    const char *const *s;
    size_t n = 0;
    rd_status st = rd_report_verdict(run, m->report, m->arena, &s, &n);

    section(m, "Verdict");
    for (size_t i = 0; !st && i < n; i++) {
        put(m, i == 0 ? "**" : "- ");
        text(m, s[i]);
        put(m, i == 0 ? "**\n\n" : "\n");
    }
    return st;
}

static const char *place(const struct rd_system *s, const struct rd_threat *t)
{
    return t->element != RD_NONE ? s->elements[t->element].name
           : t->flow != RD_NONE  ? s->flows[t->flow].name
                                 : "";
}

static void threat_table(struct md *m)
{
    const struct rd_campaign *c = m->report->campaign;

    put(m, "| threat | at | severity | applies | status | what is known |\n| --- | --- | --- | --- "
           "| --- | --- |\n");
    for (size_t i = 0; i < c->threats->n; i++) {
        const struct rd_threat *t = &c->threats->item[i];

        put(m, "| ");
        text(m, t->rule->title);
        put(m, " | ");
        text(m, place(c->system, t));
        rd_buf_printf(m->out, " | %s | %s | %s", rd_severity_name(t->severity),
            rd_applicability_name(t->applicability), rd_threat_status_name(c->states[i].status));
        if (t->decision) {
            put(m, ", ");
            text(m, t->decision->decision);
        }
        put(m, " | ");
        text(m, c->states[i].reason ? c->states[i].reason : c->states[i].text);
        put(m, " |\n");
    }
}

static void items(struct md *m, const char *head, const char *const *item, size_t n)
{
    if (!n)
        return;
    rd_buf_printf(m->out, "\n%s:\n\n", head);
    for (size_t i = 0; i < n; i++) {
        put(m, "- ");
        text(m, item[i]);
        put(m, "\n");
    }
}

static void threat_details(struct md *m)
{
    const struct rd_threats *threats = m->report->campaign->threats;

    put(m, "\n### Why\n");
    for (size_t i = 0; i < threats->n; i++) {
        const struct rd_threat *t = &threats->item[i];

        put(m, "\n#### ");
        text(m, t->id);
        put(m, "\n\n");
        text(m, t->rule->why);
        put(m, " ");
        text(m, t->rule->impact);
        put(m, "\n");
        if (t->n_facts)
            put(m, "\nWhat was looked at:\n\n");
        for (size_t k = 0; k < t->n_facts; k++) {
            put(m, "- ");
            text(m, t->facts[k].what);
            put(m, ": ");
            text(m, t->facts[k].value);
            put(m, "\n");
        }
        items(m, "To fill in, since it is not known", t->missing, t->n_missing);
        items(m, "What would make it go away", t->goes_away, t->n_goes_away);
        items(m, "What helps", t->rule->mitigations, t->rule->n_mitigations);
        if (t->rule->n_references) {
            put(m, "\nKnown as ");
            for (size_t k = 0; k < t->rule->n_references; k++) {
                const struct rd_reference *r = &t->rule->references[k];

                rd_buf_printf(
                    m->out, "%s%s %s (%s %s)", k ? ", " : "", r->id, r->title, r->list, r->edition);
            }
            put(m, ".\n");
        }
    }
}

static void curve(struct md *m, const struct rd_curve *c)
{
    rd_buf_printf(
        m->out, "\n| %s | %s | 95 %% interval |\n| ---: | ---: | --- |\n", c->budget, c->metric);
    for (size_t i = 0; i < c->n; i++)
        rd_buf_printf(m->out, "| %s | %s | %s to %s |\n", rd_words_number(c->x[i], m->arena),
            rd_words_number(c->y[i].value, m->arena), rd_words_number(c->y[i].low, m->arena),
            rd_words_number(c->y[i].high, m->arena));
}

/* One trial of a kind, in words. */
static const char *trials_word(const struct rd_bound_test *t, size_t n)
{
    switch (t->attack->kind) {
    case RD_EVADE:
        return n == 1 ? "example" : "examples";
    case RD_POISON:
        return n == 1 ? "retrained victim" : "retrained victims";
    case RD_EXTRACT:
        return n == 1 ? "independent theft" : "independent thefts";
    case RD_INFER:
        break;
    }
    return n == 1 ? "trained victim" : "trained victims";
}

static void recipe_note(struct md *m, const struct rd_bound_test *t)
{
    const struct rd_artifact *a = m->report->campaign->system->artifacts;

    if (rd_report_recipe(t) == RD_NONE)
        return;
    put(m, "\nVictims were trained from the recipe ");
    text(m, a[t->recipe].id);
    put(m, ": this speaks of the recipe, not of the weights that are deployed.");
    put(m, a[t->recipe].assumed == RD_YES ? " Nobody declared it: it is assumed.\n" : "\n");
}

static void record(struct md *m, const struct rd_bound_test *t, const struct rd_record *r)
{
    rd_buf_printf(m->out,
        "%s: **%s**. %zu of %s; %s %s (95 %% interval %s to %s), criterion %s. It spent %llu rows "
        "and %llu gradient "
        "rows; the target answered %llu rows in all.\n",
        r->attack, rd_outcome_name(r->outcome), r->successes,
        rd_words_count(r->n, trials_word(t, 1), trials_word(t, 2), m->arena),
        r->judged ? r->judged : "value", rd_words_number(r->interval.value, m->arena),
        rd_words_number(r->interval.low, m->arena), rd_words_number(r->interval.high, m->arena),
        rd_words_number(r->criterion, m->arena), (unsigned long long)r->queries,
        (unsigned long long)r->gradients, (unsigned long long)r->rows_total);
    if (r->outcome_reason) {
        put(m, "\n");
        text(m, r->outcome_reason);
        put(m, ".\n");
    }
    recipe_note(m, t);
    put(m, "\n| metric | value | 95 % interval |\n| --- | ---: | --- |\n");
    for (size_t i = 0; i < r->n_metrics; i++) {
        const struct rd_metric *x = &r->metrics[i];

        if (x->reason)
            rd_buf_printf(m->out, "| %s | | %s |\n", x->name, x->reason);
        else
            rd_buf_printf(m->out, "| %s | %s | %s to %s |\n", x->name,
                rd_words_number(x->v.value, m->arena), rd_words_number(x->v.low, m->arena),
                rd_words_number(x->v.high, m->arena));
    }
    for (size_t i = 0; i < r->n_curves; i++)
        curve(m, &r->curves[i]);
    put(m, "\nSettings:");
    for (size_t i = 0; i < r->n_settings; i++) {
        rd_buf_printf(m->out, "%s %s=", i ? "," : "", r->settings[i].name);
        text(m, r->settings[i].value);
    }
    put(m, ".\n");
}

static void evidence(struct md *m)
{
    const struct rd_campaign *c = m->report->campaign;

    put(m, "\n### Evidence\n");
    for (size_t i = 0; i < c->n_tested; i++) {
        put(m, "\n#### Test ");
        text(m, c->tested[i].test->id);
        put(m, "\n\n");
        if (c->tested[i].record) {
            record(m, c->tested[i].test, c->tested[i].record);
        } else {
            put(m, "Not run: ");
            text(m, c->tested[i].test->untried);
            put(m, ".\n");
        }
    }
}

static const char *scenario_name(const struct rd_system *s, const struct rd_risk_scenario *r)
{
    const struct rd_scenario *d = &s->scenarios[r->index];

    return d->name ? d->name : d->id;
}

static void scenarios(struct md *m)
{
    const struct rd_risk_result *r = m->report->risk;
    const struct rd_system *s = m->report->campaign->system;

    put(m, "\n### By scenario\n\n| scenario | loss a year | attempts a year | chance to be worth "
           "it | chance to succeed | in "
           "words |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < r->n_scenarios; i++) {
        const struct rd_risk_scenario *x = &r->scenarios[i];

        put(m, "| ");
        text(m, scenario_name(s, x));
        if (x->unquantified) {
            put(m, " | no money: ");
            text(m, x->unquantified);
            put(m, " | | | | |\n");
            continue;
        }
        put(m, " | ");
        cell_band(m, &x->ale, true);
        put(m, " | ");
        cell_band(m, &x->attempts, false);
        rd_buf_printf(m->out, " | %s | %s (tried: %s) | %s%s%s%s |\n", percent(m, x->action.value),
            percent(m, x->s.value), percent(m, x->s_tried.value), x->words ? x->words : "",
            x->measured ? "" : "; not measured",
            x->upper_bound ? "; upper bound: the attack had more access than the actor" : "",
            x->proxy ? "; proxy: digital evidence for a printed manipulation" : "");
    }
}

static void controls(struct md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_risk_result *r = m->report->risk;

    put(m, "\n### Controls, before and after\n\n| control | test | attack reaches | difference (95 "
           "% interval) | loss a year | "
           "control-aware attack |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++) {
            const struct rd_retest *x = &c->tested[i].retests[k];
            const struct rd_risk_effect *e =
                r ? rd_risk_effect_find(r, x->control, c->tested[i].test->id) : NULL;

            put(m, "| ");
            text(m, c->system->controls[x->control].id);
            put(m, " | ");
            text(m, c->tested[i].test->id);
            rd_buf_printf(m->out, " | %s, then %s | %s (%s to %s) | ",
                rd_words_number(x->before.value, m->arena),
                rd_words_number(x->after.value, m->arena),
                rd_words_number(x->effect.value, m->arena),
                rd_words_number(x->effect.low, m->arena),
                rd_words_number(x->effect.high, m->arena));
            if (e && !isnan(e->before.value))
                rd_buf_printf(m->out, "%s, then %s",
                    rd_words_money(e->before.value, m->currency, m->arena),
                    rd_words_money(e->after.value, m->currency, m->arena));
            else
                text(m, e && e->reason ? e->reason : "no scenario rests on this test");
            rd_buf_printf(m->out, " | %s |\n", x->adaptive ? x->adaptive : "");
        }
    put(m, "\n");
    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++) {
            put(m, "- ");
            text(m, rd_report_control_sentence(
                        m->report, &c->tested[i], &c->tested[i].retests[k], m->arena));
            put(m, "\n");
        }
}

static void totals(struct md *m)
{
    const struct rd_risk_result *r = m->report->risk;
    const struct rd_risk_summary *t = &r->total;

    put(m, "| of a year | value | 90 % interval |\n| --- | ---: | --- |\n");
    rd_buf_printf(m->out, "| expected loss | %s | %s |\n",
        rd_words_money(t->ale.value, m->currency, m->arena),
        rd_words_money_range(t->ale.low, t->ale.high, m->currency, m->arena));
    rd_buf_printf(m->out, "| chance of no loss | %s | %s to %s |\n", percent(m, t->no_loss.value),
        percent(m, t->no_loss.low), percent(m, t->no_loss.high));
    for (size_t i = 0; i < RD_RISK_QUANTILES; i++)
        rd_buf_printf(m->out, "| %s of years stay below | %s | %s |\n",
            percent(m, rd_risk_quantile_at[i]),
            rd_words_money(t->quantile[i].value, m->currency, m->arena),
            rd_words_money_range(t->quantile[i].low, t->quantile[i].high, m->currency, m->arena));
    if (t->n_appetite)
        put(m, "\n| appetite: a loss of | may have a chance of | has a chance of | |\n| ---: | "
               "---: | --- | --- |\n");
    for (size_t i = 0; i < t->n_appetite; i++) {
        const struct rd_risk_appetite *a = &t->appetite[i];

        rd_buf_printf(m->out, "| %s | %s | %s (%s to %s) | %s |\n",
            rd_words_money(a->loss, m->currency, m->arena), percent(m, a->allowed),
            percent(m, a->probability.value), percent(m, a->probability.low),
            percent(m, a->probability.high), rd_appetite_state_name(a->state));
    }
    if (t->n_exceedance)
        put(m, "\n| chance that a year costs more than | is | 90 % interval |\n| ---: | ---: | --- "
               "|\n");
    for (size_t i = 0; i<t->n_exceedance; i += t->n_exceedance> 24 ? 4 : 1)
        rd_buf_printf(m->out, "| %s | %s | %s to %s |\n",
            rd_words_money(t->exceedance[i].loss, m->currency, m->arena),
            percent(m, t->exceedance[i].probability.value),
            percent(m, t->exceedance[i].probability.low),
            percent(m, t->exceedance[i].probability.high));
    rd_buf_printf(m->out,
        "\nFrom %zu draws of what is not known, %zu years each; the simulation's own error of the "
        "expected loss is "
        "%s.\n",
        r->outer, r->years,
        rd_words_money(hypot(t->error_years, t->error_draws), m->currency, m->arena));
}

/* What nobody has put money on: when it would matter. */
static void break_even(struct md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    if (!r->n_break_even)
        return;
    put(m, "\nWithout money, by losses a year:\n\n");
    for (size_t i = 0; i < r->n_break_even; i++) {
        const struct rd_risk_break_even *b = &r->break_even[i];

        put(m, "- ");
        text(m, r->system->scenarios[b->scenario].id);
        put(m, ": ");
        text(m, b->words ? b->words : b->reason ? b->reason : "no threshold");
        put(m, "\n");
    }
}

static void loss(struct md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    section(m, "Expected loss");
    if (!r || !r->n_scenarios) {
        put(m, "No scenario puts money on a threat, so no loss was computed.\n");
    } else {
        totals(m);
        scenarios(m);
        break_even(m);
    }
    controls(m);
}

static void not_tried(struct md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    size_t n = 0;

    section(m, "Not tried");
    for (size_t i = 0; i < c->threats->n; i++) {
        if (c->states[i].status != RD_THREAT_UNTRIED)
            continue;
        put(m, "- ");
        text(m, c->threats->item[i].id);
        rd_buf_printf(m->out, " (%s): ", rd_severity_name(c->threats->item[i].severity));
        text(m, c->states[i].reason);
        put(m, "\n");
        n++;
    }
    put(m, n ? "\nNo figure of this report covers these.\n"
             : "Every threat that applies was tried.\n");
}

static const char *provenance_name(enum rd_provenance p)
{
    static const char *const names[] = { "default", "expert", "observed", "measured" };

    return (unsigned)p < 4 ? names[p] : "default";
}

static void assumptions(struct md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    section(m, "Assumptions");
    if (!r || !r->n_numbers) {
        put(m, "Without a scenario there is nothing to assume.\n");
        return;
    }
    put(m, "| number | 5 % to 95 % | unit | from | share of the variance |\n| --- | --- | --- | "
           "--- | ---: |\n");
    for (size_t i = 0; i < r->n_numbers; i++) {
        const struct rd_risk_number *x = &r->numbers[i];
        const char *share = "";

        for (size_t k = 0; k < r->n_shares; k++)
            if (!strcmp(r->shares[k].name, x->name))
                share = percent(m, r->shares[k].share);
        put(m, "| ");
        text(m, x->name);
        rd_buf_printf(m->out, " | %s to %s | ", rd_words_number(x->low, m->arena),
            rd_words_number(x->high, m->arena));
        text(m, x->unit);
        rd_buf_printf(m->out, " | %s", provenance_name(x->provenance));
        const char *const who[] = { x->by, x->date, x->source };
        for (size_t k = 0; k < 3; k++)
            if (who[k]) {
                put(m, ", ");
                text(m, who[k]);
            }
        rd_buf_printf(m->out, " | %s |\n", share ? share : "");
    }
}

static void system_table(struct md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_system *s = c->system;

    section(m, "System");
    put(m, "| element | type | in | threats |\n| --- | --- | --- | ---: |\n");
    for (size_t i = 0; i < s->n_elements; i++) {
        size_t n = 0;

        for (size_t k = 0; k < c->threats->n; k++)
            n += c->threats->item[k].element == (int)i;
        put(m, "| ");
        text(m, s->elements[i].name);
        rd_buf_printf(m->out, " | %s | ", s->elements[i].type->name);
        text(m,
            s->elements[i].boundary == RD_NONE ? "" : s->boundaries[s->elements[i].boundary].name);
        rd_buf_printf(m->out, " | %zu |\n", n);
    }
    put(m, "\n| flow | carries | crosses a boundary |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < s->n_flows; i++) {
        put(m, "| ");
        text(m, s->elements[s->flows[i].from].name);
        put(m, " to ");
        text(m, s->elements[s->flows[i].to].name);
        put(m, " | ");
        text(m, rd_layout_flow_label(&s->flows[i], m->arena));
        rd_buf_printf(m->out, " | %s |\n", rd_flow_crosses(s, &s->flows[i]) ? "yes" : "no");
    }
}

rd_status rd_report_markdown(struct rd_run *run, const struct rd_report *report, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf currency = { 0 };
    struct md m = { .report = report, .arena = &arena };
    rd_status st;

    m.out = &currency; /* it stands in many cells: make it safe once */
    text(&m, report->campaign->system->currency);
    m.currency = rd_buf_text(&currency);
    m.out = out;
    put(&m, "# Threat assessment: ");
    text(&m, report->campaign->system->name);
    put(&m, "\n");
    st = verdict(run, &m);
    if (!st) {
        section(&m, "Threats");
        threat_table(&m);
        threat_details(&m);
        evidence(&m);
        loss(&m);
        not_tried(&m);
        assumptions(&m);
        system_table(&m);
        rd_buf_printf(out, "\nSeed %llu. Every figure here stands in report.json too.\n",
            (unsigned long long)report->seed);
    }
    rd_arena_release(&arena);
    if (!st && (out->failed || currency.failed))
        st = rd_run_no_memory(run, "report.md");
    rd_buf_release(&currency);
    return st;
}
