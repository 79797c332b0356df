/* junit.c - see junit.h. Written in two passes: the counts stand before the cases. */
#include "report/junit.h"

#include "base/text.h"
#include "report/finding.h"
#include "report/source.h"

#include <stdio.h>
#include <string.h>

enum verdict { PASSED, FAILED, SKIPPED, VERDICTS };

struct work {
    struct rd_run *run;
    const struct rd_report *report;
    const struct rd_campaign *campaign;
    struct rd_arena *arena;
    struct rd_buf cases;
    const char *file;
    size_t count[VERDICTS];
};

/* What one testcase says. */
struct testcase {
    size_t threat;
    const struct rd_tested *tested; /* NULL: no test was bound */
    enum verdict verdict;
    const char *type; /* "demonstrated", "untried", "accepted", ... */
    const char *text; /* one line */
};

static void put_attribute(struct rd_buf *b, const char *name, const char *value)
{
    rd_buf_printf(b, " %s=\"", name);
    rd_text_xml(b, value ? value : "");
    rd_buf_putc(b, '"');
}

static void put_line(struct rd_buf *b, const char *head, const char *text)
{
    if (!text || !*text)
        return;
    rd_buf_puts(b, head);
    rd_text_xml(b, text);
    rd_buf_putc(b, '\n');
}

static void put_property(struct rd_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    rd_buf_puts(b, "        <property");
    put_attribute(b, "name", name);
    put_attribute(b, "value", value);
    rd_buf_puts(b, "/>\n");
}

/* --- what became of it --- */

static void judge_record(const struct rd_record *r, struct testcase *c)
{
    c->type = rd_outcome_name(r->outcome);
    c->verdict = r->outcome == RD_OUTCOME_DEMONSTRATED       ? FAILED
                 : r->outcome == RD_OUTCOME_NOT_DEMONSTRATED ? PASSED
                                                             : SKIPPED;
    if (r->outcome_reason)
        c->text = r->outcome_reason;
}

static struct testcase judge(const struct work *w, size_t i, const struct rd_tested *tested)
{
    const struct rd_threat *t = &w->campaign->threats->item[i];
    const struct rd_threat_state *state = &w->campaign->states[i];
    struct testcase c = { .threat = i, .tested = tested, .verdict = SKIPPED };

    c.text = state->text ? state->text : state->reason ? state->reason : "";
    c.type = rd_threat_status_name(state->status);
    if (t->applicability == RD_APPLIES_MITIGATED) {
        c.verdict = PASSED;
        c.type = "mitigated";
        c.text = t->mitigated_by ? t->mitigated_by : "";
    } else if (tested && tested->record) {
        judge_record(tested->record, &c);
        /* What the threat's state says is about this test: more than its outcome. */
        if (state->tested != RD_NONE && &w->campaign->tested[state->tested] == tested)
            c.text = state->text;
        if (c.verdict == FAILED && state->status == RD_THREAT_CONTROLLED) {
            c.verdict = PASSED;
            c.type = "controlled";
        }
    } else if (tested) {
        c.type = "untried";
        c.text = tested->test->untried ? tested->test->untried : "untried";
    }
    if (t->decision && c.verdict != PASSED) {
        c.verdict = SKIPPED;
        c.type = t->decision->decision;
        c.text = rd_arena_printf(w->arena, "%s by %s: %s", t->decision->decision,
            t->decision->by ? t->decision->by : "?", t->decision->why ? t->decision->why : "");
    }
    return c;
}

/* --- a testcase --- */

static void put_details(struct rd_buf *b, const struct testcase *c, const struct rd_finding *f)
{
    put_line(b, "", c->text);
    put_line(b, "Why: ", f->why);
    put_line(b, "Impact: ", f->impact);
    for (size_t i = 0; i < f->n_fix; i++)
        put_line(b, "Fix: ", f->fix[i]);
    put_line(b, "Check it yourself: ", f->check);
}

static void put_verdict(struct rd_buf *b, const struct testcase *c, const struct rd_finding *f)
{
    static const char *const tag[VERDICTS] = { "system-out", "failure", "skipped" };

    rd_buf_printf(b, "      <%s", tag[c->verdict]);
    if (c->verdict != PASSED) {
        put_attribute(b, "type", c->type);
        put_attribute(b, "message", *c->text ? c->text : c->type);
    }
    rd_buf_puts(b, ">");
    put_details(b, c, f);
    rd_buf_printf(b, "</%s>\n", tag[c->verdict]);
}

static rd_status put_case(struct work *w, const struct testcase *c)
{
    const struct rd_threat *t = &w->campaign->threats->item[c->threat];
    const struct rd_place at = rd_source_place(w->campaign->system, t);
    struct rd_buf *b = &w->cases;
    struct rd_finding f;
    const rd_status st = rd_finding_make(w->run, w->report, c->threat, w->arena, &f);
    const char *class_name =
        rd_arena_printf(w->arena, "redoubt.%s.%s", t->rule->stage, t->rule->id);
    const char *name =
        c->tested ? rd_arena_printf(w->arena, "%s (%s)", t->id, c->tested->test->id) : t->id;
    char line[16];

    if (st)
        return st;
    if (!class_name || !name || !c->text)
        return rd_run_no_memory(w->run, "JUnit XML");
    w->count[c->verdict]++;
    (void)snprintf(line, sizeof line, "%d", at.line);
    rd_buf_puts(b, "    <testcase");
    put_attribute(b, "classname", class_name);
    put_attribute(b, "name", name);
    put_attribute(b, "file", w->file);
    put_attribute(b, "line", line);
    rd_buf_puts(b, " time=\"0\">\n      <properties>\n");
    put_property(b, "title", t->rule->title);
    put_property(b, "severity", rd_severity_name(t->severity));
    put_property(b, "applicability", rd_applicability_name(t->applicability));
    put_property(b, "status", c->type);
    put_property(b, "evidence", c->tested && c->tested->record ? c->tested->key : NULL);
    rd_buf_puts(b, "      </properties>\n");
    put_verdict(b, c, &f);
    rd_buf_puts(b, "    </testcase>\n");
    return RD_OK;
}

static rd_status put_threat(struct work *w, size_t i)
{
    const struct rd_threat *t = &w->campaign->threats->item[i];
    size_t tests = 0;
    rd_status st = RD_OK;

    for (size_t k = 0; !st && k < w->campaign->n_tested; k++) {
        const struct rd_tested *tested = &w->campaign->tested[k];

        if (strcmp(tested->test->threat->id, t->id) != 0)
            continue;
        tests++;
        const struct testcase c = judge(w, i, tested);
        st = put_case(w, &c);
    }
    if (!st && !tests) {
        const struct testcase c = judge(w, i, NULL);
        st = put_case(w, &c);
    }
    return st;
}

static void put_counts(struct rd_buf *b, const struct work *w)
{
    const size_t *n = w->count;

    rd_buf_printf(b, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"0\">\n",
        n[PASSED] + n[FAILED] + n[SKIPPED], n[FAILED], n[SKIPPED]);
}

rd_status rd_report_junit(struct rd_run *run, const struct rd_report *report, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct work w = { .run = run, .report = report, .campaign = report->campaign, .arena = &arena };
    rd_status st = RD_OK;

    w.file = rd_source_file(w.campaign->system, &arena);
    if (!w.file)
        st = rd_run_no_memory(run, "JUnit XML");
    for (size_t i = 0; !st && i < w.campaign->threats->n; i++)
        st = put_threat(&w, i);
    rd_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"redoubt\"");
    put_counts(out, &w);
    rd_buf_puts(out, "  <testsuite");
    put_attribute(out, "name", w.campaign->system->name);
    put_counts(out, &w);
    rd_buf_put(out, rd_buf_text(&w.cases), w.cases.len);
    rd_buf_puts(out, "  </testsuite>\n</testsuites>\n");
    if (!st && (out->failed || w.cases.failed))
        st = rd_run_no_memory(run, "JUnit XML");
    rd_buf_release(&w.cases);
    rd_arena_release(&arena);
    return st;
}
