/* views.c - one scenario's evidence under one configuration of controls. */
#include "base/text.h"
#include "risk/model.h"

#include <math.h>
#include <string.h>

const struct rd_retest *rd_risk_retest(const struct rd_tested *t, int control)
{
    for (size_t i = 0; i < t->n_retests; i++)
        if (t->retests[i].control == control)
            return &t->retests[i];
    return NULL;
}

/*
 * Rows that one key may ask in a day under a control of kind quota. It acts by how many rows a
 * campaign gets (CONTRACTS: quota x keys x time); its re-run knows neither keys nor days, so that
 * only adds what a thief who knows the quota does better with few rows.
 */
static double quota_of(const struct rd_control *c, const struct rd_retest *r)
{
    const struct rd_option *rows =
        r && r->defense ? rd_option_find(r->defense->options, "rows") : NULL;
    const char *text = rows ? rows->preset : NULL;
    double v;

    if (strcmp(c->kind, "quota"))
        return (double)INFINITY;
    for (size_t i = 0; i < c->set.n; i++)
        if (!strcmp(c->set.item[i].name, "rows"))
            text = c->set.item[i].value;
    return text && rd_text_to_double(text, true, &v) && v >= 0 ? v : (double)INFINITY;
}

static double cover_of(const struct rd_control *c)
{
    const double cover = c->coverage * c->uptime;

    return cover > 0 ? (cover < 1 ? cover : 1) : 0; /* NaN: 0 */
}

/* One record for each candidate of a plan. */
struct choice {
    const struct rd_record *record[RD_RISK_CANDIDATES];
};

static rd_status build(struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct choice *c, const struct rd_risk_evidence **out)
{
    struct rd_risk_candidate candidate[RD_RISK_CANDIDATES];
    struct rd_risk_evidence *e = NULL;
    rd_status st;

    for (size_t i = 0; i < p->n_candidates; i++) {
        const struct rd_tested *t = &m->campaign->tested[p->candidate[i]];

        candidate[i] =
            (struct rd_risk_candidate){ c->record[i], t->test->attack->name, t->test->id, p->kind };
    }
    st = rd_risk_evidence_build(
        candidate, p->n_candidates, p->per_object, m->arena, &e, m->run->err);
    if (st)
        return RD_WRAP(m->run->err, st, "scenario '%s'", p->scenario->id);
    if (e->n && e->unit[e->n - 1] + 1 > m->weights)
        m->weights = e->unit[e->n - 1] + 1;
    *out = e;
    return RD_OK;
}

/* What can be done with few rows under a quota: the unhindered theft cut off, or the one that knows
 * the quota. */
static rd_status build_under_quota(struct rd_risk_model *m, const struct rd_risk_plan *p,
    const struct choice *free, const struct choice *held, const struct rd_risk_evidence **out)
{
    const struct rd_risk_evidence *a, *b;
    rd_status st = build(m, p, free, &a);

    if (!st)
        st = build(m, p, held, &b);
    return st ? st : rd_risk_evidence_better(a, b, m->arena, out, m->run->err);
}

static bool more_harmful(const struct rd_record *a, const struct rd_record *b)
{
    return a->interval.value > b->interval.value;
}

rd_status rd_risk_view_base(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    struct choice with, without, free;
    struct rd_risk_view *v = &p->base;
    size_t n_active = 0;
    rd_status st;

    *v = (struct rd_risk_view){ .p_base = 1,
        .quota = { (double)INFINITY, (double)INFINITY, (double)INFINITY } };
    for (size_t i = 0; i < p->n_candidates; i++)
        with.record[i] = without.record[i] = free.record[i] =
            m->campaign->tested[p->candidate[i]].record;
    for (size_t c = 0; c < m->system->n_controls; c++) {
        const struct rd_control *control = &m->system->controls[c];
        bool touches = false;

        for (size_t i = 0; i < p->n_candidates; i++) {
            const struct rd_retest *r =
                rd_risk_retest(&m->campaign->tested[p->candidate[i]], (int)c);
            double quota;

            if (control->state != RD_CONTROL_ACTIVE || !r || !r->without || !r->without->n_trials)
                continue;
            touches = true;
            quota = quota_of(control, r);
            if (quota < (double)INFINITY)
                free.record[i] = r->without;
            if (quota < v->quota[LAYER_BASE])
                v->quota[LAYER_BASE] = quota;
            /* The attack that knows an active control has been tried too. */
            if (r->worse && r->worse->n_trials && more_harmful(r->worse, with.record[i]))
                with.record[i] = r->worse;
            if (!more_harmful(without.record[i], r->without))
                without.record[i] = r->without;
        }
        n_active += touches;
        if (touches)
            v->p_base *= cover_of(control);
    }
    if (n_active > 1)
        rd_risk_warn(m,
            "scenario '%s': %zu active controls touch it; a campaign that slips past one is taken "
            "to "
            "meet the system without the one that matters most",
            p->scenario->id, n_active);
    if (v->quota[LAYER_BASE] < (double)INFINITY && p->kind == RD_EXTRACT)
        st = build_under_quota(m, p, &free, &with, &v->layer[LAYER_BASE]);
    else
        st = build(m, p, &with, &v->layer[LAYER_BASE]);
    if (!st && v->p_base < 1)
        st = build(m, p, &without, &v->layer[LAYER_WITHOUT]);
    return st;
}

rd_status rd_risk_view_with(struct rd_risk_model *m, const struct rd_risk_plan *p, int control,
    const char *test, struct rd_risk_view *view_out, bool *touched_out)
{
    const struct rd_control *c = &m->system->controls[control];
    const bool active = c->state == RD_CONTROL_ACTIVE;
    struct choice changed, free;
    struct rd_risk_view *v = view_out;
    double quota = (double)INFINITY;

    *v = p->base;
    *touched_out = false;
    if (p->expert) {
        *touched_out = !test && rd_risk_expect_view(m, p, control, v);
        return RD_OK;
    }
    for (size_t i = 0; i < p->n_candidates; i++) {
        const struct rd_tested *t = &m->campaign->tested[p->candidate[i]];
        const struct rd_retest *r = rd_risk_retest(t, control);
        const struct rd_record *other = r ? (active ? r->without : r->worse) : NULL;

        changed.record[i] = free.record[i] = t->record;
        if (!other || !other->n_trials || (test && strcmp(test, t->test->id)))
            continue;
        *touched_out = true;
        changed.record[i] = other;
        if (quota_of(c, r) < quota)
            quota = quota_of(c, r);
    }
    if (!*touched_out)
        return RD_OK;
    if (active) {
        v->p_base = 1;
        v->layer[LAYER_WITHOUT] = NULL;
        if (quota < (double)INFINITY)
            v->quota[LAYER_BASE] = (double)INFINITY;
        return build(m, p, &changed, &v->layer[LAYER_BASE]);
    }
    v->p_on = cover_of(c);
    v->quota[LAYER_ON] = quota < v->quota[LAYER_BASE] ? quota : v->quota[LAYER_BASE];
    if (quota < (double)INFINITY && p->kind == RD_EXTRACT)
        return build_under_quota(m, p, &free, &changed, &v->layer[LAYER_ON]);
    return build(m, p, &changed, &v->layer[LAYER_ON]);
}
