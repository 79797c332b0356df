/*
 * scope.h - what may be contacted, how often, and for how much: asked before the first byte.
 */
#ifndef RD_TARGET_SCOPE_H
#define RD_TARGET_SCOPE_H

#include "target/open.h"

/* An address taken apart. Everything in the arena of whoever asked. */
struct rd_address {
    const char *url;    /* as it is contacted */
    const char *origin; /* "host:port", lower case: what a list of hosts names */
    const char *shown;  /* scheme, host, port and path; no query, where keys stand */
    const char *path;   /* from the first slash, without the query */
};

/*
 * RD_E_USAGE: no http or https, a name and password inside, control characters, or a host:port that
 * limits does not list (the hint says how to allow it). Looks up nothing and sends nothing.
 */
rd_status rd_address_admit(const char *url, const struct rd_target_limits *limits,
    struct rd_arena *arena, struct rd_address *address_out, struct rd_error *err);

/* What has gone out, and what may still. */
struct rd_meter {
    double gap_ms;                      /* between two requests; 0: none */
    double price_per_1000;              /* NaN or 0: nothing is paid for */
    double max_spend;                   /* NaN: no cap */
    struct rd_target_tally own, *tally; /* shared with other targets, or own */
    uint64_t requests;                  /* sent, retries included */
    uint64_t rows;                      /* in those that were or may have been answered */
};

/* m stays where it is: it may point into itself. */
void rd_meter_init(struct rd_meter *m, const struct rd_target_source *source);
/* Milliseconds of the monotonic clock. */
int64_t rd_now_ms(void);
/* May rows more be paid? RD_E_LIMIT when that would pass max_spend. */
rd_status rd_meter_afford(
    const struct rd_meter *m, size_t rows, const char *label, struct rd_error *err);
/* How long the next request has to wait for the rate, 0: it may go. */
int64_t rd_meter_wait(const struct rd_meter *m, int64_t now);
/* A request goes out now: rows are taken as paid until rd_meter_give_back. */
void rd_meter_take(struct rd_meter *m, size_t rows, int64_t now);
/* It was refused unread. */
void rd_meter_give_back(struct rd_meter *m, size_t rows);

#endif
