/* finding.c - why a threat applies here, and what was measured or is advised to help. */
#include "report/finding.h"

#include <math.h>
#include <string.h>

enum { FACTS_MAX = 6 };

struct finder {
    struct rd_run *run;
    const struct rd_report *report;
    struct rd_arena *arena;
};

/* --- why --- */

/* "inference-api.exposure is internet, and the path from a to b is x -> b" */
static void put_facts(struct rd_buf *b, const struct rd_threat *t)
{
    const size_t n = t->n_facts > FACTS_MAX ? FACTS_MAX : t->n_facts;

    for (size_t i = 0; i < n; i++) {
        rd_buf_puts(b, !i ? "" : i + 1 == n ? ", and " : ", ");
        if (t->facts[i].said)
            rd_buf_puts(b, t->facts[i].said);
        else
            rd_buf_printf(b, "%s is %s", t->facts[i].what, t->facts[i].value);
    }
    if (t->n_facts > n)
        rd_buf_printf(b, " (and %zu more facts)", t->n_facts - n);
}

static void put_words(struct rd_buf *b, const char *const *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rd_buf_printf(b, "%s%s", !i ? "" : i + 1 == n ? " and " : ", ", word[i]);
}

static void put_why(struct rd_buf *b, const struct rd_threat *t)
{
    rd_buf_puts(b, t->rule->why);
    switch (t->applicability) {
    case RD_APPLIES_YES:
        rd_buf_puts(b, t->n_facts ? " It applies here because " : " It applies here");
        put_facts(b, t);
        break;
    case RD_APPLIES_UNKNOWN:
        rd_buf_puts(b, " Whether it applies here is not known, since nobody has said ");
        put_words(b, t->missing, t->n_missing);
        rd_buf_puts(b, t->n_facts ? "; what is known: " : "");
        put_facts(b, t);
        break;
    case RD_APPLIES_MITIGATED:
        rd_buf_printf(b, " It would apply here, but the active control '%s' is taken to remove it",
            t->mitigated_by ? t->mitigated_by : "?");
        rd_buf_puts(b, t->n_facts ? ": " : "");
        put_facts(b, t);
        break;
    case RD_APPLIES_NO:
        rd_buf_puts(b, " It does not apply here: ");
        put_facts(b, t);
        break;
    }
    rd_buf_putc(b, '.');
}

/* --- fix --- */

/* The test that the threat's state rests on has these re-tests; others of the threat count too. */
static bool is_of(const struct rd_tested *t, const struct rd_threat *threat)
{
    return t->record && t->test->threat == threat;
}

static size_t count_retests(const struct rd_campaign *c, const struct rd_threat *threat)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_tested; i++)
        n += is_of(&c->tested[i], threat) ? c->tested[i].n_retests : 0;
    return n;
}

/* Controls that helped, or those that did not, in words. */
static bool put_measured(
    struct finder *f, const struct rd_threat *threat, bool helped, const char **fix, size_t *n)
{
    const struct rd_campaign *c = f->report->campaign;

    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; is_of(&c->tested[i], threat) && k < c->tested[i].n_retests; k++) {
            const struct rd_retest *r = &c->tested[i].retests[k];
            const struct rd_control *control = &c->system->controls[r->control];
            const char *sentence, *lead;

            if (rd_retest_helps(r) != helped || !r->worse)
                continue;
            lead = !helped                               ? "Measured here, no help: "
                   : control->state == RD_CONTROL_ACTIVE ? "Keep it on; measured here: "
                                                         : "Switch it on; measured here: ";
            sentence = rd_report_control_sentence(f->report, &c->tested[i], r, f->arena);
            fix[*n] = sentence ? rd_arena_printf(f->arena, "%s%s", lead, sentence) : NULL;
            if (!fix[(*n)++])
                return false;
        }
    return true;
}

static rd_status make_fix(struct finder *f, const struct rd_threat *t, struct rd_finding *out)
{
    const struct rd_rule *rule = t->rule;
    const char **fix = RD_NEW_ARRAY(f->arena, const char *,
        count_retests(f->report->campaign, t) + rule->n_mitigations + t->n_missing + 1);
    size_t n = 0;

    if (!fix || !put_measured(f, t, true, fix, &n))
        return rd_run_no_memory(f->run, "a finding");
    for (size_t i = 0; i < t->n_missing; i++) {
        fix[n] = rd_arena_printf(
            f->arena, "Say what %s is: it decides whether this applies at all.", t->missing[i]);
        if (!fix[n++])
            return rd_run_no_memory(f->run, "a finding");
    }
    for (size_t i = 0; i < rule->n_mitigations; i++)
        fix[n++] = rule->mitigations[i];
    if (!put_measured(f, t, false, fix, &n))
        return rd_run_no_memory(f->run, "a finding");
    out->fix = fix;
    out->n_fix = n;
    return RD_OK;
}

rd_status rd_finding_make(struct rd_run *run, const struct rd_report *report, size_t threat,
    struct rd_arena *arena, struct rd_finding *finding_out)
{
    struct finder f = { run, report, arena };
    const struct rd_campaign *c = report->campaign;
    const struct rd_threat *t = &c->threats->item[threat];
    const int at = c->states[threat].tested;
    struct rd_finding found = { .impact = t->rule->impact };
    struct rd_buf b = { 0 };
    rd_status st = RD_OK;

    if (at != RD_NONE) {
        found.tested = &c->tested[at];
        found.evidence = c->tested[at].key[0] ? c->tested[at].key : NULL;
    }
    put_why(&b, t);
    found.why = b.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&b));
    if (!found.why)
        st = rd_run_no_memory(run, "a finding");
    rd_buf_release(&b);
    if (!st)
        st = make_fix(&f, t, &found);
    if (!st)
        st = rd_finding_check(run, c->system, report->seed, t, found.tested, arena, &found.check,
            &found.check_reason);
    if (!st)
        *finding_out = found;
    return st;
}
