/* years.c - how many campaigns a year holds, and what it loses. */
#include "risk/level_parts.h"

#include "stats/special.h"

#include <math.h>
#include <string.h>

enum {
    ONE_BY_ONE = 64,     /* campaigns of a year that are simulated singly */
    POISSON_TABLE = 160, /* counts that are looked up, for rates below POISSON_RATE */
    POISSON_RATE = 40,   /* P(more than 160) is below 1e-20 */
    YEARS = 256,         /* that are looked at together: a multiple of PER_BLOCK */
    PER_BLOCK = 16,      /* years that share a block of 128 bits */
    ASK = 255            /* 8 bits do not say how many */
};

/* --- how many campaigns --- */

/* Poisson counts of one rate: the distribution function, summed once; and the counts that the first
 * 8 of a uniform number's 53 bits settle. */
struct counts {
    double rate, below[POISSON_TABLE]; /* P(K <= k) */
    size_t n;                          /* 0: the rate is too large for a table */
    uint8_t quick[QUICK];              /* ASK: they do not */
};

/* Smallest k whose P(K <= k) is above u. */
static double count_at(const struct counts *c, double u)
{
    size_t low = 0, high = c->n - 1;

    if (!c->n)
        return rd_poisson_quantile(u, c->rate);
    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (c->below[mid] <= u)
            low = mid + 1;
        else
            high = mid;
    }
    return (double)low;
}

static void counts_of(struct counts *c, double rate)
{
    double p = rd_exp(-rate), sum = 0;
    size_t k = 0;

    c->rate = rate;
    c->n = 0;
    while (rate < POISSON_RATE && c->n < POISSON_TABLE && (p > 1e-20 || (double)c->n < rate)) {
        sum += p;
        c->below[c->n++] = sum;
        p *= rate / (double)c->n;
    }
    memset(c->quick, ASK, sizeof c->quick);
    for (size_t i = 0; i < QUICK && c->n; i++) {
        while (k + 1 < c->n && c->below[k] <= (double)i / QUICK)
            k++;
        if (k <= ONE_BY_ONE && (k + 1 == c->n || c->below[k] >= (double)(i + 1) / QUICK))
            c->quick[i] = (uint8_t)k;
    }
}

/* Years of one chunk. */
struct chunk {
    struct level *l;
    const struct rd_rng *stream;
    uint64_t base; /* stream index of its first year */
    size_t n;
    uint8_t count[YEARS];
    uint16_t ask[YEARS];  /* years whose 8 bits do not settle it */
    uint8_t asked[YEARS]; /* those bits */
    size_t n_ask;
    uint16_t crowd[YEARS]; /* years with more than ONE_BY_ONE campaigns */
    double crowd_size[YEARS];
    size_t n_crowd;
    double primary[YEARS], secondary[YEARS]; /* sums */
    double stronger;
};

static void count_quickly(struct chunk *c, const struct counts *counts)
{
    enum { DRAWN = YEARS / PER_BLOCK };
    uint64_t index[DRAWN], bits[2][DRAWN];
    uint32_t block[DRAWN];
    size_t y = 0;

    for (size_t i = 0; i < DRAWN; i++) {
        index[i] = c->base + PER_BLOCK * i;
        block[i] = BLOCK_COUNT;
    }
    rd_rng_blocks(c->stream, block, index, (c->n + PER_BLOCK - 1) / PER_BLOCK, bits[0], bits[1]);
    c->n_ask = 0;
    for (size_t i = 0; y < c->n; i++)
        for (size_t half = 0; half < 2; half++) {
            uint64_t word = bits[half][i];

            for (size_t k = 0; k < PER_BLOCK / 2 && y < c->n; k++, y++, word >>= 8) {
                c->count[y] = counts->quick[word & 0xff];
                c->ask[c->n_ask] = (uint16_t)y;
                c->asked[c->n_ask] = (uint8_t)word;
                c->n_ask += c->count[y] == ASK;
            }
        }
}

/* With the other 45 bits. */
static void count_slowly(struct chunk *c, const struct counts *counts)
{
    uint64_t index[YEARS], bits[2][YEARS];
    uint32_t block[YEARS];

    c->n_crowd = 0;
    for (size_t k = 0; k < c->n_ask; k++) {
        index[k] = c->base + c->ask[k];
        block[k] = BLOCK_REST;
    }
    rd_rng_blocks(c->stream, block, index, c->n_ask, bits[0], bits[1]);
    for (size_t k = 0; k < c->n_ask; k++) {
        const size_t y = c->ask[k];
        const uint64_t whole = (uint64_t)c->asked[k] << 45 | bits[0][k] >> 19;
        const double count = count_at(counts, (double)(int64_t)whole * 0x1p-53);

        c->count[y] = count <= ONE_BY_ONE ? (uint8_t)count : 0;
        if (count > ONE_BY_ONE) {
            c->crowd_size[c->n_crowd] = count;
            c->crowd[c->n_crowd++] = (uint16_t)y;
        }
    }
}

/* --- what is lost --- */

/* What is lost in a year: an asset is lost once, what follows from it each time. In this form
 * without a branch: whether a year has a loss, nothing can predict. */
static double year_loss(double cap, double primary, double secondary)
{
    const double sum = (primary < cap ? primary : cap) + secondary;
    const double kept = sum < ENOUGH ? sum : ENOUGH;

    return kept > 0 ? kept : 0;
}

/* More campaigns than are worth simulating singly: count the losses, then their sum. */
static double crowded_year(struct level *l, struct rd_rng *rng, double campaigns)
{
    const double losses = rd_binomial_quantile(rd_rng_unit(rng), campaigns, l->s);
    const double counted = l->p->one_shot && losses > 1 ? 1 : losses;
    double primary = 0, secondary = 0;

    if (counted < 1)
        return 0;
    if (l->losers == 0) { /* rarer than the pilot could see */
        primary = counted * l->exact_mean;
    } else if (counted <= ONE_BY_ONE) {
        for (double i = 0; i < counted; i += 1) {
            const size_t k = (size_t)rd_rng_below(rng, l->losers);

            primary += l->scratch->primary[k];
            secondary += l->scratch->secondary[k];
        }
    } else {
        const double z = rd_normal_draw(rng), root = sqrt(counted);

        primary = counted * l->mean[0] + root * l->deviation[0] * z;
        secondary = counted * l->mean[1] + root * l->deviation[1] * rd_normal_draw(rng);
    }
    l->capped = l->capped || primary > l->cap;
    return year_loss(l->cap, primary > 0 ? primary : 0, secondary > 0 ? secondary : 0);
}

static void crowded_years(struct chunk *c, double *loss)
{
    for (size_t k = 0; k < c->n_crowd; k++) {
        const size_t y = c->crowd[k];
        const uint64_t index = c->base + y;
        struct rd_rng rng = *c->stream;

        rng.used = 4;
        rng.counter[0] = BLOCK_CROWD;
        rng.counter[2] = (uint32_t)index;
        rng.counter[3] = (uint32_t)(index >> 32);
        loss[y] = crowded_year(c->l, &rng, c->crowd_size[k]);
        c->stronger += loss[y] * c->l->stronger_part;
    }
}

/* The campaigns at hand, into the sums of their years. */
static rd_status settle(struct chunk *c)
{
    struct rd_level_batch *b = c->l->scratch->batch;
    const rd_status st = rd_level_campaigns(c->l, c->stream, b);

    for (size_t k = 0; k < b->n_losses && !st; k++) {
        const size_t i = b->loss[k], y = b->year[i];

        c->primary[y] += b->primary[i];
        c->secondary[y] += b->on_top[k];
        c->stronger += b->stronger[i] ? b->primary[i] + b->on_top[k] : 0;
    }
    b->n = 0;
    return st;
}

static rd_status uncrowded_years(struct chunk *c)
{
    static const uint32_t blocks[SPARE] = { 0, BLOCKS, 2 * BLOCKS, 3 * BLOCKS };
    struct rd_level_batch *b = c->l->scratch->batch;

    b->n = 0;
    memset(c->primary, 0, c->n * sizeof *c->primary);
    memset(c->secondary, 0, c->n * sizeof *c->secondary);
    for (size_t y = 0; y < c->n; y++) {
        const size_t count = c->count[y];
        const uint64_t at = c->base + y;
        const uint16_t year = (uint16_t)y;

        if (b->n + count > CAMPAIGNS) { /* a year's campaigns stay together */
            const rd_status st = settle(c);

            if (st)
                return st;
        }
        /* SPARE at once, however few there are: most years have no more, and no branch is guessed
         * wrong. */
        memcpy(&b->block[b->n], blocks, sizeof blocks);
        memcpy(&b->index[b->n], (uint64_t[SPARE]){ at, at, at, at }, SPARE * sizeof at);
        memcpy(&b->year[b->n], (uint16_t[SPARE]){ year, year, year, year }, SPARE * sizeof year);
        for (uint32_t i = SPARE; i < count; i++) {
            b->block[b->n + i] = i * BLOCKS;
            b->index[b->n + i] = at;
            b->year[b->n + i] = year;
        }
        b->n += count;
    }
    return settle(c);
}

rd_status rd_level_years(struct level *l, double *loss, double *stronger_out, size_t *lossy_out)
{
    const struct rd_rng stream = rd_rng_stream(l->m->run->seed, l->p->year_stream, 0);
    const size_t years = l->m->years;
    struct chunk c = { .l = l, .stream = &stream };
    struct counts counts;
    size_t lossy = 0;

    counts_of(&counts, l->rate);
    for (size_t first = 0; first < years; first += YEARS) {
        bool capped = false;
        rd_status st;

        c.base = (uint64_t)l->o * years + first;
        c.n = years - first < YEARS ? years - first : YEARS;
        count_quickly(&c, &counts);
        count_slowly(&c, &counts);
        st = uncrowded_years(&c);
        if (st)
            return st;
        for (size_t y = 0; y < c.n; y++) {
            capped |= c.primary[y] > l->cap;
            loss[first + y] = year_loss(l->cap, c.primary[y], c.secondary[y]);
        }
        l->capped = l->capped || capped;
        crowded_years(&c, loss + first);
        for (size_t y = 0; y < c.n; y++)
            lossy += loss[first + y] > 0;
    }
    *stronger_out = c.stronger;
    *lossy_out = lossy;
    return RD_OK;
}
