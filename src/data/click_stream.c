/*
 * click_stream.c - a made-up click stream: tastes, genres, and a popularity with a long tail.
 *
 * Item i has a popularity that falls with its place in a shuffled order (Zipf, exponent 0.8) and a
 * genre with a little individuality. A user likes one or two genres. The k items a user clicks are
 * the k largest of utility + Gumbel noise, which draws without replacement from the softmax of the
 * utilities (the Gumbel-top-k trick: Kool, van Hoof, Welling 2019, "Stochastic beams", section 2).
 */
#include "data/clicks.h"

#include "base/rng.h"
#include "stats/dist.h"
#include "stats/special.h"

#include <stdlib.h>

enum { GENRES = RD_CLICK_GENRES, LEAST = 4, USERS = 1000, ITEMS = 300, SECONDS = 30 * 24 * 3600 };
static const double mean_clicks = 30, taste_weight = 2.2, tail = 0.8;

struct shop {
    size_t n;
    double *appeal;       /* (n) logarithm of popularity */
    double (*is)[GENRES]; /* (n) how much of each genre an item is */
    struct liking {
        double utility;
        int item;
    } * liking; /* (n) of the user at work */
};

int rd_clicks_genre(uint64_t seed, size_t item)
{
    struct rd_rng own = rd_rng_stream(seed, "data/clicks/item", item);

    return (int)rd_rng_below(&own, GENRES);
}

static rd_status open_shop(
    struct shop *s, size_t items, uint64_t seed, struct rd_arena *arena, struct rd_error *err)
{
    struct rd_rng r = rd_rng_stream(seed, "data/clicks/shop", 0);
    size_t *place = RD_NEW_ARRAY(arena, size_t, items);

    s->n = items;
    s->appeal = RD_NEW_ARRAY(arena, double, items);
    s->is = rd_arena_alloc(arena, items, sizeof *s->is);
    s->liking = RD_NEW_ARRAY(arena, struct liking, items);
    if (!place || !s->appeal || !s->is || !s->liking)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu items", items);
    for (size_t i = 0; i < items; i++)
        place[i] = i;
    rd_rng_shuffle(&r, place, items);
    for (size_t i = 0; i < items; i++) {
        struct rd_rng own = rd_rng_stream(seed, "data/clicks/item", i);
        const size_t genre = (size_t)rd_rng_below(&own, GENRES);

        s->appeal[i] = -tail * rd_log((double)place[i] + 1);
        for (size_t g = 0; g < GENRES; g++)
            s->is[i][g] = (g == genre) + 0.25 * rd_normal_draw(&own);
    }
    return RD_OK;
}

static int dearest_first(const void *a, const void *b)
{
    const struct liking *p = a, *q = b;

    if (p->utility != q->utility)
        return p->utility > q->utility ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

/* How many clicks user u makes, and into click (room for that many) which. */
static size_t count_of(uint64_t seed, size_t u, double per_user, size_t items)
{
    struct rd_rng r = rd_rng_stream(seed, "data/clicks/count", u);
    const double extra = per_user > LEAST ? per_user - LEAST : 0;
    const double n = LEAST + extra * rd_exponential_draw(&r);

    return n < (double)items / 2 ? (size_t)n : items / 2;
}

static void browse(struct shop *s, uint64_t seed, size_t u, size_t n, struct rd_click *click)
{
    struct rd_rng r = rd_rng_stream(seed, "data/clicks/user", u);
    const size_t first = (size_t)rd_rng_below(&r, GENRES),
                 second = (size_t)rd_rng_below(&r, GENRES);
    double taste[GENRES];

    for (size_t g = 0; g < GENRES; g++)
        taste[g] = taste_weight * ((g == first) + 0.6 * (g == second)) + 0.2 * rd_normal_draw(&r);
    for (size_t i = 0; i < s->n; i++) {
        double v = s->appeal[i] - rd_log(-rd_log(rd_draw_open(&r))); /* a Gumbel draw */

        for (size_t g = 0; g < GENRES; g++)
            v += taste[g] * s->is[i][g];
        s->liking[i] = (struct liking){ v, (int)i };
    }
    qsort(s->liking, s->n, sizeof *s->liking, dearest_first);
    for (size_t k = 0; k < n; k++)
        click[k] = (struct rd_click){ (int)u, s->liking[k].item, rd_rng_below(&r, 8) ? 1 : 3,
            (int64_t)rd_rng_below(&r, SECONDS) };
}

rd_status rd_clicks_generate(const struct rd_clicks_shape *shape, uint64_t seed,
    struct rd_arena *arena, struct rd_clicks *clicks_out, struct rd_error *err)
{
    const size_t users = shape && shape->users ? shape->users : USERS;
    const size_t items = shape && shape->items ? shape->items : ITEMS;
    const double per_user = shape && shape->per_user > 0 ? shape->per_user : mean_clicks;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct shop shop;
    struct rd_click *click;
    size_t n = 0;
    rd_status st;

    if (items < 2 * LEAST || items > RD_CLICKS_IDS_MAX || users > RD_CLICKS_IDS_MAX)
        return RD_FAIL(err, RD_E_USAGE,
            "%zu users and %zu items: expected 8 items or more, and "
            "at most 16777216 of each",
            users, items);
    for (size_t u = 0; u < users; u++)
        n += count_of(seed, u, per_user, items);
    click = RD_NEW_ARRAY(arena, struct rd_click, n);
    if (!click)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu clicks", n);
    st = open_shop(&shop, items, seed, &scratch, err);
    n = 0;
    for (size_t u = 0; !st && u < users; u++) {
        const size_t own = count_of(seed, u, per_user, items);

        browse(&shop, seed, u, own, click + n);
        n += own;
    }
    rd_arena_release(&scratch);
    return st ? st : rd_clicks_make(click, n, users, items, clicks_out, err);
}
