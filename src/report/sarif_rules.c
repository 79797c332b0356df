#include "report/sarif_rules.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char cwe_list[] = "CWE";

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct rd_rule *const *)a)->id, (*(const struct rd_rule *const *)b)->id);
}

static int by_taxon(const void *a, const void *b)
{
    const struct rd_sarif_taxon *x = a, *y = b;
    int c = strcmp(x->list, y->list);

    if (!c)
        c = strcmp(x->edition, y->edition);
    return c ? c : strcmp(x->id, y->id);
}

static int find_id(const void *key, const void *item)
{
    return strcmp(key, (*(const struct rd_rule *const *)item)->id);
}

size_t rd_sarif_rule_index(const struct rd_sarif_rules *r, const struct rd_rule *rule)
{
    const struct rd_rule **hit = bsearch(rule->id, r->rule, r->n, sizeof(*r->rule), find_id);

    return hit ? (size_t)(hit - r->rule) : 0;
}

static bool collect_taxa(struct rd_arena *arena, struct rd_sarif_rules *out)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < out->n; i++)
        n += out->rule[i]->n_references + out->rule[i]->n_cwe;
    out->taxon = RD_NEW_ARRAY(arena, struct rd_sarif_taxon, n + 1);
    if (!out->taxon)
        return false;
    n = 0;
    for (size_t i = 0; i < out->n; i++) {
        const struct rd_rule *rule = out->rule[i];

        for (size_t k = 0; k < rule->n_references; k++) {
            const struct rd_reference *ref = &rule->references[k];

            out->taxon[n++] =
                (struct rd_sarif_taxon){ ref->list, ref->edition, ref->id, ref->title };
        }
        for (size_t k = 0; k < rule->n_cwe; k++)
            out->taxon[n++] = (struct rd_sarif_taxon){ cwe_list, "", rule->cwe[k], NULL };
    }
    qsort(out->taxon, n, sizeof(*out->taxon), by_taxon);
    for (size_t i = 0; i < n; i++)
        if (!kept || by_taxon(&out->taxon[kept - 1], &out->taxon[i]) != 0)
            out->taxon[kept++] = out->taxon[i];
    out->n_taxa = kept;
    return true;
}

bool rd_sarif_collect(
    const struct rd_threats *threats, struct rd_arena *arena, struct rd_sarif_rules *out)
{
    size_t kept = 0;

    *out = (struct rd_sarif_rules){ .rule =
                                        RD_NEW_ARRAY(arena, const struct rd_rule *, threats->n + 1),
        .severity = RD_NEW_ARRAY(arena, enum rd_severity, threats->n + 1) };
    if (!out->rule || !out->severity)
        return false;
    for (size_t i = 0; i < threats->n; i++)
        out->rule[i] = threats->item[i].rule;
    qsort(out->rule, threats->n, sizeof(*out->rule), by_id);
    for (size_t i = 0; i < threats->n; i++)
        if (!kept || strcmp(out->rule[kept - 1]->id, out->rule[i]->id) != 0)
            out->rule[kept++] = out->rule[i];
    out->n = kept;
    for (size_t i = 0; i < threats->n; i++) {
        const struct rd_threat *t = &threats->item[i];
        enum rd_severity *s = &out->severity[rd_sarif_rule_index(out, t->rule)];

        *s = t->severity > *s ? t->severity : *s;
    }
    return collect_taxa(arena, out);
}

const char *rd_sarif_security_severity(enum rd_severity s)
{
    static const char *const score[] = { "2.0", "5.5", "8.0", "9.5" };

    return score[s];
}

static const char *stride_word(char letter)
{
    switch (letter) {
    case 'S':
        return "spoofing";
    case 'T':
        return "tampering";
    case 'R':
        return "repudiation";
    case 'I':
        return "information-disclosure";
    case 'D':
        return "denial-of-service";
    case 'E':
        return "elevation-of-privilege";
    default:
        return NULL;
    }
}

static void put_message(struct rd_json *j, const char *key, const char *text)
{
    rd_json_kobject(j, key);
    rd_sarif_ktext(j, "text", text ? text : "");
    rd_json_end(j);
}

/* "external/cwe/cwe-1039" is how code-scanning services know a CWE. */
static void put_tag(struct rd_json *j, const char *prefix, const char *word)
{
    struct rd_buf b = { 0 };

    rd_buf_puts(&b, prefix);
    for (const char *p = word; *p; p++)
        rd_buf_putc(&b, (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p));
    rd_json_text(j, rd_buf_text(&b));
    j->out->failed = j->out->failed || b.failed;
    rd_buf_release(&b);
}

static void put_properties(struct rd_json *j, const struct rd_rule *r, enum rd_severity severity)
{
    rd_json_kobject(j, "properties");
    rd_json_karray(j, "tags");
    rd_json_text(j, "security");
    for (const char *p = r->stride; p && *p; p++)
        if (stride_word(*p))
            put_tag(j, "stride/", stride_word(*p));
    put_tag(j, "stage/", r->stage);
    for (size_t i = 0; i < r->n_cwe; i++)
        put_tag(j, "external/cwe/", r->cwe[i]);
    rd_json_end(j);
    rd_json_ktext(j, "security-severity", rd_sarif_security_severity(severity));
    rd_json_ktext(j, "severity", rd_severity_name(r->severity));
    rd_json_ktext(j, "stride", r->stride);
    rd_json_ktext(j, "stage", r->stage);
    rd_json_karray(j, "proved_by");
    for (size_t i = 0; i < r->n_proved_by; i++)
        rd_json_text(j, r->proved_by[i]);
    rd_json_end(j);
    rd_json_karray(j, "removed_by");
    for (size_t i = 0; i < r->n_removed_by; i++)
        rd_json_text(j, r->removed_by[i]);
    rd_json_end(j);
    rd_json_end(j);
}

static void put_paragraph(struct rd_buf *b, bool markdown, const char *head, const char *text)
{
    if (!text || !*text)
        return;
    rd_buf_printf(b, markdown ? "**%s** " : "%s: ", head);
    if (markdown)
        rd_text_markdown(b, text);
    else
        rd_text_safe(b, text, strlen(text));
    rd_buf_puts(b, "\n\n");
}

static void put_help_text(struct rd_json *j, const char *key, const struct rd_rule *r)
{
    const bool markdown = !strcmp(key, "markdown");
    struct rd_buf b = { 0 };

    put_paragraph(&b, markdown, "Why it matters", r->why);
    put_paragraph(&b, markdown, "Impact", r->impact);
    if (r->n_mitigations)
        rd_buf_puts(&b, markdown ? "**What helps**\n\n" : "What helps:\n");
    for (size_t i = 0; i < r->n_mitigations; i++) {
        rd_buf_puts(&b, "- ");
        if (markdown)
            rd_text_markdown(&b, r->mitigations[i]);
        else
            rd_text_safe(&b, r->mitigations[i], strlen(r->mitigations[i]));
        rd_buf_putc(&b, '\n');
    }
    rd_buf_puts(&b, r->n_mitigations ? "\n" : "");
    put_paragraph(&b, markdown, "When it is a false positive", r->false_positives);
    rd_json_ktext(j, key, rd_buf_text(&b));
    j->out->failed = j->out->failed || b.failed;
    rd_buf_release(&b);
}

/* --- taxonomies --- */

static bool same_list(const struct rd_sarif_taxon *a, const struct rd_sarif_taxon *b)
{
    return !strcmp(a->list, b->list) && !strcmp(a->edition, b->edition);
}

/* Which taxonomy of the run, and which of its taxa. */
static bool find_taxon(const struct rd_sarif_rules *r, const struct rd_sarif_taxon *what,
    size_t *list_out, size_t *index_out)
{
    size_t list = 0, index = 0;

    for (size_t i = 0; i < r->n_taxa; i++) {
        if (i && !same_list(&r->taxon[i - 1], &r->taxon[i])) {
            list++;
            index = 0;
        }
        if (!by_taxon(&r->taxon[i], what)) {
            *list_out = list;
            *index_out = index;
            return true;
        }
        index++;
    }
    return false;
}

static void put_relationship(
    struct rd_json *j, const struct rd_sarif_rules *r, const struct rd_sarif_taxon *what)
{
    size_t list, index;

    if (!find_taxon(r, what, &list, &index))
        return;
    rd_json_object(j);
    rd_json_karray(j, "kinds");
    rd_json_text(j, "relevant");
    rd_json_end(j);
    rd_json_kobject(j, "target");
    rd_json_ktext(j, "id", what->id);
    rd_json_kint(j, "index", (int64_t)index);
    rd_json_kobject(j, "toolComponent");
    rd_json_ktext(j, "name", what->list);
    rd_json_kint(j, "index", (int64_t)list);
    rd_json_end(j);
    rd_json_end(j);
    rd_json_end(j);
}

static void put_rule(struct rd_json *j, const struct rd_sarif_rules *rules, size_t i)
{
    const struct rd_rule *r = rules->rule[i];

    rd_json_object(j);
    rd_json_ktext(j, "id", r->id);
    put_message(j, "shortDescription", r->title);
    put_message(j, "fullDescription", r->why);
    rd_json_kobject(j, "defaultConfiguration");
    rd_json_ktext(j, "level",
        r->severity >= RD_SEVERITY_HIGH     ? "error"
        : r->severity == RD_SEVERITY_MEDIUM ? "warning"
                                            : "note");
    rd_json_end(j);
    rd_json_kobject(j, "help");
    put_help_text(j, "text", r);
    put_help_text(j, "markdown", r);
    rd_json_end(j);
    rd_json_karray(j, "relationships");
    for (size_t k = 0; k < r->n_references; k++)
        put_relationship(j, rules,
            &(struct rd_sarif_taxon){
                r->references[k].list, r->references[k].edition, r->references[k].id, NULL });
    for (size_t k = 0; k < r->n_cwe; k++)
        put_relationship(j, rules, &(struct rd_sarif_taxon){ cwe_list, "", r->cwe[k], NULL });
    rd_json_end(j);
    put_properties(j, r, rules->severity[i]);
    rd_json_end(j);
}

void rd_sarif_put_rules(struct rd_json *j, const struct rd_sarif_rules *r)
{
    size_t list = 0;

    rd_json_karray(j, "rules");
    for (size_t i = 0; i < r->n; i++)
        put_rule(j, r, i);
    rd_json_end(j);
    rd_json_karray(j, "supportedTaxonomies");
    for (size_t i = 0; i < r->n_taxa; i++) {
        if (i && same_list(&r->taxon[i - 1], &r->taxon[i]))
            continue;
        rd_json_object(j);
        rd_json_ktext(j, "name", r->taxon[i].list);
        rd_json_kint(j, "index", (int64_t)list++);
        rd_json_end(j);
    }
    rd_json_end(j);
}

void rd_sarif_put_taxonomies(struct rd_json *j, const struct rd_sarif_rules *r)
{
    rd_json_karray(j, "taxonomies");
    for (size_t i = 0; i < r->n_taxa; i++) {
        const struct rd_sarif_taxon *t = &r->taxon[i];

        if (!i || !same_list(&r->taxon[i - 1], t)) {
            rd_json_object(j);
            rd_json_ktext(j, "name", t->list);
            if (*t->edition)
                rd_json_ktext(j, "version", t->edition);
            rd_json_karray(j, "taxa");
        }
        rd_json_object(j);
        rd_json_ktext(j, "id", t->id);
        if (t->title)
            put_message(j, "shortDescription", t->title);
        rd_json_end(j);
        if (i + 1 == r->n_taxa || !same_list(t, &r->taxon[i + 1])) {
            rd_json_end(j);
            rd_json_end(j);
        }
    }
    rd_json_end(j);
}
