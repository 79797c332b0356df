/* roadmap_json.c - `.result.roadmap`; docs/roadmap.md lists the keys. NaN is written as null. */
#include "risk/roadmap.h"

static void band(struct rd_json *j, const char *key, const struct rd_band *b)
{
    rd_json_kobject(j, key);
    rd_json_kreal(j, "value", b->value);
    rd_json_kreal(j, "low", b->low);
    rd_json_kreal(j, "high", b->high);
    rd_json_end(j);
}

static void curve(struct rd_json *j, const struct rd_risk_summary *s)
{
    rd_json_karray(j, "exceedance");
    for (size_t i = 0; i < s->n_exceedance; i++) {
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
}

static void reversal(struct rd_json *j, const struct rd_roadmap_reversal *r)
{
    rd_json_kobject(j, "reversal");
    rd_json_ktext(j, "input", r->input);
    rd_json_ktext(j, "unit", r->unit);
    rd_json_kreal(j, "value", r->value);
    rd_json_ktext(j, "words", r->words);
    rd_json_end(j);
}

static const char *at_of(const struct rd_system *s, const struct rd_control *c)
{
    return c->at_element != RD_NONE ? s->elements[c->at_element].id
           : c->at_flow != RD_NONE  ? s->flows[c->at_flow].id
                                    : NULL;
}

static void control(struct rd_json *j, const struct rd_system *s, int index)
{
    const struct rd_control *c = &s->controls[index];

    rd_json_ktext(j, "control", c->id);
    rd_json_ktext(j, "name", c->name);
    rd_json_ktext(j, "kind", c->kind);
    rd_json_ktext(j, "at", at_of(s, c));
}

static void step(struct rd_json *j, const struct rd_system *s, const struct rd_roadmap_step *p)
{
    const struct rd_roadmap_cost *c = &p->cost;

    rd_json_object(j);
    control(j, s, p->control);
    rd_json_ktext(j, "owner", p->owner);
    rd_json_kreal(j, "effort_days", p->effort_days);
    rd_json_ktext(j, "quarter", p->quarter);
    rd_json_karray(j, "requires");
    for (size_t i = 0; i < p->n_requires; i++)
        rd_json_text(j, s->controls[p->requires_control[i]].id);
    rd_json_end(j);
    rd_json_ktext(j, "retest", p->retest);
    rd_json_kreal(j, "cost", c->total.value);
    rd_json_kobject(j, "cost_parts");
    rd_json_kreal(j, "declared", c->declared);
    rd_json_kreal(j, "license", c->license);
    rd_json_kreal(j, "people", c->people);
    rd_json_kreal(j, "latency", c->latency);
    rd_json_kreal(j, "false_blocks", c->false_blocks);
    rd_json_kreal(j, "accuracy", c->accuracy);
    rd_json_end(j);
    band(j, "cost_band", &c->total);
    rd_json_kreal(j, "ale_after", p->ale_after.value);
    band(j, "ale_after_band", &p->ale_after);
    band(j, "tvar_after", &p->tvar_after);
    band(j, "net", &p->net);
    rd_json_kreal(j, "p_in_best_set", p->p_in_best_set);
    reversal(j, &p->reversal);
    rd_json_kbool(j, "assumed", p->assumed);
    rd_json_kbool(j, "static", p->is_static);
    rd_json_kbool(j, "expected", p->expected);
    curve(j, &p->after);
    rd_json_end(j);
}

static void left_out(
    struct rd_json *j, const struct rd_system *s, const struct rd_roadmap_left_out *l)
{
    rd_json_object(j);
    rd_json_ktext(j, "control", s->controls[l->control].id);
    rd_json_ktext(j, "name", s->controls[l->control].name);
    rd_json_ktext(j, "reason", l->reason);
    rd_json_kreal(j, "p_in_best_set", l->p_in_best_set);
    reversal(j, &l->reversal);
    rd_json_end(j);
}

static void accepted(struct rd_json *j, const struct rd_roadmap_accept *a)
{
    rd_json_object(j);
    rd_json_ktext(j, "kind", a->threat ? "accept" : "do nothing");
    rd_json_ktext(j, "threat", a->threat);
    rd_json_ktext(j, "by", a->by);
    rd_json_ktext(j, "until", a->until);
    rd_json_kreal(j, "ale", a->ale.value);
    band(j, "ale_band", &a->ale);
    rd_json_end(j);
}

static void combined(struct rd_json *j, const struct rd_roadmap *r)
{
    const struct rd_risk_summary *s = r->combined;

    rd_json_key(j, "combined");
    if (!s) {
        rd_json_null(j);
    } else {
        rd_json_object(j);
        rd_json_kreal(j, "ale", s->ale.value);
        band(j, "ale_band", &s->ale);
        band(j, "tvar", &s->tvar[0]);
        curve(j, s);
        band(j, "no_loss", &s->no_loss);
        rd_json_karray(j, "quantiles");
        for (int q = 0; q < RD_RISK_QUANTILES; q++) {
            rd_json_object(j);
            rd_json_kreal(j, "probability", rd_risk_quantile_at[q]);
            rd_json_kreal(j, "value", s->quantile[q].value);
            rd_json_kreal(j, "low", s->quantile[q].low);
            rd_json_kreal(j, "high", s->quantile[q].high);
            rd_json_end(j);
        }
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_ktext(j, "combined_reason", s ? NULL : r->combined_reason);
}

void rd_roadmap_write(const struct rd_roadmap *r, const struct rd_system *system, struct rd_json *j)
{
    if (!r) {
        rd_json_null(j);
        return;
    }
    rd_json_object(j);
    rd_json_ktext(j, "measure", r->measure == RD_ROADMAP_TVAR ? "tvar" : "ale");
    rd_json_ktext(j, "method", r->exact ? "exact" : "greedy with swaps");
    rd_json_ktext(j, "method_words", r->method);
    rd_json_ktext(j, "no_steps_reason", r->nothing);
    rd_json_kreal(j, "budget", r->budget);
    rd_json_ktext(j, "currency", system->currency);
    rd_json_kreal(j, "ale_before", r->ale_before.value);
    rd_json_kreal(j, "ale_after", r->ale_after.value);
    band(j, "ale_before_band", &r->ale_before);
    band(j, "ale_after_band", &r->ale_after);
    band(j, "tvar_before", &r->tvar_before);
    band(j, "tvar_after", &r->tvar_after);
    rd_json_kreal(j, "cost", r->cost.value);
    band(j, "cost_band", &r->cost);
    rd_json_karray(j, "steps");
    for (size_t i = 0; i < r->n_steps; i++)
        step(j, system, &r->steps[i]);
    rd_json_end(j);
    rd_json_karray(j, "left_out");
    for (size_t i = 0; i < r->n_left_out; i++)
        left_out(j, system, &r->left_out[i]);
    rd_json_end(j);
    rd_json_kint(j, "left_out_more", (int64_t)r->left_out_more);
    rd_json_karray(j, "rows");
    for (size_t i = 0; i < r->n_accept; i++)
        accepted(j, &r->accept[i]);
    rd_json_end(j);
    rd_json_ktext(j, "appetite_warning", r->appetite_warning);
    combined(j, r);
    rd_json_end(j);
}
