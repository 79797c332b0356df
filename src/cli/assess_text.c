#include "cli/assess_text.h"

#include "cli/color.h"
#include "cli/risk_block.h"
#include "cli/threat_text.h"

#include "base/text.h"
#include "report/stages.h"
#include "report/words.h"

#include <math.h>

static void say_threats(const struct rd_cli *cli, const struct rd_assessment *a)
{
    FILE *out = cli->out;
    size_t untried = 0;

    (void)fputs("\nTried\n", out);
    for (size_t i = 0; i < a->loaded.threats.n; i++) {
        const struct rd_threat *t = &a->loaded.threats.item[i];
        const struct rd_threat_state *s = &a->campaign.states[i];

        if (s->status == RD_THREAT_UNTRIED) {
            untried++;
            continue;
        }
        (void)fputs("  ", out);
        rd_cli_put_word(cli, rd_severity_name(t->severity), 8);
        (void)fprintf(out, "  %-34s  ", t->id);
        rd_cli_put_word(cli, rd_threat_status_name(s->status), 0);
        (void)fputc('\n', out);
        rd_cli_wrap(out, "            ", 12, s->text);
    }
    (void)fprintf(out, "  %zu further threats apply or may apply and were not tried\n", untried);
}

const char *rd_cli_grouped(double v, char out[40])
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(v)), k = 0;

    if (isnan(v))
        return "?";
    if (v <= -0.5)
        out[k++] = '-';
    for (int i = 0; i < n && k < 38; i++) {
        out[k++] = digits[i];
        if ((n - i - 1) % 3 == 0 && i + 1 < n)
            out[k++] = ',';
    }
    out[k] = '\0';
    return out;
}

/* Three digits: nobody knows a loss better than that. */
static const char *money(const struct rd_cli *cli, double v)
{
    const char *text = fabs(v) < 0.5 ? "0" : rd_words_number(v, cli->run.scratch);

    return isnan(v) || !text ? "?" : text;
}

/* --- the stage matrix --- */

static const char *cell(
    const struct rd_stage_row *row, enum rd_acts acts, const struct rd_system *s, char out[32])
{
    size_t active = 0;

    for (size_t i = 0; i < row->n_controls[acts]; i++)
        active += s->controls[row->control[acts][i]].state == RD_CONTROL_ACTIVE;
    if (!row->n_controls[acts])
        return "-";
    (void)snprintf(out, 32, "%zu of %zu", active, row->n_controls[acts]);
    return out;
}

rd_status rd_cli_stages_text(struct rd_cli *cli, const struct rd_report *report)
{
    const struct rd_system *s = report->campaign->system;
    struct rd_stages stages;
    rd_status st = rd_report_stages(&cli->run, report, cli->run.scratch, &stages);

    if (st)
        return st;
    (void)fprintf(cli->out, "\n%-13s%7s%7s%8s%14s   %s\n%-13s%7s%7s%8s%14s%10s%9s%9s\n", "Stage",
        "threats", "tried", "shown", "loss a year", "controls, active of all", "", "", "", "", "",
        "prevent", "detect", "respond");
    for (size_t i = 0; i < RD_STAGES; i++) {
        const struct rd_stage_row *row = &stages.row[i];
        char cells[RD_ACTS][32];

        (void)fprintf(cli->out, "  %-11s%7zu%7zu%8zu%14s%10s%9s%9s\n", rd_stage_name[i],
            row->threats, row->tried, row->demonstrated,
            isnan(row->expected_loss) ? "-" : money(cli, row->expected_loss),
            cell(row, RD_ACTS_PREVENT, s, cells[0]), cell(row, RD_ACTS_DETECT, s, cells[1]),
            cell(row, RD_ACTS_RESPOND, s, cells[2]));
    }
    if (stages.warning)
        rd_cli_wrap(cli->out, "  ", 2, stages.warning);
    return RD_OK;
}

/* --- money --- */

/* No money anywhere: by losses a year, and from which value on each would matter. */
static void say_thresholds(FILE *out, const struct rd_assessment *a)
{
    (void)fprintf(out, "\nWithout money, most losses a year first\n");
    for (size_t i = 0; i < a->risk.n_break_even; i++) {
        const struct rd_risk_break_even *b = &a->risk.break_even[i];
        char id[80], first[96];

        (void)snprintf(first, sizeof first, "  %-12s ",
            rd_text_safe_in(id, sizeof id, a->loaded.system->scenarios[b->scenario].id));
        rd_cli_wrap(out, first, 15, b->words ? b->words : b->reason);
    }
    if (!a->risk.n_break_even)
        (void)fprintf(out, "  no scenario could be simulated; the report says why\n");
}

bool rd_cli_has_money(const struct rd_risk_result *r)
{
    for (size_t i = 0; i < r->n_scenarios; i++)
        if (!r->scenarios[i].unquantified)
            return true;
    return false;
}

/* What cannot be judged is no pass. */
bool rd_cli_passes_appetite(struct rd_cli *cli, const struct rd_risk_result *r)
{
    const struct rd_risk_scenario *contradicted;

    if (!rd_risk_is_judged(r, &contradicted)) {
        const struct rd_place at =
            contradicted ? r->system->scenarios[contradicted->index].at : (struct rd_place){ 0 };

        if (contradicted)
            rd_cli_warn(cli,
                "--fail-on appetite: %s:%d:%d: the losses observed of scenario '%s' contradict its "
                "attempts and susceptibility, so nothing says that losses stay within the appetite",
                r->system->path, at.line, at.column, r->system->scenarios[contradicted->index].id);
        else
            rd_cli_warn(cli,
                "--fail-on appetite: no scenario has money on it, so nothing says that losses stay "
                "within the appetite");
        return false;
    }
    for (size_t i = 0; i < r->total.n_appetite; i++)
        if (r->total.appetite[i].probability.value > r->total.appetite[i].allowed)
            return false;
    return true;
}

static void say_appetite(
    const struct rd_cli *cli, const struct rd_risk_summary *total, const char *currency)
{
    FILE *out = cli->out;

    for (size_t i = 0; i < total->n_appetite; i++) {
        const struct rd_risk_appetite *p = &total->appetite[i];
        char loss[40];

        (void)fprintf(out, "  more than %s %s in a year: %s (%s to %s), allowed %.3g %%: ",
            rd_cli_grouped(p->loss, loss), currency,
            rd_words_percent(p->probability.value, cli->run.scratch),
            rd_words_percent(p->probability.low, cli->run.scratch),
            rd_words_percent(p->probability.high, cli->run.scratch), 100 * p->allowed);
        rd_cli_put_word(cli, rd_risk_appetite_words(p), 0);
        (void)fputc('\n', out);
    }
}

static void say_controls(const struct rd_cli *cli, const struct rd_assessment *a)
{
    FILE *out = cli->out;

    if (!a->risk.n_controls)
        return;
    (void)fprintf(
        out, "\nControls, each alone                       less loss a year (90 %% band)\n");
    for (size_t i = 0; i < a->risk.n_controls; i++) {
        const struct rd_risk_control *k = &a->risk.controls[i];
        char safe[48];

        (void)fprintf(out, "  %-38s ",
            rd_text_safe_in(safe, 38, a->loaded.system->controls[k->control].name));
        if (isnan(k->difference.value))
            (void)fprintf(out, "not measured: %s\n", k->reason ? k->reason : "no test it touches");
        else
            (void)fprintf(out, "%12s  (%s to %s)%s\n", money(cli, k->difference.value),
                money(cli, k->difference.low), money(cli, k->difference.high),
                k->is_static ? "  not adaptively tested" : "");
    }
}

static void say_roadmap(const struct rd_cli *cli, const struct rd_assessment *a)
{
    const struct rd_roadmap *r = a->risk.roadmap;
    FILE *out = cli->out;

    if (!r || !r->n_steps)
        return;
    (void)fprintf(out, "\nRoadmap (%s)                 cost a year   expected loss then\n",
        r->exact ? "every set weighed" : "greedy with swaps");
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct rd_roadmap_step *step = &r->steps[i];
        char safe[48];

        (void)fprintf(out, "  %zu. %-35s %12s %15s%s\n", i + 1,
            rd_text_safe_in(safe, 36, a->loaded.system->controls[step->control].name),
            money(cli, step->cost.total.value), money(cli, step->ale_after.value),
            step->assumed ? "  assumed" : "");
    }
    if (r->combined)
        (void)fprintf(out, "  run together: %s a year\n", money(cli, r->combined->ale.value));
}

static void say_money(const struct rd_cli *cli, const struct rd_assessment *a)
{
    FILE *out = cli->out;
    const struct rd_band *ale = &a->risk.total.ale;
    const char *currency = a->loaded.system->currency;

    if (!rd_cli_has_money(&a->risk)) {
        say_thresholds(out, a);
        return;
    }
    (void)fprintf(out, "\nExpected loss%s\n  %s %s a year (90 %% band %s to %s)\n",
        a->risk.illustrative ? " (illustrative: it rests on default numbers)" : "",
        money(cli, ale->value), currency, money(cli, ale->low), money(cli, ale->high));
    say_appetite(cli, &a->risk.total, currency);
    say_controls(cli, a);
    say_roadmap(cli, a);
}

/* The file has no scenario: the shortest way to one. */
static rd_status say_no_money(struct rd_cli *cli, const struct rd_assessment *a)
{
    const struct rd_system *s = a->loaded.system;
    struct rd_buf block = { 0 };
    const rd_status st = rd_cli_risk_block(cli, a, &block);
    char safe[200];

    if (!st && block.len) {
        (void)fprintf(cli->out,
            "\nNo money: the file has no scenario. %s, with numbers of your own:\n\n%s",
            s->n_appetite ? "Add this below its `risk:`" : "Add this at its end",
            rd_buf_text(&block));
        (void)fprintf(cli->out, "\nredoubt check %s says whether it is right; then assess again\n",
            rd_text_safe_in(safe, sizeof safe, s->path));
    }
    rd_buf_release(&block);
    return st;
}

rd_status rd_cli_assess_text(struct rd_cli *cli, const struct rd_assessment *a)
{
    const char *const *sentences;
    FILE *out = cli->out;
    char safe[400];
    size_t n = 0;
    rd_status st = rd_report_verdict(&cli->run, &a->report, cli->run.scratch, &sentences, &n);

    if (st)
        return st;
    (void)fprintf(out, "%s\n\n", rd_text_safe_in(safe, sizeof safe, a->loaded.system->name));
    for (size_t i = 0; i < n; i++)
        rd_cli_wrap(out, "", 2, sentences[i]);
    say_threats(cli, a);
    st = rd_cli_stages_text(cli, &a->report);
    if (st)
        return st;
    if (a->loaded.system->n_scenarios)
        say_money(cli, a);
    else
        st = say_no_money(cli, a);
    if (st)
        return st;
    (void)fprintf(out, "\nReport: %s/%s\n",
        rd_text_safe_in(safe, sizeof safe, a->loaded.system->folder),
        rd_report_html_available() ? "report.html" : "report.md");
    if (!rd_report_html_available())
        (void)fprintf(out, "        no report.html: %s\n", rd_report_html_reason());
    return RD_OK;
}
