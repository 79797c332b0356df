/* clicks.h - what users of a shop or a stream did: the data of a recommender. */
#ifndef RD_DATA_CLICKS_H
#define RD_DATA_CLICKS_H

#include "base/limits.h"
#include "base/run.h"

struct rd_click {
    int user, item; /* from 0 */
    float weight;   /* 1 for a click; more for a purchase */
    int64_t time;   /* seconds; order within a user */
};
struct rd_clicks {
    const struct rd_click *item; /* (n), by user, then time */
    size_t n, n_users, n_items;
    char digest[65];
};

/* Users and items are numbered below this. */
enum { RD_CLICKS_IDS_MAX = 1 << 24 };

/*
 * CSV with a header that names the columns `user` and `item`, and maybe `weight` and `time`, in any
 * order; other columns are an error. user and item are whole numbers from 0, weight is above 0 (1
 * when there is no such column), time is whole seconds (the row's number when there is none). LF or
 * CRLF, decimal point, an optional byte order mark; nothing is quoted. RD_E_INPUT names the line
 * and column, what was expected and found. n_users and n_items are 1 + the largest number.
 */
rd_status rd_clicks_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_clicks *clicks_out, struct rd_error *err);
/* The same from bytes in memory; name is for messages. */
rd_status rd_clicks_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_clicks *clicks_out,
    struct rd_error *err);
/* Writes what rd_clicks_read reads back equal, digest included. */
rd_status rd_clicks_write(const char *path, const struct rd_clicks *clicks, struct rd_error *err);

/*
 * Put n clicks in order (user, time, item) and describe them: n_users and n_items as given, or 1 +
 * the largest number when that is more. item is sorted in place and becomes part of clicks_out.
 */
rd_status rd_clicks_make(struct rd_click *item, size_t n, size_t n_users, size_t n_items,
    struct rd_clicks *clicks_out, struct rd_error *err);

/*
 * A stream that nobody has to download: users with latent tastes, items of a few genres, and a
 * popularity with a long tail. How user u behaves depends on (seed, u) and on the shape alone.
 */
struct rd_clicks_shape {
    size_t users, items; /* 0: 1,000 and 300 */
    double per_user;     /* mean number of clicks; 0: 30 */
};
rd_status rd_clicks_generate(const struct rd_clicks_shape *shape, uint64_t seed,
    struct rd_arena *arena, struct rd_clicks *clicks_out, struct rd_error *err);
/* Of a generated shop with that seed: which of the RD_CLICK_GENRES kinds of thing an item is. */
enum { RD_CLICK_GENRES = 6 };
int rd_clicks_genre(uint64_t seed, size_t item);

#endif
