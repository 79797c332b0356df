/* risk_json.c - `.result.risk`; docs/risk.md lists the keys. NaN is written as null, with its
 * reason beside it. */
#include "base/text.h"
#include "risk/risk.h"

#include <math.h>

enum { CURVES = 20 }; /* controls whose curve is written; thousands may be declared */

static const char *provenance_name(enum rd_provenance p)
{
    static const char *const names[] = { "default", "expert", "observed", "measured" };

    return names[p];
}

static void band_keys(struct rd_json *j, const struct rd_band *b)
{
    rd_json_kreal(j, "value", b->value);
    rd_json_kreal(j, "low", b->low);
    rd_json_kreal(j, "high", b->high);
}

static void band(struct rd_json *j, const char *key, const struct rd_band *b)
{
    rd_json_kobject(j, key);
    band_keys(j, b);
    rd_json_end(j);
}

static void summary_keys(struct rd_json *j, const struct rd_risk_summary *s, bool curve)
{
    band(j, "ale", &s->ale);
    band(j, "no_loss", &s->no_loss);
    rd_json_karray(j, "quantiles");
    for (int q = 0; q < RD_RISK_QUANTILES; q++) {
        rd_json_object(j);
        rd_json_kreal(j, "probability", rd_risk_quantile_at[q]);
        band_keys(j, &s->quantile[q]);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "exceedance");
    for (size_t i = 0; curve && i < s->n_exceedance; i++) {
        rd_json_object(j);
        rd_json_kreal(j, "loss", s->exceedance[i].loss);
        rd_json_kreal(j, "probability", s->exceedance[i].probability.value);
        rd_json_kreal(j, "low", s->exceedance[i].probability.low);
        rd_json_kreal(j, "high", s->exceedance[i].probability.high);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "appetite");
    for (size_t i = 0; i < s->n_appetite; i++) {
        const struct rd_risk_appetite *a = &s->appetite[i];

        rd_json_object(j);
        rd_json_kreal(j, "loss", a->loss);
        rd_json_kreal(j, "allowed", a->allowed);
        band(j, "probability", &a->probability);
        rd_json_ktext(j, "state", rd_appetite_state_name(a->state));
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "tvar");
    for (int k = 0; k < RD_RISK_TAILS; k++) {
        rd_json_object(j);
        rd_json_kreal(j, "level", rd_risk_tail_at[k]);
        band_keys(j, &s->tvar[k]);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_kreal(j, "tail_mean_99", s->tail_mean_99);
    rd_json_kobject(j, "monte_carlo_error");
    rd_json_kreal(j, "years", s->error_years);
    rd_json_kreal(j, "draws", s->error_draws);
    rd_json_end(j);
}

static void summary(struct rd_json *j, const char *key, const struct rd_risk_summary *s, bool curve)
{
    rd_json_kobject(j, key);
    summary_keys(j, s, curve);
    rd_json_end(j);
}

static void texts(struct rd_json *j, const char *key, const char *const *text, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, text[i]);
    rd_json_end(j);
}

static void updates(struct rd_json *j, const struct rd_risk_scenario *s)
{
    const struct rd_risk_losses *l = &s->losses_updated;

    rd_json_key(j, "attempts_updated");
    if (s->attempts_updated) {
        rd_json_object(j);
        band(j, "declared", &s->attempts_declared);
        band(j, "posterior", &s->attempts_posterior);
        rd_json_end(j);
    } else {
        rd_json_null(j);
    }
    rd_json_key(j, "losses_updated");
    if (!l->given) {
        rd_json_null(j);
        return;
    }
    rd_json_object(j);
    rd_json_kbool(j, "used", l->used);
    rd_json_kbool(j, "explained", !l->unexplained);
    rd_json_kreal(j, "observed", l->observed);
    rd_json_kreal(j, "years", l->years);
    band(j, "before", &l->before);
    band(j, "after", &l->after);
    rd_json_kreal(j, "effective_draws", l->effective);
    rd_json_end(j);
}

static void scenario(
    struct rd_json *j, const struct rd_system *system, const struct rd_risk_scenario *s)
{
    const struct rd_scenario *declared = &system->scenarios[s->index];

    rd_json_object(j);
    rd_json_ktext(j, "id", declared->id);
    rd_json_ktext(j, "threat", declared->threat);
    rd_json_ktext(
        j, "actor", declared->actor == RD_NONE ? NULL : system->actors[declared->actor].id);
    rd_json_kbool(j, "quantified", !s->unquantified);
    rd_json_ktext(j, "reason", s->unquantified);
    if (s->unquantified) {
        rd_json_end(j);
        return;
    }
    rd_json_ktext(j, "attack", s->attack);
    rd_json_ktext(j, "test", s->test);
    rd_json_kbool(j, "measured", s->measured);
    rd_json_kbool(j, "expert", s->expert);
    rd_json_ktext(j, "untried", s->untried);
    rd_json_kbool(j, "upper_bound", s->upper_bound);
    rd_json_kbool(j, "proxy", s->proxy);
    rd_json_kbool(j, "one_shot", s->one_shot);
    band(j, "attempts_per_year", &s->attempts);
    band(j, "probability_of_action", &s->action);
    band(j, "campaigns_per_year", &s->campaigns);
    band(j, "susceptibility_tried", &s->s_tried);
    band(j, "susceptibility", &s->s);
    band(j, "losses_per_year", &s->losses);
    band(j, "ale", &s->ale);
    rd_json_kreal(j, "ale_share", s->share);
    rd_json_ktext(j, "rate", s->words);
    texts(j, "words", s->sentences, s->n_sentences);
    updates(j, s);
    rd_json_kobject(j, "reversal");
    rd_json_ktext(j, "input", s->reversal.input);
    rd_json_ktext(j, "unit", s->reversal.unit);
    rd_json_kreal(j, "value", s->reversal.value);
    rd_json_ktext(j, "words", s->reversal.words);
    rd_json_end(j);
    rd_json_kreal(j, "gain", s->gain);
    rd_json_kreal(j, "campaign_cost", s->cost);
    rd_json_kreal(j, "gain_over_cost", s->gain_over_cost);
    rd_json_karray(j, "cost_per_copy");
    for (int i = 0; i < RD_RISK_KEYS && isfinite(s->price[0].rows); i++) {
        rd_json_object(j);
        rd_json_kint(j, "keys", s->price[i].keys);
        rd_json_kreal(j, "queries", s->price[i].rows);
        rd_json_kreal(j, "money", s->price[i].money);
        rd_json_kreal(j, "days", s->price[i].days);
        rd_json_kreal(j, "gain_over_cost", s->price[i].gain_over_cost);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_end(j);
}

static bool has_effect(const struct rd_risk_control *c)
{
    return !c->reason && (c->difference.low < 0 || c->difference.high > 0);
}

/* The side that is as things are has the curve of the whole: it is not written again. */
static void control(
    struct rd_json *j, const struct rd_system *system, const struct rd_risk_control *c, bool curve)
{
    rd_json_object(j);
    rd_json_ktext(j, "id", system->controls[c->control].id);
    rd_json_ktext(j, "kind", system->controls[c->control].kind);
    rd_json_ktext(j, "state", c->active ? "active" : "proposed");
    rd_json_ktext(j, "reason", c->reason);
    rd_json_kbool(j, "adaptively_tested", !c->reason && !c->is_static);
    rd_json_kbool(j, "assumed", c->assumed);
    band(j, "ale_before", &c->before);
    band(j, "ale_after", &c->after);
    band(j, "ale_difference", &c->difference);
    rd_json_kreal(j, "monte_carlo_error", c->error);
    band(j, "cost_per_year", &c->cost);
    band(j, "net_benefit", &c->net);
    rd_json_kreal(j, "accuracy_lost", c->accuracy_lost);
    band(j, "utility_cost", &c->utility_cost);
    if (!c->reason) {
        summary(j, "with", &c->with, curve && !c->active);
        summary(j, "without", &c->without, curve && c->active);
    }
    rd_json_end(j);
}

static void effect(
    struct rd_json *j, const struct rd_system *system, const struct rd_risk_effect *e)
{
    rd_json_object(j);
    rd_json_ktext(j, "control", system->controls[e->control].id);
    rd_json_ktext(j, "test", e->test);
    rd_json_ktext(j, "reason", e->reason);
    band(j, "ale_before", &e->before);
    band(j, "ale_after", &e->after);
    band(j, "ale_difference", &e->difference);
    rd_json_kreal(j, "monte_carlo_error", e->error);
    rd_json_end(j);
}

static void number(struct rd_json *j, const struct rd_risk_number *n)
{
    rd_json_object(j);
    rd_json_ktext(j, "name", n->name);
    rd_json_ktext(j, "unit", n->unit);
    rd_json_ktext(j, "role", n->role);
    rd_json_kreal(j, "low", n->low);
    rd_json_kreal(j, "high", n->high);
    rd_json_ktext(j, "provenance", provenance_name(n->provenance));
    rd_json_ktext(j, "by", n->by);
    rd_json_ktext(j, "date", n->date);
    rd_json_ktext(j, "source", n->source);
    rd_json_end(j);
}

static void not_quantified(struct rd_json *j, const struct rd_risk_result *r)
{
    rd_json_karray(j, "not_quantified");
    for (size_t i = 0; i < r->n_scenarios; i++)
        if (r->scenarios[i].unquantified) {
            rd_json_object(j);
            rd_json_ktext(j, "id", r->system->scenarios[r->scenarios[i].index].id);
            rd_json_ktext(j, "reason", r->scenarios[i].unquantified);
            rd_json_end(j);
        }
    rd_json_end(j);
}

static void break_even(
    struct rd_json *j, const struct rd_system *system, const struct rd_risk_break_even *b)
{
    rd_json_object(j);
    rd_json_ktext(j, "scenario", system->scenarios[b->scenario].id);
    rd_json_ktext(j, "asset", b->asset == RD_NONE ? NULL : system->assets[b->asset].id);
    rd_json_ktext(j, "control", b->control == RD_NONE ? NULL : system->controls[b->control].id);
    band(j, "losses_per_year", &b->losses);
    rd_json_kreal(j, "value", b->value);
    rd_json_ktext(j, "reason", b->reason);
    rd_json_ktext(j, "words", b->words);
    rd_json_end(j);
}

void rd_risk_write(const struct rd_risk_result *r, struct rd_json *j)
{
    size_t curves = 0;

    rd_json_object(j);
    rd_json_ktext(j, "currency", r->system->currency);
    rd_json_kint(j, "draws", (int64_t)r->outer);
    rd_json_kint(j, "years", (int64_t)r->years);
    rd_json_kreal(j, "band_level", r->level);
    summary_keys(j, &r->total, true);
    rd_json_kbool(j, "illustrative", r->illustrative);
    texts(j, "illustrative_because", r->illustrative_why, r->n_illustrative_why);
    rd_json_kreal(j, "ale_share_measured", r->ale_share_measured);
    rd_json_ktext(j, "ale_share_measured_reason", r->ale_share_reason);
    rd_json_karray(j, "scenarios");
    for (size_t i = 0; i < r->n_scenarios; i++)
        scenario(j, r->system, &r->scenarios[i]);
    rd_json_end(j);
    not_quantified(j, r);
    rd_json_karray(j, "break_even");
    for (size_t i = 0; i < r->n_break_even; i++)
        break_even(j, r->system, &r->break_even[i]);
    rd_json_end(j);
    rd_json_karray(j, "variance_share");
    for (size_t i = 0; i < r->n_shares; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "input", r->shares[i].name);
        rd_json_ktext(j, "provenance", provenance_name(r->shares[i].provenance));
        rd_json_kreal(j, "share", r->shares[i].share);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "tornado");
    for (size_t i = 0; i < r->n_tornado; i++) {
        const struct rd_risk_swing *s = &r->tornado[i];

        rd_json_object(j);
        rd_json_ktext(j, "input", s->input);
        rd_json_ktext(j, "unit", s->unit);
        rd_json_ktext(j, "provenance", provenance_name(s->provenance));
        rd_json_kreal(j, "low", s->low);
        rd_json_kreal(j, "high", s->high);
        rd_json_kreal(j, "ale_low", s->ale_low);
        rd_json_kreal(j, "ale_high", s->ale_high);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_kobject(j, "tornado_simulated");
    rd_json_kint(j, "draws", (int64_t)r->probe_outer);
    rd_json_kint(j, "years", (int64_t)r->probe_years);
    rd_json_end(j);
    texts(j, "words", r->sentences, r->n_sentences);
    rd_json_karray(j, "controls");
    for (size_t i = 0; i < r->n_controls; i++) {
        const bool curve = curves < CURVES && has_effect(&r->controls[i]);

        control(j, r->system, &r->controls[i], curve);
        curves += curve;
    }
    rd_json_end(j);
    rd_json_karray(j, "effects");
    for (size_t i = 0; i < r->n_effects; i++)
        effect(j, r->system, &r->effects[i]);
    rd_json_end(j);
    rd_json_karray(j, "numbers");
    for (size_t i = 0; i < r->n_numbers; i++)
        number(j, &r->numbers[i]);
    rd_json_end(j);
    texts(j, "warnings", r->warnings, r->n_warnings);
    rd_json_end(j);
}
