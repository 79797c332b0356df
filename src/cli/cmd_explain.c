/* explain - why a threat applies (or does not), and what would make it go away. */
#include "cli/cli.h"
#include "cli/load.h"
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

/* No such id: say which part of it is wrong, and the nearest that is right. */
static rd_status unknown_id(struct rd_cli *cli, const struct rd_loaded *l, const char *id,
    const struct rd_rule *rule, bool place)
{
    struct rd_arena *arena = cli->run.scratch;
    const char **words = RD_NEW_ARRAY(arena, const char *, l->threats.n + l->rules.n + 1);
    const char *near;
    char safe[160];
    size_t n = 0;

    if (!words)
        return rd_run_no_memory(&cli->run, "the threat ids");
    for (size_t i = 0; i < l->threats.n; i++)
        words[n++] = l->threats.item[i].id;
    near = rd_text_nearest(id, words);
    (void)rd_text_safe_in(safe, sizeof safe, id);
    if (rule && place)
        (void)RD_FAIL(cli->run.err, RD_E_NOTFOUND,
            "there is no threat '%s': rule '%s' looks at other parts", safe, rule->id);
    else if (!strchr(id, '@'))
        (void)RD_FAIL(
            cli->run.err, RD_E_NOTFOUND, "'%s' is no threat id: expected RULE@ELEMENT", safe);
    else
        (void)RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no threat '%s': %s", safe,
            rule ? "no element or flow is called so" : "no rule is called so");
    for (size_t i = 0; i < l->threats.n && !near; i++) {
        const size_t len = strlen(l->threats.item[i].rule->id);

        /* A rule alone, or with a place that is wrong. */
        if (!strncmp(id, l->threats.item[i].rule->id, len) && (id[len] == '\0' || id[len] == '@'))
            near = l->threats.item[i].id;
    }
    if (near)
        (void)rd_error_hint(cli->run.err, "did you mean '%s'?", near);
    else
        (void)rd_error_hint(cli->run.err, "redoubt threats FILE lists them");
    return RD_E_NOTFOUND;
}

/* The threat of that id, also where its rule does not apply. */
static rd_status find(
    struct rd_cli *cli, const struct rd_loaded *l, const char *id, struct rd_threat *out)
{
    const struct rd_threat *t = rd_threat_find(&l->threats, id);
    const char *at = strchr(id, '@');
    const struct rd_rule *rule = NULL;
    int element = RD_NONE, flow = RD_NONE;

    if (t) {
        *out = *t;
        return RD_OK;
    }
    for (size_t i = 0; at && i < l->rules.n; i++)
        if (strlen(l->rules.item[i]->id) == (size_t)(at - id) &&
            !strncmp(l->rules.item[i]->id, id, (size_t)(at - id)))
            rule = l->rules.item[i];
    if (rule) {
        element = rd_system_element(l->system, at + 1);
        flow = element == RD_NONE ? rd_system_flow(l->system, at + 1) : RD_NONE;
    }
    if ((element == RD_NONE && flow == RD_NONE) ||
        !rd_rule_applies_to(rule, element != RD_NONE ? l->system->elements[element].type : NULL))
        return unknown_id(cli, l, id, rule, element != RD_NONE || flow != RD_NONE);
    return rd_threat_derive_one(
        &l->rules, rule, l->system, element, flow, cli->run.scratch, out, cli->run.err);
}

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
        rd_cli_wrap(out, "\nproof: ", 7, "no attack here proves it, so it stays untried");
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

static void print(FILE *out, const struct rd_rules *rules, const struct rd_threat *t)
{
    const struct rd_rule *rule = t->rule;
    char first[160], decision[160];

    (void)snprintf(first, sizeof first, "%s: ", t->id);
    rd_cli_wrap(out, first, 2, rule->title);
    (void)fprintf(out, "applies: %s\n", verdict(t));
    (void)snprintf(first, sizeof first, "severity: %s. ", rd_severity_name(t->severity));
    rd_cli_wrap(out, first, 10, t->severity_why);
    (void)fprintf(out, "STRIDE %s, stage %s\n", rule->stride, rule->stage);
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
    struct rd_loaded l;
    rd_status st = rd_cli_load(cli, argv[0], &o->system, &l);

    (void)argc;
    if (!st)
        st = find(cli, &l, argv[1], &threat);
    if (!st && !threat.rule)
        st = RD_FAIL(cli->run.err, RD_E_BUG, "a threat without a rule");
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", argv[0]);
    rd_cli_threat_json(cli->result, &l.rules, l.system, &threat);
    print(cli->out, &l.rules, &threat);
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
    .run = run,
};
