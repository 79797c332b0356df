/*
 * fake-accounts - profiles that push an item into the lists of real users, or out of them.
 *
 * Each account clicks the item (push) and fillers that make it look like somebody:
 *   random     any items
 *   average    every item as often as the average user clicked it
 *   bandwagon  half of the fillers are the items that everybody clicks, the rest any
 *   optimized  the taste of those real users through whom the item climbs most, and as few fillers
 *              as serve it: found by trying, one batch of accounts after the other, what each
 *              candidate would do to the item's vector in a recommender that the attacker trains
 *              on the same clicks
 *
 * Sources: Lam, Riedl 2004, "Shilling recommender systems for fun and profit", section 3 (random,
 * average); Mobasher, Burke, Bhaumik, Williams 2007, "Toward trustworthy recommender systems",
 * sections 3 and 4 (bandwagon, and accounts made for one segment of users); Li, Wang, Singh,
 * Vorobeychik 2016, "Data poisoning attacks on factorization-based collaborative filtering"
 * (optimizing through a surrogate).
 */
#include "attacks/job.h"
#include "data/clicks.h"
#include "stats/special.h"
#include "target/recommender.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fake_accounts {
    int64_t accounts, clicks, item, k, runs;
    const char *goal, *strategy;
};

static const char *const goals[] = { "push", "nuke", NULL };
static const char *const strategies[] = { "random", "average", "bandwagon", "optimized", NULL };

static const struct rd_option options[] = {
    RD_CHOICE(
        struct fake_accounts, goal, "goal", "push", goals, "make the item be shown more, or less"),
    RD_CHOICE(struct fake_accounts, strategy, "strategy", "optimized", strategies,
        "what else the accounts click"),
    RD_INT(struct fake_accounts, accounts, "accounts", "30", 1, 1000000, "accounts",
        "fake accounts in all"),
    RD_INT(struct fake_accounts, clicks, "clicks", "30", 2, 10000, "clicks", "of one account"),
    RD_INT(struct fake_accounts, item, "item", "-1", -1, 16777215, "item",
        "the item; -1: one drawn for each run, half known to push, well known to nuke"),
    RD_INT(struct fake_accounts, k, "k", "10", 1, 1000, "items",
        "length of the list that a user sees"),
    RD_INT(struct fake_accounts, runs, "runs", "5", 1, 1000, "recommenders",
        "retrained recommenders, each with its own seed"),
    RD_OPTION_END,
};

enum { TASTES = 32, LENGTHS = 4, CANDIDATES = TASTES * LENGTHS, BATCHES = 12 };
/* Fillers of an account that is made for its effect alone. */
static const size_t lengths[LENGTHS] = { 3, 6, 12, 24 };

struct forger {
    struct rd_run *run;
    const struct fake_accounts *o;
    struct rd_profile_job *job;
    size_t n_items, each; /* fillers of an account */
    size_t *order;        /* (n_items) room */
    double *sum;          /* (n_items) clicks up to and with an item, for drawing by popularity */
    int *popular;         /* (n_items) most clicked first */
    bool *taken;          /* (n_items) */
};

/* --- drawing fillers --- */

static int more_clicked(const void *a, const void *b)
{
    const struct rd_click *p = a, *q = b; /* weight: how often */

    if (p->weight != q->weight)
        return p->weight > q->weight ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

static rd_status count(struct forger *f)
{
    struct rd_click *c = RD_NEW_ARRAY(f->run->scratch, struct rd_click, f->n_items);
    const struct rd_clicks *all = f->job->clicks;
    double total = 0;

    f->order = RD_NEW_ARRAY(f->run->scratch, size_t, f->n_items);
    f->sum = RD_NEW_ARRAY(f->run->scratch, double, f->n_items);
    f->popular = RD_NEW_ARRAY(f->run->scratch, int, f->n_items);
    f->taken = RD_NEW_ARRAY(f->run->scratch, bool, f->n_items);
    if (!c || !f->order || !f->sum || !f->popular || !f->taken)
        return rd_run_no_memory(f->run, "fake accounts");
    for (size_t i = 0; i < f->n_items; i++)
        c[i].item = (int)i;
    for (size_t i = 0; i < all->n; i++)
        c[all->item[i].item].weight += 1;
    for (size_t i = 0; i < f->n_items; i++)
        f->sum[i] = total += (double)c[i].weight;
    qsort(c, f->n_items, sizeof *c, more_clicked);
    for (size_t i = 0; i < f->n_items; i++)
        f->popular[i] = c[i].item;
    return RD_OK;
}

static size_t by_popularity(const struct forger *f, struct rd_rng *r)
{
    const double u = rd_rng_unit(r) * f->sum[f->n_items - 1];
    size_t low = 0, high = f->n_items - 1;

    while (low < high) {
        const size_t mid = (low + high) / 2;

        if (f->sum[mid] > u)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void click(struct forger *f, struct rd_rng *r, size_t account, size_t item)
{
    const struct rd_clicks *all = f->job->clicks;
    const struct rd_click *like = &all->item[rd_rng_below(r, all->n)]; /* a time like any other */

    f->taken[item] = true;
    f->job->fake[f->job->n_fake++] =
        (struct rd_click){ (int)(all->n_users + account), (int)item, 1, like->time };
}

/* Items that are not taken yet, n of them at most, out of list (n_list). */
static void fill_from(
    struct forger *f, struct rd_rng *r, size_t account, const int *list, size_t n_list, size_t n)
{
    size_t left = 0;

    for (size_t i = 0; i < n_list; i++) {
        const size_t item = list ? (size_t)list[i] : i;

        if (!f->taken[item])
            f->order[left++] = item;
    }
    for (size_t i = 0; i < n && i < left; i++) {
        const size_t at = i + (size_t)rd_rng_below(r, left - i), item = f->order[at];

        f->order[at] = f->order[i];
        click(f, r, account, item);
    }
}

static void fill_by_popularity(struct forger *f, struct rd_rng *r, size_t account)
{
    size_t n = 0;

    for (size_t tries = 0; n < f->each && tries < 20 * f->each; tries++) {
        const size_t item = by_popularity(f, r);

        if (!f->taken[item]) {
            click(f, r, account, item);
            n++;
        }
    }
    fill_from(f, r, account, NULL, f->n_items, f->each - n);
}

/* taste: items that the account draws its n fillers from, best first; NULL: by the strategy's name.
 */
static void forge(struct forger *f, size_t account, const int *taste, size_t n)
{
    /* An account is the same however many there are. */
    struct rd_rng r = rd_rng_stream(f->run->seed, "fake-accounts", account);
    const size_t item = (size_t)f->job->item;

    memset(f->taken, 0, f->n_items * sizeof *f->taken);
    f->taken[item] = true;
    if (!f->job->nuke)
        click(f, &r, account, item);
    if (taste) {
        const size_t wide = n + n / 2 + 1; /* hardly two accounts alike */

        fill_from(f, &r, account, taste, wide < f->n_items ? wide : f->n_items, n);
    } else if (!strcmp(f->o->strategy, "average")) {
        fill_by_popularity(f, &r, account);
    } else if (!strcmp(f->o->strategy, "bandwagon")) {
        const size_t head = f->each / 2;

        fill_from(f, &r, account, f->popular, head + 1 < f->n_items ? head + 1 : f->n_items, head);
        fill_from(f, &r, account, NULL, f->n_items, f->each - head);
    } else {
        fill_from(f, &r, account, NULL, f->n_items, f->each);
    }
}

/* --- optimized --- */

struct surrogate {
    struct rd_recommender how;
    struct rd_factors *model;
    size_t k, n_real;               /* factors; users who have not seen the item */
    double *user;                   /* (n_real, k) */
    double *bar;                    /* (n_real) score that the item must pass to be shown */
    double *gram, *right;           /* the item's system: (k, k), (k) */
    double *room, *vector, *folded; /* (k, k), (k), (CANDIDATES, k) */
    int *taste;                     /* (TASTES, n_items) best first */
    double width;
};

static double dot(const double *a, const double *b, size_t k)
{
    double v = 0;

    for (size_t i = 0; i < k; i++)
        v += a[i] * b[i];
    return v;
}

/* Gaussian elimination without pivots: the system is positive definite. */
static void solve(double *a, double *x, size_t k)
{
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++) {
            const double m = a[j * k + i] / a[i * k + i];

            for (size_t c = i; c < k; c++)
                a[j * k + c] -= m * a[i * k + c];
            x[j] -= m * x[i];
        }
    for (size_t i = k; i-- > 0;) {
        for (size_t c = i + 1; c < k; c++)
            x[i] -= a[i * k + c] * x[c];
        x[i] /= a[i * k + i];
    }
}

/* One more user at vector p, n times: who clicks the item, or just is there. */
static void add_user(const struct surrogate *s, double *gram, double *right, const double *p,
    double n, double clicked)
{
    const double weight = n * (1 + clicked * s->how.confidence);

    for (size_t i = 0; i < s->k; i++) {
        for (size_t j = 0; j < s->k; j++)
            gram[i * s->k + j] += weight * p[i] * p[j];
        right[i] += clicked > 0 ? weight * p[i] : 0;
    }
}

/* How many of the users would be shown the item, softly, with n more accounts at p. */
static double reach(struct surrogate *s, const double *p, double n, bool nuke)
{
    double sum = 0;

    memcpy(s->room, s->gram, s->k * s->k * sizeof *s->room);
    memcpy(s->vector, s->right, s->k * sizeof *s->vector);
    add_user(s, s->room, s->vector, p, n, nuke ? 0 : 1);
    solve(s->room, s->vector, s->k);
    for (size_t u = 0; u < s->n_real; u++)
        sum += rd_logistic((dot(s->user + u * s->k, s->vector, s->k) - s->bar[u]) / s->width);
    return sum;
}

/* Users, their bars, and the item's system as it is without fake accounts. */
static rd_status look(struct forger *f, struct surrogate *s)
{
    const struct rd_clicks *all = f->job->clicks;
    const size_t item = (size_t)f->job->item, k_list = (size_t)f->o->k;
    int *top = RD_NEW_ARRAY(f->run->scratch, int, k_list + 1);
    double spread = 0;

    s->user = RD_NEW_ARRAY(f->run->scratch, double, all->n_users * s->k);
    s->bar = RD_NEW_ARRAY(f->run->scratch, double, all->n_users);
    if (!top || !s->user || !s->bar)
        return rd_run_no_memory(f->run, "fake accounts");
    for (size_t u = 0, at = 0; u < all->n_users; u++) {
        const double *p = s->model->user + u * s->k;
        double clicked = 0;
        size_t n;

        memset(f->taken, 0, f->n_items * sizeof *f->taken);
        for (; at < all->n && (size_t)all->item[at].user == u; at++) {
            f->taken[all->item[at].item] = true;
            if ((size_t)all->item[at].item == item)
                clicked += (double)all->item[at].weight;
        }
        add_user(s, s->gram, s->right, p, 1, clicked);
        if (clicked > 0)
            continue;
        f->taken[item] = true; /* the bar is set by the others */
        n = rd_recommender_top(s->model, u, f->taken, k_list, top);
        if (!n)
            continue;
        memcpy(s->user + s->n_real * s->k, p, s->k * sizeof *p);
        s->bar[s->n_real] = rd_recommender_score(s->model, u, (size_t)top[n - 1]);
        spread += fabs(s->bar[s->n_real++]);
    }
    s->width = s->n_real && spread > 0 ? 0.1 * spread / (double)s->n_real : 1;
    return RD_OK;
}

struct ranked {
    double score;
    int item;
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;

    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

/* Taste c: what a real user, drawn, would like best. */
static rd_status imagine(struct forger *f, struct surrogate *s, size_t c)
{
    struct rd_rng r = rd_rng_stream(f->run->seed, "fake-accounts/candidate", c);
    const size_t u = (size_t)rd_rng_below(&r, f->job->clicks->n_users);
    struct ranked *list = RD_NEW_ARRAY(f->run->scratch, struct ranked, f->n_items);
    int *taste = s->taste + c * f->n_items;
    size_t at = 0;

    if (!list)
        return rd_run_no_memory(f->run, "fake accounts");
    for (size_t i = 0; i < f->n_items; i++)
        list[i] = (struct ranked){ rd_recommender_score(s->model, u, i), (int)i };
    for (size_t i = 0; !c && i < f->n_items; i++) /* the first is everybody's */
        list[f->popular[i]].score = -(double)i;
    qsort(list, f->n_items, sizeof *list, best_first);
    for (size_t i = 0; i < f->n_items; i++)
        if (list[i].item != f->job->item)
            taste[at++] = list[i].item;
    taste[at] = f->job->item; /* last: never a filler */
    return RD_OK;
}

static size_t length_of(const struct forger *f, size_t candidate)
{
    const size_t n = lengths[candidate % LENGTHS];

    return n < f->each ? n : f->each;
}

/* Where an account of each candidate would stand, the item being where it is now. */
static rd_status fold_in_all(struct forger *f, struct surrogate *s)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_click own[25];
    rd_status st = RD_OK;

    for (size_t c = 0; !st && c < CANDIDATES; c++) {
        const int *taste = s->taste + c / LENGTHS * f->n_items;
        const size_t n = length_of(f, c);
        size_t m = 0;

        if (!f->job->nuke)
            own[m++] = (struct rd_click){ .item = f->job->item, .weight = 1 };
        for (size_t i = 0; i < n; i++)
            own[m++] = (struct rd_click){ .item = taste[i], .weight = 1 };
        st = rd_recommender_fold_in(
            &s->how, s->model, own, m, s->folded + c * s->k, &scratch, f->run->err);
        rd_arena_release(&scratch);
    }
    return st;
}

static rd_status open_surrogate(struct forger *f, struct surrogate *s)
{
    struct rd_rng r = rd_rng_stream(f->run->seed, "fake-accounts/surrogate", 0);
    rd_status st = rd_recommender_train(
        f->run, &s->how, f->job->clicks, rd_rng_u64(&r), f->run->scratch, &s->model);

    if (st)
        return st;
    s->k = s->model->factors;
    s->gram = RD_NEW_ARRAY(f->run->scratch, double, s->k * s->k);
    s->right = RD_NEW_ARRAY(f->run->scratch, double, s->k);
    s->room = RD_NEW_ARRAY(f->run->scratch, double, s->k * s->k);
    s->vector = RD_NEW_ARRAY(f->run->scratch, double, s->k);
    s->folded = RD_NEW_ARRAY(f->run->scratch, double, CANDIDATES * s->k);
    s->taste = RD_NEW_ARRAY(f->run->scratch, int, CANDIDATES * f->n_items);
    if (!s->gram || !s->right || !s->room || !s->vector || !s->folded || !s->taste)
        return rd_run_no_memory(f->run, "fake accounts");
    for (size_t i = 0; i < s->k; i++)
        s->gram[i * s->k + i] = s->how.regularization;
    st = look(f, s);
    for (size_t c = 0; !st && c < TASTES; c++)
        st = imagine(f, s, c);
    return st;
}

/* The batch of n accounts is taken in: the item's system and its vector move. */
static void settle(struct surrogate *s, const double *p, double n, bool nuke, double *item)
{
    add_user(s, s->gram, s->right, p, n, nuke ? 0 : 1);
    memcpy(s->room, s->gram, s->k * s->k * sizeof *s->room);
    memcpy(item, s->right, s->k * sizeof *item);
    solve(s->room, item, s->k);
}

/* A batch at a time, the candidate that moves the item most given the batches before. */
static rd_status optimize(struct forger *f)
{
    struct surrogate s = { .how = { .regularization = 20, .confidence = 5 } };
    const size_t budget = f->job->budget;
    rd_status st = open_surrogate(f, &s);

    for (size_t b = 0; !st && b < BATCHES; b++) {
        const size_t from = budget * b / BATCHES, to = budget * (b + 1) / BATCHES;
        const double n = (double)(to - from);
        double best = 0;
        size_t which = 0;

        if (from == to)
            continue;
        st = fold_in_all(f, &s);
        for (size_t c = 0; !st && c < CANDIDATES; c++) {
            const double v = reach(&s, s.folded + c * s.k, n, f->job->nuke);

            if (!c || (f->job->nuke ? v < best : v > best)) {
                best = v;
                which = c;
            }
        }
        if (st)
            return st;
        settle(&s, s.folded + which * s.k, n, f->job->nuke,
            s.model->item + (size_t)f->job->item * s.k);
        for (size_t a = from; a < to; a++)
            forge(f, a, s.taste + which / LENGTHS * f->n_items, length_of(f, which));
        st = rd_run_step(f->run, "choosing what accounts click", b + 1, BATCHES);
    }
    return st;
}

static rd_status inject(struct rd_run *run, const void *opts, struct rd_profile_job *job)
{
    const struct fake_accounts *o = opts;
    struct forger f = { .run = run, .o = o, .job = job, .n_items = job->clicks->n_items };
    const size_t most = f.n_items - 1, target = !job->nuke;
    rd_status st;

    f.each = job->per_user - target < most ? job->per_user - target : most;
    job->n_fake = 0;
    st = count(&f);
    if (!st && !strcmp(o->strategy, "optimized"))
        return optimize(&f);
    for (size_t a = 0; !st && a < job->budget; a++)
        forge(&f, a, NULL, 0);
    return st;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct fake_accounts *o = opts;

    /* The surrogate's passes over n clicks. */
    *cost_out =
        (struct rd_cost){ .train_rows = strcmp(o->strategy, "optimized") ? 0 : 10 * (double)n };
}

const struct rd_attack rd_attack_fake_accounts = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_POISON,
    .name = "fake-accounts",
    .version = 1,
    .summary = "accounts whose clicks push an item to real users, or bury it",
    .source = "Lam, Riedl 2004, section 3; Mobasher et al. 2007, sections 3-4; Li et al. 2016",
    .departs = "clicks instead of ratings: average fills by popularity, and nuking can only crowd "
               "out; optimized picks tastes greedily in closed form instead of by a gradient",
    .atlas = "AML.T0020",
    .access = RD_ACCESS_DATA,
    .options = options,
    .options_size = sizeof(struct fake_accounts),
    .inject = inject,
    .cost = cost,
};
