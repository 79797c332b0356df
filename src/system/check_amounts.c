/*
 * check_amounts - can a magnitude be negative, or an expression fail, before anything is simulated?
 *
 * Failure for every value is proved by interval arithmetic (base/expr_bounds.c). What may happen is
 * looked for at points: each number at the ends and in the middle of its range, so that a note can
 * name values where it does. Magnitudes are made of sums and products, which are extreme at such
 * points; where they are not, the simulation still refuses the loss.
 */
#include "base/text.h"
#include "stats/dist.h"
#include "system/read.h"
#include "system/scenario_names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 16, POINTS_MAX = 1024, RESTARTS_MAX = 100 };
/* Quantiles that a simulation of a million draws reaches. */
static const double RARE = 1e-6;
/* What a count comes to of which nobody said more. */
static const double MANY = 1e9;

/* --- places --- */

struct rd_place rd_place_inside(
    struct rd_reader *r, struct rd_place at, const char *text, uint32_t character)
{
    struct rd_source_mark *m = &r->mark;
    const char *line, *end = r->bytes ? r->bytes + r->size : NULL;
    const size_t len = strlen(text);
    int column = 1;

    if (!r->bytes || (m->line > at.line && m->restarts++ >= RESTARTS_MAX))
        return at;
    if (!m->line || m->line > at.line)
        *m = (struct rd_source_mark){ 0, 1, m->restarts };
    for (; m->line < at.line; m->line++) {
        const char *next = memchr(r->bytes + m->offset, '\n', r->size - m->offset);

        if (!next)
            return at;
        m->offset = (size_t)(next + 1 - r->bytes);
    }
    line = r->bytes + m->offset;
    if (at.line == 1 && r->size >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
        line += 3;
    for (; line < end && column < at.column; line++) /* columns are characters */
        column += line + 1 < end && ((unsigned char)line[1] & 0xc0) != 0x80;
    if (line < end && (*line == '"' || *line == '\'')) {
        line++;
        column++;
    }
    if ((size_t)(end - line) < len || memcmp(line, text, len) != 0)
        return at;
    return (struct rd_place){ at.line, column + (int)character - 1 };
}

/* --- ranges of names --- */

struct amounts {
    struct rd_reader *r;
    const struct rd_crumb *crumb;
    const struct rd_scenario_names *names;
    const struct rd_expr *loss_when, *magnitude;
    const char *word[NAMES_MAX]; /* that the magnitude or loss_when reads */
    size_t slot[NAMES_MAX];
    struct rd_expr_range declared[NAMES_MAX], widest[NAMES_MAX];
    double x[NAMES_MAX]; /* a point */
    bool at_point;       /* ranges are those points */
    size_t n;
    bool too_many, reads_measure;
};

/* low and high as they are declared, and as far as draws reach. */
static void of_uncertain(const struct rd_uncertain *u, double missing,
    struct rd_expr_range *declared, struct rd_expr_range *widest)
{
    struct rd_range_dist d;

    *declared = *widest =
        (struct rd_expr_range){ u->given ? u->low : missing, u->given ? u->high : missing };
    if (!u->given || !(u->low < u->high) || rd_range_fit(false, u->low, u->high, &d, NULL))
        return;
    widest->low = rd_range_quantile(&d, RARE);
    widest->high = rd_range_quantile(&d, 1 - RARE);
}

static struct rd_expr_range product(struct rd_expr_range a, struct rd_expr_range b)
{
    return (struct rd_expr_range){ a.low * b.low, a.high * b.high };
}

static void of_measure(const struct rd_scenario *sc, enum rd_measure m,
    struct rd_expr_range *declared, struct rd_expr_range *widest)
{
    const double objects = sc->objects > 0 ? (double)sc->objects : MANY;
    struct rd_expr_range a, b, wide_a, wide_b;

    *declared = (struct rd_expr_range){ 0, 1 };
    of_uncertain(&sc->dwell_days, 0, &a, &wide_a);
    of_uncertain(&sc->decisions_per_day, 0, &b, &wide_b);
    *widest = *declared;
    switch (m) {
    case RD_MEASURE_SUCCESSES:
        declared->high = objects;
        break;
    case RD_MEASURE_OBJECTS:
        *declared = (struct rd_expr_range){ sc->objects > 0 ? objects : 1, objects };
        break;
    case RD_MEASURE_QUERIES:
    case RD_MEASURE_DISCLOSED:
    case RD_MEASURE_SAMPLES:
        declared->high = MANY;
        break;
    case RD_MEASURE_DAYS:
        *declared = a;
        *widest = wide_a;
        return;
    case RD_MEASURE_DECISIONS:
        *declared = product(a, b);
        *widest = product(wide_a, wide_b);
        return;
    case RD_MEASURE_CANDIDATES:
        of_uncertain(&sc->candidates, 0, declared, widest);
        return;
    default: /* shares: what lies below 0 (kappa, drop) is worth nothing to an attacker */
        return;
    }
    *widest = *declared;
}

static size_t find(const struct amounts *a, size_t slot)
{
    size_t i = 0;

    while (i < a->n && a->slot[i] != slot)
        i++;
    return i;
}

static void take_name(void *user, const char *name, size_t slot)
{
    struct amounts *a = user;
    const struct rd_scenario_word w = rd_scenario_word_at(a->names, slot);
    const size_t i = find(a, slot);

    if (w.kind == RD_WORD_PROPERTY || i < a->n)
        return;
    if (a->n == NAMES_MAX) {
        a->too_many = true;
        return;
    }
    a->word[i] = name;
    a->slot[i] = slot;
    a->n++;
    a->reads_measure = a->reads_measure || w.kind == RD_WORD_MEASURE;
    if (w.kind == RD_WORD_ASSET) /* without a value it counts as 1 (the break-even) */
        of_uncertain(&a->names->system->assets[w.asset].value, 1, &a->declared[i], &a->widest[i]);
    else
        of_measure(a->names->scenario, w.measure, &a->declared[i], &a->widest[i]);
}

static struct rd_value value_of(void *user, size_t slot)
{
    const struct amounts *a = user;
    const size_t i = find(a, slot);
    struct rd_value v = { .type = RD_EXPR_NUMBER };

    if (i == a->n)
        return rd_scenario_word_at(a->names, slot).value;
    v.number = a->x[i];
    return v;
}

static struct rd_expr_range range_of(void *user, size_t slot)
{
    const struct amounts *a = user;
    const size_t i = find(a, slot);
    const struct rd_scenario_word w = rd_scenario_word_at(a->names, slot);

    if (i < a->n)
        return a->at_point ? (struct rd_expr_range){ a->x[i], a->x[i] } : a->widest[i];
    return (struct rd_expr_range){ w.value.number, w.value.number };
}

/* --- points --- */

/* Number i at its low, middle and high value. */
static double coordinate(const struct rd_expr_range *range, size_t i, size_t which)
{
    const double low = range[i].low, high = range[i].high;

    if (which != 1)
        return which ? high : low;
    return low > 0 ? sqrt(low) * sqrt(high) : floor((low + high) / 2 * 1024) / 1024;
}

static size_t points_of(const struct amounts *a)
{
    size_t n = 1;

    for (size_t i = 0; i < a->n && n < POINTS_MAX; i++)
        n *= 3;
    return n < POINTS_MAX ? n : POINTS_MAX;
}

/* Point k of all, or of so many that their numbers are mixed. */
static void go_to(struct amounts *a, const struct rd_expr_range *range, size_t k)
{
    uint64_t mixed = (uint64_t)k * 0x9e3779b97f4a7c15u;
    const bool all = points_of(a) < POINTS_MAX;

    for (size_t i = 0; i < a->n; i++) {
        if (!all)
            mixed ^= mixed >> 29, mixed *= 0xbf58476d1ce4e5b9u;
        a->x[i] = coordinate(range, i, all ? k % 3 : (size_t)((mixed >> 33) % 3));
        k /= 3;
    }
}

/* Can there be a loss here? */
static bool counts(struct amounts *a)
{
    const struct rd_expr_input in = { .name = value_of, .user = a };
    struct rd_value v;

    return !a->loss_when || (!rd_expr_eval(a->loss_when, &in, &v, NULL) && v.truth != RD_NO);
}

struct found {
    size_t points, bad;  /* that count; that fail or are negative */
    double x[NAMES_MAX]; /* the worst of them */
    struct rd_expr_bounds worst;
    double least_bad; /* the value nearest to zero: all are below it */
};

/* What comes of the expression at the point; true: nothing that is a loss. */
static bool is_bad(struct amounts *a, const struct rd_expr *e, struct rd_expr_bounds *out)
{
    const struct rd_expr_input in = { .name = value_of, .user = a };

    a->at_point = true;
    rd_expr_bound(e, &in, range_of, out);
    a->at_point = false;
    return out->fails == RD_YES || (e == a->magnitude && out->value.low < 0);
}

static struct found look(
    struct amounts *a, const struct rd_expr *e, const struct rd_expr_range *range)
{
    struct found f = { .least_bad = -(double)INFINITY };

    for (size_t k = 0; k < points_of(a); k++) {
        struct rd_expr_bounds at;

        go_to(a, range, k);
        if (e == a->magnitude && !counts(a))
            continue;
        f.points++;
        if (!is_bad(a, e, &at))
            continue;
        if (!f.bad++ || at.fails == RD_YES || at.value.low < f.worst.value.low) {
            f.worst = at;
            memcpy(f.x, a->x, sizeof f.x);
        }
        f.least_bad = fmax(f.least_bad, at.value.low);
    }
    return f;
}

/* --- words --- */

static const char *amount(double v, char out[40])
{
    const double size = fabs(v);

    (void)snprintf(out, 40, size >= 1e4 && size < 1e15 ? "%.0f" : "%.6g", v == 0 ? 0 : v);
    return out;
}

struct names_of {
    struct amounts *a;
    const double *x;
    struct rd_buf *out;
    size_t n;
};

static void put_value(void *user, const char *name, size_t slot)
{
    struct names_of *p = user;
    const size_t i = find(p->a, slot);
    char safe[80], number[40];

    if (i == p->a->n || p->n == 4)
        return;
    rd_buf_printf(p->out, "%s%s", p->n++ ? ", " : "", rd_text_safe_in(safe, sizeof safe, name));
    if (p->x)
        rd_buf_printf(p->out, " is %s", amount(p->x[i], number));
}

/* Where in the text, and its words: "character 8". */
static struct rd_place place_of(
    struct amounts *a, const struct rd_expr *e, const struct rd_expr_bounds *at)
{
    const struct rd_scenario *sc = a->names->scenario;

    return e == a->magnitude ? rd_place_inside(a->r, sc->magnitude_at, sc->magnitude, at->at)
                             : rd_place_inside(a->r, sc->loss_when_at, sc->loss_when, at->at);
}

static const char *hint_of(const struct rd_expr_bounds *at)
{
    return at->fails == RD_NO  ? "a magnitude is what is lost, not what is left or gained"
           : at->why[0] == 'd' ? "divide by what cannot be 0"
                               : "look at its units and zeros";
}

static void say_always(struct amounts *a, const struct rd_expr *e, const struct found *f,
    const struct rd_expr_bounds *at)
{
    const char *key = e == a->magnitude ? "magnitude" : "loss_when";
    struct rd_buf names = { 0 };
    struct names_of p = { a, NULL, &names, 0 };
    char number[40];

    rd_expr_names(e, put_value, &p);
    if (at->fails != RD_NO)
        rd_problem_add(a->r, place_of(a, e, at), a->crumb, key, "character %u: %s%s%s; %s", at->at,
            at->why, p.n ? " whatever the value of " : "", rd_buf_text(&names), hint_of(at));
    else if (!p.n) /* constants alone were folded into one: the whole of it */
        rd_problem_add(a->r, place_of(a, e, &(struct rd_expr_bounds){ .at = 1 }), a->crumb, key,
            "expected a loss of at least 0, found %s; %s", amount(f->least_bad, number),
            hint_of(at));
    else
        rd_problem_add(a->r, place_of(a, e, at), a->crumb, key,
            "character %u: expected a loss of at least 0, found %s at most, whatever the value of "
            "%s; %s",
            at->at, amount(f->least_bad, number), rd_buf_text(&names), hint_of(at));
    rd_buf_release(&names);
}

static void say_sometimes(
    struct amounts *a, const struct rd_expr *e, const struct found *f, bool rare)
{
    const char *key = e == a->magnitude ? "magnitude" : "loss_when";
    const struct rd_expr_bounds *at = &f->worst;
    struct rd_buf where = { 0 };
    struct names_of p = { a, f->x, &where, 0 };
    char number[40];

    rd_expr_names(e, put_value, &p);
    if (at->fails != RD_NO)
        rd_note_add(a->r, place_of(a, e, at), a->crumb, key,
            "character %u: %s where %s; the simulation stops at such a value: %s", at->at, at->why,
            rd_buf_text(&where), hint_of(at));
    else
        rd_note_add(a->r, place_of(a, e, at), a->crumb, key,
            "character %u: expected a loss of at least 0, found %s where %s%s; the simulation "
            "stops at such a value: %s",
            at->at, amount(at->value.low, number), rd_buf_text(&where),
            rare ? " (beyond the declared range, where rare draws fall)" : "", hint_of(at));
    rd_buf_release(&where);
}

/* --- the ceiling --- */

struct ceiling {
    struct amounts *a;
    double value;      /* of all assets that the magnitude names, at the point */
    bool none;         /* a count multiplies them, or one has no value: there is no ceiling */
    const char *asset; /* the first */
    size_t n;
};

static void add_asset(void *user, const char *name, size_t slot)
{
    struct ceiling *c = user;
    const struct rd_scenario_word w = rd_scenario_word_at(c->a->names, slot);

    if (w.kind == RD_WORD_MEASURE)
        c->none = c->none || rd_measure_is_count(w.measure);
    if (w.kind != RD_WORD_ASSET)
        return;
    c->none = c->none || !c->a->names->system->assets[w.asset].value.given;
    c->value += c->a->x[find(c->a, slot)];
    c->asset = c->n++ ? c->asset : name;
}

/* A loss is cut at the declared value of what is lost; one that is cut at every point was meant
 * otherwise. */
static void check_ceiling(struct amounts *a)
{
    const struct rd_expr_input in = { .name = value_of, .user = a };
    struct rd_expr_bounds at = { 0 };
    double least = (double)INFINITY;
    struct ceiling c;
    char times[40], safe[80];

    for (size_t k = 0; k < points_of(a); k++) {
        go_to(a, a->widest, k);
        c = (struct ceiling){ .a = a };
        rd_expr_names(a->magnitude, add_asset, &c);
        if (c.none || !c.n)
            return;
        if (!counts(a))
            continue;
        a->at_point = true;
        rd_expr_bound(a->magnitude, &in, range_of, &at);
        a->at_point = false;
        if (!(at.value.low > c.value * (1 + 1e-9)))
            return;
        least = fmin(least, at.value.low / c.value);
    }
    if (isfinite(least))
        rd_note_add(a->r, place_of(a, a->magnitude, &at), a->crumb, "magnitude",
            "character %u: always more than what is lost is worth (at least %s times '%s'%s), and "
            "losses are cut at that value; multiply by a count such as 'successes', give the asset "
            "its whole value, or use per_loss, which is not cut",
            at.at, amount(least, times), rd_text_safe_in(safe, sizeof safe, c.asset),
            c.n > 1 ? " and the others" : "");
}

/* --- one expression --- */

static void check_one(struct amounts *a, const struct rd_expr *e)
{
    const struct rd_expr_input in = { .name = value_of, .user = a };
    struct rd_expr_bounds all;
    struct found near, far;

    rd_expr_bound(e, &in, range_of, &all);
    if (all.fails == RD_YES) {
        say_always(a, e, NULL, &all);
        return;
    }
    if (all.fails == RD_NO && (e != a->magnitude || all.value.low >= 0))
        return; /* proved to be fine, without a look at any point */
    far = look(a, e, a->widest);
    /* Draws of assets are at all such points; what a campaign measures may not be. */
    if (far.points && far.bad == far.points && far.worst.fails == RD_NO &&
        (all.value.high < 0 || !a->reads_measure)) {
        say_always(a, e, &far, &far.worst);
        return;
    }
    near = look(a, e, a->declared);
    if (near.bad)
        say_sometimes(a, e, &near, false);
    else if (far.bad)
        say_sometimes(a, e, &far, true);
}

/* Below `utility >= 0.9` there is no loss, and so no magnitude. */
static void start_at_threshold(struct amounts *a)
{
    double least;
    bool strict;
    size_t slot, i;

    if (!rd_expr_threshold(a->loss_when, &slot, &least, &strict))
        return;
    i = find(a, slot);
    if (i < a->n && least <= a->declared[i].high && least > a->declared[i].low)
        a->declared[i].low = a->widest[i].low = least;
}

void rd_check_amounts(struct rd_reader *r, const struct rd_crumb *crumb,
    const struct rd_scenario_names *names, const struct rd_expr *loss_when,
    const struct rd_expr *magnitude)
{
    struct amounts a = {
        .r = r, .crumb = crumb, .names = names, .loss_when = loss_when, .magnitude = magnitude
    };

    bool measured;

    /* Those of the magnitude first: the points of many names are a sample. */
    if (magnitude)
        rd_expr_names(magnitude, take_name, &a);
    measured = a.reads_measure;
    if (loss_when)
        rd_expr_names(loss_when, take_name, &a);
    a.reads_measure = measured;
    if (a.too_many)
        return; /* nobody writes so many; the simulation looks at each loss */
    if (loss_when)
        check_one(&a, loss_when);
    if (!magnitude)
        return;
    if (loss_when)
        start_at_threshold(&a);
    check_one(&a, magnitude);
    check_ceiling(&a);
}
