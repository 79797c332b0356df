/* plan_inputs.c - the uncertain numbers that one scenario reads. */
#include "risk/model.h"

#include <math.h>
#include <string.h>

/*
 * P(action) = logistic(slope log(gain / cost)): 1/2 where gain equals cost. The slope is our own
 * judgement, not a measurement: with 1, a gain of ten times the cost is acted on in 10 of 11 cases.
 * docs/risk.md, "action".
 */
static const struct rd_uncertain action_slope = { .given = true,
    .low = 0.5,
    .high = 2,
    .provenance = RD_PROV_EXPERT,
    .by = "Redoubt, docs/risk.md",
    .date = "2026-11-24" };

const char *rd_risk_name(struct rd_risk_model *m, const char *id, const char *key)
{
    const char *name = rd_arena_printf(m->arena, "%s.%s", id, key);

    m->no_memory = m->no_memory || !name;
    return name ? name : "";
}

static rd_status add_assets(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    for (size_t i = 0; i < m->system->n_assets; i++) {
        const struct rd_asset *a = &m->system->assets[i];
        rd_status st;

        if (p->asset_input[i] == NO_INPUT)
            continue;
        if (!a->value.given) { /* it counts as 1: break-even.c looks for what it would have to be */
            p->asset_input[i] = NO_INPUT;
            p->no_money = rd_risk_say(m, "asset '%s' has no value", a->id);
            p->unpriced_asset = p->unpriced_assets++ ? RD_NONE : (int)i;
            continue;
        }
        st = rd_risk_input_add(
            &m->inputs, a->id, m->system->currency, "magnitude", &a->value, &p->asset_input[i]);
        if (st)
            return st;
    }
    return RD_OK;
}

static rd_status fit(struct rd_risk_model *m, const struct rd_uncertain *u, const char *name,
    struct rd_range_dist *out)
{
    const rd_status st = rd_range_fit(false, u->low, u->high, out, m->run->err);

    return st ? RD_WRAP(m->run->err, st, "'%s' (line %d)", name, u->at.line) : RD_OK;
}

static rd_status add_actor(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_actor *a = p->actor;
    const struct rd_uncertain keys = {
        .low = (double)a->keys, .high = (double)a->keys, .at = a->at
    };
    rd_status st = RD_OK;

    p->cost = (double)NAN;
    if (a->budget.given) {
        const char *name = rd_risk_name(m, a->id, "budget");

        st = fit(m, &a->budget, name, &p->budget);
        if (!st)
            st = rd_risk_number_add(&m->inputs, name, m->system->currency, "cost", &a->budget);
        p->has_budget = true;
        p->cost = rd_range_quantile(&p->budget, 0.5);
    }
    if (!st && a->days.given) {
        const char *name = rd_risk_name(m, a->id, "days");

        st = fit(m, &a->days, name, &p->days);
        if (!st)
            st = rd_risk_number_add(&m->inputs, name, "days", "susceptibility", &a->days);
        p->has_days = true;
    }
    if (!st && a->keys > 0)
        st = rd_risk_number_add(
            &m->inputs, rd_risk_name(m, a->id, "keys"), "keys", "susceptibility", &keys);
    if (!st && a->gain.given && p->cost > 0) {
        st = rd_risk_input_add(&m->inputs, rd_risk_name(m, a->id, "gain"), m->system->currency,
            "frequency", &a->gain, &p->gain);
        if (!st)
            st = rd_risk_input_add(
                &m->inputs, "action.slope", "1", "frequency", &action_slope, &p->slope);
    } else if (!st) {
        rd_risk_warn(m, "scenario '%s': actor '%s' declares no %s, so every attempt counts as made",
            p->scenario->id, a->id, a->gain.given ? "budget above 0" : "gain");
    }
    return st;
}

/* Campaigns that were counted: the only thing that counts may change is the rate of attempts. */
static rd_status observe(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    const char *name = rd_risk_name(m, s->id, "observed.detection");
    const struct rd_uncertain certain = { .low = 1, .high = 1 };
    const struct rd_uncertain *u = s->observed_detection.given ? &s->observed_detection : &certain;
    struct rd_range_dist seen;
    rd_status st = rd_range_fit(true, u->low, u->high, &seen, m->run->err);

    if (!st)
        st = rd_risk_number_add(&m->inputs, name, "probability", "frequency", u);
    if (st)
        return RD_WRAP(m->run->err, st, "'%s' (line %d)", name, s->at.line);
    if (isnan(s->observed_attempts))
        return RD_OK; /* losses alone: observed.c */
    p->attempts_prior = m->inputs.item[p->attempts].dist;
    p->updated = rd_range_mean(&seen) > 0 &&
                 rd_risk_input_observe(&m->inputs, p->attempts, s->observed_attempts,
                     s->observed_years, rd_range_mean(&seen));
    if (!p->updated)
        rd_risk_warn(m,
            "scenario '%s': attempts_per_year is %s, so the attempts that were observed change "
            "nothing",
            s->id, rd_range_mean(&seen) > 0 ? "a plain number, which is certain" : "never noticed");
    return RD_OK;
}

static rd_status add_one(struct rd_risk_model *m, const struct rd_risk_plan *p, const char *key,
    const char *unit, const char *role, const struct rd_uncertain *u, int *index_out)
{
    return rd_risk_input_add(
        &m->inputs, rd_risk_name(m, p->scenario->id, key), unit, role, u, index_out);
}

static rd_status add_dwell(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st = RD_OK;

    if (s->decisions_per_day.given)
        st = add_one(
            m, p, "decisions_per_day", "1/day", "magnitude", &s->decisions_per_day, &p->decisions);
    if (!st && s->dwell_days.given)
        st = add_one(m, p, "dwell_days", "days", "magnitude", &s->dwell_days, &p->days_in_use);
    return st;
}

/* How many samples get in, what they can touch, how long. */
static rd_status add_poison(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];
    struct rd_uncertain samples = s->samples;
    rd_status st;

    if (!samples.given && p->expert && !p->reads[RD_MEASURE_SAMPLES])
        return add_dwell(m, p);
    if (!samples.given) {
        samples = (struct rd_uncertain){ .at = s->at };
        samples.low = samples.high = p->actor->accounts > 0 ? (double)p->actor->accounts
                                     : e                    ? e->reach
                                                            : 0;
        rd_risk_warn(m, "scenario '%s' gives no samples: a campaign is taken to get in %.0f, %s",
            s->id, samples.low,
            p->actor->accounts > 0 ? "one for each account of the actor"
                                   : "as many as were tested");
    }
    if (e && samples.low > 1.5 * e->reach)
        rd_risk_warn(m,
            "scenario '%s': campaigns get in %.0f samples or more, poison was measured up to "
            "%.0f; beyond that it is taken to do no more",
            s->id, samples.low, e->reach);
    st = add_one(m, p, "samples", "samples", "susceptibility", &samples, &p->samples);
    return st ? st : add_dwell(m, p);
}

static rd_status add_infer(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    struct rd_uncertain prior = s->prior;
    rd_status st;

    if (!prior.given) {
        prior = (struct rd_uncertain){ .low = 0.5, .high = 0.5, .at = s->at };
        if (p->reads[RD_MEASURE_PPV] || p->reads[RD_MEASURE_DISCLOSED])
            rd_risk_warn(m,
                "scenario '%s' gives no prior: half of the candidates are taken to be members",
                s->id);
    }
    st = add_one(m, p, "prior", "probability", "magnitude", &prior, &p->prior);
    if (!st && s->candidates.given)
        st = add_one(m, p, "candidates", "records", "magnitude", &s->candidates, &p->candidates);
    return st;
}

rd_status rd_risk_plan_inputs(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st = rd_risk_input_add(&m->inputs, rd_risk_name(m, s->id, "attempts_per_year"),
        "1/year", "frequency", &s->attempts_per_year, &p->attempts);

    p->gain = p->slope = p->stronger = p->secondary_probability = NO_INPUT;
    p->samples = p->decisions = p->days_in_use = p->candidates = p->prior = NO_INPUT;
    if (!st && s->has_observed)
        st = observe(m, p);
    if (!st)
        st = add_assets(m, p);
    if (!st)
        st = add_actor(m, p);
    if (!st && p->kind == RD_POISON)
        st = add_poison(m, p);
    if (!st && p->kind == RD_INFER)
        st = add_infer(m, p);
    if (!st && p->expert)
        st = rd_risk_input_add(&m->inputs, rd_risk_name(m, s->id, "susceptibility"), "probability",
            "susceptibility", &s->susceptibility, &p->stronger);
    else if (!st && s->stronger.given)
        st = rd_risk_input_add(&m->inputs, rd_risk_name(m, s->id, "untried_stronger"),
            "probability", "susceptibility", &s->stronger, &p->stronger);
    if (!st && s->per_loss.given) {
        const char *name = rd_risk_name(m, s->id, "per_loss");

        p->has_per_loss = true;
        st = fit(m, &s->per_loss, name, &p->per_loss);
        if (!st)
            st = rd_risk_number_add(
                &m->inputs, name, m->system->currency, "magnitude", &s->per_loss);
    }
    if (!st && s->has_secondary) {
        const char *name = rd_risk_name(m, s->id, "secondary.magnitude");

        p->has_secondary = true;
        st = rd_risk_input_add(&m->inputs, rd_risk_name(m, s->id, "secondary.probability"),
            "probability", "magnitude", &s->secondary_probability, &p->secondary_probability);
        if (!st)
            st = fit(m, &s->secondary_magnitude, name, &p->secondary);
        if (!st)
            st = rd_risk_number_add(
                &m->inputs, name, m->system->currency, "magnitude", &s->secondary_magnitude);
    }
    return st;
}
