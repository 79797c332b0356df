/* sarif.c - see sarif.h: the run, its results, what people decided. sarif_rules.c has the rules. */
#include "report/sarif.h"

#include "base/digest.h"
#include "base/text.h"
#include "report/finding.h"
#include "report/sarif_rules.h"
#include "report/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FACTS_MAX = 8, NAME_MAX_BYTES = 160 };

struct work {
    struct rd_run *run;
    const struct rd_report *report;
    const struct rd_system *system;
    struct rd_json *j;
    struct rd_arena *arena;
    struct rd_sarif_rules rules;
    const char *uri;
};

void rd_sarif_text(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };

    rd_text_safe(&safe, text, strlen(text));
    for (const char *p = rd_buf_text(&safe); *p; p++) {
        if (strchr("[]\\", *p))
            rd_buf_putc(out, '\\');
        if (strchr("{}", *p))
            rd_buf_putc(out, *p);
        rd_buf_putc(out, *p);
    }
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

void rd_sarif_ktext(struct rd_json *j, const char *key, const char *text)
{
    struct rd_buf safe = { 0 };

    if (text)
        rd_text_safe(&safe, text, strlen(text));
    rd_json_ktext(j, key, text ? rd_buf_text(&safe) : NULL);
    j->out->failed = j->out->failed || safe.failed;
    rd_buf_release(&safe);
}

/* --- kind and level --- */

static const char *kind_of(const struct rd_threat *t, enum rd_status_of_threat status)
{
    if (t->applicability == RD_APPLIES_MITIGATED || t->applicability == RD_APPLIES_NO)
        return "pass";
    switch (status) {
    case RD_THREAT_DEMONSTRATED:
        return "fail";
    case RD_THREAT_INCONCLUSIVE:
        return "review";
    case RD_THREAT_NOT_DEMONSTRATED:
    case RD_THREAT_CONTROLLED:
        return "pass";
    case RD_THREAT_UNTRIED:
        break;
    }
    return t->applicability == RD_APPLIES_UNKNOWN ? "review"
           : t->rule->n_proved_by                 ? "open"
                                                  : "fail";
}

static const char *level_of(const char *kind, enum rd_severity s)
{
    return strcmp(kind, "fail") != 0 ? "none"
           : s >= RD_SEVERITY_HIGH   ? "error"
           : s == RD_SEVERITY_MEDIUM ? "warning"
                                     : "note";
}

/* --- a result --- */

static const char *place_name(const struct rd_system *s, const struct rd_threat *t)
{
    return t->element != RD_NONE ? s->elements[t->element].name
           : t->flow != RD_NONE  ? s->flows[t->flow].name
                                 : "the system";
}

/* At most NAME_MAX_BYTES with the NUL, whole characters, "..." where something is missing. */
static void cut(char out[NAME_MAX_BYTES], const char *text)
{
    size_t keep = strlen(text);
    const bool whole = keep < NAME_MAX_BYTES;

    if (!whole)
        for (keep = NAME_MAX_BYTES - 4; keep && ((unsigned char)text[keep] & 0xc0) == 0x80;)
            keep--;
    (void)snprintf(out, NAME_MAX_BYTES, "%.*s%s", (int)keep, text, whole ? "" : "...");
}

static void put_location(struct work *w, struct rd_place at)
{
    rd_json_kobject(w->j, "physicalLocation");
    rd_json_kobject(w->j, "artifactLocation");
    rd_json_ktext(w->j, "uri", w->uri);
    rd_json_kint(w->j, "index", 0);
    rd_json_end(w->j);
    rd_json_kobject(w->j, "region");
    rd_json_kint(w->j, "startLine", at.line);
    rd_json_kint(w->j, "startColumn", at.column);
    rd_json_end(w->j);
    rd_json_end(w->j);
}

static void put_element(struct work *w, const struct rd_threat *t)
{
    const struct rd_system *s = w->system;

    rd_json_karray(w->j, "locations");
    rd_json_object(w->j);
    put_location(w, rd_source_place(s, t));
    if (t->element != RD_NONE || t->flow != RD_NONE) {
        rd_json_karray(w->j, "logicalLocations");
        rd_json_object(w->j);
        rd_json_ktext(w->j, "fullyQualifiedName",
            t->element != RD_NONE ? s->elements[t->element].id : s->flows[t->flow].id);
        rd_sarif_ktext(w->j, "name", place_name(s, t));
        rd_json_ktext(w->j, "kind", t->element != RD_NONE ? "element" : "flow");
        rd_json_end(w->j);
        rd_json_end(w->j);
    }
    rd_json_end(w->j);
    rd_json_end(w->j);
}

/* What decided, or would: properties of the file, with their places. */
struct decider {
    const char *what, *value;
    struct rd_place at;
};

static size_t find_deciders(
    const struct rd_system *s, const struct rd_threat *t, struct decider out[FACTS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_facts && n < FACTS_MAX; i++) {
        out[n] = (struct decider){ .what = t->facts[i].what, .value = t->facts[i].value };
        if (rd_source_fact(s, out[n].what, &out[n].at))
            n++;
    }
    for (size_t i = 0; i < t->n_missing && n < FACTS_MAX; i++) {
        bool said = false;

        for (size_t k = 0; k < n; k++)
            said = said || !strcmp(out[k].what, t->missing[i]);
        out[n] = (struct decider){ .what = t->missing[i], .value = "unknown" };
        if (!said && rd_source_fact(s, out[n].what, &out[n].at))
            n++;
    }
    return n;
}

static void put_related(struct work *w, const struct decider *d, size_t n)
{
    if (!n)
        return;
    rd_json_karray(w->j, "relatedLocations");
    for (size_t i = 0; i < n; i++) {
        struct rd_buf text = { 0 };

        rd_sarif_text(&text, d[i].what);
        rd_buf_puts(&text, " is ");
        rd_sarif_text(&text, d[i].value);
        rd_json_object(w->j);
        rd_json_kint(w->j, "id", (int64_t)i);
        put_location(w, d[i].at);
        rd_json_kobject(w->j, "message");
        rd_json_ktext(w->j, "text", rd_buf_text(&text));
        rd_json_end(w->j);
        rd_json_end(w->j);
        w->j->out->failed = w->j->out->failed || text.failed;
        rd_buf_release(&text);
    }
    rd_json_end(w->j);
}

static void put_state(struct rd_buf *b, const struct rd_threat *t,
    const struct rd_threat_state *state, const struct rd_finding *f)
{
    const char *name = rd_threat_status_name(state->status);
    const char *text = state->text ? state->text : state->reason ? state->reason : "";
    const size_t len = strlen(name);

    /* The text of an untried threat begins with that word already. */
    if (strncmp(text, name, len) != 0)
        rd_buf_printf(b, "%s%s", name, *text ? ": " : "");
    rd_sarif_text(b, text);
    if (f->evidence)
        rd_buf_printf(b, " (evidence %.*s)", RD_EVIDENCE_SHORT, f->evidence);
    rd_buf_puts(b, ". ");
    if (t->applicability == RD_APPLIES_UNKNOWN)
        rd_buf_puts(b, "Whether it applies is not known. ");
}

static void put_sentence(struct rd_buf *b, const char *head, const char *text)
{
    if (!text || !*text)
        return;
    rd_buf_puts(b, head);
    rd_sarif_text(b, text);
    rd_buf_putc(b, ' ');
}

static void put_message(struct work *w, const struct rd_threat *t,
    const struct rd_threat_state *state, const struct rd_finding *f, const struct decider *d,
    size_t n)
{
    char name[NAME_MAX_BYTES];
    struct rd_buf b = { 0 };

    rd_sarif_text(&b, t->rule->title);
    rd_buf_puts(&b, " at '");
    /* Cut while it is raw: what is made safe here must not be made safe again. */
    cut(name, place_name(w->system, t));
    rd_sarif_text(&b, name);
    rd_buf_puts(&b, "': ");
    put_state(&b, t, state, f);
    for (size_t i = 0; i < n; i++) {
        rd_buf_puts(&b, i ? ", [" : "Decided by [");
        rd_sarif_text(&b, d[i].what);
        rd_buf_printf(&b, "](%zu) (", i);
        rd_sarif_text(&b, d[i].value);
        rd_buf_putc(&b, ')');
    }
    if (n)
        rd_buf_puts(&b, ". ");
    put_sentence(&b, "", f->impact);
    put_sentence(&b, "Fix: ", f->n_fix ? f->fix[0] : NULL);
    put_sentence(&b, "Check it yourself: ", f->check);
    if (b.len && b.text[b.len - 1] == ' ')
        b.text[b.len - 1] = '\0';
    rd_json_kobject(w->j, "message");
    rd_json_ktext(w->j, "text", rd_buf_text(&b));
    rd_json_end(w->j);
    w->j->out->failed = w->j->out->failed || b.failed;
    rd_buf_release(&b);
}

/* Text of the arena: its lack is no null in the document. */
static const char *must(struct work *w, const char *text)
{
    w->j->out->failed = w->j->out->failed || !text;
    return text;
}

/* accepted, false-positive: said in the file itself. */
static void put_suppressions(struct work *w, const struct rd_decision *d)
{
    if (!d)
        return;
    rd_json_karray(w->j, "suppressions");
    rd_json_object(w->j);
    rd_json_ktext(w->j, "kind", "inSource");
    rd_json_ktext(w->j, "status", "accepted");
    rd_sarif_ktext(w->j, "justification",
        must(w, rd_arena_printf(w->arena, "%s by %s%s%s: %s%s%s", d->decision, d->by ? d->by : "?",
                    d->until ? " until " : "", d->until ? d->until : "", d->why ? d->why : "",
                    d->ticket ? ", " : "", d->ticket ? d->ticket : "")));
    rd_json_kobject(w->j, "location");
    put_location(w,
        (struct rd_place){ d->at.line > 0 ? d->at.line : 1, d->at.column > 0 ? d->at.column : 1 });
    rd_json_end(w->j);
    rd_json_end(w->j);
    rd_json_end(w->j);
}

/* Expected loss of the scenarios on this threat, as a share of the whole; NaN: no money on it. */
static double ale_share(const struct rd_report *report, const struct rd_threat *t)
{
    const struct rd_risk_result *r = report->risk;
    double sum = 0;
    bool any = false;

    for (size_t i = 0; r && i < r->n_scenarios; i++) {
        const struct rd_risk_scenario *s = &r->scenarios[i];

        if (s->unquantified || isnan(s->share) ||
            strcmp(report->campaign->system->scenarios[s->index].threat, t->id) != 0)
            continue;
        sum += s->share;
        any = true;
    }
    return any ? sum : (double)NAN;
}

static void put_properties(struct work *w, const struct rd_threat *t,
    const struct rd_threat_state *state, const struct rd_finding *f)
{
    rd_json_kobject(w->j, "properties");
    rd_json_ktext(w->j, "threat", t->id);
    rd_json_ktext(w->j, "status", rd_threat_status_name(state->status));
    rd_json_ktext(w->j, "applicability", rd_applicability_name(t->applicability));
    rd_json_ktext(w->j, "severity", rd_severity_name(t->severity));
    rd_json_ktext(w->j, "security-severity", rd_sarif_security_severity(t->severity));
    rd_json_ktext(w->j, "decision", t->decision ? t->decision->decision : NULL);
    rd_json_ktext(w->j, "evidence", f->evidence);
    rd_sarif_ktext(w->j, "check", f->check);
    rd_json_kreal(w->j, "ale_share", ale_share(w->report, t));
    rd_json_end(w->j);
}

/* The threat's own id; and once more under the only name that GitHub reads, in its form. */
static rd_status put_fingerprints(struct work *w, const struct rd_threat *t)
{
    char hex[RD_DIGEST_HEX];
    const rd_status st = rd_digest_bytes(t->id, strlen(t->id), hex, w->run->err);

    if (st)
        return st;
    rd_json_kobject(w->j, "partialFingerprints");
    rd_json_ktext(w->j, "threat", t->id);
    rd_json_ktext(
        w->j, "primaryLocationLineHash", must(w, rd_arena_printf(w->arena, "%.16s:1", hex)));
    rd_json_end(w->j);
    return RD_OK;
}

static rd_status put_result(struct work *w, size_t i, const char *kind)
{
    const struct rd_threat *t = &w->report->campaign->threats->item[i];
    const struct rd_threat_state *state = &w->report->campaign->states[i];
    struct decider decider[FACTS_MAX];
    const size_t n = find_deciders(w->system, t, decider);
    struct rd_finding f;
    rd_status st = rd_finding_make(w->run, w->report, i, w->arena, &f);

    if (st)
        return st;
    rd_json_object(w->j);
    rd_json_ktext(w->j, "ruleId", t->rule->id);
    rd_json_kint(w->j, "ruleIndex", (int64_t)rd_sarif_rule_index(&w->rules, t->rule));
    rd_json_ktext(w->j, "kind", kind);
    rd_json_ktext(w->j, "level", level_of(kind, t->severity));
    put_message(w, t, state, &f, decider, n);
    put_element(w, t);
    put_related(w, decider, n);
    st = put_fingerprints(w, t);
    put_suppressions(w, t->decision);
    put_properties(w, t, state, &f);
    rd_json_end(w->j);
    return st;
}

/* --- the run --- */

static rd_status put_results(struct work *w)
{
    const struct rd_campaign *c = w->report->campaign;
    rd_status st = RD_OK;

    rd_json_karray(w->j, "results");
    for (size_t i = 0; !st && i < c->threats->n; i++) {
        const char *kind = kind_of(&c->threats->item[i], c->states[i].status);

        if (strcmp(kind, "pass") != 0)
            st = put_result(w, i, kind);
    }
    rd_json_end(w->j);
    return st;
}

static void put_passed(struct work *w)
{
    const struct rd_campaign *c = w->report->campaign;

    rd_json_kobject(w->j, "properties");
    rd_json_ku64(w->j, "seed", w->report->seed);
    rd_sarif_ktext(w->j, "system", w->system->name);
    rd_json_karray(w->j, "passed");
    for (size_t i = 0; i < c->threats->n; i++) {
        const struct rd_threat *t = &c->threats->item[i];
        const bool mitigated = t->applicability == RD_APPLIES_MITIGATED;

        if (strcmp(kind_of(t, c->states[i].status), "pass") != 0)
            continue;
        rd_json_object(w->j);
        rd_json_ktext(w->j, "threat", t->id);
        rd_json_ktext(
            w->j, "status", mitigated ? "mitigated" : rd_threat_status_name(c->states[i].status));
        rd_sarif_ktext(w->j, "text", mitigated ? t->mitigated_by : c->states[i].text);
        rd_json_end(w->j);
    }
    rd_json_end(w->j);
    rd_json_end(w->j);
}

static void put_tool(struct work *w)
{
    rd_json_kobject(w->j, "tool");
    rd_json_kobject(w->j, "driver");
    rd_json_ktext(w->j, "name", "redoubt");
    rd_json_ktext(w->j, "fullName", "Redoubt threat assessment of machine-learning systems");
    rd_json_ktext(w->j, "semanticVersion", RD_VERSION);
    rd_sarif_put_rules(w->j, &w->rules);
    rd_json_end(w->j);
    rd_json_end(w->j);
    rd_sarif_put_taxonomies(w->j, &w->rules);
}

static rd_status put_run(struct work *w)
{
    rd_status st;

    rd_json_object(w->j);
    put_tool(w);
    rd_json_kobject(w->j, "automationDetails");
    rd_json_ktext(w->j, "id", must(w, rd_arena_printf(w->arena, "redoubt/%s/", w->uri)));
    rd_json_end(w->j);
    rd_json_ktext(w->j, "columnKind", "unicodeCodePoints");
    rd_json_karray(w->j, "artifacts");
    rd_json_object(w->j);
    rd_json_kobject(w->j, "location");
    rd_json_ktext(w->j, "uri", w->uri);
    rd_json_end(w->j);
    rd_json_end(w->j);
    rd_json_end(w->j);
    rd_json_karray(w->j, "invocations");
    rd_json_object(w->j);
    rd_json_kbool(w->j, "executionSuccessful", true);
    rd_json_end(w->j);
    rd_json_end(w->j);
    st = put_results(w);
    put_passed(w);
    rd_json_end(w->j);
    return st;
}

static const char *uri_of(struct work *w)
{
    const char *file = rd_source_file(w->system, w->arena), *uri = NULL;
    struct rd_buf b = { 0 };

    if (file) {
        rd_source_uri(&b, file);
        uri = b.failed ? NULL : rd_arena_strdup(w->arena, rd_buf_text(&b));
    }
    rd_buf_release(&b);
    return uri;
}

rd_status rd_report_sarif(struct rd_run *run, const struct rd_report *report, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_json j = { .out = out };
    struct work w = {
        .run = run, .report = report, .system = report->campaign->system, .j = &j, .arena = &arena
    };
    rd_status st = RD_OK;

    w.uri = uri_of(&w);
    if (!w.uri || !rd_sarif_collect(report->campaign->threats, &arena, &w.rules))
        st = rd_run_no_memory(run, "findings.sarif");
    if (!st) {
        rd_json_object(&j);
        rd_json_ktext(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
        rd_json_ktext(&j, "version", "2.1.0");
        rd_json_karray(&j, "runs");
        st = put_run(&w);
    }
    if (!st) {
        rd_json_end(&j);
        rd_json_end(&j);
        rd_buf_putc(out, '\n');
        if (out->failed)
            st = rd_run_no_memory(run, "findings.sarif");
    }
    rd_json_release(&j);
    rd_arena_release(&arena);
    return st;
}
