/* plan.c - a scenario bound to evidence, or the reason why no money can be put on it. */
#include "base/text.h"
#include "risk/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
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

void rd_risk_warn(struct rd_risk_model *m, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < m->n_warnings; i++)
        if (m->warning[i] && !strcmp(m->warning[i], text))
            return;
    if (m->n_warnings < m->cap_warnings) {
        m->warning[m->n_warnings] = rd_arena_strdup(m->arena, text);
        if (m->warning[m->n_warnings])
            m->n_warnings++;
        else
            m->no_memory = true;
    }
}

static const char *say(struct rd_risk_model *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static const char *say(struct rd_risk_model *m, const char *fmt, ...)
{
    char text[400];
    char *copy;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    copy = rd_arena_strdup(m->arena, text);
    m->no_memory = m->no_memory || !copy;
    return copy ? copy : "";
}

/* --- which tests try the threat, as this actor could --- */

static const char *access_words(unsigned access)
{
    return access & RD_ACCESS_FILES       ? "the model file"
           : access & RD_ACCESS_GRADIENTS ? "gradients"
           : access & RD_ACCESS_SCORES    ? "scores"
           : access & RD_ACCESS_DATA      ? "the training data"
                                          : "labels";
}

/* What the attack had and the actor has not, in words; NULL: nothing. Gradients come with the file.
 */
static const char *excess(
    struct rd_risk_model *m, const struct rd_risk_plan *p, const struct rd_tested *t)
{
    const unsigned over = t->record->access & ~p->actor->access;
    const struct rd_actor *tester;

    if (over)
        return access_words(over);
    if (t->test->actor == RD_NONE || !strcmp(t->record->unit, "example"))
        return NULL;
    tester = &m->system->actors[t->test->actor];
    if (tester->data > p->actor->data)
        return tester->data == RD_DATA_VICTIM_LIKE ? "victim-like data" : "data of its own";
    return tester->labeled == RD_YES && p->actor->labeled != RD_YES ? "labels for its data" : NULL;
}

static const char *why_untried(struct rd_risk_model *m, const char *threat)
{
    const struct rd_threats *threats = m->campaign->threats;

    for (size_t i = 0; threats && i < threats->n; i++) {
        if (strcmp(threats->item[i].id, threat))
            continue;
        if (threats->item[i].mitigated_by)
            return say(m, "untried: mitigated by control '%s'", threats->item[i].mitigated_by);
        if (m->campaign->states && m->campaign->states[i].reason)
            return say(m, "untried: %s", m->campaign->states[i].reason);
        return "untried: no test is bound to this threat";
    }
    return "the threat does not apply to this system";
}

static const char *pick_candidates(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const char *untried = NULL, *lacking = NULL, *lacking_attack = "";
    size_t ours = 0, over = 0;
    size_t upper[RD_RISK_CANDIDATES];

    for (size_t i = 0; i < m->campaign->n_tested; i++) {
        const struct rd_tested *t = &m->campaign->tested[i];
        const char *more;

        if (!t->test->threat || strcmp(t->test->threat->id, p->scenario->threat))
            continue;
        if (!t->record || t->record->n_trials == 0) {
            untried = t->test->untried ? t->test->untried : "no trial was run";
            continue;
        }
        if (ours + over == RD_RISK_CANDIDATES)
            break;
        more = excess(m, p, t);
        if (more) {
            upper[over++] = i;
            lacking = more;
            lacking_attack = t->test->attack->name;
        } else {
            p->candidate[ours++] = i;
        }
    }
    if (ours == 0 && over && m->upper_bounds) {
        memcpy(p->candidate, upper, over * sizeof *upper);
        ours = over;
        p->upper_bound = true;
        rd_risk_warn(m,
            "scenario '%s': '%s' used %s, which actor '%s' does not hold: an upper bound",
            p->scenario->id, lacking_attack, lacking, p->actor->id);
    }
    p->n_candidates = ours;
    if (ours)
        return NULL;
    if (over)
        return say(m,
            "actor '%s' does not hold %s, which '%s' used: that result is an upper bound and was "
            "not asked for",
            p->actor->id, lacking, lacking_attack);
    return untried ? say(m, "untried: %s", untried) : why_untried(m, p->scenario->threat);
}

/* Kinds of attack are judged in different units: keep the kind of the first. */
static void keep_one_kind(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const enum rd_attack_kind kind = m->campaign->tested[p->candidate[0]].test->attack->kind;
    const char *judged = m->campaign->tested[p->candidate[0]].record->judged;
    size_t kept = 0;

    for (size_t i = 0; i < p->n_candidates; i++) {
        const struct rd_tested *t = &m->campaign->tested[p->candidate[i]];
        /* A backdoor's success and a flip's lost accuracy do not compete either. */
        const bool same = kind == RD_EVADE || kind == RD_EXTRACT || !judged || !t->record->judged ||
                          !strcmp(judged, t->record->judged);

        if (t->test->attack->kind == kind && same)
            p->candidate[kept++] = p->candidate[i];
    }
    p->n_candidates = kept;
    p->kind = m->campaign->tested[p->candidate[0]].test->attack->kind;
}

/* --- expressions --- */

struct reader {
    struct rd_risk_plan *p;
    struct rd_risk_model *m;
    bool is_magnitude, unknown;
    const char *unknown_name;
};

static bool is_count(enum rd_measure m)
{
    return m <= RD_MEASURE_QUERIES || m == RD_MEASURE_SAMPLES || m == RD_MEASURE_DAYS ||
           m == RD_MEASURE_DECISIONS || m == RD_MEASURE_DISCLOSED || m == RD_MEASURE_CANDIDATES;
}

static void read_name(void *user, const char *name, size_t slot)
{
    struct reader *r = user;
    const struct rd_scenario_word w = rd_scenario_word_at(r->p->names, slot);

    if (w.kind == RD_WORD_MEASURE) {
        r->p->reads[w.measure] = true;
        if (r->is_magnitude && is_count(w.measure))
            r->p->per_unit = true;
    } else if (w.kind == RD_WORD_ASSET) {
        r->p->asset_input[w.asset] = 0; /* marked; the input is added later */
        if (r->is_magnitude)
            r->p->asset[r->p->n_assets++] = w.asset;
    } else if (w.value.unknown) {
        r->unknown = true;
        r->unknown_name = name;
    }
}

static rd_status compile(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    struct rd_expr_env env;
    struct reader r = { .p = p, .m = m };
    char where[120];
    rd_status st;

    p->names = RD_NEW(m->arena, struct rd_scenario_names);
    p->asset = RD_NEW_ARRAY(m->arena, int, m->system->n_assets + 1);
    p->asset_input = RD_NEW_ARRAY(m->arena, int, m->system->n_assets + 1);
    if (!p->names || !p->asset || !p->asset_input)
        return rd_run_no_memory(m->run, "a scenario");
    for (size_t i = 0; i < m->system->n_assets; i++)
        p->asset_input[i] = NO_INPUT;
    st = rd_scenario_names_init(p->names, m->system, s, 1u << p->kind, m->arena, m->run->err);
    if (st)
        return st;
    env = rd_scenario_env(p->names);
    (void)snprintf(where, sizeof where, "loss_when of '%s'", s->id);
    st = rd_expr_compile(
        where, s->loss_when, RD_EXPR_BOOL, &env, m->arena, &p->loss_when, m->run->err);
    if (st)
        return RD_WRAP(m->run->err, st, "scenario '%s' (line %d)", s->id, s->at.line);
    (void)snprintf(where, sizeof where, "magnitude of '%s'", s->id);
    if (s->magnitude)
        st = rd_expr_compile(
            where, s->magnitude, RD_EXPR_NUMBER, &env, m->arena, &p->magnitude, m->run->err);
    if (st)
        return RD_WRAP(m->run->err, st, "scenario '%s' (line %d)", s->id, s->at.line);
    rd_expr_names(p->loss_when, read_name, &r);
    r.is_magnitude = true;
    if (p->magnitude)
        rd_expr_names(p->magnitude, read_name, &r);
    if (r.unknown)
        p->unquantified = say(m, "property '%s' is not known: fill it in", r.unknown_name);
    return RD_OK;
}

/* --- inputs --- */

static const char *name_of(struct rd_risk_model *m, const char *id, const char *key)
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
            p->no_money = say(m, "asset '%s' has no value", a->id);
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
        const char *name = name_of(m, a->id, "budget");

        st = fit(m, &a->budget, name, &p->budget);
        if (!st)
            st = rd_risk_number_add(&m->inputs, name, m->system->currency, "cost", &a->budget);
        p->has_budget = true;
        p->cost = rd_range_quantile(&p->budget, 0.5);
    }
    if (!st && a->days.given) {
        const char *name = name_of(m, a->id, "days");

        st = fit(m, &a->days, name, &p->days);
        if (!st)
            st = rd_risk_number_add(&m->inputs, name, "days", "susceptibility", &a->days);
        p->has_days = true;
    }
    if (!st && a->keys > 0)
        st = rd_risk_number_add(
            &m->inputs, name_of(m, a->id, "keys"), "keys", "susceptibility", &keys);
    if (!st && a->gain.given && p->cost > 0) {
        st = rd_risk_input_add(&m->inputs, name_of(m, a->id, "gain"), m->system->currency,
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
    const char *name = name_of(m, s->id, "observed.detection");
    const struct rd_uncertain certain = { .low = 1, .high = 1 };
    const struct rd_uncertain *u = s->observed_detection.given ? &s->observed_detection : &certain;
    struct rd_range_dist seen;
    rd_status st = rd_range_fit(true, u->low, u->high, &seen, m->run->err);

    if (!st)
        st = rd_risk_number_add(&m->inputs, name, "probability", "frequency", u);
    if (st)
        return RD_WRAP(m->run->err, st, "'%s' (line %d)", name, s->at.line);
    if (!(rd_range_mean(&seen) > 0) ||
        !rd_risk_input_observe(
            &m->inputs, p->attempts, s->observed_attempts, s->observed_years, rd_range_mean(&seen)))
        rd_risk_warn(m,
            "scenario '%s': attempts_per_year is %s, so what was observed changes nothing", s->id,
            rd_range_mean(&seen) > 0 ? "a plain number, which is certain" : "never noticed");
    return RD_OK;
}

static rd_status add_one(struct rd_risk_model *m, const struct rd_risk_plan *p, const char *key,
    const char *unit, const char *role, const struct rd_uncertain *u, int *index_out)
{
    return rd_risk_input_add(
        &m->inputs, name_of(m, p->scenario->id, key), unit, role, u, index_out);
}

/* How many samples get in, what they can touch, how long. */
static rd_status add_poison(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];
    struct rd_uncertain samples = s->samples;
    rd_status st;

    if (!samples.given) {
        samples = (struct rd_uncertain){ .at = s->at };
        samples.low = samples.high = p->actor->accounts > 0 ? (double)p->actor->accounts : e->reach;
        rd_risk_warn(m, "scenario '%s' gives no samples: a campaign is taken to get in %.0f, %s",
            s->id, samples.low,
            p->actor->accounts > 0 ? "one for each account of the actor"
                                   : "as many as were tested");
    }
    if (samples.low > 1.5 * e->reach)
        rd_risk_warn(m,
            "scenario '%s': campaigns get in %.0f samples or more, poison was measured up to "
            "%.0f; beyond that it is taken to do no more",
            s->id, samples.low, e->reach);
    st = add_one(m, p, "samples", "samples", "susceptibility", &samples, &p->samples);
    if (!st && s->decisions_per_day.given)
        st = add_one(
            m, p, "decisions_per_day", "1/day", "magnitude", &s->decisions_per_day, &p->decisions);
    if (!st && s->dwell_days.given)
        st = add_one(m, p, "dwell_days", "days", "magnitude", &s->dwell_days, &p->days_in_use);
    return st;
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

static rd_status add_inputs(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st = rd_risk_input_add(&m->inputs, name_of(m, s->id, "attempts_per_year"), "1/year",
        "frequency", &s->attempts_per_year, &p->attempts);

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
    if (!st && s->stronger.given)
        st = rd_risk_input_add(&m->inputs, name_of(m, s->id, "untried_stronger"), "probability",
            "susceptibility", &s->stronger, &p->stronger);
    if (!st && s->has_secondary) {
        const char *name = name_of(m, s->id, "secondary.magnitude");

        p->has_secondary = true;
        st = rd_risk_input_add(&m->inputs, name_of(m, s->id, "secondary.probability"),
            "probability", "magnitude", &s->secondary_probability, &p->secondary_probability);
        if (!st)
            st = fit(m, &s->secondary_magnitude, name, &p->secondary);
        if (!st)
            st = rd_risk_number_add(
                &m->inputs, name, m->system->currency, "magnitude", &s->secondary_magnitude);
    }
    return st;
}

/* --- the whole scenario --- */

static void prepare_evade(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;

    if (s->manipulation == RD_MANIPULATION_NONE) {
        p->unquantified =
            "robustness only: the scenario names no manipulation (digital or printed)";
        return;
    }
    if (s->objects <= 0) {
        p->unquantified = "objects is missing: how many a campaign tries";
        return;
    }
    if (s->manipulation == RD_MANIPULATION_PRINTED) {
        p->proxy = true;
        rd_risk_warn(m,
            "scenario '%s': printing and photographing was not measured; digital success stands "
            "for "
            "it, an upper bound",
            s->id);
    }
    p->objects = (double)s->objects;
    p->per_object = s->queries_per_object > 0 ? (double)s->queries_per_object : (double)INFINITY;
}

static bool is_traced(enum rd_measure m)
{
    return (m >= RD_MEASURE_UTILITY && m <= RD_MEASURE_DROP) ||
           (m >= RD_MEASURE_TPR && m <= RD_MEASURE_AUC);
}

static const char *missing_measure(const struct rd_risk_plan *p)
{
    for (int m = 0; m < RD_MEASURES; m++)
        if (p->reads[m] && is_traced((enum rd_measure)m) && !p->base.layer[LAYER_BASE]->trace[m])
            return rd_measure_words[m].name;
    if ((p->reads[RD_MEASURE_PPV] && !p->base.layer[LAYER_BASE]->trace[RD_MEASURE_FPR]))
        return "fpr";
    return NULL;
}

static void prepare_charge(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_tested *t = &m->campaign->tested[p->candidate[0]];
    const struct rd_uncertain price = { .low = 0, .high = 0 };
    struct rd_uncertain known = price;

    /* With the file or gradients in hand the attack asks its own copy: no price, no quota. */
    p->charged = (p->kind == RD_EVADE || p->kind == RD_EXTRACT) &&
                 !(t->record->access & (RD_ACCESS_FILES | RD_ACCESS_GRADIENTS));
    if (!p->charged || t->test->model == RD_NONE)
        return;
    p->price = m->system->artifacts[t->test->model].price_per_1000_queries / 1000;
    known.low = known.high = p->price * 1000;
    known.at = m->system->artifacts[t->test->model].at;
    if (p->price > 0)
        (void)rd_risk_number_add(&m->inputs,
            name_of(m, m->system->artifacts[t->test->model].id, "price_per_1000_queries"),
            m->system->currency, "susceptibility", &known);
}

/* Can the actor afford more than was measured? Then utility is taken flat, and that is said. */
static void warn_reach(struct rd_risk_model *m, const struct rd_risk_plan *p)
{
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];
    const double rows = p->price > 0 && p->has_budget ? p->cost / p->price : (double)INFINITY;

    if (e->runs < 3)
        rd_risk_warn(m, "scenario '%s': %zu run%s, so the variance between runs is unknown",
            p->scenario->id, e->runs, e->runs == 1 ? "" : "s");
    if (rows > 1.5 * e->reach && isfinite(rows))
        rd_risk_warn(m,
            "scenario '%s': the actor can afford about %.0f queries, thefts were measured up to "
            "%.0f; "
            "beyond that the copy is taken to be no better",
            p->scenario->id, rows, e->reach);
    else if (!isfinite(rows))
        rd_risk_warn(m,
            "scenario '%s': no price or no budget bounds the queries; thefts were measured up to "
            "%.0f",
            p->scenario->id, e->reach);
}

/* Poison and inference: few runs, and a recipe that nobody declared. */
static void judge_runs(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_risk_evidence *e = p->base.layer[LAYER_BASE];
    const struct rd_record *r = m->campaign->tested[p->candidate[0]].record;

    if (e->runs < 3)
        rd_risk_warn(m, "scenario '%s': %zu run%s, so the variance between runs is unknown",
            p->scenario->id, e->runs, e->runs == 1 ? "" : "s");
    for (size_t i = 0; i < r->n_settings; i++)
        if (!strcmp(r->settings[i].name, "recipe-assumed") &&
            !strcmp(r->settings[i].value, "yes")) {
            p->proxy = true;
            rd_risk_warn(m,
                "scenario '%s': victims were trained by a recipe that nobody declared; it stands "
                "for the deployed model",
                p->scenario->id);
        }
}

static rd_status prepare(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st;

    p->unpriced_asset = RD_NONE;
    if (!s->magnitude)
        p->no_money = "magnitude is missing";
    if (!s->loss_when)
        p->unquantified = "loss_when is missing";
    else if (s->actor == RD_NONE)
        p->unquantified = "actor is missing";
    if (p->unquantified)
        return RD_OK;
    p->actor = &m->system->actors[s->actor];
    p->unquantified = pick_candidates(m, p);
    if (p->unquantified)
        return RD_OK;
    keep_one_kind(m, p);
    p->per_object = (double)INFINITY;
    if (p->kind == RD_EVADE)
        prepare_evade(m, p);
    else if (p->kind == RD_EXTRACT)
        p->one_shot = true;
    if (p->unquantified)
        return RD_OK;
    st = compile(m, p);
    if (st || p->unquantified)
        return st;
    prepare_charge(m, p);
    st = rd_risk_view_base(m, p);
    if (st)
        return st;
    if (p->kind != RD_EVADE && missing_measure(p)) {
        p->unquantified = say(m, "no measured curve of '%s'", missing_measure(p));
        return RD_OK;
    }
    if (p->kind != RD_EVADE && !p->base.layer[LAYER_BASE]->runs) {
        p->unquantified = "no run was measured";
        return RD_OK;
    }
    st = add_inputs(m, p);
    if (st || p->unquantified)
        return st;
    if (p->kind == RD_EXTRACT)
        warn_reach(m, p);
    if (!s->stronger.given)
        rd_risk_warn(m,
            "scenario '%s' gives no untried_stronger: attacks stronger than those tried count as "
            "impossible",
            s->id);
    if (p->kind == RD_POISON || p->kind == RD_INFER)
        judge_runs(m, p);
    p->measured = !p->upper_bound && !p->proxy;
    p->table =
        p->kind == RD_EVADE && p->objects <= 4096 && !(p->reads[RD_MEASURE_QUERIES] && p->charged);
    if (p->table && (size_t)p->objects > m->table)
        m->table = (size_t)p->objects;
    p->unquantified = p->no_money;
    p->unpriced = p->no_money != NULL;
    return RD_OK;
}

/* The same actor stealing the same model for the same asset: one theft, however often it is written
 * down. */
static bool same_theft(
    const struct rd_risk_model *m, const struct rd_risk_plan *a, const struct rd_risk_plan *b)
{
    bool same_asset = a->n_assets == 0 && b->n_assets == 0;

    for (size_t i = 0; i < a->n_assets; i++)
        for (size_t j = 0; j < b->n_assets; j++)
            same_asset = same_asset || a->asset[i] == b->asset[j];
    return a->one_shot && b->one_shot && a->actor == b->actor && same_asset &&
           m->campaign->tested[a->candidate[0]].test->model ==
               m->campaign->tested[b->candidate[0]].test->model;
}

static rd_status name_streams(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    p->year_stream = rd_arena_printf(m->arena, "risk/year/%s", p->scenario->id);
    p->pilot_stream = rd_arena_printf(m->arena, "risk/pilot/%s", p->scenario->id);
    p->weight_stream = rd_arena_printf(m->arena, "risk/weight/%s", p->scenario->id);
    return p->year_stream && p->pilot_stream && p->weight_stream
               ? RD_OK
               : rd_run_no_memory(m->run, "a scenario");
}

rd_status rd_risk_plan_all(struct rd_risk_model *m)
{
    m->n_plans = m->system->n_scenarios;
    m->plan = RD_NEW_ARRAY(m->arena, struct rd_risk_plan, m->n_plans + 1);
    if (!m->plan)
        return rd_run_no_memory(m->run, "the scenarios");
    for (size_t i = 0; i < m->n_plans; i++) {
        struct rd_risk_plan *p = &m->plan[i];
        rd_status st;

        p->scenario = &m->system->scenarios[i];
        p->index = p->group = (int)i;
        st = prepare(m, p);
        if (!st)
            st = name_streams(m, p);
        if (st)
            return st;
        for (size_t j = 0; j < i && !p->unquantified; j++)
            if (!m->plan[j].unquantified && same_theft(m, p, &m->plan[j])) {
                p->group = m->plan[j].group;
                rd_risk_warn(m,
                    "scenarios '%s' and '%s' are one theft: in a year only the larger loss counts",
                    m->plan[j].scenario->id, p->scenario->id);
                break;
            }
    }
    return RD_OK;
}
