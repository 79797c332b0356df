/* catalog_text.c - what the `catalog` commands share. */
#include "cli/catalog_text.h"

#include "base/text.h"
#include "system/system.h"

#include <string.h>

void rd_cli_json_words(struct rd_json *j, const char *key, const char *const *word, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, word[i]);
    rd_json_end(j);
}

void rd_cli_rule_members(struct rd_json *j, const struct rd_rule *rule)
{
    rd_json_ktext(j, "id", rule->id);
    rd_json_ktext(j, "title", rule->title);
    rd_json_ktext(j, "stride", rule->stride);
    rd_json_ktext(j, "stage", rule->stage);
    rd_json_ktext(j, "severity", rd_severity_name(rule->severity));
    rd_cli_json_words(j, "applies_to", rule->applies_to, rule->n_applies_to);
    rd_cli_json_words(j, "proved_by", rule->proved_by, rule->n_proved_by);
    rd_cli_json_words(j, "removed_by", rule->removed_by, rule->n_removed_by);
    rd_json_karray(j, "references");
    for (size_t i = 0; i < rule->n_references; i++) {
        const struct rd_reference *r = &rule->references[i];

        rd_json_object(j);
        rd_json_ktext(j, "list", r->list);
        rd_json_ktext(j, "edition", r->edition);
        rd_json_ktext(j, "id", r->id);
        rd_json_ktext(j, "title", r->title);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_cli_json_words(j, "cwe", rule->cwe, rule->n_cwe);
}

rd_status rd_cli_one_of(struct rd_cli *cli, rd_status otherwise, const char *what, const char *word,
    const char *const *list)
{
    const char *near = rd_text_nearest(word, list);
    char safe[80];

    for (const char *const *w = list; *w; w++)
        if (!strcmp(*w, word))
            return RD_OK;
    (void)RD_FAIL(cli->run.err, otherwise, "there is no %s '%s'", what,
        rd_text_safe_in(safe, sizeof safe, word));
    return near ? rd_error_hint(cli->run.err, "did you mean '%s'?", near) : otherwise;
}

const char *const *rd_cli_subjects(struct rd_arena *arena)
{
    const char **names;
    size_t n = 0;

    while (rd_element_types[n].name)
        n++;
    names = RD_NEW_ARRAY(arena, const char *, n + 2);
    for (size_t i = 0; names && i < n; i++)
        names[i] = rd_element_types[i].name;
    if (names)
        names[n] = "flow";
    return names;
}

static bool at_or_below(const char *id, const char *asked)
{
    const size_t n = strlen(asked);

    return !strncmp(id, asked, n) && (id[n] == '\0' || id[n] == '.');
}

bool rd_cli_rule_refers(const struct rd_rule *rule, const char *id)
{
    for (size_t i = 0; i < rule->n_references; i++)
        if (at_or_below(rule->references[i].id, id))
            return true;
    for (size_t i = 0; i < rule->n_cwe; i++)
        if (!strcmp(rule->cwe[i], id))
            return true;
    return false;
}
