/* summary.c - from simulated years to quantiles, curve, bands and errors. */
#include "risk/model.h"
#include "stats/interval.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

const double rd_risk_quantile_at[RD_RISK_QUANTILES] = { 0.5, 0.9, 0.95, 0.99, 0.999 };
const double rd_risk_tail_at[RD_RISK_TAILS] = { 0.95, 0.99 };

enum { CURVE_POINTS = 48 };
static const double LEVEL_LOW = 0.05, LEVEL_HIGH = 0.95;

const char *rd_appetite_state_name(enum rd_appetite_state s)
{
    static const char *const names[] = { "met", "breached", "undecided", "unjudged" };

    return names[s];
}

const char *rd_risk_appetite_words(const struct rd_risk_appetite *a)
{
    if (a->state == RD_APPETITE_MET)
        return "within";
    if (a->state == RD_APPETITE_BREACHED)
        return "exceeded";
    if (a->state == RD_APPETITE_UNJUDGED)
        return "cannot be judged";
    return a->probability.value > a->allowed ? "likely exceeded" : "likely within";
}

struct rd_band rd_risk_band(double value, const double *x, size_t n, double *scratch)
{
    struct rd_band b = { value, (double)NAN, (double)NAN };

    if (n == 0)
        return b;
    memcpy(scratch, x, n * sizeof *x);
    rd_sort(scratch, n);
    b.low = rd_quantile(scratch, n, LEVEL_LOW);
    b.high = rd_quantile(scratch, n, LEVEL_HIGH);
    /* A mean may lie outside when one draw in a hundred carries most of it: a band that leaves it
     * out misleads. */
    b.low = b.low < value ? b.low : value;
    b.high = b.high > value ? b.high : value;
    return b;
}

struct rows { /* each row sorted */
    double *loss;
    size_t outer, years;
};

static rd_status sort_row(void *user, size_t index, size_t worker)
{
    const struct rows *r = user;

    (void)worker;
    rd_sort(r->loss + index * r->years, r->years);
    return RD_OK;
}

/* How many of row's years are at or below v. */
static size_t at_most(const double *row, size_t years, double v)
{
    size_t low = 0, high = years;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (row[mid] <= v)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static double pooled_at_most(const struct rows *r, double v)
{
    double n = 0;

    for (size_t o = 0; o < r->outer; o++)
        n += (double)at_most(r->loss + o * r->years, r->years, v);
    return n;
}

/*
 * Smallest loss v that at least a share p of all years is at or below. Bisection over bit patterns:
 * losses are not negative, and such doubles are in the order of their bits, so 64 steps are exact.
 */
static double pooled_quantile(const struct rows *r, double p)
{
    const double need = p * (double)r->outer * (double)r->years;
    uint64_t low = 0, high = 0x7ff0000000000000ULL; /* infinity */

    while (low < high) {
        const uint64_t mid = low + (high - low) / 2;
        double v;

        memcpy(&v, &mid, sizeof v);
        if (pooled_at_most(r, v) >= need)
            high = mid;
        else
            low = mid + 1;
    }
    {
        double v;

        memcpy(&v, &low, sizeof v);
        return v;
    }
}

/* The same for one row. */
static double row_quantile(const double *row, size_t years, double p)
{
    const double need = ceil(p * (double)years);
    const size_t i = need < 1 ? 0 : (size_t)need - 1;

    return row[i < years ? i : years - 1];
}

static struct rd_band exceed(const struct rows *r, double loss, double *x, double *scratch)
{
    for (size_t o = 0; o < r->outer; o++)
        x[o] = 1 - (double)at_most(r->loss + o * r->years, r->years, loss) / (double)r->years;
    return rd_risk_band(rd_mean(x, r->outer), x, r->outer, scratch);
}

/*
 * Tail value at risk: the mean of the worst 1 - p of years. Years above the quantile count in full;
 * what is missing to a share of 1 - p stands at the quantile, so that ties and an atom at zero cost
 * nothing. Source: Acerbi, Tasche 2002, definition 2.6.
 */
static double tail_of(double sum, double above, double from, double n)
{
    return (sum + (n - above) * from) / n;
}

static double row_tail(const double *row, size_t years, double p)
{
    const double from = row_quantile(row, years, p), n = (1 - p) * (double)years;
    const size_t first = at_most(row, years, from);
    double sum = 0;

    for (size_t y = first; y < years; y++)
        sum += row[y];
    return tail_of(sum, (double)(years - first), from, n);
}

static struct rd_band tail(const struct rows *r, double p, double *x, double *scratch)
{
    const double from = pooled_quantile(r, p);
    const double n = (1 - p) * (double)r->outer * (double)r->years;
    double sum = 0, above = 0;

    for (size_t o = 0; o < r->outer; o++) {
        const double *row = r->loss + o * r->years;

        for (size_t y = at_most(row, r->years, from); y < r->years; y++) {
            sum += row[y];
            above += 1;
        }
        x[o] = row_tail(row, r->years, p);
    }
    return rd_risk_band(tail_of(sum, above, from, n), x, r->outer, scratch);
}

/* From a loss that most lossy years pass to the largest one seen: equal steps of the logarithm. */
static rd_status curve(struct rd_risk_model *m, const struct rows *r, struct rd_arena *arena,
    double *x, double *scratch, struct rd_risk_summary *out)
{
    struct rd_risk_exceedance *e = RD_NEW_ARRAY(arena, struct rd_risk_exceedance, CURVE_POINTS);
    const double none = pooled_at_most(r, 0) / ((double)r->outer * (double)r->years);
    double first, last = 0;

    if (!e)
        return rd_run_no_memory(m->run, "the loss curve");
    out->exceedance = e;
    if (none >= 1)
        return RD_OK; /* no year had a loss: an empty curve */
    first = pooled_quantile(r, none + 0.02 * (1 - none));
    for (size_t o = 0; o < r->outer; o++)
        if (r->loss[o * r->years + r->years - 1] > last)
            last = r->loss[o * r->years + r->years - 1];
    first = first > 0 ? first / 2 : last / 2;
    first = first < last / 2 ? first : last / 2;
    for (size_t i = 0; i < CURVE_POINTS; i++) {
        const double step = (double)i / (CURVE_POINTS - 1);

        e[i].loss = rd_exp(rd_log(first) + step * (rd_log(last) - rd_log(first)));
        e[i].probability = exceed(r, e[i].loss, x, scratch);
    }
    out->n_exceedance = CURVE_POINTS;
    return RD_OK;
}

static rd_status check_appetite(struct rd_risk_model *m, const struct rows *r,
    struct rd_arena *arena, double *x, double *scratch, struct rd_risk_summary *out)
{
    struct rd_risk_appetite *a =
        RD_NEW_ARRAY(arena, struct rd_risk_appetite, m->system->n_appetite + 1);

    if (!a)
        return rd_run_no_memory(m->run, "the appetite");
    for (size_t i = 0; i < m->system->n_appetite; i++) {
        a[i].loss = m->system->appetite[i].loss;
        a[i].allowed = m->system->appetite[i].probability;
        a[i].probability = exceed(r, a[i].loss, x, scratch);
        a[i].state = m->unexplained                          ? RD_APPETITE_UNJUDGED
                     : a[i].probability.high <= a[i].allowed ? RD_APPETITE_MET
                     : a[i].probability.low > a[i].allowed   ? RD_APPETITE_BREACHED
                                                             : RD_APPETITE_UNDECIDED;
    }
    out->appetite = a;
    out->n_appetite = m->system->n_appetite;
    return RD_OK;
}

/* Errors of the mean over draws: what the finite number of years adds, and what the finite number
 * of draws does. */
static void errors(
    const struct rd_risk_model *m, const struct rd_risk_totals *t, struct rd_risk_summary *out)
{
    const double outer = (double)m->outer;
    const double within = rd_mean(t->variance, m->outer) / (double)m->years / outer;
    const double whole = rd_variance(t->mean, m->outer) / outer;

    out->error_years = sqrt(within);
    out->error_draws = sqrt(whole > within ? whole - within : 0);
}

rd_status rd_risk_summarize(struct rd_risk_model *m, struct rd_risk_totals *t,
    struct rd_arena *arena, struct rd_risk_summary *out)
{
    struct rows r = { t->loss, m->outer, m->years };
    double *x = RD_NEW_ARRAY(arena, double, m->outer);
    double *scratch = RD_NEW_ARRAY(arena, double, m->outer);
    rd_status st;

    if (!x || !scratch)
        return rd_run_no_memory(m->run, "the summary");
    *out = (struct rd_risk_summary){ .ale = rd_risk_band(
                                         rd_mean(t->mean, m->outer), t->mean, m->outer, scratch) };
    errors(m, t, out);
    st = rd_pool_run(m->run->pool, m->outer, sort_row, &r);
    if (st)
        return RD_WRAP(m->run->err, st, "sorting years");
    for (size_t o = 0; o < m->outer; o++)
        x[o] = (double)at_most(r.loss + o * m->years, m->years, 0) / (double)m->years;
    out->no_loss = rd_risk_band(rd_mean(x, m->outer), x, m->outer, scratch);
    for (int q = 0; q < RD_RISK_QUANTILES; q++) {
        for (size_t o = 0; o < m->outer; o++)
            x[o] = row_quantile(r.loss + o * m->years, m->years, rd_risk_quantile_at[q]);
        out->quantile[q] =
            rd_risk_band(pooled_quantile(&r, rd_risk_quantile_at[q]), x, m->outer, scratch);
    }
    for (int k = 0; k < RD_RISK_TAILS; k++)
        out->tvar[k] = tail(&r, rd_risk_tail_at[k], x, scratch);
    out->tail_mean_99 = out->tvar[RD_RISK_TAILS - 1].value;
    st = curve(m, &r, arena, x, scratch, out);
    if (!st)
        st = check_appetite(m, &r, arena, x, scratch, out);
    return st;
}

/* --- shares --- */

static void sift(size_t *order, size_t root, size_t n, const double *x)
{
    const size_t v = order[root];

    for (;;) {
        size_t child = 2 * root + 1;

        if (child >= n)
            break;
        if (child + 1 < n && x[order[child + 1]] > x[order[child]])
            child++;
        if (!(x[order[child]] > x[v]))
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = v;
}

/* Epsilon squared: the share of variance between bins, less what bins of pure chance would show.
 * Source: Kelley 1935. */
double rd_risk_first_order(
    const double *x, const double *y, size_t n, size_t *order, double *scratch)
{
    const size_t wanted = n / 20, bins = wanted < 8 ? 8 : wanted > 100 ? 100 : wanted;
    double mean = rd_mean(y, n), whole = rd_variance(y, n) * (double)(n - 1), between = 0, share;

    if (!(whole > 0))
        return 0;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(order, i, n, x);
    for (size_t end = n; end-- > 1;) {
        const size_t top = order[0];

        order[0] = order[end];
        order[end] = top;
        sift(order, 0, end, x);
    }
    if (!(x[order[0]] < x[order[n - 1]]))
        return 0; /* a constant explains nothing */
    for (size_t b = 0; b < bins; b++) {
        const size_t first = b * n / bins, behind = (b + 1) * n / bins;
        double off;

        for (size_t i = first; i < behind; i++)
            scratch[i - first] = y[order[i]];
        off = rd_mean(scratch, behind - first) - mean;
        between += (double)(behind - first) * off * off;
    }
    share = 1 - (1 - between / whole) * (double)(n - 1) / (double)(n - bins);
    return share > 0 ? share : 0;
}
