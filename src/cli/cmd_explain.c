/* explain - why a threat applies (or does not), and what would make it go away. */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/stored.h"
#include "cli/threat_id.h"
#include "cli/threat_text.h"

#include "base/text.h"
#include "rules/taxonomy.h"

#include <string.h>

struct explain {
    struct rd_load_options system;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct explain, system),
    RD_OPTION_END,
};

static void list(FILE *out, const char *title, const char *const *item, size_t n)
{
    if (n)
        (void)fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < n; i++)
        rd_cli_wrap(out, "  - ", 4, item[i]);
}

enum { FACT_WIDTH = 46 };
static void print_facts(FILE *out, const struct rd_threat *t)
{
    size_t width = 0;

    (void)fputs(t->n_facts ? "\nwhat was looked at\n" : "", out);
    for (size_t i = 0; i < t->n_facts; i++)
        if (strlen(t->facts[i].what) > width)
            width = strlen(t->facts[i].what);
    width = width > FACT_WIDTH ? FACT_WIDTH : width;
    for (size_t i = 0; i < t->n_facts; i++) {
        char first[FACT_WIDTH + 5];

        if (strlen(t->facts[i].what) > width) { /* too long to stand beside its value */
            rd_cli_wrap(out, "  ", 2, t->facts[i].what);
            (void)snprintf(first, sizeof first, "%*s", (int)width + 4, "");
        } else {
            (void)snprintf(first, sizeof first, "  %-*s  ", (int)width, t->facts[i].what);
        }
        rd_cli_wrap(out, first, (int)width + 4, t->facts[i].value);
    }
}

static void print_proof(FILE *out, const struct rd_rule *rule)
{
    char proof[128], number[32];
    struct rd_buf text = { 0 };

    if (!rule->n_proved_by) {
        rd_cli_wrap(
            out, "\nproof: ", 7, "proved_by: none. No attack here proves it, so it stays untried");
        return;
    }
    rd_buf_printf(&text, "%s, demonstrated from %s on", rd_cli_proof(rule, proof, sizeof proof),
        rd_text_from_double(rule->criterion, number));
    for (size_t i = 0; i < rule->n_prove_with; i++)
        rd_buf_printf(&text, "%s%s=%s", i ? " " : "; by default with ", rule->prove_with[i].name,
            rule->prove_with[i].value);
    rd_cli_wrap(out, "\nproof: ", 7, rd_buf_text(&text));
    rd_buf_release(&text);
}

static void print_references(FILE *out, const struct rd_rules *rules, const struct rd_rule *rule)
{
    (void)fputs("\nreferences\n", out);
    for (size_t i = 0; i < rule->n_references; i++) {
        const struct rd_reference *r = &rule->references[i];

        (void)fprintf(out, "  - %s %s, %s: %s%s%s\n", r->list, r->edition, r->id,
            r->parent ? r->parent : "", r->parent ? ": " : "", r->title);
    }
    for (size_t i = 0; i < rule->n_cwe; i++) {
        const struct rd_taxonomy_row *row =
            rd_taxonomy_find(rules->taxonomies, "CWE", NULL, rule->cwe[i]);

        rd_cli_wrap(out, "  - ", 4, rule->cwe[i]);
        if (row)
            rd_cli_wrap(out, "    ", 4, row->title);
    }
}

static const char *verdict(const struct rd_threat *t)
{
    switch (t->applicability) {
    case RD_APPLIES_YES:
        return "yes";
    case RD_APPLIES_UNKNOWN:
        return "unknown: what is listed below is not filled in";
    case RD_APPLIES_MITIGATED:
        return "mitigated: an active control stands in the way";
    case RD_APPLIES_NO:
        break;
    }
    return "no";
}

static void print(FILE *out, const struct rd_rules *rules, const struct rd_threat *t,
    const struct rd_threat_state *state)
{
    const struct rd_rule *rule = t->rule;
    char first[160], decision[160];

    (void)snprintf(first, sizeof first, "%s: ", t->id);
    rd_cli_wrap(out, first, 2, rule->title);
    (void)fprintf(out, "applies: %s\n", verdict(t));
    (void)snprintf(first, sizeof first, "severity: %s. ", rd_severity_name(t->severity));
    rd_cli_wrap(out, first, 10, t->severity_why);
    (void)fprintf(out, "STRIDE %s, stage %s\n", rule->stride, rule->stage);
    if (state && state->tested != RD_NONE) {
        (void)snprintf(first, sizeof first, "status: %s. ", rd_threat_status_name(state->status));
        rd_cli_wrap(out, first, 8, state->text);
    }
    if (t->mitigated_by)
        (void)fprintf(out, "control: %s\n", t->mitigated_by);
    if (t->decision) {
        (void)fprintf(out, "decision: %s", rd_cli_decision(t->decision, decision, sizeof decision));
        rd_cli_wrap(out, ", ", 10, t->decision->why);
    }
    rd_cli_wrap(out, "\nwhy it matters: ", 2, rule->why);
    rd_cli_wrap(out, "impact: ", 2, rule->impact);
    print_facts(out, t);
    rd_cli_wrap(out, "\nrule: ", 2, rule->when);
    list(out, "to be filled in", t->missing, t->n_missing);
    list(out, "what would make it go away", t->goes_away, t->n_goes_away);
    list(out, "mitigations", rule->mitigations, rule->n_mitigations);
    print_proof(out, rule);
    rd_cli_wrap(out, "\nknown false positives: ", 2, rule->false_positives);
    print_references(out, rules, rule);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct explain *o = opts;
    struct rd_threat threat = { 0 };
    struct rd_campaign campaign;
    struct rd_loaded l;
    bool found = false;
    rd_status st = rd_cli_load(cli, argv[0], &o->system, &l);

    (void)argc;
    if (!st)
        st = rd_cli_threat_find(cli, &l, argv[1], &threat);
    if (!st && !threat.rule)
        st = RD_FAIL(cli->run.err, RD_E_BUG, "a threat without a rule");
    if (!st)
        st = rd_cli_stored(cli, &l, &campaign, &found);
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", argv[0]);
    rd_cli_threat_json(cli->result, &l.rules, l.system, &threat, found ? &campaign : NULL);
    print(cli->out, &l.rules, &threat, rd_cli_threat_state(found ? &campaign : NULL, &threat));
    return RD_OK;
}

const struct rd_command rd_command_explain = {
    .name = "explain",
    .summary = "why a threat applies, and what would make it go away",
    .synopsis = "FILE THREAT",
    .examples = "  redoubt explain demo model-extraction@inference-api\n"
                "  redoubt explain demo evasion@inference-api --json\n",
    .options = options,
    .options_size = sizeof(struct explain),
    .min_args = 2,
    .max_args = 2,
    .paged = true,
    .run = run,
};
