/* clicks.h - what users of a shop or a stream did: the data of a recommender. */
#ifndef RD_DATA_CLICKS_H
#define RD_DATA_CLICKS_H

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

#endif
