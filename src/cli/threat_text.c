#include "cli/threat_text.h"

#include "cli/console.h"

#include "base/text.h"
#include "rules/taxonomy.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 96, COLUMNS_LEAST = 80, COLUMNS_MOST = 100 };

static int columns(void)
{
    const int have = rd_console_columns();

    return !have                  ? COLUMNS
           : have < COLUMNS_LEAST ? COLUMNS_LEAST
           : have > COLUMNS_MOST  ? COLUMNS_MOST
                                  : have;
}

void rd_cli_wrap(FILE *out, const char *first, int indent, const char *text)
{
    (void)fputs(first, out);
    rd_cli_wrap_from(out, (int)strlen(first), indent, text);
}

void rd_cli_wrap_from(FILE *out, int column, int indent, const char *text)
{
    const int most = columns();
    struct rd_buf safe = { 0 };
    const char *p;

    if (text)
        rd_text_safe(&safe, text, strlen(text));
    p = rd_buf_text(&safe);
    for (bool begun = false; *p; begun = true) {
        const size_t len = strcspn(p, " ");
        int width = 0;

        for (size_t i = 0; i < len; i++) /* characters, not bytes */
            width += ((unsigned char)p[i] & 0xC0) != 0x80;
        if (begun && column + 1 + width > most) {
            (void)fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (begun) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fprintf(out, "%.*s", (int)len, p);
        column += width;
        p += len;
        while (*p == ' ')
            p++;
    }
    (void)fputc('\n', out);
    rd_buf_release(&safe);
}

const char *rd_cli_proof(const struct rd_rule *rule, char *out, size_t size)
{
    size_t at = 0;

    if (!rule->n_proved_by)
        (void)snprintf(out, size, "none");
    for (size_t i = 0; i < rule->n_proved_by && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " or " : "", rule->proved_by[i]);
    return out;
}

const char *rd_cli_decision(const struct rd_decision *decision, char *out, size_t size)
{
    struct rd_buf text = { 0 };

    out[0] = '\0';
    if (!decision)
        return out;
    rd_buf_puts(&text, decision->decision);
    if (decision->until)
        rd_buf_printf(&text, " until %s", decision->until);
    rd_buf_printf(&text, " by %s", decision->by);
    (void)rd_text_safe_in(out, size, rd_buf_text(&text));
    rd_buf_release(&text);
    return out;
}

static void strings(struct rd_json *j, const char *key, const char *const *item, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, item[i]);
    rd_json_end(j);
}

static void references(struct rd_json *j, const struct rd_rules *rules, const struct rd_rule *rule)
{
    rd_json_karray(j, "references");
    for (size_t i = 0; i < rule->n_references; i++) {
        const struct rd_reference *r = &rule->references[i];

        rd_json_object(j);
        rd_json_ktext(j, "list", r->list);
        rd_json_ktext(j, "edition", r->edition);
        rd_json_ktext(j, "id", r->id);
        rd_json_ktext(j, "title", r->title);
        rd_json_ktext(j, "parent", r->parent);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "cwe");
    for (size_t i = 0; i < rule->n_cwe; i++) {
        const struct rd_taxonomy_row *row =
            rd_taxonomy_find(rules->taxonomies, "CWE", NULL, rule->cwe[i]);

        rd_json_object(j);
        rd_json_ktext(j, "id", rule->cwe[i]);
        rd_json_ktext(j, "title", row ? row->title : NULL);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void decision(struct rd_json *j, const struct rd_decision *d)
{
    rd_json_key(j, "decision");
    if (!d) {
        rd_json_null(j);
        return;
    }
    rd_json_object(j);
    rd_json_ktext(j, "decision", d->decision);
    rd_json_ktext(j, "by", d->by);
    rd_json_ktext(j, "until", d->until);
    rd_json_ktext(j, "why", d->why);
    rd_json_ktext(j, "ticket", d->ticket);
    rd_json_end(j);
}

const struct rd_threat_state *rd_cli_threat_state(
    const struct rd_campaign *stored, const struct rd_threat *t)
{
    const struct rd_threat *known = NULL;

    if (stored && t >= stored->threats->item && t < stored->threats->item + stored->threats->n)
        known = t; /* one of the list itself, as all that `threats` shows */
    else if (stored)
        known = rd_threat_find(stored->threats, t->id);

    return known ? &stored->states[known - stored->threats->item] : NULL;
}

static void status(struct rd_json *j, const struct rd_threat *t, const struct rd_campaign *stored)
{
    const struct rd_threat_state *st = rd_cli_threat_state(stored, t);
    const char *key = st && st->tested != RD_NONE ? stored->tested[st->tested].key : NULL;

    rd_json_ktext(j, "status", rd_threat_status_name(st ? st->status : RD_THREAT_UNTRIED));
    if (st)
        rd_json_ktext(j, "status_reason", st->reason);
    else
        rd_json_ktext(j, "status_reason",
            t->rule->n_proved_by ? "this command tries nothing: redoubt assess does"
                                 : "no attack here proves it");
    rd_json_ktext(j, "status_text", key ? st->text : NULL);
    rd_json_ktext(j, "evidence", key && *key ? key : NULL);
}

void rd_cli_threat_json(struct rd_json *j, const struct rd_rules *rules,
    const struct rd_system *system, const struct rd_threat *t, const struct rd_campaign *stored)
{
    const struct rd_rule *rule = t->rule;

    rd_json_object(j);
    rd_json_ktext(j, "id", t->id);
    rd_json_ktext(j, "rule", rule->id);
    rd_json_ktext(j, "element", t->element != RD_NONE ? system->elements[t->element].id : NULL);
    rd_json_ktext(j, "flow", t->flow != RD_NONE ? system->flows[t->flow].id : NULL);
    rd_json_ktext(j, "title", rule->title);
    rd_json_ktext(j, "stride", rule->stride);
    rd_json_ktext(j, "stage", rule->stage);
    rd_json_ktext(j, "severity", rd_severity_name(t->severity));
    rd_json_ktext(j, "severity_of_rule", rd_severity_name(rule->severity));
    rd_json_ktext(j, "severity_why", t->severity_why);
    rd_json_ktext(j, "applicability", rd_applicability_name(t->applicability));
    status(j, t, stored);
    rd_json_ktext(j, "impact", rule->impact);
    rd_json_ktext(j, "why", rule->why);
    rd_json_ktext(j, "when", rule->when);
    rd_json_ktext(j, "false_positives", rule->false_positives);
    rd_json_karray(j, "facts");
    for (size_t i = 0; i < t->n_facts; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "what", t->facts[i].what);
        rd_json_ktext(j, "value", t->facts[i].value);
        rd_json_end(j);
    }
    rd_json_end(j);
    strings(j, "missing", t->missing, t->n_missing);
    strings(j, "goes_away", t->goes_away, t->n_goes_away);
    rd_json_ktext(j, "mitigated_by", t->mitigated_by);
    strings(j, "mitigations", rule->mitigations, rule->n_mitigations);
    strings(j, "proved_by", rule->proved_by, rule->n_proved_by);
    rd_json_kreal(j, "criterion", rule->criterion);
    strings(j, "removed_by", rule->removed_by, rule->n_removed_by);
    references(j, rules, rule);
    decision(j, t->decision);
    rd_json_end(j);
}
