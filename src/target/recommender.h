/*
 * recommender.h - a small recommender: matrix factorization of clicks.
 *
 * Weighted alternating least squares on implicit feedback: every user and item gets a vector, and
 * what a user is shown are the items with the largest inner products that they have not clicked.
 * Source: Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback datasets".
 */
#ifndef RD_TARGET_RECOMMENDER_H
#define RD_TARGET_RECOMMENDER_H

#include "base/run.h"
#include "data/clicks.h"

/*
 * A control before training: mark the accounts whose clicks are to be left out. drop (n_users)
 * comes in false; score (n_users), may be NULL: how suspicious, larger is worse.
 */
struct rd_click_screen {
    void *self;
    const char *text; /* canonical: name and settings */
    rd_status (*screen)(
        struct rd_run *run, void *self, const struct rd_clicks *clicks, bool *drop, double *score);
};

struct rd_recommender {
    size_t factors, epochs; /* 0: 8 and 10 */
    double confidence;      /* a click of weight w counts 1 + confidence w; 0: 5 */
    double regularization;  /* 0: 20 */
    const struct rd_click_screen *const *screen;
    size_t n_screens;
};

struct rd_factors {
    size_t n_users, n_items, factors;
    double *user, *item; /* (n_users, factors), (n_items, factors) */
    bool *dropped;       /* (n_users) by a screen; NULL without one */
    size_t n_dropped;
};

/*
 * Same seed, same bits, whatever the threads. Users whose clicks a screen left out have no part in
 * the items' vectors, but are served: their own vectors are fitted at the end. Several clicks of
 * one user on one item count as their sum. RD_E_LIMIT: more factors than memory should hold.
 */
rd_status rd_recommender_train(struct rd_run *run, const struct rd_recommender *how,
    const struct rd_clicks *clicks, uint64_t seed, struct rd_arena *arena,
    struct rd_factors **factors_out);

/* The vector (factors) of a user with these clicks, given the items' vectors. */
rd_status rd_recommender_fold_in(const struct rd_recommender *how, const struct rd_factors *model,
    const struct rd_click *click, size_t n, double *user_out, struct rd_arena *scratch,
    struct rd_error *err);

double rd_recommender_score(const struct rd_factors *model, size_t user, size_t item);
/*
 * The k best items for a user among those not marked in seen (n_items), best first, ties to the
 * smaller number. Returns how many there are: k, or fewer.
 */
size_t rd_recommender_top(
    const struct rd_factors *model, size_t user, const bool *seen, size_t k, int *item_out);
/* 0 when item would be shown first, among those not marked in seen. */
size_t rd_recommender_rank(
    const struct rd_factors *model, size_t user, const bool *seen, size_t item);

/* Canonical text of the settings, for a digest. RD_E_MEMORY -> NULL. */
const char *rd_recommender_text(const struct rd_recommender *how, struct rd_arena *arena);

#endif
