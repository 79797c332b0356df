/*
 * result.c - `.result` of assess: what was found, and nothing about when, where or how long.
 */
#include "report/report.h"

#include "report/finding.h"
#include "report/stages.h"
#include "report/words.h"
#include "risk/roadmap.h"

#include <math.h>
#include <string.h>

static void put_list(struct rd_json *j, const char *key, const char *const *item, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, item[i]);
    rd_json_end(j);
}

static const char *threat_place(const struct rd_system *s, const struct rd_threat *t)
{
    return t->element != RD_NONE ? s->elements[t->element].id
           : t->flow != RD_NONE  ? s->flows[t->flow].id
                                 : "";
}

static void put_decision(struct rd_json *j, const struct rd_decision *d)
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

static void put_references(struct rd_json *j, const struct rd_rule *rule)
{
    rd_json_karray(j, "references");
    for (size_t i = 0; i < rule->n_references; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "list", rule->references[i].list);
        rd_json_ktext(j, "edition", rule->references[i].edition);
        rd_json_ktext(j, "id", rule->references[i].id);
        rd_json_ktext(j, "title", rule->references[i].title);
        rd_json_end(j);
    }
    rd_json_end(j);
    put_list(j, "cwe", rule->cwe, rule->n_cwe);
}

/* What a reader may do about it: report/finding.h. */
static rd_status put_finding(struct rd_run *run, struct rd_json *j, const struct rd_report *report,
    size_t threat, struct rd_arena *scratch)
{
    struct rd_finding f;
    rd_status st = rd_finding_make(run, report, threat, scratch, &f);

    if (st)
        return st;
    rd_json_ktext(j, "why", f.why);
    rd_json_ktext(j, "impact", f.impact);
    put_list(j, "fix", f.fix, f.n_fix);
    rd_json_ktext(j, "check", f.check);
    rd_json_ktext(j, "check_reason", f.check_reason);
    rd_json_ktext(j, "evidence", f.evidence);
    return RD_OK;
}

static rd_status put_threats(
    struct rd_run *run, struct rd_json *j, const struct rd_report *report, struct rd_arena *scratch)
{
    const struct rd_campaign *c = report->campaign;
    rd_status status = RD_OK;

    rd_json_karray(j, "threats");
    for (size_t i = 0; i < c->threats->n && !status; i++) {
        const struct rd_threat *t = &c->threats->item[i];
        const struct rd_threat_state *st = &c->states[i];

        rd_json_object(j);
        rd_json_ktext(j, "id", t->id);
        rd_json_ktext(j, "rule", t->rule->id);
        rd_json_ktext(j, "on", threat_place(c->system, t));
        rd_json_ktext(j, "title", t->rule->title);
        rd_json_ktext(j, "stage", t->rule->stage);
        rd_json_ktext(j, "stride", t->rule->stride);
        rd_json_ktext(j, "severity", rd_severity_name(t->severity));
        rd_json_ktext(j, "applicability", rd_applicability_name(t->applicability));
        rd_json_ktext(j, "status", rd_threat_status_name(st->status));
        rd_json_ktext(j, "text", st->text);
        rd_json_ktext(j, "reason", st->reason);
        put_list(j, "missing", t->missing, t->n_missing);
        rd_json_ktext(j, "mitigated_by", t->mitigated_by);
        put_decision(j, t->decision);
        rd_json_ktext(j, "test", st->tested == RD_NONE ? NULL : c->tested[st->tested].test->id);
        status = put_finding(run, j, report, i, scratch);
        put_references(j, t->rule);
        rd_json_end(j);
    }
    rd_json_end(j);
    return status;
}

static void put_access(struct rd_json *j, unsigned mask)
{
    static const char *const names[] = { "labels", "scores", "gradients", "text", "data", "files" };

    rd_json_karray(j, "access_words");
    for (unsigned i = 0; i < 6; i++)
        if (mask & 1u << i)
            rd_json_text(j, names[i]);
    rd_json_end(j);
}

int rd_report_recipe(const struct rd_bound_test *t)
{
    return t->attack && (t->attack->kind == RD_POISON || t->attack->kind == RD_INFER) ? t->recipe
                                                                                      : RD_NONE;
}

/* What victims were trained from: then a verdict speaks of it, not of deployed weights. */
static void put_recipe(struct rd_json *j, const struct rd_system *s, int recipe)
{
    rd_json_key(j, "recipe");
    if (recipe == RD_NONE) {
        rd_json_null(j);
        return;
    }
    rd_json_object(j);
    rd_json_ktext(j, "id", s->artifacts[recipe].id);
    rd_json_kbool(j, "assumed", s->artifacts[recipe].assumed == RD_YES);
    rd_json_end(j);
}

static void put_tests(struct rd_json *j, const struct rd_campaign *c)
{
    rd_json_karray(j, "tests");
    for (size_t i = 0; i < c->n_tested; i++) {
        const struct rd_tested *t = &c->tested[i];

        rd_json_object(j);
        rd_json_ktext(j, "id", t->test->id);
        rd_json_ktext(j, "reason", t->test->untried);
        rd_json_ktext(
            j, "kind", t->test->attack ? rd_attack_kind_name(t->test->attack->kind) : NULL);
        put_recipe(j, c->system, rd_report_recipe(t->test));
        if (t->record) {
            rd_record_write_members(t->record, j);
            put_access(j, t->record->access);
        } else { /* every key a reader relies on is there */
            rd_json_ktext(j, "threat", t->test->threat->id);
            rd_json_ktext(j, "attack", t->test->attack ? t->test->attack->name : NULL);
            rd_json_ktext(j, "outcome", NULL);
            put_list(j, "controls", NULL, 0);
        }
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_real_or_null(struct rd_json *j, const char *key, double v)
{
    rd_json_kreal(j, key, v); /* NaN is null */
}

static void put_band(struct rd_json *j, const char *key, const struct rd_band *b)
{
    rd_json_kobject(j, key);
    rd_json_kreal(j, "value", b->value);
    rd_json_kreal(j, "low", b->low);
    rd_json_kreal(j, "high", b->high);
    rd_json_end(j);
}

static void put_record(struct rd_json *j, const char *key, const struct rd_record *r)
{
    rd_json_key(j, key);
    if (r)
        rd_record_write_short(r, j);
    else
        rd_json_null(j);
}

static const char *state_name(enum rd_control_state s)
{
    return s == RD_CONTROL_ACTIVE ? "active" : s == RD_CONTROL_PROPOSED ? "proposed" : "retired";
}

static void put_effect(struct rd_json *j, const struct rd_retest *r)
{
    rd_json_kobject(j, "effect");
    rd_json_kreal(j, "before", r->before.value);
    rd_json_kreal(j, "after", r->after.value);
    rd_json_kreal(j, "value", r->effect.value);
    rd_json_kreal(j, "low", r->effect.low);
    rd_json_kreal(j, "high", r->effect.high);
    rd_json_ktext(j, "adaptive", r->adaptive);
    rd_json_ktext(j, "judged", r->worse ? r->worse->judged : NULL);
    rd_json_ktext(j, "reason", r->effect_reason);
    rd_json_end(j);
}

static bool put_control(struct rd_json *j, const struct rd_report *report,
    const struct rd_tested *t, const struct rd_retest *r, struct rd_arena *scratch)
{
    const struct rd_system *s = report->campaign->system;
    const struct rd_control *c = &s->controls[r->control];
    const struct rd_risk_effect *e =
        report->risk ? rd_risk_effect_find(report->risk, r->control, t->test->id) : NULL;
    const struct rd_band none = { NAN, NAN, NAN };
    const struct rd_aware *aware =
        r->aware && r->defense ? rd_defense_aware(r->defense, t->test->attack->name) : NULL;
    const char *sentence = rd_report_control_sentence(report, t, r, scratch);

    if (!sentence)
        return false;
    rd_json_object(j);
    rd_json_ktext(j, "id", c->id);
    rd_json_ktext(j, "test", t->test->id);
    rd_json_ktext(j, "kind", c->kind);
    rd_json_ktext(j, "at",
        c->at_element != RD_NONE ? s->elements[c->at_element].id
        : c->at_flow != RD_NONE  ? s->flows[c->at_flow].id
                                 : NULL);
    rd_json_ktext(j, "state", state_name(c->state));
    rd_json_ktext(j, "summary", r->defense ? r->defense->summary : NULL);
    rd_json_ktext(j, "sentence", sentence);
    put_effect(j, r);
    rd_json_ktext(j, "adaptive_why", aware ? aware->why : NULL);
    put_real_or_null(j, "ale_before", e ? e->before.value : NAN);
    put_real_or_null(j, "ale_after", e ? e->after.value : NAN);
    put_band(j, "ale_effect", e ? &e->difference : &none);
    rd_json_ktext(j, "ale_reason", e ? e->reason : "no scenario rests on this test");
    put_real_or_null(j, "utility_cost", r->utility_before - r->utility_after);
    rd_json_kobject(j, "cost_per_year");
    rd_json_kreal(j, "low", c->cost_per_year.given ? c->cost_per_year.low : NAN);
    rd_json_kreal(j, "high", c->cost_per_year.given ? c->cost_per_year.high : NAN);
    rd_json_end(j);
    put_record(j, "without", r->without);
    put_record(j, "plain", r->plain);
    put_record(j, "aware", r->aware == r->plain ? NULL : r->aware);
    rd_json_end(j);
    return true;
}

static bool put_controls(
    struct rd_json *j, const struct rd_report *report, struct rd_arena *scratch)
{
    const struct rd_campaign *c = report->campaign;

    rd_json_karray(j, "controls");
    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++)
            if (!put_control(j, report, &c->tested[i], &c->tested[i].retests[k], scratch))
                return false;
    rd_json_end(j);
    return true;
}

static void put_not_tried(struct rd_json *j, const struct rd_campaign *c)
{
    rd_json_karray(j, "not_tried");
    for (size_t i = 0; i < c->threats->n; i++) {
        const struct rd_threat *t = &c->threats->item[i];

        if (c->states[i].status != RD_THREAT_UNTRIED)
            continue;
        rd_json_object(j);
        rd_json_ktext(j, "threat", t->id);
        rd_json_ktext(j, "title", t->rule->title);
        rd_json_ktext(j, "severity", rd_severity_name(t->severity));
        rd_json_ktext(j, "reason", c->states[i].reason);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_system(struct rd_json *j, const struct rd_system *s)
{
    rd_json_kobject(j, "system");
    rd_json_ktext(j, "name", s->name);
    rd_json_ktext(j, "currency", s->currency);
    rd_json_kint(j, "elements", (int64_t)s->n_elements);
    rd_json_kint(j, "flows", (int64_t)s->n_flows);
    rd_json_kint(j, "boundaries", (int64_t)s->n_boundaries);
    rd_json_end(j);
}

rd_status rd_report_result(struct rd_run *run, const struct rd_report *report, struct rd_json *j)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    const char *const *sentence;
    struct rd_stages stages;
    size_t n = 0;
    rd_status st = rd_report_verdict(run, report, &scratch, &sentence, &n);

    if (!st)
        st = rd_report_stages(run, report, &scratch, &stages);
    if (!st) {
        rd_json_object(j);
        put_system(j, report->campaign->system);
        rd_json_ku64(j, "seed", report->seed);
        put_list(j, "verdict", sentence, n);
        st = put_threats(run, j, report, &scratch);
        put_tests(j, report->campaign);
        rd_json_key(j, "risk");
        if (report->risk)
            rd_risk_write(report->risk, j);
        else
            rd_json_null(j);
        if (!put_controls(j, report, &scratch) && !st)
            st = rd_run_no_memory(run, "the controls");
        put_not_tried(j, report->campaign);
        rd_report_write_stages(&stages, report->campaign->system, j);
        rd_json_key(j, "roadmap");
        rd_roadmap_write(report->risk ? report->risk->roadmap : NULL, report->campaign->system, j);
        rd_json_end(j);
    }
    rd_arena_release(&scratch);
    return st;
}
