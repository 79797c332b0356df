/*
 * markdown.c - report.md: everything that was found, for people without a browser.
 *
 * The sections stand in the order of the page; money is in markdown_money.c. Text from the system
 * file goes through rd_md_text(): controls and bidirectional marks as rd_text_safe
 * writes them, and the characters that mean something in Markdown or HTML escaped, so that no name
 * can become a link, a table cell or a tag.
 */
#include "report/markdown.h"

#include "base/text.h"
#include "evidence/metric.h"
#include "report/finding.h"
#include "report/glossary.h"
#include "report/stages.h"
#include "report/words.h"
#include "risk/roadmap.h"

#include <math.h>
#include <string.h>

void rd_md_put(struct rd_md *m, const char *text)
{
    rd_buf_puts(m->out, text ? text : "");
}

void rd_md_text(struct rd_md *m, const char *outside)
{
    if (outside)
        rd_text_markdown(m->out, outside);
}

static const char *percent(struct rd_md *m, double v)
{
    return rd_words_percent(v, m->arena);
}

/* Every section says it again: a page torn out must still be honest. */
void rd_md_section(struct rd_md *m, const char *name)
{
    rd_buf_printf(m->out, "\n## %s\n\n", name);
    if (m->report->risk && m->report->risk->illustrative)
        rd_md_put(m,
            "*Illustrative: some money and frequencies are defaults that nobody has confirmed "
            "for this system.*\n\n");
}

static void band_row(struct rd_md *m, const char *name, const struct rd_band *b)
{
    rd_buf_printf(m->out, "| %s | %s | %s |\n", name,
        rd_words_money(b->value, m->currency, m->arena),
        rd_words_money_range(b->low, b->high, m->currency, m->arena));
}

static void roadmap_row(struct rd_md *m, const struct rd_roadmap *r)
{
    if (!r)
        return;
    if (!r->n_steps) {
        rd_buf_printf(m->out, "| roadmap | %s | |\n",
            r->unmeasured ? "no effect of a proposed control is known"
                          : "no proposed control is worth its cost");
        return;
    }
    rd_buf_printf(m->out, "| roadmap | %s for %s a year |",
        rd_words_count(r->n_steps, "control", "controls", m->arena),
        rd_words_money(r->cost.value, m->currency, m->arena));
    rd_buf_printf(
        m->out, " %s |\n", r->combined ? "run together" : "not run together: steps are assumed");
    band_row(m, "expected loss after it", r->combined ? &r->combined->ale : &r->ale_after);
}

/* What a board asks first, in one table. */
static void figures(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_risk_result *r = m->report->risk;
    size_t n[RD_THREAT_CONTROLLED + 1] = { 0 }; /* by status, the last of them */

    for (size_t i = 0; i < c->threats->n; i++)
        n[c->states[i].status]++;
    rd_md_put(m, "\n| | | |\n| --- | --- | --- |\n");
    if (r && rd_risk_has_money(r)) {
        band_row(m, "expected loss a year, 90 % band", &r->total.ale);
        for (size_t i = 0; i < r->total.n_appetite; i++) {
            const struct rd_risk_appetite *a = &r->total.appetite[i];

            rd_buf_printf(m->out,
                "| chance to lose more than %s | %s (%s to %s) | accepted: %s |\n",
                rd_words_money(a->loss, m->currency, m->arena), percent(m, a->probability.value),
                percent(m, a->probability.low), percent(m, a->probability.high),
                percent(m, a->allowed));
        }
        roadmap_row(m, r->roadmap);
    }
    rd_buf_printf(m->out,
        "| threats | %zu demonstrated, %zu inconclusive, %zu not demonstrated, %zu controlled | "
        "%zu "
        "not tried |\n",
        n[RD_THREAT_DEMONSTRATED], n[RD_THREAT_INCONCLUSIVE], n[RD_THREAT_NOT_DEMONSTRATED],
        n[RD_THREAT_CONTROLLED], n[RD_THREAT_UNTRIED]);
}

static rd_status verdict(struct rd_run *run, struct rd_md *m)
{
    const char *const *s;
    size_t n = 0;
    rd_status st = rd_report_verdict(run, m->report, m->arena, &s, &n);

    rd_md_section(m, "Executive view");
    for (size_t i = 0; !st && i < n; i++) {
        rd_md_put(m, i == 0 ? "**" : "- ");
        rd_md_text(m, s[i]);
        rd_md_put(m, i == 0 ? "**\n" : "\n");
        if (i == 0) {
            figures(m);
            rd_md_put(m, "\n");
        }
    }
    return st;
}

static void stage_controls(struct rd_md *m, const struct rd_stage_row *row, enum rd_acts acts)
{
    const struct rd_system *s = m->report->campaign->system;

    rd_md_put(m, " |");
    for (size_t i = 0; i < row->n_controls[acts]; i++) {
        const struct rd_control *c = &s->controls[row->control[acts][i]];

        rd_md_put(m, i ? "; " : " ");
        rd_md_text(m, c->name);
        rd_md_put(m, c->state == RD_CONTROL_ACTIVE ? " (active)" : " (proposed)");
    }
}

static rd_status stages(struct rd_run *run, struct rd_md *m)
{
    struct rd_stages found;
    rd_status st = rd_report_stages(run, m->report, m->arena, &found);

    if (st)
        return st;
    rd_md_section(m, "Stages of the life cycle");
    if (found.warning) {
        rd_md_put(m, "**");
        rd_md_text(m, found.warning);
        rd_md_put(m, "**\n\n");
    }
    rd_md_put(m, "| stage | threats | tried | demonstrated | expected loss | prevent | detect | "
                 "respond |\n| --- | ---: | ---: | ---: | ---: | --- | --- | --- |\n");
    for (size_t i = 0; i < RD_STAGES; i++) {
        const struct rd_stage_row *row = &found.row[i];

        rd_buf_printf(m->out, "| %s | %zu | %zu | %zu | %s", rd_stage_name[i], row->threats,
            row->tried, row->demonstrated,
            isnan(row->expected_loss) ? "none has money on it"
                                      : rd_words_money(row->expected_loss, m->currency, m->arena));
        for (enum rd_acts acts = 0; acts < RD_ACTS; acts++)
            stage_controls(m, row, acts);
        rd_md_put(m, " |\n");
    }
    return RD_OK;
}

static const char *place(const struct rd_system *s, const struct rd_threat *t)
{
    return t->element != RD_NONE ? s->elements[t->element].name
           : t->flow != RD_NONE  ? s->flows[t->flow].name
                                 : "";
}

static void threat_table(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;

    rd_md_put(m,
        "| threat | at | severity | applies | status | what is known |\n| --- | --- | --- | --- "
        "| --- | --- |\n");
    for (size_t i = 0; i < c->threats->n; i++) {
        const struct rd_threat *t = &c->threats->item[i];

        rd_md_put(m, "| ");
        rd_md_text(m, t->rule->title);
        rd_md_put(m, " | ");
        rd_md_text(m, place(c->system, t));
        rd_buf_printf(m->out, " | %s | %s | %s", rd_severity_name(t->severity),
            rd_applicability_name(t->applicability), rd_threat_status_name(c->states[i].status));
        if (t->decision) {
            rd_md_put(m, ", ");
            rd_md_text(m, t->decision->decision);
        }
        rd_md_put(m, " | ");
        rd_md_text(m, c->states[i].reason ? c->states[i].reason : c->states[i].text);
        rd_md_put(m, " |\n");
    }
}

static void items(struct rd_md *m, const char *head, const char *const *item, size_t n)
{
    if (!n)
        return;
    rd_buf_printf(m->out, "\n%s:\n\n", head);
    for (size_t i = 0; i < n; i++) {
        rd_md_put(m, "- ");
        rd_md_text(m, item[i]);
        rd_md_put(m, "\n");
    }
}

static void references(struct rd_md *m, const struct rd_rule *rule)
{
    if (!rule->n_references && !rule->n_cwe)
        return;
    rd_md_put(m, "\nKnown as ");
    for (size_t k = 0; k < rule->n_references; k++) {
        const struct rd_reference *r = &rule->references[k];

        rd_buf_printf(
            m->out, "%s%s %s (%s %s)", k ? ", " : "", r->id, r->title, r->list, r->edition);
    }
    for (size_t k = 0; k < rule->n_cwe; k++)
        rd_buf_printf(m->out, "%s%s", k || rule->n_references ? ", " : "", rule->cwe[k]);
    rd_md_put(m, ".\n");
}

/* As a block that is indented: nothing in it means anything to Markdown. */
static void command(struct rd_md *m, const struct rd_finding *f)
{
    if (!f->check)
        return;
    rd_md_put(m, "\nCheck it yourself");
    if (f->check_reason) {
        rd_md_put(m, " (");
        rd_md_text(m, f->check_reason);
        rd_md_put(m, ")");
    }
    rd_md_put(m, ":\n\n    ");
    rd_text_safe(m->out, f->check, strlen(f->check));
    rd_md_put(m, "\n");
}

static void decision(struct rd_md *m, const struct rd_decision *d)
{
    if (!d)
        return;
    rd_md_put(m, "\nDecision: ");
    rd_md_text(m, d->decision);
    rd_md_put(m, d->by ? " by " : "");
    rd_md_text(m, d->by);
    rd_md_put(m, d->until ? " until " : "");
    rd_md_text(m, d->until);
    rd_md_put(m, d->why ? ", because: " : "");
    rd_md_text(m, d->why);
    rd_md_put(m, d->ticket ? ", " : "");
    rd_md_text(m, d->ticket);
    rd_md_put(m, ".\n");
}

static void said(struct rd_md *m, const char *head, const char *words)
{
    if (!words)
        return;
    rd_buf_printf(m->out, "\n%s: ", head);
    rd_md_text(m, words);
    rd_md_put(m, "\n");
}

static rd_status threat_detail(struct rd_run *run, struct rd_md *m, size_t which)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_threat *t = &c->threats->item[which];
    struct rd_finding f;
    rd_status st = rd_finding_make(run, m->report, which, m->arena, &f);

    if (st)
        return st;
    rd_md_put(m, "\n#### ");
    rd_md_text(m, t->id);
    rd_md_put(m, "\n");
    decision(m, t->decision);
    said(m, "Why", f.why);
    said(m, "Impact", f.impact);
    items(m, "Fix", f.fix, f.n_fix);
    command(m, &f);
    if (f.evidence && f.tested)
        rd_buf_printf(m->out, "\nEvidence: record %.*s of test ", RD_EVIDENCE_SHORT, f.evidence);
    if (f.evidence && f.tested) {
        rd_md_text(m, f.tested->test->id);
        rd_md_put(m, ".\n");
    } else {
        said(m, "Evidence: none", c->states[which].reason);
    }
    if (t->n_facts)
        rd_md_put(m, "\nWhat was looked at:\n\n");
    for (size_t k = 0; k < t->n_facts; k++) {
        rd_md_put(m, "- ");
        rd_md_text(m, t->facts[k].what);
        rd_md_put(m, ": ");
        rd_md_text(m, t->facts[k].value);
        rd_md_put(m, "\n");
    }
    items(m, "To fill in, since it is not known", t->missing, t->n_missing);
    items(m, "What would make it go away", t->goes_away, t->n_goes_away);
    references(m, t->rule);
    return RD_OK;
}

static rd_status threat_details(struct rd_run *run, struct rd_md *m)
{
    const size_t n = m->report->campaign->threats->n;
    rd_status st = RD_OK;

    rd_md_put(m, n ? "\n### Each of them\n" : "");
    for (size_t i = 0; !st && i < n; i++)
        st = threat_detail(run, m, i);
    return st;
}

static const char *measured(struct rd_md *m, const char *metric, double v)
{
    return rd_metric_form_of(metric) == RD_METRIC_SHARE ? rd_words_percent(v, m->arena)
                                                        : rd_words_number(v, m->arena);
}

static void curve(struct rd_md *m, const struct rd_curve *c)
{
    char x[RD_METRIC_WORDS], y[RD_METRIC_WORDS];

    rd_buf_printf(m->out, "\n| %s | %s | 95 %% interval |\n| ---: | ---: | --- |\n",
        rd_metric_name(c->budget, x), rd_metric_name(c->metric, y));
    for (size_t i = 0; i < c->n; i++) {
        const struct rd_interval v = rd_metric_within(c->metric, &c->y[i]);

        rd_buf_printf(m->out, "| %s | %s | %s to %s |\n", measured(m, c->budget, c->x[i]),
            measured(m, c->metric, v.value), measured(m, c->metric, v.low),
            measured(m, c->metric, v.high));
    }
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

static void recipe_note(struct rd_md *m, const struct rd_bound_test *t)
{
    const struct rd_artifact *a = m->report->campaign->system->artifacts;

    if (rd_report_recipe(t) == RD_NONE)
        return;
    rd_md_put(m, "\nVictims were trained from the recipe ");
    rd_md_text(m, a[t->recipe].id);
    rd_md_put(m, ": this speaks of the recipe, not of the weights that are deployed.");
    rd_md_put(m, a[t->recipe].assumed == RD_YES ? " Nobody declared it: it is assumed.\n" : "\n");
}

static void record(struct rd_md *m, const struct rd_bound_test *t, const struct rd_record *r)
{
    const struct rd_interval judged = rd_metric_within(r->judged, &r->interval);
    char name[RD_METRIC_WORDS];

    rd_buf_printf(m->out,
        "%s: **%s**. %zu of %s; %s %s (95 %% interval %s to %s), criterion %s. It spent %llu rows "
        "and %llu gradient "
        "rows; the target answered %llu rows in all.\n",
        r->attack, rd_outcome_name(r->outcome), r->successes,
        rd_words_count(r->n, trials_word(t, 1), trials_word(t, 2), m->arena),
        rd_metric_judged(r, name), measured(m, r->judged, r->interval.value),
        measured(m, r->judged, judged.low), measured(m, r->judged, judged.high),
        measured(m, r->judged, r->criterion), (unsigned long long)r->queries,
        (unsigned long long)r->gradients, (unsigned long long)r->rows_total);
    if (r->outcome_reason) {
        rd_md_put(m, "\n");
        rd_md_text(m, r->outcome_reason);
        rd_md_put(m, ".\n");
    }
    recipe_note(m, t);
    rd_md_put(m, "\n| metric | value | 95 % interval |\n| --- | ---: | --- |\n");
    for (size_t i = 0; i < r->n_metrics; i++) {
        const struct rd_metric *x = &r->metrics[i];
        const struct rd_interval v = rd_metric_within(x->name, &x->v);

        if (x->reason)
            rd_buf_printf(m->out, "| %s | | %s |\n", rd_metric_name(x->name, name), x->reason);
        else
            rd_buf_printf(m->out, "| %s | %s | %s to %s |\n", rd_metric_name(x->name, name),
                measured(m, x->name, v.value), measured(m, x->name, v.low),
                measured(m, x->name, v.high));
    }
    for (size_t i = 0; i < r->n_curves; i++)
        curve(m, &r->curves[i]);
    rd_md_put(m, "\nSettings:");
    for (size_t i = 0; i < r->n_settings; i++) {
        rd_buf_printf(m->out, "%s %s=", i ? "," : "", r->settings[i].name);
        rd_md_text(m, r->settings[i].value);
    }
    rd_md_put(m, ".\n");
}

static void evidence(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;

    rd_md_section(m, "Evidence");
    if (!c->n_tested)
        rd_md_put(m, "No test was bound to a threat.\n");
    for (size_t i = 0; i < c->n_tested; i++) {
        rd_md_put(m, "\n#### Test ");
        rd_md_text(m, c->tested[i].test->id);
        rd_md_put(m, "\n\n");
        if (c->tested[i].record) {
            record(m, c->tested[i].test, c->tested[i].record);
        } else {
            rd_md_put(m, "Not run: ");
            rd_md_text(m, c->tested[i].test->untried);
            rd_md_put(m, ".\n");
        }
    }
}

static void not_tried(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    size_t n = 0;

    rd_md_section(m, "Not tried");
    for (size_t i = 0; i < c->threats->n; i++) {
        if (c->states[i].status != RD_THREAT_UNTRIED)
            continue;
        rd_md_put(m, "- ");
        rd_md_text(m, c->threats->item[i].id);
        rd_buf_printf(m->out, " (%s): ", rd_severity_name(c->threats->item[i].severity));
        rd_md_text(m, c->states[i].reason);
        rd_md_put(m, "\n");
        n++;
    }
    rd_md_put(m, n ? "\nNo figure of this report covers these.\n"
                   : "Every threat that applies was tried.\n");
}

static const char *provenance_name(enum rd_provenance p)
{
    static const char *const names[] = { "default", "expert", "observed", "measured" };

    return (unsigned)p < 4 ? names[p] : "default";
}

static void assumptions(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    rd_md_section(m, "Assumptions");
    if (!r || !r->n_numbers) {
        rd_md_put(m, "Without a scenario there is nothing to assume.\n");
        return;
    }
    rd_md_put(m,
        "| number | 5 % to 95 % | unit | from | share of the variance |\n| --- | --- | --- | "
        "--- | ---: |\n");
    for (size_t i = 0; i < r->n_numbers; i++) {
        const struct rd_risk_number *x = &r->numbers[i];
        const char *share = "";

        for (size_t k = 0; k < r->n_shares; k++)
            if (!strcmp(r->shares[k].name, x->name))
                share = percent(m, r->shares[k].share);
        rd_md_put(m, "| ");
        rd_md_text(m, x->name);
        rd_buf_printf(m->out, " | %s to %s | ", rd_words_number(x->low, m->arena),
            rd_words_number(x->high, m->arena));
        rd_md_text(m, x->unit);
        rd_buf_printf(m->out, " | %s", provenance_name(x->provenance));
        const char *const who[] = { x->by, x->date, x->source };
        for (size_t k = 0; k < 3; k++)
            if (who[k]) {
                rd_md_put(m, ", ");
                rd_md_text(m, who[k]);
            }
        rd_buf_printf(m->out, " | %s |\n", share ? share : "");
    }
}

static void system_table(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_system *s = c->system;

    rd_md_section(m, "System");
    rd_md_put(m, "| element | type | in | threats |\n| --- | --- | --- | ---: |\n");
    for (size_t i = 0; i < s->n_elements; i++) {
        size_t n = 0;

        for (size_t k = 0; k < c->threats->n; k++)
            n += c->threats->item[k].element == (int)i;
        rd_md_put(m, "| ");
        rd_md_text(m, s->elements[i].name);
        rd_buf_printf(m->out, " | %s | ", s->elements[i].type->name);
        rd_md_text(m,
            s->elements[i].boundary == RD_NONE ? "" : s->boundaries[s->elements[i].boundary].name);
        rd_buf_printf(m->out, " | %zu |\n", n);
    }
    rd_md_put(m, "\n| flow | carries | crosses a boundary |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < s->n_flows; i++) {
        rd_md_put(m, "| ");
        rd_md_text(m, s->elements[s->flows[i].from].name);
        rd_md_put(m, " to ");
        rd_md_text(m, s->elements[s->flows[i].to].name);
        rd_md_put(m, " | ");
        rd_md_text(m, rd_layout_flow_label(&s->flows[i], m->arena));
        rd_buf_printf(m->out, " | %s |\n", rd_flow_crosses(s, &s->flows[i]) ? "yes" : "no");
    }
}

static void glossary(struct rd_md *m)
{
    rd_md_section(m, "Glossary");
    for (const struct rd_term *t = rd_glossary; t->term; t++)
        rd_buf_printf(m->out, "- **%s**: %s\n", t->term, t->words);
}

rd_status rd_report_markdown(struct rd_run *run, const struct rd_report *report, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf currency = { 0 };
    struct rd_md m = { .report = report, .arena = &arena };
    rd_status st;

    m.out = &currency; /* it stands in many cells: make it safe once */
    rd_md_text(&m, report->campaign->system->currency);
    m.currency = rd_buf_text(&currency);
    m.out = out;
    rd_md_put(&m, "# Threat assessment: ");
    rd_md_text(&m, report->campaign->system->name);
    rd_md_put(&m, "\n");
    st = verdict(run, &m);
    if (!st) {
        system_table(&m);
        st = stages(run, &m);
    }
    if (!st) {
        rd_md_section(&m, "Threats");
        threat_table(&m);
        st = threat_details(run, &m);
    }
    if (!st) {
        evidence(&m);
        rd_md_loss(&m);
        rd_md_roadmap(&m);
        not_tried(&m);
        assumptions(&m);
        glossary(&m);
        rd_buf_printf(out, "\nSeed %llu. Every figure here stands in report.json too.\n",
            (unsigned long long)report->seed);
    }
    rd_arena_release(&arena);
    if (!st && (out->failed || currency.failed))
        st = rd_run_no_memory(run, "report.md");
    rd_buf_release(&currency);
    return st;
}
