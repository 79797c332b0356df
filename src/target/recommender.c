/*
 * recommender.c - weighted alternating least squares.
 *
 * For each user, the vector x minimizes sum over items of c (p - x.y)^2 + lambda |x|^2 with p = 1
 * and c = 1 + confidence w for clicked items, p = 0 and c = 1 for all others. The sum over all
 * items is one matrix Y'Y for everybody; only the clicked ones differ (Hu et al. 2008, section 4).
 * Items likewise. Each small system is solved by Cholesky.
 */
#include "target/recommender.h"

#include "base/rng.h"
#include "base/text.h"
#include "stats/dist.h"

#include <math.h>
#include <string.h>

enum { FACTORS = 8, FACTORS_MAX = 256, EPOCHS = 10, CHUNK = 64 };
static const double confidence_preset = 5, regularization_preset = 20;
static const size_t doubles_max = (size_t)1 << 27; /* 1 GiB of vectors */

/* --- one row of the sparse matrix, seen from either side --- */

struct link {
    int other;
    double weight;
};
struct side {
    size_t n;
    size_t *first;     /* (n + 1) into link */
    struct link *link; /* by row, then in the order of the clicks */
};

static rd_status make_side(const struct rd_clicks *c, const bool *drop, bool items,
    struct rd_arena *arena, struct side *out, struct rd_error *err)
{
    const size_t n = items ? c->n_items : c->n_users;
    size_t *at;

    out->n = n;
    out->first = RD_NEW_ARRAY(arena, size_t, n + 1);
    out->link = RD_NEW_ARRAY(arena, struct link, c->n ? c->n : 1);
    at = RD_NEW_ARRAY(arena, size_t, n + 1);
    if (!out->first || !out->link || !at)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu clicks", c->n);
    for (size_t i = 0; i < c->n; i++)
        if (!drop || !drop[c->item[i].user])
            out->first[(items ? c->item[i].item : c->item[i].user) + 1]++;
    for (size_t i = 0; i < n; i++)
        out->first[i + 1] += out->first[i];
    memcpy(at, out->first, (n + 1) * sizeof *at);
    for (size_t i = 0; i < c->n; i++) {
        const struct rd_click *k = &c->item[i];

        if (drop && drop[k->user])
            continue;
        out->link[at[items ? k->item : k->user]++] =
            (struct link){ items ? k->user : k->item, (double)k->weight };
    }
    return RD_OK;
}

/* --- the small systems --- */

/* a (k, k) symmetric, its lower half given, becomes its Cholesky factor; x (k) from b to a^-1 b. */
static void solve(double *a, double *x, size_t k)
{
    for (size_t j = 0; j < k; j++) {
        double *row = a + j * k;

        for (size_t i = 0; i <= j; i++) {
            const double *other = a + i * k;
            double v = row[i];

            for (size_t m = 0; m < i; m++)
                v -= row[m] * other[m];
            row[i] = i < j ? v / other[i] : sqrt(v);
        }
        for (size_t m = 0; m < j; m++)
            x[j] -= row[m] * x[m];
        x[j] /= row[j];
    }
    for (size_t j = k; j-- > 0;) {
        for (size_t m = j + 1; m < k; m++)
            x[j] -= a[m * k + j] * x[m];
        x[j] /= a[j * k + j];
    }
}

/* lower half of sum of y y' over n rows, in their order. */
static void gram(const double *y, size_t n, size_t k, double *out)
{
    memset(out, 0, k * k * sizeof *out);
    for (size_t r = 0; r < n; r++, y += k)
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j <= i; j++)
                out[i * k + j] += y[i] * y[j];
}

struct half {
    const struct side *side;
    const double *other; /* vectors of the other side */
    const double *gram;  /* theirs, with lambda on the diagonal */
    double *mine, *room; /* room: (workers, k, k) */
    size_t k;
    double confidence;
};

static void fit_one(const struct half *h, size_t row, double *a)
{
    const size_t k = h->k;
    double *x = h->mine + row * k;

    memcpy(a, h->gram, k * k * sizeof *a);
    memset(x, 0, k * sizeof *x);
    for (size_t l = h->side->first[row]; l < h->side->first[row + 1]; l++) {
        const struct link *link = &h->side->link[l];
        const double *y = h->other + (size_t)link->other * k;
        const double more = h->confidence * link->weight;

        for (size_t i = 0; i < k; i++) {
            x[i] += (1 + more) * y[i];
            for (size_t j = 0; j <= i; j++)
                a[i * k + j] += more * y[i] * y[j];
        }
    }
    solve(a, x, k);
}

static rd_status fit_chunk(void *user, size_t chunk, size_t worker)
{
    const struct half *h = user;
    const size_t end = (chunk + 1) * CHUNK < h->side->n ? (chunk + 1) * CHUNK : h->side->n;

    for (size_t row = chunk * CHUNK; row < end; row++)
        fit_one(h, row, h->room + worker * h->k * h->k);
    return RD_OK;
}

static rd_status fit(
    struct rd_run *run, struct half *h, double *gram_room, size_t n_other, double regularization)
{
    gram(h->other, n_other, h->k, gram_room);
    for (size_t i = 0; i < h->k; i++)
        gram_room[i * h->k + i] += regularization;
    h->gram = gram_room;
    return rd_pool_run(run->pool, (h->side->n + CHUNK - 1) / CHUNK, fit_chunk, h);
}

/* --- training --- */

static struct rd_recommender resolved(const struct rd_recommender *how)
{
    struct rd_recommender r = *how;

    r.factors = r.factors ? r.factors : FACTORS;
    r.epochs = r.epochs ? r.epochs : EPOCHS;
    r.confidence = r.confidence > 0 ? r.confidence : confidence_preset;
    r.regularization = r.regularization > 0 ? r.regularization : regularization_preset;
    return r;
}

static rd_status screen(struct rd_run *run, const struct rd_recommender *how,
    const struct rd_clicks *clicks, struct rd_arena *arena, struct rd_factors *f)
{
    bool *one;

    if (!how->n_screens)
        return RD_OK;
    f->dropped = RD_NEW_ARRAY(arena, bool, clicks->n_users);
    one = RD_NEW_ARRAY(run->scratch, bool, clicks->n_users);
    if (!f->dropped || !one)
        return rd_run_no_memory(run, "screening accounts");
    for (size_t s = 0; s < how->n_screens; s++) {
        const struct rd_click_screen *c = how->screen[s];
        rd_status st;

        memset(one, 0, clicks->n_users * sizeof *one);
        st = c->screen(run, c->self, clicks, one, NULL);
        if (st)
            return RD_WRAP(run->err, st, "screening accounts");
        for (size_t u = 0; u < clicks->n_users; u++)
            f->dropped[u] |= one[u];
    }
    for (size_t u = 0; u < clicks->n_users; u++)
        f->n_dropped += f->dropped[u];
    return RD_OK;
}

static rd_status alternate(struct rd_run *run, const struct rd_recommender *how,
    const struct rd_clicks *clicks, struct rd_factors *f)
{
    const size_t k = f->factors, workers = rd_pool_threads(run->pool);
    double *room = RD_NEW_ARRAY(run->scratch, double, workers *k *k);
    double *gram_room = RD_NEW_ARRAY(run->scratch, double, k *k);
    struct side users, kept, items;
    struct half by_user = { .other = f->item, .mine = f->user, .room = room, .k = k };
    struct half by_item = { .other = f->user, .mine = f->item, .room = room, .k = k };
    rd_status st;

    if (!room || !gram_room)
        return rd_run_no_memory(run, "a recommender");
    st = make_side(clicks, NULL, false, run->scratch, &users, run->err);
    kept = users;
    if (!st && f->dropped)
        st = make_side(clicks, f->dropped, false, run->scratch, &kept, run->err);
    if (!st)
        st = make_side(clicks, f->dropped, true, run->scratch, &items, run->err);
    by_user.side = &kept;
    by_item.side = &items;
    by_user.confidence = by_item.confidence = how->confidence;
    for (size_t e = 0; !st && e < how->epochs; e++) {
        st = rd_run_step(run, "training the recommender", e, how->epochs);
        if (!st)
            st = fit(run, &by_user, gram_room, f->n_items, how->regularization);
        if (!st)
            st = fit(run, &by_item, gram_room, f->n_users, how->regularization);
    }
    by_user.side = &users; /* all are served, those left out as well */
    return st ? st : fit(run, &by_user, gram_room, f->n_items, how->regularization);
}

rd_status rd_recommender_train(struct rd_run *run, const struct rd_recommender *how,
    const struct rd_clicks *clicks, uint64_t seed, struct rd_arena *arena,
    struct rd_factors **factors_out)
{
    const struct rd_recommender r = resolved(how);
    struct rd_factors *f = RD_NEW(arena, struct rd_factors);
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    rd_status st;

    if (r.factors > FACTORS_MAX)
        return RD_FAIL(run->err, RD_E_USAGE, "a recommender of %zu factors: expected at most %d",
            r.factors, FACTORS_MAX);
    if ((clicks->n_users + clicks->n_items) > doubles_max / r.factors)
        return RD_FAIL(run->err, RD_E_LIMIT, "%zu users and %zu items are too many for %zu factors",
            clicks->n_users, clicks->n_items, r.factors);
    if (!clicks->n_users || !clicks->n_items)
        return RD_FAIL(run->err, RD_E_INPUT, "clicks without a user or an item");
    if (!f)
        return rd_run_no_memory(run, "a recommender");
    f->n_users = clicks->n_users;
    f->n_items = clicks->n_items;
    f->factors = r.factors;
    f->user = RD_NEW_ARRAY(arena, double, f->n_users *r.factors);
    f->item = RD_NEW_ARRAY(arena, double, f->n_items *r.factors);
    if (!f->user || !f->item)
        return rd_run_no_memory(run, "a recommender");
    for (size_t i = 0; i < f->n_items; i++) {
        struct rd_rng rng = rd_rng_stream(seed, "recommender/item", i);

        for (size_t j = 0; j < r.factors; j++)
            f->item[i * r.factors + j] = 0.1 * rd_normal_draw(&rng);
    }
    inner.scratch = &scratch;
    st = screen(&inner, &r, clicks, arena, f);
    if (!st)
        st = alternate(&inner, &r, clicks, f);
    rd_arena_release(&scratch);
    *factors_out = f;
    return st;
}

rd_status rd_recommender_fold_in(const struct rd_recommender *how, const struct rd_factors *model,
    const struct rd_click *click, size_t n, double *user_out, struct rd_arena *scratch,
    struct rd_error *err)
{
    const struct rd_recommender r = resolved(how);
    const size_t k = model->factors;
    size_t first[2] = { 0, n };
    struct link *link = RD_NEW_ARRAY(scratch, struct link, n ? n : 1);
    double *a = RD_NEW_ARRAY(scratch, double, 2 * k * k);
    struct side side = { .n = 1, .first = first, .link = link };
    struct half h = {
        .side = &side, .other = model->item, .mine = user_out, .k = k, .confidence = r.confidence
    };

    if (!link || !a)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a user of %zu clicks", n);
    for (size_t i = 0; i < n; i++)
        link[i] = (struct link){ click[i].item, (double)click[i].weight };
    gram(model->item, model->n_items, k, a);
    for (size_t i = 0; i < k; i++)
        a[i * k + i] += r.regularization;
    h.gram = a;
    fit_one(&h, 0, a + k * k);
    return RD_OK;
}

/* --- answers --- */

double rd_recommender_score(const struct rd_factors *model, size_t user, size_t item)
{
    const double *x = model->user + user * model->factors, *y = model->item + item * model->factors;
    double v = 0;

    for (size_t i = 0; i < model->factors; i++)
        v += x[i] * y[i];
    return v;
}

size_t rd_recommender_top(
    const struct rd_factors *model, size_t user, const bool *seen, size_t k, int *item_out)
{
    size_t n = 0;

    for (size_t i = 0; i < model->n_items && k; i++) {
        const double v = rd_recommender_score(model, user, i);
        size_t at = n;

        if (seen[i])
            continue;
        /* Insertion: k is small. Scores of the kept ones are asked again rather than stored. */
        while (at && rd_recommender_score(model, user, (size_t)item_out[at - 1]) < v)
            at--;
        if (at == k)
            continue;
        if (n < k)
            n++;
        memmove(item_out + at + 1, item_out + at, (n - 1 - at) * sizeof *item_out);
        item_out[at] = (int)i;
    }
    return n;
}

size_t rd_recommender_rank(
    const struct rd_factors *model, size_t user, const bool *seen, size_t item)
{
    const double own = rd_recommender_score(model, user, item);
    size_t rank = 0;

    for (size_t i = 0; i < model->n_items; i++) {
        double v;

        if (i == item || seen[i])
            continue;
        v = rd_recommender_score(model, user, i);
        rank += v > own || (v == own && i < item); /* as rd_recommender_top orders them */
    }
    return rank;
}

const char *rd_recommender_text(const struct rd_recommender *how, struct rd_arena *arena)
{
    const struct rd_recommender r = resolved(how);
    char a[32], b[32];

    return rd_arena_printf(arena,
        "recommender als factors=%zu epochs=%zu confidence=%s "
        "regularization=%s",
        r.factors, r.epochs, rd_text_from_double(r.confidence, a),
        rd_text_from_double(r.regularization, b));
}
