/* sentences.c - what the figures say, for a reader who does not live with them. */
#include "risk/result.h"

#include <math.h>

enum { MOST = 6 };

struct talk {
    struct rd_risk_model *m;
    const char *list[MOST];
    size_t n;
};

#define SAY(t, ...)                                                                                \
    do {                                                                                           \
        if ((t)->n < MOST)                                                                         \
            (t)->list[(t)->n++] = rd_risk_say((t)->m, __VA_ARGS__);                                \
    } while (0)

static const char *money(const struct talk *t, double v)
{
    char number[40];

    return rd_risk_say(t->m, "%s %s", rd_risk_money(v, number), t->m->system->currency);
}

static rd_status finish(struct talk *t, const char *const **list_out, size_t *n_out)
{
    const char **list = RD_NEW_ARRAY(t->m->arena, const char *, t->n + 1);

    if (!list)
        return rd_run_no_memory(t->m->run, "sentences");
    for (size_t i = 0; i < t->n; i++)
        list[i] = t->list[i];
    *list_out = list;
    *n_out = t->n;
    return RD_OK;
}

static const char *times(const struct talk *t, double v)
{
    char number[40];

    return v >= 10                               ? rd_risk_money(v, number),
           rd_risk_say(t->m, "%s times", number) : rd_risk_say(t->m, "%.2g times", v);
}

/* What a theft costs its maker, beside the gain that was assumed; never without it. */
static void tell_economics(struct talk *t, const struct rd_risk_scenario *s, bool is_theft)
{
    const struct rd_risk_price *one = &s->price[0], *ten = &s->price[1];
    const char *gain = isnan(s->gain)
                           ? "what it is worth to them was not declared, so whether it pays is open"
                           : rd_risk_say(t->m, "the gain that is assumed is %s", money(t, s->gain));

    if (is_theft && isfinite(one->rows)) {
        const char *cost = one->money > 0 ? money(t, one->money) : "nothing";
        const char *time = isfinite(one->days)
                               ? rd_risk_say(t->m, ", %.2g days with one key and %.2g with ten",
                                     one->days, ten->days)
                               : "";

        SAY(t,
            "A copy that counts as a loss costs its maker about %s in queries (%.0f of them)%s; "
            "%s%s%s.",
            cost, one->rows, time, gain, isfinite(one->gain_over_cost) ? ", " : "",
            isfinite(one->gain_over_cost)
                ? rd_risk_say(t->m, "%s that", times(t, one->gain_over_cost))
                : "");
    } else if (is_theft) {
        SAY(t, "No measured theft came as far as a loss within the queries that were tried; %s.",
            gain);
    } else if (isfinite(s->gain_over_cost)) {
        SAY(t, "A campaign costs its maker about %s; %s, %s that.", money(t, s->cost), gain,
            times(t, s->gain_over_cost));
    }
}

static void tell_counts(struct talk *t, const struct rd_risk_scenario *s)
{
    const struct rd_risk_losses *l = &s->losses_updated;

    if (l->given && l->unexplained)
        SAY(t,
            "%g losses in %g year%s were counted, and %.2g to %.2g a year are expected: no draw "
            "explains them, so the figures of this scenario contradict what was seen.",
            l->observed, l->years, l->years == 1 ? "" : "s", l->before.low, l->before.high);
    else if (l->given && l->used)
        SAY(t,
            "%g losses in %g years were counted: %.2g losses a year were expected before, %.2g "
            "after.",
            l->observed, l->years, l->before.value, l->after.value);
    else if (s->attempts_updated)
        SAY(t,
            "Attempts a year were declared as %.2g to %.2g; after what was counted they are "
            "%.2g to %.2g.",
            s->attempts_declared.low, s->attempts_declared.high, s->attempts_posterior.low,
            s->attempts_posterior.high);
}

static rd_status one_scenario(struct rd_risk_model *m, struct rd_risk_scenario *s)
{
    struct talk t = { .m = m };
    const struct rd_risk_plan *p = &m->plan[s->index];

    if (s->campaigns.value > 0 && s->s.value > 0)
        SAY(&t, "Expect %s: %.2g campaigns a year, of which %s.",
            s->words ? s->words : "no success", s->campaigns.value,
            s->s.value > 0.95   ? "nearly all succeed"
            : s->s.value >= 0.4 ? rd_risk_say(m, "%.0f in 100 succeed", 100 * s->s.value)
                                : rd_risk_say(m, "one in %.0f succeeds", 1 / s->s.value));
    else
        SAY(&t, "No success is expected from what was tried.");
    if (s->lossy > 0)
        SAY(&t, "A year with such a loss costs %s on average.", money(&t, s->ale.value / s->lossy));
    if (s->expert)
        SAY(&t, "Nothing was tried: the chance to succeed is %s.",
            p->scenario->susceptibility.provenance == RD_PROV_DEFAULT ? "a default"
                                                                      : "an expert's word");
    tell_economics(&t, s, p->kind == RD_EXTRACT && !p->expert);
    tell_counts(&t, s);
    return finish(&t, &s->sentences, &s->n_sentences);
}

static rd_status whole(struct rd_risk_model *m, struct rd_risk_result *r)
{
    const struct rd_risk_summary *total = &r->total;
    struct talk t = { .m = m };

    if (!(total->ale.value > 0))
        return finish(&t, &r->sentences, &r->n_sentences);
    if (total->no_loss.value >= 0.01)
        SAY(&t, "In %.0f of 100 years nothing is lost.", 100 * total->no_loss.value);
    else
        SAY(&t, "Nearly every year has a loss.");
    if (total->quantile[2].value > 0)
        SAY(&t, "The worst year in twenty costs more than %s.",
            money(&t, total->quantile[2].value));
    if (total->quantile[3].value > 0)
        SAY(&t, "The worst year in a hundred costs more than %s, on average %s.",
            money(&t, total->quantile[3].value), money(&t, total->tvar[1].value));
    for (size_t i = 0; i < total->n_appetite && t.n < MOST; i++) {
        const struct rd_risk_appetite *a = &total->appetite[i];

        if (a->probability.value > a->allowed)
            SAY(&t, "More than %s is lost in %.2g of 100 years; %.2g are allowed.",
                money(&t, a->loss), 100 * a->probability.value, 100 * a->allowed);
    }
    return finish(&t, &r->sentences, &r->n_sentences);
}

rd_status rd_risk_result_sentences(
    struct rd_risk_model *m, struct rd_risk_scenario *scenario, struct rd_risk_result *r)
{
    for (size_t i = 0; i < r->n_scenarios; i++) {
        const rd_status st = scenario[i].unquantified ? RD_OK : one_scenario(m, &scenario[i]);

        if (st)
            return st;
    }
    return whole(m, r);
}
