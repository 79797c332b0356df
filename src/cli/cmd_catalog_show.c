/* catalog show - one rule, or one kind of control, in full. */
#include "cli/catalog_text.h"
#include "cli/color.h"
#include "cli/threat_text.h"

#include "base/buf.h"
#include "base/text.h"

#include <redoubt/defense.h>

#include <string.h>

static const struct rd_option options[] = { RD_OPTION_END };

static void put_words(struct rd_cli *cli, const char *title, const char *const *word, size_t n)
{
    struct rd_buf text = { 0 };

    for (size_t i = 0; i < n; i++)
        rd_buf_printf(&text, "%s%s", i ? ", " : "", word[i]);
    rd_cli_wrap(cli->out, title, 2, n ? rd_buf_text(&text) : "none");
    rd_buf_release(&text);
}

static void show_rule(struct rd_cli *cli, const struct rd_rules *rules, const struct rd_rule *rule)
{
    struct rd_json *j = cli->result;
    FILE *out = cli->out;
    char first[96], number[32];

    rd_json_kobject(j, "rule");
    rd_cli_rule_members(j, rule);
    rd_json_ktext(j, "severity_why", rule->severity_why);
    rd_json_ktext(j, "when", rule->when);
    rd_json_ktext(j, "raise_when", rule->raise_when);
    rd_json_ktext(j, "lower_when", rule->lower_when);
    rd_json_ktext(j, "why", rule->why);
    rd_json_ktext(j, "impact", rule->impact);
    rd_json_ktext(j, "false_positives", rule->false_positives);
    rd_json_kreal(j, "criterion", rule->criterion);
    rd_cli_json_words(j, "mitigations", rule->mitigations, rule->n_mitigations);
    rd_json_end(j);
    rd_json_key(j, "control");
    rd_json_null(j);

    (void)snprintf(first, sizeof first, "%s: ", rule->id);
    rd_cli_wrap(out, first, 2, rule->title);
    (void)fputs("severity: ", out);
    rd_cli_put_word(cli, rd_severity_name(rule->severity), 0);
    (void)fputs(". ", out);
    rd_cli_wrap_from(
        out, 12 + (int)strlen(rd_severity_name(rule->severity)), 2, rule->severity_why);
    (void)fprintf(out, "STRIDE %s, stage %s\n", rule->stride, rule->stage);
    put_words(cli, "looks at: ", rule->applies_to, rule->n_applies_to);
    rd_cli_wrap(out, "\nwhy it matters: ", 2, rule->why);
    rd_cli_wrap(out, "impact: ", 2, rule->impact);
    rd_cli_wrap(out, "\napplies when: ", 2, rule->when);
    if (rule->raise_when)
        rd_cli_wrap(out, "one step more severe when: ", 2, rule->raise_when);
    if (rule->lower_when)
        rd_cli_wrap(out, "one step less severe when: ", 2, rule->lower_when);
    rd_cli_wrap(out, "known false positives: ", 2, rule->false_positives);
    (void)fputc('\n', out);
    put_words(cli, "proved by: ", rule->proved_by, rule->n_proved_by);
    if (rule->n_proved_by)
        (void)fprintf(
            out, "demonstrated from %s on\n", rd_text_from_double(rule->criterion, number));
    else
        (void)fputs("no attack here proves it: it counts as untried\n", out);
    (void)fputs("\nremoved by\n", out);
    for (size_t i = 0; i < rule->n_removed_by; i++) {
        const struct rd_control_kind *k = rd_control_kind_find(rules, rule->removed_by[i]);

        (void)snprintf(first, sizeof first, "  - %s (%s): ", rule->removed_by[i], k ? k->acts : "");
        rd_cli_wrap(out, first, 4, k ? k->title : "");
    }
    (void)fputs("mitigations\n", out);
    for (size_t i = 0; i < rule->n_mitigations; i++)
        rd_cli_wrap(out, "  - ", 4, rule->mitigations[i]);
    (void)fputs("references\n", out);
    for (size_t i = 0; i < rule->n_references; i++) {
        const struct rd_reference *r = &rule->references[i];

        (void)snprintf(first, sizeof first, "  - %s: ", r->id);
        rd_cli_wrap(out, first, 4, r->title);
    }
    for (size_t i = 0; i < rule->n_cwe; i++) {
        const struct rd_taxonomy_row *row =
            rd_taxonomy_find(rules->taxonomies, "CWE", NULL, rule->cwe[i]);

        (void)snprintf(first, sizeof first, "  - %s: ", rule->cwe[i]);
        rd_cli_wrap(out, first, 4, row ? row->title : "");
    }
}

static void show_control(
    struct rd_cli *cli, const struct rd_rules *rules, const struct rd_control_kind *kind)
{
    struct rd_json *j = cli->result;
    const struct rd_defense *defense = rd_defense_find(kind->id);
    char first[96];
    size_t n = 0;

    rd_json_key(j, "rule");
    rd_json_null(j);
    rd_json_kobject(j, "control");
    rd_json_ktext(j, "id", kind->id);
    rd_json_ktext(j, "title", kind->title);
    rd_json_ktext(j, "stage", kind->stage);
    rd_json_ktext(j, "acts", kind->acts);
    rd_json_kbool(j, "measured", defense != NULL);
    rd_json_karray(j, "removes");
    (void)snprintf(first, sizeof first, "%s: ", kind->id);
    rd_cli_wrap(cli->out, first, 2, kind->title);
    (void)fprintf(cli->out, "stage %s, %s\n", kind->stage, kind->acts);
    (void)fputs(defense ? "effect: measured by a re-test with the control on\n"
                        : "effect: not measured here; an active one mitigates by being there\n",
        cli->out);
    (void)fputs("\nstands against\n", cli->out);
    for (size_t i = 0; i < rules->n; i++) {
        if (!rd_rule_is_removed_by(rules->item[i], kind->id))
            continue;
        n++;
        rd_json_text(j, rules->item[i]->id);
        (void)snprintf(first, sizeof first, "  - %s: ", rules->item[i]->id);
        rd_cli_wrap(cli->out, first, 4, rules->item[i]->title);
    }
    if (!n)
        (void)fputs("  no threat by itself: it makes the others shorter or cheaper\n", cli->out);
    rd_json_end(j);
    rd_json_end(j);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    struct rd_rules rules;
    const struct rd_rule *rule;
    const struct rd_control_kind *kind;
    const char **words;
    size_t n = 0;
    rd_status st = rd_rules_load(cli->run.scratch, &rules, cli->run.err);

    (void)opts;
    (void)argc;
    if (st)
        return st;
    rule = rd_rule_find(&rules, argv[0]);
    kind = rule ? NULL : rd_control_kind_find(&rules, argv[0]);
    if (!rule && !kind) {
        words = RD_NEW_ARRAY(
            cli->run.scratch, const char *, rules.n + rules.taxonomies->n_controls + 1);
        if (!words)
            return rd_run_no_memory(&cli->run, "the words of the catalog");
        for (size_t i = 0; i < rules.n; i++)
            words[n++] = rules.item[i]->id;
        for (size_t i = 0; i < rules.taxonomies->n_controls; i++)
            words[n++] = rules.taxonomies->control[i].id;
        return rd_cli_one_of(cli, RD_E_USAGE, "rule or kind of control", argv[0], words);
    }
    rd_json_object(cli->result);
    if (rule)
        show_rule(cli, &rules, rule);
    else
        show_control(cli, &rules, kind);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_catalog_show = {
    .name = "catalog show",
    .summary = "one threat rule, or one kind of control, in full",
    .synopsis = "RULE|CONTROL",
    .examples = "  redoubt catalog show model-extraction\n"
                "  redoubt catalog show quota\n",
    .options = options,
    .options_size = 0,
    .min_args = 1,
    .max_args = 1,
    .paged = true,
    .run = run,
};
