/* catalog coverage - what the rules cover: elements by STRIDE, stages, published ids, and what an
 * attack proves. */
#include "cli/catalog_text.h"
#include "cli/threat_text.h"

#include "base/buf.h"
#include "system/system.h"

#include <string.h>

static const struct rd_option options[] = { RD_OPTION_END };
static const char letters[] = "STRIDE";
enum { LETTERS = sizeof letters - 1 };

static bool is_attackable(const struct rd_taxonomy_row *row)
{
    return !strcmp(row->kind, "technique") || !strcmp(row->kind, "sub-technique") ||
           !strcmp(row->kind, "risk") || !strcmp(row->list, "LINDDUN");
}

static bool refers(const struct rd_rule *rule, const struct rd_taxonomy_row *row)
{
    for (size_t i = 0; i < rule->n_references; i++)
        if (!strcmp(rule->references[i].id, row->id) &&
            !strcmp(rule->references[i].list, row->list) &&
            !strcmp(rule->references[i].edition, row->edition))
            return true;
    return false;
}

/* One row a subject: how many rules with each letter look at it, how many in all, how many proved.
 */
static void put_subject(struct rd_cli *cli, const struct rd_rules *rules, const char *subject)
{
    const struct rd_element_type *type =
        strcmp(subject, "flow") != 0 ? rd_element_type_find(subject) : NULL;
    size_t by[LETTERS] = { 0 }, all = 0, proved = 0;

    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "type", subject);
    rd_json_karray(cli->result, "rules");
    for (size_t i = 0; i < rules->n; i++) {
        const struct rd_rule *rule = rules->item[i];

        if (!rd_rule_applies_to(rule, type))
            continue;
        all++;
        proved += rule->n_proved_by > 0;
        rd_json_text(cli->result, rule->id);
        for (int k = 0; k < LETTERS; k++)
            by[k] += strchr(rule->stride, letters[k]) != NULL;
    }
    rd_json_end(cli->result);
    rd_json_kobject(cli->result, "stride");
    (void)fprintf(cli->out, "%-18s", subject);
    for (int k = 0; k < LETTERS; k++) {
        const char name[2] = { letters[k], '\0' };

        rd_json_kint(cli->result, name, (int64_t)by[k]);
        if (by[k])
            (void)fprintf(cli->out, " %3zu", by[k]);
        else
            (void)fputs("   .", cli->out);
    }
    rd_json_end(cli->result);
    rd_json_kint(cli->result, "proved", (int64_t)proved);
    rd_json_end(cli->result);
    (void)fprintf(cli->out, " %6zu %7zu\n", all, proved);
}

static void put_stage(struct rd_cli *cli, const struct rd_rules *rules, const char *stage)
{
    size_t n = 0, proved = 0, by[3] = { 0 };

    for (size_t i = 0; i < rules->n; i++)
        if (!strcmp(rules->item[i]->stage, stage)) {
            n++;
            proved += rules->item[i]->n_proved_by > 0;
        }
    for (size_t i = 0; i < rules->taxonomies->n_controls; i++)
        for (int a = 0; a < 3; a++)
            by[a] += !strcmp(rules->taxonomies->control[i].stage, stage) &&
                     !strcmp(rules->taxonomies->control[i].acts, rd_control_acts[a]);
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "stage", stage);
    rd_json_kint(cli->result, "rules", (int64_t)n);
    rd_json_kint(cli->result, "proved", (int64_t)proved);
    for (int a = 0; a < 3; a++)
        rd_json_kint(cli->result, rd_control_acts[a], (int64_t)by[a]);
    rd_json_end(cli->result);
    (void)fprintf(
        cli->out, "%-18s %5zu %7zu %8zu %7zu %8zu\n", stage, n, proved, by[0], by[1], by[2]);
}

/* An id that rules refer to: those rules, and the attacks that prove any of them. */
static void put_id(
    struct rd_cli *cli, const struct rd_rules *rules, const struct rd_taxonomy_row *row)
{
    struct rd_buf names = { 0 };
    char first[64];
    bool tried = false;

    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "list", row->list);
    rd_json_ktext(cli->result, "edition", row->edition);
    rd_json_ktext(cli->result, "id", row->id);
    rd_json_ktext(cli->result, "title", row->title);
    rd_json_karray(cli->result, "rules");
    for (size_t i = 0; i < rules->n; i++)
        if (refers(rules->item[i], row)) {
            rd_json_text(cli->result, rules->item[i]->id);
            rd_buf_printf(&names, "%s%s%s", names.len ? ", " : "", rules->item[i]->id,
                rules->item[i]->n_proved_by ? "*" : "");
            tried |= rules->item[i]->n_proved_by > 0;
        }
    rd_json_end(cli->result);
    rd_json_kbool(cli->result, "proved", tried);
    rd_json_end(cli->result);
    (void)snprintf(first, sizeof first, "  %-15s ", row->id);
    rd_buf_printf(&names, " (%s)", row->title);
    rd_cli_wrap(cli->out, first, 18, rd_buf_text(&names));
    rd_buf_release(&names);
}

static bool covered(const struct rd_rules *rules, const struct rd_taxonomy_row *row)
{
    for (size_t i = 0; i < rules->n; i++)
        if (refers(rules->item[i], row))
            return true;
    return false;
}

struct tally {
    const char *list, *edition;
    size_t covered, all;
};

static void put_ids(struct rd_cli *cli, const struct rd_rules *rules)
{
    const struct rd_taxonomies *t = rules->taxonomies;
    struct tally lists[16] = { 0 };
    size_t n_lists = 0;

    rd_json_karray(cli->result, "ids");
    for (size_t i = 0; i < t->n; i++) {
        const struct rd_taxonomy_row *row = &t->row[i];
        size_t l = 0;

        if (!is_attackable(row))
            continue;
        while (l < n_lists && (strcmp(lists[l].list, row->list) != 0 ||
                                  strcmp(lists[l].edition, row->edition) != 0))
            l++;
        if (l == sizeof lists / sizeof *lists)
            continue;
        if (l == n_lists) {
            lists[n_lists++] = (struct tally){ row->list, row->edition, 0, 0 };
        }
        lists[l].all++;
        if (!covered(rules, row))
            continue;
        if (!lists[l].covered++)
            (void)fprintf(cli->out, "\n%s %s\n", row->list, row->edition);
        put_id(cli, rules, row);
    }
    rd_json_end(cli->result);
    rd_json_karray(cli->result, "lists");
    (void)fputs("\nids that some rule refers to\n", cli->out);
    for (size_t l = 0; l < n_lists; l++) {
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "list", lists[l].list);
        rd_json_ktext(cli->result, "edition", lists[l].edition);
        rd_json_kint(cli->result, "covered", (int64_t)lists[l].covered);
        rd_json_kint(cli->result, "all", (int64_t)lists[l].all);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "  %3zu of %3zu  %s %s\n", lists[l].covered, lists[l].all,
            lists[l].list, lists[l].edition);
    }
    rd_json_end(cli->result);
}

static void put_proof(struct rd_cli *cli, const struct rd_rules *rules, bool proved)
{
    struct rd_buf text = { 0 };
    char first[64];
    size_t n = 0;

    rd_json_karray(cli->result, proved ? "proved" : "unproved");
    for (size_t i = 0; i < rules->n; i++)
        if ((rules->item[i]->n_proved_by > 0) == proved) {
            rd_json_text(cli->result, rules->item[i]->id);
            rd_buf_printf(&text, "%s%s", n++ ? ", " : "", rules->item[i]->id);
        }
    rd_json_end(cli->result);
    (void)snprintf(first, sizeof first, "\n%zu rules %s: ", n,
        proved ? "with an attack that proves them" : "with proved_by: none, untried for now");
    rd_cli_wrap(cli->out, first, 2, n ? rd_buf_text(&text) : "none");
    rd_buf_release(&text);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const char *const *subjects = rd_cli_subjects(cli->run.scratch);
    struct rd_rules rules;
    const rd_status st = rd_rules_load(cli->run.scratch, &rules, cli->run.err);

    (void)opts;
    (void)argc;
    (void)argv;
    if (st)
        return st;
    if (!subjects)
        return rd_run_no_memory(&cli->run, "the element types");
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "elements");
    (void)fputs("element type         S   T   R   I   D   E    all  proved\n", cli->out);
    for (size_t i = 0; subjects[i]; i++)
        put_subject(cli, &rules, subjects[i]);
    rd_json_end(cli->result);
    rd_json_karray(cli->result, "stages");
    (void)fputs(
        "\nby stage           rules  proved  prevent  detect  respond (kinds of controls)\n",
        cli->out);
    for (size_t i = 0; rd_stages[i]; i++)
        put_stage(cli, &rules, rd_stages[i]);
    rd_json_end(cli->result);
    put_ids(cli, &rules);
    put_proof(cli, &rules, true);
    put_proof(cli, &rules, false);
    (void)fputs("* an attack here proves it\n", cli->out);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_catalog_coverage = {
    .name = "catalog coverage",
    .summary = "what the rules cover, and what no attack proves yet",
    .synopsis = "",
    .examples = "  redoubt catalog coverage\n"
                "  redoubt catalog coverage --json | jq '.result.unproved'\n",
    .options = options,
    .options_size = 0,
    .min_args = 0,
    .max_args = 0,
    .paged = true,
    .run = run,
};
