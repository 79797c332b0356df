/*
 * roadmap_confirm.c - the chosen set, run as a combination: a copy of the system with its controls
 * active, the same tests through the same store, the same random numbers.
 *
 * Only what the set needs is run: controls that were not chosen are left out of the copy, so that
 * nobody re-tests them on top of it.
 */
#include "risk/roadmap.h"

#include "base/text.h"

#include <string.h>

struct confirm {
    struct rd_run *run;
    const struct rd_campaign *before;
    struct rd_arena *arena;
    struct rd_roadmap *roadmap;
    struct rd_system system; /* the copy */
    struct rd_threats threats;
    struct rd_campaign campaign;
};

/* include_expected false: what an expert expects of what was chosen is no part of the
 * combination, as it was no part of the choice. */
static rd_status copy_system(struct confirm *c)
{
    const struct rd_system *s = c->before->system;
    struct rd_control *controls = RD_NEW_ARRAY(c->arena, struct rd_control, s->n_controls + 1);

    if (!controls)
        return rd_run_no_memory(c->run, "the combination");
    memcpy(controls, s->controls, s->n_controls * sizeof *controls);
    for (size_t i = 0; i < s->n_controls; i++)
        if (controls[i].state == RD_CONTROL_PROPOSED)
            controls[i].state = RD_CONTROL_RETIRED;
    for (size_t i = 0; i < c->roadmap->n_steps; i++) {
        controls[c->roadmap->steps[i].control].state = RD_CONTROL_ACTIVE;
        if (!c->roadmap->include_expected)
            controls[c->roadmap->steps[i].control].n_expects = 0;
    }
    c->system = *s;
    c->system.controls = controls;
    return RD_OK;
}

static const struct rd_tested *find_test(const struct rd_campaign *c, const char *id, size_t at)
{
    if (at < c->n_tested && !strcmp(c->tested[at].test->id, id))
        return &c->tested[at];
    for (size_t i = 0; i < c->n_tested; i++)
        if (!strcmp(c->tested[i].test->id, id))
            return &c->tested[i];
    return NULL;
}

static bool has_retest(const struct rd_tested *t, int control)
{
    for (size_t i = 0; i < t->n_retests; i++)
        if (t->retests[i].control == control)
            return true;
    return false;
}

/* What was tried alone and not together: then only a part of the combination is known. */
static const char *missing(const struct confirm *c)
{
    for (size_t i = 0; i < c->before->n_tested; i++) {
        const struct rd_tested *before = &c->before->tested[i];
        const struct rd_tested *after = find_test(&c->campaign, before->test->id, i);

        if (!before->record || !after)
            continue; /* a threat that the set removes has no test any more */
        if (!after->record)
            return before->test->id;
        for (size_t k = 0; k < before->n_retests; k++) {
            const int control = before->retests[k].control;

            if (c->system.controls[control].state == RD_CONTROL_ACTIVE &&
                !has_retest(after, control))
                return before->test->id;
        }
    }
    return NULL;
}

/* Controls that cannot stand together are a result, not a failure of the whole assessment. */
static rd_status cannot_combine(struct confirm *c, rd_status st)
{
    struct rd_error *err = c->run->err;
    char safe[300];

    if (!err || (st != RD_E_INPUT && st != RD_E_USAGE && st != RD_E_NOTFOUND))
        return st;
    c->roadmap->combined_reason =
        rd_arena_printf(c->arena, "the set cannot be run as a combination: %s",
            rd_text_safe_in(safe, sizeof safe, err->frame[0].text));
    *err = (struct rd_error){ 0 };
    return c->roadmap->combined_reason ? RD_OK : rd_run_no_memory(c->run, "the combination");
}

static rd_status put_money(struct confirm *c, const struct rd_risk_options *options)
{
    struct rd_risk_options alone = options ? *options : (struct rd_risk_options){ 0 };
    struct rd_risk_result *result = RD_NEW(c->arena, struct rd_risk_result);
    rd_status st;

    if (!result)
        return rd_run_no_memory(c->run, "the combination");
    alone.roadmap = NULL;
    alone.total_only = true;
    st = rd_risk_simulate(c->run, &c->campaign, &alone, c->arena, result);
    if (!st)
        c->roadmap->combined = &result->total;
    return st;
}

rd_status rd_roadmap_confirm(struct rd_run *run, const struct rd_rules *rules,
    const struct rd_campaign *campaign, const struct rd_campaign_options *how,
    const struct rd_risk_options *options, const struct rd_risk_result *risk,
    struct rd_arena *arena, struct rd_roadmap *roadmap)
{
    struct confirm *c = RD_NEW(arena, struct confirm);
    const char *lost;
    char safe[200];
    rd_status st;

    roadmap->combined = NULL;
    roadmap->combined_reason = NULL;
    if (!roadmap->n_steps) {
        roadmap->combined = &risk->total;
        return RD_OK;
    }
    if (!c)
        return rd_run_no_memory(run, "the combination");
    *c = (struct confirm){ .run = run, .before = campaign, .arena = arena, .roadmap = roadmap };
    st = copy_system(c);
    if (!st)
        st = rd_threats_derive(rules, &c->system, arena, &c->threats, run->err);
    if (!st)
        st = rd_campaign_run(run, &c->system, &c->threats, how, arena, &c->campaign);
    if (st)
        return cannot_combine(c, st);
    lost = missing(c);
    if (lost) {
        roadmap->combined_reason = rd_arena_printf(arena,
            how->stored_only ? "the combination is not in the store (test '%s'): run redoubt "
                               "roadmap or redoubt assess"
                             : "the combination could not be tried (test '%s')",
            rd_text_safe_in(safe, sizeof safe, lost));
        return roadmap->combined_reason ? RD_OK : rd_run_no_memory(run, "the combination");
    }
    st = put_money(c, options);
    return st ? RD_WRAP(run->err, st, "the set of the roadmap as a combination") : RD_OK;
}
