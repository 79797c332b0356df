/* risk_csv.c - the result as one table (RFC 4180): the first column says which. */
#include "base/text.h"
#include "risk/risk.h"

#include <math.h>

struct line {
    const char *table, *name, *unit, *provenance, *state, *words;
    double x; /* what the row is about: a loss, a probability */
    double value, low, high;
    double allowed, ale_low, ale_high, share;
};

static const struct line blank = { .x = (double)NAN,
    .value = (double)NAN,
    .low = (double)NAN,
    .high = (double)NAN,
    .allowed = (double)NAN,
    .ale_low = (double)NAN,
    .ale_high = (double)NAN,
    .share = (double)NAN };

static const char *provenance_name(enum rd_provenance p)
{
    static const char *const names[] = { "default", "expert", "observed", "measured" };

    return names[p];
}

static void put_number(struct rd_buf *out, double v)
{
    char text[32];

    rd_buf_putc(out, ',');
    if (isfinite(v))
        rd_buf_puts(out, rd_text_from_double(v, text));
}

static void put_text(struct rd_buf *out, const char *text)
{
    rd_buf_putc(out, ',');
    rd_text_csv(out, text);
}

static void put(struct rd_buf *out, const struct line *l)
{
    const double number[] = { l->x, l->value, l->low, l->high, l->allowed, l->ale_low, l->ale_high,
        l->share };

    rd_text_csv(out, l->table);
    put_text(out, l->name);
    put_text(out, l->unit);
    put_text(out, l->provenance);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        put_number(out, number[i]);
    put_text(out, l->state);
    put_text(out, l->words);
    rd_buf_puts(out, "\r\n");
}

static void put_band(struct rd_buf *out, struct line l, double x, const struct rd_band *b)
{
    l.x = x;
    l.value = b->value;
    l.low = b->low;
    l.high = b->high;
    put(out, &l);
}

static void totals(struct rd_buf *out, const struct rd_risk_result *r)
{
    const struct rd_risk_summary *s = &r->total;
    struct line l = blank;

    l.table = "total";
    l.name = "expected loss a year";
    l.unit = r->system->currency;
    put_band(out, l, (double)NAN, &s->ale);
    l.name = "years without a loss";
    l.unit = "probability";
    put_band(out, l, (double)NAN, &s->no_loss);
    l.unit = r->system->currency;
    l.table = "quantile";
    l.name = NULL;
    for (int q = 0; q < RD_RISK_QUANTILES; q++)
        put_band(out, l, rd_risk_quantile_at[q], &s->quantile[q]);
    l.table = "tvar";
    for (int k = 0; k < RD_RISK_TAILS; k++)
        put_band(out, l, rd_risk_tail_at[k], &s->tvar[k]);
    l.unit = "probability";
    l.table = "exceedance";
    for (size_t i = 0; i < s->n_exceedance; i++)
        put_band(out, l, s->exceedance[i].loss, &s->exceedance[i].probability);
    l.table = "appetite";
    for (size_t i = 0; i < s->n_appetite; i++) {
        l.allowed = s->appetite[i].allowed;
        l.state = rd_appetite_state_name(s->appetite[i].state);
        put_band(out, l, s->appetite[i].loss, &s->appetite[i].probability);
    }
}

static void scenarios(struct rd_buf *out, const struct rd_risk_result *r)
{
    for (size_t i = 0; i < r->n_scenarios; i++) {
        const struct rd_risk_scenario *s = &r->scenarios[i];
        struct line l = blank;

        l.table = "scenario";
        l.name = r->system->scenarios[s->index].id;
        l.unit = r->system->currency;
        l.state = s->unquantified ? "no money" : s->measured ? "measured" : "not measured";
        l.words = s->unquantified ? s->unquantified : s->words;
        if (s->unquantified) {
            put(out, &l);
            continue;
        }
        l.provenance =
            s->expert ? provenance_name(r->system->scenarios[s->index].susceptibility.provenance)
                      : "measured";
        l.share = s->share;
        put_band(out, l, (double)NAN, &s->ale);
        l.share = (double)NAN;
        l.words = NULL;
        l.unit = "1/year";
        l.table = "scenario attempts";
        l.provenance = NULL;
        put_band(out, l, (double)NAN, &s->attempts);
        l.table = "scenario losses";
        put_band(out, l, (double)NAN, &s->losses);
        l.table = "scenario susceptibility";
        l.unit = "probability";
        put_band(out, l, (double)NAN, &s->s);
    }
}

void rd_risk_csv(const struct rd_risk_result *r, struct rd_buf *out)
{
    rd_buf_puts(out, "table,name,unit,provenance,x,value,low,high,allowed,ale_low,ale_high,share,"
                     "state,words\r\n");
    totals(out, r);
    scenarios(out, r);
    for (size_t i = 0; i < r->n_tornado; i++) {
        const struct rd_risk_swing *s = &r->tornado[i];
        struct line l = blank;

        l.table = "tornado";
        l.name = s->input;
        l.unit = s->unit;
        l.provenance = provenance_name(s->provenance);
        l.low = s->low;
        l.high = s->high;
        l.ale_low = s->ale_low;
        l.ale_high = s->ale_high;
        put(out, &l);
    }
}
