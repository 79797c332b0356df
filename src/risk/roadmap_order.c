/* roadmap_order.c - what comes first, in which quarter, and when it is measured again. */
#include "risk/roadmap_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- order --- */

enum { WEIGHED_ANEW = 200 }; /* above it, each is weighed once */

struct ordering {
    struct rd_roadmap_work *w;
    struct rd_pick pick;
    bool *placed, *trial;
};

/* The item and what it still needs, into trial. */
static void bundle(struct ordering *g, size_t item)
{
    const struct rd_pick *p = &g->w->pick;

    memcpy(g->trial, g->placed, g->w->n);
    g->trial[item] = true;
    for (size_t k = item + 1; k-- > 0;)
        for (size_t q = p->first_need[k]; g->trial[k] && !g->placed[k] && q < p->first_need[k + 1];
             q++)
            g->trial[p->need[q]] = true;
}

static double effort_of(const struct rd_roadmap_work *w, size_t item)
{
    const double days = w->m->system->controls[w->item[item].control].effort_days;

    return isnan(days) ? 0 : days;
}

/*
 * What the next one adds for each unit of what is scarce: days of work where quarters have only so
 * many, else money. What nobody put a number on counts as nothing, and comes first.
 */
static double score(struct ordering *g, double before, double *gain_out)
{
    const struct rd_roadmap_work *w = g->w;
    const bool days = !isnan(w->m->system->roadmap_days_per_quarter);
    double price = 0;

    for (size_t i = 0; i < w->n; i++)
        if (g->trial[i] && !g->placed[i])
            price += days ? effort_of(w, i) : w->item[i].cost.total.value;
    *gain_out = rd_pick_worth(&g->pick, g->trial) - before;
    if (price <= 0)
        return *gain_out >= 0 ? (double)INFINITY : -(double)INFINITY;
    return *gain_out / price;
}

static void place(struct ordering *g, size_t item)
{
    struct rd_roadmap_work *w = g->w;

    bundle(g, item);
    for (size_t i = 0; i < w->n; i++) /* items stand behind what they need */
        if (g->trial[i] && !g->placed[i]) {
            w->order[w->n_chosen++] = i;
            g->placed[i] = true;
        }
}

struct scored {
    size_t item;
    double score, gain;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *p = a, *q = b;

    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    if (p->gain != q->gain)
        return p->gain > q->gain ? -1 : 1;
    return p->item < q->item ? -1 : 1;
}

static rd_status place_once(struct ordering *g, size_t wanted)
{
    struct rd_roadmap_work *w = g->w;
    struct scored *s = RD_NEW_ARRAY(w->heavy, struct scored, wanted + 1);
    const double before = rd_pick_worth(&g->pick, g->placed);
    size_t n = 0;

    if (!s)
        return rd_run_no_memory(w->m->run, "the roadmap");
    for (size_t i = 0; i < w->n; i++)
        if (w->in[i]) {
            bundle(g, i);
            s[n].item = i;
            s[n].score = score(g, before, &s[n].gain);
            n++;
        }
    qsort(s, n, sizeof *s, by_score);
    for (size_t i = 0; i < n; i++)
        if (!g->placed[s[i].item])
            place(g, s[i].item);
    return RD_OK;
}

static rd_status place_all(struct ordering *g)
{
    struct rd_roadmap_work *w = g->w;
    size_t wanted = 0;

    for (size_t i = 0; i < w->n; i++)
        wanted += w->in[i];
    if (wanted > RD_ROADMAP_EXACT_TVAR) { /* the tail of so many sets takes too long */
        g->pick.base_years = NULL;
        g->pick.units = w->touched;
    }
    if (wanted > WEIGHED_ANEW)
        return place_once(g, wanted);
    while (w->n_chosen < wanted) {
        const double before = rd_pick_worth(&g->pick, g->placed);
        double best = 0, best_gain = 0;
        size_t next = (size_t)-1;

        for (size_t i = 0; i < w->n; i++) {
            double s, gain;

            if (!w->in[i] || g->placed[i])
                continue;
            bundle(g, i);
            s = score(g, before, &gain);
            if (next == (size_t)-1 || s > best || (s == best && gain > best_gain)) {
                best = s;
                best_gain = gain;
                next = i;
            }
        }
        place(g, next);
    }
    return RD_OK;
}

/* --- quarters --- */

static int first_quarter(const struct rd_roadmap_work *w)
{
    const struct rd_system *s = w->m->system;
    int first = s->roadmap_start ? rd_quarter_number(s->roadmap_start) : RD_NONE;

    for (size_t i = 0; !s->roadmap_start && i < w->n; i++) {
        const char *q = s->controls[w->item[i].control].quarter;

        if (q && (first == RD_NONE || rd_quarter_number(q) < first))
            first = rd_quarter_number(q);
    }
    return first;
}

/* Each takes what is left of the quarters from the first that it may begin in. */
static void fill_quarters(struct rd_roadmap_work *w, double *room)
{
    const struct rd_system *s = w->m->system;
    const struct rd_pick *p = &w->pick;
    const int start = w->start == RD_NONE ? 0 : w->start;

    for (int q = 0; q < RD_ROADMAP_QUARTERS; q++)
        room[q] = s->roadmap_days_per_quarter; /* NaN: no limit */
    for (size_t k = 0; k < w->n_chosen; k++) {
        const size_t i = w->order[k];
        const struct rd_control *c = &s->controls[w->item[i].control];
        double days = effort_of(w, i);
        int q = c->quarter ? rd_quarter_number(c->quarter) - start : 0;

        q = q > 0 ? q : 0;
        for (size_t n = p->first_need[i]; n < p->first_need[i + 1]; n++)
            if (w->quarter[p->need[n]] > q)
                q = w->quarter[p->need[n]];
        for (; q < RD_ROADMAP_QUARTERS && !isnan(room[q]) && days > 0; q++) {
            const double used = days < room[q] ? days : room[q];

            days -= used;
            room[q] -= used;
            if (days <= 0)
                break;
        }
        w->quarter[i] = q;
    }
}

/* By the quarter in which they are done; what is needed is never later than what needs it. */
static void sort_by_quarter(struct rd_roadmap_work *w)
{
    for (size_t k = 1; k < w->n_chosen; k++) {
        const size_t item = w->order[k];
        size_t at = k;

        for (; at && w->quarter[w->order[at - 1]] > w->quarter[item]; at--)
            w->order[at] = w->order[at - 1];
        w->order[at] = item;
    }
}

rd_status rd_roadmap_order(struct rd_roadmap_work *w)
{
    struct ordering g = { .w = w, .pick = w->pick };
    double *room = RD_NEW_ARRAY(w->heavy, double, RD_ROADMAP_QUARTERS);
    rd_status st;

    g.placed = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    g.trial = RD_NEW_ARRAY(w->heavy, bool, w->n + 1);
    w->order = RD_NEW_ARRAY(w->heavy, size_t, w->n + 1);
    w->quarter = RD_NEW_ARRAY(w->heavy, int, w->n + 1);
    if (!room || !g.placed || !g.trial || !w->order || !w->quarter)
        return rd_run_no_memory(w->m->run, "the roadmap");
    st = place_all(&g);
    if (st)
        return st;
    w->start = first_quarter(w);
    fill_quarters(w, room);
    sort_by_quarter(w);
    return RD_OK;
}

/* --- dates --- */

/* Days since 1970-01-01 of the Gregorian calendar, and back. Source: Hinnant, "chrono-compatible
 * low-level date algorithms". */
static int64_t days_of(int64_t year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static const char *date_text(struct rd_arena *arena, int64_t days)
{
    const int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    const int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    const int64_t year = yoe + era * 400 + (month <= 2);

    return rd_arena_printf(
        arena, "%04lld-%02lld-%02lld", (long long)year, (long long)month, (long long)day);
}

rd_status rd_roadmap_when(
    struct rd_roadmap_work *w, size_t item, const char **quarter_out, const char **retest_out)
{
    const struct rd_control *c = &w->m->system->controls[w->item[item].control];
    const int q = w->quarter[item];
    struct rd_arena *arena = w->m->arena;

    if (q >= RD_ROADMAP_QUARTERS && !c->quarter) {
        *quarter_out = "later";
        *retest_out =
            rd_arena_printf(arena, "%lld days after it is in place", (long long)c->retest_days);
    } else if (w->start == RD_NONE) {
        *quarter_out = rd_arena_printf(arena, "quarter %d", q + 1);
        *retest_out = rd_arena_printf(
            arena, "%lld days after the end of quarter %d", (long long)c->retest_days, q + 1);
    } else {
        const int64_t behind = (int64_t)w->start + q + 1; /* the quarter after it */

        *quarter_out =
            rd_arena_printf(arena, "%04d-Q%d", (w->start + q) / 4, (w->start + q) % 4 + 1);
        *retest_out = date_text(
            arena, days_of(behind / 4, 3 * (int)(behind % 4) + 1, 1) - 1 + (int64_t)c->retest_days);
    }
    return *quarter_out && *retest_out ? RD_OK : rd_run_no_memory(w->m->run, "the roadmap");
}
