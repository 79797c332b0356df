/*
 * expected.c - what an expert expects of a control on a scenario that nobody tried
 * (docs/roadmap.md). An assumption: of an active control it is part of what the expert says about
 * the system; of a proposed one it counts only when asked, and is labeled.
 *
 *   S = S_without + coverage x uptime x (S_with - S_without)
 *
 * Expectations of several controls do not add, as measured effects do not: the best single one
 * counts.
 */
#include "base/text.h"
#include "risk/model.h"

#include <math.h>

static double cover_of(const struct rd_control *c)
{
    return c->coverage * c->uptime; /* both are shares, system/read.c */
}

static double mean_of(const struct rd_risk_model *m, int input)
{
    return rd_range_mean(&m->inputs.item[input].dist);
}

/* Of the active controls the one that leaves least, by the means. */
static void take_active(
    struct rd_risk_model *m, struct rd_risk_plan *p, const struct rd_control *c, int input)
{
    struct rd_risk_view *v = &p->base;
    const double without = mean_of(m, p->stronger);
    const double now = v->word ? v->p_word * (mean_of(m, v->word - 1) - without) : 0;
    const double change = cover_of(c) * (mean_of(m, input) - without);

    if (v->word && change >= now)
        return;
    v->word = input + 1;
    v->p_word = cover_of(c);
}

static rd_status add_one(
    struct rd_risk_model *m, const struct rd_control *c, const struct rd_expects *e, int *input)
{
    struct rd_risk_plan *p = &m->plan[e->scenario];
    char id[80], scenario[80];
    const char *key;
    rd_status st;

    (void)rd_text_safe_in(id, sizeof id, c->id);
    (void)rd_text_safe_in(scenario, sizeof scenario, p->scenario->id);
    if (!p->expert && (!p->unquantified || p->unpriced))
        rd_risk_warn(m,
            "control '%s': scenario '%s' was tried, so what is expected of it is not used", id,
            scenario);
    if (!p->expert || (p->unquantified && !p->unpriced))
        return RD_OK;
    key = rd_risk_name(m, "expects", p->scenario->id);
    st = rd_risk_input_add(&m->inputs, rd_risk_name(m, c->id, key), "probability", "susceptibility",
        &e->susceptibility, input);
    if (!st && c->state == RD_CONTROL_ACTIVE)
        take_active(m, p, c, *input);
    if (!st && c->state == RD_CONTROL_ACTIVE)
        rd_risk_warn(m,
            "scenario '%s': with control '%s' in place its susceptibility is what was expected of "
            "it, not a measurement",
            scenario, id);
    return st;
}

rd_status rd_risk_expect_all(struct rd_risk_model *m)
{
    const struct rd_system *s = m->system;

    m->expected = RD_NEW_ARRAY(m->arena, int *, s->n_controls + 1);
    if (!m->expected)
        return rd_run_no_memory(m->run, "the controls");
    for (size_t i = 0; i < s->n_controls; i++) {
        const struct rd_control *c = &s->controls[i];
        int *input;

        if (!c->n_expects || c->state == RD_CONTROL_RETIRED ||
            (c->state == RD_CONTROL_PROPOSED && !m->include_expected))
            continue;
        input = RD_NEW_ARRAY(m->arena, int, c->n_expects);
        if (!input)
            return rd_run_no_memory(m->run, "the controls");
        for (size_t k = 0; k < c->n_expects; k++) {
            rd_status st;

            input[k] = NO_INPUT;
            st = add_one(m, c, &c->expects[k], &input[k]);
            if (st)
                return RD_WRAP(m->run->err, st, "what is expected of control '%s' (line %d)", c->id,
                    c->expects[k].at.line);
            if (input[k] != NO_INPUT)
                m->expected[i] = input;
        }
    }
    return RD_OK;
}

bool rd_risk_expect_view(const struct rd_risk_model *m, const struct rd_risk_plan *p, int control,
    struct rd_risk_view *view)
{
    const struct rd_control *c = &m->system->controls[control];

    *view = p->base;
    for (size_t k = 0; m->expected[control] && k < c->n_expects; k++)
        if (c->expects[k].scenario == p->index && m->expected[control][k] != NO_INPUT &&
            c->state == RD_CONTROL_PROPOSED) {
            view->word_on = m->expected[control][k] + 1;
            view->p_word_on = cover_of(c);
            return true;
        }
    return false;
}
