/* plan.c - a scenario bound to evidence, or the reason why no money can be put on it. */
#include "base/text.h"
#include "risk/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *rd_risk_say(struct rd_risk_model *m, const char *fmt, ...)
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
            return rd_risk_say(
                m, "untried: mitigated by control '%s'", threats->item[i].mitigated_by);
        if (m->campaign->states && m->campaign->states[i].reason)
            return rd_risk_say(m, "untried: %s", m->campaign->states[i].reason);
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
        return rd_risk_say(m,
            "actor '%s' does not hold %s, which '%s' used: that result is an upper bound and was "
            "not asked for",
            p->actor->id, lacking, lacking_attack);
    return untried ? rd_risk_say(m, "untried: %s", untried) : why_untried(m, p->scenario->threat);
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

static void read_name(void *user, const char *name, size_t slot)
{
    struct reader *r = user;
    const struct rd_scenario_word w = rd_scenario_word_at(r->p->names, slot);

    if (w.kind == RD_WORD_MEASURE) {
        r->p->reads[w.measure] = true;
        r->p->magnitude_varies = r->p->magnitude_varies || r->is_magnitude;
        if (r->is_magnitude && rd_measure_is_count(w.measure))
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

static rd_status compile(struct rd_risk_model *m, struct rd_risk_plan *p, unsigned kinds)
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
    st = rd_scenario_names_init(p->names, m->system, s, kinds, m->arena, m->run->err);
    if (st)
        return st;
    env = rd_scenario_env(p->names);
    (void)snprintf(where, sizeof where, "loss_when of '%s'", s->id);
    if (s->loss_when)
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
    if (p->loss_when)
        rd_expr_names(p->loss_when, read_name, &r);
    r.is_magnitude = true;
    if (p->magnitude)
        rd_expr_names(p->magnitude, read_name, &r);
    if (r.unknown)
        p->unquantified = rd_risk_say(m, "property '%s' is not known: fill it in", r.unknown_name);
    return RD_OK;
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
            rd_risk_name(m, m->system->artifacts[t->test->model].id, "price_per_1000_queries"),
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

/* --- an expert's word, where nothing was tried --- */

/* Which kind of campaign the expressions speak of: one that alone measures a word of theirs. */
static enum rd_attack_kind kind_of_words(const struct rd_risk_plan *p)
{
    for (int m = 0; m < RD_MEASURES; m++)
        for (int k = RD_EVADE; p->reads[m] && k <= RD_INFER; k++)
            if (rd_measure_words[m].kinds == 1u << k)
                return (enum rd_attack_kind)k;
    return (enum rd_attack_kind)0;
}

/* A word whose value only a measurement could give. Where loss_when says from what value on it is a
 * loss, that value stands for it. */
static const char *needs_measuring(const struct rd_risk_plan *p)
{
    for (int m = 0; m < RD_MEASURES; m++)
        if (p->reads[m] &&
            (m == RD_MEASURE_QUERIES || m == RD_MEASURE_FPR ||
                (!p->loss_when && (m == RD_MEASURE_SUCCESSES || is_traced((enum rd_measure)m) ||
                                      m == RD_MEASURE_PPV || m == RD_MEASURE_DISCLOSED))))
            return rd_measure_words[m].name;
    return NULL;
}

/* Controls that were verified took the threat away: then an expert's word on it is of no use. */
static bool is_mitigated(const struct rd_risk_model *m, const struct rd_risk_plan *p)
{
    const struct rd_threats *t = m->campaign->threats;

    for (size_t i = 0; t && i < t->n; i++)
        if (!strcmp(t->item[i].id, p->scenario->threat))
            return t->item[i].mitigated_by != NULL;
    return false;
}

static rd_status prepare_expert(struct rd_risk_model *m, struct rd_risk_plan *p, const char *why)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st;

    p->expert = true;
    p->untried = why;
    p->unquantified = NULL;
    p->base = (struct rd_risk_view){ .p_base = 1,
        .quota = { (double)INFINITY, (double)INFINITY, (double)INFINITY } };
    p->objects = (double)s->objects;
    p->per_object = (double)INFINITY;
    st = compile(m, p, 0);
    if (st || p->unquantified)
        return st;
    p->kind = kind_of_words(p);
    p->one_shot = p->kind == RD_EXTRACT;
    if (needs_measuring(p)) {
        p->unquantified = rd_risk_say(m, "%s, and '%s' is not known without%s", why,
            needs_measuring(p), p->loss_when ? "" : "; a loss_when could say what it must be");
        return RD_OK;
    }
    st = rd_risk_plan_inputs(m, p);
    if (st || p->unquantified)
        return st;
    rd_risk_warn(m, "scenario '%s': %s; its susceptibility is %s, not a measurement", s->id, why,
        s->susceptibility.provenance == RD_PROV_DEFAULT ? "a default" : "an expert's word");
    p->unquantified = p->no_money;
    p->unpriced = p->no_money != NULL;
    return RD_OK;
}

/* A loss that one threshold decides needs no expression for each campaign. */
static void find_threshold(struct rd_risk_plan *p)
{
    struct rd_scenario_word w;
    size_t slot;

    p->threshold_on = -1;
    if (p->kind != RD_EXTRACT || p->magnitude_varies ||
        !rd_expr_threshold(p->loss_when, &slot, &p->threshold, &p->threshold_strict))
        return;
    w = rd_scenario_word_at(p->names, slot);
    if (w.kind == RD_WORD_MEASURE && w.measure >= RD_MEASURE_UTILITY &&
        w.measure <= RD_MEASURE_ACCURACY)
        p->threshold_on = (int)w.measure;
}

static rd_status prepare(struct rd_risk_model *m, struct rd_risk_plan *p)
{
    const struct rd_scenario *s = p->scenario;
    rd_status st;

    p->unpriced_asset = RD_NONE;
    p->threshold_on = -1;
    if (!s->magnitude && !s->per_loss.given)
        p->no_money = "magnitude is missing";
    if (s->actor == RD_NONE)
        p->unquantified = "actor is missing";
    else if (!s->loss_when && !s->susceptibility.given)
        p->unquantified = "loss_when is missing";
    if (p->unquantified)
        return RD_OK;
    p->actor = &m->system->actors[s->actor];
    p->unquantified = pick_candidates(m, p);
    if (!p->unquantified && !s->loss_when)
        return prepare_expert(m, p, "loss_when does not say when what was tried is a loss");
    if (p->unquantified && s->susceptibility.given && !is_mitigated(m, p))
        return prepare_expert(m, p, p->unquantified);
    if (p->unquantified)
        return RD_OK;
    if (s->susceptibility.given)
        rd_risk_warn(
            m, "scenario '%s': it was tried, so the susceptibility in the file is not used", s->id);
    keep_one_kind(m, p);
    p->per_object = (double)INFINITY;
    if (p->kind == RD_EVADE)
        prepare_evade(m, p);
    else if (p->kind == RD_EXTRACT)
        p->one_shot = true;
    if (p->unquantified)
        return RD_OK;
    st = compile(m, p, 1u << p->kind);
    if (st || p->unquantified)
        return st;
    prepare_charge(m, p);
    find_threshold(p);
    st = rd_risk_view_base(m, p);
    if (st)
        return st;
    if (p->kind != RD_EVADE && missing_measure(p)) {
        p->unquantified = rd_risk_say(m, "no measured curve of '%s'", missing_measure(p));
        return RD_OK;
    }
    if (p->kind != RD_EVADE && !p->base.layer[LAYER_BASE]->runs) {
        p->unquantified = "no run was measured";
        return RD_OK;
    }
    st = rd_risk_plan_inputs(m, p);
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
    if (a->expert || b->expert)
        return a->expert && b->expert && a->one_shot && b->one_shot && a->actor == b->actor &&
               same_asset && !strcmp(a->scenario->threat, b->scenario->threat);
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
