/* risk_text.c - the figures of risk/ for people at a terminal. */
#include "cli/risk_text.h"

#include "base/text.h"
#include "cli/color.h"
#include "cli/threat_text.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

enum { BAR = 40, TOP = 5 };

struct text {
    const struct rd_cli *cli;
    FILE *out;
    struct rd_arena *arena;
    const struct rd_risk_result *r;
};

static const char *or_blank(const char *s)
{
    return s ? s : "";
}

static const char *money(const struct text *t, double v)
{
    return or_blank(rd_words_money(v, t->r->system->currency, t->arena));
}

static const char *range(const struct text *t, const struct rd_band *b)
{
    return or_blank(rd_words_money_range(b->low, b->high, t->r->system->currency, t->arena));
}

static const char *percent(const struct text *t, double v)
{
    return or_blank(rd_words_percent(v, t->arena));
}

static const char *number(const struct text *t, double v)
{
    return or_blank(rd_words_number(v, t->arena));
}

static const char *safe(const struct text *t, const char *s)
{
    struct rd_buf b = { .limit = 4096 };
    const char *copy;

    rd_text_safe(&b, s, strlen(s));
    copy = rd_arena_strdup(t->arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return or_blank(copy);
}

static void totals(const struct text *t)
{
    static const char *const year[RD_RISK_QUANTILES] = { NULL, "worst year in 10",
        "worst year in 20", "worst year in 100", "worst year in 1,000" };
    const struct rd_risk_summary *s = &t->r->total;

    (void)fprintf(t->out, "%-26s  %-16s  90 %% of what the numbers allow\n", "", "");
    (void)fprintf(t->out, "%-26s  %-16s  %s\n", "expected loss a year", money(t, s->ale.value),
        range(t, &s->ale));
    (void)fprintf(t->out, "%-26s  %-16s  %s to %s\n", "years without a loss",
        percent(t, s->no_loss.value), percent(t, s->no_loss.low), percent(t, s->no_loss.high));
    for (int q = 1; q < RD_RISK_QUANTILES; q++)
        (void)fprintf(t->out, "%-26s  %-16s  %s\n", year[q], money(t, s->quantile[q].value),
            range(t, &s->quantile[q]));
    for (int k = 0; k < RD_RISK_TAILS; k++)
        (void)fprintf(t->out, "mean of the worst %-8s  %-16s  %s\n", k ? "1 %" : "5 %",
            money(t, s->tvar[k].value), range(t, &s->tvar[k]));
    (void)fputs("value: the years of all draws together; band: nine of ten draws' own, so a rare "
                "year's value may stand at its end\n",
        t->out);
    (void)fprintf(t->out,
        "%zu draws of %zu years; simulation error of the expected loss: %s (years), %s (draws)\n",
        t->r->outer, t->r->years, money(t, s->error_years), money(t, s->error_draws));
    for (size_t i = 0; i < t->r->n_sentences; i++)
        (void)fprintf(t->out, "%s\n", safe(t, t->r->sentences[i]));
}

static void appetite(const struct text *t)
{
    const struct rd_risk_summary *s = &t->r->total;

    if (!s->n_appetite) {
        (void)fputs(
            "\nno appetite is declared: `risk: {appetite: [{loss: .., probability: ..}]}`\n",
            t->out);
        return;
    }
    (void)fprintf(t->out, "\n%-22s  %-8s  %-10s  %-20s  %s\n", "appetite: more than", "allowed",
        "chance", "90 %", "state");
    for (size_t i = 0; i < s->n_appetite; i++) {
        const struct rd_risk_appetite *a = &s->appetite[i];
        char band[80];

        (void)snprintf(band, sizeof band, "%s to %s", percent(t, a->probability.low),
            percent(t, a->probability.high));
        (void)fprintf(t->out, "%-22s  %-8s  %-10s  %-20s  ", money(t, a->loss),
            percent(t, a->allowed), percent(t, a->probability.value), band);
        rd_cli_put_word(t->cli, rd_risk_appetite_words(a), 0);
        (void)fputc('\n', t->out);
    }
}

static const char *basis(const struct text *t, const struct rd_risk_scenario *s)
{
    const struct rd_scenario *d = &t->r->system->scenarios[s->index];

    if (s->expert)
        return d->susceptibility.provenance == RD_PROV_DEFAULT
                   ? "a default, nothing was tried"
                   : "an expert's word, nothing was tried";
    return or_blank(rd_arena_printf(t->arena, "%s, test '%s'%s%s%s", safe(t, s->attack),
        safe(t, s->test), s->measured ? "" : "; not measured",
        s->upper_bound ? ", an upper bound" : "", s->proxy ? ", a proxy" : ""));
}

static void scenario(const struct text *t, const struct rd_risk_scenario *s)
{
    const char *id = safe(t, t->r->system->scenarios[s->index].id);

    if (s->unquantified) {
        (void)fprintf(t->out, "\n  %s: no money\n", id);
        rd_cli_wrap(t->out, "    ", 4, s->unquantified);
        return;
    }
    (void)fprintf(t->out, "\n  %s: %s a year (%s)", id, money(t, s->ale.value), range(t, &s->ale));
    if (isfinite(s->share))
        (void)fprintf(t->out, ", %s of all", percent(t, s->share));
    (void)fprintf(t->out, "\n    %s attempts a year, worth it %s, succeed %s (%s to %s): %s\n",
        number(t, s->attempts.value), percent(t, s->action.value), percent(t, s->s.value),
        percent(t, s->s.low), percent(t, s->s.high), or_blank(s->words));
    rd_cli_wrap(t->out, "    success: ", 6, basis(t, s));
    for (size_t i = 1; i < s->n_sentences; i++)
        rd_cli_wrap(t->out, "    ", 6, s->sentences[i]);
    if (isfinite(s->price[0].rows)) {
        (void)fprintf(t->out, "    %-6s  %-10s  %-14s  %-10s  %s\n", "keys", "queries",
            "cost of a copy", "days", "gain / cost");
        for (int i = 0; i < RD_RISK_KEYS; i++)
            (void)fprintf(t->out, "    %-6lld  %-10s  %-14s  %-10s  %s\n",
                (long long)s->price[i].keys, number(t, s->price[i].rows),
                money(t, s->price[i].money),
                isfinite(s->price[i].days) ? number(t, s->price[i].days) : "no quota",
                isfinite(s->price[i].gain_over_cost) ? number(t, s->price[i].gain_over_cost)
                : isfinite(s->gain)                  ? "free"
                                                     : "no gain declared");
    }
    if (s->reversal.words)
        rd_cli_wrap(t->out, "    turns: ", 6, s->reversal.words);
}

static void bar(char *out, double low, double high, double middle, double most)
{
    const double scale = most > 0 ? (BAR - 1) / most : 0;
    const int a = (int)((low < high ? low : high) * scale),
              b = (int)((low < high ? high : low) * scale);
    const int m = (int)(middle * scale);

    for (int i = 0; i < BAR; i++)
        out[i] = i == m ? '|' : i >= a && i <= b ? '=' : ' ';
    out[BAR] = '\0';
}

static void tornado(const struct text *t)
{
    double most = t->r->total.ale.value;
    int width = 10;

    if (!t->r->n_tornado)
        return;
    for (size_t i = 0; i < t->r->n_tornado; i++) {
        const struct rd_risk_swing *s = &t->r->tornado[i];
        const int n = (int)strlen(s->input);

        width = n > width ? (n < 40 ? n : 40) : width;
        most = s->ale_low > most ? s->ale_low : most;
        most = s->ale_high > most ? s->ale_high : most;
    }
    (void)fprintf(t->out,
        "\nexpected loss a year, one number at its 5 %% and 95 %% end (| as it is; %zu draws of "
        "%zu years)\n",
        t->r->probe_outer, t->r->probe_years);
    for (size_t i = 0; i < t->r->n_tornado; i++) {
        const struct rd_risk_swing *s = &t->r->tornado[i];
        char line[BAR + 1];

        bar(line, s->ale_low, s->ale_high, t->r->total.ale.value, most);
        (void)fprintf(t->out, "  %-*s  %s  %s to %s\n", width, safe(t, s->input), line,
            money(t, s->ale_low), money(t, s->ale_high));
    }
}

static const char *said_by(const struct text *t, const char *name)
{
    static const char *const names[] = { "default", "expert", "observed", "measured" };

    for (size_t i = 0; i < t->r->n_numbers; i++) {
        const struct rd_risk_number *n = &t->r->numbers[i];

        if (!strcmp(n->name, name))
            return or_blank(rd_arena_printf(t->arena, "%s to %s%s%s, %s%s%s%s%s", number(t, n->low),
                number(t, n->high), !strcmp(n->unit, "1") ? "" : " ",
                !strcmp(n->unit, "1") ? "" : safe(t, n->unit), names[n->provenance],
                n->by ? ": " : "", n->by ? safe(t, n->by) : "", n->date ? ", " : "",
                n->date ? safe(t, n->date) : ""));
    }
    return "what the measurement leaves open";
}

static void assumptions(const struct text *t)
{
    size_t shown = 0;

    for (size_t i = 0; i < t->r->n_shares && shown < TOP; i++) {
        const struct rd_risk_share *s = &t->r->shares[i];

        if (!(s->share >= 0.005))
            break;
        if (!shown++)
            (void)fputs("\nwhat the spread of the expected loss rests on (share of its variance)\n",
                t->out);
        (void)fprintf(t->out, "  %-6s  %s: %s\n", percent(t, s->share), safe(t, s->name),
            said_by(t, s->name));
    }
    if (isfinite(t->r->ale_share_measured))
        (void)fprintf(t->out, "%s of the expected loss rests on a measured chance to succeed\n",
            percent(t, t->r->ale_share_measured));
    if (t->r->illustrative)
        (void)fprintf(t->out,
            "ILLUSTRATIVE: %zu number%s that move%s money %s default%s (--json lists them)\n",
            t->r->n_illustrative_why, t->r->n_illustrative_why == 1 ? "" : "s",
            t->r->n_illustrative_why == 1 ? "s" : "",
            t->r->n_illustrative_why == 1 ? "is a" : "are",
            t->r->n_illustrative_why == 1 ? "" : "s");
}

void rd_cli_risk_text(struct rd_cli *cli, const struct rd_risk_result *r)
{
    const struct text t = { cli, cli->out, cli->run.scratch, r };
    bool any = false;

    for (size_t i = 0; i < r->n_scenarios; i++)
        any = any || !r->scenarios[i].unquantified;
    if (!r->n_scenarios) {
        (void)fputs("the file has no scenarios: nothing says what can be lost (`risk: {scenarios: "
                    "[..]}`)\n",
            t.out);
        return;
    }
    if (any) {
        totals(&t);
        appetite(&t);
    } else {
        (void)fputs("no scenario could be put money on; the reasons stand below\n", t.out);
    }
    (void)fputs("\nscenarios\n", t.out);
    for (size_t i = 0; i < r->n_scenarios; i++)
        scenario(&t, &r->scenarios[i]);
    for (size_t i = 0; i < r->n_break_even; i++)
        if (r->break_even[i].words) {
            char first[120], id[80];

            (void)snprintf(first, sizeof first, "%s  %s: ", i ? "" : "\nwithout money\n",
                rd_text_safe_in(id, sizeof id, r->system->scenarios[r->break_even[i].scenario].id));
            rd_cli_wrap(t.out, first, 4, r->break_even[i].words);
        }
    if (any) {
        tornado(&t);
        assumptions(&t);
    }
}
