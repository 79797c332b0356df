/* threats - what can go wrong with a system, ranked, before anything is tried. */
#include "cli/cli.h"
#include "cli/color.h"
#include "cli/console.h"
#include "cli/load.h"
#include "cli/stored.h"
#include "cli/threat_text.h"

#include "base/text.h"

#include <string.h>

struct threats {
    struct rd_load_options system;
    int64_t top;
    const char *fail_on;
};

enum { STATUS_WIDTH = 16 }; /* "not demonstrated" */

static const char *const levels[] = { "none", "low", "medium", "high", "critical", NULL };

static const struct rd_option options[] = {
    RD_INT(struct threats, top, "top", "0", 0, 100000, "threats",
        "only the first N, each with impact and mitigations; 0: all"),
    RD_CHOICE(struct threats, fail_on, "fail-on", "none", levels,
        "exit 1 when a threat of this severity applies or may apply, undecided"),
    RD_LOAD_OPTIONS(struct threats, system),
    RD_OPTION_END,
};

/* A column of its own where earlier runs tried anything. */
static void print_status(
    struct rd_cli *cli, const struct rd_threat *t, const struct rd_campaign *stored, int width)
{
    const struct rd_threat_state *st = rd_cli_threat_state(stored, t);

    if (!stored)
        return;
    (void)fputs("  ", cli->out);
    rd_cli_put_word(cli, rd_threat_status_name(st ? st->status : RD_THREAT_UNTRIED), width);
}

/* Two lines a threat, for a terminal that has no room for one. */
static void print_narrow_row(
    struct rd_cli *cli, const struct rd_threat *t, const struct rd_campaign *stored, int id_width)
{
    struct rd_buf what = { 0 };
    char proof[64], decision[120];

    rd_cli_put_word(cli, rd_severity_name(t->severity), 8);
    (void)fputs("  ", cli->out);
    rd_cli_put_word(cli, rd_applicability_name(t->applicability), 9);
    (void)fprintf(cli->out, "  %-*s", stored ? id_width : 0, t->id);
    print_status(cli, t, stored, 0);
    (void)fputc('\n', cli->out);
    rd_buf_puts(&what, t->rule->title);
    if (t->applicability == RD_APPLIES_MITIGATED)
        rd_buf_printf(&what, " (by %s)", t->mitigated_by);
    if (t->rule->n_proved_by)
        rd_buf_printf(&what, "; proved by %s", rd_cli_proof(t->rule, proof, sizeof proof));
    if (t->decision)
        rd_buf_printf(&what, " [%s]", rd_cli_decision(t->decision, decision, sizeof decision));
    rd_cli_wrap(cli->out, "          ", 10, rd_buf_text(&what));
    rd_buf_release(&what);
}

static void print_row(struct rd_cli *cli, const struct rd_threat *t,
    const struct rd_campaign *stored, int id_width, int proof_width)
{
    char proof[64], decision[120];

    rd_cli_put_word(cli, rd_severity_name(t->severity), 8);
    (void)fputs("  ", cli->out);
    rd_cli_put_word(cli, rd_applicability_name(t->applicability), 9);
    (void)fprintf(cli->out, "  %-*s  %-*s", id_width, t->id, proof_width,
        rd_cli_proof(t->rule, proof, sizeof proof));
    print_status(cli, t, stored, STATUS_WIDTH);
    (void)fprintf(cli->out, "  %s", t->rule->title);
    if (t->applicability == RD_APPLIES_MITIGATED)
        (void)fprintf(cli->out, " (by %s)", t->mitigated_by);
    if (t->decision)
        (void)fprintf(cli->out, " [%s]", rd_cli_decision(t->decision, decision, sizeof decision));
    (void)fputc('\n', cli->out);
}

static void print_details(
    struct rd_cli *cli, size_t number, const struct rd_threat *t, const struct rd_campaign *stored)
{
    const struct rd_threat_state *st = rd_cli_threat_state(stored, t);
    char first[128];

    (void)snprintf(first, sizeof first, "%zu. %s: ", number, t->id);
    (void)fputc('\n', cli->out);
    rd_cli_wrap(cli->out, first, 3, t->rule->title);
    if (st && st->tested != RD_NONE) {
        const char *status = rd_threat_status_name(st->status);

        (void)fputs("   ", cli->out);
        rd_cli_put_word(cli, status, 0);
        (void)fputs(": ", cli->out);
        rd_cli_wrap_from(cli->out, 5 + (int)strlen(status), 6, st->text);
    }
    rd_cli_wrap(cli->out, "   impact: ", 11, t->rule->impact);
    for (size_t i = 0; i < t->n_missing; i++)
        rd_cli_wrap(cli->out, i ? "            " : "   fill in: ", 12, t->missing[i]);
    (void)fputs("   mitigations:\n", cli->out);
    for (size_t i = 0; i < t->rule->n_mitigations; i++)
        rd_cli_wrap(cli->out, "   - ", 5, t->rule->mitigations[i]);
}

static const char no_such_part[] = "the system has no such part";

/* The facts that kept a rule silent at the first place that it looked at: "registry.format is
 * onnx". */
static rd_status why_silent(struct rd_cli *cli, const struct rd_loaded *l,
    const struct rd_rule *rule, const char **reason_out)
{
    struct rd_threat t;
    struct rd_buf text = { 0 };
    int element = RD_NONE, flow = RD_NONE;
    rd_status st;

    for (size_t i = 0; i < l->system->n_elements && element == RD_NONE; i++)
        if (rd_rule_applies_to(rule, l->system->elements[i].type))
            element = (int)i;
    if (element == RD_NONE && l->system->n_flows && rd_rule_applies_to(rule, NULL))
        flow = 0;
    *reason_out = no_such_part;
    if (element == RD_NONE && flow == RD_NONE)
        return RD_OK;
    st = rd_threat_derive_one(
        &l->rules, rule, l->system, element, flow, cli->run.scratch, &t, cli->run.err);
    if (st)
        return st;
    for (size_t i = 0; i < t.n_facts; i++)
        rd_buf_printf(&text, "%s%s: %s", i ? "; " : "", t.facts[i].what, t.facts[i].value);
    *reason_out = rd_arena_strdup(cli->run.scratch, rd_buf_text(&text));
    st = text.failed || !*reason_out ? rd_run_no_memory(&cli->run, "the silent rules") : RD_OK;
    rd_buf_release(&text);
    return st;
}

/* Rules without a threat: because of what was found, and in one line those whose part the system
 * does not have. */
static rd_status say_silent(struct rd_cli *cli, const struct rd_loaded *l, bool print)
{
    struct rd_buf absent = { 0 };
    size_t n = 0, n_absent = 0;
    rd_status st = RD_OK;

    rd_json_karray(cli->result, "silent_rules");
    for (size_t r = 0; r < l->rules.n && !st; r++) {
        const struct rd_rule *rule = l->rules.item[r];
        const char *reason;
        char first[96];
        bool heard = false;

        for (size_t i = 0; i < l->threats.n && !heard; i++)
            heard = l->threats.item[i].rule == rule;
        if (heard)
            continue;
        st = why_silent(cli, l, rule, &reason);
        if (st)
            break;
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "rule", rule->id);
        rd_json_ktext(cli->result, "reason", reason);
        rd_json_end(cli->result);
        if (print && !n++)
            (void)fputs("rules that do not apply:\n", cli->out);
        if (reason == no_such_part) {
            rd_buf_printf(&absent, "%s%s", n_absent++ ? ", " : "", rule->id);
        } else if (print) {
            (void)snprintf(first, sizeof first, "  %s (", rule->id);
            rd_cli_wrap(cli->out, first, 4, rd_arena_printf(cli->run.scratch, "%s)", reason));
        }
    }
    if (!st && print && n_absent)
        rd_cli_wrap(cli->out, "  without a part that they are about: ", 4, rd_buf_text(&absent));
    if (!st && absent.failed)
        st = rd_run_no_memory(&cli->run, "the silent rules");
    rd_buf_release(&absent);
    rd_json_end(cli->result);
    return st;
}

static bool is_finding(const struct rd_threat *t, const char *fail_on)
{
    enum rd_severity level;

    return rd_severity_find(fail_on, &level) && t->severity >= level && !t->decision &&
           (t->applicability == RD_APPLIES_YES || t->applicability == RD_APPLIES_UNKNOWN);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct threats *o = opts;
    struct rd_loaded l;
    struct rd_campaign campaign;
    const struct rd_campaign *stored;
    bool found = false;
    size_t by_kind[4] = { 0 }, shown, decided = 0;
    int id_width = 6, proof_width = 9, title_width = 4;
    const int columns = rd_console_columns();
    bool narrow;
    char proof[64];
    rd_status st = rd_cli_load(cli, argv[0], &o->system, &l);

    (void)argc;
    if (!st)
        st = rd_cli_stored(cli, &l, &campaign, &found);
    if (st)
        return st;
    stored = found ? &campaign : NULL;
    rd_json_ktext(cli->info, "file", argv[0]);
    shown = o->top && (size_t)o->top < l.threats.n ? (size_t)o->top : l.threats.n;
    for (size_t i = 0; i < l.threats.n; i++) {
        const struct rd_threat *t = &l.threats.item[i];

        by_kind[t->applicability]++;
        decided += t->decision != NULL;
        if (i < shown && (int)strlen(t->id) > id_width)
            id_width = (int)strlen(t->id);
        if (i < shown && (int)strlen(t->rule->title) > title_width)
            title_width = (int)strlen(t->rule->title);
        (void)rd_cli_proof(t->rule, proof, sizeof proof);
        if (i < shown && (int)strlen(proof) > proof_width)
            proof_width = (int)strlen(proof);
        if (is_finding(t, o->fail_on))
            cli->exit_code = 1;
    }
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "system", l.system->name);
    rd_json_kobject(cli->result, "counts");
    rd_json_kint(cli->result, "all", (int64_t)l.threats.n);
    rd_json_kint(cli->result, "yes", (int64_t)by_kind[RD_APPLIES_YES]);
    rd_json_kint(cli->result, "unknown", (int64_t)by_kind[RD_APPLIES_UNKNOWN]);
    rd_json_kint(cli->result, "mitigated", (int64_t)by_kind[RD_APPLIES_MITIGATED]);
    rd_json_kint(cli->result, "decided", (int64_t)decided);
    rd_json_end(cli->result);
    rd_json_karray(cli->result, "threats");
    narrow = columns && columns < 25 + id_width + proof_width + (stored ? 18 : 0) + title_width;
    if (shown && narrow)
        (void)fprintf(cli->out, "%-8s  %-9s  %-*s%s\n", "severity", "applies",
            stored ? id_width : 0, "threat", stored ? "  status" : "");
    else if (shown)
        (void)fprintf(cli->out, "%-8s  %-9s  %-*s  %-*s%s  %s\n", "severity", "applies", id_width,
            "threat", proof_width, "proved by", stored ? "  status          " : "", "what");
    for (size_t i = 0; i < shown; i++) {
        rd_cli_threat_json(cli->result, &l.rules, l.system, &l.threats.item[i], stored);
        if (narrow)
            print_narrow_row(cli, &l.threats.item[i], stored, id_width);
        else
            print_row(cli, &l.threats.item[i], stored, id_width, proof_width);
    }
    rd_json_end(cli->result);
    if (shown < l.threats.n)
        (void)fprintf(cli->out, "... and %zu more\n", l.threats.n - shown);
    for (size_t i = 0; o->top && i < shown; i++)
        print_details(cli, i + 1, &l.threats.item[i], stored);
    (void)fprintf(cli->out, "\n%zu threats: %zu apply, %zu unknown, %zu mitigated; %zu decided\n",
        l.threats.n, by_kind[RD_APPLIES_YES], by_kind[RD_APPLIES_UNKNOWN],
        by_kind[RD_APPLIES_MITIGATED], decided);
    st = say_silent(cli, &l, !o->top);
    if (st)
        return st;
    (void)fputs("redoubt explain FILE THREAT says why, and what would make it go away\n", cli->out);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_threats = {
    .name = "threats",
    .summary = "what can go wrong with a system, ranked, with proof and remedy",
    .synopsis = "FILE [--top N] [--fail-on LEVEL]",
    .examples = "  redoubt threats demo\n"
                "  redoubt threats demo/redoubt.yaml --top 5\n"
                "  redoubt threats demo --fail-on high --json\n",
    .options = options,
    .options_size = sizeof(struct threats),
    .min_args = 1,
    .max_args = 1,
    .paged = true,
    .run = run,
};
