/*
 * transactions.c - card payments: a hundred legitimate ones for each fraudulent one.
 *
 * A payment is drawn from one of a few stories. Fraud has three: cashing out at night (large, new
 * device, far away), testing stolen numbers (many tiny payments in an hour) and taking over an
 * account (daytime, middling amounts, an old account on a device of today). Their mix drifts from
 * the first to the last over half a year, slowly at first. Each has legitimate look-alikes that
 * share all but one of its signs: the night owl, the traveler, the new phone, the burst of app
 * purchases. So no single feature decides, a linear rule does badly, and a rule learned from the
 * past ages. One fraud in twenty looks like an everyday payment: nobody finds all.
 *
 * Amounts, distances and ages spread over decades and are given as logarithms.
 */
#include "data/transactions.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "stats/dist.h"
#include "stats/special.h"

#include <math.h>

enum { NUMBERS = 7, CATEGORIES = 7, COUNTRIES = 4, CHANNELS = 3 };
enum { WIDTH = NUMBERS + CATEGORIES + COUNTRIES + CHANNELS, FEATURES = NUMBERS + 3 };
enum number { AMOUNT, HOUR, DEVICE_AGE, VELOCITY, DISTANCE, ACCOUNT_AGE, MEAN_RATIO };
enum category { GROCERY, RESTAURANT, FUEL, ONLINE, ELECTRONICS, TRAVEL, GIFT_CARDS };
enum country { HOME, NEIGHBOR, OVERSEAS, HIGH_RISK };
enum channel { CHIP, CONTACTLESS, CARD_NOT_PRESENT };

static const char *const category_names[] = { "grocery", "restaurant", "fuel", "online-retail",
    "electronics", "travel", "gift-cards" };
static const char *const country_names[] = { "home", "neighbor", "overseas", "high-risk" };
static const char *const channel_names[] = { "chip", "contactless", "card-not-present" };
static const char *const class_names[] = { "legitimate", "fraud" };

/* clang-format off */
#define NUMBER(title, at) { .name = title, .type = RD_FEATURE_NUMBER, .first = at, .width = 1, .high = 1 }
#define GROUP(title, at, n, words) { .name = title, .type = RD_FEATURE_CATEGORY, .first = at, .width = n, .category = words }
static const struct rd_feature features[FEATURES] = {
    NUMBER("amount", AMOUNT),           /* log10(1 + dollars) / 4 */
    NUMBER("hour", HOUR),               /* hour of the day / 24 */
    NUMBER("device-age", DEVICE_AGE),   /* log10(1 + days) / 3.5 */
    NUMBER("velocity", VELOCITY),       /* payments this hour / 20 */
    NUMBER("distance", DISTANCE),       /* log10(1 + km) / 4.3 */
    NUMBER("account-age", ACCOUNT_AGE), /* years / 15 */
    NUMBER("amount-ratio", MEAN_RATIO), /* to the usual amount: log10 / 4 + 0.5 */
    GROUP("category", NUMBERS, CATEGORIES, category_names),
    GROUP("country", NUMBERS + CATEGORIES, COUNTRIES, country_names),
    GROUP("channel", NUMBERS + CATEGORIES + COUNTRIES, CHANNELS, channel_names),
};
#undef NUMBER
#undef GROUP
/* clang-format on */

/* What a story says about a payment. Amounts, ages, distances: median and spread of a lognormal. */
struct story {
    double amount, amount_spread;
    double hour, hour_spread; /* hours; wraps at midnight */
    double device, device_spread;
    double velocity; /* mean number of payments in the hour, beside this one */
    double distance, distance_spread;
    double account; /* mean age in years */
    double usual;   /* median amount of this account */
    unsigned char category[CATEGORIES], country[COUNTRIES], channel[CHANNELS]; /* odds */
};

/* clang-format off */
static const struct story everyday = { 28, 1.0, 14, 4.5, 300, 1.2, 0.15, 6, 1.2, 6, 30,
    { 30, 20, 12, 22, 5, 4, 3 }, { 92, 6, 2, 0 }, { 40, 30, 30 } };
static const struct story alike[] = {
    /* the night owl: late, online, sometimes dear, on a known device */
    { 90, 1.0, 1.5, 2, 350, 1.0, 0.3, 8, 1.2, 6, 80, { 2, 10, 5, 45, 20, 8, 10 }, { 90, 7, 3, 0 }, { 10, 10, 80 } },
    /* the traveler: far away, with the card in hand */
    { 95, 0.9, 15, 5, 320, 1.0, 0.5, 2500, 0.9, 7, 60, { 10, 32, 6, 4, 8, 38, 2 }, { 4, 32, 54, 10 }, { 55, 30, 15 } },
    /* the new phone: a device of yesterday, everything else as ever */
    { 40, 1.0, 15, 4, 1.5, 0.9, 0.3, 6, 1.2, 6, 42, { 20, 15, 8, 36, 12, 4, 5 }, { 93, 6, 1, 0 }, { 15, 25, 60 } },
    /* app purchases: many and tiny, from home */
    { 4, 0.7, 19, 3, 260, 1.0, 6, 3, 0.9, 4, 6, { 0, 0, 0, 82, 2, 0, 16 }, { 97, 2, 1, 0 }, { 0, 1, 99 } },
};
static const unsigned char alike_odds[] = { 35, 30, 25, 10 }; /* of the 14 in 100 that are alike */
static const struct story fraud[] = {
    /* cashing out at night */
    { 620, 0.7, 2.5, 1.8, 1.5, 1.1, 1.2, 1600, 1.2, 5, 40, { 1, 1, 0, 26, 38, 6, 28 }, { 20, 14, 34, 32 }, { 4, 6, 90 } },
    /* testing stolen numbers */
    { 3, 0.6, 13, 7, 2, 1.3, 9, 900, 1.5, 5, 35, { 2, 1, 2, 70, 2, 1, 22 }, { 30, 12, 28, 30 }, { 0, 1, 99 } },
    /* taking over an account, by day */
    { 150, 0.6, 14, 3.5, 0.8, 0.8, 1.8, 500, 1.4, 10, 60, { 4, 3, 2, 38, 20, 12, 21 }, { 48, 18, 22, 12 }, { 3, 7, 90 } },
};
/* clang-format on */

static double clamp(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static double lg(double v)
{
    return rd_log(v) / 2.302585092994046;
}

static double spread(struct rd_rng *r, double median, double sigma)
{
    return median * rd_exp(sigma * rd_normal_draw(r));
}

static size_t pick(struct rd_rng *r, const unsigned char *odds, size_t n)
{
    unsigned total = 0, at;

    for (size_t i = 0; i < n; i++)
        total += odds[i];
    at = (unsigned)rd_rng_below(r, total);
    for (size_t i = 0; i < n; i++) {
        if (at < odds[i])
            return i;
        at -= odds[i];
    }
    return n - 1;
}

/* progress: 0 on the first day, 1 from half a year on. */
static const struct story *tell(struct rd_rng *r, bool is_fraud, double progress)
{
    const double u = rd_rng_unit(r);
    const double by_day = 0.62 * progress * progress; /* slowly at first */
    const double at_night = (1 - by_day) * 0.65;

    if (is_fraud && u >= 0.05) {
        const double v = (u - 0.05) / 0.95;

        return &fraud[v < at_night ? 0 : v < 1 - by_day ? 1 : 2];
    }
    if (!is_fraud && u >= 0.86)
        return &alike[pick(r, alike_odds, sizeof alike_odds)];
    return &everyday;
}

static void live(struct rd_rng *r, const struct story *s, float *x)
{
    const double amount = spread(r, s->amount, s->amount_spread);
    const double usual = spread(r, s->usual, 0.5);
    double hour = s->hour + s->hour_spread * rd_normal_draw(r);

    hour -= 24 * floor(hour / 24);
    x[AMOUNT] = (float)clamp(lg(1 + amount) / 4);
    x[HOUR] = (float)clamp(hour / 24);
    x[DEVICE_AGE] = (float)clamp(lg(1 + spread(r, s->device, s->device_spread)) / 3.5);
    x[VELOCITY] = (float)clamp((1 + rd_poisson_draw(r, s->velocity)) / 20);
    x[DISTANCE] = (float)clamp(lg(1 + spread(r, s->distance, s->distance_spread)) / 4.3);
    x[ACCOUNT_AGE] = (float)clamp(s->account * rd_exponential_draw(r) / 15);
    x[MEAN_RATIO] = (float)clamp(lg(amount / usual) / 4 + 0.5);
    x[NUMBERS + pick(r, s->category, CATEGORIES)] = 1;
    x[NUMBERS + CATEGORIES + pick(r, s->country, COUNTRIES)] = 1;
    x[NUMBERS + CATEGORIES + COUNTRIES + pick(r, s->channel, CHANNELS)] = 1;
}

rd_status rd_transactions_generate(const struct rd_transactions *settings, uint64_t seed, size_t n,
    struct rd_arena *arena, struct rd_dataset *dataset_out, struct rd_error *err)
{
    const double share = settings && settings->fraud > 0 ? settings->fraud : 0.01;
    const double rows = settings && settings->rows_a_day > 0 ? settings->rows_a_day : 100;
    const size_t merchants = settings && settings->n_merchants ? settings->n_merchants : 200;
    float *x = RD_NEW_ARRAY(arena, float, n *WIDTH);
    int *label = RD_NEW_ARRAY(arena, int, n), *merchant = RD_NEW_ARRAY(arena, int, n);
    double *time = RD_NEW_ARRAY(arena, double, n);
    struct rd_dataset d = { .n = n, .ndim = 1, .dim = { WIDTH }, .width = WIDTH, .classes = 2 };

    if ((settings && settings->fraud < 0) || !(share <= 0.5) || merchants > 1000000)
        return RD_FAIL(err, RD_E_USAGE,
            "%g of the payments fraudulent, %zu merchants: expected at "
            "most 0.5 and 1000000",
            share, merchants);
    if (!x || !label || !merchant || !time)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu payments", n);
    for (size_t i = 0; i < n; i++) {
        struct rd_rng r = rd_rng_stream(seed, "data/transactions", i);
        const double day = (double)i / rows, u = rd_rng_unit(&r);

        time[i] = day * 86400;
        label[i] = rd_rng_unit(&r) < share;
        /* The cube gives a few merchants most of the trade. */
        merchant[i] = (int)((double)merchants * u * u * u);
        live(&r, tell(&r, label[i], day < 180 ? day / 180 : 1), x + i * WIDTH);
    }
    d.x = x;
    d.label = label;
    d.class_name = class_names;
    d.contributor = merchant;
    d.n_contributors = merchants;
    d.time = time;
    d.feature = features;
    d.n_features = FEATURES;
    d.low = 0;
    d.high = 1;
    *dataset_out = d;
    return rd_dataset_slice(&d, 0, n, dataset_out, err); /* its digest */
}

static void put_feature(struct rd_buf *out, const struct rd_feature *f, const float *row)
{
    char number[32];

    if (f->type == RD_FEATURE_NUMBER) {
        rd_buf_puts(out, rd_text_from_double((double)row[f->first], number));
        return;
    }
    for (size_t k = 0; k < f->width; k++)
        if (row[f->first + k] > 0.5f) {
            rd_buf_puts(out, f->category[k]);
            return;
        }
}

rd_status rd_transactions_write(const char *path, const struct rd_dataset *d, struct rd_error *err)
{
    struct rd_buf out = { 0 };
    rd_status st;

    if (!d->feature || !d->label)
        return RD_FAIL(err, RD_E_USAGE, "rows without named features and labels make no table");
    for (size_t f = 0; f < d->n_features; f++)
        rd_buf_printf(&out, "%s,", d->feature[f].name);
    rd_buf_puts(&out, d->contributor ? "merchant,label\n" : "label\n");
    for (size_t i = 0; i < d->n; i++) {
        for (size_t f = 0; f < d->n_features; f++) {
            put_feature(&out, &d->feature[f], d->x + i * d->width);
            rd_buf_putc(&out, ',');
        }
        if (d->contributor)
            rd_buf_printf(&out, "m%03d,", d->contributor[i]);
        if (d->class_name)
            rd_buf_puts(&out, d->class_name[d->label[i]]);
        else
            rd_buf_printf(&out, "%d", d->label[i]);
        rd_buf_putc(&out, '\n');
    }
    st = out.failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu rows", d->n)
                    : rd_file_write(path, out.text, out.len, 0644, err);
    rd_buf_release(&out);
    return st;
}
