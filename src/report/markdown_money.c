/*
 * markdown_money.c - report.md: the expected loss against the appetite, what moves it, controls
 * before and after, and the roadmap.
 */
#include "report/markdown.h"

#include "report/words.h"
#include "risk/roadmap.h"

#include <math.h>
#include <string.h>

static const char *percent(struct rd_md *m, double v)
{
    return rd_words_percent(v, m->arena);
}

static void cell_band(struct rd_md *m, const struct rd_band *b, bool is_money)
{
    if (is_money) {
        rd_md_put(m, rd_words_money(b->value, m->currency, m->arena));
        rd_buf_printf(
            m->out, " (%s)", rd_words_money_range(b->low, b->high, m->currency, m->arena));
    } else {
        rd_buf_printf(m->out, "%s (%s to %s)", rd_words_number(b->value, m->arena),
            rd_words_number(b->low, m->arena), rd_words_number(b->high, m->arena));
    }
}

static const char *scenario_name(const struct rd_system *s, const struct rd_risk_scenario *r)
{
    const struct rd_scenario *d = &s->scenarios[r->index];

    return d->name ? d->name : d->id;
}

static void scenarios(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;
    const struct rd_system *s = m->report->campaign->system;

    rd_md_put(m,
        "\n### By scenario\n\n| scenario | loss a year | attempts a year | chance to be worth "
        "it | chance to succeed | in "
        "words |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < r->n_scenarios; i++) {
        const struct rd_risk_scenario *x = &r->scenarios[i];

        rd_md_put(m, "| ");
        rd_md_text(m, scenario_name(s, x));
        if (x->unquantified) {
            rd_md_put(m, " | no money: ");
            rd_md_text(m, x->unquantified);
            rd_md_put(m, " | | | | |\n");
            continue;
        }
        rd_md_put(m, " | ");
        cell_band(m, &x->ale, true);
        rd_md_put(m, " | ");
        cell_band(m, &x->attempts, false);
        rd_buf_printf(m->out, " | %s | %s (", percent(m, x->action.value), percent(m, x->s.value));
        if (x->expert)
            rd_md_put(m, s->scenarios[x->index].susceptibility.provenance == RD_PROV_DEFAULT
                             ? "a default"
                             : "an expert's word");
        else
            rd_buf_printf(m->out, "tried: %s", percent(m, x->s_tried.value));
        rd_buf_printf(m->out, ") | %s%s%s%s |\n", x->words ? x->words : "",
            x->measured ? "" : "; not measured",
            x->upper_bound ? "; upper bound: the attack had more access than the actor" : "",
            x->proxy ? "; proxy: digital evidence for a printed manipulation" : "");
    }
}

static void controls(struct rd_md *m)
{
    const struct rd_campaign *c = m->report->campaign;
    const struct rd_risk_result *r = m->report->risk;

    rd_md_put(m,
        "\n### Controls, before and after\n\n| control | test | attack reaches | difference (95 "
        "% interval) | loss a year | "
        "control-aware attack |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++) {
            const struct rd_retest *x = &c->tested[i].retests[k];
            const struct rd_risk_effect *e =
                r ? rd_risk_effect_find(r, x->control, c->tested[i].test->id) : NULL;

            rd_md_put(m, "| ");
            rd_md_text(m, c->system->controls[x->control].id);
            rd_md_put(m, " | ");
            rd_md_text(m, c->tested[i].test->id);
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
                rd_md_text(m, e && e->reason ? e->reason : "no scenario rests on this test");
            rd_buf_printf(m->out, " | %s |\n", x->adaptive ? x->adaptive : "");
        }
    rd_md_put(m, "\n");
    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++) {
            rd_md_put(m, "- ");
            rd_md_text(m, rd_report_control_sentence(
                              m->report, &c->tested[i], &c->tested[i].retests[k], m->arena));
            rd_md_put(m, "\n");
        }
}

static void appetite(struct rd_md *m, const struct rd_risk_summary *t)
{
    if (t->n_appetite)
        rd_md_put(m,
            "\n| appetite: a loss of | may have a chance of | has a chance of | |\n| ---: | "
            "---: | --- | --- |\n");
    for (size_t i = 0; i < t->n_appetite; i++) {
        const struct rd_risk_appetite *a = &t->appetite[i];

        rd_buf_printf(m->out, "| %s | %s | %s (%s to %s) | %s |\n",
            rd_words_money(a->loss, m->currency, m->arena), percent(m, a->allowed),
            percent(m, a->probability.value), percent(m, a->probability.low),
            percent(m, a->probability.high), rd_risk_appetite_words(a));
    }
}

/* What is left after the roadmap; NULL: there is none, or nothing in it. */
static const struct rd_risk_summary *after_roadmap(const struct rd_risk_result *r)
{
    const struct rd_roadmap *plan = r->roadmap;

    if (!plan || !plan->n_steps)
        return NULL;
    return plan->combined ? plan->combined : &plan->steps[plan->n_steps - 1].after;
}

/* The chance at this loss on a curve whose losses are others; NaN: outside of it. */
static double chance_at(const struct rd_risk_summary *t, double loss)
{
    for (size_t i = 1; i < t->n_exceedance; i++) {
        const struct rd_risk_exceedance *a = &t->exceedance[i - 1], *b = &t->exceedance[i];

        if (loss >= a->loss && loss <= b->loss)
            return a->probability.value + (b->probability.value - a->probability.value) *
                                              (loss - a->loss) / (b->loss - a->loss);
    }
    return t->n_exceedance && loss > t->exceedance[t->n_exceedance - 1].loss ? 0 : (double)NAN;
}

/* At most two dozen rows: a curve is for eyes, a table for one's own limit. */
static void exceedance(
    struct rd_md *m, const struct rd_risk_summary *t, const struct rd_risk_summary *then)
{
    if (!t->n_exceedance)
        return;
    rd_md_put(m, "\n| chance that a year costs more than | is | 90 % interval |");
    rd_md_put(m, then ? " after the roadmap |\n| ---: | ---: | --- | ---: |\n"
                      : "\n| ---: | ---: | --- |\n");
    for (size_t i = 0; i<t->n_exceedance; i += t->n_exceedance> 24 ? 4 : 1) {
        const struct rd_risk_exceedance *e = &t->exceedance[i];

        rd_buf_printf(m->out, "| %s | %s | %s to %s |",
            rd_words_money(e->loss, m->currency, m->arena), percent(m, e->probability.value),
            percent(m, e->probability.low), percent(m, e->probability.high));
        if (then) {
            const double p = chance_at(then, e->loss);

            rd_buf_printf(m->out, " %s |", isnan(p) ? "" : percent(m, p));
        }
        rd_md_put(m, "\n");
    }
}

static const char *input_value(struct rd_md *m, const char *unit, double v)
{
    return !strcmp(unit, "probability") ? percent(m, v) : rd_words_number(v, m->arena);
}

static void tornado(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    if (!r->n_tornado)
        return;
    rd_md_put(m,
        "\n### What moves the expected loss\n\nEach number alone at the low and at the high "
        "end of its range.\n\n| number | from | to | unit | expected loss then | |\n| --- | "
        "---: | ---: | --- | ---: | ---: |\n");
    for (size_t i = 0; i < r->n_tornado; i++) {
        const struct rd_risk_swing *s = &r->tornado[i];

        rd_md_put(m, "| ");
        rd_md_text(m, s->input);
        rd_buf_printf(m->out, " | %s | %s | ", input_value(m, s->unit, s->low),
            input_value(m, s->unit, s->high));
        rd_md_text(m, s->unit);
        rd_buf_printf(m->out, " | %s | %s |\n", rd_words_money(s->ale_low, m->currency, m->arena),
            rd_words_money(s->ale_high, m->currency, m->arena));
    }
}

static void sentences(struct rd_md *m, const char *const *item, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rd_md_put(m, "- ");
        rd_md_text(m, item[i]);
        rd_md_put(m, "\n");
    }
}

/* What the figures mean in words, and where a decision turns. */
static void in_words(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    rd_md_put(m, "\n");
    sentences(m, r->sentences, r->n_sentences);
    for (size_t i = 0; i < r->n_scenarios; i++) {
        sentences(m, r->scenarios[i].sentences, r->scenarios[i].n_sentences);
        if (!r->scenarios[i].unquantified)
            sentences(m, &r->scenarios[i].reversal.words, r->scenarios[i].reversal.words != NULL);
    }
}

/* What a theft costs its maker. */
static void prices(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;
    bool any = false;

    for (size_t i = 0; i < r->n_scenarios; i++)
        for (size_t k = 0; k < RD_RISK_KEYS && !r->scenarios[i].unquantified; k++) {
            const struct rd_risk_price *p = &r->scenarios[i].price[k];

            if (isnan(p->rows))
                continue;
            if (!any)
                rd_md_put(m,
                    "\n### What a theft costs the thief\n\n| scenario | keys | queries | price "
                    "| days | gain over cost |\n| --- | ---: | ---: | ---: | ---: | ---: "
                    "|\n");
            any = true;
            rd_md_put(m, "| ");
            rd_md_text(m, scenario_name(r->system, &r->scenarios[i]));
            rd_buf_printf(m->out, " | %lld | %s | %s | %s | %s |\n", (long long)p->keys,
                rd_words_number(p->rows, m->arena), rd_words_money(p->money, m->currency, m->arena),
                isnan(p->days) ? "no quota" : rd_words_number(p->days, m->arena),
                isnan(p->gain_over_cost) ? "" : rd_words_number(p->gain_over_cost, m->arena));
        }
}

static void totals(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;
    const struct rd_risk_summary *t = &r->total;

    rd_md_put(m, "| of a year | value | 90 % interval |\n| --- | ---: | --- |\n");
    rd_buf_printf(m->out, "| expected loss | %s | %s |\n",
        rd_words_money(t->ale.value, m->currency, m->arena),
        rd_words_money_range(t->ale.low, t->ale.high, m->currency, m->arena));
    for (size_t i = 0; i < RD_RISK_TAILS; i++)
        rd_buf_printf(m->out, "| mean of the worst %s of years | %s | %s |\n",
            percent(m, 1 - rd_risk_tail_at[i]),
            rd_words_money(t->tvar[i].value, m->currency, m->arena),
            rd_words_money_range(t->tvar[i].low, t->tvar[i].high, m->currency, m->arena));
    rd_buf_printf(m->out, "| chance of no loss | %s | %s to %s |\n", percent(m, t->no_loss.value),
        percent(m, t->no_loss.low), percent(m, t->no_loss.high));
    for (size_t i = 0; i < RD_RISK_QUANTILES; i++)
        rd_buf_printf(m->out, "| %s of years stay below | %s | %s |\n",
            percent(m, rd_risk_quantile_at[i]),
            rd_words_money(t->quantile[i].value, m->currency, m->arena),
            rd_words_money_range(t->quantile[i].low, t->quantile[i].high, m->currency, m->arena));
    appetite(m, t);
    exceedance(m, t, after_roadmap(r));
    rd_buf_printf(m->out,
        "\nFrom %zu draws of what is not known, %zu years each; the simulation's own error of the "
        "expected loss is "
        "%s.\n",
        r->outer, r->years,
        rd_words_money(hypot(t->error_years, t->error_draws), m->currency, m->arena));
}

/* What nobody has put money on: when it would matter. */
static void break_even(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    if (!r->n_break_even)
        return;
    rd_md_put(m, "\nWithout money, by losses a year:\n\n");
    for (size_t i = 0; i < r->n_break_even; i++) {
        const struct rd_risk_break_even *b = &r->break_even[i];

        rd_md_put(m, "- ");
        rd_md_text(m, r->system->scenarios[b->scenario].id);
        rd_md_put(m, ": ");
        rd_md_text(m, b->words ? b->words : b->reason ? b->reason : "no threshold");
        rd_md_put(m, "\n");
    }
}

void rd_md_loss(struct rd_md *m)
{
    const struct rd_risk_result *r = m->report->risk;

    rd_md_section(m, "Expected loss");
    if (!r || !r->n_scenarios) {
        rd_md_put(m, "No scenario puts money on a threat, so no loss was computed.\n");
    } else {
        totals(m);
        tornado(m);
        scenarios(m);
        in_words(m);
        break_even(m);
        prices(m);
    }
    controls(m);
}

/* --- the roadmap --- */

static void cost_parts(struct rd_md *m, const struct rd_roadmap_cost *c)
{
    const struct {
        const char *name;
        double v;
    } part[] = { { "declared", c->declared }, { "license", c->license }, { "people", c->people },
        { "latency", c->latency }, { "false blocks", c->false_blocks },
        { "accuracy", c->accuracy } };
    bool any = false;

    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (isnan(part[i].v) || part[i].v == 0)
            continue;
        rd_buf_printf(m->out, "%s%s %s", any ? ", " : " Cost: ", part[i].name,
            rd_words_money(part[i].v, m->currency, m->arena));
        any = true;
    }
    rd_md_put(m, any ? "." : "");
    any = false;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (isnan(part[i].v)) {
            rd_buf_printf(
                m->out, "%s%s", any ? ", " : " Not given or not measured: ", part[i].name);
            any = true;
        }
    rd_md_put(m, any ? "." : "");
}

static void step_row(
    struct rd_md *m, const struct rd_system *sys, const struct rd_roadmap_step *s, size_t number)
{
    rd_buf_printf(m->out, "| %zu | ", number);
    rd_md_text(m, sys->controls[s->control].name);
    rd_buf_printf(m->out, "%s%s%s | ", s->assumed ? " (assumed)" : "",
        s->is_static ? " (static)" : "", s->expected ? " (expected, not measured)" : "");
    rd_md_text(m, s->quarter);
    rd_md_put(m, ", ");
    rd_md_text(m, s->owner ? s->owner : "no owner");
    if (!isnan(s->effort_days))
        rd_buf_printf(m->out, ", %s days", rd_words_number(s->effort_days, m->arena));
    rd_md_put(m, " | ");
    cell_band(m, &s->cost.total, true);
    rd_md_put(m, " | ");
    cell_band(m, &s->ale_after, true);
    rd_md_put(m, " | ");
    cell_band(m, &s->net, true);
    rd_buf_printf(m->out, " | %s | ", percent(m, s->p_in_best_set));
    rd_md_text(m, s->retest);
    rd_md_put(m, " |\n");
}

static void base_row(struct rd_md *m, const struct rd_roadmap_accept *a)
{
    rd_md_put(m, "| | ");
    if (a->threat) {
        rd_md_put(m, "accept ");
        rd_md_text(m, a->threat);
    } else {
        rd_md_put(m, "do nothing");
    }
    rd_md_put(m, " | ");
    rd_md_text(m, a->by);
    rd_md_put(m, a->until ? " until " : "");
    rd_md_text(m, a->until);
    rd_buf_printf(m->out, " | %s | ", rd_words_money(0, m->currency, m->arena));
    if (isnan(a->ale.value))
        rd_md_put(m, "no money on it");
    else
        cell_band(m, &a->ale, true);
    rd_md_put(m, " | | | |\n");
}

static void step_notes(struct rd_md *m, const struct rd_system *sys, const struct rd_roadmap *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct rd_roadmap_step *s = &plan->steps[i];

        rd_buf_printf(m->out, "%s%zu. ", i ? "" : "\n", i + 1);
        rd_md_text(m, sys->controls[s->control].name);
        rd_md_put(m, ": ");
        rd_md_text(
            m, s->reversal.words ? s->reversal.words : "no number within its range turns this");
        rd_md_put(m, ".");
        cost_parts(m, &s->cost);
        for (size_t k = 0; k < s->n_requires; k++) {
            rd_md_put(m, k ? ", " : " Needs first: ");
            rd_md_text(m, sys->controls[s->requires_control[k]].name);
        }
        rd_md_put(m, s->n_requires ? ".\n" : "\n");
    }
}

static void left_out(struct rd_md *m, const struct rd_system *sys, const struct rd_roadmap *plan)
{
    if (!plan->n_left_out)
        return;
    rd_md_put(m,
        "\n### Left out\n\n| control | why | in the best set | what would bring it in |\n| --- "
        "| --- | ---: | --- |\n");
    for (size_t i = 0; i < plan->n_left_out; i++) {
        const struct rd_roadmap_left_out *l = &plan->left_out[i];

        rd_md_put(m, "| ");
        rd_md_text(m, sys->controls[l->control].name);
        rd_md_put(m, " | ");
        rd_md_text(m, l->reason);
        rd_buf_printf(
            m->out, " | %s | ", isnan(l->p_in_best_set) ? "" : percent(m, l->p_in_best_set));
        rd_md_text(m, l->reversal.words);
        rd_md_put(m, " |\n");
    }
    if (plan->n_left_out && plan->left_out_more)
        rd_buf_printf(m->out, "\nAnd %zu more that are not listed.\n", plan->left_out_more);
}

static void plan_head(struct rd_md *m, const struct rd_roadmap *plan)
{
    if (!plan->n_steps)
        rd_md_put(m, plan->unmeasured ? "No effect of a proposed control is known"
                                      : "No proposed control is worth what it costs");
    else
        rd_buf_printf(m->out, "%s for %s a year take the expected loss from %s to %s a year",
            rd_words_count(plan->n_steps, "control", "controls", m->arena),
            rd_words_money(plan->cost.value, m->currency, m->arena),
            rd_words_money(plan->ale_before.value, m->currency, m->arena),
            rd_words_money(plan->combined ? plan->combined->ale.value : plan->ale_after.value,
                m->currency, m->arena));
    if (!isnan(plan->budget))
        rd_buf_printf(
            m->out, ", within %s a year", rd_words_money(plan->budget, m->currency, m->arena));
    rd_md_put(m, ". ");
    if (plan->n_steps && plan->combined)
        rd_md_put(m, "The set was run together. ");
    if (plan->n_steps && !plan->combined && plan->combined_reason) {
        rd_md_put(m, "The set was not run together: ");
        rd_md_text(m, plan->combined_reason);
        rd_md_put(m, ". ");
    }
    rd_md_put(m, "Method: ");
    rd_md_text(m, plan->method);
    rd_md_put(m, ".\n");
    if (plan->appetite_warning) {
        rd_md_put(m, "\n**");
        rd_md_text(m, plan->appetite_warning);
        rd_md_put(m, "**\n");
    }
}

void rd_md_roadmap(struct rd_md *m)
{
    const struct rd_system *sys = m->report->campaign->system;
    const struct rd_roadmap *plan = m->report->risk ? m->report->risk->roadmap : NULL;

    rd_md_section(m, "Roadmap");
    if (!plan) {
        rd_md_put(m, "This assessment holds no roadmap: it needs money on a threat and proposed "
                     "controls.\n");
        return;
    }
    plan_head(m, plan);
    rd_md_put(m, "\n| step | control | when and who | costs a year | expected loss after it | net "
                 "benefit | in the best set | re-test by |\n| ---: | --- | --- | --- | --- | --- | "
                 "---: | --- |\n");
    for (size_t i = 0; i < plan->n_accept; i++)
        if (!plan->accept[i].threat)
            base_row(m, &plan->accept[i]);
    for (size_t i = 0; i < plan->n_steps; i++)
        step_row(m, sys, &plan->steps[i], i + 1);
    for (size_t i = 0; i < plan->n_accept; i++)
        if (plan->accept[i].threat)
            base_row(m, &plan->accept[i]);
    step_notes(m, sys, plan);
    if (plan->n_steps && plan->combined)
        appetite(m, plan->combined);
    left_out(m, sys, plan);
}
