/* roadmap_pick.c - the set of controls that is worth most. */
#include "risk/roadmap_pick.h"

#include "stats/interval.h"

#include <math.h>
#include <string.h>

static const size_t NOBODY = (size_t)-1;

/* --- what a set is worth --- */

static size_t n_effects(const struct rd_pick *p)
{
    return p->first[p->n];
}

void rd_pick_assign(const struct rd_pick *p, const bool *in, size_t *effect_of_unit)
{
    for (size_t u = 0; u < p->units; u++)
        effect_of_unit[u] = NOBODY;
    for (size_t i = 0; i < p->n; i++)
        for (size_t e = p->first[i]; in[i] && e < p->first[i + 1]; e++) {
            size_t *of = &effect_of_unit[p->unit[e]];

            if (*of == NOBODY || p->loss[e] < p->loss[*of])
                *of = e;
        }
}

double rd_pick_weight(const struct rd_pick *p, const bool *in)
{
    double sum = 0;

    for (size_t i = 0; i < p->n; i++)
        sum += in[i] ? p->weight[i] : 0;
    return sum;
}

static double cost_of(const struct rd_pick *p, const bool *in)
{
    double sum = 0;

    for (size_t i = 0; i < p->n; i++)
        sum += in[i] ? p->cost[i] : 0;
    return sum;
}

/* Budgets are kept up to rounding: 0.1 + 0.2 is not above 0.3. */
static bool affordable(const struct rd_pick *p, double weight)
{
    return weight <= p->budget * (1 + 1e-12);
}

/* Mean of the worst share of years: those above the quantile in full, what is missing at it. Source
 * as in summary.c. */
static double tail_of(const struct rd_pick *p, const double *total)
{
    const size_t n = p->n_groups * p->years;
    const double worst = (1 - p->level) * (double)n;
    const size_t whole = (size_t)worst;
    double sum = 0;

    memcpy(p->year_sorted, total, n * sizeof *total);
    rd_sort(p->year_sorted, n);
    for (size_t k = 0; k < whole; k++)
        sum += p->year_sorted[n - 1 - k];
    if (worst > (double)whole && whole < n)
        sum += (worst - (double)whole) * p->year_sorted[n - 1 - whole];
    return worst > 0 ? sum / worst : 0;
}

static double tail_with(const struct rd_pick *p, const bool *in, size_t *of)
{
    const size_t n = p->n_groups * p->years, first = p->from_group * p->years;

    rd_pick_assign(p, in, of);
    memset(p->year_total, 0, n * sizeof *p->year_total);
    for (size_t u = 0; u < p->units; u++) {
        const double *row = of[u] == NOBODY ? p->base_years[u] : p->effect_years[of[u]];

        for (size_t y = 0; y < n; y++)
            p->year_total[y] += row[first + y];
    }
    return tail_of(p, p->year_total);
}

void rd_pick_prepare(struct rd_pick *p)
{
    const size_t n = p->n_groups * p->years, first = p->from_group * p->years;

    p->tail_before = 0;
    if (!p->base_years)
        return;
    memset(p->year_total, 0, n * sizeof *p->year_total);
    for (size_t u = 0; u < p->units; u++)
        for (size_t y = 0; y < n; y++)
            p->year_total[y] += p->base_years[u][first + y];
    p->tail_before = tail_of(p, p->year_total);
}

static double worth(const struct rd_pick *p, const bool *in, size_t *of)
{
    double sum = 0;

    if (p->base_years)
        return p->tail_before - tail_with(p, in, of) - cost_of(p, in);
    rd_pick_assign(p, in, of);
    for (size_t u = 0; u < p->units; u++)
        sum += of[u] == NOBODY ? 0 : p->base[u] - p->loss[of[u]];
    return sum - cost_of(p, in);
}

double rd_pick_worth(const struct rd_pick *p, const bool *in)
{
    size_t room[64], *of = room;
    struct rd_arena arena = RD_ARENA_INIT;
    double w;

    if (p->units > 64)
        of = RD_NEW_ARRAY(&arena, size_t, p->units);
    w = of ? worth(p, in, of) : (double)NAN;
    rd_arena_release(&arena);
    return w;
}

/* --- prerequisites --- */

static bool has_needs(const struct rd_pick *p, const bool *in, size_t i)
{
    for (size_t k = p->first_need[i]; k < p->first_need[i + 1]; k++)
        if (!in[p->need[k]])
            return false;
    return true;
}

/* The item and all that it needs, into `in`: needs come before, so one sweep downwards does. */
static void take(const struct rd_pick *p, bool *in, size_t i)
{
    in[i] = true;
    for (size_t k = i + 1; k-- > 0;)
        for (size_t q = p->first_need[k]; in[k] && q < p->first_need[k + 1]; q++)
            in[p->need[q]] = true;
}

/* The item and all that need it, out of `in`. */
static void drop(const struct rd_pick *p, bool *in, size_t i)
{
    in[i] = false;
    for (size_t k = i + 1; k < p->n; k++)
        if (in[k] && !has_needs(p, in, k))
            in[k] = false;
}

static bool allowed(const struct rd_pick *p, const struct rd_pick_limits *l, const bool *in)
{
    for (size_t i = 0; i < p->n; i++)
        if ((in[i] && l->banned && l->banned[i]) || (!in[i] && l->forced && l->forced[i]))
            return false;
    return affordable(p, rd_pick_weight(p, in));
}

/* Items that can go without loss go, the last first: nothing is bought that buys nothing. */
static void trim(const struct rd_pick *p, const struct rd_pick_limits *l, bool *in, bool *trial,
    size_t *of, double *best)
{
    for (size_t i = p->n; i-- > 0;) {
        double w;

        if (!in[i])
            continue;
        memcpy(trial, in, p->n * sizeof *in);
        drop(p, trial, i);
        if (!allowed(p, l, trial))
            continue;
        w = worth(p, trial, of);
        if (w >= *best) {
            memcpy(in, trial, p->n * sizeof *in);
            *best = w;
        }
    }
}

/* --- exact: branch and bound over the mean --- */

struct branch {
    const struct rd_pick *p;
    struct rd_pick_limits *l;
    bool in[RD_PICK_EXACT], out[RD_PICK_EXACT], best_in[RD_PICK_EXACT];
    double best;
    double *left;  /* (RD_PICK_EXACT + 1, units) loss of each unit so far */
    bool *touched; /* the same: by an item that is in */
    double work;
};

/* At most what the items from d on can still add. */
static double bound(struct branch *b, size_t d, const double *left, double spent_so_far)
{
    const struct rd_pick *p = b->p;
    double gain[RD_PICK_EXACT], weight[RD_PICK_EXACT], sum = 0, all = 0;
    double room = p->budget - spent_so_far;
    size_t n = 0;

    for (size_t i = d; i < p->n; i++) {
        double add = -p->cost[i];
        bool can = !(b->l->banned && b->l->banned[i]) && affordable(p, spent_so_far + p->weight[i]);

        for (size_t k = p->first_need[i]; can && k < p->first_need[i + 1]; k++)
            can = !b->out[p->need[k]];
        if (!can)
            continue;
        for (size_t e = p->first[i]; e < p->first[i + 1]; e++) {
            const size_t u = p->unit[e];
            const double now = left[u] < p->base[u] ? left[u] : p->base[u];

            add += p->loss[e] < now ? now - p->loss[e] : 0;
        }
        if (add <= 0)
            continue;
        gain[n] = add;
        weight[n++] = p->weight[i];
        sum += add;
        all += p->weight[i];
    }
    b->work += (double)(p->n + n_effects(p));
    if (affordable(p, spent_so_far + all) || n == 0)
        return sum;
    /* More than the budget holds: the best by weight, the last one in part (Dantzig 1957). */
    sum = 0;
    while (n && room > 0) {
        size_t top = 0;

        for (size_t k = 1; k < n; k++)
            if (gain[k] * weight[top] > gain[top] * weight[k])
                top = k;
        if (weight[top] > room)
            return sum + gain[top] * room / weight[top];
        sum += gain[top];
        room -= weight[top];
        gain[top] = gain[--n];
        weight[top] = weight[n];
    }
    for (size_t k = 0; k < n; k++)
        sum += weight[k] == 0 ? gain[k] : 0;
    return sum;
}

/* Worth of the set so far, with harms where nothing helps. */
static double worth_here(const struct branch *b, const double *left)
{
    double sum = 0;

    for (size_t u = 0; u < b->p->units; u++)
        sum += b->p->base[u] - left[u];
    return sum;
}

/* What it would be at best if something came that helps the harmed units. */
static double hope_here(const struct branch *b, const double *left)
{
    double sum = 0;

    for (size_t u = 0; u < b->p->units; u++)
        sum += left[u] < b->p->base[u] ? b->p->base[u] - left[u] : 0;
    return sum;
}

static void put_in(const struct branch *b, size_t i, size_t d)
{
    const struct rd_pick *p = b->p;
    double *left = b->left + (d + 1) * p->units;
    bool *touched = b->touched + (d + 1) * p->units;

    memcpy(left, b->left + d * p->units, p->units * sizeof *left);
    memcpy(touched, b->touched + d * p->units, p->units * sizeof *touched);
    for (size_t e = p->first[i]; e < p->first[i + 1]; e++) {
        const size_t u = p->unit[e];

        if (!touched[u] || p->loss[e] < left[u])
            left[u] = p->loss[e];
        touched[u] = true;
    }
}

static bool forced_left(const struct branch *b, size_t d)
{
    for (size_t i = d; b->l->forced && i < b->p->n; i++)
        if (b->l->forced[i])
            return true;
    return false;
}

static void search(struct branch *b, size_t d, double cost, double weight)
{
    const struct rd_pick *p = b->p;
    const double *left = b->left + d * p->units;
    const bool must = d < p->n && b->l->forced && b->l->forced[d];

    if (b->l->work > 0 && b->work > b->l->work) {
        b->l->stopped = true;
        return;
    }
    if (!forced_left(b, d)) {
        const double here = worth_here(b, left) - cost;

        if (here > b->best) {
            b->best = here;
            memcpy(b->best_in, b->in, sizeof b->in);
        }
    }
    if (d == p->n || hope_here(b, left) - cost + bound(b, d, left, weight) <= b->best)
        return;
    if (!(b->l->banned && b->l->banned[d]) && has_needs(p, b->in, d) &&
        affordable(p, weight + p->weight[d])) {
        put_in(b, d, d);
        b->in[d] = true;
        search(b, d + 1, cost + p->cost[d], weight + p->weight[d]);
        b->in[d] = false;
    }
    if (must)
        return;
    memcpy(b->left + (d + 1) * p->units, left, p->units * sizeof *left);
    memcpy(
        b->touched + (d + 1) * p->units, b->touched + d * p->units, p->units * sizeof *b->touched);
    b->out[d] = true;
    search(b, d + 1, cost, weight);
    b->out[d] = false;
}

/* --- exact: every set, for the tail --- */

static void every_set(struct branch *b, size_t d, double weight, size_t *of)
{
    const struct rd_pick *p = b->p;

    if (b->l->work > 0 && b->work > b->l->work) {
        b->l->stopped = true;
        return;
    }
    if (d == p->n) {
        const double w = worth(p, b->in, of);

        b->work += (double)(p->units * p->n_groups * p->years);
        if (w > b->best) {
            b->best = w;
            memcpy(b->best_in, b->in, sizeof b->in);
        }
        return;
    }
    if (!(b->l->forced && b->l->forced[d]))
        every_set(b, d + 1, weight, of);
    if ((b->l->banned && b->l->banned[d]) || !has_needs(p, b->in, d) ||
        !affordable(p, weight + p->weight[d]))
        return;
    b->in[d] = true;
    every_set(b, d + 1, weight + p->weight[d], of);
    b->in[d] = false;
}

rd_status rd_pick_exact(const struct rd_pick *p, struct rd_pick_limits *limits, bool *in,
    double *worth_out, struct rd_arena *scratch)
{
    struct rd_pick_limits none = { 0 }, *l = limits ? limits : &none;
    struct branch b = { .p = p, .l = l, .best = -(double)INFINITY };
    size_t *of = RD_NEW_ARRAY(scratch, size_t, p->units + 1);
    bool *trial = RD_NEW_ARRAY(scratch, bool, p->n + 1);

    l->stopped = false;
    b.left = RD_NEW_ARRAY(scratch, double, (p->n + 1) * p->units + 1);
    b.touched = RD_NEW_ARRAY(scratch, bool, (p->n + 1) * p->units + 1);
    if (!of || !trial || !b.left || !b.touched)
        return RD_E_MEMORY;
    if (p->n > RD_PICK_EXACT)
        return RD_E_LIMIT;
    if (p->units)
        memcpy(b.left, p->base, p->units * sizeof *b.left);
    if (p->base_years)
        every_set(&b, 0, 0, of);
    else
        search(&b, 0, 0, 0);
    l->done = b.work;
    if (b.best == -(double)INFINITY) { /* what is forced cannot be paid */
        *worth_out = b.best;
        memset(in, 0, p->n * sizeof *in);
        return RD_OK;
    }
    if (p->n)
        memcpy(in, b.best_in, p->n * sizeof *in);
    *worth_out = worth(p, in, of);
    trim(p, l, in, trial, of, worth_out);
    return RD_OK;
}

/* --- greedy with add, drop and swap --- */

struct moves {
    const struct rd_pick *p;
    struct rd_pick_limits *l;
    bool *in, *trial, *found;
    size_t *of;
    double best, best_found, work, one;
};

/* Is this set better than all found in this round? by_weight: per unit of the budget it uses. */
static void weigh(struct moves *m, const bool *set, bool by_weight, double *score)
{
    double w, s, more;

    m->work += m->one;
    if (!allowed(m->p, m->l, set))
        return;
    w = worth(m->p, set, m->of);
    if (!(w > m->best))
        return;
    more = rd_pick_weight(m->p, set) - rd_pick_weight(m->p, m->in);
    s = by_weight && more > 0 ? (w - m->best) / more : by_weight ? (double)INFINITY : w;
    if (s > *score || (s == *score && w > m->best_found)) {
        *score = s;
        m->best_found = w;
        memcpy(m->found, set, m->p->n * sizeof *set);
    }
}

static bool spent(struct moves *m)
{
    m->l->stopped = m->l->stopped || (m->l->work > 0 && m->work > m->l->work);
    return m->l->stopped;
}

static bool take_found(struct moves *m, double score)
{
    if (score == -(double)INFINITY)
        return false;
    memcpy(m->in, m->found, m->p->n * sizeof *m->in);
    m->best = m->best_found;
    return true;
}

static bool add_or_drop(struct moves *m, bool by_weight)
{
    double score = -(double)INFINITY;

    for (size_t i = 0; i < m->p->n && !spent(m); i++) {
        memcpy(m->trial, m->in, m->p->n * sizeof *m->in);
        if (m->in[i])
            drop(m->p, m->trial, i);
        else
            take(m->p, m->trial, i);
        weigh(m, m->trial, by_weight, &score);
    }
    return take_found(m, score);
}

static bool swap(struct moves *m)
{
    double score = -(double)INFINITY;

    for (size_t i = 0; i < m->p->n && !spent(m); i++)
        for (size_t k = 0; m->in[i] && k < m->p->n && !spent(m); k++) {
            if (m->in[k])
                continue;
            memcpy(m->trial, m->in, m->p->n * sizeof *m->in);
            drop(m->p, m->trial, i);
            take(m->p, m->trial, k);
            weigh(m, m->trial, false, &score);
        }
    return take_found(m, score);
}

static void climb(struct moves *m, bool by_weight)
{
    while (!spent(m) && (add_or_drop(m, by_weight) || swap(m)))
        ;
}

rd_status rd_pick_greedy(const struct rd_pick *p, struct rd_pick_limits *limits, bool *in,
    double *worth_out, struct rd_arena *scratch)
{
    struct rd_pick_limits none = { 0 }, *l = limits ? limits : &none;
    struct moves m = { .p = p, .l = l, .in = in };
    bool *start = RD_NEW_ARRAY(scratch, bool, p->n + 1);
    bool *other = RD_NEW_ARRAY(scratch, bool, p->n + 1);
    double first;

    m.trial = RD_NEW_ARRAY(scratch, bool, p->n + 1);
    m.found = RD_NEW_ARRAY(scratch, bool, p->n + 1);
    m.of = RD_NEW_ARRAY(scratch, size_t, p->units + 1);
    if (!start || !other || !m.trial || !m.found || !m.of)
        return RD_E_MEMORY;
    l->stopped = false;
    m.one = p->base_years ? (double)(p->units * p->n_groups * p->years)
                          : (double)(3 * p->n + p->units + n_effects(p));
    memcpy(start, in, p->n * sizeof *in);
    m.best = allowed(p, l, in) ? worth(p, in, m.of) : -(double)INFINITY;
    climb(&m, false);
    first = m.best;
    memcpy(other, in, p->n * sizeof *in);
    if (isfinite(p->budget) && !l->stopped) { /* and again, by what a unit of the budget buys */
        memcpy(in, start, p->n * sizeof *in);
        m.best = allowed(p, l, in) ? worth(p, in, m.of) : -(double)INFINITY;
        climb(&m, true);
        if (m.best < first) {
            memcpy(in, other, p->n * sizeof *in);
            m.best = first;
        }
    }
    l->done = m.work;
    *worth_out = m.best;
    trim(p, l, in, m.trial, m.of, worth_out);
    return RD_OK;
}
