/*
 * verdict.c - the candid paragraph (CONTRACTS section 5, Shares).
 *
 * Nothing here is stronger than what was measured: "demonstrated" by name, "not demonstrated" never
 * as safe, and a control without effect is said to have none.
 */
#include "report/report.h"

#include "base/text.h"
#include "evidence/metric.h"
#include "report/words.h"
#include "risk/roadmap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCES_MAX = 64, NAMES_MAX = 4, THRESHOLDS = 3, LIMITS = 2 };

struct verdict {
    const struct rd_report *report;
    struct rd_arena *arena;
    const char **sentence;
    size_t n;
    bool failed;
};

static void say(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct verdict *v, const char *fmt, ...)
{
    struct rd_buf b = { 0 }, safe = { 0 };
    va_list ap;
    char *text;

    va_start(ap, fmt);
    rd_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    rd_text_safe(&safe, rd_buf_text(&b), b.len); /* names and the currency come from the file */
    text =
        b.failed || safe.failed ? NULL : rd_arena_strndup(v->arena, rd_buf_text(&safe), safe.len);
    rd_buf_release(&b);
    rd_buf_release(&safe);
    if (!text || v->n >= SENTENCES_MAX)
        v->failed = v->failed || !text;
    else
        v->sentence[v->n++] = text;
}

/* "model extraction"; with " at inference-api" where the same rule stands twice. */
static void put_name(struct rd_buf *b, const struct rd_campaign *c, size_t which)
{
    const struct rd_threat *t = &c->threats->item[which];
    const char *at = strchr(t->id, '@');
    size_t same = 0;

    for (size_t i = 0; i < c->threats->n; i++)
        same += c->threats->item[i].rule == t->rule;
    for (const char *p = t->rule->id; *p; p++)
        rd_buf_putc(b, *p == '-' ? ' ' : *p);
    if (same > 1 && at)
        rd_buf_printf(b, " at %s", at + 1);
}

/* "a", "a and b", "a, b and c", "a, b, c and 4 more": threats of that status. */
static void put_names(
    struct rd_buf *b, const struct rd_campaign *c, enum rd_status_of_threat status, size_t count)
{
    const size_t shown = count > NAMES_MAX ? NAMES_MAX - 1 : count;
    size_t k = 0;

    for (size_t i = 0; i < c->threats->n && k < shown; i++) {
        if (c->states[i].status != status)
            continue;
        rd_buf_puts(b, k == 0 ? "" : k + 1 == count ? " and " : ", ");
        put_name(b, c, i);
        k++;
    }
    if (count > shown)
        rd_buf_printf(b, " and %zu more", count - shown);
}

static size_t count(const struct rd_campaign *c, enum rd_status_of_threat status)
{
    size_t n = 0;

    for (size_t i = 0; i < c->threats->n; i++)
        n += c->states[i].status == status;
    return n;
}

static const char *were(size_t n)
{
    return n == 1 ? "was" : "were";
}

/* The share of the guess that moves the result most, leaving out what was measured. */
static const struct rd_risk_share *largest_guess(const struct rd_risk_result *risk)
{
    for (size_t i = 0; risk && i < risk->n_shares; i++)
        if (risk->shares[i].provenance == RD_PROV_DEFAULT ||
            risk->shares[i].provenance == RD_PROV_EXPERT)
            return &risk->shares[i];
    return NULL;
}

static void first_sentence(struct verdict *v)
{
    const struct rd_campaign *c = v->report->campaign;
    const struct rd_risk_share *guess = largest_guess(v->report->risk);
    const size_t all = c->threats->n, untried = count(c, RD_THREAT_UNTRIED), tried = all - untried;
    const size_t shown = count(c, RD_THREAT_DEMONSTRATED),
                 unclear = count(c, RD_THREAT_INCONCLUSIVE);
    struct rd_buf b = { 0 };

    if (!all) {
        say(v, "No rule found a threat in this system, so nothing was tried.");
        return;
    }
    rd_buf_printf(&b, "Of %zu %s that %s or may apply, %zu %s tried", all,
        all == 1 ? "threat" : "threats", all == 1 ? "applies" : "apply", tried, were(tried));
    if (!tried) {
        rd_buf_puts(&b, ": nothing is demonstrated and nothing is refuted");
    } else if (shown && shown == tried) {
        rd_buf_printf(&b, " and %s demonstrated (",
            tried == 1   ? "it was"
            : tried == 2 ? "both were"
                         : "all were");
        put_names(&b, c, RD_THREAT_DEMONSTRATED, shown);
        rd_buf_puts(&b, ")");
    } else if (shown) {
        rd_buf_printf(&b, " and %zu of them %s demonstrated (", shown, were(shown));
        put_names(&b, c, RD_THREAT_DEMONSTRATED, shown);
        rd_buf_puts(&b, ")");
    } else {
        rd_buf_puts(&b, " and none was demonstrated");
    }
    if (unclear)
        rd_buf_printf(&b, ", %zu %s inconclusive", unclear, unclear == 1 ? "is" : "are");
    if (guess && guess->share >= 0.005)
        rd_buf_printf(&b,
            "; the guess that moves the expected loss most is %s (%s), with %s of its variance",
            guess->name, guess->provenance == RD_PROV_DEFAULT ? "a default" : "an expert's",
            rd_words_percent(guess->share, v->arena));
    else if (guess)
        rd_buf_puts(&b, "; no single guess dominates the expected loss");
    rd_buf_puts(&b, ".");
    v->failed = v->failed || b.failed;
    say(v, "%s", rd_buf_text(&b));
    rd_buf_release(&b);
}

static void untried_sentence(struct verdict *v)
{
    const struct rd_campaign *c = v->report->campaign;
    const size_t n = count(c, RD_THREAT_UNTRIED);
    size_t worst[4] = { 0 };

    for (size_t i = 0; i < c->threats->n; i++)
        if (c->states[i].status == RD_THREAT_UNTRIED &&
            c->threats->item[i].applicability != RD_APPLIES_MITIGATED)
            worst[c->threats->item[i].severity]++;
    if (!n)
        return;
    const size_t critical = worst[RD_SEVERITY_CRITICAL], high = worst[RD_SEVERITY_HIGH];
    char which[96] = "";

    if (critical && high)
        (void)snprintf(which, sizeof(which), ", %zu of them of critical and %zu of high severity",
            critical, high);
    else if (critical || high)
        (void)snprintf(which, sizeof(which), ", %zu of them of %s severity", critical + high,
            critical ? "critical" : "high");
    say(v, "%zu %s not tried%s: no figure here covers %s.", n, were(n), which,
        n == 1 ? "it" : "them");
}

/* The limits that are passed most, each against what is allowed; the rest by number. */
static void appetite_sentences(struct verdict *v)
{
    const struct rd_risk_summary *t = &v->report->risk->total;
    const char *cur = v->report->campaign->system->currency;
    size_t above = 0, met = 0, said = 0;

    for (size_t i = 0; i < t->n_appetite; i++) {
        const struct rd_risk_appetite *a = &t->appetite[i];

        if (!(a->probability.value > a->allowed)) {
            met += a->state == RD_APPETITE_MET;
            continue;
        }
        if (above++ >= LIMITS)
            continue;
        say(v, "A year that costs more than %s has a chance of %s (%s to %s); accepted is %.3g %%.",
            rd_words_money(a->loss, cur, v->arena),
            rd_words_percent(a->probability.value, v->arena),
            rd_words_percent(a->probability.low, v->arena),
            rd_words_percent(a->probability.high, v->arena), 100 * a->allowed);
        said++;
    }
    if (t->n_appetite && t->appetite[0].state == RD_APPETITE_UNJUDGED) {
        say(v,
            "Whether the appetite is kept cannot be judged: losses were observed that the attempts "
            "and the susceptibility of a scenario do not explain.");
        return;
    }
    if (above > said)
        say(v, "So it is with %zu further limits of the appetite.", above - said);
    if (t->n_appetite && !above && met == t->n_appetite)
        say(v, "Every limit of the appetite is kept, with the whole band.");
    else if (t->n_appetite && !above)
        say(v,
            "Every limit of the appetite is kept by the figure itself; the band passes %zu of %zu.",
            t->n_appetite - met, t->n_appetite);
}

static void roadmap_sentence(struct verdict *v)
{
    const struct rd_risk_result *r = v->report->risk;
    const struct rd_roadmap *plan = r->roadmap;
    const char *cur = v->report->campaign->system->currency;

    if (!plan)
        return;
    if (!plan->n_steps) {
        if (plan->n_left_out)
            say(v, "No proposed control is worth what it costs.");
        return;
    }
    say(v, "The roadmap: %s for %s a year %s the expected loss to %s a year%s.",
        rd_words_count(plan->n_steps, "control", "controls", v->arena),
        rd_words_money(plan->cost.value, cur, v->arena), plan->n_steps == 1 ? "takes" : "take",
        rd_words_money(
            plan->combined ? plan->combined->ale.value : plan->ale_after.value, cur, v->arena),
        plan->combined ? ", run together" : "; together they were not run");
}

static void money_sentences(struct verdict *v)
{
    const struct rd_risk_result *r = v->report->risk;
    const char *cur = v->report->campaign->system->currency;
    struct rd_arena *a = v->arena;
    size_t without = 0;

    if (!r || !r->n_scenarios) {
        say(v, "No scenario puts money on a threat, so there is no expected loss.");
        return;
    }
    for (size_t i = 0; i < r->n_scenarios; i++)
        without += r->scenarios[i].unquantified != NULL;
    if (without == r->n_scenarios) {
        say(v, "None of the %zu scenarios could be given money; Expected loss says why.", without);
        return;
    }
    say(v,
        "The expected loss is %s a year (90 %% interval %s); a year without a loss has a chance of "
        "%s.",
        rd_words_money(r->total.ale.value, cur, a),
        rd_words_money_range(r->total.ale.low, r->total.ale.high, cur, a),
        rd_words_percent(r->total.no_loss.value, a));
    if (without)
        say(v, "%zu of %zu scenarios could not be given money and are not in this sum.", without,
            r->n_scenarios);
    if (isnan(r->ale_share_measured))
        say(v, "No share of it can be called measured: %s.",
            r->ale_share_reason ? r->ale_share_reason : "it is zero");
    else
        say(v,
            "Of this, %s comes from scenarios whose chance of success was measured; how often they "
            "are "
            "tried and what they cost are estimates.",
            rd_words_percent(r->ale_share_measured, a));
    appetite_sentences(v);
    roadmap_sentence(v);
}

/* Which scenarios would matter, and from what value on: the first of each. */
static void break_even_sentences(struct verdict *v)
{
    const struct rd_risk_result *r = v->report->risk;
    size_t said = 0;

    for (size_t i = 0; r && i < r->n_break_even && said < THRESHOLDS; i++) {
        const struct rd_risk_break_even *b = &r->break_even[i];

        if (!b->words || isnan(b->value) ||
            (i && r->break_even[i - 1].scenario == b->scenario && said))
            continue;
        say(v, "No money was put on '%s': it %s.", r->system->scenarios[b->scenario].id, b->words);
        said++;
    }
}

/* Poisoning and inference are tried on a recipe. */
static void recipe_sentence(struct verdict *v)
{
    const struct rd_campaign *c = v->report->campaign;
    size_t n = 0, assumed = 0;

    for (size_t i = 0; i < c->n_tested; i++) {
        const int recipe = rd_report_recipe(c->tested[i].test);

        if (!c->tested[i].record || recipe == RD_NONE)
            continue;
        n++;
        assumed += c->system->artifacts[recipe].assumed == RD_YES;
    }
    if (n)
        say(v,
            "%s by training victims from a recipe%s: %s of the recipe, not of the deployed "
            "weights.",
            rd_words_count(n, "test was run", "tests were run", v->arena),
            !assumed       ? ""
            : assumed == n ? " that nobody declared (assumed)"
                           : ", some of them assumed",
            n == 1 ? "it speaks" : "they speak");
}

/* An effect that was measured and is none: within half a point of zero, and not clear of it. */
static bool is_nothing(const struct rd_retest *r)
{
    return r->worse && r->effect.low <= 0 && r->effect.high >= 0 && fabs(r->effect.value) < 0.005;
}

/* Each control that changed something by itself; those that did nothing together, by name. */
static void control_sentences(struct verdict *v)
{
    const struct rd_campaign *c = v->report->campaign;
    struct rd_buf none = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < c->n_tested; i++)
        for (size_t k = 0; k < c->tested[i].n_retests; k++) {
            const struct rd_retest *r = &c->tested[i].retests[k];
            const struct rd_control *control = &c->system->controls[r->control];
            const char *s = rd_report_control_sentence(v->report, &c->tested[i], r, v->arena);

            v->failed = v->failed || !s;
            if (is_nothing(r))
                rd_buf_printf(&none, "%s%s (%s against %s)", n++ ? ", " : "", control->id,
                    control->kind, r->worse->attack);
            else if (s)
                say(v, "%s", s);
        }
    if (n)
        say(v, "Did nothing here: %s.", rd_buf_text(&none));
    v->failed = v->failed || none.failed;
    rd_buf_release(&none);
}

static void illustrative_sentence(struct verdict *v)
{
    const struct rd_risk_result *r = v->report->risk;

    if (r && r->illustrative)
        say(v, "Illustrative: %s that nobody has confirmed for this system.",
            rd_words_count(r->n_illustrative_why, "number behind the money is a default",
                "numbers behind the money are defaults", v->arena));
}

rd_status rd_report_verdict(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, const char *const **sentences_out, size_t *n_out)
{
    struct verdict v = {
        .report = report,
        .arena = arena,
        .sentence = RD_NEW_ARRAY(arena, const char *, SENTENCES_MAX),
    };

    if (!v.sentence)
        return rd_run_no_memory(run, "the verdict");
    first_sentence(&v);
    untried_sentence(&v);
    money_sentences(&v);
    break_even_sentences(&v);
    recipe_sentence(&v);
    control_sentences(&v);
    illustrative_sentence(&v);
    if (v.failed)
        return rd_run_no_memory(run, "the verdict");
    *sentences_out = v.sentence;
    *n_out = v.n;
    return RD_OK;
}

/* --- controls --- */

static const char *judged_value(const struct rd_record *r, double v, struct rd_arena *arena)
{
    return r->unit[0] == 'e' || rd_metric_form_of(r->judged) == RD_METRIC_SHARE
               ? rd_words_percent(v, arena)
               : rd_words_number(v, arena);
}

/* " (and 12,300 USD a year with it)" or "". */
static const char *money_part(const struct rd_report *report, const struct rd_tested *t,
    const struct rd_retest *r, struct rd_arena *arena)
{
    const struct rd_risk_effect *e =
        report->risk ? rd_risk_effect_find(report->risk, r->control, t->test->id) : NULL;
    const char *cur = report->campaign->system->currency;

    if (!e || isnan(e->difference.value) || e->difference.value <= 0)
        return "";
    return rd_arena_printf(arena, " and the expected loss by %s a year (%s)",
        rd_words_money(e->difference.value, cur, arena),
        rd_words_money_range(e->difference.low, e->difference.high, cur, arena));
}

const char *rd_report_control_sentence(const struct rd_report *report, const struct rd_tested *t,
    const struct rd_retest *r, struct rd_arena *arena)
{
    const struct rd_control *c = &report->campaign->system->controls[r->control];
    const struct rd_record *rec = r->worse ? r->worse : t->record;
    const char *attack = rec ? rec->attack : t->test->attack->name;
    const char *knows =
        r->aware ? "" : "; no attack that knows it was run, so this effect is static";
    const struct rd_interval *e = &r->effect;
    char id[160], kind[160], what[RD_METRIC_WORDS] = "success share";

    if (rec && rec->judged)
        (void)rd_metric_judged(rec, what);
    (void)rd_text_safe_in(id, sizeof(id), c->id);
    (void)rd_text_safe_in(kind, sizeof(kind), c->kind);
    if (!rec || isnan(r->before.value) || isnan(r->after.value) || isnan(e->low) || isnan(e->high))
        return rd_arena_printf(arena, "'%s' (%s): its effect on %s has no interval: %s.", id, kind,
            attack,
            r->effect_reason         ? r->effect_reason
            : isnan(r->before.value) ? "what it reaches without the control is not resolvable"
                                     : "it was not measured");
    const char *from = judged_value(rec, r->before.value, arena),
               *to = judged_value(rec, r->after.value, arena);
    const char *low = judged_value(rec, e->low, arena), *high = judged_value(rec, e->high, arena);
    const char *money = money_part(report, t, r, arena);
    if (!from || !to || !low || !high || !money)
        return NULL;
    if (e->low > 0)
        return rd_arena_printf(arena, "'%s' (%s) lowers the %s that %s reaches from %s to %s%s%s.",
            id, kind, what, attack, from, to, money, knows);
    if (e->high < 0 && r->aware == rec && r->aware != r->plain)
        return rd_arena_printf(arena,
            "'%s' (%s) does not hold the attack that knows it: the %s that %s reaches is %s "
            "without the "
            "control and %s for who works around it.",
            id, kind, what, attack, from, to);
    if (e->high < 0)
        return rd_arena_printf(arena,
            "'%s' (%s) makes it worse: the %s that %s reaches goes from %s to %s.", id, kind, what,
            attack, from, to);
    if (is_nothing(r))
        return rd_arena_printf(arena,
            "'%s' (%s) did nothing here: the %s that %s reaches is %s without it and %s with it "
            "(difference "
            "%s to %s).",
            id, kind, what, attack, from, to, low, high);
    return rd_arena_printf(arena,
        "'%s' (%s) has shown no effect: the %s that %s reaches goes from %s to %s, and the "
        "difference of %s "
        "to %s includes zero.",
        id, kind, what, attack, from, to, low, high);
}
