/* catalog list - the rules there are, filtered by what one is looking for. */
#include "cli/catalog_text.h"
#include "cli/color.h"
#include "cli/threat_text.h"

#include "base/text.h"

#include <string.h>

struct list {
    const char *stage, *stride, *element, *technique;
    bool unproved, controls;
};

static const struct rd_option options[] = {
    RD_TEXT(struct list, stage, "stage", "", "STAGE", "rules of this stage of a model's life"),
    RD_TEXT(struct list, stride, "stride", "", "LETTER", "rules with this letter of STRIDE"),
    RD_TEXT(struct list, element, "element", "", "TYPE", "rules about this element type, or flow"),
    RD_TEXT(struct list, technique, "technique", "", "ID",
        "rules that refer to this id (ATLAS, OWASP, LINDDUN, CWE)"),
    RD_BOOL(struct list, unproved, "unproved", "no", "rules that no attack here proves"),
    RD_BOOL(struct list, controls, "controls", "no", "the kinds of controls instead of the rules"),
    RD_OPTION_END,
};

static bool given(const char *word)
{
    return word && *word;
}

/* Every id a rule may refer to, for the nearest word. */
static const char *const *ids_of(const struct rd_rules *rules, struct rd_arena *arena)
{
    const struct rd_taxonomies *t = rules->taxonomies;
    const char **ids = RD_NEW_ARRAY(arena, const char *, t->n + 1);
    size_t n = 0;

    for (size_t i = 0; ids && i < t->n; i++)
        if (!*t->row[i].successor && strcmp(t->row[i].list, RD_CONTROLS_LIST) != 0)
            ids[n++] = t->row[i].id;
    return ids;
}

static rd_status retired(struct rd_cli *cli, const struct rd_rules *rules, const char *id)
{
    const struct rd_taxonomies *t = rules->taxonomies;

    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->row[i].id, id) && *t->row[i].successor) {
            (void)RD_FAIL(cli->run.err, RD_E_USAGE, "%s (%s) was retired", id, t->row[i].title);
            return rd_error_hint(cli->run.err, "its successor is %s", t->row[i].successor);
        }
    return RD_OK;
}

static rd_status check(struct rd_cli *cli, const struct rd_rules *rules, const struct list *o)
{
    static const char *const letters[] = { "S", "T", "R", "I", "D", "E", NULL };
    struct rd_arena *arena = cli->run.scratch;
    const char *const *subjects = rd_cli_subjects(arena), *const *ids = ids_of(rules, arena);
    rd_status st = RD_OK;

    if (!subjects || !ids)
        return rd_run_no_memory(&cli->run, "the words of the catalog");
    if (given(o->stage))
        st = rd_cli_one_of(cli, RD_E_USAGE, "stage", o->stage, rd_stages);
    if (!st && given(o->stride))
        st = rd_cli_one_of(cli, RD_E_USAGE, "letter of STRIDE", o->stride, letters);
    if (!st && given(o->element))
        st = rd_cli_one_of(cli, RD_E_USAGE, "element type", o->element, subjects);
    if (!st && given(o->technique))
        st = retired(cli, rules, o->technique);
    if (!st && given(o->technique))
        st = rd_cli_one_of(cli, RD_E_USAGE, "id of a published list", o->technique, ids);
    return st;
}

static bool wanted(const struct rd_rule *rule, const struct list *o)
{
    const struct rd_element_type *type = given(o->element) && strcmp(o->element, "flow") != 0
                                             ? rd_element_type_find(o->element)
                                             : NULL;

    return (!given(o->stage) || !strcmp(rule->stage, o->stage)) &&
           (!given(o->stride) || strchr(rule->stride, *o->stride)) &&
           (!given(o->element) || rd_rule_applies_to(rule, type)) &&
           (!given(o->technique) || rd_cli_rule_refers(rule, o->technique)) &&
           (!o->unproved || !rule->n_proved_by);
}

enum { SEVERITY_WIDTH = 8 };

static void print_rule(const struct rd_cli *cli, const struct rd_rule *rule, int width)
{
    FILE *out = cli->out;
    char proof[80], first[160];
    int indent;

    rd_cli_put_word(cli, rd_severity_name(rule->severity), SEVERITY_WIDTH);
    indent = SEVERITY_WIDTH + snprintf(first, sizeof first, "  %-2s  %-10s  %-*s  ", rule->stride,
                                  rule->stage, width, rule->id);
    (void)fputs(first, out);
    rd_cli_wrap_from(out, indent, indent, rule->title);
    if (rule->n_proved_by)
        (void)fprintf(
            out, "%*sproved by %s\n", indent, "", rd_cli_proof(rule, proof, sizeof proof));
}

static void list_rules(struct rd_cli *cli, const struct rd_rules *rules, const struct list *o)
{
    size_t shown = 0, proved = 0;
    int width = 4;

    for (size_t i = 0; i < rules->n; i++)
        if (wanted(rules->item[i], o) && (int)strlen(rules->item[i]->id) > width)
            width = (int)strlen(rules->item[i]->id);
    rd_json_karray(cli->result, "rules");
    for (size_t i = 0; i < rules->n; i++) {
        const struct rd_rule *rule = rules->item[i];

        if (!wanted(rule, o))
            continue;
        if (!shown++)
            (void)fprintf(
                cli->out, "severity  by  stage       %-*s  what it is about\n", width, "rule");
        proved += rule->n_proved_by > 0;
        rd_json_object(cli->result);
        rd_cli_rule_members(cli->result, rule);
        rd_json_end(cli->result);
        print_rule(cli, rule, width);
    }
    rd_json_end(cli->result);
    rd_json_kobject(cli->result, "counts");
    rd_json_kint(cli->result, "all", (int64_t)rules->n);
    rd_json_kint(cli->result, "shown", (int64_t)shown);
    rd_json_kint(cli->result, "proved", (int64_t)proved);
    rd_json_end(cli->result);
    (void)fprintf(cli->out,
        "%s%zu of %zu rules; %zu of these can be proved by an attack, %zu count as untried "
        "(proved by: none)\n",
        shown ? "\n" : "", shown, rules->n, proved, shown - proved);
}

static void list_controls(struct rd_cli *cli, const struct rd_rules *rules, const struct list *o)
{
    const struct rd_taxonomies *t = rules->taxonomies;
    size_t shown = 0;

    rd_json_karray(cli->result, "controls");
    for (size_t i = 0; i < t->n_controls; i++) {
        const struct rd_control_kind *k = &t->control[i];
        char first[96];

        if (given(o->stage) && strcmp(k->stage, o->stage) != 0)
            continue;
        shown++;
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "id", k->id);
        rd_json_ktext(cli->result, "title", k->title);
        rd_json_ktext(cli->result, "stage", k->stage);
        rd_json_ktext(cli->result, "acts", k->acts);
        rd_json_end(cli->result);
        (void)snprintf(first, sizeof first, "%-10s  %-7s  %-22s  ", k->stage, k->acts, k->id);
        rd_cli_wrap(cli->out, first, (int)strlen(first), k->title);
    }
    rd_json_end(cli->result);
    (void)fprintf(cli->out, "\n%zu of %zu kinds of controls\n", shown, t->n_controls);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct list *o = opts;
    struct rd_rules rules;
    rd_status st = rd_rules_load(cli->run.scratch, &rules, cli->run.err);

    (void)argc;
    (void)argv;
    if (!st)
        st = check(cli, &rules, o);
    if (st)
        return st;
    rd_json_object(cli->result);
    if (o->controls)
        list_controls(cli, &rules, o);
    else
        list_rules(cli, &rules, o);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_catalog_list = {
    .name = "catalog list",
    .summary = "the threat rules, by stage, STRIDE, element or technique",
    .synopsis = "",
    .examples = "  redoubt catalog list --stage training\n"
                "  redoubt catalog list --technique AML.T0024\n"
                "  redoubt catalog list --controls --stage monitoring\n",
    .options = options,
    .options_size = sizeof(struct list),
    .min_args = 0,
    .max_args = 0,
    .paged = true,
    .run = run,
};
